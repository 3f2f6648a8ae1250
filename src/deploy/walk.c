/* walk.c - the statements of a changeset, or of what undoes it, one after the other, and what must be known of them before they
 * are sent. */
#include <string.h>

#include "attempt.h"

/* ---- changes and their statements ---- */

const struct change *work_change(const struct work *work, size_t i)
{
    return &work->changes->at[work->inverse ? work->changes->n - 1 - i : i];
}

static size_t count_changes(const struct work *work)
{
    return work->changes ? work->changes->n : 0;
}

struct change_env change_env_of(const struct deploy *d, const struct changeset *cs)
{
    return (struct change_env){
        .pg = d->pg,
        .server_version = pg_version(d->pg),
        .default_schema = d->default_schema, /* Liquibase writes it before every name that has none */
        .quoting = cs->quoting,
    };
}

const char *change_file(const struct changeset *cs, const struct change *c)
{
    return c && c->file ? c->file : cs->file;
}

struct walk work_walk(struct ctx *cx, struct deploy *d, const struct work *work, struct arena *scratch)
{
    return (struct walk){.cx = cx, .d = d, .work = work, .sx = {.arena = scratch, .deadline = cx->deadline}, .nth = 0};
}

void walk_end(struct walk *w)
{
    split_end(w->splitter);
    w->splitter = NULL;
}

static bool is_text(const struct walk *w, const struct change *c)
{
    return c->sql && !w->work->inverse;
}

/* An error of the scratch context becomes the run's. */
static bool hand_on(struct walk *w, int line, int column)
{
    w->cx->err = w->sx.err;
    err_place(w->cx, change_file(w->work->set, w->at), line, column);
    return false;
}

/* One text, so that it counts as one statement whatever the database answers. */
static void join(struct walk *w)
{
    struct str all = str_new(w->sx.arena);
    for (size_t i = 0; i < w->list.n; i++)
        str_addf(&all, "%s%s", i ? ";\n" : "", w->list.at[i]);
    w->list.n = 0;
    *VEC_PUSH(w->sx.arena, &w->list) = all.s;
}

static bool generate(struct walk *w)
{
    const struct change *c = w->at;
    struct change_env env = change_env_of(w->d, w->work->set);
    bool possible = true;

    if (w->asked && w->before_asking && !w->before_asking(w->user))
        return false;
    if (!(w->work->inverse ? change_inverse(&w->sx, &env, c, &w->list, &possible)
                           : change_statements(&w->sx, &env, c, &w->list)))
        return hand_on(w, c->line, c->column);
    if (possible)
        return true;
    fail(&w->sx, E_GUARD, "the change %s has no automatic rollback", c->name);
    return hand_on(w, c->line, c->column);
}

