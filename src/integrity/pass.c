/* pass.c - one pass over a table: the statement, its slices, and the digests that come back; see model.h and integrity.h. */
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "watch.h"

enum { PAGE = 8192, FIRST_DIGEST = 3 /* behind chunk, rows, keys */ };
static const long long LEAST_SLICE = 32LL << 20;

/* ---- the row source: "q" with k1…, c1…, s (the seed), x (xmin), w (SHA-256 of the row) ---- */

static uint64_t splitmix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static const char *column_ref(const struct it_pass *p, const char *name)
{
    return arena_printf(p->cx->arena, "t.%s", pg_ident(p->cx, pg_pool_first(p->side->pool), name));
}

/* What stands for a column's value: itself, or the expression that it is compared as. */
static const char *value_ref(const struct it_pass *p, const struct it_column *c)
{
    return c->expr ? arena_printf(p->cx->arena, "(%s)", c->expr) : column_ref(p, c->name);
}

/* The hash of a row without a key: XOR of its columns' hashes, each under its own seed and with its own value for NULL. It is mixed once more
 * before it is summed: sums of plain XORs would not see two rows exchange parts. A balanced tree, so that 1600 columns nest 11 deep. */
static void multiset_hash(struct str *sql, const struct it_pass *p, size_t from, size_t to)
{
    if (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        str_addc(sql, '(');
        multiset_hash(sql, p, from, middle);
        str_add(sql, " # ");
        multiset_hash(sql, p, middle, to);
        str_addc(sql, ')');
    } else if (to > from) {
        const struct it_column *c = &p->columns.at[from];
        char seed[32];
        snprintf(seed, sizeof seed, "'%lld'", (long long)splitmix(from + 1));
        str_add(sql, "coalesce(");
        it_family_sql(sql, c->family, c, value_ref(p, c), seed);
        str_addf(sql, ", '%lld'::bigint)", (long long)splitmix(~(uint64_t)from));
    } else {
        str_add(sql, "0::bigint");
    }
}

static void seed_sql(struct str *sql, const struct it_pass *p)
{
    if (p->geometry->kind == KEY_NONE) {
        multiset_hash(sql, p, 0, p->columns.n);
        return;
    }
    if (p->geometry->kind == KEY_RANGE) {
        str_addf(sql, "%s::bigint", column_ref(p, p->keys.at[0].name));
        return;
    }
    const char *seed = "0";
    for (size_t i = 0; i < p->keys.n; i++) {
        struct str next = str_new(p->cx->arena);
        it_family_sql(&next, p->keys.at[i].family, &p->keys.at[i], column_ref(p, p->keys.at[i].name), seed);
        seed = next.s;
    }
    str_add(sql, seed);
}

/* A value as it goes into the whole row's SHA-256. A record's binary form names its fields' types by OID: domains go as their base type, and types
 * of one's own as text. */
static void strong_value(struct str *sql, const struct it_pass *p, const struct it_column *c)
{
    const char *v = value_ref(p, c);

    if (*c->base)
        str_addf(sql, "%s::pg_catalog.%s", v,
                 c->family == FAM_TEXT ? "text" : pg_ident(p->cx, pg_pool_first(p->side->pool), c->base));
    else
        str_addf(sql, "CASE WHEN %s IS DISTINCT FROM NULL THEN concat(%s) END", v, v);
}

static void strong_row(struct str *sql, const struct it_pass *p)
{
    str_add(sql, ", encode(sha256(record_send(row(");
    for (size_t i = 0; i < p->keys.n + p->columns.n; i++) {
        str_add(sql, i ? ", " : "");
        strong_value(sql, p, i < p->keys.n ? &p->keys.at[i] : &p->columns.at[i - p->keys.n]);
    }
    str_add(sql, "))), 'hex') AS w");
}

static bool outside(const struct it_geometry *g, int64_t id)
{
    return (id == IT_ABOVE && g->hi >> g->shift != id) || (id == IT_BELOW && g->lo >> g->shift != id);
}

