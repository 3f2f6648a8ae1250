/* evidence.c - what a certificate alone can tell about an unequal chunk, when no live source shows the old rows.
 *
 * Rows that came or went. The XOR of a chunk's key digests, before and now, is the XOR of the hashes of exactly those keys that came or went. Up to
 * three of them are found by trying: keys that are there now could have come, integers of the range that are not there could have gone. A wrong
 * answer would need a 64-bit coincidence among some 10^9 combinations.
 *
 * Rows that changed. In the certificate's own database a row version written after the certificate's snapshot shows a transaction id that the
 * snapshot does not include. The changed rows are among those; if there is one, it is that one. In another database of the same lineage (a
 * clone), or when the server was started since and may be one, that is likely, and said to be: it could have differed before, or count its
 * transactions by itself.
 *
 * A sketch in the certificate (recover.c) comes first; where it explains a chunk, nothing of this is needed.
 *
 * What stays open is named as a range of keys, with the columns that differ. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

enum {
    CHUNKS_LOOKED_INTO = 256,
    ROWS_AT_ONCE = 20000,
    SPAN_AT_ONCE = 65536,
    LIST_SUSPECTS = 20,
    TRIPLE_CANDIDATES = 3000,
    TRIPLE_CHUNKS = 4
};

struct candidate {
    uint64_t hash;
    int sign;      /* +1: it is there, and may have come; -1: it is not, and may have gone */
    int row;       /* among the rows fetched; -1 for absent keys */
    long long key; /* absent keys only */
};

struct look {
    struct it_diff *d;
    struct it_pair *p;
    int64_t id;
    const struct it_chunk *before, *now;
    long long delta;
    struct pg_rows rows;  /* s, key hash, new?, keys…, column hashes… */
    struct arena scratch; /* the candidates of one chunk take megabytes */
    struct candidate *all;
    size_t n;
    struct candidate solution[3];
    int n_solution;
};

struct tally {
    long long extra, missing, changed, open_chunks, undecided, uncertain;
    const char *extra_at, *missing_at, *changed_at, *open_at, *undecided_at;
    int triples;
};

static bool same_lineage(const struct it_diff *d)
{
    return *d->left.id.system_identifier && text_equal(d->left.id.system_identifier, d->right.id.system_identifier);
}

/* A copy of the files has all the same names and a count of transactions of its own, but it was started by itself. */
static bool same_database(const struct it_diff *d)
{
    return same_lineage(d) && *d->left.started_at && text_equal(d->left.started_at, d->right.started_at) &&
           text_equal(d->left.id.database_oid, d->right.id.database_oid) && d->left.id.timeline == d->right.id.timeline;
}

static bool fetch_rows(struct look *k)
{
    struct it_pass one = k->p->right_pass;
    struct ctx *cx = k->d->cx;
    struct pg *pg = pg_pool_first(k->d->right.pool);
    struct str sql = str_new(cx->arena);

    one.only = &k->id;
    one.n_only = 1;
    one.xids = "{}"; /* so that the row source shows xmin */
    str_addf(&sql, "SELECT q.s, %s, ", it_pass_seed(&one));
    if (same_lineage(k->d)) {
        str_add(&sql, "NOT ");
        it_written_by_sql(&sql, &k->d->right, "q.x", pg_literal(cx, pg, k->d->left.snapshot));
    } else {
        str_add(&sql, "true");
    }
    for (size_t i = 0; i < one.keys.n; i++)
        str_addf(&sql, ", q.k%zu::text", i + 1);
    for (size_t i = 0; i < one.columns.n; i++) {
        str_add(&sql, ", ");
        it_pass_hash(&sql, &one, i);
    }
    for (int half = 0; one.strong && half < 2; half++) {
        str_add(&sql, ", ");
        it_pass_whole(&sql, half);
    }
    it_pass_from(&sql, &one, NULL, "");
    str_add(&sql, " ORDER BY q.s");
    return pg_query(cx, pg, &k->rows, sql.s, 0, NULL);
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct candidate *)a)->hash, y = ((const struct candidate *)b)->hash;
    return x < y ? -1 : x > y;
}

