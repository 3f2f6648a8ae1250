/* XML, YAML and JSON as trees: shape, places, and what is refused. */
#include "dbstep/node.h"
#include "dbstep/str.h"
#include "testing.h"

static bool read_xml(struct ctx *cx, const char *text, struct node **out)
{
    return node_read_xml(cx, "x.xml", text, strlen(text), out);
}

static bool read_yaml(struct ctx *cx, const char *text, struct node **out)
{
    return node_read_yaml(cx, "x.yaml", text, strlen(text), out);
}

/* "name=text(child …)" of the whole tree. */
static void draw(struct str *out, const struct node *n)
{
    str_addf(out, "%s%s", n->name, n->list ? "[]" : "");
    if (n->text)
        str_addf(out, "=%s", n->text);
    if (!n->first)
        return;
    str_addc(out, '(');
    for (const struct node *c = n->first; c; c = c->next) {
        draw(out, c);
        if (c->next)
            str_addc(out, ' ');
    }
    str_addc(out, ')');
}

static void assert_tree(bool (*read)(struct ctx *, const char *, struct node **), const char *text,
                        const char *expected)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n;
    if (!read(&cx, text, &n))
        fail_test("%s:%d:%d: %s", cx.err.file, cx.err.line, cx.err.column, cx.err.message);
    struct str drawn = str_new(&a);
    draw(&drawn, n);
    assert_string_equal(drawn.s, expected);
    arena_free(&a);
}

static void assert_refused(bool (*read)(struct ctx *, const char *, struct node **), const char *text,
                           const char *message, int line, int column)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n;
    if (read(&cx, text, &n))
        fail_test("accepted: %.60s", text);
    assert_int_equal(cx.err.code, E_CHANGELOG);
    if (!strstr(cx.err.message, message))
        fail_test("'%s' is not in: %s", message, cx.err.message);
    if (cx.err.line != line || cx.err.column != column)
        fail_test("%d:%d instead of %d:%d: %s", cx.err.line, cx.err.column, line, column, cx.err.message);
    arena_free(&a);
}

static void xml_shape(void **state)
{
    (void)state;
    assert_tree(read_xml, "<a/>", "a");
    assert_tree(
        read_xml,
        "\xEF\xBB\xBF<?xml version='1.0'?>\r\n<x:a xmlns:x='u' xmlns='v' xsi:y='z' xml:space='preserve' b='1'/>",
        "a(b=1)");
    assert_tree(read_xml, "<a b='1' c=\"&lt;&#228;&#x20AC;\n2\"><d/>\r\n<d>t</d></a>", "a(b=1 c=<ä€ 2 d d=t)");
    assert_tree(read_xml, "<a>\n x <b/><![CDATA[ <y> ]]> z\r\n</a>", "a=x  <y>  z(b)");
    assert_tree(read_xml, "<a>  \n</a>", "a");
    assert_tree(read_xml, "<!DOCTYPE a SYSTEM 'http://nowhere.invalid/x.dtd'><a>x</a>", "a=x");
    assert_tree(read_xml, "<!DOCTYPE a [<!ELEMENT a ANY>]><a b='&amp;&#65;'/>", "a(b=&A)");
    assert_tree(read_xml, "<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>", "a=ä");
    assert_tree(read_xml, "<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", "a=€");
}

static void xml_utf16(void **state)
{
    (void)state;
    static const char text[] = "\xFF\xFE<\0a\0 \0b\0=\0'\0\xE4\0'\0/\0>\0";
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n;
    assert_true(node_read_xml(&cx, "x.xml", text, sizeof text - 1, &n));
    assert_string_equal(node_text(n, "b"), "ä");
    arena_free(&a);
}

