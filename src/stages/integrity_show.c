/* integrity_show.c - a comparison for people: strips of key ranges, and rows before and after. */
#include <string.h>

#include "integrity_common.h"

enum { MOST_STRIPS = 60 };

static bool differs(const struct integrity_table *t)
{
    for (size_t i = 0; i < INTEGRITY_CELLS; i++)
        if (t->strip[i])
            return true;
    return false;
}

/* Those that differ first, then a few others for comparison. */
size_t integrity_strips(const struct integrity_report *r, const struct integrity_table **out, size_t most,
                        size_t *hidden)
{
    size_t n = 0, others = 0;

    *hidden = 0;
    for (int differing = 1; differing >= 0; differing--)
        for (size_t i = 0; i < r->tables.n; i++) {
            const struct integrity_table *t = &r->tables.at[i];
            if (!t->strip_order || differs(t) != differing)
                continue;
            if (n == most || (!differing && others == INTEGRITY_STRIPS_EQUAL)) {
                ++*hidden;
                continue;
            }
            out[n++] = t;
            others += !differing;
        }
    return n;
}

static void strips(struct run *run, const struct integrity_report *r)
{
    const struct integrity_table *shown[MOST_STRIPS];
    size_t hidden, n = integrity_strips(r, shown, COUNT(shown), &hidden);

    if (!n || !differs(shown[0])) /* nothing to be seen; the picture shows it all the same */
        return;
    struct result_table *t = result_table(
        run->result, "Key ranges: = equal, ~ changed, - missing, + extra, * several of these, ? not compared",
        "table|=ranges|order");
    for (size_t i = 0; i < n; i++) {
        char cells[INTEGRITY_CELLS + 1] = "";
        for (size_t c = 0; c < INTEGRITY_CELLS; c++)
            cells[c] = integrity_cell_sign(shown[i]->strip[c]);
        const char *const row[] = {shown[i]->object, cells, shown[i]->strip_order};
        result_row(run->result, t, row);
    }
    if (hidden) {
        const char *const row[] = {
            arena_printf(run->cx->arena, "… and %s", text_plural(run->cx->arena, (long long)hidden, "more table")), "",
            ""};
        result_row(run->result, t, row);
    }
}

/* "price=•••, quantity=•••": which cells changed is no secret, what is in them may be. */
static const char *hidden_values(struct arena *a, const char *columns)
{
    struct str s = str_new(a);

    for (const char *p = columns; *p;) {
        const char *end = strstr(p, ", ");
        size_t n = end ? (size_t)(end - p) : strlen(p);
        str_addf(&s, "%s%.*s=•••", s.len ? ", " : "", (int)n, p);
        p += n + (end ? 2 : 0);
    }
    return s.s;
}

static void rows(struct run *run, const struct integrity_report *r)
{
    struct arena *a = run->cx->arena;

    if (!r->rows.n)
        return;
    struct result_table *t = result_table(run->result, "Differing rows", "table|difference|key|columns|-before|+after");
    for (size_t i = 0; i < r->rows.n; i++) {
        const struct integrity_row *w = &r->rows.at[i];
        bool values = w->before || w->after, changed = text_equal(w->kind, "changed");
        const char *hidden = changed && !values ? hidden_values(a, w->columns) : "";
        const char *const cells[] = {
            w->object, w->kind, w->key, w->columns, w->before ? w->before : hidden, w->after ? w->after : hidden};
        result_row(run->result, t, cells);
    }
}

void integrity_show(struct run *run, const struct integrity_report *r)
{
    strips(run, r);
    rows(run, r);
}
