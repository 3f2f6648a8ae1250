/* hash.c - digests; see hash.h. */
#include "dbstep/hash.h"

/* MD5 and SHA-1 by their own functions: EVP would load providers and a configuration file first, which takes longer than a deploy's checksums. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

struct hash {
    enum hash_kind kind;
    EVP_MD_CTX *evp; /* NULL: MD5 or SHA-1 */
    MD5_CTX md5;
    SHA_CTX sha1;
};

static const EVP_MD *method(enum hash_kind kind)
{
    switch (kind) {
    case HASH_MD5:
    case HASH_SHA1: return NULL;
    case HASH_SHA224: return EVP_sha224();
    case HASH_SHA256: return EVP_sha256();
    case HASH_SHA384: return EVP_sha384();
    case HASH_SHA512: return EVP_sha512();
    }
    return EVP_sha256();
}

struct hash *hash_start(enum hash_kind kind)
{
    struct hash *h = malloc(sizeof *h);
    if (!h)
        abort();
    h->evp = NULL;
    h->kind = kind;
    if (kind == HASH_MD5)
        MD5_Init(&h->md5);
    else if (kind == HASH_SHA1)
        SHA1_Init(&h->sha1);
    else if (!(h->evp = EVP_MD_CTX_new()) || EVP_DigestInit_ex(h->evp, method(kind), NULL) != 1)
        abort(); /* out of memory, or an OpenSSL without SHA-2: nothing could be proven */
    return h;
}

void hash_add(struct hash *h, const void *data, size_t n)
{
    if (h->evp)
        EVP_DigestUpdate(h->evp, data, n);
    else if (h->kind == HASH_SHA1)
        SHA1_Update(&h->sha1, data, n);
    else
        MD5_Update(&h->md5, data, n);
}

void hash_finish_hex(struct hash *h, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = h->kind == HASH_SHA1 ? SHA_DIGEST_LENGTH : MD5_DIGEST_LENGTH;

    if (h->evp)
        EVP_DigestFinal_ex(h->evp, raw, &n);
    else if (h->kind == HASH_SHA1)
        SHA1_Final(raw, &h->sha1);
    else
        MD5_Final(raw, &h->md5);
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * n] = '\0';
    hash_discard(h);
}

void hash_discard(struct hash *h)
{
    if (h)
        EVP_MD_CTX_free(h->evp);
    free(h);
}

void hash_hex(enum hash_kind kind, const void *data, size_t n, char *hex)
{
    struct hash *h = hash_start(kind);
    hash_add(h, data, n);
    hash_finish_hex(h, hex);
}

const char *hash_library(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* Slicing by eight: eight tables derived from a reflected polynomial on first use. */
struct crc_tables {
    uint32_t polynomial, at[8][256];
};

static void make_tables(struct crc_tables *t)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? (c >> 1) ^ t->polynomial : c >> 1;
        t->at[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int n = 1; n < 8; n++)
            t->at[n][i] = (t->at[n - 1][i] >> 8) ^ t->at[0][t->at[n - 1][i] & 255];
}

static uint32_t crc_add(struct crc_tables *t, uint32_t crc, const unsigned char *p, size_t n)
{
    if (!t->at[0][1])
        make_tables(t);
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = t->at[7][low & 255] ^ t->at[6][low >> 8 & 255] ^ t->at[5][low >> 16 & 255] ^ t->at[4][low >> 24] ^
              t->at[3][p[4]] ^ t->at[2][p[5]] ^ t->at[1][p[6]] ^ t->at[0][p[7]];
    }
    for (; n; n--, p++)
        crc = (crc >> 8) ^ t->at[0][(crc ^ *p) & 255];
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
    static struct crc_tables castagnoli = {.polynomial = 0x82F63B78u};
    return crc_add(&castagnoli, crc, data, n);
}

uint32_t crc32_ieee(uint32_t crc, const void *data, size_t n)
{
    static struct crc_tables ieee = {.polynomial = 0xEDB88320u};
    return crc_add(&ieee, crc, data, n);
}
