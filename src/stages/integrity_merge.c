/* integrity_merge.c - stage integrity-merge: the parts of a fan-out put together, and the verdict. */
#include "dbstep/files.h"
#include "integrity_common.h"

struct config {
    struct integrity_config c;
    struct pg_target source;
    const char *plan, *baseline, *certificate;
    struct str_list parts;
    struct integrity_naming naming;
};

static const struct input_spec inputs[] = {
    {IN_FIELD(struct config, plan), .type = IN_FILE, .flags = IN_REQUIRED, .doc = "The plan that integrity-plan wrote"},
    {IN_FIELD(struct config, parts), .type = IN_LIST, .flags = IN_REQUIRED,
     .doc = "Part files of all slices, or folders that hold them, at most one level deeper"},
    {IN_FIELD(struct config, baseline), .type = IN_FILE, .doc = "The certificate, when the plan was made with one"},
    {IN_FIELD(struct config, certificate), .type = IN_STRING,
     .doc = "File to write when the plan is of a certificate; certificate.json in the output folder by default"},
    IN_DATABASE(struct config, c.db, "", "the database that was judged, so that differing rows are named"),
    IN_DATABASE(struct config, source, "source_", "the other database, so that differing rows are named"),
    INTEGRITY_NAMING(struct config, naming),
    {.name = "connections",
     .type = IN_INTEGER,
     .def = "2",
     .min = 1,
     .max = 32,
     .offset = offsetof(struct config, c.connections),
     .doc = "Connections per database, all on one snapshot"},
};

static const struct output_spec outputs[] = {
    {"certificate_file", OUT_FILE, "The certificate, when the plan is of one"},
    INTEGRITY_DIFF_OUTPUTS,
    INTEGRITY_OUTPUTS,
};

static bool run_merge(struct run *run, const void *config)
{
    const struct config *c = config;
    struct integrity_options o;
    struct integrity_report r = {.unproven = false};
    const struct pg_target *db = integrity_given(&c->c.db);
    const char *path = c->certificate ? c->certificate : path_join(run->cx->arena, run->output_dir, "certificate.json");

    integrity_fill_options(&c->c, &o);
    o.slice_bytes = 512LL << 20;
    integrity_fill_naming(&c->naming, &o);
    if (!integrity_merge(run->cx, c->plan, &c->parts, c->baseline, integrity_given(&c->source), db, &o, path, &r))
        return false;
    if (!r.certificate_file)
        return integrity_diff_to_result(run, &r);
    integrity_certificate_to_result(run, &r);
    return true;
}

const struct stage stage_integrity_merge = {
    .name = "integrity-merge",
    .summary = "Join the parts of a fan-out and compare: the verdict of integrity-diff",
    .manual =
        "Every slice of the plan must be there exactly once, intact, of this plan and its databases: a part that is missing, doubled, foreign or edited "
        "is an error that names it.\n\n"
        "The parts of a database must show one moment: read on the snapshot that the plan's run held, or on snapshots of the same transactions, so that "
        "nothing was committed between them (writers stopped, or a clone that nobody writes). Otherwise the verdict is inconclusive, and differences "
        "are warnings.\n\n"
        "Without databases the key ranges and columns that differ are named. With 'db_url' and, for a plan of two databases, 'source_db_url' the rows "
        "are, wherever the databases still show what the parts were read from: that is checked by reading those ranges again. Orphans, duplicates and large "
        "objects are looked at there only.\n\n"
        "A plan that was made with neither 'baseline' nor a source ends in a certificate, as integrity-baseline writes it; slices of different moments "
        "make none.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_merge,
};
