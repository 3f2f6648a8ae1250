/* sketch.h - an invertible sketch of a table: what a certificate holds so that rows which are gone can still be named.
 *
 * Every row is an item of three words: its seed (what stands for its key), the hash of its values, and a check, which is a hash of both. It
 * lies in one cell of each of three sub-tables; the check says in which. A cell holds how many rows lie in it and the XOR of each of the three
 * words. Rows that stayed as they were cancel when the sketch of another moment is taken away; what is left in a cell is the XOR of the items that
 * came or went. Where that is one item, its check is right, it is known, and taking it out of its other cells lets the next one stand alone.
 *
 * What comes out is never guessed: a mixture of items passes for one with probability 2^-64. Up to about 80 items for 100 cells come out almost
 * surely, all of them; beyond that few or none do. A changed row is two items. */
#ifndef DBSTEP_INTEGRITY_SKETCH_H
#define DBSTEP_INTEGRITY_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbstep/ctx.h"

enum { IT_SUBTABLES = 3, IT_SKETCH_WORDS = 4, IT_CELL_BITS = 21 };
/* Cells of one sub-table. A cell takes 32 bytes, in a certificate 43. */
enum { IT_LEAST_CELLS = 16, IT_MOST_CELLS = 1 << 18 };

struct it_cell {
    uint64_t rows, seed, hash, check;
};
struct it_sketch {
    size_t cells;       /* of each sub-table; 0: there is no sketch */
    struct it_cell *at; /* IT_SUBTABLES * cells */
};

struct it_item {
    uint64_t seed, hash, check;
    int sign; /* +1: it came, -1: it left */
};
struct it_items {
    struct it_item *at;
    size_t n, cap;
};

/* Computes the checks of n items; only the server (or a test) knows how. */
typedef bool (*it_check_fn)(struct ctx *cx, void *user, const struct it_item *items, size_t n, uint64_t *checks);

void it_sketch_init(struct it_sketch *s, struct arena *a, size_t cells);
/* The cell of an item in a sub-table, as an index of `at`. */
size_t it_sketch_cell(const struct it_sketch *s, int subtable, uint64_t check);
void it_sketch_toggle(struct it_sketch *s, const struct it_item *item, int sign);
/* Right less left, into `out`. Both have the same number of cells. */
void it_sketch_difference(struct it_sketch *out, struct arena *a, const struct it_sketch *left,
                          const struct it_sketch *right);
/* Takes items out of a difference until none stands alone. *complete: nothing was left, so these are all. */
bool it_sketch_peel(struct ctx *cx, struct it_sketch *difference, it_check_fn check, void *user, struct it_items *out,
                    bool *complete);

#endif
