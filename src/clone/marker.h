/* marker.h - dbstep-clone.json, the mark in a folder that dbstep filled. PostgreSQL ignores the file.
 *
 * {"dbstep_clone": 1, "id": "…", "state": "in-progress" | "complete", "source": "…", "system_identifier": "…", "timeline": 1,
 *  "start_lsn": "0/2000028", "end_lsn": "0/2000100", "source_snapshot": "740:740:", "started_at": "…", "finished_at": "…",
 *  "tablespaces": [{"oid": "16390", "from": "/ssd", "to": "/data/pgdata.tablespaces/16390"}]}
 *
 * Each folder of a tablespace outside target_dir has one too, with the same id: only such a folder is ever emptied.
 */
#ifndef DBSTEP_CLONE_MARKER_H
#define DBSTEP_CLONE_MARKER_H

#include "dbstep/ctx.h"
#include "dbstep/vec.h"

#define MARKER_NAME "dbstep-clone.json"
#define MARKER_TEMPORARY "dbstep-clone.json.new"

struct marker_tablespace {
    const char *oid, *from;
    const char *to;   /* folder that holds the copy, as this process sees it */
    const char *link; /* as the copy's server sees it; NULL: inside the data directory, no link */
};

struct marker {
    const char *id;
    bool complete;
    const char *source, *system_identifier, *start_lsn, *end_lsn, *source_snapshot, *started_at, *finished_at;
    int timeline;
    VEC(struct marker_tablespace) tablespaces;
};

/* *found is false when there is none. One that cannot be understood is an E_GUARD failure: whose folder it is cannot be told. */
bool marker_read(struct ctx *cx, const char *folder, struct marker *out, bool *found);
bool marker_write(struct ctx *cx, const char *folder, const struct marker *m);
bool marker_remove(struct ctx *cx, const char *folder);
const char *marker_new_id(struct arena *a);

#endif
