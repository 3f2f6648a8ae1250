/* host_harness.c - Harness CI/CD and Drone, which share the dotenv file of step outputs.
 *
 * The file is named by DRONE_OUTPUT and, the same, by HARNESS_OUTPUT_FILE; NAME=value lines, read also after a failed step.
 * Two parsers are in use (godotenv v2 and v4, chosen by the platform), which agree on less than either accepts: quoting is not
 * portable, "#" and "$" are interpreted, one malformed line loses every output. What both read back byte for byte, as tested
 * with the parsers themselves, and what is therefore written:
 *   - plain values of host_plain_safe();
 *   - a minified JSON object or array with "#" and "$" as \u0023 and \u0024;
 *   - __B64__ and base64, decoded by the platform (input output_encoding: b64).
 * So a text that is not plain becomes a JSON array holding that one text, ["it's 5 \u0023"], which a pipeline reads with
 * <+json.select("[0]", <+...outputVariables.x>)>; the output `result` has all of them by name. Empty values are left out.
 * Lines stay below the 65,536 bytes of the v2 parser.
 *
 * The annotation file (Annotations tab) is JSON; the platform posts it only for a step that succeeded, so the log has the
 * same summary. Drone shows an adaptive card instead.
 */
#include <ctype.h>
#include <string.h>

#include "dbstep/base64.h"
#include "dbstep/clock.h"
#include "dbstep/files.h"
#include "dbstep/host.h"
#include "dbstep/json.h"
#include "dbstep/log.h"
#include "dbstep/out.h"
#include "dbstep/render.h"

enum { ANNOTATION_MAX = 60000, HOST_LINE_MAX = 60000 };

static bool in_harness(struct env env)
{
    return env_get(env, "HARNESS_ACCOUNT_ID") || env_get(env, "HARNESS_STEP_ID") ||
           env_get(env, "HARNESS_OUTPUT_FILE") ||
           (env_get(env, "PLUGIN_COMMAND") && env_get(env, "DRONE_OUTPUT") && !env_is(env, "DRONE", "true"));
}

static bool in_drone(struct env env)
{
    return env_is(env, "DRONE", "true") && !in_harness(env);
}

static const char *encode(struct host_run *h, const struct host_value *v)
{
    struct arena *a = h->cx->arena;
    if (v->type == OUT_JSON && (*v->value == '{' || *v->value == '['))
        return v->value; /* minified and host-safe already, see render_clean() */
    if (host_plain_safe(v->value))
        return v->value;
    if (h->config->output_encoding)
        return arena_printf(a, "__B64__%s", base64_text(a, v->value, strlen(v->value)));
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    w.host_safe = true;
    json_array(&w, NULL);
    json_string(&w, NULL, v->value);
    json_end_array(&w);
    return out.s;
}

/* preStartTag for pre_start_tag. */
static const char *camel_case(struct arena *a, const char *name)
{
    struct str out = str_new(a);
    for (; *name; name++)
        if (*name == '_' && name[1])
            str_addc(&out, (char)toupper((unsigned char)*++name));
        else
            str_addc(&out, *name);
    return out.s;
}

/* The image that a Liquibase call replaces writes one JSON object of the step's outputs, named in camel case. */
static void add_step_output(struct host_run *h, struct str *text)
{
    struct arena *a = h->cx->arena;
    struct str json = str_new(a);
    struct json_writer w = json_writer(&json);

    w.host_safe = true;
    json_object(&w, NULL);
    for (size_t i = 0; i + 1 < h->n_values; i++) { /* without `result`, which repeats the others */
        const struct host_value *v = &h->values[i];
        const char *key = camel_case(a, v->name);
        if (!v->set)
            continue;
        if (v->type == OUT_JSON || (v->type == OUT_INTEGER && *v->value) || v->type == OUT_BOOLEAN)
            json_raw(&w, key, v->value);
        else
            json_string(&w, key, v->value);
    }
    json_end_object(&w);
    if (json.len > HOST_LINE_MAX)
        log_warning("step_output is left out: it has over 60,000 bytes; the outputs follow one by one");
    else
        str_addf(text, "step_output=%s\n", json.s);
}

static bool write_outputs(struct host_run *h)
{
    const char *path = env_get(h->env, "DRONE_OUTPUT");
    if (!path)
        path = env_get(h->env, "HARNESS_OUTPUT_FILE");
    if (!path) {
        log_info("no DRONE_OUTPUT given: outputs are in %s/result.json only", h->config->output_dir);
        return true;
    }
    struct str text = str_new(h->cx->arena);
    bool contract = env_get(h->env, "PLUGIN_COMMAND") != NULL;
    if (contract)
        str_addf(&text, "exit_code=%d\n", h->result->exit_status);
    if (contract && env_is(h->env, "GENERATE_STEP_OUTPUTS", "true"))
        add_step_output(h, &text);
    for (size_t i = 0; i < h->n_values; i++) {
        const struct host_value *v = &h->values[i];
        if (!*v->value || (contract && text_equal(v->name, "exit_code")))
            continue;
        const char *encoded = encode(h, v);
        /* Escapes may lengthen a text sixfold, base64 by a third: both must fit the line. */
        if (strlen(v->value) > HOST_VALUE_MAX || strlen(encoded) > HOST_LINE_MAX)
            host_omit(h, v, "over 32 KiB");
        else
            str_addf(&text, "%s=%s\n", v->name, encoded);
    }
    return host_append(h, path, -1, text.s, text.len);
}

