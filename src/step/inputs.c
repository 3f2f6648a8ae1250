/* inputs.c - finding every input's text, and reporting every problem; see inputs.h. */
#include "dbstep/inputs.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "dbstep/files.h"
#include "dbstep/liquibase.h"
#include "dbstep/log.h"
#include "dbstep/redact.h"
#include "dbstep/str.h"

enum { SECRET_FILE_MAX = 1 << 20, SHOWN_MAX = 80 };

static const char *const prefixes[] = {"DBSTEP_", "PLUGIN_", "INPUT_"};

struct arg {
    const char *name, *value; /* snake_case */
};

struct loader {
    struct ctx *cx;
    struct arena *a;
    struct env env;
    struct inputs *in;
    const struct given_inputs *given; /* NULL: none */
    VEC(struct arg) args;
};

/* A text found for an input, and what to call the place in a message. */
struct found {
    const char *text, *place;
};

struct env env_process(void)
{
    return (struct env){.vars = (const char *const *)environ};
}

const char *env_get(struct env env, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *v = env.vars; v && *v; v++)
        if (strncmp(*v, name, n) == 0 && (*v)[n] == '=')
            return (*v)[n + 1] ? *v + n + 1 : NULL;
    return NULL;
}

bool env_is(struct env env, const char *name, const char *value)
{
    const char *have = env_get(env, name);
    return have && text_equal(have, value);
}

/* A variable's value when its name is prefix, input's name in capitals and suffix; "-" and "_" are the same. */
static const char *match(const char *var, const char *prefix, const char *input, const char *suffix)
{
    size_t n = strlen(prefix);
    if (strncmp(var, prefix, n) != 0)
        return NULL;
    for (var += n; *input; input++, var++)
        if (*var != toupper((unsigned char)*input) && !(*input == '_' && *var == '-'))
            return NULL;
    for (; *suffix; suffix++, var++)
        if (*var != *suffix && !(*suffix == '_' && *var == '-'))
            return NULL;
    return *var == '=' && var[1] ? var + 1 : NULL;
}

static struct found find_variable(struct loader *l, const char *prefix, const char *input, const char *suffix)
{
    char *plain = arena_printf(l->a, "%s%s%s", prefix, text_upper(l->a, input), suffix);
    const char *value = env_get(l->env, plain);
    if (value)
        return (struct found){value, plain};
    for (const char *const *v = l->env.vars; v && *v; v++)
        if ((value = match(*v, prefix, input, suffix)))
            return (struct found){value, arena_strndup(l->a, *v, strcspn(*v, "="))};
    return (struct found){0};
}

static void problem(struct loader *l, const char *text)
{
    *VEC_PUSH(l->a, &l->in->problems) = text;
}

#define PROBLEM(l, ...) problem(l, arena_printf((l)->a, __VA_ARGS__))

static const char *option_name(struct loader *l, const char *input)
{
    return arena_printf(l->a, "--%s", text_replace(l->a, input, "_", "-"));
}

/* ---- secrets ---- */

/* A connection string's password is the secret in it; the whole string is hidden as well. */
static void register_secret(const char *text)
{
    redact_add_conninfo(text);
    redact_add(text);
}

static bool read_secret_file(struct loader *l, const char *path, const char **text)
{
    struct ctx own = {.arena = l->a};
    char *content;
    size_t n;

    if (!file_read(&own, path, SECRET_FILE_MAX, &content, &n)) {
        *text = arena_strdup(l->a, own.err.message);
        return false;
    }
    if (strlen(content) != n) {
        *text = arena_printf(l->a, "file '%s' holds a zero byte", path);
        return false;
    }
    if (n && content[n - 1] == '\n')
        content[--n] = '\0';
    if (n && content[n - 1] == '\r')
        content[--n] = '\0';
    register_secret(content);
    *text = content;
    return true;
}

/* Whatever the environment holds under the name of any stage's secret must never be shown, used or not. */
static void register_secrets(struct loader *l, const struct input_spec *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].flags & IN_SECRET)
            for (size_t p = 0; p < COUNT(prefixes); p++)
                for (const char *const *v = l->env.vars; v && *v; v++) {
                    const char *value = match(*v, prefixes[p], rows[i].name, "");
                    if (value)
                        register_secret(value);
                }
}

/* ---- looking up one input ---- */

static const char *argument(struct loader *l, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < l->args.n; i++)
        if (text_equal(l->args.at[i].name, name) && *l->args.at[i].value)
            value = l->args.at[i].value;
    return value;
}

