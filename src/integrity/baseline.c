/* baseline.c - the certificate of one database; see integrity.h. */
#include "compare.h"
#include "dbstep/log.h"
#include "watch.h"

static void describe(struct ctx *cx, struct it_side *side, struct integrity_report *r)
{
    for (size_t i = 0; i < side->tables.n; i++) {
        struct it_table *t = &side->tables.at[i];
        struct integrity_table *line = VEC_PUSH(cx->arena, &r->tables);
        *line = (struct integrity_table){.object = t->object, .rows_left = -1, .rows_right = -1};
        line->key = t->key.n ? it_join(cx->arena, &t->key, ", ") : "none: rows as a multiset";
        if (t->skip) {
            line->status = "left out";
            line->note = t->skip;
            r->tables_uncovered++;
            it_uncovered(cx, r, "%s: %s", t->object, t->skip);
            if (t->skip_code) {
                r->unproven = true;
                it_finding(cx, r, INTEGRITY_WARNING, t->skip_code, t->object, "%s", t->skip_message)->hint =
                    "grant it, or leave the table out with 'exclude_tables'";
            }
            continue;
        }
        line->status = "certified";
        line->note = "";
        line->rows_left = t->rows;
        line->chunks = (long long)t->chunks.n;
        line->columns = (long long)t->columns.n;
        r->tables_compared++;
        r->rows_compared += t->rows;
        r->columns_compared += line->columns;
        r->values_compared += t->rows * line->columns;
        r->chunks_compared += line->chunks;
        for (size_t l = 0; l < t->leaves.n; l++)
            if (t->leaves.at[l].foreign)
                it_uncovered(cx, r, "%s: partition %s.%s is a foreign table", t->object, t->leaves.at[l].schema,
                             t->leaves.at[l].name);
    }
}

/* The columns of a table's own pass: keys, then everything else in the table's order. */
static void own_pass(struct ctx *cx, struct it_side *side, struct it_table *t, struct it_pass *p)
{
    *p = (struct it_pass){.cx = cx, .side = side, .table = t, .geometry = &t->geometry, .strong = t->strong};
    p->bounded = t->geometry.kind == KEY_RANGE && !t->geometry_given; /* the bounds are its own */
    p->finds_bounds = t->bounds_by_pass;
    for (size_t k = 0; k < t->key.n; k++) {
        struct it_column *own = VEC_PUSH(cx->arena, &p->keys);
        *own = *it_column_find(t, t->key.at[k]);
        own->portable = it_portable(side->portable, own->family);
    }
    for (size_t c = 0; c < t->columns.n; c++) {
        bool key = false;
        for (size_t k = 0; k < t->key.n; k++)
            key = key || text_equal(t->key.at[k], t->columns.at[c].name);
        if (key)
            continue;
        struct it_column *own = VEC_PUSH(cx->arena, &p->columns);
        *own = t->columns.at[c];
        own->portable = it_portable(side->portable, own->family);
        *VEC_PUSH(cx->arena, &t->digested) = t->columns.at[c].name;
    }
}

/* Whatever is expected of a column hides what else happens to a row, unless the sketch leaves it out. */
static struct it_sketch_job sketch_job(struct it_declared *d, const struct it_pass *p, struct it_table *t)
{
    struct it_sketch_job j = it_sketch_start(p);

    for (size_t c = 0; c < p->columns.n; c++) {
        const char *name = p->columns.at[c].name;
        if (it_declared_find(d, CHANGE_DROP_COLUMN, t, name) || it_declared_find(d, CHANGE_COLUMN, t, name) ||
            it_live_column(d, t, name))
            continue;
        it_sketch_column(&j, &p->columns.at[c], c);
        *VEC_PUSH(p->cx->arena, &t->sketched) = name;
    }
    return j;
}

/* The sketches, now that the tables' rows are counted. */
static bool take_sketches(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                          const struct it_pass *passes, struct it_table *const *tables, size_t n,
                          struct integrity_report *r)
{
    struct it_declared declared = {.live = {.n = 0}};
    struct it_sketch_job *jobs = arena_array(cx->arena, n, sizeof *jobs);
    size_t *cells = arena_array(cx->arena, n, sizeof *cells), sketched = 0, without = 0;

    if (!o->sketch_bytes)
        return true;
    if (!it_declared_parse(cx, o->expected_changes, o->live_writes, &declared))
        return false;
    it_sketch_share(cx->arena, tables, n, o->sketch_bytes, cells);
    for (size_t i = 0; i < n; i++) {
        jobs[i] = sketch_job(&declared, &passes[i], tables[i]);
        if (cells[i])
            it_sketch_queue(&jobs[i], cells[i], o->slice_bytes);
    }
    if (!it_sketch_run(cx, side))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (tables[i]->skip || !tables[i]->rows)
            continue;
        tables[i]->sketch = jobs[i].sketch;
        *(cells[i] ? &sketched : &without) += 1;
    }
    if (sketched)
        it_proof(cx, r,
                 "a sketch of %s lets integrity-diff name rows that changed or went, although the old ones are gone",
                 text_plural(cx->arena, (long long)sketched, "table"));
    if (without)
        it_uncovered(cx, r, "no sketch of %s: they have no key, or the input 'sketch' leaves them no room",
                     text_plural(cx->arena, (long long)without, "table"));
    return true;
}

