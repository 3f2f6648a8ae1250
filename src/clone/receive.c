/* receive.c - a base backup's archives become files; see receive.h.
 *
 * Protocol (PostgreSQL documentation, "Streaming Replication Protocol", BASE_BACKUP). Before 15: one COPY per tablespace in the order
 * of the list, the data directory last, then one COPY with the manifest. From 15: a single COPY whose messages start with a letter: 'n' a new archive
 * (its name and the tablespace's path, both ended by a zero byte), 'm' the manifest begins, 'd' data of either, 'p' progress.
 */
#include "receive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/log.h"
#include "tree.h"

enum { WRITEBACK_FROM = 1 << 20 };

/* ---- files ---- */

static const char *folder_of(const struct receiver *r)
{
    return r->space ? r->space->to : r->data_dir;
}

static char *place(struct ctx *cx, const struct receiver *r, const char *name)
{
    return *name ? path_join(cx->arena, folder_of(r), name) : arena_strdup(cx->arena, folder_of(r));
}

static bool write_all(struct ctx *cx, int fd, const char *data, size_t n, const char *path)
{
    while (n) {
        ssize_t put = write(fd, data, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return tree_fail(cx, "write", path);
        data += put;
        n -= (size_t)put;
    }
    return true;
}

static bool unexpected(struct ctx *cx, const char *name, const char *why)
{
    return fail(cx, E_EXTERNAL, "the server sent '%s', %s", name, why);
}

static bool take_link(struct ctx *cx, struct receiver *r, const struct tar_entry *e)
{
    const char *oid = text_starts(e->name, "pg_tblspc/") ? e->name + strlen("pg_tblspc/") : "";

    for (size_t i = 0; !r->space && *oid && i < r->marker->tablespaces.n; i++) {
        const struct marker_tablespace *s = &r->marker->tablespaces.at[i];
        if (!text_equal(s->oid, oid) || !s->link)
            continue;
        const char *path = place(cx, r, e->name);
        return symlink(s->link, path) == 0 || tree_fail(cx, "make the link", path);
    }
    return unexpected(cx, e->name, "a link that belongs to no tablespace of its list");
}

/* A name in the data directory that would be reached through a tablespace's link. */
static bool behind_link(const struct receiver *r, const char *name)
{
    for (size_t i = 0; !r->space && i < r->marker->tablespaces.n; i++) {
        const struct marker_tablespace *s = &r->marker->tablespaces.at[i];
        size_t n = strlen(s->oid);
        if (s->link && text_starts(name, "pg_tblspc/") && text_starts(name + 10, s->oid) &&
            (name[10 + n] == '/' || name[10 + n] == '\0'))
            return true;
    }
    return false;
}

static bool take_folder(struct ctx *cx, const struct receiver *r, const struct tar_entry *e)
{
    struct stat st;
    const char *path = place(cx, r, e->name);

    if (!*e->name)
        return true;
    if (mkdir(path, (e->mode & r->folder_mode) | 0700) == 0)
        return true;
    if (errno == EEXIST && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    return tree_fail(cx, "make the folder", path);
}

/* A source that is itself a copy made by dbstep sends its marker, and a source that was restored from a backup its old manifest: both are
 * checked against the manifest as every file, and not kept. */
static bool is_kept(const struct receiver *r, const char *name)
{
    return r->space || (!text_equal(name, MARKER_NAME) && !text_equal(name, MARKER_TEMPORARY) &&
                        !text_equal(name, "backup_manifest"));
}

static bool take_file(struct ctx *cx, struct receiver *r, const struct tar_entry *e)
{
    const char *path = place(cx, r, e->name);

    if (snprintf(r->path, sizeof r->path, "%s%s%s%s", r->space ? "pg_tblspc/" : "", r->space ? r->space->oid : "",
                 r->space ? "/" : "", e->name) >= (int)sizeof r->path)
        return unexpected(cx, e->name, "a name that is too long");
    r->file_size = 0;
    r->hash = hash_start(HASH_SHA256);
    r->has_config = r->has_config || text_equal(r->path, "postgresql.conf");
    r->has_hba = r->has_hba || text_equal(r->path, "pg_hba.conf");
    if (!is_kept(r, e->name))
        return true;
    r->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (e->mode & r->folder_mode & 0660) | 0600);
    if (r->fd < 0 && errno == EEXIST) /* the folder was empty */
        return unexpected(cx, e->name, "which it had sent before");
    return r->fd >= 0 || tree_fail(cx, "make the file", path);
}

static bool on_entry(struct ctx *cx, void *user, const struct tar_entry *e)
{
    struct receiver *r = user;
    struct arena_mark m = arena_mark(cx->arena);

    if (e->type == TAR_LINK ? !take_link(cx, r, e)
        : behind_link(r, e->name)
            ? !unexpected(cx, e->name, "which lies in a tablespace and belongs to another archive")
        : e->type == TAR_FOLDER ? !take_folder(cx, r, e)
                                : !take_file(cx, r, e))
        return false;
    arena_reset(cx->arena, m);
    return true;
}

static bool on_data(struct ctx *cx, void *user, const char *data, size_t n)
{
    struct receiver *r = user;
    hash_add(r->hash, data, n);
    r->file_size += n;
    return r->fd < 0 || write_all(cx, r->fd, data, n, r->path);
}

static bool on_end(struct ctx *cx, void *user)
{
    struct receiver *r = user;
    char hex[HASH_HEX_MAX];

    hash_finish_hex(r->hash, hex);
    r->hash = NULL;
    if (r->fd >= 0) {
        /* Begin the writing now, so that the fsyncs at the end find most of it done. */
        if (r->file_size >= WRITEBACK_FROM)
            sync_file_range(r->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        if (close(r->fd) != 0) {
            r->fd = -1;
            return tree_fail(cx, "write", r->path);
        }
        r->fd = -1;
        r->files_written++;
        r->bytes_written += r->file_size;
    }
    return received_add(cx, &r->files, r->path, r->file_size, hex);
}

/* ---- archives ---- */

void receiver_init(struct receiver *r, struct arena *a)
{
    *r = (struct receiver){.fd = -1, .manifest_fd = -1, .folder_mode = 0700};
    received_init(&r->files, a);
}

void receiver_close(struct receiver *r)
{
    if (r->fd >= 0)
        close(r->fd);
    if (r->manifest_fd >= 0)
        close(r->manifest_fd);
    r->fd = r->manifest_fd = -1;
    hash_discard(r->hash);
    r->hash = NULL;
    if (r->manifest_started)
        manifest_discard(&r->manifest);
}

static bool end_archive(struct ctx *cx, struct receiver *r)
{
    bool ok = !r->in_archive || tar_finish(cx, &r->tar);
    r->in_archive = false;
    return ok;
}

static bool begin_archive(struct ctx *cx, struct receiver *r, const struct marker_tablespace *space)
{
    if (!end_archive(cx, r))
        return false;
    r->space = space;
    r->in_archive = true;
    tar_start(&r->tar, (struct tar_sink){.entry = on_entry, .data = on_data, .end = on_end, .user = r});
    return !space || tree_make(cx, space->to, 0700);
}

static bool begin_manifest(struct ctx *cx, struct receiver *r)
{
    if (!end_archive(cx, r))
        return false;
    if (r->manifest_started)
        return fail(cx, E_EXTERNAL, "the server sent two backup manifests");
    const char *path = path_join(cx->arena, r->data_dir, "backup_manifest");
    r->manifest_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (r->manifest_fd < 0)
        return tree_fail(cx, "write", path);
    manifest_start(&r->manifest, cx->arena, &r->files);
    r->manifest_started = true;
    return true;
}

static bool take(struct ctx *cx, struct receiver *r, const char *data, size_t n)
{
    if (r->in_archive) {
        r->bytes_received += n;
        log_progress("copying", r->bytes_received, r->total > r->bytes_received ? r->total : r->bytes_received,
                     "bytes");
        return tar_feed(cx, &r->tar, data, n);
    }
    if (!r->manifest_started)
        return fail(cx, E_EXTERNAL, "the server sent data before an archive began");
    return write_all(cx, r->manifest_fd, data, n, "backup_manifest") && manifest_feed(cx, &r->manifest, data, n);
}

static const struct marker_tablespace *space_of(const struct receiver *r, const char *from, bool *known)
{
    *known = true;
    if (!*from)
        return NULL;
    for (size_t i = 0; i < r->marker->tablespaces.n; i++)
        if (text_equal(r->marker->tablespaces.at[i].from, from))
            return &r->marker->tablespaces.at[i];
    *known = false;
    return NULL;
}

static bool take_message(struct ctx *cx, struct receiver *r, const char *data, size_t n)
{
    switch (n ? data[0] : 0) {
    case 'n': {
        const char *name = data + 1, *name_end = memchr(name, 0, n - 1);
        const char *path = name_end ? name_end + 1 : data,
                   *path_end = name_end ? memchr(path, 0, n - (size_t)(path - data)) : NULL;
        bool known;
        if (!path_end)
            return fail(cx, E_EXTERNAL, "the server sent a malformed message at the start of an archive");
        const struct marker_tablespace *space = space_of(r, path, &known);
        if (!known)
            return fail(cx, E_EXTERNAL,
                        "the server sent an archive of the tablespace '%.500s', which it had not announced", path);
        return begin_archive(cx, r, space);
    }
    case 'm': return begin_manifest(cx, r);
    case 'd': return take(cx, r, data + 1, n - 1);
    case 'p': return true; /* what came is counted here */
    default: return fail(cx, E_EXTERNAL, "the server sent a message of unknown kind in the base backup");
    }
}

static bool each_chunk(struct ctx *cx, struct pg *pg, struct receiver *r,
                       bool (*fn)(struct ctx *, struct receiver *, const char *, size_t))
{
    const char *data;
    size_t n;

    for (;;) {
        if (!pg_copy_next(cx, pg, &data, &n))
            return false;
        if (!data)
            return true;
        if (!fn(cx, r, data, n) || !ctx_alive(cx, "copying the data directory"))
            return false;
    }
}

static bool next_copy(struct ctx *cx, struct pg *pg)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    bool copy, more;
    return pg_next_result(cx, pg, &rows, &copy, &more) &&
           (copy || fail(cx, E_EXTERNAL, "the server ended the base backup before all archives came"));
}

bool receive_archives(struct ctx *cx, struct pg *pg, struct receiver *r)
{
    bool ok = true;

    if (pg_version(pg) >= 150000) {
        ok = next_copy(cx, pg) && each_chunk(cx, pg, r, take_message);
    } else {
        for (size_t i = 0; ok && i <= r->marker->tablespaces.n; i++)
            ok = next_copy(cx, pg) &&
                 begin_archive(cx, r, i < r->marker->tablespaces.n ? &r->marker->tablespaces.at[i] : NULL) &&
                 each_chunk(cx, pg, r, take);
        ok = ok && next_copy(cx, pg) && begin_manifest(cx, r) && each_chunk(cx, pg, r, take);
    }
    log_progress_done();
    if (ok && !r->manifest_started)
        ok = fail(cx, E_EXTERNAL, "the server sent no backup manifest");
    return ok && end_archive(cx, r) && manifest_finish(cx, &r->manifest);
}