static void xml_places(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n;
    int line, column;
    assert_true(read_xml(&cx, "<a>\n  <é b='1'\n   c =\n 'x'>\n one\n  <![CDATA[two]]>&amp;3</é></a>", &n));
    const struct node *e = node_child(n, "é"), *c = node_child(e, "c");
    assert_int_equal(e->line, 2);
    assert_int_equal(e->column, 3);
    assert_int_equal(node_child(e, "b")->column, 6);
    assert_int_equal(c->line, 3);
    assert_int_equal(c->column, 4);
    assert_int_equal(c->text_line, 4);
    assert_int_equal(c->text_column, 3);
    assert_string_equal(e->text, "one\n  two&3");
    assert_int_equal(e->text_line, 5);
    assert_int_equal(e->text_column, 2);
    struct source_map map = node_map(&a, e);
    static const struct {
        const char *at;
        int line, column;
    } places[] = {{"one", 5, 2}, {"two", 6, 12}, {"wo", 6, 13}, {"&3", 6, 18}, {"3", 6, 23}};
    for (size_t i = 0; i < COUNT(places); i++) {
        source_locate(&map, e->text, (size_t)(strstr(e->text, places[i].at) - e->text), &line, &column);
        assert_int_equal(line, places[i].line);
        assert_int_equal(column, places[i].column);
    }
    arena_free(&a);
}

static void xml_refused(void **state)
{
    (void)state;
    assert_refused(read_xml, "", "no element", 1, 1);
    assert_refused(read_xml, "<a>\n<b>\n</a>", "mismatched tag", 3, 3);
    assert_refused(read_xml, "<a>\n<b>", "no element", 2, 4);
    assert_refused(read_xml, "<a b='1' b='2'/>", "duplicate attribute", 1, 10);
    assert_refused(read_xml, "<a>\n &auml;</a>", "undefined entity", 2, 2);
    assert_refused(read_xml, "<a>\n \xC3</a>", "not well-formed", 2, 2);
    assert_refused(read_xml, "<a>x &</a>", "not well-formed", 1, 7);
    assert_refused(read_xml, "<?xml version='1.0' encoding='koi8-r'?><a/>", "unknown encoding", 1, 31);
    /* entities, of every kind: the bomb, the file, the parameter */
    assert_refused(read_xml, "<!DOCTYPE a [\n<!ENTITY b 'xx'>\n<!ENTITY c '&b;&b;'>]><a>&c;</a>",
                   "declares an entity, 'b'", 2, 1);
    assert_refused(read_xml, "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>", "declares an entity",
                   1, 14);
    assert_refused(read_xml, "<!DOCTYPE a [<!ENTITY % b SYSTEM 'http://x/'> %b;]><a/>", "declares an entity", 1, 14);
    assert_refused(read_xml, "<!DOCTYPE a [<!ATTLIST\n a b CDATA 'x'>]><a/>", "declares a default", 1, 14);
    assert_refused(read_xml, "<!DOCTYPE a SYSTEM 'x.dtd'><a>\n&b;</a>", "'&b;' is not declared", 2, 1);
    assert_refused(read_xml, "<!DOCTYPE a SYSTEM 'x.dtd'><a>\n<c d='&b;'/></a>", "not declared in this document", 2, 1);
}

static void yaml_shape(void **state)
{
    (void)state;
    assert_tree(read_yaml, "a: 1\nb: [x, 'y', {z: }]\n", "(a=1 b[](=x =y (z=)))");
    assert_tree(
        read_yaml,
        "\xEF\xBB\xBF# c\r\n---\r\na:\r\n- b: |\r\n    l1\r\n      l2\r\n- c: >-\r\n    f1\r\n    f2\r\n...\r\n",
        "(a[]((b=l1\n  l2\n) (c=f1 f2)))");
    assert_tree(read_yaml, "{\"a\": [\"\\u00e4\", true, 1.5e3, null,],}", "(a[](=ä =true =1.5e3 =null))");
    assert_tree(read_yaml, "a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\nd: {<<: [*x, {q: 4, r: 5}], p: 6}\n",
                "(a(p=1 q=2) b(p=1 q=2) c(q=3 p=1) d(p=6 q=2 r=5))");
    assert_tree(read_yaml, "a: !!str 1\nb: ! 2\n'<<': 3\n", "(a=1 b=2 <<=3)");
}

