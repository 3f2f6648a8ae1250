/* change_file.h - what a change takes from a file that it names, or from its own text. */
#ifndef DBSTEP_CHANGE_FILE_H
#define DBSTEP_CHANGE_FILE_H

#include "type.h"

struct change_file {
    const char *bytes; /* as they lie on disk */
    size_t len;
    const char *text; /* decoded */
    size_t text_len;
    const char *shown; /* the path on disk, for messages */
};

/* The file that the field `name` names, with the fields relativeToChangelogFile and encoding. */
bool change_file_read(struct ctx *cx, const struct change_files *files, const struct change *c, const char *name,
                      struct change_file *out);

/* For createView and createProcedure: c->data is the file that `path` names, with ${} expanded, else `inline_text`; `what` it is when
 * there is neither. The sums cover it, blanks not counted, beside the fields. */
bool body_load(struct ctx *cx, const struct change_files *files, struct change *c, const char *inline_text,
               const char *what);

/* Where a word stands outside of comments and quotes; NULL: nowhere. */
const char *sql_find_word(const char *sql, const char *word);

/* The SQL literal of a file named by data (valueClobFile, a CSV field): its text, or its bytes. The path is relative to the
 * changelog. `at` is for messages. */
bool large_value(struct ctx *cx, const struct change *c, const struct node *at, const char *path, const char *encoding,
                 bool binary, const char **literal);

#endif
