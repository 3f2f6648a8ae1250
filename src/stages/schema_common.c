/* schema_common.c - from inputs to an open changelog and history; see schema_common.h. */
#include "schema_common.h"

#include <string.h>

#include "dbstep/files.h"
#include "dbstep/inputs.h"
#include "dbstep/redact.h"
#include "schema_git.h"

/* Liquibase finds environment variables by any spelling of their name; the exact one first. */
static const char *find_variable(struct env env, const char *name)
{
    const char *exact = env_get(env, name);
    size_t n = strlen(name);
    if (exact || !n)
        return exact;
    for (const char *const *v = env.vars; v && *v; v++)
        if (strncasecmp(*v, name, n) == 0 && (*v)[n] == '=' && (*v)[n + 1])
            return *v + n + 1;
    return NULL;
}

static const char *environment(void *user, const char *name)
{
    const char *value = find_variable(*(const struct env *)user, name);
    redact_add_named(name, value); /* it is about to stand in statements */
    return value;
}

static bool check(struct ctx *cx, const struct schema_config *c)
{
    if (text_empty(c->changelog_file)) {
        fail(cx, E_INPUT, "neither changelog_file nor migrations is given");
        err_hint(cx, "changelog_file names a changelog of Liquibase's, migrations folders of Flyway's");
        return false;
    }
    for (size_t i = 0; i < c->parameters.n; i++) {
        const char *eq = strchr(c->parameters.at[i], '=');
        if (eq && eq > c->parameters.at[i]) {
            redact_add_named(arena_strndup(cx->arena, c->parameters.at[i], (size_t)(eq - c->parameters.at[i])), eq + 1);
            continue;
        }
        fail(cx, E_INPUT, "item %zu of parameters is not of the form key=value", i + 1); /* it may be half a secret */
        err_hint(cx, "values with commas in them: give the list one per line or as a JSON array");
        return false;
    }
    const char *fault = expression_fault(c->labels);
    if (fault)
        return fail(cx, E_INPUT, "the expression '%s' in labels is malformed: %s", c->labels, fault);
    return true;
}

bool schema_load(struct run *run, const struct schema_config *c, struct changelog *log)
{
    struct ctx *cx = run->cx;
    struct env *env = ARENA_NEW(cx->arena, struct env);
    *env = env_process();
    struct str_list *path = ARENA_NEW(cx->arena, struct str_list); /* files may be read later than here */
    if (!schema_git_materialise(run, c, path))
        return false;
    struct changelog_source source = {.file = c->changelog_file,
                                      .search_path = path,
                                      .parameters = &c->parameters,
                                      .environment = environment,
                                      .environment_user = env,
                                      .contexts = c->contexts,
                                      .labels = c->labels};
    long long started = clock_ms();
    if (!check(cx, c) || !changelog_load(cx, &source, log))
        return false;
    schema_git_facts(run, c, log);
    result_timing(run->result, "read the changelog", clock_ms() - started);
    return true;
}

bool schema_connect(struct run *run, const struct schema_config *c, const struct changelog *log, struct deploy **d)
{
    static const enum deploy_action actions[] = {DEPLOY_UPDATE, DEPLOY_SYNC, DEPLOY_SYNC, DEPLOY_MARK_NEXT};
    struct deploy_options options = {.action = (size_t)c->action < COUNT(actions) ? actions[c->action] : DEPLOY_UPDATE,
                                     .to_tag = c->to_tag,
                                     .split = (enum split_mode)c->split,
                                     .contexts = c->contexts,
                                     .labels = c->labels,
                                     .count = c->count,
                                     .tag = c->tag,
                                     .tag_before = c->tag_before,
                                     .lock_wait_ms = c->lock_wait,
                                     .lock_timeout_ms = c->lock_timeout,
                                     .lock_retries = c->lock_retries,
                                     .statement_timeout_ms = c->statement_timeout,
                                     .default_schema = c->default_schema_name,
                                     .history_schema = c->liquibase_schema_name,
                                     .history_table = c->database_changelog_table_name,
                                     .lock_table = c->database_changelog_lock_table_name,
                                     .liquibase_version = c->liquibase_version};
    long long started = clock_ms();
    if (!deploy_open(run->cx, &c->db, &options, log, d))
        return false;
    result_timing(run->result, "connect and read the history", clock_ms() - started);
    return true;
}