/* What JSON writes as two escapes; in other quotes they are plain text. */
static void surrogates(void **state)
{
    (void)state;
    assert_tree(read_yaml, "{\"a\\ud83D\\uDE42\": \"x\\\\ud83d\\ud83d\\u00e4\\ude42\\n\"}",
                "(a🙂=x\\ud83d\xEF\xBF\xBDä\xEF\xBF\xBD\n)");
    assert_tree(read_yaml, "ä: \"\\ud83d\\ude42\"\nb: '\\ud83d\\ude42'\nc: \"\\\"\\ud83d\\ude42\"",
                "(ä=🙂 b=\\ud83d\\ude42 c=\"🙂)");
    assert_refused(read_yaml, "a: 1\nb: \"\\U00110000\"", "invalid Unicode character escape", 2, 7);
}

static void yaml_keys_by_alias(void **state)
{
    (void)state;
    assert_tree(read_yaml, "a: &k v\n*k : 5", "(a=v v=5)");
}

static void yaml_types(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum node_type type;
        const char *java;
    } rows[] = {
        {"a", NODE_TEXT, "a"},
        {"1", NODE_INTEGER, "1"},
        {"+5", NODE_INTEGER, "5"},
        {"-0", NODE_INTEGER, "0"},
        {"0x1F", NODE_INTEGER, "31"},
        {"017", NODE_INTEGER, "15"},
        {"-012", NODE_INTEGER, "-10"},
        {"08", NODE_TEXT, "08"},
        {"0o17", NODE_TEXT, "0o17"},
        {"0b101", NODE_INTEGER, "5"},
        {"1_000", NODE_INTEGER, "1000"},
        {"190:20:30", NODE_INTEGER, "685230"},
        {"99999999999999999999", NODE_INTEGER, "99999999999999999999"},
        {"1.50", NODE_FLOAT, "1.5"},
        {"1.", NODE_FLOAT, "1.0"},
        {"-.5", NODE_FLOAT, "-0.5"},
        {"-0.0", NODE_FLOAT, "-0.0"},
        {"1e3", NODE_FLOAT, "1000.0"},
        {"0.0000001", NODE_FLOAT, "1.0E-7"},
        {"123456789.5", NODE_FLOAT, "1.234567895E8"},
        {"12345678901234567890.0", NODE_FLOAT, "1.2345678901234567E19"},
        {"1:30.5", NODE_FLOAT, "90.5"},
        {".inf", NODE_FLOAT, "Infinity"},
        {"-.INF", NODE_FLOAT, "-Infinity"},
        {".nan", NODE_FLOAT, "NaN"},
        {"1.2.3", NODE_TEXT, "1.2.3"},
        {"1e", NODE_TEXT, "1e"},
        {"yes", NODE_BOOLEAN, "true"},
        {"Off", NODE_BOOLEAN, "false"},
        {"TRUE", NODE_BOOLEAN, "true"},
        {"y", NODE_TEXT, "y"},
        {"yEs", NODE_TEXT, "yEs"},
        {"'yes'", NODE_TEXT, "yes"},
        {"\"1.50\"", NODE_TEXT, "1.50"},
        {"!!str 1.50", NODE_TEXT, "1.50"},
        {"!!float 5", NODE_FLOAT, "5.0"},
        {"2020-01-02", NODE_DATE, "Thu Jan 02 00:00:00 UTC 2020"},
        {"2020-02-31", NODE_DATE, "Mon Mar 02 00:00:00 UTC 2020"},
        {"2020-1-2", NODE_TEXT, "2020-1-2"},
        {"2020-01-02T03:04:05Z", NODE_DATE, "2020-01-02 03:04:05"},
        {"2020-01-02 3:04:05.5", NODE_DATE, "2020-01-02 03:04:05"},
        {"2020-01-02 03:04:05.5 +2", NODE_DATE, "Thu Jan 02 01:04:05 UTC 2020"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct node *n;
        assert_true(read_yaml(&cx, arena_printf(&a, "k: %s\nkDate: %s\n", rows[i].text, rows[i].text), &n));
        if (n->first->type != rows[i].type)
            fail_test("%s is of type %d", rows[i].text, (int)n->first->type);
        for (int times = 0; times < 2; times++) { /* the second time changes nothing */
            node_canonicalise(&a, n);
            assert_string_equal(n->first->text, rows[i].java);
            if (text_equal(rows[i].text, "2020-01-02"))
                assert_string_equal(n->first->next->text, "2020-01-02T00:00:00");
        }
        arena_free(&a);
    }
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n;
    assert_true(read_yaml(&cx, "a: ~\nb:\nc: 'null'\n", &n));
    assert_null(node_text(n, "a"));
    assert_null(node_text(n, "b"));
    assert_string_equal(node_text(n, "c"), "null");
    arena_free(&a);
}

