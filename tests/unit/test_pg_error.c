/* What a server says, in the catalogue's terms: a scripted libpq answers. Also the SQL templates, which need no server. */
// link: -Wl,--wrap=PQresultErrorField,--wrap=PQstatus,--wrap=PQerrorMessage,--wrap=PQuser
#include "../../src/io/pg_internal.h"
#include "dbstep/redact.h"
#include "testing.h"

static struct arena arena;

static struct {
    const char *state, *primary, *detail, *hint, *position, *message;
    ConnStatusType status;
} server;

/* NOLINTBEGIN(bugprone-reserved-identifier): the names are the linker's */
char *__wrap_PQresultErrorField(const PGresult *res, int field);
ConnStatusType __wrap_PQstatus(const PGconn *conn);
char *__wrap_PQerrorMessage(const PGconn *conn);
char *__wrap_PQuser(const PGconn *conn);

char *__wrap_PQresultErrorField(const PGresult *res, int field)
{
    (void)res;
    const char *s = field == PG_DIAG_SQLSTATE             ? server.state
                    : field == PG_DIAG_MESSAGE_PRIMARY    ? server.primary
                    : field == PG_DIAG_MESSAGE_DETAIL     ? server.detail
                    : field == PG_DIAG_MESSAGE_HINT       ? server.hint
                    : field == PG_DIAG_STATEMENT_POSITION ? server.position
                                                          : NULL;
    return (char *)(uintptr_t)s;
}

ConnStatusType __wrap_PQstatus(const PGconn *conn)
{
    (void)conn;
    return server.status;
}

char *__wrap_PQerrorMessage(const PGconn *conn)
{
    (void)conn;
    return (char *)(uintptr_t)(server.message ? server.message : "");
}

char *__wrap_PQuser(const PGconn *conn)
{
    (void)conn;
    return (char *)(uintptr_t) "app";
}
/* NOLINTEND(bugprone-reserved-identifier) */

static struct ctx failed(const char *state, const char *primary)
{
    struct ctx cx = {.arena = &arena};
    struct pg pg = {.conn = (PGconn *)&server, .where = "production bbq at db:5432"};
    server.state = state;
    server.primary = primary;
    assert_false(pg_fail_result(&cx, &pg, NULL));
    return cx;
}

static int reset(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    server.status = CONNECTION_OK;
    redact_clear();
    arena_free(&arena);
    return 0;
}

static void test_states_become_codes(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        enum err_code code;
    } cases[] = {
        {"28P01", E_AUTH},     {"28000", E_AUTH},     {"3D000", E_NO_DATABASE}, {"42501", E_PERMISSION},
        {"55P03", E_LOCKED},   {"40P01", E_LOCKED},   {"57014", E_TIMEOUT},     {"57P01", E_UNREACHABLE},
        {"53100", E_CAPACITY}, {"53300", E_CAPACITY}, {"08006", E_UNREACHABLE}, {"23505", E_REJECTED},
        {"42P01", E_REJECTED}, {"54001", E_REJECTED}, {"25006", E_REJECTED},    {"XX000", E_REJECTED},
        {"58030", E_CAPACITY}, {"57P05", E_TIMEOUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctx cx = failed(cases[i].state, "it says why");
        if (cx.err.code != cases[i].code)
            fail_test("%s became %s", cases[i].state, err_name(cx.err.code));
        assert_string_equal(cx.err.sqlstate, cases[i].state);
        assert_string_equal(cx.err.message, "it says why (production bbq at db:5432)");
        assert_true(pg_failed_with(&cx, cases[i].state));
        assert_false(pg_failed_with(&cx, "99"));
    }
}

static void test_detail_hint_and_position_are_kept(void **state)
{
    (void)state;
    server.detail = "Key (id)=(1) already exists.";
    server.position = "17";
    server.hint = "the server's own";
    struct ctx cx = failed("42501", "permission denied");
    assert_string_equal(cx.err.detail, "Key (id)=(1) already exists.");
    assert_int_equal(cx.err.position, 17);
    assert_string_equal(cx.err.hint, "the server's own");
    server.hint = NULL;
    cx = failed("42501", "permission denied");
    assert_non_null(strstr(cx.err.hint, "'app'"));
}

static void test_the_first_error_stays(void **state)
{
    (void)state;
    struct pg pg = {.conn = (PGconn *)&server, .where = "db"};
    struct ctx cx = failed("55P03", "locked");
    server.state = "25P02";
    server.primary = "current transaction is aborted";
    assert_false(pg_fail_result(&cx, &pg, NULL));
    assert_int_equal(cx.err.code, E_LOCKED);
    assert_string_equal(cx.err.sqlstate, "55P03");
}

