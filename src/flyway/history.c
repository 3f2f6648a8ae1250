/* history.c - flyway_schema_history: made, read, written. Layout and texts are Flyway's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbstep/log.h"
#include "flyway_internal.h"
#include "sql.h"

enum { DESCRIPTION_MAX = 200, SCRIPT_MAX = 1000 };

const char *flyway_sql(struct ctx *cx, const struct flyway *f, const char *sql)
{
    const char *const pairs[] = {"table", f->table, "progress", f->progress, NULL};
    return text_trim(cx->arena, pg_fill(cx, sql, pairs));
}

static void default_placeholders(struct ctx *cx, struct flyway *f)
{
    char now[32] = "", folder[4096] = "";
    struct arena *a = cx->arena;
    const char *sep = f->config->placeholder_separator;
    time_t seconds = (time_t)(clock_wall_ms() / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local))
        strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S", &local);
    const char *where = realpath(".", folder) ? folder : "";
    const struct {
        const char *name, *value;
    } own[] = {{"defaultSchema", f->schema},
               {"user", f->user},
               {"database", f->database},
               {"timestamp", now},
               {"workingDirectory", where},
               {"table", f->config->table},
               {"environment", f->config->environment}};
    for (size_t i = 0; i < COUNT(own); i++)
        *VEC_PUSH(a, &f->placeholders) = arena_printf(a, "flyway%s%s=%s", sep, own[i].name, own[i].value);
}

bool flyway_history_open(struct ctx *cx, struct flyway *f)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    const struct flyway_config *c = f->config;
    struct arena *a = cx->arena;
    const char *progress = arena_printf(a, "%s_progress", c->table);
    const char *schema = !text_empty(c->default_schema) ? c->default_schema : c->schemas.n ? c->schemas.at[0] : NULL;
    const char *params[] = {schema, c->table, progress};

    if (!text_empty(c->init_sql) && !pg_exec(cx, f->pg, c->init_sql)) {
        err_detail(cx, "while Flyway's setting initSql was run");
        return false;
    }
    if (!pg_query(cx, f->pg, &rows, sql_flyway_probe, 3, params))
        return false;
    if (pg_null(&rows, 0, 0)) {
        fail(cx, E_INPUT, "no schema of the search_path exists in %s", pg_where(f->pg));
        err_hint(cx, "create the schema, or set default_schema_name");
        return false;
    }
    f->schema = arena_strdup(a, pg_text(&rows, 0, 0));
    f->search_path = arena_strdup(a, pg_text(&rows, 0, 1));
    f->user = arena_strdup(a, pg_text(&rows, 0, 2));
    f->database = arena_strdup(a, pg_text(&rows, 0, 3));
    f->schema_exists = pg_bool(&rows, 0, 4);
    f->exists = pg_bool(&rows, 0, 5);
    f->notes_exist = pg_bool(&rows, 0, 6);
    f->table = pg_qualified(cx, f->pg, f->schema, c->table);
    f->progress = pg_qualified(cx, f->pg, f->schema, progress);
    default_placeholders(cx, f);
    flyway_lock_name(f);
    return flyway_history_read(cx, f);
}

static bool read_row(struct ctx *cx, const struct flyway *f, const struct pg_rows *rows, int i, struct flyway_row *r)
{
    struct arena *a = cx->arena;
    r->rank = (int)pg_int(rows, i, 0);
    if (!pg_null(rows, i, 1) && !flyway_version_parse(a, pg_text(rows, i, 1), &r->version))
        return fail(cx, E_GUARD, "the history %s has '%s' for a version (installed_rank %d)", f->table,
                    pg_text(rows, i, 1), r->rank);
    r->description = arena_strdup(a, pg_text(rows, i, 2));
    r->type = arena_strdup(a, pg_text(rows, i, 3));
    r->script = arena_strdup(a, pg_text(rows, i, 4));
    r->has_checksum = !pg_null(rows, i, 5);
    r->checksum = (int)pg_int(rows, i, 5);
    r->installed_by = arena_strdup(a, pg_text(rows, i, 6));
    r->installed_on = arena_strdup(a, pg_text(rows, i, 7));
    r->execution_time = (int)pg_int(rows, i, 8);
    r->success = pg_bool(rows, i, 9);
    return true;
}

bool flyway_history_read(struct ctx *cx, struct flyway *f)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    f->rows = (typeof(f->rows)){0};
    if (!f->exists)
        return true;
    if (!pg_query(cx, f->pg, &rows, flyway_sql(cx, f, sql_flyway_history_read), 0, NULL)) {
        if (pg_failed_with(cx, "42703"))
            err_hint(
                cx,
                "the table is not one of Flyway 5 or newer; bring it up to date with Flyway first, or set another table");
        return false;
    }
    for (int i = 0; i < rows.n; i++)
        if (!read_row(cx, f, &rows, i, VEC_PUSH(cx->arena, &f->rows)))
            return false;
    return true;
}

bool flyway_unfinished(struct ctx *cx, struct flyway *f, struct str_list *out)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    if (!f->notes_exist)
        return true;
    if (!pg_query(cx, f->pg, &rows, flyway_sql(cx, f, sql_flyway_progress_read), 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++)
        *VEC_PUSH(cx->arena, out) = arena_printf(
            cx->arena,
            "migration %s, begun at %s outside of a transaction, has not ended: %s of its statements are done",
            pg_text(&rows, i, 0), pg_text(&rows, i, 2), pg_text(&rows, i, 1));
    return true;
}

/* ---- rows ---- */

