/* Inputs: where they come from, how they are read, and that every problem is told without a secret in it. */
#include <unistd.h>

#include "dbstep/inputs.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;

/* Loads for a stage that exists; args and vars end with NULL. */
static bool load(const char *const *args, const char *const *vars, struct inputs *in, struct ctx *cx)
{
    int n = 0;
    while (args && args[n])
        n++;
    *cx = (struct ctx){.arena = &arena};
    return inputs_load(cx, (struct env){vars}, n, args, in);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool told(const struct str_list *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strstr(list->at[i], text))
            return true;
    return false;
}

static void assert_told(const struct str_list *list, const char *text)
{
    if (told(list, text))
        return;
    print_error("not told: %s\n", text);
    for (size_t i = 0; i < list->n; i++)
        print_error("  told: %s\n", list->at[i]);
    fail_test("%zu sentences, not this one", list->n);
}

static int reset(void **state)
{
    (void)state;
    arena_free(&arena);
    redact_clear();
    return 0;
}

static void test_registry_is_sound(void **state)
{
    (void)state;
    struct str_list faults = {0};
    registry_check(&arena, &faults);
    for (size_t i = 0; i < faults.n; i++)
        print_error("%s\n", faults.at[i]);
    assert_int_equal(faults.n, 0);
}

static void test_lookup_order(void **state)
{
    (void)state;
    static const struct {
        const char *vars[6], *args[4], *want;
    } cases[] = {
        {{"INPUT_OUTPUT-DIR=d"}, {"data-test"}, "d"},
        {{"INPUT_OUTPUT_DIR=c", "INPUT_OUTPUT-DIR=d"}, {"data-test"}, "c"},
        {{"INPUT_OUTPUT_DIR=c", "PLUGIN_OUTPUT_DIR=b"}, {"data-test"}, "b"},
        {{"PLUGIN_OUTPUT-DIR=b"}, {"data-test"}, "b"},
        {{"PLUGIN_OUTPUT_DIR=b", "DBSTEP_OUTPUT_DIR=a"}, {"data-test"}, "a"},
        {{"DBSTEP_OUTPUT_DIR=a"}, {"data-test", "--output-dir", "z"}, "z"},
        {{"DBSTEP_OUTPUT_DIR=a"}, {"data-test", "--output-dir=z=y"}, "z=y"},
        {{"DBSTEP_OUTPUT_DIR=", "PLUGIN_OUTPUT_DIR=b"}, {"data-test"}, "b"},
        {{"DBSTEP_OUTPUT_DIR=", "PLUGIN_OUTPUT_DIR=", "INPUT_OUTPUT_DIR="}, {"data-test"}, "dbstep-out"},
        {{NULL}, {"data-test", "--output-dir="}, "dbstep-out"},
        {{"XDBSTEP_OUTPUT_DIR=a", "DBSTEP_OUTPUT_DIRX"}, {"data-test"}, "dbstep-out"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct inputs in;
        struct ctx cx;
        load(cases[i].args, cases[i].vars, &in, &cx);
        assert_string_equal(in.common.output_dir, cases[i].want);
    }
}

static void test_stage_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *vars[4], *args[4];
        const char *want, *problem;
    } cases[] = {
        {{NULL}, {"data-test"}, "data-test", NULL},
        {{"INPUT_STAGE=data-test"}, {NULL}, "data-test", NULL},
        {{"PLUGIN_STAGE= data-test\n"}, {NULL}, "data-test", NULL},
        {{"DBSTEP_STAGE=nonsense"}, {"data-test"}, "data-test", NULL},
        {{NULL}, {"--stage", "data-test"}, "data-test", NULL},
        {{NULL}, {"--stage=data-test"}, "data-test", NULL},
        {{NULL}, {"data-tset"}, NULL, "did you mean data-test?"},
        {{NULL}, {"update-cuont"}, NULL, "did you mean update-count?"},
        {{"INPUT_STAGE=data-tests"}, {NULL}, NULL, "(INPUT_STAGE) does not exist; did you mean data-test?"},
        {{NULL}, {"zzzzzzzzzzzzz"}, NULL, "`dbstep stages` lists them"},
        {{NULL}, {NULL}, NULL, "no stage is named"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct inputs in;
        struct ctx cx;
        load(cases[i].args, cases[i].vars, &in, &cx);
        if (cases[i].want)
            assert_string_equal(in.stage->name, cases[i].want);
        else
            assert_null(in.stage);
        if (cases[i].problem)
            assert_told(&in.problems, cases[i].problem);
    }
}

