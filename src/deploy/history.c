/* history.c - DATABASECHANGELOG: read, made, brought up to date, written. Layouts and texts are Liquibase's. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "dbstep/log.h"
#include "deploy_internal.h"
#include "sql.h"

/* Unquoted names are folded by the server; Liquibase quotes only what mixes cases. */
const char *name_folded(struct arena *a, const char *name)
{
    bool lower = false, upper = false;
    for (const char *p = name; *p; p++) {
        lower = lower || (*p >= 'a' && *p <= 'z');
        upper = upper || (*p >= 'A' && *p <= 'Z');
    }
    return lower && upper ? name : text_lower(a, name);
}

/* SQL files end in a line break; scripts put the semicolon behind the last word. pg_fill() made the text for this caller. */
static const char *trimmed(const char *filled)
{
    char *text = (char *)(uintptr_t)filled;
    for (size_t n = strlen(text); n && (unsigned char)text[n - 1] <= ' '; n--)
        text[n - 1] = '\0';
    return text;
}

const char *deploy_sql(struct ctx *cx, const struct deploy *d, const char *sql)
{
    const char *const pairs[] = {"history",   d->history,  "lock",       d->lock, "progress",
                                 d->progress, "lock_pkey", d->lock_pkey, NULL};
    return trimmed(pg_fill(cx, sql, pairs));
}

bool history_open(struct ctx *cx, struct deploy *d)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    struct arena *a = cx->arena;
    const char *table =
        name_folded(a, text_empty(d->options.history_table) ? "databasechangelog" : d->options.history_table);
    const char *lock =
        name_folded(a, text_empty(d->options.lock_table) ? "databasechangeloglock" : d->options.lock_table);
    const char *progress = arena_printf(a, "%s_progress", table);
    const char *params[] = {text_empty(d->options.history_schema) ? NULL : d->options.history_schema,
                            text_empty(d->options.default_schema) ? NULL : d->options.default_schema, table, lock,
                            progress};

    if (!pg_query(cx, d->pg, &rows, sql_deploy_probe, 5, params))
        return false;
    if (pg_null(&rows, 0, 0)) {
        fail(cx, E_INPUT, "no schema of the search_path exists in %s", pg_where(d->pg));
        err_hint(cx, "create the schema, or set default_schema_name");
        return false;
    }
    d->default_schema = arena_strdup(a, pg_text(&rows, 0, 0));
    d->history_schema = arena_strdup(a, pg_text(&rows, 0, 1));
    d->search_path = arena_strdup(a, pg_text(&rows, 0, 2));
    d->history_exists = pg_bool(&rows, 0, 3);
    d->lock_exists = pg_bool(&rows, 0, 4);
    d->progress_exists = pg_bool(&rows, 0, 5);
    d->schema_exists = pg_bool(&rows, 0, 6);
    d->client = arena_strdup(a, pg_text(&rows, 0, 7));
    d->history_table = table;
    /* Quoted by the server, and so only where needed, as Liquibase prints them. */
    d->history = arena_strdup(a, pg_text(&rows, 0, 8));
    d->lock = arena_strdup(a, pg_text(&rows, 0, 9));
    d->progress = arena_strdup(a, pg_text(&rows, 0, 10));
    d->lock_pkey = arena_strdup(a, pg_text(&rows, 0, 11));
    d->work_schema = arena_strdup(a, pg_text(&rows, 0, 12));
    lock_name(d, pg_qualified(cx, d->pg, d->history_schema, lock));
    if (!d->schema_exists) {
        fail(cx, E_INPUT, "the schema '%s' for the history tables does not exist in %s", d->history_schema,
             pg_where(d->pg));
        err_hint(cx, "create it first, or correct liquibase_schema_name or default_schema_name");
        return false;
    }
    return history_read(cx, d);
}

/* ---- reading ---- */

enum column {
    COL_ID,
    COL_AUTHOR,
    COL_PATH,
    COL_MD5SUM,
    COL_EXECTYPE,
    COL_TAG,
    COL_EXECUTED,
    COL_DEPLOYMENT,
    COL_DESCRIPTION,
    COL_COMMENTS,
    COL_CONTEXTS,
    COL_LABELS,
    COL_LIQUIBASE,
    COL_ORDER,
    COL_LOCKED_BY,
    COLUMNS
};

/* The texts of the rows stay where libpq put them, so the result is kept as long as the deploy. */
static struct pg_rows *keep(struct arena *a, struct deploy *d, struct pg_rows *rows)
{
    struct kept_rows *kept = ARENA_NEW(a, struct kept_rows);
    *kept = (struct kept_rows){.rows = *rows, .next = *d->kept};
    *d->kept = kept;
    rows->handle = NULL;
    return &kept->rows;
}

