/* types_constraint.c - primary keys, foreign keys, unique and not-null constraints; see type.h. */
#include <string.h>

#include "ddl.h"
#include "sql.h"

static bool drop_named(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    ddl_drop_constraint(cx->arena, env, field(c->node, "schemaName"), field(c->node, "tableName"),
                        field(c->node, "constraintName"), out);
    return true;
}

/* "ALTER TABLE t ADD CONSTRAINT x " */
static struct str add_constraint(struct arena *a, const struct change_env *env, const struct change *c)
{
    const char *name = field(c->node, "constraintName");
    struct str s = str_new(a);

    str_addf(&s, "ALTER TABLE %s ADD %s%s%s", ddl_table(a, env, c), name ? "CONSTRAINT " : "",
             name ? sql_name(a, env, name) : "", name ? " " : "");
    return s;
}

/* ---- primary keys ---- */

static const struct change_field add_key[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("columnNames"),
    TEXT_FIELD("constraintName"),
    TEXT_FIELD("tablespace"),
    BOOLEAN_FIELD("clustered"),
    BOOLEAN_FIELD("validate"),
    TEXT_FIELD("forIndexCatalogName"),
    TEXT_FIELD("forIndexSchemaName"),
    TEXT_FIELD("forIndexName"),
};

static bool generate_add_key(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    struct arena *a = cx->arena;
    struct str s = add_constraint(a, env, c);
    const char *space = field(c->node, "tablespace"), *name = field(c->node, "constraintName");

    str_addf(&s, "PRIMARY KEY (%s)", sql_columns(a, env, field(c->node, "columnNames")));
    if (space)
        str_addf(&s, " USING INDEX TABLESPACE %s", space);
    *VEC_PUSH(a, out) = s.s;
    if (field_bool(c->node, "clustered", false) && name)
        add_statement(a, out, "CLUSTER %s USING %s", ddl_table(a, env, c), sql_name(a, env, name));
    return true;
}

static bool drop_key(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    if (field(c->node, "constraintName"))
        return drop_named(cx, env, c, out);
    ddl_drop_unnamed_key(cx->arena, env, field(c->node, "schemaName"), field(c->node, "tableName"), out);
    return true;
}

static const struct change_field drop_key_fields[] = {TABLE_FIELDS, TEXT_FIELD("constraintName"),
                                                      BOOLEAN_FIELD("dropIndex")};

/* ---- foreign keys ---- */

#define BASE_TABLE_FIELDS \
    TEXT_FIELD("baseTableCatalogName"), TEXT_FIELD("baseTableSchemaName"), REQUIRED_FIELD("baseTableName")

static const struct change_field add_foreign_key[] = {
    BASE_TABLE_FIELDS,
    REQUIRED_FIELD("baseColumnNames"),
    REQUIRED_FIELD("constraintName"),
    TEXT_FIELD("referencedTableCatalogName"),
    TEXT_FIELD("referencedTableSchemaName"),
    REQUIRED_FIELD("referencedTableName"),
    REQUIRED_FIELD("referencedColumnNames"),
    TEXT_FIELD("onDelete"),
    TEXT_FIELD("onUpdate"),
    FIELD("deleteCascade", BOOLEAN, FIELD_NOT_IN_SUM), /* load: it becomes onDelete */
    BOOLEAN_FIELD("deferrable"),
    BOOLEAN_FIELD("initiallyDeferred"),
    BOOLEAN_FIELD("validate"),
    FIELD("referencesUniqueColumn", BOOLEAN, FIELD_NOT_IN_SUM),
};

static bool generate_add_foreign_key(struct ctx *cx, const struct change_env *env, const struct change *c,
                                     struct str_list *out)
{
    struct foreign_key fk = {.base_schema = field(c->node, "baseTableSchemaName"),
                             .base_table = field(c->node, "baseTableName"),
                             .base_columns = field(c->node, "baseColumnNames"),
                             .name = field(c->node, "constraintName"),
                             .schema = field(c->node, "referencedTableSchemaName"),
                             .table = field(c->node, "referencedTableName"),
                             .columns = field(c->node, "referencedColumnNames"),
                             .on_delete = field(c->node, "onDelete"),
                             .on_update = field(c->node, "onUpdate"),
                             .deferrable = field_bool(c->node, "deferrable", false),
                             .deferred = field_bool(c->node, "initiallyDeferred", false),
                             .not_valid = !field_bool(c->node, "validate", true)};

    ddl_add_foreign_key(cx->arena, env, &fk, out);
    return true;
}

static bool is_action(const char *text)
{
    static const char *const actions[] = {"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"};

    for (size_t i = 0; i < COUNT(actions); i++)
        if (text_equal_nocase(actions[i], text))
            return true;
    return false;
}

