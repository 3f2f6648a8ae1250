/* integrity_net.c - see integrity_net.h.
 *
 * The grammar of declared changes names things as they were before the change, except those that are added: so names are followed back through
 * renames, and additions are kept under their last name. */
#include "integrity_net.h"

#include <ctype.h>
#include <string.h>

#include "dbstep/integrity.h"

enum form {
    OF_RELATION, /* T */
    OF_PART,     /* T.PART */
    OF_RENAME,   /* T=NEW */
    OF_PART_RENAME
};

/* What is declared by itself, and what is only hinted at; `declares` and `write` are words of the grammar of declared changes. Whether
 * the grammar knows them is asked when it matters. */
static const struct rule {
    enum sqlparse_fact_kind kind;
    const char *declares;     /* what of "add WHAT"; NULL: it is no addition */
    const char *does, *write; /* a hint; write NULL: there is nothing to write */
    enum form form;
} rules[] = {
    {SQLPARSE_COLUMN_ADDED, "column", NULL, NULL, OF_PART},
    {SQLPARSE_CONSTRAINT_ADDED, "constraint", NULL, NULL, OF_PART},
    {SQLPARSE_INDEX_ADDED, "index", NULL, NULL, OF_PART},
    {SQLPARSE_HOOK_ADDED, "hook", NULL, NULL, OF_PART}, /* detail says of what sort */
    {SQLPARSE_RELATION_DROPPED, NULL, "drops table", "drop table", OF_RELATION},
    {SQLPARSE_RELATION_RENAMED, NULL, "renames table", "rename table", OF_RENAME},
    {SQLPARSE_RELATION_MOVED, NULL, "moves table", "rename table", OF_RENAME},
    {SQLPARSE_COLUMN_DROPPED, NULL, "drops column", "drop column", OF_PART},
    {SQLPARSE_COLUMN_RENAMED, NULL, "renames column", "rename column", OF_PART_RENAME},
    {SQLPARSE_COLUMN_RETYPED, NULL, "changes the type of column", "change column", OF_PART},
    {SQLPARSE_ROWS_UPDATED, NULL, "writes column", "change column", OF_PART},
    {SQLPARSE_NOT_NULL_SET, NULL, "forbids NULL in column", "add not null", OF_PART},
    {SQLPARSE_NOT_NULL_DROPPED, NULL, "allows NULL in column", "drop not null", OF_PART},
    {SQLPARSE_DEFAULT_SET, NULL, "changes the default of column", "change default", OF_PART},
    {SQLPARSE_DEFAULT_DROPPED, NULL, "drops the default of column", "drop default", OF_PART},
    {SQLPARSE_CONSTRAINT_DROPPED, NULL, "drops constraint", "drop constraint", OF_PART},
    {SQLPARSE_ROWS_INSERTED, NULL, "inserts rows into", NULL, OF_RELATION},
    {SQLPARSE_ROWS_DELETED, NULL, "deletes rows from", NULL, OF_RELATION},
    {SQLPARSE_PARTITION_ATTACHED, NULL, "attaches a partition to", NULL, OF_RELATION},
    {SQLPARSE_PARTITION_DETACHED, NULL, "detaches a partition from", NULL, OF_RELATION},
};

/* ---- names ---- */

static bool plain(const char *name)
{
    if (!islower((unsigned char)*name) && *name != '_')
        return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '_')
            return false;
    return true;
}

static const char *spelled(struct arena *a, const char *name)
{
    return plain(name) ? name : arena_printf(a, "\"%s\"", text_replace(a, name, "\"", "\"\""));
}

static char *full_name(struct arena *a, const char *schema, const char *table, const char *part)
{
    return arena_printf(a, "%s%s%s%s%s", *schema ? spelled(a, schema) : "", *schema ? "." : "", spelled(a, table),
                        *part ? "." : "", *part ? spelled(a, part) : "");
}

char *net_declaration(struct arena *a, const struct net_item *item, bool bare)
{
    return arena_printf(a, "add %s %s", item->what, full_name(a, bare ? "" : item->schema, item->table, item->part));
}

static bool same(const char *schema, const char *table, const char *other_schema, const char *other)
{
    return text_equal(table, other) && (!*schema || !*other_schema || text_equal(schema, other_schema));
}

/* The addition of that relation, or with `part` of that part of it, that still stands. */
static struct net_item *fresh(struct net *n, const char *schema, const char *table, const char *part)
{
    for (size_t i = n->items.n; i-- > 0;) {
        struct net_item *item = &n->items.at[i];
        if (!item->gone && text_equal(item->part, part) && same(item->schema, item->table, schema, table))
            return item;
    }
    return NULL;
}

