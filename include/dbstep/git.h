/* git.h - a checkout's Git repository, read without git: which commit is checked out, what a file was in a commit.
 *
 * Reads .git folders, .git files (worktrees, submodules), alternates, loose and packed refs, loose and packed objects with their
 * deltas, in repositories of SHA-1 and of SHA-256. Refs in the reftable format are not read. Every object's hash is checked.
 * Nothing is ever written to a repository. Sources: the documents gitformat-pack, gitrepository-layout and gitformat-index of Git.
 */
#ifndef DBSTEP_GIT_H
#define DBSTEP_GIT_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/hash.h"
#include "dbstep/vec.h"

#define GIT_HEX_MAX 65 /* an object's name in hexadecimal, terminated */

struct git;

/* The repository that `path` lies in, itself or any folder above it. *out is NULL, without an error, when there is none. */
bool git_open(struct ctx *cx, const char *path, struct git **out);
void git_close(struct git *g); /* NULL is allowed */
static inline void git_close_ptr(struct git **g)
{
    git_close(*g);
}
#define GIT_AUTO __attribute__((cleanup(git_close_ptr))) struct git *

const char *git_worktree(const struct git *g); /* the checkout's top folder, absolute */

struct git_head {
    char commit[GIT_HEX_MAX]; /* "" before the first commit */
    const char *branch;       /* "" when detached */
};
bool git_head(struct ctx *cx, struct git *g, struct git_head *out);

/* A commit by its name: whole or cut off (at least 4 digits), a branch, a tag, HEAD. E_INPUT: there is none, or several. *branch: the
 * branch's name when it was one, else "". */
bool git_resolve(struct ctx *cx, struct git *g, const char *name, char commit[GIT_HEX_MAX], const char **branch);

/* The blob that the commit has at a path relative to the top folder; "" when it has none there. */
bool git_blob_at(struct ctx *cx, struct git *g, const char *commit, const char *path, char blob[GIT_HEX_MAX]);
/* The name that the repository would give to this content. */
void git_blob_name(const struct git *g, const void *content, size_t n, char blob[GIT_HEX_MAX]);

struct git_export {
    size_t files, folders;
    unsigned long long bytes;
    struct str_list skipped; /* paths of symbolic links and submodules, which are not followed */
};
/* Writes the files that the commit has below `path` ("": all) into a folder, which is made. More than 1 GiB, 100,000 files
 * or 20,000 folders: E_INPUT. */
bool git_export(struct ctx *cx, struct git *g, const char *commit, const char *path, const char *folder,
                struct git_export *out);

#endif
