/* verify.c - comparing tables, and the proof of a started copy; see verify.h. */
#include "verify.h"

#include <stdlib.h>
#include <string.h>

#include "dbstep/log.h"
#include "dbstep/pg_pool.h"
#include "sql.h"

/* Text of a row must not depend on the session; row security must not hide rows without saying so. */
static const char *const session_sql[] = {
    "SET search_path = ''; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; "
    "SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0",
    NULL,
};

struct answer {
    long long rows, newer;
    const char *digest;
    bool done, failed;
    struct comparison *owner;
    const char *sql;
};

enum stage_of { FIRST, OLD };

struct table {
    const char *schema, *name;
    bool unlogged, recent;
    long long removals;    /* rows updated or deleted on the source, ever */
    long long copy_writes; /* rows written by sessions on the copy: its counters begin at nothing */
    struct answer source, copy, source_old, copy_old;
};

struct comparison {
    struct ctx *cx;
    struct clone_report *r;
    bool digests;
    bool same_cluster; /* a template's copy has unlogged tables too */
    const char *xid;   /* NULL: not known */
    VEC(struct table) tables;
    size_t asked, answered;
    long long differing, unreadable, partly; /* partly: only rows from before the copy were held against one another */
};

/* ---- asking ---- */

static bool on_answer(struct ctx *cx, void *user, const struct pg_rows *rows, const struct err *failed)
{
    struct answer *a = user;
    a->done = true;
    a->owner->answered++;
    log_progress("comparing tables", a->owner->answered, a->owner->asked, "queries");
    if (failed) {
        a->failed = true;
        log_warning("%s", failed->message);
        return true; /* one table that cannot be read does not end the comparison */
    }
    a->rows = pg_int(rows, 0, 0);
    a->digest = arena_strdup(cx->arena, pg_text(rows, 0, 1));
    a->newer = rows->columns > 2 ? pg_int(rows, 0, 2) : 0;
    return true;
}

static void ask(struct comparison *c, struct pg_pool *pool, const struct table *t, struct answer *a,
                enum stage_of which)
{
    struct ctx *cx = c->cx;
    const char *const pairs[] = {"table", pg_qualified(cx, pg_pool_first(pool), t->schema, t->name), "xid",
                                 c->xid ? c->xid : "", NULL};
    const char *sql = which == FIRST ? (c->digests ? sql_clone_digest : sql_clone_count)
                      : c->digests   ? sql_clone_digest_old
                                     : sql_clone_count_old;

    *a = (struct answer){.owner = c, .sql = pg_fill(cx, sql, pairs), .digest = ""};
    c->asked++;
    pg_pool_add(pool, a->sql, 0, NULL, on_answer, a);
}

static bool equal(const struct answer *a, const struct answer *b)
{
    return a->done && b->done && !a->failed && !b->failed && a->rows == b->rows && text_equal(a->digest, b->digest);
}

/* ---- which tables ---- */

static bool list_tables(struct comparison *c, struct pg *pg, struct pg_rows *rows)
{
    const char *const params[] = {c->xid};
    return pg_query(c->cx, pg, rows, sql_clone_tables, 1, params);
}

static int order(const struct table *t, const struct pg_rows *rows, int row)
{
    int by_schema = strcmp(t->schema, pg_text(rows, row, 0));
    return by_schema ? by_schema : strcmp(t->name, pg_text(rows, row, 1));
}

static void judge(struct comparison *c, const char *name, long long source_rows, long long copy_rows,
                  const char *verdict)
{
    *VEC_PUSH(c->cx->arena, &c->r->tables) =
        (struct clone_table){.name = name, .source_rows = source_rows, .clone_rows = copy_rows, .verdict = verdict};
}

static void not_in_source(struct comparison *c, const char *name)
{
    c->r->inconclusive = true;
    clone_uncovered(c->cx, c->r,
                    "%s: the copy has it, the source has not: it was dropped there since, or made on the copy", name);
}

