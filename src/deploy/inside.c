/* inside.c - a changeset in one transaction with its row in the history. */
#include <string.h>

#include "attempt.h"
#include "dbstep/log.h"

#define BATCH_BYTES 65536 /* statements are sent together up to this size: one round trip for most changesets */
#define BATCH_MAX 200

void batch_add(struct attempt *t, struct batch *b, const char *sql, size_t nth)
{
    *VEC_PUSH(&t->scratch, &b->sql) = sql;
    *VEC_PUSH(&t->scratch, &b->nth) = nth;
    b->bytes += strlen(sql);
}

void lock_was_lost(struct attempt *t)
{
    struct ctx *cx = t->cx;

    if (!pg_failed_with(cx, "22012")) {
        err_detail(cx, "while the lock row in %s was looked at, after the statements of %s", t->d->lock, t->what);
        return;
    }
    err_clear(cx);
    fail(cx, E_LOCKED, "the changelog lock of %s was taken away while %s ran; its transaction was rolled back",
         pg_where(t->d->pg), t->what);
    err_hint(
        cx,
        "somebody released or took the row in %s (release-locks, an old Liquibase with nothing to do, or a person): "
        "see that no other deploy is at work, then run the stage again",
        t->d->lock);
}

/* Deferred constraints, or a conflict of serializable transactions: no statement is to blame. */
static void commit_failed(struct attempt *t)
{
    struct ctx *cx = t->cx;
    struct err e = cx->err;
    err_clear(cx);
    fail(cx, e.code, "%s failed at its COMMIT: %s", t->what, e.message);
    memcpy(cx->err.sqlstate, e.sqlstate, sizeof e.sqlstate);
    err_detail(cx, "%s", e.detail);
    if (*e.hint)
        err_hint(cx, "%s", e.hint);
}

bool batch_send(struct attempt *t, struct batch *b)
{
    size_t failed = 0;
    bool ok = pg_pipeline(t->cx, t->d->pg, b->sql.at, b->sql.n, &failed);
    if (!ok && failed < b->nth.n && b->nth.at[failed])
        blame(t, b->nth.at[failed], b->sql.at[failed]);
    else if (!ok && failed < b->sql.n && b->sql.at[failed] == t->guard && pg_alive(t->d->pg))
        lock_was_lost(t);
    else if (!ok && failed < b->sql.n && text_equal(b->sql.at[failed], "COMMIT") && t->cx->err.sqlstate[0])
        commit_failed(t);
    b->sql.n = b->nth.n = b->bytes = 0;
    return ok;
}

/* Notes of an attempt outside of a transaction end with it, however the changeset was brought to its end: in a transaction after an
 * edit, or by hand and marked as ran. Another role may have no right to them. */
static const char *stale_notes(const struct attempt *t)
{
    return t->d->progress_exists && !t->d->session_changed && !t->changes_session ? notes_end(t) : NULL;
}

static void add_record(struct attempt *t, struct batch *b, const char *also)
{
    also = also ? also : stale_notes(t);
    if (t->role_kept)
        batch_add(t, b, "SELECT set_config('role', current_setting('dbstep.role'), true)", 0);
    batch_add(t, b, t->guard, 0);
    batch_add(t, b, t->row, 0);
    if (also)
        batch_add(t, b, also, 0);
    batch_add(t, b, "COMMIT", 0);
}

bool record(struct attempt *t, struct batch *b, bool begin, const char *also)
{
    if (begin)
        batch_add(t, b, "BEGIN", 0);
    add_record(t, b, also);
    t->commit_sent = true;
    return batch_send(t, b);
}

bool add_transaction(struct attempt *t, struct batch *b, const char *const *first, const struct plan_item *item,
                     long long order)
{
    WALK_AUTO w = walk_start(t);
    struct batch whole = {0};
    struct statement s;
    bool more;

    batch_add(t, &whole, "BEGIN", 0);
    for (; *first; first++)
        batch_add(t, &whole, *first, 0);
    for (;;) {
        if (!attempt_next(t, &w, &s, &more))
            return false;
        if (!more)
            break;
        batch_add(t, &whole, arena_strndup(&t->scratch, s.text, s.len), w.nth);
    }
    t->row = history_row_sql(t->cx, t->d, item, item->ran ? "RERAN" : "EXECUTED", order);
    t->guard = LOCK_GUARD_PREPARED;
    add_record(t, &whole, NULL);
    for (size_t i = 0; i < whole.sql.n; i++) { /* the batch outlives this attempt's scratch memory */
        *VEC_PUSH(t->cx->arena, &b->sql) = whole.sql.at[i];
        *VEC_PUSH(t->cx->arena, &b->nth) = whole.nth.at[i];
    }
    b->bytes += whole.bytes;
    return true;
}

