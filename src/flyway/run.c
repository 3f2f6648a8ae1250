/* run.c - one migration: its statements and its row in the history. In a transaction they are one, together with the callbacks around
 * each migration; what cannot run in one is in outside.c. */
#include <string.h>

#include "dbstep/log.h"
#include "flyway_internal.h"
#include "sql.h"

#define BATCH_BYTES 65536 /* statements are sent together up to this size: one round trip for most migrations */
#define BATCH_MAX 200

const char *flyway_session(struct ctx *cx, struct flyway *f, bool concurrently)
{
    struct str sql = str_new(cx->arena), path = str_new(cx->arena);
    const char *first = pg_ident(cx, f->pg, f->schema);
    size_t n = strlen(f->schema);
    /* The default schema before the session's own path, unless it is the first there already. */
    bool leads = strncmp(f->search_path, f->schema, n) == 0 && (!f->search_path[n] || f->search_path[n] == ',');
    str_addf(&path, "%s%s%s", leads ? "" : first, leads || !*f->search_path ? "" : ", ", f->search_path);
    str_addf(&sql, "SELECT set_config('role', %s, false), set_config('client_encoding', 'UTF8', false)",
             pg_literal(cx, f->pg, f->user));
    str_addf(&sql, ", set_config('search_path', %s, false)", pg_literal(cx, f->pg, path.s));
    str_addf(&sql, ", set_config('lock_timeout', '%lldms', false)", concurrently ? 0 : f->config->lock_timeout_ms);
    str_addf(&sql, ", set_config('statement_timeout', '%lldms', false)", f->config->statement_timeout_ms);
    return sql.s;
}

const char *flyway_own_role(struct ctx *cx, struct flyway *f)
{
    return arena_printf(cx->arena, "SET LOCAL ROLE %s", pg_ident(cx, f->pg, f->user));
}

void flyway_roll_back(struct flyway *f)
{
    struct ctx cx = {.arena = f->cx->arena};
    struct ctx_grace g = ctx_grace_begin(&cx, 5000);
    if (pg_alive(f->pg) && pg_in_transaction(f->pg))
        pg_exec(&cx, f->pg, "ROLLBACK");
    ctx_grace_end(&cx, g);
}

void script_print(struct ctx *cx, const struct script_run *run, struct str *out, struct str_list *statements)
{
    SCRIPT_WALK_AUTO w = script_walk_start(cx->arena, run);
    const char *sql;
    bool more;
    while (script_walk_next(&w, &sql, &more) && more) {
        if (statements)
            *VEC_PUSH(cx->arena, statements) = sql;
        str_addf(out, "%s%s\n", sql, statement_end(sql, strlen(sql)));
        if (w.rows) {
            str_addn(out, w.rows, w.rows_len);
            str_add(out, "\\.\n");
        }
    }
}

/* ---- in a transaction ---- */

struct attempt {
    struct ctx *cx;
    struct flyway *f;
    struct arena scratch;
    VEC(const struct script_run *) parts; /* callbacks before, the migration, callbacks behind */
    const char *row;
    bool commit_sent, committed_inside, one_by_one;
    VEC(const char *) sql;
    VEC(const struct script_run *) of; /* NULL: a statement of ours */
    VEC(size_t) nth;
    size_t bytes;
};

static void add(struct attempt *t, const char *sql, const struct script_run *of, size_t nth)
{
    *VEC_PUSH(&t->scratch, &t->sql) = sql;
    *VEC_PUSH(&t->scratch, &t->of) = of;
    *VEC_PUSH(&t->scratch, &t->nth) = nth;
    t->bytes += strlen(sql);
}

static bool send(struct attempt *t)
{
    size_t failed = 0;
    bool ok = pg_pipeline(t->cx, t->f->pg, t->sql.at, t->sql.n, &failed);
    if (!ok && failed < t->sql.n && t->of.at[failed] && pg_alive(t->f->pg) && t->cx->err.sqlstate[0])
        script_blame(t->cx, t->f, t->of.at[failed], t->nth.at[failed]);
    t->sql.n = t->of.n = t->nth.n = t->bytes = 0;
    return ok;
}

