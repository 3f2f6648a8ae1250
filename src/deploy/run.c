/* run.c - one changeset: its preconditions, its outcome, its row in the history; see deploy.h for what belongs to one
 * transaction. */
#include <string.h>

#include "attempt.h"
#include "dbstep/log.h"
#include "sql.h"

const char *session_path(struct ctx *cx, struct deploy *d)
{
    return arena_printf(cx->arena, "%s%s%s", pg_ident(cx, d->pg, d->default_schema), *d->search_path ? ", " : "",
                        d->search_path);
}

/* What an earlier changeset may have set and what a later one must not inherit; other settings stay, as under Liquibase. */
const char *session_settings(struct ctx *cx, struct deploy *d)
{
    struct str sql = str_new(cx->arena);
    /* The default schema first, then the session's own path, as Liquibase sets it before every changeset. */
    str_addf(&sql, "set_config('client_encoding', 'UTF8', false), set_config('search_path', %s, false)",
             pg_literal(cx, d->pg, session_path(cx, d)));
    str_addf(&sql, ", set_config('lock_timeout', '%lldms', false)", d->options.lock_timeout_ms);
    str_addf(&sql, ", set_config('statement_timeout', '%lldms', false)", d->options.statement_timeout_ms);
    return sql.s;
}

const char *session_sql(struct ctx *cx, struct deploy *d)
{
    return arena_printf(cx->arena, "SELECT %s", session_settings(cx, d));
}

/* ---- outcomes that nobody told ---- */

enum outcome { COMMITTED, NOT_COMMITTED, UNKNOWN };

bool row_tells(struct ctx *cx, struct attempt *t, bool *done)
{
    const struct ran *ran = t->ran;
    const char *params[] = {ran ? ran->id : t->cs->id, ran ? ran->author : t->cs->author,
                            ran ? ran->path : t->cs->filename, t->d->deployment_id};
    long long n = 0;
    bool ok = t->work.back ? pg_query_int(cx, t->d->pg, &n, deploy_sql(cx, t->d, sql_deploy_history_count), 3, params)
                           : pg_query_int(cx, t->d->pg, &n, deploy_sql(cx, t->d, sql_deploy_history_find), 4, params);
    *done = t->work.back ? n == 0 : n > 0;
    return ok;
}

/* Asks the history, over a new connection where the old one is of no use. The context tells why it is not known. */
static enum outcome learn(struct ctx *cx, struct attempt *t)
{
    bool done = false, known = false;
    if (pg_alive(t->d->pg) && !pg_in_transaction(t->d->pg)) {
        known = row_tells(cx, t, &done);
        if (!known)
            err_clear(cx);
    }
    known = known || (lock_recover(cx, t->d) && row_tells(cx, t, &done));
    return !known ? UNKNOWN : done ? COMMITTED : NOT_COMMITTED;
}

static const char *again_hint(const struct attempt *t)
{
    return arena_printf(t->cx->arena, "run the stage again: the row in %s was %s in the same transaction, so it tells",
                        t->d->history, t->work.back ? "removed" : "written");
}

/* The connection is gone. True when the changeset was committed. */
static bool find_outcome(struct attempt *t)
{
    struct ctx *cx = t->cx;
    struct err lost = cx->err;

    log_warning("connection lost during %s: connecting again to learn its outcome", t->what);
    err_clear(cx);
    enum outcome o = learn(cx, t);
    struct err why = cx->err;
    err_clear(cx);
    if (o == COMMITTED) {
        log_info("%s was committed before the connection was lost", t->what);
        return true;
    }
    if (o == UNKNOWN && t->commit_sent) {
        fail(cx, E_OUTCOME_UNKNOWN, "connection lost while %s was committed, and the server cannot be asked", t->what);
        err_hint(cx, "%s", again_hint(t));
    } else if (t->outside) {
        fail(cx, E_UNREACHABLE, "connection lost during %s, which runs outside of a transaction", t->what);
        err_hint(cx, "run the stage again: %s tells how far it came, and it goes on there", t->d->progress);
    } else if (t->own_transactions) {
        t->committed_inside = true;
        fail(cx, E_UNREACHABLE, "connection lost during %s, which has a COMMIT of its own", t->what);
        err_hint(
            cx,
            "what it committed by then stays, and it is not recorded as run: see how far it came before running the "
            "stage again");
    } else {
        fail(cx, E_UNREACHABLE, "connection lost during %s; nothing of it was applied", t->what);
        err_hint(cx, "run the stage again; the server's log says why the session ended");
    }
    err_detail(cx, "%s%s%s%s%s", lost.message, *lost.detail ? "\n" : "", lost.detail, *why.message ? "\n" : "",
               why.message);
    return false;
}

