/* compare.h - what the parts of a comparison share: declared changes, pairs of tables, what is found about them. */
#ifndef DBSTEP_INTEGRITY_COMPARE_H
#define DBSTEP_INTEGRITY_COMPARE_H

#include "model.h"

/* ---- declare.c ---- */
enum it_change_kind {
    CHANGE_ADD_COLUMN,
    CHANGE_DROP_COLUMN,
    CHANGE_RENAME_COLUMN,
    CHANGE_COLUMN,
    CHANGE_ADD_TABLE,
    CHANGE_DROP_TABLE,
    CHANGE_RENAME_TABLE,
    CHANGE_ROWS,
    CHANGE_GUARD,    /* verb and what say of which kind */
    EXPECT_NOT_NULL, /* from here on: of the database as it is now */
    EXPECT_VALUE,
    EXPECT_DEFAULT,
    EXPECT_WHERE
};
struct it_change {
    enum it_change_kind kind;
    const char *verb, *what;             /* "drop", "constraint"; a guard's name is in column */
    const char *expr;                    /* SQL, NULL: none */
    const char *text;                    /* as given */
    const char *schema, *table, *column; /* schema "" : any */
    const char *to_schema, *to;          /* renamed to; to_schema "": the same */
    bool happened, derived;
};
enum { LIVE_INSERTS = 1, LIVE_DELETES = 2, LIVE_ALL = 4, LIVE_COLUMN = 8 };
struct it_live {
    const char *text, *schema, *table, *column;
    unsigned what;
    bool matched;
};
struct it_declared {
    VEC(struct it_change) changes;
    VEC(struct it_live) live;
};
bool it_declared_parse(struct ctx *cx, const struct str_list *changes, const struct str_list *live,
                       struct it_declared *out);
/* A name as a declaration must write it: quoted where it has to be. */
const char *it_declared_name(struct arena *a, const char *name);
/* The first declaration of that kind for the table (and column, when not NULL), or NULL; marks it as happened. */
struct it_change *it_declared_find(struct it_declared *d, enum it_change_kind kind, const struct it_table *t,
                                   const char *column);
/* Does the declaration speak of that table (and column, when not NULL)? */
bool it_change_names(const struct it_change *c, const struct it_table *t, const char *column);
/* Does one speak of the table's columns or rows? */
bool it_declared_any(const struct it_declared *d, const struct it_table *t);
unsigned it_live_table(struct it_declared *d, const struct it_table *t);
bool it_live_column(struct it_declared *d, const struct it_table *t, const char *column);
/* A declared change of a guard: its verb, what it is ("constraint"), its table, and its name unless NULL. */
struct it_change *it_declared_guard(struct it_declared *d, const char *verb, const char *what, const struct it_table *t,
                                    const char *name);
/* Does "schema.name" match a pattern: name or schema.name, with '*' for any run of characters? */
bool it_name_matches(const char *pattern, const char *schema, const char *name);

/* ---- pair.c ---- */
/* A row that differed: its seed, and a hash of what both sides sent of it. */
struct it_flagged {
    int part; /* of the two readings of a drill, the one that it was seen in */
    int64_t seed;
    uint64_t content;
};

