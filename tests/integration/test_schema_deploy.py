"""schema-deploy, schema-preview, schema-status: what a user gets from a changelog."""
import json
import subprocess

import pytest

from schema import lab  # noqa: F401  (fixture)

THREE = """
--changeset bob:1 context:"prod and !test" labels:V1,b
--comment the first table
create table people (id int primary key, name text);
insert into people values (1, 'a;b');
--changeset bob:2 runOnChange:true
create or replace function f() returns int language plpgsql as $$
declare x int; -- kept
begin
  x := 1;
  return x;
end;
$$;
--changeset ann:3
alter table people add age int;
"""


def test_first_deploy_and_nothing_to_do(lab):
    lab.write(THREE)
    r = lab.deploy()
    assert r.outputs["changesets_applied"] == 3 and r.outputs["changesets_pending"] == 0
    row = lab.sql("SELECT exectype, description, comments, tag, liquibase, contexts, labels, length(deployment_id), length(md5sum) "
                  "FROM databasechangelog WHERE id = '1'")[0]
    assert row == ("EXECUTED", "sql", "the first table", None, "4.33.0", "(prod and !test)", "v1,b", 10, 34)
    assert lab.value("SELECT f()") == 1
    assert "-- kept" in lab.value("SELECT prosrc FROM pg_proc WHERE proname = 'f'")
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(False, None)]

    before = lab.sql("SELECT xmin, * FROM databasechangeloglock")
    r = lab.deploy()
    assert r.outputs["changesets_applied"] == 0 and "nothing to do" in r.outputs["summary"]
    assert lab.sql("SELECT xmin, * FROM databasechangeloglock") == before, "a run with nothing to do must not touch the lock"


def test_nothing_to_do_on_a_fresh_database(lab):
    lab.write("--changeset b:1 labels:x\nselect 1;\n--rollback empty\n")
    for stage, inputs in (("schema-deploy", {"labels": "y"}), ("schema-deploy", {"count": 0}), ("schema-rollback", {"count": 1})):
        r = lab.run(stage, **inputs)
        assert r.status == 0 and r.outputs["changesets_pending"] == (0 if "labels" in inputs else 1), r
    assert not lab.exists("databasechangelog") and not lab.exists("databasechangeloglock")
    lab.write("")
    assert lab.run().status == 0


def test_no_op_takes_two_questions(lab):
    """Round trips are what a no-op deploy costs."""
    lab.write(THREE)
    lab.deploy()
    log = open(f"{lab.server.folder}/log").read()
    lab.server.sql("ALTER SYSTEM SET log_statement = 'all'")
    lab.server.sql("SELECT pg_reload_conf()")
    try:
        lab.deploy()
    finally:
        lab.server.sql("ALTER SYSTEM RESET log_statement")
        lab.server.sql("SELECT pg_reload_conf()")
    new = open(f"{lab.server.folder}/log").read()[len(log):]
    mine = [line for line in new.splitlines() if "databasechangelog" in line or "current_setting" in line]
    assert len(mine) <= 4 and not any("UPDATE" in line or "lock(" in line for line in mine), new


def test_transaction_ids_attribute_rows(lab):
    lab.write("""
--changeset b:1
create table t (a int);
--changeset b:2
insert into t select generate_series(1, 3);
--changeset b:3
insert into t values (4);
""")
    r = lab.deploy()
    ids = r.outputs["transaction_ids"]
    ids = json.loads(ids) if isinstance(ids, str) else ids
    assert [i for i in ids[1:]] == [x for (x,) in lab.sql("SELECT DISTINCT xmin::text FROM t ORDER BY 1")]
    assert len(ids) == 3


def test_change_and_history_row_are_one_transaction(lab):
    lab.write("--changeset b:1\ncreate table t (a int);\n")
    lab.deploy()
    assert lab.value("SELECT (SELECT xmin FROM pg_class WHERE relname = 't') = (SELECT xmin FROM databasechangelog)")


def test_filters(lab):
    lab.write("""
--changeset b:none
select 1;
--changeset b:prod context:prod
select 1;
--changeset b:notprod context:!prod
select 1;
--changeset b:req context:@prod
select 1;
--changeset b:l1 labels:v1,v2
select 1;
--changeset b:l3 labels:v3
select 1;
--changeset b:ora dbms:oracle
select 1;
--changeset b:ign ignore:true
select 1;
""")
    s = lab.run("schema-status", contexts="prod", labels="v1")
    assert (s.outputs["changesets_pending"], s.outputs["changesets_skipped"]) == (4, 4)
    lab.deploy(contexts="prod", labels="v1")
    assert lab.ids() == ["none", "prod", "req", "l1"]
    lab.deploy()
    assert lab.ids() == ["none", "prod", "req", "l1", "notprod", "l3"]