/* Both lists are in byte order. */
static bool match_tables(struct comparison *c, struct pg *source, struct pg *copy)
{
    struct ctx *cx = c->cx;
    PG_ROWS_AUTO theirs = {.handle = NULL};
    PG_ROWS_AUTO ours = {.handle = NULL};
    int k = 0;

    if (!list_tables(c, source, &theirs) || !list_tables(c, copy, &ours))
        return false;
    for (int i = 0; i < theirs.n; i++) {
        struct table t = {.schema = arena_strdup(cx->arena, pg_text(&theirs, i, 0)),
                          .name = arena_strdup(cx->arena, pg_text(&theirs, i, 1)),
                          .unlogged = pg_bool(&theirs, i, 2),
                          .recent = pg_bool(&theirs, i, 3),
                          .removals = pg_int(&theirs, i, 4)};
        while (k < ours.n && order(&t, &ours, k) > 0) {
            const char *name = pg_qualified(cx, source, pg_text(&ours, k, 0), pg_text(&ours, k, 1));
            not_in_source(c, name);
            k++;
        }
        if (k < ours.n && order(&t, &ours, k) == 0) {
            t.copy_writes = pg_int(&ours, k, 5);
            *VEC_PUSH(cx->arena, &c->tables) = t;
            k++;
            continue;
        }
        const char *name = pg_qualified(cx, source, t.schema, t.name);
        if (t.recent) {
            clone_uncovered(cx, c->r, "%s: made on the source after the copy began", name);
        } else {
            c->differing++;
            judge(c, name, -1, -1, "missing in the copy");
        }
    }
    for (; k < ours.n; k++)
        not_in_source(c, pg_qualified(cx, source, pg_text(&ours, k, 0), pg_text(&ours, k, 1)));
    return cx->err.code == E_OK;
}

/* ---- judging ---- */

/* A row of the source that was written before the copy began and is still there was there when the copy was taken: the copy must have
 * it. It may have more old rows, those that the source updated or deleted since. */
static const char *difference(const struct comparison *c, const struct table *t)
{
    const struct answer *s = &t->source_old, *k = &t->copy_old;

    if (t->copy_writes)
        return "differs: written to on the copy itself";
    if (!c->xid || t->recent)
        return NULL;
    if (k->rows < s->rows)
        return "differs: rows of the source are missing";
    if (k->rows == s->rows && !text_equal(k->digest, s->digest))
        return "differs";
    if (k->rows > s->rows && s->newer == 0 && t->removals == 0)
        return "differs: rows that the source has not";
    return k->newer > s->newer && t->removals == 0 ? "differs: rows that the source has not" : NULL;
}

static void conclude(struct comparison *c, struct pg *source, const struct table *t)
{
    struct ctx *cx = c->cx;
    struct clone_report *r = c->r;
    const struct answer *s = &t->source_old, *k = &t->copy_old;
    const char *name = pg_qualified(cx, source, t->schema, t->name), *how;

    if (t->source.failed || t->copy.failed) {
        c->unreadable++;
        clone_uncovered(cx, r, "%s: the role may not read it%s", name,
                        t->source.failed ? " on the source" : " in the copy");
        judge(c, name, t->source.failed ? -1 : t->source.rows, t->copy.failed ? -1 : t->copy.rows, "not readable");
    } else if (equal(&t->source, &t->copy)) {
        r->tables_compared++;
        r->rows_compared += t->copy.rows;
    } else if (t->unlogged && t->copy.rows == 0 && !c->same_cluster) {
        clone_uncovered(cx, r, "%s: unlogged, so a base backup leaves it empty", name);
        judge(c, name, t->source.rows, t->copy.rows, "unlogged");
    } else if ((how = difference(c, t))) {
        c->differing++;
        judge(c, name, t->source.rows, t->copy.rows, how);
    } else if (equal(s, k) && k->rows > 0) {
        r->tables_compared++;
        c->partly++;
        r->rows_compared += k->rows;
        clone_uncovered(cx, r, "%s: %s written on the source after the copy began%s; the %s older ones are equal", name,
                        text_plural(cx->arena, s->newer, "row"),
                        k->newer ? arena_printf(cx->arena, ", of which the copy has %lld, not compared", k->newer) : "",
                        text_group_digits(cx->arena, k->rows));
        judge(c, name, t->source.rows, t->copy.rows, "equal, older rows");
    } else {
        /* Newer rows, and no fewer updates and deletes than rows that are gone, are proof of writing; anything less leaves a doubt. */
        bool written = c->xid && !t->recent && s->newer > 0 && t->removals >= k->rows - s->rows;
        r->inconclusive = r->inconclusive || !written;
        clone_uncovered(cx, r, "%s: not equal, and %s", name,
                        !c->xid     ? "it is not known where the source was when the copy began (source_snapshot)"
                        : t->recent ? "altered or emptied on the source after the copy began"
                        : written   ? "written on the source after the copy began"
                                    : "the source counts updates or deletes, perhaps after the copy began");
        judge(c, name, t->source.rows, t->copy.rows, written ? "written meanwhile" : "not judged");
    }
}

/* Of "xmin:xmax:…", the first number as a 32-bit transaction id. */
static const char *oldest_xid(struct ctx *cx, const char *snapshot)
{
    char *end;
    unsigned long long xmin = text_empty(snapshot) ? 0 : strtoull(snapshot, &end, 10);
    return xmin && *end == ':' ? arena_printf(cx->arena, "%llu", xmin & 0xffffffffULL) : NULL;
}

