/* target.h - the folder that becomes a copy's data directory: taken into possession, and given back empty.
 *
 * PostgreSQL wants to own its data directory and to have it closed to others, and a volume's root often belongs to root and holds
 * "lost+found": so target_dir should be a folder below the mount point, which is made here.
 */
#ifndef DBSTEP_CLONE_TARGET_H
#define DBSTEP_CLONE_TARGET_H

#include <sys/types.h>

#include "dbstep/clone.h"
#include "marker.h"

struct target {
    const char *dir;        /* absolute */
    const char *server_dir; /* as the copy's server sees it */
    struct marker marker;
    int lock;      /* flock on the folder: two runs never share it; -1: none */
    bool made;     /* the folder was not there before */
    bool ours;     /* the marker is written: it may be emptied */
    bool replaced; /* an older copy was removed */
    uid_t uid;     /* who shall own the copy; -1: whoever we are */
    gid_t gid;
};

/* Guards only: nothing is changed. E_GUARD when the folder is not ours to fill, or a server runs in it. */
bool target_check(struct ctx *cx, const struct clone_request *q, struct target *t);
/* Locks, removes an older copy, leaves the folder with nothing but a marker "in-progress". */
bool target_take(struct ctx *cx, const struct clone_request *q, struct target *t);
/* Decide where each tablespace goes (oid and from are set by the caller), write that down, then make the folders. */
bool target_tablespaces(struct ctx *cx, const struct clone_request *q, struct target *t);
/* Remove everything that was put there, the folder too when it was made. For the clean-up after a failure. */
bool target_give_back(struct ctx *cx, struct target *t);
void target_unlock(struct target *t);

#endif
