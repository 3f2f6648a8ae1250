/* types_load.c - loadData and loadUpdateData: rows of a CSV file; see type.h and csv.h.
 *
 * A column without a type in the changelog has the one that the table's column has; without a database, or without such a column, its
 * values are texts. Columns of long texts hold the names of files.
 */
#include <stdlib.h>
#include <string.h>

#include "change_file.h"
#include "csv.h"
#include "data.h"
#include "dbstep/hash.h"
#include "ddl.h"
#include "sql.h"

enum {
    ROWS_PER_INSERT = 51,
    COLUMNS_MAX = 1600, /* PostgreSQL's own limit */
};

enum load_type {
    LOAD_UNKNOWN, /* not said: to be asked of the database */
    LOAD_OTHER,   /* a text; nothing is NULL */
    LOAD_STRING,  /* a text; nothing is '' */
    LOAD_NUMERIC,
    LOAD_DATE,
    LOAD_BOOLEAN,
    LOAD_COMPUTED,
    LOAD_SEQUENCE,
    LOAD_BLOB,
    LOAD_CLOB,
    LOAD_SKIP,
};

struct load_column {
    const char *header, *name;
    const struct node *config; /* NULL: none */
    enum load_type type;
    size_t target; /* which of the row's values it gives */
};

struct load {
    struct ctx *cx; /* the change's; from the first row on `row_cx` */
    struct ctx row_cx;
    struct arena row_arena; /* what a row or a batch of rows needs, given back after it */
    const struct change_env *env;
    const struct change *c;
    struct csv csv;
    const char *comment;
    struct load_column *columns;
    size_t n_columns;
    struct row row;
    bool lob_is_text; /* values of long texts stand for themselves */
};

/* ---- loading ---- */

static const char *comment_start(const struct change *c)
{
    const char *given = field(c->node, "commentLineStartsWith");

    return given ? given : "#";
}

/* MD5 of the lines that are neither empty nor comments. */
static void lines_sum(const struct change *c, const char *bytes, size_t len, char *hex)
{
    const char *comment = comment_start(c), *end = bytes + len;
    size_t n_comment = strlen(comment);
    struct hash *h = hash_start(HASH_MD5);
    bool first = true;

    for (const char *p = bytes; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p)), *stop = newline ? newline : end;
        bool begun = false, counts = true;
        while (p < stop) {
            const char *cr = memchr(p, '\r', (size_t)(stop - p)), *upto = cr ? cr : stop;
            if (upto > p && !begun) {
                begun = true;
                counts = (size_t)(upto - p) < n_comment || memcmp(p, comment, n_comment) != 0;
                if (counts && !first)
                    hash_add(h, "\n", 1);
                first = first && !counts;
            }
            if (upto > p && counts)
                hash_add(h, p, (size_t)(upto - p));
            p = cr ? cr + 1 : stop;
        }
        p = newline ? newline + 1 : end;
    }
    hash_finish_hex(h, hex);
}

/* The one character that a field gives. */
static bool one_character(struct ctx *cx, const struct change *c, const char *name, char otherwise, char *out)
{
    const char *given = field(c->node, name);

    *out = !given ? otherwise : text_equal(given, "\\t") ? '\t' : *given;
    if ((unsigned char)*out >= 0x80 || *out == '\n' || *out == '\r')
        return change_fault(cx, c, node_child(c->node, name), "%s must be a character of ASCII", name);
    return true;
}

bool load_data_load(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct change_file f = {0};
    char hex[HASH_HEX_MAX], unused;
    const char *table = field(c->node, "tableName");

    if (!one_character(cx, c, "separator", ',', &unused) || !one_character(cx, c, "quotchar", '"', &unused) ||
        !change_file_read(cx, files, c, "file", &f))
        return false;
    lines_sum(c, f.bytes, f.len, hex);
    c->sum_text_v8 = arena_printf(cx->arena, "%s:8:%s", table, hex);
    c->sum_text_v9 = arena_printf(cx->arena, "%s:9:%s", table, hex);
    c->data = f.text[f.text_len] ? arena_strndup(cx->arena, f.text, f.text_len) : f.text;
    c->data_len = f.text_len;
    c->data_file = f.shown;
    return true;
}

/* ---- columns ---- */

