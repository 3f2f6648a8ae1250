/* The folder that becomes a copy: whose it is, what may be removed, where tablespaces go. */
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/clone/control.h"
#include "../../src/clone/target.h"
#include "../../src/clone/tree.h"
#include "dbstep/files.h"
#include "dbstep/hash.h"
#include "testing.h"

static struct arena arena;
static struct ctx cx;
static char base[64];

static int enter(void **state)
{
    (void)state;
    cx = (struct ctx){.arena = &arena};
    snprintf(base, sizeof base, "/tmp/dbstep-unit-XXXXXX");
    assert_non_null(mkdtemp(base));
    return 0;
}

static int leave(void **state)
{
    (void)state;
    err_clear(&cx);
    assert_true(dir_clear(&cx, base));
    rmdir(base);
    arena_free(&arena);
    return 0;
}

static const char *in(const char *name)
{
    return path_join(&arena, base, name);
}

static void put(const char *name)
{
    assert_true(file_write_atomic(&cx, in(name), "x", 1));
}

static struct clone_request request(void)
{
    return (struct clone_request){.target_dir = in("pg"), .replace = true};
}

static bool take(struct clone_request *q, struct target *t)
{
    err_clear(&cx);
    if (!target_check(&cx, q, t))
        return false;
    t->marker.source = "production";
    return target_take(&cx, q, t);
}

