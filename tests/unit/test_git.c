/* Git repositories, made by git itself: what is read from them, loose and packed, and what damage comes to. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "dbstep/files.h"
#include "dbstep/git.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;
static char folder[64];

static int enter(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/dbstep-git-XXXXXX");
    setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
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

/* Runs in the test's folder; the first line of what it printed. */
static const char *shell(const char *fmt, ...)
{
    char line[256] = "";
    va_list ap;
    va_start(ap, fmt);
    struct str s = str_new(&arena);
    str_addf(&s, "set -e; cd %s; exec 2>>log; ", folder);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    FILE *f = popen(s.s, "r"); /* NOLINT(cert-env33-c): the test's own words */
    if (!fgets(line, sizeof line, f))
        *line = '\0';
    while (fgetc(f) != EOF)
        ;
    if (pclose(f) != 0)
        fail_test("failed: %s", s.s);
    line[strcspn(line, "\n")] = '\0';
    return arena_strdup(&arena, line);
}

/* Three commits on main; a long file that changes little, so that a pack holds deltas; a tag of each kind; a branch. */
static void make_repository(const char *format)
{
    shell(
        "git init -q -b main --object-format=%s r; cd r; git config user.email a@b; git config user.name n; "
        "mkdir -p db/sub; seq 1 3000 >db/long.txt; echo one >db/sub/a.sql; ln -s a.sql db/sub/link; : >empty; git add .; "
        "git commit -qm 1; git tag first; for i in 2 3; do sed -i \"${i}00s/.*/changed $i/\" db/long.txt; "
        "echo $i >>db/sub/a.sql; git commit -qam $i; done; git tag -a -m third third; git branch feature/x HEAD~1",
        format);
}

static void assert_reads_everything(const char *where)
{
    struct ctx cx = {.arena = &arena};
    struct git_head head = {.branch = NULL};
    char blob[GIT_HEX_MAX], commit[GIT_HEX_MAX];
    const char *branch, *files[] = {"db/long.txt", "db/sub/a.sql", "empty"}, *commits[] = {"HEAD", "HEAD~1", "HEAD~2"};
    GIT_AUTO g = NULL;

    assert_true(git_open(&cx, path_join(&arena, folder, where), &g));
    assert_non_null(g);
    assert_true(git_head(&cx, g, &head));
    assert_string_equal(head.commit, shell("cd %s; git rev-parse HEAD", where));
    for (size_t i = 0; i < COUNT(files); i++)
        for (size_t k = 0; k < COUNT(commits); k++) {
            const char *name = shell("cd %s; git rev-parse %s", where, commits[k]);
            if (!git_blob_at(&cx, g, name, files[i], blob))
                fail_test("%s", cx.err.message);
            assert_string_equal(blob, shell("cd %s; git rev-parse %s:%s", where, commits[k], files[i]));
        }
    assert_true(git_blob_at(&cx, g, head.commit, "db/none", blob) && !*blob);
    assert_true(git_blob_at(&cx, g, head.commit, "db/sub", blob) && !*blob);
    assert_true(git_blob_at(&cx, g, head.commit, "db/sub/a.sql/x", blob) && !*blob);

    static const struct {
        const char *name, *same, *branch;
    } names[] = {
        {"main", "main", "main"},        {"feature/x", "feature/x", "feature/x"}, {"refs/heads/main", "main", "main"},
        {"first", "first^{commit}", ""}, {"third", "third^{commit}", ""},         {"HEAD", "HEAD", ""}};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!git_resolve(&cx, g, names[i].name, commit, &branch))
            fail_test("%s: %s", names[i].name, cx.err.message);
        assert_string_equal(commit, shell("cd %s; git rev-parse '%s'", where, names[i].same));
        assert_string_equal(branch, names[i].branch);
    }
    const char *first = shell("cd %s; git rev-parse first", where);
    assert_true(git_resolve(&cx, g, first, commit, &branch));
    assert_true(git_resolve(&cx, g, shell("cd %s; git rev-parse --short=9 first", where), commit, &branch));
    assert_string_equal(commit, first);

    struct git_export done = {0};
    const char *to = path_join(&arena, folder, "out");
    if (!git_export(&cx, g, first, "db", to, &done))
        fail_test("%s", cx.err.message);
    assert_int_equal(done.files, 2);
    assert_int_equal(done.skipped.n, 1);
    shell(
        "cd %s; git show first:db/long.txt | cmp - ../out/long.txt; git show first:db/sub/a.sql | cmp - ../out/sub/a.sql; "
        "rm -r ../out",
        where);
    static const char *const wrong[] = {"nothing",     "HEAD~1", "../config", "config",
                                        "description", "first^", "0000",      ""};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        err_clear(&cx);
        assert_false(git_resolve(&cx, g, wrong[i], commit, &branch));
        assert_int_equal(cx.err.code, E_INPUT);
    }
}

