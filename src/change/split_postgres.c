/* split_postgres.c - splitting by PostgreSQL's lexical rules.
 *
 * Rules from the PostgreSQL documentation, "Lexical Structure": quotes double themselves, E'' has backslashes, $tag$ quotes nest by
 * tag, block comments nest, "$" belongs to a name. As in psql, a semicolon inside parentheses (CREATE RULE) or inside the BEGIN
 * ATOMIC … END of a function does not end the statement. Delimiters beside the semicolon are Liquibase's: a line that is
 * only "go" or "/", or the changeset's endDelimiter. What is not closed reaches to the end, for the server to complain about.
 */
#include <string.h>

#include "split_internal.h"

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool name_byte(char c)
{
    return name_start(c) || (c >= '0' && c <= '9') || c == '$';
}

/* An endDelimiter is a regular expression to Liquibase; people use it for line starts ("\nGO", "\n/$"). */
void split_postgres_start(struct splitter *s)
{
    const char *d = s->delimiter;
    if (!d)
        return;
    struct str word = str_new(s->arena);
    bool escaped_start = false;
    for (;;) {
        if (d[0] == '\\' && (d[1] == 'n' || d[1] == 'r'))
            escaped_start = true, d += 2;
        else if (d[0] == '\\' && d[1] == 's')
            d += d[2] == '*' || d[2] == '+' ? 3 : 2;
        else if (d[0] == '\n')
            escaped_start = true, d++;
        else
            break;
    }
    for (; *d; d++) {
        if (*d == '\\' && d[1] && !text_word_char(d[1]))
            d++;
        str_addc(&word, *d);
    }
    if (escaped_start && word.len > 1 && text_ends(word.s, "$"))
        str_truncate(&word, word.len - 1);
    s->word = word.s;
    s->word_len = word.len;
    s->word_at_line_start = escaped_start || text_equal(word.s, "/");
    if (!word.len || text_equal(word.s, ";"))
        s->word_len = 0;
}

static size_t to_line_end(const struct splitter *s, size_t i)
{
    const char *end = memchr(s->sql + i, '\n', s->len - i);
    return end ? (size_t)(end - s->sql) : s->len;
}

/* *closed is false when the text ends before the comment does. A comment that is to be stripped and ends only when its inner ones are not
 * counted is one for Liquibase, which does not count them: then so it is here, from there on, which also keeps the time linear. */
static size_t block_comment_end(struct splitter *s, size_t i, bool *closed)
{
    size_t first = 0;
    int depth = 0;
    while (i < s->len) {
        if (s->sql[i] == '/' && s->sql[i + 1] == '*')
            depth++, i += 2;
        else if (s->sql[i] == '*' && s->sql[i + 1] == '/') {
            i += 2;
            if (--depth == 0 || s->flat_comments)
                return i;
            first = first ? first : i;
        } else
            i++;
    }
    s->flat_comments = s->strip && first;
    if (s->flat_comments)
        return first;
    *closed = false;
    return s->len;
}

static size_t quote_end(const struct splitter *s, size_t i, char quote, bool backslashes)
{
    for (i++; i < s->len; i++) {
        if (backslashes && s->sql[i] == '\\')
            i++;
        else if (s->sql[i] == quote)
            return i + 1; /* a doubled one opens the next stretch at once */
    }
    return s->len;
}

/* Past the whole $tag$ … $tag$; i itself when no dollar quote starts here. */
static size_t dollar_end(const struct splitter *s, size_t i)
{
    size_t t = i + 1;
    if (name_start(s->sql[t]))
        while (name_byte(s->sql[t]) && s->sql[t] != '$')
            t++;
    if (s->sql[t] != '$')
        return i;
    size_t tag = t + 1 - i;
    const char *close = memmem(s->sql + t + 1, s->len - t - 1, s->sql + i, tag);
    return close ? (size_t)(close - s->sql) + tag : s->len;
}

/* Past "go" or "/" when it is all there is on the line; i itself otherwise. */
static size_t line_delimiter(const struct splitter *s, size_t i)
{
    size_t n = s->sql[i] == '/' ? 1 : strncasecmp(s->sql + i, "go", 2) == 0 ? 2 : 0;
    if (!n || (i && s->sql[i - 1] != '\n'))
        return i;
    size_t end = i + n;
    while (end < s->len && text_blank(s->sql[end]) && s->sql[end] != '\n')
        end++;
    return end == s->len || s->sql[end] == '\n' ? end : i;
}

