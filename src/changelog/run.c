/* run.c - one changeset: its preconditions, its statements, its row in the history; see deploy.h for what belongs to one
 * transaction. */
#include <string.h>

#include "dbstep/log.h"
#include "deploy_internal.h"
#include "sql.h"

#define BATCH_BYTES 65536 /* statements are sent together up to this size: one round trip for most changesets */
#define BATCH_MAX 200

/* One attempt at one changeset. Copies of its statements live in `scratch` and go with it. */
struct attempt {
    struct ctx *cx;
    struct deploy *d;
    const struct plan_item *item;
    const struct changeset *cs;
    struct arena scratch;
    size_t statements;     /* in all */
    bool own_transactions; /* it says BEGIN or COMMIT itself, or COPY, which a pipeline cannot carry */
    bool one_by_one;       /* a text may hold several statements: no extended protocol */
    bool committed_inside; /* something of it stays although it failed */
    bool commit_sent;
    const char *row; /* the statement for the history */
};

const char *session_sql(struct ctx *cx, struct deploy *d, bool concurrently)
{
    struct arena *a = cx->arena;
    struct str sql = str_new(a);
    /* The default schema first, then the session's own path, as Liquibase sets it before every changeset. */
    str_addf(&sql, "SELECT set_config('search_path', %s, false)",
             pg_literal(cx, d->pg, arena_printf(a, "%s, %s", pg_ident(cx, d->pg, d->default_schema), d->search_path)));
    str_addf(&sql, ", set_config('lock_timeout', '%lldms', false)", concurrently ? 0 : d->options.lock_timeout_ms);
    str_addf(&sql, ", set_config('statement_timeout', '%lldms', false)", d->options.statement_timeout_ms);
    return sql.s;
}

/* ---- walking through the statements of a changeset ---- */

struct walk {
    struct attempt *t;
    struct ctx sx;
    size_t change, nth; /* nth: of the changeset, from 1 */
    struct splitter *splitter;
};

static const struct change *walk_change(const struct walk *w)
{
    return &w->t->cs->changes.at[w->change - 1];
}

static bool walk_next(struct walk *w, struct statement *out, bool *more)
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

static void walk_end(struct walk *w)
{
    split_end(w->splitter);
    w->splitter = NULL;
}

#define WALK_AUTO __attribute__((cleanup(walk_end))) struct walk

static struct walk walk_start(struct attempt *t)
{
    return (struct walk){.t = t, .sx = {.arena = &t->scratch}};
}

/* What the statements are like, before the first one is sent; they also go into the report's script. */
static bool look_ahead(struct attempt *t, struct str *script)
{
    WALK_AUTO w = walk_start(t);
    struct statement s;
    bool more;

    for (size_t i = 0; i < t->cs->changes.n; i++)
        t->one_by_one = t->one_by_one || !t->cs->changes.at[i].split;
    t->one_by_one = t->one_by_one || t->d->options.split == SPLIT_LIQUIBASE;
    for (;;) {
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        t->statements++;
        t->own_transactions =
            t->own_transactions || statement_controls_transaction(s.text) || statement_is_copy(s.text);
        str_addn(script, s.text, s.len);
        str_add(script, text_ends(s.text, ";") ? "\n" : ";\n");
    }
    return true;
}

/* The recorded error, in terms of the changeset; walks to the statement once more to learn where its bytes came from. */
static void blame(struct attempt *t, size_t nth)
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
        size_t at = position > 0 ? position_to_offset(s.text, position) : 0;
        statement_fault(t->cx, t->d, t->cs, walk_change(&w), s.text, nth, t->statements,
                        split_source_offset(w.splitter, at < s.len ? at
                                                        : s.len    ? s.len - 1
                                                                   : 0),
                        position > 0);
    }
}

/* ---- in one transaction ---- */

struct batch {
    VEC(const char *) sql;
    VEC(size_t) nth; /* which statement of the changeset; 0: one of ours */
    size_t bytes;
};

static void batch_add(struct attempt *t, struct batch *b, const char *sql, size_t nth)
{
    *VEC_PUSH(&t->scratch, &b->sql) = sql;
    *VEC_PUSH(&t->scratch, &b->nth) = nth;
    b->bytes += strlen(sql);
}

