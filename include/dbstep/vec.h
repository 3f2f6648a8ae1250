/* vec.h - growing arrays in an arena.
 *
 *     struct str_list names = {0};
 *     *VEC_PUSH(arena, &names) = "x";
 *     for (size_t i = 0; i < names.n; i++) use(names.at[i]);
 */
#ifndef DBSTEP_VEC_H
#define DBSTEP_VEC_H

#include "dbstep/arena.h"

#define VEC(T)         \
    struct {           \
        T *at;         \
        size_t n, cap; \
    }

/* Pointer to a new zeroed element at the end. It is valid until the next push. */
#define VEC_PUSH(a, v)                                                                                   \
    (((v)->n == (v)->cap ? (void)((v)->at = arena_grow((a), (v)->at, (v)->cap * sizeof *(v)->at,         \
                                                       ((v)->cap ? (v)->cap * 2 : 8) * sizeof *(v)->at), \
                                  (v)->cap = (v)->cap ? (v)->cap * 2 : 8)                                \
                         : (void)0),                                                                     \
     &(v)->at[(v)->n++])

/* A list of texts: the commonest vector, so it has a name. */
struct str_list {
    const char **at;
    size_t n, cap;
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
