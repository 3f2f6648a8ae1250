/* The chunk store, and names and declarations. */
#include "../../src/integrity/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after our own: it defines a macro fail() */

static void slices_combine_in_any_order(void **state)
{
    (void)state;
    struct arena a = {0};
    struct it_chunks c[2];
    const uint64_t digest[3][2] = {{5, 7}, {9, 0}, {12, 1}};
    const uint8_t absent[3][2] = {{0, 0}, {0, 1}, {0, 0}};

    for (int sums = 0; sums < 2; sums++) {
        for (int order = 0; order < 2; order++) {
            it_chunks_init(&c[order], &a, 2, 1);
            for (int i = 0; i < 3; i++) {
                int at = order ? 2 - i : i;
                it_chunks_add(&c[order], sums, -4, 10, (uint64_t)at + 1, 0, digest[at], absent[at]);
            }
            const struct it_chunk *k = it_chunks_find(&c[order], -4);
            assert_non_null(k);
            assert_int_equal(k->rows, 30);
            assert_int_equal(k->keys, sums ? 6 : 0);
            assert_int_equal(c[order].digest[0], sums ? 26 : (5 ^ 9 ^ 12));
            assert_int_equal(c[order].digest[1], sums ? 8 : 6);
        }
    }
    arena_free(&a);
}

static void a_chunk_without_values_is_not_one_of_zero(void **state)
{
    (void)state;
    struct arena a = {0};
    struct it_chunks c;
    it_chunks_init(&c, &a, 1, 4);
    it_chunks_add(&c, false, 1, 1, 1, 0, &(uint64_t){0}, &(uint8_t){1});
    it_chunks_add(&c, false, 2, 1, 1, 0, &(uint64_t){0}, &(uint8_t){0});
    assert_int_equal(c.absent[0], 1);
    assert_int_equal(c.absent[1], 0);
    arena_free(&a);
}

static void many_chunks_are_found_and_sorted(void **state)
{
    (void)state;
    struct arena a = {0};
    struct it_chunks c;
    it_chunks_init(&c, &a, 1, 1);
    for (int64_t i = 0; i < 5000; i++)
        it_chunks_add(&c, false, (i * 7919) % 5000 - 2500, 1, (uint64_t)i, 0,
                      &(uint64_t){(uint64_t)((i * 7919) % 5000)}, &(uint8_t){0});
    it_chunks_add(&c, false, IT_ABOVE, 1, 1, 0, &(uint64_t){1}, &(uint8_t){0});
    it_chunks_add(&c, false, IT_BELOW, 1, 1, 0, &(uint64_t){1}, &(uint8_t){0});
    it_chunks_sort(&c);
    assert_int_equal(c.n, 5002);
    assert_true(c.at[0].id == IT_BELOW && c.at[5001].id == IT_ABOVE);
    for (int64_t i = 0; i < 5000; i++) {
        assert_int_equal(c.at[i + 1].id, i - 2500);
        assert_int_equal(c.digest[i + 1], i);
        assert_ptr_equal(it_chunks_find(&c, i - 2500), &c.at[i + 1]);
    }
    assert_null(it_chunks_find(&c, 2500));
    assert_int_equal(it_chunks_rows(&c), 5002);
    arena_free(&a);
}

static void sums_are_taken_modulo_2_64(void **state)
{
    (void)state;
    assert_true(it_number_mod64("18446744073709551616") == 0);
    assert_true(it_number_mod64("-1") == UINT64_MAX);
    assert_true(it_number_mod64("-18446744073709551617") == UINT64_MAX);
    assert_true(it_number_mod64("9223372036854775807") == INT64_MAX);
}

static void patterns_match_names(void **state)
{
    (void)state;
    assert_true(it_name_matches("inventory", "public", "inventory"));
    assert_true(it_name_matches("public.*", "public", "inventory"));
    assert_true(it_name_matches("*vent*", "public", "inventory"));
    assert_true(it_name_matches("*", "a", "b"));
    assert_false(it_name_matches("inventor", "public", "inventory"));
    assert_false(it_name_matches("other.inventory", "public", "inventory"));
    assert_false(it_name_matches("", "public", "inventory"));
}

static void declarations_are_understood(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    const char *changes[] = {"rename column Public.\"My \"\"T\".old = \"New=1\"", "drop table s.T",
                             "  ADD  COLUMN t.c "};
    const char *live[] = {"s.t.c", "t.+", "s.t.-", "a.b"};
    struct str_list cl = {.at = changes, .n = 3}, ll = {.at = live, .n = 4};
    struct it_declared d = {.live = {.n = 0}};
    assert_true(it_declared_parse(&cx, &cl, &ll, &d));
    assert_string_equal(d.changes.at[0].schema, "public");
    assert_string_equal(d.changes.at[0].table, "My \"T");
    assert_string_equal(d.changes.at[0].column, "old");
    assert_string_equal(d.changes.at[0].to, "New=1");
    struct it_table t = {.schema = "s", .name = "t"}, b = {.schema = "a", .name = "b"},
                    other = {.schema = "x", .name = "a"};
    assert_non_null(it_declared_find(&d, CHANGE_DROP_TABLE, &t, NULL));
    assert_null(it_declared_find(&d, CHANGE_DROP_TABLE, &b, NULL));
    assert_non_null(it_declared_find(&d, CHANGE_ADD_COLUMN, &t, "c"));
    assert_int_equal(it_live_table(&d, &t), LIVE_INSERTS | LIVE_DELETES);
    assert_true(it_live_column(&d, &t, "c"));
    assert_int_equal(it_live_table(&d, &b), LIVE_ALL); /* "a.b" as schema.table … */
    assert_true(it_live_column(&d, &other, "b"));      /* … and as table.column */
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_combine_in_any_order),
        cmocka_unit_test(a_chunk_without_values_is_not_one_of_zero),
        cmocka_unit_test(many_chunks_are_found_and_sorted),
        cmocka_unit_test(sums_are_taken_modulo_2_64),
        cmocka_unit_test(patterns_match_names),
        cmocka_unit_test(declarations_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
