/* schema_policy.h - what policies are asked about: the database, the schema, the statements. */
#ifndef DBSTEP_SCHEMA_POLICY_H
#define DBSTEP_SCHEMA_POLICY_H

#include "schema_common.h"

/* clang-format off */
#define POLICY_INPUTS                                                                                                  \
    {.name = "policy_instance", .type = IN_STRING, .flags = IN_ADVANCED, .offset = offsetof(struct schema_config, policy.instance),        \
     .doc = "Identifier of the database instance in the policy input; host, port and name unless given"},              \
    {.name = "policy_instance_name", .type = IN_STRING, .flags = IN_ADVANCED,                                          \
     .offset = offsetof(struct schema_config, policy.instance_name), .doc = "Its name there; the identifier unless given"},                \
    {.name = "policy_instance_tags", .type = IN_JSON, .flags = IN_ADVANCED,                                            \
     .offset = offsetof(struct schema_config, policy.instance_tags), .doc = "Its tags there, a JSON object"},                              \
    {.name = "policy_schema", .type = IN_STRING, .flags = IN_ADVANCED, .offset = offsetof(struct schema_config, policy.schema),            \
     .doc = "Identifier of the schema there; the changelog's path unless given"},                                      \
    {.name = "policy_schema_name", .type = IN_STRING, .flags = IN_ADVANCED, .offset = offsetof(struct schema_config, policy.schema_name),  \
     .doc = "Its name there; the identifier unless given"}
/* clang-format on */

#define POLICY_OUTPUTS                                                                            \
    {                                                                                             \
        "policy_input_file", OUT_FILE, "What policies of package db_sql are asked about, as JSON" \
    }

/* Writes policy_input.json into output_dir: dbInstance, dbSchema, sqlStatements, as Harness gives them to the rules of package db_sql.
 * The statements are a JSON array, the output sql_commands. */
bool schema_policy_write(struct run *run, const struct schema_config *c, const char *statements);

#endif