static void test_every_problem_at_once(void **state)
{
    (void)state;
    struct inputs in;
    struct ctx cx;
    const char *vars[] = {"DBSTEP_FAIL_ON=eror",  "DBSTEP_TIMEOUT=soon",
                          "PLUGIN_DB_PORT=99999", "DBSTEP_DB_URLL=postgres://u:sesame5@h/d",
                          "INPUT_DRY-RUN=maybe",  NULL};
    assert_false(load(ARGS("data-test", "--log-levl", "debug", "stray"), vars, &in, &cx));
    assert_int_equal(cx.err.code, E_INPUT);
    assert_told(&in.problems,
                "fail_on (DBSTEP_FAIL_ON): 'eror' is not one of never, error, warning and note; did you mean error?");
    assert_told(&in.problems, "timeout (DBSTEP_TIMEOUT): 'soon' is not a duration");
    assert_told(&in.problems, "db_port (PLUGIN_DB_PORT): '99999' is out of range: 1 to 65535");
    assert_told(&in.problems, "DBSTEP_DB_URLL is not known; did you mean DBSTEP_DB_URL?");
    assert_told(&in.problems, "dry_run (INPUT_DRY-RUN): 'maybe' is neither true nor false");
    assert_told(&in.problems, "--log-levl is not an option; did you mean --log-level?");
    assert_told(&in.problems, "argument 'stray' is not expected");
    assert_told(&in.problems, "test_dir is required");
    assert_false(told(&in.problems, "sesame5")); /* not even a misspelt variable's value */
    assert_int_equal(in.problems.n, 8);
    /* A result can still be written. */
    assert_string_equal(in.common.output_dir, "dbstep-out");
    assert_int_equal(in.common.fail_on, SEV_ERROR);
}

static void test_secrets(void **state)
{
    (void)state;
    struct inputs in;
    struct ctx cx;
    char path[] = "/tmp/dbstep-test-XXXXXX", file_var[64], plugin_var[64];
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "tr0ubador&3\n", 12), 12);
    close(fd);
    snprintf(file_var, sizeof file_var, "DBSTEP_DB_PASSWORD_FILE=%s", path);
    snprintf(plugin_var, sizeof plugin_var, "PLUGIN_DB_URL=postgresql://u:p%%40ssw0rd@h/d");

    const char *vars[] = {"DBSTEP_TEST_DIR=/tmp", file_var, plugin_var, NULL};
    assert_true(load(ARGS("data-test"), vars, &in, &cx));
    for (size_t i = 0; i < in.stage->n_inputs; i++)
        if (text_equal(in.stage->inputs[i].name, "db_password"))
            assert_string_equal(*(const char **)((char *)in.config + in.stage->inputs[i].offset), "tr0ubador&3");
    assert_true(redact_contains("tr0ubador&3"));
    assert_true(redact_contains("p@ssw0rd"));
    assert_true(redact_contains("p%40ssw0rd"));

    redact_clear();
    assert_false(
        load(ARGS("data-test", "--db-password", "hunter2x", "--db-url=postgres://u:open5esame@h/d"), vars, &in, &cx));
    assert_told(&in.problems, "--db-password is a secret and refused on the command line");
    assert_told(&in.problems, "--db-url is a secret");
    assert_false(told(&in.problems, "hunter2x"));
    assert_true(redact_contains("hunter2x") && redact_contains("open5esame"));

    const char *both[] = {"DBSTEP_TEST_DIR=/tmp", file_var, "DBSTEP_DB_PASSWORD=othersecret", NULL};
    assert_false(load(ARGS("data-test"), both, &in, &cx));
    assert_told(&in.problems, "both DBSTEP_DB_PASSWORD and DBSTEP_DB_PASSWORD_FILE are set");
    assert_false(told(&in.problems, "othersecret"));

    const char *missing[] = {"DBSTEP_TEST_DIR=/tmp", "INPUT_DB-PASSWORD-FILE=/does/not/exist", NULL};
    assert_false(load(ARGS("data-test"), missing, &in, &cx));
    assert_told(&in.problems, "db_password (INPUT_DB-PASSWORD-FILE):");

    const char *option[] = {"DBSTEP_TEST_DIR=/tmp", NULL};
    assert_true(load(ARGS("data-test", "--db-password-file", path), option, &in, &cx));
    assert_true(redact_contains("tr0ubador&3"));

    const char *broken[] = {"DBSTEP_TEST_DIR=/tmp", "DBSTEP_DB_PASSWORD=line\n", NULL};
    assert_true(load(ARGS("data-test"), broken, &in, &cx));
    assert_told(&in.warnings, "ends with a line break");
    unlink(path);
}