static bool send_alone(struct attempt *t, const struct script_run *run, const struct script_walk *w, const char *sql)
{
    struct pg *pg = t->f->pg;
    if (!pg_in_transaction(pg) && !pg_exec(t->cx, pg, "BEGIN"))
        return false;
    bool ok = w->rows ? pg_copy_in(t->cx, pg, sql, w->rows, w->rows_len) : pg_exec(t->cx, pg, sql);
    if (!ok) {
        if (pg_alive(pg) && t->cx->err.sqlstate[0])
            script_blame(t->cx, t->f, run, w->nth);
        return false;
    }
    if (!pg_in_transaction(pg) && !t->committed_inside && statement_commits(sql)) {
        t->committed_inside = true;
        log_warning("migration %s ends its transaction itself: what it did so far stays, even if the rest fails",
                    run->script->script);
    }
    return true;
}

static bool run_part(struct attempt *t, const struct script_run *run)
{
    SCRIPT_WALK_AUTO w = script_walk_start(&t->scratch, run);
    const char *sql;
    bool more;
    for (;;) {
        if (!script_walk_next(&w, &sql, &more)) {
            t->cx->err = w.sx.err;
            return false;
        }
        if (!more)
            return true;
        if (!t->one_by_one)
            add(t, sql, run, w.nth);
        else if (!send_alone(t, run, &w, sql))
            return false;
        if ((t->bytes > BATCH_BYTES || t->sql.n >= BATCH_MAX) && !send(t))
            return false;
    }
}

static bool run_inside(struct attempt *t)
{
    add(t, "BEGIN", NULL, 0);
    add(t, flyway_session(t->cx, t->f, false), NULL, 0);
    if (t->one_by_one && !send(t))
        return false;
    for (size_t i = 0; i < t->parts.n; i++)
        if (!run_part(t, t->parts.at[i]))
            return false;
    if (t->one_by_one && !pg_in_transaction(t->f->pg))
        add(t, "BEGIN", NULL, 0);
    if (t->row) {
        add(t, flyway_own_role(t->cx, t->f), NULL, 0);
        add(t, t->row, NULL, 0);
    }
    add(t, "COMMIT", NULL, 0);
    t->commit_sent = true;
    return send(t);
}

/* ---- outcomes that nobody told ---- */

enum outcome { COMMITTED, NOT_COMMITTED, UNKNOWN };

/* Asks the history over a new connection, once the old session is gone. */
static enum outcome learn(struct ctx *cx, struct flyway *f, const struct row_values *row)
{
    const char *params[] = {arena_printf(cx->arena, "%d", row->rank), row->script};
    long long n = 0;
    if (!flyway_lock_recover(cx, f) ||
        !pg_query_int(cx, f->pg, &n, flyway_sql(cx, f, sql_flyway_history_find), 2, params))
        return UNKNOWN;
    return n ? COMMITTED : NOT_COMMITTED;
}

/* The connection is gone, or a signal came during COMMIT. True when the migration was committed. */
static bool find_outcome(struct attempt *t, const struct flyway_script *s, const struct row_values *row, bool outside)
{
    struct ctx *cx = t->cx, own = {.arena = cx->arena};
    struct err lost = cx->err;
    bool hasty = lost.code == E_INTERRUPTED || (lost.code == E_TIMEOUT && !lost.sqlstate[0]);

    log_warning("%s during migration %s: connecting again to learn its outcome", hasty ? "stopped" : "connection lost",
                s->script);
    struct ctx_grace g = ctx_grace_begin(&own, hasty ? 8000 : 60000);
    enum outcome o = learn(&own, t->f, row);
    ctx_grace_end(&own, g);
    if (hasty && o != UNKNOWN) {
        if (o == COMMITTED)
            err_detail(cx, "migration %s was committed and recorded all the same", s->script);
        return o == COMMITTED;
    }
    err_clear(cx);
    if (o == COMMITTED) {
        log_info("migration %s was committed before the connection was lost", s->script);
        return true;
    }
    if (o == UNKNOWN && t->commit_sent) {
        fail(cx, E_OUTCOME_UNKNOWN, "connection lost while migration %s was committed, and the server cannot be asked",
             s->script);
        err_hint(cx, "run the stage again: the row in %s was written in the same transaction, so it tells",
                 t->f->table);
    } else if (outside) {
        fail(cx, E_UNREACHABLE, "connection lost during migration %s, which runs outside of a transaction", s->script);
        err_hint(cx, "run the stage again: %s tells how far it came, and it goes on there", t->f->progress);
    } else if (t->committed_inside) {
        fail(cx, E_PARTIAL, "connection lost during migration %s, which has a COMMIT of its own", s->script);
        err_hint(
            cx,
            "what it committed stays, and it is not recorded as run: see how far it came before running the stage again");
    } else {
        fail(cx, E_UNREACHABLE, "connection lost during migration %s; nothing of it was applied", s->script);
        err_hint(cx, "run the stage again; the server's log says why the session ended");
    }
    err_detail(cx, "%s%s%s%s%s", lost.message, *lost.detail ? "\n" : "", lost.detail, *own.err.message ? "\n" : "",
               own.err.message);
    return false;
}

