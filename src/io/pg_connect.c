/* pg_connect.c - from a target to a session; see pg.h. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/interrupt.h"
#include "dbstep/log.h"
#include "dbstep/vec.h"
#include "pg_internal.h"

enum {
    ATTEMPT_MS = 10000, /* one attempt: a host that swallows packets must not use up the whole budget */
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 5000,
    CONNECT_WAIT_MS = 30000,
    CANCEL_MS = 3000,
    DRAIN_MS = 3000,
};

static struct pg_setup setup;

void pg_setup(const struct pg_setup *s)
{
    setup = *s;
}

/* ---- what to connect to ---- */

struct keywords {
    const char *names[32], *values[32];
    size_t n;
};

static void add(struct keywords *k, const char *name, const char *value)
{
    if (!text_empty(value) && k->n + 1 < COUNT(k->names)) {
        k->names[k->n] = name;
        k->values[k->n++] = value;
    }
}

static const char *option(PQconninfoOption *options, const char *keyword)
{
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        if (text_equal(o->keyword, keyword))
            return text_empty(o->val) ? NULL : o->val;
    return NULL;
}

/* A value that the environment gave, not libpq's built-in default. */
static const char *environment_option(PQconninfoOption *defaults, const char *keyword)
{
    for (PQconninfoOption *o = defaults; o && o->keyword; o++)
        if (text_equal(o->keyword, keyword))
            return text_empty(o->val) || (o->compiled && text_equal(o->val, o->compiled)) ? NULL : o->val;
    return NULL;
}

static const char *first_set(const char *a, const char *b, const char *c)
{
    return !text_empty(a) ? a : !text_empty(b) ? b : !text_empty(c) ? c : NULL;
}

static bool one_host_is_local(const char *host)
{
    return !*host || *host == '/' || *host == '@' || text_equal_nocase(host, "localhost") ||
           text_starts(host, "127.") || text_equal(host, "::1");
}

/* Every host of a comma list, since libpq may end at any of them. */
static bool is_local(struct arena *a, const char *hosts)
{
    for (;;) {
        size_t n = strcspn(hosts, ",");
        if (!one_host_is_local(arena_strndup(a, hosts, n)))
            return false;
        if (!hosts[n])
            return true;
        hosts += n + 1;
    }
}

static const char *system_ca_bundle(void)
{
    static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                         "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    if (!text_empty(setup.ca_bundle))
        return setup.ca_bundle;
    for (size_t i = 0; i < COUNT(places); i++)
        if (access(places[i], R_OK) == 0)
            return places[i];
    return places[0]; /* libpq then names the missing file */
}

/* Strings put into k live in the arena. */
static bool resolve(struct ctx *cx, const struct pg_target *t, const struct pg_options *o, struct pg *pg,
                    struct keywords *k)
{
    char *malformed = NULL;
    PQconninfoOption *url = text_empty(t->url) ? NULL : PQconninfoParse(t->url, &malformed);
    PQconninfoOption *env = PQconndefaults();
    const char *role = o->role ? o->role : "database";
    bool ok = false;

    if (!text_empty(t->url) && !url) {
        fail(cx, E_INPUT, "the URL of the %s is malformed", role);
        err_detail(cx, "%s", text_trim(cx->arena, malformed ? malformed : "out of memory"));
        err_hint(
            cx,
            "it should look like postgresql://user:password@host:5432/database; special characters are percent-encoded");
        goto out;
    }
    char port[24] = "";
    if (t->port)
        snprintf(port, sizeof port, "%lld", t->port);
    const char *hostaddr =
        text_empty(t->host) ? first_set(option(url, "hostaddr"), NULL, environment_option(env, "hostaddr")) : NULL;
    const char *host = first_set(t->host, option(url, "host"), option(env, "host"));
    const char *at_port = first_set(port, option(url, "port"), option(env, "port"));
    const char *user = first_set(t->user, option(url, "user"), option(env, "user"));
    const char *database =
        first_set(o->database, t->name, first_set(option(url, "dbname"), option(env, "dbname"), user));
    const char *sslmode = first_set(t->sslmode, option(url, "sslmode"), environment_option(env, "sslmode"));
    const char *rootcert =
        first_set(t->sslrootcert, option(url, "sslrootcert"), environment_option(env, "sslrootcert"));