void history_forget(struct deploy *d)
{
    for (struct kept_rows *k = d->kept ? *d->kept : NULL; k; k = k->next)
        pg_rows_free(&k->rows);
    if (d->kept)
        *d->kept = NULL;
}

static void take_rows(struct arena *a, struct deploy *d, const struct pg_rows *rows)
{
    static const char *const names[COLUMNS] = {
        "id",          "author",   "filename", "md5sum", "exectype",  "tag",           "dateexecuted", "deployment_id",
        "description", "comments", "contexts", "labels", "liquibase", "orderexecuted", "row_locked_by"};
    int at[COLUMNS];
    const char *path = NULL, *same_path = NULL;

    for (int c = 0; c < COLUMNS; c++)
        at[c] = pg_column_index(rows, names[c]);
#define CELL(c) (at[c] < 0 ? "" : pg_text(rows, i, at[c]))
    for (int i = 0; i < rows->n; i++) {
        struct ran r = {.id = CELL(COL_ID),
                        .author = CELL(COL_AUTHOR),
                        .path = CELL(COL_PATH),
                        .md5sum = CELL(COL_MD5SUM),
                        .exectype = CELL(COL_EXECTYPE),
                        .tag = CELL(COL_TAG),
                        .executed = CELL(COL_EXECUTED),
                        .deployment_id = CELL(COL_DEPLOYMENT),
                        .description = CELL(COL_DESCRIPTION),
                        .comments = CELL(COL_COMMENTS),
                        .contexts = CELL(COL_CONTEXTS),
                        .labels = CELL(COL_LABELS),
                        .liquibase = CELL(COL_LIQUIBASE),
                        .order = at[COL_ORDER] < 0 ? -1 : pg_int(rows, i, at[COL_ORDER])};
        if (!path || !text_equal(path, r.path)) {
            path = r.path;
            same_path = changelog_path_normalise(a, path);
        }
        r.same_path = same_path;
        if (r.order > d->max_order)
            d->max_order = r.order;
        *VEC_PUSH(a, &d->rows) = r;
        if (!i)
            d->row_locked_by = CELL(COL_LOCKED_BY);
    }
#undef CELL
}

bool history_read(struct ctx *cx, struct deploy *d)
{
    PG_ROWS_AUTO rows = {.handle = NULL};

    d->rows.n = 0;
    d->max_order = 0;
    d->row_locked_by = "";
    if (!d->history_exists)
        return true;
    const char *sql = d->lock_exists ? sql_deploy_history_and_lock : sql_deploy_history_read;
    if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql), 0, NULL)) {
        /* No right to see the lock; or a table that lacks the columns of the order, from the first versions, which is
         * upgraded before anything runs. */
        bool old_layout = pg_failed_with(cx, "42703");
        if (!old_layout && !(pg_failed_with(cx, "42501") && d->lock_exists))
            return false;
        err_clear(cx);
        sql = old_layout ? "SELECT * FROM {history} ORDER BY dateexecuted" : sql_deploy_history_read;
        if (!pg_query(cx, d->pg, &rows, deploy_sql(cx, d, sql), 0, NULL))
            return false;
    }
    take_rows(cx->arena, d, keep(cx->arena, d, &rows));
    return true;
}

/* ---- the layout ---- */

/* The width of a varchar column, 0 when there is no such column. */
static int width(const struct pg_rows *layout, const char *column)
{
    int c = pg_column_index(layout, column);
    if (c < 0)
        return 0;
    int typmod = pg_column_typmod(layout, c);
    return typmod < 0 ? 1 << 20 : typmod - 4;
}

/* What versions before added to the table, and widened. */
static bool upgrade(struct ctx *cx, struct deploy *d)
{
    static const struct {
        const char *column, *type, *fill;
        int wide;
    } layout[] = {
        {"description", "VARCHAR(255)", NULL, 0},  {"tag", "VARCHAR(255)", NULL, 0},
        {"comments", "VARCHAR(255)", NULL, 0},     {"liquibase", "VARCHAR(20)", NULL, 20},
        {"orderexecuted", "INTEGER", "-1", 0},     {"exectype", "VARCHAR(10)", "'EXECUTED'", 0},
        {"contexts", "VARCHAR(255)", NULL, 255},   {"labels", "VARCHAR(255)", NULL, 255},
        {"deployment_id", "VARCHAR(10)", NULL, 0}, {"md5sum", "VARCHAR(35)", NULL, 35},
    };
    struct str sql = str_new(cx->arena);
    PG_ROWS_AUTO now = {.handle = NULL};

    if (!pg_query(cx, d->pg, &now, deploy_sql(cx, d, sql_deploy_history_layout), 0, NULL))
        return false;
    for (size_t i = 0; i < COUNT(layout); i++) {
        const char *column = layout[i].column;
        int has = width(&now, column);
        if (!has) {
            str_addf(&sql, "ALTER TABLE %s ADD %s %s;\n", d->history, column, layout[i].type);
            if (layout[i].fill)
                str_addf(&sql, "UPDATE %s SET %s = %s;\nALTER TABLE %s ALTER COLUMN %s SET NOT NULL;\n", d->history,
                         column, layout[i].fill, d->history, column);
        } else if (layout[i].wide && has < layout[i].wide) {
            str_addf(&sql, "ALTER TABLE %s ALTER COLUMN %s TYPE %s;\n", d->history, column, layout[i].type);
        }
    }
    if (!sql.len)
        return true;
    log_info("upgrading the layout of %s", d->history);
    return pg_exec(cx, d->pg, sql.s); /* one simple query: one transaction */
}

