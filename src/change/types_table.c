/* types_table.c - createTable, dropTable, renameTable, and remarks; see type.h. */
#include <string.h>

#include "ddl.h"

/* ---- createTable ---- */

static const struct change_field create_table[] = {
    TABLE_FIELDS,
    FIELD("ifNotExists", BOOLEAN, FIELD_NOT_IN_SUM),
    TEXT_FIELD("remarks"),
    TEXT_FIELD("tablespace"),
    TEXT_FIELD("tableType"),
    FIELD("columns", COLUMNS, FIELD_REQUIRED),
    FIELD("rowDependencies", BOOLEAN, FIELD_IGNORED),
};

/* "id INTEGER DEFAULT 1 NOT NULL" */
static bool add_column(struct ctx *cx, const struct change_env *env, const struct change *c, const struct node *column,
                       struct str *s)
{
    struct arena *a = cx->arena;
    struct sql_type type = sql_type_of(a, field(column, "type"));
    const char *value, *name = field(column, "name");
    bool expression = field_bool(column, "computed", false) && env->quoting != QUOTE_ALL_OBJECTS;

    if (!sql_default(cx, c, env, column, NULL, &type, value_of(a, column, "defaultValue"), &value))
        return false;
    str_addf(s, "%s %s", expression ? name : sql_name(a, env, name), type.text);
    if (value)
        str_addf(s, "%s %s", text_starts(value + (*value == '\''), "GENERATED ALWAYS ") ? "" : " DEFAULT", value);
    if (type.counts || field_bool(column, "autoIncrement", false))
        str_add(s, ddl_counting(a, column));
    if (ddl_is_key(column) || !ddl_is_nullable(column))
        str_add(s, " NOT NULL");
    return true;
}

/* "person_pkey": at most 63 bytes, 62 when the table's name is cut for it, as PostgreSQL itself does. */
static const char *key_name(struct arena *a, const struct change_env *env, const char *table)
{
    enum { NAME_MAX_BYTES = 63 };
    static const char suffix[] = "_pkey";
    size_t n = strlen(table), room = NAME_MAX_BYTES - (sizeof suffix - 1);
    n = n <= room ? n : text_utf8_prefix(table, n, room - 1);
    const char *name = arena_printf(a, "%.*s%s", (int)n, table, suffix);

    return sql_name(a, env, name);
}

static void add_deferral(const struct node *constraints, struct str *s)
{
    if (field_bool(constraints, "initiallyDeferred", false))
        str_add(s, " INITIALLY DEFERRED");
    if (field_bool(constraints, "deferrable", false))
        str_add(s, " DEFERRABLE");
}

static void add_key(struct arena *a, const struct change_env *env, const struct change *c,
                    const struct node_list *columns, struct str *s)
{
    const struct node *first = NULL;
    struct str names = str_new(a);

    for (size_t i = 0; i < columns->n; i++) {
        if (!ddl_is_key(columns->at[i]))
            continue;
        str_addf(&names, "%s%s", first ? ", " : "", sql_name(a, env, field(columns->at[i], "name")));
        first = first ? first : column_constraints(columns->at[i]);
    }
    if (!first)
        return;
    const char *given = field(first, "primaryKeyName"), *space = field(first, "primaryKeyTablespace");
    str_addf(s, ", CONSTRAINT %s PRIMARY KEY (%s)",
             given ? sql_name(a, env, given) : key_name(a, env, field(c->node, "tableName")), names.s);
    if (space)
        str_addf(s, " USING INDEX TABLESPACE %s", space);
    add_deferral(first, s);
}

static const char *referred(struct arena *a, const struct change_env *env, const struct reference *to)
{
    if (!to->as_given)
        return arena_printf(a, "%s(%s)", sql_table(a, env, to->schema, to->table), sql_columns(a, env, to->columns));
    return strchr(to->as_given, '.') || !env->default_schema
               ? to->as_given
               : arena_printf(a, "%s.%s", sql_name(a, env, env->default_schema), to->as_given);
}

