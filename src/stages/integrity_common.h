/* integrity_common.h - what the integrity stages share: inputs, and the report turned into a result. */
#ifndef DBSTEP_STAGES_INTEGRITY_COMMON_H
#define DBSTEP_STAGES_INTEGRITY_COMMON_H

#include "dbstep/integrity.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

struct integrity_config {
    struct pg_target db;
    struct str_list tables, exclude_tables;
    long long connections, chunk_rows, slice_size, statement_timeout, lock_timeout;
    long long max_active_sessions, max_replication_lag, max_snapshot_age;
    int strictness, aggregate, digest, check_foreign_keys;
    bool materialized_views, large_objects;
};

/* A paragraph of both manuals. */
#define INTEGRITY_MANUAL_THROTTLE                                                                                                                      \
    "Against a server at work: 'max_active_sessions' and 'max_replication_lag' hold reading back, between slices of at most 64 MB, while others need " \
    "the server more; the role then needs pg_read_all_stats, and one more connection asks once a second. The snapshot stays open meanwhile and holds " \
    "back vacuum: 'max_snapshot_age' ends that, inconclusive.\n\n"

#define INTEGRITY_INPUTS(T, c)                                                                                                    \
    {.name = "tables",                                                                                                            \
     .type = IN_LIST,                                                                                                             \
     .offset = offsetof(T, c.tables),                                                                                             \
     .doc = "Only these tables: name or schema.name, * for any characters"},                                                      \
        {.name = "exclude_tables",                                                                                                \
         .type = IN_LIST,                                                                                                         \
         .offset = offsetof(T, c.exclude_tables),                                                                                 \
         .doc = "Leave these tables out: name or schema.name, * for any characters"},                                             \
        {.name = "check_foreign_keys",                                                                                            \
         .type = IN_CHOICE,                                                                                                       \
         .def = "not_valid",                                                                                                      \
         .choices = "not_valid|all|none",                                                                                         \
         .offset = offsetof(T, c.check_foreign_keys),                                                                             \
         .doc = "Foreign keys whose orphans are counted: those that are not valid or whose triggers are off; all, "               \
                "where rows were loaded with session_replication_role=replica; or none"},                                         \
        {.name = "materialized_views",                                                                                            \
         .type = IN_BOOLEAN,                                                                                                      \
         .def = "false",                                                                                                          \
         .offset = offsetof(T, c.materialized_views),                                                                             \
         .doc = "Compare materialized views too, as tables without a key"},                                                       \
        {.name = "large_objects",                                                                                                 \
         .type = IN_BOOLEAN,                                                                                                      \
         .def = "false",                                                                                                          \
         .offset = offsetof(T, c.large_objects),                                                                                  \
         .doc = "Compare large objects too"},                                                                                     \
        {.name = "connections",                                                                                                   \
         .type = IN_INTEGER,                                                                                                      \
         .def = "2",                                                                                                              \
         .min = 1,                                                                                                                \
         .max = 32,                                                                                                               \
         .offset = offsetof(T, c.connections),                                                                                    \
         .doc = "Connections per database, all on one snapshot"},                                                                 \
        {.name = "max_active_sessions",                                                                                           \
         .type = IN_INTEGER,                                                                                                      \
         .def = "0",                                                                                                              \
         .min = 0,                                                                                                                \
         .max = 100000,                                                                                                           \
         .offset = offsetof(T, c.max_active_sessions),                                                                            \
         .doc =                                                                                                                   \
             "Read nothing while a server has more active sessions than these, steps like this one not counted; 0 for no limit"}, \
        {.name = "max_replication_lag",                                                                                           \
         .type = IN_SIZE,                                                                                                         \
         .def = "0",                                                                                                              \
         .min = 0,                                                                                                                \
         .max = 1LL << 50,                                                                                                        \
         .offset = offsetof(T, c.max_replication_lag),                                                                            \
         .doc = "Read nothing while a standby has more log than this to replay; 0 for no limit"},                                 \
        {.name = "max_snapshot_age",                                                                                              \
         .type = IN_DURATION,                                                                                                     \
         .def = "0",                                                                                                              \
         .min = 0,                                                                                                                \
         .max = 30LL * 86400000,                                                                                                  \
         .offset = offsetof(T, c.max_snapshot_age),                                                                               \
         .doc =                                                                                                                   \
             "Give up, inconclusive, when the snapshot gets older than this, as it holds back vacuum; 0 for no limit"},           \
        {.name = "chunk_rows",                                                                                                    \
         .type = IN_INTEGER,                                                                                                      \
         .flags = IN_ADVANCED,                                                                                                    \
         .def = "1000",                                                                                                           \
         .min = 16,                                                                                                               \
         .max = 1000000,                                                                                                          \
         .offset = offsetof(T, c.chunk_rows),                                                                                     \
         .doc = "Rows per chunk aimed at; grows with the table"},                                                                 \
        {.name = "slice_size",                                                                                                    \
         .type = IN_SIZE,                                                                                                         \
         .flags = IN_ADVANCED,                                                                                                    \
         .def = "2GB",                                                                                                            \
         .min = 8 << 20,                                                                                                          \
         .max = 1LL << 40,                                                                                                        \
         .offset = offsetof(T, c.slice_size),                                                                                     \
         .doc = "Heap that one query reads at most"},                                                                             \
        {.name = "statement_timeout",                                                                                             \
         .type = IN_DURATION,                                                                                                     \
         .flags = IN_ADVANCED,                                                                                                    \
         .def = "0",                                                                                                              \
         .min = 0,                                                                                                                \
         .max = 86400000,                                                                                                         \
         .offset = offsetof(T, c.statement_timeout),                                                                              \
         .doc = "Longest time for one query; 0 for none"},                                                                        \
        {.name = "lock_timeout",                                                                                                  \
         .type = IN_DURATION,                                                                                                     \
         .flags = IN_ADVANCED,                                                                                                    \
         .def = "30s",                                                                                                            \
         .min = 0,                                                                                                                \
         .max = 86400000,                                                                                                         \
         .offset = offsetof(T, c.lock_timeout),                                                                                   \
         .doc = "Longest wait for a table that is locked; 0 for none"},                                                           \
        {.name = "aggregate",                                                                                                     \
         .type = IN_CHOICE,                                                                                                       \
         .flags = IN_ADVANCED,                                                                                                    \
         .def = "xor",                                                                                                            \
         .choices = "xor|sum",                                                                                                    \
         .offset = offsetof(T, c.aggregate),                                                                                      \
         .doc =                                                                                                                   \
             "How digests are put together; PostgreSQL 13 always takes sum, so choose it where 13 is to be compared with"},       \
    {                                                                                                                             \
        .name = "digest", .type = IN_CHOICE, .flags = IN_ADVANCED, .def = "auto", .choices = "auto|native|portable",              \
        .offset = offsetof(T, c.digest),                                                                                          \
        .doc = "native: the server's hash functions; portable: SHA-256 over UTF-8, slower and the same "                          \
               "everywhere; auto: native, but portable for what two databases hash or encode differently"                         \
    }

