/* outside.c - a migration without a transaction around it: statement by statement, with notes of how far it came.
 *
 * The notes are there from its first statement to its row in the history, so they are found only after a run that was killed or lost its
 * connection: then it is gone on with behind what is done. A statement that may stand in a transaction is sent in one together with its
 * note, so that it is done exactly once; for indexes the catalogue tells. Statements that fail end it as in Flyway: a row with
 * success false, and no notes, since somebody has to mend it by hand.
 */
#include <string.h>

#include "dbstep/log.h"
#include "flyway_internal.h"
#include "sql.h"

struct progress {
    struct ctx *cx;
    struct flyway *f;
    const struct script_run *run;
    const char *key; /* its script, quoted */
    long long done, running;
};

static bool open_notes(struct progress *p, const struct row_values *row)
{
    struct ctx *cx = p->cx;
    struct flyway *f = p->f;
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *identity[] = {row->script};

    if (!f->notes_exist && !pg_exec(cx, f->pg, flyway_sql(cx, f, sql_flyway_progress_create)))
        return false;
    f->notes_exist = true;
    if (!pg_query(
            cx, f->pg, &rows,
            flyway_sql(
                cx, f,
                "SELECT checksum, done, running, to_char(started, 'YYYY-MM-DD HH24:MI:SS') FROM {progress} WHERE script = $1"),
            1, identity))
        return false;
    if (!rows.n)
        return pg_execf(cx, f->pg, "INSERT INTO %s (script, checksum, done, running) VALUES (%s, %d, 0, 0)",
                        f->progress, p->key, row->checksum);
    p->done = pg_int(&rows, 0, 1);
    p->running = pg_int(&rows, 0, 2);
    if (pg_int(&rows, 0, 0) == row->checksum) {
        log_warning("migration %s was left unfinished at %s with %lld of %zu statements done: going on there",
                    row->script, pg_text(&rows, 0, 3), p->done, p->run->statements);
        return true;
    }
    fail(cx, E_GUARD, "migration %s was left unfinished with %lld of its statements done, and was edited since",
         row->script, p->done);
    err_place(cx, p->run->script->file, 1, 1);
    err_hint(cx, "undo the edit; or undo in the database what it did, and delete its row from %s", f->progress);
    return false;
}

static const char *note_sql(struct progress *p, long long done, long long running)
{
    return arena_printf(p->cx->arena, "UPDATE %s SET done = %lld, running = %lld WHERE script = %s", p->f->progress,
                        done, running, p->key);
}

static bool note(struct progress *p, long long done, long long running)
{
    return pg_execf(p->cx, p->f->pg, "BEGIN; %s; %s; COMMIT", flyway_own_role(p->cx, p->f), note_sql(p, done, running));
}

/* With its note, in one transaction. */
static bool run_noted(struct progress *p, const char *sql, size_t nth)
{
    const char *const all[] = {"BEGIN", sql, flyway_own_role(p->cx, p->f), note_sql(p, (long long)nth, 0), "COMMIT"};
    for (long long tries = 0;;) {
        size_t failed;
        if (pg_pipeline(p->cx, p->f->pg, all, COUNT(all), &failed))
            return true;
        flyway_roll_back(p->f);
        if (!flyway_back_off(p->cx, p->f, p->run->script->script, &tries))
            return false;
    }
}

struct index_found {
    bool exists, valid;
    const char *name;
};

static bool look_at_index(struct progress *p, const struct index_statement *is, struct index_found *x)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {is->name, is->create ? is->table : NULL};
    if (!pg_query(p->cx, p->f->pg, &rows, sql_change_index_state, 2, params))
        return false;
    *x = (struct index_found){.exists = rows.n > 0, .name = ""};
    if (rows.n) {
        x->valid = pg_bool(&rows, 0, 0);
        x->name = arena_strdup(p->cx->arena, pg_text(&rows, 0, 1));
    }
    return true;
}

