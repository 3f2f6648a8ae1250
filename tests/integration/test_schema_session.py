"""Changesets that do odd things to their session, their transaction, or to the history itself."""
import threading
import time

import pytest

from schema import lab  # noqa: F401  (fixture)

FIRST = "--changeset b:0\ncreate table t (n int);\n"


def blocked(lab, table):
    c = lab.connect()
    c.autocommit = False
    c.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    return c


# ---- twice ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("attributes, sql", [
    ("splitStatements:false", "begin; insert into t values (1); commit; alter table u add y int;"),
    ("splitStatements:false", "insert into t values (1); commit and chain; alter table u add y int;"),
    ("", "insert into t values (1); commit and chain; alter table u add y int;"),
    ("", "insert into t values (1);\n/* /* nested */ */ commit; alter table u add y int;"),
    ("endDelimiter:GO", "insert into t values (1); commit; alter table u add y int\nGO\n"),
    ("runInTransaction:false splitStatements:false", "begin; insert into t values (1); commit; alter table u add y int;"),
    ("runInTransaction:false", "begin; insert into t values (1); commit; begin; alter table u add y int; commit;"),
])
@pytest.mark.parametrize("split", ["postgres", "liquibase"])
def test_what_a_changeset_commits_itself_is_not_tried_again(lab, attributes, sql, split):
    lab.write(FIRST + "--changeset b:1\ncreate table u (n int);\n")
    lab.deploy()
    lab.write(FIRST + f"--changeset b:1\ncreate table u (n int);\n--changeset b:2 {attributes}\n{sql}\n")
    c = blocked(lab, "u")
    r = lab.run(lock_timeout="50ms", lock_retries=2, split=split)
    c.rollback()
    assert lab.value("SELECT count(*) FROM t") <= 1, r
    if "nested" in sql and split == "liquibase":  # its comments do not nest, so this is no SQL
        assert r.status == 20
        return
    assert r.status == (21 if lab.value("SELECT count(*) FROM t") else 14) and lab.ids() == ["0", "1"], r


def test_a_procedure_that_commits_is_not_tried_again(lab):
    lab.write(FIRST + "--changeset b:1\ncreate table u (n int);\ncreate procedure p() language plpgsql as $$ begin insert into t values (1); "
              "commit; alter table u add y int; end $$;\n")
    lab.deploy()
    lab.write((lab.folder / lab.file).read_text().split("\n", 1)[1] + "--changeset b:2 runInTransaction:false\ncall p();\n")
    c = blocked(lab, "u")
    r = lab.run(lock_timeout="50ms", lock_retries=3)
    c.rollback()
    assert r.status == 21 and lab.value("SELECT count(*) FROM t") == 1, r


def test_what_is_done_outside_of_a_transaction_may_not_be_edited(lab):
    body = FIRST + "--changeset b:1 runInTransaction:false\ninsert into t values ({});\ninsert into t values ({});\n"
    lab.write(body.format(1, "1/0"))
    r = lab.run()
    assert r.status == 21 and "statement 2 of 2" in r.err, r
    lab.write(body.format(3, 2))
    r = lab.run()
    assert r.status == 4 and "edited since" in r.err and "databasechangelog_progress" in r.err, r
    lab.write(body.format(1, 2))  # the statement that failed is mended
    lab.deploy()
    assert lab.sql("SELECT n FROM t ORDER BY n") == [(1,), (2,)] and not lab.exists("databasechangelog_progress")


def test_an_index_that_was_there_before_is_not_taken_for_ours(lab):
    """The second run must fail like the first: the index is another one."""
    lab.write(FIRST + "--changeset b:1\ncreate index i on t (n);\n--changeset b:2 runInTransaction:false\n"
              "create index concurrently i on t ((n + 1));\n")
    for _ in range(2):
        assert "already exists" in lab.run().err and lab.ids() == ["0", "1"]
    lab.write(FIRST + "--changeset b:1\ncreate index i on t (n);\n--changeset b:2 runInTransaction:false\ndrop index concurrently nix;\n")
    for _ in range(2):
        assert "does not exist" in lab.run().err and lab.ids() == ["0", "1"]


