/* part.c - reading one slice of a plan, and the file that holds what was read.
 *
 * The body of a part: version, tool, taken_at, plan (its id), slice, side, digest_family, exported_snapshot, started_at (of the server),
 * end_snapshot, server, settings, probes (certificate.c), tables [{schema, name, filenodes, inserted, updated, deleted (statistics at the
 * start), digests (how many), rows, skip, skip_code, skip_message, chunks}]. */
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "watch.h"

/* ---- reading ---- */

static bool changed_since(struct ctx *cx, const struct it_table *t, const char *how)
{
    fail(cx, E_INCONCLUSIVE, "table %s was %s since the plan was made, so its slices do not fit any more", t->object,
         how);
    err_hint(cx, "make the plan again, when no schema change, VACUUM FULL or CLUSTER is under way");
    return false;
}

static struct it_leaf *find_leaf(const struct it_table *t, const char *oid)
{
    for (size_t l = 0; l < t->leaves.n; l++)
        if (text_equal(t->leaves.at[l].oid, oid))
            return &t->leaves.at[l];
    return NULL;
}

static bool as_planned(struct ctx *cx, const struct it_slice_part *part, const struct it_table *planned,
                       const struct it_table *now)
{
    if (!now || !text_equal(planned->oid, now->oid))
        return changed_since(cx, planned, "dropped or made anew");
    if (planned->columns.n != now->columns.n)
        return changed_since(cx, planned, "altered");
    for (size_t i = 0; i < now->columns.n; i++)
        if (!text_equal(planned->columns.at[i].name, now->columns.at[i].name) ||
            !text_equal(planned->columns.at[i].type, now->columns.at[i].type))
            return changed_since(cx, planned, "altered");
    for (size_t l = 0; l < planned->leaves.n; l++) {
        const struct it_leaf *leaf = &planned->leaves.at[l], *is = find_leaf(now, leaf->oid);
        if ((!part->leaf || part->leaf == leaf) && (!is || is->filenode != leaf->filenode))
            return changed_since(cx, planned, "rewritten");
    }
    return planned->leaves.n == now->leaves.n || changed_since(cx, planned, "given other partitions");
}

bool it_slice_queue(struct ctx *cx, struct it_plan *plan, size_t slice, struct it_side *live, long long slice_bytes,
                    struct it_reading *out)
{
    const struct it_slice *s = &plan->slices.at[slice];

    *out = (struct it_reading){.plan = plan, .slice = slice, .live = live};
    out->passes = arena_array(cx->arena, s->parts.n + 1, sizeof *out->passes);
    for (size_t i = 0; i < s->parts.n; i++) {
        const struct it_slice_part *part = &s->parts.at[i];
        const struct it_table *planned = it_slice_table(part, s->right);
        struct it_table *now = it_table_find(live, planned->schema, planned->name);
        if (!as_planned(cx, part, planned, now))
            return false;
        if (!out->n || out->passes[out->n - 1].table != now) {
            struct it_pass *p = &out->passes[out->n++];
            *p = s->right ? part->pair->right_pass : part->pair->left_pass;
            p->cx = cx;
            p->side = live;
            p->table = now;
            it_readable(plan->d.cx, now); /* the plan has judged what is left out */
            if (!now->skip)
                it_pass_begin(p);
        }
        if (!now->skip)
            it_pass_pages(&out->passes[out->n - 1], part->leaf ? find_leaf(now, part->leaf->oid) : NULL, part->from,
                          part->to, slice_bytes);
    }
    for (size_t i = 0; i < out->n; i++)
        if (!out->passes[i].table->skip)
            it_watch_queued(&out->passes[i]);
    return true;
}

static void write_table(struct it_sealed *out, struct it_pass *p)
{
    const struct it_table *t = p->table;
    struct json_writer *w = &out->w;
    struct arena scratch = {0};

    json_object(w, NULL);
    json_string(w, "schema", t->schema);
    json_string(w, "name", t->name);
    json_array(w, "filenodes");
    for (size_t l = 0; l < t->leaves.n; l++)
        json_int64_string(w, NULL, t->leaves.at[l].filenode);
    json_end_array(w);
    json_int64_string(w, "inserted", t->inserted);
    json_int64_string(w, "updated", t->updated);
    json_int64_string(w, "deleted", t->deleted);
    json_string(w, "skip", t->skip);
    json_string(w, "skip_code", t->skip_code);
    json_string(w, "skip_message", t->skip_message);
    if (!t->skip) {
        it_chunks_sort(&p->chunks);
        json_int(w, "digests", (long long)p->chunks.columns);
        json_int64_string(w, "rows", (long long)it_chunks_rows(&p->chunks));
        it_chunks_write(out, &scratch, &p->chunks);
    }
    json_end_object(w);
    arena_free(&scratch);
}

