/* flyway_stage.h - the schema stages on Flyway migrations: their inputs, and what each stage becomes then. */
#ifndef DBSTEP_FLYWAY_STAGE_H
#define DBSTEP_FLYWAY_STAGE_H

#include "dbstep/flyway.h"
#include "dbstep/stage.h"

/* clang-format off */
#define FLYWAY_INPUTS                                                                                                  \
    {IN_FIELD(struct schema_config, migrations), .type = IN_LIST,                                                      \
     .doc = "Folders of Flyway migrations, relative to a folder of search_path, in place of a changelog"},             \
    {IN_FIELD(struct schema_config, format), .type = IN_CHOICE, .def = "auto", .choices = "auto|liquibase|flyway",     \
     .flags = IN_ADVANCED,                                                                                             \
     .doc = "What is deployed; auto takes Flyway when migrations or flyway_conf is given"},                            \
    {IN_FIELD(struct schema_config, flyway_options), .type = IN_LIST, .flags = IN_ADVANCED,                            \
     .doc = "Flyway's settings by its own names, name=value: outOfOrder=true, target=2.1, baselineOnMigrate=true"},    \
    {IN_FIELD(struct schema_config, flyway_conf), .type = IN_FILE, .flags = IN_ADVANCED,                               \
     .doc = "A flyway.conf to take settings from; variables FLYWAY_… and then flyway_options beat it"}
#define FLYWAY_ACTION_INPUT                                                                                            \
    {IN_FIELD(struct schema_config, flyway_action), .type = IN_CHOICE, .def = "migrate",                               \
     .choices = "migrate|undo|baseline|repair", .flags = IN_ADVANCED,                                                  \
     .doc = "Flyway: run what is pending, undo the newest (count, or down to the setting target), make the history of " \
            "a database that has a schema already, or mend the history"}
/* clang-format on */

struct schema_config;

/* Is the step about Flyway's migrations? */
bool schema_is_flyway(const struct schema_config *c);
bool flyway_deploy_stage(struct run *run, const struct schema_config *c);
bool flyway_preview_stage(struct run *run, const struct schema_config *c);
bool flyway_status_stage(struct run *run, const struct schema_config *c);
/* Takes back what is newer than a version, or `count` migrations when it is NULL. */
bool flyway_rollback_stage(struct run *run, const struct schema_config *c, const char *version, long long count);

#endif
