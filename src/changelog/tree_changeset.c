/* tree_changeset.c - changeSet elements: attributes, changes, rollback; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"
#include "dbstep/log.h"

/* Everything in a changeSet that is no change. */
static const char *const names[] = {
    "id",
    "author",
    "dbms",
    "runAlways",
    "runOnChange",
    "context",
    "contextFilter",
    "labels",
    "runInTransaction",
    "failOnError",
    "onValidationFail",
    "runOrder",
    "ignore",
    "logicalFilePath",
    "objectQuotingStrategy",
    "created",
    "runWith",
    "runWithSpoolFile",
    "comment",
    "comments",
    "validCheckSum",
    "validCheckSums",
    "preConditions",
    "rollback",
    "modifySql",
    "changes",
};

static bool is_name(const char *name)
{
    for (size_t i = 0; i < COUNT(names); i++)
        if (text_equal(name, names[i]))
            return true;
    return false;
}

/* ---- what changes see of the files around them ---- */

/* A file for the changes of one changelog. They may read when they run, with another context than the loader's. */
struct named {
    struct loader *loader;
    struct log_file *from;
};

static bool read_named(struct ctx *cx, void *user, const char *path, const char *relative_to, char **text, size_t *len,
                       const char **shown)
{
    const struct named *n = user;
    const char *normal =
        relative_to ? path_beside(cx->arena, relative_to, path) : changelog_path_normalise(cx->arena, path);
    *shown = normal;
    if (path_leads_out(normal)) {
        fail(cx, E_FILE, "the file '%s' leads out of the search path", path);
        err_hint(cx, "add the folder that holds it to search_path");
        return false;
    }
    if (!path_find(cx, n->loader->source, "file", normal, shown)) {
        if (relative_to)
            err_hint(cx, "the path is relative to the folder of the changelog");
        else
            err_hint(cx, "the path is relative to a folder of search_path, unless the change says "
                         "relativeToChangelogFile");
        return false;
    }
    return load_read(cx, n->loader->log, *shown, text, len);
}

static bool expand_named(struct ctx *cx, void *user, const char *text, size_t len, struct source_map *map,
                         const char **out, size_t *out_len)
{
    const struct named *n = user;
    struct properties *props = &n->loader->props;
    const struct log_file *now = props->at;
    props->at = n->from;
    bool ok = properties_expand(cx, props, text, len, map, out, out_len);
    props->at = now;
    return ok;
}

static const struct change_files *named_by(struct loader *l)
{
    struct change_files *files = &l->at->named;
    if (files->user)
        return files;
    struct named *n = ARENA_NEW(l->cx->arena, struct named);
    *n = (struct named){.loader = l, .from = l->at};
    *files = (struct change_files){
        .read = read_named, .expand = expand_named, .user = n, .changelog = l->at->path, .file = l->at->file};
    return files;
}

static bool add_change(struct loader *l, const struct node *n, const char *const *other, size_t n_other)
{
    if (!*n->name)
        return tree_fault(l, n, "'%.60s' stands where a change is expected", n->text ? n->text : "a list");
    if (!change_known(n->name)) {
        const char *near = text_nearest(n->name, other, n_other);
        if (near) {
            tree_fault(l, n, "'%.60s' is neither a change nor anything else that may stand there", n->name);
            err_hint(l->cx, "did you mean '%s'?", near);
            return false;
        }
    }
    struct change c;
    if (!change_load(l->cx, n, named_by(l), &c)) {
        err_place(l->cx, l->at->file, n->line, n->column);
        return false;
    }
    *VEC_PUSH(l->cx->arena, &l->gathered) = c;
    return true;
}

/* ---- rollback ---- */

/* The changes that were gathered since `from`, behind those that are there; in as much memory as they need. */
static void keep_gathered(struct loader *l, size_t from, struct change_list *out)
{
    size_t more = l->gathered.n - from;
    if (!more)
        return;
    struct change *all = arena_array(l->cx->arena, out->n + more, sizeof *all);
    if (out->n)
        memcpy(all, out->at, out->n * sizeof *all);
    memcpy(all + out->n, l->gathered.at + from, more * sizeof *all);
    out->at = all;
    out->n = out->cap = out->n + more;
    l->gathered.n = from;
}

static void add_rollback_text(struct loader *l, const struct node *n)
{
    struct change *c = VEC_PUSH(l->cx->arena, &l->gathered);
    *c = change_of_sql(n->text, strlen(n->text));
    c->strip_comments = true;
    c->file = l->at->file;
    c->line = n->text_line;
    c->column = n->text_column;
    c->map = node_map(l->cx->arena, n);
}

