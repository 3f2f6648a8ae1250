/* changelog.h - changelogs as Liquibase 4.33 understands them: the model, reading, checksums, filters, splitting.
 *
 * A parser turns a file into changesets; nothing behind the model knows which format a changeset came from. Formatted SQL
 * and plain .sql files are read here. Texts in the model are UTF-8, terminated, and live in the context's arena.
 *
 * Behaviour follows Liquibase 4.33 (checksum version 9, and version 8 for comparing with what older versions stored).
 */
#ifndef DBSTEP_CHANGELOG_H
#define DBSTEP_CHANGELOG_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

/* ---- where text came from ---- */

struct text_place {
    size_t offset;    /* byte in the SQL at which this stretch starts */
    int line, column; /* 1-based, in the file */
    bool fixed;       /* text that was put in for ${…}: all of it lies at this one place */
};

/* Stretches of a changeset's SQL in order; within one, bytes lie in the file as they lie in the text. */
struct source_map {
    VEC(struct text_place) places;
};

void source_locate(const struct source_map *map, const char *sql, size_t offset, int *line, int *column);

/* ---- the model ---- */

enum reaction { REACT_HALT, REACT_CONTINUE, REACT_MARK_RAN, REACT_WARN };
enum on_preview { PREVIEW_IGNORE, PREVIEW_TEST, PREVIEW_FAIL };
enum precondition_kind { PRE_SQL_CHECK, PRE_TABLE_EXISTS, PRE_VIEW_EXISTS };

struct precondition {
    enum precondition_kind kind;
    const char *expected, *sql; /* PRE_SQL_CHECK */
    const char *schema, *name;  /* the others; schema NULL: the default one */
    int line;
};

/* All of them must hold. */
struct preconditions {
    enum reaction on_fail, on_error;
    enum on_preview on_preview;
    VEC(struct precondition) list;
};

struct change {
    const char *name;        /* "sql" */
    const char *description; /* its part of the DESCRIPTION column: "sql", "createTable tableName=t" */
    const char *sql;         /* what runs; to be split */
    size_t sql_len;
    bool split, strip_comments;
    const char *end_delimiter; /* NULL: none given */
    struct source_map map;
    /* What the checksum covers when it is not the bytes of `sql` (changes that generate their SQL): the serialised text for
     * version 8 and for version 9. NULL: the rule for SQL. */
    const char *sum_text_v8, *sum_text_v9;
    bool excluded_by_dbms; /* its own dbms attribute excludes PostgreSQL: not run, and not in a version 9 sum */
};

enum rollback_kind { ROLLBACK_NONE, ROLLBACK_EMPTY, ROLLBACK_SQL, ROLLBACK_CHANGESET };

struct rollback {
    enum rollback_kind kind;
    const char *sql;                /* ROLLBACK_SQL */
    const char *id, *author, *path; /* ROLLBACK_CHANGESET; path NULL: the same file */
    bool split;
    const char *end_delimiter;
    int line;
};

struct changeset {
    const char *id, *author;
    const char *path; /* the path that identifies it, FILENAME in the history */
    const char *file; /* the file on disk, for messages */
    int line;         /* of its header */
    bool run_on_change, run_always, run_in_transaction, fail_on_error, ignore;
    struct str_list contexts; /* expressions that must all match: inherited ones first, then its own */
    struct str_list labels;   /* lower case, trimmed */
    struct str_list dbms;     /* "postgresql", "!oracle", "all" */
    const char *comments;     /* trimmed; "" when there is none */
    const char *run_with;     /* NULL: none */
    struct str_list valid_sums;
    struct preconditions preconditions;
    struct rollback rollback;
    VEC(struct change) changes;
};

struct changelog {
    const char *path; /* normalised, relative to the search path */
    const char *file; /* on disk */
    VEC(struct changeset) sets;
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

/* The text of a file that is already in memory; `text` is changed (terminated at len, which must be writable). For tests and fuzzing. */
bool changelog_parse_sql(struct ctx *cx, const struct changelog_source *source, const char *path, char *text,
                         size_t len, struct changelog *out);

/* The spelling that identifies a changeset: '\' as '/', without scheme, drive, leading "/" and "./", "a/../" collapsed. */
char *changelog_path_normalise(struct arena *a, const char *path);

/* "path::id::author" */
char *changeset_name(struct arena *a, const struct changeset *cs);
char *changeset_description(struct arena *a, const struct changeset *cs); /* for the DESCRIPTION column */
char *changeset_contexts(struct arena *a, const struct changeset *cs);    /* CONTEXTS; NULL when there are none */
char *changeset_labels(struct arena *a, const struct changeset *cs);      /* LABELS; NULL when there are none */

/* ---- checksums ---- */

enum { CHECKSUM_V8 = 8, CHECKSUM_V9 = 9 };
#define CHECKSUM_MAX 36 /* "9:" and 32 digits, terminated */

void change_checksum(const struct change *c, int version, char out[CHECKSUM_MAX]);
void changeset_checksum(struct arena *a, const struct changeset *cs, int version, char out[CHECKSUM_MAX]);
/* 8 or 9; 1 for what has no version; 0 for NULL or "". */
int checksum_version(const char *stored);

/* ---- filters ---- */

/* Does a changeset with this context expression run when these contexts (comma list) are given? */
bool context_matches(const char *expression, const char *given);
/* Does a changeset with these labels run under this label expression? */
bool labels_match(const struct str_list *labels, const char *expression);
/* "postgresql,!oracle" against postgresql. */
bool dbms_matches(const struct str_list *dbms);
/* NULL when the expression is well formed, else what is wrong with it. */
const char *expression_fault(const char *expression);

/* ---- splitting SQL into statements ----
 *
 * SPLIT_POSTGRES knows PostgreSQL's lexical rules (dollar quotes, nested comments, BEGIN ATOMIC, E'' strings, parentheses of
 * rules) beside Liquibase's delimiters. SPLIT_LIQUIBASE is Liquibase's own tokenizer, byte for byte, with its limits: it
 * cuts at a semicolon inside $$ … $$, does not split between BEGIN and END, and refuses form feeds.
 * Both work in time linear in the text; memory is the text's length once.
 */
enum split_mode { SPLIT_POSTGRES, SPLIT_LIQUIBASE };

struct statement {
    const char *text; /* terminated; valid until the next call */
    size_t len;
};

struct splitter;

/* The text must outlive the splitter. */
struct splitter *split_start(struct ctx *cx, enum split_mode mode, const char *sql, size_t len, bool split,
                             bool strip_comments, const char *end_delimiter);
/* *more is false at the end. Fails only in SPLIT_LIQUIBASE, on a character that its tokenizer refuses; split_fault_offset
 * then says where. */
bool split_next(struct ctx *cx, struct splitter *s, struct statement *out, bool *more);
/* The byte in the SQL that byte `offset` of the current statement came from. */
size_t split_source_offset(const struct splitter *s, size_t offset);
size_t split_fault_offset(const struct splitter *s);
void split_end(struct splitter *s); /* NULL is allowed */
static inline void split_end_ptr(struct splitter **s)
{
    split_end(*s);
}
#define SPLIT_AUTO __attribute__((cleanup(split_end_ptr))) struct splitter *

#endif