/* A table on both sides, and what of it is compared. */
struct it_pair {
    struct it_table *left, *right;
    struct it_pass left_pass, right_pass; /* left_pass only when the left is live */
    size_t *left_digest;                  /* for each column of right_pass: index among the left's digests */
    size_t n_left_digest;
    struct str_list columns;          /* left names of the compared columns, as right_pass.columns */
    uint8_t *expected;                /* for each: its values may differ, as declared */
    uint8_t *differs;                 /* for each: some chunk differs */
    struct str_list added;            /* columns that are new, as declared */
    const struct it_column **partner; /* for each left column the right one, or NULL */
    bool *known;                      /* for each right column: it is a left one's partner */
    bool any_expected;
    long long rows_open; /* rows now in chunks that differ and could not be judged */
    bool comparable;
    long long not_shown; /* chunks that differ and could not be looked into */
    long long
        undecided; /* chunks in which declared writes may hide others, and rows that were written between two looks */
    struct str_list uncompared; /* "column (reason)" */
    const char *without;        /* predicate of the rows declared to change, NULL: none */
    long long rows_declared;    /* how many those are, on both sides */
    unsigned live;
    struct integrity_table line;
    enum { LOOK_ONLY, LOOK_FIRST, LOOK_SECOND } look;
    struct arena flagged_memory;
    VEC(struct it_flagged) flagged; /* rows that differed at the first look, in the order of part and seed */
    size_t flagged_at;
    int part;            /* the reading that goes on */
    bool flagged_beyond; /* there were more than are kept */
    /* Of them, those that differed at the second look too: as at the first; or, written in between, in another way. */
    long long confirmed, moving;
    bool strip_below, strip_above; /* the strip has a place for keys outside of the bounds */
    int64_t *unequal;
    size_t n_unequal;
    bool reported;
};
struct it_pair_list {
    struct it_pair *at;
    size_t n, cap;
};
struct it_diff {
    struct ctx *cx;
    const struct integrity_options *o;
    struct integrity_report *report;
    struct it_side left, right, witness; /* witness.pool NULL: none */
    struct it_declared declared;
    struct it_pair_list pairs;
    const char *xids;
    long long named; /* rows named so far */
    bool looked_twice;
    bool stored; /* the digests of both sides are of the families that their columns name */
};
/* Which families take the portable form, into left.portable: what the probes of both sides, their encodings and the input say. Fails with
 * E_INCONCLUSIVE when the digests of the sides cannot be made comparable. (portable.c) */
bool it_digest_choose(struct it_diff *d);
/* Says what the portable form was used for, and what it costs. `used`: a bit for each family. */
void it_digest_tell(struct ctx *cx, struct integrity_report *r, unsigned used);
/* The same of two certificates, and of one that is to be taken; `from`: whose geometry it takes over, or NULL. */
bool it_digest_stored(struct it_diff *d);
void it_digest_of_certificate(struct it_side *side, const struct it_side *from, const struct integrity_options *o);

/* ---- diff.c: the steps of a comparison ---- */
bool it_sides_open(struct it_diff *d, const char *certificate, const struct pg_target *left,
                   const struct pg_target *right, struct integrity_options *o);
/* From the passes' chunks: which differ. */
void it_compare_pair(struct it_diff *d, struct it_pair *p);
bool it_declared_take(struct it_diff *d); /* what the options declare, by people and by a changelog */

/* ---- conclude.c ---- */
/* Every pair's line and findings, guards, and what all of it proves. */
void it_conclude_all(struct it_diff *d);

/* ---- pair.c ---- */
/* Which tables and columns belong together; everything undeclared becomes a finding. Fills the passes. */
void it_pair_tables(struct it_diff *d);
void it_pair_columns(struct it_diff *d, struct it_pair *p);
/* Declared changes that did not happen, live writes that name nothing. */
void it_declared_unused(struct it_diff *d);
/* New columns that were declared: how many values are there. */
bool it_added_columns(struct it_diff *d);

/* ---- objects.c ---- */
bool it_objects_load(struct ctx *cx, struct it_side *side);
long long it_increment(const struct it_object *sequence);
long long it_next(const struct it_object *sequence); /* the number it gives next */
/* What must be counted or read at length: orphans, duplicates, sequences behind their column, large objects. Adds to side->objects. Queues;
 * pg_pools_run() does it. */
bool it_objects_measure(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                        struct integrity_report *r);
/* A guard's query failed: a finding, and the others go on; false when nothing can go on. */
bool it_guard_failed(struct ctx *cx, struct integrity_report *r, const struct err *e, const char *object,
                     const char *what);

/* ---- large.c ---- */
bool it_large_objects(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                      struct integrity_report *r);
bool it_large_objects_compare(struct it_diff *d);

/* ---- guards.c ---- */
void it_guards_compare(struct it_diff *d);

/* ---- expect.c ---- */
/* Each expression of the declarations, tried once on each side that must evaluate it: E_INPUT names the one that cannot be. */
bool it_expressions_check(struct it_diff *d);
/* Rows declared to change are counted, expectations judged. */
bool it_expectations(struct it_diff *d);
/* Those that nobody could judge, for want of a database: findings. */
void it_expectations_unchecked(struct it_diff *d);
/* What guards both live sides, measured; large objects compared. */
bool it_measure(struct it_diff *d);
/* Chunks of a table whose rows are declared to change differ, and nobody can tell which of its rows do. */
void it_rows_unprovable(struct it_diff *d, struct it_pair *p);
/* Can a certificate's digests stand for that expression, because it is the column itself, or a cast of it? */
bool it_expression_is_column(struct ctx *cx, const char *expr, const char *column);

