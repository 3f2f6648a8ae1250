/* liquibase_properties.c - liquibase.properties: what its keys mean. */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/java_properties.h"
#include "dbstep/redact.h"
#include "liquibase_internal.h"

enum { PROPERTIES_MAX = 4 << 20 };

static void take(struct collected *k, const struct java_property *p, const char *file, enum rank rank)
{
    static const char parameter[] = "parameter.", prefix[] = "liquibase.", command[] = "command.";
    const char *key = p->key, *place = arena_printf(k->a, "%s, line %d", file, p->line);
    const struct liquibase_option *o;

    if (text_starts(key, parameter)) {
        liquibase_set_parameter(k, key + strlen(parameter), p->value, rank);
        return;
    }
    if (text_starts_nocase(key, prefix))
        key += strlen(prefix);
    if (text_starts_nocase(key, command)) {
        key += strlen(command);
        const char *dot = strchr(key, '.');
        if (dot) { /* for one command alone */
            const struct liquibase_command *c =
                liquibase_command_find(k->a, arena_strndup(k->a, key, (size_t)(dot - key)));
            if (c != k->call->command)
                return;
            key = dot + 1;
        }
    }
    o = liquibase_option_find(k->a, key);
    if (o)
        liquibase_set(k, o, p->value, place, rank);
    else
        *VEC_PUSH(k->a, &k->call->warnings) = arena_printf(k->a, "%s: '%s' is not known and ignored", place, p->key);
}

static bool read_file(struct collected *k, const char *file, enum rank rank)
{
    struct java_property_list all;
    char *text;
    size_t n;

    if (!file_read(k->cx, file, PROPERTIES_MAX, &text, &n)) {
        err_hint(k->cx, "--defaults-file names it");
        return false;
    }
    int line = java_properties_read(k->a, text, &all);
    for (size_t i = 0; i < all.list.n; i++)
        redact_add_named(all.list.at[i].key, all.list.at[i].value);
    if (line)
        return fail(k->cx, E_INPUT, "%s, line %d: a \\u must be followed by four hexadecimal digits of a character",
                    file, line);
    for (size_t i = 0; i < all.list.n; i++)
        take(k, &all.list.at[i], file, rank);
    return true;
}

bool liquibase_read_defaults(struct collected *k)
{
    const struct setting *named = liquibase_setting(k, "defaults-file");
    const char *file = named ? named->value : "liquibase.properties";
    const char *base = path_base(file), *dot = strrchr(base, '.');
    size_t stem = dot ? (size_t)(dot - file) : strlen(file);
    const char *local = arena_printf(k->a, "%.*s.local%s", (int)stem, file, dot ? dot : "");

    if (file_exists(local) && !read_file(k, local, FROM_LOCAL_FILE))
        return false;
    return (!named && !file_exists(file)) || read_file(k, file, FROM_FILE);
}
