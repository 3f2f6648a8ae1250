/* schema_deploy.c - stage schema-deploy: run the pending changesets of a changelog. */
#include "dbstep/json.h"
#include "schema_common.h"

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database to change"),
    SCHEMA_INPUTS,
    FLYWAY_ACTION_INPUT,
    {IN_FIELD(struct schema_config, count), .type = IN_INTEGER, .def = "-1", .min = -1, .max = 1000000,
     .doc = "At most so many changesets; -1 for all"},
    {IN_FIELD(struct schema_config, tag), .type = IN_STRING,
     .doc = "Tag put on the newest row of the history at the end"},
    {IN_FIELD(struct schema_config, tag_before), .type = IN_BOOLEAN, .def = "false",
     .doc = "Tag the newest row before the first changeset, unless it has a tag, so that a rollback can name it"},
    {IN_FIELD(struct schema_config, lock_timeout), .type = IN_DURATION, .def = "2s", .min = 0, .max = 86400000,
     .doc = "Longest wait of a statement for a lock on a table, while traffic queues behind it; 0 for none"},
    {IN_FIELD(struct schema_config, lock_retries), .type = IN_INTEGER, .def = "10", .min = 0, .max = 1000,
     .doc = "How often a changeset is tried again after lock_timeout, with growing pauses"},
    {IN_FIELD(struct schema_config, statement_timeout), .type = IN_DURATION, .def = "0", .min = 0, .max = 2147483647,
     .doc = "Longest time for one statement; 0 for none"},
    {IN_FIELD(struct schema_config, lock_wait), .type = IN_DURATION, .def = "5m", .min = 0, .max = 86400000,
     .doc = "Longest wait for another deploy that holds the changelog lock"},
    {IN_FIELD(struct schema_config, liquibase_version), .type = IN_STRING, .def = DEPLOY_LIQUIBASE_VERSION,
     .flags = IN_ADVANCED,
     .doc = "What goes into the history's LIQUIBASE column; Liquibase reads it as one of its versions"},
};

static const struct output_spec outputs[] = {
    {"changesets_applied", OUT_INTEGER, "Changesets that ran or were marked as ran"},
    {"changesets_pending", OUT_INTEGER, "Changesets that are still to run"},
    {"changesets_failed", OUT_INTEGER, "Changesets with failOnError:false that failed"},
    {"pre_start_tag", OUT_STRING, "Tag of the newest row before the run; empty when it had none"},
    {"deployment_id", OUT_STRING, "Liquibase's deployment id of this run; empty when nothing ran"},
    {"transaction_ids", OUT_JSON, "Transaction ids of the changesets that ran, decimal texts"},
    {"schema_version", OUT_STRING, "Flyway: version of the schema afterwards; empty when it has none"},
    {"sql_file", OUT_FILE, "The SQL that ran, or with dry_run the SQL that would run"},
};

static void list_steps(struct run *run, const struct deploy_report *r)
{
    static const char *const names[] = {"executed", "ran again", "marked as ran", "failed, run went on",
                                        "skipped by precondition"};
    struct arena *a = run->cx->arena;
    struct result_table *t = result_table(run->result, "Changesets", "changeset|author|file|result|#time|#retries");
    for (size_t i = 0; i < r->steps.n; i++) {
        const struct deploy_step *s = &r->steps.at[i];
        const char *const row[] = {
            s->set->id,        s->set->author,          arena_printf(a, "%s:%d", s->set->file, s->set->line),
            names[s->outcome], text_duration(a, s->ms), text_group_digits(a, s->retries)};
        result_row(run->result, t, row);
        if (s->outcome != STEP_FAILED && !*s->note)
            continue;
        struct finding *f = result_finding(run->result, s->outcome == STEP_FAILED ? SEV_WARNING : SEV_NOTE,
                                           s->outcome == STEP_FAILED ? "changeset-failed" : "precondition",
                                           "changeset %s: %s", changeset_name(a, s->set), s->note);
        f->file = s->set->file;
        f->line = s->set->line;
    }
}

static void report_ids(struct run *run, const struct deploy_report *r)
{
    struct str json = str_new(run->cx->arena);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < r->xids.n; i++)
        json_string(&w, NULL, r->xids.at[i]);
    json_end_array(&w);
    result_output(run->result, "transaction_ids", json.s);
}

