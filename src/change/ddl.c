/* ddl.c - what the types of tables, columns, constraints and indexes share; see ddl.h. */
#include "ddl.h"

#include <string.h>

const char *ddl_table(struct arena *a, const struct change_env *env, const struct change *c)
{
    return sql_table(a, env, field(c->node, "schemaName"), field(c->node, "tableName"));
}

const char *ddl_column(struct arena *a, const struct change_env *env, const struct change *c, const char *name)
{
    return sql_name(a, env, field(c->node, name));
}

static bool check_column(struct ctx *cx, const struct change *c, const struct node *column)
{
    static const struct change_env offline = {.server_version = 150000};
    const char *name = field(column, "name"), *type = field(column, "type"), *unused;
    bool counts = field_bool(column, "autoIncrement", false);
    struct sql_value given = {VALUE_TEXT, field_text(column, "defaultValue")};

    if (!name)
        return change_fault(cx, c, column, "a column needs a name");
    if (!type)
        return change_fault(cx, c, column, "column %s needs a type", name);
    if (!counts && !given.text)
        return true;
    struct sql_type t = sql_type_of(cx->arena, type);
    if (counts && !t.can_count)
        return change_fault(cx, c, column, "column %s cannot autoIncrement: its type is %s", name, type);
    return !given.text || sql_default(cx, c, &offline, column, NULL, &t, given, &unused);
}

bool ddl_check_width(struct ctx *cx, const struct change *c, const struct node_list *columns)
{
    enum { COLUMNS_MAX = 1600 }; /* PostgreSQL's own limit */

    return columns->n <= COLUMNS_MAX ||
           change_fault(cx, c, columns->at[COLUMNS_MAX], "a table can have %d columns at most", COLUMNS_MAX);
}

bool ddl_check_columns(struct ctx *cx, const struct change *c)
{
    struct node_list columns = columns_of(cx->arena, c->node);

    if (!ddl_check_width(cx, c, &columns))
        return false;
    for (size_t i = 0; i < columns.n; i++)
        if (!check_column(cx, c, columns.at[i]))
            return false;
    return true;
}

bool ddl_is_key(const struct node *column)
{
    return field_bool(column_constraints(column), "primaryKey", false);
}

bool ddl_is_nullable(const struct node *column)
{
    return field_bool(column_constraints(column), "nullable", true);
}

const char *ddl_counting(struct arena *a, const struct node *n)
{
    const char *start = field(n, "startWith"), *by = field(n, "incrementBy"), *kind = field(n, "generationType");
    struct str s = str_new(a);

    str_addf(&s, " GENERATED %s AS IDENTITY", kind ? kind : "BY DEFAULT");
    if (start)
        str_addf(&s, " (START WITH %s", sql_integer(a, start));
    if (by)
        str_addf(&s, "%sINCREMENT BY %s", start ? " " : " (", sql_integer(a, by));
    if (start || by)
        str_addc(&s, ')');
    return s.s;
}

bool ddl_reference(const struct node *constraints, struct reference *out)
{
    *out = (struct reference){.as_given = field(constraints, "references"),
                              .schema = field(constraints, "referencedTableSchemaName"),
                              .table = field(constraints, "referencedTableName"),
                              .columns = field(constraints, "referencedColumnNames")};
    return out->as_given || (out->table && out->columns);
}

void ddl_add_foreign_key(struct arena *a, const struct change_env *env, const struct foreign_key *fk,
                         struct str_list *out)
{
    struct str s = str_new(a);

    str_addf(&s, "ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s)",
             sql_table(a, env, fk->base_schema, fk->base_table), sql_name(a, env, fk->name),
             sql_columns(a, env, fk->base_columns));
    str_addf(&s, " REFERENCES %s (%s)", sql_table(a, env, fk->schema, fk->table), sql_columns(a, env, fk->columns));
    if (fk->on_update)
        str_addf(&s, " ON UPDATE %s", fk->on_update);
    if (fk->on_delete)
        str_addf(&s, " ON DELETE %s", fk->on_delete);
    if (fk->deferrable)
        str_add(&s, " DEFERRABLE");
    if (fk->deferred)
        str_add(&s, " INITIALLY DEFERRED");
    if (fk->not_valid)
        str_add(&s, " NOT VALID");
    *VEC_PUSH(a, out) = s.s;
}

void ddl_drop_constraint(struct arena *a, const struct change_env *env, const char *schema, const char *table,
                         const char *name, struct str_list *out)
{
    add_statement(a, out, "ALTER TABLE %s DROP CONSTRAINT %s", sql_table(a, env, schema, table),
                  sql_name(a, env, name));
}

/* Liquibase's own block. Without a schema it looks where the connection's names are looked up first. */
void ddl_drop_unnamed_key(struct arena *a, const struct change_env *env, const char *schema, const char *table,
                          struct str_list *out)
{
    const char *where = schema ? schema : env->default_schema;
    const char *altered = arena_printf(a, "alter table %s drop constraint \"", sql_table(a, env, schema, table));

    const char *body = arena_printf(a,
                                    " DECLARE constraint_name varchar;\n"
                                    "BEGIN\n"
                                    "  SELECT tc.CONSTRAINT_NAME into strict constraint_name\n"
                                    "    FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS tc\n"
                                    "    WHERE CONSTRAINT_TYPE = 'PRIMARY KEY'\n"
                                    "      AND TABLE_NAME = %s AND TABLE_SCHEMA = %s;\n"
                                    "    EXECUTE %s || constraint_name || '\"';\n"
                                    "END ",
                                    sql_text_literal(a, table), where ? sql_text_literal(a, where) : "current_schema()",
                                    sql_text_literal(a, altered));
    const char *tag = sql_dollar_tag(a, body);
    add_statement(a, out, "DO %s%s%s;", tag, body, tag);
}
