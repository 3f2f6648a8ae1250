"""Measures integrity-baseline and integrity-diff against the bare queries and against peers, as ratios taken in one run.

  ROWS           rows of each of the two big tables (10000000)
  KEEP           a folder for the server: made when missing, used again when there, and left behind (for repeated runs)
  RUNS           how often each command is timed; the median counts (3)
  PEER_RELADIFF, PEER_PG_COMPARATOR, PEER_PGCOPYDB
                 shell commands that compare; {a} and {b} are the two databases' URLs, {ha} the server's folder, {port} its port,
                 {da} and {db} the databases' names, {table} the table, {columns} its other columns separated by blanks. Peers without a
                 command are skipped.
  SERIES         sizes in millions of rows for the series that shows linear cost ("1 3 10"; "1 3 10 30 100" needs 15 GB of disk)

Absolute times depend on the machine; the ratios are what to compare. Nothing here fails a build.
"""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from conftest import BINARY, Server, environment  # noqa: E402

ROWS = int(os.environ.get("ROWS", "10000000"))
RUNS = int(os.environ.get("RUNS", "3"))
SETTINGS = {"shared_buffers": "4GB", "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "8GB", "wal_level": "minimal",
            "max_wal_senders": "0", "maintenance_work_mem": "1GB", "checkpoint_timeout": "1h", "synchronous_commit": "off"}
INVENTORY = """
CREATE TABLE inventory (id bigint NOT NULL, warehouse_id int NOT NULL, kind int, sku text NOT NULL, descr text, quantity int, price numeric(12,4),
                        weight float8, created_at timestamptz NOT NULL, updated_at timestamptz, attrs jsonb, active boolean);
INSERT INTO inventory
SELECT i * 3 + i % 3, i % 500, CASE WHEN i % 11 > 0 THEN (i * 7919) % 1000 END, 'SKU-' || lpad((i * 31 % 1000000)::text, 8, '0'),
       CASE WHEN i % 7 > 0 THEN 'article ' || md5(i::text) END, CASE WHEN i % 13 > 0 THEN i % 1000 END,
       CASE WHEN i % 17 > 0 THEN ((i * 7) % 100000)::numeric / 100 END, CASE WHEN i % 19 > 0 THEN i::float8 / 3 END,
       '2024-01-01 00:00:00+00'::timestamptz + i * interval '1.000001 s',
       CASE WHEN i % 23 > 0 THEN '2025-01-01 00:00:00+00'::timestamptz + i * interval '0.5 s' END,
       CASE WHEN i % 5 > 0 THEN jsonb_build_object('k', i % 100, 'tags', jsonb_build_array(i % 7, 'x')) END, i % 3 = 0
FROM generate_series(1::bigint, {rows}) i;
ALTER TABLE inventory ADD PRIMARY KEY (id);
"""
ACCOUNTS = """
CREATE TABLE accounts (aid int NOT NULL, bid int, abalance int, filler char(84));
INSERT INTO accounts SELECT i, i / 100000 + 1, 0, '' FROM generate_series(1::bigint, {rows}) i;
ALTER TABLE accounts ADD PRIMARY KEY (aid);
"""
COLUMNS = {"inventory": "warehouse_id kind sku descr quantity price weight created_at updated_at attrs active", "accounts": "bid abalance filler"}


def row(what, figure, note=""):
    print(f"  {what:<66} {figure:>12}  {note}", flush=True)


class Wire:
    """A relay on the loopback that counts what the server sends; bytes, all connections together."""

    def __init__(self, port):
        self.to, self.sent, self.listener = port, 0, socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.copy, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.copy, args=(server, client, True), daemon=True).start()

    def copy(self, a, b, count):
        while data := a.recv(65536):
            self.sent += len(data) if count else 0
            b.sendall(data)
        b.close()


