/* schema_deploy.c - stage schema-deploy: run the pending changesets of a changelog. */
#include "dbstep/json.h"
#include "schema_common.h"
#include "schema_git.h"

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database to change"),
    SCHEMA_INPUTS,
    {IN_FIELD(struct schema_config, action), .type = IN_CHOICE, .def = "update",
     .choices = "update|changelog-sync|changelog-sync-to-tag|mark-next-changeset-ran|clear-checksums|tag|release-lock",
     .doc = "What to do; as Liquibase's command of that name. All but the last three need changelog_file"},
    FLYWAY_ACTION_INPUT,
    {IN_FIELD(struct schema_config, count), .type = IN_INTEGER, .def = "-1", .min = -1, .max = 1000000,
     .doc = "At most so many changesets; -1 for all"},
    {IN_FIELD(struct schema_config, to_tag), .type = IN_STRING,
     .doc = "Stop behind the changeset that sets this tag; nothing runs when a row of the history has it already"},
    {IN_FIELD(struct schema_config, tag), .type = IN_STRING,
     .doc = "Tag put on the newest row of the history at the end"},
    {IN_FIELD(struct schema_config, tag_before), .type = IN_BOOLEAN, .def = "false",
     .doc =
         "Tag the newest row before the first changeset, unless it has a tag, so that a rollback can name it; an empty history "
         "gets a row for it"},
    SCHEMA_RUN_INPUTS,
    {IN_FIELD(struct schema_config, force), .type = IN_BOOLEAN, .def = "false", .flags = IN_ADVANCED,
     .doc = "With release-lock: release the lock of another tool although its owner may be alive"},
    SCHEMA_VERSION_INPUT,
};

static const struct output_spec outputs[] = {
    {"changesets_applied", OUT_INTEGER, "Changesets that ran or were marked as ran"},
    {"changesets_pending", OUT_INTEGER, "Changesets that are still to run"},
    {"changesets_failed", OUT_INTEGER, "Changesets with failOnError:false that failed"},
    {"pre_start_tag", OUT_STRING, "Tag of the newest row before the run; empty when it had none"},
    {"deployment_id", OUT_STRING, "Liquibase's deployment id of this run; empty when nothing ran"},
    {"change_sets", OUT_JSON, "The changesets in the order in which they ran: id, author, path, result"},
    {"sql_commands", OUT_JSON, "The statements that ran or would run, without those for the history"},
    {"lock_released", OUT_BOOLEAN, "With release-lock: there was a lock, and it was released"},
    {"transaction_ids", OUT_JSON, "Transaction ids of the changesets that ran, decimal texts"},
    {"schema_version", OUT_STRING, "Flyway: version of the schema afterwards; empty when it has none"},
    {"sql_file", OUT_FILE, "The SQL that ran, or with dry_run the SQL that would run"},
    SCHEMA_GIT_OUTPUTS,
};

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

static bool dry_run(struct run *run, struct deploy *d)
{
    const struct ran *last = deploy_last(d);
    result_output_int(run->result, "changesets_applied", 0);
    result_output(run->result, "transaction_ids", "[]");
    result_output_int(run->result, "changesets_pending", (long long)deploy_plan(d)->to_run);
    result_output(run->result, "pre_start_tag", last ? last->tag : "");
    return schema_preview_deploy(run, d, "deploy.sql", false);
}

