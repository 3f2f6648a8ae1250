/* load.c - from a path to a checked changelog: finding the file, choosing its parser, putting the changesets in order; see changelog.h. */
#include "dbstep/changelog.h"

#include <string.h>

#include "changelog_internal.h"
#include "dbstep/files.h"

enum notation { NOTATION_NONE, NOTATION_SQL, NOTATION_XML, NOTATION_YAML };

static enum notation notation_of(const char *path)
{
    static const struct {
        const char *end;
        enum notation notation;
    } ends[] = {{".sql", NOTATION_SQL},
                {".xml", NOTATION_XML},
                {".yaml", NOTATION_YAML},
                {".yml", NOTATION_YAML},
                {".json", NOTATION_YAML}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < COUNT(ends); i++)
        if (text_equal_nocase(dot, ends[i].end))
            return ends[i].notation;
    return NOTATION_NONE;
}

bool load_known(const char *path)
{
    return notation_of(path) != NOTATION_NONE;
}

/* ---- one file ---- */

void load_inherit(struct arena *a, const struct log_file *f, struct changeset *cs)
{
    struct str_list contexts = {.n = 0};
    cs->ignore = cs->ignore || f->ignore;
    if (!cs->run_with)
        cs->run_with = f->run_with;
    if (f->contexts.n && !cs->contexts.n) {
        cs->contexts.at = f->contexts.at; /* which nobody appends to */
        cs->contexts.n = f->contexts.n;
    } else if (f->contexts.n) {
        for (size_t i = 0; i < f->contexts.n; i++)
            *VEC_PUSH(a, &contexts) = f->contexts.at[i];
        for (size_t i = 0; i < cs->contexts.n; i++)
            *VEC_PUSH(a, &contexts) = cs->contexts.at[i];
        cs->contexts = contexts;
    }
    cs->inherited_labels.at = f->labels.at;
    cs->inherited_labels.n = f->labels.n;
}

static bool parse_sql(struct loader *l, const struct log_file *f, char *text, size_t len)
{
    size_t first = 0;
    struct changelog part = {.path = f->path, .file = f->file, .logical = f->logical};
    if (!sql_decode(l->cx, f->file, &text, &len))
        return false;
    while (first < len && text_blank(text[first]))
        first++;
    if (formatted_sql_header(text + first, strcspn(text + first, "\r\n"))) {
        if (!formatted_sql_parse(l->cx, l->source, &l->props, text, len, &part))
            return false;
    } else if (first == len) {
        fail(l->cx, E_CHANGELOG, "the changelog %s is empty", f->file);
        err_place(l->cx, f->file, 1, 1);
        return false;
    } else {
        raw_sql_parse(l->cx, &l->props, text, len, &part);
    }
    if (!l->log->sets.n) {
        l->log->sets.at = part.sets.at;
        l->log->sets.n = part.sets.n;
        l->log->sets.cap = part.sets.cap;
        return true;
    }
    for (size_t i = 0; i < part.sets.n; i++)
        *VEC_PUSH(l->cx->arena, &l->log->sets) = part.sets.at[i];
    return true;
}

static bool parse_tree(struct loader *l, const struct log_file *f, const char *text, size_t len)
{
    struct node *document;
    return (f->xml ? node_read_xml(l->cx, f->file, text, len, &document)
                   : node_read_yaml(l->cx, f->file, text, len, &document)) &&
           tree_parse(l, document);
}

static bool load_as(struct loader *l, struct log_file *f, enum notation notation, char *text, size_t len)
{
    size_t before = l->log->sets.n;
    f->number = ++l->n_files;
    f->xml = notation == NOTATION_XML;
    l->at = f;
    l->props.at = f;
    if (notation != NOTATION_SQL)
        return parse_tree(l, f, text, len);
    if (!parse_sql(l, f, text, len))
        return false;
    for (size_t i = before; i < l->log->sets.n; i++)
        load_inherit(l->cx->arena, f, &l->log->sets.at[i]);
    return true;
}

bool load_read(struct ctx *cx, struct changelog *log, const char *file, char **text, size_t *len)
{
    if (log)
        *VEC_PUSH(cx->arena, &log->files) = file;
    return file_read(cx, file, 0, text, len);
}

