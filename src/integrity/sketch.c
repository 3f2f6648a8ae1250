/* sketch.c - taking the sketch of a table on a server, sharing out its bytes, and its place in a certificate; see sketch.h.
 *
 * The hash of a row's values is the XOR of its columns' hashes, each under the row's seed and a constant of its column, so that values cannot
 * trade places; a NULL has a constant of its own. Columns that are expected to change or go are left out. All sub-tables are filled by one scan (GROUPING SETS), which is separate from the pass, so that
 * who wants no sketch does not pay for it. It costs more the more cells there are, as they fall out of the processor's cache. */
#include <math.h>
#include <stdlib.h>

#include "dbstep/base64.h"
#include "dbstep/json.h"
#include "model.h"

enum { PAGE = 8192, LEAST_SLICE = 32 << 20, SPARE_CELLS = 64 };
/* Bytes of a cell in all sub-tables: words of 8 bytes, as base64. */
static const long long CELL_BYTES = IT_SUBTABLES * (IT_SKETCH_WORDS * 32 / 3 + 1);
static const char *const members[IT_SKETCH_WORDS] = {"rows", "seeds", "hashes", "checks"};

/* ---- the statement ---- */

/* Constants without a pattern: two for each column. */
static long long constant(size_t column, int which)
{
    uint64_t x = (column * 2 + (uint64_t)which + 1) * 0xD1342543DE82EF95u;
    for (int round = 0; round < 3; round++) {
        x ^= x >> 32;
        x *= 0xDABA0B6EB09322E3u;
    }
    return (long long)(x ^ x >> 32);
}

/* A balanced tree, so that 1600 columns nest 11 deep. */
static void row_hash(struct str *sql, const struct it_pass *p, const size_t *map, size_t from, size_t to)
{
    struct arena *a = p->cx->arena;

    if (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        str_addc(sql, '(');
        row_hash(sql, p, map, from, middle);
        str_add(sql, " # ");
        row_hash(sql, p, map, middle, to);
        str_addc(sql, ')');
    } else if (to > from) {
        const struct it_column *c = &p->columns.at[from];
        str_add(sql, "coalesce(");
        it_family_sql(sql, c->family, c, arena_printf(a, "q.c%zu", from + 1),
                      arena_printf(a, "(q.s # '%lld'::bigint)", constant(map[from], 0)));
        str_addf(sql, ", '%lld'::bigint)", constant(map[from], 1));
    } else {
        str_add(sql, "0::bigint");
    }
}

void it_sketch_hash_sql(struct str *sql, const struct it_sketch_job *j)
{
    row_hash(sql, &j->pass, j->map, 0, j->pass.columns.n);
}

struct it_sketch_job it_sketch_start(const struct it_pass *pass)
{
    struct it_sketch_job j = {.pass = *pass, .where = ""};

    j.pass.columns = (struct it_column_list){.n = 0};
    j.map = arena_array(pass->cx->arena, pass->columns.n, sizeof *j.map);
    j.pass.only = NULL;
    j.pass.xids = j.pass.as_of = NULL;
    j.pass.strong = false;
    return j;
}

void it_sketch_column(struct it_sketch_job *j, const struct it_column *c, size_t digest)
{
    j->map[j->pass.columns.n] = digest;
    *VEC_PUSH(j->pass.cx->arena, &j->pass.columns) = *c;
}

/* The high half goes into the seed, since hashint8extended folds to 32 bits before it mixes. */
#define CHECK(hash, seed) "hashint8extended(" hash ", hashint4extended((" hash " >> 32)::int, " seed "))"

static const char *statement(const struct it_sketch_job *j, const struct it_leaf *leaf, const char *where)
{
    struct str sql = str_new(j->pass.cx->arena);
    long long mask = (1LL << IT_CELL_BITS) - 1, cells = (long long)j->sketch.cells;

    str_add(&sql, "SELECT coalesce(a0, a1, a2), count(*), bit_xor(s), bit_xor(x), bit_xor(h) FROM (SELECT s, x, h");
    for (int t = 0; t < IT_SUBTABLES; t++)
        str_addf(&sql, ", %lld + ((h >> %d & %lld) * %lld >> %d) AS a%d", t * cells, t * IT_CELL_BITS, mask, cells,
                 IT_CELL_BITS, t);
    /* OFFSET 0 keeps each subquery apart, so that nothing is computed twice. */
    str_add(&sql, " FROM (SELECT s, x, " CHECK("x", "s") " AS h FROM (SELECT q.s, ");
    it_sketch_hash_sql(&sql, j);
    str_add(&sql, " AS x");
    it_pass_from(&sql, &j->pass, leaf, where);
    str_add(&sql, " OFFSET 0) y OFFSET 0) z) w GROUP BY GROUPING SETS ((a0), (a1), (a2))");
    return sql.s;
}