bool it_part_write(struct ctx *cx, const struct it_reading *r, const char *path, const char **root)
{
    const struct it_side *live = r->live;
    struct it_sealed file;
    if (!it_sealed_begin(cx, &file, "part", path))
        return false;
    struct json_writer *w = &file.w;
    json_object(w, NULL);
    json_int(w, "version", INTEGRITY_CERTIFICATE_VERSION);
    json_string(w, "tool", "dbstep");
    json_string(w, "taken_at", live->taken_at);
    json_string(w, "plan", r->plan->id);
    json_int(w, "slice", (long long)r->slice);
    json_string(w, "side", r->plan->slices.at[r->slice].right ? "right" : "left");
    json_string(w, "digest_family", IT_DIGEST_FAMILY);
    json_string(w, "exported_snapshot", live->exported);
    json_string(w, "started_at", live->started_at);
    json_string(w, "end_snapshot", live->end_snapshot ? live->end_snapshot : live->snapshot);
    it_server_write(w, live);
    json_array(w, "tables");
    for (size_t i = 0; i < r->n; i++)
        write_table(&file, &r->passes[i]);
    json_end_array(w);
    json_end_object(w);
    return it_sealed_end(&file, root);
}

static void tell(struct ctx *cx, struct integrity_report *report, const struct it_reading *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct it_table *t = r->passes[i].table;
        if (t->skip) {
            report->unproven = true;
            report->tables_uncovered++;
            if (t->skip_message)
                it_finding(cx, report, INTEGRITY_WARNING, t->skip_code, t->object, "%s", t->skip_message)->hint =
                    "run this slice again when the reason is gone; without it the merged verdict is inconclusive";
            continue;
        }
        report->tables_compared++;
        report->rows_compared += (long long)it_chunks_rows(&r->passes[i].chunks);
        report->columns_compared += (long long)(r->passes[i].columns.n + r->passes[i].keys.n);
    }
}

bool integrity_slice(struct ctx *cx, const char *plan_path, const char *slice, const struct pg_target *left,
                     const struct pg_target *right, const struct integrity_options *options, const char *path,
                     struct integrity_report *report)
{
    struct integrity_report told = {.unproven = false};
    struct it_plan *plan;
    struct it_side live = {0};
    struct it_reading reading;
    struct it_watch *watch = NULL;
    bool ok = false;

    if (!it_plan_read(cx, plan_path, options, &told, &plan))
        return false;
    size_t id = 0;
    for (const char *s = slice; *s >= '0' && *s <= '9' && id < 1000000; s++)
        id = id * 10 + (size_t)(*s - '0');
    if (!*slice || slice[strspn(slice, "0123456789")] || id >= plan->slices.n) {
        fail(cx, E_INPUT, "the plan %s has no slice '%.40s': its slices are 0 to %zu", plan_path, slice,
             plan->slices.n - 1);
        return false;
    }
    const struct it_side *planned = it_plan_side(plan, plan->slices.at[id].right);
    const struct pg_target *target = plan->slices.at[id].right ? right : left;
    if (!target) {
        fail(cx, E_INPUT, "slice %zu is of the source, and no source is given", id);
        err_hint(cx, "give 'source_db_url' to every slice of this plan");
        return false;
    }
    if (*planned->exported)
        plan->o.snapshot = planned->exported;
    watch = it_watch_new(cx, &plan->o, report);
    if (!it_side_open(cx, &live, target, planned->role, &plan->o) || !it_watch_side(watch, &live, target))
        goto done;
    size_t findings = report->findings.n;
    if (!it_plan_same_database(cx, planned, &live) ||
        !it_slice_queue(cx, plan, id, &live, plan->o.slice_bytes, &reading) || !it_side_compile(cx, &live, true) ||
        !pg_pool_run(cx, live.pool) || !it_side_finish(cx, &live, report))
        goto done;
    report->unproven = false; /* rewritten tables are told once, below */
    report->findings.n = findings;
    tell(cx, report, &reading);
    if (!it_part_write(cx, &reading, path, &report->root_digest))
        goto done;
    it_proof(cx, report, "slice %zu of %zu, of the %s: %lld rows in %s, on snapshot %s%s", id, plan->slices.n,
             planned->role, report->rows_compared, text_plural(cx->arena, report->tables_compared, "table"),
             live.snapshot, *planned->exported ? ", which the plan's process holds" : "");
    it_proof(cx, report, "the part's root is SHA-256 %s, its plan's %s", report->root_digest, plan->id);
    report->quiescent = live.quiescent;
    ok = true;
done:
    it_watch_end(watch, ok);
    pg_pool_close(live.pool);
    return ok;
}

/* ---- parts read back ---- */

static const char *text(const struct json *o, const char *key)
{
    return json_get_text(o, key, "");
}

static long long number(const struct json *o, const char *key)
{
    long long v;
    const struct json *j = json_get(o, key);
    return j && json_int64(j, &v) ? v : -1;
}

static bool wrong(struct ctx *cx, const struct it_part *p, const char *why)
{
    fail(cx, E_INPUT, "part %s cannot be merged: %s", p->path, why);
    err_hint(cx, "merge the parts of one plan only, and run the slice again with that plan");
    return false;
}

