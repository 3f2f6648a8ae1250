/* pg_pool.c - connections on one snapshot working through a queue; see pg_pool.h. */
#include "dbstep/pg_pool.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/interrupt.h"
#include "dbstep/log.h"
#include "dbstep/vec.h"
#include "pg_internal.h"

enum { POLL_MS = 60000, TICK_MS = 500, MOST_FDS = 128 };

struct job {
    struct job *next;
    const char *sql;
    int n_params;
    const char *const *params;
    bool stream, binary;
    pg_job_fn fn;
    void *user;
};

struct slot {
    struct pg *pg;
    struct job *job;   /* under way; NULL: idle */
    PGresult *result;  /* of a job that is not streamed */
    struct err failed; /* of this job, E_OK while all is well */
    long long started; /* clock_ms() when the job was sent */
    bool rewinding;    /* the savepoint is being restored after a failure */
    bool copying;      /* a COPY sends data that nobody wants: it is thrown away until its end */
};

struct pg_pool {
    struct ctx *cx;
    struct slot *slots;
    int size;
    bool snapshot;
    char snapshot_name[128];
    struct job *first, **last;
    const struct slot *speaking; /* whose callback runs */
    struct pg_pool_watch watch;
    long long not_before, ticked; /* clock_ms(): no job starts earlier; the last tick */
    struct job *spare;            /* done jobs, used again: a run of many small jobs needs little memory */
};

/* Inside one transaction a failed statement would poison the rest; rolling back to here keeps the snapshot. */
static const char savepoint[] = "SAVEPOINT dbstep_pool";
static const char rewind_to[] = "ROLLBACK TO SAVEPOINT dbstep_pool";

