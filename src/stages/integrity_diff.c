/* integrity_diff.c - stage integrity-diff: is it the same data, and if not, where? */
#include "dbstep/files.h"
#include "integrity_common.h"
#include "integrity_declare.h"

struct config {
    struct integrity_config c;
    struct pg_target source;
    struct schema_config changelog;
    const char *baseline, *current, *plan, *slice, *part, *resume_dir;
    struct str_list expected_changes, live_writes, deployed_transactions;
    long long recheck;
    struct integrity_naming naming;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, c.db, "", "the database to judge"),
    {IN_FIELD(struct config, baseline), .type = IN_FILE, .doc = "Certificate from integrity-baseline to compare with"},
    IN_DATABASE(struct config, source, "source_",
                "the other database; with 'baseline' the one it was taken from, as its witness"),
    {IN_FIELD(struct config, expected_changes), .type = IN_LIST,
     .doc =
         "What the change means to alter, one per item: add|drop column T.C, rename column T.OLD=NEW, change column T.C [using EXPR], add|drop table T, "
         "rename table OLD=NEW, change rows T where PREDICATE, add|drop|change constraint|index|trigger|rule|policy T.NAME, add|drop|change default T.C, "
         "add|drop not null T.C, change row security T, add|drop|change sequence|materialized view NAME; and what must hold now: expect T.C not null, "
         "expect T.C = EXPR, expect T.C default EXPR, expect T where PREDICATE"},
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
    INTEGRITY_NAMING(struct config, naming),
    {IN_FIELD(struct config, current), .type = IN_FILE,
     .doc = "A later certificate, compared with 'baseline' instead of a database and without any connection"},
    {IN_FIELD(struct config, plan), .type = IN_FILE,
     .doc = "Read one slice of this plan (integrity-plan) into a part file"},
    {IN_FIELD(struct config, slice), .type = IN_STRING, .doc = "Which slice of 'plan'"},
    {IN_FIELD(struct config, part), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc = "Part file to write; part-SLICE.json in the output folder by default"},
    {IN_FIELD(struct config, resume_dir), .type = IN_STRING,
     .doc = "Folder that keeps what was read: a run that was interrupted goes on there, if nothing was written since"},
    {IN_FIELD(struct config, recheck), .type = IN_DURATION, .def = "2s", .min = 0, .max = 3600000,
     .doc =
         "Between two databases that are written meanwhile: look at differing rows again after so long, and report those that still differ; 0 for one look"},
    INTEGRITY_CHANGELOG_INPUTS(struct config, changelog),
    INTEGRITY_INPUTS(struct config, c),
};

static const struct output_spec outputs[] = {
    INTEGRITY_DIFF_OUTPUTS,
    {"rows_transient", OUT_INTEGER, "Rows that differed at first and no longer at the second look: writes under way"},
    {"part_file", OUT_FILE, "With 'slice': the part, for integrity-merge"},
    INTEGRITY_OUTPUTS,
};

/* One slice of a plan, into a part file. */
static bool run_slice(struct run *run, const struct config *c, struct integrity_options *o)
{
    struct integrity_report r = {.unproven = false};
    const char *path =
        c->part ? c->part
                : path_join(run->cx->arena, run->output_dir, arena_printf(run->cx->arena, "part-%s.json", c->slice));

    if (!c->plan || !c->slice) {
        fail(run->cx, E_INPUT, "'plan' and 'slice' belong together");
        err_hint(run->cx, "give both, to read one slice; the parts are joined by integrity-merge");
        return false;
    }
    if (!integrity_slice(run->cx, c->plan, c->slice, integrity_given(&c->source), &c->c.db, o, path, &r))
        return false;
    integrity_to_result(run, &r);
    result_output(run->result, "part_file", path);
    result_file(run->result, path);
    result_summary(
        run->result, "slice %s read: %s of %s%s", c->slice, text_plural(run->cx->arena, r.rows_compared, "row"),
        text_plural(run->cx->arena, r.tables_compared, "table"), r.unproven ? "; some tables could not be read" : "");
    return true;
}

static bool compare_certificates(struct run *run, const struct config *c, const struct integrity_options *o,
                                 struct integrity_report *r)
{
    if (c->baseline && !integrity_given(&c->source) && !integrity_given(&c->c.db))
        return integrity_compare(run->cx, c->baseline, c->current, o, r);
    fail(run->cx, E_INPUT, "'current' is compared with 'baseline', a certificate as well, and with no database");
    err_hint(run->cx, "give 'baseline' and 'current' alone, or leave 'current' out");
    return false;
}

/* Only a whole reading of the database counts whose rows they are. */
static bool transactions_possible(struct run *run, const struct config *c)
{
    const char *with = c->plan || c->slice ? "plan" : c->current ? "current" : c->resume_dir ? "resume_dir" : NULL;

    if (!with || !c->deployed_transactions.n)
        return true;
    fail(run->cx, E_INPUT, "'deployed_transactions' cannot be judged with '%s'", with);
    err_hint(run->cx, "compare in one run for that, or leave it out");
    return false;
}

