/* integrity_plan.c - stage integrity-plan: cut a comparison into slices for many jobs. */
#include "dbstep/files.h"
#include "dbstep/json.h"
#include "integrity_common.h"
#include "integrity_declare.h"

enum { MOST_SLICES = 256, WAIT_MS = 600000, POLL_MS = 200 };

struct config {
    struct integrity_config c;
    struct pg_target source;
    struct schema_config changelog;
    const char *baseline, *held_plan, *geometry_from;
    struct str_list expected_changes, live_writes;
    long long slices, hold_snapshot;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, c.db, "", "the database to judge"),
    {IN_FIELD(struct config, baseline), .type = IN_FILE, .doc = "Certificate from integrity-baseline to compare with"},
    IN_DATABASE(struct config, source, "source_", "the other database, when two are compared"),
    {IN_FIELD(struct config, slices), .type = IN_INTEGER, .def = "8", .min = 1, .max = MOST_SLICES,
     .doc = "Slices wanted, over both databases; each database gets one at least"},
    {IN_FIELD(struct config, hold_snapshot), .type = IN_DURATION, .def = "0", .min = 0, .max = 7 * 86400000LL,
     .doc =
         "Keep the snapshots open for the slices that long, or until SIGTERM; the plan is written before. 0: do not"},
    {IN_FIELD(struct config, held_plan), .type = IN_STRING,
     .doc = "Make no plan: wait for this file, which a run with 'hold_snapshot' writes, and give its outputs"},
    {IN_FIELD(struct config, expected_changes), .type = IN_LIST,
     .doc = "What the change means to alter, as integrity-diff's input"},
    {IN_FIELD(struct config, live_writes), .type = IN_LIST,
     .doc = "What the application writes meanwhile, as integrity-diff's input"},
    {.name = "strictness",
     .type = IN_CHOICE,
     .def = "exact",
     .choices = "exact|semantic|strong",
     .offset = offsetof(struct config, c.strictness),
     .doc = "How two databases are compared; a certificate brings its own"},
    {IN_FIELD(struct config, geometry_from), .type = IN_FILE, .flags = IN_ADVANCED,
     .doc = "For a certificate: an earlier one whose key ranges and strictness are taken over"},
    INTEGRITY_CHANGELOG_INPUTS(struct config, changelog),
    INTEGRITY_INPUTS(struct config, c),
};

static const struct output_spec outputs[] = {
    {"plan_file", OUT_FILE, "The plan, for the slices and for integrity-merge"},
    {"plan_id", OUT_STRING, "SHA-256 of the plan; every part names it"},
    {"slices", OUT_JSON, "List of the slices' ids, for Argo's withParam"},
    {"matrix", OUT_JSON, "GitHub's matrix: {\"include\": [{\"slice\": \"0\"}, …]}"},
    {"slice_list", OUT_STRING, "The ids with commas between, for Harness: slice: <+….slice_list>.split(',')"},
    {"slice_count", OUT_INTEGER, "Number of slices"},
    {"snapshot", OUT_STRING, "Exported snapshot of the database, when it is held"},
    {"source_snapshot", OUT_STRING, "Exported snapshot of the source, when it is held"},
};

static bool load(struct run *run, const char *path, const struct integrity_options *o, struct integrity_plan *plan)
{
    struct deadline end = deadline_min(run->cx->deadline, deadline_in(WAIT_MS));

    while (!file_exists(path)) {
        if (deadline_passed(end)) {
            fail(run->cx, E_TIMEOUT, "out of time while waiting for the plan %s", path);
            err_hint(run->cx,
                     "a run with 'hold_snapshot' writes plan.json into its output folder: is that a folder both see?");
            return false;
        }
        if (!ctx_sleep(run->cx, POLL_MS, "waiting for the plan"))
            return false;
    }
    return integrity_plan_load(run->cx, path, o, plan);
}

