/* config.c - settings by Flyway's names, from inputs, environment variables and flyway.conf. */
#include <stdio.h>
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/log.h"
#include "dbstep/redact.h"
#include "flyway_internal.h"

enum kind {
    TEXT,
    FLAG,
    LIST,
    UNUSED, /* how to connect, what to print: not ours to follow */
    ONLY    /* anything but this value (or "") cannot be honoured */
};

struct setting {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *value, *why; /* ONLY */
};

#define AT(field) offsetof(struct flyway_config, field)

static const struct setting settings[] = {
    {"locations", LIST, AT(locations), NULL, NULL},
    {"schemas", LIST, AT(schemas), NULL, NULL},
    {"defaultSchema", TEXT, AT(default_schema), NULL, NULL},
    {"table", TEXT, AT(table), NULL, NULL},
    {"tablespace", TEXT, AT(tablespace), NULL, NULL},
    {"sqlMigrationPrefix", TEXT, AT(prefix), NULL, NULL},
    {"repeatableSqlMigrationPrefix", TEXT, AT(repeatable_prefix), NULL, NULL},
    {"undoSqlMigrationPrefix", TEXT, AT(undo_prefix), NULL, NULL},
    {"baselineMigrationPrefix", TEXT, AT(baseline_prefix), NULL, NULL},
    {"sqlMigrationSeparator", TEXT, AT(separator), NULL, NULL},
    {"sqlMigrationSuffixes", LIST, AT(suffixes), NULL, NULL},
    {"validateMigrationNaming", FLAG, AT(validate_naming), NULL, NULL},
    {"failOnMissingLocations", FLAG, AT(missing_locations_fail), NULL, NULL},
    {"placeholderReplacement", FLAG, AT(replace_placeholders), NULL, NULL},
    {"placeholderPrefix", TEXT, AT(placeholder_prefix), NULL, NULL},
    {"placeholderSuffix", TEXT, AT(placeholder_suffix), NULL, NULL},
    {"placeholderSeparator", TEXT, AT(placeholder_separator), NULL, NULL},
    {"environment", TEXT, AT(environment), NULL, NULL},
    {"target", TEXT, AT(target), NULL, NULL},
    {"failOnMissingTarget", FLAG, AT(missing_target_fails), NULL, NULL},
    {"outOfOrder", FLAG, AT(out_of_order), NULL, NULL},
    {"validateOnMigrate", FLAG, AT(validate_on_migrate), NULL, NULL},
    {"baselineOnMigrate", FLAG, AT(baseline_on_migrate), NULL, NULL},
    {"baselineVersion", TEXT, AT(baseline_version), NULL, NULL},
    {"baselineDescription", TEXT, AT(baseline_description), NULL, NULL},
    {"createSchemas", FLAG, AT(create_schemas), NULL, NULL},
    {"mixed", FLAG, AT(mixed), NULL, NULL},
    {"executeInTransaction", FLAG, AT(in_transaction), NULL, NULL},
    {"skipDefaultCallbacks", FLAG, AT(skip_callbacks), NULL, NULL},
    {"skipExecutingMigrations", FLAG, AT(skip_execution), NULL, NULL},
    {"ignoreMigrationPatterns", LIST, AT(ignore_patterns), NULL, NULL},
    {"installedBy", TEXT, AT(installed_by), NULL, NULL},
    {"initSql", TEXT, AT(init_sql), NULL, NULL},
    {"undoRecord", TEXT, AT(undo_record), NULL, NULL},
    {"group", ONLY, 0, "false", "a migration and its row are one transaction each"},
    {"cherryPick", ONLY, 0, "", "migrations run in their order"},
    {"callbacks", ONLY, 0, "", "they are Java classes"},
    {"resolvers", ONLY, 0, "", "they are Java classes"},
    {"skipDefaultResolvers", ONLY, 0, "false", "there are no others"},
    {"errorOverrides", ONLY, 0, "", "an error of the server is an error"},
    {"cleanOnValidationError", ONLY, 0, "false", "nothing here drops a schema"},
    {"encoding", ONLY, 0, "UTF-8", "migrations are UTF-8"},
    {"detectEncoding", ONLY, 0, "false", "migrations are UTF-8"},
    {"url", UNUSED, 0, NULL, NULL},
    {"user", UNUSED, 0, NULL, NULL},
    {"password", UNUSED, 0, NULL, NULL},
    {"driver", UNUSED, 0, NULL, NULL},
    {"connectRetries", UNUSED, 0, NULL, NULL},
    {"connectRetriesInterval", UNUSED, 0, NULL, NULL},
    {"lockRetryCount", UNUSED, 0, NULL, NULL},
    {"postgresql.transactional.lock", UNUSED, 0, NULL, NULL},
    {"batch", UNUSED, 0, NULL, NULL},
    {"stream", UNUSED, 0, NULL, NULL},
    {"cleanDisabled", UNUSED, 0, NULL, NULL},
    {"communityDBSupportEnabled", UNUSED, 0, NULL, NULL},
    {"configFiles", UNUSED, 0, NULL, NULL},
    {"configFileEncoding", UNUSED, 0, NULL, NULL},
    {"edition", UNUSED, 0, NULL, NULL},
    {"email", UNUSED, 0, NULL, NULL},
    {"token", UNUSED, 0, NULL, NULL},
    {"licenseKey", UNUSED, 0, NULL, NULL},
    {"jarDirs", UNUSED, 0, NULL, NULL},
    {"kerberosConfigFile", UNUSED, 0, NULL, NULL},
    {"loggers", UNUSED, 0, NULL, NULL},
    {"outputProgress", UNUSED, 0, NULL, NULL},
    {"outputQueryResults", UNUSED, 0, NULL, NULL},
    {"outputType", UNUSED, 0, NULL, NULL},
    {"reportEnabled", UNUSED, 0, NULL, NULL},
    {"reportFilename", UNUSED, 0, NULL, NULL},
    {"scriptPlaceholderPrefix", UNUSED, 0, NULL, NULL},
    {"scriptPlaceholderSuffix", UNUSED, 0, NULL, NULL},
};

