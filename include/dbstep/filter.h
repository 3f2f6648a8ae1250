/* filter.h - which changesets are meant: context and label expressions, lists of databases. */
#ifndef DBSTEP_FILTER_H
#define DBSTEP_FILTER_H

#include <stdbool.h>

#include "dbstep/vec.h"

/* Does a changeset with this context expression run when these contexts (comma list) are given? */
bool context_matches(const char *expression, const char *given);
/* Does a changeset with these labels run under this label expression? */
bool labels_match(const struct str_list *labels, const char *expression);
/* "postgresql,!oracle" against postgresql. */
bool dbms_matches(const struct str_list *dbms);
/* NULL when the expression is well formed, else what is wrong with it. */
const char *expression_fault(const char *expression);

#endif
