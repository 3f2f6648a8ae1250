/* model.h - what the parts of integrity share: tables, columns, geometry, chunks, and one side of a comparison. */
#ifndef DBSTEP_INTEGRITY_MODEL_H
#define DBSTEP_INTEGRITY_MODEL_H

#include <stdint.h>

#include "dbstep/integrity.h"
#include "dbstep/json.h"
#include "dbstep/pg.h"
#include "dbstep/pg_pool.h"
#include "sketch.h"

/* ---- hash families: how a value becomes 64 bits. Types of one family have equal digests for equal values. ---- */

#define IT_FAMILIES(F)            \
    F(NONE, "none")               \
    F(INT4, "int4")               \
    F(INT8, "int8")               \
    F(TEXT, "text")               \
    F(BPCHAR, "bpchar")           \
    F(BOOL, "bool")               \
    F(FLOAT, "float")             \
    F(FLOAT_EQ, "float-eq")       \
    F(NUMERIC, "numeric")         \
    F(NUMERIC_EQ, "numeric-eq")   \
    F(UUID, "uuid")               \
    F(BYTEA, "bytea")             \
    F(TIMESTAMP, "timestamp")     \
    F(TIMESTAMPTZ, "timestamptz") \
    F(DATE, "date")               \
    F(TIME, "time")               \
    F(TIMETZ, "timetz")           \
    F(MONEY, "money")             \
    F(INET, "inet")               \
    F(INTERVAL_EQ, "interval-eq")

/* All of it, by name: digests of one name are comparable, if the servers' functions are (probes). */
#define IT_DIGEST_FAMILY "postgres-extended-2"

enum it_family {
#define F(name, text) FAM_##name,
    IT_FAMILIES(F)
#undef F
        FAM_COUNT
};

struct it_column {
    const char *name;
    const char *type; /* as format_type() writes it, with its modifier */
    const char
        *base; /* built-in base type's name ("int4", "numeric", "_int4"), below every domain; "" for other types */
    long long typmod; /* of the base, -1: none */
    bool not_null;
    const char *generated, *identity; /* pg_attribute's letters, "" for none */
    enum it_family family;            /* how its digest is taken */
    bool
        rescale; /* numeric: hash its values as numeric with `scale` decimals writes them, where that changes no value */
    int scale;
    bool portable;    /* in the form that does not depend on the server */
    const char *expr; /* SQL over the table's columns whose value stands for the column's; NULL: the column itself */
};
struct it_column_list {
    struct it_column *at;
    size_t n, cap;
};

/* A heap to read: the table itself, or a partition's leaf. */
struct it_leaf {
    const char *schema, *name, *oid;
    long long bytes, filenode;
    bool foreign, readable;
};

enum it_key_kind { KEY_NONE, KEY_RANGE, KEY_HASH };

/* Which chunk a row belongs to; a function of its key alone, so that both sides and later runs agree.
 * KEY_RANGE: key >> shift within lo..hi, IT_BELOW and IT_ABOVE outside. KEY_HASH, KEY_NONE: hash & mask. */
struct it_geometry {
    enum it_key_kind kind;
    int shift;
    long long lo, hi; /* lo > hi: the table was empty */
    long long mask;
    bool sums;     /* digests are sums modulo 2^64, else XOR */
    bool portable; /* keys are mixed in the portable form */
};
enum { IT_NARROW_SHIFT = 32 }; /* chunks of at most 2^32 keys: the upper half of a key adds nothing to its digest */
#define IT_BELOW INT64_MIN
#define IT_ABOVE INT64_MAX
enum { IT_MAX_CHUNKS = 131072 };

/* Per chunk: rows, digest of the keys, and `columns` digests, each with a bit that says "no value at all" (SQL NULL). */
struct it_chunk {
    int64_t id;
    uint64_t rows, keys, touched;
};
struct it_chunks {
    struct arena *arena;
    size_t n, cap, columns;
    struct it_chunk *at;
    uint64_t *digest; /* n * columns */
    uint8_t *absent;  /* n * columns, 1: NULL */
    uint32_t *slots;  /* open addressing, index + 1 */
    size_t n_slots;
};

