/* changelog.h - what must hold of any text as a changelog: no fault; a refusal has a place; what is accepted is whole. */
#ifndef DBSTEP_FUZZ_CHANGELOG_H
#define DBSTEP_FUZZ_CHANGELOG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/changelog.h"

static void check_places(const struct change *c)
{
    int line, column;
    if (!c->name || !c->description || !c->file)
        abort();
    if (!c->sql || !c->map.places.n)
        return;
    if (strlen(c->sql) != c->sql_len)
        abort();
    source_locate(&c->map, c->sql, c->sql_len, &line, &column);
    if (line < 1 || column < 1)
        abort();
}

static void check_changeset(struct ctx *cx, const struct changeset *cs)
{
    char sum[CHECKSUM_MAX];
    if (!cs->id || !*cs->id || !cs->author || !cs->path || !cs->filename || !cs->file || !cs->comments || cs->line < 1)
        abort();
    for (size_t i = 0; i < cs->changes.n; i++)
        check_places(&cs->changes.at[i]);
    for (size_t i = 0; i < cs->rollback.changes.n; i++)
        check_places(&cs->rollback.changes.at[i]);
    changeset_checksum(cx->arena, cs, CHECKSUM_V8, sum);
    changeset_checksum(cx->arena, cs, CHECKSUM_V9, sum);
    if (!changeset_description(cx->arena, cs))
        abort();
    changeset_contexts(cx->arena, cs);
    changeset_labels(cx->arena, cs);
    changeset_labels_match(cs, "a and !b");
}

/* Includes find nothing: the search path is a folder that does not exist. */
static void check_changelog_text(const char *name, const uint8_t *data, size_t size)
{
    static const char *folders[] = {"/nonexistent/dbstep"};
    static const struct str_list search = {.at = folders, .n = 1};
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog_source source = {.file = name, .search_path = &search};
    struct changelog log = {.file = name};

    if (changelog_parse(&cx, &source, name, arena_strndup(&a, (const char *)data, size), size, &log)) {
        for (size_t i = 0; i < log.sets.n; i++)
            check_changeset(&cx, &log.sets.at[i]);
    } else if (cx.err.code != E_FILE && (cx.err.code != E_CHANGELOG || cx.err.line < 1 || cx.err.column < 1)) {
        abort();
    }
    arena_free(&a);
}

#endif
