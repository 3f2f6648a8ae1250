/* Changelogs as trees: what XML, YAML and JSON become, what files inherit from those that include them, and what is refused. Behaviour is
 * Liquibase's, asked of 4.28.0. */
#include <sys/stat.h>
#include <unistd.h>

#include "dbstep/changelog.h"
#include "dbstep/files.h"
#include "dbstep/redact.h"
#include "testing.h"

#define XML(body) "<databaseChangeLog>" body "</databaseChangeLog>"
#define SET(id, more) "<changeSet id=\"" id "\" author=\"a\" " more "/>"
#define DROP "<dropTable tableName=\"t\"/>"

struct file {
    const char *path, *text;
};

struct world {
    struct arena a;
    struct ctx cx;
    struct changelog log;
    char folder[32];
};

static void start(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->cx.arena = &w->a;
}

static void end(struct world *w)
{
    arena_free(&w->a);
}

static const char *environment(void *user, const char *name)
{
    (void)user;
    return text_equal(name, "FROM_ENV") ? "env" : NULL;
}

/* From memory; the name says which notation it is. */
static bool parse(struct world *w, const char *path, const char *text)
{
    struct changelog_source source = {.file = path, .environment = environment};
    size_t n = strlen(text);
    w->log = (struct changelog){.file = path};
    return changelog_parse(&w->cx, &source, path, arena_strndup(&w->a, text, n), n, &w->log);
}

static void parse_well(struct world *w, const char *path, const char *text)
{
    start(w);
    if (!parse(w, path, text))
        fail_test("%s:%d:%d: %s (%s)", w->cx.err.file, w->cx.err.line, w->cx.err.column, w->cx.err.message,
                  w->cx.err.detail);
}

/* The first of the files, all of them in a folder of their own that is the search path. */
static bool load(struct world *w, const struct file *files, size_t n, const char *contexts, const char *labels)
{
    start(w);
    memcpy(w->folder, "/tmp/dbstep-trees-XXXXXX", 25);
    assert_non_null(mkdtemp(w->folder));
    for (size_t i = 0; i < n; i++) {
        char *path = path_join(&w->a, w->folder, files[i].path);
        char *slash = strrchr(path, '/');
        assert_true(dir_make(&w->cx, arena_strndup(&w->a, path, (size_t)(slash - path))));
        assert_true(file_write_atomic(&w->cx, path, files[i].text, strlen(files[i].text)));
    }
    const char *folders[] = {w->folder};
    struct str_list search = {.at = folders, .n = 1};
    struct changelog_source source = {
        .file = files[0].path, .search_path = &search, .contexts = contexts, .labels = labels};
    bool ok = changelog_load(&w->cx, &source, &w->log);
    struct err err = w->cx.err;
    err_clear(&w->cx);
    assert_true(dir_clear(&w->cx, w->folder));
    rmdir(w->folder);
    w->cx.err = err;
    return ok;
}

/* "path::id::author contexts labels", a line each. */
static const char *listing(struct world *w)
{
    struct str out = str_new(&w->a);
    for (size_t i = 0; i < w->log.sets.n; i++) {
        const struct changeset *cs = &w->log.sets.at[i];
        const char *contexts = changeset_contexts(&w->a, cs), *labels = changeset_labels(&w->a, cs);
        str_addf(&out, "%s::%s::%s%s%s%s%s%s\n", cs->filename, cs->id, cs->author, contexts ? " @" : "",
                 contexts ? contexts : "", labels ? " #" : "", labels ? labels : "", cs->ignore ? " ignored" : "");
    }
    return out.s;
}

static void assert_listing(const struct file *files, size_t n, const char *expected)
{
    struct world w;
    if (!load(&w, files, n, NULL, NULL))
        fail_test("%s:%d:%d: %s (%s)", w.cx.err.file, w.cx.err.line, w.cx.err.column, w.cx.err.message,
                  w.cx.err.detail);
    assert_string_equal(listing(&w), expected);
    end(&w);
}

static void assert_error(const struct err *err, enum err_code code, const char *message, const char *hint, int line,
                         int column)
{
    if (err->code != code || !strstr(err->message, message) || !strstr(err->hint, hint) || err->line != line ||
        err->column != column)
        fail_test("%s %s:%d:%d: %s (%s) [%s]\ninstead of %d:%d: %s [%s]", err_name(err->code), err->file, err->line,
                  err->column, err->message, err->detail, err->hint, line, column, message, hint);
}

static void assert_refused(const char *path, const char *text, const char *message, const char *hint, int line,
                           int column)
{
    struct world w;
    start(&w);
    if (parse(&w, path, text))
        fail_test("accepted: %s", text);
    assert_error(&w.cx.err, E_CHANGELOG, message, hint, line, column);
    end(&w);
}

/* ---- one file ---- */

