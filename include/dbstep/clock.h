/* clock.h - time: a monotonic clock for deadlines, the wall clock for people. */
#ifndef DBSTEP_CLOCK_H
#define DBSTEP_CLOCK_H

#include <stdbool.h>

#include "dbstep/arena.h"

long long clock_ms(void);      /* monotonic milliseconds */
long long clock_us(void);      /* monotonic microseconds */
long long clock_wall_ms(void); /* milliseconds since 1970 */
/* RFC 3339 in UTC, "2026-01-31T12:00:00.123Z". */
char *clock_rfc3339(struct arena *a, long long wall_ms);
/* Parse RFC 3339; false when malformed. */
bool clock_parse_rfc3339(const char *s, long long *wall_ms);

/* A point in monotonic time after which nothing may wait any more; at_ms 0: none. */
struct deadline {
    long long at_ms;
};

struct deadline deadline_in(long long ms);
/* The earlier of two. */
struct deadline deadline_min(struct deadline a, struct deadline b);
bool deadline_passed(struct deadline d);
/* Milliseconds left, at least 0 and at most cap; cap when there is no deadline. */
long long deadline_left(struct deadline d, long long cap);

#endif
