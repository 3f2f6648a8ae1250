/* deploy.h - changelogs and databases: the history tables, the lock, what is pending, running it.
 *
 * The tables are Liquibase's (databasechangelog, databasechangeloglock), readable and writable by Liquibase 3.5 to 4.33 before
 * and after. A changeset and its history row are one transaction. Changesets with runInTransaction:false run statement by
 * statement; how far they came is noted in databasechangelog_progress, so that a second attempt goes on there.
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

struct deploy_options {
    enum split_mode split;
    const char *contexts, *labels; /* filters; NULL: none */
    long long count;               /* at most so many changesets; negative: all */
    const char *tag;               /* put on the newest row at the end; NULL: none */
    bool tag_before;               /* put a tag on the newest row before the first changeset, unless it has one */
    long long lock_wait_ms;        /* for the changelog lock */
    long long lock_timeout_ms;     /* of the server, for each statement; 0: the server's */
    long long lock_retries;        /* how often a changeset is tried again after that */
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
    const char *exectype, *tag, *executed, *deployment_id;
    long long order;
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
    VEC(struct plan_item) items;     /* in the changelog's order */
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

/* Schema that changesets work in; schema and name of the history table. */
const char *deploy_default_schema(const struct deploy *d);
void deploy_history_place(const struct deploy *d, const char **schema, const char **table);
/* The schema in which a changeset finds a relation that it names without one, as the database stands now; NULL: in none. */
bool deploy_relation_schema(struct ctx *cx, struct deploy *d, const char *relation, const char **schema);
/* For each item of the plan: did it run (again) after that time (RFC 3339)? By the server's clock and zone; true for what never ran. */
bool deploy_ran_after(struct ctx *cx, struct deploy *d, const char *when, bool **after);

/* False with E_CHECKSUM when a changeset that ran was edited. */
bool deploy_check(struct ctx *cx, const struct deploy *d);
/* Is there anything to do: to run, to tag, a checksum to bring up to date? */
bool deploy_needed(const struct deploy *d);

enum step_outcome { STEP_EXECUTED, STEP_RERAN, STEP_MARK_RAN, STEP_FAILED, STEP_SKIPPED };

struct deploy_step {
    const struct changeset *set;
    enum step_outcome outcome;
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
    bool locked, verified;
};

/* Lock, run, tag, verify, release. The report is filled as far as things went, also on failure. Errors: E_LOCKED, E_REJECTED (nothing
 * changed), E_PARTIAL (some changesets were applied), E_OUTCOME_UNKNOWN, E_VERIFY, E_INTERRUPTED, E_UNREACHABLE … */
bool deploy_run(struct ctx *cx, struct deploy *d, struct deploy_report *report);

/* The script that a deploy would run, history included; reads only. */
bool deploy_preview(struct ctx *cx, struct deploy *d, struct str *script);

struct lock_state {
    bool exists, locked;
    const char *by, *since;   /* of the row; "" when free */
    bool ours;                /* by says that dbstep took it */
    bool session;             /* the advisory lock is held */
    const char *session_what; /* "pid 1234, dbstep schema-deploy from 10.0.0.7" */
};
bool deploy_lock_state(struct ctx *cx, struct deploy *d, struct lock_state *out);

#endif
