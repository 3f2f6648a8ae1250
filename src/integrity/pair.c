/* pair.c - which tables and columns of the two sides belong together, and what is undeclared about the rest. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"

static void not_compared(struct it_diff *d, struct it_table *t, const char *side)
{
    it_uncovered(d->cx, d->report, "%s: %s", t->object, t->skip);
    d->report->tables_uncovered++;
    *VEC_PUSH(d->cx->arena, &d->report->tables) = (struct integrity_table){.object = t->object,
                                                                           .status = "not compared",
                                                                           .note = t->skip,
                                                                           .key = "",
                                                                           .rows_left = t->rows,
                                                                           .rows_right = -1};
    if (!t->skip_code)
        return;
    it_strip_unknown(&d->report->tables.at[d->report->tables.n - 1]);
    d->report->unproven = true;
    it_finding(d->cx, d->report, INTEGRITY_WARNING, t->skip_code, t->object, "%s (%s)", t->skip_message, side)->hint =
        "grant what is missing, or leave the table out with 'exclude_tables'";
}

static void undeclared(struct it_diff *d, const char *code, const char *object, const char *what,
                       const char *declaration)
{
    it_finding(d->cx, d->report, INTEGRITY_ERROR, code, object, "%s, which was not declared", what)->hint =
        arena_printf(d->cx->arena, "if the change means it, declare it in 'expected_changes': %s", declaration);
}

/* A table that there is only on one side. */
static void only_named(struct it_diff *d, const struct it_table *t, const char *status, const char *note, bool left)
{
    *VEC_PUSH(d->cx->arena, &d->report->tables) = (struct integrity_table){.object = t->object,
                                                                           .status = status,
                                                                           .note = note,
                                                                           .key = "",
                                                                           .rows_left = left ? t->rows : -1,
                                                                           .rows_right = -1};
}

/* The right table that a declared rename made of a left one, or NULL. A name that another table had is believed to be this one's only when
 * that other is declared to have gone. */
static struct it_table *renamed(struct it_diff *d, const struct it_table *left)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        struct it_change *c = &d->declared.changes.at[i];
        if (c->kind != CHANGE_RENAME_TABLE || !it_change_names(c, left, NULL))
            continue;
        const char *schema = *c->to_schema ? c->to_schema : left->schema;
        struct it_table *right = it_table_find(&d->right, schema, c->to),
                        *holder = it_table_find(&d->left, schema, c->to);
        if (!right || (holder && !it_declared_find(&d->declared, CHANGE_RENAME_TABLE, holder, NULL) &&
                       !it_declared_find(&d->declared, CHANGE_DROP_TABLE, holder, NULL)))
            continue;
        c->happened = true;
        return right;
    }
    return NULL;
}

static void gone(struct it_diff *d, const struct it_table *left)
{
    struct arena *a = d->cx->arena;
    struct it_change *drop = it_declared_find(&d->declared, CHANGE_DROP_TABLE, left, NULL);

    if (drop) {
        drop->happened = true;
        only_named(d, left, "dropped", "as declared", true);
        it_proof(d->cx, d->report, "%s was dropped, as declared%s", left->object,
                 left->rows >= 0 ? arena_printf(a, "; it held %lld rows", left->rows) : "");
    } else {
        only_named(d, left, "missing", "see the findings", true);
        undeclared(
            d, "table-missing", left->object, arena_printf(a, "table %s is gone", left->object),
            arena_printf(a, "drop table %s.%s", it_declared_name(a, left->schema), it_declared_name(a, left->name)));
    }
}

/* The user asks for it by name, and the certificate was told to leave it out. */
static bool asked_in_vain(const struct it_diff *d, const struct it_table *left)
{
    struct it_table plain = {.schema = left->schema, .name = left->name};

    if (d->left.live || !d->o->tables || !d->o->tables->n || left->skip_code)
        return false;
    it_scope(&plain, d->o);
    return !plain.skip && it_skip_is_scope(left->skip);
}

static bool view_asked_in_vain(const struct it_diff *d, const struct it_table *left)
{
    struct it_table plain = {.schema = left->schema, .name = left->name};

    if (!d->o->materialized_views || left->skip_code || !text_starts(left->skip, "a materialized view: "))
        return false;
    it_scope(&plain, d->o);
    return !plain.skip;
}