static void yaml_places(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node *n, *block_root;
    int line, column;
    assert_true(read_yaml(&cx, "x:\n- é: |2\n      one\n\n     two three\n- 'q': 'v'\n", &n));
    const struct node *item = n->first->first, *block = item->first, *quoted = item->next->first;
    assert_int_equal(block->line, 2);
    assert_int_equal(block->column, 3);
    assert_string_equal(block->text, "  one\n\n two three\n");
    struct source_map map = node_map(&a, block);
    source_locate(&map, block->text, 2, &line, &column);
    assert_int_equal(line, 3);
    assert_int_equal(column, 7);
    source_locate(&map, block->text, (size_t)(strstr(block->text, "three") - block->text), &line, &column);
    assert_int_equal(line, 5);
    assert_int_equal(column, 10);
    assert_int_equal(quoted->text_line, 6);
    assert_true(read_yaml(&cx, "\n\nx: |\n  y\n", &block_root));
    assert_int_equal(block_root->first->text_line, 4);
    assert_int_equal(quoted->text_column, 9);
    arena_free(&a);
}

static void yaml_refused(void **state)
{
    (void)state;
    assert_refused(read_yaml, "", "empty", 1, 1);
    assert_refused(read_yaml, "# nothing\n", "empty", 1, 1);
    assert_refused(read_yaml, "a: 1\n---\nb: 2\n", "second document", 2, 1);
    assert_refused(read_yaml, "a: 1\nb: 2\n\"a\": 3\n", "'a' occurs twice", 3, 1);
    assert_refused(read_yaml, "{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}", "'c' occurs twice", 1, 24);
    assert_refused(read_yaml, "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nb: 2\n", "'b' occurs twice", 10,
                   1);
    assert_refused(read_yaml, "a:\n- !!java.util.Date {}\n", "java.util.Date' is not taken", 2, 3);
    assert_refused(read_yaml, "a: !!javax.script.ScriptEngineManager [x]\n", "is not taken", 1, 4);
    assert_refused(read_yaml, "a: !!binary aGk=\n", "is not taken", 1, 4);
    assert_refused(read_yaml, "a: !!int x\n", "is no int", 1, 4);
    assert_refused(read_yaml, "a: *b\n", "'&b' is not defined", 1, 4);
    assert_refused(read_yaml, "a: &b [*b]\n", "inside of its own anchor", 1, 8);
    assert_refused(read_yaml, "a:\n  [x: 1]: 2\n", "must be a plain text", 2, 3);
    assert_refused(read_yaml, "a: {<<: 5}\n", "'<<' merges a mapping", 1, 5);
    assert_refused(read_yaml, "a:\n\t- b\n", "malformed YAML", 2, 1);
    assert_refused(read_yaml, "a: [1\nb: 2\n", "malformed YAML", 2, 2);
    assert_refused(read_yaml, "a: 1\nb: \xC3(\n", "malformed YAML", 2, 5);
    assert_refused(read_yaml, "a: 1\nb: \x01\n", "malformed YAML", 2, 4);
    assert_refused(read_yaml, "a: \"\\0\"\n", "NUL", 1, 4);
}

