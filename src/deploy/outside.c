/* outside.c - a changeset without a transaction around it: statement by statement, with notes of how far it came.
 *
 * A statement that may stand in a transaction is sent in one together with its note, so that it is done exactly once. Those that
 * may not are noted afterwards. For indexes the catalogue tells whether an interrupted statement came to its end. CALL, DO and
 * texts of several statements can commit on their way: they are never tried again within a run, and start over in the next one.
 */
#include <string.h>

#include "attempt.h"
#include "dbstep/hash.h"
#include "dbstep/log.h"
#include "sql.h"

struct progress {
    struct attempt *t;
    size_t done, running; /* as an earlier attempt left them */
    bool resumed;
    char sum[HASH_HEX_MAX]; /* over the statements that are done: each step covers the sum before it */
};

static bool may_retry(const struct ctx *cx)
{
    return pg_failed_with(cx, "55P03") || pg_failed_with(cx, "40P01") || pg_failed_with(cx, "40001");
}

bool back_off(struct attempt *t, long long *tries)
{
    struct ctx *cx = t->cx;
    if (!may_retry(cx) || *tries >= t->d->options.lock_retries)
        return false;
    struct err e = cx->err;
    long long pause = 250LL << (*tries < 5 ? *tries : 5);
    ++*tries;
    log_info("%s waits %s for a lock that others hold (try %lld of %lld): %s", t->what, text_duration(cx->arena, pause),
             *tries, t->d->options.lock_retries, e.message);
    err_clear(cx);
    return ctx_sleep(cx, pause, "waiting before the next attempt at a lock");
}

/* ---- notes ---- */

/* What depends on the database may be another text by now: there the change stands for its statements. */
static void add_to_sum(struct progress *p, const struct walk *w, const struct statement *s)
{
    struct hash *h = hash_start(HASH_MD5);
    hash_add(h, p->sum, strlen(p->sum));
    if (w->asked)
        hash_add(h, w->at->description, strlen(w->at->description));
    else
        hash_add(h, s->text, s->len);
    hash_finish_hex(h, p->sum);
}

static const char *step_sql(struct progress *p, size_t nth)
{
    struct attempt *t = p->t;
    struct ctx *cx = t->cx;
    struct pg *pg = t->d->pg;
    const char *const pairs[] = {"progress",   t->d->progress,
                                 "done",       arena_printf(cx->arena, "%zu", nth),
                                 "md5sum",     pg_literal(cx, pg, p->sum),
                                 "statements", arena_printf(cx->arena, "%zu", t->statements),
                                 "id",         pg_literal(cx, pg, t->cs->id),
                                 "author",     pg_literal(cx, pg, t->cs->author),
                                 "filename",   pg_literal(cx, pg, t->cs->path),
                                 NULL};
    return pg_fill(cx, sql_deploy_progress_step, pairs);
}

static bool note_running(struct attempt *t, struct ctx *cx, size_t nth)
{
    const char *params[] = {t->cs->id, t->cs->author, t->cs->path, arena_printf(cx->arena, "%zu", nth)};
    return pg_query(cx, t->d->pg, NULL, deploy_sql(cx, t->d, sql_deploy_progress_running), 4, params);
}

/* Settings belong to the session, and whoever goes on does so in a new one. */
static bool set_again(struct attempt *t, const struct str_list *settings)
{
    for (size_t i = 0; i < settings->n; i++)
        if (!pg_exec(t->cx, t->d->pg, settings->at[i]))
            return false;
    return true;
}

const char *notes_end(const struct attempt *t)
{
    const struct deploy *d = t->d;
    const char *const pairs[] = {"progress", d->progress,
                                 "id",       pg_literal(t->cx, d->pg, t->cs->id),
                                 "author",   pg_literal(t->cx, d->pg, t->cs->author),
                                 "filename", pg_literal(t->cx, d->pg, t->cs->path),
                                 NULL};
    return pg_fill(t->cx, sql_deploy_progress_end, pairs);
}

