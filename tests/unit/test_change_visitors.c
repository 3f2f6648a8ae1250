/* modifySql, and Java's regular expressions: what Liquibase 4.28.0 and Java 17 answered. */
#include "change_files.h"
#include "dbstep/regexp.h"

static const struct {
    const char *change, *modify_sql, *v8, *v9, *sql;
} rows[] = {
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql><prepend value=\"/*p*/ \"/></modifySql>", "8:32c6d6439e6dfd8913ad4c62d0c4fd11",
     "9:2e82f10aad0e757c5f3502ad790b7910", "/*p*/ create table x (a int)\n/*p*/ insert into x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>", "<modifySql><append value=\" a\"/></modifySql>",
     "8:486cabc9d1d2074e878e03a334fba00d", "9:cf6a0bb8f787bd237afa42102b1f1b4b",
     "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"postgresql\"><append value=\" a\"/></modifySql>", "8:b72d1a92370ba969923b511245f744d7",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"oracle\"><append value=\" a\"/></modifySql>", "8:33fc84091aacf09b90c7c058637ed064",
     "9:56552ac9d9406e0bee63351b5cc9ab56", "create table x (a int)\ninsert into x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"oracle, postgresql\" context=\"x\" labels=\"y\" applyToRollback=\"true\"><append value=\" a\"/></modifySql>",
     "8:2fc42c3bda648d425e2062b72ec4eedc", "9:595e234324b2e7f069e408b295d2edc6",
     "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql><replace replace=\"int\" with=\"bigint\"/></modifySql>", "8:08fa4732c55f8278271cdc9710dac6da",
     "9:27d3f7480efb1413a6758f9b1d47e275", "create table x (a bigint)\ninsert biginto x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql><regExpReplace replace=\"(?i)IN(T|S)\" with=\"[$1]\"/></modifySql>",
     "8:4d38792d1573f83ba9c643e50d6b2968", "9:2930ee20e95805830b10e3f2400b5bc4",
     "create table x (a [t])\n[s]ert [t]o x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql><prepend value=\"1\"/><prepend value=\"2\"/><append value=\"3\"/><append value=\"4\"/><replace replace=\"x\" with=\"y\"/></modifySql>",
     "8:0951a48fde2597676fa3eddb0b3cda65", "9:4a0fed539cd506234864d5248136e4d6",
     "21create table y (a int)34\n21insert into y values (1)34"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql applyToRollback=\"true\"><append value=\" a\"/></modifySql>", "8:692d3fc6d332629feee1eb17d038112f",
     "9:595e234324b2e7f069e408b295d2edc6", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql context=\"x\"><append value=\" a\"/></modifySql>", "8:c28f781d74f3bc6d73265207da87ff49",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql contextFilter=\"x\"><append value=\" a\"/></modifySql>", "8:c28f781d74f3bc6d73265207da87ff49",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql labels=\"x\"><append value=\" a\"/></modifySql>", "8:372d830f9ff46c49c612dcca0aafcb38",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>", "<modifySql><append value=\"\"/></modifySql>",
     "8:f909c7cce022360ecb988795a5bb32b0", "9:03683042db1b5aaaaf5b47b98ccb0974",
     "create table x (a int)\ninsert into x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"!postgresql\"><append value=\" a\"/></modifySql>", "8:33fc84091aacf09b90c7c058637ed064",
     "9:56552ac9d9406e0bee63351b5cc9ab56", "create table x (a int)\ninsert into x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"all\"><append value=\" a\"/></modifySql>", "8:5a281bb79ec2000de23af7511b6767f8",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"none\"><append value=\" a\"/></modifySql>", "8:33fc84091aacf09b90c7c058637ed064",
     "9:56552ac9d9406e0bee63351b5cc9ab56", "create table x (a int)\ninsert into x values (1)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"postgresql,h2\"><append value=\" a\"/></modifySql>", "8:f25896e5e29657cbb5793bc710303a6d",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql dbms=\"\"><append value=\" a\"/></modifySql>", "8:486cabc9d1d2074e878e03a334fba00d",
     "9:cf6a0bb8f787bd237afa42102b1f1b4b", "create table x (a int) a\ninsert into x values (1) a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql context=\"a,b\" labels=\"C, d\"><append value=\"a\"/></modifySql>",
     "8:c452b9fa5839150ea85ae2d1bf81bd0d", "9:4e140b5bd981bcb5158c53a368f794cb",
     "create table x (a int)a\ninsert into x values (1)a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql><replace replace=\"(\" with=\"$1\"/></modifySql>", "8:bb8db513b386691d3914192f3658ab55",
     "9:6ced064f0997d3f32311797eaa67e337", "create table x $1a int)\ninsert into x values $11)"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql context=\"a and !b\"><append value=\"a\"/></modifySql>", "8:74bb4e120b5a20f4593c0993a7a6dc9b",
     "9:4e140b5bd981bcb5158c53a368f794cb", "create table x (a int)a\ninsert into x values (1)a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql context=\"\"><append value=\"a\"/></modifySql>", "8:723b958456762122ca4f00b0e369b2b2",
     "9:4e140b5bd981bcb5158c53a368f794cb", "create table x (a int)a\ninsert into x values (1)a"},
    {"<sql>create table x (a int); insert into x values (1)</sql>",
     "<modifySql applyToRollback=\"false\"><append value=\"a\"/></modifySql>", "8:723b958456762122ca4f00b0e369b2b2",
     "9:4e140b5bd981bcb5158c53a368f794cb", "create table x (a int)a\ninsert into x values (1)a"},
    {"<sql>select 1</sql>", "<modifySql dbms=\"h2,postgresql\"><append value=\"a\"/></modifySql>",
     "8:816bcde5e2b35fa42f0c16dcd50dd881", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql dbms=\"mysql,postgresql,oracle,h2,mssql\"><append value=\"a\"/></modifySql>",
     "8:1a6033b7248535409dee1414c9b735a0", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql dbms=\"postgresql, oracle\"><append value=\"a\"/></modifySql>",
     "8:493585c05ee6cfd9c85596e66dd2bef8", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql dbms=\"PostgreSQL,H2\"><append value=\"a\"/></modifySql>",
     "8:551a6b5455d661ce7101a063b818ca3e", "9:3b78b9910981c62ca27148640fad7bc2", "select 1"},
    {"<sql>select 1</sql>",
     "<modifySql dbms=\"a,b,postgresql,c,d,e,f,g,h,i,j,k,l,m\"><append value=\"a\"/></modifySql>",
     "8:159022acc22379652c2506e22935480c", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql dbms=\"postgresql,postgresql\"><append value=\"a\"/></modifySql>",
     "8:5e7f81193c4f475786eebfa581ee2fbd", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql labels=\"b,a,C\"><append value=\"a\"/></modifySql>",
     "8:594b071164b4413565694ce85bbc3eb7", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
    {"<sql>select 1</sql>", "<modifySql labels=\"a and b\"><append value=\"a\"/></modifySql>",
     "8:c6476f67e56162e724dca15506feecb6", "9:4dbebc4f8d7e48d8e50ff9e02e2cabf6", "select 1a"},
};

