/* Changes from trees: what is refused and where it is said to be, both notations, serialised texts and sums. */
#include "../../src/change/type.h"
#include "change_testing.h"
#include "dbstep/unicode.h"

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *xml, *message, *hint;
        int column;
    } rows[] = {
        {"<createTabel tableName=\"t\"/>", "createTabel is not a change type", "did you mean createTable?", 1},
        {"<dropTable tableName=\"t\" tableNam=\"u\"/>", "dropTable: dropTable does not know \"tableNam\"",
         "did you mean tableName?", 26},
        {"<dropTable/>", "dropTable: tableName is required", "", 1},
        {"<dropTable tableName=\"\"/>", "dropTable: tableName is required", "", 1},
        {"<dropTable tableName=\"t\" cascadeConstraints=\"yes\"/>",
         "dropTable: cascadeConstraints must be true or false, not \"yes\"", "", 26},
        {"<createTable tableName=\"t\"/>", "createTable: columns is required", "", 1},
        {"<createTable tableName=\"t\"><column name=\"a\"/></createTable>", "createTable: column a needs a type", "",
         28},
        {"<createTable tableName=\"t\"><column type=\"int\"/></createTable>", "createTable: a column needs a name", "",
         28},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"int\" startWith=\"x\"/></createTable>",
         "createTable: startWith must be a whole number, not \"x\"", "", 56},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"int\"><constraints nulable=\"true\"/></column></createTable>",
         "createTable: constraints does not know \"nulable\"", "did you mean nullable?", 69},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"int\"><constraints references=\"p(id)\"/></column></createTable>",
         "createTable: a column that refers to another table needs a foreignKeyName", "", 28},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"text\" autoIncrement=\"true\"/></createTable>",
         "createTable: column a cannot autoIncrement: its type is text", "", 28},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"boolean\" defaultValue=\"maybe\"/></createTable>",
         "createTable: \"maybe\" is neither true nor false, which the column's type wants", "", 28},
        {"<createTable tableName=\"t\"><column name=\"a\" type=\"int\"/><tableName>u<b/></tableName></createTable>",
         "createTable: tableName is a text, and nothing can be inside of it", "", 69},
        {"<addColumn tableName=\"t\"><column name=\"a\" type=\"int\" afterColumn=\"b\"/></addColumn>",
         "addColumn: PostgreSQL adds columns at the end: afterColumn is not possible", "", 54},
        {"<addColumn tableName=\"t\"><column name=\"a\" type=\"int\"><constraints foreignKeyName=\"f\" references=\"p\"/></column>"
         "</addColumn>",
         "addColumn: references must be like \"table(column)\", not \"p\"", "", 26},
        {"<dropColumn tableName=\"t\"/>", "dropColumn: columnName is required, or a list of columns", "", 1},
        {"<addDefaultValue tableName=\"t\" columnName=\"a\"/>",
         "addDefaultValue: one of the defaultValue fields is required", "", 1},
        {"<addDefaultValue tableName=\"t\" columnName=\"a\" defaultValue=\"x\" defaultValueNumeric=\"4\"/>",
         "addDefaultValue: only one of the defaultValue fields can be given", "", 1},
        {"<addUniqueConstraint tableName=\"t\" columnNames=\"a\" clustered=\"true\"/>",
         "addUniqueConstraint: PostgreSQL has no clustered unique constraints", "", 52},
        {"<addNotNullConstraint tableName=\"t\" columnName=\"a\" columnDataType=\"boolean\" defaultNullValue=\"x\"/>",
         "addNotNullConstraint: defaultNullValue \"x\" is neither true nor false, which the column's type wants", "",
         77},
        {"<addForeignKeyConstraint baseTableName=\"b\" baseColumnNames=\"x\" constraintName=\"f\" referencedTableName=\"r\" "
         "referencedColumnNames=\"y\" onDelete=\"DESTROY\"/>",
         "addForeignKeyConstraint: onDelete must be CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION, not \"DESTROY\"",
         "", 133},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        struct ctx cx = {.arena = &a};
        struct change c;
        if (load_change(&cx, rows[i].xml, &c))
            fail_test("accepted: %s", rows[i].xml);
        assert_int_equal(cx.err.code, E_CHANGELOG);
        assert_string_equal(cx.err.message, rows[i].message);
        assert_string_equal(cx.err.hint, rows[i].hint);
        assert_string_equal(cx.err.file, "db/log.xml");
        assert_int_equal(cx.err.line, 1);
        assert_int_equal(cx.err.column, rows[i].column);
        arena_free(&a);
    }
}

