/* tree.c - databaseChangeLog trees, of XML, YAML and JSON alike: the root and what stands directly in it; see changelog_internal.h. */
#include <stdarg.h>
#include <string.h>

#include "changelog_internal.h"
#include "dbstep/files.h"
#include "dbstep/log.h"

/* ---- looking into trees ---- */

struct tree_walk tree_walk(const struct node *parent)
{
    return (struct tree_walk){.parent = parent, .next = parent ? parent->first : NULL};
}

struct node *tree_next(struct tree_walk *w)
{
    for (;;) {
        const struct node *n = w->next;
        if (!n && w->item) {
            w->next = w->item->next;
            w->item = NULL;
            continue;
        }
        if (!n)
            return NULL;
        if (!w->item && w->parent->list && !n->text && !n->list) {
            w->item = n;
            w->next = n->first;
            continue;
        }
        w->next = n->next;
        return (struct node *)n;
    }
}

const struct node *tree_child(const struct node *parent, const char *name)
{
    if (!parent->list)
        return node_child(parent, name);
    struct tree_walk w = tree_walk(parent);
    for (const struct node *n; (n = tree_next(&w));)
        if (text_equal(n->name, name))
            return n;
    return NULL;
}

bool tree_fault(struct loader *l, const struct node *at, const char *format, ...)
{
    struct str text = str_new(l->cx->arena);
    va_list ap;
    va_start(ap, format);
    str_vaddf(&text, format, ap);
    va_end(ap);
    fail(l->cx, E_CHANGELOG, "%s", text.s);
    err_place(l->cx, l->at->file, at->line, at->column);
    return false;
}

bool tree_text(struct loader *l, const struct node *parent, const char *name, const char **out)
{
    const struct node *n = tree_child(parent, name);
    *out = NULL;
    if (!n)
        return true;
    if (!n->text && (n->list || (n->first && !n->first->attribute))) {
        tree_fault(l, n, "'%s' must be one text", name);
        if (n->list)
            err_hint(l->cx, "several are written with commas: %s: a, b", name);
        return false;
    }
    *out = n->type == NODE_NULL ? NULL : n->text;
    return true;
}

bool tree_flag(struct loader *l, const struct node *parent, const char *name, bool otherwise, bool *out)
{
    const char *text;
    *out = otherwise;
    if (!tree_text(l, parent, name, &text))
        return false;
    if (!text)
        return true;
    *out = text_equal_nocase(text, "true");
    if (*out || text_equal_nocase(text, "false"))
        return true;
    const struct node *n = tree_child(parent, name);
    if (l->at->xml)
        return tree_fault(l, n, "'%.60s' is no value of %s: it is true or false", text, name);
    log_warning("%s:%d:%d: '%s' of %s is taken for false, as Liquibase does; write true or false", l->at->file, n->line,
                n->column, text, name);
    return true;
}

bool tree_context(struct loader *l, const struct node *parent, const char **out)
{
    const char *name = "contextFilter", *fault;
    if (!tree_text(l, parent, name, out))
        return false;
    if (!*out && !tree_text(l, parent, name = "context", out))
        return false;
    if (*out && !*text_skip_blanks(*out))
        *out = NULL;
    if (*out && (fault = expression_fault(*out)))
        return tree_fault(l, tree_child(parent, name), "malformed context expression '%.100s': %s", *out, fault);
    return true;
}

bool tree_unknown(struct loader *l, const struct node *n, const char *where, const char *const *known, size_t n_known)
{
    const char *near = text_nearest(n->name, known, n_known);
    if (l->at->xml || near) {
        tree_fault(l, n, "unknown %s '%.60s' in %s",
                   n->attribute ? "attribute"
                   : l->at->xml ? "element"
                                : "key",
                   n->name, where);
        if (near)
            err_hint(l->cx, "did you mean '%s'?", near);
        return false;
    }
    log_warning("%s:%d:%d: '%s' in %s is not known and ignored, as Liquibase does", l->at->file, n->line, n->column,
                *n->name  ? n->name
                : n->text ? n->text
                          : "an item",
                where);
    return true;
}

static bool is_known(const char *name, const char *const *known, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text_equal(name, known[i]))
            return true;
    return false;
}

/* All children of a node have one of these names. */
static bool check_names(struct loader *l, const struct node *parent, const char *where, const char *const *known,
                        size_t n_known)
{
    struct tree_walk w = tree_walk(parent);
    for (const struct node *n; (n = tree_next(&w));)
        if (!is_known(n->name, known, n_known) && !tree_unknown(l, n, where, known, n_known))
            return false;
    return true;
}

/* ---- ${} ---- */

static bool expand_text(struct loader *l, struct node *n)
{
    size_t out_len;
    if (!strstr(n->text, "${"))
        return true;
    struct source_map *map = ARENA_NEW(l->cx->arena, struct source_map);
    *map = node_map(l->cx->arena, n);
    if (!properties_expand(l->cx, &l->props, n->text, strlen(n->text), map, &n->text, &out_len)) {
        err_place(l->cx, l->at->file, n->text_line, n->text_column);
        return false;
    }
    n->map = map;
    return true;
}

