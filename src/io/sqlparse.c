/* sqlparse.c - the seam over libpg_query: cutting a text into statements and getting their trees; see sqlparse.h. */
#include <limits.h>
#include <pg_query.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "dbstep/str.h"
#include "sqlparse_internal.h"

/* The printer of trees takes 64 bytes of stack per byte of text at worst (1+1+1…: 128 bytes per level), measured on libpg_query 15 and 17; the
 * grammar itself stops at 10,000 open levels and keeps them on the heap. Eight times that, and some for everything else; what is not
 * touched costs nothing. */
enum { STACK = SQLPARSE_MAX * 64 * 8 + (1 << 20), MESSAGE_MAX = 200 };

/* Bytes that any stack has room for (256 kB): a thread costs ten times what parsing them does. */
enum { SMALL = 4096 };

struct job {
    struct ctx *cx;
    const char *sql;
    size_t len;
    struct sqlparse_list *out;
    bool ok;
};

/* Byte of PostgreSQL's 1-based character position. */
static size_t byte_of(const char *sql, size_t len, int position)
{
    size_t at = 0;
    for (int i = 1; i < position && at < len; i++) {
        size_t n = text_utf8_sequence(sql + at);
        at += n ? n : 1;
    }
    return at < len ? at : len;
}

static void cannot(struct job *j, struct sqlparse_statement *s, const PgQueryError *e, const char *text)
{
    const char *message = e->message ? e->message : "no reason given";
    size_t n = text_utf8_prefix(message, strlen(message), MESSAGE_MAX);

    s->unseen = arena_printf(j->cx->arena, "%s does not accept it: %.*s%s", sqlparse_library(), (int)n, message,
                             message[n] ? "…" : "");
    s->unseen_at = s->offset + byte_of(text, s->len, e->cursorpos);
}

static void read_tree(struct job *j, struct sqlparse_statement *s, const char *tree)
{
    struct json_doc *doc = json_parse(tree, strlen(tree), NULL);
    const struct json *first = doc ? json_first(json_get(json_root(doc), "stmts")) : NULL;

    if (first && !json_next(first))
        sqlparse_read(j->cx->arena, json_get(first, "stmt"), s);
    else if (doc && !first)
        s->kind = SQLPARSE_OTHER; /* nothing but comments */
    else
        s->unseen = doc ? "it is several statements in one" : "it is nested too deeply";
    json_free(doc);
}

size_t sqlparse_leading(const char *s, size_t len)
{
    size_t i = 0;
    for (;;) {
        while (i < len && ((unsigned char)s[i] <= ' ' || s[i] == ';'))
            i++;
        if (i + 1 < len && s[i] == '-' && s[i + 1] == '-') {
            while (i < len && s[i] != '\n' && s[i] != '\r')
                i++;
        } else if (i + 1 < len && s[i] == '/' && s[i + 1] == '*') {
            size_t depth = 1;
            for (i += 2; i < len && depth; i++) {
                if (s[i] == '/' && i + 1 < len && s[i + 1] == '*')
                    depth++, i++;
                else if (s[i] == '*' && i + 1 < len && s[i + 1] == '/')
                    depth--, i++;
            }
        } else {
            return i;
        }
    }
}

static void statement(struct job *j, size_t offset, size_t len)
{
    struct arena *a = j->cx->arena;
    size_t skip = sqlparse_leading(j->sql + offset, len);

    offset += skip;
    len -= skip;
    while (len && ((unsigned char)j->sql[offset + len - 1] <= ' ' || j->sql[offset + len - 1] == ';'))
        len--;
    if (!len)
        return;
    struct sqlparse_statement *s = VEC_PUSH(a, &j->out->statements);
    *s = (struct sqlparse_statement){.offset = offset, .len = len, .unseen_at = offset};
    sqlparse_guess(a, j->sql + offset, len, s);
    if (len > SQLPARSE_MAX) {
        bool body = text_equal(s->verb, "CREATE FUNCTION") || text_equal(s->verb, "CREATE PROCEDURE");
        if (s->kind == SQLPARSE_UNKNOWN || s->kind == SQLPARSE_QUERY || (s->kind == SQLPARSE_SCHEMA && !body))
            s->unseen = arena_printf(a, "it is longer than %s", text_size(a, SQLPARSE_MAX));
        return;
    }
    struct arena scratch = {0};
    const char *text = arena_strndup(&scratch, j->sql + offset, len);
    PgQueryParseResult r = pg_query_parse(text);
    if (r.error)
        cannot(j, s, r.error, text);
    else
        read_tree(j, s, r.parse_tree);
    pg_query_free_parse_result(r);
    arena_free(&scratch);
}