/* The restricting chunks as arrays of key ranges, neighbours joined. Returns their number. */
static size_t ranges(const struct it_pass *p, struct str *los, struct str *his)
{
    const struct it_geometry *g = p->geometry;
    size_t n = 0;

    for (size_t i = 0; i < p->n_only; i++) {
        int64_t id = p->only[i];
        long long lo, hi;
        if (outside(g, id)) {
            if (id == IT_ABOVE && g->hi == INT64_MAX)
                continue;
            lo = id == IT_BELOW ? INT64_MIN : g->lo > g->hi ? 0 : g->hi + 1;
            hi = id == IT_BELOW ? g->lo - 1 : INT64_MAX;
        } else {
            size_t last = i;
            while (last + 1 < p->n_only && p->only[last + 1] == p->only[last] + 1 && !outside(g, p->only[last + 1]))
                last++;
            lo = (long long)((uint64_t)id << g->shift);
            hi = (long long)(((uint64_t)p->only[last] << g->shift) + ((UINT64_C(1) << g->shift) - 1));
            lo = lo < g->lo ? g->lo : lo;
            hi = hi > g->hi ? g->hi : hi;
            i = last;
        }
        str_addf(los, "%s%lld", n ? "," : "", lo);
        str_addf(his, "%s%lld", n ? "," : "", hi);
        n++;
    }
    return n;
}

static bool by_index(const struct it_pass *p)
{
    return p->only && p->geometry->kind == KEY_RANGE && p->table->key.n &&
           text_equal(p->table->key.at[0], p->keys.at[0].name);
}

static bool has_foreign(const struct it_table *t)
{
    for (size_t l = 0; l < t->leaves.n; l++)
        if (t->leaves.at[l].foreign)
            return true;
    return false;
}

const char *it_rows_of(struct ctx *cx, struct pg *pg, const struct it_table *t, const struct str_list *columns)
{
    struct str sql = str_new(cx->arena);

    if (*t->kind != 'p' || !has_foreign(t)) {
        str_addf(&sql, "%s%s", *t->kind == 'p' ? "" : "ONLY ", pg_qualified(cx, pg, t->schema, t->name));
        return sql.s;
    }
    for (size_t l = 0; l < t->leaves.n; l++) {
        if (t->leaves.at[l].foreign)
            continue;
        str_add(&sql, sql.len ? " UNION ALL SELECT xmin" : "(SELECT xmin");
        for (size_t c = 0; c < columns->n; c++)
            str_addf(&sql, ", %s", pg_ident(cx, pg, columns->at[c]));
        str_addf(&sql, " FROM ONLY %s", pg_qualified(cx, pg, t->leaves.at[l].schema, t->leaves.at[l].name));
    }
    if (!sql.len) { /* all of it is foreign */
        str_add(&sql, "(SELECT xmin");
        for (size_t c = 0; c < columns->n; c++)
            str_addf(&sql, ", %s", pg_ident(cx, pg, columns->at[c]));
        str_addf(&sql, " FROM ONLY %s", pg_qualified(cx, pg, t->schema, t->name));
    }
    str_addc(&sql, ')');
    return sql.s;
}

/* Where most buckets are wanted the others cost less than being left out. */
bool it_pass_restricted(const struct it_pass *p)
{
    return p->geometry->kind == KEY_RANGE || (long long)p->n_only * 2 <= p->geometry->mask + 1;
}