    if (!user) {
        fail(cx, E_INPUT, "no user is given for the %s", role);
        err_hint(cx, "give it in db_url or db_user; this container has no user name of its own to fall back on");
        goto out;
    }
    bool local = is_local(cx->arena, host ? host : hostaddr ? hostaddr : "");
    if (!sslmode)
        sslmode = local ? "prefer" : "verify-full";
    if (!rootcert && text_starts(sslmode, "verify"))
        rootcert = system_ca_bundle();
    /* libpq before 16 would look for a file of that name */
    if (rootcert && text_equal(rootcert, "system"))
        rootcert = system_ca_bundle();

    snprintf(pg->name, sizeof pg->name, "%s", database ? database : "");
    snprintf(pg->where, sizeof pg->where, "%s %s at %s%s%s%s", role, o->replication ? "server" : pg->name,
             host       ? host
             : hostaddr ? hostaddr
                        : "the local socket",
             at_port ? ":" : "", at_port ? at_port : "", o->replication ? ", replication" : "");

    /* Before the URL: defaults it may override. After it: what the parts and this call insist on. */
    add(k, "application_name",
        o->application_name      ? o->application_name
        : setup.application_name ? setup.application_name
                                 : "dbstep");
    add(k, "keepalives_idle", "30");
    add(k, "keepalives_interval", "10");
    add(k, "keepalives_count", "3");
    add(k, "tcp_user_timeout", "60000");
    if (url)
        add(k, "dbname", arena_strdup(cx->arena, t->url));
    add(k, "host", text_empty(t->host) ? NULL : t->host);
    add(k, "port", *port ? arena_strdup(cx->arena, port) : NULL);
    add(k, "user", arena_strdup(cx->arena, user));
    add(k, "password", t->password);
    add(k, "dbname", database ? arena_strdup(cx->arena, database) : NULL);
    add(k, "sslmode", arena_strdup(cx->arena, sslmode));
    add(k, "sslrootcert", rootcert ? arena_strdup(cx->arena, rootcert) : NULL);
    add(k, "sslcert", t->sslcert);
    add(k, "sslkey", t->sslkey);
    add(k, "options", t->options);
    add(k, "client_encoding", o->replication ? NULL : "UTF8");
    add(k, "replication", o->replication ? "true" : NULL);
    ok = true;
out:
    PQfreemem(malformed);
    PQconninfoFree(url);
    PQconninfoFree(env);
    return ok;
}

const char *pg_target_database(struct ctx *cx, const struct pg_target *target)
{
    static const struct pg_options none;
    struct pg *pg = ARENA_NEW(cx->arena, struct pg);
    struct keywords k = {.n = 0};
    return resolve(cx, target, &none, pg, &k) ? pg->name : "";
}

const char *pg_target_user(struct ctx *cx, const struct pg_target *target)
{
    static const struct pg_options none;
    struct pg *pg = ARENA_NEW(cx->arena, struct pg);
    struct keywords k = {.n = 0};
    for (size_t i = resolve(cx, target, &none, pg, &k) ? k.n : 0; i-- > 0;)
        if (text_equal(k.names[i], "user"))
            return k.values[i];
    return "";
}

const char *pg_target_place(struct ctx *cx, const struct pg_target *target)
{
    static const struct pg_options none;
    struct pg *pg = ARENA_NEW(cx->arena, struct pg);
    struct keywords k = {.n = 0};
    if (!resolve(cx, target, &none, pg, &k))
        return "";
    size_t skip = strlen("database ") + strlen(pg->name) + strlen(" at "); /* as resolve() wrote it */
    return arena_printf(cx->arena, "%s/%s", strlen(pg->where) > skip ? pg->where + skip : "", pg->name);
}

/* ---- connecting ---- */

static void on_notice(void *user, const PGresult *res)
{
    struct pg *pg = user;
    const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    if (!severity)
        severity = "NOTICE";
    if (!text)
        return;
    log_at(text_equal(severity, "WARNING") ? LOG_WARNING : LOG_DEBUG, "%s: %s: %s", pg->where, severity, text);
}

