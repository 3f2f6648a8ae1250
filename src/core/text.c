/* text.c - plain text helpers; see str.h. ASCII rules on purpose: results must not depend on a locale. */
#include <stdio.h>
#include <string.h>

#include "dbstep/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool text_empty(const char *s)
{
    return !s || !*s;
}

bool text_equal(const char *a, const char *b)
{
    return *a == *b && strcmp(a, b) == 0; /* names mostly differ in their first letter */
}

bool text_equal_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

bool text_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_starts_nocase(const char *s, const char *prefix)
{
    while (*prefix && lower(*s) == lower(*prefix))
        s++, prefix++;
    return !*prefix;
}

bool text_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool text_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool text_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

const char *text_skip_blanks(const char *s)
{
    while (text_blank(*s))
        s++;
    return s;
}

char *text_trim(struct arena *a, const char *s)
{
    while (*s && (unsigned char)*s <= 0x20)
        s++;
    size_t n = strlen(s);
    while (n && (unsigned char)s[n - 1] <= 0x20)
        n--;
    return arena_strndup(a, s, n);
}

char *text_lower(struct arena *a, const char *s)
{
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++)
        *p = lower(*p);
    return copy;
}

char *text_upper(struct arena *a, const char *s)
{
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++)
        *p = upper(*p);
    return copy;
}

char *text_replace(struct arena *a, const char *s, const char *from, const char *to)
{
    struct str out = str_new(a);
    size_t n = strlen(from);
    for (const char *hit; n && (hit = strstr(s, from)); s = hit + n) {
        str_addn(&out, s, (size_t)(hit - s));
        str_add(&out, to);
    }
    str_add(&out, s);
    return out.s;
}

size_t text_utf8_sequence(const char *s)
{
    const unsigned char *b = (const unsigned char *)s;
    size_t n = b[0] < 0x80                   ? 1
               : b[0] >= 0xC2 && b[0] < 0xE0 ? 2
               : (b[0] & 0xF0) == 0xE0       ? 3
               : b[0] >= 0xF0 && b[0] < 0xF5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    if ((b[0] == 0xE0 && b[1] < 0xA0) || (b[0] == 0xED && b[1] > 0x9F) || (b[0] == 0xF0 && b[1] < 0x90) ||
        (b[0] == 0xF4 && b[1] > 0x8F))
        return 0;
    return n;
}

size_t text_utf8_prefix(const char *s, size_t len, size_t max)
{
    if (len <= max)
        return len;
    /* Bytes 10xxxxxx continue a sequence: step back to where one starts. */
    while (max && ((unsigned char)s[max] & 0xC0) == 0x80)
        max--;
    return max;
}

unsigned text_distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t n = strlen(a), m = strlen(b);
    unsigned row[MOST + 1];

    if (n > MOST || m > MOST)
        return MOST;
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *text_nearest(const char *name, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned least = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned d = text_distance(name, names[i]);
        if (!best || d < least) {
            best = names[i];
            least = d;
        }
    }
    /* A third of the letters wrong is no longer a slip. */
    return best && least <= 1 + strlen(name) / 4 && least < strlen(best) ? best : NULL;
}

char *text_plural(struct arena *a, long long n, const char *word)
{
    return arena_printf(a, "%s %s%s", text_group_digits(a, n), word, n == 1 ? "" : "s");
}

char *text_group_digits(struct arena *a, long long n)
{
    char digits[32], grouped[48];
    int len = snprintf(digits, sizeof digits, "%lld", n), out = 0;
    int first = digits[0] == '-';

    for (int i = 0; i < len; i++) {
        if (i > first && (len - i) % 3 == 0)
            grouped[out++] = ',';
        grouped[out++] = digits[i];
    }
    return arena_strndup(a, grouped, (size_t)out);
}

char *text_size(struct arena *a, unsigned long long bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    double n = (double)bytes;
    size_t unit = 0;

    while (n >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        n /= 1024;
        unit++;
    }
    return arena_printf(a, unit && n < 100 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

char *text_duration(struct arena *a, long long ms)
{
    if (ms < 1000)
        return arena_printf(a, "%lld ms", ms);
    if (ms < 60000)
        return arena_printf(a, "%.1f s", (double)ms / 1000);
    long long s = ms / 1000;
    if (s < 3600)
        return arena_printf(a, "%lld min %lld s", s / 60, s % 60);
    return arena_printf(a, "%lld h %lld min", s / 3600, s / 60 % 60);
}
