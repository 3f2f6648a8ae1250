/* pg_error.c - what PostgreSQL and libpq say, in the catalogue's terms; see pg.h.
 * SQLSTATE classes: PostgreSQL documentation, appendix "PostgreSQL Error Codes". */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "pg_internal.h"

/* First match wins, so codes stand before their class. */
static const struct {
    const char *prefix;
    enum err_code code;
} map[] = {
    {"28", E_AUTH},           {"3D000", E_NO_DATABASE}, {"42501", E_PERMISSION}, {"25006", E_REJECTED},
    {"55P03", E_LOCKED},      {"40", E_LOCKED},         {"57014", E_TIMEOUT},    {"57P01", E_UNREACHABLE},
    {"57P02", E_UNREACHABLE}, {"57P03", E_UNREACHABLE}, {"57P05", E_TIMEOUT},    {"25P03", E_TIMEOUT},
    {"53", E_CAPACITY},       {"08", E_UNREACHABLE},    {"58030", E_CAPACITY},
};

enum err_code pg_code_for(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (text_starts(sqlstate, map[i].prefix))
            return map[i].code;
    return E_REJECTED;
}

bool pg_failed_with(const struct ctx *cx, const char *sqlstate_prefix)
{
    return cx->err.code != E_OK && cx->err.sqlstate[0] && text_starts(cx->err.sqlstate, sqlstate_prefix);
}

static const char *field(const PGresult *res, int code)
{
    const char *s = PQresultErrorField(res, code);
    return s ? s : "";
}

static void hint_for(struct ctx *cx, const struct pg *pg, const char *sqlstate)
{
    if (text_equal(sqlstate, "55P03"))
        err_hint(
            cx,
            "another session holds a conflicting lock; see pg_locks and pg_blocking_pids(), or raise the lock time-out");
    else if (text_equal(sqlstate, "57014"))
        err_hint(cx, "the statement ran longer than statement_timeout, or somebody cancelled it");
    else if (text_equal(sqlstate, "25006"))
        err_hint(cx, "the session is read-only: is this a standby, or a role with default_transaction_read_only?");
    else if (text_equal(sqlstate, "42501"))
        err_hint(cx, "grant the privilege to role '%s', or use another role", pg_user(pg));
    else if (text_equal(sqlstate, "53100"))
        err_hint(cx, "free disk space on the database server");
}

bool pg_fail_result(struct ctx *cx, struct pg *pg, const PGresult *res)
{
    const char *state = field(res, PG_DIAG_SQLSTATE);
    const char *primary = field(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = field(res, PG_DIAG_STATEMENT_POSITION);

    if (!*state && PQstatus(pg->conn) == CONNECTION_BAD)
        return pg_fail_lost(cx, pg);
    pg->error_position = *position ? (int)strtol(position, NULL, 10) : 0;
    if (cx->err.code != E_OK)
        return false;

    if (!*primary) /* an error of libpq itself */
        fail(cx, E_UNREACHABLE, "%s (%s)", text_trim(cx->arena, PQresultErrorMessage(res)), pg->where);
    else
        fail(cx, pg_code_for(state), "%s (%s)", primary, pg->where);
    snprintf(cx->err.sqlstate, sizeof cx->err.sqlstate, "%s", state);
    cx->err.position = pg->error_position;

    const char *detail = field(res, PG_DIAG_MESSAGE_DETAIL), *context = field(res, PG_DIAG_CONTEXT);
    if (*detail || *context)
        err_detail(cx, "%s%s%s", detail, *detail && *context ? "\n" : "", context);
    if (*field(res, PG_DIAG_MESSAGE_HINT))
        err_hint(cx, "%s", field(res, PG_DIAG_MESSAGE_HINT));
    hint_for(cx, pg, state);
    return false;
}

bool pg_fail_lost(struct ctx *cx, struct pg *pg)
{
    const char *said = text_trim(cx->arena, PQerrorMessage(pg->conn));
    fail(cx, E_UNREACHABLE, "connection lost (%s)", pg->where);
    if (*said)
        err_detail(cx, "%s", said);
    err_hint(cx, "the server was stopped, crashed, ended this session, or the network broke; its log says which");
    return false;
}

/* With verbose errors a refused log-in reads "FATAL:  28P01: …": the code is there in any language of the server. */
static void find_sqlstate(const char *message, char out[6])
{
    for (const char *p = message; (p = strstr(p, ":  ")); p++) {
        size_t n = 0;
        while (n < 5 && (isdigit((unsigned char)p[3 + n]) || isupper((unsigned char)p[3 + n])))
            n++;
        if (n == 5 && p[8] == ':') {
            memcpy(out, p + 3, 5);
            return;
        }
    }
}

/* The message without the code and the "LOCATION:" lines of the verbose form, on one line per attempt. */
static char *plain_message(struct arena *a, const char *message, const char *sqlstate)
{
    struct str out = str_new(a);
    for (const char *line = message; *line;) {
        size_t n = strcspn(line, "\n");
        if (!text_starts(line, "LOCATION:")) {
            if (out.len)
                str_addc(&out, '\n');
            str_addn(&out, line, n);
        }
        line += n + (line[n] == '\n');
    }
    char *text = text_trim(a, out.s);
    return *sqlstate ? text_replace(a, text, arena_printf(a, "%s: ", sqlstate), "") : text;
}

bool pg_fail_connect(struct ctx *cx, struct pg *pg, const char *message)
{
    char state[6] = "";
    find_sqlstate(message, state);
    char *said = plain_message(cx->arena, message, state);
    enum err_code code = *state ? pg_code_for(state) : E_UNREACHABLE;
    bool passing = code == E_UNREACHABLE || text_equal(state, "53300");
    const char *hint = NULL;

    if (text_equal(state, "28P01")) {
        hint = "check the user and the password (db_url, or db_user and db_password)";
    } else if (text_equal(state, "28000")) {
        hint =
            "the role does not exist, or the server's pg_hba.conf has no line that lets it in from here, or wants TLS or another method";
    } else if (code == E_NO_DATABASE) {
        hint = "check the database name (db_url or db_name), or create the database first";
    } else if (!*state) {
        if (strstr(said, "no password supplied") || strstr(said, "password authentication failed")) {
            code = E_AUTH, passing = false;
            hint = "the server wants a password: give db_password, or put it into db_url";
        } else if (strstr(said, "SSL") || strstr(said, "certificate") || strstr(said, "GSS")) {
            code = E_TLS, passing = false;
            hint =
                "without an explicit sslmode, TLS with verify-full is used for other hosts: give the CA with db_sslrootcert, or choose db_sslmode";
        } else if (strstr(said, "could not translate host name")) {
            hint = "check the host name, and the resolver of the machine or pod";
        } else if (strstr(said, "invalid") && !strstr(said, "invalid response")) {
            code = E_INPUT, passing = false;
        } else {
            hint = "is the server running, listening on that address, and reachable from here?";
        }
    }
    fail(cx, code, "cannot connect to %s", pg->where);
    snprintf(cx->err.sqlstate, sizeof cx->err.sqlstate, "%s", state);
    err_detail(cx, "%s", said);
    if (hint)
        err_hint(cx, "%s", hint);
    return passing;
}