class Lab:
    def __init__(self):
        self.keep = os.environ.get("KEEP")
        self.folder = self.keep or tempfile.mkdtemp(prefix="dbstep-bench-")
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o755)
        self.server = Server(os.path.join(self.folder, "pg"), settings=SETTINGS)
        if not os.path.exists(os.path.join(self.server.data, "PG_VERSION")):
            self.server.init()
        self.server.start()

    def close(self):
        self.server.stop("fast" if self.keep else "immediate")
        if not self.keep:
            shutil.rmtree(self.folder)

    def has(self, database):
        return bool(self.server.sql("SELECT 1 FROM pg_database WHERE datname = %s", params=(database,)))

    def make(self, database, sql):
        if self.has(database):
            return
        print(f"  ... making {database}", flush=True)
        self.server.create_database("half_made")
        self.server.sql(sql, "half_made")
        self.server.sql("VACUUM ANALYZE", "half_made")
        self.server.sql(f"ALTER DATABASE half_made RENAME TO {database}")

    def clone(self, database, template, sql=""):
        if self.has(database):
            return
        self.server.create_database("half_made", template)
        if sql:
            self.server.sql(sql, "half_made")
        self.server.sql(f"ALTER DATABASE half_made RENAME TO {database}")

    def dbstep(self, stage, **inputs):
        """Wall seconds, peak memory in MB, the result."""
        out = os.path.join(self.folder, "out")
        shutil.rmtree(out, ignore_errors=True)
        command = ["/usr/bin/time", "-f", "rss=%M", BINARY, stage]
        start = time.monotonic()
        p = subprocess.run(command, env=environment({"log_level": "warning", **inputs}, output_dir=out), capture_output=True, text=True)
        seconds = time.monotonic() - start
        if p.returncode not in (0, 3):
            sys.exit(f"bench: {stage} ended with {p.returncode}\n{p.stderr}")
        rss = int(re.findall(r"rss=(\d+)", p.stderr)[-1]) / 1024
        return seconds, rss, json.load(open(os.path.join(out, "result.json")))

    def sql_seconds(self, database, sql):
        c = self.server.connect(database)
        cur = c.cursor()
        cur.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
        start = time.monotonic()
        cur.execute(sql)
        cur.fetchall()
        c.close()
        return time.monotonic() - start


def medians(*calls):
    """Median seconds of each call, taken in turn so that a machine that drifts drifts for all."""
    times = [[] for _ in calls]
    for _ in range(RUNS):
        for t, call in zip(times, calls):
            t.append(call())
    return [statistics.median(t) for t in times]


def fingerprints(lab):
    print("\nOne database: integrity-baseline against select count(*), bit_xor(hash_record_extended(row(all columns), 0))")
    for table in ("inventory", "accounts"):
        def ours(strictness, connections):
            return lambda: lab.dbstep("integrity-baseline", db_url=lab.server.url("a"), tables=[table], strictness=strictness, connections=connections)[0]

        bare, semantic, exact, two, strong = medians(
            lambda: lab.sql_seconds("a", f"SELECT count(*), bit_xor(hash_record_extended(row(t.*), 0)) FROM {table} t"),
            ours("semantic", 1), ours("exact", 1), ours("exact", 2), ours("strong", 1))
        row(f"{table}: semantic, one connection / bare query", f"{semantic / bare:.2f} x", f"{semantic:.2f} s / {bare:.2f} s; goal 1.15")
        row(f"{table}: exact, one connection / bare query", f"{exact / bare:.2f} x", f"{exact:.2f} s; goal 1.4")
        row(f"{table}: strong, one connection / bare query", f"{strong / bare:.2f} x", f"{strong:.2f} s")
        row(f"{table}: exact, one connection / two", f"{exact / two:.2f} x", f"{two:.2f} s; goal 1.85 where the server has the cores ({os.cpu_count()} here)")


def comparisons(lab):
    print("\nTwo databases, both tables one by one")
    for table in ("inventory", "accounts"):
        def ours(right, **more):
            return lambda: lab.dbstep("integrity-diff", source_db_url=lab.server.url("a"), db_url=lab.server.url(right), tables=[table], connections=1, **more)

        runs = {"equal": ours("b"), "one change": ours("c1"), "1,000 changes": ours("c1000")}
        seconds = dict(zip(runs, medians(*[lambda f=f: f()[0] for f in runs.values()])))
        for name, f in runs.items():
            _, rss, result = f()
            o = result["outputs"]
            row(f"{table}: {name}", f"{seconds[name]:.2f} s", f"{seconds[name] / seconds['equal']:.2f} x of equal; peak {rss:.0f} MB; "
                f"{o['rows_missing']} missing, {o['rows_extra']} extra, {o['rows_changed']} changed")
        wire = Wire(lab.server.port)
        lab.dbstep("integrity-diff", source_db_url=lab.server.url("a", tcp=True).replace(str(lab.server.port), str(wire.listener.getsockname()[1])),
                   db_url=lab.server.url("b", tcp=True).replace(str(lab.server.port), str(wire.listener.getsockname()[1])), tables=[table], connections=1)
        row(f"{table}: equal, sent by both servers", f"{wire.sent / 1e6:.2f} MB", "goal: under 4 MB for 10,000,000 rows")
        semantic, = medians(lambda: ours("b", strictness="semantic")()[0])
        row(f"{table}: equal, semantic", f"{semantic:.2f} s", f"{semantic / seconds['equal']:.2f} x of exact")
        for peer, goal in (("RELADIFF", 4.5), ("PG_COMPARATOR", 3.0), ("PGCOPYDB", 1.9)):
            command = os.environ.get(f"PEER_{peer}")
            if not command:
                row(f"{table}: {peer.lower()}", "skipped", f"PEER_{peer} is not set")
                continue
            for name, right in (("equal", "b"), ("1,000 changes", "c1000")):
                start = time.monotonic()
                p = subprocess.run(command.format(a=lab.server.url("a", tcp=True), b=lab.server.url(right, tcp=True), ha=lab.server.folder, port=lab.server.port,
                                                  da="a", db=right, table=table, columns=COLUMNS[table], key="id" if table == "inventory" else "aid",
                                                  comma=COLUMNS[table].replace(" ", ",")), shell=True, capture_output=True, text=True)
                took = time.monotonic() - start
                row(f"{table}: {peer.lower()}, {name} / ours", f"{took / seconds[name]:.1f} x", f"{took:.1f} s, exit {p.returncode}; goal {goal if name == 'equal' or peer != 'RELADIFF' else 15}"
                    + ("" if p.returncode in (0, 1) else " " + p.stderr[-200:].replace("\n", " ")))


