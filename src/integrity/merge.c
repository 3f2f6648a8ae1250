/* merge.c - the parts of a plan put together: every slice once, one moment per side, then compared as two live sides are. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/log.h"
#include "plan.h"

/* ---- one moment ---- */

/* "5:5:": no transaction was under way. With some under way a primary lists them; a standby does not. */
static bool nothing_under_way(const char *snapshot)
{
    const char *colon = strchr(snapshot, ':');
    size_t n = colon ? (size_t)(colon - snapshot) : 0;
    return n && strncmp(snapshot, colon + 1, n) == 0 && colon[1 + n] == ':';
}

void it_moment_add(struct arena *a, struct it_moment *m, const struct it_part *p)
{
    if (!m->parts++)
        *m = (struct it_moment){.parts = 1,
                                .snapshot = arena_strdup(a, p->snapshot),
                                .end_snapshot = arena_strdup(a, p->end_snapshot),
                                .started_at = arena_strdup(a, p->started_at),
                                .exported = arena_strdup(a, p->exported),
                                .lsn = arena_strdup(a, p->lsn),
                                .one_snapshot = true,
                                .one_start = true,
                                .one_lsn = true,
                                .one_exported = true,
                                .still = true};
    m->one_snapshot = m->one_snapshot && text_equal(m->snapshot, p->snapshot);
    m->one_start = m->one_start && text_equal(m->started_at, p->started_at);
    m->one_lsn = m->one_lsn && text_equal(m->lsn, p->lsn);
    m->one_exported = m->one_exported && text_equal(m->exported, p->exported);
    m->standby = m->standby || p->in_recovery;
    m->still = m->still && text_equal(p->end_snapshot, m->snapshot) && nothing_under_way(m->snapshot);
}

/* A snapshot is the list of transactions that it shows: the same list in one life of the server is the same data. */
bool it_moment_is_one(const struct it_moment *m, const char *exported)
{
    if (!m->parts)
        return true;
    if (*exported && m->one_exported && text_equal(m->exported, exported) && m->one_snapshot)
        return true;
    return m->one_start &&
           (m->standby ? m->one_lsn || (m->one_snapshot && nothing_under_way(m->snapshot)) : m->one_snapshot);
}

bool it_moment_shown(const struct it_moment *m, const struct it_side *live, const char *exported)
{
    struct arena scratch = {0};
    struct it_moment both = *m;
    struct it_part now = {.snapshot = live->snapshot,
                          .end_snapshot = live->snapshot,
                          .started_at = live->started_at,
                          .exported = live->exported,
                          .lsn = live->lsn_start,
                          .in_recovery = live->id.in_recovery};

    it_moment_add(&scratch, &both, &now);
    bool one = it_moment_is_one(&both, exported);
    arena_free(&scratch);
    return one;
}

bool it_moment_same(const struct it_side *planned, const struct it_side *live)
{
    struct it_moment m = {.parts = 1,
                          .snapshot = planned->snapshot,
                          .started_at = planned->started_at,
                          .exported = planned->exported,
                          .lsn = planned->lsn_start,
                          .one_snapshot = true,
                          .one_start = true,
                          .one_lsn = true,
                          .standby = planned->id.in_recovery};
    return it_moment_shown(&m, live, "");
}

