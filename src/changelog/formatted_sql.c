/* formatted_sql.c - the parser of formatted SQL changelogs, and of plain .sql files; see changelog.h.
 *
 * The SQL of a changeset is gathered in place: each of its lines is moved down over the directives that were before it, so
 * that a changelog needs its own size in memory, and not a multiple.
 */
#include <string.h>

#include "changelog_internal.h"

struct parser {
    struct ctx *cx;
    const struct changelog_source *source;
    struct properties *props;
    struct changelog *log;
    const char *logical_path; /* of the whole file, else NULL */

    char *text;
    size_t len, next; /* where the next line starts */
    char *line;       /* the current one, terminated */
    int line_no;

    struct changeset *set; /* the open one, NULL before the first */
    const char *header;    /* its line */
    size_t sql_from, sql_to;
    struct source_map map;
    int mapped_line; /* the line that would follow without a gap */
    struct str rollback;
    int rollback_line;
    bool rollback_split;
    const char *rollback_delimiter; /* NULL: none given */
};

static bool bad(struct parser *p, int column, const char *what, const char *like)
{
    fail(p->cx, E_CHANGELOG, "%s in formatted SQL: '%.120s'", what, text_trim(p->cx->arena, p->line));
    err_place(p->cx, p->log->file, p->line_no, column);
    if (like)
        err_hint(p->cx, "write it as: %s", like);
    return false;
}

static int column_of(const struct parser *p, const char *at)
{
    int column = 1;
    for (const char *c = p->line; c < at; c++)
        column += ((unsigned char)*c & 0xC0) != 0x80;
    return column;
}

/* Lines end at CR LF, LF or CR. */
static bool next_line(struct parser *p)
{
    if (p->next >= p->len)
        return false;
    char *from = p->text + p->next;
    size_t n = strcspn(from, "\r\n");
    p->line = from;
    p->line_no++;
    p->next += n;
    if (p->next < p->len)
        p->next += from[n] == '\r' && from[n + 1] == '\n' ? 2 : 1;
    from[n] = '\0';
    return true;
}

static const char *unquoted(struct arena *a, const char *from, size_t n)
{
    if (n >= 2 && from[0] == '"' && from[n - 1] == '"')
        return arena_strndup(a, from + 1, n - 2);
    return arena_strndup(a, from, n);
}

static bool expanded(struct parser *p, const char **text)
{
    size_t n;
    if (properties_expand(p->cx, p->props, *text, strlen(*text), NULL, text, &n))
        return true;
    err_place(p->cx, p->log->file, p->line_no, 1);
    return false;
}

static bool flag(struct parser *p, const char *name, bool otherwise)
{
    const char *v = attribute(p->cx->arena, p->line, name, ATTR_WORD, false);
    return v ? text_equal_nocase(v, "true") : otherwise;
}

/* ---- the end of a changeset: its SQL and rollback are complete ---- */

static bool read_rollback(struct parser *p, struct changeset *cs)
{
    struct arena *a = p->cx->arena;
    const char *text = text_trim(a, p->rollback.s);
    if (!p->rollback.len)
        return true;
    cs->rollback.line = p->rollback_line;
    if (!*text || text_starts_nocase(text, "not required") || text_starts_nocase(text, "empty")) {
        cs->rollback.kind = ROLLBACK_EMPTY;
        return true;
    }
    const char *id = attribute(a, text, "changesetId", ATTR_QUOTED, false);
    const char *author = attribute(a, text, "changesetAuthor", ATTR_QUOTED, false);
    if (id) {
        if (!author) {
            fail(p->cx, E_CHANGELOG, "the rollback of changeset %s names a changesetId without changesetAuthor",
                 changeset_name(a, cs));
            err_place(p->cx, cs->file, p->rollback_line, 1);
            return false;
        }
        cs->rollback.kind = ROLLBACK_CHANGESET;
        cs->rollback.id = id;
        cs->rollback.author = author;
        cs->rollback.path = attribute(a, text, "changesetPath", ATTR_QUOTED, false);
        return true;
    }
    if (!expanded(p, &text))
        return false;
    cs->rollback.kind = ROLLBACK_CHANGES;
    struct change *c = VEC_PUSH(a, &cs->rollback.changes);
    *c = change_of_sql(text, strlen(text));
    c->file = cs->file;
    c->line = p->rollback_line;
    c->split = p->rollback_split;
    c->end_delimiter = p->rollback_delimiter;
    return true;
}

