/* visitors.c - modifySql: what is done to statements before they run; see change.h. */
#include <stdlib.h>
#include <string.h>

#include "dbstep/filter.h"
#include "dbstep/log.h"
#include "dbstep/regexp.h"
#include "dbstep/unicode.h"
#include "type.h"

static const struct {
    const char *name;
    enum visitor_kind kind;
} kinds[] = {
    {"prepend", VISIT_PREPEND},
    {"append", VISIT_APPEND},
    {"replace", VISIT_REPLACE},
    {"regExpReplace", VISIT_REG_EXP_REPLACE},
};

static bool fault(struct ctx *cx, const char *file, const struct node *at, const char *format, const char *name)
{
    struct str message = str_new(cx->arena);

    str_add(&message, text_replace(cx->arena, format, "{}", name));
    fail(cx, E_CHANGELOG, "modifySql: %s", message.s);
    err_place(cx, file, at->line, at->column);
    return false;
}

/* ---- serialised text ---- */

/* The place in Java's set of so many texts. */
static unsigned hash_place(const char *s, unsigned places)
{
    unsigned h = 0;
    for (const unsigned char *p = (const unsigned char *)s; *p; p++)
        h = h * 31 + *p;
    return (h ^ h >> 16) & (places - 1);
}

struct set_item {
    const char *name;
    size_t order;
    unsigned place;
};