static void check_everything(struct world *w)
{
    assert_int_equal(w->log.preconditions.n, 1);
    assert_int_equal(w->log.preconditions.at[0].on_fail, REACT_WARN);
    assert_string_equal(w->log.preconditions.at[0].list.at[0].value, "postgresql, oracle");
    assert_int_equal(w->log.sets.n, 2);
    const struct changeset *cs = &w->log.sets.at[0];
    assert_string_equal(cs->id, "1.5");
    assert_string_equal(cs->author, "bob");
    assert_string_equal(cs->path, "logical.x");
    assert_string_equal(cs->filename, "./a/../logical.x");
    assert_string_equal(changeset_name(&w->a, cs), "./a/../logical.x::1.5::bob");
    assert_true(cs->run_on_change && cs->run_always && !cs->run_in_transaction && !cs->fail_on_error && cs->ignore);
    assert_string_equal(changeset_contexts(&w->a, cs), "root AND (prod, test)");
    assert_string_equal(changeset_labels(&w->a, cs), "v1,b c");
    assert_int_equal(cs->dbms.n, 2);
    assert_string_equal(cs->dbms.at[1], "!oracle");
    assert_string_equal(cs->comments, "first and P");
    assert_string_equal(cs->run_with, "psql");
    assert_int_equal(cs->valid_sums.n, 2);
    assert_string_equal(cs->valid_sums.at[1], "any");
    assert_int_equal(cs->quoting, QUOTE_ALL_OBJECTS);
    assert_int_equal(cs->preconditions.on_fail, REACT_MARK_RAN);
    assert_int_equal(cs->preconditions.on_error, REACT_CONTINUE);
    assert_int_equal(cs->preconditions.on_preview, PREVIEW_TEST);
    assert_string_equal(cs->preconditions.on_fail_message, "no P");
    assert_int_equal(cs->preconditions.list.n, 2);
    const struct precondition *p = &cs->preconditions.list.at[0];
    assert_int_equal(p->kind, PRE_NOT);
    assert_int_equal(p->list.n, 1);
    assert_int_equal(p->list.at[0].kind, PRE_OR);
    assert_int_equal(p->list.at[0].list.at[0].kind, PRE_TABLE_EXISTS);
    assert_string_equal(p->list.at[0].list.at[0].name, "P");
    assert_string_equal(p->list.at[0].list.at[1].columns, "a, b");
    assert_int_equal(cs->preconditions.list.at[1].kind, PRE_SQL_CHECK);
    assert_string_equal(cs->preconditions.list.at[1].expected, "1");
    assert_string_equal(cs->preconditions.list.at[1].sql, "select 1");
    assert_int_equal(cs->changes.n, 2);
    assert_string_equal(changeset_description(&w->a, cs), "dropTable tableName=P; dropTable tableName=u");
    assert_int_equal(cs->rollback.kind, ROLLBACK_CHANGES);
    assert_int_equal(cs->rollback.changes.n, 1);
    assert_string_equal(cs->rollback.changes.at[0].sql, "create table P (); -- x");
    assert_true(cs->rollback.changes.at[0].split && cs->rollback.changes.at[0].strip_comments);
    cs++;
    assert_string_equal(cs->path, "db/x");
    assert_int_equal(cs->quoting, QUOTE_ONLY_RESERVED);
    assert_string_equal(changeset_contexts(&w->a, cs), "root");
    assert_string_equal(changeset_description(&w->a, cs), "empty");
}

static void everything_xml(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "db/x.xml",
        "<?xml version=\"1.0\"?>\n"
        "<databaseChangeLog xmlns=\"http://www.liquibase.org/xml/ns/dbchangelog\"\n"
        "  xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"x y\"\n"
        "  logicalFilePath=\"db/x\" contextFilter=\"root\" objectQuotingStrategy=\"QUOTE_ONLY_RESERVED_WORDS\">\n"
        "<preConditions onFail=\"WARN\"><dbms type=\"postgresql, oracle\"/></preConditions>\n"
        "<property name=\"p\" value=\"P\"/>\n"
        "<changeSet id=\"1.5\" author=\"bob\" logicalFilePath=\"./a/../logical.x\" runOnChange=\"true\" runAlways=\"TRUE\"\n"
        "  runInTransaction=\"false\" failOnError=\"false\" ignore=\"true\" context=\"prod, test\" labels=\"V1, b c\"\n"
        "  dbms=\"postgresql,!oracle\" runWith=\"psql\" created=\"x\" objectQuotingStrategy=\"QUOTE_ALL_OBJECTS\">\n"
        "<validCheckSum> 9:abc </validCheckSum><validCheckSum>any</validCheckSum>\n"
        "<preConditions onFail=\"MARK_RAN\" onError=\"CONTINUE\" onSqlOutput=\"TEST\" onFailMessage=\"no ${p}\">\n"
        "<not><or><tableExists tableName=\"${p}\"/><indexExists tableName=\"t\" columnNames=\"a, b\"/></or></not>\n"
        "<sqlCheck expectedResult=\"1\"> select 1 </sqlCheck></preConditions>\n"
        "<comment> first and ${P} </comment><dropTable tableName=\"${p}\"/><dropTable tableName=\"u\"/>\n"
        "<rollback> create table ${p} (); -- x </rollback></changeSet>\n"
        "<changeSet id=\"2\" author=\"bob\"/>\n</databaseChangeLog>\n");
    check_everything(&w);
    end(&w);
}

static void everything_yaml(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "db/x.yaml",
        "databaseChangeLog:\n"
        "- preConditions: [{onFail: WARN}, {dbms: {type: \"postgresql, oracle\"}}]\n"
        "- changeSet:\n"
        "    id: 1.50\n    author: bob\n    logicalFilePath: ./a/../logical.x\n    runOnChange: true\n    runAlways: yes\n"
        "    runInTransaction: \"false\"\n    failOnError: off\n    ignore: true\n    context: prod, test\n    labels: V1, b c\n"
        "    dbms: postgresql,!oracle\n    runWith: psql\n    created: x\n    objectQuotingStrategy: QUOTE_ALL_OBJECTS\n"
        "    validCheckSum: [\"9:abc\", any]\n"
        "    preConditions:\n"
        "    - onFail: MARK_RAN\n    - onError: CONTINUE\n    - onSqlOutput: TEST\n    - onFailMessage: no ${p}\n"
        "    - not:\n      - or:\n        - tableExists: {tableName: \"${p}\"}\n"
        "        - indexExists: {tableName: t, columnNames: \"a, b\"}\n"
        "    - sqlCheck: {expectedResult: 1, sql: select 1}\n"
        "    comment: first and ${P}\n"
        "    changes:\n    - dropTable: {tableName: \"${p}\"}\n    - dropTable: {tableName: u}\n"
        "    rollback: create table ${p} (); -- x\n"
        "- changeSet: {id: 2, author: bob}\n"
        "- property: {name: p, value: P}\n" /* counts from the start of the file */
        "- logicalFilePath: db/x\n- contextFilter: root\n- objectQuotingStrategy: QUOTE_ONLY_RESERVED_WORDS\n");
    check_everything(&w);
    end(&w);
}