/* The table is made when it is first needed: a role without CREATE may use one that is there. */
static bool start(struct progress *p)
{
    struct attempt *t = p->t;
    struct ctx *cx = t->cx;
    struct deploy *d = t->d;
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *total = arena_printf(cx->arena, "%zu", t->statements);
    const char *identity[] = {t->cs->id, t->cs->author, t->cs->path, total, d->deployment_id}, *there,
               *table[] = {d->progress};

    if (!pg_query_text(cx, d->pg, &there, "SELECT to_regclass($1) IS NOT NULL", 1, table) ||
        (!text_equal(there, "t") && !pg_exec(cx, d->pg, deploy_sql(cx, d, sql_deploy_progress_create))))
        return false;
    d->progress_exists = true;
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql_deploy_progress_read), 3, identity))
        return false;
    if (!rows.n)
        return pg_query(cx, d->pg, NULL, deploy_sql(cx, d, sql_deploy_progress_start), 5, identity);
    p->resumed = true;
    p->done = (size_t)pg_int(&rows, 0, 1);
    p->running = (size_t)pg_int(&rows, 0, 2);
    log_warning("%s was left unfinished at %s with %zu of %s statements done: going on there", t->what,
                pg_text(&rows, 0, 3), p->done, total);

    /* What is done must still be what the changeset begins with. */
    WALK_AUTO w = walk_start(t);
    struct str_list settings = {0};
    struct statement s;
    bool more = true;
    w.joined = w.skip_asking = true;
    while (w.nth < p->done && walk_next(&w, &s, &more) && more) {
        struct text_nature n;
        add_to_sum(p, &w, &s);
        text_nature(t, &s, &n);
        if (n.statements == 1 && statement_sets(s.text))
            *VEC_PUSH(&t->scratch, &settings) = arena_strndup(&t->scratch, s.text, s.len);
    }
    if (cx->err.code != E_OK)
        return false;
    if (w.nth == p->done && more && text_equal(p->sum, pg_text(&rows, 0, 0)))
        return set_again(t, &settings);
    fail(cx, E_GUARD, "%s was left unfinished with its first %s done, and those were edited since", t->what,
         text_plural(cx->arena, (long long)p->done, "statement"));
    err_place(cx, t->cs->file, t->cs->line, 1);
    err_hint(
        cx,
        "undo the edit of what is done (later statements may be edited); or undo in the database what they did, and delete "
        "the changeset's row from %s",
        d->progress);
    return false;
}

/* ---- statements ---- */

struct index {
    struct index_statement is;
    bool exists, valid, on_table; /* on_table: of the statement's table, for certain */
    const char *found;            /* its name, quoted and with its schema where needed */
};

static bool look_at_index(struct attempt *t, struct index *x)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {x->is.name, x->is.create ? x->is.table : NULL};
    if (!pg_query(t->cx, t->d->pg, &rows, sql_change_index_state, 2, params))
        return false;
    x->exists = rows.n > 0;
    x->valid = rows.n && pg_bool(&rows, 0, 0);
    x->on_table = rows.n && pg_bool(&rows, 0, 2);
    x->found = rows.n ? arena_strdup(t->cx->arena, pg_text(&rows, 0, 1)) : "";
    return true;
}

static bool drop_invalid(struct attempt *t, struct index *x)
{
    if (!x->is.create || !x->exists || x->valid)
        return true;
    log_info("removing the invalid index %s that an earlier attempt left", x->found);
    x->exists = false;
    return pg_execf(t->cx, t->d->pg, "DROP INDEX CONCURRENTLY IF EXISTS %s", x->found);
}

/* Is the lock still ours? Asked before each statement, since there is no transaction to bind it to. */
static bool still_locked(struct attempt *t)
{
    if (pg_exec(t->cx, t->d->pg, t->guard))
        return true;
    if (pg_alive(t->d->pg))
        lock_was_lost(t);
    return false;
}

static bool run_index(struct progress *p, const struct statement *s, size_t nth, struct index *x)
{
    struct attempt *t = p->t;
    struct ctx *cx = t->cx;
    struct pg *pg = t->d->pg;
    bool again = p->resumed && nth == p->done + 1;

    if (!look_at_index(t, x))
        return false;
    if (again && p->running == nth && (x->is.create ? x->exists && x->valid : !x->exists))
        return true; /* it came to its end although nobody could note it */
    /* An invalid index of that name on that table is what a CREATE INDEX CONCURRENTLY left that failed, whoever ran it. */
    if ((again || x->on_table) && !drop_invalid(t, x))
        return false;
    /* Noted only when the catalogue will tell: an index that is there already was not made by this statement. */
    bool noted = x->is.create != x->exists;
    if (noted && !note_running(t, cx, nth))
        return false;
    for (long long tries = 0; !pg_exec(cx, pg, s->text);) {
        if (back_off(t, &tries)) {
            if (!look_at_index(t, x) || !drop_invalid(t, x))
                return false;
            continue;
        }
        if (noted && cx->err.sqlstate[0] && pg_alive(pg)) { /* the server refused it: it is not done, for certain */
            struct ctx own = {.arena = cx->arena};
            struct ctx_grace g = ctx_grace_begin(&own, 5000);
            note_running(t, &own, 0);
            ctx_grace_end(&own, g);
        }
        return false;
    }
    if (!x->is.create)
        return true;
    if (!look_at_index(t, x))
        return false;
    if (!x->exists || x->valid)
        return true;
    fail(cx, E_VERIFY, "the index %s is there but not valid (%s)", x->found, pg_where(pg));
    err_hint(cx, "DROP INDEX CONCURRENTLY %s; then run the stage again", x->found);
    return false;
}

