"""Stage data-test: what the author of SQL assertions gets."""
import signal
import xml.etree.ElementTree as ET

from conftest import wait_until


def write(folder, **files):
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".sql")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_holding_assertions_pass(dbstep, server, database, tmp_path):
    server.sql("CREATE TABLE t AS SELECT i FROM generate_series(1, 10) i", database)
    tests = write(tmp_path / "t", a="-- name: no negatives\nSELECT * FROM t WHERE i < 0;\n", sub__b="SELECT 1 WHERE false")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 0, run
    assert run.outputs["verdict"] == "pass" and run.outputs["tests_total"] == "2" and run.outputs["tests_passed"] == "2"
    suites = ET.parse(f"{run.folder}/junit.xml").getroot()
    names = {c.get("name"): c for c in suites.iter("testcase")}
    assert set(names) == {"no negatives", "b"} and not list(suites.iter("failure"))


def test_violation_fails_and_shows_rows(dbstep, server, database, tmp_path):
    server.sql("CREATE TABLE t AS SELECT i, 'name ' || i AS label FROM generate_series(1, 1000) i", database)
    tests = write(tmp_path / "t", a="-- name: all small\n-- description: nothing above ten\nSELECT i, label FROM t WHERE i > 10 ORDER BY i")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, sample_rows=2)
    assert run.status == 3, run
    assert run.outputs["verdict"] == "fail" and run.outputs["tests_failed"] == "1"
    (finding,) = run.result["findings"]
    assert finding["code"] == "data-test-violated" and finding["file"].endswith("a.sql")
    assert "990 rows" in finding["message"] and "i = 11, label = name 11" in finding["message"] and "i = 13" not in finding["message"]
    failure = next(ET.parse(f"{run.folder}/junit.xml").getroot().iter("failure"))
    assert "990 rows" in (failure.text or "") + (failure.get("message") or "")


def test_no_data_is_shown_when_not_wanted(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="SELECT 'Jane Roe' AS patient")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, sample_rows=0)
    assert run.status == 3
    everything = run.out + run.err + "".join(p.read_text() for p in (tmp_path / "out1").rglob("*") if p.is_file())
    assert "Jane Roe" not in everything


def test_warning_does_not_fail_unless_asked(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="-- severity: warning\nSELECT 1")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 0 and run.outputs["tests_warned"] == "1", run
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, fail_on="warning")
    assert run.status == 3, run


def test_never_failing_is_not_passing(dbstep, server, database, tmp_path):
    run = dbstep("data-test", db_url=server.url(database), test_dir=write(tmp_path / "t", a="SELECT 1"), fail_on="never")
    assert run.status == 0 and run.outputs["verdict"] == "fail", run


def test_broken_query_is_a_failure_with_its_line(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="-- name: typo\nSELECT\n  nope\nFROM pg_class", b="SELECT 1 WHERE false")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 3, run
    (finding,) = run.result["findings"]
    assert finding["code"] == "data-test-broken" and finding["line"] == 3 and "nope" in finding["message"]
    assert run.outputs["tests_passed"] == "1"  # the others still ran, on the same snapshot


def test_statement_without_rows_proves_nothing(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="SET work_mem = '1MB'", b="-- only a comment\n")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 3 and run.outputs["tests_failed"] == "2", run


def test_a_copy_is_no_assertion_and_ends(dbstep, server, database, tmp_path):
    copies = {"a": "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT", "b": "SELECT 1 WHERE false"}
    run = dbstep("data-test", db_url=server.url(database), test_dir=write(tmp_path / "t", **copies), connections=1, timeout=60)
    assert run.status == 3 and run.outputs["tests_passed"] == "1" and run.outputs["tests_failed"] == "1", run
    assert "COPY" in run.result["findings"][0]["message"]


def test_tests_cannot_write(dbstep, server, database, tmp_path):
    server.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1)", database)
    tests = write(tmp_path / "t", a="DELETE FROM t RETURNING i", b="WITH d AS (DELETE FROM t RETURNING i) SELECT * FROM d")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 3 and run.outputs["tests_failed"] == "2", run
    assert server.value("SELECT count(*) FROM t", database) == 1


def test_ending_the_transaction_is_refused(dbstep, server, database, tmp_path):
    server.sql("CREATE TABLE t (i int); INSERT INTO t VALUES (1)", database)
    tests = write(tmp_path / "t", a="ROLLBACK", b="DELETE FROM t RETURNING i")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, connections=1)
    assert run.status not in (0, 1, 3), run
    assert server.value("SELECT count(*) FROM t", database) == 1


def test_slow_test_runs_into_its_time_out(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="SELECT pg_sleep(60)", b="SELECT 1 WHERE false")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, statement_timeout="300ms")
    assert run.status == 3 and run.outputs["tests_passed"] == "1", run
    assert "statement timeout" in run.result["findings"][0]["message"]


def test_all_tests_see_one_snapshot(dbstep_start, server, database, tmp_path):
    server.sql("CREATE TABLE t (i int)", database)
    # The second test starts after a row was committed; it must not see it.
    tests = write(tmp_path / "t", a="SELECT 1 WHERE pg_sleep(2) IS NULL", b="SELECT i FROM t")
    p = dbstep_start("data-test", db_url=server.url(database), test_dir=tests, connections=1)
    wait_until(lambda: server.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT 1 WHERE pg_sleep(2)%' AND state = 'active' AND pid <> pg_backend_pid()"))
    server.sql("INSERT INTO t VALUES (1)", database)
    p.communicate(timeout=60)
    assert p.returncode == 0


def test_signal_cancels_the_query(dbstep_start, server, database, tmp_path):
    tests = write(tmp_path / "t", a="SELECT pg_sleep(3600) /* signal */")
    p = dbstep_start("data-test", db_url=server.url(database), test_dir=tests)
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* signal */%' AND state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: server.value(busy))
    p.send_signal(signal.SIGTERM)
    _, err = p.communicate(timeout=30)
    assert p.returncode == 40, err
    wait_until(lambda: not server.value(busy), what="the end of the query on the server")


def test_missing_empty_and_malformed_folders(dbstep, server, database, tmp_path):
    run = dbstep("data-test", db_url=server.url(database), test_dir=tmp_path / "nope")
    assert run.status == 2 and "does not exist" in run.err, run
    (tmp_path / "empty").mkdir()
    run = dbstep("data-test", db_url=server.url(database), test_dir=tmp_path / "empty")
    assert run.status == 2 and "no data test" in run.err, run
    tests = write(tmp_path / "bad", a="-- name: x\n-- severity: fatal\nSELECT 1")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests)
    assert run.status == 2 and "a.sql" in run.err and "fatal" in run.err, run


def test_many_violations_need_no_memory(dbstep, server, database, tmp_path):
    tests = write(tmp_path / "t", a="SELECT repeat('x', 1000), i FROM generate_series(1, 200000) i")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tests, sample_rows=1)
    assert run.status == 3 and "200,000 rows" in run.result["findings"][0]["message"], run
