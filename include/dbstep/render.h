/* render.h - a result as text: JSON, Markdown, plain text, JUnit, SARIF.
 *
 * The renderers escape for their format and expect a result that render_clean() made: every text in it has passed redaction
 * before escaping, since an escaped secret would not be recognised any more.
 */
#ifndef DBSTEP_RENDER_H
#define DBSTEP_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "dbstep/json.h"
#include "dbstep/result.h"
#include "dbstep/stage.h"
#include "dbstep/str.h"

/* A copy whose texts are redacted. JSON outputs are minified with "#" and "$" as \u0023 and \u0024, so that the same text is
 * right on every host; an output of type JSON that is not JSON is a defect of the stage. */
struct result *render_clean(struct arena *a, const struct result *r);

struct render_facts {
    const char *host;
    bool dry_run;
};

/* The whole document, schema_version 1; docs/result.md describes it, docs/result.schema.json closes it. Integers among the outputs are strings: engines that
 * re-encode JSON lose those above 2^53. */
char *render_json(struct arena *a, const struct result *r, struct render_facts facts);
/* The output `result`: verdict, outputs, the first findings; minified, host-safe and never longer than max bytes. Findings are
 * left out from the end and counted; outputs too large to fit are named in "omitted_outputs". */
char *render_compact(struct arena *a, const struct result *r, size_t max);
char *render_markdown(struct arena *a, const struct result *r);
char *render_text(struct arena *a, const struct result *r); /* for a log, aligned */
char *render_junit(struct arena *a, const struct result *r);
char *render_sarif(struct arena *a, const struct result *r);
bool render_has_junit(const struct result *r);
bool render_has_sarif(const struct result *r);

/* ---- escaping, also used by hosts ---- */

void markdown_add(struct str *out, const char *text, bool in_table); /* no markup, no HTML, one line */
void xml_add(struct str *out, const char *text); /* attribute or text; characters XML forbids become U+FFFD */
/* JSON without blanks and with "#" and "$" escaped; false when text is not one JSON value. */
bool json_minify(struct str *out, const char *text);
/* text cut to max bytes at a line's end, else at a character's, with a sentence that says so. */
char *render_cut(struct arena *a, const char *text, size_t max);

#endif
