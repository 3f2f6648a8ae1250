/* types_column.c - addColumn, dropColumn, renameColumn, modifyDataType, default values, addAutoIncrement, mergeColumns,
 * addLookupTable; see type.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ddl.h"

/* ---- addColumn ---- */

static const struct change_field add_column[] = {TABLE_FIELDS, FIELD("columns", COLUMNS, FIELD_REQUIRED)};

/* A table that is referred to: the schema may stand in its name alone, as Liquibase has it here. "s.p"; of more parts the first two. */
static void set_table(struct arena *a, const char *table, struct foreign_key *fk)
{
    size_t n = strcspn(table, ".");

    fk->schema = table[n] ? arena_strndup(a, table, n) : NULL;
    fk->table = table[n] ? arena_strndup(a, table + n + 1, strcspn(table + n + 1, ".")) : table;
}

/* "p(id)", "s.p (id)" */
static bool parse_reference(struct arena *a, const char *text, struct foreign_key *fk)
{
    const char *open = strchr(text, '('), *close = strchr(text, ')');

    if (!open || !close || close < open || *text_skip_blanks(close + 1))
        return false;
    const char *table = text_trim(a, arena_strndup(a, text, (size_t)(open - text)));
    const char *column = text_trim(a, arena_strndup(a, open + 1, (size_t)(close - open - 1)));
    if (!*table || !*column || table[strcspn(table, " \t\r\n")] || column[strcspn(column, " \t\r\n,")])
        return false;
    set_table(a, table, fk);
    fk->columns = column;
    return true;
}

static bool add_reference(struct ctx *cx, const struct change_env *env, const struct change *c,
                          const struct node *column, struct str_list *out)
{
    const struct node *k = column_constraints(column);
    struct reference to;
    struct foreign_key fk = {.base_schema = field(c->node, "schemaName"),
                             .base_table = field(c->node, "tableName"),
                             .base_columns = field(column, "name"),
                             .name = field(k, "foreignKeyName"),
                             .on_delete = field_bool(k, "deleteCascade", false) ? "CASCADE" : NULL,
                             .not_valid = !field_bool(k, "validateForeignKey", true)};

    if (!ddl_reference(k, &to))
        return true;
    if (!fk.name)
        return change_fault(cx, c, column, "a column that refers to another table needs a foreignKeyName");
    if (!to.as_given) {
        set_table(cx->arena, to.table, &fk);
        fk.columns = to.columns;
    } else if (!parse_reference(cx->arena, to.as_given, &fk)) {
        return change_fault(cx, c, column, "references must be like \"table(column)\", not \"%s\"", to.as_given);
    }
    ddl_add_foreign_key(cx->arena, env, &fk, out);
    return true;
}

static bool has_value(struct arena *a, const struct node *column)
{
    return value_of(a, column, "value").kind != VALUE_NONE;
}

static bool add_one(struct ctx *cx, const struct change_env *env, const struct change *c, const struct node *column,
                    struct str_list *out)
{
    struct arena *a = cx->arena;
    const struct node *k = column_constraints(column);
    struct sql_type type = sql_type_of(a, field(column, "type"));
    const char *table = ddl_table(a, env, c), *name = sql_name(a, env, field(column, "name")), *value;
    const char *unique = field(k, "uniqueConstraintName");
    struct str s = str_new(a);

    if (!sql_default(cx, c, env, column, NULL, &type, value_of(a, column, "defaultValue"), &value))
        return false;
    str_addf(&s, "ALTER TABLE %s ADD %s %s", table, name, type.text);
    if (field_bool(column, "autoIncrement", false))
        str_add(&s, ddl_counting(a, column));
    if (value)
        str_addf(&s, " DEFAULT %s", value);
    bool not_null = !ddl_is_nullable(column) && !has_value(a, column);
    if (not_null && field(k, "notNullConstraintName"))
        str_addf(&s, " CONSTRAINT %s", sql_name(a, env, field(k, "notNullConstraintName")));
    if (not_null || ddl_is_key(column))
        str_add(&s, " NOT NULL");
    if (ddl_is_key(column))
        str_add(&s, " PRIMARY KEY");
    *VEC_PUSH(a, out) = s.s;
    if (field_bool(k, "unique", false))
        add_statement(a, out, "ALTER TABLE %s ADD %s%s%sUNIQUE (%s)", table, unique ? "CONSTRAINT " : "",
                      unique ? sql_name(a, env, unique) : "", unique ? " " : "", name);
    return add_reference(cx, env, c, column, out);
}

