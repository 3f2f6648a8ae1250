/* decode.c - the bytes of an SQL file as text; see changelog_internal.h. */
#include <string.h>

#include "changelog_internal.h"

/* Length of the valid UTF-8 sequence at s, or 0; *bad is then the number of bytes that one U+FFFD stands for. */
static size_t utf8_length(const unsigned char *s, size_t left, size_t *bad)
{
    size_t need = s[0] < 0x80                    ? 1
                  : s[0] >= 0xC2 && s[0] <= 0xDF ? 2
                  : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                  : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                 : 0;
    *bad = 1;
    if (need < 2)
        return need;
    unsigned char low = s[0] == 0xE0   ? 0xA0
                        : s[0] == 0xF0 ? 0x90
                                       : 0x80,
                  high = s[0] == 0xED   ? 0x9F
                         : s[0] == 0xF4 ? 0x8F
                                        : 0xBF;
    for (size_t i = 1; i < need; i++, low = 0x80, high = 0xBF) {
        if (i >= left || s[i] < low || s[i] > high)
            return 0;
        *bad = i + 1;
    }
    return need;
}

bool sql_decode(struct ctx *cx, const char *file, char **text, size_t *len)
{
    const unsigned char *s = (const unsigned char *)*text;
    size_t n = *len, bad, first_bad = n;

    if (n >= 2 && ((s[0] == 0xFF && s[1] == 0xFE) || (s[0] == 0xFE && s[1] == 0xFF))) {
        fail(cx, E_CHANGELOG, "the changelog %s is UTF-16, not UTF-8", file);
        err_hint(cx, "save it as UTF-8");
        return false;
    }
    const char *nul = memchr(s, 0, n);
    if (nul) {
        fail(cx, E_CHANGELOG, "the changelog %s holds a NUL byte", file);
        int line = 1;
        for (const char *p = *text; p < nul; p++)
            line += *p == '\n';
        err_place(cx, file, line, 1);
        err_hint(cx, "PostgreSQL takes no NUL in text; is this a binary file?");
        return false;
    }
    if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0)
        *text += 3, *len -= 3, s += 3, n -= 3, first_bad = n;
    for (size_t i = 0, step; i < n; i += step) {
        step = s[i] < 0x80 ? 1 : utf8_length(s + i, n - i, &bad);
        if (!step) {
            first_bad = i;
            break;
        }
    }
    if (first_bad == n)
        return true;
    struct str out = str_new(cx->arena);
    str_addn(&out, *text, first_bad);
    for (size_t i = first_bad; i < n;) {
        size_t step = utf8_length(s + i, n - i, &bad);
        if (step)
            str_addn(&out, *text + i, step);
        else
            str_add(&out, "\xEF\xBF\xBD");
        i += step ? step : bad;
    }
    *text = out.s;
    *len = out.len;
    return true;
}
