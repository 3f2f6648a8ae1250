/* recover.c - naming rows from a certificate's sketch, although the old rows exist nowhere any more; see sketch.h.
 *
 * The right side's sketch is taken like the left's was, and the difference is taken apart into items: versions of rows that left, and that
 * came. Before an item is believed the right side is asked: a version that came must be there with just this hash, one that left must not be.
 * A key of which both are known, or of which an old version left while the key is still there, is a changed row; one that left and is
 * not there is missing. A version that came alone is a new row if the sketch came apart completely, or if the chunk's count and key digest say so.
 *
 * A chunk is explained when the rows found in it account for the whole difference of its count and of its key digest. If the sketch came apart
 * completely that is all; else more rows may have changed there, and the counts are lower bounds. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

enum { KEYS_AT_ONCE = 5000, SEEDS_AT_ONCE = 50000, TRIED_TOGETHER = 12 };

enum kind { UNKNOWN, CHANGED, MISSING, EXTRA, CHANGED_OR_NEW };

/* Everything known of one seed. */
struct found {
    uint64_t seed, old_hash, new_hash, now_hash, key_digest;
    bool left, came, there, bad;
    enum kind kind;
    int64_t chunk;
    const char *key; /* as text, of a row that is there */
};

struct recovery {
    struct it_diff *d;
    struct it_pair *p;
    struct it_recovered *out;
    struct it_sketch_job job; /* of the right side */
    struct found *at;
    size_t n;
    bool complete;
    bool all_columns; /* the sketch is over all that are compared */
    long long named;
};

static int by_seed(const void *a, const void *b)
{
    int64_t x = (int64_t)((const struct it_item *)a)->seed, y = (int64_t)((const struct it_item *)b)->seed;
    return x < y ? -1 : x > y;
}

static int by_found_seed(const void *a, const void *b)
{
    int64_t x = (int64_t)((const struct found *)a)->seed, y = (int64_t)((const struct found *)b)->seed;
    return x < y ? -1 : x > y;
}

static int by_chunk(const void *a, const void *b)
{
    int64_t x = ((const struct found *)a)->chunk, y = ((const struct found *)b)->chunk;
    return x < y ? -1 : x > y ? 1 : by_found_seed(a, b);
}

static int64_t chunk_of(const struct it_geometry *g, uint64_t seed)
{
    int64_t s = (int64_t)seed;
    if (g->kind != KEY_RANGE)
        return s & g->mask;
    return s > g->hi ? IT_ABOVE : s < g->lo ? IT_BELOW : s >> g->shift;
}

/* The items, one entry a seed. Two versions of one key on one side are two keys with one hash: nothing is said of them. */
static void gather(struct recovery *r, struct it_items *items)
{
    if (items->n) /* none: there is no array either */
        qsort(items->at, items->n, sizeof *items->at, by_seed);
    r->at = arena_array(r->d->cx->arena, items->n, sizeof *r->at);
    for (size_t i = 0; i < items->n; i++) {
        const struct it_item *m = &items->at[i];
        if (!r->n || r->at[r->n - 1].seed != m->seed)
            r->at[r->n++] = (struct found){.seed = m->seed, .chunk = chunk_of(&r->p->left->geometry, m->seed)};
        struct found *f = &r->at[r->n - 1];
        f->bad = f->bad || (m->sign < 0 ? f->left : f->came);
        *(m->sign < 0 ? &f->left : &f->came) = true;
        *(m->sign < 0 ? &f->old_hash : &f->new_hash) = m->hash;
    }
}

/* ---- asking the right side ---- */

static const char *key_text(const struct recovery *r, const struct pg_rows *rows, int row)
{
    struct str s = str_new(r->d->cx->arena);
    size_t n = r->p->right_pass.keys.n;

    for (size_t i = 0; i < n; i++)
        str_addf(&s, "%s%s", i ? ", " : n > 1 ? "(" : "", pg_text(rows, row, 2 + (int)i));
    str_add(&s, n > 1 ? ")" : "");
    return it_key_shown(r->d, s.s);
}

static bool ask(struct recovery *r, const char *seeds)
{
    const struct it_pass *pass = &r->job.pass;
    struct ctx *cx = r->d->cx;
    struct pg *pg = pg_pool_first(r->d->right.pool);
    struct str sql = str_new(cx->arena);
    bool range = pass->geometry->kind == KEY_RANGE;

    str_add(&sql, "SELECT q.s, ");
    it_sketch_hash_sql(&sql, &r->job);
    for (size_t i = 0; i < pass->keys.n; i++)
        str_addf(&sql, ", q.k%zu::text", i + 1);
    it_pass_from(
        &sql, pass, NULL,
        range ? arena_printf(cx->arena, "t.%s = ANY ('%s'::bigint[])", pg_ident(cx, pg, pass->keys.at[0].name), seeds)
              : "");
    if (!range)
        str_addf(&sql, " WHERE q.s = ANY ('%s'::bigint[])", seeds);
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_query(cx, pg, &rows, sql.s, 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++) {
        struct found key = {.seed = it_number_mod64(pg_text(&rows, i, 0))};
        struct found *f = bsearch(&key, r->at, r->n, sizeof *r->at, by_found_seed);
        if (!f)
            continue;
        f->bad = f->bad || f->there;
        f->there = true;
        f->now_hash = it_number_mod64(pg_text(&rows, i, 1));
        f->key = key_text(r, &rows, i);
    }
    return true;
}

