/* render_markdown.c - the summary page; see render.h.
 *
 * CommonMark with tables, no HTML (Harness strips it). Text from a database is untrusted: everything that Markdown or HTML
 * could read as markup is escaped, and line breaks become blanks.
 */
#include <string.h>

#include "dbstep/render.h"

enum { MOST_FINDINGS = 100, MOST_ROWS = 200, LONGEST_CELL = 300 };

void markdown_add(struct str *out, const char *text, bool in_table)
{
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7F)
            str_addc(out, ' ');
        else if (c == '<')
            str_add(out, "&lt;");
        else if (c == '>')
            str_add(out, "&gt;");
        else if (c == '&')
            str_add(out, "&amp;");
        else if (c == '@')
            str_add(out, "&#64;"); /* would notify a person of that name */
        else if (strchr("\\`*_{}[]#!~$", c) || (c == '|' && in_table))
            str_addf(out, "\\%c", c);
        else if (p == text && strchr("-+=", c))
            str_addf(out, "\\%c", c);
        else if (c == ':' && strncmp(p, "://", 3) == 0)
            str_add(out, ":&#47;&#47;"), p += 2; /* no automatic links to where a database says */
        else
            str_addc(out, (char)c);
    }
}

static void add_short(struct str *out, const char *text, bool in_table)
{
    size_t n = strlen(text), cut = text_utf8_prefix(text, n, LONGEST_CELL);
    markdown_add(out, arena_strndup(out->arena, text, cut), in_table);
    if (cut < n)
        str_add(out, "…");
}

/* Emphasis takes no blank at its inner ends; a code span takes no escapes, so only what needs none goes into one. */
static void add_styled(struct str *out, const char *text, enum cell_style style)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789=~+-*?._ ";
    const char *sign = style == CELL_REMOVED ? "~~" : style == CELL_ADDED ? "**" : "`";
    size_t n = strlen(text);

    if (style == CELL_PLAIN || !n || (style == CELL_FIXED && strspn(text, plain) != n)) {
        add_short(out, text, true);
        return;
    }
    str_add(out, sign);
    if (style == CELL_FIXED) {
        str_add(out, text);
    } else {
        struct str inner = str_new(out->arena);
        add_short(&inner, text, true);
        bool first = inner.s[0] == ' ', last = inner.len > 1 && inner.s[inner.len - 1] == ' ';
        str_addf(out, "%s%.*s%s", first ? "&#32;" : "", (int)(inner.len - first - last), inner.s + first,
                 last ? "&#32;" : "");
    }
    str_add(out, sign);
}

static void add_list(struct str *out, const char *title, const struct str_list *list)
{
    if (list->n)
        str_addf(out, "\n### %s\n\n", title);
    for (size_t i = 0; i < list->n; i++) {
        str_add(out, "- ");
        markdown_add(out, list->at[i], false);
        str_addc(out, '\n');
    }
}

static void add_findings(struct str *out, const struct result *r)
{
    size_t shown = r->findings.n < MOST_FINDINGS ? r->findings.n : MOST_FINDINGS;
    if (!shown)
        return;
    str_addf(
        out,
        "\n### Findings (%zu)\n\n| Severity | Finding | Object | Place | Hint |\n| --- | --- | --- | --- | --- |\n",
        r->findings.n);
    for (size_t i = 0; i < shown; i++) {
        const struct finding *f = &r->findings.at[i];
        str_addf(out, "| %s | ", severity_name(f->severity));
        add_short(out, f->message, true);
        str_add(out, " (");
        add_short(out, f->code, true);
        str_add(out, ") | ");
        add_short(out, f->object ? f->object : "", true);
        str_add(out, " | ");
        if (f->file)
            add_short(out, f->line ? arena_printf(out->arena, "%s:%d", f->file, f->line) : f->file, true);
        str_add(out, " | ");
        add_short(out, f->hint ? f->hint : "", true);
        str_add(out, " |\n");
    }
    if (shown < r->findings.n)
        str_addf(out, "\n%s in result.json.\n",
                 text_plural(out->arena, (long long)(r->findings.n - shown), "more finding"));
}

static void add_table(struct str *out, const struct result_table *t)
{
    size_t rows = t->cells.n / t->n_columns, shown = rows < MOST_ROWS ? rows : MOST_ROWS;

    str_add(out, "\n### ");
    markdown_add(out, t->title, false);
    str_add(out, "\n\n|");
    for (size_t c = 0; c < t->n_columns; c++) {
        str_addc(out, ' ');
        markdown_add(out, t->headers[c], true);
        str_add(out, " |");
    }
    str_add(out, "\n|");
    for (size_t c = 0; c < t->n_columns; c++)
        str_add(out, t->numeric[c] ? " ---: |" : " --- |");
    for (size_t r = 0; r < shown; r++) {
        str_add(out, "\n|");
        for (size_t c = 0; c < t->n_columns; c++) {
            str_addc(out, ' ');
            add_styled(out, t->cells.at[r * t->n_columns + c], t->style[c]);
            str_add(out, " |");
        }
    }
    str_addc(out, '\n');
    if (shown < rows)
        str_addf(out, "\n%s in result.json.\n", text_plural(out->arena, (long long)(rows - shown), "more row"));
}

static void add_error(struct str *out, const struct err *e)
{
    str_add(out, "\n### Error\n\n");
    markdown_add(out, e->message, false);
    str_addc(out, '\n');
    for (const char *p = e->detail; *p;) {
        size_t n = strcspn(p, "\n");
        str_add(out, "\n- ");
        markdown_add(out, arena_strndup(out->arena, p, n), false);
        p += n + (p[n] == '\n');
    }
    if (e->detail[0])
        str_addc(out, '\n');
    if (e->file[0]) {
        str_add(out, "\nAt ");
        markdown_add(out, arena_printf(out->arena, "%s:%d", e->file, e->line), false);
        str_add(out, ".\n");
    }
    if (e->hint[0]) {
        str_add(out, "\nHint: ");
        markdown_add(out, e->hint, false);
        str_addc(out, '\n');
    }
}

char *render_markdown(struct arena *a, const struct result *r)
{
    static const char *const signs[] = {"", "✅ ", "❌ ", "❔ ", "❌ "};
    struct str out = str_new(a);

    str_addf(&out, "## %sdbstep %s: %s\n\n", signs[r->verdict], r->stage ? r->stage->name : "",
             verdict_name(r->verdict));
    if (*r->summary) {
        markdown_add(&out, r->summary, false);
        str_add(&out, "\n\n");
    }
    str_addf(&out, "Exit status %d after %s.\n", r->exit_status, text_duration(a, r->duration_ms));
    if (r->error)
        add_error(&out, r->error);
    add_list(&out, "Proven", &r->proofs);
    add_list(&out, "Not covered", &r->uncovered);
    add_findings(&out, r);
    for (size_t i = 0; i < r->tables.n; i++)
        add_table(&out, &r->tables.at[i]);
    return out.s;
}
