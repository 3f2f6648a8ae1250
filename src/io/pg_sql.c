/* pg_sql.c - building SQL with libpq's quoting, and who a server is; see pg.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"
#include "sql.h"

/* libpq's own memory, copied into the arena. Quoting fails only on text that is invalid in the connection's encoding. */
static const char *keep(struct ctx *cx, struct pg *pg, char *quoted, const char *text)
{
    if (!quoted) {
        fail(cx, E_INPUT, "cannot quote '%.100s' for SQL (%s)", text, pg->where);
        return "";
    }
    char *copy = arena_strdup(cx->arena, quoted);
    PQfreemem(quoted);
    return copy;
}

const char *pg_ident(struct ctx *cx, struct pg *pg, const char *name)
{
    return keep(cx, pg, PQescapeIdentifier(pg->conn, name, strlen(name)), name);
}

const char *pg_qualified(struct ctx *cx, struct pg *pg, const char *schema, const char *name)
{
    return text_empty(schema) ? pg_ident(cx, pg, name)
                              : arena_printf(cx->arena, "%s.%s", pg_ident(cx, pg, schema), pg_ident(cx, pg, name));
}

const char *pg_literal(struct ctx *cx, struct pg *pg, const char *text)
{
    return text ? keep(cx, pg, PQescapeLiteral(pg->conn, text, strlen(text)), text) : "NULL";
}

const char *pg_fill(struct ctx *cx, const char *sql_template, const char *const *pairs)
{
    struct str out = str_new(cx->arena);

    for (const char *p = sql_template; *p;) {
        size_t n = *p == '{' && p[1] >= 'a' && p[1] <= 'z' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
        if (!n || p[n + 1] != '}') {
            str_addc(&out, *p++);
            continue;
        }
        const char *const *pair = pairs;
        while (*pair && (strlen(*pair) != n || memcmp(*pair, p + 1, n) != 0))
            pair += 2;
        if (!*pair)
            fail(cx, E_INTERNAL, "SQL template without a value for '%.*s'", (int)n, p + 1);
        else
            str_add(&out, pair[1]);
        p += n + 2;
    }
    return out.s;
}

bool pg_advisory_holder(struct ctx *cx, struct pg *pg, const char *key, const char **what)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {key};
    *what = "";
    if (!pg_query(cx, pg, &rows, sql_io_advisory_holder, 1, params))
        return false;
    if (rows.n)
        *what = arena_printf(cx->arena, "session %s, %s from %s since %s", pg_text(&rows, 0, 0),
                             *pg_text(&rows, 0, 1) ? pg_text(&rows, 0, 1) : "unnamed", pg_text(&rows, 0, 2),
                             pg_text(&rows, 0, 3));
    return true;
}

bool pg_identify(struct ctx *cx, struct pg *pg, struct pg_identity *out)
{
    PG_ROWS_AUTO rows = {.handle = NULL};

    if (!pg_query(cx, pg, &rows, sql_io_identity, 0, NULL))
        return false;
    *out = (struct pg_identity){
        .database = arena_strdup(cx->arena, pg_text(&rows, 0, 0)),
        .database_oid = arena_strdup(cx->arena, pg_text(&rows, 0, 1)),
        .server_version = arena_strdup(cx->arena, pg_text(&rows, 0, 2)),
        .user = arena_strdup(cx->arena, pg_text(&rows, 0, 3)),
        .in_recovery = pg_bool(&rows, 0, 4),
        .superuser = pg_bool(&rows, 0, 5),
        .lsn = arena_strdup(cx->arena, pg_text(&rows, 0, 6)),
        .encoding = arena_strdup(cx->arena, pg_text(&rows, 0, 7)),
        .collation = arena_strdup(cx->arena, pg_text(&rows, 0, 8)),
        .system_identifier = "",
    };
    /* pg_control_system() is for everybody by default, but an administrator may have revoked it. */
    if (!pg_bool(&rows, 0, 9))
        return true;
    PG_ROWS_AUTO control = {.handle = NULL};
    if (!pg_query(cx, pg, &control, sql_io_control, 0, NULL))
        return false;
    out->system_identifier = arena_strdup(cx->arena, pg_text(&control, 0, 0));
    out->timeline = (int)pg_int(&control, 0, 1);
    return true;
}

bool pg_lsn_parse(const char *text, uint64_t *lsn)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    size_t high_n = strspn(text, digits), low_n = text[high_n] == '/' ? strspn(text + high_n + 1, digits) : 0;

    if (!high_n || high_n > 8 || !low_n || low_n > 8 || text[high_n + 1 + low_n])
        return false;
    unsigned long high = strtoul(text, NULL, 16), low = strtoul(text + high_n + 1, NULL, 16);
    *lsn = (uint64_t)high << 32 | (uint64_t)low;
    return true;
}

char *pg_lsn_text(struct arena *a, uint64_t lsn)
{
    return arena_printf(a, "%X/%X", (unsigned)(lsn >> 32), (unsigned)lsn);
}
