/* rollback.c - which changesets are taken back, and by what: all of it is known before the first one is. */
#include <stdlib.h>
#include <string.h>

#include "attempt.h"
#include "dbstep/log.h"
#include "sql.h"

/* ---- changesets by name ---- */

struct named {
    const char *id, *author, *path;
};

static int by_identity(const void *a, const void *b)
{
    const struct changeset *x = *(const struct changeset *const *)a, *y = *(const struct changeset *const *)b;
    return identity_compare(x->id, x->author, x->path, y->id, y->author, y->path);
}

static int to_identity(const void *key, const void *b)
{
    const struct named *x = key;
    const struct changeset *y = *(const struct changeset *const *)b;
    return identity_compare(x->id, x->author, x->path, y->id, y->author, y->path);
}

struct catalogue {
    const struct changeset **sorted;
    size_t n;
};

static struct catalogue catalogue(struct arena *a, const struct changelog *log)
{
    struct catalogue c = {.sorted = arena_array(a, log->sets.n + 1, sizeof *c.sorted), .n = log->sets.n};
    for (size_t i = 0; i < c.n; i++)
        c.sorted[i] = &log->sets.at[i];
    qsort(c.sorted, c.n, sizeof *c.sorted, by_identity);
    return c;
}

static const struct changeset *look_up(const struct catalogue *c, const char *id, const char *author, const char *path)
{
    struct named key = {.id = id, .author = author, .path = path};
    const struct changeset *const *found = bsearch(&key, c->sorted, c->n, sizeof *c->sorted, to_identity);
    return found ? *found : NULL;
}

const char *deploy_set_tag(const struct changeset *cs)
{
    const char *tag = NULL;
    for (size_t i = 0; i < cs->changes.n && !tag; i++)
        tag = cs->changes.at[i].type ? change_tag(&cs->changes.at[i]) : NULL;
    return tag;
}

/* ---- what takes a changeset back ---- */

struct work rollback_work(const struct rollback_item *item)
{
    const struct rollback *r = &item->set->rollback;
    struct work work = {.set = item->set, .back = true};

    switch (r->kind) {
    case ROLLBACK_EMPTY: break;
    case ROLLBACK_CHANGES: work.changes = &r->changes; break;
    case ROLLBACK_CHANGESET: work.changes = item->by ? &item->by->changes : NULL; break;
    case ROLLBACK_NONE:
        work.changes = &item->set->changes;
        work.inverse = true;
        break;
    }
    return work;
}

struct undo_list {
    struct rollback_plan plan;
    struct str impossible; /* one line for each changeset that has no rollback */
    size_t n_impossible;
};

static void impossible(struct ctx *cx, struct undo_list *out, const struct changeset *cs, int line, const char *why)
{
    str_addf(&out->impossible, "%s%s (%s:%d): %s", out->n_impossible++ ? "\n" : "", changeset_name(cx->arena, cs),
             cs->file, line > 0 ? line : cs->line, why);
}

/* The inverses are made once to know that they can be, and again when they run: they may depend on the database by then. */
static bool resolve_inverse(struct ctx *cx, struct deploy *d, struct undo_list *out, const struct changeset *cs)
{
    struct change_env env = change_env_of(d, cs);

    for (size_t i = 0; i < cs->changes.n; i++) {
        const struct change *c = &cs->changes.at[i];
        struct str_list unused = {0};
        bool possible = false;
        struct arena_mark m = arena_mark(cx->arena);
        if (!c->sql && !change_inverse(cx, &env, c, &unused, &possible))
            return false;
        arena_reset(cx->arena, m);
        if (possible)
            continue;
        impossible(cx, out, cs, c->line,
                   arena_printf(cx->arena, "%s cannot be undone by itself; it needs a rollback of its own", c->name));
        return true;
    }
    return true;
}