static void everything_json(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "db/x.json",
        "{\"databaseChangeLog\": [{\"logicalFilePath\": \"db/x\"}, {\"contextFilter\": \"root\"},\n"
        "{\"objectQuotingStrategy\": \"QUOTE_ONLY_RESERVED_WORDS\"}, {\"property\": {\"name\": \"p\", \"value\": \"P\"}},\n"
        "{\"preConditions\": [{\"onFail\": \"WARN\"}, {\"dbms\": {\"type\": \"postgresql, oracle\"}}]},\n"
        "{\"changeSet\": {\"id\": 1.50, \"author\": \"bob\", \"logicalFilePath\": \"./a/../logical.x\", \"runOnChange\": true,\n"
        "\"runAlways\": \"true\", \"runInTransaction\": false, \"failOnError\": false, \"ignore\": true,\n"
        "\"context\": \"prod, test\", \"labels\": \"V1, b c\", \"dbms\": \"postgresql,!oracle\", \"runWith\": \"psql\",\n"
        "\"objectQuotingStrategy\": \"QUOTE_ALL_OBJECTS\", \"validCheckSums\": [\"9:abc\", \"any\"],\n"
        "\"preConditions\": [{\"onFail\": \"MARK_RAN\", \"onError\": \"CONTINUE\", \"onUpdateSQL\": \"TEST\"},\n"
        "{\"onFailMessage\": \"no ${p}\"}, {\"not\": {\"or\": [{\"tableExists\": {\"tableName\": \"${p}\"}},\n"
        "{\"indexExists\": {\"tableName\": \"t\", \"columnNames\": \"a, b\"}}]}},\n"
        "{\"sqlCheck\": {\"expectedResult\": \"1\", \"sql\": \"select 1\"}}],\n"
        "\"comment\": \"first and ${P}\", \"changes\": [{\"dropTable\": {\"tableName\": \"${p}\"}},\n"
        "{\"dropTable\": {\"tableName\": \"u\"}}], \"rollback\": \"create table ${p} (); -- x\"}},\n"
        "{\"changeSet\": {\"id\": \"2\", \"author\": \"bob\"}}]}\n");
    check_everything(&w);
    end(&w);
}

/* Anchors spare people writing, and change nothing. */
static void yaml_anchors(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "x.yaml",
        "databaseChangeLog:\n- changeSet: &one\n    id: 1\n    author: a\n    changes: &drop\n    - dropTable: {tableName: t}\n"
        "- changeSet: {<<: *one, id: 2}\n- changeSet: {id: 3, author: b, changes: *drop, rollback: *drop}\n");
    assert_string_equal(listing(&w), "x.yaml::1::a\nx.yaml::2::a\nx.yaml::3::b\n");
    assert_int_equal(w.log.sets.at[1].changes.n, 1);
    assert_int_equal(w.log.sets.at[2].rollback.changes.n, 1);
    end(&w);
}

/* The text starts behind blanks that were left out: its lines are still the file's. */
static void places_behind_blanks(void **state)
{
    (void)state;
    struct world w;
    int line, column;
    parse_well(&w, "x.yaml",
               "databaseChangeLog:\n- changeSet:\n    id: 1\n    author: a\n    changes:\n    - sql:\n        sql: |\n"
               "\n\n          select 1;\n          oops\n");
    const struct change *c = &w.log.sets.at[0].changes.at[0];
    assert_string_equal(c->sql, "select 1;\noops");
    source_locate(&c->map, c->sql, 0, &line, &column);
    assert_int_equal(line, 10);
    assert_int_equal(column, 11);
    source_locate(&c->map, c->sql, (size_t)(strstr(c->sql, "oops") - c->sql), &line, &column);
    assert_int_equal(line, 11);
    assert_int_equal(column, 11);
    end(&w);
}

