"""What people get to see of a comparison, and what it owes to those who use the servers meanwhile: strips, before and after, progress, throttle."""
import json
import os
import pty
import re
import select
import subprocess
import threading
import time
import xml.etree.ElementTree as xml

import psycopg2
import pytest
from conftest import BINARY, environment, wait_until
from psycopg2.extras import PhysicalReplicationConnection
from test_integrity_differences import lines, named

TABLES = """
CREATE TABLE stock (id int PRIMARY KEY, sku text, price numeric(10,2), note text);
INSERT INTO stock SELECT i, 'sku ' || i, i / 100.0, 'n' FROM generate_series(1, 64000) i;
CREATE TABLE codes (code text PRIMARY KEY, n int);
INSERT INTO codes SELECT 'c' || i, i FROM generate_series(1, 5000) i;
CREATE TABLE bag (n int);
INSERT INTO bag SELECT i FROM generate_series(1, 100) i;
CREATE TABLE calm (id int PRIMARY KEY);
INSERT INTO calm SELECT generate_series(1, 500);
CREATE TABLE blank (id int PRIMARY KEY);
CREATE TABLE "we<ird> & ""q"" | `t` **b** ~~s~~ <script>" (id int PRIMARY KEY, "a|b" text);
INSERT INTO "we<ird> & ""q"" | `t` **b** ~~s~~ <script>" VALUES (1, 'x');
CREATE TABLE moved (id int PRIMARY KEY);
INSERT INTO moved SELECT 2 * i FROM generate_series(1, 32000) i;
CREATE TABLE closed (id int PRIMARY KEY, secret text);
ANALYZE;
"""
CHANGES = """
DELETE FROM stock WHERE id BETWEEN 1 AND 3000;
UPDATE stock SET price = price + 1, note = NULL WHERE id BETWEEN 30000 AND 30010;
INSERT INTO stock SELECT i, 'new', 0, '' FROM generate_series(70000, 70500) i;
UPDATE codes SET n = -n WHERE code = 'c77';
UPDATE moved SET id = 32001 WHERE id = 32000; INSERT INTO moved VALUES (-7);
DELETE FROM bag WHERE n = 5;
INSERT INTO blank VALUES (1), (2);
UPDATE "we<ird> & ""q"" | `t` **b** ~~s~~ <script>" SET "a|b" = 'y';
"""


@pytest.fixture(scope="module")
def sides(server):
    a, b = server.create_database("people_a"), "people_b"
    server.sql(TABLES, a)
    server.create_database(b, template=a)
    server.sql(CHANGES, b)
    server.sql("DROP ROLE IF EXISTS viewer; CREATE ROLE viewer LOGIN")
    for d in (a, b):
        server.sql('GRANT SELECT ON stock, codes, bag, calm, blank TO viewer', d)
    return a, b


def table(run, title):
    return next((t for t in run.result["tables"] if t["title"].startswith(title)), None)


def strips(run):
    t = table(run, "Key ranges")
    return {r[0]: dict(zip(t["headers"], r)) for r in t["rows"]}