static bool same_probes(const struct it_side *planned, const struct json *probes)
{
    size_t i = 0;
    for (const struct json *v = json_first(probes); v; v = json_next(v), i++)
        if (i >= planned->probes.n || !text_equal(planned->probes.at[i].family, text(v, "family")) ||
            !text_equal(planned->probes.at[i].value, text(v, "value")))
            return false;
    return i == planned->probes.n;
}

static bool check_part(struct ctx *cx, struct it_plan *plan, struct it_part *p)
{
    const struct json *body = json_root(p->doc), *server = json_get(body, "server");
    long long slice = number(body, "slice");

    if (number(body, "version") != INTEGRITY_CERTIFICATE_VERSION ||
        !text_equal(text(body, "digest_family"), IT_DIGEST_FAMILY))
        return wrong(cx, p, "its format is of another version of dbstep");
    if (!text_equal(text(body, "plan"), plan->id))
        return wrong(cx, p,
                     arena_printf(cx->arena, "it is slice %lld of another plan (%.16s…, not %.16s…)", slice,
                                  text(body, "plan"), plan->id));
    if (slice < 0 || (size_t)slice >= plan->slices.n)
        return wrong(cx, p, "the plan has no such slice");
    p->slice = (size_t)slice;
    bool right = plan->slices.at[slice].right;
    const struct it_side *planned = it_plan_side(plan, right);
    if (!text_equal(text(body, "side"), right ? "right" : "left") ||
        !text_equal(text(server, "system_identifier"), planned->id.system_identifier) ||
        !text_equal(text(server, "database_oid"), planned->id.database_oid) ||
        number(server, "timeline") != planned->id.timeline)
        return wrong(cx, p, "it was read in another database than the plan's");
    if (!same_probes(planned, json_get(body, "probes")))
        return wrong(cx, p, "its server hashes differently from the plan's");
    p->snapshot = text(server, "snapshot");
    p->lsn = text(server, "lsn_start");
    p->in_recovery = json_is_true(json_get(server, "in_recovery"));
    p->end_snapshot = text(body, "end_snapshot");
    p->started_at = text(body, "started_at");
    p->exported = text(body, "exported_snapshot");
    return true;
}

bool it_part_open(struct ctx *cx, struct it_plan *plan, const char *path, struct it_part *out)
{
    *out = (struct it_part){.path = path};
    if (!it_sealed_read(cx, path, "part", &out->doc, &out->root))
        return false;
    if (check_part(cx, plan, out))
        return true;
    it_part_close(out);
    return false;
}

void it_part_close(struct it_part *p)
{
    json_free(p->doc);
    p->doc = NULL;
}

static bool join_table(struct ctx *cx, struct it_plan *plan, const struct it_part *part, struct it_pair *pair,
                       const struct json *v)
{
    bool right = plan->slices.at[part->slice].right;
    struct it_table *t = right ? pair->right : pair->left;
    struct it_pass *pass = right ? &pair->right_pass : &pair->left_pass;
    struct it_chunks c;
    size_t l = 0;

    if (!text_equal(text(v, "schema"), t->schema) || !text_equal(text(v, "name"), t->name))
        return wrong(cx, part, "its tables are not those of the slice");
    for (const struct json *f = json_first(json_get(v, "filenodes")); f; f = json_next(f), l++) {
        long long filenode;
        if (l >= t->leaves.n || !json_int64(f, &filenode) || filenode != t->leaves.at[l].filenode)
            return changed_since(cx, t, "rewritten");
    }
    if (json_is_string(json_get(v, "skip"))) {
        struct arena *a = plan->d.cx->arena;
        t->skip = arena_strdup(a, text(v, "skip"));
        t->skip_code = arena_strdup(a, *text(v, "skip_code") ? text(v, "skip_code") : "table-unreadable");
        t->skip_message = arena_printf(a, "table %s was not compared, %s (slice %zu)", t->object, t->skip, part->slice);
        return true;
    }
    if (number(v, "digests") != (long long)pass->chunks.columns)
        return wrong(cx, part, "its digests are not those of the plan");
    if (!it_chunks_read(cx, part->path, json_get(v, "chunks"), &c, pass->chunks.columns))
        return false;
    for (size_t i = 0; i < c.n; i++)
        it_chunks_add(&pass->chunks, pass->geometry->sums, c.at[i].id, c.at[i].rows, c.at[i].keys, 0,
                      c.digest + i * c.columns, c.absent + i * c.columns);
    return true;
}

bool it_part_join(struct ctx *cx, struct it_plan *plan, const struct it_part *part)
{
    const struct it_slice *s = &plan->slices.at[part->slice];
    const struct json *v = json_first(json_get(json_root(part->doc), "tables"));

    for (size_t i = 0; i < s->parts.n; i++) {
        if (i && s->parts.at[i].pair == s->parts.at[i - 1].pair)
            continue; /* one table, several leaves */
        if (!v)
            return wrong(cx, part, "a table of the slice is not in it");
        if (!join_table(cx, plan, part, s->parts.at[i].pair, v))
            return false;
        v = json_next(v);
    }
    return !v || wrong(cx, part, "it holds more than the slice");
}
