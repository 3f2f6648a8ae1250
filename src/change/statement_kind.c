/* statement_kind.c - the few things that must be known of a statement before it is sent, read off its first words. */
#include <string.h>

#include "dbstep/statement_kind.h"
#include "dbstep/str.h"

/* The next word, comments and blanks skipped; "" at a symbol or the end. */
static size_t word(const char **p)
{
    for (;;) {
        *p = text_skip_blanks(*p);
        if ((*p)[0] == '-' && (*p)[1] == '-') {
            *p += strcspn(*p, "\n");
        } else if ((*p)[0] == '/' && (*p)[1] == '*') {
            int depth = 0; /* block comments nest */
            do {
                bool opens = (*p)[0] == '/' && (*p)[1] == '*', closes = (*p)[0] == '*' && (*p)[1] == '/';
                depth += opens ? 1 : closes ? -1 : 0;
                *p += opens || closes ? 2 : 1;
            } while (depth && **p);
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

bool statement_empty(const char *sql)
{
    const char *p = sql;
    return !word(&p) && !*p;
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

bool statement_commits(const char *sql)
{
    const char *p = sql;
    return accept(&p, "commit") || accept(&p, "end") || (accept(&p, "prepare") && accept(&p, "transaction"));
}

bool statement_is_copy(const char *sql)
{
    const char *p = sql;
    return accept(&p, "copy");
}

bool statement_sets_transaction(const char *sql)
{
    const char *p = sql;
    return accept(&p, "set") && accept(&p, "transaction");
}

bool statement_sets_local_role(const char *sql)
{
    const char *p = sql;
    return accept(&p, "set") && accept(&p, "local") && accept(&p, "role");
}

bool statement_may_commit(const char *sql)
{
    const char *p = sql;
    return accept(&p, "call") || accept(&p, "do");
}

bool statement_sets(const char *sql)
{
    const char *p = sql;
    if (accept(&p, "set"))
        return !accept(&p, "local") && !accept(&p, "transaction") && !accept(&p, "constraints");
    if (accept(&p, "select")) { /* as pg_dump writes it */
        const char *schema = p;
        word(&schema);
        if (strncasecmp(schema, "pg_catalog.", 11) == 0)
            p = schema + 11;
        word(&p);
        return strncasecmp(p, "set_config", 10) == 0;
    }
    return accept(&p, "reset");
}

bool statement_changes_session(const char *sql)
{
    const char *p = sql;
    if (accept(&p, "create"))
        return accept(&p, "temp") || accept(&p, "temporary");
    return statement_sets(sql) || accept(&p, "listen") || accept(&p, "prepare") || accept(&p, "load") ||
           strcasestr(sql, "set_config") || strcasestr(sql, "advisory_lock");
}

/* Are the keywords among the words that follow, one behind the other? Quoted names and symbols are passed over. */
static bool has_words(const char *p, const char *keyword, const char *next)
{
    while (*p) {
        if (accept(&p, keyword) && (!next || accept(&p, next)))
            return true;
        size_t n = word(&p);
        if (*p == '"' || *p == '\'') {
            const char *close = strchr(p + 1, *p);
            p = close ? close + 1 : p + strlen(p);
        } else {
            p += n ? n : *p != '\0';
        }
    }
    return false;
}

bool statement_is_concurrent(const char *sql)
{
    struct index_statement index;
    const char *p = sql;
    if (statement_index(NULL, sql, &index))
        return true;
    if (accept(&p, "reindex"))
        return has_words(p, "concurrently", NULL);
    if (accept(&p, "alter"))
        return accept(&p, "table") && has_words(p, "detach", NULL) && has_words(p, "concurrently", NULL);
    return accept(&p, "vacuum");
}

bool statement_alone(const char *sql)
{
    const char *p = sql;
    bool create = accept(&p, "create");
    if (create || accept(&p, "drop")) {
        if (accept(&p, "database") || accept(&p, "tablespace") || accept(&p, "subscription"))
            return true;
        accept(&p, "unique");
        return accept(&p, "index") && accept(&p, "concurrently");
    }
    if (accept(&p, "alter"))
        return accept(&p, "system") || statement_is_concurrent(sql);
    if (accept(&p, "reindex")) {
        const char *options = p;
        word(&options);
        if (*options == '(') /* (VERBOSE, TABLESPACE x) */
            p = strchr(options, ')') ? strchr(options, ')') + 1 : options;
        accept(&p, "verbose");
        return accept(&p, "schema") || accept(&p, "database") || accept(&p, "system") || statement_is_concurrent(sql);
    }
    return accept(&p, "vacuum") || (accept(&p, "discard") && accept(&p, "all"));
}

bool statement_copies_in(const char *sql)
{
    const char *p = sql;
    return accept(&p, "copy") && has_words(p, "from", "stdin");
}

size_t statement_position(const char *text, int position)
{
    size_t i = 0;
    for (int left = position - 1; left > 0 && text[i]; left--) {
        i++;
        while (((unsigned char)text[i] & 0xC0) == 0x80)
            i++;
    }
    return i;
}

/* The line around a byte, cut to what fits a message, and a caret below the byte. */
const char *statement_line(struct arena *a, const char *text, size_t offset)
{
    size_t from = offset, to = offset;
    while (from && text[from - 1] != '\n' && offset - from < 80)
        from--;
    while (from < offset && ((unsigned char)text[from] & 0xC0) == 0x80)
        from++;
    while (text[to] && text[to] != '\n' && to - offset < 80)
        to++;
    to = from + text_utf8_prefix(text + from, to - from, to - from);
    struct str out = str_new(a);
    str_addf(&out, "    %.*s\n    ", (int)(to - from), text + from);
    for (size_t i = from; i < offset; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            str_addc(&out, text[i] == '\t' ? '\t' : ' ');
    str_addc(&out, '^');
    return out.s;
}

const char *statement_end(const char *text, size_t len)
{
    /* The last line may be a comment: a semicolon there would be part of it. */
    const char *last = memrchr(text, '\n', len);
    if (strstr(last ? last : text, "--"))
        return "\n;";
    return text_ends(text, ";") ? "" : ";";
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

/* A name with its schema, if any; its length. */
static size_t name_length(const char *p)
{
    size_t n = name_part(p);
    while (n && p[n] == '.' && name_part(p + n + 1))
        n += 1 + name_part(p + n + 1);
    return n;
}

bool statement_index(struct arena *a, const char *sql, struct index_statement *out)
{
    const char *p = sql;
    *out = (struct index_statement){.create = accept(&p, "create")};
    if (!out->create && !accept(&p, "drop"))
        return false;
    accept(&p, "unique");
    if (!accept(&p, "index") || !accept(&p, "concurrently"))
        return false;
    if (!a)
        return true;
    if (accept(&p, "if")) {
        accept(&p, "not");
        accept(&p, "exists");
    }
    word(&p);
    const char *from = p;
    size_t n = name_length(p);
    if (!n || (out->create && accept(&p, "on")))
        return true;
    out->name = arena_strndup(a, from, n);
    p = from + n;
    if (!out->create || !accept(&p, "on"))
        return true;
    accept(&p, "only");
    word(&p);
    if ((n = name_length(p)))
        out->table = arena_strndup(a, p, n);
    return true;
}