static bool generate_add_column(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    struct arena *a = cx->arena;
    struct node_list columns = columns_of(a, c->node);
    const char *table = ddl_table(a, env, c);

    for (size_t i = 0; i < columns.n; i++)
        if (!add_one(cx, env, c, columns.at[i], out))
            return false;
    for (size_t i = 0; i < columns.n; i++)
        if (has_value(a, columns.at[i]))
            add_statement(a, out, "UPDATE %s SET %s = %s", table, sql_name(a, env, field(columns.at[i], "name")),
                          sql_value(a, env, NULL, value_of(a, columns.at[i], "value")));
    for (size_t i = 0; i < columns.n; i++)
        if (has_value(a, columns.at[i]) && !ddl_is_nullable(columns.at[i]))
            add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s SET NOT NULL", table,
                          sql_name(a, env, field(columns.at[i], "name")));
    for (size_t i = 0; i < columns.n; i++)
        if (field(columns.at[i], "remarks"))
            add_statement(a, out, "COMMENT ON COLUMN %s.%s IS %s", table,
                          sql_name(a, env, field(columns.at[i], "name")),
                          sql_text_literal(a, field(columns.at[i], "remarks")));
    return true;
}

static bool invert_add_column(struct ctx *cx, const struct change_env *env, const struct change *c,
                              struct str_list *out)
{
    struct arena *a = cx->arena;
    struct node_list columns = columns_of(a, c->node);
    const char *table = ddl_table(a, env, c);

    for (size_t i = 0; i < columns.n; i++)
        if (value_of(a, columns.at[i], "defaultValue").kind != VALUE_NONE)
            add_statement(a, out, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table,
                          sql_name(a, env, field(columns.at[i], "name")));
    for (size_t i = 0; i < columns.n; i++)
        add_statement(a, out, "ALTER TABLE %s DROP COLUMN %s", table, sql_name(a, env, field(columns.at[i], "name")));
    return true;
}

static bool load_add_column(struct ctx *cx, const struct change_files *files, struct change *c)
{
    static const char *const places[] = {"afterColumn", "beforeColumn", "position"};
    static const struct change_env offline = {.server_version = 150000};
    struct node_list columns = columns_of(cx->arena, c->node);
    struct str_list unused = {0};

    (void)files;
    for (size_t i = 0; i < columns.n; i++)
        for (size_t p = 0; p < COUNT(places); p++)
            if (field(columns.at[i], places[p]))
                return change_fault(cx, c, node_child(columns.at[i], places[p]),
                                    "PostgreSQL adds columns at the end: %s is not possible", places[p]);
    for (size_t i = 0; i < columns.n; i++)
        if (!add_reference(cx, &offline, c, columns.at[i], &unused))
            return false;
    return ddl_check_columns(cx, c);
}

/* ---- dropColumn, renameColumn, modifyDataType ---- */

static const struct change_field drop_column[] = {TABLE_FIELDS, TEXT_FIELD("columnName"), FIELD("columns", COLUMNS, 0)};

static bool generate_drop_column(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    struct arena *a = cx->arena;
    struct node_list columns = columns_of(a, c->node);
    const char *table = ddl_table(a, env, c);

    for (size_t i = 0; i < columns.n; i++)
        add_statement(a, out, "ALTER TABLE %s DROP COLUMN %s", table, sql_name(a, env, field(columns.at[i], "name")));
    if (!columns.n)
        add_statement(a, out, "ALTER TABLE %s DROP COLUMN %s", table, ddl_column(a, env, c, "columnName"));
    return true;
}

