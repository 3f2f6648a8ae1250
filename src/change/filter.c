/* filter.c - context and label expressions, dbms lists; see filter.h.
 *
 *     or    := and { ("," | "or") and }
 *     and   := not { "and" not }
 *     not   := ("!" | "not") not | "(" or ")" | ["@"] name
 *     name  := words
 */
#include <string.h>

#include "dbstep/filter.h"
#include "dbstep/str.h"

#define NESTING_MAX 100

struct parse {
    const char *p;
    bool (*has)(const void *user, const char *name, size_t len);
    const void *user;
    int depth;
    const char *fault;
};

static bool parse_or(struct parse *e);

static bool name_byte(char c)
{
    return c && !text_blank(c) && c != ',' && c != '(' && c != ')' && c != '!';
}

static void skip(struct parse *e)
{
    e->p = text_skip_blanks(e->p);
}

static bool keyword(struct parse *e, const char *word)
{
    size_t n = strlen(word);
    skip(e);
    if (strncasecmp(e->p, word, n) != 0 || name_byte(e->p[n]))
        return false;
    e->p += n;
    return true;
}

/* Words that no operator parts are one name, blanks included. */
static size_t name_length(const char *from)
{
    const char *end = from;
    struct parse first = {.p = from};
    if (keyword(&first, "and") || keyword(&first, "or"))
        return 0;
    while (name_byte(*end))
        end++;
    for (struct parse next = {.p = end}; end > from;) {
        skip(&next);
        if (!name_byte(*next.p) || keyword(&next, "and") || keyword(&next, "or"))
            break;
        while (name_byte(*next.p))
            next.p++;
        end = next.p;
    }
    return (size_t)(end - from);
}

static bool parse_not(struct parse *e)
{
    bool negate = false, value = false;
    for (;; negate = !negate) {
        skip(e);
        if (*e->p == '!')
            e->p++;
        else if (!keyword(e, "not"))
            break;
    }
    skip(e);
    if (*e->p == '(') {
        if (++e->depth > NESTING_MAX) {
            e->fault = "parentheses are nested too deeply";
            e->p += strlen(e->p);
            return false;
        }
        e->p++;
        value = parse_or(e);
        skip(e);
        if (*e->p == ')')
            e->p++;
        else if (!e->fault)
            e->fault = "a closing parenthesis is missing";
        e->depth--;
    } else {
        if (*e->p == '@')
            e->p++;
        const char *from = e->p;
        size_t n = name_length(e->p);
        e->p += n;
        if (!n && !e->fault)
            e->fault = "a name is missing";
        value = (n == 5 && strncasecmp(from, ":TRUE", 5) == 0) || (n && e->has(e->user, from, n));
    }
    return value != negate;
}

static bool parse_and(struct parse *e)
{
    bool value = parse_not(e);
    while (keyword(e, "and"))
        value = parse_not(e) && value; /* both sides are read whatever the first one says */
    return value;
}

static bool parse_or(struct parse *e)
{
    bool value = parse_and(e);
    for (;;) {
        skip(e);
        if (*e->p == ',')
            e->p++;
        else if (!keyword(e, "or"))
            return value;
        value = parse_and(e) || value;
    }
}

static bool evaluate(const char *text, bool (*has)(const void *, const char *, size_t), const void *user,
                     const char **fault)
{
    struct parse e = {.p = text, .has = has, .user = user};
    bool value = parse_or(&e);
    skip(&e);
    if (*e.p && !e.fault)
        e.fault = *e.p == ')' ? "a closing parenthesis is too many" : "'and', 'or' or ',' is missing";
    if (fault)
        *fault = e.fault;
    return value;
}

/* Is the name one of a comma list? */
static bool in_commas(const void *user, const char *name, size_t len)
{
    for (const char *p = user; *p;) {
        p = text_skip_blanks(p);
        size_t n = strcspn(p, ","), trimmed = n;
        while (trimmed && text_blank(p[trimmed - 1]))
            trimmed--;
        if (trimmed && *p == '@') /* "@prod" on the command line means prod */
            p++, n--, trimmed--;
        if (trimmed == len && strncasecmp(p, name, len) == 0)
            return true;
        p += n;
        if (*p == ',')
            p++;
    }
    return false;
}

static bool in_list(const void *user, const char *name, size_t len)
{
    const struct str_list *list = user;
    for (size_t i = 0; i < list->n; i++)
        if (strlen(list->at[i]) == len && strncasecmp(list->at[i], name, len) == 0)
            return true;
    return false;
}

static bool never(const void *user, const char *name, size_t len)
{
    (void)user, (void)name, (void)len;
    return false;
}

bool context_matches(const char *expression, const char *given)
{
    const char *e = expression ? text_skip_blanks(expression) : "";
    const char *g = given ? text_skip_blanks(given) : "";
    if (!*e || (!*g && !strchr(e, '@')))
        return true;
    return evaluate(e, in_commas, g, NULL);
}

bool labels_match(const struct str_list *labels, const char *expression)
{
    const char *e = expression ? text_skip_blanks(expression) : "";
    return !*e || !labels->n || evaluate(e, in_list, labels, NULL);
}

const char *expression_fault(const char *expression)
{
    const char *fault = NULL, *e = expression ? text_skip_blanks(expression) : "";
    if (*e)
        evaluate(e, never, NULL, &fault);
    return fault;
}

bool dbms_matches(const struct str_list *dbms)
{
    bool wanted = false, only_excluded = true;
    for (size_t i = 0; i < dbms->n; i++) {
        const char *name = dbms->at[i];
        if (text_equal_nocase(name, "none") || text_equal_nocase(name, "!postgresql"))
            return false;
        if (*name != '!')
            only_excluded = false;
        if (text_equal_nocase(name, "postgresql") || text_equal_nocase(name, "all"))
            wanted = true;
    }
    return wanted || only_excluded;
}