static bool begin_change(struct walk *w)
{
    const struct change *c = work_change(w->work, w->change++);
    bool skip = c->excluded_by_dbms;

    w->at = c;
    w->generated = !is_text(w, c);
    w->asked = w->generated && change_asks(c);
    w->list = (struct str_list){0};
    w->next = 0;
    if (!skip && !w->generated)
        w->splitter =
            split_start(&w->sx, w->d->options.split, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
    else if (!skip && !(w->asked && w->skip_asking) && !generate(w))
        return false;
    if (!skip && w->asked && w->joined)
        join(w);
    return true;
}

static bool visit(struct walk *w, struct statement *out)
{
    const struct visitor_list *visitors = &w->work->set->visitors;
    const char *text;

    w->altered = false;
    if (!visitors->n)
        return true;
    const char *before = arena_strndup(w->sx.arena, out->text, out->len);
    if (!visitors_apply(&w->sx, visitors, w->work->back, w->d->options.contexts, w->d->options.labels, before, &text))
        return hand_on(w, w->at->line, w->at->column);
    w->altered = !text_equal(before, text);
    if (w->altered)
        *out = (struct statement){.text = text, .len = strlen(text)};
    return true;
}

bool walk_next(struct walk *w, struct statement *out, bool *more)
{
    for (;;) {
        if (w->splitter) {
            const struct change *c = w->at;
            if (!split_next(&w->sx, w->splitter, out, more)) {
                int line, column;
                source_locate(&c->map, c->sql, split_fault_offset(w->splitter), &line, &column);
                return hand_on(w, line, column);
            }
            if (*more)
                break;
            walk_end(w);
        } else if (w->next < w->list.n) {
            const char *text = w->list.at[w->next++];
            *out = (struct statement){.text = text, .len = strlen(text)};
            *more = true;
            break;
        } else if (w->change < count_changes(w->work)) {
            if (!begin_change(w))
                return false;
        } else {
            *more = false;
            return true;
        }
    }
    w->nth++;
    return visit(w, out);
}

void sent_add(struct arena *a, struct sent *sent, const struct statement *s)
{
    if (!sent || sent->cut)
        return;
    sent->cut = sent->most && sent->bytes + s->len > sent->most;
    if (sent->cut)
        return;
    sent->bytes += s->len;
    *VEC_PUSH(a, &sent->list) = arena_strndup(a, s->text, s->len);
}

/* ---- an attempt's ---- */

struct walk walk_start(struct attempt *t)
{
    return work_walk(t->cx, t->d, &t->work, &t->scratch);
}

bool attempt_next(struct attempt *t, struct walk *w, struct statement *out, bool *more)
{
    if (!walk_next(w, out, more))
        return false;
    if (!*more)
        return true;
    if (!t->first[w->change - 1])
        t->first[w->change - 1] = w->nth;
    if (t->asks && t->script) {
        str_addn(t->script, out->text, out->len);
        str_addf(t->script, "%s\n", statement_end(out->text, out->len));
    }
    if (t->asks)
        sent_add(t->cx->arena, t->sent, out);
    return true;
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

/* Changes that ask the database have their statements when their turn comes; a changeset with one writes its script then. */
static void look_at_changes(struct attempt *t)
{
    size_t n = count_changes(&t->work);

    t->first = arena_array(&t->scratch, n + 1, sizeof *t->first);
    for (size_t i = 0; i < n; i++) {
        const struct change *c = work_change(&t->work, i);
        bool text = c->sql && !t->work.inverse;
        if (c->excluded_by_dbms)
            continue;
        /* A delimiter of its own leaves semicolons alone, so its texts may hold several statements, too. */
        t->one_by_one = t->one_by_one || (text && (!c->split || c->end_delimiter));
        t->asks = t->asks || (!text && change_asks(c));
    }
    t->one_by_one =
        t->one_by_one || t->d->options.split == SPLIT_LIQUIBASE || (t->asks && t->work.set->visitors.n != 0);
}

bool look_ahead(struct attempt *t, struct str *script)
{
    WALK_AUTO w = walk_start(t);
    struct statement s;
    bool more;

    look_at_changes(t);
    t->outside = !t->cs->run_in_transaction;
    w.skip_asking = true;
    w.joined = t->outside;
    for (;;) {
        struct text_nature n;
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        t->statements++;
        if (t->one_by_one || w.generated || w.altered)
            text_nature(t, &s, &n);
        else
            n = (struct text_nature){.statements = 1,
                                     .controls = statement_controls_transaction(s.text),
                                     .copies = statement_is_copy(s.text)};
        t->outside = t->outside || (n.statements == 1 && statement_alone(s.text));
        t->own_transactions = t->own_transactions || n.controls;
        t->one_by_one = t->one_by_one || n.copies || ((w.generated || w.altered) && n.statements > 1);
        t->drops_locks = t->drops_locks || strcasestr(s.text, "advisory_unlock") || strcasestr(s.text, "discard") ||
                         strcasestr(s.text, "deallocate");
        t->changes_session = t->changes_session || statement_changes_session(s.text);
        t->local_role = t->local_role || statement_sets_local_role(s.text);
        t->sets_transaction = t->sets_transaction || statement_sets_transaction(s.text);
        if (t->asks)
            continue;
        str_addn(script, s.text, s.len);
        str_addf(script, "%s\n", statement_end(s.text, s.len));
        sent_add(t->cx->arena, t->sent, &s);
    }
    if (t->asks && !t->outside)
        t->statements = 0;
    return true;
}

/* Cuts the change's text up to a statement of it, the nth from 1; false when there is none, as modifySql may have it. */
static bool cut_again(struct attempt *t, const struct change *c, size_t nth, struct splitter **splitter,
                      struct statement *s)
{
    struct ctx sx = {.arena = &t->scratch};
    bool more = true;
    *splitter =
        split_start(&sx, t->d->options.split, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
    for (size_t i = 0; i < nth; i++)
        if (!split_next(&sx, *splitter, s, &more) || !more)
            return false;
    return true;
}

void blame(struct attempt *t, size_t nth, const char *statement)
{
    const struct change *c = NULL;
    size_t first = 0;
    int position = pg_error_position(t->d->pg);
    SPLIT_AUTO splitter = NULL;
    struct statement s = {.text = ""};

    for (size_t i = 0; i < count_changes(&t->work); i++) {
        if (!t->first[i] || t->first[i] > nth)
            continue;
        first = t->first[i];
        c = work_change(&t->work, i);
    }
    struct fault f = {
        .set = t->cs, .change = c, .what = t->what, .statement = statement, .nth = nth, .of = t->statements};
    if (c && c->sql && !t->work.inverse && cut_again(t, c, nth - first + 1, &splitter, &s)) {
        /* modifySql may have changed it: then only the place of the whole is known. */
        bool same = strncmp(s.text, statement, s.len) == 0 && !statement[s.len];
        size_t at = same && position > 0 ? statement_position(s.text, position) : 0;
        f.in_source = true;
        f.offset = split_source_offset(splitter, at < s.len ? at : s.len ? s.len - 1 : 0);
        f.shown = same && position > 0;
    }
    statement_fault(t->cx, t->d, &f);
}
