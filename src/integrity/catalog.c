/* catalog.c - what there is to compare: tables, columns, keys, leaves, and what guards them. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "sql.h"

struct it_table *it_table_find(struct it_side *side, const char *schema, const char *name)
{
    for (size_t i = 0; i < side->tables.n; i++)
        if (text_equal(side->tables.at[i].name, name) && text_equal(side->tables.at[i].schema, schema))
            return &side->tables.at[i];
    return NULL;
}

const struct it_column *it_column_find(const struct it_table *t, const char *name)
{
    for (size_t i = 0; i < t->columns.n; i++)
        if (text_equal(t->columns.at[i].name, name))
            return &t->columns.at[i];
    return NULL;
}

bool it_names_contain(const struct str_list *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (text_equal(names->at[i], name))
            return true;
    return false;
}

static int by_oid(const void *a, const void *b)
{
    return strcmp((*(struct it_table *const *)a)->oid, (*(struct it_table *const *)b)->oid);
}

/* Tables by object id, for the queries that follow: thousands of tables have tens of thousands of columns. */
struct index {
    struct it_table **at;
    size_t n;
};

static struct it_table *find_oid(const struct index *x, const char *oid)
{
    struct it_table key = {.oid = oid}, *k = &key;
    struct it_table **found = x->n ? bsearch(&k, x->at, x->n, sizeof *x->at, by_oid) : NULL;
    return found ? *found : NULL;
}

static bool listed(const struct str_list *patterns, const struct it_table *t)
{
    for (size_t i = 0; patterns && i < patterns->n; i++)
        if (it_name_matches(patterns->at[i], t->schema, t->name))
            return true;
    return false;
}

static bool is_history(const char *name)
{
    return text_equal_nocase(name, "databasechangelog") || text_equal_nocase(name, "databasechangeloglock") ||
           text_starts_nocase(name, "dbstep_");
}

const char it_view_skip[] = "a materialized view: its rows are derived ('materialized_views' is false)";
static const char not_listed[] = "not among 'tables'", excluded[] = "in 'exclude_tables'",
                  history[] = "a changelog's history, which the change itself writes";

void it_scope(struct it_table *t, const struct integrity_options *o)
{
    bool wanted = o->tables && o->tables->n;

    if (wanted ? !listed(o->tables, t) : is_history(t->name))
        t->skip = wanted ? not_listed : history;
    if (listed(o->exclude_tables, t))
        t->skip = excluded;
    if (t->skip && it_skip_is_scope(t->skip)) /* left out on purpose: whether it could be read does not matter */
        t->skip_code = NULL;
}

bool it_skip_is_scope(const char *reason)
{
    return text_equal(reason, not_listed) || text_equal(reason, excluded) || text_equal(reason, history);
}

static void name_unused(struct ctx *cx, struct integrity_report *r, const struct str_list *patterns, const char *input,
                        const struct it_side *one, const struct it_side *other)
{
    for (size_t i = 0; patterns && i < patterns->n; i++) {
        const struct it_side *sides[] = {one, other};
        bool used = false;
        for (size_t s = 0; s < COUNT(sides); s++)
            for (size_t t = 0; sides[s] && t < sides[s]->tables.n && !used; t++)
                used = it_name_matches(patterns->at[i], sides[s]->tables.at[t].schema, sides[s]->tables.at[t].name);
        if (used)
            continue;
        r->unproven = r->unproven || text_equal(input, "tables");
        it_finding(cx, r, INTEGRITY_WARNING, "table-unknown", NULL, "'%s' names no table: %s", input, patterns->at[i])
            ->hint =
            "write name or schema.name as the server has them, without quotes; partitions belong to their root table";
    }
}

void it_scope_unused(struct ctx *cx, struct integrity_report *r, const struct integrity_options *o,
                     const struct it_side *one, const struct it_side *other)
{
    name_unused(cx, r, o->tables, "tables", one, other);
    name_unused(cx, r, o->exclude_tables, "exclude_tables", one, other);
}

