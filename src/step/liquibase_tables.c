/* liquibase_tables.c - the commands and options of Liquibase 4.33, and what each is here; see liquibase_internal.h. */
#include <ctype.h>
#include <string.h>

#include "liquibase_internal.h"

#define DEPLOY "schema-deploy"
#define PREVIEW "schema-preview"
#define STATUS "schema-status"
#define ROLLBACK "schema-rollback"

const struct liquibase_command liquibase_commands[] = {
    {.name = "update", .stage = DEPLOY},
    {.name = "update-count", .stage = DEPLOY, .takes = {"count>count!"}, .positional = "count"},
    {.name = "update-to-tag", .stage = DEPLOY, .takes = {"tag>to_tag!"}, .positional = "tag"},
    {.name = "update-sql", .stage = PREVIEW, .print = PRINT_SQL},
    {.name = "update-count-sql",
     .stage = PREVIEW,
     .takes = {"count>count!"},
     .positional = "count",
     .print = PRINT_SQL},
    {.name = "update-to-tag-sql", .stage = PREVIEW, .takes = {"tag>to_tag!"}, .positional = "tag", .print = PRINT_SQL},
    {.name = "rollback", .stage = ROLLBACK, .takes = {"tag>to_tag!"}, .positional = "tag"},
    {.name = "rollback-count", .stage = ROLLBACK, .takes = {"count>count!"}, .positional = "count"},
    {.name = "rollback-to-date", .stage = ROLLBACK, .takes = {"date>to_date!"}, .positional = "date"},
    {.name = "rollback-one-changeset",
     .stage = ROLLBACK,
     .takes = {"changeset-id>changeset_id!", "changeset-author>changeset_author!", "changeset-path>changeset_path!",
               "force>"}},
    {.name = "rollback-sql",
     .stage = PREVIEW,
     .fixed = {"direction=rollback"},
     .takes = {"tag>to_tag!"},
     .positional = "tag",
     .print = PRINT_SQL},
    {.name = "rollback-count-sql",
     .stage = PREVIEW,
     .fixed = {"direction=rollback"},
     .takes = {"count>count!"},
     .positional = "count",
     .print = PRINT_SQL},
    {.name = "rollback-to-date-sql",
     .stage = PREVIEW,
     .fixed = {"direction=rollback"},
     .takes = {"date>to_date!"},
     .positional = "date",
     .print = PRINT_SQL},
    {.name = "rollback-one-changeset-sql",
     .stage = PREVIEW,
     .fixed = {"direction=rollback"},
     .takes = {"changeset-id>changeset_id!", "changeset-author>changeset_author!", "changeset-path>changeset_path!",
               "force>"},
     .print = PRINT_SQL},
    {.name = "future-rollback-sql", .stage = PREVIEW, .fixed = {"direction=future-rollback"}, .print = PRINT_SQL},
    {.name = "future-rollback-count-sql",
     .stage = PREVIEW,
     .fixed = {"direction=future-rollback"},
     .takes = {"count>count!"},
     .positional = "count",
     .print = PRINT_SQL},
    {.name = "future-rollback-from-tag-sql",
     .stage = PREVIEW,
     .fixed = {"direction=future-rollback"},
     .takes = {"tag>to_tag!"},
     .positional = "tag",
     .print = PRINT_SQL},
    {.name = "status", .stage = STATUS, .takes = {"verbose>"}, .print = PRINT_STATUS},
    {.name = "validate", .stage = STATUS},
    {.name = "unexpected-changesets", .stage = STATUS, .takes = {"verbose>"}, .print = PRINT_UNEXPECTED},
    {.name = "history", .stage = STATUS, .fixed = {"history=true"}, .no_changelog = true, .print = PRINT_HISTORY},
    {.name = "list-locks", .stage = STATUS, .no_changelog = true, .print = PRINT_LOCKS},
    {.name = "tag-exists",
     .stage = STATUS,
     .fixed = {"history=true"},
     .takes = {"tag>!"},
     .positional = "tag",
     .no_changelog = true,
     .print = PRINT_TAG},
    {.name = "changelog-sync", .stage = DEPLOY, .fixed = {"action=changelog-sync"}},
    {.name = "changelog-sync-to-tag",
     .stage = DEPLOY,
     .fixed = {"action=changelog-sync-to-tag"},
     .takes = {"tag>to_tag!"},
     .positional = "tag"},
    {.name = "changelog-sync-sql",
     .stage = DEPLOY,
     .fixed = {"action=changelog-sync", "dry_run=true"},
     .print = PRINT_SQL},
    {.name = "changelog-sync-to-tag-sql",
     .stage = DEPLOY,
     .fixed = {"action=changelog-sync-to-tag", "dry_run=true"},
     .takes = {"tag>to_tag!"},
     .positional = "tag",
     .print = PRINT_SQL},
    {.name = "mark-next-changeset-ran", .stage = DEPLOY, .fixed = {"action=mark-next-changeset-ran"}},
    {.name = "mark-next-changeset-ran-sql",
     .stage = DEPLOY,
     .fixed = {"action=mark-next-changeset-ran", "dry_run=true"},
     .print = PRINT_SQL},
    {.name = "clear-checksums", .stage = DEPLOY, .fixed = {"action=clear-checksums"}, .no_changelog = true},
    {.name = "tag",
     .stage = DEPLOY,
     .fixed = {"action=tag"},
     .takes = {"tag>tag!"},
     .positional = "tag",
     .no_changelog = true},
    {.name = "release-locks", .stage = DEPLOY, .fixed = {"action=release-lock", "force=true"}, .no_changelog = true},
    {.name = "calculate-checksum", .instead = "schema-status compares the checksums of all changesets"},
    {.name = "update-testing-rollback",
     .instead = "schema-deploy, schema-rollback and schema-deploy again, on a copy "
                "that volume-clone made"},
    {.name = "execute-sql",
     .instead = "put the statements into a changeset, so that the history knows of them, or use psql"},
    {.name = "drop-all", .instead = "drop and create the database, or its schema, with psql"},
    {.name = "diff", .instead = "integrity-diff compares two databases, rows and objects"},
    {.name = "diff-changelog", .instead = "integrity-diff tells the differences; the changelog is yours to write"},
    {.name = "generate-changelog", .instead = "pg_dump --schema-only writes a script that a first changeset can hold"},
    {.name = "snapshot", .instead = "integrity-baseline records a database, pg_dump --schema-only its objects"},
    {.name = "snapshot-reference",
     .instead = "integrity-baseline records a database, pg_dump --schema-only its objects"},
    {.name = "db-doc", .instead = "schema-status lists what ran; nothing here writes HTML pages of a schema"},
    {.name = "flow", .instead = "the steps of a flow file are steps of the pipeline: one stage each"},
    {.name = "flow.validate", .instead = "the steps of a flow file are steps of the pipeline: one stage each"},
    {.name = "checks", .instead = "schema-preview writes the statements for policies (policy_input_file)"},
    {.name = "init", .instead = "a changelog starts with the line '--liquibase formatted sql'"},
    {.name = "connect", .instead = "schema-status connects and says what it found"},
    {.name = "update-one-changeset", .instead = "update-count 1, or a label that only this changeset has"},
    {.name = "rollback-one-update", .instead = "rollback to the tag that schema-deploy set before (tag_before)"},
    {.name = "set-contexts", .instead = "edit the changelog"},
    {.name = "set-labels", .instead = "edit the changelog"},
    {.name = "dbcl-history", .instead = "the result documents of the runs are the record"},
    {.name = "lpm", .instead = "nothing needs to be installed"},
    {.name = "register-changelog", .instead = "there is no Hub"},
    {.name = "sync-hub", .instead = "there is no Hub"},
};
const size_t n_liquibase_commands = COUNT(liquibase_commands);

