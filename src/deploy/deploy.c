/* deploy.c - the order of a deploy: lock, read again, run, tag, verify, release. */
#include <stdio.h>
#include <string.h>

#include "attempt.h"
#include "dbstep/log.h"
#include "sql.h"

#define STATEMENTS_MAX (1u << 20) /* bytes; the script has them all */

bool deploy_open(struct ctx *cx, const struct pg_target *target, const struct deploy_options *options,
                 const struct changelog *log, struct deploy **out)
{
    struct deploy *d = ARENA_NEW(cx->arena, struct deploy);
    struct pg_options o = {.role = "database"};

    *d = (struct deploy){.cx = cx, .target = target, .options = *options, .log = log};
    d->kept = ARENA_NEW(cx->arena, struct kept_rows *);
    d->deployment_id = arena_printf(cx->arena, "%010lld", clock_wall_ms() % 10000000000LL);
    *out = d;
    if (!pg_open(cx, target, &o, &d->pg) || !history_open(cx, d))
        return false;
    plan_make(cx, d);
    return true;
}

void deploy_close(struct deploy *d)
{
    if (!d)
        return;
    lock_release(d);
    pg_close(d->pg);
    d->pg = NULL;
    history_forget(d);
}

static bool bring_sums_up_to_date(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    if (!d->plan.new_sums)
        return true;
    if (!pg_exec(cx, d->pg, "BEGIN"))
        return false;
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        if (!item->new_sum)
            continue;
        log_info("upgrading the checksum of changeset %s from %s to %s", changeset_name(cx->arena, item->set),
                 *item->ran->md5sum ? item->ran->md5sum : "none", item->sum);
        const char *sql = history_resum_sql(cx, d, item);
        str_addf(&report->sql, "%s;\n", sql);
        if (!pg_exec(cx, d->pg, sql))
            return false;
        report->new_sums++;
    }
    return pg_exec(cx, d->pg, "COMMIT");
}

static bool put_tag(struct ctx *cx, struct deploy *d, struct deploy_report *report, const char *tag)
{
    const char *params[] = {tag};
    const char *sql = deploy_sql(cx, d, sql_deploy_history_tag);
    str_addf(&report->sql, "%s;\n", text_replace(cx->arena, sql, "$1", pg_literal(cx, d->pg, tag)));
    return pg_query(cx, d->pg, NULL, sql, 1, params);
}

/* A tag needs a row to be put on. Liquibase makes one of an empty changeset of its own, named after the time. */
static bool put_empty_row(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    struct changeset empty = {.id = arena_printf(cx->arena, "%lld", clock_wall_ms()),
                              .author = HISTORY_OWN_AUTHOR,
                              .path = HISTORY_OWN_PATH,
                              .filename = HISTORY_OWN_PATH,
                              .comments = ""};
    struct plan_item item = {.set = &empty};

    changeset_checksum(cx->arena, &empty, CHECKSUM_V9, item.sum);
    const char *sql = history_row_sql(cx, d, &item, "EXECUTED", d->max_order + 1);
    str_addf(&report->sql, "%s;\n", sql);
    d->max_order++;
    return pg_exec(cx, d->pg, sql);
}

/* Changesets that ran before must still stand in the history: without its row a changeset runs again in the next deploy. */
static bool verify_earlier(struct ctx *cx, struct deploy *d)
{
    struct deploy now = *d;

    now.rows = (typeof(now.rows)){0};
    if (!history_read(cx, &now))
        return false;
    plan_make(cx, &now);
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *before = &d->plan.items.at[i], *after = &now.plan.items.at[i];
        if (!before->ran || after->ran)
            continue;
        fail(cx, E_VERIFY, "changeset %s ran in an earlier deploy, and this one removed its row from %s",
             changeset_name(cx->arena, before->set), d->history);
        err_place(cx, before->set->file, before->set->line, 1);
        err_hint(cx,
                 "it would run again: put the row back, or take the statement that deletes it out of the changelog");
        return false;
    }
    return true;
}

