/* Flyway's rules that need no server: versions, names, checksums, placeholders, settings, folders, the key of the lock. */
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/flyway.h"
#include "dbstep/hash.h"
#include "testing.h"

struct bench {
    struct arena a;
    struct ctx cx;
    struct flyway_config c;
    char folder[64];
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->cx.arena = &b->a;
    flyway_defaults(&b->a, &b->c);
    snprintf(b->folder, sizeof b->folder, "/tmp/test_flyway_XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    *VEC_PUSH(&b->a, &b->c.locations) = b->folder;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    dir_clear(&b->cx, b->folder);
    rmdir(b->folder);
    arena_free(&b->a);
    free(b);
    return 0;
}

static void put(struct bench *b, const char *name, const char *text)
{
    const char *path = path_join(&b->a, b->folder, name);
    const char *slash = strrchr(path, '/');
    assert_true(dir_make(&b->cx, arena_strndup(&b->a, path, (size_t)(slash - path))));
    assert_true(file_write_atomic(&b->cx, path, text, strlen(text)));
}

static bool load(struct bench *b, struct flyway_files *files)
{
    err_clear(&b->cx);
    return flyway_load(&b->cx, &b->c, NULL, files);
}

/* ---- versions ---- */

static int compare(struct bench *b, const char *one, const char *other)
{
    struct flyway_version v, w;
    assert_true(flyway_version_parse(&b->a, one, &v));
    assert_true(flyway_version_parse(&b->a, other, &w));
    assert_int_equal(flyway_version_compare(&v, &w), -flyway_version_compare(&w, &v));
    return flyway_version_compare(&v, &w);
}

static void versions_are_numbers(void **state)
{
    struct bench *b = *state;
    assert_int_equal(compare(b, "1.2.10", "1.2.9"), 1);
    assert_int_equal(compare(b, "1_2_10", "1.2.10"), 0);
    assert_int_equal(compare(b, "001", "1"), 0);
    assert_int_equal(compare(b, "1.0.0", "1"), 0);
    assert_int_equal(compare(b, "1.0.1", "1"), 1);
    assert_int_equal(compare(b, "0", "0.0"), 0);
    assert_int_equal(compare(b, "20240131120000", "20240131115959"), 1);
    assert_int_equal(compare(b, "99999999999999999999999999999", "100000000000000000000000000000"), -1);
    assert_int_equal(compare(b, "2", "10"), -1);
}

static void what_is_no_version(void **state)
{
    struct bench *b = *state;
    static const char *const bad[] = {"", "a", "1a", "1..2", "1.", ".1", "1-2", "1.x", " 1", "1__2"};
    struct flyway_version v;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (flyway_version_parse(&b->a, bad[i], &v))
            fail_test("'%s' was taken for a version", bad[i]);
    assert_true(flyway_version_parse(&b->a, "1_02", &v));
    assert_string_equal(v.text, "1.02"); /* the zeros stay in what is shown and stored */
}

/* ---- checksums ---- */

static void crc32_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc32_ieee(0, "123456789", 9),
                     0xCBF43926); /* the check value of CRC-32 in every catalogue of CRCs */
    assert_int_equal(crc32_ieee(crc32_ieee(0, "1234", 4), "56789", 5), 0xCBF43926);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
}

static int sum(const char *text)
{
    return flyway_checksum(text, strlen(text));
}

static void checksums_leave_line_ends_out(void **state)
{
    (void)state;
    assert_int_equal(sum("123456789"), (int)0xCBF43926);
    assert_true(sum("123456789") < 0); /* a signed number */
    assert_int_equal(sum("12345\n6789\n"), (int)0xCBF43926);
    assert_int_equal(sum("12345\r\n6789"), (int)0xCBF43926);
    assert_int_equal(sum("\n\r12345\r6789\n\n"), (int)0xCBF43926);
    assert_int_equal(sum("\xEF\xBB\xBF"
                         "123456789"),
                     (int)0xCBF43926);
    assert_int_equal(sum(""), 0);
    assert_int_not_equal(sum("12345 6789"), (int)0xCBF43926); /* blanks count */
    assert_int_not_equal(sum("1\xEF\xBB\xBF"), sum("1"));
    /* made by java.util.zip.CRC32 over the lines */
    assert_int_equal(sum("create table PERSON (\n    ID int not null,\n    NAME varchar(100) not null\n);\n"),
                     1715188512);
}

