/* base64.h - RFC 4648 base64, with padding, on one line. */
#ifndef DBSTEP_BASE64_H
#define DBSTEP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/arena.h"

char *base64_text(struct arena *a, const void *data, size_t n);
/* Bytes in the arena. False when text is malformed: another character, a wrong length, misplaced padding. */
bool base64_read(struct arena *a, const char *text, unsigned char **data, size_t *n);

#endif