/* Liquibase's own rule: deleteCascade alone is onDelete CASCADE; both of them, whatever they say, are neither. */
static const struct node *settle_cascade(struct arena *a, const struct node *n)
{
    const struct node *cascade = node_child(n, "deleteCascade"), *given = node_child(n, "onDelete");
    struct node *copy = ARENA_NEW(a, struct node);
    struct node **tail = &copy->first;

    if (!cascade)
        return n;
    *copy = *n;
    for (const struct node *child = n->first; child; child = child->next) {
        bool becomes = child == cascade && !given && field_bool(n, "deleteCascade", false);
        if ((child == cascade || child == given) && !becomes)
            continue;
        *tail = ARENA_NEW(a, struct node);
        **tail = *child;
        if (becomes) {
            (*tail)->name = "onDelete";
            (*tail)->text = "CASCADE";
        }
        tail = &(*tail)->next;
    }
    *tail = NULL;
    return copy;
}

static bool load_add_foreign_key(struct ctx *cx, const struct change_files *files, struct change *c)
{
    static const char *const names[] = {"onDelete", "onUpdate"};

    (void)files;
    for (size_t i = 0; i < COUNT(names); i++)
        if (field(c->node, names[i]) && !is_action(field(c->node, names[i])))
            return change_fault(cx, c, node_child(c->node, names[i]),
                                "%s must be CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION, not \"%s\"",
                                names[i], field(c->node, names[i]));
    c->node = settle_cascade(cx->arena, c->node);
    return true;
}

static const struct change_field drop_foreign_key[] = {BASE_TABLE_FIELDS, REQUIRED_FIELD("constraintName")};

static bool generate_drop_foreign_key(struct ctx *cx, const struct change_env *env, const struct change *c,
                                      struct str_list *out)
{
    ddl_drop_constraint(cx->arena, env, field(c->node, "baseTableSchemaName"), field(c->node, "baseTableName"),
                        field(c->node, "constraintName"), out);
    return true;
}

static const struct change_field drop_foreign_keys[] = {BASE_TABLE_FIELDS};

/* Offline nothing can be asked: Liquibase gives no statement then. */
static bool generate_drop_foreign_keys(struct ctx *cx, const struct change_env *env, const struct change *c,
                                       struct str_list *out)
{
    const char *schema = field(c->node, "baseTableSchemaName"), *table = field(c->node, "baseTableName");
    const char *params[] = {table, schema ? schema : env->default_schema};
    PG_ROWS_AUTO rows = {0};

    if (!env->pg)
        return true;
    if (!pg_query(cx, env->pg, &rows, sql_change_foreign_keys, COUNT(params), params))
        return false;
    for (int i = 0; i < rows.n; i++)
        ddl_drop_constraint(cx->arena, env, schema, table, arena_strdup(cx->arena, pg_text(&rows, i, 0)), out);
    return true;
}

/* ---- unique constraints ---- */

static const struct change_field add_unique[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("columnNames"),
    TEXT_FIELD("constraintName"),
    TEXT_FIELD("tablespace"),
    BOOLEAN_FIELD("deferrable"),
    BOOLEAN_FIELD("initiallyDeferred"),
    BOOLEAN_FIELD("disabled"),
    BOOLEAN_FIELD("clustered"),
    BOOLEAN_FIELD("validate"),
    TEXT_FIELD("forIndexCatalogName"),
    TEXT_FIELD("forIndexSchemaName"),
    TEXT_FIELD("forIndexName"),
};

static bool generate_add_unique(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    struct arena *a = cx->arena;
    struct str s = add_constraint(a, env, c);
    const char *space = field(c->node, "tablespace"), *index = field(c->node, "forIndexName");

    str_addf(&s, "UNIQUE (%s)", sql_columns(a, env, field(c->node, "columnNames")));
    if (field_bool(c->node, "deferrable", false))
        str_add(&s, " DEFERRABLE");
    if (field_bool(c->node, "initiallyDeferred", false))
        str_add(&s, " INITIALLY DEFERRED");
    if (index || space)
        str_add(&s, " USING INDEX");
    if (index)
        str_addf(&s, " %s", sql_table(a, env, field(c->node, "forIndexSchemaName"), index));
    if (space)
        str_addf(&s, " TABLESPACE %s", space);
    *VEC_PUSH(a, out) = s.s;
    return true;
}

static bool load_add_unique(struct ctx *cx, const struct change_files *files, struct change *c)
{
    (void)files;
    return !field_bool(c->node, "clustered", false) ||
           change_fault(cx, c, node_child(c->node, "clustered"), "PostgreSQL has no clustered unique constraints");
}

/* Of a constraint that PostgreSQL named nobody knows the name beforehand. */
static bool has_name(const struct change *c)
{
    return field_set(c->node, "constraintName");
}