/* Keys of an integer range that are not there now. */
static bool add_absent(struct look *k, size_t room)
{
    const struct it_geometry *g = &k->p->left->geometry;
    struct ctx *cx = k->d->cx;

    if (g->kind != KEY_RANGE || g->shift > 16 || k->n + (UINT64_C(1) << g->shift) > room)
        return true;
    long long lo = (long long)((uint64_t)k->id << g->shift),
              hi = (long long)(((uint64_t)k->id << g->shift) + ((UINT64_C(1) << g->shift) - 1));
    lo = lo < g->lo ? g->lo : lo;
    hi = hi > g->hi ? g->hi : hi;
    const char *sql =
        arena_printf(cx->arena, "SELECT q.s, %s FROM generate_series('%lld'::bigint, '%lld'::bigint) q(s) ORDER BY 1",
                     it_pass_seed(&k->p->right_pass), lo, hi);
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_query(cx, pg_pool_first(k->d->right.pool), &rows, sql, 0, NULL))
        return false;
    int there = 0;
    for (int i = 0; i < rows.n; i++) {
        long long key = pg_int(&rows, i, 0);
        while (there < k->rows.n && pg_int(&k->rows, there, 0) < key)
            there++;
        if (there < k->rows.n && pg_int(&k->rows, there, 0) == key)
            continue;
        k->all[k->n++] =
            (struct candidate){.hash = it_number_mod64(pg_text(&rows, i, 1)), .sign = -1, .row = -1, .key = key};
    }
    return true;
}

static const struct candidate *lookup(const struct look *k, uint64_t hash, int sign, const struct candidate *not1,
                                      const struct candidate *not2)
{
    struct candidate key = {.hash = hash};
    const struct candidate *c = k->n ? bsearch(&key, k->all, k->n, sizeof *k->all, by_hash) : NULL;
    return c && c->sign == sign && c != not1 && c != not2 ? c : NULL;
}

/* At most three keys whose hashes XOR to the difference and whose signs add up to the change of the count. */
static bool solve(struct look *k, struct tally *t)
{
    uint64_t want = k->before->keys ^ k->now->keys;
    const struct candidate *c;
    long long delta = k->delta;

    if (!want && !delta)
        return true;
    if ((delta == 1 || delta == -1) && (c = lookup(k, want, (int)delta, NULL, NULL))) {
        k->solution[k->n_solution++] = *c;
        return true;
    }
    for (size_t i = 0; (delta == 2 || delta == 0 || delta == -2) && i < k->n; i++)
        if ((c = lookup(k, want ^ k->all[i].hash, (int)delta - k->all[i].sign, &k->all[i], NULL))) {
            k->solution[k->n_solution++] = k->all[i];
            k->solution[k->n_solution++] = *c;
            return true;
        }
    if (delta < -3 || delta > 3 || delta % 2 == 0 || k->n > TRIPLE_CANDIDATES || t->triples++ >= TRIPLE_CHUNKS)
        return false;
    for (size_t i = 0; i < k->n; i++)
        for (size_t j = i + 1; j < k->n; j++)
            if ((c = lookup(k, want ^ k->all[i].hash ^ k->all[j].hash, (int)delta - k->all[i].sign - k->all[j].sign,
                            &k->all[i], &k->all[j]))) {
                k->solution[0] = k->all[i];
                k->solution[1] = k->all[j];
                k->solution[2] = *c;
                k->n_solution = 3;
                return true;
            }
    return false;
}

static const char *row_key(const struct look *k, int row)
{
    struct str s = str_new(k->d->cx->arena);
    size_t n = k->p->left->key.n;
    for (size_t i = 0; i < n; i++)
        str_addf(&s, "%s%s", i ? ", " : n > 1 ? "(" : "", pg_text(&k->rows, row, 3 + (int)i));
    str_add(&s, n > 1 ? ")" : "");
    return it_key_shown(k->d, s.s);
}

