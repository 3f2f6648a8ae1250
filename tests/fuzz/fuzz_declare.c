/* Any text as a declared change and as a live write. What must hold: no fault, and an item that is accepted has a table, and all that its kind
 * needs; a name quoted for a declaration is read back as it was. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/integrity/compare.h"

static void check(const struct it_change *c)
{
    bool column = c->kind != CHANGE_ADD_TABLE && c->kind != CHANGE_DROP_TABLE && c->kind != CHANGE_RENAME_TABLE &&
                  c->kind != CHANGE_ROWS && c->kind != EXPECT_WHERE && c->kind != CHANGE_GUARD;
    bool expression =
        c->kind == CHANGE_ROWS || c->kind == EXPECT_VALUE || c->kind == EXPECT_DEFAULT || c->kind == EXPECT_WHERE;

    if (!*c->table || (column && !*c->column) || (expression && !*c->expr) || (c->kind == CHANGE_GUARD && !*c->what))
        abort();
    if ((c->kind == CHANGE_RENAME_COLUMN || c->kind == CHANGE_RENAME_TABLE) && (!c->to || !*c->to))
        abort();
}

static void quoted(struct ctx *cx, const char *name)
{
    struct it_declared d = {.changes = {.n = 0}};
    const char *item = arena_printf(cx->arena, "drop column t.%s", it_declared_name(cx->arena, name));
    struct str_list list = {.n = 0};

    *VEC_PUSH(cx->arena, &list) = item;
    if (!it_declared_parse(cx, &list, NULL, &d) || strcmp(d.changes.at[0].column, name) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct str_list list = {.n = 0};
    struct it_declared d = {.changes = {.n = 0}};

    if (!size || memchr(data, 0, size))
        return 0;
    char *text = arena_strndup(&a, (const char *)data, size);
    quoted(&cx, text);
    for (char *item = text, *end; item; item = end ? end + 1 : NULL) {
        if ((end = strchr(item, '\n')))
            *end = '\0';
        *VEC_PUSH(&a, &list) = item;
    }
    if (it_declared_parse(&cx, &list, NULL, &d))
        for (size_t i = 0; i < d.changes.n; i++)
            check(&d.changes.at[i]);
    err_clear(&cx);
    d = (struct it_declared){.changes = {.n = 0}};
    if (it_declared_parse(&cx, NULL, &list, &d))
        for (size_t i = 0; i < d.live.n; i++)
            if (!*d.live.at[i].table)
                abort();
    err_clear(&cx);
    it_name_matches(text, "public", "a.table");
    it_expression_is_column(&cx, text, "c");
    arena_free(&a);
    return 0;
}
