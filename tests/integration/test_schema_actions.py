"""The actions of schema-deploy on history and lock alone, updates up to a tag, and what schema-status tells of the history."""
import json
import re

import pytest

from schema import lab  # noqa: F401  (fixture)
from test_schema_faults import FOREIGN, OURS, active, lock_row, wait_for

LOG = """
--changeset b:1
create table one (x int);
--changeset b:2
--preconditions onFail:HALT
--precondition-table-exists table:nix
create table two (x int);
--changeset b:3 runAlways:true
create table if not exists three (x int);
"""


def json_of(value):
    return json.loads(value) if isinstance(value, str) else value


# ---- recorded without running ---------------------------------------------------------------------------------------

def test_changelog_sync(lab):  # noqa: F811
    """Everything that did not run is recorded as executed; preconditions are not asked, nothing runs."""
    lab.write(LOG)
    d = lab.deploy(action="changelog-sync", dry_run=True)
    assert not lab.exists("databasechangelog") and json_of(d.outputs["sql_commands"]) == []
    r = lab.deploy(action="changelog-sync")
    assert lab.ran() == [("1", "EXECUTED"), ("2", "EXECUTED"), ("3", "EXECUTED")] and not lab.exists("one") and not lab.exists("three")
    assert r.outputs["changesets_applied"] == 3 and json_of(r.outputs["change_sets"])[0]["result"] == "recorded without running"
    assert lab.value("SELECT count(*) FROM databasechangelog WHERE md5sum LIKE '9:%' AND description = 'sql'") == 3
    before = lab.sql("SELECT * FROM databasechangelog")
    lab.deploy(action="changelog-sync")
    assert lab.sql("SELECT * FROM databasechangelog") == before, "what is recorded is not touched again"
    lab.deploy()
    assert lab.ran() == [("1", "EXECUTED"), ("2", "EXECUTED"), ("3", "RERAN")] and lab.exists("three")


def test_mark_next_changeset_ran(lab):  # noqa: F811
    lab.write(LOG)
    assert lab.run().status == 21 and lab.ids() == ["1"]
    r = lab.deploy(action="mark-next-changeset-ran")
    assert lab.ran() == [("1", "EXECUTED"), ("2", "EXECUTED")] and r.outputs["changesets_pending"] == 1
    lab.deploy()
    assert lab.ids() == ["1", "2", "3"] and not lab.exists("two")
    assert "nothing to do" in lab.deploy(action="mark-next-changeset-ran").outputs["summary"]


def test_actions_need_their_inputs(lab):  # noqa: F811
    for inputs in ({"action": "changelog-sync-to-tag"}, {"action": "tag"}, {"changelog_file": ""}):
        r = lab.run(**inputs)
        assert r.status == 2, r


# ---- tags, checksums ------------------------------------------------------------------------------------------------

def test_tag(lab):  # noqa: F811
    lab.write(LOG)
    r = lab.deploy(action="tag", tag="start", changelog_file="")
    row = lab.sql("SELECT author, filename, exectype, md5sum, description, comments, tag, orderexecuted, contexts FROM databasechangelog")
    assert row == [("liquibase", "liquibase-internal", "EXECUTED", "9:d41d8cd98f00b204e9800998ecf8427e", "empty", "", "start", 1, None)]
    s = lab.run("schema-status")
    assert s.outputs["last_tag"] == "start" and s.outputs["changesets_unknown"] == 0
    lab.deploy(count=1)
    r = lab.deploy(action="tag", tag="v1")
    assert r.outputs["pre_start_tag"] == "" and lab.sql("SELECT id, tag FROM databasechangelog ORDER BY orderexecuted")[1:] == [("1", "v1")]
    assert lab.deploy(action="tag", tag="v2", dry_run=True).outputs["pre_start_tag"] == "v1"
    assert lab.value("SELECT tag FROM databasechangelog WHERE id = '1'") == "v1"


def test_the_first_deploy_can_be_taken_back_by_its_pre_start_tag(lab):  # noqa: F811
    lab.write("--changeset b:1\ncreate table one (x int);\n--rollback drop table one;\n")
    tag = lab.deploy(tag_before=True).outputs["pre_start_tag"]
    assert tag.startswith("dbstep-") and lab.sql("SELECT tag, orderexecuted FROM databasechangelog ORDER BY 2") == [(tag, 1), (None, 2)]
    assert lab.run("schema-rollback", to_tag=tag).status == 0 and not lab.exists("one")
    assert lab.deploy(tag_before=True).outputs["pre_start_tag"] == tag