static bool batch_send(struct attempt *t, struct batch *b)
{
    size_t failed = 0;
    bool ok = pg_pipeline(t->cx, t->d->pg, b->sql.at, b->sql.n, &failed);
    if (!ok && failed < b->nth.n && b->nth.at[failed])
        blame(t, b->nth.at[failed]);
    b->sql.n = b->nth.n = b->bytes = 0;
    return ok;
}

static bool run_pipelined(struct attempt *t)
{
    WALK_AUTO w = walk_start(t);
    struct batch b = {0};
    struct statement s;
    bool more;

    batch_add(t, &b, "BEGIN", 0);
    batch_add(t, &b, session_sql(t->cx, t->d, false), 0);
    for (;;) {
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        batch_add(t, &b, arena_strndup(&t->scratch, s.text, s.len), w.nth);
        if ((b.bytes > BATCH_BYTES || b.sql.n >= BATCH_MAX) && !batch_send(t, &b))
            return false;
    }
    batch_add(t, &b, t->row, 0);
    batch_add(t, &b, "COMMIT", 0);
    t->commit_sent = true;
    return batch_send(t, &b);
}

/* Texts that may hold several statements, or BEGIN and COMMIT of their own: each is waited for. As under JDBC, there is always a
 * transaction, whatever the last text ended. */
static bool run_one_by_one(struct attempt *t)
{
    WALK_AUTO w = walk_start(t);
    struct pg *pg = t->d->pg;
    struct statement s;
    bool more;

    if (!pg_exec(t->cx, pg, "BEGIN") || !pg_exec(t->cx, pg, session_sql(t->cx, t->d, false)))
        return false;
    for (;;) {
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        if (!pg_in_transaction(pg) && !pg_exec(t->cx, pg, "BEGIN"))
            return false;
        if (!pg_exec(t->cx, pg, s.text)) {
            blame(t, w.nth);
            return false;
        }
        if (!pg_in_transaction(pg) && !t->committed_inside) {
            t->committed_inside = true;
            log_warning("changeset %s ends its transaction itself: what it did so far stays, even if the rest fails",
                        changeset_name(t->cx->arena, t->cs));
        }
    }
    struct batch b = {0};
    if (!pg_in_transaction(pg))
        batch_add(t, &b, "BEGIN", 0);
    batch_add(t, &b, t->row, 0);
    batch_add(t, &b, "COMMIT", 0);
    t->commit_sent = true;
    return batch_send(t, &b);
}

static void roll_back(struct attempt *t)
{
    struct ctx cx = {.arena = t->cx->arena};
    struct ctx_grace g = ctx_grace_begin(&cx, 5000);
    if (pg_alive(t->d->pg) && pg_in_transaction(t->d->pg))
        pg_exec(&cx, t->d->pg, "ROLLBACK");
    ctx_grace_end(&cx, g);
}

/* The connection is gone: is the row there? *committed is the answer. */
static bool find_outcome(struct attempt *t, bool *committed)
{
    struct ctx *cx = t->cx;
    struct err lost = cx->err;
    const struct ran *ran = t->item->ran;
    const char *name = changeset_name(cx->arena, t->cs);
    const char *params[] = {ran ? ran->id : t->cs->id, ran ? ran->author : t->cs->author, ran ? ran->path : t->cs->path,
                            t->d->deployment_id};
    long long n = 0;

    *committed = false;
    log_warning("connection lost during changeset %s: connecting again to learn its outcome", name);
    err_clear(cx);
    bool known = lock_recover(cx, t->d) &&
                 pg_query_int(cx, t->d->pg, &n, deploy_sql(cx, t->d, sql_changelog_history_find), 4, params);
    if (known && n > 0) {
        log_info("changeset %s was committed before the connection was lost", name);
        *committed = true;
        return true;
    }
    struct err why = cx->err;
    err_clear(cx);
    if (known || !t->commit_sent) {
        fail(cx, E_UNREACHABLE, "connection lost during changeset %s; nothing of it was applied", name);
        err_hint(cx, "run the stage again; the server's log says why the session ended");
    } else {
        fail(cx, E_OUTCOME_UNKNOWN, "connection lost while changeset %s was committed, and the server cannot be asked",
             name);
        err_hint(cx, "run the stage again: the row in %s was written in the same transaction, so it tells",
                 t->d->history);
    }
    err_detail(cx, "%s%s%s%s", lost.message, *lost.detail ? "\n" : "", lost.detail,
               known ? "" : arena_printf(cx->arena, "\n%s", why.message));
    return false;
}

