/* Hosts: what they read back is what the stage set, whatever is in it; limits hold; nothing secret leaves. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/base64.h"
#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/json.h"
#include "dbstep/log.h"
#include "dbstep/redact.h"
#include "dbstep/render.h"
#include "readers.h"
#include "testing.h"

static struct arena arena;
static char folder[64];

static const struct output_spec outputs[] = {
    {"text", OUT_STRING, "A text"},
    {"count", OUT_INTEGER, "A number"},
    {"done", OUT_BOOLEAN, "A boolean"},
    {"data", OUT_JSON, "Data"},
};
static const struct stage stage = {
    .name = "probe", .summary = "Probe", .outputs = outputs, .n_outputs = COUNT(outputs)};

static const char *const hostile[] = {
    "plain",
    "it's 5 # done $HOME ${X} `id` \\ \"q\"",
    "line one\nline two\n",
    "\n",
    "EOF\ndbstep_\nname=value",
    "a\rb\r\nc",
    "'quoted'",
    "\"quoted\"",
    " leading and trailing ",
    "__B64__aGk=",
    "]]> <b>&amp;</b> | * _ [x](http://y)",
    "caf\xC3\xA9 \xE2\x9C\x93 \xF0\x9F\x90\x98",
    "cut \xC3",
    "::error::forged",
    "x ##[error]forged",
    "\x01\x02\x1B[31m",
    "export A=1",
    "100%25 %0A",
    "{\"not\": \"json output\"}",
    "=leading<<equals",
};

static int enter(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/dbstep-hosts-XXXXXX", 25);
    assert_non_null(mkdtemp(folder));
    log_setup(LOG_ERROR, LOG_TEXT);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    dir_clear(&cx, folder);
    rmdir(folder);
    arena_free(&arena);
    redact_clear();
    log_progress_sink(NULL, NULL);
    return 0;
}

static const char *in_folder(const char *name)
{
    return path_join(&arena, folder, name);
}

static const char *content(const char *name)
{
    struct ctx cx = {.arena = &arena};
    char *text;
    size_t n;
    if (!file_read(&cx, in_folder(name), 0, &text, &n))
        fail_test("%s", cx.err.message);
    return text;
}

static void put(const char *name, const char *text)
{
    struct ctx cx = {.arena = &arena};
    assert_true(file_write_atomic(&cx, in_folder(name), text, strlen(text)));
}

struct scene {
    struct ctx cx;
    struct common_config config;
    struct result result;
    struct host_run run;
};

static struct scene *scene(const struct host *host, const char *const *vars)
{
    struct scene *s = ARENA_NEW(&arena, struct scene);
    s->cx = (struct ctx){.arena = &arena};
    s->config = (struct common_config){.output_dir = folder,
                                       .run_as = "root",
                                       .results_dir = in_folder("results"),
                                       .termination_log = in_folder("termination")};
    result_init(&s->result, &arena, &stage);
    result_verdict(&s->result, VERDICT_PASS);
    result_summary(&s->result, "fine");
    result_output(&s->result, "verdict", "pass");
    s->run = (struct host_run){.host = host, .env = {vars}, .config = &s->config, .cx = &s->cx};
    return s;
}

/* stdout and stderr are silenced or kept: the adapters print workflow commands. */
static const char *publish(struct scene *s, bool want)
{
    const char *path = in_folder(".stdout");
    fflush(stdout);
    int saved_out = dup(1), saved_err = dup(2), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600),
        null = open("/dev/null", O_WRONLY);
    dup2(fd, 1);
    dup2(null, 2);
    bool ok = host_begin(&s->run) && host_publish(&s->run, &s->result);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out), close(saved_err), close(fd), close(null);
    if (s->run.fd_output >= 0)
        close(s->run.fd_output);
    if (s->run.fd_summary >= 0)
        close(s->run.fd_summary);
    if (ok != want)
        fail_test("publish: %s", s->cx.err.message);
    return content(".stdout");
}

static const char *github_value(const char *text, const char *name)
{
    return read_github(&arena, text, name);
}

static const char *dotenv_value(const char *text, const char *name)
{
    const char *value;
    if (!read_dotenv(&arena, text, name, &value))
        fail_test("malformed: %s", text);
    return value;
}