static bool wants_digests(struct ctx *cx, const struct clone_request *q, struct clone_report *r, struct pg *source,
                          bool *out)
{
    long long size;
    *out = q->verify == CLONE_VERIFY_DIGESTS;
    if (q->verify != CLONE_VERIFY_AUTO)
        return true;
    if (!pg_query_int(cx, source, &size, "SELECT pg_catalog.pg_database_size(current_database())", 0, NULL))
        return false;
    *out = size <= CLONE_DIGEST_LIMIT;
    if (!*out)
        clone_note(cx, r, CLONE_NOTE, "clone-counts-only",
                   "rows are counted, not digested: the database has %s; verify: digests reads them all",
                   text_size(cx->arena, (unsigned long long)size));
    return true;
}

static bool compare(struct comparison *c, const struct clone_request *q, struct pg_pool *source, struct pg_pool *copy)
{
    struct pg_pool *const both[] = {source, copy};
    struct ctx *cx = c->cx;

    if (!wants_digests(cx, q, c->r, pg_pool_first(source), &c->digests) ||
        !match_tables(c, pg_pool_first(source), pg_pool_first(copy)))
        return false;
    for (size_t i = 0; i < c->tables.n; i++) {
        ask(c, source, &c->tables.at[i], &c->tables.at[i].source, FIRST);
        ask(c, copy, &c->tables.at[i], &c->tables.at[i].copy, FIRST);
    }
    if (!pg_pools_run(cx, both, 2))
        return false;
    for (size_t i = 0; i < c->tables.n; i++) {
        struct table *t = &c->tables.at[i];
        if (c->xid && !t->source.failed && !t->copy.failed && !equal(&t->source, &t->copy)) {
            ask(c, source, t, &t->source_old, OLD);
            ask(c, copy, t, &t->copy_old, OLD);
        }
    }
    if (!pg_pools_run(cx, both, 2))
        return false;
    log_progress_done();
    for (size_t i = 0; i < c->tables.n; i++)
        conclude(c, pg_pool_first(source), &c->tables.at[i]);
    return true;
}

bool verify_tables(struct ctx *cx, const struct clone_request *q, struct clone_report *r, struct verify_side source,
                   struct verify_side copy, const char *snapshot)
{
    struct comparison c = {.cx = cx, .r = r, .xid = oldest_xid(cx, snapshot), .same_cluster = copy.same_cluster};
    struct pg_pool_options o = {.connection = {.role = source.role, .database = source.database},
                                .size = q->verify_connections > 0 ? q->verify_connections : 1,
                                .snapshot = true,
                                .session_sql = session_sql};
    PG_POOL_AUTO theirs = NULL;
    PG_POOL_AUTO ours = NULL;

    if (q->verify == CLONE_VERIFY_NONE) {
        clone_uncovered(cx, r, "Tables were not compared (verify: none)");
        return true;
    }
    if (!pg_pool_open(cx, source.target, &o, &theirs))
        return false;
    o.connection = (struct pg_options){.role = copy.role, .database = copy.database};
    if (!pg_pool_open(cx, copy.target, &o, &ours) || !compare(&c, q, theirs, ours))
        return false;
    r->verified = true;
    if (r->tables_compared)
        clone_proof(
            cx, r, "%s of %s equal the source's in %s%s: %s", text_plural(cx->arena, r->tables_compared, "table"),
            text_group_digits(cx->arena, (long long)c.tables.n), c.digests ? "row count and digest" : "row count",
            c.partly ? arena_printf(cx->arena, " (%lld of them in the rows from before the copy)", c.partly)
                     : " of all rows",
            text_plural(cx->arena, r->rows_compared, "row"));
    if (c.unreadable)
        r->inconclusive = true;
    if (!r->tables_compared && (c.tables.n || !copy.may_be_empty)) {
        r->inconclusive = true;
        clone_uncovered(cx, r, "%s",
                        c.tables.n ? "No table could be compared" : "There is no table: is this the right database?");
    }
    if (!c.differing)
        return true;
    fail(cx, E_VERIFY, "%s of the copy %s from the source", text_plural(cx->arena, c.differing, "table"),
         c.differing == 1 ? "differs" : "differ");
    for (size_t i = 0; i < r->tables.n; i++)
        if (text_starts(r->tables.at[i].verdict, "differs") || text_starts(r->tables.at[i].verdict, "missing")) {
            err_detail(cx, "%s: %lld rows in the copy, %lld in the source", r->tables.at[i].name,
                       r->tables.at[i].clone_rows, r->tables.at[i].source_rows);
            break;
        }
    err_hint(cx, "integrity-diff names the rows; was the copy written to before this proof?");
    return false;
}