def test_run_on_change_and_run_always(lab):
    lab.write("--changeset b:1 runOnChange:true\ncreate or replace view v as select 1 as a;\n--changeset b:2 runAlways:true\nselect 1;\n")
    lab.deploy()
    first = lab.sql("SELECT id, orderexecuted, md5sum FROM databasechangelog ORDER BY id")
    lab.deploy(tag="t1")
    lab.write("--changeset b:1 runOnChange:true\ncreate or replace view v as select 1 as a, 2 as b;\n--changeset b:2 runAlways:true\nselect 1;\n")
    lab.deploy()
    rows = lab.sql("SELECT id, orderexecuted, exectype, md5sum, tag FROM databasechangelog ORDER BY id")
    assert [(r[0], r[1], r[2]) for r in rows] == [("1", 4, "RERAN"), ("2", 5, "RERAN")]
    assert rows[0][3] != first[0][2] and rows[1][4] == "t1", "a rerun keeps the row's tag"
    assert lab.value("SELECT b FROM v") == 2


def test_preconditions(lab):
    lab.write("""
--changeset b:1
create table t (a int);
--changeset b:halfway
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:1 select count(*) from t
drop table t;
--changeset b:later
--preconditions onFail:CONTINUE
--precondition-table-exists table:nix
drop table t;
--changeset b:warn
--preconditions onError:WARN
--precondition-sql-check expectedResult:0 select count(*) from nix
create table w (a int);
--changeset b:ok
--precondition-view-exists view:pg_views schema:pg_catalog
--precondition-table-exists table:T
create table ok (a int);
""")
    r = lab.deploy()
    assert lab.ran() == [("1", "EXECUTED"), ("halfway", "MARK_RAN"), ("warn", "EXECUTED"), ("ok", "EXECUTED")]
    assert lab.exists("t") and r.outputs["changesets_pending"] == 1
    lab.write("--changeset b:1\ncreate table t (a int);\n--changeset b:2\n--precondition-table-exists table:nix\nselect 1;\n")
    r = lab.run()
    assert r.status == 4 and "precondition" in r.err and "nix does not exist" in r.err, r


def test_fail_on_error_false(lab):
    lab.write("--changeset b:1 failOnError:false\ncreate table a (x int); create table a (x int);\n--changeset b:2\ncreate table b (x int);\n")
    r = lab.deploy()
    assert lab.ids() == ["2"] and not lab.exists("a")
    assert (r.outputs["changesets_failed"], r.outputs["changesets_pending"]) == (1, 1) and r.finding_codes() == ["changeset-failed"]


def test_fail_on_error_false_outside_of_a_transaction(lab):
    """As under Liquibase the run goes on; what was done is noted, and the next run goes on behind it."""
    lab.write("--changeset b:1 failOnError:false runInTransaction:false\ncreate table a (x int);\ninsert into nix values (1);\n"
              "--changeset b:2\ncreate table b (x int);\n")
    r = lab.deploy()
    assert lab.ids() == ["2"] and lab.exists("a") and r.outputs["changesets_failed"] == 1
    lab.sql("CREATE TABLE nix (x int)")
    lab.deploy()
    assert lab.ids() == ["2", "1"] and lab.value("SELECT count(*) FROM nix") == 1


def test_statements_that_cannot_stand_in_a_transaction_are_recognised(lab):
    """Without runInTransaction:false Liquibase fails here."""
    lab.write("--changeset b:1\ncreate table a (x int);\ncreate index concurrently ax on a (x);\n--changeset b:2\nvacuum a;\n"
              "--rollback drop index concurrently ax;\n")
    r = lab.deploy()
    assert lab.ids() == ["1", "2"] and lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ax'::regclass")
    assert "outside of one" in r.err and not lab.exists("databasechangelog_progress")
    assert lab.run("schema-rollback", count=1).status == 0 and not lab.exists("ax")
    lab.write("--changeset b:1\ncreate table a (x int);\ncreate index concurrently ax on a (x);\n"
              "--changeset b:3\ncreate table c (x int);\ncreate index concurrently cx on c (nix);\n")
    r = lab.run()
    assert r.status == 21 and "goes on with statement 2" in r.err and lab.exists("c"), r


def test_count_tag_and_pre_start_tag(lab):
    lab.write(THREE)
    r = lab.deploy(count=1, tag="v1")
    assert lab.ids() == ["1"] and r.outputs["changesets_pending"] == 2 and r.outputs["pre_start_tag"] == ""
    r = lab.deploy(count=1)
    assert r.outputs["pre_start_tag"] == "v1"
    r = lab.deploy(tag_before=True)
    assert r.outputs["pre_start_tag"].startswith("dbstep-")
    assert [t for (t,) in lab.sql("SELECT tag FROM databasechangelog ORDER BY orderexecuted")] == ["v1", r.outputs["pre_start_tag"], None]
    assert lab.deploy(tag="end").outputs["changesets_applied"] == 0
    assert lab.value("SELECT tag FROM databasechangelog WHERE id = '3'") == "end"