void it_pass_from(struct str *sql, const struct it_pass *p, const struct it_leaf *leaf, const char *where)
{
    struct pg *pg = pg_pool_first(p->side->pool);
    bool index = by_index(p);
    struct str_list names = {.n = 0};

    if (index) {
        struct str los = str_new(p->cx->arena), his = str_new(p->cx->arena);
        ranges(p, &los, &his);
        str_addf(sql, " FROM unnest('{%s}'::bigint[], '{%s}'::bigint[]) r(lo, hi) CROSS JOIN LATERAL (SELECT ", los.s,
                 his.s);
    } else {
        str_add(sql, " FROM (SELECT ");
    }
    for (size_t i = 0; i < p->keys.n; i++)
        str_addf(sql, "%s AS k%zu, ", column_ref(p, p->keys.at[i].name), i + 1);
    for (size_t i = 0; i < p->columns.n; i++)
        str_addf(sql, "%s AS c%zu, ", value_ref(p, &p->columns.at[i]), i + 1);
    if (p->xids)
        str_add(sql, "t.xmin AS x, ");
    if (p->without && p->mark)
        str_addf(sql, "coalesce((%s\n), false) AS m, ", p->without);
    seed_sql(sql, p);
    str_add(sql, " AS s");
    if (p->strong)
        strong_row(sql, p);
    for (size_t i = 0; i < p->keys.n + p->columns.n; i++)
        *VEC_PUSH(p->cx->arena, &names) = i < p->keys.n ? p->keys.at[i].name : p->columns.at[i - p->keys.n].name;
    if (p->without || p->expressions) /* they may speak of any column */
        for (size_t i = 0; i < p->table->columns.n; i++)
            if (!it_names_contain(&names, p->table->columns.at[i].name))
                *VEC_PUSH(p->cx->arena, &names) = p->table->columns.at[i].name;
    if (leaf)
        str_addf(sql, " FROM ONLY %s t", pg_qualified(p->cx, pg, leaf->schema, leaf->name));
    else
        str_addf(sql, " FROM %s t", it_rows_of(p->cx, pg, p->table, &names));
    const char *joint = "WHERE";
    if (*where) {
        str_addf(sql, " WHERE %s", where);
        joint = "AND";
    }
    if (p->as_of) {
        str_addf(sql, " %s ", joint);
        it_written_by_sql(sql, p->side, "t.xmin", pg_literal(p->cx, pg, p->as_of));
        joint = "AND";
    }
    if (p->without && !p->mark) {
        str_addf(sql, " %s NOT coalesce((%s\n), false)", joint, p->without);
        joint = "AND";
    }
    if (index)
        str_addf(sql, " %s %s BETWEEN r.lo AND r.hi", joint, column_ref(p, p->keys.at[0].name));
    /* OFFSET 0 keeps the subquery apart, so that the seed is computed once a row and not once a column. */
    str_add(sql, index || p->strong || p->geometry->kind != KEY_RANGE ? " OFFSET 0) q" : ") q");
    if (p->only && !index && it_pass_restricted(p)) {
        str_add(sql, " WHERE (");
        it_pass_chunk(sql, p);
        str_add(sql, ") = ANY ('{");
        for (size_t i = 0; i < p->n_only; i++)
            str_addf(sql, "%s%lld", i ? "," : "", (long long)p->only[i]);
        str_add(sql, "}'::bigint[])");
    }
}

void it_written_by_sql(struct str *sql, const struct it_side *side, const char *xmin, const char *snapshot)
{
    const char *colon = strchr(side->snapshot, ':'); /* "xmin:xmax:…" */
    unsigned long long now = colon ? strtoull(colon + 1, NULL, 10) : 0;

    /* xmin has 32 bits: the nearest id up to now that ends in them. Below 3 are the server's own. */
    str_addf(
        sql,
        "(%s::text::bigint < 3 OR pg_visible_in_snapshot((%llu - ((%llu - %s::text::bigint) & 4294967295))::text::xid8, %s))",
        xmin, now, now, xmin, snapshot);
}

