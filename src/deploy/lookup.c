/* lookup.c - questions about an open history that stages ask; see deploy.h. */
#include "deploy_internal.h"
#include "sql.h"

const char *deploy_default_schema(const struct deploy *d)
{
    return d->default_schema;
}

void deploy_history_place(const struct deploy *d, const char **schema, const char **table)
{
    *schema = d->history_schema;
    *table = d->history_table;
}

bool deploy_relation_schema(struct ctx *cx, struct deploy *d, const char *relation, const char **schema)
{
    PG_ROWS_AUTO rows = {.n = 0};
    const char *const params[] = {relation, d->default_schema};

    if (!pg_query(cx, d->pg, &rows, sql_deploy_relation_schema, 2, params))
        return false;
    *schema = rows.n ? arena_strdup(cx->arena, pg_text(&rows, 0, 0)) : NULL;
    return true;
}

/* Which of the times in an array's text are later. */
static bool later(struct ctx *cx, struct deploy *d, const char *list, const char *when, bool *after, size_t n)
{
    PG_ROWS_AUTO rows = {.n = 0};
    const char *const params[] = {list, when};

    if (!pg_query(cx, d->pg, &rows, sql_deploy_ran_after, 2, params))
        return false;
    for (int i = 0; i < rows.n && (size_t)i < n; i++)
        after[i] = pg_bool(&rows, i, 0);
    return true;
}

bool deploy_ran_after(struct ctx *cx, struct deploy *d, const char *when, bool **after)
{
    const struct plan *plan = deploy_plan(d);
    struct str list = str_new(cx->arena);

    for (size_t i = 0; i < plan->items.n; i++) {
        const struct ran *ran = plan->items.at[i].ran;
        str_addf(&list, "%s\"%s\"", i ? "," : "{", ran && *ran->executed ? ran->executed : "infinity");
    }
    str_add(&list, list.len ? "}" : "{}");
    *after = arena_array(cx->arena, plan->items.n + 1, sizeof **after);
    return later(cx, d, list.s, when, *after, plan->items.n);
}

bool rows_after(struct ctx *cx, struct deploy *d, const char *when, bool *after)
{
    struct str list = str_new(cx->arena);

    for (size_t i = 0; i < d->rows.n; i++)
        str_addf(&list, "%s\"%s\"", i ? "," : "{", d->rows.at[i].executed);
    str_add(&list, list.len ? "}" : "{}");
    if (later(cx, d, list.s, when, after, d->rows.n))
        return true;
    if (!pg_failed_with(cx, "22"))
        return false;
    struct err e = cx->err;
    err_clear(cx);
    fail(cx, E_INPUT, "'%s' is no date: %s", when, e.message);
    err_hint(cx, "write it as 2031-12-24 or 2031-12-24T18:00:00");
    return false;
}

struct ran_list deploy_rows(const struct deploy *d)
{
    return (struct ran_list){.at = d->rows.at, .n = d->rows.n};
}
