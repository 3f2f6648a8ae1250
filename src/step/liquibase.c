/* liquibase.c - from a Liquibase call to a stage and its inputs; see liquibase.h. */
#include "dbstep/liquibase.h"

#include <string.h>

#include "dbstep/jdbc_url.h"
#include "dbstep/json.h"
#include "dbstep/redact.h"
#include "liquibase_internal.h"

/* ---- collecting ---- */

const struct setting *liquibase_setting(const struct collected *k, const char *option)
{
    for (size_t i = 0; i < k->settings.n; i++)
        if (text_equal(k->settings.at[i].option->name, option))
            return &k->settings.at[i];
    return NULL;
}

void liquibase_set(struct collected *k, const struct liquibase_option *o, const char *value, const char *place,
                   enum rank rank)
{
    if (o->kind == OPT_SECRET)
        redact_add(value);
    if (text_equal(o->name, "url"))
        redact_add_conninfo(value);
    if (text_empty(value) || !*o->name)
        return; /* empty means unset; the nameless ones mean nothing */
    for (size_t i = 0; i < k->settings.n; i++) {
        struct setting *s = &k->settings.at[i];
        if (s->option != o)
            continue;
        if (rank >= s->rank)
            *s = (struct setting){o, value, place, rank};
        return;
    }
    *VEC_PUSH(k->a, &k->settings) = (struct setting){o, value, place, rank};
}

void liquibase_set_parameter(struct collected *k, const char *name, const char *value, enum rank rank)
{
    redact_add_named(name, value);
    for (size_t i = 0; i < k->parameters.n; i++) {
        struct parameter_setting *p = &k->parameters.at[i];
        if (!text_equal(p->name, name))
            continue;
        if (rank >= p->rank)
            *p = (struct parameter_setting){name, value, rank};
        return;
    }
    *VEC_PUSH(k->a, &k->parameters) = (struct parameter_setting){name, value, rank};
}

void liquibase_read_environment(struct collected *k, struct env env)
{
    static const char prefix[] = "LIQUIBASE_", command[] = "COMMAND_";

    for (const char *const *v = env.vars; v && *v; v++) {
        const char *eq = strchr(*v, '=');
        if (!eq || !text_starts(*v, prefix))
            continue;
        char *name = arena_strndup(k->a, *v, (size_t)(eq - *v));
        redact_add_named(name, eq + 1);
        const char *rest = name + strlen(prefix);
        enum rank rank = FROM_ENVIRONMENT;
        if (text_starts(rest, command)) {
            rest += strlen(command);
            const char *whole = liquibase_collapse(k->a, rest),
                       *own = k->call->command ? liquibase_collapse(k->a, k->call->command->name) : "";
            const struct liquibase_option *mine =
                *own && text_starts(whole, own) ? liquibase_option_find(k->a, whole + strlen(own)) : NULL;
            if (mine && whole[strlen(own)]) {
                liquibase_set(k, mine, eq + 1, name, FROM_COMMAND_ENVIRONMENT);
                continue;
            }
        }
        const struct liquibase_option *o = liquibase_option_find(k->a, rest);
        if (o)
            liquibase_set(k, o, eq + 1, name, rank);
    }
}

/* ---- arguments ---- */

struct argument {
    const char *name, *value; /* name without hyphens in front; NULL: a bare word, in value */
    const char *raw;
    const char *define; /* of -Dkey=value what follows -D, else NULL */
};