static bool start_snapshot(struct ctx *cx, struct pg_pool *pool, struct pg *pg, const char *import)
{
    if (!pg_exec(cx, pg, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        return false;
    if (import && !pg_execf(cx, pg, "SET TRANSACTION SNAPSHOT %s", pg_literal(cx, pg, import)))
        return false;
    if (!*pool->snapshot_name) {
        /* Exported before the savepoint: a subtransaction cannot export. */
        const char *name;
        if (!pg_query_text(cx, pg, &name, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL))
            return false;
        snprintf(pool->snapshot_name, sizeof pool->snapshot_name, "%s", name);
    }
    return pg_exec(cx, pg, savepoint);
}

static bool open_slot(struct ctx *cx, struct pg_pool *pool, const struct pg_target *target,
                      const struct pg_pool_options *o, int i)
{
    struct pg_options connection = o->connection;
    const char *import = i ? pool->snapshot_name : o->import_snapshot;
    struct slot *slot = &pool->slots[i];

    connection.no_retry = connection.no_retry || i > 0;
    if (!pg_open(cx, target, &connection, &slot->pg))
        return false;
    for (const char *const *sql = o->session_sql; sql && *sql; sql++)
        if (!pg_exec(cx, slot->pg, *sql))
            return false;
    return !pool->snapshot || start_snapshot(cx, pool, slot->pg, import);
}

bool pg_pool_open(struct ctx *cx, const struct pg_target *target, const struct pg_pool_options *o, struct pg_pool **out)
{
    struct pg_pool *pool = ARENA_NEW(cx->arena, struct pg_pool);

    *out = NULL;
    pool->cx = cx;
    pool->last = &pool->first;
    pool->snapshot = o->snapshot;
    pool->slots = arena_array(cx->arena, (size_t)o->size, sizeof *pool->slots);
    for (int i = 0; i < o->size; i++) {
        if (open_slot(cx, pool, target, o, i)) {
            pool->size = i + 1;
            continue;
        }
        /* Fewer connections do the same work more slowly; none cannot. */
        if (i == 0 || cx->err.code != E_CAPACITY) {
            pool->size = i + 1;
            pg_pool_close(pool);
            return false;
        }
        pg_close(pool->slots[i].pg);
        log_warning("the server has no room for more than %d of %d connections; going on with those", i, o->size);
        err_clear(cx);
        break;
    }
    *out = pool;
    return true;
}

void pg_pool_close(struct pg_pool *pool)
{
    if (!pool)
        return;
    for (int i = 0; i < pool->size; i++) {
        PQclear(pool->slots[i].result);
        pool->slots[i].result = NULL;
        pg_close(pool->slots[i].pg);
    }
    pool->size = 0;
}

struct pg *pg_pool_first(struct pg_pool *pool)
{
    return pool->slots[0].pg;
}

int pg_pool_size(const struct pg_pool *pool)
{
    return pool->size;
}

bool pg_pool_exec(struct ctx *cx, struct pg_pool *pool, const char *sql)
{
    for (int i = 0; i < pool->size; i++)
        if (!pg_exec(cx, pool->slots[i].pg, sql))
            return false;
    return true;
}

const char *pg_pool_snapshot(const struct pg_pool *pool)
{
    return pool->snapshot_name;
}

long long pg_pool_job_ms(const struct pg_pool *pool)
{
    return clock_ms() - pool->speaking->started;
}

static void enqueue(struct pg_pool *pool, struct job job)
{
    struct job *j = pool->spare;
    if (j)
        pool->spare = j->next;
    else
        j = ARENA_NEW(pool->cx->arena, struct job);
    *j = job;
    j->next = NULL;
    *pool->last = j;
    pool->last = &j->next;
}

void pg_pool_add(struct pg_pool *pool, const char *sql, int n_params, const char *const *params, pg_job_fn fn,
                 void *user)
{
    enqueue(pool, (struct job){.sql = sql, .n_params = n_params, .params = params, .fn = fn, .user = user});
}

void pg_pool_add_stream(struct pg_pool *pool, const char *sql, int n_params, const char *const *params, pg_job_fn fn,
                        void *user)
{
    enqueue(pool,
            (struct job){.sql = sql, .n_params = n_params, .params = params, .fn = fn, .user = user, .stream = true});
}

void pg_pool_add_words(struct pg_pool *pool, const char *sql, pg_job_fn fn, void *user)
{
    enqueue(pool, (struct job){.sql = sql, .fn = fn, .user = user, .stream = true, .binary = true});
}

void pg_pool_set_watch(struct pg_pool *pool, const struct pg_pool_watch *watch)
{
    pool->watch = watch ? *watch : (struct pg_pool_watch){.user = NULL};
}

bool pg_pool_renew(struct ctx *cx, struct pg_pool *pool)
{
    *pool->snapshot_name = '\0';
    for (int i = 0; i < pool->size; i++)
        if (!pg_exec(cx, pool->slots[i].pg, "COMMIT"))
            return false;
    for (int i = 0; i < pool->size; i++)
        if (!start_snapshot(cx, pool, pool->slots[i].pg, i ? pool->snapshot_name : NULL))
            return false;
    return true;
}

bool pg_pool_rewind(struct ctx *cx, struct pg_pool *pool)
{
    return pg_exec(cx, pool->slots[0].pg, rewind_to);
}

/* Does the watch hold this pool back? False when it failed. */
static bool held_back(struct ctx *cx, struct pg_pool *pool, bool *held)
{
    long long now = clock_ms(), wait_ms = 0;

    *held = now < pool->not_before;
    if (*held || !pool->watch.may_start)
        return true;
    if (!pool->watch.may_start(cx, pool->watch.user, &wait_ms))
        return false;
    *held = wait_ms > 0;
    pool->not_before = *held ? clock_ms() + wait_ms : 0;
    return true;
}

static bool tick(struct ctx *cx, struct pg_pool *pool)
{
    long long now = clock_ms();

    if (!pool->watch.tick || now - pool->ticked < TICK_MS)
        return true;
    pool->ticked = now;
    return pool->watch.tick(cx, pool->watch.user);
}

/* Send the next job on an idle slot, unless the watch says to wait; false only when the connection itself is broken. */
static bool start(struct ctx *cx, struct pg_pool *pool, struct slot *slot)
{
    struct job *job = pool->first;
    struct pg *pg = slot->pg;
    bool held;

    if (!job || slot->job)
        return true;
    if (!held_back(cx, pool, &held))
        return false;
    if (held)
        return true;
    pool->first = job->next;
    if (!pool->first)
        pool->last = &pool->first;
    slot->job = job;
    slot->started = clock_ms();
    slot->failed = (struct err){.code = E_OK};
    if (!pg_alive(pg))
        return fail(cx, E_UNREACHABLE, "the connection is gone (%s)", pg->where);
    if (!PQsendQueryParams(pg->conn, job->sql, job->n_params, NULL, job->params, NULL, NULL, job->binary))
        return pg_fail_lost(cx, pg);
    if (job->stream)
        PQsetSingleRowMode(pg->conn);
    return pg_flush(cx, pg);
}

/* The callback's last word on a job; the slot is idle afterwards. */
static bool finish(struct ctx *cx, struct pg_pool *pool, struct slot *slot)
{
    struct job *job = slot->job;
    struct err failed = slot->failed;
    bool bad = failed.code != E_OK, go_on;

    slot->job = NULL;
    pool->speaking = slot;
    if (bad || job->stream) {
        go_on = job->fn(cx, job->user, NULL, bad ? &failed : NULL);
    } else {
        struct pg_rows rows = {.handle = NULL};
        if (slot->result)
            pg_rows_take(&rows, slot->result);
        slot->result = NULL;
        go_on = job->fn(cx, job->user, &rows, NULL);
        pg_rows_free(&rows);
    }
    job->next = pool->spare;
    pool->spare = job;
    if (!go_on && bad && cx->err.code == E_OK)
        cx->err = failed;
    return go_on && cx->err.code == E_OK;
}

static struct err copy_refused(struct ctx *cx, const struct slot *slot)
{
    struct ctx own = {.arena = cx->arena};
    fail(&own, E_REJECTED, "a COPY cannot be used here (%s)", slot->pg->where);
    err_hint(&own, "write a query (SELECT) instead: %.200s", slot->job->sql);
    return own.err;
}

/* False while more of an unwanted COPY is to come. */
static bool copy_is_over(struct slot *slot)
{
    char *chunk = NULL;
    int got;
    while ((got = PQgetCopyData(slot->pg->conn, &chunk, 1)) > 0)
        PQfreemem(chunk);
    slot->copying = got == 0;
    return !slot->copying;
}

/* One result has come: keep it, hand it on, or remember the failure. */
static bool take(struct ctx *cx, struct pg_pool *pool, struct slot *slot, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    bool ok = true;

    if (slot->rewinding) {
        PQclear(res);
    } else if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH || status == PGRES_COPY_IN) {
        /* libpq repeats this result until the copy has ended. */
        PQclear(res);
        slot->copying = status != PGRES_COPY_IN;
        if (!slot->copying)
            PQputCopyEnd(slot->pg->conn, "dbstep has no data for COPY FROM STDIN");
        if (!slot->failed.code)
            slot->failed = copy_refused(cx, slot);
    } else if (status == PGRES_SINGLE_TUPLE || (slot->job->stream && status == PGRES_TUPLES_OK)) {
        struct pg_rows batch;
        pg_rows_take(&batch, res);
        pool->speaking = slot;
        if (!slot->failed.code)
            ok = slot->job->fn(cx, slot->job->user, &batch, NULL);
        pg_rows_free(&batch);
    } else if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        PQclear(slot->result);
        slot->result = res;
    } else {
        pg_fail_result(cx, slot->pg, res);
        slot->failed = cx->err;
        PQclear(res);
        err_clear(cx);
        if (!pg_alive(slot->pg)) {
            cx->err = slot->failed;
            ok = false;
        }
    }
    return ok;
}

