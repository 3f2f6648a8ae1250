/* volume_clone.c - stage volume-clone: a copy of production, and the proof that it is production's data. */
#include "dbstep/clone.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

enum { PROVIDER_AUTO }; /* the others follow in the order of clone_providers[] */

struct config {
    struct pg_target source, db;
    int provider, sessions, strategy, verify, checkpoint;
    const char *clone_name, *maintenance_db, *target_dir, *server_dir, *target_owner;
    const char *expect_lsn, *expect_system_identifier, *source_snapshot;
    struct str_list tablespace_mapping, clone_settings;
    long long max_rate, sessions_wait, connections;
    bool replace, replace_unmarked, copy_settings, neutralise, write_config, server_stopped, verify_only;
};

static const struct input_spec inputs[] = {
    IN_DATABASE(struct config, source, "source_", "production, which is copied"),
    {IN_FIELD(struct config, provider), .type = IN_CHOICE, .def = "auto", .choices = "auto|template|basebackup",
     .doc = "How the copy is made; auto: basebackup when target_dir is given, else template"},
    {IN_FIELD(struct config, clone_name), .type = IN_STRING,
     .doc = "Provider template: name of the database to make, in the source's cluster"},
    {IN_FIELD(struct config, target_dir), .type = IN_STRING,
     .doc =
         "Provider basebackup: folder that becomes the copy's data directory; in a pod a folder below the volume's mount point"},
    {IN_FIELD(struct config, sessions), .type = IN_CHOICE, .def = "refuse", .choices = "refuse|wait|terminate",
     .doc = "Provider template: what to do about sessions on the source, with which PostgreSQL copies no database"},
    {IN_FIELD(struct config, sessions_wait), .type = IN_DURATION, .def = "5m", .min = 0, .max = 86400000,
     .doc = "How long sessions: wait waits"},
    {IN_FIELD(struct config, strategy), .type = IN_CHOICE, .flags = IN_ADVANCED, .def = "auto",
     .choices = "auto|wal_log|file_copy",
     .doc = "Provider template, PostgreSQL 15 and later: how the files are copied; auto: by the size"},
    {IN_FIELD(struct config, copy_settings), .type = IN_BOOLEAN, .def = "true",
     .doc = "Provider template: give the copy the source's ALTER DATABASE … SET settings as well"},
    {IN_FIELD(struct config, maintenance_db), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc = "Provider template: database of the same cluster to be connected to meanwhile; postgres, else template1"},
    {IN_FIELD(struct config, replace), .type = IN_BOOLEAN, .def = "true",
     .doc = "Replace a finished copy that an earlier run made"},
    {IN_FIELD(struct config, replace_unmarked), .type = IN_BOOLEAN, .def = "false",
     .doc = "Remove whatever is in the copy's place, although dbstep did not make it"},
    {IN_FIELD(struct config, max_rate), .type = IN_SIZE, .def = "0", .min = 0, .max = 1LL << 30,
     .doc = "Provider basebackup: most bytes per second that the source sends, 32kB to 1GB; 0: no limit"},
    {IN_FIELD(struct config, checkpoint), .type = IN_CHOICE, .def = "fast", .choices = "fast|spread",
     .doc = "Provider basebackup: force a checkpoint on the source, or wait for a gentle one"},
    {IN_FIELD(struct config, tablespace_mapping), .type = IN_LIST,
     .doc = "Provider basebackup: OLD=NEW folders of tablespaces; others go to target_dir.tablespaces/OID"},
    {IN_FIELD(struct config, server_dir), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc =
         "Provider basebackup: path at which the copy's server will see target_dir, when the volume is mounted elsewhere there"},
    {IN_FIELD(struct config, target_owner), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc =
         "Provider basebackup, when run as root: UID or UID:GID of the copy's server; default: the owner of the nearest existing folder"},
    {IN_FIELD(struct config, neutralise), .type = IN_BOOLEAN, .def = "true",
     .doc =
         "Provider basebackup: switch off archiving, synchronous standbys, subscriptions and scheduled jobs in the copy"},
    {IN_FIELD(struct config, clone_settings), .type = IN_LIST,
     .doc = "Provider basebackup: NAME=VALUE settings appended to the copy's postgresql.auto.conf"},
    {IN_FIELD(struct config, write_config), .type = IN_BOOLEAN, .def = "true",
     .doc =
         "Provider basebackup: write a minimal postgresql.conf and pg_hba.conf when the source keeps its own outside the data directory"},
    {IN_FIELD(struct config, server_stopped), .type = IN_BOOLEAN, .flags = IN_ADVANCED, .def = "false",
     .doc = "Provider basebackup: vouch that no server runs on target_dir although a postmaster.pid is there"},
    {IN_FIELD(struct config, verify), .type = IN_CHOICE, .def = "auto", .choices = "auto|none|counts|digests",
     .doc = "How tables are compared with the source's; auto: digests up to 4 GB, counts above"},
    {IN_FIELD(struct config, connections), .type = IN_INTEGER, .flags = IN_ADVANCED, .def = "2", .min = 1, .max = 32,
     .doc = "Connections per side that compare tables"},
    {IN_FIELD(struct config, verify_only), .type = IN_BOOLEAN, .def = "false",
     .doc = "Copy nothing: prove the started copy at db_url, whoever made it"},
    IN_DATABASE(struct config, db, "", "the started copy, for verify_only"),
    {IN_FIELD(struct config, expect_lsn), .type = IN_STRING,
     .doc = "verify_only: the copy must be at or past it; output end_lsn of the step that made it"},
    {IN_FIELD(struct config, expect_system_identifier), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc = "The copy must have this one; default: the source's at this moment"},
    {IN_FIELD(struct config, source_snapshot), .type = IN_STRING,
     .doc =
         "verify_only: output of the same name of the step that made the copy; tells rows written later from lost ones"},
};

