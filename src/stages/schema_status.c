/* schema_status.c - stage schema-status: the changelog against the history, and who holds the lock. */
#include "dbstep/json.h"
#include "schema_common.h"
#include "schema_git.h"

static const struct input_spec inputs[] = {
    IN_DATABASE(struct schema_config, db, "", "the database that is looked at"),
    SCHEMA_INPUTS,
    {IN_FIELD(struct schema_config, history), .type = IN_BOOLEAN, .def = "false",
     .doc = "List the rows of the history too, as a table and as the output history"},
};

static const struct output_spec outputs[] = {
    {"changesets_pending", OUT_INTEGER, "Changesets that are still to run"},
    {"changesets_ran", OUT_INTEGER, "Changesets of the changelog that ran"},
    {"changesets_skipped", OUT_INTEGER, "Changesets left out by context, label, dbms or ignore"},
    {"changesets_changed", OUT_INTEGER, "Changesets that ran and were edited since"},
    {"changesets_unknown", OUT_INTEGER, "Rows of the history that the changelog does not have"},
    {"lock_state", OUT_STRING,
     "free, held (by a live run), stale (left by a dead run of dbstep), or foreign (held by another tool)"},
    {"schema_version", OUT_STRING, "Flyway: version of the schema; empty when it has none"},
    {"last_tag", OUT_STRING, "Tag of the newest row; empty when it has none"},
    {"history_rows", OUT_INTEGER, "Rows of the history"},
    {"history", OUT_JSON, "With history: its rows, oldest first, with the columns of the table"},
    SCHEMA_GIT_OUTPUTS,
};

static void look_at_sets(struct run *run, const struct deploy *d, size_t *ran, size_t *skipped)
{
    const struct plan *plan = deploy_plan(d);
    struct arena *a = run->cx->arena;
    *ran = *skipped = 0;
    for (size_t i = 0; i < plan->items.n; i++) {
        const struct plan_item *item = &plan->items.at[i];
        struct finding *f = NULL;
        *ran += item->ran != NULL;
        *skipped += item->action == PLAN_SKIP;
        if (item->action == PLAN_CHANGED && item->ran) {
            f = result_finding(run->result, SEV_ERROR, "checksum-changed", "changeset %s ran as %s but is now %s",
                               changeset_name(a, item->set), item->ran->md5sum,
                               *item->sum_as_stored ? item->sum_as_stored : item->sum);
            f->hint = "undo the edit and put the change into a new changeset";
        } else if (item->action == PLAN_RUN) {
            f = result_finding(run->result, SEV_NOTE, "pending", "changeset %s has not run",
                               changeset_name(a, item->set));
        } else if (item->action == PLAN_RERUN) {
            f = result_finding(run->result, SEV_NOTE, "pending", "changeset %s will run again (%s)",
                               changeset_name(a, item->set), item->why);
        }
        if (!f)
            continue;
        f->file = item->set->file;
        f->line = item->set->line;
        f->object = changeset_name(a, item->set);
    }
    for (size_t i = 0; i < plan->unknown.n; i++) {
        const struct ran *r = plan->unknown.at[i];
        struct finding *f = result_finding(run->result, SEV_NOTE, "unknown-in-database",
                                           "the history has %s::%s::%s of %s, which the changelog does not have",
                                           r->path, r->id, r->author, r->executed);
        f->object = arena_printf(a, "%s::%s::%s", r->path, r->id, r->author);
        f->hint =
            "it belongs to another changelog, or the path changed: compare it with changelog_file and search_path";
    }
}

static bool look_at_lock(struct run *run, struct deploy *d)
{
    struct lock_state lock;
    struct finding *f = NULL;
    const char *state = "free";
    if (!deploy_lock_state(run->cx, d, &lock))
        return false;
    if (lock.session) {
        state = "held";
        result_finding(run->result, SEV_WARNING, "lock-held", "a deploy is under way: %s", lock.session_what);
    } else if (lock.locked && lock.ours) {
        state = "stale";
        f = result_finding(run->result, SEV_NOTE, "lock-stale", "the lock was left behind by '%s' since %s", lock.by,
                           lock.since);
        f->hint = "the next schema-deploy takes it over";
    } else if (lock.locked) {
        state = "foreign";
        f = result_finding(run->result, SEV_WARNING, "lock-held", "the lock is held by '%s' since %s", lock.by,
                           lock.since);
        f->hint = "when that run is dead for certain, schema-deploy with the action release-lock frees it";
    }
    result_output(run->result, "lock_state", state);
    return true;
}

