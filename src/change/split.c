/* split.c - statements out of a text: the frame around both ways of splitting; see split.h. */
#include <string.h>

#include "split_internal.h"

/* A copy without carriage returns, remembering where they were. */
static void drop_returns(struct splitter *s)
{
    if (!memchr(s->sql, '\r', s->len))
        return;
    char *copy = arena_alloc(s->arena, s->len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++) {
        if (s->sql[i] == '\r')
            *VEC_PUSH(s->arena, &s->returns) = n;
        else
            copy[n++] = s->sql[i];
    }
    s->sql = copy;
    s->len = n;
}

struct splitter *split_start(struct ctx *cx, enum split_mode mode, const char *sql, size_t len, bool split,
                             bool strip_comments, const char *end_delimiter)
{
    struct splitter *s = ARENA_NEW(cx->arena, struct splitter);
    *s = (struct splitter){.arena = cx->arena,
                           .mode = mode,
                           .sql = sql,
                           .len = len,
                           .split =
                               split && !(end_delimiter && !*end_delimiter), /* "" is a delimiter that never comes */
                           .strip = strip_comments,
                           .delimiter = text_empty(end_delimiter) ? NULL : end_delimiter};
    drop_returns(s);
    s->out = arena_alloc(cx->arena, s->len + 1);
    if (mode == SPLIT_POSTGRES)
        split_postgres_start(s);
    else
        split_liquibase_start(s);
    return s;
}

void split_put(struct splitter *s, size_t from, size_t n)
{
    if (!s->n) {
        while (n && (unsigned char)s->sql[from] <= ' ')
            from++, n--;
    }
    if (!n)
        return;
    if (!s->pieces.n || s->pieces.at[s->pieces.n - 1].in + (s->n - s->pieces.at[s->pieces.n - 1].out) != from)
        *VEC_PUSH(s->arena, &s->pieces) = (struct split_piece){s->n, from};
    memcpy(s->out + s->n, s->sql + from, n);
    s->n += n;
}

bool split_next(struct ctx *cx, struct splitter *s, struct statement *out, bool *more)
{
    *more = false;
    *out = (struct statement){.text = ""};
    while (s->pos < s->len && !s->fault) {
        s->n = 0;
        s->pieces.n = 0;
        if (s->mode == SPLIT_POSTGRES)
            split_postgres_next(s);
        else
            split_liquibase_next(s);
        if (s->fault)
            break;
        while (s->n && (unsigned char)s->out[s->n - 1] <= ' ')
            s->n--;
        s->out[s->n] = '\0';
        if (s->n) {
            *out = (struct statement){s->out, s->n};
            *more = true;
            return true;
        }
    }
    if (!s->fault)
        return true;
    fail(cx, E_CHANGELOG, "Liquibase's tokenizer refuses the character 0x%02X", (unsigned char)s->sql[s->fault_at]);
    err_hint(cx, "replace it by a blank, or set split to postgres");
    return false;
}

static size_t with_returns(const struct splitter *s, size_t offset)
{
    size_t lo = 0, hi = s->returns.n;
    while (lo < hi) { /* how many were taken out at or before this byte */
        size_t mid = lo + (hi - lo) / 2;
        if (s->returns.at[mid] <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return offset + lo;
}

size_t split_source_offset(const struct splitter *s, size_t offset)
{
    size_t lo = 0, hi = s->pieces.n;
    if (!hi)
        return 0;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->pieces.at[mid].out <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return with_returns(s, s->pieces.at[lo].in + (offset - s->pieces.at[lo].out));
}

size_t split_fault_offset(const struct splitter *s)
{
    return with_returns(s, s->fault_at);
}

void split_end(struct splitter *s)
{
    if (s && s->has_regex) {
        regfree(&s->regex);
        s->has_regex = false;
    }
}
