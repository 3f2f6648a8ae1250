/* redact.c - hiding secrets; see redact.h. The list outlives arenas: the last line of a run must be clean too. */
#include "dbstep/redact.h"

#include <stdlib.h>
#include <string.h>

#include "dbstep/json.h"
#include "dbstep/str.h"
#include "dbstep/vec.h"

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

static void add_percent(struct arena *a, const char *s, size_t len, const char *digits)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (unreserved(s[i])) {
            str_addc(&out, s[i]);
        } else {
            str_addc(&out, '%');
            str_addc(&out, digits[c >> 4]);
            str_addc(&out, digits[c & 15]);
        }
    }
    add_form(out.s, out.len);
}

static void add_json(struct arena *a, const char *text, bool host_safe)
{
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    w.host_safe = host_safe;
    json_string(&w, NULL, text);
    add_form(out.s + 1, out.len - 2); /* without its quotes */
}

/* The forms in which a secret could turn up: as it is, percent-encoded in a URI, escaped in JSON (also host-safe). */
static void add_line(const char *s, size_t len)
{
    struct arena scratch = {0};
    char *text = arena_strndup(&scratch, s, len);

    add_form(s, len);
    add_percent(&scratch, s, len, "0123456789ABCDEF");
    add_percent(&scratch, s, len, "0123456789abcdef");
    add_json(&scratch, text, false);
    add_json(&scratch, text, true);
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

void redact_add_named(const char *name, const char *value)
{
    static const char *const words[] = {"password", "passwd", "secret"};
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasestr(name, words[i])) {
            redact_add(value);
            return;
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
    static const char key[] = "password"; /* and so sslpassword */
    for (const char *hit = s; (hit = strstr(hit, key)); hit++) {
        const char *p = hit + strlen(key);
        p += strspn(p, " \t\r\n");
        if (*p != '=')
            continue;
        p++;
        if (uri) {
            add_decoded(a, p, strcspn(p, "&"));
            continue;
        }
        p += strspn(p, " \t\r\n");
        struct str value = str_new(a);
        bool quoted = *p == '\'';
        for (p += quoted; *p && (quoted ? *p != '\'' : !strchr(" \t\r\n", *p)); p++) {
            if (*p == '\\' && p[1])
                p++;
            str_addc(&value, *p);
        }
        redact_add(value.s);
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
