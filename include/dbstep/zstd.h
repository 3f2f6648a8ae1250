/* zstd.h - reading what was compressed with Zstandard. The only face of libzstd. */
#ifndef DBSTEP_ZSTD_H
#define DBSTEP_ZSTD_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"

/* The content of one or several frames, terminated; *len without the terminator. `what` is for messages. More than max bytes: E_INPUT, as
 * is anything that is no whole frame. */
bool zstd_read(struct ctx *cx, const char *what, const void *data, size_t n, size_t max, char **content, size_t *len);

#endif
