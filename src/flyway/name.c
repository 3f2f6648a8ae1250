/* name.c - what a file's name says: prefix, version, separator, description, suffix. */
#include <string.h>

#include "flyway_internal.h"

static const char *const events[] = {
    "beforeClean",
    "afterClean",
    "afterCleanError",
    "beforeMigrate",
    "beforeRepeatables",
    "beforeEachMigrate",
    "afterEachMigrate",
    "afterEachMigrateError",
    "beforeEachMigrateStatement",
    "afterEachMigrateStatement",
    "afterEachMigrateStatementError",
    "afterVersioned",
    "afterMigrateApplied",
    "afterMigrate",
    "afterMigrateError",
    "beforeUndo",
    "beforeEachUndo",
    "afterEachUndo",
    "afterEachUndoError",
    "beforeEachUndoStatement",
    "afterEachUndoStatement",
    "afterEachUndoStatementError",
    "afterUndo",
    "afterUndoError",
    "beforeValidate",
    "afterValidate",
    "afterValidateError",
    "beforeBaseline",
    "afterBaseline",
    "afterBaselineError",
    "beforeRepair",
    "afterRepair",
    "afterRepairError",
    "beforeInfo",
    "afterInfo",
    "afterInfoError",
    "createSchema",
    "beforeCreateSchema",
    "beforeConnect",
    "afterConnect",
    NULL,
};

/* The longest prefix that the name begins with; NULL: none. */
static const char *find_prefix(const struct flyway_config *c, const char *name, enum flyway_kind *kind)
{
    const struct {
        const char *prefix;
        enum flyway_kind kind;
    } own[] = {{c->prefix, FLYWAY_VERSIONED},
               {c->repeatable_prefix, FLYWAY_REPEATABLE},
               {c->undo_prefix, FLYWAY_UNDO},
               {c->baseline_prefix, FLYWAY_BASELINE}};
    const char *best = NULL;
    for (size_t i = 0; i < COUNT(own); i++) {
        if (!text_starts(name, own[i].prefix) || (best && strlen(own[i].prefix) <= strlen(best)))
            continue;
        best = own[i].prefix;
        *kind = own[i].kind;
    }
    for (size_t i = 0; !c->skip_callbacks && events[i]; i++) {
        if (!text_starts(name, events[i]) || (best && strlen(events[i]) <= strlen(best)))
            continue;
        best = events[i];
        *kind = FLYWAY_CALLBACK;
    }
    return best;
}

void flyway_name_parse(struct arena *a, const struct flyway_config *c, const char *base, struct flyway_name *out)
{
    const char *suffix = "";
    size_t n = strlen(base);
    *out = (struct flyway_name){.description = ""};
    for (size_t i = 0; i < c->suffixes.n && !*suffix; i++) {
        size_t m = strlen(c->suffixes.at[i]);
        if (m && m <= n && text_equal_nocase(base + n - m, c->suffixes.at[i]))
            suffix = base + n - m;
    }
    const char *name = arena_strndup(a, base, n - strlen(suffix)), *prefix = find_prefix(c, name, &out->kind);
    if (!prefix) {
        out->fault = arena_printf(a, "%s begins with no prefix of a migration", base);
        return;
    }
    const char *rest = name + strlen(prefix), *sep = strstr(rest, c->separator);
    const char *version = sep ? arena_strndup(a, rest, (size_t)(sep - rest)) : rest;
    const char *description = sep ? sep + strlen(c->separator) : "";
    out->description = text_replace(a, description, "_", " ");
    out->event = out->kind == FLYWAY_CALLBACK ? prefix : NULL;
    if (out->kind == FLYWAY_REPEATABLE || out->kind == FLYWAY_CALLBACK) {
        if (*version)
            out->fault = arena_printf(a, "%s must not have a version: %s%s%s%s", base, prefix, c->separator,
                                      *description ? description : "description", suffix);
    } else if (!*version) {
        out->fault = arena_printf(a, "%s has no version: %s1.2%s%s%s", base, prefix, c->separator,
                                  *description ? description : "description", suffix);
    } else if (!flyway_version_parse(a, version, &out->version)) {
        out->fault = arena_printf(a, "%s has '%s' for a version, which is made of numbers and dots or underscores",
                                  base, version);
    }
}
