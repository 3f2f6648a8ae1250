/* control.c - reading pg_control and WAL segments; see control.h. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/hash.h"
#include "dbstep/pg.h"
#include "dbstep/str.h"

enum { CONTROL_MIN = 256, CONTROL_MAX = 512, WAL_PAGE = 8192 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define FD_AUTO __attribute__((cleanup(close_fd))) int

static uint16_t get16(const unsigned char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint32_t get32(const unsigned char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

bool control_parse(const unsigned char *data, size_t n, struct control *out)
{
    if (n > CONTROL_MAX)
        n = CONTROL_MAX;
    /* 64 to 192 places: the chance that another one fits by accident is below one in ten million. */
    for (size_t at = CONTROL_MIN; at + 4 <= n; at += 4) {
        if (get32(data + at) != crc32c(0, data, at))
            continue;
        *out = (struct control){.system_identifier = get64(data),
                                .version = get32(data + 8),
                                .catalog_version = get32(data + 12),
                                .state = get32(data + 16),
                                .checkpoint = get64(data + 32),
                                .redo = get64(data + 40),
                                .timeline = get32(data + 48)};
        return out->system_identifier != 0;
    }
    return false;
}

bool control_read(struct ctx *cx, const char *data_dir, struct control *out)
{
    unsigned char data[CONTROL_MAX];
    const char *path = arena_printf(cx->arena, "%s/global/pg_control", data_dir);
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, data, sizeof data);

    if (n < 0)
        return fail(cx, E_FILE, "cannot read '%s': %s", path, strerror(errno));
    if (control_parse(data, (size_t)n, out))
        return true;
    fail(cx, E_VERIFY, "'%s' is damaged: its checksum does not hold", path);
    return false;
}

const char *control_state(uint32_t state)
{
    static const char *const names[] = {"starting up",   "shut down",         "shut down in recovery",
                                        "shutting down", "in crash recovery", "in archive recovery",
                                        "in production"};
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

/* ---- WAL ---- */

static bool missing(struct ctx *cx, const struct manifest_range *r, const char *file, const char *what)
{
    struct arena *a = cx->arena;
    fail(cx, E_VERIFY, "the copy lacks WAL that it needs to start: %s %s", file, what);
    err_detail(cx, "needed is %s to %s on timeline %u", pg_lsn_text(a, r->start), pg_lsn_text(a, r->end), r->timeline);
    err_hint(
        cx,
        "run the stage again; when no replication slot was free, raise wal_keep_size or max_replication_slots on the source");
    return false;
}

/* Of the first file there, as a power of two between 1 MB and 1 GB. 0: none fits. */
static uint64_t segment_size_of(const unsigned char *page)
{
    uint32_t size = get32(page + 32);
    return size >= 1u << 20 && size <= 1u << 30 && (size & (size - 1)) == 0 ? size : 0;
}

char *wal_segment_path(struct arena *a, const char *data_dir, unsigned timeline, uint64_t number, uint64_t size)
{
    uint64_t per_id = UINT64_C(0x100000000) / size;
    return arena_printf(a, "%s/pg_wal/%08X%08X%08X", data_dir, timeline, (unsigned)(number / per_id),
                        (unsigned)(number % per_id));
}

/* The segment size is not known before a segment was read, and the name of a segment depends on it: eleven sizes are possible. */
uint64_t wal_segment_size(struct ctx *cx, const char *data_dir, const struct manifest_range *r)
{
    for (uint64_t size = 1u << 20; size <= 1u << 30; size <<= 1) {
        unsigned char page[40];
        FD_AUTO fd =
            open(wal_segment_path(cx->arena, data_dir, r->timeline, r->start / size, size), O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, page, sizeof page) == (ssize_t)sizeof page && segment_size_of(page) == size)
            return size;
    }
    return 0;
}

/* Does the WAL of this page end with the record that switches to the next segment? The record is a bare header of 24 bytes: total length at
 * 0, info at 16 (0x40: switch), resource manager at 17 (0: XLOG), CRC-32C of the first 20 bytes at 20; records begin at multiples
 * of 8. One that is cut by the page's start cannot be looked at, and is believed. */
static bool ends_with_switch(const unsigned char *page)
{
    size_t last = WAL_PAGE;
    while (last > 0 && page[last - 1] == 0)
        last--;
    if (last < 40)
        return true;
    const unsigned char *record = page + ((last - 1) & ~(size_t)7) - 16;
    return get32(record) == 24 && (record[16] & 0xf0) == 0x40 && record[17] == 0 &&
           get32(record + 20) == crc32c(0, record, 20);
}

static bool segment_holds(struct ctx *cx, const char *path, uint64_t system_identifier, const struct manifest_range *r,
                          uint64_t base, uint64_t size)
{
    const char *name = strrchr(path, '/') + 1;
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char page[WAL_PAGE], previous[WAL_PAGE];
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return missing(cx, r, name, "is not there");
    if ((uint64_t)st.st_size != size)
        return missing(cx, r, name, "is incomplete");
    for (uint64_t at = 0; at < size && base + at < r->end; at += WAL_PAGE) {
        if (pread(fd, page, sizeof page, (off_t)at) != (ssize_t)sizeof page)
            return missing(cx, r, name, "cannot be read");
        if (at == 0 && get64(page + 24) != system_identifier)
            return missing(cx, r, name, "is of another cluster");
        /* After a switch to the next segment the rest of this one holds nothing. */
        if (at > 0 && base + at > r->start && get64(page + 8) == 0 && get16(page) == 0 && ends_with_switch(previous))
            return true;
        /* A recycled segment has the right name and size, and the pages of an older one. */
        if (base + at + WAL_PAGE > r->start && (get64(page + 8) != base + at || get16(page) == 0))
            return missing(cx, r, name, "holds something else (a recycled or unfinished segment)");
        memcpy(previous, page, sizeof previous);
    }
    return true;
}

bool wal_range_present(struct ctx *cx, const char *data_dir, uint64_t system_identifier, const struct manifest_range *r,
                       long long *segments)
{
    uint64_t size = wal_segment_size(cx, data_dir, r);

    if (!size)
        return missing(cx, r, "its first segment", "is not there");
    for (uint64_t number = r->start / size; number * size < r->end || number == r->start / size; number++) {
        struct arena_mark mark = arena_mark(cx->arena);
        if (!segment_holds(cx, wal_segment_path(cx->arena, data_dir, r->timeline, number, size), system_identifier, r,
                           number * size, size))
            return false;
        arena_reset(cx->arena, mark);
        ++*segments;
    }
    return true;
}
