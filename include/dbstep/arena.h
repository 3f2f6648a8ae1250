/* arena.h - memory by scope.
 *
 * A run owns one arena; whatever is allocated in it lives until the arena is freed or reset to a mark that was
 * taken before. Nothing is freed singly. Allocation never fails to its caller: when the system has no memory left,
 * the process ends with a message and status 15 (E_CAPACITY's).
 *
 * Under AddressSanitizer every allocation is a malloc of its own, so that overruns and use after reset are seen.
 */
#ifndef DBSTEP_ARENA_H
#define DBSTEP_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *last; /* newest block; older ones are chained behind it */
    size_t used;              /* bytes handed out since the arena was made, for accounting */
};

/* A point to go back to. Marks nest: reset to an inner one first, or to an outer one at once. */
struct arena_mark {
    struct arena_block *block;
    size_t fill, used;
};

void arena_free(struct arena *a);

/* Zeroed memory, aligned for any type. Size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
/* count * size, checked for overflow. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* Grow an allocation: the old bytes are copied, the old place is left to the arena. */
void *arena_grow(struct arena *a, const void *old, size_t old_size, size_t new_size);

char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct arena_mark arena_mark(struct arena *a);
/* Frees everything allocated since the mark. */
void arena_reset(struct arena *a, struct arena_mark m);

#define ARENA_NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))

#endif
