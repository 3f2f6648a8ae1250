/* diff.c - comparing two ends: pair, pass on both at once, compare the chunks, name what differs; see integrity.h. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "dbstep/log.h"
#include "sql.h"
#include "watch.h"

/* ---- comparing chunks ---- */

bool it_chunk_equal(const struct it_pair *p, const struct it_chunks *l, const struct it_chunk *a, const size_t *map,
                    const struct it_chunks *r, const struct it_chunk *b, uint8_t *columns)
{
    static const struct it_chunk empty = {.rows = 0};
    bool equal = true;
    size_t n = r->columns;

    a = a ? a : &empty;
    b = b ? b : &empty;
    if (a->rows != b->rows || a->keys != b->keys)
        equal = false;
    for (size_t c = 0; c < n; c++) {
        size_t li = a == &empty ? 0 : (size_t)(a - l->at) * l->columns + (map ? map[c] : c);
        size_t ri = b == &empty ? 0 : (size_t)(b - r->at) * r->columns + c;
        uint8_t absent_l = a == &empty || l->absent[li], absent_r = b == &empty || r->absent[ri];
        uint64_t dl = absent_l ? 0 : l->digest[li], dr = absent_r ? 0 : r->digest[ri];
        if (absent_l == absent_r && dl == dr)
            continue;
        bool expected = c < p->columns.n && p->expected[c];
        if (columns && c < p->columns.n)
            columns[c] = 1;
        equal = equal && expected;
    }
    return equal;
}