static void too_many_columns(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct str s = str_new(&a);
    struct change c;

    str_add(&s, "<createTable tableName=\"t\">");
    for (int i = 0; i < 1601; i++)
        str_addf(&s, "<column name=\"c%d\" type=\"int\"/>", i);
    str_add(&s, "</createTable>");
    assert_false(load_change(&cx, s.s, &c));
    assert_string_equal(cx.err.message, "createTable: a table can have 1600 columns at most");
    err_clear(&cx);
    str_clear(&s);
    str_add(&s, "<insert tableName=\"t\">");
    for (int i = 0; i < 1601; i++)
        str_addf(&s, "<column name=\"c%d\" value=\"1\"/>", i);
    str_add(&s, "</insert>");
    assert_false(load_change(&cx, s.s, &c));
    assert_string_equal(cx.err.message, "insert: a table can have 1600 columns at most");
    arena_free(&a);
}

static const char *text_of(struct ctx *cx, struct node *n)
{
    static const struct change_files files = {.file = "x", .changelog = "x"};
    struct change c;
    if (!change_load(cx, n, &files, &c))
        fail_test("%s", cx->err.message);
    return change_serialise(cx->arena, &c, CHECKSUM_V9);
}

/* Liquibase's own example: sorted fields, columns in order, constraints without a name. */
static void serialised(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change c = loaded(
        &cx,
        "<createTable tableName=\"person\" remarks=\"all people\"><column name=\"id\" type=\"bigint\" autoIncrement=\"true\">"
        "<constraints primaryKey=\"true\" nullable=\"false\"/></column>"
        "<column name=\"n\" type=\"int\" defaultValueNumeric=\"1.50\"/></createTable>");
    char sum[CHECKSUM_MAX];
    struct change_list list = {&c, 1, 1};
    struct visitor_list none = {0};

    assert_string_equal(change_serialise(&a, &c, CHECKSUM_V9), "createTable:[\n"
                                                               "    columns=[\n"
                                                               "        [\n"
                                                               "            [\n"
                                                               "                nullable=\"false\"\n"
                                                               "                primaryKey=\"true\"\n"
                                                               "            ]\n"
                                                               "            autoIncrement=\"true\"\n"
                                                               "            name=\"id\"\n"
                                                               "            type=\"bigint\"\n"
                                                               "        ],\n"
                                                               "        [\n"
                                                               "            defaultValueNumeric=\"1.50\"\n"
                                                               "            name=\"n\"\n"
                                                               "            type=\"int\"\n"
                                                               "        ]\n"
                                                               "    ]\n"
                                                               "    remarks=\"all people\"\n"
                                                               "    tableName=\"person\"\n"
                                                               "]");
    change_checksum(&c, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:cfa5d8abe0cdaa9c4cd4707add8c8ba5");
    changes_checksum(&a, &list, &none, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:2dd061139955988491babc96fde8b36d");
    c = loaded(&cx, "<renameTable oldTableName=\"person\" newTableName=\"people\"/>");
    changes_checksum(&a, &list, &none, CHECKSUM_V8, sum);
    assert_string_equal(sum, "8:41cae2aae9c3c7d1c6c5e50f6d7c8dd9");
    changes_checksum(&a, &list, &none, CHECKSUM_V9, sum);
    assert_string_equal(sum, "9:c109333df6b7eb8689863971b2947bf5");
    arena_free(&a);
}

static void odd_texts(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};

    /* empty is not absent, an empty object keeps its indentation, what is no date or number is an expression */
    assert_string_equal(
        text_of(
            &cx,
            tree(
                &a,
                "<createTable tableName=\"t\" schemaName=\"\" ifNotExists=\"true\"><column name=\"c\" type=\"int\" "
                "startWith=\"+010\" defaultValueDate=\"now()\" valueNumeric=\"x\"><constraints/></column></createTable>")),
        "createTable:[\n    columns=[\n        [\n            [            ]\n            defaultValueComputed=\"now()\"\n"
        "            name=\"c\"\n            startWith=\"10\"\n            type=\"int\"\n            valueComputed=\"x\"\n"
        "        ]\n    ]\n    schemaName=\"\"\n    tableName=\"t\"\n]");
    /* Java's order of characters, and Unicode's composed form: e and an accent are one */
    assert_string_equal(text_of(&cx, tree(&a, "<setTableRemarks tableName=\"t\" remarks=\"e\xcc\x81 \xed\x95\x9c\"/>")),
                        "setTableRemarks:[\n    remarks=\"\xc3\xa9 \xed\x95\x9c\"\n    tableName=\"t\"\n]");
    arena_free(&a);
}

static struct node *mapping(struct arena *a, const char *name, struct node *first)
{
    struct node *n = ARENA_NEW(a, struct node);
    n->name = name;
    n->first = first;
    return n;
}

static struct node *sequence(struct arena *a, const char *name, struct node *first)
{
    struct node *n = mapping(a, name, first);
    n->list = true;
    return n;
}

static struct node *scalar(struct arena *a, const char *name, const char *text)
{
    struct node *n = mapping(a, name, NULL);
    n->text = text;
    return n;
}

static struct node *then(struct node *n, struct node *next)
{
    n->next = next;
    return n;
}

static struct node *column_object(struct arena *a, const char *name, const char *of)
{
    return mapping(a, name, then(scalar(a, "name", of), scalar(a, "type", "int")));
}

/* columns: [column: {…}], columns: [{…}] and <column> are the same. */
static void notations(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    const char *xml =
        text_of(&cx, tree(&a, "<createTable tableName=\"t\"><column name=\"a\" type=\"int\"/><column name=\"b\" "
                              "type=\"int\"/></createTable>"));
    struct node *wrapped =
        then(mapping(&a, "", column_object(&a, "column", "a")), mapping(&a, "", column_object(&a, "column", "b")));
    struct node *bare = then(column_object(&a, "", "a"), column_object(&a, "", "b"));

    assert_string_equal(
        text_of(&cx, mapping(&a, "createTable", then(scalar(&a, "tableName", "t"), sequence(&a, "columns", wrapped)))),
        xml);
    assert_string_equal(
        text_of(&cx, mapping(&a, "createTable", then(sequence(&a, "columns", bare), scalar(&a, "tableName", "t")))),
        xml);
    arena_free(&a);
}

static void quietly_known(void **state)
{
    (void)state;
    struct arena a = {0};
    struct ctx cx = {.arena = &a};
    struct change c = loaded(&cx, "<dropAllForeignKeyConstraints baseTableName=\"t\"/>");
    struct change_env offline = {.server_version = 150000};

    assert_true(change_known("createTable"));
    assert_false(change_known("createtable"));
    assert_true(change_asks(&c));
    assert_string_equal(sql_of(&cx, &offline, &c), ""); /* nobody can be asked */
    assert_null(inverse_of(&cx, &offline, &c));
    assert_null(change_tag(&c));
    /* of a constraint without a name nobody knows the name */
    c = loaded(&cx, "<addUniqueConstraint tableName=\"t\" columnNames=\"a\"/>");
    assert_null(inverse_of(&cx, &offline, &c));
    c = loaded(&cx, "<createIndex tableName=\"t\"><column name=\"a\"/></createIndex>");
    assert_string_equal(sql_of(&cx, &offline, &c), "CREATE INDEX ON t(a)");
    assert_null(inverse_of(&cx, &offline, &c));
    arena_free(&a);
}

static void normal_form(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_string_equal(unicode_nfc(&a, "plain"), "plain");
    assert_string_equal(unicode_nfc(&a, "A\xcc\x8a"), "\xc3\x85");
    assert_string_equal(unicode_nfc(&a, "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), "\xed\x95\x9c");
    assert_string_equal(unicode_nfc(&a, "\xf0\x9d\x92\xb3 \xef\xac\x81"), "\xf0\x9d\x92\xb3 \xef\xac\x81");
    assert_string_equal(unicode_nfc(&a, "e\xcc\x81 \xff"), "e\xcc\x81 \xff"); /* no UTF-8: as it is */
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),     cmocka_unit_test(too_many_columns), cmocka_unit_test(serialised),
        cmocka_unit_test(odd_texts),   cmocka_unit_test(notations),        cmocka_unit_test(quietly_known),
        cmocka_unit_test(normal_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