bool find_outcome_in_haste(struct attempt *t)
{
    struct ctx *cx = t->cx, own = {.arena = cx->arena};

    struct ctx_grace g = ctx_grace_begin(&own, 8000);
    enum outcome o = learn(&own, t);
    ctx_grace_end(&own, g);
    if (o == COMMITTED)
        err_detail(cx, "%s was committed and recorded all the same", t->what);
    if (o != UNKNOWN)
        return o == COMMITTED;
    struct err e = cx->err;
    err_clear(cx);
    fail(cx, E_OUTCOME_UNKNOWN, "%s while %s was committed, and the server cannot be asked", e.message, t->what);
    err_detail(cx, "%s", own.err.message);
    err_hint(cx, "%s", again_hint(t));
    return false;
}

/* ---- a changeset ---- */

static bool mark_ran(struct attempt *t)
{
    struct batch b = {0};
    return record(t, &b, true, NULL);
}

/* What the preconditions decide: run it (*run), or the outcome without running. */
static bool ask_first(struct attempt *t, struct deploy_step *step, bool *run)
{
    const struct preconditions *pre = &t->cs->preconditions;
    struct ctx *cx = t->cx;
    enum pre_result result;
    const char *why;

    *run = true;
    if (!pre->list.n)
        return true;
    for (bool ok = false; !ok;) {
        ok = pg_exec(cx, t->d->pg, "BEGIN") && pg_exec(cx, t->d->pg, session_sql(cx, t->d)) &&
             preconditions_check(cx, t->d, pre, t->cs, &result, &why);
        roll_back(t);
        if (!ok && !back_off(t, &step->retries)) {
            err_detail(cx, "during the preconditions of %s", t->what);
            err_place(cx, t->cs->file, pre->list.at[0].line, 1);
            return false;
        }
    }
    if (result == PRE_HOLDS)
        return true;
    enum reaction r = result == PRE_FAILS ? pre->on_fail : pre->on_error;
    step->note = why;
    switch (r) {
    case REACT_WARN:
        log_warning("the precondition of %s does not hold (%s); it runs all the same", t->what, why);
        return true;
    case REACT_MARK_RAN: step->outcome = STEP_MARK_RAN; break;
    case REACT_CONTINUE: step->outcome = STEP_SKIPPED; break;
    case REACT_HALT:
        fail(cx, E_GUARD, "the precondition of %s does not hold", t->what);
        err_detail(cx, "%s", why);
        err_place(cx, t->cs->file, pre->list.at[0].line, 1);
        err_hint(cx, "bring the database to where the precondition holds, or give it an onFail that goes on");
        return false;
    }
    *run = false;
    return true;
}

bool attempt_stopped(const struct ctx *cx)
{
    return cx->err.code == E_INTERRUPTED || (cx->err.code == E_TIMEOUT && !cx->err.sqlstate[0]);
}

static void free_attempt(struct attempt *t)
{
    arena_free(&t->scratch);
}

void after_loss(struct attempt *t, struct ending *e)
{
    struct ctx *cx = t->cx;
    e->committed = find_outcome(t);
    e->ok = e->committed && !t->d->session_changed && !t->changes_session;
    if (!e->committed || e->ok)
        return;
    fail(cx, E_UNREACHABLE, "connection lost after %s, which was committed and recorded", t->what);
    err_hint(cx,
             "changesets of this run changed their session (SET, temporary tables …), so the others are not run in a "
             "new one; run the stage again");
}

struct ending attempt_run(struct attempt *t, bool nothing)
{
    struct ctx *cx = t->cx;
    struct deploy *d = t->d;

    if (t->outside && t->cs->run_in_transaction && !nothing)
        log_info("%s holds a statement that cannot stand in a transaction, so it runs outside of one", t->what);
    struct ending e = {0};
    size_t script = t->script ? t->script->len : 0, listed = t->sent ? t->sent->list.n : 0;

    for (;;) {
        t->committed_inside = t->commit_sent = false;
        if (t->asks && t->script)
            str_truncate(t->script, script);
        if (t->asks && t->sent)
            t->sent->list.n = listed;
        e.ok = nothing                                ? mark_ran(t)
               : t->outside                           ? run_outside(t, &e.half)
               : t->own_transactions || t->one_by_one ? run_one_by_one(t)
                                                      : run_pipelined(t);
        if (e.ok)
            break;
        if (attempt_stopped(cx)) {
            roll_back(t);
            e.committed = t->commit_sent && find_outcome_in_haste(t);
        } else if (!pg_alive(d->pg)) {
            after_loss(t, &e);
        } else {
            roll_back(t);
            if (!t->outside && !t->committed_inside && back_off(t, &e.retries))
                continue;
        }
        e.half = e.half || t->committed_inside;
        break;
    }
    if (e.ok && t->drops_locks && !lock_keep(cx, d)) {
        e.committed = true;
        e.ok = false;
    }
    if (!e.ok && !e.committed && e.half && cx->err.code != E_INTERRUPTED && cx->err.code != E_OUTCOME_UNKNOWN &&
        cx->err.code != E_VERIFY)
        cx->err.code = !t->outside || pg_alive(d->pg) ? E_PARTIAL : E_OUTCOME_UNKNOWN;
    if (e.ok || e.committed)
        d->session_changed = d->session_changed || t->changes_session;
    return e;
}