static bool dry_run(struct run *run, const struct schema_config *c, struct deploy *d)
{
    struct str script = str_new(run->cx->arena);
    const struct plan *plan = deploy_plan(d);
    if (!deploy_preview(run->cx, d, &script) || !schema_write_sql(run, "deploy.sql", script.s))
        return false;
    schema_list_pending(run, d, "Changesets that would run", c->count);
    result_output_int(run->result, "changesets_applied", 0);
    result_output(run->result, "transaction_ids", "[]");
    result_output_int(run->result, "changesets_pending", (long long)plan->to_run);
    result_verdict(run->result, VERDICT_PASS);
    result_summary(run->result, "dry run: %s would run",
                   text_plural(run->cx->arena, (long long)plan->to_run, "changeset"));
    return true;
}

static bool run_deploy(struct run *run, const void *config)
{
    const struct schema_config *c = config;
    struct ctx *cx = run->cx;
    struct arena *a = cx->arena;
    struct changelog log;
    struct deploy_report report;
    DEPLOY_AUTO d = NULL;

    if (schema_is_flyway(c))
        return flyway_deploy_stage(run, c);
    if (!schema_open(run, c, &log, &d) || !deploy_check(cx, d))
        return false;
    if (run->dry_run)
        return dry_run(run, c, d);

    long long started = clock_ms();
    bool ok = deploy_run(cx, d, &report);
    result_timing(run->result, "run changesets", clock_ms() - started);
    result_output_int(run->result, "changesets_applied", (long long)report.applied);
    result_output_int(run->result, "changesets_pending", (long long)report.left);
    result_output_int(run->result, "changesets_failed", (long long)report.failed);
    result_output(run->result, "pre_start_tag", report.pre_start_tag);
    result_output(run->result, "deployment_id", report.deployment_id);
    report_ids(run, &report);
    if (report.steps.n)
        list_steps(run, &report);
    if (report.sql.len) {
        struct ctx writing = {.arena = a}; /* a full disk must not hide why the deploy failed */
        struct run again = *run;
        again.cx = ok ? cx : &writing;
        if (!schema_write_sql(&again, "deploy.sql", report.sql.s) && ok)
            return false;
    }
    if (!ok)
        return false;

    result_verdict(run->result, VERDICT_PASS);
    if (!report.applied && !report.failed) {
        result_summary(run->result, "nothing to do: all %s of %s ran before",
                       text_plural(a, (long long)log.sets.n, "changeset"), log.path);
        return true;
    }
    result_summary(run->result, "%s applied%s%s", text_plural(a, (long long)report.applied, "changeset"),
                   report.failed ? arena_printf(a, ", %zu failed (failOnError:false)", report.failed) : "",
                   report.left ? arena_printf(a, ", %zu still pending", report.left) : "");
    result_proof(
        run->result,
        "the history was read again after the run: it has a row with the right checksum for each of the %s of deployment %s",
        text_plural(a, (long long)report.applied, "changeset"), report.deployment_id);
    return true;
}

const struct stage stage_schema_deploy = {
    .name = "schema-deploy",
    .summary = "Run the pending changesets of a Liquibase changelog, or Flyway migrations",
    .manual =
        "Reads formatted SQL changelogs, and plain .sql files as one changeset, as Liquibase 4.33 does, and keeps its history and\n"
        "lock tables, so that both can work on one database in turn. Everything is checked before the first change: syntax,\n"
        "duplicate changesets, edited changesets that already ran.\n"
        "\n"
        "A changeset and its row in the history are one transaction. With runInTransaction:false its statements run one by one;\n"
        "how far they came is noted in the table databasechangelog_progress, and the next run goes on there.\n"
        "\n"
        "Traffic never queues for long behind a waiting statement: after lock_timeout the changeset is rolled back and tried again\n"
        "after a pause, up to lock_retries times; then the stage fails with exit status 14 and may be run again. Statements that build\n"
        "CONCURRENTLY wait without that limit, since nobody queues behind them.\n"
        "\n"
        "The changelog lock dies with its owner: a killed run never blocks the next one. A lock that another tool holds is honoured\n"
        "for lock_wait. The connection must be a session of its own: a pooler in transaction mode does not do.\n"
        "\n"
        "${name} in a changelog is replaced by the environment variable of that name, else by an item of parameters, else by a\n"
        "property of the changelog.\n"
        "\n"
        "With migrations (folders) in place of changelog_file, Flyway's migrations are deployed, with Flyway's history and lock; see\n"
        "docs/flyway.md. flyway_action makes a baseline, repairs the history, or undoes.\n"
        "\n"
        "Exit status 20: a changeset failed and nothing changed; 21: earlier changesets were applied and stay; 4: a changeset that\n"
        "already ran was edited, or a precondition halts; 14: the changelog or a table is locked; 22: the connection was lost while\n"
        "committing and the server could not be asked again.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct schema_config),
    .run = run_deploy,
};
