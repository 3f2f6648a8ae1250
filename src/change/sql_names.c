/* sql_names.c - names in generated SQL, quoted by the changeset's strategy; see type.h. */
#include <stdlib.h>
#include <string.h>

#include "type.h"

/* Sorted, for bsearch. */
static const char *const reserved[] = {
    "ALL",
};

static int by_name(const void *key, const void *entry)
{
    return strcmp(key, *(const char *const *)entry);
}

static bool is_reserved(struct arena *a, const char *name)
{
    const char *upper = text_upper(a, name);

    return bsearch(upper, reserved, COUNT(reserved), sizeof *reserved, by_name) != NULL;
}

/* Both cases, a first digit, or a character that is not of [A-Za-z0-9_]? */
static bool needs_quotes(const char *name)
{
    bool upper = false, lower = false;

    for (const char *p = name; *p; p++) {
        upper |= *p >= 'A' && *p <= 'Z';
        lower |= *p >= 'a' && *p <= 'z';
        if (!text_word_char(*p))
            return true;
    }
    return (upper && lower) || (*name >= '0' && *name <= '9');
}

const char *sql_name(struct arena *a, const struct change_env *env, const char *name)
{
    bool quote = env->quoting == QUOTE_ALL_OBJECTS || is_reserved(a, name) ||
                 (env->quoting == QUOTE_LEGACY && needs_quotes(name));

    return quote ? arena_printf(a, "\"%s\"", text_replace(a, name, "\"", "\"\"")) : name;
}

const char *sql_table(struct arena *a, const struct change_env *env, const char *schema, const char *name)
{
    const char *of = schema ? schema : env->default_schema;

    return of ? arena_printf(a, "%s.%s", sql_name(a, env, of), sql_name(a, env, name)) : sql_name(a, env, name);
}

const char *sql_columns(struct arena *a, const struct change_env *env, const char *list)
{
    struct str_list names = name_list(a, list);
    struct str s = str_new(a);

    for (size_t i = 0; i < names.n; i++)
        str_addf(&s, "%s%s", i ? ", " : "", sql_name(a, env, names.at[i]));
    return s.s;
}
