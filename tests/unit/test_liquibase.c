/* Being called as Liquibase is called: tables, spellings, where values come from, and that no password stays visible. */
#include <unistd.h>

#include "dbstep/liquibase.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;
static char folder[64], before[1024];

/* Every test runs in a folder of its own, since liquibase.properties is looked for in the working directory. */
static int enter(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/dbstep-liquibase-XXXXXX");
    return getcwd(before, sizeof before) && mkdtemp(folder) ? chdir(folder) : -1;
}

static int leave(void **state)
{
    (void)state;
    static const char *const files[] = {"liquibase.properties", "liquibase.local.properties", "other.properties"};
    for (size_t i = 0; i < COUNT(files); i++)
        unlink(files[i]);
    int back = chdir(before);
    rmdir(folder);
    arena_free(&arena);
    redact_clear();
    return back;
}

static void put_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    fputs(text, f);
    fclose(f);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGS ((const char *const[]){NULL})

static bool translate(const char *const *args, const char *const *vars, struct liquibase_call *call, struct ctx *cx)
{
    int n = 0;
    while (args[n])
        n++;
    *cx = (struct ctx){.arena = &arena};
    return liquibase_translate(cx, (struct env){vars}, n, args, call);
}

static const char *input(const struct liquibase_call *call, const char *name)
{
    for (size_t i = 0; i < call->given.list.n; i++)
        if (text_equal(call->given.list.at[i].name, name))
            return call->given.list.at[i].value;
    return "";
}

static void test_tables_fit_the_registry(void **state)
{
    (void)state;
    struct str_list faults = {0};
    liquibase_check(&arena, &faults);
    for (size_t i = 0; i < faults.n; i++)
        print_error("%s\n", faults.at[i]);
    assert_int_equal(faults.n, 0);
}

