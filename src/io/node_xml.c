/* node_xml.c - XML into trees, by expat; see node.h.
 *
 * The tree is built from expat's events with a stack of open elements, so that depth costs no stack of the process. Positions of attributes,
 * which expat does not tell, are read off the start tag's own bytes.
 */
#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dbstep/node.h"
#include "dbstep/str.h"

/* A buffer above KEEP_MAX is given back when its text is complete. */
enum { KEEP_MAX = 64 * 1024, NAMES = 256 };

/* A text that is being gathered; not in the arena, where what it grew out of would stay. */
struct gathered {
    char *s;
    size_t len, cap;
};

struct open_element {
    struct node *node, *last; /* its newest child */
    struct gathered text;
    struct source_map map;
    int line, column; /* where the next byte lies when it follows without a gap */
};

struct reader {
    struct ctx *cx;
    XML_Parser parser;
    const char *file, *source;
    size_t len;
    bool recoded;             /* bytes of the source are not those that expat hands over */
    bool foreign;             /* a document type outside of the document: what it may declare is unknown */
    const char *names[NAMES]; /* each name is kept once */
    struct node *root;
    unsigned elements;
    int depth;
    struct open_element open[NODE_DEPTH_MAX];
};

static int line_now(const struct reader *r)
{
    return (int)XML_GetCurrentLineNumber(r->parser);
}

static int column_now(const struct reader *r)
{
    return (int)XML_GetCurrentColumnNumber(r->parser) + 1;
}

static void stop(struct reader *r, const char *hint)
{
    err_place(r->cx, r->file, line_now(r), column_now(r));
    if (hint)
        err_hint(r->cx, "%s", hint);
    XML_StopParser(r->parser, XML_FALSE);
}

/* As stop(), at the start of the declaration, while expat stands somewhere inside of it. */
static void stop_declaration(struct reader *r, const char *hint)
{
    XML_Index now = XML_GetCurrentByteIndex(r->parser);
    if (!r->recoded && now >= 0 && (size_t)now < r->len) {
        size_t at = (size_t)now, start;
        int line = line_now(r), column = 1;
        while (at && !(r->source[at] == '<' && r->source[at + 1] == '!')) {
            line -= r->source[at] == '\n' && at != (size_t)now;
            at--;
        }
        for (start = at; start && r->source[start - 1] != '\n'; start--)
            column += ((unsigned char)r->source[start - 1] & 0xC0) != 0x80;
        err_place(r->cx, r->file, line, column);
    }
    stop(r, hint);
}

static const char *local_name(const char *name)
{
    const char *colon = strchr(name, ':');
    return colon ? colon + 1 : name;
}

static const char *keep_name(struct reader *r, const char *name)
{
    unsigned h = 5381;
    for (const char *p = name; *p; p++)
        h = h * 33 + (unsigned char)*p;
    const char **slot = &r->names[h % NAMES];
    if (!*slot || strcmp(*slot, name) != 0)
        *slot = arena_strdup(r->cx->arena, name);
    return *slot;
}

/* ---- places of attributes ---- */

struct tag {
    const char *at, *end;
    int line, column;
};

static void step(struct tag *t)
{
    char c = *t->at++;
    t->column += ((unsigned char)c & 0xC0) != 0x80;
    if (c == '\n')
        t->line++, t->column = 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct tag *t)
{
    while (t->at < t->end && is_blank(*t->at))
        step(t);
}

/* To a byte of the tag that lies ahead. */
static void step_to(struct tag *t, const char *to)
{
    while (t->at < to)
        step(t);
}

/* The next attribute of the tag: where it starts and where its value does. */
static void next_attribute(struct tag *t, struct node *n)
{
    skip_blanks(t);
    n->line = t->line, n->column = t->column;
    while (t->at < t->end && *t->at != '"' && *t->at != '\'')
        step(t);
    if (t->at >= t->end)
        return;
    char quote = *t->at;
    step(t);
    n->text_line = t->line, n->text_column = t->column;
    const char *close = memchr(t->at, quote, (size_t)(t->end - t->at));
    step_to(t, close ? close + 1 : t->end);
}