static void rollbacks(void **state)
{
    (void)state;
    struct world w;
    parse_well(&w, "x.xml",
               XML("<changeSet id='1' author='a'>" DROP "</changeSet>"
                   "<changeSet id='2' author='a'>" DROP "<rollback/></changeSet>"
                   "<changeSet id='3' author='a'>" DROP
                   "<rollback>one<dropTable tableName='x'/>two</rollback><rollback>three</rollback></changeSet>"
                   "<changeSet id='4' author='a'>" DROP "<rollback changeSetId='1' changeSetAuthor='a'/></changeSet>"
                   "<changeSet id='5' author='a'>" DROP
                   "<rollback changeSetId='3' changeSetAuthor='A' changeSetPath='./x.xml'/></changeSet>"
                   "<changeSet id='6' author='a'>" DROP "<rollback>empty</rollback></changeSet>"));
    const struct changeset *cs = w.log.sets.at;
    assert_int_equal(cs[0].rollback.kind, ROLLBACK_NONE);
    assert_int_equal(cs[1].rollback.kind, ROLLBACK_EMPTY);
    assert_int_equal(cs[2].rollback.changes.n, 3);
    assert_string_equal(cs[2].rollback.changes.at[0].name, "dropTable");
    assert_string_equal(cs[2].rollback.changes.at[1].sql, "onetwo");
    assert_string_equal(cs[2].rollback.changes.at[2].sql, "three");
    assert_int_equal(cs[3].rollback.kind, ROLLBACK_CHANGESET);
    assert_null(cs[3].rollback.path);
    assert_string_equal(cs[4].rollback.path, "x.xml");
    assert_string_equal(cs[5].rollback.changes.at[0].sql, "empty"); /* SQL, other than in formatted SQL */
    end(&w);
    parse_well(&w, "x.yaml",
               "databaseChangeLog:\n"
               "- changeSet: {id: 1, author: a, rollback: }\n- changeSet: {id: 2, author: a, rollback: []}\n"
               "- changeSet: {id: 3, author: a, rollback: [{dropTable: {tableName: t}}, drop y]}\n"
               "- changeSet: {id: 4, author: a, rollback: {dropTable: {tableName: t}}}\n"
               "- changeSet: {id: 5, author: a, rollback: [{changeSetId: 1, changeSetAuthor: a}]}\n");
    cs = w.log.sets.at;
    assert_int_equal(cs[0].rollback.kind, ROLLBACK_EMPTY);
    assert_int_equal(cs[1].rollback.kind, ROLLBACK_EMPTY);
    assert_int_equal(cs[2].rollback.changes.n, 2);
    assert_string_equal(cs[2].rollback.changes.at[1].sql, "drop y");
    assert_int_equal(cs[3].rollback.changes.n, 1);
    assert_int_equal(cs[4].rollback.kind, ROLLBACK_CHANGESET);
    end(&w);
}

/* YAML's changes may hold other parts of the changeset. */
static void parts_among_changes(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "x.yaml",
        "databaseChangeLog:\n- changeSet:\n    id: 1\n    author: a\n    changes:\n    - dropTable: {tableName: t}\n"
        "    - rollback: r\n    - validCheckSum: any\n    - preConditions: [{onFail: WARN}]\n    - id: 7\n"
        "    - modifySql: {append: {value: x}}\n    - dropTable: {tableName: u}\n");
    const struct changeset *cs = w.log.sets.at;
    assert_string_equal(cs->id, "1");
    assert_int_equal(cs->changes.n, 2);
    assert_string_equal(cs->rollback.changes.at[0].sql, "r");
    assert_int_equal(cs->valid_sums.n, 1);
    assert_int_equal(cs->preconditions.on_fail, REACT_WARN);
    assert_int_equal(cs->visitors.n, 1);
    end(&w);
}

static void column_texts(void **state)
{
    (void)state;
    struct arena a = {0};
    struct str s = str_new(&a);
    for (int i = 0; i < 250; i++)
        str_add(&s, "ä");
    assert_string_equal(changeset_column(&a, s.s), s.s);
    str_add(&s, "b");
    const char *cut = changeset_column(&a, s.s);
    assert_int_equal(strlen(cut), 247 * 2 + 3);
    assert_string_equal(cut + strlen(cut) - 5, "ä...");
    arena_free(&a);
}

static void all_preconditions(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "d/x.xml",
        XML("<property name='p' value='v'/><changeSet id='1' author='a' objectQuotingStrategy='QUOTE_ALL_OBJECTS'><preConditions>"
            "<viewExists viewName='v' schemaName='s'/><columnExists tableName='t' columnName='c' catalogName='x'/>"
            "<indexExists indexName='i'/><foreignKeyConstraintExists foreignKeyName='f' foreignKeyTableName='t'/>"
            "<primaryKeyExists tableName='t'/><uniqueConstraintExists tableName='t' columnNames='a'/>"
            "<sequenceExists sequenceName='q'/><tableIsEmpty tableName='t'/><rowCount tableName='t' expectedRows='5'/>"
            "<runningAs username='u'/><changeSetExecuted id='1' author='b' changeLogFile='classpath:f.xml'/>"
            "<changeSetExecuted id='2' author='b'/>"
            "<changeLogPropertyDefined property='P'/><changeLogPropertyDefined property='p' value='w'/>"
            "<changeLogPropertyDefined property='late' value='l'/><changeLogPropertyDefined property='never'/>"
            "<expectedQuotingStrategy strategy='QUOTE_ALL_OBJECTS'/><expectedQuotingStrategy strategy='LEGACY'/>"
            "<and><or/></and></preConditions></changeSet><property name='late' value='l'/>"));
    const struct precondition *p = w.log.sets.at[0].preconditions.list.at;
    static const enum precondition_kind kinds[] = {PRE_VIEW_EXISTS,
                                                   PRE_COLUMN_EXISTS,
                                                   PRE_INDEX_EXISTS,
                                                   PRE_FOREIGN_KEY_EXISTS,
                                                   PRE_PRIMARY_KEY_EXISTS,
                                                   PRE_UNIQUE_EXISTS,
                                                   PRE_SEQUENCE_EXISTS,
                                                   PRE_TABLE_IS_EMPTY,
                                                   PRE_ROW_COUNT,
                                                   PRE_RUNNING_AS,
                                                   PRE_CHANGESET_EXECUTED,
                                                   PRE_CHANGESET_EXECUTED,
                                                   PRE_PROPERTY_DEFINED,
                                                   PRE_PROPERTY_DEFINED,
                                                   PRE_PROPERTY_DEFINED,
                                                   PRE_PROPERTY_DEFINED,
                                                   PRE_QUOTING_STRATEGY,
                                                   PRE_QUOTING_STRATEGY,
                                                   PRE_AND};
    assert_int_equal(w.log.sets.at[0].preconditions.list.n, COUNT(kinds));
    for (size_t i = 0; i < COUNT(kinds); i++)
        assert_int_equal(p[i].kind, kinds[i]);
    assert_string_equal(p[0].schema, "s");
    assert_string_equal(p[1].table, "t");
    assert_string_equal(p[1].name, "c");
    assert_string_equal(p[3].table, "t");
    assert_string_equal(p[8].name, "t");
    assert_string_equal(p[8].expected, "5");
    assert_string_equal(p[10].path, "f.xml");
    assert_string_equal(p[11].path, "d/x.xml");
    assert_true(p[12].holds && !p[13].holds && p[14].holds && !p[15].holds);
    assert_true(p[16].holds && !p[17].holds);
    end(&w);
}

