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

bool deploy_ran_after(struct ctx *cx, struct deploy *d, const char *when, bool **after)
{
    PG_ROWS_AUTO rows = {.n = 0};
    const struct plan *plan = deploy_plan(d);
    struct str list = str_new(cx->arena);

    for (size_t i = 0; i < plan->items.n; i++) {
        const struct ran *ran = plan->items.at[i].ran;
        str_addf(&list, "%s\"%s\"", i ? "," : "{", ran && *ran->executed ? ran->executed : "infinity");
    }
    str_add(&list, list.len ? "}" : "{}");
    const char *const params[] = {list.s, when};
    *after = arena_array(cx->arena, plan->items.n + 1, sizeof **after);
    if (!pg_query(cx, d->pg, &rows, sql_deploy_ran_after, 2, params))
        return false;
    for (int i = 0; i < rows.n && (size_t)i < plan->items.n; i++)
        (*after)[i] = pg_bool(&rows, i, 0);
    return true;
}