static bool resolve(struct ctx *cx, struct deploy *d, const struct catalogue *sets, const struct ran *ran,
                    const struct changeset *cs, struct undo_list *out)
{
    const struct rollback *r = &cs->rollback;
    struct rollback_item item = {.ran = ran, .set = cs};

    if (!text_empty(cs->run_with) && !text_equal_nocase(cs->run_with, "jdbc")) {
        impossible(cx, out, cs, cs->line, arena_printf(cx->arena, "it wants to be run with '%s'", cs->run_with));
        return true;
    }
    if (r->kind == ROLLBACK_NONE && !resolve_inverse(cx, d, out, cs))
        return false;
    if (r->kind == ROLLBACK_CHANGESET) {
        item.by = look_up(sets, r->id, r->author, r->path ? changelog_path_normalise(cx->arena, r->path) : cs->path);
        if (!item.by)
            impossible(cx, out, cs, r->line,
                       arena_printf(cx->arena,
                                    "its rollback refers to changeset %s::%s::%s, which the changelog does not have",
                                    r->path ? r->path : cs->path, r->id, r->author));
    }
    *VEC_PUSH(cx->arena, &out->plan.items) = item;
    return true;
}

/* ---- the range ---- */

/* A changeset that only sets the tag is part of what comes behind the tag, unless it says otherwise. */
static bool goes_with_its_tag(const struct ran *ran, const struct changeset *cs)
{
    if (!text_equal(ran->description, "tagDatabase"))
        return false;
    for (size_t i = 0; cs && i < cs->changes.n; i++)
        if (cs->changes.at[i].type && change_tag(&cs->changes.at[i]) && change_keeps_tag(&cs->changes.at[i]))
            return false;
    return true;
}

/* Index of the newest row with the tag. */
static bool find_tag(struct ctx *cx, const struct deploy *d, const char *tag, size_t *at)
{
    struct str tags = str_new(cx->arena);
    for (size_t i = d->rows.n; i-- > 0;) {
        const struct ran *r = &d->rows.at[i];
        if (*r->tag && text_equal_nocase(r->tag, tag)) {
            *at = i;
            return true;
        }
        if (*r->tag && tags.len < 200)
            str_addf(&tags, "%s'%s'", tags.len ? ", " : "", r->tag);
    }
    fail(cx, E_INPUT, "no row of %s has the tag '%s'", d->history, tag);
    err_hint(cx, "%s%s", tags.len ? "its tags, newest first: " : "it has no tags at all", tags.s);
    return false;
}

/* taken[i]: is row i in the range? */
static bool find_range(struct ctx *cx, struct deploy *d, const struct catalogue *sets, const struct rollback_range *r,
                       bool *taken)
{
    size_t n = d->rows.n, at = 0;

    switch (r->to) {
    case BACK_TO_TAG:
        if (!find_tag(cx, d, r->tag, &at))
            return false;
        for (size_t i = at; i < n; i++)
            taken[i] = i > at || goes_with_its_tag(&d->rows.at[i], look_up(sets, d->rows.at[i].id, d->rows.at[i].author,
                                                                           d->rows.at[i].same_path));
        return true;
    case BACK_TO_DATE: return rows_after(cx, d, r->date, taken);
    case BACK_BY_COUNT: memset(taken, true, n * sizeof *taken); return true;
    case BACK_ONE:
        for (size_t i = 0; i < n; i++) {
            const struct ran *x = &d->rows.at[i];
            taken[i] = identity_compare(x->id, x->author, x->same_path, r->id, r->author,
                                        changelog_path_normalise(cx->arena, r->path)) == 0;
            at += taken[i];
        }
        if (at)
            return true;
        fail(cx, E_INPUT, "the changeset %s::%s::%s has not run in %s", r->path, r->id, r->author, pg_where(d->pg));
        err_hint(cx, "it has no row in %s, so there is nothing to roll back; see schema-status", d->history);
        return false;
    }
    return true;
}

static bool refuse_unknown(struct ctx *cx, const struct deploy *d, const struct str *unknown, size_t n)
{
    fail(cx, E_GUARD, "%s of %s in the range %s not in the changelog, so how to roll %s back is not known",
         text_plural(cx->arena, (long long)n, "row"), d->history, n == 1 ? "is" : "are", n == 1 ? "it" : "them");
    err_detail(cx, "%s", unknown->s);
    err_hint(
        cx,
        "use the version of the changelog that was deployed; rows of another changelog are left alone with skip_unknown");
    return false;
}