static bool is_solution(const struct look *k, int row)
{
    for (int i = 0; i < k->n_solution; i++)
        if (k->solution[i].row == row)
            return true;
    return false;
}

/* Which columns still differ once the rows that came are taken away? False when rows went too: their values are unknown. */
static bool residual(const struct look *k, struct str *columns)
{
    const struct it_pair *p = k->p;
    const struct it_chunks *l = &p->left->chunks, *r = &p->right_pass.chunks;

    for (int i = 0; i < k->n_solution; i++)
        if (k->solution[i].sign < 0)
            return false;
    for (size_t c = 0; c < p->columns.n; c++) {
        uint64_t before = l->digest[(size_t)(k->before - l->at) * l->columns + p->left_digest[c]];
        uint64_t now = r->digest[(size_t)(k->now - r->at) * r->columns + c];
        for (int i = 0; i < k->n_solution; i++)
            now ^= it_number_mod64(pg_text(&k->rows, k->solution[i].row, 3 + (int)(p->right_pass.keys.n + c)));
        if (before != now && !p->expected[c])
            str_addf(columns, "%s%s", columns->len ? ", " : "", p->columns.at[c]);
    }
    for (size_t half = 0; p->right_pass.strong && half < 2; half++) { /* the rows' SHA-256, in two words */
        size_t c = p->columns.n + half;
        uint64_t before = l->digest[(size_t)(k->before - l->at) * l->columns + p->left_digest[c]];
        uint64_t now = r->digest[(size_t)(k->now - r->at) * r->columns + c];
        for (int i = 0; i < k->n_solution; i++)
            now ^= it_number_mod64(pg_text(&k->rows, k->solution[i].row, 3 + (int)(p->right_pass.keys.n + c)));
        if (before != now && !columns->len)
            str_add(columns, "the row as a whole");
    }
    return true;
}

static void name_solution(struct look *k, struct tally *t)
{
    struct it_diff *d = k->d;
    for (int i = 0; i < k->n_solution; i++) {
        const struct candidate *c = &k->solution[i];
        const char *key =
            c->sign > 0 ? row_key(k, c->row) : it_key_shown(d, arena_printf(d->cx->arena, "%lld", c->key));
        if (c->sign > 0 && (k->p->live & LIVE_INSERTS)) {
            k->p->line.inserted++;
        } else if (c->sign < 0 && (k->p->live & LIVE_DELETES)) {
            k->p->line.deleted++;
        } else {
            *(c->sign > 0 ? &t->extra : &t->missing) += 1;
            if (c->sign > 0)
                t->extra_at = t->extra_at ? t->extra_at : key;
            else
                t->missing_at = t->missing_at ? t->missing_at : key;
            it_row(d, k->p, c->sign > 0 ? "extra" : "missing", key, "", NULL, NULL);
        }
    }
}

/* Could declared writes alone have made the chunk what it is now? Not if no key came or went: columns declared live are not compared, so the
 * others differ for another reason. Nor if rows came (went) of a table for which only deletes (inserts) are declared. */
static bool declared_writes_may_explain(const struct look *k)
{
    unsigned live = k->p->live;
    if (!k->delta && k->before->keys == k->now->keys)
        return false;
    return k->delta > 0   ? live & LIVE_INSERTS
           : k->delta < 0 ? live & LIVE_DELETES
                          : (live & LIVE_INSERTS) && (live & LIVE_DELETES);
}

