/* pg.c - statements and their results; see pg.h. */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dbstep/interrupt.h"
#include "dbstep/log.h"
#include "dbstep/vec.h"
#include "pg_internal.h"

enum { WAIT_SLICE_MS = 60000, COPY_CHUNK = 1 << 20 };

/* ---- waiting ---- */

bool pg_wait_socket(struct ctx *cx, struct pg *pg, bool write_too, const char *waiting_for)
{
    struct pollfd fds[2] = {{.fd = PQsocket(pg->conn), .events = (short)(POLLIN | (write_too ? POLLOUT : 0))},
                            {.fd = interrupt_fd(), .events = POLLIN}};
    for (;;) {
        if (fds[0].fd < 0)
            return pg_fail_lost(cx, pg);
        int n = poll(fds, 2, (int)deadline_left(cx->deadline, WAIT_SLICE_MS));
        if (n > 0 && fds[0].revents)
            return true;
        if (interrupted() || deadline_passed(cx->deadline))
            return ctx_alive(cx, arena_printf(cx->arena, "%s (%s)", waiting_for, pg->where));
    }
}

bool pg_flush(struct ctx *cx, struct pg *pg)
{
    for (;;) {
        int left = PQflush(pg->conn);
        if (left == 0)
            return true;
        if (left < 0)
            return pg_fail_lost(cx, pg);
        if (!pg_wait_socket(cx, pg, true, "sending a statement"))
            return false;
        if (!PQconsumeInput(pg->conn))
            return pg_fail_lost(cx, pg);
    }
}

bool pg_get_result(struct ctx *cx, struct pg *pg, PGresult **out)
{
    *out = NULL;
    while (PQisBusy(pg->conn)) {
        if (!pg_wait_socket(cx, pg, false, "waiting for the answer to a statement")) {
            pg_abandon(pg);
            return false;
        }
        if (!PQconsumeInput(pg->conn))
            return pg_fail_lost(cx, pg);
    }
    *out = PQgetResult(pg->conn);
    return true;
}

/* Every statement begins here: a context that has already failed may still clean up, so it is no reason to refuse. */
static bool ready(struct ctx *cx, struct pg *pg)
{
    if (!pg_alive(pg))
        return fail(cx, E_UNREACHABLE, "the connection is gone (%s)", pg->where);
    pg->error_position = 0;
    if (interrupted() || deadline_passed(cx->deadline))
        return ctx_alive(cx, arena_printf(cx->arena, "starting a statement (%s)", pg->where));
    return true;
}

static bool sent(struct ctx *cx, struct pg *pg, int ok)
{
    if (!ok) {
        if (PQstatus(pg->conn) == CONNECTION_BAD)
            return pg_fail_lost(cx, pg);
        return fail(cx, E_INTERNAL, "cannot send a statement (%s): %s", pg->where, PQerrorMessage(pg->conn));
    }
    if (pg_flush(cx, pg))
        return true;
    if (pg_alive(pg))
        pg_abandon(pg);
    return false;
}

/* ---- results ---- */

void pg_rows_take(struct pg_rows *rows, PGresult *res)
{
    const char *affected = PQcmdTuples(res);
    *rows = (struct pg_rows){.handle = res,
                             .n = PQntuples(res),
                             .columns = PQnfields(res),
                             .affected = *affected ? strtoll(affected, NULL, 10) : -1};
}

void pg_rows_free(struct pg_rows *rows)
{
    PQclear(rows->handle);
    *rows = (struct pg_rows){.handle = NULL};
}

const char *pg_text(const struct pg_rows *rows, int row, int column)
{
    return rows->handle ? PQgetvalue(rows->handle, row, column) : "";
}

bool pg_null(const struct pg_rows *rows, int row, int column)
{
    return PQgetisnull(rows->handle, row, column);
}

long long pg_int(const struct pg_rows *rows, int row, int column)
{
    return strtoll(pg_text(rows, row, column), NULL, 10);
}

uint64_t pg_word(const struct pg_rows *rows, int row, int column)
{
    const unsigned char *p = (const unsigned char *)pg_text(rows, row, column);
    uint64_t v = 0;
    for (int i = 0; i < 8 && !pg_null(rows, row, column); i++)
        v = v << 8 | p[i];
    return v;
}

bool pg_bool(const struct pg_rows *rows, int row, int column)
{
    return *pg_text(rows, row, column) == 't';
}

const char *pg_column_name(const struct pg_rows *rows, int column)
{
    const char *name = PQfname(rows->handle, column);
    return name ? name : "";
}

int pg_column_typmod(const struct pg_rows *rows, int column)
{
    return PQfmod(rows->handle, column);
}

int pg_column_index(const struct pg_rows *rows, const char *name)
{
    for (int i = 0; i < rows->columns; i++)
        if (text_equal(pg_column_name(rows, i), name))
            return i;
    return -1;
}

