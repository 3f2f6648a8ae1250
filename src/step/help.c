/* help.c - help texts, from the registry; see help.h. */
#include "dbstep/help.h"

#include <stdio.h>
#include <string.h>

#include "dbstep/hash.h"
#include "dbstep/json.h"
#include "dbstep/pg.h"
#include "dbstep/str.h"
#include "version.h"

const char *help_type(const struct input_spec *row)
{
    static const char *const names[] = {"text",   "integer", "size", "duration", "boolean",
                                        "choice", "list",    "file", "JSON"};
    return names[row->type];
}

static const char *output_type(const struct output_spec *o)
{
    static const char *const names[] = {"text", "integer", "boolean", "JSON", "file"};
    return names[o->type];
}

const char *help_short(struct arena *a)
{
    struct str out = str_new(a);
    str_add(
        &out,
        "dbstep: one step of a stateful application's delivery, for Harness, Argo, GitHub and others.\n\n"
        "  dbstep STAGE [--input VALUE ...]   run a stage; inputs also come from DBSTEP_INPUT, PLUGIN_INPUT, INPUT_INPUT\n"
        "  dbstep help STAGE                  its inputs, outputs and exit statuses\n"
        "  dbstep COMMAND ...                 a command of Liquibase and its options: `dbstep help liquibase`\n"
        "  dbstep stages | version | completion bash\n\nStages\n");
    size_t widest = 0;
    for (const struct stage *const *s = stages; *s; s++)
        if (strlen((*s)->name) > widest)
            widest = strlen((*s)->name);
    for (const struct stage *const *s = stages; *s; s++)
        str_addf(&out, "  %-*s  %s\n", (int)widest, (*s)->name, (*s)->summary);
    return out.s;
}

const char *help_stages(struct arena *a)
{
    struct str out = str_new(a);
    for (const struct stage *const *s = stages; *s; s++)
        str_addf(&out, "%s\t%s\n", (*s)->name, (*s)->summary);
    return out.s;
}

static void add_input(struct str *out, const struct input_spec *row)
{
    struct arena *a = out->arena;
    char *option =
        arena_printf(a, "--%s%s", text_replace(a, row->name, "_", "-"), row->flags & IN_SECRET ? "-file" : "");

    str_addf(out, "  %-28s %s\n", option, row->doc);
    str_addf(out, "  %-28s ", "");
    if (row->choices)
        str_add(out, text_replace(a, row->choices, "|", ", "));
    else
        str_add(out, help_type(row));
    if (row->flags & IN_REQUIRED)
        str_add(out, "; required");
    if (row->def)
        str_addf(out, "; default %s", *row->def ? row->def : "empty");
    if (row->flags & IN_SECRET)
        str_addf(out, "; secret: DBSTEP_%s, or the name of a file", text_upper(a, row->name));
    str_addc(out, '\n');
}

static void add_inputs(struct str *out, const char *title, const struct input_spec *rows, size_t n, unsigned advanced)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if ((rows[i].flags & IN_ADVANCED) != advanced)
            continue;
        if (!any)
            str_addf(out, "\n%s\n", title);
        any = true;
        add_input(out, &rows[i]);
    }
}

static void add_outputs(struct str *out, const struct output_spec *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_addf(out, "  %-28s %s (%s)\n", rows[i].name, rows[i].doc, output_type(&rows[i]));
}

const char *help_stage(struct arena *a, const struct stage *stage)
{
    struct str out = str_new(a);

    str_addf(&out, "dbstep %s: %s.\n", stage->name, stage->summary);
    if (stage->manual)
        str_addf(&out, "\n%s%s", stage->manual, text_ends(stage->manual, "\n") ? "" : "\n");
    add_inputs(&out, "Inputs", stage->inputs, stage->n_inputs, 0);
    add_inputs(&out, "Inputs of every stage", common_inputs, n_common_inputs, 0);
    add_inputs(&out, "Rarely needed", stage->inputs, stage->n_inputs, IN_ADVANCED);
    add_inputs(&out, "Rarely needed, every stage", common_inputs, n_common_inputs, IN_ADVANCED);
    str_add(&out,
            "\n--foo-bar is also DBSTEP_FOO_BAR, PLUGIN_FOO_BAR and INPUT_FOO_BAR; empty means unset.\n\nOutputs\n");
    add_outputs(&out, stage->outputs, stage->n_outputs);
    add_outputs(&out, common_outputs, n_common_outputs);
    str_add(&out, "\nExit statuses\n");
    for (int code = 0; code < E_COUNT; code++)
        str_addf(&out, "  %2d  %s%s\n", err_exit_status((enum err_code)code), err_text((enum err_code)code),
                 err_retryable((enum err_code)code) ? " (try again)" : "");
    return out.s;
}

const char *help_version(struct arena *a)
{
    return arena_printf(a, "dbstep %s (%s)\n%s, %s, %s\n", DBSTEP_VERSION, DBSTEP_COMMIT, pg_library(), hash_library(),
                        json_library());
}

const char *help_completion_bash(struct arena *a)
{
    struct str out = str_new(a);
    str_add(&out, "# bash completion for dbstep: source this file, or `source <(dbstep completion bash)`\n"
                  "_dbstep()\n{\n    local word=${COMP_WORDS[COMP_CWORD]} stage=${COMP_WORDS[1]} words\n"
                  "    if [[ $COMP_CWORD -eq 1 ]]; then\n        words='help version stages completion");
    for (const struct stage *const *s = stages; *s; s++)
        str_addf(&out, " %s", (*s)->name);
    str_add(&out, "'\n    else\n        case $stage in\n        help) words='");
    for (const struct stage *const *s = stages; *s; s++)
        str_addf(&out, "%s%s", s == stages ? "" : " ", (*s)->name);
    str_add(&out, "' ;;\n        completion) words='bash' ;;\n");
    for (const struct stage *const *s = stages; *s; s++) {
        str_addf(&out, "        %s) words='--help", (*s)->name);
        const struct input_spec *lists[] = {(*s)->inputs, common_inputs};
        size_t counts[] = {(*s)->n_inputs, n_common_inputs};
        for (size_t k = 0; k < COUNT(lists); k++)
            for (size_t i = 0; i < counts[k]; i++)
                str_addf(&out, " --%s%s", text_replace(a, lists[k][i].name, "_", "-"),
                         lists[k][i].flags & IN_SECRET ? "-file" : "");
        str_add(&out, "' ;;\n");
    }
    str_add(&out, "        esac\n    fi\n    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
                  "    [[ $word == --* || $COMP_CWORD -eq 1 ]] || COMPREPLY+=($(compgen -f -- \"$word\"))\n}\n"
                  "complete -F _dbstep dbstep\n");
    return out.s;
}
