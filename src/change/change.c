/* change.c - changes from a tree and from SQL text: the table of types, what their fields must be; see change.h and type.h. */
#include "dbstep/change.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/filter.h"
#include "type.h"

static const struct {
    const struct change_type *types;
    const size_t *n;
} groups[] = {
    {types_table, &n_types_table}, {types_column, &n_types_column}, {types_constraint, &n_types_constraint},
    {types_index, &n_types_index}, {types_view, &n_types_view},     {types_sequence, &n_types_sequence},
    {types_data, &n_types_data},   {types_other, &n_types_other},
};

const struct change_type *change_type_find(const char *name)
{
    for (size_t g = 0; g < COUNT(groups); g++)
        for (const struct change_type *t = groups[g].types, *end = t + *groups[g].n; t < end; t++)
            if (text_equal(t->name, name))
                return t;
    return NULL;
}

bool change_known(const char *name)
{
    return change_type_find(name) != NULL;
}

struct change change_of_sql(const char *sql, size_t len)
{
    return (struct change){.name = "sql", .description = "sql", .sql = sql, .sql_len = len, .split = true};
}

bool change_fault(struct ctx *cx, const struct change *c, const struct node *at, const char *format, ...)
{
    struct str message = str_new(cx->arena);
    va_list ap;

    va_start(ap, format);
    str_vaddf(&message, format, ap);
    va_end(ap);
    fail(cx, E_CHANGELOG, "%s: %s", c->name, message.s);
    err_place(cx, c->file, at ? at->line : c->line, at ? at->column : c->column);
    return false;
}

void add_statement(struct arena *a, struct str_list *out, const char *format, ...)
{
    struct str s = str_new(a);
    va_list ap;

    va_start(ap, format);
    str_vaddf(&s, format, ap);
    va_end(ap);
    *VEC_PUSH(a, out) = s.s;
}

/* ---- fields ---- */

/* Returns false. */
static bool suggest(struct ctx *cx, const char *slip, const struct str_list *names)
{
    const char *nearest = text_nearest(slip, names->at, names->n);

    if (nearest)
        err_hint(cx, "did you mean %s?", nearest);
    return false;
}

static bool unknown_field(struct ctx *cx, const struct change *c, const struct node *at, const char *of,
                          const struct change_field *fields, size_t n)
{
    struct str_list names = {0};

    for (size_t i = 0; i < n; i++)
        *VEC_PUSH(cx->arena, &names) = fields[i].name;
    change_fault(cx, c, at, "%s does not know \"%s\"", of, at->name);
    return suggest(cx, at->name, &names);
}

/* XML's schema allows 0 and 1 too; both are false to Liquibase. */
static bool is_boolean(const char *text)
{
    return text_equal_nocase(text, "true") || text_equal_nocase(text, "false") || text_equal(text, "0") ||
           text_equal(text, "1");
}

static bool is_integer(const char *text)
{
    if (*text == '-' || *text == '+')
        text++;
    return *text && strspn(text, "0123456789") == strlen(text);
}

static bool check_objects(struct ctx *cx, const struct change *c, const struct node_list *list, const char *of);

static bool check_field(struct ctx *cx, const struct change *c, const struct node *n, const struct change_field *f)
{
    const char *text = n->text && *n->text ? n->text : NULL;

    switch (f->kind) {
    case FIELD_BOOLEAN:
        /* what else stands in YAML, or in valueBoolean, is false to Liquibase */
        if (text && n->attribute && !is_boolean(text) && !text_equal(f->name, "valueBoolean"))
            return change_fault(cx, c, n, "%s must be true or false, not \"%s\"", f->name, text);
        break;
    case FIELD_INTEGER:
        if (text && !is_integer(text))
            return change_fault(cx, c, n, "%s must be a whole number, not \"%s\"", f->name, text);
        break;
    case FIELD_COLUMNS:
    case FIELD_PARAMS:
    case FIELD_CONSTRAINTS: return true;
    case FIELD_TEXT:
    case FIELD_NUMBER:
    case FIELD_DATE:
    case FIELD_BODY:
    default:
        if (n->first)
            return change_fault(cx, c, n->first, "%s is a text, and nothing can be inside of it", f->name);
    }
    return true;
}

/* Is the child what holds the objects of a list: <column> itself, <whereParams>, `columns:`? */
static bool holds_objects(const struct change_field *f, const struct node *child)
{
    if (f->kind == FIELD_COLUMNS)
        return text_equal(child->name, "column") || text_equal(child->name, "columns");
    return f->kind == FIELD_PARAMS && text_equal(child->name, "whereParams");
}

static const struct change_field *field_for(const struct change_field *fields, size_t n, const struct node *child)
{
    for (size_t i = 0; i < n; i++)
        if (text_equal(fields[i].name, child->name) || holds_objects(&fields[i], child))
            return &fields[i];
    return NULL;
}

static bool check_fields(struct ctx *cx, const struct change *c, const struct node *n, const char *of,
                         const struct change_field *fields, size_t n_fields)
{
    for (const struct node *child = n->first; child; child = child->next) {
        if (n->list) { /* a list of parts */
            if (!check_fields(cx, c, child, of, fields, n_fields))
                return false;
            continue;
        }
        const struct change_field *f = field_for(fields, n_fields, child);
        if (!f)
            return unknown_field(cx, c, child, of, fields, n_fields);
        if (!check_field(cx, c, child, f))
            return false;
        if (f->kind == FIELD_CONSTRAINTS &&
            !check_fields(cx, c, child, "constraints", constraint_fields, n_constraint_fields))
            return false;
    }
    return true;
}

