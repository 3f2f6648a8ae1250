/* regexp.c - see regexp.h. */
#include "dbstep/regexp.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "dbstep/str.h"
#include "dbstep/vec.h"

/* Of one match; a tenth of a second or so at the most. */
enum { STEPS_MAX = 1000000, HEAP_KB_MAX = 64 * 1024, PATTERN_MAX = 10000 };

static void free_code(pcre2_code **code)
{
    pcre2_code_free(*code);
}

static void free_match(pcre2_match_data **match)
{
    pcre2_match_data_free(*match);
}

static void free_limits(pcre2_match_context **limits)
{
    pcre2_match_context_free(*limits);
}

static void free_settings(pcre2_compile_context **settings)
{
    pcre2_compile_context_free(*settings);
}

#define CODE_AUTO __attribute__((cleanup(free_code))) pcre2_code *
#define MATCH_AUTO __attribute__((cleanup(free_match))) pcre2_match_data *
#define LIMITS_AUTO __attribute__((cleanup(free_limits))) pcre2_match_context *
#define SETTINGS_AUTO __attribute__((cleanup(free_settings))) pcre2_compile_context *

/* ---- patterns ---- */

/* Java's names of ASCII's classes, and what is in them. */
static const char *ascii_class(const char *name, size_t n)
{
    static const char *const classes[][2] = {
        {"Lower", "a-z"},          {"Upper", "A-Z"},       {"ASCII", "\\x00-\\x7F"},      {"Alpha", "a-zA-Z"},
        {"Digit", "0-9"},          {"Alnum", "a-zA-Z0-9"}, {"Punct", "!-\\/:-@\\[-`{-~"}, {"Graph", "!-~"},
        {"Print", "\\x20-~"},      {"Blank", "\\x20\\t"},  {"Cntrl", "\\x00-\\x1F\\x7F"}, {"XDigit", "0-9a-fA-F"},
        {"Space", "\\x20\\t-\\r"},
    };

    for (size_t i = 0; i < COUNT(classes); i++)
        if (strlen(classes[i][0]) == n && memcmp(classes[i][0], name, n) == 0)
            return classes[i][1];
    return NULL;
}

/* \p{Alpha}; *p stands behind the backslash, and is moved to the end. */
static const char *add_property(struct str *out, const char **p, bool in_class)
{
    const char *name = *p + 2, *close = (*p)[1] == '{' ? strchr(name, '}') : NULL;
    const char *members = close ? ascii_class(name, (size_t)(close - name)) : NULL;

    if (!members || (in_class && **p == 'P'))
        return "\\p{…} is known for the classes of ASCII only (\\p{Alpha}, \\p{Digit} …), \\P{…} outside of brackets";
    if (in_class)
        str_add(out, members);
    else
        str_addf(out, "[%s%s]", **p == 'P' ? "^" : "", members);
    *p = close + 1;
    return NULL;
}

static const char *group_fault(const char *p /* behind "(" */)
{
    if (*p == '*')
        return "\"(*\" is nothing that Java knows";
    if (*p != '?')
        return NULL;
    p++;
    size_t flags = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
    if (flags && (p[flags] == ')' || p[flags] == ':'))
        return strspn(p, "ims-") == flags ? NULL : "the only flags that are known here are i, m and s";
    return *p && strchr(":=!><", *p) ? NULL : "a group begins with (? and something that Java does not know";
}

/* The pattern in PCRE2's words; NULL and *fault when it would mean something else there. */
static const char *translated(struct arena *a, const char *pattern, const char **fault)
{
    struct str out = str_new(a);
    bool in_class = false;

    *fault = strlen(pattern) > PATTERN_MAX ? "it is too long" : NULL;
    for (const char *p = pattern; *p && !*fault;) {
        if (text_starts(p, "\\Q")) {
            const char *close = strstr(p, "\\E");
            size_t n = close ? (size_t)(close - p) + 2 : strlen(p);
            str_addn(&out, p, n);
            p += n;
        } else if (*p == '\\' && (p[1] == 'p' || p[1] == 'P')) {
            p++;
            *fault = add_property(&out, &p, in_class);
        } else if (*p == '\\' && p[1]) {
            str_addn(&out, p, 2);
            p += 2;
        } else if (in_class) {
            if (*p == '[' || text_starts(p, "&&"))
                *fault = "classes within classes are not known here";
            in_class = *p != ']';
            str_addc(&out, *p++);
        } else {
            if (*p == '(')
                *fault = group_fault(p + 1);
            in_class = *p == '[';
            str_addc(&out, *p++);
            if (in_class && *p == '^')
                str_addc(&out, *p++);
            if (in_class && *p == ']')
                str_addc(&out, *p++);
        }
    }
    return *fault ? NULL : out.s;
}