void it_pass_chunk(struct str *sql, const struct it_pass *p)
{
    const struct it_geometry *g = p->geometry;
    if (p->finds_bounds)
        str_add(sql, "q.s >> 63");
    else if (g->kind != KEY_RANGE)
        str_addf(sql, "q.s & '%lld'::bigint", g->mask);
    else if (p->bounded)
        str_addf(sql, "q.s >> %d", g->shift);
    else
        str_addf(
            sql,
            "CASE WHEN q.s BETWEEN '%lld' AND '%lld' THEN q.s >> %d WHEN q.s > '%lld' THEN '9223372036854775807'::bigint "
            "ELSE '-9223372036854775808'::bigint END",
            g->lo, g->hi, g->shift, g->hi);
}

void it_pass_hash(struct str *sql, const struct it_pass *p, size_t i)
{
    it_family_sql(sql, p->columns.at[i].family, &p->columns.at[i], arena_printf(p->cx->arena, "q.c%zu", i + 1), "q.s");
}

void it_pass_whole(struct str *sql, int half)
{
    str_addf(sql, "('x' || substr(q.w, %d, 16))::bit(64)::bigint", 1 + half * 16);
}

const char *it_pass_seed(const struct it_pass *p)
{
    /* The key's own digest: a key is not yet mixed, a multiset's row hash must be mixed again, a hash of several columns is one. The server's
     * hash folds 64 bits to 32 first; within a chunk of up to 2^32 keys the upper half is always the same, so nothing is lost; the keys outside of the
     * bounds, which share one chunk, may be anywhere. */
    if (p->geometry->kind == KEY_HASH)
        return "q.s";
    if (p->geometry->portable)
        return it_portable_mix(p->cx->arena, "q.s");
    static const char chained[] = "hashint8extended(q.s, hashint4extended((q.s >> 32)::int, 7))";
    if (p->geometry->kind != KEY_RANGE || p->geometry->shift > IT_NARROW_SHIFT)
        return chained;
    if (p->bounded)
        return "hashint8extended(q.s, 7)";
    return arena_printf(p->cx->arena,
                        "CASE WHEN q.s BETWEEN '%lld' AND '%lld' THEN hashint8extended(q.s, 7) ELSE %s END",
                        p->geometry->lo, p->geometry->hi, chained);
}

static const char *statement(const struct it_pass *p, const struct it_leaf *leaf, const char *where)
{
    const char *aggregate = p->geometry->sums ? "sum" : "bit_xor";
    struct str sql = str_new(p->cx->arena);

    str_add(&sql, "SELECT ");
    it_pass_chunk(&sql, p);
    str_addf(&sql, ", count(*), %s(%s)", aggregate, it_pass_seed(p));
    for (size_t i = 0; p->geometry->kind != KEY_NONE && i < p->columns.n; i++) {
        str_addf(&sql, ", %s(", aggregate);
        it_pass_hash(&sql, p, i);
        str_addc(&sql, ')');
    }
    for (int half = 0; p->strong && half < 2; half++) {
        str_addf(&sql, ", %s(", aggregate);
        it_pass_whole(&sql, half);
        str_addc(&sql, ')');
    }
    if (p->finds_bounds)
        str_add(&sql, ", min(q.s), max(q.s)");
    if (p->xids) /* the last column */
        str_addf(&sql, ", count(*) FILTER (WHERE q.x = ANY ('%s'::xid[]))", p->xids);
    it_pass_from(&sql, p, leaf, where);
    str_add(&sql, " GROUP BY 1");
    return sql.s;
}

/* ---- running it ---- */

/* Sums are numeric, which only their text holds whole. */
static uint64_t digest_at(const struct it_pass *p, const struct pg_rows *rows, int row, int column)
{
    return p->geometry->sums ? it_number_mod64(pg_text(rows, row, column)) : pg_word(rows, row, column);
}

static void take_bounds(struct it_pass *p, const struct pg_rows *rows, int row)
{
    struct it_geometry *g = p->geometry;
    int at = FIRST_DIGEST + (int)p->chunks.columns;
    long long lo = (long long)digest_at(p, rows, row, at), hi = (long long)digest_at(p, rows, row, at + 1);
    bool first = g->lo > g->hi;

    g->lo = first || lo < g->lo ? lo : g->lo;
    g->hi = first || hi > g->hi ? hi : g->hi;
}