struct it_table {
    const char *schema, *name, *oid, *object; /* object: "schema.name" for people */
    const char *kind, *persistence;           /* pg_class letters */
    long long est_rows, bytes;
    long long inserted, updated, deleted; /* statistics counters */
    bool readable, row_security, partition, has_children;
    bool guards_unknown;         /* what guards it could not be read */
    bool view_wanted, populated; /* a materialized view that is to be compared; it has been filled */
    struct it_column_list columns;
    struct str_list key; /* column names */
    const char *key_index;
    VEC(struct it_leaf) leaves;
    struct it_geometry geometry;
    bool geometry_given;      /* taken over from a certificate */
    bool bounds_by_pass;      /* the geometry has one chunk for either sign, and its bounds come with the digests */
    struct str_list digested; /* columns whose digests are in chunks, in order; strong adds "row:1", "row:2" */
    bool strong;
    struct it_chunks chunks;
    struct it_sketch sketch;
    struct str_list sketched; /* the columns it is over, in the order of digested */
    long long rows;
    const char *skip;      /* reason why it is not compared, NULL: it is */
    const char *skip_code; /* finding's code when the skip is one, else NULL */
    const char *skip_message;
};
struct it_table_list {
    struct it_table *at;
    size_t n, cap;
};

/* A fact that guards the data, or was measured of it; certificate.c lists the kinds. */
struct it_object {
    const char *kind, *table, *name, *definition;
    const char *state;
    long long value;
    bool has_value;
    const char *detail; /* for people; not in a certificate */
};
/* A column that takes its numbers from a sequence. */
struct it_number_user {
    size_t sequence; /* among the side's objects */
    struct it_table *table;
    const char *column;
};

/* A changelog's history, as far as a certificate keeps it; see history.c. */
struct it_history {
    const char *schema, *name;
    long long last_order;
    VEC(uint64_t) rows;
};

struct it_probe {
    const char *family, *value;
};

/* Everything known about one end: a live database or a certificate. */
struct it_side {
    const char *role; /* "baseline", "source", "database" */
    bool live;
    struct pg_pool *pool; /* live only */
    struct pg_identity id;
    const char *snapshot, *lsn_start, *lsn_end; /* snapshot: pg_current_snapshot() */
    const char *end_snapshot;
    const char *started_at; /* when the server was started */
    const char *exported;   /* the pool's snapshot by its exported name; of a plan's side: "" when it is not held */
    const char *taken_at, *tool;
    bool bypass_rls, quiescent;
    const char *quiescence; /* how it was judged */
    enum integrity_strictness strictness;
    unsigned portable; /* which families take the portable form, a bit each */
    struct it_table_list tables;
    VEC(struct it_object) objects;
    const char *objects_lost; /* why they could not be read, NULL: they were */
    VEC(struct it_number_user) number_users;
    struct it_large *large; /* large.c's; NULL: not read */
    bool objects_complete;  /* false: a certificate of a version that knew fewer kinds */
    VEC(struct it_probe) probes;
    VEC(struct it_leaf) other;   /* relations without rows of their own to compare: name, and reason in oid */
    const char *root;            /* certificate's root digest */
    struct it_watch_side *watch; /* progress and throttle; may be NULL */
    VEC(struct it_history) histories;
    bool histories_known;
};

/* ---- family.c ---- */
const char *it_family_name(enum it_family f);
enum it_family it_family_find(const char *name); /* FAM_NONE when unknown */
enum it_family it_family_of(const struct it_column *c, enum integrity_strictness s);
/* A family in which both types have equal digests for equal values; FAM_NONE: there is none. */
enum it_family it_family_common(const struct it_column *a, const struct it_column *b, enum integrity_strictness s);
bool it_family_accepts(enum it_family f, const struct it_column *c);
/* The family in which a certificate's column, digested as it is, and a live column can be compared; FAM_NONE: there is none. */
enum it_family it_family_certified(const struct it_column *certified, const struct it_column *live);
/* Makes the live column's copy ready to be hashed in the family of the one that it is compared with. */
void it_family_adapt(struct it_column *live, const struct it_column *other, enum it_family f);
/* SQL: the 64-bit hash of `value` (of column c's type) under `seed`; NULL or 0 for NULL. */
void it_family_sql(struct str *out, enum it_family f, const struct it_column *c, const char *value, const char *seed);
/* The statement that evaluates constants through every family, in both forms: rows (family, value); the portable form's family is called
 * "text:portable". `encoding`: the server's. */
