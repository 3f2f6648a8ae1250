/* preview.c - the script that a deploy would run, in the order of Liquibase's update-sql; nothing is written to the database. */
#include <string.h>

#include "deploy_internal.h"
#include "sql.h"

static void line(struct str *out, const char *sql)
{
    str_add(out, sql);
    str_add(out, ";\n\n");
}

static void path(struct ctx *cx, struct deploy *d, struct str *out)
{
    str_addf(out, "SET SEARCH_PATH TO %s;\n\n", session_path(cx, d));
}

/* For a comment line: what a property put into an id must not start a line of its own. */
static const char *one_line(struct arena *a, const char *text)
{
    return text_replace(a, text_replace(a, text, "\n", " "), "\r", " ");
}

static bool statements(struct ctx *cx, struct deploy *d, const struct changeset *cs, struct str *out)
{
    for (size_t i = 0; i < cs->changes.n; i++) {
        const struct change *c = &cs->changes.at[i];
        if (c->excluded_by_dbms)
            continue;
        SPLIT_AUTO s =
            split_start(cx, d->options.split, c->sql, c->sql_len, c->split, c->strip_comments, c->end_delimiter);
        for (;;) {
            struct statement st;
            bool more;
            if (!split_next(cx, s, &st, &more)) {
                int at_line, column;
                source_locate(&c->map, c->sql, split_fault_offset(s), &at_line, &column);
                err_place(cx, cs->file, at_line, column);
                return false;
            }
            if (!more)
                break;
            str_addn(out, st.text, st.len);
            str_addf(out, "%s\n\n", statement_end(st.text, st.len));
        }
    }
    return true;
}

static bool mentions_path(const struct changeset *cs)
{
    for (size_t i = 0; i < cs->changes.n; i++)
        if (strcasestr(cs->changes.at[i].sql, "search_path") || strcasestr(cs->changes.at[i].sql, "discard") ||
            strcasestr(cs->changes.at[i].sql, "reset"))
            return true;
    return false;
}

bool deploy_preview(struct ctx *cx, struct deploy *d, struct str *out)
{
    struct arena *a = cx->arena;
    long long order = d->max_order, count = 0;
    bool path_changed = false;

    if (!d->history_exists)
        line(out, deploy_sql(cx, d, sql_deploy_history_create));
    if (!d->lock_exists) {
        line(out, deploy_sql(cx, d, sql_deploy_lock_create));
        line(out, deploy_sql(cx, d, sql_deploy_lock_init));
    }
    path(cx, d, out);
    str_add(out, "-- Lock Database\n");
    line(out, text_replace(a, deploy_sql(cx, d, sql_deploy_lock_take), "$1", "'dbstep preview'"));
    str_addf(out,
             "-- *********************************************************************\n"
             "-- Update Database Script\n"
             "-- *********************************************************************\n"
             "-- Change Log: %s\n-- Ran at: %s\n-- Against: %s\n"
             "-- *********************************************************************\n\n",
             d->log->path, clock_rfc3339(a, clock_wall_ms()), pg_where(d->pg));
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        if (item->new_sum)
            line(out, history_resum_sql(cx, d, item));
    }
    for (size_t i = 0; i < d->plan.items.n; i++) {
        const struct plan_item *item = &d->plan.items.at[i];
        if (item->action != PLAN_RUN && item->action != PLAN_RERUN)
            continue;
        if (d->options.count >= 0 && count++ >= d->options.count)
            break;
        const struct changeset *cs = item->set;
        if (cs->preconditions.list.n && cs->preconditions.on_preview == PREVIEW_TEST) {
            enum pre_result result;
            const char *why;
            if (!preconditions_check(cx, d, &cs->preconditions, &result, &why))
                return false;
            enum reaction r = result == PRE_FAILS ? cs->preconditions.on_fail : cs->preconditions.on_error;
            if (result != PRE_HOLDS && r != REACT_WARN) {
                str_addf(out, "-- Changeset %s does not run: %s\n\n", one_line(a, changeset_name(a, cs)),
                         one_line(a, why));
                if (r == REACT_MARK_RAN)
                    line(out, history_row_sql(cx, d, item, "MARK_RAN", ++order));
                continue;
            }
        } else if (cs->preconditions.list.n && cs->preconditions.on_preview == PREVIEW_FAIL) {
            fail(cx, E_GUARD, "changeset %s has preconditions that forbid a preview (onSqlOutput:FAIL)",
                 changeset_name(a, cs));
            err_place(cx, cs->file, cs->line, 1);
            return false;
        }
        /* As in a deploy, a changeset does not inherit a path that the one before it set. */
        if (path_changed)
            path(cx, d, out);
        str_addf(out, "-- Changeset %s\n", one_line(a, changeset_name(a, cs)));
        if (*cs->comments)
            str_addf(out, "-- %s\n", one_line(a, cs->comments));
        path_changed = mentions_path(cs);
        if (!statements(cx, d, cs, out))
            return false;
        line(out, history_row_sql(cx, d, item, item->ran ? "RERAN" : "EXECUTED", ++order));
    }
    if (!text_empty(d->options.tag))
        line(out,
             text_replace(a, deploy_sql(cx, d, sql_deploy_history_tag), "$1", pg_literal(cx, d->pg, d->options.tag)));
    str_add(out, "-- Release Database Lock\n");
    line(out, text_replace(a, deploy_sql(cx, d, sql_deploy_lock_release), "$1", "'dbstep preview'"));
    return true;
}
