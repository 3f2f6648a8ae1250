/* certificate.c - writing a certificate.
 *
 * The file is {"certificate":BODY,"root":"HEX"} and a newline; HEX is the SHA-256 of BODY's bytes as they stand, so that any change of the file,
 * be it one space, is seen. BODY is minified JSON in one order of members:
 *
 *   version, tool, taken_at, strictness, quiescence
 *   digest_family {a family of types: "postgres-extended-2" (the server's hash functions) or "sha256-utf8-1" (the portable form)}
 *   server    {system_identifier, database, database_oid, server_version, timeline, in_recovery, lsn_start, lsn_end, snapshot, started_at, encoding,
 *              collation, role, superuser, bypass_rls}
 *   settings  [the session's SET statements]
 *   probes    [{family, value}]  constants through every hash function, which the other server must reproduce
 *   tables    [{schema, name, oid, kind, rows, inserted, updated, deleted (statistics), strong,
 *              key [names], columns [{name, type, base, typmod, not_null, generated, identity, family}],
 *              leaves [{schema, name, oid, bytes, filenode}],
 *              geometry {kind, shift, lo, hi, mask, sums}, digested [names],
 *              chunks {id, rows, keys, digests [one per digested name], absent},
 *              sketch {subtables, cells (of each), columns [names], rows, seeds, hashes, checks}, absent when there is none; see sketch.h, sketch.c, digest}]
 *   uncovered [{object, reason}]
 *   objects   [{kind, table, name, definition, state, value}], what guards the data:
 *             constraint    definition; state: of "not valid", "disabled" (its triggers are)
 *             index         of no constraint, or invalid; definition; state: "", "invalid"
 *             trigger, rule definition; state: "", "disabled", "replica only", "always"
 *             policy        definition
 *             row-security  of tables that have it
 *             default       name: the column; definition; state: "", "generated, stored", "generated, virtual"
 *             view          materialized; state: "", "not populated"
 *             sequence      table: whose column takes its numbers; definition: "increment 1", and "cycle"; state: "", "unreadable",
 *                           "behind" (the column has its next number already); value: the last number given;
 *                           users: [{schema, name, column}]
 *             orphans       of foreign key name, duplicates behind unique index name, violations of constraint name: value: rows counted
 *             large-objects definition: digest of all, "" when only counted; value: how many
 *   object_kinds  2: all of these; without it only constraints, sequences, invalid indexes and disabled triggers
 *   histories [{schema, name, last_order, rows}]  of changelogs: 64 bits of SHA-256 over "path\nid\nauthor" in lower case per row, first byte
 *              highest, as base64 of little-endian numbers; not in certificates of older versions, and then unknown
 *
 * The members of chunks are base64 of little-endian 64-bit numbers, one per chunk in the order of ids; absent, one byte per chunk and digest,
 * only when there is a digest that is NULL. 64-bit numbers elsewhere are strings: engines that re-encode JSON lose integers above 2^53.
 * The members of sketch are arrays of the same form, one number per cell, sub-table after sub-table.
 * A table's digest is the SHA-256 of its geometry, names and chunk arrays, as they stand in the file, each ended by a newline. The sketch has no
 * part in it, so that equal rows have equal digests with and without one; the root covers all. */
#include <string.h>

#include "dbstep/base64.h"
#include "dbstep/files.h"
#include "dbstep/hash.h"
#include "dbstep/json.h"
#include "model.h"

static const char *const kinds[] = {[KEY_NONE] = "multiset", [KEY_RANGE] = "range", [KEY_HASH] = "hash"};
static const char *const levels[] = {
    [INTEGRITY_EXACT] = "exact", [INTEGRITY_SEMANTIC] = "semantic", [INTEGRITY_STRONG] = "strong"};

static void add_word(struct str *bytes, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        str_addc(bytes, (char)(v >> (8 * i) & 255));
}

struct table_writer {
    struct it_sealed *out;
    struct hash *digest;
    struct arena *arena;
};