static bool finish(struct parser *p, bool last)
{
    struct changeset *cs = p->set;
    struct arena *a = p->cx->arena;
    if (!cs)
        return true;

    char *sql = p->text + p->sql_from;
    size_t n = p->sql_to - p->sql_from;
    size_t lead = 0;
    while (n && (unsigned char)sql[n - 1] <= ' ')
        n--;
    while (lead < n && (unsigned char)sql[lead] <= ' ')
        lead++;
    if (lead == n) {
        fail(p->cx, E_CHANGELOG, "changeset %s has no SQL", changeset_name(a, cs));
        err_place(p->cx, cs->file, cs->line, 1);
        err_hint(p->cx, "write SQL below its header, at least a comment line, or remove it");
        return false;
    }
    sql[n] = '\0';
    source_map_cut(a, &p->map, sql, lead);
    sql += lead;
    n -= lead;
    struct change *c = VEC_PUSH(a, &cs->changes);
    *c = change_of_sql(NULL, 0);
    c->map = p->map;
    if (!properties_expand(p->cx, p->props, sql, n, &c->map, &c->sql, &c->sql_len)) {
        err_place(p->cx, cs->file, cs->line, 1);
        return false;
    }
    while (c->sql_len && (unsigned char)c->sql[c->sql_len - 1] <= ' ')
        c->sql_len--;
    if (c->sql[c->sql_len]) /* an expansion ended in blanks */
        c->sql = arena_strndup(a, c->sql, c->sql_len);

    char *saved = p->line;
    p->line = arena_strdup(a, p->header);
    c->split = flag(p, "splitStatements", true);
    c->strip_comments = flag(p, "stripComments", true);
    c->end_delimiter = attribute(a, p->line, "endDelimiter", ATTR_TOKEN, true); /* "": never split */
    p->rollback_split = flag(p, "rollbackSplitStatements", true);
    p->rollback_delimiter = attribute(a, p->line, "rollbackEndDelimiter", ATTR_TOKEN, true);
    p->line = saved;
    if (last && !c->end_delimiter && c->sql_len >= 2 && text_ends(c->sql, "\n/"))
        c->end_delimiter = "\n/$";
    if (!read_rollback(p, cs))
        return false;
    p->set = NULL;
    return true;
}

/* ---- directives ---- */

