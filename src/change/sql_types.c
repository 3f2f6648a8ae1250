/* sql_types.c - PostgreSQL's names of the column types that changelogs use; see type.h.
 *
 * A type is a name, parameters in parentheses and what else was written ("unsigned", "with time zone"): which of the last two survive
 * depends on the name.
 */
#include <stdlib.h>
#include <string.h>

#include "type.h"

enum {
    PARAMS = 1,    /* kept */
    REST = 2,      /* kept */
    CAN_COUNT = 4, /* autoIncrement is possible */
    COUNTS = 8,    /* serial */
    TIME_OF_DAY = 16 /* the zone is written out */,
    DATE_AND_TIME = 32,
    STAMP = 64, /* DATE_AND_TIME, whose rest is kept */
    ZONED = 128,
    LENGTH = 256 /* "10 CHAR" is 10 */
};

static const struct known_type {
    const char *names; /* separated by bars, lower case */
    const char *is;
    enum literal_kind literals;
    unsigned how;
} known[] = {
    {"int|integer|int4|java.sql.types.integer|java.lang.integer", "INTEGER", LITERAL_WHOLE, CAN_COUNT},
    {"serial|serial4", "INTEGER", LITERAL_WHOLE, CAN_COUNT | COUNTS},
    {"bigint|int8|java.sql.types.bigint|java.math.biginteger|java.lang.long", "BIGINT", LITERAL_WHOLE,
     CAN_COUNT | REST},
    {"bigserial|serial8", "BIGINT", LITERAL_WHOLE, CAN_COUNT | COUNTS | REST},
    {"smallint|int2|java.sql.types.smallint", "SMALLINT", LITERAL_SMALL, CAN_COUNT},
    {"smallserial", "SMALLINT", LITERAL_SMALL, CAN_COUNT | COUNTS},
    {"tinyint|java.sql.types.tinyint", "SMALLINT", LITERAL_WHOLE, CAN_COUNT},
    {"number|numeric|java.sql.types.numeric", "numeric", LITERAL_NUMBER, CAN_COUNT | PARAMS},
    {"decimal|java.sql.types.decimal|java.math.bigdecimal", "DECIMAL", LITERAL_NUMBER, CAN_COUNT | PARAMS | REST},
    {"currency|money|smallmoney", "DECIMAL", LITERAL_NUMBER, 0},
    {"float|real|java.sql.types.float|java.sql.types.real|java.lang.float", "FLOAT", LITERAL_NUMBER, PARAMS | REST},
    {"double|java.sql.types.double|java.lang.double", "DOUBLE PRECISION", LITERAL_NUMBER, 0},
    {"boolean|bool|java.sql.types.boolean|java.lang.boolean", "BOOLEAN", LITERAL_BOOLEAN, PARAMS | REST},
    {"bit", "BIT", LITERAL_BOOLEAN, PARAMS},
    {"char|character|bpchar|\"char\"|java.sql.types.char", "CHAR", LITERAL_TEXT, PARAMS | REST | LENGTH},
    {"nchar|java.sql.types.nchar", "NCHAR", LITERAL_TEXT, PARAMS | REST},
    {"varchar|varchar2|character varying|java.sql.types.varchar|java.lang.string", "VARCHAR", LITERAL_TEXT,
     PARAMS | REST | LENGTH},
    {"nvarchar|nvarchar2|java.sql.types.nvarchar", "VARCHAR", LITERAL_TEXT, PARAMS},
    {"text|longtext|mediumtext|tinytext|ntext|clob|nclob|longvarchar|long varchar|java.sql.types.clob|"
     "java.sql.types.nclob|java.sql.types.longvarchar|java.sql.types.longnvarchar",
     "TEXT", LITERAL_LONG_TEXT, 0},
    {"blob|java.sql.types.blob", "OID", LITERAL_BYTES, 0},
    {"longblob|mediumblob|tinyblob|binary|varbinary|longvarbinary|image|java.sql.types.binary|"
     "java.sql.types.varbinary|java.sql.types.longvarbinary",
     "BYTEA", LITERAL_BYTES, 0},
    {"date|java.sql.types.date|java.sql.date", "date", LITERAL_DATE, 0},
    {"time|java.sql.types.time|java.sql.time", "time", LITERAL_TIME, PARAMS | TIME_OF_DAY},
    {"timetz", "time", LITERAL_TIME, PARAMS | TIME_OF_DAY | ZONED},
    {"datetime|datetime2|smalldatetime|java.util.date", "TIMESTAMP", LITERAL_TIMESTAMP, DATE_AND_TIME},
    {"timestamp|java.sql.types.timestamp|java.sql.timestamp", "TIMESTAMP", LITERAL_TIMESTAMP, DATE_AND_TIME | STAMP},
    {"timestamptz", "TIMESTAMP", LITERAL_TIMESTAMP, DATE_AND_TIME | STAMP | ZONED},
    {"java.sql.types.timestamp_with_timezone", "TIMESTAMP", LITERAL_TIMESTAMP, DATE_AND_TIME | ZONED},
    {"uuid|uniqueidentifier|java.util.uuid", "UUID", LITERAL_NUMBER, 0},
    {"xml|xmltype|java.sql.types.sqlxml", "XML", LITERAL_XML, 0},
    {"function", "FUNCTION", LITERAL_RAW, PARAMS | REST},
};

static bool is_one_of(const char *names, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = names; *p;) {
        size_t len = strcspn(p, "|");
        if (len == n && strncasecmp(p, name, n) == 0)
            return true;
        p += len + (p[len] == '|');
    }
    return false;
}

