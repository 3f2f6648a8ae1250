/* drill.c - naming the rows of unequal chunks, from two live sides.
 *
 * Both sides send, in the order of the seed, the keys and the hashes of the columns that differ somewhere; a merge of the two streams over the union
 * of all unequal chunks finds what is only on one side and what differs. Cursors are read in small batches, both servers at work at once, so
 * that memory does not grow with the number of differences. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "dbstep/hash.h"
#include "dbstep/log.h"
#include "watch.h"

struct stream {
    struct pg *pg;
    struct it_side *from;
    struct pg_rows rows;
    int at;
    bool sent, ended;
};

struct merge {
    struct it_diff *d;
    struct it_pair *p;
    struct it_pass *pass[2]; /* left, right */
    struct stream side[2];
    size_t keys, columns;
    size_t *column_at; /* which of the pair's columns each hash is of */
    const char *code_example[3];
    long long count[3], declared; /* differences; and those that are declared live */
    bool same_key_types, strong;
    int marked; /* in which field a row says that it is declared to change; 0: in none */
};
enum { CHANGED, MISSING, EXTRA };
static const char *const kind_names[] = {"changed", "missing", "extra"};

const char *it_key_shown(struct it_diff *d, const char *key)
{
    char hex[HASH_HEX_MAX];
    if (!d->o->hash_keys)
        return key;
    hash_hex(HASH_SHA256, key, strlen(key), hex);
    return arena_printf(d->cx->arena, "#%.16s", hex);
}

void it_row(struct it_diff *d, struct it_pair *p, const char *kind, const char *key, const char *columns,
            const char *before, const char *after)
{
    if (d->named++ >= d->o->max_rows)
        return;
    *VEC_PUSH(d->cx->arena, &d->report->rows) = (struct integrity_row){
        .object = p->left->object, .kind = kind, .key = key, .columns = columns, .before = before, .after = after};
}

/* ---- the cursors ---- */

static const char *drill_sql(const struct merge *m, const struct it_pass *p)
{
    struct str sql = str_new(p->cx->arena);

    str_add(&sql, "DECLARE dbstep_drill NO SCROLL CURSOR FOR SELECT q.s");
    if (p->geometry->kind == KEY_NONE) {
        str_add(&sql, ", count(*)");
    } else {
        for (size_t k = 0; k < p->keys.n; k++)
            str_addf(&sql, ", q.k%zu::text", k + 1);
        for (size_t c = 0; c < m->columns; c++) {
            str_add(&sql, ", ");
            it_pass_hash(&sql, p, m->column_at[c]);
        }
        if (m->strong)
            str_add(&sql, ", q.w");
        if (m->marked)
            str_add(&sql, ", q.m");
    }
    it_pass_from(&sql, p, NULL, "");
    if (p->geometry->kind == KEY_NONE)
        str_add(&sql, " GROUP BY q.s");
    str_add(&sql, " ORDER BY q.s");
    for (size_t k = 0; k < p->keys.n && p->geometry->kind == KEY_HASH; k++) /* in the order of the bytes that come */
        str_addf(&sql, p->keys.at[k].portable ? ", convert_to(q.k%zu::text, 'UTF8')" : ", q.k%zu::text COLLATE \"C\"",
                 k + 1);
    return sql.s;
}

static bool ask(struct ctx *cx, struct stream *s)
{
    if (s->sent || s->ended || s->at < s->rows.n)
        return true;
    pg_rows_free(&s->rows);
    s->sent = true;
    return pg_send(cx, s->pg, "FETCH FORWARD 2000 FROM dbstep_drill");
}

static bool receive(struct ctx *cx, struct stream *s)
{
    bool copy, more;
    if (!s->sent)
        return true;
    s->sent = false;
    s->at = 0;
    if (!pg_next_result(cx, s->pg, &s->rows, &copy, &more))
        return false;
    s->ended = s->rows.n == 0;
    unsigned long long n = (unsigned long long)s->rows.n;
    for (struct pg_rows end; more; pg_rows_free(&end))
        if (!pg_next_result(cx, s->pg, &end, &copy, &more))
            return false;
    return it_watch_read(cx, s->from, n);
}

