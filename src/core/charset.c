/* charset.c - see charset.h. The C library's own conversion would load modules at run time, which a static program has not. */
#include "dbstep/charset.h"

#include <stdint.h>
#include <string.h>

#include "dbstep/str.h"
#include "dbstep/vec.h"

#define REPLACEMENT 0xFFFD

enum charset {
    CHARSET_UTF8,
    CHARSET_ASCII,
    CHARSET_LATIN1,
    CHARSET_LATIN9,
    CHARSET_CP1252,
    CHARSET_UTF16,
    CHARSET_UTF16LE,
    CHARSET_UTF16BE
};

static bool charset_called(const char *name, enum charset *out)
{
    static const struct {
        const char *name;
        enum charset charset;
    } names[] = {
        {"UTF-8", CHARSET_UTF8},       {"UTF8", CHARSET_UTF8},           {"US-ASCII", CHARSET_ASCII},
        {"ASCII", CHARSET_ASCII},      {"ISO-8859-1", CHARSET_LATIN1},   {"ISO8859-1", CHARSET_LATIN1},
        {"ISO8859_1", CHARSET_LATIN1}, {"ISO_8859-1", CHARSET_LATIN1},   {"latin1", CHARSET_LATIN1},
        {"l1", CHARSET_LATIN1},        {"ISO-8859-15", CHARSET_LATIN9},  {"ISO8859_15", CHARSET_LATIN9},
        {"latin9", CHARSET_LATIN9},    {"windows-1252", CHARSET_CP1252}, {"cp1252", CHARSET_CP1252},
        {"UTF-16", CHARSET_UTF16},     {"UTF16", CHARSET_UTF16},         {"UTF-16LE", CHARSET_UTF16LE},
        {"UTF-16BE", CHARSET_UTF16BE},
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (text_equal_nocase(names[i].name, name)) {
            *out = names[i].charset;
            return true;
        }
    return false;
}

static void add_character(struct str *out, uint32_t c)
{
    if (c < 0x80) {
        str_addc(out, (char)c);
    } else if (c < 0x800) {
        str_addc(out, (char)(0xC0 | c >> 6));
        str_addc(out, (char)(0x80 | (c & 0x3F)));
    } else if (c < 0x10000) {
        str_addc(out, (char)(0xE0 | c >> 12));
        str_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        str_addc(out, (char)(0x80 | (c & 0x3F)));
    } else {
        str_addc(out, (char)(0xF0 | c >> 18));
        str_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        str_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
        str_addc(out, (char)(0x80 | (c & 0x3F)));
    }
}

/* ---- UTF-8 ---- */

/* How many bytes one U+FFFD stands for: the longest start of a sequence that could have gone on. */
static size_t broken_length(const char *s, size_t left)
{
    const unsigned char *b = (const unsigned char *)s;
    size_t need = b[0] >= 0xC2 && b[0] < 0xE0 ? 2 : (b[0] & 0xF0) == 0xE0 ? 3 : b[0] >= 0xF0 && b[0] < 0xF5 ? 4 : 1;
    unsigned char low = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : 0xBF;
    size_t n = 1;
    for (; n < need && n < left && b[n] >= low && b[n] <= high; n++)
        low = 0x80, high = 0xBF;
    return n;
}

/* The length of a whole character at s; 0: it is broken. The text need not be terminated. */
static size_t whole_length(const char *s, size_t left)
{
    char copy[5] = {0};
    if ((unsigned char)*s < 0x80)
        return 1;
    memcpy(copy, s, left < 4 ? left : 4);
    return text_utf8_sequence(copy);
}

static void decode_utf8(struct arena *a, const char *s, size_t len, const char **text, size_t *text_len)
{
    size_t ok = 0;
    for (size_t n; ok < len && (n = whole_length(s + ok, len - ok)); ok += n)
        ;
    *text = s, *text_len = len;
    if (ok == len)
        return;
    struct str out = str_new(a);
    for (size_t i = 0, from = 0; i <= len;) {
        size_t n = i < len ? whole_length(s + i, len - i) : 0;
        if (n) {
            i += n;
            continue;
        }
        str_addn(&out, s + from, i - from);
        if (i == len)
            break;
        add_character(&out, REPLACEMENT);
        i += broken_length(s + i, len - i);
        from = i;
    }
    *text = out.s, *text_len = out.len;
}

/* ---- one byte a character ---- */

static uint32_t of_byte(enum charset charset, unsigned char b)
{
    static const uint16_t cp1252[] = {
        0x20AC, REPLACEMENT, 0x201A,      0x0192, 0x201E,      0x2026,      0x2020, 0x2021,      0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152,      REPLACEMENT, 0x017D, REPLACEMENT, REPLACEMENT, 0x2018, 0x2019,      0x201C, 0x201D, 0x2022,
        0x2013, 0x2014,      0x02DC,      0x2122, 0x0161,      0x203A,      0x0153, REPLACEMENT, 0x017E, 0x0178};
    static const uint16_t latin9[][2] = {{0xA4, 0x20AC}, {0xA6, 0x160}, {0xA8, 0x161}, {0xB4, 0x17D},
                                         {0xB8, 0x17E},  {0xBC, 0x152}, {0xBD, 0x153}, {0xBE, 0x178}};
    if (charset == CHARSET_ASCII)
        return b < 0x80 ? b : REPLACEMENT;
    if (charset == CHARSET_CP1252 && b >= 0x80 && b < 0xA0)
        return cp1252[b - 0x80];
    for (size_t i = 0; charset == CHARSET_LATIN9 && i < COUNT(latin9); i++)
        if (latin9[i][0] == b)
            return latin9[i][1];
    return b;
}

/* ---- UTF-16 ---- */

static uint32_t unit(const char *s, bool little)
{
    uint32_t first = (unsigned char)s[0], second = (unsigned char)s[1];
    return little ? second << 8 | first : first << 8 | second;
}

static void decode_utf16(struct str *out, const char *s, size_t len, bool little)
{
    for (size_t i = 0; i < len; i += 2) {
        uint32_t c = i + 1 < len ? unit(s + i, little) : REPLACEMENT;
        if (c >= 0xD800 && c < 0xDC00 && i + 3 < len) {
            uint32_t low = unit(s + i + 2, little);
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        add_character(out, c >= 0xD800 && c < 0xE000 ? REPLACEMENT : c);
    }
}

bool charset_decode(struct arena *a, const char *encoding, const char *bytes, size_t len, const char **text,
                    size_t *text_len)
{
    enum charset charset = CHARSET_UTF8;
    if (encoding && !charset_called(encoding, &charset))
        return false;
    if (len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        decode_utf8(a, bytes + 3, len - 3, text, text_len);
        return true;
    }
    bool little_mark = len >= 2 && memcmp(bytes, "\xFF\xFE", 2) == 0,
         big_mark = len >= 2 && memcmp(bytes, "\xFE\xFF", 2) == 0;
    if (charset == CHARSET_UTF8) {
        decode_utf8(a, bytes, len, text, text_len);
        return true;
    }
    struct str out = str_new(a);
    if (charset >= CHARSET_UTF16) {
        bool little = charset == CHARSET_UTF16LE || (charset == CHARSET_UTF16 && little_mark);
        size_t mark = little ? little_mark ? 2 : 0 : big_mark ? 2 : 0;
        decode_utf16(&out, bytes + mark, len - mark, little);
    } else {
        for (size_t i = 0; i < len; i++)
            add_character(&out, of_byte(charset, (unsigned char)bytes[i]));
    }
    *text = out.s, *text_len = out.len;
    return true;
}
