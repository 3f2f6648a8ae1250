/* large.c - large objects: each is digested by its server, page by page, and only sums come back, by 1024 buckets of the object id. Where buckets
 * differ between two live sides, their objects are listed to name those that do. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "dbstep/hash.h"
#include "sql.h"

enum { BUCKETS = 1024, LISTED_AT_MOST = 20000, NAMED = 5 };

struct it_large {
    struct it_side *side;
    struct integrity_report *report;
    long long total; /* as the catalogue has them, readable or not */
    bool by_page;    /* pg_largeobject itself may be read */
    long long objects[BUCKETS];
    char digest[BUCKETS][HASH_HEX_MAX];
};

static const struct it_object *entry(const struct it_side *side)
{
    for (size_t i = 0; i < side->objects.n; i++)
        if (text_equal(side->objects.at[i].kind, "large-objects"))
            return &side->objects.at[i];
    return NULL;
}

static void add_entry(struct ctx *cx, struct it_side *side, long long count, const char *digest)
{
    *VEC_PUSH(cx->arena, &side->objects) = (struct it_object){.kind = "large-objects",
                                                              .table = "",
                                                              .name = "",
                                                              .definition = digest,
                                                              .state = "",
                                                              .value = count,
                                                              .has_value = true};
}

static const char *objects_sql(const struct it_large *l)
{
    return l->by_page ? sql_integrity_large_objects : sql_integrity_large_objects_read;
}

static bool take_buckets(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct it_large *l = user;
    struct hash *all;
    char hex[HASH_HEX_MAX];
    long long seen = 0;

    if (failed) {
        l->side->large = NULL;
        return it_guard_failed(cx, l->report, failed, NULL,
                               arena_printf(cx->arena, "large objects of the %s", l->side->role));
    }
    all = hash_start(HASH_SHA256);
    for (int i = 0; i < rows->n; i++) {
        int b = (int)(pg_int(rows, i, 0) & (BUCKETS - 1));
        const char *line = arena_printf(cx->arena, "%d:%s:%s:%s:%s\n", b, pg_text(rows, i, 1), pg_text(rows, i, 2),
                                        pg_text(rows, i, 3), pg_text(rows, i, 4));
        l->objects[b] = pg_int(rows, i, 1);
        hash_hex(HASH_SHA256, line, strlen(line), l->digest[b]);
        hash_add(all, line, strlen(line));
        seen += l->objects[b];
    }
    hash_finish_hex(all, hex);
    if (seen < l->total) {
        l->report->unproven = true;
        it_finding(cx, l->report, INTEGRITY_WARNING, "permission-denied", NULL,
                   "%lld of %lld large objects of the %s may not be read by this role", l->total - seen, l->total,
                   l->side->role)
            ->hint = "grant SELECT on them, or on pg_largeobject";
    }
    add_entry(cx, l->side, seen, arena_strdup(cx->arena, hex));
    return true;
}

bool it_large_objects(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                      struct integrity_report *r)
{
    PG_ROWS_AUTO rows = {.n = 0};

    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_large_objects_count, 0, NULL))
        return false;
    long long total = pg_int(&rows, 0, 0);
    if (!o->large_objects) {
        if (total)
            add_entry(cx, side, total, "");
        return true;
    }
    struct it_large *l = side->large = ARENA_NEW(cx->arena, struct it_large);
    l->side = side;
    l->report = r;
    l->total = total;
    l->by_page = pg_bool(&rows, 0, 1);
    const char *const filled[] = {"objects", objects_sql(l), NULL};
    pg_pool_add(side->pool, pg_fill(cx, sql_integrity_large_objects_sum, filled), 0, NULL, take_buckets, l);
    return true;
}

/* ---- comparing ---- */

struct names {
    long long count;
    struct str text;
};

static void name(struct names *n, const char *oid)
{
    if (n->count++ < NAMED)
        str_addf(&n->text, "%s%s", n->text.len ? ", " : "", oid);
}

