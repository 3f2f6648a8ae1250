/* chunks.c - the digests of a table, by chunk; see model.h. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

void it_chunks_init(struct it_chunks *c, struct arena *a, size_t columns, size_t expected)
{
    *c = (struct it_chunks){.arena = a, .columns = columns, .cap = expected ? expected : 1};
    c->n_slots = 16;
    while (c->n_slots < c->cap * 2)
        c->n_slots *= 2;
    c->at = arena_array(a, c->cap, sizeof *c->at);
    c->digest = arena_array(a, c->cap * columns, sizeof *c->digest);
    c->absent = arena_array(a, c->cap * columns, 1);
    c->slots = arena_array(a, c->n_slots, sizeof *c->slots);
}

static size_t slot_of(const struct it_chunks *c, int64_t id)
{
    uint64_t h = (uint64_t)id * 0x9E3779B97F4A7C15u;
    size_t i = (size_t)(h >> 20) & (c->n_slots - 1);

    while (c->slots[i] && c->at[c->slots[i] - 1].id != id)
        i = (i + 1) & (c->n_slots - 1);
    return i;
}

static void reindex(struct it_chunks *c, size_t n_slots)
{
    c->n_slots = n_slots;
    c->slots = arena_array(c->arena, n_slots, sizeof *c->slots);
    for (size_t i = 0; i < c->n; i++)
        c->slots[slot_of(c, c->at[i].id)] = (uint32_t)i + 1;
}

const struct it_chunk *it_chunks_find(const struct it_chunks *c, int64_t id)
{
    uint32_t at = c->n_slots ? c->slots[slot_of(c, id)] : 0;
    return at ? &c->at[at - 1] : NULL;
}

struct it_chunk *it_chunks_get(struct it_chunks *c, int64_t id)
{
    size_t slot = slot_of(c, id);
    if (c->slots[slot])
        return &c->at[c->slots[slot] - 1];
    if (c->n == c->cap) {
        size_t cap = c->cap * 2;
        c->at = arena_grow(c->arena, c->at, c->cap * sizeof *c->at, cap * sizeof *c->at);
        c->digest = arena_grow(c->arena, c->digest, c->cap * c->columns * sizeof *c->digest,
                               cap * c->columns * sizeof *c->digest);
        c->absent = arena_grow(c->arena, c->absent, c->cap * c->columns, cap * c->columns);
        c->cap = cap;
    }
    size_t i = c->n++;
    c->at[i] = (struct it_chunk){.id = id};
    memset(c->absent + i * c->columns, 1, c->columns);
    memset(c->digest + i * c->columns, 0, c->columns * sizeof *c->digest);
    if (c->n * 2 > c->n_slots)
        reindex(c, c->n_slots * 2);
    else
        c->slots[slot] = (uint32_t)i + 1;
    return &c->at[i];
}

void it_chunks_add(struct it_chunks *c, bool sums, int64_t id, uint64_t rows, uint64_t keys, uint64_t touched,
                   const uint64_t *digest, const uint8_t *absent)
{
    struct it_chunk *k = it_chunks_get(c, id);
    size_t base = (size_t)(k - c->at) * c->columns;

    k->rows += rows;
    k->keys = sums ? k->keys + keys : k->keys ^ keys;
    k->touched += touched;
    for (size_t i = 0; i < c->columns; i++)
        if (!absent[i]) {
            c->absent[base + i] = 0;
            c->digest[base + i] = sums ? c->digest[base + i] + digest[i] : c->digest[base + i] ^ digest[i];
        }
}

struct place {
    int64_t id;
    size_t from;
};

static int by_id(const void *a, const void *b)
{
    int64_t x = ((const struct place *)a)->id, y = ((const struct place *)b)->id;
    return x < y ? -1 : x > y;
}

static void move_chunk(struct it_chunks *c, size_t to, size_t from)
{
    c->at[to] = c->at[from];
    memcpy(c->digest + to * c->columns, c->digest + from * c->columns, c->columns * sizeof *c->digest);
    memcpy(c->absent + to * c->columns, c->absent + from * c->columns, c->columns);
}

/* In place, cycle by cycle: a second copy of the digests would be the largest thing in memory. */
void it_chunks_sort(struct it_chunks *c)
{
    struct arena scratch = {0};
    struct place *order = arena_array(&scratch, c->n + 1, sizeof *order);
    uint64_t *digest = arena_array(&scratch, c->columns + 1, sizeof *digest);
    uint8_t *absent = arena_array(&scratch, c->columns + 1, 1);

    for (size_t i = 0; i < c->n; i++)
        order[i] = (struct place){.id = c->at[i].id, .from = i};
    qsort(order, c->n, sizeof *order, by_id);
    for (size_t i = 0; i < c->n; i++) {
        if (order[i].from == i)
            continue;
        struct it_chunk first = c->at[i];
        memcpy(digest, c->digest + i * c->columns, c->columns * sizeof *digest);
        memcpy(absent, c->absent + i * c->columns, c->columns);
        size_t to = i;
        for (size_t from; (from = order[to].from) != i; to = from) {
            move_chunk(c, to, from);
            order[to].from = to;
        }
        c->at[to] = first;
        memcpy(c->digest + to * c->columns, digest, c->columns * sizeof *digest);
        memcpy(c->absent + to * c->columns, absent, c->columns);
        order[to].from = to;
    }
    arena_free(&scratch);
    memset(c->slots, 0, c->n_slots * sizeof *c->slots);
    for (size_t i = 0; i < c->n; i++)
        c->slots[slot_of(c, c->at[i].id)] = (uint32_t)i + 1;
}

uint64_t it_chunks_rows(const struct it_chunks *c)
{
    uint64_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->at[i].rows;
    return n;
}

uint64_t it_number_mod64(const char *s)
{
    bool negative = *s == '-';
    uint64_t v = 0;

    for (s += negative; *s >= '0' && *s <= '9'; s++)
        v = v * 10 + (uint64_t)(*s - '0');
    return negative ? 0 - v : v;
}
