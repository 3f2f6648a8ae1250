/* schema_policy.c - the policy input; see schema_policy.h. */
#include "schema_policy.h"

#include "dbstep/files.h"
#include "dbstep/json.h"
#include "dbstep/redact.h"

static const char *or_else(const char *text, const char *fallback)
{
    return text_empty(text) ? fallback : text;
}

bool schema_policy_write(struct run *run, const struct schema_config *c, const char *statements)
{
    const struct policy_config *policy = &c->policy;
    struct ctx *cx = run->cx;
    struct str out = str_new(cx->arena);
    struct json_writer w = json_writer(&out);
    const char *place = pg_target_place(cx, &c->db);
    const char *instance = or_else(policy->instance, place), *schema = or_else(policy->schema, c->changelog_file);
    const char *path = path_join(cx->arena, run->output_dir, "policy_input.json");

    if (cx->err.code != E_OK)
        return false;
    if (!text_empty(policy->instance_tags) && *text_skip_blanks(policy->instance_tags) != '{')
        return fail(cx, E_INPUT, "policy_instance_tags must be a JSON object");
    json_object(&w, NULL);
    json_object(&w, "dbInstance");
    json_string(&w, "dbConnectionUrl", arena_printf(cx->arena, "jdbc:postgresql://%s", place));
    json_string(&w, "identifier", instance);
    json_string(&w, "name", or_else(policy->instance_name, instance));
    json_raw(&w, "tags", or_else(policy->instance_tags, "{}"));
    json_string(&w, "type", "jdbc:postgresql");
    json_end_object(&w);
    json_object(&w, "dbSchema");
    json_string(&w, "identifier", schema);
    json_string(&w, "name", or_else(policy->schema_name, schema));
    json_end_object(&w);
    json_raw(&w, "sqlStatements", redact_text(cx->arena, statements));
    json_end_object(&w);
    str_addc(&out, '\n');
    if (!file_write_atomic(cx, path, out.s, out.len))
        return false;
    result_output(run->result, "policy_input_file", path);
    result_file(run->result, path);
    return true;
}