static void run_order(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"r.xml", XML(SET("1", "") SET("l1", "runOrder='last'") SET("f1", "runOrder='first'")
                          SET("2", "") "<include file='i.xml'/>" SET("f2", "runOrder='FIRST'") SET("3", ""))},
        {"i.xml", XML(SET("i1", "") SET("il", "runOrder='last'") SET("if", "runOrder='first'") SET("i2", ""))}};
    assert_listing(
        files, COUNT(files),
        "r.xml::f1::a\ni.xml::if::a\nr.xml::f2::a\nr.xml::1::a\nr.xml::2::a\ni.xml::i1::a\ni.xml::i2::a\nr.xml::3::a\n"
        "r.xml::l1::a\ni.xml::il::a\n");
}

/* Changesets for other databases are not looked into, and may have the same id. */
static void other_databases(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "x.yaml",
        "databaseChangeLog:\n- changeSet: {id: 1, author: a, dbms: oracle, changes: [{nosuch: {a: 1}}]}\n"
        "- changeSet: {id: 1, author: a, dbms: \"postgresql, h2\", ignore: true}\n- changeSet: {id: 1, author: a, dbms: \"!foo\"}\n"
        "- changeSet: {id: 2, author: a, dbms: foo}\n");
    assert_int_equal(w.log.sets.n, 4);
    assert_int_equal(w.log.sets.at[0].changes.n, 0);
    end(&w);
}

/* ---- several files ---- */

static void inheritance(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"r.xml",
         "<databaseChangeLog contextFilter='root'><include file='i/one.xml' context='c1, c2' labels='L1, l2'/>" SET(
             "r", "context='r or s' labels='x'") "</databaseChangeLog>"},
        {"i/one.xml",
         "<databaseChangeLog context='one'>" SET(
             "1",
             "context='own' labels='LO'") "<include file='two.xml' relativeToChangelogFile='true' contextFilter='deep' labels='dl' ignore='true'/>"
                                          "<include file='i/f.sql' context='f'/><includeAll path='all' context='(a)' labels='al'/></databaseChangeLog>"},
        {"i/two.xml", XML(SET("2", "contextFilter='o2,o3' context='o4'") SET("3", ""))},
        {"i/f.sql", "--liquibase formatted sql\n--changeset b:1 context:own labels:q\nselect 1;\n"},
        {"all/y.yaml", "databaseChangeLog: [{changeSet: {id: 4, author: y}}]\n"},
        {"all/z.sql", "select 1;\n"}};
    struct world w;
    assert_true(load(&w, files, COUNT(files), NULL, NULL));
    assert_int_equal(w.log.files.n, COUNT(files));
    assert_string_equal(path_base(w.log.files.at[2]), "two.xml");
    end(&w);
    assert_listing(files, COUNT(files),
                   "i/one.xml::1::a @one AND (c1, c2) AND root AND own #l1,l2,lo\n"
                   "i/two.xml::2::a @deep AND one AND (c1, c2) AND root AND (o2,o3) #dl,l1,l2 ignored\n"
                   "i/two.xml::3::a @deep AND one AND (c1, c2) AND root #dl,l1,l2 ignored\n"
                   "i/f.sql::1::b @f AND one AND (c1, c2) AND root AND own #l1,l2,q\n"
                   "all/y.yaml::4::y @(a) AND one AND (c1, c2) AND root #al,l1,l2\n"
                   "all/z.sql::raw::includeAll @(a) AND one AND (c1, c2) AND root #al,l1,l2\n"
                   "r.xml::r::a @root AND (r or s) #x\n");
}

/* Each list of labels must match by itself. */
static void inherited_labels(void **state)
{
    (void)state;
    static const struct file files[] = {{"r.xml", XML("<include file='i.xml' labels='A'/>")},
                                        {"i.xml", XML(SET("1", "labels='b'") SET("2", ""))}};
    struct world w;
    assert_true(load(&w, files, COUNT(files), NULL, NULL));
    const struct changeset *b = &w.log.sets.at[0], *none = &w.log.sets.at[1];
    assert_true(changeset_labels_match(b, "") && changeset_labels_match(b, "a or b"));
    assert_false(changeset_labels_match(b, "a"));
    assert_false(changeset_labels_match(b, "b"));
    assert_false(changeset_labels_match(b, "a and b"));
    assert_true(changeset_labels_match(none, "a"));
    assert_false(changeset_labels_match(none, "b"));
    end(&w);
}

static void logical_paths(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"r.xml",
         "<databaseChangeLog logicalFilePath='classpath:r/../q.xml'>" SET("1", "") SET(
             "2",
             "logicalFilePath='/own.xml'") "<include file='i.xml'/><include file='j.xml'/><include file='j2.xml' logicalFilePath='given.xml'/>"
                                           "<include file='k.sql' logicalFilePath='k/given.sql'/></databaseChangeLog>"},
        {"i.xml", XML(SET("3", ""))},
        {"j.xml", "<databaseChangeLog logicalFilePath='jj.xml'>" SET("4", "") "</databaseChangeLog>"},
        {"j2.xml", XML(SET("5", "") SET("6", "logicalFilePath='six.xml'"))},
        {"k.sql", "select 1;"}};
    assert_listing(
        files, COUNT(files),
        "classpath:r/../q.xml::1::a\nown.xml::2::a\ni.xml::3::a\njj.xml::4::a\ngiven.xml::5::a\nsix.xml::6::a\n"
        "k/given.sql::raw::includeAll\n");
}

