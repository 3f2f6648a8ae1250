/* schema_report.c - what a run of changesets did, or would do, as outputs, table and findings; see schema_common.h. */
#include "dbstep/json.h"
#include "dbstep/redact.h"
#include "schema_common.h"

static const char *const outcomes[] = {
    [STEP_EXECUTED] = "executed",
    [STEP_RERAN] = "ran again",
    [STEP_MARK_RAN] = "marked as ran",
    [STEP_FAILED] = "failed, run went on",
    [STEP_SKIPPED] = "skipped by precondition",
    [STEP_SYNCED] = "recorded without running",
    [STEP_ROLLED_BACK] = "rolled back",
};

void schema_report_steps(struct run *run, const struct deploy_report *r)
{
    struct arena *a = run->cx->arena;
    struct result_table *t =
        r->steps.n ? result_table(run->result, "Changesets", "changeset|author|file|result|#time|#retries") : NULL;
    for (size_t i = 0; i < r->steps.n; i++) {
        const struct deploy_step *s = &r->steps.at[i];
        const char *const row[] = {
            s->set->id,           s->set->author,          arena_printf(a, "%s:%d", s->set->file, s->set->line),
            outcomes[s->outcome], text_duration(a, s->ms), text_group_digits(a, s->retries)};
        result_row(run->result, t, row);
        if (s->outcome != STEP_FAILED && !*s->note)
            continue;
        struct finding *f = result_finding(run->result, s->outcome == STEP_FAILED ? SEV_WARNING : SEV_NOTE,
                                           s->outcome == STEP_FAILED ? "changeset-failed" : "precondition",
                                           "changeset %s: %s", changeset_name(a, s->set), s->note);
        f->file = s->set->file;
        f->line = s->set->line;
    }
}

static void add_set(struct json_writer *w, const struct changeset *cs, const char *result)
{
    json_object(w, NULL);
    json_string(w, "id", cs->id);
    json_string(w, "author", cs->author);
    json_string(w, "path", cs->path);
    json_string(w, "result", result);
    json_end_object(w);
}

void schema_output_statements(struct run *run, const struct str_list *statements)
{
    struct str json = str_new(run->cx->arena);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < statements->n; i++)
        json_string(&w, NULL, redact_text(run->cx->arena, statements->at[i]));
    json_end_array(&w);
    result_output(run->result, "sql_commands", json.s);
}

void schema_output_sets(struct run *run, const struct changeset *const *sets, size_t n, const char *what)
{
    struct str json = str_new(run->cx->arena);
    struct json_writer w = json_writer(&json);
    json_array(&w, NULL);
    for (size_t i = 0; i < n; i++)
        add_set(&w, sets[i], what);
    json_end_array(&w);
    result_output(run->result, "change_sets", json.s);
}

void schema_report_sets(struct run *run, const struct deploy_report *r)
{
    struct str sets = str_new(run->cx->arena);
    struct json_writer w = json_writer(&sets);
    json_array(&w, NULL);
    for (size_t i = 0; i < r->steps.n; i++)
        add_set(&w, r->steps.at[i].set, outcomes[r->steps.at[i].outcome]);
    json_end_array(&w);
    result_output(run->result, "change_sets", sets.s);
    schema_output_statements(run, &r->statements.list);
    if (r->statements.cut)
        result_uncovered(run->result, "sql_commands leaves out what is beyond its first %s; sql_file has all of it",
                         text_size(run->cx->arena, r->statements.most));
}

bool schema_report_sql(struct run *run, const char *name, const struct deploy_report *r, bool ok)
{
    struct ctx writing = {.arena = run->cx->arena};
    struct run again = *run;

    if (!r->sql.len)
        return true;
    if (!ok)
        again.cx = &writing;
    return schema_write_sql(&again, name, r->sql.s) || !ok;
}
