/* certificate_read.c - reading a certificate; the format is described in certificate.c. */
#include <string.h>

#include "dbstep/base64.h"
#include "dbstep/json.h"
#include "model.h"

struct reader {
    struct ctx *cx;
    const char *path;
    struct it_side *side;
    bool described; /* a side of a plan: no chunks, but all that pairing asks of a table */
};

static bool damaged(struct ctx *cx, const char *path, const char *why)
{
    return it_sealed_damaged(cx, "certificate", path, why);
}

static const char *text(struct reader *r, const struct json *o, const char *key)
{
    return arena_strdup(r->cx->arena, json_get_text(o, key, ""));
}

static long long number(const struct json *o, const char *key, long long fallback)
{
    long long v;
    const struct json *j = json_get(o, key);
    return j && json_int64(j, &v) ? v : fallback;
}

static bool words(struct reader *r, const struct json *v, size_t n, const unsigned char **out)
{
    unsigned char *data = NULL;
    size_t len = 0;
    if (!v || !json_is_string(v) || !base64_read(r->cx->arena, json_text(v), &data, &len) || len != n)
        return damaged(r->cx, r->path, "an array of digests has the wrong length");
    *out = data;
    return true;
}

static uint64_t word(const unsigned char *p, size_t i)
{
    uint64_t v = 0;
    for (int b = 7; b >= 0; b--)
        v = v << 8 | p[i * 8 + (size_t)b];
    return v;
}

static bool read_chunks(struct reader *r, const struct json *chunks, struct it_chunks *out, size_t expected)
{
    const struct json *ids = json_get(chunks, "id"), *digests = json_get(chunks, "digests"),
                      *absent_text = json_get(chunks, "absent");
    unsigned char *id_bytes = NULL;
    const unsigned char *rows, *keys, *absent = NULL, *column;
    size_t len = 0, columns = 0;

    if (!ids || !json_is_string(ids) || !base64_read(r->cx->arena, json_text(ids), &id_bytes, &len) || len % 8)
        return damaged(r->cx, r->path, "a list of chunks is malformed");
    size_t n = len / 8;
    for (const struct json *d = json_first(digests); d; d = json_next(d))
        columns++;
    if (columns != expected)
        return damaged(r->cx, r->path, "the number of digests differs from the number of columns");
    if (!words(r, json_get(chunks, "rows"), len, &rows) || !words(r, json_get(chunks, "keys"), len, &keys))
        return false;
    if (absent_text && !text_empty(json_text(absent_text)) && !words(r, absent_text, n * columns, &absent))
        return false;
    it_chunks_init(out, r->cx->arena, columns, n);
    for (size_t i = 0; i < n; i++) {
        struct it_chunk *k = it_chunks_get(out, (int64_t)word(id_bytes, i));
        k->rows = word(rows, i);
        k->keys = word(keys, i);
    }
    if (out->n != n)
        return damaged(r->cx, r->path, "a chunk is listed twice");
    size_t d = 0;
    for (const struct json *v = json_first(digests); v; v = json_next(v), d++) {
        if (!words(r, v, len, &column))
            return false;
        for (size_t i = 0; i < n; i++) {
            out->digest[i * columns + d] = word(column, i);
            out->absent[i * columns + d] = absent ? absent[i * columns + d] : 0;
        }
    }
    return true;
}

bool it_chunks_read(struct ctx *cx, const char *path, const struct json *chunks, struct it_chunks *out, size_t columns)
{
    struct reader r = {.cx = cx, .path = path};
    return read_chunks(&r, chunks, out, columns);
}

static bool read_names(struct reader *r, const struct json *list, struct str_list *out)
{
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (!json_is_string(v))
            return damaged(r->cx, r->path, "a list of names is malformed");
        *VEC_PUSH(r->cx->arena, out) = arena_strdup(r->cx->arena, json_text(v));
    }
    return true;
}

static bool read_columns(struct reader *r, const struct json *list, struct it_table *t)
{
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        struct it_column *c = VEC_PUSH(r->cx->arena, &t->columns);
        c->name = text(r, v, "name");
        c->type = text(r, v, "type");
        c->base = text(r, v, "base");
        c->typmod = number(v, "typmod", -1);
        c->not_null = json_is_true(json_get(v, "not_null"));
        c->generated = text(r, v, "generated");
        c->identity = text(r, v, "identity");
        c->family = it_family_find(json_get_text(v, "family", ""));
        if (c->family == FAM_NONE)
            return damaged(r->cx, r->path, "it names a digest that this version does not know");
    }
    return true;
}

static const char *text_or_null(struct reader *r, const struct json *o, const char *key)
{
    const struct json *v = json_get(o, key);
    return v && json_is_string(v) ? text(r, o, key) : NULL;
}