def test_strips_show_where_tables_differ(dbstep, server, sides):
    a, b = sides
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), max_rows=5)
    shown = strips(run)
    assert {len(s["ranges"]) for s in shown.values()} == {64}
    # about 1000 rows a cell: gone at the start, changed in the middle, new at the end
    stock, pattern = shown["public.stock"]["ranges"], r"-{2,4}={20,30}~{1,2}={20,40}\+"
    assert re.fullmatch(pattern, stock) and re.fullmatch("id 1 to (64000, and above|70500)", shown["public.stock"]["order"]), shown
    assert shown["public.codes"]["ranges"].count("=") > 50 and "~" in shown["public.codes"]["ranges"] and "bucket" in shown["public.codes"]["order"]
    # a row under another key, and one in front of all
    assert re.fullmatch(r"\+={20,40}\*{1,2}={20,40}", shown["public.moved"]["ranges"]), shown
    assert "-" in shown["public.bag"]["ranges"] and "row's hash" in shown["public.bag"]["order"]
    assert set(shown["public.blank"]["ranges"]) == {"+"} and set(shown["public.calm"]["ranges"]) == {"="}
    assert list(shown)[-1] in ("public.calm", "public.closed"), "those that are equal come last"
    assert stock in run.err and "~ changed" in run.err, "the log shows it too"
    page = open(os.path.join(run.folder, "summary.md")).read()
    assert f"| `{stock}` |" in page and "\n![Picture: integrity.svg](integrity.svg)\n" in page
    assert os.path.join(run.folder, "integrity.svg") in run.result["files"]
    picture = open(os.path.join(run.folder, "integrity.svg")).read()
    root = xml.fromstring(picture)
    names = [e.tag.split("}")[1] for e in root.iter()]
    assert "script" not in names and names.count("g") == len(shown) and names[1:3] == ["title", "desc"]
    assert 'we<ird> & "q"' in "".join(root.itertext()) and "<script>" not in picture and "href" not in picture
    # a role that may not read a table: its strip says so
    run = dbstep("integrity-diff", db_url=server.url(b, user="viewer"), source_db_url=server.url(a), tables=["closed", "calm"])
    assert set(strips(run)["public.closed"]["ranges"]) == {"?"} and set(strips(run)["public.calm"]["ranges"]) == {"="}, run
    # the certificate's chunks show the same
    certificate = os.path.join(run.folder, "c.json")
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=certificate).status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=certificate)
    assert re.fullmatch(pattern, strips(run)["public.stock"]["ranges"]) and strips(run)["public.stock"]["order"] == "id 1 to 64000, and above", run
    assert strips(run)["public.moved"]["order"] == "id 2 to 64000, and below" and strips(run)["public.moved"]["ranges"][0] == "+"


VALUES = """
CREATE TABLE v (id int PRIMARY KEY, a text, b text, c text, d int);
INSERT INTO v VALUES (1, 'plain', 'same', NULL, 1), (2, E'tab\\there', 'same', '', 1), (3, repeat('ä', 200) || 'old' || repeat('z', 500), 'same', 'NULL', 1),
                     (4, 'x', 'same', E'\\u202Eabc', 1), (5, '**bold** | `code` ~~s~~', 'same', 'c', 1), (6, E'nul\\u00a0break', 'b', 'c', 1);
CREATE TABLE wide (id int PRIMARY KEY, %s);
INSERT INTO wide (id) VALUES (1)""" % ", ".join(f"c{i} int" for i in range(60))


def test_rows_before_and_after(dbstep, server):
    a, b = server.create_database("people_va"), "people_vb"
    server.sql(VALUES, a)
    server.create_database(b, template=a)
    server.sql("UPDATE v SET a = 'plain ' WHERE id = 1; UPDATE v SET a = 'tab here', c = NULL WHERE id = 2; UPDATE v SET a = replace(a, 'old', 'new'), c = NULL "
               "WHERE id = 3; UPDATE v SET c = 'abc' WHERE id = 4; UPDATE v SET a = E'<script>@x\\n' WHERE id = 5; UPDATE v SET a = 'nul break' WHERE id = 6; "
               "DELETE FROM wide; INSERT INTO v VALUES (9, 'n', 'n', NULL, 0)", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), show_values=True)
    rows = {r["key"]: (r["before"], r["after"]) for r in named(run) if r["table"] == "public.v"}
    assert rows == {
        "1": ("a=plain", 'a="plain "'), "2": ('a="tab\\there", c=""', "a=tab here, c=NULL"),
        "3": ("a=…" + "ä" * 10 + "old" + "z" * 57 + '…, c="NULL"', "a=…" + "ä" * 10 + "new" + "z" * 57 + "…, c=NULL"), "4": ('c="\\u202eabc"', "c=abc"),
        "5": ("a=**bold** | `code` ~~s~~", 'a="<script>@x\\n"'), "6": ('a="nul\\u00a0break"', "a=nul break"), "9": ("", "a=n, b=n, c=NULL, d=0")}, run
    gone = next(r for r in named(run) if r["table"] == "public.wide")
    assert gone["before"].endswith("c19=NULL, … and 40 more columns") and gone["after"] == ""
    page = open(os.path.join(run.folder, "summary.md")).read()
    assert '| 1 | a | ~~a=plain~~ | **a="plain "** |' in page
    assert r'~~a=\*\*bold\*\* \| \`code\` \~\~s\~\~~~ | **a="&lt;script&gt;&#64;x\\n"** |' in page
    assert "- a=plain" in run.err and '+ a="plain "' in run.err
    hidden = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    rows = {r["key"]: (r["before"], r["after"]) for r in named(hidden) if r["table"] == "public.v"}
    assert rows["2"] == ("a=•••, c=•••", "a=•••, c=•••") and rows["9"] == ("", ""), hidden
    everything = hidden.err + "".join(open(os.path.join(hidden.folder, f)).read() for f in os.listdir(hidden.folder))
    assert "bold" not in everything and "tab" + chr(92) not in everything and "| ~~a=•••~~ | **a=•••** |" in everything