/* Was the interrupted statement done after all? What it left half-made is removed. */
static bool settle_index(struct progress *p, const struct index_statement *is, bool *done)
{
    struct index_found x;
    *done = false;
    if (!look_at_index(p, is, &x))
        return false;
    *done = is->create ? x.exists && x.valid : !x.exists;
    if (*done || !is->create || !x.exists)
        return true;
    log_info("removing the invalid index %s that an earlier attempt left", x.name);
    return pg_execf(p->cx, p->f->pg, "DROP INDEX CONCURRENTLY IF EXISTS %s", x.name);
}

/* Nobody queues behind a statement that builds concurrently, so it may wait. */
static bool send_alone(struct progress *p, const struct script_walk *w, const char *sql)
{
    struct ctx *cx = p->cx;
    struct pg *pg = p->f->pg;
    bool patient = statement_is_concurrent(sql);
    if (patient && !pg_exec(cx, pg, "SET lock_timeout = 0"))
        return false;
    bool ok = w->rows ? pg_copy_in(cx, pg, sql, w->rows, w->rows_len) : pg_exec(cx, pg, sql);
    return ok && (!patient || pg_execf(cx, pg, "SET lock_timeout = '%lldms'", p->f->config->lock_timeout_ms));
}

static bool run_alone(struct progress *p, const struct script_walk *w, const char *sql)
{
    struct ctx *cx = p->cx;
    struct pg *pg = p->f->pg;
    struct index_statement is;
    bool index = statement_index(cx->arena, sql, &is) && is.name, done = false;

    if (index && p->running == (long long)w->nth && !settle_index(p, &is, &done))
        return false;
    if (!pg_in_transaction(pg) && !note(p, (long long)w->nth - 1, (long long)w->nth))
        return false;
    if (!done && !send_alone(p, w, sql))
        return false;
    if (index && is.create) {
        struct index_found x;
        if (!look_at_index(p, &is, &x))
            return false;
        if (x.exists && !x.valid) {
            fail(cx, E_VERIFY, "the index %s is there but not valid (%s)", x.name, pg_where(pg));
            err_hint(cx, "DROP INDEX CONCURRENTLY %s; then run the stage again", x.name);
            return false;
        }
    }
    return pg_in_transaction(pg) || note(p, (long long)w->nth, 0);
}

static bool run_statement(struct progress *p, const struct script_walk *w, const char *sql)
{
    struct ctx *cx = p->cx;
    bool alone = statement_alone(sql) || p->run->controls || statement_may_commit(sql) || statement_is_copy(sql);
    if (!alone) {
        if (run_noted(p, sql, w->nth))
            return true;
        if (!pg_failed_with(cx, "25001"))
            return false;
        err_clear(cx); /* "cannot run inside a transaction block" */
    }
    return run_alone(p, w, sql);
}

bool flyway_run_outside(struct ctx *cx, struct flyway *f, const struct script_run *run, const struct row_values *row,
                        bool *half)
{
    struct progress p = {.cx = cx, .f = f, .run = run, .key = pg_literal(cx, f->pg, row->script)};
    struct arena scratch = {0};
    SCRIPT_WALK_AUTO w = script_walk_start(&scratch, run);
    long long started = clock_ms();
    const char *sql;
    bool more = true, ok = open_notes(&p, row);

    *half = p.done > 0;
    ok = ok && pg_exec(cx, f->pg, flyway_session(cx, f, false));
    while (ok && script_walk_next(&w, &sql, &more) && more) {
        if ((long long)w.nth <= p.done) { /* its settings belong to the session, which is a new one */
            ok = !statement_sets(sql) || pg_exec(cx, f->pg, sql);
            continue;
        }
        ok = run_statement(&p, &w, sql);
        if (!ok && pg_alive(f->pg) && cx->err.sqlstate[0])
            script_blame(cx, f, run, w.nth);
        *half = *half || ok || !pg_alive(f->pg);
    }
    arena_free(&scratch);
    if (!ok)
        return false;
    if (pg_in_transaction(f->pg) && !pg_exec(cx, f->pg, "COMMIT"))
        return false;
    struct row_values v = *row;
    v.ms = arena_printf(cx->arena, "%lld", clock_ms() - started);
    return pg_execf(cx, f->pg, "BEGIN; %s; %s; DELETE FROM %s WHERE script = %s; COMMIT", flyway_own_role(cx, f),
                    flyway_history_insert(cx, f, &v), f->progress, p.key);
}