static void open_chunk(struct look *k, struct tally *t, const char *columns, bool certain)
{
    struct arena *a = k->d->cx->arena;
    const char *where = it_chunk_text(a, &k->p->left->geometry, &k->p->left->key, k->id, k->d->o->hash_keys);
    const char *text = arena_printf(a, "%s (%lld rows before, %lld now)%s%s", where, (long long)k->before->rows,
                                    (long long)k->now->rows, *columns ? ", in " : "", columns);
    const char **at = certain ? &t->open_at : &t->undecided_at;

    *(certain ? &t->open_chunks : &t->undecided) += 1;
    *at = *at ? *at : text;
    t->uncertain++;
    it_row(k->d, k->p, certain ? "somewhere in" : "perhaps in", where, columns, NULL, NULL);
}

/* Nothing but the digests is known: the keys that came or went could not be found. */
static void unsolved(struct look *k, struct tally *t, const char *columns)
{
    bool bag = k->p->left->geometry.kind == KEY_NONE && k->p->any_expected,
         certain = !bag && !declared_writes_may_explain(k);

    open_chunk(k, t, columns, certain);
    if (!certain)
        k->p->rows_open += (long long)k->now->rows;
    if (k->delta > 0)
        *(certain ? &t->extra : &k->p->line.inserted) += k->delta;
    else
        *(certain ? &t->missing : &k->p->line.deleted) -= k->delta;
}

/* Rows whose values changed: those written since, if the server can tell. */
static void name_changed(struct look *k, struct tally *t, const char *columns)
{
    struct it_diff *d = k->d;
    int suspects = 0;

    for (int i = 0; same_lineage(d) && i < k->rows.n; i++)
        suspects += pg_bool(&k->rows, i, 2) && !is_solution(k, i);
    if (!suspects || suspects > LIST_SUSPECTS) {
        t->changed++;
        open_chunk(k, t, columns, true);
        return;
    }
    bool certain = suspects == 1 && same_database(d);
    const char *kind = suspects > 1 ? "changed (one or more)" : certain ? "changed" : "changed (likely)";
    t->changed++;
    t->uncertain += !certain;
    for (int i = 0; i < k->rows.n; i++) {
        if (!pg_bool(&k->rows, i, 2) || is_solution(k, i))
            continue;
        const char *key = row_key(k, i);
        if (!t->changed_at)
            t->changed_at = arena_printf(
                d->cx->arena, "%s, in %s%s", key, columns,
                suspects > 1 ? arena_printf(d->cx->arena, " (one or more of %d rows written since)", suspects)
                : certain    ? ""
                             : " (the only row written since)");
        it_row(d, k->p, kind, key, columns, NULL, NULL);
    }
}

static const char *differing_columns(struct look *k)
{
    struct it_pair *p = k->p;
    struct str s = str_new(k->d->cx->arena);
    uint8_t *marks = arena_array(k->d->cx->arena, p->columns.n + 1, 1);

    it_chunk_equal(p, &p->left->chunks, k->before, p->left_digest, &p->right_pass.chunks, k->now, marks);
    for (size_t c = 0; c < p->columns.n; c++)
        if (marks[c] && !p->expected[c])
            str_addf(&s, "%s%s", s.len ? ", " : "", p->columns.at[c]);
    return s.s;
}

/* A chunk that both sides have. */
static bool look_into(struct look *k, struct tally *t)
{
    struct arena *a = k->d->cx->arena;
    size_t room = ROWS_AT_ONCE + SPAN_AT_ONCE;
    bool possible = k->now->rows <= ROWS_AT_ONCE && !k->p->left->geometry.sums;

    if (!possible) {
        unsolved(k, t, differing_columns(k));
        return true;
    }
    if (!fetch_rows(k))
        return false;
    k->all = arena_array(&k->scratch, room, sizeof *k->all);
    for (int i = 0; i < k->rows.n; i++)
        k->all[k->n++] = (struct candidate){.hash = it_number_mod64(pg_text(&k->rows, i, 1)), .sign = 1, .row = i};
    if (!add_absent(k, room))
        return false;
    qsort(k->all, k->n, sizeof *k->all, by_hash);
    if (!solve(k, t)) {
        unsolved(k, t, differing_columns(k));
        return true;
    }
    name_solution(k, t);
    struct str columns = str_new(a);
    if (residual(k, &columns)) {
        if (columns.len)
            name_changed(k, t, columns.s);
        return true;
    }
    int suspects = 0;
    for (int i = 0; i < k->rows.n; i++)
        suspects += pg_bool(&k->rows, i, 2) && !is_solution(k, i);
    if (suspects ||
        !same_database(k->d)) { /* with rows gone, their part of the digests is unknown: were the others changed? */
        t->uncertain++;
        k->d->report->unproven = true;
        it_uncovered(k->d->cx, k->d->report,
                     "%s: %s: rows are gone from there, so the values of the other rows cannot be judged",
                     k->p->left->object,
                     it_chunk_text(a, &k->p->left->geometry, &k->p->left->key, k->id, k->d->o->hash_keys));
    }
    return true;
}