static int compare_keys(const struct merge *m, int row_l, int row_r)
{
    const struct pg_rows *l = &m->side[0].rows, *r = &m->side[1].rows;
    long long a = pg_int(l, row_l, 0), b = pg_int(r, row_r, 0);

    if (a != b)
        return a < b ? -1 : 1;
    /* Two keys with one hash are told apart by their text, unless a type has changed and with it the text of equal keys. */
    for (size_t k = 1; k <= m->keys && m->pass[0]->geometry->kind == KEY_HASH && m->same_key_types; k++) {
        int order = strcmp(pg_text(l, row_l, (int)k), pg_text(r, row_r, (int)k));
        if (order)
            return order;
    }
    return 0;
}

/* ---- one difference ---- */

static const char *key_text(const struct merge *m, const struct pg_rows *rows, int row)
{
    struct str s = str_new(m->d->cx->arena);

    if (m->pass[0]->geometry->kind == KEY_NONE) {
        str_addf(&s, "row hash %016llx", (unsigned long long)pg_int(rows, row, 0));
        return s.s;
    }
    str_add(&s, m->keys > 1 ? "(" : "");
    for (size_t k = 1; k <= m->keys; k++)
        str_addf(&s, "%s%s", k > 1 ? ", " : "", pg_text(rows, row, (int)k));
    str_add(&s, m->keys > 1 ? ")" : "");
    return it_key_shown(m->d, s.s);
}

/* Is the row, on either side, among those that are declared to change? */
static bool declared_row(struct merge *m, int l, int r)
{
    bool declared = m->marked && ((l >= 0 && pg_bool(&m->side[0].rows, l, m->marked)) ||
                                  (r >= 0 && pg_bool(&m->side[1].rows, r, m->marked)));
    m->declared += declared;
    return declared;
}

static bool found(struct merge *m, int kind, int row_l, int row_r, const uint8_t *which, long long times)
{
    struct it_diff *d = m->d;
    struct it_pair *p = m->p;
    const struct pg_rows *rows = kind == EXTRA ? &m->side[1].rows : &m->side[0].rows;
    int row = kind == EXTRA ? row_r : row_l;
    static const unsigned bits[] = {INTEGRITY_CELL_CHANGED, INTEGRITY_CELL_MISSING, INTEGRITY_CELL_EXTRA};

    if (declared_row(m, row_l, row_r))
        return true;
    if (!it_recheck_row(p, kind == EXTRA ? NULL : &m->side[0].rows, row_l, kind == MISSING ? NULL : &m->side[1].rows,
                        row_r, bits[kind]))
        return true;
    if (kind == EXTRA && (p->live & (LIVE_INSERTS | LIVE_ALL))) {
        p->line.inserted += times;
        m->declared += times;
        return true;
    }
    if (kind == MISSING && (p->live & (LIVE_DELETES | LIVE_ALL))) {
        p->line.deleted += times;
        m->declared += times;
        return true;
    }
    if (p->live & LIVE_ALL)
        return true;
    m->count[kind] += times;
    if (m->code_example[kind] && d->named >= d->o->max_rows)
        return true;

    struct str columns = str_new(d->cx->arena);
    for (size_t c = 0; which && c < p->columns.n; c++)
        if (which[c])
            str_addf(&columns, "%s%s", columns.len ? ", " : "", p->columns.at[c]);
    const char *key = key_text(m, rows, row), *before = NULL, *after = NULL;
    if (times > 1)
        key = arena_printf(d->cx->arena, "%s (%lld times)", key, times);
    if (!m->code_example[kind])
        m->code_example[kind] = columns.len ? arena_printf(d->cx->arena, "%s, in %s", key, columns.s) : key;
    if (d->o->show_values && d->named < d->o->max_rows && m->keys) {
        const struct it_place place[2] = {{m->pass[0], kind != EXTRA ? &m->side[0].rows : NULL, row_l},
                                          {m->pass[1], kind != MISSING ? &m->side[1].rows : NULL, row_r}};
        const char *shown[2] = {NULL, NULL};
        if (!it_values(d->cx, place, which, shown))
            return false;
        before = shown[0];
        after = shown[1];
    }
    it_row(d, p, kind_names[kind], key, columns.s, before, after);
    return true;
}

