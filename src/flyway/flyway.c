/* flyway.c - the order of a run: lock, look again, validate, run, verify, release. */
#include <stdio.h>
#include <string.h>

#include "dbstep/log.h"
#include "flyway_internal.h"
#include "sql.h"

bool flyway_open(struct ctx *cx, const struct pg_target *target, const struct flyway_config *c,
                 const struct flyway_files *files, struct flyway **out)
{
    struct flyway *f = ARENA_NEW(cx->arena, struct flyway);
    struct pg_options o = {.role = "database"};
    *f = (struct flyway){.cx = cx, .target = target, .config = c, .files = files};
    *out = f;
    return pg_open(cx, target, &o, &f->pg) && flyway_history_open(cx, f) && flyway_info_make(cx, f);
}

void flyway_close(struct flyway *f)
{
    if (!f)
        return;
    flyway_lock_release(f);
    pg_close(f->pg);
    f->pg = NULL;
}

const struct flyway_info *flyway_info(const struct flyway *f)
{
    return &f->info;
}

const char *flyway_schema(const struct flyway *f)
{
    return f->schema;
}

bool flyway_history_exists(const struct flyway *f)
{
    return f->exists;
}

bool flyway_refresh(struct ctx *cx, struct flyway *f)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {f->schema, f->config->table, arena_printf(cx->arena, "%s_progress", f->config->table)};
    if (!pg_query(cx, f->pg, &rows, sql_flyway_probe, 3, params))
        return false;
    f->schema_exists = pg_bool(&rows, 0, 4);
    f->exists = pg_bool(&rows, 0, 5);
    f->notes_exist = pg_bool(&rows, 0, 6);
    return flyway_history_read(cx, f) && flyway_info_make(cx, f);
}

/* ---- validation ---- */

bool flyway_check(struct ctx *cx, const struct flyway *f)
{
    const struct flyway_item *first = NULL;
    struct str all = str_new(cx->arena);
    bool sums = false, failed = false, missing = false, left_out = false;
    for (size_t i = 0; i < f->info.items.n; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        if (!item->fault)
            continue;
        first = first ? first : item;
        sums = sums || text_equal(item->fault_code, "checksum-changed");
        failed = failed || text_equal(item->fault_code, "failed");
        missing = missing || text_equal(item->fault_code, "missing");
        left_out = left_out || text_equal(item->fault_code, "not-applied");
        str_addf(&all, "%s%s", all.len ? "\n" : "", item->fault);
    }
    if (!first)
        return true;
    fail(cx, sums && !failed ? E_CHECKSUM : E_GUARD, "the migrations do not fit the history %s: %s", f->table,
         first->fault);
    if (f->info.faults > 1)
        err_detail(cx, "%s", all.s);
    err_hint(
        cx, "%s",
        failed ? "mend by hand what the failed migration left half done; then the action repair removes its row"
        : sums
            ? "undo the edit and put the change into a new migration; if the files are right, the action repair takes over their checksums"
        : missing  ? "check out the files that ran; if they are gone for good, the action repair marks them as deleted"
        : left_out ? "give it a newer version, or set outOfOrder=true to run it all the same"
                   : "undo the renaming, or let the action repair take over the files' descriptions");
    if (first->script)
        err_place(cx, first->script->file, 1, 1);
    return false;
}

/* Failed migrations stop a run even when nothing is validated. */
static bool check_before_run(struct ctx *cx, struct flyway *f)
{
    if (f->config->validate_on_migrate)
        return flyway_check(cx, f);
    for (size_t i = 0; i < f->info.items.n; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        if (item->state != FLYWAY_FAILED && item->state != FLYWAY_MISSING_FAILED)
            continue;
        fail(cx, E_GUARD, "the history %s has a failed migration: %s", f->table, item->row->script);
        err_hint(cx, "mend by hand what it left half done; then the action repair removes its row");
        return false;
    }
    return true;
}

/* ---- a run ---- */

static bool has_callbacks(const struct flyway *f)
{
    for (size_t i = 0; i < f->files->scripts.n; i++)
        if (f->files->scripts.at[i].kind == FLYWAY_CALLBACK)
            return true;
    return false;
}

