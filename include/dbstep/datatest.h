/* datatest.h - assertions about data, written in SQL.
 *
 * A test is a file with one query that returns no rows when the assertion holds; the rows it returns are the violations.
 * Leading comments describe it; all of them are optional:
 *
 *     -- name: every warehouse has a city          (default: the file's name)
 *     -- severity: warning                         (error, the default, or warning)
 *     -- description: the backfill must reach all rows
 *     SELECT id, location FROM warehouses WHERE city IS NULL
 *
 * All tests see one snapshot, in a read-only transaction; several run at once. A query that fails counts as a failed test,
 * one that runs into statement_timeout too: neither has shown that the assertion holds.
 */
#ifndef DBSTEP_DATATEST_H
#define DBSTEP_DATATEST_H

#include <stdbool.h>

#include "dbstep/ctx.h"
#include "dbstep/pg.h"
#include "dbstep/vec.h"

enum datatest_state { DATATEST_NOT_RUN, DATATEST_HOLDS, DATATEST_VIOLATED, DATATEST_BROKEN };

struct datatest {
    const char *path;  /* as found below the folder that was given, with it */
    const char *suite; /* sub-folder, "" at the top */
    const char *name, *description;
    bool warning_only;
    const char *sql;

    enum datatest_state state;
    long long violations; /* rows returned */
    long long ms;
    const char *sample; /* the first rows, one per line; "" */
    int sampled;
    struct err error; /* when BROKEN */
    int error_line;   /* of the file; 0: unknown */
};

struct datatest_list {
    struct datatest *at;
    size_t n, cap;
};

/* Every *.sql below folder, sub-folders included, in byte order of their paths. A malformed comment is an E_INPUT failure
 * with file and line; a folder without a test is one too, because nothing would be shown. */
bool datatest_load(struct ctx *cx, const char *folder, struct datatest_list *out);

struct datatest_options {
    int connections;
    long long statement_timeout_ms;
    int sample_rows;       /* rows kept for people; 0: none, for data that must not reach a log */
    const char **snapshot; /* out, may be NULL: LSN and server time at which the snapshot was taken */
};

/* Runs all; false only when the database could not be asked at all (connection, deadline, signal). */
bool datatest_run(struct ctx *cx, const struct pg_target *target, const struct datatest_options *o,
                  struct datatest_list *tests);

#endif
