/* Reading formatted SQL: directives, attributes, properties, places, and what is refused. */
#include "dbstep/changelog.h"
#include "testing.h"

#define HEAD "--liquibase formatted sql\n"

static const char *environment(void *user, const char *name)
{
    (void)user;
    return text_equal(name, "FROM_ENV") ? "env" : text_equal(name, "LINES") ? "x\ny" : NULL;
}

static bool parse(struct ctx *cx, const char *text, struct changelog *log)
{
    static const char *params[] = {"p=param", "both=param"};
    static struct str_list list = {.at = params, .n = 2};
    struct changelog_source source = {
        .file = "db/x.sql", .environment = environment, .parameters = &list, .contexts = "prod"};
    size_t n = strlen(text);
    *log = (struct changelog){.file = "root/db/x.sql"};
    return changelog_parse_sql(cx, &source, "db/x.sql", arena_strndup(cx->arena, text, n), n, log);
}

static void attributes_and_directives(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    assert_true(parse(
        &cx,
        "\xEF\xBB\xBF\n  -- Liquibase  Formatted SQL logicalFilePath:./a/../b.sql\r\n"
        "ignored before the first;\r\n"
        "--changeset \"bob b\":\"1 x\" runOnChange:TRUE runAlways:true runInTransaction:false failOnError:false ignore:true "
        "contextFilter:\"prod and !test\" labels:V1,b dbms:postgresql,!oracle splitStatements:false stripComments:false "
        "endDelimiter:// rollbackEndDelimiter:@@ rollbackSplitStatements:false\r\n"
        "--comment: hello  \r\n"
        "--validCheckSum: 9:abc\r\n--validCheckSum any\r\n"
        "--preconditions onFail:MARK_RAN onError:WARN onSqlOutput:TEST\r\n"
        "--precondition-sql-check expectedResult:'a b' select 1\r\n"
        "--precondition-table-exists table:t schema:s\r\n--precondition-view-exists view:\"v\"\r\n"
        "select 1;\r\n"
        "--rollback drop 1;\r\n--rollback drop 2;\r\n"
        "--ignoreLines:1\r\nnot this;\r\n"
        "--ignoreLines:start\r\nnor this;\r\n--ignoreLines:end\r\n"
        "-- an ordinary comment\r\nselect 2;\r\n\r\n"
        "  -- changeset ann:2 logicalFilePath:/c/d.sql\n"
        "--rollback not required\nselect 3\n/\n",
        &log));
    assert_int_equal(log.sets.n, 2);
    const struct changeset *s = &log.sets.at[0];
    assert_string_equal(s->author, "bob b");
    assert_string_equal(s->id, "1 x");
    assert_string_equal(s->path, "b.sql");
    assert_string_equal(s->file, "root/db/x.sql");
    assert_int_equal(s->line, 4);
    assert_true(s->run_on_change && s->run_always && !s->run_in_transaction && !s->fail_on_error && s->ignore);
    assert_string_equal(changeset_contexts(&a, s), "(prod and !test)");
    assert_string_equal(changeset_labels(&a, s), "v1,b");
    assert_int_equal(s->dbms.n, 2);
    assert_string_equal(s->comments, "hello");
    assert_int_equal(s->valid_sums.n, 2);
    assert_int_equal(s->preconditions.on_fail, REACT_MARK_RAN);
    assert_int_equal(s->preconditions.on_error, REACT_WARN);
    assert_int_equal(s->preconditions.on_preview, PREVIEW_TEST);
    assert_int_equal(s->preconditions.list.n, 3);
    assert_string_equal(s->preconditions.list.at[0].expected, "a b");
    assert_string_equal(s->preconditions.list.at[0].sql, "select 1");
    assert_string_equal(s->preconditions.list.at[1].schema, "s");
    assert_string_equal(s->preconditions.list.at[2].name, "v");
    const struct change *c = &s->changes.at[0];
    assert_string_equal(c->sql, "select 1;\n-- an ordinary comment\nselect 2;");
    assert_true(!c->split && !c->strip_comments);
    assert_string_equal(c->end_delimiter, "//");
    assert_string_equal(s->rollback.changes.at[0].sql, "drop 1;\ndrop 2;");
    assert_string_equal(s->rollback.changes.at[0].end_delimiter, "@@");
    assert_false(s->rollback.changes.at[0].split);
    int line, column;
    source_locate(&c->map, c->sql, (size_t)(strstr(c->sql, "2;") - c->sql), &line, &column);
    assert_int_equal(line, 21);
    assert_int_equal(column, 8);

    s = &log.sets.at[1];
    assert_string_equal(s->path, "c/d.sql");
    assert_int_equal(s->rollback.kind, ROLLBACK_EMPTY);
    assert_string_equal(s->changes.at[0].end_delimiter, "\n/$");
    assert_null(changeset_contexts(&a, s));
    assert_null(changeset_labels(&a, s));
    arena_free(&a);
}