static void visitors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct change_env env = {.server_version = 150000};
        struct change c = loaded(&cx, rows[i].change);
        struct change_list changes = {&c, 1, 1};
        struct visitor_list list = {0};
        struct str_list out = {0};
        char sum[CHECKSUM_MAX];
        if (!visitors_load(&cx, tree(&a, rows[i].modify_sql), "db/log.xml", NULL, NULL, &list))
            fail_test("%s: %s", rows[i].modify_sql, cx.err.message);
        changes_checksum(&a, &changes, &list, CHECKSUM_V8, sum);
        assert_string_equal(sum, rows[i].v8);
        changes_checksum(&a, &changes, &list, CHECKSUM_V9, sum);
        assert_string_equal(sum, rows[i].v9);
        char *line, *rest = arena_strdup(&a, any_sql_of(&cx, &env, &c));
        while ((line = strsep(&rest, "\n"))) {
            const char *modified;
            assert_true(visitors_apply(&cx, &list, false, NULL, NULL, line, &modified));
            *VEC_PUSH(&a, &out) = modified;
        }
        assert_string_equal(lines_of(&a, &out), rows[i].sql);
        arena_free(&a);
    }
}

static void what_is_in_force(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct visitor_list list = {0};
    const char *sql;
    assert_true(visitors_load(&cx, tree(&a, "<modifySql context=\"x\"><append value=\"1\"/></modifySql>"), "f", "y",
                              NULL, &list));
    assert_true(visitors_load(&cx, tree(&a, "<modifySql labels=\"l\"><append value=\"2\"/></modifySql>"), "f", "y", "m",
                              &list));
    assert_int_equal(list.n, 0);
    assert_true(visitors_load(&cx, tree(&a, "<modifySql context=\"x\"><append value=\"1\"/></modifySql>"), "f", "x",
                              NULL, &list));
    assert_true(visitors_load(&cx, tree(&a, "<modifySql applyToRollback=\"true\"><append value=\"2\"/></modifySql>"),
                              "f", NULL, NULL, &list));
    assert_int_equal(list.n, 2);
    assert_true(visitors_apply(&cx, &list, true, "x", NULL, "drop table t", &sql));
    assert_string_equal(sql, "drop table t2");
    arena_free(&a);
}