/* The schema of a relation that exists: as written, as the path finds it, or "" when that cannot be told. */
static bool schema_of(struct net *n, const struct sqlparse_fact *f, const char **out)
{
    struct arena *a = n->cx->arena;

    *out = f->schema;
    if (**out || n->path)
        return true;
    for (size_t i = 0; i < n->found.n; i++)
        if (text_equal(n->found.at[i].from, f->name)) {
            *out = n->found.at[i].schema;
            return true;
        }
    const char *schema = NULL;
    if (!deploy_relation_schema(n->cx, n->d, f->name, &schema))
        return false;
    *out = schema ? schema : "";
    *VEC_PUSH(a, &n->found) = (struct net_name){.schema = *out, .from = arena_strdup(a, f->name)};
    return true;
}

static struct net_name *renamed_to(struct net *n, const char *schema, const char *table)
{
    for (size_t i = n->renamed.n; i-- > 0;)
        if (same(n->renamed.at[i].schema, n->renamed.at[i].to, schema, table))
            return &n->renamed.at[i];
    return NULL;
}

/* ---- keeping account ---- */

static struct net_item *add(struct net *n, const char *what, const char *schema, const char *table, const char *part)
{
    struct arena *a = n->cx->arena;
    struct net_item *item = fresh(n, schema, table, part);
    if (item && text_equal(item->what, what))
        return item;
    item = VEC_PUSH(a, &n->items);
    *item = (struct net_item){.what = what,
                              .schema = arena_strdup(a, schema),
                              .table = arena_strdup(a, table),
                              .part = arena_strdup(a, part),
                              .changeset = n->changeset};
    return item;
}

/* False: the changeset has that note already. */
static bool note(struct net *n, const char *message, const char *object, const char *declaration)
{
    struct arena *a = n->cx->arena;
    for (size_t i = n->notes.n; i-- > 0 && n->notes.at[i].changeset == n->changeset;)
        if (text_equal(n->notes.at[i].message, message))
            return false;
    *VEC_PUSH(a, &n->notes) = (struct net_note){
        .changeset = n->changeset, .file = n->file, .message = message, .object = object, .declaration = declaration};
    return true;
}

static void relation_added(struct net *n, const struct sqlparse_fact *f)
{
    const char *what = f->object == SQLPARSE_TABLE      ? "table"
                       : f->object == SQLPARSE_VIEW     ? "view"
                       : f->object == SQLPARSE_SEQUENCE ? "sequence"
                                                        : NULL;
    const char *schema = *f->schema ? f->schema : n->path && *n->path ? n->path : deploy_default_schema(n->d);

    if (!what || f->partition) /* a partition's rows are its root's */
        return;
    if (f->temporary)
        schema = "pg_temp";
    for (size_t i = 0; i < n->dropped.n; i++)
        if (same(n->dropped.at[i].schema, n->dropped.at[i].from, schema, f->name))
            return; /* it stands in for one that was there before */
    struct net_item *item = add(n, what, schema, f->name, "");
    item->hidden = item->hidden || f->temporary;
}

/* The relation itself was added a moment ago: what happens to it is part of that. */
static void about_fresh(struct net *n, struct net_item *item, const struct sqlparse_fact *f)
{
    struct arena *a = n->cx->arena;
    const char *schema = item->schema, *table = item->table;

    if (f->kind != SQLPARSE_RELATION_DROPPED && f->kind != SQLPARSE_RELATION_RENAMED &&
        f->kind != SQLPARSE_RELATION_MOVED)
        return;
    for (size_t i = 0; i < n->items.n; i++) {
        struct net_item *other = &n->items.at[i];
        if (!same(other->schema, other->table, schema, table))
            continue;
        if (f->kind == SQLPARSE_RELATION_DROPPED)
            other->gone = true;
        else if (f->kind == SQLPARSE_RELATION_MOVED)
            other->schema = arena_strdup(a, f->to);
        else
            other->table = arena_strdup(a, f->to);
    }
}

/* A part that was added a moment ago: true when nothing is left to tell. */
static bool about_fresh_part(struct net *n, const char *schema, const char *table, const struct sqlparse_fact *f)
{
    struct net_item *item = *f->part ? fresh(n, schema, table, f->part) : NULL;

    if (!item || f->kind == SQLPARSE_COLUMN_ADDED || f->kind == SQLPARSE_CONSTRAINT_ADDED ||
        f->kind == SQLPARSE_INDEX_ADDED || f->kind == SQLPARSE_HOOK_ADDED)
        return false;
    if (f->kind == SQLPARSE_COLUMN_DROPPED || f->kind == SQLPARSE_CONSTRAINT_DROPPED ||
        f->kind == SQLPARSE_HOOK_DROPPED)
        item->gone = true;
    else if (f->kind == SQLPARSE_COLUMN_RENAMED || f->kind == SQLPARSE_CONSTRAINT_RENAMED)
        item->part = arena_strdup(n->cx->arena, f->to);
    return true;
}

static void index_dropped(struct net *n, const struct sqlparse_fact *f)
{
    for (size_t i = 0; i < n->items.n; i++)
        if (text_equal(n->items.at[i].what, "index") && text_equal(n->items.at[i].part, f->name))
            n->items.at[i].gone = true;
}

