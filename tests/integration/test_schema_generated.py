"""Changes that generate their statements, some of them from what they find in the database: running, failing, undoing them."""
import json

from schema import lab  # noqa: F401  (fixture)

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">\n'
TABLE = '<createTable tableName="people"><column name="id" type="int"/><column name="name" type="varchar(20)"/></createTable>\n'
LOAD = '<loadData tableName="people" file="people.csv"/>\n'


def write(lab, *sets, csv="id,name\n1,Ann\n2,Bo\n"):  # noqa: F811
    lab.file = "changelog.xml"
    (lab.folder / "people.csv").write_text(csv)
    lab.write(HEAD + "".join(sets) + "</databaseChangeLog>\n", header=False)


def changeset(id_, *changes, attributes=""):
    return f'<changeSet id="{id_}" author="b"{attributes}>\n' + "".join(changes) + "</changeSet>\n"


def commands(r):
    value = r.outputs["sql_commands"]
    return json.loads(value) if isinstance(value, str) else value


def test_statements_that_depend_on_the_changes_before_them(lab):  # noqa: F811
    """loadData asks for the types of a table that the same changeset, or one just before it, makes: all in one transaction."""
    write(lab, changeset(1, TABLE, LOAD, "<sql>update people set name = name || '!'</sql>\n", '<rollback>drop table people</rollback>'))
    r = lab.deploy()
    assert lab.sql("SELECT id, name FROM people ORDER BY id") == [(1, "Ann!"), (2, "Bo!")]
    assert lab.value("SELECT (SELECT xmin FROM pg_class WHERE relname = 'people') = (SELECT xmin FROM databasechangelog)")
    assert len(commands(r)) == 3 and "INSERT INTO public.people" in open(r.outputs["sql_file"]).read()
    assert lab.run("schema-rollback", count=1).status == 0 and not lab.exists("people")


def test_a_generated_statement_that_fails_has_its_changes_place(lab):  # noqa: F811
    write(lab, changeset(1, TABLE), changeset(2, '<addColumn tableName="people"><column name="age" type="int"/></addColumn>\n',
                                              '<addColumn tableName="nix"><column name="age" type="int"/></addColumn>\n'))
    r = lab.run()
    assert r.status == 21 and "changelog.xml:8" in r.err and "statement 2 of 2" in r.err and "ALTER TABLE public.nix ADD age INTEGER" in r.err, r
    assert "changelog.xml::2::b" in r.err and lab.ids() == ["1"]
    write(lab, changeset(1, TABLE), changeset(2, LOAD), csv="id,nickname\n1,Ann\n")
    r = lab.run()
    assert r.status == 20 and "nickname" in r.err and "changelog.xml::2::b" in r.err and "changelog.xml:7" in r.err, r


def test_outside_of_a_transaction(lab):  # noqa: F811
    write(lab, changeset(1, TABLE, LOAD, "<sql>insert into nix values (1)</sql>\n", attributes=' runInTransaction="false"'))
    r = lab.run()
    assert r.status == 21 and "goes on with statement 3" in r.err and lab.value("SELECT count(*) FROM people") == 2, r
    lab.sql("CREATE TABLE nix (x int)")
    lab.deploy()
    assert lab.value("SELECT count(*) FROM people") == 2 and lab.ids() == ["1"] and not lab.exists("databasechangelog_progress")


def test_inverses_run_in_reverse(lab):  # noqa: F811
    write(lab, changeset(1, TABLE, '<addPrimaryKey tableName="people" columnNames="id" constraintName="pk"/>\n',
                         '<createIndex tableName="people" indexName="ix"><column name="name"/></createIndex>\n',
                         '<addUniqueConstraint tableName="people" columnNames="name" constraintName="uq"/>\n'))
    lab.deploy()
    r = lab.run("schema-rollback", count=1)
    assert r.status == 0 and commands(r) == ["ALTER TABLE public.people DROP CONSTRAINT uq", "DROP INDEX public.ix",
                                             "ALTER TABLE public.people DROP CONSTRAINT pk", "DROP TABLE public.people"], r
    write(lab, changeset(1, TABLE), changeset(2, "<dropColumn tableName='people' columnName='name'/>\n"))
    lab.deploy()
    r = lab.run("schema-rollback", count=2)
    assert r.status == 4 and "dropColumn" in r.err and "changelog.xml:7" in r.err and lab.ids() == ["1", "2"], r


def test_modify_sql(lab):  # noqa: F811
    visitors = '<modifySql dbms="postgresql"><append value=" WITH (fillfactor=70)"/></modifySql>\n'
    write(lab, changeset(1, TABLE, visitors))
    lab.deploy()
    assert lab.sql("SELECT reloptions FROM pg_class WHERE relname = 'people'") == [(["fillfactor=70"],)]
    assert lab.run("schema-rollback", count=1).status == 0, "visitors are not for the rollback unless they say so"
    write(lab, changeset(1, TABLE, visitors.replace("fillfactor=70", "nix=1")))
    r = lab.run()
    assert r.status == 20 and "nix" in r.err and "WITH (nix=1)" in r.err, r
