/* verify.h - the tables of a copy held against the source's.
 *
 * Each side is read in one snapshot. The source may have gone on meanwhile, so a table that is not equal is asked again: of the rows that
 * were written before the copy began (xmin older than the oldest transaction of the snapshot recorded then), both sides must have the same
 * ones. A table where they have not, and where the source shows newer rows, updates or deletes, cannot be judged and is reported as not
 * covered; one without any sign of writing differs, and fails the stage.
 */
#ifndef DBSTEP_CLONE_VERIFY_H
#define DBSTEP_CLONE_VERIFY_H

#include "dbstep/clone.h"
#include "dbstep/pg.h"

struct verify_side {
    const struct pg_target *target;
    const char *database; /* NULL: the target's */
    const char *role;     /* "source", "copy" */
};

/* snapshot: pg_current_snapshot() before the copy began, "" when it is not known. */
bool verify_tables(struct ctx *cx, const struct clone_request *q, struct clone_report *r, struct verify_side source,
                   struct verify_side copy, const char *snapshot);

#endif