static bool csv_fault(const struct load *l, int line, const char *why)
{
    fail(l->cx, E_CHANGELOG, "%s: %s", l->c->name, why);
    err_place(l->cx, l->c->data_file, line, 1);
    return false;
}

static enum load_type type_said(const char *type)
{
    static const struct {
        const char *name;
        enum load_type type;
    } types[] = {{"STRING", LOAD_STRING},     {"NUMERIC", LOAD_NUMERIC},   {"DATE", LOAD_DATE}, {"DATETIME", LOAD_DATE},
                 {"TIME", LOAD_DATE},         {"BOOLEAN", LOAD_BOOLEAN},   {"BLOB", LOAD_BLOB}, {"CLOB", LOAD_CLOB},
                 {"COMPUTED", LOAD_COMPUTED}, {"SEQUENCE", LOAD_SEQUENCE}, {"SKIP", LOAD_SKIP}};

    if (!type)
        return LOAD_UNKNOWN;
    for (size_t i = 0; i < COUNT(types); i++)
        if (text_equal_nocase(types[i].name, type))
            return types[i].type;
    return LOAD_OTHER;
}

static enum load_type type_in_database(const char *type)
{
    static const struct {
        const char *names; /* between blanks */
        enum load_type type;
    } types[] = {{" int2 int4 int8 numeric money ", LOAD_NUMERIC},
                 {" date timestamp timestamptz time timetz ", LOAD_DATE},
                 {" bool ", LOAD_BOOLEAN},
                 {" text xml ", LOAD_CLOB},
                 {" uuid bit ", LOAD_OTHER}};
    char word[80];

    snprintf(word, sizeof word, " %s ", type);
    for (size_t i = 0; i < COUNT(types); i++)
        if (strstr(types[i].names, word))
            return types[i].type;
    return LOAD_STRING;
}

static bool is_header(const struct str_list *headers, const char *name)
{
    for (size_t i = 0; i < headers->n; i++)
        if (text_equal_nocase(headers->at[i], name))
            return true;
    return false;
}

/* Which of the changelog's columns is meant: by its place, its header or its name. A header does not count where the name is one, too. */
static const struct node *config_of(const struct node_list *configs, const struct str_list *headers, size_t place)
{
    const char *header = headers->at[place];

    for (size_t i = 0; i < configs->n; i++) {
        const struct node *n = configs->at[i];
        const char *index = field(n, "index"), *of = field(n, "header"), *name = field(n, "name");
        if (index && strtoul(index, NULL, 10) == place && strspn(index, "0123456789") == strlen(index))
            return n;
        if (name && text_equal_nocase(name, header))
            return n;
        if (of && text_equal_nocase(of, header) && !(name && is_header(headers, name)))
            return n;
    }
    return NULL;
}

static bool ask_types(struct load *l)
{
    const char *table = ddl_table(l->cx->arena, l->env, l->c);
    PG_ROWS_AUTO rows = {0};
    bool needed = false;

    for (size_t i = 0; i < l->n_columns; i++)
        needed |= l->columns[i].type == LOAD_UNKNOWN;
    if (needed && l->env->pg && !pg_query(l->cx, l->env->pg, &rows, sql_change_load_columns, 1, &table))
        return false;
    for (size_t i = 0; i < l->n_columns; i++) {
        struct load_column *c = &l->columns[i];
        if (c->type != LOAD_UNKNOWN)
            continue;
        c->type = LOAD_OTHER;
        for (int k = 0; k < rows.n; k++)
            if (text_equal_nocase(pg_text(&rows, k, 0), c->name))
                c->type = type_in_database(pg_text(&rows, k, 1));
    }
    return true;
}

