/* java_properties.c - Java's properties format; see java_properties.h. */
#include "dbstep/java_properties.h"

#include "dbstep/str.h"

#include <string.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static const char *skip_blanks(const char *s)
{
    while (blank(*s))
        s++;
    return s;
}

static void add_code_point(struct str *out, unsigned code)
{
    if (code < 0x80) {
        str_addc(out, (char)code);
    } else if (code < 0x800) {
        str_addc(out, (char)(0xC0 | code >> 6));
        str_addc(out, (char)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        str_addc(out, (char)(0xE0 | code >> 12));
        str_addc(out, (char)(0x80 | (code >> 6 & 0x3F)));
        str_addc(out, (char)(0x80 | (code & 0x3F)));
    } else {
        str_addc(out, (char)(0xF0 | code >> 18));
        str_addc(out, (char)(0x80 | (code >> 12 & 0x3F)));
        str_addc(out, (char)(0x80 | (code >> 6 & 0x3F)));
        str_addc(out, (char)(0x80 | (code & 0x3F)));
    }
}

static bool four_digits(const char *s, unsigned *code)
{
    *code = 0;
    for (int i = 0; i < 4; i++) {
        char c = (char)(s[i] | 32);
        if (s[i] >= '0' && s[i] <= '9')
            *code = *code << 4 | (unsigned)(s[i] - '0');
        else if (c >= 'a' && c <= 'f')
            *code = *code << 4 | (unsigned)(c - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* What follows a backslash. A second half of a surrogate pair is taken with the first. */
static const char *escape(struct str *out, const char *s, bool *malformed)
{
    unsigned code, low;

    switch (*s) {
    case '\0': return s;
    case 't': str_addc(out, '\t'); return s + 1;
    case 'n': str_addc(out, '\n'); return s + 1;
    case 'r': str_addc(out, '\r'); return s + 1;
    case 'f': str_addc(out, '\f'); return s + 1;
    case 'u':
        if (!four_digits(s + 1, &code)) {
            *malformed = true;
            return s + 1;
        }
        s += 5;
        if (code >= 0xD800 && code < 0xDC00 && s[0] == '\\' && s[1] == 'u' && four_digits(s + 2, &low) &&
            low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            s += 6;
        }
        *malformed |= !code || (code >= 0xD800 && code < 0xE000);
        if (!*malformed)
            add_code_point(out, code);
        return s;
    default: break;
    }
    add_code_point(out, (unsigned char)*s);
    return s + 1;
}

static const char *end_line(const char *s, int *line)
{
    s += *s == '\r' && s[1] == '\n';
    ++*line;
    return s + (*s != '\0');
}

/* One logical line without comment; returns the start of the next one. `line` counts. */
static const char *logical_line(struct str *out, const char *s, int *line)
{
    for (;;) {
        size_t n = strcspn(s, "\r\n"), slashes = 0;
        while (slashes < n && s[n - 1 - slashes] == '\\')
            slashes++;
        bool joined = slashes & 1;
        str_addn(out, s, n - joined);
        s = end_line(s + n, line);
        if (!joined || !*s)
            return s;
        s = skip_blanks(s);
    }
}

static const char *take(struct str *out, const char *s, const char *until, bool *malformed)
{
    while (*s && !strchr(until, *s)) {
        if (*s == '\\')
            s = escape(out, s + 1, malformed);
        else
            add_code_point(out, (unsigned char)*s++);
    }
    return s;
}

int java_properties_read(struct arena *a, const char *text, struct java_property_list *out)
{
    int line = 1;
    const char *s = text_starts(text, "\xEF\xBB\xBF") ? text + 3 : text;
    struct str whole = str_new(a);

    *out = (struct java_property_list){0};
    while (*s) {
        struct str key = str_new(a), value = str_new(a);
        bool malformed = false;
        int at = line;

        s = skip_blanks(s);
        if (*s == '#' || *s == '!') {
            s = end_line(s + strcspn(s, "\r\n"), &line); /* a backslash does not join comments */
            continue;
        }
        str_clear(&whole);
        s = logical_line(&whole, s, &line);
        const char *p = skip_blanks(take(&key, whole.s, " \t\f=:", &malformed));
        if (*p == '=' || *p == ':')
            p = skip_blanks(p + 1);
        take(&value, p, "", &malformed);
        if (malformed)
            return at;
        if (key.len)
            *VEC_PUSH(a, &out->list) = (struct java_property){key.s, value.s, at};
    }
    return 0;
}