static bool open_changeset(struct parser *p, const char *rest)
{
    static const char like[] = "--changeset author:id attribute:value";
    struct ctx *cx = p->cx;
    struct arena *a = cx->arena;
    if (!text_blank(*rest))
        return bad(p, column_of(p, rest), "malformed changeset header", like);
    const char *author = text_skip_blanks(rest), *colon = strchr(author, ':');
    if (*author == '"') {
        const char *close = strchr(author + 1, '"');
        if (close && close > author + 1 && close[1] == ':')
            colon = close + 1;
    }
    if (!colon || colon == author)
        return bad(p, column_of(p, author), "malformed changeset header: no 'author:'", like);
    const char *id = colon + 1;
    if (text_blank(*id))
        return bad(p, column_of(p, id), "malformed changeset header: a blank after 'author:'", like);
    size_t n = strcspn(id, " \t\v\f");
    if (*id == '"') {
        const char *close = strchr(id + 1, '"');
        if (close && close > id + 1)
            n = (size_t)(close + 1 - id);
    }
    if (!n || (n == 2 && id[0] == '"' && id[1] == '"'))
        return bad(p, column_of(p, id), "malformed changeset header: no id", like);

    struct changeset cs = {.file = p->log->file, .line = p->line_no, .comments = ""};
    cs.author = unquoted(a, author, (size_t)(colon - author));
    cs.id = unquoted(a, id, n);
    if (!expanded(p, &cs.author) || !expanded(p, &cs.id))
        return false;
    cs.run_on_change = flag(p, "runOnChange", false);
    cs.run_always = flag(p, "runAlways", false);
    cs.run_in_transaction = flag(p, "runInTransaction", true);
    cs.fail_on_error = flag(p, "failOnError", true);
    cs.ignore = flag(p, "ignore", false);
    cs.run_with = attribute(a, p->line, "runWith", ATTR_WORD, false);

    const char *context = attribute(a, p->line, "contextFilter", ATTR_QUOTED, false);
    if (!context)
        context = attribute(a, p->line, "context", ATTR_QUOTED, false);
    if (context && !expanded(p, &context))
        return false;
    if (context && *text_skip_blanks(context)) {
        const char *fault = expression_fault(context);
        if (fault) {
            bad(p, 1, arena_printf(a, "malformed context expression (%s)", fault), NULL);
            return false;
        }
        *VEC_PUSH(a, &cs.contexts) = context;
    }
    const char *labels = attribute(a, p->line, "labels", ATTR_QUOTED, false);
    if (labels && !expanded(p, &labels))
        return false;
    if (labels)
        split_commas(a, labels, true, &cs.labels);
    const char *dbms = attribute(a, p->line, "dbms", ATTR_DBMS, false);
    if (dbms)
        split_commas(a, text_replace(a, dbms, "\"", ""), true, &cs.dbms);
    const char *logical = attribute(a, p->line, "logicalFilePath", ATTR_TOKEN, false);
    if (logical && !expanded(p, &logical))
        return false;
    bool own = logical && *logical; /* as it is written, while that of the file is normalised */
    logical = own ? logical : p->logical_path;
    cs.path = logical ? changelog_path_normalise(a, logical) : p->log->path;
    cs.filename = own ? path_stored(a, logical) : cs.path;

    p->set = VEC_PUSH(a, &p->log->sets);
    *p->set = cs;
    p->header = arena_strdup(a, p->line);
    p->sql_from = p->sql_to = (size_t)(p->line - p->text);
    p->map = (struct source_map){0};
    p->mapped_line = 0;
    p->rollback = str_new(a);
    return true;
}

static bool define_property(struct parser *p)
{
    struct arena *a = p->cx->arena;
    const char *name = attribute(a, p->line, "name", ATTR_TOKEN, false);
    const char *value = attribute(a, p->line, "value", ATTR_TOKEN, false);
    if (!name || !*name || !value)
        return bad(p, 1, "malformed property", "--property name:NAME value:VALUE");
    const char *context = attribute(a, p->line, "contextFilter", ATTR_QUOTED, false);
    const char *labels = attribute(a, p->line, "labels", ATTR_QUOTED, false);
    const char *dbms = attribute(a, p->line, "dbms", ATTR_DBMS, false);
    if (!context)
        context = attribute(a, p->line, "context", ATTR_QUOTED, false);
    struct str_list label_list = {0}, dbms_list = {0};
    if (labels)
        split_commas(a, labels, true, &label_list);
    if (dbms)
        split_commas(a, text_replace(a, dbms, "\"", ""), true, &dbms_list);
    const char *global = attribute(a, p->line, "global", ATTR_WORD, false);
    if (property_applies(p->source, context, &label_list, &dbms_list))
        properties_define(p->cx, p->props, name, value, !global || text_equal_nocase(global, "true"));
    return true;
}

static bool read_reaction(struct parser *p, const char *attr, enum reaction *out)
{
    static const char *const names[] = {"HALT", "CONTINUE", "MARK_RAN", "WARN"};
    const char *v = attribute(p->cx->arena, p->line, attr, ATTR_WORD, false);
    if (!v)
        return true;
    for (size_t i = 0; i < COUNT(names); i++)
        if (text_equal_nocase(v, names[i])) {
            *out = (enum reaction)i;
            return true;
        }
    return bad(p, 1, arena_printf(p->cx->arena, "unknown value '%s' of %s", v, attr),
               "one of HALT, CONTINUE, MARK_RAN, WARN");
}

