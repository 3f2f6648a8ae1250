/* script.c - the statements of a script, what must be known of them before the first is sent, and errors in its terms.
 *
 * Statements are cut by PostgreSQL's rules at semicolons alone and sent as they stand, line ends included. The rows of COPY … FROM STDIN
 * lie behind it up to a line "\.", as in psql and in Flyway. */
#include <string.h>

#include "flyway_internal.h"

const char *script_name(struct arena *a, const struct flyway_script *s)
{
    return s->kind == FLYWAY_CALLBACK ? arena_printf(a, "callback %s", s->script) : s->script;
}

struct script_walk script_walk_start(struct arena *a, const struct script_run *run)
{
    return (struct script_walk){.sx = {.arena = a}, .run = run};
}

static size_t line_end(const char *text, size_t at, size_t len)
{
    const char *end = memchr(text + at, '\n', len - at);
    return end ? (size_t)(end - text) + 1 : len;
}

/* From the line behind the statement to a line of "\." alone; `next` is what follows. */
static void take_rows(struct script_walk *w, size_t end, size_t *next)
{
    const char *text = w->run->text;
    size_t len = w->run->len, from = line_end(text, end, len), at = from;
    while (at < len) {
        size_t to = line_end(text, at, len), n = to - at;
        while (n && (unsigned char)text[at + n - 1] <= ' ')
            n--;
        if (n == 2 && memcmp(text + at, "\\.", 2) == 0) {
            *next = to;
            break;
        }
        at = *next = to;
    }
    w->rows = text + from;
    w->rows_len = at - from;
}

/* The next line "\." from `at` on, behind which rows end; the text's end when there is none. */
static size_t next_marker(const struct script_run *run, size_t at)
{
    const char *text = run->text;
    while (at < run->len) {
        const char *found = memmem(text + at, run->len - at, "\n\\.", 3);
        if (!found)
            break;
        at = (size_t)(found - text) + 3;
        if (at == run->len || text[at] == '\n' || text[at] == '\r')
            return at;
    }
    return run->len;
}

static void drop_splitter(struct script_walk *w, size_t base)
{
    split_end(w->splitter);
    w->splitter = NULL;
    w->base = base;
}

/* A splitter takes memory and time by its text, so with many COPY each gets no more than reaches to the end of the next one's rows. */
static void start_splitter(struct script_walk *w)
{
    const struct script_run *run = w->run;
    struct ctx sx = {.arena = &w->own};
    arena_free(&w->own);
    w->limit = w->whole ? run->len : next_marker(run, w->base);
    w->splitter = split_start(&sx, SPLIT_POSTGRES, run->text + w->base, w->limit - w->base, true, false, ";");
}

bool script_walk_next(struct script_walk *w, const char **sql, bool *more)
{
    const struct script_run *run = w->run;
    struct statement s;
    for (;;) {
        if (!w->splitter)
            start_splitter(w);
        w->rows = NULL;
        if (!split_next(&w->sx, w->splitter, &s, more))
            return false;
        if (!*more && w->limit == run->len)
            return true;
        if (!*more) {
            drop_splitter(w, w->limit);
            continue;
        }
        size_t end = w->base + split_source_offset(w->splitter, s.len - 1) + 1;
        w->from = w->base + split_source_offset(w->splitter, 0);
        bool cut = w->limit < run->len && !memchr(run->text + end, ';', w->limit - end);
        if (cut && !statement_copies_in(s.text)) { /* that line was no end of rows: it stands within a statement */
            w->whole = true;
            drop_splitter(w, w->from);
            continue;
        }
        if (statement_empty(s.text))
            continue;
        *sql = arena_strndup(w->sx.arena, run->text + w->from, end - w->from);
        w->nth++;
        if (statement_copies_in(*sql)) {
            take_rows(w, end, &w->base);
            drop_splitter(w, w->base);
        }
        return true;
    }
}

void script_walk_end(struct script_walk *w)
{
    split_end(w->splitter);
    w->splitter = NULL;
    arena_free(&w->own);
}

