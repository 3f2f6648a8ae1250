/* basebackup.c - provider `basebackup`: the replication protocol's base backup into a folder; see clone.h.
 *
 * Two replication connections: one holds a temporary slot, so that the WAL from the backup's start on stays until the server sends it at the
 * end; the other one takes the backup. A third, ordinary one is asked for the snapshot by which a later comparison tells what was
 * written since; it may be refused without harm.
 *
 * Commands (PostgreSQL documentation, "Streaming Replication Protocol"): IDENTIFY_SYSTEM, SHOW, CREATE_REPLICATION_SLOT … TEMPORARY PHYSICAL
 * RESERVE_WAL, BASE_BACKUP, whose options are bare words before 15 and a list in parentheses from 15 on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "dbstep/clone.h"
#include "dbstep/files.h"
#include "dbstep/log.h"
#include "dbstep/pg.h"
#include "neutral.h"
#include "receive.h"
#include "sql.h"
#include "target.h"
#include "tree.h"

enum { RATE_MIN = 32 << 10, CLEANUP_MS = 120000 };

struct backup {
    struct ctx *cx;
    const struct clone_request *q;
    struct clone_report *r;
    struct target target;
    struct receiver receiver;
    struct pg *pg, *slot;
    const char *system_identifier, *lsn_before;
    uint64_t start, end;
    int timeline;
    unsigned long long announced; /* bytes */
};

/* ---- talking to the server ---- */

/* The record keeps the first hint, and the general ones of io/pg come first; here more is known. */
static void better_hint(struct ctx *cx, const char *text)
{
    snprintf(cx->err.hint, sizeof cx->err.hint, "%s", text);
}

static void explain(struct ctx *cx, const struct pg_target *source)
{
    struct arena *a = cx->arena;
    const char *who = pg_target_user(cx, source);

    if (pg_failed_with(cx, "28000"))
        better_hint(
            cx, arena_printf(a,
                             "the server's pg_hba.conf needs a line for replication, which \"all\" does not cover: "
                             "host replication %s ADDRESS/32 scram-sha-256 (or: local replication %s scram-sha-256)",
                             who, who));
    else if (pg_failed_with(cx, "42501"))
        cx->err.code = E_PERMISSION, better_hint(cx, arena_printf(a, "ALTER ROLE \"%s\" REPLICATION;", who));
    else if (pg_failed_with(cx, "53300"))
        cx->err.code = E_CAPACITY,
        better_hint(
            cx,
            "a base backup takes one or two of the source's max_wal_senders: raise it (0 means that wal_level is minimal), or end a standby or another backup");
    else if (pg_failed_with(cx, "XX001"))
        cx->err.code = E_VERIFY,
        better_hint(
            cx,
            "pages of production's own data fail their checksum; the server's log names the files. Look at production before anything else");
    else if (pg_failed_with(cx, "55000") && strstr(cx->err.message, "WAL level"))
        better_hint(cx, "set wal_level to replica on the source, and restart it");
}

static bool open_replication(struct backup *b, struct pg **out)
{
    struct pg_options o = {.role = "source", .replication = true};
    if (pg_open(b->cx, &b->q->source, &o, out))
        return true;
    explain(b->cx, &b->q->source);
    return false;
}

/* A command that answers with one result; its first row's columns as texts in the arena. */
static bool command(struct ctx *cx, struct pg *pg, const char *sql, const char **out, int n)
{
    bool copy, more;
    for (int i = 0; i < n; i++)
        out[i] = "";
    if (!pg_send(cx, pg, sql))
        return false;
    for (;;) {
        PG_ROWS_AUTO rows = {.handle = NULL};
        if (!pg_next_result(cx, pg, &rows, &copy, &more))
            return false;
        if (!more)
            return true;
        for (int i = 0; rows.n > 0 && i < n && i < rows.columns; i++)
            out[i] = arena_strdup(cx->arena, pg_text(&rows, 0, i));
    }
}

/* "" when the server will not say: settings may be hidden from the role. */
static const char *show(struct ctx *cx, struct pg *pg, const char *name)
{
    const char *value;
    if (command(cx, pg, arena_printf(cx->arena, "SHOW %s", name), &value, 1))
        return value;
    if (cx->err.code != E_INTERRUPTED && cx->err.code != E_TIMEOUT && pg_alive(pg))
        err_clear(cx);
    return "";
}