def test_invalid_index_in_another_schema_is_removed(lab):
    lab.sql("CREATE SCHEMA app; CREATE TABLE app.\"T x\" (n int); INSERT INTO app.\"T x\" VALUES (1), (1)")
    lab.write('--changeset b:1 runInTransaction:false\ncreate unique index concurrently "I x" on app."T x" (n);\n')
    assert lab.run().status in (20, 21)
    assert lab.value("SELECT indisvalid FROM pg_index WHERE indrelid = 'app.\"T x\"'::regclass") is False
    lab.sql('DELETE FROM app."T x"')
    lab.deploy()
    assert lab.sql("SELECT indisvalid FROM pg_index WHERE indrelid = 'app.\"T x\"'::regclass") == [(True,)]


def test_a_dump_that_reads_the_notes_is_not_waited_for(lab):
    lab.write(FIRST + "--changeset b:1 runInTransaction:false\ninsert into t values (1);\nselect 1/0;\n")
    lab.run()
    dump = lab.connect()
    dump.autocommit = False
    dump.cursor().execute("SELECT * FROM databasechangelog_progress")
    lab.write(FIRST + "--changeset b:1 runInTransaction:false\ninsert into t values (1);\nselect 1;\n")
    lab.deploy()
    dump.rollback()
    assert lab.ids() == ["0", "1"] and lab.value("SELECT count(*) FROM databasechangelog_progress") == 0


# ---- the lock is a fence --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change", [
    "UPDATE databasechangeloglock SET locked = false, lockedby = NULL",  # release-locks, or an old Liquibase with nothing to do
    "UPDATE databasechangeloglock SET lockedby = 'build-7 (10.0.0.9)'",
    "DELETE FROM databasechangeloglock",
])
@pytest.mark.parametrize("attributes", ["", "runInTransaction:false"])
def test_a_lock_that_is_taken_away_stops_the_run(lab, change, attributes):
    lab.write(FIRST + f"--changeset b:1 {attributes}\nselect pg_sleep(0.7);\ninsert into t values (1);\n")
    p = lab.start()
    end = time.monotonic() + 20
    while not lab.server.value("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%pg_sleep%%' AND state = 'active' "
                               "AND pid <> pg_backend_pid()", params=(lab.db,)) and time.monotonic() < end:
        time.sleep(0.01)
    lab.sql(change)
    out, err = p.communicate(timeout=30)
    assert p.returncode in (14, 21) and "taken away" in err and lab.ids() == ["0"], err
    assert lab.value("SELECT count(*) FROM t") == 0
    if "build-7" in change:
        assert lab.value("SELECT lockedby FROM databasechangeloglock") == "build-7 (10.0.0.9)", "somebody else's lock stays"
        lab.sql("UPDATE databasechangeloglock SET locked = false")
    lab.deploy()
    assert lab.value("SELECT count(*) FROM t") == 1


@pytest.mark.parametrize("sql", ["select pg_advisory_unlock_all();", "select pg_advisory_unlock_all(); select pg_sleep(1);"])
def test_session_locks_that_a_changeset_frees_are_taken_again(lab, sql):
    lab.write(FIRST + f"--changeset b:1\n{sql}\n--changeset b:2\ninsert into t values (1); select pg_sleep(0.5);\n")
    first = lab.start()
    time.sleep(0.2)
    second = lab.start()
    codes = {p.wait(60) for p in (first, second)}
    assert 0 in codes and codes <= {0, 14, 21}
    lab.deploy()
    assert lab.value("SELECT count(*) FROM t") == 1 and lab.ids() == ["0", "1", "2"]


@pytest.mark.parametrize("sql", ["select pg_advisory_unlock_all();", "discard all;"])
def test_session_locks_are_taken_again_at_once(lab, sql):
    """Not only at the end of a long changeset: without them a run that lives looks dead, and its row is taken over."""
    lab.write(FIRST + f"--changeset b:1 runInTransaction:false\n{sql}\n"
              "create table seen as select count(*) n, current_setting('client_connection_check_interval') i from pg_locks "
              "where locktype = 'advisory' and pid = pg_backend_pid();\n")
    lab.deploy()
    n, interval = lab.sql("SELECT n, i FROM seen")[0]
    assert n == 1 and interval == "500ms"


