/* family.c - from a type to the SQL that hashes its values.
 *
 * PostgreSQL's *extended functions are made for hash joins, not for proofs. What has to be worked around, each found on real servers:
 *  - hashint8extended folds to 32 bits before it mixes: the high half goes into the seed first;
 *  - the types that are int8 inside (timestamp, time, money) inherit that: their binary form is hashed, as the text of its hexadecimal digits, because
 *    bytea's own function cannot be called from SQL, and hashing it through a record is slower and came with PostgreSQL 14;
 *  - hash_numeric_extended leaves out the sign, and XORs the exponent to what it returns, so that 5 is -5 and two rows multiplied by 10000 cancel:
 *    numerics are hashed as text, which costs the same;
 *  - hashfloat8extended(0) is the seed itself: with row keys as seeds, the terms of zeros would cancel one another under XOR (1 # 2 # 3 = 0). Zeros
 *    of floats get a hashed seed;
 *  - jsonb_hash_extended gives {} and [] one value, and is linear in the seed: jsonb is hashed as text at every level;
 *  - enums, reg* types and arrays or records of them carry OIDs, which differ between databases: text;
 *  - a cast to text may be anybody's function, which need not tell values apart: types that are not the server's own are written by their output
 *    function, which concat() calls and a dump uses. */
#include <string.h>

#include "model.h"

static const char *const names[FAM_COUNT] = {
#define F(name, text) [FAM_##name] = text,
    IT_FAMILIES(F)
#undef F
};

const char *it_family_name(enum it_family f)
{
    return names[f];
}

enum it_family it_family_find(const char *name)
{
    for (int f = 1; f < FAM_COUNT; f++)
        if (text_equal(names[f], name))
            return (enum it_family)f;
    return FAM_NONE;
}

static bool is_int(const struct it_column *c)
{
    return text_equal(c->base, "int2") || text_equal(c->base, "int4") || text_equal(c->base, "int8");
}

/* numeric(p,s): every value of the column has the same scale. */
static bool fixed_scale(const struct it_column *c)
{
    return text_equal(c->base, "numeric") && c->typmod >= 4;
}

/* The modifier holds 16 bits of precision and 11 of scale, signed, and is 4 too large. */
static int scale_of(const struct it_column *c)
{
    return (int)((((c->typmod - 4) & 0x7ff) ^ 1024) - 1024);
}

enum it_family it_family_of(const struct it_column *c, enum integrity_strictness s)
{
    static const struct {
        const char *type;
        enum it_family family;
    } map[] = {
        {"int2", FAM_INT4},   {"int4", FAM_INT4},           {"int8", FAM_INT8},
        {"bool", FAM_BOOL},   {"bpchar", FAM_BPCHAR},       {"uuid", FAM_UUID},
        {"bytea", FAM_BYTEA}, {"timestamp", FAM_TIMESTAMP}, {"timestamptz", FAM_TIMESTAMPTZ},
        {"date", FAM_DATE},   {"time", FAM_TIME},           {"timetz", FAM_TIMETZ},
        {"money", FAM_MONEY}, {"inet", FAM_INET},           {"cidr", FAM_INET},
    };
    bool semantic = s == INTEGRITY_SEMANTIC;

    for (size_t i = 0; i < COUNT(map); i++)
        if (text_equal(c->base, map[i].type))
            return map[i].family;
    if (text_equal(c->base, "float4") || text_equal(c->base, "float8"))
        return semantic ? FAM_FLOAT_EQ : FAM_FLOAT;
    if (text_equal(c->base, "numeric"))
        return semantic && !fixed_scale(c) ? FAM_NUMERIC_EQ : FAM_NUMERIC;
    if (text_equal(c->base, "interval") && semantic)
        return FAM_INTERVAL_EQ;
    return FAM_TEXT; /* text, varchar, json, jsonb, arrays, ranges, geometry, enums, composites, extensions' types: what a dump holds */
}

bool it_family_accepts(enum it_family f, const struct it_column *c)
{
    const char *b = c->base;
    bool text = text_equal(b, "text") || text_equal(b, "varchar") || text_equal(b, "bpchar");

    switch (f) {
    case FAM_NONE:
    case FAM_COUNT: return false;
    case FAM_INT4:
    case FAM_INT8: return is_int(c);
    case FAM_TEXT: return true;
    case FAM_BPCHAR: return text;
    case FAM_FLOAT:
    case FAM_FLOAT_EQ: return text_equal(b, "float4") || text_equal(b, "float8");
    case FAM_NUMERIC: return text_equal(b, "numeric") && !fixed_scale(c);
    case FAM_NUMERIC_EQ: return text_equal(b, "numeric") || is_int(c);
    case FAM_INTERVAL_EQ: return text_equal(b, "interval");
    case FAM_INET: return text_equal(b, "inet") || text_equal(b, "cidr");
    default: return text_equal(b, names[f]);
    }
}