static void add_foreign_keys(struct arena *a, const struct change_env *env, const struct node_list *columns,
                             struct str *s)
{
    for (size_t i = 0; i < columns->n; i++) {
        const struct node *column = columns->at[i], *k = column_constraints(column);
        struct reference to;
        if (!ddl_reference(k, &to))
            continue;
        str_addf(s, ", CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s", sql_name(a, env, field(k, "foreignKeyName")),
                 sql_name(a, env, field(column, "name")), referred(a, env, &to));
        if (field_bool(k, "deleteCascade", false))
            str_add(s, " ON DELETE CASCADE");
        add_deferral(k, s);
    }
}

static const char *unique_name(const struct node *column)
{
    return field(column_constraints(column), "uniqueConstraintName");
}

static bool is_unique(const struct node *column)
{
    return field_bool(column_constraints(column), "unique", false);
}

/* Constraints without a name first, then the named ones, each with all columns that name it. */
static void add_uniques(struct arena *a, const struct change_env *env, const struct node_list *columns, struct str *s)
{
    struct str_list done = {0};

    for (size_t i = 0; i < columns->n; i++)
        if (is_unique(columns->at[i]) && !unique_name(columns->at[i]))
            str_addf(s, ", UNIQUE (%s)", sql_name(a, env, field(columns->at[i], "name")));
    for (size_t i = 0; i < columns->n; i++) {
        const char *name = unique_name(columns->at[i]);
        bool seen = !is_unique(columns->at[i]) || !name;
        for (size_t j = 0; j < done.n && !seen; j++)
            seen = text_equal(done.at[j], name);
        if (seen)
            continue;
        *VEC_PUSH(a, &done) = name;
        str_addf(s, ", CONSTRAINT %s UNIQUE (", sql_name(a, env, name));
        for (size_t j = i; j < columns->n; j++)
            if (is_unique(columns->at[j]) && unique_name(columns->at[j]) &&
                text_equal(unique_name(columns->at[j]), name))
                str_addf(s, "%s%s", j > i ? ", " : "", sql_name(a, env, field(columns->at[j], "name")));
        str_addc(s, ')');
    }
}

/* Temporary tables have no schema. */
static const char *created_table(struct arena *a, const struct change_env *env, const struct change *c)
{
    const char *kind = field(c->node, "tableType");

    return kind && strcasestr(kind, "temp") ? ddl_column(a, env, c, "tableName") : ddl_table(a, env, c);
}

static void add_remarks(struct arena *a, const struct change_env *env, const struct change *c,
                        const struct node_list *columns, struct str_list *out)
{
    const char *table = ddl_table(a, env, c), *remarks = field(c->node, "remarks");

    if (remarks)
        add_statement(a, out, "COMMENT ON TABLE %s IS %s", table, sql_text_literal(a, remarks));
    for (size_t i = 0; i < columns->n; i++)
        if ((remarks = field(columns->at[i], "remarks")))
            add_statement(a, out, "COMMENT ON COLUMN %s.%s IS %s", table,
                          sql_name(a, env, field(columns->at[i], "name")), sql_text_literal(a, remarks));
}

static bool generate_create_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    struct arena *a = cx->arena;
    struct node_list columns = columns_of(a, c->node);
    const char *kind = field(c->node, "tableType"), *space = field(c->node, "tablespace");
    struct str s = str_new(a);

    str_addf(&s, "CREATE %s%sTABLE %s%s (", kind ? text_upper(a, kind) : "", kind ? " " : "",
             field_bool(c->node, "ifNotExists", false) ? "IF NOT EXISTS " : "", created_table(a, env, c));
    for (size_t i = 0; i < columns.n; i++) {
        str_add(&s, i ? ", " : "");
        if (!add_column(cx, env, c, columns.at[i], &s))
            return false;
    }
    add_key(a, env, c, &columns, &s);
    add_foreign_keys(a, env, &columns, &s);
    add_uniques(a, env, &columns, &s);
    str_addc(&s, ')');
    if (space && *text_trim(a, space))
        str_addf(&s, " TABLESPACE %s", space);
    *VEC_PUSH(a, out) = s.s;
    add_remarks(a, env, c, &columns, out);
    return true;
}

