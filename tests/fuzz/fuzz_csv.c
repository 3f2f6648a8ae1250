/* Any bytes as a CSV file. What must hold: no fault, records move forward, line numbers count line ends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/change/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    if (size < 2 || !data[0] || !data[1] || data[0] == '\n' || data[0] == '\r' || data[1] == '\n' || data[1] == '\r')
        return 0;
    char *text = arena_strndup(&a, (const char *)data + 2, size - 2);
    struct csv c = csv_start(text, (char)data[0], (char)data[1]);
    const char *before = c.p;
    while (csv_next(&a, &c)) {
        if (c.p <= before || c.p > text + size || !c.fields.n || c.record_line > c.line)
            abort();
        before = c.p;
    }
    if (!c.fault && *c.p)
        abort();
    arena_free(&a);
    return 0;
}
