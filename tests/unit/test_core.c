/* Core: arena, strings and text, vectors, JSON, clock, digests, errors. */
#include <limits.h>

#include "dbstep/base64.h"
#include "dbstep/clock.h"
#include "dbstep/ctx.h"
#include "dbstep/hash.h"
#include "dbstep/json.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"
#include "testing.h"

static struct arena arena;

static int leave(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_arena_marks(void **state)
{
    (void)state;
    char *kept = arena_strdup(&arena, "kept");
    size_t used = arena.used;
    for (int i = 0; i < 50; i++) {
        struct arena_mark m = arena_mark(&arena);
        for (size_t k = 0; k < 100; k++)
            memset(arena_alloc(&arena, k * 100), 0xEE, k * 100);
        arena_reset(&arena, m);
        assert_int_equal(arena.used, used);
    }
    assert_string_equal(kept, "kept");
    char *zero = arena_alloc(&arena, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(zero[i], 0);
    assert_non_null(arena_alloc(&arena, 0));
    assert_int_equal((uintptr_t)arena_alloc(&arena, 3) % _Alignof(max_align_t), 0);
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 5), "x-5");
}

static void test_vectors_grow(void **state)
{
    (void)state;
    struct str_list list = {0};
    for (int i = 0; i < 1000; i++)
        *VEC_PUSH(&arena, &list) = arena_printf(&arena, "%d", i);
    assert_int_equal(list.n, 1000);
    assert_string_equal(list.at[0], "0");
    assert_string_equal(list.at[999], "999");
}

static void test_builder(void **state)
{
    (void)state;
    struct str b = str_new(&arena);
    assert_string_equal(b.s, "");
    for (int i = 0; i < 1000; i++)
        str_addf(&b, "%d,", i);
    assert_int_equal(b.len, strlen(b.s));
    str_truncate(&b, 3);
    assert_string_equal(b.s, "0,1");
    str_truncate(&b, 100);
    assert_int_equal(b.len, 3);
    str_clear(&b);
    str_addn(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
}

static void test_text_helpers(void **state)
{
    (void)state;
    assert_string_equal(text_trim(&arena, " \t a b \r\n"), "a b");
    assert_string_equal(text_trim(&arena, "  "), "");
    assert_string_equal(text_replace(&arena, "aXbXX", "X", "--"), "a--b----");
    assert_string_equal(text_replace(&arena, "abc", "", "-"), "abc");
    assert_string_equal(text_lower(&arena, "\xC3\x84"
                                           "AZ"),
                        "\xC3\x84"
                        "az"); /* ASCII only */
    assert_true(text_equal_nocase("TrUe", "true") && !text_equal_nocase("tru", "true"));
    assert_true(text_ends("abc", "bc") && !text_ends("c", "bc") && text_starts("abc", "") && text_empty(NULL));
    assert_int_equal(text_utf8_prefix("a\xC3\xA9", 3, 2), 1);
    assert_int_equal(text_utf8_prefix("a\xC3\xA9", 3, 3), 3);
    assert_int_equal(text_utf8_prefix("\xF0\x9F\x90\x98", 4, 3), 0);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_string_equal(text_plural(&arena, 1, "row"), "1 row");
    assert_string_equal(text_plural(&arena, 1234567, "row"), "1,234,567 rows");
    assert_string_equal(text_group_digits(&arena, -1234), "-1,234");
    assert_string_equal(text_group_digits(&arena, -123), "-123");
    assert_string_equal(text_group_digits(&arena, LLONG_MIN), "-9,223,372,036,854,775,808");
    assert_string_equal(text_size(&arena, 1536), "1.5 kB");
    assert_string_equal(text_size(&arena, 5), "5 bytes");
    assert_string_equal(text_duration(&arena, 999), "999 ms");
    assert_string_equal(text_duration(&arena, 1500), "1.5 s");
    assert_string_equal(text_duration(&arena, 90000), "1 min 30 s");
    assert_string_equal(text_duration(&arena, 7260000), "2 h 1 min");
}

static void test_json_writer(void **state)
{
    (void)state;
    struct str out = str_new(&arena);
    struct json_writer w = json_writer(&out);
    w.host_safe = true;
    json_object(&w, NULL);
    json_string(&w, "s", "a\"\\\n\t\x01#$\x7F\xFF\xC3\xA9\xED\xA0\x80");
    json_string(&w, "n", NULL);
    json_int(&w, "i", LLONG_MIN);
    json_int64_string(&w, "big", LLONG_MAX);
    json_double(&w, "nan", 0.0 / 0.0);
    json_bool(&w, "b", false);
    json_array(&w, "a");
    json_int(&w, NULL, 1);
    json_object(&w, NULL);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    assert_string_equal(
        out.s,
        "{\"s\":\"a\\\"\\\\\\n\\t\\u0001\\u0023\\u0024\\u007f\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\","
        "\"n\":null,\"i\":-9223372036854775808,\"big\":\"9223372036854775807\",\"nan\":null,\"b\":false,"
        "\"a\":[1,{}]}");
}

static void test_json_reader(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "{", "{} {}", "nul", "[1,]", "{\"a\"}", "\"", "[1] x"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t at = 99;
        struct json_doc *none = json_parse(bad[i], strlen(bad[i]), &at);
        assert_null(none);
        assert_true(at <= strlen(bad[i]));
    }
    static const char text[] =
        " {\"s\":\"x\\u00e9\",\"n\":12,\"big\":\"9223372036854775807\",\"f\":1.5,\"a\":[1,2]} \n";
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    const struct json *root = json_root(doc);
    long long n;
    assert_string_equal(json_get_text(root, "s", ""), "x\xC3\xA9");
    assert_true(json_int64(json_get(root, "n"), &n) && n == 12);
    assert_true(json_int64(json_get(root, "big"), &n) && n == LLONG_MAX);
    assert_false(json_int64(json_get(root, "f"), &n));
    assert_false(json_int64(json_get(root, "a"), &n));
    assert_null(json_get(root, "S"));
    assert_string_equal(json_get_text(root, "missing", "fallback"), "fallback");
    json_free(doc);
    json_free(NULL);
}

