/* fault.c - a failed statement in the user's terms: changeset, file, line, column, and the line itself. */
#include <stdio.h>
#include <string.h>

#include "deploy_internal.h"

/* What the server's words do not say, but whoever wrote the changelog needs. */
static const char *advice(const char *sqlstate, const char *said, const struct changeset *cs, const struct change *c,
                          const char *fault)
{
    if (text_equal(sqlstate, "25001") && cs->run_in_transaction)
        return "this statement cannot run in a transaction: put it into a changeset of its own with runInTransaction:false";
    if (text_equal(sqlstate, "25001") && c && (!c->split || c->end_delimiter))
        return "several statements are sent as one text here (splitStatements:false or endDelimiter), which is a transaction: give this "
               "one a changeset of its own";
    if (text_equal(sqlstate, "2D000"))
        return cs->run_in_transaction
                   ? "COMMIT and ROLLBACK in a procedure or DO block need runInTransaction:false on the changeset"
                   : "the procedure or DO block must be called alone, not together with other statements";
    if (text_equal(sqlstate, "55P04"))
        return "a new value of an enum can be used after its transaction only: use it in a later changeset";
    if (strstr(said, "COPY from stdin failed"))
        return "rows below a COPY … FROM STDIN are psql's way; write INSERT statements, or COPY from a file of the server";
    if (fault && *fault == '\\')
        return "commands that begin with a backslash are psql's; a changeset holds SQL only";
    if (text_equal(sqlstate, "42601") && strstr(said, "unterminated"))
        return "a changeset ends at the next line that begins with --changeset, even within quotes or the body of a function";
    return NULL;
}

void statement_fault(struct ctx *cx, struct deploy *d, const struct changeset *cs, const struct change *c,
                     const char *statement, size_t nth, size_t of, size_t source_offset_of_fault, bool has_offset)
{
    struct err e = cx->err;
    struct arena *a = cx->arena;
    const char *where = arena_printf(a, " (%s)", pg_where(d->pg)), *said = e.message;
    int line = cs->line, column = 1;
    struct str detail = str_new(a);

    if (text_ends(said, where)) /* the changeset says where; the database is named once */
        said = arena_strndup(a, said, strlen(said) - strlen(where));
    if (c && c->map.places.n)
        source_locate(&c->map, c->sql, source_offset_of_fault, &line, &column);
    str_addf(&detail, "statement %zu of %zu, %s:%d:%d", nth, of, cs->file, line, column);
    if (c && has_offset)
        str_addf(&detail, "\n%s", statement_line(a, c->sql, source_offset_of_fault));
    else if (statement)
        str_addf(&detail, "\n    %.*s", (int)text_utf8_prefix(statement, strlen(statement), 200), statement);
    if (*e.detail)
        str_addf(&detail, "\n%s", e.detail);

    err_clear(cx);
    fail(cx, e.code, "changeset %s failed: %s%s", changeset_name(a, cs), said, where);
    memcpy(cx->err.sqlstate, e.sqlstate, sizeof e.sqlstate);
    err_detail(cx, "%s", detail.s);
    const char *do_this =
        advice(e.sqlstate, e.message, cs, c, c && has_offset ? c->sql + source_offset_of_fault : NULL);
    if (do_this || *e.hint)
        err_hint(cx, "%s", do_this ? do_this : e.hint);
    err_place(cx, cs->file, line, column);
}
