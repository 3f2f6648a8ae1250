/* plan.c - the changelog against the history: what ran, what runs, what was edited. */
#include <string.h>

#include "deploy_internal.h"

int identity_compare(const char *id1, const char *author1, const char *path1, const char *id2, const char *author2,
                     const char *path2)
{
    int order = strcasecmp(id1, id2);
    if (!order)
        order = strcasecmp(author1, author2);
    return order ? order : strcasecmp(path1, path2);
}

static int by_identity(const void *a, const void *b)
{
    const struct ran *x = *(const struct ran *const *)a, *y = *(const struct ran *const *)b;
    int order = identity_compare(x->id, x->author, x->same_path, y->id, y->author, y->same_path);
    return order ? order : x < y ? -1 : x > y; /* rows of one changeset stay in the order of the history */
}

/* The newest row of a changeset, by binary search; NULL when it never ran. */
static const struct ran *find(const struct ran *const *sorted, size_t n, const struct changeset *cs, size_t *at)
{
    size_t lo = 0, hi = n;
    while (lo < hi) { /* first entry behind the changeset's */
        size_t mid = lo + (hi - lo) / 2;
        const struct ran *r = sorted[mid];
        if (identity_compare(r->id, r->author, r->same_path, cs->id, cs->author, cs->path) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return NULL;
    const struct ran *r = sorted[lo - 1];
    *at = lo - 1;
    return identity_compare(r->id, r->author, r->same_path, cs->id, cs->author, cs->path) == 0 ? r : NULL;
}

const char *filtered_by(const struct deploy *d, const struct changeset *cs)
{
    for (size_t i = 0; i < cs->contexts.n; i++)
        if (!context_matches(cs->contexts.at[i], d->options.contexts))
            return "context";
    if (!changeset_labels_match(cs, d->options.labels))
        return "labels";
    if (!dbms_matches(&cs->dbms))
        return "dbms";
    return cs->ignore ? "ignore" : NULL;
}

static bool sum_is_valid(const struct changeset *cs, const char *stored, const char *now)
{
    for (size_t i = 0; i < cs->valid_sums.n; i++) {
        const char *v = cs->valid_sums.at[i];
        if (text_equal(v, "*") || text_equal_nocase(v, "any") || text_equal_nocase(v, "all") ||
            text_equal_nocase(v, "1:any") || text_equal_nocase(v, stored) || text_equal_nocase(v, now))
            return true;
    }
    return false;
}

static void judge(struct ctx *cx, struct deploy *d, struct plan_item *item)
{
    const struct changeset *cs = item->set;
    const char *filter = filtered_by(d, cs);
    int version = item->ran ? checksum_version(item->ran->md5sum) : 0;
    const char *now = item->sum;

    changeset_checksum(cx->arena, cs, CHECKSUM_V9, item->sum);
    if (version == CHECKSUM_V8) {
        changeset_checksum(cx->arena, cs, CHECKSUM_V8, item->sum_as_stored);
        now = item->sum_as_stored;
    }
    /* NULL is what clear-checksums leaves; versions before 8 cannot be computed any more and count like it. */
    bool comparable = version == CHECKSUM_V8 || version == CHECKSUM_V9;
    bool edited =
        item->ran && comparable && !text_equal(item->ran->md5sum, now) && !sum_is_valid(cs, item->ran->md5sum, now);
    item->new_sum = item->ran && version != CHECKSUM_V9 && !edited;

    if (item->ran && edited && !cs->run_on_change && !cs->run_always) {
        item->action = PLAN_CHANGED; /* whatever the filters say: validation comes first */
    } else if (filter) {
        item->action = PLAN_SKIP;
        item->why = filter;
    } else if (!item->ran) {
        item->action = PLAN_RUN;
    } else if (cs->run_always) {
        item->action = PLAN_RERUN;
        item->why = "runAlways";
    } else if (edited && cs->run_on_change) {
        item->action = PLAN_RERUN;
        item->why = "runOnChange";
    } else {
        item->action = PLAN_DONE;
    }
    if (item->action == PLAN_RERUN)
        item->new_sum = false;
}

/* Has a row this tag? */
static bool tagged(const struct deploy *d, const char *tag)
{
    for (size_t i = 0; i < d->rows.n; i++)
        if (text_equal_nocase(d->rows.at[i].tag, tag))
            return true;
    return false;
}

static void choose(struct arena *a, struct deploy *d)
{
    const char *to_tag = text_empty(d->options.to_tag) ? NULL : d->options.to_tag;
    long long most = d->options.action == DEPLOY_MARK_NEXT ? 1 : d->options.count;

    if (to_tag && tagged(d, to_tag))
        return;
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        const char *tag = to_tag ? deploy_set_tag(item->set) : NULL;
        if (item->action != PLAN_RUN && (item->action != PLAN_RERUN || d->options.action != DEPLOY_UPDATE))
            continue;
        if (most >= 0 && most-- == 0)
            return;
        *VEC_PUSH(a, &d->plan.chosen) = item;
        if (tag && text_equal(tag, to_tag))
            return;
    }
}

void plan_make(struct ctx *cx, struct deploy *d)
{
    struct arena *a = cx->arena;
    size_t n = d->rows.n;
    const struct ran **sorted = arena_array(a, n + 1, sizeof *sorted);
    bool *known = arena_array(a, n + 1, sizeof *known);

    for (size_t i = 0; i < n; i++)
        sorted[i] = &d->rows.at[i];
    qsort(sorted, n, sizeof *sorted, by_identity);
    d->plan = (struct plan){0};
    for (size_t i = 0; i < d->log->sets.n; i++) {
        struct plan_item *item = VEC_PUSH(a, &d->plan.items);
        size_t at = 0;
        item->set = &d->log->sets.at[i];
        item->ran = find(sorted, n, item->set, &at);
        for (size_t k = at + 1; item->ran && k-- > 0;) { /* every row of this changeset */
            if (identity_compare(sorted[k]->id, sorted[k]->author, sorted[k]->same_path, item->set->id,
                                 item->set->author, item->set->path) != 0)
                break;
            known[k] = true;
        }
        judge(cx, d, item);
        d->plan.to_run += item->action == PLAN_RUN || item->action == PLAN_RERUN;
        d->plan.changed += item->action == PLAN_CHANGED;
        d->plan.new_sums += item->new_sum;
    }
    for (size_t i = 0; i < n; i++)
        if (!known[i] && !history_own_row(sorted[i]))
            *VEC_PUSH(a, &d->plan.unknown) = sorted[i];
    choose(a, d);
}

/* What runs such changesets elsewhere is a program of its own (psql, sqlplus). */
static bool can_run(struct ctx *cx, const struct plan_item *item)
{
    const struct changeset *cs = item->set;
    if (text_empty(cs->run_with) || text_equal_nocase(cs->run_with, "jdbc"))
        return true;
    fail(cx, E_CHANGELOG, "changeset %s wants to be run with '%s'", changeset_name(cx->arena, cs), cs->run_with);
    err_place(cx, cs->file, cs->line, 1);
    err_hint(
        cx,
        "runWith needs another program, which is not there; take it off when the changeset is plain SQL, or mark it as "
        "ran after having run it by hand");
    return false;
}

bool deploy_check(struct ctx *cx, const struct deploy *d)
{
    const struct plan_item *first = NULL;
    struct str all = str_new(cx->arena);

    for (size_t i = 0; d->options.action == DEPLOY_UPDATE && i < d->plan.chosen.n; i++)
        if (!can_run(cx, d->plan.chosen.at[i]))
            return false;
    if (!d->plan.changed)
        return true;
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        if (item->action != PLAN_CHANGED)
            continue;
        first = first ? first : item;
        str_addf(&all, "%s%s (%s:%d) was %s but is now %s", all.len ? "\n" : "", changeset_name(cx->arena, item->set),
                 item->set->file, item->set->line, item->ran->md5sum,
                 *item->sum_as_stored ? item->sum_as_stored : item->sum);
    }
    if (!first)
        return true;
    fail(cx, E_CHECKSUM, "%s that already ran %s edited",
         text_plural(cx->arena, (long long)d->plan.changed, "changeset"), d->plan.changed == 1 ? "was" : "were");
    err_detail(cx, "%s", all.s);
    err_place(cx, first->set->file, first->set->line, 1);
    err_hint(
        cx,
        "undo the edit and put the change into a new changeset; if the new text is right as it is, add '--validCheckSum: %s' to it",
        *first->sum_as_stored ? first->sum_as_stored : first->sum);
    return false;
}

bool deploy_needed(const struct deploy *d)
{
    const struct ran *last = deploy_last(d);
    bool tag = !text_empty(d->options.tag) && last && !text_equal(last->tag, d->options.tag);
    return d->plan.chosen.n || d->plan.new_sums || tag;
}

const struct plan *deploy_plan(const struct deploy *d)
{
    return &d->plan;
}

const struct ran *deploy_last(const struct deploy *d)
{
    return d->rows.n ? &d->rows.at[d->rows.n - 1] : NULL;
}