/* The history must say what this run claims; it also tells the transactions, from the rows' xmin. */
static bool verify(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *params[] = {d->deployment_id};
    struct arena *a = cx->arena;
    int next = 0; /* rows come in the order of the steps */

    report->xids.n = 0;
    if (!report->applied) {
        report->verified = true;
        return true;
    }
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql_deploy_history_verify), 1, params))
        return false;
    for (size_t i = 0; i < report->steps.n; i++) {
        const struct deploy_step *step = &report->steps.at[i];
        char sum[CHECKSUM_MAX];
        int at = -1;
        if (step->outcome == STEP_FAILED || step->outcome == STEP_SKIPPED)
            continue;
        changeset_checksum(a, step->set, CHECKSUM_V9, sum);
        for (int n = 0, k = next; n < rows.n && at < 0; n++, k = (k + 1) % rows.n)
            if (text_equal_nocase(pg_text(&rows, k, 0), step->set->id) &&
                text_equal_nocase(pg_text(&rows, k, 1), step->set->author) &&
                text_equal_nocase(changelog_path_normalise(a, pg_text(&rows, k, 2)), step->set->path))
                at = k;
        if (at < 0 || !text_equal(pg_text(&rows, at, 3), sum)) {
            fail(cx, E_VERIFY, "changeset %s ran, but its row in %s is %s", changeset_name(a, step->set), d->history,
                 at < 0 ? "missing" : "another");
            err_hint(cx, "somebody else writes to the history, or one of the changesets does");
            return false;
        }
        next = (at + 1) % rows.n;
        if (step->outcome != STEP_MARK_RAN && !step->outside)
            *VEC_PUSH(a, &report->xids) = arena_strdup(a, pg_text(&rows, at, 5));
    }
    if (!verify_earlier(cx, d))
        return false;
    report->verified = true;
    return true;
}

/* A run that failed has transactions, too. */
static void tell_transactions(struct deploy *d, struct deploy_report *report)
{
    struct ctx own = {.arena = d->cx->arena};
    if (!report->applied || !pg_alive(d->pg))
        return;
    struct ctx_grace g = ctx_grace_begin(&own, 5000);
    if (pg_in_transaction(d->pg))
        pg_exec(&own, d->pg, "ROLLBACK");
    if (!verify(&own, d, report))
        log_warning("the transaction ids of this run are not known: %s", own.err.message);
    ctx_grace_end(&own, g);
}

static size_t count_left(const struct deploy *d, const struct deploy_report *report)
{
    size_t done = 0;
    for (size_t i = 0; i < report->steps.n; i++)
        done += report->steps.at[i].outcome != STEP_FAILED && report->steps.at[i].outcome != STEP_SKIPPED;
    return d->plan.to_run > done ? d->plan.to_run - done : 0;
}

static bool run_all(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    for (size_t i = 0, taken; i < d->plan.chosen.n; i += taken) {
        if (!ctx_alive(cx, "running changesets") || !run_together(cx, d, i, &taken, report))
            return false;
        if (!taken && !changeset_run(cx, d, d->plan.chosen.at[i], report))
            return false;
        taken += !taken;
        log_progress("changesets", report->steps.n, d->plan.chosen.n, "changesets");
    }
    log_progress_done();
    return true;
}

static bool update(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    struct arena *a = cx->arena;

    report->left = d->plan.to_run;
    if (!deploy_check(cx, d) || (d->plan.chosen.n && !deploy_check_changelog(cx, d)))
        return false;
    const struct ran *last = deploy_last(d);
    report->pre_start_tag = last ? last->tag : "";
    if (d->options.tag_before && d->plan.chosen.n && (!last || !*last->tag)) {
        const char *tag = arena_printf(a, "dbstep-%s", d->deployment_id);
        if ((!last && !put_empty_row(cx, d, report)) || !put_tag(cx, d, report, tag))
            return false;
        report->pre_start_tag = tag;
    }
    if (!bring_sums_up_to_date(cx, d, report) || !run_all(cx, d, report))
        return false;
    if (!text_empty(d->options.tag)) {
        if (d->rows.n || report->applied) {
            if (!put_tag(cx, d, report, d->options.tag))
                return false;
        } else {
            log_warning("the history is empty, so there is no row to put the tag '%s' on", d->options.tag);
        }
    }
    return verify(cx, d, report);
}