void it_readable(struct ctx *cx, struct it_table *t)
{
    t->skip = t->skip_code = t->skip_message = NULL;
    if (*t->kind == 'f')
        t->skip = "a foreign table: its rows are another server's";
    else if (*t->kind == 'm' && !t->view_wanted)
        t->skip = it_view_skip;
    else if (*t->kind == 'm' && !t->populated) {
        t->skip = "a materialized view that is not populated";
        t->skip_code = "view-not-populated";
        t->skip_message =
            arena_printf(cx->arena, "materialized view %s was not compared: it is not populated", t->object);
    } else if (*t->persistence == 't')
        t->skip = "a temporary table";
    else if (*t->persistence == 'u')
        t->skip = "an unlogged table: empty after a crash and on copies";
    else if (!t->readable) {
        t->skip = "no permission to read it";
        t->skip_code = "permission-denied";
        t->skip_message =
            arena_printf(cx->arena, "table %s was not compared: the role may not read all of it", t->object);
    } else if (t->row_security) {
        t->skip = "row-level security hides rows from this role";
        t->skip_code = "row-security";
        t->skip_message = arena_printf(
            cx->arena, "table %s was not compared: a row-level security policy hides rows from this role", t->object);
    }
}

static bool load_tables(struct ctx *cx, struct it_side *side, const struct integrity_options *o)
{
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_tables, 0, NULL))
        return false;
    struct arena *a = cx->arena;
    for (int i = 0; i < rows.n; i++) {
        if (pg_bool(&rows, i, 5))
            continue; /* a partition: read through its root */
        struct it_table *t = VEC_PUSH(a, &side->tables);
        t->oid = arena_strdup(a, pg_text(&rows, i, 0));
        t->schema = arena_strdup(a, pg_text(&rows, i, 1));
        t->name = arena_strdup(a, pg_text(&rows, i, 2));
        t->object = arena_printf(a, "%s.%s", t->schema, t->name);
        t->kind = arena_strdup(a, pg_text(&rows, i, 3));
        t->persistence = arena_strdup(a, pg_text(&rows, i, 4));
        t->est_rows = pg_int(&rows, i, 6);
        t->bytes = pg_int(&rows, i, 7);
        t->readable = pg_bool(&rows, i, 8);
        t->row_security = pg_bool(&rows, i, 9);
        t->has_children = pg_bool(&rows, i, 10) && *t->kind == 'r';
        t->inserted = pg_int(&rows, i, 11);
        t->updated = pg_int(&rows, i, 12);
        t->deleted = pg_int(&rows, i, 13);
        t->populated = pg_bool(&rows, i, 15);
        t->view_wanted = o->materialized_views;
        if (*t->kind == 'r' || *t->kind == 'm')
            *VEC_PUSH(a, &t->leaves) = (struct it_leaf){.schema = t->schema,
                                                        .name = t->name,
                                                        .oid = t->oid,
                                                        .bytes = t->bytes,
                                                        .filenode = pg_int(&rows, i, 14),
                                                        .readable = true};
        it_readable(cx, t);
        it_scope(t, o);
    }
    return true;
}

static bool load_columns(struct ctx *cx, struct it_side *side, const struct index *x,
                         enum integrity_strictness strictness)
{
    PG_ROWS_AUTO rows = {.n = 0};
    struct it_table *t = NULL;
    struct arena *a = cx->arena;

    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_columns, 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++) {
        if (!t || !text_equal(t->oid, pg_text(&rows, i, 0)))
            t = find_oid(x, pg_text(&rows, i, 0));
        if (!t)
            continue;
        struct it_column *c = VEC_PUSH(a, &t->columns);
        c->name = arena_strdup(a, pg_text(&rows, i, 1));
        c->type = arena_strdup(a, pg_text(&rows, i, 2));
        c->base = arena_strdup(a, pg_text(&rows, i, 3));
        c->typmod = pg_int(&rows, i, 4);
        c->not_null = pg_bool(&rows, i, 5);
        c->generated = arena_strdup(a, pg_text(&rows, i, 6));
        c->identity = arena_strdup(a, pg_text(&rows, i, 7));
        c->family = it_family_of(c, strictness);
    }
    return true;
}

static bool load_keys(struct ctx *cx, struct it_side *side, const struct index *x)
{
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_keys, 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++) {
        struct it_table *t = find_oid(x, pg_text(&rows, i, 0));
        if (!t)
            continue;
        t->key_index = arena_strdup(cx->arena, pg_text(&rows, i, 1));
        *VEC_PUSH(cx->arena, &t->key) = arena_strdup(cx->arena, pg_text(&rows, i, 2));
    }
    return true;
}

