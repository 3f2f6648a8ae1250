/* directive.c - lines and attributes of formatted SQL; the grammar is Liquibase's set of patterns, each matched by hand so that time
 * stays linear in the line. See changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"

const char *directive(const char *line, const char *keyword)
{
    if (line[0] != '-' || line[1] != '-')
        return NULL;
    line = text_skip_blanks(line + 2);
    return text_starts_nocase(line, keyword) ? line + strlen(keyword) : NULL;
}

/* Length of the value at v, or -1 when the pattern does not match there. */
static long value_length(const char *v, enum attr_kind kind)
{
    long n = 0;
    switch (kind) {
    case ATTR_WORD:
        while (text_word_char(v[n]))
            n++;
        return n ? n : -1;
    case ATTR_QUOTED:
        if (*v == '"') {
            const char *end = strchr(v + 1, '"');
            if (end)
                return end + 1 - v;
        }
        break;
    case ATTR_DBMS:
        if (!*v || *v == ',')
            return -1;
        n = 1;
        while (text_word_char(v[n]) || v[n] == '!' || v[n] == ',')
            n++;
        return n > 1 ? n : -1;
    case ATTR_TOKEN: break;
    }
    while (v[n] && !text_blank(v[n]))
        n++;
    return n;
}

/* Tokens and quoted values can be empty, so that they are there without looking: each may reach to the end of the line. */
static bool has_value(const char *v, enum attr_kind kind)
{
    return kind == ATTR_TOKEN || kind == ATTR_QUOTED || value_length(v, kind) >= 0;
}

const char *attribute(struct arena *a, const char *line, const char *name, enum attr_kind kind, bool at_word_start)
{
    size_t n = strlen(name);
    const char *found = NULL;
    for (const char *colon = line; (colon = strchr(colon, ':')); colon++) {
        const char *p = colon - n;
        if ((size_t)(colon - line) >= n && strncasecmp(p, name, n) == 0 &&
            (!at_word_start || p == line || !text_word_char(p[-1])) && has_value(colon + 1, kind))
            found = colon + 1;
    }
    if (!found)
        return NULL;
    long len = value_length(found, kind);
    if (kind == ATTR_QUOTED && len >= 2 && found[0] == '"' && found[len - 1] == '"')
        return arena_strndup(a, found + 1, (size_t)len - 2);
    return arena_strndup(a, found, (size_t)len);
}

void split_commas(struct arena *a, const char *text, bool lower, struct str_list *out)
{
    for (const char *s = text; *s;) {
        size_t n = strcspn(s, ",");
        const char *item = text_trim(a, arena_strndup(a, s, n));
        if (*item)
            *VEC_PUSH(a, out) = lower ? text_lower(a, item) : item;
        s += n;
        if (*s)
            s++;
    }
}
