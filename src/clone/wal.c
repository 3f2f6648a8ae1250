/* wal.c - the records of a WAL range, each held against its own checksum; see control.h.
 *
 * The manifest does not cover WAL, so this is the only thing that tells a bit that changed on the way. Format (access/xlogrecord.h,
 * access/xlog_internal.h; the same from PostgreSQL 13 to 18): records begin at multiples of 8 and run on over page headers, which have 40 bytes at
 * the start of a segment and 24 elsewhere. A record has a header of 24 bytes: total length at 0, info at 16, resource manager at
 * 17, CRC-32C at 20, of what follows the header and then of the header's first 20 bytes. A page whose flags (at 2) have 0x08 takes
 * the place of the rest of a record that a crash cut off.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "dbstep/hash.h"
#include "dbstep/pg.h"

enum { PAGE = 8192, HEADER = 24, LONG_PAGE_HEADER = 40, PAGE_HEADER = 24, OVERWRITES_CUT_RECORD = 0x08 };

struct walk {
    struct ctx *cx;
    const char *data_dir;
    const struct manifest_range *range;
    uint64_t size;                /* of a segment */
    uint64_t at, loaded, segment; /* loaded, segment: UINT64_MAX before the first */
    int fd;
    bool cut; /* the record under way has no end */
    unsigned char page[PAGE];
};

static bool broken(struct walk *w, uint64_t at, const char *what)
{
    struct ctx *cx = w->cx;
    fail(cx, E_VERIFY, "the WAL that the copy needs to start is damaged: the record at %s %s",
         pg_lsn_text(cx->arena, at), what);
    err_hint(cx, "run the stage again; when it happens again, look for a proxy or a disk that alters data");
    return false;
}

static bool load(struct walk *w, uint64_t page)
{
    struct ctx *cx = w->cx;
    uint64_t segment = page / w->size;

    if (segment != w->segment) {
        struct arena_mark mark = arena_mark(cx->arena);
        if (w->fd >= 0)
            close(w->fd);
        w->fd =
            open(wal_segment_path(cx->arena, w->data_dir, w->range->timeline, segment, w->size), O_RDONLY | O_CLOEXEC);
        w->segment = segment;
        arena_reset(cx->arena, mark);
    }
    if (w->fd < 0 || pread(w->fd, w->page, PAGE, (off_t)(page % w->size)) != PAGE)
        return broken(w, w->at, "cannot be read");
    w->loaded = page;
    return true;
}

/* The next n bytes, without the page headers between them, into out (NULL: nowhere) and into the checksum. */
static bool take(struct walk *w, unsigned char *out, size_t n, uint32_t *crc)
{
    while (n && !w->cut) {
        uint64_t page = w->at - w->at % PAGE;
        if (page != w->loaded && !load(w, page))
            return false;
        if (w->at == page) {
            w->at += page % w->size ? PAGE_HEADER : LONG_PAGE_HEADER;
            w->cut = (w->page[2] & OVERWRITES_CUT_RECORD) != 0;
            continue;
        }
        size_t offset = (size_t)(w->at % PAGE), part = PAGE - offset < n ? PAGE - offset : n;
        if (out) {
            memcpy(out, w->page + offset, part);
            out += part;
        }
        if (crc)
            *crc = crc32c(*crc, w->page + offset, part);
        w->at += part;
        n -= part;
    }
    return true;
}

static bool take_record(struct walk *w)
{
    unsigned char header[HEADER];
    uint64_t began = w->at;
    uint32_t length, said, crc = 0;

    w->cut = false;
    if (!take(w, header, HEADER, NULL))
        return false;
    if (w->cut)
        return true;
    memcpy(&length, header, sizeof length);
    memcpy(&said, header + 20, sizeof said);
    if (length < HEADER || length > 1u << 30)
        return broken(w, began, "has no valid length");
    if (!take(w, NULL, length - HEADER, &crc))
        return false;
    if (w->cut)
        return true;
    if (crc32c(crc, header, 20) != said)
        return broken(w, began, "does not match its checksum");
    if ((header[16] & 0xf0) == 0x40 && header[17] == 0) /* switch to the next segment */
        w->at = (w->at + w->size - 1) / w->size * w->size;
    w->at = (w->at + 7) & ~(uint64_t)7;
    return ctx_alive(w->cx, "reading the copy's WAL");
}

bool wal_records_hold(struct ctx *cx, const char *data_dir, const struct manifest_range *r, long long *records)
{
    struct walk w = {.cx = cx,
                     .data_dir = data_dir,
                     .range = r,
                     .size = wal_segment_size(cx, data_dir, r),
                     .at = r->start,
                     .loaded = UINT64_MAX,
                     .segment = UINT64_MAX,
                     .fd = -1};
    bool ok = w.size != 0 || broken(&w, r->start, "is not there");

    while (ok && w.at < r->end) {
        ok = take_record(&w);
        *records += ok && !w.cut;
    }
    if (w.fd >= 0)
        close(w.fd);
    return ok;
}