static void test_take_and_give_back(void **state)
{
    (void)state;
    struct clone_request q = request();
    struct target t;
    struct marker m;
    struct stat st;
    bool found;

    assert_true(take(&q, &t));
    assert_true(marker_read(&cx, t.dir, &m, &found) && found && !m.complete);
    assert_string_equal(m.source, "production");
    assert_int_equal(stat(in("pg"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    put("pg/file");
    assert_int_equal(symlink(base, in("pg/link")), 0);
    put("outside");
    assert_true(target_give_back(&cx, &t));
    target_unlock(&t);
    assert_false(file_exists(in("pg")));
    assert_true(file_exists(in("outside"))); /* a link is removed, never followed */
}

static void test_foreign_folder_stays(void **state)
{
    (void)state;
    struct clone_request q = request();
    struct target t;

    assert_int_equal(mkdir(in("pg"), 0700), 0);
    put("pg/precious");
    assert_false(take(&q, &t));
    assert_int_equal(cx.err.code, E_GUARD);
    /* The clean-up after a refusal touches nothing either. */
    assert_true(target_give_back(&cx, &t));
    assert_true(file_exists(in("pg/precious")));
    assert_true(file_write_atomic(&cx, in("pg/" MARKER_NAME), "{}", 2));
    assert_false(take(&q, &t));
    assert_int_equal(cx.err.code, E_GUARD);
    assert_non_null(strstr(cx.err.message, "cannot be understood"));
    unlink(in("pg/" MARKER_NAME));
    q.replace_unmarked = true;
    assert_true(take(&q, &t));
    assert_false(file_exists(in("pg/precious")));
    target_unlock(&t);
}

static void test_volume_root_and_leftovers_count_as_empty(void **state)
{
    (void)state;
    struct clone_request q = request();
    struct target t;

    assert_int_equal(mkdir(in("pg"), 0755), 0);
    assert_int_equal(mkdir(in("pg/lost+found"), 0700), 0);
    put("pg/" MARKER_TEMPORARY); /* killed while writing the very first mark */
    assert_true(take(&q, &t));
    put("pg/half");
    target_unlock(&t);
    /* Killed in the middle: known by its mark, done anew. */
    assert_true(take(&q, &t));
    assert_false(file_exists(in("pg/half")));
    assert_true(target_give_back(&cx, &t));
    target_unlock(&t);
    assert_true(file_is_dir(in("pg/lost+found")));
    rmdir(in("pg/lost+found")); /* else the clean-up after the test would spare it too */
}

static void test_finished_copy(void **state)
{
    (void)state;
    struct clone_request q = request();
    struct target t, second;

    assert_true(take(&q, &t));
    t.marker.complete = true;
    assert_true(marker_write(&cx, t.dir, &t.marker));
    put("pg/data");
    /* A run that fails before it takes the folder must leave the finished copy alone. */
    assert_true(target_check(&cx, &q, &second));
    assert_true(target_give_back(&cx, &second));
    assert_true(file_exists(in("pg/data")));
    assert_false(take(&q, &second)); /* the first one holds the lock */
    assert_int_equal(cx.err.code, E_LOCKED);
    target_unlock(&second);
    target_unlock(&t);
    q.replace = false;
    assert_false(take(&q, &t));
    assert_int_equal(cx.err.code, E_GUARD);
    q.replace = true;
    assert_true(file_write_atomic(&cx, in("pg/postmaster.pid"), arena_printf(&arena, "%d\n", (int)getpid()), 8));
    assert_false(take(&q, &t));
    assert_non_null(strstr(cx.err.message, "a PostgreSQL server runs on"));
    assert_true(file_exists(in("pg/data")));
    q.server_stopped = true;
    assert_true(file_write_atomic(&cx, in("pg/postmaster.pid"), "2000000000\n", 11));
    assert_true(take(&q, &t));
    assert_true(t.replaced);
    assert_false(file_exists(in("pg/data")));
    target_unlock(&t);
}

static bool place(struct clone_request *q, struct target *t, const char *from)
{
    err_clear(&cx);
    t->marker.tablespaces.n = 0;
    struct marker_tablespace *s = VEC_PUSH(&arena, &t->marker.tablespaces);
    *s = (struct marker_tablespace){.oid = "16390", .from = from};
    return target_tablespaces(&cx, q, t);
}

static void test_tablespaces(void **state)
{
    (void)state;
    struct clone_request q = request();
    struct target t;

    assert_true(take(&q, &t));
    assert_true(place(&q, &t, "/ssd/ts"));
    assert_string_equal(t.marker.tablespaces.at[0].to, in("pg.tablespaces/16390"));
    assert_true(file_exists(in("pg.tablespaces/16390/" MARKER_NAME)));
    put("pg.tablespaces/16390/data");
    assert_true(target_give_back(&cx, &t));
    assert_false(file_exists(in("pg.tablespaces")));
    target_unlock(&t);

    /* As seen from another mount point. */
    q.server_dir = "/var/lib/postgresql/data/pgdata";
    assert_true(take(&q, &t));
    assert_true(place(&q, &t, "/ssd/ts"));
    assert_string_equal(t.marker.tablespaces.at[0].link, "/var/lib/postgresql/data/pgdata.tablespaces/16390");

    /* Production's own folder is never written to, nor one with something in it. */
    const char *map[] = {arena_printf(&arena, "%s=%s", in("ts"), in("ts"))};
    q.tablespace_mapping = (struct str_list){.at = map, .n = 1};
    assert_false(place(&q, &t, in("ts")));
    assert_int_equal(cx.err.code, E_GUARD);
    map[0] = arena_printf(&arena, "/ssd/ts=%s", in("full"));
    assert_int_equal(mkdir(in("full"), 0700), 0);
    put("full/precious");
    assert_false(place(&q, &t, "/ssd/ts"));
    assert_int_equal(cx.err.code, E_GUARD);
    err_clear(&cx);
    assert_true(target_give_back(&cx, &t));
    assert_true(file_exists(in("full/precious")));
    map[0] = arena_printf(&arena, "/ssd/ts=%s", in("pg/inside"));
    target_unlock(&t);
    assert_true(take(&q, &t));
    assert_false(place(&q, &t, "/ssd/ts"));
    assert_int_equal(cx.err.code, E_INPUT);
    err_clear(&cx);
    assert_true(target_give_back(&cx, &t));
    target_unlock(&t);
}

/* ---- WAL ---- */

enum { SEGMENT = 1 << 20, PAGE = 8192 };

static void put_wal(const char *name, unsigned long long base_lsn, int pages, bool switched)
{
    char *wal = arena_alloc(&arena, SEGMENT);
    uint64_t id = 77;
    uint32_t size = SEGMENT, page = PAGE, length = 24, crc;
    for (int i = 0; i < pages; i++) {
        uint64_t at = base_lsn + (uint64_t)i * PAGE;
        wal[i * PAGE] = 0x10;
        memcpy(wal + i * PAGE + 8, &at, 8);
        memset(wal + i * PAGE + 40, 'w', 100);
    }
    memcpy(wal + 24, &id, 8);
    memcpy(wal + 32, &size, 4);
    memcpy(wal + 36, &page, 4);
    if (switched) {
        char *record = wal + (pages - 1) * PAGE + 144;
        memcpy(record, &length, 4);
        record[16] = 0x40;
        crc = crc32c(0, record, 20);
        memcpy(record + 20, &crc, 4);
    }
    assert_true(file_write_atomic(&cx, in(name), wal, SEGMENT));
}

static void lacks(const struct manifest_range *r, const char *because)
{
    long long segments = 0;
    err_clear(&cx);
    assert_false(wal_range_present(&cx, base, 77, r, &segments));
    assert_int_equal(cx.err.code, E_VERIFY);
    if (!strstr(cx.err.message, because))
        fail_test("'%s' does not say '%s'", cx.err.message, because);
}

static void test_wal_range(void **state)
{
    (void)state;
    /* Three segments of 1 MB, from 1/200000 on. */
    const unsigned long long first = 0x100200000ULL;
    struct manifest_range r = {.timeline = 1, .start = first + PAGE + 40, .end = first + 2 * SEGMENT + 3 * PAGE};
    long long segments = 0;
    err_clear(&cx);
    assert_int_equal(mkdir(in("pg_wal"), 0700), 0);
    lacks(&r, "is not there");
    put_wal("pg_wal/000000010000000100000002", first, SEGMENT / PAGE, false);
    put_wal("pg_wal/000000010000000100000003", first + SEGMENT, 5, true); /* switched early */
    lacks(&r, "000000010000000100000004 is not there");
    put_wal("pg_wal/000000010000000100000004", first + 2 * SEGMENT, 3, false);
    err_clear(&cx);
    assert_true(wal_range_present(&cx, base, 77, &r, &segments));
    assert_int_equal(segments, 3);
    /* Ends on the boundary of a segment: the next one is not needed. */
    r.end = first + SEGMENT;
    segments = 0;
    assert_true(wal_range_present(&cx, base, 77, &r, &segments));
    assert_int_equal(segments, 1);

    r.end = first + 2 * SEGMENT + 3 * PAGE + 1; /* one page more than was written */
    lacks(&r, "unfinished");
    r.end -= 1;
    put_wal("pg_wal/000000010000000100000003", first + SEGMENT, 5, false); /* cut off, without a switch */
    lacks(&r, "unfinished");
    put_wal("pg_wal/000000010000000100000003", first, SEGMENT / PAGE, false); /* an old segment under a new name */
    lacks(&r, "000000010000000100000003 holds something else");
    err_clear(&cx);
    assert_false(wal_range_present(&cx, base, 78, &r, &segments));
    assert_non_null(strstr(cx.err.message, "another cluster"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_take_and_give_back, enter, leave),
        cmocka_unit_test_setup_teardown(test_foreign_folder_stays, enter, leave),
        cmocka_unit_test_setup_teardown(test_volume_root_and_leftovers_count_as_empty, enter, leave),
        cmocka_unit_test_setup_teardown(test_finished_copy, enter, leave),
        cmocka_unit_test_setup_teardown(test_tablespaces, enter, leave),
        cmocka_unit_test_setup_teardown(test_wal_range, enter, leave),
    };
    return cmocka_run_group_tests_name("clone target", tests, NULL, NULL);
}
