/* include.c - include and includeAll; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"
#include "dbstep/log.h"

/* What an include says about the file: as a log_file, but for path and file. */
static bool inherit(struct loader *l, const struct node *n, struct log_file *f)
{
    struct arena *a = l->cx->arena;
    const char *context, *labels, *logical;
    bool ignore;

    if (!tree_context(l, n, &context) || !tree_text(l, n, "labels", &labels) ||
        !tree_text(l, n, "logicalFilePath", &logical) || !tree_flag(l, n, "ignore", false, &ignore))
        return false;
    *f = (struct log_file){.parent = l->at,
                           .ignore = ignore || l->at->ignore,
                           .logical = text_empty(logical) ? NULL : logical,
                           .run_with = l->at->run_with,
                           .depth = l->at->depth + 1};
    if (context)
        *VEC_PUSH(a, &f->contexts) = context;
    for (size_t i = 0; i < l->at->contexts.n; i++)
        *VEC_PUSH(a, &f->contexts) = l->at->contexts.at[i];
    if (!text_empty(labels)) {
        struct str_list list = {.n = 0};
        split_commas(a, labels, true, &list);
        if (list.n)
            *VEC_PUSH(a, &f->labels) = list;
    }
    for (size_t i = 0; i < l->at->labels.n; i++)
        *VEC_PUSH(a, &f->labels) = l->at->labels.at[i];
    return true;
}

static bool check_known(struct loader *l, const struct node *n, const char *const *known, size_t n_known)
{
    struct tree_walk w = tree_walk(n);
    for (const struct node *c; (c = tree_next(&w));) {
        size_t i = 0;
        while (i < n_known && !text_equal(c->name, known[i]))
            i++;
        if (i == n_known && !tree_unknown(l, c, n->name, known, n_known))
            return false;
    }
    return true;
}

/* The file that is to be included is not one of those that include it. */
static bool check_circle(struct loader *l, const struct node *n, const struct log_file *f)
{
    if (f->depth > INCLUDE_DEPTH_MAX)
        return tree_fault(l, n, "more than %d changelogs include one another", INCLUDE_DEPTH_MAX);
    for (const struct log_file *p = l->at; p; p = p->parent) {
        if (!text_equal(p->path, f->path))
            continue;
        tree_fault(l, n, "the changelog '%s' includes itself", f->path);
        struct str chain = str_new(l->cx->arena);
        for (const struct log_file *q = l->at; q != p->parent; q = q->parent)
            str_addf(&chain, "%s%s", chain.len ? ", which is included by " : "", q->path);
        err_detail(l->cx, "it is included by %s", chain.s);
        err_hint(l->cx, "take this include away%s",
                 text_equal(n->name, "includeAll") ? ", or move the file out of the folder" : "");
        return false;
    }
    return true;
}

static bool load(struct loader *l, const struct node *n, struct log_file *f)
{
    struct log_file *including = l->at;
    if (!check_circle(l, n, f))
        return false;
    if (l->n_files >= INCLUDE_FILES_MAX)
        return tree_fault(l, n, "the changelog includes more than %d files", INCLUDE_FILES_MAX);
    bool ok = load_file(l, f);
    l->at = including;
    l->props.at = including;
    return ok;
}

bool tree_include(struct loader *l, const struct node *n)
{
    static const char *const known[] = {"file",   "relativeToChangelogFile", "errorIfMissing", "context",
                                        "labels", "contextFilter",           "ignore",         "logicalFilePath"};
    struct arena *a = l->cx->arena;
    struct log_file *f = ARENA_NEW(a, struct log_file);
    const char *name;
    bool relative, required;

    if (!check_known(l, n, known, COUNT(known)) || !inherit(l, n, f) || !tree_text(l, n, "file", &name) ||
        !tree_flag(l, n, "relativeToChangelogFile", false, &relative) ||
        !tree_flag(l, n, "errorIfMissing", true, &required))
        return false;
    if (text_empty(name))
        return tree_fault(l, n, "an include without file");
    f->path = relative ? path_beside(a, l->at->path, name) : changelog_path_normalise(a, name);
    if (path_leads_out(f->path)) {
        tree_fault(l, n, "the included changelog '%s' leads out of the search path", name);
        err_hint(l->cx, "add the folder that holds it to search_path");
        return false;
    }
    if (!path_find(l->cx, l->source, "changelog", f->path, &f->file)) {
        if (!required && l->cx->err.code == E_FILE) {
            err_clear(l->cx);
            log_info("%s:%d: the changelog '%s' does not exist, which is allowed there", l->at->file, n->line, f->path);
            return true;
        }
        err_place(l->cx, l->at->file, n->line, n->column);
        err_hint(l->cx, "an include is relative to a folder of search_path, or with relativeToChangelogFile to the "
                        "folder of the changelog that says it");
        return false;
    }
    if (!load_known(f->path)) {
        tree_fault(l, n, "'%s' is no changelog that can be included", f->path);
        err_hint(l->cx, "changelogs are .xml, .yaml, .yml, .json and .sql files");
        return false;
    }
    return load(l, n, f);
}

