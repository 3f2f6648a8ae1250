/* properties.c - ${name} in changelogs; see changelog_internal.h.
 *
 * An environment variable of exactly that name wins, then a parameter of the run, then the first global definition in a file, then the first
 * one of the file's own, names compared without regard to case. A value is expanded again; braces nest; what is unknown stays as it is.
 */
#include <string.h>

#include "changelog_internal.h"

#define DEPTH_MAX 32                     /* of values within values: beyond this they go in a circle */
#define EXPANDED_MAX ((size_t)512 << 20) /* of one text */
#define STEPS_MAX 1000000                /* replacements inside values, of one text */
#define NAME_MAX_BYTES 512               /* a closing brace farther away belongs to something else */

struct expansion {
    struct ctx *cx;
    const struct properties *props;
    struct str *out;
    long *steps;
};

void properties_init(struct ctx *cx, struct properties *p, const struct changelog_source *source)
{
    *p = (struct properties){.source = source};
    for (size_t i = 0; source->parameters && i < source->parameters->n; i++) {
        const char *text = source->parameters->at[i], *eq = strchr(text, '=');
        if (eq)
            properties_define(cx, p, arena_strndup(cx->arena, text, (size_t)(eq - text)), eq + 1, true);
    }
}

static size_t bucket_of(const char *name)
{
    unsigned h = 5381;
    for (const char *c = name; *c; c++)
        h = h * 33 + (unsigned char)*c;
    return h % PROPERTY_BUCKETS;
}

static const struct property *find(const struct properties *p, const char *lower, unsigned file)
{
    for (const struct property *q = p->buckets[bucket_of(lower)]; q; q = q->older)
        if (q->file == file && text_equal(q->name, lower))
            return q;
    return NULL;
}

void properties_define(struct ctx *cx, struct properties *p, const char *name, const char *value, bool global)
{
    const char *lower = text_lower(cx->arena, text_trim(cx->arena, name));
    unsigned file = global || !p->at ? 0 : p->at->number;
    if (find(p, lower, file))
        return;
    struct property *q = ARENA_NEW(cx->arena, struct property), **slot = &p->buckets[bucket_of(lower)];
    *q = (struct property){.older = *slot, .name = lower, .value = arena_strdup(cx->arena, value), .file = file};
    *slot = q;
}

const char *properties_value(struct ctx *cx, const struct properties *p, const char *name)
{
    const struct changelog_source *s = p->source;
    const char *v = s->environment ? s->environment(s->environment_user, name) : NULL;
    if (v)
        return v;
    const char *lower = text_lower(cx->arena, name);
    const struct property *q = find(p, lower, 0);
    if (!q && p->at)
        q = find(p, lower, p->at->number);
    return q ? q->value : NULL;
}

bool property_applies(const struct changelog_source *source, const char *context, const struct str_list *labels,
                      const struct str_list *dbms)
{
    return context_matches(context, source->contexts) && labels_match(labels, source->labels) && dbms_matches(dbms);
}

static bool expand(struct expansion *e, const char *text, size_t len, struct source_map *old, struct source_map *map,
                   int depth);

/* The '}' that closes the "${" whose inside starts at `from`; len when there is none. */
static size_t closing(const char *text, size_t from, size_t len)
{
    int open = 1;
    for (size_t i = from; i < len; i++) {
        if (text[i] == '$' && i + 1 < len && text[i + 1] == '{')
            open++, i++;
        else if (text[i] == '}' && --open == 0)
            return i;
    }
    return len;
}

static void keep_place(struct ctx *cx, struct source_map *old, struct source_map *map, const char *text, size_t at,
                       size_t to, bool fixed)
{
    if (!map)
        return;
    struct text_place place = {.offset = to, .fixed = fixed};
    source_locate(old, text, at, &place.line, &place.column);
    *VEC_PUSH(cx->arena, &map->places) = place;
}

static bool expand(struct expansion *e, const char *text, size_t len, struct source_map *old, struct source_map *map,
                   int depth)
{
    struct ctx *cx = e->cx;
    size_t next_place = 0;

    if (depth > DEPTH_MAX)
        return fail(cx, E_CHANGELOG, "the properties behind ${} refer to one another in a circle");
    for (size_t i = 0; i < len;) {
        const char *mark = memchr(text + i, '$', len - i);
        size_t upto = mark ? (size_t)(mark - text) : len;
        while (map && next_place < old->places.n && old->places.at[next_place].offset <= upto) {
            struct text_place p = old->places.at[next_place++];
            if (p.offset >= i) { /* a stretch that starts inside a replaced ${…} has no text any more */
                p.offset = e->out->len + (p.offset - i);
                *VEC_PUSH(cx->arena, &map->places) = p;
            }
        }
        str_addn(e->out, text + i, upto - i);
        i = upto;
        if (i == len)
            break;
        size_t limit = len - i > NAME_MAX_BYTES ? i + NAME_MAX_BYTES : len;
        size_t end = i + 1 < len && text[i + 1] == '{' ? closing(text, i + 2, limit) : limit;
        if (end == limit) {
            str_addc(e->out, text[i++]);
            continue;
        }
        struct str inner = str_new(cx->arena);
        struct expansion sub = {cx, e->props, &inner, e->steps};
        if (!expand(&sub, text + i + 2, end - i - 2, NULL, NULL, depth + 1))
            return false;
        const char *value = properties_value(cx, e->props, text_trim(cx->arena, inner.s));
        if (!value) { /* unknown: stays, but for what was known inside its braces */
            str_addf(e->out, "${%s}", inner.s);
            i = end + 1;
            continue;
        }
        if (depth && ++*e->steps > STEPS_MAX)
            return fail(cx, E_CHANGELOG, "the properties behind ${} multiply beyond measure");
        keep_place(cx, old, map, text, i, e->out->len, true);
        if (e->out->len > EXPANDED_MAX)
            return fail(cx, E_CHANGELOG, "the expanded text is longer than %s", text_size(cx->arena, EXPANDED_MAX));
        if (!expand(e, value, strlen(value), NULL, NULL, depth + 1))
            return false;
        i = end + 1;
        keep_place(cx, old, map, text, i < len ? i : len, e->out->len, false);
    }
    return true;
}

bool properties_expand(struct ctx *cx, const struct properties *p, const char *text, size_t len, struct source_map *map,
                       const char **out, size_t *out_len)
{
    *out = text;
    *out_len = len;
    if (!memmem(text, len, "${", 2))
        return true;
    struct str expanded = str_new(cx->arena);
    struct source_map moved = {0};
    long steps = 0;
    struct expansion e = {cx, p, &expanded, &steps};
    if (!expand(&e, text, len, map, map ? &moved : NULL, 0))
        return false;
    if (map)
        *map = moved;
    *out = expanded.s;
    *out_len = expanded.len;
    return true;
}
