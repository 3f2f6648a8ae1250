/* watch.h - progress, throttle and the snapshot's age of one run.
 *
 * A side that is watched has side->watch; without one, these calls do nothing. */
#ifndef DBSTEP_INTEGRITY_WATCH_H
#define DBSTEP_INTEGRITY_WATCH_H

#include "model.h"

struct it_watch;

/* Makes o->slice_bytes smaller when reading is to be held back. */
struct it_watch *it_watch_new(struct ctx *cx, struct integrity_options *o, struct integrity_report *report);
/* An opened side; may open one more connection, to ask how busy the server is. */
bool it_watch_side(struct it_watch *w, struct it_side *side, const struct pg_target *target);
/* New snapshots are about to be taken: their age counts from now. */
void it_watch_snapshot(struct it_watch *w);
/* The jobs of a pass are queued; one of them has ended (p->jobs_left says how many are left), p->rows_arrived are new. */
void it_watch_queued(struct it_pass *p);
void it_watch_took(struct it_pass *p);
/* Reading outside of the pool: rows to come; rows that came. The latter waits while the server is too busy. */
void it_watch_expect(struct it_side *side, unsigned long long rows);
bool it_watch_read(struct ctx *cx, struct it_side *side, unsigned long long rows);
/* All is read; the bar goes. */
void it_watch_done(struct it_watch *w);
/* Before the pools are closed. Says in the report what was waited for, and in the error when it was the snapshot's age. */
void it_watch_end(struct it_watch *w, bool ok);

#endif
