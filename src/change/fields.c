/* fields.c - reading the fields of a change from its node, whichever notation it was written in; see type.h. */
#include <stdlib.h>
#include <string.h>

#include "type.h"

const char *field(const struct node *n, const char *name)
{
    const char *text = node_text(n, name);

    return text_empty(text) ? NULL : text;
}

bool field_set(const struct node *n, const char *name)
{
    return field(n, name) != NULL;
}

bool field_bool(const struct node *n, const char *name, bool otherwise)
{
    const char *text = field(n, name);

    return text ? text_equal_nocase(text, "true") : otherwise;
}

const char *field_body(const struct node *n, const char *name)
{
    const char *inner = field(n, name);

    return inner ? inner : text_empty(n->text) ? NULL : n->text;
}

/* `- column: {…}` and `- {…}` both are an object. */
static const struct node *unwrapped(const struct node *entry, const char *item)
{
    const struct node *only = entry->first;

    return only && !only->next && text_equal(only->name, item) && !only->text ? only : entry;
}

static void add_items(struct arena *a, struct node_list *out, const struct node *parent, const char *item)
{
    for (const struct node *c = parent->first; c; c = c->next)
        if (text_equal(c->name, item) && !c->attribute && !c->list)
            *VEC_PUSH(a, out) = c;
        else if (text_equal(c->name, item) || text_equal(c->name, ""))
            *VEC_PUSH(a, out) = unwrapped(c, item);
}

static struct node_list list_of(struct arena *a, const struct node *n, const char *list, const char *item)
{
    struct node_list out = {0};

    for (const struct node *c = n->first; c; c = c->next)
        if (text_equal(c->name, list))
            add_items(a, &out, c, item);
    return out;
}

struct node_list columns_of(struct arena *a, const struct node *change)
{
    struct node_list out = list_of(a, change, "columns", "column");

    for (const struct node *c = change->first; c; c = c->next)
        if (text_equal(c->name, "column") && !c->attribute)
            *VEC_PUSH(a, &out) = c;
    return out;
}

struct node_list params_of(struct arena *a, const struct node *change)
{
    return list_of(a, change, "whereParams", "param");
}

const struct node *column_constraints(const struct node *column)
{
    return node_child(column, "constraints");
}

struct str_list name_list(struct arena *a, const char *list)
{
    struct str_list out = {0};

    for (const char *p = list ? list : ""; *p;) {
        size_t n = strcspn(p, ",");
        const char *name = text_trim(a, arena_strndup(a, p, n));
        if (*name)
            *VEC_PUSH(a, &out) = name;
        p += n + (p[n] == ',');
    }
    return out;
}

/* ---- scalars as Java has them ---- */

/* An integer of YAML 1.1 in decimal: 0x1F, 0b11, 017, 1_000, 1:30. NULL: more than 64 bits, which stays as written. */
static const char *decimal(struct arena *a, const char *text)
{
    const char *p = text;
    bool negative = *p == '-';
    int base = 10;
    unsigned __int128 value = 0, part = 0;

    if (*p == '-' || *p == '+')
        p++;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
        base = 16;
        p += 2;
    } else if (p[0] == '0' && (p[1] == 'b' || p[1] == 'B')) {
        base = 2;
        p += 2;
    } else if (p[0] == '0' && p[1]) {
        base = 8;
    }
    for (; *p; p++) {
        if (*p == '_')
            continue;
        if (*p == ':') {
            value = (value + part) * 60;
            part = 0;
            base = 10;
            continue;
        }
        int digit = *p >= '0' && *p <= '9'                     ? *p - '0'
                    : (*p | 0x20) >= 'a' && (*p | 0x20) <= 'f' ? (*p | 0x20) - 'a' + 10
                                                               : 99;
        if (digit >= base)
            return NULL;
        part = part * (unsigned)base + (unsigned)digit;
        if (part > INT64_MAX || value > INT64_MAX)
            return NULL;
    }
    value += part;
    if (value > INT64_MAX)
        return NULL;
    return arena_printf(a, "%s%llu", negative && value ? "-" : "", (unsigned long long)value);
}

/* A double as Double.toString() prints it: 1.5, 100.0, 1.0E10. */
static const char *java_double(struct arena *a, const char *text)
{
    struct str plain = str_new(a);
    char digits[40];
    char *end;

    for (const char *p = text; *p; p++)
        if (*p != '_')
            str_addc(&plain, *p);
    double value = strtod(plain.s, &end);
    if (*end || value - value != 0.0)
        return text;
    if (value == 0.0)
        return plain.s[0] == '-' ? "-0.0" : "0.0";
    for (int precision = 0; precision < 18; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    /* d.ddde+XX -> the digits and the exponent */
    bool negative = digits[0] == '-';
    char *e = strchr(digits, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    struct str mantissa = str_new(a);
    for (char *p = digits + negative; *p; p++)
        if (*p != '.')
            str_addc(&mantissa, *p);
    struct str out = str_new(a);
    if (negative)
        str_addc(&out, '-');
    size_t n = mantissa.len;
    if (exponent >= 7 || exponent < -3) {
        str_addf(&out, "%c.%sE%d", mantissa.s[0], n > 1 ? mantissa.s + 1 : "0", exponent);
    } else if (exponent < 0) {
        str_add(&out, "0.");
        for (int i = -1; i > exponent; i--)
            str_addc(&out, '0');
        str_add(&out, mantissa.s);
    } else {
        size_t whole = (size_t)exponent + 1;
        for (size_t i = 0; i < whole; i++)
            str_addc(&out, i < n ? mantissa.s[i] : '0');
        str_addf(&out, ".%s", n > whole ? mantissa.s + whole : "0");
    }
    return out.s;
}

static const char *canonical_text(struct arena *a, const struct node *n)
{
    const char *made = NULL;

    if (!n->text || n->quoted)
        return n->text;
    if (n->type == NODE_INTEGER)
        made = decimal(a, n->text);
    else if (n->type == NODE_FLOAT)
        made = java_double(a, n->text);
    else if (n->type == NODE_BOOLEAN)
        made = strchr("yYtT", n->text[0]) || text_equal_nocase(n->text, "on") ? "true" : "false";
    else if (n->type == NODE_NULL)
        return NULL;
    return made && !text_equal(made, n->text) ? made : n->text;
}

/* Is there a scalar below that Java has another text for? */
static bool is_canonical(struct arena *a, const struct node *n)
{
    if (canonical_text(a, n) != n->text)
        return false;
    for (const struct node *c = n->first; c; c = c->next)
        if (!is_canonical(a, c))
            return false;
    return true;
}

static struct node *canonical_copy(struct arena *a, const struct node *n)
{
    struct node *copy = ARENA_NEW(a, struct node);
    struct node **tail = &copy->first;

    *copy = *n;
    copy->text = canonical_text(a, n);
    copy->first = NULL;
    copy->next = NULL;
    for (const struct node *c = n->first; c; c = c->next) {
        *tail = canonical_copy(a, c);
        tail = &(*tail)->next;
    }
    return copy;
}

const struct node *node_canonical(struct arena *a, const struct node *n)
{
    return is_canonical(a, n) ? n : canonical_copy(a, n);
}
