/* source_map.c - where a byte of a text came from; see change.h. */
#include "dbstep/change.h"

void source_locate(const struct source_map *map, const char *sql, size_t offset, int *line, int *column)
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
        if (sql[i] == '\n')
            ++*line, *column = 1;
        else if (((unsigned char)sql[i] & 0xC0) != 0x80)
            ++*column;
    }
}