static void include_all(void **state)
{
    (void)state;
#define ALL(attributes)                                         \
    {                                                           \
        "r.xml", XML("<includeAll path='all' " attributes "/>") \
    }
#define REST                                                                                               \
    {"all/10.sql", "x"}, {"all/9.sql", "x"}, {"all/A.sql", "x"}, {"all/a/z.sql", "x"}, {"all/b.sql", "x"}, \
        {"all/.h.sql", "x"}, {"all/..data/b.sql", "x"}, {"all/note.txt", "x"}, {"all/s/d/y.SQL", "x"},     \
        {"all/\xEF\xBF\xBD.sql", "x"},                                                                     \
    {                                                                                                      \
        "all/\xF0\x9F\x98\x80.sql", "x"                                                                    \
    }
    static const struct {
        struct file files[12];
        const char *expected;
    } rows[] = {
        {{ALL(""), REST},
         "all/.h.sql all/10.sql all/9.sql all/A.sql all/a/z.sql all/b.sql all/s/d/y.SQL all/\xF0\x9F\x98\x80.sql all/\xEF\xBF\xBD.sql "},
        {{ALL("minDepth='2'"), REST}, "all/a/z.sql all/s/d/y.SQL "},
        {{ALL("maxDepth='1' endsWithFilter='b.SQL'"), REST}, "all/b.sql "},
        {{ALL("minDepth='2' maxDepth='2' resourceComparator='x.Y'"), REST}, "all/a/z.sql "},
        {{{"r.xml", XML("<includeAll path='./s/../all/a/'/>")}, REST}, "all/a/z.sql "},
        {{{"r.xml", XML("<includeAll path='none' errorIfMissingOrEmpty='false'/>")}, REST}, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world w;
        if (!load(&w, rows[i].files, COUNT(rows[i].files), NULL, NULL))
            fail_test("%zu: %s", i, w.cx.err.message);
        struct str out = str_new(&w.a);
        for (size_t k = 0; k < w.log.sets.n; k++)
            str_addf(&out, "%s ", w.log.sets.at[k].path);
        assert_string_equal(out.s, rows[i].expected);
        end(&w);
    }
}

static void property_scopes(void **state)
{
    (void)state;
    static const struct file files[] = {
        {"r.xml",
         XML("<property name='p' value='1'/><property name='p' value='2'/><property name='loc' value='L' global='false'/>"
             "<property name='q' value='no' context='other'/><property name='q' value='no' dbms='oracle'/>"
             "<property name='q' value='no' labels='other'/><property name='q' value='yes' context='prod' dbms='postgresql'/>"
             "<property name='lazy' value='${later}'/><property name='later' value='${p}${p}'/>"
             "<property file='d/p.properties'/>" SET("${p}-${loc}-${q}-${lazy}", "") "<include file='d/i.xml'/>" SET(
                 "${loc}-${inc}-${own}", "") SET("${k1}|${k2}|${k 3}|${k4}|${k5}", ""))},
        {"d/i.xml",
         XML("<property name='inc' value='I'/><property name='own' value='O' global='false'/>"
             "<property name='p' value='mine' global='false'/><property file='q.properties' relativeToChangelogFile='true'/>"
             "<property file='none.properties' errorIfMissing='false'/>" SET("${p}-${loc}-${own}-${rel}",
                                                                             "") "<include file='d/j.xml'/>")},
        {"d/j.xml", XML(SET("${own}-${inc}", ""))},
        {"d/q.properties", "rel=R"},
        {"d/p.properties", "# c\n! c\nk1=v 1 \n  k2 : a\\\n   b\\\\\nk\\ 3 = \\u00e4\\t\nk4\nk5\tx"}};
    struct world w;
    assert_true(load(&w, files, COUNT(files), "prod", "rel"));
    assert_string_equal(w.log.sets.at[0].id, "1-L-yes-11");
    assert_string_equal(w.log.sets.at[1].id, "1-${loc}-O-R"); /* a global one comes before the file's own */
    assert_string_equal(w.log.sets.at[2].id, "${own}-I");
    assert_string_equal(w.log.sets.at[3].id, "L-I-${own}");
    assert_string_equal(w.log.sets.at[4].id, "v 1 |ab\\|ä\t||x");
    end(&w);
}

static void includes_refused(void **state)
{
    (void)state;
    static const struct {
        struct file files[3];
        enum err_code code;
        const char *message, *hint;
        int line, column;
    } rows[] = {
        {{{"r.xml", XML("\n <include file='none.xml'/>")}},
         E_FILE,
         "cannot find the changelog 'none.xml'",
         "search_path",
         2,
         2},
        {{{"r.xml", XML("<include file='../x.xml'/>")}},
         E_CHANGELOG,
         "leads out of the search path",
         "search_path",
         1,
         20},
        {{{"r.xml", XML("<include/>")}}, E_CHANGELOG, "an include without file", "", 1, 20},
        {{{"r.xml", XML("<include file='x.txt'/>")}, {"x.txt", "x"}},
         E_CHANGELOG,
         "'x.txt' is no changelog",
         ".xml",
         1,
         20},
        {{{"r.xml", XML("<include file='d'/>")}, {"d/x.sql", "x"}}, E_FILE, "is a folder", "", 1, 20},
        {{{"r.xml", XML("<include file='i.xml'/>")}, {"i.xml", XML("\n<include file='./r.xml'/>")}},
         E_CHANGELOG,
         "'r.xml' includes itself",
         "take this include away",
         2,
         1},
        {{{"d/r.xml", XML("<includeAll path='d'/>")}},
         E_CHANGELOG,
         "'d/r.xml' includes itself",
         "out of the folder",
         1,
         20},
        {{{"r.xml", XML("<include file='i.xml'/><include file='i.xml'/>")}, {"i.xml", XML(SET("1", ""))}},
         E_CHANGELOG,
         "i.xml::1::a exists twice",
         "included twice",
         1,
         1},
        {{{"r.xml", XML("<include fyle='i.xml'/>")}},
         E_CHANGELOG,
         "unknown attribute 'fyle'",
         "did you mean 'file'?",
         1,
         29},
        {{{"r.xml", XML("<includeAll path='none'/>")}},
         E_CHANGELOG,
         "cannot find the folder 'none'",
         "errorIfMissingOrEmpty",
         1,
         20},
        {{{"r.xml", XML("<includeAll path='d' endsWithFilter='.xml'/>")}, {"d/x.sql", "x"}},
         E_CHANGELOG,
         "no changelog in the folder 'd'",
         "",
         1,
         20},
        {{{"r.xml", XML("<includeAll path='d' filter='x.Y'/>")}}, E_CHANGELOG, "Java class", "endsWithFilter", 1, 20},
        {{{"r.xml", XML("<includeAll path='d' minDepth='x'/>")}},
         E_CHANGELOG,
         "'x' is no value of minDepth",
         "",
         1,
         41},
        {{{"r.xml", XML("<property file='none.properties'/>")}}, E_FILE, "cannot find the property file", "", 1, 20},
        {{{"r.xml", XML("<property file='p.properties'/>")}, {"p.properties", "a=b\nc=\\u12\n"}},
         E_CHANGELOG,
         "malformed \\u escape",
         "",
         2,
         1},
        {{{"r.xml", XML("<property name='a' value='${b}'/><property name='b' value='${a}'/>" SET("${a}", ""))}},
         E_CHANGELOG,
         "in a circle",
         "",
         1,
         101},
        {{{"r.txt", "x"}}, E_CHANGELOG, "is no changelog that dbstep can read", ".yaml", 1, 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world w;
        size_t n = 0;
        while (n < 3 && rows[i].files[n].path)
            n++;
        if (load(&w, rows[i].files, n, NULL, NULL))
            fail_test("accepted: %s", rows[i].files[0].text);
        assert_error(&w.cx.err, rows[i].code, rows[i].message, rows[i].hint, rows[i].line, rows[i].column);
        end(&w);
    }
}

/* ---- refused ---- */

static void refused_xml(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
        int line, column;
    } rows[] = {
        {"<project/>", "the root element is 'project'", "", 1, 1},
        {"<databaseChangeLog foo='1'/>", "unknown attribute 'foo' in databaseChangeLog", "", 1, 20},
        {XML("\n<changeset/>"), "unknown element 'changeset'", "did you mean 'changeSet'?", 2, 1},
        {XML("stray"), "text between the elements", "", 1, 20},
        {XML("<changeSet author='a'/>"), "a changeSet without id", "", 1, 20},
        {XML("<changeSet id='' author='a'/>"), "a changeSet without id", "", 1, 20},
        {XML("<changeSet id='1'/>"), "has no author", "", 1, 20},
        {XML("<changeSet id='1' author='a' runonchange='true'/>"), "unknown attribute 'runonchange'",
         "did you mean 'runOnChange'?", 1, 49},
        {XML("<changeSet id='1' author='a'\n runAlways='1'/>"), "'1' is no value of runAlways", "", 2, 2},
        {XML("<changeSet id='1' author='a' runOrder='middle'/>"), "unknown value 'middle' of runOrder", "first or last",
         1, 49},
        {XML("<changeSet id='1' author='a' context='a and ('/>"), "malformed context expression", "", 1, 49},
        {XML("<changeSet id='1' author='a' objectQuotingStrategy='ALL'/>"), "unknown value 'ALL'", "QUOTE_ALL_OBJECTS",
         1, 49},
        {XML("<changeSet id='1' author='a' dbms='postgresql,foo'/>"), "unknown database 'foo'", "", 1, 1},
        {XML("<changeSet id='1' author='a'>\n<creatTable/></changeSet>"), "creatTable", "did you mean", 2, 1},
        {XML("<changeSet id='1' author='a'>\n<precondition/></changeSet>"), "'precondition' is neither a change",
         "did you mean 'preConditions'?", 2, 1},
        {XML("<changeSet id='1' author='a'>text" DROP "</changeSet>"), "text between the elements", "", 1, 49},
        {XML("<changeSet id='1' author='a'><rollback changeSetId='1'/></changeSet>"), "without changeSetAuthor", "", 1,
         49},
        {XML("<changeSet id='1' author='a'><rollback changeSetId='2' changeSetAuthor='a'/></changeSet>"),
         "::2::a, which does not exist", "changeSetPath", 1, 1},
        {XML("<changeSet id='1' author='a'><rollback changeSetId='2' changeSetAuthor='a'/></changeSet>" SET("2", "")),
         "is not above it", "", 1, 1},
        {XML("<changeSet id='1' author='a'><preConditions onFail='STOP'/></changeSet>"),
         "unknown value 'STOP' of onFail", "MARK_RAN", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><tableExist/></preConditions></changeSet>"),
         "unknown precondition 'tableExist'", "did you mean 'tableExists'?", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><customPrecondition className='x.Y'/></preConditions></changeSet>"),
         "customPrecondition", "sqlCheck", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><tableExists/></preConditions></changeSet>"),
         "tableExists without tableName", "", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><tableExists tableName='t' table='x'/></preConditions></changeSet>"),
         "unknown attribute 'table' in tableExists", "", 1, 91},
        {XML("<changeSet id='1' author='a'><preConditions><indexExists tableName='t'/></preConditions></changeSet>"),
         "indexExists needs", "", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><rowCount tableName='t' expectedRows='x'/></preConditions></changeSet>"),
         "'x' is no value of expectedRows", "", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><sqlCheck expectedResult='1'/></preConditions></changeSet>"),
         "sqlCheck without SQL", "", 1, 64},
        {XML("<changeSet id='1' author='a'><preConditions><expectedQuotingStrategy strategy='x'/></preConditions></changeSet>"),
         "unknown strategy 'x'", "LEGACY", 1, 64},
        {XML(SET("1", "") "\n" SET("1", "")), "x.xml::1::a exists twice", "an id of its own", 2, 1},
        {XML("<property name='a' valeu='b'/>"), "unknown attribute 'valeu' in property", "did you mean 'value'?", 1,
         39},
        {XML("<property value='b'/>"), "a property without name", "", 1, 20},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_refused("x.xml", rows[i].text, rows[i].message, rows[i].hint, rows[i].line, rows[i].column);
}

static void refused_yaml(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
        int line, column;
    } rows[] = {
        {"foo: []", "there is no 'databaseChangeLog:'", "- changeSet:", 1, 1},
        {"- changeSet: {}", "there is no 'databaseChangeLog:'", "", 1, 1},
        {"databaseChangeLog:\n  changeSet: {id: 1}\n", "holds no list of entries", "- changeSet:", 1, 1},
        {"databaseChangeLog:\n- changeset: {id: 1}\n", "unknown key 'changeset'", "did you mean 'changeSet'?", 2, 3},
        {"databaseChangeLog:\n- something: {id: 1}\n", "unknown key 'something'", "", 2, 3},
        {"databaseChangeLog:\n- changeSet:\n", "an empty changeSet", "", 2, 3},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, dbms: [postgresql]}\n", "'dbms' must be one text",
         "with commas", 2, 33},
        {"databaseChangeLog:\n- changeSet: {id: {a: b}, author: a}\n", "'id' must be one text", "", 2, 15},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, contexts: c}\n", "unknown key 'contexts'",
         "did you mean 'context'?", 2, 33},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, validCheckSum: [{a: b}]}\n",
         "'validCheckSum' must be a text", "", 2, 49},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, comment: [b]}\n", "'comment' must be one text", "", 2,
         33},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, changes: [drop]}\n",
         "'drop' stands where a change is expected", "", 2, 43},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, changes: drop}\n", "'changes' must be a list", "", 2, 33},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, changes: [{nosuch: {}}]}\n", "nosuch", "", 2, 44},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, preConditions: [{nosuch: {}}]}\n",
         "unknown precondition 'nosuch'", "", 2, 50},
        {"databaseChangeLog:\n- changeSet: {id: 1, author: a, rollback: [{nosuch: {}}]}\n", "nosuch", "", 2, 45},
        {"databaseChangeLog:\n- include: {path: x.xml}\n", "an include without file", "", 2, 3},
        {"databaseChangeLog:\n- changeSet: {id: 1, id: 2, author: a}\n", "'id' occurs twice", "", 2, 22},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_refused("x.yaml", rows[i].text, rows[i].message, rows[i].hint, rows[i].line, rows[i].column);
}