/* ---- statement by statement, without a transaction ---- */

static bool may_retry(const struct ctx *cx)
{
    return pg_failed_with(cx, "55P03") || pg_failed_with(cx, "40P01") || pg_failed_with(cx, "40001");
}

/* A pause that doubles, so that whoever holds the lock gets on; false when the time or the tries are used up. */
static bool back_off(struct attempt *t, long long *tries)
{
    struct ctx *cx = t->cx;
    if (!may_retry(cx) || *tries >= t->d->options.lock_retries)
        return false;
    struct err e = cx->err;
    long long pause = 250LL << (*tries < 5 ? *tries : 5);
    ++*tries;
    log_info("changeset %s waits %s for a lock that others hold (try %lld of %lld): %s",
             changeset_name(cx->arena, t->cs), text_duration(cx->arena, pause), *tries, t->d->options.lock_retries,
             e.message);
    err_clear(cx);
    return ctx_sleep(cx, pause, "waiting before the next attempt at a lock");
}

static bool index_state(struct attempt *t, const char *index, bool *exists, bool *valid)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {index};
    if (!pg_query(t->cx, t->d->pg, &rows, sql_changelog_index_state, 1, params))
        return false;
    *exists = rows.n > 0;
    *valid = rows.n && pg_bool(&rows, 0, 0);
    return true;
}

/* After an attempt that may have got anywhere: is CREATE or DROP INDEX CONCURRENTLY done? What is half done is removed. */
static bool settle_index(struct attempt *t, const char *sql, bool *done)
{
    bool create, exists, valid;
    const char *index = statement_index(t->cx->arena, sql, &create);
    *done = false;
    if (!index)
        return true;
    if (!index_state(t, index, &exists, &valid))
        return false;
    *done = create ? exists && valid : !exists;
    if (!create || !exists || valid)
        return true;
    log_info("removing the invalid index %s that an earlier attempt left", index);
    return pg_execf(t->cx, t->d->pg, "DROP INDEX CONCURRENTLY IF EXISTS %s", index);
}

static bool run_statement(struct attempt *t, const struct statement *s, bool resumed)
{
    struct ctx *cx = t->cx;
    struct pg *pg = t->d->pg;
    bool concurrent = statement_is_concurrent(s->text), done = false, create, exists, valid;

    if (resumed && !settle_index(t, s->text, &done))
        return false;
    if (done)
        return true;
    if (!pg_exec(cx, pg, session_sql(cx, t->d, concurrent)))
        return false;
    for (long long tries = 0; !pg_exec(cx, pg, s->text);) {
        if (!back_off(t, &tries))
            return false;
        if (!settle_index(t, s->text, &done) || done)
            return done;
    }
    const char *index = concurrent ? statement_index(cx->arena, s->text, &create) : NULL;
    if (!index || !create)
        return true;
    if (!index_state(t, index, &exists, &valid))
        return false;
    if (exists && !valid) {
        fail(cx, E_VERIFY, "the index %s was built but is not valid (%s)", index, pg_where(pg));
        err_hint(cx, "DROP INDEX CONCURRENTLY %s; then run the stage again", index);
        return false;
    }
    return true;
}