/* ---- the lock ---- */

static void the_key_of_the_lock(void **state)
{
    char key[24];
    (void)state;
    /* made by Java: 0x466C79776179 ("Flyway") + Java's hashCode() of "public"."flyway_schema_history" */
    flyway_lock_key("public", "flyway_schema_history", key);
    assert_string_equal(key, "77433833903597");
    flyway_lock_key("a\"b", "t\xC3\xA4\xF0\x9F\x90\x98",
                    key); /* quotes are doubled; UTF-16 with a pair of surrogates */
    assert_string_equal(key, "77432302156093");
}

/* ---- folders and names ---- */

static void files_in_their_order(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "V1.10__ten.sql", "select 10");
    put(b, "V1.9__nine_and_a_half.sql", "select 9");
    put(b, "sub/deeper/V2.sql", "select 2");
    put(b, "U1.9__nine.sql", "select 9");
    put(b, "B1.9__base.sql", "select 9");
    put(b, "R__b_view.sql", "select 1");
    put(b, "R__a_view.SQL", "select 1");
    put(b, "beforeMigrate__log.sql", "select 1");
    put(b, "readme.txt", "no migration");
    put(b, ".hidden/V99__no.sql", "select 1");
    put(b, "V3.sql.conf", "executeInTransaction=false");
    assert_true(load(b, &f));
    static const char *const expected[] = {
        "V1.9__nine_and_a_half.sql", "B1.9__base.sql", "U1.9__nine.sql", "V1.10__ten.sql",
        "sub/deeper/V2.sql",         "R__a_view.SQL",  "R__b_view.sql",  "beforeMigrate__log.sql"};
    assert_int_equal(f.scripts.n, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_string_equal(f.scripts.at[i].script, expected[i]);
    assert_string_equal(f.scripts.at[0].description, "nine and a half");
    assert_string_equal(f.scripts.at[4].description, "");
    assert_string_equal(f.scripts.at[7].event, "beforeMigrate");
    assert_int_equal(f.bad_names.n, 0);
}

static void bad_names_are_told(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "V1_x.sql", "select 1");
    put(b, "R1__x.sql", "select 1");
    put(b, "V__x.sql", "select 1");
    put(b, "setup.sql", "select 1");
    put(b, "V2__good.sql", "select 1");
    assert_true(load(b, &f));
    assert_int_equal(f.bad_names.n, 4);
    assert_int_equal(f.scripts.n, 1);
    b->c.validate_naming = true;
    assert_false(load(b, &f));
    assert_int_equal(b->cx.err.code, E_CHANGELOG);
    assert_non_null(strstr(b->cx.err.detail, "V1_x.sql has '1_x' for a version"));
    assert_non_null(strstr(b->cx.err.detail, "R1__x.sql must not have a version: R__x.sql"));
    assert_non_null(strstr(b->cx.err.detail, "V__x.sql has no version: V1.2__x.sql"));
    assert_non_null(strstr(b->cx.err.detail, "setup.sql begins with no prefix"));
}

static void duplicates_are_refused(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "V1.0__a.sql", "select 1");
    put(b, "sub/V1__b.sql", "select 1");
    assert_false(load(b, &f));
    assert_non_null(strstr(b->cx.err.message, "two migrations have the version 1"));
    assert_true(unlink(path_join(&b->a, b->folder, "sub/V1__b.sql")) == 0);
    put(b, "R__v.sql", "select 1");
    put(b, "sub/R__v.sql", "select 1");
    assert_false(load(b, &f));
    assert_non_null(strstr(b->cx.err.message, "two repeatable migrations"));
}

static void a_location_within_another_counts_once(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "sub/V1__a.sql", "select 1");
    *VEC_PUSH(&b->a, &b->c.locations) = arena_printf(&b->a, "filesystem:%s/sub", b->folder);
    *VEC_PUSH(&b->a, &b->c.locations) = b->folder;
    assert_true(load(b, &f));
    assert_int_equal(f.scripts.n, 1);
    assert_string_equal(f.scripts.at[0].script, "sub/V1__a.sql");
    *VEC_PUSH(&b->a, &b->c.locations) = "classpath:db/migration";
    assert_false(load(b, &f));
    assert_int_equal(b->cx.err.code, E_INPUT);
}

