/* split.h - SQL text into statements.
 *
 * SPLIT_POSTGRES knows PostgreSQL's lexical rules (dollar quotes, nested comments, BEGIN ATOMIC, E'' strings, parentheses of
 * rules) beside Liquibase's delimiters. SPLIT_LIQUIBASE is Liquibase's own tokenizer, byte for byte, with its limits: it
 * cuts at a semicolon inside $$ … $$, does not split between BEGIN and END, and refuses form feeds.
 * Both work in time linear in the text; memory is the text's length once.
 */
#ifndef DBSTEP_SPLIT_H
#define DBSTEP_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"

enum split_mode { SPLIT_POSTGRES, SPLIT_LIQUIBASE };

struct statement {
    const char *text; /* terminated; valid until the next call */
    size_t len;
};

struct splitter;

/* The text must outlive the splitter. */
struct splitter *split_start(struct ctx *cx, enum split_mode mode, const char *sql, size_t len, bool split,
                             bool strip_comments, const char *end_delimiter);
/* *more is false at the end. Fails only in SPLIT_LIQUIBASE, on a character that its tokenizer refuses; split_fault_offset
 * then says where. */
bool split_next(struct ctx *cx, struct splitter *s, struct statement *out, bool *more);
/* The byte in the SQL that byte `offset` of the current statement came from. */
size_t split_source_offset(const struct splitter *s, size_t offset);
size_t split_fault_offset(const struct splitter *s);
void split_end(struct splitter *s); /* NULL is allowed */
static inline void split_end_ptr(struct splitter **s)
{
    split_end(*s);
}
#define SPLIT_AUTO __attribute__((cleanup(split_end_ptr))) struct splitter *

#endif
