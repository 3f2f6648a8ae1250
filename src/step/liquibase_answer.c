/* liquibase_answer.c - what a Liquibase command prints on standard output, and the help about the commands. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/json.h"
#include "dbstep/out.h"
#include "dbstep/redact.h"
#include "liquibase_internal.h"

static long long number(const struct result *r, const char *name)
{
    const char *text = result_output_get(r, name);
    return text ? strtoll(text, NULL, 10) : 0;
}

static void list(struct str *out, const struct result *r, const char *code)
{
    for (size_t i = 0; i < r->findings.n; i++)
        if (text_equal(r->findings.at[i].code, code) && r->findings.at[i].object)
            str_addf(out, "     %s\n", r->findings.at[i].object);
}

static void status(struct str *out, const struct liquibase_call *call, const struct result *r)
{
    long long n = number(r, "changesets_pending");
    if (!n) {
        str_addf(out, "%s is up to date\n", call->database);
        return;
    }
    str_addf(out, "%lld %s not been applied to %s\n", n, n == 1 ? "changeset has" : "changesets have", call->database);
    if (call->verbose)
        list(out, r, "pending");
}

static void unexpected(struct str *out, const struct liquibase_call *call, const struct result *r)
{
    long long n = number(r, "changesets_unknown");
    if (!n) {
        str_addf(out, "%s contains no unexpected changes!\n", call->database);
        return;
    }
    str_addf(out, "%lld unexpected changes were found in %s\n", n, call->database);
    if (call->verbose)
        list(out, r, "unknown-in-database");
}

/* Rows of equal width, as wide as the widest cell of each column. */
static void add_row(struct str *out, const char *const *cells, const size_t *widths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_addf(out, "| %-*s ", (int)widths[i], cells[i]);
    str_add(out, "|\n");
}

static void add_rule(struct str *out, const size_t *widths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_addc(out, '+');
        for (size_t k = 0; k < widths[i] + 2; k++)
            str_addc(out, '-');
    }
    str_add(out, "+\n");
}

enum { HISTORY_COLUMNS = 6 };

static void history(struct str *out, const struct liquibase_call *call, const struct json *rows)
{
    static const char *const titles[HISTORY_COLUMNS] = {"Deployment ID",    "Update Date",  "Changelog Path",
                                                        "Changeset Author", "Changeset ID", "Tag"};
    static const char *const keys[HISTORY_COLUMNS] = {"deployment_id", "dateexecuted", "filename",
                                                      "author",        "id",           "tag"};
    size_t widths[HISTORY_COLUMNS];
    const char *cells[HISTORY_COLUMNS];

    str_addf(out, "Liquibase History for %s\n\n", call->database);
    if (!json_first(rows)) {
        str_add(out, "No changesets deployed\n");
        return;
    }
    for (size_t i = 0; i < HISTORY_COLUMNS; i++) {
        widths[i] = strlen(titles[i]);
        for (const struct json *r = json_first(rows); r; r = json_next(r)) {
            size_t n = strlen(json_get_text(r, keys[i], ""));
            widths[i] = n > widths[i] ? n : widths[i];
        }
    }
    add_rule(out, widths, HISTORY_COLUMNS);
    add_row(out, titles, widths, HISTORY_COLUMNS);
    add_rule(out, widths, HISTORY_COLUMNS);
    for (const struct json *r = json_first(rows); r; r = json_next(r)) {
        for (size_t i = 0; i < HISTORY_COLUMNS; i++)
            cells[i] = json_get_text(r, keys[i], "");
        add_row(out, cells, widths, HISTORY_COLUMNS);
        add_rule(out, widths, HISTORY_COLUMNS);
    }
}

static void tag_exists(struct str *out, const struct liquibase_call *call, const struct json *rows)
{
    bool found = false;
    for (const struct json *r = json_first(rows); r && !found; r = json_next(r))
        found = text_equal_nocase(json_get_text(r, "tag", ""), call->tag);
    str_addf(out, "The tag '%s' %s in '%s'\n", call->tag, found ? "already exists" : "does NOT exist", call->database);
}