static void test_what_is_a_call(void **state)
{
    (void)state;
    static const struct {
        const char *args[6], *vars[4];
        bool want;
    } cases[] = {
        {{"update"}, {NULL}, true},
        {{"updateSQL"}, {NULL}, true},
        {{"update_count_sql"}, {NULL}, true},
        {{"--log-level=FINE", "update"}, {NULL}, true},
        {{"--log-level", "FINE", "update"}, {NULL}, true},
        {{"--search-path", "update", "status"}, {NULL}, true},
        {{"diff"}, {NULL}, true},
        {{"schema-deploy"}, {NULL}, false},
        {{"schema-deploy", "update"}, {NULL}, false},
        {{"--stage", "schema-deploy"}, {NULL}, false},
        {{"--dry-run", "--stage=data-test"}, {NULL}, false},
        {{"updat"}, {NULL}, false},
        {{NULL}, {"PLUGIN_COMMAND=update"}, true},
        {{NULL}, {"PLUGIN_COMMAND=update", "PLUGIN_STAGE=data-test"}, false},
        {{"data-test"}, {"PLUGIN_COMMAND=update"}, false},
        {{NULL}, {NULL}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int n = 0;
        while (cases[i].args[n])
            n++;
        if (liquibase_asked(&arena, (struct env){cases[i].vars}, n, cases[i].args) != cases[i].want)
            fail_test("case %zu", i);
    }
}

static void test_spellings(void **state)
{
    (void)state;
    struct liquibase_call call;
    struct ctx cx;
    assert_true(
        translate(ARGS("--searchPath=a,b", "updateCountSQL", "--changeLogFile", "x.sql", "--count=3", "--username",
                       "al", "--contextFilter=c", "--label-filter", "l", "-Dk=v,w", "-Dm=a=b", "--lock-timeout", "5s"),
                  NO_ARGS, &call, &cx));
    assert_string_equal(call.stage, "schema-preview");
    assert_string_equal(input(&call, "search_path"), "a,b");
    assert_string_equal(input(&call, "changelog_file"), "x.sql");
    assert_string_equal(input(&call, "count"), "3");
    assert_string_equal(input(&call, "db_user"), "al");
    assert_string_equal(input(&call, "contexts"), "c");
    assert_string_equal(input(&call, "labels"), "l");
    assert_string_equal(input(&call, "parameters"), "[\"k=v,w\",\"m=a=b\"]");
    assert_int_equal(call.args.n, 3); /* the stage, and its own option */
    assert_string_equal(call.args.at[1], "--lock-timeout");
    assert_string_equal(call.args.at[2], "5s");

    assert_true(translate(ARGS("updateCount", "2"), NO_ARGS, &call, &cx));
    assert_string_equal(input(&call, "count"), "2");
    assert_true(translate(ARGS("status", "--verbose", "--output-file=o"), NO_ARGS, &call, &cx));
    assert_true(call.verbose);
    assert_string_equal(call.output_file, "o");
    assert_true(translate(ARGS("status", "--verbose=false"), NO_ARGS, &call, &cx));
    assert_false(call.verbose);
    assert_true(translate(ARGS("--classpath", "lib/p.jar:changes", "--changelogLockWaitTimeInMinutes=2", "--log-level",
                               "fine", "update", "--show-summary", "VERBOSE", "--psql-path=/x"),
                          NO_ARGS, &call, &cx));
    assert_string_equal(input(&call, "search_path"), ".,changes");
    assert_string_equal(input(&call, "lock_wait"), "2m");
    assert_string_equal(input(&call, "log_level"), "debug");
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *args[5], *message, *hint;
    } cases[] = {
        {{"diff"}, "command diff is not supported", "integrity-diff"},
        {{"generateChangeLog"}, "generate-changelog is not supported", "pg_dump"},
        {{"update", "--count=1"}, "Unexpected argument(s): --count", "dbstep help update"},
        {{"update", "x"}, "Unexpected argument(s): x", NULL},
        {{"update", "-Dk"}, "Unexpected argument(s): -Dk", NULL},
        {{"update", "-x"}, "Unexpected argument(s): -x", NULL},
        {{"update", "-D"}, "Unexpected argument(s): -D", NULL},
        {{"update-count"}, "update-count needs --count", NULL},
        {{"update", "--url"}, "--url without a value", NULL},
        {{"update", "--url=jdbc:mysql://h/x"}, "the URL (--url) is not one of PostgreSQL", NULL},
        {{"update", "--rollback-on-error=true"}, "rollback-on-error", NULL},
        {{"update", "--file-encoding=latin1"}, "UTF-8", NULL},
        {{"--log-level=loud", "update"}, "loud", NULL},
        {{"update", "--defaults-file=nowhere.properties"}, "nowhere.properties", "--defaults-file"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct liquibase_call call;
        struct ctx cx;
        if (translate(cases[i].args, NO_ARGS, &call, &cx))
            fail_test("case %zu is taken", i);
        if (!strstr(cx.err.message, cases[i].message) || (cases[i].hint && !strstr(cx.err.hint, cases[i].hint)))
            fail_test("case %zu: %s (%s)", i, cx.err.message, cx.err.hint);
    }
}

static void test_the_nearest_place_wins(void **state)
{
    (void)state;
    struct liquibase_call call;
    struct ctx cx;
    put_file("liquibase.properties", "changelog-file: file.sql\nliquibase.command.update.username=own\n"
                                     "liquibase.command.status.username=other\nsearchPath=p\nlabels=f\n"
                                     "parameter.a=1\nparameter.b=1\nnonsense=1\ncount=9\n");
    put_file("liquibase.local.properties", "searchPath=local\nparameter.b=2\n");
    assert_true(translate(ARGS("update", "--labels=arg", "-Da=9"),
                          ARGS("LIQUIBASE_COMMAND_CHANGELOG_FILE=env.sql", "LIQUIBASE_COMMAND_UPDATE_CONTEXTS=mine",
                               "LIQUIBASE_COMMAND_CONTEXTS=all", "LIQUIBASE_COMMAND_STATUS_CONTEXTS=no",
                               "LIQUIBASE_LIQUIBASE_SCHEMA_NAME=hist", "LIQUIBASE_HOME=/x"),
                          &call, &cx));
    assert_string_equal(input(&call, "changelog_file"), "env.sql");
    assert_string_equal(input(&call, "contexts"), "mine");
    assert_string_equal(input(&call, "labels"), "arg");
    assert_string_equal(input(&call, "db_user"), "own");
    assert_string_equal(input(&call, "search_path"), "local");
    assert_string_equal(input(&call, "liquibase_schema_name"), "hist");
    assert_string_equal(input(&call, "parameters"), "[\"a=9\",\"b=2\"]");
    assert_string_equal(input(&call, "count"), "");
    assert_int_equal(call.warnings.n, 1);
    assert_string_equal(call.warnings.at[0], "liquibase.properties, line 8: 'nonsense' is not known and ignored");

    put_file("other.properties", "changelog-file: other.sql\n");
    assert_true(translate(ARGS("update", "--defaults-file", "other.properties"), NO_ARGS, &call, &cx));
    assert_string_equal(input(&call, "changelog_file"), "other.sql");
    assert_string_equal(input(&call, "search_path"), "");
}

static void test_passwords_are_known_at_once(void **state)
{
    (void)state;
    struct liquibase_call call;
    struct ctx cx;
    put_file("liquibase.properties", "password=from-the-file\n");
    /* even when the call itself is wrong */
    assert_false(translate(ARGS("update", "--nope", "--password", "on-the-line", "-x", "--url",
                                "jdbc:postgresql://h/x?password=in%2Dthe%2Durl"),
                           ARGS("LIQUIBASE_COMMAND_PASSWORD=in-the-environment"), &call, &cx));
    static const char *const secrets[] = {"on-the-line", "in-the-environment", "in-the-url", "from-the-file"};
    for (size_t i = 0; i < COUNT(secrets); i++)
        if (!redact_contains(secrets[i]))
            fail_test("%s is not hidden", secrets[i]);
}

static void test_scrubbing(void **state)
{
    (void)state;
    char a[] = "update", b[] = "--password=hunter2", c[] = "--password", d[] = "hunter2",
         e[] = "--url=jdbc:postgresql://h/x?password=hunter2", f[] = "--changelog-file=x.sql", g[] = "--url",
         h[] = "jdbc:postgresql://h/x";
    char *argv[] = {a, b, c, d, e, f, g, h};
    assert_true(liquibase_scrub(&arena, COUNT(argv), argv));
    assert_string_equal(b, "--password=*******");
    assert_string_equal(d, "*******");
    assert_null(strstr(e, "hunter2"));
    assert_string_equal(f, "--changelog-file=x.sql");
    assert_string_equal(h, "jdbc:postgresql://h/x");
    char *plain[] = {a, f};
    assert_false(liquibase_scrub(&arena, COUNT(plain), plain));
}

/* echo -n '{"tbl":"people","n":5,"on":true,"text":"a,b\nc"}' | zstd | base64 -w0 */
static const char substitute[] = "KLUv/QRYgQEAeyJ0YmwiOiJwZW9wbGUiLCJuIjo1LCJvbiI6dHJ1ZSwidGV4dCI6ImEsYlxuYyJ937nNUw==";

static void test_plugin_contract(void **state)
{
    (void)state;
    struct liquibase_call call;
    struct ctx cx;
    assert_true(
        translate(NO_ARGS,
                  ARGS("PLUGIN_COMMAND=update", "PLUGIN_LIQUIBASE_CHANGELOG_FILE=x.sql",
                       "PLUGIN_LIQUIBASE_URL=jdbc:postgresql://127.0.0.1/x", "PLUGIN_LIQUIBASE_SEARCH_PATH=a",
                       "PLUGIN_LIQUIBASE_PASSWORD=hunter2", "PLUGIN_LIQUIBASE_TAG=t", "PLUGIN_LIQUIBASE_NONSENSE=1",
                       arena_printf(&arena, "PLUGIN_SUBSTITUTE_LIQUIBASE=%.20s\n%s", substitute, substitute + 20)),
                  &call, &cx));
    assert_string_equal(call.stage, "schema-deploy");
    assert_string_equal(input(&call, "changelog_file"), "x.sql");
    assert_string_equal(input(&call, "search_path"), "a");
    assert_string_equal(input(&call, "db_password"), "hunter2");
    assert_string_equal(input(&call, "parameters"), "[\"tbl=people\",\"n=5\",\"on=true\",\"text=a,b\\nc\"]");
    assert_string_equal(input(&call, "tag"), "");
    assert_int_equal(call.warnings.n, 2);
    assert_string_equal(call.warnings.at[0], "PLUGIN_LIQUIBASE_TAG is ignored: update does not take it");
    assert_string_equal(call.warnings.at[1], "PLUGIN_LIQUIBASE_NONSENSE is not known and ignored");
}

static void test_plugin_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *vars[4], *message;
    } cases[] = {
        {{"PLUGIN_COMMAND=nonsense"}, "'nonsense' is not a command"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_KERBEROS_USER_PRINCIPAL=a@B"}, "Kerberos is not supported"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_JSON_KEY={\"private_key\":\"k\"}"}, "Google service account"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_SUBSTITUTE_LIQUIBASE=***"}, "is not base64"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_SUBSTITUTE_LIQUIBASE=aGVsbG8="}, "is not compressed with Zstandard"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_SUBSTITUTE_LIQUIBASE=KLUv/SQC"}, "ends in the middle"},
        {{"PLUGIN_COMMAND=update", "PLUGIN_SUBSTITUTE_LIQUIBASE=KLUv/QRYMQAAeyJhIjoid9aEDQ=="}, "holds no JSON"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct liquibase_call call;
        struct ctx cx;
        if (translate(NO_ARGS, cases[i].vars, &call, &cx))
            fail_test("case %zu is taken", i);
        if (!strstr(cx.err.message, cases[i].message))
            fail_test("case %zu: %s", i, cx.err.message);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables_fit_the_registry, enter, leave),
        cmocka_unit_test_setup_teardown(test_what_is_a_call, enter, leave),
        cmocka_unit_test_setup_teardown(test_spellings, enter, leave),
        cmocka_unit_test_setup_teardown(test_refusals, enter, leave),
        cmocka_unit_test_setup_teardown(test_the_nearest_place_wins, enter, leave),
        cmocka_unit_test_setup_teardown(test_passwords_are_known_at_once, enter, leave),
        cmocka_unit_test_setup_teardown(test_scrubbing, enter, leave),
        cmocka_unit_test_setup_teardown(test_plugin_contract, enter, leave),
        cmocka_unit_test_setup_teardown(test_plugin_refusals, enter, leave),
    };
    return cmocka_run_group_tests_name("liquibase", tests, NULL, NULL);
}
