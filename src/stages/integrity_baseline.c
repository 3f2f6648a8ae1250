/* integrity_baseline.c - stage integrity-baseline: a certificate of the data. */
#include "dbstep/files.h"
#include "integrity_common.h"

struct config {
    struct integrity_config c;
    const char *certificate;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, c.db, "", "the database to certify"),
    {IN_FIELD(struct config, certificate), .type = IN_STRING,
     .doc = "File to write; certificate.json in the output folder by default"},
    {.name = "strictness",
     .type = IN_CHOICE,
     .def = "exact",
     .choices = "exact|semantic|strong",
     .offset = offsetof(struct config, c.strictness),
     .doc =
         "exact: all that a dump would show; semantic: SQL equality of numbers; strong: exact, and SHA-256 of whole rows"},
    INTEGRITY_INPUTS(struct config, c),
};

static const struct output_spec outputs[] = {
    {"certificate_file", OUT_FILE, "The certificate, for integrity-diff's input 'baseline'"},
    INTEGRITY_OUTPUTS,
};

static bool run_baseline(struct run *run, const void *config)
{
    const struct config *c = config;
    struct integrity_options o;
    struct integrity_report r = {.unproven = false};
    const char *path = c->certificate ? c->certificate : path_join(run->cx->arena, run->output_dir, "certificate.json");

    integrity_fill_options(&c->c, &o);
    if (!integrity_baseline(run->cx, &c->c.db, &o, path, &r))
        return false;
    integrity_to_result(run, &r);
    result_output(run->result, "certificate_file", path);
    result_file(run->result, path);
    result_summary(run->result, "certified %s of %s%s", text_plural(run->cx->arena, r.rows_compared, "row"),
                   text_plural(run->cx->arena, r.tables_compared, "table"),
                   r.unproven ? "; some tables could not be read" : "");
    return true;
}

const struct stage stage_integrity_baseline = {
    .name = "integrity-baseline",
    .summary = "Take a certificate of the data: per table, per key range, per column",
    .manual =
        "Reads every table once, on one snapshot, and writes a certificate: digests of the values, never the values. integrity-diff compares it with a "
        "database later, here or elsewhere.\n\n"
        "Tables that the role may not read, or whose rows a policy hides, make the verdict inconclusive. Not covered, and listed as such: foreign, "
        "unlogged and temporary tables, materialized views, and the changelog's own history tables.\n\n" INTEGRITY_MANUAL_THROTTLE
        "The certificate is bound by a SHA-256 root over all of it: a changed or truncated file is refused.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_baseline,
};
