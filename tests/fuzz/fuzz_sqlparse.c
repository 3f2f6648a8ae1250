/* Any text through PostgreSQL's grammar and the reading of its trees. What must hold: no fault; statements in order, without overlap,
 * within the text; and nothing but blanks, comments and semicolons lies between them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/sqlparse.h"
#include "dbstep/str.h"

/* Is there a letter or a quote outside of comments? */
static bool says_something(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '-' || s[i] == '/')
            return false; /* a comment, most likely */
        if (((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') || s[i] == '\'' || s[i] == '"')
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct sqlparse_list list;
    size_t end = 0;

    if (memchr(data, 0, size))
        return 0;
    const char *sql = arena_strndup(&a, (const char *)data, size);
    if (!sqlparse_statements(&cx, sql, size, &list))
        abort();
    for (size_t i = 0; i < list.statements.n; i++) {
        const struct sqlparse_statement *s = &list.statements.at[i];
        if (s->offset < end || s->len > size - s->offset || s->unseen_at > size || !s->verb)
            abort();
        if (says_something(sql + end, s->offset - end))
            abort();
        for (size_t f = 0; f < s->facts.n; f++)
            if (!s->facts.at[f].schema || !s->facts.at[f].name || !s->facts.at[f].part || !s->facts.at[f].to_schema ||
                !s->facts.at[f].to || !s->facts.at[f].detail)
                abort();
        end = s->offset + s->len;
    }
    if (says_something(sql + end, size - end))
        abort();
    arena_free(&a);
    return 0;
}
