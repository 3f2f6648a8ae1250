/* node.c - looking into a tree; see node.h. */
#include "dbstep/node.h"

#include "dbstep/str.h"

const struct node *node_child(const struct node *n, const char *name)
{
    for (const struct node *c = n ? n->first : NULL; c; c = c->next)
        if (*c->name == *name && text_equal(c->name, name))
            return c;
    return NULL;
}

const char *node_text(const struct node *n, const char *name)
{
    const struct node *c = node_child(n, name);

    return c && c->type != NODE_NULL ? c->text : NULL;
}