/* Everything that libpq can tell about a slot without waiting. */
static bool advance(struct ctx *cx, struct pg_pool *pool, struct slot *slot)
{
    PGconn *conn = slot->pg->conn;

    if (!PQconsumeInput(conn))
        return pg_fail_lost(cx, slot->pg);
    while (slot->job && (!slot->copying || copy_is_over(slot)) && !PQisBusy(conn)) {
        PGresult *res = PQgetResult(conn);
        if (res) {
            if (!take(cx, pool, slot, res))
                return false;
            continue;
        }
        if (slot->failed.code && pool->snapshot && !slot->rewinding) {
            slot->rewinding = true;
            if (!PQsendQuery(conn, rewind_to) || !pg_flush(cx, slot->pg))
                return pg_fail_lost(cx, slot->pg);
            continue;
        }
        slot->rewinding = false;
        if (pool->snapshot && PQtransactionStatus(conn) == PQTRANS_IDLE) {
            fail(cx, E_REJECTED, "a statement ended the transaction that holds the snapshot (%s)", slot->pg->where);
            err_hint(cx, "COMMIT, ROLLBACK and the like must not be used here: %.200s", slot->job->sql);
            return false;
        }
        if (!finish(cx, pool, slot) || !start(cx, pool, slot))
            return false;
    }
    return true;
}

