/* marker.c - the mark in a folder; see marker.h. */
#include "marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/json.h"
#include "tree.h"

const char *marker_new_id(struct arena *a)
{
    unsigned char raw[8] = {0};
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw) {
        long long now = clock_wall_ms() * 1000 + getpid();
        memcpy(raw, &now, sizeof raw);
    }
    struct str s = str_new(a);
    for (size_t i = 0; i < sizeof raw; i++)
        str_addf(&s, "%02x", raw[i]);
    return s.s;
}

static const char *text(struct ctx *cx, const struct json *o, const char *key)
{
    return arena_strdup(cx->arena, json_get_text(o, key, ""));
}

bool marker_read(struct ctx *cx, const char *folder, struct marker *out, bool *found)
{
    const char *path = path_join(cx->arena, folder, MARKER_NAME);
    char *content;
    size_t len, at;
    long long number = 0;

    *out = (struct marker){.complete = false};
    *found = false;
    if (access(path, F_OK) != 0)
        return errno == ENOENT || errno == ENOTDIR || tree_fail(cx, "look for", path);
    if (!file_read(cx, path, 16 << 20, &content, &len))
        return false;
    struct json_doc *doc = json_parse(content, len, &at);
    const struct json *root = doc ? json_root(doc) : NULL;
    const struct json *format = root ? json_get(root, "dbstep_clone") : NULL;
    const char *state = root ? json_get_text(root, "state", "") : "";

    if (!format || !json_int64(format, &number) || number != 1 ||
        (!text_equal(state, "complete") && !text_equal(state, "in-progress"))) {
        json_free(doc);
        fail(cx, E_GUARD, "'%s' cannot be understood, so it cannot be told whose folder this is", path);
        err_hint(
            cx,
            "look at the folder; when nothing in it is needed, empty it, or say replace_unmarked: true after removing that file");
        return false;
    }
    *out = (struct marker){.id = text(cx, root, "id"),
                           .complete = text_equal(state, "complete"),
                           .source = text(cx, root, "source"),
                           .system_identifier = text(cx, root, "system_identifier"),
                           .start_lsn = text(cx, root, "start_lsn"),
                           .end_lsn = text(cx, root, "end_lsn"),
                           .source_snapshot = text(cx, root, "source_snapshot"),
                           .started_at = text(cx, root, "started_at"),
                           .finished_at = text(cx, root, "finished_at")};
    if (json_get(root, "timeline") && json_int64(json_get(root, "timeline"), &number))
        out->timeline = (int)number;
    const struct json *list = json_get(root, "tablespaces");
    for (const struct json *t = list ? json_first(list) : NULL; t; t = json_next(t))
        *VEC_PUSH(cx->arena, &out->tablespaces) =
            (struct marker_tablespace){.oid = text(cx, t, "oid"), .from = text(cx, t, "from"), .to = text(cx, t, "to")};
    json_free(doc);
    *found = true;
    return true;
}

static const char *as_json(struct ctx *cx, const struct marker *m, size_t *len)
{
    struct str s = str_new(cx->arena);
    struct json_writer w = json_writer(&s);

    json_object(&w, NULL);
    json_int(&w, "dbstep_clone", 1);
    json_string(&w, "id", m->id);
    json_string(&w, "state", m->complete ? "complete" : "in-progress");
    json_string(&w, "source", m->source);
    json_string(&w, "system_identifier", m->system_identifier);
    json_int(&w, "timeline", m->timeline);
    json_string(&w, "start_lsn", m->start_lsn);
    json_string(&w, "end_lsn", m->end_lsn);
    json_string(&w, "source_snapshot", m->source_snapshot);
    json_string(&w, "started_at", m->started_at);
    json_string(&w, "finished_at", m->finished_at);
    json_array(&w, "tablespaces");
    for (size_t i = 0; i < m->tablespaces.n; i++) {
        json_object(&w, NULL);
        json_string(&w, "oid", m->tablespaces.at[i].oid);
        json_string(&w, "from", m->tablespaces.at[i].from);
        json_string(&w, "to", m->tablespaces.at[i].to);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    str_addc(&s, '\n');
    *len = s.len;
    return s.s;
}

/* The temporary name is a fixed one: when a run is killed between the two steps, the next one must not take the folder for
 * somebody else's because of it. */
bool marker_write(struct ctx *cx, const char *folder, const struct marker *m)
{
    const char *path = path_join(cx->arena, folder, MARKER_NAME),
               *temporary = path_join(cx->arena, folder, MARKER_TEMPORARY);
    size_t len;
    const char *content = as_json(cx, m, &len);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return tree_fail(cx, "write", temporary);
    ssize_t put = write(fd, content, len);
    if (put >= 0 && (size_t)put != len)
        errno = ENOSPC;
    bool ok = put == (ssize_t)len && fsync(fd) == 0;
    if (!ok)
        tree_fail(cx, "write", temporary);
    close(fd);
    if (ok && rename(temporary, path) != 0)
        ok = tree_fail(cx, "write", path);
    if (!ok)
        unlink(temporary);
    return ok && tree_sync_folder(cx, folder);
}

bool marker_remove(struct ctx *cx, const char *folder)
{
    const char *path = path_join(cx->arena, folder, MARKER_NAME);
    unlink(path_join(cx->arena, folder, MARKER_TEMPORARY));
    return unlink(path) == 0 || errno == ENOENT || tree_fail(cx, "remove", path);
}