static bool run_outside(struct attempt *t, bool *half)
{
    WALK_AUTO w = walk_start(t);
    struct ctx *cx = t->cx;
    struct deploy *d = t->d;
    struct arena *a = cx->arena;
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *total = arena_printf(a, "%zu", t->statements);
    const char *params[] = {t->cs->id, t->cs->author, t->cs->path, t->item->sum, total, d->deployment_id};
    size_t done = 0;
    struct statement s;
    bool more, resumed = false;

    if (!pg_exec(cx, d->pg, deploy_sql(cx, d, sql_changelog_progress_create)) ||
        !pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql_changelog_progress_read), 3, params))
        return false;
    if (rows.n && text_equal(pg_text(&rows, 0, 0), t->item->sum) && text_equal(pg_text(&rows, 0, 2), total)) {
        done = (size_t)pg_int(&rows, 0, 1);
        resumed = true;
        log_warning("changeset %s was left unfinished at %s with %zu of %s statements done: going on there",
                    changeset_name(a, t->cs), pg_text(&rows, 0, 3), done, total);
    } else if (!pg_query(cx, d->pg, NULL, deploy_sql(cx, d, sql_changelog_progress_start), 6, params)) {
        return false;
    }
    *half = done > 0;
    for (;;) {
        if (!walk_next(&w, &s, &more))
            return false;
        if (!more)
            break;
        if (w.nth <= done)
            continue;
        if (!run_statement(t, &s, resumed && w.nth == done + 1)) {
            *half = *half || statement_is_concurrent(s.text) || !pg_alive(d->pg);
            if (pg_alive(d->pg) && cx->err.code != E_INTERRUPTED)
                blame(t, w.nth);
            if (*half)
                err_hint(
                    cx,
                    "%zu of %s statements are done and noted in %s; mend the cause and run the stage again: it goes on with "
                    "statement %zu",
                    w.nth - 1, total, d->progress, w.nth);
            return false;
        }
        *half = true;
        params[3] = arena_printf(a, "%zu", w.nth);
        if (!pg_query(cx, d->pg, NULL, deploy_sql(cx, d, sql_changelog_progress_step), 4, params))
            return false;
    }
    /* The table goes with its last note, so that a finished deploy leaves only Liquibase's tables. */
    long long notes = 0;
    if (!pg_query_int(cx, d->pg, &notes, deploy_sql(cx, d, sql_changelog_progress_count), 0, NULL))
        return false;
    const char *const pairs[] = {"progress", d->progress,
                                 "id",       pg_literal(cx, d->pg, t->cs->id),
                                 "author",   pg_literal(cx, d->pg, t->cs->author),
                                 "filename", pg_literal(cx, d->pg, t->cs->path),
                                 NULL};
    struct batch b = {0};
    batch_add(t, &b, "BEGIN", 0);
    batch_add(t, &b, t->row, 0);
    batch_add(t, &b,
              notes > 1 ? pg_fill(cx, sql_changelog_progress_end, pairs) : deploy_sql(cx, d, "DROP TABLE {progress}"),
              0);
    batch_add(t, &b, "COMMIT", 0);
    t->commit_sent = true;
    return batch_send(t, &b);
}

/* ---- a changeset ---- */

static bool mark_ran(struct attempt *t)
{
    struct batch b = {0};
    batch_add(t, &b, "BEGIN", 0);
    batch_add(t, &b, t->row, 0);
    batch_add(t, &b, "COMMIT", 0);
    t->commit_sent = true;
    return batch_send(t, &b);
}

/* What the preconditions decide: run it (*run), or the outcome without running. */
static bool ask_first(struct attempt *t, struct deploy_step *step, bool *run)
{
    const struct preconditions *pre = &t->cs->preconditions;
    struct ctx *cx = t->cx;
    enum pre_result result;
    const char *why;

    *run = true;
    if (!pre->list.n)
        return true;
    if (!pg_exec(cx, t->d->pg, "BEGIN") || !pg_exec(cx, t->d->pg, session_sql(cx, t->d, false)))
        return false;
    bool ok = preconditions_check(cx, t->d, pre, &result, &why);
    roll_back(t);
    if (!ok)
        return false;
    if (result == PRE_HOLDS)
        return true;
    enum reaction r = result == PRE_FAILS ? pre->on_fail : pre->on_error;
    step->note = why;
    switch (r) {
    case REACT_WARN:
        log_warning("precondition of changeset %s does not hold (%s); it runs all the same",
                    changeset_name(cx->arena, t->cs), why);
        return true;
    case REACT_MARK_RAN: step->outcome = STEP_MARK_RAN; break;
    case REACT_CONTINUE: step->outcome = STEP_SKIPPED; break;
    case REACT_HALT:
        fail(cx, E_GUARD, "the precondition of changeset %s does not hold", changeset_name(cx->arena, t->cs));
        err_detail(cx, "%s", why);
        err_place(cx, t->cs->file, pre->list.at[0].line, 1);
        err_hint(cx, "bring the database to where the precondition holds, or give it an onFail that goes on");
        return false;
    }
    *run = false;
    return true;
}

