/* integrity_declare.h - declared changes taken from a changelog: what its changesets add between the two sides of a comparison. */
#ifndef DBSTEP_STAGES_INTEGRITY_DECLARE_H
#define DBSTEP_STAGES_INTEGRITY_DECLARE_H

#include "schema_common.h"

/* The inputs; `field` is a struct schema_config in T. */
/* clang-format off */
#define INTEGRITY_CHANGELOG_INPUTS(T, field)                                                                           \
    {.name = "changelog_file", .type = IN_STRING, .offset = offsetof(T, field.changelog_file),                         \
     .doc = "Changelog whose changesets came in between: what they add is declared by them, as with 'expected_changes'"}, \
    {.name = "search_path", .type = IN_LIST, .offset = offsetof(T, field.search_path),                                 \
     .doc = "Folders that changelogs are looked for in; the working directory when not given"},                        \
    {.name = "contexts", .type = IN_STRING, .offset = offsetof(T, field.contexts),                                     \
     .doc = "Contexts that were in force, comma-separated; without any, every changeset counts"},                      \
    {.name = "labels", .type = IN_STRING, .offset = offsetof(T, field.labels),                                         \
     .doc = "Label expression that was in force"},                                                                     \
    {.name = "parameters", .type = IN_LIST, .offset = offsetof(T, field.parameters),                                   \
     .doc = "Changelog parameters key=value for ${key}; they beat what the changelog defines"},                        \
    {.name = "default_schema_name", .type = IN_STRING, .flags = IN_ADVANCED,                                           \
     .offset = offsetof(T, field.default_schema_name),                                                                 \
     .doc = "Schema that changesets work in; the session's own when not given"},                                       \
    {.name = "liquibase_schema_name", .type = IN_STRING, .flags = IN_ADVANCED,                                         \
     .offset = offsetof(T, field.liquibase_schema_name),                                                               \
     .doc = "Schema of the history tables; the default schema when not given"},                                        \
    {.name = "database_changelog_table_name", .type = IN_STRING, .flags = IN_ADVANCED, .def = "databasechangelog",     \
     .offset = offsetof(T, field.database_changelog_table_name), .doc = "Name of the history table"}
/* clang-format on */

/* Items for integrity_options.derived_changes, into `derived`. The table of them, hints at what is not declared and what could not be looked
 * into go to the result. `schema`'s database is the one that is judged; `source` is the live left side, else NULL, and then `baseline` is the
 * certificate. `expected` is what the user declared. */
bool integrity_declare(struct run *run, const struct schema_config *schema, const struct pg_target *source,
                       const char *baseline, const struct str_list *expected, struct str_list *derived);

#endif
