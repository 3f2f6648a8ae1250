"""integrity-baseline and integrity-diff while other sessions alter what is being read, and when connections break; held by locks, so that each case
happens where it is meant to."""
import json
import os
import threading
import time

import pytest
from conftest import wait_until
from test_integrity_differences import lines

# what another session does to a table while it waits to be read -> finding, and what the table's key is: it is read before (integer) or after (text)
CHANGES = {
    "dropped": ("DROP TABLE {0}", {"table-vanished"}), "renamed": ("ALTER TABLE {0} RENAME TO {0}_away", {"table-vanished"}), "moved": ("ALTER TABLE {0} SET SCHEMA elsewhere", {"table-vanished"}),
    "retyped": ("ALTER TABLE {0} ALTER v TYPE int USING 1", {"table-rewritten"}), "column_dropped": ("ALTER TABLE {0} DROP v", {"table-vanished"}),
    "column_renamed": ("ALTER TABLE {0} RENAME v TO w", {"table-vanished"}), "truncated": ("TRUNCATE {0}", {"table-rewritten"}), "vacuumed": ("VACUUM FULL {0}", {"table-rewritten"}),
    "clustered": ("CLUSTER {0} USING {0}_pkey", {"table-rewritten"}), "revoked": ("REVOKE ALL ON {0} FROM PUBLIC", {"permission-denied"}),
    "hidden": ("ALTER TABLE {0} ENABLE ROW LEVEL SECURITY", {"row-security"}),
    "column_added": ("ALTER TABLE {0} ADD more int", set()), "written": ("UPDATE {0} SET v = 'new'", set()), "emptied": ("DELETE FROM {0}", set()), "analyzed": ("VACUUM ANALYZE {0}", set()),
    "reindexed": ("REINDEX TABLE {0}", set()),
}
ROWS = "INSERT INTO {0} SELECT {1}, 'v' FROM generate_series(1, 300) i; GRANT SELECT ON {0} TO PUBLIC;"


def build():
    sql = "CREATE SCHEMA elsewhere; CREATE TABLE aaa (k text PRIMARY KEY, v text); CREATE TABLE zzz (k text PRIMARY KEY, v text); GRANT SELECT ON aaa, zzz TO PUBLIC;"
    for t in CHANGES:
        sql += f"CREATE TABLE i_{t} (k int PRIMARY KEY, v text);" + ROWS.format(f"i_{t}", "i") + f"CREATE TABLE t_{t} (k text PRIMARY KEY, v text);" + ROWS.format(f"t_{t}", "'k' || i")
    return sql


@pytest.fixture(scope="module")
def reader(server):
    server.sql("DROP ROLE IF EXISTS integrity_reader; CREATE ROLE integrity_reader LOGIN")
    return "integrity_reader"


class Gate:
    """Sessions that hold a table, one after the other: while the first holds it, the reader waits; the second is queued behind the reader, and
    stops it where it comes to the table again."""

    def __init__(self, server, database, table):
        self.server, self.database, self.table, self.sessions, self.threads = server, database, table, [], []

    def lock(self):
        c = self.server.connect(self.database)
        c.autocommit = False
        self.sessions.append(c)
        take = threading.Thread(target=lambda: c.cursor().execute(f"LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE"))
        take.start()
        self.threads.append(take)
        return c

    def waiting(self, n):
        wait_until(lambda: self.server.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = %s)",
                                             params=(self.database,)) == n, what=f"{n} sessions at the lock")

    def open(self, n):
        self.threads[n].join()
        self.sessions[n].rollback()

    def close(self):
        for t, c in zip(self.threads, self.sessions):
            t.join()
            c.close()


@pytest.mark.parametrize("stage", ["integrity-baseline", "integrity-diff"])
def test_tables_that_others_alter_meanwhile(dbstep, dbstep_start, server, reader, stage, tmp_path):
    """Whatever happens to a table, the others are judged, and what was not seen is never a pass."""
    a, b = server.create_database("fault_a"), "fault_b"
    server.sql(build(), a)
    server.create_database(b, template=a)
    gate = Gate(server, b, "aaa")
    gate.lock()
    gate.threads[0].join()
    inputs = {"certificate": tmp_path / "c.json"} if stage == "integrity-baseline" else {"source_db_url": server.url(a)}
    p = dbstep_start(stage, db_url=server.url(b, user=reader), connections=1, lock_timeout="60s", max_rows=0, **inputs)
    try:
        gate.waiting(1)  # the catalogue has been read, on a snapshot
        for t, (change, _) in CHANGES.items():
            server.sql(change.format(f"i_{t}"), b)
        gate.lock()
        gate.waiting(2)
        gate.open(0)  # on to the first row of aaa, which is the first table to be read
        gate.threads[1].join()
        gate.waiting(1)
        for t, (change, _) in CHANGES.items():
            server.sql(change.format(f"t_{t}"), b)
        gate.open(1)
        out, err = p.communicate(timeout=60)
    finally:
        gate.close()
    result = json.load(open(os.path.join(p.folder, "result.json")))
    found = {(f["code"], f.get("object")) for f in result["findings"]}
    want = {(code, f"public.{k}_{t}") for k in "it" for t, (_, codes) in CHANGES.items() for code in codes}
    assert found == want, (found ^ want, out, err)
    assert p.returncode == 3 and result["verdict"] == "inconclusive"
    covered = {"aaa", "zzz"} | {f"{k}_{t}" for k in "it" for t, (_, codes) in CHANGES.items() if not codes}
    assert result["outputs"]["tables_compared"] == str(len(covered)) and result["outputs"]["tables_uncovered"] == str(len(want)), result["outputs"]
    if stage == "integrity-baseline":
        certificate = json.load(open(tmp_path / "c.json"))["certificate"]
        assert {t["name"] for t in certificate["tables"]} == covered and {u["name"] for u in certificate["uncovered"]} == {t.split(".")[1] for _, t in want}
        # what it certifies is what the snapshot showed
        run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json", tables=sorted(covered))
        assert run.status == 0, run.result["findings"]
    else:
        assert {r[0].split(".")[1] for t in result["tables"] if t["title"] == "Tables" for r in t["rows"] if r[1] == "equal"} == covered