static bool load_leaves(struct ctx *cx, struct it_side *side, const struct index *x)
{
    PG_ROWS_AUTO rows = {.n = 0};
    struct arena *a = cx->arena;
    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_leaves, 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++) {
        struct it_table *t = find_oid(x, pg_text(&rows, i, 0));
        if (!t)
            continue;
        *VEC_PUSH(a, &t->leaves) = (struct it_leaf){.oid = arena_strdup(a, pg_text(&rows, i, 1)),
                                                    .schema = arena_strdup(a, pg_text(&rows, i, 2)),
                                                    .name = arena_strdup(a, pg_text(&rows, i, 3)),
                                                    .bytes = pg_int(&rows, i, 4),
                                                    .filenode = pg_int(&rows, i, 5),
                                                    .foreign = pg_bool(&rows, i, 6),
                                                    .readable = pg_bool(&rows, i, 7)};
        long long est = pg_int(&rows, i, 8);
        t->bytes += pg_int(&rows, i, 4);
        t->est_rows = t->leaves.n == 1 ? est : est < 0 || t->est_rows < 0 ? -1 : t->est_rows + est;
        t->inserted += pg_int(&rows, i, 9);
        t->updated += pg_int(&rows, i, 10);
        t->deleted += pg_int(&rows, i, 11);
    }
    return true;
}

/* pg_class knows sizes as of the last VACUUM; the true ones need a lock, and are only for cutting slices. */
static bool load_sizes(struct ctx *cx, struct it_side *side)
{
    struct pg *pg = pg_pool_first(side->pool);
    struct str oids = str_new(cx->arena);
    PG_ROWS_AUTO rows = {.n = 0};

    for (size_t i = 0; i < side->tables.n; i++)
        for (size_t l = 0; !side->tables.at[i].skip && l < side->tables.at[i].leaves.n; l++)
            if (!side->tables.at[i].leaves.at[l].foreign)
                str_addf(&oids, "%s%s", oids.len ? "," : "{", side->tables.at[i].leaves.at[l].oid);
    if (!oids.len)
        return true;
    str_addc(&oids, '}');
    const char *const params[] = {oids.s};
    if (!pg_exec(cx, pg, "SAVEPOINT dbstep_sizes"))
        return false;
    if (!pg_query(cx, pg, &rows, sql_integrity_sizes, 1, params)) {
        if (!pg_failed_with(cx, "55P03"))
            return false;
        err_clear(cx);
        return pg_exec(cx, pg, "ROLLBACK TO SAVEPOINT dbstep_sizes");
    }
    int at = 0;
    for (size_t i = 0; i < side->tables.n; i++) {
        struct it_table *t = &side->tables.at[i];
        if (t->skip || !t->leaves.n)
            continue;
        t->bytes = 0;
        for (size_t l = 0; l < t->leaves.n; l++) {
            if (!t->leaves.at[l].foreign && at < rows.n)
                t->leaves.at[l].bytes = pg_int(&rows, at++, 1);
            t->bytes += t->leaves.at[l].bytes;
        }
    }
    return pg_exec(cx, pg, "RELEASE SAVEPOINT dbstep_sizes");
}

bool it_catalog(struct ctx *cx, struct it_side *side, const struct integrity_options *o)
{
    if (!load_tables(cx, side, o))
        return false;
    struct index x = {.n = side->tables.n, .at = arena_array(cx->arena, side->tables.n, sizeof *x.at)};
    for (size_t i = 0; i < x.n; i++)
        x.at[i] = &side->tables.at[i];
    qsort(x.at, x.n, sizeof *x.at, by_oid);
    if (!load_columns(cx, side, &x, o->strictness) || !load_keys(cx, side, &x) || !load_leaves(cx, side, &x) ||
        !load_sizes(cx, side) || !it_objects_load(cx, side))
        return false;
    for (size_t i = 0; i < side->tables.n; i++) {
        struct it_table *t = &side->tables.at[i];
        t->strong = o->strictness == INTEGRITY_STRONG;
        t->rows = -1;
    }
    return true;
}
