"""Changelogs in XML, YAML and JSON, and files that include one another: deployed, and refused with a place."""
import pytest

from schema import lab  # noqa: F401  (fixture)

XML = """<?xml version="1.0" encoding="UTF-8"?>
<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.liquibase.org/xml/ns/dbchangelog http://www.liquibase.org/xml/ns/dbchangelog/dbchangelog-latest.xsd"%s>
%s
</databaseChangeLog>
"""


def write(lab, **files):
    """a__b_xml -> a/b.xml; the first is the changelog."""
    for i, (name, text) in enumerate(files.items()):
        path = name.replace("__", "/")
        path = ".".join(path.rsplit("_", 1))
        target = lab.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode() if isinstance(text, str) else text)
        if i == 0:
            lab.file = path


def test_every_notation_together(lab):
    write(lab,
          root_xml=XML % (' contextFilter="prod or test"', """
  <preConditions onFail="HALT"><dbms type="postgresql"/></preConditions>
  <property name="kind" value="text"/>
  <changeSet id="1" author="ann" labels="V1">
    <preConditions onFail="MARK_RAN"><not><tableExists tableName="people"/></not></preConditions>
    <comment>the first table</comment>
    <createTable tableName="people"><column name="id" type="int"><constraints primaryKey="true" nullable="false"/></column>
      <column name="name" type="${kind}"/></createTable>
  </changeSet>
  <changeSet id="never" author="ann" dbms="oracle"><sql>no such thing</sql></changeSet>
  <include file="parts/two.yaml" relativeToChangelogFile="true" labels="part"/>
  <includeAll path="all"/>
  <changeSet id="last" author="ann" runOrder="last"><sql><![CDATA[insert into people select n + 1, 'last' from (select count(*) n from people) x where n < 10]]></sql></changeSet>
  <changeSet id="before" author="ann"><sqlFile path="sql/f.txt"/></changeSet>"""),
          parts__two_yaml="""
databaseChangeLog:
- changeSet:
    id: 2.0
    author: bob
    changes:
    - addColumn:
        tableName: people
        columns:
        - column: {name: age, type: int, defaultValueNumeric: 7}
    - sql: |
        insert into people values (100, '${kind}', 1);
        insert into people values (101, 'b', 2)
""",
          all__a_json='{"databaseChangeLog": [{"changeSet": {"id": "3", "author": "cy", "changes": [{"insert": {"tableName": "people", '
                      '"columns": [{"column": {"name": "id", "valueNumeric": 3}}]}}]}}]}',
          all__b_sql="--liquibase formatted sql\n--changeset dee:4\ninsert into people values (4);\n",
          all__c_sql="insert into people values (5);",
          all__readme_md="no changelog",
          sql__f_txt="insert into people values (6, '${kind}');")
    r = lab.deploy(contexts="prod")
    assert r.outputs["changesets_applied"] == 7
    rows = lab.sql("SELECT id, author, filename, description, comments, contexts, labels FROM databasechangelog ORDER BY orderexecuted")
    context = "(prod or test)"
    assert rows == [
        ("1", "ann", "root.xml", "createTable tableName=people", "the first table", context, "v1"),
        ("2.0", "bob", "parts/two.yaml", "addColumn tableName=people; sql", "", context, "part"),
        ("3", "cy", "all/a.json", "insert tableName=people", "", context, None),
        ("4", "dee", "all/b.sql", "sql", "", context, None),
        ("raw", "includeAll", "all/c.sql", "sql", "", context, None),
        ("before", "ann", "root.xml", "sqlFile path=sql/f.txt", "", context, None),
        ("last", "ann", "root.xml", "sql", "", context, None)]
    assert lab.sql("SELECT id, name, age FROM people ORDER BY id") == [
        (3, None, 7), (4, None, 7), (5, None, 7), (6, "text", 7), (7, "last", 7), (100, "text", 1), (101, "b", 2)]
    assert lab.deploy(contexts="prod").outputs["changesets_applied"] == 0


def test_a_fault_in_the_database_is_found_in_the_file(lab):
    write(lab, log_xml=XML % ("", """<changeSet id="1" author="a">
    <sql>
        create table t (a int); <!-- a comment
        of two lines --> insert into t values (1);
        insert into nowhere values (2)
    </sql></changeSet>"""))
    r = lab.run()
    assert r.status == 20 and not lab.exists("t"), r
    error = r.result["error"]
    assert (error["line"], error["column"]) == (9, 21) and error["file"].endswith("log.xml"), error
    write(lab, log_yaml="databaseChangeLog:\n- changeSet:\n    id: 1\n    author: a\n    changes:\n    - sql:\n        sql: |\n"
                        "          create table t (a int);\n\n          insert into nowhere values (2)\n")
    error = lab.run().result["error"]
    assert (error["line"], error["column"]) == (10, 23), error


BOMB = ('<?xml version="1.0"?>\n<!DOCTYPE d [\n<!ENTITY a "aaaaaaaaaa">\n'
        + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">\n' for i in range(9))
        + ']>\n<databaseChangeLog>&j;</databaseChangeLog>')
YAML_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join(['*a' + str(i - 1)] * 10)}]\n" for i in range(1, 10)) + "databaseChangeLog: [*a9]\n"
CIRCLE = XML % ("", '<include file="log.xml"/>')

BAD = [
    ("bomb.xml", BOMB, 3, "declares an entity"),
    ("external.xml", '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><databaseChangeLog>&a;</databaseChangeLog>', 1, "declares an entity"),
    ("bomb.yaml", YAML_BOMB, 4, "multiply beyond measure"),
    ("deep.yaml", "[" * 100000, 1, "nested more than 200 deep"),
    ("deep.xml", "<a>" * 100000, 1, "nested more than 200 deep"),
    ("deep.json", '{"a":' * 100000, 1, "nested more than 200 deep"),
    ("bytes.xml", b"<databaseChangeLog>\n\xff</databaseChangeLog>", 2, "not well-formed"),
    ("bytes.yaml", b"databaseChangeLog:\n- a: \xff\n", 2, "malformed YAML"),
    ("twice.json", '{"databaseChangeLog": [],\n "databaseChangeLog": []}', 2, "occurs twice"),
    ("tag.yaml", "databaseChangeLog:\n- !!java.net.URL [x]\n", 2, "is not taken"),
    ("two.yaml", "databaseChangeLog: []\n---\ndatabaseChangeLog: []\n", 2, "second document"),
    ("key.yaml", "databaseChangeLog:\n- changeSet:\n    id: 1\n    author: a\n    runOnchange: true\n", 5, "unknown key 'runOnchange'"),
    ("type.xml", XML % ("", '<changeSet id="1" author="a">\n<creatTable tableName="t"/></changeSet>'), 6, "creatTable"),
    ("circle.xml", CIRCLE.replace("log.xml", "circle.xml"), 5, "includes itself"),
]


@pytest.mark.parametrize("name,text,line,message", BAD, ids=[b[0] for b in BAD])
def test_bad_files_are_refused_at_once_with_a_place(dbstep, tmp_path, name, text, line, message):
    """Before anything is connected to: there is no server at this address."""
    (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    r = dbstep("schema-deploy", db_url="postgresql://x:y@127.0.0.1:1/x", changelog_file=name, search_path=str(tmp_path), timeout=20)
    error = r.result["error"]
    assert r.status == 2 and error["code"] == "CHANGELOG", r
    assert message in error["message"] and error["line"] == line and error["column"] >= 1, error
    assert error["file"].endswith(name)
    assert f"{name}:{line}:{error['column']}\n" in r.err
