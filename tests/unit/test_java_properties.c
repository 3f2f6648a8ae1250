/* Java's properties files. */
#include "dbstep/java_properties.h"
#include "dbstep/vec.h"
#include "testing.h"

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_properties_format(void **state)
{
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF# comment \\\n! another\n\n  a = b c \nkey\\ one:two\nlong = x\\\n   y\\\\\n"
        "u=\\u00e4\\ud83d\\ude00\\u20ac\r\nt=\\t\\q\nempty\nsep    value\na==b\nlatin=\xE4\xC3\xA4\nlast=\\";
    static const char *const want[][2] = {
        {"a", "b c "},
        {"key one", "two"},
        {"long", "xy\\"},
        {"u", "\xC3\xA4\xF0\x9F\x98\x80\xE2\x82\xAC"},
        {"t", "\tq"},
        {"empty", ""},
        {"sep", "value"},
        {"a", "=b"},
        {"latin", "\xC3\xA4\xC3\x83\xC2\xA4"},
        {"last", ""},
    };
    struct java_property_list all;
    assert_int_equal(java_properties_read(&arena, text, &all), 0);
    assert_int_equal(all.list.n, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_string_equal(all.list.at[i].key, want[i][0]);
        assert_string_equal(all.list.at[i].value, want[i][1]);
    }
    assert_int_equal(all.list.at[0].line, 4);
    assert_int_equal(all.list.at[3].line, 8);
}

static void test_malformed_escapes(void **state)
{
    (void)state;
    static const char *const cases[] = {"a=\\u12",    "a=\\u12g4", "a=\\u0000", "a=\\ud83d",
                                        "a=\\ud83dx", "a=\\ude00", "\\u=1",     "a=\\ud83d\\u0041"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct java_property_list all;
        char text[64];
        snprintf(text, sizeof text, "# c\nb=1\n%s\nc=1", cases[i]);
        if (java_properties_read(&arena, text, &all) != 3)
            fail_test("%s is taken", cases[i]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_properties_format, reset),
        cmocka_unit_test_teardown(test_malformed_escapes, reset),
    };
    return cmocka_run_group_tests_name("java_properties", tests, NULL, NULL);
}