enum it_family it_family_common(const struct it_column *a, const struct it_column *b, enum integrity_strictness s)
{
    enum it_family fa = it_family_of(a, s), fb = it_family_of(b, s);

    if (fa == FAM_NUMERIC && fb == FAM_NUMERIC && a->typmod != b->typmod)
        return FAM_NUMERIC_EQ; /* equal values are written with unequal scales */
    if (fa == fb)
        return fa;
    if (fa == FAM_TEXT && fb != FAM_TEXT && !text_equal(a->base, "text") && !text_equal(a->base, "varchar"))
        return FAM_TEXT;
    if (it_family_accepts(fa, b) && fa != FAM_TEXT)
        return fa;
    if (it_family_accepts(fb, a) && fb != FAM_TEXT)
        return fb;
    if (it_family_accepts(FAM_NUMERIC_EQ, a) && it_family_accepts(FAM_NUMERIC_EQ, b))
        return FAM_NUMERIC_EQ;
    return fa == FAM_TEXT || fb == FAM_TEXT ? FAM_TEXT : FAM_NONE;
}

enum it_family it_family_certified(const struct it_column *certified, const struct it_column *live)
{
    if (certified->family == FAM_NUMERIC && fixed_scale(certified))
        return text_equal(live->base, "numeric") || is_int(live) ? FAM_NUMERIC : FAM_NONE;
    return it_family_accepts(certified->family, live) ? certified->family : FAM_NONE;
}

void it_family_adapt(struct it_column *live, const struct it_column *other, enum it_family f)
{
    live->family = f;
    live->rescale = f == FAM_NUMERIC && fixed_scale(other) && other->typmod != live->typmod;
    live->scale = live->rescale ? scale_of(other) : 0;
}

/* The bytes of a value's binary form; `send` "": it is bytes itself. */
static void hex(struct str *out, const char *send, const char *v, const char *s)
{
    str_addf(out, "hashtextextended(encode(%s(%s), 'hex') COLLATE \"C\", %s)", send, v, s);
}

void it_family_sql(struct str *out, enum it_family f, const struct it_column *c, const char *v, const char *s)
{
    if (c->portable) {
        it_portable_sql(out, f, c, v, s);
        return;
    }
    switch (f) {
    case FAM_NONE:
    case FAM_COUNT: str_add(out, "NULL::bigint"); return;
    case FAM_INT4:
        if (text_equal(c->base, "int8")) /* widened since: equal values must hash as they did */
            str_addf(out,
                     "CASE WHEN %s BETWEEN -2147483648 AND 2147483647 THEN hashint4extended(%s::int, %s) "
                     "ELSE hashint8extended(%s, hashint4extended((%s >> 32)::int, %s)) END",
                     v, v, s, v, v, s);
        else
            str_addf(out, "hashint4extended(%s%s, %s)", v, text_equal(c->base, "int4") ? "" : "::int", s);
        return;
    case FAM_INT8: {
        const char *cast = text_equal(c->base, "int8") ? "" : "::bigint";
        str_addf(out, "hashint8extended(%s%s, hashint4extended((%s%s >> 32)::int, %s))", v, cast, v, cast, s);
        return;
    }
    case FAM_TEXT:
        if (*c->base)
            str_addf(out, "hashtextextended(%s::text COLLATE \"C\", %s)", v, s);
        else
            str_addf(out, "CASE WHEN %s IS DISTINCT FROM NULL THEN hashtextextended(concat(%s) COLLATE \"C\", %s) END",
                     v, v, s);
        return;
    case FAM_BPCHAR:
        str_addf(out, "hashbpcharextended(%s%s COLLATE \"C\", %s)", v, text_equal(c->base, "bpchar") ? "" : "::bpchar",
                 s);
        return;
    case FAM_BOOL: str_addf(out, "hashcharextended(%s::int::\"char\", %s)", v, s); return;
    case FAM_FLOAT: /* tells -0 from 0 */
        str_addf(
            out,
            "CASE WHEN %s = 0 THEN hashtextextended(%s::text COLLATE \"C\", %s) ELSE hashfloat8extended(%s, %s) END", v,
            v, s, v, s);
        return;
    case FAM_FLOAT_EQ:
        str_addf(out, "CASE WHEN %s = 0 THEN hashint4extended(0, %s) ELSE hashfloat8extended(%s, %s) END", v, s, v, s);
        return;
    case FAM_NUMERIC: /* with its scale: 1.0 is not 1.00 */
        if (c->rescale) {
            str_addf(
                out,
                "hashtextextended((CASE WHEN round(%s::numeric, %d) = %s THEN round(%s::numeric, %d) ELSE %s END)::text "
                "COLLATE \"C\", %s)",
                v, c->scale, v, v, c->scale, v, s);
            return;
        }
        str_addf(out, "hashtextextended(%s::text COLLATE \"C\", %s)", v, s);
        return;
    case FAM_NUMERIC_EQ: /* an integer's text is that of the numeric without a fraction */
        str_addf(out,
                 is_int(c) ? "hashtextextended(%s::text COLLATE \"C\", %s)"
                           : "hashtextextended(trim_scale(%s)::text COLLATE \"C\", %s)",
                 v, s);
        return;
    case FAM_UUID: str_addf(out, "uuid_hash_extended(%s, %s)", v, s); return;
    case FAM_BYTEA: hex(out, "", v, s); return;
    case FAM_TIMESTAMP: hex(out, "timestamp_send", v, s); return;
    case FAM_TIMESTAMPTZ: hex(out, "timestamptz_send", v, s); return;
    case FAM_DATE: hex(out, "date_send", v, s); return;
    case FAM_TIME: hex(out, "time_send", v, s); return;
    case FAM_TIMETZ: hex(out, "timetz_send", v, s); return;
    case FAM_MONEY: hex(out, "cash_send", v, s); return;
    case FAM_INET:
        str_addf(out, "hashinetextended(%s%s, %s)", v, text_equal(c->base, "cidr") ? "::inet" : "", s);
        return;
    case FAM_INTERVAL_EQ: /* one form for all intervals that SQL calls equal; interval_hash_extended folds to 32 bits */
        str_addf(out, "hashtextextended(justify_interval(%s)::text COLLATE \"C\", %s)", v, s);
        return;
    }
}

