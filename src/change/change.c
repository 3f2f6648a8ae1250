/* change.c - changes from a tree and from SQL text; see change.h. */
#include "dbstep/change.h"

#include <stdarg.h>
#include <string.h>

#include "type.h"

static const struct {
    const struct change_type *types;
    const size_t *n;
} groups[] = {{NULL, NULL}};

const struct change_type *change_type_find(const char *name)
{
    for (size_t g = 0; g < COUNT(groups); g++)
        for (size_t i = 0; groups[g].types && i < *groups[g].n; i++)
            if (text_equal(groups[g].types[i].name, name))
                return &groups[g].types[i];
    return NULL;
}

bool change_known(const char *name)
{
    return change_type_find(name) != NULL;
}

struct change change_of_sql(const char *sql, size_t len)
{
    return (struct change){.name = "sql", .description = "sql", .sql = sql, .sql_len = len, .split = true};
}
