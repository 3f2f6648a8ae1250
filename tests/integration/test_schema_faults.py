"""schema-deploy when things go wrong: one clear error, the right exit status, nothing lost, and the next run converges."""
import os
import random
import re
import signal
import subprocess
import time

import psycopg2
import pytest

from schema import lab  # noqa: F401  (fixture)

OURS = "pod-1 (10.0.0.7) dbstep 1/4711"
FOREIGN = "build-7 (10.0.0.9)"


def wait_for(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def active(lab, text):
    return lab.server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query LIKE %s AND state <> 'idle' AND pid <> pg_backend_pid()",
                            params=(lab.db, text))


def lock_row(lab, by):
    lab.sql("CREATE TABLE IF NOT EXISTS databasechangeloglock (id int NOT NULL PRIMARY KEY, locked boolean NOT NULL, lockgranted timestamp, "
            "lockedby varchar(255)); DELETE FROM databasechangeloglock")
    lab.sql("INSERT INTO databasechangeloglock VALUES (1, true, now(), %s)", (by,))


# ---- bad input ------------------------------------------------------------------------------------------------------

def test_missing_changelog(lab):
    r = lab.run(changelog_file="nix.sql")
    assert r.status == 2 and "nix.sql" in r.err and "search_path" in r.err


def test_unreadable_changelog(lab):
    lab.write("--changeset b:1\nselect 1;\n")
    path = lab.folder / lab.file
    os.chmod(path, 0)
    if os.access(path, os.R_OK):  # root reads everything: a folder will do
        path.unlink()
        path.mkdir()
    r = lab.run()
    assert r.status == 2 and "changelog" in r.err and not lab.exists("databasechangelog"), r


@pytest.mark.parametrize("file", ["/etc/x.sql", "../x.sql", "C:\\x.sql"])
def test_paths_that_depend_on_the_machine(lab, file):
    r = lab.run(changelog_file=file)
    assert r.status == 2 and "search_path" in r.err


@pytest.mark.parametrize("body, line, words", [
    ("--changeset\nselect 1;", 2, "malformed changeset header"),
    ("--changeset b:1\nselect 1;\n--changeset b:1\nselect 2;", 4, "exists twice"),
    ("--changeset b:1\n\n--changeset b:2\nselect 1;", 2, "has no SQL"),
    ("--changeset b:1\nselect 1;\n--rolback x\n--ignore:1\n", 5, "ignoreLines"),
])
def test_malformed_changelog(lab, body, line, words):
    lab.write(body)
    r = lab.run()
    assert r.status == 2 and words in r.err and f"changelog.sql:{line}" in r.err, r
    assert not lab.exists("databasechangelog")


