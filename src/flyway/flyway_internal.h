/* flyway_internal.h - what the files behind flyway.h share. */
#ifndef DBSTEP_FLYWAY_INTERNAL_H
#define DBSTEP_FLYWAY_INTERNAL_H

#include "dbstep/flyway.h"
#include "dbstep/split.h"
#include "dbstep/statement_kind.h"

struct flyway {
    struct ctx *cx; /* of flyway_open, for flyway_close */
    const struct pg_target *target;
    const struct flyway_config *config;
    const struct flyway_files *files;
    struct pg *pg;

    /* from the server */
    const char *user, *database, *schema, *search_path; /* search_path: as the session had it */
    bool exists, schema_exists, notes_exist;            /* the history table, its schema, the table of notes */
    const char *table, *progress;                       /* qualified and quoted */
    VEC(struct flyway_row) rows;                        /* by rank */

    struct str_list placeholders; /* Flyway's own, "flyway:user=…", without flyway:filename */
    struct flyway_info info;

    char lock_key[24];
    bool locked;
    bool session_changed; /* a migration of this run said SET, CREATE TEMP …: a new session would not be the same */
    bool session_lost;    /* … and it is a new one */
};

/* config.c */
typedef bool (*flyway_conf_fn)(struct ctx *cx, void *user, const char *name, const char *value);
bool flyway_conf_lines(struct ctx *cx, const char *path, const char *text, flyway_conf_fn fn, void *user);

/* name.c */
struct flyway_name {
    enum flyway_kind kind;
    struct flyway_version version;
    const char *description, *event;
    const char *fault; /* NULL: a good name */
};
void flyway_name_parse(struct arena *a, const struct flyway_config *c, const char *base, struct flyway_name *out);

/* placeholder.c */
/* The script's text as it runs. */
bool script_text(struct ctx *cx, const struct flyway *f, const struct flyway_script *s, struct source_map *map,
                 const char **out, size_t *len);

/* history.c */
bool flyway_history_open(struct ctx *cx, struct flyway *f);
bool flyway_history_read(struct ctx *cx, struct flyway *f);
/* The statements that make schemas and table where they are missing, "" when none are; *baselined: with a BASELINE row. */
bool flyway_history_plan(struct ctx *cx, struct flyway *f, bool baseline, bool *baselined, struct str *sql);
/* Runs them in a transaction, under the lock. */
bool flyway_history_make(struct ctx *cx, struct flyway *f, bool baseline, bool *baselined, struct str *script);
/* A statement of ours with {table} and {progress} filled in. */
const char *flyway_sql(struct ctx *cx, const struct flyway *f, const char *sql);
struct row_values {
    int rank;
    const char *version, *description, *type, *script; /* version NULL: none */
    bool has_checksum, success;
    int checksum;
    const char *ms; /* an SQL expression */
};
const char *flyway_history_insert(struct ctx *cx, struct flyway *f, const struct row_values *v);
int flyway_next_rank(const struct flyway *f, const char *type);
const char *script_type(const struct flyway_script *s); /* "SQL", "SQL_BASELINE" */

/* state.c */
bool flyway_info_make(struct ctx *cx, struct flyway *f);
/* The one that an undo of this row needs; NULL: none. */
const struct flyway_script *undo_script(const struct flyway *f, const struct flyway_version *v);

/* flyway.c */
/* Looks again at what others may have done while this run waited for the lock. */
bool flyway_refresh(struct ctx *cx, struct flyway *f);

/* lock.c */
void flyway_lock_name(struct flyway *f);
bool flyway_lock_take(struct ctx *cx, struct flyway *f);
void flyway_lock_release(struct flyway *f);
/* After a lost connection: a new one that holds the lock, so that the old session is gone. */
bool flyway_lock_recover(struct ctx *cx, struct flyway *f);

/* script.c */
struct script_run { /* one text and its statements */
    const struct flyway_script *script;
    const char *text;
    size_t len;
    struct source_map map;
    size_t statements;
    bool alone;    /* a statement cannot run in a transaction */
    bool ordinary; /* a statement that can */
    bool controls, copies, session;
    size_t alone_at; /* offset of the first such */
};
struct script_walk {
    struct ctx sx;
    const struct script_run *run;
    struct arena own; /* the splitter's */
    struct splitter *splitter;
    size_t base, limit; /* of the stretch that the splitter has */
    bool whole;         /* stretches do not end at lines "\." any more */
    size_t nth;         /* of the statement, from 1 */
    size_t from;        /* of the statement in the text */
    const char *rows;   /* of COPY … FROM STDIN; NULL: none */
    size_t rows_len;
};
bool script_look(struct ctx *cx, const struct flyway *f, const struct flyway_script *s, struct script_run *out);
struct script_walk script_walk_start(struct arena *a, const struct script_run *run);
/* The statement as it stands in the text, in the arena of the start. */
bool script_walk_next(struct script_walk *w, const char **sql, bool *more);
void script_walk_end(struct script_walk *w);
#define SCRIPT_WALK_AUTO __attribute__((cleanup(script_walk_end))) struct script_walk
/* Does it run in a transaction? Fails when it may not hold both sorts of statements. */
bool script_in_transaction(struct ctx *cx, const struct flyway *f, const struct script_run *run, bool *yes);
/* The recorded error in terms of the script. */
void script_blame(struct ctx *cx, struct flyway *f, const struct script_run *run, size_t nth);
const char *script_name(struct arena *a, const struct flyway_script *s); /* "V1.2__x.sql" with its folder */

/* run.c */
/* What a migration starts from, as one statement. */
const char *flyway_session(struct ctx *cx, struct flyway *f, bool concurrently);
/* Whatever role a migration took, history and notes are written by the one that the run began with; until the transaction's end. */
const char *flyway_own_role(struct ctx *cx, struct flyway *f);
bool script_execute(struct ctx *cx, struct flyway *f, const struct flyway_script *s, const struct row_values *row,
                    struct flyway_report *report, struct flyway_step *step);
bool flyway_callbacks(struct ctx *cx, struct flyway *f, const char *event, struct str *script);
void flyway_roll_back(struct flyway *f);
/* The script's statements as text and one by one. */
void script_print(struct ctx *cx, const struct script_run *run, struct str *out, struct str_list *statements);
/* A pause that doubles, so that whoever holds the lock gets on; false when the failure is another one, or the tries are used up. */
bool flyway_back_off(struct ctx *cx, struct flyway *f, const char *script, long long *tries);

/* outside.c */
bool flyway_run_outside(struct ctx *cx, struct flyway *f, const struct script_run *run, const struct row_values *row,
                        bool *half);

#endif