static bool ask_digests(struct recovery *r, const char *seeds, size_t from, size_t to)
{
    struct ctx *cx = r->d->cx;
    const char *const params[] = {seeds};
    PG_ROWS_AUTO rows = {.n = 0};

    const char *sql = arena_printf(cx->arena, "SELECT %s FROM unnest($1::bigint[]) WITH ORDINALITY q(s, i) ORDER BY i",
                                   it_pass_seed(&r->p->right_pass));
    if (!pg_query(cx, pg_pool_first(r->d->right.pool), &rows, sql, 1, params))
        return false;
    for (size_t i = from; i < to; i++)
        r->at[i].key_digest = it_number_mod64(pg_text(&rows, (int)(i - from), 0));
    return true;
}

static bool ask_right(struct recovery *r)
{
    /* By key, an index finds them; by seed, it takes a scan. */
    size_t at_once = r->p->left->geometry.kind == KEY_RANGE ? KEYS_AT_ONCE : SEEDS_AT_ONCE;

    for (size_t from = 0; from < r->n; from += at_once) {
        size_t to = r->n - from > at_once ? from + at_once : r->n;
        struct str seeds = str_new(r->d->cx->arena);
        for (size_t i = from; i < to; i++)
            str_addf(&seeds, "%c%lld", i > from ? ',' : '{', (long long)r->at[i].seed);
        str_addc(&seeds, '}');
        if (!ask(r, seeds.s) || !ask_digests(r, seeds.s, from, to))
            return false;
    }
    return true;
}

/* What each seed is; anything at odds with the right side is not believed, and then the sketch does not tell all. */
static void judge(struct recovery *r)
{
    bool all = r->complete;

    for (size_t i = 0; i < r->n; i++) {
        struct found *f = &r->at[i];
        f->bad = f->bad || (f->came && (!f->there || f->now_hash != f->new_hash)) ||
                 (f->left && f->there && f->now_hash == f->old_hash) || (all && f->left && f->there && !f->came);
        r->complete = r->complete && !f->bad;
    }
    for (size_t i = 0; i < r->n; i++) {
        struct found *f = &r->at[i];
        f->kind = f->bad                ? UNKNOWN
                  : f->left && f->there ? CHANGED
                  : f->left             ? MISSING
                  : r->complete         ? EXTRA
                                        : CHANGED_OR_NEW;
    }
}

/* ---- chunk by chunk ---- */

struct account {
    uint64_t before, now; /* key digests */
    long long delta;
    bool sums;
};

static uint64_t join(const struct account *a, uint64_t x, uint64_t y)
{
    return a->sums ? x + y : x ^ y;
}

/* Do these rows account for what became of the keys? `mask` picks from `open` those that are new. */
static bool balances(const struct account *a, struct found *const *rows, size_t n, struct found *const *open,
                     size_t n_open, uint64_t mask)
{
    uint64_t left = a->now, right = a->before; /* now + missing = before + extra */
    long long delta = 0;

    for (size_t i = 0; i < n; i++) {
        if (rows[i]->kind == MISSING)
            left = join(a, left, rows[i]->key_digest), delta--;
        if (rows[i]->kind == EXTRA)
            right = join(a, right, rows[i]->key_digest), delta++;
    }
    for (size_t i = 0; i < n_open; i++)
        if (mask >> i & 1)
            right = join(a, right, open[i]->key_digest), delta++;
    return left == right && delta == a->delta;
}

/* Settles which of the versions that came alone are new rows. */
static bool settle(const struct account *a, struct found *const *rows, size_t n)
{
    struct found *open[TRIED_TOGETHER];
    size_t n_open = 0;

    for (size_t i = 0; i < n; i++)
        if (rows[i]->kind == CHANGED_OR_NEW) {
            if (n_open == TRIED_TOGETHER)
                return false;
            open[n_open++] = rows[i];
        }
    for (uint64_t mask = 0; mask < UINT64_C(1) << n_open; mask++)
        if (balances(a, rows, n, open, n_open, mask)) {
            for (size_t i = 0; i < n_open; i++)
                open[i]->kind = mask >> i & 1 ? EXTRA : CHANGED;
            return true;
        }
    return false;
}

