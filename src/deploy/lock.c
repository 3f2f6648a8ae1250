/* lock.c - one run at a time; the protocol is described in deploy.h.
 *
 * The advisory lock is only ever tried, never waited for in the server: a session that waits there holds a snapshot, and a CREATE
 * INDEX CONCURRENTLY of the lock's holder would wait for that snapshot for ever.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/hash.h"
#include "dbstep/log.h"
#include "deploy_internal.h"
#include "sql.h"

#define OURS ") dbstep " /* in LOCKEDBY, after "host (address" */

void lock_name(struct deploy *d, const char *table)
{
    char hex[HASH_HEX_MAX];
    unsigned long long key = 0;
    struct hash *h = hash_start(HASH_MD5);
    hash_add(h, "dbstep changelog lock ", 22);
    hash_add(h, table, strlen(table));
    hash_finish_hex(h, hex);
    for (int i = 0; i < 15; i++) /* 60 bits: positive as a signed number */
        key = key << 4 | (unsigned long long)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    snprintf(d->advisory_key, sizeof d->advisory_key, "%llu", key);
}

bool lock_ours(const char *by)
{
    return strstr(by, OURS) != NULL;
}

static const char *our_name(struct ctx *cx, struct deploy *d)
{
    char host[128] = "";
    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        snprintf(host, sizeof host, "unknown");
    return arena_printf(cx->arena, "%s (%s" OURS "%ld/%d", host, d->client, (long)getpid(), pg_backend_pid(d->pg));
}

static bool make_row(struct ctx *cx, struct deploy *d)
{
    if (pg_exec(cx, d->pg, deploy_sql(cx, d, sql_deploy_lock_init)))
        return true;
    if (!pg_failed_with(cx, "23505"))
        return false;
    err_clear(cx);
    return true;
}

static bool make_table(struct ctx *cx, struct deploy *d)
{
    if (d->lock_exists)
        return true;
    if (!pg_exec(cx, d->pg, deploy_sql(cx, d, sql_deploy_lock_create))) {
        if (!pg_failed_with(cx, "42P07") && !pg_failed_with(cx, "23505"))
            return false;
        err_clear(cx); /* a Liquibase was faster */
    }
    d->lock_exists = true;
    return make_row(cx, d);
}

static bool try_advisory(struct ctx *cx, struct deploy *d)
{
    const char *params[] = {d->advisory_key}, *got = "";
    if (!pg_query_text(cx, d->pg, &got, "SELECT pg_try_advisory_lock($1::bigint)", 1, params))
        return false;
    d->advisory = text_equal(got, "t");
    return true;
}

const char *lock_guard(struct ctx *cx, struct deploy *d)
{
    const char *const pairs[] = {"lock", d->lock, "by", pg_literal(cx, d->pg, d->locked_by), NULL};
    return pg_fill(cx, sql_deploy_lock_guard, pairs);
}

const char *lock_prepare_guard(struct ctx *cx, struct deploy *d)
{
    const char *const pairs[] = {
        "lock", d->lock, "by", pg_literal(cx, d->pg, d->locked_by), "settings", session_settings(cx, d), NULL};
    return pg_fill(cx, sql_deploy_lock_guard_prepare, pairs);
}

bool lock_keep(struct ctx *cx, struct deploy *d)
{
    if (!try_advisory(cx, d) || !pg_watch_client(cx, d->pg)) /* DISCARD ALL forgets the watch, too */
        return false;
    return d->advisory || fail(cx, E_LOCKED, "another run took the changelog lock of %s, which a changeset had freed",
                               pg_where(d->pg));
}

static bool take_row(struct ctx *cx, struct deploy *d, const char *sql, const char *before, bool *taken)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {d->locked_by, before};
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql), before ? 2 : 1, params))
        return false;
    *taken = rows.affected == 1;
    return true;
}

static bool read_row(struct ctx *cx, struct deploy *d, bool *locked, const char **by, const char **since)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql_deploy_lock_read), 0, NULL))
        return false;
    *locked = rows.n && pg_bool(&rows, 0, 0);
    *by = rows.n ? arena_strdup(cx->arena, pg_text(&rows, 0, 1)) : "";
    *since = rows.n ? arena_strdup(cx->arena, pg_text(&rows, 0, 2)) : "";
    return true;
}

