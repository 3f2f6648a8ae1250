/* tar.c - reading a tar stream; see tar.h. */
#include "tar.h"

#include <string.h>

#include "dbstep/str.h"

/* Places in the header: name, mode, size, checksum, type, link name, magic, prefix. */
enum {
    AT_NAME = 0,
    NAME_SIZE = 100,
    AT_MODE = 100,
    MODE_SIZE = 8,
    AT_SIZE = 124,
    SIZE_SIZE = 12,
    AT_SUM = 148,
    SUM_SIZE = 8,
    AT_TYPE = 156,
    AT_LINK = 157,
    LINK_SIZE = 100,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    PREFIX_SIZE = 155,
};

void tar_start(struct tar *t, struct tar_sink sink)
{
    *t = (struct tar){.sink = sink};
}

static bool malformed(struct ctx *cx, const struct tar *t, const char *what)
{
    fail(cx, E_EXTERNAL, "the server sent a malformed archive: %s", what);
    err_detail(cx, "at byte %llu of the archive", (unsigned long long)(t->position - t->filled));
    return false;
}

/* Octal digits, padded with spaces or zeroes, ended by a space, a zero byte or the field's end; or binary with the top bit set. */
static bool number(const unsigned char *field, size_t n, uint64_t *out)
{
    size_t i = 0;
    uint64_t v = 0;

    if (field[0] & 0x80) {
        if (field[0] != 0x80) /* 0xff is a negative number, other bits are above 64 */
            return false;
        for (i = 1; i < n; i++) {
            if (v >> 55)
                return false;
            v = v << 8 | field[i];
        }
        *out = v;
        return true;
    }
    while (i < n && field[i] == ' ')
        i++;
    size_t digits = i;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(field[i] - '0');
    if (i == digits)
        return false;
    for (; i < n; i++)
        if (field[i] != ' ' && field[i] != '\0')
            return false;
    *out = v;
    return true;
}

static bool sum_holds(const unsigned char *block)
{
    uint64_t said, sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= AT_SUM && i < AT_SUM + SUM_SIZE ? ' ' : block[i];
    return number(block + AT_SUM, SUM_SIZE, &said) && said == sum;
}

static size_t field_length(const unsigned char *field, size_t n)
{
    const unsigned char *end = memchr(field, 0, n);
    return end ? (size_t)(end - field) : n;
}

/* A name that stays below the folder it is unpacked into, brought into one form. */
static bool clean_name(char *name)
{
    char *out = name;
    const char *in = name;

    if (*in == '/')
        return false;
    while (*in) {
        size_t n = strcspn(in, "/");
        if (n == 2 && in[0] == '.' && in[1] == '.')
            return false;
        if (n && !(n == 1 && in[0] == '.')) {
            if (out != name)
                *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in += n;
        while (*in == '/')
            in++;
    }
    *out = '\0';
    return true;
}

static bool is_zero(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static bool take_header(struct ctx *cx, struct tar *t)
{
    const unsigned char *b = t->block;
    struct tar_entry *e = &t->entry;
    uint64_t mode;

    if (is_zero(b)) {
        t->ended = true;
        t->filled = 0;
        return true;
    }
    if (t->ended)
        return malformed(cx, t, "something follows its end");
    if (memcmp(b + AT_MAGIC, "ustar", 5) != 0)
        return malformed(cx, t, "not a ustar header");
    if (!sum_holds(b))
        return malformed(cx, t, "a header's checksum is wrong");
    *e = (struct tar_entry){.type = TAR_FILE};

    size_t prefix = field_length(b + AT_PREFIX, PREFIX_SIZE), name = field_length(b + AT_NAME, NAME_SIZE), n = 0;
    /* In GNU's variant ("ustar  ") other fields lie where the prefix is. */
    if (prefix && b[AT_MAGIC + 5] == '\0') {
        memcpy(e->name, b + AT_PREFIX, prefix);
        n = prefix;
        e->name[n++] = '/';
    }
    if (n + name > TAR_NAME_MAX)
        return malformed(cx, t, "a name is too long");
    memcpy(e->name + n, b + AT_NAME, name);
    e->name[n + name] = '\0';
    memcpy(e->link, b + AT_LINK, field_length(b + AT_LINK, LINK_SIZE));

    if (!number(b + AT_MODE, MODE_SIZE, &mode) || !number(b + AT_SIZE, SIZE_SIZE, &e->size))
        return malformed(cx, t, "a header's number cannot be read");
    e->mode = (mode_t)(mode & 07777);

    char said[sizeof e->name]; /* no arena here: a cluster may have a million files */
    memcpy(said, e->name, sizeof said);
    switch (b[AT_TYPE]) {
    case '\0':
    case '0':
    case '7': e->type = TAR_FILE; break;
    case '5': e->type = TAR_FOLDER, e->size = 0; break;
    case '2': e->type = TAR_LINK, e->size = 0; break;
    default:
        return malformed(
            cx, t,
            arena_printf(cx->arena, "'%s' is of type %d, neither a file, a folder nor a link", said, b[AT_TYPE]));
    }
    if (!clean_name(e->name) || (!*e->name && e->type != TAR_FOLDER))
        return malformed(cx, t, arena_printf(cx->arena, "the name '%s' leads out of the folder it belongs to", said));
    if (e->type == TAR_LINK && !*e->link)
        return malformed(cx, t, arena_printf(cx->arena, "the link '%s' leads nowhere", said));

    t->filled = 0;
    t->content = e->size;
    t->padding = (TAR_BLOCK - e->size % TAR_BLOCK) % TAR_BLOCK;
    if (!t->sink.entry(cx, t->sink.user, e))
        return false;
    return e->type != TAR_FILE || t->content || t->sink.end(cx, t->sink.user);
}

bool tar_feed(struct ctx *cx, struct tar *t, const char *data, size_t n)
{
    while (n) {
        size_t take;
        if (t->content) {
            take = n < t->content ? n : (size_t)t->content;
            if (!t->sink.data(cx, t->sink.user, data, take))
                return false;
            t->content -= take;
            t->position += take;
            if (!t->content && !t->sink.end(cx, t->sink.user))
                return false;
        } else if (t->padding) {
            take = n < t->padding ? n : (size_t)t->padding;
            t->padding -= take;
            t->position += take;
        } else {
            take = n < TAR_BLOCK - t->filled ? n : TAR_BLOCK - t->filled;
            memcpy(t->block + t->filled, data, take);
            t->filled += take;
            t->position += take;
            if (t->filled == TAR_BLOCK && !take_header(cx, t))
                return false;
        }
        data += take;
        n -= take;
    }
    return true;
}

bool tar_finish(struct ctx *cx, const struct tar *t)
{
    if (t->content || t->padding)
        return malformed(cx, t, arena_printf(cx->arena, "it ends inside '%s'", t->entry.name));
    return !t->filled || malformed(cx, t, "it ends inside a header");
}
