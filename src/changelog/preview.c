/* preview.c - the script that a deploy would run, in the order of Liquibase's update-sql; nothing is written to the database. */
#include <string.h>

#include "changelog_internal.h"
#include "deploy_internal.h"
#include "sql.h"

static void line(struct str *out, const char *sql)
{
    str_add(out, sql);
    str_add(out, ";\n\n");
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
            /* The last line may be a comment: a semicolon there would be part of it. */
            const char *last = memrchr(st.text, '\n', st.len);
            bool comment = strstr(last ? last : st.text, "--") != NULL;
            str_add(out, text_ends(st.text, ";") ? "\n\n" : comment ? "\n;\n\n" : ";\n\n");
        }
    }
    return true;
}

bool deploy_preview(struct ctx *cx, struct deploy *d, struct str *out)
{
    struct arena *a = cx->arena;
    long long order = d->max_order, count = 0;

    if (!d->history_exists)
        line(out, deploy_sql(cx, d, sql_changelog_history_create));
    if (!d->lock_exists) {
        line(out, deploy_sql(cx, d, sql_changelog_lock_create));
        line(out, deploy_sql(cx, d, sql_changelog_lock_init));
    }
    str_addf(out, "SET SEARCH_PATH TO %s, %s;\n\n", pg_ident(cx, d->pg, d->default_schema), d->search_path);
    str_add(out, "-- Lock Database\n");
    line(out, text_replace(a, deploy_sql(cx, d, sql_changelog_lock_take), "$1", "'dbstep preview'"));
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
                str_addf(out, "-- Changeset %s does not run: %s\n\n", changeset_name(a, cs), why);
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
        str_addf(out, "-- Changeset %s\n", changeset_name(a, cs));
        if (*cs->comments)
            str_addf(out, "-- %s\n", cs->comments);
        if (!statements(cx, d, cs, out))
            return false;
        line(out, history_row_sql(cx, d, item, item->ran ? "RERAN" : "EXECUTED", ++order));
    }
    if (!text_empty(d->options.tag))
        line(out, text_replace(a, deploy_sql(cx, d, sql_changelog_history_tag), "$1",
                               pg_literal(cx, d->pg, d->options.tag)));
    str_add(out, "-- Release Database Lock\n");
    line(out, text_replace(a, deploy_sql(cx, d, sql_changelog_lock_release), "$1", "'dbstep preview'"));
    return true;
}
