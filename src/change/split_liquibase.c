/* split_liquibase.c - splitting byte for byte as Liquibase 4.33 does, its limits included.
 *
 * Its tokenizer takes the longest of: blanks, comments (not nested), numbers, names and dotted names, strings (a doubled quote
 * and a backslash both escape), quoted names, single symbols. Delimiters are recognised between tokens. There are no dollar
 * quotes; between BEGIN and END nothing is split; a form feed is no token at all.
 *
 * Searches for a closing quote, bracket or comment end that found none are remembered, so that time stays linear.
 */
#include <string.h>

#include "split_internal.h"

enum token_kind { TOK_END, TOK_BLANK, TOK_COMMENT, TOK_NAME, TOK_OTHER, TOK_REFUSED };

struct token {
    enum token_kind kind;
    size_t from, n;
    bool whole; /* tokens that together spell the delimiter */
};

static unsigned code_point(const struct splitter *s, size_t i, size_t *n)
{
    const unsigned char *p = (const unsigned char *)s->sql + i;
    *n = 1;
    if (p[0] < 0x80)
        return p[0];
    size_t need = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    unsigned c = need == 4 ? p[0] & 7u : need == 3 ? p[0] & 15u : p[0] & 31u;
    for (size_t k = 1; k < need; k++) {
        if (i + k >= s->len || (p[k] & 0xC0) != 0x80)
            return p[0];
        c = c << 6 | (p[k] & 0x3Fu);
    }
    *n = need;
    return c;
}

static bool in_ranges(unsigned c, const unsigned (*r)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i][0] && c <= r[i][1])
            return true;
    return false;
}

static bool letter(unsigned c)
{
    static const unsigned ranges[][2] = {
        {'A', 'Z'},   {'a', 'z'},    {'$', '$'},      {'_', '_'},       {'@', '@'},       {'#', '#'},      {0xC0, 0xD6},
        {0xD8, 0xF6}, {0xF8, 0x2C1}, {0x370, 0x1FFF}, {0x2071, 0x218F}, {0x2C00, 0xD7FF}, {0xF900, 0xFFFD}};
    return in_ranges(c, ranges, COUNT(ranges));
}

static bool blank_code(unsigned c)
{
    static const unsigned ranges[][2] = {{' ', ' '},       {'\t', '\n'},     {'\r', '\r'},     {0x85, 0x85},
                                         {0xA0, 0xA0},     {0x1680, 0x1680}, {0x180E, 0x180E}, {0x2000, 0x200D},
                                         {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x2060}, {0x3000, 0x3000},
                                         {0xFEFF, 0xFEFF}};
    return in_ranges(c, ranges, COUNT(ranges));
}

