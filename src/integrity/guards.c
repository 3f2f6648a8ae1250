/* guards.c - what guards the data, compared: constraints, nullability, defaults, indexes, triggers, rules, policies, sequences, and what was counted
 * where nothing vouches for the rows (objects.c).
 *
 * Definitions are compared token by token: what a declared rename put in another's place is the same. A guard that went with a column
 * or table that is declared to go, or came with one that is declared to come, needs no declaration of its own. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "guards.h"

static const struct guard_kind {
    const char *name, *what; /* as an object's kind, and as a declaration says it */
    const char *label;
    enum integrity_severity missing, changed, added;
} guard_kinds[] = {
    {"constraint", "constraint", "constraint", INTEGRITY_ERROR, INTEGRITY_ERROR, INTEGRITY_NOTE},
    {"index", "index", "index", INTEGRITY_NOTE, INTEGRITY_NOTE, INTEGRITY_NOTE}, /* unique ones: errors */
    {"trigger", "trigger", "trigger", INTEGRITY_WARNING, INTEGRITY_WARNING, INTEGRITY_NOTE},
    {"rule", "rule", "rule", INTEGRITY_WARNING, INTEGRITY_WARNING, INTEGRITY_WARNING},
    {"policy", "policy", "policy", INTEGRITY_WARNING, INTEGRITY_WARNING, INTEGRITY_WARNING},
    {"default", "default", "default of column", INTEGRITY_WARNING, INTEGRITY_WARNING, INTEGRITY_NOTE},
    {"row-security", "row security", "row-level security", INTEGRITY_WARNING, INTEGRITY_WARNING, INTEGRITY_WARNING},
};

/* ---- finding things: there may be tens of thousands ---- */

static int order(const struct it_object *x, const char *kind, const char *table, const char *name)
{
    int c = strcmp(x->kind, kind);
    c = c ? c : strcmp(x->name, name);
    return c ? c : strcmp(x->table, table);
}

static int by_name(const void *a, const void *b)
{
    const struct it_object *y = *(const struct it_object *const *)b;
    return order(*(const struct it_object *const *)a, y->kind, y->table, y->name);
}

static struct it_guard_index index_of(struct ctx *cx, const struct it_side *side)
{
    struct it_guard_index x = {.n = side->objects.n, .at = arena_array(cx->arena, side->objects.n + 1, sizeof *x.at)};
    for (size_t i = 0; i < x.n; i++)
        x.at[i] = &side->objects.at[i];
    qsort(x.at, x.n, sizeof *x.at, by_name);
    return x;
}

static size_t lower_bound(const struct it_guard_index *x, const char *kind, const char *table, const char *name)
{
    size_t lo = 0, hi = x->n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (order(x->at[middle], kind, table, name) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

const struct it_object *it_guard_find(const struct it_guard_index *x, const char *kind, const char *table,
                                      const char *name)
{
    size_t at = lower_bound(x, kind, table, name);
    return at < x->n && !order(x->at[at], kind, table, name) ? x->at[at] : NULL;
}

const struct it_object *it_guard_find_sequence(const struct it_guard_index *x, const char *name)
{
    size_t at = lower_bound(x, "sequence", "", name);
    return at < x->n && text_equal(x->at[at]->kind, "sequence") && text_equal(x->at[at]->name, name) ? x->at[at] : NULL;
}

static int by_left(const void *a, const void *b)
{
    return strcmp((*(const struct it_pair *const *)a)->left->object, (*(const struct it_pair *const *)b)->left->object);
}

static int by_right(const void *a, const void *b)
{
    return strcmp((*(const struct it_pair *const *)a)->right->object,
                  (*(const struct it_pair *const *)b)->right->object);
}

const struct it_pair *it_guard_pair(const struct it_guards *g, const char *object, bool left)
{
    struct it_table table = {.object = object};
    struct it_pair key = {.left = &table, .right = &table};
    const struct it_pair *k = &key, *const * found;

    found = bsearch(&k, left ? g->by_left : g->by_right, g->n_pairs, sizeof *g->by_left, left ? by_left : by_right);
    return found ? *found : NULL;
}

/* ---- definitions ---- */

struct token {
    const char *s;
    size_t n;
    bool name; /* an identifier, without its quotes */
};

static bool next_token(const char **from, struct token *t)
{
    const char *s = *from;

    while (isspace((unsigned char)*s))
        s++;
    *t = (struct token){.s = s};
    if (!*s)
        return false;
    if (*s == '"' || *s == '\'') {
        const char *end = s + 1;
        while (*end && (*end != *s || end[1] == *s))
            end += *end == *s ? 2 : 1;
        t->name = *s == '"';
        t->s = s + t->name;
        t->n = (size_t)(end - t->s) + (!t->name && *end ? 1 : 0);
        *from = end + (*end != 0);
        return true;
    }
    const char *end = s + 1;
    if (isalpha((unsigned char)*s) || *s == '_' || (unsigned char)*s >= 128) {
        t->name = true;
        while (isalnum((unsigned char)*end) || *end == '_' || *end == '$' || (unsigned char)*end >= 128)
            end++;
    }
    t->n = (size_t)(end - s);
    *from = end;
    return true;
}

static bool is(const struct token *t, const char *word)
{
    return strlen(word) == t->n && memcmp(word, t->s, t->n) == 0;
}

static bool mentions(const char *definition, const char *name)
{
    struct token t;
    while (next_token(&definition, &t))
        if (t.name && is(&t, name))
            return true;
    return false;
}

static bool renamed_to(const struct it_diff *d, const struct token *from, const struct token *to)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        const struct it_change *c = &d->declared.changes.at[i];
        if (c->kind == CHANGE_RENAME_COLUMN && is(from, c->column) && is(to, c->to))
            return true;
        if (c->kind == CHANGE_RENAME_TABLE &&
            ((is(from, c->table) && is(to, c->to)) || (*c->to_schema && is(to, c->to_schema))))
            return true;
    }
    return false;
}

