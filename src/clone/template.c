/* template.c - provider `template`: CREATE DATABASE … TEMPLATE in the source's own cluster; see clone.h.
 *
 * The copy is made under a name of its own ("dbstep_clone_" and a number derived from the final one), closed to everybody, and gets its comment, its
 * privileges, its settings and its final name in one transaction: a copy that can be connected to is always complete and never more open
 * than the source. A database that still has the working name was left behind by a killed run, and is dropped.
 *
 * Strategy, from 15 on: WAL_LOG writes every page to the WAL too, FILE_COPY copies files between two checkpoints of the whole cluster.
 * Measured with PostgreSQL 15 on a two-core machine, milliseconds, best and worst of three, the cluster otherwise idle:
 *
 *     size      8 MB     24 MB    56 MB     120 MB    250 MB     500 MB
 *     wal_log   61-65    80-206   128-276   237-795   851-3089   882-4675
 *     file_copy 75-115   101-136  108-209   347-762   354-889    315-1183
 *
 * They cross over near 64 MB. Above, WAL_LOG also sends the whole copy to every standby and to the archive; below, the two checkpoints
 * of FILE_COPY cost the busier the cluster is.
 */
#include <stdio.h>
#include <string.h>

#include "dbstep/clone.h"
#include "dbstep/hash.h"
#include "dbstep/log.h"
#include "dbstep/pg.h"
#include "dbstep/pg_pool.h"
#include "sql.h"
#include "template.h"
#include "verify.h"

enum { CLEANUP_MS = 60000, LOCK_POLL_MS = 500, LOCK_WAIT_MS = 60000, TERMINATE_MS = 30000 };

#define AUTO_WAL_LOG_MAX (64LL << 20)
#define PROGRESS_FROM (256LL << 20)

struct job {
    struct ctx *cx;
    const struct clone_request *q;
    struct clone_report *r;
    struct pg *pg; /* on the maintenance database; holds the locks */
    const char *maintenance, *source_name, *working_name;
    struct database source, old;
    struct pg_identity before;
    bool working; /* to be undone on failure */
};

/* ---- where and what ---- */

/* The copy's own name is in its mark: a copy that was renamed (say, because it became production) is none any more. */
static const char *clone_mark(struct job *j)
{
    return arena_printf(j->cx->arena, "dbstep clone %s of ", j->q->clone_name);
}

static bool open_maintenance(struct job *j)
{
    struct ctx *cx = j->cx;
    struct pg_options o = {.role = "source", .database = j->q->maintenance_db};

    if (!text_empty(j->q->maintenance_db)) {
        j->maintenance = j->q->maintenance_db;
        return pg_open(cx, &j->q->source, &o, &j->pg);
    }
    o.database = j->maintenance = "postgres";
    if (pg_open(cx, &j->q->source, &o, &j->pg))
        return true;
    if (cx->err.code != E_NO_DATABASE && !pg_failed_with(cx, "42501") && !pg_failed_with(cx, "55000"))
        return false;
    err_clear(cx);
    o.database = j->maintenance = "template1";
    return pg_open(cx, &j->q->source, &o, &j->pg);
}

static bool find_source_name(struct job *j)
{
    j->source_name = pg_target_database(j->cx, &j->q->source);
    return !text_empty(j->source_name) ||
           fail(j->cx, E_INPUT, "source_db_url names no database: which one shall be copied?");
}

