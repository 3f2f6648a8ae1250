/* tree.c - folders as a whole; see tree.h. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
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
        err_hint(
            cx,
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
    errno = 0; /* readdir() tells an error from the end only by it */
    while (*vacant && (e = readdir(d)))
        if (!is_dot(e->d_name) && !named(e->d_name, apart_from))
            *vacant = false;
    bool ok = !*vacant || !errno || tree_fail(cx, "read the folder", path);
    closedir(d);
    return ok;
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
        int inner = errno == EISDIR || errno == EPERM
                        ? openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                        : -1;
        ok = inner >= 0
                 ? clear(cx, inner, e->d_name, keep, false) && (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) == 0 ||
                                                                tree_fail(cx, "remove the folder", e->d_name))
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

struct settling {
    bool fsync;
    uid_t uid; /* -1: as it is */
    gid_t gid;
};

static bool settle_fd(struct ctx *cx, int fd, const char *path, const struct settling *how)
{
    if ((how->uid != (uid_t)-1 || how->gid != (gid_t)-1) && fchown(fd, how->uid, how->gid) != 0)
        return tree_fail(cx, "change the owner of", path);
    return !how->fsync || fsync(fd) == 0 || tree_fail(cx, "make durable", path);
}

static bool settle_folder(struct ctx *cx, int fd, const char *path, const struct settling *how);

static bool settle_one(struct ctx *cx, int folder, const char *name, const struct settling *how)
{
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return tree_fail(cx, "read", name);
    if (S_ISLNK(st.st_mode))
        return (how->uid == (uid_t)-1 && how->gid == (gid_t)-1) ||
               fchownat(folder, name, how->uid, how->gid, AT_SYMLINK_NOFOLLOW) == 0 ||
               tree_fail(cx, "change the owner of", name);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return true;
    int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return tree_fail(cx, "open", name);
    if (S_ISDIR(st.st_mode))
        return settle_folder(cx, fd, name, how);
    bool ok = settle_fd(cx, fd, name, how);
    close(fd);
    return ok;
}

/* Takes over fd. */
static bool settle_folder(struct ctx *cx, int fd, const char *path, const struct settling *how)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    bool ok = true;

    if (!d) {
        close(fd);
        return tree_fail(cx, "read the folder", path);
    }
    while (ok && (e = readdir(d)))
        if (!is_dot(e->d_name) && !text_equal(e->d_name, "lost+found"))
            ok = settle_one(cx, dirfd(d), e->d_name, how) && ctx_alive(cx, "making the copy durable");
    ok = ok && settle_fd(cx, dirfd(d), path, how);
    closedir(d);
    return ok;
}

/* From Linux 5.8 on syncfs() tells of failed writes; before, only each file's fsync() does. */
static bool syncfs_tells_errors(void)
{
    struct utsname u;
    unsigned major = 0, minor = 0;
    return uname(&u) == 0 && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
           (major > 5 || (major == 5 && minor >= 8));
}

bool tree_sync(struct ctx *cx, const char *path, uid_t uid, gid_t gid)
{
    struct settling how = {.fsync = !syncfs_tells_errors(), .uid = uid, .gid = gid};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return tree_fail(cx, "open", path);
    bool ok = true;
    if (how.fsync || uid != (uid_t)-1 || gid != (gid_t)-1) {
        int walk = dup(fd);
        ok = walk >= 0 ? settle_folder(cx, walk, path, &how) : tree_fail(cx, "open", path);
    }
    /* One fsync per file asks the disk for a flush each time: about 1 ms apiece on a network disk, for thousands of files. */
    if (ok && !how.fsync && syncfs(fd) != 0)
        ok = tree_fail(cx, "make durable", path);
    close(fd);
    return ok;
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
    return (uid == (uid_t)-1 && gid == (gid_t)-1) || lchown(path, uid, gid) == 0 ||
           tree_fail(cx, "change the owner of", path);
}
