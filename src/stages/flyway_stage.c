/* flyway_stage.c - the schema stages on Flyway migrations; see flyway_stage.h. */
#include "flyway_stage.h"

#include <stdlib.h>
#include <string.h>

#include "dbstep/inputs.h"
#include "dbstep/json.h"
#include "dbstep/out.h"
#include "dbstep/redact.h"
#include "schema_common.h"

struct opened {
    struct flyway_config config;
    struct flyway_files files;
    struct flyway *f;
};

static void close_opened(struct opened *o)
{
    flyway_close(o->f);
}
#define OPENED_AUTO __attribute__((cleanup(close_opened))) struct opened

/* ---- from inputs to settings ---- */

static const char *variable(void *user, const char *name)
{
    return env_get(*(const struct env *)user, name);
}

static bool set_variables(struct ctx *cx, struct flyway_config *config, struct env env)
{
    for (const char *const *v = env.vars; v && *v; v++) {
        const char *eq = strchr(*v, '=');
        if (!text_starts(*v, "FLYWAY_") || !eq)
            continue;
        const char *name = arena_strndup(cx->arena, *v, (size_t)(eq - *v));
        if (!flyway_set_variable(cx, config, name, eq + 1)) {
            err_detail(cx, "in the environment variable %s", name);
            return false;
        }
    }
    return true;
}

static bool split_pair(struct ctx *cx, const char *input, const struct str_list *pairs, size_t i, const char **name,
                       const char **value)
{
    const char *pair = pairs->at[i], *eq = strchr(pair, '=');
    if (!eq || eq == pair) {
        fail(cx, E_INPUT, "item %zu of %s is not of the form name=value", i + 1, input); /* it may be half a secret */
        err_hint(cx, "values with commas in them: give the list one per line or as a JSON array");
        return false;
    }
    *name = text_trim(cx->arena, arena_strndup(cx->arena, pair, (size_t)(eq - pair)));
    *value = eq + 1;
    return true;
}

/* What Flyway has no such thing as must not seem to work. */
static bool check_inputs(struct ctx *cx, const struct schema_config *c)
{
    const char *stray = !text_empty(c->contexts)                ? "contexts"
                        : !text_empty(c->labels)                ? "labels"
                        : !text_empty(c->tag)                   ? "tag"
                        : c->tag_before                         ? "tag_before"
                        : c->action                             ? "action"
                        : !text_empty(c->to_date)               ? "to_date"
                        : !text_empty(c->changeset_id)          ? "changeset_id"
                        : c->split                              ? "split"
                        : !text_empty(c->liquibase_schema_name) ? "liquibase_schema_name"
                                                                : NULL;
    if (stray)
        return fail(cx, E_INPUT, "%s is Liquibase's and has no meaning for Flyway's migrations", stray);
    if (text_empty(c->changelog_file) || c->format)
        return true;
    fail(cx, E_INPUT, "changelog_file and migrations are both given");
    err_hint(cx, "give one of them, or say which by format");
    return false;
}

static bool configure(struct run *run, const struct schema_config *c, struct flyway_config *config)
{
    struct ctx *cx = run->cx;
    struct env *env = ARENA_NEW(cx->arena, struct env);
    const char *name, *value;
    *env = env_process();
    flyway_defaults(cx->arena, config);
    if (!check_inputs(cx, c) ||
        (!text_empty(c->flyway_conf) && !flyway_read_conf(cx, config, c->flyway_conf, variable, env)) ||
        !set_variables(cx, config, *env))
        return false;
    for (size_t i = 0; i < c->flyway_options.n; i++)
        if (!split_pair(cx, "flyway_options", &c->flyway_options, i, &name, &value) ||
            !flyway_set(cx, config, name, text_trim(cx->arena, value)))
            return false;
    for (size_t i = 0; i < c->parameters.n; i++)
        if (!split_pair(cx, "parameters", &c->parameters, i, &name, &value) ||
            !flyway_set(cx, config, arena_printf(cx->arena, "placeholders.%s", name), value))
            return false;
    if (c->migrations.n)
        config->locations = c->migrations;
    if (!text_empty(c->default_schema_name))
        config->default_schema = c->default_schema_name;
    config->lock_wait_ms = c->lock_wait;
    config->lock_timeout_ms = c->lock_timeout;
    config->lock_retries = c->lock_retries;
    config->statement_timeout_ms = c->statement_timeout;
    if (config->locations.n)
        return true;
    fail(cx, E_INPUT, "no folder of migrations is given");
    err_hint(cx, "migrations names the folders, or the setting locations in flyway_conf");
    return false;
}