static void pair_left(struct it_diff *d, struct it_table *left, struct it_table *right)
{
    struct arena *a = d->cx->arena;

    if (!left->skip || left->skip_code) { /* what could not be certified may be left out */
        it_scope(left, d->o);
    } else if (asked_in_vain(d, left)) {
        left->skip_code = "not-in-certificate";
        left->skip_message =
            arena_printf(a, "table %s is not in the certificate: %s when it was taken", left->object, left->skip);
    }
    if (left->skip && right && view_asked_in_vain(d, left)) {
        left->skip_code = "not-in-certificate";
        left->skip_message =
            arena_printf(a, "materialized view %s is not in the certificate, which was taken without", left->object);
    }
    if (left->skip) {
        not_compared(d, left, d->left.role);
        return;
    }
    if (!right) {
        gone(d, left);
        return;
    }
    if (right->skip && it_skip_is_scope(right->skip)) /* what is in scope is said by the left's name */
        it_readable(d->cx, right);
    if (right->skip && !right->skip_code) {
        undeclared(
            d, "table-kind-changed", left->object,
            arena_printf(a, "table %s has become %s, so it was not compared", left->object, right->skip),
            arena_printf(a, "drop table %s.%s", it_declared_name(a, left->schema), it_declared_name(a, left->name)));
        d->report->unproven = true;
    }
    if (right->skip) {
        not_compared(d, right, d->right.role);
        return;
    }
    struct it_pair *p = VEC_PUSH(a, &d->pairs);
    p->left = left;
    p->right = right;
}

static void pair_added(struct it_diff *d, struct it_table *t)
{
    struct it_change *add = it_declared_find(&d->declared, CHANGE_ADD_TABLE, t, NULL);

    if (add && !(t->skip && it_skip_is_scope(t->skip))) {
        add->happened = true;
        only_named(d, t, "new", "as declared", false);
        it_proof(d->cx, d->report, "%s was added, as declared", t->object);
        it_uncovered(d->cx, d->report, "%s: new, so there is nothing to compare it with", t->object);
        d->report->tables_uncovered++;
    } else if (t->skip) {
        not_compared(d, t, d->right.role);
    } else {
        only_named(d, t, "new", "see the findings", false);
        undeclared(d, "table-added", t->object, arena_printf(d->cx->arena, "table %s is new", t->object),
                   arena_printf(d->cx->arena, "add table %s.%s", it_declared_name(d->cx->arena, t->schema),
                                it_declared_name(d->cx->arena, t->name)));
    }
}

void it_pair_tables(struct it_diff *d)
{
    struct arena *a = d->cx->arena;
    struct it_table_list *l = &d->left.tables, *r = &d->right.tables;
    struct it_table **partner = arena_array(a, l->n + 1, sizeof *partner);
    bool *taken = arena_array(a, r->n + 1, sizeof *taken);

    for (size_t i = 0; i < l->n; i++)
        if ((partner[i] = renamed(d, &l->at[i])))
            taken[partner[i] - r->at] = true;
    for (size_t i = 0; i < l->n; i++) {
        struct it_table *same = partner[i] ? NULL : it_table_find(&d->right, l->at[i].schema, l->at[i].name);
        if (!same || taken[same - r->at])
            continue;
        partner[i] = same;
        taken[same - r->at] = true;
    }
    for (size_t i = 0; i < l->n; i++)
        pair_left(d, &l->at[i], partner[i]);
    for (size_t i = 0; i < r->n; i++)
        if (!taken[i])
            pair_added(d, &r->at[i]);
    it_scope_unused(d->cx, d->report, d->o, &d->left, &d->right);
}

/* The right column that a declared rename made of a left one; as with tables. */
static const struct it_column *renamed_column(struct it_diff *d, const struct it_pair *p, const char *name)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        struct it_change *c = &d->declared.changes.at[i];
        if (c->kind != CHANGE_RENAME_COLUMN || !it_change_names(c, p->left, name))
            continue;
        const struct it_column *right = it_column_find(p->right, c->to);
        if (!right ||
            (it_column_find(p->left, c->to) && !it_declared_find(&d->declared, CHANGE_RENAME_COLUMN, p->left, c->to) &&
             !it_declared_find(&d->declared, CHANGE_DROP_COLUMN, p->left, c->to)))
            continue;
        c->happened = true;
        return right;
    }
    return NULL;
}

