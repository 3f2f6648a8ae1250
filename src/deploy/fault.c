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

void statement_fault(struct ctx *cx, struct deploy *d, const struct fault *f)
{
    struct err e = cx->err;
    struct arena *a = cx->arena;
    const struct change *c = f->change;
    const char *where = arena_printf(a, " (%s)", pg_where(d->pg)), *said = e.message;
    const char *file = change_file(f->set, c);
    int line = c && c->line ? c->line : f->set->line, column = c && c->line ? c->column : 1;
    struct str detail = str_new(a);
    bool in_source = c && f->in_source, shown = in_source && f->shown;

    if (text_ends(said, where)) /* the changeset says where; the database is named once */
        said = arena_strndup(a, said, strlen(said) - strlen(where));
    if (in_source && c->map.places.n)
        source_locate(&c->map, c->sql, f->offset, &line, &column);
    for (size_t i = 0; in_source && !c->map.places.n && i < f->offset; i++)
        line += c->sql[i] == '\n'; /* no map: the text stands as one piece where the change starts */
    str_addf(&detail, "statement %zu%s, %s:%d:%d", f->nth, f->of ? arena_printf(a, " of %zu", f->of) : "", file, line,
             column);
    if (shown)
        str_addf(&detail, "\n%s", statement_line(a, c->sql, f->offset));
    else if (f->statement)
        str_addf(&detail, "\n    %.*s", (int)text_utf8_prefix(f->statement, strlen(f->statement), 200), f->statement);
    if (*e.detail)
        str_addf(&detail, "\n%s", e.detail);

    err_clear(cx);
    fail(cx, e.code, "%s failed: %s%s", f->what, said, where);
    memcpy(cx->err.sqlstate, e.sqlstate, sizeof e.sqlstate);
    err_detail(cx, "%s", detail.s);
    const char *do_this = advice(e.sqlstate, e.message, f->set, c, shown ? c->sql + f->offset : NULL);
    if (do_this || *e.hint)
        err_hint(cx, "%s", do_this ? do_this : e.hint);
    err_place(cx, file, line, column);
}