void it_geometry_take_over(struct it_side *side, const struct it_side *from)
{
    for (size_t i = 0; i < from->tables.n; i++) {
        const struct it_table *old = &from->tables.at[i];
        struct it_table *t = old->skip ? NULL : it_table_find(side, old->schema, old->name);
        bool same = t && !t->skip && t->key.n == old->key.n && (old->geometry.sums || !it_side_needs_sums(side));
        for (size_t k = 0; same && k < old->key.n; k++) {
            const struct it_column *now = it_column_find(t, t->key.at[k]), *was = it_column_find(old, old->key.at[k]);
            same = text_equal(now->name, was->name) &&
                   it_family_accepts(old->geometry.kind == KEY_RANGE ? FAM_INT8 : was->family, now);
        }
        if (!same)
            continue;
        t->geometry = old->geometry;
        t->geometry.portable = it_portable(side->portable, FAM_INT8);
        t->geometry_given = true;
        for (size_t c = 0; c < t->columns.n; c++) {
            const struct it_column *was = it_column_find(old, t->columns.at[c].name);
            if (was && it_family_accepts(was->family, &t->columns.at[c]) &&
                (was->family != FAM_NUMERIC || was->typmod == t->columns.at[c].typmod))
                t->columns.at[c].family = was->family;
        }
    }
}

bool it_certify(struct ctx *cx, struct it_side *side, const struct integrity_options *o, const char *path,
                struct integrity_report *r)
{
    if (o->certificate_bytes && !it_certificate_bound(cx, side, o->certificate_bytes, r))
        return false;
    describe(cx, side, r);
    it_scope_unused(cx, r, o, side, NULL);
    if (!r->tables_compared) {
        r->unproven = true;
        it_finding(cx, r, INTEGRITY_WARNING, "nothing-certified", NULL, "no table was certified: the database has %zu",
                   side->tables.n)
            ->hint =
            "is it the right database, may the role see its tables, and do 'tables' and 'exclude_tables' leave any?";
    }
    r->quiescent = side->quiescent;
    if (!it_certificate_write(cx, side, path, &r->root_digest))
        return false;
    r->certificate_file = path;
    it_proof(cx, r, "%lld rows of %lld tables (%lld columns) are certified on one snapshot, in %lld chunks",
             r->rows_compared, r->tables_compared, r->columns_compared, r->chunks_compared);
    if (side->portable)
        it_digest_tell(cx, r, side->portable);
    it_proof(cx, r, "the certificate's root is SHA-256 %s", r->root_digest);
    return true;
}

bool integrity_baseline(struct ctx *cx, const struct pg_target *db, const struct integrity_options *options,
                        const char *path, struct integrity_report *r)
{
    struct integrity_options own = *options, *o = &own;
    struct it_side side = {0}, from = {0};
    struct it_watch *watch = it_watch_new(cx, o, r);
    struct it_table **wanted = NULL;
    struct it_pass *passes = NULL;
    size_t n = 0;
    bool ok = false;

    if (o->geometry_from) {
        if (!it_certificate_read(cx, o->geometry_from, &from))
            goto done;
        o->strictness = from.strictness;
    }
    if (!it_side_open(cx, &side, db, "database", o) || !it_watch_side(watch, &side, db))
        goto done;
    if (o->sketch_bytes && !it_sketch_possible(&side)) {
        fail(cx, E_INPUT, "a sketch takes PostgreSQL 14 or newer, and the database runs %s", side.id.server_version);
        err_hint(cx, "leave the input 'sketch' out");
        goto done;
    }
    o->sums = o->sums || it_side_needs_sums(&side);
    it_digest_of_certificate(&side, o->geometry_from ? &from : NULL, o);
    it_geometry_take_over(&side, &from);
    wanted = arena_array(cx->arena, side.tables.n, sizeof *wanted);
    for (size_t i = 0; i < side.tables.n; i++)
        if (!side.tables.at[i].skip)
            wanted[n++] = &side.tables.at[i];
    passes = arena_array(cx->arena, n, sizeof *passes);
    if (!it_geometry_choose(cx, &side, o, wanted, n, true))
        goto done;
    for (size_t i = 0; i < n; i++) {
        own_pass(cx, &side, wanted[i], &passes[i]);
        if (!wanted[i]->skip)
            it_pass_queue(&passes[i], o->slice_bytes);
    }
    if (!it_side_compile(cx, &side, true) || !pg_pool_run(cx, side.pool) || !it_side_compile(cx, &side, false))
        goto done;
    it_watch_done(watch);
    for (size_t i = 0; i < n; i++) {
        if (wanted[i]->skip)
            continue;
        wanted[i]->chunks = passes[i].chunks;
        it_chunks_sort(&wanted[i]->chunks);
        wanted[i]->rows = (long long)it_chunks_rows(&wanted[i]->chunks);
    }
    if (!take_sketches(cx, &side, o, passes, wanted, n, r) || !it_history_take(cx, &side) ||
        !it_objects_measure(cx, &side, o, r) || !pg_pool_run(cx, side.pool) || !it_side_finish(cx, &side, r))
        goto done;
    ok = it_certify(cx, &side, o, path, r);
done:
    it_watch_end(watch, ok);
    pg_pool_close(side.pool);
    return ok;
}
