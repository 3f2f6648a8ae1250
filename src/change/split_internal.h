/* split_internal.h - what the two ways of splitting share; see split.h. */
#ifndef DBSTEP_SPLIT_INTERNAL_H
#define DBSTEP_SPLIT_INTERNAL_H

#include <regex.h>

#include "dbstep/split.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

struct split_piece {
    size_t out, in; /* from byte `out` of the statement on, bytes come from `in` of the text */
};

struct splitter {
    struct arena *arena;
    enum split_mode mode;
    const char *sql; /* without carriage returns */
    size_t len, pos;
    bool split, strip;
    const char *delimiter; /* NULL: the default ones */
    bool fault;
    size_t fault_at;

    char *out;
    size_t n;
    VEC(struct split_piece) pieces;
    VEC(size_t) returns; /* where carriage returns were taken out: offsets in `sql` */

    /* SPLIT_POSTGRES: the delimiter without its decoration */
    const char *word;
    size_t word_len;
    bool word_at_line_start;
    bool flat_comments; /* block comments end at the first end, whatever is in them */

    /* SPLIT_LIQUIBASE */
    regex_t regex;
    bool has_regex;
    bool no_single, no_double, no_comment_end; /* no closing one from here to the end */
    size_t no_merge_before;                    /* tokens up to here do not start a delimiter of several tokens */
    size_t bracket_from, bracket_to;           /* in this stretch there is no ']' on the line */
};

/* Append bytes of the text to the statement; blanks at its start are dropped. */
void split_put(struct splitter *s, size_t from, size_t n);

void split_postgres_start(struct splitter *s);
void split_postgres_next(struct splitter *s);
void split_liquibase_start(struct splitter *s);
void split_liquibase_next(struct splitter *s);

#endif
