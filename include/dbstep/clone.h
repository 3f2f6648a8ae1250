/* clone.h - copies of production, and the proof that a copy is production's.
 *
 * Each way to make a copy is a provider: a const struct in a file of its own, one row in clone_providers[]. Two exist, both PostgreSQL's
 * own:
 *
 *   template     CREATE DATABASE … TEMPLATE in the source's own cluster
 *   basebackup   the replication protocol's base backup, into an empty folder (in a pod, the mounted volume)
 *
 * A provider fills a report; the stage turns that into a result. Whatever a provider makes carries a mark, so that the next run
 * knows what may be replaced and what a killed run left behind: a comment on the database, a file dbstep-clone.json in the folder.
 *
 * States of a copy: absent -> in-progress -> complete. "In-progress" is written before the first byte, "complete" after the last fsync. A copy
 * that is found in progress while nobody holds its lock was killed: it is removed and made anew.
 */
#ifndef DBSTEP_CLONE_H
#define DBSTEP_CLONE_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/pg_target.h"
#include "dbstep/vec.h"

/* What to do about sessions on the source database, which CREATE DATABASE … TEMPLATE does not suffer. */
enum clone_connections { CLONE_REFUSE, CLONE_WAIT, CLONE_TERMINATE };
/* AUTO: by the size of the source; see template.c for the figures. */
enum clone_strategy { CLONE_STRATEGY_AUTO, CLONE_WAL_LOG, CLONE_FILE_COPY };
/* AUTO: digests up to CLONE_DIGEST_LIMIT of data, counts above. */
enum clone_verify { CLONE_VERIFY_AUTO, CLONE_VERIFY_NONE, CLONE_VERIFY_COUNTS, CLONE_VERIFY_DIGESTS };
#define CLONE_DIGEST_LIMIT (4LL << 30)

struct clone_request {
    struct pg_target source; /* production */
    bool dry_run;            /* guards and estimates only */
    bool replace;            /* a finished copy of ours may be replaced */
    bool replace_unmarked;   /* so may anything else that is in the place of the copy */

    /* template */
    const char *clone_name;
    const char *maintenance_db; /* connected to while the source is copied; NULL: "postgres", else "template1" */
    enum clone_connections connections;
    long long connections_wait_ms; /* how long CLONE_WAIT waits, and a run waits for another one's lock */
    enum clone_strategy strategy;
    bool copy_settings;

    /* basebackup */
    const char *target_dir;             /* the copy's data directory */
    const char *server_dir;             /* the path under which its server will see it; NULL: target_dir */
    struct str_list tablespace_mapping; /* old=new */
    long long max_rate;                 /* bytes per second, 0: unlimited */
    bool spread_checkpoint;             /* wait for a gentle checkpoint instead of forcing one */
    bool neutralise, write_config;
    struct str_list clone_settings; /* name=value, appended to postgresql.auto.conf */
    const char *target_owner;       /* uid or uid:gid, for root */
    bool server_stopped;            /* the user vouches that no server runs on target_dir */

    /* proof */
    enum clone_verify verify;
    int verify_connections;
    struct pg_target clone; /* the started copy of a base backup; for verify_only */
    const char *expect_lsn; /* the copy must be at or past this */
    const char *expect_system_identifier;
    const char *source_snapshot; /* pg_current_snapshot() on the source before the copy began */
};

enum clone_note_level { CLONE_NOTE, CLONE_WARNING };
struct clone_note {
    enum clone_note_level level;
    const char *code, *message, *hint; /* hint may be NULL */
};

struct clone_table {
    const char *name;                  /* schema.table, quoted where needed */
    long long source_rows, clone_rows; /* -1: not counted */
    const char *verdict; /* "equal, older rows", "written meanwhile", "differs…", "missing…", "not readable", … */
};

struct clone_phase {
    const char *name;
    long long ms;
};

/* Texts live in the context's arena. */
struct clone_report {
    const char *provider, *strategy, *target;
    const char *system_identifier, *start_lsn, *end_lsn, *source_snapshot, *server_version;
    int timeline;
    long long bytes_copied, files_copied;
    bool replaced;     /* an older copy had to go */
    bool verified;     /* tables were compared */
    bool inconclusive; /* something that was to be proven could not be */
    long long tables_compared, rows_compared;
    VEC(struct clone_note) notes;
    VEC(struct clone_table) tables; /* those that are not equal first; equal ones are only counted */
    VEC(struct clone_phase) phases;
    struct str_list proofs, uncovered, files;
};

struct clone_provider {
    const char *name;
    bool (*run)(struct ctx *cx, const struct clone_request *q, struct clone_report *r);
};

/* In the order of the stage's input `provider` after "auto"; ends with NULL. */
extern const struct clone_provider *const clone_providers[];
extern const struct clone_provider clone_provider_template;
extern const struct clone_provider clone_provider_basebackup;

/* Prove a copy that another step made and started: identity, position, and its tables against the source's. */
bool clone_prove(struct ctx *cx, const struct clone_request *q, struct clone_report *r);

/* ---- for providers ---- */

void clone_proof(struct ctx *cx, struct clone_report *r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void clone_uncovered(struct ctx *cx, struct clone_report *r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Returns the note so that a hint can be added. Also goes to the log. */
struct clone_note *clone_note(struct ctx *cx, struct clone_report *r, enum clone_note_level level, const char *code,
                              const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* The time since *since becomes a phase; *since is set to now. */
void clone_phase(struct ctx *cx, struct clone_report *r, const char *name, long long *since);

#endif