def test_clear_checksums(lab):  # noqa: F811
    lab.write(LOG.replace("table:nix", "table:one"))
    lab.deploy()
    lab.write(LOG.replace("table:nix", "table:one").replace("one (x int)", "one (x int, y int)"))
    assert lab.run().status == 4
    assert "3 checksums" in lab.deploy(action="clear-checksums").outputs["summary"]
    assert lab.value("SELECT count(md5sum) FROM databasechangelog") == 0
    lab.deploy()
    assert lab.value("SELECT count(md5sum) FROM databasechangelog") == 3


# ---- up to a tag ----------------------------------------------------------------------------------------------------

def tagged_yaml(*ids):
    sets = []
    for i in ids:
        change = f"tagDatabase: {{tag: {i}}}" if i.startswith("v") else f"createTable: {{tableName: {i}, columns: [column: {{name: x, type: int}}]}}"
        sets.append(f"- changeSet:\n    id: {i}\n    author: b\n    changes:\n    - {change}\n")
    return "databaseChangeLog:\n" + "".join(sets)


def test_update_to_a_tag(lab):  # noqa: F811
    lab.file = "changelog.yaml"
    lab.write(tagged_yaml("a", "v1", "b", "v2", "c"), header=False)
    assert json_of(lab.run("schema-preview", to_tag="v1").outputs["change_sets"])[-1]["id"] == "v1"
    r = lab.deploy(to_tag="v1")
    assert lab.ids() == ["a", "v1"] and r.outputs["changesets_pending"] == 3
    assert lab.sql("SELECT id, tag, description FROM databasechangelog WHERE tag IS NOT NULL") == [("v1", "v1", "tagDatabase")]
    lab.write(tagged_yaml("a", "early", "v1", "b", "v2", "c"), header=False)
    r = lab.deploy(to_tag="V1")
    assert r.outputs["changesets_applied"] == 0 and r.outputs["changesets_pending"] == 4, "a row has the tag: nothing runs"
    lab.deploy(action="changelog-sync-to-tag", to_tag="v2")
    assert lab.ids() == ["a", "v1", "early", "b", "v2"] and not lab.exists("b")
    r = lab.deploy(to_tag="nowhere")
    assert lab.ids()[-1] == "c" and "tag-not-found" in r.finding_codes()


def test_a_changeset_that_sets_the_tag_goes_with_it(lab):  # noqa: F811
    lab.file = "changelog.yaml"
    lab.write(tagged_yaml("a", "v1", "b").replace("tag: v1}", "tag: v1, keepTagOnRollback: false}"), header=False)
    lab.deploy()
    assert [s["id"] for s in json_of(lab.run("schema-rollback", to_tag="v1").outputs["change_sets"])] == ["b", "v1"]
    lab.write(tagged_yaml("a", "v1", "b").replace("tag: v1}", "tag: v1, keepTagOnRollback: true}"), header=False)
    lab.deploy()
    assert [s["id"] for s in json_of(lab.run("schema-rollback", to_tag="v1").outputs["change_sets"])] == ["b"]


# ---- the lock -------------------------------------------------------------------------------------------------------

def test_release_lock(lab):  # noqa: F811
    lab.write(LOG)
    assert "is free" in lab.deploy(action="release-lock").outputs["summary"]
    lock_row(lab, OURS)
    assert "dry run" in lab.deploy(action="release-lock", dry_run=True).outputs["summary"] and lab.value("SELECT locked FROM databasechangeloglock")
    assert lab.deploy(action="release-lock", changelog_file="").outputs["lock_released"] in (True, "true")
    assert lab.sql("SELECT locked, lockedby, lockgranted FROM databasechangeloglock") == [(False, None, None)]


