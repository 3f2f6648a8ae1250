/* state.c - files and history against each other: the state of each migration, and what validation says against it. The rules, and the order
 * in which they are asked, are Flyway's. */
#include <stdlib.h>
#include <string.h>

#include "flyway_internal.h"

const char *flyway_state_name(enum flyway_state s)
{
    static const char *const names[] = {"Pending",  "Above Target",    "Below Baseline", "Ignored (Baseline)",
                                        "Baseline", "Ignored",         "Missing",        "Failed (Missing)",
                                        "Success",  "Undone",          "Failed",         "Out of Order",
                                        "Future",   "Failed (Future)", "Outdated",       "Superseded",
                                        "Deleted"};
    return names[s];
}

struct context {
    struct flyway *f;
    struct arena *a;
    struct flyway_version last_resolved, last_applied, applied_baseline, pending_baseline, target; /* text NULL: none */
    bool next; /* only the next one */
};

static bool is_type(const struct flyway_row *r, const char *type)
{
    return text_equal(r->type, type);
}

static bool is_undo(const struct flyway_row *r)
{
    return text_starts(r->type, "UNDO_");
}

static bool is_baseline_row(const struct flyway_row *r)
{
    return is_type(r, "BASELINE") || text_ends(r->type, "_BASELINE") || text_ends(r->type, "_STATE_SCRIPT");
}

static bool is_synthetic(const struct flyway_row *r)
{
    return is_type(r, "SCHEMA") || is_type(r, "BASELINE") || is_type(r, "DELETE");
}

static bool newer(const struct flyway_version *a, const struct flyway_version *b)
{
    return !b->text || flyway_version_compare(a, b) > 0;
}

/* Places of scripts in the order of the files: versions, then descriptions; of one version V, B, U. */
static int place(const struct flyway_script *s, enum flyway_kind kind, const struct flyway_version *v,
                 const char *description)
{
    static const int of_kind[] = {[FLYWAY_VERSIONED] = 0,
                                  [FLYWAY_BASELINE] = 1,
                                  [FLYWAY_UNDO] = 2,
                                  [FLYWAY_REPEATABLE] = 3,
                                  [FLYWAY_CALLBACK] = 4};
    int c = (of_kind[s->kind] > 2 ? of_kind[s->kind] : 0) - (kind == FLYWAY_REPEATABLE ? 3 : 0);
    if (c || kind == FLYWAY_REPEATABLE)
        return c ? c : strcmp(s->description, description);
    c = flyway_version_compare(&s->version, v);
    return c ? c : of_kind[s->kind] - of_kind[kind];
}

