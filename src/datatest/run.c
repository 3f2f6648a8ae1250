/* run.c - running data tests on one snapshot; see datatest.h. */
#include <stdio.h>

#include "dbstep/datatest.h"
#include "dbstep/log.h"
#include "dbstep/pg_pool.h"
#include "sql.h"

enum { CELL_BYTES = 120 };

/* One test under way. */
struct running {
    struct pg_pool *pool;
    struct datatest *test;
    int sample_rows;
    struct str sample;
    bool answered; /* a result set came, so it was a query */
};

static void add_sample(struct running *r, const struct pg_rows *rows, int row)
{
    if (r->sample.len)
        str_addc(&r->sample, '\n');
    for (int c = 0; c < rows->columns; c++) {
        const char *value = pg_null(rows, row, c) ? "NULL" : pg_text(rows, row, c);
        size_t len = strlen(value), n = text_utf8_prefix(value, len, CELL_BYTES);
        str_addf(&r->sample, "%s%s = %.*s%s", c ? ", " : "", pg_column_name(rows, c), (int)n, value,
                 n < len ? "…" : "");
    }
    r->test->sampled++;
}

/* The line of the file that holds character `position` of the statement. */
static int line_at(const char *sql, int position)
{
    int line = 1;
    for (; *sql && position > 1; sql++) {
        if (*sql == '\n')
            line++;
        if (((unsigned char)*sql & 0xC0) != 0x80)
            position--;
    }
    return line;
}

static bool on_rows(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct running *r = user;
    struct datatest *t = r->test;

    (void)cx;
    if (rows) {
        r->answered = true;
        t->violations += rows->n;
        for (int i = 0; i < rows->n && t->sampled < r->sample_rows; i++)
            add_sample(r, rows, i);
        return true;
    }
    t->ms = pg_pool_job_ms(r->pool);
    t->sample = r->sample.s;
    if (failed) {
        t->state = DATATEST_BROKEN;
        t->error = *failed;
        t->error_line = failed->position ? line_at(t->sql, failed->position) : 0;
    } else if (!r->answered) {
        t->state = DATATEST_BROKEN;
        t->error = (struct err){.code = E_INPUT};
        snprintf(t->error.message, sizeof t->error.message, "the file holds no query, so nothing was asserted");
    } else {
        t->state = t->violations ? DATATEST_VIOLATED : DATATEST_HOLDS;
    }
    log_debug("data test %s: %s", t->path, failed ? failed->message : t->violations ? "violated" : "holds");
    return true;
}

bool datatest_run(struct ctx *cx, const struct pg_target *target, const struct datatest_options *o,
                  struct datatest_list *tests)
{
    PG_POOL_AUTO pool = NULL;
    /* The transaction is read-only; this also holds for a test that ends the transaction. */
    const char *const session[] = {"SET default_transaction_read_only = on", NULL};
    struct pg_pool_options options = {.connection = {.statement_timeout_ms = o->statement_timeout_ms},
                                      .size = (size_t)o->connections > tests->n ? (int)tests->n : o->connections,
                                      .snapshot = true,
                                      .session_sql = session};

    if (!pg_pool_open(cx, target, &options, &pool))
        return false;
    if (o->snapshot && !pg_query_text(cx, pg_pool_first(pool), o->snapshot, sql_datatest_moment, 0, NULL))
        return false;
    for (size_t i = 0; i < tests->n; i++) {
        struct running *r = ARENA_NEW(cx->arena, struct running);
        *r = (struct running){
            .pool = pool, .test = &tests->at[i], .sample_rows = o->sample_rows, .sample = str_new(cx->arena)};
        pg_pool_add_stream(pool, tests->at[i].sql, 0, NULL, on_rows, r);
    }
    return pg_pool_run(cx, pool);
}