static char *utf8_fixed(const char *s)
{
    struct str out = str_new(&arena);
    struct json_writer w = json_writer(&out);
    json_string(&w, NULL, s);
    struct json_doc *doc = json_parse(out.s, out.len, NULL);
    char *text = arena_strdup(&arena, json_text(json_root(doc)));
    json_free(doc);
    return text;
}

/* ---- tests ---- */

static void test_detection(void **state)
{
    (void)state;
    static const struct {
        const char *vars[6];
        int chosen;
        const char *want;
    } cases[] = {
        {{NULL}, HOST_AUTO, "plain"},
        {{"HARNESS_ACCOUNT_ID=a", "DRONE=true", "CI=true"}, HOST_AUTO, "harness"},
        {{"DRONE=true", "CI=true"}, HOST_AUTO, "drone"},
        {{"DRONE=true", "HARNESS_STEP_ID=x"}, HOST_AUTO, "harness"},
        {{"ARGO_CONTAINER_NAME=main", "ARGO_NODE_ID=n"}, HOST_AUTO, "argo"},
        {{"ARGO_CONTAINER_NAME=main"}, HOST_AUTO, "plain"},
        {{"GITHUB_ACTIONS=true"}, HOST_AUTO, "github"},
        {{"GITHUB_ACTIONS=false"}, HOST_AUTO, "plain"},
        {{"GITLAB_CI=true"}, HOST_AUTO, "gitlab"},
        {{"HARNESS_ACCOUNT_ID=a", "ARGO_CONTAINER_NAME=m", "ARGO_NODE_ID=n", "GITHUB_ACTIONS=true"},
         HOST_AUTO,
         "harness"},
        {{"ARGO_CONTAINER_NAME=m", "ARGO_NODE_ID=n", "GITHUB_ACTIONS=true"}, HOST_AUTO, "argo"},
        {{"GITHUB_ACTIONS=true"}, HOST_PLAIN, "plain"},
        {{NULL}, HOST_TEKTON, "tekton"},
        {{NULL}, HOST_ARGOCD, "argocd"},
        {{"HARNESS_ACCOUNT_ID="}, HOST_AUTO, "plain"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(host_find((struct env){cases[i].vars}, cases[i].chosen)->name, cases[i].want);
}

static void test_github_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        put("out", "before=1"); /* no line break: another writer's carelessness */
        put("page", "");
        const char *vars[] = {arena_printf(&arena, "GITHUB_OUTPUT=%s", in_folder("out")),
                              arena_printf(&arena, "GITHUB_STEP_SUMMARY=%s", in_folder("page")), NULL};
        struct scene *s = scene(&host_github, vars);
        result_output(&s->result, "text", hostile[i]);
        result_finding(&s->result, SEV_ERROR, "code", "%s", hostile[i])->file = hostile[i];
        const char *commands = publish(s, true), *text = content("out");
        assert_string_equal(github_value(text, "text"), hostile[i]);
        assert_string_equal(github_value(text, "before"), "1");
        assert_string_equal(github_value(text, "verdict"), "pass");
        assert_string_equal(github_value(text, "count"), "");
        /* One annotation, one line: nothing in the finding can start another command. */
        assert_true(strncmp(commands, "::error file=", 13) == 0);
        assert_string_equal(strchr(commands, '\n'), "\n");
        assert_null(strstr(commands, "##["));
        assert_non_null(strstr(content("page"), "## "));
    }
}

static void test_github_delimiters_differ(void **state)
{
    (void)state;
    char a[33], b[33];
    assert_true(host_random_token(a, 32) && host_random_token(b, 32));
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, b);
}

