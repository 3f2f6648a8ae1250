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
