/* regexp.h - Java's regular expressions, as far as modifySql's regExpReplace is likely to use them.
 *
 * Matching is Java's (leftmost, first alternative that leads on, greedy, lazy and possessive quantifiers), with groups, named groups,
 * back references, look-ahead, atomic groups, the flags i, m and s, \Q…\E and the classes of ASCII. Refused by name: look-behind, classes
 * within classes and their intersection, \p{…} beyond ASCII, the flags d, u, x and U, \G. Case is folded for ASCII only, as in Java
 * without the flag u. For \b every character above ASCII counts as a letter but for those of
 * the blocks of punctuation and symbols.
 * Matching goes back and forth, so its steps are counted; a pattern that takes too many for the text's length is a fault, not a hang.
 */
#ifndef DBSTEP_CHANGE_REGEXP_H
#define DBSTEP_CHANGE_REGEXP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbstep/arena.h"

struct regexp;

/* NULL and *fault when the pattern is malformed or has what is refused. */
const struct regexp *regexp_compile(struct arena *a, const char *pattern, const char **fault);
/* Java's replaceAll: $1, ${name} and \ in `with`. False and *fault when `with` is malformed or matching takes too long. */
bool regexp_replace_all(struct arena *a, const struct regexp *re, const char *text, const char *with, const char **out,
                        const char **fault);

/* ---- between regexp_compile.c and regexp.c ---- */

enum { REGEXP_GROUPS_MAX = 100, REGEXP_ENDLESS = -1 };

enum regexp_op {
    RX_SET,      /* one character of a set */
    RX_RUN,      /* as many characters of a set as min and max say */
    RX_SPLIT,    /* go on at x; when that fails at y */
    RX_JUMP,     /* to x */
    RX_SAVE,     /* the position into slot x */
    RX_CLOSE,    /* group x lies between what slot y holds and here */
    RX_PROGRESS, /* to x, unless nothing was read since slot y was written */
    RX_ASSERT,
    RX_AGAIN, /* what group x holds */
    RX_LOOK,  /* the program up to its RX_DONE matches here; then at x. min: 0 when it must not match */
    RX_ATOMIC,
    RX_DONE,
};

enum regexp_assert {
    RX_START,
    RX_END,
    RX_END_BEFORE_BREAK,
    RX_LINE_START,
    RX_LINE_END,
    RX_WORD,
    RX_NOT_WORD,
};

enum regexp_greed { RX_GREEDY, RX_LAZY, RX_POSSESSIVE };

struct regexp_set {
    uint64_t ascii[2];
    struct regexp_range {
        uint32_t from, to;
    } * at; /* above ASCII */
    size_t n, cap;
    bool others; /* above ASCII it holds what is not in the ranges */
};

struct regexp_step {
    enum regexp_op op;
    size_t x, y;
    int min, max;
    enum regexp_greed greed;
    bool fold; /* RX_AGAIN: without regard to case */
    const struct regexp_set *set;
};

struct regexp {
    struct regexp_step *steps;
    size_t n_steps, n_slots;
    int n_groups;                             /* without the whole match */
    const char *names[REGEXP_GROUPS_MAX + 1]; /* by group; NULL: without a name */
};

/* The code point at s, and its length; bytes that are not UTF-8 are characters of their own. */
size_t regexp_character(const char *s, const char *end, uint32_t *c);

#endif
