/* flyway.h - Flyway migrations and databases: the files, the history table, what is pending, running it.
 *
 * Behaviour, names and the table flyway_schema_history are those of Flyway Community 10 and older on PostgreSQL, so that both can work on
 * one database in turn. Settings carry Flyway's own names and defaults. docs/flyway.md says what is supported and what differs.
 *
 * A migration and its row in the history are one transaction, on one connection. A migration that cannot run in a transaction runs
 * statement by statement; how far it came is noted in <table>_progress until it ends, so that a run that was killed is gone on with.
 *
 * Lock. Flyway's own advisory lock: the same key, taken for the session and for the whole run. Flyway takes it for a transaction or
 * a session, by its setting postgresql.transactional.lock; PostgreSQL lets both kinds exclude one another. It dies with the session.
 */
#ifndef DBSTEP_FLYWAY_H
#define DBSTEP_FLYWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbstep/change.h"
#include "dbstep/ctx.h"
#include "dbstep/pg.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

/* ---- versions ---- */

/* "1.2.10", "20240131120000"; underscores are dots. Numbers of any size; trailing zeros do not count: 1.0 equals 1. */
struct flyway_version {
    const char *text;      /* with dots, as it goes into the history; NULL: none (a repeatable migration) */
    struct str_list parts; /* without leading zeros; "" is 0 */
};

/* False when it is not made of numbers and single dots. */
bool flyway_version_parse(struct arena *a, const char *text, struct flyway_version *out);
int flyway_version_compare(const struct flyway_version *a, const struct flyway_version *b);

/* ---- settings ---- */

struct flyway_config {
    struct str_list locations;  /* folders; "filesystem:" may stand before them */
    struct str_list schemas;    /* with the default one they are made when missing, and must be empty for a first run */
    const char *default_schema; /* NULL: the first of schemas, else the session's */
    const char *table;          /* "flyway_schema_history" */
    const char *tablespace;     /* of the table; NULL: the default one */
    const char *prefix, *repeatable_prefix, *undo_prefix, *baseline_prefix, *separator;
    struct str_list suffixes;
    bool validate_naming, missing_locations_fail;

    bool replace_placeholders;
    const char *placeholder_prefix, *placeholder_suffix, *placeholder_separator;
    struct str_list placeholders; /* "key=value"; the last one of a key counts */
    const char *environment;      /* ${flyway:environment} */

    const char *
        target; /* NULL or "latest", "current", "next", or a version; "?" behind it: no error when there is none such */
    bool missing_target_fails;
    bool out_of_order, validate_on_migrate, baseline_on_migrate, create_schemas, mixed, in_transaction, skip_callbacks;
    bool skip_execution; /* write the rows without running the scripts */
    const char *baseline_version, *baseline_description;
    struct str_list ignore_patterns; /* "*:future", "repeatable:missing" */
    const char *installed_by;        /* NULL: the role */
    const char *init_sql;            /* run after connecting; NULL: nothing */
    const char *undo_record; /* what an undo leaves in the history: "DELETE", which every Flyway reads, or "UNDO_SQL" */

    long long lock_wait_ms;    /* for the advisory lock */
    long long lock_timeout_ms; /* of the server, for each statement of a transaction; 0: the server's */
    long long lock_retries;    /* how often a migration is tried again after that */
    long long statement_timeout_ms;
};

void flyway_defaults(struct arena *a, struct flyway_config *c);
/* One setting by Flyway's name, with or without "flyway."; "placeholders.x" too. Names that say how to connect or print are accepted and
 * not used. E_INPUT: an unknown name, a malformed value, or a setting that cannot be honoured. */
bool flyway_set(struct ctx *cx, struct flyway_config *c, const char *name, const char *value);
/* The same by an environment variable's name: FLYWAY_OUT_OF_ORDER, FLYWAY_PLACEHOLDERS_OWNER. Unknown ones are passed over. */
bool flyway_set_variable(struct ctx *cx, struct flyway_config *c, const char *name, const char *value);
/* flyway.conf: lines "flyway.name=value", # comments, a trailing backslash goes on; ${NAME} is an environment variable. */
bool flyway_read_conf(struct ctx *cx, struct flyway_config *c, const char *path,
                      const char *(*environment)(void *user, const char *name), void *user);