static void test_a_secret_in_the_servers_words_is_hidden(void **state)
{
    (void)state;
    redact_add("hunter2");
    server.detail = "password was hunter2";
    struct ctx cx = failed("22023", "invalid value hunter2");
    assert_null(strstr(cx.err.message, "hunter2"));
    assert_null(strstr(cx.err.detail, "hunter2"));
}

static void test_a_lost_connection_has_no_state(void **state)
{
    (void)state;
    server.status = CONNECTION_BAD;
    server.message = "server closed the connection unexpectedly\n";
    struct ctx cx = failed(NULL, NULL);
    assert_int_equal(cx.err.code, E_UNREACHABLE);
    assert_string_equal(cx.err.detail, "server closed the connection unexpectedly");
}

static void test_refused_connections(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum err_code code;
        bool passing;
    } cases[] = {
        {"connection to server at \"db\" failed: Connection refused", E_UNREACHABLE, true},
        {"could not translate host name \"db\" to address", E_UNREACHABLE, true},
        {"FATAL:  28P01: password authentication failed for user \"app\"\nLOCATION:  auth_failed, auth.c:1", E_AUTH,
         false},
        {"FATAL:  3D000: database \"x\" does not exist", E_NO_DATABASE, false},
        {"FATAL:  53300: sorry, too many clients already", E_CAPACITY, true},
        {"FATAL:  57P03: the database system is starting up", E_UNREACHABLE, true},
        {"fe_sendauth: no password supplied", E_AUTH, false},
        {"server does not support SSL, but SSL was required", E_TLS, false},
        {"invalid port number: \"0\"", E_INPUT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ctx cx = {.arena = &arena};
        struct pg pg = {.where = "database x at db"};
        bool passing = pg_fail_connect(&cx, &pg, cases[i].message);
        if (cx.err.code != cases[i].code || passing != cases[i].passing)
            fail_test("'%s' became %s%s", cases[i].message, err_name(cx.err.code), passing ? ", passing" : "");
        assert_null(strstr(cx.err.detail, "LOCATION"));
        assert_string_equal(cx.err.message, "cannot connect to database x at db");
    }
}

static void test_templates_are_filled(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    const char *const pairs[] = {"table", "\"a {key}\"", "key", "k", NULL};

    assert_string_equal(pg_fill(&cx, "SELECT {key} FROM {table} WHERE x = '{}' AND y = '{\"a\":1}' AND {table}", pairs),
                        "SELECT k FROM \"a {key}\" WHERE x = '{}' AND y = '{\"a\":1}' AND \"a {key}\"");
    assert_string_equal(pg_fill(&cx, "{key", pairs), "{key");
    assert_int_equal(cx.err.code, E_OK);
    pg_fill(&cx, "SELECT {other}", pairs);
    assert_int_equal(cx.err.code, E_INTERNAL);
}

static void test_positions_in_the_log(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "/",    "1/",   "/1",          "0x1/2",       "-1/0",
                                        "+1/0", " 1/0", "1/0 ", "123456789/0", "1/123456789", "g/0"};
    uint64_t lsn = 0;

    assert_true(pg_lsn_parse("16/B374D848", &lsn));
    assert_true(lsn == 0x16B374D848u);
    assert_string_equal(pg_lsn_text(&arena, lsn), "16/B374D848");
    assert_true(pg_lsn_parse("ffffffff/FFFFFFFF", &lsn));
    assert_true(lsn == UINT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (pg_lsn_parse(wrong[i], &lsn))
            fail_test("'%s' was taken for a position", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_states_become_codes, reset, reset),
        cmocka_unit_test_setup_teardown(test_detail_hint_and_position_are_kept, reset, reset),
        cmocka_unit_test_setup_teardown(test_the_first_error_stays, reset, reset),
        cmocka_unit_test_setup_teardown(test_a_secret_in_the_servers_words_is_hidden, reset, reset),
        cmocka_unit_test_setup_teardown(test_a_lost_connection_has_no_state, reset, reset),
        cmocka_unit_test_setup_teardown(test_refused_connections, reset, reset),
        cmocka_unit_test_setup_teardown(test_templates_are_filled, reset, reset),
        cmocka_unit_test_setup_teardown(test_positions_in_the_log, reset, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
