/* offline.c - two certificates compared without a database. Their chunks must be the same ranges or buckets, of the same hashes: that is checked per
 * table, and a table of which it does not hold is not compared. */
#include "compare.h"

static bool same_geometry(const struct it_geometry *a, const struct it_geometry *b)
{
    return a->kind == b->kind && a->sums == b->sums &&
           (a->kind == KEY_RANGE ? a->shift == b->shift && a->lo == b->lo && a->hi == b->hi : a->mask == b->mask);
}

/* Rows without a key, and whole rows, are hashed with their columns in one order. */
static bool same_order(const struct it_pair *p)
{
    const struct str_list *l = &p->left->digested, *r = &p->right->digested;
    bool same = l->n == r->n && p->columns.n == l->n;

    for (size_t i = 0; same && i < l->n; i++)
        same = text_equal(p->right_pass.columns.at[i].name, r->at[i]);
    return same;
}

static void leave(struct it_diff *d, struct it_pair *p, const char *code, const char *why)
{
    p->comparable = false;
    d->report->unproven = true;
    it_finding(d->cx, d->report, INTEGRITY_WARNING, code, p->left->object,
               "table %s of the two certificates cannot be compared: %s", p->left->object, why)
        ->hint =
        "take the later certificate with 'geometry_from' naming the earlier one, or compare with the database itself";
}

static void check(struct it_diff *d, struct it_pair *p)
{
    const struct it_table *l = p->left, *r = p->right;
    bool same_key = l->key.n == r->key.n;

    if (!p->comparable)
        return;
    for (size_t i = 0; same_key && i < l->key.n; i++) /* a renamed key column is still the key */
        same_key = text_equal(p->right_pass.keys.at[i].name, r->key.at[i]);
    if (!same_key)
        leave(d, p, "geometry-differs", "its rows are told apart by different keys");
    else if (!same_geometry(&l->geometry, &r->geometry))
        leave(d, p, "geometry-differs", "its rows are cut into different chunks");
    else if (l->geometry.kind == KEY_NONE && !same_order(p))
        leave(d, p, "multiset-not-comparable", "it has no key, and its columns are not the same");
}

/* The right table's chunks with the digests that the pair compares, in its order. */
static void project(struct it_diff *d, struct it_pair *p)
{
    const struct it_chunks *all = &p->right->chunks;
    struct it_chunks *out = &p->right_pass.chunks;
    bool bag = p->left->geometry.kind == KEY_NONE;
    size_t columns = bag ? 0 : p->columns.n, n = 0;
    size_t *from = arena_array(d->cx->arena, columns + 2, sizeof *from);

    for (; n < columns; n++)
        while (!text_equal(p->right->digested.at[from[n]], p->right_pass.columns.at[n].name))
            from[n]++;
    p->right_pass.strong = p->right_pass.strong && p->right->strong && same_order(p);
    if (p->right_pass.strong) {
        from[n++] = bag ? 0 : p->right->digested.n;
        from[n++] = bag ? 1 : p->right->digested.n + 1;
    }
    it_chunks_init(out, d->cx->arena, n, all->n);
    for (size_t i = 0; i < all->n; i++) {
        struct it_chunk *k = it_chunks_get(out, all->at[i].id);
        size_t at = (size_t)(k - out->at) * n;
        k->rows = all->at[i].rows;
        k->keys = all->at[i].keys;
        for (size_t c = 0; c < n; c++) {
            out->digest[at + c] = all->digest[i * all->columns + from[c]];
            out->absent[at + c] = all->absent[i * all->columns + from[c]];
        }
    }
}

/* A table that the later certificate leaves out and the earlier one has is a gap, whatever the reason was. */
static void mark_gaps(struct it_diff *d)
{
    for (size_t i = 0; i < d->right.tables.n; i++) {
        struct it_table *t = &d->right.tables.at[i];
        const struct it_table *old = it_table_find(&d->left, t->schema, t->name);
        if (!t->skip || t->skip_code || !old || old->skip)
            continue;
        t->skip = arena_printf(d->cx->arena, "left out when the later certificate was taken: %s", t->skip);
        t->skip_code = "not-in-certificate";
        t->skip_message = arena_printf(d->cx->arena, "table %s was %s", t->object, t->skip);
    }
}

static bool comparable(struct it_diff *d)
{
    if (d->left.strictness != d->right.strictness) {
        fail(d->cx, E_INCONCLUSIVE,
             "one certificate is of strictness %s and the other of %s: their digests cannot be compared",
             it_level_name(d->left.strictness), it_level_name(d->right.strictness));
        err_hint(d->cx, "take the later certificate with 'geometry_from' naming the earlier one");
        return false;
    }
    return it_digest_stored(d);
}

bool integrity_compare(struct ctx *cx, const char *earlier, const char *later, const struct integrity_options *options,
                       struct integrity_report *report)
{
    struct integrity_options o = *options;
    struct it_diff d = {.cx = cx, .o = &o, .report = report, .stored = true};

    if (!it_declared_take(&d) || !it_certificate_read(cx, earlier, &d.left) ||
        !it_certificate_read(cx, later, &d.right))
        return false;
    d.left.role = "earlier certificate's database";
    d.right.role = "later certificate's database";
    o.strictness = d.left.strictness;
    d.left.quiescent = text_starts(d.left.quiescence, "proven");
    d.right.quiescent = text_starts(d.right.quiescence, "proven");
    if (!comparable(&d))
        return false;
    mark_gaps(&d);
    it_pair_tables(&d);
    for (size_t i = 0; i < d.pairs.n; i++) {
        struct it_pair *p = &d.pairs.at[i];
        it_pair_columns(&d, p);
        check(&d, p);
        if (!p->comparable)
            continue;
        project(&d, p);
        it_compare_pair(&d, p);
        if (!it_name_differences(&d, p))
            return false;
    }
    it_proof(cx, report, "two certificates were compared, no database was asked: root %s of %s, and root %s of %s",
             d.left.root, d.left.taken_at, d.right.root, d.right.taken_at);
    report->root_digest = d.right.root;
    if (!it_large_objects_compare(&d))
        return false;
    it_conclude_all(&d);
    return true;
}