static bool identify(struct backup *b)
{
    const char *id[4];
    if (!command(b->cx, b->pg, "IDENTIFY_SYSTEM", id, 4))
        return false;
    b->system_identifier = id[0];
    b->lsn_before = id[2];
    b->target.marker.source = text_replace(b->cx->arena, pg_where(b->pg), ", replication", "");
    if (pg_version(b->pg) < 130000)
        return fail(b->cx, E_INPUT, "PostgreSQL %d is too old (%s)", pg_version(b->pg) / 10000, pg_where(b->pg));
    uint64_t lsn;
    return (*id[0] && pg_lsn_parse(id[2], &lsn)) ||
           fail(b->cx, E_EXTERNAL, "the server does not identify itself (%s)", pg_where(b->pg));
}

static bool hold_wal(struct backup *b)
{
    struct ctx *cx = b->cx;
    const char *sql =
        arena_printf(cx->arena, "CREATE_REPLICATION_SLOT dbstep_clone_%d_%lld TEMPORARY PHYSICAL RESERVE_WAL",
                     (int)getpid(), clock_wall_ms() % 1000000000);
    const char *ignored;
    struct pg_options o = {.role = "source", .replication = true, .no_retry = true};

    if (pg_open(cx, &b->q->source, &o, &b->slot) && command(cx, b->slot, sql, &ignored, 1))
        return true;
    if (cx->err.code == E_INTERRUPTED || cx->err.code == E_TIMEOUT)
        return false;
    struct clone_note *n = clone_note(
        cx, b->r, CLONE_WARNING, "clone-no-slot",
        "no replication slot could be had, so the source may recycle WAL that the copy needs: %s", cx->err.message);
    n->hint =
        "the copy is still verified: when WAL is missing the stage fails. Raise max_wal_senders or max_replication_slots, or wal_keep_size";
    err_clear(cx);
    pg_close(b->slot);
    b->slot = NULL;
    return true;
}

static bool take_snapshot(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct pg_options o = {.role = "source", .no_retry = true};
    PG_AUTO pg = NULL;

    b->r->source_snapshot = "";
    if (pg_open(cx, &b->q->source, &o, &pg) &&
        pg_query_text(cx, pg, &b->r->source_snapshot, "SELECT pg_current_snapshot()", 0, NULL))
        return true;
    if (cx->err.code == E_INTERRUPTED || cx->err.code == E_TIMEOUT)
        return false;
    log_info(
        "no ordinary session on the source (%s), so a later comparison cannot tell which tables were written meanwhile",
        cx->err.message);
    err_clear(cx);
    b->r->source_snapshot = "";
    return true;
}

/* From inside a container a running server cannot be seen, and the user may vouch for the wrong folder: the source's own folder has its system
 * identifier, and in postmaster.pid (third line) the second at which its server started, a moment before what the server itself says. */
static bool refuse_source_itself(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct pg_options o = {.role = "source", .no_retry = true};
    const char *path = path_join(cx->arena, b->target.dir, "postmaster.pid"), *line;
    struct control control;
    char *content;
    size_t len;
    long long started = 0;
    PG_AUTO pg = NULL;

    if (!file_exists(path) || !file_exists(path_join(cx->arena, b->target.dir, "global/pg_control")))
        return true;
    if (!file_read(cx, path, 65536, &content, &len) || !control_read(cx, b->target.dir, &control))
        return false;
    if (!text_equal(arena_printf(cx->arena, "%" PRIu64, control.system_identifier), b->system_identifier))
        return true;
    line = content;
    for (int i = 0; i < 2 && line; i++)
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
    long long there = line ? strtoll(line, NULL, 10) : 0;
    if (!pg_open(cx, &b->q->source, &o, &pg) || !pg_query_int(cx, pg, &started, sql_clone_started, 0, NULL)) {
        if (cx->err.code == E_INTERRUPTED || cx->err.code == E_TIMEOUT)
            return false;
        err_clear(cx);
    }
    if (started ? started < there - 1 || started > there + 60
                : file_exists(path_join(cx->arena, b->target.dir, MARKER_NAME)))
        return true;
    fail(cx, E_GUARD, "target_dir '%s' is the source's own data directory", b->target.dir);
    err_hint(cx, "no input makes that possible: choose another folder");
    return false;
}