def test_discard_all(lab):
    lab.write(FIRST + "--changeset b:1 runInTransaction:false\ndiscard all;\n--changeset b:2\ninsert into t values (1);\n")
    lab.deploy()
    assert lab.ids() == ["0", "1", "2"] and lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]


# ---- what a changeset leaves behind ---------------------------------------------------------------------------------

def test_settings_that_would_change_the_next_changeset(lab):
    lab.sql("CREATE SCHEMA other")
    lab.write("--changeset b:1\nset search_path = other; set statement_timeout = 1; set lock_timeout = 1; set client_encoding = 'LATIN1'; "
              "set default_transaction_read_only = off;\n"
              "--changeset b:zwei-ä\n--comment größer\ncreate table here (t text default 'ü'); select pg_sleep(0.05); insert into here values (default);\n")
    lab.deploy()
    assert lab.exists("public.here") and lab.value("SELECT t FROM here") == "ü" and lab.ids() == ["1", "zwei-ä"]
    assert lab.value("SELECT comments FROM databasechangelog WHERE orderexecuted = 2") == "größer"


def test_client_encoding_within_a_changeset(lab):
    lab.write("--changeset b:ä\n--comment größer\nset client_encoding = 'LATIN1';\n")
    lab.deploy()
    assert lab.ids() == ["ä"] and lab.deploy().outputs["changesets_applied"] == 0


def test_pg_dump_preamble(lab):
    lab.write("--changeset b:1\nSET statement_timeout = 0; SET lock_timeout = 0; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on;\n"
              "SELECT pg_catalog.set_config('search_path', '', false); SET row_security = off; CREATE TABLE public.a (n int);\n"
              "--changeset b:2\ncreate table b (n int);\n")
    lab.deploy()
    assert lab.exists("public.a") and lab.exists("public.b")


def test_role_stays_as_under_liquibase_and_the_lock_goes(lab):
    lab.sql("DROP ROLE IF EXISTS owner_x; CREATE ROLE owner_x; GRANT ALL ON SCHEMA public TO owner_x")
    lab.write("--changeset b:1\ngrant select, insert, update on databasechangelog to owner_x; grant select, update on databasechangeloglock to owner_x; "
              "set role owner_x;\n--changeset b:2\ncreate table owned (n int);\n")
    lab.deploy()
    assert lab.value("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'owned'") == "owner_x"
    assert lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]
    lab.write("--changeset b:1\ngrant select, insert, update on databasechangelog to owner_x; grant select, update on databasechangeloglock to owner_x; "
              "set role owner_x;\n--changeset b:2\ncreate table owned (n int);\n"
              "--changeset b:3\nrevoke all on databasechangelog, databasechangeloglock from owner_x; set role owner_x;\n")
    r = lab.run()
    assert r.status == 11 and "databasechangelog" in r.err and "changelog.sql::3::b" in r.err, r
    assert lab.sql("SELECT locked FROM databasechangeloglock") == [(False,)]
    lab.sql("DROP OWNED BY owner_x; DROP ROLE owner_x")


@pytest.mark.parametrize("attributes", ["", " endDelimiter:;;"])
def test_a_role_for_one_changeset_needs_no_right_to_the_history(lab, attributes):
    """SET LOCAL ROLE ends before Liquibase writes its row. The session's own role, set by an earlier changeset, comes back."""
    end = ";;" if attributes else ";"
    lab.sql("DROP ROLE IF EXISTS maker_x, runner_x; CREATE ROLE maker_x; CREATE ROLE runner_x; GRANT ALL ON SCHEMA public TO maker_x, runner_x")
    local = f"--changeset b:1{attributes}\nset local role maker_x{end}\ncreate table made (n int){end}\n--rollback set local role maker_x;\n--rollback drop table made;\n"
    lab.write("--changeset b:0\nselect 1;\n" + local)
    lab.deploy()
    assert lab.value("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'made'") == "maker_x"
    assert lab.run("schema-rollback", count=1).status == 0 and not lab.exists("made") and lab.ids() == ["0"]
    lab.write("--changeset b:0\nselect 1;\n--changeset b:role\ngrant select, insert, update on databasechangelog to runner_x; grant select, update on "
              "databasechangeloglock to runner_x; grant maker_x to runner_x; set role runner_x;\n" + local + "--changeset b:2\ncreate table ran ();\n")
    lab.deploy()
    assert lab.sql("SELECT relowner::regrole::text FROM pg_class WHERE relname IN ('made', 'ran') ORDER BY relname") == [("maker_x",), ("runner_x",)]
    lab.sql("DROP OWNED BY maker_x, runner_x; DROP ROLE maker_x, runner_x")