static bool look_around(struct job *j)
{
    struct ctx *cx = j->cx;
    const struct clone_request *q = j->q;
    const char *clone = q->clone_name;

    if (!database_look(cx, j->pg, j->source_name, &j->source) || !database_look(cx, j->pg, clone, &j->old))
        return false;
    if (!j->source.exists) {
        fail(cx, E_NO_DATABASE, "the database '%s' does not exist (%s)", j->source_name, pg_where(j->pg));
        return false;
    }
    if (*j->source.prepared) {
        fail(cx, E_GUARD, "prepared transactions on '%s' keep it from being copied: %s", j->source_name,
             j->source.prepared);
        err_hint(cx, "COMMIT PREPARED or ROLLBACK PREPARED them; no setting of this stage does that");
        return false;
    }
    if (j->old.exists) {
        bool marked = text_starts(j->old.comment, clone_mark(j));
        if (j->old.is_template || text_equal(clone, "postgres") || text_equal(clone, j->maintenance)) {
            fail(cx, E_GUARD, "'%s' is one of the server's own databases", clone);
            return false;
        }
        if (!marked && !q->replace_unmarked) {
            fail(cx, E_GUARD, "the database '%s' exists, and is not marked as a copy made by dbstep", clone);
            err_hint(
                cx,
                "choose another clone_name; only when nothing in it is needed any more, set replace_unmarked: true");
            return false;
        }
        if (marked && !q->replace) {
            fail(cx, E_GUARD, "the database '%s' holds a finished copy (%s), and replace is false", clone,
                 j->old.comment);
            return false;
        }
    }
    if (!j->source.allows_connections && q->verify != CLONE_VERIFY_NONE) {
        fail(cx, E_GUARD, "'%s' lets nobody connect, so its tables cannot be held against the copy's", j->source_name);
        err_hint(cx, "set verify: none to copy it all the same, or: ALTER DATABASE \"%s\" ALLOW_CONNECTIONS true",
                 j->source_name);
        return false;
    }
    if (q->connections == CLONE_REFUSE)
        return sessions_refuse(cx, j->pg, j->source_name);
    return q->connections != CLONE_TERMINATE || sessions_may_end(cx, j->pg, j->source_name);
}

static bool lock_one(struct job *j, const char *database)
{
    struct ctx *cx = j->cx;
    const char *const params[] = {database};
    struct deadline patience = deadline_in(LOCK_WAIT_MS);
    bool told = false;

    for (;;) {
        PG_ROWS_AUTO rows = {.handle = NULL};
        PG_ROWS_AUTO holder = {.handle = NULL};
        if (!pg_query(cx, j->pg, &rows, sql_clone_lock, 1, params))
            return false;
        if (!pg_query(cx, j->pg, &holder, sql_clone_lock_holder, 1, params))
            return false;
        bool mine = pg_bool(&rows, 0, 0);
        if (mine && holder.n == 0)
            return true;
        /* Somebody has it on another database: whoever sees that gives way. */
        if (mine && !pg_query(cx, j->pg, NULL, sql_clone_unlock, 1, params))
            return false;
        if (deadline_passed(patience)) {
            fail(cx, E_LOCKED, "another run is copying '%s' (%s)", database, pg_where(j->pg));
            if (holder.n)
                err_detail(cx, "pid %s, %s, since %s", pg_text(&holder, 0, 0), pg_text(&holder, 0, 1),
                           pg_text(&holder, 0, 2));
            return false;
        }
        if (!told && holder.n)
            log_info("waiting for another run that works on '%s': pid %s, since %s", database, pg_text(&holder, 0, 0),
                     pg_text(&holder, 0, 2));
        told = true;
        if (!ctx_sleep(cx, LOCK_POLL_MS + pg_backend_pid(j->pg) % 97, "waiting for another run of this stage"))
            return false;
    }
}

static bool drop(struct job *j, const char *database)
{
    return pg_execf(j->cx, j->pg, "DROP DATABASE IF EXISTS %s WITH (FORCE)", pg_ident(j->cx, j->pg, database));
}

/* ---- making ---- */

static enum clone_strategy strategy_for(const struct job *j)
{
    if (pg_version(j->pg) < 150000)
        return CLONE_FILE_COPY;
    if (j->q->strategy != CLONE_STRATEGY_AUTO)
        return j->q->strategy;
    return j->source.size >= 0 && j->source.size <= AUTO_WAL_LOG_MAX ? CLONE_WAL_LOG : CLONE_FILE_COPY;
}

struct making {
    struct job *j;
    struct pg_pool *pool;
    bool done, may_ask;
    struct err failed;
    long long ended; /* sessions */
    const char *const *source;
};

static bool on_made(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct making *m = user;
    (void)cx, (void)rows;
    m->done = true;
    if (failed)
        m->failed = *failed;
    return true;
}

static bool on_size(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct making *m = user;
    (void)cx;
    if (failed || m->done)
        return true;
    unsigned long long total = (unsigned long long)m->j->source.size, done = (unsigned long long)pg_int(rows, 0, 0);
    log_progress("copying", done < total ? done : total, total, "bytes");
    pg_pool_add(m->pool, sql_clone_progress, 0, NULL, on_size, m);
    return true;
}

static bool on_ended(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct making *m = user;
    if (m->done)
        return true;
    if (failed) { /* the copy cannot come about then: stop waiting for it at once */
        cx->err = *failed;
        return false;
    }
    m->ended += pg_int(rows, 0, 0);
    pg_pool_add(m->pool, sql_clone_terminate, 1, m->source, on_ended, m);
    return true;
}