#define CHANGES "it would change what is run, and is not supported: the default holds"

const struct liquibase_option liquibase_options[] = {
    /* of commands */
    {.name = "url", .kind = OPT_OWN},
    {.name = "username", .kind = OPT_INPUT, .input = "db_user"},
    {.name = "password", .kind = OPT_SECRET, .input = "db_password"},
    {.name = "changelog-file", .kind = OPT_INPUT, .input = "changelog_file"},
    {.name = "contexts", .kind = OPT_INPUT, .input = "contexts"},
    {.name = "context-filter", .kind = OPT_INPUT, .input = "contexts"},
    {.name = "labels", .kind = OPT_INPUT, .input = "labels"},
    {.name = "label-filter", .kind = OPT_INPUT, .input = "labels"},
    {.name = "default-schema-name", .kind = OPT_INPUT, .input = "default_schema_name"},
    {.name = "tag", .kind = OPT_TAKEN},
    {.name = "count", .kind = OPT_TAKEN},
    {.name = "date", .kind = OPT_TAKEN},
    {.name = "changeset-id", .kind = OPT_TAKEN},
    {.name = "changeset-author", .kind = OPT_TAKEN},
    {.name = "changeset-path", .kind = OPT_TAKEN},
    {.name = "changeset-identifier", .kind = OPT_TAKEN},
    {.name = "force", .kind = OPT_TAKEN, .flag = true},
    {.name = "verbose", .kind = OPT_TAKEN, .flag = true},
    {.name = "format", .kind = OPT_IGNORED},
    {.name = "default-catalog-name", .kind = OPT_IGNORED},
    {.name = "output-default-schema", .kind = OPT_IGNORED, .flag = true},
    {.name = "output-default-catalog", .kind = OPT_IGNORED, .flag = true},
    {.name = "driver", .kind = OPT_IGNORED},
    {.name = "driver-properties-file",
     .kind = OPT_TOLD,
     .note = "there is no JDBC driver; put its settings into the URL"},
    {.name = "show-summary", .kind = OPT_IGNORED},
    {.name = "show-summary-output", .kind = OPT_IGNORED},
    {.name = "rollback-script",
     .kind = OPT_REFUSED,
     .note = "a rollback comes from the changelog, whose checksums are checked; write it there"},
    {.name = "rollback-on-error",
     .kind = OPT_REFUSED,
     .flag = true,
     .note =
         "each changeset is one transaction; to take back earlier ones run rollback with the tag set before the update"},
    {.name = "change-exec-listener-class", .kind = OPT_REFUSED, .note = "a Java class cannot be loaded without a JVM"},
    {.name = "change-exec-listener-properties-file", .kind = OPT_IGNORED},
    {.name = "tag-version", .kind = OPT_TOLD, .note = "the newest row with the tag is meant, as by default"},

    /* global */
    {.name = "search-path", .kind = OPT_INPUT, .input = "search_path"},
    {.name = "liquibase-schema-name", .kind = OPT_INPUT, .input = "liquibase_schema_name"},
    {.name = "database-changelog-table-name", .kind = OPT_INPUT, .input = "database_changelog_table_name"},
    {.name = "database-changelog-lock-table-name", .kind = OPT_INPUT, .input = "database_changelog_lock_table_name"},
    {.name = "classpath", .kind = OPT_OWN},
    {.name = "defaults-file", .kind = OPT_OWN},
    {.name = "output-file", .kind = OPT_OWN},
    {.name = "log-level", .kind = OPT_OWN},
    {.name = "log-format", .kind = OPT_OWN},
    {.name = "changelog-lock-wait-time-in-minutes", .kind = OPT_OWN},
    {.name = "file-encoding", .kind = OPT_OWN},
    {.name = "should-run", .kind = OPT_OWN, .flag = true},
    {.name = "log-file", .kind = OPT_TOLD, .note = "the log goes to standard error"},
    {.name = "liquibase-tablespace-name",
     .kind = OPT_TOLD,
     .note = "the history tables are created in the default tablespace"},
    {.name = "suppress-liquibase-sql", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "allow-duplicated-changeset-identifiers",
     .kind = OPT_REFUSED,
     .flag = true,
     .note = "of two changesets with one identity the history could hold only one; give the second an id of its own"},
    {.name = "always-drop-instead-of-replace", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "changelog-parse-mode", .kind = OPT_TOLD, .note = CHANGES},
    {.name = "convert-data-types", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "duplicate-file-mode", .kind = OPT_TOLD, .note = "a changelog that is found twice is an error"},
    {.name = "error-on-circular-include-all", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "missing-property-mode", .kind = OPT_TOLD, .note = CHANGES},
    {.name = "on-missing-include-changelog", .kind = OPT_TOLD, .note = "a missing file is an error"},
    {.name = "preserve-classpath-prefix-in-normalized-paths", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "preserve-schema-case", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "property-substitution-enabled", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "support-property-escaping", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "trim-load-data-file-header", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "use-procedure-schema", .kind = OPT_TOLD, .flag = true, .note = CHANGES},
    {.name = "always-override-stored-logic-schema", .kind = OPT_TOLD, .note = CHANGES},
};
const size_t n_liquibase_options = COUNT(liquibase_options);

