/* target.c - possession of the copy's folder; see target.h. */
#include "target.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/log.h"
#include "dbstep/str.h"
#include "tree.h"

static const char *const own_names[] = {MARKER_NAME, MARKER_TEMPORARY, NULL};

/* ---- paths ---- */

static const char *parent_of(struct ctx *cx, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == path ? "/" : arena_strndup(cx->arena, path, (size_t)(slash - path));
}

/* Without symbolic links, as far as the path exists: what lies above a folder is told from its path. */
static const char *absolute(struct ctx *cx, const char *path)
{
    char resolved[4096], here[4096];
    struct str s = str_new(cx->arena);

    if (*path != '/')
        str_addf(&s, "%s/", getcwd(here, sizeof here) ? here : "");
    str_add(&s, path);
    while (s.len > 1 && s.s[s.len - 1] == '/')
        str_truncate(&s, s.len - 1);
    if (realpath(s.s, resolved))
        return arena_strdup(cx->arena, resolved);
    const char *slash = strrchr(s.s, '/'), *name = slash + 1;
    if (slash == s.s || text_equal(name, ".."))
        return s.s;
    const char *above = absolute(cx, parent_of(cx, s.s));
    return text_equal(name, ".")    ? above
           : text_equal(above, "/") ? arena_printf(cx->arena, "/%s", name)
                                    : arena_printf(cx->arena, "%s/%s", above, name);
}

/* Is `path` the folder `of`, or below it? */
static bool within(const char *path, const char *of)
{
    size_t n = strlen(of);
    return text_starts(path, of) && (path[n] == '\0' || path[n] == '/');
}

/* ---- a server in the folder ---- */

/* In the machine's first pid namespace every process can be seen, so a pid that is not there is not running. In a container only
 * its own processes can be seen. The number is the kernel's constant for that namespace. */
static bool sees_all_processes(void)
{
    char name[64];
    ssize_t n = readlink("/proc/self/ns/pid", name, sizeof name - 1);
    if (n <= 0)
        return false;
    name[n] = '\0';
    return text_equal(name, "pid:[4026531836]");
}

static bool refuse_running_server(struct ctx *cx, const struct clone_request *q, const char *dir)
{
    const char *path = path_join(cx->arena, dir, "postmaster.pid");
    char *content;
    size_t len;

    if (!file_exists(path))
        return true;
    if (!file_read(cx, path, 65536, &content, &len))
        return false;
    long pid = labs(strtol(content, NULL, 10));
    if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM)) {
        fail(cx, E_GUARD, "a PostgreSQL server runs on '%s' (process %ld)", dir, pid);
        err_hint(cx, "stop it first (in a cluster: scale its StatefulSet to 0, stage workload-scale)");
        return false;
    }
    if (q->server_stopped || sees_all_processes()) {
        log_warning("'%s' names process %ld, which is gone: the server there did not stop in order", path, pid);
        return true;
    }
    fail(
        cx, E_GUARD,
        "'%s' says that a PostgreSQL server runs on that folder, and from inside a container it cannot be told whether it still does",
        path);
    err_hint(cx, "make sure that no pod uses the volume, then set server_stopped: true");
    return false;
}

/* ---- other clusters' folders ---- */

/* PG_15_202209061: what a server makes in a tablespace's folder. */
static bool is_tablespace(const char *name)
{
    return text_starts(name, "PG_") && name[3] >= '1' && name[3] <= '9';
}

/* A data directory, or the folder of a tablespace: a server may be at work in it. */
static bool is_cluster(struct ctx *cx, const char *dir)
{
    return is_tablespace(strrchr(dir, '/') + 1) || (file_exists(path_join(cx->arena, dir, "PG_VERSION")) &&
                                                    file_exists(path_join(cx->arena, dir, "global/pg_control")));
}

