/* resume.c - a comparison that goes on where it was interrupted: the plan and the parts of its slices lie in a folder, and a later run reads only
 * what is missing, if both databases provably show what they showed when the parts were read. */
#include <string.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/log.h"
#include "plan.h"
#include "watch.h"

enum { FEWEST_SLICES = 32, MOST_SLICES = 256 };

struct resume {
    struct ctx *cx;
    const char *folder, *plan_path, *certificate;
    struct it_plan *plan;
    bool *done; /* slices whose part is there */
    size_t n_done;
    const char *anew; /* why it begins anew, NULL: it does not */
};

static const char *part_path(const struct resume *r, size_t slice)
{
    return path_join(r->cx->arena, r->folder, arena_printf(r->cx->arena, "part-%zu.json", slice));
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
    size_t n = a ? a->n : 0;
    bool same = n == (b ? b->n : 0);
    for (size_t i = 0; same && i < n; i++)
        same = text_equal(a->at[i], b->at[i]);
    return same;
}

static bool same_request(const struct it_plan *p, const struct it_plan *fresh)
{
    const struct integrity_options *a = &p->o, *b = &fresh->o;
    return p->certify == fresh->certify && a->strictness == b->strictness && a->sums == b->sums &&
           a->materialized_views == b->materialized_views && a->large_objects == b->large_objects &&
           a->foreign_keys == b->foreign_keys && p->d.right.portable == fresh->d.right.portable &&
           (p->certify || p->d.left.portable == fresh->d.left.portable) && same_list(a->tables, b->tables) &&
           same_list(a->exclude_tables, b->exclude_tables) && same_list(a->expected_changes, b->expected_changes) &&
           same_list(a->live_writes, b->live_writes) && same_list(a->derived_changes, b->derived_changes) &&
           text_equal(p->certificate, fresh->d.left.live ? "" : fresh->d.left.root);
}

/* A table that could not be read then may be readable now. */
static bool all_read(const struct it_part *part)
{
    for (const struct json *v = json_first(json_get(json_root(part->doc), "tables")); v; v = json_next(v))
        if (json_is_string(json_get(v, "skip")))
            return false;
    return true;
}

/* Which parts are there and hold. A part that is damaged or foreign is read again; one from another moment spoils them all. */
static void find_parts(struct resume *r, struct it_side *const live[2])
{
    static const char since[] =
        "transactions were committed since, so what was read then and what is read now would be of different moments";

    /* The plan too is of a moment: what guards the data stands in it. */
    for (int s = 0; s < 2; s++)
        if (live[s] && !it_moment_same(it_plan_side(r->plan, s), live[s]))
            r->anew = since;
    for (size_t i = 0; i < r->plan->slices.n && !r->anew; i++) {
        struct arena scratch = {0};
        struct ctx own = {.arena = &scratch, .deadline = r->cx->deadline};
        struct it_part part;
        if (it_part_open(&own, r->plan, part_path(r, i), &part)) {
            const struct it_side *side = live[r->plan->slices.at[i].right];
            struct it_moment m = {.parts = 0};
            it_moment_add(&scratch, &m, &part);
            if (!side || !it_moment_shown(&m, side, ""))
                r->anew = since;
            r->done[i] = part.slice == i && all_read(&part);
            r->n_done += r->done[i];
            it_part_close(&part);
        }
        arena_free(&scratch);
    }
}

/* The plan that lies in the folder, when it is of this request and these databases. */
static bool old_plan(struct resume *r, struct it_plan *fresh, const struct integrity_options *o,
                     struct integrity_report *told)
{
    struct it_plan *p;

    if (!file_exists(r->plan_path))
        return false;
    if (!it_plan_read(r->cx, r->plan_path, o, told, &p))
        r->anew = "the plan in the folder cannot be read";
    else if (!same_request(p, fresh))
        r->anew = "the plan in the folder is of another comparison";
    else if (!it_plan_same_database(r->cx, &p->d.right, &fresh->d.right) ||
             (p->d.left.live && !p->certify && !it_plan_same_database(r->cx, &p->d.left, &fresh->d.left)))
        r->anew = "the plan in the folder is of another database";
    else
        r->plan = p;
    err_clear(r->cx); /* it is an answer, not a failure */
    return r->plan != NULL;
}