static const char *get(struct host_run *h, const char *name)
{
    const char *s = env_get(h->env, name);
    return s ? s : "";
}

static bool write_annotation(struct host_run *h)
{
    static const char *const styles[] = {"info", "success", "error", "warning", "error"};
    const char *path = env_get(h->env, "HARNESS_ANNOTATIONS_FILE");
    bool on =
        env_is(h->env, "CI_ENABLE_HARNESS_ANNOTATIONS", "true") || env_is(h->env, "PIPE_HARNESS_ANNOTATIONS", "true");

    if (!path || !on)
        return true;
    struct str out = str_new(h->cx->arena);
    struct json_writer w = json_writer(&out);
    json_object(&w, NULL);
    json_string(&w, "accountId", get(h, "HARNESS_ACCOUNT_ID"));
    json_string(&w, "orgId", get(h, "HARNESS_ORG_ID"));
    json_string(&w, "projectId", get(h, "HARNESS_PROJECT_ID"));
    json_string(&w, "pipelineId", get(h, "HARNESS_PIPELINE_ID"));
    json_string(&w, "planExecutionId", get(h, "HARNESS_EXECUTION_ID"));
    json_string(&w, "stageExecutionId", get(h, "HARNESS_STAGE_ID"));
    json_array(&w, "annotations");
    json_object(&w, NULL);
    /* One context per step, so that two steps of a pipeline do not replace each other's page. */
    const char *step = get(h, "HARNESS_STEP_ID");
    char *context = arena_printf(h->cx->arena, "dbstep%s%s", *step ? "-" : "", step);
    json_string(&w, "contextId", arena_strndup(h->cx->arena, context, text_utf8_prefix(context, strlen(context), 256)));
    json_string(&w, "mode", "replace");
    json_string(&w, "style", styles[h->result->verdict]);
    json_string(&w, "summary", render_cut(h->cx->arena, h->markdown, ANNOTATION_MAX));
    json_int(&w, "priority", h->result->exit_status ? 1 : 3);
    json_int(&w, "timestamp", clock_wall_ms());
    json_string(&w, "stepId", step);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    return file_write_atomic(h->cx, path, out.s, out.len);
}

/* A text reduced to what every dotenv parser reads back unchanged; the true one stands in result.json. */
static const char *soften(struct arena *a, const char *text)
{
    char *s = text_trim(a, text);
    for (char *p = s; *p; p++) {
        char one[2] = {*p, '\0'};
        if (*p != ' ' && !host_plain_safe(one))
            *p = (unsigned char)*p < 0x20 ? ' ' : *p == '"' || *p == '\'' ? ' ' : '.';
    }
    return text_trim(a, s);
}

/* Known from the plugin library only; nothing is known to read it, so nothing depends on it. */
static bool write_error(struct host_run *h)
{
    const char *path = env_get(h->env, "ERROR_METADATA_FILE");
    const struct err *e = h->result->error;
    if (!path || !h->result->exit_status)
        return true;
    enum err_code code = e ? e->code : h->result->verdict == VERDICT_INCONCLUSIVE ? E_INCONCLUSIVE : E_GATE;
    char *text = arena_printf(h->cx->arena, "ERROR_MESSAGE=%s\nERROR_CODE=%d\nERROR_CATEGORY=%s\n",
                              soften(h->cx->arena, e ? e->message : h->result->summary), h->result->exit_status,
                              err_category(code));
    return file_write_atomic(h->cx, path, text, strlen(text));
}

/* {"schema": template's address, "data": …}: to a terminal stream as ESC ]1338; base64 ESC ]0m, else into the file. */
static bool write_card(struct host_run *h)
{
    const char *path = env_get(h->env, "DRONE_CARD_PATH");
    if (!path || !h->config->card_template)
        return true;
    struct arena *a = h->cx->arena;
    const struct result *r = h->result;
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    json_object(&w, NULL);
    json_string(&w, "schema", h->config->card_template);
    json_object(&w, "data");
    json_string(&w, "stage", r->stage ? r->stage->name : "");
    json_string(&w, "verdict", verdict_name(r->verdict));
    json_string(&w, "summary", r->summary);
    json_string(&w, "duration", text_duration(a, r->duration_ms));
    json_int(&w, "exit_code", r->exit_status);
    json_int(&w, "findings", (long long)r->findings.n);
    json_array(&w, "proofs");
    for (size_t i = 0; i < r->proofs.n && i < 10; i++)
        json_string(&w, NULL, r->proofs.at[i]);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    if (!text_equal(path, "/dev/stdout") && !text_equal(path, "/dev/stderr"))
        return file_write_atomic(h->cx, path, out.s, out.len);
    /* Both streams reach Drone's log; stdout is ours to write. */
    char *card = arena_printf(a, "\033]1338;%s\033]0m\n", base64_text(a, out.s, out.len));
    out_raw(card, strlen(card));
    return true;
}

static bool publish(struct host_run *h)
{
    bool ok = write_outputs(h);
    ok &= write_annotation(h);
    ok &= write_error(h);
    ok &= write_card(h);
    return ok;
}

const struct host host_harness = {.name = "harness", .here = in_harness, .publish = publish};
const struct host host_drone = {.name = "drone", .here = in_drone, .publish = publish};
