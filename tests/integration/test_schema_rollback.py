"""schema-rollback: what is taken back, in which order, and that nothing is when something cannot be."""
import json
import random
import signal
import subprocess
import time

import pytest

from schema import lab  # noqa: F401  (fixture)
from test_schema_faults import FOREIGN, active, lock_row, picture, terminate, wait_for

FOUR = """
--changeset b:1
create table one (x int);
--rollback drop table one;
--changeset b:2 labels:two
create table two (x int);
insert into two values (1);
--rollback delete from two;
--rollback drop table two;
--changeset b:3
select 1;
--rollback empty
--changeset b:4 context:four
create table four (x int);
/* liquibase rollback
drop table four;
*/
"""


def json_of(value):
    return json.loads(value) if isinstance(value, str) else value


def rolled_back(r):
    assert r.status == 0, r
    return [s["id"] for s in json_of(r.outputs["change_sets"])]


def rollback(lab, **kw):  # noqa: F811
    return lab.run("schema-rollback", **kw)


def test_by_count_to_tag_and_everything(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy(count=1, tag="v1")
    lab.deploy()
    r = rollback(lab, count=1)
    assert rolled_back(r) == ["4"] and lab.ids() == ["1", "2", "3"] and not lab.exists("four")
    assert r.outputs["changesets_rolled_back"] == 1 and r.outputs["changesets_pending"] == 1
    r = rollback(lab, to_tag="V1")
    assert rolled_back(r) == ["3", "2"] and lab.ids() == ["1"] and not lab.exists("two") and lab.exists("one")
    assert json_of(r.outputs["sql_commands"]) == ["delete from two", "drop table two"]
    assert "DELETE FROM" in open(r.outputs["sql_file"]).read()
    assert "nothing to roll back" in rollback(lab, to_tag="v1").outputs["summary"]
    assert rolled_back(rollback(lab, count=10)) == ["1"] and lab.ids() == []
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(False, None)]
    lab.deploy()
    assert lab.ids() == ["1", "2", "3", "4"]


def test_a_row_is_deleted_as_it_is_stored_and_in_the_changesets_transaction(lab):  # noqa: F811
    lab.write("--changeset b:1\ncreate table a (x int);\n--rollback create table trace as select pg_current_xact_id()::text as x;\n")
    lab.deploy()
    lab.sql("UPDATE databasechangelog SET filename = './Changelog.sql', author = 'B'")
    lab.sql("CREATE TABLE gone (x text); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO gone VALUES (pg_current_xact_id()::text); RETURN OLD; END $$; "
            "CREATE TRIGGER note BEFORE DELETE ON databasechangelog FOR EACH ROW EXECUTE FUNCTION note()")
    assert rolled_back(rollback(lab, count=1)) == ["1"]
    assert lab.sql("SELECT x FROM gone") == lab.sql("SELECT x FROM trace")


TWICE = ("INSERT INTO databasechangelog SELECT id, {author}, {path}, dateexecuted + interval '{later}', orderexecuted, exectype, md5sum, "
         "description, comments, tag, liquibase, contexts, labels, deployment_id FROM databasechangelog WHERE id = '2'")


@pytest.mark.parametrize("author, path", [("author", "filename"), ("upper(author)", "filename"), ("author", "'classpath:' || filename")])
@pytest.mark.parametrize("later", ["-1 hour", "1 hour"])
@pytest.mark.parametrize("ways", [{"count": 1}, {"count": 2}, {"changeset_id": "2", "changeset_author": "b", "changeset_path": "changelog.sql"}])
def test_a_changeset_with_several_rows_is_undone_once(lab, author, path, later, ways):  # noqa: F811
    """Two programs at once write such rows. What is undone twice, or keeps a row, is no longer what the history says."""
    lab.write("--changeset b:1\ncreate table n (i int);\ninsert into n values (0);\n--rollback empty\n"
              "--changeset b:2\nupdate n set i = i + 1;\n--rollback update n set i = i - 1;\n")
    lab.deploy()
    lab.sql(TWICE.format(author=author, path=path, later=later))
    r = rollback(lab, **ways)
    assert rolled_back(r)[:1] == ["2"] and lab.value("SELECT i FROM n") == 0
    assert lab.value("SELECT count(*) FROM databasechangelog WHERE id = '2'") == 0
    if ways != {"count": 2}:
        lab.deploy()
        assert lab.value("SELECT i FROM n") == 1 and lab.ids() == ["1", "2"]


