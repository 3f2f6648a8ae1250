/* tree.h - folders as a whole: emptied, made durable, handed to another owner. Symbolic links are never followed. */
#ifndef DBSTEP_CLONE_TREE_H
#define DBSTEP_CLONE_TREE_H

#include <sys/types.h>

#include "dbstep/ctx.h"

/* errno as a failure: a full disk is E_CAPACITY, a missing right E_PERMISSION with the usual reasons, others E_OUTPUT. */
bool tree_fail(struct ctx *cx, const char *what, const char *path);
/* The folder and its missing parents. */
bool tree_make(struct ctx *cx, const char *path, mode_t mode);
/* Nothing in it but "lost+found" and the names given (ends with NULL); false without an error when there is more. */
bool tree_vacant(struct ctx *cx, const char *path, const char *const *apart_from, bool *vacant);
/* Removes everything but "lost+found" and the names given. */
bool tree_clear(struct ctx *cx, const char *path, const char *const *keep);
/* Every file and folder is on the disk; uid and gid (-1: as it is) become the owner of each. */
bool tree_sync(struct ctx *cx, const char *path, uid_t uid, gid_t gid);
bool tree_sync_folder(struct ctx *cx, const char *path);
/* Bytes that this process may still write there. */
bool tree_free_space(struct ctx *cx, const char *path, unsigned long long *bytes, dev_t *device);
bool tree_set_mode(struct ctx *cx, const char *path, mode_t mode);
/* One file; -1: as it is. */
bool tree_own(struct ctx *cx, const char *folder, const char *name, uid_t uid, gid_t gid);

#endif
