/* jdbc_url.c - JDBC URLs; see jdbc_url.h. */
#include "dbstep/jdbc_url.h"

#include <string.h>

#include "dbstep/str.h"

enum treatment { KEEP, SSL, SSLMODE, FACTORY, SCHEMA, OPTIONS, ROLE, REFUSE, KEY };

static const struct parameter {
    const char *name; /* the driver compares with regard to case */
    enum treatment how;
    const char *keyword; /* libpq's; REFUSE: why */
} parameters[] = {
    {"user", KEEP, "user"},
    {"password", KEEP, "password"},
    {"ssl", SSL, NULL},
    {"sslmode", SSLMODE, NULL},
    {"sslfactory", FACTORY, NULL},
    {"sslrootcert", KEEP, "sslrootcert"},
    {"sslcert", KEEP, "sslcert"},
    {"sslkey", KEY, "sslkey"},
    {"sslpassword", KEEP, "sslpassword"},
    {"currentSchema", SCHEMA, NULL},
    {"options", OPTIONS, NULL},
    {"targetServerType", ROLE, NULL},
    {"channelBinding", KEEP, "channel_binding"},
    {"gssEncMode", KEEP, "gssencmode"},
    {"service", KEEP, "service"},
    {"socketFactory", REFUSE,
     "names a Java class in socketFactory, which only a JVM can load; let the proxy of that "
     "service listen on a port and name its address"},
    {"authenticationPluginClassName", REFUSE,
     "names a Java class in authenticationPluginClassName, which only a JVM can load; give a password or a certificate"},
    {"replication", REFUSE, "asks for a replication connection, on which changelogs cannot run"},
};

struct reader {
    struct arena *a;
    struct jdbc_url *out;
    struct str uri, options;
    const char *sslmode, *factory_mode, *wrong;
    bool ssl, any;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As Java's URLDecoder. NULL: a broken escape, or a NUL, which no connection string can hold. */
static const char *decode(struct arena *a, const char *s, size_t n)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '%') {
            str_addc(&out, s[i] == '+' ? ' ' : s[i]);
            continue;
        }
        int high = i + 2 < n ? hex(s[i + 1]) : -1, low = high < 0 ? -1 : hex(s[i + 2]);
        if (low < 0 || !(high | low))
            return NULL;
        str_addc(&out, (char)(high << 4 | low));
        i += 2;
    }
    return out.s;
}

