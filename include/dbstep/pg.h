/* pg.h - one PostgreSQL connection. The only face of libpq; servers 13 to 18.
 *
 * Every call is asynchronous underneath and waits in poll() together with interrupt_fd(), so the context's deadline and
 * SIGTERM are obeyed at once: the running query is cancelled on the server, then the call fails with E_TIMEOUT or
 * E_INTERRUPTED. Errors carry the SQLSTATE, mapped to the catalogue (pg_error.c); the message names the database, the detail
 * holds the server's words. No password appears in any of them.
 *
 * Session on connect: application_name "dbstep STAGE", client_encoding UTF8, search_path as the server has it,
 * standard_conforming_strings on. Without an explicit sslmode a TCP connection to another host uses verify-full with the
 * system's CA bundle (SSL_CERT_FILE, or the usual places); to a local address or a Unix socket, prefer.
 */
#ifndef DBSTEP_PG_H
#define DBSTEP_PG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbstep/ctx.h"
#include "dbstep/pg_target.h"
#include "dbstep/str.h"

struct pg;

struct pg_options {
    const char *role; /* what this database is to the user: "production"; used in messages; NULL: "database" */
    const char *application_name; /* NULL: "dbstep" */
    const char *database; /* overrides the target's database name when not NULL ("postgres" for CREATE DATABASE) */
    bool replication;     /* a physical replication connection */
    bool no_retry;        /* fail at the first refused connection */
    long long statement_timeout_ms; /* 0: server's default */
    long long lock_timeout_ms;      /* 0: server's default */
};

/* What holds for every connection of the process; main says it once, before the first pg_open(). */
struct pg_setup {
    const char *application_name; /* NULL: "dbstep" */
    const char *ca_bundle;        /* the user's SSL_CERT_FILE; NULL: the system's usual places */
    long long connect_wait_ms;    /* how long failed connections are tried again; 0: 30 s */
};
void pg_setup(const struct pg_setup *setup);

/* Connect, retrying with backoff (100 ms doubling to 5 s, until connect_wait_ms or the deadline) what may pass: refused, reset, unknown
 * host for the moment, the server starting up or out of connections. Wrong password, unknown database, TLS refusal fail at once. */
bool pg_open(struct ctx *cx, const struct pg_target *target, const struct pg_options *options, struct pg **out);
/* The database and the role that pg_open() would use, without connecting; "" when the target is malformed (cx tells why). */
const char *pg_target_database(struct ctx *cx, const struct pg_target *target);
const char *pg_target_user(struct ctx *cx, const struct pg_target *target);
/* "host:port/database" that pg_open() would use, as far as it is known; nothing secret is in it. */
const char *pg_target_place(struct ctx *cx, const struct pg_target *target);
void pg_close(struct pg *pg); /* NULL is allowed; cancels what runs */

static inline void pg_close_ptr(struct pg **pg)
{
    pg_close(*pg);
}
#define PG_AUTO __attribute__((cleanup(pg_close_ptr))) struct pg *

int pg_version(const struct pg *pg); /* 150020 */
const char *pg_user(const struct pg *pg);
const char *pg_where(const struct pg *pg); /* "production bbq at db.example:5432" for messages; no secret */
int pg_backend_pid(const struct pg *pg);
const char *pg_setting(const struct pg *pg, const char *name); /* reported parameter (PQparameterStatus), or NULL */
bool pg_alive(const struct pg *pg);                            /* false after the connection broke */
bool pg_in_transaction(const struct pg *pg);
/* Of the last failed statement: 1-based character at which the server saw the fault (0: unknown). */
int pg_error_position(const struct pg *pg);

/* ---- results ---- */

struct pg_rows {
    void *handle; /* PGresult */
    int n, columns;
    long long affected; /* of INSERT, UPDATE, DELETE; -1 otherwise */
};

void pg_rows_free(struct pg_rows *rows);
#define PG_ROWS_AUTO __attribute__((cleanup(pg_rows_free))) struct pg_rows

/* Cells are text; valid until the rows are freed. */
const char *pg_text(const struct pg_rows *rows, int row, int column); /* "" for NULL */
bool pg_null(const struct pg_rows *rows, int row, int column);
long long pg_int(const struct pg_rows *rows, int row, int column); /* 0 for NULL */
bool pg_bool(const struct pg_rows *rows, int row, int column);     /* 't' */
/* A bigint of a result in binary form (pg_pool_add_words); 0 for NULL. */
uint64_t pg_word(const struct pg_rows *rows, int row, int column);
const char *pg_column_name(const struct pg_rows *rows, int column);
int pg_column_typmod(const struct pg_rows *rows, int column);      /* of a varchar(n): n + 4; -1: none */
int pg_column_index(const struct pg_rows *rows, const char *name); /* -1 */