def line_with(stream, text):
    return next((line for line in iter(stream.readline, "") if text in line), "")


class Sleepers:
    """Sessions that are active until they are told to stop."""

    def __init__(self, server, n):
        self.connections = [server.connect() for _ in range(n)]
        self.threads = [threading.Thread(target=self.sleep, args=(c,)) for c in self.connections]
        for t in self.threads:
            t.start()
        wait_until(lambda: server.value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> "
                                        "pg_backend_pid()") == n, what="sessions that sleep")

    @staticmethod
    def sleep(connection):
        try:
            connection.cursor().execute("SELECT pg_sleep(60)")
        except Exception:
            pass

    def stop(self):
        for c in self.connections:
            if not c.closed:
                c.cancel()
        for t in self.threads:
            t.join()
        for c in self.connections:
            c.close()


@pytest.fixture
def sleepers(server):
    s = Sleepers(server, 3)
    yield s
    s.stop()


def test_reading_waits_while_others_are_active(dbstep_start, server, sides, sleepers, tmp_path):
    a, b = sides
    progress = tmp_path / "progress"
    run = dbstep_start("integrity-diff", host="argo", db_url=server.url(b), source_db_url=server.url(a), max_active_sessions=2, connections=1,
                       env={"ARGO_CONTAINER_NAME": "main", "ARGO_NODE_ID": "n", "ARGO_PROGRESS_FILE": str(progress)})
    assert "3 active sessions, 'max_active_sessions' is 2" in line_with(run.stderr, "waits:")
    time.sleep(1.6)
    assert run.poll() is None and open(progress).read().startswith("0/"), "nothing is read"
    sleepers.stop()
    out, err = run.communicate(timeout=20)
    assert run.returncode == 3 and "goes on after" in err, err
    import json
    result = json.load(open(os.path.join(run.folder, "result.json")))
    assert int(result["outputs"]["paused_ms"]) >= 1000 and any("stood still for" in p for p in result["proofs"])
    assert result["outputs"]["rows_missing"] == "3002" and result["outputs"]["max_connections_used"] == "2"
    done, total = open(progress).read().split("/")
    assert done == total and int(total) > 100000, "rows of both sides"


def test_a_snapshot_is_not_held_for_ever(dbstep, server, sides, sleepers):
    a, b = sides
    for stage, inputs in (("integrity-diff", {"source_db_url": server.url(a)}), ("integrity-baseline", {})):
        run = dbstep(stage, db_url=server.url(b), max_active_sessions=1, max_snapshot_age="1s", **inputs)
        assert run.status == 3 and run.result["verdict"] == "inconclusive" and "older than 1.0 s" in run.result["error"]["message"], run
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), max_active_sessions=1, max_snapshot_age="1h",
                 env={"DBSTEP_TIMEOUT": "1s"})
    assert run.status == 13 and "server to have less to do" in run.result["error"]["message"], run


