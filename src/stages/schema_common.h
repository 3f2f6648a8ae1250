/* schema_common.h - the inputs that schema-deploy, schema-preview and schema-status share, and what becomes of them. */
#ifndef DBSTEP_SCHEMA_COMMON_H
#define DBSTEP_SCHEMA_COMMON_H

#include "dbstep/deploy.h"
#include "dbstep/stage.h"
#include "flyway_stage.h"

struct schema_config {
    struct pg_target db;
    const char *changelog_file;
    struct str_list search_path, parameters;
    const char *contexts, *labels, *tag;
    long long count, lock_wait, lock_timeout, lock_retries, statement_timeout;
    int split;
    bool tag_before, print;
    const char *default_schema_name, *liquibase_schema_name, *database_changelog_table_name,
        *database_changelog_lock_table_name;
    const char *liquibase_version;
    int format, flyway_action;
    struct str_list migrations, flyway_options;
    const char *flyway_conf;
};

/* clang-format off */
#define SCHEMA_INPUTS                                                                                                  \
    {IN_FIELD(struct schema_config, changelog_file), .type = IN_STRING,                                                \
     .doc = "The changelog, relative to a folder of search_path; this path identifies its changesets in the history"}, \
    FLYWAY_INPUTS,                                                                                                     \
    {IN_FIELD(struct schema_config, search_path), .type = IN_LIST,                                                     \
     .doc = "Folders that changelogs are looked for in; the working directory when not given"},                        \
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
/* clang-format on */

/* The two halves of schema_open(). */
bool schema_load(struct run *run, const struct schema_config *c, struct changelog *log);
bool schema_connect(struct run *run, const struct schema_config *c, const struct changelog *log, struct deploy **d);
/* Reads the changelog, connects, reads the history and makes the plan. */
bool schema_open(struct run *run, const struct schema_config *c, struct changelog *log, struct deploy **d);
/* Writes SQL into output_dir without secrets and sets the output sql_file. */
bool schema_write_sql(struct run *run, const char *name, const char *sql);
/* One table row per changeset that runs, or would. */
void schema_list_pending(struct run *run, const struct deploy *d, const char *title, long long count);

#endif