/* The first record says what the columns are. */
static bool read_header(struct load *l)
{
    struct arena *a = l->cx->arena;
    struct node_list configs = columns_of(a, l->c->node);
    struct str_list trimmed = {0};

    if (!csv_next(a, &l->csv))
        return csv_fault(l, 1, l->csv.fault ? l->csv.fault : "the file is empty");
    l->n_columns = l->csv.fields.n;
    if (l->n_columns > COLUMNS_MAX)
        return csv_fault(l, 1, "the file has more columns than a table can have");
    l->columns = arena_array(a, l->n_columns, sizeof *l->columns);
    for (size_t i = 0; i < l->n_columns; i++)
        *VEC_PUSH(a, &trimmed) = text_trim(a, l->csv.fields.at[i]);
    for (size_t i = 0; i < l->n_columns; i++) {
        struct load_column *c = &l->columns[i];
        c->header = l->csv.fields.at[i];
        c->config = config_of(&configs, &trimmed, i);
        c->name = c->config && field(c->config, "name") ? field(c->config, "name") : c->header;
        c->type = type_said(c->config ? field(c->config, "type") : NULL);
        if (c->type == LOAD_SKIP)
            continue;
        if (!*text_skip_blanks(c->name))
            return csv_fault(
                l, l->csv.record_line,
                arena_printf(a, "column %zu has no name, and no column of that index gives it one", i + 1));
        row_set(a, &l->row, c->name, "NULL");
        while (!text_equal(l->row.at[c->target].column, c->name))
            c->target++;
    }
    if (!l->row.n)
        return csv_fault(l, l->csv.record_line, "no column is left to be loaded");
    return ask_types(l);
}

/* ---- values ---- */

/* true, t, yes, y, and whole numbers above 0. */
static const char *truth(struct arena *a, const char *text)
{
    static const char *const words[] = {"true", "t", "yes", "y"};
    const char *word = text_trim(a, text);

    for (size_t i = 0; i < COUNT(words); i++)
        if (text_equal_nocase(words[i], word))
            return "TRUE";
    return *word && strspn(word, "0123456789") == strlen(word) && strspn(word, "0") < strlen(word) ? "TRUE" : "FALSE";
}

static struct sql_value typed(struct arena *a, enum load_type type, const char *text)
{
    switch (type) {
    case LOAD_NUMERIC: return value_number(a, text);
    case LOAD_DATE: return value_date(a, text);
    case LOAD_BOOLEAN: return (struct sql_value){VALUE_BOOLEAN, text_equal(truth(a, text), "TRUE") ? "true" : "false"};
    case LOAD_COMPUTED: return (struct sql_value){VALUE_COMPUTED, text};
    case LOAD_SEQUENCE: return (struct sql_value){VALUE_NEXT, text};
    case LOAD_UNKNOWN:
    case LOAD_OTHER:
    case LOAD_STRING:
    case LOAD_BLOB:
    case LOAD_CLOB:
    case LOAD_SKIP:
    default: return (struct sql_value){VALUE_TEXT, text};
    }
}

/* The field of the default that fits the type, beside defaultValue. */
static const char *default_field(enum load_type type)
{
    switch (type) {
    case LOAD_NUMERIC: return "defaultValueNumeric";
    case LOAD_DATE: return "defaultValueDate";
    case LOAD_BOOLEAN: return "defaultValueBoolean";
    case LOAD_COMPUTED: return "defaultValueComputed";
    case LOAD_SEQUENCE: return "defaultValueSequenceNext";
    case LOAD_UNKNOWN:
    case LOAD_OTHER:
    case LOAD_STRING:
    case LOAD_BLOB:
    case LOAD_CLOB:
    case LOAD_SKIP:
    default: return "defaultValue";
    }
}

static bool empty_value(const struct load *l, const struct load_column *column, const char **sql)
{
    struct arena *a = l->cx->arena;
    const struct node *n = column->config;
    const char *given = n ? field(n, "defaultValue") : NULL;

    if (n && !given)
        given = field(n, default_field(column->type));
    if (given && column->type != LOAD_BLOB && column->type != LOAD_CLOB)
        *sql = sql_value(a, l->env, field(l->c->node, "schemaName"), typed(a, column->type, given));
    else if (column->type == LOAD_SEQUENCE)
        return csv_fault(l, l->csv.record_line,
                         arena_printf(a, "column %s is of type SEQUENCE, and no defaultValue names one", column->name));
    else
        *sql = column->type == LOAD_STRING ? "''" : "NULL";
    return true;
}