static void test_github_annotations_are_limited(void **state)
{
    (void)state;
    const char *vars[] = {NULL};
    struct scene *s = scene(&host_github, vars);
    char *big = arena_alloc(&arena, 20001);
    memset(big, 'x', 20000);
    for (int i = 0; i < 30; i++) {
        result_finding(&s->result, SEV_ERROR, "e", "%s", big);
        result_finding(&s->result, SEV_WARNING, "w", "w");
        result_finding(&s->result, SEV_NOTE, "n", "n");
    }
    const char *commands = publish(s, true);
    size_t errors = 0, warnings = 0, notices = 0;
    for (const char *p = commands; *p; p = strchr(p, '\n') + 1) {
        errors += strncmp(p, "::error ", 8) == 0;
        warnings += strncmp(p, "::warning ", 10) == 0;
        notices += strncmp(p, "::notice ", 9) == 0;
        assert_true(strcspn(p, "\n") < 4200);
    }
    assert_int_equal(errors, 10);
    assert_int_equal(warnings, 10);
    assert_int_equal(notices, 10);
}

static void test_github_summary_page_never_overflows(void **state)
{
    (void)state;
    char *full = arena_alloc(&arena, 999900 + 1);
    memset(full, 'x', 999900);
    put("page", full);
    const char *vars[] = {arena_printf(&arena, "GITHUB_STEP_SUMMARY=%s", in_folder("page")), NULL};
    publish(scene(&host_github, vars), true);
    assert_true(strlen(content("page")) < 1048576);

    put("page", "mine\n");
    struct scene *s = scene(&host_github, vars);
    struct result_table *t = result_table(&s->result, "T", "a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p");
    const char *cells[16];
    char *wide = arena_alloc(&arena, 301);
    memset(wide, '|', 300);
    for (int i = 0; i < 16; i++)
        cells[i] = wide;
    for (int i = 0; i < 300; i++)
        result_row(&s->result, t, cells);
    publish(s, true);
    const char *page = content("page");
    assert_true(strncmp(page, "mine\n", 5) == 0);
    assert_true(strlen(page) < 1048576);
    assert_non_null(strstr(page, "Cut here"));
}

static void test_harness_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++)
        for (int b64 = 0; b64 < 2; b64++) {
            put("out", "before=1\n");
            const char *vars[] = {arena_printf(&arena, "DRONE_OUTPUT=%s", in_folder("out")), NULL};
            struct scene *s = scene(&host_harness, vars);
            s->config.output_encoding = b64;
            result_output(&s->result, "text", hostile[i]);
            result_output(&s->result, "data", "{ \"a\" : \"# $ \\u00e9\",\n \"b\": [1, 9007199254740993] }");
            result_output_int(&s->result, "count", 5);
            publish(s, true);
            const char *text = content("out"), *value = dotenv_value(text, "text");
            assert_string_equal(dotenv_value(text, "before"), "1");
            assert_string_equal(dotenv_value(text, "count"), "5");
            assert_string_equal(dotenv_value(text, "data"),
                                "{\"a\":\"\\u0023 \\u0024 \\u00e9\",\"b\":[1,9007199254740993]}");
            assert_null(dotenv_value(text, "done")); /* unset: left out */
            if (host_plain_safe(hostile[i])) {
                assert_string_equal(value, hostile[i]);
            } else if (b64) {
                assert_string_equal(value + 7, base64_text(&arena, hostile[i], strlen(hostile[i])));
            } else {
                struct json_doc *doc = json_parse(value, strlen(value), NULL);
                assert_string_equal(json_text(json_first(json_root(doc))), utf8_fixed(hostile[i]));
                json_free(doc);
            }
            const char *result = dotenv_value(text, "result");
            struct json_doc *doc = json_parse(result, strlen(result), NULL);
            assert_string_equal(json_get_text(json_get(json_root(doc), "outputs"), "text", NULL),
                                utf8_fixed(hostile[i]));
            json_free(doc);
        }
}