/* About as much at a time as one query of an ordinary run reads. */
static long long slices_for(const struct it_plan *p, long long slice_bytes)
{
    const struct it_side *sides[] = {&p->d.left, &p->d.right};
    long long bytes = 0;

    for (size_t s = p->certify; s < COUNT(sides); s++)
        for (size_t i = 0; sides[s]->live && i < sides[s]->tables.n; i++)
            bytes += sides[s]->tables.at[i].bytes;
    long long n = bytes / slice_bytes;
    return n < FEWEST_SLICES ? FEWEST_SLICES : n > MOST_SLICES ? MOST_SLICES : n;
}

/* `told`: how many findings are of this run, and not of the old plan's pairing. */
static bool begin_anew(struct resume *r, struct it_plan *fresh, const struct integrity_options *o,
                       struct integrity_report *report, size_t told)
{
    struct str_list names = {.n = 0};

    report->findings.n = told;
    report->tables.n = report->uncovered.n = 0;
    report->unproven = false;
    report->tables_uncovered = 0;
    if (!dir_list(r->cx, r->folder, &names))
        return false;
    for (size_t i = 0; i < names.n; i++)
        if (text_starts(names.at[i], "part-") && text_ends(names.at[i], ".json"))
            unlink(path_join(r->cx->arena, r->folder, names.at[i]));
    const char *exported[2] = {fresh->d.left.exported, fresh->d.right.exported};
    fresh->d.left.exported = fresh->d.right.exported = ""; /* no other process shall read on them */
    bool ok = it_plan_cut(r->cx, fresh, slices_for(fresh, o->slice_bytes)) && it_plan_measure(r->cx, fresh, report) &&
              it_plan_write(r->cx, fresh, r->plan_path) && it_plan_read(r->cx, r->plan_path, o, report, &r->plan);
    fresh->d.left.exported = exported[0];
    fresh->d.right.exported = exported[1];
    if (!ok)
        return false;
    r->done = arena_array(r->cx->arena, r->plan->slices.n + 1, sizeof *r->done);
    r->n_done = 0;
    return true;
}

static size_t next_slice(const struct resume *r, bool right, size_t from)
{
    while (from < r->plan->slices.n && (r->done[from] || r->plan->slices.at[from].right != right))
        from++;
    return from;
}

static bool write_parts(struct resume *r, struct it_side *const live[2], struct it_reading reading[2])
{
    for (int s = 0; s < 2; s++) {
        struct integrity_report told = {.unproven = false};
        const char *root;
        if (live[s] && reading[s].n &&
            (!it_side_check(r->cx, live[s], &told) ||
             !it_part_write(r->cx, &reading[s], part_path(r, reading[s].slice), &root)))
            return false;
    }
    return true;
}

static bool compile(struct ctx *cx, struct it_side *const live[2], bool on)
{
    return (!live[0] || it_side_compile(cx, live[0], on)) && it_side_compile(cx, live[1], on);
}

/* One slice of each side at a time, so that both servers work; each in memory of its own. */
static bool read_slices(struct resume *r, struct it_side *const live[2], long long slice_bytes)
{
    size_t n = r->plan->slices.n, at[2] = {next_slice(r, false, 0), next_slice(r, true, 0)};
    bool ok = compile(r->cx, live, true);

    while (ok && (at[0] < n || at[1] < n)) {
        struct arena scratch = {0};
        struct ctx own = {.arena = &scratch, .deadline = r->cx->deadline};
        struct it_reading reading[2] = {{.n = 0}};
        struct pg_pool *pools[2];
        size_t busy = 0;
        for (int s = 0; ok && s < 2; s++) {
            if (at[s] >= n || !live[s])
                continue;
            ok = it_slice_queue(&own, r->plan, at[s], live[s], slice_bytes, &reading[s]);
            pools[busy++] = live[s]->pool;
        }
        if (own.err.code && !r->cx->err.code)
            r->cx->err = own.err;
        ok = ok && pg_pools_run(r->cx, pools, busy) && write_parts(r, live, reading);
        for (int s = 0; s < 2; s++)
            at[s] = at[s] < n ? next_slice(r, s, at[s] + 1) : n;
        arena_free(&scratch);
    }
    return ok && compile(r->cx, live, false);
}

/* The real end: was anything written since, was a table rewritten under us? */
static bool finish(struct resume *r, struct it_side *const live[2], struct integrity_report *report,
                   struct it_moment moments[2])
{
    for (int s = 0; s < 2; s++) {
        if (!live[s])
            continue;
        if (!it_side_finish(r->cx, live[s], report))
            return false;
        moments[s].still = live[s]->quiescent;
        it_merge_rewritten(r->plan, live[s], s);
    }
    return true;
}

