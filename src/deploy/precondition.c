/* precondition.c - asks the database whether a changeset, or a whole changelog, may run.
 *
 * Names are compared as Liquibase compares them, kind by kind: relations and columns without regard to case; tables of indexes and
 * constraints, and most of their own names, in lower case unless they mix cases; sequences exactly.
 */
#include <stdlib.h>
#include <string.h>

#include "dbstep/log.h"
#include "deploy_internal.h"
#include "sql.h"

struct asking {
    struct ctx *cx;
    struct deploy *d;
    const struct changeset *of; /* NULL: a changelog's */
    const char *file;
};

struct answer {
    enum pre_result is;
    const char *why; /* of PRE_HOLDS what is so, else what is not or cannot be told */
};

/* Failures that end the run, or are tried again, rather than being an answer: what the server said about the statement is one; a lock
 * that others hold, a time-out, a full disk or a lost connection says nothing about the database's state. */
static bool fatal(const struct ctx *cx, const struct deploy *d)
{
    return !pg_alive(d->pg) || (cx->err.code != E_REJECTED && cx->err.code != E_PERMISSION && cx->err.code != E_INPUT);
}

static bool said(struct answer *out, bool holds, const char *yes, const char *no)
{
    *out = (struct answer){.is = holds ? PRE_HOLDS : PRE_FAILS, .why = holds ? yes : no};
    return true;
}

/* Of something with a name: exists, or does not. */
static bool exists(struct asking *q, struct answer *out, bool holds, const char *what)
{
    return said(out, holds, arena_printf(q->cx->arena, "%s exists", what),
                arena_printf(q->cx->arena, "%s does not exist", what));
}

/* ---- the kinds ---- */

/* "a, b" as the queries take it: lower case, no blanks around the names. */
static const char *column_list(struct arena *a, const char *columns)
{
    struct str out = str_new(a);
    for (const char *p = columns; p && *p;) {
        size_t n = strcspn(p, ",");
        str_addf(&out, "%s%s", out.len ? "," : "", text_lower(a, text_trim(a, arena_strndup(a, p, n))));
        p += n + (p[n] == ',');
    }
    return out.s;
}

static bool count(struct asking *q, const char *sql, int n, const char *const *params, bool *any)
{
    long long found = 0;
    if (!pg_query_int(q->cx, q->d->pg, &found, sql, n, params))
        return false;
    *any = found > 0;
    return true;
}

static bool sql_check(struct asking *q, const struct precondition *p, struct answer *out)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct arena *a = q->cx->arena;
    size_t n = strlen(p->sql);

    while (n && (p->sql[n - 1] == ';' || (unsigned char)p->sql[n - 1] <= ' '))
        n--;
    if (!pg_query(q->cx, q->d->pg, &rows, arena_strndup(a, p->sql, n), 0, NULL))
        return false;
    if (rows.n != 1 || rows.columns != 1) {
        *out =
            (struct answer){.is = PRE_ERROR,
                            .why = arena_printf(a, "the check gave %s of %s, where one value is expected",
                                                text_plural(a, rows.n, "row"), text_plural(a, rows.columns, "column"))};
        return true;
    }
    const char *got = arena_strdup(a, pg_text(&rows, 0, 0)), *expected = p->expected ? p->expected : "";
    return said(out, !pg_null(&rows, 0, 0) && text_equal(got, expected), arena_printf(a, "the check gave '%s'", got),
                arena_printf(a, "the check gave %s, expected is '%s'",
                             pg_null(&rows, 0, 0) ? "NULL" : arena_printf(a, "'%s'", got), expected));
}

static bool rows_of(struct asking *q, const struct precondition *p, struct answer *out)
{
    struct arena *a = q->cx->arena;
    const char *name = p->table ? p->table : p->name ? p->name : "";
    const char *schema = p->schema ? name_folded(a, p->schema) : q->d->default_schema;
    const char *const pairs[] = {"table", pg_qualified(q->cx, q->d->pg, schema, name_folded(a, name)), NULL};
    long long n = 0;

    if (!pg_query_int(q->cx, q->d->pg, &n,
                      pg_fill(q->cx, p->kind == PRE_ROW_COUNT ? sql_deploy_pre_rows : sql_deploy_pre_empty, pairs), 0,
                      NULL))
        return false;
    if (p->kind == PRE_TABLE_IS_EMPTY)
        return said(out, n == 0, arena_printf(a, "table %s.%s is empty", schema, name),
                    arena_printf(a, "table %s.%s is not empty", schema, name));
    char *end = NULL;
    long long expected = p->expected ? strtoll(p->expected, &end, 10) : 0;
    if (text_empty(p->expected) || !end || *end) {
        *out = (struct answer){.is = PRE_ERROR,
                               .why = arena_printf(a, "'%s' is no number of rows", p->expected ? p->expected : "")};
        return true;
    }
    const char *has = arena_printf(a, "table %s.%s has %s", schema, name, text_plural(a, n, "row"));
    return said(out, n == expected, has, arena_printf(a, "%s, expected are %lld", has, expected));
}