static bool list(struct it_diff *d, struct it_side *side, const char *buckets, struct pg_rows *rows)
{
    const char *sql = arena_printf(
        d->cx->arena,
        "SELECT o.oid, concat_ws(' ', o.size, o.one, o.two) FROM (%s) o WHERE (o.oid::bigint & %d) = ANY ('{%s}') ORDER BY o.oid",
        objects_sql(side->large), BUCKETS - 1, buckets);
    return pg_query(d->cx, pg_pool_first(side->pool), rows, sql, 0, NULL);
}

static bool name_objects(struct it_diff *d)
{
    static const char *const codes[] = {"large-objects-missing", "large-objects-extra", "large-objects-changed"};
    static const char *const texts[] = {"gone", "new", "changed"};
    struct it_large *l = d->left.large, *r = d->right.large;
    struct str buckets = str_new(d->cx->arena);
    struct names n[3];
    long long rows = 0;
    bool all = true;

    for (int b = 0; b < BUCKETS; b++) {
        if (strcmp(l->digest[b], r->digest[b]) == 0)
            continue;
        if (rows && rows + l->objects[b] + r->objects[b] > LISTED_AT_MOST) {
            all = false;
            break;
        }
        rows += l->objects[b] + r->objects[b];
        str_addf(&buckets, "%s%d", buckets.len ? "," : "", b);
    }
    PG_ROWS_AUTO before = {.n = 0};
    PG_ROWS_AUTO now = {.n = 0};
    if (!list(d, &d->left, buckets.s, &before) || !list(d, &d->right, buckets.s, &now))
        return false;
    for (size_t k = 0; k < COUNT(n); k++)
        n[k] = (struct names){.text = str_new(d->cx->arena)};
    for (int i = 0, k = 0; i < before.n || k < now.n;) {
        long long a = i < before.n ? pg_int(&before, i, 0) : INT64_MAX, b = k < now.n ? pg_int(&now, k, 0) : INT64_MAX;
        if (a < b)
            name(&n[0], pg_text(&before, i, 0));
        else if (b < a)
            name(&n[1], pg_text(&now, k, 0));
        else if (strcmp(pg_text(&before, i, 1), pg_text(&now, k, 1)) != 0)
            name(&n[2], pg_text(&now, k, 0));
        i += a <= b;
        k += b <= a;
    }
    for (size_t k = 0; k < COUNT(n); k++)
        if (n[k].count)
            it_finding(d->cx, d->report, INTEGRITY_ERROR, codes[k], NULL, "%s%s %s %s, first: %s",
                       all ? "" : "at least ", text_plural(d->cx->arena, n[k].count, "large object"),
                       n[k].count == 1 ? "is" : "are", texts[k], n[k].text.s);
    return true;
}

bool it_large_objects_compare(struct it_diff *d)
{
    const struct it_object *l = entry(&d->left), *r = entry(&d->right);
    struct ctx *cx = d->cx;
    bool asked = d->o->large_objects || (d->stored && l && r && *l->definition);

    if (!asked || !r || !*r->definition) {
        if ((l && l->value) || (r && r->value))
            it_uncovered(cx, d->report, "large objects are not compared: %s before, %s now ('large_objects' is %s)",
                         l ? arena_printf(cx->arena, "%lld", l->value) : "none",
                         r ? arena_printf(cx->arena, "%lld", r->value) : "none",
                         asked ? "true, but they could not be read" : "false");
        return true;
    }
    if (!l || !*l->definition) {
        if (!l && d->left.live) /* could not be read, which is said already */
            return true;
        d->report->unproven = true;
        it_finding(cx, d->report, INTEGRITY_WARNING, "not-in-certificate", NULL,
                   "the certificate does not hold digests of large objects")
            ->hint = "take it with 'large_objects', or compare without";
        return true;
    }
    if (text_equal(l->definition, r->definition)) {
        it_proof(cx, d->report, "%lld large objects are equal, page by page (SHA-256 of each page)", r->value);
        return true;
    }
    if (d->left.live && d->left.large && d->right.large)
        return name_objects(d);
    it_finding(cx, d->report, INTEGRITY_ERROR, "large-objects-differ", NULL,
               "large objects differ: there were %lld and there are %lld, or their content has changed", l->value,
               r->value)
        ->hint = "compare with the live database ('source_db_url' without 'baseline') to have them named";
    return true;
}