/* The value follows "=" or is the next argument; a flag's next one only if it is true or false. */
static bool next_argument(struct arena *a, int argc, const char *const *argv, int *at, struct argument *out)
{
    if (*at >= argc)
        return false;
    const char *arg = argv[(*at)++];
    *out = (struct argument){.raw = arg};
    if (!text_starts(arg, "--") && !text_starts(arg, "-D")) {
        if (arg[0] == '-' && arg[1])
            out->name = arg + 1;
        else
            out->value = arg;
        return true;
    }
    const char *eq = strchr(arg, '=');
    if (text_starts(arg, "-D")) {
        out->name = out->define = arg + 2;
        return true;
    }
    out->name = eq ? arena_strndup(a, arg + 2, (size_t)(eq - arg - 2)) : arg + 2;
    if (eq) {
        out->value = eq + 1;
        return true;
    }
    const struct liquibase_option *o = liquibase_option_find(a, out->name);
    const char *next = *at < argc ? argv[*at] : NULL;
    bool word = next && (text_equal_nocase(next, "true") || text_equal_nocase(next, "false"));
    if (!o || !next || (o->flag && !word) || (!o->flag && text_starts(next, "--"))) {
        out->value = o && o->flag ? "true" : NULL;
        return true;
    }
    out->value = next;
    ++*at;
    return true;
}

/* The command among the arguments: the first bare word. Its index, or -1. */
static int find_command(struct arena *a, int argc, const char *const *argv)
{
    struct argument arg;
    for (int at = 0; next_argument(a, argc, argv, &at, &arg);)
        if (!arg.name)
            return at - 1;
    return -1;
}

static const char *plugin_command(struct env env)
{
    return env_get(env, "PLUGIN_COMMAND");
}

static bool stage_named(struct env env)
{
    return env_get(env, "DBSTEP_STAGE") || env_get(env, "PLUGIN_STAGE") || env_get(env, "INPUT_STAGE");
}

bool liquibase_asked(struct arena *a, struct env env, int argc, const char *const *argv)
{
    if (!argc)
        return plugin_command(env) && !stage_named(env);
    int at = find_command(a, argc, argv);
    if (at < 0 || stage_find(argv[at]))
        return false;
    /* A word behind an option that only stages have is that option's value. */
    for (int i = 0; i < at; i++)
        if (text_starts(argv[i], "--stage"))
            return false;
    if (at && argv[0][0] != '-')
        return false;
    return liquibase_command_find(a, argv[at]) != NULL;
}

static void take_argument(struct collected *k, const struct argument *arg)
{
    const struct liquibase_command *c = k->call->command;
    const struct liquibase_option *o;
    const char *eq = strchr(arg->raw, '=');

    /* What is refused is shown as it was written: -password=…, a URL where none is taken. */
    if (eq)
        redact_add_named(arena_strndup(k->a, arg->raw, (size_t)(eq - arg->raw)), eq + 1);
    if (!arg->name)
        redact_add_conninfo(arg->raw);
    if (!arg->name) {
        o = c && c->positional ? liquibase_option_find(k->a, c->positional) : NULL;
        if (o && !liquibase_setting(k, o->name))
            liquibase_set(k, o, arg->value, arg->value, FROM_CALL);
        else
            *VEC_PUSH(k->a, &k->unexpected) = arg->raw;
        return;
    }
    if (arg->define) {
        size_t n = strcspn(arg->define, "=");
        if (n && arg->define[n])
            liquibase_set_parameter(k, arena_strndup(k->a, arg->define, n), arg->define + n + 1, FROM_CALL);
        else
            *VEC_PUSH(k->a, &k->unexpected) = arg->raw;
        return;
    }
    o = liquibase_option_find(k->a, arg->name);
    if (o && o->kind == OPT_TAKEN && !liquibase_takes(k->a, c, o->name, NULL)) {
        *VEC_PUSH(k->a, &k->unexpected) = arena_printf(k->a, "--%s", arg->name);
    } else if (o && !arg->value) {
        *VEC_PUSH(k->a, &k->unexpected) = arena_printf(k->a, "--%s without a value", arg->name);
    } else if (o) {
        liquibase_set(k, o, arg->value, arena_printf(k->a, "--%s", arg->name), FROM_CALL);
    } else if (text_starts(arg->raw, "--")) {
        *VEC_PUSH(k->a, &k->call->args) = arg->raw; /* an input of the stage, or unknown: inputs_load() tells */
    } else {
        *VEC_PUSH(k->a, &k->unexpected) = arg->raw;
    }
}