static void add(struct arena *a, struct str_list *list, const char *text)
{
    *VEC_PUSH(a, list) = text;
}

void flyway_defaults(struct arena *a, struct flyway_config *c)
{
    *c = (struct flyway_config){.table = "flyway_schema_history",
                                .prefix = "V",
                                .repeatable_prefix = "R",
                                .undo_prefix = "U",
                                .baseline_prefix = "B",
                                .separator = "__",
                                .missing_locations_fail = true,
                                .replace_placeholders = true,
                                .placeholder_prefix = "${",
                                .placeholder_suffix = "}",
                                .placeholder_separator = ":",
                                .environment = "default",
                                .validate_on_migrate = true,
                                .create_schemas = true,
                                .in_transaction = true,
                                .baseline_version = "1",
                                .baseline_description = "<< Flyway Baseline >>",
                                .undo_record = "DELETE"};
    add(a, &c->suffixes, ".sql");
    add(a, &c->ignore_patterns, "*:future");
}

static void fill_list(struct arena *a, struct str_list *list, const char *value)
{
    list->n = 0;
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        const char *item = text_trim(a, arena_strndup(a, p, n));
        if (*item)
            add(a, list, item);
        p += n + (p[n] == ',');
    }
}

static bool fill_flag(struct ctx *cx, const char *name, const char *value, bool *out)
{
    bool yes = text_equal_nocase(value, "true");
    if (!yes && !text_equal_nocase(value, "false"))
        return fail(cx, E_INPUT, "Flyway's setting %s is '%s', and can be true or false", name, value);
    *out = yes;
    return true;
}

