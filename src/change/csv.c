/* csv.c - see csv.h. */
#include "csv.h"

#include "dbstep/str.h"

struct csv csv_start(const char *text, char separator, char quote)
{
    return (struct csv){.p = text, .separator = separator, .quote = quote, .line = 1};
}

static bool at_end(const struct csv *c)
{
    return !*c->p || *c->p == '\n' || *c->p == '\r';
}

/* Past one line end. */
static void skip_line_end(struct csv *c)
{
    if (*c->p == '\r' && c->p[1] == '\n')
        c->p++;
    c->p++;
    c->line++;
}

static bool quoted_field(struct arena *a, struct csv *c)
{
    struct str out = str_new(a);
    for (c->p++;;) {
        if (!*c->p) {
            c->fault = "a quoted field does not end";
            return false;
        }
        if (*c->p == c->quote) {
            if (c->p[1] != c->quote)
                break;
            str_addc(&out, c->quote);
            c->p += 2;
        } else if (*c->p == '\n' || *c->p == '\r') {
            str_addc(&out, '\n');
            skip_line_end(c);
        } else {
            str_addc(&out, *c->p++);
        }
    }
    c->p++;
    if (!at_end(c) && *c->p != c->separator) {
        c->fault = "something follows the closing quote of a field; a quote within a quoted field is doubled";
        return false;
    }
    *VEC_PUSH(a, &c->fields) = out.s;
    return true;
}

static bool plain_field(struct arena *a, struct csv *c)
{
    const char *from = c->p;
    size_t quotes = 0;
    for (; !at_end(c) && *c->p != c->separator; c->p++)
        quotes += *c->p == c->quote;
    if (quotes % 2) {
        c->fault = "a field holds a quote that has no partner";
        return false;
    }
    const char *field = arena_strndup(a, from, (size_t)(c->p - from));
    char once[2] = {c->quote, '\0'}, twice[3] = {c->quote, c->quote, '\0'};
    *VEC_PUSH(a, &c->fields) = quotes ? text_replace(a, field, twice, once) : field;
    return true;
}

bool csv_next(struct arena *a, struct csv *c)
{
    c->fields.n = 0;
    if (!*c->p)
        return false;
    c->record_line = c->line;
    for (;;) {
        if (!(*c->p == c->quote ? quoted_field(a, c) : plain_field(a, c)))
            return false;
        if (*c->p != c->separator || !*c->p)
            break;
        c->p++;
    }
    if (*c->p)
        skip_line_end(c);
    return true;
}