/* The same key on both sides: which columns differ? */
static bool both(struct merge *m, int l, int r, uint8_t *which)
{
    const struct pg_rows *a = &m->side[0].rows, *b = &m->side[1].rows;
    bool any = false;

    if (m->pass[0]->geometry->kind == KEY_NONE) {
        long long n = pg_int(b, r, 1) - pg_int(a, l, 1);
        return n == 0 || found(m, n < 0 ? MISSING : EXTRA, l, r, NULL, n < 0 ? -n : n);
    }
    memset(which, 0, m->p->columns.n);
    for (size_t c = 0; c < m->columns; c++) {
        int at = (int)(1 + m->keys + c);
        bool same = pg_null(a, l, at) == pg_null(b, r, at) && strcmp(pg_text(a, l, at), pg_text(b, r, at)) == 0;
        which[m->column_at[c]] = !same;
        any = any || !same;
    }
    int whole = (int)(1 + m->keys + m->columns);
    any = any || (m->strong && strcmp(pg_text(a, l, whole), pg_text(b, r, whole)) != 0);
    return !any || found(m, CHANGED, l, r, which, 1);
}

static bool merge_streams(struct merge *m)
{
    struct ctx *cx = m->d->cx;
    struct stream *l = &m->side[0], *r = &m->side[1];
    uint8_t *which = arena_array(cx->arena, m->p->columns.n + 1, 1);

    for (;;) {
        if (!ask(cx, l) || !ask(cx, r) || !receive(cx, l) || !receive(cx, r))
            return false;
        if (l->ended && r->ended)
            return true;
        while ((l->ended || l->at < l->rows.n) && (r->ended || r->at < r->rows.n) && !(l->ended && r->ended)) {
            int order = l->ended ? 1 : r->ended ? -1 : compare_keys(m, l->at, r->at);
            struct arena_mark mark = arena_mark(cx->arena);
            size_t named = m->d->report->rows.n;
            bool example[3] = {m->code_example[0] != NULL, m->code_example[1] != NULL, m->code_example[2] != NULL};
            bool ok = order == 0  ? both(m, l->at, r->at, which)
                      : order < 0 ? found(m, MISSING, l->at, -1, NULL, m->keys ? 1 : pg_int(&l->rows, l->at, 1))
                                  : found(m, EXTRA, -1, r->at, NULL, m->keys ? 1 : pg_int(&r->rows, r->at, 1));
            if (!ok)
                return false;
            if (named == m->d->report->rows.n && example[0] == (m->code_example[0] != NULL) &&
                example[1] == (m->code_example[1] != NULL) && example[2] == (m->code_example[2] != NULL))
                arena_reset(cx->arena, mark); /* nothing was kept of it: a million differences must not cost memory */
            l->at += order <= 0;
            r->at += order >= 0;
        }
    }
}

/* ---- the whole ---- */

/* Too many rows to read again: some chunks, evenly spread. */
static void sample(struct it_diff *d, struct it_pair *p, struct it_pass *left)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < left->n_only; i++) {
        const struct it_chunk *c = it_chunks_find(&p->right_pass.chunks, left->only[i]);
        rows += c ? c->rows : 0;
        c = it_chunks_find(d->left.live ? &p->left_pass.chunks : &p->left->chunks, left->only[i]);
        rows += c ? c->rows : 0;
    }
    if (rows / 2 <= (uint64_t)d->o->max_drill_rows)
        return;
    size_t keep = (size_t)((double)left->n_only * (double)d->o->max_drill_rows / ((double)rows / 2)) + 1, n = 0;
    int64_t *some = arena_array(d->cx->arena, keep, sizeof *some);
    for (; n < keep && n * left->n_only / keep < left->n_only; n++)
        some[n] = left->only[n * left->n_only / keep];
    d->report->at_least = true;
    d->report->unproven = d->report->unproven || !(p->live & LIVE_ALL);
    p->line.note = arena_printf(d->cx->arena, "%zu of %zu unequal chunks looked into", n, left->n_only);
    it_uncovered(
        d->cx, d->report,
        "%s: %zu of %zu chunks differ, %zu of them were read row by row ('max_drill_rows' is %lld); counts are lower bounds",
        p->left->object, p->n_unequal, (size_t)p->line.chunks, n, d->o->max_drill_rows);
    left->only = some;
    left->n_only = n;
}