/* As Liquibase, which then runs everything, too: it may be a slip. */
static void warn_of_tag(struct run *run, const struct schema_config *c, const struct deploy *d)
{
    const struct plan *plan = deploy_plan(d);
    struct ran_list rows = deploy_rows(d);
    bool found = text_empty(c->to_tag);

    for (size_t i = 0; i < plan->items.n && !found; i++) {
        const char *tag = deploy_set_tag(plan->items.at[i].set);
        found = tag && text_equal(tag, c->to_tag);
    }
    for (size_t i = 0; i < rows.n && !found; i++)
        found = text_equal_nocase(rows.at[i].tag, c->to_tag);
    if (!found)
        result_finding(run->result, SEV_WARNING, "tag-not-found",
                       "no changeset sets the tag '%s' and no row has it, so all that is pending runs", c->to_tag);
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
    if (c->action >= ACTION_CLEAR_SUMS)
        return schema_action(run, c);
    if (c->action == ACTION_SYNC_TO_TAG && text_empty(c->to_tag))
        return fail(cx, E_INPUT, "the action changelog-sync-to-tag needs the input to_tag");
    if (!schema_open(run, c, &log, &d) || !deploy_check(cx, d))
        return false;
    schema_note_order(run, d);
    warn_of_tag(run, c, d);
    if (run->dry_run)
        return dry_run(run, d);

    long long started = clock_ms();
    bool ok = deploy_run(cx, d, &report);
    result_timing(run->result, "run changesets", clock_ms() - started);
    result_output_int(run->result, "changesets_applied", (long long)report.applied);
    result_output_int(run->result, "changesets_pending", (long long)report.left);
    result_output_int(run->result, "changesets_failed", (long long)report.failed);
    result_output(run->result, "pre_start_tag", report.pre_start_tag);
    result_output(run->result, "deployment_id", report.deployment_id);
    report_ids(run, &report);
    schema_report_sets(run, &report);
    schema_report_steps(run, &report);
    if (!schema_report_sql(run, "deploy.sql", &report, ok) || !ok)
        return false;

    result_verdict(run->result, VERDICT_PASS);
    if (!report.applied && !report.failed) {
        if (report.left)
            result_summary(run->result, "nothing to do: %s pending, but none that this run takes",
                           text_plural(a, (long long)report.left, "changeset"));
        else
            result_summary(run->result, "nothing to do: all %s of %s ran before",
                           text_plural(a, (long long)log.sets.n, "changeset"), log.path);
        return true;
    }
    result_summary(run->result, "%s %s%s%s", text_plural(a, (long long)report.applied, "changeset"),
                   c->action == ACTION_UPDATE ? "applied" : "recorded without running",
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
        "Reads changelogs in XML, YAML, JSON and formatted SQL, and plain .sql files as one changeset, as Liquibase 4.33 does, and\n"
        "keeps its history and lock tables, so that both can work on one database in turn. Everything is checked before the first\n"
        "change: syntax, names, duplicate changesets, edited changesets that already ran.\n"
        "\n"
        "A changeset and its row in the history are one transaction. With runInTransaction:false, or with a statement that cannot\n"
        "stand in a transaction (CREATE INDEX CONCURRENTLY, VACUUM …), its statements run one by one; how far they came is noted in\n"
        "the table databasechangelog_progress, and the next run goes on there. Small changesets are sent together, each in its own\n"
        "transaction.\n"
        "\n"
        "Traffic never queues for long behind a waiting statement: after lock_timeout the changeset is rolled back and tried again\n"
        "after a pause, up to lock_retries times; then the stage fails with exit status 14 and may be run again. Statements that build\n"
        "CONCURRENTLY wait without that limit, since nobody queues behind them.\n"
        "\n"
        "The changelog lock dies with its owner: a killed run never blocks the next one. A lock that another tool holds is honoured\n"
        "for lock_wait. The connection must be a session of its own: a pooler in transaction mode does not do.\n"
        "\n"
        "action does what Liquibase's command of that name does to the history: changelog-sync and mark-next-changeset-ran record\n"
        "changesets without running them, clear-checksums empties the checksums, tag tags the newest row (with the input tag),\n"
        "release-lock frees a lock whose owner is gone: one of a dead run of dbstep, or one of another tool when the database has no\n"
        "other session, or with force.\n"
        "\n"
        "Preconditions of the changelog and of changesets are asked as Liquibase asks them. A changeset with runWith is refused.\n"
        "\n"
        "${name} in a changelog is replaced by the environment variable of that name, else by an item of parameters, else by a\n"
        "property of the changelog. Values of variables and parameters are hidden in all that is shown where their names hold\n"
        "password, passwd or secret.\n"
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
