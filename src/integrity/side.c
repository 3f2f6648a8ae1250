/* side.c - opening a database for comparison, and judging at the end whether it stood still. */
#include <string.h>

#include "dbstep/log.h"
#include "model.h"
#include "sql.h"

/* enable_sort off: the planner would sort wide rows for the grouping, at twice the cost. row_security off: a policy raises an error instead of
 * hiding rows. The rest pins how values are written. client_encoding is UTF8, but for databases that do not say what their bytes mean: those that are
 * not UTF-8 could not be read otherwise. */
const char *const it_session[] = {
    "SET enable_sort = off",
    "SET jit = off",
    "SET jit_above_cost = 1000000",
    "SET jit_inline_above_cost = 1000000",
    "SET jit_optimize_above_cost = 1000000",
    "SET max_parallel_workers_per_gather = 0",
    "SET work_mem = '256MB'",
    "SET row_security = off",
    "SET search_path = ''",
    "SET TimeZone = 'UTC'",
    "SET DateStyle = 'ISO, MDY'",
    "SET IntervalStyle = 'postgres'",
    "SET extra_float_digits = 3",
    "SET bytea_output = 'hex'",
    "SET lc_monetary = 'C'",
    "SET xmloption = 'content'",
    "SET array_nulls = on",
    "SET quote_all_identifiers = off",
    "SET transform_null_equals = off",
    "SET default_transaction_read_only = on",
    "SET idle_in_transaction_session_timeout = 0",
    "SELECT set_config('client_encoding', 'SQL_ASCII', false) WHERE getdatabaseencoding() = 'SQL_ASCII'",
    NULL,
};

/* A number of pg_snapshot's text "xmin:xmax:xip,xip". */
static bool nothing_in_progress(const char *snapshot)
{
    size_t n = strlen(snapshot);
    return n && snapshot[n - 1] == ':';
}

static bool probe(struct ctx *cx, struct it_side *side)
{
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_query(cx, pg_pool_first(side->pool), &rows, it_probe_sql(cx->arena, side->id.encoding), 0, NULL))
        return false;
    for (int i = 0; i < rows.n; i++)
        *VEC_PUSH(cx->arena, &side->probes) = (struct it_probe){.family = arena_strdup(cx->arena, pg_text(&rows, i, 0)),
                                                                .value = arena_strdup(cx->arena, pg_text(&rows, i, 1))};
    return true;
}

bool it_side_open(struct ctx *cx, struct it_side *side, const struct pg_target *target, const char *role,
                  const struct integrity_options *o)
{
    struct pg_pool_options p = {
        .connection = {.role = role,
                       .application_name = o->application_name,
                       .statement_timeout_ms = o->statement_timeout_ms,
                       .lock_timeout_ms = o->lock_timeout_ms},
        .size = o->connections,
        .snapshot = true,
        .import_snapshot = o->snapshot,
        .session_sql = it_session,
    };
    side->role = role;
    side->live = true;
    side->strictness = o->strictness;
    if (!pg_pool_open(cx, target, &p, &side->pool)) {
        if (o->snapshot)
            err_hint(cx, "snapshot %s must be held open by the step that exported it, in this database", o->snapshot);
        return false;
    }

    struct pg *pg = pg_pool_first(side->pool);
    PG_ROWS_AUTO rows = {.n = 0};
    if (!pg_identify(cx, pg, &side->id) || !pg_query(cx, pg, &rows, sql_integrity_state, 0, NULL))
        return false;
    side->snapshot = arena_strdup(cx->arena, pg_text(&rows, 0, 0));
    side->lsn_start = arena_strdup(cx->arena, pg_text(&rows, 0, 1));
    side->bypass_rls = pg_bool(&rows, 0, 2);
    side->started_at = arena_strdup(cx->arena, pg_text(&rows, 0, 3));
    side->exported = o->snapshot ? o->snapshot : pg_pool_snapshot(side->pool);
    side->taken_at = clock_rfc3339(cx->arena, clock_wall_ms());
    return probe(cx, side) && it_catalog(cx, side, o);
}

/* Compiling pays for its 0.3 s from some million rows on, where a pass over a dozen columns then needs a fifth less. Only for passes: any
 * plan with a sort in it looks expensive enough while enable_sort is off. */