/* True when the input is settled: found, or wrong and reported. */
static bool take(struct loader *l, const struct input_spec *row, struct found plain, struct found file,
                 struct found *out)
{
    if (plain.text && file.text) {
        PROBLEM(l, "%s: both %s and %s are set; keep one", row->name, plain.place, file.place);
        return true;
    }
    if (file.text) {
        const char *text;
        if (!read_secret_file(l, file.text, &text)) {
            PROBLEM(l, "%s (%s): %s", row->name, file.place, text);
            return true;
        }
        if (text_empty(text))
            PROBLEM(l, "%s (%s): file '%s' is empty", row->name, file.place, file.text);
        else
            *out = (struct found){text, file.place};
        return true;
    }
    *out = plain;
    return plain.text != NULL;
}

static const struct given_input *find_given(const struct loader *l, const char *name)
{
    for (size_t i = 0; l->given && i < l->given->list.n; i++)
        if (text_equal(l->given->list.at[i].name, name) && !text_empty(l->given->list.at[i].value))
            return &l->given->list.at[i];
    return NULL;
}

/* False when the input is wrong already at the place where it was found. */
static bool find_input(struct loader *l, const struct input_spec *row, struct found *out)
{
    bool secret = row->flags & IN_SECRET;
    size_t before = l->in->problems.n;
    struct found plain = {0}, file = {0};

    *out = plain;
    if (!secret)
        plain = (struct found){argument(l, row->name), option_name(l, row->name)};
    else
        file = (struct found){argument(l, arena_printf(l->a, "%s_file", row->name)),
                              arena_printf(l->a, "%s-file", option_name(l, row->name))};
    if (take(l, row, plain, file, out))
        return l->in->problems.n == before;
    const struct given_input *translated = find_given(l, row->name);
    if (translated) {
        *out = (struct found){translated->value, translated->place};
        return true;
    }
    for (size_t p = 0; p < COUNT(prefixes); p++) {
        plain = find_variable(l, prefixes[p], row->name, "");
        file = secret ? find_variable(l, prefixes[p], row->name, "_FILE") : (struct found){0};
        if (take(l, row, plain, file, out))
            break;
    }
    if (secret && !text_empty(out->text) && text_ends(out->text, "\n"))
        *VEC_PUSH(l->a, &l->in->warnings) = arena_printf(
            l->a, "%s (%s) ends with a line break, which is taken as part of the secret", row->name, out->place);
    return l->in->problems.n == before;
}

static const char *shown(struct loader *l, const char *text)
{
    size_t n = strlen(text), cut = text_utf8_prefix(text, n, SHOWN_MAX);
    const char *clean = redact_text(l->a, text);
    if (clean != text || cut == n)
        return clean;
    return arena_printf(l->a, "%.*s…", (int)cut, text);
}

static void load_rows(struct loader *l, const struct input_spec *rows, size_t n, void *config)
{
    for (size_t i = 0; i < n; i++) {
        const struct input_spec *row = &rows[i];
        char *field = (char *)config + row->offset;
        struct found found;
        bool well = find_input(l, row, &found);

        if (found.text) {
            const char *wrong = input_parse(l->a, row, found.text, field);
            if (!wrong)
                continue;
            if (row->flags & IN_SECRET)
                PROBLEM(l, "%s (%s): the value %s", row->name, found.place, wrong);
            else
                PROBLEM(l, "%s (%s): '%s' %s", row->name, found.place, shown(l, found.text), wrong);
        } else if (well && row->flags & IN_REQUIRED) {
            char *capitals = text_upper(l->a, row->name);
            if (row->flags & IN_SECRET)
                PROBLEM(l, "%s is required: set DBSTEP_%s, DBSTEP_%s_FILE, PLUGIN_%s or INPUT_%s", row->name, capitals,
                        capitals, capitals, capitals);
            else
                PROBLEM(l, "%s is required: set %s, DBSTEP_%s, PLUGIN_%s or INPUT_%s", row->name,
                        option_name(l, row->name), capitals, capitals, capitals);
        }
        if (row->def) {
            const char *wrong = input_parse(l->a, row, row->def, field);
            if (wrong && !found.text)
                PROBLEM(l, "%s: the default '%s' %s", row->name, row->def, wrong);
        }
    }
}

/* ---- names ---- */

/* Names of every input of every stage; of secrets also name_file. */
static void add_names(struct loader *l, const struct input_spec *rows, size_t n, bool arguments, struct str_list *names)
{
    for (size_t i = 0; i < n; i++) {
        bool secret = rows[i].flags & IN_SECRET;
        if (!secret || !arguments)
            *VEC_PUSH(l->a, names) = rows[i].name;
        if (secret)
            *VEC_PUSH(l->a, names) = arena_printf(l->a, "%s_file", rows[i].name);
    }
}

