/* deploy.h - changelogs and databases: the history tables, the lock, what is pending, running it and taking it back.
 *
 * The tables are Liquibase's (databasechangelog, databasechangeloglock), readable and writable by Liquibase 3.5 to 4.33 before
 * and after. A changeset and its history row are one transaction, its rollback and the removal of the row another. Changesets with
 * runInTransaction:false, or with a statement that cannot stand in a transaction, run statement by statement; how far they came is
 * noted in databasechangelog_progress, so that a second attempt goes on there. Small changesets are sent to the server together, without
 * waiting for each.
 *
 * Statements of changes that are no SQL text are generated as Liquibase does with a live database, names qualified with the default
 * schema; those that depend on the database when their turn comes.
 *
 * Lock. Liquibase's row, for Liquibase's sake, and a session-level advisory lock on the same connection, which the server frees when
 * the session ends, however it ends. A row that is locked by dbstep while the advisory lock is free was left by a dead run
 * and is taken over at once. A row locked by somebody else is honoured. The server is asked to look after the client
 * (client_connection_check_interval, TCP keepalives), so that a killed client's statement and lock end within seconds
 * (PostgreSQL 13: when its statement ends). Both need a session of one's own: a pooler in transaction mode does not do.
 */
#ifndef DBSTEP_DEPLOY_H
#define DBSTEP_DEPLOY_H

#include "dbstep/changelog.h"
#include "dbstep/pg.h"

/* What a run does with the pending changesets. */
enum deploy_action {
    DEPLOY_UPDATE, /* runs them */
    DEPLOY_SYNC, /* records them as executed without running them (changelog-sync, with to_tag: changelog-sync-to-tag) */
    DEPLOY_MARK_NEXT, /* the same, the first one only (mark-next-changeset-ran) */
};

struct deploy_options {
    enum deploy_action action;
    enum split_mode split;
    const char *contexts, *labels; /* filters; NULL: none */
    long long count;               /* at most so many changesets; negative: all */
    const char
        *to_tag; /* ends behind the changeset with this tagDatabase; NULL: none. Nothing runs when a row has that tag */
    const char *tag;           /* put on the newest row at the end; NULL: none */
    bool tag_before;           /* put a tag on the newest row before the first changeset, unless it has one */
    long long lock_wait_ms;    /* for the changelog lock */
    long long lock_timeout_ms; /* of the server, for each statement; 0: the server's */
    long long lock_retries;    /* how often a changeset is tried again after that */
    long long statement_timeout_ms;
    const char *default_schema;                              /* NULL: the session's */
    const char *history_schema, *history_table, *lock_table; /* NULL: default schema, and Liquibase's names */
    const char *liquibase_version; /* for the LIQUIBASE column; NULL: DEPLOY_LIQUIBASE_VERSION */
};

/* The version whose behaviour is followed. Liquibase reads this column to tell old rows apart, so it must be one of its own. */
#define DEPLOY_LIQUIBASE_VERSION "4.33.0"

/* A row of the history. */
struct ran {
    const char *id, *author, *path; /* as stored */
    const char *same_path;          /* normalised */
    const char *md5sum;             /* "" for NULL */
    const char *exectype, *tag, *executed, *deployment_id, *description, *comments, *contexts, *labels, *liquibase;
    long long order; /* -1: the table does not say */
};

enum plan_action {
    PLAN_RUN,     /* never ran */
    PLAN_RERUN,   /* runAlways, or runOnChange and changed */
    PLAN_DONE,    /* ran */
    PLAN_CHANGED, /* ran, and was edited since: an error for a deploy */
    PLAN_SKIP     /* filtered out: `why` says by what */
};

struct plan_item {
    const struct changeset *set;
    enum plan_action action;
    const struct ran *ran;  /* NULL: never ran */
    const char *why;        /* "context", "labels", "dbms", "ignore", "run_with"; "runAlways", "runOnChange" */
    char sum[CHECKSUM_MAX]; /* version 9, as it is now; "" when it was not needed */
    char sum_as_stored[CHECKSUM_MAX]; /* in the version of the stored one, when that is another */
    bool new_sum;                     /* the stored checksum is NULL or of an older version: it gets the present one */
};

