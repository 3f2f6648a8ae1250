/* precondition.c - asks the database whether a changeset may run. */
#include <string.h>

#include "deploy_internal.h"
#include "sql.h"

/* Failures that end the run, or are tried again, rather than being an answer: what the server said about the statement is one; a lock
 * that others hold, a time-out, a full disk or a lost connection says nothing about the database's state. */
static bool fatal(const struct ctx *cx, const struct deploy *d)
{
    return !pg_alive(d->pg) || (cx->err.code != E_REJECTED && cx->err.code != E_PERMISSION);
}

static bool ask(struct ctx *cx, struct deploy *d, const struct precondition *p, bool *holds, const char **why)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct arena *a = cx->arena;
    const char *where = arena_printf(a, "line %d: ", p->line);

    if (p->kind == PRE_SQL_CHECK) {
        size_t n = strlen(p->sql);
        while (n && (p->sql[n - 1] == ';' || (unsigned char)p->sql[n - 1] <= ' '))
            n--;
        if (!pg_query(cx, d->pg, &rows, arena_strndup(a, p->sql, n), 0, NULL))
            return false;
        const char *got = rows.n ? pg_text(&rows, 0, 0) : "";
        /* The server says t and f; people write true and false. */
        *holds = rows.n &&
                 (text_equal(got, p->expected) || (text_equal(got, "t") && text_equal_nocase(p->expected, "true")) ||
                  (text_equal(got, "f") && text_equal_nocase(p->expected, "false")));
        *why = rows.n ? arena_printf(a, "%sthe check gave '%s', expected is '%s'", where, got, p->expected)
                      : arena_printf(a, "%sthe check gave no row, expected is '%s'", where, p->expected);
        return true;
    }
    bool table = p->kind == PRE_TABLE_EXISTS;
    const char *params[] = {p->schema ? p->schema : d->default_schema, p->name, table ? "r,p,f" : "v,m"};
    if (!pg_query(cx, d->pg, &rows, sql_deploy_relation_exists, 3, params))
        return false;
    *holds = pg_int(&rows, 0, 0) > 0;
    *why = arena_printf(a, "%sthe %s %s.%s does not exist", where, table ? "table" : "view", params[0], p->name);
    return true;
}

bool preconditions_check(struct ctx *cx, struct deploy *d, const struct preconditions *pre, enum pre_result *result,
                         const char **why)
{
    *result = PRE_HOLDS;
    *why = "";
    for (size_t i = 0; i < pre->list.n; i++) {
        bool holds = false;
        if (!ask(cx, d, &pre->list.at[i], &holds, why)) {
            if (fatal(cx, d))
                return false;
            *why = arena_printf(cx->arena, "line %d: the check could not be made: %s", pre->list.at[i].line,
                                cx->err.message);
            *result = PRE_ERROR;
            err_clear(cx);
            return true;
        }
        if (!holds) {
            *result = PRE_FAILS;
            return true;
        }
    }
    *why = "";
    return true;
}
