/* liquibase_plugin.c - the environment of the image that Harness Database DevOps runs.
 *
 * PLUGIN_COMMAND is Liquibase's command. PLUGIN_LIQUIBASE_FOO_BAR is --foo-bar, global or of the command. PLUGIN_SUBSTITUTE_LIQUIBASE
 * is a JSON object of changelog parameters, compressed with Zstandard, as base64. Certificates are mounted in
 * /etc/ssl/certs/dbops: root_ca.crt, client.crt, client.key.
 */
#include <string.h>

#include "dbstep/base64.h"
#include "dbstep/files.h"
#include "dbstep/json.h"
#include "dbstep/redact.h"
#include "dbstep/zstd.h"
#include "liquibase_internal.h"

enum { SUBSTITUTE_MAX = 16 << 20 };

#define CERTIFICATES "/etc/ssl/certs/dbops/"

static const char *value_text(struct arena *a, const struct json *v)
{
    long long n;
    if (json_is_string(v))
        return json_text(v);
    if (json_is_bool(v))
        return json_is_true(v) ? "true" : "false";
    if (json_is_null(v))
        return "null";
    if (json_is_number(v))
        return json_int64(v, &n) ? arena_printf(a, "%lld", n) : arena_printf(a, "%.17g", json_number(v, 0));
    return NULL;
}

static bool take_object(struct collected *k, const struct json *object, const char *name)
{
    if (!json_is_object(object))
        return fail(k->cx, E_INPUT, "%s holds no JSON object", name);
    for (const struct json *v = json_first(object); v; v = json_next(v)) {
        const char *value = value_text(k->a, v);
        if (!value)
            return fail(k->cx, E_INPUT, "%s: the parameter '%s' is neither text nor number nor boolean", name,
                        json_key(v));
        liquibase_set_parameter(k, arena_strdup(k->a, json_key(v)), arena_strdup(k->a, value), FROM_CALL);
    }
    return true;
}

/* Line breaks in the base64 are allowed, as its decoders have it. */
static bool substitute(struct collected *k, struct env env)
{
    static const char name[] = "PLUGIN_SUBSTITUTE_LIQUIBASE";
    const char *text = env_get(env, name);
    struct str packed = str_new(k->a);
    unsigned char *data;
    char *content;
    size_t n, len, at;

    if (!text)
        return true;
    for (; *text; text++)
        if (!strchr(" \t\r\n", *text))
            str_addc(&packed, *text);
    if (!base64_read(k->a, packed.s, &data, &n))
        return fail(k->cx, E_INPUT, "%s is not base64", name);
    if (!zstd_read(k->cx, name, data, n, SUBSTITUTE_MAX, &content, &len))
        return false;
    struct json_doc *doc = json_parse(content, len, &at);
    if (!doc)
        return fail(k->cx, E_INPUT, "%s holds no JSON (at byte %zu of the decompressed text)", name, at);
    bool ok = take_object(k, json_root(doc), name);
    json_free(doc);
    return ok;
}

/* Logins that need a library or a service which the program does not have. */
static bool refuse_logins(struct collected *k, struct env env)
{
    bool ok = true;
    for (const char *const *v = env.vars; v && *v; v++) {
        const char *eq = strchr(*v, '=');
        if (!eq || !eq[1])
            continue;
        bool kerberos = text_starts(*v, "PLUGIN_KERBEROS_");
        if (!kerberos && !text_starts(*v, "PLUGIN_JSON_KEY="))
            continue;
        if (kerberos ? strstr(*v, "PASSWORD") != NULL : true)
            redact_add(eq + 1);
        const char *name = arena_strndup(k->a, *v, (size_t)(eq - *v));
        ok = fail(k->cx, E_INPUT,
                  kerberos ? "%s is set, and Kerberos is not supported"
                           : "%s is set, and logging in with a Google service account is not supported",
                  name);
        err_hint(k->cx, kerberos ? "log in with a password or a client certificate"
                                 : "let the Cloud SQL proxy listen on a port, or log in with a password");
    }
    return ok;
}

static void certificate(struct collected *k, const char *input, const char *path)
{
    if (file_exists(path))
        *VEC_PUSH(k->a, &k->call->given.list) = (struct given_input){input, path, path};
}

bool liquibase_read_plugin(struct collected *k, struct env env)
{
    static const char prefix[] = "PLUGIN_LIQUIBASE_";

    for (const char *const *v = env.vars; v && *v; v++) {
        const char *eq = strchr(*v, '=');
        if (!eq || !text_starts(*v, prefix))
            continue;
        const char *place = arena_strndup(k->a, *v, (size_t)(eq - *v)), *name = place + strlen(prefix);
        redact_add_named(name, eq + 1);
        const struct liquibase_option *o = liquibase_option_find(k->a, name);
        bool taken = o && (o->kind != OPT_TAKEN || liquibase_takes(k->a, k->call->command, o->name, NULL));
        if (taken)
            liquibase_set(k, o, eq + 1, place, FROM_CALL);
        else if (eq[1])
            *VEC_PUSH(k->a, &k->call->warnings) =
                arena_printf(k->a, o ? "%s is ignored: %s does not take it" : "%s is not known and ignored", place,
                             k->call->command ? k->call->command->name : "this command");
    }
    if (!refuse_logins(k, env) || !substitute(k, env))
        return false;
    certificate(k, "db_sslrootcert", CERTIFICATES "root_ca.crt");
    if (file_exists(CERTIFICATES "client.key")) {
        certificate(k, "db_sslcert", CERTIFICATES "client.crt");
        if (file_exists(CERTIFICATES "client.crt"))
            certificate(k, "db_sslkey", CERTIFICATES "client.key");
    }
    return true;
}
