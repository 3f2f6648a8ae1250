/* statement_kind.c - the few things that must be known of a statement before it is sent, read off its first words. */
#include <string.h>

#include "changelog_internal.h"
#include "deploy_internal.h"

/* The next word, comments and blanks skipped; "" at a symbol or the end. */
static size_t word(const char **p)
{
    for (;;) {
        *p = skip_blanks(*p);
        if ((*p)[0] == '-' && (*p)[1] == '-') {
            *p += strcspn(*p, "\n");
        } else if ((*p)[0] == '/' && (*p)[1] == '*') {
            const char *end = strstr(*p + 2, "*/");
            *p = end ? end + 2 : *p + strlen(*p);
        } else {
            break;
        }
    }
    size_t n = 0;
    while (((*p)[n] | 0x20) >= 'a' && ((*p)[n] | 0x20) <= 'z')
        n++;
    return n;
}

static bool accept(const char **p, const char *keyword)
{
    const char *at = *p;
    size_t n = word(&at);
    if (n != strlen(keyword) || strncasecmp(at, keyword, n) != 0)
        return false;
    *p = at + n;
    return true;
}

bool statement_controls_transaction(const char *sql)
{
    const char *p = sql;
    if (accept(&p, "begin") || accept(&p, "commit") || accept(&p, "end") || accept(&p, "abort"))
        return true;
    if (accept(&p, "start"))
        return accept(&p, "transaction");
    if (accept(&p, "prepare"))
        return accept(&p, "transaction");
    if (!accept(&p, "rollback"))
        return false;
    if (!accept(&p, "work"))
        accept(&p, "transaction");
    return !accept(&p, "to");
}

bool statement_is_copy(const char *sql)
{
    const char *p = sql;
    return accept(&p, "copy");
}

bool statement_is_concurrent(const char *sql)
{
    bool create;
    const char *p = sql;
    if (statement_index(NULL, sql, &create))
        return true;
    if (accept(&p, "reindex")) {
        for (int i = 0; i < 6 && *p; i++) {
            if (accept(&p, "concurrently"))
                return true;
            size_t n = word(&p);
            p += n ? n : 1;
        }
        return false;
    }
    return accept(&p, "vacuum");
}

/* One part of a name, quoted or not; its length. */
static size_t name_part(const char *p)
{
    if (*p == '"') {
        size_t n = 1;
        while (p[n] && (p[n] != '"' || p[n + 1] == '"'))
            n += p[n] == '"' ? 2 : 1;
        return p[n] ? n + 1 : 0;
    }
    size_t n = 0;
    while (p[n] && !strchr(" \t\r\n\f\v.,;()\"'", p[n]))
        n++;
    return n;
}

const char *statement_index(struct arena *a, const char *sql, bool *create)
{
    const char *p = sql;
    *create = accept(&p, "create");
    if (!*create && !accept(&p, "drop"))
        return NULL;
    accept(&p, "unique");
    if (!accept(&p, "index") || !accept(&p, "concurrently"))
        return NULL;
    if (!a)
        return "";
    if (accept(&p, "if")) {
        accept(&p, "not");
        accept(&p, "exists");
    }
    word(&p);
    const char *from = p;
    size_t n = name_part(p);
    if (!n || (*create && accept(&p, "on")))
        return NULL;
    while (from[n] == '.' && name_part(from + n + 1))
        n += 1 + name_part(from + n + 1);
    return arena_strndup(a, from, n);
}
