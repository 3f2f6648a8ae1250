/* manifest.c - reading and verifying a backup manifest; see manifest.h. */
#include "manifest.h"

#include <stdio.h>
#include <string.h>

#include "dbstep/json.h"
#include "dbstep/pg.h"
#include "dbstep/vec.h"

enum { ELEMENT_MAX = 64 << 10, TOP_MAX = 64 << 10, LINE_MAX_BYTES = 1 << 20, DEPTH_MAX = 8 };

/* ---- received files ---- */

void received_init(struct received_files *f, struct arena *a)
{
    *f = (struct received_files){.names = str_new(a)};
}

static uint32_t path_hash(const char *path)
{
    return crc32c(0, path, strlen(path));
}

const char *received_path(const struct received_files *f, const struct received *r)
{
    return f->names.s + r->path;
}

static void put_in_bucket(struct received_files *f, size_t i)
{
    uint32_t *bucket = &f->buckets[path_hash(received_path(f, &f->at[i])) & (f->n_buckets - 1)];
    f->at[i].next = *bucket;
    *bucket = (uint32_t)(i + 1);
}

static int nibble(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Pairs of digits into bytes; false unless there are exactly 2n digits. */
static bool from_hex(const char *hex, unsigned char *out, size_t n)
{
    if (strlen(hex) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool received_add(struct ctx *cx, struct received_files *f, const char *path, uint64_t size, const char *sha256_hex)
{
    if (received_find(f, path))
        return fail(cx, E_EXTERNAL, "the server sent '%s' twice", path);
    if (f->names.len + strlen(path) + 1 > UINT32_MAX || f->n >= UINT32_MAX - 1)
        return fail(cx, E_CAPACITY, "too many files in the cluster");
    struct received *r = VEC_PUSH(cx->arena, f);
    r->path = (uint32_t)f->names.len;
    r->size = size;
    f->bytes += size;
    str_addn(&f->names, path, strlen(path) + 1);
    if (!from_hex(sha256_hex, r->sha256, sizeof r->sha256))
        return fail(cx, E_INTERNAL, "not a SHA-256 digest: %s", sha256_hex);
    if (f->n > f->n_buckets) {
        f->n_buckets = f->n_buckets ? f->n_buckets * 4 : 1024;
        f->buckets = arena_array(cx->arena, f->n_buckets, sizeof *f->buckets);
        for (size_t i = 0; i < f->n; i++)
            put_in_bucket(f, i);
    } else {
        put_in_bucket(f, f->n - 1);
    }
    return true;
}

struct received *received_find(struct received_files *f, const char *path)
{
    if (!f->n_buckets)
        return NULL;
    for (uint32_t i = f->buckets[path_hash(path) & (f->n_buckets - 1)]; i; i = f->at[i - 1].next)
        if (text_equal(received_path(f, &f->at[i - 1]), path))
            return &f->at[i - 1];
    return NULL;
}

/* ---- the manifest ---- */

void manifest_start(struct manifest *m, struct arena *a, struct received_files *files)
{
    *m = (struct manifest){.files = files,
                           .hash = hash_start(HASH_SHA256),
                           .line = str_new(a),
                           .element = str_new(a),
                           .top = str_new(a),
                           .key = str_new(a)};
}

void manifest_discard(struct manifest *m)
{
    hash_discard(m->hash);
    m->hash = NULL;
}

static bool malformed(struct ctx *cx, const char *what)
{
    return fail(cx, E_EXTERNAL, "the server sent a malformed backup manifest: %s", what);
}

static bool wrong(struct ctx *cx, const char *path, const char *what)
{
    fail(cx, E_VERIFY, "the copy of '%s' is not what the server's manifest says: %s", path, what);
    err_hint(cx, "run the stage again; when it happens again, look for a proxy or a disk that alters data");
    return false;
}

static bool check_file(struct ctx *cx, struct manifest *m, const struct json *o)
{
    const char *path = json_get_text(o, "Path", NULL), *encoded = json_get_text(o, "Encoded-Path", NULL);
    const char *algorithm = json_get_text(o, "Checksum-Algorithm", NULL),
               *checksum = json_get_text(o, "Checksum", NULL);
    const struct json *size = json_get(o, "Size");
    long long bytes;

    if (encoded) {
        size_t n = strlen(encoded) / 2;
        char *raw = arena_alloc(cx->arena, n + 1);
        if (!from_hex(encoded, (unsigned char *)raw, n) || strlen(raw) != n)
            return malformed(cx, "an encoded path cannot be decoded");
        path = raw;
    }
    if (!path || !*path || !size || !json_int64(size, &bytes) || bytes < 0)
        return malformed(cx, "a file without path or size");
    if (!algorithm || !text_equal_nocase(algorithm, "SHA256") || !checksum)
        return malformed(cx, arena_printf(cx->arena, "'%s' has no SHA-256 checksum", path));
    m->n_files++;
    m->bytes += (uint64_t)bytes;
    if (!m->files)
        return true;

    struct received *r = received_find(m->files, path);
    unsigned char sha256[32];
    if (!r)
        return wrong(cx, path, "it did not come");
    if (r->listed)
        return malformed(cx, arena_printf(cx->arena, "'%s' is listed twice", path));
    r->listed = true;
    if (r->size != (uint64_t)bytes)
        return wrong(cx, path,
                     arena_printf(cx->arena, "%llu bytes instead of %lld", (unsigned long long)r->size, bytes));
    if (!from_hex(checksum, sha256, sizeof sha256))
        return malformed(cx, arena_printf(cx->arena, "the checksum of '%s' is not a SHA-256", path));
    return memcmp(sha256, r->sha256, sizeof sha256) == 0 || wrong(cx, path, "its SHA-256 differs");
}

static bool take_range(struct ctx *cx, struct manifest *m, const struct json *o)
{
    struct manifest_range r;
    long long timeline;
    const struct json *t = json_get(o, "Timeline");

    if (!t || !json_int64(t, &timeline) || timeline < 1 || timeline > UINT32_MAX ||
        !pg_lsn_parse(json_get_text(o, "Start-LSN", ""), &r.start) ||
        !pg_lsn_parse(json_get_text(o, "End-LSN", ""), &r.end) || r.end < r.start)
        return malformed(cx, "a WAL range cannot be read");
    r.timeline = (unsigned)timeline;
    *VEC_PUSH(cx->arena, &m->ranges) = r;
    return true;
}

static bool take_element(struct ctx *cx, struct manifest *m)
{
    /* Ranges must outlive the mark. */
    bool files = m->section == 'F';
    struct arena_mark mark = arena_mark(cx->arena);
    size_t at;
    struct json_doc *doc = json_parse(m->element.s, m->element.len, &at);
    bool ok = doc && json_is_object(json_root(doc));

    if (!ok)
        malformed(cx, "an element of a list is not JSON");
    else
        ok = files ? check_file(cx, m, json_root(doc)) : take_range(cx, m, json_root(doc));
    json_free(doc);
    if (files && ok)
        arena_reset(cx->arena, mark);
    str_clear(&m->element);
    return ok;
}

/* The elements of the two lists go one by one to take_element(); everything else of the object is kept in m->top, where the lists
 * are left empty. */
static bool take_byte(struct ctx *cx, struct manifest *m, char c)
{
    bool open = !m->in_string && (c == '{' || c == '['), close = !m->in_string && (c == '}' || c == ']');

    if (m->done && (unsigned char)c > ' ')
        return malformed(cx, "something follows its end");
    if (m->in_string) {
        if (m->escaped)
            m->escaped = false;
        else if (c == '\\')
            m->escaped = true;
        else if (c == '"')
            m->in_string = false;
        if (m->depth == 1 && m->in_string && m->key.len < 64)
            str_addc(&m->key, c);
    } else if (c == '"') {
        m->in_string = true;
        if (m->depth == 1)
            str_clear(&m->key);
    }
    if (open && ++m->depth > DEPTH_MAX)
        return malformed(cx, "it is nested too deeply");
    if (close && --m->depth < 0)
        return malformed(cx, "its brackets do not match");
    if (close && m->depth == 0)
        m->done = true;
    if (close && m->depth == 1)
        m->section = 0;

    if (m->section) {
        bool starts = open && c == '{' && m->depth == 3;
        if (!m->capturing && !starts)
            return c == ',' || (unsigned char)c <= ' ' || malformed(cx, "a list holds something other than objects");
        m->capturing = true;
        if (m->element.len >= ELEMENT_MAX)
            return malformed(cx, "an element of a list is too long");
        str_addc(&m->element, c);
        if (!close || m->depth != 2)
            return true;
        m->capturing = false;
        return take_element(cx, m);
    }
    if (m->top.len >= TOP_MAX)
        return malformed(cx, "it holds too much outside its lists");
    str_addc(&m->top, c);
    if (open && c == '[' && m->depth == 2)
        m->section = text_equal(m->key.s, "Files") ? 'F' : text_equal(m->key.s, "WAL-Ranges") ? 'W' : 0;
    return true;
}

bool manifest_feed(struct ctx *cx, struct manifest *m, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        /* A complete line is hashed once something follows it, so that the last one is not. */
        if (m->line_pending) {
            hash_add(m->hash, m->line.s, m->line.len);
            str_clear(&m->line);
            m->line_pending = false;
        }
        if (m->line.len >= LINE_MAX_BYTES)
            return malformed(cx, "a line is too long");
        str_addc(&m->line, data[i]);
        m->line_pending = data[i] == '\n';
        if (!take_byte(cx, m, data[i]))
            return false;
    }
    return true;
}

bool manifest_finish(struct ctx *cx, struct manifest *m)
{
    char hex[HASH_HEX_MAX];
    size_t at;

    hash_finish_hex(m->hash, hex);
    m->hash = NULL;
    if (!m->done)
        return malformed(cx, "it ends too early");
    struct json_doc *doc = json_parse(m->top.s, m->top.len, &at);
    const struct json *root = doc ? json_root(doc) : NULL;
    const struct json *version = root ? json_get(root, "PostgreSQL-Backup-Manifest-Version") : NULL;
    const struct json *id = root ? json_get(root, "System-Identifier") : NULL;
    const char *checksum = root ? json_get_text(root, "Manifest-Checksum", "") : "";
    bool ok = true;

    if (!doc)
        ok = malformed(cx, "it is not JSON");
    else if (!version || !json_int64(version, &m->version) || m->version < 1 || m->version > 2)
        ok = malformed(cx, "its version is unknown");
    else if (!text_equal_nocase(checksum, hex))
        ok = fail(cx, E_VERIFY, "the backup manifest's own checksum does not hold");
    /* A 64-bit number as bare JSON digits would lose its last digits on the way through a double: taken from the text. */
    if (ok && id) {
        const char *p = strstr(m->top.s, "\"System-Identifier\"");
        p += strcspn(p, ":");
        p += strcspn(p, "0123456789");
        snprintf(m->system_identifier, sizeof m->system_identifier, "%.*s", (int)strspn(p, "0123456789"), p);
    }
    json_free(doc);
    if (!ok)
        return false;
    if (!m->ranges.n)
        return malformed(cx, "it names no WAL range");
    for (size_t i = 0; m->files && i < m->files->n; i++)
        if (!m->files->at[i].listed && !text_starts(received_path(m->files, &m->files->at[i]), "pg_wal/"))
            return wrong(cx, received_path(m->files, &m->files->at[i]), "it is not listed");
    return true;
}