static bool read_description(struct reader *r, const struct json *v, struct it_table *t)
{
    size_t i = 0;

    t->persistence = text(r, v, "persistence");
    t->readable = json_is_true(json_get(v, "readable"));
    t->row_security = json_is_true(json_get(v, "row_security"));
    t->has_children = json_is_true(json_get(v, "has_children"));
    t->skip = text_or_null(r, v, "skip");
    t->skip_code = text_or_null(r, v, "skip_code");
    t->skip_message = text_or_null(r, v, "skip_message");
    for (const struct json *l = json_first(json_get(v, "leaves")); l; l = json_next(l), i++) {
        t->leaves.at[i].foreign = json_is_true(json_get(l, "foreign"));
        t->leaves.at[i].readable = json_is_true(json_get(l, "readable"));
    }
    return true;
}

static bool read_table(struct reader *r, const struct json *v)
{
    struct arena *a = r->cx->arena;
    struct it_table *t = VEC_PUSH(a, &r->side->tables);
    const struct json *g = json_get(v, "geometry");
    const char *kind = json_get_text(g, "kind", "");

    t->schema = text(r, v, "schema");
    t->name = text(r, v, "name");
    t->object = arena_printf(a, "%s.%s", t->schema, t->name);
    t->oid = text(r, v, "oid");
    t->kind = text(r, v, "kind");
    t->persistence = "p";
    t->readable = true;
    t->rows = number(v, "rows", -1);
    t->inserted = number(v, "inserted", 0);
    t->updated = number(v, "updated", 0);
    t->deleted = number(v, "deleted", 0);
    t->strong = json_is_true(json_get(v, "strong"));
    t->geometry = (struct it_geometry){.kind = text_equal(kind, "range")  ? KEY_RANGE
                                               : text_equal(kind, "hash") ? KEY_HASH
                                                                          : KEY_NONE,
                                       .shift = (int)number(g, "shift", 0),
                                       .lo = number(g, "lo", 0),
                                       .hi = number(g, "hi", -1),
                                       .mask = number(g, "mask", 0),
                                       .sums = number(g, "sums", 0) != 0,
                                       .portable = it_portable(r->side->portable, FAM_INT8)};
    if (t->geometry.shift < 0 || t->geometry.shift > 63 || t->geometry.mask < 0 ||
        t->geometry.mask >= 2 * IT_MAX_CHUNKS || (t->geometry.mask & (t->geometry.mask + 1)))
        return damaged(r->cx, r->path, "a geometry is out of range");
    if (!read_names(r, json_get(v, "key"), &t->key) || !read_columns(r, json_get(v, "columns"), t) ||
        !read_names(r, json_get(v, "digested"), &t->digested))
        return false;
    for (size_t i = 0; i < t->key.n + t->digested.n; i++)
        if (!it_column_find(t, i < t->key.n ? t->key.at[i] : t->digested.at[i - t->key.n]))
            return damaged(r->cx, r->path, "it digests a column that it does not describe");
    if (!r->described && (t->geometry.kind == KEY_NONE) != (t->key.n == 0))
        return damaged(r->cx, r->path, "a table's key and geometry disagree");
    for (const struct json *l = json_first(json_get(v, "leaves")); l; l = json_next(l))
        *VEC_PUSH(a, &t->leaves) = (struct it_leaf){.schema = text(r, l, "schema"),
                                                    .name = text(r, l, "name"),
                                                    .oid = text(r, l, "oid"),
                                                    .bytes = number(l, "bytes", 0),
                                                    .filenode = number(l, "filenode", 0)};
    if (r->described)
        return read_description(r, v, t);
    if (!it_sketch_read(a, json_get(v, "sketch"), &t->sketch))
        return damaged(r->cx, r->path, "a sketch is malformed");
    if (t->sketch.cells && !read_names(r, json_get(json_get(v, "sketch"), "columns"), &t->sketched))
        return false;
    return read_chunks(r, json_get(v, "chunks"), &t->chunks,
                       (t->geometry.kind == KEY_NONE ? 0 : t->digested.n) + (t->strong ? 2 : 0));
}

static void read_server(struct reader *r, const struct json *body)
{
    const struct json *s = json_get(body, "server");
    struct it_side *side = r->side;

    side->role = "certificate";
    side->id.system_identifier = text(r, s, "system_identifier");
    side->id.database = text(r, s, "database");
    side->id.database_oid = text(r, s, "database_oid");
    side->id.server_version = text(r, s, "server_version");
    side->id.timeline = (int)number(s, "timeline", 0);
    side->id.user = text(r, s, "role");
    side->id.encoding = text(r, s, "encoding");
    side->id.collation = text(r, s, "collation");
    side->id.in_recovery = json_is_true(json_get(s, "in_recovery"));
    side->snapshot = text(r, s, "snapshot");
    side->started_at = text(r, s, "started_at");
    side->lsn_start = text(r, s, "lsn_start");
    side->lsn_end = text(r, s, "lsn_end");
    side->taken_at = text(r, body, "taken_at");
    side->quiescence = text(r, body, "quiescence");
    const char *level = json_get_text(body, "strictness", "exact");
    side->strictness = text_equal(level, "semantic") ? INTEGRITY_SEMANTIC
                       : text_equal(level, "strong") ? INTEGRITY_STRONG
                                                     : INTEGRITY_EXACT;
}