/* ---- a migration ---- */

bool flyway_back_off(struct ctx *cx, struct flyway *f, const char *script, long long *tries)
{
    if ((!pg_failed_with(cx, "55P03") && !pg_failed_with(cx, "40P01") && !pg_failed_with(cx, "40001")) ||
        *tries >= f->config->lock_retries)
        return false;
    long long pause = 250LL << (*tries < 5 ? *tries : 5);
    ++*tries;
    log_info("migration %s waits %s for a lock that others hold (try %lld of %lld)", script,
             text_duration(cx->arena, pause), *tries, f->config->lock_retries);
    err_clear(cx);
    return ctx_sleep(cx, pause, "waiting before the next attempt at a lock");
}

/* The callbacks of an event, looked into; only with statements. */
static bool collect(struct attempt *t, const char *event, bool *outside)
{
    struct flyway *f = t->f;
    for (size_t i = 0; i < f->files->scripts.n; i++) {
        const struct flyway_script *s = &f->files->scripts.at[i];
        struct script_run *run = NULL;
        bool inside;
        if (s->kind != FLYWAY_CALLBACK || !text_equal(s->event, event))
            continue;
        run = ARENA_NEW(&t->scratch, struct script_run);
        if (!script_look(t->cx, f, s, run) || !script_in_transaction(t->cx, f, run, &inside))
            return false;
        *outside = *outside || !inside;
        t->one_by_one = t->one_by_one || run->copies || run->controls;
        *VEC_PUSH(&t->scratch, &t->parts) = run;
    }
    return true;
}

bool flyway_callbacks(struct ctx *cx, struct flyway *f, const char *event, struct str *script)
{
    struct attempt t = {.cx = cx, .f = f};
    bool outside = false, ok = collect(&t, event, &outside);
    for (size_t i = 0; ok && i < t.parts.n; i++) {
        const struct script_run *run = t.parts.at[i];
        str_addf(script, "-- callback %s\n", run->script->script);
        script_print(cx, run, script, NULL);
        log_info("callback %s", run->script->script);
    }
    if (ok && t.parts.n && outside) {
        /* no transaction around any of them */
        for (size_t i = 0; ok && i < t.parts.n; i++) {
            SCRIPT_WALK_AUTO w = script_walk_start(&t.scratch, t.parts.at[i]);
            const char *sql;
            bool more;
            ok = pg_exec(cx, f->pg, flyway_session(cx, f, true));
            while (ok && script_walk_next(&w, &sql, &more) && more) {
                ok = w.rows ? pg_copy_in(cx, f->pg, sql, w.rows, w.rows_len) : pg_exec(cx, f->pg, sql);
                if (!ok && pg_alive(f->pg) && cx->err.sqlstate[0])
                    script_blame(cx, f, t.parts.at[i], w.nth);
            }
        }
    } else if (ok && t.parts.n) {
        ok = run_inside(&t);
    }
    if (!ok)
        flyway_roll_back(f);
    arena_free(&t.scratch);
    return ok;
}

static bool stopped(const struct ctx *cx)
{
    return cx->err.code == E_INTERRUPTED || (cx->err.code == E_TIMEOUT && !cx->err.sqlstate[0]);
}

