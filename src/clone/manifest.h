/* manifest.h - PostgreSQL's backup manifest, read as it comes and held against the files that came before it.
 *
 * Format (PostgreSQL documentation, "Backup Manifest Format"): one JSON object with "PostgreSQL-Backup-Manifest-Version" (1; 2 from
 * PostgreSQL 17), "System-Identifier" (version 2), "Files" (Path or Encoded-Path, Size, Checksum-Algorithm, Checksum), "WAL-Ranges"
 * (Timeline, Start-LSN, End-LSN) and, on its last line, "Manifest-Checksum": the SHA-256 of all lines before that one. WAL segments
 * (whose status files are) and the manifest itself are not in the list.
 *
 * A manifest has about 200 bytes per file, and a cluster may have a million files: only one list element is held at a time.
 * The files received cost some 90 bytes each.
 */
#ifndef DBSTEP_CLONE_MANIFEST_H
#define DBSTEP_CLONE_MANIFEST_H

#include "dbstep/ctx.h"
#include "dbstep/hash.h"
#include "dbstep/str.h"

/* ---- the files that were received ---- */

struct received {
    uint32_t path; /* offset in the names */
    uint32_t next; /* index + 1 of the next one in the same bucket */
    uint64_t size;
    unsigned char sha256[32];
    bool listed; /* the manifest has it */
};

struct received_files {
    struct received *at;
    size_t n, cap;
    struct str names;  /* paths, each terminated */
    uint32_t *buckets; /* index + 1, 0: empty */
    size_t n_buckets;
    uint64_t bytes;
};

void received_init(struct received_files *f, struct arena *a);
/* path as the manifest spells it: relative to the data directory, tablespaces as pg_tblspc/OID/…; sha256_hex has 64 digits. */
bool received_add(struct ctx *cx, struct received_files *f, const char *path, uint64_t size, const char *sha256_hex);
struct received *received_find(struct received_files *f, const char *path); /* NULL: none */
const char *received_path(const struct received_files *f, const struct received *r);

/* ---- the manifest ---- */

struct manifest_range {
    unsigned timeline;
    uint64_t start, end;
};

struct manifest {
    struct received_files *files; /* held against; NULL: parse only */
    uint64_t n_files, bytes;      /* listed */
    long long version;
    char system_identifier[24]; /* "" before version 2 */
    struct {
        struct manifest_range *at;
        size_t n, cap;
    } ranges;

    /* private */
    struct hash *hash;
    struct str line, element, top, key;
    int depth;
    bool in_string, escaped, capturing, line_pending, done;
    char section; /* 'F' files, 'W' WAL ranges, 0 elsewhere */
};

void manifest_start(struct manifest *m, struct arena *a, struct received_files *files);
/* False after fail(): malformed, or (E_VERIFY) a file of the manifest did not come, or came with another size or checksum. */
bool manifest_feed(struct ctx *cx, struct manifest *m, const char *data, size_t n);
/* Everything came: the manifest's own checksum, and that no file but WAL came which it does not list. */
bool manifest_finish(struct ctx *cx, struct manifest *m);
void manifest_discard(struct manifest *m);

#endif