/* An option that is not Liquibase's may have its value in the next argument, which then is a bare word. */
static void read_arguments(struct collected *k, int argc, const char *const *argv, int command)
{
    struct argument arg;
    for (int at = 0; at < argc;) {
        if (at == command) {
            at++;
            continue;
        }
        next_argument(k->a, argc, argv, &at, &arg);
        take_argument(k, &arg);
        bool foreign =
            arg.name && text_starts(arg.raw, "--") && !strchr(arg.raw, '=') && !liquibase_option_find(k->a, arg.name);
        if (foreign && at < argc && at != command && argv[at][0] != '-')
            *VEC_PUSH(k->a, &k->call->args) = argv[at++];
    }
}

/* ---- translating ---- */

static void give(struct collected *k, const char *input, const char *value, const char *place)
{
    for (size_t i = 0; i < k->call->given.list.n; i++)
        if (text_equal(k->call->given.list.at[i].name, input))
            return;
    *VEC_PUSH(k->a, &k->call->given.list) = (struct given_input){input, value, place};
}

static bool give_url(struct collected *k, const struct setting *s)
{
    struct jdbc_url url;
    const char *wrong = jdbc_url_read(k->a, s->value, &url);

    if (wrong)
        return fail(k->cx, E_INPUT, "the URL (%s) %s", s->place, wrong);
    give(k, "db_url", url.uri, s->place);
    const struct setting *user = liquibase_setting(k, "username");
    k->call->database = arena_printf(k->a, "%s%s%s", user ? user->value : "", user ? "@" : "", url.plain);
    for (size_t i = 0; url.rootcert && i < k->call->given.list.n; i++)
        if (text_equal(k->call->given.list.at[i].name, "db_sslrootcert"))
            k->call->given.list.at[i].value = ""; /* what the URL names beats what is mounted */
    if (url.password && s->rank == FROM_CALL && text_starts(s->place, "--"))
        *VEC_PUSH(k->a, &k->call->warnings) =
            "the URL holds a password, and arguments are shown in process lists; give it as LIQUIBASE_COMMAND_PASSWORD";
    if (!url.says_tls && !url.local)
        *VEC_PUSH(k->a, &k->call->warnings) =
            "the URL says nothing of TLS, so the JDBC driver's default holds: encrypted if the server offers it, and anybody "
            "may be the server; add sslmode=verify-full";
    if (url.ignored.n) {
        struct str names = str_new(k->a);
        for (size_t i = 0; i < url.ignored.n; i++)
            str_addf(&names, "%s%s", i ? ", " : "", url.ignored.at[i]);
        *VEC_PUSH(k->a, &k->call->warnings) =
            arena_printf(k->a, "the URL's parameters for the JDBC driver have no meaning here: %s", names.s);
    }
    return true;
}

static bool give_log_level(struct collected *k, const struct setting *s)
{
    static const char *const levels[][2] = {
        {"OFF", "error"},    {"SEVERE", "error"}, {"WARNING", "warning"}, {"INFO", "info"},   {"FINE", "debug"},
        {"ALL", "debug"},    {"DEBUG", "debug"},  {"ERROR", "error"},     {"CONFIG", "info"}, {"FINER", "debug"},
        {"FINEST", "debug"}, {"TRACE", "debug"},  {"WARN", "warning"}};
    for (size_t i = 0; i < COUNT(levels); i++)
        if (text_equal_nocase(s->value, levels[i][0])) {
            give(k, "log_level", levels[i][1], s->place);
            return true;
        }
    return fail(k->cx, E_INPUT, "the log level '%s' (%s) is none of OFF, SEVERE, WARNING, INFO and FINE", s->value,
                s->place);
}

/* Folders of the class path are searched as well; archives hold nothing for a program without a JVM. */
static void give_classpath(struct collected *k, const struct setting *s)
{
    struct str folders = str_new(k->a);
    for (const char *p = s->value; *p;) {
        size_t n = strcspn(p, ":;,");
        const char *one = arena_strndup(k->a, p, n);
        if (*one && !text_ends(one, ".jar") && !text_ends(one, ".zip"))
            str_addf(&folders, "%s%s", folders.len ? "," : "", one);
        p += n + (p[n] != '\0');
    }
    if (folders.len && !liquibase_setting(k, "search-path"))
        give(k, "search_path", arena_printf(k->a, ".,%s", folders.s), s->place);
}

