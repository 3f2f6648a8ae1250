/* files.h - files, written so that a reader sees the old content or the new one, never half of it. */
#ifndef DBSTEP_FILES_H
#define DBSTEP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dbstep/ctx.h"
#include "dbstep/vec.h"

/* Whole content, terminated; *len without the terminator. Files above max bytes are refused (max 0: 1 GiB). */
bool file_read(struct ctx *cx, const char *path, size_t max, char **content, size_t *len);
/* Temporary file in the same folder, then rename. Failure leaves the old file and no temporary one. Full disk: E_CAPACITY; others
 * E_OUTPUT. Not flushed: after a power failure the file may be missing or empty, as any other trace of that run. */
bool file_write_atomic(struct ctx *cx, const char *path, const char *content, size_t len);
/* The same, on disk when it returns (fsync of file and folder): for evidence and marks that a later run relies on. */
bool file_write_durable(struct ctx *cx, const char *path, const char *content, size_t len);
/* As file_write_atomic(), readable by nobody else at any moment (0600); the others' modes follow the umask. */
bool file_write_private(struct ctx *cx, const char *path, const char *content, size_t len);

/* file_write_durable() in pieces, for what is too large to be held: begin, add …, end. After a failure of one of them the others need not
 * be called, and there is no temporary file. */
struct file_stream;
bool file_stream_begin(struct ctx *cx, const char *path, struct file_stream **out);
bool file_stream_add(struct ctx *cx, struct file_stream *s, const char *data, size_t len);
bool file_stream_end(struct ctx *cx, struct file_stream *s);

bool file_exists(const char *path);
bool file_is_dir(const char *path);
bool file_is_regular(const char *path);          /* no pipe or device, on which reading could wait for ever */
bool dir_make(struct ctx *cx, const char *path); /* with its parents; existing is fine */
/* Names (no path) in byte order; dot files are skipped. Fails when it cannot be read. */
bool dir_list(struct ctx *cx, const char *path, struct str_list *names);
/* Remove what is in a folder, not the folder; symbolic links are removed, never followed, one in the place of the folder too. */
bool dir_clear(struct ctx *cx, const char *path);
/* A file that can be made and removed there proves that results can be written. */
bool dir_check_writable(struct ctx *cx, const char *path);
/* "UID" or "UID:GID" in decimal; the group is the user's number unless given. False when it is neither. */
bool owner_parse(const char *text, uid_t *uid, gid_t *gid);
char *path_join(struct arena *a, const char *folder, const char *name);
const char *path_base(const char *path);

#endif