static pcre2_code *compiled(struct arena *a, const char *pattern, const char **fault)
{
    SETTINGS_AUTO settings = pcre2_compile_context_create(NULL);
    const char *own = translated(a, pattern, fault);
    PCRE2_SIZE at;
    int error;

    if (!own)
        return NULL;
    pcre2_set_newline(settings, PCRE2_NEWLINE_ANYCRLF);
    pcre2_set_bsr(settings, PCRE2_BSR_UNICODE);
    pcre2_set_parens_nest_limit(settings, 100);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)own, PCRE2_ZERO_TERMINATED,
                                     PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C, &error, &at, settings);
    if (!code) {
        char message[200];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
        *fault = arena_printf(a, "%s, at byte %zu", message, at);
    }
    return code;
}

const char *regexp_fault(struct arena *a, const char *pattern)
{
    const char *fault;
    CODE_AUTO code = compiled(a, pattern, &fault);

    return code ? NULL : fault;
}

/* ---- replacing ---- */

static int group_of_name(const pcre2_code *code, struct arena *a, const char *name, size_t n)
{
    int number = pcre2_substring_number_from_name(code, (PCRE2_SPTR)arena_strndup(a, name, n));

    return number > 0 ? number : -1;
}

/* What replacing may make of a text. */
static size_t most_of(size_t len)
{
    return ((size_t)16 << 20) + 20 * len;
}

static void add_group(struct str *out, const char *text, const PCRE2_SIZE *at, int group)
{
    if (at[2 * group] != PCRE2_UNSET)
        str_addn(out, text + at[2 * group], at[2 * group + 1] - at[2 * group]);
}

/* NULL, or what is wrong with the replacement. */
static const char *add_replacement(struct arena *a, const pcre2_code *code, const char *text, const PCRE2_SIZE *at,
                                   int n_groups, const char *with, size_t most, struct str *out)
{
    for (const char *p = with; *p;) {
        int group = -1;
        if (out->len > most)
            return "the result grows beyond measure";
        if (*p == '\\') {
            if (!*++p)
                return "the replacement ends in a backslash";
            str_addc(out, *p++);
            continue;
        }
        if (*p != '$') {
            str_addc(out, *p++);
            continue;
        }
        if (*++p == '{') {
            size_t n = strcspn(++p, "}");
            group = p[n] ? group_of_name(code, a, p, n) : -1;
            p += n + (p[n] != '\0');
        } else if (*p >= '0' && *p <= '9') {
            group = *p++ - '0';
            while (*p >= '0' && *p <= '9' && group * 10 + (*p - '0') <= n_groups)
                group = group * 10 + (*p++ - '0');
        }
        if (group < 0 || group > n_groups)
            return "the replacement names a group that does not exist ($ is written \\$)";
        add_group(out, text, at, group);
    }
    return NULL;
}

static const char *match_fault(struct arena *a, int error)
{
    char message[200];

    if (error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_DEPTHLIMIT || error == PCRE2_ERROR_HEAPLIMIT)
        return "matching takes too long: the pattern goes back and forth over the text";
    pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof message);
    return arena_strdup(a, message);
}

static size_t character(const char *text, size_t at, size_t len)
{
    size_t n = at < len ? text_utf8_sequence(text + at) : 1;

    return n ? n : 1;
}

static bool replace_all(struct ctx *cx, const pcre2_code *code, const char *text, const char *with, struct str *out,
                        const char **fault)
{
    MATCH_AUTO match = pcre2_match_data_create_from_pattern(code, NULL);
    LIMITS_AUTO limits = pcre2_match_context_create(NULL);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    size_t len = strlen(text), done = 0, most = most_of(len);
    uint32_t n_groups = 0, checked = 0;

    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n_groups);
    pcre2_set_match_limit(limits, STEPS_MAX);
    pcre2_set_heap_limit(limits, HEAP_KB_MAX);
    for (size_t from = 0; from <= len; checked = PCRE2_NO_UTF_CHECK) {
        int n = pcre2_match(code, (PCRE2_SPTR)text, len, from, checked, match, limits);
        if (n == PCRE2_ERROR_NOMATCH)
            break;
        if (n < 0) {
            *fault = match_fault(cx->arena, n);
            return false;
        }
        if (!ctx_alive(cx, "replacing by a regular expression"))
            return false;
        str_addn(out, text + done, at[0] - done);
        if ((*fault = add_replacement(cx->arena, code, text, at, (int)n_groups, with, most, out)))
            return false;
        done = at[1];
        from = at[1] > at[0] ? at[1] : at[1] + character(text, at[1], len);
    }
    str_add(out, text + done);
    return true;
}

bool regexp_replace_all(struct ctx *cx, const char *pattern, const char *text, const char *with, const char **out)
{
    struct str result = str_new(cx->arena);
    const char *fault = NULL;
    CODE_AUTO code = compiled(cx->arena, pattern, &fault);

    if (code && replace_all(cx, code, text, with, &result, &fault)) {
        *out = result.s;
        return true;
    }
    fail(cx, E_CHANGELOG, "the regular expression %s cannot be replaced by %s", pattern, with);
    err_detail(cx, "%s", fault ? fault : "");
    return false;
}