/* Which columns a chunk's changed rows differ in, so far as can be told: rows that came or went hide it. */
static const char *columns_of(const struct recovery *r, int64_t id, struct found *const *rows, size_t n, bool explained)
{
    struct it_pair *p = r->p;
    struct arena *a = r->d->cx->arena;
    struct str s = str_new(a);
    uint8_t *marks = arena_array(a, p->columns.n + 1, 1);
    size_t differing = 0;

    for (size_t i = 0; i < n; i++)
        if (rows[i]->kind != CHANGED)
            return "";
    it_chunk_equal(p, &p->left->chunks, it_chunks_find(&p->left->chunks, id), p->left_digest, &p->right_pass.chunks,
                   it_chunks_find(&p->right_pass.chunks, id), marks);
    for (size_t c = 0; c < p->columns.n; c++)
        if (marks[c]) {
            str_addf(&s, "%s%s", s.len ? ", " : "", p->columns.at[c]);
            differing++;
        }
    return differing > 1 && (n > 1 || !explained || !r->complete || !r->all_columns)
               ? arena_printf(a, "one or more of %s", s.s)
               : s.s;
}

static void name(struct recovery *r, const struct found *f, const char *columns)
{
    static const char *const kinds[] = {"", "changed", "missing", "extra", "changed or extra"};
    struct it_diff *d = r->d;
    struct it_pair *p = r->p;
    struct it_recovered *out = r->out;
    struct arena *a = d->cx->arena;

    if (f->kind == EXTRA && (p->live & LIVE_INSERTS)) {
        p->line.inserted++;
        return;
    }
    if (f->kind == MISSING && (p->live & LIVE_DELETES)) {
        p->line.deleted++;
        return;
    }
    const char *key = f->key ? f->key
                      : p->left->geometry.kind == KEY_RANGE
                          ? it_key_shown(d, arena_printf(a, "%lld", (long long)f->seed))
                          : arena_printf(a, "(its hash is %016llx)", (unsigned long long)f->seed);
    const char **at = f->kind == EXTRA ? &out->extra_at : f->kind == MISSING ? &out->missing_at : &out->changed_at;
    *(f->kind == EXTRA ? &out->extra : f->kind == MISSING ? &out->missing : &out->changed) += 1;
    if (!*at)
        *at = *columns ? arena_printf(a, "%s, in %s", key, columns) : key;
    it_row(d, p, kinds[f->kind], key, *columns ? columns : "", NULL, NULL);
    r->named++;
}

/* Did it come or go as declared, or may it have? */
static bool tolerated(const struct it_pair *p, const struct found *f)
{
    return f->kind != CHANGED && (p->live & (f->kind == MISSING ? LIVE_DELETES : LIVE_INSERTS));
}

static void one_chunk(struct recovery *r, struct found **rows, size_t n)
{
    const struct it_pair *p = r->p;
    int64_t id = rows[0]->chunk;
    const struct it_chunk *before = it_chunks_find(&p->left->chunks, id),
                          *now = it_chunks_find(&p->right_pass.chunks, id);
    struct account a = {.before = before ? before->keys : 0,
                        .now = now ? now->keys : 0,
                        .delta = (long long)(now ? now->rows : 0) - (long long)(before ? before->rows : 0),
                        .sums = p->left->geometry.sums};
    bool explained = settle(&a, rows, n);

    size_t n_tolerated = 0;
    for (size_t i = 0; i < n; i++)
        n_tolerated += tolerated(p, rows[i]);
    /* Where something else may have changed as well, rows that are allowed to come and go must not end the questions about their chunk. */
    bool all = r->complete && r->all_columns, leave = n_tolerated && !all;
    /* With one side empty it is told as a whole. */
    if ((!explained && (!before || !now)) || (leave && n_tolerated == n))
        return;
    struct it_recovered_chunk *c = &r->out->at[r->out->n++];
    *c = (struct it_recovered_chunk){.id = id, .explained = explained && !leave};
    r->out->uncertain = r->out->uncertain || !explained || !all;
    const char *columns = columns_of(r, id, rows, n, explained);
    for (size_t i = 0; i < n; i++) {
        if (leave && tolerated(p, rows[i]))
            continue;
        c->delta += (rows[i]->kind == EXTRA) - (rows[i]->kind == MISSING);
        name(r, rows[i], rows[i]->kind == CHANGED ? columns : "");
    }
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void by_chunks(struct recovery *r)
{
    struct found **rows = arena_array(r->d->cx->arena, r->n, sizeof *rows);
    size_t n = 0;

    r->out->at = arena_array(r->d->cx->arena, r->p->n_unequal, sizeof *r->out->at);
    qsort(r->at, r->n, sizeof *r->at, by_chunk);
    for (size_t i = 0; i < r->n; i++) {
        struct found *f = &r->at[i];
        /* Chunks that are explained otherwise are not looked into again. */
        if (f->kind != UNKNOWN && bsearch(&f->chunk, r->p->unequal, r->p->n_unequal, sizeof *r->p->unequal, by_id))
            rows[n++] = f;
    }
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && rows[to]->chunk == rows[from]->chunk;)
            to++;
        one_chunk(r, rows + from, to - from);
    }
}