def memory(lab):
    """A million rows that differ, all of them read again: memory must not know."""
    print("\nPeak memory, goal: under 48 MB")
    lab.clone("cm", "a", f"UPDATE inventory SET quantity = -7 WHERE id % 10 < 1; UPDATE accounts SET abalance = 99 WHERE aid % 10 = 3")
    for table in ("inventory", "accounts"):
        seconds, rss, result = lab.dbstep("integrity-diff", source_db_url=lab.server.url("a"), db_url=lab.server.url("cm"), tables=[table], connections=1,
                                          max_drill_rows=4 * ROWS)
        row(f"{table}: {int(result['outputs']['rows_changed']):,} rows changed", f"{rss:.0f} MB", f"{seconds:.1f} s")


def series(lab):
    print("\nCost over size: accounts, exact, two connections")
    for millions in os.environ.get("SERIES", "1 3 10").split():
        n = int(millions) * 1000000
        lab.make(f"s{millions}", ACCOUNTS.format(rows=n))
        seconds, rss, _ = lab.dbstep("integrity-baseline", db_url=lab.server.url(f"s{millions}"), connections=2)
        row(f"{millions} million rows", f"{seconds:.2f} s", f"{seconds / n * 1e9:.0f} ns per row; peak {rss:.0f} MB")


def many_tables(lab):
    print("\n2,000 small tables")
    lab.make("many", "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text); "
             "INSERT INTO t%s SELECT g, md5(g::text) FROM generate_series(1, 100) g', i, i); IF i %% 100 = 0 THEN COMMIT; END IF; END LOOP; END $$"
             .replace("%%", "%"))

    def counting():
        c = lab.server.connect("many")
        cur = c.cursor()
        start = time.monotonic()
        for i in range(1, 2001):
            cur.execute(f"SELECT count(*) FROM t{i}")
            cur.fetchall()
        c.close()
        return time.monotonic() - start

    count, ours = medians(counting, lambda: lab.dbstep("integrity-baseline", db_url=lab.server.url("many"), connections=1)[0])
    row("fingerprint / counting them one by one over one connection", f"{ours / count:.2f} x", f"{ours:.2f} s / {count:.2f} s; goal 3")


def changes(n):
    """n scattered changes: 8 of 10 updates, 1 deleted, 1 inserted row."""
    step = max(ROWS // max(n, 1), 1)
    if n == 1:
        return f"UPDATE inventory SET quantity = -1 WHERE id = (SELECT max(id) / 2 / 3 * 3 + 1 FROM inventory) OR id = {ROWS // 2 * 3 + (ROWS // 2) % 3}; UPDATE accounts SET abalance = 5 WHERE aid = {ROWS // 2}"
    ids = f"(SELECT i, i * 3 + i % 3 AS id FROM generate_series({step // 2}, {ROWS}, {step}) i)"
    return (f"UPDATE inventory t SET quantity = -7, descr = 'changed' FROM {ids} c WHERE c.id = t.id AND (c.i / {step}) % 10 < 8;"
            f"DELETE FROM inventory t USING {ids} c WHERE c.id = t.id AND (c.i / {step}) % 10 = 8;"
            f"INSERT INTO inventory SELECT id * 3 + 3000000000, 1, 1, 'new', NULL, 1, 1, 1, now(), now(), NULL, true FROM {ids} c WHERE (i / {step}) % 10 = 9;"
            f"UPDATE accounts t SET abalance = 99 FROM generate_series({step // 2}, {ROWS}, {step}) i WHERE t.aid = i")


def main():
    lab = Lab()
    try:
        print(f"{BINARY}: {ROWS:,} rows a table, medians of {RUNS}, server {lab.server.value('SHOW server_version')}, {os.cpu_count()} cores")
        lab.make("a", INVENTORY.format(rows=ROWS) + ACCOUNTS.format(rows=ROWS))
        lab.clone("b", "a")
        lab.clone("c1", "a", changes(1))
        lab.clone("c1000", "a", changes(1000))
        parts = {"fingerprints": fingerprints, "comparisons": comparisons, "memory": memory, "series": series, "tables": many_tables}
        for name in sys.argv[1:] or parts:
            parts[name](lab)
    finally:
        lab.close()


if __name__ == "__main__":
    main()
