/* type.h - the table of change types, and what their generators share.
 *
 * One row per type, in types_*.c. A row's fields are what a changelog may say; from them come validation, the DESCRIPTION column and
 * the serialised text of the checksum. A generator reads the fields from the change's node, whose scalars are what Java makes of them: YAML's
 * 1.50 is "1.5", its `yes` is "true".
 */
#ifndef DBSTEP_CHANGE_TYPE_H
#define DBSTEP_CHANGE_TYPE_H

#include "dbstep/change.h"

enum field_kind {
    FIELD_TEXT,
    FIELD_BOOLEAN,
    FIELD_INTEGER, /* of any size */
    FIELD_NUMBER,  /* valueNumeric: what is none is an expression and serialised as sum_name */
    FIELD_DATE,    /* valueDate: likewise */
    FIELD_COLUMNS, /* <column>…, or YAML's columns: [column: …]; serialised as a list of objects under the field's name */
    FIELD_PARAMS,      /* <whereParams><param …/></whereParams>, and YAML's whereParams: [param: …]; likewise */
    FIELD_CONSTRAINTS, /* nested in a column: an object without a name of its own */
    FIELD_BODY, /* the element's own text in XML, a field of this name in YAML: sql, createView, createProcedure */
};

enum {
    FIELD_REQUIRED = 1,
    FIELD_NOT_IN_SUM = 2,    /* of either version */
    FIELD_NOT_IN_SUM_V9 = 4, /* only version 8 has it */
    FIELD_OF_INDEX = 16,     /* of createIndex's columns: these are its; of a column: not in the sum of an index */
    FIELD_IGNORED = 8,       /* said by other databases' changelogs; neither in the SQL nor an error */
};

struct change_field {
    const char *name;
    enum field_kind kind;
    unsigned flags;
    const char *sum_name; /* as the serialised text calls it; NULL: as it is */
};

/* Rows of a table of fields. */
#define FIELD(name, kind, flags)        \
    {                                   \
        name, FIELD_##kind, flags, NULL \
    }
#define TEXT_FIELD(name) FIELD(name, TEXT, 0)
#define REQUIRED_FIELD(name) FIELD(name, TEXT, FIELD_REQUIRED)
#define BOOLEAN_FIELD(name) FIELD(name, BOOLEAN, 0)
#define INTEGER_FIELD(name) FIELD(name, INTEGER, 0)
/* The fields that say where a relation is. */
#define SCHEMA_FIELDS TEXT_FIELD("catalogName"), TEXT_FIELD("schemaName")
#define TABLE_FIELDS SCHEMA_FIELDS, REQUIRED_FIELD("tableName")

struct change_type {
    const char *name;
    const struct change_field *fields;
    size_t n_fields;
    /* What the fields alone do not say: files that are named, SQL text, rules between fields. May be NULL. */
    bool (*load)(struct ctx *cx, const struct change_files *files, struct change *c);
    /* NULL: the type has SQL text (c->sql), or cannot be run and `refused` says why. */
    bool (*generate)(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out);
    bool (*invert)(struct ctx *cx, const struct change_env *env, const struct change *c,
                   struct str_list *out);       /* NULL: none */
    bool (*can_invert)(const struct change *c); /* NULL: if there is an inverse, always */
    /* Own texts for the sums in place of the serialised fields; fills sum_text_v8 and sum_text_v9. NULL: the fields. */
    bool (*sum)(struct ctx *cx, struct change *c);
    bool asks; /* see change_asks() */
    const char
        *refused; /* "needs Liquibase Pro", "runs Java code" …: known, and named as an error before anything runs */
};

const struct change_type *change_type_find(const char *name); /* NULL: unknown */

/* ---- fields of a node ---- */

const char *field(const struct node *n, const char *name);      /* NULL: not there, or nothing in it */
const char *field_text(const struct node *n, const char *name); /* NULL: not there */
bool field_bool(const struct node *n, const char *name, bool otherwise);
bool field_set(const struct node *n, const char *name); /* is it there at all? */
/* The text of a FIELD_BODY, as written; NULL: none. */
const char *field_body(const struct node *n, const char *name);

/* Objects of a list, in order, however the notation nests it. */
struct node_list {
    const struct node **at;
    size_t n, cap;
};
struct node_list columns_of(struct arena *a, const struct node *change); /* <column>…; columns: [column: …] */
struct node_list params_of(struct arena *a, const struct node *change);  /* whereParams */
/* <constraints> of a column; NULL: none. */
const struct node *column_constraints(const struct node *column);
/* "a , b" -> a, b */
struct str_list name_list(struct arena *a, const char *list);

/* What a column object, and its constraints, may say. */
extern const struct change_field column_fields[], constraint_fields[];
extern const size_t n_column_fields, n_constraint_fields;