/* A certificate of an older version has NOT VALID as a part of the definition. */
static bool at_end(const char *s)
{
    struct token t;
    const char *rest = s;
    return !next_token(&rest, &t) || text_equal(s, " NOT VALID");
}

static bool same_definition(const struct it_diff *d, const char *l, const char *r)
{
    struct token a, b;
    while (!at_end(l) && !at_end(r)) {
        next_token(&l, &a);
        next_token(&r, &b);
        bool same = a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
        if (!same && !(a.name && b.name && renamed_to(d, &a, &b)))
            return false;
    }
    return at_end(l) && at_end(r);
}

static size_t times(const char *definition, const struct token *word)
{
    struct token t;
    size_t n = 0;
    while (next_token(&definition, &t))
        n += t.n == word->n && memcmp(t.s, word->s, t.n) == 0;
    return n;
}

/* A key whose columns stand in another order guards the same. */
static bool same_key(const char *l, const char *r)
{
    bool key = (text_starts(l, "PRIMARY KEY") && text_starts(r, "PRIMARY KEY")) ||
               (text_starts(l, "UNIQUE") && text_starts(r, "UNIQUE"));
    struct token t;

    if (!key || strlen(l) != strlen(r) || mentions(l, "INCLUDE") || mentions(r, "INCLUDE"))
        return false;
    for (const char *s = l; next_token(&s, &t);)
        if (times(l, &t) != times(r, &t))
            return false;
    return true;
}

/* Is there a declared change of that kind whose column, of this table or of another that is named, the definition speaks of? A default's
 * definition does not name its own column. */
static bool speaks_of(const struct it_diff *d, enum it_change_kind kind, const struct it_table *t,
                      const struct it_object *o)
{
    bool of_column = text_equal(o->kind, "default");

    for (size_t i = 0; i < d->declared.changes.n; i++) {
        const struct it_change *c = &d->declared.changes.at[i];
        if (c->kind != kind)
            continue;
        bool here = it_change_names(c, t, NULL), there = mentions(o->definition, c->table);
        if (*c->column ? (of_column && here && text_equal(c->column, o->name)) ||
                             (!of_column && (here || there) && mentions(o->definition, c->column))
                       : there)
            return true;
    }
    return false;
}

/* ---- one guard ---- */

static enum integrity_severity severity(const struct it_object *o, enum integrity_severity usual)
{
    return text_starts(o->definition, "CREATE UNIQUE INDEX") ? INTEGRITY_ERROR : usual;
}

static const char *shown(struct ctx *cx, const struct it_object *o)
{
    return arena_printf(cx->arena, "%.400s%s%s", o->definition, *o->definition && *o->state ? ", " : "", o->state);
}