static bool symbol(unsigned c)
{
    static const unsigned ranges[][2] = {{'!', '/'}, {':', '@'},     {'[', '`'},
                                         {'{', '~'}, {0xA1, 0xFF65}, {0x10000, 0x10FFFF}};
    return in_ranges(c, ranges, COUNT(ranges));
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits(const struct splitter *s, size_t i)
{
    while (digit(s->sql[i]))
        i++;
    return i;
}

static size_t exponent(const struct splitter *s, size_t i)
{
    if ((s->sql[i] | 0x20) != 'e')
        return i;
    size_t d = i + 1;
    if (s->sql[d] == '+' || s->sql[d] == '-')
        d++;
    return digit(s->sql[d]) ? digits(s, d) : i;
}

static size_t number_end(const struct splitter *s, size_t i)
{
    size_t end = digits(s, i);
    if (s->sql[end] == '.') {
        size_t fraction = digits(s, end + 1);
        if (fraction == end + 1 && end == i)
            return i;
        end = fraction;
    }
    return exponent(s, end);
}

/* A string whose quote stands at i; i when there is no closing one. */
static size_t string_end(struct splitter *s, size_t i)
{
    char quote = s->sql[i];
    bool *none = quote == '\'' ? &s->no_single : &s->no_double;
    size_t fallback = i; /* where it could have ended, had the last doubled quote not been one */
    if (*none)
        return i;
    for (size_t k = i + 1; k < s->len;) {
        if (s->sql[k] == '\\') {
            k += 2;
        } else if (s->sql[k] != quote) {
            k++;
        } else if (k + 1 < s->len && s->sql[k + 1] == quote) {
            fallback = k + 1;
            k += 2;
        } else {
            return k + 1;
        }
    }
    if (fallback == i)
        *none = true;
    return fallback;
}

static size_t prefixed_string_end(struct splitter *s, size_t i)
{
    static const char *const prefixes[] = {"", "RB", "_utf8", "U", "E", "N", "R", "B"};
    for (size_t k = 0; k < COUNT(prefixes); k++) {
        size_t n = strlen(prefixes[k]);
        if (strncasecmp(s->sql + i, prefixes[k], n) != 0 || (s->sql[i + n] != '\'' && s->sql[i + n] != '"'))
            continue;
        size_t end = string_end(s, i + n);
        if (end > i + n)
            return end;
    }
    return i;
}

static size_t quoted_name_end(struct splitter *s, size_t i)
{
    char c = s->sql[i];
    if (c == '"' || c == '`') {
        size_t k = i + 1 + strcspn(s->sql + i + 1, c == '"' ? "\n\r\"" : "\n\r`");
        return s->sql[k] == c && k > i + 1 ? k + 1 : i;
    }
    if (c != '[' || digit(s->sql[i + 1]) || s->sql[i + 1] == ',' || s->sql[i + 1] == ']' || i + 1 >= s->len)
        return i;
    if (i >= s->bracket_from && i < s->bracket_to)
        return i;
    size_t k = i + 2 <= s->len ? i + 2 + strcspn(s->sql + i + 2, "\n\r]") : s->len;
    if (k < s->len && s->sql[k] == ']')
        return k + 1;
    s->bracket_from = i;
    s->bracket_to = k;
    return i;
}

static size_t plain_name_end(const struct splitter *s, size_t i)
{
    size_t n, from = i;
    while (i < s->len) {
        unsigned c = code_point(s, i, &n);
        if (i == from ? !letter(c) || c == '@' || c == '#' : !letter(c) && !(c < 0x80 && digit((char)c)))
            break; /* '@' and '#' belong to a name but do not start one */
        i += n;
    }
    return i;
}

static size_t name_part_end(struct splitter *s, size_t i)
{
    size_t end = plain_name_end(s, i);
    return end > i ? end : quoted_name_end(s, i);
}

/* A name, or names joined by dots with blanks around them. */
static size_t name_end(struct splitter *s, size_t i)
{
    size_t end = name_part_end(s, i);
    while (end > i) {
        size_t k = end + strspn(s->sql + end, " \t\r\n");
        if (s->sql[k] != '.')
            break;
        k++;
        k += strspn(s->sql + k, " \t\r\n");
        size_t next = name_part_end(s, k);
        if (next == k)
            break;
        end = next;
    }
    return end;
}

static size_t block_comment_end(struct splitter *s, size_t i)
{
    if (s->no_comment_end || i + 4 > s->len)
        return i;
    const char *close = memmem(s->sql + i + 2, s->len - i - 2, "*/", 2);
    if (close)
        return (size_t)(close - s->sql) + 2;
    s->no_comment_end = true;
    return i;
}

static void longer(struct token *t, enum token_kind kind, size_t end)
{
    if (end > t->from + t->n) {
        t->kind = kind;
        t->n = end - t->from;
    }
}

static struct token token_at(struct splitter *s, size_t i)
{
    struct token t = {TOK_REFUSED, i, 0, false};
    size_t n;
    if (i >= s->len)
        return (struct token){TOK_END, i, 0, false};
    unsigned c = code_point(s, i, &n);
    if (blank_code(c)) {
        size_t end = i + n;
        while (end < s->len && blank_code(code_point(s, end, &n)))
            end += n;
        longer(&t, TOK_BLANK, end);
        return t;
    }
    if (c == '-' && s->sql[i + 1] == '-') {
        longer(&t, TOK_COMMENT, i + strcspn(s->sql + i, "\r\n"));
        return t;
    }
    if (c == '/' && s->sql[i + 1] == '*')
        longer(&t, TOK_COMMENT, block_comment_end(s, i));
    if (c == '.' || (c < 0x80 && digit((char)c)))
        longer(&t, TOK_OTHER, number_end(s, i));
    longer(&t, TOK_NAME, name_end(s, i));
    longer(&t, TOK_OTHER, prefixed_string_end(s, i));
    if (symbol(c))
        longer(&t, TOK_OTHER, i + n);
    return t;
}

/* ---- delimiters ---- */

#define EXPRESSION_MAX 100

/* regcomp() goes as deep as there are parentheses, and writes out what is to be repeated. */
static bool compiles_quickly(const char *expression)
{
    const char *count = strchr(expression, '{');
    if (strlen(expression) > EXPRESSION_MAX || (count && strchr(count + 1, '{')))
        return false;
    for (size_t n; count && *count; count += n ? n : 1)
        if ((n = strspn(count, "0123456789")) > 2)
            return false;
    return true;
}

/* Java's notation in POSIX terms. An expression that does not compile matches nothing. */
void split_liquibase_start(struct splitter *s)
{
    const char *d = s->delimiter;
    if (!d || !d[1] || !compiles_quickly(d))
        return;
    struct str re = str_new(s->arena);
    str_add(&re, "^([[:space:]]*");
    for (; *d; d++) {
        if (*d != '\\' || !d[1]) {
            str_addc(&re, *d);
            continue;
        }
        d++;
        switch (*d) {
        case 'n': str_add(&re, "\n"); break;
        case 'r': str_add(&re, "\r"); break;
        case 't': str_add(&re, "\t"); break;
        case 's': str_add(&re, "[[:space:]]"); break;
        case 'd': str_add(&re, "[0-9]"); break;
        case 'w': str_add(&re, "[A-Za-z0-9_]"); break;
        default: str_addf(&re, text_word_char(*d) ? "%c" : "\\%c", *d);
        }
    }
    str_add(&re, ")$");
    s->has_regex = regcomp(&s->regex, re.s, REG_EXTENDED | REG_ICASE | REG_NOSUB) == 0;
}

#define PREVIOUS_MAX 64 /* bytes of the token before that a delimiter may need */
#define DELIMITER_MAX 1000

static bool regex_matches(struct splitter *s, struct token before, struct token t)
{
    char text[PREVIOUS_MAX + DELIMITER_MAX + 1];
    size_t n = before.n;
    if (!s->has_regex || t.n > DELIMITER_MAX)
        return false;
    size_t from = before.from;
    if (n > PREVIOUS_MAX) {
        if (before.kind != TOK_BLANK)
            return false;
        from += n - PREVIOUS_MAX;
        n = PREVIOUS_MAX;
    }
    memcpy(text, s->sql + from, n);
    memcpy(text + n, s->sql + t.from, t.n);
    text[n + t.n] = '\0';
    return regexec(&s->regex, text, 0, NULL, 0) == 0;
}

static bool is(const struct splitter *s, struct token t, const char *word)
{
    return strlen(word) == t.n && strncasecmp(s->sql + t.from, word, t.n) == 0;
}

static bool is_delimiter(struct splitter *s, struct token before, struct token t)
{
    if (t.whole)
        return true;
    bool line_start = !before.n || s->sql[before.from + before.n - 1] == '\n';
    if (!s->delimiter)
        return is(s, t, ";") || (line_start && (is(s, t, "go") || is(s, t, "/")));
    if (!s->delimiter[1])
        return is(s, t, s->delimiter) && (s->delimiter[0] != '/' || line_start);
    return is(s, t, s->delimiter) || regex_matches(s, before, t);
}

/* The next token that is neither blank nor a dropped comment. */
static struct token peek(struct splitter *s, size_t i)
{
    for (;;) {
        struct token t = token_at(s, i);
        if (t.kind != TOK_BLANK && !(t.kind == TOK_COMMENT && s->strip))
            return t;
        i = t.from + t.n;
    }
}

static bool one_of(const struct splitter *s, struct token t, const char *const *words)
{
    for (; *words; words++)
        if (is(s, t, *words))
            return true;
    return false;
}

static void count_depth(struct splitter *s, struct token t, int *depth)
{
    static const char *const not_a_block[] = {"transaction",  "trans",       "tran", "dialog",
                                              "conversation", "distributed", NULL};
    static const char *const not_an_end[] = {"transaction", "trans", "tran", NULL};
    if (is(s, t, "begin"))
        *depth += !one_of(s, peek(s, t.from + t.n), not_a_block);
    else if (is(s, t, "end") && *depth)
        *depth -= !one_of(s, peek(s, t.from + t.n), not_an_end);
}

static struct token next_kept(struct splitter *s, size_t i)
{
    struct token t = token_at(s, i);
    while (t.kind == TOK_COMMENT && s->strip)
        t = token_at(s, t.from + t.n);
    return t;
}

/* Tokens from t on that together spell the delimiter, as one; `t` itself when they do not. What is still unfinished at the end of
 * the text is dropped: the result is then TOK_END. */
static struct token merged(struct splitter *s, struct token t)
{
    const char *d = s->delimiter;
    size_t n = d ? strlen(d) : 0;
    struct token m = t;
    if (!n || m.n > n || memcmp(s->sql + m.from, d, m.n) != 0)
        return t;
    if (m.n == n) { /* whole in one token: dropped at the end of the text, delimiter or not */
        struct token next = next_kept(s, m.from + m.n);
        if (next.kind == TOK_END)
            return next;
        s->no_merge_before = next.from + next.n;
    }
    for (size_t matched = m.n; matched < n;) {
        struct token next = next_kept(s, m.from + m.n);
        if (next.kind == TOK_END)
            return next;
        if (next.kind == TOK_REFUSED)
            return t;
        if (matched + next.n > n || memcmp(s->sql + next.from, d + matched, next.n) != 0) {
            s->no_merge_before = next.from + next.n; /* these are looked at singly, and not as a new start */
            return t;
        }
        matched += next.n;
        m.n = next.from + next.n - m.from; /* dropped comments in between included */
        m.whole = matched == n;
    }
    return m;
}

void split_liquibase_next(struct splitter *s)
{
    struct token before = {TOK_BLANK, s->pos, 0, false};
    int depth = 0;

    if (s->pos) /* the delimiter that ended the last statement is the token before; only its last byte matters */
        before = (struct token){TOK_OTHER, s->pos - 1, 1, false};
    for (size_t i = s->pos; i < s->len;) {
        struct token t = token_at(s, i);
        if (t.kind == TOK_REFUSED) {
            s->fault = true;
            s->fault_at = i;
            return;
        }
        if (t.kind == TOK_COMMENT && s->strip) {
            i = t.from + t.n;
            continue;
        }
        if (s->delimiter && i >= s->no_merge_before)
            t = merged(s, t);
        if (t.kind == TOK_END)
            break;
        if (s->split) {
            count_depth(s, t, &depth);
            if (!depth && is_delimiter(s, before, t)) {
                s->pos = t.from + t.n;
                return;
            }
        }
        split_put(s, t.from, t.n);
        before = t;
        i = t.from + t.n;
    }
    s->pos = s->len;
}
