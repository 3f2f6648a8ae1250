/* node_value.c - plain YAML scalars as Java prints them, for what reaches SQL and checksums; see node.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbstep/node.h"
#include "dbstep/str.h"

/* Digits without '_'; after '-' or '+'. */
static char *plain_digits(struct arena *a, const char *s)
{
    char *out = arena_strdup(a, s), *to = out;
    for (const char *p = s; *p; p++)
        if (*p != '_')
            *to++ = *p;
    *to = '\0';
    return out;
}

/* 0x1F, 0b101, 017, 1:30 (sexagesimal) and plain ones; NULL: too large to be told. */
static const char *java_integer(struct arena *a, const char *text)
{
    bool negative = *text == '-';
    const char *digits = plain_digits(a, text + (*text == '-' || *text == '+'));
    unsigned long long value = 0, base = 10, part = 0;

    if (digits[0] == '0' && digits[1]) {
        base = digits[1] == 'x' ? 16 : digits[1] == 'b' ? 2 : 8;
        digits += base == 8 ? 1 : 2;
    } else if (!strchr(digits, ':')) { /* of any length */
        return arena_printf(a, "%s%s", negative && digits[0] != '0' ? "-" : "", digits);
    }
    for (;; digits++) {
        if (*digits == ':' || !*digits) {
            if (__builtin_mul_overflow(value, 60ULL, &value) || __builtin_add_overflow(value, part, &value))
                return NULL;
            part = 0;
            if (!*digits)
                break;
            continue;
        }
        unsigned digit = (unsigned)(*digits <= '9' ? *digits - '0' : (*digits | 0x20) - 'a' + 10);
        if (__builtin_mul_overflow(part, base, &part) || __builtin_add_overflow(part, digit, &part))
            return NULL;
    }
    return arena_printf(a, "%s%llu", negative && value ? "-" : "", value);
}

/* As Double.toString(): 1.5, 100.0, 1.0E10, in the fewest digits that give the number back. */
static const char *java_float(struct arena *a, const char *text)
{
    const char *plain = plain_digits(a, text);
    char digits[40], *end;
    double value;

    if (strpbrk(plain, "nN"))
        return strpbrk(plain, "aA") ? "NaN" : *plain == '-' ? "-Infinity" : "Infinity";
    value = strtod(plain, &end);
    if (*end == ':') { /* 1:30.5 is 90.5 */
        for (value = value < 0 ? -value : value; *end == ':';)
            value = value * 60 + strtod(end + 1, &end);
        value = *plain == '-' ? -value : value;
    }
    if (value == 0)
        return *plain == '-' ? "-0.0" : "0.0";
    if (isinf(value))
        return value > 0 ? "Infinity" : "-Infinity";
    for (int precision = 1; precision < 18; precision++) { /* d.ddde+XX */
        snprintf(digits, sizeof digits, "%.*e", precision, value < 0 ? -value : value);
        if (strtod(digits, NULL) == (value < 0 ? -value : value))
            break;
    }
    char *e = strchr(digits, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    memmove(digits + 1, digits + 2, strlen(digits + 1)); /* the point */
    int n = (int)strlen(digits);
    while (n > 1 && digits[n - 1] == '0')
        digits[--n] = '\0';
    const char *sign = value < 0 ? "-" : "";
    if (exponent >= 7 || exponent < -3)
        return arena_printf(a, "%s%c.%sE%d", sign, digits[0], n > 1 ? digits + 1 : "0", exponent);
    if (exponent < 0)
        return arena_printf(a, "%s0.%.*s%s", sign, -1 - exponent, "00", digits);
    if (n <= exponent + 1)
        return arena_printf(a, "%s%s%.*s.0", sign, digits, exponent + 1 - n, "0000000");
    return arena_printf(a, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
}

/* java.util.Date's and Timestamp's texts. A time without zone is UTC's, as the zone of the process has no part in what is deployed. */
static const char *java_date(struct arena *a, const char *text, bool iso)
{
    struct tm t = {.tm_isdst = 0};
    char out[64];
    int zone_hours = 0, zone_minutes = 0;
    const char *time = strpbrk(text, "Tt \t"), *zone;

    sscanf(text, "%4d-%2d-%2d", &t.tm_year, &t.tm_mon, &t.tm_mday);
    t.tm_year -= 1900;
    t.tm_mon -= 1;
    if (time)
        sscanf(time + 1, "%2d:%2d:%2d", &t.tm_hour, &t.tm_min, &t.tm_sec);
    if (time && (zone = strpbrk(time, "+-"))) {
        sscanf(zone + 1, "%2d:%2d", &zone_hours, &zone_minutes);
        int minutes = zone_hours * 60 + zone_minutes;
        t.tm_min -= *zone == '-' ? -minutes : minutes;
    }
    timegm(&t);
    bool plain = time && !strpbrk(time, "+-");
    strftime(out, sizeof out, iso ? "%Y-%m-%dT%H:%M:%S" : plain ? "%Y-%m-%d %H:%M:%S" : "%a %b %d %H:%M:%S UTC %Y", &t);
    return arena_strdup(a, out);
}

static bool java_true(const char *text)
{
    return strchr("yYtT", *text) || text_equal_nocase(text, "on");
}

/* Not yet made into Java's text, of which the ISO form can be told by its length only. */
static bool digits_first(const char *text)
{
    return *text >= '0' && *text <= '9';
}

static const char *java_text(struct arena *a, const struct node *n)
{
    const char *made = NULL;
    switch (n->type) {
    case NODE_TEXT: break;
    case NODE_NULL: return NULL;
    case NODE_BOOLEAN: return java_true(n->text) ? "true" : "false";
    case NODE_INTEGER: made = java_integer(a, n->text); break;
    case NODE_DATE: return digits_first(n->text) ? java_date(a, n->text, text_ends(n->name, "Date")) : n->text;
    case NODE_FLOAT: made = strstr(n->text, "Inf") || text_equal(n->text, "NaN") ? NULL : java_float(a, n->text); break;
    }
    return made && !text_equal(made, n->text) ? made : n->text;
}

void node_canonicalise(struct arena *a, struct node *n)
{
    for (; n; n = n->next) {
        if (n->type != NODE_TEXT && n->text)
            n->text = java_text(a, n);
        node_canonicalise(a, n->first);
    }
}