def test_edited_changeset(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lab.deploy()
    lab.write("--changeset b:1\ncreate table a (y int);\n--changeset b:2\ncreate table b (x int);\n")
    r = lab.run()
    assert r.status == 4 and "changelog.sql::1::b" in r.err and "validCheckSum" in r.err and "changelog.sql:2" in r.err, r
    assert not lab.exists("b"), "nothing runs when validation fails"


# ---- a changeset that fails -----------------------------------------------------------------------------------------

def test_first_changeset_fails(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n--comment c\ninsert into a values (1);\ninsert into ä\n  valuse (2);\n")
    r = lab.run()
    assert r.status == 20 and not lab.exists("a") and lab.ids() == [], r
    assert "changelog.sql:7" in r.err and "valuse (2)" in r.err and "statement 3 of 3" in r.err and "changelog.sql::1::b" in r.err, r
    assert lab.value("SELECT locked FROM databasechangeloglock") is False


def test_later_changeset_fails(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2\ncreate table c (x int); select 1/0;\n--changeset b:3\nselect 1;\n")
    r = lab.run()
    assert r.status == 21 and lab.ids() == ["1"] and not lab.exists("c"), r
    assert "division by zero" in r.err and "1 changeset of this run was applied" in r.err
    assert r.outputs["changesets_applied"] == 1 and r.outputs["changesets_pending"] == 2


def test_fault_inside_a_function_body_has_its_line(lab):
    lab.write("--changeset b:1\n\ncreate function f() returns int language plpgsql as $$\nbegin\n  retrun 1;\nend $$;\n")
    r = lab.run()
    assert r.status == 20 and re.search(r"changelog\.sql:6", r.err), r


def test_outside_of_a_transaction_goes_on_where_it_stopped(lab):
    lab.write("""--changeset b:1
create table a (x int, y int);
insert into a values (1, 1), (1, 2);
--changeset b:2 runInTransaction:false
create table marker (x int);
create unique index concurrently a_x on a (x);
create index concurrently a_y on a (y);
""")
    r = lab.run()
    assert r.status == 21 and "statement 2 of 3" in r.err and "goes on with statement 2" in r.err, r
    assert lab.exists("marker") and lab.ids() == ["1"]
    assert lab.sql("SELECT done, statements FROM databasechangelog_progress") == [(1, 3)]
    lab.sql("DELETE FROM a WHERE y = 2")
    lab.deploy()
    assert lab.ids() == ["1", "2"] and not lab.exists("databasechangelog_progress")
    assert lab.sql("SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'a'::regclass ORDER BY 1") == [
        ("a_x", True), ("a_y", True)]


def test_empty_notes_of_a_run_that_was_killed_are_removed(lab):
    """Killed between the last note and the table's removal: the next run ends as an undisturbed one, be there work for it or not."""
    body = "--changeset b:1 runInTransaction:false\ncreate table a (x int);\n"
    lab.write(body)
    lab.deploy()
    notes = ("CREATE TABLE databasechangelog_progress (id varchar(255), author varchar(255), filename varchar(255), md5sum varchar(35), done int, "
             "running int, statements int, started timestamptz, updated timestamptz, deployment_id varchar(10))")
    lab.sql(notes)
    assert lab.deploy().outputs["changesets_applied"] == 0 and not lab.exists("databasechangelog_progress")
    lab.sql(notes)
    lab.write(body + "--changeset b:2\nselect 1;\n")
    lab.deploy()
    assert not lab.exists("databasechangelog_progress")


# ---- the lock -------------------------------------------------------------------------------------------------------

def test_a_lock_of_another_tool_is_honoured(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lock_row(lab, FOREIGN)
    r = lab.run(lock_wait="300ms")
    assert r.status == 14 and FOREIGN in r.err and "UPDATE" in r.err and not lab.exists("a"), r
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(True, FOREIGN)]
    s = lab.run("schema-status")
    assert s.outputs["lock_state"] == "foreign" and "lock-held" in s.finding_codes()


def test_a_lock_that_is_released_is_taken(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lock_row(lab, FOREIGN)
    p = lab.start()
    wait_for(lambda: lab.server.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "the deploy to wait")
    assert not lab.exists("a")
    lab.sql("UPDATE databasechangeloglock SET locked = false, lockedby = NULL, lockgranted = NULL")
    assert p.wait(20) == 0 and lab.exists("a")


def test_a_stale_lock_of_ours_is_taken_over(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lock_row(lab, OURS)
    assert lab.run("schema-status").outputs["lock_state"] == "stale"
    r = lab.deploy(lock_wait="0")
    assert "taking it over" in r.err and lab.exists("a")
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(False, None)]


def test_nothing_to_do_ignores_and_keeps_a_foreign_lock(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lab.deploy()
    lock_row(lab, FOREIGN)
    assert lab.deploy(lock_wait="0").outputs["changesets_applied"] == 0
    assert lab.value("SELECT lockedby FROM databasechangeloglock") == FOREIGN


def test_two_deploys_at_once(lab):
    lab.write("".join(f"--changeset b:{i}\ncreate table t{i} (x int); select pg_sleep(0.02);\n" for i in range(10)))
    runs = [lab.start() for _ in range(3)]
    assert [p.wait(60) for p in runs] == [0, 0, 0]
    assert lab.ids() == [str(i) for i in range(10)]
    assert [o for (o,) in lab.sql("SELECT orderexecuted FROM databasechangelog ORDER BY 1")] == list(range(1, 11))


def test_a_second_deploy_gives_up(lab):
    lab.write("--changeset b:1\nselect pg_sleep(3);\n")
    p = lab.start()
    wait_for(lambda: active(lab, "%pg_sleep%"), "the first deploy to run")
    assert lab.run("schema-status").outputs["lock_state"] == "held"
    r = lab.run(lock_wait="200ms")
    assert r.status == 14 and "dbstep" in r.err and "session" in r.err, r
    assert p.wait(20) == 0


def test_a_killed_deploy_does_not_block_the_next(lab):
    """kill -9 while the server is busy: the server notices that the client is gone, rolls back and frees the lock."""
    lab.write("--changeset b:1\ncreate table a (x int); select pg_sleep(300);\n")
    p = lab.start()
    wait_for(lambda: active(lab, "%pg_sleep%"), "the deploy to sleep")
    p.kill()
    p.wait()
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    r = lab.deploy(lock_wait="30s")
    assert "taking it over" in r.err and lab.ids() == ["1"]


# ---- locks of tables ------------------------------------------------------------------------------------------------

def test_traffic_does_not_queue_behind_a_waiting_statement(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lab.deploy()
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2\nalter table a add y int;\n")
    blocker = lab.connect()
    blocker.autocommit = False
    blocker.cursor().execute("SELECT * FROM a")
    p = lab.start(lock_timeout="100ms", lock_retries=100)
    wait_for(lambda: active(lab, "alter table a%"), "the ALTER to wait")
    traffic = lab.connect()
    for _ in range(5):  # would wait for ever behind the ALTER without its lock_timeout
        traffic.cursor().execute("SET statement_timeout = '10s'; INSERT INTO a VALUES (1)")
    blocker.rollback()
    assert p.wait(60) == 0 and lab.ids() == ["1", "2"]
    assert lab.value("SELECT count(*) FROM a WHERE y IS NULL") == 5


def test_a_lock_that_never_comes(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lab.deploy()
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2\nalter table a add y int;\n")
    blocker = lab.connect()
    blocker.autocommit = False
    blocker.cursor().execute("SELECT * FROM a")
    r = lab.run(lock_timeout="50ms", lock_retries=2)
    assert r.status == 14 and "lock timeout" in r.err and "changelog.sql:5" in r.err and lab.ids() == ["1"], r
    assert lab.value("SELECT locked FROM databasechangeloglock") is False


def test_concurrent_index_waits_longer_than_lock_timeout(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n")
    lab.deploy()
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2 runInTransaction:false\ncreate index concurrently a_x on a (x);\n")
    blocker = lab.connect()
    blocker.autocommit = False
    blocker.cursor().execute("INSERT INTO a VALUES (1)")
    p = lab.start(lock_timeout="50ms", lock_retries=0)
    wait_for(lambda: active(lab, "create index%"), "the index")
    time.sleep(0.3)
    blocker.rollback()
    assert p.wait(20) == 0 and lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_x'::regclass")


def test_statement_timeout(lab):
    lab.write("--changeset b:1\ncreate table a (x int); select pg_sleep(60);\n")
    r = lab.run(statement_timeout="100ms")
    assert r.status == 13 and not lab.exists("a"), r


# ---- signals and connections ----------------------------------------------------------------------------------------

def test_sigterm_cancels_rolls_back_and_releases(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2\ncreate table c (x int); select pg_sleep(300);\n")
    p = lab.start()
    wait_for(lambda: active(lab, "%pg_sleep%"), "the deploy to sleep")
    p.send_signal(signal.SIGTERM)
    assert p.wait(20) == 40
    assert lab.ids() == ["1"] and not lab.exists("c") and not active(lab, "%pg_sleep%")
    assert lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]


def test_deadline(lab):
    lab.write("--changeset b:1\ncreate table c (x int); select pg_sleep(300);\n")
    r = lab.run(env={"DBSTEP_TIMEOUT": "1s"})
    assert r.status == 13 and not lab.exists("c") and not active(lab, "%pg_sleep%"), r


def terminate(lab):
    lab.server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'dbstep%%'", params=(lab.db,))


def test_connection_cut_during_a_changeset(lab):
    lab.write("--changeset b:1\ncreate table a (x int);\n--changeset b:2\ncreate table c (x int); select pg_sleep(300);\n")
    p = lab.start()
    wait_for(lambda: active(lab, "%pg_sleep%"), "the deploy to sleep")
    terminate(lab)
    out, err = p.communicate(timeout=40)
    assert p.returncode == 12 and "nothing of it was applied" in err and lab.ids() == ["1"] and not lab.exists("c"), err
    assert lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]


def test_connection_cut_at_random_statements(lab):
    lab.write("".join(f"--changeset b:{i}\ncreate table t{i} (x int); select pg_sleep(0.01);\n" for i in range(30)))
    rng = random.Random(7)
    for _ in range(12):
        p = lab.start()
        time.sleep(rng.uniform(0, 0.25))
        terminate(lab)
        out, err = p.communicate(timeout=40)
        assert p.returncode in (0, 12), err
        ids = lab.ids()
        assert ids == [str(i) for i in range(len(ids))]
        assert sum(lab.exists(f"t{i}") for i in range(30)) == len(ids), "a table without its row, or a row without its table"
    lab.deploy()
    assert lab.ids() == [str(i) for i in range(30)]


def test_commit_whose_answer_is_lost(lab):
    """A deferred trigger ends the session in the middle of COMMIT: rolled back, and known to be."""
    lab.sql("CREATE TABLE bomb (x int); CREATE FUNCTION blow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$; "
            "CREATE CONSTRAINT TRIGGER blow AFTER INSERT ON bomb DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION blow()")
    lab.write("--changeset b:1\ninsert into bomb values (1);\n")
    r = lab.run()
    assert r.status == 12 and "nothing of it was applied" in r.err and lab.ids() == [], r


# ---- kill -9 --------------------------------------------------------------------------------------------------------

def fifty():
    body = []
    for i in range(50):
        if i % 10 == 5:
            body.append(f"--changeset b:{i} runInTransaction:false\ncreate index concurrently i{i} on t{i - 1} (x);\n")
        elif i % 10 == 7:
            body.append(f"--changeset b:{i}\ninsert into t0 values ({i});\nalter table t{i - 1} add y{i} int default {i};\n")
        else:
            body.append(f"--changeset b:{i} labels:l{i}\n--comment number {i}\ncreate table t{i} (x int primary key, n text default 'a;b');\n"
                        f"insert into t{i} values (-1);\n")
    return "".join(body)


def picture(lab):
    """Schema, rows and history, without what differs between any two runs."""
    dump = subprocess.run(["pg_dump", "-d", lab.server.url(lab.db, tcp=True), "--exclude-table-data=databasechangelog*"], check=True,
                          capture_output=True, text=True).stdout
    dump = re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.M)
    rows = lab.sql("SELECT id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, liquibase, contexts, labels "
                   "FROM databasechangelog ORDER BY orderexecuted")
    return dump, rows, lab.sql("SELECT * FROM databasechangeloglock")


def test_kill_9_at_random_instants(lab):
    """A hundred kills, spread over deploys of 50 changesets; each time the next run converges to what an undisturbed run makes."""
    lab.write(fifty())
    started = time.monotonic()
    lab.deploy()
    whole = time.monotonic() - started
    expected = picture(lab)
    rng = random.Random(42)
    kills = hits = 0
    while kills < 100 or hits <= 50:
        lab.server.create_database(lab.db)
        for _ in range(rng.randint(1, 3)):
            p = lab.start(lock_wait="20s")
            try:
                p.wait(rng.uniform(0.001, whole * 0.7))
            except subprocess.TimeoutExpired:
                p.kill()
                hits += 1
            else:
                whole *= 0.95  # the first run was slower than these are: kill earlier
            p.wait()
            kills += 1
        r = lab.deploy(lock_wait="20s")
        assert picture(lab) == expected, r
        assert lab.deploy().outputs["changesets_applied"] == 0
        assert kills < 300, "the kills came too late to test anything"