/* CLONE_TERMINATE leaves no trace on the source: CREATE DATABASE itself keeps new sessions waiting while it lives, and it ends with its
 * client. A source that had to be closed by ALTER DATABASE would stay closed after a kill. */
static bool create(struct job *j, enum clone_strategy strategy)
{
    struct ctx *cx = j->cx;
    const char *clone = pg_ident(cx, j->pg, j->working_name), *source = pg_ident(cx, j->pg, j->source_name);
    bool by_owner = text_equal(j->source.owner, pg_user(j->pg));
    const char *owner = by_owner ? "" : arena_printf(cx->arena, " OWNER %s", pg_ident(cx, j->pg, j->source.owner));
    const char *how =
        pg_version(j->pg) >= 150000 ? strategy == CLONE_WAL_LOG ? " STRATEGY wal_log" : " STRATEGY file_copy" : "";
    const char *sql = arena_printf(cx->arena, "CREATE DATABASE %s TEMPLATE %s%s ALLOW_CONNECTIONS false%s", clone,
                                   source, owner, how);
    /* A killed step's server process must not go on for hours; before 14 it cannot be told to look. */
    const char *const session[] = {
        pg_version(j->pg) >= 140000 ? "SET client_connection_check_interval = '1s'; SET statement_timeout = 0"
                                    : "SET statement_timeout = 0",
        /* 18: where the file system can, blocks are shared instead of copied; elsewhere the kernel copies */
        pg_version(j->pg) >= 180000 ? "SET file_copy_method = clone" : NULL, NULL};
    bool watch =
        j->before.superuser && j->source.size >= PROGRESS_FROM && text_equal(j->source.tablespace, "pg_default");
    bool end = j->q->connections == CLONE_TERMINATE;
    struct pg_pool_options o = {
        .connection = {.role = "source", .database = j->maintenance}, .size = 1 + watch + end, .session_sql = session};
    PG_POOL_AUTO pool = NULL;
    struct making m = {.j = j, .source = (const char *const[]){j->source_name}};

    if (!pg_pool_open(cx, &j->q->source, &o, &pool))
        return false;
    m.pool = pool;
    j->working = true;
    pg_pool_add(pool, sql, 0, NULL, on_made, &m);
    if (end)
        pg_pool_add(pool, sql_clone_terminate, 1, m.source, on_ended, &m);
    if (watch)
        pg_pool_add(pool, sql_clone_progress, 0, NULL, on_size, &m);
    bool ok = pg_pool_run(cx, pool);
    log_progress_done();
    if (m.ended)
        log_info("%s on '%s' ended", text_plural(cx->arena, m.ended, "session"), j->source_name);
    if (ok && m.failed.code != E_OK) {
        cx->err = m.failed;
        ok = false;
    }
    return ok;
}

/* Somebody may connect between the look and the copy: then PostgreSQL says object_in_use. */
static bool create_alone(struct job *j, enum clone_strategy strategy)
{
    struct ctx *cx = j->cx;
    bool patient = j->q->connections == CLONE_WAIT, ending = j->q->connections == CLONE_TERMINATE, leftover = false;
    struct deadline patience = deadline_in(ending ? TERMINATE_MS : j->q->connections_wait_ms);

    for (;;) {
        if (patient && !sessions_wait(cx, j->pg, j->source_name, deadline_left(patience, j->q->connections_wait_ms)))
            return false;
        if (create(j, strategy))
            return true;
        if (pg_failed_with(cx, "42501")) {
            snprintf(cx->err.hint, sizeof cx->err.hint,
                     "the role needs CREATEDB, and must own '%s' or be a superuser: ALTER ROLE \"%s\" CREATEDB;",
                     j->source_name, pg_user(j->pg));
            return false;
        }
        /* A killed run's CREATE DATABASE may have come to its end just now. */
        if ((pg_failed_with(cx, "42P04") || pg_failed_with(cx, "23505")) && !leftover) {
            leftover = true;
            err_clear(cx);
            if (!drop(j, j->working_name))
                return false;
            continue;
        }
        if (!pg_failed_with(cx, "55006"))
            return false;
        if ((patient || ending) && !deadline_passed(patience)) {
            err_clear(cx);
            continue;
        }
        struct err why = cx->err;
        err_clear(cx);
        if (sessions_refuse(cx, j->pg, j->source_name)) {
            /* Gone again by now. */
            cx->err = why;
            cx->err.code = E_LOCKED;
            snprintf(cx->err.hint, sizeof cx->err.hint,
                     "somebody was connected for a moment: run again, or set connections: wait or terminate");
        }
        return false;
    }
}