/* The bytes of the start tag that is being handled; empty when they are not at hand. */
static struct tag current_tag(const struct reader *r, const struct node *element)
{
    struct tag t = {.line = element->line, .column = element->column};
    XML_Index at = XML_GetCurrentByteIndex(r->parser);
    int n = XML_GetCurrentByteCount(r->parser);
    if (r->recoded || at < 0 || n <= 0 || (size_t)at + (size_t)n > r->len)
        return t;
    t.at = r->source + at;
    t.end = t.at + n;
    while (t.at < t.end && !is_blank(*t.at) && *t.at != '/' && *t.at != '>')
        step(&t);
    return t;
}

/* Expat leaves out, without a word, a reference in an attribute to an entity that an unread document type may declare. */
static bool unknown_reference(const struct tag *t)
{
    static const char *const known[] = {"lt;", "gt;", "amp;", "quot;", "apos;", "#"};
    for (const char *p = t->at; p && p < t->end && (p = memchr(p, '&', (size_t)(t->end - p))); p++) {
        bool found = false;
        for (size_t i = 0; i < COUNT(known) && !found; i++)
            found = (size_t)(t->end - p) > strlen(known[i]) && memcmp(p + 1, known[i], strlen(known[i])) == 0;
        if (!found)
            return true;
    }
    return false;
}

/* ---- events ---- */

static struct node *add_child(struct reader *r, struct open_element *parent)
{
    struct node *n = ARENA_NEW(r->cx->arena, struct node);
    if (!parent)
        r->root = n;
    else if (parent->last)
        parent->last->next = n;
    else
        parent->node->first = n;
    if (parent)
        parent->last = n;
    return n;
}

/* xmlns, xmlns:x, xsi:schemaLocation, xml:space … say something about the document, not in it. */
static bool of_xml_itself(const char *name)
{
    return *name == 'x' && (strcmp(name, "xmlns") == 0 || text_starts(name, "xmlns:") || text_starts(name, "xsi:") ||
                            text_starts(name, "xml:"));
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    static const char undeclared[] =
        "write the character itself, or &lt; &gt; &amp; &quot; &apos; or a number such as &#228;";
    struct reader *r = user;
    if (++r->elements % 1024 == 0 && !ctx_alive(r->cx, "reading the changelog")) {
        XML_StopParser(r->parser, XML_FALSE);
        return;
    }
    if (r->depth == NODE_DEPTH_MAX) {
        fail(r->cx, E_CHANGELOG, "the XML is nested more than %d deep", NODE_DEPTH_MAX);
        stop(r, NULL);
        return;
    }
    struct node *n = add_child(r, r->depth ? &r->open[r->depth - 1] : NULL);
    n->name = keep_name(r, local_name(name));
    n->line = line_now(r);
    n->column = column_now(r);
    struct open_element *e = &r->open[r->depth++];
    e->node = n;
    e->last = NULL;
    e->map.places.n = 0;
    e->text.len = 0;
    if (!attributes[0])
        return;
    struct tag tag = current_tag(r, n);
    if (r->foreign && (r->recoded || unknown_reference(&tag))) {
        fail(r->cx, E_CHANGELOG, "a reference to an entity that is not declared in this document");
        stop(r, undeclared);
        return;
    }
    int given = XML_GetSpecifiedAttributeCount(r->parser);
    for (int i = 0; attributes[i]; i += 2) {
        struct node place = {.line = n->line, .column = n->column, .text_line = n->line, .text_column = n->column};
        if (i < given && tag.at)
            next_attribute(&tag, &place);
        if (of_xml_itself(attributes[i]))
            continue;
        struct node *a = add_child(r, e);
        *a = place;
        a->name = keep_name(r, local_name(attributes[i]));
        a->text = arena_strdup(r->cx->arena, attributes[i + 1]);
        a->attribute = true;
    }
}

static bool blank_only(const char *s, int n)
{
    for (int i = 0; i < n; i++)
        if ((unsigned char)s[i] > ' ')
            return false;
    return true;
}

static bool gather(struct gathered *g, const char *s, size_t n)
{
    if (g->cap - g->len < n) {
        size_t cap = g->cap + n > 2 * g->cap ? g->cap + n : 2 * g->cap;
        char *grown = realloc(g->s, cap < 256 ? 256 : cap);
        if (!grown)
            return false;
        g->s = grown;
        g->cap = cap < 256 ? 256 : cap;
    }
    memcpy(g->s + g->len, s, n);
    g->len += n;
    return true;
}

