/* guards_numbers.c - sequences, which must not go back nor stand behind their column; what was counted where nothing vouches for the rows; and
 * materialized views that are not compared. */
#include <string.h>

#include "guards.h"

/* ---- sequences ---- */

/* "schema.name", as a declaration must write it. */
static const char *quoted(const struct it_diff *d, const char *object)
{
    struct arena *a = d->cx->arena;
    size_t schema = strcspn(object, ".");
    return arena_printf(a, "%s.%s", it_declared_name(a, arena_strndup(a, object, schema)),
                        it_declared_name(a, object + schema + (object[schema] == '.')));
}

static struct it_change *declared_name(struct it_diff *d, const char *verb, const char *what, const char *object)
{
    for (size_t i = 0; i < d->declared.changes.n; i++) {
        struct it_change *c = &d->declared.changes.at[i];
        const char *dot = strchr(object, '.');
        if (c->kind != CHANGE_GUARD || !text_equal(c->verb, verb) || !text_equal(c->what, what) || !dot)
            continue;
        const char *full = arena_printf(d->cx->arena, "%s.%s", c->schema, c->table);
        if (!text_equal(full, object) && (*c->schema || !text_equal(c->table, dot + 1)))
            continue;
        c->happened = true;
        return c;
    }
    return NULL;
}

/* Did its table go, or some column of it, as declared? Or is its table none of our business? */
static bool went_along(const struct it_guards *g, const struct it_object *l)
{
    const struct it_diff *d = g->d;
    bool any = !*l->table;

    for (size_t i = 0; i < d->left.tables.n; i++) {
        const struct it_table *t = &d->left.tables.at[i];
        if (!text_equal(t->object, l->table))
            continue;
        any = it_guard_pair(g, t->object, true) != NULL;
        for (size_t c = 0; c < d->declared.changes.n; c++)
            if ((d->declared.changes.at[c].kind == CHANGE_DROP_TABLE ||
                 d->declared.changes.at[c].kind == CHANGE_DROP_COLUMN) &&
                it_change_names(&d->declared.changes.at[c], t, NULL))
                return true;
    }
    return !any;
}

static bool readable(const struct it_object *o)
{
    return o->has_value && !text_equal(o->state, "unreadable");
}

static bool moved_back(const struct it_object *l, const struct it_object *r)
{
    bool up = it_increment(l) > 0;

    if (strstr(l->definition, "cycle") || strstr(r->definition, "cycle"))
        return false; /* it may begin anew */
    if ((it_increment(r) > 0) != up)
        return false;
    return up ? r->value < l->value : r->value > l->value;
}

static const char *taken(const struct it_object *r)
{
    return r->detail ? r->detail : "its column was there when the certificate was taken";
}

static void compare_sequence(struct it_guards *g, const struct it_object *l, const struct it_object *r)
{
    struct it_diff *d = g->d;
    struct ctx *cx = d->cx;

    if (!r) {
        if (!declared_name(d, "drop", "sequence", l->name) && !went_along(g, l))
            it_finding(cx, d->report, INTEGRITY_ERROR, "sequence-missing", l->name,
                       "sequence %s is gone, which was not declared", l->name)
                ->hint =
                arena_printf(cx->arena, "if the change means it, declare it in 'expected_changes': drop sequence %s",
                             quoted(d, l->name));
        return;
    }
    if (went_along(g, l))
        return;
    if (!readable(r)) {
        it_uncovered(cx, d->report, "sequence %s may not be read by this role", l->name);
        if (!readable(l))
            return;
        d->report->unproven = true;
        it_finding(cx, d->report, INTEGRITY_WARNING, "sequence-unreadable", l->name,
                   "sequence %s cannot be read, and could be when the %s was taken", l->name, d->left.role)
            ->hint = "grant SELECT on it";
        return;
    }
    bool declared_changed = false;
    if (*l->definition && !text_equal(l->definition, r->definition)) {
        declared_changed = declared_name(d, "change", "sequence", l->name) != NULL;
        if (!declared_changed)
            it_finding(cx, d->report, INTEGRITY_NOTE, "sequence-changed", l->name, "sequence %s had %s and has %s",
                       l->name, l->definition, r->definition)
                ->hint =
                arena_printf(cx->arena, "if the change means it, declare it in 'expected_changes': change sequence %s",
                             quoted(d, l->name));
    }
    bool back = readable(l) && moved_back(l, r), behind = text_equal(r->state, "behind");
    if (back && !declared_changed && !declared_name(d, "change", "sequence", l->name))
        it_finding(cx, d->report, INTEGRITY_ERROR, "sequence-backwards", l->name,
                   "sequence %s stood at %lld and stands at %lld: it will give numbers a second time%s%s", l->name,
                   l->value, r->value, behind ? "; " : "", behind ? taken(r) : "")
            ->hint = "set it with setval() above every number that was given";
    else if (behind)
        it_finding(cx, d->report, text_equal(l->state, "behind") ? INTEGRITY_WARNING : INTEGRITY_ERROR,
                   "sequence-behind", l->name, "sequence %s will give %lld next, which is taken: %s%s", l->name,
                   it_next(r), taken(r), text_equal(l->state, "behind") ? "; it was so before" : "")
            ->hint = "set it with setval() to the column's highest value";
}