static bool expand_all(struct loader *l, struct node *n)
{
    for (; n; n = n->next)
        if ((n->text && !expand_text(l, n)) || (n->first && !expand_all(l, n->first)))
            return false;
    return true;
}

bool tree_expand(struct loader *l, struct node *n)
{
    if (!l->at->xml)
        node_canonicalise(l->cx->arena, n->first);
    return (!n->text || expand_text(l, n)) && expand_all(l, n->first);
}

/* ---- property ---- */

static bool load_property_file(struct loader *l, const struct node *n, const char *name, bool global)
{
    bool relative, required;
    const char *file;
    char *text;
    size_t len;

    if (!tree_flag(l, n, "relativeToChangelogFile", false, &relative) ||
        !tree_flag(l, n, "errorIfMissing", true, &required))
        return false;
    const char *path =
        relative ? path_beside(l->cx->arena, l->at->path, name) : changelog_path_normalise(l->cx->arena, name);
    if (path_leads_out(path))
        return tree_fault(l, n, "the property file '%s' leads out of the search path", name);
    if (!path_find(l->cx, l->source, "property file", path, &file)) {
        if (!required && l->cx->err.code == E_FILE) {
            err_clear(l->cx);
            return true;
        }
        err_place(l->cx, l->at->file, n->line, n->column);
        return false;
    }
    return load_read(l->cx, l->log, file, &text, &len) && properties_read(l->cx, &l->props, file, text, global);
}

static bool load_property(struct loader *l, struct node *n)
{
    static const char *const known[] = {"name",           "value",   "file",          "relativeToChangelogFile",
                                        "errorIfMissing", "context", "contextFilter", "labels",
                                        "dbms",           "global"};
    const char *name, *value, *file, *context, *labels, *dbms;
    struct str_list label_list = {.n = 0}, dbms_list = {.n = 0};
    bool global;

    if (!tree_expand(l, n) || !check_names(l, n, "property", known, COUNT(known)) || !tree_text(l, n, "name", &name) ||
        !tree_text(l, n, "value", &value) || !tree_text(l, n, "file", &file) || !tree_context(l, n, &context) ||
        !tree_text(l, n, "labels", &labels) || !tree_text(l, n, "dbms", &dbms) ||
        !tree_flag(l, n, "global", true, &global))
        return false;
    if (labels)
        split_commas(l->cx->arena, labels, true, &label_list);
    if (dbms)
        split_commas(l->cx->arena, dbms, true, &dbms_list);
    if (!property_applies(l->source, context, &label_list, &dbms_list))
        return true;
    if (file)
        return load_property_file(l, n, file, global);
    if (!name || !*name)
        return tree_fault(l, n, "a property without name");
    if (value)
        properties_define(l->cx, &l->props, name, value, global);
    return true;
}

/* ---- what stands in the root ---- */

/* The include elements of a modifyChangeSets, whose changesets run with another program. */
static bool modify_changesets(struct loader *l, struct node *n)
{
    static const char *const known[] = {"runWith", "runWithSpoolFile", "stripComments", "include", "includeAll"};
    const char *run_with, *saved = l->at->run_with;

    if (!tree_expand(l, n) || !check_names(l, n, "modifyChangeSets", known, COUNT(known)) ||
        !tree_text(l, n, "runWith", &run_with))
        return false;
    l->at->run_with = run_with ? run_with : saved;
    struct tree_walk w = tree_walk(n);
    for (const struct node *c; (c = tree_next(&w));) {
        if (text_equal(c->name, "include") ? !tree_include(l, c)
                                           : text_equal(c->name, "includeAll") && !tree_include_all(l, c))
            return false;
    }
    l->at->run_with = saved;
    return true;
}

static bool changelog_preconditions(struct loader *l, struct node *n)
{
    struct preconditions pre = {.file = l->at->file};
    if (!tree_expand(l, n) || !tree_preconditions(l, n, l->at->quoting, &pre))
        return false;
    *VEC_PUSH(l->cx->arena, &l->log->preconditions) = pre;
    return true;
}

static bool root_child(struct loader *l, struct node *n)
{
    static const char *const known[] = {"changeSet",   "include",          "includeAll",
                                        "property",    "preConditions",    "logicalFilePath",
                                        "context",     "contextFilter",    "objectQuotingStrategy",
                                        "changeLogId", "modifyChangeSets", "removeChangeSetProperty"};
    const char *name = n->name;
    if (text_equal(name, "changeSet"))
        return tree_changeset(l, n);
    if (text_equal(name, "include"))
        return tree_expand(l, n) && tree_include(l, n);
    if (text_equal(name, "includeAll"))
        return tree_expand(l, n) && tree_include_all(l, n);
    if (text_equal(name, "preConditions"))
        return changelog_preconditions(l, n);
    if (text_equal(name, "property"))
        return !l->at->xml || load_property(l, n);
    if (text_equal(name, "modifyChangeSets"))
        return modify_changesets(l, n);
    /* removeChangeSetProperty takes ALGORITHM and LOCK off MySQL's ALTER TABLE: nothing that PostgreSQL has */
    if (is_known(name, known, COUNT(known)))
        return true;
    if (!l->at->xml && (n->first || n->list)) { /* Liquibase fails there, too */
        const char *near = text_nearest(name, known, COUNT(known));
        tree_fault(l, n, "unknown key '%.60s' in databaseChangeLog", name);
        if (near)
            err_hint(l->cx, "did you mean '%s'?", near);
        return false;
    }
    return tree_unknown(l, n, "databaseChangeLog", known, COUNT(known));
}

