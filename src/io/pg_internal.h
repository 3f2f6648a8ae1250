/* pg_internal.h - what the files behind pg.h share. */
#ifndef DBSTEP_PG_INTERNAL_H
#define DBSTEP_PG_INTERNAL_H

#include <libpq-fe.h>

#include "dbstep/pg.h"

struct pg {
    PGconn *conn;
    char where[320];
    char name[128];
    int error_position;
    bool deaf;   /* a cancel went unanswered */
    char *chunk; /* of a COPY, until the next one */
};

/* Wait until the socket is readable (or writable too); false after recording E_INTERRUPTED or E_TIMEOUT. */
bool pg_wait_socket(struct ctx *cx, struct pg *pg, bool write_too, const char *waiting_for);
/* Hand everything queued to the kernel, reading meanwhile so that neither side blocks the other. */
bool pg_flush(struct ctx *cx, struct pg *pg);
/* The next result of the statement under way; *out is NULL when it is over. */
bool pg_get_result(struct ctx *cx, struct pg *pg, PGresult **out);
/* Cancel and read the rest, so that the connection is usable for clean-up; never waits longer than a few seconds. False when the
 * other side did not answer: the connection is then marked deaf, and pg_close() does not try to cancel once more. */
bool pg_abandon(struct pg *pg);

/* Records what the server said; always false. */
bool pg_fail_result(struct ctx *cx, struct pg *pg, const PGresult *res);
/* Records a broken connection; always false. */
bool pg_fail_lost(struct ctx *cx, struct pg *pg);
/* Records why a connection attempt failed; true when the same attempt may succeed later. */
bool pg_fail_connect(struct ctx *cx, struct pg *pg, const char *message);
enum err_code pg_code_for(const char *sqlstate);
void pg_rows_take(struct pg_rows *rows, PGresult *res);

static inline void pg_result_clear(PGresult **res)
{
    PQclear(*res);
}
#define PG_RESULT_AUTO __attribute__((cleanup(pg_result_clear))) PGresult *

#endif
