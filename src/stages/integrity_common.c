/* integrity_common.c - see integrity_common.h. */
#include "integrity_common.h"

void integrity_fill_options(const struct integrity_config *c, struct integrity_options *o)
{
    *o = (struct integrity_options){
        .connections = (int)c->connections,
        .strictness = (enum integrity_strictness)c->strictness,
        .chunk_rows = c->chunk_rows,
        .slice_bytes = c->slice_size,
        .statement_timeout_ms = c->statement_timeout,
        .lock_timeout_ms = c->lock_timeout,
        .max_active_sessions = c->max_active_sessions,
        .max_replication_lag = c->max_replication_lag,
        .max_snapshot_age_ms = c->max_snapshot_age,
        .tables = &c->tables,
        .exclude_tables = &c->exclude_tables,
        .sums = c->aggregate == 1,
        .digest = (enum integrity_digest)c->digest,
        .foreign_keys = (enum integrity_foreign_keys)c->check_foreign_keys,
        .materialized_views = c->materialized_views,
        .large_objects = c->large_objects,
    };
}

static const char *count(struct arena *a, long long n)
{
    return n < 0 ? "" : text_group_digits(a, n);
}

static void tables(struct run *run, const struct integrity_report *r)
{
    struct arena *a = run->cx->arena;
    struct result_table *t =
        result_table(run->result, "Tables",
                     "table|verdict|#rows before|#rows now|#columns|#chunks|#unequal|#missing|#extra|#changed|note");
    for (size_t i = 0; i < r->tables.n; i++) {
        const struct integrity_table *l = &r->tables.at[i];
        const char *const cells[] = {
            l->object,
            l->status,
            count(a, l->rows_left),
            count(a, l->rows_right),
            count(a, l->columns),
            count(a, l->chunks),
            count(a, l->chunks_unequal),
            count(a, l->missing),
            count(a, l->extra),
            count(a, l->changed),
            l->note ? l->note : "",
        };
        result_row(run->result, t, cells);
    }
    integrity_show(run, r);
}

void integrity_to_result(struct run *run, const struct integrity_report *r)
{
    static const enum verdict verdicts[] = {[INTEGRITY_PASS] = VERDICT_PASS,
                                            [INTEGRITY_FAIL] = VERDICT_FAIL,
                                            [INTEGRITY_INCONCLUSIVE] = VERDICT_INCONCLUSIVE};
    struct result *out = run->result;

    for (size_t i = 0; i < r->findings.n; i++) {
        const struct integrity_finding *f = &r->findings.at[i];
        struct finding *g = result_finding(out, (enum severity)f->severity, f->code, "%s", f->message);
        g->object = f->object;
        g->hint = f->hint;
    }
    tables(run, r);
    for (size_t i = 0; i < r->proofs.n; i++)
        result_proof(out, "%s", r->proofs.at[i]);
    for (size_t i = 0; i < r->uncovered.n; i++)
        result_uncovered(out, "%s", r->uncovered.at[i]);
    result_output_int(out, "tables_compared", r->tables_compared);
    result_output_int(out, "tables_uncovered", r->tables_uncovered);
    result_output_int(out, "rows_compared", r->rows_compared);
    result_output_int(out, "columns_compared", r->columns_compared);
    result_output_int(out, "paused_ms", r->paused_ms);
    result_output_int(out, "max_connections_used", r->connections_used);
    result_output(out, "root_digest", r->root_digest ? r->root_digest : "");
    result_verdict(out, verdicts[integrity_verdict(r)]);
}

const struct pg_target *integrity_given(const struct pg_target *t)
{
    return t->url || t->host || t->name || t->port || t->user ? t : NULL;
}

void integrity_fill_naming(const struct integrity_naming *n, struct integrity_options *o)
{
    o->max_rows = n->max_rows;
    o->max_drill_rows = n->max_drill_rows;
    o->show_values = n->show_values;
    o->hash_keys = n->hash_keys;
}

static const char *summary(struct run *run, const struct integrity_report *r)
{
    struct arena *a = run->cx->arena;
    long long differing = r->rows_missing + r->rows_extra + r->rows_changed;
    const char *covered = arena_printf(a, "%s of %s", text_plural(a, r->rows_compared, "row"),
                                       text_plural(a, r->tables_compared, "table"));

    if (differing)
        return arena_printf(a, "%s%s missing, %lld extra, %lld changed among %s", r->at_least ? "at least " : "",
                            text_plural(a, r->rows_missing, "row"), r->rows_extra, r->rows_changed, covered);
    if (integrity_verdict(r) == INTEGRITY_FAIL)
        return arena_printf(a, "undeclared changes; rows compared: %s", covered);
    if (r->unproven)
        return arena_printf(a, "%s are equal, but not everything could be compared", covered);
    return arena_printf(a, "%s are equal", covered);
}

bool integrity_diff_to_result(struct run *run, const struct integrity_report *r)
{
    integrity_to_result(run, r);
    result_output_int(run->result, "rows_missing", r->rows_missing);
    result_output_int(run->result, "rows_extra", r->rows_extra);
    result_output_int(run->result, "rows_changed", r->rows_changed);
    result_output_int(run->result, "rows_inserted", r->rows_inserted);
    result_output_int(run->result, "rows_deleted", r->rows_deleted);
    result_output_bool(run->result, "counts_exact", !r->at_least);
    result_summary(run->result, "%s", summary(run, r));
    return integrity_write_svg(run, r);
}

void integrity_certificate_to_result(struct run *run, const struct integrity_report *r)
{
    integrity_to_result(run, r);
    result_output(run->result, "certificate_file", r->certificate_file);
    result_file(run->result, r->certificate_file);
    result_summary(run->result, "certified %s of %s%s", text_plural(run->cx->arena, r->rows_compared, "row"),
                   text_plural(run->cx->arena, r->tables_compared, "table"),
                   r->unproven ? "; some tables could not be read" : "");
}