static void XMLCALL on_text(void *user, const XML_Char *s, int n)
{
    struct reader *r = user;
    struct open_element *e = &r->open[r->depth - 1];
    if (!e->text.len) {
        if (blank_only(s, n))
            return; /* leading blanks do not count; most of the calls end here */
        e->line = 0;
    }
    int line = line_now(r), column = column_now(r);
    if (!e->text.len)
        while ((unsigned char)*s <= ' ')
            s++, n--, column++; /* line breaks come in calls of their own */
    if (line != e->line || column != e->column) {
        struct text_place place = {.offset = e->text.len, .line = line, .column = column};
        *VEC_PUSH(r->cx->arena, &e->map.places) = place;
    }
    if (!gather(&e->text, s, (size_t)n)) {
        fail(r->cx, E_CAPACITY, "out of memory while reading '%s'", r->file);
        stop(r, NULL);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (s[i] == '\n')
            line++, column = 1;
        else if (((unsigned char)s[i] & 0xC0) != 0x80)
            column++;
    }
    e->line = line;
    e->column = column;
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    struct reader *r = user;
    struct open_element *e = &r->open[--r->depth];
    (void)name;
    if (!e->text.len)
        return;
    while (e->text.len && (unsigned char)e->text.s[e->text.len - 1] <= ' ')
        e->text.len--;
    struct node *n = e->node;
    n->text_line = e->map.places.at[0].line;
    n->text_column = e->map.places.at[0].column;
    n->text = arena_strndup(r->cx->arena, e->text.s, e->text.len);
    if (e->text.cap > KEEP_MAX) {
        free(e->text.s);
        e->text = (struct gathered){.s = NULL};
    }
    if (e->map.places.n > 1) {
        struct source_map *map = ARENA_NEW(r->cx->arena, struct source_map);
        *map = e->map;
        e->map = (struct source_map){.places = {.n = 0}};
        n->map = map;
    }
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id, const XML_Char *public_id,
                               int internal)
{
    struct reader *r = user;
    (void)name;
    (void)internal;
    r->foreign = r->foreign || system_id || public_id;
}

static void XMLCALL on_entity(void *user, const XML_Char *name, int parameter, const XML_Char *value, int length,
                              const XML_Char *base, const XML_Char *system_id, const XML_Char *public_id,
                              const XML_Char *notation)
{
    struct reader *r = user;
    (void)parameter, (void)value, (void)length, (void)base, (void)system_id, (void)public_id, (void)notation;
    fail(r->cx, E_CHANGELOG, "the XML declares an entity, '%.60s'", name);
    stop_declaration(
        r, "entities can read other files and grow without end, so none are taken: write out what they stand for");
}

/* A default of an attribute is written once and would count for every element. */
static void XMLCALL on_attlist(void *user, const XML_Char *element, const XML_Char *name, const XML_Char *type,
                               const XML_Char *value, int required)
{
    struct reader *r = user;
    (void)type, (void)required;
    if (!value)
        return;
    fail(r->cx, E_CHANGELOG, "the XML declares a default for the attribute '%.60s' of <%.60s>", name, element);
    stop_declaration(r, "write the attribute where it is meant");
}

static void XMLCALL on_skipped(void *user, const XML_Char *name, int parameter)
{
    struct reader *r = user;
    if (parameter)
        return;
    fail(r->cx, E_CHANGELOG, "the entity '&%.60s;' is not declared", name);
    stop(r, "write the character itself, or &lt; &gt; &amp; &quot; &apos; or a number such as &#228;");
}

/* Expat knows UTF-8, UTF-16, ISO-8859-1 and US-ASCII; Windows' western encoding is the one other that such files are written in. */
static int XMLCALL on_encoding(void *user, const XML_Char *name, XML_Encoding *info)
{
    static const short upper[32] = {0x20AC, -1,     0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, -1,     0x017D, -1,
                                    -1,     0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, -1,     0x017E, 0x0178};
    (void)user;
    if (!text_equal_nocase(name, "windows-1252") && !text_equal_nocase(name, "cp1252"))
        return XML_STATUS_ERROR;
    for (int i = 0; i < 256; i++)
        info->map[i] = i >= 0x80 && i < 0xA0 ? upper[i - 0x80] : i;
    info->data = NULL;
    info->convert = NULL;
    info->release = NULL;
    return XML_STATUS_OK;
}