static void test_a_large_value_is_named_not_cut(void **state)
{
    (void)state;
    char *big = arena_alloc(&arena, (1 << 20) + 1);
    memset(big, 'x', 1 << 20);
    static const struct host *const hosts[] = {&host_harness, &host_github, &host_argo, &host_gitlab, &host_tekton};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        put("out", "");
        const char *vars[] = {arena_printf(&arena, "DRONE_OUTPUT=%s", in_folder("out")),
                              arena_printf(&arena, "GITHUB_OUTPUT=%s", in_folder("out")), NULL};
        struct scene *s = scene(hosts[i], vars);
        result_output(&s->result, "text", big);
        for (int k = 0; k < 2000; k++)
            result_finding(&s->result, SEV_NOTE, "many", "finding %d: %.200s", k, big);
        publish(s, true);
        assert_true(s->run.omitted.n >= 1);
        assert_non_null(strstr(s->run.omitted.at[0], hosts[i] == &host_tekton ? "" : "text"));
        assert_true(strlen(content("out")) < 100000);
        assert_null(strstr(content("out"), "text=x"));
        assert_non_null(strstr(content("result.json"), big)); /* here it is */
        const char *compact = s->run.values[s->run.n_values - 1].value;
        assert_true(strlen(compact) <= HOST_VALUE_MAX);
        struct json_doc *doc = json_parse(compact, strlen(compact), NULL);
        assert_non_null(doc);
        assert_string_equal(json_text(json_first(json_get(json_root(doc), "omitted_outputs"))), "text");
        assert_true(json_number(json_get(json_root(doc), "findings_total"), 0) == 2000);
        json_free(doc);
    }
}

static void test_argo_writes_every_declared_output(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        const char *vars[] = {NULL};
        struct scene *s = scene(&host_argo, vars);
        result_output(&s->result, "text", hostile[i]);
        publish(s, true);
        const char *text = content("outputs/text");
        size_t n = strlen(text);
        if (n && text[n - 1] == '\n')
            n--; /* as the executor does, once */
        assert_string_equal(arena_strndup(&arena, text, n), hostile[i]);
        assert_string_equal(content("outputs/count"), "");
        assert_string_equal(content("outputs/done"), "");
        assert_string_equal(content("outputs/data"), "{}");
        assert_int_equal(content("outputs/result")[0], '{');
    }
}

static void test_argo_progress_and_deadline(void **state)
{
    (void)state;
    const char *vars[] = {arena_printf(&arena, "ARGO_PROGRESS_FILE=%s", in_folder("progress")),
                          "ARGO_DEADLINE=0001-01-01T00:00:00Z", NULL};
    struct scene *s = scene(&host_argo, vars);
    assert_true(host_begin(&s->run));
    log_progress("copy", 3, 10, "bytes");
    assert_string_equal(content("progress"), "3/10");
    log_progress_done();
    assert_int_equal(host_deadline(&s->run).at_ms, 0);
    s->config.timeout_ms = 5000;
    assert_true(host_deadline(&s->run).at_ms > 0);

    long long in_100_s = clock_wall_ms() + 100000;
    const char *soon[] = {arena_printf(&arena, "ARGO_DEADLINE=%s", clock_rfc3339(&arena, in_100_s)), NULL};
    s = scene(&host_argo, soon);
    long long left = host_deadline(&s->run).at_ms - clock_ms();
    assert_in_range(left, 80000, 90000); /* a tenth is kept for the report */
    const char *past[] = {"ARGO_DEADLINE=2001-01-01T00:00:00Z", NULL};
    s = scene(&host_argo, past);
    assert_true(deadline_passed(host_deadline(&s->run)));
    s = scene(&host_plain, past);
    assert_int_equal(host_deadline(&s->run).at_ms, 0);
}

static void test_gitlab_file_keeps_its_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hostile); i++) {
        const char *vars[] = {NULL};
        struct scene *s = scene(&host_gitlab, vars);
        result_output(&s->result, "text", hostile[i]);
        result_output_int(&s->result, "count", 7);
        publish(s, true);
        const char *text = content("outputs.env");
        assert_true(strlen(text) < 5120);
        assert_non_null(strstr(text, "count=7\n"));
        for (const char *p = text; *p; p++)
            assert_true((*p >= 0x20 && *p < 0x7F && !strchr("\"'", *p)) || *p == '\n');
        assert_null(strstr(text, "\n\n"));
    }
}

static void test_tekton_stays_below_one_kilobyte(void **state)
{
    (void)state;
    const char *vars[] = {NULL};
    struct scene *s = scene(&host_tekton, vars);
    char *big = arena_alloc(&arena, 901);
    memset(big, 'y', 900);
    result_output(&s->result, "text", big);
    result_output_int(&s->result, "count", 7);
    publish(s, true);
    assert_string_equal(content("results/count"), "7");
    assert_string_equal(content("results/verdict"), "pass");
    assert_false(file_exists(in_folder("results/text")));
    assert_int_equal(s->run.omitted.n, 1);
}