/* ---- a copy that another step made ---- */

static bool identities(struct ctx *cx, const struct clone_request *q, struct clone_report *r, struct pg *source,
                       struct pg *copy)
{
    struct pg_identity s, c;
    uint64_t at, expected;

    if (!pg_identify(cx, source, &s) || !pg_identify(cx, copy, &c))
        return false;
    r->system_identifier = c.system_identifier;
    r->end_lsn = c.lsn;
    r->timeline = c.timeline;
    r->server_version = c.server_version;
    const char *expected_id =
        text_empty(q->expect_system_identifier) ? s.system_identifier : q->expect_system_identifier;
    if (text_empty(expected_id) || text_empty(c.system_identifier)) {
        r->inconclusive = true;
        clone_uncovered(cx, r, "System identifier: the role may not ask for it (EXECUTE on pg_control_system())");
    } else if (!text_equal(expected_id, c.system_identifier)) {
        fail(cx, E_VERIFY, "this is not a copy of the source: its system identifier is %s, the source's %s",
             c.system_identifier, expected_id);
        err_hint(cx, "is the right volume mounted? An empty or foreign one looks like this");
        return false;
    } else {
        clone_proof(cx, r, "It is the source's cluster: system identifier %s on both", c.system_identifier);
    }
    if (c.in_recovery) {
        fail(cx, E_VERIFY, "the copy is still in recovery, or a standby (%s)", pg_where(copy));
        err_hint(cx, "wait until it accepts writes; a standby follows production and is not a copy");
        return false;
    }
    if (text_empty(q->expect_lsn)) {
        clone_uncovered(cx, r, "Position: expect_lsn is not given (the output end_lsn of the step that made the copy)");
    } else if (!pg_lsn_parse(q->expect_lsn, &expected)) {
        return fail(cx, E_INPUT, "expect_lsn must look like 16/B374D848, not '%s'", q->expect_lsn);
    } else if (!pg_lsn_parse(c.lsn, &at) || at < expected) {
        fail(cx, E_VERIFY, "the copy is too old: it is at %s, and the source was already at %s", c.lsn, q->expect_lsn);
        err_hint(cx, "is the right volume mounted, and was it made by this run?");
        return false;
    } else {
        clone_proof(cx, r, "It is recent: it is at %s, and %s was expected", c.lsn, q->expect_lsn);
    }
    if (s.timeline && c.timeline && c.timeline < s.timeline) {
        r->inconclusive = true;
        clone_uncovered(cx, r, "Timeline: the copy is on %d, the source on %d: the source was promoted since",
                        c.timeline, s.timeline);
    }
    return true;
}

/* Production compared with itself is always equal. */
static bool two_databases(struct ctx *cx, struct pg *source, struct pg *copy, bool *same_cluster)
{
    const char *s[2], *c[2];
    PG_ROWS_AUTO theirs = {.handle = NULL};
    PG_ROWS_AUTO ours = {.handle = NULL};

    if (!pg_query(cx, source, &theirs, sql_clone_server, 0, NULL) ||
        !pg_query(cx, copy, &ours, sql_clone_server, 0, NULL))
        return false;
    for (int i = 0; i < 2; i++) {
        s[i] = pg_text(&theirs, 0, i);
        c[i] = pg_text(&ours, 0, i);
    }
    *same_cluster = text_equal(s[0], c[0]);
    if (!*same_cluster || !text_equal(s[1], c[1]))
        return true;
    fail(cx, E_GUARD, "db_url leads to the source itself, not to a copy (%s)", pg_where(copy));
    err_hint(cx, "db_url is the started copy's address, source_db_url production's");
    return false;
}

bool clone_prove(struct ctx *cx, const struct clone_request *q, struct clone_report *r)
{
    PG_AUTO source = NULL;
    PG_AUTO copy = NULL;
    struct pg_options as_source = {.role = "source"}, as_copy = {.role = "copy"};
    long long since = clock_ms();
    bool same_cluster;

    r->provider = "proof";
    if (!pg_open(cx, &q->source, &as_source, &source) || !pg_open(cx, &q->clone, &as_copy, &copy))
        return false;
    r->target = arena_strdup(cx->arena, pg_where(copy));
    if (!two_databases(cx, source, copy, &same_cluster) || !identities(cx, q, r, source, copy))
        return false;
    clone_phase(cx, r, "identify", &since);
    bool ok = verify_tables(cx, q, r, (struct verify_side){.target = &q->source, .role = "source"},
                            (struct verify_side){.target = &q->clone, .role = "copy", .same_cluster = same_cluster},
                            q->source_snapshot);
    clone_phase(cx, r, "compare", &since);
    return ok;
}
