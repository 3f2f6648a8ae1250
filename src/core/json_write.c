/* json_write.c - the JSON writer; see json.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dbstep/json.h"

static void add_quoted(struct json_writer *w, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;

    str_addc(w->out, '"');
    while (*s) {
        size_t n = text_utf8_sequence((const char *)s);
        if (!n) {
            str_add(w->out, "\xEF\xBF\xBD");
            s++;
            continue;
        }
        if (*s == '"' || *s == '\\')
            str_addf(w->out, "\\%c", *s);
        else if (*s == '\n')
            str_add(w->out, "\\n");
        else if (*s == '\r')
            str_add(w->out, "\\r");
        else if (*s == '\t')
            str_add(w->out, "\\t");
        else if (*s < 0x20 || *s == 0x7F || (w->host_safe && (*s == '#' || *s == '$')))
            str_addf(w->out, "\\u%04x", *s);
        else
            str_addn(w->out, (const char *)s, n);
        s += n;
    }
    str_addc(w->out, '"');
}

static void begin(struct json_writer *w, const char *key)
{
    if (w->need_comma)
        str_addc(w->out, ',');
    if (key) {
        add_quoted(w, key);
        str_addc(w->out, ':');
    }
    w->need_comma = true;
}

struct json_writer json_writer(struct str *out)
{
    return (struct json_writer){.out = out};
}

void json_object(struct json_writer *w, const char *key)
{
    begin(w, key);
    str_addc(w->out, '{');
    w->need_comma = false;
}

void json_end_object(struct json_writer *w)
{
    str_addc(w->out, '}');
    w->need_comma = true;
}

void json_array(struct json_writer *w, const char *key)
{
    begin(w, key);
    str_addc(w->out, '[');
    w->need_comma = false;
}

void json_end_array(struct json_writer *w)
{
    str_addc(w->out, ']');
    w->need_comma = true;
}

void json_string(struct json_writer *w, const char *key, const char *value)
{
    begin(w, key);
    if (value)
        add_quoted(w, value);
    else
        str_add(w->out, "null");
}

void json_int(struct json_writer *w, const char *key, long long value)
{
    begin(w, key);
    str_addf(w->out, "%lld", value);
}

void json_int64_string(struct json_writer *w, const char *key, long long value)
{
    begin(w, key);
    str_addf(w->out, "\"%lld\"", value);
}

void json_double(struct json_writer *w, const char *key, double value)
{
    begin(w, key);
    if (isfinite(value))
        str_addf(w->out, "%.17g", value);
    else
        str_add(w->out, "null");
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
    begin(w, key);
    str_add(w->out, value ? "true" : "false");
}

void json_raw(struct json_writer *w, const char *key, const char *json)
{
    begin(w, key);
    str_add(w->out, json);
}