static void tell_moment(struct it_plan *plan, const struct it_moment *m, bool right)
{
    struct ctx *cx = plan->d.cx;
    struct integrity_report *r = plan->d.report;
    struct it_side *side = it_plan_side(plan, right);
    bool held = *side->exported && m->one_exported && text_equal(m->exported, side->exported);

    side->quiescent = m->still;
    side->quiescence = m->still
                           ? "proven: no transaction that wrote came to its end while the rows were read"
                           : "transactions that write ran meanwhile on this server, and what they wrote was not seen";
    if (!m->parts)
        return;
    if (!it_moment_shown(m, side, side->exported)) { /* a table or a constraint may have come or gone unseen */
        it_uncovered(cx, r,
                     "definitions and sequences of the %s are those of the plan's moment: transactions were committed "
                     "before its slices were read",
                     side->role);
        r->unproven = true;
        it_finding(
            cx, r, INTEGRITY_WARNING, "plan-outdated", NULL,
            "transactions were committed on the server of the %s between the plan and its slices: which tables there are, "
            "and what guards them, is not proven",
            side->role)
            ->hint =
            "hold a snapshot while the slices run (integrity-plan's 'hold_snapshot'), or make the plan when nothing is written";
    }
    if (it_moment_is_one(m, side->exported)) {
        it_proof(
            cx, r,
            held ? "all %zu slices of the %s were read on one exported snapshot, %s, which was held open"
            : m->standby
                ? "all %zu slices of the %s, a standby, were read at one position of the log, %s"
                : "all %zu slices of the %s saw the same transactions, %s: nothing was committed there between the first and the last",
            m->parts, side->role,
            held         ? m->exported
            : m->standby ? m->lsn
                         : m->snapshot);
        return;
    }
    r->unproven = true;
    it_finding(
        cx, r, INTEGRITY_WARNING, "slices-inconsistent", NULL,
        "the slices of the %s were read at different moments, and transactions were committed on its server between them: "
        "equal or not, this proves nothing about one moment",
        side->role)
        ->hint =
        "hold a snapshot while the slices run (integrity-plan's 'hold_snapshot'), stop the writers, or compare a clone";
}

/* ---- the files ---- */

static bool collect(struct ctx *cx, const char *path, int depth, struct str_list *out)
{
    struct str_list names = {.n = 0};

    if (!file_is_dir(path)) {
        *VEC_PUSH(cx->arena, out) = path;
        return true;
    }
    if (!dir_list(cx, path, &names))
        return false;
    for (size_t i = 0; i < names.n; i++) {
        const char *inner = path_join(cx->arena, path, names.at[i]);
        struct arena scratch = {0};
        struct ctx own = {.arena = &scratch, .deadline = cx->deadline};
        bool part = text_ends(inner, ".json") && it_sealed_is(&own, inner, "part");
        arena_free(&scratch);
        if (part)
            *VEC_PUSH(cx->arena, out) = inner;
        else if (depth && file_is_dir(inner) && !collect(cx, inner, depth - 1, out))
            return false;
    }
    return true;
}

static bool missing(struct ctx *cx, const struct it_plan *plan, const char *const *seen)
{
    struct str s = str_new(cx->arena);
    size_t n = 0;

    for (size_t i = 0; i < plan->slices.n; i++)
        if (!seen[i] && n++ < 20)
            str_addf(&s, "%s%zu", s.len ? ", " : "", i);
    if (!n)
        return true;
    fail(cx, E_INCONCLUSIVE, "%zu of %zu slices %s missing: %s%s", n, plan->slices.n, n == 1 ? "is" : "are", s.s,
         n > 20 ? ", …" : "");
    err_hint(cx, "run integrity-diff with 'plan' and 'slice' for each of them, and give all parts to integrity-merge");
    return false;
}

/* One part, read in memory of its own: a plan's parts together may be large. */
static bool take_part(struct ctx *cx, struct it_plan *plan, const char *path, const char **seen,
                      struct it_moment moments[2])
{
    struct arena scratch = {0};
    struct ctx own = {.arena = &scratch, .deadline = cx->deadline};
    struct it_part part;
    bool ok = it_part_open(&own, plan, path, &part);

    if (ok) {
        if (seen[part.slice]) {
            ok = fail(&own, E_INPUT, "slice %zu is there twice: %s and %s", part.slice, seen[part.slice], path);
            err_hint(&own, "keep the part of one attempt only: twice the same rows would cancel each other");
        } else {
            seen[part.slice] = path;
            it_moment_add(cx->arena, &moments[plan->slices.at[part.slice].right], &part);
            ok = it_part_join(&own, plan, &part);
        }
        it_part_close(&part);
    }
    if (!ok && !cx->err.code)
        cx->err = own.err;
    arena_free(&scratch);
    return ok && ctx_alive(cx, "reading the parts");
}

