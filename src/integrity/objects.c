/* objects.c - what guards the data, read from the catalogue, and what has to be counted for it: orphans, duplicates, sequences behind
 * the column that takes their numbers. The same is done for both sides and for a certificate; guards.c compares. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "sql.h"

enum { AT_ONCE = 50, LOCK_TRIES = 3 };

static struct it_table *by_oid(struct it_side *side, const char *oid)
{
    for (size_t i = 0; i < side->tables.n; i++)
        if (text_equal(side->tables.at[i].oid, oid))
            return &side->tables.at[i];
    return NULL;
}

/* Not the connection's end: then the other queries go on. */
static bool only_this(const struct err *e)
{
    return e->code != E_INTERRUPTED && e->code != E_UNREACHABLE && *e->sqlstate && !text_starts(e->sqlstate, "08") &&
           !text_starts(e->sqlstate, "57P");
}

bool it_guard_failed(struct ctx *cx, struct integrity_report *r, const struct err *e, const char *object,
                     const char *what)
{
    if (!only_this(e))
        return false;
    r->unproven = true;
    it_finding(cx, r, INTEGRITY_WARNING, "guard-unproven", object, "%s could not be checked: %s", what,
               it_server_said(cx->arena, e))
        ->hint = *e->hint ? arena_strdup(cx->arena, e->hint) : "everything else was checked";
    return true;
}

/* A query over the catalogue that deparses, for which the server takes locks: tables that another session holds are left out, and marked. */
static bool query_unlocked(struct ctx *cx, struct it_side *side, const char *sql, struct pg_rows *rows)
{
    struct pg *pg = pg_pool_first(side->pool);
    struct str locked = str_new(cx->arena);

    for (int try = 0;; try++) {
        const char *const params[] = {arena_printf(cx->arena, "{%s}", locked.s)};
        if (!pg_exec(cx, pg, "SAVEPOINT dbstep_objects"))
            return false;
        if (pg_query(cx, pg, rows, sql, 1, params)) /* gives the locks back: a server has room for so many */
            return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_objects; RELEASE SAVEPOINT dbstep_objects");
        bool locked_out = pg_failed_with(cx, "55P03") && try < LOCK_TRIES;
        bool dropped = pg_failed_with(cx, "XX000") || pg_failed_with(cx, "42P01") || pg_failed_with(cx, "42703");
        if (!locked_out && !dropped)
            return false;
        if (dropped) { /* definitions come from the catalogue as it is now, not as the snapshot shows it */
            side->objects_lost = arena_strdup(cx->arena, cx->err.message);
            err_clear(cx);
            return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_objects");
        }
        err_clear(cx);
        PG_ROWS_AUTO held = {.n = 0};
        if (!pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_objects") ||
            !pg_query(cx, pg, &held, sql_integrity_locked, 0, NULL))
            return false;
        for (int i = 0; i < held.n; i++) {
            struct it_table *t = by_oid(side, pg_text(&held, i, 0));
            str_addf(&locked, "%s%s", locked.len ? "," : "", pg_text(&held, i, 0));
            if (t)
                t->guards_unknown = true;
        }
    }
}

/* ---- many small questions in few statements ---- */

struct question {
    const char *select; /* two expressions, and FROM */
    size_t at;          /* what it is about: an index of the asker's */
};
typedef bool (*answer_fn)(struct ctx *cx, void *user, size_t at, const char *first, const char *second,
                          const struct err *failed);
struct batch {
    struct it_side *side;
    struct question *questions;
    size_t n;
    answer_fn fn;
    void *user;
    bool at_once; /* else by the pool, when it runs */
};

static bool ask(struct ctx *cx, struct batch *b);

