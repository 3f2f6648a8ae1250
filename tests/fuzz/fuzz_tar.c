/* A tar stream from a server that lies: cut into pieces by its own first byte. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/clone/tar.h"
#include "dbstep/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct count {
    uint64_t expected, got;
};

static bool on_entry(struct ctx *cx, void *user, const struct tar_entry *e)
{
    struct count *c = user;
    (void)cx;
    /* The promise that unpacking relies on. */
    if (e->name[0] == '/' || strcmp(e->name, "..") == 0 || text_starts(e->name, "../") || strstr(e->name, "/../") ||
        text_ends(e->name, "/.."))
        abort();
    *c = (struct count){.expected = e->size};
    return true;
}

static bool on_data(struct ctx *cx, void *user, const char *bytes, size_t n)
{
    struct count *c = user;
    (void)cx, (void)bytes;
    c->got += n;
    return true;
}

static bool on_end(struct ctx *cx, void *user)
{
    const struct count *c = user;
    (void)cx;
    if (c->got != c->expected)
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct ctx cx = {.arena = &arena};
    struct count count = {0};
    struct tar t;
    size_t piece = size ? data[0] * 4u + 1 : 1;
    bool ok = true;

    tar_start(&t, (struct tar_sink){.entry = on_entry, .data = on_data, .end = on_end, .user = &count});
    for (size_t at = 1; ok && at < size; at += piece)
        ok = tar_feed(&cx, &t, (const char *)data + at, size - at < piece ? size - at : piece);
    if (ok)
        ok = tar_finish(&cx, &t);
    if (!ok && cx.err.code == E_OK)
        abort();
    arena_free(&arena);
    return 0;
}