/* Values that must make sense whatever else is set. */
static bool check(struct ctx *cx, const struct flyway_config *c, const char *name, const char *value)
{
    struct flyway_version v;
    const char *states = "|*|missing|pending|ignored|future|", *kinds = "|*|repeatable|versioned|";

    if (text_equal(name, "baselineVersion") && !flyway_version_parse(cx->arena, value, &v))
        return fail(cx, E_INPUT, "Flyway's setting baselineVersion is '%s', which is no version", value);
    if (text_equal(name, "undoRecord") && !text_equal(value, "DELETE") && !text_equal(value, "UNDO_SQL"))
        return fail(cx, E_INPUT, "undoRecord is '%s', and can be DELETE or UNDO_SQL", value);
    if ((text_equal(name, "placeholderPrefix") || text_equal(name, "placeholderSuffix") ||
         text_equal(name, "sqlMigrationSeparator") || text_equal(name, "table")) &&
        !*value)
        return fail(cx, E_INPUT, "Flyway's setting %s is empty", name);
    if (!text_equal(name, "ignoreMigrationPatterns"))
        return true;
    for (size_t i = 0; i < c->ignore_patterns.n; i++) {
        const char *p = c->ignore_patterns.at[i], *colon = strchr(p, ':');
        if (!colon || !strstr(kinds, arena_printf(cx->arena, "|%.*s|", (int)(colon - p), p)) ||
            !strstr(states, arena_printf(cx->arena, "|%s|", colon + 1)))
            return fail(
                cx, E_INPUT,
                "'%s' in Flyway's setting ignoreMigrationPatterns is not of the form kind:state, with *, repeatable or "
                "versioned and *, missing, pending, ignored or future",
                p);
    }
    return true;
}

static bool apply(struct ctx *cx, struct flyway_config *c, const struct setting *s, const char *value)
{
    char *base = (char *)c;
    const char *trimmed = text_trim(cx->arena, value);

    switch (s->kind) {
    case TEXT: *(const char **)(void *)(base + s->offset) = arena_strdup(cx->arena, value); break;
    case FLAG:
        if (!fill_flag(cx, s->name, trimmed, (bool *)(base + s->offset)))
            return false;
        break;
    case LIST: fill_list(cx->arena, (struct str_list *)(void *)(base + s->offset), value); break;
    case UNUSED: log_debug("Flyway's setting %s is not used here", s->name); break;
    case ONLY:
        if (*trimmed && !text_equal_nocase(trimmed, s->value))
            return fail(cx, E_INPUT, "Flyway's setting %s=%s cannot be honoured: %s", s->name, trimmed, s->why);
        break;
    }
    return check(cx, c, s->name, value);
}

static bool set_placeholder(struct ctx *cx, struct flyway_config *c, const char *name, const char *value)
{
    if (!*name)
        return fail(cx, E_INPUT, "a placeholder has no name");
    redact_add_named(name, value);
    *VEC_PUSH(cx->arena, &c->placeholders) = arena_printf(cx->arena, "%s=%s", name, value);
    return true;
}

/* Settings of other tools and editions in Flyway's own files. */
static bool foreign(const char *name)
{
    static const char *const families[] = {"jdbcProperties.", "plugins.", "oracle.", "sqlserver.", "vault.", "dapr.",
                                           "gcsm.",           "check.",   "clean.",  "snowflake.", "conjur."};
    for (size_t i = 0; i < COUNT(families); i++)
        if (text_starts(name, families[i]))
            return true;
    return false;
}

static const char *nearest(const char *name)
{
    const char *best = NULL;
    unsigned least = 4;
    for (size_t i = 0; i < COUNT(settings); i++) {
        unsigned d = text_distance(name, settings[i].name);
        if (d < least) {
            least = d;
            best = settings[i].name;
        }
    }
    return best;
}