static bool refuse_impossible(struct ctx *cx, const struct undo_list *undo)
{
    fail(cx, E_GUARD, "%s cannot be rolled back; nothing was",
         text_plural(cx->arena, (long long)undo->n_impossible, "changeset"));
    err_detail(cx, "%s", undo->impossible.s);
    err_hint(
        cx,
        "give each of them a rollback, an empty one where there is nothing to undo (formatted SQL: '--rollback empty'); it is in "
        "no checksum, so changesets that ran may get one");
    return false;
}

/* As stored, byte for byte. */
static int by_spelling(const void *a, const void *b)
{
    const struct ran *x = *(const struct ran *const *)a, *y = *(const struct ran *const *)b;
    int order = strcmp(x->id, y->id);
    if (!order)
        order = strcmp(x->author, y->author);
    return order ? order : strcmp(x->path, y->path);
}

/* A row left behind would keep its changeset, which is undone, from running again. `at`: from 1, the item of each changeset. */
static void add_other_rows(struct ctx *cx, const struct deploy *d, const struct catalogue *sets, const size_t *at,
                           struct rollback_plan *plan)
{
    for (size_t i = d->rows.n; plan->items.n && i-- > 0;) {
        const struct ran *ran = &d->rows.at[i];
        const struct changeset *cs = look_up(sets, ran->id, ran->author, ran->same_path);
        struct rollback_item *item =
            cs && at[cs - d->log->sets.at] ? &plan->items.at[at[cs - d->log->sets.at] - 1] : NULL;
        if (item && by_spelling(&ran, &item->ran) != 0)
            *VEC_PUSH(cx->arena, &item->also) = ran;
    }
}

static bool resolve_range(struct ctx *cx, struct deploy *d, const struct rollback_range *range, struct undo_list *out)
{
    struct catalogue sets = catalogue(cx->arena, d->log);
    bool *taken = arena_array(cx->arena, d->rows.n + 1, sizeof *taken);
    long long left = range->to == BACK_BY_COUNT ? range->count : -1;
    struct str unknown = str_new(cx->arena);
    size_t n_unknown = 0, *at = arena_array(cx->arena, d->log->sets.n + 1, sizeof *at);
    bool *seen = arena_array(cx->arena, d->log->sets.n + 1, sizeof *seen);

    *out = (struct undo_list){.impossible = str_new(cx->arena)};
    if (!find_range(cx, d, &sets, range, taken))
        return false;
    for (size_t i = d->rows.n; i-- > 0 && left != 0;) {
        const struct ran *ran = &d->rows.at[i];
        if (!taken[i] || history_own_row(ran))
            continue;
        const struct changeset *cs = look_up(&sets, ran->id, ran->author, ran->same_path);
        if (!cs && range->skip_unknown)
            continue;
        if (!cs) {
            str_addf(&unknown, "%s%s::%s::%s of %s", n_unknown++ ? "\n" : "", ran->path, ran->id, ran->author,
                     ran->executed);
            left -= left > 0;
            continue;
        }
        size_t nth = (size_t)(cs - d->log->sets.at);
        if (seen[nth]) /* it has several rows, and is undone once */
            continue;
        seen[nth] = true;
        if (filtered_by(d, cs)) {
            out->plan.skipped++;
            continue;
        }
        size_t before = out->plan.items.n;
        if (!resolve(cx, d, &sets, ran, cs, out))
            return false;
        at[nth] = out->plan.items.n > before ? out->plan.items.n : 0;
        left -= left > 0;
    }
    add_other_rows(cx, d, &sets, at, &out->plan);
    if (n_unknown)
        return refuse_unknown(cx, d, &unknown, n_unknown);
    return !out->n_impossible || refuse_impossible(cx, out);
}

