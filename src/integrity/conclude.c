/* conclude.c - what a comparison came to: a line for each table, what is proven by it, how surely, and what is not covered. */
#include "compare.h"

static const char *status_of(const struct it_pair *p)
{
    if (p->line.missing || p->line.extra || p->line.changed || p->not_shown)
        return "different";
    if (p->undecided)
        return "undecided";
    if (p->line.inserted || p->line.deleted)
        return "equal but for declared writes";
    if (p->rows_declared)
        return "equal but for declared rows";
    if (p->line.chunks_unequal && (p->live & LIVE_ALL))
        return "written, as declared";
    return "equal";
}

/* Columns that are declared to change: did they, and as declared? */
static void conclude_columns(struct it_diff *d, struct it_pair *p)
{
    struct integrity_report *r = d->report;

    for (size_t c = 0; c < p->columns.n; c++) {
        struct it_change *change = it_declared_find(&d->declared, CHANGE_COLUMN, p->left, p->columns.at[c]);
        if (change && (p->differs[c] || (p->undecided && p->left->geometry.kind == KEY_NONE)))
            change->happened = true;
        if (change && change->expr && !p->differs[c])
            it_proof(d->cx, r, "%s.%s: every value equals %s of the old row", p->left->object, p->columns.at[c],
                     change->expr);
        if (change && change->expr && p->expected[c] && p->differs[c]) {
            r->unproven = true;
            it_finding(
                d->cx, r, INTEGRITY_WARNING, "expression-unproven", p->left->object,
                "column %s of %s is written differently now, and the certificate holds no values of which %s could be taken",
                p->columns.at[c], p->left->object, change->expr)
                ->hint = "compare with the live database ('source_db_url' without 'baseline')";
        } else if (p->expected[c])
            it_proof(d->cx, r, "%s.%s: values %s", p->left->object, p->columns.at[c],
                     p->differs[c] ? "differ, as declared" : "are equal to the old ones");
    }
}

/* What a failed or rewritten table means, or what its comparison came to. */
static void conclude(struct it_diff *d, struct it_pair *p)
{
    struct integrity_report *r = d->report;
    const struct it_table *gone = p->left->skip ? p->left : p->right->skip ? p->right : NULL;

    if (gone || !p->comparable) {
        if (gone && gone->skip_code)
            it_finding(d->cx, r, INTEGRITY_WARNING, gone->skip_code, p->left->object, "%s", gone->skip_message);
        r->unproven = r->unproven || gone;
        r->tables_uncovered++;
        p->line.note = gone ? gone->skip : "see the findings";
        p->line.status = "not compared";
        it_uncovered(d->cx, r, "%s: %s", p->left->object, p->line.note);
    } else {
        p->line.status = status_of(p);
        r->tables_compared++;
        long long rows = p->line.rows_right - (p->rows_open ? p->rows_open : p->line.inserted);
        r->rows_compared += rows;
        r->columns_compared += p->line.columns;
        r->values_compared += rows * p->line.columns;
        r->chunks_compared += p->line.chunks;
        r->rows_missing += p->line.missing;
        r->rows_extra += p->line.extra;
        r->rows_changed += p->line.changed;
        r->rows_inserted += p->line.inserted;
        r->rows_deleted += p->line.deleted;
        if (p->uncompared.n)
            it_uncovered(d->cx, r, "%s: columns not compared: %s", p->left->object,
                         it_join(d->cx->arena, &p->uncompared, ", "));
        if (p->live & LIVE_ALL)
            it_uncovered(d->cx, r, "%s: written by the application, as declared; %s", p->left->object,
                         p->line.chunks_unequal ? "its rows differ and were only counted" : "it is equal all the same");
        if (p->line.inserted || p->line.deleted)
            it_uncovered(
                d->cx, r,
                "%s: %lld rows inserted and %lld deleted since, as declared in 'live_writes'; these were not compared",
                p->left->object, p->line.inserted, p->line.deleted);
        for (size_t l = 0; l < p->right->leaves.n; l++)
            if (p->right->leaves.at[l].foreign)
                it_uncovered(d->cx, r, "%s: partition %s is a foreign table", p->left->object,
                             p->right->leaves.at[l].name);
        conclude_columns(d, p);
    }
    it_strip_conclude(p, !gone && p->comparable);
    *VEC_PUSH(d->cx->arena, &r->tables) = p->line;
}