/* ---- statements ---- */

struct copy_data {
    const char *data;
    size_t n;
};

/* Sends the rows and ends the COPY. Ending it with an error keeps the protocol going; the server calls that a cancelled query. */
static bool feed_copy(struct ctx *cx, struct pg *pg, const struct copy_data *rows)
{
    if (!rows) {
        fail(cx, E_REJECTED, "COPY FROM STDIN has no data to read here (%s)", pg->where);
        err_hint(cx, "write the rows as INSERT statements");
        PQputCopyEnd(pg->conn, "dbstep has no data for COPY FROM STDIN");
        return true;
    }
    for (size_t at = 0; at < rows->n;) {
        size_t n = rows->n - at < COPY_CHUNK ? rows->n - at : COPY_CHUNK;
        int done = PQputCopyData(pg->conn, rows->data + at, (int)n);
        if (done < 0)
            return pg_fail_lost(cx, pg);
        if (done)
            at += n;
        if (!pg_flush(cx, pg)) {
            pg_abandon(pg);
            return false;
        }
    }
    PQputCopyEnd(pg->conn, NULL);
    return pg_flush(cx, pg);
}

/* All results of what was sent: the last good one into *keep (when wanted), the first error recorded. `rows`: for COPY FROM STDIN. */
static bool collect(struct ctx *cx, struct pg *pg, PGresult **keep, const struct copy_data *rows)
{
    bool ok = true;
    PGresult *res;
    const char *chunk;
    size_t n;

    for (;;) {
        if (!pg_get_result(cx, pg, &res))
            return false;
        if (!res)
            return ok;
        switch (PQresultStatus(res)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
        case PGRES_EMPTY_QUERY:
            if (keep && ok) {
                PQclear(*keep);
                *keep = res;
                continue;
            }
            break;
        case PGRES_COPY_IN:
            if (!feed_copy(cx, pg, rows)) {
                PQclear(res);
                return false;
            }
            rows = NULL;
            break;
        case PGRES_COPY_OUT:
            do {
                if (!pg_copy_next(cx, pg, &chunk, &n)) {
                    PQclear(res);
                    return false;
                }
            } while (chunk);
            break;
        default: pg_fail_result(cx, pg, res); ok = false;
        }
        PQclear(res);
    }
}

bool pg_query(struct ctx *cx, struct pg *pg, struct pg_rows *rows, const char *sql, int n_params,
              const char *const *params)
{
    PG_RESULT_AUTO res = NULL;

    if (rows)
        *rows = (struct pg_rows){.handle = NULL};
    if (!ready(cx, pg) || !sent(cx, pg, PQsendQueryParams(pg->conn, sql, n_params, NULL, params, NULL, NULL, 0)) ||
        !collect(cx, pg, &res, NULL))
        return false;
    if (rows && res) {
        pg_rows_take(rows, res);
        res = NULL;
    }
    return true;
}

bool pg_exec(struct ctx *cx, struct pg *pg, const char *sql)
{
    return ready(cx, pg) && sent(cx, pg, PQsendQuery(pg->conn, sql)) && collect(cx, pg, NULL, NULL);
}

bool pg_copy_in(struct ctx *cx, struct pg *pg, const char *sql, const char *data, size_t n)
{
    struct copy_data rows = {data, n};
    return ready(cx, pg) && sent(cx, pg, PQsendQuery(pg->conn, sql)) && collect(cx, pg, NULL, &rows);
}

bool pg_watch_client(struct ctx *cx, struct pg *pg)
{
    static const char *const settings[] = {"SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5",
                                           "SET tcp_keepalives_count = 3", "SET tcp_user_timeout = 30000",
                                           "SET client_connection_check_interval = '500ms'"};
    for (size_t i = 0; i < COUNT(settings); i++) {
        if (pg_exec(cx, pg, settings[i]))
            continue;
        if (!pg_alive(pg) || cx->err.code == E_INTERRUPTED)
            return false;
        log_debug("%s: %s", settings[i], cx->err.message);
        err_clear(cx);
    }
    return true;
}

bool pg_execf(struct ctx *cx, struct pg *pg, const char *fmt, ...)
{
    struct str sql = str_new(cx->arena);
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(&sql, fmt, ap);
    va_end(ap);
    return pg_exec(cx, pg, sql.s);
}

bool pg_query_text(struct ctx *cx, struct pg *pg, const char **out, const char *sql, int n_params,
                   const char *const *params)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    *out = "";
    if (!pg_query(cx, pg, &rows, sql, n_params, params))
        return false;
    if (rows.n != 1 || rows.columns < 1)
        return fail(cx, E_INTERNAL, "expected one value and got %d rows (%s): %.200s", rows.n, pg->where, sql);
    *out = arena_strdup(cx->arena, pg_text(&rows, 0, 0));
    return true;
}