static bool open_all(struct run *run, const struct schema_config *c, struct opened *o)
{
    struct ctx *cx = run->cx;
    long long started = clock_ms();
    if (!text_empty(c->changelog_commit)) {
        fail(cx, E_INPUT,
             "changelog_commit is for changelogs of Liquibase; Flyway's migrations are read as they lie there");
        err_hint(cx, "check the commit out");
        return false;
    }
    if (!configure(run, c, &o->config) || !flyway_load(cx, &o->config, &c->search_path, &o->files))
        return false;
    result_timing(run->result, "read the migrations", clock_ms() - started);
    started = clock_ms();
    if (!flyway_open(cx, &c->db, &o->config, &o->files, &o->f))
        return false;
    result_timing(run->result, "connect and read the history", clock_ms() - started);
    return true;
}

/* ---- what all of them show ---- */

static const char *kind_of(const struct flyway_script *s)
{
    static const char *const names[] = {"versioned", "repeatable", "undo", "baseline", "callback"};
    return names[s->kind];
}

static const char *version_of(const struct flyway_version *v)
{
    return v->text ? v->text : "";
}

static void write_set(struct json_writer *w, const struct flyway_script *s, const char *what)
{
    json_object(w, NULL);
    json_string(w, "id", s->version.text ? s->version.text : s->description);
    json_string(w, "author", "");
    json_string(w, "path", s->script);
    json_string(w, "result", what);
    json_end_object(w);
}

static const char *outcome_name(enum flyway_outcome o)
{
    static const char *const names[] = {"executed", "ran again", "undone", "recorded, not run"};
    return names[o];
}

static void list_pending(struct run *run, const struct flyway *f, const char *title, long long count)
{
    const struct flyway_info *info = flyway_info(f);
    struct result_table *t = NULL;
    struct str json = str_new(run->cx->arena);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < info->items.n && count; i++) {
        const struct flyway_item *item = &info->items.at[i];
        if (item->state != FLYWAY_PENDING)
            continue;
        if (!t)
            t = result_table(run->result, title, "version|description|kind|file");
        const char *const row[] = {version_of(&item->script->version), item->script->description, kind_of(item->script),
                                   item->script->file};
        result_row(run->result, t, row);
        write_set(&w, item->script, "would run");
        count -= count > 0;
    }
    json_end_array(&w);
    result_output(run->result, "change_sets", json.s);
}

static void list_steps(struct run *run, const struct flyway_report *r)
{
    struct arena *a = run->cx->arena;
    struct result_table *t = result_table(run->result, "Migrations", "version|description|file|result|#time|#retries");
    for (size_t i = 0; i < r->steps.n; i++) {
        const struct flyway_step *s = &r->steps.at[i];
        const char *const row[] = {version_of(&s->script->version),
                                   s->script->description,
                                   s->script->file,
                                   arena_printf(a, "%s%s%s", outcome_name(s->outcome),
                                                s->out_of_order ? ", out of order" : "",
                                                s->outside ? ", outside of a transaction" : ""),
                                   text_duration(a, s->ms),
                                   text_group_digits(a, s->retries)};
        result_row(run->result, t, row);
    }
}

static const char *json_list(struct arena *a, const struct str_list *list)
{
    struct str json = str_new(a);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < list->n; i++)
        json_string(&w, NULL, list->at[i]);
    json_end_array(&w);
    return json.s;
}

static void output_steps(struct run *run, const struct flyway_report *r)
{
    struct str json = str_new(run->cx->arena);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < r->steps.n; i++)
        write_set(&w, r->steps.at[i].script, outcome_name(r->steps.at[i].outcome));
    json_end_array(&w);
    result_output(run->result, "change_sets", json.s);
    schema_output_statements(run, &r->statements);
}

static void set_outputs(struct run *run, const struct flyway_report *r)
{
    output_steps(run, r);

    struct result *out = run->result;
    result_output_int(out, "changesets_applied", (long long)r->steps.n);
    result_output_int(out, "changesets_pending", (long long)r->left);
    result_output_int(out, "changesets_failed", 0);
    result_output(out, "pre_start_tag", r->before);
    result_output(out, "schema_version", r->after);
    result_output(out, "deployment_id", "");
    result_output(out, "transaction_ids", json_list(run->cx->arena, &r->xids));
}

/* A full disk must not hide why the run failed. */
static bool write_sql(struct run *run, const char *sql, bool ok)
{
    struct ctx writing = {.arena = run->cx->arena};
    struct run again = *run;
    if (!*sql)
        return true;
    again.cx = ok ? run->cx : &writing;
    return schema_write_sql(&again, "deploy.sql", sql) || !ok;
}

