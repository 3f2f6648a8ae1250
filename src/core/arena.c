/* arena.c - memory by scope; see arena.h. */
#include "dbstep/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_EACH 1
#endif
#endif
#ifndef ONE_BLOCK_EACH
#define ONE_BLOCK_EACH 0
#endif

enum { BLOCK_BYTES = 64 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *older;
    size_t fill, size;
    _Alignas(ALIGN) unsigned char data[];
};

/* There is no sane way on without memory, and no caller that could act: say it and end with E_CAPACITY's status. */
static void __attribute__((noreturn)) exhausted(void)
{
    static const char text[] = "dbstep: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    _Exit(15);
}

static size_t round_up(size_t n)
{
    if (n > SIZE_MAX - sizeof(struct arena_block) - ALIGN)
        exhausted();
    return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = round_up(size ? size : 1);
    struct arena_block *b = a->last;

    if (!b || ONE_BLOCK_EACH || b->size - b->fill < need) {
        size_t room = ONE_BLOCK_EACH || need > BLOCK_BYTES ? need : BLOCK_BYTES;
        b = malloc(sizeof *b + room);
        if (!b)
            exhausted();
        b->older = a->last;
        b->fill = 0;
        b->size = room;
        a->last = b;
    }
    void *p = b->data + b->fill;
    b->fill += need;
    a->used += need;
    memset(p, 0, need);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        exhausted();
    return arena_alloc(a, total);
}

void *arena_grow(struct arena *a, const void *old, size_t old_size, size_t new_size)
{
    struct arena_block *b = a->last;

    /* The newest allocation of a block grows in place: string builders and vectors mostly are it. */
    if (!ONE_BLOCK_EACH && b && old && new_size > old_size) {
        size_t have = round_up(old_size ? old_size : 1), want = round_up(new_size);
        if ((const unsigned char *)old + have == b->data + b->fill && b->size - b->fill >= want - have) {
            memset(b->data + b->fill, 0, want - have);
            b->fill += want - have;
            a->used += want - have;
            return (void *)(b->data + b->fill - want);
        }
    }
    void *p = arena_alloc(a, new_size);
    if (old && old_size)
        memcpy(p, old, old_size < new_size ? old_size : new_size);
    return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
    if (n > 0)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}

struct arena_mark arena_mark(struct arena *a)
{
    return (struct arena_mark){.block = a->last, .fill = a->last ? a->last->fill : 0, .used = a->used};
}

void arena_reset(struct arena *a, struct arena_mark m)
{
    while (a->last != m.block) {
        struct arena_block *b = a->last;
        a->last = b->older;
        free(b);
    }
    if (a->last)
        a->last->fill = m.fill;
    a->used = m.used;
}

void arena_free(struct arena *a)
{
    arena_reset(a, (struct arena_mark){0});
}