static const struct flyway_script *find_script(const struct flyway_files *files, enum flyway_kind kind,
                                               const struct flyway_version *v, const char *description)
{
    size_t lo = 0, hi = files->scripts.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = place(&files->scripts.at[mid], kind, v, description);
        if (!c)
            return &files->scripts.at[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* The script that a row is of; NULL: it is not among the files. */
static const struct flyway_script *script_of(const struct flyway *f, const struct flyway_row *r)
{
    enum flyway_kind kind = !r->version.text     ? FLYWAY_REPEATABLE
                            : is_baseline_row(r) ? FLYWAY_BASELINE
                                                 : FLYWAY_VERSIONED;
    bool sql = is_type(r, "SQL") || is_type(r, "SQL_BASELINE") || is_type(r, "SQL_STATE_SCRIPT");
    return sql ? find_script(f->files, kind, &r->version, r->description) : NULL;
}

const struct flyway_script *undo_script(const struct flyway *f, const struct flyway_version *v)
{
    return find_script(f->files, FLYWAY_UNDO, v, NULL);
}

/* ---- what later rows say of earlier ones ---- */

static bool mark_earlier(struct ctx *cx, struct flyway *f, size_t at)
{
    const struct flyway_row *by = &f->rows.at[at];
    for (size_t i = at; i-- > 0;) {
        struct flyway_row *r = &f->rows.at[i];
        if (is_synthetic(r) || is_undo(r) || !r->version.text != !by->version.text)
            continue;
        if (by->version.text ? flyway_version_compare(&r->version, &by->version) != 0
                             : !text_equal(r->description, by->description))
            continue;
        if (is_undo(by)) {
            r->undone = true;
        } else if (r->deleted && r->version.text) {
            return fail(cx, E_GUARD, "the history %s deletes the version %s twice", f->table, r->version.text);
        } else {
            r->deleted = true;
        }
        return true;
    }
    return true;
}

static bool read_rows(struct ctx *cx, struct context *k)
{
    struct flyway *f = k->f;
    for (size_t i = 0; i < f->rows.n; i++) {
        struct flyway_row *r = &f->rows.at[i];
        r->deleted = r->undone = r->out_of_order = false;
        if (((is_type(r, "DELETE") || is_undo(r)) && r->success) && !mark_earlier(cx, f, i))
            return false;
        if (r->version.text && is_baseline_row(r) && newer(&r->version, &k->applied_baseline))
            k->applied_baseline = r->version;
    }
    for (size_t i = 0; i < f->rows.n; i++) {
        struct flyway_row *r = &f->rows.at[i];
        if (!r->version.text || is_type(r, "DELETE") || is_undo(r))
            continue;
        if (!newer(&r->version, &k->last_applied))
            r->out_of_order = true;
        else if (!r->deleted && !r->undone)
            k->last_applied = r->version;
    }
    return true;
}

/* ---- states ---- */

/* Of a repeatable migration two sums are good: with the placeholders replaced and without. */
static bool sum_matches(const struct flyway_item *item)
{
    const struct flyway_row *r = item->row;
    const struct flyway_script *s = item->script;
    return s && r->has_checksum &&
           (r->checksum == item->checksum || (s->kind == FLYWAY_REPEATABLE && r->checksum == s->checksum));
}

static bool latest_run(const struct flyway *f, const struct flyway_row *r)
{
    for (size_t i = f->rows.n; i-- > 0;) {
        const struct flyway_row *other = &f->rows.at[i];
        if (other->version.text || is_type(other, "SCHEMA") || (is_type(other, "DELETE") && other->success))
            continue;
        if (text_equal(other->description, r->description))
            return other == r;
    }
    return true;
}

static bool missing(const struct context *k, const struct flyway_item *item, enum flyway_state *state)
{
    const struct flyway_row *r = item->row;
    if (item->script || (!r->version.text && !latest_run(k->f, r)))
        return false;
    bool before =
        !r->version.text || (k->last_resolved.text && flyway_version_compare(&r->version, &k->last_resolved) < 0);
    *state = before ? (r->success ? FLYWAY_MISSING : FLYWAY_MISSING_FAILED)
                    : (r->success ? FLYWAY_FUTURE : FLYWAY_FUTURE_FAILED);
    return true;
}

static enum flyway_state state_of_row(const struct context *k, const struct flyway_item *item)
{
    const struct flyway_row *r = item->row;
    enum flyway_state state;
    if (r->undone)
        return FLYWAY_UNDONE;
    if (r->deleted)
        return FLYWAY_DELETED;
    if (is_type(r, "DELETE") || is_type(r, "SCHEMA"))
        return FLYWAY_SUCCESS;
    if (is_undo(r))
        return r->success ? FLYWAY_SUCCESS : FLYWAY_FAILED;
    if (is_baseline_row(r)) {
        if (!r->success)
            return FLYWAY_FAILED;
        return !is_type(r, "BASELINE") && missing(k, item, &state) ? state : FLYWAY_BASELINED;
    }
    if (missing(k, item, &state))
        return state;
    if (!r->success)
        return FLYWAY_FAILED;
    if (!r->version.text)
        return !latest_run(k->f, r) ? FLYWAY_SUPERSEDED : sum_matches(item) ? FLYWAY_SUCCESS : FLYWAY_OUTDATED;
    return r->out_of_order ? FLYWAY_OUT_OF_ORDER : FLYWAY_SUCCESS;
}

static enum flyway_state state_of_script(const struct context *k, const struct flyway_script *s)
{
    const struct flyway_version *base = k->last_applied.text ? &k->applied_baseline : &k->pending_baseline;
    bool touched = k->last_applied.text || k->applied_baseline.text;
    if (s->kind == FLYWAY_REPEATABLE)
        return FLYWAY_PENDING;
    int c = base->text ? flyway_version_compare(&s->version, base) : 1;
    if (c < 0)
        return FLYWAY_BELOW_BASELINE;
    if (c == 0) {
        bool runs =
            s->kind == FLYWAY_BASELINE && !touched; /* a baseline migration starts an empty schema, and only that */
        return runs ? FLYWAY_PENDING : FLYWAY_BASELINE_IGNORED;
    }
    if (k->target.text && !k->next && flyway_version_compare(&s->version, &k->target) > 0)
        return FLYWAY_ABOVE_TARGET;
    if (k->last_applied.text && flyway_version_compare(&s->version, &k->last_applied) < 0 &&
        !k->f->config->out_of_order)
        return FLYWAY_IGNORED;
    if (s->kind == FLYWAY_BASELINE && touched)
        return FLYWAY_IGNORED;
    return FLYWAY_PENDING;
}

/* ---- the list ---- */

static bool fill_checksum(struct ctx *cx, struct flyway *f, struct flyway_item *item)
{
    struct source_map map;
    const char *text;
    size_t len;
    if (!item->script)
        return true;
    item->checksum = item->script->checksum;
    if (item->script->kind != FLYWAY_REPEATABLE)
        return true;
    if (!script_text(cx, f, item->script, &map, &text, &len))
        return false;
    item->checksum = flyway_checksum(text, len);
    return true;
}

static bool add_rows(struct ctx *cx, struct context *k)
{
    struct flyway *f = k->f;
    for (size_t i = 0; i < f->rows.n; i++) {
        const struct flyway_row *r = &f->rows.at[i];
        if (is_type(r, "DELETE") && r->version.text) /* Flyway shows those of repeatable migrations alone */
            continue;
        struct flyway_item *item = VEC_PUSH(cx->arena, &f->info.items);
        *item = (struct flyway_item){.row = r, .script = script_of(f, r)};
        if (!fill_checksum(cx, f, item))
            return false;
        item->state = state_of_row(k, item);
    }
    return true;
}

/* Which scripts have a row, and which one that makes it needless to run them. */
struct history_of {
    bool any, done;
};

static struct history_of *look_back(struct ctx *cx, const struct flyway *f)
{
    const struct flyway_script *scripts = f->files->scripts.at;
    struct history_of *list = arena_array(cx->arena, f->files->scripts.n, sizeof *list);
    for (size_t i = 0; i < f->info.items.n; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        const struct flyway_script *s = item->script;
        if (!s || !item->row)
            continue;
        struct history_of *h = &list[s - scripts];
        h->any = true;
        h->done = h->done || (!item->row->deleted && !item->row->undone &&
                              (s->kind != FLYWAY_REPEATABLE || (latest_run(f, item->row) && sum_matches(item))));
    }
    return list;
}

static int by_place(const void *pa, const void *pb)
{
    const struct flyway_item *a = pa, *b = pb;
    bool below_a = a->state == FLYWAY_BELOW_BASELINE || a->state == FLYWAY_BASELINE_IGNORED,
         below_b = b->state == FLYWAY_BELOW_BASELINE || b->state == FLYWAY_BASELINE_IGNORED;
    if (a->row && b->row)
        return a->row->rank - b->row->rank;
    if (a->row || b->row) {
        bool below = a->row ? below_b : below_a;
        return (a->row ? -1 : 1) * (below ? -1 : 1);
    }
    return a->script < b->script ? -1 : 1; /* the files are in order */
}

static bool add_scripts(struct ctx *cx, struct context *k)
{
    struct flyway *f = k->f;
    VEC(const struct flyway_script *) fresh = {0};
    const struct history_of *before = look_back(cx, f);
    for (size_t i = 0; i < f->files->scripts.n; i++) {
        const struct flyway_script *s = &f->files->scripts.at[i];
        if (s->kind == FLYWAY_UNDO || s->kind == FLYWAY_CALLBACK || before[i].done)
            continue;
        *VEC_PUSH(cx->arena, &fresh) = s;
        if (s->kind == FLYWAY_BASELINE && newer(&s->version, &k->pending_baseline))
            k->pending_baseline = s->version;
    }
    for (size_t i = 0; i < fresh.n; i++) {
        struct flyway_item *item = VEC_PUSH(cx->arena, &f->info.items);
        *item = (struct flyway_item){.script = fresh.at[i],
                                     .state = state_of_script(k, fresh.at[i]),
                                     .again = fresh.at[i]->kind == FLYWAY_REPEATABLE &&
                                              before[fresh.at[i] - f->files->scripts.at].any};
        if (!fill_checksum(cx, f, item))
            return false;
    }
    if (f->info.items.n)
        qsort(f->info.items.at, f->info.items.n, sizeof *f->info.items.at, by_place);
    return true;
}

/* ---- validation ---- */

static bool ignored(const struct flyway_config *c, const struct flyway_item *item)
{
    bool repeatable = item->row ? !item->row->version.text : item->script->kind == FLYWAY_REPEATABLE;
    const char *name = flyway_state_name(item->state);
    for (size_t i = 0; i < c->ignore_patterns.n; i++) {
        const char *p = c->ignore_patterns.at[i], *state = strchr(p, ':') + 1;
        if (!text_equal(state, "*") && !text_equal_nocase(state, name))
            continue;
        if (*p == '*' || text_starts(p, repeatable ? "repeatable" : "versioned"))
            return true;
    }
    return false;
}

static void find_fault(struct context *k, struct flyway_item *item)
{
    const struct flyway_row *r = item->row;
    const struct flyway_script *s = item->script;
    struct arena *a = k->a;
    const char *what = "";

    if (r)
        what = r->version.text ? arena_printf(a, "version %s (%s)", r->version.text, r->description)
                               : arena_printf(a, "repeatable migration '%s'", r->description);
    else if (s)
        what = s->script;
    else
        return;
    if (item->state == FLYWAY_UNDONE || item->state == FLYWAY_ABOVE_TARGET || item->state == FLYWAY_DELETED ||
        ignored(k->f->config, item))
        return;
    if (r && !r->success) {
        item->fault_code = "failed";
        item->fault = arena_printf(a, "%s failed on %s outside of a transaction", what, r->installed_on);
    } else if (r && !s && !is_synthetic(r) && !is_undo(r) && item->state != FLYWAY_SUPERSEDED) {
        item->fault_code = "missing";
        item->fault = arena_printf(a, "%s ran as %s, which is not among the files", what, r->script);
    } else if (item->state == FLYWAY_IGNORED && s && s->kind == FLYWAY_VERSIONED) {
        item->fault_code = "not-applied";
        item->fault =
            arena_printf(a, "%s did not run and is older than version %s, which did", what, k->last_applied.text);
    } else if (r && s && !is_undo(r) && item->state != FLYWAY_SUPERSEDED && item->state != FLYWAY_OUTDATED &&
               (!r->version.text || newer(&r->version, &k->applied_baseline))) {
        if (r->version.text && !sum_matches(item)) {
            item->fault_code = "checksum-changed";
            item->fault = arena_printf(a, "%s ran with the checksum %s, and the file has %d now", what,
                                       r->has_checksum ? arena_printf(a, "%d", r->checksum) : "NULL", item->checksum);
        } else if (r->version.text && !text_equal(s->description, r->description) && strlen(s->description) <= 200) {
            item->fault_code = "description-changed";
            item->fault = arena_printf(a, "%s is described as '%s' now", what, s->description);
        }
    }
}

/* ---- together ---- */

static bool find_target(struct ctx *cx, struct context *k)
{
    const struct flyway_config *c = k->f->config;
    const char *t = c->target;
    if (text_empty(t) || text_equal_nocase(t, "latest"))
        return true;
    k->next = text_equal_nocase(t, "next");
    if (k->next)
        return true;
    if (text_equal_nocase(t, "current")) {
        k->target = k->last_applied;
        if (!k->target.text)
            flyway_version_parse(cx->arena, "0", &k->target);
        return true;
    }
    size_t n = strlen(t);
    bool maybe = n && t[n - 1] == '?';
    if (!flyway_version_parse(cx->arena, arena_strndup(cx->arena, t, n - maybe), &k->target))
        return fail(cx, E_INPUT, "Flyway's setting target is '%s': a version, latest, current or next", t);
    if (!c->missing_target_fails || maybe)
        return true;
    for (size_t i = 0; i < k->f->files->scripts.n; i++)
        if (k->f->files->scripts.at[i].version.text &&
            flyway_version_compare(&k->f->files->scripts.at[i].version, &k->target) == 0)
            return true;
    return fail(cx, E_INPUT, "there is no migration of the target's version %s", k->target.text);
}

bool flyway_info_make(struct ctx *cx, struct flyway *f)
{
    struct context k = {.f = f, .a = cx->arena};
    struct flyway_info *info = &f->info;

    *info = (struct flyway_info){0};
    for (size_t i = 0; i < f->files->scripts.n; i++) {
        const struct flyway_script *s = &f->files->scripts.at[i];
        if (s->version.text && s->kind != FLYWAY_UNDO && newer(&s->version, &k.last_resolved))
            k.last_resolved = s->version;
    }
    if (!read_rows(cx, &k) || !find_target(cx, &k) || !add_rows(cx, &k) || !add_scripts(cx, &k))
        return false;
    for (size_t i = 0; i < info->items.n; i++) {
        struct flyway_item *item = &info->items.at[i];
        bool done = item->row && item->row->success && !item->row->deleted && !item->row->undone && !is_undo(item->row);
        find_fault(&k, item);
        info->faults += item->fault != NULL;
        if (item->state == FLYWAY_PENDING && k.next && item->script->version.text && info->pending)
            item->state = FLYWAY_ABOVE_TARGET;
        info->pending += item->state == FLYWAY_PENDING;
        info->applied += done && !is_synthetic(item->row) && item->state != FLYWAY_SUPERSEDED;
        if (done && item->row->version.text && newer(&item->row->version, &info->current))
            info->current = item->row->version;
    }
    return true;
}
