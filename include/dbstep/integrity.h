/* integrity.h - proof that two databases hold the same rows, and where they do not.
 *
 * How. One pass per table: the server groups rows into chunks by key and returns, per chunk, the row count, a digest of the keys and
 * one digest per column. A column's digest is the XOR of 64-bit hashes of its values, each seeded with its row's key, so that values cannot trade
 * places unseen. Equal chunks are done; only unequal ones are read again, by key, to name rows and columns. No row of an equal
 * chunk crosses the network, and memory is chunks times columns.
 *
 * Keys. The primary key, else a valid unique index over NOT NULL columns. One integer column: chunks are ranges of the key, and
 * the key is the seed. Anything else: chunks are buckets of the seed, which is the chained hash of the key columns. No key: the rows are a
 * multiset, compared by count and sum of row hashes (never XOR, in which equal rows cancel).
 *
 * Strictness. exact: every difference that a dump would show (numeric scale, the sign of zero, jsonb as text). semantic: SQL equality
 * for numbers, floats and intervals, so that 1.0 equals 1.00; jsonb stays text, because the server's own jsonb hash gives {} and [] the same
 * value. strong: exact, and 128 bits of a SHA-256 over each whole row.
 *
 * Probability. A changed value escapes a chunk's 64-bit digest with probability 2^-64; a row that came or went must also leave the
 * count as it was; strong adds 128 bits that would have to agree as well. Sums are taken modulo 2^64, so m equal rows of a table without a key
 * that all change alike escape m times as easily. Digests stand against accidents, not against a person who
 * chooses values so that they collide.
 *
 * Digest. native: the server's own hash functions, which differ between architectures and encodings and may between major versions. Constants put
 * through them on both sides show where two servers agree; where they do not, and for text in two encodings, both take a portable digest: 64 bits
 * of SHA-256 over the seed and the value in UTF-8, 5 to 10 times as slow. A certificate says which form each family of types has; one that is to
 * be compared on any server is taken in the portable form. Values are written under pinned settings (time zone, styles, float digits, …); what
 * two versions write differently all the same is a difference: "char" beyond ASCII, by 13 and older minor releases. Text that has no form in
 * UTF-8 leaves its table uncompared.
 *
 * Sides. The left is a certificate, or a live database; the right is a live database. A certificate may have a witness: the database it was taken
 * from. Its rows are believed only where its digest of the chunk, recomputed now, still equals the certificate's.
 *
 * Sketch. A certificate holds no rows, so of a row that changed or went it shows the chunk only. With a sketch (a part of the certificate, of
 * a size that is asked for) the keys of such rows come out, up to as many as its size allows; every one is checked against the right side, and a
 * wrong one comes with probability 2^-64. It is a second reading, which takes two to three times as long as the pass, and longer with more than
 * some thousand cells; the comparison does it for tables that differ. It is over the rows' values in all columns but those that the baseline is told are to change,
 * to go or to be live: when another one is not compared, or declared to change, it names nothing. Of a key that is no integer and is gone, the
 * hash is shown.
 *
 * Size. A certificate takes 11 bytes for each chunk and digest; one that would be larger than allowed joins neighbouring chunks until it is not.
 *
 * Consistency. One repeatable-read, read-only transaction a database, shared by its connections through an exported snapshot. Two live sides of
 * which one is written meanwhile: a row that differs is looked at on two later pairs of snapshots, some time apart, and reported when it
 * differed in both; when it was written in between, nothing is proven of it.
 *
 * Declared changes (`expected_changes`), one per item; a table is `table` or `schema.table`, names may be double-quoted:
 *   add column T.C | drop column T.C | rename column T.OLD=NEW | add table T | drop table T | rename table OLD=NEW
 *   change column T.C               its values and its type
 *   change column T.C using EXPR    its type and its values, and each equals EXPR of the old row
 *   change rows T where PREDICATE   rows it holds for, before or now, may differ, come and go; all others are equal
 *   add | drop | change constraint | index | trigger | rule | policy T.NAME
 *   add | drop | change default T.C (generated and identity columns too) | add | drop not null T.C | change row security T
 *   add | drop | change sequence | materialized view NAME
 *   expect T.C not null | expect T.C = EXPR | expect T.C default EXPR | expect T where PREDICATE    each with "for all rows" behind, if you like
 * Tables and columns are named as they were before the change, except those that are added, and except in expectations, which speak of the
 * database as it is now. What is not declared is a finding; what is declared and did not happen is a warning; an expectation that is not met is an
 * error, with the number of rows and the first keys. A guard (constraint, index, default, …) that goes with a column or table that is declared to go,
 * or comes with one that is declared to come, or is written differently because of a declared rename or change of type, needs no declaration.
 *
 * Expressions are the author's SQL over one table's columns (t names the row), evaluated in read-only transactions with an empty search path. `using`
 * needs a live left side; from a certificate only a plain cast can be proven, where types have a common digest. `change rows` is evaluated on both
 * live sides; in a table without a key, on each for itself. From a certificate alone, unequal chunks of such a table are inconclusive.
 *
 * A renamed thing is paired with its old form when its new name was free, or its holder is declared to have gone. `tables` and `exclude_tables`
 * go by the old names. Nothing compared, or an item of `tables` that names nothing, is inconclusive.
 *
 * What guards the data is compared like the data: constraints (there, the same, valid, enforced), nullability, defaults, unique and other indexes,
 * triggers, rules, policies, row-level security, sequences (never back, and not behind the highest value of the column that takes their numbers).
 * Where nothing vouches for rows they are counted: orphans of foreign keys, duplicates behind unique indexes that are invalid, rows against
 * constraints that were never validated; more than the left had, or any where the left's guard was in force, is an error. Lost constraints, NOT
 * NULL and unique indexes are errors, what changes behaviour is a warning, what is new a note. One guard that cannot be checked is a
 * finding and leaves the others.
 *
 * Live writes (`live_writes`), what the application writes meanwhile:
 *   T.C     values of column C change: C is not compared
 *   T.+     rows are inserted: rows above the baseline's highest key, and keys that are new, are counted and not compared
 *   T.-     rows are deleted: keys that are gone are counted and not reported
 *   T       all of it: rows come, change and go; only counted
 * Equal is equal all the same: what is declared live and did not change is reported as compared. From a certificate alone, what else happened
 * in a chunk where rows came or went is found out from row versions and digests; where that fails the verdict is inconclusive.
 */