struct plan {
    VEC(struct plan_item) items; /* in the changelog's order */
    VEC(const struct plan_item *)
    chosen;                          /* those that this run takes: pending, up to count and to_tag, by its action */
    VEC(const struct ran *) unknown; /* rows of changesets that the changelog does not have */
    size_t to_run, changed, new_sums;
};

struct deploy; /* a connection with the history read and the plan made */

bool deploy_open(struct ctx *cx, const struct pg_target *target, const struct deploy_options *options,
                 const struct changelog *log, struct deploy **out);
void deploy_close(struct deploy *d); /* NULL is allowed; releases the lock if it is held */
static inline void deploy_close_ptr(struct deploy **d)
{
    deploy_close(*d);
}
#define DEPLOY_AUTO __attribute__((cleanup(deploy_close_ptr))) struct deploy *

const struct plan *deploy_plan(const struct deploy *d);
const struct ran *deploy_last(const struct deploy *d); /* the newest row; NULL: none */

/* The tag that a changeset sets (tagDatabase); NULL: none. */
const char *deploy_set_tag(const struct changeset *cs);

/* Schema that changesets work in; schema and name of the history table. */
const char *deploy_default_schema(const struct deploy *d);
void deploy_history_place(const struct deploy *d, const char **schema, const char **table);
/* The schema in which a changeset finds a relation that it names without one, as the database stands now; NULL: in none. */
bool deploy_relation_schema(struct ctx *cx, struct deploy *d, const char *relation, const char **schema);
/* For each item of the plan: did it run (again) after that time (RFC 3339)? By the server's clock and zone; true for what never ran. */
bool deploy_ran_after(struct ctx *cx, struct deploy *d, const char *when, bool **after);

/* All rows, oldest first. */
struct ran_list {
    const struct ran *at;
    size_t n;
};
struct ran_list deploy_rows(const struct deploy *d);

/* False with E_CHECKSUM when a changeset that ran was edited; with E_CHANGELOG when one that would run cannot (runWith). */
bool deploy_check(struct ctx *cx, const struct deploy *d);
/* Preconditions of the changelog; E_GUARD when one does not hold, unless it only warns. */
bool deploy_check_changelog(struct ctx *cx, struct deploy *d);
/* Is there anything to do: to run, to tag, a checksum to bring up to date? */
bool deploy_needed(const struct deploy *d);

/* Statements of changesets, in order. */
struct sent {
    struct str_list list;
    size_t bytes, most; /* most: stops collecting beyond so many bytes; 0: none */
    bool cut;           /* it did */
};

enum step_outcome {
    STEP_EXECUTED,
    STEP_RERAN,
    STEP_MARK_RAN,
    STEP_FAILED,
    STEP_SKIPPED,
    STEP_SYNCED,     /* recorded as executed without having run */
    STEP_ROLLED_BACK /* its row is gone */
};

struct deploy_step {
    const struct changeset *set;
    enum step_outcome outcome;
    bool outside; /* it ran without a transaction around it */
    long long ms;
    long long retries;
    const char *note; /* why it failed or was skipped; "" otherwise */
};

struct deploy_report {
    VEC(struct deploy_step) steps;
    size_t applied;            /* executed, reran, or marked as ran */
    size_t failed;             /* failOnError:false */
    size_t left;               /* pending afterwards */
    size_t new_sums;           /* checksums brought up to date */
    const char *deployment_id; /* "" when nothing ran */
    const char *pre_start_tag; /* the tag on the newest row before the run; "" when there is none */
    struct str_list xids;      /* decimal: the top-level transactions of the transactional changesets that ran */
    struct str sql;            /* what was sent, as a script */
    struct sent statements;    /* the same, one by one, without the rows of the history */
    bool locked, verified;
};

