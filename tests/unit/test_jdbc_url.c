/* JDBC URLs: what libpq is given for them, and what is refused. */
#include "dbstep/jdbc_url.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *uri;
        bool says_tls, local;
    } cases[] = {
        {"jdbc:postgresql://db.example:6432/bbq", "postgresql://db.example:6432/bbq?sslmode=prefer", false, false},
        {"jdbc:postgresql://db.example/bbq", "postgresql://db.example:5432/bbq?sslmode=prefer", false, false},
        {"jdbc:postgresql://db.example/", "postgresql://db.example:5432/?sslmode=prefer", false, false},
        {"jdbc:postgresql://db.example", "postgresql://db.example:5432/?sslmode=prefer", false, false},
        {"jdbc:postgresql:bbq", "postgresql://localhost:5432/bbq?sslmode=prefer", false, true},
        {"jdbc:postgresql:", "postgresql://localhost:5432/?sslmode=prefer", false, true},
        {"jdbc:postgresql:///bbq", "postgresql://localhost:5432/bbq?sslmode=prefer", false, true},
        {"  jdbc:postgresql://127.0.0.1:1/x \n", "postgresql://127.0.0.1:1/x?sslmode=prefer", false, true},
        {"jdbc:postgresql://a:1,b,[::1]:3/x?targetServerType=primary",
         "postgresql://a:1,b:5432,[::1]:3/x?target_session_attrs=primary&sslmode=prefer", false, false},
        {"jdbc:postgresql://[::1]/x", "postgresql://[::1]:5432/x?sslmode=prefer", false, true},
        {"jdbc:postgresql://[fe80::1%eth0]/x", "postgresql://[fe80::1%25eth0]:5432/x?sslmode=prefer", false, false},
        {"jdbc:postgresql://[fe80::1%25eth0]/x", "postgresql://[fe80::1%25eth0]:5432/x?sslmode=prefer", false, false},
        {"jdbc:postgresql://h/x?ssl=true", "postgresql://h:5432/x?sslmode=verify-full", true, false},
        {"jdbc:postgresql://h/x?ssl", "postgresql://h:5432/x?sslmode=verify-full", true, false},
        {"jdbc:postgresql://h/x?ssl=false", "postgresql://h:5432/x?sslmode=prefer", false, false},
        {"jdbc:postgresql://h/x?ssl=true&sslmode=Require", "postgresql://h:5432/x?sslmode=require", true, false},
        {"jdbc:postgresql://h/x?ssl=true&sslfactory=org.postgresql.ssl.NonValidatingFactory",
         "postgresql://h:5432/x?sslmode=require", true, false},
        {"jdbc:postgresql://h/x?sslmode=verify-ca&sslrootcert=/c/ca.crt&sslcert=/c/a.crt&sslkey=/c/a.pk8&sslpassword=q",
         "postgresql://h:5432/x?sslrootcert=%2Fc%2Fca.crt&sslcert=%2Fc%2Fa.crt&sslkey=%2Fc%2Fa.pk8&sslpassword=q"
         "&sslmode=verify-ca",
         true, false},
        {"jdbc:postgresql://h/x?user=al%40b&password=p%26w+x",
         "postgresql://h:5432/x?user=al%40b&password=p%26w%20x&sslmode=prefer", false, false},
        {"jdbc:postgresql://u:p%40w@h:5/x", "postgresql://u:p%40w@h:5/x?sslmode=prefer", false, false},
        {"jdbc:postgresql://h/my%20db", "postgresql://h:5432/my%20db?sslmode=prefer", false, false},
        {"jdbc:postgresql://h/x?currentSchema=app,public&options=-c%20statement_timeout=5s",
         "postgresql://h:5432/x?sslmode=prefer&options=-c%20search_path%3Dapp%2Cpublic%20-c%20statement_timeout%3D5s",
         false, false},
        {"jdbc:postgresql://h/x?currentSchema=my%20app",
         "postgresql://h:5432/x?sslmode=prefer&options=-c%20search_path%3Dmy%5C%20app", false, false},
        {"jdbc:postgresql://h/x?channelBinding=require&gssEncMode=disable",
         "postgresql://h:5432/x?channel_binding=require&gssencmode=disable&sslmode=prefer", false, false},
        {"postgresql://u@h/x?sslmode=require", "postgresql://u@h/x?sslmode=require", true, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct jdbc_url url;
        const char *wrong = jdbc_url_read(&arena, cases[i].url, &url);
        if (wrong)
            fail_test("%s: %s", cases[i].url, wrong);
        assert_string_equal(url.uri, cases[i].uri);
        assert_int_equal(url.says_tls, cases[i].says_tls);
        if (!text_starts(cases[i].url, "postgresql:"))
            assert_int_equal(url.local, cases[i].local);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"jdbc:postgresql://u:p@%/x", "a character that no host name has"},
        {"jdbc:postgresql://a[/x", "a character that no host name has"},
        {"jdbc:postgresql://h,[]/x", "IPv6"},
        {"jdbc:mysql://h/x", "only jdbc:postgresql:"},
        {"offline:postgresql?version=15", "is offline"},
        {"db.example:5432/x", "is neither"},
        {"", "is neither"},
        {"jdbc:postgresql://h:54x/x", "port"},
        {"jdbc:postgresql://h:123456/x", "port"},
        {"jdbc:postgresql://h/x/y", "second /"},
        {"jdbc:postgresql://[::1/x", "IPv6"},
        {"jdbc:postgresql://h h/x", "host name"},
        {"jdbc:postgresql://h/x?password=100%", "%25"},
        {"jdbc:postgresql://h/x%00y", "%25"},
        {"jdbc:postgresql://h/x?password=%zz", "%25"},
        {"jdbc:postgresql://u:%z@h/x", "%25"},
        {"jdbc:postgresql://h/x?sslmode=on", "sslmode"},
        {"jdbc:postgresql://h/x?sslkey=/a/b.p12", "PKCS#12"},
        {"jdbc:postgresql://h/x?targetServerType=best", "targetServerType"},
        {"jdbc:postgresql:///x?socketFactory=com.google.cloud.sql.postgres.SocketFactory", "socketFactory"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct jdbc_url url;
        const char *wrong = jdbc_url_read(&arena, cases[i].url, &url);
        if (!wrong || !strstr(wrong, cases[i].why))
            fail_test("%s: %s", cases[i].url, wrong ? wrong : "taken");
    }
}

static void test_what_is_left_out_is_told(void **state)
{
    (void)state;
    struct jdbc_url url;
    assert_null(jdbc_url_read(
        &arena, "jdbc:postgresql://u:secret@h:1/x?ApplicationName=a&password=secret&prepareThreshold=0&sslrootcert=r",
        &url));
    assert_int_equal(url.ignored.n, 2);
    assert_string_equal(url.ignored.at[1], "prepareThreshold");
    assert_string_equal(url.plain, "jdbc:postgresql://h:1/x");
    assert_true(url.password);
    assert_true(url.rootcert);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_urls, reset),
        cmocka_unit_test_teardown(test_refused, reset),
        cmocka_unit_test_teardown(test_what_is_left_out_is_told, reset),
    };
    return cmocka_run_group_tests_name("jdbc_url", tests, NULL, NULL);
}