/* ---- what CREATE DATABASE does not copy ---- */

static bool is_list_setting(const char *name)
{
    static const char *const lists[] = {"search_path",
                                        "temp_tablespaces",
                                        "session_preload_libraries",
                                        "local_preload_libraries",
                                        "shared_preload_libraries",
                                        "unix_socket_directories",
                                        "synchronized_standby_slots",
                                        "restrict_nonsystem_relation_kind"};
    for (size_t i = 0; i < COUNT(lists); i++)
        if (text_equal_nocase(name, lists[i]))
            return true;
    return false;
}

static bool copy_one_setting(struct job *j, const char *role, const char *name, const char *value)
{
    struct ctx *cx = j->cx;
    const char *db = pg_ident(cx, j->pg, j->working_name);
    const char *whose = *role ? arena_printf(cx->arena, "ROLE %s IN DATABASE %s", pg_ident(cx, j->pg, role), db)
                              : arena_printf(cx->arena, "DATABASE %s", db);
    /* A name with a dot must be quoted part by part. */
    const char *dot = strchr(name, '.');
    const char *setting = dot ? arena_printf(cx->arena, "%s.%s",
                                             pg_ident(cx, j->pg, arena_strndup(cx->arena, name, (size_t)(dot - name))),
                                             pg_ident(cx, j->pg, dot + 1))
                              : pg_ident(cx, j->pg, name);
    const char *const params[] = {name, value};

    if (!pg_exec(cx, j->pg, "SAVEPOINT one_setting"))
        return false;
    /* The stored text of a list is a list; as a literal it would become one element with commas in it. */
    bool ok = is_list_setting(name)
                  ? pg_query(cx, j->pg, NULL, "SELECT pg_catalog.set_config($1, $2, true)", 2, params) &&
                        pg_execf(cx, j->pg, "ALTER %s SET %s FROM CURRENT", whose, setting)
                  : pg_execf(cx, j->pg, "ALTER %s SET %s TO %s", whose, setting, pg_literal(cx, j->pg, value));
    if (ok)
        return pg_exec(cx, j->pg, "RELEASE SAVEPOINT one_setting");
    if (!pg_alive(j->pg) || cx->err.code == E_INTERRUPTED || cx->err.code == E_TIMEOUT)
        return false;
    struct clone_note *n = clone_note(cx, j->r, CLONE_WARNING, "clone-setting-not-copied",
                                      "the setting %s%s%s of the source could not be given to the copy: %s", name,
                                      *role ? " of role " : "", role, cx->err.message);
    n->hint = "set it by hand on the copy, or set copy_settings: false";
    err_clear(cx);
    return pg_exec(cx, j->pg, "ROLLBACK TO SAVEPOINT one_setting");
}

static bool copy_settings(struct job *j)
{
    struct ctx *cx = j->cx;
    const char *const params[] = {j->source_name};
    PG_ROWS_AUTO rows = {.handle = NULL};

    if (!pg_query(cx, j->pg, &rows, sql_clone_settings, 1, params))
        return false;
    for (int i = 0; i < rows.n; i++)
        if (!copy_one_setting(j, pg_text(&rows, i, 0), pg_text(&rows, i, 1), pg_text(&rows, i, 2)))
            return false;
    if (rows.n)
        clone_note(cx, j->r, CLONE_NOTE, "clone-settings-copied", "%s of the source given to the copy as well",
                   text_plural(cx->arena, rows.n, "database setting"));
    return true;
}

/* Without this, PUBLIC could connect to a copy of a database that PUBLIC may not connect to. */
static bool copy_grants(struct job *j)
{
    struct ctx *cx = j->cx;
    const char *const params[] = {j->source_name};
    const char *db = pg_ident(cx, j->pg, j->working_name);
    PG_ROWS_AUTO rows = {.handle = NULL};

    if (!j->source.has_acl)
        return true;
    if (!pg_query(cx, j->pg, &rows, sql_clone_grants, 1, params) ||
        !pg_execf(cx, j->pg, "REVOKE ALL ON DATABASE %s FROM PUBLIC", db))
        return false;
    for (int i = 0; i < rows.n; i++) {
        const char *to = pg_text(&rows, i, 1);
        if (!pg_execf(cx, j->pg, "GRANT %s ON DATABASE %s TO %s%s", pg_text(&rows, i, 0), db,
                      *to ? pg_ident(cx, j->pg, to) : "PUBLIC", pg_bool(&rows, i, 2) ? " WITH GRANT OPTION" : ""))
            return false;
    }
    return true;
}