static void test_argocd_message(void **state)
{
    (void)state;
    put("termination", "old");
    const char *vars[] = {NULL};
    struct scene *s = scene(&host_argocd, vars);
    for (int i = 0; i < 500; i++)
        result_finding(&s->result, SEV_ERROR, "c", "finding \xC3\xA9\xC3\xA9\xC3\xA9 %d", i);
    publish(s, true);
    const char *text = content("termination");
    assert_true(strlen(text) <= 4096);
    assert_true(strncmp(text, "probe: pass (exit status 0): fine\n", 34) == 0);
    assert_int_equal(text_utf8_prefix(text, strlen(text), strlen(text)), strlen(text));
    unlink(in_folder("termination"));
    publish(scene(&host_argocd, vars), true); /* outside of Kubernetes: a warning, no failure */
    assert_false(file_exists(in_folder("termination")));
}

static void test_harness_annotation_and_error_file(void **state)
{
    (void)state;
    const char *vars[] = {arena_printf(&arena, "HARNESS_ANNOTATIONS_FILE=%s", in_folder("notes")),
                          arena_printf(&arena, "ERROR_METADATA_FILE=%s", in_folder("error")),
                          "HARNESS_ACCOUNT_ID=acc",
                          "HARNESS_STEP_ID=st",
                          "HARNESS_EXECUTION_ID=ex",
                          NULL,
                          NULL};
    struct scene *s = scene(&host_harness, vars);
    publish(s, true);
    assert_false(file_exists(in_folder("notes"))); /* the gate is closed */
    assert_false(file_exists(in_folder("error")));
    vars[5] = "CI_ENABLE_HARNESS_ANNOTATIONS=true";
    s = scene(&host_harness, vars);
    struct err e = {.code = E_UNREACHABLE, .message = "cannot connect to \"db\" # $x"};
    s->result.error = &e;
    s->result.verdict = VERDICT_ERROR;
    s->result.exit_status = 12;
    for (int i = 0; i < 3000; i++)
        result_proof(&s->result, "a long line of proof with \xC3\xA9 number %d", i);
    publish(s, true);
    const char *text = content("notes");
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    const struct json *note = json_first(json_get(json_root(doc), "annotations"));
    assert_string_equal(json_get_text(json_root(doc), "accountId", ""), "acc");
    assert_string_equal(json_get_text(json_root(doc), "planExecutionId", ""), "ex");
    assert_string_equal(json_get_text(note, "mode", ""), "replace");
    assert_string_equal(json_get_text(note, "style", ""), "error");
    assert_true(strlen(json_get_text(note, "summary", "")) <= 65536);
    assert_true(json_is_number(json_get(note, "timestamp")));
    json_free(doc);
    assert_string_equal(
        content("error"),
        "ERROR_MESSAGE=cannot connect to  db  . .x\nERROR_CODE=12\nERROR_CATEGORY=CONNECTIVITY_FAILURE\n");
}

static void test_drone_card(void **state)
{
    (void)state;
    const char *vars[] = {arena_printf(&arena, "DRONE_CARD_PATH=%s", in_folder("card")), NULL};
    struct scene *s = scene(&host_drone, vars);
    publish(s, true);
    assert_false(file_exists(in_folder("card")));
    s = scene(&host_drone, vars);
    s->config.card_template = "https://x/card.json";
    publish(s, true);
    assert_non_null(strstr(content("card"), "{\"schema\":\"https://x/card.json\",\"data\":{\"stage\":\"probe\""));
    const char *out[] = {"DRONE_CARD_PATH=/dev/stdout", NULL};
    s = scene(&host_drone, out);
    s->config.card_template = "https://x/card.json";
    const char *text = publish(s, true);
    assert_true(strncmp(text, "\033]1338;", 7) == 0);
    assert_true(text_ends(text, "\033]0m\n"));
}