static void test_loose(void **state)
{
    (void)state;
    make_repository("sha1");
    assert_reads_everything("r");
}

static void test_packed(void **state)
{
    (void)state;
    make_repository("sha1");
    shell(
        "cd r; git gc -q --aggressive; test -z \"$(find .git/objects -path '*/[0-9a-f][0-9a-f]/*' -type f)\"; "
        "test $(git verify-pack -v .git/objects/pack/*.idx | grep -c '^[0-9a-f]* blob .* [0-9]* [0-9a-f]\\{40\\}$') -ge 2");
    assert_reads_everything("r");
    shell("cd r; git -c repack.useDeltaBaseOffset=false repack -qadf"); /* bases by name */
    assert_reads_everything("r");
}

static void test_sha256(void **state)
{
    (void)state;
    make_repository("sha256");
    assert_reads_everything("r");
    shell("cd r; git gc -q");
    assert_reads_everything("r");
}

static void test_worktree_alternates_and_bare_words(void **state)
{
    (void)state;
    make_repository("sha1");
    shell(
        "cd r; git gc -q; git worktree add -q ../w feature/x; git clone -q --shared . ../s; cd ../w; echo w >f; git add f; "
        "git -c user.name=n -c user.email=a@b commit -qm w");
    struct ctx cx = {.arena = &arena};
    struct git_head head = {.branch = NULL};
    GIT_AUTO w = NULL;
    assert_true(git_open(&cx, path_join(&arena, folder, "w/db/sub"), &w) && w);
    assert_true(git_head(&cx, w, &head));
    assert_string_equal(head.branch, "feature/x");
    assert_string_equal(head.commit, shell("cd w; git rev-parse HEAD"));
    assert_string_equal(git_worktree(w), arena_printf(&arena, "%s/w", folder));

    GIT_AUTO s = NULL;
    char blob[GIT_HEX_MAX];
    shell("cd s; git checkout -q --detach");
    assert_true(git_open(&cx, path_join(&arena, folder, "s"), &s) && git_head(&cx, s, &head));
    assert_string_equal(head.branch, "");
    assert_true(git_blob_at(&cx, s, head.commit, "db/long.txt", blob) && *blob);
    git_blob_name(s, "one\n", 4, blob);
    assert_string_equal(blob, shell("cd s; echo one | git hash-object --stdin"));
}

static void test_no_repository_and_no_commit(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    struct git_head head = {.branch = NULL};
    struct git *g;
    assert_true(git_open(&cx, folder, &g));
    assert_null(g);
    assert_true(git_open(&cx, path_join(&arena, folder, "nowhere"), &g));
    assert_null(g);
    shell("git init -q -b main r");
    assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g) && git_head(&cx, g, &head));
    assert_string_equal(head.commit, "");
    assert_string_equal(head.branch, "main");
    git_close(g);
}

/* Each in the place of a file that is looked at; who opened one to read would wait for ever. */
static void test_pipes_are_not_waited_for(void **state)
{
    (void)state;
    make_repository("sha1");
    static const char *const places[] = {"config", "packed-refs", "objects/info/alternates", "HEAD", "objects/$o"};
    for (size_t i = 0; i < COUNT(places); i++) {
        struct ctx cx = {.arena = &arena};
        char blob[GIT_HEX_MAX], commit[GIT_HEX_MAX];
        const char *head = shell("cd r; git rev-parse HEAD"), *branch;
        GIT_AUTO g = NULL;
        shell("o=%.2s/%s; rm -rf c; cp -r r c; cd c/.git; rm -f %s; mkfifo %s", head, head + 2, places[i], places[i]);
        alarm(20);
        if (git_open(&cx, path_join(&arena, folder, "c"), &g) && g && git_resolve(&cx, g, "first", commit, &branch))
            git_blob_at(&cx, g, head, "db/long.txt", blob);
        alarm(0);
    }
}

static void test_reftable_is_told(void **state)
{
    (void)state;
    make_repository("sha1");
    struct ctx cx = {.arena = &arena};
    struct git_head head = {.branch = NULL};
    shell("cd r; git config extensions.refStorage reftable"); /* this git need not know the format itself */
    GIT_AUTO g = NULL;
    assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g) && g);
    assert_false(git_head(&cx, g, &head));
    assert_non_null(strstr(cx.err.message, "reftable"));
}

