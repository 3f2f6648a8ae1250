/* The sketch: what comes out of it is true, however much is in it. */
#include "../../src/integrity/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after our own: it defines a macro fail() */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x7FB5D329728EA185u;
    x = (x ^ x >> 27) * 0x81DADEF4BC2DD44Du;
    return x ^ x >> 33;
}

static uint64_t check_of(uint64_t seed, uint64_t hash)
{
    return mix(mix(seed + 0x9E3779B97F4A7C15u) ^ hash);
}

static bool checks_of(struct ctx *cx, void *user, const struct it_item *items, size_t n, uint64_t *checks)
{
    (void)cx;
    *(size_t *)user += n;
    for (size_t i = 0; i < n; i++)
        checks[i] = check_of(items[i].seed, items[i].hash);
    return true;
}

static struct it_item item(uint64_t seed, uint64_t hash)
{
    return (struct it_item){.seed = seed, .hash = hash, .check = check_of(seed, hash)};
}

struct outcome {
    size_t changes, found, wrong, asked;
    bool complete;
};

/* A table of `rows` consecutive keys of which `changes` are changed, deleted or inserted, by the seed. */
static struct outcome play(size_t cells, size_t rows, size_t changes, uint64_t random)
{
    struct arena arena = {0};
    struct ctx cx = {.arena = &arena};
    struct it_sketch left, right, difference;
    struct it_items out = {.n = 0};
    struct outcome o = {.changes = 0};
    /* what[key]: 1 changed, 2 deleted, 3 inserted; keys from `rows` on are new */
    uint8_t *what = arena_array(&arena, rows + changes, 1);

    it_sketch_init(&left, &arena, cells);
    it_sketch_init(&right, &arena, cells);
    for (size_t i = 0; i < changes; i++) {
        uint64_t r = mix(random * 1000003 + i);
        if (r % 5 == 0)
            what[rows + i] = 3;
        else if (rows)
            what[mix(r) % rows] = r % 5 == 1 ? 2 : 1;
    }
    for (size_t key = 0; key < rows + changes; key++) {
        /* few values, so that hashes repeat as they do when many rows are changed alike */
        struct it_item before = item(key, mix(key % 7)), after = item(key, what[key] == 1 ? mix(99) : mix(key % 7));
        if (key < rows)
            it_sketch_toggle(&left, &before, 1);
        if (key < rows ? what[key] != 2 : what[key] == 3)
            it_sketch_toggle(&right, &after, 1);
        o.changes += what[key] == 1 ? 2 : what[key] != 0;
    }
    it_sketch_difference(&difference, &arena, &left, &right);
    assert_true(it_sketch_peel(&cx, &difference, checks_of, &o.asked, &out, &o.complete));
    for (size_t i = 0; i < out.n; i++) {
        const struct it_item *m = &out.at[i];
        bool known = m->seed < rows + changes, old = known && m->hash == mix(m->seed % 7),
             fresh = known && m->hash == mix(99);
        uint8_t w = known ? what[m->seed] : 0;
        bool right_one = w == 1   ? (m->sign < 0 ? old : fresh)
                         : w == 2 ? m->sign < 0 && old
                                  : w == 3 && m->sign > 0 && old;
        o.found += right_one;
        o.wrong += !right_one;
        for (size_t k = 0; k < i; k++)
            o.wrong += out.at[k].seed == m->seed && out.at[k].sign == m->sign;
    }
    arena_free(&arena);
    return o;
}

static void all_comes_out_below_the_threshold(void **state)
{
    (void)state;
    size_t games = 0, whole = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        /* About 350 items in 600 cells. Two that share all three cells remain: less often the larger the sketch. */
        struct outcome o = play(200, 2000, 200, seed);
        assert_int_equal(o.wrong, 0);
        assert_true(!o.complete || o.found == o.changes);
        games++;
        whole += o.complete;
    }
    assert_true(whole * 100 >= games * 97);
}

static void never_a_wrong_key_however_full(void **state)
{
    (void)state;
    static const size_t cells[] = {1, 2, 16, 17, 100};
    for (uint64_t seed = 1; seed <= 300; seed++)
        for (size_t c = 0; c < COUNT(cells); c++)
            for (size_t changes = 1; changes <= 700; changes = changes * 3 + seed % 3) {
                struct outcome o = play(cells[c], 300, changes, seed * 31 + c);
                assert_int_equal(o.wrong, 0);
                assert_true(o.found <= o.changes);
                assert_int_equal(o.complete, o.found == o.changes);
                assert_true(o.asked <= 20 * (IT_SUBTABLES * cells[c] + o.found));
            }
}

static void nothing_changed_and_everything_deleted(void **state)
{
    (void)state;
    struct outcome o = play(64, 1000, 0, 1);
    assert_true(o.complete && o.found == 0 && o.asked == 0);
    o = play(64, 0, 40, 7);
    assert_true(o.wrong == 0 && o.complete && o.found == o.changes);
}

/* A sketch of another table, or one made of noise: nothing is invented. */
static void noise_gives_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct arena arena = {0};
        struct ctx cx = {.arena = &arena};
        struct it_sketch noise;
        struct it_items out = {.n = 0};
        size_t asked = 0;
        bool complete;
        it_sketch_init(&noise, &arena, 50);
        for (size_t i = 0; i < (size_t)IT_SUBTABLES * 50; i++)
            noise.at[i] = (struct it_cell){.rows = mix(seed + i) % 3 - 1,
                                           .seed = mix(seed * 7 + i),
                                           .hash = mix(seed * 11 + i),
                                           .check = mix(seed * 13 + i)};
        assert_true(it_sketch_peel(&cx, &noise, checks_of, &asked, &out, &complete));
        assert_true(!complete && out.n == 0 && asked > 0);
        arena_free(&arena);
    }
}

