/* watch.c - what a run owes to the people around it: how far it is, standing back while the server is busy, and not holding its snapshot for
 * ever; see watch.h.
 *
 * Progress counts rows. What was read is known when a slice has ended; between two of them the rate so far, and before there is one a slow
 * server's, says about how far the slices under way are: called an estimate, and never more than nine tenths of them. What is left is the
 * planner's estimate at first, and what a table's slices had on average as soon as some have ended. */
#include "watch.h"

#include "dbstep/log.h"
#include "sql.h"

enum { ASK_EVERY_MS = 1000, THROTTLED_SLICE = 64 << 20, MONITOR_TIMEOUT_MS = 10000, SLOW_ROWS_PER_MS = 200 };

struct it_watch_side {
    struct it_watch *watch;
    struct it_side *side;
    struct pg *monitor; /* NULL: not throttled */
    bool sessions, lag; /* what is looked at */
    bool above;
    long long asked_ms, paused_since, paused_ms;
};

struct it_watch {
    struct ctx *cx;
    const struct integrity_options *o;
    struct integrity_report *report;
    struct it_watch_side sides[3];
    size_t n;
    struct deadline deadline; /* the run's own */
    long long opened_ms, longest_ms;
    double left;  /* rows expected in what is queued */
    double early; /* before anything is queued: the tables' estimates */
    unsigned long long rows, shown;
    long long jobs_left, connections, started_ms, told_ms; /* told: when rows last grew */
};

struct it_watch *it_watch_new(struct ctx *cx, struct integrity_options *o, struct integrity_report *report)
{
    struct it_watch *w = ARENA_NEW(cx->arena, struct it_watch);

    *w = (struct it_watch){.cx = cx, .o = o, .report = report, .deadline = cx->deadline};
    /* A slice that is under way cannot be held back: small ones can be stopped in between. */
    if ((o->max_active_sessions || o->max_replication_lag) && o->slice_bytes > THROTTLED_SLICE)
        o->slice_bytes = THROTTLED_SLICE;
    it_watch_snapshot(w);
    return w;
}

/* ---- the snapshot's age ---- */

void it_watch_snapshot(struct it_watch *w)
{
    long long now = clock_ms();

    if (w->opened_ms && now - w->opened_ms > w->longest_ms)
        w->longest_ms = now - w->opened_ms;
    w->opened_ms = now;
    w->cx->deadline =
        w->o->max_snapshot_age_ms ? deadline_min(w->deadline, deadline_in(w->o->max_snapshot_age_ms)) : w->deadline;
}

static void explain_age(struct it_watch *w)
{
    struct ctx *cx = w->cx;

    if (!w->o->max_snapshot_age_ms || cx->err.code != E_TIMEOUT || deadline_passed(w->deadline) ||
        clock_ms() - w->opened_ms < w->o->max_snapshot_age_ms)
        return;
    err_clear(cx);
    fail(cx, E_INCONCLUSIVE, "the comparison was given up: its snapshot is older than %s ('max_snapshot_age')",
         text_duration(cx->arena, w->o->max_snapshot_age_ms));
    err_hint(cx, "a snapshot holds back vacuum; allow more, use more connections, or read a clone or a standby");
}

/* ---- throttle ---- */

static bool too_busy(struct it_watch_side *s, const char **why)
{
    struct ctx *cx = s->watch->cx;
    const struct integrity_options *o = s->watch->o;
    PG_ROWS_AUTO rows = {.n = 0};

    if (!pg_query(cx, s->monitor, &rows, sql_integrity_load, 0, NULL))
        return false;
    long long sessions = pg_int(&rows, 0, 0), lag = pg_int(&rows, 0, 1);
    s->above = false;
    if (s->sessions && sessions > o->max_active_sessions) {
        s->above = true;
        *why = arena_printf(cx->arena, "%s, 'max_active_sessions' is %lld",
                            text_plural(cx->arena, sessions, "active session"), o->max_active_sessions);
    } else if (s->lag && lag > o->max_replication_lag) {
        s->above = true;
        *why = arena_printf(cx->arena, "replication lags by %s, 'max_replication_lag' is %s",
                            text_size(cx->arena, (unsigned long long)lag),
                            text_size(cx->arena, (unsigned long long)o->max_replication_lag));
    }
    return true;
}

