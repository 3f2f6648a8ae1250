/* unicode.h - Unicode normal forms. The tables are those of PostgreSQL's client library, which has them for passwords. */
#ifndef DBSTEP_UNICODE_H
#define DBSTEP_UNICODE_H

#include "dbstep/arena.h"

/* The text (UTF-8) in normal form C; itself when it is ASCII. Malformed bytes end the work: the text is given back as it is. */
const char *unicode_nfc(struct arena *a, const char *text);

#endif
