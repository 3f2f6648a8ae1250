/* changelog.h - changelogs as Liquibase 4.33 understands them: the model, reading, filters.
 *
 * A parser turns a file into changesets; nothing behind the model knows which format a changeset came from: XML, YAML, JSON, formatted SQL, or
 * a plain .sql file as one changeset. Texts in the model are UTF-8, terminated, and live in the context's arena.
 *
 * Where Liquibase ignores what it does not know (YAML and JSON), a name that looks like a slip is a failure and any other a warning. A changeset
 * of a tree whose dbms excludes PostgreSQL keeps its identity only: what it does is not read.
 *
 * Behaviour follows Liquibase 4.33 (checksum version 9, and version 8 for comparing with what older versions stored).
 */
#ifndef DBSTEP_CHANGELOG_H
#define DBSTEP_CHANGELOG_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/change.h"
#include "dbstep/ctx.h"
#include "dbstep/filter.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

/* ---- the model ---- */

enum reaction { REACT_HALT, REACT_CONTINUE, REACT_MARK_RAN, REACT_WARN };
enum on_preview { PREVIEW_IGNORE, PREVIEW_TEST, PREVIEW_FAIL };
enum precondition_kind {
    PRE_AND,
    PRE_OR,
    PRE_NOT, /* of all in its list */
    PRE_SQL_CHECK,
    PRE_TABLE_EXISTS,
    PRE_VIEW_EXISTS,
    PRE_COLUMN_EXISTS,
    PRE_INDEX_EXISTS,
    PRE_FOREIGN_KEY_EXISTS,
    PRE_PRIMARY_KEY_EXISTS,
    PRE_UNIQUE_EXISTS,
    PRE_SEQUENCE_EXISTS,
    PRE_TABLE_IS_EMPTY,
    PRE_ROW_COUNT,
    PRE_DBMS,
    PRE_RUNNING_AS,
    PRE_CHANGESET_EXECUTED,
    PRE_PROPERTY_DEFINED, /* changeLogPropertyDefined: decided when the changelog is read, see `holds` */
    PRE_QUOTING_STRATEGY, /* expectedQuotingStrategy: likewise */
};

struct precondition {
    enum precondition_kind kind;
    VEC(struct precondition) list;  /* PRE_AND, PRE_OR, PRE_NOT */
    const char *sql, *expected;     /* PRE_SQL_CHECK; PRE_ROW_COUNT: expected */
    const char *schema;             /* NULL: the default one */
    const char *table;              /* of a column, an index, a constraint; NULL: any */
    const char *name;               /* of the object itself; NULL: not named */
    const char *columns;            /* comma list; NULL: any */
    const char *id, *author, *path; /* PRE_CHANGESET_EXECUTED */
    const char *value;              /* PRE_DBMS: types; PRE_RUNNING_AS: the user */
    bool holds;                     /* PRE_PROPERTY_DEFINED, PRE_QUOTING_STRATEGY */
    int line;
};

/* All of them must hold. */
struct preconditions {
    enum reaction on_fail, on_error;
    enum on_preview on_preview;
    const char *on_fail_message, *on_error_message; /* NULL: none */
    const char *file;                               /* for messages */
    VEC(struct precondition) list;
};

enum rollback_kind {
    ROLLBACK_NONE /* the inverses of its changes */,
    ROLLBACK_EMPTY,
    ROLLBACK_CHANGES,
    ROLLBACK_CHANGESET
};

struct rollback {
    enum rollback_kind kind;
    struct change_list changes;     /* ROLLBACK_CHANGES, in the order in which they run */
    const char *id, *author, *path; /* ROLLBACK_CHANGESET; path NULL: the same file */
    int line;
};

struct changeset {
    const char *id, *author;
    const char *path;     /* the path that identifies it, normalised */
    const char *filename; /* FILENAME in the history: the path, but a logicalFilePath as it is written */
    const char *file;     /* the file on disk, for messages */
    int line;             /* of its header */
    bool run_on_change, run_always, run_in_transaction, fail_on_error, ignore;
    struct str_list contexts; /* expressions that must all match: inherited ones first, then its own */
    struct str_list labels;   /* its own; lower case, trimmed */
    VEC(struct str_list)
    inherited_labels;     /* of the includes that it came by, innermost first: each list must match by itself */
    struct str_list dbms; /* "postgresql", "!oracle", "all" */
    const char *comments; /* trimmed; "" when there is none */
    const char *run_with; /* NULL: none */
    struct str_list valid_sums;
    struct preconditions preconditions;
    int run_order; /* -1: first, 1: last */
    struct rollback rollback;
    struct change_list changes;
    struct visitor_list visitors; /* modifySql */
    enum quoting quoting;
};

struct changelog {
    const char *path;           /* normalised, relative to the search path */
    const char *file;           /* on disk */
    const char *logical;        /* logicalFilePath that its include gives it; NULL: none */
    VEC(struct changeset) sets; /* in the order in which they run: document order, runOrder applied */
    struct str_list files;      /* on disk, that were read: changelogs, and what they and their changes name */
    VEC(struct preconditions) preconditions; /* of the changelog and of those that it includes, in document order */
};

/* ---- reading ---- */

struct changelog_source {
    const char *file;                                         /* relative to a folder of the search path */
    const struct str_list *search_path;                       /* NULL or empty: the working directory */
    const struct str_list *parameters;                        /* "key=value": beat what a file defines */
    const char *(*environment)(void *user, const char *name); /* NULL: none; its variables beat everything */
    void *environment_user;
    const char *contexts, *labels; /* in force, for properties that are bound to them; may be NULL */
};

/* Reads, expands and checks a changelog: syntax, duplicate changesets, names of databases. Errors: E_FILE, E_CHANGELOG, with file, line
 * and column. */
bool changelog_load(struct ctx *cx, const struct changelog_source *source, struct changelog *out);

/* The text of a file that is already in memory; `text` is changed (terminated at len, which must be writable). The path's end says what it is.
 * For tests and fuzzing. */
bool changelog_parse(struct ctx *cx, const struct changelog_source *source, const char *path, char *text, size_t len,
                     struct changelog *out);
/* The same of SQL, whatever the path. */
bool changelog_parse_sql(struct ctx *cx, const struct changelog_source *source, const char *path, char *text,
                         size_t len, struct changelog *out);

/* The spelling that identifies a changeset: '\' as '/', without scheme, drive, leading "/" and "./", "a/../" collapsed. */
char *changelog_path_normalise(struct arena *a, const char *path);

/* "path::id::author", the path as the history has it */
char *changeset_name(struct arena *a, const struct changeset *cs);
/* A text as the columns DESCRIPTION and COMMENTS hold it: at most 250 characters, cut at 247 with "...". */
char *changeset_column(struct arena *a, const char *text);
char *changeset_description(struct arena *a, const struct changeset *cs); /* for the DESCRIPTION column */
char *changeset_contexts(struct arena *a, const struct changeset *cs);    /* CONTEXTS; NULL when there are none */
char *changeset_labels(struct arena *a, const struct changeset *cs);      /* LABELS; NULL when there are none */

/* Is it meant by a label expression, with what it inherits? */
bool changeset_labels_match(const struct changeset *cs, const char *expression);

/* ---- checksums ---- */

void changeset_checksum(struct arena *a, const struct changeset *cs, int version, char out[CHECKSUM_MAX]);

#endif
