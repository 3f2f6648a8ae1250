/* serialise.c - a change's fields as the text that its checksum covers; see type.h.
 *
 *     name:[
 *         columns=[
 *             [
 *                 [
 *                     nullable="false"
 *                 ]
 *                 name="id"
 *             ]
 *         ]
 *         tableName="t"
 *     ]
 *
 * Fields are sorted as Java compares strings, equal ones collapse, and a nested object (a column's constraints) bears no name.
 */
#include <stdlib.h>
#include <string.h>

#include "dbstep/unicode.h"
#include "type.h"

static const char *object(struct arena *a, const struct node *n, const struct change_field *fields, size_t n_fields,
                          unsigned left_out, int depth);

/* Order of UTF-16 code units: what lies beyond U+FFFF sorts before U+E000. */
static int utf16_order(const void *x, const void *y)
{
    const unsigned char *p = *(const unsigned char *const *)x, *q = *(const unsigned char *const *)y;

    while (*p && *p == *q)
        p++, q++;
    int c = *p, d = *q;
    if (c >= 0xee && d >= 0xee && (c >= 0xf0) != (d >= 0xf0))
        return c >= 0xf0 ? -1 : 1;
    return c - d;
}

static void add_pad(struct str *s, int depth)
{
    for (int i = 0; i < depth; i++)
        str_add(s, "    ");
}

/* NULL: the list is empty. */
static const char *list_line(struct arena *a, const char *name, struct node_list list, unsigned left_out, int depth)
{
    struct str s = str_new(a);

    if (!list.n)
        return NULL;
    str_addf(&s, "%s=[", name);
    for (size_t i = 0; i < list.n; i++) {
        str_add(&s, i ? ",\n" : "\n");
        add_pad(&s, depth + 1);
        str_add(&s, object(a, list.at[i], column_fields, n_column_fields, left_out, depth + 2));
    }
    str_addc(&s, '\n');
    add_pad(&s, depth);
    str_addc(&s, ']');
    return s.s;
}

/* "010" -> "10" */
const char *sql_integer(struct arena *a, const char *text)
{
    bool negative = *text == '-';

    text += strspn(text, "-+");
    while (text[0] == '0' && text[1])
        text++;
    return negative ? arena_printf(a, "-%s", text) : text;
}

static const char *value_line(struct arena *a, const char *name, const char *computed, struct sql_value v)
{
    if (v.kind == VALUE_NONE)
        return NULL;
    return arena_printf(a, "%s=\"%s\"", v.kind == VALUE_COMPUTED ? computed : name, v.text);
}

/* One field's line without its indentation; NULL: there is none. */
static const char *line_of(struct arena *a, const struct node *n, const struct change_field *f, unsigned left_out,
                           int depth)
{
    const char *name = f->sum_name ? f->sum_name : f->name, *text;
    const struct node *constraints;

    switch (f->kind) {
    case FIELD_COLUMNS:
        left_out |= f->flags & FIELD_OF_INDEX;
        return list_line(a, name, columns_of(a, n), left_out, depth);
    case FIELD_PARAMS: return list_line(a, name, params_of(a, n), left_out, depth);
    case FIELD_CONSTRAINTS:
        constraints = column_constraints(n);
        return constraints ? object(a, constraints, constraint_fields, n_constraint_fields, left_out, depth + 1) : NULL;
    case FIELD_BODY: text = field_body(n, f->name); break;
    case FIELD_BOOLEAN: text = field_text(n, f->name) ? field_bool(n, f->name, false) ? "true" : "false" : NULL; break;
    case FIELD_NUMBER:
        text = field_text(n, f->name);
        return text ? value_line(a, f->name, f->sum_name, value_number(a, text)) : NULL;
    case FIELD_DATE:
        text = field_text(n, f->name);
        return text ? value_line(a, f->name, f->sum_name, value_date(a, text)) : NULL;
    case FIELD_INTEGER:
        text = field(n, f->name);
        text = text ? sql_integer(a, text) : NULL;
        break;
    case FIELD_TEXT:
    default: text = field_text(n, f->name);
    }
    return text ? arena_printf(a, "%s=\"%s\"", name, text) : NULL;
}

static const char *object(struct arena *a, const struct node *n, const struct change_field *fields, size_t n_fields,
                          unsigned left_out, int depth)
{
    struct str_list lines = {0};
    struct str s = str_new(a);

    for (size_t i = 0; i < n_fields; i++) {
        const char *line = fields[i].flags & left_out ? NULL : line_of(a, n, &fields[i], left_out, depth);
        if (line)
            *VEC_PUSH(a, &lines) = line;
    }
    str_addc(&s, '[');
    if (!lines.n) {
        add_pad(&s, depth - 1);
        str_addc(&s, ']');
        return s.s;
    }
    qsort(lines.at, lines.n, sizeof *lines.at, utf16_order);
    for (size_t i = 0; i < lines.n; i++) {
        if (i && text_equal(lines.at[i], lines.at[i - 1]))
            continue;
        str_addc(&s, '\n');
        add_pad(&s, depth);
        str_add(&s, lines.at[i]);
    }
    str_addc(&s, '\n');
    add_pad(&s, depth - 1);
    str_addc(&s, ']');
    return s.s;
}

const char *change_serialise(struct arena *a, const struct change *c, int version)
{
    unsigned left_out = FIELD_NOT_IN_SUM | FIELD_IGNORED | (version == CHECKSUM_V8 ? 0U : FIELD_NOT_IN_SUM_V9);
    const char *text = object(a, c->node, c->type->fields, c->type->n_fields, left_out, 1);

    return unicode_nfc(a, arena_printf(a, "%s:%s", c->name, text));
}
