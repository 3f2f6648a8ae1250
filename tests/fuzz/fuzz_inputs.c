/* Any environment and any command line: nothing crashes, every refusal has a reason, and no secret is in it.
 *
 * Records end with a zero byte. One that starts with "-" is an argument, the others are variables; names are completed so that
 * the fuzzer need not guess them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/inputs.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void each_type(struct arena *a, const char *text)
{
    static const struct input_spec rows[] = {
        {.name = "i", .type = IN_INTEGER, .min = 1, .max = 100},
        {.name = "s", .type = IN_SIZE},
        {.name = "d", .type = IN_DURATION, .min = 0, .max = 1000},
        {.name = "b", .type = IN_BOOLEAN},
        {.name = "c", .type = IN_CHOICE, .choices = "plan|apply"},
        {.name = "l", .type = IN_LIST},
        {.name = "j", .type = IN_JSON},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        union {
            struct str_list list;
            long long integer;
        } room = {.list = {0}};
        const char *wrong = input_parse(a, &rows[i], text, &room);
        if (wrong && !*wrong)
            abort();
        if (!wrong && rows[i].type == IN_INTEGER && (room.integer < 1 || room.integer > 100))
            abort();
        if (!wrong && rows[i].type == IN_LIST)
            for (size_t k = 0; k < room.list.n; k++)
                if (!room.list.at[k])
                    abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char secret[] = "DBSTEP_DB_PASSWORD=hunter2-hunter2";
    struct arena a = {0};
    struct str_list vars = {0}, args = {0};
    struct inputs in;
    struct ctx cx = {.arena = &a};

    *VEC_PUSH(&a, &vars) = secret;
    *VEC_PUSH(&a, &args) = "data-test";
    while (size) {
        size_t n = strnlen((const char *)data, size);
        const char *text = arena_strndup(&a, (const char *)data, n);
        if (*text == '-')
            *VEC_PUSH(&a, &args) = text;
        else
            *VEC_PUSH(&a, &vars) = text;
        each_type(&a, text);
        data += n + (n < size);
        size -= n + (n < size);
    }
    *VEC_PUSH(&a, &vars) = NULL;
    bool ok = inputs_load(&cx, (struct env){vars.at}, (int)args.n, args.at, &in);
    if (ok != (in.problems.n == 0) || ok != (cx.err.code == E_OK) || !in.common.output_dir || !in.config)
        abort();
    for (size_t i = 0; i < in.problems.n; i++)
        if (strstr(redact_text(&a, in.problems.at[i]), "hunter2-hunter2"))
            abort();
    redact_clear();
    arena_free(&a);
    return 0;
}
