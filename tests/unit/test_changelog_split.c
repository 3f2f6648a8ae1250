/* Splitting SQL into statements, both ways. The expectations of SPLIT_LIQUIBASE were taken from Liquibase 4.28.0 itself. */
#include "dbstep/changelog.h"
#include "testing.h"

struct example {
    const char *sql, *delimiter;
    bool strip;
    const char *expected; /* statements joined by | */
};

static const char *split_all(struct ctx *cx, enum split_mode mode, const char *sql, const char *delimiter, bool strip)
{
    struct str out = str_new(cx->arena);
    struct statement s;
    bool more;
    SPLIT_AUTO p = split_start(cx, mode, sql, strlen(sql), true, strip, delimiter);
    for (bool first = true;; first = false) {
        assert_true(split_next(cx, p, &s, &more));
        if (!more)
            return out.s;
        str_addf(&out, "%s%s", first ? "" : "|", s.text);
    }
}

static void check(enum split_mode mode, const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        const struct example *e = &examples[i];
        const char *got = split_all(&cx, mode, e->sql, e->delimiter, e->strip);
        if (!text_equal(got, e->expected))
            fail_test("example %zu: %s\n gave %s\n not  %s", i, e->sql, got, e->expected);
        arena_free(&a);
    }
}

static void liquibase_splits(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"select 1;;select 2;; select 3", ";;", true, "select 1|select 2|select 3"},
        {"select 1;; select 2;;\nselect 3", ";;", true, "select 1|select 2|select 3"},
        {"select 1//select 2 // select 3//", "//", true, "select 1|select 2|select 3"},
        {"select 1$$END select 2 $$END\nselect 3", "$$END", true, "select 1|select 2|select 3"},
        {"select 1 go select 2 GO\nselect 3", "go", true, "select 1|select 2|select 3"},
        {"select 1 go select 2\n  GO\nselect 3\nGO\nselect 4", "\\nGO", true,
         "select 1 go select 2\n  GO\nselect 3|select 4"},
        {"select 1/ 2 / 3\n/\nselect 2\n /\nselect 3/", "/", true, "select 1/ 2 / 3|select 2\n /\nselect 3"},
        {"a@@b @@ c@ @d @@", "@@", true, "a@@b|c@ @d"},
        {"a;-//-b-//-c-/", "-//-", true, "a;|b|c"},
        {"a abc b ABC c ab c a-b", "abc", true, "a|b|c ab c a-b"},
        {"a;;-;b;-c;-;d;-", ";-;", true, "a;;-;b;-c|d"},
        {"q abx r fx\nzz", "[a-z]+x", true, "q|r|zz"},
        {"a^b ^ c", "^", true, "a|b|c"},
        {"a;b\ngo\nc\n/\nd", ";", true, "a|b\ngo\nc\n/\nd"},
        {"begin a; end b end c", "end", true, "begin a;|b|c"},
        {"begin; a; commit; b; begin x; end; c; begin transaction; d; end transaction; e", NULL, true,
         "begin; a; commit; b; begin x; end; c; begin transaction; d; end transaction; e"},
        {"case end; begin case x end y; end; z; w", NULL, true, "case end|begin case x end y|end|z|w"},
        {"a;;b; ;c", NULL, true, "a|b|c"},
        {"go\nselect\ngo\nx go\n/\nz\n/ y", NULL, true, "select|x go|z|y"},
        {"a /* ; */ b; -- c;\n d; 'x;\\';y'; \"a;b\"; `a;b`; [a;b]; [0;]", NULL, true,
         "a  b|d|'x;\\';y'|\"a;b\"|`a;b`|[a;b]|[0|]"},
        {"a /* ; */ b; -- c;\n d;", NULL, false, "a /* ; */ b|-- c;\n d"},
        {"a -- x\nb /* y */ c;", NULL, true, "a \nb  c"},
        {"$$ a; b $$; c", NULL, true, "$$ a|b $$|c"},
        {"-- go\ngo\nx;\n--y\ngo", NULL, true, "x"},
        {"x;y;;z", ";;", true, "x;y|z"},
        {"x;;y", ";;", true, "x|y"},
        {"x || y||z", "||", true, "x|y|z"},
        {"a.b . c", ".", true, "a.b . c"},
        {"a\n##\nb ## c", "##", true, "a|b|c"},
        {"a~b\n~\nc", "~", true, "a|b|c"},
        {"a;b; \nc", ";\\s*", true, "a;b;|c"},
        {"BEGIN\n-- c\ntransaction; a; end", NULL, true, "BEGIN\n\ntransaction|a|end"},
        {"BEGIN\n-- c\ntransaction; a; end", NULL, false, "BEGIN\n-- c\ntransaction; a; end"},
    };
    check(SPLIT_LIQUIBASE, examples, COUNT(examples));
}

