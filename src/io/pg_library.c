/* pg_library.c - which libpq this program holds; see pg.h. */
#include <libpq-fe.h>
#include <stdio.h>

#include "dbstep/pg.h"

const char *pg_library(void)
{
    static char text[32];
    int version = PQlibVersion();
    if (!text[0])
        snprintf(text, sizeof text, "libpq %d.%d", version / 10000, version % 10000);
    return text;
}