/* p->partner: for each left column its right one, NULL: it is gone. p->known: which right columns are some left one's. */
static void pair_columns(struct it_diff *d, struct it_pair *p)
{
    const struct it_column_list *l = &p->left->columns, *r = &p->right->columns;

    p->partner = arena_array(d->cx->arena, l->n + 1, sizeof *p->partner);
    p->known = arena_array(d->cx->arena, r->n + 1, sizeof *p->known);
    for (size_t i = 0; i < l->n; i++)
        if ((p->partner[i] = renamed_column(d, p, l->at[i].name)))
            p->known[p->partner[i] - r->at] = true;
    for (size_t i = 0; i < l->n; i++) {
        const struct it_column *same = p->partner[i] ? NULL : it_column_find(p->right, l->at[i].name);
        if (!same || p->known[same - r->at])
            continue;
        p->partner[i] = same;
        p->known[same - r->at] = true;
    }
}

static const struct it_column *counterpart(const struct it_pair *p, const struct it_column *left)
{
    return p->partner[left - p->left->columns.at];
}

static void leave_column(struct it_diff *d, struct it_pair *p, const char *name, const char *why)
{
    *VEC_PUSH(d->cx->arena, &p->uncompared) = arena_printf(d->cx->arena, "%s (%s)", name, why);
}

/* Types differ: is it declared, and can values be compared all the same? */
static bool type_changed(struct it_diff *d, struct it_pair *p, const struct it_column *l, const struct it_column *r)
{
    struct arena *a = d->cx->arena;
    struct it_change *change = it_declared_find(&d->declared, CHANGE_COLUMN, p->left, l->name);

    if (text_equal(l->type, r->type))
        return change != NULL;
    if (change)
        change->happened = true;
    else
        undeclared(
            d, "column-type-changed", p->left->object,
            arena_printf(a, "column %s of %s was %s and is %s", l->name, p->left->object, l->type, r->type),
            arena_printf(a, "change column %s.%s", it_declared_name(a, p->left->name), it_declared_name(a, l->name)));
    return change != NULL;
}

static enum it_family family_for(struct it_diff *d, const struct it_column *l, const struct it_column *r)
{
    if (d->stored) /* equal values are written with unequal scales */
        return l->family == r->family && (l->family != FAM_NUMERIC || l->typmod == r->typmod) ? l->family : FAM_NONE;
    return d->left.live ? it_family_common(l, r, d->o->strictness) : it_family_certified(l, r);
}

static void add_column(struct it_diff *d, struct it_pair *p, const struct it_column *l, const struct it_column *r,
                       enum it_family f, size_t left_digest, bool expected)
{
    struct arena *a = d->cx->arena;
    struct it_column *lc = VEC_PUSH(a, &p->left_pass.columns), *rc = VEC_PUSH(a, &p->right_pass.columns);

    *lc = *l;
    *rc = *r;
    lc->family = f;
    it_family_adapt(rc, l, f);
    lc->portable = rc->portable = it_portable(d->left.portable, f);
    *VEC_PUSH(a, &p->columns) = l->name;
    p->expected[p->columns.n - 1] = expected;
    p->left_digest[p->n_left_digest++] = d->left.live ? p->columns.n - 1 : left_digest;
}

static bool add_key(struct it_diff *d, struct it_pair *p, const char *name)
{
    struct arena *a = d->cx->arena;
    const struct it_column *l = it_column_find(p->left, name), *r = counterpart(p, l);

    if (!r) {
        undeclared(
            d, "column-missing", p->left->object, arena_printf(a, "key column %s of %s is gone", name, p->left->object),
            arena_printf(a, "rename column %s.%s=NEW", it_declared_name(a, p->left->name), it_declared_name(a, name)));
        return false;
    }
    type_changed(d, p, l, r);
    const struct it_change *change = it_declared_find(&d->declared, CHANGE_COLUMN, p->left, name);
    bool other = change && change->expr && !it_expression_is_column(d->cx, change->expr, name);
    enum it_family f = other                                 ? FAM_NONE
                       : p->left->geometry.kind == KEY_RANGE ? (it_family_accepts(FAM_INT8, r) ? FAM_INT8 : FAM_NONE)
                                                             : family_for(d, l, r);
    if (f == FAM_NONE) {
        d->report->unproven = true;
        it_finding(d->cx, d->report, INTEGRITY_WARNING, "key-not-comparable", p->left->object,
                   "key column %s of %s was %s and is %s: rows cannot be matched", name, p->left->object, l->type,
                   r->type);
        return false;
    }
    struct it_column *lc = VEC_PUSH(a, &p->left_pass.keys), *rc = VEC_PUSH(a, &p->right_pass.keys);
    *lc = *l;
    *rc = *r;
    lc->family = f;
    it_family_adapt(rc, l, f);
    lc->portable = rc->portable = it_portable(d->left.portable, f);
    return true;
}

