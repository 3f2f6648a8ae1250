/* plan.c - cutting a comparison into slices, and the file that says how; see plan.h and integrity.h.
 *
 * The body of a plan: version, tool, taken_at, strictness, sums, certify, materialized_views, large_objects, foreign_keys (of which orphans are
 * counted), certificate (root of the left one, or ""), tables, exclude_tables, expected_changes, live_writes, derived_changes, left and right (sides: certificate.c), slices [{id, side, pages, parts [{schema, name, leaf, from, to}]}]. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/interrupt.h"
#include "dbstep/log.h"
#include "plan.h"

enum { PAGE = 8192, KEEP_ALIVE_MS = 5000 };

struct it_side *it_plan_side(struct it_plan *p, bool right)
{
    return right ? &p->d.right : &p->d.left;
}

struct it_table *it_slice_table(const struct it_slice_part *p, bool right)
{
    return right ? p->pair->right : p->pair->left;
}

/* Chunks are for the keys of both sides. */
static bool fit(struct it_plan *p)
{
    struct it_pass **right = arena_array(p->d.cx->arena, p->d.pairs.n + 1, sizeof *right);
    size_t n = 0;

    for (size_t i = 0; i < p->d.pairs.n; i++)
        if (p->d.pairs.at[i].comparable && !p->d.pairs.at[i].left->skip)
            right[n++] = &p->d.pairs.at[i].right_pass;
    return it_geometry_fit(p->d.cx, &p->d.right, right, n, true);
}

/* ---- cutting ---- */

static long long pages_of(const struct it_leaf *leaf)
{
    return leaf->bytes / PAGE + 1;
}

static long long pages_of_side(const struct it_plan *p, bool right)
{
    long long pages = 0;
    for (size_t i = 0; i < p->d.pairs.n; i++) {
        const struct it_pair *pair = &p->d.pairs.at[i];
        const struct it_table *t = right ? pair->right : pair->left;
        for (size_t l = 0; pair->comparable && !pair->left->skip && !pair->right->skip && l < t->leaves.n; l++)
            pages += t->leaves.at[l].foreign ? 0 : pages_of(&t->leaves.at[l]);
    }
    return pages;
}

struct cutter {
    struct it_plan *plan;
    bool right, cuttable;
    long long target;
};

/* A new slice is begun when the last one is full: so all but the last hold the target at least, and there are not more than wanted. */
static struct it_slice *room(const struct cutter *c, bool first)
{
    struct it_plan *p = c->plan;
    struct it_slice *last = p->slices.n ? &p->slices.at[p->slices.n - 1] : NULL;

    if (first || !last || last->pages >= c->target) {
        last = VEC_PUSH(p->d.cx->arena, &p->slices);
        *last = (struct it_slice){.right = c->right};
    }
    return last;
}

static void put(const struct cutter *c, struct it_slice *s, struct it_slice_part part, long long pages)
{
    *VEC_PUSH(c->plan->d.cx->arena, &s->parts) = part;
    s->pages += pages;
}

static void cut_leaf(const struct cutter *c, struct it_pair *pair, const struct it_leaf *leaf, bool *first)
{
    long long total = pages_of(leaf), from = 0;

    for (;;) {
        struct it_slice *s = room(c, *first);
        long long left = c->target - s->pages;
        *first = false;
        if (!c->cuttable || total - from <= left) {
            put(c, s, (struct it_slice_part){.pair = pair, .leaf = leaf, .from = from, .to = -1}, total - from);
            return;
        }
        put(c, s, (struct it_slice_part){.pair = pair, .leaf = leaf, .from = from, .to = from + left}, left);
        from += left;
    }
}

