/* deploy_internal.h - what the files behind deploy.h share. */
#ifndef DBSTEP_DEPLOY_INTERNAL_H
#define DBSTEP_DEPLOY_INTERNAL_H

#include "dbstep/deploy.h"
#include "dbstep/statement_kind.h"

struct deploy {
    struct ctx *cx; /* of deploy_open, for deploy_close */
    const struct pg_target *target;
    struct deploy_options options;
    const struct changelog *log;
    struct pg *pg;

    /* from the server */
    const char *default_schema, *history_schema, *search_path, *client;
    bool history_exists, lock_exists, schema_exists, progress_exists;
    const char *columns;                   /* "id:259 author:259 …", "" without a table */
    const char *history, *lock, *progress; /* qualified and quoted */
    const char *lock_pkey;
    const char *history_table; /* its bare name */
    VEC(struct ran) rows;
    long long max_order;
    const char *row_locked_by; /* LOCKEDBY as read with the history; "" when free or not known */

    struct plan plan;

    /* the lock */
    char advisory_key[24];
    const char *locked_by; /* what we wrote into the row; NULL: we do not hold it */
    bool advisory;

    const char *deployment_id;
    bool session_changed; /* a changeset of this run said SET, CREATE TEMP …: a new session would not be the same */
};

/* history.c */
bool history_open(struct ctx *cx, struct deploy *d);
bool history_read(struct ctx *cx, struct deploy *d);
bool history_prepare(struct ctx *cx, struct deploy *d); /* create or upgrade; under the lock */
const char *history_row_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item, const char *exectype,
                            long long order);
const char *history_resum_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item);
/* A statement of ours with {history}, {lock}, {progress} … filled in. */
const char *deploy_sql(struct ctx *cx, const struct deploy *d, const char *sql);

/* plan.c */
void plan_make(struct ctx *cx, struct deploy *d);

/* lock.c */
void lock_name(struct deploy *d); /* advisory key from the table's name */
bool lock_ours(const char *by);
bool lock_take(struct ctx *cx, struct deploy *d);
void lock_release(struct deploy *d);
/* Removes what a dead run of ours left, its lock row and an empty table of notes, without waiting for anybody. */
bool lock_tidy(struct ctx *cx, struct deploy *d);
/* The statement that fails, dividing by zero, when the row is no longer ours; it keeps the row as it is for its transaction. */
const char *lock_guard(struct ctx *cx, struct deploy *d);
/* After statements that may have freed session locks: takes ours again. E_LOCKED when somebody was faster. */
bool lock_keep(struct ctx *cx, struct deploy *d);
/* After a lost connection: a new one that holds the locks of the old one, which by then is gone. */
bool lock_recover(struct ctx *cx, struct deploy *d);

/* precondition.c */
enum pre_result { PRE_HOLDS, PRE_FAILS, PRE_ERROR };
/* Interruption and lost connections fail; everything else is an answer, with the reason in *why. */
bool preconditions_check(struct ctx *cx, struct deploy *d, const struct preconditions *pre, enum pre_result *result,
                         const char **why);

/* run.c */
bool changeset_run(struct ctx *cx, struct deploy *d, const struct plan_item *item, struct deploy_report *report);
const char *session_path(struct ctx *cx, struct deploy *d); /* search_path of a changeset */
const char *session_sql(struct ctx *cx, struct deploy *d,
                        bool concurrently); /* time-outs and search_path, as one statement */

/* fault.c */
/* Replaces the recorded error of the server by one that says which changeset, which statement, which line. */
void statement_fault(struct ctx *cx, struct deploy *d, const struct changeset *cs, const struct change *c,
                     const char *statement, size_t nth, size_t of, size_t source_offset_of_fault, bool has_offset);

#endif