static void put(struct table_writer *t, const char *key, const char *text)
{
    json_string(&t->out->w, key, text);
    hash_add(t->digest, text, strlen(text));
    hash_add(t->digest, "\n", 1);
}

static void put_int(struct table_writer *t, const char *key, long long v)
{
    put(t, key, arena_printf(t->arena, "%lld", v));
}

/* Array by array: the text of all of them would be the largest thing in memory. */
static void put_bytes(struct table_writer *t, const char *key, const void *bytes, size_t n)
{
    struct arena_mark mark = arena_mark(t->arena);
    put(t, key, base64_text(t->arena, bytes, n));
    arena_reset(t->arena, mark);
    it_sealed_flush(t->out);
}

static void write_chunks(struct table_writer *out, const struct it_chunks *c)
{
    struct json_writer *w = &out->out->w;
    struct arena own = {0};
    struct str bytes = str_new(&own);
    bool any_absent = false;

    json_object(w, "chunks");
    for (int field = 0; field < 3; field++) {
        str_clear(&bytes);
        for (size_t i = 0; i < c->n; i++)
            add_word(&bytes, field == 0 ? (uint64_t)c->at[i].id : field == 1 ? c->at[i].rows : c->at[i].keys);
        put_bytes(out, field == 0 ? "id" : field == 1 ? "rows" : "keys", bytes.s, bytes.len);
    }
    json_array(w, "digests");
    for (size_t d = 0; d < c->columns; d++) {
        str_clear(&bytes);
        for (size_t i = 0; i < c->n; i++) {
            add_word(&bytes, c->digest[i * c->columns + d]);
            any_absent = any_absent || c->absent[i * c->columns + d];
        }
        put_bytes(out, NULL, bytes.s, bytes.len);
    }
    json_end_array(w);
    put_bytes(out, "absent", c->absent, any_absent ? c->n * c->columns : 0);
    json_end_object(w);
    arena_free(&own);
}

void it_chunks_write(struct it_sealed *file, struct arena *a, const struct it_chunks *c)
{
    struct table_writer out = {.out = file, .digest = hash_start(HASH_SHA256), .arena = a};
    write_chunks(&out, c);
    hash_discard(out.digest);
}