/* ---- statements ---- */

/* One statement with text parameters (a NULL element is SQL NULL). rows may be NULL when nothing is wanted. */
bool pg_query(struct ctx *cx, struct pg *pg, struct pg_rows *rows, const char *sql, int n_params,
              const char *const *params);
/* One or several statements by the simple protocol, results thrown away: BEGIN, SET, a changeset's statement. */
bool pg_exec(struct ctx *cx, struct pg *pg, const char *sql);
bool pg_execf(struct ctx *cx, struct pg *pg, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Exactly one row and column as text in the context's arena; "" for NULL; no row is an E_INTERNAL failure. */
bool pg_query_text(struct ctx *cx, struct pg *pg, const char **out, const char *sql, int n_params,
                   const char *const *params);
bool pg_query_int(struct ctx *cx, struct pg *pg, long long *out, const char *sql, int n_params,
                  const char *const *params);

/* Several statements in one round trip (libpq pipeline mode), each with its own text, no parameters. Stops at the first failure;
 * *failed is then its index, else n. */
bool pg_pipeline(struct ctx *cx, struct pg *pg, const char *const *sql, size_t n, size_t *failed);

/* COPY … FROM STDIN with its rows, in the statement's format; sql must be that one statement. */
bool pg_copy_in(struct ctx *cx, struct pg *pg, const char *sql, const char *data, size_t n);

/* Asks the server to end this session, and with it its locks, soon after the client is gone (TCP keepalives,
 * client_connection_check_interval). What a server does not know of that is left out; false only when the connection is lost or the run
 * interrupted. */
bool pg_watch_client(struct ctx *cx, struct pg *pg);

/* Who holds an advisory lock, by its key in decimal: "session 123, psql from 10.0.0.7 since …"; "" when it is free. */
bool pg_advisory_holder(struct ctx *cx, struct pg *pg, const char *key, const char **what);

/* The same, told as it goes on: `done` is called with each index of `marks` (ascending) whose statement has been answered well. The
 * server is asked to send those answers at once. */
bool pg_pipeline_watched(struct ctx *cx, struct pg *pg, const char *const *sql, size_t n, size_t *failed,
                         const size_t *marks, size_t n_marks, void (*done)(void *user, size_t statement), void *user);

/* Replication commands answer with several results in a row; this takes the next one (rows or end of command). *more is
 * false when the command is over. A result in COPY mode is read with pg_copy_next until its end, then pg_next_result goes on. */
bool pg_next_result(struct ctx *cx, struct pg *pg, struct pg_rows *rows, bool *copy, bool *more);
bool pg_send(struct ctx *cx, struct pg *pg, const char *sql); /* start a command whose results pg_next_result takes */
/* The next chunk of a result in COPY mode; *data is NULL at its end. A chunk is valid until the next call. */
bool pg_copy_next(struct ctx *cx, struct pg *pg, const char **data, size_t *n);

/* Ask the server to cancel what runs on this connection; used on SIGTERM and deadlines. Takes a few seconds at the most. */
void pg_cancel(struct pg *pg);

/* ---- building SQL; quoting is libpq's ---- */

const char *pg_ident(struct ctx *cx, struct pg *pg, const char *name);
const char *pg_qualified(struct ctx *cx, struct pg *pg, const char *schema, const char *name);
const char *pg_literal(struct ctx *cx, struct pg *pg, const char *text); /* NULL gives NULL (the keyword) */
/* The template with each {key} replaced; pairs are key, value, key, value …, NULL. A {key} without a value is a defect. */
const char *pg_fill(struct ctx *cx, const char *sql_template, const char *const *pairs);

/* SQLSTATE tests on the recorded error: "55P03", or a class "08" */
bool pg_failed_with(const struct ctx *cx, const char *sqlstate_prefix);

/* The database's identity, for certificates and proofs. */
struct pg_identity {
    const char *system_identifier; /* decimal; "" when the role may not ask */
    const char *database, *database_oid;
    const char *server_version; /* "15.20" */
    const char *user;
    bool in_recovery, superuser;
    const char *lsn; /* current insert LSN, or replay LSN on a standby */
    int timeline;    /* 0: unknown */
    const char *encoding, *collation;
};
bool pg_identify(struct ctx *cx, struct pg *pg, struct pg_identity *out);
/* "0/16B3748" to a number; false when malformed. */
bool pg_lsn_parse(const char *text, uint64_t *lsn);
char *pg_lsn_text(struct arena *a, uint64_t lsn);

const char *pg_library(void); /* "libpq 15.20" */

#endif
