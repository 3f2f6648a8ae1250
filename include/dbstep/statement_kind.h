/* statement_kind.h - the few things that must be known of a statement before it is sent, read off its first words; and where in it
 * the server saw a fault.
 *
 * Comments, case and quoted names are seen through; nothing is parsed, so a text that is no SQL gives false.
 */
#ifndef DBSTEP_STATEMENT_KIND_H
#define DBSTEP_STATEMENT_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/arena.h"

bool statement_empty(const char *sql); /* comments and blanks only */
/* "CREATE INDEX CONCURRENTLY …" and its like, which wait without anybody queueing behind them. */
bool statement_is_concurrent(const char *sql);
/* PostgreSQL refuses it within a transaction: CREATE DATABASE, VACUUM, CREATE INDEX CONCURRENTLY, ALTER SYSTEM … */
bool statement_alone(const char *sql);
struct index_statement {
    bool create;
    const char *name, *table; /* as written; NULL: not named, or not there */
};
/* Is it CREATE or DROP INDEX CONCURRENTLY? Names only with an arena. */
bool statement_index(struct arena *a, const char *sql, struct index_statement *out);
/* BEGIN, COMMIT and so on: the text manages transactions itself. */
bool statement_controls_transaction(const char *sql);
bool statement_commits(const char *sql);    /* COMMIT, END, PREPARE TRANSACTION */
bool statement_is_copy(const char *sql);    /* COPY */
bool statement_copies_in(const char *sql);  /* COPY … FROM STDIN */
bool statement_may_commit(const char *sql); /* CALL, DO */
bool statement_changes_session(const char *sql);
bool statement_sets(const char *sql); /* SET and RESET for the session, SELECT set_config( */
/* SET TRANSACTION, SET transaction_…: only before the first query of its transaction. */
bool statement_sets_transaction(const char *sql);
bool statement_sets_local_role(const char *sql); /* SET LOCAL ROLE */
/* What must follow a statement in a script: ";", "" when it has one, a new line before it behind a comment. */
const char *statement_end(const char *text, size_t len);

/* Byte offset in the text of PostgreSQL's 1-based character position. */
size_t statement_position(const char *text, int position);
/* The line around a byte, indented, and a caret below the byte. */
const char *statement_line(struct arena *a, const char *text, size_t offset);

#endif
