/* guards.h - what the two halves of comparing guards share: guards.c (what has a definition), guards_numbers.c (what has a number). */
#ifndef DBSTEP_INTEGRITY_GUARDS_H
#define DBSTEP_INTEGRITY_GUARDS_H

#include "compare.h"

/* Objects by kind, name and table: there may be tens of thousands. */
struct it_guard_index {
    const struct it_object **at;
    size_t n;
};

struct it_guards {
    struct it_diff *d;
    struct it_guard_index left, right;
    const struct it_pair **by_left, **by_right;
    size_t n_pairs;
    bool one_version; /* two versions of the server may write one definition differently */
    bool unlike;      /* some did */
};

/* NULL: there is none. */
const struct it_object *it_guard_find(const struct it_guard_index *x, const char *kind, const char *table,
                                      const char *name);
/* Sequences are told by their name alone: whose column they are may change. */
const struct it_object *it_guard_find_sequence(const struct it_guard_index *x, const char *name);
/* The pair whose left, or right, table has that name; NULL: it is not compared. */
const struct it_pair *it_guard_pair(const struct it_guards *g, const char *object, bool left);

void it_guard_sequences(struct it_guards *g);
void it_guard_counts(struct it_guards *g);
void it_guard_views(struct it_guards *g);

#endif
