/* schema_common.h - the inputs that the schema stages share, and what becomes of them. */
#ifndef DBSTEP_SCHEMA_COMMON_H
#define DBSTEP_SCHEMA_COMMON_H

#include "dbstep/deploy.h"
#include "dbstep/stage.h"
#include "flyway_stage.h"

/* Who policies are told about; see schema_policy.h. */
struct policy_config {
    const char *instance, *instance_name, *instance_tags, *schema, *schema_name;
};

struct schema_config {
    struct pg_target db;
    const char *changelog_file, *changelog_commit;
    struct str_list search_path, parameters;
    const char *contexts, *labels, *tag, *to_tag, *to_date;
    const char *changeset_id, *changeset_author, *changeset_path;
    long long count, lock_wait, lock_timeout, lock_retries, statement_timeout;
    int split, action, direction;
    bool tag_before, print, force, skip_unknown, history;
    const char *default_schema_name, *liquibase_schema_name, *database_changelog_table_name,
        *database_changelog_lock_table_name;
    const char *liquibase_version;
    int format, flyway_action;
    struct str_list migrations, flyway_options;
    const char *flyway_conf;
    struct policy_config policy;
};

/* clang-format off */
#define SCHEMA_INPUTS                                                                                                  \
    {IN_FIELD(struct schema_config, changelog_file), .type = IN_STRING,                                                \
     .doc = "The changelog, relative to a folder of search_path; this path identifies its changesets in the history"}, \
    FLYWAY_INPUTS,                                                                                                     \
    {IN_FIELD(struct schema_config, search_path), .type = IN_LIST,                                                     \
     .doc = "Folders that changelogs are looked for in; the working directory when not given"},                        \
    {IN_FIELD(struct schema_config, changelog_commit), .type = IN_STRING, .flags = IN_ADVANCED,                        \
     .doc = "Read the changelog as it is in this commit, branch or tag of the checkout that search_path lies in"},     \
    {IN_FIELD(struct schema_config, contexts), .type = IN_STRING,                                                      \
     .doc = "Contexts in force, comma-separated; without any, every changeset runs"},                                  \
    {IN_FIELD(struct schema_config, labels), .type = IN_STRING,                                                        \
     .doc = "Label expression: changesets with labels run only when it matches them"},                                 \
    {IN_FIELD(struct schema_config, parameters), .type = IN_LIST,                                                      \
     .doc = "Changelog parameters key=value for ${key}; they beat what the changelog defines"},                        \
    {IN_FIELD(struct schema_config, split), .type = IN_CHOICE, .def = "postgres", .choices = "postgres|liquibase",     \
     .flags = IN_ADVANCED,                                                                                             \
     .doc = "How SQL is cut into statements: with PostgreSQL's quoting rules, or byte for byte as Liquibase does"},    \
    {IN_FIELD(struct schema_config, default_schema_name), .type = IN_STRING, .flags = IN_ADVANCED,                     \
     .doc = "Schema that changesets work in; the session's own when not given"},                                       \
    {IN_FIELD(struct schema_config, liquibase_schema_name), .type = IN_STRING, .flags = IN_ADVANCED,                   \
     .doc = "Schema of the history tables; the default schema when not given"},                                        \
    {IN_FIELD(struct schema_config, database_changelog_table_name), .type = IN_STRING, .flags = IN_ADVANCED,           \
     .def = "databasechangelog", .doc = "Name of the history table"},                                                  \
    {IN_FIELD(struct schema_config, database_changelog_lock_table_name), .type = IN_STRING, .flags = IN_ADVANCED,      \
     .def = "databasechangeloglock", .doc = "Name of the lock table"}

/* How statements and the changelog lock are waited for. */
#define SCHEMA_RUN_INPUTS                                                                                              \
    {IN_FIELD(struct schema_config, lock_timeout), .type = IN_DURATION, .def = "2s", .min = 0, .max = 86400000,        \
     .doc = "Longest wait of a statement for a lock on a table, while traffic queues behind it; 0 for none"},          \
    {IN_FIELD(struct schema_config, lock_retries), .type = IN_INTEGER, .def = "10", .min = 0, .max = 1000,             \
     .doc = "How often a changeset is tried again after lock_timeout, with growing pauses"},                           \
    {IN_FIELD(struct schema_config, statement_timeout), .type = IN_DURATION, .def = "0", .min = 0, .max = 2147483647,  \
     .doc = "Longest time for one statement; 0 for none"},                                                             \
    {IN_FIELD(struct schema_config, lock_wait), .type = IN_DURATION, .def = "5m", .min = 0, .max = 86400000,           \
     .doc = "Longest wait for another deploy that holds the changelog lock"}

