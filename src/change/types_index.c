/* types_index.c - createIndex, dropIndex; see type.h. */
#include <string.h>

#include "ddl.h"

static const struct change_field create_index[] = {
    TABLE_FIELDS,
    TEXT_FIELD("indexName"),
    FIELD("columns", COLUMNS, FIELD_REQUIRED | FIELD_OF_INDEX),
    BOOLEAN_FIELD("unique"),
    BOOLEAN_FIELD("clustered"),
    TEXT_FIELD("tablespace"),
    FIELD("associatedWith", TEXT, FIELD_NOT_IN_SUM),
};

static const char *index_of(struct arena *a, const struct change_env *env, const struct change *c)
{
    return sql_table(a, env, field(c->node, "schemaName"), field(c->node, "indexName"));
}

/* Indexes that a constraint brings along are not made: other databases need the entry. */
static bool comes_with_constraint(const struct change *c)
{
    static const char *const makers[] = {"foreignKey", "primaryKey", "uniqueConstraint"};
    const char *with = field(c->node, "associatedWith");

    for (size_t i = 0; with && i < COUNT(makers); i++)
        if (strstr(with, makers[i]))
            return true;
    return false;
}

/* A name, or an expression where it is said to be one, or looks like one and nothing is said. */
static const char *indexed(struct arena *a, const struct change_env *env, const struct node *column)
{
    const char *name = field(column, "name");
    bool looks_so = strchr(name, '(') && env->quoting != QUOTE_ALL_OBJECTS;
    bool expression = field_bool(column, "computed", looks_so);

    return arena_printf(a, "%s%s", expression ? name : sql_name(a, env, name),
                        field_bool(column, "descending", false) ? " DESC" : "");
}

static bool generate_create_index(struct ctx *cx, const struct change_env *env, const struct change *c,
                                  struct str_list *out)
{
    struct arena *a = cx->arena;
    struct node_list columns = columns_of(a, c->node);
    const char *table = ddl_table(a, env, c), *space = field(c->node, "tablespace");
    const char *given = field(c->node, "indexName"), *name = given ? sql_name(a, env, given) : "";
    struct str s = str_new(a);

    if (comes_with_constraint(c))
        return true;
    str_addf(&s, "CREATE %sINDEX %s%sON %s(", field_bool(c->node, "unique", false) ? "UNIQUE " : "", name,
             given ? " " : "", table);
    for (size_t i = 0; i < columns.n; i++)
        str_addf(&s, "%s%s", i ? ", " : "", indexed(a, env, columns.at[i]));
    str_addc(&s, ')');
    if (space)
        str_addf(&s, " TABLESPACE %s", space);
    *VEC_PUSH(a, out) = s.s;
    if (field_bool(c->node, "clustered", false) && given)
        add_statement(a, out, "CLUSTER %s USING %s", table, name);
    return true;
}

static bool load_create_index(struct ctx *cx, const struct change_files *files, struct change *c)
{
    struct node_list columns = columns_of(cx->arena, c->node);

    (void)files;
    for (size_t i = 0; i < columns.n; i++)
        if (!field(columns.at[i], "name"))
            return change_fault(cx, c, columns.at[i], "a column needs a name");
    return true;
}

/* Of an index that PostgreSQL named nobody knows the name beforehand. */
static bool has_name(const struct change *c)
{
    return field_set(c->node, "indexName");
}

static const struct change_field drop_index[] = {
    SCHEMA_FIELDS,
    TEXT_FIELD("tableName"),
    REQUIRED_FIELD("indexName"),
    FIELD("associatedWith", TEXT, FIELD_IGNORED),
};

static bool generate_drop_index(struct ctx *cx, const struct change_env *env, const struct change *c,
                                struct str_list *out)
{
    add_statement(cx->arena, out, "DROP INDEX %s", index_of(cx->arena, env, c));
    return true;
}

const struct change_type types_index[] = {
    {.name = "createIndex",
     .fields = create_index,
     .n_fields = COUNT(create_index),
     .load = load_create_index,
     .generate = generate_create_index,
     .invert = generate_drop_index,
     .can_invert = has_name},
    {.name = "dropIndex", .fields = drop_index, .n_fields = COUNT(drop_index), .generate = generate_drop_index},
};
const size_t n_types_index = COUNT(types_index);