/* ---- drill.c, evidence.c ---- */
/* Name the rows of the unequal chunks, from two live sides. */
bool it_drill(struct it_diff *d, struct it_pair *p, struct it_pass *left);
bool it_drill_multiset(struct it_diff *d, struct it_pair *p, struct it_pass *left);
/* Without the left's rows: what the certificate alone, and the right side's row versions, can tell. */
bool it_evidence(struct it_diff *d, struct it_pair *p);
/* The rows that a certificate's sketch names, chunk by chunk. */
struct it_recovered_chunk {
    int64_t id;
    bool explained;  /* they are the whole difference of its count and keys, and nothing more is known to differ */
    long long delta; /* what they add to the count */
};
struct it_recovered {
    struct it_recovered_chunk *at; /* by id */
    size_t n;
    long long extra, missing, changed;
    const char *extra_at, *missing_at, *changed_at; /* the first of each */
    bool uncertain;                                 /* more than these may differ in their chunks */
};
bool it_recover(struct it_diff *d, struct it_pair *p, struct it_recovered *out);
const struct it_recovered_chunk *it_recovered_find(const struct it_recovered *r, int64_t id);
/* Can the witness still show the certificate's rows? Keeps the chunks it vouches for in `pass`. */
bool it_witness(struct it_diff *d, struct it_pair *p, struct it_pass *pass);
/* Adds a named row to the report, unless the cap is reached, and counts it. */
void it_row(struct it_diff *d, struct it_pair *p, const char *kind, const char *key, const char *columns,
            const char *before, const char *after);
const char *it_key_shown(struct it_diff *d, const char *key);
/* Do two chunks agree in everything this pair compares? columns (n bytes, may be NULL) marks those that differ. */
bool it_chunk_equal(const struct it_pair *p, const struct it_chunks *l, const struct it_chunk *a, const size_t *map,
                    const struct it_chunks *r, const struct it_chunk *b, uint8_t *columns);

/* ---- diff.c ---- */
bool it_name_differences(struct it_diff *d, struct it_pair *p);

/* ---- recheck.c ---- */
struct it_watch;
/* When both sides are live and one is written: new snapshots, a first look at all that differs, a delay, new snapshots again. */
bool it_recheck(struct it_diff *d, struct it_watch *watch);
/* A row that differs: is it to be reported? Called in the order of the seeds; bits are INTEGRITY_CELL_*; rows NULL: not on that side. */
bool it_recheck_row(struct it_pair *p, const struct pg_rows *left, int l, const struct pg_rows *right, int r,
                    unsigned bits);
void it_recheck_tell(struct it_diff *d, struct it_pair *p);

/* ---- strip.c ---- */
/* A table of which nothing is known. */
void it_strip_unknown(struct integrity_table *t);
/* Marks place `at` of `of` among the cells. */
void it_strip_fold(unsigned char *cells, uint64_t at, uint64_t of, unsigned bits);
void it_strip_build(struct it_diff *d, struct it_pair *p); /* from the chunks that differ */
void it_strip_clear(struct it_pair *p);
void it_strip_row(struct it_pair *p, int64_t seed, unsigned bits); /* the row with that seed */
void it_strip_conclude(struct it_pair *p, bool compared);

/* ---- values.c ---- */
/* A row of a drill: its key is in columns 1 and following; rows NULL: it is not on this side. */
struct it_place {
    const struct it_pass *pass;
    const struct pg_rows *rows;
    int row;
};
/* "column=value, …" of the marked columns (NULL: all) for either side where the row is. */
bool it_values(struct ctx *cx, const struct it_place place[2], const uint8_t *which, const char *out[2]);
/* A value of n bytes: as it is, or quoted, with escapes, where it would be unreadable. */
void it_value_shown(struct str *out, const char *v, size_t n);

#endif
