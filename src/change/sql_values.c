/* sql_values.c - values in generated SQL; see type.h. */
#include "type.h"

const char *sql_text_literal(struct arena *a, const char *text)
{
    return arena_printf(a, "'%s'", text_replace(a, text, "'", "''"));
}

const char *sql_column_value(struct ctx *cx, const struct change *c, const struct change_env *env,
                             const struct node *column)
{
    (void)c;
    (void)env;
    return field(column, "value") ? sql_text_literal(cx->arena, field(column, "value")) : NULL;
}
