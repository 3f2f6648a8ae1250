/* integrity_baseline.c - stage integrity-baseline: a certificate of the data. */
#include "dbstep/files.h"
#include "integrity_common.h"

struct config {
    struct integrity_config c;
    const char *certificate, *geometry_from, *resume_dir;
    long long sketch, certificate_max_size;
    struct str_list expected_changes, live_writes;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, c.db, "", "the database to certify"),
    {IN_FIELD(struct config, certificate), .type = IN_STRING,
     .doc = "File to write; certificate.json in the output folder by default"},
    {IN_FIELD(struct config, geometry_from), .type = IN_FILE,
     .doc =
         "An earlier certificate whose key ranges and strictness are taken over, so that the two can be compared without a database"},
    {IN_FIELD(struct config, resume_dir), .type = IN_STRING,
     .doc = "Folder that keeps what was read: a run that was interrupted goes on there, if nothing was written since"},
    {.name = "strictness",
     .type = IN_CHOICE,
     .def = "exact",
     .choices = "exact|semantic|strong",
     .offset = offsetof(struct config, c.strictness),
     .doc =
         "exact: all that a dump would show; semantic: SQL equality of numbers; strong: exact, and SHA-256 of whole rows"},
    {IN_FIELD(struct config, sketch), .type = IN_SIZE, .def = "0", .min = 0, .max = 1LL << 30,
     .doc =
         "Bytes of the certificate for a sketch, from which integrity-diff names rows that changed or went, about 9000 for each 1MB; 0 for none"},
    {IN_FIELD(struct config, expected_changes), .type = IN_LIST,
     .doc =
         "As for integrity-diff; columns that are to change or be dropped are left out of the sketch, so that it can tell what else happens to their rows"},
    {IN_FIELD(struct config, live_writes), .type = IN_LIST,
     .doc = "As for integrity-diff; columns (T.C) that are written meanwhile are left out of the sketch"},
    {IN_FIELD(struct config, certificate_max_size), .type = IN_SIZE, .flags = IN_ADVANCED, .def = "0", .min = 0,
     .max = 1LL << 40,
     .doc = "Largest size of the certificate: key ranges are made coarser until it fits; 0 for no limit"},
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
    o.sketch_bytes = c->sketch;
    o.expected_changes = &c->expected_changes;
    o.live_writes = &c->live_writes;
    o.certificate_bytes = c->certificate_max_size;
    o.geometry_from = c->geometry_from;
    bool ok = c->resume_dir ? integrity_baseline_resumable(run->cx, c->resume_dir, &c->c.db, &o, path, &r)
                            : integrity_baseline(run->cx, &c->c.db, &o, path, &r);
    if (!ok)
        return false;
    integrity_certificate_to_result(run, &r);
    return true;
}

const struct stage stage_integrity_baseline = {
    .name = "integrity-baseline",
    .summary = "Take a certificate of the data: per table, per key range, per column",
    .manual =
        "Reads every table once, on one snapshot, and writes a certificate: digests of the values, never the values. integrity-diff compares it with a "
        "database later, here or elsewhere.\n\n"
        "Tables that the role may not read, or whose rows a policy hides, make the verdict inconclusive. Not covered, and listed as such: foreign, "
        "unlogged and temporary tables, the changelog's own history tables, and, unless asked for, materialized views and large objects. What guards the data "
        "(constraints, defaults, indexes, triggers, sequences) is in the certificate as well.\n\n"
        "A certificate holds no rows. With 'sketch' it holds enough to name rows that are changed or deleted later, up to about 9000 changed ones for "
        "each megabyte, or twice as many that came or went. It takes a second reading of the tables, and PostgreSQL 14.\n\n" INTEGRITY_MANUAL_THROTTLE
        "A certificate that is to be compared on a server of another architecture or encoding is taken with digest=portable, one for or from "
        "PostgreSQL 13 with aggregate=sum.\n\n"
        "The certificate is bound by a SHA-256 root over all of it: a changed or truncated file is refused.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_baseline,
};
