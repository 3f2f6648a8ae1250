/* change.h - changes: what a changeset does, step by step, and what is known of each kind.
 *
 * A change is either SQL text, which is split into statements, or one of Liquibase's change types (createTable, loadData …), whose
 * statements are generated for PostgreSQL. Behaviour, names, generated SQL and checksums are those of Liquibase 4.33 and older.
 * Nothing here knows of files of changesets (changelog.h) or of running them (deploy.h).
 */
#ifndef DBSTEP_CHANGE_H
#define DBSTEP_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/node.h"
#include "dbstep/pg.h"
#include "dbstep/split.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

/* ---- a change ---- */

struct change_type; /* see src/change/type.h */

struct change {
    const char *name;               /* "sql", "createTable" */
    const char *description;        /* its part of the DESCRIPTION column: "sql", "createTable tableName=t" */
    const struct change_type *type; /* NULL: SQL text of a formatted or plain SQL file */
    const struct node *node;        /* with a type: its fields as written, ${} expanded */
    const char *file;               /* of the text below, or of the node */
    int line, column;               /* where it starts; 0: see map */

    /* SQL text, which is split: of formatted SQL, sql, sqlFile. NULL for the others, whose statements are generated. */
    const char *sql;
    size_t sql_len;
    bool split, strip_comments;
    const char *end_delimiter; /* NULL: none given */
    struct source_map map;

    const char *data; /* what a file that it names holds (loadData, createView …), decoded; NULL: none */
    size_t data_len;
    const char *data_file; /* that file on disk, for messages */
    /* For files that data names in its turn, once it is known that it does (loadData into columns of long texts). */
    const struct change_files *files;

    /* What the checksum covers when it is not the bytes of `sql`: the serialised text for version 8 and for version 9. NULL: the
     * rule for SQL. */
    const char *sum_text_v8, *sum_text_v9;
    const char *sum_v8,
        *sum_v9; /* the sum itself, when neither is it ("9:…"): of sqlFile, before ${} is expanded. NULL: none */
    bool excluded_by_dbms; /* its own dbms attribute excludes PostgreSQL: not run, and not in a version 9 sum */
};

struct change_list {
    struct change *at;
    size_t n, cap;
};

/* ---- from a tree ---- */

/* How a change reaches the files that it names. `user` lives as long as the changes do. */
struct change_files {
    /* The file's bytes as they are. `relative_to`: the changelog's path, when the change says relativeToChangelogFile, else NULL. *shown is the
     * path on disk, for messages. */
    bool (*read)(struct ctx *cx, void *user, const char *path, const char *relative_to, char **text, size_t *len,
                 const char **shown);
    /* ${} in a text that such a file holds. */
    bool (*expand)(struct ctx *cx, void *user, const char *text, size_t len, struct source_map *map, const char **out,
                   size_t *out_len);
    void *user;
    const char *changelog; /* path of the changelog, for relativeToChangelogFile */
    const char *file;      /* the same on disk, for messages */
};

/* Is it the name of a change type, also of one that cannot be run? */
bool change_known(const char *name);
/* From a node of that name whose texts are expanded. Unknown, Pro-only and unsupported types, missing required and unknown fields are
 * E_CHANGELOG failures with file, line and column: all of it is known before anything runs. */
bool change_load(struct ctx *cx, const struct node *node, const struct change_files *files, struct change *out);
/* A change of SQL text (formatted SQL, and the text of <rollback>). */
struct change change_of_sql(const char *sql, size_t len);

/* ---- modifySql ---- */

enum visitor_kind { VISIT_PREPEND, VISIT_APPEND, VISIT_REPLACE, VISIT_REG_EXP_REPLACE };

struct sql_visitor {
    enum visitor_kind kind;
    const char *value, *replace, *with;
    struct str_list dbms; /* empty: all */
    const char *contexts; /* expression; NULL: none */
    struct str_list labels;
    bool to_rollback;
    const char *sum_text_v8, *sum_text_v9; /* its serialised text */
};

struct visitor_list {
    struct sql_visitor *at;
    size_t n, cap;
};

/* The visitors of one <modifySql> that PostgreSQL, these contexts and these labels do not exclude, appended. The others are in no checksum
 * either. */
bool visitors_load(struct ctx *cx, const struct node *modify_sql, const char *file, const char *contexts,
                   const char *labels, struct visitor_list *out);
/* The statement as the visitors leave it. `contexts` and `labels` are those in force. */
bool visitors_apply(struct ctx *cx, const struct visitor_list *v, bool rollback, const char *contexts,
                    const char *labels, const char *sql, const char **out);

/* ---- statements ---- */

/* LEGACY quotes what must be: reserved words, names with other characters or of mixed case. */
enum quoting { QUOTE_LEGACY, QUOTE_ALL_OBJECTS, QUOTE_ONLY_RESERVED };

struct change_env {
    struct pg *pg;              /* to ask what the statements depend on; NULL: offline, as far as that goes */
    int server_version;         /* 150000 */
    const char *default_schema; /* as given by the user; NULL: names without a schema stay without one */
    enum quoting quoting;       /* of the changeset */
};

/* The statements of a change that generates them; for SQL text split it instead. A change may ask the database through env->pg,
 * so they may depend on the changes before it. */
bool change_statements(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out);
/* The statements that undo it. *possible is false for a change without an automatic inverse. */
bool change_inverse(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out,
                    bool *possible);

/* Are the statements asked of the database as it is at that moment (loadData without types, dropAllForeignKeyConstraints …)? */
bool change_asks(const struct change *c);

/* tagDatabase: the tag; NULL for every other change. */
const char *change_tag(const struct change *c);
bool change_keeps_tag(const struct change *c); /* keepTagOnRollback */

/* ---- checksums ---- */

enum { CHECKSUM_V8 = 8, CHECKSUM_V9 = 9 };
#define CHECKSUM_MAX 36 /* "9:" and 32 digits, terminated */

void change_checksum(const struct change *c, int version, char out[CHECKSUM_MAX]);
/* Of a changeset: over the sums of its changes and visitors. */
void changes_checksum(struct arena *a, const struct change_list *changes, const struct visitor_list *visitors,
                      int version, char out[CHECKSUM_MAX]);
/* 8 or 9; 1 for what has no version; 0 for NULL or "". */
int checksum_version(const char *stored);

#endif
