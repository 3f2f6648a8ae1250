/* Any text through the changelog parser and both splitters. What must hold: no fault, every statement's bytes come from the text,
 * in order, and (in postgres mode, unstripped and without a delimiter of one's own) only blanks and delimiters are lost. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/changelog.h"

static const char *const delimiters[] = {NULL, NULL, "/", "//", "\\nGO", "$$END", ";;", "go", "\n/$", "[", "@@", ";"};

static void walk(struct ctx *cx, enum split_mode mode, const char *sql, size_t len, bool split, bool strip,
                 const char *delimiter)
{
    SPLIT_AUTO s = split_start(cx, mode, sql, len, split, strip, delimiter);
    struct statement st;
    size_t last = 0;
    for (bool more = true; split_next(cx, s, &st, &more) && more;) {
        if (!st.len || strlen(st.text) != st.len)
            abort();
        for (size_t i = 0; i < st.len; i++) {
            size_t at = split_source_offset(s, i);
            if (at >= len || at < last || sql[at] != st.text[i])
                abort();
            last = at;
        }
    }
}

static void changelog(struct ctx *cx, const char *text, size_t len)
{
    struct changelog_source source = {.file = "x.sql"};
    struct changelog log = {.file = "x.sql"};
    char sum[CHECKSUM_MAX];
    if (!changelog_parse_sql(cx, &source, "x.sql", arena_strndup(cx->arena, text, len), len, &log))
        return;
    for (size_t i = 0; i < log.sets.n; i++) {
        const struct changeset *cs = &log.sets.at[i];
        const struct change *c = &cs->changes.at[0];
        int line, column;
        changeset_checksum(cx->arena, cs, CHECKSUM_V9, sum);
        if (c->sql[c->sql_len] != '\0')
            abort();
        source_locate(&c->map, c->sql, c->sql_len, &line, &column);
        if (line < 1 || column < 1)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    if (size < 2 || memchr(data + 1, 0, size - 1))
        return 0;
    const char *delimiter = delimiters[data[0] % COUNT(delimiters)];
    size_t len = size - 1;
    char *sql = arena_strndup(&a, (const char *)data + 1, len);
    struct arena_mark m = arena_mark(&a);
    for (int mode = 0; mode < 2; mode++) {
        walk(&cx, mode ? SPLIT_LIQUIBASE : SPLIT_POSTGRES, sql, len, !(data[0] & 0x40), data[0] & 0x80, delimiter);
        cx.err = (struct err){.code = E_OK};
        arena_reset(&a, m);
    }
    changelog(&cx, sql, len);
    arena_free(&a);
    return 0;
}