static void add_job(struct it_pass *p, const struct it_leaf *leaf, const char *where);

static bool take(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct it_pass *p = user;
    size_t n = p->chunks.columns;

    if (failed || !rows) {
        p->jobs_left--;
        it_watch_took(p);
    }
    if (failed && !p->failed.code)
        p->failed = *failed;
    if (failed)
        return it_table_failed(cx, p->table, failed);
    for (int r = 0; rows && r < rows->n; r++) {
        for (size_t i = 0; i < n; i++) {
            p->absent[i] = pg_null(rows, r, FIRST_DIGEST + (int)i);
            p->digest[i] = p->absent[i] ? 0 : digest_at(p, rows, r, FIRST_DIGEST + (int)i);
        }
        uint64_t touched = p->xids ? digest_at(p, rows, r, FIRST_DIGEST + (int)n) : 0;
        it_chunks_add(&p->chunks, p->geometry->sums, (int64_t)digest_at(p, rows, r, 0), digest_at(p, rows, r, 1),
                      digest_at(p, rows, r, 2), touched, p->digest, p->absent);
        p->rows_arrived += (long long)digest_at(p, rows, r, 1);
        if (p->finds_bounds)
            take_bounds(p, rows, r);
    }
    if (!rows && p->finds_bounds && !it_geometry_settle(p)) {
        p->finds_bounds = false;
        it_pass_begin(p);
        add_job(p, NULL, "");
    }
    return true;
}

static void add_job(struct it_pass *p, const struct it_leaf *leaf, const char *where)
{
    p->jobs_left++;
    if (p->geometry->sums)
        pg_pool_add_stream(p->side->pool, statement(p, leaf, where), 0, NULL, take, p);
    else
        pg_pool_add_words(p->side->pool, statement(p, leaf, where), take, p);
}

static void slice_leaf(struct it_pass *p, const struct it_leaf *leaf, long long slice_bytes)
{
    /* One slice for each connection: compiling a statement costs, and other tables fill what gaps remain. */
    long long share = leaf->bytes / pg_pool_size(p->side->pool) + PAGE;
    long long slice = share > slice_bytes ? slice_bytes : share < LEAST_SLICE ? LEAST_SLICE : share;

    /* Before 14 a condition on ctid does not limit what is scanned. */
    if (leaf->bytes <= slice || pg_version(pg_pool_first(p->side->pool)) < 140000 || p->only) {
        add_job(p, leaf, "");
        return;
    }
    long long pages = slice / PAGE, from = 0;
    for (; (from + pages) * PAGE < leaf->bytes; from += pages)
        add_job(p, leaf,
                arena_printf(p->cx->arena, "t.ctid >= '(%lld,0)' AND t.ctid < '(%lld,0)'", from, from + pages));
    /* Open at the end: the heap may have grown since its size was read. */
    add_job(p, leaf, arena_printf(p->cx->arena, "t.ctid >= '(%lld,0)'", from));
}

void it_pass_pages(struct it_pass *p, const struct it_leaf *leaf, long long from, long long to, long long slice_bytes)
{
    if (!leaf || (!from && to < 0 && leaf->bytes <= LEAST_SLICE)) {
        add_job(p, leaf, "");
        return;
    }
    long long end = to < 0 ? leaf->bytes / PAGE : to, connections = pg_pool_size(p->side->pool);
    long long pages = (end - from) / connections + 1, most = slice_bytes / PAGE;
    pages = pages > most ? most : pages < LEAST_SLICE / PAGE ? LEAST_SLICE / PAGE : pages;
    for (; from + pages < end; from += pages)
        add_job(p, leaf,
                arena_printf(p->cx->arena, "t.ctid >= '(%lld,0)' AND t.ctid < '(%lld,0)'", from, from + pages));
    /* Without an upper bound the rest is open at the end: the heap may have grown since its size was read. */
    add_job(p, leaf,
            to < 0 ? arena_printf(p->cx->arena, "t.ctid >= '(%lld,0)'", from)
                   : arena_printf(p->cx->arena, "t.ctid >= '(%lld,0)' AND t.ctid < '(%lld,0)'", from, to));
}