static bool finish(struct job *j)
{
    struct ctx *cx = j->cx;
    const char *working = pg_ident(cx, j->pg, j->working_name), *final = pg_ident(cx, j->pg, j->q->clone_name);
    const char *mark = arena_printf(cx->arena, "%s%s at %s, complete", clone_mark(j), j->source_name,
                                    clock_rfc3339(cx->arena, clock_wall_ms()));

    if (!pg_exec(cx, j->pg, "BEGIN") ||
        !pg_execf(cx, j->pg, "COMMENT ON DATABASE %s IS %s", working, pg_literal(cx, j->pg, mark)) || !copy_grants(j) ||
        (j->q->copy_settings && !copy_settings(j)) ||
        !pg_execf(cx, j->pg, "ALTER DATABASE %s RENAME TO %s", working, final) ||
        !pg_execf(cx, j->pg, "ALTER DATABASE %s WITH ALLOW_CONNECTIONS true CONNECTION LIMIT %d", final,
                  j->source.connection_limit) ||
        !pg_exec(cx, j->pg, "COMMIT"))
        return false;
    j->working = false;
    return true;
}

/* ---- the whole ---- */

static void clean_up(struct job *j)
{
    struct ctx *cx = j->cx;
    struct err why = cx->err;
    struct ctx_grace g = ctx_grace_begin(cx, CLEANUP_MS);

    err_clear(cx);
    if (!pg_alive(j->pg)) {
        pg_close(j->pg);
        j->pg = NULL;
        open_maintenance(j);
    }
    if (j->pg && pg_in_transaction(j->pg))
        pg_exec(cx, j->pg, "ROLLBACK");
    if (j->working && j->pg && !drop(j, j->working_name))
        log_warning("the unfinished copy '%s' stays; the next run drops it (%s)", j->working_name, cx->err.message);
    cx->err = why;
    ctx_grace_end(cx, g);
}

static bool prepare(struct job *j)
{
    struct ctx *cx = j->cx;

    if (!find_source_name(j) || !open_maintenance(j))
        return false;
    if (text_equal(j->source_name, j->maintenance)) {
        fail(cx, E_INPUT, "'%s' cannot be copied while this stage is connected to it", j->source_name);
        err_hint(cx, "give another database of the same cluster in maintenance_db");
        return false;
    }
    /* The locks are this session's, and it is idle while the copy is made. */
    if (pg_version(j->pg) >= 140000 && !pg_exec(cx, j->pg, "SET idle_session_timeout = 0"))
        return false;
    if (!lock_one(j, j->source_name) || !lock_one(j, j->q->clone_name) || !look_around(j) ||
        !pg_identify(cx, j->pg, &j->before))
        return false;
    if (j->before.in_recovery) {
        fail(cx, E_GUARD, "a standby cannot make a database (%s)", pg_where(j->pg));
        err_hint(cx, "use provider: basebackup, for which a standby is a good source, or give the primary");
        return false;
    }
    return pg_query_text(cx, j->pg, &j->r->source_snapshot, "SELECT pg_current_snapshot()", 0, NULL);
}

static bool make(struct job *j, enum clone_strategy strategy)
{
    struct ctx *cx = j->cx;
    long long since = clock_ms();

    /* The older copy stays until the new one can be made. */
    if (j->q->connections == CLONE_WAIT && !sessions_wait(cx, j->pg, j->source_name, j->q->connections_wait_ms))
        return false;
    if (!drop(j, j->working_name) || (j->old.exists && !drop(j, j->q->clone_name)))
        return false;
    j->r->replaced = j->old.exists;
    clone_phase(cx, j->r, "prepare", &since);
    if (!create_alone(j, strategy))
        return false;
    clone_phase(cx, j->r, "copy", &since);
    if (!finish(j))
        return false;
    clone_phase(cx, j->r, "finish", &since);
    return true;
}