/* The changes in it, then its text; or the changeset whose changes are to run again. Several rollbacks add up. */
static bool load_rollback(struct loader *l, const struct node *n, struct rollback *out)
{
    static const char *const known[] = {"changeSetId", "changeSetAuthor", "changeSetPath", "comment"};
    const char *path;
    size_t from = l->gathered.n;

    out->line = n->line;
    if (out->kind == ROLLBACK_NONE)
        out->kind = ROLLBACK_EMPTY;
    if (tree_child(n, "changeSetId")) {
        if (!tree_text(l, n, "changeSetId", &out->id) || !tree_text(l, n, "changeSetAuthor", &out->author) ||
            !tree_text(l, n, "changeSetPath", &path))
            return false;
        if (!out->id || !out->author)
            return tree_fault(l, n, "a rollback names a changeSetId without changeSetAuthor");
        out->kind = ROLLBACK_CHANGESET;
        out->path = path ? changelog_path_normalise(l->cx->arena, path) : NULL;
        return true;
    }
    struct tree_walk w = tree_walk(n);
    for (const struct node *c; (c = tree_next(&w));) {
        if (text_equal(c->name, "comment") || (c->type == NODE_NULL && !*c->name))
            continue;
        if (c->attribute && !tree_unknown(l, c, "rollback", known, COUNT(known)))
            return false;
        if (!*c->name && c->text)
            add_rollback_text(l, c);
        else if (!add_change(l, c, known, COUNT(known)))
            return false;
    }
    if (n->text && n->type != NODE_NULL && *text_skip_blanks(n->text))
        add_rollback_text(l, n);
    keep_gathered(l, from, &out->changes);
    if (out->changes.n)
        out->kind = ROLLBACK_CHANGES;
    return true;
}

/* ---- the parts of a changeset ---- */

static bool add_valid_sums(struct loader *l, const struct node *n, struct changeset *cs)
{
    if (n->text) {
        *VEC_PUSH(l->cx->arena, &cs->valid_sums) = text_trim(l->cx->arena, n->text);
        return true;
    }
    for (const struct node *c = n->first; c; c = c->next) {
        if (!c->text) {
            tree_fault(l, c, "'%s' must be a text, or a list of texts", n->name);
            err_hint(l->cx, "validCheckSum: 9:d41d8cd98f00b204e9800998ecf8427e");
            return false;
        }
        *VEC_PUSH(l->cx->arena, &cs->valid_sums) = text_trim(l->cx->arena, c->text);
    }
    return true;
}

static bool add_comment(struct loader *l, const struct node *n, struct changeset *cs)
{
    if (!n->text) {
        if (n->first)
            return tree_fault(l, n, "'%s' must be one text", n->name);
        return true;
    }
    const char *text = text_trim(l->cx->arena, n->text);
    cs->comments = *cs->comments ? arena_printf(l->cx->arena, "%s\n%s", cs->comments, text) : text;
    return true;
}

static bool load_part(struct loader *l, const struct node *n, struct changeset *cs);

static bool ignore_name(struct loader *l, const struct node *n)
{
    log_warning("%s:%d:%d: '%s' among the changes is ignored, as Liquibase does: it belongs into the changeSet itself",
                l->at->file, n->line, n->column, n->name);
    return true;
}

/* Other parts of the changeset may stand among the changes; attributes have no effect there. */
static bool add_changes(struct loader *l, const struct node *n, struct changeset *cs)
{
    struct tree_walk w = tree_walk(n);
    if (n->text && n->type != NODE_NULL)
        return tree_fault(l, n, "'changes' must be a list of changes");
    for (const struct node *c; (c = tree_next(&w));) {
        bool part = text_equal(c->name, "rollback") || text_equal(c->name, "modifySql") ||
                    text_equal(c->name, "preConditions") || text_equal(c->name, "validCheckSum");
        if (part               ? !load_part(l, c, cs)
            : is_name(c->name) ? !ignore_name(l, c)
                               : !add_change(l, c, names, COUNT(names)))
            return false;
    }
    return true;
}

