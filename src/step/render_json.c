/* render_json.c - the result document and its compact form; see render.h. */
#include <string.h>

#include "dbstep/clock.h"
#include "dbstep/render.h"
#include "version.h"

static void add_error(struct json_writer *w, const struct err *e)
{
    if (!e) {
        json_raw(w, "error", "null");
        return;
    }
    json_object(w, "error");
    json_string(w, "code", err_name(e->code));
    json_int(w, "exit_code", err_exit_status(e->code));
    json_bool(w, "retryable", err_retryable(e->code));
    json_string(w, "category", err_category(e->code));
    json_string(w, "message", e->message);
    json_string(w, "detail", e->detail[0] ? e->detail : NULL);
    json_string(w, "hint", e->hint[0] ? e->hint : NULL);
    json_string(w, "sqlstate", e->sqlstate[0] ? e->sqlstate : NULL);
    json_string(w, "file", e->file[0] ? e->file : NULL);
    if (e->line)
        json_int(w, "line", e->line);
    if (e->column)
        json_int(w, "column", e->column);
    json_end_object(w);
}

static void add_finding(struct json_writer *w, const struct finding *f)
{
    json_object(w, NULL);
    json_string(w, "severity", severity_name(f->severity));
    json_string(w, "code", f->code);
    json_string(w, "message", f->message);
    if (f->object)
        json_string(w, "object", f->object);
    if (f->file)
        json_string(w, "file", f->file);
    if (f->line)
        json_int(w, "line", f->line);
    if (f->column)
        json_int(w, "column", f->column);
    if (f->hint)
        json_string(w, "hint", f->hint);
    json_end_object(w);
}

static void add_output(struct json_writer *w, const struct output_spec *o, const char *value)
{
    if (!value || (!*value && o->type != OUT_STRING && o->type != OUT_FILE))
        json_raw(w, o->name, "null");
    else if (o->type == OUT_BOOLEAN || o->type == OUT_JSON)
        json_raw(w, o->name, value);
    else
        json_string(w, o->name, value);
}

/* Declared outputs longer than `longest` are left out and named in `omitted`. */
static void add_outputs(struct json_writer *w, const struct result *r, size_t longest, struct str_list *omitted)
{
    const struct output_spec *lists[] = {common_outputs, r->stage ? r->stage->outputs : NULL};
    size_t counts[] = {n_common_outputs, r->stage ? r->stage->n_outputs : 0};

    json_object(w, "outputs");
    for (size_t k = 0; k < COUNT(lists); k++)
        for (size_t i = 0; i < counts[k]; i++) {
            const struct output_spec *o = &lists[k][i];
            if (text_equal(o->name, "result"))
                continue; /* it holds this very object */
            const char *value = result_output_get(r, o->name);
            if (value && strlen(value) > longest)
                *VEC_PUSH(r->arena, omitted) = o->name;
            else
                add_output(w, o, value);
        }
    json_end_object(w);
}

static void add_texts(struct json_writer *w, const char *key, const char *const *texts, size_t n)
{
    json_array(w, key);
    for (size_t i = 0; i < n; i++)
        json_string(w, NULL, texts[i]);
    json_end_array(w);
}

static void add_tables(struct json_writer *w, const struct result *r)
{
    json_array(w, "tables");
    for (size_t i = 0; i < r->tables.n; i++) {
        const struct result_table *t = &r->tables.at[i];
        json_object(w, NULL);
        json_string(w, "title", t->title);
        add_texts(w, "headers", t->headers, t->n_columns);
        json_array(w, "rows");
        for (size_t row = 0; row + t->n_columns <= t->cells.n; row += t->n_columns)
            add_texts(w, NULL, t->cells.at + row, t->n_columns);
        json_end_array(w);
        json_end_object(w);
    }
    json_end_array(w);
}

static void add_cases(struct json_writer *w, const struct result *r)
{
    json_array(w, "tests");
    for (size_t i = 0; i < r->cases.n; i++) {
        const struct test_case *c = &r->cases.at[i];
        json_object(w, NULL);
        json_string(w, "suite", c->suite);
        json_string(w, "name", c->name);
        json_string(w, "outcome", c->failure ? "failed" : c->skipped ? "skipped" : "passed");
        json_int64_string(w, "duration_ms", c->ms);
        if (c->failure || c->skipped)
            json_string(w, "reason", c->failure ? c->failure : c->skipped);
        if (c->output)
            json_string(w, "output", c->output);
        json_end_object(w);
    }
    json_end_array(w);
}

