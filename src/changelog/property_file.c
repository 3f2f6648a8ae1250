/* property_file.c - Java's .properties, which <property file="…"> names; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"

struct source {
    const char *at, *end;
    int line;
};

/* One logical line: lines that end in an odd number of backslashes go on in the next, whose leading blanks do not count. */
static bool logical_line(struct source *s, struct str *out)
{
    str_clear(out);
    for (bool first = true; s->at < s->end; first = false) {
        while (s->at < s->end && strchr(" \t\f", *s->at))
            s->at++;
        const char *from = s->at;
        while (s->at < s->end && *s->at != '\n' && *s->at != '\r')
            s->at++;
        size_t n = (size_t)(s->at - from), slashes = 0;
        if (s->at < s->end)
            s->at += s->at[0] == '\r' && s->at + 1 < s->end && s->at[1] == '\n' ? 2 : 1;
        s->line++;
        if (first && (!n || *from == '#' || *from == '!'))
            return true; /* a comment does not go on */
        while (slashes < n && from[n - 1 - slashes] == '\\')
            slashes++;
        str_addn(out, from, n - slashes % 2);
        if (slashes % 2 == 0)
            return true;
    }
    return true;
}

static void add_character(struct str *out, unsigned c)
{
    if (c < 0x80) {
        str_addc(out, (char)c);
    } else if (c < 0x800) {
        str_addc(out, (char)(0xC0 | c >> 6));
        str_addc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        str_addc(out, (char)(0xE0 | c >> 12));
        str_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        str_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

static bool unescape(struct ctx *cx, const char *s, size_t n, const char *file, int line, const char **out)
{
    struct str b = str_new(cx->arena);
    for (size_t i = 0; i < n; i++) {
        if (s[i] != '\\' || i + 1 == n) {
            str_addc(&b, s[i]);
            continue;
        }
        char c = s[++i];
        if (c != 'u') {
            str_addc(&b, c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
            continue;
        }
        unsigned value = 0;
        size_t digits = 0;
        for (; digits < 4 && i + 1 < n; digits++) {
            char d = s[i + 1];
            unsigned v = d >= '0' && d <= '9' ? (unsigned)(d - '0') : (unsigned)((d | 0x20) - 'a' + 10);
            if (v > 15)
                break;
            value = value * 16 + v;
            i++;
        }
        if (digits < 4 || !value || (value >= 0xD800 && value < 0xE000)) {
            fail(cx, E_CHANGELOG, "malformed \\u escape in the properties of '%s'", file);
            err_place(cx, file, line, 1);
            err_hint(cx, "four hexadecimal digits of a character other than NUL and surrogates; or write it as UTF-8");
            return false;
        }
        add_character(&b, value);
    }
    *out = b.s;
    return true;
}

bool properties_read(struct ctx *cx, struct properties *p, const char *file, const char *text, size_t len, bool global)
{
    struct source s = {.at = text, .end = text + len};
    struct str line = str_new(cx->arena);

    while (s.at < s.end) {
        int line_no = s.line + 1;
        logical_line(&s, &line);
        if (!line.len)
            continue;
        size_t key = 0;
        while (key < line.len && !strchr("=: \t\f", line.s[key]))
            key += line.s[key] == '\\' && key + 1 < line.len ? 2 : 1;
        size_t value = key + strspn(line.s + key, " \t\f");
        if (line.s[value] == '=' || line.s[value] == ':')
            value += 1 + strspn(line.s + value + 1, " \t\f");
        const char *name, *content;
        if (!unescape(cx, line.s, key, file, line_no, &name) ||
            !unescape(cx, line.s + value, line.len - value, file, line_no, &content))
            return false;
        if (*name)
            properties_define(cx, p, name, content, global);
    }
    return true;
}
