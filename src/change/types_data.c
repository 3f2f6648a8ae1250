/* types_data.c - insert, update, delete; see type.h. loadData and loadUpdateData are in types_load.c. */
#include <stdlib.h>
#include <string.h>

#include "change_file.h"
#include "data.h"
#include "ddl.h"

/* ---- rows ---- */

void row_set(struct arena *a, struct row *row, const char *column, const char *sql)
{
    for (size_t i = 0; i < row->n; i++)
        if (text_equal(row->at[i].column, column)) {
            row->at[i].sql = sql;
            return;
        }
    *VEC_PUSH(a, row) = (struct row_value){column, sql};
}

const char *row_columns(struct arena *a, const struct change_env *env, const struct row *row)
{
    struct str s = str_new(a);

    for (size_t i = 0; i < row->n; i++)
        str_addf(&s, "%s%s", i ? ", " : "", sql_name(a, env, row->at[i].column));
    return s.s;
}

const char *row_values(struct arena *a, const struct row *row)
{
    struct str s = str_new(a);

    for (size_t i = 0; i < row->n; i++) {
        str_add(&s, i ? ", " : "");
        str_add(&s, row->at[i].sql);
    }
    return s.s;
}

static int by_column(const void *x, const void *y)
{
    return strcmp(((const struct row_value *)x)->column, ((const struct row_value *)y)->column);
}

const char *row_assignments(struct arena *a, const struct change_env *env, const struct row *row,
                            const struct str_list *but)
{
    struct row_value *sorted = arena_array(a, row->n + 1, sizeof *sorted);
    struct str s = str_new(a);

    if (row->n)
        memcpy(sorted, row->at, row->n * sizeof *sorted);
    qsort(sorted, row->n, sizeof *sorted, by_column);
    for (size_t i = 0; i < row->n; i++) {
        bool left_out = false;
        for (size_t k = 0; but && k < but->n && !left_out; k++)
            left_out = text_equal(but->at[k], sorted[i].column);
        if (left_out)
            continue;
        str_addf(&s, "%s%s = ", s.len ? ", " : "", sql_name(a, env, sorted[i].column));
        str_add(&s, sorted[i].sql);
    }
    return s.s;
}

/* ---- columns of a change ---- */

static bool column_value(struct ctx *cx, const struct change_env *env, const struct change *c,
                         const struct node *column, const char **sql)
{
    struct sql_value v = value_of(cx->arena, column, "value");

    if (v.kind == VALUE_FILE)
        return large_value(cx, c, column, v.text, field(column, "encoding"), field_set(column, "valueBlobFile"), sql);
    *sql = sql_value(cx->arena, env, field(c->node, "schemaName"), v);
    return true;
}

static bool columns_row(struct ctx *cx, const struct change_env *env, const struct change *c, struct row *out)
{
    struct node_list columns = columns_of(cx->arena, c->node);
    const char *sql;

    for (size_t i = 0; i < columns.n; i++) {
        if (!column_value(cx, env, c, columns.at[i], &sql))
            return false;
        row_set(cx->arena, out, field(columns.at[i], "name"), sql);
    }
    return true;
}

static bool named_columns(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct node_list columns = columns_of(cx->arena, c->node);

    (void)files;
    for (size_t i = 0; i < columns.n; i++)
        if (!field(columns.at[i], "name"))
            return change_fault(cx, c, columns.at[i], "a column needs a name");
    return ddl_check_width(cx, c, &columns);
}

/* ---- where ---- */

#define WHERE_FIELDS TEXT_FIELD("where"), FIELD("whereParams", PARAMS, FIELD_NOT_IN_SUM)

static bool load_where(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct node_list params = params_of(cx->arena, c->node);

    if (params.n && !field_set(c->node, "where"))
        return change_fault(cx, c, node_child(c->node, "whereParams"), "whereParams need a where");
    return named_columns(cx, files, c);
}

