/* control.h - what global/pg_control and the WAL files of a data directory say, read from the files.
 *
 * Layout (PostgreSQL's catalog/pg_control.h, unchanged in the part read here from 13 to 18): system identifier at 0, pg_control version
 * at 8, catalogue version at 12, state at 16, last checkpoint's LSN at 32, its REDO LSN at 40 and timeline at 48, in the byte order of the
 * machine. The CRC-32C of all that precedes it ends the structure; its place differs between versions, so the place is found by
 * its value. A WAL segment starts with a long page header (access/xlog_internal.h): magic, info, timeline, page address, system
 * identifier at 24, segment size at 32, page size at 36.
 */
#ifndef DBSTEP_CLONE_CONTROL_H
#define DBSTEP_CLONE_CONTROL_H

#include "dbstep/ctx.h"
#include "manifest.h"

struct control {
    uint64_t system_identifier;
    uint32_t version, catalog_version, state, timeline;
    uint64_t checkpoint, redo;
};

/* Of the first 512 bytes (n may be less, at least 300); false without an error when it is no pg_control or its CRC does not hold. */
bool control_parse(const unsigned char *data, size_t n, struct control *out);
bool control_read(struct ctx *cx, const char *data_dir, struct control *out);
const char *control_state(uint32_t state); /* "in production" */

/* Every page of a WAL range is there, in segments of this system on this timeline. *segments counts the files looked at. */
bool wal_range_present(struct ctx *cx, const char *data_dir, uint64_t system_identifier, const struct manifest_range *r,
                       long long *segments);
/* Every record of such a range matches its checksum. */
bool wal_records_hold(struct ctx *cx, const char *data_dir, const struct manifest_range *r, long long *records);

/* Bytes of a segment, from the first one of the range; 0 when it is not there. */
uint64_t wal_segment_size(struct ctx *cx, const char *data_dir, const struct manifest_range *r);
char *wal_segment_path(struct arena *a, const char *data_dir, unsigned timeline, uint64_t number, uint64_t size);

#endif