/* What is given in vain would be believed to be in force. */
static bool declared_in_vain(struct run *run, const struct config *c)
{
    const char *input = c->expected_changes.n         ? "expected_changes"
                        : c->live_writes.n            ? "live_writes"
                        : c->changelog.changelog_file ? "changelog_file"
                                                      : NULL;

    if (input && (c->plan || c->slice)) {
        fail(run->cx, E_INPUT, "'%s' is the plan's to say, not a slice's", input);
        err_hint(run->cx, "give it to integrity-plan");
        return true;
    }
    if (c->current && c->changelog.changelog_file) {
        fail(run->cx, E_INPUT,
             "'changelog_file' is compared with the history of a database, and two certificates have none");
        err_hint(run->cx, "declare the changes in 'expected_changes'");
        return true;
    }
    return false;
}

static bool run_diff(struct run *run, const void *config)
{
    const struct config *c = config;
    struct integrity_options o;
    struct integrity_report r = {.unproven = false};
    const struct pg_target *s = integrity_given(&c->source);
    bool ok;

    integrity_fill_options(&c->c, &o);
    o.expected_changes = &c->expected_changes;
    o.live_writes = &c->live_writes;
    o.deployed_transactions = &c->deployed_transactions;
    o.recheck_ms = c->recheck;
    integrity_fill_naming(&c->naming, &o);
    if (!transactions_possible(run, c) || declared_in_vain(run, c))
        return false;
    if (c->plan || c->slice)
        return run_slice(run, c, &o);
    struct str_list derived = {0};
    if (c->changelog.changelog_file && (c->baseline || s)) {
        struct schema_config changelog = c->changelog;
        changelog.db = c->c.db;
        if (!integrity_declare(run, &changelog, c->baseline ? NULL : s, c->baseline, &c->expected_changes, &derived))
            return false;
        o.derived_changes = &derived;
    }
    if (c->current)
        ok = compare_certificates(run, c, &o, &r);
    else if (c->resume_dir)
        ok = integrity_diff_resumable(run->cx, c->resume_dir, c->baseline, s, &c->c.db, &o, &r);
    else
        ok = integrity_diff(run->cx, c->baseline, s, &c->c.db, &o, &r);
    if (!ok || !integrity_diff_to_result(run, &r))
        return false;
    result_output_int(run->result, "rows_transient", r.rows_transient);
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
        "alone. An item of 'expected_changes' with a comma in it needs a JSON list, or one item per line.\n\n"
        "What guards the data is compared too: constraints, nullability, defaults, indexes, triggers, rules, policies, sequences. A lost constraint, NOT NULL "
        "or unique index is an error unless it is declared; orphans of foreign keys, duplicates behind invalid indexes and rows against constraints that were "
        "never validated are counted.\n\n"
        "Expressions ('using', 'where', '=') are SQL over the table's columns, evaluated in a read-only transaction with an empty search path: write "
        "schema.function() for your own functions. 'change column T.C using EXPR' demands that every new value equals EXPR of the old row; 'change rows T "
        "where PREDICATE' lets rows differ that it holds for, before or now; both need the live source, a certificate alone is inconclusive about "
        "them.\n\n"
        "A certificate holds no rows. Without a witness, changed rows are named from the row versions of a server of the same lineage (a clone), and "
        "rows that came or went from the digest of the keys; where neither is conclusive, the key range is named. With a sketch in the certificate "
        "('sketch' of integrity-baseline) the keys of changed and deleted rows are named from it, anywhere, as long as all columns that it is over are compared.\n\n"
        "Two databases that are written while they are compared, as replication's two ends are, differ in the rows that are on their way. When writes "
        "are seen, differing rows are looked at twice, 'recheck' apart, on new snapshots; only those that differ both times are findings; where one was "
        "written in between, the verdict is inconclusive.\n\n" INTEGRITY_MANUAL_THROTTLE
        "The log, the summary and integrity.svg show per table in which key ranges the differences lie.\n\n"
        "With 'baseline' and 'current' two certificates are compared without a database; the later one is best taken with 'geometry_from', so that "
        "their key ranges are the same. What differs is named as key ranges and columns.\n\n"
        "With 'plan' and 'slice' only that slice of a plan is read, and integrity-merge gives the verdict; see integrity-plan.\n\n"
        "With 'resume_dir' the work is done slice by slice, each kept there as it is finished. Run again after an interruption, only the rest is read, "
        "provided that no transaction was committed on the servers since; otherwise it begins anew, and a note says so.\n\n"
        "Servers of different versions, architectures, encodings, collations and settings can be compared. Where their hash functions disagree, or "
        "text is encoded differently, a portable digest is taken for those types, which the result names with its cost; a certificate is "
        "compared with the digests it has.\n\n"
        "A table that cannot be read is a finding, the others are compared, and the verdict is inconclusive.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_diff,
};