bool it_merge_files(struct ctx *cx, struct it_plan *plan, const struct str_list *files, struct it_moment moments[2])
{
    const char **seen = arena_array(cx->arena, plan->slices.n + 1, sizeof *seen);
    struct str_list all = {.n = 0};

    for (size_t i = 0; i < files->n; i++)
        if (!collect(cx, files->at[i], 1, &all))
            return false;
    for (size_t i = 0; i < plan->d.pairs.n; i++) {
        struct it_pair *p = &plan->d.pairs.at[i];
        if (!p->comparable)
            continue;
        it_pass_begin(&p->right_pass);
        if (plan->d.left.live && !plan->certify)
            it_pass_begin(&p->left_pass);
    }
    for (size_t i = 0; i < all.n; i++)
        if (!take_part(cx, plan, all.at[i], seen, moments))
            return false;
    return missing(cx, plan, seen);
}

/* ---- naming rows ---- */

/* Which unequal chunks does the open side still show as the parts have them? Keeps those in p->unequal, the others go to rest. */
static bool still_shown(struct it_diff *d, struct it_pair *p, bool right, int64_t *rest, size_t *n_rest)
{
    const struct it_pass *joined = right ? &p->right_pass : &p->left_pass;
    struct it_pass now = *joined;
    struct it_table *t = now.table;
    size_t kept = 0;

    if (!p->n_unequal)
        return true;
    now.only = p->unequal;
    now.n_only = p->n_unequal;
    it_pass_queue(&now, d->o->slice_bytes);
    if (!pg_pool_run(d->cx, now.side->pool))
        return false;
    bool failed = t->skip != NULL;
    t->skip = t->skip_code = t->skip_message = NULL; /* it was read when the parts were */
    for (size_t i = 0; i < p->n_unequal; i++) {
        int64_t id = p->unequal[i];
        if (!failed && it_chunk_equal(p, &joined->chunks, it_chunks_find(&joined->chunks, id), NULL, &now.chunks,
                                      it_chunks_find(&now.chunks, id), NULL))
            p->unequal[kept++] = id;
        else
            rest[(*n_rest)++] = id;
    }
    p->n_unequal = kept;
    return true;
}

/* Ranges and columns only. */
static bool name_ranges(struct it_diff *d, struct it_pair *p)
{
    struct pg_pool *pool = d->right.pool;
    bool ok;

    if (!p->n_unequal)
        return true;
    if (p->without) {
        it_rows_unprovable(d, p);
        return true;
    }
    if (d->left.live)
        p->left->chunks = p->left_pass.chunks;
    d->right.pool = NULL;
    ok = it_evidence(d, p);
    d->right.pool = pool;
    return ok;
}

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool name_pair(struct it_plan *plan, struct it_pair *p)
{
    struct it_diff *d = &plan->d;
    int64_t *rest = arena_array(d->cx->arena, p->n_unequal + 1, sizeof *rest);
    size_t n_rest = 0;

    if (!p->n_unequal)
        return true;
    qsort(p->unequal, p->n_unequal, sizeof *p->unequal, by_id);
    if (!d->right.pool || (d->left.live && !d->left.pool))
        return name_ranges(d, p);
    if (!plan->shown[1] && !still_shown(d, p, true, rest, &n_rest))
        return false;
    if (d->left.live && !plan->shown[0] && !still_shown(d, p, false, rest, &n_rest))
        return false;
    size_t all = p->n_unequal + n_rest;
    if (!it_name_differences(d, p))
        return false;
    if (!n_rest)
        return true;
    it_uncovered(
        d->cx, d->report,
        "%s: %zu of %zu differing chunks have changed since their slices were read, so their rows could not be named",
        p->left->object, n_rest, all);
    p->unequal = rest;
    p->n_unequal = n_rest;
    return name_ranges(d, p);
}

/* ---- the whole ---- */

static bool take_certificate(struct ctx *cx, struct it_plan *plan, const char *path)
{
    struct it_side side = {0};

    if (!*plan->certificate)
        return !path || fail(cx, E_INPUT, "the plan compares two databases, so 'baseline' has no place in it");
    if (!path) {
        fail(cx, E_INPUT, "the plan compares with a certificate, and none is given");
        err_hint(cx, "give the certificate that integrity-plan was given, as 'baseline'");
        return false;
    }
    if (!it_certificate_read(cx, path, &side))
        return false;
    if (!text_equal(side.root, plan->certificate))
        return fail(cx, E_INPUT, "certificate %s is not the one that the plan was made with (root %.16s…, not %.16s…)",
                    path, side.root, plan->certificate);
    for (size_t i = 0; i < side.tables.n; i++) {
        struct it_table *t = it_table_find(&plan->d.left, side.tables.at[i].schema, side.tables.at[i].name);
        if (!t)
            continue;
        t->chunks = side.tables.at[i].chunks;
        if (!plan->shown[1]) /* the sketch is held against the right side's rows: they must be the parts' */
            continue;
        t->sketch = side.tables.at[i].sketch;
        t->sketched = side.tables.at[i].sketched;
    }
    plan->d.left.root = side.root;
    return true;
}

