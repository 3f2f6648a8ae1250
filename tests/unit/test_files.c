/* Files and folders: content, modes, failures that leave nothing behind. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;
static char folder[64];

static int enter(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/dbstep-files-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    dir_clear(&cx, folder);
    rmdir(folder);
    arena_free(&arena);
    return 0;
}

static const char *in_folder(const char *name)
{
    return path_join(&arena, folder, name);
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void assert_content(const char *path, const char *want)
{
    struct ctx cx = {.arena = &arena};
    char *content;
    size_t len;
    assert_true(file_read(&cx, path, 0, &content, &len));
    assert_int_equal(len, strlen(want));
    assert_string_equal(content, want);
}

static void test_written_files_have_the_usual_mode(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    const char *path = in_folder("result.json");

    mode_t before = umask(022);
    assert_true(file_write_atomic(&cx, path, "one", 3));
    assert_int_equal(mode_of(path), 0644);
    assert_true(file_write_private(&cx, path, "two", 3));
    assert_int_equal(mode_of(path), 0600);
    assert_content(path, "two");
    umask(077);
    assert_true(file_write_durable(&cx, path, "", 0));
    assert_int_equal(mode_of(path), 0600);
    umask(before);
    assert_content(path, "");
}

static void test_a_failed_write_leaves_the_old_file_and_no_other(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    struct str_list names;
    const char *target = in_folder("folder");

    assert_true(dir_make(&cx, path_join(&arena, target, "inner"))); /* a file cannot replace it */
    assert_false(file_write_atomic(&cx, target, "x", 1));
    assert_int_equal(cx.err.code, E_OUTPUT);
    assert_non_null(strstr(cx.err.message, target));
    err_clear(&cx);
    assert_false(file_write_atomic(&cx, in_folder("absent/file"), "x", 1));
    assert_int_equal(cx.err.code, E_OUTPUT);
    err_clear(&cx);
    assert_true(dir_list(&cx, folder, &names));
    assert_int_equal(names.n, 1);
}

static void test_reading_what_is_no_file(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    char *content;
    size_t len;

    assert_false(file_read(&cx, folder, 0, &content, &len));
    assert_non_null(strstr(cx.err.message, "it is a folder"));
    err_clear(&cx);
    assert_false(file_read(&cx, in_folder("absent"), 0, &content, &len));
    assert_int_equal(cx.err.code, E_FILE);
    err_clear(&cx);
    assert_true(file_write_atomic(&cx, in_folder("big"), "12345", 5));
    assert_false(file_read(&cx, in_folder("big"), 4, &content, &len));
    assert_non_null(strstr(cx.err.message, "larger than"));
    err_clear(&cx);
    assert_true(file_read(&cx, in_folder("big"), 5, &content, &len));
    assert_true(file_read(&cx, "/proc/self/status", 0, &content, &len)); /* says that it is empty, and is not */
    assert_true(len > 100);
}

static void test_lists_are_sorted_and_without_dot_files(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    struct str_list names;

    for (const char *const *n = (const char *const[]){"b", "a", ".hidden", "B", NULL}; *n; n++)
        assert_true(file_write_atomic(&cx, in_folder(*n), "", 0));
    assert_true(dir_list(&cx, folder, &names));
    assert_int_equal(names.n, 3);
    assert_string_equal(names.at[0], "B");
    assert_string_equal(names.at[2], "b");
    assert_false(dir_list(&cx, in_folder("a"), &names));
    assert_int_equal(cx.err.code, E_FILE);
}

static void test_clearing_never_follows_a_link(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    struct str_list names;

    assert_true(dir_make(&cx, in_folder("outside")));
    assert_true(file_write_atomic(&cx, in_folder("outside/kept"), "x", 1));
    assert_true(dir_make(&cx, in_folder("inside/deep/deeper")));
    assert_true(file_write_atomic(&cx, in_folder("inside/deep/file"), "x", 1));
    assert_int_equal(symlink("../outside", in_folder("inside/link")), 0);
    assert_true(dir_clear(&cx, in_folder("inside")));
    assert_true(dir_list(&cx, in_folder("inside"), &names));
    assert_int_equal(names.n, 0);
    assert_content(in_folder("outside/kept"), "x");
    assert_true(dir_clear(&cx, in_folder("absent")));

    /* a link in the folder's place goes, and what it leads to stays */
    assert_int_equal(symlink("outside", in_folder("link")), 0);
    assert_true(dir_clear(&cx, in_folder("link")));
    assert_content(in_folder("outside/kept"), "x");
    assert_false(file_exists(in_folder("link")));
    assert_false(dir_clear(&cx, in_folder("outside/kept")));
    assert_content(in_folder("outside/kept"), "x");
}

static void test_folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};

    assert_true(dir_make(&cx, in_folder("a/b/c")));
    assert_true(dir_make(&cx, in_folder("a/b/c")));
    assert_true(dir_check_writable(&cx, in_folder("a/b/c")));
    assert_true(file_write_atomic(&cx, in_folder("file"), "", 0));
    assert_false(dir_make(&cx, in_folder("file/below")));
    assert_int_equal(cx.err.code, E_OUTPUT);
}

static void test_owners(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",   ":",  "1:", ":1",    "-1",         "1:-1",
                                        " 1", "1 ", "x",  "1:2:3", "4294967295", "99999999999"};
    uid_t uid;
    gid_t gid;

    assert_true(owner_parse("0", &uid, &gid));
    assert_int_equal(uid, 0);
    assert_true(owner_parse("26", &uid, &gid));
    assert_int_equal(gid, 26);
    assert_true(owner_parse("1000:70", &uid, &gid));
    assert_int_equal(uid, 1000);
    assert_int_equal(gid, 70);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (owner_parse(wrong[i], &uid, &gid))
            fail_test("'%s' was taken for an owner", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_files_have_the_usual_mode, enter, leave),
        cmocka_unit_test_setup_teardown(test_a_failed_write_leaves_the_old_file_and_no_other, enter, leave),
        cmocka_unit_test_setup_teardown(test_reading_what_is_no_file, enter, leave),
        cmocka_unit_test_setup_teardown(test_lists_are_sorted_and_without_dot_files, enter, leave),
        cmocka_unit_test_setup_teardown(test_clearing_never_follows_a_link, enter, leave),
        cmocka_unit_test_setup_teardown(test_folders_are_made_with_their_parents, enter, leave),
        cmocka_unit_test(test_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
