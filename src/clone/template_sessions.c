/* template_sessions.c - the sessions on the source, which a copy by template does not suffer; see template.h. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/log.h"
#include "sql.h"
#include "template.h"

enum { POLL_MS = 500, SHOWN = 10 };

bool database_look(struct ctx *cx, struct pg *pg, const char *name, struct database *out)
{
    const char *const params[] = {name};
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct arena *a = cx->arena;

    *out = (struct database){.name = name};
    if (!pg_query(cx, pg, &rows, sql_clone_source, 1, params))
        return false;
    if (rows.n == 0)
        return true;
    out->exists = true;
    out->owner = arena_strdup(a, pg_text(&rows, 0, 1));
    out->allows_connections = pg_bool(&rows, 0, 2);
    out->connection_limit = (int)pg_int(&rows, 0, 3);
    out->is_template = pg_bool(&rows, 0, 4);
    out->has_comment = !pg_null(&rows, 0, 5);
    out->comment = arena_strdup(a, pg_text(&rows, 0, 5));
    out->size = pg_null(&rows, 0, 6) ? -1 : pg_int(&rows, 0, 6);
    out->has_acl = pg_bool(&rows, 0, 7);
    out->prepared = arena_strdup(a, pg_text(&rows, 0, 8));
    out->tablespace = arena_strdup(a, pg_text(&rows, 0, 9));
    return true;
}

bool sessions_list(struct ctx *cx, struct pg *pg, const char *database, const char **text, int *n)
{
    const char *const params[] = {database};
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct str s = str_new(cx->arena);

    if (!pg_query(cx, pg, &rows, sql_clone_sessions, 1, params))
        return false;
    for (int i = 0; i < rows.n && i < SHOWN; i++)
        str_addf(&s, "%spid %s, %s, %s from %s, since %s%s%s", i ? "\n" : "", pg_text(&rows, i, 0),
                 pg_text(&rows, i, 1), pg_text(&rows, i, 2), pg_text(&rows, i, 3),
                 pg_null(&rows, i, 4) ? "?" : pg_text(&rows, i, 4), pg_null(&rows, i, 5) ? "" : ", ",
                 pg_text(&rows, i, 5));
    if (rows.n > SHOWN)
        str_addf(&s, "\nand %d more", rows.n - SHOWN);
    *text = s.s;
    *n = rows.n;
    return true;
}

static bool name_them(struct ctx *cx, enum err_code code, const char *database, const char *who, int n)
{
    fail(cx, code, "%s on '%s', and PostgreSQL copies a database only while nobody is connected to it",
         text_plural(cx->arena, n, "session is"), database);
    /* text_plural() appends an s; the sentence needs the other form. */
    if (n > 1)
        snprintf(cx->err.message, sizeof cx->err.message,
                 "%d sessions are on '%s', and PostgreSQL copies a database only while nobody is connected to it", n,
                 database);
    err_detail(cx, "%s", who);
    err_hint(
        cx,
        "stop them, or set sessions: wait (until they are gone) or sessions: terminate (end them; new ones wait at the door until it is copied); "
        "a base backup (provider: basebackup) leaves sessions alone");
    return false;
}

bool sessions_refuse(struct ctx *cx, struct pg *pg, const char *database)
{
    const char *who;
    int n;
    return sessions_list(cx, pg, database, &who, &n) && (n == 0 || name_them(cx, E_GUARD, database, who, n));
}

bool sessions_wait(struct ctx *cx, struct pg *pg, const char *database, long long at_most_ms)
{
    struct deadline patience = deadline_in(at_most_ms);
    int told = -1;

    for (;;) {
        struct arena_mark mark = arena_mark(cx->arena);
        const char *who;
        int n;
        if (!sessions_list(cx, pg, database, &who, &n))
            return false;
        if (n == 0)
            return true;
        if (deadline_passed(patience))
            return name_them(cx, E_LOCKED, database, who, n);
        if (n != told)
            log_info("waiting for %s on '%s' to end: %s", text_plural(cx->arena, n, "session"), database, who);
        told = n;
        arena_reset(cx->arena, mark);
        if (!ctx_sleep(cx, POLL_MS, arena_printf(cx->arena, "waiting for the sessions on '%s' to end", database)))
            return false;
    }
}

bool sessions_may_end(struct ctx *cx, struct pg *pg, const char *database)
{
    const char *const params[] = {database};
    const char *whose;

    if (!pg_query_text(cx, pg, &whose, sql_clone_protected, 1, params))
        return false;
    if (!*whose)
        return true;
    fail(cx, E_PERMISSION, "the role \"%s\" may not end all sessions on '%s'", pg_user(pg), database);
    err_detail(cx, "not its to end: %s", whose);
    err_hint(cx, "GRANT pg_signal_backend TO the role; a superuser's sessions only a superuser can end");
    return false;
}