static bool value_sql(const struct load *l, const struct load_column *column, const char *text, const char **sql)
{
    struct arena *a = l->cx->arena;
    bool large = column->type == LOAD_BLOB || column->type == LOAD_CLOB;

    if (!*text)
        return empty_value(l, column, sql);
    if (text_equal_nocase(text, "NULL")) {
        *sql = "NULL";
        return true;
    }
    if (!large || l->lob_is_text) {
        *sql = sql_value(a, l->env, field(l->c->node, "schemaName"), typed(a, column->type, text));
        return true;
    }
    if (large_value(l->cx, l->c, column->config, text, NULL, column->type == LOAD_BLOB, sql))
        return true;
    if (l->cx->err.code != E_FILE)
        return false;
    err_clear(l->cx);
    csv_fault(l, l->csv.record_line,
              arena_printf(a, "column %s holds long values, so each names a file, and there is no file %s",
                           column->name, text));
    err_hint(
        l->cx,
        "as in Liquibase, the file is looked for in the changelog's folder; where the text itself is meant, give the column "
        "the type STRING");
    return false;
}

/* ---- rows ---- */

static bool load_start(struct load *l, struct ctx *cx, const struct change_env *env, const struct change *c)
{
    char separator, quote;

    *l = (struct load){.cx = cx, .env = env, .c = c, .comment = comment_start(c)};
    if (!one_character(cx, c, "separator", ',', &separator) || !one_character(cx, c, "quotchar", '"', &quote))
        return false;
    l->csv = csv_start(c->data, separator, quote);
    return read_header(l);
}

static bool is_blank(const char *text)
{
    return !*text_skip_blanks(text);
}

/* The next row into l->row; *more is false at the end. */
static bool load_next(struct load *l, bool *more)
{
    const struct str_list *fields = &l->csv.fields;

    do {
        *more = csv_next(l->cx->arena, &l->csv);
        if (!*more)
            return !l->csv.fault || csv_fault(l, l->csv.record_line, l->csv.fault);
    } while ((fields->n == 1 && is_blank(fields->at[0])) || text_starts(fields->at[0], l->comment));
    if (fields->n != l->n_columns)
        return csv_fault(l, l->csv.record_line,
                         arena_printf(l->cx->arena, "the row has %zu values, the header %zu", fields->n, l->n_columns));
    for (size_t i = 0; i < l->n_columns; i++) {
        const struct load_column *c = &l->columns[i];
        if (c->type != LOAD_SKIP && !value_sql(l, c, fields->at[i], &l->row.at[c->target].sql))
            return false;
    }
    return true;
}

/* The rows have memory of their own, however large the file is. */
static void rows_begin(struct load *l)
{
    l->row_cx = (struct ctx){.arena = &l->row_arena, .deadline = l->cx->deadline};
    l->cx = &l->row_cx;
}

static void rows_forget(struct load *l, struct arena_mark mark)
{
    arena_reset(&l->row_arena, mark);
    l->csv.fields = (struct str_list){0};
}

static bool rows_end(struct load *l, struct ctx *cx, bool ok)
{
    if (!ok && cx->err.code == E_OK)
        cx->err = l->row_cx.err;
    arena_free(&l->row_arena);
    return ok;
}

/* One INSERT of as many rows as there are, at most ROWS_PER_INSERT. */
static bool add_insert(struct load *l, struct ctx *cx, const char *head, struct str_list *out, bool *more)
{
    struct str s = str_new(l->cx->arena);

    for (int rows = 0; rows < ROWS_PER_INSERT; rows++) {
        if (!load_next(l, more))
            return false;
        if (!*more)
            break;
        str_add(&s, rows ? "," : head);
        for (size_t i = 0; i < l->row.n; i++) {
            str_add(&s, i ? ", " : "(");
            str_add(&s, l->row.at[i].sql);
        }
        str_addc(&s, ')');
    }
    if (s.len) {
        str_addc(&s, ';');
        *VEC_PUSH(cx->arena, out) = arena_strndup(cx->arena, s.s, s.len);
    }
    return ctx_alive(cx, "reading the rows of a file");
}

bool load_data_generate(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    struct load l;
    bool more = true, ok = true;

    if (!load_start(&l, cx, env, c))
        return false;
    const char *head = arena_printf(cx->arena, "INSERT INTO %s (%s) VALUES ", ddl_table(cx->arena, env, c),
                                    row_columns(cx->arena, env, &l.row));
    rows_begin(&l);
    for (struct arena_mark mark = arena_mark(&l.row_arena); ok && more; rows_forget(&l, mark))
        ok = add_insert(&l, cx, head, out, &more);
    return rows_end(&l, cx, ok);
}

