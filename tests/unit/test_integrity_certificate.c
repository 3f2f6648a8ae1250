/* Certificates: what is written is read back; what was changed on the way is refused, whichever byte it is. */
#include "../../src/integrity/model.h"

#include <sys/mman.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/hash.h"
#include "testing.h"

static struct arena arena;
static char folder[64];
static const char *path; /* of a file in memory: thousands are written */
static int file;
static char *good; /* the certificate's text */
static size_t good_len;

static void table(struct it_side *s, const char *name, enum it_key_kind kind, size_t n_chunks)
{
    struct it_table *t = VEC_PUSH(&arena, &s->tables);
    *t = (struct it_table){
        .schema = "public", .name = name, .oid = "16384", .kind = "r", .rows = 7, .strong = kind == KEY_HASH};
    static const struct it_column columns[] = {
        {.name = "id \"1\"", .type = "bigint", .base = "int8", .typmod = -1, .not_null = true, .family = FAM_INT8},
        {.name = "v\xc3\xbc", .type = "text", .base = "text", .typmod = -1, .family = FAM_TEXT}};
    for (size_t c = 0; c < COUNT(columns); c++) {
        struct it_column *own = VEC_PUSH(&arena, &t->columns);
        *own = columns[c];
        own->generated = own->identity = "";
    }
    if (kind != KEY_NONE)
        *VEC_PUSH(&arena, &t->key) = columns[0].name;
    for (size_t c = kind == KEY_NONE ? 0 : 1; c < COUNT(columns); c++)
        *VEC_PUSH(&arena, &t->digested) = columns[c].name;
    t->geometry = (struct it_geometry){.kind = kind, .lo = INT64_MIN, .hi = INT64_MAX, .shift = 62, .sums = !t->key.n};
    if (kind != KEY_RANGE)
        t->geometry.mask = 7;
    size_t digests = t->strong ? 3 : kind == KEY_NONE ? 0 : 1;
    it_chunks_init(&t->chunks, &arena, digests, n_chunks);
    for (size_t i = 0; i < n_chunks; i++) {
        uint64_t digest[3] = {i * 0x9E3779B97F4A7C15u, ~i, UINT64_MAX};
        uint8_t absent[3] = {i == 1, 0, 0};
        it_chunks_add(&t->chunks, t->geometry.sums, (int64_t)i - 2, i, i * 77, 0, digest, absent);
    }
}

static int enter(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    struct it_side s = {.taken_at = "2026-01-01T00:00:00Z",
                        .quiescence = "proven",
                        .snapshot = "1:1:",
                        .lsn_start = "0/1",
                        .lsn_end = "0/1",
                        .portable = 1u << FAM_TEXT};
    const char *root;

    snprintf(folder, sizeof folder, "/tmp/dbstep-certificate-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    s.id = (struct pg_identity){.system_identifier = "7",
                                .database = "d",
                                .database_oid = "5",
                                .server_version = "15.1",
                                .encoding = "UTF8",
                                .collation = "C",
                                .user = "u"};
    *VEC_PUSH(&arena, &s.probes) = (struct it_probe){.family = "int4", .value = "1 2"};
    table(&s, "range", KEY_RANGE, 4);
    table(&s, "hash\n", KEY_HASH, 3);
    table(&s, "multiset", KEY_NONE, 2);
    table(&s, "empty", KEY_RANGE, 0);
    *VEC_PUSH(&arena, &s.objects) = (struct it_object){.kind = "sequence",
                                                       .table = "",
                                                       .name = "s",
                                                       .definition = "",
                                                       .state = "",
                                                       .value = INT64_MIN,
                                                       .has_value = true};
    const char *written = path_join(&arena, folder, "c.json");
    file = memfd_create("certificate", MFD_CLOEXEC);
    path = arena_printf(&arena, "/proc/self/fd/%d", file);
    return file >= 0 && it_certificate_write(&cx, &s, written, &root) && file_read(&cx, written, 0, &good, &good_len)
               ? 0
               : -1;
}

static int leave(void **state)
{
    (void)state;
    struct ctx cx = {.arena = &arena};
    close(file);
    dir_clear(&cx, folder);
    rmdir(folder);
    arena_free(&arena);
    return 0;
}