static bool may_start(struct ctx *cx, void *user, long long *wait_ms)
{
    struct it_watch_side *s = user;
    long long now = clock_ms();
    const char *why = "";
    struct arena_mark mark = arena_mark(cx->arena);

    if (!s->monitor)
        return true;
    if (!s->asked_ms || now - s->asked_ms >= ASK_EVERY_MS) {
        s->asked_ms = now;
        if (!too_busy(s, &why))
            return false;
        if (s->above && !s->paused_since) {
            s->paused_since = now;
            log_info("reading the %s waits: %s", s->side->role, why);
        } else if (!s->above && s->paused_since) {
            s->paused_ms += now - s->paused_since;
            log_info("reading the %s goes on after %s", s->side->role, text_duration(cx->arena, now - s->paused_since));
            s->paused_since = 0;
        }
        arena_reset(cx->arena, mark);
    }
    *wait_ms = s->above ? ASK_EVERY_MS - (now - s->asked_ms) : 0;
    return true;
}

static bool throttle(struct it_watch_side *s, const struct pg_target *target)
{
    const struct integrity_options *o = s->watch->o;
    struct ctx *cx = s->watch->cx;
    struct pg_options options = {
        .role = s->side->role, .application_name = o->application_name, .statement_timeout_ms = MONITOR_TIMEOUT_MS};
    PG_ROWS_AUTO rows = {.n = 0};

    if (!o->max_active_sessions && !o->max_replication_lag)
        return true;
    if (!pg_open(cx, target, &options, &s->monitor) || !pg_query(cx, s->monitor, &rows, sql_integrity_load, 0, NULL))
        return false;
    bool sees = pg_bool(&rows, 0, 2), standby = pg_bool(&rows, 0, 3);
    s->sessions = o->max_active_sessions && sees;
    s->lag = o->max_replication_lag && (sees || standby);
    if ((o->max_active_sessions && !s->sessions) || (o->max_replication_lag && !s->lag))
        it_finding(cx, s->watch->report, INTEGRITY_WARNING, "throttle-blind", NULL,
                   "reading the %s could not be held back by %s: role %s is not shown other roles' sessions",
                   s->side->role,
                   s->sessions || !o->max_active_sessions ? "'max_replication_lag'"
                   : s->lag || !o->max_replication_lag    ? "'max_active_sessions'"
                                                          : "'max_active_sessions' and 'max_replication_lag'",
                   pg_user(s->monitor))
            ->hint = "GRANT pg_read_all_stats (or pg_monitor) to the role";
    if (!s->sessions && !s->lag) {
        pg_close(s->monitor);
        s->monitor = NULL;
    }
    return true;
}

/* ---- progress ---- */

/* What the slices under way have probably read. */
static double guess(const struct it_watch *w, long long now)
{
    long long open = w->jobs_left, since = w->told_ms - w->started_ms;
    double running = (double)(open < w->connections ? open : w->connections);

    for (size_t i = 0; i < w->n; i++)
        if (w->sides[i].above) /* nothing may be under way */
            return 0;
    if (!open)
        return 0;
    double rate = w->rows && since > 0 ? (double)w->rows / (double)since : running * SLOW_ROWS_PER_MS;
    double rows = rate * (double)(now - w->told_ms), most = 0.9 * w->left * running / (double)open;
    return rows < most ? rows : most;
}

static void tell(struct it_watch *w)
{
    unsigned long long done = w->rows + (unsigned long long)guess(w, clock_ms());
    unsigned long long total = w->rows + (unsigned long long)(w->started_ms ? w->left : w->early);

    w->shown = done > w->shown ? done : w->shown;
    log_progress(w->shown > w->rows ? "reading, estimated" : "reading", w->shown < total ? w->shown : total, total,
                 "rows");
}

static bool tick(struct ctx *cx, void *user)
{
    struct it_watch_side *s = user;
    (void)cx;
    if (s->watch->left >= 1 || s->watch->jobs_left || !s->watch->started_ms)
        tell(s->watch);
    return true;
}

/* Never analysed: rows of some hundred bytes are common. */
static long long estimate(const struct it_table *t)
{
    return t->est_rows >= 0 ? t->est_rows : t->bytes / 128;
}

