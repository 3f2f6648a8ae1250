/* template.h - what the two files of provider `template` share. */
#ifndef DBSTEP_CLONE_TEMPLATE_H
#define DBSTEP_CLONE_TEMPLATE_H

#include "dbstep/clone.h"
#include "dbstep/pg.h"

/* The database's row, as sql/source.sql gives it. */
struct database {
    bool exists;
    const char *name, *owner, *comment, *prepared, *tablespace;
    bool has_comment, allows_connections, is_template, has_acl;
    int connection_limit;
    long long size; /* -1: may not be asked */
};

bool database_look(struct ctx *cx, struct pg *pg, const char *name, struct database *out);

/* "4711 app (bbq-web, 10.0.0.7, since …)" of each session on the database; "" when there is none. *n counts them. */
bool sessions_list(struct ctx *cx, struct pg *pg, const char *database, const char **text, int *n);
bool sessions_refuse(struct ctx *cx, struct pg *pg, const char *database);
/* Until there is none; E_LOCKED after that time. */
bool sessions_wait(struct ctx *cx, struct pg *pg, const char *database, long long at_most_ms);

/* Before anything is ended: E_PERMISSION when the role may not end one of them. */
bool sessions_may_end(struct ctx *cx, struct pg *pg, const char *database);

#endif
