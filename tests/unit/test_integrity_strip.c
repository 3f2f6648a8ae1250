/* Strips of key ranges, and values as people see them. */
#include "../../src/integrity/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after our own: it defines a macro fail() */

static void every_place_has_a_cell_and_the_ends_are_the_ends(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 2, 3, 63, 64, 65, 1000, 131072, UINT64_MAX};

    for (size_t s = 0; s < COUNT(sizes); s++) {
        unsigned char cells[INTEGRITY_CELLS] = {0};
        for (uint64_t at = 0; at < sizes[s] && at < 200000; at++)
            it_strip_fold(cells, at, sizes[s], 1);
        for (size_t i = 0; i < INTEGRITY_CELLS && sizes[s] <= 200000; i++)
            assert_int_equal(cells[i], 1);
        memset(cells, 0, sizeof cells);
        it_strip_fold(cells, 0, sizes[s], 1);
        it_strip_fold(cells, sizes[s] - 1, sizes[s], 2);
        assert_true(cells[0] & 1);
        assert_true(cells[INTEGRITY_CELLS - 1] & 2);
    }
    unsigned char cells[INTEGRITY_CELLS] = {0};
    it_strip_fold(cells, 500, 1000, 4);
    it_strip_fold(cells, 7, 0, 8); /* nonsense stays inside */
    assert_int_equal(cells[32], 4);
    assert_int_equal(cells[31], 0);
    assert_int_equal(cells[33], 0);
}

static void signs(void **state)
{
    (void)state;
    assert_int_equal(integrity_cell_sign(0), '=');
    assert_int_equal(integrity_cell_sign(INTEGRITY_CELL_CHANGED), '~');
    assert_int_equal(integrity_cell_sign(INTEGRITY_CELL_MISSING), '-');
    assert_int_equal(integrity_cell_sign(INTEGRITY_CELL_EXTRA | INTEGRITY_CELL_UNCOMPARED), '+');
    assert_int_equal(integrity_cell_sign(INTEGRITY_CELL_EXTRA | INTEGRITY_CELL_MISSING), '*');
    assert_int_equal(integrity_cell_sign(INTEGRITY_CELL_UNCOMPARED), '?');
}

/* Chunks of eight keys from 100 to 1123, and what lies outside. */
static void rows_fall_into_their_range(void **state)
{
    (void)state;
    struct it_table t = {.geometry = {.kind = KEY_RANGE, .shift = 3, .lo = 100, .hi = 1123}};
    struct it_pair p = {.left = &t, .strip_below = true, .strip_above = true};

    it_strip_row(&p, INT64_MIN, INTEGRITY_CELL_MISSING);
    it_strip_row(&p, INT64_MAX, INTEGRITY_CELL_EXTRA);
    it_strip_row(&p, 616, INTEGRITY_CELL_CHANGED);
    assert_int_equal(p.line.strip[0], INTEGRITY_CELL_MISSING);
    assert_int_equal(p.line.strip[INTEGRITY_CELLS - 1], INTEGRITY_CELL_EXTRA);
    assert_int_equal(p.line.strip[32], INTEGRITY_CELL_CHANGED);
    it_strip_clear(&p);
    /* The table was empty: what came is below or above of nothing. */
    t.geometry = (struct it_geometry){.kind = KEY_RANGE, .lo = 0, .hi = -1};
    it_strip_row(&p, -5, INTEGRITY_CELL_EXTRA);
    assert_int_equal(p.line.strip[0], INTEGRITY_CELL_EXTRA);
    assert_int_equal(p.line.strip[INTEGRITY_CELLS - 1], 0);
    it_strip_row(&p, 5, INTEGRITY_CELL_EXTRA);
    assert_int_equal(p.line.strip[INTEGRITY_CELLS - 1], INTEGRITY_CELL_EXTRA);
    /* Bounds at the ends of the type. */
    it_strip_clear(&p);
    t.geometry = (struct it_geometry){.kind = KEY_RANGE, .shift = 62, .lo = INT64_MIN, .hi = INT64_MAX};
    p.strip_below = p.strip_above = false;
    it_strip_row(&p, INT64_MIN, INTEGRITY_CELL_CHANGED);
    it_strip_row(&p, INT64_MAX, INTEGRITY_CELL_CHANGED);
    assert_int_equal(p.line.strip[0], INTEGRITY_CELL_CHANGED);
    assert_int_equal(p.line.strip[INTEGRITY_CELLS - 1], INTEGRITY_CELL_CHANGED);
    assert_int_equal(p.line.strip[32], 0);
    it_strip_clear(&p);
    t.geometry = (struct it_geometry){.kind = KEY_HASH, .mask = 127};
    it_strip_row(&p, -1, INTEGRITY_CELL_CHANGED);
    assert_int_equal(p.line.strip[INTEGRITY_CELLS - 1], INTEGRITY_CELL_CHANGED);
}

static void declared_writes_are_not_differences(void **state)
{
    (void)state;
    struct it_table t = {.geometry = {.kind = KEY_HASH, .mask = 0}};
    struct it_pair p = {.left = &t};

    it_strip_row(&p, 1, INTEGRITY_CELL_EXTRA);
    p.line.strip_order = "x";
    it_strip_conclude(&p, true);
    assert_int_equal(p.line.strip[5], INTEGRITY_CELL_UNCOMPARED);
    it_strip_clear(&p);
    it_strip_row(&p, 1, INTEGRITY_CELL_EXTRA);
    p.line.extra = 1;
    it_strip_conclude(&p, true);
    assert_int_equal(p.line.strip[5], INTEGRITY_CELL_EXTRA);
}

static void values_can_be_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *value, *want;
    } cases[] = {
        {"plain, = text", "plain, = text"},
        {"", "\"\""},
        {"NULL", "\"NULL\""},
        {"null", "null"},
        {" a", "\" a\""},
        {"\"", "\"\\\"\""},
        {"a\"b\\c", "a\"b\\c"},
        {"a\"b\\c\n", "\"a\\\"b\\\\c\\n\""},
        {"\x1B[31m", "\"\\u001b[31m\""},
        {"a\xC2\xA0z", "\"a\\u00a0z\""},
        {"a\xE2\x80\xAE", "\"a\\u202e\""},
        {"a\xE2\x80\x94z", "a\xE2\x80\x94z"}, /* a dash is seen */
        {"\xEF\xBB\xBFz", "\"\\ufeffz\""},
        {"\xC2", "\xC2"},
        {"\xE2\x80", "\xE2\x80"}, /* no character: a database without an encoding */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a = {0};
        struct str out = str_new(&a);
        it_value_shown(&out, cases[i].value, strlen(cases[i].value));
        assert_string_equal(out.s, cases[i].want);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_place_has_a_cell_and_the_ends_are_the_ends),
        cmocka_unit_test(signs),
        cmocka_unit_test(rows_fall_into_their_range),
        cmocka_unit_test(declared_writes_are_not_differences),
        cmocka_unit_test(values_can_be_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
