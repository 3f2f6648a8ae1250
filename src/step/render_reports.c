/* render_reports.c - JUnit XML (the common subset that Harness, GitLab and Jenkins read) and SARIF 2.1.0; see render.h. */
#include <string.h>

#include "dbstep/render.h"
#include "version.h"

/* Length of the UTF-8 sequence of a character that XML 1.0 allows, 0 otherwise. */
static size_t xml_char(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
    if (s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE) /* U+FFFE, U+FFFF */
        return 0;
    return text_utf8_sequence((const char *)s);
}

void xml_add(struct str *out, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s;) {
        size_t n = xml_char(s);
        if (!n) {
            str_add(out, "\xEF\xBF\xBD");
            s++;
            continue;
        }
        switch (*s) {
        case '<': str_add(out, "&lt;"); break;
        case '>': str_add(out, "&gt;"); break;
        case '&': str_add(out, "&amp;"); break;
        case '"': str_add(out, "&quot;"); break;
        case '\'': str_add(out, "&apos;"); break;
        case '\t':
        case '\n':
        case '\r': str_addf(out, "&#%d;", *s); break; /* an attribute would lose them otherwise */
        default: str_addn(out, (const char *)s, n);
        }
        s += n;
    }
}

bool render_has_junit(const struct result *r)
{
    return r->cases.n || r->findings.n || r->error;
}

static void add_case(struct str *out, const char *suite, const char *name, long long ms, const char *failure,
                     const char *skipped, const char *output)
{
    str_add(out, "    <testcase classname=\"");
    xml_add(out, suite);
    str_add(out, "\" name=\"");
    xml_add(out, name);
    str_addf(out, "\" time=\"%lld.%03lld\">", ms / 1000, ms % 1000);
    if (failure || skipped) {
        const char *tag = failure ? "failure" : "skipped";
        str_addf(out, "<%s message=\"", tag);
        xml_add(out, failure ? failure : skipped);
        str_add(out, "\">");
        xml_add(out, failure ? failure : skipped);
        str_addf(out, "</%s>", tag);
    }
    if (output) {
        str_add(out, "<system-out>");
        xml_add(out, output);
        str_add(out, "</system-out>");
    }
    str_add(out, "</testcase>\n");
}

static void open_suite(struct str *out, const char *name, size_t tests, size_t failures, size_t skipped)
{
    str_add(out, "  <testsuite name=\"");
    xml_add(out, name);
    str_addf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\">\n", tests, failures, skipped);
}

/* Cases of one suite need not follow one another; each suite is written where its first case stands. */
static void add_suite(struct str *out, const struct result *r, size_t first)
{
    const char *suite = r->cases.at[first].suite;
    size_t tests = 0, failures = 0, skipped = 0;

    for (size_t i = 0; i < first; i++)
        if (text_equal(r->cases.at[i].suite, suite))
            return;
    for (size_t i = first; i < r->cases.n; i++)
        if (text_equal(r->cases.at[i].suite, suite)) {
            tests++;
            failures += r->cases.at[i].failure != NULL;
            skipped += !r->cases.at[i].failure && r->cases.at[i].skipped;
        }
    open_suite(out, suite, tests, failures, skipped);
    for (size_t i = first; i < r->cases.n; i++) {
        const struct test_case *c = &r->cases.at[i];
        if (text_equal(c->suite, suite))
            add_case(out, suite, c->name, c->ms, c->failure, c->skipped, c->output);
    }
    str_add(out, "  </testsuite>\n");
}

/* A stage without test cases of its own reports its findings as cases, so that the host's test view shows them: errors and
 * warnings as failures, notes as passed. */
