/* names.c - texts of a changeset for people and for the history; see changelog.h. */
#include <string.h>

#include "dbstep/changelog.h"

char *changeset_name(struct arena *a, const struct changeset *cs)
{
    return arena_printf(a, "%s::%s::%s", cs->filename ? cs->filename : cs->path, cs->id, cs->author);
}

char *changeset_column(struct arena *a, const char *text)
{
    enum { ROOM = 250, KEPT = 247 };
    size_t characters = 0, kept = 0;
    for (const char *p = text; *p; p++) {
        bool starts = ((unsigned char)*p & 0xC0) != 0x80;
        if (starts && characters == KEPT)
            kept = (size_t)(p - text);
        characters += starts;
    }
    return characters > ROOM ? arena_printf(a, "%.*s...", (int)kept, text) : arena_strdup(a, text);
}

char *changeset_description(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->changes.n; i++)
        str_addf(&out, "%s%s", i ? "; " : "", cs->changes.at[i].description);
    if (!cs->changes.n)
        str_add(&out, "empty");
    return changeset_column(a, out.s);
}

char *changeset_contexts(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->contexts.n; i++) {
        const char *part = cs->contexts.at[i];
        bool compound = strpbrk(part, ", \t") != NULL;
        str_addf(&out, compound ? "%s(%s)" : "%s%s", out.len ? " AND " : "", part);
    }
    return out.len ? out.s : NULL;
}

static void add_labels(struct str *out, const struct str_list *labels)
{
    for (size_t i = 0; i < labels->n; i++)
        str_addf(out, "%s%s", out->len ? "," : "", labels->at[i]);
}

char *changeset_labels(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->inherited_labels.n; i++)
        add_labels(&out, &cs->inherited_labels.at[i]);
    add_labels(&out, &cs->labels);
    return out.len ? out.s : NULL;
}

bool changeset_labels_match(const struct changeset *cs, const char *expression)
{
    for (size_t i = 0; i < cs->inherited_labels.n; i++)
        if (!labels_match(&cs->inherited_labels.at[i], expression))
            return false;
    return labels_match(&cs->labels, expression);
}

void changeset_checksum(struct arena *a, const struct changeset *cs, int version, char out[CHECKSUM_MAX])
{
    changes_checksum(a, &cs->changes, &cs->visitors, version, out);
}
