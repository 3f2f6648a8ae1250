/* json.h - JSON in and out.
 *
 * The writer builds minified JSON in a str, in the order it is told; escapes what JSON demands, invalid UTF-8 as U+FFFD.
 * With `host_safe` it also writes "#" and "$" as \u0023 and \u0024, so that the text survives Harness's dotenv parsers.
 * The reader is cJSON behind an opaque type; what it returns lives in the document.
 */
#ifndef DBSTEP_JSON_H
#define DBSTEP_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "dbstep/str.h"

struct json_writer {
    struct str *out;
    bool host_safe;
    bool need_comma;
};

struct json_writer json_writer(struct str *out);
/* key is NULL inside arrays and at the top. */
void json_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);
void json_string(struct json_writer *w, const char *key, const char *value); /* NULL value: null */
void json_int(struct json_writer *w, const char *key, long long value);
/* 64-bit counters as a string: engines that re-encode JSON lose integers above 2^53. */
void json_int64_string(struct json_writer *w, const char *key, long long value);
void json_double(struct json_writer *w, const char *key, double value); /* not finite: null */
void json_bool(struct json_writer *w, const char *key, bool value);
void json_raw(struct json_writer *w, const char *key, const char *json); /* trusted text */

struct json_doc;
struct json; /* a value inside a document */

/* NULL when text is not one JSON value (trailing bytes are an error); *error_offset then says where. */
struct json_doc *json_parse(const char *text, size_t len, size_t *error_offset);
void json_free(struct json_doc *d);
const struct json *json_root(const struct json_doc *d);

const struct json *json_get(const struct json *object, const char *key); /* NULL when absent */
bool json_is_object(const struct json *v);
bool json_is_array(const struct json *v);
bool json_is_string(const struct json *v);
bool json_is_number(const struct json *v);
bool json_is_true(const struct json *v);
bool json_is_bool(const struct json *v);
bool json_is_null(const struct json *v);
const char *json_text(const struct json *v); /* a string's bytes, else NULL */
double json_number(const struct json *v, double fallback);
/* Integer from a number or a string of digits. */
bool json_int64(const struct json *v, long long *out);
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *v);
const char *json_key(const struct json *member);
/* Convenience: text of object[key], or fallback. */
const char *json_get_text(const struct json *object, const char *key, const char *fallback);
const char *json_library(void); /* "cJSON 1.7.15" */

#endif
