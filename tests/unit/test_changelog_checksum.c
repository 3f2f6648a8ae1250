/* Checksums: worked values, all computed by Liquibase 4.28.0. */
#include "dbstep/changelog.h"
#include "testing.h"

static void parse(struct ctx *cx, const char *text, struct changelog *log)
{
    struct changelog_source source = {.file = "x.sql"};
    size_t n = strlen(text);
    *log = (struct changelog){0};
    if (!changelog_parse_sql(cx, &source, "x.sql", arena_strndup(cx->arena, text, n), n, log))
        fail_test("%s", cx->err.message);
}

static void worked_values(void **state)
{
    (void)state;
    static const struct {
        const char *attributes, *sql, *v8, *v9;
    } rows[] = {
        {"", "create table e1 (id int);", "8:4d0e0fa99b98c7ddb54ed2ae2588e4bf", "9:545f547c3c95783b0044c7f76d46972c"},
        {"", "create table e2 (id int);\r\ninsert into e2 values (1);\r\n", "8:899f82034f848e479e85265e1dd0bf66",
         "9:f4247798750a56804c774101f21be7c6"},
        {"", "create table e2 (id int);\rinsert into e2 values (1);", "8:899f82034f848e479e85265e1dd0bf66",
         "9:f4247798750a56804c774101f21be7c6"},
        {"", "create table e4 (id int)", "8:790090a7a5a8e31eaddfc5ce580dc753", "9:3a81c2a87465296b84779eff093094e1"},
        {"", "create table e7 (a text);\ninsert into e7 values ('a b;  c'), ('x''y');",
         "8:e7f7ebf4b84056fd7f4f9e13bcc86877", "9:d9e035649e86de1b447d9e431ebdf15e"},
        {"", "-- nothing here", "8:61151c1196f06764042554ff5efb0054", "9:125a8b73a34f78be77264256df3e3c85"},
        {"endDelimiter:$$END splitStatements:false stripComments:false", "create table e10 (id int);",
         "8:5ef780dea0171bc3e05ecadb669ee648", "9:108db78bf9dae3954d501b646e9d4856"},
        {"", "select 1;", "8:07d7d7a28c35b80d36e41424401a2f3e", "9:a7ca957848b7a2d82c733ec390529b49"},
        {"", "select 1\n/", "8:5052c050d234b8725fed2b2ce19a02fd", "9:0f1475aa39d5d9c79549b35e24afec03"},
        {"splitStatements:false stripComments:FALSE", "-- c\nselect 1;", "8:4fe6ce355d3b81141e8c8fb24c2846dd",
         "9:23ddaba002a41283009e19684f3ad7d5"},
        {"", "select '\xff\xc3';", "8:ce87e921d7688d3ad2584694846f7e61", "9:ac220c961e9e44d3c83d58233d34d0ed"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct changelog log;
        char v8[CHECKSUM_MAX], v9[CHECKSUM_MAX];
        parse(&cx,
              arena_printf(&a, "--liquibase formatted sql\n--changeset b:1 %s\n%s", rows[i].attributes, rows[i].sql),
              &log);
        changeset_checksum(&a, &log.sets.at[0], CHECKSUM_V8, v8);
        changeset_checksum(&a, &log.sets.at[0], CHECKSUM_V9, v9);
        assert_string_equal(v8, rows[i].v8);
        assert_string_equal(v9, rows[i].v9);
        arena_free(&a);
    }
}

static void one_change(void **state)
{
    (void)state;
    struct change c = {.sql = "create table e1 (id int);", .sql_len = 25, .split = true, .strip_comments = true};
    char sum[CHECKSUM_MAX];
    change_checksum(&c, CHECKSUM_V8, sum);
    assert_string_equal(sum, "8:c359ac4fd064d0f5a0c8b3cc276ece03");
    change_checksum(&c, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:3c33fe1a406aba2543f3e7db173f44b8");
}

static void a_plain_file(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct changelog log;
    char sum[CHECKSUM_MAX];
    parse(&cx, "\n create table e28 (id int);\ncreate table e28b (id int);\n", &log);
    assert_string_equal(log.sets.at[0].id, "raw");
    assert_string_equal(log.sets.at[0].author, "includeAll");
    changeset_checksum(&a, &log.sets.at[0], CHECKSUM_V8, sum);
    assert_string_equal(sum, "8:d7f9b033b3c3ed7c2e43340afa586469");
    changeset_checksum(&a, &log.sets.at[0], CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:fb88942e6bc7e9ed609398ad39fffe48");
    arena_free(&a);
}

/* The model's other shapes: no change at all, serialised text, a change that another database's SQL is for. */
static void other_changes(void **state)
{
    (void)state;
    struct arena a = {0};
    struct changeset cs = {0};
    char sum[CHECKSUM_MAX];
    changeset_checksum(&a, &cs, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:d41d8cd98f00b204e9800998ecf8427e");
    *VEC_PUSH(&a, &cs.changes) = (struct change){.sum_text_v8 = "empty:[]", .sum_text_v9 = "empty:[]"};
    changeset_checksum(&a, &cs, CHECKSUM_V8, sum);
    assert_string_equal(sum, "8:d0d3328f3d5a05046b2c85ad2856329c");
    changeset_checksum(&a, &cs, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:7a37a4e4638085400ecf49cb0bebb7de");
    *VEC_PUSH(&a, &cs.changes) = (struct change){.sql = "select 2 from dual", .sql_len = 18, .excluded_by_dbms = true};
    changeset_checksum(&a, &cs, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:7a37a4e4638085400ecf49cb0bebb7de");
    cs.changes.n = 0;
    *VEC_PUSH(&a, &cs.changes) = (struct change){.sum_text_v8 = "tagDatabase:[\r\n    tag=\"v1.0\"\n]",
                                                 .sum_text_v9 = "tagDatabase:[\n    tag=\"v1.0\"\n]"};
    changeset_checksum(&a, &cs, CHECKSUM_V8, sum);
    assert_string_equal(sum, "8:1d23e0aaa0556a059304fe1d52e1caa0");
    changeset_checksum(&a, &cs, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:38bb4793a6a4fbb48375b4027cd6f472");
    arena_free(&a);
}

static void versions(void **state)
{
    (void)state;
    assert_int_equal(checksum_version("9:abc"), 9);
    assert_int_equal(checksum_version("8:abc"), 8);
    assert_int_equal(checksum_version("d41d8cd98f00b204e9800998ecf8427e"), 1);
    assert_int_equal(checksum_version(""), 0);
    assert_int_equal(checksum_version(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(worked_values), cmocka_unit_test(one_change),
                                       cmocka_unit_test(a_plain_file), cmocka_unit_test(other_changes),
                                       cmocka_unit_test(versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
