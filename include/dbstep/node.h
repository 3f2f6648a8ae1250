/* node.h - documents as trees, whichever notation they were written in: XML, YAML, JSON.
 *
 * An XML element is a node whose children are its attributes first, then its child elements, in order; `text` is its character data, all
 * of it joined, without blanks at both ends. Names have no namespace prefix; what belongs to XML itself (xmlns, xsi:…, xml:…) is no child.
 * A YAML or JSON mapping is a node with one child per key; a sequence (`list`) has one child per item, with the name "";
 * a scalar has `text`. Texts are UTF-8, terminated, and live in the context's arena.
 *
 * Both readers are bounded: documents are read once, nothing outside of them is ever fetched, and what would grow beyond the limits
 * is an E_CHANGELOG failure with file, line and column. XML: document types may be named, but no entity may be declared (the five of XML
 * and character references exist). YAML: anchors and aliases share nodes rather than copying them, and a document may not hold more than
 * NODE_ALIAS_FACTOR times its own nodes through them; "<<" merges; keys may not occur twice; only the plain tags are taken.
 */
#ifndef DBSTEP_NODE_H
#define DBSTEP_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/vec.h"

/* ---- where text came from ---- */

struct text_place {
    size_t offset;    /* byte in the text at which this stretch starts */
    int line, column; /* 1-based, in the file */
    bool fixed;       /* text that was put in for ${…}: all of it lies at this one place */
};

/* Stretches of a text in order; within one, bytes lie in the file as they lie in the text. */
struct source_map {
    VEC(struct text_place) places;
};

void source_locate(const struct source_map *map, const char *text, size_t offset, int *line, int *column);
/* Keeps the map in step when the text loses its first n bytes; `text` is what it was before. */
void source_map_cut(struct arena *a, struct source_map *map, const char *text, size_t n);

/* ---- trees ---- */

enum { NODE_DEPTH_MAX = 200, NODE_ALIAS_FACTOR = 20 };

/* What a YAML or JSON scalar is by its spelling (YAML 1.1); XML knows texts only. */
enum node_type { NODE_TEXT, NODE_INTEGER, NODE_FLOAT, NODE_BOOLEAN, NODE_NULL, NODE_DATE };

struct node {
    const char *name;             /* element, attribute or key, without a namespace's prefix; "" for an item */
    const char *text;             /* NULL: none. As written, so 1.50 stays 1.50 */
    enum node_type type;          /* of text */
    bool attribute, list;         /* an XML attribute; a sequence */
    bool quoted;                  /* a scalar that was quoted or a block: a text whatever it looks like */
    int line, column;             /* 1-based, of its start */
    int text_line, text_column;   /* of the first byte of text */
    const struct source_map *map; /* of text; NULL: it lies in one stretch from text_line:text_column */
    struct node *first, *next;
};

/* `file` is for messages. The text need not be terminated and is not changed. */
bool node_read_xml(struct ctx *cx, const char *file, const char *text, size_t len, struct node **out);
/* JSON too, which is a subset. A document of several, or of none, is a failure. */
bool node_read_yaml(struct ctx *cx, const char *file, const char *text, size_t len, struct node **out);

/* The first child of that name; NULL: none, also of NULL. */
const struct node *node_child(const struct node *n, const char *name);
/* Its text; NULL: no such child, no text, or null. */
const char *node_text(const struct node *n, const char *name);

/* The texts of plain YAML scalars as Java prints what they mean (0x10 is 16, 1.50 is 1.5, yes is true, 2020-01-02 is a point in time; null has
 * none): Liquibase's SQL and checksums are made of that. Of the node, its followers and all below; doing it again changes nothing. */
void node_canonicalise(struct arena *a, struct node *n);
/* The map of its text, as a copy. */
struct source_map node_map(struct arena *a, const struct node *n);

#endif