void it_compare_pair(struct it_diff *d, struct it_pair *p)
{
    const struct it_chunks *l = d->left.live ? &p->left_pass.chunks : &p->left->chunks, *r = &p->right_pass.chunks;
    VEC(int64_t) unequal = {.n = 0};
    uint64_t touched = 0;
    bool skip_above = (p->live & LIVE_INSERTS) && p->left->geometry.kind == KEY_RANGE;

    for (size_t i = 0; i < r->n; i++) {
        const struct it_chunk *b = &r->at[i], *a = it_chunks_find(l, b->id);
        touched += b->touched;
        if (!a && skip_above && b->id == IT_ABOVE) {
            p->line.inserted += (long long)b->rows;
            continue;
        }
        size_t before = unequal.n;
        if (!it_chunk_equal(p, l, a, p->left_digest, r, b, p->differs))
            *VEC_PUSH(d->cx->arena, &unequal) = b->id;
        if (unequal.n > before && (p->live & LIVE_ALL))
            p->rows_open += (long long)b->rows;
    }
    for (size_t i = 0; i < l->n; i++)
        if (!it_chunks_find(r, l->at[i].id) && l->at[i].rows) {
            memset(p->differs, 1, p->columns.n);
            *VEC_PUSH(d->cx->arena, &unequal) = l->at[i].id;
        }
    p->unequal = unequal.at;
    p->n_unequal = unequal.n;
    p->line.rows_left = (long long)it_chunks_rows(l);
    p->line.rows_right = (long long)it_chunks_rows(r);
    p->line.chunks = (long long)(l->n > r->n ? l->n : r->n);
    p->line.chunks_unequal = (long long)unequal.n;
    p->line.columns = (long long)(p->columns.n + p->left->key.n);
    it_strip_build(d, p);
    if (d->xids) {
        bool declared = it_declared_any(&d->declared, p->left);
        if (touched && !declared)
            it_finding(
                d->cx, d->report, INTEGRITY_ERROR, "deployment-touched-rows", p->left->object,
                "%s of %s %s written by the deployment's own transactions, and no change of that table is declared",
                text_plural(d->cx->arena, (long long)touched, "row"), p->left->object, touched == 1 ? "was" : "were");
        else
            it_proof(d->cx, d->report, "%s: %lld of %lld rows carry the deployment's transactions%s", p->left->object,
                     (long long)touched, p->line.rows_right, declared ? ", as its declared changes allow" : "");
    }
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* ---- the witness ---- */

bool it_witness(struct it_diff *d, struct it_pair *p, struct it_pass *pass)
{
    struct arena *a = d->cx->arena;
    struct it_table *t = it_table_find(&d->witness, p->left->schema, p->left->name);
    size_t kept = 0;

    if (!t || t->skip)
        return true;
    *pass = (struct it_pass){.cx = d->cx,
                             .side = &d->witness,
                             .table = t,
                             .geometry = &p->left->geometry,
                             .only = p->unequal,
                             .n_only = p->n_unequal};
    for (size_t k = 0; k < p->left_pass.keys.n; k++) {
        const struct it_column *c = it_column_find(t, p->left_pass.keys.at[k].name);
        if (!c || !text_equal(c->type, p->left_pass.keys.at[k].type))
            return true;
        *VEC_PUSH(a, &pass->keys) = p->left_pass.keys.at[k];
    }
    for (size_t k = 0; k < p->columns.n; k++) {
        const struct it_column *c = it_column_find(t, p->columns.at[k]);
        if (!c || !text_equal(c->type, it_column_find(p->left, c->name)->type))
            return true;
        *VEC_PUSH(a, &pass->columns) = p->left_pass.columns.at[k];
    }
    pass->strong = p->right_pass.strong;
    it_pass_queue(pass, d->o->slice_bytes);
    if (!pg_pool_run(d->cx, d->witness.pool))
        return false;
    if (t->skip)
        return true;
    int64_t *trusted = arena_array(a, p->n_unequal, sizeof *trusted),
            *rest = arena_array(a, p->n_unequal, sizeof *rest);
    size_t n_rest = 0;
    for (size_t i = 0; i < p->n_unequal; i++) {
        int64_t id = p->unequal[i];
        bool same = it_chunk_equal(p, &p->left->chunks, it_chunks_find(&p->left->chunks, id), p->left_digest,
                                   &pass->chunks, it_chunks_find(&pass->chunks, id), NULL);
        if (same)
            trusted[kept++] = id;
        else
            rest[n_rest++] = id;
    }
    pass->only = trusted;
    pass->n_only = kept;
    if (kept)
        it_proof(
            d->cx, d->report,
            "%s: in %zu of %zu differing chunks the source still shows the certificate's rows (its digests, recomputed, equal the certificate's), "
            "so its rows were used to name the differences",
            p->left->object, kept, p->n_unequal);
    if (n_rest)
        it_uncovered(d->cx, d->report,
                     "%s: %zu differing chunks have changed in the source too, so it cannot tell what was in them",
                     p->left->object, n_rest);
    p->unequal = rest;
    p->n_unequal = n_rest;
    return true;
}

/* Rows are declared to change, and a certificate cannot tell which of its chunks held them. */
void it_rows_unprovable(struct it_diff *d, struct it_pair *p)
{
    for (size_t i = 0; i < p->n_unequal; i++) {
        const struct it_chunk *c = it_chunks_find(&p->right_pass.chunks, p->unequal[i]);
        p->rows_open += c ? (long long)c->rows : 0;
    }
    for (size_t i = 0; i < d->declared.changes.n; i++) /* it may have: nobody can tell */
        if (d->declared.changes.at[i].kind == CHANGE_ROWS && it_change_names(&d->declared.changes.at[i], p->left, NULL))
            d->declared.changes.at[i].happened = true;
    p->undecided += (long long)p->n_unequal;
    d->report->unproven = true;
    it_finding(d->cx, d->report, INTEGRITY_WARNING, "rows-unproven", p->left->object,
               "%s of %s differ, and it cannot be told whether only rows that are declared to change do",
               text_plural(d->cx->arena, (long long)p->n_unequal, "chunk"), p->left->object)
        ->hint = "compare with the live database ('source_db_url'), with or without the certificate";
}

static bool name_differences(struct it_diff *d, struct it_pair *p)
{
    if (!p->n_unequal)
        return true;
    qsort(p->unequal, p->n_unequal, sizeof *p->unequal, by_id);
    if (d->left.live) {
        p->left_pass.only = p->unequal;
        p->left_pass.n_only = p->n_unequal;
        return it_drill(d, p, &p->left_pass);
    }
    if ((p->live & LIVE_ALL) && !d->witness.pool)
        return true;
    if (d->witness.pool) {
        struct it_pass pass = {.n_only = 0};
        if (!it_witness(d, p, &pass) || (pass.n_only && !it_drill(d, p, &pass)))
            return false;
    }
    if (p->n_unequal && p->without) {
        it_rows_unprovable(d, p);
        return true;
    }
    return !p->n_unequal || it_evidence(d, p);
}

/* New snapshots come without the locks of the old ones: a table may be dropped or altered before its rows are read again. */
bool it_name_differences(struct it_diff *d, struct it_pair *p)
{
    if (name_differences(d, p))
        return true;
    struct err e = d->cx->err;
    if (!d->left.live ||
        (!text_equal(e.sqlstate, "42P01") && !text_equal(e.sqlstate, "42703") && !text_equal(e.sqlstate, "XX000")))
        return false;
    if (!it_table_failed(d->cx, p->right, &e))
        return false;
    err_clear(d->cx);
    return pg_pool_rewind(d->cx, d->left.pool) && pg_pool_rewind(d->cx, d->right.pool);
}

/* ---- the run ---- */

/* "{1,2}" of the low 32 bits, which is what xmin shows. */
static bool transactions(struct it_diff *d)
{
    enum { DIGITS = 20 };
    const struct str_list *list = d->o->deployed_transactions;
    struct str s = str_new(d->cx->arena);

    if (!list || !list->n)
        return true;
    for (size_t i = 0; i < list->n; i++) {
        size_t digits = strspn(list->at[i], "0123456789");
        unsigned long long id = digits <= DIGITS ? strtoull(list->at[i], NULL, 10) : 0;
        if (list->at[i][digits] || id < 3 || id > INT64_MAX) /* below 3: the server's own */
            return fail(d->cx, E_INPUT,
                        "input 'deployed_transactions' has an item that is not a transaction id: \"%.60s\"",
                        list->at[i]);
        str_addf(&s, "%s%llu", i ? "," : "{", id & 0xFFFFFFFFu);
    }
    str_addc(&s, '}');
    d->xids = s.s;
    return true;
}

/* A transaction that the snapshot does not show is still running, or another server's: nothing can be told of it. */
static bool transactions_visible(struct it_diff *d)
{
    const struct str_list *list = d->o->deployed_transactions;
    PG_ROWS_AUTO rows = {.n = 0};

    if (!d->xids)
        return true;
    const char *const params[] = {arena_printf(d->cx->arena, "{%s}", it_join(d->cx->arena, list, ","))};
    if (!pg_query(d->cx, pg_pool_first(d->right.pool), &rows, sql_integrity_unseen, 1, params))
        return false;
    for (int i = 0; i < rows.n; i++) {
        d->report->unproven = true;
        it_finding(d->cx, d->report, INTEGRITY_WARNING, "transaction-unknown", NULL,
                   "transaction %s of 'deployed_transactions' is not finished, or not of this server",
                   pg_text(&rows, i, 0))
            ->hint = "give the ids that schema-deploy printed for this database";
    }
    it_uncovered(
        d->cx, d->report,
        "rows that the deployment wrote in a savepoint or a block with EXCEPTION, or that the application has written since, carry other "
        "transaction ids: they are not among those counted as the deployment's");
    return true;
}

/* One database cannot prove anything about itself. */
static bool two_databases(struct it_diff *d)
{
    const struct it_side *l = &d->left, *r = &d->right;

    if (!l->live || !text_equal(l->started_at, r->started_at) || !text_equal(l->id.database_oid, r->id.database_oid) ||
        !text_equal(l->id.system_identifier, r->id.system_identifier))
        return true;
    fail(d->cx, E_INPUT, "source and database are one and the same: database %s", r->id.database);
    err_hint(d->cx, "compare with another database ('source_db_url'), or with a certificate from before ('baseline')");
    return false;
}

/* The aggregate is the certificate's; between two databases what both can do. */
static bool aggregate_possible(struct it_diff *d, struct integrity_options *o)
{
    const struct it_side *old = it_side_needs_sums(&d->right) ? &d->right : NULL;

    old = it_side_needs_sums(&d->left) ? &d->left : it_side_needs_sums(&d->witness) ? &d->witness : old;
    if (d->left.live)
        o->sums = o->sums || old;
    for (size_t i = 0; !d->left.live && old && i < d->left.tables.n; i++)
        if (!d->left.tables.at[i].skip && !d->left.tables.at[i].geometry.sums) {
            fail(d->cx, E_INCONCLUSIVE,
                 "the certificate's digests are joined by XOR, and the %s runs PostgreSQL %s, which cannot do that",
                 old->role, old->id.server_version);
            err_hint(d->cx, "take the certificate with aggregate=sum");
            return false;
        }
    return true;
}

bool it_sides_open(struct it_diff *d, const char *certificate, const struct pg_target *left,
                   const struct pg_target *right, struct integrity_options *o)
{
    if (certificate) {
        if (!it_certificate_read(d->cx, certificate, &d->left))
            return false;
        o->strictness = d->left.strictness;
        for (size_t i = 0; i < d->left.tables.n; i++) /* what a certificate has is compared */
            o->materialized_views = o->materialized_views || *d->left.tables.at[i].kind == 'm';
        for (size_t i = 0; i < d->left.tables.n && !o->sums; i++)
            o->sums = d->left.tables.at[i].key.n && d->left.tables.at[i].geometry.sums;
        d->report->root_digest = d->left.root;
    }
    if (left && !it_side_open(d->cx, certificate ? &d->witness : &d->left, left, "source", o))
        return false;
    return it_side_open(d->cx, &d->right, right, "database", o) && it_digest_choose(d) && aggregate_possible(d, o) &&
           two_databases(d) && transactions_visible(d);
}

static bool run_passes(struct it_diff *d)
{
    struct ctx *cx = d->cx;
    struct it_table **tables = arena_array(cx->arena, d->pairs.n + 1, sizeof *tables);
    struct pg_pool *pools[2] = {d->right.pool, d->left.pool};

    for (size_t i = 0; i < d->pairs.n; i++)
        tables[i] = d->pairs.at[i].left;
    if (d->left.live && !it_geometry_choose(cx, &d->left, d->o, tables, d->pairs.n, false))
        return false;
    struct it_pass **right = arena_array(cx->arena, d->pairs.n + 1, sizeof *right);
    size_t n_right = 0;
    for (size_t i = 0; i < d->pairs.n; i++) {
        struct it_pair *p = &d->pairs.at[i];
        it_pair_columns(d, p);
        p->left_pass.bounded = d->left.live && p->left->geometry.kind == KEY_RANGE; /* the bounds are its own */
        if (p->comparable && !p->left->skip)
            right[n_right++] = &p->right_pass;
    }
    if (!it_geometry_fit(cx, &d->right, right, n_right, d->left.live))
        return false;
    for (size_t i = 0; i < d->pairs.n; i++) {
        struct it_pair *p = &d->pairs.at[i];
        if (!p->comparable || p->left->skip || p->right->skip)
            continue;
        if (d->left.live)
            it_pass_queue(&p->left_pass, d->o->slice_bytes);
        it_pass_queue(&p->right_pass, d->o->slice_bytes);
    }
    struct it_side *sides[2] = {&d->right, &d->left};
    size_t n_sides = d->left.live ? 2 : 1;
    for (size_t i = 0; i < n_sides; i++)
        if (!it_side_compile(cx, sides[i], true))
            return false;
    if (!pg_pools_run(cx, pools, n_sides))
        return false;
    for (size_t i = 0; i < n_sides; i++)
        if (!it_side_compile(cx, sides[i], false) || !it_side_check(cx, sides[i], d->report))
            return false;
    return true;
}

/* The bounds of the right's keys, as far as its pass showed them: measuring need not read them again. */
static void bound_right(struct it_pair *p)
{
    const struct it_chunks *seen = &p->right_pass.chunks;

    if (!p->comparable || p->right->skip || p->left->geometry.kind != KEY_RANGE || p->right->key.n != 1 ||
        p->right_pass.without || !p->right_pass.keys.n ||
        !text_equal(p->right->key.at[0], p->right_pass.keys.at[0].name))
        return;
    p->right->geometry = p->left->geometry;
    if (it_chunks_find(seen, IT_ABOVE))
        p->right->geometry.hi = INT64_MAX;
    if (p->right->geometry.lo > p->right->geometry.hi) /* it was empty: any row is outside */
        p->right->geometry.hi = it_chunks_rows(seen) ? INT64_MAX : p->right->geometry.hi;
}

bool it_measure(struct it_diff *d)
{
    struct pg_pool *pools[2] = {d->right.pool, d->left.pool};

    for (size_t i = 0; i < d->pairs.n; i++)
        bound_right(&d->pairs.at[i]);
    return it_objects_measure(d->cx, &d->right, d->o, d->report) &&
           (!d->left.pool || it_objects_measure(d->cx, &d->left, d->o, d->report)) &&
           pg_pools_run(d->cx, pools, d->left.pool ? 2 : 1) && it_large_objects_compare(d);
}

bool it_declared_take(struct it_diff *d)
{
    if (!it_declared_parse(d->cx, d->o->expected_changes, d->o->live_writes, &d->declared))
        return false;
    size_t given = d->declared.changes.n;
    if (!it_declared_parse(d->cx, d->o->derived_changes, NULL, &d->declared))
        return false;
    for (size_t i = given; i < d->declared.changes.n; i++)
        d->declared.changes.at[i].derived = true;
    return true;
}

bool integrity_diff(struct ctx *cx, const char *certificate, const struct pg_target *left,
                    const struct pg_target *right, const struct integrity_options *options,
                    struct integrity_report *report)
{
    struct integrity_options o = *options;
    struct it_diff d = {.cx = cx, .o = &o, .report = report};
    struct it_watch *watch = NULL;
    bool ok = false;

    if (!certificate && !left) {
        fail(cx, E_INPUT, "there is nothing to compare with");
        err_hint(cx, "give 'baseline' (a certificate), 'source_db_url' (a database), or both");
        return false;
    }
    if (!it_declared_take(&d) || !transactions(&d))
        return false;
    watch = it_watch_new(cx, &o, report);
    if (!it_sides_open(&d, certificate, left, right, &o) || !it_watch_side(watch, &d.right, right) ||
        (left && !it_watch_side(watch, certificate ? &d.witness : &d.left, left)))
        goto done;
    it_pair_tables(&d);
    if (!it_expressions_check(&d) || !run_passes(&d))
        goto done;
    for (size_t i = 0; i < d.pairs.n; i++) {
        struct it_pair *p = &d.pairs.at[i];
        if (!p->comparable || p->left->skip || p->right->skip)
            continue;
        it_compare_pair(&d, p);
    }
    if (!it_recheck(&d, watch))
        goto done;
    for (size_t i = 0; i < d.pairs.n; i++) {
        struct it_pair *p = &d.pairs.at[i];
        if (!p->comparable || p->left->skip || p->right->skip)
            continue;
        if (!it_name_differences(&d, p))
            goto done;
        it_recheck_tell(&d, p);
    }
    it_watch_done(watch);
    if (!it_added_columns(&d) || !it_expectations(&d) || !it_measure(&d) || !it_side_finish(cx, &d.right, report) ||
        (d.left.live && !it_side_finish(cx, &d.left, report)))
        goto done;
    it_conclude_all(&d);
    ok = true;
done:
    it_watch_end(watch, ok);
    for (size_t i = 0; i < d.pairs.n; i++)
        arena_free(&d.pairs.at[i].flagged_memory);
    pg_pool_close(d.left.pool);
    pg_pool_close(d.right.pool);
    pg_pool_close(d.witness.pool);
    return ok;
}
