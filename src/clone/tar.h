/* tar.h - a tar stream, as a PostgreSQL server sends it, taken apart as it comes.
 *
 * Format: POSIX.1-1988 ustar: a header of 512 bytes, the content padded to 512, two blocks of zeroes at the end, which servers
 * before 15 leave out. Sizes are octal, or binary (base-256) above 8 GiB. A server sends files, folders and symbolic links only;
 * every other type is refused, and so is every name that would leave the folder it is unpacked into: absolute, or with a
 * ".." in it. The memory used is one block.
 */
#ifndef DBSTEP_CLONE_TAR_H
#define DBSTEP_CLONE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dbstep/ctx.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 256 };

enum tar_type { TAR_FILE, TAR_FOLDER, TAR_LINK };

struct tar_entry {
    enum tar_type type;
    char name[TAR_NAME_MAX + 1]; /* relative, without leading "./" and trailing "/"; "" for the top itself */
    char link[101];              /* target of a link */
    uint64_t size;               /* of a file's content; 0 otherwise */
    mode_t mode;                 /* permission bits */
};

/* Each returns false after fail() to end the reading. */
struct tar_sink {
    bool (*entry)(struct ctx *cx, void *user, const struct tar_entry *e);
    bool (*data)(struct ctx *cx, void *user, const char *data, size_t n); /* of the last entry, in order */
    bool (*end)(struct ctx *cx, void *user); /* of a file's content; also of an empty file */
    void *user;
};

struct tar {
    struct tar_sink sink;
    struct tar_entry entry;
    unsigned char block[TAR_BLOCK]; /* a header, as far as it came */
    size_t filled;
    uint64_t content, padding; /* bytes of the current file still to come */
    bool ended;                /* the closing zeroes were seen */
    uint64_t position;         /* bytes taken, for messages */
};

void tar_start(struct tar *t, struct tar_sink sink);
bool tar_feed(struct ctx *cx, struct tar *t, const char *data, size_t n);
/* The stream is over: an error when it ends inside a file or a header. */
bool tar_finish(struct ctx *cx, const struct tar *t);

#endif