static void warn_of_callbacks(const struct flyway *f)
{
    static const char *const known[] = {
        "beforeMigrate",       "beforeEachMigrate", "afterEachMigrate",  "afterVersioned", "beforeRepeatables",
        "afterMigrateApplied", "afterMigrate",      "afterMigrateError", "beforeUndo",     "beforeEachUndo",
        "afterEachUndo",       "afterUndo",         "afterUndoError"};
    for (size_t i = 0; i < f->files->scripts.n; i++) {
        const struct flyway_script *s = &f->files->scripts.at[i];
        bool runs = s->kind != FLYWAY_CALLBACK;
        for (size_t k = 0; k < COUNT(known) && !runs; k++)
            runs = text_equal(known[k], s->event);
        if (!runs)
            log_warning("the callback %s is not run: %s is not supported", s->script, s->event);
    }
}

/* What a migration did to the session must not cost the lock. */
static bool keep_lock(struct ctx *cx, struct flyway *f, const struct flyway_script *s)
{
    if (!strcasestr(s->text, "discard") && !strcasestr(s->text, "advisory_unlock"))
        return true;
    f->locked = false;
    const char *params[] = {f->lock_key}, *got;
    if (!pg_query_text(cx, f->pg, &got, "SELECT pg_try_advisory_lock($1::bigint)", 1, params))
        return false;
    f->locked = text_equal(got, "t");
    return f->locked || fail(cx, E_LOCKED, "another run took Flyway's lock of %s, which the migration %s had freed",
                             pg_where(f->pg), s->script);
}

static struct row_values values_of(const struct flyway_item *item, int rank)
{
    const struct flyway_script *s = item->script;
    return (struct row_values){.rank = rank,
                               .version = s->version.text,
                               .description = s->description,
                               .type = script_type(s),
                               .script = s->script,
                               .has_checksum = true,
                               .success = true,
                               .checksum = item->checksum};
}

static bool run_one(struct ctx *cx, struct flyway *f, const struct flyway_script *s, const struct row_values *v,
                    struct flyway_step step, struct flyway_report *report)
{
    step.script = s;
    if (f->session_lost) {
        fail(cx, E_UNREACHABLE, "connection lost before migration %s; those before it were committed and recorded",
             s->script);
        err_hint(
            cx,
            "migrations of this run changed their session (SET, temporary tables …), so the others are not run in a "
            "new one; run the stage again");
        return false;
    }
    if (!ctx_alive(cx, "running migrations") || !script_execute(cx, f, s, v, report, &step))
        return false;
    *VEC_PUSH(cx->arena, &report->steps) = step;
    report->after = s->kind != FLYWAY_UNDO && s->version.text ? s->version.text : report->after;
    return keep_lock(cx, f, s);
}

/* The pending ones, as many as are wanted. */
static long long limit(const struct flyway *f, long long count)
{
    return text_equal_nocase(f->config->target ? f->config->target : "", "next") && count != 0 ? 1 : count;
}

static bool run_pending(struct ctx *cx, struct flyway *f, long long count, struct flyway_report *report)
{
    int rank = flyway_next_rank(f, "SQL");
    bool versioned = true;
    count = limit(f, count);
    if (!flyway_callbacks(cx, f, "beforeMigrate", &report->sql))
        return false;
    for (size_t i = 0; i < f->info.items.n && count; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        if (item->state != FLYWAY_PENDING)
            continue;
        const struct flyway_script *s = item->script;
        if (versioned && s->kind == FLYWAY_REPEATABLE) {
            versioned = false;
            if (!flyway_callbacks(cx, f, "afterVersioned", &report->sql) ||
                !flyway_callbacks(cx, f, "beforeRepeatables", &report->sql))
                return false;
        }
        struct row_values v = values_of(item, rank++);
        struct flyway_step step = {.outcome = f->config->skip_execution ? FLYWAY_NOT_RUN
                                              : item->again             ? FLYWAY_RAN_AGAIN
                                                                        : FLYWAY_RAN};
        step.out_of_order =
            s->version.text && f->info.current.text && flyway_version_compare(&s->version, &f->info.current) < 0;
        const char *was = report->after;
        if (!run_one(cx, f, s, &v, step, report))
            return false;
        report->after = step.out_of_order ? was : report->after;
        count -= count > 0;
        log_progress("migrations", report->steps.n, f->info.pending, "migrations");
    }
    log_progress_done();
    return (!versioned || flyway_callbacks(cx, f, "afterVersioned", &report->sql)) &&
           (!report->steps.n || flyway_callbacks(cx, f, "afterMigrateApplied", &report->sql)) &&
           flyway_callbacks(cx, f, "afterMigrate", &report->sql);
}