/* For progress: how many rows the two streams will have. */
static void expect(struct it_diff *d, struct it_pair *p, struct it_pass *left)
{
    const struct it_chunks *l = d->left.live ? &p->left_pass.chunks : &p->left->chunks;

    for (size_t i = 0; i < left->n_only; i++) {
        const struct it_chunk *a = it_chunks_find(l, left->only[i]),
                              *b = it_chunks_find(&p->right_pass.chunks, left->only[i]);
        it_watch_expect(left->side, a ? a->rows : 0);
        it_watch_expect(&d->right, b ? b->rows : 0);
    }
}

/* A certificate's chunks hold rows that are declared to change and were left out when they were read again. */
static bool left_out(const struct merge *m)
{
    return m->p->without && !m->marked && !m->d->left.live;
}

static void report(struct merge *m)
{
    static const char *const codes[] = {"rows-changed", "rows-missing", "rows-extra"};
    static const char *const texts[] = {"changed", "missing", "extra"};
    struct it_diff *d = m->d;
    const char *at_least = d->report->at_least ? "at least " : "", *twice = "";

    if (m->p->look == LOOK_FIRST)
        return;
    if (m->p->look == LOOK_SECOND)
        twice =
            arena_printf(d->cx->arena, "; looked at twice, %s apart", text_duration(d->cx->arena, d->o->recheck_ms));
    for (int k = 0; k < 3; k++) {
        if (!m->count[k])
            continue;
        it_finding(d->cx, d->report, INTEGRITY_ERROR, codes[k], m->p->left->object, "%s%s of %s %s %s, first: %s%s%s%s",
                   at_least, text_plural(d->cx->arena, m->count[k], "row"), m->p->left->object,
                   m->count[k] == 1 ? "is" : "are", texts[k],
                   m->p->left->key.n ? it_join(d->cx->arena, &m->p->left->key, ", ") : "", m->p->left->key.n ? " " : "",
                   m->code_example[k], twice);
    }
    if (!m->count[CHANGED] && !m->count[MISSING] && !m->count[EXTRA] && !m->declared && !(m->p->live & LIVE_ALL) &&
        m->p->look == LOOK_ONLY && !left_out(m)) {
        it_finding(
            d->cx, d->report, INTEGRITY_ERROR, "chunks-differ", m->p->left->object,
            "the digests of %zu chunks of %s differ, and no difference was found when %zu of them were read row by row",
            m->p->n_unequal, m->p->left->object, m->pass[0]->n_only);
        m->p->not_shown += (long long)m->p->n_unequal;
    }
    m->p->line.changed += m->count[CHANGED];
    m->p->line.missing += m->count[MISSING];
    m->p->line.extra += m->count[EXTRA];
}

/* The unequal chunks, those with the same keys on both sides first. Returns how many these are; their columns that differ are marked. */
static size_t same_keys_first(const struct merge *m, int64_t *ids, size_t n, uint8_t *differs)
{
    struct it_pair *p = m->p;
    const struct it_chunks *l = m->d->left.live ? &p->left_pass.chunks : &p->left->chunks, *r = &p->right_pass.chunks;
    int64_t *rest = arena_array(m->d->cx->arena, n + 1, sizeof *rest);
    size_t same = 0, others = 0;

    for (size_t i = 0; i < n; i++) {
        const struct it_chunk *a = it_chunks_find(l, ids[i]), *b = it_chunks_find(r, ids[i]);
        if (a && b && m->keys && a->rows == b->rows && a->keys == b->keys) {
            it_chunk_equal(p, l, a, p->left_digest, r, b, differs);
            ids[same++] = ids[i];
        } else {
            rest[others++] = ids[i];
        }
    }
    memcpy(ids + same, rest, others * sizeof *ids);
    return same;
}