static void with_history(struct str *out, const struct liquibase_call *call, const struct result *r)
{
    const char *text = result_output_get(r, "history");
    struct json_doc *doc = text ? json_parse(text, strlen(text), NULL) : NULL;
    if (!doc)
        return;
    if (call->command->print == PRINT_HISTORY)
        history(out, call, json_root(doc));
    else
        tag_exists(out, call, json_root(doc));
    json_free(doc);
}

static void locks(struct str *out, const struct liquibase_call *call, const struct result *r)
{
    bool any = false;
    str_addf(out, "Database change log locks for %s\n", call->database);
    for (size_t i = 0; i < r->findings.n; i++)
        if (text_starts(r->findings.at[i].code, "lock-")) {
            str_addf(out, " - %s\n", r->findings.at[i].message);
            any = true;
        }
    if (!any)
        str_add(out, " - No locks\n");
}

static bool read_sql(struct ctx *cx, const struct result *r, const char **sql)
{
    const char *path = result_output_get(r, "sql_file");
    char *text = "";
    size_t n;
    bool ok = !path || file_read(cx, path, 0, &text, &n);
    *sql = text;
    return ok;
}

bool liquibase_answer(struct ctx *cx, const struct liquibase_call *call, const struct result *r)
{
    struct str out = str_new(cx->arena);
    const char *text;

    switch (call->command->print) {
    case PRINT_NOTHING: break;
    case PRINT_SQL: break;
    case PRINT_STATUS: status(&out, call, r); break;
    case PRINT_UNEXPECTED: unexpected(&out, call, r); break;
    case PRINT_HISTORY:
    case PRINT_TAG: with_history(&out, call, r); break;
    case PRINT_LOCKS: locks(&out, call, r); break;
    }
    text = out.s;
    if (call->command->print == PRINT_SQL && !read_sql(cx, r, &text))
        return false;
    text = redact_text(cx->arena, text);
    if (call->output_file)
        return file_write_atomic(cx, call->output_file, text, strlen(text));
    if (*text)
        out_text(text);
    return true;
}

/* ---- help ---- */

static const char *about_one(struct arena *a, const struct liquibase_command *c)
{
    struct str out = str_new(a);

    if (!c->stage) {
        str_addf(&out, "Liquibase's command %s is not supported: %s.\n", c->name, c->instead);
        return out.s;
    }
    str_addf(&out, "dbstep %s: as Liquibase's command of that name; runs stage %s", c->name, c->stage);
    for (size_t i = 0; i < COUNT(c->fixed) && c->fixed[i]; i++)
        str_addf(&out, "%s%s", i ? ", " : " with ", c->fixed[i]);
    str_add(&out, ".\n\nOptions of this command\n");
    for (size_t i = 0; i < COUNT(c->takes) && c->takes[i]; i++) {
        bool required;
        const char *option = arena_strndup(a, c->takes[i], strcspn(c->takes[i], ">"));
        liquibase_takes(a, c, option, &required);
        str_addf(&out, "  --%s%s\n", option, required ? " (required)" : "");
    }
    for (size_t i = 0; i < n_liquibase_options; i++) {
        const struct liquibase_option *o = &liquibase_options[i];
        if (o->kind == OPT_INPUT || o->kind == OPT_SECRET || o->kind == OPT_OWN)
            str_addf(&out, "  --%s\n", o->name);
    }
    str_addf(&out, "  -Dname=value\nand the inputs of the stage: `dbstep help %s`.\n", c->stage);
    return out.s;
}

const char *liquibase_help(struct arena *a, const char *command)
{
    const struct liquibase_command *one = command ? liquibase_command_find(a, command) : NULL;
    struct str out = str_new(a);

    if (one)
        return about_one(a, one);
    str_add(&out,
            "dbstep [global options] COMMAND [options] [-Dname=value]: as Liquibase 4.33 is called.\n\nCommands\n");
    for (size_t i = 0; i < n_liquibase_commands; i++)
        if (liquibase_commands[i].stage)
            str_addf(&out, "  %-32s %s\n", liquibase_commands[i].name, liquibase_commands[i].stage);
    str_add(&out, "\nNot supported, and what to do instead\n");
    for (size_t i = 0; i < n_liquibase_commands; i++)
        if (!liquibase_commands[i].stage)
            str_addf(&out, "  %-32s %s\n", liquibase_commands[i].name, liquibase_commands[i].instead);
    return out.s;
}