static bool load_part(struct loader *l, const struct node *n, struct changeset *cs)
{
    if (text_equal(n->name, "changes"))
        return add_changes(l, n, cs);
    if (text_equal(n->name, "rollback"))
        return load_rollback(l, n, &cs->rollback);
    if (text_equal(n->name, "comment"))
        return add_comment(l, n, cs);
    if (text_equal(n->name, "comments")) { /* what the model calls it: easily written, and without effect */
        log_warning("%s:%d:%d: 'comments' in changeSet is ignored, as Liquibase does; it is called 'comment'",
                    l->at->file, n->line, n->column);
        return true;
    }
    if (text_equal(n->name, "validCheckSum") || text_equal(n->name, "validCheckSums"))
        return add_valid_sums(l, n, cs);
    if (text_equal(n->name, "modifySql"))
        return visitors_load(l->cx, n, l->at->file, l->source->contexts, l->source->labels, &cs->visitors);
    if (text_equal(n->name, "preConditions")) {
        cs->preconditions.file = l->at->file;
        return tree_preconditions(l, n, cs->quoting, &cs->preconditions);
    }
    if (is_name(n->name))
        return true;
    if (n->attribute || (!*n->name && n->text) || (!change_known(n->name) && n->text && !l->at->xml))
        return tree_unknown(l, n, "changeSet", names, COUNT(names));
    return add_change(l, n, names, COUNT(names));
}

static bool load_run_order(struct loader *l, const struct node *n, struct changeset *cs)
{
    const char *text;
    if (!tree_text(l, n, "runOrder", &text))
        return false;
    if (text_empty(text))
        return true;
    cs->run_order = text_equal_nocase(text, "first") ? -1 : text_equal_nocase(text, "last");
    if (cs->run_order)
        return true;
    tree_fault(l, tree_child(n, "runOrder"), "unknown value '%.60s' of runOrder", text);
    err_hint(l->cx, "first or last");
    return false;
}

static bool load_identity(struct loader *l, const struct node *n, struct changeset *cs)
{
    const char *logical;
    if (!tree_text(l, n, "id", &cs->id) || !tree_text(l, n, "author", &cs->author) ||
        !tree_text(l, n, "logicalFilePath", &logical))
        return false;
    if (text_empty(cs->id))
        return tree_fault(l, n, "a changeSet without id");
    if (!cs->author)
        return tree_fault(l, n, "the changeSet '%.60s' has no author", cs->id);
    logical = text_empty(logical) ? l->at->logical : logical;
    cs->path = logical ? changelog_path_normalise(l->cx->arena, logical) : l->at->path;
    cs->filename = logical ? path_stored(l->cx->arena, logical) : l->at->path;
    return true;
}

static bool load_attributes(struct loader *l, const struct node *n, struct changeset *cs)
{
    const char *context, *labels, *dbms;
    struct arena *a = l->cx->arena;

    if (!load_identity(l, n, cs) || !tree_flag(l, n, "runOnChange", false, &cs->run_on_change) ||
        !tree_flag(l, n, "runAlways", false, &cs->run_always) ||
        !tree_flag(l, n, "runInTransaction", true, &cs->run_in_transaction) ||
        !tree_flag(l, n, "failOnError", true, &cs->fail_on_error) || !tree_flag(l, n, "ignore", false, &cs->ignore) ||
        !tree_context(l, n, &context) || !tree_text(l, n, "labels", &labels) || !tree_text(l, n, "dbms", &dbms) ||
        !tree_text(l, n, "runWith", &cs->run_with) || !load_run_order(l, n, cs) || !tree_quoting(l, n, &cs->quoting))
        return false;
    if (context)
        *VEC_PUSH(a, &cs->contexts) = context;
    if (labels)
        split_commas(a, labels, true, &cs->labels);
    if (dbms)
        split_commas(a, dbms, true, &cs->dbms);
    return true;
}

bool tree_changeset(struct loader *l, struct node *n)
{
    struct changeset cs = {.file = l->at->file, .line = n->line, .comments = "", .quoting = l->at->quoting};
    struct tree_walk w;

    if (n->list || n->first || l->at->xml) {
        if (!tree_expand(l, n) || !load_attributes(l, n, &cs))
            return false;
    } else {
        return tree_fault(l, n, "an empty changeSet");
    }
    if (l->at->xml && n->text)
        return tree_fault(l, &(struct node){.line = n->text_line, .column = n->text_column},
                          "text between the elements of a changeSet: '%.40s'", n->text);
    if (dbms_matches(&cs.dbms)) {
        for (w = tree_walk(n), n = tree_next(&w); n; n = tree_next(&w)) {
            if (load_part(l, n, &cs))
                continue;
            err_detail(l->cx, "in changeset %s", changeset_name(l->cx->arena, &cs));
            return false;
        }
    }
    keep_gathered(l, 0, &cs.changes);
    load_inherit(l->cx->arena, l->at, &cs);
    *VEC_PUSH(l->cx->arena, &l->log->sets) = cs;
    return true;
}