static void cells_are_spread_and_stay_in_their_sub_table(void **state)
{
    (void)state;
    size_t hits[3 * 10] = {0};
    struct it_sketch s = {.cells = 10};
    for (uint64_t i = 0; i < 30000; i++)
        for (int t = 0; t < IT_SUBTABLES; t++) {
            size_t cell = it_sketch_cell(&s, t, mix(i));
            assert_true(cell / 10 == (size_t)t);
            hits[cell]++;
        }
    for (size_t i = 0; i < COUNT(hits); i++)
        assert_true(hits[i] > 2700 && hits[i] < 3300);
    assert_int_equal(it_sketch_cell(&s, 2, UINT64_MAX), 29);
    s.cells = IT_MOST_CELLS;
    assert_int_equal(it_sketch_cell(&s, 2, UINT64_MAX), 3 * IT_MOST_CELLS - 1);
}

static void bytes_are_shared_by_rows_and_never_exceeded(void **state)
{
    (void)state;
    struct arena a = {0};
    static const long long rows[] = {10000000, 100, 0, 5000, 1000000, 70};
    struct it_table t[COUNT(rows)] = {{.name = ""}}, *tables[COUNT(rows)];
    size_t cells[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++) {
        t[i].rows = rows[i];
        t[i].key.n = i == 5 ? 0 : 1;
        tables[i] = &t[i];
    }
    for (long long bytes = 0; bytes < 20000000; bytes = bytes * 3 + 1000) {
        it_sketch_share(&a, tables, COUNT(rows), bytes, cells);
        long long used = 0;
        for (size_t i = 0; i < COUNT(rows); i++) {
            assert_true(!cells[i] || (cells[i] >= IT_LEAST_CELLS && cells[i] <= (size_t)rows[i] + 64));
            struct it_sketch s = {.cells = 0};
            struct str text = str_new(&a);
            struct json_writer w = json_writer(&text);
            if (cells[i])
                it_sketch_init(&s, &a, cells[i]);
            json_object(&w, NULL);
            it_sketch_write(&w, &a, &s, &(struct str_list){.n = 0});
            json_end_object(&w);
            used += cells[i] ? (long long)text.len : 0;
        }
        assert_true(used <= bytes);
        assert_true(bytes < 100000 || bytes > 1000000 || used * 10 > bytes * 8);
        assert_true(!cells[2] && !cells[5] && cells[0] >= cells[4] && cells[4] >= cells[3]);
    }
    arena_free(&a);
}

static void a_sketch_survives_its_certificate(void **state)
{
    (void)state;
    struct arena a = {0};
    struct it_sketch s, back = {.cells = 0};
    it_sketch_init(&s, &a, 20);
    for (uint64_t i = 0; i < 100; i++)
        it_sketch_toggle(&s, &(struct it_item){.seed = mix(i), .hash = mix(~i), .check = mix(i * 3)}, i % 3 ? 1 : -1);
    struct str text = str_new(&a);
    struct json_writer w = json_writer(&text);
    json_object(&w, NULL);
    it_sketch_write(&w, &a, &s, &(struct str_list){.n = 0});
    json_end_object(&w);
    struct json_doc *doc = json_parse(text.s, text.len, NULL);
    assert_non_null(doc);
    assert_true(it_sketch_read(&a, json_get(json_root(doc), "sketch"), &back));
    assert_int_equal(back.cells, 20);
    assert_memory_equal(back.at, s.at, IT_SUBTABLES * 20 * sizeof *s.at);
    json_free(doc);

    static const char *const malformed[] = {
        "{}",
        "{\"subtables\":3,\"cells\":1}",
        "{\"subtables\":2,\"cells\":1,\"rows\":\"\",\"seeds\":\"\",\"hashes\":\"\",\"checks\":\"\"}",
        "{\"subtables\":3,\"cells\":99999999999,\"rows\":\"\",\"seeds\":\"\",\"hashes\":\"\",\"checks\":\"\"}",
        "{\"subtables\":3,\"cells\":1,\"rows\":\"AAAA\",\"seeds\":\"AAAA\",\"hashes\":\"AAAA\",\"checks\":\"AAAA\"}",
        "[]",
        "7",
    };
    for (size_t i = 0; i < COUNT(malformed); i++) {
        doc = json_parse(malformed[i], strlen(malformed[i]), NULL);
        assert_non_null(doc);
        assert_false(it_sketch_read(&a, json_root(doc), &back));
        json_free(doc);
    }
    assert_true(it_sketch_read(&a, NULL, &back));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_comes_out_below_the_threshold),
        cmocka_unit_test(never_a_wrong_key_however_full),
        cmocka_unit_test(nothing_changed_and_everything_deleted),
        cmocka_unit_test(noise_gives_nothing),
        cmocka_unit_test(cells_are_spread_and_stay_in_their_sub_table),
        cmocka_unit_test(bytes_are_shared_by_rows_and_never_exceeded),
        cmocka_unit_test(a_sketch_survives_its_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