static void tell_quiescence(struct it_diff *d, const struct it_side *side, const char *name)
{
    if (side->quiescent)
        it_proof(d->cx, d->report, "no writes on the %s meanwhile: %s", name, side->quiescence);
    else
        it_uncovered(d->cx, d->report, "writes on the %s after its snapshot: %s", name, side->quiescence);
}

/* The families that something compared was digested with in the portable form. */
static unsigned portable_used(const struct it_diff *d)
{
    unsigned used = 0;

    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct it_pass *p = &d->pairs.at[i].right_pass;
        if (!d->pairs.at[i].comparable || p->table->skip)
            continue;
        used |= p->geometry->kind != KEY_HASH ? 1u << FAM_INT8 : 0; /* of the keys, or of whole rows */
        for (size_t k = 0; k < p->keys.n; k++)
            used |= 1u << p->keys.at[k].family;
        for (size_t c = 0; c < p->columns.n; c++)
            used |= 1u << p->columns.at[c].family;
    }
    return used & d->left.portable;
}

/* What stands behind an "equal". A sum of m equal rows' hashes loses the factors of two in m. */
static void tell_probability(struct it_diff *d)
{
    long long whole = 0, compared = 0;
    bool multiset = false, strong = d->o->strictness == INTEGRITY_STRONG;

    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct it_pair *p = &d->pairs.at[i];
        if (!p->comparable || p->left->skip || p->right->skip)
            continue;
        compared++;
        whole += p->right_pass.strong;
        multiset = multiset || p->left->geometry.kind == KEY_NONE;
    }
    if (!compared)
        return;
    const char *alike = !multiset ? ""
                        : strong  ? "; m equal rows without a key that change alike: m^3 times that"
                                  : "; m equal rows without a key that change alike: m times that";
    if (strong)
        it_proof(
            d->cx, d->report,
            "a change escapes with probability 2^-192 in %lld of %lld tables (64 bits of its column or key, and 128 of SHA-256 over the whole "
            "row), 2^-64 in the others%s",
            whole, compared, alike);
    else
        it_proof(
            d->cx, d->report,
            "a change escapes with probability 2^-64 (64 bits of its column; of a row that came or went those of its key, beside the "
            "count); strictness=strong: 2^-192%s",
            alike);
}

void it_conclude_all(struct it_diff *d)
{
    struct integrity_report *r = d->report;

    for (size_t i = 0; i < d->pairs.n; i++)
        conclude(d, &d->pairs.at[i]);
    it_guards_compare(d);
    it_expectations_unchecked(d);
    it_declared_unused(d);
    if (!r->tables_compared) {
        r->unproven = true;
        it_finding(d->cx, r, INTEGRITY_WARNING, "nothing-compared", NULL,
                   "no table was compared: the %s has %zu, the %s %zu", d->left.role, d->left.tables.n, d->right.role,
                   d->right.tables.n)
            ->hint =
            "is it the right database, may the role see its tables, and do 'tables' and 'exclude_tables' leave any?";
    }
    it_proof(
        d->cx, r,
        "%lld rows and %lld columns of %lld tables were compared in %lld chunks, every value bound to its row's key",
        r->rows_compared, r->columns_compared, r->tables_compared, r->chunks_compared);
    tell_probability(d);
    it_digest_tell(d->cx, r, portable_used(d));
    r->quiescent = d->right.quiescent;
    tell_quiescence(d, &d->right, d->right.role);
    if (d->left.live)
        tell_quiescence(d, &d->left, d->left.role);
    if (!d->looked_twice && !d->left.quiescent && d->left.live && (r->rows_changed || r->rows_missing || r->rows_extra))
        it_uncovered(
            d->cx, r,
            "the source was written while both were read: differences may be writes that only one side has seen");
}