static void a_missing_location(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    *VEC_PUSH(&b->a, &b->c.locations) = "/nowhere/at/all";
    assert_false(load(b, &f));
    assert_int_equal(b->cx.err.code, E_FILE);
    b->c.missing_locations_fail = false;
    assert_true(load(b, &f));
}

static void names_of_ones_own(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    assert_true(flyway_set(&b->cx, &b->c, "sqlMigrationPrefix", "MIG"));
    assert_true(flyway_set(&b->cx, &b->c, "flyway.sqlMigrationSeparator", "--"));
    assert_true(flyway_set(&b->cx, &b->c, "sqlMigrationSuffixes", ".pgsql, .ddl"));
    put(b, "MIG1.2--first_one.pgsql", "select 1");
    put(b, "MIG1.3--second.DDL", "select 1");
    put(b, "V2__no.sql", "select 1");
    assert_true(load(b, &f));
    assert_int_equal(f.scripts.n, 2);
    assert_string_equal(f.scripts.at[0].version.text, "1.2");
    assert_string_equal(f.scripts.at[0].description, "first one");
}

static void settings_beside_a_migration(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "V1__a.sql", "select 1");
    put(b, "V1__a.sql.conf",
        "# a comment\nexecuteInTransaction = false\nplaceholderReplacement=true\nencoding=UTF-8\n");
    put(b, "V2__b.sql", "select 1");
    assert_true(load(b, &f));
    assert_int_equal(f.scripts.at[0].in_transaction, 0);
    assert_int_equal(f.scripts.at[0].replace_placeholders, 1);
    assert_int_equal(f.scripts.at[1].in_transaction, -1);
    put(b, "V2__b.sql.conf", "\n\nshouldExecute=${x}==y\n");
    assert_false(load(b, &f));
    assert_int_equal(b->cx.err.line, 3);
    put(b, "V2__b.sql.conf", "executeInTransaction=perhaps\n");
    assert_false(load(b, &f));
    put(b, "V2__b.sql.conf", "unknown=1\n");
    assert_false(load(b, &f));
}

static void bytes_that_are_no_text(void **state)
{
    struct bench *b = *state;
    struct flyway_files f;
    put(b, "V1__a.sql", "select 1;\n  select 'caf\xE9';\n");
    assert_false(load(b, &f));
    assert_int_equal(b->cx.err.code, E_CHANGELOG);
    assert_int_equal(b->cx.err.line, 2);
    assert_int_equal(b->cx.err.column, 14);
}

/* ---- placeholders ---- */

static const char *expand(struct bench *b, const char *text, struct source_map *map)
{
    const char *out;
    size_t len;
    err_clear(&b->cx);
    return flyway_expand(&b->cx, &b->c, "V1__x.sql", text, strlen(text), NULL, map, &out, &len) ? out : NULL;
}

static void placeholders_are_replaced(void **state)
{
    struct bench *b = *state;
    struct source_map map;
    int line, column;
    assert_true(flyway_set(&b->cx, &b->c, "placeholders.owner", "bob"));
    assert_true(flyway_set(&b->cx, &b->c, "flyway.placeholders.note", "${owner} = x"));
    assert_string_equal(expand(b, "no placeholder $1 $$ $ {", &map), "no placeholder $1 $$ $ {");
    const char *out = expand(b, "a ${OWNER}\n-- '${note}' z", &map);
    assert_string_equal(out, "a bob\n-- '${owner} = x' z"); /* without case, in comments too, once */
    source_locate(&map, out, strlen(out) - 1, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 14);
    source_locate(&map, out, 3, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 3);
    assert_true(flyway_set(&b->cx, &b->c, "placeholders.owner", ""));
    assert_string_equal(expand(b, "<${owner}>", &map), "<>");
}

static void placeholders_without_a_value(void **state)
{
    struct bench *b = *state;
    struct source_map map;
    assert_null(expand(b, "select 1;\nselect ${nobody};", &map));
    assert_int_equal(b->cx.err.code, E_CHANGELOG);
    assert_int_equal(b->cx.err.line, 2);
    assert_int_equal(b->cx.err.column, 8);
    assert_null(expand(b, "select '${never closed';", &map));
    assert_true(flyway_set(&b->cx, &b->c, "placeholderPrefix", "#["));
    assert_true(flyway_set(&b->cx, &b->c, "placeholderSuffix", "]"));
    assert_string_equal(expand(b, "select ${nobody};", &map), "select ${nobody};");
    assert_null(expand(b, "#[nobody]", &map));
}