void blame_place(struct attempt *t)
{
    if (t->cx->err.code != E_OK && !strstr(t->cx->err.message, t->what))
        err_detail(t->cx, "during %s", t->what);
    err_place(t->cx, t->cs->file, t->cs->line, 1);
}

bool changeset_run(struct ctx *cx, struct deploy *d, const struct plan_item *item, struct deploy_report *report)
{
    const struct changeset *cs = item->set;
    const char *name = changeset_name(cx->arena, cs);
    bool sync = d->options.action != DEPLOY_UPDATE, run = !sync;
    struct work work = {.set = cs, .changes = &cs->changes};
    __attribute__((cleanup(free_attempt))) struct attempt t = {.cx = cx,
                                                               .d = d,
                                                               .ran = item->ran,
                                                               .cs = cs,
                                                               .work = work,
                                                               .script = &report->sql,
                                                               .sent = &report->statements};
    long long started = clock_ms(), order = d->max_order + 1;
    struct deploy_step step = {.set = cs,
                               .outcome = sync        ? STEP_SYNCED
                                          : item->ran ? STEP_RERAN
                                                      : STEP_EXECUTED,
                               .note = ""};

    t.what = arena_printf(cx->arena, "changeset %s", name);
    str_addf(&report->sql, "-- changeset %s (%s:%d)\n", name, cs->file, cs->line);
    size_t script = report->sql.len, listed = report->statements.list.n;
    if (run && (!look_ahead(&t, &report->sql) || !ask_first(&t, &step, &run)))
        return false;
    if (!run && !sync) { /* the preconditions decided */
        str_truncate(&report->sql, script);
        report->statements.list.n = listed;
    }
    if (step.outcome == STEP_SKIPPED) {
        *VEC_PUSH(cx->arena, &report->steps) = step;
        log_info("changeset %s is left out: %s", name, step.note);
        return true;
    }
    static const char *const exectypes[] = {"EXECUTED", "RERAN", "MARK_RAN"};
    t.row = history_row_sql(cx, d, item, sync ? "EXECUTED" : exectypes[step.outcome], order);
    t.guard = lock_guard(cx, d);

    struct ending e = attempt_run(&t, !run);
    step.outside = t.outside;
    str_addf(&report->sql, "%s;\n\n", t.row);
    step.retries += e.retries;
    step.ms = clock_ms() - started;
    if (!e.ok && !e.committed && !cs->fail_on_error && pg_alive(d->pg) && !attempt_stopped(cx) && cx->err.sqlstate[0]) {
        step.outcome = STEP_FAILED;
        step.note = arena_strdup(cx->arena, cx->err.message);
        log_warning("%s; the run goes on because of failOnError:false", cx->err.message);
        err_clear(cx);
        *VEC_PUSH(cx->arena, &report->steps) = step;
        report->failed++;
        return true;
    }
    if (!e.ok && !e.committed) {
        blame_place(&t);
        return false;
    }
    log_info("changeset %s %s in %s", name,
             step.outcome == STEP_MARK_RAN ? "marked as ran"
             : sync                        ? "recorded"
             : item->ran                   ? "ran again"
                                           : "ran",
             text_duration(cx->arena, step.ms));
    *VEC_PUSH(cx->arena, &report->steps) = step;
    report->applied++;
    d->max_order = order;
    return e.ok;
}

bool changeset_undo(struct ctx *cx, struct deploy *d, const struct rollback_item *item, struct deploy_report *report)
{
    const struct changeset *cs = item->set;
    const char *name = changeset_name(cx->arena, cs);
    __attribute__((cleanup(free_attempt))) struct attempt t = {.cx = cx,
                                                               .d = d,
                                                               .ran = item->ran,
                                                               .cs = cs,
                                                               .work = rollback_work(item),
                                                               .script = &report->sql,
                                                               .sent = &report->statements};
    long long started = clock_ms();
    struct deploy_step step = {.set = cs, .outcome = STEP_ROLLED_BACK, .note = ""};

    t.what = arena_printf(cx->arena, "the rollback of changeset %s", name);
    str_addf(&report->sql, "-- rollback of changeset %s (%s:%d)\n", name, cs->file, cs->line);
    if (!look_ahead(&t, &report->sql))
        return false;
    t.row = history_delete_sql(cx, d, item);
    t.guard = lock_guard(cx, d);
    struct ending e = attempt_run(&t, false);
    str_addf(&report->sql, "%s;\n\n", t.row);
    step.retries = e.retries;
    step.ms = clock_ms() - started;
    if (!e.ok && !e.committed) {
        blame_place(&t);
        return false;
    }
    log_info("changeset %s rolled back in %s", name, text_duration(cx->arena, step.ms));
    *VEC_PUSH(cx->arena, &report->steps) = step;
    report->applied++;
    return e.ok;
}
