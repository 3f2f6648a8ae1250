/* sqlparse.h - what SQL statements do to a schema, told by PostgreSQL's own grammar (libpg_query).
 *
 * A text of one or more statements comes in; out comes, per statement, where it stands, of what kind it is, and typed facts: tables,
 * columns, constraints and indexes that it adds, drops, renames or alters, and tables whose rows it writes. Names are as the server would know
 * them: unquoted ones folded, quotes taken away. Nothing is looked up: a schema that is not written is "", and a CASCADE or a rule does more
 * than its statement says.
 *
 * What cannot be seen is said, never guessed: `unseen` tells why a statement's effects are not known, or not all of them (code that runs on the
 * server, a syntax error, a syntax newer than the grammar, more than SQLPARSE_MAX bytes).
 *
 * Hostile text is safe. The grammar recurses over the text, so all but short texts are parsed on a thread of its own, whose stack is
 * sized for SQLPARSE_MAX bytes of the deepest nesting; its memory goes with the thread. Memory is bounded by SQLPARSE_MAX, not by the text. One thread calls.
 */
#ifndef DBSTEP_SQLPARSE_H
#define DBSTEP_SQLPARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/ctx.h"
#include "dbstep/vec.h"

enum { SQLPARSE_MAX = 64 << 10 }; /* bytes of one statement that are looked into */

enum sqlparse_kind {
    SQLPARSE_SCHEMA,      /* defines, alters or drops objects */
    SQLPARSE_DATA,        /* writes rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY FROM */
    SQLPARSE_QUERY,       /* SELECT, VALUES, SHOW, EXPLAIN, COPY TO */
    SQLPARSE_CODE,        /* DO, CALL, EXECUTE: what it does shows when it runs */
    SQLPARSE_TRANSACTION, /* BEGIN, COMMIT, SAVEPOINT … */
    SQLPARSE_SESSION,     /* SET, RESET, DISCARD, PREPARE, LISTEN … */
    SQLPARSE_OTHER,       /* COMMENT, GRANT, VACUUM, LOCK …: neither structure nor rows */
    SQLPARSE_UNKNOWN      /* not understood: see `unseen` */
};

enum sqlparse_object {
    SQLPARSE_TABLE,
    SQLPARSE_VIEW,
    SQLPARSE_MATVIEW,
    SQLPARSE_FOREIGN_TABLE,
    SQLPARSE_SEQUENCE,
    SQLPARSE_INDEX,
    SQLPARSE_NAMESPACE, /* a schema */
    SQLPARSE_OBJECT_OTHER
};

/* What `name` is: the relation. `part` is what of it, `to` what comes in its stead. */
enum sqlparse_fact_kind {
    SQLPARSE_RELATION_ADDED, /* object says of what sort; partition, temporary */
    SQLPARSE_RELATION_DROPPED,
    SQLPARSE_RELATION_RENAMED, /* to */
    SQLPARSE_RELATION_MOVED,   /* to: the schema */
    SQLPARSE_COLUMN_ADDED,     /* part; of tables that were there before: those of a new table are not listed */
    SQLPARSE_COLUMN_DROPPED,   /* part */
    SQLPARSE_COLUMN_RENAMED,   /* part, to */
    SQLPARSE_COLUMN_RETYPED,   /* part */
    SQLPARSE_NOT_NULL_SET,     /* part; also of a column that is added */
    SQLPARSE_NOT_NULL_DROPPED, /* part */
    SQLPARSE_DEFAULT_SET,      /* part; generated and identity columns count */
    SQLPARSE_DEFAULT_DROPPED,  /* part */
    SQLPARSE_CONSTRAINT_ADDED, /* part: its name, "" when the server chooses; detail: "check", "primary key" … */
    SQLPARSE_CONSTRAINT_DROPPED,
    SQLPARSE_CONSTRAINT_RENAMED, /* part, to */
    SQLPARSE_CONSTRAINT_VALIDATED,
    SQLPARSE_INDEX_ADDED, /* part: the index's name, "" when the server chooses */
    SQLPARSE_HOOK_ADDED,  /* part: a trigger, rule or policy; detail says which */
    SQLPARSE_HOOK_DROPPED,
    SQLPARSE_PARTITION_ATTACHED, /* to_schema, to: the partition */
    SQLPARSE_PARTITION_DETACHED,
    SQLPARSE_ROWS_INSERTED,
    SQLPARSE_ROWS_UPDATED, /* part: one fact per column that is set; "" by MERGE */
    SQLPARSE_ROWS_DELETED,
    SQLPARSE_PATH_SET, /* search_path for what follows; name: its first schema, "" when it is the default or not a constant */
    SQLPARSE_OTHER_ACTION /* detail: the grammar's name of an ALTER TABLE action that is none of the above */
};

struct sqlparse_fact {
    enum sqlparse_fact_kind kind;
    enum sqlparse_object object; /* of what sort `name` is, as far as the statement says */
    const char *schema, *name;   /* schema "": not written; for SQLPARSE_INDEX by DROP INDEX the index's own */
    const char *part;            /* column, constraint or index; "" when there is none */
    const char *to_schema, *to;  /* new name, new schema or partition; "" when there is none */
    const char *detail;          /* "" when there is none */
    bool conditional;            /* IF EXISTS, IF NOT EXISTS: it may have had nothing to do */
    bool temporary, partition, unlogged, not_valid, concurrently, cascade;
};

struct sqlparse_statement {
    size_t offset, len; /* in the text; without the semicolon */
    enum sqlparse_kind kind;
    const char *verb; /* its first words, upper case: "ALTER TABLE" */
    VEC(struct sqlparse_fact) facts;
    const char *unseen; /* NULL: all that it says was understood */
    size_t unseen_at;   /* byte in the text where the reason lies */
};

struct sqlparse_list {
    VEC(struct sqlparse_statement) statements;
};

/* The text (terminated at len, no NUL before) is UTF-8; other bytes do no harm. Fails only when interrupted or out of resources. */
bool sqlparse_statements(struct ctx *cx, const char *sql, size_t len, struct sqlparse_list *out);

const char *sqlparse_library(void); /* "PostgreSQL 15.1's grammar" */

#endif
