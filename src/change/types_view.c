/* types_view.c - createView, dropView, renameView; see type.h. */
#include <string.h>

#include "change_file.h"

static const struct change_field create_view[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("viewName"),
    BOOLEAN_FIELD("replaceIfExists"),
    BOOLEAN_FIELD("fullDefinition"),
    TEXT_FIELD("remarks"),
    FIELD("selectQuery", BODY, FIELD_NOT_IN_SUM_V9),
    FIELD("path", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("relativeToChangelogFile", BOOLEAN, FIELD_NOT_IN_SUM_V9),
    FIELD("encoding", TEXT, FIELD_NOT_IN_SUM_V9),
    FIELD("tblProperties", TEXT, FIELD_IGNORED),
};

static const char *view_of(struct arena *a, const struct change_env *env, const struct change *c, const char *name)
{
    return sql_table(a, env, field(c->node, "schemaName"), field(c->node, name));
}

static bool load_create_view(struct ctx *cx, const struct change_files *files, struct change *c)
{
    return body_load(cx, files, c, field_body(c->node, "selectQuery"), "the view's query");
}

static bool replaces_already(const char *create)
{
    const char *p = text_skip_blanks(create + 6);
    if (!text_starts_nocase(p, "or") || !text_blank(p[2]))
        return false;
    return text_starts_nocase(text_skip_blanks(p + 2), "replace");
}

/* The user's own CREATE VIEW. */
static bool full_definition(struct ctx *cx, const struct change *c, const char **sql)
{
    if (!field_bool(c->node, "replaceIfExists", false))
        return true;
    const char *create = sql_find_word(*sql, "create");
    if (!create)
        return change_fault(cx, c, NULL, "replaceIfExists with fullDefinition needs a CREATE in the definition");
    if (!replaces_already(create))
        *sql = arena_printf(cx->arena, "%.*sCREATE OR REPLACE%s", (int)(create - *sql), *sql, create + 6);
    return true;
}

static bool generate_create_view(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    struct arena *a = cx->arena;
    const char *view = view_of(a, env, c, "viewName"), *sql = c->data, *remarks = field(c->node, "remarks");

    if (field_bool(c->node, "fullDefinition", false)) {
        if (!full_definition(cx, c, &sql))
            return false;
        *VEC_PUSH(a, out) = sql;
    } else {
        add_statement(a, out, "CREATE %sVIEW %s AS %s",
                      field_bool(c->node, "replaceIfExists", false) ? "OR REPLACE " : "", view, sql);
    }
    if (remarks)
        add_statement(a, out, "COMMENT ON VIEW %s IS %s", view, sql_text_literal(a, remarks));
    return true;
}

static bool invert_create_view(struct ctx *cx, const struct change_env *env, const struct change *c,
                               struct str_list *out)
{
    add_statement(cx->arena, out, "DROP VIEW %s", view_of(cx->arena, env, c, "viewName"));
    return true;
}

static const struct change_field drop_view[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("viewName"),
    BOOLEAN_FIELD("ifExists"),
};

static bool generate_drop_view(struct ctx *cx, const struct change_env *env, const struct change *c,
                               struct str_list *out)
{
    add_statement(cx->arena, out, "DROP VIEW %s%s", field_bool(c->node, "ifExists", false) ? "IF EXISTS " : "",
                  view_of(cx->arena, env, c, "viewName"));
    return true;
}

static const struct change_field rename_view[] = {
    SCHEMA_FIELDS,
    REQUIRED_FIELD("oldViewName"),
    REQUIRED_FIELD("newViewName"),
};

static bool generate_rename_view(struct ctx *cx, const struct change_env *env, const struct change *c,
                                 struct str_list *out)
{
    add_statement(cx->arena, out, "ALTER TABLE %s RENAME TO %s", view_of(cx->arena, env, c, "oldViewName"),
                  sql_name(cx->arena, env, field(c->node, "newViewName")));
    return true;
}

/* Without the change's schema, as Liquibase does it. */
static bool invert_rename_view(struct ctx *cx, const struct change_env *env, const struct change *c,
                               struct str_list *out)
{
    add_statement(cx->arena, out, "ALTER TABLE %s RENAME TO %s",
                  sql_table(cx->arena, env, NULL, field(c->node, "newViewName")),
                  sql_name(cx->arena, env, field(c->node, "oldViewName")));
    return true;
}

const struct change_type types_view[] = {
    {.name = "createView",
     .fields = create_view,
     .n_fields = COUNT(create_view),
     .load = load_create_view,
     .generate = generate_create_view,
     .invert = invert_create_view},
    {.name = "dropView", .fields = drop_view, .n_fields = COUNT(drop_view), .generate = generate_drop_view},
    {.name = "renameView",
     .fields = rename_view,
     .n_fields = COUNT(rename_view),
     .generate = generate_rename_view,
     .invert = invert_rename_view},
};
const size_t n_types_view = COUNT(types_view);
