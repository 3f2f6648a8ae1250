/* files.c - files; see files.h. */
#include "dbstep/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/str.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define FD_AUTO __attribute__((cleanup(close_fd))) int

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

static bool fail_output(struct ctx *cx, const char *what, const char *path)
{
    int e = errno;
    bool full = e == ENOSPC || e == EDQUOT || e == EFBIG;

    fail(cx, full ? E_CAPACITY : E_OUTPUT, "cannot %s '%s': %s", what, path, strerror(e));
    if (full)
        err_hint(cx, "free space on that file system, or choose another folder");
    else if (e == EACCES || e == EPERM)
        err_hint(
            cx,
            "the process runs as user id %u: give it write access (in a pod: securityContext.fsGroup), or choose another folder",
            (unsigned)geteuid());
    else if (e == EROFS)
        err_hint(cx, "the file system is read-only: mount a volume (an emptyDir) there, or choose another folder");
    return false;
}

bool file_read(struct ctx *cx, const char *path, size_t max, char **content, size_t *len)
{
    FD_AUTO fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *content = NULL;
    *len = 0;
    if (!max)
        max = (size_t)1 << 30;
    if (fd < 0 || fstat(fd, &st) != 0) {
        fail(cx, E_FILE, "cannot read '%s': %s", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(st.st_mode))
        return fail(cx, E_FILE, "cannot read '%s': it is a folder", path);

    /* The size is a first guess: pipes and /proc say 0. */
    size_t room = st.st_size > 0 && (size_t)st.st_size < max ? (size_t)st.st_size + 1 : 65536, n = 0;
    char *text = arena_alloc(cx->arena, room + 1);
    for (;;) {
        if (n == room) {
            text = arena_grow(cx->arena, text, room + 1, room * 2 + 1);
            room *= 2;
        }
        ssize_t got = read(fd, text + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(cx, E_FILE, "cannot read '%s': %s", path, strerror(errno));
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max)
            return fail(cx, E_FILE, "cannot read '%s': it is larger than %s", path, text_size(cx->arena, max));
    }
    text[n] = '\0';
    *content = text;
    *len = n;
    return true;
}

static bool write_whole(int fd, const char *content, size_t len)
{
    while (len) {
        ssize_t done = write(fd, content, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return false;
        }
        content += done;
        len -= (size_t)done;
    }
    return true;
}

static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

/* mkostemp() gives 0600 whatever the umask is; results should be as readable as any other file that the user makes. */
static mode_t usual_mode(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

enum { DURABLE = 1, PRIVATE = 2 };

struct file_stream {
    const char *path, *folder;
    char *temporary;
    int fd;
    unsigned how;
};

static bool give_up(struct ctx *cx, struct file_stream *s)
{
    fail_output(cx, "write", s->path);
    if (s->fd >= 0)
        close(s->fd);
    unlink(s->temporary);
    return false;
}

static bool begin(struct ctx *cx, const char *path, unsigned how, struct file_stream *s)
{
    *s = (struct file_stream){.path = path, .folder = folder_of(cx->arena, path), .how = how};
    s->temporary = arena_printf(cx->arena, "%s/.%s.XXXXXX", s->folder, path_base(path));
    s->fd = mkostemp(s->temporary, O_CLOEXEC);
    if (s->fd < 0)
        return fail_output(cx, "write", path);
    return (how & PRIVATE) || fchmod(s->fd, usual_mode()) == 0 || give_up(cx, s);
}

bool file_stream_add(struct ctx *cx, struct file_stream *s, const char *data, size_t len)
{
    return write_whole(s->fd, data, len) || give_up(cx, s);
}

bool file_stream_end(struct ctx *cx, struct file_stream *s)
{
    bool durable = s->how & DURABLE;
    if (durable && fsync(s->fd) != 0)
        return give_up(cx, s);
    int closed = close(s->fd);
    s->fd = -1;
    if (closed != 0 || rename(s->temporary, s->path) != 0) /* network file systems may tell of a full disk only now */
        return give_up(cx, s);
    FD_AUTO dir = durable ? open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir >= 0)
        fsync(dir); /* some file systems refuse this on folders; the file itself is safe */
    return true;
}

bool file_stream_begin(struct ctx *cx, const char *path, struct file_stream **out)
{
    *out = ARENA_NEW(cx->arena, struct file_stream);
    return begin(cx, path, DURABLE, *out);
}

static bool write_and_rename(struct ctx *cx, const char *path, const char *content, size_t len, unsigned how)
{
    struct file_stream s;
    return begin(cx, path, how, &s) && file_stream_add(cx, &s, content, len) && file_stream_end(cx, &s);
}

bool file_write_atomic(struct ctx *cx, const char *path, const char *content, size_t len)
{
    return write_and_rename(cx, path, content, len, 0);
}

bool file_write_private(struct ctx *cx, const char *path, const char *content, size_t len)
{
    return write_and_rename(cx, path, content, len, PRIVATE);
}

bool file_write_durable(struct ctx *cx, const char *path, const char *content, size_t len)
{
    return write_and_rename(cx, path, content, len, DURABLE);
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_is_regular(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool dir_make(struct ctx *cx, const char *path)
{
    if (file_is_dir(path))
        return true;
    if (strchr(path, '/')) {
        const char *parent = folder_of(cx->arena, path);
        if (!text_equal(parent, path) && !file_is_dir(parent) && !dir_make(cx, parent))
            return false;
    }
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return fail_output(cx, "make the folder", path);
    if (!file_is_dir(path)) {
        errno = ENOTDIR;
        return fail_output(cx, "make the folder", path);
    }
    return true;
}

static bool is_dots(const char *name)
{
    return text_equal(name, ".") || text_equal(name, "..");
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool dir_list(struct ctx *cx, const char *path, struct str_list *names)
{
    __attribute__((cleanup(close_dir))) DIR *d = opendir(path);
    *names = (struct str_list){0};
    if (!d)
        return fail(cx, E_FILE, "cannot read the folder '%s': %s", path, strerror(errno));
    errno = 0; /* readdir() tells an error from the end only by it, and a list cut short would look complete */
    for (const struct dirent *e; (e = readdir(d)); errno = 0)
        if (e->d_name[0] != '.')
            *VEC_PUSH(cx->arena, names) = arena_strdup(cx->arena, e->d_name);
    if (errno)
        return fail(cx, E_FILE, "cannot read the folder '%s': %s", path, strerror(errno));
    if (names->n)
        qsort(names->at, names->n, sizeof *names->at, by_bytes);
    return true;
}

/* Depth first, by descriptors: a path that is swapped for a link meanwhile leads nowhere else. */
static bool clear_at(struct ctx *cx, int fd, const char *path)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    __attribute__((cleanup(close_dir))) DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return fail_output(cx, "clear the folder", path);
    }
    rewinddir(d);
    errno = 0;
    for (const struct dirent *e; (e = readdir(d)); errno = 0) {
        if (is_dots(e->d_name) || text_equal(e->d_name, "lost+found"))
            continue;
        if (unlinkat(fd, e->d_name, 0) == 0)
            continue;
        if (errno != EISDIR && errno != EPERM)
            return fail_output(cx, "remove", path_join(cx->arena, path, e->d_name));
        struct arena_mark mark = arena_mark(cx->arena);
        char *inner = path_join(cx->arena, path, e->d_name);
        FD_AUTO sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0 || !clear_at(cx, sub, inner) || unlinkat(fd, e->d_name, AT_REMOVEDIR) != 0)
            return cx->err.code != E_OK ? false : fail_output(cx, "remove", inner);
        arena_reset(cx->arena, mark);
    }
    return !errno || fail_output(cx, "clear the folder", path);
}

bool dir_clear(struct ctx *cx, const char *path)
{
    char target[1];
    FD_AUTO fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return clear_at(cx, fd, path);
    int why = errno;
    if (why == ENOENT)
        return true;
    /* a link errs as ENOTDIR or ELOOP, and in an untrusted checkout it may lead anywhere */
    if (readlink(path, target, sizeof target) >= 0)
        return unlink(path) == 0 || fail_output(cx, "remove", path);
    errno = why;
    return fail_output(cx, "clear the folder", path);
}

bool dir_check_writable(struct ctx *cx, const char *path)
{
    char *probe = path_join(cx->arena, path, ".dbstep-probe.XXXXXX");
    FD_AUTO fd = mkostemp(probe, O_CLOEXEC);
    if (fd < 0)
        return fail_output(cx, "write into the folder", path);
    unlink(probe);
    return true;
}

bool owner_parse(const char *text, uid_t *uid, gid_t *gid)
{
    unsigned long ids[2] = {0};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strspn(text, "0123456789");
        if (!n || n > 10)
            return false;
        ids[i] = strtoul(text, NULL, 10);
        text += n;
        if (ids[i] > 0xFFFFFFFEu) /* all ones means "as it is" to chown() */
            return false;
        if (i == 0 && !*text)
            ids[++i] = ids[0];
        else if (i == 0 && *text++ != ':')
            return false;
    }
    *uid = (uid_t)ids[0];
    *gid = (gid_t)ids[1];
    return !*text;
}

char *path_join(struct arena *a, const char *folder, const char *name)
{
    return arena_printf(a, text_ends(folder, "/") || !*folder ? "%s%s" : "%s/%s", folder, name);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
