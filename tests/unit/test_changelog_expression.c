/* Contexts, labels and dbms lists: which changesets run. The table was verified against Liquibase 4.28.0. */
#include "dbstep/changelog.h"
#include "testing.h"

static struct str_list list(struct arena *a, const char *commas)
{
    struct str_list l = {0};
    char *rest = arena_strdup(a, commas ? commas : "");
    for (char *item; (item = strsep(&rest, ",")) != NULL;)
        if (*item)
            *VEC_PUSH(a, &l) = item;
    return l;
}

static void the_table(void **state)
{
    (void)state;
    static const struct {
        const char *name, *context, *labels;
    } sets[] = {{"none", NULL, NULL},         {"prod", "prod", NULL},
                {"notprod", "!prod", NULL},   {"andor", "prod and (eu or us)", NULL},
                {"comma", "prod,test", NULL}, {"req", "@prod", NULL},
                {"l1", NULL, "v1,v2"},        {"l3", NULL, "v3"}};
    static const struct {
        const char *contexts, *labels, *expected;
    } rows[] = {
        {NULL, NULL, "none prod notprod andor comma l1 l3 "},   {"prod", NULL, "none prod comma req l1 l3 "},
        {"PROD", NULL, "none prod comma req l1 l3 "},           {"test", NULL, "none notprod comma l1 l3 "},
        {"prod, eu", NULL, "none prod andor comma req l1 l3 "}, {NULL, "v1", "none prod notprod andor comma l1 "},
        {NULL, "!v1", "none prod notprod andor comma l3 "},     {NULL, "not V1", "none prod notprod andor comma l3 "},
        {NULL, "v1 and v3", "none prod notprod andor comma "},  {NULL, "v1,v3", "none prod notprod andor comma l1 l3 "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct str got = str_new(&a);
        for (size_t k = 0; k < COUNT(sets); k++) {
            struct str_list labels = list(&a, sets[k].labels);
            if (context_matches(sets[k].context, rows[i].contexts) && labels_match(&labels, rows[i].labels))
                str_addf(&got, "%s ", sets[k].name);
        }
        assert_string_equal(got.s, rows[i].expected);
        arena_free(&a);
    }
}

static void operators(void **state)
{
    (void)state;
    static const struct {
        const char *expression;
        bool expected; /* with a and b given */
    } rows[] = {{"a and b", true},    {"a and c", false},  {"c or a and b", true}, {"(c or a) and c", false},
                {"not(c)", true},     {"!a or !b", false}, {"not not a", true},    {"A AND B", true},
                {"c, a", true},       {"android", false},  {"!(a,c)", false},      {"a and not c", true},
                {"two words", false}, {"nota", false},     {"( a )", true}};
    for (size_t i = 0; i < COUNT(rows); i++)
        if (context_matches(rows[i].expression, "a,b") != rows[i].expected)
            fail_test("%s", rows[i].expression);
    assert_true(context_matches("two words", "two words,x"));
}

static void faults(void **state)
{
    (void)state;
    static const char *const good[] = {"", NULL, "a", "a and b or (c,!d)", "@a", "a b"};
    static const char *const bad[] = {"(a", "a)", "and a", "a or", "!", "a,,b", "()"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(expression_fault(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (!expression_fault(bad[i]))
            fail_test("%s was accepted", bad[i]);
    struct arena a = {0};
    struct str deep = str_new(&a);
    for (int i = 0; i < 100000; i++)
        str_addc(&deep, '(');
    assert_non_null(expression_fault(deep.s));
    arena_free(&a);
}

static void databases(void **state)
{
    (void)state;
    static const struct {
        const char *dbms;
        bool expected;
    } rows[] = {{"", true},
                {"postgresql", true},
                {"oracle", false},
                {"oracle,postgresql", true},
                {"!oracle", true},
                {"!postgresql", false},
                {"all", true},
                {"none", false},
                {"PostgreSQL", true},
                {"!oracle,h2", false},
                {"all,!postgresql", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct str_list l = list(&a, rows[i].dbms);
        if (dbms_matches(&l) != rows[i].expected)
            fail_test("%s", rows[i].dbms);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table), cmocka_unit_test(operators),
                                       cmocka_unit_test(faults), cmocka_unit_test(databases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
