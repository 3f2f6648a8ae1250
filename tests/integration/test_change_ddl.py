"""Changes of tables, columns, constraints and indexes on a real server: what they make, and that their inverses leave nothing."""
from schema import lab  # noqa: F401  (fixture)

HEAD = '<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">'

FORWARD = """
<changeSet id="1" author="a">
  <createTable tableName="Place" remarks="where it's at">
    <column name="id" type="bigint" autoIncrement="true" startWith="5"><constraints primaryKey="true"/></column>
    <column name="kind" type="varchar2(10)" defaultValue="x'y"><constraints nullable="false" unique="true"/></column>
    <column name="open" type="boolean" defaultValueBoolean="true"/>
    <column name="since" type="datetime" defaultValueComputed="current_timestamp" remarks="UTC"/>
  </createTable>
  <createTable tableName="visit">
    <column name="id" type="int"><constraints nullable="false"/></column>
    <column name="place" type="bigint"><constraints foreignKeyName="fk_place" referencedTableName="Place" referencedColumnNames="id"/></column>
    <column name="state" type="text"/>
  </createTable>
</changeSet>
<changeSet id="2" author="a">
  <addPrimaryKey tableName="visit" columnNames="id"/>
  <addColumn tableName="visit">
    <column name="stars" type="int" valueNumeric="3"><constraints nullable="false"/></column>
    <column name="note" type="clob" remarks="n"/>
  </addColumn>
  <createIndex tableName="visit" indexName="ix_stars" unique="true"><column name="stars" descending="true"/><column name="lower(note)" computed="true"/></createIndex>
  <addUniqueConstraint tableName="visit" columnNames="id, stars" constraintName="uq" deferrable="true" initiallyDeferred="true"/>
  <addForeignKeyConstraint baseTableName="visit" baseColumnNames="place" constraintName="fk2" referencedTableName="Place" referencedColumnNames="id" onDelete="SET NULL" validate="false"/>
  <addDefaultValue tableName="visit" columnName="state" defaultValue="new"/>
  <addNotNullConstraint tableName="visit" columnName="note" defaultNullValue="-"/>
  <addLookupTable existingTableName="visit" existingColumnName="state" newTableName="states" newColumnName="name"/>
  <renameColumn tableName="visit" oldColumnName="note" newColumnName="Remark"/>
  <renameTable oldTableName="visit" newTableName="user"/>
</changeSet>
"""

ONE_WAY = """
<changeSet id="3" author="a">
  <dropAllForeignKeyConstraints baseTableName="user"/>
</changeSet>
<changeSet id="4" author="a">
  <dropPrimaryKey tableName="user"/>
  <dropUniqueConstraint tableName="user" constraintName="uq"/>
  <dropIndex tableName="user" indexName="ix_stars"/>
  <modifyDataType tableName="user" columnName="stars" newDataType="varchar(5)"/>
  <dropDefaultValue tableName="user" columnName="state"/>
  <mergeColumns tableName="user" column1Name="stars" column2Name="state" joinString=" it's " finalColumnName="both" finalColumnType="text"/>
  <dropColumn tableName="user"><column name="place"/><column name="Remark"/></dropColumn>
  <addAutoIncrement tableName="user" columnName="id" columnDataType="int" startWith="100"/>
  <setTableRemarks tableName="user" remarks="done"/>
  <setColumnRemarks tableName="user" columnName="both" remarks="merged"/>
  <dropTable tableName="states"/>
</changeSet>
"""

CONSTRAINTS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 'databasechangeloglock'::regclass ORDER BY conname COLLATE "C" """


def write(lab, body):  # noqa: F811
    lab.file = "log.xml"
    lab.write(HEAD + body + "</databaseChangeLog>", header=False)


def test_made_and_taken_back(lab):  # noqa: F811
    write(lab, FORWARD)
    lab.deploy()
    assert lab.sql(CONSTRAINTS) == [
        ("Place_kind_key", "UNIQUE (kind)"),
        ("Place_pkey", "PRIMARY KEY (id)"),
        ("fk2", 'FOREIGN KEY (place) REFERENCES "Place"(id) ON DELETE SET NULL NOT VALID'),
        ("fk_place", 'FOREIGN KEY (place) REFERENCES "Place"(id)'),
        ("fk_visit_states", "FOREIGN KEY (state) REFERENCES states(name)"),
        ("states_pkey", "PRIMARY KEY (name)"),
        ("uq", "UNIQUE (id, stars) DEFERRABLE INITIALLY DEFERRED"),
        ("visit_pkey", "PRIMARY KEY (id)"),
    ]
    assert lab.sql('INSERT INTO "Place" DEFAULT VALUES RETURNING id, kind, open, since IS NOT NULL') == [(5, "x'y", True, True)]
    assert lab.value("SELECT obj_description('\"Place\"'::regclass)") == "where it's at"
    assert lab.value("SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_stars'") == (
        'CREATE UNIQUE INDEX ix_stars ON public."user" USING btree (stars DESC, lower("Remark"))')
    r = lab.run("schema-rollback", count=2)
    assert r.status == 0, r
    assert lab.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'i')"
                   " AND relname NOT LIKE 'databasechangelog%'") == []
    lab.deploy()
    assert lab.ids() == ["1", "2"]


def test_what_has_no_way_back(lab):  # noqa: F811
    write(lab, FORWARD)
    lab.deploy()
    lab.sql('INSERT INTO states VALUES (\'new\'); INSERT INTO "user" (id, stars, "Remark") VALUES (1, 4, \'r\')')
    write(lab, FORWARD + ONE_WAY)
    lab.deploy(count=1)
    assert lab.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 0
    lab.deploy()
    assert lab.sql('SELECT "both" FROM "user"') == [("4 it's new",)]
    assert lab.sql("SELECT conname FROM pg_constraint WHERE conrelid = '\"user\"'::regclass AND contype <> 'n'") == []
    assert lab.sql('INSERT INTO "user" ("both") VALUES (\'z\') RETURNING id') == [(100,)]
    assert lab.value("SELECT obj_description('\"user\"'::regclass)") == "done"
    r = lab.run("schema-rollback", count=1)
    assert r.status != 0 and lab.ids() == ["1", "2", "3", "4"], r


def test_a_slip_is_found_before_anything_runs(lab):  # noqa: F811
    write(lab, FORWARD + '\n<changeSet id="5" author="a">\n  <dropTable tableNam="user"/>\n</changeSet>')
    r = lab.run()
    assert r.status == 2 and lab.ids() == []
    error = r.result["error"]
    assert error["file"].endswith("log.xml") and error["line"] == FORWARD.count("\n") + 3, error
    assert "did you mean tableName" in error["hint"]