def test_filters_leave_changesets_alone(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy(tag="end")
    assert rolled_back(rollback(lab, count=2, contexts="other", labels="other")) == ["3", "1"]
    assert lab.ids() == ["2", "4"]


def test_to_a_date(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    lab.sql("UPDATE databasechangelog SET dateexecuted = timestamp '2031-01-01 00:00' + (id || ' days')::interval")
    assert rolled_back(rollback(lab, to_date="2031-01-03T00:00:00")) == ["4", "3"]
    r = rollback(lab, to_date="tomorrowish")
    assert r.status == 2 and "no date" in r.err and lab.ids() == ["1", "2"], r


def test_one_changeset(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    assert rolled_back(rollback(lab, changeset_id="2", changeset_author="B")) == ["2"]
    assert lab.ids() == ["1", "3", "4"] and not lab.exists("two") and lab.exists("four")
    r = rollback(lab, changeset_id="2", changeset_author="b")
    assert r.status == 2 and "has not run" in r.err, r
    r = rollback(lab, changeset_id="1", changeset_author="b", changeset_path="other.sql")
    assert r.status == 2 and "other.sql::1::b" in r.err, r


@pytest.mark.parametrize("inputs", [{}, {"count": 1, "to_tag": "x"}, {"changeset_id": "1"}])
def test_exactly_one_range(lab, inputs):  # noqa: F811
    lab.write(FOUR)
    r = rollback(lab, **inputs)
    assert r.status == 2 and not lab.exists("databasechangelog"), r


def test_an_unknown_tag_names_those_that_are_there(lab):  # noqa: F811
    lab.write(FOUR)
    assert rollback(lab, to_tag="nix").status == 2
    lab.deploy(tag="release-7")
    r = rollback(lab, to_tag="release-8")
    assert r.status == 2 and "'release-8'" in r.err and "'release-7'" in r.err, r


def test_all_that_cannot_be_rolled_back_are_named_before_anything_runs(lab):  # noqa: F811
    lab.write("--changeset b:1\ncreate table one (x int);\n--changeset b:2\ncreate table two (x int);\n--rollback drop table two;\n"
              "--changeset b:3\ncreate table three (x int);\n--changeset b:4\nselect 1;\n--rollback drop table nix;\n")
    lab.deploy()
    r = rollback(lab, count=4)
    assert r.status == 4 and "2 changesets cannot be rolled back" in r.err, r
    assert "changelog.sql::1::b (" in r.err and "changelog.sql::3::b (" in r.err and "::2::b" not in r.err and "rollback empty" in r.err, r
    assert lab.ids() == ["1", "2", "3", "4"] and lab.exists("two")


def test_rows_that_the_changelog_does_not_have(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    lab.sql("UPDATE databasechangelog SET id = 'other' WHERE id = '3'")
    r = rollback(lab, count=2)
    assert r.status == 4 and "changelog.sql::other::b" in r.err and lab.exists("four"), r
    assert rolled_back(rollback(lab, count=1)) == ["4"]
    assert rolled_back(rollback(lab, count=1, skip_unknown=True)) == ["2"]
    assert lab.ids() == ["1", "other"]


def test_rollback_that_is_another_changeset(lab):  # noqa: F811
    body = ("--changeset b:make\ncreate view v as select 1 as x;\n--rollback drop view v;\n--changeset b:drop\ndrop view v;\n"
            "--rollback changesetId:make changesetAuthor:b\n")
    lab.write(body)
    lab.deploy()
    lab.write(body.replace("changesetId:make", "changesetId:nix"))
    r = rollback(lab, count=1)
    assert r.status in (2, 4) and "nix" in r.err and lab.ids() == ["make", "drop"], r
    lab.write(body)
    assert rolled_back(rollback(lab, count=1)) == ["drop"] and lab.value("SELECT x FROM v") == 1


def test_edited_changesets_are_refused_first(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    lab.write(FOUR.replace("values (1)", "values (2)"))
    r = rollback(lab, count=1)
    assert r.status == 4 and "edited" in r.err and lab.exists("four"), r


def test_a_failing_rollback_says_what_and_where(lab):  # noqa: F811
    lab.write(FOUR.replace("drop table two;", "drop table tow;"))
    lab.deploy()
    r = rollback(lab, count=3)
    assert r.status == 21 and "the rollback of changeset changelog.sql::2::b failed" in r.err and '"tow" does not exist' in r.err, r
    assert "2 changesets of this run were rolled back before" in r.err and "changelog.sql:10" in r.err, r
    assert lab.ids() == ["1", "2"] and lab.value("SELECT count(*) FROM two") == 1
    assert lab.value("SELECT locked FROM databasechangeloglock") is False


def test_marked_as_ran_is_rolled_back_like_the_others(lab):  # noqa: F811
    lab.write("--changeset b:1\n--preconditions onFail:MARK_RAN\n--precondition-table-exists table:nix\nselect 1;\n--rollback create table a (x int);\n")
    lab.deploy()
    assert rolled_back(rollback(lab, count=1)) == ["1"] and lab.exists("a")


def test_outside_of_a_transaction_goes_on_where_it_stopped(lab):  # noqa: F811
    lab.write("--changeset b:1 runInTransaction:false\ncreate table a (x int);\ncreate index concurrently ax on a (x);\n"
              "--rollback drop index concurrently ax;\n--rollback drop table b;\n--rollback drop table a;\n")
    lab.deploy()
    r = rollback(lab, count=1)
    assert r.status == 21 and "statement 2 of 3" in r.err and lab.ids() == ["1"] and not lab.exists("ax"), r
    lab.sql("CREATE TABLE b (x int)")
    assert rolled_back(rollback(lab, count=1)) == ["1"]
    assert lab.ids() == [] and not lab.exists("a") and not lab.exists("databasechangelog_progress")


def test_dry_run_and_preview(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy(tag="end")
    before = picture(lab)
    r = rollback(lab, count=2, dry_run=True)
    assert rolled_back(r) == ["4", "3"] and picture(lab) == before and r.outputs["changesets_rolled_back"] == 0
    p = lab.run("schema-preview", direction="rollback", count=4, print=True)
    assert rolled_back(p) == ["4", "3", "2", "1"] and "-- Rolling Back ChangeSet: changelog.sql::4::b" in p.out
    assert json_of(p.outputs["sql_commands"])[-1] == "drop table one"
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", lab.server.url(lab.db, tcp=True), "-f", p.outputs["sql_file"]], check=True,
                   capture_output=True)
    assert lab.ids() == [] and not lab.exists("one")
    f = lab.run("schema-preview", direction="future-rollback", count=2)
    assert rolled_back(f) == ["2", "1"] and json_of(f.outputs["sql_commands"]) == ["delete from two", "drop table two", "drop table one"]
    lab.write(FOUR + "--changeset b:5\nselect 1;\n")
    assert lab.run("schema-preview", direction="future-rollback").status == 4


# ---- faults ---------------------------------------------------------------------------------------------------------

def test_the_lock_is_honoured(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    lock_row(lab, FOREIGN)
    r = rollback(lab, count=1, lock_wait="200ms")
    assert r.status == 14 and FOREIGN in r.err and lab.exists("four"), r


def test_a_table_that_is_locked(lab):  # noqa: F811
    lab.write(FOUR)
    lab.deploy()
    blocker = lab.connect()
    blocker.autocommit = False
    blocker.cursor().execute("SELECT * FROM four")
    r = rollback(lab, count=1, lock_timeout="50ms", lock_retries=1)
    assert r.status == 14 and lab.ids() == ["1", "2", "3", "4"], r
    blocker.rollback()


def slow(n):
    return "".join(f"--changeset b:{i}\ncreate table t{i} (x int);\n--rollback drop table t{i}; select pg_sleep({300 if i == 1 else 0});\n"
                   for i in range(n))


def test_sigterm_cancels_rolls_back_and_releases(lab):  # noqa: F811
    lab.write(slow(3))
    lab.deploy()
    p = lab.start("schema-rollback", count=3)
    wait_for(lambda: active(lab, "%pg_sleep%"), "the rollback to sleep")
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 40
    assert lab.ids() == ["0", "1"] and lab.exists("t1") and not active(lab, "%pg_sleep%")
    assert lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]


def test_connection_cut_during_a_rollback(lab):  # noqa: F811
    lab.write(slow(3))
    lab.deploy()
    p = lab.start("schema-rollback", count=3)
    wait_for(lambda: active(lab, "%pg_sleep%"), "the rollback to sleep")
    terminate(lab)
    out, err = p.communicate(timeout=40)
    assert p.returncode == 12 and "nothing of it was applied" in err and lab.ids() == ["0", "1"] and lab.exists("t1"), err


def test_two_rollbacks_at_once(lab):  # noqa: F811
    lab.write("".join(f"--changeset b:{i}\ncreate table t{i} (x int);\n--rollback drop table t{i};\n" for i in range(20)))
    lab.deploy(count=1, tag="t")
    lab.deploy()
    runs = [lab.start("schema-rollback", to_tag="t") for _ in range(2)]
    assert [p.wait(60) for p in runs] == [0, 0] and lab.ids() == ["0"]


def fifty_back():
    body = []
    for i in range(50):
        if i % 10 == 5:
            body.append(f"--changeset b:{i} runInTransaction:false\ncreate index concurrently i{i} on t{i - 1} (x);\n"
                        f"--rollback drop index concurrently i{i};\n--rollback insert into undone values ({i});\n")
        else:
            body.append(f"--changeset b:{i}\ncreate table t{i} (x int primary key, n text default 'a;b');\n"
                        f"--rollback drop table t{i};\n--rollback insert into undone values ({i});\n")
    return "".join(body)


def test_kill_9_at_random_instants_of_a_rollback(lab):  # noqa: F811
    """Each kill leaves every changeset either as it was or rolled back, and the runs together undo each of them once."""
    lab.write("--changeset b:base\ncreate table undone (i int);\n--rollback drop table undone;\n" + fifty_back())
    lab.deploy(count=1, tag="base")
    lab.deploy()
    full = f"{lab.db}_full"
    lab.server.create_database(full, template=lab.db)
    started = time.monotonic()
    assert rollback(lab, to_tag="base").status == 0
    whole = time.monotonic() - started
    expected = picture(lab)
    rng, hits, kills = random.Random(11), 0, 0
    while hits < 20 and kills < 80:
        lab.server.create_database(lab.db, template=full)
        for _ in range(rng.randint(1, 2)):
            p = lab.start("schema-rollback", to_tag="base", lock_wait="20s")
            try:
                p.wait(rng.uniform(0.001, whole * 0.8))
            except subprocess.TimeoutExpired:
                p.kill()
                hits += 1
            p.wait()
            kills += 1
        r = rollback(lab, to_tag="base", lock_wait="20s")
        assert r.status == 0 and picture(lab) == expected, r
        assert lab.sql("SELECT i FROM undone GROUP BY i HAVING count(*) > 1") == [], "a rollback that ran twice"
        assert lab.value("SELECT count(*) FROM undone") == 50
    assert hits >= 20, "the kills came too late to test anything"
    lab.server.sql(f'DROP DATABASE "{full}"')
