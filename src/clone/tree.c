/* tree.c - folders as a whole; see tree.h. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "dbstep/str.h"

bool tree_fail(struct ctx *cx, const char *what, const char *path)
{
    int e = errno;
    bool full = e == ENOSPC || e == EDQUOT || e == EFBIG, denied = e == EACCES || e == EPERM;

    fail(cx, full ? E_CAPACITY : denied ? E_PERMISSION : E_OUTPUT, "cannot %s '%s': %s", what, path, strerror(e));
    if (full)
        err_hint(cx, "the volume is too small or has too few inodes: give the copy at least the size of production's");
    else if (denied)
        err_hint(cx,
                 "the step runs as user id %u: in a pod set securityContext.fsGroup so that the volume is writable, run the step with the "
                 "database server's uid (runAsUser), and let target_dir be a folder below the mount point",
                 (unsigned)geteuid());
    else if (e == EROFS)
        err_hint(cx, "the volume is mounted read-only");
    return false;
}

bool tree_make(struct ctx *cx, const char *path, mode_t mode)
{
    char *copy = arena_strdup(cx->arena, path);

    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST)
            return tree_fail(cx, "make the folder", copy);
        *p = '/';
    }
    if (mkdir(copy, mode) == 0 || errno == EEXIST)
        return true;
    return tree_fail(cx, "make the folder", copy);
}

static bool named(const char *name, const char *const *names)
{
    if (text_equal(name, "lost+found"))
        return true;
    for (; names && *names; names++)
        if (text_equal(name, *names))
            return true;
    return false;
}

static bool is_dot(const char *name)
{
    return text_equal(name, ".") || text_equal(name, "..");
}

bool tree_vacant(struct ctx *cx, const char *path, const char *const *apart_from, bool *vacant)
{
    DIR *d = opendir(path);
    const struct dirent *e;

    *vacant = true;
    if (!d)
        return tree_fail(cx, "read the folder", path);
    while (*vacant && (e = readdir(d)))
        if (!is_dot(e->d_name) && !named(e->d_name, apart_from))
            *vacant = false;
    closedir(d);
    return true;
}

/* Takes over fd. */
static bool clear(struct ctx *cx, int fd, const char *path, const char *const *keep, bool top)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    bool ok = true;

    if (!d) {
        close(fd);
        return tree_fail(cx, "read the folder", path);
    }
    while (ok && (e = readdir(d))) {
        if (is_dot(e->d_name) || (top && named(e->d_name, keep)))
            continue;
        if (unlinkat(dirfd(d), e->d_name, 0) == 0 || errno == ENOENT)
            continue;
        int inner = errno == EISDIR || errno == EPERM ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
        ok = inner >= 0 ? clear(cx, inner, e->d_name, keep, false) && (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0 || tree_fail(cx, "remove the folder", e->d_name))
                        : tree_fail(cx, "remove", e->d_name);
    }
    closedir(d);
    return ok;
}

bool tree_clear(struct ctx *cx, const char *path, const char *const *keep)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? tree_fail(cx, "read the folder", path) : clear(cx, fd, path, keep, true);
}

static bool sync_fd(struct ctx *cx, int fd, const char *path, uid_t uid, gid_t gid)
{
    if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) != 0)
        return tree_fail(cx, "change the owner of", path);
    return fsync(fd) == 0 || tree_fail(cx, "make durable", path);
}

static bool sync_folder(struct ctx *cx, int fd, const char *path, uid_t uid, gid_t gid)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    bool ok = true;

    if (!d) {
        close(fd);
        return tree_fail(cx, "read the folder", path);
    }
    while (ok && (e = readdir(d))) {
        struct stat st;
        if (is_dot(e->d_name) || text_equal(e->d_name, "lost+found"))
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            ok = tree_fail(cx, "read", e->d_name);
        } else if (S_ISLNK(st.st_mode)) {
            ok = (uid == (uid_t)-1 && gid == (gid_t)-1) || fchownat(dirfd(d), e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0 ||
                 tree_fail(cx, "change the owner of", e->d_name);
        } else if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)) {
            int inner = openat(dirfd(d), e->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
            if (inner < 0) {
                ok = tree_fail(cx, "open", e->d_name);
            } else if (S_ISDIR(st.st_mode)) {
                ok = sync_folder(cx, inner, e->d_name, uid, gid);
            } else {
                ok = sync_fd(cx, inner, e->d_name, uid, gid);
                close(inner);
            }
        }
        ok = ok && ctx_alive(cx, "making the copy durable");
    }
    ok = ok && sync_fd(cx, dirfd(d), path, uid, gid);
    closedir(d);
    return ok;
}

bool tree_sync(struct ctx *cx, const char *path, uid_t uid, gid_t gid)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tree_fail(cx, "open", path);
    /* One pass over the whole file system lets the kernel write in its own order; the fsyncs after it find little left, and report
     * each file's errors, which syncfs() does only on newer kernels. */
    syncfs(fd);
    return sync_folder(cx, fd, path, uid, gid);
}

bool tree_sync_folder(struct ctx *cx, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return tree_fail(cx, "open", path);
    bool ok = fsync(fd) == 0 || tree_fail(cx, "make durable", path);
    close(fd);
    return ok;
}

bool tree_free_space(struct ctx *cx, const char *path, unsigned long long *bytes, dev_t *device)
{
    struct statvfs v;
    struct stat st;

    if (statvfs(path, &v) != 0 || stat(path, &st) != 0)
        return tree_fail(cx, "ask for the free space of", path);
    *bytes = (unsigned long long)v.f_bavail * v.f_frsize;
    *device = st.st_dev;
    return true;
}

bool tree_set_mode(struct ctx *cx, const char *path, mode_t mode)
{
    return chmod(path, mode) == 0 || tree_fail(cx, "set the permissions of", path);
}

bool tree_own(struct ctx *cx, const char *folder, const char *name, uid_t uid, gid_t gid)
{
    const char *path = arena_printf(cx->arena, "%s/%s", folder, name);
    return (uid == (uid_t)-1 && gid == (gid_t)-1) || lchown(path, uid, gid) == 0 || tree_fail(cx, "change the owner of", path);
}