/* Five trees, each of ten times the next one, name 100,000 folders and not one file. */
static void test_trees_that_multiply(void **state)
{
    (void)state;
    shell(
        "git init -q r; cd r; git config user.email a@b; git config user.name n; t=$(git mktree </dev/null); "
        "for i in 1 2 3 4 5; do t=$(for n in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %%s\\t%%s\\n' $t $n; done | git mktree); done; "
        "git commit-tree -m bomb $t >../commit");
    struct ctx cx = {.arena = &arena};
    struct git_export done = {0};
    GIT_AUTO g = NULL;
    assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g) && g);
    assert_false(git_export(&cx, g, shell("cat commit"), "", path_join(&arena, folder, "out"), &done));
    assert_int_equal(cx.err.code, E_INPUT);
    assert_non_null(strstr(cx.err.message, "folders"));
}

/* Every byte of a pack and its index in turn is another one: an error, or the right answer. */
static void test_damage(void **state)
{
    (void)state;
    make_repository("sha1");
    shell(
        "cd r; git rm -q db/long.txt; echo longer and longer and longer >>db/sub/a.sql; git commit -qam 4; git gc -q; "
        "cp .git/objects/pack/*.pack ../p; cp .git/objects/pack/*.idx ../i; chmod u+w .git/objects/pack/*");
    const char *commit = shell("cd r; git rev-parse HEAD"), *want = shell("cd r; git rev-parse HEAD:db/sub/a.sql");
    const char *pack = shell("echo $PWD/r/.git/objects/pack/*.pack"),
               *index = shell("echo $PWD/r/.git/objects/pack/*.idx");
    size_t failed = 0;

    for (int which = 0; which < 2; which++) {
        int fd = open(which ? index : pack, O_RDWR);
        struct stat st = {0};
        assert_true(fd >= 0 && fstat(fd, &st) == 0);
        for (off_t at = 0; at < st.st_size; at += which ? 7 : 11) {
            struct arena own = {0};
            struct ctx cx = {.arena = &own};
            char blob[GIT_HEX_MAX], was, now;
            struct git *g;
            assert_int_equal(pread(fd, &was, 1, at), 1);
            now = (char)(was ^ (at & 1 ? 0x80 : 0x2A));
            assert_int_equal(pwrite(fd, &now, 1, at), 1);
            assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g));
            if (git_blob_at(&cx, g, commit, "db/sub/a.sql", blob))
                assert_string_equal(blob, want);
            else
                failed++;
            git_close(g);
            assert_int_equal(pwrite(fd, &was, 1, at), 1);
            arena_free(&own);
        }
        assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
        close(fd);
        struct ctx cx = {.arena = &arena};
        char blob[GIT_HEX_MAX];
        struct git *g;
        assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g));
        if (git_blob_at(&cx, g, commit, "db/sub/a.sql", blob))
            assert_string_equal(blob, want);
        git_close(g);
        shell("cat p >%s; cat i >%s", pack, index);
    }
    assert_true(failed > 20);
}

/* ---- a pack by hand: a blob, and deltas against it that no git would write ---- */

static void add_number(struct str *s, unsigned long n, int bytes)
{
    while (bytes--)
        str_addc(s, (char)(bytes < 8 ? n >> (8 * bytes) : 0));
}

/* type and size, then for a delta how far back its base is, then zlib */
static void add_entry(struct str *pack, unsigned type, unsigned long back, const char *data, size_t n)
{
    unsigned char packed[256];
    uLongf len = sizeof packed;

    str_addc(pack, (char)(0x80 | type << 4 | (n & 15)));
    str_addc(pack, (char)(n >> 4));
    if (back)
        str_addc(pack, (char)back);
    assert_int_equal(compress(packed, &len, (const Bytef *)data, n), Z_OK);
    str_addn(pack, (char *)packed, len);
}

struct evil {
    const char *delta;
    size_t n;
    const char *why;
};
#define EVIL(text, why)            \
    {                              \
        text, sizeof text - 1, why \
    }

