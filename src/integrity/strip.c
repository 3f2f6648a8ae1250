/* strip.c - where in a table its differences lie: chunks in order, folded into a few cells.
 *
 * What a chunk's bits say follows from its digests: the keys are the same, so values changed; fewer rows, so some are missing; more rows, so some
 * are extra; as many rows with other keys, so both. */
#include <string.h>

#include "compare.h"

char integrity_cell_sign(unsigned bits)
{
    unsigned differs = bits & (INTEGRITY_CELL_CHANGED | INTEGRITY_CELL_MISSING | INTEGRITY_CELL_EXTRA);

    switch (differs) {
    case 0: return bits & INTEGRITY_CELL_UNCOMPARED ? '?' : '=';
    case INTEGRITY_CELL_CHANGED: return '~';
    case INTEGRITY_CELL_MISSING: return '-';
    case INTEGRITY_CELL_EXTRA: return '+';
    default: return '*';
    }
}

void it_strip_fold(unsigned char *cells, uint64_t at, uint64_t of, unsigned bits)
{
    double width = (double)INTEGRITY_CELLS / (double)(of ? of : 1);
    size_t from = (size_t)((double)at * width), to = (size_t)((double)(at + 1) * width);

    if (from >= INTEGRITY_CELLS)
        from = INTEGRITY_CELLS - 1;
    if (to > INTEGRITY_CELLS)
        to = INTEGRITY_CELLS;
    do
        cells[from] = (unsigned char)(cells[from] | bits);
    while (++from < to);
}

static void mark(struct it_pair *p, int64_t id, unsigned bits)
{
    const struct it_geometry *g = &p->left->geometry;

    if (g->kind != KEY_RANGE) {
        it_strip_fold(p->line.strip, (uint64_t)id, (uint64_t)g->mask + 1, bits);
        return;
    }
    /* One place in front and one behind, for keys outside of the bounds; nothing lies between them when the table was empty. */
    int64_t lo = g->lo >> g->shift, hi = g->hi >> g->shift;
    uint64_t span = g->lo > g->hi ? 0 : (uint64_t)hi - (uint64_t)lo + 1;
    uint64_t front = p->strip_below, of = span + front + p->strip_above;
    if (!span || id < lo || id > hi)
        it_strip_fold(p->line.strip, id < lo || (!span && id < 0) ? 0 : of - 1, of, bits);
    else
        it_strip_fold(p->line.strip, (uint64_t)id - (uint64_t)lo + front, of, bits);
}

static const struct it_chunks *left_chunks(const struct it_diff *d, const struct it_pair *p)
{
    return d->left.live ? &p->left_pass.chunks : &p->left->chunks;
}

static const char *order(const struct it_diff *d, const struct it_pair *p)
{
    const struct it_geometry *g = &p->left->geometry;
    char *names = it_join(d->cx->arena, &p->left->key, ", ");

    if (g->kind == KEY_NONE)
        return arena_printf(d->cx->arena, "%s of the row's hash", text_plural(d->cx->arena, g->mask + 1, "bucket"));
    if (g->kind == KEY_HASH)
        return arena_printf(d->cx->arena, "%s of the hash of %s", text_plural(d->cx->arena, g->mask + 1, "bucket"),
                            names);
    if (g->lo > g->hi || d->o->hash_keys)
        return names;
    return arena_printf(d->cx->arena, "%s %lld to %lld%s", names, g->lo, g->hi,
                        p->strip_below && p->strip_above ? ", and outside"
                        : p->strip_below                 ? ", and below"
                        : p->strip_above                 ? ", and above"
                                                         : "");
}

void it_strip_build(struct it_diff *d, struct it_pair *p)
{
    const struct it_chunks *l = left_chunks(d, p), *r = &p->right_pass.chunks;

    p->strip_below = it_chunks_find(l, IT_BELOW) || it_chunks_find(r, IT_BELOW);
    p->strip_above = it_chunks_find(l, IT_ABOVE) || it_chunks_find(r, IT_ABOVE);
    if (p->left->geometry.lo > p->left->geometry.hi)
        p->strip_above = p->strip_above || !p->strip_below;
    p->line.strip_order = order(d, p);
    memset(p->line.strip, 0, sizeof p->line.strip);
    for (size_t i = 0; i < p->n_unequal; i++) {
        const struct it_chunk *a = it_chunks_find(l, p->unequal[i]), *b = it_chunks_find(r, p->unequal[i]);
        uint64_t before = a ? a->rows : 0, now = b ? b->rows : 0;
        unsigned bits = before > now                   ? INTEGRITY_CELL_MISSING
                        : before < now                 ? INTEGRITY_CELL_EXTRA
                        : a && b && a->keys == b->keys ? INTEGRITY_CELL_CHANGED
                                                       : INTEGRITY_CELL_MISSING | INTEGRITY_CELL_EXTRA;
        mark(p, p->unequal[i], bits);
    }
}

void it_strip_clear(struct it_pair *p)
{
    memset(p->line.strip, 0, sizeof p->line.strip);
}

void it_strip_row(struct it_pair *p, int64_t seed, unsigned bits)
{
    const struct it_geometry *g = &p->left->geometry;

    if (g->kind != KEY_RANGE)
        mark(p, seed & g->mask, bits);
    else
        mark(p, seed > g->hi ? IT_ABOVE : seed < g->lo ? IT_BELOW : seed >> g->shift, bits);
}

void it_strip_unknown(struct integrity_table *t)
{
    t->strip_order = t->strip_order ? t->strip_order : "";
    memset(t->strip, INTEGRITY_CELL_UNCOMPARED, sizeof t->strip);
}

void it_strip_conclude(struct it_pair *p, bool compared)
{
    bool differs = p->line.missing || p->line.extra || p->line.changed || p->not_shown;

    if (!compared)
        it_strip_unknown(&p->line);
    /* What the application wrote, as declared, is neither equal nor a difference. */
    for (size_t i = 0; compared && !differs && i < INTEGRITY_CELLS; i++)
        if (p->line.strip[i])
            p->line.strip[i] = INTEGRITY_CELL_UNCOMPARED;
}
