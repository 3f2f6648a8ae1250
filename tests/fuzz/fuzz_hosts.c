/* Any text in any place of a result: every host reads back what was set, every document parses, no secret is anywhere.
 *
 * The first byte chooses the host, the rest is the text. */
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/readers.h"
#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/json.h"
#include "dbstep/log.h"
#include "dbstep/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct output_spec outputs[] = {
    {"text", OUT_STRING, "Text"}, {"data", OUT_JSON, "Data"}, {"n", OUT_INTEGER, "N"}};
static const struct stage stage = {.name = "fuzz", .summary = "Fuzz", .outputs = outputs, .n_outputs = COUNT(outputs)};
static const char secret[] = "S3cret#$\"\\x";

static char folder[64];
static int null;

static void leave(void)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    dir_clear(&cx, folder);
    rmdir(folder);
    arena_free(&a);
}

static void enter(void)
{
    snprintf(folder, sizeof folder, "%s/dbstep-fuzz-XXXXXX", file_is_dir("/dev/shm") ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    atexit(leave);
    null = open("/dev/null", O_WRONLY);
    log_setup(LOG_ERROR, LOG_TEXT);
    __sanitizer_set_report_fd((void *)(intptr_t)dup(2)); /* reports stay readable while stderr is silenced */
}

static const char *content(struct arena *a, const char *name)
{
    struct ctx cx = {.arena = a};
    char *text;
    size_t n;
    return file_read(&cx, path_join(a, folder, name), 0, &text, &n) ? text : "";
}

static void check_json(struct arena *a, const char *text)
{
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    (void)a;
    if (!doc)
        abort();
    json_free(doc);
}

static const char *wrapped(struct arena *a, const char *text)
{
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    w.host_safe = true;
    json_array(&w, NULL);
    json_string(&w, NULL, text);
    json_end_array(&w);
    return out.s;
}

static void check_outputs(struct arena *a, const struct host *host, const char *want)
{
    const char *got = NULL, *file = content(a, "out");
    if (host == &host_github) {
        got = read_github(a, file, "text");
        if (!got || strcmp(got, want) != 0)
            abort();
    } else if (host == &host_harness) {
        if (!read_dotenv(a, file, "text", &got))
            abort();
        if (*want && (!got || (strcmp(got, want) != 0 && strcmp(got, wrapped(a, want)) != 0)))
            abort();
    } else if (host == &host_argo) {
        got = content(a, "outputs/text");
        size_t n = strlen(got), m = strlen(want);
        if (n && got[n - 1] == '\n')
            n--;
        if (n != m || memcmp(got, want, n) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct host *const hosts[] = {&host_github, &host_harness, &host_argo,
                                               &host_gitlab, &host_tekton,  &host_plain};
    static const char *const names[] = {"result.json", "summary.md", "junit.xml",  "results.sarif",
                                        "out",         "page",       "outputs.env"};

    if (!size)
        return 0;
    if (!folder[0])
        enter();
    struct arena a = {0};
    const struct host *host = hosts[data[0] % COUNT(hosts)];
    const char *text = arena_strndup(&a, (const char *)data + 1, size - 1);
    char *out = path_join(&a, folder, "out"), *page = path_join(&a, folder, "page");
    const char *vars[] = {arena_printf(&a, "DRONE_OUTPUT=%s", out), arena_printf(&a, "GITHUB_OUTPUT=%s", out),
                          arena_printf(&a, "GITHUB_STEP_SUMMARY=%s", page), NULL};
    struct common_config config = {.output_dir = folder,
                                   .run_as = "root",
                                   .results_dir = path_join(&a, folder, "results"),
                                   .termination_log = "/dev/null"};
    struct ctx cx = {.arena = &a};
    struct result r;

    redact_add(secret);
    close(open(out, O_CREAT | O_TRUNC | O_WRONLY, 0600));
    close(open(page, O_CREAT | O_TRUNC | O_WRONLY, 0600));
    unlink(path_join(&a, folder, "outputs.env")); /* written by some hosts only */
    result_init(&r, &a, &stage);
    result_verdict(&r, VERDICT_PASS);
    result_summary(&r, "%s %s", text, secret);
    result_output(&r, "text", text);
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    json_free(doc);
    if (doc)
        result_output(&r, "data", text);
    struct finding *f = result_finding(&r, SEV_WARNING, "code", "%s%s", text, secret);
    f->file = f->object = f->hint = text;
    result_row(&r, result_table(&r, text, "a|#b"), (const char *const[]){text, secret});
    result_case(&r, (struct test_case){.suite = text, .name = text, .failure = text, .output = secret});
    result_proof(&r, "%s", text);
    struct host_run run = {.host = host, .env = {vars}, .config = &config, .cx = &cx};

    int saved_out = dup(1), saved_err = dup(2);
    dup2(null, 1);
    dup2(null, 2);
    bool ok = host_begin(&run) && host_publish(&run, &r);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    if (run.fd_output >= 0)
        close(run.fd_output);
    if (run.fd_summary >= 0)
        close(run.fd_summary);
    if (!ok || r.defect)
        abort();

    if (!redact_contains(text) && strlen(text) <= 4096)
        check_outputs(&a, host, text);
    check_json(&a, content(&a, "result.json"));
    check_json(&a, content(&a, "results.sarif"));
    check_json(&a, run.values[run.n_values - 1].value);
    if (!strstr(text, "S3cret"))
        for (size_t i = 0; i < COUNT(names); i++)
            if (strstr(content(&a, names[i]), "S3cret"))
                abort();
    redact_clear();
    arena_free(&a);
    return 0;
}