static void add_findings(struct str *out, const struct result *r)
{
    const char *suite = r->stage ? r->stage->name : "dbstep";
    size_t failures = r->error != NULL;

    for (size_t i = 0; i < r->findings.n; i++)
        failures += r->findings.at[i].severity < SEV_NOTE;
    open_suite(out, suite, r->findings.n + (r->error != NULL), failures, 0);
    if (r->error)
        add_case(out, suite, err_name(r->error->code), r->duration_ms, r->error->message, NULL,
                 r->error->detail[0] ? r->error->detail : NULL);
    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *f = &r->findings.at[i];
        char *name = arena_printf(out->arena, "%s %s", f->code, f->object ? f->object : f->file ? f->file : "");
        bool failed = f->severity < SEV_NOTE;
        add_case(out, suite, text_trim(out->arena, name), 0, failed ? f->message : NULL, NULL,
                 failed ? f->hint : f->message);
    }
    str_add(out, "  </testsuite>\n");
}

char *render_junit(struct arena *a, const struct result *r)
{
    struct str out = str_new(a);

    str_add(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (size_t i = 0; i < r->cases.n; i++)
        add_suite(&out, r, i);
    if (!r->cases.n || r->error || r->findings.n)
        add_findings(&out, r);
    str_add(&out, "</testsuites>\n");
    return out.s;
}

bool render_has_sarif(const struct result *r)
{
    for (size_t i = 0; i < r->findings.n; i++)
        if (r->findings.at[i].file)
            return true;
    return false;
}

/* A URI reference: bytes outside the unreserved set and "/" are percent-encoded. */
static char *uri(struct arena *a, const char *path)
{
    struct str out = str_new(a);
    for (const char *p = text_starts(path, "./") ? path + 2 : path; *p; p++) {
        bool plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-_.~/", *p);
        if (plain)
            str_addc(&out, *p);
        else
            str_addf(&out, "%%%02X", (unsigned char)*p);
    }
    return out.s;
}

static void add_rules(struct json_writer *w, const struct result *r)
{
    json_array(w, "rules");
    for (size_t i = 0; i < r->findings.n; i++) {
        bool seen = !r->findings.at[i].file;
        for (size_t k = 0; k < i && !seen; k++)
            seen = r->findings.at[k].file && text_equal(r->findings.at[k].code, r->findings.at[i].code);
        if (seen)
            continue;
        json_object(w, NULL);
        json_string(w, "id", r->findings.at[i].code);
        json_end_object(w);
    }
    json_end_array(w);
}

char *render_sarif(struct arena *a, const struct result *r)
{
    struct str out = str_new(a);
    struct json_writer w = json_writer(&out);

    json_object(&w, NULL);
    json_string(&w, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    json_string(&w, "version", "2.1.0");
    json_array(&w, "runs");
    json_object(&w, NULL);
    json_object(&w, "tool");
    json_object(&w, "driver");
    json_string(&w, "name", "dbstep");
    json_string(&w, "semanticVersion", DBSTEP_VERSION);
    add_rules(&w, r);
    json_end_object(&w);
    json_end_object(&w);
    json_array(&w, "results");
    for (size_t i = 0; i < r->findings.n; i++) {
        const struct finding *f = &r->findings.at[i];
        if (!f->file)
            continue;
        json_object(&w, NULL);
        json_string(&w, "ruleId", f->code);
        json_string(&w, "level", severity_name(f->severity));
        json_object(&w, "message");
        json_string(&w, "text", f->hint ? arena_printf(a, "%s. %s", f->message, f->hint) : f->message);
        json_end_object(&w);
        json_array(&w, "locations");
        json_object(&w, NULL);
        json_object(&w, "physicalLocation");
        json_object(&w, "artifactLocation");
        json_string(&w, "uri", uri(a, f->file));
        json_end_object(&w);
        if (f->line > 0) {
            json_object(&w, "region");
            json_int(&w, "startLine", f->line);
            if (f->column > 0)
                json_int(&w, "startColumn", f->column);
            json_end_object(&w);
        }
        json_end_object(&w);
        json_end_object(&w);
        json_end_array(&w);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    str_addc(&out, '\n');
    return out.s;
}