static bool is_ascii(const char *s)
{
    while (*s && (unsigned char)*s < 128)
        s++;
    return !*s;
}

const char *it_probe_sql(struct arena *a, const char *encoding)
{
    static const struct {
        enum it_family family;
        const char *base, *values[4];
    } probes[] = {
        {FAM_INT4, "int4", {"'-7'::int", "'2147483647'::int"}},
        {FAM_INT8, "int8", {"'-4294967297'::bigint", "'9223372036854775807'::bigint"}},
        {FAM_TEXT,
         "text",
         {"'Gr\xc3\xbc\xc3\x9f'::text", "'Gruss'::text", "'{\"a\": 1.0}'::jsonb", "'{1,NULL,3}'::int[]"}},
        {FAM_BPCHAR, "bpchar", {"'ab  '::char(5)"}},
        {FAM_BOOL, "bool", {"true", "false"}},
        {FAM_FLOAT, "float8", {"'-0'::float8", "'1e-20'::float8", "'NaN'::float8"}},
        {FAM_FLOAT_EQ, "float8", {"'-0'::float8", "'0.1'::float8", "'-Infinity'::float8"}},
        {FAM_NUMERIC,
         "numeric",
         {"'-12.50'::numeric", "'0.00'::numeric", "'NaN'::numeric", "'12345678901234567890.1'::numeric"}},
        {FAM_NUMERIC_EQ, "numeric", {"'-12.50'::numeric", "'0.00'::numeric", "'NaN'::numeric", "'1e100'::numeric"}},
        {FAM_UUID, "uuid", {"'00010203-0405-0607-0809-0a0b0c0d0e0f'::uuid"}},
        {FAM_BYTEA, "bytea", {"'\\x00ff10'::bytea"}},
        {FAM_TIMESTAMP,
         "timestamp",
         {"'2026-01-31 12:00:00.123456'::timestamp", "'infinity'::timestamp", "'0044-03-15 BC'::timestamp"}},
        {FAM_TIMESTAMPTZ, "timestamptz", {"'2026-01-31 12:00:00.123456+02'::timestamptz", "'-infinity'::timestamptz"}},
        {FAM_DATE, "date", {"'1999-12-31'::date"}},
        {FAM_TIME, "time", {"'23:59:59.999999'::time"}},
        {FAM_TIMETZ, "timetz", {"'23:59:59.999999-03'::timetz"}},
        {FAM_MONEY, "money", {"(12.34::numeric)::money"}},
        {FAM_INET, "inet", {"'10.1.2.3/8'::inet", "'::1'::inet"}},
        {FAM_INTERVAL_EQ, "interval", {"'1 mon -1 day 3 hours'::interval", "'30 days'::interval"}},
    };
    struct str sql = str_new(a);

    for (size_t i = 0; i < COUNT(probes); i++) {
        for (int portable = 0; portable < 2; portable++) {
            struct it_column c = {.base = probes[i].base, .typmod = -1, .portable = portable};
            str_addf(&sql, "%sSELECT '%s%s' AS family, concat_ws(' '", sql.len ? " UNION ALL " : "",
                     names[probes[i].family], portable ? ":portable" : "");
            for (size_t v = 0; v < COUNT(probes[i].values) && probes[i].values[v]; v++) {
                const char *value = probes[i].values[v];
                /* Not every encoding has these letters: their bytes show where encodings differ. */
                if (!is_ascii(value) && (portable || !text_equal(encoding, "UTF8")))
                    continue;
                str_add(&sql, ", ");
                it_family_sql(&sql, probes[i].family, &c, arena_printf(a, "(%s)", value), "-81985529216486896");
            }
            str_add(&sql, ") AS value");
        }
    }
    return sql.s;
}