/* Tries once. *taken, or *holder says who has it. */
static bool attempt(struct ctx *cx, struct deploy *d, bool *taken, const char **holder, bool *foreign)
{
    bool locked = false;
    const char *by = "", *since = "";

    *taken = *foreign = false;
    *holder = "";
    if (!d->advisory && !try_advisory(cx, d))
        return false;
    if (!d->advisory)
        return pg_advisory_holder(cx, d->pg, d->advisory_key, holder);
    if (!d->locked_by) {
        d->locked_by = our_name(cx, d);
        if (!make_table(cx, d))
            return false;
    }
    if (!take_row(cx, d, sql_deploy_lock_take, NULL, taken))
        return false;
    if (*taken)
        return true;
    if (!read_row(cx, d, &locked, &by, &since))
        return false;
    if (!locked) { /* freed in between, or somebody deleted the row */
        return make_row(cx, d) && take_row(cx, d, sql_deploy_lock_take, NULL, taken);
    }
    if (lock_ours(by)) {
        log_warning("the changelog lock was left behind by '%s' since %s, whose session is gone: taking it over", by,
                    since);
        return take_row(cx, d, sql_deploy_lock_take_over, by, taken);
    }
    *foreign = true;
    *holder = arena_printf(cx->arena, "'%s' since %s", by, since);
    return true;
}

static bool give_up(struct ctx *cx, struct deploy *d, const char *holder, bool foreign)
{
    fail(cx, E_LOCKED, "the changelog lock of %s is held by %s", pg_where(d->pg), *holder ? holder : "another run");
    if (foreign)
        err_hint(
            cx,
            "that is no run of dbstep, so it is honoured; when it is dead for certain, release it: schema-deploy with the "
            "action release-lock, or UPDATE %s SET locked = FALSE, lockedby = NULL, lockgranted = NULL WHERE id = 1; or raise "
            "lock_wait",
            d->lock);
    else
        err_hint(
            cx,
            "wait for that run to end, or raise lock_wait; if its client is dead, the server ends it within seconds, or "
            "end it with pg_terminate_backend()");
    return false;
}

bool lock_take(struct ctx *cx, struct deploy *d)
{
    struct deadline until = deadline_in(d->options.lock_wait_ms > 0 ? d->options.lock_wait_ms : 1);
    long long pause = 100;
    bool told = false;

    if (!pg_watch_client(cx, d->pg))
        return false;
    for (;;) {
        bool taken, foreign;
        const char *holder;
        struct arena_mark m = arena_mark(cx->arena);
        bool keep = d->locked_by != NULL; /* from the second round on nothing that stays is allocated */
        if (!attempt(cx, d, &taken, &holder, &foreign)) {
            if (d->locked_by)
                lock_release(d);
            return false;
        }
        if (taken)
            return true;
        if (!told)
            log_info("waiting for the changelog lock, held by %s", *holder ? holder : "another run");
        told = true;
        if (deadline_passed(until) || d->options.lock_wait_ms <= 0) {
            give_up(cx, d, holder, foreign);
            lock_release(d);
            return false;
        }
        if (!ctx_sleep(cx, deadline_left(until, pause),
                       arena_printf(cx->arena, "waiting for the changelog lock, held by %s", holder))) {
            lock_release(d);
            return false;
        }
        pause = pause * 2 > 1000 ? 1000 : pause * 2;
        if (keep)
            arena_reset(cx->arena, m);
    }
}

/* The table of notes goes with its last note, so that a finished deploy leaves only Liquibase's tables, also when an earlier one was
 * killed just before this. Somebody who reads the table (a dump) is not waited for. */
static void drop_empty_notes(struct ctx *cx, struct deploy *d)
{
    long long notes = 1;
    if (!pg_query_int(cx, d->pg, &notes, deploy_sql(cx, d, sql_deploy_progress_count), 0, NULL) || notes ||
        !pg_exec(cx, d->pg, "SET lock_timeout = '500ms'") ||
        !pg_exec(cx, d->pg, deploy_sql(cx, d, "DROP TABLE {progress}")))
        log_debug("%s stays: %s", d->progress, notes ? "it has notes" : cx->err.message);
    else
        d->progress_exists = false;
    err_clear(cx);
}

void lock_release(struct deploy *d)
{
    if (!d->pg || !pg_alive(d->pg) || (!d->advisory && !d->locked_by)) {
        d->advisory = false;
        d->locked_by = NULL;
        return;
    }
    /* A context of its own: whatever ended the run, the lock goes, and the run's error stays. */
    struct ctx cx = {.arena = d->cx->arena};
    struct ctx_grace g = ctx_grace_begin(&cx, 5000);
    PG_ROWS_AUTO rows = {.handle = NULL};
    if (pg_in_transaction(d->pg))
        pg_exec(&cx, d->pg, "ROLLBACK");
    /* What changesets may have left: another role, a path, a short time-out. */
    pg_exec(&cx, d->pg,
            "RESET SESSION AUTHORIZATION; RESET ROLE; RESET default_transaction_read_only; "
            "SET statement_timeout = 0; SET lock_timeout = 0");
    err_clear(&cx);
    if (d->advisory && d->progress_exists)
        drop_empty_notes(&cx, d);
    if (d->locked_by && d->lock_exists) {
        const char *params[] = {d->locked_by};
        if (!pg_query(&cx, d->pg, &rows, deploy_sql(&cx, d, sql_deploy_lock_release), 1, params))
            log_warning("the row of the changelog lock could not be released (%s); the next run takes it over",
                        cx.err.message);
    }
    if (d->advisory && pg_alive(d->pg)) {
        err_clear(&cx);
        const char *params[] = {d->advisory_key};
        pg_query(&cx, d->pg, NULL, "SELECT pg_advisory_unlock($1::bigint)", 1, params);
    }
    d->advisory = false;
    d->locked_by = NULL;
    ctx_grace_end(&cx, g);
}

