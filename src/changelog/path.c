/* path.c - paths of changelogs: how they are spelled, and where they lie; see changelog_internal.h. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "changelog_internal.h"
#include "dbstep/files.h"

static bool drive(const char *p)
{
    return ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) && p[1] == ':' && p[2] == '/';
}

char *changelog_path_normalise(struct arena *a, const char *path)
{
    const char *p = text_replace(a, path, "\\", "/");
    if (text_starts_nocase(p, "classpath:"))
        p += strlen("classpath:");
    if (drive(p))
        p += 2;
    struct str_list parts = {0};
    for (const char *rest = p; *rest;) {
        size_t n = strcspn(rest, "/");
        const char *part = arena_strndup(a, rest, n);
        rest += rest[n] ? n + 1 : n;
        if (!*part || text_equal(part, "."))
            continue;
        if (text_equal(part, "..") && parts.n && !text_equal(parts.at[parts.n - 1], ".."))
            parts.n--;
        else
            *VEC_PUSH(a, &parts) = part;
    }
    struct str out = str_new(a);
    for (size_t i = 0; i < parts.n; i++) {
        if (i)
            str_addc(&out, '/');
        str_add(&out, parts.at[i]);
    }
    return out.s;
}

const char *path_stored(struct arena *a, const char *logical)
{
    const char *p = text_replace(a, logical, "\\", "/");
    return p + strspn(p, "/");
}

bool path_absolute(struct arena *a, const char *path)
{
    return path[0] == '/' || drive(text_replace(a, path, "\\", "/"));
}

bool path_leads_out(const char *normal)
{
    return !*normal || text_starts(normal, "../") || text_equal(normal, "..");
}

const char *path_beside(struct arena *a, const char *changelog, const char *path)
{
    const char *slash = strrchr(changelog, '/');
    const char *plain = text_replace(a, path, "\\", "/");
    if (text_starts_nocase(plain, "classpath:"))
        plain += strlen("classpath:");
    if (slash && *plain != '/')
        plain = path_join(a, arena_strndup(a, changelog, (size_t)(slash - changelog)), plain);
    return changelog_path_normalise(a, plain);
}

static const struct str_list *folders(const struct changelog_source *source)
{
    static const char *here[] = {"."};
    static const struct str_list only = {.at = here, .n = 1};
    return source->search_path && source->search_path->n ? source->search_path : &only;
}

static const char *on_disk(struct arena *a, const char *folder, const char *path)
{
    return text_equal(folder, ".") ? path : path_join(a, folder, path);
}

bool path_find(struct ctx *cx, const struct changelog_source *source, const char *what, const char *path,
               const char **file)
{
    const struct str_list *in = folders(source);
    struct str looked = str_new(cx->arena);

    *file = NULL;
    for (size_t i = 0; i < in->n; i++) {
        const char *candidate = on_disk(cx->arena, in->at[i], path);
        str_addf(&looked, "%s%s", i ? ", " : "", candidate);
        if (!file_exists(candidate))
            continue;
        if (*file) {
            fail(cx, E_CHANGELOG, "the %s '%s' exists twice in the search path: %s and %s", what, path, *file,
                 candidate);
            err_hint(cx, "the name must be unique: take a folder out of search_path");
            return false;
        }
        *file = candidate;
    }
    if (!*file) {
        fail(cx, E_FILE, "cannot find the %s '%s'", what, path);
        err_detail(cx, "looked for %s", looked.s);
        return false;
    }
    if (file_is_dir(*file))
        return fail(cx, E_FILE, "the %s '%s' is a folder", what, *file);
    if (!file_is_regular(*file)) /* a pipe or a device could make the reader wait for ever */
        return fail(cx, E_FILE, "the %s '%s' is no regular file", what, *file);
    return true;
}

/* ---- folders, recursively ---- */

static void close_dir(DIR **d)
{
    if (*d)
        closedir(*d);
}

/* Files whose names start with a dot count, as they do in Liquibase. Names with two dots do not: Kubernetes keeps the versions of a mounted
 * ConfigMap in such folders, and each file would be there twice. */
static bool list_folder(struct ctx *cx, const char *folder, const char *path, int depth, struct path_list *out)
{
    __attribute__((cleanup(close_dir))) DIR *d = opendir(folder);
    if (!d)
        return fail(cx, E_FILE, "cannot read the folder '%s': %s", folder, strerror(errno));
    errno = 0;
    for (const struct dirent *e; (e = readdir(d)); errno = 0) {
        struct stat st;
        if (++out->entries > PATH_ENTRIES_MAX) /* links can lead round and round */
            return fail(cx, E_CHANGELOG, "the folder '%s' and those in it have more than %d entries", folder,
                        PATH_ENTRIES_MAX);
        if (text_equal(e->d_name, ".") || text_starts(e->d_name, ".."))
            continue;
        const char *file = path_join(cx->arena, folder, e->d_name), *inner = path_join(cx->arena, path, e->d_name);
        if (stat(file, &st) != 0)
            continue; /* a link that leads nowhere */
        if (S_ISDIR(st.st_mode)) {
            if (depth >= PATH_DEPTH_MAX)
                return fail(cx, E_CHANGELOG, "the folder '%s' is nested more than %d deep", folder, PATH_DEPTH_MAX);
            if (!list_folder(cx, file, inner, depth + 1, out))
                return false;
        } else if (S_ISREG(st.st_mode)) {
            *VEC_PUSH(cx->arena, &out->list) = (struct found_path){.path = inner, .file = file, .depth = depth};
        }
    }
    if (errno)
        return fail(cx, E_FILE, "cannot read the folder '%s': %s", folder, strerror(errno));
    return true;
}

/* The code units of UTF-16 order as the bytes of UTF-8 do, but that U+E000 to U+FFFF come after what needs two of them. */
static int by_utf16(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct found_path *)a)->path,
                        *y = (const unsigned char *)((const struct found_path *)b)->path;
    while (*x && *x == *y)
        x++, y++;
    bool x_two = *x >= 0xF0, y_two = *y >= 0xF0;
    if (x_two != y_two && (x_two ? *y : *x) >= 0xEE)
        return x_two ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

bool path_list(struct ctx *cx, const struct changelog_source *source, const char *path, struct path_list *out,
               bool *exists)
{
    const struct str_list *in = folders(source);

    *out = (struct path_list){.list = {.n = 0}};
    *exists = false;
    for (size_t i = 0; i < in->n; i++) {
        const char *folder = on_disk(cx->arena, in->at[i], *path ? path : ".");
        if (!file_is_dir(folder))
            continue;
        *exists = true;
        if (!list_folder(cx, folder, path, 1, out))
            return false;
    }
    if (out->list.n)
        qsort(out->list.at, out->list.n, sizeof *out->list.at, by_utf16);
    for (size_t i = 1; i < out->list.n; i++)
        if (text_equal(out->list.at[i].path, out->list.at[i - 1].path))
            return fail(cx, E_CHANGELOG, "the changelog '%s' exists twice in the search path: %s and %s",
                        out->list.at[i].path, out->list.at[i - 1].file, out->list.at[i].file);
    return true;
}
