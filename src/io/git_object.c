/* git_object.c - objects of a Git repository, loose and in packs; see git.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "dbstep/files.h"
#include "git_internal.h"

enum { CHUNK = 65536, DEPTH_MAX = 8192, FANOUT = 1024, INDEX_HEAD = 8 };
#define OBJECT_MAX ((size_t)256 << 20)

static const char *const kind_names[] = {"", "commit", "tree", "blob", "tag"};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define FD_AUTO __attribute__((cleanup(close_fd))) int

static bool damaged(struct ctx *cx, const char *what, const char *why)
{
    fail(cx, E_FILE, "the Git object %s cannot be read: %s", what, why);
    err_hint(cx, "`git fsck` in the checkout says more");
    return false;
}

void git_hex(const struct git *g, const unsigned char *raw, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < g->raw; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * g->raw] = '\0';
}

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

static unsigned long long big_endian(const unsigned char *p, size_t n)
{
    unsigned long long v = 0;
    while (n--)
        v = v << 8 | *p++;
    return v;
}

/* Exactly n bytes at an offset. */
static bool read_at(int fd, unsigned long long at, void *to, size_t n)
{
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to = (char *)to + got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* ---- inflating ---- */

static void end_stream(z_stream *z)
{
    inflateEnd(z);
}

/* Inflates what lies at an offset of a file into `room` bytes, no more; *n is how many there were. `whole`: the stream must end there. NULL,
 * or what is wrong. */
static const char *inflate_at(int fd, unsigned long long at, unsigned char *to, size_t room, bool whole, size_t *n)
{
    unsigned char in[CHUNK], spare;
    __attribute__((cleanup(end_stream))) z_stream z = {0};

    if (inflateInit(&z) != Z_OK)
        return "out of memory";
    z.next_out = to;
    z.avail_out = (uInt)room;
    for (;;) {
        if (!z.avail_in) {
            ssize_t got = pread(fd, in, sizeof in, (off_t)at);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return "its data is cut off";
            at += (size_t)got;
            z.next_in = in;
            z.avail_in = (uInt)got;
        }
        bool full = !z.avail_out;
        if (full && !whole)
            break;
        if (full) { /* the end of the stream may need no room, and more data would be too much */
            z.next_out = &spare;
            z.avail_out = 1;
        }
        int r = inflate(&z, Z_NO_FLUSH);
        if (full && !z.avail_out)
            return "it is longer than it says";
        if (full)
            z.avail_out = 0;
        if (r == Z_STREAM_END)
            break;
        if (r != Z_OK && r != Z_BUF_ERROR)
            return "its data is damaged";
    }
    *n = z.total_out;
    return NULL;
}

/* ---- loose objects: zlib of "kind size", NUL, content ---- */

static enum git_kind kind_of(const char *word, size_t n)
{
    for (size_t i = GIT_COMMIT; i <= GIT_TAG; i++)
        if (strlen(kind_names[i]) == n && memcmp(kind_names[i], word, n) == 0)
            return (enum git_kind)i;
    return GIT_NONE;
}

static bool read_loose(struct ctx *cx, struct arena *a, int fd, const char *name, struct git_object *out)
{
    unsigned char head[64] = {0};
    size_t n, size = 0;
    const char *why = inflate_at(fd, 0, head, sizeof head - 1, false, &n);

    if (why)
        return damaged(cx, name, why);
    unsigned char *end = memchr(head, '\0', n), *space = memchr(head, ' ', n);
    if (!end || !space || space > end)
        return damaged(cx, name, "its header is malformed");
    out->kind = kind_of((char *)head, (size_t)(space - head));
    for (unsigned char *p = space + 1; p < end; p++) {
        if (*p < '0' || *p > '9' || size > OBJECT_MAX)
            return damaged(cx, name, "its size is malformed, or over 256 MB");
        size = size * 10 + (size_t)(*p - '0');
    }
    if (!out->kind || size > OBJECT_MAX)
        return damaged(cx, name, "its kind is unknown, or it is over 256 MB");
    size_t skip = (size_t)(end - head) + 1;
    unsigned char *all = arena_alloc(a, skip + size + 1);
    why = inflate_at(fd, 0, all, skip + size, true, &n);
    if (!why && n != skip + size)
        why = "it is shorter than it says";
    if (why)
        return damaged(cx, name, why);
    out->data = all + skip;
    out->n = size;
    return true;
}

/* ---- packs ---- */

static void list_packs(struct ctx *cx, struct git *g)
{
    if (g->packs_listed)
        return;
    g->packs_listed = true;
    for (size_t i = 0; i < g->stores.n; i++) {
        struct ctx own = {.arena = cx->arena};
        const char *folder = path_join(g->arena, g->stores.at[i], "pack");
        struct str_list names;
        if (!dir_list(&own, folder, &names))
            continue; /* a repository may have none */
        for (size_t k = 0; k < names.n; k++)
            if (text_ends(names.at[k], ".idx")) {
                const char *base = arena_strndup(g->arena, names.at[k], strlen(names.at[k]) - strlen(".idx"));
                *VEC_PUSH(g->arena, &g->packs) =
                    (struct git_pack){.path = path_join(g->arena, folder, base), .index = -1, .data = -1};
            }
    }
}

static bool open_file(struct ctx *cx, const struct git_pack *p, const char *suffix, int *fd, unsigned long long *size)
{
    struct stat st;
    const char *path = arena_printf(cx->arena, "%s%s", p->path, suffix);
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) != 0)
        return fail(cx, E_FILE, "cannot read '%s': %s", path, strerror(errno));
    *size = (unsigned long long)st.st_size;
    return true;
}