/* "change column T.C using EXPR": the old row's EXPR must equal the new value. */
static bool map_expression(struct it_diff *d, struct it_pair *p, const struct it_column *l, const struct it_column *r,
                           size_t digest, struct it_change *change)
{
    struct arena *a = d->cx->arena;
    bool own = !*r->base; /* the left may not know the type: its text is compared */

    change->happened = true;
    if (!d->left.live) {
        leave_column(d, p, l->name, arena_printf(a, "to equal %s, which a certificate cannot evaluate", change->expr));
        d->report->unproven = true;
        it_finding(d->cx, d->report, INTEGRITY_WARNING, "expression-unproven", p->left->object,
                   "column %s of %s was not compared: a certificate holds no values of which %s could be taken",
                   l->name, p->left->object, change->expr)
            ->hint = "compare with the live database ('source_db_url' without 'baseline')";
        return false;
    }
    /* An explicit cast cuts what is too long for its type, which no change of type does: the length is left out. A domain's name has its
     * schema before it, and the left may not have the domain. */
    bool cuts = text_equal(r->base, "varchar") || text_equal(r->base, "bpchar");
    const char *type = own                    ? "pg_catalog.text"
                       : cuts                 ? arena_printf(a, "pg_catalog.%s", r->base)
                       : strchr(r->type, '.') ? arena_printf(a, "pg_catalog.%s", it_declared_name(a, r->base))
                                              : r->type;
    add_column(d, p, l, r, it_family_of(r, d->o->strictness), digest, false);
    struct it_column *lc = &p->left_pass.columns.at[p->left_pass.columns.n - 1];
    lc->expr = arena_printf(a, "(%s\n)::%s", change->expr, type);
    lc->type = own ? "text" : r->type;
    lc->base = own ? "text" : r->base;
    lc->typmod = own || cuts ? -1 : r->typmod;
    p->left_pass.expressions = true;
    return true;
}

static bool textual(const struct it_column *c)
{
    return text_equal(c->base, "text") || text_equal(c->base, "varchar");
}

/* "using" the column itself, without a cast: the values are to be equal, not what a cast makes of them. */
static bool keeps_value(struct it_diff *d, const struct it_change *change, const struct it_column *l,
                        const struct it_column *r, enum it_family f)
{
    return it_expression_is_column(d->cx, change->expr, l->name) && !strstr(change->expr, "::") && f != FAM_NONE &&
           (f != FAM_TEXT || (textual(l) && textual(r)));
}

/* One column of the left that is not part of the key. False: a table without a key cannot be compared without it. */
static bool map_column(struct it_diff *d, struct it_pair *p, const struct it_column *l, size_t digest)
{
    struct arena *a = d->cx->arena;
    struct it_change *drop = it_declared_find(&d->declared, CHANGE_DROP_COLUMN, p->left, l->name);
    struct it_change *add = it_declared_find(&d->declared, CHANGE_ADD_COLUMN, p->left, l->name);
    const struct it_column *r = counterpart(p, l);

    if (!r) {
        if (drop) {
            drop->happened = true;
            leave_column(d, p, l->name, "dropped, as declared");
        } else {
            undeclared(
                d, "column-missing", p->left->object,
                arena_printf(a, "column %s of %s is gone", l->name, p->left->object),
                arena_printf(a, "drop column %s.%s", it_declared_name(a, p->left->name), it_declared_name(a, l->name)));
        }
        return false;
    }
    if (drop && add && text_equal(r->name, l->name)) {
        drop->happened = add->happened = true;
        *VEC_PUSH(a, &p->added) = r->name;
        leave_column(d, p, l->name, "dropped and added anew, as declared");
        return false;
    }
    if (it_live_column(&d->declared, p->left, l->name)) {
        leave_column(d, p, l->name, "the application writes it meanwhile");
        return false;
    }
    struct it_change *change = it_declared_find(&d->declared, CHANGE_COLUMN, p->left, l->name);
    enum it_family f = family_for(d, l, r);
    if (change && change->expr &&
        !(d->left.live ? keeps_value(d, change, l, r, f) : it_expression_is_column(d->cx, change->expr, l->name)))
        return map_expression(d, p, l, r, digest, change);
    bool expected = type_changed(d, p, l, r);
    if (expected && change &&
        change->expr) /* a cast: what is written alike is equal, what is not may be all the same */
        expected = f == FAM_TEXT && !(textual(l) && textual(r));
    if (f == FAM_NONE) {
        leave_column(d, p, l->name,
                     arena_printf(a, "was %s, is %s: their values have no common digest", l->type, r->type));
        d->report->unproven = d->report->unproven || !expected;
        return false;
    }
    if (expected && change && p->left->geometry.kind == KEY_NONE && d->left.live) {
        change->happened = true; /* it may have: nobody can tell */
        leave_column(d, p, l->name,
                     "its values may change, as declared; without a key they are no part of the row then");
        return false;
    }
    p->any_expected = p->any_expected || expected;
    add_column(d, p, l, r, f, digest, expected);
    return true;
}