#ifndef DBSTEP_INTEGRITY_H
#define DBSTEP_INTEGRITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbstep/ctx.h"
#include "dbstep/pg_target.h"
#include "dbstep/vec.h"

#define INTEGRITY_CERTIFICATE_VERSION 1

enum integrity_digest { INTEGRITY_DIGEST_AUTO, INTEGRITY_DIGEST_NATIVE, INTEGRITY_DIGEST_PORTABLE };
enum integrity_strictness { INTEGRITY_EXACT, INTEGRITY_SEMANTIC, INTEGRITY_STRONG };
/* As result.h's severities, by value. */
enum integrity_severity { INTEGRITY_ERROR = 1, INTEGRITY_WARNING, INTEGRITY_NOTE };
enum integrity_foreign_keys { INTEGRITY_KEYS_NOT_VALID, INTEGRITY_KEYS_ALL, INTEGRITY_KEYS_NONE };
enum integrity_verdict { INTEGRITY_PASS, INTEGRITY_FAIL, INTEGRITY_INCONCLUSIVE };

struct integrity_finding {
    enum integrity_severity severity;
    const char *code, *message, *object, *hint; /* object and hint may be NULL */
};

/* Where in a table its differences lie: key ranges (hash buckets where the key is no single integer) in order, folded into so many cells of
 * INTEGRITY_CELL_* bits; 0: all equal. */
enum { INTEGRITY_CELLS = 64 };
enum {
    INTEGRITY_CELL_CHANGED = 1,
    INTEGRITY_CELL_MISSING = 2,
    INTEGRITY_CELL_EXTRA = 4,
    INTEGRITY_CELL_UNCOMPARED = 8
};
/* One character for a cell: = equal, ~ changed, - missing, + extra, * several of these, ? not compared. */
char integrity_cell_sign(unsigned bits);

