/* What reaches stderr: whole lines, no secrets, nothing that a terminal or a host takes for a command. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "dbstep/json.h"
#include "dbstep/log.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"
#include "testing.h"

static struct arena arena;
static int saved;
static char path[] = "/tmp/dbstep-log-XXXXXX";

static int enter(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/dbstep-log-XXXXXX");
    int fd = mkstemp(path);
    saved = dup(2);
    dup2(fd, 2);
    close(fd);
    log_setup(LOG_INFO, LOG_TEXT);
    return 0;
}

static const char *captured(void)
{
    static char text[65536];
    int fd = open(path, O_RDWR);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

static int leave(void **state)
{
    (void)state;
    dup2(saved, 2);
    close(saved);
    unlink(path);
    redact_clear();
    arena_free(&arena);
    return 0;
}

static void test_lines_are_safe(void **state)
{
    (void)state;
    log_info("%s", "a\nb\r\x1B[31m ##[error]x\t\x7F");
    const char *text = captured();
    assert_non_null(strstr(text, " a\\nb\\x0d\\x1b[31m ## [error]x \\x7f\n"));
    assert_string_equal(strchr(text, '\n'), "\n");
}

static void test_blocks_hold_no_commands(void **state)
{
    (void)state;
    log_block("::error::x\n  ::add-mask::y\nplain ::ok\n###[z]\n");
    const char *text = captured();
    assert_true(strncmp(text, ".::error::x\n", 12) == 0);
    assert_non_null(strstr(text, "\n.  ::add-mask::y\nplain ::ok\n"));
    assert_null(strstr(text, "##["));
}

static void test_levels(void **state)
{
    (void)state;
    log_debug("no");
    log_warning("yes");
    assert_null(strstr(captured(), "no"));
    assert_non_null(strstr(captured(), "WARNING: yes\n"));
    assert_true(log_enabled(LOG_ERROR) && !log_enabled(LOG_DEBUG));
}

static void test_json_lines(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    log_info("quote \" line\n%s", "\x01");
    log_block("one\ntwo");
    const char *text = captured();
    int lines = 0;
    for (const char *p = text; *p; p += strcspn(p, "\n") + 1, lines++) {
        struct json_doc *doc = json_parse(p, strcspn(p, "\n"), NULL);
        assert_non_null(doc);
        assert_string_equal(json_get_text(json_root(doc), "level", ""), "info");
        json_free(doc);
    }
    assert_int_equal(lines, 3);
}

static void test_secrets_in_every_form(void **state)
{
    (void)state;
    redact_add("p@ss w\"rd#1");
    redact_add("first line\nsecond line");
    log_info("p@ss w\"rd#1 p%%40ss%%20w%%22rd%%231 p%%40ss%%20w%%22rd%%231 p@ss w\\\"rd#1 p@ss w\\\"rd\\u00231");
    log_block("first line\nand second line here");
    const char *text = captured();
    assert_null(strstr(text, "rd#1"));
    assert_null(strstr(text, "rd%231"));
    assert_null(strstr(text, "u00231"));
    assert_null(strstr(text, "first line"));
    assert_null(strstr(text, "second line"));
    assert_non_null(strstr(text, "and " REDACT_MARK " here"));
}

static void test_redaction_rules(void **state)
{
    (void)state;
    redact_add(NULL);
    redact_add("");
    redact_add("ab");
    assert_string_equal(redact_text(&arena, "about"), "about"); /* too short to hide */
    redact_add("abcdef");
    redact_add("abc");
    assert_string_equal(redact_text(&arena, "xabcdefx"), "x" REDACT_MARK "x"); /* the longer one first */
    static const struct {
        const char *conninfo, *secret;
    } cases[] = {
        {"postgresql://u:sw%65et@h/d", "sweet"},
        {"postgres://u:p:q@r@h/d", "p:q@r"},
        {"host=h password='it\\'s me' user=u", "it's me"},
        {"password = bare1 host=x", "bare1"},
        {"postgresql://h/d?password=inquery&sslmode=require", "inquery"},
        {"postgresql://h/d?sslpassword=keypass", "keypass"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        redact_clear();
        redact_add_conninfo(cases[i].conninfo);
        assert_true(redact_contains(cases[i].secret));
        assert_false(redact_contains("sslmode host user"));
    }
}

static void test_progress(void **state)
{
    (void)state;
    for (unsigned long long i = 0; i < 100000; i++)
        log_progress("copy", i, 100000, "rows"); /* no terminal: a line every few seconds at most */
    log_progress_done();
    assert_true(strlen(captured()) < 500);
}

static void test_a_bar_tells_rate_and_time_left(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY), file = dup(2);
    dup2(slave, 2);
    log_progress("reading", 0, 1000000, "rows");
    usleep(1100000);
    log_progress("reading", 500000, 1000000, "rows");
    dup2(file, 2);
    char text[1024];
    ssize_t n = read(master, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_non_null(strstr(text, "[###############...............] reading: 500,000 of 1,000,000 rows, 50 %, "));
    assert_non_null(strstr(text, " rows/s, 1."));
    assert_non_null(strstr(text, " s left, ready about "));
    close(slave);
    close(master);
    close(file);
    log_progress_done();
}

static unsigned long long told;

static void sink(void *user, unsigned long long done, unsigned long long total)
{
    (void)user;
    told = done * 1000 + total;
}

static void test_a_sink_hears_the_last_word(void **state)
{
    (void)state;
    log_progress_sink(sink, NULL);
    for (unsigned long long i = 0; i <= 9; i++)
        log_progress("copy", i, 9, "rows");
    log_progress_done();
    log_progress_sink(NULL, NULL);
    assert_int_equal(told, 9009);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, enter, leave)
    const struct CMUnitTest tests[] = {
        T(test_lines_are_safe), T(test_blocks_hold_no_commands),        T(test_levels),
        T(test_json_lines),     T(test_secrets_in_every_form),          T(test_redaction_rules),
        T(test_progress),       T(test_a_bar_tells_rate_and_time_left), T(test_a_sink_hears_the_last_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