static void cut_side(struct it_plan *p, bool right, long long wanted)
{
    long long pages = pages_of_side(p, right);
    /* Before 14 a condition on ctid does not limit what is scanned. */
    struct cutter c = {.plan = p,
                       .right = right,
                       .cuttable = pg_version(pg_pool_first(it_plan_side(p, right)->pool)) >= 140000,
                       .target = (pages + wanted - 1) / wanted};
    bool first = true;

    for (size_t i = 0; i < p->d.pairs.n; i++) {
        struct it_pair *pair = &p->d.pairs.at[i];
        const struct it_table *t = right ? pair->right : pair->left;
        if (!pair->comparable || pair->left->skip || pair->right->skip)
            continue;
        if (!it_leaves_readable(t)) {
            struct it_slice *s = room(&c, first);
            put(&c, s, (struct it_slice_part){.pair = pair, .to = -1}, t->bytes / PAGE + 1);
            first = false;
            continue;
        }
        for (size_t l = 0; l < t->leaves.n; l++)
            if (!t->leaves.at[l].foreign)
                cut_leaf(&c, pair, &t->leaves.at[l], &first);
    }
}

bool it_plan_cut(struct ctx *cx, struct it_plan *p, long long slices)
{
    struct it_diff *d = &p->d;

    it_pair_tables(d);
    struct it_table **tables = arena_array(cx->arena, d->pairs.n + 1, sizeof *tables);
    for (size_t i = 0; i < d->pairs.n; i++)
        tables[i] = d->pairs.at[i].left;
    if (d->left.live && !it_geometry_choose(cx, &d->left, d->o, tables, d->pairs.n, false))
        return false;
    for (size_t i = 0; i < d->pairs.n; i++)
        it_pair_columns(d, &d->pairs.at[i]);
    bool two = d->left.live && !p->certify;
    if (!it_expressions_check(d) || (two && !fit(p)))
        return false;

    long long left = two ? pages_of_side(p, false) : 0, right = pages_of_side(p, true);
    if (!right && p->certify)
        return fail(cx, E_INCONCLUSIVE, "there is no table to certify: the database has %zu", d->right.tables.n);
    if (!right) {
        fail(cx, E_INCONCLUSIVE, "there is no table to compare: the %s has %zu, the %s %zu", d->left.role,
             d->left.tables.n, d->right.role, d->right.tables.n);
        err_hint(
            cx,
            "is it the right database, and do 'tables' and 'exclude_tables' leave any? integrity-diff tells what is in the way");
        return false;
    }
    long long of_left = two ? slices * left / (left + right) : 0;
    if (two && of_left < 1)
        of_left = 1;
    if (two && of_left >= slices && slices > 1)
        of_left = slices - 1;
    if (two)
        cut_side(p, false, of_left);
    cut_side(p, true, slices - of_left > 0 ? slices - of_left : 1);
    return true;
}

bool it_plan_measure(struct ctx *cx, struct it_plan *p, struct integrity_report *r)
{
    return !p->certify || (it_objects_measure(cx, &p->d.right, &p->o, r) && pg_pool_run(cx, p->d.right.pool));
}

/* ---- the file ---- */

static const char *const foreign_keys[] = {
    [INTEGRITY_KEYS_NOT_VALID] = "not_valid", [INTEGRITY_KEYS_ALL] = "all", [INTEGRITY_KEYS_NONE] = "none"};

static void write_list(struct json_writer *w, const char *key, const struct str_list *list)
{
    json_array(w, key);
    for (size_t i = 0; list && i < list->n; i++)
        json_string(w, NULL, list->at[i]);
    json_end_array(w);
}

