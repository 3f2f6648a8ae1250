/* schema_preview.c - stage schema-preview: the SQL that a deploy would run. */
#include "dbstep/out.h"
#include "dbstep/redact.h"
#include "schema_common.h"

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database that would be changed"),
    SCHEMA_INPUTS,
    {IN_FIELD(struct schema_config, count), .type = IN_INTEGER, .def = "-1", .min = -1, .max = 1000000,
     .doc = "At most so many changesets; -1 for all"},
    {IN_FIELD(struct schema_config, tag), .type = IN_STRING,
     .doc = "Tag put on the newest row of the history at the end"},
    {IN_FIELD(struct schema_config, print), .type = IN_BOOLEAN, .def = "false",
     .doc = "Print the SQL to standard output too"},
    {IN_FIELD(struct schema_config, liquibase_version), .type = IN_STRING, .def = DEPLOY_LIQUIBASE_VERSION,
     .flags = IN_ADVANCED,
     .doc = "What goes into the history's LIQUIBASE column; Liquibase reads it as one of its versions"},
};

static const struct output_spec outputs[] = {
    {"changesets_pending", OUT_INTEGER, "Changesets that are still to run"},
    {"sql_file", OUT_FILE, "The SQL that a deploy would run"},
};

static bool run_preview(struct run *run, const void *config)
{
    const struct schema_config *c = config;
    struct ctx *cx = run->cx;
    struct str script = str_new(cx->arena);
    struct changelog log;
    DEPLOY_AUTO d = NULL;

    if (schema_is_flyway(c))
        return flyway_preview_stage(run, c);
    if (!schema_open(run, c, &log, &d) || !deploy_check(cx, d) || !deploy_preview(cx, d, &script) ||
        !schema_write_sql(run, "preview.sql", script.s))
        return false;
    if (c->print)
        out_text(redact_text(cx->arena, script.s));
    long long pending = (long long)deploy_plan(d)->to_run;
    schema_list_pending(run, d, "Changesets that would run", c->count);
    result_output_int(run->result, "changesets_pending", pending);
    result_verdict(run->result, VERDICT_PASS);
    result_summary(run->result, "%s of %s would run", text_plural(cx->arena, pending, "changeset"), log.path);
    return true;
}

const struct stage stage_schema_preview = {
    .name = "schema-preview",
    .summary = "Print the SQL that schema-deploy would run",
    .manual =
        "Writes a script like Liquibase's update-sql: lock, statements and history rows of every pending changeset, release. It\n"
        "can be run with psql. Nothing is written to the database and no lock is taken, so a read-only role will do.\n"
        "Secrets that dbstep knows of are masked in the script.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct schema_config),
    .run = run_preview,
};
