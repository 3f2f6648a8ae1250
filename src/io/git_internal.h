/* git_internal.h - what git.c (repository, refs, trees) and git_object.c (objects) share. */
#ifndef DBSTEP_GIT_INTERNAL_H
#define DBSTEP_GIT_INTERNAL_H

#include "dbstep/git.h"
#include "dbstep/str.h"

enum git_kind { GIT_NONE, GIT_COMMIT, GIT_TREE, GIT_BLOB, GIT_TAG };

struct git_pack {
    const char *path; /* without .idx or .pack */
    int index, data;  /* descriptors; -1: not opened yet */
    unsigned long long objects, index_size, data_size;
};

struct git_object {
    enum git_kind kind;
    unsigned char *data;
    size_t n;
};

/* Trees are asked for again for every file of a folder. */
struct git_tree_cache {
    char name[GIT_HEX_MAX];
    struct git_object tree;
    size_t at; /* behind the entry that was found last */
};

struct git {
    struct arena *arena;
    const char *worktree, *folder, *common; /* top folder; .git; where refs and objects lie */
    bool sha256, reftable;
    size_t raw;             /* bytes of an object's name: 20 or 32 */
    struct str_list stores; /* folders of objects: its own, then alternates */
    VEC(struct git_pack) packs;
    bool packs_listed;
    const char *packed_refs; /* the file's content, once it was asked for */
    VEC(struct git_tree_cache) trees;
    char commit[GIT_HEX_MAX], root[GIT_HEX_MAX]; /* the commit asked for last, and its tree */
};

/* E_FILE when it is not there, damaged or over the limit. Data lives in `a`. */
bool git_read(struct ctx *cx, struct git *g, struct arena *a, const char *name, struct git_object *out);
/* Objects whose name begins so: how many of them (2: several), and the first one's name. */
bool git_expand(struct ctx *cx, struct git *g, const char *prefix, char name[GIT_HEX_MAX], int *found);
void git_hex(const struct git *g, const unsigned char *raw, char *hex);
void git_close_packs(struct git *g);

#endif
