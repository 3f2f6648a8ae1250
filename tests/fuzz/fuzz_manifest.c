/* A backup manifest, and pg_control, from a server that lies. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../src/clone/control.h"
#include "../../src/clone/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct ctx cx = {.arena = &arena};
    struct received_files files;
    struct manifest m;
    struct control control;
    size_t piece = size ? data[0] + 1u : 1;
    bool ok = true;

    received_init(&files, &arena);
    received_add(&cx, &files, "base/1/x", 1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
    manifest_start(&m, &arena, &files);
    for (size_t at = 0; ok && at < size; at += piece)
        ok = manifest_feed(&cx, &m, (const char *)data + at, size - at < piece ? size - at : piece);
    if (ok)
        ok = manifest_finish(&cx, &m);
    if (!ok && cx.err.code == E_OK)
        abort();
    manifest_discard(&m);
    control_parse(data, size, &control);
    arena_free(&arena);
    return 0;
}
