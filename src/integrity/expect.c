/* expect.c - the SQL in declared changes: tried out before anything is read, rows declared to change counted, expectations judged. It is the
 * author's SQL, and runs in read-only transactions, one statement at a time. */
#include <ctype.h>
#include <string.h>

#include "compare.h"

enum { KEYS_SHOWN = 3 };

bool it_expression_is_column(struct ctx *cx, const char *expr, const char *column)
{
    const char *s = expr;
    struct str name = str_new(cx->arena);

    if (*s == '"') {
        for (s++; *s && (*s != '"' || s[1] == '"'); s++) {
            s += *s == '"';
            str_addc(&name, *s);
        }
        s += *s == '"';
    } else {
        for (; isalnum((unsigned char)*s) || *s == '_' || *s == '$' || (unsigned char)*s >= 128; s++)
            str_addc(&name, *s >= 'A' && *s <= 'Z' ? (char)(*s + 32) : *s);
    }
    if (!text_equal(name.s, column))
        return false;
    if (!*s)
        return true;
    /* A cast, and nothing but the type behind it. */
    if (!text_starts(s, "::"))
        return false;
    for (s += 2; isalnum((unsigned char)*s) || (*s && strchr("_ .,()[]\"", *s)); s++)
        ;
    return !*s;
}

static const char *rows_sql(struct ctx *cx, struct it_side *side, const struct it_table *t)
{
    struct str_list all = {.n = 0};
    for (size_t c = 0; c < t->columns.n; c++)
        *VEC_PUSH(cx->arena, &all) = t->columns.at[c].name;
    return it_rows_of(cx, pg_pool_first(side->pool), t, &all);
}

/* ---- trying an expression ---- */

/* The statement fails for what it says, not for who asks or for what else goes on. */
static bool authors_fault(const struct err *e)
{
    return *e->sqlstate && !text_equal(e->sqlstate, "42501") &&
           (text_starts(e->sqlstate, "42") || text_starts(e->sqlstate, "22") || text_starts(e->sqlstate, "0A") ||
            text_starts(e->sqlstate, "25") || text_starts(e->sqlstate, "21") || text_starts(e->sqlstate, "P0"));
}

static bool try_sql(struct it_diff *d, struct it_side *side, const struct it_change *c, const char *sql)
{
    struct ctx *cx = d->cx;
    struct pg *pg = pg_pool_first(side->pool);

    if (!pg_exec(cx, pg, "SAVEPOINT dbstep_expression"))
        return false;
    if (pg_query(cx, pg, NULL, sql, 0, NULL))
        return pg_exec(cx, pg, "RELEASE SAVEPOINT dbstep_expression");
    struct err e = cx->err;
    if (authors_fault(&e)) {
        err_clear(cx);
        fail(cx, E_INPUT,
             "input 'expected_changes' has an expression that cannot be evaluated in the %s: \"%.200s\": %.400s",
             side->role, c->text, e.message);
        err_detail(cx, "%s", e.detail);
        err_hint(
            cx,
            "the search path is empty there: write schema.function() for what is not PostgreSQL's own; columns stand by their names, or as t.name");
        return false;
    }
    if (!*e.sqlstate || text_starts(e.sqlstate, "08") || text_starts(e.sqlstate, "57P"))
        return false;
    err_clear(cx); /* the table cannot be read now: said where it is read */
    return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_expression");
}

static bool try_on(struct it_diff *d, struct it_side *side, const struct it_table *t, const struct it_change *c,
                   const char *select)
{
    if (!side->pool || !t || t->skip)
        return true;
    return try_sql(d, side, c,
                   arena_printf(d->cx->arena, "SELECT %s FROM %s t LIMIT 0", select, rows_sql(d->cx, side, t)));
}

/* Expectations speak of the database as it is now. */
static struct it_table *table_now(struct it_diff *d, const struct it_change *c)
{
    struct it_table *found = NULL;
    for (size_t i = 0; i < d->right.tables.n; i++) {
        struct it_table *t = &d->right.tables.at[i];
        if (it_change_names(c, t, NULL) && (!found || (found->skip && !t->skip)))
            found = t;
    }
    return found;
}

