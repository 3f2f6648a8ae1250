/* repair.c - the history alone: a baseline, and repair after failed, edited and removed migrations. Nothing else is touched. */
#include <string.h>

#include "dbstep/log.h"
#include "flyway_internal.h"

/* ---- baseline ---- */

static bool check_marker(struct ctx *cx, struct flyway *f)
{
    const struct flyway_config *c = f->config;
    struct flyway_version v;
    flyway_version_parse(cx->arena, c->baseline_version, &v);
    for (size_t i = 0; i < f->rows.n && i < 2; i++) { /* it is the first row, or the second behind that of the schema */
        const struct flyway_row *r = &f->rows.at[i];
        if (!text_equal(r->type, "BASELINE"))
            continue;
        if (r->version.text && flyway_version_compare(&r->version, &v) == 0 &&
            text_equal(r->description, c->baseline_description))
            return true;
        return fail(cx, E_GUARD, "the history %s has the baseline %s (%s) already, which is not %s (%s)", f->table,
                    r->version.text ? r->version.text : "", r->description, v.text, c->baseline_description);
    }
    fail(cx, E_GUARD, "the history %s exists already and %s", f->table, f->rows.n ? "has migrations" : "is empty");
    err_hint(cx, "a baseline is the first row of a history; when that is what you want, drop the table first");
    return false;
}

bool flyway_baseline(struct ctx *cx, struct flyway *f, bool *done)
{
    struct str script = str_new(cx->arena);
    *done = false;
    if (f->exists)
        return check_marker(cx, f);
    if (!flyway_lock_take(cx, f) || !flyway_refresh(cx, f))
        return false;
    bool ok =
        f->exists ? check_marker(cx, f) : flyway_history_make(cx, f, true, done, &script) && flyway_refresh(cx, f);
    flyway_lock_release(f);
    return ok;
}

/* ---- repair ---- */

static void add_removal(struct ctx *cx, struct flyway *f, const struct flyway_row *r, struct str *sql)
{
    str_addf(sql, "DELETE FROM %s WHERE NOT success AND installed_rank = %d;\n", f->table, r->rank);
    (void)cx;
}

static void add_deletion(struct ctx *cx, struct flyway *f, const struct flyway_row *r, int rank, struct str *sql)
{
    struct row_values v = {.rank = rank,
                           .version = r->version.text,
                           .description = r->description,
                           .type = "DELETE",
                           .script = r->script,
                           .has_checksum = r->has_checksum,
                           .success = r->success,
                           .checksum = r->checksum,
                           .ms = "0"};
    str_addf(sql, "%s;\n", flyway_history_insert(cx, f, &v));
}

static void add_alignment(struct ctx *cx, struct flyway *f, const struct flyway_item *item, struct str *sql)
{
    str_addf(sql, "UPDATE %s SET description = left(%s, 200), type = %s, checksum = %d WHERE installed_rank = %d;\n",
             f->table, pg_literal(cx, f->pg, item->script->description),
             pg_literal(cx, f->pg, script_type(item->script)), item->checksum, item->row->rank);
}

static bool synthetic(const struct flyway_row *r)
{
    return text_equal(r->type, "SCHEMA") || text_equal(r->type, "BASELINE") || text_equal(r->type, "DELETE") ||
           text_starts(r->type, "UNDO_");
}

static bool differs(const struct flyway_item *item)
{
    const struct flyway_row *r = item->row;
    if (!r->version.text) /* written without placeholders by an older Flyway */
        return r->has_checksum && r->checksum == item->script->checksum && r->checksum != item->checksum;
    return !r->has_checksum || r->checksum != item->checksum ||
           (!text_equal(r->description, item->script->description) && strlen(item->script->description) <= 200) ||
           !text_equal(r->type, script_type(item->script));
}

/* The states as they are without the failed rows, up to the newest file and in any order. */
static bool look_without_failed(struct ctx *cx, struct flyway *f, struct flyway_repair *out, struct str *sql)
{
    struct flyway_config lenient = *f->config;
    const struct flyway_config *own = f->config;
    VEC(struct flyway_row) kept = {0};
    for (size_t i = 0; i < f->rows.n; i++) {
        if (f->rows.at[i].success) {
            *VEC_PUSH(cx->arena, &kept) = f->rows.at[i];
            continue;
        }
        *VEC_PUSH(cx->arena, &out->removed) = &f->rows.at[i];
        add_removal(cx, f, &f->rows.at[i], sql);
    }
    f->rows.at = kept.at;
    f->rows.n = kept.n;
    f->rows.cap = kept.cap;
    lenient.target = NULL;
    lenient.out_of_order = true;
    f->config = &lenient;
    bool ok = flyway_info_make(cx, f);
    f->config = own;
    return ok;
}

static bool plan_repair(struct ctx *cx, struct flyway *f, struct flyway_repair *out, struct str *sql)
{
    *out = (struct flyway_repair){0};
    if (!look_without_failed(cx, f, out, sql))
        return false;
    int rank = flyway_next_rank(f, "DELETE");
    for (size_t i = 0; i < f->info.items.n; i++) {
        const struct flyway_item *item = &f->info.items.at[i];
        if (!item->row || synthetic(item->row) || item->row->undone)
            continue;
        if (text_equal(item->fault_code ? item->fault_code : "", "missing")) {
            *VEC_PUSH(cx->arena, &out->deleted) = item->row;
            add_deletion(cx, f, item->row, rank++, sql);
        } else if (item->script && differs(item)) {
            *VEC_PUSH(cx->arena, &out->aligned) = *item;
            add_alignment(cx, f, item, sql);
        }
    }
    return true;
}

bool flyway_repair(struct ctx *cx, struct flyway *f, bool dry_run, struct flyway_repair *out)
{
    struct str sql = str_new(cx->arena);
    *out = (struct flyway_repair){0};
    if (!f->exists)
        return true;
    if (dry_run)
        return plan_repair(cx, f, out, &sql);
    if (!flyway_lock_take(cx, f) || !flyway_refresh(cx, f) || !plan_repair(cx, f, out, &sql))
        return false;
    bool ok = !sql.len || pg_execf(cx, f->pg, "BEGIN; %s COMMIT", sql.s);
    if (!ok) {
        flyway_roll_back(f);
        err_detail(cx, "while the history %s was repaired", f->table);
    }
    ok = ok && flyway_refresh(cx, f);
    flyway_lock_release(f);
    return ok;
}