static bool read_preconditions(struct parser *p)
{
    static const char *const names[] = {"IGNORE", "TEST", "FAIL"};
    struct preconditions *pre = &p->set->preconditions;
    const char *v = attribute(p->cx->arena, p->line, "onUpdateSQL", ATTR_WORD, false);
    if (!v)
        v = attribute(p->cx->arena, p->line, "onSqlOutput", ATTR_WORD, false);
    if (v) {
        size_t i = 0;
        while (i < COUNT(names) && !text_equal_nocase(v, names[i]))
            i++;
        if (i == COUNT(names))
            return bad(p, 1, arena_printf(p->cx->arena, "unknown value '%s' of onSqlOutput", v),
                       "one of IGNORE, TEST, FAIL");
        pre->on_preview = (enum on_preview)i;
    }
    return read_reaction(p, "onFail", &pre->on_fail) && read_reaction(p, "onError", &pre->on_error);
}

/* "[expectedResult:]X SQL", X a word, '…' or "…". */
static bool read_sql_check(struct parser *p, const char *text, int column, struct precondition *pre)
{
    struct arena *a = p->cx->arena;
    const char *v = text_starts_nocase(text, "expectedResult:") ? text + strlen("expectedResult:") : text;
    size_t n = 0;
    if (*v == '\'' || *v == '"') {
        const char *close = strchr(v + 1, *v);
        if (close && close > v + 1)
            n = (size_t)(close + 1 - v);
    } else {
        while (text_word_char(v[n]))
            n++;
    }
    if (!n || v[n] != ' ' || !*text_skip_blanks(v + n))
        return bad(p, column, "malformed sql-check",
                   "--precondition-sql-check expectedResult:0 SELECT count(*) FROM t");
    bool quoted = *v == '\'' || *v == '"';
    pre->expected = arena_strndup(a, quoted ? v + 1 : v, quoted ? n - 2 : n);
    pre->sql = text_trim(a, v + n);
    return true;
}

static const char *name_attribute(struct arena *a, const char *text, const char *name)
{
    const char *v = attribute(a, text, name, ATTR_QUOTED, true);
    return v && *v ? v : NULL;
}

static bool read_precondition(struct parser *p, const char *rest)
{
    size_t n = 0;
    while ((rest[n] >= 'a' && rest[n] <= 'z') || (rest[n] >= 'A' && rest[n] <= 'Z') || rest[n] == '-')
        n++;
    const char *kind = arena_strndup(p->cx->arena, rest, n), *text = rest + n + 1;
    struct precondition pre = {.line = p->line_no};
    if (text_equal_nocase(kind, "sql-check")) {
        pre.kind = PRE_SQL_CHECK;
        int column = column_of(p, text);
        if (!expanded(p, &text) || !read_sql_check(p, text, column, &pre))
            return false;
    } else if (text_equal_nocase(kind, "table-exists") || text_equal_nocase(kind, "view-exists")) {
        bool table = (kind[0] | 0x20) == 't';
        pre.kind = table ? PRE_TABLE_EXISTS : PRE_VIEW_EXISTS;
        pre.name = name_attribute(p->cx->arena, text, table ? "table" : "view");
        pre.schema = name_attribute(p->cx->arena, text, "schema");
        if (!pre.name)
            return bad(p, column_of(p, rest), arena_printf(p->cx->arena, "malformed %s", kind),
                       table ? "--precondition-table-exists table:t schema:s"
                             : "--precondition-view-exists view:v schema:s");
    } else {
        return bad(p, column_of(p, rest), arena_printf(p->cx->arena, "unknown precondition '%s'", kind),
                   "--precondition-sql-check, --precondition-table-exists or --precondition-view-exists");
    }
    *VEC_PUSH(p->cx->arena, &p->set->preconditions.list) = pre;
    return true;
}

/* The lines of the block are joined without line breaks, as Liquibase does. */
static bool read_rollback_block(struct parser *p)
{
    int opened = p->line_no;
    while (next_line(p)) {
        size_t n = strlen(p->line);
        while (n && text_blank(p->line[n - 1]))
            n--;
        if (n >= 2 && memcmp(p->line + n - 2, "*/", 2) == 0) {
            str_addn(&p->rollback, p->line, n - 2);
            return true;
        }
        str_add(&p->rollback, p->line);
    }
    fail(p->cx, E_CHANGELOG, "the rollback block that starts here is not closed");
    err_place(p->cx, p->log->file, opened, 1);
    err_hint(p->cx, "its last line ends in */");
    return false;
}