static bool take(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct it_sketch_job *j = user;

    if (failed)
        return it_table_failed(cx, j->pass.table, failed);
    for (int r = 0; rows && r < rows->n; r++) {
        size_t cell = pg_word(rows, r, 0);
        if (cell >= IT_SUBTABLES * j->sketch.cells)
            return fail(cx, E_INTERNAL, "a sketch of %s has no cell %zu", j->pass.table->object, cell);
        struct it_cell *c = &j->sketch.at[cell];
        c->rows += pg_word(rows, r, 1);
        c->seed ^= pg_word(rows, r, 2);
        c->hash ^= pg_word(rows, r, 3);
        c->check ^= pg_word(rows, r, 4);
    }
    return true;
}

static void add_job(struct it_sketch_job *j, const struct it_leaf *leaf, const char *where)
{
    const char *both = !*where      ? j->where
                       : !*j->where ? where
                                    : arena_printf(j->pass.cx->arena, "%s AND %s", j->where, where);
    pg_pool_add_words(j->pass.side->pool, statement(j, leaf, both), take, j);
}

/* One slice a connection is enough; each sends all its cells. */
static void slice_leaf(struct it_sketch_job *j, const struct it_leaf *leaf, long long slice_bytes)
{
    long long share = leaf->bytes / pg_pool_size(j->pass.side->pool) + PAGE;
    long long slice = share > slice_bytes ? slice_bytes : share < LEAST_SLICE ? LEAST_SLICE : share;
    long long pages = slice / PAGE, from = 0;

    if (leaf->bytes <= slice) {
        add_job(j, leaf, "");
        return;
    }
    for (; (from + pages) * PAGE < leaf->bytes; from += pages)
        add_job(j, leaf,
                arena_printf(j->pass.cx->arena, "t.ctid >= '(%lld,0)' AND t.ctid < '(%lld,0)'", from, from + pages));
    /* Open at the end: the heap may have grown since its size was read. */
    add_job(j, leaf, arena_printf(j->pass.cx->arena, "t.ctid >= '(%lld,0)'", from));
}

void it_sketch_queue(struct it_sketch_job *j, size_t cells, long long slice_bytes)
{
    const struct it_table *t = j->pass.table;
    bool readable = true;

    it_sketch_init(&j->sketch, j->pass.cx->arena, cells);
    for (size_t l = 0; l < t->leaves.n; l++)
        readable = readable && (t->leaves.at[l].readable || t->leaves.at[l].foreign);
    if (!readable) {
        add_job(j, NULL, "");
        return;
    }
    for (size_t l = 0; l < t->leaves.n; l++)
        if (!t->leaves.at[l].foreign)
            slice_leaf(j, &t->leaves.at[l], slice_bytes);
}

bool it_sketch_run(struct ctx *cx, struct it_side *side)
{
    return it_side_compile(cx, side, true) && pg_pool_run(cx, side->pool) && it_side_compile(cx, side, false);
}

bool it_sketch_possible(const struct it_side *side)
{
    return pg_version(pg_pool_first(side->pool)) >= 140000; /* bit_xor */
}

bool it_sketch_checks(struct ctx *cx, void *user, const struct it_item *items, size_t n, uint64_t *checks)
{
    enum { AT_ONCE = 5000 };

    for (size_t from = 0; from < n; from += AT_ONCE) {
        size_t to = n - from > AT_ONCE ? from + AT_ONCE : n;
        struct arena_mark mark = arena_mark(cx->arena);
        struct str seeds = str_new(cx->arena), hashes = str_new(cx->arena);
        for (size_t i = from; i < to; i++) {
            str_addf(&seeds, "%c%lld", i > from ? ',' : '{', (long long)items[i].seed);
            str_addf(&hashes, "%c%lld", i > from ? ',' : '{', (long long)items[i].hash);
        }
        str_addc(&seeds, '}');
        str_addc(&hashes, '}');
        PG_ROWS_AUTO rows = {.n = 0};
        const char *const params[] = {seeds.s, hashes.s};
        if (!pg_query(cx, user, &rows,
                      "SELECT " CHECK(
                          "x", "s") " FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY q(s, x, i) ORDER BY i",
                      2, params))
            return false;
        for (size_t i = from; i < to; i++)
            checks[i] = it_number_mod64(pg_text(&rows, (int)(i - from), 0));
        arena_reset(cx->arena, mark);
    }
    return true;
}