static bool open_index(struct ctx *cx, const struct git *g, struct git_pack *p)
{
    unsigned char head[INDEX_HEAD], last[4];

    if (p->index >= 0)
        return true;
    if (!open_file(cx, p, ".idx", &p->index, &p->index_size))
        return false;
    if (!read_at(p->index, 0, head, sizeof head) || memcmp(head, "\377tOc\0\0\0\2", sizeof head) != 0)
        return fail(cx, E_FILE, "the pack index '%s.idx' is not of version 2", p->path);
    if (!read_at(p->index, INDEX_HEAD + FANOUT - 4, last, sizeof last))
        return fail(cx, E_FILE, "the pack index '%s.idx' is cut off", p->path);
    p->objects = big_endian(last, 4);
    if (p->index_size < INDEX_HEAD + FANOUT + p->objects * (g->raw + 8) + 2 * g->raw)
        return fail(cx, E_FILE, "the pack index '%s.idx' is cut off", p->path);
    return true;
}

/* The first entry whose name is not less than raw (n bytes of it, the rest taken as zero). */
static bool lower_bound(const struct git *g, const struct git_pack *p, const unsigned char *raw, unsigned long long *at)
{
    unsigned char fan[8] = {0}, have[32];
    unsigned long long low = 0, high;

    if (raw[0] ? !read_at(p->index, INDEX_HEAD + 4ull * (raw[0] - 1u), fan, 8)
               : !read_at(p->index, INDEX_HEAD, fan + 4, 4))
        return false;
    low = big_endian(fan, 4);
    high = big_endian(fan + 4, 4);
    if (low > high || high > p->objects)
        return false;
    while (low < high) {
        unsigned long long mid = low + (high - low) / 2;
        if (!read_at(p->index, INDEX_HEAD + FANOUT + mid * g->raw, have, g->raw))
            return false;
        if (memcmp(have, raw, g->raw) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *at = low;
    return true;
}

static bool entry_name(const struct git *g, const struct git_pack *p, unsigned long long at, unsigned char *raw)
{
    return at < p->objects && read_at(p->index, INDEX_HEAD + FANOUT + at * g->raw, raw, g->raw);
}

static bool entry_offset(const struct git *g, const struct git_pack *p, unsigned long long at,
                         unsigned long long *offset)
{
    unsigned char b[8];
    unsigned long long offsets = INDEX_HEAD + FANOUT + p->objects * (g->raw + 4), far = offsets + p->objects * 4;

    if (!read_at(p->index, offsets + at * 4, b, 4))
        return false;
    *offset = big_endian(b, 4);
    if (*offset & 0x80000000u) {
        far += (*offset & 0x7FFFFFFFu) * 8;
        if (far + 8 > p->index_size || !read_at(p->index, far, b, 8))
            return false;
        *offset = big_endian(b, 8);
    }
    return true;
}

/* *pack is NULL when no pack has it. */
static bool find_packed(struct ctx *cx, struct git *g, const unsigned char *raw, struct git_pack **pack,
                        unsigned long long *offset)
{
    unsigned char have[32];
    unsigned long long at;

    *pack = NULL;
    list_packs(cx, g);
    for (size_t i = 0; i < g->packs.n; i++) {
        struct git_pack *p = &g->packs.at[i];
        if (!open_index(cx, g, p))
            return false;
        if (!lower_bound(g, p, raw, &at))
            return fail(cx, E_FILE, "the pack index '%s.idx' is damaged", p->path);
        if (!entry_name(g, p, at, have) || memcmp(have, raw, g->raw) != 0)
            continue;
        if (!entry_offset(g, p, at, offset))
            return fail(cx, E_FILE, "the pack index '%s.idx' is damaged", p->path);
        if (p->data < 0 && !open_file(cx, p, ".pack", &p->data, &p->data_size))
            return false;
        *pack = p;
        return true;
    }
    return true;
}

enum { OFS_DELTA = 6, REF_DELTA = 7 };

struct entry {
    struct git_pack *pack;
    unsigned long long data, base; /* where its zlib stream begins; OFS_DELTA: its base's entry */
    unsigned type;
    size_t size;
    unsigned char base_name[32]; /* REF_DELTA */
};

/* NULL, or what is wrong. */
static const char *read_entry(const struct git *g, struct git_pack *p, unsigned long long at, struct entry *e)
{
    unsigned char b[64] = {0};
    size_t have = at < p->data_size ? (size_t)(p->data_size - at) : 0, i = 1;
    unsigned shift = 4;

    if (have > sizeof b)
        have = sizeof b;
    if (have < g->raw || !read_at(p->data, at, b, have))
        return "it lies beyond the end of its pack";
    *e = (struct entry){.pack = p, .type = b[0] >> 4 & 7, .size = b[0] & 15};
    for (unsigned char c = b[0]; c & 0x80; i++, shift += 7) {
        c = b[i];
        if (shift > 32)
            return "its size is malformed";
        e->size |= (size_t)(c & 0x7F) << shift;
    }
    if (e->size > OBJECT_MAX)
        return "it is over 256 MB";
    if (e->type == OFS_DELTA) {
        unsigned long long back = b[i] & 0x7F;
        for (; b[i] & 0x80; back = (back + 1) << 7 | (b[i] & 0x7F))
            if (++i >= 24)
                return "the place of its base is malformed";
        i++;
        if (!back || back > at)
            return "the place of its base is malformed";
        e->base = at - back;
    } else if (e->type == REF_DELTA) {
        if (i + g->raw > have)
            return "it is cut off";
        memcpy(e->base_name, b + i, g->raw);
        i += g->raw;
    } else if (e->type < GIT_COMMIT || e->type > GIT_TAG) {
        return "its kind is unknown";
    }
    e->data = at + i;
    return NULL;
}

static const char *inflate_entry(struct arena *a, const struct entry *e, unsigned char **data)
{
    size_t n;
    *data = arena_alloc(a, e->size + 1);
    const char *why = inflate_at(e->pack->data, e->data, *data, e->size, true, &n);
    return why ? why : n != e->size ? "it is shorter than it says" : NULL;
}

static bool delta_size(const unsigned char **p, const unsigned char *end, size_t *size)
{
    unsigned shift = 0;
    *size = 0;
    do {
        if (*p == end || shift > 32)
            return false;
        *size |= (size_t)(**p & 0x7F) << shift;
        shift += 7;
    } while (*(*p)++ & 0x80);
    return true;
}

/* One instruction of a delta. False when it is malformed or leaves the base or the result. */
static bool delta_step(const unsigned char **p, const unsigned char *end, const struct git_object *base,
                       unsigned char *to, size_t room, size_t *n)
{
    unsigned op = *(*p)++;
    size_t from = 0;

    *n = 0;
    if (!(op & 0x80)) {
        if (!op || op > (size_t)(end - *p) || op > room)
            return false;
        memcpy(to, *p, op);
        *p += op;
        *n = op;
        return true;
    }
    for (unsigned i = 0; i < 7; i++)
        if (op >> i & 1) {
            if (*p == end)
                return false;
            size_t byte = *(*p)++;
            if (i < 4)
                from |= byte << (8 * i);
            else
                *n |= byte << (8 * (i - 4));
        }
    if (!*n)
        *n = 0x10000;
    if (from > base->n || *n > base->n - from || *n > room)
        return false;
    memcpy(to, base->data + from, *n);
    return true;
}

static const char *apply(struct arena *a, const struct git_object *base, const unsigned char *delta, size_t n,
                         struct git_object *out)
{
    const unsigned char *p = delta, *end = delta + n;
    size_t from, to, done = 0, step;

    if (!delta_size(&p, end, &from) || !delta_size(&p, end, &to) || from != base->n || to > OBJECT_MAX)
        return "its delta does not fit its base";
    out->data = arena_alloc(a, to + 1);
    while (p < end) {
        if (!delta_step(&p, end, base, out->data + done, to - done, &step))
            return "its delta is malformed";
        done += step;
    }
    out->n = to;
    out->kind = base->kind;
    return done == to ? NULL : "its delta is too short";
}

/* Down to the whole object at the end of the chain, then back up; two arenas take turns, so that only a link and the next one are held. */
static bool read_packed(struct ctx *cx, struct git *g, struct arena *a, const char *name, struct entry e,
                        struct git_object *out)
{
    __attribute__((cleanup(arena_free))) struct arena one = {0}, two = {0};
    struct arena *here = &one, *there = &two, *swap;
    VEC(struct entry) chain = {0};
    const char *why = NULL;
    unsigned char *delta;

    while (e.type == OFS_DELTA || e.type == REF_DELTA) {
        struct git_pack *pack = e.pack;
        unsigned long long at = e.base;
        *VEC_PUSH(cx->arena, &chain) = e;
        if (chain.n > DEPTH_MAX)
            return damaged(cx, name, "its chain of deltas does not end");
        if (e.type == REF_DELTA && !find_packed(cx, g, e.base_name, &pack, &at))
            return false;
        if (!pack)
            return damaged(cx, name, "the base of its delta is in no pack");
        if ((why = read_entry(g, pack, at, &e)))
            return damaged(cx, name, why);
    }
    struct git_object object = {.kind = (enum git_kind)e.type, .n = e.size};
    why = inflate_entry(here, &e, &object.data);
    while (!why && chain.n) {
        struct entry *link = &chain.at[--chain.n];
        struct git_object next;
        if (!ctx_alive(cx, "reading Git objects"))
            return false;
        why = inflate_entry(there, link, &delta);
        if (!why)
            why = apply(there, &object, delta, link->size, &next);
        if (why)
            break;
        arena_free(here);
        swap = here;
        here = there;
        there = swap;
        object = next;
    }
    if (why)
        return damaged(cx, name, why);
    *out = object;
    out->data = arena_alloc(a, object.n + 1);
    memcpy(out->data, object.data, object.n);
    return true;
}

void git_close_packs(struct git *g)
{
    for (size_t i = 0; i < g->packs.n; i++) {
        close_fd(&g->packs.at[i].index);
        close_fd(&g->packs.at[i].data);
        g->packs.at[i].index = g->packs.at[i].data = -1;
    }
}

/* ---- either ---- */

static void object_name(const struct git *g, enum git_kind kind, const void *data, size_t n, char *hex)
{
    char head[64];
    int len = snprintf(head, sizeof head, "%s %zu", kind_names[kind], n);
    struct hash *h = hash_start(g->sha256 ? HASH_SHA256 : HASH_SHA1);
    char all[HASH_HEX_MAX];

    hash_add(h, head, (size_t)len + 1);
    hash_add(h, data, n);
    hash_finish_hex(h, all);
    memcpy(hex, all, 2 * g->raw + 1);
}

void git_blob_name(const struct git *g, const void *content, size_t n, char blob[GIT_HEX_MAX])
{
    object_name(g, GIT_BLOB, content, n, blob);
}

static void to_raw(const struct git *g, const char *hex, unsigned char *raw)
{
    for (size_t i = 0; i < g->raw; i++)
        raw[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

static bool find_and_read(struct ctx *cx, struct git *g, struct arena *a, const char *name, struct git_object *out)
{
    unsigned char raw[32];
    struct git_pack *pack;
    unsigned long long at;
    struct entry e;

    for (size_t i = 0; i < g->stores.n; i++) {
        FD_AUTO fd = open(arena_printf(cx->arena, "%s/%.2s/%s", g->stores.at[i], name, name + 2),
                          O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            return read_loose(cx, a, fd, name, out);
    }
    to_raw(g, name, raw);
    if (!find_packed(cx, g, raw, &pack, &at))
        return false;
    if (!pack) {
        damaged(cx, name, "it is not in the repository");
        return false;
    }
    const char *why = read_entry(g, pack, at, &e);
    return why ? damaged(cx, name, why) : read_packed(cx, g, a, name, e, out);
}

bool git_read(struct ctx *cx, struct git *g, struct arena *a, const char *name, struct git_object *out)
{
    char have[GIT_HEX_MAX];

    *out = (struct git_object){.kind = GIT_NONE};
    if (!find_and_read(cx, g, a, name, out))
        return false;
    object_name(g, out->kind, out->data, out->n, have);
    return text_equal(have, name) || damaged(cx, name, "its content is another one's");
}

/* ---- names that are cut off ---- */

static void note(char name[GIT_HEX_MAX], int *found, const char *hex)
{
    if (*found && text_equal(name, hex))
        return; /* loose and packed */
    if (!*found)
        memcpy(name, hex, strlen(hex) + 1);
    ++*found;
}

bool git_expand(struct ctx *cx, struct git *g, const char *prefix, char name[GIT_HEX_MAX], int *found)
{
    size_t n = strlen(prefix);
    unsigned char raw[32] = {0}, have[32];
    char hex[GIT_HEX_MAX];

    *found = 0;
    for (size_t i = 0; i < g->stores.n; i++) {
        struct ctx own = {.arena = cx->arena};
        struct str_list names;
        if (!dir_list(&own, arena_printf(cx->arena, "%s/%.2s", g->stores.at[i], prefix), &names))
            continue;
        for (size_t k = 0; k < names.n; k++)
            if (text_starts(names.at[k], prefix + 2) && strlen(names.at[k]) == 2 * g->raw - 2)
                note(name, found, arena_printf(cx->arena, "%.2s%s", prefix, names.at[k]));
    }
    for (size_t i = 0; i < n; i++)
        raw[i / 2] |= (unsigned char)(nibble(prefix[i]) << (i & 1 ? 0 : 4));
    list_packs(cx, g);
    for (size_t i = 0; i < g->packs.n; i++) {
        struct git_pack *p = &g->packs.at[i];
        unsigned long long at;
        if (!open_index(cx, g, p))
            return false;
        if (!lower_bound(g, p, raw, &at))
            return fail(cx, E_FILE, "the pack index '%s.idx' is damaged", p->path);
        for (; *found < 2 && entry_name(g, p, at, have); at++) {
            git_hex(g, have, hex);
            if (strncmp(hex, prefix, n) != 0)
                break;
            note(name, found, hex);
        }
    }
    return true;
}