static bool give_own(struct collected *k, const struct setting *s)
{
    const char *name = s->option->name;

    if (text_equal(name, "url"))
        return give_url(k, s);
    if (text_equal(name, "log-level"))
        return give_log_level(k, s);
    if (text_equal(name, "log-format"))
        give(k, "log_format", text_starts_nocase(s->value, "json") ? "json" : "text", s->place);
    else if (text_equal(name, "changelog-lock-wait-time-in-minutes"))
        give(k, "lock_wait", arena_printf(k->a, "%sm", s->value), s->place);
    else if (text_equal(name, "classpath"))
        give_classpath(k, s);
    else if (text_equal(name, "output-file"))
        k->call->output_file = s->value;
    else if (text_equal(name, "file-encoding") && !text_equal_nocase(s->value, "UTF-8") &&
             !text_equal_nocase(s->value, "UTF8"))
        return fail(k->cx, E_INPUT, "the file encoding '%s' (%s) is not supported: changelogs are read as UTF-8",
                    s->value, s->place);
    else if (text_equal(name, "should-run") && text_equal_nocase(s->value, "false"))
        return fail(k->cx, E_INPUT, "should-run is false (%s): leave the step out of the pipeline instead", s->place);
    return true;
}

static bool give_setting(struct collected *k, const struct setting *s)
{
    const char *input;

    switch (s->option->kind) {
    case OPT_INPUT:
        if (k->call->command->no_changelog && text_equal(s->option->name, "changelog-file"))
            return true;
        give(k, s->option->input, s->value, s->place);
        return true;
    case OPT_SECRET: give(k, s->option->input, s->value, s->place); return true;
    case OPT_OWN: return give_own(k, s);
    case OPT_TAKEN:
        input = liquibase_takes(k->a, k->call->command, s->option->name, NULL);
        if (input && *input)
            give(k, input, s->value, s->place);
        if (text_equal(s->option->name, "tag"))
            k->call->tag = s->value;
        if (text_equal(s->option->name, "verbose"))
            k->call->verbose = !text_equal_nocase(s->value, "false");
        return true;
    case OPT_IGNORED: return true;
    case OPT_TOLD:
        *VEC_PUSH(k->a, &k->call->warnings) =
            arena_printf(k->a, "%s (%s) is ignored: %s", s->option->name, s->place, s->option->note);
        return true;
    case OPT_REFUSED:
        if (text_equal_nocase(s->value, "false"))
            return true;
        return fail(k->cx, E_INPUT, "%s (%s) is not supported: %s", s->option->name, s->place, s->option->note);
    }
    return true;
}

static void give_parameters(struct collected *k)
{
    struct str json = str_new(k->a);
    struct json_writer w = json_writer(&json);

    if (!k->parameters.n)
        return;
    json_array(&w, NULL); /* values may hold commas and line breaks */
    for (size_t i = 0; i < k->parameters.n; i++)
        json_string(&w, NULL, arena_printf(k->a, "%s=%s", k->parameters.at[i].name, k->parameters.at[i].value));
    json_end_array(&w);
    give(k, "parameters", json.s, "changelog parameters");
}

static bool check_required(struct collected *k)
{
    const struct liquibase_command *c = k->call->command;
    for (size_t i = 0; i < COUNT(c->takes) && c->takes[i]; i++) {
        bool required;
        const char *option = arena_strndup(k->a, c->takes[i], strcspn(c->takes[i], ">"));
        liquibase_takes(k->a, c, option, &required);
        if (required && !liquibase_setting(k, option))
            return fail(k->cx, E_INPUT, "%s needs --%s", c->name, option);
    }
    return true;
}

