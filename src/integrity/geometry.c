/* geometry.c - which chunk a row belongs to: chosen once, from the left side, and then the same everywhere. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* Heaps below are read faster than they are asked for their bounds. */
static const long long WORTH_ASKING = 1 << 20, WORTH_AN_INDEX = 256 << 10;

static long long estimate(const struct it_table *t)
{
    /* Never analysed: no row is narrower than its 24-byte header, line pointer and a little data. */
    long long widest = t->bytes / 40 + 1;
    return t->est_rows < 0 || t->est_rows > widest ? widest : t->est_rows;
}

/* The digests of one table may take so much memory on each side, about: wide tables have larger chunks. */
enum { CHUNK_MEMORY = 8 << 20, LEAST_CHUNKS = 1024 };

static long long chunks_wanted(const struct it_table *t, long long rows, long long chunk_rows)
{
    size_t each = 48 + 9 * (t->columns.n + 2);
    long long n = rows / (chunk_rows > 0 ? chunk_rows : 1) + 1, most = (long long)(CHUNK_MEMORY / each);

    most = most < LEAST_CHUNKS ? LEAST_CHUNKS : most > IT_MAX_CHUNKS ? IT_MAX_CHUNKS : most;
    return n > most ? most : n;
}

static void choose_buckets(struct it_geometry *g, enum it_key_kind kind, long long wanted)
{
    g->kind = kind;
    g->mask = 1;
    while (g->mask < wanted)
        g->mask *= 2;
    g->mask -= 1;
}

/* Chunks less one. */
static uint64_t chunks_at(const struct it_geometry *g, int shift)
{
    return (uint64_t)(g->hi >> shift) - (uint64_t)(g->lo >> shift);
}

/* Less one: keys on both sides of zero never share a chunk, however coarse. */
static uint64_t least_chunks(const struct it_geometry *g)
{
    return (g->lo < 0) != (g->hi < 0);
}

static bool is_integer(const struct it_column *c)
{
    return c && (text_equal(c->base, "int2") || text_equal(c->base, "int4") || text_equal(c->base, "int8"));
}

struct bounds_job {
    struct it_side *side;
    struct it_table *table;
    long long chunk_rows;
    bool sparse; /* many more key values than rows: the spread decides */
};

static bool take_bounds(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct bounds_job *j = user;
    struct it_geometry *g = &j->table->geometry;

    if (failed)
        return it_table_failed(cx, j->table, failed);
    g->kind = KEY_RANGE;
    g->shift = 0;
    g->lo = 0;
    g->hi = -1;
    if (!rows->n || pg_null(rows, 0, 0))
        return true;
    g->lo = pg_int(rows, 0, 0);
    g->hi = pg_int(rows, 0, 1);

    uint64_t span = (uint64_t)g->hi - (uint64_t)g->lo;
    long long est = estimate(j->table);
    if (span < (uint64_t)est)
        est = (long long)span + 1;
    uint64_t wanted = (uint64_t)chunks_wanted(j->table, est, j->chunk_rows);
    while (chunks_at(g, g->shift) > least_chunks(g) && chunks_at(g, g->shift) >= wanted + wanted / 5)
        g->shift++;
    j->sparse = wanted > 1 && span / 16 > (uint64_t)est;
    return true;
}

/* Key values that cluster would put most rows into few ranges: quantiles of the key, as the server's statistics have them, show that. */
static bool take_histogram(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct bounds_job *j = user;
    struct it_geometry *g = &j->table->geometry;
    long long last = 0;
    int run = 0, longest = 0, n = 0;

    if (failed)
        return it_table_failed(cx, j->table, failed);
    for (int i = 0; i < rows->n; i++, n++) {
        long long at = pg_int(rows, i, 0) >> g->shift;
        run = n && at == last ? run + 1 : 1;
        last = at;
        longest = run > longest ? run : longest;
    }
    if (!n || longest * 4 > n)
        choose_buckets(g, KEY_HASH, chunks_wanted(j->table, estimate(j->table), j->chunk_rows));
    return true;
}

/* By the index; a small heap is read faster than the server plans how to use one, which + 0 keeps it from. */
static const char *bounds_sql(struct ctx *cx, struct pg *pg, const struct it_table *t, const char *key)
{
    struct str_list names = {.n = 0};
    const char *k = pg_ident(cx, pg, key), *plain = t->bytes < WORTH_AN_INDEX ? " + 0" : "";

    *VEC_PUSH(cx->arena, &names) = key;
    return arena_printf(cx->arena, "SELECT min(%s%s)::bigint, max(%s%s)::bigint FROM %s t", k, plain, k, plain,
                        it_rows_of(cx, pg, t, &names));
}

/* A round trip less for each of many small tables. */
static bool one_chunk(const struct it_table *t, const struct integrity_options *o)
{
    return t->leaves.n == 1 && !t->leaves.at[0].foreign && t->bytes < WORTH_AN_INDEX &&
           chunks_wanted(t, estimate(t), o->chunk_rows) == 1;
}

bool it_geometry_settle(struct it_pass *p)
{
    struct it_geometry *g = p->geometry;

    if (g->lo > g->hi)
        return true;
    while (chunks_at(g, g->shift) > least_chunks(g))
        g->shift++;
    if (g->shift > IT_NARROW_SHIFT)
        return false;
    for (size_t i = 0; i < p->chunks.n; i++)
        p->chunks.at[i].id = (p->chunks.at[i].id < 0 ? g->lo : g->hi) >> g->shift;
    return true;
}