/* ---- loadUpdateData ---- */

/* Names as they are written between the commas: "a, b" is "a" and " b". */
static struct str_list key_columns(struct arena *a, const struct change *c)
{
    struct str_list out = {0};
    const char *p = field(c->node, "primaryKey");

    for (;;) {
        size_t n = strcspn(p, ",");
        *VEC_PUSH(a, &out) = arena_strndup(a, p, n);
        if (!p[n])
            return out;
        p += n + 1;
    }
}

/* A column that the file does not have is NULL. */
static const char *key_condition(const struct load *l, const struct str_list *key)
{
    struct arena *a = l->cx->arena;
    struct str s = str_new(a);

    for (size_t i = 0; i < key->n; i++) {
        const char *value = "NULL";
        for (size_t k = 0; k < l->row.n; k++)
            if (text_equal(l->row.at[k].column, key->at[i]))
                value = l->row.at[k].sql;
        str_addf(&s, "%s%s", i ? " AND " : "", sql_name(a, l->env, key->at[i]));
        if (text_equal(value, "NULL"))
            str_add(&s, " is NULL");
        else
            str_addf(&s, " = %s", value);
    }
    return s.s;
}

/* The key, and the columns that may not be updated. */
static struct str_list kept_columns(const struct load *l, const struct str_list *key)
{
    struct str_list kept = {0};

    for (size_t i = 0; i < key->n; i++)
        *VEC_PUSH(l->cx->arena, &kept) = key->at[i];
    for (size_t i = 0; i < l->n_columns; i++)
        if (l->columns[i].config && !field_bool(l->columns[i].config, "allowUpdate", true))
            *VEC_PUSH(l->cx->arena, &kept) = l->columns[i].name;
    return kept;
}

static const char *upsert(const struct load *l, const struct str_list *key, const struct str_list *kept,
                          const char *table)
{
    struct arena *a = l->cx->arena;
    const char *where = key_condition(l, key), *set = row_assignments(a, l->env, &l->row, kept), *tag;
    struct str body = str_new(a);

    str_addf(&body, *set ? "UPDATE %s SET %s WHERE " : "perform * from %s%s WHERE ", table, set);
    str_addf(&body, "%s;\n", where);
    if (!field_bool(l->c->node, "onlyUpdate", false))
        str_addf(&body, "IF not found THEN\nINSERT INTO %s (%s) VALUES (%s);\nEND IF;\n", table,
                 row_columns(a, l->env, &l->row), row_values(a, &l->row));
    tag = sql_dollar_tag(a, body.s);
    return arena_printf(a, "DO\n%s\nBEGIN\n%sEND;\n%s\nLANGUAGE plpgsql;", tag, body.s, tag);
}

/* One statement for each row: it is merged, or taken back. */
static bool each_row(struct ctx *cx, const struct change_env *env, const struct change *c, bool back,
                     struct str_list *out)
{
    struct str_list key = key_columns(cx->arena, c), kept;
    const char *table = ddl_table(cx->arena, env, c);
    struct load l;
    bool more = true, ok = true;

    if (!load_start(&l, cx, env, c))
        return false;
    l.lob_is_text = true;
    kept = kept_columns(&l, &key);
    rows_begin(&l);
    for (struct arena_mark mark = arena_mark(&l.row_arena); ok && more; rows_forget(&l, mark)) {
        ok = load_next(&l, &more) && ctx_alive(cx, "reading the rows of a file");
        if (!ok || !more)
            break;
        const char *statement =
            back ? arena_printf(l.cx->arena, "DELETE FROM %s WHERE %s", table, key_condition(&l, &key))
                 : upsert(&l, &key, &kept, table);
        *VEC_PUSH(cx->arena, out) = arena_strdup(cx->arena, statement);
    }
    return rows_end(&l, cx, ok);
}

bool load_update_data_generate(struct ctx *cx, const struct change_env *env, const struct change *c,
                               struct str_list *out)
{
    return each_row(cx, env, c, false, out);
}

bool load_update_data_invert(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    return each_row(cx, env, c, true, out);
}
