/* declare.c - the grammar of declared changes and live writes, and matching them; see integrity.h. */
#include <ctype.h>
#include <string.h>

#include "model.h"

bool it_name_matches(const char *pattern, const char *schema, const char *name)
{
    char full[512];
    const char *subject = name;

    if (strchr(pattern, '.')) {
        snprintf(full, sizeof full, "%s.%s", schema, name);
        subject = full;
    }
    /* Greedy with one point to come back to: linear enough, and no recursion over user text. */
    const char *star = NULL, *from = NULL, *p = pattern, *s = subject;
    while (*s) {
        if (*p == '*') {
            star = p++;
            from = s;
        } else if (*p == *s) {
            p++;
            s++;
        } else if (star) {
            p = star + 1;
            s = ++from;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return !*p;
}

/* "a.b" or "\"A b\".c" into at most 3 parts. Unquoted names are folded to lower case, as the server does. */
static int split_name(struct arena *a, const char *s, const char *parts[3])
{
    int n = 0;

    while (n < 3) {
        struct str part = str_new(a);
        if (*s == '"') {
            for (s++; *s && (*s != '"' || s[1] == '"'); s++) {
                s += *s == '"';
                str_addc(&part, *s);
            }
            if (*s++ != '"')
                return 0;
        } else {
            for (; *s && *s != '.' && *s != '"' && !isspace((unsigned char)*s); s++)
                str_addc(&part, *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s);
        }
        if (!part.len)
            return 0;
        parts[n++] = part.s;
        if (!*s)
            return n;
        if (*s++ != '.')
            return 0;
    }
    return 0;
}

static const char *word(const char **s, struct arena *a)
{
    while (isspace((unsigned char)**s))
        ++*s;
    const char *from = *s;
    while (**s && !isspace((unsigned char)**s))
        ++*s;
    return text_lower(a, arena_strndup(a, from, (size_t)(*s - from)));
}

/* The '=' of "old=new" outside quotes. */
static const char *equals_sign(const char *s)
{
    bool quoted = false;
    for (; *s; s++) {
        quoted ^= *s == '"';
        if (*s == '=' && !quoted)
            return s;
    }
    return NULL;
}

static bool bad(struct ctx *cx, const char *input, const char *item)
{
    fail(cx, E_INPUT, "input '%s' has an item that cannot be understood: \"%.200s\"", input, item);
    if (text_equal(input, "expected_changes"))
        err_hint(
            cx,
            "write: add column T.C, drop column T.C, rename column T.OLD=NEW, change column T.C, add table T, drop table T, "
            "rename table OLD=NEW");
    else
        err_hint(cx,
                 "write: T.C (values of a column), T.+ (rows are inserted), T.- (rows are deleted), or T (all of it)");
    return false;
}

static bool parse_change(struct ctx *cx, const char *item, struct it_change *c)
{
    static const struct {
        const char *verb, *what;
        enum it_change_kind kind;
    } verbs[] = {
        {"add", "column", CHANGE_ADD_COLUMN},       {"drop", "column", CHANGE_DROP_COLUMN},
        {"rename", "column", CHANGE_RENAME_COLUMN}, {"change", "column", CHANGE_COLUMN},
        {"add", "table", CHANGE_ADD_TABLE},         {"drop", "table", CHANGE_DROP_TABLE},
        {"rename", "table", CHANGE_RENAME_TABLE},
    };
    const char *s = item, *verb = word(&s, cx->arena), *what = word(&s, cx->arena), *parts[3];
    size_t v = 0;

    while (v < COUNT(verbs) && !(text_equal(verb, verbs[v].verb) && text_equal(what, verbs[v].what)))
        v++;
    if (v == COUNT(verbs))
        return bad(cx, "expected_changes", item);
    *c = (struct it_change){.kind = verbs[v].kind, .text = item, .schema = "", .column = "", .to_schema = ""};

    char *name = text_trim(cx->arena, s);
    bool rename = c->kind == CHANGE_RENAME_COLUMN || c->kind == CHANGE_RENAME_TABLE;
    if (rename) {
        const char *eq = equals_sign(name);
        if (!eq)
            return bad(cx, "expected_changes", item);
        int n = split_name(cx->arena, text_trim(cx->arena, eq + 1), parts);
        if (n < 1 || n > 1 + (c->kind == CHANGE_RENAME_TABLE))
            return bad(cx, "expected_changes", item);
        c->to = parts[n - 1];
        c->to_schema = n > 1 ? parts[0] : "";
        name = text_trim(cx->arena, arena_strndup(cx->arena, name, (size_t)(eq - name)));
    }
    int n = split_name(cx->arena, name, parts), columns = text_equal(what, "column");
    if (n < 1 + columns || n > 2 + columns)
        return bad(cx, "expected_changes", item);
    if (columns)
        c->column = parts[n - 1];
    c->table = parts[n - 1 - columns];
    if (n == 2 + columns)
        c->schema = parts[0];
    return true;
}

/* T, S.T, T.C, S.T.C, with + or - for C. "a.b" is table.column, or schema.table; the catalogue decides: both are tried. */
static bool parse_live(struct ctx *cx, const char *item, struct it_declared *out)
{
    const char *parts[3], *name = text_trim(cx->arena, item);
    int n = split_name(cx->arena, name, parts);
    struct it_live l = {.text = item, .schema = "", .column = ""};

    if (!n)
        return bad(cx, "live_writes", item);
    const char *last = parts[n - 1];
    if (n > 1 && (text_equal(last, "+") || text_equal(last, "-") || text_equal(last, "*"))) {
        l.what = *last == '+' ? LIVE_INSERTS : *last == '-' ? LIVE_DELETES : LIVE_ALL;
        n--;
    } else if (n == 3) {
        l.what = LIVE_COLUMN;
        l.column = last;
        n--;
    } else if (n == 2) {
        struct it_live column = {
            .text = item, .schema = "", .table = parts[0], .column = parts[1], .what = LIVE_COLUMN};
        *VEC_PUSH(cx->arena, &out->live) = column;
        l.what = LIVE_ALL;
    } else {
        l.what = LIVE_ALL;
    }
    l.table = parts[n - 1];
    if (n == 2)
        l.schema = parts[0];
    *VEC_PUSH(cx->arena, &out->live) = l;
    return true;
}

bool it_declared_parse(struct ctx *cx, const struct str_list *changes, const struct str_list *live,
                       struct it_declared *out)
{
    for (size_t i = 0; changes && i < changes->n; i++)
        if (!parse_change(cx, changes->at[i], VEC_PUSH(cx->arena, &out->changes)))
            return false;
    for (size_t i = 0; live && i < live->n; i++)
        if (!parse_live(cx, live->at[i], out))
            return false;
    return true;
}

static bool names_table(const char *schema, const char *table, const struct it_table *t)
{
    return text_equal(table, t->name) && (!*schema || text_equal(schema, t->schema));
}

bool it_change_names(const struct it_change *c, const struct it_table *t, const char *column)
{
    return names_table(c->schema, c->table, t) && (!column || text_equal(c->column, column));
}

struct it_change *it_declared_find(struct it_declared *d, enum it_change_kind kind, const struct it_table *t,
                                   const char *column)
{
    for (size_t i = 0; i < d->changes.n; i++) {
        struct it_change *c = &d->changes.at[i];
        if (c->kind == kind && it_change_names(c, t, column))
            return c;
    }
    return NULL;
}

bool it_declared_any(const struct it_declared *d, const struct it_table *t)
{
    for (size_t i = 0; i < d->changes.n; i++)
        if (names_table(d->changes.at[i].schema, d->changes.at[i].table, t))
            return true;
    return false;
}

unsigned it_live_table(struct it_declared *d, const struct it_table *t)
{
    unsigned what = 0;
    for (size_t i = 0; i < d->live.n; i++) {
        struct it_live *l = &d->live.at[i];
        if (l->what != LIVE_COLUMN && names_table(l->schema, l->table, t)) {
            what |= l->what;
            l->matched = true;
        }
    }
    return what;
}

bool it_live_column(struct it_declared *d, const struct it_table *t, const char *column)
{
    bool live = false;
    for (size_t i = 0; i < d->live.n; i++) {
        struct it_live *l = &d->live.at[i];
        if (l->what == LIVE_COLUMN && names_table(l->schema, l->table, t) && text_equal(l->column, column))
            live = l->matched = true;
    }
    return live;
}

bool integrity_change_known(struct ctx *cx, const char *item)
{
    struct ctx own = {.arena = cx->arena};
    struct it_declared declared = {.live = {0}};
    const char *items[] = {item};
    const struct str_list list = {.at = items, .n = 1};
    return it_declared_parse(&own, &list, NULL, &declared);
}