static const char *backup_command(const struct backup *b)
{
    struct arena *a = b->cx->arena;
    long long rate = b->q->max_rate / 1024;
    bool fast = !b->q->spread_checkpoint;

    if (pg_version(b->pg) >= 150000)
        return arena_printf(
            a,
            "BASE_BACKUP (LABEL 'dbstep copy', PROGRESS true, CHECKPOINT '%s', WAL true, WAIT false%s, MANIFEST 'yes', MANIFEST_CHECKSUMS 'SHA256')",
            fast ? "fast" : "spread", rate ? arena_printf(a, ", MAX_RATE %lld", rate) : "");
    return arena_printf(
        a, "BASE_BACKUP LABEL 'dbstep copy' PROGRESS%s WAL NOWAIT%s MANIFEST 'yes' MANIFEST_CHECKSUMS 'SHA256'",
        fast ? " FAST" : "", rate ? arena_printf(a, " MAX_RATE %lld", rate) : "");
}

static bool take_position(struct backup *b, uint64_t *lsn, int *timeline)
{
    PG_ROWS_AUTO rows = {.handle = NULL};
    bool copy, more;

    if (!pg_next_result(b->cx, b->pg, &rows, &copy, &more))
        return false;
    if (copy || rows.n != 1 || rows.columns < 2 || !pg_lsn_parse(pg_text(&rows, 0, 0), lsn))
        return fail(b->cx, E_EXTERNAL, "the server did not say where its base backup begins or ends (%s)",
                    pg_where(b->pg));
    *timeline = (int)pg_int(&rows, 0, 1);
    return true;
}

static bool take_tablespaces(struct backup *b)
{
    struct ctx *cx = b->cx;
    PG_ROWS_AUTO rows = {.handle = NULL};
    bool copy, more;

    if (!pg_next_result(cx, b->pg, &rows, &copy, &more))
        return false;
    if (copy || rows.columns < 3 || rows.n < 1)
        return fail(cx, E_EXTERNAL, "the server sent no list of tablespaces (%s)", pg_where(b->pg));
    for (int i = 0; i < rows.n; i++) {
        b->announced += (unsigned long long)pg_int(&rows, i, 2) * 1024;
        if (pg_null(&rows, i, 0) || !*pg_text(&rows, i, 0))
            continue; /* the data directory itself */
        struct marker_tablespace *s = VEC_PUSH(cx->arena, &b->target.marker.tablespaces);
        s->oid = arena_strdup(cx->arena, pg_text(&rows, i, 0));
        s->from = arena_strdup(cx->arena, pg_text(&rows, i, 1));
        if (strspn(s->oid, "0123456789") != strlen(s->oid))
            return fail(cx, E_EXTERNAL, "the server names a tablespace '%s'", s->oid);
    }
    return true;
}

/* The announced size is all that lies on the volume of the data directory when the tablespaces go beside it; when they go elsewhere the
 * question is too hard for an estimate, and a full disk is found while writing. */
static bool check_room(struct backup *b)
{
    struct ctx *cx = b->cx;
    unsigned long long room, spare = 64ULL << 20; /* WAL that comes at the end */
    dev_t device, other;

    if (!tree_free_space(cx, b->target.dir, &room, &device))
        return false;
    for (size_t i = 0; i < b->target.marker.tablespaces.n; i++) {
        unsigned long long ignored;
        if (!tree_free_space(cx, b->target.marker.tablespaces.at[i].to, &ignored, &other))
            return false;
        if (other != device)
            return true;
    }
    if (room >= b->announced + spare)
        return true;
    fail(cx, E_CAPACITY, "the volume of '%s' is too small: %s free, %s needed", b->target.dir,
         text_size(cx->arena, room), text_size(cx->arena, b->announced + spare));
    err_hint(cx, "give the copy a volume of at least the size of production's");
    return false;
}

static bool copy_everything(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct receiver *rx = &b->receiver;
    bool copy, more;
    int end_timeline = 0;

    rx->folder_mode = text_equal(show(cx, b->pg, "data_directory_mode"), "0750") ? 0750 : 0700;
    log_info("base backup of %s into '%s'%s", pg_where(b->pg), b->target.dir,
             b->q->spread_checkpoint ? "; waiting for a checkpoint" : "");
    if (cx->err.code != E_OK || !pg_send(cx, b->pg, backup_command(b)) || !take_position(b, &b->start, &b->timeline) ||
        !take_tablespaces(b))
        return false;
    b->target.marker.system_identifier = b->system_identifier;
    b->target.marker.timeline = b->timeline;
    b->target.marker.start_lsn = pg_lsn_text(cx->arena, b->start);
    if (!target_tablespaces(cx, b->q, &b->target))
        return false;
    for (size_t i = 0; i < b->target.marker.tablespaces.n; i++)
        if (!b->target.marker.tablespaces.at[i].link && !tree_make(cx, b->target.marker.tablespaces.at[i].to, 0700))
            return false;
    if (!check_room(b))
        return false;
    rx->data_dir = b->target.dir;
    rx->marker = &b->target.marker;
    rx->total = b->announced;
    if (!receive_archives(cx, b->pg, rx) || !take_position(b, &b->end, &end_timeline))
        return false;
    do {
        PG_ROWS_AUTO rest = {.handle = NULL};
        if (!pg_next_result(cx, b->pg, &rest, &copy, &more))
            return false;
    } while (more);
    return end_timeline == b->timeline ||
           fail(cx, E_REJECTED, "the source changed its timeline from %d to %d during the backup (a promotion)",
                b->timeline, end_timeline);
}