def test_history_dropped_by_a_changeset(lab):
    lab.write(FIRST + "--changeset b:1\ndrop table databasechangelog;\n")
    r = lab.run()
    assert r.status == 21 and "databasechangelog" in r.err and "changelog.sql::1::b" in r.err and lab.ids() == ["0"], r
    lab.write(FIRST + "--changeset b:1\ndrop table databasechangeloglock;\n")
    r = lab.run()
    assert r.status == 20 and "databasechangeloglock" in r.err and lab.ids() == ["0"], r


def test_a_changeset_that_removes_rows_of_earlier_ones(lab):
    """Done and committed, but the next deploy would run them again: that is no pass."""
    lab.write(FIRST)
    lab.deploy()
    lab.write(FIRST + "--changeset b:1\ndelete from databasechangelog where id = '0';\n")
    r = lab.run()
    assert r.status == 23 and "changelog.sql::0::b" in r.err and "run again" in r.err, r


def test_a_changeset_that_tidies_rows_of_changesets_that_are_no_more(lab):
    lab.write(FIRST + "--changeset b:old\nselect 1;\n")
    lab.deploy()
    lab.write(FIRST + "--changeset b:1\ndelete from databasechangelog where id = 'old';\n")
    lab.deploy()
    assert lab.ids() == ["0", "1"]


def test_harmless_oddities(lab):
    lab.write("--changeset b:1\nlisten x; notify x; create temp table databasechangelog (n int); create temp table tt (n int);\n"
              "--changeset b:2\ninsert into tt values (1);\n--changeset b:3\nselect 1;;;\n--changeset b:4\n-- nothing\n"
              "--changeset b:5\nprepare q as select 1; execute q; deallocate q;\n--changeset b:6\nsavepoint a; rollback to a; release savepoint a;\n"
              "--changeset b:7\ndo $$ begin raise warning 'careful %', 1; end $$;\n")
    r = lab.deploy()
    assert lab.value("SELECT count(*) FROM public.databasechangelog") == 7 and "careful 1" in r.err


# ---- statements that need another kind of changeset: the hint says which -----------------------------------------------

@pytest.mark.parametrize("sql, hint", [
    ("do $$ begin commit; end $$;", "runInTransaction:false"),
    ("copy t from stdin;\n1\n2\n\\.", "INSERT"),
    ("\\d t", "psql"),
    ("create type e as enum ('a'); alter type e add value 'b'; create table u (x e default 'b');", "later changeset"),
    ("create function f() returns int language sql as $$\n--changeset b:3\nselect 1 $$;", "begins with --changeset"),
])
def test_hints(lab, sql, hint):
    lab.write(FIRST + f"--changeset b:1\n{sql}\n")
    r = lab.run()
    if "enum" in sql and r.status == 0:  # allowed for a type made in the same transaction
        return
    assert r.status == 21 and hint in r.err and "changelog.sql::1::b" in r.err and lab.ids() == ["0"], r


@pytest.mark.parametrize("sql", ["vacuum t;", "alter system reset work_mem;", "do $$ begin insert into t values (1); commit; end $$;",
                                 "create database {db}_made;", "reindex table concurrently t;", "alter type e add value 'b';"])
@pytest.mark.parametrize("says_so", [True, False])
def test_statements_outside_of_a_transaction(lab, sql, says_so):
    """Those that cannot stand in a transaction are recognised; what a DO block or a procedure does cannot be seen from outside."""
    if sql.startswith("do ") and not says_so:
        return
    attribute = " runInTransaction:false" if says_so else ""
    lab.write(FIRST + f"--changeset b:1\ncreate type e as enum ('a');\n--changeset b:2{attribute}\n" + sql.format(db=lab.db) + "\nselect 1;\n")
    lab.deploy()
    assert lab.ids() == ["0", "1", "2"] and not lab.exists("databasechangelog_progress")
    lab.server.sql(f"DROP DATABASE IF EXISTS {lab.db}_made")


