/* emit_hosts.c - documents for GitHub, Argo Workflows, Tekton and Drone; see emit_internal.h. */
#include <string.h>

#include "dbstep/help.h"
#include "dbstep/json.h"
#include "emit_internal.h"
#include "version.h"

static const char *sentence(struct arena *a, const struct emit_input *in)
{
    struct str out = str_new(a);
    str_add(&out, in->row->doc);
    if (in->row->choices)
        str_addf(&out, "; one of %s", text_replace(a, in->row->choices, "|", ", "));
    if (in->row->def && *in->row->def)
        str_addf(&out, "; default %s", in->row->def);
    if (in->stages)
        str_addf(&out, " (%s)", in->stages);
    return out.s;
}

/* ---- GitHub ---- */

/* No defaults: an input that is not given arrives empty, and the stage's own default holds. */
const char *emit_github(struct arena *a)
{
    struct str out = str_new(a);
    struct emit_input *in;
    struct output_spec *outputs;
    size_t n, n_outputs;

    str_add(&out, EMIT_HEAD "name: dbstep\n"
                            "description: One stage of a PostgreSQL application's delivery, with a verdict\n"
                            "author: dbstep maintainers\ninputs:\n");
    emit_all_inputs(a, &in, &n);
    for (size_t i = 0; i < n; i++) {
        if (emit_is_plumbing(in[i].row->name) && !text_equal(in[i].row->name, "stage") &&
            !text_equal(in[i].row->name, "output_dir") && !text_equal(in[i].row->name, "run_as"))
            continue;
        bool stage = text_equal(in[i].row->name, "stage");
        str_addf(&out, "  %s:\n    description: %s\n    required: %s\n", in[i].row->name,
                 emit_yaml_text(a, stage ? "Stage to run" : sentence(a, &in[i])), stage ? "true" : "false");
    }
    str_add(&out, "outputs:\n");
    emit_all_outputs(a, &outputs, &n_outputs);
    for (size_t i = 0; i < n_outputs; i++)
        str_addf(&out, "  %s:\n    description: %s\n", outputs[i].name, emit_yaml_text(a, outputs[i].doc));
    str_add(&out, "runs:\n  using: docker\n  image: docker://" EMIT_IMAGE ":" DBSTEP_VERSION "-gha\n"
                  "branding:\n  icon: database\n  color: blue\n");
    return out.s;
}

/* ---- Argo Workflows ---- */

static void argo_parameter(struct str *out, const struct input_spec *row)
{
    struct arena *a = out->arena;
    const char *def = row->def ? row->def : "";

    str_addf(out, "          - name: %s\n            description: %s\n", row->name, emit_yaml_text(a, row->doc));
    if (!(row->flags & IN_REQUIRED))
        str_addf(out, "            value: %s\n", emit_yaml_text(a, def));
    if (!row->choices && row->type != IN_BOOLEAN)
        return;
    str_add(out, "            enum: [");
    if (!*def && !(row->flags & IN_REQUIRED))
        str_add(out, "\"\", ");
    const char *p = row->choices ? row->choices : "true|false";
    for (bool first = true; *p; first = false) {
        size_t len = strcspn(p, "|");
        str_addf(out, "%s%s", first ? "" : ", ", emit_yaml_text(a, arena_strndup(a, p, len)));
        p += len + (p[len] == '|');
    }
    str_add(out, "]\n");
}

static void argo_env(struct str *out, const struct input_spec *row)
{
    char *capitals = text_upper(out->arena, row->name);
    if (row->flags & IN_SECRET)
        str_addf(out,
                 "          - name: DBSTEP_%s\n            valueFrom:\n              secretKeyRef:\n"
                 "                name: \"{{inputs.parameters.credentials}}\"\n                key: %s\n"
                 "                optional: true\n",
                 capitals, row->name);
    else
        str_addf(out, "          - name: DBSTEP_%s\n            value: \"{{inputs.parameters.%s}}\"\n", capitals,
                 row->name);
}

static void argo_outputs(struct str *out, const struct output_spec *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        str_addf(out,
                 "          - name: %s\n            description: %s\n            valueFrom:\n"
                 "              path: /out/outputs/%s\n              default: %s\n",
                 rows[i].name, emit_yaml_text(out->arena, rows[i].doc), rows[i].name,
                 rows[i].type == OUT_JSON ? "\"{}\"" : "\"\"");
}