def test_throttling_that_sees_nothing_is_a_warning(dbstep, server, sides):
    a, b = sides
    run = dbstep("integrity-diff", db_url=server.url(b, user="viewer"), source_db_url=server.url(b), tables=["calm"], max_active_sessions=50,
                 max_replication_lag="1MB")
    assert run.status == 2, "one and the same database"
    run = dbstep("integrity-diff", db_url=server.url(b, user="viewer"), source_db_url=server.url(a), tables=["calm"], max_active_sessions=50,
                 max_replication_lag="1MB")
    assert [(f["code"], f["severity"]) for f in run.result["findings"]] == [("throttle-blind", "warning")], run
    assert "'max_active_sessions' and 'max_replication_lag'" in run.result["findings"][0]["message"] and run.outputs["paused_ms"] == "0"


def test_reading_waits_for_a_standby(dbstep_start, server, sides):
    a, b = sides
    standby = psycopg2.connect(host=server.folder, port=server.port, user="postgres", connection_factory=PhysicalReplicationConnection)
    cursor = standby.cursor()

    def lsn():
        high, low = server.value("SELECT pg_current_wal_lsn()::text").split("/")
        return (int(high, 16) << 32) + int(low, 16)

    start = lsn()
    cursor.start_replication(start_lsn=start)
    cursor.send_feedback(write_lsn=start, flush_lsn=start, apply_lsn=start, reply=True)
    server.sql("CREATE TABLE IF NOT EXISTS lag AS SELECT repeat('x', 100) FROM generate_series(1, 20000); DROP TABLE lag")
    wait_until(lambda: server.value("SELECT count(*) FROM pg_stat_replication WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > 1000000"), what="lag")
    run = dbstep_start("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), max_replication_lag="1MB", tables=["calm"])
    assert re.search("waits: replication lags by .*, 'max_replication_lag' is 1.0 MB", line_with(run.stderr, "waits:"))
    now = lsn()
    cursor.send_feedback(write_lsn=now, flush_lsn=now, apply_lsn=now, reply=True)
    run.communicate(timeout=20)
    standby.close()
    assert run.returncode == 0


def test_a_bar_on_a_terminal(server, sides, sleepers, tmp_path):
    a, b = sides
    master, slave = pty.openpty()
    run = subprocess.Popen([BINARY, "integrity-diff"], stdout=subprocess.PIPE, stderr=slave, cwd=tmp_path, env=environment(
        {"db_url": server.url(b), "source_db_url": server.url(a), "max_active_sessions": 1}, "plain", tmp_path / "out"))
    os.close(slave)
    seen = b""
    while b"rows, 0 %" not in seen and select.select([master], [], [], 10)[0]:
        seen += os.read(master, 65536)
    assert b"\r\x1b[K[.............................." in seen and re.search(rb"reading: 0 of \d{3},\d{3} rows, 0 %", seen), seen
    sleepers.stop()
    while select.select([master], [], [], 10)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:
            break
    assert run.wait(timeout=20) == 3
    os.close(master)


def test_rows_on_their_way_are_no_differences(dbstep, server):
    a, b = server.create_database("people_la"), "people_lb"
    server.sql("CREATE TABLE orders (id int PRIMARY KEY, n int); INSERT INTO orders SELECT i, i FROM generate_series(1, 20000) i; CREATE TABLE hot AS SELECT * FROM orders "
               "WHERE id <= 100; ALTER TABLE hot ADD PRIMARY KEY (id); "
               "CREATE TABLE notes (k text PRIMARY KEY, n int); INSERT INTO notes SELECT 'k' || i, i FROM generate_series(1, 5000) i", a)
    server.create_database(b, template=a)
    server.sql("UPDATE orders SET n = -1 WHERE id = 19999; DELETE FROM orders WHERE id = 18000; DELETE FROM notes WHERE k = 'k4999'", b)
    stop, late = threading.Event(), []

    def replicate():
        left, right = server.connect(a).cursor(), server.connect(b).cursor()
        at = 0
        while not stop.is_set() or late:
            if not stop.is_set():
                at += 1
                sql = (f"UPDATE orders SET n = n + 7 WHERE id = {at}; INSERT INTO orders VALUES ({30000 + at}, 0); DELETE FROM orders WHERE id = {10000 + at}; "
                       f"UPDATE notes SET n = n + 1 WHERE k = 'k{at}'; UPDATE hot SET n = n + 1 WHERE id = 50")
                left.execute(sql)
                late.append((time.time() + 0.5, sql))
            while late and late[0][0] <= time.time():
                right.execute(late.pop(0)[1])
            time.sleep(0.01)

    thread = threading.Thread(target=replicate)
    thread.start()
    try:
        wait_until(lambda: len(late) > 20, what="rows on their way")
        once = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), recheck="0")
        run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), recheck="1s", show_values=True)
    finally:
        stop.set()
        thread.join()
    assert int(once.outputs["rows_missing"]) > 5 and int(once.outputs["rows_extra"]) > 5 and int(once.outputs["rows_changed"]) > 5, once
    assert [(r["table"], r["difference"], r["key"], r["before"], r["after"]) for r in named(run)] == [
        ("public.notes", "missing", "k4999", "n=4999", ""), ("public.orders", "changed", "19999", "n=19999", "n=-1"),
        ("public.orders", "missing", "18000", "n=18000", "")], run
    assert (run.outputs["rows_missing"], run.outputs["rows_extra"], run.outputs["rows_changed"]) == ("2", "0", "1") and run.status == 3
    # the one row that is always on its way is neither
    assert [(f["code"], f["severity"], f["object"]) for f in run.result["findings"]] == [
        ("rows-moving", "warning", "public.hot"), ("rows-missing", "error", "public.notes"), ("rows-changed", "error", "public.orders"),
        ("rows-missing", "error", "public.orders")], run
    assert {t: line["verdict"] for t, line in lines(run).items()} == {"hot": "undecided", "notes": "different", "orders": "different"}
    assert all("looked at twice, 1.0 s apart" in f["message"] for f in run.result["findings"][1:]) and "1 row of" in run.result["findings"][0]["message"]
    assert int(run.outputs["rows_transient"]) > 10 and any("public.orders:" in u and "writes under way" in u for u in run.result["uncovered"])
    ranges = strips(run)
    assert re.fullmatch("=+-+~+=+", ranges["public.orders"]["ranges"]) and "?" in ranges["public.hot"]["ranges"]
    # nobody writes any more: one look is enough, and is what the verdict rests on
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), recheck="1h")
    assert (run.outputs["rows_missing"], run.outputs["rows_changed"], run.outputs["rows_transient"]) == ("2", "1", "0"), run


