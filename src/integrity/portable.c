/* portable.c - digests that do not depend on the server, and the choice between them and the server's own hash functions.
 *
 * The native hash functions are fast, and promise nothing: they may differ between architectures and major versions, and those of text are over the
 * bytes of the database's encoding. Constants through every one of them (the probes) show whether two servers agree; a certificate carries its
 * server's. Where they do not agree, family by family, both sides take
 *
 *   the first 64 bits, big-endian, of SHA-256(seed as 8 bytes, big-endian || value)
 *
 * in which a value is its text in UTF-8, as the session's pinned settings write it, or its binary form where that has one byte order and no OIDs.
 * The seed has a fixed length, so no two pairs of seed and value give the same bytes. */
#include <string.h>

#include "compare.h"
#include "dbstep/log.h"

const char *it_digest_name(bool portable)
{
    return portable ? "sha256-utf8-1" : IT_DIGEST_FAMILY;
}

static const char *bytes(struct arena *a, enum it_family f, const struct it_column *c, const char *v)
{
    static const char *const binary[FAM_COUNT] = {
        [FAM_INT4] = "int8send(%s::bigint)",
        [FAM_INT8] = "int8send(%s::bigint)",
        [FAM_BOOL] = "boolsend(%s)",
        [FAM_UUID] = "uuid_send(%s)",
        [FAM_BYTEA] = "%s",
        [FAM_TIMESTAMP] = "timestamp_send(%s)",
        [FAM_TIMESTAMPTZ] = "timestamptz_send(%s)",
        [FAM_DATE] = "date_send(%s)",
        [FAM_TIME] = "time_send(%s)",
        [FAM_TIMETZ] = "timetz_send(%s)",
        [FAM_MONEY] = "cash_send(%s)",
    };
    static const char *const text[FAM_COUNT] = {
        [FAM_TEXT] = "%s::text",
        [FAM_BPCHAR] = "%s::bpchar::text", /* without its padding */
        [FAM_FLOAT] = "%s::float8::text",  /* a NaN has many binary forms */
        [FAM_NUMERIC] = "%s::text",
        [FAM_INET] = "%s::inet::text",
        [FAM_INTERVAL_EQ] = "justify_interval(%s)::text",
    };
    const char *form = text[f];

    if (binary[f])
        return text_replace(a, binary[f], "%s", v);
    if (f == FAM_TEXT && !*c->base) /* its own output function's; a composite of NULLs is a value */
        return arena_printf(a, "CASE WHEN %s IS DISTINCT FROM NULL THEN convert_to(concat(%s), 'UTF8') END", v, v);
    if (f == FAM_FLOAT_EQ)
        return arena_printf(a, "convert_to(CASE WHEN %s = 0 THEN '0' ELSE %s::float8::text END, 'UTF8')", v, v);
    if (f == FAM_NUMERIC && c->rescale)
        return arena_printf(
            a,
            "convert_to((CASE WHEN round(%s::numeric, %d) = %s THEN round(%s::numeric, %d) ELSE %s END)::text, 'UTF8')",
            v, c->scale, v, v, c->scale, v);
    if (f == FAM_NUMERIC_EQ)
        form = text_equal(c->base, "numeric") ? "trim_scale(%s)::text" : "%s::text";
    return arena_printf(a, "convert_to(%s, 'UTF8')", text_replace(a, form, "%s", v));
}

static const char *first_word(struct arena *a, const char *what)
{
    return arena_printf(a, "('x' || encode(substr(sha256(%s), 1, 8), 'hex'))::bit(64)::bigint", what);
}

void it_portable_sql(struct str *out, enum it_family f, const struct it_column *c, const char *v, const char *s)
{
    struct arena *a = out->arena;

    if (f == FAM_NONE || f == FAM_COUNT)
        str_add(out, "NULL::bigint");
    else
        str_add(out, first_word(a, arena_printf(a, "int8send(%s) || %s", s, bytes(a, f, c, v))));
}

const char *it_portable_mix(struct arena *a, const char *seed)
{
    return first_word(a, arena_printf(a, "int8send(%s)", seed));
}

/* ---- the choice ---- */

/* Measured with 400,000 rows of 4 and of 12 columns on PostgreSQL 15: ints, text and mixed rows 9 to 10 times, numeric 7.5, timestamps 7, jsonb 5. */
#define COST "5 to 10 times as slow as the server's own"

enum { TEXTS = 1u << FAM_TEXT | 1u << FAM_BPCHAR, KEYS = 1u << FAM_INT8 };

static const char *probe(const struct it_side *s, enum it_family f, bool portable)
{
    const char *name = it_family_name(f);
    size_t len = strlen(name);

    for (size_t i = 0; i < s->probes.n; i++) {
        const char *is = s->probes.at[i].family;
        if (text_starts(is, name) && text_equal(is + len, portable ? ":portable" : ""))
            return s->probes.at[i].value;
    }
    return "";
}

/* The families of which these two sides' probes differ in that form; for the native one also what their encodings tell apart. */
static unsigned unlike(const struct it_side *l, const struct it_side *r, bool portable)
{
    unsigned set = !portable && !text_equal(l->id.encoding, r->id.encoding) ? TEXTS : 0;

    for (int f = FAM_NONE + 1; f < FAM_COUNT; f++) {
        const char *a = probe(l, (enum it_family)f, portable), *b = probe(r, (enum it_family)f, portable);
        if (!*a || !text_equal(a, b))
            set |= 1u << f;
    }
    return set;
}