/* SHA-256 over whole rows needs whole rows: every column there, of the type it had. */
static bool strong_possible(const struct it_diff *d, const struct it_pair *p, size_t n_left)
{
    const struct it_column_list *l = &p->left_pass.columns, *r = &p->right_pass.columns;
    bool same = p->left->strong && p->columns.n == n_left && l->n == n_left && r->n == n_left;
    for (size_t i = 0; same && l->at && r->at && i < n_left; i++)
        same = text_equal(l->at[i].base, r->at[i].base) && !p->expected[i];
    for (size_t i = 0; same && i < p->left_pass.keys.n; i++)
        same = text_equal(p->left_pass.keys.at[i].base, p->right_pass.keys.at[i].base);
    return same && (d->left.live || p->left->strong);
}

static void find_added(struct it_diff *d, struct it_pair *p)
{
    struct arena *a = d->cx->arena;

    for (size_t i = 0; i < p->right->columns.n; i++) {
        const struct it_column *r = &p->right->columns.at[i];
        if (p->known[i])
            continue;
        struct it_change *add = it_declared_find(&d->declared, CHANGE_ADD_COLUMN, p->left, r->name);
        if (add) {
            add->happened = true;
            *VEC_PUSH(a, &p->added) = r->name;
        } else {
            undeclared(
                d, "column-added", p->left->object, arena_printf(a, "column %s of %s is new", r->name, p->left->object),
                arena_printf(a, "add column %s.%s", it_declared_name(a, p->left->name), it_declared_name(a, r->name)));
        }
    }
}

/* The predicates of "change rows T where …", or NULL. */
static const char *rows_declared(const struct it_diff *d, const struct it_table *left)
{
    struct str all = str_new(d->cx->arena);
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        const struct it_change *c = &d->declared.changes.at[i];
        if (c->kind == CHANGE_ROWS && it_change_names(c, left, NULL))
            str_addf(&all, "%scoalesce((%s\n), false)", all.len ? " OR " : "", c->expr);
    }
    return all.len ? all.s : NULL;
}

void it_pair_columns(struct it_diff *d, struct it_pair *p)
{
    struct arena *a = d->cx->arena;
    struct it_table *l = p->left;
    size_t n = l->columns.n;
    bool complete = true;

    p->live = it_live_table(&d->declared, l);
    p->left_digest = arena_array(a, n + 2, sizeof *p->left_digest);
    p->expected = arena_array(a, n + 2, 1);
    p->differs = arena_array(a, n + 2, 1);
    p->left_pass = (struct it_pass){.cx = d->cx, .side = &d->left, .table = l, .geometry = &l->geometry};
    p->right_pass =
        (struct it_pass){.cx = d->cx, .side = &d->right, .table = p->right, .geometry = &l->geometry, .xids = d->xids};
    p->line = (struct integrity_table){
        .object = l->object, .rows_left = l->rows, .rows_right = -1, .note = "", .status = "not compared"};
    p->line.key = l->key.n ? it_join(a, &l->key, ", ") : "none: rows as a multiset";
    p->comparable = true;
    pair_columns(d, p);
    p->without = rows_declared(d, l);
    if (d->left.live) /* a certificate's digests hold those rows too */
        p->left_pass.without = p->right_pass.without = p->without;

    if (d->left.live) { /* a certificate lists what it digested; a live table everything that is not its key */
        for (size_t c = 0; c < n; c++) {
            bool key = false;
            for (size_t k = 0; k < l->key.n; k++)
                key = key || text_equal(l->key.at[k], l->columns.at[c].name);
            if (!key)
                *VEC_PUSH(a, &l->digested) = l->columns.at[c].name;
        }
    }
    for (size_t k = 0; k < l->key.n; k++)
        p->comparable = add_key(d, p, l->key.at[k]) && p->comparable;
    for (size_t c = 0; c < l->digested.n; c++)
        complete = map_column(d, p, it_column_find(l, l->digested.at[c]), c) && complete;
    find_added(d, p);
    p->left_pass.strong = p->right_pass.strong = strong_possible(d, p, l->digested.n);
    if (p->right_pass.strong) {
        size_t first = d->left.live ? p->columns.n : l->digested.n;
        if (l->geometry.kind == KEY_NONE) /* a multiset has no digests per column */
            first = p->n_left_digest = 0;
        p->left_digest[p->n_left_digest++] = first;
        p->left_digest[p->n_left_digest++] = first + 1;
    }
    if (l->geometry.kind == KEY_NONE && !complete && !d->left.live) {
        p->comparable = false;
        d->report->unproven = true;
        it_finding(
            d->cx, d->report, INTEGRITY_WARNING, "multiset-not-comparable", l->object,
            "%s has no key, so the certificate holds whole rows only, and some of its columns cannot be compared any more",
            l->object)
            ->hint = "compare with the live database ('source_db_url'), or give the table a primary key";
    }
}