static void argo_template(struct str *out, const struct stage *stage)
{
    static const char *const files[][2] = {
        {"result-json", "result.json"}, {"summary", "summary.md"}, {"junit", "junit.xml"}, {"sarif", "results.sarif"}};
    const struct input_spec *lists[] = {stage->inputs, common_inputs};
    size_t counts[] = {stage->n_inputs, n_common_inputs};
    struct arena *a = out->arena;

    str_addf(out, "    # %s\n    - name: %s\n", stage->summary, stage->name);
    str_add(out, "      inputs:\n        parameters:\n          - name: credentials\n"
                 "            description: \"Secret whose keys are named as the secret inputs: db_url, db_password\"\n"
                 "            value: \"dbstep\"\n");
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t i = 0; i < counts[k]; i++)
            if (!(lists[k][i].flags & IN_SECRET) && !emit_is_plumbing(lists[k][i].name))
                argo_parameter(out, &lists[k][i]);
    str_add(out, "        artifacts:\n          # changelogs, tests and certificates that relative paths refer to\n"
                 "          - name: workspace\n            path: /work\n            optional: true\n"
                 "      outputs:\n        parameters:\n");
    argo_outputs(out, common_outputs, n_common_outputs);
    argo_outputs(out, stage->outputs, stage->n_outputs);
    str_add(
        out,
        "        artifacts:\n          # everything that the stage wrote, certificates included: the workspace of a later step\n"
        "          - name: results\n            path: /out\n            optional: true\n");
    for (size_t i = 0; i < COUNT(files); i++)
        str_addf(
            out,
            "          - name: %s\n            path: /out/%s\n            optional: true\n            archive:\n              none: {}\n",
            files[i][0], files[i][1]);
    str_addf(
        out,
        "      retryStrategy:\n        limit: \"2\"\n        retryPolicy: OnFailure\n"
        "        expression: \"asInt(lastRetry.exitCode) in [%s]\"\n        backoff:\n          duration: \"10s\"\n          factor: \"2\"\n",
        emit_retry_codes(a));
    str_addf(
        out,
        "      container:\n        image: " EMIT_IMAGE ":" DBSTEP_VERSION
        "\n        command: [/dbstep]\n        args: [%s]\n"
        "        workingDir: /work\n        env:\n"
        "          - name: DBSTEP_HOST\n            value: argo\n          - name: DBSTEP_OUTPUT_DIR\n            value: /out\n",
        stage->name);
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t i = 0; i < counts[k]; i++)
            if (!emit_is_plumbing(lists[k][i].name))
                argo_env(out, &lists[k][i]);
    str_add(
        out,
        "        volumeMounts:\n          - name: out\n            mountPath: /out\n"
        "          - name: tmp\n            mountPath: /tmp\n"
        "        resources:\n          requests:\n            cpu: 100m\n            memory: 64Mi\n"
        "        securityContext:\n          runAsNonRoot: true\n          runAsUser: 65532\n"
        "          readOnlyRootFilesystem: true\n          allowPrivilegeEscalation: false\n"
        "          capabilities:\n            drop: [ALL]\n          seccompProfile:\n            type: RuntimeDefault\n"
        "      volumes:\n        - name: out\n          emptyDir: {}\n        - name: tmp\n          emptyDir: {}\n");
}

const char *emit_argo(struct arena *a)
{
    struct str out = str_new(a);
    str_add(
        &out, EMIT_HEAD
        "# Called with templateRef: {name: dbstep, template: STAGE, clusterScope: true}. An output that a stage did not\n"
        "# set is empty, or {} for JSON.\n"
        "apiVersion: argoproj.io/v1alpha1\nkind: ClusterWorkflowTemplate\nmetadata:\n  name: dbstep\nspec:\n  templates:\n");
    for (const struct stage *const *s = stages; *s; s++)
        argo_template(&out, *s);
    return out.s;
}

/* ---- Tekton ---- */