/* What the cutter leaves out is a statement too: the scanner drops what follows a parenthesis that never closes. */
static bool cut(struct job *j, PgQuerySplitResult r)
{
    size_t end = 0;
    for (int i = 0; i < r.n_stmts; i++) {
        size_t at = (size_t)r.stmts[i]->stmt_location, n = (size_t)r.stmts[i]->stmt_len;
        if (!ctx_alive(j->cx, "reading SQL"))
            return false;
        if (at < end || at > j->len)
            continue;
        statement(j, end, at - end);
        n = n && n <= j->len - at ? n : j->len - at;
        statement(j, at, n);
        end = at + n;
    }
    statement(j, end, j->len - end);
    return true;
}

/* PostgreSQL's scanner reads a run of operator characters to its end at each slash-star in it: a long run of those would take hours. */
static bool takes_forever(const char *s, size_t len)
{
    enum { SOME = 200 };
    size_t opened = 0;
    for (size_t i = 0; i < len && opened < SOME; i++) {
        if (!strchr("~!@#^&|`?+-*/%<>=", s[i]))
            opened = 0;
        else
            opened += s[i] == '/' && s[i + 1] == '*';
    }
    return opened == SOME;
}

/* The grammar knows where a statement ends; text that it refuses, or too much of it, is cut by its scanner, which only counts quotes
 * and parentheses. */
static void *work(void *arg)
{
    struct job *j = arg;

    if (j->len <= SQLPARSE_MAX) {
        PgQuerySplitResult r = pg_query_split_with_parser(j->sql);
        bool accepted = !r.error;
        j->ok = !accepted || cut(j, r);
        pg_query_free_split_result(r);
        if (accepted)
            return NULL;
    }
    PgQuerySplitResult r = pg_query_split_with_scanner(j->sql);
    if (!r.error) {
        j->ok = cut(j, r);
    } else {
        size_t skip = sqlparse_leading(j->sql, j->len);
        struct sqlparse_statement *s = VEC_PUSH(j->cx->arena, &j->out->statements);
        *s = (struct sqlparse_statement){.offset = skip, .len = j->len - skip};
        sqlparse_guess(j->cx->arena, j->sql + skip, s->len, s);
        s->kind = SQLPARSE_UNKNOWN; /* the text may hold others behind it */
        s->offset = 0;
        s->len = j->len;
        cannot(j, s, r.error, j->sql);
        j->ok = true;
    }
    pg_query_free_split_result(r);
    return NULL;
}

bool sqlparse_statements(struct ctx *cx, const char *sql, size_t len, struct sqlparse_list *out)
{
    struct job job = {.cx = cx, .sql = sql, .len = len, .out = out};
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;

    *out = (struct sqlparse_list){0};
    if (len > INT_MAX / 2 || takes_forever(sql, len)) { /* libpg_query counts in int */
        *VEC_PUSH(cx->arena, &out->statements) = (struct sqlparse_statement){
            .len = len, .kind = SQLPARSE_UNKNOWN, .verb = "", .unseen = "it is no text that a person wrote"};
        return true;
    }
    if (len <= SMALL) {
        work(&job);
        return job.ok;
    }
    sigfillset(&all);
    pthread_attr_init(&attributes);
    int failed = pthread_attr_setstacksize(&attributes, STACK);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are the main thread's */
    failed = failed ? failed : pthread_create(&thread, &attributes, work, &job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failed)
        return fail(cx, E_CAPACITY, "cannot start a thread to parse SQL: %s", strerror(failed));
    pthread_join(thread, NULL);
    return job.ok;
}

const char *sqlparse_library(void)
{
    return "PostgreSQL " PG_VERSION "'s grammar";
}