static void rollbacks(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    assert_true(parse(&cx,
                      HEAD "--changeset b:1\nselect 1;\n/* liquibase rollback\ndrop\n table x; */\n"
                           "--changeset b:2\nselect 1;\n--rollback changesetId:1 changesetAuthor:b\n"
                           "--changeset b:3\nselect 1;\n",
                      &log));
    assert_string_equal(log.sets.at[0].rollback.changes.at[0].sql, "drop table x;");
    assert_int_equal(log.sets.at[1].rollback.kind, ROLLBACK_CHANGESET);
    assert_string_equal(log.sets.at[1].rollback.id, "1");
    assert_int_equal(log.sets.at[2].rollback.kind, ROLLBACK_NONE);
    arena_free(&a);
}

static void properties(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *expected;
    } rows[] = {
        {"${a}", "1"},
        {"${ A }", "1"},
        {"${B}", "1x1"},
        {"${FROM_ENV}", "env"},
        {"${p} ${P}", "param param"},
        {"${both}", "param"},
        {"${none}", "${none}"},
        {"${in${b}}", "${in1x1}"},
        {"${n${a}}", "nested"},
        {"${a", "${a"},
        {"a ${:b} $c", "a ${:b} $c"},
        {"${prodonly}", "yes"},
        {"${testonly}", "${testonly}"},
        {"${}", "${}"},
        {"$${a}$", "$1$"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct changelog log;
        assert_true(parse(
            &cx,
            arena_printf(
                &a,
                HEAD
                "--property name:A value:1 and more\n--property name:a value:2\n--property name:B value:${a}x${a}\n"
                "--property name:both value:file\n--property name:n1 value:nested\n"
                "--property name:prodonly value:yes context:prod\n--property name:testonly value:no context:test\n"
                "--changeset b:1\nselect '%s';",
                rows[i].sql),
            &log));
        assert_string_equal(log.sets.at[0].changes.at[0].sql, arena_printf(&a, "select '%s';", rows[i].expected));
        arena_free(&a);
    }
}

/* The attributes of a changeset and a check's SQL are expanded, as far as Liquibase expands them. */
static void expanded_attributes(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    assert_true(parse(
        &cx,
        HEAD "--property name:n value:1\n--property name:c value:prod\n"
             "--changeset b:${n} context:\"${c} or x\" labels:${C},y logicalFilePath:/l/${c}.sql runOnChange:${n}\n"
             "--comment ${n}\n--precondition-sql-check expectedResult:${n} select ${n}\nselect 1;\n",
        &log));
    const struct changeset *cs = &log.sets.at[0];
    assert_string_equal(cs->id, "1");
    assert_string_equal(cs->contexts.at[0], "prod or x");
    assert_string_equal(changeset_labels(&a, cs), "prod,y");
    assert_string_equal(cs->filename, "l/prod.sql");
    assert_string_equal(cs->comments, "${n}");
    assert_string_equal(cs->preconditions.list.at[0].expected, "1");
    assert_string_equal(cs->preconditions.list.at[0].sql, "select 1");
    assert_true(parse(&cx, HEAD "--changeset b:1 endDelimiter:\nselect 1;\n/\n", &log));
    assert_string_equal(log.sets.at[0].changes.at[0].end_delimiter, "");
    arena_free(&a);
}

