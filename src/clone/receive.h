/* receive.h - the archives of a base backup, unpacked and hashed while they come.
 *
 * Nothing is written outside the data directory and the tablespaces' folders: names are checked by tar.h, files are made with O_EXCL and
 * O_NOFOLLOW, and the only symbolic links ever made are pg_tblspc/OID, leading to where this run put that tablespace.
 */
#ifndef DBSTEP_CLONE_RECEIVE_H
#define DBSTEP_CLONE_RECEIVE_H

#include "dbstep/pg.h"
#include "manifest.h"
#include "marker.h"
#include "tar.h"

struct receiver {
    const char *data_dir;
    const struct marker *marker; /* whose tablespaces they are */
    mode_t folder_mode;          /* 0700 or 0750, as the source's data directory */
    uint64_t total;              /* announced bytes, 0: unknown */

    struct received_files files;
    struct manifest manifest;
    bool manifest_started;
    long long files_written;
    uint64_t bytes_written, bytes_received;
    bool has_config, has_hba;

    /* private */
    struct tar tar;
    bool in_archive;
    const struct marker_tablespace *space; /* NULL: the data directory itself */
    int fd, manifest_fd;
    struct hash *hash;
    uint64_t file_size;
    char path[2048]; /* of the open file, as the manifest spells it */
};

void receiver_init(struct receiver *r, struct arena *a);
void receiver_close(struct receiver *r);
/* The archives and the manifest, after the tablespaces' list was taken from pg_next_result(). */
bool receive_archives(struct ctx *cx, struct pg *pg, struct receiver *r);

#endif