def test_dry_run_changes_nothing(lab):
    lab.write(THREE)
    r = lab.deploy(dry_run=True)
    assert r.outputs["changesets_pending"] == 3 and not lab.exists("databasechangelog") and not lab.exists("databasechangeloglock")
    assert "alter table people add age int" in open(r.outputs["sql_file"]).read()


def test_preview_is_a_runnable_script(lab, server):
    lab.write(THREE + "--changeset b:4\nselect 1 -- trailing\n")
    r = lab.run("schema-preview", print=True, tag="t")
    assert r.status == 0 and not lab.exists("databasechangelog"), r
    assert "-- Changeset changelog.sql::1::bob" in r.out
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", server.url(lab.db, tcp=True), "-f", r.outputs["sql_file"]], check=True,
                   capture_output=True)
    s = lab.run("schema-status", fail_on="note")
    assert s.status == 0 and s.outputs["changesets_pending"] == 0 and s.outputs["last_tag"] == "t", s
    assert lab.deploy().outputs["changesets_applied"] == 0


def test_preview_and_status_with_a_role_that_may_only_read(lab):
    lab.write(THREE)
    lab.deploy(count=1)
    lab.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    url = lab.server.url(lab.db, user="reader", tcp=True, options="-cdefault_transaction_read_only%3Don")
    assert lab.run("schema-preview", db_url=url).outputs["changesets_pending"] == 2
    assert lab.run("schema-status", db_url=url).outputs["changesets_ran"] == 1
    r = lab.run(db_url=lab.server.url(lab.db, user="reader", tcp=True))
    assert r.status == 11 and lab.ids() == ["1"], r
    lab.sql("DROP OWNED BY reader; DROP ROLE reader")


def test_status_tells_pending_changed_and_unknown(lab):
    lab.write(THREE)
    assert lab.run("schema-status").outputs["changesets_pending"] == 3
    assert lab.run("schema-status", fail_on="note").status == 3
    lab.deploy(count=2)
    lab.write(THREE.replace("(1, 'a;b')", "(2, 'a;b')").replace("bob:2", "bob:two"))
    r = lab.run("schema-status", fail_on="never")
    assert sorted(set(r.finding_codes())) == ["checksum-changed", "pending", "unknown-in-database"]
    changed = [f for f in r.result["findings"] if f["code"] == "checksum-changed"][0]
    assert changed["line"] == 3 and changed["file"].endswith("changelog.sql")
    assert lab.run("schema-status").status == 3


def test_older_checksums_are_brought_up_to_date(lab):
    lab.write("--changeset b:1\ncreate table e1 (id int);\n--changeset b:2\ncreate table e4 (id int)\n")
    lab.deploy()
    lab.sql("UPDATE databasechangelog SET md5sum = '8:4d0e0fa99b98c7ddb54ed2ae2588e4bf' WHERE id = '1'")
    lab.sql("UPDATE databasechangelog SET md5sum = NULL WHERE id = '2'")
    lab.deploy()
    assert lab.sql("SELECT md5sum, exectype FROM databasechangelog ORDER BY id") == [
        ("9:545f547c3c95783b0044c7f76d46972c", "EXECUTED"), ("9:3a81c2a87465296b84779eff093094e1", "EXECUTED")]
    lab.sql("UPDATE databasechangelog SET md5sum = '8:00000000000000000000000000000000' WHERE id = '1'")
    r = lab.run()
    assert r.status == 4 and "but is now 8:4d0e0fa99b98c7ddb54ed2ae2588e4bf" in r.err, r


def test_valid_checksum(lab):
    lab.write("--changeset b:1\ncreate table a (id int);\n")
    lab.deploy()
    lab.write("--changeset b:1\n--validCheckSum any\ncreate table a (id int, b int);\n")
    assert lab.deploy().outputs["changesets_applied"] == 0


def test_old_table_layout_is_upgraded(lab):
    lab.sql("CREATE TABLE databasechangelog (id varchar(63) NOT NULL, author varchar(63) NOT NULL, filename varchar(200) NOT NULL, "
            "dateexecuted timestamp NOT NULL, md5sum varchar(32))")
    lab.sql("INSERT INTO databasechangelog VALUES ('1', 'B', './changelog.sql', now(), NULL)")
    lab.write("--changeset b:1\ncreate table a (id int);\n--changeset b:2\ncreate table b (id int);\n")
    lab.deploy()
    assert lab.sql("SELECT id, filename, orderexecuted, exectype, length(md5sum) FROM databasechangelog ORDER BY orderexecuted") == [
        ("1", "./changelog.sql", -1, "EXECUTED", 34), ("2", "changelog.sql", 1, "EXECUTED", 34)]
    assert not lab.exists("a"), "what ran before does not run again"