bool it_expressions_check(struct it_diff *d)
{
    struct arena *a = d->cx->arena;

    for (size_t i = 0; i < d->declared.changes.n; i++) {
        const struct it_change *c = &d->declared.changes.at[i];
        /* In two kinds of brackets: one expression, and not the end of ours and the beginning of another. */
        const char *e = c->expr ? c->expr : "NULL",
                   *condition = arena_printf(a, "(%s\n) IS TRUE, CASE WHEN true THEN %s\n END", e, e),
                   *value = arena_printf(a, "(%s\n), CASE WHEN true THEN %s\n END", e, e);
        bool ok = true;
        for (size_t p = 0; ok && (c->kind == CHANGE_ROWS || c->kind == CHANGE_COLUMN) && p < d->pairs.n; p++) {
            const struct it_pair *pair = &d->pairs.at[p];
            if (!c->expr || !it_change_names(c, pair->left, NULL))
                continue;
            ok = c->kind == CHANGE_COLUMN
                     ? !d->left.live || try_on(d, &d->left, pair->left, c, value)
                     : try_on(d, &d->right, pair->right, c, condition) &&
                           (!d->left.live || try_on(d, &d->left, pair->left, c, condition)) &&
                           (!d->witness.pool ||
                            try_on(d, &d->witness, it_table_find(&d->witness, pair->left->schema, pair->left->name), c,
                                   condition));
        }
        struct it_table *t = c->kind == EXPECT_WHERE || c->kind == EXPECT_VALUE ? table_now(d, c) : NULL;
        if (t && c->kind == EXPECT_WHERE)
            ok = try_on(d, &d->right, t, c, condition);
        else if (t && it_column_find(t, c->column))
            ok = try_on(d, &d->right, t, c,
                        arena_printf(a, "t.%s IS DISTINCT FROM %s",
                                     pg_ident(d->cx, pg_pool_first(d->right.pool), c->column), value));
        if (!ok)
            return false;
    }
    return true;
}

/* ---- judging ---- */

struct expectation {
    struct it_diff *d;
    const struct it_change *change;
    const struct it_table *table;
    const char *rows, *against; /* FROM, and the condition that a row against it meets */
    long long violations;
};

static const char *item(const struct expectation *e)
{
    return text_trim(e->d->cx->arena, e->change->text);
}

static void violated(const struct expectation *e, const char *keys)
{
    struct it_diff *d = e->d;
    it_finding(d->cx, d->report, INTEGRITY_ERROR, "expectation-failed", e->table->object,
               "%s of %s %s not as declared (%s)%s%s", text_plural(d->cx->arena, e->violations, "row"),
               e->table->object, e->violations == 1 ? "is" : "are", item(e), *keys ? ", first: " : "", keys);
}

static bool take_keys(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    const struct expectation *e = user;
    const struct str_list *key = &e->table->key;
    struct str all = str_new(cx->arena);

    for (int r = 0; !failed && r < rows->n; r++) {
        struct str one = str_new(cx->arena);
        str_add(&one, key->n > 1 ? "(" : "");
        for (size_t k = 0; k < key->n; k++)
            str_addf(&one, "%s%s", k ? ", " : "", pg_text(rows, r, (int)k));
        str_add(&one, key->n > 1 ? ")" : "");
        str_addf(&all, "%s%s", r ? ", " : "", it_key_shown(e->d, one.s));
    }
    violated(e, all.len ? arena_printf(cx->arena, "%s %s", it_join(cx->arena, key, ", "), all.s) : "");
    return !failed || *failed->sqlstate;
}

