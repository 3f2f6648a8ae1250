/* banned.h - calls that do not compile: each has a safe counterpart in core. Forced into every file by the build. */
#ifndef DBSTEP_BANNED_H
#define DBSTEP_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets
#pragma GCC poison gmtime localtime ctime asctime strtok
#pragma GCC poison system popen mktemp tmpnam

#endif