/* Options by the beginning of their names, in the collapsed spelling; nothing of them has a meaning on PostgreSQL without a JVM. */
static const struct family {
    const char *begin;
    bool flag;
} families[] = {
    {"analytics", false},
    {"autoreorg", true},
    {"changeloglockpollrate", false},
    {"customlogdata", false},
    {"databaseclass", false},
    {"databricks", false},
    {"dbclhistory", false},
    {"ddllocktimeout", false},
    {"diffcolumnorder", true},
    {"dynamodb", false},
    {"filterlogmessages", false},
    {"generate", false},
    {"headless", true},
    {"include", true},
    {"licensekey", false},
    {"liquibasecatalogname", false},
    {"logchannels", false},
    {"mirror", true},
    {"mongodb", false},
    {"monitorperformance", true},
    {"outputfileencoding", false},
    {"outputlineseparator", false},
    {"proglobal", false},
    {"prolicense", false},
    {"promark", true},
    {"prosql", true},
    {"prosynonyms", true},
    {"prostrict", true},
    {"propertyprovider", false},
    {"promptfornonlocaldatabase", true},
    {"psql", false},
    {"reference", false},
    {"report", true},
    {"script", false},
    {"secureparsing", true},
    {"shouldsnapshotdata", true},
    {"showbanner", true},
    {"sqlcmd", false},
    {"sqlplus", false},
    {"sqllog", false},
    {"sqlshow", true},
    {"strict", true},
    {"supportsmethodvalidationlevel", false},
    {"uiservice", false},
    {"validatexmlchangelogfiles", true},
};