bool load_file(struct loader *l, struct log_file *f)
{
    char *text;
    size_t len;
    return load_read(l->cx, l->log, f->file, &text, &len) && load_as(l, f, notation_of(f->path), text, len);
}

/* ---- the whole ---- */

static void put_in_order(struct arena *a, struct changelog *log)
{
    bool any = false;
    for (size_t i = 0; i < log->sets.n && !any; i++)
        any = log->sets.at[i].run_order != 0;
    if (!any)
        return;
    struct changeset *sorted = arena_array(a, log->sets.n, sizeof *sorted), *to = sorted;
    for (int order = -1; order <= 1; order++)
        for (size_t i = 0; i < log->sets.n; i++)
            if (log->sets.at[i].run_order == order)
                *to++ = log->sets.at[i];
    log->sets.at = sorted;
    log->sets.cap = log->sets.n;
}

static struct loader *loader_new(struct ctx *cx, const struct changelog_source *source, struct changelog *log)
{
    struct loader *l = ARENA_NEW(cx->arena, struct loader);
    struct changelog_source *kept = ARENA_NEW(cx->arena, struct changelog_source);
    *kept = *source;
    *l = (struct loader){.cx = cx, .source = kept, .log = log};
    properties_init(cx, &l->props, kept);
    return l;
}

static bool finish(struct loader *l)
{
    preconditions_settle(l);
    if (!check_changelog(l->cx, l->log))
        return false;
    put_in_order(l->cx->arena, l->log);
    l->log = NULL; /* its place is the caller's */
    return true;
}

static bool parse_memory(struct ctx *cx, const struct changelog_source *source, const char *path,
                         enum notation notation, char *text, size_t len, struct changelog *out)
{
    struct log_file *f = ARENA_NEW(cx->arena, struct log_file);
    *out = (struct changelog){.path = changelog_path_normalise(cx->arena, path), .file = out->file ? out->file : path};
    f->path = out->path;
    f->file = out->file;
    struct loader *l = loader_new(cx, source, out);
    return load_as(l, f, notation, text, len) && finish(l);
}

bool changelog_parse(struct ctx *cx, const struct changelog_source *source, const char *path, char *text, size_t len,
                     struct changelog *out)
{
    return parse_memory(cx, source, path, notation_of(path), text, len, out);
}

bool changelog_parse_sql(struct ctx *cx, const struct changelog_source *source, const char *path, char *text,
                         size_t len, struct changelog *out)
{
    return parse_memory(cx, source, path, NOTATION_SQL, text, len, out);
}

bool changelog_load(struct ctx *cx, const struct changelog_source *source, struct changelog *out)
{
    const char *given = source->file;
    struct log_file *f = ARENA_NEW(cx->arena, struct log_file);

    *out = (struct changelog){.path = NULL};
    if (path_absolute(cx->arena, given)) {
        fail(cx, E_INPUT, "changelog_file must be relative to search_path, not '%s'", given);
        err_hint(cx, "the path identifies every changeset in the history, so it must not depend on the machine: "
                     "set search_path to the folder and changelog_file to what follows it");
        return false;
    }
    f->path = changelog_path_normalise(cx->arena, given);
    if (path_leads_out(f->path)) {
        fail(cx, E_INPUT, "changelog_file '%s' leads out of the search path", given);
        err_hint(cx, "set search_path to the folder that holds it");
        return false;
    }
    if (!path_find(cx, source, "changelog", f->path, &f->file)) {
        err_hint(cx, file_is_dir(f->path)
                         ? "name the changelog file itself"
                         : "changelog_file is relative to a folder of search_path (default: the working directory)");
        return false;
    }
    if (!load_known(f->path)) {
        fail(cx, E_CHANGELOG, "'%s' is no changelog that dbstep can read", f->path);
        err_place(cx, f->file, 1, 1);
        err_hint(cx,
                 "changelogs are .xml, .yaml, .yml, .json and .sql files: trees of changesets, formatted SQL, or plain "
                 "SQL as one changeset");
        return false;
    }
    out->path = f->path;
    out->file = f->file;
    struct loader *l = loader_new(cx, source, out);
    return load_file(l, f) && finish(l);
}