/* Which changesets are rolled back: exactly one way must be given. */
#define SCHEMA_RANGE_INPUTS                                                                                            \
    {IN_FIELD(struct schema_config, to_date), .type = IN_STRING,                                                       \
     .doc = "Rollback: changesets that ran later than this time (2031-12-24T18:00:00); without a zone it is the server's"}, \
    {IN_FIELD(struct schema_config, changeset_id), .type = IN_STRING,                                                  \
     .doc = "Rollback: this changeset alone; changeset_author belongs to it"},                                         \
    {IN_FIELD(struct schema_config, changeset_author), .type = IN_STRING,                                              \
     .doc = "Rollback: author of that changeset"},                                                                     \
    {IN_FIELD(struct schema_config, changeset_path), .type = IN_STRING,                                                \
     .doc = "Rollback: path of that changeset; the changelog_file when not given"},                                    \
    {IN_FIELD(struct schema_config, skip_unknown), .type = IN_BOOLEAN, .def = "false", .flags = IN_ADVANCED,           \
     .doc = "Rollback: leave rows alone that the changelog does not have, rather than refuse"}

#define SCHEMA_VERSION_INPUT                                                                                           \
    {IN_FIELD(struct schema_config, liquibase_version), .type = IN_STRING, .def = DEPLOY_LIQUIBASE_VERSION,            \
     .flags = IN_ADVANCED,                                                                                             \
     .doc = "What goes into the history's LIQUIBASE column; Liquibase reads it as one of its versions"}
/* clang-format on */

/* The choices of the input action, in its order. */
enum schema_action {
    ACTION_UPDATE,
    ACTION_SYNC,
    ACTION_SYNC_TO_TAG,
    ACTION_MARK_NEXT,
    ACTION_CLEAR_SUMS,
    ACTION_TAG,
    ACTION_RELEASE_LOCK
};

/* The two halves of schema_open(). */
bool schema_load(struct run *run, const struct schema_config *c, struct changelog *log);
bool schema_connect(struct run *run, const struct schema_config *c, const struct changelog *log, struct deploy **d);
/* Reads the changelog, connects, reads the history and makes the plan. */
bool schema_open(struct run *run, const struct schema_config *c, struct changelog *log, struct deploy **d);
/* Writes SQL into output_dir without secrets and sets the output sql_file. */
bool schema_write_sql(struct run *run, const char *name, const char *sql);
/* One table row per changeset that this run takes, or would. */
void schema_list_chosen(struct run *run, const struct deploy *d, const char *title);
/* A note for each pending changeset that stands before one that ran. */
void schema_note_order(struct run *run, const struct deploy *d);
/* The range that the inputs describe; E_INPUT unless there is exactly one. */
bool schema_range(struct run *run, const struct schema_config *c, struct rollback_range *out);

/* ---- what a run did: outputs, tables, findings (schema_report.c) ---- */

void schema_report_steps(struct run *run, const struct deploy_report *r);
/* The outputs change_sets and sql_commands. */
void schema_report_sets(struct run *run, const struct deploy_report *r);
void schema_output_statements(struct run *run, const struct str_list *statements);
/* change_sets of what would run, or be rolled back; `sets` ends with NULL. */
void schema_output_sets(struct run *run, const struct changeset *const *sets, size_t n, const char *what);
/* The script as NAME in output_dir; after a failure (`ok` false) a second one, say of the disk, must not hide the first. */
bool schema_report_sql(struct run *run, const char *name, const struct deploy_report *r, bool ok);

/* ---- what would be done (schema_preview.c) ---- */

/* Script, table and outputs of what this run takes, or of a rollback; nothing is written to the database. */
bool schema_preview_deploy(struct run *run, struct deploy *d, const char *file, bool print);
bool schema_preview_rollback(struct run *run, struct deploy *d, const struct rollback_plan *plan, const char *file,
                             bool print);

/* ---- the other actions (schema_actions.c) ---- */

bool schema_action(struct run *run, const struct schema_config *c);

#endif
