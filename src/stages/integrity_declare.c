/* integrity_declare.c - see integrity_declare.h. */
#include "integrity_declare.h"

#include <string.h>

#include "dbstep/integrity.h"
#include "integrity_net.h"

/* Which changesets of the log came between the two sides. */
struct between {
    const struct changelog *log;
    struct deploy *right, *left;      /* left NULL: the certificate tells */
    struct integrity_history history; /* of the certificate */
    bool *after;                      /* per item of the plan: its row is newer than the certificate; NULL: not asked */
};

static bool open_sides(struct run *run, const struct schema_config *schema, const struct pg_target *source,
                       const char *baseline, struct between *b)
{
    struct schema_config other = *schema;
    const char *in, *table;

    if (!schema_connect(run, schema, b->log, &b->right))
        return false;
    deploy_history_place(b->right, &in, &table);
    if (baseline) {
        if (!integrity_history_open(run->cx, baseline, in, table, &b->history))
            return false;
        return b->history.recorded || deploy_ran_after(run->cx, b->right, b->history.taken_at, &b->after);
    }
    other.db = *source;
    if (schema_connect(run, &other, b->log, &b->left))
        return true;
    err_detail(run->cx, "while the history of the source was read");
    return false;
}

/* Was it run, or run again, after the left side was as it is? */
static bool came_between(struct run *run, const struct between *b, size_t i)
{
    const struct ran *now = deploy_plan(b->right)->items.at[i].ran;

    if (b->left) {
        const struct ran *then = deploy_plan(b->left)->items.at[i].ran;
        return !then || (now && text_equal(now->exectype, "RERAN") && !text_equal(now->executed, then->executed));
    }
    if (!now)
        return true;
    if (b->after)
        return b->after[i];
    return now->order > b->history.last_order ||
           !integrity_history_has(run->cx, &b->history, now->path, now->id, now->author);
}

static void not_looked_into(struct run *run, const struct changeset *cs, int line, const char *verb, const char *why)
{
    struct arena *a = run->cx->arena;
    result_uncovered(run->result, "changeset %s (%s:%d), %s: not looked into for declarations, because %s",
                     changeset_name(a, cs), cs->file, line, *verb ? verb : "its text", why);
}

/* One statement as the deploy would send it. What the parser says of it does not outlive this. */
static bool read_statement(struct run *run, struct net *net, const struct changeset *cs, const struct change *c,
                           const struct splitter *split, const struct statement *st)
{
    struct arena scratch = {0};
    struct ctx own = {.arena = &scratch, .deadline = run->cx->deadline};
    struct sqlparse_list list;
    bool ok = sqlparse_statements(&own, st->text, st->len, &list);

    if (!ok)
        run->cx->err = own.err;
    for (size_t i = 0; ok && i < list.statements.n; i++) {
        const struct sqlparse_statement *s = &list.statements.at[i];
        size_t known = net->notes.n, at = s->unseen ? s->unseen_at : s->offset;
        int line, column;
        ok = net_statement(net, s);
        if (net->notes.n == known && !s->unseen) /* counting lines once per statement is quadratic in the file */
            continue;
        source_locate(&c->map, c->sql, split_source_offset(split, at < st->len ? at : st->len - 1), &line, &column);
        for (; known < net->notes.n; known++)
            net->notes.at[known].line = line;
        if (s->unseen)
            not_looked_into(run, cs, line, s->verb, s->unseen);
    }
    arena_free(&scratch);
    return ok;
}