const char *it_probe_sql(struct arena *a, const char *encoding);

/* ---- portable.c ---- */
#define IT_ALL_FAMILIES ((1u << FAM_COUNT) - 2)
static inline bool it_portable(unsigned set, enum it_family f)
{
    return set >> f & 1;
}
/* As it_family_sql, in the portable form: 64 bits of SHA-256 over the seed and the value. */
void it_portable_sql(struct str *out, enum it_family f, const struct it_column *c, const char *value, const char *seed);
/* The portable form's mixing of a key, or of a row's hash, that is no hash yet. */
const char *it_portable_mix(struct arena *a, const char *seed);
const char *it_digest_name(bool portable); /* as certificates write it */

/* ---- chunks.c ---- */
void it_chunks_init(struct it_chunks *c, struct arena *a, size_t columns, size_t expected);
struct it_chunk *it_chunks_get(struct it_chunks *c, int64_t id);              /* made when missing */
const struct it_chunk *it_chunks_find(const struct it_chunks *c, int64_t id); /* or NULL */
/* Adds a slice's row; `sums` says how digests combine. NULL digests: absent[i]. */
void it_chunks_add(struct it_chunks *c, bool sums, int64_t id, uint64_t rows, uint64_t keys, uint64_t touched,
                   const uint64_t *digest, const uint8_t *absent);
void it_chunks_sort(struct it_chunks *c); /* by id */
uint64_t it_chunks_rows(const struct it_chunks *c);
/* Decimal text of any length, signed, modulo 2^64. */
uint64_t it_number_mod64(const char *s);

/* ---- catalog.c ---- */
/* Tables, columns, keys, leaves and guarding objects, into side->tables. Marks what is skipped. */
bool it_catalog(struct ctx *cx, struct it_side *side, const struct integrity_options *o);
/* Sets t->skip when the options leave it out; says of a skip's reason whether that was it. */
void it_scope(struct it_table *t, const struct integrity_options *o);
bool it_skip_is_scope(const char *reason);
/* Sets t->skip when it is no ordinary table, or its rows cannot all be read; else clears it. */
void it_readable(struct ctx *cx, struct it_table *t);
extern const char it_view_skip[]; /* the reason why materialized views are left out */
/* Findings for the items of 'tables' and 'exclude_tables' that name nothing on either side; the second may be NULL. */
void it_scope_unused(struct ctx *cx, struct integrity_report *r, const struct integrity_options *o,
                     const struct it_side *one, const struct it_side *other);
bool it_names_contain(const struct str_list *names, const char *name);
const struct it_column *it_column_find(const struct it_table *t, const char *name);
struct it_table *it_table_find(struct it_side *side, const char *schema, const char *name);

/* ---- side.c ---- */
bool it_side_open(struct ctx *cx, struct it_side *side, const struct pg_target *target, const char *role,
                  const struct integrity_options *o);
bool it_side_compile(struct ctx *cx, struct it_side *side, bool on); /* JIT, for the statements of passes */
/* Was nothing written between the snapshot of the start, and this state of the server (snapshot, lsn)? */
bool it_side_still(const struct it_side *side, const char *snapshot, const char *lsn);
/* A table that was rewritten or dropped meanwhile is a finding, and skipped. */
bool it_side_check(struct ctx *cx, struct it_side *side, struct integrity_report *r);
bool it_side_needs_sums(const struct it_side *side);
/* LSN, counters, file nodes once more: was anything written, was a table rewritten under us? Ends the snapshot. */
bool it_side_finish(struct ctx *cx, struct it_side *side, struct integrity_report *r);
extern const char *const it_session[];