bool lock_tidy(struct ctx *cx, struct deploy *d)
{
    bool taken = false, row = lock_ours(d->row_locked_by);
    if (!row && !d->progress_exists)
        return true;
    if (!try_advisory(cx, d))
        return false;
    if (!d->advisory) /* the owner is alive */
        return true;
    if (row)
        d->locked_by = our_name(cx, d);
    if (row && take_row(cx, d, sql_deploy_lock_take_over, d->row_locked_by, &taken) && taken)
        log_info("freeing the changelog lock that '%s' left behind", d->row_locked_by);
    if (cx->err.sqlstate[0]) { /* a role that may only read, a standby: there is nothing to do, so this is no failure */
        log_warning("the changelog lock that '%s' left behind stays: %s", d->row_locked_by, cx->err.message);
        err_clear(cx);
    }
    lock_release(d);
    return cx->err.code == E_OK;
}

bool lock_recover(struct ctx *cx, struct deploy *d)
{
    const char *before = d->locked_by;
    struct pg *old = d->pg;
    d->pg = NULL;
    pg_close(old);
    struct pg_options o = {.role = "database"};
    if (!pg_open(cx, d->target, &o, &d->pg))
        return false;
    d->advisory = false;
    /* The old session may still be at work, even committing: only when its lock is free is its outcome final. */
    for (struct deadline until = deadline_in(30000);;) {
        if (!try_advisory(cx, d))
            return false;
        if (d->advisory)
            break;
        if (deadline_passed(until))
            return fail(cx, E_LOCKED, "the lost session still holds the changelog lock of %s", pg_where(d->pg));
        if (!ctx_sleep(cx, 200, "waiting for the lost session to end"))
            return false;
    }
    bool taken = false;
    d->locked_by = our_name(cx, d);
    if (!pg_watch_client(cx, d->pg) || !take_row(cx, d, sql_deploy_lock_take_over, before, &taken))
        return false;
    if (!taken && !take_row(cx, d, sql_deploy_lock_take, NULL, &taken))
        return false;
    if (taken)
        return true;
    d->locked_by = NULL;
    return fail(cx, E_LOCKED, "somebody else took the changelog lock of %s after the connection was lost",
                pg_where(d->pg));
}

bool deploy_lock_state(struct ctx *cx, struct deploy *d, struct lock_state *out)
{
    *out = (struct lock_state){.exists = d->lock_exists, .by = "", .since = "", .session_what = ""};
    if (d->lock_exists && !read_row(cx, d, &out->locked, &out->by, &out->since))
        return false;
    out->ours = lock_ours(out->by);
    if (!pg_advisory_holder(cx, d->pg, d->advisory_key, &out->session_what))
        return false;
    out->session = *out->session_what != '\0';
    return true;
}

static bool refuse_release(struct ctx *cx, struct deploy *d, const struct lock_state *s, long long sessions)
{
    if (s->session) {
        fail(cx, E_LOCKED, "the changelog lock of %s is held by a live run: %s", pg_where(d->pg), s->session_what);
        err_hint(cx, "wait for it to end; a run whose client is dead is ended by the server within seconds, or by "
                     "pg_terminate_backend()");
        return false;
    }
    fail(cx, E_LOCKED, "the changelog lock of %s is held by '%s' since %s, and %s in the database may be its owner's",
         pg_where(d->pg), s->by, s->since, text_plural(cx->arena, sessions, "other session"));
    err_hint(cx, "when that run is dead for certain, set force");
    return false;
}

bool deploy_release_lock(struct ctx *cx, struct deploy *d, bool force, struct lock_state *before, bool *released)
{
    long long sessions = 0;

    *released = false;
    if (!deploy_lock_state(cx, d, before))
        return false;
    if (!before->session && !before->locked)
        return true;
    if (before->session || !try_advisory(cx, d) || !d->advisory)
        return cx->err.code == E_OK && refuse_release(cx, d, before, 0);
    if (!before->ours && !force) {
        if (!pg_query_int(cx, d->pg, &sessions, sql_deploy_lock_sessions, 0, NULL))
            return false;
        if (sessions)
            return refuse_release(cx, d, before, sessions);
    }
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {before->by};
    const char *sql = *before->by ? sql_deploy_lock_release : sql_deploy_lock_release_nobody;
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql), *before->by ? 1 : 0, params))
        return false;
    *released = rows.affected == 1;
    return true;
}