static bool read_changeset(struct run *run, struct net *net, const struct changeset *cs)
{
    net_changeset(net, changeset_name(run->cx->arena, cs), cs->file);
    for (size_t i = 0; i < cs->changes.n; i++) {
        const struct change *c = &cs->changes.at[i];
        struct statement st;
        bool more = true;
        if (c->excluded_by_dbms)
            continue;
        SPLIT_AUTO split =
            split_start(run->cx, SPLIT_POSTGRES, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
        while (split_next(run->cx, split, &st, &more) && more)
            if (st.len && !read_statement(run, net, cs, c, split, &st))
                return false;
    }
    return true;
}

static bool read_changelog(struct run *run, const struct between *b, struct net *net, long long *counted)
{
    const struct plan *plan = deploy_plan(b->right);
    struct arena *a = run->cx->arena;

    for (size_t i = 0; i < plan->items.n; i++) {
        const struct plan_item *item = &plan->items.at[i];
        if (!came_between(run, b, i) || (item->ran && text_equal(item->ran->exectype, "MARK_RAN")))
            continue;
        if (item->action == PLAN_SKIP) {
            if (item->ran)
                result_uncovered(run->result,
                                 "changeset %s ran in between, and declares nothing: it is left out by its %s",
                                 changeset_name(a, item->set), item->why);
            continue;
        }
        if (item->action == PLAN_CHANGED)
            result_uncovered(run->result, "changeset %s was edited after it ran: it declares what its text says now",
                             changeset_name(a, item->set));
        ++*counted;
        if (!read_changeset(run, net, item->set))
            return false;
    }
    return true;
}

static bool given(const struct str_list *expected, struct arena *a, const char *item)
{
    for (size_t i = 0; i < expected->n; i++)
        if (text_equal_nocase(text_trim(a, expected->at[i]), item))
            return true;
    return false;
}

/* The same without the schema: "drop column public.t.c" is given by "drop column t.c". */
static const char *without_schema(struct arena *a, const char *declaration, const char *object)
{
    const char *at = *object ? strstr(declaration, object) : NULL, *dot = *object == '"' ? NULL : strchr(object, '.');
    return at && dot ? arena_printf(a, "%.*s%s", (int)(at - declaration), declaration, at + (dot + 1 - object))
                     : declaration;
}

static void tell(struct run *run, struct net *net, const struct str_list *expected, struct str_list *derived)
{
    struct arena *a = run->cx->arena;
    struct result_table *t = NULL;

    for (size_t i = 0; i < net->items.n; i++) {
        const struct net_item *item = &net->items.at[i];
        const char *text = net_declaration(a, item, false);
        if (item->gone || item->hidden || !integrity_change_known(run->cx, text))
            continue;
        bool also = given(expected, a, text) || given(expected, a, net_declaration(a, item, true));
        const char *const row[] = {item->changeset, text, also ? "also in expected_changes" : ""};
        if (!t)
            t = result_table(run->result, "Declared by the changelog", "changeset|declares|note");
        result_row(run->result, t, row);
        if (!also)
            *VEC_PUSH(a, derived) = text;
    }
    for (size_t i = 0; i < net->notes.n; i++) {
        const struct net_note *n = &net->notes.at[i];
        if (n->declaration && (!integrity_change_known(run->cx, n->declaration) || given(expected, a, n->declaration) ||
                               given(expected, a, without_schema(a, n->declaration, n->object))))
            continue;
        struct finding *f = result_finding(run->result, SEV_NOTE, "not-declared-by-itself", "changeset %s %s",
                                           n->changeset, n->message);
        f->object = *n->object ? n->object : NULL;
        f->file = n->file;
        f->line = n->line;
        f->hint = n->declaration
                      ? arena_printf(a, "declare it in 'expected_changes' if it is meant: %s", n->declaration)
                      : "only additions with a name are declared by the changelog itself";
    }
}

bool integrity_declare(struct run *run, const struct schema_config *schema, const struct pg_target *source,
                       const char *baseline, const struct str_list *expected, struct str_list *derived)
{
    struct changelog log;
    struct between b = {.log = &log};
    long long counted = 0;

    if (!schema_load(run, schema, &log))
        return false;
    bool ok = open_sides(run, schema, source, baseline, &b);
    struct net net = {.cx = run->cx, .d = b.right};
    ok = ok && read_changelog(run, &b, &net, &counted);
    deploy_close(b.right);
    deploy_close(b.left);
    if (!ok)
        return false;
    tell(run, &net, expected, derived);
    result_proof(run->result, "%s of %s came between the two sides%s; %s declared from %s",
                 text_plural(run->cx->arena, counted, "changeset"), log.path,
                 b.after ? ", judged by the time at which they ran, because the certificate does not tell" : "",
                 text_plural(run->cx->arena, (long long)derived->n, "addition"), counted == 1 ? "it" : "them");
    return true;
}