static bool load_create_table(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct node_list columns = columns_of(cx->arena, c->node);
    struct reference to;

    (void)files;
    for (size_t i = 0; i < columns.n; i++) {
        const struct node *column = columns.at[i];
        if (ddl_reference(column_constraints(column), &to) && !field(column_constraints(column), "foreignKeyName"))
            return change_fault(cx, c, column, "a column that refers to another table needs a foreignKeyName");
    }
    return ddl_check_columns(cx, c);
}

static bool drop_created(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    add_statement(cx->arena, out, "DROP TABLE %s", ddl_table(cx->arena, env, c));
    return true;
}

/* ---- dropTable, renameTable ---- */

static const struct change_field drop_table[] = {TABLE_FIELDS, BOOLEAN_FIELD("cascadeConstraints")};

static bool generate_drop_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    add_statement(cx->arena, out, "DROP TABLE %s%s", ddl_table(cx->arena, env, c),
                  field_bool(c->node, "cascadeConstraints", false) ? " CASCADE" : "");
    return true;
}

static const struct change_field rename_table[] = {SCHEMA_FIELDS, REQUIRED_FIELD("oldTableName"),
                                                   REQUIRED_FIELD("newTableName")};

static bool renamed(struct ctx *cx, const struct change_env *env, const struct change *c, const char *from,
                    const char *to, struct str_list *out)
{
    struct arena *a = cx->arena;

    add_statement(a, out, "ALTER TABLE %s RENAME TO %s",
                  sql_table(a, env, field(c->node, "schemaName"), field(c->node, from)),
                  sql_name(a, env, field(c->node, to)));
    return true;
}

static bool generate_rename_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    return renamed(cx, env, c, "oldTableName", "newTableName", out);
}

static bool invert_rename_table(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    return renamed(cx, env, c, "newTableName", "oldTableName", out);
}

/* ---- remarks ---- */

static const struct change_field table_remarks[] = {TABLE_FIELDS, TEXT_FIELD("remarks")};

/* Without remarks the comment is taken away. */
static const char *remarks_literal(struct arena *a, const struct change *c)
{
    const char *remarks = field(c->node, "remarks");

    return sql_text_literal(a, remarks ? remarks : "");
}

static bool generate_table_remarks(struct ctx *cx, const struct change_env *env, const struct change *c,
                                   struct str_list *out)
{
    add_statement(cx->arena, out, "COMMENT ON TABLE %s IS %s", ddl_table(cx->arena, env, c),
                  remarks_literal(cx->arena, c));
    return true;
}

static const struct change_field column_remarks[] = {
    TABLE_FIELDS,          REQUIRED_FIELD("columnName"), TEXT_FIELD("columnDataType"), TEXT_FIELD("columnParentType"),
    TEXT_FIELD("remarks"),
};

static bool generate_column_remarks(struct ctx *cx, const struct change_env *env, const struct change *c,
                                    struct str_list *out)
{
    struct arena *a = cx->arena;

    add_statement(a, out, "COMMENT ON COLUMN %s.%s IS %s", ddl_table(a, env, c),
                  sql_name(a, env, field(c->node, "columnName")), remarks_literal(a, c));
    return true;
}

const struct change_type types_table[] = {
    {.name = "createTable",
     .fields = create_table,
     .n_fields = COUNT(create_table),
     .load = load_create_table,
     .generate = generate_create_table,
     .invert = drop_created},
    {.name = "dropTable", .fields = drop_table, .n_fields = COUNT(drop_table), .generate = generate_drop_table},
    {.name = "renameTable",
     .fields = rename_table,
     .n_fields = COUNT(rename_table),
     .generate = generate_rename_table,
     .invert = invert_rename_table},
    {.name = "setTableRemarks",
     .fields = table_remarks,
     .n_fields = COUNT(table_remarks),
     .generate = generate_table_remarks},
    {.name = "setColumnRemarks",
     .fields = column_remarks,
     .n_fields = COUNT(column_remarks),
     .generate = generate_column_remarks},
};
const size_t n_types_table = COUNT(types_table);