/* ---- schema-deploy ---- */

static bool conclude(struct run *run, struct opened *o, const struct flyway_report *r, bool undo)
{
    struct arena *a = run->cx->arena;
    const char *version = *r->after ? arena_printf(a, "version %s", r->after) : "without a version";
    result_verdict(run->result, VERDICT_PASS);
    if (!r->steps.n) {
        result_summary(run->result, "nothing to do: the schema %s is %s%s%s", flyway_schema(o->f),
                       *r->after ? "at " : "", version, undo ? ", and nothing is to be undone" : "");
        return true;
    }
    result_summary(run->result, "%s %s%s, schema %s is %s%s", text_plural(a, (long long)r->steps.n, "migration"),
                   undo ? "undone" : "applied", r->left && !undo ? arena_printf(a, ", %zu still pending", r->left) : "",
                   flyway_schema(o->f), *r->after ? "at " : "", version);
    result_proof(run->result, "the history was read again after the run: it has a successful row for each of the %s",
                 text_plural(a, (long long)r->steps.n, "migration"));
    return true;
}

static bool run_migrations(struct run *run, struct opened *o, long long count, const struct flyway_back *back)
{
    struct flyway_report report;
    long long started = clock_ms();
    bool ok = back ? flyway_undo(run->cx, o->f, back, &report) : flyway_migrate(run->cx, o->f, count, &report);
    result_timing(run->result, "run migrations", clock_ms() - started);
    set_outputs(run, &report);
    if (report.steps.n)
        list_steps(run, &report);
    if (report.baselined)
        result_finding(run->result, SEV_NOTE, "baselined", "the history began with the baseline version %s",
                       o->config.baseline_version);
    if (!write_sql(run, report.sql.s, ok) || !ok)
        return false;
    return conclude(run, o, &report, back != NULL);
}

static bool preview(struct run *run, struct opened *o, const char *file, long long count,
                    const struct flyway_back *back, bool print)
{
    struct str script = str_new(run->cx->arena);
    struct str_list statements = {0};
    const struct flyway_info *info = flyway_info(o->f);
    if (!(back ? flyway_preview_undo(run->cx, o->f, back, &script, &statements)
               : flyway_preview(run->cx, o->f, count, &script, &statements)) ||
        !schema_write_sql(run, file, script.s))
        return false;
    schema_output_statements(run, &statements);
    if (print)
        out_text(redact_text(run->cx->arena, script.s));
    if (!back)
        list_pending(run, o->f, "Migrations that would run", count);
    result_output_int(run->result, "changesets_pending", (long long)info->pending);
    result_verdict(run->result, VERDICT_PASS);
    result_summary(run->result, "%s%s", run->dry_run ? "dry run: " : "",
                   back ? "the script that would undo is written"
                        : arena_printf(run->cx->arena, "%s would run",
                                       text_plural(run->cx->arena, (long long)info->pending, "migration")));
    return true;
}

static bool baseline(struct run *run, struct opened *o)
{
    bool done = false;
    if (run->dry_run && flyway_history_exists(o->f) && !flyway_baseline(run->cx, o->f, &done))
        return false;
    if (!run->dry_run && !flyway_baseline(run->cx, o->f, &done))
        return false;
    result_output(run->result, "schema_version", version_of(&flyway_info(o->f)->current));
    result_output_int(run->result, "changesets_applied", 0);
    result_output_int(run->result, "changesets_pending", (long long)flyway_info(o->f)->pending);
    result_verdict(run->result, VERDICT_PASS);
    if (run->dry_run && !flyway_history_exists(o->f))
        result_summary(run->result, "dry run: schema %s would be at the baseline %s", flyway_schema(o->f),
                       o->config.baseline_version);
    else
        result_summary(run->result, "schema %s %s the baseline %s", flyway_schema(o->f), done ? "is now at" : "was at",
                       o->config.baseline_version);
    return true;
}