static void test_secrets_are_in_no_file(void **state)
{
    (void)state;
    static const char *const names[] = {"result.json",  "summary.md", "junit.xml", "results.sarif", "outputs.env",
                                        "outputs.json", ".stdout",    "out",       "page"};
    static const char secret[] = "S3cret#$\"x<y>&z|p";
    static const struct host *const hosts[] = {&host_plain, &host_github, &host_harness, &host_argo, &host_gitlab};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        put("out", "");
        put("page", "");
        const char *vars[] = {arena_printf(&arena, "DRONE_OUTPUT=%s", in_folder("out")),
                              arena_printf(&arena, "GITHUB_OUTPUT=%s", in_folder("out")),
                              arena_printf(&arena, "GITHUB_STEP_SUMMARY=%s", in_folder("page")), NULL};
        struct scene *s = scene(hosts[i], vars);
        redact_add(secret);
        struct err e = {.code = E_AUTH};
        snprintf(e.message, sizeof e.message, "refused %s", secret);
        snprintf(e.detail, sizeof e.detail, "they said %s", secret);
        snprintf(e.hint, sizeof e.hint, "not %s", secret);
        s->result.error = &e;
        result_summary(&s->result, "used %s", secret);
        result_output(&s->result, "text", secret);
        struct str json = str_new(&arena);
        struct json_writer w = json_writer(&json);
        json_array(&w, NULL);
        json_string(&w, NULL, secret);
        json_end_array(&w);
        result_output(&s->result, "data", json.s);
        struct finding *f = result_finding(&s->result, SEV_ERROR, "c", "saw %s", secret);
        f->object = f->file = f->hint = secret;
        struct result_table *t = result_table(&s->result, secret, "a");
        result_row(&s->result, t, (const char *const[]){secret});
        result_case(&s->result,
                    (struct test_case){.suite = secret, .name = secret, .failure = secret, .output = secret});
        result_proof(&s->result, "%s", secret);
        result_uncovered(&s->result, "%s", secret);
        result_file(&s->result, secret);
        publish(s, true);
        for (size_t k = 0; k < COUNT(names); k++)
            if (file_exists(in_folder(names[k]))) {
                const char *text = content(names[k]);
                assert_null(strstr(text, "S3cret"));
                assert_null(strstr(text, "<y>&"));
            }
    }
}

static void test_numbers_survive_a_secret_that_looks_like_them(void **state)
{
    (void)state;
    const char *vars[] = {NULL};
    struct scene *s = scene(&host_plain, vars);
    redact_add("1234");
    redact_add("pass");
    result_output_int(&s->result, "count", 1234567);
    publish(s, true);
    assert_non_null(strstr(content("outputs.env"), "count=1234567\n"));
    assert_non_null(strstr(content("outputs.env"), "verdict=pass\n"));
}

static void test_unwritable_places_are_told(void **state)
{
    (void)state;
    const char *vars[] = {"DRONE_OUTPUT=/dev/full", NULL};
    struct scene *s = scene(&host_harness, vars);
    publish(s, false);
    assert_int_equal(s->cx.err.code, E_CAPACITY);
    assert_non_null(strstr(s->cx.err.message, "/dev/full"));
    assert_true(file_exists(in_folder("result.json"))); /* the others were tried */

    const char *missing[] = {"DRONE_OUTPUT=/no/such/folder/file", NULL};
    s = scene(&host_harness, missing);
    publish(s, false);
    assert_int_equal(s->cx.err.code, E_OUTPUT);

    s = scene(&host_plain, missing);
    s->config.output_dir = "/proc/nowhere";
    publish(s, false);
    assert_non_null(strstr(s->cx.err.hint, "output_dir"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
    const struct CMUnitTest tests[] = {
        T(test_detection),
        T(test_github_round_trip),
        T(test_github_delimiters_differ),
        T(test_github_annotations_are_limited),
        T(test_github_summary_page_never_overflows),
        T(test_harness_round_trip),
        T(test_a_large_value_is_named_not_cut),
        T(test_argo_writes_every_declared_output),
        T(test_argo_progress_and_deadline),
        T(test_gitlab_file_keeps_its_limits),
        T(test_tekton_stays_below_one_kilobyte),
        T(test_argocd_message),
        T(test_harness_annotation_and_error_file),
        T(test_drone_card),
        T(test_secrets_are_in_no_file),
        T(test_numbers_survive_a_secret_that_looks_like_them),
        T(test_unwritable_places_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