char *render_json(struct arena *a, const struct result *r, struct render_facts facts)
{
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    struct str_list none = {0};

    json_object(&w, NULL);
    json_int(&w, "schema_version", RESULT_SCHEMA_VERSION);
    json_object(&w, "tool");
    json_string(&w, "name", "dbstep");
    json_string(&w, "version", DBSTEP_VERSION);
    json_string(&w, "commit", DBSTEP_COMMIT);
    json_end_object(&w);
    json_string(&w, "stage", r->stage ? r->stage->name : NULL);
    json_string(&w, "host", facts.host);
    json_bool(&w, "dry_run", facts.dry_run);
    json_string(&w, "verdict", verdict_name(r->verdict));
    json_int(&w, "exit_code", r->exit_status);
    json_string(&w, "summary", r->summary);
    json_string(&w, "started_at", clock_rfc3339(a, r->started_wall_ms));
    json_int64_string(&w, "duration_ms", r->duration_ms);
    add_error(&w, r->error);
    add_outputs(&w, r, (size_t)-1, &none);
    add_texts(&w, "proofs", r->proofs.at, r->proofs.n);
    add_texts(&w, "uncovered", r->uncovered.at, r->uncovered.n);
    json_array(&w, "findings");
    for (size_t i = 0; i < r->findings.n; i++)
        add_finding(&w, &r->findings.at[i]);
    json_end_array(&w);
    add_tables(&w, r);
    add_cases(&w, r);
    json_array(&w, "timings");
    for (size_t i = 0; i < r->timings.n; i++) {
        json_object(&w, NULL);
        json_string(&w, "name", r->timings.at[i].name);
        json_int64_string(&w, "duration_ms", r->timings.at[i].ms);
        json_end_object(&w);
    }
    json_end_array(&w);
    add_texts(&w, "files", r->files.at, r->files.n);
    json_end_object(&w);
    str_addc(&out, '\n');
    return out.s;
}

static char *compact(struct arena *a, const struct result *r, size_t n_findings, size_t longest, size_t text_max)
{
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);
    struct str_list omitted = {0};

    w.host_safe = true;
    json_object(&w, NULL);
    json_int(&w, "schema_version", RESULT_SCHEMA_VERSION);
    json_string(&w, "stage", r->stage ? r->stage->name : NULL);
    json_string(&w, "verdict", verdict_name(r->verdict));
    json_int(&w, "exit_code", r->exit_status);
    json_string(&w, "summary",
                arena_strndup(a, r->summary, text_utf8_prefix(r->summary, strlen(r->summary), text_max)));
    if (r->error) {
        json_object(&w, "error");
        json_string(&w, "code", err_name(r->error->code));
        json_bool(&w, "retryable", err_retryable(r->error->code));
        json_string(&w, "message", r->error->message);
        if (r->error->hint[0])
            json_string(&w, "hint", r->error->hint);
        json_end_object(&w);
    }
    add_outputs(&w, r, longest, &omitted);
    if (omitted.n)
        add_texts(&w, "omitted_outputs", omitted.at, omitted.n);
    json_int(&w, "findings_total", (long long)r->findings.n);
    json_array(&w, "findings");
    for (size_t i = 0; i < n_findings; i++)
        add_finding(&w, &r->findings.at[i]);
    json_end_array(&w);
    json_end_object(&w);
    return out.s;
}

char *render_compact(struct arena *a, const struct result *r, size_t max)
{
    enum { MOST_FINDINGS = 50 };
    static const size_t longest[] = {8192, 2048, 256, 32};
    char *text = NULL;

    /* First fewer findings; only when there are none left, the largest outputs (by name, so that nobody misses them). */
    for (size_t l = 0; l < COUNT(longest); l++)
        for (size_t n = r->findings.n < MOST_FINDINGS ? r->findings.n : MOST_FINDINGS;; n /= 2) {
            text = compact(a, r, n, longest[l], longest[l]);
            if (strlen(text) <= max)
                return text;
            if (!n)
                break;
        }
    return arena_strdup(a, "{}");
}