/* The history must say what this run claims; it also tells the transactions. */
static bool verify(struct ctx *cx, struct flyway *f, int first_rank, struct flyway_report *report)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {arena_printf(cx->arena, "%d", first_rank)};
    if (!report->steps.n)
        return true;
    if (!pg_exec(cx, f->pg, flyway_session(cx, f, false)) || /* the last migration may have left another role */
        !pg_query(cx, f->pg, &rows, flyway_sql(cx, f, sql_flyway_history_verify), 1, params))
        return false;
    report->xids.n = 0;
    for (size_t i = 0; i < report->steps.n; i++) {
        const struct flyway_step *step = &report->steps.at[i];
        int at = -1;
        for (int r = (int)i; r < rows.n && at < 0; r++)
            at = text_equal(pg_text(&rows, r, 1), step->script->script) && pg_bool(&rows, r, 3) ? r : -1;
        if (at < 0 && strlen(step->script->script) <= 1000) {
            fail(cx, E_VERIFY, "migration %s ran, but its row in %s is missing", step->script->script, f->table);
            err_hint(cx, "somebody else writes to the history, or one of the migrations does");
            return false;
        }
        if (at >= 0 && !step->outside)
            *VEC_PUSH(cx->arena, &report->xids) = arena_strdup(cx->arena, pg_text(&rows, at, 4));
    }
    return true;
}

/* The table of notes goes with its last note; somebody who reads it is not waited for. */
static void drop_notes(struct flyway *f)
{
    struct ctx cx = {.arena = f->cx->arena};
    long long notes = 1;
    if (!f->notes_exist || !pg_alive(f->pg))
        return;
    struct ctx_grace g = ctx_grace_begin(&cx, 5000);
    if (pg_exec(&cx, f->pg, flyway_session(&cx, f, false)) &&
        pg_query_int(&cx, f->pg, &notes, flyway_sql(&cx, f, "SELECT count(*) FROM {progress}"), 0, NULL) && !notes &&
        pg_exec(&cx, f->pg, "SET lock_timeout = '500ms'"))
        f->notes_exist = !pg_exec(&cx, f->pg, flyway_sql(&cx, f, "DROP TABLE {progress}"));
    ctx_grace_end(&cx, g);
}

/* What failed after something was applied is no longer "nothing changed". */
static void settle(struct ctx *cx, const struct flyway_report *report)
{
    enum err_code code = cx->err.code;
    if (!report->steps.n || code == E_OK)
        return;
    if (code == E_REJECTED || code == E_PERMISSION || code == E_CAPACITY || code == E_TIMEOUT || code == E_GUARD ||
        code == E_CHANGELOG)
        cx->err.code = E_PARTIAL;
    size_t n = strlen(cx->err.detail);
    snprintf(cx->err.detail + n, sizeof cx->err.detail - n, "%s%s of this run %s done and recorded before",
             n ? "\n" : "", text_plural(cx->arena, (long long)report->steps.n, "migration"),
             report->steps.n == 1 ? "was" : "were");
}

static void start_report(const struct flyway *f, struct flyway_report *report)
{
    const char *current = f->info.current.text ? f->info.current.text : "";
    *report = (struct flyway_report){
        .left = f->info.pending, .sql = str_new(f->cx->arena), .before = current, .after = current};
}

/* Callbacks of a failure: theirs does not hide it. */
static void tell_failure(struct flyway *f, const char *event, struct flyway_report *report)
{
    struct ctx own = {.arena = f->cx->arena};
    if (!pg_alive(f->pg))
        return;
    struct ctx_grace g = ctx_grace_begin(&own, 10000);
    flyway_roll_back(f);
    if (!flyway_callbacks(&own, f, event, &report->sql))
        log_warning("%s", own.err.message);
    ctx_grace_end(&own, g);
}