static const struct output_spec outputs[] = {
    {"provider", OUT_STRING, "How the copy was made"},
    {"strategy", OUT_STRING, "The provider's way: wal_log, file_copy, basebackup, basebackup with slot"},
    {"target", OUT_STRING, "The copy: name of the database, or path of the data directory"},
    {"system_identifier", OUT_STRING, "System identifier of the cluster, which the copy shares with the source"},
    {"timeline", OUT_INTEGER, "Timeline of the copy"},
    {"start_lsn", OUT_STRING, "Position of the source when the copy began"},
    {"end_lsn", OUT_STRING, "Position up to which the copy has the source's changes"},
    {"source_snapshot", OUT_STRING,
     "Transaction snapshot of the source before the copy began; empty when it could not be asked"},
    {"server_version", OUT_STRING, "Version of the source's server"},
    {"bytes_copied", OUT_INTEGER, "Bytes of the copy"},
    {"files_copied", OUT_INTEGER, "Files written, 0 where the server copies them itself"},
    {"replaced", OUT_BOOLEAN, "Whether an older copy was removed"},
    {"tables_compared", OUT_INTEGER, "Tables of the copy found equal to the source's"},
    {"rows_compared", OUT_INTEGER, "Rows in those tables"},
};

static struct clone_request request(const struct run *run, const struct config *c)
{
    return (struct clone_request){
        .source = c->source,
        .dry_run = run->dry_run,
        .replace = c->replace,
        .replace_unmarked = c->replace_unmarked,
        .clone_name = c->clone_name,
        .maintenance_db = c->maintenance_db,
        .connections = (enum clone_connections)c->sessions,
        .connections_wait_ms = c->sessions_wait,
        .strategy = (enum clone_strategy)c->strategy,
        .copy_settings = c->copy_settings,
        .target_dir = c->target_dir,
        .server_dir = c->server_dir,
        .tablespace_mapping = c->tablespace_mapping,
        .max_rate = c->max_rate,
        .spread_checkpoint = c->checkpoint == 1,
        .neutralise = c->neutralise,
        .write_config = c->write_config,
        .clone_settings = c->clone_settings,
        .target_owner = c->target_owner,
        .server_stopped = c->server_stopped,
        .verify = (enum clone_verify)c->verify,
        .verify_connections = (int)c->connections,
        .clone = c->db,
        .expect_lsn = c->expect_lsn,
        .expect_system_identifier = c->expect_system_identifier,
        .source_snapshot = c->source_snapshot,
    };
}

static const char *count(struct arena *a, long long rows)
{
    return rows < 0 ? "" : text_group_digits(a, rows);
}

static void show_findings(struct run *run, const struct clone_report *r)
{
    struct arena *a = run->cx->arena;

    for (size_t i = 0; i < r->notes.n; i++) {
        const struct clone_note *n = &r->notes.at[i];
        result_finding(run->result, n->level == CLONE_WARNING ? SEV_WARNING : SEV_NOTE, n->code, "%s", n->message)
            ->hint = n->hint;
    }
    for (size_t i = 0; i < r->proofs.n; i++)
        result_proof(run->result, "%s", r->proofs.at[i]);
    for (size_t i = 0; i < r->uncovered.n; i++)
        result_uncovered(run->result, "%s", r->uncovered.at[i]);
    for (size_t i = 0; i < r->phases.n; i++)
        result_timing(run->result, r->phases.at[i].name, r->phases.at[i].ms);
    if (!r->tables.n)
        return;
    struct result_table *t = result_table(run->result, "Tables that are not simply equal",
                                          "table|#rows in the source|#rows in the copy|verdict");
    for (size_t i = 0; i < r->tables.n; i++) {
        const struct clone_table *x = &r->tables.at[i];
        const char *const row[] = {x->name, count(a, x->source_rows), count(a, x->clone_rows), x->verdict};
        result_row(run->result, t, row);
        if (text_starts(x->verdict, "differs") || text_starts(x->verdict, "missing"))
            result_finding(run->result, SEV_ERROR, "clone-table-differs", "%s: %s", x->name, x->verdict)->object =
                x->name;
    }
}

