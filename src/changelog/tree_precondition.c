/* tree_precondition.c - preConditions, of a changelog and of a changeset; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"

#define AT(member) offsetof(struct precondition, member)
enum { NEEDED = 1, UNUSED = 2 /* PostgreSQL has no such thing */ };

struct pre_field {
    const char *name;
    size_t member;
    unsigned flags;
};

static const struct pre_kind {
    const char *name;
    enum precondition_kind kind;
    bool nests;
    struct pre_field fields[6];
} kinds[] = {
    {"and", PRE_AND, true, {{NULL, 0, 0}}},
    {"or", PRE_OR, true, {{NULL, 0, 0}}},
    {"not", PRE_NOT, true, {{NULL, 0, 0}}},
    {"preConditions", PRE_AND, true, {{NULL, 0, 0}}},
    {"sqlCheck", PRE_SQL_CHECK, false, {{"expectedResult", AT(expected), NEEDED}, {"sql", AT(sql), 0}}},
    {"tableExists",
     PRE_TABLE_EXISTS,
     false,
     {{"tableName", AT(name), NEEDED}, {"schemaName", AT(schema), 0}, {"catalogName", 0, UNUSED}}},
    {"viewExists",
     PRE_VIEW_EXISTS,
     false,
     {{"viewName", AT(name), NEEDED}, {"schemaName", AT(schema), 0}, {"catalogName", 0, UNUSED}}},
    {"columnExists",
     PRE_COLUMN_EXISTS,
     false,
     {{"tableName", AT(table), NEEDED},
      {"columnName", AT(name), NEEDED},
      {"schemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"indexExists",
     PRE_INDEX_EXISTS,
     false,
     {{"indexName", AT(name), 0},
      {"tableName", AT(table), 0},
      {"columnNames", AT(columns), 0},
      {"schemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"foreignKeyConstraintExists",
     PRE_FOREIGN_KEY_EXISTS,
     false,
     {{"foreignKeyName", AT(name), 0},
      {"foreignKeyTableName", AT(table), 0},
      {"schemaName", AT(schema), 0},
      {"foreignKeyTableSchemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"primaryKeyExists",
     PRE_PRIMARY_KEY_EXISTS,
     false,
     {{"primaryKeyName", AT(name), 0},
      {"tableName", AT(table), 0},
      {"schemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"uniqueConstraintExists",
     PRE_UNIQUE_EXISTS,
     false,
     {{"tableName", AT(table), NEEDED},
      {"columnNames", AT(columns), 0},
      {"constraintName", AT(name), 0},
      {"schemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"sequenceExists",
     PRE_SEQUENCE_EXISTS,
     false,
     {{"sequenceName", AT(name), NEEDED}, {"schemaName", AT(schema), 0}, {"catalogName", 0, UNUSED}}},
    {"tableIsEmpty",
     PRE_TABLE_IS_EMPTY,
     false,
     {{"tableName", AT(name), NEEDED}, {"schemaName", AT(schema), 0}, {"catalogName", 0, UNUSED}}},
    {"rowCount",
     PRE_ROW_COUNT,
     false,
     {{"tableName", AT(name), NEEDED},
      {"expectedRows", AT(expected), NEEDED},
      {"schemaName", AT(schema), 0},
      {"catalogName", 0, UNUSED}}},
    {"dbms", PRE_DBMS, false, {{"type", AT(value), NEEDED}}},
    {"runningAs", PRE_RUNNING_AS, false, {{"username", AT(value), NEEDED}}},
    {"changeSetExecuted",
     PRE_CHANGESET_EXECUTED,
     false,
     {{"id", AT(id), NEEDED}, {"author", AT(author), NEEDED}, {"changeLogFile", AT(path), 0}}},
    {"changeLogPropertyDefined",
     PRE_PROPERTY_DEFINED,
     false,
     {{"property", AT(name), NEEDED}, {"value", AT(value), 0}}},
    {"expectedQuotingStrategy", PRE_QUOTING_STRATEGY, false, {{"strategy", AT(value), NEEDED}}},
};

static const struct pre_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (text_equal(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

static bool fail_unknown(struct loader *l, const struct node *n)
{
    const char *known[COUNT(kinds)];
    if (text_equal(n->name, "customPrecondition")) {
        tree_fault(l, n, "a customPrecondition, which runs a Java class");
        err_hint(l->cx, "say the same with sqlCheck");
        return false;
    }
    for (size_t i = 0; i < COUNT(kinds); i++)
        known[i] = kinds[i].name;
    const char *near = text_nearest(n->name, known, COUNT(known));
    tree_fault(l, n, "unknown precondition '%.60s'", n->name);
    if (near)
        err_hint(l->cx, "did you mean '%s'?", near);
    return false;
}

static const char **member_of(struct precondition *p, size_t offset)
{
    return (const char **)(void *)((char *)p + offset);
}

/* ---- one precondition ---- */

static bool load_fields(struct loader *l, const struct node *n, const struct pre_kind *kind, struct precondition *p)
{
    const char *known[COUNT(kind->fields)];
    size_t n_known = 0;
    for (; n_known < COUNT(kind->fields) && kind->fields[n_known].name; n_known++) {
        const struct pre_field *f = &kind->fields[n_known];
        const char *text;
        known[n_known] = f->name;
        if (!tree_text(l, n, f->name, &text))
            return false;
        if (f->flags & UNUSED)
            continue;
        if (text && !text_empty(text) && !*member_of(p, f->member))
            *member_of(p, f->member) = text;
        else if (text && kind->kind == PRE_SQL_CHECK) /* "" may well be what is expected */
            *member_of(p, f->member) = text;
        if ((f->flags & NEEDED) && !*member_of(p, f->member))
            return tree_fault(l, n, "%s without %s", kind->name, f->name);
    }
    struct tree_walk w = tree_walk(n);
    for (const struct node *c; (c = tree_next(&w));) {
        size_t i = 0;
        while (i < n_known && !text_equal(c->name, known[i]))
            i++;
        if (i == n_known && !tree_unknown(l, c, kind->name, known, n_known))
            return false;
    }
    return true;
}

static bool holds(struct loader *l, const struct precondition *p)
{
    const char *value = properties_value(l->cx, &l->props, p->name);
    return value && (!p->value || text_equal(value, p->value));
}

static bool quoting_holds(struct loader *l, const struct node *n, enum quoting quoting, struct precondition *p)
{
    static const char *const names[] = {"LEGACY", "QUOTE_ALL_OBJECTS", "QUOTE_ONLY_RESERVED_WORDS"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (text_equal_nocase(p->value, names[i])) {
            p->holds = i == (size_t)quoting;
            return true;
        }
    tree_fault(l, n, "unknown strategy '%.60s' of expectedQuotingStrategy", p->value);
    err_hint(l->cx, "one of LEGACY, QUOTE_ALL_OBJECTS, QUOTE_ONLY_RESERVED_WORDS");
    return false;
}

static bool check_rules(struct loader *l, const struct node *n, enum quoting quoting, struct precondition *p)
{
    char *end = NULL;
    switch (p->kind) {
    case PRE_SQL_CHECK:
        if (!p->sql || !*text_skip_blanks(p->sql))
            return tree_fault(l, n, "sqlCheck without SQL");
        p->sql = text_trim(l->cx->arena, p->sql);
        return true;
    case PRE_INDEX_EXISTS:
        if (!p->name && !(p->table && p->columns))
            return tree_fault(l, n, "indexExists needs indexName, or tableName and columnNames");
        return true;
    case PRE_FOREIGN_KEY_EXISTS:
    case PRE_PRIMARY_KEY_EXISTS:
        if (!p->name && !p->table)
            return tree_fault(l, n, "%s names neither a constraint nor a table", n->name);
        return true;
    case PRE_UNIQUE_EXISTS:
        if (!p->name && !p->columns)
            return tree_fault(l, n, "uniqueConstraintExists needs constraintName or columnNames");
        return true;
    case PRE_ROW_COUNT: /* which needs it */
        if (!p->expected || strtoll(p->expected, &end, 10) < 0 || *end)
            return tree_fault(l, n, "'%.60s' is no value of expectedRows: it is a number",
                              p->expected ? p->expected : "");
        return true;
    case PRE_CHANGESET_EXECUTED:
        p->path = changelog_path_normalise(l->cx->arena, p->path          ? p->path
                                                         : l->at->logical ? l->at->logical
                                                                          : l->at->path);
        return true;
    case PRE_PROPERTY_DEFINED:
        p->holds = holds(l, p);
        l->unsettled = l->unsettled || !p->holds;
        return true;
    case PRE_QUOTING_STRATEGY: return quoting_holds(l, n, quoting, p);
    default: return true;
    }
}

/* Lists are as long as they have to be: a changelog has one in nearly every changeset. */
struct pre_list {
    struct precondition *at;
    size_t n;
};

static bool load_list(struct loader *l, const struct node *parent, enum quoting quoting, bool root,
                      struct pre_list *out);

static bool load_one(struct loader *l, const struct node *n, enum quoting quoting, struct precondition *p)
{
    const struct pre_kind *kind = find_kind(n->name);
    if (!kind)
        return fail_unknown(l, n);
    *p = (struct precondition){.kind = kind->kind, .line = n->line};
    if (kind->nests) {
        struct pre_list inner;
        if (!load_list(l, n, quoting, text_equal(kind->name, "preConditions"), &inner))
            return false;
        p->list.at = inner.at;
        p->list.n = p->list.cap = inner.n;
        return true;
    }
    if (kind->kind == PRE_SQL_CHECK && n->text)
        p->sql = n->text;
    return load_fields(l, n, kind, p) && check_rules(l, n, quoting, p);
}

/* ---- all of them ---- */

static const char *const settings[] = {"onFail",      "onError",     "onFailMessage", "onErrorMessage",
                                       "onSqlOutput", "onUpdateSQL", "onUpdateSql"};

static bool is_setting(const char *name)
{
    for (size_t i = 0; i < COUNT(settings); i++)
        if (text_equal(name, settings[i]))
            return true;
    return false;
}

static bool load_list(struct loader *l, const struct node *parent, enum quoting quoting, bool root,
                      struct pre_list *out)
{
    struct tree_walk w = tree_walk(parent);
    size_t count = 0;
    for (const struct node *n; (n = tree_next(&w));)
        count += !n->attribute && !(root && is_setting(n->name));
    *out = (struct pre_list){.at = arena_array(l->cx->arena, count, sizeof *out->at)};
    w = tree_walk(parent);
    for (const struct node *n; (n = tree_next(&w));) {
        if (root && is_setting(n->name))
            continue;
        if (n->attribute || (n->text && !find_kind(n->name))) {
            if (!tree_unknown(l, n, parent->name, settings, root ? COUNT(settings) : 0))
                return false;
            continue;
        }
        if (!load_one(l, n, quoting, &out->at[out->n]))
            return false;
        out->n++;
    }
    return true;
}

static bool setting(struct loader *l, const struct node *n, const char *name, const char *const *values,
                    size_t n_values, unsigned *out)
{
    const char *text;
    if (!tree_text(l, n, name, &text))
        return false;
    if (!text)
        return true;
    for (size_t i = 0; i < n_values; i++)
        if (text_equal_nocase(text, values[i])) {
            *out = (unsigned)i;
            return true;
        }
    struct str all = str_new(l->cx->arena);
    for (size_t i = 0; i < n_values; i++)
        str_addf(&all, "%s%s", i ? ", " : "", values[i]);
    tree_fault(l, tree_child(n, name), "unknown value '%.60s' of %s", text, name);
    err_hint(l->cx, "one of %s", all.s);
    return false;
}

bool tree_preconditions(struct loader *l, const struct node *n, enum quoting quoting, struct preconditions *out)
{
    static const char *const reactions[] = {"HALT", "CONTINUE", "MARK_RAN", "WARN"};
    static const char *const previews[] = {"IGNORE", "TEST", "FAIL"};
    unsigned on_fail = REACT_HALT, on_error = REACT_HALT, on_preview = PREVIEW_IGNORE;
    struct pre_list list;

    if (!setting(l, n, "onFail", reactions, COUNT(reactions), &on_fail) ||
        !setting(l, n, "onError", reactions, COUNT(reactions), &on_error) ||
        !setting(l, n, "onUpdateSql", previews, COUNT(previews), &on_preview) ||
        !setting(l, n, "onUpdateSQL", previews, COUNT(previews), &on_preview) ||
        !setting(l, n, "onSqlOutput", previews, COUNT(previews), &on_preview) ||
        !tree_text(l, n, "onFailMessage", &out->on_fail_message) ||
        !tree_text(l, n, "onErrorMessage", &out->on_error_message) || !load_list(l, n, quoting, true, &list))
        return false;
    out->on_fail = (enum reaction)on_fail;
    out->on_error = (enum reaction)on_error;
    out->on_preview = (enum on_preview)on_preview;
    out->list.at = list.at;
    out->list.n = out->list.cap = list.n;
    return true;
}

static void settle(struct loader *l, struct precondition *at, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct precondition *p = &at[i];
        if (p->kind == PRE_PROPERTY_DEFINED)
            p->holds = p->holds || holds(l, p);
        if (p->list.n)
            settle(l, p->list.at, p->list.n);
    }
}

void preconditions_settle(struct loader *l)
{
    if (!l->unsettled)
        return;
    for (size_t i = 0; i < l->log->preconditions.n; i++)
        settle(l, l->log->preconditions.at[i].list.at, l->log->preconditions.at[i].list.n);
    for (size_t i = 0; i < l->log->sets.n; i++)
        settle(l, l->log->sets.at[i].preconditions.list.at, l->log->sets.at[i].preconditions.list.n);
}
