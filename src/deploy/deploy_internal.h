/* deploy_internal.h - what the files behind deploy.h share. */
#ifndef DBSTEP_DEPLOY_INTERNAL_H
#define DBSTEP_DEPLOY_INTERNAL_H

#include "dbstep/deploy.h"
#include "dbstep/statement_kind.h"

struct kept_rows {
    struct pg_rows rows;
    struct kept_rows *next;
};

struct deploy {
    struct ctx *cx; /* of deploy_open, for deploy_close */
    const struct pg_target *target;
    struct deploy_options options;
    const struct changelog *log;
    struct pg *pg;

    /* from the server */
    const char *default_schema, *history_schema, *search_path, *client;
    const char *work_schema; /* the default schema, quoted where needed */
    bool history_exists, lock_exists, schema_exists, progress_exists;
    const char *history, *lock, *progress; /* qualified and quoted */
    const char *lock_pkey;
    const char *history_table; /* its bare name */
    VEC(struct ran) rows;
    struct kept_rows **kept; /* the results that the rows' texts lie in; shared by copies of this struct */
    long long max_order;
    const char *row_locked_by; /* LOCKEDBY as read with the history; "" when free or not known */

    struct plan plan;

    /* the lock */
    char advisory_key[24];
    const char *locked_by; /* what we wrote into the row; NULL: we do not hold it */
    bool advisory;

    const char *deployment_id;
    const char *guard_of; /* locked_by of the guard that the session has prepared; NULL: none */
    bool alone;           /* the next changeset failed among others: it runs by itself */
    bool session_changed; /* a changeset of this run said SET, CREATE TEMP …: a new session would not be the same */
};

/* ---- statements: walk.c ---- */

/* What is sent to the server: the changes of a changeset, or what undoes it. */
struct work {
    const struct changeset *set;       /* whose quoting and modifySql hold */
    const struct change_list *changes; /* NULL: none */
    bool back;                         /* a rollback: only the visitors that are meant for it */
    bool inverse;                      /* the inverse of each change, the last change first */
};

/* Goes over the statements of a work, one at a time. */
struct walk {
    struct ctx *cx;
    struct deploy *d;
    const struct work *work;
    struct ctx sx;           /* what is made on the way */
    const struct change *at; /* the change that the statement belongs to */
    size_t change, nth;      /* how many changes were begun; the statement's number, from 1 */
    bool generated;          /* the statement was made by the change, not cut from its text */
    bool asked;              /* … and depends on the database */
    bool altered;            /* by modifySql */
    struct splitter *splitter;
    struct str_list list; /* of a change that generates */
    size_t next;
    /* Called before a change asks the database: what was not sent yet must be. May be NULL. */
    bool (*before_asking)(void *user);
    void *user;
    bool skip_asking; /* wanted: only the statements that do not depend on the database */
    bool joined;      /* wanted: the statements of a change that asks come as one text, "" for none */
};

/* Statements live in `scratch`. */
struct walk work_walk(struct ctx *cx, struct deploy *d, const struct work *work, struct arena *scratch);
bool walk_next(struct walk *w, struct statement *out, bool *more);
void walk_end(struct walk *w);
#define WALK_AUTO __attribute__((cleanup(walk_end))) struct walk
/* The i-th change in the order in which the work goes over them. */
const struct change *work_change(const struct work *work, size_t i);
/* One more statement, unless the list is full; NULL: nobody wants it. */
void sent_add(struct arena *a, struct sent *sent, const struct statement *s);
struct change_env change_env_of(const struct deploy *d, const struct changeset *cs);
/* "changelog.xml" of a change, for messages. */
const char *change_file(const struct changeset *cs, const struct change *c);

/* history.c */
bool history_open(struct ctx *cx, struct deploy *d);
bool history_read(struct ctx *cx, struct deploy *d);
void history_forget(struct deploy *d);
bool history_prepare(struct ctx *cx, struct deploy *d); /* create or upgrade; under the lock */
const char *history_row_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item, const char *exectype,
                            long long order);
