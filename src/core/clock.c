/* clock.c - time; see clock.h. */
#include "dbstep/clock.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static long long read_clock(clockid_t id, long long per_second)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (long long)t.tv_sec * per_second + (long long)t.tv_nsec / (1000000000 / per_second);
}

long long clock_ms(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000);
}

long long clock_us(void)
{
    return read_clock(CLOCK_MONOTONIC, 1000000);
}

long long clock_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME, 1000);
}

char *clock_rfc3339(struct arena *a, long long wall_ms)
{
    time_t s = (time_t)(wall_ms / 1000);
    struct tm t;
    gmtime_r(&s, &t);
    return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
                        t.tm_min, t.tm_sec, (int)(wall_ms % 1000));
}

bool clock_parse_rfc3339(const char *s, long long *wall_ms)
{
    struct tm t = {0};
    int used = 0, off_h = 0, off_m = 0;
    long long ms = 0;

    if (sscanf(s, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
               &t.tm_sec, &used) != 6 ||
        !used)
        return false;
    if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 || t.tm_min > 59 ||
        t.tm_sec > 60)
        return false;
    s += used;
    if (*s == '.') {
        int scale = 100;
        for (s++; *s >= '0' && *s <= '9'; s++, scale /= 10)
            ms += (*s - '0') * scale;
    }
    int sign = *s == '-' ? -1 : 1;
    if (*s == '+' || *s == '-') {
        used = 0;
        if (sscanf(s + 1, "%2d:%2d%n", &off_h, &off_m, &used) != 2 || s[1 + used])
            return false;
    } else if ((*s != 'Z' && *s != 'z') || s[1]) {
        return false;
    }
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    *wall_ms = ((long long)timegm(&t) - sign * (off_h * 3600LL + off_m * 60LL)) * 1000 + ms;
    return true;
}

struct deadline deadline_in(long long ms)
{
    return (struct deadline){.at_ms = clock_ms() + ms};
}

struct deadline deadline_min(struct deadline a, struct deadline b)
{
    if (!a.at_ms || !b.at_ms)
        return a.at_ms ? a : b;
    return a.at_ms < b.at_ms ? a : b;
}

bool deadline_passed(struct deadline d)
{
    return d.at_ms && clock_ms() >= d.at_ms;
}

long long deadline_left(struct deadline d, long long cap)
{
    if (!d.at_ms)
        return cap;
    long long left = d.at_ms - clock_ms();
    return left < 0 ? 0 : left < cap ? left : cap;
}
