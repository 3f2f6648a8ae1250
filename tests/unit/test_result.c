/* The result document and its renderings: every text escaped for its format, misuse found. */
#include "dbstep/json.h"
#include "dbstep/render.h"
#include "testing.h"

static struct arena arena;

static const struct output_spec outputs[] = {
    {"text", OUT_STRING, "A text"},
    {"count", OUT_INTEGER, "A number"},
    {"data", OUT_JSON, "Data"},
};
static const struct stage stage = {
    .name = "probe", .summary = "Probe", .outputs = outputs, .n_outputs = COUNT(outputs)};

static int leave(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static struct result *new_result(void)
{
    struct result *r = ARENA_NEW(&arena, struct result);
    result_init(r, &arena, &stage);
    return r;
}

static void test_misuse_is_a_defect(void **state)
{
    (void)state;
    struct result *r = new_result();
    result_output(r, "text", "x");
    result_output_int(r, "count", 1);
    result_output(r, "data", "[1]");
    result_output(r, "verdict", "pass");
    assert_null(r->defect);
    result_output(r, "typo", "x");
    assert_string_equal(r->defect, "output 'typo' is not declared");
    r = new_result();
    result_output(r, "count", "1");
    assert_non_null(r->defect);
    r = new_result();
    result_output_bool(r, "text", true);
    assert_non_null(r->defect);
    r = new_result();
    result_output(r, "data", "{not json");
    assert_non_null(r->defect);
}

static void test_outputs_are_copied_and_replaced(void **state)
{
    (void)state;
    struct result *r = new_result();
    char text[] = "one";
    result_output(r, "text", text);
    text[0] = 'X';
    assert_string_equal(result_output_get(r, "text"), "one");
    result_output(r, "text", "two");
    assert_string_equal(result_output_get(r, "text"), "two");
    assert_int_equal(r->outputs.n, 1);
    assert_null(result_output_get(r, "count"));
}

static void test_findings_are_counted_by_severity(void **state)
{
    (void)state;
    struct result *r = new_result();
    result_finding(r, SEV_ERROR, "a", "a");
    result_finding(r, SEV_WARNING, "b", "b");
    result_finding(r, SEV_NOTE, "c", "c");
    assert_int_equal(result_count_findings(r, SEV_ERROR), 1);
    assert_int_equal(result_count_findings(r, SEV_WARNING), 2);
    assert_int_equal(result_count_findings(r, SEV_NOTE), 3);
    assert_int_equal(result_count_findings(r, SEV_NEVER), 0);
}

static void test_several_tables_at_once(void **state)
{
    (void)state;
    struct result *r = new_result();
    struct result_table *first = result_table(r, "First", "name|#rows");
    struct result_table *last = first;
    for (int i = 0; i < 40; i++)
        last = result_table(r, "Next", "x");
    result_row(r, first, (const char *const[]){"a", "1"});
    result_row(r, last, (const char *const[]){"z"});
    assert_int_equal(r->tables.at[0].cells.n, 2);
    assert_true(r->tables.at[0].numeric[1] && !r->tables.at[0].numeric[0]);
    assert_string_equal(r->tables.at[0].headers[1], "rows");
}

static void test_markdown_is_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a|b", "a\\|b"},
        {"<script>", "&lt;script&gt;"},
        {"`x` *b* _i_", "\\`x\\` \\*b\\* \\_i\\_"},
        {"two\nlines", "two lines"},
        {"[x](y)", "\\[x\\](y)"},
        {"@team", "&#64;team"},
        {"- item", "\\- item"},
        {"# head", "\\# head"},
        {"a & b", "a &amp; b"},
        {"http://x", "http:&#47;&#47;x"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str out = str_new(&arena);
        markdown_add(&out, cases[i].text, true);
        assert_string_equal(out.s, cases[i].want);
    }
    struct result *r = new_result();
    struct result_table *t = result_table(r, "T|x", "a|#b");
    result_row(r, t, (const char *const[]){"x|\n|y", "1"});
    char *page = render_markdown(&arena, r);
    assert_non_null(strstr(page, "\n| a | b |\n| --- | ---: |\n| x\\| \\|y | 1 |\n"));
}

static void test_styles_of_cells(void **state)
{
    (void)state;
    struct result *r = new_result();
    struct result_table *t = result_table(r, "T", "=strip|-before|+after|-gone");
    result_row(r, t, (const char *const[]){"=~+-*?", " a~b", "c*d ", ""});
    result_row(r, t, (const char *const[]){"a`|b", " ", "x", ""});
    char *page = render_markdown(&arena, r), *text = render_text(&arena, r);
    assert_non_null(strstr(page, "| strip | before | after | gone |"));
    assert_non_null(strstr(page, "| `=~+-*?` | ~~&#32;a\\~b~~ | **c\\*d&#32;** |  |"));
    assert_non_null(strstr(page, "| a\\`\\|b | ~~&#32;~~ | **x** |  |"));
    assert_non_null(strstr(text, "=~+-*?  -  a~b  + c*d"));
}

