/* preview.c - the script that a deploy would run, in the order of Liquibase's update-sql; nothing is written to the database. */
#include <string.h>

#include "deploy_internal.h"
#include "sql.h"

static void line(struct str *out, const char *sql)
{
    str_add(out, sql);
    str_add(out, ";\n\n");
}

/* Liquibase quotes every item of the session's own path. */
static void add_items(struct arena *a, const char *list, struct str *out)
{
    for (const char *p = list; *p;) {
        size_t n = 0;
        for (bool quoted = false; p[n] && (quoted || p[n] != ','); n++)
            quoted = quoted != (p[n] == '"');
        const char *item = text_trim(a, arena_strndup(a, p, n));
        if (*item)
            str_addf(out, *item == '"' ? "%s%s" : "%s\"%s\"", p == list ? ", " : ",", item);
        p += n + (p[n] == ',');
    }
}

static void path(struct ctx *cx, struct deploy *d, struct str *out)
{
    str_addf(out, "SET SEARCH_PATH TO %s", d->work_schema);
    add_items(cx->arena, d->search_path, out);
    str_add(out, ";\n\n");
}

/* For a comment line: what a property put into an id must not start a line of its own. */
static const char *one_line(struct arena *a, const char *text)
{
    return text_replace(a, text_replace(a, text, "\n", " "), "\r", " ");
}

static bool statements(struct ctx *cx, struct deploy *d, const struct work *work, struct str *out, struct sent *sent,
                       bool *path_changed)
{
    WALK_AUTO w = work_walk(cx, d, work, cx->arena);
    struct statement st;
    bool more;

    *path_changed = false;
    for (;;) {
        if (!walk_next(&w, &st, &more))
            return false;
        if (!more)
            return true;
        /* As in a run, the next changeset does not inherit a path that this one set. */
        *path_changed = *path_changed || strcasestr(st.text, "search_path") || strcasestr(st.text, "discard") ||
                        strcasestr(st.text, "reset");
        sent_add(cx->arena, sent, &st);
        str_addn(out, st.text, st.len);
        str_addf(out, "%s\n\n", statement_end(st.text, st.len));
    }
}

static void begin_script(struct ctx *cx, struct deploy *d, struct str *out, const char *title)
{
    struct arena *a = cx->arena;

    path(cx, d, out);
    if (!d->lock_exists) {
        str_add(out, "-- Create Database Lock Table\n");
        line(out, deploy_sql(cx, d, sql_deploy_lock_create));
        str_add(out, "-- Initialize Database Lock Table\n");
        line(out, deploy_sql(cx, d, "DELETE FROM {lock}"));
        line(out, deploy_sql(cx, d, sql_deploy_lock_fresh));
    }
    str_add(out, "-- Lock Database\n");
    line(out, text_replace(a, deploy_sql(cx, d, sql_deploy_lock_take), "$1", "'dbstep preview'"));
    if (!d->history_exists) {
        str_add(out, "-- Create Database Change Log Table\n");
        line(out, deploy_sql(cx, d, sql_deploy_history_create));
    }
    str_addf(out,
             "-- *********************************************************************\n"
             "-- %s\n"
             "-- *********************************************************************\n"
             "-- Change Log: %s\n-- Ran at: %s\n-- Against: %s\n"
             "-- *********************************************************************\n\n",
             title, d->log->path, clock_rfc3339(a, clock_wall_ms()), pg_where(d->pg));
}

static void end_script(struct ctx *cx, struct deploy *d, struct str *out)
{
    str_add(out, "-- Release Database Lock\n");
    line(out, deploy_sql(cx, d, sql_deploy_lock_free));
}

/* As Liquibase writes it above a changeset, with the path as the history has it. */
static const char *title_of(struct arena *a, const struct changeset *cs)
{
    return one_line(a, arena_printf(a, "%s::%s::%s", cs->filename, cs->id, cs->author));
}