/* What failed after something was applied is no longer "nothing changed". */
static void settle(struct ctx *cx, const struct deploy_report *report)
{
    if (!report->applied || cx->err.code == E_OK)
        return;
    enum err_code code = cx->err.code;
    if (code == E_REJECTED || code == E_PERMISSION || code == E_CAPACITY || code == E_TIMEOUT || code == E_GUARD ||
        code == E_CHANGELOG)
        cx->err.code = E_PARTIAL;
    size_t n = strlen(cx->err.detail);
    bool back = report->steps.n && report->steps.at[0].outcome == STEP_ROLLED_BACK;
    snprintf(cx->err.detail + n, sizeof cx->err.detail - n,
             "%s%s of this run %s %s before; the next run goes on behind %s", n ? "\n" : "",
             text_plural(cx->arena, (long long)report->applied, "changeset"), report->applied == 1 ? "was" : "were",
             back ? "rolled back" : "applied and recorded", report->applied == 1 ? "it" : "them");
}

void begin_report(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    const struct ran *last = deploy_last(d);
    *report = (struct deploy_report){.deployment_id = "",
                                     .pre_start_tag = last ? last->tag : "",
                                     .left = d->plan.to_run,
                                     .sql = str_new(cx->arena),
                                     .statements = {.most = STATEMENTS_MAX}};
}

bool under_lock(struct ctx *cx, struct deploy *d, struct deploy_report *report, under_lock_fn body, const void *user)
{
    begin_report(cx, d, report);
    if (!lock_take(cx, d))
        return false;
    report->locked = true;
    /* Somebody may have made the tables, or run, while this run waited. */
    bool ok = history_prepare(cx, d) && history_read(cx, d);
    if (ok) {
        plan_make(cx, d);
        ok = body(cx, d, report, user);
    }
    lock_release(d);
    report->deployment_id = report->applied ? d->deployment_id : "";
    if (!ok)
        settle(cx, report);
    return ok;
}

static bool run(struct ctx *cx, struct deploy *d, struct deploy_report *report, const void *user)
{
    (void)user;
    bool ok = update(cx, d, report);
    if (!ok && !report->verified)
        tell_transactions(d, report);
    report->left = count_left(d, report);
    return ok;
}

bool deploy_run(struct ctx *cx, struct deploy *d, struct deploy_report *report)
{
    if (deploy_needed(d))
        return under_lock(cx, d, report, run, NULL);
    begin_report(cx, d, report);
    report->verified = true;
    return lock_tidy(cx, d);
}

static bool tag_alone(struct ctx *cx, struct deploy *d, struct deploy_report *report, const void *user)
{
    if (!d->rows.n && !put_empty_row(cx, d, report))
        return false;
    return put_tag(cx, d, report, user);
}

bool deploy_put_tag(struct ctx *cx, struct deploy *d, const char *tag, struct deploy_report *report)
{
    return under_lock(cx, d, report, tag_alone, tag);
}

static bool clear_sums(struct ctx *cx, struct deploy *d, struct deploy_report *report, const void *user)
{
    size_t *cleared = *(size_t *const *)user;
    PG_ROWS_AUTO rows = {.handle = NULL};
    const char *sql = deploy_sql(cx, d, sql_deploy_history_clear_sums);
    str_addf(&report->sql, "%s;\n", sql);
    if (!pg_query(cx, d->pg, &rows, sql, 0, NULL))
        return false;
    *cleared = (size_t)rows.affected;
    return true;
}

bool deploy_clear_sums(struct ctx *cx, struct deploy *d, size_t *cleared, struct deploy_report *report)
{
    *cleared = 0;
    return under_lock(cx, d, report, clear_sums, &cleared);
}