static void test_xml_is_well_formed(void **state)
{
    (void)state;
    struct str out = str_new(&arena);
    xml_add(&out, "]]> <a href=\"x\">&'\x01\x1B\xC3\xA9\xC3\xEF\xBF\xBE\n\xED\xA0\x80");
    assert_string_equal(
        out.s,
        "]]&gt; &lt;a href=&quot;x&quot;&gt;&amp;&apos;\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD\xEF"
        "\xBF\xBD\xEF\xBF\xBD&#10;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

static void test_junit_counts(void **state)
{
    (void)state;
    struct result *r = new_result();
    assert_false(render_has_junit(r));
    result_case(r, (struct test_case){.suite = "s", .name = "a", .ms = 1500});
    result_case(r, (struct test_case){.suite = "u", .name = "d"});
    result_case(r, (struct test_case){.suite = "s", .name = "b", .failure = "no"});
    result_case(r, (struct test_case){.suite = "s", .name = "c", .skipped = "why"});
    assert_true(render_has_junit(r));
    char *xml = render_junit(&arena, r);
    assert_non_null(strstr(xml, "<testsuite name=\"s\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">"));
    assert_non_null(strstr(xml, "<testsuite name=\"u\" tests=\"1\""));
    assert_non_null(strstr(xml, "time=\"1.500\""));
    assert_null(strstr(strstr(xml, "name=\"s\"") + 1, "testsuite name=\"s\""));
}

static void test_sarif_holds_findings_with_files(void **state)
{
    (void)state;
    struct result *r = new_result();
    result_finding(r, SEV_ERROR, "no-file", "x");
    assert_false(render_has_sarif(r));
    struct finding *f = result_finding(r, SEV_NOTE, "in-file", "msg");
    f->file = "./dir with blank/\xC3\xA9.sql";
    f->line = 3;
    assert_true(render_has_sarif(r));
    char *text = render_sarif(&arena, r);
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    assert_non_null(doc);
    json_free(doc);
    assert_non_null(strstr(text, "\"uri\":\"dir%20with%20blank/%C3%A9.sql\""));
    assert_non_null(strstr(text, "\"level\":\"note\""));
    assert_null(strstr(text, "no-file"));
}

static void test_json_minify(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{ \"a b\" : [ 1 , 2 ] }\n", "{\"a b\":[1,2]}"},
        {"\"#$\"", "\"\\u0023\\u0024\""},
        {"{\"k\\\"#\":\"\\\\\"}", "{\"k\\\"\\u0023\":\"\\\\\"}"},
        {"[9007199254740993]", "[9007199254740993]"},
        {"\xEF\xBB\xBF[1]", "[1]"},
        {"[", NULL},
        {"", NULL},
        {"1 2", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str out = str_new(&arena);
        assert_int_equal(json_minify(&out, cases[i].text), cases[i].want != NULL);
        if (cases[i].want)
            assert_string_equal(out.s, cases[i].want);
    }
}

static void test_cut_at_a_line_or_a_character(void **state)
{
    (void)state;
    struct str long_text = str_new(&arena);
    for (int i = 0; i < 500; i++)
        str_add(&long_text, "\xC3\xA9");
    char *text = long_text.s;
    char *cut = render_cut(&arena, text, 301);
    assert_true(strlen(cut) <= 301);
    assert_true(strstr(cut, "Cut here") && ((unsigned char)strchr(cut, '\n')[-1] == 0xA9));
    text[200] = '\n';
    cut = render_cut(&arena, text, 301);
    assert_true(strlen(cut) == 201 + strlen(strstr(cut, "\n\n_")));
    assert_string_equal(render_cut(&arena, "short", 100), "short");
}

static void test_text_is_aligned(void **state)
{
    (void)state;
    struct result *r = new_result();
    struct result_table *t = result_table(r, "Tables", "name|#rows");
    result_row(r, t, (const char *const[]){"caf\xC3\xA9", "5"});
    result_row(r, t, (const char *const[]){"longer", "12345"});
    assert_non_null(strstr(render_text(&arena, r), "    name     rows\n"
                                                   "    ------  -----\n"
                                                   "    caf\xC3\xA9        5\n"
                                                   "    longer  12345\n"));
}

static void test_document_is_json_whatever_is_in_it(void **state)
{
    (void)state;
    struct result *r = new_result();
    result_summary(r, "bad \xFF \x01 \"quotes\" \\ \n");
    result_output(r, "text", "\xC3");
    result_output(r, "data", "{\"deep\":[{}]}");
    struct err e = {.code = E_LOCKED, .message = "m\"", .sqlstate = "55P03"};
    r->error = &e;
    char *text = render_json(&arena, r, (struct render_facts){.host = "plain"});
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    assert_non_null(doc);
    const struct json *root = json_root(doc), *out = json_get(root, "outputs");
    assert_true(json_number(json_get(root, "schema_version"), 0) == RESULT_SCHEMA_VERSION);
    assert_true(json_is_null(json_get(out, "count")));
    assert_true(json_is_object(json_get(out, "data")));
    assert_true(json_is_true(json_get(json_get(root, "error"), "retryable")));
    json_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_misuse_is_a_defect, leave),
        cmocka_unit_test_teardown(test_outputs_are_copied_and_replaced, leave),
        cmocka_unit_test_teardown(test_findings_are_counted_by_severity, leave),
        cmocka_unit_test_teardown(test_several_tables_at_once, leave),
        cmocka_unit_test_teardown(test_markdown_is_escaped, leave),
        cmocka_unit_test_teardown(test_styles_of_cells, leave),
        cmocka_unit_test_teardown(test_xml_is_well_formed, leave),
        cmocka_unit_test_teardown(test_junit_counts, leave),
        cmocka_unit_test_teardown(test_sarif_holds_findings_with_files, leave),
        cmocka_unit_test_teardown(test_json_minify, leave),
        cmocka_unit_test_teardown(test_cut_at_a_line_or_a_character, leave),
        cmocka_unit_test_teardown(test_text_is_aligned, leave),
        cmocka_unit_test_teardown(test_document_is_json_whatever_is_in_it, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