static void test_deltas_that_lie(void **state)
{
    (void)state;
    /* the base has 10 bytes; each delta: size of base, size of result, instructions */
    static const struct evil cases[] = {
        EVIL("\x0A\x04\x91\x08\x04", "malformed"), /* copies beyond the base */
        EVIL("\x0A\x04\x9F\xFF\xFF\xFF\xFF\x04", "malformed"),
        EVIL("\x0A\x02\x90\x04", "malformed"), /* more than the result has room for */
        EVIL("\x0A\x02\x04"
             "abcd",
             "malformed"),
        EVIL("\x0A\x04\x00", "malformed"), /* reserved */
        EVIL("\x0A\x04\x04"
             "ab",
             "malformed"),                     /* inserts more than there is */
        EVIL("\x0A\x04\x91\x00", "malformed"), /* cut off in the middle */
        EVIL("\x0A\x04\x90\x02", "too short"),
        EVIL("\x0B\x02\x90\x02", "does not fit"),
        EVIL("\x0A\xFF\xFF\xFF\xFF\xFF\x01", "does not fit"),
        EVIL("\x0A", "does not fit"),
        EVIL("\x0A\x02\x90\x02", "another one's"), /* well-formed, but not what its name promises */
    };
    shell("git init -q -b main r");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str pack = str_new(&arena), index = str_new(&arena);
        struct ctx cx = {.arena = &arena};
        char commit[GIT_HEX_MAX];
        const char *branch, *pack_path = path_join(&arena, folder, "r/.git/objects/pack/pack-1.pack");
        unsigned long at;
        GIT_AUTO g = NULL;

        str_addn(&pack, "PACK\0\0\0\2\0\0\0\2", 12);
        add_entry(&pack, 3, 0, "0123456789", 10);
        at = pack.len;
        add_entry(&pack, 6, at - 12, cases[i].delta, cases[i].n);
        add_number(&pack, 0, 20);
        str_addn(&index, "\377tOc\0\0\0\2", 8);
        for (int byte = 0; byte < 256; byte++)
            add_number(&index, byte < 0xAA ? 0 : 2, 4);
        for (int name = 0; name < 2; name++)
            for (int k = 0; k < 20; k++)
                str_addc(&index, k < 19 ? (char)0xAA : (char)(0xA0 + name));
        add_number(&index, 0, 8);
        add_number(&index, 12, 4);
        add_number(&index, at, 4);
        add_number(&index, 0, 40);
        assert_true(file_write_atomic(&cx, pack_path, pack.s, pack.len));
        assert_true(
            file_write_atomic(&cx, path_join(&arena, folder, "r/.git/objects/pack/pack-1.idx"), index.s, index.len));
        assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g) && g);
        assert_false(git_resolve(&cx, g, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1", commit, &branch));
        if (!strstr(cx.err.message, cases[i].why))
            fail_test("case %zu: %s", i, cx.err.message);
        err_clear(&cx);
        assert_false(git_resolve(&cx, g, "aaaaa", commit, &branch));
        assert_non_null(strstr(cx.err.message, "several Git objects begin"));
    }
}

/* zlib has a checksum of its own; an object that was put in another one's place has that right as well. */
static void test_an_object_in_the_place_of_another(void **state)
{
    (void)state;
    make_repository("sha1");
    struct ctx cx = {.arena = &arena};
    char blob[GIT_HEX_MAX];
    const char *commit = shell("cd r; git rev-parse HEAD");
    shell("cd r; p() { git rev-parse \"$1\" | sed 's|^..|.git/objects/&/|'; }; chmod -R u+w .git/objects; "
          "cp \"$(p HEAD~1:db)\" \"$(p HEAD:db)\"");
    GIT_AUTO g = NULL;
    assert_true(git_open(&cx, path_join(&arena, folder, "r"), &g) && g);
    assert_false(git_blob_at(&cx, g, commit, "db/long.txt", blob));
    assert_non_null(strstr(cx.err.message, "another one's"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_loose, enter, leave),
        cmocka_unit_test_setup_teardown(test_packed, enter, leave),
        cmocka_unit_test_setup_teardown(test_sha256, enter, leave),
        cmocka_unit_test_setup_teardown(test_worktree_alternates_and_bare_words, enter, leave),
        cmocka_unit_test_setup_teardown(test_no_repository_and_no_commit, enter, leave),
        cmocka_unit_test_setup_teardown(test_pipes_are_not_waited_for, enter, leave),
        cmocka_unit_test_setup_teardown(test_reftable_is_told, enter, leave),
        cmocka_unit_test_setup_teardown(test_trees_that_multiply, enter, leave),
        cmocka_unit_test_setup_teardown(test_damage, enter, leave),
        cmocka_unit_test_setup_teardown(test_deltas_that_lie, enter, leave),
        cmocka_unit_test_setup_teardown(test_an_object_in_the_place_of_another, enter, leave),
    };
    return cmocka_run_group_tests_name("git", tests, NULL, NULL);
}
