/* node_yaml.c - YAML and JSON into trees, by libyaml's events; see node.h.
 *
 * Anchors are shared, not copied. What a document holds with every alias written out is counted while it is read, so that one that would
 * explode is refused where it starts to.
 */
#include <string.h>
#include <yaml.h>

#include "dbstep/node.h"
#include "dbstep/str.h"
#include "node_internal.h"

enum { ALIAS_FREE = 10000 /* nodes that any document may have through aliases */, BUCKETS = 4096 };

struct anchor {
    struct anchor *older; /* of the same bucket */
    const char *name;
    struct node *node;
    size_t nodes; /* in it, aliases written out */
    int height;   /* collections within one another in it, likewise */
    bool open;    /* not complete yet */
};

struct open_node {
    struct node *node, *last;
    const char *key; /* that waits for its value */
    int key_line, key_column;
    bool merging;              /* the key is "<<" */
    VEC(struct node *) merges; /* its values */
    struct anchor *anchor;     /* its own; NULL: none */
    size_t nodes_before;
    int height; /* of its highest child */
};

struct reader {
    struct ctx *cx;
    yaml_parser_t *parser;
    const char *file, *source;
    size_t len;
    struct str_list lines; /* starts of the source's lines, made when a block needs them */
    struct anchor *anchors[BUCKETS];
    size_t own, nodes; /* nodes written, and with the aliases written out */
    struct node *root;
    int depth;
    struct open_node open[NODE_DEPTH_MAX];
};

static bool bad(struct reader *r, yaml_mark_t at, const char *what, const char *hint)
{
    fail(r->cx, E_CHANGELOG, "%s", what);
    err_place(r->cx, r->file, (int)at.line + 1, (int)at.column + 1);
    if (hint)
        err_hint(r->cx, "%s", hint);
    return false;
}

/* ---- syntax errors ---- */

static bool fail_bytes(struct reader *r)
{
    size_t offset = r->parser->problem_offset;
    int line = 1, column = 1;
    for (size_t i = 0; i < offset && i < r->len; i++) {
        if (r->source[i] == '\n')
            line++, column = 1;
        else if (((unsigned char)r->source[i] & 0xC0) != 0x80)
            column++;
    }
    fail(r->cx, E_CHANGELOG, "malformed YAML: %s", r->parser->problem);
    err_place(r->cx, r->file, line, column);
    err_hint(r->cx, "the file must be valid UTF-8 without control characters");
    return false;
}

static bool fail_syntax(struct reader *r)
{
    const yaml_parser_t *p = r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return fail(r->cx, E_CAPACITY, "out of memory while reading '%s'", r->file);
    if (p->error == YAML_READER_ERROR)
        return fail_bytes(r);
    const char *why = p->problem ? p->problem : "syntax error";
    bad(r, p->problem_mark, arena_printf(r->cx->arena, "malformed YAML: %s", why),
        strstr(why, "cannot start any token")
            ? "indent with blanks, not with tabs, and put texts that start with @, ` or % in quotes"
            : NULL);
    if (p->context)
        err_detail(r->cx, "%s of line %d", p->context, (int)p->context_mark.line + 1);
    return false;
}

/* ---- places ---- */