static bool depth_attribute(struct loader *l, const struct node *n, const char *name, int otherwise, int *out)
{
    const char *text;
    char *end;
    *out = otherwise;
    if (!tree_text(l, n, name, &text))
        return false;
    if (!text)
        return true;
    long v = strtol(text, &end, 10);
    if (end == text || *end)
        return tree_fault(l, tree_child(n, name), "'%.60s' is no value of %s: it is a number", text, name);
    *out = v > PATH_DEPTH_MAX ? PATH_DEPTH_MAX : v < 0 ? 0 : (int)v;
    return true;
}

static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return m <= n && text_equal_nocase(path + n - m, end);
}

bool tree_include_all(struct loader *l, const struct node *n)
{
    static const char *const known[] = {"path",
                                        "relativeToChangelogFile",
                                        "errorIfMissingOrEmpty",
                                        "context",
                                        "labels",
                                        "contextFilter",
                                        "ignore",
                                        "minDepth",
                                        "maxDepth",
                                        "endsWithFilter",
                                        "filter",
                                        "resourceComparator",
                                        "logicalFilePath",
                                        "resourceFilter"};
    struct arena *a = l->cx->arena;
    const char *name, *end, *filter;
    struct path_list found;
    struct log_file like;
    bool relative, required, exists, any = false;
    int least, most;

    if (!check_known(l, n, known, COUNT(known)) || !inherit(l, n, &like) || !tree_text(l, n, "path", &name) ||
        !tree_text(l, n, "endsWithFilter", &end) || !tree_text(l, n, "filter", &filter) ||
        (!filter && !tree_text(l, n, "resourceFilter", &filter)) ||
        !tree_flag(l, n, "relativeToChangelogFile", false, &relative) ||
        !tree_flag(l, n, "errorIfMissingOrEmpty", true, &required) || !depth_attribute(l, n, "minDepth", 0, &least) ||
        !depth_attribute(l, n, "maxDepth", PATH_DEPTH_MAX, &most))
        return false;
    if (!name)
        return tree_fault(l, n, "an includeAll without path");
    if (filter) {
        tree_fault(l, n, "an includeAll with filter '%.100s', which is a Java class", filter);
        err_hint(l->cx, "choose the files with endsWithFilter, minDepth and maxDepth, or include them one by one");
        return false;
    }
    const struct node *comparator = tree_child(n, "resourceComparator");
    if (comparator)
        log_warning(
            "%s:%d:%d: resourceComparator is a Java class and ignored: the files come in the order of their paths",
            l->at->file, comparator->line, comparator->column);
    const char *path = relative ? path_beside(a, l->at->path, name) : changelog_path_normalise(a, name);
    if (text_starts(path, "../") || text_equal(path, ".."))
        return tree_fault(l, n, "the folder '%s' of includeAll leads out of the search path", name);
    if (!path_list(l->cx, l->source, path, &found, &exists)) {
        err_place(l->cx, l->at->file, n->line, n->column);
        return false;
    }
    for (size_t i = 0; i < found.list.n; i++) {
        const struct found_path *p = &found.list.at[i];
        if (p->depth < least || p->depth > most || !load_known(p->path) || (end && !ends_with(p->path, end)))
            continue;
        struct log_file *f = ARENA_NEW(a, struct log_file);
        *f = like;
        f->path = p->path;
        f->file = p->file;
        any = true;
        if (!load(l, n, f))
            return false;
    }
    if (any || !required)
        return true;
    tree_fault(l, n,
               exists ? "no changelog in the folder '%s' of includeAll is meant"
                      : "cannot find the folder '%s' of includeAll",
               path);
    err_hint(l->cx,
             "it is relative to a folder of search_path; errorIfMissingOrEmpty=\"false\" allows that there is none");
    return false;
}
