/* unicode.c - normal forms by libpgcommon; see unicode.h. */
#include "dbstep/unicode.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/str.h"

/* common/unicode_norm.h, which comes with the server's headers only. The form is an enum there; the result is malloc'ed, NULL: no memory. */
uint32_t *unicode_normalize(int form, const uint32_t *input);
enum { UNICODE_NFC = 0 };

static uint32_t code_point(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = u[0] & lead[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (u[i] & 0x3f);
    return c;
}

static void add_code_point(struct str *s, uint32_t c)
{
    if (c < 0x80) {
        str_addc(s, (char)c);
    } else if (c < 0x800) {
        str_addc(s, (char)(0xc0 | c >> 6));
        str_addc(s, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        str_addc(s, (char)(0xe0 | c >> 12));
        str_addc(s, (char)(0x80 | (c >> 6 & 0x3f)));
        str_addc(s, (char)(0x80 | (c & 0x3f)));
    } else {
        str_addc(s, (char)(0xf0 | c >> 18));
        str_addc(s, (char)(0x80 | (c >> 12 & 0x3f)));
        str_addc(s, (char)(0x80 | (c >> 6 & 0x3f)));
        str_addc(s, (char)(0x80 | (c & 0x3f)));
    }
}

const char *unicode_nfc(struct arena *a, const char *text)
{
    size_t n = strlen(text), points = 0;
    bool ascii = true;

    for (size_t i = 0; i < n && ascii; i++)
        ascii = (unsigned char)text[i] < 0x80;
    if (ascii)
        return text;
    uint32_t *in = arena_array(a, n + 1, sizeof *in);
    for (const char *p = text; *p;) {
        size_t bytes = text_utf8_sequence(p);
        if (!bytes)
            return text;
        in[points++] = code_point(p, bytes);
        p += bytes;
    }
    in[points] = 0;
    uint32_t *out = unicode_normalize(UNICODE_NFC, in);
    if (!out)
        return text;
    struct str s = str_new(a);
    for (const uint32_t *p = out; *p; p++)
        add_code_point(&s, *p);
    free(out);
    return s.s;
}