/* ---- pass.c ---- */
/* A pass over one table of one live side. Families and geometry are the left side's; columns are this side's. */
struct it_pass {
    struct ctx *cx;
    struct it_side *side;
    struct it_table *table;
    struct it_geometry *geometry;
    struct it_column_list keys, columns; /* this side's names and types, with the family to use */
    bool strong;
    bool bounded;        /* KEY_RANGE: no key lies outside of the geometry's bounds */
    const char *without; /* SQL predicate: rows it holds for are left out; NULL: none */
    bool expressions;    /* a column's expression may speak of any other */
    bool mark;           /* they are not left out, but marked by q.m */
    const char *xids;    /* '{1,2}' when touched rows are counted, else NULL */
    bool finds_bounds;   /* asks for the least and the greatest key as well, see it_geometry_settle() */
    const char *as_of; /* only row versions that this snapshot (of pg_current_snapshot()) shows as written; NULL: all */
    const int64_t *only; /* restrict to these chunks, sorted; NULL: all */
    size_t n_only;
    struct it_chunks chunks;
    struct err failed; /* code E_OK: none */
    uint64_t *digest;  /* of the row that is being added */
    uint8_t *absent;
    size_t jobs_left, jobs;
    long long rows_expected, rows_read, rows_arrived; /* for progress; arrived: of slices that may not have ended */
};
/* `by_pass`: a table that is but one chunk is not asked for its bounds; the pass finds them. */
bool it_geometry_choose(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                        struct it_table *const *tables, size_t n, bool by_pass);
/* After a pass that found bounds: the geometry and the chunks' numbers. False: the keys lie too far apart for the seed that the pass used, and
 * it must be done again, with the bounds as they are now. */
bool it_geometry_settle(struct it_pass *p);
/* Finds out which of the passes over one side, whose geometry is another's, are bounded. With `widen` the geometries may be extended to
 * hold this side's keys as well; they are not used yet then. */
bool it_geometry_fit(struct ctx *cx, struct it_side *side, struct it_pass *const *passes, size_t n, bool widen);
/* Queue the statements of a pass; pg_pools_run() does them. */
void it_pass_queue(struct it_pass *p, long long slice_bytes);
/* The same piecemeal: the empty chunks, then pages from..to (-1: to the end) of one leaf; leaf NULL: the whole table in one statement. */
void it_pass_begin(struct it_pass *p);
void it_pass_pages(struct it_pass *p, const struct it_leaf *leaf, long long from, long long to, long long slice_bytes);
bool it_leaves_readable(const struct it_table *t); /* each by itself, foreign ones apart */
/* What stands in FROM for all rows of a table that are its own: the table, or its partitions without the foreign ones, with these columns. */
const char *it_rows_of(struct ctx *cx, struct pg *pg, const struct it_table *t, const struct str_list *columns);
/* FROM … of a query in which q.s is the seed, q.kN and q.cN the columns, restricted to p->only; rows of other chunks come along unless
 * it_pass_restricted(). */
void it_pass_from(struct str *sql, const struct it_pass *p, const struct it_leaf *leaf, const char *where);
bool it_pass_restricted(const struct it_pass *p);
/* SQL: did a transaction that the snapshot (a literal) shows as ended write the row version? */
void it_written_by_sql(struct str *sql, const struct it_side *side, const char *xmin, const char *snapshot);
/* The chunk's expression over the row source. */
void it_pass_chunk(struct str *sql, const struct it_pass *p);
/* Hash of column i, and the seed, over the row source. */
void it_pass_hash(struct str *sql, const struct it_pass *p, size_t i);
/* Word 0 or 1 of the whole row's SHA-256, over the row source of a strong pass. */
void it_pass_whole(struct str *sql, int half);
const char *it_pass_seed(const struct it_pass *p);
/* What a failed statement means for its table: true when the run can go on without it (sets skip texts). */
bool it_table_failed(struct ctx *cx, struct it_table *t, const struct err *e);
/* `hidden`: without its keys. */
char *it_chunk_text(struct arena *a, const struct it_geometry *g, const struct str_list *key, int64_t id, bool hidden);

/* ---- sketch.c ---- */
/* The sketch of one table of one live side. */
struct it_sketch_job {
    struct it_pass pass; /* table, families, and the columns it is over */
    size_t *map;         /* for each of these: its index among the certificate's digests */
    const char *where;   /* of rows t, or "" */
    struct it_sketch sketch;
};
bool it_sketch_possible(const struct it_side *side); /* else the server is too old */
/* A job over the same table, to which columns are added. */
struct it_sketch_job it_sketch_start(const struct it_pass *pass);
void it_sketch_column(struct it_sketch_job *j, const struct it_column *c, size_t digest);
void it_sketch_queue(struct it_sketch_job *j, size_t cells, long long slice_bytes);
bool it_sketch_run(struct ctx *cx, struct it_side *side); /* what is queued */
/* SQL: the hash of a row's values, over the row source. */
void it_sketch_hash_sql(struct str *sql, const struct it_sketch_job *j);
/* it_check_fn; user: a struct pg */
bool it_sketch_checks(struct ctx *cx, void *user, const struct it_item *items, size_t n, uint64_t *checks);
/* How many cells a sub-table of each table's sketch has when all sketches together take at most so many bytes of a certificate. */
void it_sketch_share(struct arena *a, struct it_table *const *tables, size_t n, long long bytes, size_t *cells);
void it_sketch_write(struct json_writer *w, struct arena *a, const struct it_sketch *s,
                     const struct str_list *columns);                            /* nothing when there is none */