/* A backup into the source's own data directory would copy itself, and be in the running server's way. */
static bool refuse_inside_cluster(struct ctx *cx, const char *dir)
{
    for (const char *above = parent_of(cx, dir); above[1]; above = parent_of(cx, above)) {
        if (!is_cluster(cx, above))
            continue;
        fail(cx, E_GUARD, "'%s' lies inside the PostgreSQL data directory or tablespace '%s'", dir, above);
        err_hint(cx, "choose a folder outside");
        return false;
    }
    return true;
}

enum { LOOK_DEPTH = 6 };

/* What is about to be removed unseen must not hold somebody's running server, and never the source itself. */
static bool refuse_cluster_below(struct ctx *cx, const char *dir, int depth)
{
    struct dirent *e;
    struct stat st;
    DIR *d = opendir(dir);
    bool ok = true;

    if (!d)
        return tree_fail(cx, "read the folder", dir);
    while (ok && (e = readdir(d))) {
        struct arena_mark mark = arena_mark(cx->arena);
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode) ||
            text_equal(e->d_name, ".") || text_equal(e->d_name, ".."))
            continue;
        const char *below = path_join(cx->arena, dir, e->d_name);
        if (file_exists(path_join(cx->arena, below, "postmaster.pid"))) {
            fail(cx, E_GUARD, "'%s' holds the data directory '%s', in which a PostgreSQL server runs", dir, below);
            err_hint(cx, "stop that server, or choose another target_dir");
            ok = false;
        } else if (is_tablespace(e->d_name) && !strstr(below, "/pg_tblspc/")) {
            fail(cx, E_GUARD, "'%s' holds a tablespace of a PostgreSQL server, '%s'", dir, below);
            err_hint(cx, "choose another folder; when no server uses that one any more, remove it by hand");
            ok = false;
        } else {
            ok = depth >= LOOK_DEPTH || refuse_cluster_below(cx, below, depth + 1);
        }
        if (ok)
            arena_reset(cx->arena, mark);
    }
    closedir(d);
    return ok;
}

/* ---- whose folder is it ---- */

static bool read_owner(struct ctx *cx, const struct clone_request *q, struct target *t)
{
    t->uid = (uid_t)-1;
    t->gid = (gid_t)-1;
    if (!text_empty(q->target_owner)) {
        char *end;
        unsigned long uid = strtoul(q->target_owner, &end, 10), gid = uid;
        bool digits = strspn(q->target_owner, "0123456789:") == strlen(q->target_owner) && *q->target_owner != ':';
        if (*end == ':' && end[1])
            gid = strtoul(end + 1, &end, 10);
        if (*end || !digits || uid >= UINT32_MAX || gid >= UINT32_MAX)
            return fail(cx, E_INPUT, "target_owner must be UID or UID:GID, not '%s'", q->target_owner);
        t->uid = (uid_t)uid;
        t->gid = (gid_t)gid;
    } else if (geteuid() == 0) {
        /* No server runs as root; the owner of the nearest folder that is not root's is the best guess. */
        const char *near = t->dir;
        struct stat st;
        while ((stat(near, &st) != 0 || st.st_uid == 0) && near[1])
            near = parent_of(cx, near);
        if (stat(near, &st) == 0 && st.st_uid != 0) {
            t->uid = st.st_uid;
            t->gid = st.st_gid;
        } else {
            log_warning(
                "the copy will belong to root, as whom no PostgreSQL server starts: give its user in target_owner");
        }
    }
    if (geteuid() != 0 && t->uid != (uid_t)-1 && t->uid != geteuid()) {
        fail(cx, E_PERMISSION, "the copy cannot be given to user id %u: the step runs as user id %u", (unsigned)t->uid,
             (unsigned)geteuid());
        err_hint(cx, "run the step as the user of the database server (runAsUser), and leave target_owner out");
        return false;
    }
    return true;
}

static bool refuse(struct ctx *cx, const char *dir, const char *why)
{
    fail(cx, E_GUARD, "'%s' %s", dir, why);
    err_hint(cx, "choose an empty folder; only when nothing in it is needed any more, set replace_unmarked: true");
    return false;
}