/* One table's line. */
struct integrity_table {
    const char *object; /* "public.inventory" */
    const char *status; /* "equal", "different", "live", "not compared", … */
    const char *key;    /* how rows are told apart: "id", "hash of (a, b)", "none" */
    const char *note;
    long long rows_left, rows_right; /* -1: unknown */
    long long chunks, chunks_unequal;
    long long columns; /* compared, key included */
    long long missing, extra, changed;
    long long transient;         /* differed at the first look only: writes under way */
    long long inserted, deleted; /* declared live, so not findings */
    unsigned char strip[INTEGRITY_CELLS];
    const char *strip_order; /* "id 1 to 90000", "256 buckets of the hash of a, b"; NULL: no strip */
};

/* One differing row that is named. */
struct integrity_row {
    const char *object, *kind; /* "changed", "missing", "extra" */
    const char *key, *columns;
    const char *before, *after; /* "column=value, …" of what differs, NULL unless asked for */
};

struct integrity_report {
    VEC(struct integrity_finding) findings;
    VEC(struct integrity_table) tables;
    VEC(struct integrity_row) rows;
    struct str_list proofs, uncovered;
    bool unproven; /* something that was asked for could not be compared */
    bool at_least; /* the row counts are lower bounds */
    long long tables_compared, rows_compared, columns_compared, rows_missing, rows_extra, rows_changed,
        tables_uncovered;
    long long rows_inserted, rows_deleted; /* by the application, as declared */
    long long rows_transient;              /* differed at the first of two looks only */
    long long values_compared, chunks_compared;
    long long paused_ms; /* the longest that reading one side stood still because its server was busy */
    int connections_used;
    const char *root_digest; /* of the certificate written, or read */
    const char *certificate_file;
    bool quiescent; /* proven that nobody wrote meanwhile, on the right side */
};

struct integrity_options {
    const char *application_name;
    int connections; /* per database, at least 1 */
    enum integrity_strictness strictness;
    long long chunk_rows;  /* aimed at; grows when a table would have more than 131072 chunks */
    long long slice_bytes; /* heap read by one query */
    long long statement_timeout_ms, lock_timeout_ms;
    /* Nothing more is read while the server has more active sessions of others, or a standby more log to replay (bytes); 0: no limit. */
    long long max_active_sessions, max_replication_lag;
    long long max_snapshot_age_ms; /* an older snapshot is given up: E_INCONCLUSIVE; 0: no limit */
    const struct str_list *tables, *exclude_tables;
    enum integrity_digest digest;
    bool sums;                                /* aggregate by sum instead of bit_xor, as servers before 14 need */
    enum integrity_foreign_keys foreign_keys; /* of which keys orphans are counted */
    bool materialized_views, large_objects;   /* compared too */
    const char *snapshot;                     /* an exported snapshot to read on; NULL: a new one */
    /* integrity_baseline only */
    const char *geometry_from;   /* a certificate whose chunks and strictness are taken over; may be NULL */
    long long sketch_bytes;      /* of the certificate, for sketches; 0: none */
    long long certificate_bytes; /* at most; 0: no limit */
    /* for integrity_diff; integrity_baseline leaves columns named in them out of its sketches */
    const struct str_list *expected_changes, *live_writes;
    const struct str_list
        *derived_changes; /* as expected_changes, taken from elsewhere: not to have happened is no more than a note */
    /* integrity_diff only */
    const struct str_list *deployed_transactions; /* transaction ids as text; for integrity_diff() itself alone */
    long long max_rows;                           /* differing rows to name */
    long long max_drill_rows;                     /* rows to read again in unequal chunks before it is sampled */
    bool show_values, hash_keys;
    long long recheck_ms; /* between two looks at what differs, when two live sides are written; 0: one look */
};

/* Writes the certificate of a database to `path`. A certificate lists what it leaves out, and is written even then; report->unproven
 * says so. */
bool integrity_baseline(struct ctx *cx, const struct pg_target *db, const struct integrity_options *o, const char *path,
                        struct integrity_report *report);

/* Compare `right` with a certificate (path, may be NULL) and, or, a live left side. At least one of both must be given; with both the live
 * one is the witness. Differences are in the report, not an error. A certificate that is damaged or of another format is E_INPUT. */
bool integrity_diff(struct ctx *cx, const char *certificate, const struct pg_target *left,
                    const struct pg_target *right, const struct integrity_options *o, struct integrity_report *report);

/* Is it an item that expected_changes takes? */
bool integrity_change_known(struct ctx *cx, const char *item);