/* What Liquibase ignores, and nothing that is known is near to, is ignored. */
static void ignored_yaml(void **state)
{
    (void)state;
    struct world w;
    parse_well(
        &w, "x.yaml",
        "other: 1\ndatabaseChangeLog:\n- foo: bar\n- text\n"
        "- changeSet: {id: 1, author: a, foo: bar, comments: x, preConditions: [{bar: 1}, {tableExists: {tableName: t, q: 1}}]}\n"
        "- removeChangeSetProperty: {change: x, dbms: mysql, remove: y}\n- property: {name: a, foo: 1}\n");
    assert_int_equal(w.log.sets.n, 1);
    assert_string_equal(w.log.sets.at[0].comments, "");
    assert_int_equal(w.log.sets.at[0].preconditions.list.n, 1);
    end(&w);
}

/* Not even half of one, where a long message is cut. */
static void secrets_in_long_names(void **state)
{
    (void)state;
    struct world w;
    start(&w);
    redact_add("hunter2-hunter3");
    struct str text = str_new(&w.a);
    str_add(&text, "<databaseChangeLog>\n<include file=\"../");
    for (int i = 0; i < 473; i++)
        str_addc(&text, 'x');
    str_add(&text, "hunter2-hunter3\"/></databaseChangeLog>");
    assert_false(parse(&w, "x.xml", text.s));
    assert_null(strstr(w.cx.err.message, "hunter2"));
    assert_non_null(strstr(w.cx.err.message, "leads out of the search path"));
    redact_clear();
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_xml),        cmocka_unit_test(everything_yaml),
        cmocka_unit_test(everything_json),       cmocka_unit_test(yaml_anchors),
        cmocka_unit_test(places_behind_blanks),  cmocka_unit_test(rollbacks),
        cmocka_unit_test(parts_among_changes),   cmocka_unit_test(column_texts),
        cmocka_unit_test(all_preconditions),     cmocka_unit_test(run_order),
        cmocka_unit_test(other_databases),       cmocka_unit_test(inheritance),
        cmocka_unit_test(inherited_labels),      cmocka_unit_test(logical_paths),
        cmocka_unit_test(include_all),           cmocka_unit_test(property_scopes),
        cmocka_unit_test(includes_refused),      cmocka_unit_test(refused_xml),
        cmocka_unit_test(refused_yaml),          cmocka_unit_test(ignored_yaml),
        cmocka_unit_test(secrets_in_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