bool it_side_compile(struct ctx *cx, struct it_side *side, bool on)
{
    return pg_pool_exec(cx, side->pool, on ? "SET LOCAL jit = on" : "SET LOCAL jit = off");
}

bool it_side_needs_sums(const struct it_side *side)
{
    return side->pool && pg_version(pg_pool_first(side->pool)) < 140000; /* no bit_xor */
}

/* Was a table's file replaced since the catalogue was read? Then the snapshot may have seen it empty. */
bool it_side_check(struct ctx *cx, struct it_side *side, struct integrity_report *r)
{
    struct str oids = str_new(cx->arena);
    for (size_t i = 0; i < side->tables.n; i++)
        for (size_t l = 0; !side->tables.at[i].skip && l < side->tables.at[i].leaves.n; l++)
            str_addf(&oids, "%s%s", oids.len ? "," : "{", side->tables.at[i].leaves.at[l].oid);
    if (!oids.len)
        return true;
    str_addc(&oids, '}');

    PG_ROWS_AUTO rows = {.n = 0};
    const char *const params[] = {oids.s};
    if (!pg_query(cx, pg_pool_first(side->pool), &rows, sql_integrity_filenodes, 1, params))
        return false;
    int at = 0;
    for (size_t i = 0; i < side->tables.n; i++) {
        struct it_table *t = &side->tables.at[i];
        bool rewritten = false;
        for (size_t l = 0; !t->skip && l < t->leaves.n; l++, at++)
            rewritten = rewritten || (at < rows.n && pg_int(&rows, at, 0) != t->leaves.at[l].filenode);
        if (!rewritten)
            continue;
        t->skip = "rewritten while it was read";
        r->unproven = true;
        it_finding(
            cx, r, INTEGRITY_WARNING, "table-rewritten", t->object,
            "table %s of the %s was truncated, rewritten or dropped while it was read; what was seen of it proves nothing",
            t->object, side->role)
            ->hint = "run again when no other schema change is under way";
    }
    return true;
}

bool it_side_still(const struct it_side *side, const char *snapshot, const char *lsn)
{
    return (text_equal(side->snapshot, snapshot) && nothing_in_progress(snapshot)) ||
           (side->id.in_recovery && text_equal(side->lsn_start, lsn));
}

bool it_side_finish(struct ctx *cx, struct it_side *side, struct integrity_report *r)
{
    struct pg *pg = pg_pool_first(side->pool);
    PG_ROWS_AUTO rows = {.n = 0};

    if (!it_side_check(cx, side, r))
        return false;
    if (side->objects_lost) {
        r->unproven = true;
        it_finding(cx, r, INTEGRITY_WARNING, "guards-unreadable", NULL,
                   "the constraints, sequences, indexes and triggers of the %s could not be read: %s", side->role,
                   side->objects_lost)
            ->hint = "was something dropped meanwhile? run again when no other schema change is under way";
        it_uncovered(cx, r, "constraints, sequences, indexes and triggers of the %s: %s", side->role,
                     side->objects_lost);
    }
    /* The snapshot has served; what the server shows now tells whether anything was written meanwhile. */
    if (!pg_exec(cx, pg, "COMMIT") || !pg_query(cx, pg, &rows, sql_integrity_state, 0, NULL))
        return false;
    side->end_snapshot = arena_strdup(cx->arena, pg_text(&rows, 0, 0));
    side->lsn_end = arena_strdup(cx->arena, pg_text(&rows, 0, 1));
    side->quiescent = text_equal(side->snapshot, side->end_snapshot) && nothing_in_progress(side->snapshot);
    if (side->quiescent)
        side->quiescence = "proven: no transaction that wrote came to its end while the rows were read";
    else if (side->id.in_recovery && text_equal(side->lsn_start, side->lsn_end))
        side->quiescence = "proven: the standby replayed nothing meanwhile", side->quiescent = true;
    else
        side->quiescence = "transactions that write ran meanwhile on this server, and what they wrote was not seen";
    if (pg_pool_size(side->pool) > r->connections_used)
        r->connections_used = pg_pool_size(side->pool);
    log_debug("%s: quiescence %s", side->role, side->quiescence);
    return true;
}