def test_a_table_that_goes_between_two_looks(dbstep_start, server):
    a, b = server.create_database("people_ga"), "people_gb"
    server.sql("CREATE TABLE doomed (id int PRIMARY KEY); CREATE TABLE stays (id int PRIMARY KEY); INSERT INTO doomed VALUES (1), (2); INSERT INTO stays VALUES (1), (2)", a)
    server.create_database(b, template=a)
    server.sql("DELETE FROM doomed WHERE id = 1; DELETE FROM stays WHERE id = 2", b)
    writer = server.connect(a)
    writer.cursor().execute("BEGIN; CREATE TABLE unseen (id int)")  # a transaction that writes is under way
    server.sql("SELECT pg_current_xact_id()")
    run = dbstep_start("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), recheck="1s")
    assert "again after 1.0 s" in line_with(run.stderr, "writes are under way")
    line_with(run.stderr, "public.stays: reading")
    server.sql("DROP TABLE doomed", b)
    run.communicate(timeout=30)
    writer.close()
    result = json.load(open(os.path.join(run.folder, "result.json")))
    found = {(f["code"], f.get("object")) for f in result["findings"]}
    assert ("rows-missing", "public.stays") in found and found & {("table-vanished", "public.doomed"), ("table-rewritten", "public.doomed")}, result
    assert run.returncode == 3 and any(u.startswith("public.doomed:") for u in result["uncovered"])
