/* schema_preview.c - stage schema-preview: the SQL that a deploy or a rollback would run. */
#include "dbstep/out.h"
#include "dbstep/redact.h"
#include "schema_common.h"
#include "schema_git.h"
#include "schema_policy.h"

enum direction { FORWARDS, BACKWARDS, FUTURE_BACKWARDS };

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database that would be changed"),
    SCHEMA_INPUTS,
    {IN_FIELD(struct schema_config, direction), .type = IN_CHOICE, .def = "update",
     .choices = "update|rollback|future-rollback",
     .doc =
         "What schema-deploy would run, what schema-rollback would, or how the pending changesets would be rolled back once they ran"},
    {IN_FIELD(struct schema_config, count), .type = IN_INTEGER, .def = "-1", .min = -1, .max = 1000000,
     .doc = "At most so many changesets; -1 for all. For a rollback: so many of the newest"},
    {IN_FIELD(struct schema_config, to_tag), .type = IN_STRING,
     .doc = "Stop behind the changeset that sets this tag; for a rollback: what ran after the row with the tag"},
    SCHEMA_RANGE_INPUTS,
    {IN_FIELD(struct schema_config, tag), .type = IN_STRING,
     .doc = "Tag put on the newest row of the history at the end"},
    {IN_FIELD(struct schema_config, print), .type = IN_BOOLEAN, .def = "false",
     .doc = "Print the SQL to standard output too"},
    SCHEMA_VERSION_INPUT,
    POLICY_INPUTS,
};

static const struct output_spec outputs[] = {
    {"changesets_pending", OUT_INTEGER, "Changesets that are still to run"},
    {"change_sets", OUT_JSON, "The changesets in the order of the script: id, author, path, result"},
    {"sql_commands", OUT_JSON, "The statements of the script, without those for history and lock"},
    {"sql_file", OUT_FILE, "The script"},
    POLICY_OUTPUTS,
    SCHEMA_GIT_OUTPUTS,
};

static bool finish(struct run *run, const struct str *script, const struct sent *sent, const char *file, bool print)
{
    if (!schema_write_sql(run, file, script->s))
        return false;
    if (print)
        out_text(redact_text(run->cx->arena, script->s));
    schema_output_statements(run, &sent->list);
    result_verdict(run->result, VERDICT_PASS);
    return true;
}

bool schema_preview_deploy(struct run *run, struct deploy *d, const char *file, bool print)
{
    struct arena *a = run->cx->arena;
    const struct plan *plan = deploy_plan(d);
    const struct changeset **sets = arena_array(a, plan->chosen.n + 1, sizeof *sets);
    struct str script = str_new(a);
    struct sent sent = {0};

    for (size_t i = 0; i < plan->chosen.n; i++)
        sets[i] = plan->chosen.at[i]->set;
    if (!deploy_preview(run->cx, d, &script, &sent) || !finish(run, &script, &sent, file, print))
        return false;
    schema_output_sets(run, sets, plan->chosen.n, "would run");
    schema_list_chosen(run, d, "Changesets that would run");
    result_summary(run->result, "%s%s would run", run->dry_run ? "dry run: " : "",
                   text_plural(a, (long long)plan->chosen.n, "changeset"));
    return true;
}

bool schema_preview_rollback(struct run *run, struct deploy *d, const struct rollback_plan *plan, const char *file,
                             bool print)
{
    struct arena *a = run->cx->arena;
    const struct changeset **sets = arena_array(a, plan->items.n + 1, sizeof *sets);
    struct str script = str_new(a);
    struct sent sent = {0};
    struct result_table *t =
        plan->items.n ? result_table(run->result, "Changesets that would be rolled back", "changeset|author|file|ran")
                      : NULL;

    if (!rollback_preview(run->cx, d, plan, &script, &sent) || !finish(run, &script, &sent, file, print))
        return false;
    for (size_t i = 0; i < plan->items.n; i++) {
        const struct changeset *cs = sets[i] = plan->items.at[i].set;
        const struct ran *ran = plan->items.at[i].ran;
        const char *const row[] = {cs->id, cs->author, arena_printf(a, "%s:%d", cs->file, cs->line),
                                   ran ? ran->executed : "not yet"};
        result_row(run->result, t, row);
    }
    schema_output_sets(run, sets, plan->items.n, "would be rolled back");
    result_summary(run->result, "%s%s would be rolled back", run->dry_run ? "dry run: " : "",
                   text_plural(a, (long long)plan->items.n, "changeset"));
    return true;
}

static bool run_preview(struct run *run, const void *config)
{
    const struct schema_config *c = config;
    struct ctx *cx = run->cx;
    struct changelog log;
    struct rollback_range range;
    struct rollback_plan plan;
    DEPLOY_AUTO d = NULL;

    if (schema_is_flyway(c))
        return flyway_preview_stage(run, c);
    if ((c->direction == BACKWARDS && !schema_range(run, c, &range)) || !schema_open(run, c, &log, &d) ||
        !deploy_check(cx, d))
        return false;
    result_output_int(run->result, "changesets_pending", (long long)deploy_plan(d)->to_run);
    bool ok;
    if (c->direction == FORWARDS)
        ok = schema_preview_deploy(run, d, "preview.sql", c->print);
    else
        ok = (c->direction == BACKWARDS ? rollback_resolve(cx, d, &range, &plan)
                                        : rollback_resolve_future(cx, d, &plan)) &&
             schema_preview_rollback(run, d, &plan, "preview.sql", c->print);
    return ok && schema_policy_write(run, c, result_output_get(run->result, "sql_commands"));
}

const struct stage stage_schema_preview = {
    .name = "schema-preview",
    .summary = "Print the SQL that schema-deploy or schema-rollback would run",
    .manual =
        "Writes a script like Liquibase's update-sql: lock, statements and history rows of every pending changeset, release. It\n"
        "can be run with psql. Nothing is written to the database and no lock is taken, so a read-only role will do.\n"
        "With direction rollback it is the script of schema-rollback, with the same inputs for the range (rollback-sql); with\n"
        "future-rollback, what would undo the pending changesets after a deploy (future-rollback-sql), which also proves that each\n"
        "of them has a rollback.\n"
        "policy_input.json holds the statements for the rules of an Open Policy Agent.\n"
        "Secrets that dbstep knows of are masked in the script.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct schema_config),
    .run = run_preview,
};