/* Names stand in for :name, values for :value and ?, each in their own order; what is left over stays. */
static bool where_text(struct ctx *cx, const struct change_env *env, const struct change *c, const char **out)
{
    struct arena *a = cx->arena;
    struct node_list params = params_of(a, c->node);
    const char *where = field(c->node, "where"), *p = where ? text_trim(a, where) : "", *sql;
    size_t name = 0, value = 0;
    struct str s = str_new(a);

    while (*p) {
        bool is_name = text_starts(p, ":name"), is_value = *p == '?' || text_starts(p, ":value");
        size_t n = is_name ? strlen(":name") : *p == '?' ? 1 : strlen(":value");
        while (is_name && name < params.n && !field_set(params.at[name], "name"))
            name++;
        if (is_name && name < params.n) {
            str_add(&s, sql_name(a, env, field(params.at[name++], "name")));
        } else if (is_value && value < params.n) {
            if (value_of(a, params.at[value], "value").kind == VALUE_NONE)
                return change_fault(cx, c, params.at[value], "the where wants a value of this parameter");
            if (!column_value(cx, env, c, params.at[value++], &sql))
                return false;
            str_add(&s, sql);
        } else {
            n = 1;
            str_addc(&s, *p);
        }
        p += n;
    }
    *out = s.s;
    return true;
}

static bool add_with_where(struct ctx *cx, const struct change_env *env, const struct change *c, const char *statement,
                           struct str_list *out)
{
    const char *where = "";

    if (!where_text(cx, env, c, &where))
        return false;
    *VEC_PUSH(cx->arena, out) = *where ? arena_printf(cx->arena, "%s WHERE %s", statement, where) : statement;
    return true;
}

/* ---- the types ---- */

static const struct change_field insert[] = {
    TABLE_FIELDS,
    FIELD("columns", COLUMNS, FIELD_REQUIRED),
    TEXT_FIELD("dbms"),
};

static bool generate_insert(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    struct row row = {0};

    if (!columns_row(cx, env, c, &row))
        return false;
    add_statement(cx->arena, out, "INSERT INTO %s (%s) VALUES (%s)", ddl_table(cx->arena, env, c),
                  row_columns(cx->arena, env, &row), row_values(cx->arena, &row));
    return true;
}

static const struct change_field update[] = {TABLE_FIELDS, FIELD("columns", COLUMNS, FIELD_REQUIRED), WHERE_FIELDS};

static bool generate_update(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    struct row row = {0};

    return columns_row(cx, env, c, &row) &&
           add_with_where(cx, env, c,
                          arena_printf(cx->arena, "UPDATE %s SET %s", ddl_table(cx->arena, env, c),
                                       row_assignments(cx->arena, env, &row, NULL)),
                          out);
}

static const struct change_field delete_fields[] = {TABLE_FIELDS, WHERE_FIELDS};

static bool generate_delete(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    return add_with_where(cx, env, c, arena_printf(cx->arena, "DELETE FROM %s", ddl_table(cx->arena, env, c)), out);
}

/* Their sums have no fields. */
#define LOAD_FIELDS                                                                                         \
    TABLE_FIELDS, REQUIRED_FIELD("file"), BOOLEAN_FIELD("relativeToChangelogFile"), TEXT_FIELD("encoding"), \
        TEXT_FIELD("separator"), TEXT_FIELD("quotchar"), TEXT_FIELD("commentLineStartsWith"),               \
        FIELD("usePreparedStatements", BOOLEAN, FIELD_IGNORED), FIELD("columns", COLUMNS, 0)

static const struct change_field load_data[] = {LOAD_FIELDS};
static const struct change_field load_update_data[] = {LOAD_FIELDS, REQUIRED_FIELD("primaryKey"),
                                                       BOOLEAN_FIELD("onlyUpdate")};

const struct change_type types_data[] = {
    {.name = "insert", .fields = insert, .n_fields = COUNT(insert), .load = named_columns, .generate = generate_insert},
    {.name = "update", .fields = update, .n_fields = COUNT(update), .load = load_where, .generate = generate_update},
    {.name = "delete",
     .fields = delete_fields,
     .n_fields = COUNT(delete_fields),
     .load = load_where,
     .generate = generate_delete},
    {.name = "loadData",
     .fields = load_data,
     .n_fields = COUNT(load_data),
     .load = load_data_load,
     .generate = load_data_generate,
     .asks = true},
    {.name = "loadUpdateData",
     .fields = load_update_data,
     .n_fields = COUNT(load_update_data),
     .load = load_data_load,
     .generate = load_update_data_generate,
     .invert = load_update_data_invert,
     .asks = true},
};
const size_t n_types_data = COUNT(types_data);