static void write_columns(struct json_writer *w, const struct it_table *t)
{
    json_array(w, "columns");
    for (size_t i = 0; i < t->columns.n; i++) {
        const struct it_column *c = &t->columns.at[i];
        json_object(w, NULL);
        json_string(w, "name", c->name);
        json_string(w, "type", c->type);
        json_string(w, "base", c->base);
        json_int(w, "typmod", c->typmod);
        json_bool(w, "not_null", c->not_null);
        json_string(w, "generated", c->generated);
        json_string(w, "identity", c->identity);
        json_string(w, "family", it_family_name(c->family));
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_leaves(struct json_writer *w, const struct it_table *t, bool describe)
{
    json_array(w, "leaves");
    for (size_t i = 0; i < t->leaves.n; i++) {
        const struct it_leaf *l = &t->leaves.at[i];
        json_object(w, NULL);
        json_string(w, "schema", l->schema);
        json_string(w, "name", l->name);
        json_string(w, "oid", l->oid);
        json_int64_string(w, "bytes", l->bytes);
        json_int64_string(w, "filenode", l->filenode);
        if (describe) {
            json_bool(w, "foreign", l->foreign);
            json_bool(w, "readable", l->readable);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

/* Of a side in a plan: what pairing and reading ask of a table beside what a certificate says. */
static void write_description(struct json_writer *w, const struct it_table *t)
{
    json_string(w, "persistence", t->persistence);
    json_bool(w, "readable", t->readable);
    json_bool(w, "row_security", t->row_security);
    json_bool(w, "has_children", t->has_children);
    json_string(w, "skip", t->skip);
    json_string(w, "skip_code", t->skip_code);
    json_string(w, "skip_message", t->skip_message);
}

static void write_table(struct it_sealed *file, struct arena *a, const struct it_table *t, bool describe, bool digested)
{
    struct table_writer out = {.out = file, .digest = hash_start(HASH_SHA256), .arena = a};
    struct json_writer *w = &file->w;
    char hex[HASH_HEX_MAX];

    json_object(w, NULL);
    put(&out, "schema", t->schema);
    put(&out, "name", t->name);
    json_string(w, "oid", t->oid);
    json_string(w, "kind", t->kind);
    json_int64_string(w, "rows", t->rows);
    json_int64_string(w, "inserted", t->inserted);
    json_int64_string(w, "updated", t->updated);
    json_int64_string(w, "deleted", t->deleted);
    json_bool(w, "strong", t->strong);
    json_array(w, "key");
    for (size_t i = 0; i < t->key.n; i++)
        put(&out, NULL, t->key.at[i]);
    json_end_array(w);
    write_columns(w, t);
    write_leaves(w, t, describe);
    json_object(w, "geometry");
    put(&out, "kind", kinds[t->geometry.kind]);
    put_int(&out, "shift", t->geometry.shift);
    put_int(&out, "lo", t->geometry.lo);
    put_int(&out, "hi", t->geometry.hi);
    put_int(&out, "mask", t->geometry.mask);
    put_int(&out, "sums", t->geometry.sums);
    json_end_object(w);
    json_array(w, "digested");
    for (size_t i = 0; digested && i < t->digested.n; i++)
        put(&out, NULL, t->digested.at[i]);
    json_end_array(w);
    if (describe) {
        write_description(w, t);
    } else {
        write_chunks(&out, &t->chunks);
        it_sketch_write(w, a, &t->sketch, &t->sketched);
    }
    hash_finish_hex(out.digest, hex);
    if (!describe)
        json_string(w, "digest", hex);
    json_end_object(w);
}

void it_server_write(struct json_writer *w, const struct it_side *s)
{
    json_object(w, "server");
    json_string(w, "system_identifier", s->id.system_identifier);
    json_string(w, "database", s->id.database);
    json_string(w, "database_oid", s->id.database_oid);
    json_string(w, "server_version", s->id.server_version);
    json_int(w, "timeline", s->id.timeline);
    json_bool(w, "in_recovery", s->id.in_recovery);
    json_string(w, "lsn_start", s->lsn_start);
    json_string(w, "lsn_end", s->lsn_end);
    json_string(w, "snapshot", s->snapshot);
    json_string(w, "started_at", s->started_at ? s->started_at : "");
    json_string(w, "encoding", s->id.encoding);
    json_string(w, "collation", s->id.collation);
    json_string(w, "role", s->id.user);
    json_bool(w, "superuser", s->id.superuser);
    json_bool(w, "bypass_rls", s->bypass_rls);
    json_end_object(w);
    json_array(w, "settings");
    for (const char *const *sql = it_session; *sql; sql++)
        json_string(w, NULL, *sql);
    json_end_array(w);
    json_array(w, "probes");
    for (size_t i = 0; i < s->probes.n; i++) {
        json_object(w, NULL);
        json_string(w, "family", s->probes.at[i].family);
        json_string(w, "value", s->probes.at[i].value);
        json_end_object(w);
    }
    json_end_array(w);
}

static void write_users(struct json_writer *w, const struct it_side *s, size_t sequence)
{
    bool any = false;

    for (size_t i = 0; i < s->number_users.n; i++) {
        const struct it_number_user *u = &s->number_users.at[i];
        if (u->sequence != sequence)
            continue;
        if (!any)
            json_array(w, "users");
        any = true;
        json_object(w, NULL);
        json_string(w, "schema", u->table->schema);
        json_string(w, "name", u->table->name);
        json_string(w, "column", u->column);
        json_end_object(w);
    }
    if (any)
        json_end_array(w);
}

static void write_rest(struct json_writer *w, const struct it_side *s, bool describe)
{
    json_array(w, "uncovered");
    for (size_t i = 0; !describe && i < s->tables.n; i++) {
        const struct it_table *t = &s->tables.at[i];
        if (!t->skip)
            continue;
        json_object(w, NULL);
        json_string(w, "schema", t->schema);
        json_string(w, "name", t->name);
        json_string(w, "reason", t->skip);
        json_bool(w, "unproven", t->skip_code != NULL);
        json_end_object(w);
    }
    json_end_array(w);
    json_array(w, "objects");
    for (size_t i = 0; i < s->objects.n; i++) {
        const struct it_object *o = &s->objects.at[i];
        json_object(w, NULL);
        json_string(w, "kind", o->kind);
        json_string(w, "table", o->table);
        json_string(w, "name", o->name);
        json_string(w, "definition", o->definition);
        json_string(w, "state", o->state);
        if (o->has_value)
            json_int64_string(w, "value", o->value);
        write_users(w, s, i);
        json_end_object(w);
    }
    json_end_array(w);
    json_int(w, "object_kinds", 2);
}

static void write_digest_family(struct json_writer *w, const struct it_side *s)
{
    json_object(w, "digest_family");
    for (int f = FAM_NONE + 1; f < FAM_COUNT; f++)
        json_string(w, it_family_name((enum it_family)f), it_digest_name(it_portable(s->portable, (enum it_family)f)));
    json_end_object(w);
}

void it_side_write(struct it_sealed *out, const char *key, const struct it_side *s)
{
    struct json_writer *w = &out->w;

    json_object(w, key);
    json_string(w, "role", s->role);
    json_bool(w, "live", s->live);
    json_string(w, "started_at", s->started_at ? s->started_at : "");
    json_string(w, "exported_snapshot", s->exported ? s->exported : "");
    json_string(w, "taken_at", s->taken_at);
    json_string(w, "strictness", it_level_name(s->strictness));
    json_string(w, "quiescence", s->quiescence ? s->quiescence : "");
    write_digest_family(w, s);
    it_server_write(w, s);
    json_array(w, "tables");
    for (size_t i = 0; i < s->tables.n; i++) {
        struct arena scratch = {0};
        write_table(out, &scratch, &s->tables.at[i], true, !s->live); /* a live side's digests follow from pairing */
        arena_free(&scratch);
    }
    json_end_array(w);
    write_rest(w, s, true);
    struct arena scratch = {0};
    it_history_write(w, &scratch, s);
    arena_free(&scratch);
    json_end_object(w);
}

const char *it_level_name(enum integrity_strictness s)
{
    return levels[s];
}

/* `path` NULL: only the bytes are counted. */
static bool write_certificate(struct ctx *cx, struct it_side *s, const char *path, const char **root, size_t *bytes)
{
    struct it_sealed file;
    struct arena scratch = {0};

    if (!it_sealed_begin(cx, &file, "certificate", path))
        return false;
    struct json_writer *w = &file.w;
    json_object(w, NULL);
    json_int(w, "version", INTEGRITY_CERTIFICATE_VERSION);
    json_string(w, "tool", "dbstep");
    json_string(w, "taken_at", s->taken_at);
    json_string(w, "strictness", levels[s->strictness]);
    json_string(w, "quiescence", s->quiescence);
    write_digest_family(w, s);
    it_server_write(w, s);
    json_array(w, "tables");
    for (size_t i = 0; i < s->tables.n; i++) {
        if (s->tables.at[i].skip)
            continue;
        write_table(&file, &scratch, &s->tables.at[i], false, true);
        it_sealed_flush(&file);
        arena_free(&scratch);
    }
    json_end_array(w);
    write_rest(w, s, false);
    it_history_write(w, &scratch, s);
    arena_free(&scratch);
    json_end_object(w);
    bool ok = it_sealed_end(&file, root);
    *bytes = file.bytes;
    return ok;
}

size_t it_certificate_size(struct ctx *cx, struct it_side *s)
{
    struct arena_mark mark = arena_mark(cx->arena);
    const char *root;
    size_t n = 0;
    write_certificate(cx, s, NULL, &root, &n);
    arena_reset(cx->arena, mark);
    return n;
}

bool it_certificate_write(struct ctx *cx, struct it_side *s, const char *path, const char **root)
{
    size_t n;
    return write_certificate(cx, s, path, root, &n);
}