static bool take_violations(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct expectation *e = user;
    struct it_diff *d = e->d;
    struct pg *pg = pg_pool_first(d->right.pool);

    if (failed)
        return it_guard_failed(cx, d->report, failed, e->table->object,
                               arena_printf(cx->arena, "the expectation \"%s\"", item(e)));
    e->violations = pg_int(rows, 0, 0);
    if (!e->violations) {
        it_proof(cx, d->report, "%s: %s, in each of %s", e->table->object, item(e),
                 text_plural(cx->arena, pg_int(rows, 0, 1), "row"));
        return true;
    }
    if (!e->table->key.n) {
        violated(e, "");
        return true;
    }
    struct str sql = str_new(cx->arena), order = str_new(cx->arena);
    for (size_t k = 0; k < e->table->key.n; k++) {
        const char *name = pg_ident(cx, pg, e->table->key.at[k]);
        str_addf(&sql, "%st.%s::text", k ? ", " : "SELECT ", name);
        str_addf(&order, "%st.%s", k ? ", " : "", name);
    }
    str_addf(&sql, " FROM %s t WHERE %s ORDER BY %s LIMIT %d", e->rows, e->against, order.s, KEYS_SHOWN);
    pg_pool_add(d->right.pool, sql.s, 0, NULL, take_keys, e);
    return true;
}

static void unkept(struct it_diff *d, const struct it_change *c, const char *why)
{
    it_finding(d->cx, d->report, INTEGRITY_ERROR, "expectation-failed", c->table, "%s: expected was \"%s\"", why,
               text_trim(d->cx->arena, c->text));
}

/* Text that is equal is the same default; else both are evaluated. */
static bool judge_default(struct it_diff *d, const struct it_change *c, const struct it_table *t)
{
    struct ctx *cx = d->cx;
    struct pg *pg = pg_pool_first(d->right.pool);
    const struct it_object *o = NULL;
    PG_ROWS_AUTO rows = {.n = 0};

    for (size_t i = 0; i < d->right.objects.n; i++)
        if (text_equal(d->right.objects.at[i].kind, "default") && text_equal(d->right.objects.at[i].table, t->object) &&
            text_equal(d->right.objects.at[i].name, c->column))
            o = &d->right.objects.at[i];
    if (!o || *o->state || text_starts(o->definition, "identity,")) {
        unkept(d, c, arena_printf(cx->arena, "column %s of %s has no default", c->column, t->object));
        return true;
    }
    bool equal = text_equal(o->definition, c->expr);
    if (!equal) {
        const char *type = it_column_find(t, c->column)->type,
                   *sql = arena_printf(cx->arena, "SELECT (%s\n)::%s::text IS NOT DISTINCT FROM (%s\n)::%s::text",
                                       c->expr, type, o->definition, type);
        if (!try_sql(d, &d->right, c, sql))
            return false;
        if (!pg_query(cx, pg, &rows, sql, 0, NULL))
            return false;
        equal = pg_bool(&rows, 0, 0);
    }
    if (equal)
        it_proof(cx, d->report, "%s: %s", t->object, text_trim(cx->arena, c->text));
    else
        unkept(
            d, c,
            arena_printf(cx->arena, "the default of column %s of %s is %.200s", c->column, t->object, o->definition));
    return true;
}

static bool queue_expectation(struct it_diff *d, struct it_change *c)
{
    struct ctx *cx = d->cx;
    struct it_table *t = table_now(d, c);

    c->happened = true;
    if (!t || (c->kind != EXPECT_WHERE && !it_column_find(t, c->column))) {
        unkept(d, c,
               t ? arena_printf(cx->arena, "there is no column %s of %s", c->column, t->object)
                 : arena_printf(cx->arena, "there is no table %s", c->table));
        return true;
    }
    if (c->kind == EXPECT_DEFAULT)
        return judge_default(d, c, t);
    if (t->skip && it_skip_is_scope(t->skip)) /* asked for by name */
        it_readable(cx, t);
    if (t->skip) {
        d->report->unproven = true;
        it_finding(cx, d->report, INTEGRITY_WARNING, "guard-unproven", t->object,
                   "the expectation \"%s\" could not be checked: %s", text_trim(cx->arena, c->text), t->skip);
        return true;
    }
    struct expectation *e = ARENA_NEW(cx->arena, struct expectation);
    const char *column = c->kind == EXPECT_WHERE ? "" : pg_ident(cx, pg_pool_first(d->right.pool), c->column);
    *e = (struct expectation){.d = d, .change = c, .table = t, .rows = rows_sql(cx, &d->right, t)};
    /* Not "IS NULL", which holds for a composite value whose fields are. */
    e->against = c->kind == EXPECT_WHERE ? arena_printf(cx->arena, "(%s\n) IS NOT TRUE", c->expr)
                 : c->kind == EXPECT_NOT_NULL
                     ? arena_printf(cx->arena, "t.%s IS NOT DISTINCT FROM NULL", column)
                     : arena_printf(cx->arena, "t.%s IS DISTINCT FROM (%s\n)", column, c->expr);
    pg_pool_add(d->right.pool,
                arena_printf(cx->arena, "SELECT count(*) FILTER (WHERE %s), count(*) FROM %s t", e->against, e->rows),
                0, NULL, take_violations, e);
    return true;
}

