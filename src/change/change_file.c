/* change_file.c - see change_file.h. */
#include "change_file.h"

#include <string.h>

#include "dbstep/charset.h"

static bool decode(struct ctx *cx, const struct change *c, const struct node *at, const char *encoding,
                   struct change_file *f)
{
    if (!charset_decode(cx->arena, encoding, f->bytes, f->len, &f->text, &f->text_len)) {
        change_fault(cx, c, at, "the encoding \"%s\" is not known", encoding);
        err_hint(cx, "UTF-8, US-ASCII, ISO-8859-1, ISO-8859-15, windows-1252 and UTF-16 are");
        return false;
    }
    const char *nul = memchr(f->text, 0, f->text_len);
    if (!nul)
        return true;
    int line = 1;
    for (const char *p = f->text; p < nul; p++)
        line += *p == '\n';
    fail(cx, E_CHANGELOG, "%s: the file %s holds a NUL, which PostgreSQL takes in no text", c->name, f->shown);
    err_place(cx, f->shown, line, 1);
    return false;
}

static bool read_bytes(struct ctx *cx, const struct change_files *files, const struct change *c, const struct node *at,
                       const char *path, const char *relative_to, struct change_file *f)
{
    char *bytes;

    if (!files || !files->read)
        return change_fault(cx, c, at, "it names the file %s, and there are no files here", path);
    if (!files->read(cx, files->user, path, relative_to, &bytes, &f->len, &f->shown)) {
        err_place(cx, c->file, at ? at->line : c->line, at ? at->column : c->column);
        return false;
    }
    f->bytes = bytes;
    return true;
}

bool change_file_read(struct ctx *cx, const struct change_files *files, const struct change *c, const char *name,
                      struct change_file *out)
{
    const struct node *at = node_child(c->node, name);
    const char *relative_to = field_bool(c->node, "relativeToChangelogFile", false) ? files->changelog : NULL;

    return read_bytes(cx, files, c, at, field(c->node, name), relative_to, out) &&
           decode(cx, c, node_child(c->node, "encoding"), field(c->node, "encoding"), out);
}

/* ---- bodies ---- */

static const char *trimmed_end(struct arena *a, const char *s, size_t len)
{
    while (len && (unsigned char)s[len - 1] <= 0x20)
        len--;
    return arena_strndup(a, s, len);
}

/* The sums cover the file as UTF-8 whatever its encoding is: version 8 its bytes, version 9 the text with ${} expanded. */
static bool file_sums(struct ctx *cx, const struct change_files *files, struct change *c, const struct change_file *f,
                      const char *head_v8, const char *head_v9)
{
    struct change as_stream = {.end_delimiter = ";"};
    char sum[CHECKSUM_MAX];
    const char *text;
    size_t len;
    struct source_map map = {0};

    sum_of_sql(&as_stream, f->bytes, f->len, CHECKSUM_V8, sum);
    c->sum_text_v8 = arena_printf(cx->arena, "%s:%s", head_v8, sum);
    charset_decode(cx->arena, NULL, f->bytes, f->len, &text, &len);
    if (files->expand && !files->expand(cx, files->user, text, len, &map, &text, &len))
        return false;
    sum_of_squeezed(text, len, sum);
    c->sum_text_v9 = arena_printf(cx->arena, "%s:%s", head_v9, sum);
    return true;
}

bool body_load(struct ctx *cx, const struct change_files *files, struct change *c, const char *inline_text,
               const char *what)
{
    char head_v8[CHECKSUM_MAX], head_v9[CHECKSUM_MAX], sum[CHECKSUM_MAX];
    struct change_file f = {0};
    struct source_map map = {0};

    sum_of_text(change_serialise(cx->arena, c, CHECKSUM_V8), CHECKSUM_V8, head_v8);
    sum_of_text(change_serialise(cx->arena, c, CHECKSUM_V9), CHECKSUM_V9, head_v9);
    if (field_set(c->node, "path")) {
        if (!change_file_read(cx, files, c, "path", &f))
            return false;
        c->data = f.text, c->data_len = f.text_len, c->data_file = f.shown;
        if (files->expand && !files->expand(cx, files->user, f.text, f.text_len, &map, &c->data, &c->data_len))
            return false;
        c->data = trimmed_end(cx->arena, c->data, c->data_len);
        c->data_len = strlen(c->data);
        return file_sums(cx, files, c, &f, head_v8, head_v9);
    }
    if (text_empty(inline_text))
        return change_fault(cx, c, NULL, "path, or %s itself, is required", what);
    c->data = text_trim(cx->arena, inline_text);
    c->data_len = strlen(c->data);
    sum_of_squeezed(c->data, c->data_len, sum);
    c->sum_text_v9 = arena_printf(cx->arena, "%s:%s", head_v9, sum);
    return true;
}

const char *sql_find_word(const char *sql, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = sql; *p;) {
        if (text_starts(p, "--")) {
            p += strcspn(p, "\r\n");
        } else if (text_starts(p, "/*")) {
            const char *close = strstr(p + 2, "*/");
            p = close ? close + 2 : p + strlen(p);
        } else if (*p == '\'' || *p == '"') {
            const char *close = strchr(p + 1, *p);
            p = close ? close + 1 : p + strlen(p);
        } else if (text_word_char(*p)) {
            const char *start = p;
            while (text_word_char(*p))
                p++;
            if ((size_t)(p - start) == n && text_starts_nocase(start, word))
                return start;
        } else {
            p++;
        }
    }
    return NULL;
}

/* ---- large values ---- */

static const char *bytes_literal(struct arena *a, const char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(a, 2 * len + 5), *p = out;

    p = memcpy(p, "'\\x", 3);
    p += 3;
    for (size_t i = 0; i < len; i++) {
        *p++ = digits[(unsigned char)bytes[i] >> 4];
        *p++ = digits[bytes[i] & 15];
    }
    *p = '\'';
    return out;
}

bool large_value(struct ctx *cx, const struct change *c, const struct node *at, const char *path, const char *encoding,
                 bool binary, const char **literal)
{
    struct change_file f = {0};

    if (!read_bytes(cx, c->files, c, at, path, c->files ? c->files->changelog : NULL, &f))
        return false;
    if (binary) {
        *literal = bytes_literal(cx->arena, f.bytes, f.len);
        return true;
    }
    if (!decode(cx, c, at, encoding, &f))
        return false;
    *literal = sql_text_literal(cx->arena, f.text_len ? arena_strndup(cx->arena, f.text, f.text_len) : "");
    return true;
}
