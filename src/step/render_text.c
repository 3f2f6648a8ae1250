/* render_text.c - the summary at the end of the log: aligned tables, nothing hidden behind a host's page; see render.h. */
#include <string.h>

#include "dbstep/render.h"

enum { MOST_FINDINGS = 50, MOST_ROWS = 60, WIDEST_CELL = 60 };

/* Characters, near enough for alignment: bytes that do not continue a sequence. */
static size_t width(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static void pad(struct str *out, size_t n)
{
    while (n--)
        str_addc(out, ' ');
}

static void add_cell(struct str *out, const char *text, size_t cell, bool right, bool last)
{
    size_t w = width(text), fill = w < cell ? cell - w : 0;
    if (right)
        pad(out, fill);
    str_add(out, text);
    if (!right && !last)
        pad(out, fill);
    if (!last)
        str_add(out, "  ");
}

static const char *one_line(struct arena *a, const char *text)
{
    char *s = arena_strdup(a, text);
    for (char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    return s;
}

static const char *shorten(struct arena *a, const char *text)
{
    const char *s = one_line(a, text);
    size_t n = strlen(s);
    return n <= WIDEST_CELL ? s : arena_printf(a, "%.*s…", (int)text_utf8_prefix(s, n, WIDEST_CELL - 1), s);
}

/* A log knows no bold: what was there, and is there instead, is told apart as in a patch. */
static const char *cell(struct arena *a, const struct result_table *t, size_t row, size_t column)
{
    const char *text = t->cells.at[row * t->n_columns + column];
    enum cell_style style = t->style[column];

    if (style == CELL_FIXED)
        return one_line(a, text);
    text = shorten(a, text);
    return *text && style == CELL_REMOVED ? arena_printf(a, "- %s", text)
           : *text && style == CELL_ADDED ? arena_printf(a, "+ %s", text)
                                          : text;
}

static void add_table(struct str *out, const struct result_table *t)
{
    struct arena *a = out->arena;
    size_t rows = t->cells.n / t->n_columns, shown = rows < MOST_ROWS ? rows : MOST_ROWS;
    size_t widths[COUNT(t->numeric)];

    for (size_t c = 0; c < t->n_columns; c++) {
        widths[c] = width(t->headers[c]);
        for (size_t r = 0; r < shown; r++) {
            size_t w = width(cell(a, t, r, c));
            widths[c] = w > widths[c] ? w : widths[c];
        }
    }
    str_addf(out, "\n  %s\n", one_line(a, t->title));
    str_add(out, "    ");
    for (size_t c = 0; c < t->n_columns; c++)
        add_cell(out, t->headers[c], widths[c], t->numeric[c], c + 1 == t->n_columns);
    str_add(out, "\n    ");
    for (size_t c = 0; c < t->n_columns; c++) {
        for (size_t i = 0; i < widths[c]; i++)
            str_addc(out, '-');
        str_add(out, c + 1 == t->n_columns ? "\n" : "  ");
    }
    for (size_t r = 0; r < shown; r++) {
        str_add(out, "    ");
        for (size_t c = 0; c < t->n_columns; c++)
            add_cell(out, cell(a, t, r, c), widths[c], t->numeric[c], c + 1 == t->n_columns);
        str_addc(out, '\n');
    }
    if (shown < rows)
        str_addf(out, "    … and %s in result.json\n", text_plural(a, (long long)(rows - shown), "more row"));
}

static void add_indented(struct str *out, const char *label, const char *text)
{
    const char *mark = label;
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "\n");
        str_addf(out, "    %s%.*s\n", mark, (int)n, p);
        p += n + (p[n] == '\n');
        mark = "  ";
    }
}

static void add_sentences(struct str *out, const char *title, const struct str_list *list)
{
    if (list->n)
        str_addf(out, "\n  %s\n", title);
    for (size_t i = 0; i < list->n; i++)
        str_addf(out, "    - %s\n", one_line(out->arena, list->at[i]));
}

static void add_place(struct str *out, const char *before, const char *file, int line, int column)
{
    str_addf(out, "%s%s:%d", before, one_line(out->arena, file), line);
    if (column > 0)
        str_addf(out, ":%d", column);
    str_addc(out, '\n');
}

static void add_findings(struct str *out, const struct result *r)
{
    struct arena *a = out->arena;
    size_t shown = r->findings.n < MOST_FINDINGS ? r->findings.n : MOST_FINDINGS;

    if (shown)
        str_addf(out, "\n  Findings (%zu)\n", r->findings.n);
    for (size_t i = 0; i < shown; i++) {
        const struct finding *f = &r->findings.at[i];
        str_addf(out, "    %-8s %s", severity_name(f->severity), one_line(a, f->message));
        if (f->object)
            str_addf(out, " [%s]", one_line(a, f->object));
        str_addf(out, " (%s)\n", f->code);
        if (f->file && f->line)
            add_place(out, "             at ", f->file, f->line, f->column);
        else if (f->file)
            str_addf(out, "             in %s\n", one_line(a, f->file));
        if (f->hint)
            str_addf(out, "             hint: %s\n", one_line(a, f->hint));
    }
    if (shown < r->findings.n)
        str_addf(out, "    … and %s in result.json\n",
                 text_plural(a, (long long)(r->findings.n - shown), "more finding"));
}

static void add_outputs(struct str *out, const struct result *r)
{
    size_t widest = 0;
    for (size_t i = 0; i < r->outputs.n; i++)
        if (width(r->outputs.at[i].name) > widest)
            widest = width(r->outputs.at[i].name);
    if (r->outputs.n)
        str_add(out, "\n  Outputs\n");
    for (size_t i = 0; i < r->outputs.n; i++) {
        if (text_equal(r->outputs.at[i].name, "result") || text_equal(r->outputs.at[i].name, "summary"))
            continue;
        str_add(out, "    ");
        add_cell(out, r->outputs.at[i].name, widest, false, false);
        str_addf(out, "%s\n", shorten(out->arena, r->outputs.at[i].value));
    }
}

char *render_text(struct arena *a, const struct result *r)
{
    struct str out = str_new(a);

    str_addf(&out, "\n%s: %s, exit status %d, %s\n", r->stage ? r->stage->name : "dbstep", verdict_name(r->verdict),
             r->exit_status, text_duration(a, r->duration_ms));
    if (*r->summary)
        str_addf(&out, "  %s\n", one_line(a, r->summary));
    if (r->error) {
        str_add(&out, "\n  Error\n");
        if (!text_equal(r->summary, r->error->message))
            add_indented(&out, "", r->error->message);
        if (r->error->detail[0])
            add_indented(&out, "detail: ", r->error->detail);
        if (r->error->file[0])
            add_place(&out, "    at ", r->error->file, r->error->line, r->error->column);
        if (r->error->sqlstate[0])
            str_addf(&out, "    SQLSTATE %s\n", r->error->sqlstate);
        str_addf(&out, "    %s: %s%s\n", err_name(r->error->code), err_text(r->error->code),
                 err_retryable(r->error->code) ? "; trying again may help" : "");
        if (r->error->hint[0])
            add_indented(&out, "hint: ", r->error->hint);
    }
    add_sentences(&out, "Proven", &r->proofs);
    add_sentences(&out, "Not covered", &r->uncovered);
    add_findings(&out, r);
    for (size_t i = 0; i < r->tables.n; i++)
        add_table(&out, &r->tables.at[i]);
    add_outputs(&out, r);
    return out.s;
}