/* YAML: modifySql: [append: {value: 1}, prepend: {value: 2}] */
static void lists(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct node append = {.name = "append", .first = &(struct node){.name = "value", .text = "1"}};
    struct node prepend = {.name = "prepend", .first = &(struct node){.name = "value", .text = "2"}};
    struct node second = {.name = "", .first = &prepend}, first = {.name = "", .first = &append, .next = &second};
    struct node modify_sql = {.name = "modifySql", .list = true, .first = &first};
    struct visitor_list list = {0};
    const char *sql;
    assert_true(visitors_load(&cx, &modify_sql, "f", NULL, NULL, &list));
    assert_true(visitors_apply(&cx, &list, false, NULL, NULL, "select", &sql));
    assert_string_equal(sql, "2select1");
    arena_free(&a);
}

static void refused(void **state)
{
    (void)state;
    static const char *const faults[][2] = {
        {"<modifySql><prefix value=\"x\"/></modifySql>", "modifySql: \"prefix\" is not known here"},
        {"<modifySql><append/></modifySql>", "modifySql: append needs a value"},
        {"<modifySql><append value=\"x\" with=\"y\"/></modifySql>", "modifySql: \"with\" is not known here"},
        {"<modifySql><replace replace=\"x\"/></modifySql>", "modifySql: replace needs replace and with"},
        {"<modifySql><regExpReplace replace=\"(\" with=\"y\"/></modifySql>",
         "modifySql: the regular expression ( cannot be used"},
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct visitor_list list = {0};
        assert_false(visitors_load(&cx, tree(&a, faults[i][0]), "db/log.xml", NULL, NULL, &list));
        assert_string_equal(cx.err.message, faults[i][1]);
        assert_string_equal(cx.err.file, "db/log.xml");
        assert_int_equal(cx.err.line, 1);
        arena_free(&a);
    }
}

static const char *replaced(struct arena *a, const char *pattern, const char *text, const char *with)
{
    struct ctx cx = {.arena = a};
    const char *out;
    return regexp_replace_all(&cx, pattern, text, with, &out) ? out : arena_printf(a, "! %s", cx.err.detail);
}

static void assert_grows_too_much(const char *doubling, int times)
{
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct visitor_list list = {0};
    struct str s = str_new(&a);
    const char *sql;
    str_add(&s, "<modifySql>");
    for (int k = 0; k < times; k++)
        str_add(&s, doubling);
    str_add(&s, "</modifySql>");
    assert_true(visitors_load(&cx, tree(&a, s.s), "f", NULL, NULL, &list));
    assert_false(visitors_apply(&cx, &list, false, NULL, NULL, "select 1 as a", &sql));
    assert_int_equal(cx.err.code, E_CHANGELOG);
    assert_string_equal(cx.err.message, "modifySql makes a statement longer beyond measure");
    arena_free(&a);
}

/* Each replace doubles what the one before it wrote. */
static void growth(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str replace = str_new(&a);
    str_add(&replace, "<replace replace=\"a\" with=\"a");
    for (int i = 0; i < 1000000; i++)
        str_addc(&replace, 'x');
    str_add(&replace, "a\"/>");
    assert_grows_too_much(replace.s, 6);
    assert_grows_too_much("<regExpReplace replace=\"a+\" with=\"$0$0\"/>", 26);
    arena_free(&a);
}

/* In time that is linear in them. */
static void many_databases(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct visitor_list list = {0};
    struct str s = str_new(&a);
    str_add(&s, "<modifySql dbms=\"postgresql");
    for (int i = 0; i < 100000; i++)
        str_addf(&s, ",d%d", i);
    str_add(&s, "\"><append value=\"a\"/></modifySql>");
    assert_true(visitors_load(&cx, tree(&a, s.s), "f", NULL, NULL, &list));
    assert_int_equal(list.n, 1);
    arena_free(&a);
}