bool script_look(struct ctx *cx, const struct flyway *f, const struct flyway_script *s, struct script_run *out)
{
    const char *sql;
    bool more;
    *out = (struct script_run){.script = s};
    if (!script_text(cx, f, s, &out->map, &out->text, &out->len))
        return false;
    struct arena scratch = {0};
    struct script_walk w = script_walk_start(&scratch, out);
    while (script_walk_next(&w, &sql, &more) && more) {
        bool alone = statement_alone(sql);
        if (alone && !out->alone)
            out->alone_at = w.from;
        out->statements++;
        out->alone = out->alone || alone;
        out->ordinary = out->ordinary || !alone;
        out->controls = out->controls || statement_controls_transaction(sql);
        out->copies = out->copies || statement_is_copy(sql);
        out->session = out->session || statement_changes_session(sql);
    }
    script_walk_end(&w);
    arena_free(&scratch);
    return true;
}

bool script_in_transaction(struct ctx *cx, const struct flyway *f, const struct script_run *run, bool *yes)
{
    const struct flyway_script *s = run->script;
    int line, column;
    *yes = s->in_transaction >= 0 ? s->in_transaction : !run->alone && f->config->in_transaction;
    if (!run->alone || !run->ordinary || s->in_transaction >= 0 || !f->config->in_transaction || f->config->mixed)
        return true;
    source_locate(&run->map, run->text, run->alone_at, &line, &column);
    fail(cx, E_CHANGELOG, "the migration %s has statements that run in a transaction beside one that cannot",
         s->script);
    err_detail(cx, "%s", statement_line(cx->arena, run->text, run->alone_at));
    err_hint(
        cx,
        "put that statement into a migration of its own; or set mixed=true, or executeInTransaction=false in %s.conf, "
        "and the whole migration runs outside of a transaction",
        s->file);
    err_place(cx, s->file, line, column);
    return false;
}

static const char *advice(const char *sqlstate, const char *said, const char *at, bool inside)
{
    if (text_equal(sqlstate, "25001"))
        return "this statement cannot run in a transaction: put it into a migration of its own, with executeInTransaction=false in "
               "its .conf file";
    if (text_equal(sqlstate, "2D000") && inside)
        return "COMMIT and ROLLBACK in a procedure or DO block need executeInTransaction=false in the migration's .conf file";
    if (text_equal(sqlstate, "55P04"))
        return "a new value of an enum can be used after its transaction only: use it in a later migration";
    if (at && *at == '\\')
        return "commands that begin with a backslash are psql's; a migration holds SQL only";
    if (text_equal(sqlstate, "42601") && strstr(said, "${"))
        return "is it a placeholder? they are replaced unless placeholderReplacement is false";
    return NULL;
}

void script_blame(struct ctx *cx, struct flyway *f, const struct script_run *run, size_t nth)
{
    struct err e = cx->err;
    struct arena *a = cx->arena;
    SCRIPT_WALK_AUTO w = script_walk_start(a, run);
    const char *where = arena_printf(a, " (%s)", pg_where(f->pg)), *said = e.message, *sql = "";
    int position = pg_error_position(f->pg), line = 1, column = 1;
    bool more = true;
    struct str detail = str_new(a);

    while (w.nth < nth && script_walk_next(&w, &sql, &more) && more)
        ;
    if (text_ends(said, where))
        said = arena_strndup(a, said, strlen(said) - strlen(where));
    size_t within = position > 0 ? statement_position(sql, position) : 0;
    if (!position) /* comments before it are no place to point at */
        within = (size_t)(text_skip_blanks(sql) - sql);
    source_locate(&run->map, run->text, w.from + within, &line, &column);
    str_addf(&detail, "statement %zu of %zu, %s:%d:%d\n%s", nth, run->statements, run->script->file, line, column,
             statement_line(a, run->text, w.from + within));
    if (*e.detail)
        str_addf(&detail, "\n%s", e.detail);
    err_clear(cx);
    fail(cx, e.code, "migration %s failed: %s%s", script_name(a, run->script), said, where);
    memcpy(cx->err.sqlstate, e.sqlstate, sizeof e.sqlstate);
    err_detail(cx, "%s", detail.s);
    const char *do_this =
        advice(e.sqlstate, e.message, position > 0 ? sql + within : NULL, run->script->in_transaction != 0);
    if (do_this || *e.hint)
        err_hint(cx, "%s", do_this ? do_this : e.hint);
    err_place(cx, run->script->file, line, column);
}
