/* sql_values.c - values and defaults in generated SQL; see type.h. */
#include <stdlib.h>
#include <string.h>

#include "type.h"

const char *sql_text_literal(struct arena *a, const char *text)
{
    return arena_printf(a, "'%s'", text_replace(a, text, "'", "''"));
}

const char *sql_dollar_tag(struct arena *a, const char *body)
{
    const char *tag = "$$";

    for (int i = 1; strstr(body, tag); i++)
        tag = arena_printf(a, "$row%d$", i);
    return tag;
}

/* ---- what is given ---- */

struct sql_value value_number(struct arena *a, const char *text)
{
    size_t n = strlen(text);
    const char *inner = text;

    if (text_equal_nocase(text, "null"))
        return (struct sql_value){VALUE_NONE, NULL};
    if (n > 2 && text[0] == '(' && text[n - 1] == ')')
        inner = arena_strndup(a, text + 1, n - 2);
    const char *p = inner + (*inner == '-');
    if (strspn(p + (*p == '.'), "0123456789"))
        return (struct sql_value){VALUE_NUMBER, inner};
    return (struct sql_value){VALUE_COMPUTED, text};
}

static bool matches(const char *text, const char *pattern /* 0: a digit */)
{
    for (; *pattern; text++, pattern++)
        if (*pattern == '0' ? *text < '0' || *text > '9' : *pattern != *text)
            return false;
    return true;
}

static int digits(const char *p, int n)
{
    int value = 0;

    for (int i = 0; i < n; i++)
        value = value * 10 + (p[i] - '0');
    return value;
}

struct moment {
    long long days; /* since 1970-01-01 */
    int seconds;
};

static long long days_of(long long year, int month, int day)
{
    year += (month - 1) / 12;
    month = (month - 1) % 12 + 1;
    if (month < 1) {
        month += 12;
        year--;
    }
    long long y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    long long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468 + day - 1;
}

static const char *date_text(struct arena *a, long long days)
{
    long long z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
    long long y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long long of_year = of_era - (365 * y + y / 4 - y / 100), m = (5 * of_year + 2) / 153;
    long long month = m < 10 ? m + 3 : m - 9;

    return arena_printf(a, "%04lld-%02lld-%02lld", y + era * 400 + (month <= 2), month,
                        of_year - (153 * m + 2) / 5 + 1);
}

static int seconds_of(const char *p)
{
    return digits(p, 2) * 3600 + digits(p + 3, 2) * 60 + digits(p + 6, 2);
}