static void list_repairs(struct run *run, const struct flyway_repair *r)
{
    struct arena *a = run->cx->arena;
    if (!r->removed.n && !r->deleted.n && !r->aligned.n)
        return;
    struct result_table *t = result_table(run->result, "Repairs", "version|description|file|what");
    for (size_t i = 0; i < r->removed.n; i++) {
        const struct flyway_row *w = r->removed.at[i];
        const char *const row[] = {version_of(&w->version), w->description, w->script, "failed, row removed"};
        result_row(run->result, t, row);
    }
    for (size_t i = 0; i < r->deleted.n; i++) {
        const struct flyway_row *w = r->deleted.at[i];
        const char *const row[] = {version_of(&w->version), w->description, w->script, "missing, marked as deleted"};
        result_row(run->result, t, row);
    }
    for (size_t i = 0; i < r->aligned.n; i++) {
        const struct flyway_item *item = &r->aligned.at[i];
        const char *const row[] = {
            version_of(&item->row->version), item->script->description, item->script->file,
            arena_printf(a, "checksum %d, was %s", item->checksum,
                         item->row->has_checksum ? arena_printf(a, "%d", item->row->checksum) : "NULL")};
        result_row(run->result, t, row);
    }
}

static bool repair(struct run *run, struct opened *o)
{
    struct flyway_repair r;
    if (!flyway_repair(run->cx, o->f, run->dry_run, &r))
        return false;
    list_repairs(run, &r);
    result_output(run->result, "schema_version", version_of(&flyway_info(o->f)->current));
    result_output_int(run->result, "changesets_applied", 0);
    result_output_int(run->result, "changesets_pending", (long long)flyway_info(o->f)->pending);
    result_verdict(run->result, VERDICT_PASS);
    if (r.removed.n + r.deleted.n + r.aligned.n == 0)
        result_summary(run->result, "nothing to repair in the history of schema %s", flyway_schema(o->f));
    else
        result_summary(run->result, "%s%zu failed removed, %zu missing marked as deleted, %zu aligned with their files",
                       run->dry_run ? "dry run: " : "", r.removed.n, r.deleted.n, r.aligned.n);
    return true;
}

static bool undo(struct run *run, struct opened *o, const struct flyway_back *back)
{
    return run->dry_run ? preview(run, o, "deploy.sql", 0, back, false) : run_migrations(run, o, 0, back);
}

bool flyway_deploy_stage(struct run *run, const struct schema_config *c)
{
    OPENED_AUTO o = {.f = NULL};
    enum { MIGRATE, UNDO, BASELINE, REPAIR };
    if (!open_all(run, c, &o))
        return false;
    switch (c->flyway_action) {
    case UNDO: {
        /* without a target the newest one, as under Flyway */
        const char *target = o.config.target;
        const struct flyway_back back = {.count = c->count < 0 ? 1 : c->count,
                                         .to = target && text_equal_nocase(target, "latest") ? NULL : target};
        return undo(run, &o, &back);
    }
    case BASELINE: return baseline(run, &o);
    case REPAIR: return repair(run, &o);
    default: break;
    }
    if (run->dry_run) {
        result_output_int(run->result, "changesets_applied", 0);
        result_output(run->result, "transaction_ids", "[]");
        return preview(run, &o, "deploy.sql", c->count, NULL, false);
    }
    return run_migrations(run, &o, c->count, NULL);
}

static bool check_range(struct ctx *cx, const char *version, long long count)
{
    return (version != NULL) != (count >= 0) ||
           fail(cx, E_INPUT,
                "migrations are rolled back either by count or to the version in to_tag: one of them must be given");
}

bool flyway_rollback_stage(struct run *run, const struct schema_config *c, const char *version, long long count)
{
    OPENED_AUTO o = {.f = NULL};
    const struct flyway_back back = {.count = count, .to = version, .keep = true};
    bool ok = check_range(run->cx, version, count) && open_all(run, c, &o) && undo(run, &o, &back);
    const char *n = result_output_get(run->result, "changesets_applied");
    result_output_int(run->result, "changesets_rolled_back", n ? strtoll(n, NULL, 10) : 0);
    return ok;
}

/* ---- schema-preview ---- */

bool flyway_preview_stage(struct run *run, const struct schema_config *c)
{
    OPENED_AUTO o = {.f = NULL};
    enum { FORWARDS, BACKWARDS };
    const char *version = text_empty(c->to_tag) ? NULL : c->to_tag;
    const struct flyway_back back = {.count = c->count, .to = version, .keep = true};
    if (c->direction > BACKWARDS)
        return fail(run->cx, E_INPUT, "direction can be update or rollback for migrations");
    if (c->direction == BACKWARDS && !check_range(run->cx, version, c->count))
        return false;
    return open_all(run, c, &o) &&
           preview(run, &o, "preview.sql", c->count, c->direction == BACKWARDS ? &back : NULL, c->print);
}

/* ---- schema-status ---- */