def test_release_of_a_foreign_lock_needs_proof_or_force(lab):  # noqa: F811
    lab.write(LOG)
    lock_row(lab, FOREIGN)
    other = lab.connect()  # whoever holds the row has a session
    r = lab.run(action="release-lock")
    assert r.status == 14 and FOREIGN in r.err and "force" in r.err and lab.value("SELECT locked FROM databasechangeloglock"), r
    lab.deploy(action="release-lock", force=True)
    assert lab.value("SELECT locked FROM databasechangeloglock") is False
    other.close()
    lock_row(lab, FOREIGN)
    wait_for(lambda: not lab.server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", params=(lab.db,)), "sessions to end")
    lab.deploy(action="release-lock")
    assert lab.value("SELECT locked FROM databasechangeloglock") is False


def test_the_lock_of_a_live_run_is_never_released(lab):  # noqa: F811
    lab.write("--changeset b:1\nselect pg_sleep(2);\n")
    p = lab.start()
    wait_for(lambda: active(lab, "%pg_sleep%"), "the deploy to run")
    r = lab.run(action="release-lock", force=True)
    assert r.status == 14 and "live run" in r.err, r
    assert p.wait(20) == 0 and lab.ids() == ["1"]


# ---- status ---------------------------------------------------------------------------------------------------------

def test_history(lab):  # noqa: F811
    lab.write("--changeset b:1 context:c labels:L\n--comment the first\ncreate table one (x int);\n--changeset b:2\nselect 1;\n")
    lab.deploy(tag="v1")
    r = lab.run("schema-status", history=True, changelog_file="")
    rows = json_of(r.outputs["history"])
    assert [(h["id"], h["orderexecuted"], h["tag"], h["contexts"], h["labels"], h["comments"]) for h in rows] == [
        ("1", 1, None, "c", "l", "the first"), ("2", 2, "v1", None, None, "")]
    assert int(r.outputs["history_rows"]) == 2 and "History" in [t["title"] for t in r.result["tables"]]
    assert lab.run("schema-status", changelog_file="").outputs.get("history") is None


def test_out_of_order_is_told_before_it_runs(lab):  # noqa: F811
    lab.write("--changeset b:1\nselect 1;\n--changeset b:3\nselect 1;\n")
    lab.deploy()
    lab.write("--changeset b:1\nselect 1;\n--changeset b:2\nselect 1;\n--changeset b:3\nselect 1;\n--changeset b:4\nselect 1;\n")
    for r in (lab.run("schema-status"), lab.deploy()):
        found = [f for f in r.result["findings"] if f["code"] == "out-of-order"]
        assert len(found) == 1 and "::2::b" in found[0]["message"] and found[0]["line"] == 4, r
    assert lab.ids() == ["1", "3", "2", "4"]


@pytest.mark.parametrize("with_", ["psql", "sqlplus"])
def test_run_with_is_refused(lab, with_):  # noqa: F811
    lab.write(f"--changeset b:1\ncreate table one (x int);\n--changeset b:2 runWith:{with_}\n\\i x.sql\n")
    r = lab.run()
    assert r.status == 2 and with_ in r.err and "changelog.sql:4" in r.err and not lab.exists("one"), r
    lab.write("--changeset b:1 runWith:jdbc\ncreate table one (x int);\n")
    lab.deploy()


def test_an_invalid_index_of_an_earlier_failure_is_rebuilt(lab):  # noqa: F811
    """Left by a CREATE INDEX CONCURRENTLY of Liquibase, which notes nothing."""
    lab.write("--changeset b:1\ncreate table a (x int); insert into a values (1), (1);\n")
    lab.deploy()
    c = lab.connect()
    with pytest.raises(Exception):
        c.cursor().execute("create unique index concurrently ax on a (x)")
    c.close()
    assert lab.value("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = 'ax'::regclass")
    lab.write("--changeset b:1\ncreate table a (x int); insert into a values (1), (1);\n"
              "--changeset b:2 runInTransaction:false\ndelete from a;\ncreate unique index concurrently ax on a (x);\n")
    r = lab.deploy()
    assert "removing the invalid index" in r.err and lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ax'::regclass")


# ---- scripts --------------------------------------------------------------------------------------------------------

SETS = """databaseChangeLog:
- changeSet: {id: a, author: x, comment: hello, changes: [sql: {sql: "create table ta(x int); insert into ta values (1)"}], rollback: drop table ta}
- changeSet: {id: b, author: x, context: c1, labels: l1, changes: [createTable: {tableName: tb, columns: [column: {name: x, type: int}]}]}
- changeSet: {id: t, author: x, changes: [tagDatabase: {tag: v1}]}
"""

HISTORY = ("INSERT INTO public.databasechangelog (ID, AUTHOR, FILENAME, DATEEXECUTED, ORDEREXECUTED, MD5SUM, DESCRIPTION, COMMENTS, EXECTYPE, CONTEXTS, "
           "LABELS, LIQUIBASE, DEPLOYMENT_ID")

# What update-sql and rollback-count-sql of Liquibase 4.28.0 print, without comments and time.
UPDATE = f"""SET SEARCH_PATH TO public, "$user","public";
CREATE TABLE public.databasechangeloglock (ID INTEGER NOT NULL, LOCKED BOOLEAN NOT NULL, LOCKGRANTED TIMESTAMP WITHOUT TIME ZONE, LOCKEDBY VARCHAR(255), CONSTRAINT databasechangeloglock_pkey PRIMARY KEY (ID));
DELETE FROM public.databasechangeloglock;
INSERT INTO public.databasechangeloglock (ID, LOCKED) VALUES (1, FALSE);
UPDATE public.databasechangeloglock SET LOCKED = TRUE, LOCKEDBY = '?', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE;
CREATE TABLE public.databasechangelog (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, FILENAME VARCHAR(255) NOT NULL, DATEEXECUTED TIMESTAMP WITHOUT TIME ZONE NOT NULL, ORDEREXECUTED INTEGER NOT NULL, EXECTYPE VARCHAR(10) NOT NULL, MD5SUM VARCHAR(35), DESCRIPTION VARCHAR(255), COMMENTS VARCHAR(255), TAG VARCHAR(255), LIQUIBASE VARCHAR(20), CONTEXTS VARCHAR(255), LABELS VARCHAR(255), DEPLOYMENT_ID VARCHAR(10));
SET SEARCH_PATH TO public, "$user","public";
create table ta(x int);
insert into ta values (1);
{HISTORY}) VALUES ('a', 'x', 'changelog.yaml', NOW(), 1, '9:f41c9cc954635085b1470a0a0df1e167', 'sql', 'hello', 'EXECUTED', NULL, NULL, '4.28.0', '?');
SET SEARCH_PATH TO public, "$user","public";
CREATE TABLE public.tb (x INTEGER);
{HISTORY}) VALUES ('b', 'x', 'changelog.yaml', NOW(), 2, '9:a47918a1f779aecb86f298c19fff6c25', 'createTable tableName=tb', '', 'EXECUTED', 'c1', 'l1', '4.28.0', '?');
SET SEARCH_PATH TO public, "$user","public";
{HISTORY}, TAG) VALUES ('t', 'x', 'changelog.yaml', NOW(), 3, '9:635ff1e577e13420abaf0552fb77ab20', 'tagDatabase', '', 'EXECUTED', NULL, NULL, '4.28.0', '?', 'v1');
UPDATE public.databasechangeloglock SET LOCKED = FALSE, LOCKEDBY = NULL, LOCKGRANTED = NULL WHERE ID = 1;
"""
ROLLBACK = """SET SEARCH_PATH TO public, "$user","public";
UPDATE public.databasechangeloglock SET LOCKED = TRUE, LOCKEDBY = '?', LOCKGRANTED = NOW() WHERE ID = 1 AND LOCKED = FALSE;
DELETE FROM public.databasechangelog WHERE ID = 't' AND AUTHOR = 'x' AND FILENAME = 'changelog.yaml';
DROP TABLE public.tb;
DELETE FROM public.databasechangelog WHERE ID = 'b' AND AUTHOR = 'x' AND FILENAME = 'changelog.yaml';
drop table ta;
DELETE FROM public.databasechangelog WHERE ID = 'a' AND AUTHOR = 'x' AND FILENAME = 'changelog.yaml';
UPDATE public.databasechangeloglock SET LOCKED = FALSE, LOCKEDBY = NULL, LOCKGRANTED = NULL WHERE ID = 1;
"""


def script(r):
    assert r.status == 0, r
    text = "".join(line for line in open(r.outputs["sql_file"]) if line.strip() and not line.startswith("--"))
    return re.sub(r"'\d{10}'", "'?'", text.replace("'dbstep preview'", "'?'"))


def test_previews_are_liquibases_scripts(lab):  # noqa: F811
    lab.file = "changelog.yaml"
    lab.write(SETS, header=False)
    assert script(lab.run("schema-preview", liquibase_version="4.28.0")) == UPDATE
    lab.deploy()
    assert script(lab.run("schema-preview", direction="rollback", count=3)) == ROLLBACK
