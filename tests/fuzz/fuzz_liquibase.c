/* Any JDBC URL, properties file and Liquibase command line: nothing crashes, every refusal has a reason, what is given to libpq is
 * a URI that libpq reads, and no secret is in a message.
 *
 * Records end with a zero byte; the first one is the URL, the others are arguments, and all of the input is a properties file. */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/java_properties.h"
#include "dbstep/jdbc_url.h"
#include "dbstep/liquibase.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"
#include "dbstep/zstd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void url(struct arena *a, const char *text)
{
    struct jdbc_url out;
    const char *wrong = jdbc_url_read(a, text, &out);
    char *malformed = NULL;

    if (wrong && !*wrong)
        abort();
    if (wrong || text_starts(text_trim(a, text), "postgres"))
        return;
    PQconninfoOption *parsed = PQconninfoParse(out.uri, &malformed);
    if (!parsed)
        abort();
    PQconninfoFree(parsed);
    PQfreemem(malformed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const vars[] = {"LIQUIBASE_COMMAND_PASSWORD=hunter2-hunter2",
                                       "LIQUIBASE_DEFAULTS_FILE=/dev/null", NULL};
    struct arena a = {0};
    struct ctx cx = {.arena = &a}, other = {.arena = &a};
    struct str_list args = {0};
    struct java_property_list properties;
    struct liquibase_call call;
    char *content;
    size_t n, len;

    java_properties_read(&a, arena_strndup(&a, (const char *)data, strnlen((const char *)data, size)), &properties);
    if (zstd_read(&other, "it", data, size, 1 << 20, &content, &len) && strlen(content) > len)
        abort();
    url(&a, arena_strndup(&a, (const char *)data, strnlen((const char *)data, size)));
    for (const uint8_t *p = data, *end = data + size; p < end; p += n + (p + n < end)) {
        n = strnlen((const char *)p, (size_t)(end - p));
        *VEC_PUSH(&a, &args) = arena_strndup(&a, (const char *)p, n);
    }
    *VEC_PUSH(&a, &args) = NULL;
    liquibase_asked(&a, (struct env){vars}, (int)args.n - 1, args.at);
    bool ok = liquibase_translate(&cx, (struct env){vars}, (int)args.n - 1, args.at, &call);
    if (ok != (cx.err.code == E_OK) || (ok && !call.stage))
        abort();
    if (strstr(cx.err.message, "hunter2-hunter2") && !redact_contains(cx.err.message))
        abort();
    redact_clear();
    arena_free(&a);
    return 0;
}
