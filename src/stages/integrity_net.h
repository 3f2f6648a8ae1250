/* integrity_net.h - what a row of statements comes to in the end: a column that is added, renamed and dropped again is nothing. */
#ifndef DBSTEP_STAGES_INTEGRITY_NET_H
#define DBSTEP_STAGES_INTEGRITY_NET_H

#include "dbstep/deploy.h"
#include "dbstep/sqlparse.h"

/* An addition. `verb` and `what` are those of the grammar of declared changes: "add", "column". */
struct net_item {
    const char *what;
    const char *schema, *table, *part; /* schema "": any; part "": the relation itself */
    const char *changeset;
    bool gone;   /* taken back by a later statement */
    bool hidden; /* temporary: for keeping account only */
};

/* What is not declared by itself. */
struct net_note {
    const char *changeset, *file, *message, *object;
    const char *declaration; /* what to write when it is meant; NULL: there is no such item */
    int line;                /* of its statement; the caller sets it */
};

struct net_name {
    const char *schema, *from, *to;
};

struct net {
    struct ctx *cx;
    struct deploy *d; /* for the schemas of names without one */
    VEC(struct net_item) items;
    VEC(struct net_note) notes;
    /* private */
    VEC(struct net_name) renamed, dropped, found;
    const char *path; /* first schema of a SET search_path of this changeset; NULL: none */
    const char *changeset, *file;
};

void net_changeset(struct net *n, const char *name, const char *file);
/* The facts of one statement; nothing of them is kept. */
bool net_statement(struct net *n, const struct sqlparse_statement *s);

/* "add column public.warehouses.city"; with `bare` without the schema. */
char *net_declaration(struct arena *a, const struct net_item *item, bool bare);

#endif