def test_several_statements_as_one_text_outside_of_a_transaction(lab):
    lab.write(FIRST + "--changeset b:1 runInTransaction:false splitStatements:false\nselect 1; create index concurrently i on t (n);\n")
    r = lab.run()
    assert "changeset of its own" in r.err, r


def test_copy_to_stdout_ends(lab):
    lab.write(FIRST + "--changeset b:1\ninsert into t select generate_series(1, 200000); copy t to stdout; insert into t values (0);\n")
    lab.deploy()
    assert lab.value("SELECT count(*) FROM t") == 200001


# ---- preconditions ---------------------------------------------------------------------------------------------------

def test_a_precondition_that_waits_for_a_lock_is_no_answer(lab):
    """MARK_RAN because somebody held a lock would record what never ran."""
    lab.write(FIRST)
    lab.deploy()
    lab.write(FIRST + "--changeset b:1\n--preconditions onError:MARK_RAN onFail:MARK_RAN\n--precondition-sql-check expectedResult:0 select count(*) from t\n"
              "insert into t values (1);\n")
    c = blocked(lab, "t")
    r = lab.run(lock_timeout="50ms", lock_retries=1)
    assert r.status == 14 and lab.ids() == ["0"], r
    r = lab.run(statement_timeout="100ms", lock_timeout="0")
    assert r.status == 13 and lab.ids() == ["0"], r
    timer = threading.Timer(1.0, c.rollback)
    timer.start()
    lab.deploy(lock_timeout="50ms", lock_retries=100)
    timer.join()
    assert lab.ran() == [("0", "EXECUTED"), ("1", "EXECUTED")]


# ---- traffic ---------------------------------------------------------------------------------------------------------

def test_readers_wait_no_longer_than_lock_timeout(lab):
    """A stream of readers while the deploy tries for its lock: none of them waits longer than lock_timeout and a margin."""
    lab.write(FIRST)
    lab.deploy()
    lab.write(FIRST + "--changeset b:1\nalter table t add y int;\n")
    blocker = lab.connect()
    blocker.autocommit = False
    blocker.cursor().execute("SELECT * FROM t")
    waits, stop = [], threading.Event()

    def read():
        c = lab.connect()
        c.cursor().execute("SET lock_timeout = '5s'")
        while not stop.is_set():
            start = time.monotonic()
            c.cursor().execute("SELECT count(*) FROM t")
            waits.append(time.monotonic() - start)
        c.close()

    readers = [threading.Thread(target=read) for _ in range(4)]
    for r in readers:
        r.start()
    p = lab.start(lock_timeout="200ms", lock_retries=20)
    time.sleep(2.5)
    blocker.rollback()
    assert p.wait(60) == 0
    stop.set()
    for r in readers:
        r.join()
    assert lab.ids() == ["0", "1"] and max(waits) < 2, max(waits)


# ---- transaction ids -------------------------------------------------------------------------------------------------

def test_transaction_ids_of_a_run_that_failed(lab):
    lab.write(FIRST + "--changeset b:1\ninsert into t values (1);\n--changeset b:2\nselect 1/0;\n")
    r = lab.run()
    assert r.status == 21 and lab.value("SELECT xmin::text FROM t") in r.outputs["transaction_ids"], r


# ---- what a changeset sets for itself ----------------------------------------------------------------------------------

OWN_PATH = """--changeset b:1 runInTransaction:false
set search_path to app;
set statement_timeout = '7s';
create table u (x int, y int);
create unique index concurrently u_x on u (x);
create table seen as select current_setting('statement_timeout') t, current_setting('lock_timeout') l;
"""


def test_settings_hold_for_the_rest_of_a_changeset_outside_of_a_transaction(lab):
    lab.sql("CREATE SCHEMA app")
    lab.write(OWN_PATH)
    lab.deploy(lock_timeout="4s")
    assert lab.exists("app.u") and lab.exists("app.u_x") and not lab.exists("public.u")
    assert lab.sql("SELECT * FROM app.seen") == [("7s", "4s")] and lab.ids() == ["1"]


