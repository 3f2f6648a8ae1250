/* plan.h - a comparison cut into slices that other processes read: plan.c makes and reads the plan, part.c reads a slice, merge.c joins.
 *
 * A plan is two sides as the catalogue had them, what is declared, the chunks' geometry, and slices: page ranges of heaps of one side. Whoever
 * reads it pairs tables and columns again, by the same code, and so hashes alike. The left side is a live database, or a certificate's description. */
#ifndef DBSTEP_INTEGRITY_PLAN_H
#define DBSTEP_INTEGRITY_PLAN_H

#include "compare.h"

struct it_slice_part {
    struct it_pair *pair;
    const struct it_leaf *leaf; /* NULL: the whole table in one statement */
    long long from, to;         /* pages; to -1: to the end */
};
struct it_slice {
    bool right;
    long long pages;
    VEC(struct it_slice_part) parts;
};

struct it_plan {
    const char *path, *id; /* id: the file's SHA-256 root */
    struct it_diff d;
    struct integrity_options o; /* those that decide what is compared; d.o */
    struct str_list tables, exclude_tables, expected_changes, live_writes, derived_changes;
    const char *certificate; /* root of the left certificate, "" for a live left side */
    bool certify;            /* nothing is compared: the right side gets a certificate, and stands on the left too */
    VEC(struct it_slice) slices;
    bool shown[2]; /* left, right: the side's open pool shows the very rows that the parts are of */
};

/* ---- plan.c ---- */
/* Opens what there is: both sides, or with neither certificate nor left the one that is to be certified. */
bool it_plan_open(struct ctx *cx, struct it_plan *p, const char *certificate, const struct pg_target *left,
                  const struct pg_target *right);
void it_plan_close(struct it_plan *p);
/* Open sides are paired and cut; d->left.pool may be NULL (a certificate). */
bool it_plan_cut(struct ctx *cx, struct it_plan *p, long long slices);
/* What a certificate holds beside rows is measured when it is planned: orphans, duplicates, sequences behind their column, large objects. */
bool it_plan_measure(struct ctx *cx, struct it_plan *p, struct integrity_report *r);
bool it_plan_write(struct ctx *cx, struct it_plan *p, const char *path);
bool it_plan_read(struct ctx *cx, const char *path, const struct integrity_options *o, struct integrity_report *r,
                  struct it_plan **out);
struct it_side *it_plan_side(struct it_plan *p, bool right);
struct it_table *it_slice_table(const struct it_slice_part *p, bool right);
/* Is it the database that the plan speaks of? Else E_INPUT. */
bool it_plan_same_database(struct ctx *cx, const struct it_side *planned, const struct it_side *live);

/* ---- part.c ---- */
struct it_reading { /* a slice being read */
    struct it_plan *plan;
    size_t slice;
    struct it_side *live;
    struct it_pass *passes;
    size_t n;
};
/* Queue a slice's statements on an open side: E_INCONCLUSIVE when its tables are not those of the plan any more. */
bool it_slice_queue(struct ctx *cx, struct it_plan *plan, size_t slice, struct it_side *live, long long slice_bytes,
                    struct it_reading *out);
/* What was read, to a file; live->end_snapshot NULL: the snapshot is still open. */
bool it_part_write(struct ctx *cx, const struct it_reading *r, const char *path, const char **root);

struct it_part { /* lives as long as its document */
    struct json_doc *doc;
    size_t slice;
    const char *path, *root, *snapshot, *end_snapshot, *started_at, *exported, *lsn;
    bool in_recovery;
};
/* Intact, of this plan, of the planned databases, by a server that hashes as planned; else E_INPUT. */
bool it_part_open(struct ctx *cx, struct it_plan *plan, const char *path, struct it_part *out);
void it_part_close(struct it_part *p);
/* Add its digests to the passes of the plan's pairs; tables that could not be read are marked as skipped. */
bool it_part_join(struct ctx *cx, struct it_plan *plan, const struct it_part *part);

/* ---- merge.c ---- */
/* Do the parts of one side show one state of the data? */
struct it_moment {
    size_t parts;
    const char *snapshot, *end_snapshot, *started_at, *exported, *lsn;
    bool one_snapshot, one_start, one_lsn, one_exported, standby, still;
};
void it_moment_add(struct arena *a, struct it_moment *m, const struct it_part *p);
/* Is what these parts show what the open side shows? */
bool it_moment_shown(const struct it_moment *m, const struct it_side *live, const char *exported);
bool it_moment_is_one(const struct it_moment *m, const char *exported);
/* Does an open side show what a plan's side did when the plan was made? */
bool it_moment_same(const struct it_side *planned, const struct it_side *live);
/* The parts into the passes of the plan's pairs. */
bool it_merge_files(struct ctx *cx, struct it_plan *plan, const struct str_list *files, struct it_moment moments[2]);

/* From joined passes to differences; rows are named through the sides' pools, where those are open and still show the parts' rows. */
bool it_merge_compare(struct ctx *cx, struct it_plan *plan, const char *certificate);
/* Tables of an open side that were rewritten under it are not believed; call it when the side was read for the last time. */
void it_merge_rewritten(struct it_plan *plan, struct it_side *live, bool right);
bool it_merge_certify(struct ctx *cx, struct it_plan *plan, const struct it_moment *moment, const char *path);
void it_merge_conclude(struct it_plan *plan, const struct it_moment moments[2]);

#endif