/* Reads these bytes as a certificate; false: refused, as the input that it is. */
static bool accepted(const char *text, size_t len, struct arena *a, struct it_side *out)
{
    struct ctx cx = {.arena = a};
    assert_int_equal(ftruncate(file, 0), 0);
    for (size_t at = 0; at < len;) {
        ssize_t n = pwrite(file, text + at, len - at, (off_t)at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    *out = (struct it_side){.role = NULL};
    if (it_certificate_read(&cx, path, out))
        return true;
    assert_int_equal(cx.err.code, E_INPUT);
    assert_non_null(strstr(cx.err.message, path));
    assert_true(cx.err.hint[0] != 0);
    return false;
}

static bool is_refused(const char *text, size_t len)
{
    struct arena a = {0};
    struct it_side side;
    bool refused = !accepted(text, len, &a, &side);
    arena_free(&a);
    return refused;
}

/* As `body`, with the root that belongs to it. */
static const char *forged(struct arena *a, const char *body, size_t len, size_t *out_len)
{
    struct str s = str_new(a);
    char hex[HASH_HEX_MAX];
    hash_hex(HASH_SHA256, body, len, hex);
    str_add(&s, "{\"certificate\":");
    str_addn(&s, body, len);
    str_addf(&s, ",\"root\":\"%s\"}\n", hex);
    *out_len = s.len;
    return s.s;
}

static char *good_body(struct arena *a)
{
    size_t head = strlen("{\"certificate\":"), tail = strlen(",\"root\":\"\"}\n") + 64;
    return arena_strndup(a, good + head, good_len - head - tail);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    struct arena a = {0};
    struct it_side s;
    assert_true(accepted(good, good_len, &a, &s));
    assert_int_equal(s.tables.n, 4);
    assert_int_equal(s.portable, 1u << FAM_TEXT);
    assert_int_equal(s.objects.at[0].value, INT64_MIN);
    const struct it_table *t = &s.tables.at[1];
    assert_string_equal(t->name, "hash\n");
    assert_true(t->strong && t->geometry.kind == KEY_HASH && t->geometry.mask == 7 && t->chunks.n == 3);
    const struct it_chunk *k = it_chunks_find(&t->chunks, -1);
    assert_non_null(k);
    assert_int_equal(k->keys, 77);
    size_t at = (size_t)(k - t->chunks.at);
    assert_true(t->chunks.absent[at * 3] && t->chunks.digest[at * 3 + 1] == ~UINT64_C(1));
    assert_true(s.tables.at[0].geometry.lo == INT64_MIN && s.tables.at[0].geometry.hi == INT64_MAX);
    arena_free(&a);
}

static void every_flipped_byte_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < good_len; i++) {
        char was = good[i];
        good[i] = (char)(was ^ (1 << i % 8));
        if (!is_refused(good, good_len))
            fail_test("byte %zu", i);
        good[i] = was;
    }
}

static void every_cut_and_every_addition_is_seen(void **state)
{
    (void)state;
    struct arena a = {0};
    for (size_t len = 0; len < good_len; len++)
        if (!is_refused(good, len))
            fail_test("cut to %zu bytes", len);
    for (int byte = 0; byte < 256; byte++) {
        char *more = arena_strndup(&a, good, good_len + 1);
        more[good_len] = (char)byte;
        assert_true(is_refused(more, good_len + 1));
        memmove(more + 1, more, good_len);
        more[0] = (char)byte;
        assert_true(is_refused(more, good_len + 1));
    }
    struct str twice = str_new(&a);
    str_addn(&twice, good, good_len);
    str_addn(&twice, good, good_len);
    assert_true(is_refused(twice.s, twice.len));
    arena_free(&a);
}

static void other_formats_are_refused_by_name(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct it_side s = {.role = NULL};
    size_t text_len;
    const char *body = text_replace(&a, good_body(&a), "{\"version\":1,", "{\"version\":2,");
    const char *text = forged(&a, body, strlen(body), &text_len);
    assert_true(is_refused(text, text_len));
    assert_false(it_certificate_read(&cx, path, &s));
    assert_non_null(strstr(cx.err.message, "has format 2"));
    arena_free(&a);
}

/* With a root that fits: whoever edits a certificate can compute it. It may be refused or mean something else, and must do no harm. */
static void mutations_with_a_valid_root_do_no_harm(void **state)
{
    (void)state;
    uint64_t r = 20260131;
    unsigned refused = 0;
    for (int round = 0; round < 3000; round++) {
        struct arena a = {0};
        size_t text_len;
        char *body = good_body(&a);
        size_t len = strlen(body);
        for (int edits = 0; edits < 1 + round % 3; edits++) {
            r = r * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(r >> 33) % len;
            static const char bytes[] = "\"{}[]:,0-9\\\x80 aA\n";
            body[at] = bytes[(r >> 20) % (sizeof bytes - 1)];
        }
        struct it_side s;
        const char *text = forged(&a, body, len, &text_len);
        refused += !accepted(text, text_len, &a, &s);
        arena_free(&a);
    }
    assert_true(refused > 1000);
}

static void odd_bodies_with_a_valid_root(void **state)
{
    (void)state;
    struct arena a = {0};
    size_t len;
    static const char *const bodies[] = {"",
                                         "1",
                                         "null",
                                         "[]",
                                         "{}",
                                         "\"\"",
                                         "{\"version\":1}",
                                         "{\"version\":\"1\"",
                                         "\xff",
                                         "{\"version\":1,\"a\":\"\xc3\"}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        const char *text = forged(&a, bodies[i], strlen(bodies[i]), &len);
        assert_true(is_refused(text, len));
    }
    const char *with_nul = forged(&a, "{\"version\":1,\"a\":\"\0\"}", 20, &len);
    assert_true(is_refused(with_nul, len));
    const size_t deep = 100 << 20;
    char *brackets = malloc(deep);
    assert_non_null(brackets);
    memset(brackets, '[', deep);
    const char *text = forged(&a, brackets, deep, &len);
    assert_true(is_refused(text, len));
    assert_true(is_refused(brackets, deep));
    free(brackets);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),           cmocka_unit_test(every_flipped_byte_is_seen),
        cmocka_unit_test(every_cut_and_every_addition_is_seen),   cmocka_unit_test(other_formats_are_refused_by_name),
        cmocka_unit_test(mutations_with_a_valid_root_do_no_harm), cmocka_unit_test(odd_bodies_with_a_valid_root),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
