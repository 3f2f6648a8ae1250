/* verify.h - the tables of a copy held against the source's.
 *
 * Each side is read in one snapshot. The source may have gone on meanwhile, so a table that is not equal is asked again for the rows that
 * were written before the copy began (xmin older than the oldest transaction of the snapshot recorded then). Every such row of the source
 * must be in the copy. What the copy has more must be explained by updates and deletes on the source; then the table is reported as
 * not covered. Counters of writes on the copy itself tell a copy that was worked on. Whatever is left in doubt makes the
 * result inconclusive.
 */
#ifndef DBSTEP_CLONE_VERIFY_H
#define DBSTEP_CLONE_VERIFY_H

#include "dbstep/clone.h"
#include "dbstep/pg.h"

struct verify_side {
    const struct pg_target *target;
    const char *database; /* NULL: the target's */
    const char *role;     /* "source", "copy" */
    bool same_cluster;    /* of a copy: in the source's own cluster */
    bool may_be_empty;    /* of a copy: no table at all is no reason for doubt */
};

/* snapshot: pg_current_snapshot() before the copy began, "" when it is not known. */
bool verify_tables(struct ctx *cx, const struct clone_request *q, struct clone_report *r, struct verify_side source,
                   struct verify_side copy, const char *snapshot);

#endif
