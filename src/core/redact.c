/* redact.c - hiding secrets; see redact.h. The list outlives arenas: the last line of a run must be clean too. */
#include "dbstep/redact.h"

#include <stdlib.h>
#include <string.h>

#include "dbstep/str.h"

enum { SHORTEST = 3 };

static struct form {
    char *text;
    size_t len;
} * secrets;
static size_t n_secrets, n_room;

static void add_form(const char *s, size_t len)
{
    if (len < SHORTEST)
        return;
    for (size_t i = 0; i < n_secrets; i++)
        if (secrets[i].len == len && memcmp(secrets[i].text, s, len) == 0)
            return;
    char *copy = malloc(len + 1);
    if (!copy)
        abort(); /* going on would print the secret */
    memcpy(copy, s, len);
    copy[len] = '\0';
    if (n_secrets == n_room) {
        n_room = n_room ? n_room * 2 : 32;
        secrets = realloc(secrets, n_room * sizeof *secrets);
        if (!secrets)
            abort();
    }

    /* Longest first, so that a secret that holds another one is hidden whole. */
    size_t at = n_secrets++;
    for (; at && secrets[at - 1].len < len; at--)
        secrets[at] = secrets[at - 1];
    secrets[at].text = copy;
    secrets[at].len = len;
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.~", c);
}

/* The forms in which a secret could turn up: as it is, percent-encoded in a URI, escaped in JSON (also host-safe). */
static void add_line(const char *s, size_t len)
{
    struct arena scratch = {0};
    struct str percent = str_new(&scratch), escaped = str_new(&scratch), json = str_new(&scratch);

    for (size_t i = 0; i < len; i++) {
        if (unreserved(s[i]))
            str_addc(&percent, s[i]);
        else
            str_addf(&percent, "%%%02X", (unsigned char)s[i]);
        if (s[i] == '"' || s[i] == '\\') {
            str_addc(&escaped, '\\');
            str_addc(&json, '\\');
        }
        str_addc(&json, s[i]);
        if (s[i] == '#' || s[i] == '$')
            str_addf(&escaped, "\\u%04x", (unsigned)(unsigned char)s[i]);
        else
            str_addc(&escaped, s[i]);
    }
    add_form(s, len);
    add_form(percent.s, percent.len);
    add_form(text_lower(&scratch, percent.s), percent.len);
    add_form(json.s, json.len);
    add_form(escaped.s, escaped.len);
    arena_free(&scratch);
}

void redact_add(const char *secret)
{
    if (!secret)
        return;
    while (*secret) {
        size_t n = strcspn(secret, "\r\n");
        add_line(secret, n);
        secret += n;
        secret += strspn(secret, "\r\n");
    }
}

void redact_clear(void)
{
    while (n_secrets)
        free(secrets[--n_secrets].text);
    free(secrets);
    secrets = NULL;
    n_room = 0;
}

void redact_each(void (*fn)(void *user, const char *secret), void *user)
{
    for (size_t i = 0; i < n_secrets; i++)
        fn(user, secrets[i].text);
}

bool redact_contains(const char *s)
{
    for (size_t i = 0; i < n_secrets; i++)
        if (strstr(s, secrets[i].text))
            return true;
    return false;
}

const char *redact_text(struct arena *a, const char *s)
{
    if (!s || !redact_contains(s))
        return s;
    const char *clean = s;
    for (size_t i = 0; i < n_secrets; i++)
        if (strstr(clean, secrets[i].text))
            clean = text_replace(a, clean, secrets[i].text, REDACT_MARK);
    return clean;
}

static char unhex(char c)
{
    return (char)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* The percent-decoded text is what the server and libpq would show; both it and the encoded one are registered. */
static void add_decoded(struct arena *a, const char *s, size_t len)
{
    struct str plain = str_new(a);
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '%' && i + 2 < len && strspn(s + i + 1, "0123456789abcdefABCDEF") >= 2) {
            str_addc(&plain, (char)(unhex(s[i + 1]) << 4 | unhex(s[i + 2])));
            i += 2;
        } else {
            str_addc(&plain, s[i]);
        }
    }
    redact_add(arena_strndup(a, s, len));
    redact_add(plain.s);
}

/* The value of each keyword that names a password, in "key = 'va\'lue'" or "?key=value&" form. */
static void add_keyword_values(struct arena *a, const char *s, bool uri)
{
    static const char *const keys[] = {"password", "sslpassword", "passfile"};
    for (size_t k = 0; k < 2; k++) {
        for (const char *hit = s; (hit = strstr(hit, keys[k])); hit++) {
            const char *p = hit + strlen(keys[k]);
            while (*p == ' ')
                p++;
            if (*p != '=')
                continue;
            p++;
            if (uri) {
                add_decoded(a, p, strcspn(p, "&"));
                continue;
            }
            while (*p == ' ')
                p++;
            struct str value = str_new(a);
            bool quoted = *p == '\'';
            for (p += quoted; *p && (quoted ? *p != '\'' : *p != ' '); p++) {
                if (*p == '\\' && p[1])
                    p++;
                str_addc(&value, *p);
            }
            redact_add(value.s);
        }
    }
}

void redact_add_conninfo(const char *conninfo)
{
    struct arena scratch = {0};
    if (!conninfo)
        return;
    const char *scheme = strstr(conninfo, "://");
    if (scheme) {
        /* user:password@host: the user part ends at the last '@' before the path, as libpq reads it. */
        const char *start = scheme + 3, *end = start + strcspn(start, "/?"), *at = NULL;
        for (const char *p = start; p < end; p++)
            if (*p == '@')
                at = p;
        const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
        if (colon)
            add_decoded(&scratch, colon + 1, (size_t)(at - colon - 1));
    }
    add_keyword_values(&scratch, conninfo, scheme != NULL);
    arena_free(&scratch);
}