static const char *subject(struct ctx *cx, const struct guard_kind *k, const struct it_object *o)
{
    return *o->name ? arena_printf(cx->arena, "%s %s of %s", k->label, o->name, o->table)
                    : arena_printf(cx->arena, "%s of %s", k->label, o->table);
}

static void undeclared(struct it_diff *d, enum integrity_severity s, const char *code, const struct it_pair *p,
                       const char *declaration, const char *message)
{
    it_finding(d->cx, d->report, s, code, p->left->object, "%s, which was not declared", message)->hint =
        arena_printf(d->cx->arena, "if the change means it, declare it in 'expected_changes': %s", declaration);
}

static const char *declaration(struct it_diff *d, const char *verb, const struct guard_kind *k, const struct it_pair *p,
                               const char *name)
{
    if (text_equal(k->name, "row-security"))
        return arena_printf(d->cx->arena, "change row security %s", it_declared_name(d->cx->arena, p->left->name));
    return arena_printf(d->cx->arena, "%s %s %s.%s", verb, k->what, it_declared_name(d->cx->arena, p->left->name),
                        it_declared_name(d->cx->arena, name));
}

/* Is it declared? Then it has happened. */
static bool declared_as(struct it_diff *d, const char *verb, const char *what, const struct it_table *t,
                        const char *name)
{
    struct it_change *c = it_declared_guard(&d->declared, verb, what, t, name);
    if (c)
        c->happened = true;
    return c;
}

static bool declared(struct it_diff *d, const char *verb, const struct guard_kind *k, const struct it_pair *p,
                     const char *name)
{
    const struct it_table *t = p->left;

    if (text_equal(k->name, "row-security"))
        return declared_as(d, "change", k->what, t, NULL);
    if (declared_as(d, verb, k->what, t, name))
        return true;
    if (text_equal(k->name, "default") && declared_as(d, "change", k->what, t, name))
        return true; /* from none, and to none, are changes as well */
    /* One that has changed went, and another came. */
    return text_equal(verb, "change") && it_declared_guard(&d->declared, "add", k->what, t, name) &&
           declared_as(d, "drop", k->what, t, name) && declared_as(d, "add", k->what, t, name);
}

static const char *code(struct ctx *cx, const struct guard_kind *k, const char *what)
{
    return arena_printf(cx->arena, "%s-%s", k->name, what);
}

static void missing(struct it_diff *d, const struct guard_kind *k, const struct it_pair *p, const struct it_object *l)
{
    if (declared(d, "drop", k, p, l->name) || speaks_of(d, CHANGE_DROP_COLUMN, p->left, l) ||
        speaks_of(d, CHANGE_DROP_TABLE, p->left, l))
        return;
    bool rls = text_equal(k->name, "row-security");
    undeclared(d, severity(l, k->missing), code(d->cx, k, rls ? "disabled" : "missing"), p,
               declaration(d, "drop", k, p, l->name),
               arena_printf(d->cx->arena, "%s is %s%s", subject(d->cx, k, l),
                            rls ? "off" : "gone: ", rls ? "" : shown(d->cx, l)));
}

static void added(struct it_diff *d, const struct guard_kind *k, const struct it_pair *p, const struct it_object *r)
{
    bool invalid = text_equal(r->state, "invalid"), rls = text_equal(k->name, "row-security"),
         disabled = text_equal(k->name, "trigger") && *r->state && !text_equal(r->state, "always");

    if (invalid || disabled)
        it_finding(d->cx, d->report, INTEGRITY_WARNING, invalid ? "index-invalid" : "trigger-disabled", p->left->object,
                   "%s is %s, and was not before", subject(d->cx, k, r), r->state)
            ->hint = invalid ? "drop it, or REINDEX it" : "enable it, or drop it";
    if (declared(d, "add", k, p, r->name) || invalid || disabled || speaks_of(d, CHANGE_ADD_COLUMN, p->left, r) ||
        speaks_of(d, CHANGE_ADD_TABLE, p->left, r))
        return;
    undeclared(d, severity(r, k->added) == INTEGRITY_ERROR ? INTEGRITY_NOTE : k->added,
               code(d->cx, k, rls ? "enabled" : "added"), p, declaration(d, "add", k, p, r->name),
               arena_printf(d->cx->arena, "%s is new%s%s", subject(d->cx, k, r), rls ? "" : ": ", shown(d->cx, r)));
}