static int by_name(const void *a, const void *b)
{
    const struct set_item *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

static int by_place(const void *a, const void *b)
{
    const struct set_item *x = a, *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Each name once, in the order in which Java's hash set hands them out: by place, and in one place as they came. */
static struct str_list as_hash_set(struct arena *a, const struct str_list *names)
{
    struct set_item *items = arena_array(a, names->n + 1, sizeof *items);
    struct str_list set = {0};
    unsigned places = 16;
    size_t n = 0;

    for (size_t i = 0; i < names->n; i++)
        items[i] = (struct set_item){.name = names->at[i], .order = i};
    qsort(items, names->n, sizeof *items, by_name);
    for (size_t i = 0; i < names->n; i++)
        if (!n || !text_equal(items[n - 1].name, items[i].name))
            items[n++] = items[i];
    while (n * 4 > (size_t)places * 3)
        places *= 2;
    for (size_t i = 0; i < n; i++)
        items[i].place = hash_place(items[i].name, places);
    qsort(items, n, sizeof *items, by_place);
    for (size_t i = 0; i < n; i++)
        *VEC_PUSH(a, &set) = items[i].name;
    return set;
}

static void add_line(struct str *s, const char *name, const char *value)
{
    if (value)
        str_addf(s, "    %s=\"%s\"\n", name, value);
}

static const char *serialised(struct arena *a, const char *name, const struct sql_visitor *v, int version)
{
    struct str s = str_new(a);

    str_addf(&s, "%s:[\n", name);
    if (version == CHECKSUM_V8 && v->dbms.n) {
        struct str_list set = as_hash_set(a, &v->dbms);
        str_add(&s, "    applicableDbms=[\n");
        for (size_t i = 0; i < set.n; i++)
            str_addf(&s, "        %s%s\n", set.at[i], i + 1 < set.n ? "," : "");
        str_add(&s, "    ]\n");
    }
    add_line(&s, "applyToRollback", v->to_rollback ? "true" : "false");
    if (version == CHECKSUM_V8) {
        add_line(&s, "contextFilter", v->contexts);
        if (v->labels.n) {
            str_add(&s, "    labels=\"");
            for (size_t i = 0; i < v->labels.n; i++)
                str_addf(&s, "%s%s", i ? "," : "", v->labels.at[i]);
            str_add(&s, "\"\n");
        }
    }
    add_line(&s, "replace", v->replace);
    add_line(&s, "value", v->value);
    add_line(&s, "with", v->with);
    str_add(&s, "]");
    return unicode_nfc(a, s.s);
}

/* ---- loading ---- */

/* Names are compared as they are written here, other than everywhere else: "PostgreSQL" is not meant. */
static bool for_postgresql(const struct str_list *dbms)
{
    bool wanted = !dbms->n, only_excluded = true;

    for (size_t i = 0; i < dbms->n; i++) {
        if (text_equal(dbms->at[i], "none") || text_equal(dbms->at[i], "!postgresql"))
            return false;
        if (dbms->at[i][0] != '!')
            only_excluded = false;
        wanted |= text_equal(dbms->at[i], "postgresql") || text_equal(dbms->at[i], "all");
    }
    return wanted || only_excluded;
}

static bool is_setting(const char *name)
{
    static const char *const settings[] = {"dbms", "context", "contextFilter", "labels", "applyToRollback"};

    for (size_t i = 0; i < COUNT(settings); i++)
        if (text_equal(settings[i], name))
            return true;
    return false;
}

static bool known_field(const struct sql_visitor *v, const struct node *n)
{
    if (is_setting(n->name))
        return true;
    if (v->kind == VISIT_REPLACE || v->kind == VISIT_REG_EXP_REPLACE)
        return text_equal(n->name, "replace") || text_equal(n->name, "with");
    return text_equal(n->name, "value");
}

static bool load_one(struct ctx *cx, const struct node *n, const char *file, struct sql_visitor *v)
{
    const char *why;

    for (const struct node *c = n->first; c; c = c->next)
        if (!known_field(v, c))
            return fault(cx, file, c, "\"{}\" is not known here", c->name);
    v->value = node_text(n, "value");
    v->replace = node_text(n, "replace");
    v->with = node_text(n, "with");
    if (v->kind != VISIT_REPLACE && v->kind != VISIT_REG_EXP_REPLACE)
        return v->value || fault(cx, file, n, "{} needs a value", n->name);
    if (!v->replace || !v->with)
        return fault(cx, file, n, "{} needs replace and with", n->name);
    why = v->kind == VISIT_REG_EXP_REPLACE ? regexp_fault(cx->arena, v->replace) : NULL;
    if (why) {
        fault(cx, file, n, "the regular expression {} cannot be used", v->replace);
        err_detail(cx, "%s", why);
        return false;
    }
    return true;
}

static int kind_of(const char *name)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (text_equal(kinds[i].name, name))
            return (int)kinds[i].kind;
    return -1;
}

static bool load_list(struct ctx *cx, const struct node *n, const char *file, const struct sql_visitor *settings,
                      const char *contexts, const char *labels, struct visitor_list *out)
{
    for (const struct node *c = n->first; c; c = c->next) {
        if (!*c->name && c->first) { /* an item of a list */
            if (!load_list(cx, c, file, settings, contexts, labels, out))
                return false;
            continue;
        }
        if (is_setting(c->name))
            continue;
        if (text_equal(c->name, "appendIfNotPresent")) {
            log_warning("%s:%d: modifySql: appendIfNotPresent does nothing, as in Liquibase", file, c->line);
            continue;
        }
        struct sql_visitor v = *settings;
        int kind = kind_of(c->name);
        if (kind < 0) {
            fault(cx, file, c, "\"{}\" is not known here", c->name);
            err_hint(cx, "prepend, append, replace and regExpReplace are");
            return false;
        }
        v.kind = (enum visitor_kind)kind;
        if (!load_one(cx, c, file, &v))
            return false;
        if (!for_postgresql(&v.dbms) || !context_matches(v.contexts, contexts) || !labels_match(&v.labels, labels))
            continue;
        v.sum_text_v8 = serialised(cx->arena, c->name, &v, CHECKSUM_V8);
        v.sum_text_v9 = serialised(cx->arena, c->name, &v, CHECKSUM_V9);
        *VEC_PUSH(cx->arena, out) = v;
    }
    return true;
}

/* A setting of <modifySql>, wherever in it it is said: it holds for all. */
static const struct node *setting_node(const struct node *n, const char *name)
{
    for (const struct node *c = n->first; c; c = c->next) {
        const struct node *inner = text_equal(c->name, name) ? c : setting_node(c, name);
        if (inner)
            return inner;
    }
    return NULL;
}

static const char *setting(const struct node *n, const char *name)
{
    const struct node *found = setting_node(n, name);

    return found && !text_empty(found->text) ? found->text : NULL;
}

bool visitors_load(struct ctx *cx, const struct node *modify_sql, const char *file, const char *contexts,
                   const char *labels, struct visitor_list *out)
{
    const char *context = setting(modify_sql, "context"), *to_rollback = setting(modify_sql, "applyToRollback");
    const char *own_labels = setting(modify_sql, "labels");
    const struct node *dbms = setting_node(modify_sql, "dbms");
    struct sql_visitor settings = {.dbms = name_list(cx->arena, setting(modify_sql, "dbms")),
                                   .contexts = context ? context : setting(modify_sql, "contextFilter"),
                                   .labels =
                                       name_list(cx->arena, own_labels ? text_lower(cx->arena, own_labels) : NULL),
                                   .to_rollback = to_rollback && text_equal_nocase(to_rollback, "true")};

    if (dbms && dbms->first)
        return fault(cx, file, dbms, "{} must be one text: a, b", "dbms");
    return load_list(cx, modify_sql, file, &settings, contexts, labels, out);
}

/* ---- applying ---- */

/* A statement may become this much longer: replacing doubles what was doubled before. */
enum { GROWTH_FREE = 16 << 20, GROWTH_FACTOR = 20 };

/* Its length when each `from` is `to`. */
static size_t replaced_length(const char *s, const char *from, const char *to)
{
    size_t n = strlen(from), hits = 0;

    for (const char *hit = s; (hit = strstr(hit, from)); hit += n)
        hits++;
    return strlen(s) - hits * n + hits * strlen(to);
}

static bool fail_growth(struct ctx *cx)
{
    fail(cx, E_CHANGELOG, "modifySql makes a statement longer beyond measure");
    err_hint(cx, "each replace goes over what the one before it wrote");
    return false;
}

static bool apply(struct ctx *cx, const struct sql_visitor *v, size_t most, const char **sql)
{
    struct arena *a = cx->arena;

    switch (v->kind) {
    case VISIT_PREPEND: *sql = arena_printf(a, "%s%s", v->value, *sql); return true;
    case VISIT_APPEND: *sql = arena_printf(a, "%s%s", *sql, v->value); return true;
    case VISIT_REPLACE:
        if (!*v->replace)
            return true;
        if (replaced_length(*sql, v->replace, v->with) > most)
            return fail_growth(cx);
        *sql = text_replace(a, *sql, v->replace, v->with);
        return true;
    case VISIT_REG_EXP_REPLACE:
    default: return regexp_replace_all(cx, v->replace, *sql, v->with, sql);
    }
}

bool visitors_apply(struct ctx *cx, const struct visitor_list *v, bool rollback, const char *contexts,
                    const char *labels, const char *sql, const char **out)
{
    size_t most = v->n ? GROWTH_FREE + GROWTH_FACTOR * strlen(sql) : 0;

    *out = sql;
    for (size_t i = 0; i < v->n; i++) {
        const struct sql_visitor *visitor = &v->at[i];
        if ((rollback && !visitor->to_rollback) || !context_matches(visitor->contexts, contexts) ||
            !labels_match(&visitor->labels, labels))
            continue;
        if (!apply(cx, visitor, most, out))
            return false;
        if (strlen(*out) > most)
            return fail_growth(cx);
    }
    return true;
}
