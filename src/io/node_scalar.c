/* node_scalar.c - what a plain YAML scalar is, by YAML 1.1 as SnakeYAML reads it; and escapes that libyaml does not take. */
#include <string.h>

#include "dbstep/str.h"
#include "node_internal.h"

static size_t run(const char *s, const char *of)
{
    return strspn(s, of);
}

static bool sexagesimal(const char *s, bool fraction)
{
    if (*s < '1' - (int)fraction || *s > '9')
        return false;
    s += run(s, "0123456789_");
    if (*s != ':')
        return false;
    while (*s == ':') {
        size_t n = run(s + 1, "0123456789");
        if (!n || n > 2 || (n == 2 && s[1] > '5'))
            return false;
        s += n + 1;
    }
    return fraction ? *s == '.' && !s[1 + run(s + 1, "0123456789_")] : !*s;
}

static bool is_integer(const char *s)
{
    s += *s == '-' || *s == '+';
    if (s[0] == '0' && s[1] == 'b')
        return s[2] && strpbrk(s + 2, "01") && !s[2 + run(s + 2, "01_")];
    if (s[0] == '0' && s[1] == 'x')
        return strpbrk(s + 2, "0123456789abcdefABCDEF") && !s[2 + run(s + 2, "0123456789abcdefABCDEF_")];
    if (s[0] == '0')
        return !s[1] || !s[1 + run(s + 1, "01234567_")];
    return (*s >= '1' && *s <= '9' && !s[run(s, "0123456789_")]) || sexagesimal(s, false);
}

static bool exponent(const char *s)
{
    if (*s != 'e' && *s != 'E')
        return !*s;
    s++;
    s += *s == '-' || *s == '+';
    return *s && !s[run(s, "0123456789")];
}

static bool is_float(const char *s)
{
    static const char *const named[] = {".inf", ".Inf", ".INF"}, *const nans[] = {".nan", ".NaN", ".NAN"};
    for (size_t i = 0; i < COUNT(nans); i++)
        if (text_equal(s, nans[i]))
            return true;
    s += *s == '-' || *s == '+';
    for (size_t i = 0; i < COUNT(named); i++)
        if (text_equal(s, named[i]))
            return true;
    if (s[0] == '.')
        return s[1] >= '0' && s[1] <= '9' && exponent(s + 1 + run(s + 1, "0123456789_"));
    if (*s < '0' || *s > '9')
        return false;
    if (sexagesimal(s, true))
        return true;
    s += run(s, "0123456789_");
    if (*s == '.')
        return exponent(s + 1 + run(s + 1, "0123456789_"));
    return *s && exponent(s);
}

/* One to `max` digits. */
static const char *digits(const char *s, size_t min, size_t max)
{
    size_t n = run(s, "0123456789");
    return n >= min && n <= max ? s + n : NULL;
}

/* 2020-01-02, or with a time and perhaps a zone behind it. */
static bool is_date(const char *s)
{
    const char *p = digits(s, 4, 4);
    bool exact;
    if (!p || *p != '-' || !(p = digits(p + 1, 1, 2)) || *p != '-' || !(p = digits(p + 1, 1, 2)))
        return false;
    exact = p - s == 10;
    if (!*p)
        return exact;
    size_t gap = *p == 'T' || *p == 't' ? 1 : run(p, " \t");
    if (!gap || !(p = digits(p + gap, 1, 2)) || *p != ':' || !(p = digits(p + 1, 2, 2)) || *p != ':' ||
        !(p = digits(p + 1, 2, 2)))
        return false;
    if (*p == '.')
        p += 1 + run(p + 1, "0123456789");
    p += run(p, " \t");
    if (*p == 'Z')
        return !p[1];
    if (*p != '+' && *p != '-')
        return !*p;
    p = digits(p + 1, 1, 2);
    if (p && *p == ':')
        p = digits(p + 1, 2, 2);
    return p && !*p;
}

enum node_type node_plain_type(const char *s)
{
    static const char *const booleans[] = {"yes",   "Yes",   "YES",   "no", "No", "NO", "true", "True", "TRUE",
                                           "false", "False", "FALSE", "on", "On", "ON", "off",  "Off",  "OFF"};
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < COUNT(nulls); i++)
        if (text_equal(s, nulls[i]))
            return NODE_NULL;
    if (strchr("yYnNtTfFoO", *s)) {
        for (size_t i = 0; i < COUNT(booleans); i++)
            if (text_equal(s, booleans[i]))
                return NODE_BOOLEAN;
        return NODE_TEXT;
    }
    if (!strchr("-+.0123456789", *s))
        return NODE_TEXT;
    return is_integer(s) ? NODE_INTEGER : is_float(s) ? NODE_FLOAT : is_date(s) ? NODE_DATE : NODE_TEXT;
}

/* ---- \uD83D\uDE42 ---- */

/* Four hexadecimal digits behind "\u"; -1: something else. */
static long unit_at(const char *s, const char *end)
{
    long value = 0;
    if (end - s < 6 || s[0] != '\\' || s[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        char c = (char)(s[i] | 0x20);
        long digit = s[i] >= '0' && s[i] <= '9' ? s[i] - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

char *node_join_surrogates(struct arena *a, const char *text, size_t len, size_t from, bool whole, size_t *out_len)
{
    const char *s = text + from, *end = text + len;
    struct str out = str_new(a);
    str_addn(&out, text, from);
    while (s < end) {
        const char *slash = s;
        while (slash < end && *slash != '\\' && (whole || *slash != '"'))
            slash++;
        str_addn(&out, s, (size_t)(slash - s));
        s = slash;
        if (s == end || *s == '"')
            break;
        long high = unit_at(s, end), low;
        if (high < 0xD800 || high > 0xDFFF) {
            size_t n = end - s > 1 ? 2 : 1;
            str_addn(&out, s, n);
            s += n;
            continue;
        }
        low = high < 0xDC00 ? unit_at(s + 6, end) : -1;
        if (low >= 0xDC00 && low <= 0xDFFF) {
            str_addf(&out, "\\U%08lX", 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
            s += 12;
        } else {
            str_add(&out, "\\uFFFD"); /* half a character */
            s += 6;
        }
    }
    str_addn(&out, s, (size_t)(end - s));
    *out_len = out.len;
    return out.s;
}
