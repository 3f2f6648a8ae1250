/* together.c - many small changesets in one round trip: each in a transaction of its own with its row, all sent before the first
 * answer is waited for.
 *
 * The server leaves out what follows a failed statement, up to the end of what was sent, so an error ends the row of changesets just as
 * it would if each were waited for. The changeset that failed is then run again by itself, which tries it again where that may help
 * and explains the error where it does not.
 */
#include <string.h>

#include "attempt.h"
#include "dbstep/log.h"

#define TOGETHER_BYTES 65536 /* of SQL in all; what is larger runs by itself */
#define TOGETHER_STATEMENTS 400

struct member {
    struct attempt t;
    const struct plan_item *item;
    struct deploy_step step;
    long long order;
    size_t script, listed; /* length of the report's script and list before it */
};

struct group {
    struct ctx *cx;
    struct deploy *d;
    struct deploy_report *report;
    struct member *at;
    size_t n, done;
    struct batch batch;
    const char *first[3]; /* what the session needs before the first of them */
    VEC(size_t) commits;  /* index of each one's COMMIT in the batch */
    long long last_ms;
};

/* Whatever has to be waited for, or may leave something behind when it fails, runs by itself. */
static bool fit(const struct changeset *cs)
{
    size_t bytes = 0;
    for (size_t i = 0; i < cs->changes.n; i++) {
        const struct change *c = &cs->changes.at[i];
        if (c->excluded_by_dbms)
            continue;
        bytes += c->sql_len + c->data_len;
        if (!c->sql && change_asks(c))
            return false;
    }
    return cs->run_in_transaction && cs->fail_on_error && !cs->preconditions.list.n && bytes < TOGETHER_BYTES / 4;
}

static void withdraw(struct group *g, size_t from)
{
    if (from >= g->n)
        return;
    str_truncate(&g->report->sql, g->at[from].script);
    g->report->statements.list.n = g->at[from].listed;
    for (size_t i = from; i < g->n; i++)
        arena_free(&g->at[i].t.scratch);
    g->n = from;
}

/* False when it cannot be one of them; the error of its look-ahead is told when it runs by itself. */
static bool join(struct group *g, const struct plan_item *item)
{
    static const char *const none[] = {NULL};
    struct ctx *cx = g->cx;
    struct member *m = &g->at[g->n];
    const struct changeset *cs = item->set;

    *m = (struct member){.item = item,
                         .order = g->d->max_order + 1 + (long long)g->n,
                         .script = g->report->sql.len,
                         .listed = g->report->statements.list.n,
                         .step = {.set = cs, .outcome = item->ran ? STEP_RERAN : STEP_EXECUTED, .note = ""}};
    m->t = (struct attempt){.cx = cx,
                            .d = g->d,
                            .ran = item->ran,
                            .cs = cs,
                            .work = {.set = cs, .changes = &cs->changes},
                            .script = &g->report->sql,
                            .sent = &g->report->statements};
    m->t.what = arena_printf(cx->arena, "changeset %s", changeset_name(cx->arena, cs));
    g->n++;
    str_addf(&g->report->sql, "-- %s (%s:%d)\n", m->t.what, cs->file, cs->line);
    bool ok = look_ahead(&m->t, &g->report->sql) && !m->t.outside && !m->t.own_transactions && !m->t.one_by_one &&
              !m->t.drops_locks && !m->t.sets_transaction && !m->t.local_role && !m->t.asks &&
              add_transaction(&m->t, &g->batch, g->n > 1 ? none : g->first, item, m->order);
    if (!ok) {
        err_clear(cx);
        withdraw(g, g->n - 1);
        return false;
    }
    *VEC_PUSH(cx->arena, &g->commits) = g->batch.sql.n - 1;
    str_addf(&g->report->sql, "%s;\n\n", m->t.row);
    return true;
}

