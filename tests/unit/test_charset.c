/* Bytes of files as UTF-8 text. */
#include "dbstep/charset.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"
#include "testing.h"

static void decoded(void **state)
{
    (void)state;
    static const struct {
        const char *encoding, *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {NULL, "a\xC3\xA9", 3, "a\xC3\xA9"},
        {"utf8", "\xEF\xBB\xBFx", 4, "x"},
        {"UTF-8", "\xEF\xBB\xBF", 3, ""},
        {"UTF-8", "a\xE9z", 3, "a\xEF\xBF\xBDz"},
        {"UTF-8", "\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"UTF-8", "\xE2\x82", 2, "\xEF\xBF\xBD"},
        {"UTF-8", "\xE2\x28\xA1", 3, "\xEF\xBF\xBD(\xEF\xBF\xBD"},
        {"UTF-8", "\xF0\x9F\x98\x80", 4, "\xF0\x9F\x98\x80"},
        {"UTF-8", "\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"ISO-8859-1", "\xE9\x80", 2, "\xC3\xA9\xC2\x80"},
        {"latin1", "a", 1, "a"},
        {"ISO-8859-15", "\xA4\xE9", 2, "\xE2\x82\xAC\xC3\xA9"},
        {"Windows-1252", "\x80\x81\xE9", 3, "\xE2\x82\xAC\xEF\xBF\xBD\xC3\xA9"},
        {"US-ASCII", "a\xE9", 2, "a\xEF\xBF\xBD"},
        {"UTF-16", "\xFE\xFF\0a", 4, "a"},
        {"UTF-16", "\xFF\xFE\x61\0\xE9\0", 6, "a\xC3\xA9"},
        {"UTF-16LE", "\x3D\xD8\0\xDE", 4, "\xF0\x9F\x98\x80"},
        {"UTF-16BE", "\xD8\x3D\0a", 4, "\xEF\xBF\xBD\x61"},
        {"UTF-16BE", "\0a\0", 3, "a\xEF\xBF\xBD"},
        {"UTF-8", "", 0, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        const char *text;
        size_t len;
        /* exactly as many bytes as there are, so that a look behind the end is seen */
        char *bytes = malloc(rows[i].len + 1);
        memcpy(bytes, rows[i].bytes, rows[i].len);
        char *tight = realloc(bytes, rows[i].len ? rows[i].len : 1);
        assert_true(charset_decode(&a, rows[i].encoding, tight, rows[i].len, &text, &len));
        assert_int_equal(len, strlen(rows[i].text));
        assert_memory_equal(text, rows[i].text, len);
        free(tight);
        arena_free(&a);
    }
}

static void unknown(void **state)
{
    (void)state;
    struct arena a = {0};
    const char *text;
    size_t len;
    assert_false(charset_decode(&a, "EBCDIC", "a", 1, &text, &len));
    assert_false(charset_decode(&a, "", "a", 1, &text, &len));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(decoded), cmocka_unit_test(unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