/* Past the changeset's own delimiter; i itself when it is not here. */
static size_t own_delimiter(const struct splitter *s, size_t i)
{
    if (s->len - i < s->word_len || strncasecmp(s->sql + i, s->word, s->word_len) != 0)
        return i;
    if (name_start(s->word[0]) && i && name_byte(s->sql[i - 1]))
        return i;
    if (name_byte(s->word[s->word_len - 1]) && s->word[s->word_len - 1] != '$' && name_byte(s->sql[i + s->word_len]))
        return i;
    if (s->word_at_line_start) {
        size_t back = i;
        while (back && (s->sql[back - 1] == ' ' || s->sql[back - 1] == '\t'))
            back--;
        if (back && s->sql[back - 1] != '\n')
            return i;
    }
    return i + s->word_len;
}

static bool is_word(const struct splitter *s, size_t from, size_t to, const char *word)
{
    return strlen(word) == to - from && strncasecmp(s->sql + from, word, to - from) == 0;
}

/* How far the statement's first words look like CREATE [OR REPLACE] {FUNCTION | PROCEDURE}, and the depth of its BEGIN … END. */
struct body {
    int words;
    bool create, routine;
    int depth;
};

static void see_word(const struct splitter *s, struct body *b, size_t from, size_t to)
{
    b->words++;
    if (b->words == 1)
        b->create = is_word(s, from, to, "create");
    else if (b->create && !b->routine && b->words <= 4 &&
             (is_word(s, from, to, "function") || is_word(s, from, to, "procedure")))
        b->routine = true;
    if (!b->routine)
        return;
    if (is_word(s, from, to, "begin")) {
        size_t next = to;
        while (next < s->len && text_blank(s->sql[next]))
            next++;
        if (b->depth || (strncasecmp(s->sql + next, "atomic", 6) == 0 && !name_byte(s->sql[next + 6])))
            b->depth++;
    } else if (b->depth && is_word(s, from, to, "case")) {
        b->depth++;
    } else if (b->depth && is_word(s, from, to, "end")) {
        b->depth--;
    }
}

void split_postgres_next(struct splitter *s)
{
    const char *sql = s->sql;
    struct body body = {0};
    int parens = 0;
    size_t i = s->pos;
    size_t kept = i; /* bytes from kept to i are part of the statement and not yet taken over */

    while (i < s->len) {
        char c = sql[i];
        if (s->split && s->word_len) {
            size_t end = own_delimiter(s, i);
            if (end > i && !body.depth) {
                split_put(s, kept, i - kept);
                s->pos = end;
                return;
            }
        } else if (s->split && !body.depth) {
            size_t end = c == ';' && parens <= 0 ? i + 1 : !s->delimiter && parens <= 0 ? line_delimiter(s, i) : i;
            if (end > i) {
                split_put(s, kept, i - kept);
                s->pos = end;
                return;
            }
        }
        if ((c == '-' && sql[i + 1] == '-') || (c == '/' && sql[i + 1] == '*')) {
            bool closed = true;
            size_t end = c == '-' ? to_line_end(s, i) : block_comment_end(s, i, &closed);
            if (s->strip && closed) { /* else it would swallow statements without a word */
                split_put(s, kept, i - kept);
                kept = end;
            }
            i = end;
        } else if (c == '\'' || c == '"') {
            i = quote_end(s, i, c, false);
        } else if (c == '$') {
            size_t end = dollar_end(s, i);
            i = end > i ? end : i + 1;
        } else if (name_start(c)) {
            size_t from = i;
            while (i < s->len && name_byte(sql[i]))
                i++;
            if (i - from == 1 && (c | 0x20) == 'e' && sql[i] == '\'')
                i = quote_end(s, i, '\'', true);
            else
                see_word(s, &body, from, i);
        } else if (c >= '0' && c <= '9') {
            while (i < s->len && name_byte(sql[i]) && sql[i] != '$')
                i++;
        } else {
            parens += c == '(' ? 1 : c == ')' ? -1 : 0;
            i++;
        }
    }
    if (i > s->len)
        i = s->len;
    split_put(s, kept, i - kept);
    s->pos = s->len;
}