/* ---- rows that are declared to change ---- */

struct declared_rows {
    struct it_diff *d;
    struct it_pair *pair;
    struct it_change *change;
    const char *role;
    bool right;
};

static bool take_declared_rows(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct declared_rows *r = user;
    struct it_diff *d = r->d;

    if (failed)
        return it_guard_failed(cx, d->report, failed, r->pair->left->object,
                               arena_printf(cx->arena, "\"%s\"", text_trim(cx->arena, r->change->text)));
    long long n = pg_int(rows, 0, 0);
    if (n)
        r->change->happened = true;
    if (n && (d->left.live || r->pair->line.chunks_unequal)) {
        it_uncovered(cx, d->report, "%s: %s of the %s may differ, as declared: %s", r->pair->left->object,
                     text_plural(cx->arena, n, "row"), r->role, text_trim(cx->arena, r->change->text));
        r->pair->rows_declared += n;
        if (r->right && !d->left.live)
            r->pair->rows_open += n;
    }
    return true;
}

static void queue_rows(struct it_diff *d, struct it_change *c, struct it_pair *pair, struct it_side *side,
                       struct it_table *t)
{
    struct declared_rows *r = ARENA_NEW(d->cx->arena, struct declared_rows);

    if (t->skip)
        return;
    *r = (struct declared_rows){.d = d, .pair = pair, .change = c, .role = side->role, .right = side == &d->right};
    pg_pool_add(side->pool,
                arena_printf(d->cx->arena, "SELECT count(*) FROM %s t WHERE (%s\n)", rows_sql(d->cx, side, t), c->expr),
                0, NULL, take_declared_rows, r);
}

bool it_expectations(struct it_diff *d)
{
    struct pg_pool *pools[2] = {d->right.pool, d->left.pool ? d->left.pool : d->witness.pool};

    for (size_t i = 0; i < d->declared.changes.n; i++) {
        struct it_change *c = &d->declared.changes.at[i];
        if (c->kind >= EXPECT_NOT_NULL && !queue_expectation(d, c))
            return false;
        for (size_t p = 0; c->kind == CHANGE_ROWS && p < d->pairs.n; p++) {
            struct it_pair *pair = &d->pairs.at[p];
            if (!it_change_names(c, pair->left, NULL))
                continue;
            queue_rows(d, c, pair, &d->right, pair->right);
            if (d->left.pool)
                queue_rows(d, c, pair, &d->left, pair->left);
            struct it_table *witnessed =
                d->witness.pool ? it_table_find(&d->witness, pair->left->schema, pair->left->name) : NULL;
            if (witnessed)
                queue_rows(d, c, pair, &d->witness, witnessed);
        }
    }
    return pg_pools_run(d->cx, pools, pools[1] ? 2 : 1);
}

void it_expectations_unchecked(struct it_diff *d)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        struct it_change *c = &d->declared.changes.at[i];
        if (c->kind < EXPECT_NOT_NULL || c->happened)
            continue;
        c->happened = true;
        d->report->unproven = true;
        it_finding(d->cx, d->report, INTEGRITY_WARNING, "guard-unproven", c->table,
                   "the expectation \"%s\" could not be checked: there was no database to ask",
                   text_trim(d->cx->arena, c->text));
    }
}