/* A fault behind an expanded ${…} is still found in the file. */
static void places_survive_expansion(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    int line, column;
    assert_true(
        parse(&cx, HEAD "--changeset b:1\n\n  \nselect ${LINES} ${p}, a\n--comment c\nfrom ${p} where b;\n", &log));
    const struct change *c = &log.sets.at[0].changes.at[0];
    assert_string_equal(c->sql, "select x\ny param, a\nfrom param where b;");
    source_locate(&c->map, c->sql, 0, &line, &column);
    assert_int_equal(line, 5);
    assert_int_equal(column, 1);
    source_locate(&c->map, c->sql, (size_t)(strstr(c->sql, ", a") - c->sql), &line, &column);
    assert_int_equal(line, 5);
    assert_int_equal(column, 21);
    source_locate(&c->map, c->sql, (size_t)(strstr(c->sql, "where b") - c->sql), &line, &column);
    assert_int_equal(line, 7);
    assert_int_equal(column, 11);
    arena_free(&a);
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line, column;
    } rows[] = {
        {HEAD "--changeset\nselect 1;", 2, 12},
        {HEAD "--changeset bob\nselect 1;", 2, 13},
        {HEAD "--changeset bob:\nselect 1;", 2, 17},
        {HEAD "--changeset bob: 1\nselect 1;", 2, 17},
        {HEAD "--changeset bob:\"\"\nselect 1;", 2, 17},
        {HEAD "--changeset :1\nselect 1;", 2, 13},
        {HEAD "--changesets x:y\nselect 1;", 2, 12},
        {HEAD "-changeset b:1\nselect 1;", 2, 1},
        {HEAD "--changeset b:1\n\n--changeset b:2\nselect 1;", 2, 1},
        {HEAD "--changeset b:1\nselect 1;\n--changeset B:1\nselect 2;", 4, 1},
        {HEAD HEAD "--changeset b:1\nselect 1;", 2, 1},
        {HEAD "--property name=x value=y\n", 2, 1},
        {HEAD "---property name:x value:y\n", 2, 1},
        {HEAD "--comment foo\n--changeset b:1\nselect 1;", 2, 1},
        {HEAD "--changeset b:1\n--comments foo\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-rollback foo\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-comment foo\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-preconditions x\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-precondition-sql-check x\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-validchecksum x\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n-ignoreLines:1\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n--ignore:1\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n--ignoreLines:foo\nselect 1;", 3, 15},
        {HEAD "--changeset b:1\n--preconditions onFail:FOO\nselect 1;", 3, 1},
        {HEAD "--changeset b:1\n--precondition-foo-bar x\nselect 1;", 3, 16},
        {HEAD "--changeset b:1\n--precondition-sql-check x\nselect 1;", 3, 26},
        {HEAD "--changeset b:1\n--precondition-table-exists foo:v\nselect 1;", 3, 16},
        {HEAD "--changeset b:1\nselect 1;\n/* liquibase rollback\nx\n", 4, 1},
        {HEAD "--changeset b:1 context:\"(a\"\nselect 1;", 2, 1},
        {HEAD "--changeset b:1 dbms:postgresql,postgre\nselect 1;", 2, 1},
        {HEAD "--property name:a value:${b}\n--property name:b value:${a}\n--changeset b:1\nselect ${a};", 4, 1},
        {"", 1, 1},
        {" \n\n", 1, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct changelog log;
        if (parse(&cx, rows[i].text, &log))
            fail_test("accepted: %s", rows[i].text);
        if (cx.err.code != E_CHANGELOG || cx.err.line != rows[i].line || cx.err.column != rows[i].column)
            fail_test("%s: %s at %d:%d, expected %d:%d", rows[i].text, cx.err.message, cx.err.line, cx.err.column,
                      rows[i].line, rows[i].column);
        assert_string_equal(cx.err.file, "root/db/x.sql");
        arena_free(&a);
    }
}

/* Properties that multiply a billionfold end in an error, not in the machine's memory. */
static void expansion_bomb(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    struct str text = str_new(&a);
    str_add(&text, HEAD "--property name:x0 value:-\n");
    for (int i = 1; i < 31; i++)
        str_addf(&text, "--property name:x%d value:${x%d}${x%d}\n", i, i - 1, i - 1);
    str_add(&text, "--changeset b:1\nselect ${x30};\n");
    assert_false(parse(&cx, text.s, &log));
    assert_int_equal(cx.err.code, E_CHANGELOG);
    arena_free(&a);
}

/* A line that is all names of attributes, each of which could have the rest of it as its value. */
static void long_header(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    struct str text = str_new(&a);
    str_add(&text, HEAD "--changeset b:1 ");
    while (text.len < 2000000)
        str_add(&text, "labels:");
    str_add(&text, "last\nselect 1;\n");
    assert_true(parse(&cx, text.s, &log));
    assert_string_equal(changeset_labels(&a, &log.sets.at[0]), "last");
    arena_free(&a);
}

static void paths(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"./inc/b.sql", "inc/b.sql"},
                                          {"inc/../inc/b.sql", "inc/b.sql"},
                                          {"a\\b.sql", "a/b.sql"},
                                          {"/a/b.sql", "a/b.sql"},
                                          {"classpath:a.sql", "a.sql"},
                                          {"C:\\x\\a.sql", "x/a.sql"},
                                          {"classpath:/a//b.sql", "a/b.sql"},
                                          {"../a.sql", "../a.sql"},
                                          {"a/./b/../../c.sql", "c.sql"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        assert_string_equal(changelog_path_normalise(&a, rows[i][0]), rows[i][1]);
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_and_directives),
        cmocka_unit_test(rollbacks),
        cmocka_unit_test(properties),
        cmocka_unit_test(expanded_attributes),
        cmocka_unit_test(places_survive_expansion),
        cmocka_unit_test(refused),
        cmocka_unit_test(expansion_bomb),
        cmocka_unit_test(long_header),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
