/* registry.c - the rows that every stage has, finding a stage, and the check of the tables; see stage.h. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "dbstep/host.h"
#include "dbstep/inputs.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

#define T struct common_config
const struct input_spec common_inputs[] = {
    {IN_FIELD(T, stage), .type = IN_STRING, .doc = "Stage to run, when it is not the first argument"},
    {IN_FIELD(T, host), .type = IN_CHOICE, .def = "auto", .choices = HOST_CHOICES,
     .doc = "System that runs the step; found from the environment unless set"},
    {IN_FIELD(T, output_dir), .type = IN_STRING, .def = "dbstep-out",
     .doc = "Folder for result.json, summary.md, junit.xml and the host's files"},
    {IN_FIELD(T, fail_on), .type = IN_CHOICE, .def = "error", .choices = "never|error|warning|note",
     .doc = "Findings of this severity or worse fail the step with exit status 3"},
    {IN_FIELD(T, dry_run), .type = IN_BOOLEAN, .def = "false", .doc = "Say what would be done, change nothing"},
    {.name = "timeout",
     .offset = offsetof(T, timeout_ms),
     .type = IN_DURATION,
     .min = 100,
     .max = 30LL * 86400000,
     .doc = "Longest time for the whole stage; no limit of our own unless set"},
    {.name = "connect_timeout",
     .offset = offsetof(T, connect_timeout_ms),
     .type = IN_DURATION,
     .flags = IN_ADVANCED,
     .def = "30s",
     .min = 0,
     .max = 3600000,
     .doc = "How long a database that cannot be reached is tried again"},
    {IN_FIELD(T, log_level), .type = IN_CHOICE, .def = "info", .choices = "error|warning|info|debug",
     .doc = "How much is logged"},
    {IN_FIELD(T, log_format), .type = IN_CHOICE, .def = "text", .choices = "text|json", .flags = IN_ADVANCED,
     .doc = "Log lines for people or as JSON"},
    {IN_FIELD(T, output_encoding), .type = IN_CHOICE, .def = "plain", .choices = "plain|b64", .flags = IN_ADVANCED,
     .doc = "Harness and Drone: how an output that a dotenv file cannot hold as it is gets written: "
            "as a JSON array of one text, or as __B64__ and base64"},
    {IN_FIELD(T, run_as), .type = IN_STRING, .def = "auto", .flags = IN_ADVANCED,
     .doc =
         "GitHub, when started as root: go on as this UID or UID:GID; auto is the owner of the workspace, root stays root"},
    {IN_FIELD(T, results_dir), .type = IN_STRING, .def = "/tekton/results", .flags = IN_ADVANCED,
     .doc = "Tekton: folder of the results"},
    {IN_FIELD(T, termination_log), .type = IN_STRING, .def = "/dev/termination-log", .flags = IN_ADVANCED,
     .doc = "Argo CD: the container's termination message file"},
    {IN_FIELD(T, card_template), .type = IN_STRING, .flags = IN_ADVANCED,
     .doc = "Drone: https address where drone/card.json is served; without it no card is shown"},
};
#undef T
const size_t n_common_inputs = COUNT(common_inputs);

const struct output_spec common_outputs[] = {
    {"verdict", OUT_STRING, "pass, fail, inconclusive or error"},
    {"exit_code", OUT_INTEGER, "Exit status of the step"},
    {"summary", OUT_STRING, "One line: what was done or proven"},
    {"result_file", OUT_FILE, "Path of the whole result document, JSON"},
    {"started_at", OUT_STRING, "Start of the stage, RFC 3339 in UTC"},
    {"duration_ms", OUT_INTEGER, "Length of the stage in milliseconds"},
    {"result", OUT_JSON, "Verdict, all outputs and the first findings as one JSON object of at most 32 KiB"},
};
const size_t n_common_outputs = COUNT(common_outputs);

const struct stage *stage_find(const char *name)
{
    for (const struct stage *const *s = stages; *s; s++)
        if (text_equal((*s)->name, name))
            return *s;
    return NULL;
}

/* ---- the check of the tables ---- */