/* *found is the mark that is there, without an id when there is none. */
static bool may_fill(struct ctx *cx, const struct clone_request *q, struct target *t, struct marker *found)
{
    bool marked, vacant;

    if (!marker_read(cx, t->dir, found, &marked) || !tree_vacant(cx, t->dir, own_names, &vacant))
        return false;
    if (!vacant && !marked && !q->replace_unmarked)
        return refuse(cx, t->dir, "is not empty, and not marked as a copy made by dbstep");
    if (marked && found->complete && !q->replace) {
        fail(cx, E_GUARD, "'%s' holds a finished copy (of %s, made at %s), and replace is false", t->dir, found->source,
             found->finished_at);
        return false;
    }
    t->replaced = !vacant;
    return refuse_running_server(cx, q, t->dir) && (marked || vacant || refuse_cluster_below(cx, t->dir, 0));
}

bool target_check(struct ctx *cx, const struct clone_request *q, struct target *t)
{
    struct stat st;
    struct marker found;

    *t = (struct target){.lock = -1};
    if (text_empty(q->target_dir))
        return fail(cx, E_INPUT,
                    "target_dir is needed for a base backup: the folder that becomes the copy's data directory");
    t->dir = absolute(cx, q->target_dir);
    if (text_equal(t->dir, "/"))
        return fail(cx, E_GUARD, "target_dir must not be the root folder");
    t->server_dir = text_empty(q->server_dir) ? t->dir : arena_strdup(cx->arena, q->server_dir);
    if (*t->server_dir != '/')
        return fail(cx, E_INPUT, "server_dir must be an absolute path, not '%s'", t->server_dir);
    if (!read_owner(cx, q, t))
        return false;
    if (stat(t->dir, &st) != 0) {
        t->made = errno == ENOENT;
        return t->made ? refuse_inside_cluster(cx, t->dir) : tree_fail(cx, "look at", t->dir);
    }
    if (!S_ISDIR(st.st_mode))
        return refuse(cx, t->dir, "is not a folder");
    /* PostgreSQL's own rule: the data directory must belong to the server's user. */
    if (geteuid() != 0 && st.st_uid != geteuid()) {
        fail(cx, E_PERMISSION, "'%s' belongs to user id %u, and the step runs as user id %u", t->dir,
             (unsigned)st.st_uid, (unsigned)geteuid());
        err_hint(
            cx,
            "PostgreSQL starts only in a folder that its user owns: let target_dir be a folder below the mount point (for example '%s/pgdata'), "
            "and run the step with the server's uid",
            t->dir);
        return false;
    }
    return refuse_inside_cluster(cx, t->dir) && may_fill(cx, q, t, &found);
}

/* ---- taking and giving back ---- */