static void expressions(void **state)
{
    (void)state;
    static const char *const patterns[][4] = {
        {"a*", "baac", "X", "XbXXcX"},
        {"(?i)IN(T|S)", "create int insert", "[$1]", "create [t] [s]ert"},
        {"(\\w+) (\\w+)", "ab cd ef gh", "$2 $1", "cd ab gh ef"},
        {"(?<first>a+)(b)?", "aab a", "<${first}|$2>", "<aa|b> <a|>"},
        {"^(\\s*)create", "  create x", "$1CREATE", "  CREATE x"},
        {"(?m)^", "a\nb\n", "> ", "> a\n> b\n"},
        {"(?m)$", "a\nb", "!", "a!\nb!"},
        {"$", "a\n", "!", "a!\n!"},
        {"\\bint\\b", "int print int4 int", "bigint", "bigint print int4 bigint"},
        {"[^a-c]+", "abXXc\303\251", "-", "ab-c-"},
        {"(a|ab)(c|bcd)", "abcd", "[$1,$2]", "[a,bcd]"},
        {"a{2,3}?", "aaaaa", "x", "xxa"},
        {"a++a", "aaa", "x", "aaa"},
        {"(?>a|ab)c", "abc ac", "x", "abc x"},
        {"a(?=b)", "ab ac", "x", "xb ac"},
        {"a(?!b)", "ab ac", "x", "ab xc"},
        {"(.)\\1", "aabbcd", "<$1>", "<a><b>cd"},
        {"\\Qa.b\\E", "a.b axb", "x", "x axb"},
        {".", "\303\251\342\202\254", "x", "xx"},
        {"(?s)a.b", "a\nb", "x", "x"},
        {"a.b", "a\nb", "x", "a\nb"},
        {"\\R", "a\r\nb\nc", "|", "a|b|c"},
        {"\\d+(\\.\\d+)?", "1 2.5 x", "#", "# # x"},
        {"(x)?y", "y xy", "[$1]", "[] [x]"},
        {"\\x41\\u0042\\t", "AB\t", "x", "x"},
        {"\\$\\{(\\w+)\\}", "${a} b", "\\$[$1]", "$[a] b"},
        {"[\\]\\-a]", "a]-b", "x", "xxxb"},
        {"(?i:AB)c", "abc abC", "x", "x abC"},
        {"()", "ab", "-", "-a-b-"},
        {"(a(b)?)+", "abab aba", "[$2]", "[b] [b]"},
        {"\\p{Upper}", "aBc", "x", "axc"},
        {"x|", "axb", "-", "-a--b-"},
        {"\\s*;\\s*$", "select 1 ; \n", "", "select 1"},
        {"ENGINE\\s*=\\s*\\w+", "x ENGINE = InnoDB y", "", "x  y"},
        {"(?:a|b)*?c", "abac", "x", "x"},
        {".*(.)", "a\303\251", "<$1>", "<\303\251>"},
    };
    for (size_t i = 0; i < COUNT(patterns); i++) {
        struct arena a = {0};
        const char *out = replaced(&a, patterns[i][0], patterns[i][1], patterns[i][2]);
        if (!text_equal(out, patterns[i][3]))
            print_error("%s on %s\n", patterns[i][0], patterns[i][1]);
        assert_string_equal(out, patterns[i][3]);
        arena_free(&a);
    }
}

static void expressions_refused(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(",      ")",      "[a",     "a{3,2}", "*a",    "\\",   "(?<=a*)b", "(*UTF)a",        "(?U)a",
        "[a[b]]", "[a&&b]", "\\p{L}", "\\y",    "(?x)a", "(?R)", "\\k<n>",   "(?<n>a)(?<n>b)", "[b-a]"};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        struct arena a = {0};
        if (!regexp_fault(&a, patterns[i]))
            fail_test("accepted: %s", patterns[i]);
        arena_free(&a);
    }
}

/* Steps are counted: this one would take longer than the sun will shine. */
static void expressions_are_bounded(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(replaced(&a, "(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", ""),
                        "! matching takes too long: the pattern goes back and forth over the text");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(visitors),
        cmocka_unit_test(what_is_in_force),
        cmocka_unit_test(lists),
        cmocka_unit_test(refused),
        cmocka_unit_test(growth),
        cmocka_unit_test(many_databases),
        cmocka_unit_test(expressions),
        cmocka_unit_test(expressions_refused),
        cmocka_unit_test(expressions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
