/* render_clean.c - the redacted copy of a result, host-safe JSON, and cutting texts; see render.h. */
#include <string.h>

#include "dbstep/log.h"
#include "dbstep/redact.h"
#include "dbstep/render.h"

bool json_minify(struct str *out, const char *text)
{
    struct json_doc *doc = json_parse(text, strlen(text), NULL);
    bool quoted = false;

    if (!doc)
        return false;
    json_free(doc);
    if (text_starts(text,
                    "\xEF\xBB\xBF")) /* the reader skips a byte order mark; inside a document it would be an error */
        text += 3;
    for (const char *p = text; *p; p++) {
        if (!quoted && strchr(" \t\r\n", *p))
            continue;
        if (quoted && *p == '\\') {
            str_addn(out, p, 2);
            p++;
            continue;
        }
        if (*p == '"')
            quoted = !quoted;
        /* Control characters inside a text are not JSON, yet cJSON reads them; a raw line break would end the host's line. */
        if (quoted && (*p == '#' || *p == '$' || (unsigned char)*p < 0x20 || *p == 0x7F))
            str_addf(out, "\\u%04x", (unsigned)*p);
        else
            str_addc(out, *p);
    }
    return true;
}

static const char *clean(struct arena *a, const char *s)
{
    return s ? redact_text(a, s) : NULL;
}

static void clean_list(struct arena *a, struct str_list *to, const struct str_list *from)
{
    for (size_t i = 0; i < from->n; i++)
        *VEC_PUSH(a, to) = redact_text(a, from->at[i]);
}

static enum output_type type_of(const struct result *r, const char *name)
{
    for (size_t i = 0; i < n_common_outputs; i++)
        if (text_equal(common_outputs[i].name, name))
            return common_outputs[i].type;
    for (size_t i = 0; r->stage && i < r->stage->n_outputs; i++)
        if (text_equal(r->stage->outputs[i].name, name))
            return r->stage->outputs[i].type;
    return OUT_STRING;
}

/* Numbers, booleans and words of our own are no secrets, even when a secret looks like one of them. */
static const char *clean_output(struct arena *a, const struct result *r, const struct output_value *o)
{
    enum output_type type = type_of(r, o->name);
    if (type == OUT_INTEGER || type == OUT_BOOLEAN || text_equal(o->name, "verdict") ||
        text_equal(o->name, "started_at"))
        return o->value;
    /* JSON is brought into the form in which secrets are known before it is searched for them. */
    struct str json = str_new(a);
    if (type == OUT_JSON && !json_minify(&json, o->value))
        return "{}"; /* result_output() refuses such a value */
    const char *before = type == OUT_JSON ? json.s : o->value, *value = redact_text(a, before);
    if (value == before)
        return value;
    if (!text_equal(o->name, "summary"))
        log_warning("output %s held a secret, which was hidden in it", o->name);
    if (type != OUT_JSON)
        return value;
    struct json_doc *doc = json_parse(value, strlen(value), NULL);
    json_free(doc);
    return doc ? value : "{\"hidden\":true}"; /* the secret was part of the syntax, a number for example */
}

struct result *render_clean(struct arena *a, const struct result *r)
{
    struct result *c = ARENA_NEW(a, struct result);
    *c = (struct result){.arena = a,
                         .stage = r->stage,
                         .verdict = r->verdict,
                         .summary = redact_text(a, r->summary),
                         .started_wall_ms = r->started_wall_ms,
                         .started_ms = r->started_ms,
                         .duration_ms = r->duration_ms,
                         .exit_status = r->exit_status,
                         .defect = clean(a, r->defect)};

    for (size_t i = 0; i < r->outputs.n; i++) {
        struct output_value *o = VEC_PUSH(a, &c->outputs);
        *o = (struct output_value){r->outputs.at[i].name, clean_output(a, r, &r->outputs.at[i])};
    }
    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *from = &r->findings.at[i];
        struct finding *f = VEC_PUSH(a, &c->findings);
        *f = (struct finding){.severity = from->severity,
                              .code = from->code,
                              .message = redact_text(a, from->message),
                              .object = clean(a, from->object),
                              .file = clean(a, from->file),
                              .line = from->line,
                              .column = from->column,
                              .hint = clean(a, from->hint)};
    }
    for (size_t i = 0; i < r->tables.n; i++) {
        const struct result_table *from = &r->tables.at[i];
        struct result_table *t = VEC_PUSH(a, &c->tables);
        *t = *from;
        t->title = redact_text(a, from->title);
        t->cells = (struct str_list){0};
        clean_list(a, &t->cells, &from->cells);
    }
    for (size_t i = 0; i < r->cases.n; i++) {
        const struct test_case *from = &r->cases.at[i];
        struct test_case *t = VEC_PUSH(a, &c->cases);
        *t = (struct test_case){.suite = clean(a, from->suite),
                                .name = clean(a, from->name),
                                .ms = from->ms,
                                .failure = clean(a, from->failure),
                                .skipped = clean(a, from->skipped),
                                .output = clean(a, from->output)};
    }
    c->timings = r->timings;
    clean_list(a, &c->proofs, &r->proofs);
    clean_list(a, &c->uncovered, &r->uncovered);
    clean_list(a, &c->files, &r->files);
    if (r->error) {
        struct err *e = ARENA_NEW(a, struct err);
        *e = *r->error;
        /* Hiding can make a text longer than its field; the texts are cut then, which shows nothing. */
        struct {
            char *field;
            size_t size;
        } texts[] = {{e->message, sizeof e->message},
                     {e->detail, sizeof e->detail},
                     {e->hint, sizeof e->hint},
                     {e->file, sizeof e->file}};
        for (size_t i = 0; i < COUNT(texts); i++) {
            const char *safe = redact_text(a, texts[i].field);
            size_t n = text_utf8_prefix(safe, strlen(safe), texts[i].size - 1);
            if (safe != texts[i].field) {
                memcpy(texts[i].field, safe, n);
                texts[i].field[n] = '\0';
            }
        }
        c->error = e;
    }
    return c;
}

char *render_cut(struct arena *a, const char *text, size_t max)
{
    static const char note[] = "\n\n_Cut here; result.json holds everything._\n";
    size_t n = strlen(text);

    if (n <= max)
        return arena_strdup(a, text);
    if (max <= sizeof note)
        return arena_strndup(a, text, text_utf8_prefix(text, n, max));
    size_t cut = text_utf8_prefix(text, n, max - sizeof note);
    for (size_t back = cut; back > cut / 2; back--)
        if (text[back - 1] == '\n') {
            cut = back;
            break;
        }
    return arena_printf(a, "%.*s%s", (int)cut, text, note);
}