static void note_done(struct group *g)
{
    struct member *m = &g->at[g->done++];
    long long now = clock_ms();

    m->step.ms = now - g->last_ms;
    g->last_ms = now;
    g->d->session_changed = g->d->session_changed || m->t.changes_session;
    g->d->max_order = m->order;
    log_info("%s %s in %s", m->t.what, m->item->ran ? "ran again" : "ran", text_duration(g->cx->arena, m->step.ms));
    *VEC_PUSH(g->cx->arena, &g->report->steps) = m->step;
    g->report->applied++;
}

/* One COMMIT was answered. */
static void committed(void *user, size_t statement)
{
    (void)statement; /* they are answered in their order */
    note_done(user);
}

/* Those behind one whose commit became known by asking: they may have come to theirs, too. */
static void ask_for_the_rest(struct group *g, struct ctx *cx)
{
    bool done = true;
    note_done(g);
    while (g->done < g->n && row_tells(cx, &g->at[g->done].t, &done) && done)
        note_done(g);
}

static bool after_failure(struct group *g)
{
    struct ctx *cx = g->cx;
    struct attempt *t = &g->at[g->done].t;
    struct ending e = {0};

    t->commit_sent = true;
    for (size_t i = g->done + 1; i < g->n; i++)
        t->changes_session = t->changes_session || g->at[i].t.changes_session;
    if (attempt_stopped(cx)) {
        struct ctx own = {.arena = cx->arena};
        roll_back(t);
        if (find_outcome_in_haste(t)) {
            struct ctx_grace grace = ctx_grace_begin(&own, 5000);
            ask_for_the_rest(g, &own);
            ctx_grace_end(&own, grace);
        }
    } else if (!pg_alive(g->d->pg)) {
        after_loss(t, &e);
        if (e.committed) {
            struct ctx own = {.arena = cx->arena, .deadline = cx->deadline};
            ask_for_the_rest(g, &own);
        }
    } else {
        roll_back(t);
        err_clear(cx);
        g->d->alone = e.ok = true;
    }
    if (!e.ok)
        blame_place(g->done < g->n ? &g->at[g->done].t : t);
    return e.ok;
}

bool run_together(struct ctx *cx, struct deploy *d, size_t from, size_t *taken, struct deploy_report *report)
{
    const struct plan *plan = &d->plan;
    size_t most = 0, failed, statements = 0;
    struct group g = {.cx = cx, .d = d, .report = report, .last_ms = clock_ms()};

    *taken = 0;
    bool alone = d->alone;
    d->alone = false;
    if (alone || d->options.action != DEPLOY_UPDATE)
        return true;
    while (from + most < plan->chosen.n && most < TOGETHER_STATEMENTS / 4 && fit(plan->chosen.at[from + most]->set))
        most++;
    if (most < 2)
        return true;
    g.at = arena_array(cx->arena, most, sizeof *g.at);
    g.first[0] = session_sql(cx, d);
    g.first[1] = d->guard_of != d->locked_by ? lock_prepare_guard(cx, d) : NULL;
    while (g.n < most && g.batch.bytes < TOGETHER_BYTES && g.batch.sql.n < TOGETHER_STATEMENTS &&
           join(&g, plan->chosen.at[from + g.n]))
        statements = g.batch.sql.n;
    bool ok = true;
    if (g.n >= 2) {
        bool sent =
            pg_pipeline_watched(cx, d->pg, g.batch.sql.at, statements, &failed, g.commits.at, g.n, committed, &g);
        if (sent || failed > 2) /* BEGIN, settings, PREPARE */
            d->guard_of = d->locked_by;
        if (!sent && pg_failed_with(cx, "26000")) /* somebody dropped what was prepared */
            d->guard_of = NULL;
        ok = sent || after_failure(&g);
        *taken = g.done;
    }
    withdraw(&g, g.done);
    for (size_t i = 0; i < g.n; i++)
        arena_free(&g.at[i].t.scratch);
    return ok;
}