static bool run(struct ctx *cx, struct pg_pool *const *pools, size_t n)
{
    for (;;) {
        struct pollfd fds[MOST_FDS + 1] = {{.fd = interrupt_fd(), .events = POLLIN}};
        struct {
            struct pg_pool *pool;
            struct slot *slot;
        } of[MOST_FDS + 1];
        nfds_t busy = 0;
        long long wait_ms = POLL_MS;
        bool waiting = false;

        for (size_t p = 0; p < n; p++) {
            if (!tick(cx, pools[p]))
                return false;
            bool idle = false; /* held back, with jobs to do */
            for (int i = 0; i < pools[p]->size; i++) {
                struct slot *slot = &pools[p]->slots[i];
                if (!slot->job && !start(cx, pools[p], slot))
                    return false;
                idle = idle || (!slot->job && pools[p]->first);
                if (!slot->job || busy == MOST_FDS)
                    continue;
                busy++;
                fds[busy] = (struct pollfd){.fd = PQsocket(slot->pg->conn), .events = POLLIN};
                of[busy].pool = pools[p];
                of[busy].slot = slot;
            }
            long long left = pools[p]->not_before - clock_ms();
            waiting = waiting || idle;
            if (idle && left < wait_ms)
                wait_ms = left > 1 ? left : 1;
            if (pools[p]->watch.tick && wait_ms > TICK_MS)
                wait_ms = TICK_MS;
        }
        if (!busy && !waiting)
            return true;
        int ready = poll(fds, busy + 1, (int)deadline_left(cx->deadline, wait_ms));
        if (!ctx_alive(cx, busy ? "waiting for the answers of parallel queries"
                                : "queries waited for the server to have less to do"))
            return false;
        for (nfds_t i = 1; ready > 0 && i <= busy; i++)
            if (fds[i].revents && !advance(cx, of[i].pool, of[i].slot))
                return false;
    }
}

bool pg_pools_run(struct ctx *cx, struct pg_pool *const *pools, size_t n)
{
    if (run(cx, pools, n))
        return true;
    /* Nothing may go on running for a result that nobody takes any more. */
    for (size_t p = 0; p < n; p++) {
        bool answers = true; /* one connection's patience is enough for a server that is silent */
        for (int i = 0; i < pools[p]->size; i++) {
            struct slot *slot = &pools[p]->slots[i];
            if (slot->job && pg_alive(slot->pg)) {
                slot->pg->deaf = !answers;
                answers = answers && pg_abandon(slot->pg);
            }
            slot->job = NULL;
        }
        pools[p]->first = NULL;
        pools[p]->last = &pools[p]->first;
    }
    return false;
}

bool pg_pool_run(struct ctx *cx, struct pg_pool *pool)
{
    struct pg_pool *const one[] = {pool};
    return pg_pools_run(cx, one, 1);
}