static bool read_digest_family(struct reader *r, const struct json *families)
{
    for (int f = FAM_NONE + 1; f < FAM_COUNT; f++) {
        const char *digest = json_get_text(families, it_family_name((enum it_family)f), "");
        if (text_equal(digest, it_digest_name(true)))
            r->side->portable |= 1u << f;
        else if (!text_equal(digest, it_digest_name(false)))
            return damaged(r->cx, r->path, "it takes digests in a form that this version does not know");
    }
    return true;
}

static bool read_side(struct reader *r, const struct json *body)
{
    struct arena *a = r->cx->arena;

    if (!read_digest_family(r, json_get(body, "digest_family")))
        return false;
    read_server(r, body);
    for (const struct json *v = json_first(json_get(body, "probes")); v; v = json_next(v))
        *VEC_PUSH(a, &r->side->probes) =
            (struct it_probe){.family = text(r, v, "family"), .value = text(r, v, "value")};
    if (!r->side->probes.n)
        return damaged(r->cx, r->path, "it does not say how its server hashes");
    for (const struct json *v = json_first(json_get(body, "tables")); v; v = json_next(v))
        if (!read_table(r, v))
            return false;
    for (const struct json *v = json_first(json_get(body, "uncovered")); v; v = json_next(v)) {
        struct it_table *t = VEC_PUSH(a, &r->side->tables);
        t->schema = text(r, v, "schema");
        t->name = text(r, v, "name");
        t->object = arena_printf(a, "%s.%s", t->schema, t->name);
        t->skip = text(r, v, "reason");
        t->rows = -1;
        t->kind = t->persistence = t->oid = "";
        if (json_is_true(json_get(v, "unproven"))) {
            t->skip_code = "not-in-certificate";
            t->skip_message = arena_printf(a, "table %s is not in the certificate: %s", t->object, t->skip);
        }
    }
    r->side->objects_complete = number(body, "object_kinds", 1) >= 2;
    for (const struct json *v = json_first(json_get(body, "objects")); v; v = json_next(v)) {
        *VEC_PUSH(a, &r->side->objects) = (struct it_object){.kind = text(r, v, "kind"),
                                                             .table = text(r, v, "table"),
                                                             .name = text(r, v, "name"),
                                                             .definition = text(r, v, "definition"),
                                                             .state = text(r, v, "state"),
                                                             .value = number(v, "value", 0),
                                                             .has_value = json_get(v, "value") != NULL};
        for (const struct json *u = json_first(json_get(v, "users")); u; u = json_next(u)) {
            struct it_table *t = it_table_find(r->side, json_get_text(u, "schema", ""), json_get_text(u, "name", ""));
            if (t)
                *VEC_PUSH(a, &r->side->number_users) = (struct it_number_user){
                    .sequence = r->side->objects.n - 1, .table = t, .column = text(r, u, "column")};
        }
    }
    if (!it_history_read(a, body, r->side))
        return damaged(r->cx, r->path, "a changelog's history is malformed");
    return true;
}

static bool read_body(struct reader *r, const struct json *body)
{
    long long version = number(body, "version", -1);

    if (version != INTEGRITY_CERTIFICATE_VERSION) {
        fail(r->cx, E_INPUT, "certificate %s has format %lld, and this version reads %d", r->path, version,
             INTEGRITY_CERTIFICATE_VERSION);
        err_hint(r->cx, "compare with the version of dbstep that wrote it");
        return false;
    }
    return read_side(r, body);
}

bool it_side_read(struct ctx *cx, const char *path, const struct json *body, struct it_side *side)
{
    struct reader r = {.cx = cx, .path = path, .side = side, .described = true};

    if (!read_side(&r, body))
        return false;
    side->role = text(&r, body, "role");
    side->live = json_is_true(json_get(body, "live"));
    side->started_at = text(&r, body, "started_at");
    side->id.superuser = json_is_true(json_get(json_get(body, "server"), "superuser"));
    side->bypass_rls = json_is_true(json_get(json_get(body, "server"), "bypass_rls"));
    side->exported = text(&r, body, "exported_snapshot");
    return true;
}

bool it_certificate_read(struct ctx *cx, const char *path, struct it_side *side)
{
    struct reader r = {.cx = cx, .path = path, .side = side};
    struct json_doc *doc = NULL;

    if (!it_sealed_read(cx, path, "certificate", &doc, &side->root))
        return false;
    bool ok = read_body(&r, json_root(doc));
    json_free(doc);
    return ok;
}