/* What the preconditions say without a run: *run, or what follows. With onSqlOutput:FAIL they count as not holding. */
static bool ask_first(struct ctx *cx, struct deploy *d, const struct plan_item *item, struct str *out, long long *order,
                      bool *run)
{
    const struct changeset *cs = item->set;
    const struct preconditions *pre = &cs->preconditions;
    enum pre_result result = PRE_FAILS;
    const char *why = "its preconditions forbid a preview (onSqlOutput:FAIL)";

    *run = true;
    if (!pre->list.n || pre->on_preview == PREVIEW_IGNORE)
        return true;
    if (pre->on_preview == PREVIEW_TEST && !preconditions_check(cx, d, pre, cs, &result, &why))
        return false;
    if (result == PRE_HOLDS)
        return true;
    switch (result == PRE_FAILS ? pre->on_fail : pre->on_error) {
    case REACT_WARN: return true;
    case REACT_HALT:
        fail(cx, E_GUARD, "the precondition of changeset %s does not hold", changeset_name(cx->arena, cs));
        err_detail(cx, "%s", why);
        err_place(cx, cs->file, cs->line, 1);
        return false;
    case REACT_MARK_RAN:
    case REACT_CONTINUE: break;
    }
    *run = false;
    str_addf(out, "-- Changeset %s does not run: %s\n\n", title_of(cx->arena, cs), one_line(cx->arena, why));
    if ((result == PRE_FAILS ? pre->on_fail : pre->on_error) == REACT_MARK_RAN)
        line(out, history_row_sql(cx, d, item, "MARK_RAN", ++*order));
    return true;
}

bool deploy_preview(struct ctx *cx, struct deploy *d, struct str *out, struct sent *sent)
{
    struct arena *a = cx->arena;
    long long order = d->max_order;
    bool path_changed = false, run;

    begin_script(cx, d, out, "Update Database Script");
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        if (item->new_sum)
            line(out, history_resum_sql(cx, d, item));
    }
    for (size_t i = 0; i < d->plan.chosen.n; i++) {
        const struct plan_item *item = d->plan.chosen.at[i];
        const struct changeset *cs = item->set;
        struct work work = {.set = cs, .changes = &cs->changes};
        bool update = d->options.action == DEPLOY_UPDATE;
        if (update && !ask_first(cx, d, item, out, &order, &run))
            return false;
        if (update && !run)
            continue;
        str_addf(out, "-- Changeset %s\n", title_of(a, cs));
        if (*cs->comments)
            str_addf(out, "-- %s\n", one_line(a, cs->comments));
        path(cx, d, out); /* a changeset does not inherit one that an earlier one set */
        if (update && !statements(cx, d, &work, out, sent, &path_changed))
            return false;
        line(out, history_row_sql(cx, d, item, update && item->ran ? "RERAN" : "EXECUTED", ++order));
    }
    if (!text_empty(d->options.tag))
        line(out,
             text_replace(a, deploy_sql(cx, d, sql_deploy_history_tag), "$1", pg_literal(cx, d->pg, d->options.tag)));
    end_script(cx, d, out);
    return true;
}

bool rollback_preview(struct ctx *cx, struct deploy *d, const struct rollback_plan *plan, struct str *out,
                      struct sent *sent)
{
    struct arena *a = cx->arena;
    bool path_changed = false;

    begin_script(cx, d, out, "Rollback Database Script");
    for (size_t i = 0; i < plan->items.n; i++) {
        const struct rollback_item *item = &plan->items.at[i];
        const struct changeset *cs = item->set;
        struct work work = rollback_work(item);
        if (path_changed)
            path(cx, d, out);
        str_addf(out, "-- Rolling Back ChangeSet: %s\n", title_of(a, cs));
        if (!statements(cx, d, &work, out, sent, &path_changed))
            return false;
        line(out, history_delete_sql(cx, d, item));
    }
    end_script(cx, d, out);
    return true;
}