bool flyway_set(struct ctx *cx, struct flyway_config *c, const char *name, const char *value)
{
    const char *bare = text_starts(name, "flyway.") ? name + 7 : name;
    if (text_starts(bare, "placeholders."))
        return set_placeholder(cx, c, bare + 13, value);
    for (size_t i = 0; i < COUNT(settings); i++)
        if (text_equal(settings[i].name, bare))
            return apply(cx, c, &settings[i], value);
    if (foreign(bare))
        return true;
    const char *near = nearest(bare);
    fail(cx, E_INPUT, "'%s' is no setting of Flyway that is known here", name);
    if (near)
        err_hint(cx, "did you mean %s?", near);
    return false;
}

/* sqlMigrationPrefix and SQL_MIGRATION_PREFIX. */
static bool same_variable(const char *setting, const char *variable)
{
    for (; *setting; setting++) {
        if ((*setting >= 'A' && *setting <= 'Z') || *setting == '.') {
            if (*variable++ != '_')
                return false;
            if (*setting == '.')
                continue;
        }
        if ((*setting & ~0x20) != *variable++)
            return false;
    }
    return !*variable;
}

bool flyway_set_variable(struct ctx *cx, struct flyway_config *c, const char *name, const char *value)
{
    if (!text_starts(name, "FLYWAY_") || !*value)
        return true;
    name += 7;
    if (text_starts(name, "PLACEHOLDERS_"))
        return set_placeholder(cx, c, text_lower(cx->arena, name + 13), value);
    for (size_t i = 0; i < COUNT(settings); i++)
        if (same_variable(settings[i].name, name))
            return apply(cx, c, &settings[i], value);
    return true;
}

/* ---- flyway.conf ---- */

static const char *expand(struct ctx *cx, const char *value, const char *(*environment)(void *, const char *),
                          void *user)
{
    struct str out = str_new(cx->arena);
    for (const char *p = value; *p;) {
        const char *close = p[0] == '$' && p[1] == '{' ? strchr(p, '}') : NULL;
        const char *found =
            close && environment ? environment(user, arena_strndup(cx->arena, p + 2, (size_t)(close - p - 2))) : NULL;
        if (found) {
            str_add(&out, found);
            p = close + 1;
        } else {
            str_addc(&out, *p++);
        }
    }
    return out.s;
}

bool flyway_conf_lines(struct ctx *cx, const char *path, const char *text, flyway_conf_fn fn, void *user)
{
    int line = 0;
    for (const char *p = text; *p;) {
        struct str whole = str_new(cx->arena);
        int first = line + 1;
        for (bool goes_on = true; goes_on && *p;) {
            size_t n = strcspn(p, "\n");
            const char *part = text_trim(cx->arena, arena_strndup(cx->arena, p, n));
            p += n + (p[n] == '\n');
            line++;
            goes_on = *part && *part != '#' && part[strlen(part) - 1] == '\\';
            str_addn(&whole, part, strlen(part) - goes_on);
        }
        const char *eq = strchr(whole.s, '=');
        if (!*whole.s || *whole.s == '#')
            continue;
        if (!eq || eq == whole.s) {
            fail(cx, E_INPUT, "a line of Flyway's settings is not of the form name=value");
            err_place(cx, path, first, 1);
            return false;
        }
        if (!fn(cx, user, text_trim(cx->arena, arena_strndup(cx->arena, whole.s, (size_t)(eq - whole.s))),
                text_trim(cx->arena, eq + 1))) {
            err_place(cx, path, first, 1);
            return false;
        }
    }
    return true;
}

struct conf {
    struct flyway_config *config;
    const char *(*environment)(void *user, const char *name);
    void *user;
};

static bool conf_line(struct ctx *cx, void *user, const char *name, const char *value)
{
    const struct conf *k = user;
    return flyway_set(cx, k->config, name, expand(cx, value, k->environment, k->user));
}

bool flyway_read_conf(struct ctx *cx, struct flyway_config *c, const char *path,
                      const char *(*environment)(void *user, const char *name), void *user)
{
    char *text;
    size_t len;
    struct conf k = {c, environment, user};
    return file_read(cx, path, 1 << 20, &text, &len) && flyway_conf_lines(cx, path, text, conf_line, &k);
}