/* One attempt. On failure the error is recorded and *passing says whether to try again. */
static bool attempt(struct ctx *cx, struct pg *pg, const struct keywords *k, bool *passing)
{
    struct deadline whole = cx->deadline;
    struct deadline mine = deadline_min(whole, deadline_in(ATTEMPT_MS));

    *passing = false;
    pg->conn = PQconnectStartParams(k->names, k->values, 1);
    if (!pg->conn)
        return fail(cx, E_CAPACITY, "out of memory while connecting to %s", pg->where);
    PQsetErrorVerbosity(pg->conn, PQERRORS_VERBOSE); /* so that a refusal carries its SQLSTATE */

    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(pg->conn) != CONNECTION_BAD) {
        struct pollfd fds[2] = {
            {.fd = PQsocket(pg->conn), .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT},
            {.fd = interrupt_fd(), .events = POLLIN}};
        poll(fds, 2, (int)deadline_left(mine, ATTEMPT_MS));
        if (!ctx_alive(cx, arena_printf(cx->arena, "connecting to %s", pg->where)))
            break;
        if (deadline_passed(mine)) {
            fail(cx, E_UNREACHABLE, "cannot connect to %s", pg->where);
            err_detail(cx, "no answer within %d seconds", ATTEMPT_MS / 1000);
            err_hint(cx, "is the address right, and do firewalls and network policies let this machine reach it?");
            *passing = true;
            break;
        }
        if (!fds[0].revents)
            continue;
        status = PQconnectPoll(pg->conn);
        if (status == PGRES_POLLING_OK)
            return true;
        if (status == PGRES_POLLING_FAILED)
            break;
    }
    if (cx->err.code == E_OK)
        *passing = pg_fail_connect(cx, pg, PQerrorMessage(pg->conn));
    PQfinish(pg->conn);
    pg->conn = NULL;
    return false;
}

static bool prepare_session(struct ctx *cx, struct pg *pg, const struct pg_options *o)
{
    PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    PQsetNoticeReceiver(pg->conn, on_notice, pg);
    PQsetnonblocking(pg->conn, 1);
    if (o->replication)
        return true;
    struct str sql = str_new(cx->arena);
    if (!text_equal(
            pg_setting(pg, "standard_conforming_strings") ? pg_setting(pg, "standard_conforming_strings") : "on", "on"))
        str_add(&sql, "SET standard_conforming_strings = on;");
    if (o->statement_timeout_ms)
        str_addf(&sql, "SET statement_timeout = %lld;", o->statement_timeout_ms);
    if (o->lock_timeout_ms)
        str_addf(&sql, "SET lock_timeout = %lld;", o->lock_timeout_ms);
    return !sql.len || pg_exec(cx, pg, sql.s);
}

bool pg_open(struct ctx *cx, const struct pg_target *target, const struct pg_options *options, struct pg **out)
{
    static const struct pg_options none;
    const struct pg_options *o = options ? options : &none;
    struct pg *pg = ARENA_NEW(cx->arena, struct pg);
    struct keywords k = {.n = 0};
    struct deadline patience = deadline_in(setup.connect_wait_ms ? setup.connect_wait_ms : CONNECT_WAIT_MS);
    bool passing;

    *out = NULL;
    if (cx->err.code != E_OK || !resolve(cx, target, o, pg, &k))
        return false;
    for (long long pause = FIRST_PAUSE_MS; !attempt(cx, pg, &k, &passing);
         pause = pause * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : pause * 2) {
        if (!passing || o->no_retry || deadline_left(patience, pause + 1) <= pause ||
            deadline_left(cx->deadline, pause + 1) <= pause)
            return false;
        struct err why = cx->err;
        log_warning("%s: %s; trying again in %s", why.message, why.detail, text_duration(cx->arena, pause));
        err_clear(cx);
        if (!ctx_sleep(cx, pause, arena_printf(cx->arena, "waiting for %s", pg->where)))
            return false;
    }
    if (PQserverVersion(pg->conn) < 130000 && !o->replication) {
        fail(cx, E_INPUT, "PostgreSQL %d is too old (%s)", PQserverVersion(pg->conn) / 10000, pg->where);
        err_hint(cx, "versions 13 to 18 are supported");
    } else if (prepare_session(cx, pg, o)) {
        *out = pg;
        return true;
    }
    pg_close(pg);
    return false;
}