const char *liquibase_collapse(struct arena *a, const char *name)
{
    struct str out = str_new(a);
    for (; *name; name++)
        if (*name != '-' && *name != '_' && *name != '.')
            str_addc(&out, (char)tolower((unsigned char)*name));
    return out.s;
}

const struct liquibase_command *liquibase_command_find(struct arena *a, const char *name)
{
    const char *want = liquibase_collapse(a, name);
    for (size_t i = 0; i < n_liquibase_commands; i++)
        if (text_equal(want, liquibase_collapse(a, liquibase_commands[i].name)))
            return &liquibase_commands[i];
    return NULL;
}

const struct liquibase_option *liquibase_option_find(struct arena *a, const char *name)
{
    static const struct liquibase_option quiet = {.name = "", .kind = OPT_IGNORED};
    static const struct liquibase_option quiet_flag = {.name = "", .kind = OPT_IGNORED, .flag = true};
    const char *want = liquibase_collapse(a, name);

    for (size_t i = 0; i < n_liquibase_options; i++)
        if (text_equal(want, liquibase_collapse(a, liquibase_options[i].name)))
            return &liquibase_options[i];
    for (size_t i = 0; i < COUNT(families); i++)
        if (text_starts(want, families[i].begin))
            return families[i].flag ? &quiet_flag : &quiet;
    return NULL;
}

const char *liquibase_takes(struct arena *a, const struct liquibase_command *c, const char *option, bool *required)
{
    size_t n = strlen(option);
    for (size_t i = 0; c && i < COUNT(c->takes) && c->takes[i]; i++)
        if (text_starts(c->takes[i], option) && c->takes[i][n] == '>') {
            const char *input = c->takes[i] + n + 1;
            bool must = text_ends(input, "!");
            if (required)
                *required = must;
            return arena_strndup(a, input, strlen(input) - must);
        }
    return NULL;
}

static bool has_input(const struct stage *stage, const char *name)
{
    for (size_t i = 0; i < n_common_inputs; i++)
        if (text_equal(common_inputs[i].name, name))
            return true;
    for (size_t i = 0; i < stage->n_inputs; i++)
        if (text_equal(stage->inputs[i].name, name))
            return true;
    return false;
}

/* What of the row does not exist, or NULL. */
static const char *row_fault(struct arena *a, const struct liquibase_command *c, const struct stage *stage)
{
    if (!stage)
        return arena_printf(a, "there is no stage %s", c->stage);
    for (size_t i = 0; i < COUNT(c->fixed) && c->fixed[i]; i++) {
        const char *input = arena_strndup(a, c->fixed[i], strcspn(c->fixed[i], "="));
        if (!has_input(stage, input))
            return arena_printf(a, "%s has no input %s", c->stage, input);
    }
    for (size_t i = 0; i < COUNT(c->takes) && c->takes[i]; i++) {
        const char *option = arena_strndup(a, c->takes[i], strcspn(c->takes[i], ">"));
        const char *input = liquibase_takes(a, c, option, NULL);
        if (*input && !has_input(stage, input))
            return arena_printf(a, "%s has no input %s", c->stage, input);
    }
    return NULL;
}

const char *liquibase_command_fault(struct arena *a, const struct liquibase_command *c)
{
    return c->stage ? row_fault(a, c, stage_find(c->stage)) : NULL;
}

void liquibase_check(struct arena *a, struct str_list *faults)
{
    for (size_t i = 0; i < n_liquibase_commands; i++) {
        const struct liquibase_command *c = &liquibase_commands[i];
        const char *fault = liquibase_command_fault(a, c);
        if (!c->stage == !c->instead)
            fault = "either a stage or what to do instead";
        if (fault)
            *VEC_PUSH(a, faults) = arena_printf(a, "%s: %s", c->name, fault);
    }
}
