/* git.c - a checkout's repository: where it is, its refs, its trees; see git.h. */
#include "dbstep/git.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/files.h"
#include "git_internal.h"

enum {
    SMALL_MAX = 1 << 20,
    PACKED_REFS_MAX = 256 << 20,
    LINKS_MAX = 5,
    EXPORT_FILES = 100000,
    EXPORT_FOLDERS = 20000,
    FOLDERS_MAX = 64
};
#define EXPORT_BYTES (1ull << 30)

/* ---- finding it ---- */

/* NULL when it cannot be read. Nothing but a file: a checkout is not to be trusted, and a pipe would be waited for. */
static char *read_file(struct arena *a, const char *path, size_t max)
{
    struct ctx own = {.arena = a};
    char *text;
    size_t n;
    return file_is_regular(path) && file_read(&own, path, max, &text, &n) ? text : NULL;
}

/* The first line of a small file without its end; NULL when it cannot be read. */
static const char *first_line(struct arena *a, const char *path)
{
    char *text = read_file(a, path, SMALL_MAX);
    if (!text)
        return NULL;
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static const char *absolute(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = real ? arena_strdup(a, real) : NULL;
    free(real);
    return copy;
}

static const char *beside(struct arena *a, const char *folder, const char *path)
{
    return *path == '/' ? path : path_join(a, folder, path);
}

/* .git is a folder, or a file that says where the folder is. */
static const char *folder_at(struct arena *a, const char *top)
{
    const char *git = path_join(a, top, ".git");
    if (!file_is_dir(git)) {
        const char *line = first_line(a, git);
        if (!line || !text_starts(line, "gitdir: "))
            return NULL;
        git = beside(a, top, line + strlen("gitdir: "));
    }
    return file_exists(path_join(a, git, "HEAD")) ? git : NULL;
}

/* Only these two settings matter: [extensions] objectformat and refstorage. */
static void read_config(struct git *g)
{
    bool extensions = false;
    char *text = read_file(g->arena, path_join(g->arena, g->common, "config"), SMALL_MAX), *line;

    if (!text)
        return;
    for (char *rest = text; *rest;) {
        size_t len = strcspn(rest, "\n");
        line = text_lower(g->arena, text_trim(g->arena, arena_strndup(g->arena, rest, len)));
        rest += len + (rest[len] == '\n');
        if (*line == '[')
            extensions = text_starts(line, "[extensions]");
        if (!extensions)
            continue;
        line = text_replace(g->arena, text_replace(g->arena, line, " ", ""), "\t", "");
        if (text_starts(line, "objectformat=sha256"))
            g->sha256 = true;
        if (text_starts(line, "refstorage=reftable"))
            g->reftable = true;
    }
}

static void add_store(struct git *g, const char *objects, int depth)
{
    char *text =
        depth == LINKS_MAX ? NULL : read_file(g->arena, path_join(g->arena, objects, "info/alternates"), SMALL_MAX);

    *VEC_PUSH(g->arena, &g->stores) = objects;
    if (!text)
        return;
    for (char *rest = text; *rest && g->stores.n < FOLDERS_MAX;) {
        size_t len = strcspn(rest, "\n");
        const char *one = arena_strndup(g->arena, rest, len);
        if (*one && *one != '#')
            add_store(g, beside(g->arena, objects, one), depth + 1);
        rest += len + (rest[len] == '\n');
    }
}

bool git_open(struct ctx *cx, const char *path, struct git **out)
{
    struct arena *a = cx->arena;
    const char *top = absolute(a, path);

    *out = NULL;
    for (; top; top = text_equal(top, "/") ? NULL : top) {
        const char *folder = folder_at(a, top);
        if (folder) {
            struct git *g = ARENA_NEW(a, struct git);
            const char *common = first_line(a, path_join(a, folder, "commondir"));
            *g = (struct git){.arena = a, .worktree = top, .folder = folder};
            g->common = common ? beside(a, folder, common) : folder;
            read_config(g);
            g->raw = g->sha256 ? 32 : 20;
            add_store(g, path_join(a, g->common, "objects"), 0);
            *out = g;
            return true;
        }
        const char *slash = strrchr(top, '/');
        if (!slash || text_equal(top, "/"))
            break;
        top = slash == top ? "/" : arena_strndup(a, top, (size_t)(slash - top));
    }
    return true;
}

void git_close(struct git *g)
{
    if (g)
        git_close_packs(g);
}

const char *git_worktree(const struct git *g)
{
    return g->worktree;
}

/* ---- refs ---- */

static bool is_name(const struct git *g, const char *text)
{
    return strlen(text) == 2 * g->raw && strspn(text, "0123456789abcdef") == 2 * g->raw;
}

/* A ref's own path inside the repository: no way out of it. */
static bool safe_ref(const char *ref)
{
    return *ref && *ref != '/' && !strstr(ref, "..") && !strstr(ref, "//");
}

/* "<name> <ref>" lines. */
static const char *packed_ref(struct git *g, const char *ref)
{
    size_t len = strlen(ref), hex = 2 * g->raw;

    if (!g->packed_refs)
        g->packed_refs = read_file(g->arena, path_join(g->arena, g->common, "packed-refs"), PACKED_REFS_MAX);
    if (!g->packed_refs)
        g->packed_refs = "";
    for (const char *line = g->packed_refs; *line;) {
        size_t end = strcspn(line, "\n"), cut = end && line[end - 1] == '\r' ? end - 1 : end;
        if (cut == hex + 1 + len && line[hex] == ' ' && memcmp(line + hex + 1, ref, len) == 0)
            return arena_strndup(g->arena, line, hex);
        line += end + (line[end] == '\n');
    }
    return NULL;
}

/* The object that a ref names, or NULL; follows symbolic refs. */
static const char *read_ref(struct git *g, const char *ref)
{
    for (int links = 0; links < LINKS_MAX && safe_ref(ref); links++) {
        const char *line = first_line(g->arena, path_join(g->arena, g->folder, ref));
        if (!line)
            line = first_line(g->arena, path_join(g->arena, g->common, ref));
        if (!line)
            line = packed_ref(g, ref);
        if (!line)
            return NULL;
        if (!text_starts(line, "ref: "))
            return is_name(g, line) ? line : NULL;
        ref = text_trim(g->arena, line + strlen("ref: "));
    }
    return NULL;
}

static bool no_reftable(struct ctx *cx, const struct git *g)
{
    if (!g->reftable)
        return true;
    fail(cx, E_FILE, "the refs of '%s' are in the reftable format, which is not read", g->folder);
    err_hint(cx, "`git refs migrate --ref-format=files` converts them");
    return false;
}

bool git_head(struct ctx *cx, struct git *g, struct git_head *out)
{
    static const char heads[] = "ref: refs/heads/";
    const char *line = first_line(cx->arena, path_join(cx->arena, g->folder, "HEAD")), *name;

    *out = (struct git_head){.branch = ""};
    if (!no_reftable(cx, g))
        return false;
    if (!line)
        return fail(cx, E_FILE, "'%s/HEAD' cannot be read", g->folder);
    if (text_starts(line, heads))
        out->branch = text_trim(cx->arena, line + strlen(heads));
    name = read_ref(g, "HEAD");
    if (name)
        memcpy(out->commit, name, strlen(name) + 1);
    else if (!text_starts(line, "ref: "))
        return fail(cx, E_FILE, "'%s/HEAD' names no commit", g->folder);
    return true;
}

/* The value of a line "key value" in the head of a commit or tag. */
static bool header(const struct git *g, const struct git_object *o, const char *key, char name[GIT_HEX_MAX])
{
    size_t n = strlen(key), hex = 2 * g->raw;
    const char *p = (const char *)o->data, *end = p + o->n;
    while (p < end && *p != '\n') {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        if (!eol)
            return false;
        if ((size_t)(eol - p) == n + 1 + hex && memcmp(p, key, n) == 0 && p[n] == ' ') {
            memcpy(name, p + n + 1, hex);
            name[hex] = '\0';
            return is_name(g, name);
        }
        p = eol + 1;
    }
    return false;
}

/* A tag is followed to the commit that it names. */
static bool to_commit(struct ctx *cx, struct git *g, const char *from, const char *what, char commit[GIT_HEX_MAX])
{
    struct git_object o;

    memmove(commit, from, strlen(from) + 1);
    for (int links = 0; links < LINKS_MAX; links++) {
        if (!git_read(cx, g, cx->arena, commit, &o))
            return false;
        if (o.kind == GIT_COMMIT)
            return true;
        if (o.kind != GIT_TAG || !header(g, &o, "object", commit))
            break;
    }
    return fail(cx, E_INPUT, "'%s' is no commit of the repository in '%s'", what, g->worktree);
}

static bool ambiguous(struct ctx *cx, const char *name)
{
    fail(cx, E_INPUT, "several Git objects begin with '%s'", name);
    err_hint(cx, "give more digits of the commit");
    return false;
}

bool git_resolve(struct ctx *cx, struct git *g, const char *name, char commit[GIT_HEX_MAX], const char **branch)
{
    static const char *const places[] = {"", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"};
    char full[GIT_HEX_MAX];
    int found = 0;

    *branch = "";
    if (is_name(g, name))
        return to_commit(cx, g, name, name, commit);
    if (!no_reftable(cx, g))
        return false;
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *ref = arena_printf(cx->arena, "%s%s", places[i], name);
        /* Files at the top of .git are no refs, but for the likes of HEAD. */
        bool top = i == 0 && !text_starts(name, "refs/") && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != strlen(name);
        const char *at = top || !safe_ref(ref) ? NULL : read_ref(g, ref);
        if (!at)
            continue;
        if (text_starts(ref, "refs/heads/"))
            *branch = arena_strdup(cx->arena, ref + strlen("refs/heads/"));
        return to_commit(cx, g, at, name, commit);
    }
    size_t n = strlen(name);
    if (n >= 4 && n < 2 * g->raw && strspn(name, "0123456789abcdef") == n) {
        if (!git_expand(cx, g, name, full, &found))
            return false;
        if (found > 1)
            return ambiguous(cx, name);
        if (found)
            return to_commit(cx, g, full, name, commit);
    }
    fail(cx, E_INPUT, "the repository in '%s' has no commit '%s'", g->worktree, name);
    err_hint(cx, "a commit is named by its hash, a branch or a tag; a shallow clone has only the newest commits");
    return false;
}

/* ---- trees: "mode name", NUL, the object's name, again and again ---- */

struct tree_entry {
    unsigned mode;
    const char *name;
    char object[GIT_HEX_MAX];
};

enum { MODE_KIND = 0170000, MODE_TREE = 0040000, MODE_FILE = 0100000 };

/* False at the end, and where the rest makes no sense (then *at is not the size). */
static bool next_entry(const struct git *g, const struct git_object *tree, size_t *at, struct tree_entry *e)
{
    const unsigned char *p = tree->data + *at, *end = tree->data + tree->n;
    const unsigned char *nul = p < end ? memchr(p, '\0', (size_t)(end - p)) : NULL;

    if (!nul || (size_t)(end - nul) < 1 + g->raw)
        return false;
    for (e->mode = 0; *p >= '0' && *p <= '7'; p++)
        e->mode = e->mode << 3 | (*p - '0');
    if (*p != ' ')
        return false;
    e->name = (const char *)p + 1; /* the NUL behind it ends it */
    git_hex(g, nul + 1, e->object);
    *at = (size_t)(nul + 1 + g->raw - tree->data);
    return true;
}

static bool read_tree(struct ctx *cx, struct git *g, const char *name, struct git_tree_cache **out)
{
    struct git_object tree;

    for (size_t i = g->trees.n; i-- > 0;)
        if (text_equal(g->trees.at[i].name, name)) {
            *out = &g->trees.at[i];
            return true;
        }
    if (!git_read(cx, g, g->arena, name, &tree))
        return false;
    if (tree.kind != GIT_TREE) {
        fail(cx, E_FILE, "the Git object %s is not a tree", name);
        return false;
    }
    *out = VEC_PUSH(g->arena, &g->trees);
    (*out)->tree = tree;
    memcpy((*out)->name, name, strlen(name) + 1);
    return true;
}

/* Files are asked for in about the order in which they stand, so the search begins where the last one ended. */
static bool find_entry(const struct git *g, struct git_tree_cache *t, const char *name, size_t n, struct tree_entry *e)
{
    size_t begin = t->at;

    for (int round = 0; round < 2; round++) {
        size_t at = round ? 0 : begin;
        while ((!round || at < begin) && next_entry(g, &t->tree, &at, e))
            if (strncmp(e->name, name, n) == 0 && !e->name[n]) {
                t->at = at;
                return true;
            }
    }
    return false;
}

static bool root_tree(struct ctx *cx, struct git *g, const char *commit, char tree[GIT_HEX_MAX])
{
    struct git_object o;

    if (text_equal(g->commit, commit)) {
        memcpy(tree, g->root, sizeof g->root);
        return true;
    }
    if (!git_read(cx, g, cx->arena, commit, &o))
        return false;
    if (o.kind != GIT_COMMIT || !header(g, &o, "tree", tree))
        return fail(cx, E_FILE, "the Git object %s is not a commit", commit);
    memcpy(g->commit, commit, strlen(commit) + 1);
    memcpy(g->root, tree, sizeof g->root);
    return true;
}

/* What the commit has at a path; mode 0 when nothing. */
static bool entry_at(struct ctx *cx, struct git *g, const char *commit, const char *path, struct tree_entry *out)
{
    *out = (struct tree_entry){.mode = MODE_TREE, .name = ""};
    if (!root_tree(cx, g, commit, out->object))
        return false;
    while (*path) {
        size_t n = strcspn(path, "/");
        struct git_tree_cache *tree;
        struct tree_entry e;

        if (!n || (n == 1 && *path == '.')) {
            path += n + (path[n] == '/');
            continue;
        }
        if ((out->mode & MODE_KIND) != MODE_TREE) {
            out->mode = 0;
            return true;
        }
        if (!read_tree(cx, g, out->object, &tree))
            return false;
        if (!find_entry(g, tree, path, n, &e)) {
            out->mode = 0;
            return true;
        }
        *out = e;
        path += n + (path[n] == '/');
    }
    return true;
}

bool git_blob_at(struct ctx *cx, struct git *g, const char *commit, const char *path, char blob[GIT_HEX_MAX])
{
    struct tree_entry e;
    *blob = '\0';
    if (!entry_at(cx, g, commit, path, &e))
        return false;
    if ((e.mode & MODE_KIND) == MODE_FILE)
        memcpy(blob, e.object, sizeof e.object);
    return true;
}

/* ---- writing a commit's files somewhere ---- */

static bool bad_name(const char *name)
{
    return !*name || text_equal(name, ".") || text_equal(name, "..") || text_equal_nocase(name, ".git") ||
           strchr(name, '/');
}

static bool too_much(struct ctx *cx)
{
    fail(cx, E_INPUT, "the commit has more than %d files, %d folders or 1 GB below this folder", EXPORT_FILES,
         EXPORT_FOLDERS);
    err_hint(cx, "set search_path to the folder that holds the changelog");
    return false;
}

static bool export_tree(struct ctx *cx, struct git *g, const char *tree_name, const char *folder, int depth,
                        struct git_export *out)
{
    struct git_tree_cache *cached;
    struct tree_entry e;
    size_t at = 0;

    if (depth > FOLDERS_MAX)
        return fail(cx, E_INPUT, "the folders of the commit are nested more than %d deep", FOLDERS_MAX);
    if (++out->folders > EXPORT_FOLDERS) /* trees may name one another over and over, without a single file */
        return too_much(cx);
    bool made = depth == 0; /* those below are made for their first file: git has no empty folders */
    if (!read_tree(cx, g, tree_name, &cached) || (made && !dir_make(cx, folder)))
        return false;
    struct git_object tree = cached->tree; /* the cache grows meanwhile */
    while (next_entry(g, &tree, &at, &e)) {
        __attribute__((cleanup(arena_free))) struct arena scratch = {0};
        const char *path = path_join(cx->arena, folder, e.name);
        struct git_object blob;

        if (!ctx_alive(cx, "reading the commit"))
            return false;
        if (bad_name(e.name))
            return fail(cx, E_FILE, "the Git tree %s holds the name '%s', which no tree may hold", tree_name, e.name);
        if ((e.mode & MODE_KIND) == MODE_TREE) {
            if (!export_tree(cx, g, e.object, path, depth + 1, out))
                return false;
            continue;
        }
        if ((e.mode & MODE_KIND) != MODE_FILE) {
            *VEC_PUSH(cx->arena, &out->skipped) = path;
            if (out->skipped.n > EXPORT_FILES)
                return too_much(cx);
            continue;
        }
        if (!git_read(cx, g, &scratch, e.object, &blob))
            return false;
        out->bytes += blob.n;
        if (++out->files > EXPORT_FILES || out->bytes > EXPORT_BYTES)
            return too_much(cx);
        if ((!made && !dir_make(cx, folder)) || !file_write_atomic(cx, path, (const char *)blob.data, blob.n))
            return false;
        made = true;
    }
    return at == tree.n || fail(cx, E_FILE, "the Git tree %s is malformed", tree_name);
}

bool git_export(struct ctx *cx, struct git *g, const char *commit, const char *path, const char *folder,
                struct git_export *out)
{
    struct tree_entry e;

    if (!entry_at(cx, g, commit, path, &e))
        return false;
    if ((e.mode & MODE_KIND) != MODE_TREE) {
        fail(cx, E_INPUT, "commit %.12s has no folder '%s'", commit, path);
        err_hint(cx, "search_path must name folders that are there in that commit");
        return false;
    }
    return export_tree(cx, g, e.object, folder, 0, out);
}