/* ---- sharing out the bytes ---- */

struct share {
    size_t table, cells;
    double weight;
};

static int by_need(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    return x->weight < y->weight ? -1 : x->weight > y->weight;
}

void it_sketch_share(struct arena *a, struct it_table *const *tables, size_t n, long long bytes, size_t *cells)
{
    struct share *s = arena_array(a, n, sizeof *s);
    double weights = 0;
    long long left = bytes / CELL_BYTES;
    size_t k = 0;

    /* By the square root of the rows: a table a hundred times as large is not changed a hundred times as often. No table gets more than
     * names every row of it; what that leaves goes to the larger ones. */
    for (size_t i = 0; i < n; i++) {
        cells[i] = 0;
        if (tables[i]->skip || !tables[i]->key.n || tables[i]->rows <= 0)
            continue;
        s[k] = (struct share){.table = i, .weight = sqrt((double)tables[i]->rows)};
        weights += s[k++].weight;
    }
    qsort(s, k, sizeof *s, by_need);
    for (size_t i = 0; i < k; i++) {
        long long rows = tables[s[i].table]->rows, need = rows + SPARE_CELLS;
        long long c = (long long)((double)left * s[i].weight / weights) - 1; /* one for the frame around them */
        c = c > need ? need : c > IT_MOST_CELLS ? IT_MOST_CELLS : c;
        if (c < IT_LEAST_CELLS)
            c = 0;
        weights -= s[i].weight;
        left -= c ? c + 1 : 0;
        cells[s[i].table] = (size_t)c;
    }
}

/* ---- in a certificate ---- */

static uint64_t *word_of(struct it_cell *c, int word)
{
    return word == 0 ? &c->rows : word == 1 ? &c->seed : word == 2 ? &c->hash : &c->check;
}

void it_sketch_write(struct json_writer *w, struct arena *a, const struct it_sketch *s, const struct str_list *columns)
{
    struct str bytes = str_new(a);

    if (!s->cells)
        return;
    json_object(w, "sketch");
    json_int(w, "subtables", IT_SUBTABLES);
    json_int(w, "cells", (long long)s->cells);
    json_array(w, "columns");
    for (size_t i = 0; i < columns->n; i++)
        json_string(w, NULL, columns->at[i]);
    json_end_array(w);
    for (int word = 0; word < IT_SKETCH_WORDS; word++) {
        str_clear(&bytes);
        for (size_t i = 0; i < IT_SUBTABLES * s->cells; i++)
            for (int b = 0; b < 8; b++)
                str_addc(&bytes, (char)(*word_of(&s->at[i], word) >> (8 * b) & 255));
        json_string(w, members[word], base64_text(a, bytes.s, bytes.len));
    }
    json_end_object(w);
}

bool it_sketch_read(struct arena *a, const struct json *v, struct it_sketch *s)
{
    long long subtables = 0, cells = 0;

    if (!v)
        return true;
    if (!json_get(v, "subtables") || !json_int64(json_get(v, "subtables"), &subtables) || subtables != IT_SUBTABLES ||
        !json_get(v, "cells") || !json_int64(json_get(v, "cells"), &cells) || cells < 1 || cells > IT_MOST_CELLS)
        return false;
    it_sketch_init(s, a, (size_t)cells);
    for (int word = 0; word < IT_SKETCH_WORDS; word++) {
        unsigned char *data = NULL;
        size_t len = 0;
        if (!base64_read(a, json_get_text(v, members[word], "-"), &data, &len) || len != IT_SUBTABLES * s->cells * 8)
            return false;
        for (size_t i = 0; i < IT_SUBTABLES * s->cells; i++)
            for (int b = 7; b >= 0; b--)
                *word_of(&s->at[i], word) = *word_of(&s->at[i], word) << 8 | data[i * 8 + (size_t)b];
    }
    return true;
}