static const struct change_field drop_unique[] = {TABLE_FIELDS, REQUIRED_FIELD("constraintName"),
                                                  TEXT_FIELD("uniqueColumns")};

/* ---- not null ---- */

static const struct change_field add_not_null[] = {
    TABLE_FIELDS,
    REQUIRED_FIELD("columnName"),
    TEXT_FIELD("columnDataType"),
    TEXT_FIELD("defaultNullValue"),
    TEXT_FIELD("constraintName"),
    BOOLEAN_FIELD("validate"),
};

static void alter_null(struct arena *a, const struct change_env *env, const struct change *c, const char *how,
                       struct str_list *out)
{
    add_statement(a, out, "ALTER TABLE %s ALTER COLUMN  %s %s NOT NULL", ddl_table(a, env, c),
                  ddl_column(a, env, c, "columnName"), how);
}

/* The value of rows that have none, as the column's type wants it. */
static const char *null_value(struct arena *a, const struct change *c, const char *given)
{
    const char *type = field(c->node, "columnDataType");
    bool yes = false;

    if (type && sql_type_of(a, type).literals == LITERAL_BOOLEAN && boolean_text(given, &yes))
        return text_starts_nocase(type, "bit") ? yes ? "B'1'" : "B'0'" : yes ? "'TRUE'" : "'FALSE'";
    return looks_like_function(given) ? given : sql_text_literal(a, given);
}

static bool generate_add_not_null(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *given = field_text(c->node, "defaultNullValue"), *column = ddl_column(a, env, c, "columnName");

    if (given && !text_equal_nocase(given, "null"))
        add_statement(a, out, "UPDATE %s SET %s = %s WHERE %s IS NULL", ddl_table(a, env, c), column,
                      null_value(a, c, given), column);
    alter_null(a, env, c, "SET", out);
    return true;
}

static bool load_add_not_null(struct ctx *cx, const struct change_files *files, struct change *c)
{
    const char *type = field(c->node, "columnDataType"), *given = field_text(c->node, "defaultNullValue");
    bool yes;

    (void)files;
    return !type || !given || sql_type_of(cx->arena, type).literals != LITERAL_BOOLEAN ||
           text_equal_nocase(given, "null") || boolean_text(given, &yes) ||
           change_fault(cx, c, node_child(c->node, "defaultNullValue"),
                        "defaultNullValue \"%s\" is neither true nor false, which the column's type wants", given);
}

static bool set_not_null(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    alter_null(cx->arena, env, c, "SET", out);
    return true;
}

static const struct change_field drop_not_null[] = {TABLE_FIELDS, REQUIRED_FIELD("columnName"),
                                                    TEXT_FIELD("columnDataType"), TEXT_FIELD("constraintName")};

static bool drop_null(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    alter_null(cx->arena, env, c, "DROP", out);
    return true;
}

const struct change_type types_constraint[] = {
    {.name = "addPrimaryKey",
     .fields = add_key,
     .n_fields = COUNT(add_key),
     .generate = generate_add_key,
     .invert = drop_key},
    {.name = "dropPrimaryKey", .fields = drop_key_fields, .n_fields = COUNT(drop_key_fields), .generate = drop_key},
    {.name = "addForeignKeyConstraint",
     .fields = add_foreign_key,
     .n_fields = COUNT(add_foreign_key),
     .load = load_add_foreign_key,
     .generate = generate_add_foreign_key,
     .invert = generate_drop_foreign_key},
    {.name = "dropForeignKeyConstraint",
     .fields = drop_foreign_key,
     .n_fields = COUNT(drop_foreign_key),
     .generate = generate_drop_foreign_key},
    {.name = "dropAllForeignKeyConstraints",
     .fields = drop_foreign_keys,
     .n_fields = COUNT(drop_foreign_keys),
     .generate = generate_drop_foreign_keys,
     .asks = true},
    {.name = "addUniqueConstraint",
     .fields = add_unique,
     .n_fields = COUNT(add_unique),
     .load = load_add_unique,
     .generate = generate_add_unique,
     .invert = drop_named,
     .can_invert = has_name},
    {.name = "dropUniqueConstraint", .fields = drop_unique, .n_fields = COUNT(drop_unique), .generate = drop_named},
    {.name = "addNotNullConstraint",
     .fields = add_not_null,
     .n_fields = COUNT(add_not_null),
     .load = load_add_not_null,
     .generate = generate_add_not_null,
     .invert = drop_null},
    {.name = "dropNotNullConstraint",
     .fields = drop_not_null,
     .n_fields = COUNT(drop_not_null),
     .generate = drop_null,
     .invert = set_not_null},
};
const size_t n_types_constraint = COUNT(types_constraint);