static void lists(struct run *run, size_t n)
{
    struct arena *a = run->cx->arena;
    struct str list = str_new(a), matrix = str_new(a), plain = str_new(a);
    struct json_writer l = json_writer(&list), m = json_writer(&matrix);

    json_array(&l, NULL);
    json_object(&m, NULL);
    json_array(&m, "include");
    for (size_t i = 0; i < n; i++) {
        const char *id = arena_printf(a, "%zu", i);
        json_string(&l, NULL, id);
        json_object(&m, NULL);
        json_string(&m, "slice", id);
        json_end_object(&m);
        str_addf(&plain, "%s%s", i ? "," : "", id);
    }
    json_end_array(&l);
    json_end_array(&m);
    json_end_object(&m);
    result_output(run->result, "slices", list.s);
    result_output(run->result, "matrix", matrix.s);
    result_output(run->result, "slice_list", plain.s);
    result_output_int(run->result, "slice_count", (long long)n);
}

static bool run_plan(struct run *run, const void *config)
{
    const struct config *c = config;
    struct integrity_options o;
    struct integrity_plan plan;
    const struct pg_target *s = integrity_given(&c->source);
    const char *path = c->held_plan ? c->held_plan : path_join(run->cx->arena, run->output_dir, "plan.json");

    integrity_fill_options(&c->c, &o);
    o.expected_changes = &c->expected_changes;
    o.live_writes = &c->live_writes;
    o.geometry_from = c->geometry_from;
    struct str_list derived = {0};
    if (c->changelog.changelog_file && !c->held_plan && (c->baseline || s)) {
        struct schema_config changelog = c->changelog;
        changelog.db = c->c.db;
        if (!integrity_declare(run, &changelog, c->baseline ? NULL : s, c->baseline, &c->expected_changes, &derived))
            return false;
        o.derived_changes = &derived;
    }
    if (c->held_plan
            ? !load(run, path, &o, &plan)
            : !integrity_plan_make(run->cx, c->baseline, s, &c->c.db, &o, c->slices, path, c->hold_snapshot, &plan))
        return false;
    result_verdict(run->result, VERDICT_PASS);
    lists(run, plan.slices);
    result_output(run->result, "plan_file", path);
    result_output(run->result, "plan_id", plan.id);
    result_output(run->result, "snapshot", plan.snapshot);
    result_output(run->result, "source_snapshot", plan.source_snapshot);
    result_file(run->result, path);
    result_proof(run->result,
                 "sizes are the catalogue's, and bounds were asked of the key indexes; no row was compared yet");
    if (c->hold_snapshot)
        result_proof(run->result, "the snapshots were held open until the end of this run");
    result_summary(run->result, "%s of %s, %lld pages in all, %lld in the largest; %zu of the source",
                   text_plural(run->cx->arena, (long long)plan.slices, "slice"),
                   text_plural(run->cx->arena, (long long)plan.tables, "table"), plan.pages, plan.largest,
                   plan.source_slices);
    return true;
}

const struct stage stage_integrity_plan = {
    .name = "integrity-plan",
    .summary = "Cut a comparison into slices, for many jobs at once (Argo withParam, GitHub and Harness matrix)",
    .manual =
        "Writes plan.json: both sides as their catalogues have them, what is declared, the key ranges, and slices of about equal size (pages of heap; "
        "small tables are put together). Sizes are the catalogue's and bounds the key indexes', so that no large table is scanned. Then integrity-diff with 'plan' and 'slice' reads one slice into a part file, in any "
        "number of jobs at once, and integrity-merge joins the parts and gives the verdict. A slice that failed is run again by itself.\n\n"
        "All slices of a database must show one moment of it. With 'hold_snapshot' this run keeps a snapshot open, on which every slice reads, "
        "however much is written meanwhile: run it beside the slices (Argo: a daemon step; Harness: a background step) on a folder they share, and a "
        "second integrity-plan with 'held_plan' to wait for the file and give its outputs. Without it nothing may be committed on that server while the "
        "slices run: integrity-merge proves that from their snapshots, or says that it is inconclusive.\n\n"
        "A held snapshot keeps VACUUM from removing what died since: hold it no longer than needed.\n\n"
        "Without 'baseline' and a source the plan is of a certificate: integrity-merge writes it. What stands in one beside rows is "
        "measured while the plan is made.\n\n"
        "What decides what is compared (tables, strictness, declared changes) is given here and stands in the plan; the slices and the merge take it "
        "from there.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_plan,
};