/* One question that fails fails its statement: then each is asked alone. */
static bool take_answers(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct batch *b = user;

    if (failed && b->n > 1 && only_this(failed)) {
        for (size_t i = 0; i < b->n; i++) {
            struct batch *one = ARENA_NEW(cx->arena, struct batch);
            *one = *b;
            one->questions = b->questions + i;
            one->n = 1;
            if (!ask(cx, one))
                return false;
        }
        return true;
    }
    if (failed)
        return b->fn(cx, b->user, b->questions->at, NULL, NULL, failed);
    for (int i = 0; i < rows->n; i++)
        if (!b->fn(cx, b->user, b->questions[pg_int(rows, i, 0)].at, pg_null(rows, i, 1) ? NULL : pg_text(rows, i, 1),
                   pg_text(rows, i, 2), NULL))
            return false;
    return true;
}

static const char *batch_sql(struct ctx *cx, const struct batch *b)
{
    struct str sql = str_new(cx->arena);
    for (size_t i = 0; i < b->n; i++)
        str_addf(&sql, "%sSELECT %zu, %s", i ? " UNION ALL " : "", i, b->questions[i].select);
    return sql.s;
}

/* On the first connection, and without keeping the locks: a server has room for so many. */
static bool ask_at_once(struct ctx *cx, struct batch *b)
{
    struct pg *pg = pg_pool_first(b->side->pool);
    PG_ROWS_AUTO rows = {.n = 0};

    if (!pg_exec(cx, pg, "SAVEPOINT dbstep_objects"))
        return false;
    if (pg_query(cx, pg, &rows, batch_sql(cx, b), 0, NULL))
        return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_objects; RELEASE SAVEPOINT dbstep_objects") &&
               take_answers(cx, b, &rows, NULL);
    struct err failed = cx->err;
    if (!only_this(&failed))
        return false;
    err_clear(cx);
    return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_objects; RELEASE SAVEPOINT dbstep_objects") &&
           take_answers(cx, b, NULL, &failed);
}

static bool ask(struct ctx *cx, struct batch *b)
{
    if (b->at_once)
        return ask_at_once(cx, b);
    pg_pool_add(b->side->pool, batch_sql(cx, b), 0, NULL, take_answers, b);
    return true;
}

static bool ask_all(struct ctx *cx, const struct batch *like, struct question *q, size_t n)
{
    for (size_t i = 0; i < n; i += AT_ONCE) {
        struct batch *b = ARENA_NEW(cx->arena, struct batch);
        *b = *like;
        b->questions = q + i;
        b->n = n - i < AT_ONCE ? n - i : AT_ONCE;
        if (!ask(cx, b))
            return false;
    }
    return true;
}

/* ---- sequences ---- */