static bool lock(struct ctx *cx, struct target *t)
{
    t->lock = open(t->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->lock < 0)
        return tree_fail(cx, "open", t->dir);
    if (flock(t->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        /* Some network file systems have no flock; then there is none to hold. A run that gave the folder back has removed it: a lock on
         * what was removed keeps nobody out. */
        struct stat held, there;
        if (fstat(t->lock, &held) == 0 && stat(t->dir, &there) == 0 && held.st_dev == there.st_dev &&
            held.st_ino == there.st_ino)
            return true;
    }
    return fail(cx, E_LOCKED, "another run is making a copy in '%s'", t->dir);
}

void target_unlock(struct target *t)
{
    if (t->lock >= 0)
        close(t->lock);
    t->lock = -1;
}

/* A tablespace's folder is emptied only when it carries the same copy's mark. */
static bool clear_tablespaces(struct ctx *cx, const struct target *t)
{
    for (size_t i = 0; i < t->marker.tablespaces.n; i++) {
        const struct marker_tablespace *s = &t->marker.tablespaces.at[i];
        struct marker theirs;
        bool found;
        if (!file_is_dir(s->to) || within(s->to, t->dir))
            continue;
        if (!marker_read(cx, s->to, &theirs, &found))
            return false;
        if (!found || !text_equal(theirs.id, t->marker.id)) {
            log_warning("the folder '%s' of an older copy's tablespace is not marked as its own, and stays", s->to);
            continue;
        }
        if (!tree_clear(cx, s->to, own_names) || !marker_remove(cx, s->to))
            return false;
        rmdir(s->to);
        rmdir(parent_of(cx, s->to)); /* "….tablespaces"; fails, rightly, when something else is in it */
    }
    return true;
}

/* From here to the first marker nothing may be given back: what is there may be a finished copy. */
bool target_take(struct ctx *cx, const struct clone_request *q, struct target *t)
{
    const char *source = t->marker.source; /* set by the caller for the new copy */
    struct marker old;

    if (t->made && !tree_make(cx, t->dir, 0700))
        return false;
    /* Whatever was checked before may have changed until the lock was held. */
    if (!lock(cx, t) || !may_fill(cx, q, t, &old))
        return false;
    /* Only the root user gets here with another owner in mind, and may do it. */
    if ((t->uid != (uid_t)-1 && lchown(t->dir, t->uid, t->gid) != 0) || chmod(t->dir, 0700) != 0)
        return tree_fail(cx, "set the permissions (0700, which PostgreSQL insists on) of", t->dir);
    if (old.id) {
        log_info("removing the %s copy in '%s' (of %s, begun %s)", old.complete ? "older" : "unfinished", t->dir,
                 old.source, old.started_at);
        old.complete = false; /* from here on it is no copy any more */
        t->marker = old;
        t->ours = true;
        if (!marker_write(cx, t->dir, &old) || !clear_tablespaces(cx, t))
            return false;
    }
    t->marker = (struct marker){.id = marker_new_id(cx->arena),
                                .source = source ? source : "",
                                .started_at = clock_rfc3339(cx->arena, clock_wall_ms()),
                                .system_identifier = "",
                                .start_lsn = "",
                                .end_lsn = "",
                                .source_snapshot = "",
                                .finished_at = ""};
    /* The mark comes before the emptying: a run killed in between leaves a folder that the next one knows. */
    if (!marker_write(cx, t->dir, &t->marker))
        return false;
    t->ours = true;
    return tree_clear(cx, t->dir, own_names);
}

bool target_give_back(struct ctx *cx, struct target *t)
{
    if (!t->ours)
        return true;
    if (!clear_tablespaces(cx, t) || !tree_clear(cx, t->dir, own_names) || !marker_remove(cx, t->dir))
        return false;
    t->ours = false;
    if (t->made)
        rmdir(t->dir);
    return true;
}

/* ---- tablespaces ---- */

static const char *mapped(struct ctx *cx, const struct clone_request *q, const char *from)
{
    for (size_t i = 0; i < q->tablespace_mapping.n; i++) {
        const char *pair = q->tablespace_mapping.at[i], *equals = strchr(pair, '=');
        if (equals && strlen(from) == (size_t)(equals - pair) && memcmp(from, pair, (size_t)(equals - pair)) == 0)
            return absolute(cx, equals + 1);
    }
    return NULL;
}

static const char *seen_by_server(struct ctx *cx, const struct target *t, const char *to)
{
    if (text_starts(to, t->dir))
        return arena_printf(cx->arena, "%s%s", t->server_dir, to + strlen(t->dir));
    const char *above = parent_of(cx, t->dir);
    if (within(to, above) && !text_equal(above, "/"))
        return arena_printf(cx->arena, "%s%s", parent_of(cx, t->server_dir), to + strlen(above));
    return to;
}

static bool same_file_system(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev;
}

static bool place_tablespace(struct ctx *cx, const struct clone_request *q, const struct target *t,
                             struct marker_tablespace *s)
{
    if (*s->from != '/') { /* in place: a real folder below pg_tblspc (allow_in_place_tablespaces) */
        if (!text_starts(s->from, "pg_tblspc/") || strstr(s->from, ".."))
            return fail(cx, E_EXTERNAL, "the server names a tablespace at '%s'", s->from);
        s->to = path_join(cx->arena, t->dir, s->from);
        return true;
    }
    s->to = mapped(cx, q, s->from);
    if (!s->to) {
        if (!same_file_system(t->dir, parent_of(cx, t->dir))) {
            fail(cx, E_GUARD,
                 "the source has a tablespace at '%s', and there is no place for it beside '%s' on the same volume",
                 s->from, t->dir);
            err_hint(
                cx,
                "let target_dir be a folder below the mount point, or say where it goes: tablespace_mapping: %s=/new/place",
                s->from);
            return false;
        }
        s->to = arena_printf(cx->arena, "%s.tablespaces/%s", t->dir, s->oid);
    }
    if (within(s->to, t->dir) || within(t->dir, s->to))
        return fail(cx, E_INPUT, "tablespace_mapping: '%s' and target_dir '%s' must not lie inside one another", s->to,
                    t->dir);
    for (size_t i = 0; i < t->marker.tablespaces.n; i++) {
        const struct marker_tablespace *other = &t->marker.tablespaces.at[i];
        /* The source may run on this machine: its own folders are never written to. */
        if (within(s->to, other->from) || within(other->from, s->to)) {
            fail(cx, E_GUARD, "the tablespace of '%s' would go to '%s', where the source's own tablespace is", s->from,
                 s->to);
            err_hint(cx, "choose another place in tablespace_mapping");
            return false;
        }
        if (other != s && other->to && (within(s->to, other->to) || within(other->to, s->to)))
            return fail(cx, E_INPUT, "tablespace_mapping sends '%s' and '%s' to the same place, '%s'", other->from,
                        s->from, s->to);
    }
    s->link = seen_by_server(cx, t, s->to);
    if (strlen(s->link) > 1023)
        return fail(cx, E_INPUT, "the path of a tablespace is too long: %s", s->link);
    return true;
}

static bool make_tablespace(struct ctx *cx, const struct clone_request *q, const struct target *t,
                            const struct marker_tablespace *s)
{
    struct marker theirs;
    bool found, vacant;

    if (!s->link)
        return true;
    if (!refuse_inside_cluster(cx, s->to) || !tree_make(cx, s->to, 0700) || !marker_read(cx, s->to, &theirs, &found) ||
        !tree_vacant(cx, s->to, own_names, &vacant))
        return false;
    if (!vacant && !q->replace_unmarked)
        return refuse(cx, s->to, "is to hold a tablespace, and is not empty");
    if (!vacant && !found && !refuse_cluster_below(cx, s->to, 0))
        return false;
    struct marker mine = t->marker;
    mine.tablespaces.n = 0;
    if (!marker_write(cx, s->to, &mine) || !tree_clear(cx, s->to, own_names))
        return false;
    return chmod(s->to, 0700) == 0 || tree_fail(cx, "set the permissions of", s->to);
}

bool target_tablespaces(struct ctx *cx, const struct clone_request *q, struct target *t)
{
    for (size_t i = 0; i < q->tablespace_mapping.n; i++) {
        const char *pair = q->tablespace_mapping.at[i], *equals = strchr(pair, '=');
        bool known = false;
        if (!equals || *pair != '/' || equals[1] != '/')
            return fail(cx, E_INPUT, "tablespace_mapping wants OLD=NEW with absolute paths, not '%s'", pair);
        for (size_t k = 0; k < t->marker.tablespaces.n && !known; k++) {
            const char *from = t->marker.tablespaces.at[k].from;
            known = strlen(from) == (size_t)(equals - pair) && memcmp(from, pair, strlen(from)) == 0;
        }
        if (!known)
            log_warning("tablespace_mapping: the source has no tablespace at '%.*s'", (int)(equals - pair), pair);
    }
    for (size_t i = 0; i < t->marker.tablespaces.n; i++)
        if (!place_tablespace(cx, q, t, &t->marker.tablespaces.at[i]))
            return false;
    if (!marker_write(cx, t->dir, &t->marker))
        return false;
    for (size_t i = 0; i < t->marker.tablespaces.n; i++)
        if (!make_tablespace(cx, q, t, &t->marker.tablespaces.at[i]))
            return false;
    return true;
}