static void findings(struct it_diff *d, struct it_pair *p, const struct tally *t)
{
    struct arena *a = d->cx->arena;
    const char *object = p->left->object, *key = it_join(a, &p->left->key, ", ");
    const char *at_least = t->uncertain ? "at least " : "";

    if (t->extra && t->extra_at)
        it_finding(d->cx, d->report, INTEGRITY_ERROR, "rows-extra", object, "%s%s of %s new, first: %s %s", at_least,
                   text_plural(a, t->extra, "row"), arena_printf(a, "%s %s", object, t->extra == 1 ? "is" : "are"), key,
                   t->extra_at);
    if (t->missing && t->missing_at)
        it_finding(d->cx, d->report, INTEGRITY_ERROR, "rows-missing", object, "%s%s of %s %s missing, first: %s %s",
                   at_least, text_plural(a, t->missing, "row"), object, t->missing == 1 ? "is" : "are", key,
                   t->missing_at);
    if (t->changed && t->changed_at)
        it_finding(d->cx, d->report, INTEGRITY_ERROR, "rows-changed", object, "%s%s of %s %s changed, first: %s %s",
                   at_least, text_plural(a, t->changed, "row"), object, t->changed == 1 ? "is" : "are", key,
                   t->changed_at);
    if (t->open_chunks)
        it_finding(d->cx, d->report, INTEGRITY_ERROR, "range-differs", object, "%s of %s %s, first: %s",
                   text_plural(a, t->open_chunks, "key range"), object, t->open_chunks == 1 ? "differs" : "differ",
                   t->open_at)
            ->hint = d->right.pool
                         ? "a certificate holds no rows: give the source as 'source_db_url' too, and the rows are named"
                         : "digests name no rows: compare with the databases at hand, and the rows are named";
    if (t->undecided) {
        d->report->unproven = true;
        it_finding(
            d->cx, d->report, INTEGRITY_WARNING, "range-uncovered", object,
            "%s of %s %s, as declared writes or changes can explain; what else changed there cannot be told, first: %s",
            text_plural(a, t->undecided, "key range"), object, t->undecided == 1 ? "differs" : "differ",
            t->undecided_at)
            ->hint =
            "compare with a copy from the certificate's moment as 'source_db_url', or take the certificate when fewer rows come and go";
    }
    if (t->open_chunks + t->undecided)
        it_uncovered(d->cx, d->report,
                     "%s: rows of %lld differing key ranges could not be named from the certificate alone", object,
                     t->open_chunks + t->undecided);
    p->line.extra += t->extra;
    p->line.missing += t->missing;
    p->line.changed += t->changed;
    p->not_shown = t->open_chunks;
    p->undecided = t->undecided;
    d->report->at_least = d->report->at_least || t->uncertain;
}

/* Where rows may be inserted: are all rows of the certificate still there, as they were? Those that its snapshot shows are digested once more, by
 * themselves. Chunks in which they equal the certificate's need no further question, however many rows came. */