@pytest.mark.parametrize("side", ["source", "database"])
def test_one_connection_of_several_is_killed(dbstep_start, server, side):
    a, b = server.create_database("killed_a"), "killed_b"
    server.sql("CREATE TABLE aaa (k text PRIMARY KEY); CREATE TABLE zzz (k text PRIMARY KEY); INSERT INTO zzz VALUES ('x')", a)
    server.create_database(b, template=a)
    victim = a if side == "source" else b
    gate = Gate(server, victim, "aaa")
    gate.lock()
    gate.threads[0].join()
    p = dbstep_start("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), connections=2, lock_timeout="60s")
    try:
        gate.waiting(1)
        killed = server.value("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'dbstep%%' AND wait_event_type = 'Lock'", params=(victim,))
        assert killed == 1
        out, err = p.communicate(timeout=60)
    finally:
        gate.close()
    result = json.load(open(os.path.join(p.folder, "result.json")))
    assert result["verdict"] != "pass" and p.returncode == 12 and side in out + err, (p.returncode, out, err)


def test_statement_timeout_names_the_table_of_a_comparison(dbstep_start, server):
    a, b = server.create_database("timeout_a"), "timeout_b"
    server.sql("CREATE TABLE quick (id int PRIMARY KEY); CREATE TABLE slow (k text PRIMARY KEY, v text); INSERT INTO slow SELECT i, repeat('x', 100) FROM generate_series(1, 100000) i", a)
    server.create_database(b, template=a)
    p = dbstep_start("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), statement_timeout="50ms", digest="portable")
    out, err = p.communicate(timeout=60)
    result = json.load(open(os.path.join(p.folder, "result.json")))
    assert p.returncode == 13 and "public.slow" in out + err and result["verdict"] == "error", (out, err)


def test_no_permission_on_one_table_of_either_side(dbstep, server, reader, tmp_path):
    a, b = server.create_database("denied_a"), "denied_b"
    server.sql("CREATE TABLE open (id int PRIMARY KEY, v int, w int); CREATE TABLE shut_left (id int PRIMARY KEY); CREATE TABLE shut_right (id int PRIMARY KEY); CREATE TABLE column_shut (id int PRIMARY KEY, v int); "
               "INSERT INTO open SELECT i, i, i FROM generate_series(1, 100) i; CREATE SCHEMA closed; CREATE TABLE closed.t (id int PRIMARY KEY); GRANT SELECT ON ALL TABLES IN SCHEMA public, closed TO " + reader, a)
    server.create_database(b, template=a)
    server.sql(f"REVOKE ALL ON shut_left FROM {reader}", a)
    server.sql(f"REVOKE ALL ON shut_right, column_shut FROM {reader}; GRANT SELECT (id) ON column_shut TO {reader}; UPDATE open SET v = 0 WHERE id = 5", b)
    run = dbstep("integrity-diff", db_url=server.url(b, user=reader), source_db_url=server.url(a, user=reader))
    assert {(f["code"], f["object"]) for f in run.result["findings"]} == {("permission-denied", "public." + t) for t in ("shut_left", "shut_right", "column_shut")} | \
        {("permission-denied", "closed.t"), ("rows-changed", "public.open")}, run
    assert lines(run)["open"]["changed"] == "1" and run.outputs["tables_uncovered"] == "4", run


def test_snapshot_too_old(dbstep_start, server_factory):
    """Old servers may take row versions away that a long snapshot still needs: the table is a finding, never a pass."""
    try:
        old = server_factory(settings={"old_snapshot_threshold": "0", "autovacuum": "off"})
    except RuntimeError as e:
        if "old_snapshot_threshold" in str(e):
            pytest.skip("this PostgreSQL has no old_snapshot_threshold any more")
        raise
    gate = None
    try:
        old.sql("CREATE TABLE aaa (k text PRIMARY KEY); CREATE TABLE kept (k text PRIMARY KEY, v int); CREATE TABLE zzz (k text PRIMARY KEY, v int);"
                "INSERT INTO zzz SELECT i, i FROM generate_series(1, 5000) i; INSERT INTO kept SELECT * FROM zzz")
        old.create_database("copy", template="postgres")
        gate = Gate(old, "postgres", "aaa")
        gate.lock()
        gate.threads[0].join()
        p = dbstep_start("integrity-diff", db_url=old.url("postgres"), source_db_url=old.url("copy"), connections=1, lock_timeout="60s")
        gate.waiting(1)
        time.sleep(6)  # the server spares snapshots of the last five seconds whatever is set
        old.sql("UPDATE zzz SET v = v + 1 WHERE v % 2 = 0")
        old.sql("VACUUM zzz")
        gate.open(0)
        out, err = p.communicate(timeout=60)
        result = json.load(open(os.path.join(p.folder, "result.json")))
        assert [(f["code"], f["object"]) for f in result["findings"]] == [("table-unreadable", "public.zzz")], (out, err)
        assert result["verdict"] == "inconclusive" and p.returncode == 3 and "snapshot too old" in result["findings"][0]["message"]
        assert result["outputs"]["tables_compared"] == "2"
    finally:
        if gate:
            gate.close()