static bool under_lock(struct ctx *cx, struct flyway *f, long long count, struct flyway_report *report)
{
    /* Somebody may have made the history, or run, while this run waited. */
    if (!flyway_refresh(cx, f) || !check_before_run(cx, f))
        return false;
    if (!f->exists && (!flyway_history_make(cx, f, false, &report->baselined, &report->sql) || !flyway_refresh(cx, f)))
        return false;
    report->left = f->info.pending;
    report->before = report->after = f->info.current.text ? f->info.current.text : "";
    int first_rank = flyway_next_rank(f, "SQL");
    bool ok = run_pending(cx, f, count, report);
    size_t versions = report->steps.n;
    report->left = f->info.pending > versions ? f->info.pending - versions : 0;
    if (!ok) {
        tell_failure(f, "afterMigrateError", report);
        struct ctx own = {.arena = cx->arena};
        if (pg_alive(f->pg) && !verify(&own, f, first_rank, report))
            log_warning("the transaction ids of this run are not known: %s", own.err.message);
    }
    return ok && verify(cx, f, first_rank, report);
}

bool flyway_migrate(struct ctx *cx, struct flyway *f, long long count, struct flyway_report *report)
{
    start_report(f, report);
    warn_of_callbacks(f);
    if (!check_before_run(cx, f))
        return false;
    if (f->exists && !f->info.pending && !has_callbacks(f))
        return true;
    if (!flyway_lock_take(cx, f))
        return false;
    bool ok = under_lock(cx, f, count, report);
    drop_notes(f);
    flyway_lock_release(f);
    if (!ok)
        settle(cx, report);
    return ok;
}

/* ---- undo ---- */

struct undo_step {
    const struct flyway_row *row;
    const struct flyway_script *script;
};
struct undo_list {
    struct undo_step *at;
    size_t n, cap;
};

/* The newest first. Everything that is needed must be there before the first one runs. */
static bool plan_undo(struct ctx *cx, struct flyway *f, const struct flyway_back *back, struct undo_list *out)
{
    struct flyway_version to = {.text = NULL};
    *out = (struct undo_list){0};
    if (!text_empty(back->to) && !flyway_version_parse(cx->arena, back->to, &to))
        return fail(cx, E_INPUT, "'%s', which an undo is to go back to, is no version", back->to);
    for (size_t i = f->rows.n; i-- > 0;) {
        const struct flyway_row *r = &f->rows.at[i];
        if (!r->version.text || !text_equal(r->type, "SQL") || !r->success || r->deleted || r->undone)
            continue;
        if (to.text ? flyway_version_compare(&r->version, &to) < back->keep : (long long)out->n >= back->count)
            break;
        const struct flyway_script *s = undo_script(f, &r->version);
        if (!s) {
            fail(cx, E_GUARD, "version %s (%s) cannot be undone: there is no %s%s%s…", r->version.text, r->description,
                 f->config->undo_prefix, r->version.text, f->config->separator);
            err_hint(cx, "nothing was undone; write the script that undoes %s", r->script);
            return false;
        }
        *VEC_PUSH(cx->arena, out) = (struct undo_step){r, s};
    }
    return true;
}

static struct row_values undo_values(const struct flyway *f, const struct undo_step *u, int rank)
{
    return (struct row_values){.rank = rank,
                               .version = u->row->version.text,
                               .description = u->script->description,
                               .type = f->config->undo_record,
                               .script = u->script->script,
                               .has_checksum = true,
                               .success = true,
                               .checksum = u->script->checksum};
}