static void tekton_task(struct str *out, const struct stage *stage)
{
    const struct input_spec *lists[] = {stage->inputs, common_inputs};
    size_t counts[] = {stage->n_inputs, n_common_inputs};
    struct arena *a = out->arena;

    str_addf(out,
             "---\napiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: dbstep-%s\nspec:\n  description: %s\n",
             stage->name, emit_yaml_text(a, stage->summary));
    str_add(
        out,
        "  workspaces:\n    - name: source\n      description: \"Changelogs and tests; results go to its folder dbstep-out\"\n"
        "  params:\n    - name: credentials\n      description: \"Secret whose keys are named as the secret inputs\"\n"
        "      default: \"dbstep\"\n");
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t i = 0; i < counts[k]; i++) {
            const struct input_spec *row = &lists[k][i];
            if (row->flags & IN_SECRET || emit_is_plumbing(row->name))
                continue;
            str_addf(out, "    - name: %s\n      description: %s\n", row->name, emit_yaml_text(a, row->doc));
            if (!(row->flags & IN_REQUIRED))
                str_addf(out, "      default: %s\n", emit_yaml_text(a, row->def ? row->def : ""));
        }
    /* Results share 4096 bytes of termination message: texts and JSON stay on the workspace. */
    str_add(out, "  results:\n    - name: verdict\n      description: \"pass, fail, inconclusive or error\"\n"
                 "    - name: exit_code\n      description: \"Exit status of the step\"\n");
    for (size_t i = 0; i < stage->n_outputs; i++)
        if (stage->outputs[i].type == OUT_INTEGER || stage->outputs[i].type == OUT_BOOLEAN)
            str_addf(out, "    - name: %s\n      description: %s\n", stage->outputs[i].name,
                     emit_yaml_text(a, stage->outputs[i].doc));
    str_addf(
        out,
        "  steps:\n    - name: run\n      image: " EMIT_IMAGE ":" DBSTEP_VERSION
        "\n      command: [/dbstep]\n      args: [%s]\n"
        "      workingDir: $(workspaces.source.path)\n      env:\n        - name: DBSTEP_HOST\n          value: tekton\n",
        stage->name);
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t i = 0; i < counts[k]; i++) {
            const struct input_spec *row = &lists[k][i];
            if (emit_is_plumbing(row->name))
                continue;
            str_addf(out, "        - name: DBSTEP_%s\n", text_upper(a, row->name));
            if (row->flags & IN_SECRET)
                str_addf(out,
                         "          valueFrom:\n            secretKeyRef:\n              name: $(params.credentials)\n"
                         "              key: %s\n              optional: true\n",
                         row->name);
            else
                str_addf(out, "          value: $(params.%s)\n", row->name);
        }
    str_add(
        out,
        "      securityContext:\n        runAsNonRoot: true\n        runAsUser: 65532\n        readOnlyRootFilesystem: true\n"
        "        allowPrivilegeEscalation: false\n        capabilities:\n          drop: [ALL]\n"
        "        seccompProfile:\n          type: RuntimeDefault\n");
}

const char *emit_tekton(struct arena *a)
{
    struct str out = str_new(a);
    str_add(&out, EMIT_HEAD);
    for (const struct stage *const *s = stages; *s; s++)
        tekton_task(&out, *s);
    return out.s;
}

/* ---- Drone ---- */

const char *emit_drone(struct arena *a)
{
    static const char *const types[] = {"string", "number", "string", "string", "boolean",
                                        "string", "array",  "string", "string"};
    struct str out = str_new(a);
    struct emit_input *in;
    size_t n;

    str_add(&out,
            EMIT_HEAD "title: dbstep\nauthor: dbstep maintainers\nrepo: dbstep/dbstep\nimage: " EMIT_IMAGE "\n"
                      "license: Apache-2.0\ntags: [database, postgresql, delivery]\n"
                      "description: One stage of a PostgreSQL application's delivery, with a verdict\nproperties:\n");
    emit_all_inputs(a, &in, &n);
    for (size_t i = 0; i < n; i++) {
        const struct input_spec *row = in[i].row;
        if (emit_is_plumbing(row->name) && !text_equal(row->name, "stage") && !text_equal(row->name, "card_template") &&
            !text_equal(row->name, "output_encoding"))
            continue;
        str_addf(&out, "  %s:\n    type: %s\n    description: %s\n    secret: %s\n    required: %s\n", row->name,
                 types[row->type], emit_yaml_text(a, sentence(a, &in[i])), row->flags & IN_SECRET ? "true" : "false",
                 text_equal(row->name, "stage") ? "true" : "false");
        if (row->def && *row->def && row->type != IN_LIST)
            str_addf(&out, "    defaultValue: %s\n",
                     row->type == IN_BOOLEAN || row->type == IN_INTEGER ? row->def : emit_yaml_text(a, row->def));
    }
    return out.s;
}

/* The template that input card_template points to, once somebody serves this file over https. */
const char *emit_drone_card(struct arena *a)
{
    static const char *const facts[][2] = {{"Verdict", "${verdict}"},
                                           {"Duration", "${duration}"},
                                           {"Findings", "${findings}"},
                                           {"Exit status", "${exit_code}"}};
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);

    json_object(&w, NULL);
    json_string(&w, "type", "AdaptiveCard");
    json_string(&w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    json_string(&w, "version", "1.5");
    json_array(&w, "body");
    json_object(&w, NULL);
    json_string(&w, "type", "TextBlock");
    json_string(&w, "text", "dbstep ${stage}");
    json_string(&w, "weight", "bolder");
    json_end_object(&w);
    json_object(&w, NULL);
    json_string(&w, "type", "TextBlock");
    json_string(&w, "text", "${summary}");
    json_bool(&w, "wrap", true);
    json_end_object(&w);
    json_object(&w, NULL);
    json_string(&w, "type", "FactSet");
    json_array(&w, "facts");
    for (size_t i = 0; i < COUNT(facts); i++) {
        json_object(&w, NULL);
        json_string(&w, "title", facts[i][0]);
        json_string(&w, "value", facts[i][1]);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    str_addc(&out, '\n');
    return out.s;
}