/* Chunks of the two streams from here on; the columns that are marked are told apart. */
static bool drill_chunks(struct merge *m, int part, const int64_t *ids, size_t n, const uint8_t *differs)
{
    struct ctx *cx = m->d->cx;
    bool ok = true;

    if (!n)
        return true;
    m->p->part = part;
    m->columns = 0;
    for (size_t c = 0; c < m->p->columns.n; c++)
        if (differs[c] && !m->p->expected[c])
            m->column_at[m->columns++] = c;
    m->marked = m->pass[0]->mark ? (int)(1 + m->keys + m->columns + m->strong) : 0;
    for (int s = 0; ok && s < 2; s++) {
        m->pass[s]->only = ids;
        m->pass[s]->n_only = n;
        m->side[s] = (struct stream){.from = m->pass[s]->side, .pg = pg_pool_first(m->pass[s]->side->pool)};
        ok = pg_exec(cx, m->side[s].pg, drill_sql(m, m->pass[s]));
    }
    ok = ok && merge_streams(m);
    for (int s = 0; s < 2; s++) {
        pg_rows_free(&m->side[s].rows);
        ok = ok && pg_exec(cx, m->side[s].pg, "CLOSE dbstep_drill");
    }
    return ok;
}

static bool by_index_only(struct merge *m, bool on)
{
    static const char *const sql[] = {
        "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on",
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"};

    return pg_exec(m->d->cx, pg_pool_first(m->pass[0]->side->pool), sql[on]) &&
           pg_exec(m->d->cx, pg_pool_first(m->pass[1]->side->pool), sql[on]);
}

bool it_drill(struct it_diff *d, struct it_pair *p, struct it_pass *left)
{
    struct ctx *cx = d->cx;
    struct merge m = {.d = d, .p = p, .pass = {left, &p->right_pass}, .keys = p->left->key.n};
    uint8_t *differs = arena_array(cx->arena, p->columns.n + 1, 1);

    m.column_at = arena_array(cx->arena, p->columns.n + 1, sizeof *m.column_at);
    sample(d, p, left);
    expect(d, p, left);
    const char *xids = p->right_pass.xids, *without = p->right_pass.without;
    p->right_pass.xids = NULL;
    m.strong = left->strong && p->right_pass.strong;
    left->without = p->right_pass.without = p->without;
    left->mark = p->right_pass.mark = p->without && m.keys;
    m.same_key_types = true;
    for (size_t k = 0; k < m.keys; k++)
        m.same_key_types = m.same_key_types && text_equal(left->keys.at[k].type, p->right_pass.keys.at[k].type);
    log_info("%s: reading %zu unequal chunks row by row", p->left->object, left->n_only);
    /* Where no row came or went, only the columns that differ there need be hashed; elsewhere any may. */
    size_t n = left->n_only;
    const int64_t *all = left->only;
    int64_t *ids = arena_array(cx->arena, n + 1, sizeof *ids);
    memcpy(ids, all, n * sizeof *ids);
    size_t same = it_pass_restricted(left) ? same_keys_first(&m, ids, n, differs) : 0;
    bool ok = by_index_only(&m, true) && drill_chunks(&m, 0, ids, same, differs) &&
              drill_chunks(&m, 1, ids + same, n - same, p->differs) && by_index_only(&m, false);
    left->only = p->right_pass.only = all;
    left->n_only = p->right_pass.n_only = n;
    if (ok)
        report(&m); /* which speaks of all chunks, not of one part */
    p->right_pass.xids = xids;
    p->right_pass.without = without;
    p->right_pass.mark = false;
    if (!ok && !d->cx->err.hint[0])
        err_hint(cx, "while naming the differing rows of %s", p->left->object);
    return ok;
}