static long long saturating(long long a, long long b)
{
    long long sum;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

long long it_increment(const struct it_object *sequence)
{
    const char *digits = sequence->definition + strcspn(sequence->definition, "-0123456789");
    long long by = strtoll(digits, NULL, 10);
    return by ? by : 1; /* a certificate of before does not say */
}

long long it_next(const struct it_object *sequence)
{
    return saturating(sequence->value, it_increment(sequence));
}

static bool take_position(struct ctx *cx, void *user, size_t at, const char *first, const char *second,
                          const struct err *failed)
{
    struct it_side *side = user;
    struct it_object *o = &side->objects.at[at];

    (void)cx;
    if (failed) { /* dropped or locked meanwhile */
        o->state = "unreadable";
        return only_this(failed);
    }
    long long last = first ? strtoll(first, NULL, 10) : 0;
    o->has_value = true;
    /* The last number given: of a fresh sequence, the one before its first. */
    if (*second == 't' || __builtin_sub_overflow(last, it_increment(o), &o->value))
        o->value = last;
    return true;
}

static bool load_sequences(struct ctx *cx, struct it_side *side)
{
    PG_ROWS_AUTO rows = {.n = 0};
    struct arena *a = cx->arena;
    struct pg *pg = pg_pool_first(side->pool);
    size_t n = 0;

    if (!pg_query(cx, pg, &rows, sql_integrity_sequences, 0, NULL))
        return false;
    struct question *q = arena_array(a, (size_t)rows.n + 1, sizeof *q);
    for (int i = 0; i < rows.n; i++) {
        struct it_table *owner = pg_null(&rows, i, 5) ? NULL : by_oid(side, pg_text(&rows, i, 5));
        if (!i || strcmp(pg_text(&rows, i - 1, 0), pg_text(&rows, i, 0)) != 0) {
            bool readable = pg_bool(&rows, i, 4);
            *VEC_PUSH(a, &side->objects) = (struct it_object){.kind = "sequence",
                                                              .table = owner ? owner->object : "",
                                                              .name = arena_strdup(a, pg_text(&rows, i, 0)),
                                                              .definition = arena_strdup(a, pg_text(&rows, i, 3)),
                                                              .state = readable ? "" : "unreadable"};
            if (readable)
                q[n++] = (struct question){
                    .select = arena_printf(a, "last_value::text, is_called::text FROM %s",
                                           pg_qualified(cx, pg, pg_text(&rows, i, 1), pg_text(&rows, i, 2))),
                    .at = side->objects.n - 1};
        }
        if (owner)
            *VEC_PUSH(a, &side->number_users) = (struct it_number_user){
                .sequence = side->objects.n - 1, .table = owner, .column = arena_strdup(a, pg_text(&rows, i, 6))};
    }
    return ask_all(cx, &(struct batch){.side = side, .fn = take_position, .user = side, .at_once = true}, q, n);
}

bool it_objects_load(struct ctx *cx, struct it_side *side)
{
    PG_ROWS_AUTO rows = {.n = 0};
    struct arena *a = cx->arena;

    side->objects_complete = true;
    if (!query_unlocked(cx, side, sql_integrity_objects, &rows))
        return false;
    for (int i = 0; i < rows.n; i++)
        *VEC_PUSH(a, &side->objects) = (struct it_object){.kind = arena_strdup(a, pg_text(&rows, i, 0)),
                                                          .table = arena_strdup(a, pg_text(&rows, i, 1)),
                                                          .name = arena_strdup(a, pg_text(&rows, i, 2)),
                                                          .definition = arena_strdup(a, pg_text(&rows, i, 3)),
                                                          .state = arena_strdup(a, pg_text(&rows, i, 4))};
    return load_sequences(cx, side);
}

/* ---- what must be counted ---- */

struct measure {
    struct it_side *side;
    struct integrity_report *report;
    const char *kind, *table, *name;
};

static bool take_peak(struct ctx *cx, void *user, size_t at, const char *first, const char *second,
                      const struct err *failed)
{
    struct measure *m = user;
    const struct it_number_user *u = &m->side->number_users.at[at];
    struct it_object *o = &m->side->objects.at[u->sequence];

    (void)second;
    if (failed)
        return it_guard_failed(cx, m->report, failed, o->name,
                               arena_printf(cx->arena, "the gap of sequence %s to %s.%s of the %s", o->name,
                                            u->table->object, u->column, m->side->role));
    if (!first)
        return true;
    long long peak = strtoll(first, NULL, 10), next = it_next(o);
    if (it_increment(o) > 0 ? next > peak : next < peak)
        return true;
    o->state = "behind";
    o->detail = arena_printf(cx->arena, "%s.%s is at %lld already", u->table->object, u->column, peak);
    return true;
}

/* Does the sequence stand above what the pass saw of the column, when it is the key? */
static bool beyond(const struct it_number_user *u, const struct it_object *sequence)
{
    const struct it_geometry *g = &u->table->geometry;

    /* The bounds may be another certificate's: then only the chunks tell, if they are there yet. */
    if (u->table->chunks.n ? it_chunks_find(&u->table->chunks, IT_ABOVE) != NULL : u->table->geometry_given)
        return false;
    return g->kind == KEY_RANGE && u->table->key.n == 1 && text_equal(u->table->key.at[0], u->column) &&
           it_increment(sequence) > 0 && (g->lo > g->hi || it_next(sequence) > g->hi);
}

static void measure_sequences(struct ctx *cx, struct it_side *side, struct integrity_report *r)
{
    struct question *q = arena_array(cx->arena, side->number_users.n + 1, sizeof *q);
    struct pg *pg = pg_pool_first(side->pool);
    struct measure *m = ARENA_NEW(cx->arena, struct measure);
    size_t n = 0;

    *m = (struct measure){.side = side, .report = r};
    for (size_t i = 0; i < side->number_users.n; i++) {
        const struct it_number_user *u = &side->number_users.at[i];
        const struct it_object *o = &side->objects.at[u->sequence];
        const struct it_column *c = it_column_find(u->table, u->column);
        bool number =
            c && (text_starts(c->base, "int") || text_equal(c->base, "numeric")) && !text_starts(c->base, "interval");
        if (u->table->skip || !o->has_value || !number || strstr(o->definition, "cycle") || beyond(u, o))
            continue;
        struct str_list columns = {.n = 0};
        *VEC_PUSH(cx->arena, &columns) = c->name;
        q[n++] =
            (struct question){.select = arena_printf(cx->arena, "trunc(%s(t.%s))::text, NULL FROM %s t",
                                                     it_increment(o) > 0 ? "max" : "min", pg_ident(cx, pg, c->name),
                                                     it_rows_of(cx, pg, u->table, &columns)),
                              .at = i};
    }
    ask_all(cx, &(struct batch){.side = side, .fn = take_peak, .user = m}, q, n);
}

static const char *phrase(struct ctx *cx, const struct measure *m)
{
    const char *what = text_equal(m->kind, "orphans")      ? "orphans of foreign key"
                       : text_equal(m->kind, "duplicates") ? "duplicates behind index"
                                                           : "rows against constraint";
    return arena_printf(cx->arena, "%s %s of %s of the %s", what, m->name, m->table, m->side->role);
}

static bool take_count(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    const struct measure *m = user;

    if (failed)
        return it_guard_failed(cx, m->report, failed, m->table, phrase(cx, m));
    *VEC_PUSH(cx->arena, &m->side->objects) = (struct it_object){.kind = m->kind,
                                                                 .table = m->table,
                                                                 .name = m->name,
                                                                 .definition = "",
                                                                 .state = "",
                                                                 .value = pg_int(rows, 0, 0),
                                                                 .has_value = true};
    return true;
}

static bool measure_doubts(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                           struct integrity_report *r)
{
    PG_ROWS_AUTO rows = {.n = 0};
    struct arena *a = cx->arena;

    if (!query_unlocked(cx, side, sql_integrity_doubts, &rows))
        return false;
    for (size_t i = 0; i < side->tables.n; i++) {
        const struct it_table *t = &side->tables.at[i];
        if (t->skip || !t->guards_unknown)
            continue;
        r->unproven = true;
        it_finding(
            cx, r, INTEGRITY_WARNING, "guard-unproven", t->object,
            "constraints, indexes and triggers of %s could not be read: another session held the table of the %s",
            t->object, side->role)
            ->hint = "run again when no other schema change is under way, or raise 'lock_timeout'";
    }
    for (int i = 0; i < rows.n; i++) {
        const struct it_table *t = by_oid(side, pg_text(&rows, i, 1));
        bool key = text_equal(pg_text(&rows, i, 0), "orphans"), vouched = pg_bool(&rows, i, 3);
        if (!t || t->skip || (key && o->foreign_keys == INTEGRITY_KEYS_NONE) ||
            (vouched && o->foreign_keys != INTEGRITY_KEYS_ALL))
            continue;
        struct measure *m = ARENA_NEW(a, struct measure);
        *m = (struct measure){.side = side,
                              .report = r,
                              .kind = arena_strdup(a, pg_text(&rows, i, 0)),
                              .table = t->object,
                              .name = arena_strdup(a, pg_text(&rows, i, 2))};
        if (pg_null(&rows, i, 4))
            it_uncovered(cx, r, "%s: a key over periods, which is not counted", phrase(cx, m));
        else
            pg_pool_add(side->pool, arena_printf(a, "SELECT count(*) %s", pg_text(&rows, i, 4)), 0, NULL, take_count,
                        m);
    }
    return true;
}

bool it_objects_measure(struct ctx *cx, struct it_side *side, const struct integrity_options *o,
                        struct integrity_report *r)
{
    measure_sequences(cx, side, r);
    return measure_doubts(cx, side, o, r) && it_large_objects(cx, side, o, r);
}