/* A statement more. */
void add_statement(struct arena *a, struct str_list *out, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* An error about a change, at its place. Returns false. */
bool change_fault(struct ctx *cx, const struct change *c, const struct node *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- serialised text (serialise.c) ---- */

/* "createTable:[…]" of the fields, for a version, in Unicode normal form C. */
const char *change_serialise(struct arena *a, const struct change *c, int version);
/* "9:" + hash of a text / of bytes without blanks, for types with sums of their own. */
void sum_of_text(const char *text, int version, char out[CHECKSUM_MAX]);
void sum_of_squeezed(const char *text, size_t len, char out[CHECKSUM_MAX]);
/* Of SQL bytes with the change's delimiter and flags, which version 8 covers too. */
void sum_of_sql(const struct change *c, const char *sql, size_t len, int version, char out[CHECKSUM_MAX]);

/* ---- names, types and values in SQL (sql_names.c, sql_types.c, sql_values.c) ---- */

/* A name as the strategy quotes it; with a schema "schema.name". catalog is ignored, as PostgreSQL has none. */
const char *sql_name(struct arena *a, const struct change_env *env, const char *name);
const char *sql_table(struct arena *a, const struct change_env *env, const char *schema, const char *name);
/* "a, b" of a comma list of columns. */
const char *sql_columns(struct arena *a, const struct change_env *env, const char *list);
/* How a default value of a type is written. */
enum literal_kind {
    LITERAL_UNKNOWN,
    LITERAL_WHOLE,
    LITERAL_SMALL,
    LITERAL_NUMBER,
    LITERAL_RAW,
    LITERAL_BOOLEAN,
    LITERAL_TEXT,
    LITERAL_LONG_TEXT,
    LITERAL_BYTES,
    LITERAL_DATE,
    LITERAL_TIME,
    LITERAL_TIMESTAMP,
    LITERAL_XML,
};

struct sql_type {
    const char
        *text; /* PostgreSQL's name of it: varchar2(10) is VARCHAR(10), datetime is TIMESTAMP WITHOUT TIME ZONE */
    enum literal_kind literals;
    bool counts;    /* serial: the column counts by itself */
    bool can_count; /* autoIncrement is possible */
};
/* A column type as a changelog writes it. */
struct sql_type sql_type_of(struct arena *a, const char *type);
const char *sql_type(struct arena *a, const char *type); /* its text alone */

/* What is given as value…, defaultValue… of a column object. */
enum value_kind {
    VALUE_NONE,
    VALUE_TEXT,
    VALUE_NUMBER,
    VALUE_BOOLEAN,
    VALUE_DATE,
    VALUE_TIME,
    VALUE_TIMESTAMP,
    VALUE_COMPUTED,
    VALUE_NEXT,    /* of a sequence */
    VALUE_CURRENT, /* likewise */
    VALUE_FILE,    /* valueBlobFile, valueClobFile */
};

struct sql_value {
    enum value_kind kind;
    const char *text; /* "1.50"; "true"; "2020-01-02", "03:04:05", "2020-01-02T03:04:05.5"; an expression; a name */
};

/* `prefix` is "value" or "defaultValue". */
struct sql_value value_of(struct arena *a, const struct node *column, const char *prefix);
/* A text given for a number or a date: what is none is an expression. */
struct sql_value value_number(struct arena *a, const char *text);
struct sql_value value_date(struct arena *a, const char *text);

/* In SQL: as a value, and as the default of a column of a type. `schema` is that of a sequence. */
const char *sql_value(struct arena *a, const struct change_env *env, const char *schema, struct sql_value v);
bool sql_default(struct ctx *cx, const struct change *c, const struct change_env *env, const struct node *column,
                 const char *schema, const struct sql_type *type, struct sql_value v, const char **out);
const char *sql_text_literal(struct arena *a, const char *text);
const char *sql_dollar_tag(struct arena *a, const char *body); /* $$, or another one when the body holds that */
const char *sql_integer(struct arena *a, const char *text);    /* "010" -> "10" */
const char *sql_expression(const char *text);                  /* now() and what counts as such is NOW() */
/* Is it an expression that stands as it is where a text is given: now(), to_date(…? */
bool looks_like_function(const char *text);
/* What Liquibase takes for true and false where a text is given; false: neither. */
bool boolean_text(const char *text, bool *yes);
/* A double as Java prints it. */
const char *java_double(struct arena *a, const char *text);

/* ---- rows of the table, by file ---- */
extern const struct change_type types_table[], types_column[], types_constraint[], types_index[], types_view[],
    types_sequence[], types_data[], types_other[];
extern const size_t n_types_table, n_types_column, n_types_constraint, n_types_index, n_types_view, n_types_sequence,
    n_types_data, n_types_other;

#endif