static void set_outputs(struct run *run, const struct clone_report *r)
{
    struct result *out = run->result;
    const struct {
        const char *name, *value;
    } texts[] = {{"provider", r->provider},
                 {"strategy", r->strategy},
                 {"target", r->target},
                 {"system_identifier", r->system_identifier},
                 {"start_lsn", r->start_lsn},
                 {"end_lsn", r->end_lsn},
                 {"source_snapshot", r->source_snapshot},
                 {"server_version", r->server_version}};

    for (size_t i = 0; i < COUNT(texts); i++)
        result_output(out, texts[i].name, texts[i].value ? texts[i].value : "");
    result_output_int(out, "timeline", r->timeline);
    result_output_int(out, "bytes_copied", r->bytes_copied);
    result_output_int(out, "files_copied", r->files_copied);
    result_output_bool(out, "replaced", r->replaced);
    result_output_int(out, "tables_compared", r->tables_compared);
    result_output_int(out, "rows_compared", r->rows_compared);
}

static void summarise(struct run *run, const struct clone_report *r, bool verify_only)
{
    struct arena *a = run->cx->arena;
    const char *tables = r->verified
                             ? arena_printf(a, ", %s with %s equal", text_plural(a, r->tables_compared, "table"),
                                            text_plural(a, r->rows_compared, "row"))
                             : "";

    if (run->dry_run)
        result_summary(run->result, "%s", r->notes.n ? r->notes.at[r->notes.n - 1].message : "nothing to do");
    else if (verify_only)
        result_summary(run->result, "the copy equals its source%s", tables);
    else
        result_summary(run->result, "copied %s to %s (%s)%s", text_size(a, (unsigned long long)r->bytes_copied),
                       r->target, r->strategy, tables);
}

static bool run_volume_clone(struct run *run, const void *config)
{
    const struct config *c = config;
    struct clone_request q = request(run, c);
    struct clone_report r = {.provider = NULL};
    int choice = c->provider != PROVIDER_AUTO ? c->provider - 1 : text_empty(c->target_dir) ? 0 : 1;
    const struct clone_provider *provider = clone_providers[choice];

    if (c->provider == PROVIDER_AUTO && !c->verify_only && !text_empty(c->target_dir) && !text_empty(c->clone_name))
        return fail(run->cx, E_INPUT,
                    "clone_name is for provider template and target_dir for basebackup: give one of them");
    r.provider = provider->name;
    bool ok = c->verify_only ? clone_prove(run->cx, &q, &r) : provider->run(run->cx, &q, &r);
    /* After a failed proof the evidence is wanted most. */
    show_findings(run, &r);
    set_outputs(run, &r);
    if (!ok)
        return false;
    result_verdict(run->result, r.inconclusive ? VERDICT_INCONCLUSIVE : VERDICT_PASS);
    summarise(run, &r, c->verify_only);
    return true;
}

const struct stage stage_volume_clone = {
    .name = "volume-clone",
    .summary = "Make a copy of production, and prove that it is production's data",
    .manual =
        "Provider template: CREATE DATABASE … TEMPLATE in production's own cluster. source_db_url names the database to copy,\n"
        "clone_name the one to make. PostgreSQL copies a database only while nobody is connected to it; sessions says what to\n"
        "do: refuse names the sessions and changes nothing, wait waits for them to end, terminate ends them. While the copy is made\n"
        "new sessions wait to be let in, whatever the choice; once the step ends, however it ends, they are.\n"
        "The copy gets the source's owner, privileges and, unless copy_settings is false, its database settings; it can be\n"
        "connected to only once it is complete. Its comment says whose copy it is.\n"
        "\n"
        "Provider basebackup: PostgreSQL's base backup, over the replication protocol, into target_dir, with the WAL that the\n"
        "copy needs to start. The role in source_db_url needs REPLICATION, and pg_hba.conf a line for replication. Every file\n"
        "is held against the server's manifest (size and SHA-256), pg_control and the WAL are looked into, and all is made\n"
        "durable before the copy counts as complete. A standby may be the source too; its backup may\n"
        "end a little before the stage began, and the result says so then.\n"
        "In a pod, mount the volume and let target_dir be a folder below the mount point (/data/pgdata): PostgreSQL must own its\n"
        "data directory, and the root of a volume holds lost+found. Run the step with the uid of the database server. Tablespaces\n"
        "go beside it, to target_dir.tablespaces/OID, unless tablespace_mapping says otherwise.\n"
        "A copy must not act as production: archiving, synchronous standbys, subscriptions, replication and scheduled jobs are\n"
        "switched off in its postgresql.auto.conf, and it starts as a primary. Port and listen_addresses are the caller's, by\n"
        "clone_settings or on the server's command line.\n"
        "The file dbstep-clone.json in target_dir says whose copy it is. Only an empty folder or one so marked is ever filled or\n"
        "emptied; an unfinished copy is removed and made anew.\n"
        "\n"
        "Proof of a started copy: verify_only, with db_url of the copy, and expect_lsn and source_snapshot from the outputs of the\n"
        "step that made it. Tables that production wrote to meanwhile are compared up to the snapshot, or reported as not covered.",
    .inputs = inputs,
    .n_inputs = COUNT(inputs),
    .outputs = outputs,
    .n_outputs = COUNT(outputs),
    .config_size = sizeof(struct config),
    .run = run_volume_clone,
};
