/* fields.c - reading the fields of a change from its node, whichever notation it was written in; see type.h. */
#include <string.h>

#include "type.h"

/* YAML may give an object as a list of its parts: constraints: [{nullable: false}, {unique: true}]. */
const char *field_text(const struct node *n, const char *name)
{
    const char *text = node_text(n, name);

    for (const struct node *part = n && n->list ? n->first : NULL; part && !text; part = part->next)
        text = node_text(part, name);
    return text;
}

const char *field(const struct node *n, const char *name)
{
    const char *text = field_text(n, name);

    return text_empty(text) ? NULL : text;
}

bool field_set(const struct node *n, const char *name)
{
    return field(n, name) != NULL;
}

bool field_bool(const struct node *n, const char *name, bool otherwise)
{
    const char *text = field(n, name);

    return text ? text_equal_nocase(text, "true") : otherwise;
}

const char *field_body(const struct node *n, const char *name)
{
    const char *inner = field_text(n, name);

    return inner ? inner : text_empty(n->text) ? NULL : n->text;
}

/* `- column: {…}` and `- {…}` both are an object. */
static const struct node *unwrapped(const struct node *entry, const char *item)
{
    const struct node *only = entry->first;

    return only && !only->next && text_equal(only->name, item) && !only->text ? only : entry;
}

static void add_items(struct arena *a, struct node_list *out, const struct node *parent, const char *item)
{
    for (const struct node *c = parent->first; c; c = c->next)
        if (text_equal(c->name, item) && !c->attribute && !c->list)
            *VEC_PUSH(a, out) = c;
        else if (text_equal(c->name, item) || text_equal(c->name, ""))
            *VEC_PUSH(a, out) = unwrapped(c, item);
}

static struct node_list list_of(struct arena *a, const struct node *n, const char *list, const char *item)
{
    struct node_list out = {0};

    for (const struct node *c = n->first; c; c = c->next)
        if (text_equal(c->name, list))
            add_items(a, &out, c, item);
    return out;
}

struct node_list columns_of(struct arena *a, const struct node *change)
{
    struct node_list out = list_of(a, change, "columns", "column");

    for (const struct node *c = change->first; c; c = c->next)
        if (text_equal(c->name, "column") && c->list)
            add_items(a, &out, c, "column");
        else if (text_equal(c->name, "column") && !c->attribute)
            *VEC_PUSH(a, &out) = c;
    return out;
}

struct node_list params_of(struct arena *a, const struct node *change)
{
    return list_of(a, change, "whereParams", "param");
}

const struct node *column_constraints(const struct node *column)
{
    return node_child(column, "constraints");
}

struct str_list name_list(struct arena *a, const char *list)
{
    struct str_list out = {0};

    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, ",");
        const char *name = text_trim(a, arena_strndup(a, p, n));
        if (*name)
            *VEC_PUSH(a, &out) = name;
        p += n + (p[n] == ',');
    }
    return out;
}