static bool skip_lines(struct parser *p, const char *rest)
{
    size_t n = 0;
    while (text_word_char(rest[n]))
        n++;
    char *v = arena_strndup(p->cx->arena, rest, n), *end;
    if (text_equal_nocase(v, "start")) {
        while (next_line(p)) {
            const char *d = directive(p->line, "ignoreLines:end");
            if (d && !*text_skip_blanks(d))
                return true;
        }
        return true;
    }
    long count = strtol(v, &end, 10);
    if (*end || end == v || count < 0)
        return bad(p, column_of(p, rest), "malformed ignoreLines",
                   "--ignoreLines:3, or --ignoreLines:start … --ignoreLines:end");
    while (count-- > 0 && next_line(p))
        ;
    return true;
}

/* Spellings that people write for a directive and that would silently be SQL comments. */
static bool check_spelling(struct parser *p)
{
    static const struct {
        const char *keyword, *like;
    } one_dash[] = {{"changeset", "--changeset author:id"},
                    {"rollback", "--rollback SQL"},
                    {"comment", "--comment text"},
                    {"property", "--property name:NAME value:VALUE"},
                    {"validCheckSum", "--validCheckSum: SUM"},
                    {"preconditions", "--preconditions onFail:HALT"},
                    {"precondition-", "--precondition-sql-check expectedResult:0 SQL"},
                    {"ignoreLines:", "--ignoreLines:3"}};
    const char *line = p->line, *d;
    if (line[0] == '-' && line[1] != '-') {
        const char *after = text_skip_blanks(line + 1);
        for (size_t i = 0; i < COUNT(one_dash); i++) {
            size_t n = strlen(one_dash[i].keyword);
            if (text_starts_nocase(after, one_dash[i].keyword) &&
                (!text_word_char(after[n]) || !text_word_char(after[n - 1])))
                return bad(p, 1, "one dash where two belong", one_dash[i].like);
        }
    }
    size_t dashes = strspn(text_skip_blanks(line), "-");
    const char *word = text_skip_blanks(text_skip_blanks(line) + dashes);
    if (dashes > 2 && text_starts_nocase(word, "property") && text_blank(word[strlen("property")]))
        return bad(p, 1, "too many dashes", "--property name:NAME value:VALUE");
    if ((d = directive(line, "comments")) && (*d == ' ' || (d[0] == ':' && d[1] == ' ')))
        return bad(p, 1, "unknown directive 'comments'", "--comment text");
    if (directive(line, "ignore:"))
        return bad(p, 1, "unknown directive 'ignore'", "--ignoreLines:3; or ignore:true on the changeset's header");
    return true;
}

static void keep_line(struct parser *p)
{
    size_t n = strlen(p->line);
    bool at_end = p->line + n == p->text + p->len;
    if (p->line_no != p->mapped_line) {
        struct text_place place = {.offset = p->sql_to - p->sql_from, .line = p->line_no, .column = 1};
        *VEC_PUSH(p->cx->arena, &p->map.places) = place;
    }
    p->mapped_line = p->line_no + 1;
    memmove(p->text + p->sql_to, p->line, n);
    p->sql_to += n;
    if (!at_end)
        p->text[p->sql_to++] = '\n';
}

/* "keyword text" or "keyword: text", at the start of the line: the text. */
static const char *value_directive(const char *line, const char *keyword)
{
    const char *d = directive(line, keyword);
    if (d && *d == ':')
        d++;
    return d && *d == ' ' ? d + 1 : NULL;
}

