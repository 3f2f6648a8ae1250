/* checksum.c - Liquibase's checksums, versions 8 (3.5 to 4.21) and 9 (4.22 on); see change.h.
 *
 * The sum of a changeset is a hash over the sums of its changes; SQL is hashed as bytes, with blanks run together (8) or
 * left out (9), so that line ends and indentation do not count.
 */
#include <stdio.h>
#include <string.h>

#include "dbstep/hash.h"
#include "type.h"

static bool sum_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void put(char out[CHECKSUM_MAX], int version, const char *hex)
{
    snprintf(out, CHECKSUM_MAX, "%d:%.32s", version, hex);
}

/* The text without its blanks; runs of other bytes are handed over as they lie. */
static void add_squeezed(struct hash *h, const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t from = i;
        while (i < n && !sum_blank(s[i]))
            i++;
        if (i > from)
            hash_add(h, s + from, i - from);
        while (i < n && sum_blank(s[i]))
            i++;
    }
}

/* The text with each run of blanks as one space, none at the ends. */
static void add_normalised(struct hash *h, const char *s, size_t n)
{
    bool first = true;
    for (size_t i = 0; i < n;) {
        while (i < n && sum_blank(s[i]))
            i++;
        size_t from = i;
        while (i < n && !sum_blank(s[i]))
            i++;
        if (i == from)
            break;
        if (!first)
            hash_add(h, " ", 1);
        hash_add(h, s + from, i - from);
        first = false;
    }
}

/* Hash of a text: CR LF and CR count as LF, U+FFFD does not count. Callers hand in text in Unicode normal form C. */
void sum_of_text(const char *text, int version, char out[CHECKSUM_MAX])
{
    struct hash *h = hash_start(HASH_MD5);
    char hex[HASH_HEX_MAX];
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\r\xef");
        if (n)
            hash_add(h, p, n);
        p += n;
        if (*p == '\r') {
            hash_add(h, "\n", 1);
            p += p[1] == '\n' ? 2 : 1;
        } else if (*p) {
            if (strncmp(p, "\xef\xbf\xbd", 3) == 0) {
                p += 3;
            } else {
                hash_add(h, p, 1);
                p++;
            }
        }
    }
    hash_finish_hex(h, hex);
    put(out, version, hex);
}

void sum_of_squeezed(const char *text, size_t len, char out[CHECKSUM_MAX])
{
    struct hash *h = hash_start(HASH_MD5);
    char hex[HASH_HEX_MAX];

    add_squeezed(h, text, len);
    hash_finish_hex(h, hex);
    put(out, CHECKSUM_V9, hex);
}

void sum_of_sql(const struct change *c, const char *sql, size_t len, int version, char out[CHECKSUM_MAX])
{
    struct hash *h = hash_start(HASH_MD5);
    char hex[HASH_HEX_MAX];
    if (version == CHECKSUM_V8) {
        const char *delimiter = c->end_delimiter ? c->end_delimiter : "null";
        hash_add(h, delimiter, strlen(delimiter));
        const char *flags = c->split            ? c->strip_comments ? ":true:true:" : ":true:false:"
                            : c->strip_comments ? ":false:true:"
                                                : ":false:false:";
        hash_add(h, flags, strlen(flags));
        add_normalised(h, sql, len);
    } else {
        add_squeezed(h, sql, len);
    }
    hash_finish_hex(h, hex);
    put(out, version, hex);
}

void change_checksum(const struct change *c, int version, char out[CHECKSUM_MAX])
{
    const char *serialised = version == CHECKSUM_V8 ? c->sum_text_v8 : c->sum_text_v9;
    const char *ready = version == CHECKSUM_V8 ? c->sum_v8 : c->sum_v9;
    if (ready) {
        snprintf(out, CHECKSUM_MAX, "%s", ready);
        return;
    }
    if (serialised) {
        sum_of_text(serialised, version, out);
        return;
    }
    if (c->type && !c->sql) {
        struct arena a = {0};
        sum_of_text(change_serialise(&a, c, version), version, out);
        arena_free(&a);
        return;
    }
    sum_of_sql(c, c->sql, c->sql_len, version, out);
}

void changes_checksum(struct arena *a, const struct change_list *changes, const struct visitor_list *visitors,
                      int version, char out[CHECKSUM_MAX])
{
    struct arena_mark m = arena_mark(a);
    struct str joined = str_new(a);
    char sum[CHECKSUM_MAX];

    for (size_t i = 0; i < changes->n; i++) {
        if (version == CHECKSUM_V9 && changes->at[i].excluded_by_dbms)
            continue;
        change_checksum(&changes->at[i], version, sum);
        str_addf(&joined, "%s:", sum);
    }
    for (size_t i = 0; i < visitors->n; i++) {
        const struct sql_visitor *v = &visitors->at[i];
        sum_of_text(version == CHECKSUM_V8 ? v->sum_text_v8 : v->sum_text_v9, version, sum);
        str_addf(&joined, "%s;", sum);
    }
    sum_of_text(joined.s, version, out);
    arena_reset(a, m);
}

int checksum_version(const char *stored)
{
    int version = 0;
    const char *p = stored ? stored : "";
    if (!*p)
        return 0;
    for (; *p >= '0' && *p <= '9' && version < 1000; p++)
        version = version * 10 + (*p - '0');
    return p > stored && *p == ':' && p[1] ? version : 1;
}