bool rollback_resolve(struct ctx *cx, struct deploy *d, const struct rollback_range *range, struct rollback_plan *out)
{
    struct undo_list undo;
    bool ok = resolve_range(cx, d, range, &undo);
    *out = undo.plan;
    return ok;
}

bool rollback_resolve_future(struct ctx *cx, struct deploy *d, struct rollback_plan *out)
{
    struct catalogue sets = catalogue(cx->arena, d->log);
    struct undo_list undo = {.impossible = str_new(cx->arena)};

    *out = (struct rollback_plan){0};
    for (size_t i = d->plan.chosen.n; i-- > 0;)
        if (!resolve(cx, d, &sets, NULL, d->plan.chosen.at[i]->set, &undo))
            return false;
    if (undo.n_impossible)
        return refuse_impossible(cx, &undo);
    *out = undo.plan;
    return true;
}

/* ---- running ---- */

static const struct ran **sorted_rows(struct arena *a, const struct ran *rows, size_t n)
{
    const struct ran **out = arena_array(a, n + 1, sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = &rows[i];
    qsort(out, n, sizeof *out, by_spelling);
    return out;
}

/* The rows of what was rolled back must be gone, and all others there. */
static bool verify(struct ctx *cx, struct deploy *d, const struct rollback_plan *plan, struct deploy_report *report)
{
    struct deploy now = *d;
    size_t n_gone = 0, k = 0, g = 0;
    const struct ran **gone = arena_array(cx->arena, d->rows.n + 1, sizeof *gone);
    const struct ran *wrong = NULL;

    now.rows = (typeof(now.rows)){0};
    if (!history_read(cx, &now))
        return false;
    plan_make(cx, &now);
    report->left = now.plan.to_run;
    for (size_t i = 0; i < plan->items.n; i++) {
        const struct rollback_item *item = &plan->items.at[i];
        gone[n_gone++] = item->ran;
        for (size_t n = 0; n < item->also.n; n++)
            gone[n_gone++] = item->also.at[n];
    }
    qsort(gone, n_gone, sizeof *gone, by_spelling);
    const struct ran **before = sorted_rows(cx->arena, d->rows.at, d->rows.n),
                     **after = sorted_rows(cx->arena, now.rows.at, now.rows.n);
    for (size_t i = 0; i < d->rows.n && !wrong; i++) {
        while (g < n_gone && by_spelling(&gone[g], &before[i]) < 0)
            g++;
        bool undone = g < n_gone && by_spelling(&gone[g], &before[i]) == 0;
        bool there = k < now.rows.n && by_spelling(&after[k], &before[i]) == 0;
        k += there;
        if (undone == there)
            wrong = before[i];
    }
    if (!wrong && k == now.rows.n) {
        report->verified = true;
        return true;
    }
    if (wrong)
        fail(cx, E_VERIFY, "after the rollback %s is not as it should be: the row of %s::%s::%s", d->history,
             wrong->path, wrong->id, wrong->author);
    else
        fail(cx, E_VERIFY, "after the rollback %s has rows that it had not before", d->history);
    err_hint(cx, "somebody else writes to the history, or one of the rollbacks does");
    return false;
}

static bool run(struct ctx *cx, struct deploy *d, struct deploy_report *report, const void *user)
{
    struct rollback_plan plan;

    if (!deploy_check(cx, d) || !rollback_resolve(cx, d, user, &plan))
        return false;
    for (size_t i = 0; i < plan.items.n; i++) {
        if (!ctx_alive(cx, "rolling changesets back") || !changeset_undo(cx, d, &plan.items.at[i], report))
            return false;
        report->left++;
        log_progress("changesets", report->steps.n, plan.items.n, "changesets");
    }
    log_progress_done();
    return verify(cx, d, &plan, report);
}

bool rollback_run(struct ctx *cx, struct deploy *d, const struct rollback_range *range, struct deploy_report *report)
{
    struct rollback_plan plan;

    begin_report(cx, d, report);
    if (!rollback_resolve(cx, d, range, &plan))
        return false;
    if (plan.items.n)
        return under_lock(cx, d, report, run, range);
    report->verified = true;
    return lock_tidy(cx, d);
}