static bool executed(struct asking *q, const struct precondition *p, struct answer *out)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct arena *a = q->cx->arena;
    const char *own = q->of ? q->of->path : q->d->log->path;
    const char *path = text_empty(p->path) ? own : changelog_path_normalise(a, p->path);
    const char *params[] = {p->id, p->author};
    const char *what = arena_printf(a, "changeset %s::%s::%s", path, p->id, p->author);
    bool ran = false;

    if (q->d->history_exists &&
        !pg_query(q->cx, q->d->pg, &rows, deploy_sql(q->cx, q->d, sql_deploy_pre_executed), 2, params))
        return false;
    for (int i = 0; i < rows.n && !ran; i++)
        ran = text_equal_nocase(changelog_path_normalise(a, pg_text(&rows, i, 0)), path);
    return said(out, ran, arena_printf(a, "%s has run", what), arena_printf(a, "%s has not run", what));
}

static bool dbms(struct asking *q, const struct precondition *p, struct answer *out)
{
    struct arena *a = q->cx->arena;
    struct str_list types = {0};

    for (const char *s = p->value ? p->value : ""; *s;) {
        size_t n = strcspn(s, ",");
        const char *one = text_trim(a, arena_strndup(a, s, n));
        if (*one)
            *VEC_PUSH(a, &types) = one;
        s += n + (s[n] == ',');
    }
    return said(out, types.n && dbms_matches(&types), "the database is postgresql",
                arena_printf(a, "the database is postgresql, not '%s'", p->value ? p->value : ""));
}

static bool of_schema(struct asking *q, const struct precondition *p, struct answer *out)
{
    struct arena *a = q->cx->arena;
    bool found = false;
    const char *schema = text_empty(p->schema) ? q->d->default_schema : p->schema,
               *folded = text_empty(p->schema) ? schema : name_folded(a, schema);
    const char *table = text_empty(p->table) ? NULL : name_folded(a, p->table),
               *name = text_empty(p->name) ? NULL : p->name,
               *columns = text_empty(p->columns) ? NULL : column_list(a, p->columns);
    const char *on = table ? arena_printf(a, " of %s.%s", folded, table) : arena_printf(a, " in schema %s", folded);
    const char *which = name ? arena_printf(a, " %s", name) : columns ? arena_printf(a, " on (%s)", columns) : "";

    switch (p->kind) {
    case PRE_TABLE_EXISTS:
    case PRE_VIEW_EXISTS: {
        bool is_table = p->kind == PRE_TABLE_EXISTS;
        const char *params[] = {folded, name ? name : table, is_table ? "r,p" : "v"};
        return count(q, sql_deploy_pre_relation, 3, params, &found) &&
               exists(q, out, found,
                      arena_printf(a, "%s %s.%s", is_table ? "table" : "view", schema, name ? name : p->table));
    }
    case PRE_COLUMN_EXISTS: {
        const char *params[] = {schema, p->table, name ? name : p->columns};
        return count(q, sql_deploy_pre_column, 3, params, &found) &&
               exists(q, out, found, arena_printf(a, "column %s of %s.%s", params[2], schema, p->table));
    }
    case PRE_INDEX_EXISTS: {
        /* Without a table Liquibase looks in the default schema, whatever the precondition says, and by name only. */
        const char *params[] = {table ? folded : q->d->default_schema, table, name ? name_folded(a, name) : NULL,
                                columns ? columns : ""};
        if ((table || name) && !count(q, sql_deploy_pre_index, 4, params, &found))
            return false;
        return exists(q, out, found, arena_printf(a, "index%s%s", which, on));
    }
    case PRE_FOREIGN_KEY_EXISTS:
    case PRE_PRIMARY_KEY_EXISTS: {
        bool primary = p->kind == PRE_PRIMARY_KEY_EXISTS;
        const char *params[] = {folded, table, name, primary ? "p" : "f"};
        return count(q, sql_deploy_pre_constraint, 4, params, &found) &&
               exists(q, out, found, arena_printf(a, "%s key%s%s", primary ? "primary" : "foreign", which, on));
    }
    case PRE_UNIQUE_EXISTS: {
        const char *params[] = {folded, table, name ? name_folded(a, name) : NULL, columns};
        return count(q, sql_deploy_pre_unique, 4, params, &found) &&
               exists(q, out, found, arena_printf(a, "unique constraint%s%s", which, on));
    }
    default: {
        const char *params[] = {schema, name};
        return count(q, sql_deploy_pre_sequence, 2, params, &found) &&
               exists(q, out, found, arena_printf(a, "sequence %s.%s", schema, name ? name : ""));
    }
    }
}

