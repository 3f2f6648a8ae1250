/* bound.c - a certificate no larger than allowed: neighbouring chunks are joined, in the table whose chunks take most, until it fits. A chunk of a
 * coarser geometry is exactly the sum of the finer ones in it, so nothing is read again. */
#include "model.h"

static size_t text_bytes(size_t n)
{
    return (n + 2) / 3 * 4; /* as base64 */
}

/* What a table's chunks take in the file; never less than they will. */
static size_t chunk_bytes(const struct it_table *t)
{
    const struct it_chunks *c = &t->chunks;
    if (t->skip)
        return 0;
    return text_bytes(8 * c->n) * (3 + c->columns) + text_bytes(c->n * c->columns);
}

/* One bit coarser. False when it cannot be: digests of keys are other ones in ranges of more than 2^32. */
static bool coarser(struct ctx *cx, struct it_table *t)
{
    struct it_geometry *g = &t->geometry;
    const struct it_chunks *old = &t->chunks;
    struct it_chunks joined;
    bool range = g->kind == KEY_RANGE;

    if (old->n < 2 || (range ? g->shift == 32 || g->shift >= 62 : !g->mask))
        return false;
    it_chunks_init(&joined, cx->arena, old->columns, old->n / 2 + 3);
    for (size_t i = 0; i < old->n; i++) {
        int64_t id = old->at[i].id;
        bool outside =
            range && ((id == IT_ABOVE && g->hi >> g->shift != id) || (id == IT_BELOW && g->lo >> g->shift != id));
        int64_t to = outside ? id : range ? id >> 1 : id & (g->mask >> 1);
        it_chunks_add(&joined, g->sums, to, old->at[i].rows, old->at[i].keys, old->at[i].touched,
                      old->digest + i * old->columns, old->absent + i * old->columns);
    }
    if (range)
        g->shift++;
    else
        g->mask >>= 1;
    it_chunks_sort(&joined);
    t->chunks = joined;
    return true;
}

/* The file's bytes without any chunk. */
static size_t frame(struct ctx *cx, struct it_side *side)
{
    enum { LONGER_NUMBERS = 8 };
    size_t *n = arena_array(cx->arena, side->tables.n, sizeof *n), tables = 0;

    for (size_t i = 0; i < side->tables.n; i++) {
        n[i] = side->tables.at[i].chunks.n;
        tables += n[i] > 0;
        side->tables.at[i].chunks.n = 0;
    }
    size_t bytes =
        it_certificate_size(cx, side) + tables * LONGER_NUMBERS; /* shift, which may come to have a digit more */
    for (size_t i = 0; i < side->tables.n; i++)
        side->tables.at[i].chunks.n = n[i];
    return bytes;
}

bool it_certificate_bound(struct ctx *cx, struct it_side *side, long long bytes, struct integrity_report *r)
{
    size_t rest = frame(cx, side), limit = (size_t)bytes, total = rest, joins = 0, chunks = 0;
    bool *done = arena_array(cx->arena, side->tables.n, sizeof *done);
    long long rows = 0;

    for (size_t i = 0; i < side->tables.n; i++)
        total += chunk_bytes(&side->tables.at[i]);
    while (total > limit) {
        size_t most = side->tables.n;
        for (size_t i = 0; i < side->tables.n; i++)
            if (!done[i] &&
                (most == side->tables.n || chunk_bytes(&side->tables.at[i]) > chunk_bytes(&side->tables.at[most])))
                most = i;
        if (most == side->tables.n) {
            fail(cx, E_INPUT, "the certificate takes at least %zu bytes, and 'certificate_max_size' allows %lld", total,
                 bytes);
            err_hint(cx, "allow more, make the sketch smaller ('sketch'), or certify fewer tables ('tables')");
            return false;
        }
        struct it_table *t = &side->tables.at[most];
        total -= chunk_bytes(t);
        if (coarser(cx, t))
            joins++;
        else
            done[most] = true;
        total += chunk_bytes(t);
    }
    for (size_t i = 0; i < side->tables.n; i++) {
        if (side->tables.at[i].skip)
            continue;
        chunks += side->tables.at[i].chunks.n;
        rows += side->tables.at[i].rows;
    }
    if (joins)
        it_proof(
            cx, r,
            "so that the certificate is no larger than %lld bytes ('certificate_max_size') it has %zu chunks of about %lld rows "
            "instead of smaller ones",
            bytes, chunks, chunks ? rows / (long long)chunks : 0);
    return true;
}
