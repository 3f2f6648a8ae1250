/* schema_rollback.c - stage schema-rollback: take changesets back. */
#include "schema_common.h"

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database to change"),
    SCHEMA_INPUTS,
    {IN_FIELD(struct schema_config, to_tag), .type = IN_STRING,
     .doc = "Roll back what ran after the newest row with this tag"},
    {IN_FIELD(struct schema_config, count), .type = IN_INTEGER, .def = "-1", .min = -1, .max = 1000000,
     .doc = "Roll back so many of the newest changesets"},
    SCHEMA_RANGE_INPUTS,
    SCHEMA_RUN_INPUTS,
};

static const struct output_spec outputs[] = {
    {"changesets_rolled_back", OUT_INTEGER, "Changesets that were rolled back"},
    {"changesets_pending", OUT_INTEGER, "Changesets that are to run now"},
    {"pre_start_tag", OUT_STRING, "Tag of the newest row before the run; empty when it had none"},
    {"change_sets", OUT_JSON, "The changesets in the order in which they were rolled back: id, author, path, result"},
    {"sql_commands", OUT_JSON, "The statements that ran, without those for the history"},
    {"changesets_applied", OUT_INTEGER, "Flyway: undo migrations that ran"},
    {"changesets_failed", OUT_INTEGER, "Flyway: always 0"},
    {"schema_version", OUT_STRING, "Flyway: version of the schema afterwards; empty when it has none"},
    {"deployment_id", OUT_STRING, "Flyway: always empty"},
    {"transaction_ids", OUT_JSON, "Flyway: transaction ids of the undo migrations that ran, decimal texts"},
    {"sql_file", OUT_FILE, "The SQL that ran, or with dry_run the SQL that would run"},
};

static bool run_rollback(struct run *run, const void *config)
{
    const struct schema_config *c = config;
    struct ctx *cx = run->cx;
    struct changelog log;
    struct rollback_range range;
    struct rollback_plan plan;
    struct deploy_report report;
    DEPLOY_AUTO d = NULL;

    if (schema_is_flyway(c))
        return flyway_rollback_stage(run, c, text_empty(c->to_tag) ? NULL : c->to_tag, c->count);
    /* What cannot be resolved is told before anybody is made to wait for the lock. */
    if (!schema_range(run, c, &range) || !schema_open(run, c, &log, &d) || !deploy_check(cx, d) ||
        !rollback_resolve(cx, d, &range, &plan))
        return false;
    if (run->dry_run) {
        const struct ran *last = deploy_last(d);
        result_output_int(run->result, "changesets_rolled_back", 0);
        result_output_int(run->result, "changesets_pending", (long long)deploy_plan(d)->to_run);
        result_output(run->result, "pre_start_tag", last ? last->tag : "");
        return schema_preview_rollback(run, d, &plan, "rollback.sql", false);
    }
    long long started = clock_ms();
    bool ok = rollback_run(cx, d, &range, &report);
    result_timing(run->result, "roll back", clock_ms() - started);
    result_output_int(run->result, "changesets_rolled_back", (long long)report.applied);
    result_output_int(run->result, "changesets_pending", (long long)report.left);
    result_output(run->result, "pre_start_tag", report.pre_start_tag);
    schema_report_sets(run, &report);
    schema_report_steps(run, &report);
    if (!schema_report_sql(run, "rollback.sql", &report, ok) || !ok)
        return false;
    result_verdict(run->result, VERDICT_PASS);
    if (!report.applied) {
        result_summary(run->result, "nothing to roll back%s",
                       plan.skipped ? arena_printf(cx->arena, "; the filters leave out %s",
                                                   text_plural(cx->arena, (long long)plan.skipped, "changeset"))
                                    : "");
        return true;
    }
    result_summary(run->result, "%s rolled back", text_plural(cx->arena, (long long)report.applied, "changeset"));
    result_proof(run->result,
                 "the history was read again after the run: the rows of the %s are gone, and all others are there",
                 text_plural(cx->arena, (long long)report.applied, "changeset"));
    return true;
}

const struct stage stage_schema_rollback = {
    .name = "schema-rollback",
    .summary = "Roll changesets back: to a tag, by count, to a date, or one",
    .manual =
        "Takes back changesets that ran, newest first, as Liquibase's rollback commands do: the rollback that a changeset gives, or the\n"
        "inverse of its changes where there is one. The row with the tag stays, unless its changeset does nothing but set the tag.\n"
        "Contexts, labels and dbms leave changesets out as in a deploy; count counts what they let through.\n"
        "\n"
        "The rollback of every changeset is resolved before the first one runs: one that has none, or that the changelog does not\n"
        "have, ends the stage with exit status 4, all of them named, and nothing changed. With dry_run the script is written and\n"
        "nothing else is done.\n"
        "\n"
        "A changeset's rollback and the removal of its row are one transaction, under the changelog lock, with lock_timeout and\n"
        "retries as in a deploy. A killed run leaves every changeset either as it was or rolled back: run the stage again, to the same\n"
        "tag or date. By count, it would count anew. Flyway's migrations are undone by their U scripts, by count or down to the\n"
        "version in to_tag. Other exit statuses are those of schema-deploy.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct schema_config),
    .run = run_rollback,
};