static void postgres_splits(void **state)
{
    (void)state;
    static const struct example examples[] = {
        {"/* a /* b */ c */ select 1; select 2", NULL, true, "select 1|select 2"},
        {"/* a /* b */ select 1; /* c /* d */ select 2; /* e */ select 3", NULL, true, "select 1|select 2|select 3"},
        {"select 1; /* a /* b */ select 2", NULL, false, "select 1|/* a /* b */ select 2"},
        /* what is not closed is left for the server to refuse, rather than dropped with all that follows */
        {"select 1; /* open; select 2;", NULL, true, "select 1|/* open; select 2;"},
        {"select 1; /* a /* b */ ; select 2", NULL, true, "select 1|select 2"},
        {"a; b;", NULL, true, "a|b"},
        {"select $$ a; b $$; c", NULL, true, "select $$ a; b $$|c"},
        {"select $x$ a; $y$ b; $x$; c", NULL, true, "select $x$ a; $y$ b; $x$|c"},
        {"select a$b$; c$b$", NULL, true, "select a$b$|c$b$"},
        {"select $1; $2", NULL, true, "select $1|$2"},
        {"select 'a''; b'; c", NULL, true, "select 'a''; b'|c"},
        {"select 'C:\\'; c", NULL, true, "select 'C:\\'|c"},
        {"select E'it\\'s; b'; c", NULL, true, "select E'it\\'s; b'|c"},
        {"select name'a;'; c", NULL, true, "select name'a;'|c"},
        {"select \"a;\"\"b\"; c", NULL, true, "select \"a;\"\"b\"|c"},
        {"a /* ; /* ; */ ; */ b; c", NULL, true, "a  b|c"},
        {"a /* ; /* ; */ ; */ b; c", NULL, false, "a /* ; /* ; */ ; */ b|c"},
        {"a -- ;\n b; c", NULL, true, "a \n b|c"},
        {"-- only a comment", NULL, true, ""},
        {"do $$ begin -- keep; me\nend $$; c", NULL, true, "do $$ begin -- keep; me\nend $$|c"},
        {"create rule r as on insert to t do also (insert into a values (1); insert into b values (2)); c", NULL, true,
         "create rule r as on insert to t do also (insert into a values (1); insert into b values (2))|c"},
        {"create or replace function f() returns int begin atomic select 1; select case when true then 1 end; end; c",
         NULL, true,
         "create or replace function f() returns int begin atomic select 1; select case when true then 1 end; end|c"},
        {"begin; a; commit; b", NULL, true, "begin|a|commit|b"},
        {"create function begin() returns int language sql as 'select 1'; c", NULL, true,
         "create function begin() returns int language sql as 'select 1'|c"},
        {"a\ngo\nb\n/\nc\nGO  \nd", NULL, true, "a|b|c|d"},
        {"select 1 as\ngone; b", NULL, true, "select 1 as\ngone|b"},
        {"select 4\n/ 2; b", NULL, true, "select 4\n/ 2|b"},
        {"a; b //\nc//", "//", true, "a; b|c"},
        {"a; b\n/\nc / d\n/", "/", true, "a; b|c / d"},
        {"a; b\nGO\nc go d\ngo", "\\nGO", true, "a; b|c go d"},
        {"a\n/\nb\n/", "\n/$", true, "a|b"},
        {"a $$END b $$END", "$$END", true, "a|b"},
        {"select ago, going go b", "go", true, "select ago, going|b"},
        {"a;\r\nb;\r\n", NULL, true, "a|b"},
        {"select 'open; b", NULL, true, "select 'open; b"},
        {"select $$open; b", NULL, true, "select $$open; b"},
        {"select \"\303\244;\", '\303\266;'; c", NULL, true, "select \"\303\244;\", '\303\266;'|c"},
        {"\f a; \v b", NULL, true, "a|b"},
    };
    check(SPLIT_POSTGRES, examples, COUNT(examples));
}