static bool load_drop_column(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct node_list columns = columns_of(cx->arena, c->node);

    (void)files;
    for (size_t i = 0; i < columns.n; i++)
        if (!field(columns.at[i], "name"))
            return change_fault(cx, c, columns.at[i], "a column needs a name");
    return columns.n || field(c->node, "columnName") ||
           change_fault(cx, c, NULL, "columnName is required, or a list of columns");
}

static const struct change_field rename_column[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("oldColumnName"),
    REQUIRED_FIELD("newColumnName"),
    TEXT_FIELD("columnDataType"),
    TEXT_FIELD("remarks"),
};

static bool renamed(struct ctx *cx, const struct change_env *env, const struct change *c, const char *from,
                    const char *to, struct str_list *out)
{
    struct arena *a = cx->arena;

    add_statement(a, out, "ALTER TABLE %s RENAME COLUMN %s TO %s", ddl_table(a, env, c), ddl_column(a, env, c, from),
                  ddl_column(a, env, c, to));
    return true;
}

static bool generate_rename_column(struct ctx *cx, const struct change_env *env, const struct change *c,
                                   struct str_list *out)
{
    return renamed(cx, env, c, "oldColumnName", "newColumnName", out);
}

static bool invert_rename_column(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    return renamed(cx, env, c, "newColumnName", "oldColumnName", out);
}

static const struct change_field modify_type[] = {TABLE_FIELDS, REQUIRED_FIELD("columnName"),
                                                  REQUIRED_FIELD("newDataType")};

static bool generate_modify_type(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *column = ddl_column(a, env, c, "columnName"), *type = sql_type(a, field(c->node, "newDataType"));

    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN %s TYPE %s USING (%s::%s)", ddl_table(a, env, c), column, type,
                  column, type);
    return true;
}

/* ---- default values ---- */

static const struct change_field add_default[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("columnName"),
    TEXT_FIELD("columnDataType"),
    TEXT_FIELD("defaultValue"),
    TEXT_FIELD("defaultValueNumeric"),
    TEXT_FIELD("defaultValueDate"),
    BOOLEAN_FIELD("defaultValueBoolean"),
    TEXT_FIELD("defaultValueComputed"),
    TEXT_FIELD("defaultValueSequenceNext"),
    TEXT_FIELD("defaultValueConstraintName"),
};

/* What Java's NumberFormat makes of a text: its leading number, whole where it is. NULL: there is none. */
static const char *parsed_number(struct arena *a, const char *text)
{
    const char *p = text + (*text == '-');
    size_t whole = strspn(p, "0123456789");
    size_t part = p[whole] == '.' ? 1 + strspn(p + whole + 1, "0123456789") : 0;
    size_t exponent = 0;

    if (!whole && part < 2)
        return NULL;
    if (p[whole + part] == 'E') {
        const char *e = p + whole + part + 1;
        size_t n = strspn(e + (*e == '-'), "0123456789");
        exponent = n ? n + 1 + (*e == '-') : 0;
    }
    const char *number = arena_strndup(a, text, (size_t)(p - text) + whole + part + exponent);
    double value = strtod(number, NULL);
    if (floor(value) == value && fabs(value) < 9.2e18)
        return arena_printf(a, "%.0f", value);
    return java_double(a, number);
}

static const char *default_text(struct arena *a, const struct change_env *env, const struct change *c)
{
    struct sql_value v = value_of(a, c->node, "defaultValue");
    const char *number = field_text(c->node, "defaultValueNumeric");

    if (v.kind == VALUE_TEXT)
        return text_equal_nocase(v.text, "null") ? "null" : sql_text_literal(a, v.text);
    if (number) {
        const char *parsed = parsed_number(a, number);
        return parsed ? parsed : sql_expression(number);
    }
    if (v.kind == VALUE_COMPUTED)
        return sql_expression(v.text);
    return sql_value(a, env, field(c->node, "schemaName"), v);
}