bool tree_quoting(struct loader *l, const struct node *parent, enum quoting *out)
{
    static const char *const names[] = {"LEGACY", "QUOTE_ALL_OBJECTS", "QUOTE_ONLY_RESERVED_WORDS"};
    const char *text;
    if (!tree_text(l, parent, "objectQuotingStrategy", &text))
        return false;
    for (size_t i = 0; text && i < COUNT(names); i++)
        if (text_equal_nocase(text, names[i])) {
            *out = (enum quoting)i;
            return true;
        }
    if (!text)
        return true;
    tree_fault(l, tree_child(parent, "objectQuotingStrategy"), "unknown value '%.60s' of objectQuotingStrategy", text);
    err_hint(l->cx, "one of LEGACY, QUOTE_ALL_OBJECTS, QUOTE_ONLY_RESERVED_WORDS");
    return false;
}

/* Attributes of the root; YAML has them as items, anywhere. */
static bool root_attributes(struct loader *l, const struct node *root)
{
    static const char *const names[] = {"logicalFilePath", "context", "contextFilter", "objectQuotingStrategy"};
    const char *logical, *context;

    for (size_t i = 0; i < COUNT(names); i++) {
        struct node *n = (struct node *)tree_child(root, names[i]);
        if (n && !tree_expand(l, n))
            return false;
    }
    if (!tree_text(l, root, "logicalFilePath", &logical) || !tree_context(l, root, &context) ||
        !tree_quoting(l, root, &l->at->quoting))
        return false;
    if (!text_empty(logical))
        l->at->logical = logical;
    if (context) {
        struct str_list all = {.n = 0};
        *VEC_PUSH(l->cx->arena, &all) = context;
        for (size_t i = 0; i < l->at->contexts.n; i++)
            *VEC_PUSH(l->cx->arena, &all) = l->at->contexts.at[i];
        l->at->contexts = all;
    }
    return true;
}

static bool find_root(struct loader *l, struct node *document, struct node **out)
{
    if (l->at->xml) {
        *out = document;
        if (text_equal(document->name, "databaseChangeLog"))
            return true;
        tree_fault(l, document, "the root element is '%.60s', not 'databaseChangeLog'", document->name);
        return false;
    }
    *out = (struct node *)node_child(document, "databaseChangeLog");
    if (document->list || document->text || !*out) {
        tree_fault(l, document, "there is no 'databaseChangeLog:' in '%s'", l->at->file);
        err_hint(l->cx, "a changelog starts with databaseChangeLog:, and a list of entries below it (- changeSet: …)");
        return false;
    }
    if ((*out)->list || (*out)->type == NODE_NULL)
        return true;
    tree_fault(l, *out, "databaseChangeLog holds no list of entries");
    err_hint(l->cx, "each entry starts with a dash: - changeSet:");
    return false;
}

/* Room for the changesets of a file at once: doubling it again and again would leave as much unused. */
static void reserve_sets(struct loader *l, const struct node *root)
{
    struct changelog *log = l->log;
    size_t more = 0;
    struct tree_walk w = tree_walk(root);
    for (const struct node *n; (n = tree_next(&w));)
        more += text_equal(n->name, "changeSet");
    if (more < 64 || log->sets.n + more <= log->sets.cap)
        return;
    log->sets.at = arena_grow(l->cx->arena, log->sets.at, log->sets.cap * sizeof *log->sets.at,
                              (log->sets.n + more) * sizeof *log->sets.at);
    log->sets.cap = log->sets.n + more;
}

bool tree_parse(struct loader *l, struct node *document)
{
    struct node *root, *n;
    if (!find_root(l, document, &root))
        return false;
    if (l->at->xml && root->text)
        return tree_fault(l, &(struct node){.line = root->text_line, .column = root->text_column},
                          "text between the elements of databaseChangeLog: '%.40s'", root->text);
    if (!l->at->xml) { /* all properties of a YAML file come before the rest of it */
        struct tree_walk w = tree_walk(root);
        while ((n = tree_next(&w)))
            if (text_equal(n->name, "property") && !load_property(l, n))
                return false;
    }
    if (!root_attributes(l, root))
        return false;
    reserve_sets(l, root);
    struct tree_walk w = tree_walk(root);
    for (unsigned count = 1; (n = tree_next(&w)); count++) {
        if (count % 256 == 0 && !ctx_alive(l->cx, "reading the changelog"))
            return false;
        if (!root_child(l, n))
            return false;
    }
    return true;
}
