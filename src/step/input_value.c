/* input_value.c - one text to one typed field; see inputs.h and enum input_type. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/inputs.h"
#include "dbstep/json.h"
#include "dbstep/str.h"

struct unit {
    const char *name;
    long long factor;
};

static const struct unit size_units[] = {
    {"", 1},           {"b", 1},           {"bytes", 1},      {"k", 1LL << 10},   {"kb", 1LL << 10}, {"kib", 1LL << 10},
    {"ki", 1LL << 10}, {"m", 1LL << 20},   {"mb", 1LL << 20}, {"mib", 1LL << 20}, {"mi", 1LL << 20}, {"g", 1LL << 30},
    {"gb", 1LL << 30}, {"gib", 1LL << 30}, {"gi", 1LL << 30}, {"t", 1LL << 40},   {"tb", 1LL << 40}, {"tib", 1LL << 40},
    {"ti", 1LL << 40}, {NULL, 0},
};
static const struct unit duration_units[] = {
    {"", 1000},     {"ms", 1},      {"s", 1000},     {"sec", 1000}, {"m", 60000},
    {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

/* "<digits><unit>" once, or several times ("1h30m") when `compound`. */
static bool parse_units(const char *s, const struct unit *units, bool compound, long long *out, bool *overflow)
{
    long long total = 0;
    size_t parts = 0;

    *overflow = false;
    while (*s) {
        long long n = 0;
        size_t digits = strspn(s, "0123456789");
        if (!digits)
            return false;
        for (size_t i = 0; i < digits; i++)
            if (__builtin_mul_overflow(n, 10LL, &n) || __builtin_add_overflow(n, (long long)(s[i] - '0'), &n))
                *overflow = true;
        s += digits;
        s += strspn(s, " ");
        char name[8] = "";
        size_t len = 0;
        while ((*s | 32) >= 'a' && (*s | 32) <= 'z' && len + 1 < sizeof name)
            name[len++] = (char)(*s++ | 32);
        s += strspn(s, " ");
        const struct unit *u = units;
        while (u->name && strcmp(u->name, name) != 0)
            u++;
        if (!u->name)
            return false;
        if (__builtin_mul_overflow(n, u->factor, &n) || __builtin_add_overflow(total, n, &total))
            *overflow = true;
        if (++parts > 1 && (!compound || !len))
            return false;
    }
    *out = total;
    return parts > 0;
}