/* ---- proof ---- */

/* A primary's backup ends after it began. A standby's ends where its files are consistent, which may lie before what it had received: it
 * cannot make a checkpoint of its own. */
static bool prove_recent(struct backup *b)
{
    struct ctx *cx = b->cx;
    const char *end = pg_lsn_text(cx->arena, b->end);
    uint64_t before;
    char *label;
    size_t len;

    pg_lsn_parse(b->lsn_before, &before);
    if (b->end >= before) {
        clone_proof(cx, b->r, "It is recent: it is consistent at %s, and the source was at %s when the stage began",
                    end, b->lsn_before);
        return true;
    }
    if (!file_read(cx, path_join(cx->arena, b->target.dir, "backup_label"), 65536, &label, &len))
        return false;
    if (!strstr(label, "BACKUP FROM: standby"))
        return fail(cx, E_VERIFY, "the copy ends at %s, before the position the source was at when the stage began, %s",
                    end, b->lsn_before);
    clone_uncovered(
        cx, b->r,
        "How recent: the copy is consistent at %s, %s before what the standby had received when the stage began (%s)",
        end, text_size(cx->arena, before - b->end), b->lsn_before);
    clone_note(cx, b->r, CLONE_WARNING, "clone-behind-standby",
               "a standby's backup may end a little before the stage began: at %s instead of %s", end, b->lsn_before)
        ->hint =
        "the WAL that came with it may lead further: once the copy runs, prove it with verify_only and the expect_lsn you need; or copy from the primary";
    return true;
}

static bool prove(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct arena *a = cx->arena;
    const struct manifest *m = &b->receiver.manifest;
    struct control control;
    long long segments = 0, records = 0;

    clone_proof(
        cx, b->r,
        "Every file is the one the server sent: %s, %s, sizes and SHA-256 as in the server's manifest, whose own checksum holds",
        text_plural(a, (long long)m->n_files, "file"), text_size(a, m->bytes));
    if (!control_read(cx, b->target.dir, &control))
        return false;
    const char *id = arena_printf(a, "%" PRIu64, control.system_identifier);
    if (!text_equal(id, b->system_identifier) || (*m->system_identifier && !text_equal(id, m->system_identifier)))
        return fail(cx, E_VERIFY, "the copy's system identifier is %s, the source's %s", id, b->system_identifier);
    if (b->q->expect_system_identifier && !text_equal(id, b->q->expect_system_identifier))
        return fail(cx, E_VERIFY, "the copy's system identifier is %s, expected was %s", id,
                    b->q->expect_system_identifier);
    clone_proof(cx, b->r,
                "It is the source's cluster: system identifier %s in the copy's pg_control, whose checksum holds", id);
    if (!prove_recent(b))
        return false;
    for (size_t i = 0; i < m->ranges.n; i++)
        if (!wal_range_present(cx, b->target.dir, control.system_identifier, &m->ranges.at[i], &segments) ||
            !wal_records_hold(cx, b->target.dir, &m->ranges.at[i], &records))
            return false;
    clone_proof(
        cx, b->r,
        "It can start: the WAL from %s to %s is complete, %s, and each of its records (%s) matches its checksum",
        pg_lsn_text(a, b->start), pg_lsn_text(a, b->end), text_plural(a, segments, "segment"),
        text_group_digits(a, records));
    clone_uncovered(
        cx, b->r,
        "Row counts and digests: the copy's server is not running yet. Run the stage again with verify_only once it is");
    return true;
}

