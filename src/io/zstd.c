/* zstd.c - Zstandard; see zstd.h. */
#include "dbstep/zstd.h"

#include <zstd.h>

#include "dbstep/str.h"

static void free_stream(ZSTD_DStream **s)
{
    ZSTD_freeDStream(*s);
}

bool zstd_read(struct ctx *cx, const char *what, const void *data, size_t n, size_t max, char **content, size_t *len)
{
    __attribute__((cleanup(free_stream))) ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {data, n, 0};
    struct str out = str_new(cx->arena);
    char chunk[16384];
    size_t left = 1; /* of the frame; 0: whole */

    if (!stream)
        return fail(cx, E_CAPACITY, "out of memory while reading %s", what);
    while (in.pos < in.size || left) {
        ZSTD_outBuffer o = {chunk, sizeof chunk, 0};
        size_t before = in.pos;
        left = ZSTD_decompressStream(stream, &o, &in);
        if (ZSTD_isError(left))
            return fail(cx, E_INPUT, "%s is not compressed with Zstandard: %s", what, ZSTD_getErrorName(left));
        if (out.len + o.pos > max)
            return fail(cx, E_INPUT, "%s holds more than %s", what, text_size(cx->arena, max));
        str_addn(&out, chunk, o.pos);
        if (left && in.pos == before && !o.pos)
            return fail(cx, E_INPUT, "%s ends in the middle of its compressed data", what);
    }
    *content = out.s;
    *len = out.len;
    return true;
}