static void a_refused_character_has_a_place(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    const char *sql = "a;\n\fb; c";
    struct statement s;
    bool more;
    struct splitter *p = split_start(&cx, SPLIT_LIQUIBASE, sql, strlen(sql), true, true, NULL);
    assert_true(split_next(&cx, p, &s, &more) && more);
    assert_false(split_next(&cx, p, &s, &more));
    assert_int_equal(cx.err.code, E_CHANGELOG);
    assert_int_equal(split_fault_offset(p), 3);
    split_end(p);
    arena_free(&a);
}

static void bytes_can_be_found_again(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    const char *sql = "a;\r\n  select /* x */ 1,\r\n oops; c";
    struct statement s;
    bool more;
    struct splitter *p = split_start(&cx, SPLIT_POSTGRES, sql, strlen(sql), true, true, NULL);
    assert_true(split_next(&cx, p, &s, &more) && split_next(&cx, p, &s, &more) && more);
    assert_string_equal(s.text, "select  1,\n oops");
    size_t at = (size_t)(strstr(s.text, "oops") - s.text);
    assert_int_equal(split_source_offset(p, at), strstr(sql, "oops") - sql);
    split_end(p);
    arena_free(&a);
}

/* What made a naive search quadratic takes no time: under a minute even with sanitizers, instead of hours. */
static void time_is_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"'\\",  "\"\\'", "/*",   "$a$", "[a", "`x ",    "begin ",
                                        "a . ", "; '' ", "--\n", "$$;", "(",  "b\ngo\n"};
    for (size_t i = 0; i < COUNT(units); i++) {
        for (int mode = 0; mode < 2; mode++) {
            struct arena a = {0};
            struct ctx cx = {.arena = &a};
            struct str sql = str_new(&a);
            struct statement s;
            bool more = true;
            while (sql.len < 1000000)
                str_add(&sql, units[i]);
            struct splitter *p = split_start(&cx, mode ? SPLIT_LIQUIBASE : SPLIT_POSTGRES, sql.s, sql.len, true, true,
                                             mode ? ";;" : NULL);
            while (more && split_next(&cx, p, &s, &more))
                ;
            split_end(p);
            arena_free(&a);
        }
    }
}

/* Expressions that would take regcomp() down, or for ever; they match nothing, as other broken ones. */
static void delimiters_without_end(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct str deep = str_new(&a);
    for (int i = 0; i < 200000; i++)
        str_add(&deep, "(");
    for (int i = 0; i < 200000; i++)
        str_add(&deep, ")");
    assert_string_equal(split_all(&cx, SPLIT_LIQUIBASE, "select 1; select 2", deep.s, true), "select 1; select 2");
    assert_string_equal(split_all(&cx, SPLIT_LIQUIBASE, "select 1; select 2", "((x{99}){99}){99}", true),
                        "select 1; select 2");
    assert_string_equal(split_all(&cx, SPLIT_LIQUIBASE, "select 1 xx select 2", "x{2}", true), "select 1|select 2");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(liquibase_splits),
        cmocka_unit_test(postgres_splits),
        cmocka_unit_test(a_refused_character_has_a_place),
        cmocka_unit_test(bytes_can_be_found_again),
        cmocka_unit_test(time_is_linear),
        cmocka_unit_test(delimiters_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
