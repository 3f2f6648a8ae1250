/* What a server sends for a base backup: tar, manifest, pg_control. */
#include "../../src/clone/control.h"
#include "../../src/clone/manifest.h"
#include "../../src/clone/tar.h"
#include "dbstep/str.h"
#include "testing.h"

static struct arena arena;
static struct ctx cx;

static int enter(void **state)
{
    (void)state;
    cx = (struct ctx){.arena = &arena};
    return 0;
}

static int leave(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* ---- tar ---- */

static struct str seen;

static bool on_entry(struct ctx *c, void *user, const struct tar_entry *e)
{
    (void)c, (void)user;
    str_addf(&seen, "%c %s %o", "fdl"[e->type], e -> name, (unsigned)e -> mode);
    if (e->type == TAR_LINK)
        str_addf(&seen, " -> %s", e->link);
    str_addc(&seen, '\n');
    return true;
}

static bool on_data(struct ctx *c, void *user, const char *data, size_t n)
{
    (void)c, (void)user;
    str_addn(&seen, data, n);
    return true;
}

static bool on_end(struct ctx *c, void *user)
{
    (void)c, (void)user;
    str_add(&seen, "|\n");
    return true;
}

static void checksum(char *b)
{
    unsigned sum = 0;
    memset(b + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)b[i];
    snprintf(b + 148, 8, "%06o", sum);
}

static void header(struct str *out, const char *name, char type, unsigned long long size, const char *link)
{
    char b[512] = {0};
    memcpy(b, name, strlen(name));
    snprintf(b + 100, 8, "%07o", 0600u);
    snprintf(b + 124, 12, "%011llo", size);
    b[156] = type;
    memcpy(b + 157, link, strlen(link));
    memcpy(b + 257, "ustar\00000", 8);
    checksum(b);
    str_addn(out, b, sizeof b);
}

static void content(struct str *out, const char *text)
{
    static const char zeroes[512];
    str_add(out, text);
    str_addn(out, zeroes, (512 - strlen(text) % 512) % 512);
}

/* In pieces of every size from 1 on: a server cuts the stream anywhere. */
static bool read_tar(const struct str *in, size_t piece)
{
    struct tar t;
    err_clear(&cx);
    seen = str_new(&arena);
    tar_start(&t, (struct tar_sink){.entry = on_entry, .data = on_data, .end = on_end});
    for (size_t at = 0; at < in->len; at += piece)
        if (!tar_feed(&cx, &t, in->s + at, in->len - at < piece ? in->len - at : piece))
            return false;
    return tar_finish(&cx, &t);
}

static void test_tar_reads(void **state)
{
    (void)state;
    struct str in = str_new(&arena);
    static const char zeroes[1024];
    header(&in, "base/", '5', 0, "");
    header(&in, "base/1/PG_VERSION", '0', 3, "");
    content(&in, "15\n");
    header(&in, "empty", '0', 0, "");
    header(&in, "./pg_tblspc/16390/", '2', 0, "/ssd/ts");
    size_t without_end = in.len;
    str_addn(&in, zeroes, sizeof zeroes);
    static const char expected[] =
        "d base 600\nf base/1/PG_VERSION 600\n15\n|\nf empty 600\n|\nl pg_tblspc/16390 600 -> /ssd/ts\n";
    for (size_t piece = 1; piece < 1100; piece += piece < 20 ? 1 : 97) {
        assert_true(read_tar(&in, piece));
        assert_string_equal(seen.s, expected);
    }
    str_truncate(&in, without_end); /* servers before 15 */
    assert_true(read_tar(&in, 100));
    assert_string_equal(seen.s, expected);
}

static void test_tar_prefix_and_binary_size(void **state)
{
    (void)state;
    struct str in = str_new(&arena);
    header(&in, "file", '0', 0, "");
    memcpy(in.s + 345, "some/folder", 11);
    memset(in.s + 124, 0, 12);
    in.s[124] = (char)0x80;
    in.s[135] = 5; /* base-256 */
    checksum(in.s);
    content(&in, "hello");
    assert_true(read_tar(&in, 512));
    assert_string_equal(seen.s, "f some/folder/file 600\nhello|\n");
}

static void refused(const char *name, char type, const char *link, const char *because)
{
    struct str in = str_new(&arena);
    header(&in, name, type, 0, link);
    assert_false(read_tar(&in, 512));
    assert_int_equal(cx.err.code, E_EXTERNAL);
    if (!strstr(cx.err.message, because))
        fail_test("'%s' does not say '%s'", cx.err.message, because);
    assert_string_equal(seen.s, "");
}

static void test_tar_refuses(void **state)
{
    (void)state;
    refused("/etc/passwd", '0', "", "leads out");
    refused("../x", '0', "", "leads out");
    refused("a/../../x", '0', "", "leads out");
    refused("a/..", '5', "", "leads out");
    refused("", '0', "", "leads out");
    refused("dev", '3', "", "neither a file");
    refused("hard", '1', "x", "neither a file");
    refused("pax", 'x', "", "neither a file");
    refused("link", '2', "", "leads nowhere");

    struct str in = str_new(&arena);
    header(&in, "file", '0', 5, "");
    in.s[0] = 'F';
    assert_false(read_tar(&in, 512));
    assert_non_null(strstr(cx.err.message, "checksum"));
    in = str_new(&arena);
    header(&in, "file", '0', 5, "");
    assert_false(read_tar(&in, 512));
    assert_non_null(strstr(cx.err.message, "ends inside 'file'"));
    in.s[124] = (char)0xff; /* a negative size */
    checksum(in.s);
    assert_false(read_tar(&in, 512));
    assert_non_null(strstr(cx.err.message, "number"));
    str_truncate(&in, 511);
    assert_false(read_tar(&in, 512));
}

/* ---- manifest ---- */

static const char sha_a[] = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"; /* of "a" */
static const char sha_b[] = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"; /* of "b" */

static char *with_checksum(const char *body)
{
    char hex[HASH_HEX_MAX];
    hash_hex(HASH_SHA256, body, strlen(body), hex);
    return arena_printf(&arena, "%s\"Manifest-Checksum\": \"%s\"}\n", body, hex);
}

static const char *body(const char *path_a, const char *checksum_a, long long size_a, const char *more)
{
    return arena_printf(
        &arena,
        "{ \"PostgreSQL-Backup-Manifest-Version\": 2,\n\"System-Identifier\": 7711341987860812561,\n\"Files\": [\n"
        "{ \"Path\": \"%s\", \"Size\": %lld, \"Last-Modified\": \"2026-01-01 00:00:00 GMT\", \"Checksum-Algorithm\": \"SHA256\", "
        "\"Checksum\": \"%s\" }%s\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": 3, \"Start-LSN\": \"1/2000028\", \"End-LSN\": \"1/2000100\" }\n],\n",
        path_a, size_a, checksum_a, more);
}

static struct manifest m;

static bool read_manifest(const char *text, size_t piece, struct received_files *files)
{
    bool ok = true;
    err_clear(&cx);
    manifest_start(&m, &arena, files);
    size_t n = strlen(text);
    for (size_t at = 0; ok && at < n; at += piece)
        ok = manifest_feed(&cx, &m, text + at, n - at < piece ? n - at : piece);
    ok = ok && manifest_finish(&cx, &m);
    manifest_discard(&m);
    return ok;
}

static struct received_files *received(const char *path, uint64_t size, const char *sha)
{
    struct received_files *f = ARENA_NEW(&arena, struct received_files);
    received_init(f, &arena);
    assert_true(received_add(&cx, f, path, size, sha));
    return f;
}

static void test_manifest_holds(void **state)
{
    (void)state;
    const char *text = with_checksum(body("base/1/x", sha_a, 1, ""));
    for (size_t piece = 1; piece < 700; piece += piece < 30 ? 1 : 111) {
        assert_true(read_manifest(text, piece, received("base/1/x", 1, sha_a)));
        assert_int_equal(m.n_files, 1);
        assert_string_equal(m.system_identifier, "7711341987860812561"); /* no digit lost in a double */
        assert_int_equal(m.ranges.n, 1);
        assert_int_equal(m.ranges.at[0].timeline, 3);
        assert_int_equal(m.ranges.at[0].end, 0x102000100ULL);
    }
    /* WAL is not listed and needs not be; a name may be hexadecimal, or hold brackets and quotes. */
    struct received_files *f = received("a\xff", 1, sha_a);
    assert_true(received_add(&cx, f, "pg_wal/000000010000000000000001", 1, sha_b));
    assert_true(received_add(&cx, f, "q]}\"", 1, sha_b));
    text = arena_printf(
        &arena, ",\n{ \"Path\": \"q]}\\\"\", \"Size\": 1, \"Checksum-Algorithm\": \"SHA256\", \"Checksum\": \"%s\" }",
        sha_b);
    text = body("@", sha_a, 1, text);
    text = text_replace(&arena, text, "\"Path\": \"@\"", "\"Encoded-Path\": \"61ff\"");
    assert_true(read_manifest(with_checksum(text), 64, f));
}

static void wrong(const char *text, struct received_files *f, enum err_code code, const char *because)
{
    assert_false(read_manifest(text, 100, f));
    assert_int_equal(cx.err.code, code);
    if (!strstr(cx.err.message, because))
        fail_test("'%s' does not say '%s'", cx.err.message, because);
}

static void test_manifest_finds(void **state)
{
    (void)state;
    const char *good = body("x", sha_a, 1, "");
    wrong(with_checksum(good), received("x", 1, sha_b), E_VERIFY,
          "'x' is not what the server's manifest says: its SHA-256 differs");
    wrong(with_checksum(good), received("x", 2, sha_a), E_VERIFY, "2 bytes instead of 1");
    wrong(with_checksum(good), received("y", 1, sha_a), E_VERIFY, "it did not come");
    struct received_files *f = received("x", 1, sha_a);
    assert_true(received_add(&cx, f, "y", 1, sha_a));
    wrong(with_checksum(good), f, E_VERIFY, "'y' is not what the server's manifest says: it is not listed");
    wrong(text_replace(&arena, with_checksum(good), "\"Timeline\": 3", "\"Timeline\": 4"), received("x", 1, sha_a),
          E_VERIFY, "own checksum");
    wrong(arena_strndup(&arena, with_checksum(good), strlen(good)), received("x", 1, sha_a), E_EXTERNAL, "too early");
    wrong(arena_printf(&arena, "%s{}", with_checksum(good)), received("x", 1, sha_a), E_EXTERNAL, "follows its end");
    wrong(with_checksum(text_replace(&arena, good, "SHA256", "CRC32C")), received("x", 1, sha_a), E_EXTERNAL,
          "no SHA-256");
    wrong(with_checksum(text_replace(&arena, good, "Version\": 2", "Version\": 9")), received("x", 1, sha_a),
          E_EXTERNAL, "version");
    wrong(with_checksum(text_replace(&arena, good, "1/2000028", "gibberish")), received("x", 1, sha_a), E_EXTERNAL,
          "WAL range");
    wrong("[[[[[[[[[[[[", NULL, E_EXTERNAL, "deeply");
    wrong("}", NULL, E_EXTERNAL, "brackets");
    wrong("", NULL, E_EXTERNAL, "too early");
    err_clear(&cx);
    assert_false(received_add(&cx, f, "y", 1, sha_a));
}

static void test_many_files_are_found_again(void **state)
{
    (void)state;
    struct received_files f;
    received_init(&f, &arena);
    for (int i = 0; i < 20000; i++)
        assert_true(received_add(&cx, &f, arena_printf(&arena, "base/%d/%d", i % 7, i), (uint64_t)i, sha_a));
    for (int i = 0; i < 20000; i++)
        assert_int_equal(received_find(&f, arena_printf(&arena, "base/%d/%d", i % 7, i))->size, i);
    assert_null(received_find(&f, "base/1/0"));
}

/* ---- pg_control ---- */

static void test_control(void **state)
{
    (void)state;
    /* The CRC lies at 288 in PostgreSQL 13 to 17, elsewhere in others. */
    for (size_t at = 288; at <= 296; at += 4) {
        unsigned char data[512] = {0};
        uint64_t id = 7711341987860812561ULL, redo = 0x102000028ULL;
        uint32_t crc, timeline = 3, in_production = 6;
        memcpy(data, &id, 8);
        memcpy(data + 16, &in_production, 4);
        memcpy(data + 40, &redo, 8);
        memcpy(data + 48, &timeline, 4);
        crc = crc32c(0, data, at);
        memcpy(data + at, &crc, 4);
        struct control c;
        assert_true(control_parse(data, sizeof data, &c));
        assert_true(c.system_identifier == id && c.redo == redo && c.timeline == 3);
        assert_string_equal(control_state(c.state), "in production");
        assert_true(control_parse(data, at + 4, &c));
        data[41] ^= 1;
        assert_false(control_parse(data, sizeof data, &c));
        assert_false(control_parse(data, 100, &c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tar_reads, enter, leave),
        cmocka_unit_test_setup_teardown(test_tar_prefix_and_binary_size, enter, leave),
        cmocka_unit_test_setup_teardown(test_tar_refuses, enter, leave),
        cmocka_unit_test_setup_teardown(test_manifest_holds, enter, leave),
        cmocka_unit_test_setup_teardown(test_manifest_finds, enter, leave),
        cmocka_unit_test_setup_teardown(test_many_files_are_found_again, enter, leave),
        cmocka_unit_test_setup_teardown(test_control, enter, leave),
    };
    return cmocka_run_group_tests_name("clone formats", tests, NULL, NULL);
}