/* As many characters as fit; what is cut is shown by dots, at the end or at the start. */
static const char *cut(struct arena *a, const char *text, size_t max, bool keep_end)
{
    size_t chars = 0, at = 0;
    for (const char *p = text; *p; p++)
        chars += ((unsigned char)*p & 0xC0) != 0x80;
    if (chars <= max)
        return text;
    size_t from = keep_end ? 3 : 0, to = keep_end ? max : max - 3, n = 0, start = 0;
    for (; text[at]; at++) {
        if (((unsigned char)text[at] & 0xC0) == 0x80)
            continue;
        if (n == from)
            start = at;
        if (n++ == to)
            break;
    }
    const char *kept = arena_strndup(a, text + start, at - start);
    return keep_end ? arena_printf(a, "...%s", kept) : arena_printf(a, "%s...", kept);
}

const char *flyway_history_insert(struct ctx *cx, struct flyway *f, const struct row_values *v)
{
    struct pg *pg = f->pg;
    struct arena *a = cx->arena;
    const char *by = text_empty(f->config->installed_by) ? f->user : f->config->installed_by;
    const char *const pairs[] = {"table",       f->table,
                                 "rank",        arena_printf(a, "%d", v->rank),
                                 "version",     pg_literal(cx, pg, v->version),
                                 "description", pg_literal(cx, pg, cut(a, v->description, DESCRIPTION_MAX, false)),
                                 "type",        pg_literal(cx, pg, v->type),
                                 "script",      pg_literal(cx, pg, cut(a, v->script, SCRIPT_MAX, true)),
                                 "checksum",    v->has_checksum ? arena_printf(a, "%d", v->checksum) : "NULL",
                                 "by",          pg_literal(cx, pg, by),
                                 "ms",          v->ms,
                                 "success",     v->success ? "TRUE" : "FALSE",
                                 NULL};
    return text_trim(a, pg_fill(cx, sql_flyway_history_insert, pairs));
}

int flyway_next_rank(const struct flyway *f, const char *type)
{
    return f->rows.n ? f->rows.at[f->rows.n - 1].rank + 1 : text_equal(type, "SCHEMA") ? 0 : 1;
}

const char *script_type(const struct flyway_script *s)
{
    return s->kind == FLYWAY_BASELINE ? "SQL_BASELINE" : s->kind == FLYWAY_UNDO ? "UNDO_SQL" : "SQL";
}

/* ---- a first run ---- */

