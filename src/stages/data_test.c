/* data_test.c - stage data-test: SQL assertions, JUnit out. */
#include <stdio.h>

#include "dbstep/datatest.h"
#include "dbstep/stage.h"

struct config {
    struct pg_target db;
    const char *test_dir;
    long long connections, statement_timeout, sample_rows;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, db, "", "the database under test"),
    {IN_FIELD(struct config, test_dir), .type = IN_STRING, .flags = IN_REQUIRED,
     .doc = "Folder of .sql files, sub-folders included"},
    {IN_FIELD(struct config, connections), .type = IN_INTEGER, .def = "2", .min = 1, .max = 32,
     .doc = "Tests that run at once"},
    {IN_FIELD(struct config, statement_timeout), .type = IN_DURATION, .def = "60s", .min = 0, .max = 86400000,
     .doc = "Longest time for one test; 0 for none"},
    {IN_FIELD(struct config, sample_rows), .type = IN_INTEGER, .def = "5", .min = 0, .max = 100,
     .doc = "Violating rows shown per test; 0 keeps data out of logs and results"},
};

static const struct output_spec outputs[] = {
    {"tests_total", OUT_INTEGER, "Data tests found"},
    {"tests_passed", OUT_INTEGER, "Data tests whose query returned no rows"},
    {"tests_failed", OUT_INTEGER, "Data tests of severity error that are violated or could not run"},
    {"tests_warned", OUT_INTEGER, "Data tests of severity warning that are violated or could not run"},
};

static const char *violations(struct run *run, const struct datatest *t)
{
    struct arena *a = run->cx->arena;
    const char *rows = text_plural(a, t->violations, "row");
    if (!t->sampled)
        return arena_printf(a, "%s must not exist", rows);
    return arena_printf(a, "%s must not exist%s\n%s", rows,
                        t->violations > t->sampled ? arena_printf(a, ", the first %d", t->sampled) : "", t->sample);
}

static void report_one(struct run *run, const struct datatest *t, struct result_table *table)
{
    struct arena *a = run->cx->arena;
    const char *state = t->state == DATATEST_HOLDS      ? "holds"
                        : t->state == DATATEST_VIOLATED ? "violated"
                                                        : "could not run";
    const char *why = NULL;

    if (t->state == DATATEST_VIOLATED)
        why = violations(run, t);
    else if (t->state == DATATEST_BROKEN)
        why = arena_printf(a, "%s%s%s", t->error.message, t->error.detail[0] ? "\n" : "", t->error.detail);
    result_case(run->result, (struct test_case){.suite = *t->suite ? t->suite : "data-test",
                                                .name = t->name,
                                                .ms = t->ms,
                                                .failure = why,
                                                .output = *t->description ? t->description : NULL});
    const char *const row[] = {t->name, state, t->warning_only ? "warning" : "error",
                               text_group_digits(a, t->violations), text_duration(a, t->ms)};
    result_row(run->result, table, row);
    if (!why)
        return;
    struct finding *f = result_finding(run->result, t->warning_only ? SEV_WARNING : SEV_ERROR,
                                       t->state == DATATEST_VIOLATED ? "data-test-violated" : "data-test-broken",
                                       "%s: %s", t->name, why);
    f->file = t->path;
    f->line = t->error_line ? t->error_line : 1;
    if (t->state == DATATEST_BROKEN && t->error.hint[0])
        f->hint = t->error.hint;
}

static bool run_data_tests(struct run *run, const void *config)
{
    const struct config *c = config;
    struct ctx *cx = run->cx;
    struct datatest_list tests;
    const char *snapshot = "";
    long long passed = 0, failed = 0, warned = 0;

    if (!datatest_load(cx, c->test_dir, &tests))
        return false;
    struct datatest_options options = {.connections = (int)c->connections,
                                       .statement_timeout_ms = c->statement_timeout,
                                       .sample_rows = (int)c->sample_rows,
                                       .snapshot = &snapshot};
    if (!datatest_run(cx, &c->db, &options, &tests))
        return false;

    struct result_table *table = result_table(run->result, "Data tests", "test|result|severity|#rows|#time");
    for (size_t i = 0; i < tests.n; i++) {
        const struct datatest *t = &tests.at[i];
        report_one(run, t, table);
        passed += t->state == DATATEST_HOLDS;
        failed += t->state != DATATEST_HOLDS && !t->warning_only;
        warned += t->state != DATATEST_HOLDS && t->warning_only;
    }
    result_output_int(run->result, "tests_total", (long long)tests.n);
    result_output_int(run->result, "tests_passed", passed);
    result_output_int(run->result, "tests_failed", failed);
    result_output_int(run->result, "tests_warned", warned);
    result_verdict(run->result, failed ? VERDICT_FAIL : VERDICT_PASS);
    result_summary(run->result, "%lld of %s hold%s", passed, text_plural(cx->arena, (long long)tests.n, "data test"),
                   warned ? arena_printf(cx->arena, ", %lld with a warning", warned) : "");
    result_proof(run->result, "%lld of %s returned no rows, all on one snapshot (%s)", passed,
                 text_plural(cx->arena, (long long)tests.n, "assertion"), snapshot);
    return true;
}

const struct stage stage_data_test = {
    .name = "data-test",
    .summary = "Run SQL assertions: each file's query must return no rows",
    .manual =
        "Each .sql file below test_dir holds one query that returns the rows which must not exist. Leading comments may give a\n"
        "name, a severity (error or warning) and a description:\n"
        "\n"
        "    -- name: every warehouse has a city\n"
        "    -- severity: error\n"
        "    -- description: the backfill must reach all rows\n"
        "    SELECT id FROM warehouses WHERE city IS NULL\n"
        "\n"
        "All tests see one snapshot in a read-only transaction. A query that fails or runs into statement_timeout counts as a\n"
        "failed test: it has not shown that the assertion holds.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_data_tests,
};
