/* recheck.c - two databases that are written while they are compared: what differs is looked at again before it is reported.
 *
 * Two snapshots of two servers are never of one moment: a row on its way from one to the other differs, and is no difference. So, when one of
 * the sides is seen to be written, the rows of the chunks that differ are compared on new snapshots, and once more after a delay; only a row
 * that differed both times is reported. Rows are told apart by their seed, which is the key or its hash. Where neither side was written, the new
 * snapshots show what the old ones did, and one look is enough. */
#include <stdlib.h>

#include "dbstep/log.h"
#include "model.h"
#include "sql.h"
#include "watch.h"

enum { MOST_FLAGGED = 500000 };

bool it_recheck_row(struct it_pair *p, int64_t seed, unsigned bits)
{
    if (p->look == LOOK_ONLY)
        return true;
    if (p->look == LOOK_FIRST) {
        if (p->flagged.n == MOST_FLAGGED)
            p->flagged_beyond = true;
        else
            *VEC_PUSH(&p->flagged_memory, &p->flagged) = seed;
        return false;
    }
    /* Both looks go through the rows in the order of the seed. */
    while (p->flagged_at < p->flagged.n && p->flagged.at[p->flagged_at] < seed)
        p->flagged_at++;
    bool known = p->flagged_at < p->flagged.n ? p->flagged.at[p->flagged_at] == seed : p->flagged_beyond;
    if (!known)
        return false;
    if (p->flagged_at < p->flagged.n)
        p->confirmed++;
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
    p->line.transient = (long long)p->flagged.n - p->confirmed;
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
            p->left->object, text_plural(a, (long long)p->flagged.n, "row"), p->confirmed,
            text_duration(a, d->o->recheck_ms));
    if (p->flagged_beyond)
        it_uncovered(
            d->cx, d->report,
            "%s: more than %d rows differed at first; those beyond are reported as they were seen the second time only",
            p->left->object, MOST_FLAGGED);
}
