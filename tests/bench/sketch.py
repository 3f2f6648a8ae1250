"""Measures the certificate's sketch: how many changed and deleted keys come out, from how many bytes, and what it costs over the plain pass.

    tests/bench/sketch.py [ROWS [SIZE …]]       2000000 rows and sketches of 256KB and 1MB by default

Builds an inventory table of 12 columns, certifies it, changes 800 rows, deletes 100 and inserts 100, and compares with the certificate alone. The old
table is kept as the truth, which the comparison never sees. Times are medians of three, ratios are to be compared, and the machine should idle.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from conftest import BINARY, Run, Server, environment  # noqa: E402

TABLE = """CREATE TABLE inventory (id bigint, warehouse_id int, quantity int, sku text, descr text, flags int, price numeric(12,4), weight float8,
  created timestamptz, updated timestamptz, attrs jsonb, active boolean);
INSERT INTO inventory SELECT i * 3::bigint, i::bigint * 7919 % 500, CASE WHEN i % 5 > 0 THEN i % 1000 END, 'SKU-' || lpad((i % 900000)::text, 8, '0'),
  CASE WHEN i % 7 > 0 THEN 'item item item ' || i END, i % 16, i % 100000 / 100.0, CASE WHEN i % 11 > 0 THEN i * 0.37 END,
  timestamptz '2020-01-01' + i * interval '1 second', CASE WHEN i % 3 > 0 THEN timestamptz '2023-01-01' + i * interval '7 seconds' END,
  CASE WHEN i % 13 > 0 THEN jsonb_build_object('a', i % 100, 'b', 'x' || i) END, i % 2 = 0 FROM generate_series(1, {rows}) i;
ALTER TABLE inventory ADD PRIMARY KEY (id); VACUUM (FREEZE, ANALYZE) inventory;"""
EDITS = """SELECT setseed(0.42);
CREATE TEMP TABLE picked AS SELECT DISTINCT 3 * (1 + floor(random() * {rows}))::bigint AS id FROM generate_series(1, 1200);
CREATE TEMP TABLE lot AS SELECT id, row_number() OVER (ORDER BY hashint8(id)) AS n FROM picked;
CREATE TABLE truth AS SELECT id, CASE WHEN n <= 800 THEN 'changed' ELSE 'missing' END AS kind FROM lot WHERE n <= 900;
INSERT INTO truth SELECT id + 1, 'extra' FROM lot WHERE n BETWEEN 901 AND 1000;
UPDATE inventory i SET quantity = coalesce(quantity, 0) + 1, price = price + n % 2 FROM lot WHERE i.id = lot.id AND n <= 800;
DELETE FROM inventory i USING lot WHERE i.id = lot.id AND n BETWEEN 801 AND 900;
INSERT INTO inventory (id, sku) SELECT id, 'new' FROM truth WHERE kind = 'extra';"""


def timed(stage, folder, times=3, **inputs):
    """The last run, and the median of its seconds."""
    seconds = []
    for i in range(times):
        out = os.path.join(folder, f"out{i}")
        start = time.monotonic()
        p = subprocess.run([BINARY, stage], env=environment({"connections": 1, **inputs}, output_dir=out), capture_output=True, text=True)
        seconds.append(time.monotonic() - start)
        run = Run(p, out)
        if run.status not in (0, 3):
            sys.exit(f"bench: {stage} ended with {run.status}\n{p.stdout}{p.stderr}")
    return run, statistics.median(seconds)


def main():
    rows, sizes = int(sys.argv[1]) if len(sys.argv) > 1 else 2000000, sys.argv[2:] or ["256KB", "1MB"]
    folder = tempfile.mkdtemp(prefix="dbstep-bench-")
    os.chmod(folder, 0o755)
    server = Server(os.path.join(folder, "pg"), settings={"shared_buffers": "2GB", "autovacuum": "off", "max_wal_size": "8GB"}).init().start()
    try:
        for part in TABLE.format(rows=rows).split(";\n") if rows else []:
            for statement in part.split("; "):
                server.sql(statement)
        url, certificates = server.url(), {}
        _, plain = timed("integrity-baseline", folder, db_url=url, certificate=os.path.join(folder, "c"))
        plain_size = os.path.getsize(os.path.join(folder, "c"))
        print(f"\n{rows} rows x 12: certificate without a sketch {plain_size / 1e6:.2f} MB, plain pass {plain:.1f} s")
        for size in sizes:
            certificates[size] = os.path.join(folder, f"c{size}")
            _, seconds = timed("integrity-baseline", folder, db_url=url, certificate=certificates[size], sketch=size)
            print(f"  sketch {size:>6}: certificate {os.path.getsize(certificates[size]) / 1e6:.2f} MB; baseline {seconds / plain:.2f} x the plain pass")
        server.sql(EDITS.format(rows=rows))
        truth = {(str(k), kind) for k, kind in server.sql("SELECT id, kind FROM truth")}
        _, without = timed("integrity-diff", folder, 1, db_url=url, baseline=os.path.join(folder, "c"), exclude_tables="truth")
        for size in sizes:
            run, seconds = timed("integrity-diff", folder, db_url=url, baseline=certificates[size], exclude_tables="truth", max_rows=100000)
            got = {(r[2], r[1]) for t in run.result["tables"] if t["title"] == "Differing rows" for r in t["rows"] if r[0] == "public.inventory"}
            print(f"  sketch {size:>6}: {len(got & truth)} of {len(truth)} changed, missing and extra keys named ({100 * len(got & truth) / len(truth):.1f} %), "
                  f"{len(got - truth)} wrong; counts {'exact' if run.outputs['counts_exact'] else 'at least'}; diff {seconds / plain:.2f} x the plain pass "
                  f"(without a sketch {without / plain:.2f})")
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


main()