void it_guard_sequences(struct it_guards *g)
{
    struct it_diff *d = g->d;

    for (size_t i = 0; i < d->left.objects.n; i++)
        if (text_equal(d->left.objects.at[i].kind, "sequence"))
            compare_sequence(g, &d->left.objects.at[i], it_guard_find_sequence(&g->right, d->left.objects.at[i].name));
    for (size_t i = 0; i < d->right.objects.n; i++) {
        const struct it_object *r = &d->right.objects.at[i];
        if (!text_equal(r->kind, "sequence") || it_guard_find_sequence(&g->left, r->name))
            continue;
        bool added = declared_name(d, "add", "sequence", r->name) != NULL;
        if (text_equal(r->state, "behind") && (!*r->table || it_guard_pair(g, r->table, false)))
            it_finding(d->cx, d->report, INTEGRITY_ERROR, "sequence-behind", r->name,
                       "sequence %s will give %lld next, which is taken: %s", r->name, it_next(r), taken(r))
                ->hint = "set it with setval() to the column's highest value";
        if (!added && !*r->table)
            it_finding(d->cx, d->report, INTEGRITY_NOTE, "sequence-added", r->name,
                       "sequence %s is new, which was not declared", r->name)
                ->hint =
                arena_printf(d->cx->arena, "if the change means it, declare it in 'expected_changes': add sequence %s",
                             quoted(d, r->name));
    }
}

/* ---- what was counted ---- */

static const struct {
    const char *kind, *guard, *code, *one, *many, *tail;
} counted[] = {
    {"orphans", "constraint", "foreign-key-orphans", "has", "have", "no parent by foreign key"},
    {"duplicates", "index", "index-duplicates", "is there", "are there", "more than once, against unique index"},
    {"violations", "constraint", "constraint-violated", "is", "are", "against constraint"},
};

static void compare_count(struct it_guards *g, size_t c, const struct it_pair *p, const struct it_object *r)
{
    struct it_diff *d = g->d;
    struct ctx *cx = d->cx;
    const struct it_object *l = it_guard_find(&g->left, r->kind, p->left->object, r->name),
                           *guard = it_guard_find(&g->left, counted[c].guard, p->left->object, r->name);
    bool vouched = guard && !*guard->state && d->left.objects_complete, worse = l ? r->value > l->value : vouched;
    const char *things = text_plural(cx->arena, r->value, c == 1 ? "key" : "row"),
               *text = arena_printf(cx->arena, "%s of %s %s %s %s", things, p->right->object,
                                    r->value == 1 ? counted[c].one : counted[c].many, counted[c].tail, r->name),
               *before = l         ? arena_printf(cx->arena, "%lld before", l->value)
                         : vouched ? "none before"
                                   : "how many before is not known";

    if (!r->value)
        it_proof(cx, d->report, "%s", text);
    else
        it_finding(cx, d->report, worse ? INTEGRITY_ERROR : INTEGRITY_WARNING, counted[c].code, p->left->object,
                   "%s; %s", text, before);
}

void it_guard_counts(struct it_guards *g)
{
    for (size_t i = 0; i < g->d->right.objects.n; i++)
        for (size_t c = 0; c < COUNT(counted); c++) {
            const struct it_object *r = &g->d->right.objects.at[i];
            const struct it_pair *p = text_equal(r->kind, counted[c].kind) ? it_guard_pair(g, r->table, false) : NULL;
            if (p)
                compare_count(g, c, p, r);
        }
}

/* ---- views ---- */

/* Views that are not compared; those that are have their line among the tables. */
void it_guard_views(struct it_guards *g)
{
    struct it_diff *d = g->d;
    struct ctx *cx = d->cx;

    for (size_t i = 0; i < d->left.tables.n; i++) {
        const struct it_table *t = &d->left.tables.at[i];
        const struct it_object *l = it_guard_find(&g->left, "view", t->object, ""),
                               *r = it_guard_find(&g->right, "view", t->object, "");
        struct it_table plain = {.schema = t->schema, .name = t->name};
        it_scope(&plain, d->o);
        if (!l || plain.skip)
            continue;
        if (!r) {
            if (!declared_name(d, "drop", "materialized view", t->object) &&
                !it_declared_find(&d->declared, CHANGE_DROP_TABLE, t, NULL) && t->skip)
                it_finding(cx, d->report, INTEGRITY_WARNING, "view-missing", t->object,
                           "materialized view %s is gone, which was not declared", t->object)
                    ->hint = arena_printf(
                    cx->arena, "if the change means it, declare it in 'expected_changes': drop materialized view %s",
                    quoted(d, t->object));
        } else if (*r->state && !*l->state && !d->o->materialized_views &&
                   !declared_name(d, "change", "materialized view", t->object)) {
            it_finding(cx, d->report, INTEGRITY_WARNING, "view-not-populated", t->object,
                       "materialized view %s is not populated any more: reading it is an error", t->object)
                ->hint = "REFRESH MATERIALIZED VIEW";
        }
    }
    for (size_t i = 0; d->left.objects_complete && i < d->right.objects.n; i++) {
        const struct it_object *r = &d->right.objects.at[i];
        if (text_equal(r->kind, "view") && !it_guard_find(&g->left, "view", r->table, ""))
            declared_name(d, "add", "materialized view", r->table);
    }
}