static bool has(const char *states, const char *state)
{
    return strstr(states, state) != NULL;
}

/* Is it off now, and was not? */
static void state_changed(struct it_diff *d, const struct guard_kind *k, const struct it_pair *p,
                          const struct it_object *l, const struct it_object *r)
{
    struct ctx *cx = d->cx;
    const char *what = NULL, *text = NULL;
    enum integrity_severity s = INTEGRITY_WARNING;

    if (text_equal(k->name, "constraint")) {
        if (has(r->state, "not valid") && !has(l->state, "not valid"))
            what = "not-valid", text = "is not validated any more: rows may be against it";
        if (has(r->state, "disabled") && !has(l->state, "disabled"))
            what = "disabled", text = "is not enforced: its triggers are disabled", s = INTEGRITY_ERROR;
    } else if (text_equal(k->name, "index")) {
        if (*r->state && !*l->state)
            what = "invalid", text = "is invalid, and was not before";
    } else if (text_equal(r->state, "disabled") || text_equal(r->state, "replica only")) {
        what = "disabled";
        text = arena_printf(cx->arena, "is %s, and was %s before", r->state, *l->state ? l->state : "enabled");
    } else {
        what = "changed";
        s = INTEGRITY_NOTE;
        text = arena_printf(cx->arena, "was %s and is %s", *l->state ? l->state : "enabled",
                            *r->state ? r->state : "enabled");
    }
    if (!what || declared(d, "change", k, p, l->name))
        return;
    undeclared(d, s, code(cx, k, what), p, declaration(d, "change", k, p, l->name),
               arena_printf(cx->arena, "%s %s", subject(cx, k, r), text));
}

static void compare(struct it_guards *g, const struct guard_kind *k, const struct it_pair *p, const struct it_object *l,
                    const struct it_object *r)
{
    struct it_diff *d = g->d;
    bool definition_is_state = text_equal(k->name, "default") || text_equal(k->name, "row-security"),
         same = same_definition(d, l->definition, r->definition) &&
                (!definition_is_state || text_equal(l->state, r->state));

    if (!same && !g->one_version && !text_equal(k->name, "row-security"))
        g->unlike = same = true;
    if (!same && !declared(d, "change", k, p, l->name) && !speaks_of(d, CHANGE_COLUMN, p->left, l) &&
        !speaks_of(d, CHANGE_DROP_COLUMN, p->left, l))
        undeclared(
            d, same_key(l->definition, r->definition) ? INTEGRITY_NOTE : severity(l, severity(r, k->changed)),
            code(d->cx, k, "changed"), p, declaration(d, "change", k, p, l->name),
            arena_printf(d->cx->arena, "%s was %s and is %s", subject(d->cx, k, l), shown(d->cx, l), shown(d->cx, r)));
    if (!definition_is_state && !text_equal(l->state, r->state))
        state_changed(d, k, p, l, r);
}

/* The name a guard of a left table has on the right: that of a column may have changed. */
static const char *name_on_right(const struct it_pair *p, const struct it_object *l)
{
    if (!text_equal(l->kind, "default") || !p->partner)
        return l->name;
    const struct it_column *c = it_column_find(p->left, l->name), *r = c ? p->partner[c - p->left->columns.at] : NULL;
    return r ? r->name : l->name;
}

static bool known_before(const struct it_pair *p, const struct it_object *r, const struct it_guard_index *left)
{
    if (!text_equal(r->kind, "default") || !p->partner)
        return it_guard_find(left, r->kind, p->left->object, r->name) != NULL;
    for (size_t i = 0; i < p->left->columns.n; i++)
        if (p->partner[i] && text_equal(p->partner[i]->name, r->name))
            return it_guard_find(left, r->kind, p->left->object, p->left->columns.at[i].name) != NULL;
    return false;
}

