/* walk.c - the statements of a changeset one after the other, and what must be known of them before they are sent. */
#include <string.h>

#include "attempt.h"

static const struct change *walk_change(const struct walk *w)
{
    return &w->t->cs->changes.at[w->change - 1];
}

bool walk_next(struct walk *w, struct statement *out, bool *more)
{
    struct attempt *t = w->t;
    for (;;) {
        if (!w->splitter) {
            *more = w->change < t->cs->changes.n;
            if (!*more)
                return true;
            const struct change *c = &t->cs->changes.at[w->change++];
            if (c->excluded_by_dbms)
                continue;
            w->splitter = split_start(&w->sx, t->d->options.split, c->sql, c->sql_len, c->split, c->strip_comments,
                                      c->end_delimiter);
        }
        if (!split_next(&w->sx, w->splitter, out, more)) {
            const struct change *c = walk_change(w);
            int line, column;
            source_locate(&c->map, c->sql, split_fault_offset(w->splitter), &line, &column);
            t->cx->err = w->sx.err;
            err_place(t->cx, t->cs->file, line, column);
            return false;
        }
        if (*more) {
            w->nth++;
            return true;
        }
        split_end(w->splitter);
        w->splitter = NULL;
    }
}

void walk_end(struct walk *w)
{
    split_end(w->splitter);
    w->splitter = NULL;
}

struct walk walk_start(struct attempt *t)
{
    return (struct walk){.t = t, .sx = {.arena = &t->scratch}};
}

bool text_nature(struct attempt *t, const struct statement *s, struct text_nature *out)
{
    struct ctx sx = {.arena = &t->scratch};
    SPLIT_AUTO inner = split_start(&sx, SPLIT_POSTGRES, s->text, s->len, true, true, NULL);
    struct statement one;
    bool more;

    *out = (struct text_nature){0};
    while (split_next(&sx, inner, &one, &more) && more) {
        out->statements++;
        out->controls = out->controls || statement_controls_transaction(one.text);
        out->commits = out->commits || statement_commits(one.text);
        out->copies = out->copies || statement_is_copy(one.text);
        out->calls = out->calls || statement_may_commit(one.text);
    }
    return true;
}

bool look_ahead(struct attempt *t, struct str *script)
{
    WALK_AUTO w = walk_start(t);
    struct statement s;
    bool more;

    for (size_t i = 0; i < t->cs->changes.n; i++) {
        const struct change *c = &t->cs->changes.at[i];
        /* A delimiter of its own leaves semicolons alone, so its texts may hold several statements, too. */
        t->one_by_one = t->one_by_one || !c->split || c->end_delimiter;
    }
    t->one_by_one = t->one_by_one || t->d->options.split == SPLIT_LIQUIBASE;
    for (;;) {
        struct text_nature n;
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        t->statements++;
        if (t->one_by_one)
            text_nature(t, &s, &n);
        else
            n = (struct text_nature){.controls = statement_controls_transaction(s.text),
                                     .copies = statement_is_copy(s.text)};
        t->own_transactions = t->own_transactions || n.controls;
        t->one_by_one = t->one_by_one || n.copies;
        t->drops_locks = t->drops_locks || strcasestr(s.text, "advisory_unlock") || strcasestr(s.text, "discard");
        t->changes_session = t->changes_session || statement_changes_session(s.text);
        str_addn(script, s.text, s.len);
        str_add(script, statement_end(s.text, s.len));
        str_addc(script, '\n');
    }
    return true;
}

void blame(struct attempt *t, size_t nth)
{
    WALK_AUTO w = walk_start(t);
    struct statement s;
    bool more = false;
    struct err e = t->cx->err;
    int position = pg_error_position(t->d->pg);

    while (w.nth < nth && walk_next(&w, &s, &more) && more)
        ;
    t->cx->err = e;
    if (w.nth == nth && more) {
        size_t at = position > 0 ? statement_position(s.text, position) : 0;
        statement_fault(t->cx, t->d, t->cs, walk_change(&w), s.text, nth, t->statements,
                        split_source_offset(w.splitter, at < s.len ? at
                                                        : s.len    ? s.len - 1
                                                                   : 0),
                        position > 0);
    }
}