/* A row that `tag` puts into an empty history: no changeset of anybody's. */
#define HISTORY_OWN_AUTHOR "liquibase"
#define HISTORY_OWN_PATH "liquibase-internal"
bool history_own_row(const struct ran *ran);
/* As the server folds an unquoted name, unless it mixes cases: that Liquibase quotes. */
const char *name_folded(struct arena *a, const char *name);
/* Of a changeset that has not run: the row that it will have, under its present name. */
const char *history_delete_sql(struct ctx *cx, struct deploy *d, const struct rollback_item *item);
const char *history_resum_sql(struct ctx *cx, struct deploy *d, const struct plan_item *item);
/* A statement of ours with {history}, {lock}, {progress} … filled in. */
const char *deploy_sql(struct ctx *cx, const struct deploy *d, const char *sql);

/* deploy.c */
void begin_report(struct ctx *cx, struct deploy *d, struct deploy_report *report);
typedef bool (*under_lock_fn)(struct ctx *cx, struct deploy *d, struct deploy_report *report, const void *user);
/* Takes the changelog lock, reads the history anew, runs the body, releases. */
bool under_lock(struct ctx *cx, struct deploy *d, struct deploy_report *report, under_lock_fn body, const void *user);

/* lookup.c */
/* For each row: did it run after that time? By the server's clock and zone; E_INPUT when it is no time. */
bool rows_after(struct ctx *cx, struct deploy *d, const char *when, bool *after);

/* plan.c */
const char *filtered_by(const struct deploy *d, const struct changeset *cs); /* NULL: it is meant */
int identity_compare(const char *id1, const char *author1, const char *path1, const char *id2, const char *author2,
                     const char *path2);
void plan_make(struct ctx *cx, struct deploy *d);

/* lock.c */
void lock_name(struct deploy *d, const char *table); /* advisory key from the lock table's name, fully quoted */
bool lock_ours(const char *by);
bool lock_take(struct ctx *cx, struct deploy *d);
void lock_release(struct deploy *d);
/* Removes what a dead run of ours left, its lock row and an empty table of notes, without waiting for anybody. */
bool lock_tidy(struct ctx *cx, struct deploy *d);
/* The statement that fails, dividing by zero, when the row is no longer ours; it keeps the row as it is for its transaction. */
const char *lock_guard(struct ctx *cx, struct deploy *d);
/* The same, made once for the session and run by LOCK_GUARD_PREPARED; it also puts back the settings that every changeset begins with. */
const char *lock_prepare_guard(struct ctx *cx, struct deploy *d);
#define LOCK_GUARD_PREPARED "EXECUTE dbstep_lock_guard"
/* After statements that may have freed session locks: takes ours again. E_LOCKED when somebody was faster. */
bool lock_keep(struct ctx *cx, struct deploy *d);
/* After a lost connection: a new one that holds the locks of the old one, which by then is gone. */
bool lock_recover(struct ctx *cx, struct deploy *d);

/* precondition.c */
enum pre_result { PRE_HOLDS, PRE_FAILS, PRE_ERROR };
/* Interruption and lost connections fail; everything else is an answer, with the reason in *why. */
bool preconditions_check(struct ctx *cx, struct deploy *d, const struct preconditions *pre, const struct changeset *of,
                         enum pre_result *result, const char **why); /* of: NULL for a changelog's */

/* run.c */
bool changeset_undo(struct ctx *cx, struct deploy *d, const struct rollback_item *item, struct deploy_report *report);
bool changeset_run(struct ctx *cx, struct deploy *d, const struct plan_item *item, struct deploy_report *report);
const char *session_path(struct ctx *cx, struct deploy *d); /* search_path of a changeset */
/* Time-outs and search_path, as the items of a SELECT. */
const char *session_settings(struct ctx *cx, struct deploy *d);
const char *session_sql(struct ctx *cx, struct deploy *d); /* time-outs and search_path, as one statement */

/* rollback.c */
struct work rollback_work(const struct rollback_item *item);

/* fault.c */
struct fault {
    const struct changeset *set;
    const struct change *change; /* NULL: not known */
    const char *what;            /* "changeset X" */
    const char *statement;
    size_t nth, of; /* of: 0 when not known */
    bool in_source; /* the change is SQL text, and the statement begins at, or fails at: */
    size_t offset;  /* this byte of it */
    bool shown;     /* the server said where in the statement it fails */
};
/* Replaces the recorded error of the server by one that says which changeset, which statement, which line. */
void statement_fault(struct ctx *cx, struct deploy *d, const struct fault *f);

#endif