void pg_close(struct pg *pg)
{
    if (!pg || !pg->conn)
        return;
    /* Leaving while a statement runs would let the server finish it without us. */
    if (!pg->deaf && PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE && PQstatus(pg->conn) == CONNECTION_OK)
        pg_cancel(pg);
    PQfreemem(pg->chunk);
    pg->chunk = NULL;
    PQfinish(pg->conn);
    pg->conn = NULL;
}

static void *send_cancel(void *request)
{
    char why[256];
    bool ok = PQcancel(request, why, (int)sizeof why);
    PQfreeCancel(request);
    return ok ? request : NULL; /* only whether it is NULL is looked at */
}

/* PQcancel() connects and then waits for the other side to hang up, without a limit: behind a stalled proxy or a broken network
 * that would outlast the grace that a pod has after SIGTERM. So it waits in a thread, which is left alone when it is late. */
void pg_cancel(struct pg *pg)
{
    PGcancel *request = pg->conn ? PQgetCancel(pg->conn) : NULL;
    sigset_t all, before;
    struct timespec until;
    pthread_t thread;
    void *ok = NULL;

    if (!request)
        return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are the main thread's */
    int failed = pthread_create(&thread, NULL, send_cancel, request);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        PQfreeCancel(request);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CANCEL_MS / 1000;
    if (pthread_clockjoin_np(thread, &ok, CLOCK_MONOTONIC, &until) != 0)
        pthread_detach(thread);
    if (!ok)
        log_debug("cannot cancel on %s", pg->where);
}

static bool drain(struct pg *pg)
{
    struct deadline limit = deadline_in(DRAIN_MS);
    PGresult *res;
    bool pipeline = PQpipelineStatus(pg->conn) != PQ_PIPELINE_OFF, end = false;

    while (PQstatus(pg->conn) == CONNECTION_OK && !deadline_passed(limit)) {
        while (!PQisBusy(pg->conn) && !deadline_passed(limit)) {
            if (!(res = PQgetResult(pg->conn))) {
                if (!pipeline || end)
                    return true;
                end = true; /* in a pipeline each statement ends in NULL; two in a row are the end of all */
                continue;
            }
            ExecStatusType s = PQresultStatus(res);
            PQclear(res);
            end = false;
            if (s == PGRES_PIPELINE_SYNC) {
                PQexitPipelineMode(pg->conn);
                return true;
            }
            if (s == PGRES_COPY_OUT || s == PGRES_COPY_BOTH) {
                char *chunk;
                int got;
                while ((got = PQgetCopyData(pg->conn, &chunk, 1)) > 0)
                    PQfreemem(chunk);
                if (got == 0)
                    break; /* more is to come */
            }
        }
        /* What was not sent yet must go out first: in the middle of a message the server does not answer. */
        bool unsent = PQflush(pg->conn) > 0;
        struct pollfd fd = {.fd = PQsocket(pg->conn), .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
        poll(&fd, 1, (int)deadline_left(limit, DRAIN_MS));
        if (!PQconsumeInput(pg->conn))
            return true; /* it is gone, which pg_alive() tells */
    }
    return PQstatus(pg->conn) != CONNECTION_OK;
}

bool pg_abandon(struct pg *pg)
{
    pg_cancel(pg);
    pg->deaf = !drain(pg);
    return !pg->deaf;
}

/* ---- facts about a connection ---- */

int pg_version(const struct pg *pg)
{
    return PQserverVersion(pg->conn);
}

const char *pg_user(const struct pg *pg)
{
    const char *user = pg->conn ? PQuser(pg->conn) : NULL;
    return user ? user : "";
}

const char *pg_where(const struct pg *pg)
{
    return pg->where;
}

int pg_backend_pid(const struct pg *pg)
{
    return PQbackendPID(pg->conn);
}

const char *pg_setting(const struct pg *pg, const char *name)
{
    return PQparameterStatus(pg->conn, name);
}

bool pg_alive(const struct pg *pg)
{
    return pg && pg->conn && PQstatus(pg->conn) == CONNECTION_OK;
}

bool pg_in_transaction(const struct pg *pg)
{
    PGTransactionStatusType s = PQtransactionStatus(pg->conn);
    return s == PQTRANS_INTRANS || s == PQTRANS_INERROR;
}

int pg_error_position(const struct pg *pg)
{
    return pg->error_position;
}
