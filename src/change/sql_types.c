/* sql_types.c - PostgreSQL's names of the column types that changelogs use; see type.h. */
#include "type.h"

const char *sql_type(struct arena *a, const struct change_env *env, const char *type, bool auto_increment)
{
    (void)env;
    (void)auto_increment;
    return text_upper(a, type);
}