bool history_prepare(struct ctx *cx, struct deploy *d)
{
    if (d->history_exists)
        return upgrade(cx, d);
    if (!pg_exec(cx, d->pg, deploy_sql(cx, d, sql_deploy_history_create))) {
        /* A Liquibase that started at the same moment may have made it; the lock row decides who goes on. */
        if (!pg_failed_with(cx, "42P07") && !pg_failed_with(cx, "23505"))
            return false;
        err_clear(cx);
    }
    d->history_exists = true;
    return true;
}

static const char *literal(struct ctx *cx, struct deploy *d, const char *text, bool empty_is_null)
{
    return pg_literal(cx, d->pg, empty_is_null && text_empty(text) ? NULL : text);
}

const char *history_row_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item, const char *exectype,
                            long long order)
{
    const struct changeset *cs = item->set;
    struct arena *a = cx->arena;
    const char *version = d->options.liquibase_version ? d->options.liquibase_version : DEPLOY_LIQUIBASE_VERSION;
    const struct ran *ran = item->ran;
    const char *tag = deploy_set_tag(cs), *quoted_tag = tag ? literal(cx, d, tag, false) : "";
    const char *const pairs[] = {
        "history",     d->history,
        "id",          literal(cx, d, ran ? ran->id : cs->id, false),
        "author",      literal(cx, d, ran ? ran->author : cs->author, false),
        "filename",    literal(cx, d, ran ? ran->path : cs->filename, false),
        "order",       arena_printf(a, "%lld", order),
        "md5sum",      literal(cx, d, item->sum, true),
        "description", literal(cx, d, changeset_description(a, cs), false),
        "comments",    literal(cx, d, changeset_column(a, cs->comments), false),
        "exectype",    literal(cx, d, exectype, false),
        "contexts",    literal(cx, d, changeset_contexts(a, cs), true),
        "labels",      literal(cx, d, changeset_labels(a, cs), true),
        "liquibase",   literal(cx, d, arena_strndup(a, version, text_utf8_prefix(version, strlen(version), 20)), false),
        "deployment",  literal(cx, d, d->deployment_id, false),
        "tag_column",  tag ? ", TAG" : "",
        "tag_value",   tag ? arena_printf(a, ", %s", quoted_tag) : "",
        "tag_set",     tag ? arena_printf(a, ", TAG = %s", quoted_tag) : "",
        NULL,
    };
    return trimmed(pg_fill(cx, ran ? sql_deploy_history_update : sql_deploy_history_insert, pairs));
}

const char *history_resum_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item)
{
    const char *const pairs[] = {"history",  d->history,
                                 "id",       literal(cx, d, item->ran->id, false),
                                 "author",   literal(cx, d, item->ran->author, false),
                                 "filename", literal(cx, d, item->ran->path, false),
                                 "md5sum",   literal(cx, d, item->sum, false),
                                 NULL};
    return trimmed(pg_fill(cx, sql_deploy_history_resum, pairs));
}

const char *history_delete_sql(struct ctx *cx, struct deploy *d, const struct rollback_item *item)
{
    struct ran later = {.id = item->set->id, .author = item->set->author, .path = item->set->filename};
    const struct ran *ran = item->ran ? item->ran : &later;
    struct str others = str_new(cx->arena);

    for (size_t i = 0; i < item->also.n; i++) {
        const struct ran *x = item->also.at[i];
        str_addf(&others, " OR ID = %s AND AUTHOR = %s AND FILENAME = %s", literal(cx, d, x->id, false),
                 literal(cx, d, x->author, false), literal(cx, d, x->path, false));
    }
    const char *const pairs[] = {"history",  d->history,
                                 "id",       literal(cx, d, ran->id, false),
                                 "author",   literal(cx, d, ran->author, false),
                                 "filename", literal(cx, d, ran->path, false),
                                 "or",       others.s,
                                 NULL};
    return trimmed(pg_fill(cx, sql_deploy_history_delete, pairs));
}

bool history_own_row(const struct ran *ran)
{
    return !*ran->id || (text_equal(ran->author, HISTORY_OWN_AUTHOR) && text_equal(ran->path, HISTORY_OWN_PATH));
}