static bool settle(struct backup *b)
{
    struct ctx *cx = b->cx;
    const struct receiver *rx = &b->receiver;
    struct neutral_facts facts = {"", "", "", "", ""};

    if (b->q->write_config && (!rx->has_config || !rx->has_hba)) {
        if (!rx->has_config)
            facts = (struct neutral_facts){
                show(cx, b->pg, "max_connections"), show(cx, b->pg, "max_prepared_transactions"),
                show(cx, b->pg, "max_locks_per_transaction"), show(cx, b->pg, "max_worker_processes"),
                show(cx, b->pg, "shared_preload_libraries")};
        if (cx->err.code != E_OK ||
            !neutral_write_config(cx, b->r, b->target.dir, &facts, !rx->has_config, !rx->has_hba))
            return false;
    }
    return (!rx->has_config || neutral_look_at_config(cx, b->r, b->target.dir)) &&
           neutral_apply(cx, b->q, b->r, b->target.dir, pg_version(b->pg)) &&
           (rx->folder_mode == 0700 || tree_set_mode(cx, b->target.dir, rx->folder_mode));
}

static bool make_durable(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct target *t = &b->target;

    for (size_t i = 0; i < t->marker.tablespaces.n; i++)
        if (t->marker.tablespaces.at[i].link && !tree_sync(cx, t->marker.tablespaces.at[i].to, t->uid, t->gid))
            return false;
    if (!tree_sync(cx, t->dir, t->uid, t->gid))
        return false;
    t->marker.complete = true;
    t->marker.end_lsn = pg_lsn_text(cx->arena, b->end);
    t->marker.source_snapshot = b->r->source_snapshot;
    t->marker.finished_at = clock_rfc3339(cx->arena, clock_wall_ms());
    return marker_write(cx, t->dir, &t->marker) && tree_own(cx, t->dir, MARKER_NAME, t->uid, t->gid);
}

/* ---- the whole ---- */

static void clean_up(struct backup *b)
{
    struct ctx *cx = b->cx;
    struct err why = cx->err;
    struct ctx_grace g = ctx_grace_begin(cx, CLEANUP_MS);

    err_clear(cx);
    if (!target_give_back(cx, &b->target))
        log_error("%s; the next run will remove what is left in '%s'", cx->err.message, b->target.dir);
    cx->err = why;
    ctx_grace_end(cx, g);
}

static bool steps(struct backup *b)
{
    struct ctx *cx = b->cx;
    long long since = clock_ms();

    if (!open_replication(b, &b->pg) || !identify(b) || !refuse_source_itself(b))
        return false;
    if (b->q->dry_run) {
        clone_note(cx, b->r, CLONE_NOTE, "clone-dry-run", "would copy %s into '%s'%s", pg_where(b->pg), b->target.dir,
                   b->target.replaced ? ", replacing what is there" : "");
        return true;
    }
    if (!target_take(cx, b->q, &b->target) || !hold_wal(b) || !take_snapshot(b))
        return false;
    clone_phase(cx, b->r, "prepare", &since);
    if (!copy_everything(b)) {
        explain(cx, &b->q->source);
        return false;
    }
    clone_phase(cx, b->r, "copy", &since);
    if (!prove(b) || !settle(b))
        return false;
    clone_phase(cx, b->r, "verify", &since);
    if (!make_durable(b))
        return false;
    clone_phase(cx, b->r, "fsync", &since);
    return true;
}

static void report(struct backup *b)
{
    struct clone_report *r = b->r;
    r->strategy = b->slot ? "basebackup with slot" : "basebackup";
    r->target = b->target.dir;
    r->system_identifier = b->system_identifier;
    r->start_lsn = pg_lsn_text(b->cx->arena, b->start);
    r->end_lsn = pg_lsn_text(b->cx->arena, b->end);
    r->timeline = b->timeline;
    r->bytes_copied = (long long)b->receiver.bytes_written;
    r->files_copied = b->receiver.files_written;
    r->replaced = b->target.replaced;
    int v = pg_version(b->pg);
    r->server_version = arena_printf(b->cx->arena, "%d.%d", v / 10000, v % 10000);
}

static bool run(struct ctx *cx, const struct clone_request *q, struct clone_report *r)
{
    struct backup b = {.cx = cx, .q = q, .r = r};

    if (q->max_rate && (q->max_rate < RATE_MIN || q->max_rate > 1LL << 30))
        return fail(cx, E_INPUT, "max_rate must be between 32 kB and 1 GB per second");
    if (!target_check(cx, q, &b.target))
        return false;
    receiver_init(&b.receiver, cx->arena);
    bool ok = steps(&b);
    if (ok)
        report(&b);
    receiver_close(&b.receiver);
    pg_close(b.slot);
    pg_close(b.pg);
    if (!ok && !q->dry_run)
        clean_up(&b);
    target_unlock(&b.target);
    return ok;
}

const struct clone_provider clone_provider_basebackup = {.name = "basebackup", .run = run};
