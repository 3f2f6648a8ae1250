/* integrity_diff.c - stage integrity-diff: is it the same data, and if not, where? */
#include "dbstep/log.h"
#include "integrity_common.h"
#include "integrity_declare.h"

struct config {
    struct integrity_config c;
    struct pg_target source;
    struct schema_config changelog;
    const char *baseline;
    struct str_list expected_changes, live_writes, deployed_transactions;
    long long max_rows, max_drill_rows, recheck;
    bool show_values, hash_keys;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, c.db, "", "the database to judge"),
    {IN_FIELD(struct config, baseline), .type = IN_FILE, .doc = "Certificate from integrity-baseline to compare with"},
    IN_DATABASE(struct config, source, "source_",
                "the other database; with 'baseline' the one it was taken from, as its witness"),
    {IN_FIELD(struct config, expected_changes), .type = IN_LIST,
     .doc =
         "What the change means to alter: add column T.C, drop column T.C, rename column T.OLD=NEW, change column T.C, add table T, drop table T, "
         "rename table OLD=NEW"},
    {IN_FIELD(struct config, live_writes), .type = IN_LIST,
     .doc = "What the application writes meanwhile: T.C (values), T.+ (inserts), T.- (deletes), T (anything)"},
    {IN_FIELD(struct config, deployed_transactions), .type = IN_LIST,
     .doc =
         "Transaction ids of the deployment (schema-deploy's output transaction_ids); rows they wrote must belong to declared changes"},
    {.name = "strictness",
     .type = IN_CHOICE,
     .def = "exact",
     .choices = "exact|semantic|strong",
     .offset = offsetof(struct config, c.strictness),
     .doc = "How two databases are compared; a certificate brings its own"},
    {IN_FIELD(struct config, show_values), .type = IN_BOOLEAN, .def = "false",
     .doc = "Show the values of differing rows; otherwise keys and columns only"},
    {IN_FIELD(struct config, hash_keys), .type = IN_BOOLEAN, .def = "false",
     .doc = "Show keys as hashes, where keys are personal data"},
    {IN_FIELD(struct config, max_rows), .type = IN_INTEGER, .def = "100", .min = 0, .max = 100000,
     .doc = "Differing rows named at most; all are counted"},
    {IN_FIELD(struct config, max_drill_rows), .type = IN_INTEGER, .flags = IN_ADVANCED, .def = "2000000", .min = 1000,
     .max = 1LL << 40, .doc = "Rows read again per table to name differences; above, a sample of the unequal chunks"},
    {IN_FIELD(struct config, recheck), .type = IN_DURATION, .def = "2s", .min = 0, .max = 3600000,
     .doc =
         "Between two databases that are written meanwhile: look at differing rows again after so long, and report those that still differ; 0 for one look"},
    INTEGRITY_CHANGELOG_INPUTS(struct config, changelog),
    INTEGRITY_INPUTS(struct config, c),
};

static const struct output_spec outputs[] = {
    {"rows_missing", OUT_INTEGER, "Rows that are gone"},
    {"rows_extra", OUT_INTEGER, "Rows that are new and not declared"},
    {"rows_changed", OUT_INTEGER, "Rows with a changed value"},
    {"rows_inserted", OUT_INTEGER, "Rows the application inserted meanwhile, as declared"},
    {"rows_deleted", OUT_INTEGER, "Rows the application deleted meanwhile, as declared"},
    {"rows_transient", OUT_INTEGER, "Rows that differed at first and no longer at the second look: writes under way"},
    {"counts_exact", OUT_BOOLEAN, "False when the row counts are lower bounds"},
    INTEGRITY_OUTPUTS,
};

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

static bool run_diff(struct run *run, const void *config)
{
    const struct config *c = config;
    struct integrity_options o;
    struct integrity_report r = {.unproven = false};
    const struct pg_target *s = &c->source;
    bool source = s->url || s->host || s->name || s->port || s->user;

    integrity_fill_options(&c->c, &o);
    o.expected_changes = &c->expected_changes;
    o.live_writes = &c->live_writes;
    o.deployed_transactions = &c->deployed_transactions;
    o.max_rows = c->max_rows;
    o.max_drill_rows = c->max_drill_rows;
    o.show_values = c->show_values;
    o.hash_keys = c->hash_keys;
    o.recheck_ms = c->recheck;
    struct str_list derived = {0};
    if (c->changelog.changelog_file && (c->baseline || source)) {
        struct schema_config changelog = c->changelog;
        changelog.db = c->c.db;
        if (!integrity_declare(run, &changelog, c->baseline ? NULL : s, c->baseline, &c->expected_changes, &derived))
            return false;
        o.derived_changes = &derived;
    }
    if (!integrity_diff(run->cx, c->baseline, source ? s : NULL, &c->c.db, &o, &r))
        return false;
    integrity_to_result(run, &r);
    if (!integrity_write_svg(run, &r))
        return false;
    result_output_int(run->result, "rows_missing", r.rows_missing);
    result_output_int(run->result, "rows_extra", r.rows_extra);
    result_output_int(run->result, "rows_changed", r.rows_changed);
    result_output_int(run->result, "rows_inserted", r.rows_inserted);
    result_output_int(run->result, "rows_deleted", r.rows_deleted);
    result_output_int(run->result, "rows_transient", r.rows_transient);
    result_output_bool(run->result, "counts_exact", !r.at_least);
    result_summary(run->result, "%s", summary(run, &r));
    return true;
}

const struct stage stage_integrity_diff = {
    .name = "integrity-diff",
    .summary = "Compare two databases, or a database with a certificate, down to row and column",
    .manual =
        "With 'source_db_url' two databases are compared; with 'baseline' a database and a certificate; with both, the source is the certificate's "
        "witness: its rows name the differences wherever its digest of them still equals the certificate's.\n\n"
        "With 'changelog_file' the changesets that came in between are read: those in the database's history and not in the source's, or not in "
        "what the certificate recorded of it, and those that are still pending. What they add (tables, columns, named constraints and indexes) counts as "
        "declared, and the result lists it under \"Declared by the changelog\". What they drop, rename, retype or write does not: a note says what to "
        "declare if it is meant. SQL that cannot be looked into, such as DO blocks, is listed as not covered.\n\n"
        "Everything that differs is a finding unless it is declared in 'expected_changes'. What the application writes meanwhile is declared in "
        "'live_writes'; those columns and rows are not compared, and the result lists them as not covered. Added columns leave the old ones' digests "
        "alone.\n\n"
        "A certificate holds no rows. Without a witness, changed rows are named from the row versions of a server of the same lineage (a clone), and "
        "rows that came or went from the digest of the keys; where neither is conclusive, the key range is named. With a sketch in the certificate "
        "('sketch' of integrity-baseline) the keys of changed and deleted rows are named from it, anywhere, as long as all columns that it is over are compared.\n\n"
        "Two databases that are written while they are compared, as replication's two ends are, differ in the rows that are on their way. When writes "
        "are seen, differing rows are looked at twice, 'recheck' apart, on new snapshots; only those that differ both times are findings; where one was "
        "written in between, the verdict is inconclusive.\n\n" INTEGRITY_MANUAL_THROTTLE
        "The log, the summary and integrity.svg show per table in which key ranges the differences lie.\n\n"
        "A table that cannot be read is a finding, the others are compared, and the verdict is inconclusive.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_diff,
};
