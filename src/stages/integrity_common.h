/* integrity_common.h - what integrity-baseline and integrity-diff share: inputs, and the report turned into a result. */
#ifndef DBSTEP_STAGES_INTEGRITY_COMMON_H
#define DBSTEP_STAGES_INTEGRITY_COMMON_H

#include "dbstep/integrity.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

struct integrity_config {
    struct pg_target db;
    struct str_list tables, exclude_tables;
    long long connections, chunk_rows, slice_size, statement_timeout, lock_timeout;
    int strictness, aggregate;
};

#define INTEGRITY_INPUTS(T, c)                                                                                           \
    {.name = "tables",                                                                                                   \
     .type = IN_LIST,                                                                                                    \
     .offset = offsetof(T, c.tables),                                                                                    \
     .doc = "Only these tables: name or schema.name, * for any characters"},                                             \
        {.name = "exclude_tables",                                                                                       \
         .type = IN_LIST,                                                                                                \
         .offset = offsetof(T, c.exclude_tables),                                                                        \
         .doc = "Leave these tables out: name or schema.name, * for any characters"},                                    \
        {.name = "connections",                                                                                          \
         .type = IN_INTEGER,                                                                                             \
         .def = "2",                                                                                                     \
         .min = 1,                                                                                                       \
         .max = 32,                                                                                                      \
         .offset = offsetof(T, c.connections),                                                                           \
         .doc = "Connections per database, all on one snapshot"},                                                        \
        {.name = "chunk_rows",                                                                                           \
         .type = IN_INTEGER,                                                                                             \
         .flags = IN_ADVANCED,                                                                                           \
         .def = "1000",                                                                                                  \
         .min = 16,                                                                                                      \
         .max = 1000000,                                                                                                 \
         .offset = offsetof(T, c.chunk_rows),                                                                            \
         .doc = "Rows per chunk aimed at; grows with the table"},                                                        \
        {.name = "slice_size",                                                                                           \
         .type = IN_SIZE,                                                                                                \
         .flags = IN_ADVANCED,                                                                                           \
         .def = "2GB",                                                                                                   \
         .min = 8 << 20,                                                                                                 \
         .max = 1LL << 40,                                                                                               \
         .offset = offsetof(T, c.slice_size),                                                                            \
         .doc = "Heap that one query reads at most"},                                                                    \
        {.name = "statement_timeout",                                                                                    \
         .type = IN_DURATION,                                                                                            \
         .flags = IN_ADVANCED,                                                                                           \
         .def = "0",                                                                                                     \
         .min = 0,                                                                                                       \
         .max = 86400000,                                                                                                \
         .offset = offsetof(T, c.statement_timeout),                                                                     \
         .doc = "Longest time for one query; 0 for none"},                                                               \
        {.name = "lock_timeout",                                                                                         \
         .type = IN_DURATION,                                                                                            \
         .flags = IN_ADVANCED,                                                                                           \
         .def = "30s",                                                                                                   \
         .min = 0,                                                                                                       \
         .max = 86400000,                                                                                                \
         .offset = offsetof(T, c.lock_timeout),                                                                          \
         .doc = "Longest wait for a table that is locked; 0 for none"},                                                  \
    {                                                                                                                    \
        .name = "aggregate", .type = IN_CHOICE, .flags = IN_ADVANCED, .def = "xor", .choices = "xor|sum",                \
        .offset = offsetof(T, c.aggregate),                                                                              \
        .doc =                                                                                                           \
            "How digests are put together; PostgreSQL 13 always takes sum, so choose it where 13 is to be compared with" \
    }

#define INTEGRITY_OUTPUTS                                                                                         \
    {"tables_compared", OUT_INTEGER, "Tables compared or certified"},                                             \
        {"tables_uncovered", OUT_INTEGER, "Tables that were left out, each named in the result with the reason"}, \
        {"rows_compared", OUT_INTEGER, "Rows compared or certified"},                                             \
        {"columns_compared", OUT_INTEGER, "Columns compared or certified, over all tables"},                      \
        {"max_connections_used", OUT_INTEGER, "Most connections to one database"},                                \
    {                                                                                                             \
        "root_digest", OUT_STRING, "SHA-256 over the certificate"                                                 \
    }

void integrity_fill_options(const struct integrity_config *c, struct integrity_options *o);
/* Findings, tables, proofs, uncovered lines, shared outputs and the verdict. */
void integrity_to_result(struct run *run, const struct integrity_report *r);

#endif