static bool undo_under_lock(struct ctx *cx, struct flyway *f, const struct flyway_back *back,
                            struct flyway_report *report)
{
    struct undo_list plan;
    if (!flyway_refresh(cx, f) || !check_before_run(cx, f) || !plan_undo(cx, f, back, &plan))
        return false;
    int first_rank = flyway_next_rank(f, "SQL");
    bool ok = !plan.n || flyway_callbacks(cx, f, "beforeUndo", &report->sql);
    for (size_t i = 0; ok && i < plan.n; i++) {
        struct row_values v = undo_values(f, &plan.at[i], first_rank + (int)i);
        ok = run_one(cx, f, plan.at[i].script, &v, (struct flyway_step){.outcome = FLYWAY_UNDID}, report);
    }
    ok = ok && (!plan.n || flyway_callbacks(cx, f, "afterUndo", &report->sql));
    if (!ok)
        tell_failure(f, "afterUndoError", report);
    ok = ok && verify(cx, f, first_rank, report) && flyway_refresh(cx, f);
    if (ok)
        report->after = f->info.current.text ? f->info.current.text : "";
    report->left = f->info.pending;
    return ok;
}

bool flyway_undo(struct ctx *cx, struct flyway *f, const struct flyway_back *back, struct flyway_report *report)
{
    struct undo_list plan;
    start_report(f, report);
    warn_of_callbacks(f);
    if (!check_before_run(cx, f) || !plan_undo(cx, f, back, &plan))
        return false;
    if (!plan.n)
        return true;
    if (!flyway_lock_take(cx, f))
        return false;
    bool ok = undo_under_lock(cx, f, back, report);
    drop_notes(f);
    flyway_lock_release(f);
    if (!ok)
        settle(cx, report);
    return ok;
}

/* ---- previews ---- */

static bool print_one(struct ctx *cx, struct flyway *f, const struct flyway_script *s, const struct row_values *v,
                      struct str *script, struct str_list *statements)
{
    struct script_run run;
    bool inside;
    struct row_values row = *v;
    row.ms = "0";
    if (!script_look(cx, f, s, &run) || !script_in_transaction(cx, f, &run, &inside))
        return false;
    str_addf(script, "-- migration %s (%s)%s\n%s%s;\n", s->script, s->file, inside ? "" : ", outside of a transaction",
             inside ? "BEGIN;\n" : "", flyway_session(cx, f, !inside));
    if (!f->config->skip_execution)
        script_print(cx, &run, script, statements);
    str_addf(script, "%s;\n%s\n", flyway_history_insert(cx, f, &row), inside ? "COMMIT;\n" : "");
    return true;
}

static void print_lock(const struct flyway *f, bool take, struct str *script)
{
    str_addf(script, "SELECT pg_advisory_%slock(%s);\n%s", take ? "" : "un", f->lock_key, take ? "\n" : "");
}

bool flyway_preview(struct ctx *cx, struct flyway *f, long long count, struct str *script, struct str_list *statements)
{
    bool baselined = false;
    int rank = flyway_next_rank(f, "SQL");
    struct str make = str_new(cx->arena);
    if (!check_before_run(cx, f) || !flyway_history_plan(cx, f, false, &baselined, &make))
        return false;
    print_lock(f, true, script);
    if (make.len)
        str_addf(script, "BEGIN;\n%sCOMMIT;\n\n", make.s);
    rank += baselined;
    struct flyway_version base;
    flyway_version_parse(cx->arena, f->config->baseline_version, &base);
    count = limit(f, count);
    for (size_t i = 0; i < f->info.items.n && count; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        if (item->state != FLYWAY_PENDING ||
            (baselined && item->script->version.text && flyway_version_compare(&item->script->version, &base) <= 0))
            continue;
        struct row_values v = values_of(item, rank++);
        if (!print_one(cx, f, item->script, &v, script, statements))
            return false;
        count -= count > 0;
    }
    print_lock(f, false, script);
    return true;
}

bool flyway_preview_undo(struct ctx *cx, struct flyway *f, const struct flyway_back *back, struct str *script,
                         struct str_list *statements)
{
    struct undo_list plan;
    int rank = flyway_next_rank(f, "SQL");
    if (!check_before_run(cx, f) || !plan_undo(cx, f, back, &plan))
        return false;
    print_lock(f, true, script);
    for (size_t i = 0; i < plan.n; i++) {
        struct row_values v = undo_values(f, &plan.at[i], rank++);
        if (!print_one(cx, f, plan.at[i].script, &v, script, statements))
            return false;
    }
    print_lock(f, false, script);
    return true;
}