static void tell(struct resume *r, struct integrity_report *report)
{
    if (r->anew) {
        it_finding(r->cx, report, INTEGRITY_NOTE, "resume-anew", NULL, "the interrupted run in %s was not resumed: %s",
                   r->folder, r->anew);
        log_info("beginning anew: %s", r->anew);
    } else if (r->n_done) {
        it_proof(
            r->cx, report,
            "%zu of %zu slices were read by an interrupted run before, of the same transactions, and were not read again",
            r->n_done, r->plan->slices.n);
        log_info("%zu of %zu slices are there already", r->n_done, r->plan->slices.n);
    }
}

static bool merge_all(struct resume *r, const struct it_plan *fresh, struct it_side *const live[2], const char *out,
                      struct integrity_report *report)
{
    struct it_moment moments[2] = {{0}};
    struct str_list files = {.n = 0};
    struct it_diff *d = &r->plan->d;

    for (size_t i = 0; i < r->plan->slices.n; i++)
        *VEC_PUSH(r->cx->arena, &files) = part_path(r, i);
    if (!it_merge_files(r->cx, r->plan, &files, moments))
        return false;
    if (fresh->certify)
        return finish(r, live, report, moments) && it_merge_certify(r->cx, r->plan, &moments[1], out);
    r->plan->shown[0] = r->plan->shown[1] = true; /* the slices that were kept, too */
    d->left.pool = fresh->d.left.pool;
    d->right.pool = fresh->d.right.pool;
    d->right.snapshot = fresh->d.right.snapshot;
    d->witness = fresh->d.witness;
    if (!it_merge_compare(r->cx, r->plan, r->certificate) || !finish(r, live, report, moments))
        return false;
    it_merge_conclude(r->plan, moments);
    return true;
}

/* certificate and left NULL: `right` is certified, into `out`. */
static bool run(struct ctx *cx, const char *folder, const char *certificate, const struct pg_target *left,
                const struct pg_target *right, const struct integrity_options *options, const char *out,
                struct integrity_report *report)
{
    struct resume r = {
        .cx = cx, .folder = folder, .plan_path = path_join(cx->arena, folder, "plan.json"), .certificate = certificate};
    struct integrity_report told = {.unproven = false};
    struct it_plan *fresh = ARENA_NEW(cx->arena, struct it_plan);
    struct it_watch *watch = NULL;
    bool ok = false;

    fresh->o = *options;
    fresh->d = (struct it_diff){.cx = cx, .o = &fresh->o, .report = &told};
    watch = it_watch_new(cx, &fresh->o, report);
    if (!dir_make(cx, folder) || !it_plan_open(cx, fresh, certificate, left, right) ||
        !it_watch_side(watch, &fresh->d.right, right) ||
        (left && !it_watch_side(watch, certificate ? &fresh->d.witness : &fresh->d.left, left)))
        goto done;
    struct it_side *const live[2] = {fresh->d.left.pool && !fresh->certify ? &fresh->d.left : NULL, &fresh->d.right};
    size_t findings = report->findings.n;
    if (old_plan(&r, fresh, options, report)) {
        r.done = arena_array(cx->arena, r.plan->slices.n + 1, sizeof *r.done);
        find_parts(&r, live);
    }
    if ((r.anew || !r.plan) && !begin_anew(&r, fresh, options, report, findings))
        goto done;
    tell(&r, report);
    ok = read_slices(&r, live, fresh->o.slice_bytes) && merge_all(&r, fresh, live, out, report);
done:
    it_watch_end(watch, ok);
    it_plan_close(fresh);
    return ok;
}

bool integrity_diff_resumable(struct ctx *cx, const char *folder, const char *certificate, const struct pg_target *left,
                              const struct pg_target *right, const struct integrity_options *options,
                              struct integrity_report *report)
{
    if (!certificate && !left)
        return fail(cx, E_INPUT, "there is nothing to compare with");
    return run(cx, folder, certificate, left, right, options, NULL, report);
}

bool integrity_baseline_resumable(struct ctx *cx, const char *folder, const struct pg_target *db,
                                  const struct integrity_options *options, const char *path,
                                  struct integrity_report *report)
{
    struct integrity_options o = *options;

    if (o.sketch_bytes) {
        fail(cx, E_INPUT, "a sketch is not taken slice by slice");
        err_hint(cx, "leave 'sketch' or 'resume_dir' out");
        return false;
    }
    o.expected_changes = o.live_writes = NULL; /* they are for the sketch */
    return run(cx, folder, NULL, NULL, db, &o, path, report);
}