static void write_slices(struct json_writer *w, const struct it_plan *p)
{
    json_array(w, "slices");
    for (size_t i = 0; i < p->slices.n; i++) {
        const struct it_slice *s = &p->slices.at[i];
        json_object(w, NULL);
        json_int(w, "id", (long long)i);
        json_string(w, "side", s->right ? "right" : "left");
        json_int64_string(w, "pages", s->pages);
        json_array(w, "parts");
        for (size_t k = 0; k < s->parts.n; k++) {
            const struct it_slice_part *part = &s->parts.at[k];
            const struct it_table *t = it_slice_table(part, s->right);
            json_object(w, NULL);
            json_string(w, "schema", t->schema);
            json_string(w, "name", t->name);
            json_string(w, "leaf", part->leaf ? part->leaf->oid : "");
            json_int64_string(w, "from", part->from);
            json_int64_string(w, "to", part->to);
            json_end_object(w);
        }
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

bool it_plan_write(struct ctx *cx, struct it_plan *p, const char *path)
{
    struct it_sealed file;
    if (!it_sealed_begin(cx, &file, "plan", path))
        return false;
    struct json_writer *w = &file.w;
    json_object(w, NULL);
    json_int(w, "version", INTEGRITY_CERTIFICATE_VERSION);
    json_string(w, "tool", "dbstep");
    json_string(w, "taken_at", p->d.right.taken_at);
    json_string(w, "strictness", it_level_name(p->o.strictness));
    json_bool(w, "sums", p->o.sums);
    json_bool(w, "certify", p->certify);
    json_bool(w, "materialized_views", p->o.materialized_views);
    json_bool(w, "large_objects", p->o.large_objects);
    json_string(w, "foreign_keys", foreign_keys[p->o.foreign_keys]);
    json_string(w, "certificate", p->d.left.live ? "" : p->d.left.root);
    write_list(w, "tables", p->o.tables);
    write_list(w, "exclude_tables", p->o.exclude_tables);
    write_list(w, "expected_changes", p->o.expected_changes);
    write_list(w, "live_writes", p->o.live_writes);
    write_list(w, "derived_changes", p->o.derived_changes);
    if (!p->certify)
        it_side_write(&file, "left", &p->d.left);
    it_side_write(&file, "right", &p->d.right);
    write_slices(w, p);
    json_end_object(w);
    p->path = path;
    return it_sealed_end(&file, &p->id);
}

static void read_list(struct ctx *cx, const struct json *body, const char *key, struct str_list *out)
{
    for (const struct json *v = json_first(json_get(body, key)); v; v = json_next(v))
        *VEC_PUSH(cx->arena, out) = arena_strdup(cx->arena, json_is_string(v) ? json_text(v) : "");
}

static long long number(const struct json *o, const char *key)
{
    long long v;
    const struct json *j = json_get(o, key);
    return j && json_int64(j, &v) ? v : -1;
}

static bool read_part(struct it_plan *p, const struct json *v, bool right, struct it_slice_part *out)
{
    const char *schema = json_get_text(v, "schema", ""), *name = json_get_text(v, "name", ""),
               *leaf = json_get_text(v, "leaf", "");
    const struct it_table *t = NULL;

    for (size_t i = 0; i < p->d.pairs.n && !t; i++) {
        out->pair = &p->d.pairs.at[i];
        const struct it_table *one = it_slice_table(out, right);
        if (text_equal(one->name, name) && text_equal(one->schema, schema))
            t = one;
    }
    for (size_t l = 0; t && *leaf && l < t->leaves.n; l++)
        if (text_equal(t->leaves.at[l].oid, leaf))
            out->leaf = &t->leaves.at[l];
    out->from = number(v, "from");
    out->to = number(v, "to");
    return t && out->pair->comparable && (out->leaf || !*leaf) && out->from >= 0;
}

static bool read_slices(struct ctx *cx, struct it_plan *p, const struct json *list)
{
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        struct it_slice *s = VEC_PUSH(cx->arena, &p->slices);
        s->right = text_equal(json_get_text(v, "side", ""), "right");
        s->pages = number(v, "pages");
        if (!s->right && (!p->d.left.live || p->certify))
            return it_sealed_damaged(cx, "plan", p->path, "a slice is of a side that has no database");
        for (const struct json *k = json_first(json_get(v, "parts")); k; k = json_next(k)) {
            struct it_slice_part part = {.leaf = NULL};
            if (!read_part(p, k, s->right, &part))
                return it_sealed_damaged(cx, "plan", p->path, "a slice names what is not compared");
            *VEC_PUSH(cx->arena, &s->parts) = part;
        }
    }
    return p->slices.n || it_sealed_damaged(cx, "plan", p->path, "it has no slices");
}

/* Paired with itself, a side is read as its own certificate would be. */
static void stand_on_both(struct it_diff *d)
{
    d->left = d->right;
    d->stored = true;
}

static bool read_body(struct ctx *cx, struct it_plan *p, const struct json *body)
{
    struct it_diff *d = &p->d;

    if (number(body, "version") != INTEGRITY_CERTIFICATE_VERSION)
        return it_sealed_damaged(cx, "plan", p->path, "its format is of another version of dbstep");
    p->certificate = arena_strdup(cx->arena, json_get_text(body, "certificate", ""));
    read_list(cx, body, "tables", &p->tables);
    read_list(cx, body, "exclude_tables", &p->exclude_tables);
    read_list(cx, body, "expected_changes", &p->expected_changes);
    read_list(cx, body, "live_writes", &p->live_writes);
    read_list(cx, body, "derived_changes", &p->derived_changes);
    p->certify = json_is_true(json_get(body, "certify"));
    if (!it_side_read(cx, p->path, json_get(body, "right"), &d->right) ||
        (!p->certify && !it_side_read(cx, p->path, json_get(body, "left"), &d->left)))
        return false;
    if (p->certify)
        stand_on_both(d);
    p->o.tables = &p->tables;
    p->o.exclude_tables = &p->exclude_tables;
    p->o.expected_changes = &p->expected_changes;
    p->o.live_writes = &p->live_writes;
    p->o.derived_changes = &p->derived_changes;
    p->o.sums = json_is_true(json_get(body, "sums"));
    p->o.strictness = d->right.strictness;
    p->o.materialized_views = json_is_true(json_get(body, "materialized_views"));
    p->o.large_objects = json_is_true(json_get(body, "large_objects"));
    for (size_t i = 0; i < COUNT(foreign_keys); i++)
        if (text_equal(json_get_text(body, "foreign_keys", foreign_keys[0]), foreign_keys[i]))
            p->o.foreign_keys = (enum integrity_foreign_keys)i;
    if (!it_declared_take(d))
        return false;
    it_pair_tables(d);
    for (size_t i = 0; i < d->pairs.n; i++)
        it_pair_columns(d, &d->pairs.at[i]);
    return read_slices(cx, p, json_get(body, "slices"));
}

bool it_plan_read(struct ctx *cx, const char *path, const struct integrity_options *o, struct integrity_report *r,
                  struct it_plan **out)
{
    struct it_plan *p = ARENA_NEW(cx->arena, struct it_plan);
    struct json_doc *doc = NULL;

    p->path = path;
    p->o = *o;
    p->d = (struct it_diff){.cx = cx, .o = &p->o, .report = r};
    if (!it_sealed_read(cx, path, "plan", &doc, &p->id))
        return false;
    bool ok = read_body(cx, p, json_root(doc));
    json_free(doc);
    *out = p;
    return ok;
}

bool it_plan_same_database(struct ctx *cx, const struct it_side *planned, const struct it_side *live)
{
    if (text_equal(planned->id.system_identifier, live->id.system_identifier) &&
        text_equal(planned->id.database_oid, live->id.database_oid) &&
        text_equal(planned->id.database, live->id.database) && planned->id.timeline == live->id.timeline)
        return true;
    fail(cx, E_INPUT, "the %s %s is not the one that the plan was made of, %s", planned->role, live->id.database,
         planned->id.database);
    err_hint(cx, "page ranges hold in one physical database only: make the plan of this one");
    return false;
}

/* ---- making one, and holding its snapshots ---- */

static bool hold(struct ctx *cx, struct it_plan *p, long long ms)
{
    struct it_side *sides[] = {&p->d.right, p->d.left.pool && !p->certify ? &p->d.left : NULL};
    long long end = clock_ms() + ms;

    log_info("holding the snapshots for at most %lld s, until a SIGTERM: %s%s%s", ms / 1000, p->d.right.exported,
             sides[1] ? ", " : "", sides[1] ? p->d.left.exported : "");
    for (long long now; !interrupted() && (now = clock_ms()) < end && !deadline_passed(cx->deadline);) {
        if (!ctx_sleep(cx, end - now < KEEP_ALIVE_MS ? end - now : KEEP_ALIVE_MS, "holding the snapshots")) {
            err_clear(cx);
            break;
        }
        for (size_t i = 0; i < COUNT(sides) && !interrupted(); i++)
            if (sides[i] && !pg_exec(cx, pg_pool_first(sides[i]->pool), "SELECT 1") && !interrupted())
                return false;
    }
    err_clear(cx); /* the signal is how it is told to end */
    return true;
}

static void describe(struct it_plan *p, struct integrity_plan *out)
{
    *out = (struct integrity_plan){.id = p->id,
                                   .slices = p->slices.n,
                                   .snapshot = p->d.right.exported,
                                   .source_snapshot = p->d.left.live && !p->certify ? p->d.left.exported : ""};
    for (size_t i = 0; i < p->slices.n; i++) {
        out->source_slices += !p->slices.at[i].right;
        out->pages += p->slices.at[i].pages;
        if (p->slices.at[i].pages > out->largest)
            out->largest = p->slices.at[i].pages;
    }
    for (size_t i = 0; i < p->d.pairs.n; i++)
        out->tables += p->d.pairs.at[i].comparable && !p->d.pairs.at[i].left->skip && !p->d.pairs.at[i].right->skip;
}

bool it_plan_open(struct ctx *cx, struct it_plan *p, const char *certificate, const struct pg_target *left,
                  const struct pg_target *right)
{
    struct it_diff *d = &p->d;
    struct it_side from = {0};

    if (!it_declared_take(d))
        return false;
    if (certificate || left)
        return it_sides_open(d, certificate, left, right, &p->o);
    p->certify = true;
    if (d->declared.changes.n || d->declared.live.n) {
        fail(cx, E_INPUT, "there is nothing to compare with, so no change can be declared");
        err_hint(
            cx,
            "give 'baseline' (a certificate) or 'source_db_url' (a database); without both a certificate is planned");
        return false;
    }
    if (p->o.geometry_from) {
        if (!it_certificate_read(cx, p->o.geometry_from, &from))
            return false;
        p->o.strictness = from.strictness;
    }
    if (!it_side_open(cx, &d->right, right, "database", &p->o) || !it_history_take(cx, &d->right))
        return false;
    p->o.sums = p->o.sums || it_side_needs_sums(&d->right);
    it_digest_of_certificate(&d->right, p->o.geometry_from ? &from : NULL, &p->o);
    it_geometry_take_over(&d->right, &from);
    stand_on_both(d);
    return true;
}

void it_plan_close(struct it_plan *p)
{
    if (!p->certify)
        pg_pool_close(p->d.left.pool);
    pg_pool_close(p->d.right.pool);
    pg_pool_close(p->d.witness.pool);
}

bool integrity_plan_make(struct ctx *cx, const char *certificate, const struct pg_target *left,
                         const struct pg_target *right, const struct integrity_options *o, long long slices,
                         const char *path, long long hold_ms, struct integrity_plan *out)
{
    struct it_plan *p = ARENA_NEW(cx->arena, struct it_plan);
    struct integrity_report told = {.unproven = false}; /* merging tells it */
    bool ok = false;

    p->o = *o;
    p->d = (struct it_diff){.cx = cx, .o = &p->o, .report = &told};
    if (!it_plan_open(cx, p, certificate, certificate ? NULL : left, right) || !it_plan_cut(cx, p, slices) ||
        !it_plan_measure(cx, p, &told))
        goto done;
    if (!hold_ms)
        p->d.left.exported = p->d.right.exported = "";
    if (!it_plan_write(cx, p, path))
        goto done;
    describe(p, out);
    ok = !hold_ms || hold(cx, p, hold_ms);
done:
    it_plan_close(p);
    return ok;
}

bool integrity_plan_load(struct ctx *cx, const char *path, const struct integrity_options *o,
                         struct integrity_plan *out)
{
    struct integrity_report told = {.unproven = false};
    struct it_plan *p;

    if (!it_plan_read(cx, path, o, &told, &p))
        return false;
    describe(p, out);
    return true;
}