/* ---- settings ---- */

static const char *environment(void *user, const char *name)
{
    (void)user;
    return text_equal(name, "WHO") ? "alice" : NULL;
}

static void settings_from_a_file(void **state)
{
    struct bench *b = *state;
    put(b, "flyway.conf",
        "# how to connect\r\nflyway.url=jdbc:postgresql://x/y\nflyway.outOfOrder=true\nflyway.locations=filesystem:sql,\\\n"
        "  filesystem:more\nflyway.placeholders.who=${WHO}\nflyway.baselineVersion=2_1\n");
    assert_true(flyway_read_conf(&b->cx, &b->c, path_join(&b->a, b->folder, "flyway.conf"), environment, NULL));
    assert_true(b->c.out_of_order);
    assert_int_equal(b->c.locations.n, 2);
    assert_string_equal(b->c.locations.at[1], "filesystem:more");
    assert_string_equal(b->c.placeholders.at[0], "who=alice");
    assert_string_equal(b->c.baseline_version, "2_1");
}

static void settings_that_are_wrong(void **state)
{
    struct bench *b = *state;
    static const char *const bad[][2] = {
        {"outOfOder", "true"},          {"outOfOrder", "yes"},      {"group", "true"},
        {"encoding", "ISO-8859-1"},     {"baselineVersion", "one"}, {"ignoreMigrationPatterns", "*:odd"},
        {"callbacks", "com.example.X"}, {"undoRecord", "none"},     {"table", ""},
        {"cherryPick", "2.0"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        err_clear(&b->cx);
        if (flyway_set(&b->cx, &b->c, bad[i][0], bad[i][1]))
            fail_test("%s=%s was taken", bad[i][0], bad[i][1]);
        assert_int_equal(b->cx.err.code, E_INPUT);
    }
    err_clear(&b->cx);
    assert_false(flyway_set(&b->cx, &b->c, "outOfOder", "true"));
    assert_string_equal(b->cx.err.hint, "did you mean outOfOrder?");
    err_clear(&b->cx);
    assert_true(flyway_set(&b->cx, &b->c, "group", "false"));
    assert_true(flyway_set(&b->cx, &b->c, "url", "jdbc:x"));
    put(b, "flyway.conf", "flyway.mixed=true\n\nflyway.nonsense=1\n");
    assert_false(flyway_read_conf(&b->cx, &b->c, path_join(&b->a, b->folder, "flyway.conf"), NULL, NULL));
    assert_int_equal(b->cx.err.line, 3);
}

static void settings_from_variables(void **state)
{
    struct bench *b = *state;
    assert_true(flyway_set_variable(&b->cx, &b->c, "FLYWAY_OUT_OF_ORDER", "true"));
    assert_true(flyway_set_variable(&b->cx, &b->c, "FLYWAY_SQL_MIGRATION_PREFIX", "M"));
    assert_true(flyway_set_variable(&b->cx, &b->c, "FLYWAY_PLACEHOLDERS_OWNER", "bob"));
    assert_true(flyway_set_variable(&b->cx, &b->c, "FLYWAY_POSTGRESQL_TRANSACTIONAL_LOCK", "false"));
    assert_true(flyway_set_variable(&b->cx, &b->c, "FLYWAY_SOMETHING_NEW", "x"));
    assert_true(flyway_set_variable(&b->cx, &b->c, "PATH", "x"));
    assert_true(b->c.out_of_order);
    assert_string_equal(b->c.prefix, "M");
    assert_string_equal(b->c.placeholders.at[0], "owner=bob");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(versions_are_numbers),
        TEST(what_is_no_version),
        TEST(crc32_check_value),
        TEST(checksums_leave_line_ends_out),
        TEST(the_key_of_the_lock),
        TEST(files_in_their_order),
        TEST(bad_names_are_told),
        TEST(duplicates_are_refused),
        TEST(a_location_within_another_counts_once),
        TEST(a_missing_location),
        TEST(names_of_ones_own),
        TEST(settings_beside_a_migration),
        TEST(bytes_that_are_no_text),
        TEST(placeholders_are_replaced),
        TEST(placeholders_without_a_value),
        TEST(settings_from_a_file),
        TEST(settings_that_are_wrong),
        TEST(settings_from_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
