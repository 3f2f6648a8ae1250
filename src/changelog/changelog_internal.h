/* changelog_internal.h - what the files of this folder share. */
#ifndef DBSTEP_CHANGELOG_INTERNAL_H
#define DBSTEP_CHANGELOG_INTERNAL_H

#include "dbstep/changelog.h"

/* ---- ${} ---- */

struct property {
    const char *name; /* lower case */
    const char *value;
};

struct properties {
    const struct changelog_source *source;
    VEC(struct property) list;
};

void properties_init(struct ctx *cx, struct properties *p, const struct changelog_source *source);
/* The first definition of a name stays. */
void properties_define(struct ctx *cx, struct properties *p, const char *name, const char *value);
/* Expands ${name}; the text itself when there is nothing to expand. With a map, it is kept in step. Values that refer to one
 * another in a circle, or grow beyond all measure, are an E_CHANGELOG failure. */
bool properties_expand(struct ctx *cx, const struct properties *p, const char *text, size_t len, struct source_map *map,
                       const char **out, size_t *out_len);

/* ---- parsers ---- */

bool formatted_sql_header(const char *line, size_t len);
bool formatted_sql_parse(struct ctx *cx, const struct changelog_source *source, struct properties *props, char *text,
                         size_t len, struct changelog *log);
void raw_sql_parse(struct ctx *cx, struct properties *props, char *text, size_t len, struct changelog *log);

/* ---- directives and attributes of formatted SQL ---- */

/* After "--" and blanks, the keyword, case ignored: the rest of the line; else NULL. */
const char *directive(const char *line, const char *keyword);
/* The last place where `name:` is followed by a value that `stops` ends; NULL when there is none. */
enum attr_kind { ATTR_WORD, ATTR_TOKEN, ATTR_QUOTED, ATTR_DBMS };
const char *attribute(struct arena *a, const char *line, const char *name, enum attr_kind kind, bool at_word_start);

#endif
