/* result.c - filling the result document; see result.h. */
#include "dbstep/result.h"

#include <stdio.h>
#include <string.h>

#include "dbstep/clock.h"
#include "dbstep/json.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

enum { TABLES_ROOM = 64 };

#define FORMAT(arena, out, fmt)                 \
    do {                                        \
        struct str format_str = str_new(arena); \
        va_list ap;                             \
        va_start(ap, fmt);                      \
        str_vaddf(&format_str, fmt, ap);        \
        va_end(ap);                             \
        (out) = format_str.s;                   \
    } while (0)

static const char *copy(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

void result_init(struct result *r, struct arena *a, const struct stage *stage)
{
    *r = (struct result){
        .arena = a, .stage = stage, .summary = "", .started_wall_ms = clock_wall_ms(), .started_ms = clock_ms()};
}

static void defect(struct result *r, const char *text)
{
    if (!r->defect)
        r->defect = text;
}

void result_verdict(struct result *r, enum verdict v)
{
    r->verdict = v;
}

void result_summary(struct result *r, const char *fmt, ...)
{
    FORMAT(r->arena, r->summary, fmt);
}

static const struct output_spec *declared(const struct result *r, const char *name)
{
    for (size_t i = 0; i < n_common_outputs; i++)
        if (text_equal(common_outputs[i].name, name))
            return &common_outputs[i];
    for (size_t i = 0; r->stage && i < r->stage->n_outputs; i++)
        if (text_equal(r->stage->outputs[i].name, name))
            return &r->stage->outputs[i];
    return NULL;
}

static void put(struct result *r, const char *name, const char *value)
{
    for (size_t i = 0; i < r->outputs.n; i++)
        if (text_equal(r->outputs.at[i].name, name)) {
            r->outputs.at[i].value = value;
            return;
        }
    struct output_value *o = VEC_PUSH(r->arena, &r->outputs);
    *o = (struct output_value){copy(r->arena, name), value};
}

static bool may_set(struct result *r, const char *name, enum output_type type, const char *what)
{
    const struct output_spec *o = declared(r, name);
    if (!o)
        defect(r, arena_printf(r->arena, "output '%s' is not declared", name));
    else if (o->type != type && !(o->type == OUT_FILE && type == OUT_STRING) &&
             !(o->type == OUT_JSON && type == OUT_STRING))
        defect(r, arena_printf(r->arena, "output '%s' was set to %s, but is declared otherwise", name, what));
    else
        return true;
    return false;
}

void result_output(struct result *r, const char *name, const char *value)
{
    if (!may_set(r, name, OUT_STRING, "a text"))
        return;
    if (!value)
        value = "";
    if (declared(r, name)->type == OUT_JSON) {
        struct json_doc *doc = json_parse(value, strlen(value), NULL);
        json_free(doc);
        if (!doc) {
            defect(r, arena_printf(r->arena, "output '%s' is declared as JSON, but was set to something else", name));
            return;
        }
    }
    put(r, name, copy(r->arena, value));
}

void result_output_int(struct result *r, const char *name, long long value)
{
    if (may_set(r, name, OUT_INTEGER, "an integer"))
        put(r, name, arena_printf(r->arena, "%lld", value));
}

void result_output_bool(struct result *r, const char *name, bool value)
{
    if (may_set(r, name, OUT_BOOLEAN, "a boolean"))
        put(r, name, value ? "true" : "false");
}

const char *result_output_get(const struct result *r, const char *name)
{
    for (size_t i = 0; i < r->outputs.n; i++)
        if (text_equal(r->outputs.at[i].name, name))
            return r->outputs.at[i].value;
    return NULL;
}

struct finding *result_finding(struct result *r, enum severity s, const char *code, const char *fmt, ...)
{
    struct finding *f = VEC_PUSH(r->arena, &r->findings);
    *f = (struct finding){.severity = s, .code = copy(r->arena, code)};
    FORMAT(r->arena, f->message, fmt);
    return f;
}

size_t result_count_findings(const struct result *r, enum severity at_or_above)
{
    size_t n = 0;
    for (size_t i = 0; i < r->findings.n; i++)
        n += r->findings.at[i].severity != SEV_NEVER && r->findings.at[i].severity <= at_or_above;
    return n;
}

struct result_table *result_table(struct result *r, const char *title, const char *headers)
{
    /* Room from the start, so that a stage may fill several tables at once without its pointers going stale. */
    if (!r->tables.at) {
        r->tables.cap = TABLES_ROOM;
        r->tables.at = arena_array(r->arena, TABLES_ROOM, sizeof *r->tables.at);
    }
    struct result_table *t = VEC_PUSH(r->arena, &r->tables);
    t->title = copy(r->arena, title);
    t->n_columns = 1;
    for (const char *p = headers; *p; p++)
        t->n_columns += *p == '|';
    if (t->n_columns > COUNT(t->numeric)) {
        defect(r, arena_printf(r->arena, "table '%s' has more than %zu columns", title, COUNT(t->numeric)));
        t->n_columns = COUNT(t->numeric);
    }
    t->headers = arena_array(r->arena, t->n_columns, sizeof *t->headers);
    for (size_t i = 0; i < t->n_columns; i++) {
        size_t n = strcspn(headers, "|");
        bool marked = true;
        switch (*headers) {
        case '#': t->numeric[i] = true; break;
        case '=': t->style[i] = CELL_FIXED; break;
        case '-': t->style[i] = CELL_REMOVED; break;
        case '+': t->style[i] = CELL_ADDED; break;
        default: marked = false;
        }
        t->headers[i] = arena_strndup(r->arena, headers + marked, n - marked);
        headers += n + (headers[n] == '|');
    }
    return t;
}

void result_row(struct result *r, struct result_table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->n_columns; i++)
        *VEC_PUSH(r->arena, &t->cells) = cells[i] ? copy(r->arena, cells[i]) : "";
}

void result_case(struct result *r, struct test_case c)
{
    struct test_case *slot = VEC_PUSH(r->arena, &r->cases);
    *slot = (struct test_case){.suite = copy(r->arena, c.suite),
                               .name = copy(r->arena, c.name),
                               .ms = c.ms,
                               .failure = copy(r->arena, c.failure),
                               .skipped = copy(r->arena, c.skipped),
                               .output = copy(r->arena, c.output)};
}

void result_timing(struct result *r, const char *name, long long ms)
{
    struct timing *t = VEC_PUSH(r->arena, &r->timings);
    *t = (struct timing){copy(r->arena, name), ms};
}

void result_proof(struct result *r, const char *fmt, ...)
{
    const char *text;
    FORMAT(r->arena, text, fmt);
    *VEC_PUSH(r->arena, &r->proofs) = text;
}

void result_uncovered(struct result *r, const char *fmt, ...)
{
    const char *text;
    FORMAT(r->arena, text, fmt);
    *VEC_PUSH(r->arena, &r->uncovered) = text;
}

void result_file(struct result *r, const char *path)
{
    *VEC_PUSH(r->arena, &r->files) = copy(r->arena, path);
}

const char *verdict_name(enum verdict v)
{
    static const char *const names[] = {"none", "pass", "fail", "inconclusive", "error"};
    return names[v];
}

const char *severity_name(enum severity s)
{
    static const char *const names[] = {"none", "error", "warning", "note"};
    return names[s];
}