def test_names_and_schemas(lab):
    lab.sql("CREATE SCHEMA hist; CREATE SCHEMA app")
    lab.write("--changeset b:1\ncreate table a (id int);\n")
    lab.deploy(liquibase_schema_name="hist", database_changelog_table_name="MY_LOG", database_changelog_lock_table_name="My_Lock",
               default_schema_name="app")
    assert lab.exists("hist.my_log") and lab.exists('hist."My_Lock"') and lab.exists("app.a")
    r = lab.run(liquibase_schema_name="nix")
    assert r.status == 2 and "schema 'nix'" in r.err


def test_parameters_and_environment(lab):
    lab.write("--property name:t value:from_file\n--changeset b:1\ncreate table ${t} (a int); create table ${NAME} (a int);\n")
    lab.deploy(parameters=["t=from_parameter"], env={"NAME": "from_env"})
    assert lab.exists("from_parameter") and lab.exists("from_env")
    assert lab.run(parameters=["oops"]).status == 2


@pytest.mark.parametrize("body", ["\ufeff--liquibase formatted sql\r\n--changeset b:1\r\ncreate table a (x int);\r\ncreate table b (x text default 'x\r\n');\r\n",
                                  "--liquibase formatted sql\r--changeset b:1\rcreate table a (x int);\rcreate table b (x int);\r"])
def test_line_ends_and_bom(lab, body):
    lab.write(body, header=False)
    lab.deploy()
    assert lab.exists("a") and lab.exists("b")


def test_plain_sql_file(lab):
    lab.write("create table a (x int);\r\ncreate table b (x int);", header=False)
    lab.deploy()
    assert lab.sql("SELECT id, author FROM databasechangelog") == [("raw", "includeAll")] and lab.exists("b")


def test_split_as_liquibase(lab):
    lab.write("--changeset b:1\ncreate function f() returns int language sql as $$ select 1; $$;\n")
    r = lab.run(split="liquibase")
    assert r.status == 20 and "unterminated dollar" in r.err, r
    lab.deploy()
    assert lab.value("SELECT f()") == 1


def test_own_transactions(lab):
    """BEGIN … COMMIT in a changeset works as under Liquibase, and the row is still written."""
    lab.write("--changeset b:1\nbegin; create table a (x int); commit; create table b (x int);\n")
    lab.deploy()
    assert lab.exists("a") and lab.exists("b") and lab.ids() == ["1"]
    lab.write("--changeset b:1\nbegin; create table a (x int); commit; create table b (x int);\n"
              "--changeset b:2\nbegin; create table c (x int); commit; create table b (x int);\n")
    r = lab.run()
    assert r.status == 21 and lab.exists("c") and lab.ids() == ["1"], r


def test_secrets_stay_out_of_the_script(lab):
    lab.write("--changeset b:1\ncreate table a (x text default '${SECRET}');\n")
    lab.deploy(db_password="hunter2hunter2", env={"SECRET": "hunter2hunter2"})
    r = lab.run("schema-preview", db_password="hunter2hunter2", env={"SECRET": "hunter2hunter2"}, print=True)
    assert "hunter2" not in r.out + r.err + open(r.outputs["sql_file"]).read()


@pytest.mark.parametrize("given", [{"env": {"APP_PASSWORD": "hunter2hunter2"}}, {"parameters": "APP_PASSWORD=hunter2hunter2"}])
def test_parameters_whose_names_say_so_are_secrets(lab, given):
    lab.write("--changeset b:1\ncreate table a (x text default '${APP_PASSWORD}');\n"
              "--changeset b:2\nselect '${APP_PASSWORD}' nonsense nonsense;\n")
    for stage in ("schema-preview", "schema-deploy"):
        r = lab.run(stage, **given)
        shown = r.out + r.err + json.dumps(r.result) + open(r.outputs["sql_file"]).read()
        assert "hunter2" not in shown and "********" in shown, shown
    assert r.status == 21
    assert "hunter2hunter2" in lab.value("SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'a'::regclass")


@pytest.mark.parametrize("more", [{}, {"changelog_file": "", "migrations": "."}])
def test_a_parameter_that_was_cut_in_two_is_refused_unseen(lab, more):
    lab.write("--changeset b:1\nselect 1;\n")
    r = lab.run(parameters="app_password=hunter2,hunter3hunter3", **more)
    assert r.status == 2 and "item 2 of parameters" in r.err and "hunter" not in r.out + r.err + json.dumps(r.result), r
