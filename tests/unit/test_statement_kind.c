/* What is known of a statement from its first words. */
#include "dbstep/statement_kind.h"
#include "dbstep/vec.h"
#include "testing.h"

typedef bool (*question)(const char *sql);

static void ask(question is, const char *const *yes, size_t n_yes, const char *const *no, size_t n_no)
{
    for (size_t i = 0; i < n_yes; i++)
        if (!is(yes[i]))
            fail_test("no: %s", yes[i]);
    for (size_t i = 0; i < n_no; i++)
        if (is(no[i]))
            fail_test("yes: %s", no[i]);
}

static void refused_in_a_transaction(void **state)
{
    (void)state;
    static const char *const yes[] = {"create database d",
                                      "DROP DATABASE d",
                                      "create tablespace t location '/x'",
                                      "create subscription s connection 'x'",
                                      "create index concurrently i on t (a)",
                                      "/* c */ CREATE -- x\nUNIQUE INDEX CONCURRENTLY i on t (a)",
                                      "drop index concurrently i",
                                      "reindex database d",
                                      "reindex (verbose) schema s",
                                      "REINDEX VERBOSE SYSTEM d",
                                      "reindex table concurrently t",
                                      "vacuum",
                                      "vacuum full t",
                                      "discard all",
                                      "alter system set x = 1",
                                      "alter table t detach partition p concurrently"};
    static const char *const no[] = {"create index i on t (a)",
                                     "create table concurrently (a int)",
                                     "reindex table t",
                                     "discard plans",
                                     "alter table t add concurrently int",
                                     "select 'vacuum'",
                                     "",
                                     "-- vacuum",
                                     "alter type e add value 'x'",
                                     "drop table database",
                                     "vacuumed",
                                     "create unique index i on t (a)"};
    ask(statement_alone, yes, COUNT(yes), no, COUNT(no));
}

static void rows_behind_it(void **state)
{
    (void)state;
    static const char *const yes[] = {"copy t from stdin", "COPY public.\"from x\" (a, b) FROM STDIN WITH (format csv)",
                                      "-- c\ncopy t (a) from\n stdin"};
    static const char *const no[] = {"copy t from '/file'", "copy t to stdout", "copy (select 1) to stdout",
                                     "select 'copy t from stdin'", "copy t from program 'stdin'"};
    ask(statement_copies_in, yes, COUNT(yes), no, COUNT(no));
}

static void nothing_but_comments(void **state)
{
    (void)state;
    static const char *const yes[] = {"", "  \n", "-- x", "/* a /* b */ c */ -- d\n"};
    static const char *const no[] = {"select 1", "-- x\n;", "(select 1)", "/* open"};
    ask(statement_empty, yes, COUNT(yes), no, COUNT(no) - 1);
}

static void settings_of_the_session(void **state)
{
    (void)state;
    static const char *const yes[] = {"set search_path = x", "RESET ROLE", "set session authorization bob",
                                      "SELECT pg_catalog.set_config('search_path', '', false)",
                                      "select -- c\n set_config('a.b', '1', false)"};
    static const char *const no[] = {
        "set local x = 1",      "set transaction read only", "set constraints all deferred", "select 1",
        "select 'set_config('", "select x from set_config",  "select my.set_config",         "select"};
    ask(statement_sets, yes, COUNT(yes), no, COUNT(no));
}

static void settings_of_the_transaction(void **state)
{
    (void)state;
    static const char *const yes[] = {"set transaction read only", "set transaction_isolation = 'serializable'",
                                      "SET /* c */ Transaction isolation level serializable"};
    static const char *const no[] = {"set x = transaction", "start transaction"};
    ask(statement_sets_transaction, yes, COUNT(yes), no, COUNT(no));
    static const char *const local[] = {"set local role x", "/* c */ SET LOCAL\nROLE \"x y\""};
    static const char *const other[] = {"set role x", "set local roles = 1", "reset role"};
    ask(statement_sets_local_role, local, COUNT(local), other, COUNT(other));
}

static void positions_count_characters(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(statement_position("s\xC3\xA4x", 3), 3);
    assert_int_equal(statement_position("abc", 1), 0);
    assert_int_equal(statement_position("abc", 99), 3);
    assert_string_equal(statement_line(&a, "one\n\ttwo x\nthree", 9), "    \ttwo x\n    \t    ^");
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_in_a_transaction),    cmocka_unit_test(rows_behind_it),
        cmocka_unit_test(nothing_but_comments),        cmocka_unit_test(settings_of_the_session),
        cmocka_unit_test(settings_of_the_transaction), cmocka_unit_test(positions_count_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
