/* host_plain.c - no known host: files for whatever comes next.
 *
 *   output_dir/outputs.env    NAME=value lines that a POSIX shell can source; values in single quotes where needed
 *   output_dir/outputs.json   one object of the same outputs, all values as texts
 */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/json.h"

static void add_shell(struct str *out, const char *value)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+,%=-";
    if (strspn(value, bare) == strlen(value)) {
        str_add(out, value);
        return;
    }
    str_addc(out, '\'');
    for (; *value; value++)
        if (*value == '\'')
            str_add(out, "'\\''");
        else
            str_addc(out, *value);
    str_addc(out, '\'');
}

static bool publish(struct host_run *h)
{
    struct arena *a = h->cx->arena;
    struct str env = str_new(a), json = str_new(a);
    struct json_writer w = json_writer(&json);

    json_object(&w, NULL);
    for (size_t i = 0; i < h->n_values; i++) {
        const struct host_value *v = &h->values[i];
        str_addf(&env, "%s=", v->name);
        add_shell(&env, v->value);
        str_addc(&env, '\n');
        if (v->type == OUT_JSON)
            json_raw(&w, v->name, v->value);
        else
            json_string(&w, v->name, v->value);
    }
    json_end_object(&w);
    str_addc(&json, '\n');
    bool ok = file_write_atomic(h->cx, path_join(a, h->config->output_dir, "outputs.env"), env.s, env.len);
    return file_write_atomic(h->cx, path_join(a, h->config->output_dir, "outputs.json"), json.s, json.len) && ok;
}

const struct host host_plain = {.name = "plain", .publish = publish};