struct sending {
    struct attempt *t;
    struct batch b;
};

static bool send_first(void *user)
{
    struct sending *s = user;
    return batch_send(s->t, &s->b);
}

/* Our settings are a query, and SET TRANSACTION must come before any. */
static bool settings_wait(const struct attempt *t)
{
    return t->sets_transaction && !t->asks;
}

/* Under Liquibase the row is written behind the COMMIT, where SET LOCAL ROLE has ended. */
static const char *settings_of(struct attempt *t)
{
    if (!t->local_role || t->own_transactions)
        return session_sql(t->cx, t->d);
    t->role_kept = true;
    return arena_printf(t->cx->arena, "SELECT %s, set_config('dbstep.role', current_setting('role'), true)",
                        session_settings(t->cx, t->d));
}

bool run_pipelined(struct attempt *t)
{
    WALK_AUTO w = walk_start(t);
    struct sending sending = {.t = t};
    struct batch *b = &sending.b;
    struct statement s;
    bool more, ready = !settings_wait(t);

    w.before_asking = send_first;
    w.user = &sending;
    batch_add(t, b, "BEGIN", 0);
    if (ready)
        batch_add(t, b, settings_of(t), 0);
    for (;;) {
        if (!attempt_next(t, &w, &s, &more))
            return false;
        if (!ready && !(more && statement_sets_transaction(s.text))) {
            batch_add(t, b, settings_of(t), 0);
            ready = true;
        }
        if (!more)
            break;
        batch_add(t, b, arena_strndup(&t->scratch, s.text, s.len), w.nth);
        if ((b->bytes > BATCH_BYTES || b->sql.n >= BATCH_MAX) && !batch_send(t, b))
            return false;
    }
    return record(t, b, false, NULL);
}

/* Texts that may hold several statements, or BEGIN and COMMIT of their own: each is waited for. As under JDBC, there is always a
 * transaction, whatever the last text ended. */
bool run_one_by_one(struct attempt *t)
{
    WALK_AUTO w = walk_start(t);
    struct pg *pg = t->d->pg;
    struct statement s;
    bool more, ready = !settings_wait(t);

    if (!pg_exec(t->cx, pg, "BEGIN") || (ready && !pg_exec(t->cx, pg, settings_of(t))))
        return false;
    for (;;) {
        struct text_nature n = {0};
        if (!attempt_next(t, &w, &s, &more))
            return false;
        if (more)
            text_nature(t, &s, &n);
        if (!ready && !(n.statements == 1 && statement_sets_transaction(s.text))) {
            if (!pg_exec(t->cx, pg, settings_of(t)))
                return false;
            ready = true;
        }
        if (!more)
            break;
        if (!pg_in_transaction(pg) && !pg_exec(t->cx, pg, "BEGIN"))
            return false;
        if (!pg_exec(t->cx, pg, s.text)) {
            /* A COMMIT alone that fails has rolled back; one among others may have been done. */
            t->committed_inside = t->committed_inside || (n.commits && n.statements > 1);
            blame(t, w.nth, s.text);
            return false;
        }
        if ((n.commits || !pg_in_transaction(pg)) && !t->committed_inside) {
            t->committed_inside = true;
            log_warning("%s ends its transaction itself: what it did so far stays, even if the rest fails", t->what);
        }
    }
    struct batch b = {0};
    return record(t, &b, !pg_in_transaction(pg), NULL);
}

void roll_back(struct attempt *t)
{
    struct ctx cx = {.arena = t->cx->arena};
    struct ctx_grace g = ctx_grace_begin(&cx, 5000);
    if (pg_alive(t->d->pg) && pg_in_transaction(t->d->pg))
        pg_exec(&cx, t->d->pg, "ROLLBACK");
    ctx_grace_end(&cx, g);
}