/* Without one moment a difference may be a write between the slices. */
static void demote(struct integrity_report *r)
{
    for (size_t i = 0; i < r->findings.n; i++) {
        struct integrity_finding *f = &r->findings.at[i];
        if (text_starts(f->code, "rows-") || text_equal(f->code, "range-differs") ||
            text_equal(f->code, "chunks-differ"))
            f->severity = INTEGRITY_WARNING;
    }
}

bool it_merge_compare(struct ctx *cx, struct it_plan *plan, const char *certificate)
{
    struct it_diff *d = &plan->d;

    if (!take_certificate(cx, plan, certificate))
        return false;
    for (size_t i = 0; i < d->pairs.n; i++) {
        struct it_pair *p = &d->pairs.at[i];
        if (!p->comparable || p->left->skip || p->right->skip)
            continue;
        it_compare_pair(d, p);
        if (!name_pair(plan, p))
            return false;
    }
    for (size_t i = 0; !d->right.pool && i < d->pairs.n; i++)
        if (d->pairs.at[i].added.n)
            it_uncovered(cx, d->report, "%s: the values of added columns were not counted: no database was given (%s)",
                         d->pairs.at[i].right->object, it_join(cx->arena, &d->pairs.at[i].added, ", "));
    if (!d->right.pool)
        it_uncovered(
            cx, d->report,
            "orphans, duplicates, sequences behind their columns and large objects were not looked at: no database was given");
    if (!d->right.pool && d->o->large_objects) {
        d->report->unproven = true;
        it_finding(cx, d->report, INTEGRITY_WARNING, "large-objects-unproven", NULL,
                   "large objects are to be compared, and no database was given to read them from")
            ->hint = "give integrity-merge the databases, or make the plan without 'large_objects'";
    }
    return !d->right.pool || (it_added_columns(d) && it_expectations(d) && it_measure(d));
}

void it_merge_conclude(struct it_plan *plan, const struct it_moment moments[2])
{
    struct it_diff *d = &plan->d;

    if (d->left.live)
        tell_moment(plan, &moments[0], false);
    tell_moment(plan, &moments[1], true);
    if (!it_moment_is_one(&moments[0], d->left.exported) || !it_moment_is_one(&moments[1], d->right.exported))
        demote(d->report);
    it_proof(d->cx, d->report, "%zu parts of plan %s were merged, each slice once, each intact by its SHA-256 root",
             plan->slices.n, plan->id);
    d->report->root_digest = plan->id;
    it_conclude_all(d);
}

void it_merge_rewritten(struct it_plan *plan, struct it_side *live, bool right)
{
    for (size_t i = 0; i < plan->d.pairs.n; i++) {
        struct it_table *planned = right ? plan->d.pairs.at[i].right : plan->d.pairs.at[i].left;
        const struct it_table *t = it_table_find(live, planned->schema, planned->name);
        if (t && t->skip && !planned->skip && !it_skip_is_scope(t->skip))
            planned->skip = t->skip;
    }
}