/* What a certificate's database had in the history of a changelog when it was certified. Which changesets came since is the difference.
 * recorded is false in certificates of older versions, and for tables of another name than databasechangelog: then only taken_at tells. */
struct integrity_history {
    bool recorded;
    const char *taken_at;
    long long last_order; /* highest orderexecuted */
    VEC(uint64_t) rows;
};
bool integrity_history_open(struct ctx *cx, const char *certificate, const char *schema, const char *table,
                            struct integrity_history *out);
bool integrity_history_has(struct ctx *cx, const struct integrity_history *h, const char *path, const char *id,
                           const char *author);

/* ---- fan-out: one comparison by many processes ----
 *
 * A plan cuts both sides' heaps into slices of pages, without scanning a large table; each slice is read by a process of its own, against one database,
 * into a part file; merging adds the parts up and compares. A part can be read again by itself; the last one written counts.
 *
 * Consistency. The parts of a side must show one moment of its data, or the verdict is inconclusive and says so. Either the plan's process holds
 * its snapshot (`hold_ms`) and every part was read on it; or every part's own snapshot lists the same transactions (on a standby: the same log
 * position) since one start of the server, so that nothing was committed between them: writers stopped, or a clone that nobody writes. */
struct integrity_plan {
    const char *id; /* SHA-256 root of the file */
    size_t slices, source_slices, tables;
    long long pages, largest;               /* in all, and of the largest slice */
    const char *snapshot, *source_snapshot; /* exported and held; "": not held */
};

/* Writes the plan of comparing `right` with a certificate or a live left side in about `slices` slices; with neither, of certifying it. Then, with hold_ms, keeps both snapshots open
 * until that time, the deadline or SIGTERM, which is no failure. */
bool integrity_plan_make(struct ctx *cx, const char *certificate, const struct pg_target *left,
                         const struct pg_target *right, const struct integrity_options *o, long long slices,
                         const char *path, long long hold_ms, struct integrity_plan *out);
bool integrity_plan_load(struct ctx *cx, const char *path, const struct integrity_options *o,
                         struct integrity_plan *out);
/* Reads one slice (decimal) of a plan into a part file; connects to the side that it is of. What is compared is said by the plan, how it is read by
 * `o`. Another database, or tables rewritten since: E_INPUT, E_INCONCLUSIVE. */
bool integrity_slice(struct ctx *cx, const char *plan, const char *slice, const struct pg_target *left,
                     const struct pg_target *right, const struct integrity_options *o, const char *path,
                     struct integrity_report *report);
/* Joins parts (files, or folders searched for them one level deep) and compares. A part that is damaged, doubled or of another plan is E_INPUT, a
 * missing one E_INCONCLUSIVE. `certificate` is needed when the plan was made with it. With the databases given rows are named, wherever those still
 * show what the parts are of; left and right may be NULL. A plan that certifies has its certificate written to `out`: report->certificate_file. */
bool integrity_merge(struct ctx *cx, const char *plan, const struct str_list *parts, const char *certificate,
                     const struct pg_target *left, const struct pg_target *right, const struct integrity_options *o,
                     const char *out, struct integrity_report *report);
/* As integrity_baseline(), and in the same manner as the next. */
bool integrity_baseline_resumable(struct ctx *cx, const char *folder, const struct pg_target *db,
                                  const struct integrity_options *o, const char *path, struct integrity_report *report);
/* As integrity_diff(), slice by slice, with plan and parts in a folder: when it was interrupted, the next run reads only what is missing, if the
 * databases provably show what they showed; else it begins anew, and says so. */
bool integrity_diff_resumable(struct ctx *cx, const char *folder, const char *certificate, const struct pg_target *left,
                              const struct pg_target *right, const struct integrity_options *o,
                              struct integrity_report *report);

/* Two certificates, without a database: chunks that differ are named as key ranges with their columns, for a certificate holds no rows. Both must
 * be of one strictness, encoding and way of hashing (else E_INCONCLUSIVE); tables of unlike geometry are findings. */
bool integrity_compare(struct ctx *cx, const char *earlier, const char *later, const struct integrity_options *o,
                       struct integrity_report *report);

enum integrity_verdict integrity_verdict(const struct integrity_report *r);

#endif