static const char *time_text(struct arena *a, long long seconds)
{
    return arena_printf(a, "%02lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* Dates beyond a month's end and times beyond midnight count on, as Java's lenient calendar does. */
struct sql_value value_date(struct arena *a, const char *text)
{
    enum { DAY = 86400 };
    size_t n = strlen(text);

    if (n == 8 && matches(text, "00:00:00"))
        return (struct sql_value){VALUE_TIME, time_text(a, seconds_of(text) % DAY)};
    if (n < 10 || !matches(text, "0000-00-00"))
        return (struct sql_value){VALUE_COMPUTED, text};
    long long days = days_of(digits(text, 4), digits(text + 5, 2), digits(text + 8, 2));
    if (n == 10)
        return (struct sql_value){VALUE_DATE, date_text(a, days)};
    const char *clock = text + 11;
    if (n < 19 || !(text[10] == 'T' || text[10] == ' ') || !matches(clock, "00:00:00"))
        return (struct sql_value){VALUE_COMPUTED, text};
    const char *fraction = clock + 8;
    size_t len = *fraction == '.' ? strspn(fraction + 1, "0123456789") : 0;
    if (*fraction && (!len || len > 9 || fraction[1 + len]))
        return (struct sql_value){VALUE_COMPUTED, text};
    while (len && fraction[len] == '0')
        len--;
    long long seconds = seconds_of(clock);
    return (struct sql_value){VALUE_TIMESTAMP,
                              arena_printf(a, "%sT%s%.*s", date_text(a, days + seconds / DAY),
                                           time_text(a, seconds % DAY), len ? (int)len + 1 : 0, fraction)};
}

struct sql_value value_of(struct arena *a, const struct node *column, const char *prefix)
{
    static const struct {
        const char *suffix;
        enum value_kind kind;
    } plain[] = {{"Computed", VALUE_COMPUTED},
                 {"ClobFile", VALUE_FILE},
                 {"BlobFile", VALUE_FILE},
                 {"SequenceNext", VALUE_NEXT},
                 {"SequenceCurrent", VALUE_CURRENT}};
    char name[64];
    const char *text = field_text(column, prefix);
    struct sql_value v;

    if (text)
        return (struct sql_value){VALUE_TEXT, text};
    snprintf(name, sizeof name, "%sBoolean", prefix);
    if ((text = field_text(column, name)))
        return (struct sql_value){VALUE_BOOLEAN, text_equal_nocase(text, "true") ? "true" : "false"};
    snprintf(name, sizeof name, "%sNumeric", prefix);
    if ((text = field_text(column, name)) && (v = value_number(a, text)).kind)
        return v;
    snprintf(name, sizeof name, "%sDate", prefix);
    if ((text = field_text(column, name)))
        return value_date(a, text);
    for (size_t i = 0; i < COUNT(plain); i++) {
        snprintf(name, sizeof name, "%s%s", prefix, plain[i].suffix);
        if ((text = field_text(column, name)))
            return (struct sql_value){plain[i].kind, text};
    }
    if (text_equal(prefix, "value") && !text_empty(column->text)) /* <column name="a">x</column> */
        return (struct sql_value){VALUE_TEXT, column->text};
    return (struct sql_value){VALUE_NONE, NULL};
}

/* A double as Double.toString() prints it: 1.5, 100.0, 1.0E10. */
const char *java_double(struct arena *a, const char *text)
{
    struct str plain = str_new(a);
    char digits[40];
    char *end;

    for (const char *p = text; *p; p++)
        if (*p != '_')
            str_addc(&plain, *p);
    double value = strtod(plain.s, &end);
    if (*end || value - value != 0.0)
        return text;
    if (value == 0.0)
        return plain.s[0] == '-' ? "-0.0" : "0.0";
    for (int precision = 0; precision < 18; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    /* d.ddde+XX -> the digits and the exponent */
    bool negative = digits[0] == '-';
    char *e = strchr(digits, 'e');
    int exponent = (int)strtol(e + 1, NULL, 10);
    *e = '\0';
    struct str mantissa = str_new(a);
    for (char *p = digits + negative; *p; p++)
        if (*p != '.')
            str_addc(&mantissa, *p);
    struct str out = str_new(a);
    if (negative)
        str_addc(&out, '-');
    size_t n = mantissa.len;
    if (exponent >= 7 || exponent < -3) {
        str_addf(&out, "%c.%sE%d", mantissa.s[0], n > 1 ? mantissa.s + 1 : "0", exponent);
    } else if (exponent < 0) {
        str_add(&out, "0.");
        for (int i = -1; i > exponent; i--)
            str_addc(&out, '0');
        str_add(&out, mantissa.s);
    } else {
        size_t whole = (size_t)exponent + 1;
        for (size_t i = 0; i < whole; i++)
            str_addc(&out, i < n ? mantissa.s[i] : '0');
        str_addf(&out, ".%s", n > whole ? mantissa.s + whole : "0");
    }
    return out.s;
}

/* ---- in SQL ---- */

const char *sql_expression(const char *text)
{
    bool now = text_equal_nocase(text, "now()") || text_starts_nocase(text, "current_timestamp") ||
               text_starts_nocase(text, "current_datetime");

    return now ? "NOW()" : text;
}

bool looks_like_function(const char *text)
{
    return text_equal_nocase(text, "now()") || text_starts(text, "to_date(") || text_starts(text, "\"SYSIBM\"");
}

static const char *of_sequence(struct arena *a, const struct change_env *env, const char *schema, struct sql_value v)
{
    return arena_printf(a, "%s(%s)", v.kind == VALUE_NEXT ? "nextval" : "currval",
                        sql_text_literal(a, sql_table(a, env, schema, v.text)));
}

/* 2020-01-02T03:04:05 -> 2020-01-02 03:04:05 */
static const char *moment_text(struct arena *a, struct sql_value v)
{
    return v.kind == VALUE_TIMESTAMP ? text_replace(a, v.text, "T", " ") : v.text;
}

const char *sql_value(struct arena *a, const struct change_env *env, const char *schema, struct sql_value v)
{
    if (v.text && v.kind != VALUE_NEXT && v.kind != VALUE_CURRENT && text_equal_nocase(v.text, "null"))
        return "NULL";
    switch (v.kind) {
    case VALUE_TEXT: return looks_like_function(v.text) ? v.text : sql_text_literal(a, v.text);
    case VALUE_NUMBER: return v.text;
    case VALUE_BOOLEAN: return text_equal(v.text, "true") ? "TRUE" : "FALSE";
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP: return sql_text_literal(a, moment_text(a, v));
    case VALUE_COMPUTED: return sql_expression(v.text);
    case VALUE_NEXT:
    case VALUE_CURRENT: return of_sequence(a, env, schema, v);
    case VALUE_FILE: return sql_text_literal(a, v.text);
    case VALUE_NONE:
    default: return "NULL";
    }
}

/* ---- defaults, which look at the column's type ---- */

bool boolean_text(const char *text, bool *yes)
{
    static const char *const words[][2] = {{"true", "false"}, {"1", "0"}, {"t", "f"}};

    for (size_t i = 0; i < COUNT(words); i++)
        for (int no = 0; no < 2; no++)
            if (text_equal_nocase(text, words[i][no])) {
                *yes = !no;
                return true;
            }
    return false;
}

static bool boolean_default(struct ctx *cx, const struct change *c, const struct node *column, const char *text,
                            const char **out)
{
    const char *bare = text_replace(cx->arena, text, "'", "");
    bool yes;

    if (text_equal(bare, "b1") || text_equal(bare, "b0"))
        *out = bare[1] == '1' ? "b'1'::\"bit\"" : "b'0'::\"bit\"";
    else if (boolean_text(bare, &yes))
        *out = yes ? "TRUE" : "FALSE";
    else
        return change_fault(cx, c, column, "\"%s\" is neither true nor false, which the column's type wants", text);
    return true;
}

/* Any word that ends in (). */
static bool is_call(const char *text)
{
    return text_ends(text, "()") && strlen(text) > 2 && !text[strcspn(text, " \t\r\n")];
}

/* Not doubled: whoever writes a quote into such a default doubles it. */
static const char *in_quotes(struct arena *a, const char *text)
{
    return arena_printf(a, "'%s'", text);
}

static bool text_default(struct ctx *cx, const struct change *c, const struct node *column, const struct sql_type *type,
                         const char *text, const char **out)
{
    struct arena *a = cx->arena;
    bool null = text_equal_nocase(text, "null");
    size_t n = strlen(text);

    switch (type->literals) {
    case LITERAL_UNKNOWN: *out = null ? "'null'" : in_quotes(a, text); return true;
    case LITERAL_BYTES: *out = in_quotes(a, text); return true;
    default: break;
    }
    *out = null ? "null" : text;
    if (null)
        return true;
    switch (type->literals) {
    case LITERAL_WHOLE:
    case LITERAL_SMALL:
    case LITERAL_NUMBER:
    case LITERAL_RAW: return true;
    case LITERAL_BOOLEAN: return boolean_default(cx, c, column, text, out);
    case LITERAL_LONG_TEXT:
        *out = n > 1 && text[0] == '\'' && text[n - 1] == '\'' ? text : sql_text_literal(a, text);
        return true;
    case LITERAL_TIMESTAMP: *out = is_call(text) ? text : sql_text_literal(a, text); return true;
    case LITERAL_XML: *out = arena_printf(a, "xml %s", sql_text_literal(a, text)); return true;
    case LITERAL_TEXT:
    case LITERAL_DATE:
    case LITERAL_TIME:
    default: *out = sql_text_literal(a, text); return true;
    }
}

/* 2.0 -> 2 */
static const char *without_zeros(struct arena *a, const char *number)
{
    const char *dot = strchr(number, '.');

    return dot && dot[1] && strspn(dot + 1, "0") == strlen(dot + 1) ? arena_strndup(a, number, (size_t)(dot - number))
                                                                    : number;
}

static const char *number_default(struct arena *a, const struct sql_type *type, const char *text)
{
    switch (type->literals) {
    case LITERAL_BOOLEAN: return text_equal(text, "1") ? "TRUE" : "FALSE";
    case LITERAL_TEXT:
    case LITERAL_LONG_TEXT: return in_quotes(a, text);
    case LITERAL_UNKNOWN: return in_quotes(a, without_zeros(a, text));
    case LITERAL_BYTES:
    case LITERAL_RAW: return text;
    case LITERAL_WHOLE:
    case LITERAL_SMALL:
    case LITERAL_NUMBER:
    case LITERAL_XML:
    case LITERAL_DATE:
    case LITERAL_TIME:
    case LITERAL_TIMESTAMP:
    default: return without_zeros(a, text);
    }
}

/* A text that the type's own way of quoting is put around. */
static const char *other_default(struct arena *a, const struct sql_type *type, const char *text)
{
    switch (type->literals) {
    case LITERAL_WHOLE:
    case LITERAL_SMALL:
    case LITERAL_NUMBER:
    case LITERAL_BYTES:
    case LITERAL_RAW: return text;
    case LITERAL_XML: return arena_printf(a, "xml '%s'", text);
    case LITERAL_UNKNOWN:
    case LITERAL_BOOLEAN:
    case LITERAL_TEXT:
    case LITERAL_LONG_TEXT:
    case LITERAL_DATE:
    case LITERAL_TIME:
    case LITERAL_TIMESTAMP:
    default: return in_quotes(a, text);
    }
}

static const char *truth_default(struct arena *a, const struct sql_type *type, const char *text)
{
    bool yes = text_equal(text, "true");

    if (type->literals == LITERAL_BOOLEAN)
        return yes ? "TRUE" : "FALSE";
    if (type->literals == LITERAL_SMALL)
        return yes ? "1" : "0";
    return other_default(a, type, text);
}

static const char *moment_default(struct arena *a, const struct sql_type *type, struct sql_value v)
{
    bool short_form = type->literals == LITERAL_DATE || type->literals == LITERAL_TIMESTAMP ||
                      type->literals == LITERAL_WHOLE || type->literals == LITERAL_SMALL;
    const char *text = moment_text(a, v);

    if (v.kind == VALUE_TIMESTAMP && !short_form && !strchr(text, '.'))
        text = arena_printf(a, "%s.0", text);
    return other_default(a, type, text);
}

bool sql_default(struct ctx *cx, const struct change *c, const struct change_env *env, const struct node *column,
                 const char *schema, const struct sql_type *type, struct sql_value v, const char **out)
{
    struct arena *a = cx->arena;

    *out = NULL;
    switch (v.kind) {
    case VALUE_TEXT: return text_default(cx, c, column, type, v.text, out);
    case VALUE_NUMBER: *out = number_default(a, type, v.text); return true;
    case VALUE_BOOLEAN: *out = truth_default(a, type, v.text); return true;
    case VALUE_DATE:
    case VALUE_TIME:
    case VALUE_TIMESTAMP: *out = moment_default(a, type, v); return true;
    case VALUE_COMPUTED: *out = sql_expression(v.text); return true;
    case VALUE_NEXT:
    case VALUE_CURRENT: *out = of_sequence(a, env, schema, v); return true;
    case VALUE_FILE:
    case VALUE_NONE:
    default: return true;
    }
}