static double expected(const struct it_pass *p)
{
    double jobs = (double)p->jobs, left = (double)p->jobs_left;

    if (p->jobs > p->jobs_left)
        return (double)p->rows_read / (jobs - left) * left;
    return (double)p->rows_expected * left / jobs;
}

void it_watch_queued(struct it_pass *p)
{
    if (!p->side->watch || !p->jobs_left)
        return;
    p->jobs = p->jobs_left;
    p->rows_read = 0;
    p->rows_expected = p->only ? 0 : estimate(p->table);
    p->side->watch->watch->left += expected(p);
    p->side->watch->watch->jobs_left += (long long)p->jobs;
    if (!p->side->watch->watch->started_ms)
        p->side->watch->watch->started_ms = p->side->watch->watch->told_ms = clock_ms();
}

void it_watch_took(struct it_pass *p)
{
    long long rows = p->rows_arrived;
    struct it_watch *w = p->side->watch ? p->side->watch->watch : NULL;

    if (!w || !p->jobs)
        return;
    /* p->jobs_left is one less already. */
    p->jobs_left++;
    w->left -= expected(p);
    p->jobs_left--;
    p->rows_read += rows;
    p->rows_arrived = 0;
    w->left += expected(p);
    w->left = w->left < 0 ? 0 : w->left;
    w->jobs_left--;
    w->rows += (unsigned long long)rows;
    w->told_ms = clock_ms();
    tell(w);
}

void it_watch_expect(struct it_side *side, unsigned long long rows)
{
    if (side->watch)
        side->watch->watch->left += (double)rows;
}

bool it_watch_read(struct ctx *cx, struct it_side *side, unsigned long long rows)
{
    long long wait_ms = 0;

    if (!side->watch)
        return true;
    struct it_watch *w = side->watch->watch;
    w->rows += rows;
    w->left = w->left > (double)rows ? w->left - (double)rows : 0;
    w->told_ms = clock_ms();
    tell(w);
    for (;;) {
        if (!may_start(cx, side->watch, &wait_ms))
            return false;
        if (wait_ms <= 0)
            return true;
        if (!ctx_sleep(cx, wait_ms, "reading waited for the server to have less to do"))
            return false;
        tell(w);
    }
}

/* ---- beginning and end ---- */

bool it_watch_side(struct it_watch *w, struct it_side *side, const struct pg_target *target)
{
    struct it_watch_side *s = &w->sides[w->n++];

    *s = (struct it_watch_side){.watch = w, .side = side};
    if (!throttle(s, target))
        return false;
    side->watch = s;
    for (size_t i = 0; i < side->tables.n; i++)
        w->early += side->tables.at[i].skip ? 0 : (double)estimate(&side->tables.at[i]);
    w->connections += pg_pool_size(side->pool);
    pg_pool_set_watch(side->pool,
                      &(struct pg_pool_watch){.may_start = s->monitor ? may_start : NULL, .tick = tick, .user = s});
    return true;
}

void it_watch_done(struct it_watch *w)
{
    w->left = 0;
    w->jobs_left = 0;
    log_progress_done();
}

void it_watch_end(struct it_watch *w, bool ok)
{
    struct integrity_report *r = w->report;

    if (!ok)
        explain_age(w);
    w->cx->deadline = w->deadline;
    it_watch_done(w);
    for (size_t i = 0; i < w->n; i++) {
        struct it_watch_side *s = &w->sides[i];
        if (s->monitor && pg_pool_size(s->side->pool) + 1 > r->connections_used)
            r->connections_used = pg_pool_size(s->side->pool) + 1;
        if (s->paused_ms)
            it_proof(w->cx, r,
                     "reading the %s stood still for %s in all, because the server had more to do than was allowed",
                     s->side->role, text_duration(w->cx->arena, s->paused_ms));
        r->paused_ms = s->paused_ms > r->paused_ms ? s->paused_ms : r->paused_ms;
        pg_close(s->monitor);
        s->monitor = NULL;
        s->side->watch = NULL;
    }
    it_watch_snapshot(w);
    w->cx->deadline = w->deadline;
    if (ok && w->n)
        it_proof(w->cx, r, "no snapshot was held longer than %s", text_duration(w->cx->arena, w->longest_ms));
}