bool it_geometry_choose(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                        struct it_table *const *tables, size_t n, bool by_pass)
{
    struct pg *pg = pg_pool_first(side->pool);
    struct bounds_job *jobs = arena_array(cx->arena, n, sizeof *jobs);

    for (size_t i = 0; i < n; i++) {
        struct it_table *t = tables[i];
        const struct it_column *key = t->key.n ? it_column_find(t, t->key.at[0]) : NULL;
        if (t->geometry_given)
            continue;
        t->geometry =
            (struct it_geometry){.sums = o->sums || !t->key.n, .portable = it_portable(side->portable, FAM_INT8)};
        if (!t->key.n) {
            choose_buckets(&t->geometry, KEY_NONE, chunks_wanted(t, estimate(t), o->chunk_rows));
        } else if (t->key.n > 1 || !is_integer(key)) {
            choose_buckets(&t->geometry, KEY_HASH, chunks_wanted(t, estimate(t), o->chunk_rows));
        } else if (by_pass && one_chunk(t, o)) {
            t->geometry.kind = KEY_RANGE;
            t->geometry.hi = -1;
            t->bounds_by_pass = true;
        } else {
            jobs[i] = (struct bounds_job){.side = side, .table = t, .chunk_rows = o->chunk_rows};
            pg_pool_add(side->pool, bounds_sql(cx, pg, t, key->name), 0, NULL, take_bounds, &jobs[i]);
        }
    }
    if (!pg_pool_run(cx, side->pool))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct it_table *t = tables[i];
        if (!jobs[i].sparse || t->skip)
            continue;
        const char *sql = arena_printf(
            cx->arena,
            "SELECT b::bigint FROM pg_stats s, unnest(s.histogram_bounds::text::text[]) b "
            "WHERE s.schemaname = %s AND s.tablename = %s AND s.attname = %s AND s.inherited = %s ORDER BY 1",
            pg_literal(cx, pg, t->schema), pg_literal(cx, pg, t->name), pg_literal(cx, pg, t->key.at[0]),
            *t->kind == 'p' ? "true" : "false");
        pg_pool_add(side->pool, sql, 0, NULL, take_histogram, &jobs[i]);
    }
    return pg_pool_run(cx, side->pool);
}

struct fit_job {
    struct it_pass *pass;
    bool widen;
};

/* Keys a little beyond the bounds get chunks of their own; a few far away share one, lest the chunks become many. */
static bool take_fit(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct fit_job *j = user;
    struct it_geometry *g = j->pass->geometry;

    if (failed)
        return it_table_failed(cx, j->pass->table, failed);
    if (!rows->n || pg_null(rows, 0, 0)) {
        j->pass->bounded = true;
        return true;
    }
    long long lo = pg_int(rows, 0, 0), hi = pg_int(rows, 0, 1);
    if (j->widen && g->lo <= g->hi && (lo < g->lo || hi > g->hi)) {
        struct it_geometry wide = *g;
        wide.lo = lo < g->lo ? lo : g->lo;
        wide.hi = hi > g->hi ? hi : g->hi;
        if (chunks_at(&wide, g->shift) <= chunks_at(g, g->shift) * 5 / 4 + 16)
            *g = wide;
    }
    j->pass->bounded = lo >= g->lo && hi <= g->hi;
    return true;
}

bool it_geometry_fit(struct ctx *cx, struct it_side *side, struct it_pass *const *passes, size_t n, bool widen)
{
    struct pg *pg = pg_pool_first(side->pool);
    struct fit_job *jobs = arena_array(cx->arena, n, sizeof *jobs);

    for (size_t i = 0; i < n; i++) {
        struct it_pass *p = passes[i];
        if (p->geometry->kind != KEY_RANGE || p->table->skip || !p->table->key.n || p->table->bytes < WORTH_ASKING ||
            !text_equal(p->table->key.at[0], p->keys.at[0].name))
            continue;
        jobs[i] = (struct fit_job){.pass = p, .widen = widen};
        pg_pool_add(side->pool, bounds_sql(cx, pg, p->table, p->keys.at[0].name), 0, NULL, take_fit, &jobs[i]);
    }
    return pg_pool_run(cx, side->pool);
}

char *it_chunk_text(struct arena *a, const struct it_geometry *g, const struct str_list *key, int64_t id, bool hidden)
{
    char *names = it_join(a, key, ", ");
    if (g->kind == KEY_NONE)
        return arena_printf(a, "row hash bucket %lld of %lld", (long long)id, g->mask + 1);
    if (g->kind == KEY_HASH)
        return arena_printf(a, "hash bucket %lld of %lld of (%s)", (long long)id, g->mask + 1, names);
    bool above = id == IT_ABOVE && g->hi >> g->shift != id, below = id == IT_BELOW && g->lo >> g->shift != id;
    if (hidden && (above || below))
        return arena_printf(a, "%s %s those of the ranges", names, above ? "above" : "below");
    if (hidden)
        return arena_printf(a, "%s in range %llu of %llu", names,
                            (unsigned long long)((uint64_t)id - (uint64_t)(g->lo >> g->shift)) + 1,
                            (unsigned long long)chunks_at(g, g->shift) + 1);
    if (above)
        return arena_printf(a, "%s above %lld", names, g->hi);
    if (below)
        return arena_printf(a, "%s below %lld", names, g->lo);
    long long lo = (long long)((uint64_t)id << g->shift),
              hi = (long long)(((uint64_t)id << g->shift) + ((UINT64_C(1) << g->shift) - 1));
    return arena_printf(a, "%s %lld..%lld", names, lo < g->lo ? g->lo : lo, hi > g->hi ? g->hi : hi);
}
