/* sql_names.c - names in generated SQL, quoted by the changeset's strategy; see type.h. */
#include <stdlib.h>
#include <string.h>

#include "type.h"

/* What Liquibase quotes on PostgreSQL; sorted, for bsearch. */
static const char *const reserved[] = {
    "ALL",
    "ANALYSE",
    "ANALYZE",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "ASYMMETRIC",
    "AUTHORIZATION",
    "BINARY",
    "BOTH",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLLATION",
    "COLUMN",
    "CONCURRENTLY",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT_CATALOG",
    "CURRENT_DATE",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEFAULT",
    "DEFERRABLE",
    "DESC",
    "DISTINCT",
    "DO",
    "ELSE",
    "END",
    "EXCEPT",
    "FALSE",
    "FETCH",
    "FOR",
    "FOREIGN",
    "FREEZE",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INITIALLY",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "LATERAL",
    "LEADING",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "NATURAL",
    "NOT",
    "NOTNULL",
    "NULL",
    "OFFSET",
    "ON",
    "ONLY",
    "OR",
    "ORDER",
    "OUTER",
    "OVERLAPS",
    "PLACING",
    "PRIMARY",
    "REFERENCES",
    "RETURNING",
    "RIGHT",
    "SELECT",
    "SESSION_USER",
    "SIMILAR",
    "SOME",
    "SYMMETRIC",
    "TABLE",
    "TABLESAMPLE",
    "THEN",
    "TO",
    "TRAILING",
    "TRUE",
    "UNION",
    "UNIQUE",
    "USER",
    "USING",
    "VARIADIC",
    "VERBOSE",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
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

/* A first digit, or a character that is not of [A-Za-z0-9_]? */
static bool is_odd(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!text_word_char(*p))
            return true;
    return *name >= '0' && *name <= '9';
}

static bool is_mixed_case(const char *name)
{
    bool upper = false, lower = false;

    for (const char *p = name; *p; p++) {
        upper |= *p >= 'A' && *p <= 'Z';
        lower |= *p >= 'a' && *p <= 'z';
    }
    return upper && lower;
}

const char *sql_name(struct arena *a, const struct change_env *env, const char *name)
{
    bool quote = env->quoting == QUOTE_ALL_OBJECTS || is_odd(name) || is_reserved(a, name) ||
                 (env->quoting == QUOTE_LEGACY && is_mixed_case(name));

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