/* The server names it. Where only named ones can be declared, that is worth a note. */
static void added_without_name(struct net *n, const char *what, const char *object, const struct sqlparse_fact *f)
{
    struct arena *a = n->cx->arena;
    if (f->kind == SQLPARSE_COLUMN_ADDED || (f->kind == SQLPARSE_INDEX_ADDED && !*f->detail) ||
        !integrity_change_known(n->cx, arena_printf(a, "add %s a.b", what)))
        return;
    note(n, arena_printf(a, "adds a %s%s%s to %s without a name", f->detail, *f->detail ? " " : "", what, object),
         object, NULL);
}

/* What happens to something that was there before. `table` is its name of then. */
static void about_old(struct net *n, const struct rule *rule, const char *schema, const char *table,
                      const struct sqlparse_fact *f)
{
    struct arena *a = n->cx->arena;
    struct arena_mark m = arena_mark(a); /* thousands of INSERTs say one thing */
    bool part = rule->form == OF_PART || rule->form == OF_PART_RENAME;
    const char *name = full_name(a, schema, table, part ? f->part : ""), *to = "";

    if (rule->declares && *f->part) {
        add(n, f->kind == SQLPARSE_HOOK_ADDED ? f->detail : rule->declares, schema, table, f->part);
        return;
    }
    if (rule->declares) {
        added_without_name(n, rule->declares, name, f);
        return;
    }
    if (part && !*f->part)
        return;
    if (f->kind == SQLPARSE_RELATION_MOVED)
        to = arena_printf(a, "=%s", full_name(a, f->to, table, ""));
    else if (rule->form == OF_RENAME || rule->form == OF_PART_RENAME)
        to = arena_printf(a, "=%s", spelled(a, f->to));
    const char *then = *to ? arena_printf(a, " to %s", to + 1) : "";
    if (!note(n, arena_printf(a, "%s %s%s", rule->does, name, then), full_name(a, schema, table, ""),
              rule->write ? arena_printf(a, "%s %s%s", rule->write, name, to) : NULL))
        arena_reset(a, m);
}

static void keep_names(struct net *n, const char *schema, const char *original, const struct sqlparse_fact *f)
{
    struct arena *a = n->cx->arena;
    struct net_name *known;

    if (f->kind == SQLPARSE_RELATION_DROPPED) {
        *VEC_PUSH(a, &n->dropped) =
            (struct net_name){.schema = arena_strdup(a, schema), .from = arena_strdup(a, f->name)};
    } else if (f->kind == SQLPARSE_RELATION_RENAMED) {
        known = renamed_to(n, schema, f->name);
        if (!known) {
            known = VEC_PUSH(a, &n->renamed);
            *known = (struct net_name){.schema = arena_strdup(a, schema), .from = arena_strdup(a, original)};
        }
        known->to = arena_strdup(a, f->to);
    }
}

static bool apply(struct net *n, const struct sqlparse_fact *f)
{
    struct arena *a = n->cx->arena;
    const char *schema, *table = f->name;
    size_t r = 0;

    if (f->kind == SQLPARSE_PATH_SET) {
        n->path = *f->name ? arena_strdup(a, f->name) : NULL;
        return true;
    }
    if (f->object == SQLPARSE_NAMESPACE) {
        if (f->kind == SQLPARSE_RELATION_DROPPED)
            note(n, arena_printf(a, "drops schema %s with what is in it", spelled(a, f->name)), "", NULL);
        else if (f->kind == SQLPARSE_RELATION_RENAMED)
            note(n,
                 arena_printf(a, "renames schema %s to %s, and with it the tables in it", spelled(a, f->name),
                              spelled(a, f->to)),
                 "", NULL);
        return true;
    }
    if (f->kind == SQLPARSE_RELATION_ADDED) {
        relation_added(n, f);
        return true;
    }
    if (f->object == SQLPARSE_INDEX && f->kind == SQLPARSE_RELATION_DROPPED)
        index_dropped(n, f);
    if (!*f->name)
        return true;
    if (!schema_of(n, f, &schema))
        return false;
    struct net_item *item = *f->schema ? NULL : fresh(n, "pg_temp", f->name, "");
    item = item ? item : fresh(n, schema, f->name, "");
    if (item)
        about_fresh(n, item, f);
    if (item || f->object != SQLPARSE_TABLE)
        return true;
    while (r < COUNT(rules) && rules[r].kind != f->kind)
        r++;
    const struct net_name *was = renamed_to(n, schema, f->name);
    if (was) {
        table = was->from;
        schema = *was->schema ? was->schema : schema;
    }
    if (about_fresh_part(n, schema, table, f) || r == COUNT(rules))
        return true;
    about_old(n, &rules[r], schema, table, f);
    keep_names(n, schema, table, f);
    return true;
}

void net_changeset(struct net *n, const char *name, const char *file)
{
    n->changeset = name;
    n->file = file;
    n->path = NULL; /* a deploy sets it anew for each changeset */
}

bool net_statement(struct net *n, const struct sqlparse_statement *s)
{
    for (size_t i = 0; i < s->facts.n; i++)
        if (!apply(n, &s->facts.at[i]))
            return false;
    return true;
}
