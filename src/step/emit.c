/* emit.c - the set of generated documents, and writing them; see emit.h. */
#include "dbstep/emit.h"

#include <string.h>

#include "dbstep/files.h"
#include "dbstep/help.h"
#include "emit_internal.h"

char *emit_yaml_text(struct arena *a, const char *text)
{
    struct str out = str_new(a);
    str_addc(&out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            str_addf(&out, "\\%c", c);
        else if (c == '\n')
            str_add(&out, "\\n");
        else if (c < 0x20 || c == 0x7F)
            str_addf(&out, "\\x%02x", c);
        else
            str_addc(&out, (char)c);
    }
    str_addc(&out, '"');
    return out.s;
}

void emit_all_inputs(struct arena *a, struct emit_input **out, size_t *n)
{
    VEC(struct emit_input) all = {0};

    for (size_t i = 0; i < n_common_inputs; i++)
        *VEC_PUSH(a, &all) = (struct emit_input){&common_inputs[i], NULL};
    for (const struct stage *const *s = stages; *s; s++)
        for (size_t i = 0; i < (*s)->n_inputs; i++) {
            struct emit_input *same = NULL;
            for (size_t k = 0; k < all.n && !same; k++)
                if (text_equal(all.at[k].row->name, (*s)->inputs[i].name))
                    same = &all.at[k];
            if (same)
                same->stages = arena_printf(a, "%s, %s", same->stages, (*s)->name);
            else
                *VEC_PUSH(a, &all) = (struct emit_input){&(*s)->inputs[i], (*s)->name};
        }
    *out = all.at;
    *n = all.n;
}

void emit_all_outputs(struct arena *a, struct output_spec **out, size_t *n)
{
    size_t most = n_common_outputs, have = 0;

    for (const struct stage *const *s = stages; *s; s++)
        most += (*s)->n_outputs;
    struct output_spec *all = arena_array(a, most, sizeof(struct output_spec));
    for (size_t i = 0; i < n_common_outputs; i++)
        all[have++] = common_outputs[i];
    for (const struct stage *const *s = stages; *s; s++)
        for (size_t i = 0; i < (*s)->n_outputs; i++) {
            bool seen = false;
            for (size_t k = 0; k < have && !seen; k++)
                seen = text_equal(all[k].name, (*s)->outputs[i].name);
            if (!seen)
                all[have++] = (*s)->outputs[i];
        }
    *out = all;
    *n = have;
}

bool emit_is_plumbing(const char *name)
{
    static const char *const names[] = {"stage",         "host",       "output_dir",      "output_encoding", "run_as",
                                        "card_template", "log_format", "termination_log", "results_dir"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (text_equal(names[i], name))
            return true;
    return false;
}

char *emit_identifier(struct arena *a, const char *stage)
{
    return text_replace(a, stage, "-", "_");
}

char *emit_retry_codes(struct arena *a)
{
    struct str out = str_new(a);
    for (int status = 0; status < 64; status++)
        for (int code = 0; code < E_COUNT; code++)
            if (err_exit_status((enum err_code)code) == status && err_retryable((enum err_code)code)) {
                str_addf(&out, "%s%d", out.len ? ", " : "", status);
                break;
            }
    return out.s;
}

void emit_documents(struct arena *a, struct document **out, size_t *n)
{
    VEC(struct document) all = {0};

    *VEC_PUSH(a, &all) = (struct document){"action.yml", emit_github(a)};
    for (const struct stage *const *s = stages; *s; s++)
        *VEC_PUSH(a, &all) = (struct document){arena_printf(a, "harness/step-template-%s.yaml", (*s)->name),
                                               emit_harness_template(a, *s)};
    *VEC_PUSH(a, &all) = (struct document){"harness/plugin.yml", emit_harness_plugin(a)};
    *VEC_PUSH(a, &all) = (struct document){"harness/errors.yaml", emit_harness_errors(a)};
    *VEC_PUSH(a, &all) = (struct document){"drone/content.yaml", emit_drone(a)};
    *VEC_PUSH(a, &all) = (struct document){"drone/card.json", emit_drone_card(a)};
    *VEC_PUSH(a, &all) = (struct document){"argo/cluster-workflow-template.yaml", emit_argo(a)};
    *VEC_PUSH(a, &all) = (struct document){"tekton/tasks.yaml", emit_tekton(a)};
    *VEC_PUSH(a, &all) = (struct document){"completion.bash", help_completion_bash(a)};
    *VEC_PUSH(a, &all) = (struct document){"REFERENCE.md", emit_manual(a)};
    *out = all.at;
    *n = all.n;
}

bool emit_write(struct ctx *cx, const char *folder)
{
    struct document *docs;
    size_t n;

    emit_documents(cx->arena, &docs, &n);
    for (size_t i = 0; i < n; i++) {
        char *path = path_join(cx->arena, folder, docs[i].path), *old;
        size_t old_len, len = strlen(docs[i].text);
        char *parent = arena_strndup(cx->arena, path, strlen(path) - strlen(path_base(path)) - 1);
        if (!dir_make(cx, parent))
            return false;
        if (file_exists(path) && file_read(cx, path, 0, &old, &old_len) && old_len == len &&
            memcmp(old, docs[i].text, len) == 0)
            continue;
        err_clear(cx);
        if (!file_write_atomic(cx, path, docs[i].text, len))
            return false;
    }
    return true;
}