static bool snake_case(const char *s)
{
    if (!islower((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

static size_t field_size(enum input_type type)
{
    switch (type) {
    case IN_STRING:
    case IN_FILE:
    case IN_JSON: return sizeof(const char *);
    case IN_INTEGER:
    case IN_SIZE:
    case IN_DURATION: return sizeof(long long);
    case IN_BOOLEAN: return sizeof(bool);
    case IN_CHOICE: return sizeof(int);
    case IN_LIST: return sizeof(struct str_list);
    }
    return 0;
}

static void check_row(struct arena *a, const char *where, const struct input_spec *row, size_t config_size,
                      struct str_list *faults)
{
#define FAULT(...) (*VEC_PUSH(a, faults) = arena_printf(a, __VA_ARGS__))
    if (!row->name || !snake_case(row->name)) {
        FAULT("%s: '%s' is not snake_case", where, row->name ? row->name : "");
        return;
    }
    if (!row->doc || !*row->doc || text_ends(row->doc, "."))
        FAULT("%s.%s: doc must be a sentence without full stop", where, row->name);
    if (row->offset + field_size(row->type) > config_size)
        FAULT("%s.%s: the field lies outside the configuration", where, row->name);
    if ((row->type == IN_CHOICE) != (row->choices != NULL))
        FAULT("%s.%s: choices belong to IN_CHOICE, and to it alone", where, row->name);
    if (row->flags & IN_REQUIRED && row->def)
        FAULT("%s.%s: required, yet with a default", where, row->name);
    if (row->flags & IN_SECRET && row->def)
        FAULT("%s.%s: a secret with a default", where, row->name);
    if (row->flags & IN_SECRET && row->type != IN_STRING && row->type != IN_JSON)
        FAULT("%s.%s: only texts can be secret", where, row->name);
    if (row->def && row->type != IN_FILE) {
        struct str_list room = {0};
        const char *wrong = input_parse(a, row, row->def, &room); /* the largest field there is */
        if (wrong)
            FAULT("%s.%s: default '%s' %s", where, row->name, row->def, wrong);
    }
#undef FAULT
}

/* Two rows must not fill the same bytes: a row copied without changing its field would. */
static void check_overlap(struct arena *a, const char *where, const struct input_spec *rows, size_t n,
                          struct str_list *faults)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            if (text_equal(rows[i].name, rows[j].name))
                *VEC_PUSH(a, faults) = arena_printf(a, "%s.%s: declared twice", where, rows[i].name);
            if (rows[i].offset < rows[j].offset + field_size(rows[j].type) &&
                rows[j].offset < rows[i].offset + field_size(rows[i].type))
                *VEC_PUSH(a, faults) =
                    arena_printf(a, "%s: %s and %s fill the same field", where, rows[i].name, rows[j].name);
            if ((rows[i].flags & IN_SECRET && text_equal(rows[j].name, arena_printf(a, "%s_file", rows[i].name))) ||
                (rows[j].flags & IN_SECRET && text_equal(rows[i].name, arena_printf(a, "%s_file", rows[j].name))))
                *VEC_PUSH(a, faults) =
                    arena_printf(a, "%s: %s and %s: one name is the other's file", where, rows[i].name, rows[j].name);
        }
}

/* The steps of a pipeline may share one block of variables, and documents list an input once for all stages. */
static void check_across(struct arena *a, const struct stage *one, const struct stage *other, struct str_list *faults)
{
    for (size_t i = 0; i < one->n_inputs; i++)
        for (size_t k = 0; k < other->n_inputs; k++) {
            const struct input_spec *x = &one->inputs[i], *y = &other->inputs[k];
            bool same = x->type == y->type && ((x->flags ^ y->flags) & IN_SECRET) == 0 &&
                        (!x->choices || !y->choices || text_equal(x->choices, y->choices));
            if (text_equal(x->name, y->name) && !same)
                *VEC_PUSH(a, faults) = arena_printf(a, "%s.%s: stage %s has an input of that name and another type",
                                                    one->name, x->name, other->name);
        }
}

void registry_check(struct arena *a, struct str_list *faults)
{
    for (size_t i = 0; i < n_common_inputs; i++)
        check_row(a, "common", &common_inputs[i], sizeof(struct common_config), faults);
    check_overlap(a, "common", common_inputs, n_common_inputs, faults);

    for (const struct stage *const *s = stages; *s; s++) {
        const struct stage *st = *s;
        if (!st->name || !*st->name || !snake_case(text_replace(a, st->name, "-", "_")))
            *VEC_PUSH(a, faults) = arena_printf(a, "stage '%s': not kebab-case", st->name);
        if (!st->summary || !*st->summary || text_ends(st->summary, "."))
            *VEC_PUSH(a, faults) = arena_printf(a, "%s: summary must be a sentence without full stop", st->name);
        if (stage_find(st->name) != st)
            *VEC_PUSH(a, faults) = arena_printf(a, "%s: two stages of this name", st->name);
        for (size_t i = 0; i < st->n_inputs; i++) {
            check_row(a, st->name, &st->inputs[i], st->config_size, faults);
            for (size_t k = 0; k < n_common_inputs; k++)
                if (text_equal(st->inputs[i].name, common_inputs[k].name))
                    *VEC_PUSH(a, faults) =
                        arena_printf(a, "%s.%s: every stage has this input already", st->name, st->inputs[i].name);
        }
        check_overlap(a, st->name, st->inputs, st->n_inputs, faults);
        for (const struct stage *const *other = stages; other < s; other++)
            check_across(a, *other, st, faults);
        for (size_t i = 0; i < st->n_outputs; i++) {
            const struct output_spec *o = &st->outputs[i];
            if (!snake_case(o->name))
                *VEC_PUSH(a, faults) = arena_printf(a, "%s: output '%s' is not snake_case", st->name, o->name);
            if (!o->doc || !*o->doc || text_ends(o->doc, "."))
                *VEC_PUSH(a, faults) =
                    arena_printf(a, "%s: output %s: doc must be a sentence without full stop", st->name, o->name);
            for (size_t k = 0; k < n_common_outputs; k++)
                if (text_equal(o->name, common_outputs[k].name))
                    *VEC_PUSH(a, faults) =
                        arena_printf(a, "%s: output %s: every stage has it already", st->name, o->name);
            for (size_t k = 0; k < i; k++)
                if (text_equal(o->name, st->outputs[k].name))
                    *VEC_PUSH(a, faults) = arena_printf(a, "%s: output %s: declared twice", st->name, o->name);
        }
    }
}