bool it_sketch_read(struct arena *a, const struct json *v, struct it_sketch *s); /* false: malformed; v NULL: none */
/* ---- baseline.c ---- */
/* Chunks and hashes as another certificate has them, for tables whose key is the same, so that the two can be compared without a database. */
void it_geometry_take_over(struct it_side *side, const struct it_side *from);
/* From a side whose tables have their chunks to the certificate and the report. */
bool it_certify(struct ctx *cx, struct it_side *side, const struct integrity_options *o, const char *path,
                struct integrity_report *r);

/* ---- sealed.c: files bound by a SHA-256 root; kind: "certificate", "plan", "part" ---- */
/* One that is being written; what was said so far is passed on to the file by it_sealed_flush(), so that none is held whole. */
struct it_sealed {
    struct ctx *cx;
    struct json_writer w; /* of the body */
    struct str text;
    struct hash *root;
    struct file_stream *out; /* NULL: its bytes are only counted */
    size_t bytes;
    bool failed;
};
bool it_sealed_begin(struct ctx *cx, struct it_sealed *s, const char *kind, const char *path); /* path NULL: count */
void it_sealed_flush(struct it_sealed *s);
bool it_sealed_end(struct it_sealed *s, const char **root); /* also after a failure */
bool it_sealed_read(struct ctx *cx, const char *path, const char *kind, struct json_doc **doc, const char **root);
bool it_sealed_damaged(struct ctx *cx, const char *kind, const char *path, const char *why); /* always false */
bool it_sealed_is(struct ctx *cx, const char *path, const char *kind); /* does it begin like one? */

/* ---- certificate.c, certificate_read.c ---- */
bool it_certificate_write(struct ctx *cx, struct it_side *side, const char *path, const char **root);
bool it_certificate_read(struct ctx *cx, const char *path, struct it_side *side);
/* Joins neighbouring chunks until the certificate has at most so many bytes; fails when even the coarsest chunks are too many. */
bool it_certificate_bound(struct ctx *cx, struct it_side *side, long long bytes, struct integrity_report *r);
size_t it_certificate_size(struct ctx *cx, struct it_side *side);
/* A side of a plan: as a certificate without chunks, with all that pairing asks of its tables. */
void it_side_write(struct it_sealed *out, const char *key, const struct it_side *s);
bool it_side_read(struct ctx *cx, const char *path, const struct json *body, struct it_side *side);
void it_server_write(struct json_writer *w, const struct it_side *side); /* members server, settings, probes */
void it_chunks_write(struct it_sealed *file, struct arena *a, const struct it_chunks *c); /* member chunks */
/* columns: how many digests a chunk must have. */
bool it_chunks_read(struct ctx *cx, const char *path, const struct json *chunks, struct it_chunks *out, size_t columns);
const char *it_level_name(enum integrity_strictness s);

/* ---- history.c ---- */
struct json;
struct json_writer;
bool it_history_take(struct ctx *cx, struct it_side *side); /* of a live side, on its snapshot */
void it_history_write(struct json_writer *w, struct arena *a, const struct it_side *side);
bool it_history_read(struct arena *a, const struct json *body, struct it_side *side); /* false: malformed */

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
    VEC(struct it_flagged) flagged; /* rows that differed at the first look, in the order of the seed */
    size_t flagged_at;
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

/* ---- report.c ---- */
struct integrity_finding *it_finding(struct ctx *cx, struct integrity_report *r, enum integrity_severity s,
                                     const char *code, const char *object, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void it_proof(struct ctx *cx, struct integrity_report *r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void it_uncovered(struct ctx *cx, struct integrity_report *r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
char *it_join(struct arena *a, const struct str_list *list, const char *between);
/* What the server said, without the values that it quotes where one of them was at fault. */
const char *it_server_said(struct arena *a, const struct err *e);

#endif