static void encode(struct str *out, const char *s)
{
    for (; *s; s++) {
        bool plain =
            (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("-_.~", *s);
        if (plain)
            str_addc(out, *s);
        else
            str_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static void put(struct reader *r, const char *keyword, const char *value)
{
    str_addf(&r->uri, "%c%s=", r->any ? '&' : '?', keyword);
    encode(&r->uri, value);
    r->any = true;
}

/* One more -c for the server; a blank in it would end the option. */
static void add_setting(struct reader *r, const char *name, const char *value)
{
    str_addf(&r->options, "%s-c %s=", r->options.len ? " " : "", name);
    for (; *value; value++) {
        if (*value == ' ' || *value == '\\')
            str_addc(&r->options, '\\');
        str_addc(&r->options, *value);
    }
}

static const char *session_kind(const char *value)
{
    static const char *const kinds[][2] = {
        {"any", NULL},
        {"primary", "primary"},
        {"master", "primary"},
        {"secondary", "standby"},
        {"slave", "standby"},
        {"preferSecondary", "prefer-standby"},
        {"preferSlave", "prefer-standby"},
        {"preferPrimary", NULL},
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (text_equal_nocase(value, kinds[i][0]))
            return kinds[i][1];
    return "?";
}

static bool known_mode(const char *mode)
{
    static const char *const modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
    for (size_t i = 0; i < COUNT(modes); i++)
        if (text_equal(mode, modes[i]))
            return true;
    return false;
}

static void take(struct reader *r, const struct parameter *p, const char *value)
{
    const char *role;

    switch (p->how) {
    case KEY:
        if (text_ends(value, ".p12") || text_ends(value, ".pfx")) {
            r->wrong = "names a PKCS#12 file in sslkey; take certificate and key out of it (openssl pkcs12) into PEM "
                       "files for sslcert and sslkey";
            return;
        }
        put(r, p->keyword, value);
        return;
    case KEEP:
        if (!*value)
            return;
        put(r, p->keyword, value);
        r->out->password |= text_equal(p->keyword, "password");
        r->out->rootcert |= text_equal(p->keyword, "sslrootcert");
        return;
    case SSL: r->ssl = !*value || text_equal_nocase(value, "true"); return;
    case SSLMODE:
        r->sslmode = text_lower(r->a, value);
        if (!known_mode(r->sslmode))
            r->wrong = "has a sslmode that is none of disable, allow, prefer, require, verify-ca and verify-full";
        return;
    case FACTORY:
        /* The one class with a meaning of its own: encryption without a look at the certificate. */
        if (text_equal(value, "org.postgresql.ssl.NonValidatingFactory"))
            r->factory_mode = "require";
        return;
    case SCHEMA:
        if (*value)
            add_setting(r, "search_path", value);
        return;
    case OPTIONS: str_addf(&r->options, "%s%s", r->options.len ? " " : "", value); return;
    case ROLE:
        role = session_kind(value);
        if (role && text_equal(role, "?"))
            r->wrong = "has a targetServerType that the driver does not know either";
        else if (role)
            put(r, "target_session_attrs", role);
        return;
    case REFUSE: r->wrong = p->keyword; return;
    }
}

static void read_parameters(struct reader *r, const char *s)
{
    while (*s && !r->wrong) {
        size_t n = strcspn(s, "&"), eq = strcspn(s, "=&");
        const char *name = arena_strndup(r->a, s, eq), *value = eq < n ? decode(r->a, s + eq + 1, n - eq - 1) : "";
        const struct parameter *p = NULL;

        for (size_t i = 0; i < COUNT(parameters) && !p; i++)
            if (text_equal(parameters[i].name, name))
                p = &parameters[i];
        if (!value)
            r->wrong = "has a percent sign that begins no %XX; write a percent sign itself as %25";
        else if (p)
            take(r, p, value);
        else if (*name)
            *VEC_PUSH(r->a, &r->out->ignored) = name;
        s += n + (s[n] == '&');
    }
}

static bool this_machine(const char *host)
{
    return text_equal_nocase(host, "localhost") || text_starts(host, "127.") || text_equal(host, "::1");
}

/* host[:port] or [v6]:port; an empty host is localhost, as the driver has it. */
static void read_host(struct reader *r, const char *s, size_t n, bool first)
{
    size_t host = n;
    const char *port = NULL;
    bool six = n && s[0] == '[';

    if (six) {
        const char *end = memchr(s, ']', n);
        host = end ? (size_t)(end - s) + 1 : 0;
        if (host <= strlen("[]") || (host < n && s[host] != ':')) {
            r->wrong = "has an IPv6 address that does not end in ]";
            return;
        }
    } else {
        const char *colon = memchr(s, ':', n);
        host = colon ? (size_t)(colon - s) : n;
    }
    if (host < n)
        port = arena_strndup(r->a, s + host + 1, n - host - 1);
    if (port && (strspn(port, "0123456789") != strlen(port) || strlen(port) > 5)) {
        r->wrong = "has a port that is no number";
        return;
    }
    const char *name = host ? arena_strndup(r->a, s, host) : "localhost";
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%") != strlen(name) ||
        (!six && strpbrk(name, "[]%"))) {
        r->wrong = "has a host with a character that no host name has; user and password go into options of their own";
        return;
    }
    r->out->local &= this_machine(six ? arena_strndup(r->a, name + 1, host - 2) : name);
    /* The percent sign of a zone ([fe80::1%eth0]), which libpq decodes. */
    const char *plain = text_replace(r->a, name, "%25", "%");
    str_addf(&r->uri, "%s%s:%s", first ? "" : ",", text_replace(r->a, plain, "%", "%25"),
             !port || !*port ? "5432" : port);
}

/* Returns what follows the hosts. */
static const char *read_hosts(struct reader *r, const char *s)
{
    const char *end = s + strcspn(s, "/?"), *at = NULL;

    for (const char *p = s; p < end; p++)
        if (*p == '@')
            at = p;
    if (at) { /* not the driver's grammar, but what people write */
        const char *colon = memchr(s, ':', (size_t)(at - s));
        const char *user = decode(r->a, s, (size_t)((colon ? colon : at) - s));
        const char *password = colon ? decode(r->a, colon + 1, (size_t)(at - colon - 1)) : "";
        if (!user || !password) {
            r->wrong = "has a percent sign that begins no %XX; write a percent sign itself as %25";
            return end;
        }
        encode(&r->uri, user);
        if (colon) {
            str_addc(&r->uri, ':');
            encode(&r->uri, password);
            r->out->password = true;
        }
        str_addc(&r->uri, '@');
        s = at + 1;
    }
    bool first = true;
    do {
        size_t n = strcspn(s, ",/?");
        read_host(r, s, n, first);
        first = false;
        s += n;
    } while (!r->wrong && *s == ',' && *++s);
    return end;
}

static const char *refused(const char *text)
{
    if (text_starts_nocase(text, "offline:"))
        return "is offline: a database must be connected to, since the history in it says what has run";
    if (text_starts_nocase(text, "jdbc:"))
        return "is not one of PostgreSQL; only jdbc:postgresql: is supported";
    return "is neither jdbc:postgresql://host:port/database nor a libpq URI";
}

/* jdbc:postgresql:rest, where rest may have user:password@ and parameters. */
static const char *without_user(struct arena *a, const char *rest)
{
    size_t n = strcspn(rest, "?");
    const char *shown = arena_strndup(a, rest, n), *at = strrchr(shown, '@');
    return arena_printf(a, "jdbc:postgresql:%s%s", at ? "//" : "", at ? at + 1 : shown);
}

const char *jdbc_url_read(struct arena *a, const char *text, struct jdbc_url *out)
{
    static const char scheme[] = "jdbc:postgresql:";
    struct reader r = {.a = a, .out = out, .uri = str_new(a), .options = str_new(a)};
    const char *s = text_trim(a, text);

    *out = (struct jdbc_url){.uri = s, .local = true};
    if (text_starts(s, "postgresql://") || text_starts(s, "postgres://")) {
        out->says_tls = true; /* libpq's own rules hold, and those of this program */
        out->plain = "the database";
        return NULL;
    }
    if (!text_starts_nocase(s, scheme))
        return refused(s);
    s += strlen(scheme);
    str_add(&r.uri, "postgresql://");
    out->plain = without_user(a, s);
    if (text_starts(s, "//"))
        s = read_hosts(&r, s + 2);
    else
        str_add(&r.uri, "localhost:5432");
    if (r.wrong)
        return r.wrong;
    s += *s == '/';
    size_t n = strcspn(s, "?");
    const char *database = decode(a, s, n);
    if (!database)
        return "has a percent sign that begins no %XX; write a percent sign itself as %25";
    if (strchr(database, '/'))
        return "has a second / after the host";
    str_addc(&r.uri, '/');
    encode(&r.uri, database);
    if (s[n] == '?')
        read_parameters(&r, s + n + 1);
    if (r.wrong)
        return r.wrong;
    const char *mode = r.sslmode ? r.sslmode : r.factory_mode && r.ssl ? r.factory_mode : r.ssl ? "verify-full" : NULL;
    out->says_tls = mode != NULL;
    put(&r, "sslmode", mode ? mode : "prefer");
    if (r.options.len)
        put(&r, "options", r.options.s);
    out->uri = r.uri.s;
    return NULL;
}
