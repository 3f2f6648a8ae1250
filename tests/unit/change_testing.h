/* change_testing.h - trees from a line of XML (no entities, no comments), and changes from trees. */
#ifndef DBSTEP_CHANGE_TESTING_H
#define DBSTEP_CHANGE_TESTING_H

#include "dbstep/change.h"
#include "testing.h"

static inline const char *tree_word(struct arena *a, const char **p, const char *end)
{
    size_t n = strcspn(*p, end);
    const char *word = arena_strndup(a, *p, n);
    *p += n;
    return word;
}

/* *p stands behind the '<'. */
static inline struct node *tree_element(struct arena *a, const char *start, const char **p)
{
    struct node *n = ARENA_NEW(a, struct node);
    struct node **tail = &n->first;
    n->line = 1;
    n->column = (int)(*p - start);
    n->name = tree_word(a, p, " />");
    while (**p == ' ' && (*p)[1] != '/') {
        struct node *attribute = ARENA_NEW(a, struct node);
        ++*p;
        *attribute = (struct node){.attribute = true, .line = 1, .column = (int)(*p - start) + 1};
        attribute->name = tree_word(a, p, "=");
        *p += 2;
        attribute->text = tree_word(a, p, "\"");
        ++*p;
        *tail = attribute;
        tail = &attribute->next;
    }
    if (**p == '/' || **p == ' ') {
        *p = strchr(*p, '>') + 1;
        return n;
    }
    ++*p;
    if (**p != '<')
        n->text = tree_word(a, p, "<");
    while (**p == '<' && (*p)[1] != '/') {
        ++*p;
        *tail = tree_element(a, start, p);
        tail = &(*tail)->next;
    }
    *p = strchr(*p, '>') + 1;
    return n;
}

static inline struct node *tree(struct arena *a, const char *xml)
{
    const char *p = xml + 1;
    return tree_element(a, xml, &p);
}

static inline bool load_change(struct ctx *cx, const char *xml, struct change *out)
{
    static const struct change_files files = {.file = "db/log.xml", .changelog = "log.xml"};
    return change_load(cx, tree(cx->arena, xml), &files, out);
}

static inline struct change loaded(struct ctx *cx, const char *xml)
{
    struct change c;
    if (!load_change(cx, xml, &c))
        fail_test("%s: %s", xml, cx->err.message);
    return c;
}

/* Statements in one text, a line each. */
static inline const char *lines_of(struct arena *a, const struct str_list *statements)
{
    struct str s = str_new(a);
    for (size_t i = 0; i < statements->n; i++)
        str_addf(&s, "%s%s", i ? "\n" : "", statements->at[i]);
    return s.s;
}

static inline const char *sql_of(struct ctx *cx, const struct change_env *env, const struct change *c)
{
    struct str_list out = {0};
    if (!change_statements(cx, env, c, &out))
        fail_test("%s", cx->err.message);
    return lines_of(cx->arena, &out);
}

/* NULL: there is none. */
static inline const char *inverse_of(struct ctx *cx, const struct change_env *env, const struct change *c)
{
    struct str_list out = {0};
    bool possible;
    if (!change_inverse(cx, env, c, &out, &possible))
        fail_test("%s", cx->err.message);
    return possible ? lines_of(cx->arena, &out) : NULL;
}

/* A change as Liquibase 4.28.0 has it. The sums of both versions are equal but for the number before the colon. */
struct verified_change {
    const char *xml, *description, *sum, *sql, *inverse;
};

static inline void check_change(const struct verified_change *v)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change_env env = {.server_version = 150000};
    struct change c = loaded(&cx, v->xml);
    char v8[CHECKSUM_MAX], v9[CHECKSUM_MAX];
    const char *inverse = inverse_of(&cx, &env, &c);

    change_checksum(&c, CHECKSUM_V8, v8);
    change_checksum(&c, CHECKSUM_V9, v9);
    assert_string_equal(c.description, v->description);
    assert_string_equal(sql_of(&cx, &env, &c), v->sql);
    assert_true(!inverse == !v->inverse);
    if (inverse)
        assert_string_equal(inverse, v->inverse);
    assert_string_equal(v9, arena_printf(&a, "9:%s", v->sum));
    assert_string_equal(v8, arena_printf(&a, "8:%s", v->sum));
    arena_free(&a);
}

static inline void check_changes(const struct verified_change *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_change(&rows[i]);
}

#endif