/* Nine lines, a billion texts. */
static void yaml_bomb(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str s = str_new(&a);
    str_add(&s, "x0: &x0 [l, l, l, l, l, l, l, l, l, l]\n");
    for (int i = 1; i < 10; i++) {
        str_addf(&s, "x%d: &x%d [", i, i);
        for (int k = 0; k < 10; k++)
            str_addf(&s, "%s*x%d", k ? ", " : "", i - 1);
        str_add(&s, "]\n");
    }
    struct ctx cx = {.arena = &a};
    struct node *n;
    size_t before = a.used;
    assert_false(read_yaml(&cx, s.s, &n));
    assert_non_null(strstr(cx.err.message, "multiply beyond measure"));
    assert_int_equal(cx.err.line, 4);
    assert_true(a.used - before < 1000000);
    arena_free(&a);
}

static void depth(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str xml = str_new(&a), yaml = str_new(&a);
    for (int i = 0; i < 100000; i++) {
        str_add(&xml, "<a>");
        str_add(&yaml, "[");
    }
    struct ctx cx = {.arena = &a};
    struct node *n;
    assert_false(read_xml(&cx, xml.s, &n));
    assert_non_null(strstr(cx.err.message, "nested more than 200 deep"));
    err_clear(&cx);
    assert_false(read_yaml(&cx, yaml.s, &n));
    assert_non_null(strstr(cx.err.message, "nested more than 200 deep"));
    arena_free(&a);
}

/* Aliases stack what is below the limit each; the readers behind go down into them. */
static void depth_by_aliases(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct str yaml = str_new(&a), allowed = str_new(&a);
    struct node *n;
    for (int i = 0; i < 20; i++) {
        str_addf(&yaml, "k%d: &a%d ", i, i);
        for (int d = 0; d < 90; d++)
            str_addc(&yaml, '[');
        str_addf(&yaml, i ? "*a%d" : "x", i - 1);
        for (int d = 0; d < 90; d++)
            str_addc(&yaml, ']');
        str_addc(&yaml, '\n');
        if (i == 1)
            str_add(&allowed, yaml.s);
    }
    assert_true(read_yaml(&cx, allowed.s, &n));
    assert_false(read_yaml(&cx, yaml.s, &n));
    assert_non_null(strstr(cx.err.message, "nested more than 200 deep"));
    assert_int_equal(cx.err.line, 3);
    arena_free(&a);
}

static void many_surrogates(void **state)
{
    (void)state;
    enum { TEXTS = 250 };
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct str json = str_new(&a), yaml = str_new(&a);
    struct node *n;
    str_add(&json, "\xEF\xBB\xBF {\"a\": [\"\"");
    for (int i = 0; i < TEXTS; i++)
        str_add(&json, ",\n\"\\uD83D\\uDE42\"");
    str_add(&json, "]}");
    assert_true(read_yaml(&cx, json.s, &n));
    for (int i = 0; i < 20000; i++)
        str_add(&yaml, "- x\n");
    for (int i = 0; i < 20; i++)
        str_add(&yaml, "- \"\\uD83D\\uDE42\"\n");
    size_t before = a.used;
    assert_true(read_yaml(&cx, yaml.s, &n));
    assert_true(a.used - before < (size_t)10 << 20); /* one tree, and not one for each of the texts */
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xml_shape),        cmocka_unit_test(xml_utf16),       cmocka_unit_test(xml_places),
        cmocka_unit_test(xml_refused),      cmocka_unit_test(yaml_shape),      cmocka_unit_test(yaml_keys_by_alias),
        cmocka_unit_test(surrogates),       cmocka_unit_test(yaml_types),      cmocka_unit_test(yaml_places),
        cmocka_unit_test(yaml_refused),     cmocka_unit_test(yaml_bomb),       cmocka_unit_test(depth),
        cmocka_unit_test(depth_by_aliases), cmocka_unit_test(many_surrogates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