static bool subtract_inserts(struct it_diff *d, struct it_pair *p)
{
    struct it_pass old = p->right_pass;
    const struct it_chunks *l = &p->left->chunks, *now = &p->right_pass.chunks;
    size_t kept = 0, all = p->n_unequal;
    long long came = 0;

    if (!(p->live & LIVE_INSERTS) || !same_lineage(d))
        return true;
    old.only = p->unequal;
    old.n_only = all;
    old.xids = NULL;
    old.as_of = d->left.snapshot;
    it_pass_queue(&old, d->o->slice_bytes);
    if (!pg_pool_run(d->cx, d->right.pool))
        return false;
    for (size_t i = 0; i < all && !p->right->skip; i++) {
        const struct it_chunk *a = it_chunks_find(l, p->unequal[i]), *b = it_chunks_find(now, p->unequal[i]);
        if (it_chunk_equal(p, l, a, p->left_digest, &old.chunks, it_chunks_find(&old.chunks, p->unequal[i]), NULL))
            came += (long long)(b ? b->rows : 0) - (long long)(a ? a->rows : 0);
        else
            p->unequal[kept++] = p->unequal[i];
    }
    p->n_unequal = kept;
    p->line.inserted += came;
    if (kept < all)
        it_proof(
            d->cx, d->report,
            "%s: in %zu differing chunks all of the certificate's rows are still there as they were, beside %lld new ones",
            p->left->object, all - kept, came);
    return true;
}

bool it_evidence(struct it_diff *d, struct it_pair *p)
{
    struct it_recovered known = {.n = 0};

    if (p->live & LIVE_ALL)
        return true;
    if (d->right.pool && (!subtract_inserts(d, p) || !it_recover(d, p, &known)))
        return false;
    if (p->right->skip)
        return true;
    struct tally t = {.extra = known.extra,
                      .missing = known.missing,
                      .changed = known.changed,
                      .extra_at = known.extra_at,
                      .missing_at = known.missing_at,
                      .changed_at = known.changed_at,
                      .uncertain = known.uncertain};
    for (size_t i = 0, looked = 0; i < p->n_unequal; i++) {
        struct look k = {.d = d, .p = p, .id = p->unequal[i]};
        const char *where = it_chunk_text(d->cx->arena, &p->left->geometry, &p->left->key, k.id, d->o->hash_keys);
        k.before = it_chunks_find(&p->left->chunks, k.id);
        k.now = it_chunks_find(&p->right_pass.chunks, k.id);
        k.delta = (long long)(k.now ? k.now->rows : 0) - (long long)(k.before ? k.before->rows : 0);
        const struct it_recovered_chunk *named = it_recovered_find(&known, k.id);
        if (named && named->explained)
            continue;
        if (!k.before || !k.now) { /* all of it came, or went */
            bool tolerated = p->live & (k.now ? LIVE_INSERTS : LIVE_DELETES);
            long long rows = k.now ? k.delta : -k.delta;
            *(tolerated ? (k.now ? &p->line.inserted : &p->line.deleted) : k.now ? &t.extra : &t.missing) += rows;
            if (!tolerated) {
                const char *text = arena_printf(d->cx->arena, "all of %s", where);
                const char **at = k.now ? &t.extra_at : &t.missing_at;
                *at = *at ? *at : text;
                it_row(d, p, k.now ? "extra" : "missing", arena_printf(d->cx->arena, "%s (%lld rows)", text, rows), "",
                       NULL, NULL);
            }
            continue;
        }
        if (named) { /* other rows of it came or went as well */
            k.delta -= named->delta;
            unsolved(&k, &t, differing_columns(&k));
            continue;
        }
        if (p->left->geometry.kind == KEY_NONE || !d->right.pool || looked++ >= CHUNKS_LOOKED_INTO) {
            unsolved(&k, &t, p->left->geometry.kind == KEY_NONE ? "" : differing_columns(&k));
            continue;
        }
        bool ok = look_into(&k, &t);
        pg_rows_free(&k.rows);
        arena_free(&k.scratch);
        if (!ok)
            return false;
    }
    findings(d, p, &t);
    return true;
}
