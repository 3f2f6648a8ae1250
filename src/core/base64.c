/* base64.c - see base64.h. */
#include "dbstep/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_text(struct arena *a, const void *data, size_t n)
{
    const unsigned char *s = data;
    char *out = arena_alloc(a, (n + 2) / 3 * 4 + 1), *p = out;

    for (; n; s += n < 3 ? n : 3, n -= n < 3 ? n : 3) {
        unsigned v = (unsigned)s[0] << 16 | (n > 1 ? (unsigned)s[1] << 8 : 0) | (n > 2 ? s[2] : 0);
        *p++ = digits[v >> 18];
        *p++ = digits[v >> 12 & 63];
        *p++ = n > 1 ? digits[v >> 6 & 63] : '=';
        *p++ = n > 2 ? digits[v & 63] : '=';
    }
    return out;
}

bool base64_read(struct arena *a, const char *text, unsigned char **data, size_t *n)
{
    size_t len = strlen(text), used = 0;
    unsigned char *out = arena_alloc(a, len / 4 * 3 + 1);
    uint32_t bits = 0;
    int have = 0;

    if (len % 4)
        return false;
    for (int padding = 0; padding < 2 && len && text[len - 1] == '='; padding++)
        len--;
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(digits, text[i]);
        if (!at)
            return false;
        bits = bits << 6 | (uint32_t)(at - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[used++] = (unsigned char)(bits >> have);
        }
    }
    *data = out;
    *n = used;
    return true;
}
