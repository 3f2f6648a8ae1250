/* values.c - the values of one differing row, side by side, for people.
 *
 * A long value is shown around the first place where the two sides differ, cut between characters. What would be invisible or move a terminal's
 * cursor is written as an escape, and the value is quoted then, as are empty ones and those with blanks at an end. */
#include <stdio.h>
#include <string.h>

#include "compare.h"

enum { FETCHED = 2000, SHOWN = 80, LEAD = 20, MOST_COLUMNS = 20 };

/* Code points without a picture of their own, or which reorder what follows: bytes of the sequence at s; 0: it is none of them. */
static size_t unseen(const unsigned char *s, unsigned *code)
{
    if (*s < 0x20 || *s == 0x7F) {
        *code = *s;
        return 1;
    }
    size_t bytes = text_utf8_sequence((const char *)s);
    if (bytes == 2 && s[0] == 0xC2 && (s[1] < 0xA1 || s[1] == 0xAD)) {
        *code = s[1];
        return 2;
    }
    if (bytes != 3)
        return 0;
    if (s[0] == 0xE2 && (s[1] == 0x80 || s[1] == 0x81)) {
        *code = 0x2000u + (unsigned)(s[1] - 0x80) * 64 + (s[2] & 0x3Fu);
        bool hidden = (*code <= 0x200F) || (*code >= 0x2028 && *code <= 0x202F) || (*code >= 0x205F && *code <= 0x206F);
        return hidden ? 3 : 0;
    }
    if (s[0] == 0xEF && s[1] == 0xBB && s[2] == 0xBF) {
        *code = 0xFEFF;
        return 3;
    }
    return 0;
}

void it_value_shown(struct str *out, const char *v, size_t n)
{
    bool quote = !n || v[0] == ' ' || v[n - 1] == ' ' || v[0] == '"' || (n == 4 && memcmp(v, "NULL", 4) == 0);
    unsigned code;

    for (size_t i = 0; i < n && !quote; i++)
        quote = unseen((const unsigned char *)v + i, &code) != 0;
    if (!quote) {
        str_addn(out, v, n);
        return;
    }
    str_addc(out, '"');
    for (size_t i = 0; i < n;) {
        size_t bytes = unseen((const unsigned char *)v + i, &code);
        if (!bytes) {
            if (v[i] == '"' || v[i] == '\\')
                str_addc(out, '\\');
            str_addc(out, v[i++]);
            continue;
        }
        if (code == '\n')
            str_add(out, "\\n");
        else if (code == '\t')
            str_add(out, "\\t");
        else if (code == '\r')
            str_add(out, "\\r");
        else
            str_addf(out, "\\u%04x", code);
        i += bytes;
    }
    str_addc(out, '"');
}

/* Both sides' rows, read by their keys: the wanted columns, the longest ones cut. */
static bool fetch(struct ctx *cx, const struct it_place *at, const struct it_place *other, const uint8_t *which,
                  struct pg_rows *got)
{
    const struct it_pass *p = at->pass;
    struct pg *pg = pg_pool_first(p->side->pool);
    struct str sql = str_new(cx->arena);
    struct str_list names = {.n = 0};
    size_t n = 0;

    str_add(&sql, "SELECT ");
    for (size_t c = 0; c < p->columns.n; c++)
        if (!which || which[c])
            str_addf(&sql, "%sleft(t.%s::text, %d)", n++ ? ", " : "", pg_ident(cx, pg, p->columns.at[c].name), FETCHED);
    for (size_t c = 0; c < p->keys.n + p->columns.n; c++)
        *VEC_PUSH(cx->arena, &names) = c < p->keys.n ? p->keys.at[c].name : p->columns.at[c - p->keys.n].name;
    str_addf(&sql, "%s FROM %s t WHERE ", n ? "" : "1", it_rows_of(cx, pg, p->table, &names));
    for (size_t k = 0; k < p->keys.n; k++) { /* other types' operators are out of sight, and may be anybody's */
        bool built_in = *p->keys.at[k].base && *other->pass->keys.at[k].base;
        str_addf(&sql, "%st.%s%s = %s", k ? " AND " : "", pg_ident(cx, pg, p->keys.at[k].name),
                 built_in ? "" : "::text COLLATE \"C\"", pg_literal(cx, pg, pg_text(at->rows, at->row, (int)k + 1)));
    }
    return pg_query(cx, pg, got, sql.s, 0, NULL);
}

/* Bytes that both values begin with, whole characters. */
static size_t in_common(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    while (n && ((unsigned char)a[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static void add_value(struct str *out, const char *v, size_t same)
{
    size_t len = strlen(v), from = 0;

    if (same > SHOWN - LEAD && len > SHOWN) {
        from = same - LEAD;
        while (from && ((unsigned char)v[from] & 0xC0) == 0x80)
            from--;
    }
    size_t n = text_utf8_prefix(v + from, len - from, SHOWN);
    str_add(out, from ? "…" : "");
    it_value_shown(out, v + from, n);
    str_add(out, from + n < len ? "…" : "");
}

bool it_values(struct ctx *cx, const struct it_place place[2], const uint8_t *which, const char *out[2])
{
    PG_ROWS_AUTO left = {.n = 0};
    PG_ROWS_AUTO right = {.n = 0};
    const struct pg_rows *rows[2] = {&left, &right};

    if ((place[0].rows && !fetch(cx, &place[0], &place[1], which, &left)) ||
        (place[1].rows && !fetch(cx, &place[1], &place[0], which, &right)))
        return false;
    for (int s = 0; s < 2; s++) {
        const struct it_column_list *columns = &place[s].pass->columns;
        struct str text = str_new(cx->arena);
        int at = 0;
        if (!rows[s]->n)
            continue;
        for (size_t c = 0; c < columns->n; c++) {
            if (which && !which[c])
                continue;
            if (at < MOST_COLUMNS) {
                const char *v = pg_text(rows[s], 0, at);
                str_addf(&text, "%s%s=", at ? ", " : "", columns->at[c].name);
                size_t same = rows[1 - s]->n ? in_common(v, pg_text(rows[1 - s], 0, at)) : 0;
                bool alike = same && text_equal(v, pg_text(rows[1 - s], 0, at));
                if (pg_null(rows[s], 0, at))
                    str_add(&text, "NULL");
                else
                    add_value(&text, v, alike ? 0 : same);
                if (alike && same >= FETCHED)
                    str_add(&text, " (they differ further on)");
            }
            at++;
        }
        if (at > MOST_COLUMNS)
            str_addf(&text, ", … and %s", text_plural(cx->arena, at - MOST_COLUMNS, "more column"));
        out[s] = text.s;
    }
    return true;
}
