/* Any bytes as a regular expression, a text and a replacement, apart by newlines. What must hold: no fault and an end. */
#include <stdint.h>
#include <string.h>

#include "dbstep/regexp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    const char *out;
    char *rest = arena_strndup(&a, (const char *)data, size);
    const char *pattern = strsep(&rest, "\n"), *text = rest ? strsep(&rest, "\n") : "", *with = rest ? rest : "";
    if (!regexp_fault(&a, pattern))
        regexp_replace_all(&cx, pattern, text, with, &out);
    arena_free(&a);
    return 0;
}