static bool has(const struct str_list *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (text_equal(names->at[i], name))
            return true;
    return false;
}

/* Variables under our prefixes that belong to somebody else. Kubernetes describes a Service called "dbstep" to every pod of its
 * namespace as DBSTEP_SERVICE_HOST, DBSTEP_PORT_5432_TCP and so on; Harness sets a few PLUGIN_ variables of its own. */
static bool foreign(const char *name, const char *value)
{
    static const char *const exact[] = {"PLUGIN_PIPELINE", "PLUGIN_ARTIFACT_FILE", "PLUGIN_METADATA_FILE",
                                        "PLUGIN_BUILD_TOOL_FILE"};
    for (size_t i = 0; i < COUNT(exact); i++)
        if (text_equal(name, exact[i]))
            return true;
    if (text_starts(name, "PLUGIN_CACHE_") || text_ends(name, "_SERVICE_HOST") || strstr(name, "_SERVICE_PORT"))
        return true;
    const char *port = strstr(name, "_PORT");
    return port && (text_starts(value, "tcp://") || text_starts(value, "udp://") || text_starts(value, "sctp://") ||
                    strstr(port, "_TCP") || strstr(port, "_UDP") || strstr(port, "_SCTP"));
}

/* What a Liquibase call in the environment is made of, and was read already. */
static bool translated_before(const char *name)
{
    return text_starts(name, "PLUGIN_LIQUIBASE_") || text_equal(name, "PLUGIN_COMMAND") ||
           text_equal(name, "PLUGIN_SUBSTITUTE_LIQUIBASE");
}

static void check_variables(struct loader *l, const struct str_list *names)
{
    for (const char *const *v = l->env.vars; v && *v; v++) {
        char *name = arena_strndup(l->a, *v, strcspn(*v, "="));
        size_t p = 0;
        while (p < COUNT(prefixes) && !text_starts(name, prefixes[p]))
            p++;
        const char *value = (*v)[strlen(name)] ? *v + strlen(name) + 1 : "";
        if (p == COUNT(prefixes) || !*value || foreign(name, value) || (l->given && translated_before(name)))
            continue;
        const char *rest = name + strlen(prefixes[p]);
        char *input = text_replace(l->a, text_lower(l->a, rest), "-", "_");
        if (has(names, input) && text_equal(rest, text_upper(l->a, rest)))
            continue;
        const char *near = text_nearest(input, names->at, names->n);
        const char *mean = near ? arena_printf(l->a, "; did you mean %s%s?", prefixes[p], text_upper(l->a, near))
                                : "; no stage has such an input";
        if (p == 0)
            PROBLEM(l, "%s is not known%s", name, mean);
        else
            *VEC_PUSH(l->a, &l->in->warnings) = arena_printf(l->a, "%s is not known and ignored%s", name, mean);
    }
}

static const struct input_spec *row_of(const struct loader *l, const char *name)
{
    const struct stage *stage = l->in->stage;
    for (size_t i = 0; i < n_common_inputs; i++)
        if (text_equal(common_inputs[i].name, name))
            return &common_inputs[i];
    for (size_t i = 0; stage && i < stage->n_inputs; i++)
        if (text_equal(stage->inputs[i].name, name))
            return &stage->inputs[i];
    return NULL;
}

static void unknown_option(struct loader *l, const char *name, const struct str_list *all)
{
    struct str_list names = {0};
    add_names(l, common_inputs, n_common_inputs, true, &names);
    if (l->in->stage)
        add_names(l, l->in->stage->inputs, l->in->stage->n_inputs, true, &names);
    const char *near = text_nearest(name, names.at, names.n);
    if (near)
        PROBLEM(l, "%s is not an option; did you mean %s?", option_name(l, name), option_name(l, near));
    else if (l->in->stage && has(all, name))
        PROBLEM(l, "%s is not an option of stage %s", option_name(l, name), l->in->stage->name);
    else if (!has(all, name))
        PROBLEM(l, "%s is not an option", option_name(l, name));
}

static bool is_word(struct loader *l, const struct input_spec *row, const char *text)
{
    bool ignored;
    return !input_parse(l->a, row, text, &ignored);
}