/* ---- migrations as files ---- */

enum flyway_kind { FLYWAY_VERSIONED, FLYWAY_REPEATABLE, FLYWAY_UNDO, FLYWAY_BASELINE, FLYWAY_CALLBACK };

struct flyway_script {
    enum flyway_kind kind;
    struct flyway_version version; /* of a repeatable one and of callbacks: text NULL */
    const char *description;       /* underscores are blanks; "" when there is none */
    const char *script;            /* path below its location: the history's column */
    const char *file;              /* on disk, for messages */
    const char *event;             /* FLYWAY_CALLBACK: "beforeMigrate" */
    const char *text;              /* as it is on disk, without a byte order mark */
    size_t len;
    int checksum;             /* of the text */
    int in_transaction;       /* of its .conf file: 0, 1; -1: not said */
    int replace_placeholders; /* likewise */
};

struct flyway_files {
    VEC(struct flyway_script)
    scripts; /* versioned by version, repeatable by description, then callbacks by event and description */
    struct str_list bad_names; /* what is wrong with names that are not Flyway's, one sentence each */
    size_t versioned, repeatable, undo, baseline;
};

/* Reads all locations. Relative ones are looked for in the folders of the search path (NULL or empty: the working directory). E_FILE,
 * E_CHANGELOG: a location is missing, two migrations have one version, a text is not UTF-8, a name is wrong and validate_naming is on. */
bool flyway_load(struct ctx *cx, const struct flyway_config *c, const struct str_list *search_path,
                 struct flyway_files *out);

/* CRC-32 over the lines without their ends and without a byte order mark, as a signed number. */
int flyway_checksum(const char *text, size_t len);

/* ${name} replaced; names are compared without case. E_CHANGELOG at the place of one that has no value. */
bool flyway_expand(struct ctx *cx, const struct flyway_config *c, const char *file, const char *text, size_t len,
                   const struct str_list *own, struct source_map *map, const char **out, size_t *out_len);

/* ---- a database ---- */

struct flyway_row {
    int rank;
    struct flyway_version version; /* text NULL: none */
    const char *description, *type, *script, *installed_by, *installed_on;
    int checksum;
    bool has_checksum, success;
    int execution_time;
    bool deleted, undone, out_of_order; /* by later rows; by its place */
};

/* Flyway's states. */
enum flyway_state {
    FLYWAY_PENDING,
    FLYWAY_ABOVE_TARGET,
    FLYWAY_BELOW_BASELINE,
    FLYWAY_BASELINE_IGNORED,
    FLYWAY_BASELINED,
    FLYWAY_IGNORED,
    FLYWAY_MISSING,
    FLYWAY_MISSING_FAILED,
    FLYWAY_SUCCESS,
    FLYWAY_UNDONE,
    FLYWAY_FAILED,
    FLYWAY_OUT_OF_ORDER,
    FLYWAY_FUTURE,
    FLYWAY_FUTURE_FAILED,
    FLYWAY_OUTDATED,
    FLYWAY_SUPERSEDED,
    FLYWAY_DELETED
};
const char *flyway_state_name(enum flyway_state s); /* "Below Baseline" */

struct flyway_item {
    const struct flyway_script *script; /* NULL: not among the files */
    const struct flyway_row *row;       /* NULL: not in the history */
    enum flyway_state state;
    int checksum;           /* of the script as it counts here: of a repeatable one with placeholders replaced */
    bool again;             /* pending, and ran before with another checksum */
    const char *fault;      /* what validation says against it; NULL: nothing */
    const char *fault_code; /* "checksum-changed", "missing", "failed", "not-applied", "description-changed" */
};

struct flyway_info {
    VEC(struct flyway_item) items; /* in Flyway's order: by rank, then pending ones by version, then repeatable ones */
    size_t pending, faults, applied; /* pending: that a deploy would run */
    struct flyway_version current;   /* text NULL: empty schema */
};