static bool generate_add_default(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *table = ddl_table(a, env, c), *column = ddl_column(a, env, c, "columnName");
    struct sql_value v = value_of(a, c->node, "defaultValue");

    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s SET DEFAULT %s", table, column, default_text(a, env, c));
    if (v.kind == VALUE_NEXT)
        add_statement(a, out, "ALTER SEQUENCE %s OWNED BY %s.%s",
                      sql_table(a, env, field(c->node, "schemaName"), v.text), table, column);
    return true;
}

static bool load_add_default(struct ctx *cx, const struct change_files *files, struct change *c)
{
    static const char *const names[] = {"defaultValue",        "defaultValueNumeric",  "defaultValueDate",
                                        "defaultValueBoolean", "defaultValueComputed", "defaultValueSequenceNext"};
    size_t given = 0;

    (void)files;
    for (size_t i = 0; i < COUNT(names); i++)
        given += field_text(c->node, names[i]) != NULL;
    if (given == 1)
        return true;
    return change_fault(cx, c, NULL,
                        given ? "only one of the defaultValue fields can be given"
                              : "one of the defaultValue fields is required");
}

static const struct change_field drop_default[] = {TABLE_FIELDS, REQUIRED_FIELD("columnName"),
                                                   TEXT_FIELD("columnDataType")};

static bool drop_the_default(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    struct arena *a = cx->arena;

    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", ddl_table(a, env, c),
                  ddl_column(a, env, c, "columnName"));
    return true;
}

/* ---- addAutoIncrement ---- */

static const struct change_field add_counting[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("columnName"),
    TEXT_FIELD("columnDataType"),
    INTEGER_FIELD("startWith"),
    INTEGER_FIELD("incrementBy"),
    TEXT_FIELD("generationType"),
    BOOLEAN_FIELD("defaultOnNull"),
};

/* In lower case where neither name needs quotes, as PostgreSQL folds them. */
static const char *sequence_name(struct arena *a, const struct change_env *env, const struct change *c)
{
    const char *table = field(c->node, "tableName"), *column = field(c->node, "columnName");
    const char *name = arena_printf(a, "%s_%s_seq", table, column);
    bool bare = sql_name(a, env, table)[0] != '"' && sql_name(a, env, column)[0] != '"';

    return bare ? text_lower(a, name) : name;
}

static bool generate_add_counting(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *start = field(c->node, "startWith"), *by = field(c->node, "incrementBy");
    const char *table = ddl_table(a, env, c), *column = ddl_column(a, env, c, "columnName");
    const char *sequence = sql_table(a, env, field(c->node, "schemaName"), sequence_name(a, env, c));

    add_statement(a, out, "CREATE SEQUENCE  IF NOT EXISTS %s%s%s%s%s", sequence, start ? " START WITH " : "",
                  start ? sql_integer(a, start) : "", by ? " INCREMENT BY " : "", by ? sql_integer(a, by) : "");
    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s SET NOT NULL", table, column);
    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s SET DEFAULT nextval(%s)", table, column,
                  sql_text_literal(a, sequence));
    add_statement(a, out, "ALTER SEQUENCE %s OWNED BY %s.%s", sequence, table, column);
    return true;
}

/* ---- mergeColumns, addLookupTable ---- */

static const struct change_field merge_columns[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("column1Name"),
    REQUIRED_FIELD("column2Name"),
    REQUIRED_FIELD("finalColumnName"),
    REQUIRED_FIELD("finalColumnType"),
    TEXT_FIELD("joinString"),
};

static bool generate_merge_columns(struct ctx *cx, const struct change_env *env, const struct change *c,
                                   struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *table = ddl_table(a, env, c), *merged = ddl_column(a, env, c, "finalColumnName");
    const char *one = ddl_column(a, env, c, "column1Name"), *two = ddl_column(a, env, c, "column2Name");
    const char *join = field(c->node, "joinString");

    add_statement(a, out, "ALTER TABLE %s ADD %s %s", table, merged, sql_type(a, field(c->node, "finalColumnType")));
    add_statement(a, out, "UPDATE %s SET %s = %s || %s || %s", table, merged, one,
                  sql_text_literal(a, join ? join : ""), two);
    add_statement(a, out, "ALTER TABLE %s DROP COLUMN %s", table, one);
    add_statement(a, out, "ALTER TABLE %s DROP COLUMN %s", table, two);
    return true;
}

