/* emit_harness.c - documents for Harness: step templates, plugin descriptor, error rules; see emit_internal.h. */
#include <string.h>

#include "dbstep/help.h"
#include "emit_internal.h"
#include "version.h"

/* A setting that is left empty at run time counts as unset. Rarely needed inputs stand as comments to be taken in. */
static void setting(struct str *out, const struct input_spec *row)
{
    struct arena *a = out->arena;
    bool shown = row->flags & (IN_REQUIRED | IN_SECRET) && !(row->flags & IN_ADVANCED);
    const char *value = "<+input>";

    if (row->def && *row->def && !(row->flags & IN_ADVANCED)) {
        shown = true;
        value = arena_printf(a, "<+input>.default(%s)", row->def);
    }
    str_addf(out, "        # %s\n", row->doc);
    if (row->choices)
        str_addf(out, "        # one of %s\n", text_replace(a, row->choices, "|", ", "));
    if (row->flags & IN_SECRET)
        str_add(out, "        # secret: <+secrets.getValue(\"account.NAME\")>\n");
    str_addf(out, "        %s%s: %s\n", shown ? "" : "# ", row->name,
             emit_yaml_text(a, shown      ? value
                               : row->def ? row->def
                                          : ""));
}

const char *emit_harness_template(struct arena *a, const struct stage *stage)
{
    struct str out = str_new(a);

    str_addf(&out,
             EMIT_HEAD "template:\n  name: %s\n  identifier: dbstep_%s\n  versionLabel: \"" DBSTEP_VERSION
                       "\"\n  type: Step\n"
                       "  description: %s\n  spec:\n    type: Plugin\n    timeout: 1h\n    spec:\n"
                       "      connectorRef: <+input>\n      image: " EMIT_IMAGE ":" DBSTEP_VERSION
                       "\n      settings:\n        stage: %s\n",
             emit_yaml_text(a, arena_printf(a, "dbstep %s", stage->name)), emit_identifier(a, stage->name),
             emit_yaml_text(a, stage->summary), stage->name);
    for (size_t i = 0; i < stage->n_inputs; i++)
        setting(&out, &stage->inputs[i]);
    for (size_t i = 0; i < n_common_inputs; i++)
        if (!emit_is_plumbing(common_inputs[i].name))
            setting(&out, &common_inputs[i]);
    str_add(&out, "      reports:\n        type: JUnit\n        spec:\n          paths: [\"dbstep-out/junit.xml\"]\n"
                  "      resources:\n        limits:\n          memory: 256Mi\n          cpu: 500m\n");
    return out.s;
}

const char *emit_harness_plugin(struct arena *a)
{
    return arena_strdup(
        a, EMIT_HEAD
        "# Runs the static binary without a container, on virtual machines.\n"
        "run:\n  binary:\n"
        "    source: \"https://registry.example.com/dbstep/releases/download/{{ release }}/dbstep-{{ os }}-{{ arch }}.zst\"\n"
        "    fallback_source: \"https://registry.example.com/dbstep/releases/download/v" DBSTEP_VERSION
        "/dbstep-{{ os }}-{{ arch }}.zst\"\n");
}

/* One rule per exit status; failures that share one are told apart in the log. */
const char *emit_harness_errors(struct arena *a)
{
    struct str out = str_new(a);

    str_add(
        &out, EMIT_HEAD
        "# Copy to .harness/errors.yaml: gives each exit status of dbstep a category and a text in the pipeline's view.\n"
        "version: \"1.0\"\nruleGroups:\n");
    for (int status = 1; status < 64; status++) {
        const char *category = NULL;
        struct str text = str_new(a), names = str_new(a);
        bool retry = false;
        for (int code = 0; code < E_COUNT; code++) {
            enum err_code c = (enum err_code)code;
            if (err_exit_status(c) != status)
                continue;
            category = category ? category : err_category(c);
            retry |= err_retryable(c);
            str_addf(&text, "%s%s", text.len ? ", or " : "", err_text(c));
            str_addf(&names, "%s%s", names.len ? "_OR_" : "DBSTEP_", err_name(c));
        }
        if (!category)
            continue;
        str_addf(
            &out,
            "  - name: dbstep-exit-%d\n    conditionExpression:\n      key: errorCode\n      operand: is\n      value: \"%d\"\n"
            "    actions:\n      - setErrorCategory: %s\n      - setErrorSubcategory: %s\n      - setErrorMessage: %s\n",
            status, status, category,
            emit_yaml_text(a, names.len > 60 ? arena_printf(a, "DBSTEP_EXIT_%d", status) : names.s),
            emit_yaml_text(a, arena_printf(a, "dbstep, exit status %d: %s%s", status, text.s,
                                           retry ? ". Trying again may help." : ".")));
    }
    return out.s;
}