static bool take_line(struct parser *p)
{
    struct arena *a = p->cx->arena;
    const char *start = text_skip_blanks(p->line), *d;

    if ((d = directive(start, "changeset"))) {
        return finish(p, false) && open_changeset(p, d);
    }
    if ((d = directive(start, "property")) && text_blank(*d)) {
        return define_property(p);
    }
    if ((d = directive(p->line, "ignoreLines:")) && text_word_char(*d)) {
        return skip_lines(p, d);
    }
    if (formatted_sql_header(start, strlen(start)) && p->line_no > 1) {
        return bad(p, 1, "a second 'liquibase formatted' line", NULL);
    }
    if (!check_spelling(p))
        return false;
    if (!p->set) {
        if (value_directive(p->line, "comment")) {
            bad(p, 1, "a comment directive outside of a changeset", NULL);
            err_hint(
                p->cx,
                "--comment belongs below a --changeset line; for a plain comment write something else after the dashes");
            return false;
        }
        return true; /* SQL before the first changeset does not count */
    }
    if (text_starts(start, "/*")) {
        const char *w = text_skip_blanks(start + 2);
        if (text_starts_nocase(w, "liquibase")) {
            w = text_skip_blanks(w + strlen("liquibase"));
            if (text_starts_nocase(w, "rollback") && !*text_skip_blanks(w + strlen("rollback"))) {
                p->rollback_line = p->line_no;
                return read_rollback_block(p);
            }
        }
    }
    if ((d = directive(start, "rollback")) && *d == ' ') {
        if (!p->rollback.len)
            p->rollback_line = p->line_no;
        str_addf(&p->rollback, "%s\n", d + 1);
        return true;
    }
    if ((d = value_directive(p->line, "comment"))) {
        p->set->comments = text_trim(a, d);
        return true;
    }
    if ((d = value_directive(p->line, "validCheckSum"))) {
        *VEC_PUSH(a, &p->set->valid_sums) = text_trim(a, d);
        return true;
    }
    if (directive(start, "preconditions")) {
        return read_preconditions(p);
    }
    if ((d = directive(start, "precondition-"))) {
        size_t n = strspn(d, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
        if (n && d[n] == ' ')
            return read_precondition(p, d);
    }
    keep_line(p);
    return true;
}

bool formatted_sql_header(const char *line, size_t len)
{
    const char *end = line + len;
    if (len < 2 || line[0] != '-' || line[1] != '-')
        return false;
    for (line += 2; line < end && text_blank(*line); line++)
        ;
    if ((size_t)(end - line) < 9 || strncasecmp(line, "liquibase", 9) != 0)
        return false;
    for (line += 9; line < end && text_blank(*line); line++)
        ;
    return (size_t)(end - line) >= 9 && strncasecmp(line, "formatted", 9) == 0;
}

bool formatted_sql_parse(struct ctx *cx, const struct changelog_source *source, struct properties *props, char *text,
                         size_t len, struct changelog *log)
{
    struct parser p = {.cx = cx, .source = source, .props = props, .log = log, .text = text, .len = len};
    p.logical_path = log->logical;

    while (next_line(&p) && !*text_skip_blanks(p.line))
        ;
    const char *logical = attribute(cx->arena, p.line, "logicalFilePath", ATTR_TOKEN, false);
    if (logical && *logical)
        p.logical_path = logical;
    while (next_line(&p)) {
        if (!ctx_alive(cx, "reading the changelog") || !take_line(&p))
            return false;
    }
    return finish(&p, true);
}

void raw_sql_parse(struct ctx *cx, struct properties *props, char *text, size_t len, struct changelog *log)
{
    (void)props; /* ${} is not expanded in plain SQL files */
    size_t from = 0;
    while (from < len && (unsigned char)text[from] <= ' ')
        from++;
    int line = 1;
    for (size_t i = 0; i < from; i++)
        line += text[i] == '\n';
    while (len > from && (unsigned char)text[len - 1] <= ' ')
        len--;
    text[len] = '\0';

    struct changeset cs = {.id = "raw",
                           .author = "includeAll",
                           .path = log->logical ? changelog_path_normalise(cx->arena, log->logical) : log->path,
                           .filename = log->logical ? path_stored(cx->arena, log->logical) : log->path,
                           .file = log->file,
                           .line = line,
                           .comments = "",
                           .run_in_transaction = true,
                           .fail_on_error = true};
    struct change c = {.name = "sql", .description = "sql", .sql = text + from, .sql_len = len - from};
    *VEC_PUSH(cx->arena, &c.map.places) = (struct text_place){.line = line, .column = 1};
    *VEC_PUSH(cx->arena, &cs.changes) = c;
    *VEC_PUSH(cx->arena, &log->sets) = cs;
}
