/* placeholder.c - ${name} in migrations. As in Flyway, it is replaced wherever it stands, in quotes and comments too, and what is put in
 * is not looked at again. */
#include <stdio.h>
#include <string.h>

#include "dbstep/files.h"
#include "flyway_internal.h"

/* The last definition of the name, compared without case; NULL: none. */
static const char *look_up(const struct str_list *list, const char *name, size_t n)
{
    for (size_t i = list ? list->n : 0; i-- > 0;)
        if (strncasecmp(list->at[i], name, n) == 0 && list->at[i][n] == '=')
            return list->at[i] + n + 1;
    return NULL;
}

struct position {
    size_t at;
    int line, column;
};

static void advance(struct position *p, const char *text, size_t to)
{
    for (; p->at < to; p->at++) {
        p->column = text[p->at] == '\n' ? 1 : p->column + 1;
        p->line += text[p->at] == '\n';
    }
}

static void mark(struct ctx *cx, struct source_map *map, size_t offset, const struct position *p, bool fixed)
{
    *VEC_PUSH(cx->arena, &map->places) =
        (struct text_place){.offset = offset, .line = p->line, .column = p->column, .fixed = fixed};
}

static bool no_value(struct ctx *cx, const struct flyway_config *c, const char *file, const struct position *p,
                     const char *name, bool closed)
{
    if (!closed)
        fail(cx, E_CHANGELOG, "a placeholder begins with %s and has no %s", c->placeholder_prefix,
             c->placeholder_suffix);
    else
        fail(cx, E_CHANGELOG, "the placeholder %s%.100s%s has no value", c->placeholder_prefix, name,
             c->placeholder_suffix);
    err_hint(cx,
             "give it in parameters as name=value; or set placeholderReplacement=false, for all migrations or in the "
             "migration's own .conf file");
    err_place(cx, file, p->line, p->column);
    return false;
}

bool flyway_expand(struct ctx *cx, const struct flyway_config *c, const char *file, const char *text, size_t len,
                   const struct str_list *own, struct source_map *map, const char **out, size_t *out_len)
{
    struct position p = {.line = 1, .column = 1};
    size_t before = strlen(c->placeholder_prefix), behind = strlen(c->placeholder_suffix);
    struct str b = str_new(cx->arena);

    *map = (struct source_map){0};
    mark(cx, map, 0, &p, false);
    *out = text;
    *out_len = len;
    for (size_t done = 0;;) {
        const char *at = memmem(text + done, len - done, c->placeholder_prefix, before);
        if (!at && !done)
            return true;
        size_t from = at ? (size_t)(at - text) : len;
        str_addn(&b, text + done, from - done);
        if (!at)
            break;
        advance(&p, text, from);
        const char *name = at + before, *close = memmem(name, len - from - before, c->placeholder_suffix, behind);
        size_t n = close ? (size_t)(close - name) : 0;
        const char *value = close ? look_up(own, name, n) : NULL;
        value = value || !close ? value : look_up(&c->placeholders, name, n);
        if (!value)
            return no_value(cx, c, file, &p, arena_strndup(cx->arena, name, n), close != NULL);
        mark(cx, map, b.len, &p, true);
        str_add(&b, value);
        done = from + before + n + behind;
        advance(&p, text, done);
        mark(cx, map, b.len, &p, false);
    }
    *out = b.s;
    *out_len = b.len;
    return true;
}

bool script_text(struct ctx *cx, const struct flyway *f, const struct flyway_script *s, struct source_map *map,
                 const char **out, size_t *len)
{
    const struct flyway_config *c = f->config;
    struct str_list own = {0};

    if (s->replace_placeholders == 0 || (s->replace_placeholders < 0 && !c->replace_placeholders)) {
        struct position p = {.line = 1, .column = 1};
        *map = (struct source_map){0};
        mark(cx, map, 0, &p, false);
        *out = s->text;
        *len = s->len;
        return true;
    }
    for (size_t i = 0; i < f->placeholders.n; i++)
        *VEC_PUSH(cx->arena, &own) = f->placeholders.at[i];
    *VEC_PUSH(cx->arena, &own) =
        arena_printf(cx->arena, "flyway%sfilename=%s", c->placeholder_separator, path_base(s->script));
    return flyway_expand(cx, c, s->file, s->text, s->len, &own, map, out, len);
}