static void test_secrets_of_other_places_are_hidden_too(void **state)
{
    (void)state;
    struct inputs in;
    struct ctx cx;
    const char *vars[] = {"DBSTEP_TEST_DIR=/tmp", "DBSTEP_DB_PASSWORD=winner-pw", "PLUGIN_DB_PASSWORD=loser-pw", NULL};
    assert_true(load(ARGS("data-test"), vars, &in, &cx));
    assert_true(redact_contains("winner-pw") && redact_contains("loser-pw"));
}

static void test_foreign_variables(void **state)
{
    (void)state;
    struct inputs in;
    struct ctx cx;
    const char *vars[] = {"DBSTEP_TEST_DIR=/tmp",
                          "PLUGIN_PIPELINE=x",
                          "PLUGIN_CACHE_METRICS_FILE=/x",
                          "PLUGIN_METADATA_FILE=x",
                          "PLUGIN_ARTIFACT_FILE=x",
                          "DBSTEP_SERVICE_HOST=10.0.0.1",
                          "DBSTEP_SERVICE_PORT=5432",
                          "DBSTEP_PORT=tcp://10.0.0.1:5432",
                          "DBSTEP_PORT_5432_TCP_ADDR=10.0.0.1",
                          "DBSTEP_DB_PRT=",
                          NULL};
    assert_true(load(ARGS("data-test"), vars, &in, &cx));
    assert_int_equal(in.warnings.n, 0);

    const char *warned[] = {"DBSTEP_TEST_DIR=/tmp", "PLUGIN_TEST_DRI=x", "INPUT_SOMETHING-ELSE=x", NULL};
    assert_true(load(ARGS("data-test"), warned, &in, &cx));
    assert_told(&in.warnings, "PLUGIN_TEST_DRI is not known and ignored; did you mean PLUGIN_TEST_DIR?");
    assert_told(&in.warnings, "INPUT_SOMETHING-ELSE is not known");

    const char *lower[] = {"DBSTEP_TEST_DIR=/tmp", "DBSTEP_db_url=x", NULL};
    assert_false(load(ARGS("data-test"), lower, &in, &cx));
    assert_told(&in.problems, "DBSTEP_db_url is not known; did you mean DBSTEP_DB_URL?");
}

static void test_options(void **state)
{
    (void)state;
    struct inputs in;
    struct ctx cx;
    const char *vars[] = {"DBSTEP_TEST_DIR=/tmp", NULL};
    assert_true(load(ARGS("data-test", "--dry-run"), vars, &in, &cx));
    assert_true(in.common.dry_run);
    assert_true(load(ARGS("data-test", "--dry-run", "--timeout", "5m"), vars, &in, &cx));
    assert_true(in.common.dry_run);
    assert_int_equal(in.common.timeout_ms, 300000);
    assert_true(load(ARGS("data-test", "--dry-run", "no"), vars, &in, &cx));
    assert_false(in.common.dry_run);
    assert_true(load(ARGS("data-test", "--dry-run=off"), vars, &in, &cx));
    assert_false(in.common.dry_run);
    assert_true(load(ARGS("data-test", "--dry_run"), vars, &in, &cx)); /* underscores are forgiven */
    assert_false(load(ARGS("data-test", "--timeout"), vars, &in, &cx));
    assert_told(&in.problems, "--timeout needs a value");
    assert_false(load(ARGS("data-test", "--"), vars, &in, &cx));
    assert_false(load(ARGS("data-test", "-x"), vars, &in, &cx));
}

/* ---- values ---- */

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        enum input_type type;
        const char *text;
        long long want; /* -1: refused */
    } cases[] = {
        {IN_INTEGER, "42", 42},      {IN_INTEGER, " 42\n", 42},       {IN_INTEGER, "4x", -1},
        {IN_INTEGER, "", -1},        {IN_INTEGER, "1e3", -1},         {IN_INTEGER, "99999999999999999999", -1},
        {IN_INTEGER, "0x10", -1},    {IN_SIZE, "1024", 1024},         {IN_SIZE, "64kB", 65536},
        {IN_SIZE, "10MB", 10485760}, {IN_SIZE, "1 GB", 1073741824},   {IN_SIZE, "1GiB", 1073741824},
        {IN_SIZE, "1.5GB", -1},      {IN_SIZE, "9999999999TB", -1},   {IN_SIZE, "-5", -1},
        {IN_SIZE, "5XB", -1},        {IN_DURATION, "250ms", 250},     {IN_DURATION, "30s", 30000},
        {IN_DURATION, "5m", 300000}, {IN_DURATION, "1h", 3600000},    {IN_DURATION, "2d", 172800000},
        {IN_DURATION, "90", 90000},  {IN_DURATION, "1h30m", 5400000}, {IN_DURATION, "1h30", -1},
        {IN_DURATION, "h", -1},      {IN_DURATION, "", -1},           {IN_DURATION, "9223372036854775807d", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct input_spec row = {.name = "x", .type = cases[i].type};
        long long got = -7;
        const char *wrong = input_parse(&arena, &row, cases[i].text, &got);
        if ((cases[i].want < 0) != (wrong != NULL))
            fail_test("'%s' was %s", cases[i].text, wrong ? wrong : "accepted");
        assert_int_equal(got, wrong ? -7 : cases[i].want);
    }
}