/* With its note, in one transaction. */
static bool run_noted(struct progress *p, const struct statement *s, size_t nth)
{
    struct attempt *t = p->t;
    struct ctx *cx = t->cx;
    const char *text = arena_strndup(&t->scratch, s->text, s->len), *note = step_sql(p, nth);

    for (long long tries = 0;;) {
        struct batch b = {0};
        size_t failed;
        batch_add(t, &b, "BEGIN", 0);
        batch_add(t, &b, text, nth);
        batch_add(t, &b, note, 0);
        batch_add(t, &b, "COMMIT", 0);
        if (pg_pipeline(cx, t->d->pg, b.sql.at, b.sql.n, &failed))
            return true;
        roll_back(t);
        if (!back_off(t, &tries))
            return false;
    }
}

/* Statements that the change made of what it found: all of them and the note, or nothing. */
static bool run_asked(struct progress *p, const struct statement *s, size_t nth)
{
    struct attempt *t = p->t;
    struct ctx *cx = t->cx;
    const char *note = step_sql(p, nth);

    for (long long tries = 0;;) {
        if (pg_exec(cx, t->d->pg, "BEGIN") && pg_exec(cx, t->d->pg, s->text) && pg_exec(cx, t->d->pg, note) &&
            pg_exec(cx, t->d->pg, "COMMIT"))
            return true;
        roll_back(t);
        if (!back_off(t, &tries))
            return false;
    }
}

static bool run_plain(struct progress *p, const struct statement *s, size_t nth, bool retry)
{
    struct attempt *t = p->t;
    for (long long tries = 0; !pg_exec(t->cx, t->d->pg, s->text);)
        if (!retry || !back_off(t, &tries))
            return false;
    return pg_exec(t->cx, t->d->pg, step_sql(p, nth));
}

static bool run_by_its_kind(struct progress *p, const struct walk *w, const struct statement *s, bool concurrent)
{
    struct attempt *t = p->t;
    size_t nth = w->nth;
    struct ctx *cx = t->cx;
    struct index x = {0};
    struct text_nature n;
    bool index = statement_index(cx->arena, s->text, &x.is) && x.is.name;

    text_nature(t, s, &n);
    add_to_sum(p, w, s);
    if (w->asked)
        return run_asked(p, s, nth);
    if (index && n.statements == 1)
        return run_index(p, s, nth, &x) && pg_exec(cx, t->d->pg, step_sql(p, nth));
    bool whole = n.statements == 1 && !n.calls; /* all of it or nothing */
    if (!concurrent && whole && !n.copies && !t->own_transactions) {
        if (run_noted(p, s, nth))
            return true;
        if (!pg_failed_with(cx, "25001"))
            return false;
        err_clear(cx); /* "cannot run inside a transaction block" */
    }
    return run_plain(p, s, nth, whole && !t->own_transactions);
}

/* What earlier statements of the changeset set holds for this one; only the limit for locks is lifted where nobody queues behind. */
static bool run_statement(struct progress *p, const struct walk *w, const struct statement *s)
{
    struct ctx *cx = p->t->cx;
    struct pg *pg = p->t->d->pg;
    bool concurrent = statement_is_concurrent(s->text);
    const char *limit = "0";

    if (!still_locked(p->t) ||
        (concurrent && (!pg_query_text(cx, pg, &limit, "SELECT current_setting('lock_timeout')", 0, NULL) ||
                        !pg_exec(cx, pg, "SET lock_timeout = 0"))))
        return false;
    return run_by_its_kind(p, w, s, concurrent) &&
           (!concurrent || pg_execf(cx, pg, "SET lock_timeout = %s", pg_literal(cx, pg, limit)));
}

bool run_outside(struct attempt *t, bool *half)
{
    WALK_AUTO w = walk_start(t);
    struct ctx *cx = t->cx;
    struct deploy *d = t->d;
    struct progress p = {.t = t};
    struct statement s;
    bool more;

    if (!pg_exec(cx, d->pg, session_sql(cx, d)) || !start(&p))
        return false;
    *half = p.done > 0;
    w.joined = true;
    for (;;) {
        if (!attempt_next(t, &w, &s, &more))
            return false;
        if (!more)
            break;
        if (w.nth <= p.done)
            continue;
        if (!run_statement(&p, &w, &s)) {
            struct text_nature n;
            text_nature(t, &s, &n);
            *half = *half || statement_is_concurrent(s.text) || n.calls || n.commits || !pg_alive(d->pg);
            if (pg_alive(d->pg) && cx->err.sqlstate[0])
                blame(t, w.nth, s.text);
            if (*half)
                err_hint(
                    cx,
                    "%zu of %zu statements are done and noted in %s; mend the cause and run the stage again: it goes on with "
                    "statement %zu",
                    w.nth - 1, t->statements, d->progress, w.nth);
            return false;
        }
        *half = true;
        /* At once: nothing but this lock tells the next run that this one is alive. */
        if (t->drops_locks && !lock_keep(cx, d))
            return false;
    }
    struct batch b = {0};
    return record(t, &b, true, notes_end(t));
}
