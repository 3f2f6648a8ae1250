/* load.c - from a path to a checked changelog: finding, decoding, choosing the parser; names and column texts of a changeset. */
#include "dbstep/changelog.h"

#include <string.h>

#include "changelog_internal.h"
#include "dbstep/files.h"

/* ---- paths ---- */

static bool drive(const char *p)
{
    return ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')) && p[1] == ':' && p[2] == '/';
}

char *changelog_path_normalise(struct arena *a, const char *path)
{
    const char *p = text_replace(a, path, "\\", "/");
    if (text_starts_nocase(p, "classpath:"))
        p += strlen("classpath:");
    if (drive(p))
        p += 2;
    struct str_list parts = {0};
    for (const char *rest = p; *rest;) {
        size_t n = strcspn(rest, "/");
        const char *part = arena_strndup(a, rest, n);
        rest += rest[n] ? n + 1 : n;
        if (!*part || text_equal(part, "."))
            continue;
        if (text_equal(part, "..") && parts.n && !text_equal(parts.at[parts.n - 1], ".."))
            parts.n--;
        else
            *VEC_PUSH(a, &parts) = part;
    }
    struct str out = str_new(a);
    for (size_t i = 0; i < parts.n; i++) {
        if (i)
            str_addc(&out, '/');
        str_add(&out, parts.at[i]);
    }
    return out.s;
}

static bool find_file(struct ctx *cx, const struct changelog_source *source, const char *path, const char **file)
{
    static const char *const here[] = {"."};
    size_t n = source->search_path && source->search_path->n ? source->search_path->n : 1;
    const char *const *folders = source->search_path && source->search_path->n ? source->search_path->at : here;
    struct str looked = str_new(cx->arena);

    *file = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *candidate = text_equal(folders[i], ".") ? path : path_join(cx->arena, folders[i], path);
        str_addf(&looked, "%s%s", i ? ", " : "", candidate);
        if (!file_exists(candidate))
            continue;
        if (*file) {
            fail(cx, E_CHANGELOG, "the changelog '%s' exists twice in the search path: %s and %s", path, *file,
                 candidate);
            err_hint(cx, "the name must be unique: take a folder out of search_path");
            return false;
        }
        *file = candidate;
    }
    if (*file)
        return true;
    fail(cx, E_FILE, "cannot find the changelog '%s'", path);
    err_detail(cx, "looked for %s", looked.s);
    err_hint(cx, "changelog_file is relative to a folder of search_path (default: the working directory)");
    return false;
}

/* ---- text ---- */

/* Length of the valid UTF-8 sequence at s, or 0; *bad is then the number of bytes that one U+FFFD stands for. */
static size_t utf8_length(const unsigned char *s, size_t left, size_t *bad)
{
    size_t need = s[0] < 0x80                    ? 1
                  : s[0] >= 0xC2 && s[0] <= 0xDF ? 2
                  : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
                  : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                                 : 0;
    *bad = 1;
    if (need < 2)
        return need;
    unsigned char low = s[0] == 0xE0   ? 0xA0
                        : s[0] == 0xF0 ? 0x90
                                       : 0x80,
                  high = s[0] == 0xED   ? 0x9F
                         : s[0] == 0xF4 ? 0x8F
                                        : 0xBF;
    for (size_t i = 1; i < need; i++, low = 0x80, high = 0xBF) {
        if (i >= left || s[i] < low || s[i] > high)
            return 0;
        *bad = i + 1;
    }
    return need;
}

/* UTF-8 without byte order mark; each invalid sequence becomes U+FFFD. The text itself when it is valid. */
static bool decode(struct ctx *cx, const char *file, char **text, size_t *len)
{
    const unsigned char *s = (const unsigned char *)*text;
    size_t n = *len, bad, first_bad = n;

    if (n >= 2 && ((s[0] == 0xFF && s[1] == 0xFE) || (s[0] == 0xFE && s[1] == 0xFF))) {
        fail(cx, E_CHANGELOG, "the changelog %s is UTF-16, not UTF-8", file);
        err_hint(cx, "save it as UTF-8");
        return false;
    }
    const char *nul = memchr(s, 0, n);
    if (nul) {
        fail(cx, E_CHANGELOG, "the changelog %s holds a NUL byte", file);
        int line = 1;
        for (const char *p = *text; p < nul; p++)
            line += *p == '\n';
        err_place(cx, file, line, 1);
        err_hint(cx, "PostgreSQL takes no NUL in text; is this a binary file?");
        return false;
    }
    if (n >= 3 && memcmp(s, "\xEF\xBB\xBF", 3) == 0)
        *text += 3, *len -= 3, s += 3, n -= 3, first_bad = n;
    for (size_t i = 0, step; i < n; i += step) {
        step = s[i] < 0x80 ? 1 : utf8_length(s + i, n - i, &bad);
        if (!step) {
            first_bad = i;
            break;
        }
    }
    if (first_bad == n)
        return true;
    struct str out = str_new(cx->arena);
    str_addn(&out, *text, first_bad);
    for (size_t i = first_bad; i < n;) {
        size_t step = utf8_length(s + i, n - i, &bad);
        if (step)
            str_addn(&out, *text + i, step);
        else
            str_add(&out, "\xEF\xBF\xBD");
        i += step ? step : bad;
    }
    *text = out.s;
    *len = out.len;
    return true;
}

