/* Any bytes as a regular expression, a text and a replacement, apart by newlines. What must hold: no fault and an end. */
#include <stdint.h>
#include <string.h>

#include "../../src/change/regexp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    const char *fault, *out;
    char *rest = arena_strndup(&a, (const char *)data, size);
    const char *pattern = strsep(&rest, "\n"), *text = rest ? strsep(&rest, "\n") : "", *with = rest ? rest : "";
    const struct regexp *re = regexp_compile(&a, pattern, &fault);
    if (re && strlen(text) < 40)
        regexp_replace_all(&a, re, text, with, &out, &fault);
    arena_free(&a);
    return 0;
}