void it_pass_begin(struct it_pass *p)
{
    size_t digests = (p->geometry->kind == KEY_NONE ? 0 : p->columns.n) + (p->strong ? 2 : 0);
    size_t expected =
        p->geometry->kind == KEY_RANGE
            ? (size_t)((p->geometry->hi >> p->geometry->shift) - (p->geometry->lo >> p->geometry->shift)) + 2
            : (size_t)p->geometry->mask + 1;

    if (p->geometry->kind == KEY_RANGE && p->geometry->lo > p->geometry->hi)
        expected = 2;
    if (expected > 2 * IT_MAX_CHUNKS) /* only a forged certificate says so; the table of chunks grows anyway */
        expected = 2 * IT_MAX_CHUNKS;
    it_chunks_init(&p->chunks, p->cx->arena, digests, p->only ? p->n_only : expected);
    p->digest = arena_array(p->cx->arena, digests + 1, sizeof *p->digest);
    p->absent = arena_array(p->cx->arena, digests + 1, 1);
}

bool it_leaves_readable(const struct it_table *t)
{
    bool readable = true;
    for (size_t l = 0; l < t->leaves.n; l++)
        readable = readable && (t->leaves.at[l].readable || t->leaves.at[l].foreign);
    return readable;
}

void it_pass_queue(struct it_pass *p, long long slice_bytes)
{
    bool whole = by_index(p) || !it_leaves_readable(p->table);

    it_pass_begin(p);
    if (whole)
        add_job(p, NULL, "");
    for (size_t l = 0; !whole && l < p->table->leaves.n; l++)
        if (!p->table->leaves.at[l].foreign)
            slice_leaf(p, &p->table->leaves.at[l], slice_bytes);
    it_watch_queued(p);
}

bool it_table_failed(struct ctx *cx, struct it_table *t, const struct err *e)
{
    const char *state = e->sqlstate;

    /* Lost connections, time-outs and interruptions end the run: what follows would meet the same. */
    if (e->code == E_INTERRUPTED || e->code == E_TIMEOUT || e->code == E_UNREACHABLE || text_starts(state, "08") ||
        text_starts(state, "57") || text_starts(state, "53")) {
        struct err copy = *e;
        snprintf(copy.message, sizeof copy.message, "reading table %.200s failed: %.700s", t->object, e->message);
        err_clear(cx);
        cx->err = copy;
        return false;
    }
    if (t->skip)
        return true;
    if (text_equal(state, "42501") &&
        (strstr(e->detail, "row-level security") || strstr(e->message, "row-level security"))) {
        t->skip = "row-level security hides rows from this role";
        t->skip_code = "row-security";
    } else if (text_equal(state, "42501")) {
        t->skip = "no permission to read it";
        t->skip_code = "permission-denied";
    } else if (text_equal(state, "42P01") || text_equal(state, "42703") || text_equal(state, "3F000") ||
               text_equal(state, "XX000")) {
        t->skip = "dropped or altered while it was read";
        t->skip_code = "table-vanished";
    } else if (text_equal(state, "22021") || text_equal(state, "22P05")) { /* as SQL_ASCII databases may hold it */
        t->skip = "it holds text that is not valid in its encoding, or has no form in UTF-8";
        t->skip_code = "text-not-utf8";
    } else if (text_equal(state, "55P03")) {
        t->skip = "locked by another session";
        t->skip_code = "table-locked";
    } else {
        t->skip = "it cannot be read";
        t->skip_code = "table-unreadable";
    }
    t->skip_message =
        arena_printf(cx->arena, "table %s was not compared, %s: %s", t->object, t->skip, it_server_said(cx->arena, e));
    return true;
}