struct flyway; /* a connection with the history read */

bool flyway_open(struct ctx *cx, const struct pg_target *target, const struct flyway_config *c,
                 const struct flyway_files *files, struct flyway **out);
void flyway_close(struct flyway *f); /* NULL is allowed; frees the lock */
static inline void flyway_close_ptr(struct flyway **f)
{
    flyway_close(*f);
}
#define FLYWAY_AUTO __attribute__((cleanup(flyway_close_ptr))) struct flyway *

const struct flyway_info *flyway_info(const struct flyway *f);
const char *flyway_schema(const struct flyway *f);
bool flyway_history_exists(const struct flyway *f);
/* Flyway's key of the lock, in decimal: of the history table's schema and name. */
void flyway_lock_key(const char *schema, const char *table, char out[24]);
/* Who holds the advisory lock, "" when it is free. */
bool flyway_lock_holder(struct ctx *cx, struct flyway *f, const char **what);
/* Migrations that run outside of a transaction and did not come to their end, one sentence each. */
bool flyway_unfinished(struct ctx *cx, struct flyway *f, struct str_list *out);
/* False with E_CHECKSUM (edited files) or E_GUARD (failed, missing, left out migrations) when validation finds anything. */
bool flyway_check(struct ctx *cx, const struct flyway *f);

enum flyway_outcome { FLYWAY_RAN, FLYWAY_RAN_AGAIN, FLYWAY_UNDID, FLYWAY_NOT_RUN };
struct flyway_step {
    const struct flyway_script *script;
    enum flyway_outcome outcome;
    long long ms, retries;
    bool out_of_order, outside; /* outside of a transaction */
};

struct flyway_report {
    VEC(struct flyway_step) steps;
    size_t left;                /* pending afterwards */
    struct str_list xids;       /* decimal: the transactions of the migrations that ran in one */
    struct str_list statements; /* those of the scripts, one by one */
    struct str sql;             /* what was sent, as a script */
    const char *before, *after; /* version of the schema; "" when it has none */
    bool baselined;             /* by baseline_on_migrate */
};

/* Lock, validate, run what is pending, verify. At most `count` (negative: all). The report is filled as far as things went. Errors: E_LOCKED, E_REJECTED (nothing
 * changed), E_PARTIAL, E_OUTCOME_UNKNOWN, E_CHECKSUM, E_GUARD, E_VERIFY … */
bool flyway_migrate(struct ctx *cx, struct flyway *f, long long count, struct flyway_report *report);

/* Which migrations an undo takes back, newest first: so many, or those down to a version. */
struct flyway_back {
    long long count;
    const char *to; /* NULL: count */
    bool keep;      /* the version `to` itself stays; Flyway's target does not */
};
/* Undoes versioned migrations by their U scripts, all of which are looked for before the first one runs. */
bool flyway_undo(struct ctx *cx, struct flyway *f, const struct flyway_back *back, struct flyway_report *report);
/* The script of flyway_migrate, history included, and the statements of its migrations alone; reads only. */
bool flyway_preview(struct ctx *cx, struct flyway *f, long long count, struct str *script, struct str_list *statements);
bool flyway_preview_undo(struct ctx *cx, struct flyway *f, const struct flyway_back *back, struct str *script,
                         struct str_list *statements);

/* Makes the history with a BASELINE row. Nothing to do when it is there with the same version and description; E_GUARD when with others. */
bool flyway_baseline(struct ctx *cx, struct flyway *f, bool *done);

struct flyway_repair {
    VEC(const struct flyway_row *) removed; /* rows of failed migrations */
    VEC(const struct flyway_row *) deleted; /* missing ones, marked as deleted */
    VEC(struct flyway_item) aligned;        /* with what the files say now */
};
/* With dry_run it only tells. */
bool flyway_repair(struct ctx *cx, struct flyway *f, bool dry_run, struct flyway_repair *out);

#endif
