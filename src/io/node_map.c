/* node_map.c - where a byte of a text came from; see node.h. */
#include "dbstep/node.h"

void source_locate(const struct source_map *map, const char *text, size_t offset, int *line, int *column)
{
    size_t lo = 0, hi = map->places.n;
    *line = *column = 0;
    if (!hi)
        return;
    while (hi - lo > 1) { /* the last stretch that starts at or before the offset */
        size_t mid = lo + (hi - lo) / 2;
        if (map->places.at[mid].offset <= offset)
            lo = mid;
        else
            hi = mid;
    }
    const struct text_place *p = &map->places.at[lo];
    *line = p->line;
    *column = p->column;
    if (p->fixed)
        return;
    for (size_t i = p->offset; i < offset; i++) {
        if (text[i] == '\n')
            ++*line, *column = 1;
        else if (((unsigned char)text[i] & 0xC0) != 0x80)
            ++*column;
    }
}

void source_map_cut(struct arena *a, struct source_map *map, const char *text, size_t n)
{
    struct source_map moved = {0};
    struct text_place first = {.offset = 0};

    if (!n || !map->places.n)
        return;
    source_locate(map, text, n, &first.line, &first.column);
    for (size_t i = 0; i < map->places.n && map->places.at[i].offset <= n; i++)
        first.fixed = map->places.at[i].fixed;
    *VEC_PUSH(a, &moved.places) = first;
    for (size_t i = 0; i < map->places.n; i++) {
        struct text_place place = map->places.at[i];
        if (place.offset <= n)
            continue;
        place.offset -= n;
        *VEC_PUSH(a, &moved.places) = place;
    }
    *map = moved;
}

struct source_map node_map(struct arena *a, const struct node *n)
{
    struct source_map map = {0};

    for (size_t i = 0; n->map && i < n->map->places.n; i++)
        *VEC_PUSH(a, &map.places) = n->map->places.at[i];
    if (!map.places.n)
        *VEC_PUSH(a, &map.places) = (struct text_place){.line = n->text_line, .column = n->text_column};
    return map;
}