static void test_booleans(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "1", " true "};
    static const char *const no[] = {"false", "False", "FALSE", "no", "off", "0"};
    struct input_spec row = {.name = "x", .type = IN_BOOLEAN};
    bool got;
    for (size_t i = 0; i < COUNT(yes); i++)
        assert_true(!input_parse(&arena, &row, yes[i], &got) && got);
    for (size_t i = 0; i < COUNT(no); i++)
        assert_true(!input_parse(&arena, &row, no[i], &got) && !got);
    assert_non_null(input_parse(&arena, &row, "2", &got));
    assert_non_null(input_parse(&arena, &row, "t", &got));
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* items joined by "/", NULL: refused */
    } cases[] = {
        {"a,b,c", "a/b/c"},
        {" a , b ", "a/b"},
        {"a\nb,c\n", "a/b,c"},
        {"a,b\n", "a/b"},
        {"a\r\nb\r\n", "a/b"},
        {",,", ""},
        {"[]", ""},
        {"[\"a,b\", \"c\\nd\", 5, true, 1.5]", "a,b/c\nd/5/true/1.5"},
        {"[\"a\"", NULL},
        {"[{}]", NULL},
        {"[null]", NULL},
        {"[\"a\"] x", NULL},
        {"one", "one"},
    };
    struct input_spec row = {.name = "x", .type = IN_LIST};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str_list got = {0};
        const char *wrong = input_parse(&arena, &row, cases[i].text, &got);
        if (!cases[i].want) {
            assert_non_null(wrong);
            continue;
        }
        assert_null(wrong);
        struct str all = str_new(&arena);
        for (size_t k = 0; k < got.n; k++)
            str_addf(&all, "%s%s", k ? "/" : "", got.at[k]);
        assert_string_equal(all.s, cases[i].want);
    }
}

static void test_files_and_json(void **state)
{
    (void)state;
    struct input_spec file = {.name = "x", .type = IN_FILE}, json = {.name = "x", .type = IN_JSON};
    const char *got = NULL;
    assert_null(input_parse(&arena, &file, "/etc/passwd", &got));
    assert_string_equal(got, "/etc/passwd");
    assert_non_null(strstr(input_parse(&arena, &file, "/no/such", &got), "No such file"));
    assert_non_null(strstr(input_parse(&arena, &file, "/etc", &got), "folder"));
    assert_null(input_parse(&arena, &json, "{\"a\": [1, 2]}", &got));
    assert_non_null(input_parse(&arena, &json, "{a:1}", &got));
    assert_non_null(input_parse(&arena, &json, "{} {}", &got));
}

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const names[] = {"db_url", "timeout", "x"};
    assert_string_equal(text_nearest("dburl", names, 3), "db_url");
    assert_string_equal(text_nearest("time_out", names, 3), "timeout");
    assert_null(text_nearest("completely_else", names, 3));
    assert_null(text_nearest("y", names, 3)); /* everything is near to one letter */
    assert_null(text_nearest("a", names, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_registry_is_sound, reset),
        cmocka_unit_test_teardown(test_lookup_order, reset),
        cmocka_unit_test_teardown(test_stage_is_found, reset),
        cmocka_unit_test_teardown(test_every_problem_at_once, reset),
        cmocka_unit_test_teardown(test_secrets, reset),
        cmocka_unit_test_teardown(test_secrets_of_other_places_are_hidden_too, reset),
        cmocka_unit_test_teardown(test_foreign_variables, reset),
        cmocka_unit_test_teardown(test_options, reset),
        cmocka_unit_test_teardown(test_numbers, reset),
        cmocka_unit_test_teardown(test_booleans, reset),
        cmocka_unit_test_teardown(test_lists, reset),
        cmocka_unit_test_teardown(test_files_and_json, reset),
        cmocka_unit_test_teardown(test_suggestions, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