/* ---- checks ---- */

static const char *const databases[] = {
    "postgresql",   "all",         "none",        "oracle",   "mysql",     "mariadb",      "mssql",
    "h2",           "hsqldb",      "derby",       "sqlite",   "db2",       "db2z",         "db2i",
    "sybase",       "asany",       "informix",    "firebird", "ingres",    "unsupported",  "edb",
    "enterprisedb", "cockroachdb", "yugabytedb",  "redshift", "snowflake", "bigquery",     "databricks",
    "vertica",      "teradata",    "hana",        "maxdb",    "spanner",   "cloudspanner", "clickhouse",
    "duckdb",       "singlestore", "exasol",      "dynamodb", "mongodb",   "cassandra",    "neo4j",
    "impala",       "hive",        "sqlanywhere",
};

static bool check_dbms(struct ctx *cx, const struct changeset *cs)
{
    for (size_t i = 0; i < cs->dbms.n; i++) {
        const char *name = cs->dbms.at[i] + (cs->dbms.at[i][0] == '!'), *near = NULL;
        bool known = false;
        for (size_t k = 0; k < COUNT(databases) && !known; k++) {
            known = text_equal_nocase(name, databases[k]);
            if (!near && text_distance(text_lower(cx->arena, name), databases[k]) <= 2)
                near = databases[k];
        }
        if (known)
            continue;
        fail(cx, E_CHANGELOG, "changeset %s names an unknown database '%s' in dbms", changeset_name(cx->arena, cs),
             name);
        err_place(cx, cs->file, cs->line, 1);
        if (near)
            err_hint(cx, "did you mean '%s'?", near);
        else
            err_hint(cx, "PostgreSQL is called 'postgresql' there");
        return false;
    }
    return true;
}