/* Lock, run, tag, verify, release. The report is filled as far as things went, also on failure. Errors: E_LOCKED, E_REJECTED (nothing
 * changed), E_PARTIAL (some changesets were applied), E_OUTCOME_UNKNOWN, E_VERIFY, E_INTERRUPTED, E_UNREACHABLE … */
bool deploy_run(struct ctx *cx, struct deploy *d, struct deploy_report *report);

/* The script that a deploy would run, history included, and the statements of its changesets alone (NULL: not wanted); reads only. */
bool deploy_preview(struct ctx *cx, struct deploy *d, struct str *script, struct sent *statements);

/* ---- the tables alone; each under the changelog lock ---- */

/* The tag goes to the newest row; into an empty history, a row for it is put first, as Liquibase does. */
bool deploy_put_tag(struct ctx *cx, struct deploy *d, const char *tag, struct deploy_report *report);
/* Every MD5SUM becomes NULL: the next deploy fills them again. */
bool deploy_clear_sums(struct ctx *cx, struct deploy *d, size_t *cleared, struct deploy_report *report);

/* ---- rollback ---- */

enum back_to { BACK_TO_TAG, BACK_BY_COUNT, BACK_TO_DATE, BACK_ONE };

/* Which changesets are taken back: rows behind the newest one with the tag, so many of the newest, those later than the date, or one. */
struct rollback_range {
    enum back_to to;
    const char *tag;  /* compared without regard to case */
    long long count;  /* of those that the filters let through */
    const char *date; /* any text that the server takes for a timestamp */
    const char *id, *author, *path;
    bool skip_unknown; /* rows that the changelog does not have stay, instead of being a refusal */
};

struct rollback_item {
    const struct ran *ran;        /* NULL: has not run (a rollback of the future) */
    VEC(const struct ran *) also; /* older rows of the same changeset, in another spelling: they go with it */
    const struct changeset *set;
    const struct changeset
        *by; /* its rollback runs that changeset; NULL: its own rollback, or the inverse of its changes */
};
struct rollback_plan {
    VEC(struct rollback_item) items; /* in the order in which they are undone */
    size_t skipped;                  /* left out by the filters */
};

/* Resolves the rollback of every changeset in the range before anything runs. E_GUARD names all that have none, or that the changelog
 * does not have; E_INPUT: no such tag, no such changeset. */
bool rollback_resolve(struct ctx *cx, struct deploy *d, const struct rollback_range *range, struct rollback_plan *out);
/* The same for what is pending: how it would be undone after having been deployed. */
bool rollback_resolve_future(struct ctx *cx, struct deploy *d, struct rollback_plan *out);
/* Lock, resolve anew, undo, verify, release: each changeset in one transaction with the removal of its row. Errors as of deploy_run().
 * applied counts the changesets that were rolled back. */
bool rollback_run(struct ctx *cx, struct deploy *d, const struct rollback_range *range, struct deploy_report *report);
/* The script of a plan, in the order of Liquibase's rollback-sql; reads only. */
bool rollback_preview(struct ctx *cx, struct deploy *d, const struct rollback_plan *plan, struct str *script,
                      struct sent *statements);

/* ---- the lock ---- */

struct lock_state {
    bool exists, locked;
    const char *by, *since;   /* of the row; "" when free */
    bool ours;                /* by says that dbstep took it */
    bool session;             /* the advisory lock is held */
    const char *session_what; /* "pid 1234, dbstep schema-deploy from 10.0.0.7" */
};
bool deploy_lock_state(struct ctx *cx, struct deploy *d, struct lock_state *out);
/* Frees a row that nobody holds any more: one of a dead run of dbstep always, one of another tool only with `force`. E_LOCKED when its
 * owner is alive, or may be. *released is false when it was free. `before` is what was found. */
bool deploy_release_lock(struct ctx *cx, struct deploy *d, bool force, struct lock_state *before, bool *released);

#endif
