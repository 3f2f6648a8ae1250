/* host_gitlab.c - GitLab CI: a dotenv report, and JUnit.
 *
 * artifacts:reports:dotenv allows 5 KB for the whole file, ASCII, one line per variable, no quotes, no comments. The file is
 * output_dir/outputs.env; what does not fit its grammar or its size is left to result.json, named in a warning. Small values
 * go first, so that one large text does not push out the numbers.
 */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/host.h"

enum { FILE_MAX = 5 * 1024 - 1 };

static bool here(struct env env)
{
    return env_is(env, "GITLAB_CI", "true");
}

static bool fits_grammar(const char *value)
{
    for (; *value; value++)
        if (*value < 0x20 || *value > 0x7E || strchr("\"'#\\$`", *value))
            return false;
    return true;
}

static bool publish(struct host_run *h)
{
    struct arena *a = h->cx->arena;
    struct str text = str_new(a);
    const size_t *order = host_by_size(h);

    for (size_t i = 0; i < h->n_values; i++) {
        const struct host_value *v = &h->values[order[i]];
        if (!*v->value || v->type == OUT_JSON)
            continue;
        if (!fits_grammar(v->value))
            host_omit(h, v, "not plain ASCII");
        else if (text.len + strlen(v->name) + strlen(v->value) + 2 > FILE_MAX)
            host_omit(h, v, "over GitLab's 5 KB");
        else
            str_addf(&text, "%s=%s\n", v->name, v->value);
    }
    return file_write_atomic(h->cx, path_join(a, h->config->output_dir, "outputs.env"), text.s, text.len);
}

const struct host host_gitlab = {.name = "gitlab", .here = here, .publish = publish};