static const struct change_field lookup_table[] = {
    TEXT_FIELD("existingTableCatalogName"), TEXT_FIELD("existingTableSchemaName"), REQUIRED_FIELD("existingTableName"),
    REQUIRED_FIELD("existingColumnName"),   TEXT_FIELD("newTableCatalogName"),     TEXT_FIELD("newTableSchemaName"),
    REQUIRED_FIELD("newTableName"),         REQUIRED_FIELD("newColumnName"),       TEXT_FIELD("newColumnDataType"),
    TEXT_FIELD("constraintName"),
};

static struct foreign_key lookup_key(struct arena *a, const struct change *c)
{
    const char *from = field(c->node, "existingTableName"), *to = field(c->node, "newTableName");
    const char *given = field(c->node, "constraintName");

    return (struct foreign_key){.base_schema = field(c->node, "existingTableSchemaName"),
                                .base_table = from,
                                .base_columns = field(c->node, "existingColumnName"),
                                .name = given ? given : text_upper(a, arena_printf(a, "FK_%s_%s", from, to)),
                                .schema = field(c->node, "newTableSchemaName"),
                                .table = to,
                                .columns = field(c->node, "newColumnName")};
}

static bool generate_lookup_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    struct arena *a = cx->arena;
    struct foreign_key fk = lookup_key(a, c);
    const char *to = sql_table(a, env, fk.schema, fk.table), *from = sql_table(a, env, fk.base_schema, fk.base_table);
    const char *old = sql_name(a, env, fk.base_columns), *new = sql_name(a, env, fk.columns);

    add_statement(a, out, "CREATE TABLE %s AS SELECT DISTINCT %s AS %s FROM %s WHERE %s IS NOT NULL", to, old, new,
                  from, old);
    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s SET NOT NULL", to, new);
    add_statement(a, out, "ALTER TABLE %s ADD PRIMARY KEY (%s)", to, new);
    ddl_add_foreign_key(a, env, &fk, out);
    return true;
}

static bool invert_lookup_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    struct foreign_key fk = lookup_key(cx->arena, c);

    ddl_drop_constraint(cx->arena, env, fk.base_schema, fk.base_table, fk.name, out);
    add_statement(cx->arena, out, "DROP TABLE %s", sql_table(cx->arena, env, fk.schema, fk.table));
    return true;
}

const struct change_type types_column[] = {
    {.name = "addColumn",
     .fields = add_column,
     .n_fields = COUNT(add_column),
     .load = load_add_column,
     .generate = generate_add_column,
     .invert = invert_add_column},
    {.name = "dropColumn",
     .fields = drop_column,
     .n_fields = COUNT(drop_column),
     .load = load_drop_column,
     .generate = generate_drop_column},
    {.name = "renameColumn",
     .fields = rename_column,
     .n_fields = COUNT(rename_column),
     .generate = generate_rename_column,
     .invert = invert_rename_column},
    {.name = "modifyDataType", .fields = modify_type, .n_fields = COUNT(modify_type), .generate = generate_modify_type},
    {.name = "addDefaultValue",
     .fields = add_default,
     .n_fields = COUNT(add_default),
     .load = load_add_default,
     .generate = generate_add_default,
     .invert = drop_the_default},
    {.name = "dropDefaultValue", .fields = drop_default, .n_fields = COUNT(drop_default), .generate = drop_the_default},
    {.name = "addAutoIncrement",
     .fields = add_counting,
     .n_fields = COUNT(add_counting),
     .generate = generate_add_counting},
    {.name = "mergeColumns",
     .fields = merge_columns,
     .n_fields = COUNT(merge_columns),
     .generate = generate_merge_columns},
    {.name = "addLookupTable",
     .fields = lookup_table,
     .n_fields = COUNT(lookup_table),
     .generate = generate_lookup_table,
     .invert = invert_lookup_table},
};
const size_t n_types_column = COUNT(types_column);
