/* integrity_svg.c - the strips as a picture: one self-contained file without scripts, for light and dark pages.
 *
 * A strip has three lanes, so that it can be read without its colours: extra rows above, changed ones in the middle, missing ones below. */
#include <string.h>

#include "dbstep/files.h"
#include "dbstep/redact.h"
#include "dbstep/render.h"
#include "integrity_common.h"

enum {
    MOST_TABLES = 200,
    WIDTH = 960,
    MARGIN = 24,
    CELL = 11,
    STRIP_X = 216,
    LANE = 8,
    STRIP_H = 3 * LANE,
    ROW_H = 58,
    HEAD_H = 112,
    LONGEST_NAME = 22,
    LONGEST_TEXT = 110
};

static const char style[] =
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2328}"
    ".h{font-size:17px;font-weight:600}.s{font-size:11px;fill:#59636e}.n{font-weight:600}"
    ".bg{fill:#ffffff}.eq{fill:#dbe5df}.ch{fill:#c77700}.mi{fill:#c4262e}.ex{fill:#1f6feb}.un{fill:url(#h)}.hb{fill:#eceef1}"
    ".hl{stroke:#8c959f;stroke-width:2}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.bg{fill:#0d1117}.eq{fill:#26352e}.ch{fill:#e3a008}"
    ".mi{fill:#ff6b6b}.ex{fill:#58a6ff}.hb{fill:#21262d}.hl{stroke:#6e7681}}";

static void add_text(struct str *out, const char *text, size_t most)
{
    const char *safe = redact_text(out->arena, text);
    size_t n = strlen(safe), cut = text_utf8_prefix(safe, n, most);

    xml_add(out, arena_strndup(out->arena, safe, cut));
    if (cut < n)
        str_add(out, "…");
}

/* Runs of cells with one of the bits, as rectangles of a lane. */
static void lane(struct str *out, const unsigned char *strip, unsigned bits, const char *class, int y, int height)
{
    for (int from = 0, to; from < INTEGRITY_CELLS; from = to) {
        bool on = strip[from] & bits;
        for (to = from + 1; to < INTEGRITY_CELLS && (bool)(strip[to] & bits) == on;)
            to++;
        if (on)
            str_addf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", class,
                     STRIP_X + from * CELL, y, (to - from) * CELL, height);
    }
}

static void add_count(struct str *out, long long n, const char *what)
{
    if (n)
        str_addf(out, "%s %s · ", text_group_digits(out->arena, n), what);
}

static void add_strip(struct str *out, const struct integrity_table *t, int y)
{
    struct arena *a = out->arena;
    const char *what = arena_printf(a, "%s: %s", t->object, t->status);

    if (t->missing || t->extra || t->changed)
        what =
            arena_printf(a, "%s: %lld missing, %lld extra, %lld changed", t->object, t->missing, t->extra, t->changed);
    str_add(out, "\n<g><title>");
    add_text(out, what, LONGEST_TEXT * 2);
    str_addf(out, "</title><text class=\"n\" x=\"%d\" y=\"%d\">", MARGIN, y + 12);
    add_text(out, t->object, LONGEST_NAME);
    str_addf(out, "</text><text class=\"s\" x=\"%d\" y=\"%d\">", MARGIN, y + 27);
    add_text(out, t->status, LONGEST_NAME + 4);
    str_addf(out, "</text><rect class=\"eq\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>", STRIP_X, y,
             INTEGRITY_CELLS * CELL, STRIP_H);
    lane(out, t->strip, INTEGRITY_CELL_UNCOMPARED, "hb", y, STRIP_H);
    lane(out, t->strip, INTEGRITY_CELL_UNCOMPARED, "un", y, STRIP_H);
    lane(out, t->strip, INTEGRITY_CELL_EXTRA, "ex", y, LANE);
    lane(out, t->strip, INTEGRITY_CELL_CHANGED, "ch", y + LANE, LANE);
    lane(out, t->strip, INTEGRITY_CELL_MISSING, "mi", y + 2 * LANE, LANE);
    str_addf(out, "<text class=\"s\" x=\"%d\" y=\"%d\">", STRIP_X, y + STRIP_H + 14);
    add_count(out, t->missing, "missing");
    add_count(out, t->extra, "extra");
    add_count(out, t->changed, "changed");
    add_text(out, t->strip_order, LONGEST_TEXT);
    str_add(out, "</text></g>");
}

static void add_legend(struct str *out, int y)
{
    static const struct {
        const char *class, *text;
        int dy, height, width;
    } items[] = {{"eq", "equal", 0, STRIP_H, 100},
                 {"ex", "extra", 0, LANE, 100},
                 {"ch", "changed", LANE, LANE, 120},
                 {"mi", "missing", 2 * LANE, LANE, 120},
                 {"un", "not compared", 0, STRIP_H, 140}};
    int x = MARGIN;

    for (size_t i = 0; i < COUNT(items); i++) {
        str_addf(out, "\n<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"24\" height=\"%d\"/>",
                 i + 1 < COUNT(items) ? "eq" : "hb", x, y, STRIP_H);
        str_addf(out,
                 "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"24\" height=\"%d\"/><text x=\"%d\" y=\"%d\">%s</text>",
                 items[i].class, x, y + items[i].dy, items[i].height, x + 32, y + 17, items[i].text);
        x += items[i].width;
    }
}

bool integrity_write_svg(struct run *run, const struct integrity_report *r)
{
    const struct integrity_table **shown = arena_array(run->cx->arena, MOST_TABLES, sizeof *shown);
    const char *path = path_join(run->cx->arena, run->output_dir, "integrity.svg");
    struct str s = str_new(run->cx->arena);
    size_t hidden, n = integrity_strips(r, shown, MOST_TABLES, &hidden);
    int height = HEAD_H + (int)n * ROW_H + (hidden ? 28 : 4);

    if (!n)
        return true;
    str_addf(&s,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
             "aria-labelledby=\"t d\">\n<title id=\"t\">Where the data differ</title>\n<desc id=\"d\">",
             WIDTH, height, WIDTH, height);
    for (size_t i = 0; i < n; i++) {
        add_text(&s, shown[i]->object, LONGEST_TEXT);
        str_addf(&s, ": %s, %lld missing, %lld extra, %lld changed. ", shown[i]->status, shown[i]->missing,
                 shown[i]->extra, shown[i]->changed);
    }
    str_addf(
        &s,
        "</desc>\n<style>%s</style>\n<defs><pattern id=\"h\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\"><line class=\"hl\" x1=\"1\" y1=\"0\" x2=\"1\" y2=\"6\"/></pattern></defs>\n"
        "<rect class=\"bg\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n<text class=\"h\" x=\"%d\" y=\"36\">Where the data differ</text>",
        style, WIDTH, height, MARGIN);
    add_legend(&s, 56);
    for (size_t i = 0; i < n; i++)
        add_strip(&s, shown[i], HEAD_H + (int)i * ROW_H);
    if (hidden)
        str_addf(&s, "\n<text class=\"s\" x=\"%d\" y=\"%d\">… and %s, of which result.json tells</text>", MARGIN,
                 height - 16, text_plural(run->cx->arena, (long long)hidden, "more table"));
    str_add(&s, "\n</svg>\n");
    if (!file_write_atomic(run->cx, path, s.s, s.len))
        return false;
    result_file(run->result, path);
    return true;
}
