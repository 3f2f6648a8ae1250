/* sealed.c - files of evidence: {"KIND":BODY,"root":"HEX"} and a newline; HEX is the SHA-256 of BODY's bytes as they stand, so that any change
 * of the file, be it one space, is seen. Certificates, plans and parts are such files. */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/hash.h"
#include "model.h"

static const char tail[] = ",\"root\":\"";
enum { ROOT_HEX = 64 };

static const char *hint_for(const char *kind)
{
    return text_equal(kind, "certificate") ? "take it again with integrity-baseline, or fetch the file again"
           : text_equal(kind, "plan")      ? "make it again with integrity-plan, or fetch the file again"
                                           : "run integrity-diff for this slice again, or fetch the file again";
}

bool it_sealed_damaged(struct ctx *cx, const char *kind, const char *path, const char *why)
{
    fail(cx, E_INPUT, "%s %s is not valid: %s", kind, path, why);
    err_hint(cx, "%s; it must not be edited or re-encoded", hint_for(kind));
    return false;
}

bool it_sealed_begin(struct ctx *cx, struct it_sealed *s, const char *kind, const char *path)
{
    *s = (struct it_sealed){.cx = cx, .text = str_new(cx->arena)};
    if (path && !file_stream_begin(cx, path, &s->out))
        return false;
    str_addf(&s->text, "{\"%s\":", kind);
    it_sealed_flush(s);
    s->root = hash_start(HASH_SHA256); /* over the body alone */
    s->w = json_writer(&s->text);
    return true;
}

void it_sealed_flush(struct it_sealed *s)
{
    s->bytes += s->text.len;
    if (s->root)
        hash_add(s->root, s->text.s, s->text.len);
    s->failed = s->failed || (s->out && !file_stream_add(s->cx, s->out, s->text.s, s->text.len));
    str_clear(&s->text);
}

bool it_sealed_end(struct it_sealed *s, const char **root)
{
    char hex[HASH_HEX_MAX];

    it_sealed_flush(s);
    hash_finish_hex(s->root, hex);
    s->root = NULL;
    *root = arena_strdup(s->cx->arena, hex);
    str_addf(&s->text, "%s%s\"}\n", tail, hex);
    it_sealed_flush(s);
    return !s->failed && (!s->out || file_stream_end(s->cx, s->out));
}

bool it_sealed_is(struct ctx *cx, const char *path, const char *kind)
{
    struct ctx own = {.arena = cx->arena, .deadline = cx->deadline};
    const char *head = arena_printf(cx->arena, "{\"%s\":", kind);
    char *content;
    size_t len;

    return file_is_regular(path) && file_read(&own, path, 0, &content, &len) && text_starts(content, head);
}

bool it_sealed_read(struct ctx *cx, const char *path, const char *kind, struct json_doc **doc, const char **root)
{
    const char *head = arena_printf(cx->arena, "{\"%s\":", kind);
    size_t begins = strlen(head), ends = sizeof tail - 1 + ROOT_HEX + 3, len; /* ,"root":"HEX"}\n */
    char *content, hex[HASH_HEX_MAX];

    if (!file_read(cx, path, 0, &content, &len))
        return false;
    if (len < begins + ends || memcmp(content, head, begins) != 0)
        return it_sealed_damaged(cx, kind, path, "it does not begin like one");
    const char *body = content + begins, *end = content + len - ends;
    if (memcmp(end, tail, sizeof tail - 1) != 0 || memcmp(end + sizeof tail - 1 + ROOT_HEX, "\"}\n", 3) != 0)
        return it_sealed_damaged(cx, kind, path, "it is cut short, or something was added");
    hash_hex(HASH_SHA256, body, (size_t)(end - body), hex);
    if (memcmp(hex, end + sizeof tail - 1, ROOT_HEX) != 0)
        return it_sealed_damaged(cx, kind, path, "its content does not match its root digest");
    *root = arena_strdup(cx->arena, hex);
    for (const char *s = body; s < end;) {
        size_t n = *s ? text_utf8_sequence(s) : 0;
        if (!n)
            return it_sealed_damaged(cx, kind, path, "its body is not UTF-8");
        s += n;
    }
    *doc = json_parse(body, (size_t)(end - body), NULL);
    return *doc || it_sealed_damaged(cx, kind, path, "its body is not JSON");
}
