/* charset.h - bytes of a file as UTF-8 text.
 *
 * Known by all the names that Java has for them: UTF-8, US-ASCII, ISO-8859-1, ISO-8859-15, windows-1252, UTF-16, UTF-16LE, UTF-16BE. What
 * is no character of the encoding becomes U+FFFD, as Java does it. A byte order mark at the start is dropped.
 */
#ifndef DBSTEP_CHARSET_H
#define DBSTEP_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/arena.h"

/* NULL: UTF-8. False: no such encoding is known. The text may be `bytes` itself when it is UTF-8 already. */
bool charset_decode(struct arena *a, const char *encoding, const char *bytes, size_t len, const char **text,
                    size_t *text_len);

#endif
