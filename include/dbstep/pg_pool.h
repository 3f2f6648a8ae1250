/* pg_pool.h - a few connections on one snapshot, working through a queue of statements.
 *
 * The first connection opens a repeatable-read, read-only transaction and exports its snapshot; the others import it. All of
 * them see the same rows until the pool is closed. Work is handed to whichever connection is free; results reach the
 * callback in the order in which they finish, in this thread.
 */
#ifndef DBSTEP_PG_POOL_H
#define DBSTEP_PG_POOL_H

#include "dbstep/pg.h"

struct pg_pool;

struct pg_pool_options {
    struct pg_options connection;
    int size;                    /* connections, at least 1 */
    bool snapshot;               /* share one repeatable-read, read-only snapshot */
    const char *import_snapshot; /* use this exported snapshot instead of a new one; may be NULL */
    const char *const
        *session_sql; /* run on each connection before its transaction starts; ends with NULL; may be NULL */
};

bool pg_pool_open(struct ctx *cx, const struct pg_target *target, const struct pg_pool_options *o,
                  struct pg_pool **out);
void pg_pool_close(struct pg_pool *pool);
static inline void pg_pool_close_ptr(struct pg_pool **p)
{
    pg_pool_close(*p);
}
#define PG_POOL_AUTO __attribute__((cleanup(pg_pool_close_ptr))) struct pg_pool *

/* The first connection, idle whenever no pg_pool_* call is under way: for catalogue queries on the same snapshot. */
struct pg *pg_pool_first(struct pg_pool *pool);
int pg_pool_size(const struct pg_pool *pool);
/* The shared snapshot's name, for SET TRANSACTION SNAPSHOT elsewhere while this pool is open; "" without one. */
const char *pg_pool_snapshot(const struct pg_pool *pool);

/* What a job brought. failed: `err` holds the reason, and the job's rows are empty; a job may fail without ending the run
 * (a missing privilege on one table); return false to end it with that error. On a failure inside a snapshot
 * transaction the pool puts the connection back on the snapshot (savepoints) before it gets the next job. */
typedef bool (*pg_job_fn)(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed);

/* Run on every connection, one after the other, while the pool is idle: a setting. */
bool pg_pool_exec(struct ctx *cx, struct pg_pool *pool, const char *sql);

/* Inside a callback: how long its job has run, in milliseconds. */
long long pg_pool_job_ms(const struct pg_pool *pool);

/* Queue a statement; sql and params must live until it is done. Rows come as one result. */
void pg_pool_add(struct pg_pool *pool, const char *sql, int n_params, const char *const *params, pg_job_fn fn,
                 void *user);
/* As above, but rows come in batches as they arrive (an empty one ends a query's rows; a statement that is no query has none),
 * then once more with rows NULL at the end. */
void pg_pool_add_stream(struct pg_pool *pool, const char *sql, int n_params, const char *const *params, pg_job_fn fn,
                        void *user);
/* As a stream of rows whose columns are all bigint, in binary form: half the bytes, and nothing to parse. Read by pg_word(). */
void pg_pool_add_words(struct pg_pool *pool, const char *sql, pg_job_fn fn, void *user);
/* A say in when jobs start and how long they may go on; each function may be NULL. Both are called in this thread, between answers, and may
 * use other connections. False ends the run with the recorded error. */
struct pg_pool_watch {
    /* Asked before each job is handed out: *wait_ms stays 0, or this pool starts nothing for so long and asks again then. */
    bool (*may_start)(struct ctx *cx, void *user, long long *wait_ms);
    /* Called about twice a second while jobs run or wait. */
    bool (*tick)(struct ctx *cx, void *user);
    void *user;
};
void pg_pool_set_watch(struct pg_pool *pool, const struct pg_pool_watch *watch); /* copied; NULL: none */

/* End the snapshot transactions and begin new ones, all on one new snapshot. No call may be under way. */
bool pg_pool_renew(struct ctx *cx, struct pg_pool *pool);
/* After a statement on pg_pool_first() failed: back on the snapshot, which outlives it. */
bool pg_pool_rewind(struct ctx *cx, struct pg_pool *pool);

/* Run until the queue is empty; callbacks may add more. */
bool pg_pool_run(struct ctx *cx, struct pg_pool *pool);
/* Several pools at once (two databases), until all queues are empty. */
bool pg_pools_run(struct ctx *cx, struct pg_pool *const *pools, size_t n);

#endif