static const struct known_type *find(const char *name)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (is_one_of(known[i].names, name))
            return &known[i];
    return NULL;
}

struct written {
    const char *name, *rest; /* rest: what follows the name and its parentheses; "" */
    struct str_list params;
};

/* Names of two words. */
static bool is_compound(const char *text)
{
    return text_starts_nocase(text, "bit varying") || text_starts_nocase(text, "character varying") ||
           text_starts_nocase(text, "long varchar");
}

/* Without a trailing word "identity": is it there? */
static bool cut_identity(struct arena *a, const char **text)
{
    static const char word[] = " identity";
    size_t n = strlen(*text), w = sizeof word - 1;

    if (n <= w || !text_equal_nocase(*text + n - w, word))
        return false;
    *text = text_trim(a, arena_strndup(a, *text, n - w));
    return true;
}

static struct written take_apart(struct arena *a, const char *text)
{
    struct written w = {.rest = ""};
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    const char *without = text;

    if (open && close && open > text && close > open) {
        const char *before = arena_strndup(a, text, (size_t)(open - text));
        const char *first_close = strchr(open, ')');
        without = text_trim(a, arena_printf(a, "%s%s", text_trim(a, before), close + 1));
        w.params = name_list(a, arena_strndup(a, open + 1, (size_t)(first_close - open - 1)));
    }
    w.name = without;
    if (!is_compound(without)) {
        size_t n = strcspn(without, " \t\r\n");
        w.name = arena_strndup(a, without, n);
        w.rest = text_skip_blanks(without + n);
    }
    return w;
}

/* "10 CHAR", "10 BYTE" -> "10" */
static const char *length_of(struct arena *a, const char *param)
{
    size_t digits = strspn(param, "0123456789");
    const char *unit = text_skip_blanks(param + digits);

    return digits && (text_equal_nocase(unit, "char") || text_equal_nocase(unit, "byte"))
               ? arena_strndup(a, param, digits)
               : param;
}

static void add_params(struct str *s, const struct str_list *params, bool lengths)
{
    for (size_t i = 0; i < params->n; i++)
        str_addf(s, "%s%s", i ? ", " : "(", lengths ? length_of(s->arena, params->at[i]) : params->at[i]);
    if (params->n)
        str_addc(s, ')');
}

static bool says_zone(const char *rest)
{
    return text_starts_nocase(rest, "with time zone") || text_starts_nocase(rest, "with timezone");
}

static const char *zone_of(const struct written *w, unsigned how)
{
    return how & ZONED || says_zone(w->rest) ? " WITH TIME ZONE" : " WITHOUT TIME ZONE";
}

static void add_timestamp(struct str *s, const struct written *w, unsigned how)
{
    bool rest = how & STAMP && *w->rest;

    if (w->params.n)
        str_addf(s, "(%s)", w->params.at[rest || (how & ZONED && !(how & STAMP)) ? 0 : w->params.n - 1]);
    if (rest && !text_starts_nocase(w->rest, "with timezone") && !text_starts_nocase(w->rest, "without timezone"))
        str_addf(s, " %s", w->rest);
    else
        str_add(s, zone_of(w, how));
}

static const char *known_text(struct arena *a, const struct known_type *k, const struct written *w, const char *text)
{
    struct str s = str_new(a);
    bool precise = !w->params.n || strtol(w->params.at[0], NULL, 10) <= 6;

    str_add(&s, text_equal_nocase(text, "real") ? "REAL" : k->is);
    if (k->how & DATE_AND_TIME) {
        add_timestamp(&s, w, k->how);
        return s.s;
    }
    if (k->how & PARAMS && (precise || !(k->how & TIME_OF_DAY)))
        add_params(&s, &w->params, k->how & LENGTH);
    if (k->how & TIME_OF_DAY)
        str_add(&s, zone_of(w, k->how));
    if (k->how & REST && *w->rest)
        str_addf(&s, " %s", w->rest);
    return s.s;
}

/* As it is, in upper case. */
static const char *unknown_text(struct arena *a, const struct written *w, const char *text)
{
    struct str s = str_new(a);
    const char *name = text_upper(a, w->name);
    size_t n = strlen(name);

    if (text_starts_nocase(text, "interval")) /* its rest is part of its name */
        return text_upper(a, text);
    if (n > 2 && name[0] == '"' && name[n - 1] == '"' && !memchr(name + 1, '"', n - 2))
        name = arena_strndup(a, name + 1, n - 2);
    /* varchar(10)[] */
    bool array = w->params.n && text_ends(name, "[]");
    str_addn(&s, name, strlen(name) - (array ? 2 : 0));
    add_params(&s, &w->params, false);
    str_add(&s, array ? "[]" : "");
    if (*w->rest)
        str_addf(&s, " %s", w->rest);
    return s.s;
}

struct sql_type sql_type_of(struct arena *a, const char *type)
{
    const char *text = text_trim(a, type);
    bool identity = cut_identity(a, &text);
    struct written w = take_apart(a, text);
    const struct known_type *k = find(w.name);
    struct sql_type out = {.literals = k ? k->literals : LITERAL_UNKNOWN,
                           .text = k ? known_text(a, k, &w, text) : unknown_text(a, &w, text)};

    out.can_count = !k || k->how & CAN_COUNT;
    out.counts = k && (k->how & COUNTS || (identity && k->literals == LITERAL_WHOLE && !text_equal(k->is, "SMALLINT")));
    return out;
}

const char *sql_type(struct arena *a, const char *type)
{
    return sql_type_of(a, type).text;
}
