/* From types to digests: which family a column belongs to, and the SQL that hashes it. */
#include "../../src/integrity/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after our own: it defines a macro fail() */

static struct it_column column(const char *base, long long typmod)
{
    return (struct it_column){.name = "c", .type = base, .base = base, .typmod = typmod};
}

static void types_find_their_family(void **state)
{
    (void)state;
    struct it_column c = column("int2", -1);
    assert_int_equal(it_family_of(&c, INTEGRITY_EXACT), FAM_INT4);
    c = column("int8", -1);
    assert_int_equal(it_family_of(&c, INTEGRITY_EXACT), FAM_INT8);
    c = column("numeric", -1);
    assert_int_equal(it_family_of(&c, INTEGRITY_EXACT), FAM_NUMERIC);
    assert_int_equal(it_family_of(&c, INTEGRITY_SEMANTIC), FAM_NUMERIC_EQ);
    c = column("numeric", (12 << 16 | 4) + 4);
    assert_int_equal(it_family_of(&c, INTEGRITY_EXACT), FAM_NUMERIC);
    c = column("", -1); /* an enum, a composite, an extension's type */
    assert_int_equal(it_family_of(&c, INTEGRITY_SEMANTIC), FAM_TEXT);
    c = column("jsonb", -1);
    assert_int_equal(it_family_of(&c, INTEGRITY_SEMANTIC), FAM_TEXT);
}

static void every_family_has_a_name_and_a_probe(void **state)
{
    (void)state;
    struct arena a = {0};
    const char *probes = it_probe_sql(&a, "UTF8");
    for (int f = 1; f < FAM_COUNT; f++) {
        assert_int_equal(it_family_find(it_family_name((enum it_family)f)), f);
        assert_non_null(strstr(probes, arena_printf(&a, "'%s' AS family", it_family_name((enum it_family)f))));
    }
    assert_int_equal(it_family_find("nothing"), FAM_NONE);
    arena_free(&a);
}

static void widened_types_have_a_common_family(void **state)
{
    (void)state;
    struct {
        const char *from, *to;
        long long from_mod, to_mod;
        enum it_family family;
    } cases[] = {
        {"int4", "int8", -1, -1, FAM_INT4},
        {"varchar", "text", 24, -1, FAM_TEXT},
        {"float4", "float8", -1, -1, FAM_FLOAT},
        {"numeric", "numeric", (12 << 16 | 4) + 4, (16 << 16 | 6) + 4, FAM_NUMERIC_EQ},
        {"int4", "numeric", -1, -1, FAM_NUMERIC_EQ},
        {"numeric", "numeric", -1, (16 << 16 | 6) + 4, FAM_NUMERIC_EQ},
        {"timestamp", "bytea", -1, -1, FAM_NONE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct it_column a = column(cases[i].from, cases[i].from_mod), b = column(cases[i].to, cases[i].to_mod);
        enum it_family f = it_family_common(&a, &b, INTEGRITY_EXACT);
        assert_int_equal(f, cases[i].family);
        assert_true(f == FAM_NONE || (it_family_accepts(f, &a) && it_family_accepts(f, &b)));
    }
}

static void bigints_put_their_high_half_into_the_seed(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str s = str_new(&a);
    struct it_column c = column("int8", -1);
    it_family_sql(&s, FAM_INT8, &c, "v", "s");
    assert_string_equal(s.s, "hashint8extended(v, hashint4extended((v >> 32)::int, s))");
    arena_free(&a);
}

/* The portable form of a family uses none of the server's own hash functions, and the seed is part of what is hashed. */
static void portable_forms_are_the_same_on_every_server(void **state)
{
    (void)state;
    struct arena a = {0};
    for (int f = FAM_NONE + 1; f < FAM_COUNT; f++) {
        struct str s = str_new(&a);
        struct it_column c = column(f == FAM_TEXT ? "text" : f == FAM_NUMERIC_EQ ? "numeric" : "", -1);
        c.portable = true;
        it_family_sql(&s, (enum it_family)f, &c, "v", "s");
        assert_null(strstr(s.s, "extended"));
        assert_non_null(strstr(s.s, "sha256(int8send(s) || "));
    }
    assert_null(strstr(it_portable_mix(&a, "s"), "extended"));
    assert_string_equal(it_digest_name(false), "postgres-extended-2");
    assert_true(it_portable(IT_ALL_FAMILIES, FAM_INT4) && it_portable(IT_ALL_FAMILIES, FAM_INTERVAL_EQ) &&
                !it_portable(IT_ALL_FAMILIES, FAM_NONE));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_find_their_family),
        cmocka_unit_test(every_family_has_a_name_and_a_probe),
        cmocka_unit_test(widened_types_have_a_common_family),
        cmocka_unit_test(bigints_put_their_high_half_into_the_seed),
        cmocka_unit_test(portable_forms_are_the_same_on_every_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