bool schema_open(struct run *run, const struct schema_config *c, struct changelog *log, struct deploy **d)
{
    return schema_load(run, c, log) && schema_connect(run, c, log, d);
}

bool schema_is_flyway(const struct schema_config *c)
{
    return c->format == 2 || (c->format == 0 && (c->migrations.n || !text_empty(c->flyway_conf)));
}

bool schema_write_sql(struct run *run, const char *name, const char *sql)
{
    struct ctx *cx = run->cx;
    const char *path = path_join(cx->arena, run->output_dir, name), *safe = redact_text(cx->arena, sql);
    if (!file_write_atomic(cx, path, safe, strlen(safe)))
        return false;
    result_output(run->result, "sql_file", path);
    result_file(run->result, path);
    return true;
}

void schema_list_chosen(struct run *run, const struct deploy *d, const char *title)
{
    const struct plan *plan = deploy_plan(d);
    struct result_table *t = plan->chosen.n ? result_table(run->result, title, "changeset|author|file|why") : NULL;
    for (size_t i = 0; i < plan->chosen.n; i++) {
        const struct plan_item *item = plan->chosen.at[i];
        const char *const row[] = {item->set->id, item->set->author,
                                   arena_printf(run->cx->arena, "%s:%d", item->set->file, item->set->line),
                                   item->action == PLAN_RUN ? "new" : item->why};
        result_row(run->result, t, row);
    }
}

void schema_note_order(struct run *run, const struct deploy *d)
{
    const struct plan *plan = deploy_plan(d);
    const struct changeset *behind = NULL; /* the next changeset that ran, seen from the end */
    struct arena *a = run->cx->arena;
    for (size_t i = plan->items.n; i-- > 0;) {
        const struct plan_item *item = &plan->items.at[i];
        if (item->ran)
            behind = item->set;
        if (item->action != PLAN_RUN || !behind)
            continue;
        struct finding *f = result_finding(run->result, SEV_NOTE, "out-of-order",
                                           "changeset %s is new, yet stands before %s, which ran",
                                           changeset_name(a, item->set), changeset_name(a, behind));
        f->file = item->set->file;
        f->line = item->set->line;
        f->object = changeset_name(a, item->set);
        f->hint = "it runs after what follows it in the changelog; on a fresh database it runs before";
    }
}

bool schema_range(struct run *run, const struct schema_config *c, struct rollback_range *out)
{
    struct ctx *cx = run->cx;
    int given = !text_empty(c->to_tag) + (c->count >= 0) + !text_empty(c->to_date) + !text_empty(c->changeset_id);

    *out = (struct rollback_range){.to = !text_empty(c->to_tag)    ? BACK_TO_TAG
                                         : c->count >= 0           ? BACK_BY_COUNT
                                         : !text_empty(c->to_date) ? BACK_TO_DATE
                                                                   : BACK_ONE,
                                   .tag = c->to_tag,
                                   .count = c->count,
                                   .date = c->to_date,
                                   .id = c->changeset_id,
                                   .author = c->changeset_author,
                                   .path = text_empty(c->changeset_path) ? c->changelog_file : c->changeset_path,
                                   .skip_unknown = c->skip_unknown};
    if (given != 1) {
        fail(cx, E_INPUT, "%s says how far to roll back", given ? "more than one input" : "no input");
        err_hint(cx, "give exactly one of to_tag, count, to_date and changeset_id");
        return false;
    }
    if (out->to == BACK_ONE && text_empty(out->author))
        return fail(cx, E_INPUT, "changeset_id is given without changeset_author");
    return true;
}