bool it_merge_certify(struct ctx *cx, struct it_plan *plan, const struct it_moment *moment, const char *path)
{
    struct it_side *side = &plan->d.right;

    bool one = it_moment_is_one(moment, side->exported);
    if (!one || !it_moment_shown(moment, side, side->exported)) {
        fail(cx, E_INCONCLUSIVE,
             "the %s were read at different moments, and transactions were committed on the server between them",
             one ? "catalogue, for the plan, and the slices" : "slices");
        err_hint(
            cx,
            "a certificate is of one moment: hold a snapshot while the slices run (integrity-plan's 'hold_snapshot'), or stop the writers");
        return false;
    }
    for (size_t i = 0; i < plan->d.pairs.n; i++) {
        struct it_pair *p = &plan->d.pairs.at[i];
        if (!p->comparable || p->right->skip)
            continue;
        p->right->chunks = p->right_pass.chunks;
        it_chunks_sort(&p->right->chunks);
        p->right->rows = (long long)it_chunks_rows(&p->right->chunks);
    }
    side->snapshot = moment->snapshot;
    side->lsn_start = side->lsn_end = moment->lsn;
    tell_moment(plan, moment, true);
    plan->d.report->quiescent = side->quiescent;
    return it_certify(cx, side, &plan->o, path, plan->d.report);
}

/* A held snapshot sees a table that was truncated or rewritten since as empty, or not at all. */
static bool same_files(struct it_plan *plan, struct it_side *live, bool right)
{
    for (size_t i = 0; i < plan->d.pairs.n; i++) {
        const struct it_table *t = right ? plan->d.pairs.at[i].right : plan->d.pairs.at[i].left;
        const struct it_table *now = it_table_find(live, t->schema, t->name);
        if (!now || now->leaves.n != t->leaves.n)
            return false;
        for (size_t l = 0; l < t->leaves.n; l++)
            if (now->leaves.at[l].filenode != t->leaves.at[l].filenode)
                return false;
    }
    return true;
}

/* A connection to a planned side, on the held snapshot when it is still there. */
static bool attach(struct ctx *cx, struct it_plan *plan, bool right, const struct pg_target *target,
                   const struct it_moment *m, struct it_side *live)
{
    struct it_side *planned = it_plan_side(plan, right);
    struct integrity_options o = plan->o;

    o.snapshot = *planned->exported ? planned->exported : NULL;
    bool ok = it_side_open(cx, live, target, planned->role, &o);
    if (!ok && o.snapshot && cx->err.code != E_INTERRUPTED && cx->err.code != E_TIMEOUT) {
        log_info("snapshot %s is not held any more; reading the %s as it is now", planned->exported, planned->role);
        err_clear(cx);
        o.snapshot = NULL;
        *live = (struct it_side){0};
        ok = it_side_open(cx, live, target, planned->role, &o);
    }
    if (!ok || !it_plan_same_database(cx, planned, live))
        return false;
    planned->pool = live->pool;
    plan->shown[right] = it_moment_shown(m, live, planned->exported) && same_files(plan, live, right);
    return true;
}

bool integrity_merge(struct ctx *cx, const char *plan_path, const struct str_list *parts, const char *certificate,
                     const struct pg_target *left, const struct pg_target *right,
                     const struct integrity_options *options, const char *out, struct integrity_report *report)
{
    struct it_moment moments[2] = {{0}};
    struct it_side live[2] = {{0}};
    struct it_plan *plan;
    bool ok = false;

    if (!it_plan_read(cx, plan_path, options, report, &plan) || !it_merge_files(cx, plan, parts, moments))
        return false;
    struct it_diff *d = &plan->d;
    if (plan->certify)
        return it_merge_certify(cx, plan, &moments[1], out);
    if (right && !attach(cx, plan, true, right, &moments[1], &live[1]))
        goto done;
    if (left && right && d->left.live && !attach(cx, plan, false, left, &moments[0], &live[0]))
        goto done;
    if (left && right && !d->left.live && !it_side_open(cx, &d->witness, left, "source", &plan->o))
        goto done;
    if (!it_merge_compare(cx, plan, certificate))
        goto done;
    for (int s = 0; s < 2; s++) {
        if (!plan->shown[s])
            continue; /* what was read again was compared with the parts */
        if (!it_side_check(cx, &live[s], report))
            goto done;
        it_merge_rewritten(plan, &live[s], s);
    }
    it_merge_conclude(plan, moments);
    ok = true;
    for (int s = 0; s < 2; s++)
        if (live[s].pool && pg_pool_size(live[s].pool) > report->connections_used)
            report->connections_used = pg_pool_size(live[s].pool);
done:
    pg_pool_close(live[0].pool);
    pg_pool_close(live[1].pool);
    pg_pool_close(d->witness.pool);
    return ok;
}