static int by_identity(const void *a, const void *b)
{
    const struct changeset *x = *(const struct changeset *const *)a, *y = *(const struct changeset *const *)b;
    int order = strcasecmp(x->id, y->id);
    if (!order)
        order = strcasecmp(x->author, y->author);
    if (!order)
        order = strcasecmp(x->path, y->path);
    return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static bool check_duplicates(struct ctx *cx, const struct changelog *log)
{
    const struct changeset **order = arena_array(cx->arena, log->sets.n + 1, sizeof *order);
    for (size_t i = 0; i < log->sets.n; i++)
        order[i] = &log->sets.at[i];
    qsort(order, log->sets.n, sizeof *order, by_identity);
    for (size_t i = 1; i < log->sets.n; i++) {
        const struct changeset *x = order[i - 1], *y = order[i];
        if (strcasecmp(x->id, y->id) != 0 || strcasecmp(x->author, y->author) != 0 || strcasecmp(x->path, y->path) != 0)
            continue;
        fail(cx, E_CHANGELOG, "changeset %s exists twice", changeset_name(cx->arena, y));
        err_detail(cx, "first at %s:%d, again at %s:%d", x->file, x->line, y->file, y->line);
        err_hint(cx, "give the second one an id of its own; ids are compared without regard to case");
        err_place(cx, y->file, y->line, 1);
        return false;
    }
    return true;
}

/* What the columns of the history table cannot hold would fail in the middle of a deploy. */
static bool check_lengths(struct ctx *cx, const struct changeset *cs)
{
    const struct {
        const char *what, *text;
    } columns[] = {{"id", cs->id},
                   {"author", cs->author},
                   {"path", cs->path},
                   {"context", changeset_contexts(cx->arena, cs)},
                   {"labels", changeset_labels(cx->arena, cs)}};
    for (size_t i = 0; i < COUNT(columns); i++) {
        size_t characters = 0;
        for (const char *p = columns[i].text ? columns[i].text : ""; *p; p++)
            characters += ((unsigned char)*p & 0xC0) != 0x80;
        if (characters <= 255)
            continue;
        fail(cx, E_CHANGELOG, "the %s of the changeset is %zu characters long; the history table holds 255",
             columns[i].what, characters);
        err_place(cx, cs->file, cs->line, 1);
        return false;
    }
    return true;
}

/* ---- loading ---- */

bool changelog_parse_sql(struct ctx *cx, const struct changelog_source *source, const char *path, char *text,
                         size_t len, struct changelog *out)
{
    struct properties props;
    *out = (struct changelog){.path = changelog_path_normalise(cx->arena, path), .file = out->file ? out->file : path};
    properties_init(cx, &props, source);
    if (!decode(cx, out->file, &text, &len))
        return false;

    size_t first = 0;
    while (first < len && text_blank(text[first]))
        first++;
    if (formatted_sql_header(text + first, strcspn(text + first, "\r\n"))) {
        if (!formatted_sql_parse(cx, source, &props, text, len, out))
            return false;
    } else if (first == len) {
        fail(cx, E_CHANGELOG, "the changelog %s is empty", out->file);
        err_place(cx, out->file, 1, 1);
        return false;
    } else {
        raw_sql_parse(cx, &props, text, len, out);
    }
    for (size_t i = 0; i < out->sets.n; i++)
        if (!check_dbms(cx, &out->sets.at[i]) || !check_lengths(cx, &out->sets.at[i]))
            return false;
    return check_duplicates(cx, out);
}

bool changelog_load(struct ctx *cx, const struct changelog_source *source, struct changelog *out)
{
    const char *given = source->file, *file;
    *out = (struct changelog){0};

    if (given[0] == '/' || drive(text_replace(cx->arena, given, "\\", "/"))) {
        fail(cx, E_INPUT, "changelog_file must be relative to search_path, not '%s'", given);
        err_hint(cx, "the path identifies every changeset in the history, so it must not depend on the machine: "
                     "set search_path to the folder and changelog_file to what follows it");
        return false;
    }
    const char *path = changelog_path_normalise(cx->arena, given);
    if (!*path || text_starts(path, "../") || text_equal(path, "..")) {
        fail(cx, E_INPUT, "changelog_file '%s' leads out of the search path", given);
        err_hint(cx, "set search_path to the folder that holds it");
        return false;
    }
    if (!find_file(cx, source, path, &file))
        return false;
    if (file_is_dir(file)) {
        fail(cx, E_FILE, "the changelog '%s' is a folder", file);
        err_hint(cx, "name the changelog file itself");
        return false;
    }
    if (!file_is_regular(file))
        return fail(cx, E_FILE, "the changelog '%s' is no regular file", file);
    const char *dot = strrchr(path, '.');
    if (!dot || !text_equal_nocase(dot, ".sql")) {
        fail(cx, E_CHANGELOG, "'%s' is no changelog that dbstep can read", path);
        err_hint(cx, "changelogs are .sql files: formatted SQL, or plain SQL as one changeset");
        return false;
    }
    char *text;
    size_t len;
    if (!file_read(cx, file, 0, &text, &len))
        return false;
    out->file = file;
    return changelog_parse_sql(cx, source, path, text, len, out);
}

/* ---- texts for people and for the history ---- */

char *changeset_name(struct arena *a, const struct changeset *cs)
{
    return arena_printf(a, "%s::%s::%s", cs->path, cs->id, cs->author);
}

char *changeset_description(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->changes.n; i++)
        str_addf(&out, "%s%s", i ? "; " : "", cs->changes.at[i].description);
    if (!cs->changes.n)
        str_add(&out, "empty");
    if (out.len > 255)
        str_truncate(&out, text_utf8_prefix(out.s, out.len, 250));
    return out.s;
}

char *changeset_contexts(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->contexts.n; i++) {
        const char *part = cs->contexts.at[i];
        bool compound = strpbrk(part, ", \t") != NULL;
        str_addf(&out, compound ? "%s(%s)" : "%s%s", out.len ? " AND " : "", part);
    }
    return out.len ? out.s : NULL;
}

char *changeset_labels(struct arena *a, const struct changeset *cs)
{
    struct str out = str_new(a);
    for (size_t i = 0; i < cs->labels.n; i++)
        str_addf(&out, "%s%s", i ? "," : "", cs->labels.at[i]);
    return out.len ? out.s : NULL;
}

void changeset_checksum(struct arena *a, const struct changeset *cs, int version, char out[CHECKSUM_MAX])
{
    changes_checksum(a, &cs->changes, &cs->visitors, version, out);
}
