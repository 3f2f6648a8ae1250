/* declare.c - the grammar of declared changes and live writes, and matching them; see integrity.h. */
#include <ctype.h>
#include <string.h>

#include "compare.h"

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

/* "a.b" or "\"A b\".c" into at most 3 parts, up to a blank, the end, or an equals sign. Unquoted names are folded to lower case, as the server
 * does. Returns the number of parts, 0: malformed; *s is left behind the name. */
static int read_name(struct arena *a, const char **from, const char *parts[3])
{
    const char *s = *from;
    int n = 0;

    while (isspace((unsigned char)*s))
        s++;
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
            for (; *s && *s != '.' && *s != '"' && *s != '=' && !isspace((unsigned char)*s); s++)
                str_addc(&part, *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s);
        }
        if (!part.len)
            return 0;
        parts[n++] = part.s;
        *from = s;
        if (!*s || *s == '=' || isspace((unsigned char)*s))
            return n;
        if (*s++ != '.')
            return 0;
    }
    return 0;
}

/* A name and nothing behind it. */
static int whole_name(struct arena *a, const char *s, const char *parts[3])
{
    int n = read_name(a, &s, parts);
    return *s ? 0 : n;
}

const char *it_declared_name(struct arena *a, const char *name)
{
    bool plain = *name && !(*name >= '0' && *name <= '9');

    for (const char *s = name; *s; s++)
        plain = plain && ((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_');
    return plain ? name : arena_printf(a, "\"%s\"", text_replace(a, name, "\"", "\"\""));
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

/* What stands behind these words, or NULL when it does not begin with them. */
static const char *after(struct arena *a, const char *s, const char *first, const char *second)
{
    if (!text_equal(word(&s, a), first) || (second && !text_equal(word(&s, a), second)))
        return NULL;
    return s;
}

static void put_name(struct it_change *c, const char *const parts[3], int n, int columns)
{
    if (columns)
        c->column = parts[n - 1];
    c->table = parts[n - 1 - columns];
    c->schema = n == 2 + columns ? parts[0] : "";
}

/* An SQL expression: the rest, without "for all rows", which says nothing that is not so anyway. */
static bool put_expression(struct arena *a, const char *s, struct it_change *c)
{
    static const char every[] = "for all rows";
    char *text = text_trim(a, s);
    size_t n = strlen(text), tail = sizeof every - 1;

    if (n > tail && isspace((unsigned char)text[n - tail - 1]) && text_equal_nocase(text + n - tail, every))
        text = text_trim(a, arena_strndup(a, text, n - tail));
    c->expr = text;
    return *text;
}

/* T.C not null | T.C = EXPR | T.C default EXPR | T where PREDICATE */
static bool parse_expectation(struct arena *a, const char *s, struct it_change *c)
{
    const char *parts[3], *rest;
    int n = read_name(a, &s, parts), columns = 1;

    while (isspace((unsigned char)*s))
        s++;
    if (*s == '=') {
        c->kind = EXPECT_VALUE;
        rest = s + 1;
    } else if ((rest = after(a, s, "not", "null"))) {
        c->kind = EXPECT_NOT_NULL;
        if (*text_trim(a, rest) && !text_equal_nocase(text_trim(a, rest), "for all rows"))
            return false;
    } else if ((rest = after(a, s, "default", NULL))) {
        c->kind = EXPECT_DEFAULT;
    } else if ((rest = after(a, s, "where", NULL))) {
        c->kind = EXPECT_WHERE;
        columns = 0;
    } else {
        return false;
    }
    if (n < 1 + columns || n > 2 + columns)
        return false;
    put_name(c, parts, n, columns);
    return c->kind == EXPECT_NOT_NULL || put_expression(a, rest, c);
}

/* OLD=NEW */
static bool parse_rename(struct arena *a, const char *s, struct it_change *c, int columns)
{
    const char *parts[3];
    int n = read_name(a, &s, parts);

    while (isspace((unsigned char)*s))
        s++;
    if (n < 1 + columns || n > 2 + columns || *s != '=')
        return false;
    put_name(c, parts, n, columns);
    n = whole_name(a, text_trim(a, s + 1), parts);
    if (n < 1 || n > 2 - columns)
        return false;
    c->to = parts[n - 1];
    c->to_schema = n > 1 ? parts[0] : "";
    return true;
}

/* T.C [using EXPR], T where PREDICATE */
static bool parse_with_expression(struct arena *a, const char *s, struct it_change *c, int columns)
{
    const char *parts[3];
    int n = read_name(a, &s, parts);

    if (n < 1 + columns || n > 2 + columns)
        return false;
    put_name(c, parts, n, columns);
    if (columns && !*text_trim(a, s))
        return true;
    s = after(a, s, columns ? "using" : "where", NULL);
    return s && put_expression(a, s, c);
}

/* Is the word one of a list with blanks between? */
static bool among(const char *list, const char *w)
{
    size_t n = strlen(w);
    for (const char *s = list; n && *s; s += strcspn(s, " "), s += *s == ' ')
        if (strcspn(s, " ") == n && memcmp(s, w, n) == 0)
            return true;
    return false;
}

enum form { NAME, RENAME, EXPRESSION };

/* False: it cannot be understood. */
static bool parse_change(struct arena *a, const char *item, struct it_change *c)
{
    static const struct {
        const char *verbs, *what, *second;
        enum it_change_kind kind;
        enum form form;
        int columns;
    } forms[] = {
        {"add", "column", NULL, CHANGE_ADD_COLUMN, NAME, 1},
        {"drop", "column", NULL, CHANGE_DROP_COLUMN, NAME, 1},
        {"rename", "column", NULL, CHANGE_RENAME_COLUMN, RENAME, 1},
        {"change", "column", NULL, CHANGE_COLUMN, EXPRESSION, 1},
        {"add", "table", NULL, CHANGE_ADD_TABLE, NAME, 0},
        {"drop", "table", NULL, CHANGE_DROP_TABLE, NAME, 0},
        {"rename", "table", NULL, CHANGE_RENAME_TABLE, RENAME, 0},
        {"change", "rows", NULL, CHANGE_ROWS, EXPRESSION, 0},
        {"add drop change", "constraint", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop change", "index", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop change", "trigger", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop change", "rule", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop change", "policy", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop change", "default", NULL, CHANGE_GUARD, NAME, 1},
        {"add drop", "not null", "null", CHANGE_GUARD, NAME, 1},
        {"change", "row security", "security", CHANGE_GUARD, NAME, 0},
        {"add drop change", "sequence", NULL, CHANGE_GUARD, NAME, 0},
        {"add drop change", "materialized view", "view", CHANGE_GUARD, NAME, 0},
    };
    const char *s = item, *verb = word(&s, a), *behind_verb = s, *what = word(&s, a), *parts[3];

    *c = (struct it_change){
        .text = item, .schema = "", .table = "", .column = "", .to_schema = "", .verb = "", .what = ""};
    if (text_equal(verb, "expect"))
        return parse_expectation(a, behind_verb, c);
    for (size_t v = 0; v < COUNT(forms); v++) {
        const char *rest = s;
        if (!among(forms[v].verbs, verb) || !text_starts(forms[v].what, what) ||
            strlen(what) != strcspn(forms[v].what, " ") ||
            (forms[v].second && !text_equal(word(&rest, a), forms[v].second)))
            continue;
        c->kind = forms[v].kind;
        c->verb = verb;
        c->what = forms[v].what;
        if (forms[v].form == RENAME)
            return parse_rename(a, rest, c, forms[v].columns);
        if (forms[v].form == EXPRESSION)
            return parse_with_expression(a, rest, c, forms[v].columns);
        int n = whole_name(a, text_trim(a, rest), parts);
        if (n < 1 + forms[v].columns || n > 2 + forms[v].columns)
            return false;
        put_name(c, parts, n, forms[v].columns);
        return true;
    }
    /* "city not null for all rows" needs no verb. */
    return text_ends(text_lower(a, text_trim(a, item)), " for all rows") && parse_expectation(a, item, c);
}

/* T, S.T, T.C, S.T.C, with + or - for C. "a.b" is table.column, or schema.table; the catalogue decides: both are tried. */
static bool parse_live(struct ctx *cx, const char *item, struct it_declared *out)
{
    const char *parts[3];
    int n = whole_name(cx->arena, text_trim(cx->arena, item), parts);
    struct it_live l = {.text = item, .schema = "", .column = ""};

    if (!n)
        return false;
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

static const char changes_grammar[] =
    "write: add|drop column T.C, rename column T.OLD=NEW, change column T.C [using EXPR], add|drop table T, rename table OLD=NEW, "
    "change rows T where PREDICATE, add|drop|change constraint|index|trigger|rule|policy T.NAME, add|drop|change default T.C, add|drop not null T.C, "
    "change row security T, add|drop|change sequence|materialized view NAME, expect T.C not null, expect T.C = EXPR, expect T.C default EXPR, "
    "expect T where PREDICATE";
static const char live_grammar[] =
    "write: T.C (values of a column), T.+ (rows are inserted), T.- (rows are deleted), or T (all of it)";

static bool refuse(struct ctx *cx, const char *input, const char *grammar, const struct str_list *bad)
{
    struct str all = str_new(cx->arena);

    for (size_t i = 0; i < bad->n; i++)
        str_addf(&all, "%s\"%.120s\"", i ? ", " : "", bad->at[i]);
    if (bad->n == 1)
        fail(cx, E_INPUT, "input '%s' has an item that cannot be understood: %s", input, all.s);
    else
        fail(cx, E_INPUT, "input '%s' has %zu items that cannot be understood: %s", input, bad->n, all.s);
    err_hint(cx, "%s", grammar);
    return false;
}

bool it_declared_parse(struct ctx *cx, const struct str_list *changes, const struct str_list *live,
                       struct it_declared *out)
{
    struct str_list bad = {.n = 0};

    for (size_t i = 0; changes && i < changes->n; i++)
        if (!parse_change(cx->arena, changes->at[i], VEC_PUSH(cx->arena, &out->changes)))
            *VEC_PUSH(cx->arena, &bad) = changes->at[i];
    if (bad.n)
        return refuse(cx, "expected_changes", changes_grammar, &bad);
    for (size_t i = 0; live && i < live->n; i++)
        if (!parse_live(cx, live->at[i], out))
            *VEC_PUSH(cx->arena, &bad) = live->at[i];
    return !bad.n || refuse(cx, "live_writes", live_grammar, &bad);
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

struct it_change *it_declared_guard(struct it_declared *d, const char *verb, const char *what, const struct it_table *t,
                                    const char *name)
{
    for (size_t i = 0; i < d->changes.n; i++) {
        struct it_change *c = &d->changes.at[i];
        if (c->kind == CHANGE_GUARD && text_equal(c->verb, verb) && text_equal(c->what, what) &&
            it_change_names(c, t, name))
            return c;
    }
    return NULL;
}

bool it_declared_any(const struct it_declared *d, const struct it_table *t)
{
    for (size_t i = 0; i < d->changes.n; i++)
        if (d->changes.at[i].kind < CHANGE_GUARD && names_table(d->changes.at[i].schema, d->changes.at[i].table, t))
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