static void read_arguments(struct loader *l, int argc, const char *const *argv, const struct str_list *all)
{
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!text_starts(arg, "--") || !arg[2]) {
            PROBLEM(l, "argument '%s' is not expected here; inputs are given as --name value", shown(l, arg));
            continue;
        }
        const char *equals = strchr(arg, '='),
                   *next = i + 1 < argc && !text_starts(argv[i + 1], "--") ? argv[i + 1] : NULL;
        char *raw = equals ? arena_strndup(l->a, arg + 2, (size_t)(equals - arg - 2)) : arena_strdup(l->a, arg + 2);
        char *name = text_replace(l->a, raw, "-", "_");
        const struct input_spec *row = row_of(l, name);
        size_t len = strlen(name);
        const struct input_spec *secret =
            !row && text_ends(name, "_file") ? row_of(l, arena_strndup(l->a, name, len - strlen("_file"))) : NULL;
        const char *value = equals ? equals + 1 : next;

        if (!equals && row && row->type == IN_BOOLEAN && (!next || !is_word(l, row, next)))
            value = "true";
        else if (!equals && next)
            i++;
        if (row && row->flags & IN_SECRET) {
            if (value)
                register_secret(value);
            PROBLEM(
                l,
                "--%s is a secret and refused on the command line, which every user of the machine can see; use DBSTEP_%s or --%s-file",
                raw, text_upper(l->a, name), raw);
        } else if (!row && !(secret && secret->flags & IN_SECRET)) {
            unknown_option(l, name, all);
        } else if (!value) {
            PROBLEM(l, "--%s needs a value", raw);
        } else {
            struct arg *a = VEC_PUSH(l->a, &l->args);
            *a = (struct arg){name, value};
        }
    }
}

/* ---- the whole ---- */

static void find_stage(struct loader *l, int argc, const char *const *argv)
{
    const char *name = argc && argv[0][0] != '-' ? argv[0] : NULL, *place = NULL;

    for (int i = 0; i < argc && !name; i++)
        if (text_starts(argv[i], "--stage="))
            name = argv[i] + strlen("--stage=");
        else if (text_equal(argv[i], "--stage") && i + 1 < argc)
            name = argv[i + 1];
    if (text_empty(name)) {
        struct found found = {0};
        for (size_t p = 0; p < COUNT(prefixes) && !found.text; p++)
            found = find_variable(l, prefixes[p], "stage", "");
        name = found.text ? text_trim(l->a, found.text) : NULL;
        place = found.place;
    }
    if (!name || !*name) {
        PROBLEM(l, "no stage is named; give it as the first argument or as input 'stage'");
        return;
    }
    l->in->stage = stage_find(name);
    if (l->in->stage)
        return;
    struct str_list names = {0};
    for (const struct stage *const *s = stages; *s; s++)
        *VEC_PUSH(l->a, &names) = (*s)->name;
    const char *near = text_nearest(name, names.at, names.n);
    if (!near && !place)
        near = liquibase_nearest(name);
    PROBLEM(l, "stage '%s'%s%s%s does not exist%s%s%s", shown(l, name), place ? " (" : "", place ? place : "",
            place ? ")" : "", near ? "; did you mean " : "; `dbstep stages` lists them", near ? near : "",
            near ? "?" : "");
}

static bool report(struct loader *l)
{
    const struct str_list *problems = &l->in->problems;
    if (!problems->n)
        return true;
    if (problems->n == 1) {
        fail(l->cx, E_INPUT, "%s", redact_text(l->a, problems->at[0]));
    } else {
        fail(l->cx, E_INPUT, "%zu problems with the inputs", problems->n); /* the caller shows them all */
    }
    if (l->in->stage)
        err_hint(l->cx, "`dbstep help %s` lists its inputs", l->in->stage->name);
    else
        err_hint(l->cx, "`dbstep help` says how it is called");
    return false;
}

bool inputs_load(struct ctx *cx, struct env env, int argc, const char *const *argv, struct inputs *in)
{
    return inputs_load_given(cx, env, argc, argv, NULL, in);
}

bool inputs_load_given(struct ctx *cx, struct env env, int argc, const char *const *argv,
                       const struct given_inputs *given, struct inputs *in)
{
    struct loader l = {.cx = cx, .a = cx->arena, .env = env, .in = in, .given = given};
    struct str_list all = {0};

    *in = (struct inputs){0};
    register_secrets(&l, common_inputs, n_common_inputs);
    add_names(&l, common_inputs, n_common_inputs, false, &all);
    for (const struct stage *const *s = stages; *s; s++) {
        register_secrets(&l, (*s)->inputs, (*s)->n_inputs);
        add_names(&l, (*s)->inputs, (*s)->n_inputs, false, &all);
    }
    find_stage(&l, argc, argv);
    bool named = argc && argv[0][0] != '-';
    read_arguments(&l, argc - named, argv + named, &all);
    load_rows(&l, common_inputs, n_common_inputs, &in->common);
    if (in->stage) {
        in->common.stage = in->stage->name;
        in->config = arena_alloc(cx->arena, in->stage->config_size);
        load_rows(&l, in->stage->inputs, in->stage->n_inputs, in->config);
    }
    check_variables(&l, &all);
    return report(&l);
}