def test_settings_are_made_again_when_a_changeset_is_gone_on_with(lab):
    """Otherwise the second half would land in another schema than the first."""
    lab.sql("CREATE SCHEMA app")
    body = OWN_PATH.replace("create unique", "insert into u values (1, 1), (1, 2);\ncreate unique").replace(
        "set statement", "select pg_catalog.set_config('statement_timeout', '9s', false);\nset statement")
    lab.write(body + "create table v (x int);\n")
    r = lab.run()
    assert r.status == 21 and lab.ids() == [], r
    lab.sql("DELETE FROM app.u WHERE y = 2")
    lab.deploy()
    assert lab.exists("app.v") and lab.exists("app.u_x") and lab.value("SELECT t FROM app.seen") == "7s"


def test_a_text_of_several_statements_is_not_run_again_for_its_settings(lab):
    lab.write(FIRST + "--changeset b:1 runInTransaction:false endDelimiter:GO\nset work_mem = '2MB'; insert into t values (5);\nGO\n"
              "insert into missing values (1);\nGO\n")
    r = lab.run()
    assert r.status == 21 and lab.ids() == ["0"], r
    lab.sql("CREATE TABLE missing (x int)")
    lab.deploy()
    assert lab.ids() == ["0", "1"] and lab.sql("SELECT n FROM t") == [(5,)]


@pytest.mark.parametrize("action", ["mark-next-changeset-ran", "changelog-sync", "update"])
def test_notes_end_with_a_changeset_that_was_brought_to_its_end_otherwise(lab, action):
    """They would stand in the way of its rollback."""
    body = FIRST + ("--changeset b:1 runInTransaction:false\ncreate table u (x int);\ninsert into missing values (1);\n"
                    "--rollback create index concurrently u_x on u (x);\n--rollback drop table u;\n")
    lab.write(body)
    r = lab.run()
    assert r.status == 21 and lab.value("SELECT done FROM databasechangelog_progress") == 1, r
    if action == "update":
        body = body.replace(" runInTransaction:false", "").replace("create table u (x int);\ninsert into missing values (1)", "select 1")
        lab.write(body + "--changeset b:2\nselect 1;\n--rollback empty\n")
    lab.deploy(action=action)
    assert not lab.exists("databasechangelog_progress")
    assert lab.run("schema-rollback", count=1 + (action == "update")).status == 0 and not lab.exists("u") and lab.ids() == ["0"]


@pytest.mark.parametrize("attributes", ["", " splitStatements:true endDelimiter:;;"])
def test_set_transaction(lab, attributes):
    """It must come before any query of its transaction, and so before ours."""
    end = ";;" if attributes else ";"
    body = (f"--changeset b:1{attributes}\nset transaction isolation level serializable{end}\nset transaction not deferrable{end}\n"
            f"create table made as select current_setting('transaction_isolation') i, current_schema() s{end}\n")
    lab.write(body)
    lab.deploy()
    assert lab.sql("SELECT * FROM made") == [("serializable", "public")]
    lab.write(body + "--changeset b:2\nset transaction isolation level serializable;\n--changeset b:3\ncreate table other (x int);\n"
              "--changeset b:4\nset transaction isolation level repeatable read;\ncreate table last (x int);\n")
    lab.deploy()
    assert lab.ids() == ["1", "2", "3", "4"]


@pytest.mark.parametrize("alone", [True, False])
def test_a_commit_that_fails_names_its_changeset(lab, alone):
    first = "--changeset b:1\ncreate table p (i int primary key);\ncreate table c (i int references p deferrable initially deferred);\n"
    lab.write(first)
    if alone:
        lab.deploy()
    lab.write(first + "--changeset b:2\ninsert into c values (9);\n--changeset b:3\ncreate table z (i int);\n")
    r = lab.run()
    assert r.status == (20 if alone else 21) and "changelog.sql::2::b failed at its COMMIT" in r.err and "(i)=(9)" in r.err, r
    assert lab.ids() == ["1"] and not lab.exists("z") and lab.value("SELECT count(*) FROM c") == 0
