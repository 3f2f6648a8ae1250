/* sqlparse_internal.h - between the parser's seam and the reading of its trees. */
#ifndef DBSTEP_IO_SQLPARSE_INTERNAL_H
#define DBSTEP_IO_SQLPARSE_INTERNAL_H

#include "dbstep/json.h"
#include "dbstep/sqlparse.h"

/* Kind, facts and `unseen` of one statement from its tree {"XStmt":{…}}. */
void sqlparse_read(struct arena *a, const struct json *tree, struct sqlparse_statement *out);

/* Bytes of blanks, comments and semicolons at the start. */
size_t sqlparse_leading(const char *s, size_t len);

/* Without a tree: verb, and kind by the first word, SQLPARSE_UNKNOWN when that does not tell. */
void sqlparse_guess(struct arena *a, const char *sql, size_t len, struct sqlparse_statement *out);

#endif
