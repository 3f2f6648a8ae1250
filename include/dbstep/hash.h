/* hash.h - digests. SHA and MD5 come from OpenSSL; CRC-32C (Castagnoli, as PostgreSQL's manifests use it) and CRC-32 (as
 * zlib and Java's java.util.zip have it) are tables. */
#ifndef DBSTEP_HASH_H
#define DBSTEP_HASH_H

#include <stddef.h>
#include <stdint.h>

enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA224, HASH_SHA256, HASH_SHA384, HASH_SHA512 };
#define HASH_MAX 64      /* bytes of the longest digest */
#define HASH_HEX_MAX 129 /* its hexadecimal text, terminated */

struct hash; /* a running digest */

struct hash *hash_start(enum hash_kind kind);
void hash_add(struct hash *h, const void *data, size_t n);
/* Ends and frees; lower-case hexadecimal into hex (HASH_HEX_MAX bytes). */
void hash_finish_hex(struct hash *h, char *hex);
void hash_discard(struct hash *h); /* NULL is allowed */
void hash_hex(enum hash_kind kind, const void *data, size_t n, char *hex);

uint32_t crc32c(uint32_t crc, const void *data, size_t n);     /* start with 0 */
uint32_t crc32_ieee(uint32_t crc, const void *data, size_t n); /* likewise */

const char *hash_library(void); /* "OpenSSL 3.0.15 3 Sep 2024" */

#endif