static void free_attempt(struct attempt *t)
{
    arena_free(&t->scratch);
}

bool changeset_run(struct ctx *cx, struct deploy *d, const struct plan_item *item, struct deploy_report *report)
{
    __attribute__((cleanup(free_attempt))) struct attempt t = {.cx = cx, .d = d, .item = item, .cs = item->set};
    const struct changeset *cs = item->set;
    const char *name = changeset_name(cx->arena, cs);
    long long started = clock_ms(), order = d->max_order + 1;
    bool run, ok, half = false;
    struct deploy_step step = {.set = cs, .outcome = item->ran ? STEP_RERAN : STEP_EXECUTED, .note = ""};

    str_addf(&report->sql, "-- changeset %s (%s:%d)\n", name, cs->file, cs->line);
    if (!look_ahead(&t, &report->sql) || !ask_first(&t, &step, &run))
        return false;
    if (!run && step.outcome == STEP_SKIPPED) {
        *VEC_PUSH(cx->arena, &report->steps) = step;
        log_info("changeset %s is left out: %s", name, step.note);
        return true;
    }
    static const char *const exectypes[] = {"EXECUTED", "RERAN", "MARK_RAN"};
    t.row = history_row_sql(cx, d, item, exectypes[step.outcome], order);
    str_addf(&report->sql, "%s;\n\n", t.row);

    for (;;) {
        t.committed_inside = t.commit_sent = false;
        ok = !run                                 ? mark_ran(&t)
             : !cs->run_in_transaction            ? run_outside(&t, &half)
             : t.own_transactions || t.one_by_one ? run_one_by_one(&t)
                                                  : run_pipelined(&t);
        if (ok)
            break;
        half = half || t.committed_inside;
        if (!pg_alive(d->pg) && cx->err.code != E_INTERRUPTED) {
            if (!find_outcome(&t, &ok))
                break;
            ok = true;
            break;
        }
        roll_back(&t);
        if (cs->run_in_transaction && !t.committed_inside && back_off(&t, &step.retries))
            continue;
        break;
    }
    step.ms = clock_ms() - started;
    if (!ok && half && cx->err.code != E_INTERRUPTED && cx->err.code != E_OUTCOME_UNKNOWN && cx->err.code != E_VERIFY)
        cx->err.code = cs->run_in_transaction || pg_alive(d->pg) ? E_PARTIAL : E_OUTCOME_UNKNOWN;
    if (!ok && !cs->fail_on_error && !half && pg_alive(d->pg) && cx->err.code != E_INTERRUPTED &&
        cx->err.code != E_UNREACHABLE && cx->err.code != E_OUTCOME_UNKNOWN &&
        !(cx->err.code == E_TIMEOUT && !cx->err.sqlstate[0])) {
        step.outcome = STEP_FAILED;
        step.note = arena_strdup(cx->arena, cx->err.message);
        log_warning("%s; the run goes on because of failOnError:false", cx->err.message);
        err_clear(cx);
        *VEC_PUSH(cx->arena, &report->steps) = step;
        report->failed++;
        return true;
    }
    if (!ok) {
        if (cx->err.code != E_OK && !strstr(cx->err.message, name))
            err_detail(cx, "during changeset %s", name);
        err_place(cx, cs->file, cs->line, 1);
        return false;
    }
    log_info("changeset %s %s in %s", name,
             step.outcome == STEP_MARK_RAN ? "marked as ran"
             : item->ran                   ? "ran again"
                                           : "ran",
             text_duration(cx->arena, step.ms));
    *VEC_PUSH(cx->arena, &report->steps) = step;
    report->applied++;
    d->max_order = order;
    return true;
}