/* The families that a certificate's digests are of. */
static unsigned certified(const struct it_side *s)
{
    unsigned set = 0;

    for (size_t i = 0; i < s->tables.n; i++) {
        const struct it_table *t = &s->tables.at[i];
        if (t->skip)
            continue;
        set |= t->geometry.kind == KEY_HASH ? 0 : KEYS;
        for (size_t c = 0; c < t->key.n + t->digested.n; c++) {
            const char *name = c < t->key.n ? t->key.at[c] : t->digested.at[c - t->key.n];
            set |= 1u << it_column_find(t, name)->family;
        }
    }
    return set;
}

static const char *names(struct arena *a, unsigned set)
{
    struct str s = str_new(a);

    for (int f = FAM_NONE + 1; f < FAM_COUNT; f++)
        if (it_portable(set, (enum it_family)f))
            str_addf(&s, "%s%s", s.len ? ", " : "", it_family_name((enum it_family)f));
    return s.s;
}

static bool incomparable(struct it_diff *d, const struct it_side *other, unsigned set)
{
    const struct it_side *l = &d->left;
    struct arena *a = d->cx->arena;

    if (!text_equal(l->id.encoding, other->id.encoding) && !(set & ~(unsigned)TEXTS))
        fail(d->cx, E_INCONCLUSIVE,
             "the %s is encoded in %s and the %s in %s: native digests of text are over the database's bytes", l->role,
             l->id.encoding, other->role, other->id.encoding);
    else
        fail(
            d->cx, E_INCONCLUSIVE,
            "the %s (PostgreSQL %s) and the %s (%s) hash these types differently, so native digests cannot be compared: %s",
            l->role, l->id.server_version, other->role, other->id.server_version, names(a, set));
    err_hint(d->cx, l->live ? "leave 'digest' at auto: it takes portable digests where they are needed"
                            : "take the certificate with digest=portable, and it can be compared on any server");
    return false;
}

/* A certificate has its digests: are they comparable here? */
static bool as_certified(struct it_diff *d, const struct it_side *other)
{
    const struct it_side *l = &d->left;
    unsigned used = certified(l), native = used & ~l->portable, portable = used & l->portable;

    if ((native & unlike(l, other, false)) || (portable & unlike(l, other, true)))
        return incomparable(d, other, (native & unlike(l, other, false)) | (portable & unlike(l, other, true)));
    return true;
}

static bool as_asked(struct it_diff *d)
{
    unsigned used = certified(&d->left), got = d->left.portable & used;
    bool portable = d->o->digest == INTEGRITY_DIGEST_PORTABLE;

    if (d->o->digest == INTEGRITY_DIGEST_AUTO || got == (portable ? used : 0))
        return true;
    fail(d->cx, E_INCONCLUSIVE, "digest=%s was asked for, and the certificate's digests are %s",
         portable ? "portable" : "native", portable ? "native" : "portable");
    err_hint(d->cx, "leave 'digest' at auto, which takes the certificate's, or take the certificate with digest=%s",
             portable ? "portable" : "native");
    return false;
}

bool it_digest_stored(struct it_diff *d)
{
    unsigned used = certified(&d->left) | certified(&d->right), unequal = (d->left.portable ^ d->right.portable) & used;

    if (!unequal)
        return as_certified(d, &d->right);
    fail(d->cx, E_INCONCLUSIVE, "one certificate has portable digests of these types and the other native ones: %s",
         names(d->cx->arena, unequal));
    err_hint(d->cx, "take both with one 'digest', or the later one with 'geometry_from' naming the earlier one");
    return false;
}

void it_digest_of_certificate(struct it_side *side, const struct it_side *from, const struct integrity_options *o)
{
    if (o->digest == INTEGRITY_DIGEST_AUTO)
        side->portable = from ? from->portable : 0;
    else
        side->portable = o->digest == INTEGRITY_DIGEST_PORTABLE ? IT_ALL_FAMILIES : 0;
}

bool it_digest_choose(struct it_diff *d)
{
    struct it_side *l = &d->left, *r = &d->right;

    if (!l->live)
        return as_asked(d) && as_certified(d, r) && (!d->witness.pool || as_certified(d, &d->witness));

    unsigned differ = unlike(l, r, false);
    if (d->o->digest == INTEGRITY_DIGEST_NATIVE && differ)
        return incomparable(d, r, differ);
    if (d->o->digest == INTEGRITY_DIGEST_PORTABLE)
        l->portable = IT_ALL_FAMILIES;
    else if (d->o->digest == INTEGRITY_DIGEST_AUTO)
        l->portable = differ;
    if (l->portable & unlike(l, r, true))
        return incomparable(d, r, l->portable & unlike(l, r, true));
    if (l->portable)
        log_info("portable digest for %s, " COST,
                 l->portable == IT_ALL_FAMILIES ? "all types" : names(d->cx->arena, l->portable));
    return true;
}

void it_digest_tell(struct ctx *cx, struct integrity_report *r, unsigned used)
{
    if (used)
        it_proof(
            cx, r,
            "portable digest for %s: 64 bits of SHA-256 over the value in UTF-8, about 0.9 us of the server for each, " COST,
            used == IT_ALL_FAMILIES ? "all types" : names(cx->arena, used));
}
