/* str.h - the string builder.
 *
 * Invariants: `s` is never NULL and always terminated; `len` does not count the terminator. A builder lives in an
 * arena and is never freed singly. Functions that only read take `const char *`, not a builder.
 */
#ifndef DBSTEP_STR_H
#define DBSTEP_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "dbstep/arena.h"

struct str {
    char *s;
    size_t len, cap;
    struct arena *arena;
};

struct str str_new(struct arena *a);
void str_clear(struct str *b); /* keeps the memory */
void str_add(struct str *b, const char *s);
void str_addn(struct str *b, const char *s, size_t n);
void str_addc(struct str *b, char c);
void str_addf(struct str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void str_truncate(struct str *b, size_t len); /* no-op when already shorter */

/* ---- plain text helpers; all of them accept any bytes ---- */

bool text_empty(const char *s); /* NULL or "" */
bool text_equal(const char *a, const char *b);
bool text_equal_nocase(const char *a, const char *b); /* ASCII only */
bool text_starts(const char *s, const char *prefix);
bool text_starts_nocase(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);
bool text_blank(char c);     /* what Java's \s matches in ASCII */
bool text_word_char(char c); /* … and \w */
const char *text_skip_blanks(const char *s);
/* Copy without leading and trailing bytes <= 0x20. */
char *text_trim(struct arena *a, const char *s);
char *text_lower(struct arena *a, const char *s); /* ASCII only */
char *text_upper(struct arena *a, const char *s);
char *text_replace(struct arena *a, const char *s, const char *from, const char *to);
/* Bytes of the well-formed UTF-8 sequence at s (terminated text); 0: overlong, a surrogate, cut short or no start of one. */
size_t text_utf8_sequence(const char *s);
/* Length <= max of the longest prefix that does not cut a UTF-8 sequence. */
size_t text_utf8_prefix(const char *s, size_t len, size_t max);
/* Levenshtein distance, for "did you mean"; inputs over 64 bytes count as far apart. */
unsigned text_distance(const char *a, const char *b);
/* The nearest of n names, when near enough to be meant; else NULL. */
const char *text_nearest(const char *name, const char *const *names, size_t n);
/* "1 row", "2 rows"; the plural is the word plus s. */
char *text_plural(struct arena *a, long long n, const char *word);
/* 1234567 -> "1,234,567": hosts mask long runs of digits as secrets. */
char *text_group_digits(struct arena *a, long long n);
/* 1536 -> "1.5 kB" (powers of 1024, as PostgreSQL's pg_size_pretty names them). */
char *text_size(struct arena *a, unsigned long long bytes);
/* 1500 -> "1.5 s", 90000 -> "1 min 30 s" */
char *text_duration(struct arena *a, long long ms);

#endif