static void test_clock(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long long want; /* -1: malformed */
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00.123Z", 1769860800123},
        {"2026-01-31T13:00:00+01:00", 1769860800000},
        {"2026-01-31 12:00:00z", 1769860800000},
        {"2026-01-31T12:00:00", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"yesterday", -1},
        {"2026-01-31T12:00:00Zx", -1},
        {"2026-01-31T12:00:00.1234567Z", 1769860800123},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        long long got = -1;
        bool ok = clock_parse_rfc3339(cases[i].text, &got);
        assert_int_equal(ok, cases[i].want >= 0);
        if (ok)
            assert_int_equal(got, cases[i].want);
    }
    assert_string_equal(clock_rfc3339(&arena, 1769860800123), "2026-01-31T12:00:00.123Z");
    struct deadline none = {0}, soon = deadline_in(1000), late = deadline_in(100000);
    assert_false(deadline_passed(none) || deadline_passed(soon));
    assert_int_equal(deadline_min(none, soon).at_ms, soon.at_ms);
    assert_int_equal(deadline_min(late, soon).at_ms, soon.at_ms);
    assert_int_equal(deadline_left(none, 77), 77);
    assert_true(deadline_left(late, 50) == 50 && deadline_left((struct deadline){1}, 50) == 0);
}

static void test_digests(void **state)
{
    (void)state;
    char hex[HASH_HEX_MAX];
    hash_hex(HASH_SHA256, "abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_hex(HASH_MD5, "", 0, hex);
    assert_string_equal(hex, "d41d8cd98f00b204e9800998ecf8427e");
    struct hash *h = hash_start(HASH_SHA512);
    hash_add(h, "a", 1);
    hash_add(h, "bc", 2);
    hash_finish_hex(h, hex);
    assert_int_equal(strlen(hex), 128);
    assert_int_equal(strncmp(hex, "ddaf35a193617aba", 16), 0);
    /* Castagnoli's check value, and any split of the input gives the same. */
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    for (size_t i = 0; i <= 9; i++)
        assert_int_equal(crc32c(crc32c(0, "123456789", i), "123456789" + i, 9 - i), 0xE3069283);
}

static void test_first_error_wins(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    err_hint(&cx, "too early");
    assert_false(fail(&cx, E_AUTH, "first %d", 1));
    fail(&cx, E_INTERNAL, "second");
    err_detail(&cx, "d");
    err_detail(&cx, "e");
    assert_int_equal(cx.err.code, E_AUTH);
    assert_string_equal(cx.err.message, "first 1");
    assert_string_equal(cx.err.detail, "d");
    assert_string_equal(cx.err.hint, "");
    err_clear(&cx);
    cx.deadline = (struct deadline){1};
    assert_false(ctx_alive(&cx, "waiting for tests"));
    assert_string_equal(cx.err.message, "out of time while waiting for tests");
}

static void test_catalogue(void **state)
{
    (void)state;
    for (int code = 0; code < E_COUNT; code++) {
        int status = err_exit_status((enum err_code)code);
        assert_in_range(status, 0, 63); /* also excludes Argo's 64 and 65, Drone's 78, Docker's and signals' */
        assert_true(*err_text((enum err_code)code) && *err_name((enum err_code)code));
        assert_true(err_retryable((enum err_code)code) == (status >= 12 && status <= 14));
    }
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Zm9", "Zm9*", "Zg=", "====", "Z===", "Zg==Zg==", "Zm9v\n"};
    unsigned char data[256], *back;
    size_t n;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 151);
    for (size_t len = 0; len <= sizeof data; len++) {
        assert_true(base64_read(&arena, base64_text(&arena, data, len), &back, &n));
        assert_int_equal(n, len);
        assert_memory_equal(back, data, len);
    }
    assert_string_equal(base64_text(&arena, "", 0), "");
    assert_string_equal(base64_text(&arena, "f", 1), "Zg==");
    assert_string_equal(base64_text(&arena, "fo", 2), "Zm8=");
    assert_string_equal(base64_text(&arena, "foobar", 6), "Zm9vYmFy");
    assert_string_equal(base64_text(&arena, "\xFF\xFE", 2), "//4=");
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (base64_read(&arena, wrong[i], &back, &n))
            fail_test("'%s' was taken for base64", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_arena_marks, leave),
        cmocka_unit_test_teardown(test_vectors_grow, leave),
        cmocka_unit_test_teardown(test_builder, leave),
        cmocka_unit_test_teardown(test_text_helpers, leave),
        cmocka_unit_test_teardown(test_json_writer, leave),
        cmocka_unit_test_teardown(test_json_reader, leave),
        cmocka_unit_test_teardown(test_clock, leave),
        cmocka_unit_test_teardown(test_digests, leave),
        cmocka_unit_test_teardown(test_first_error_wins, leave),
        cmocka_unit_test_teardown(test_catalogue, leave),
        cmocka_unit_test_teardown(test_base64, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