static void XMLCALL on_declaration(void *user, const XML_Char *version, const XML_Char *encoding, int standalone)
{
    struct reader *r = user;
    (void)version, (void)standalone;
    if (encoding && !text_equal_nocase(encoding, "utf-8") && !text_equal_nocase(encoding, "us-ascii"))
        r->recoded = true;
}

/* ---- reading ---- */

static void free_parser(XML_Parser *p)
{
    if (*p)
        XML_ParserFree(*p);
}

static void free_texts(struct reader **r)
{
    for (size_t i = 0; i < COUNT((*r)->open); i++)
        free((*r)->open[i].text.s);
}

static const char *not_closed(const struct reader *r)
{
    const struct node *n = r->depth ? r->open[r->depth - 1].node : NULL;
    return n ? arena_printf(r->cx->arena, "<%s> of line %d is not closed", n->name, n->line)
             : "the file holds no element";
}

static bool fail_syntax(struct reader *r)
{
    enum XML_Error code = XML_GetErrorCode(r->parser);
    if (r->cx->err.code != E_OK) /* one of ours stopped it */
        return false;
    if (code == XML_ERROR_NO_MEMORY)
        return fail(r->cx, E_CAPACITY, "out of memory while reading '%s'", r->file);
    fail(r->cx, E_CHANGELOG, "malformed XML: %s", XML_ErrorString(code));
    err_place(r->cx, r->file, line_now(r), column_now(r));
    if (code == XML_ERROR_UNKNOWN_ENCODING)
        err_hint(r->cx, "save it as UTF-8");
    else if (code == XML_ERROR_TAG_MISMATCH && r->depth)
        err_hint(r->cx, "<%s> of line %d is the element that is open there", r->open[r->depth - 1].node->name,
                 r->open[r->depth - 1].node->line);
    else if (code == XML_ERROR_UNDEFINED_ENTITY)
        err_hint(r->cx, "write the character itself, or &lt; &gt; &amp; &quot; &apos; or a number such as &#228;");
    else if (code == XML_ERROR_NO_ELEMENTS)
        err_hint(r->cx, "%s", not_closed(r));
    else if (code == XML_ERROR_INVALID_TOKEN)
        err_hint(r->cx,
                 "a plain & or < must be written as &amp; or &lt;, or stand in <![CDATA[ … ]]>; the file must be valid "
                 "in its encoding (UTF-8 unless its first line names another)");
    return false;
}

bool node_read_xml(struct ctx *cx, const char *file, const char *text, size_t len, struct node **out)
{
    __attribute__((cleanup(free_texts))) struct reader *r = ARENA_NEW(cx->arena, struct reader);
    __attribute__((cleanup(free_parser))) XML_Parser parser = XML_ParserCreate(NULL);

    *out = NULL;
    if (!parser)
        return fail(cx, E_CAPACITY, "out of memory while reading '%s'", file);
    r->cx = cx;
    r->parser = parser;
    r->file = file;
    r->source = text;
    r->len = len;
    r->recoded = len >= 2 && ((unsigned char)text[0] >= 0xFE || !text[0] || !text[1]); /* UTF-16 */
    XML_SetUserData(parser, r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetEntityDeclHandler(parser, on_entity);
    XML_SetSkippedEntityHandler(parser, on_skipped);
    XML_SetUnknownEncodingHandler(parser, on_encoding, NULL);
    XML_SetXmlDeclHandler(parser, on_declaration);
    XML_SetAttlistDeclHandler(parser, on_attlist);
    if (len > INT_MAX)
        return fail(cx, E_CAPACITY, "'%s' is larger than %s", file, text_size(cx->arena, INT_MAX));
    /* All at once: in pieces, a token that goes over many of them would be looked at again for each. */
    if (XML_Parse(parser, text, (int)len, XML_TRUE) != XML_STATUS_OK)
        return fail_syntax(r);
    *out = r->root;
    return true;
}