static bool check_objects(struct ctx *cx, const struct change *c, const struct node_list *list, const char *of)
{
    for (size_t i = 0; i < list->n; i++)
        if (!check_fields(cx, c, list->at[i], of, column_fields, n_column_fields))
            return false;
    return true;
}

static bool has_field(struct arena *a, const struct node *n, const struct change_field *f)
{
    switch (f->kind) {
    case FIELD_COLUMNS: return columns_of(a, n).n > 0;
    case FIELD_PARAMS: return params_of(a, n).n > 0;
    case FIELD_BODY: return !text_empty(field_body(n, f->name));
    case FIELD_CONSTRAINTS:
    case FIELD_TEXT:
    case FIELD_BOOLEAN:
    case FIELD_INTEGER:
    case FIELD_NUMBER:
    case FIELD_DATE:
    default: return field_set(n, f->name);
    }
}

static bool check_change(struct ctx *cx, const struct change *c)
{
    const struct change_type *t = c->type;
    struct arena_mark m = arena_mark(cx->arena);
    struct node_list columns = columns_of(cx->arena, c->node), params = params_of(cx->arena, c->node);

    if (!check_fields(cx, c, c->node, c->name, t->fields, t->n_fields) || !check_objects(cx, c, &columns, "column") ||
        !check_objects(cx, c, &params, "param"))
        return false;
    for (size_t i = 0; i < t->n_fields; i++)
        if (t->fields[i].flags & FIELD_REQUIRED && !has_field(cx->arena, c->node, &t->fields[i]))
            return change_fault(cx, c, NULL, "%s is required", t->fields[i].name);
    arena_reset(cx->arena, m);
    return true;
}

/* ---- description ---- */

static bool described(const struct change_field *f)
{
    return f->kind == FIELD_TEXT && !strcasestr(f->name, "schema") && !strcasestr(f->name, "catalog") &&
           (text_ends(f->name, "name") || text_ends(f->name, "Name") || text_equal(f->name, "path"));
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* "createTable tableName=t" */
static const char *describe(struct arena *a, const struct change *c)
{
    struct str_list parts = {0};
    struct str s = str_new(a);

    for (size_t i = 0; i < c->type->n_fields; i++) {
        const struct change_field *f = &c->type->fields[i];
        const char *value = f->flags & FIELD_IGNORED || !described(f) ? NULL : field_text(c->node, f->name);
        if (value)
            *VEC_PUSH(a, &parts) = arena_printf(a, "%s=%s", f->name, value);
    }
    if (parts.n)
        qsort(parts.at, parts.n, sizeof *parts.at, by_text);
    str_add(&s, c->name);
    for (size_t i = 0; i < parts.n; i++)
        str_addf(&s, "%s%s", i ? ", " : " ", parts.at[i]);
    return s.s;
}

/* ---- loading ---- */

static bool unknown_type(struct ctx *cx, const struct change *c)
{
    struct str_list names = {0};

    for (size_t g = 0; g < COUNT(groups); g++)
        for (const struct change_type *t = groups[g].types, *end = t + *groups[g].n; t < end; t++)
            *VEC_PUSH(cx->arena, &names) = t->name;
    fail(cx, E_CHANGELOG, "%s is not a change type", c->name);
    err_place(cx, c->file, c->line, c->column);
    return suggest(cx, c->name, &names);
}

/* "oracle, mysql": the databases that a change is for. */
static bool excluded(struct arena *a, const struct node *n)
{
    struct str_list dbms = name_list(a, field(n, "dbms"));

    return dbms.n > 0 && !dbms_matches(&dbms);
}

bool change_load(struct ctx *cx, const struct node *node, const struct change_files *files, struct change *out)
{
    struct change c = {.name = node->name,
                       .type = change_type_find(node->name),
                       .node = node,
                       .file = files->file,
                       .line = node->line,
                       .column = node->column};

    if (!c.type)
        return unknown_type(cx, &c);
    c.name = c.type->name;
    if (c.type->refused)
        return change_fault(cx, &c, NULL, "%s", c.type->refused);
    if (!check_change(cx, &c))
        return false;
    c.description = describe(cx->arena, &c);
    c.files = memcpy(ARENA_NEW(cx->arena, struct change_files), files, sizeof *files);
    c.excluded_by_dbms =
        field_for(c.type->fields, c.type->n_fields, &(struct node){.name = "dbms"}) && excluded(cx->arena, c.node);
    if ((c.type->load && !c.type->load(cx, files, &c)) || (c.type->sum && !c.type->sum(cx, &c)))
        return false;
    *out = c;
    return true;
}

/* ---- statements ---- */

bool change_statements(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out)
{
    if (c->excluded_by_dbms || !c->type || !c->type->generate)
        return true;
    return c->type->generate(cx, env, c, out);
}

bool change_inverse(struct ctx *cx, const struct change_env *env, const struct change *c, struct str_list *out,
                    bool *possible)
{
    *possible = c->type && c->type->invert && (!c->type->can_invert || c->type->can_invert(c));
    return !*possible || c->type->invert(cx, env, c, out);
}

bool change_asks(const struct change *c)
{
    return c->type && c->type->asks;
}

static bool is_tag(const struct change *c)
{
    return c->type && text_equal(c->name, "tagDatabase");
}

const char *change_tag(const struct change *c)
{
    return is_tag(c) ? field(c->node, "tag") : NULL;
}

bool change_keeps_tag(const struct change *c)
{
    return is_tag(c) && field_bool(c->node, "keepTagOnRollback", false);
}