static void find_lines(struct reader *r)
{
    const char *end = r->source + r->len;
    size_t n = 1;
    for (const char *p = r->source; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    r->lines.at = arena_array(r->cx->arena, n, sizeof *r->lines.at);
    for (const char *p = r->source, *newline; p; p = newline ? newline + 1 : NULL) {
        r->lines.at[r->lines.n++] = p;
        newline = memchr(p, '\n', (size_t)(end - p));
    }
}

static size_t blanks_at(const char *from, const char *end)
{
    size_t n = 0;
    while (from + n < end && from[n] == ' ')
        n++;
    return n;
}

/* Each line of a literal block lies in a line of the file, indented. */
static void map_block(struct reader *r, struct node *n)
{
    const char *first = n->text + strspn(n->text, "\n");
    size_t skipped = (size_t)(first - n->text);
    size_t line = (size_t)n->line + skipped; /* 0-based: the line after the one with the "|" */
    if (!r->lines.n)
        find_lines(r);
    n->text_line = n->line + 1;
    n->text_column = 1;
    if (!*first || line >= r->lines.n)
        return;
    size_t raw = blanks_at(r->lines.at[line], r->source + r->len), kept = strspn(first, " ");
    size_t indent = raw > kept ? raw - kept : 0;
    n->text_column = skipped ? 1 : (int)indent + 1;
    struct source_map *map = ARENA_NEW(r->cx->arena, struct source_map);
    int at = n->text_line;
    size_t places = 1;
    for (const char *p = n->text; (p = strchr(p, '\n')); p++)
        places++;
    map->places.at = arena_array(r->cx->arena, places, sizeof *map->places.at);
    map->places.cap = places;
    for (const char *p = n->text; *p; at++) {
        struct text_place place = {
            .offset = (size_t)(p - n->text), .line = at, .column = *p == '\n' ? 1 : (int)indent + 1};
        *VEC_PUSH(r->cx->arena, &map->places) = place;
        p += strcspn(p, "\n");
        p += *p == '\n';
    }
    n->map = map;
}

/* ---- building ---- */

static struct open_node *top(struct reader *r)
{
    return r->depth ? &r->open[r->depth - 1] : NULL;
}

static void append(struct open_node *parent, struct node *n)
{
    if (parent->last)
        parent->last->next = n;
    else
        parent->node->first = n;
    parent->last = n;
}

static void raise_height(struct open_node *parent, int height)
{
    if (parent && parent->height < height)
        parent->height = height;
}

/* The node at its place in the document; one that an alias stands for is put there under another name, beside another neighbour. */
static void attach(struct reader *r, struct node *n, bool shared)
{
    struct open_node *parent = top(r);
    if (shared) {
        struct node *copy = ARENA_NEW(r->cx->arena, struct node);
        *copy = *n;
        copy->next = NULL;
        n = copy;
    }
    n->name = "";
    if (!parent) {
        r->root = n;
        return;
    }
    if (!parent->node->list) {
        n->name = parent->key;
        n->line = parent->key_line;
        n->column = parent->key_column;
        parent->key = NULL;
        if (parent->merging) {
            parent->merging = false;
            *VEC_PUSH(r->cx->arena, &parent->merges) = n;
            return;
        }
    }
    append(parent, n);
}

/* ---- the end of a mapping: keys that occur twice, and "<<" ---- */

struct entry {
    struct node *node;
    size_t order;
    bool own, dropped;
};

struct entries {
    VEC(struct entry) list;
};

static void add_entry(struct reader *r, struct entries *all, struct node *n, bool own)
{
    *VEC_PUSH(r->cx->arena, &all->list) = (struct entry){.node = n, .order = all->list.n, .own = own};
}

/* `from` is a mapping, or once a list of them. */
static bool add_merged(struct reader *r, struct entries *all, const struct node *from, bool list_allowed)
{
    if (from->text || (from->list && !list_allowed)) {
        fail(r->cx, E_CHANGELOG, "'<<' merges a mapping, or a list of them, and nothing else");
        err_place(r->cx, r->file, from->line, from->column);
        return false;
    }
    for (const struct node *c = from->first; c; c = c->next) {
        if (from->list) {
            if (!add_merged(r, all, c, false))
                return false;
            continue;
        }
        struct node *copy = ARENA_NEW(r->cx->arena, struct node);
        *copy = *c;
        add_entry(r, all, copy, false);
    }
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->node->name, y->node->name);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static int by_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool fail_twice(struct reader *r, const struct node *first, const struct node *again)
{
    fail(r->cx, E_CHANGELOG, "the key '%.60s' occurs twice in one mapping, first in line %d", again->name, first->line);
    err_place(r->cx, r->file, again->line, again->column);
    err_hint(r->cx, "only one of them would count: remove the other, or make them items of a list (- %s: …)",
             again->name);
    return false;
}

static bool close_mapping(struct reader *r, const struct open_node *o)
{
    struct node *n = o->node;
    size_t count = 0;
    for (const struct node *c = n->first; c; c = c->next)
        count++;
    if (!o->merges.n && count <= 8) { /* nearly all of them */
        for (const struct node *c = n->first; c; c = c->next)
            for (const struct node *d = c->next; d; d = d->next)
                if (strcmp(c->name, d->name) == 0)
                    return fail_twice(r, c, d);
        return true;
    }
    struct entries all = {.list = {.n = 0}};
    for (struct node *c = n->first; c; c = c->next)
        add_entry(r, &all, c, true);
    for (size_t i = 0; i < o->merges.n; i++)
        if (!add_merged(r, &all, o->merges.at[i], true))
            return false;
    if (all.list.n)
        qsort(all.list.at, all.list.n, sizeof *all.list.at, by_name);
    for (size_t i = 1; i < all.list.n; i++) {
        struct entry *e = &all.list.at[i];
        if (strcmp(e->node->name, e[-1].node->name) != 0)
            continue;
        if (e->own)
            return fail_twice(r, e[-1].node, e->node);
        e->dropped = true; /* what the mapping has itself counts, then what was merged first */
    }
    if (all.list.n)
        qsort(all.list.at, all.list.n, sizeof *all.list.at, by_order);
    struct node **tail = &n->first;
    for (size_t i = 0; i < all.list.n; i++) {
        if (all.list.at[i].dropped)
            continue;
        *tail = all.list.at[i].node;
        tail = &(*tail)->next;
    }
    *tail = NULL;
    return true;
}

/* ---- events ---- */

static const char *plain_tag(const char *tag)
{
    static const char prefix[] = "tag:yaml.org,2002:";
    static const char *const known[] = {"str", "int", "float", "bool", "null", "map", "seq"};
    if (!tag || text_equal(tag, "!"))
        return "";
    if (text_starts(tag, prefix))
        for (size_t i = 0; i < COUNT(known); i++)
            if (text_equal(tag + strlen(prefix), known[i]))
                return known[i];
    return NULL;
}

static bool check_tag(struct reader *r, const char *tag, yaml_mark_t at)
{
    if (plain_tag(tag))
        return true;
    return bad(r, at, arena_printf(r->cx->arena, "the YAML tag '%.80s' is not taken", tag),
               "a changelog is plain data: remove the tag");
}

static struct anchor **bucket(struct reader *r, const char *name)
{
    unsigned h = 5381;
    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    return &r->anchors[h % BUCKETS];
}

static struct anchor *set_anchor(struct reader *r, const yaml_char_t *name, struct node *n)
{
    if (!name)
        return NULL;
    struct anchor *a = ARENA_NEW(r->cx->arena, struct anchor), **slot = bucket(r, (const char *)name);
    *a = (struct anchor){.older = *slot, .name = arena_strdup(r->cx->arena, (const char *)name), .node = n, .nodes = 1};
    *slot = a;
    return a;
}

static bool waits_for_key(struct reader *r)
{
    const struct open_node *parent = top(r);
    return parent && !parent->node->list && !parent->key;
}

static void set_key(struct reader *r, const char *text, yaml_mark_t at)
{
    struct open_node *parent = top(r);
    parent->key = text;
    parent->key_line = (int)at.line + 1;
    parent->key_column = (int)at.column + 1;
}

static bool fits(const struct node *n)
{
    enum node_type is = node_plain_type(n->text);
    return n->type == NODE_TEXT || is == n->type || (n->type == NODE_FLOAT && is == NODE_INTEGER);
}

static bool on_scalar(struct reader *r, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value, *tag = (const char *)e->data.scalar.tag;
    yaml_mark_t at = e->start_mark;
    yaml_scalar_style_t style = e->data.scalar.style;
    if (!check_tag(r, tag, at))
        return false;
    if (memchr(value, 0, e->data.scalar.length))
        return bad(r, at, "a NUL character in a text", "PostgreSQL takes none");
    struct node *n = ARENA_NEW(r->cx->arena, struct node);
    n->text = arena_strndup(r->cx->arena, value, e->data.scalar.length);
    if (waits_for_key(r)) {
        set_key(r, n->text, at);
        top(r)->merging = style == YAML_PLAIN_SCALAR_STYLE && text_equal(value, "<<");
        set_anchor(r, e->data.scalar.anchor, n);
        return true;
    }
    const char *kind = plain_tag(tag);
    n->quoted = style != YAML_PLAIN_SCALAR_STYLE || tag;
    n->type = text_equal(kind, "int")     ? NODE_INTEGER
              : text_equal(kind, "float") ? NODE_FLOAT
              : text_equal(kind, "bool")  ? NODE_BOOLEAN
              : text_equal(kind, "null")  ? NODE_NULL
              : n->quoted                 ? NODE_TEXT
                                          : node_plain_type(value);
    if (tag && !fits(n))
        return bad(r, at, arena_printf(r->cx->arena, "'%.60s' is no %s", value, kind), NULL);
    n->line = n->text_line = (int)at.line + 1;
    n->column = n->text_column = (int)at.column + 1;
    if (style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
        n->text_column++;
    else if (style == YAML_LITERAL_SCALAR_STYLE)
        map_block(r, n);
    else if (style == YAML_FOLDED_SCALAR_STYLE)
        n->text_line++, n->text_column = 1;
    r->own++;
    r->nodes++;
    set_anchor(r, e->data.scalar.anchor, n);
    attach(r, n, false);
    return true;
}

static bool too_deep(struct reader *r, yaml_mark_t at)
{
    return bad(r, at, arena_printf(r->cx->arena, "the YAML is nested more than %d deep", NODE_DEPTH_MAX), NULL);
}

static bool on_alias(struct reader *r, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    const struct anchor *found = *bucket(r, name);
    while (found && !text_equal(found->name, name))
        found = found->older;
    if (!found)
        return bad(r, e->start_mark, arena_printf(r->cx->arena, "the anchor '&%.60s' is not defined above", name),
                   NULL);
    if (found->open)
        return bad(r, e->start_mark,
                   arena_printf(r->cx->arena, "the alias '*%.60s' stands inside of its own anchor", name), NULL);
    if (waits_for_key(r)) {
        if (!found->node->text)
            return bad(r, e->start_mark, "a key of a YAML mapping must be a plain text", NULL);
        set_key(r, found->node->text, e->start_mark);
        return true;
    }
    if (r->depth + found->height > NODE_DEPTH_MAX)
        return too_deep(r, e->start_mark);
    r->nodes += found->nodes;
    raise_height(top(r), found->height);
    attach(r, found->node, true);
    return r->nodes <= ALIAS_FREE + NODE_ALIAS_FACTOR * r->own ||
           bad(r, e->start_mark, "the aliases of this YAML multiply beyond measure",
               "write out what they stand for, or share less");
}

static bool open_collection(struct reader *r, const yaml_event_t *e, bool list, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (!check_tag(r, (const char *)tag, e->start_mark))
        return false;
    if (waits_for_key(r))
        return bad(r, e->start_mark, "a key of a YAML mapping must be a plain text", NULL);
    if (r->depth == NODE_DEPTH_MAX)
        return too_deep(r, e->start_mark);
    struct node *n = ARENA_NEW(r->cx->arena, struct node);
    n->list = list;
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    attach(r, n, false);
    struct open_node *o = &r->open[r->depth++];
    *o = (struct open_node){.node = n, .anchor = set_anchor(r, anchor, n), .nodes_before = r->nodes};
    if (o->anchor)
        o->anchor->open = true;
    r->own++;
    r->nodes++;
    return true;
}

static bool close_collection(struct reader *r)
{
    struct open_node *o = &r->open[--r->depth];
    if (o->anchor) {
        o->anchor->open = false;
        o->anchor->nodes = r->nodes - o->nodes_before;
        o->anchor->height = o->height + 1;
    }
    raise_height(top(r), o->height + 1);
    return o->node->list || close_mapping(r, o);
}

static bool take_event(struct reader *r, const yaml_event_t *e, int *documents)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++*documents > 1)
            return bad(r, e->start_mark, "a second document in this YAML file",
                       "a changelog is one document: remove the line '---', or put the rest into a file of its own");
        return true;
    case YAML_SCALAR_EVENT: return on_scalar(r, e);
    case YAML_ALIAS_EVENT: return on_alias(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(r, e, true, e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_collection(r, e, false, e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return close_collection(r);
    default: return true;
    }
}

static void delete_event(yaml_event_t *e)
{
    yaml_event_delete(e);
}

/* Where libyaml's character of that index lies. */
static size_t byte_of(const struct reader *r, size_t index)
{
    size_t at = r->len >= 3 && memcmp(r->source, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (; at < r->len && index; index--)
        for (at++; at < r->len && ((unsigned char)r->source[at] & 0xC0) == 0x80;)
            at++;
    return at;
}

/* The byte at which the text starts of which libyaml did not take half a surrogate pair; len: the fault is another one. */
static size_t surrogate_fault(const struct reader *r)
{
    const yaml_parser_t *p = r->parser;
    if (p->error != YAML_SCANNER_ERROR || !p->problem || !strstr(p->problem, "invalid Unicode character escape") ||
        p->encoding != YAML_UTF8_ENCODING)
        return r->len;
    size_t digits = byte_of(r, p->problem_mark.index), start = byte_of(r, p->context_mark.index);
    bool surrogate =
        digits + 1 < r->len && (r->source[digits] | 0x20) == 'd' && strchr("89abcdefABCDEF", r->source[digits + 1]);
    return surrogate && start < digits && r->source[start] == '"' ? start + 1 : r->len;
}

static bool read_events(struct reader *r)
{
    int documents = 0;
    for (unsigned n = 0;; n++) {
        __attribute__((cleanup(delete_event))) yaml_event_t event = {.type = YAML_NO_EVENT};
        if (n % 1024 == 0 && !ctx_alive(r->cx, "reading the changelog"))
            return false;
        if (!yaml_parser_parse(r->parser, &event))
            return false;
        if (!take_event(r, &event, &documents))
            return false;
        if (event.type == YAML_STREAM_END_EVENT)
            return true;
    }
}

/* *from: where a text starts whose surrogates are to be joined before another try; len: none. */
static bool read_once(struct ctx *cx, const char *file, const char *text, size_t len, struct node **out, size_t *from)
{
    struct reader *r = ARENA_NEW(cx->arena, struct reader);
    __attribute__((cleanup(yaml_parser_delete))) yaml_parser_t parser;

    *from = len;
    if (!yaml_parser_initialize(&parser))
        return fail(cx, E_CAPACITY, "out of memory while reading '%s'", file);
    r->cx = cx;
    r->parser = &parser;
    r->file = file;
    r->source = text;
    r->len = len;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!read_events(r)) {
        *from = surrogate_fault(r);
        return cx->err.code == E_OK && *from == len ? fail_syntax(r) : false;
    }
    if (!r->root) {
        fail(cx, E_CHANGELOG, "the file '%s' is empty", file);
        err_place(cx, file, 1, 1);
        return false;
    }
    *out = r->root;
    return true;
}

/* A text that was joined, and the one that it is made from; the tree keeps nothing of them. */
struct joined_texts {
    struct arena arena[2];
};

static void free_joined(struct joined_texts *t)
{
    arena_free(&t->arena[0]);
    arena_free(&t->arena[1]);
}

static bool is_json(const char *text, size_t len)
{
    size_t at = len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    while (at < len && text[at] && strchr(" \t\r\n", text[at]))
        at++;
    return at < len && text[at] == '{';
}

bool node_read_yaml(struct ctx *cx, const char *file, const char *text, size_t len, struct node **out)
{
    enum { TRIES = 200 };
    __attribute__((cleanup(free_joined))) struct joined_texts joined = {0};
    bool json = is_json(text, len);
    size_t from;

    *out = NULL;
    for (int i = 0; i < TRIES; i++) {
        struct arena_mark mark = arena_mark(cx->arena);
        struct arena *next = &joined.arena[i % 2];
        if (read_once(cx, file, text, len, out, &from))
            return true;
        if (cx->err.code != E_OK)
            return false;
        arena_reset(cx->arena, mark);
        arena_free(next);
        text = node_join_surrogates(next, text, len, from, json, &len);
    }
    fail(cx, E_CHANGELOG, "more than %d texts of '%s' have characters beyond U+FFFF as two escapes each", TRIES, file);
    err_place(cx, file, 1, 1);
    err_hint(cx, "write the characters themselves, or as one escape: \\U0001F642");
    return false;
}