static bool ask_kind(struct asking *q, const struct precondition *p, struct answer *out)
{
    struct arena *a = q->cx->arena;

    switch (p->kind) {
    case PRE_SQL_CHECK: return sql_check(q, p, out);
    case PRE_TABLE_IS_EMPTY:
    case PRE_ROW_COUNT: return rows_of(q, p, out);
    case PRE_CHANGESET_EXECUTED: return executed(q, p, out);
    case PRE_DBMS: return dbms(q, p, out);
    case PRE_RUNNING_AS: {
        const char *user = pg_user(q->d->pg), *value = p->value ? p->value : "";
        return said(out, text_equal_nocase(user, value), arena_printf(a, "the run is as '%s'", user),
                    arena_printf(a, "the run is as '%s', expected is '%s'", user, value));
    }
    case PRE_PROPERTY_DEFINED:
        return said(out, p->holds, "the changelog property is defined", "the changelog property is not as expected");
    case PRE_QUOTING_STRATEGY:
        return said(out, p->holds, "the quoting strategy is as expected", "the quoting strategy is another one");
    default: return of_schema(q, p, out);
    }
}

/* ---- and, or, not ---- */

static bool ask(struct asking *q, const struct precondition *p, struct answer *out);

/* As Liquibase: the list is gone through in order, and an error ends it, unless the answer is known by then. */
static bool ask_list(struct asking *q, const struct precondition *list, size_t n, enum precondition_kind how,
                     struct answer *out)
{
    struct str reasons = str_new(q->cx->arena);
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (!ask(q, &list[i], out))
            return false;
        if (out->is == PRE_ERROR)
            return true;
        bool holds = out->is == PRE_HOLDS;
        str_addf(&reasons, "%s%s", reasons.len ? ", and " : "", out->why);
        any = any || holds;
        if (how == PRE_OR ? holds : how == PRE_NOT ? holds : !holds)
            break;
    }
    if (how == PRE_OR)
        return said(out, any, out->why, n ? reasons.s : "none is given");
    if (how == PRE_NOT)
        return said(out, !any, reasons.s, out->why);
    return said(out, !n || out->is == PRE_HOLDS, reasons.s, out->why);
}

static bool ask(struct asking *q, const struct precondition *p, struct answer *out)
{
    struct ctx *cx = q->cx;

    *out = (struct answer){.why = ""};
    if (p->kind == PRE_AND || p->kind == PRE_OR || p->kind == PRE_NOT)
        return ask_list(q, p->list.at, p->list.n, p->kind, out);
    if (!ask_kind(q, p, out)) {
        if (fatal(cx, q->d))
            return false;
        *out = (struct answer){.is = PRE_ERROR,
                               .why = arena_printf(cx->arena, "the check could not be made: %s", cx->err.message)};
        err_clear(cx);
    }
    if (p->line > 0)
        out->why = arena_printf(cx->arena, "line %d: %s", p->line, out->why);
    return true;
}

bool preconditions_check(struct ctx *cx, struct deploy *d, const struct preconditions *pre, const struct changeset *of,
                         enum pre_result *result, const char **why)
{
    struct asking q = {.cx = cx, .d = d, .of = of, .file = pre->file};
    struct answer answer = {.is = PRE_HOLDS, .why = ""};

    if (!ask_list(&q, pre->list.at, pre->list.n, PRE_AND, &answer))
        return false;
    const char *message = answer.is == PRE_FAILS ? pre->on_fail_message : pre->on_error_message;
    *result = answer.is;
    *why = answer.is == PRE_HOLDS ? ""
           : text_empty(message)  ? answer.why
                                  : arena_printf(cx->arena, "%s (%s)", message, answer.why);
    return true;
}

/* ---- of a changelog ---- */

static int first_line(const struct preconditions *pre)
{
    return pre->list.n && pre->list.at[0].line > 0 ? pre->list.at[0].line : 1;
}

/* As in Liquibase all that is not WARN halts: there is no changeset that could be left out or marked. */
static bool check_one(struct ctx *cx, struct deploy *d, const struct preconditions *pre)
{
    enum pre_result result;
    const char *why;

    if (!pg_exec(cx, d->pg, "BEGIN") || !pg_exec(cx, d->pg, session_sql(cx, d)))
        return false;
    bool ok = preconditions_check(cx, d, pre, NULL, &result, &why);
    if (pg_alive(d->pg) && pg_in_transaction(d->pg)) {
        struct ctx own = {.arena = cx->arena};
        struct ctx_grace g = ctx_grace_begin(&own, 5000);
        pg_exec(&own, d->pg, "ROLLBACK");
        ctx_grace_end(&own, g);
    }
    if (!ok)
        return false;
    if (result == PRE_HOLDS)
        return true;
    if ((result == PRE_FAILS ? pre->on_fail : pre->on_error) == REACT_WARN) {
        log_warning("the precondition of the changelog %s does not hold (%s); it runs all the same", pre->file, why);
        return true;
    }
    fail(cx, E_GUARD, "the precondition of the changelog %s does not hold", pre->file);
    err_detail(cx, "%s", why);
    err_place(cx, pre->file, first_line(pre), 1);
    err_hint(cx, "bring the database to where it holds, or give it onFail:WARN");
    return false;
}

bool deploy_check_changelog(struct ctx *cx, struct deploy *d)
{
    for (size_t i = 0; i < d->log->preconditions.n; i++)
        if (!check_one(cx, d, &d->log->preconditions.at[i]))
            return false;
    return true;
}