bool pg_query_int(struct ctx *cx, struct pg *pg, long long *out, const char *sql, int n_params,
                  const char *const *params)
{
    const char *text;
    *out = 0;
    if (!pg_query_text(cx, pg, &text, sql, n_params, params))
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

bool pg_send(struct ctx *cx, struct pg *pg, const char *sql)
{
    return ready(cx, pg) && sent(cx, pg, PQsendQuery(pg->conn, sql));
}

bool pg_next_result(struct ctx *cx, struct pg *pg, struct pg_rows *rows, bool *copy, bool *more)
{
    PGresult *res;

    *rows = (struct pg_rows){.handle = NULL};
    *copy = *more = false;
    if (!pg_get_result(cx, pg, &res))
        return false;
    if (!res)
        return true;
    *more = true;
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
        *copy = true;
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        pg_fail_result(cx, pg, res);
        PQclear(res);
        /* What follows belongs to the failed command. */
        while (pg_get_result(cx, pg, &res) && res)
            PQclear(res);
        return false;
    }
    pg_rows_take(rows, res);
    return true;
}

bool pg_copy_next(struct ctx *cx, struct pg *pg, const char **data, size_t *n)
{
    /* One chunk is kept per connection; libpq allocates it, so it goes back to libpq. */
    PQfreemem(pg->chunk);
    pg->chunk = NULL;
    *data = NULL;
    *n = 0;
    for (;;) {
        int got = PQgetCopyData(pg->conn, &pg->chunk, 1);
        if (got > 0) {
            *data = pg->chunk;
            *n = (size_t)got;
            return true;
        }
        if (got == -1)
            return true;
        if (got == -2)
            return pg_fail_lost(cx, pg);
        if (!pg_wait_socket(cx, pg, false, "reading a copy")) {
            pg_abandon(pg);
            return false;
        }
        if (!PQconsumeInput(pg->conn))
            return pg_fail_lost(cx, pg);
    }
}

/* Send and read in turn: libpq's pipeline needs its answers taken off the socket before the server blocks on writing them. */
bool pg_pipeline(struct ctx *cx, struct pg *pg, const char *const *sql, size_t n, size_t *failed)
{
    return pg_pipeline_watched(cx, pg, sql, n, failed, NULL, 0, NULL, NULL);
}

bool pg_pipeline_watched(struct ctx *cx, struct pg *pg, const char *const *sql, size_t n, size_t *failed,
                         const size_t *marks, size_t n_marks, void (*done)(void *user, size_t statement), void *user)
{
    bool ok = true;
    size_t mark = 0;

    *failed = n;
    if (!n)
        return true;
    if (!ready(cx, pg))
        return false;
    if (!PQenterPipelineMode(pg->conn))
        return fail(cx, E_INTERNAL, "cannot enter pipeline mode (%s)", pg->where);
    for (size_t i = 0; i < n && ok; i++) {
        ok = PQsendQueryParams(pg->conn, sql[i], 0, NULL, NULL, NULL, NULL, 0) == 1;
        if (mark < n_marks && marks[mark] == i) {
            mark++;
            ok = ok && PQsendFlushRequest(pg->conn) == 1;
        }
    }
    mark = 0;
    if (!ok || !PQpipelineSync(pg->conn) || !pg_flush(cx, pg)) {
        *failed = 0;
        if (cx->err.code == E_OK)
            pg_fail_lost(cx, pg);
        if (pg_alive(pg)) /* interrupted while sending: half a message would make the connection useless for clean-up */
            pg_abandon(pg);
        return false;
    }
    for (size_t i = 0;;) {
        PGresult *res;
        if (!pg_get_result(cx, pg, &res)) {
            *failed = *failed < i ? *failed : i;
            return false;
        }
        if (!res) {
            if (mark < n_marks && marks[mark] == i && ok && pg_alive(pg))
                done(user, marks[mark++]);
            i++; /* the end of one statement */
            if (!pg_alive(pg))
                return false;
            continue;
        }
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            break;
        }
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            /* libpq would answer the same for ever: a COPY cannot be ended within a pipeline, only with its connection. */
            PQclear(res);
            *failed = *failed < i ? *failed : i;
            fail(cx, E_REJECTED, "COPY cannot run in a pipeline (%s)", pg->where);
            shutdown(PQsocket(pg->conn), SHUT_RDWR);
            while (PQconsumeInput(pg->conn))
                ;
            return false;
        }
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY &&
            status != PGRES_PIPELINE_ABORTED) {
            if (*failed == n)
                *failed = i;
            pg_fail_result(cx, pg, res);
            ok = false;
        }
        PQclear(res);
    }
    PQexitPipelineMode(pg->conn);
    return ok;
}
