/* schema_git.c - the changelog and the commit; see schema_git.h. */
#include "schema_git.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/git.h"
#include "dbstep/host.h"

/* ---- paths inside the checkout ---- */

/* Absolute and without "." and "..", by the letters alone: the folder may exist in the commit only. */
static const char *lexical(struct arena *a, const char *here, const char *path)
{
    const char *whole = *path == '/' ? path : path_join(a, here, path);
    struct str out = str_new(a);

    for (const char *p = whole; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            const char *slash = strrchr(out.s, '/');
            str_truncate(&out, slash ? (size_t)(slash - out.s) : 0);
        } else if (n && !(n == 1 && *p == '.')) {
            str_addc(&out, '/');
            str_addn(&out, p, n);
        }
        p += n + (p[n] == '/');
    }
    return out.len ? out.s : "/";
}

/* What follows the top folder; NULL when the path is outside. */
static const char *inside(struct arena *a, const struct git *g, const char *here, const char *path)
{
    const char *top = git_worktree(g), *whole = lexical(a, here, path);
    size_t n = text_equal(top, "/") ? 0 : strlen(top);
    if (strncmp(whole, top, n) != 0 || (whole[n] && whole[n] != '/'))
        return NULL;
    return whole[n] ? whole + n + 1 : "";
}

static const char *working_folder(struct arena *a)
{
    char *here = getcwd(NULL, 0);
    const char *copy = here ? arena_strdup(a, here) : "/";
    free(here);
    return copy;
}

/* ---- another commit ---- */

static bool export_one(struct run *run, struct git *g, const char *commit, const char *folder, const char *to)
{
    struct ctx *cx = run->cx;
    struct git_export done = {0};
    const char *path = inside(cx->arena, g, working_folder(cx->arena), folder);

    if (!path) {
        fail(cx, E_INPUT, "the folder '%s' of search_path is not in the checkout '%s'", folder, git_worktree(g));
        err_hint(cx, "changelog_commit reads from the repository that holds the first folder of search_path");
        return false;
    }
    if (!dir_clear(cx, to) || !git_export(cx, g, commit, path, to, &done))
        return false;
    if (done.skipped.n)
        result_uncovered(run->result, "%s of commit %.12s below '%s' is a symbolic link or submodule and was left out",
                         text_plural(cx->arena, (long long)done.skipped.n, "path"), commit, folder);
    return true;
}

bool schema_git_materialise(struct run *run, const struct schema_config *c, struct str_list *path)
{
    static const char *here[] = {"."};
    struct ctx *cx = run->cx;
    struct arena *a = cx->arena;
    char commit[GIT_HEX_MAX];
    const char *branch;
    GIT_AUTO g = NULL;
    size_t n = c->search_path.n ? c->search_path.n : 1;
    const char *const *folders = c->search_path.n ? c->search_path.at : here;

    *path = c->search_path;
    if (text_empty(c->changelog_commit))
        return true;
    if (!git_open(cx, file_is_dir(folders[0]) ? folders[0] : ".", &g))
        return false;
    if (!g) {
        fail(cx, E_INPUT, "changelog_commit is given, and '%s' is in no Git checkout", folders[0]);
        err_hint(cx, "the step needs the checkout with its .git folder");
        return false;
    }
    if (!git_resolve(cx, g, c->changelog_commit, commit, &branch))
        return false;
    *path = (struct str_list){0};
    for (size_t i = 0; i < n; i++) {
        const char *to = arena_printf(a, "%s/changelog-%.12s%s", run->output_dir, commit,
                                      n > 1 ? arena_printf(a, "-%zu", i + 1) : "");
        if (!export_one(run, g, commit, folders[i], to))
            return false;
        *VEC_PUSH(a, path) = to;
    }
    result_output(run->result, "git_commit", arena_strdup(a, commit));
    result_output(run->result, "git_branch", branch);
    result_output(run->result, "git_dirty", "false");
    return true;
}

/* ---- the facts ---- */

static bool declares(const struct run *run, const char *output)
{
    const struct stage *stage = run->result->stage;
    for (size_t i = 0; stage && i < stage->n_outputs; i++)
        if (text_equal(stage->outputs[i].name, output))
            return true;
    return false;
}

/* Git may keep LF where the checkout has CRLF. */
static bool same_content(struct arena *a, const struct git *g, const char *text, size_t n, const char *want)
{
    char have[GIT_HEX_MAX];
    struct str unix_text = str_new(a);

    git_blob_name(g, text, n, have);
    if (text_equal(have, want))
        return true;
    for (size_t i = 0; i < n; i++)
        if (text[i] != '\r' || i + 1 == n || text[i + 1] != '\n')
            str_addc(&unix_text, text[i]);
    git_blob_name(g, unix_text.s, unix_text.len, have);
    return text_equal(have, want);
}

static bool is_dirty(struct ctx *cx, struct git *g, const char *here, const char *commit, const char *file, bool *dirty)
{
    char want[GIT_HEX_MAX], *text;
    size_t n;
    const char *path = inside(cx->arena, g, here, file);

    if (!path) { /* what lies outside is in no commit */
        *dirty = true;
        return true;
    }
    if (!git_blob_at(cx, g, commit, path, want))
        return false;
    struct arena_mark mark = arena_mark(cx->arena);
    if (!file_read(cx, file, 0, &text, &n))
        return false;
    *dirty = !*want || !same_content(cx->arena, g, text, n, want);
    arena_reset(cx->arena, mark);
    return true;
}

static bool any_dirty(struct ctx *cx, struct git *g, const char *commit, const struct changelog *log, bool *dirty)
{
    const char *here = working_folder(cx->arena);

    *dirty = false;
    for (size_t i = 0; i < log->files.n && !*dirty; i++)
        if (!is_dirty(cx, g, here, commit, log->files.at[i], dirty))
            return false;
    return true;
}

/* The checkout says it, or nothing is known and the host is believed. */
static bool from_checkout(struct run *run, struct ctx *cx, const struct changelog *log, struct host_checkout *out)
{
    struct git_head head;
    GIT_AUTO g = NULL;
    bool dirty;
    const char *slash = strrchr(log->file, '/');
    const char *folder = slash ? arena_strndup(cx->arena, log->file, (size_t)(slash - log->file)) : ".";

    if (!git_open(cx, *folder ? folder : "/", &g) || !g || !git_head(cx, g, &head) || !*head.commit)
        return false;
    /* A pipeline checks commits out without their branch, and tells the branch itself. */
    if (!*head.branch && text_equal(out->commit, head.commit))
        head.branch = out->branch;
    out->commit = arena_strdup(cx->arena, head.commit);
    out->branch = head.branch;
    if (any_dirty(cx, g, head.commit, log, &dirty))
        result_output(run->result, "git_dirty", dirty ? "true" : "false");
    return true;
}

void schema_git_facts(struct run *run, const struct schema_config *c, const struct changelog *log)
{
    struct ctx own = {.arena = run->cx->arena, .deadline = run->cx->deadline};

    if (!declares(run, "git_commit") || !text_empty(c->changelog_commit))
        return;
    struct host_checkout at = host_checkout(env_process());
    from_checkout(run, &own, log, &at);
    if (own.err.code != E_OK)
        result_uncovered(run->result, "Git: %s", own.err.message);
    result_output(run->result, "git_commit", at.commit);
    result_output(run->result, "git_branch", at.branch);
}
