/* peel.c - taking a sketch's difference apart; see sketch.h. */
#include "sketch.h"

#include "dbstep/vec.h"

void it_sketch_init(struct it_sketch *s, struct arena *a, size_t cells)
{
    s->cells = cells;
    s->at = arena_array(a, IT_SUBTABLES * cells, sizeof *s->at);
}

size_t it_sketch_cell(const struct it_sketch *s, int subtable, uint64_t check)
{
    uint64_t bits = check >> (IT_CELL_BITS * subtable) & ((UINT64_C(1) << IT_CELL_BITS) - 1);
    return (size_t)subtable * s->cells + (size_t)(bits * s->cells >> IT_CELL_BITS);
}

void it_sketch_toggle(struct it_sketch *s, const struct it_item *item, int sign)
{
    for (int t = 0; t < IT_SUBTABLES; t++) {
        struct it_cell *c = &s->at[it_sketch_cell(s, t, item->check)];
        c->rows += (uint64_t)(int64_t)sign;
        c->seed ^= item->seed;
        c->hash ^= item->hash;
        c->check ^= item->check;
    }
}

void it_sketch_difference(struct it_sketch *out, struct arena *a, const struct it_sketch *left,
                          const struct it_sketch *right)
{
    it_sketch_init(out, a, left->cells);
    for (size_t i = 0; i < IT_SUBTABLES * left->cells; i++) {
        const struct it_cell *l = &left->at[i], *r = &right->at[i];
        out->at[i] = (struct it_cell){.rows = r->rows - l->rows,
                                      .seed = r->seed ^ l->seed,
                                      .hash = r->hash ^ l->hash,
                                      .check = r->check ^ l->check};
    }
}

/* +1 or -1: it may hold one item; else 0. */
static int sign_of(const struct it_cell *c)
{
    return c->rows == 1 ? 1 : c->rows == UINT64_MAX ? -1 : 0;
}

bool it_sketch_peel(struct ctx *cx, struct it_sketch *d, it_check_fn check, void *user, struct it_items *out,
                    bool *complete)
{
    size_t all = IT_SUBTABLES * d->cells, n = 0, most = out->n + all;
    size_t *todo = arena_array(cx->arena, all, sizeof *todo); /* cells that changed since they were looked at */
    bool *listed = arena_array(cx->arena, all, sizeof *listed);
    struct it_item *alone = arena_array(cx->arena, all, sizeof *alone);
    uint64_t *checks = arena_array(cx->arena, all, sizeof *checks);

    for (size_t i = 0; i < all; i++)
        if (sign_of(&d->at[i])) {
            todo[n++] = i;
            listed[i] = true;
        }
    while (n && out->n < most) {
        for (size_t i = 0; i < n; i++) {
            const struct it_cell *c = &d->at[todo[i]];
            alone[i] = (struct it_item){.seed = c->seed, .hash = c->hash, .check = c->check, .sign = sign_of(c)};
            listed[todo[i]] = false;
        }
        if (!check(cx, user, alone, n, checks))
            return false;
        size_t found = out->n;
        for (size_t i = 0; i < n; i++) {
            const struct it_item *m = &alone[i];
            const struct it_cell *c = &d->at[todo[i]];
            /* It may have been taken out from another cell in this round. */
            bool still = m->sign && sign_of(c) == m->sign && c->seed == m->seed && c->hash == m->hash;
            int subtable = (int)(todo[i] / d->cells);
            if (!still || checks[i] != m->check || it_sketch_cell(d, subtable, m->check) != todo[i])
                continue;
            *VEC_PUSH(cx->arena, out) = *m;
            it_sketch_toggle(d, m, -m->sign);
        }
        n = 0;
        for (size_t i = found; i < out->n; i++)
            for (int t = 0; t < IT_SUBTABLES; t++) {
                size_t cell = it_sketch_cell(d, t, out->at[i].check);
                if (sign_of(&d->at[cell]) && !listed[cell]) {
                    listed[cell] = true;
                    todo[n++] = cell;
                }
            }
    }
    *complete = true;
    for (size_t i = 0; i < all; i++) {
        const struct it_cell *c = &d->at[i];
        *complete = *complete && !c->rows && !c->seed && !c->hash && !c->check;
    }
    return true;
}