/* ---- the whole ---- */

/* Why the sketch cannot be used, or NULL; else the job for the right side. */
static const char *obstacle(struct recovery *r)
{
    struct it_diff *d = r->d;
    const struct it_pair *p = r->p;
    const struct it_table *l = p->left;
    static const char left_out[] =
        " (integrity-baseline leaves it out when it is given the same 'expected_changes' and 'live_writes')";
    size_t compared = 0;

    if (l->geometry.kind == KEY_NONE)
        return "the table has no key";
    if (!it_sketch_possible(&d->right))
        return "this takes PostgreSQL 14 or newer";
    r->job = it_sketch_start(&p->right_pass);
    for (size_t s = 0; s < l->sketched.n; s++) {
        size_t c = 0, digest = 0;
        while (c < p->columns.n && !text_equal(p->columns.at[c], l->sketched.at[s]))
            c++;
        while (digest < l->digested.n && !text_equal(l->digested.at[digest], l->sketched.at[s]))
            digest++;
        if (c == p->columns.n || digest == l->digested.n)
            return arena_printf(d->cx->arena, "it is over column %s, which is not compared%s", l->sketched.at[s],
                                left_out);
        if (p->expected[c])
            return arena_printf(d->cx->arena, "it is over column %s, which is declared to change%s", l->sketched.at[s],
                                left_out);
        it_sketch_column(&r->job, &p->right_pass.columns.at[c], digest);
    }
    for (size_t c = 0; c < p->columns.n; c++)
        compared += !p->expected[c];
    r->all_columns = compared == l->sketched.n;
    return NULL;
}

static void tell(const struct recovery *r)
{
    struct it_diff *d = r->d;
    const struct it_pair *p = r->p;
    /* What comes apart almost surely; a changed row is two items. */
    long long room = (long long)p->left->sketch.cells * IT_SUBTABLES * 4 / 5;

    if (r->complete)
        it_proof(
            d->cx, d->report,
            "%s: the certificate's sketch came apart completely: %lld rows that changed, came or went in %zu key ranges are named by "
            "it, each checked against the database%s",
            p->left->object, r->named, r->out->n,
            r->all_columns ? "" : "; it is not over all columns, so more rows may have changed there");
    else
        it_uncovered(
            d->cx, d->report,
            "%s: more was written than the certificate's sketch can tell apart (about %lld row versions that came or went; a changed "
            "row is two); %lld rows are named by it",
            p->left->object, room, r->named);
}

bool it_recover(struct it_diff *d, struct it_pair *p, struct it_recovered *out)
{
    struct it_table *l = p->left;
    struct recovery r = {.d = d, .p = p, .out = out};
    struct it_sketch difference;
    struct it_items items = {.n = 0};

    if (!l->sketch.cells || !p->n_unequal)
        return true;
    const char *why = obstacle(&r);
    if (why) {
        it_uncovered(d->cx, d->report, "%s: the certificate's sketch names no rows: %s", l->object, why);
        return true;
    }
    if ((p->live & LIVE_INSERTS) &&
        l->geometry.kind == KEY_RANGE) /* these are not compared, and would fill the sketch */
        r.job.where =
            arena_printf(d->cx->arena, "t.%s <= '%lld'::bigint",
                         pg_ident(d->cx, pg_pool_first(d->right.pool), p->right_pass.keys.at[0].name), l->geometry.hi);
    it_sketch_queue(&r.job, l->sketch.cells, d->o->slice_bytes);
    if (!it_sketch_run(d->cx, &d->right))
        return false;
    if (p->right->skip)
        return true;
    it_sketch_difference(&difference, d->cx->arena, &l->sketch, &r.job.sketch);
    if (!it_sketch_peel(d->cx, &difference, it_sketch_checks, pg_pool_first(d->right.pool), &items, &r.complete))
        return false;
    gather(&r, &items);
    if (!ask_right(&r))
        return false;
    judge(&r);
    by_chunks(&r);
    tell(&r);
    return true;
}

static int by_recovered_id(const void *a, const void *b)
{
    int64_t x = ((const struct it_recovered_chunk *)a)->id, y = ((const struct it_recovered_chunk *)b)->id;
    return x < y ? -1 : x > y;
}

const struct it_recovered_chunk *it_recovered_find(const struct it_recovered *r, int64_t id)
{
    struct it_recovered_chunk key = {.id = id};
    return r->n ? bsearch(&key, r->at, r->n, sizeof *r->at, by_recovered_id) : NULL;
}