static bool add_missing_schema(struct ctx *cx, struct flyway *f, const char *name, struct str *sql, struct str *made)
{
    const char *params[] = {name}, *there;
    if (!pg_query_text(cx, f->pg, &there, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", 1, params))
        return false;
    if (text_equal(there, "t"))
        return true;
    str_addf(sql, "CREATE SCHEMA %s;\n", pg_ident(cx, f->pg, name));
    str_addf(made, "%s\"%s\"", made->len ? "," : "", text_replace(cx->arena, name, "\"", "\"\""));
    return true;
}

/* The schemas, the default one first. */
static struct str_list all_schemas(struct ctx *cx, const struct flyway *f)
{
    struct str_list list = {0};
    bool there = false;
    for (size_t i = 0; i < f->config->schemas.n; i++)
        there = there || text_equal(f->config->schemas.at[i], f->schema);
    if (!there)
        *VEC_PUSH(cx->arena, &list) = f->schema;
    for (size_t i = 0; i < f->config->schemas.n; i++)
        *VEC_PUSH(cx->arena, &list) = f->config->schemas.at[i];
    return list;
}

static bool find_full_schema(struct ctx *cx, struct flyway *f, const struct str_list *schemas, const char **full)
{
    *full = NULL;
    for (size_t i = 0; i < schemas->n && !*full; i++) {
        const char *params[] = {schemas->at[i]}, *holds;
        if (!pg_query_text(cx, f->pg, &holds, sql_flyway_not_empty, 1, params))
            return false;
        *full = text_equal(holds, "t") ? schemas->at[i] : NULL;
    }
    return true;
}

static void add_table(struct ctx *cx, struct flyway *f, struct str *sql)
{
    const struct flyway_config *c = f->config;
    const char *space =
        text_empty(c->tablespace) ? "" : arena_printf(cx->arena, " TABLESPACE %s", pg_ident(cx, f->pg, c->tablespace));
    const char *const pairs[] = {"table",
                                 f->table,
                                 "pk",
                                 pg_ident(cx, f->pg, arena_printf(cx->arena, "%s_pk", c->table)),
                                 "s_idx",
                                 pg_ident(cx, f->pg, arena_printf(cx->arena, "%s_s_idx", c->table)),
                                 "tablespace",
                                 space,
                                 "index_tablespace",
                                 *space ? arena_printf(cx->arena, " USING INDEX%s", space) : "",
                                 NULL};
    str_addf(sql, "%s;\n", text_trim(cx->arena, pg_fill(cx, sql_flyway_history_create, pairs)));
}

static void add_row(struct ctx *cx, struct flyway *f, struct str *sql, struct row_values v)
{
    v.ms = "0";
    v.success = true;
    str_addf(sql, "%s;\n", flyway_history_insert(cx, f, &v));
}

static void add_baseline(struct ctx *cx, struct flyway *f, struct str *sql, int rank)
{
    const struct flyway_config *c = f->config;
    struct flyway_version v;
    flyway_version_parse(cx->arena, c->baseline_version, &v);
    add_row(cx, f, sql,
            (struct row_values){.rank = rank,
                                .version = v.text,
                                .description = c->baseline_description,
                                .type = "BASELINE",
                                .script = c->baseline_description});
}

bool flyway_history_plan(struct ctx *cx, struct flyway *f, bool baseline, bool *baselined, struct str *sql)
{
    const struct flyway_config *c = f->config;
    struct str_list schemas = all_schemas(cx, f);
    struct str made = str_new(cx->arena);
    const char *full;

    *baselined = false;
    if (f->exists)
        return true;
    for (size_t i = 0; c->create_schemas && i < schemas.n; i++)
        if (!add_missing_schema(cx, f, schemas.at[i], sql, &made))
            return false;
    if (!c->create_schemas && !f->schema_exists) {
        fail(cx, E_INPUT, "the schema '%s' does not exist in %s, and createSchemas is false", f->schema,
             pg_where(f->pg));
        err_hint(cx, "create it first, or correct default_schema_name");
        return false;
    }
    if (!baseline && !c->skip_execution) {
        if (!find_full_schema(cx, f, &schemas, &full))
            return false;
        if (full && !c->baseline_on_migrate) {
            fail(cx, E_GUARD, "the schema '%s' of %s is not empty, and there is no history %s", full, pg_where(f->pg),
                 f->table);
            err_hint(
                cx, "tell which version it is at: the action baseline, or Flyway's settings baselineOnMigrate=true and "
                    "baselineVersion");
            return false;
        }
        baseline = full != NULL;
    }
    add_table(cx, f, sql);
    if (made.len)
        add_row(cx, f, sql,
                (struct row_values){
                    .rank = 0, .description = "<< Flyway Schema Creation >>", .type = "SCHEMA", .script = made.s});
    if (baseline)
        add_baseline(cx, f, sql, 1);
    *baselined = baseline;
    return true;
}

bool flyway_history_make(struct ctx *cx, struct flyway *f, bool baseline, bool *baselined, struct str *script)
{
    struct str sql = str_new(cx->arena);
    if (!flyway_history_plan(cx, f, baseline, baselined, &sql))
        return false;
    if (!sql.len)
        return true;
    str_addf(script, "-- history of migrations\n%s\n", sql.s);
    if (!pg_execf(cx, f->pg, "BEGIN; %s COMMIT", sql.s)) {
        flyway_roll_back(f);
        err_detail(cx, "while the history %s was made", f->table);
        return false;
    }
    log_info("made the history %s%s%s", f->table, *baselined ? " with the baseline version " : "",
             *baselined ? f->config->baseline_version : "");
    f->exists = f->schema_exists = true;
    return true;
}