static void text_or_null(struct json_writer *w, const char *key, const char *text)
{
    json_string(w, key, *text ? text : NULL);
}

static void list_history(struct run *run, const struct deploy *d)
{
    struct ran_list rows = deploy_rows(d);
    struct arena *a = run->cx->arena;
    struct str json = str_new(a);
    struct json_writer w = json_writer(&json);
    struct result_table *t =
        rows.n ? result_table(run->result, "History", "#order|executed|changeset|author|path|result|tag|deployment")
               : NULL;

    json_array(&w, NULL);
    for (size_t i = 0; i < rows.n; i++) {
        const struct ran *r = &rows.at[i];
        const char *const row[] = {arena_printf(a, "%lld", r->order),
                                   r->executed,
                                   r->id,
                                   r->author,
                                   r->path,
                                   r->exectype,
                                   r->tag,
                                   r->deployment_id};
        result_row(run->result, t, row);
        json_object(&w, NULL);
        json_string(&w, "id", r->id);
        json_string(&w, "author", r->author);
        json_string(&w, "filename", r->path);
        json_string(&w, "dateexecuted", r->executed);
        json_int(&w, "orderexecuted", r->order);
        json_string(&w, "exectype", r->exectype);
        text_or_null(&w, "md5sum", r->md5sum);
        json_string(&w, "description", r->description);
        json_string(&w, "comments", r->comments);
        text_or_null(&w, "tag", r->tag);
        text_or_null(&w, "liquibase", r->liquibase);
        text_or_null(&w, "contexts", r->contexts);
        text_or_null(&w, "labels", r->labels);
        text_or_null(&w, "deployment_id", r->deployment_id);
        json_end_object(&w);
    }
    json_end_array(&w);
    result_output(run->result, "history", json.s);
}

static void compare(struct run *run, const struct deploy *d, const struct changelog *log)
{
    struct result *r = run->result;
    const struct plan *plan = deploy_plan(d);
    size_t ran, skipped;

    look_at_sets(run, d, &ran, &skipped);
    schema_note_order(run, d);
    schema_list_chosen(run, d, "Pending changesets");
    result_output_int(r, "changesets_pending", (long long)plan->to_run);
    result_output_int(r, "changesets_ran", (long long)ran);
    result_output_int(r, "changesets_skipped", (long long)skipped);
    result_output_int(r, "changesets_changed", (long long)plan->changed);
    result_output_int(r, "changesets_unknown", (long long)plan->unknown.n);
    result_verdict(r, plan->changed ? VERDICT_FAIL : VERDICT_PASS);
    result_summary(r, "%s: %zu ran, %zu pending, %zu edited since, %zu unknown to the changelog", log->path, ran,
                   plan->to_run, plan->changed, plan->unknown.n);
}

static bool run_status(struct run *run, const void *config)
{
    const struct schema_config *c = config;
    struct result *r = run->result;
    struct changelog log = {.path = "", .file = ""};
    bool alone = text_empty(c->changelog_file);
    DEPLOY_AUTO d = NULL;

    if (schema_is_flyway(c))
        return flyway_status_stage(run, c);
    if (alone ? !schema_connect(run, c, &log, &d) : !schema_open(run, c, &log, &d))
        return false;
    const struct ran *last = deploy_last(d);
    size_t rows = deploy_rows(d).n;
    if (alone) {
        result_verdict(r, VERDICT_PASS);
        result_summary(r, "the history has %s; no changelog to compare them with",
                       text_plural(run->cx->arena, (long long)rows, "row"));
    } else {
        compare(run, d, &log);
    }
    if (!look_at_lock(run, d))
        return false;
    if (c->history)
        list_history(run, d);
    result_output_int(r, "history_rows", (long long)rows);
    result_output(r, "last_tag", last ? last->tag : "");
    return true;
}

const struct stage stage_schema_status = {
    .name = "schema-status",
    .summary = "Tell what is pending, what ran, what was edited since, and who holds the lock",
    .manual =
        "Compares a changelog with the history in the database; writes nothing and takes no lock. Findings: checksum-changed\n"
        "(error), lock-held (warning), and as notes pending, out-of-order (new, yet in front of one that ran), unknown-in-database,\n"
        "lock-stale. With fail_on note the stage fails as soon as anything is pending. Without changelog_file it tells about the\n"
        "history and the lock alone.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct schema_config),
    .run = run_status,
};
