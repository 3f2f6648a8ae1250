/* stage.h - the registry: what a stage is, and the tables that everything else derives from.
 *
 * One row per input and per output. Parsing and validation, `dbstep help`, the step templates in plugin/, the reference
 * manual and shell completion all come from these rows. An output that is not in the table cannot be set.
 */
#ifndef DBSTEP_STAGE_H
#define DBSTEP_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/pg_target.h"
#include "dbstep/result.h"
#include "dbstep/vec.h"

/* The C type of the field a row fills:
 *   IN_STRING   const char *        NULL when unset
 *   IN_INTEGER  long long           decimal
 *   IN_SIZE     long long, bytes    1024, 64kB, 10MB, 1GB (powers of 1024)
 *   IN_DURATION long long, ms       250ms, 30s, 5m, 1h, 2d, or a bare number of seconds
 *   IN_BOOLEAN  bool                true/false/yes/no/on/off/1/0
 *   IN_CHOICE   int                 index into choices
 *   IN_LIST     struct str_list     a JSON array, a comma list or a newline list
 *   IN_FILE     const char *        path of a file that must exist and be readable
 *   IN_JSON     const char *        text that parses as JSON
 */
enum input_type { IN_STRING, IN_INTEGER, IN_SIZE, IN_DURATION, IN_BOOLEAN, IN_CHOICE, IN_LIST, IN_FILE, IN_JSON };

enum input_flag {
    IN_REQUIRED = 1u << 0,
    IN_SECRET = 1u << 1,   /* registered with the redactor; refused on the command line; also read from NAME_FILE */
    IN_ADVANCED = 1u << 2, /* left out of step templates' first view, listed last in help */
};

struct input_spec {
    const char *name; /* "db_url": --db-url, DBSTEP_DB_URL, PLUGIN_DB_URL, INPUT_DB_URL, INPUT_DB-URL */
    enum input_type type;
    unsigned flags;
    const char *def;     /* default as text, NULL: none */
    const char *choices; /* IN_CHOICE: "plan|apply"; a choice's value is its index */
    long long min, max;  /* IN_INTEGER, IN_SIZE, IN_DURATION in the field's unit, when max > min */
    size_t offset;       /* of the field in the stage's configuration */
    const char *doc;     /* one sentence without full stop */
};

enum output_type { OUT_STRING, OUT_INTEGER, OUT_BOOLEAN, OUT_JSON, OUT_FILE };

struct output_spec {
    const char *name;
    enum output_type type;
    const char *doc;
};

/* Lent to a stage for one run. */
struct run {
    struct ctx *cx;
    struct result *result;
    const char *output_dir; /* exists and is writable before a stage runs */
    bool dry_run;
    enum severity fail_on;
};

struct stage {
    const char *name;    /* "schema-deploy" */
    const char *summary; /* one sentence without full stop */
    const char *manual;  /* paragraphs for help and the reference manual; may be NULL */
    const struct input_spec *inputs;
    size_t n_inputs;
    const struct output_spec *outputs;
    size_t n_outputs;
    size_t config_size;
    /* False: the reason is in run->cx->err. True: the verdict is in run->result. */
    bool (*run)(struct run *run, const void *config);
};

extern const struct stage *const stages[]; /* ends with NULL, in the order shown by help; src/stages/stages.c */

/* Inputs and outputs that every stage has (stage, host, output_dir, fail_on, dry_run, timeout, log_level, …). */
struct common_config {
    const char *stage, *output_dir;
    const char *run_as, *results_dir, *termination_log, *card_template;
    int host, fail_on, log_level, log_format, output_encoding;
    bool dry_run;
    long long timeout_ms, connect_timeout_ms;
};
extern const struct input_spec common_inputs[];
extern const size_t n_common_inputs;
extern const struct output_spec common_outputs[];
extern const size_t n_common_outputs;

const struct stage *stage_find(const char *name); /* NULL when there is none */

/* A row whose name and offset cannot disagree. */
#define IN_FIELD(T, field) .name = #field, .offset = offsetof(T, field)

/* The rows of a database connection: `field` is a struct pg_target in T, `prefix` is "" or "source_". */
/* clang-format off: its versions lay this macro out differently */
#define IN_DATABASE(T, field, prefix, what)                                                                            \
    {.name = prefix "db_url",                                                                                          \
     .type = IN_STRING,                                                                                                \
     .flags = IN_SECRET,                                                                                               \
     .offset = offsetof(T, field.url),                                                                                 \
     .doc = "libpq URI of " what},                                                                                     \
        {.name = prefix "db_host",                                                                                     \
         .type = IN_STRING,                                                                                            \
         .offset = offsetof(T, field.host),                                                                            \
         .doc = "Host name, or folder of the Unix socket, of " what},                                                  \
        {.name = prefix "db_port",                                                                                     \
         .type = IN_INTEGER,                                                                                           \
         .min = 1,                                                                                                     \
         .max = 65535,                                                                                                 \
         .offset = offsetof(T, field.port),                                                                            \
         .doc = "Port of " what},                                                                                      \
        {.name = prefix "db_name", .type = IN_STRING, .offset = offsetof(T, field.name), .doc = "Name of " what},      \
        {.name = prefix "db_user", .type = IN_STRING, .offset = offsetof(T, field.user), .doc = "Role used on " what}, \
        {.name = prefix "db_password",                                                                                 \
         .type = IN_STRING,                                                                                            \
         .flags = IN_SECRET,                                                                                           \
         .offset = offsetof(T, field.password),                                                                        \
         .doc = "Password for " what},                                                                                 \
        {.name = prefix "db_sslmode",                                                                                  \
         .type = IN_STRING,                                                                                            \
         .flags = IN_ADVANCED,                                                                                         \
         .offset = offsetof(T, field.sslmode),                                                                         \
         .doc = "TLS mode; verify-full unless the host is local"},                                                     \
        {.name = prefix "db_sslrootcert",                                                                              \
         .type = IN_STRING,                                                                                            \
         .flags = IN_ADVANCED,                                                                                         \
         .offset = offsetof(T, field.sslrootcert),                                                                     \
         .doc = "CA bundle that signs the server's certificate"},                                                      \
        {.name = prefix "db_sslcert",                                                                                  \
         .type = IN_STRING,                                                                                            \
         .flags = IN_ADVANCED,                                                                                         \
         .offset = offsetof(T, field.sslcert),                                                                         \
         .doc = "Client certificate file"},                                                                            \
        {.name = prefix "db_sslkey",                                                                                   \
         .type = IN_STRING,                                                                                            \
         .flags = IN_ADVANCED,                                                                                         \
         .offset = offsetof(T, field.sslkey),                                                                          \
         .doc = "Client key file"},                                                                                    \
    {                                                                                                                  \
        .name = prefix "db_options", .type = IN_STRING, .flags = IN_ADVANCED, .offset = offsetof(T, field.options),    \
        .doc = "Server settings for the session, as libpq's options"                                                   \
    }
/* clang-format on */

#endif
