/* recheck.c - two databases that are written while they are compared: what differs is looked at again before it is reported.
 *
 * Two snapshots of two servers are never of one moment: a row on its way from one to the other differs, and is no difference. So, when one of
 * the sides is seen to be written, the rows of the chunks that differ are compared on new snapshots, and once more after a delay; only a row
 * that differed both times is reported. One that was written in between and differs again may be on its way again: nothing is proven of it. Rows are told apart by their seed, which is the key or its hash. Where neither side was written, the new
 * snapshots show what the old ones did, and one look is enough. */
#include <stdlib.h>

#include "compare.h"
#include "dbstep/log.h"
#include "sql.h"
#include "watch.h"

enum { MOST_FLAGGED = 250000 };

/* FNV-1a: two looks at one row are compared, nobody chooses what is in them. */
static uint64_t content(uint64_t h, const struct pg_rows *rows, int row)
{
    for (int c = 1; rows && c < rows->columns; c++) {
        h = (h ^ (pg_null(rows, row, c) ? 1u : 2u)) * 0x100000001B3u;
        for (const char *s = pg_text(rows, row, c); *s; s++)
            h = (h ^ (unsigned char)*s) * 0x100000001B3u;
    }
    return (h ^ 0xFFu) * 0x100000001B3u;
}

static bool before(const struct it_flagged *f, int part, int64_t seed)
{
    return f->part < part || (f->part == part && f->seed < seed);
}

bool it_recheck_row(struct it_pair *p, const struct pg_rows *left, int l, const struct pg_rows *right, int r,
                    unsigned bits)
{
    if (p->look == LOOK_ONLY)
        return true;
    int64_t seed = left ? pg_int(left, l, 0) : pg_int(right, r, 0);
    uint64_t now = content(content(0xCBF29CE484222325u, left, l), right, r);
    if (p->look == LOOK_FIRST) {
        if (p->flagged.n == MOST_FLAGGED)
            p->flagged_beyond = true;
        else
            *VEC_PUSH(&p->flagged_memory, &p->flagged) = (struct it_flagged){p->part, seed, now};
        return false;
    }
    /* Both looks go through the same chunks, in the same two parts, and through the rows of each in the order of the seed. */
    while (p->flagged_at < p->flagged.n && before(&p->flagged.at[p->flagged_at], p->part, seed))
        p->flagged_at++;
    if (p->flagged_at < p->flagged.n) {
        const struct it_flagged *then = &p->flagged.at[p->flagged_at];
        if (then->part != p->part || then->seed != seed)
            return false;
        if (then->content != now) {
            p->moving++;
            it_strip_row(p, seed, INTEGRITY_CELL_UNCOMPARED);
            return false;
        }
        p->confirmed++;
    } else if (!p->flagged_beyond) {
        return false;
    }
    it_strip_row(p, seed, bits);
    return true;
}

static bool renew(struct it_diff *d, struct it_watch *watch, bool *still)
{
    struct it_side *sides[2] = {&d->left, &d->right};

    *still = true;
    it_watch_snapshot(watch);
    for (int s = 0; s < 2; s++) {
        PG_ROWS_AUTO rows = {.n = 0};
        if (!pg_pool_renew(d->cx, sides[s]->pool) ||
            !pg_query(d->cx, pg_pool_first(sides[s]->pool), &rows, sql_integrity_state, 0, NULL))
            return false;
        *still = *still && it_side_still(sides[s], pg_text(&rows, 0, 0), pg_text(&rows, 0, 1));
        if (!it_side_check(d->cx, sides[s], d->report))
            return false;
    }
    return true;
}

static bool concerned(const struct it_pair *p)
{
    return p->comparable && !p->left->skip && !p->right->skip && p->n_unequal;
}

bool it_recheck(struct it_diff *d, struct it_watch *watch)
{
    size_t open = 0, rows = 0;
    bool still;

    for (size_t i = 0; i < d->pairs.n; i++)
        open += concerned(&d->pairs.at[i]);
    if (!d->left.live || !d->o->recheck_ms || !open)
        return true;
    if (!renew(d, watch, &still) || still)
        return d->cx->err.code == E_OK;

    log_info("writes are under way: looking at the rows of %s that differ, and again after %s",
             text_plural(d->cx->arena, (long long)open, "table"), text_duration(d->cx->arena, d->o->recheck_ms));
    d->looked_twice = true;
    for (size_t i = 0; i < d->pairs.n; i++) {
        struct it_pair *p = &d->pairs.at[i];
        if (!concerned(p))
            continue;
        p->look = LOOK_FIRST;
        if (!it_name_differences(d, p))
            return false;
        p->look = LOOK_SECOND;
        /* What was sampled is what is looked at again; and nothing, where nothing differed. */
        p->unequal = (int64_t *)p->left_pass.only;
        p->n_unequal = p->flagged.n ? p->left_pass.n_only : 0;
        rows += p->flagged.n;
        it_strip_clear(p);
    }
    if (!rows)
        return true;
    return ctx_sleep(d->cx, d->o->recheck_ms, "rows that differ were to be looked at again") && renew(d, watch, &still);
}

void it_recheck_tell(struct it_diff *d, struct it_pair *p)
{
    struct arena *a = d->cx->arena;

    if (p->look != LOOK_SECOND)
        return;
    p->line.transient = (long long)p->flagged.n - p->confirmed - p->moving;
    if (p->moving) {
        d->report->unproven = true;
        p->undecided += p->moving;
        it_finding(d->cx, d->report, INTEGRITY_WARNING, "rows-moving", p->left->object,
                   "%s of %s differed at both looks, %s apart, and %s written in between: neither equal nor different",
                   text_plural(a, p->moving, "row"), p->left->object, text_duration(a, d->o->recheck_ms),
                   p->moving == 1 ? "was" : "were")
            ->hint = "compare when less is written, or declare such rows in 'live_writes'";
    }
    d->report->rows_transient += p->line.transient;
    if (!p->flagged.n)
        it_uncovered(
            d->cx, d->report,
            "%s: chunks that differed at first held the same rows when they were read again (writes under way)",
            p->left->object);
    else
        it_uncovered(
            d->cx, d->report,
            "%s: %s differed at first, %lld still did %s later; the others were writes under way and are not reported",
            p->left->object, text_plural(a, (long long)p->flagged.n, "row"), p->confirmed + p->moving,
            text_duration(a, d->o->recheck_ms));
    if (p->flagged_beyond)
        it_uncovered(
            d->cx, d->report,
            "%s: more than %d rows differed at first; those beyond are reported as they were seen the second time only",
            p->left->object, MOST_FLAGGED);
}
