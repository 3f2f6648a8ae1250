/* json_read.c - reading JSON through cJSON; see json.h. The only file that knows cJSON. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/json.h"

static const cJSON *node(const struct json *v)
{
    return (const cJSON *)v;
}

static const struct json *value(const cJSON *v)
{
    return (const struct json *)v;
}

struct json_doc *json_parse(const char *text, size_t len, size_t *error_offset)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, 0);

    /* cJSON stops after the first value; anything but blanks behind it makes the text malformed. */
    if (root) {
        while (end < text + len && strchr(" \t\r\n", *end) && *end)
            end++;
        if (end != text + len) {
            cJSON_Delete(root);
            root = NULL;
        }
    }
    if (!root && error_offset)
        *error_offset = end && end >= text ? (size_t)(end - text) : 0;
    return (struct json_doc *)root;
}

void json_free(struct json_doc *d)
{
    cJSON_Delete((cJSON *)d);
}

const struct json *json_root(const struct json_doc *d)
{
    return (const struct json *)d;
}

const struct json *json_get(const struct json *object, const char *key)
{
    return value(cJSON_GetObjectItemCaseSensitive(node(object), key));
}

bool json_is_object(const struct json *v)
{
    return cJSON_IsObject(node(v));
}

bool json_is_array(const struct json *v)
{
    return cJSON_IsArray(node(v));
}

bool json_is_string(const struct json *v)
{
    return cJSON_IsString(node(v));
}

bool json_is_number(const struct json *v)
{
    return cJSON_IsNumber(node(v));
}

bool json_is_true(const struct json *v)
{
    return cJSON_IsTrue(node(v));
}

bool json_is_bool(const struct json *v)
{
    return cJSON_IsBool(node(v));
}

bool json_is_null(const struct json *v)
{
    return cJSON_IsNull(node(v));
}

const char *json_text(const struct json *v)
{
    return cJSON_GetStringValue(node(v));
}

double json_number(const struct json *v, double fallback)
{
    return cJSON_IsNumber(node(v)) ? node(v)->valuedouble : fallback;
}

bool json_int64(const struct json *v, long long *out)
{
    if (cJSON_IsNumber(node(v))) {
        double d = node(v)->valuedouble;
        if (d < -9007199254740992.0 || d > 9007199254740992.0 || d != (double)(long long)d)
            return false;
        *out = (long long)d;
        return true;
    }
    const char *s = json_text(v);
    if (!s || !*s)
        return false;
    char *end;
    errno = 0;
    *out = strtoll(s, &end, 10);
    return !errno && !*end;
}

const struct json *json_first(const struct json *container)
{
    return container ? value(node(container)->child) : NULL;
}

const struct json *json_next(const struct json *v)
{
    return value(node(v)->next);
}

const char *json_key(const struct json *member)
{
    return node(member)->string;
}

const char *json_get_text(const struct json *object, const char *key, const char *fallback)
{
    const char *s = json_text(json_get(object, key));
    return s ? s : fallback;
}

const char *json_library(void)
{
    static char text[32];
    if (!text[0])
        snprintf(text, sizeof text, "cJSON %s", cJSON_Version());
    return text;
}