static const char *show_number(struct arena *a, enum input_type type, long long n)
{
    if (type == IN_DURATION) {
        static const struct unit shown[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
        for (size_t i = 0; i < COUNT(shown); i++)
            if (n && n % shown[i].factor == 0)
                return arena_printf(a, "%lld%s", n / shown[i].factor, shown[i].name);
        return arena_printf(a, "%lldms", n);
    }
    if (type == IN_SIZE) {
        static const struct unit shown[] = {{"TB", 1LL << 40}, {"GB", 1LL << 30}, {"MB", 1LL << 20}, {"kB", 1LL << 10}};
        for (size_t i = 0; i < COUNT(shown); i++)
            if (n && n % shown[i].factor == 0)
                return arena_printf(a, "%lld%s", n / shown[i].factor, shown[i].name);
    }
    return arena_printf(a, "%lld", n);
}

static const char *parse_number(struct arena *a, const struct input_spec *row, const char *text, long long *out)
{
    const char *s = text_trim(a, text);
    long long n = 0;
    bool overflow = false;

    if (row->type == IN_INTEGER) {
        char *end;
        errno = 0;
        n = strtoll(s, &end, 10);
        if (end == s || *end)
            return "is not a whole number";
        overflow = errno == ERANGE;
    } else if (!parse_units(s, row->type == IN_SIZE ? size_units : duration_units, row->type == IN_DURATION, &n,
                            &overflow)) {
        return row->type == IN_SIZE ? "is not a size; write it as 1024, 64kB, 10MB or 1GB"
                                    : "is not a duration; write it as 250ms, 30s, 5m, 1h, 2d, or a number of seconds";
    }
    if (overflow)
        return "is too large";
    if (row->max > row->min && (n < row->min || n > row->max))
        return arena_printf(a, "is out of range: %s to %s", show_number(a, row->type, row->min),
                            show_number(a, row->type, row->max));
    *out = n;
    return NULL;
}

static const char *parse_boolean(struct arena *a, const char *text, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    const char *s = text_trim(a, text);
    for (size_t i = 0; i < COUNT(words); i++)
        if (text_equal_nocase(s, words[i])) {
            *out = i & 1;
            return NULL;
        }
    return "is neither true nor false";
}

static const char *parse_choice(struct arena *a, const struct input_spec *row, const char *text, int *out)
{
    const char *s = text_trim(a, text), *names[64] = {0};
    size_t n = 0;

    for (const char *p = row->choices; *p && n < COUNT(names); n++) {
        size_t len = strcspn(p, "|");
        names[n] = arena_strndup(a, p, len);
        if (text_equal_nocase(s, names[n])) {
            *out = (int)n;
            return NULL;
        }
        p += len + (p[len] == '|');
    }
    struct str wrong = str_new(a);
    const char *near = row->flags & IN_SECRET ? NULL : text_nearest(s, names, n);
    str_add(&wrong, "is not one of ");
    for (size_t i = 0; i < n; i++)
        str_addf(&wrong, "%s%s", i ? i + 1 == n ? " and " : ", " : "", names[i]);
    if (near)
        str_addf(&wrong, "; did you mean %s?", near);
    return wrong.s;
}

static const char *parse_json_list(struct arena *a, const char *s, struct str_list *out)
{
    size_t at = 0;
    struct json_doc *doc = json_parse(s, strlen(s), &at);
    const char *wrong = NULL;

    if (!doc)
        return arena_printf(a, "begins as a JSON array but is none (at byte %zu)", at);
    for (const struct json *v = json_first(json_root(doc)); v && !wrong; v = json_next(v)) {
        long long n;
        if (json_is_string(v))
            *VEC_PUSH(a, out) = arena_strdup(a, json_text(v));
        else if (json_is_number(v) && json_int64(v, &n))
            *VEC_PUSH(a, out) = arena_printf(a, "%lld", n);
        else if (json_is_number(v))
            *VEC_PUSH(a, out) = arena_printf(a, "%.17g", json_number(v, 0));
        else if (json_is_bool(v))
            *VEC_PUSH(a, out) = json_is_true(v) ? "true" : "false";
        else
            wrong = "holds something that is neither text nor number nor boolean";
    }
    json_free(doc);
    return wrong;
}

static const char *parse_list(struct arena *a, const char *text, struct str_list *out)
{
    const char *s = text_trim(a, text);
    struct str_list items = {0};

    if (*s == '[') {
        const char *wrong = parse_json_list(a, s, &items);
        if (wrong)
            return wrong;
    } else {
        const char *cut = strchr(s, '\n') ? "\n" : ",";
        while (*s) {
            size_t n = strcspn(s, cut);
            char *item = text_trim(a, arena_strndup(a, s, n));
            if (*item)
                *VEC_PUSH(a, &items) = item;
            s += n + (s[n] != '\0');
        }
    }
    *out = items;
    return NULL;
}

static const char *check_file(struct arena *a, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0)
        return arena_printf(a, "names a file that cannot be read: %s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return "names a folder, not a file";
    return NULL;
}

const char *input_parse(struct arena *a, const struct input_spec *row, const char *text, void *field)
{
    const char *wrong = NULL;

    switch (row->type) {
    case IN_INTEGER:
    case IN_SIZE:
    case IN_DURATION: return parse_number(a, row, text, field);
    case IN_BOOLEAN: return parse_boolean(a, text, field);
    case IN_CHOICE: return parse_choice(a, row, text, field);
    case IN_LIST: return parse_list(a, text, field);
    case IN_FILE: wrong = check_file(a, text); break;
    case IN_JSON: {
        size_t at = 0;
        struct json_doc *doc = json_parse(text, strlen(text), &at);
        if (!doc)
            wrong = arena_printf(a, "is not JSON (at byte %zu)", at);
        json_free(doc);
        break;
    }
    case IN_STRING: break;
    }
    if (!wrong)
        *(const char **)field = arena_strdup(a, text);
    return wrong;
}