static void tell_item(struct run *run, const struct flyway_item *item)
{
    struct arena *a = run->cx->arena;
    struct finding *f = NULL;
    if (item->fault) {
        f = result_finding(run->result, SEV_ERROR, item->fault_code, "%s", item->fault);
        f->hint = text_equal(item->fault_code, "checksum-changed")
                      ? "undo the edit and put the change into a new migration, or take it over with the action repair"
                  : text_equal(item->fault_code, "failed") ? "mend what it left half done, then repair the history"
                                                           : "bring the files back to what ran, or repair the history";
    } else if (item->state == FLYWAY_PENDING) {
        f = result_finding(run->result, SEV_NOTE, "pending", "migration %s has not run", item->script->script);
    } else if (item->state == FLYWAY_FUTURE || item->state == FLYWAY_FUTURE_FAILED || item->state == FLYWAY_MISSING) {
        f = result_finding(run->result, SEV_NOTE, "unknown-in-database",
                           "the history has %s of %s, which is not among the files", item->row->script,
                           item->row->installed_on);
        f->hint = "a newer checkout deployed it";
    }
    if (!f)
        return;
    f->file = item->script ? item->script->file : NULL;
    f->line = item->script ? 1 : 0;
    f->object = arena_strdup(a, item->script ? item->script->script : item->row->script);
}

static void list_all(struct run *run, const struct flyway_info *info)
{
    struct arena *a = run->cx->arena;
    if (!info->items.n)
        return;
    struct result_table *t =
        result_table(run->result, "Migrations", "version|description|type|installed on|state|#checksum");
    for (size_t i = 0; i < info->items.n; i++) {
        const struct flyway_item *item = &info->items.at[i];
        const struct flyway_row *r = item->row;
        const char *const row[] = {version_of(r ? &r->version : &item->script->version),
                                   r ? r->description : item->script->description,
                                   r ? r->type : kind_of(item->script),
                                   r ? r->installed_on : "",
                                   flyway_state_name(item->state),
                                   r && !r->has_checksum ? ""
                                                         : arena_printf(a, "%d", r ? r->checksum : item->checksum)};
        result_row(run->result, t, row);
    }
}

bool flyway_status_stage(struct run *run, const struct schema_config *c)
{
    OPENED_AUTO o = {.f = NULL};
    struct result *r = run->result;
    const char *holder;
    size_t unknown = 0, skipped = 0;

    struct str_list unfinished = {0};
    if (!open_all(run, c, &o) || !flyway_lock_holder(run->cx, o.f, &holder) ||
        !flyway_unfinished(run->cx, o.f, &unfinished))
        return false;
    const struct flyway_info *info = flyway_info(o.f);
    for (size_t i = 0; i < info->items.n; i++) {
        const struct flyway_item *item = &info->items.at[i];
        tell_item(run, item);
        unknown += item->state == FLYWAY_MISSING || item->state == FLYWAY_MISSING_FAILED ||
                   item->state == FLYWAY_FUTURE || item->state == FLYWAY_FUTURE_FAILED;
        skipped += !item->row && item->state != FLYWAY_PENDING;
    }
    for (size_t i = 0; i < o.files.bad_names.n; i++)
        result_finding(r, SEV_NOTE, "not-a-migration", "%s", o.files.bad_names.at[i]);
    for (size_t i = 0; i < unfinished.n; i++)
        result_finding(r, *holder ? SEV_NOTE : SEV_WARNING, "unfinished", "%s", unfinished.at[i])->hint =
            *holder ? "a run is at work on it" : "the next deploy goes on behind them";
    if (*holder)
        result_finding(r, SEV_WARNING, "lock-held", "a deploy is under way: %s", holder);
    list_all(run, info);
    result_output_int(r, "changesets_pending", (long long)info->pending);
    result_output_int(r, "changesets_ran", (long long)info->applied);
    result_output_int(r, "changesets_skipped", (long long)skipped);
    result_output_int(r, "changesets_changed", (long long)info->faults);
    result_output_int(r, "changesets_unknown", (long long)unknown);
    result_output(r, "lock_state", !*holder ? "free" : strstr(holder, ", dbstep") ? "held" : "foreign");
    result_output(r, "schema_version", version_of(&info->current));
    result_output(r, "last_tag", "");
    result_verdict(r, info->faults ? VERDICT_FAIL : VERDICT_PASS);
    result_summary(r, "schema %s%s: %zu ran, %zu pending, %zu at odds with their files", flyway_schema(o.f),
                   info->current.text ? arena_printf(run->cx->arena, " at version %s", info->current.text) : "",
                   info->applied, info->pending, info->faults);
    return true;
}