static void compare_kind(struct it_guards *g, const struct guard_kind *k)
{
    struct it_diff *d = g->d;
    /* An older certificate has of all but constraints only what was off. */
    bool complete = (d->left.objects_complete && d->right.objects_complete) || text_equal(k->name, "constraint");

    for (size_t i = 0; complete && i < d->left.objects.n; i++) {
        const struct it_object *l = &d->left.objects.at[i];
        const struct it_pair *p = text_equal(l->kind, k->name) ? it_guard_pair(g, l->table, true) : NULL;
        if (!p)
            continue;
        const struct it_object *r = it_guard_find(&g->right, k->name, p->right->object, name_on_right(p, l));
        if (r)
            compare(g, k, p, l, r);
        else
            missing(d, k, p, l);
    }
    for (size_t i = 0; i < d->right.objects.n; i++) {
        const struct it_object *r = &d->right.objects.at[i];
        const struct it_pair *p = text_equal(r->kind, k->name) ? it_guard_pair(g, r->table, false) : NULL;
        if (!p || known_before(p, r, &g->left))
            continue;
        if (complete)
            added(d, k, p, r);
        else if (text_equal(r->state, "invalid") || text_equal(r->state, "disabled"))
            it_finding(d->cx, d->report, INTEGRITY_WARNING, code(d->cx, k, r->state), p->left->object,
                       "%s is %s, and was not before", subject(d->cx, k, r), r->state);
        else
            declared(d, "add", k, p, r->name);
    }
}

/* ---- nullability ---- */

static void compare_nullability(struct it_diff *d, const struct it_pair *p)
{
    for (size_t i = 0; p->partner && i < p->left->columns.n; i++) {
        const struct it_column *l = &p->left->columns.at[i], *r = p->partner[i];
        bool dropped = r && l->not_null && !r->not_null, now = r && !l->not_null && r->not_null;
        if (!dropped && !now)
            continue;
        if (declared_as(d, dropped ? "drop" : "add", "not null", p->left, l->name) ||
            (it_declared_find(&d->declared, CHANGE_DROP_COLUMN, p->left, l->name) &&
             it_declared_find(&d->declared, CHANGE_ADD_COLUMN, p->left, l->name)))
            continue;
        undeclared(
            d, dropped ? INTEGRITY_ERROR : INTEGRITY_NOTE, dropped ? "not-null-dropped" : "not-null-added", p,
            arena_printf(d->cx->arena, "%s not null %s.%s", dropped ? "drop" : "add",
                         it_declared_name(d->cx->arena, p->left->name), it_declared_name(d->cx->arena, l->name)),
            dropped ? arena_printf(d->cx->arena, "column %s of %s may be NULL now, and could not be before", l->name,
                                   p->left->object)
                    : arena_printf(d->cx->arena, "column %s of %s may not be NULL any more", l->name, p->left->object));
    }
}

void it_guards_compare(struct it_diff *d)
{
    struct it_guards g = {.d = d, .left = index_of(d->cx, &d->left), .right = index_of(d->cx, &d->right)};

    g.one_version = strtol(d->left.id.server_version, NULL, 10) == strtol(d->right.id.server_version, NULL, 10);
    g.by_left = arena_array(d->cx->arena, d->pairs.n + 1, sizeof(*g.by_left));
    g.by_right = arena_array(d->cx->arena, d->pairs.n + 1, sizeof(*g.by_right));
    for (size_t i = 0; i < d->pairs.n; i++) {
        const struct it_pair *p = &d->pairs.at[i];
        if (p->left->skip || p->right->skip || p->left->guards_unknown || p->right->guards_unknown)
            continue;
        g.by_left[g.n_pairs] = g.by_right[g.n_pairs] = p;
        g.n_pairs++;
    }
    qsort(g.by_left, g.n_pairs, sizeof *g.by_left, by_left);
    qsort(g.by_right, g.n_pairs, sizeof *g.by_right, by_right);

    for (size_t i = 0; i < d->pairs.n; i++)
        compare_nullability(d, &d->pairs.at[i]);
    if (d->left.objects_lost || d->right.objects_lost) /* a finding of its own */
        return;
    for (size_t k = 0; k < COUNT(guard_kinds); k++)
        compare_kind(&g, &guard_kinds[k]);
    it_guard_sequences(&g);
    it_guard_counts(&g);
    it_guard_views(&g);
    if (!d->left.objects_complete || !d->right.objects_complete)
        it_uncovered(
            d->cx, d->report,
            "the certificate is of an older version: of what guards the data it holds constraints and the values of sequences only");
    if (g.unlike)
        it_uncovered(d->cx, d->report,
                     "definitions of constraints, indexes and the like that PostgreSQL %s and %s write differently",
                     d->left.id.server_version, d->right.id.server_version);
}