/* How differing rows are named. */
struct integrity_naming {
    long long max_rows, max_drill_rows;
    bool show_values, hash_keys;
};

#define INTEGRITY_NAMING(T, n)                                                                             \
    {.name = "show_values",                                                                                \
     .type = IN_BOOLEAN,                                                                                   \
     .def = "false",                                                                                       \
     .offset = offsetof(T, n.show_values),                                                                 \
     .doc = "Show the values of differing rows; otherwise keys and columns only"},                         \
        {.name = "hash_keys",                                                                              \
         .type = IN_BOOLEAN,                                                                               \
         .def = "false",                                                                                   \
         .offset = offsetof(T, n.hash_keys),                                                               \
         .doc = "Show keys as hashes, where keys are personal data"},                                      \
        {.name = "max_rows",                                                                               \
         .type = IN_INTEGER,                                                                               \
         .def = "100",                                                                                     \
         .min = 0,                                                                                         \
         .max = 100000,                                                                                    \
         .offset = offsetof(T, n.max_rows),                                                                \
         .doc = "Differing rows named at most; all are counted"},                                          \
    {                                                                                                      \
        .name = "max_drill_rows", .type = IN_INTEGER, .flags = IN_ADVANCED, .def = "2000000", .min = 1000, \
        .max = 1LL << 40, .offset = offsetof(T, n.max_drill_rows),                                         \
        .doc = "Rows read again per table to name differences; above, a sample of the unequal chunks"      \
    }

#define INTEGRITY_DIFF_OUTPUTS                                                                  \
    {"rows_missing", OUT_INTEGER, "Rows that are gone"},                                        \
        {"rows_extra", OUT_INTEGER, "Rows that are new and not declared"},                      \
        {"rows_changed", OUT_INTEGER, "Rows with a changed value"},                             \
        {"rows_inserted", OUT_INTEGER, "Rows the application inserted meanwhile, as declared"}, \
        {"rows_deleted", OUT_INTEGER, "Rows the application deleted meanwhile, as declared"},   \
    {                                                                                           \
        "counts_exact", OUT_BOOLEAN, "False when the row counts are lower bounds"               \
    }

#define INTEGRITY_OUTPUTS                                                                                         \
    {"tables_compared", OUT_INTEGER, "Tables compared or certified"},                                             \
        {"tables_uncovered", OUT_INTEGER, "Tables that were left out, each named in the result with the reason"}, \
        {"rows_compared", OUT_INTEGER, "Rows compared or certified"},                                             \
        {"columns_compared", OUT_INTEGER, "Columns compared or certified, over all tables"},                      \
        {"paused_ms", OUT_INTEGER,                                                                                \
         "Milliseconds that reading stood still because a server had more to do than was allowed"},               \
        {"max_connections_used", OUT_INTEGER, "Most connections to one database"},                                \
    {                                                                                                             \
        "root_digest", OUT_STRING, "SHA-256 over the certificate"                                                 \
    }

/* The target, or NULL when none of its inputs was given. */
const struct pg_target *integrity_given(const struct pg_target *t);
void integrity_fill_naming(const struct integrity_naming *n, struct integrity_options *o);
/* As below, with the outputs of a comparison and its summary. */
bool integrity_diff_to_result(struct run *run, const struct integrity_report *r);
void integrity_certificate_to_result(struct run *run, const struct integrity_report *r);
void integrity_fill_options(const struct integrity_config *c, struct integrity_options *o);
/* Findings, tables, proofs, uncovered lines, shared outputs and the verdict. */
void integrity_to_result(struct run *run, const struct integrity_report *r);

/* ---- integrity_show.c, integrity_svg.c ---- */
enum { INTEGRITY_STRIPS_EQUAL = 8 }; /* tables without a difference that are shown beside those with one */
/* The tables "Key ranges" and "Differing rows". */
void integrity_show(struct run *run, const struct integrity_report *r);
/* integrity.svg in the output folder, when there is something to be seen. */
bool integrity_write_svg(struct run *run, const struct integrity_report *r);
/* Tables whose strips are shown, at most so many; *hidden: how many others there are. */
size_t integrity_strips(const struct integrity_report *r, const struct integrity_table **out, size_t most,
                        size_t *hidden);

#endif