static bool prove(struct job *j)
{
    struct ctx *cx = j->cx;
    struct clone_report *r = j->r;
    struct database made;
    struct pg_identity after;
    long long since = clock_ms();
    uint64_t from, to;

    if (!database_look(cx, j->pg, j->q->clone_name, &made) || !pg_identify(cx, j->pg, &after))
        return false;
    r->system_identifier = after.system_identifier;
    r->start_lsn = j->before.lsn;
    r->end_lsn = after.lsn;
    r->timeline = after.timeline;
    r->server_version = after.server_version;
    r->bytes_copied = made.size < 0 ? 0 : made.size;
    if (!text_equal(after.system_identifier, j->before.system_identifier))
        return fail(cx, E_VERIFY, "the cluster changed during the copy: its system identifier was %s and is %s",
                    j->before.system_identifier, after.system_identifier);
    if (!pg_lsn_parse(j->before.lsn, &from) || !pg_lsn_parse(after.lsn, &to) || to < from)
        return fail(cx, E_VERIFY, "the cluster's position went back during the copy, from %s to %s", j->before.lsn,
                    after.lsn);
    if (!text_empty(j->q->expect_system_identifier) &&
        !text_equal(j->q->expect_system_identifier, after.system_identifier))
        return fail(cx, E_VERIFY, "the cluster's system identifier is %s, expected was %s",
                    *after.system_identifier ? after.system_identifier : "not visible to the role",
                    j->q->expect_system_identifier);
    clone_proof(
        cx, r,
        "'%s' was copied inside one cluster (system identifier %s), between %s and %s, while nobody was connected to it",
        j->source_name, *after.system_identifier ? after.system_identifier : "not visible to the role", j->before.lsn,
        after.lsn);
    bool ok = verify_tables(cx, j->q, r,
                            (struct verify_side){.target = &j->q->source, .database = j->source_name, .role = "source"},
                            (struct verify_side){.target = &j->q->source,
                                                 .database = j->q->clone_name,
                                                 .role = "copy",
                                                 .same_cluster = true,
                                                 .may_be_empty = true},
                            r->source_snapshot);
    clone_phase(cx, r, "compare", &since);
    return ok;
}

/* The copy stays as evidence, and must not look like a good one. */
static void say_unproven(struct job *j)
{
    struct ctx *cx = j->cx;
    struct err why = cx->err;
    struct ctx_grace g = ctx_grace_begin(cx, CLEANUP_MS);

    err_clear(cx);
    const char *mark = arena_printf(cx->arena, "%s%s at %s, not proven", clone_mark(j), j->source_name,
                                    clock_rfc3339(cx->arena, clock_wall_ms()));
    if (!pg_execf(cx, j->pg, "COMMENT ON DATABASE %s IS %s", pg_ident(cx, j->pg, j->q->clone_name),
                  pg_literal(cx, j->pg, mark)))
        log_warning("%s", cx->err.message);
    cx->err = why;
    ctx_grace_end(cx, g);
}

static bool run(struct ctx *cx, const struct clone_request *q, struct clone_report *r)
{
    struct job j = {.cx = cx, .q = q, .r = r};

    if (text_empty(q->clone_name))
        return fail(cx, E_INPUT, "clone_name is needed for provider template: the name of the database to make");
    if (strlen(q->clone_name) > 63)
        return fail(cx, E_INPUT, "clone_name is longer than PostgreSQL's 63 bytes");
    j.working_name = arena_printf(cx->arena, "dbstep_clone_%08x", crc32c(0, q->clone_name, strlen(q->clone_name)));
    bool ok = prepare(&j);
    if (ok && text_equal(q->clone_name, j.source_name))
        ok = fail(cx, E_INPUT, "clone_name and the source are the same database, '%s'", j.source_name);
    if (ok) {
        enum clone_strategy strategy = strategy_for(&j);
        r->strategy = strategy == CLONE_WAL_LOG ? "wal_log" : "file_copy";
        r->target = q->clone_name;
        if (q->dry_run)
            clone_note(cx, r, CLONE_NOTE, "clone-dry-run", "would copy '%s' (%s) to '%s' with strategy %s%s",
                       j.source_name,
                       j.source.size < 0 ? "size not visible" : text_size(cx->arena, (unsigned long long)j.source.size),
                       q->clone_name, r->strategy, j.old.exists ? ", replacing what is there" : "");
        else if (!(ok = make(&j, strategy)))
            clean_up(&j);
        else if (!(ok = prove(&j)))
            say_unproven(&j);
    }
    pg_close(j.pg);
    return ok;
}

const struct clone_provider clone_provider_template = {.name = "template", .run = run};