static bool unexpected(struct collected *k)
{
    struct str all = str_new(k->a);
    for (size_t i = 0; i < k->unexpected.n; i++)
        str_addf(&all, "%s%s", i ? ", " : "", k->unexpected.at[i]);
    fail(k->cx, E_INPUT, "Unexpected argument(s): %s", redact_text(k->a, all.s));
    err_hint(k->cx, "`dbstep help %s` lists what it takes", k->call->command->name);
    return false;
}

const char *liquibase_nearest(const char *word)
{
    const char *names[128];
    size_t n = 0;
    for (; n < n_liquibase_commands && n < COUNT(names); n++)
        names[n] = liquibase_commands[n].name;
    return text_nearest(word, names, n);
}

static bool unknown_command(struct collected *k, const char *name)
{
    const char *near = liquibase_nearest(name);
    fail(k->cx, E_INPUT, "'%s' is not a command of Liquibase", name);
    err_hint(k->cx, near ? "did you mean %s?" : "`dbstep help liquibase` lists them%s", near ? near : "");
    return false;
}

static bool choose_command(struct collected *k, const char *name)
{
    const struct liquibase_command *c = liquibase_command_find(k->a, name);

    if (!c)
        return unknown_command(k, name);
    k->call->command = c;
    if (!c->stage) {
        fail(k->cx, E_INPUT, "Liquibase's command %s is not supported", c->name);
        err_hint(k->cx, "%s", c->instead);
        return false;
    }
    const char *fault = liquibase_command_fault(k->a, c);
    if (fault)
        return fail(k->cx, E_INTERNAL, "Liquibase's command %s cannot be translated: %s", c->name, fault);
    k->call->stage = c->stage;
    *VEC_PUSH(k->a, &k->call->args) = c->stage;
    for (size_t i = 0; i < COUNT(c->fixed) && c->fixed[i]; i++) {
        size_t n = strcspn(c->fixed[i], "=");
        give(k, arena_strndup(k->a, c->fixed[i], n), c->fixed[i] + n + 1, c->name);
    }
    return true;
}

bool liquibase_translate(struct ctx *cx, struct env env, int argc, const char *const *argv, struct liquibase_call *call)
{
    struct collected k = {.cx = cx, .a = cx->arena, .call = call};
    int at = find_command(k.a, argc, argv);
    const char *name = at >= 0 ? argv[at] : plugin_command(env);

    *call = (struct liquibase_call){.database = "the database"};
    /* Every secret first, whatever is wrong with the rest. */
    bool known = choose_command(&k, text_trim(k.a, name ? name : ""));
    if (!argc && !liquibase_read_plugin(&k, env))
        known = false;
    read_arguments(&k, argc, argv, at);
    liquibase_read_environment(&k, env);
    if (!known || !liquibase_read_defaults(&k))
        return false;
    if (k.unexpected.n)
        return unexpected(&k);
    if (!check_required(&k))
        return false;
    for (size_t i = 0; i < k.settings.n; i++)
        if (!give_setting(&k, &k.settings.at[i]))
            return false;
    give_parameters(&k);
    return true;
}

/* ---- around the run ---- */

bool liquibase_scrub(struct arena *a, int argc, char **argv)
{
    bool found = false;
    for (int i = 0; i < argc; i++) {
        char *arg = argv[i], *eq = arg ? strchr(arg, '=') : NULL;
        char *value = eq ? eq + 1 : i + 1 < argc ? argv[i + 1] : NULL;
        if (!arg || !value || !text_starts(arg, "--"))
            continue;
        char *name = eq ? arena_strndup(a, arg + 2, (size_t)(eq - arg - 2)) : arg + 2;
        const struct liquibase_option *o = liquibase_option_find(a, name);
        bool url = o && text_equal(o->name, "url") && (strcasestr(value, "password=") || strchr(value, '@'));
        if ((!o || o->kind != OPT_SECRET) && !url)
            continue;
        memset(value, '*', strlen(value));
        found |= !url;
    }
    return found;
}

int liquibase_exit_status(int status)
{
    return status != 0;
}