/* The same declaration given twice has happened when one of them has. */
static bool happened(const struct it_declared *declared, const struct it_change *c)
{
    for (size_t i = 0; i < declared->changes.n; i++) {
        const struct it_change *o = &declared->changes.at[i];
        if (o->happened && o->kind == c->kind && text_equal(o->verb, c->verb) && text_equal(o->what, c->what) &&
            text_equal(o->table, c->table) && text_equal(o->column, c->column) &&
            text_equal(o->to ? o->to : "", c->to ? c->to : "") &&
            text_equal(o->expr ? o->expr : "", c->expr ? c->expr : "") &&
            (!*o->schema || !*c->schema || text_equal(o->schema, c->schema)))
            return true;
    }
    return false;
}

void it_declared_unused(struct it_diff *d)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        const struct it_change *c = &d->declared.changes.at[i];
        if (!happened(&d->declared, c))
            it_finding(d->cx, d->report, c->derived ? INTEGRITY_NOTE : INTEGRITY_WARNING, "declared-change-missing",
                       c->table, "declared%s, but it did not happen: %s", c->derived ? " by the changelog" : "",
                       c->text)
                ->hint = "was the change deployed here, and is the name right?";
    }
    for (size_t i = 0; i < d->declared.live.n; i++) {
        const struct it_live *l = &d->declared.live.at[i];
        bool matched = l->matched;
        for (size_t k = 0; k < d->declared.live.n; k++) /* "a.b" was tried as table.column and as schema.table */
            matched = matched || (d->declared.live.at[k].text == l->text && d->declared.live.at[k].matched);
        if (!matched && (i + 1 == d->declared.live.n || d->declared.live.at[i + 1].text != l->text))
            it_finding(d->cx, d->report, INTEGRITY_WARNING, "live-write-unknown", NULL,
                       "'live_writes' names nothing that is compared: %s", l->text);
    }
}

bool it_added_columns(struct it_diff *d)
{
    struct ctx *cx = d->cx;
    struct pg *pg = pg_pool_first(d->right.pool);

    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct it_pair *p = &d->pairs.at[i];
        if (!p->added.n || p->right->skip)
            continue;
        struct str sql = str_new(cx->arena);
        str_add(&sql, "SELECT count(*)");
        for (size_t c = 0; c < p->added.n; c++)
            str_addf(&sql, ", count(%s)", pg_ident(cx, pg, p->added.at[c]));
        str_addf(&sql, " FROM %s t", it_rows_of(cx, pg, p->right, &p->added));
        PG_ROWS_AUTO rows = {.n = 0};
        if (!pg_query(cx, pg, &rows, sql.s, 0, NULL))
            return false;
        for (size_t c = 0; c < p->added.n; c++)
            it_proof(cx, d->report, "%s.%s was added, as declared: %lld of %lld rows have a value, %lld are NULL",
                     p->right->object, p->added.at[c], pg_int(&rows, 0, (int)c + 1), pg_int(&rows, 0, 0),
                     pg_int(&rows, 0, 0) - pg_int(&rows, 0, (int)c + 1));
    }
    return true;
}
