/* attempt.h - what the files that run one changeset share: run.c (the frame), walk.c (its statements), inside.c (in one
 * transaction), outside.c (statement by statement). */
#ifndef DBSTEP_CHANGELOG_ATTEMPT_H
#define DBSTEP_CHANGELOG_ATTEMPT_H

#include "deploy_internal.h"

/* One attempt at one changeset, forwards or back. Copies of its statements live in `scratch` and go with it. */
struct attempt {
    struct ctx *cx;
    struct deploy *d;
    const struct ran *ran;      /* its row; NULL: none yet */
    const struct changeset *cs; /* for names and messages */
    const char *what;           /* "changeset X", "the rollback of changeset X" */
    struct work work;
    struct arena scratch;
    size_t statements;     /* in all; 0: not known before they ran */
    size_t *first;         /* of each change, as walked: the statement that it began with; 0: not reached */
    bool asks;             /* some of its statements depend on the database as the others leave it */
    struct str *script;    /* what is sent, for people */
    struct sent *sent;     /* every statement */
    bool outside;          /* no transaction around it: it says so, or holds a statement that cannot stand in one */
    bool own_transactions; /* it says BEGIN or COMMIT itself */
    bool one_by_one;       /* a text may hold several statements, or COPY: no extended protocol */
    bool drops_locks;      /* it may free session locks or prepared statements, ours among them */
    bool changes_session;  /* SET, CREATE TEMP …: later changesets may build on it */
    bool sets_transaction; /* SET TRANSACTION, which must come before any query, ours too */
    bool local_role;       /* SET LOCAL ROLE: another role's for its statements, not for its row in the history */
    bool role_kept;        /* dbstep.role has the one to go back to */
    bool committed_inside; /* something of it stays although it failed, or may stay */
    bool commit_sent;
    const char *row;   /* the statement for the history */
    const char *guard; /* the statement that fails when the changelog lock is no longer ours */
};

/* ---- walk.c ---- */

struct walk walk_start(struct attempt *t);
/* As walk_next() of deploy_internal.h; notes which change begins where, and what depends on the database. */
bool attempt_next(struct attempt *t, struct walk *w, struct statement *out, bool *more);
#define WALK_AUTO __attribute__((cleanup(walk_end))) struct walk

/* What the statements are like, before the first one is sent; they also go into the report's script. */
bool look_ahead(struct attempt *t, struct str *script);
/* What one text, which may hold several statements, does about transactions. */
struct text_nature {
    size_t statements;
    bool controls; /* BEGIN, COMMIT, ROLLBACK … */
    bool commits;  /* something in it makes what was done so far permanent */
    bool copies;   /* COPY: its data goes to or comes from the client */
    bool calls;    /* CALL or DO: may commit on its own when there is no transaction around it */
};
bool text_nature(struct attempt *t, const struct statement *s, struct text_nature *out);
/* The recorded error, in terms of the changeset; cuts SQL text once more to learn where the statement's bytes came from. */
void blame(struct attempt *t, size_t nth, const char *statement);

/* ---- inside.c ---- */

struct batch {
    VEC(const char *) sql;
    VEC(size_t) nth; /* which statement of the changeset; 0: one of ours */
    size_t bytes;
};
void batch_add(struct attempt *t, struct batch *b, const char *sql, size_t nth);
bool batch_send(struct attempt *t, struct batch *b);
/* A whole changeset for together.c: BEGIN, what comes `first` (ends with NULL), its statements, guard, row, COMMIT. Fails as walking does. */
bool add_transaction(struct attempt *t, struct batch *b, const char *const *first, const struct plan_item *item,
                     long long order);
/* The guard, the row, what else belongs to it (may be NULL), COMMIT; in a transaction of its own when `begin`. */
bool record(struct attempt *t, struct batch *b, bool begin, const char *also);
bool run_pipelined(struct attempt *t);
bool run_one_by_one(struct attempt *t);
void roll_back(struct attempt *t);
/* The recorded error of the guard, as what it means. */
void lock_was_lost(struct attempt *t);

/* ---- outside.c ---- */

bool run_outside(struct attempt *t, bool *half);
/* The statement that forgets how far an earlier attempt at the changeset came. */
const char *notes_end(const struct attempt *t);

/* ---- together.c ---- */

/* As many of the chosen changesets, from one on, as can be sent together: *taken of them are done, 0 when there are not two. */
bool run_together(struct ctx *cx, struct deploy *d, size_t from, size_t *taken, struct deploy_report *report);

/* ---- run.c ---- */

/* How an attempt ended. */
struct ending {
    bool ok, committed, half; /* half: something of it stays although it failed */
    long long retries;
};
/* Tries until it is done or cannot be: with `nothing`, only what is recorded. The error is recorded unless ok. */
struct ending attempt_run(struct attempt *t, bool nothing);

/* By a signal or the deadline, rather than by what the server said. */
bool attempt_stopped(const struct ctx *cx);
/* Is the row written, or gone, as the attempt meant it to be? */
bool row_tells(struct ctx *cx, struct attempt *t, bool *done);
/* A signal or the deadline came while COMMIT was under way. True when it was committed; the recorded error stays. */
bool find_outcome_in_haste(struct attempt *t);
/* The connection is gone: what became of it, and whether the run may go on over the new connection. */
void after_loss(struct attempt *t, struct ending *e);
/* What the error does not say of itself. */
void blame_place(struct attempt *t);

/* A pause that doubles, so that whoever holds the lock gets on; false when the failure is another one, or the tries are used up. */
bool back_off(struct attempt *t, long long *tries);

#endif