/* A migration that failed outside of a transaction stands in the history as failed, as Flyway writes it. */
static void record_failure(struct ctx *cx, struct flyway *f, const struct row_values *row, long long ms)
{
    struct ctx own = {.arena = cx->arena};
    struct row_values v = *row;
    v.success = false;
    v.ms = arena_printf(cx->arena, "%lld", ms);
    struct ctx_grace g = ctx_grace_begin(&own, 5000);
    if (!pg_execf(&own, f->pg, "BEGIN; %s; %s; DELETE FROM %s WHERE script = %s; COMMIT", flyway_own_role(&own, f),
                  flyway_history_insert(&own, f, &v), f->progress, pg_literal(&own, f->pg, row->script))) {
        log_warning("the failed migration %s could not be recorded: %s", row->script, own.err.message);
        flyway_roll_back(f);
    }
    ctx_grace_end(&own, g);
}

static bool run_both_ways(struct attempt *t, const struct script_run *main, const struct row_values *row, bool inside,
                          bool *half, struct flyway_step *step)
{
    struct ctx *cx = t->cx;
    struct flyway *f = t->f;
    for (;;) {
        t->commit_sent = t->committed_inside = false;
        bool ok = inside ? run_inside(t) : flyway_run_outside(cx, f, main, row, half);
        if (ok)
            return true;
        if (stopped(cx) && !t->commit_sent && inside) {
            flyway_roll_back(f);
            return false;
        }
        if (stopped(cx) || !pg_alive(f->pg)) {
            f->session_lost = f->session_changed || main->session;
            return (inside || !pg_alive(f->pg)) && find_outcome(t, main->script, row, !inside);
        }
        flyway_roll_back(f);
        if (!inside || t->committed_inside || !flyway_back_off(cx, f, main->script->script, &step->retries))
            return false;
    }
}

bool script_execute(struct ctx *cx, struct flyway *f, const struct flyway_script *s, const struct row_values *row,
                    struct flyway_report *report, struct flyway_step *step)
{
    struct attempt t = {.cx = cx, .f = f};
    struct script_run main;
    long long started = clock_ms();
    bool undo = s->kind == FLYWAY_UNDO, inside = true, half = false, callback_outside = false;
    const char *shown = s->script;

    if (!script_look(cx, f, s, &main) || !script_in_transaction(cx, f, &main, &inside) ||
        !collect(&t, undo ? "beforeEachUndo" : "beforeEachMigrate", &callback_outside))
        return false;
    *VEC_PUSH(&t.scratch, &t.parts) = &main;
    if (!collect(&t, undo ? "afterEachUndo" : "afterEachMigrate", &callback_outside)) {
        arena_free(&t.scratch);
        return false;
    }
    if (f->config->skip_execution)
        t.parts.n = 0, inside = true;
    struct row_values v = *row;
    v.ms = "(extract(epoch FROM clock_timestamp() - now()) * 1000)::int";
    t.row = flyway_history_insert(cx, f, &v);
    t.one_by_one = t.one_by_one || main.copies || main.controls;
    str_addf(&report->sql, "-- migration %s (%s)\n", shown, s->file);
    for (size_t i = 0; i < t.parts.n; i++)
        script_print(cx, t.parts.at[i], &report->sql, &report->statements);
    str_addf(&report->sql, "%s;\n\n", t.row);
    step->outside = !inside;
    bool ok = !inside && callback_outside
                  ? fail(cx, E_CHANGELOG, "the callbacks around %s cannot run in a transaction", shown)
                  : run_both_ways(&t, &main, &v, inside, &half, step);
    step->ms = clock_ms() - started;
    if (!ok) {
        half = half || t.committed_inside;
        if (!inside && pg_alive(f->pg) && !stopped(cx) && cx->err.sqlstate[0]) {
            record_failure(cx, f, row, step->ms);
            err_hint(
                cx,
                "it ran outside of a transaction, so what its earlier statements did stays: mend that by hand, then the "
                "action repair removes its row from %s",
                f->table);
        }
        if (half && (cx->err.code == E_REJECTED || cx->err.code == E_PERMISSION || cx->err.code == E_CAPACITY ||
                     cx->err.code == E_LOCKED))
            cx->err.code = E_PARTIAL;
        if (cx->err.code != E_OK && !strstr(cx->err.message, shown))
            err_detail(cx, "during migration %s", shown);
        err_place(cx, s->file, 1, 1);
    } else {
        f->session_changed = f->session_changed || main.session;
        log_info("migration %s %s in %s", shown, undo ? "undid its version" : "ran",
                 text_duration(cx->arena, step->ms));
    }
    arena_free(&t.scratch);
    return ok;
}
