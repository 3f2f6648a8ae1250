"""integrity-baseline and integrity-diff: declared changes, live writes, certificates, permissions and faults."""
import hashlib
import json
import os
import signal
import subprocess

import pytest
from conftest import as_server_user, wait_until
from test_integrity_differences import lines, named

SHOP = """CREATE TABLE warehouses (id int PRIMARY KEY, name varchar(40) NOT NULL, location text, old text);
INSERT INTO warehouses SELECT i, 'Warehouse ' || i, 'City ' || i || ', ST', 'o' || i FROM generate_series(1, 2000) i;
CREATE TABLE inventory (id bigserial PRIMARY KEY, warehouse_id int NOT NULL REFERENCES warehouses, quantity int NOT NULL, price numeric(10,2));
INSERT INTO inventory (warehouse_id, quantity, price) SELECT 1 + i % 2000, i % 50, i / 100.0 FROM generate_series(1, 20000) i;
CREATE TABLE databasechangelog (id text); CREATE TABLE dbstep_history (id text);"""
CHANGE = """ALTER TABLE warehouses ADD COLUMN city text, ADD COLUMN state text;
UPDATE warehouses SET city = split_part(location, ', ', 1), state = split_part(location, ', ', 2);"""


@pytest.fixture
def shop(server, dbstep, tmp_path, request):
    """(production, staging): staging is a clone; the certificate of production lies in tmp_path/c.json"""
    tag = abs(hash(request.node.name)) % 10**8
    a, b = server.create_database(f"shop_{tag}_a"), f"shop_{tag}_b"
    server.sql(SHOP, a)
    server.create_database(b, template=a)
    run = dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json")
    assert run.status == 0, run
    yield a, b
    for d in (a, b):
        server.sql(f'DROP DATABASE IF EXISTS "{d}" WITH (FORCE)')


def codes(run):
    return sorted((f["code"], f.get("object", "")) for f in run.result["findings"])


def test_declared_changes_pass_and_undeclared_fail(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql(CHANGE + "ALTER TABLE warehouses DROP COLUMN old; ALTER TABLE warehouses RENAME name TO title; CREATE TABLE fresh (id int); "
               "ALTER TABLE inventory ALTER id TYPE bigint, ALTER warehouse_id TYPE bigint, ALTER price TYPE numeric(12,4)", b)
    declared = ["add column warehouses.city", "ADD COLUMN public.warehouses.state", "drop column warehouses.old", "rename column warehouses.name=title",
                "add table fresh", "change column inventory.warehouse_id", "change column inventory.price"]
    for inputs in ({"baseline": tmp_path / "c.json"}, {"source_db_url": server.url(a)}):
        run = dbstep("integrity-diff", db_url=server.url(b), expected_changes=declared, **inputs)
        assert run.status == 0 and run.result["findings"] == [], run
        proofs = "\n".join(run.result["proofs"])
        assert "warehouses.city was added, as declared: 2000 of 2000 rows have a value, 0 are NULL" in proofs
        assert "inventory.price: values are equal to the old ones" in proofs
        assert any("old (dropped, as declared)" in u for u in run.result["uncovered"])
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 3 and codes(run) == sorted(
            [("column-added", "public.warehouses")] * 3 + [("column-missing", "public.warehouses")] * 2 + [("column-type-changed", "public.inventory")] * 2 +
            [("table-added", "public.fresh")]), run
        assert run.outputs["rows_changed"] == "0"


def test_tables_renamed_dropped_missing(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql("ALTER TABLE inventory RENAME TO stock; UPDATE stock SET price = 0 WHERE id = 9", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), expected_changes=["rename table inventory=stock"])
    assert codes(run) == [("rows-changed", "public.inventory")] and run.outputs["rows_changed"] == "1", run
    server.sql("DROP TABLE stock", b)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert ("table-missing", "public.inventory") in codes(run) and run.status == 3
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", expected_changes=["drop table inventory"])
    assert run.status == 0, run


def test_declared_but_it_did_not_happen(dbstep, server, shop, tmp_path):
    _, b = shop
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", live_writes=["nothing.here"],
                 expected_changes=["add column warehouses.city", "drop column warehouses.old", "change column inventory.price", "add table t"])
    assert codes(run).count(("declared-change-missing", "warehouses")) == 2 and ("live-write-unknown", "") in codes(run) and len(run.result["findings"]) == 5, run
    assert {f["severity"] for f in run.result["findings"]} == {"warning"}


@pytest.mark.parametrize("item", ["add columns t.c", "add column t", "rename column t.a", "drop table a.b.c", "", "change column \"t.c"])
def test_malformed_declarations(dbstep, server, shop, tmp_path, item):
    run = dbstep("integrity-diff", db_url=server.url(shop[1]), baseline=tmp_path / "c.json", expected_changes=[item] if item else ["frobnicate x"])
    assert run.status == 2 and "expected_changes" in run.err + run.out, run


def test_damage_is_named_by_the_witness(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql(CHANGE + "UPDATE inventory SET price = price + 1 WHERE id = 4711; DELETE FROM inventory WHERE id = 17; "
               "INSERT INTO inventory VALUES (-3, 1, 1, 1); UPDATE warehouses SET location = NULL WHERE id IN (5, 6)", b)
    declared = ["add column warehouses.city", "add column warehouses.state"]
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", source_db_url=server.url(a), expected_changes=declared)
    want = {("public.inventory", "changed", "4711", "price"), ("public.inventory", "missing", "17", ""), ("public.inventory", "extra", "-3", ""),
            ("public.warehouses", "changed", "5", "location"), ("public.warehouses", "changed", "6", "location")}
    assert run.status == 3 and {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run)} == want, run
    assert run.outputs["counts_exact"] and any("still shows the certificate's rows" in p for p in run.result["proofs"])
    assert "4711" in json.dumps(run.result["findings"]) and "price" in json.dumps(run.result["findings"])
    # the witness has moved on in one of the chunks: it must not be believed there
    server.sql("UPDATE inventory SET price = 77 WHERE id = 4712", a)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", source_db_url=server.url(a), expected_changes=declared)
    assert "4712" not in {r["key"] for r in named(run)} and any("changed in the source too" in u for u in run.result["uncovered"]), run
    assert ("public.inventory", "missing", "17", "") in {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run)}


def test_certificate_alone_in_its_own_database(dbstep, server, shop, tmp_path):
    a, _ = shop
    server.sql("UPDATE inventory SET price = 9 WHERE id = 7000; DELETE FROM inventory WHERE id IN (12000, 12001); DELETE FROM inventory WHERE id = 15000; "
               "INSERT INTO warehouses VALUES (5000, 'x', 'y', 'z')", a)
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json")
    rows = {(r["table"], r["difference"], r["key"]) for r in named(run)}
    assert {("public.inventory", "changed", "7000"), ("public.inventory", "missing", "12000"), ("public.inventory", "missing", "12001"),
            ("public.inventory", "missing", "15000")} <= rows, run
    assert (run.outputs["rows_missing"], run.outputs["rows_extra"], run.outputs["rows_changed"], run.outputs["counts_exact"]) == ("3", "1", "1", True)


def test_values_and_keys_stay_private(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql("CREATE TABLE people (mail text PRIMARY KEY, secret text); INSERT INTO people VALUES ('bob@example.org', 'hunter-before')", a)
    server.sql("CREATE TABLE people (mail text PRIMARY KEY, secret text); INSERT INTO people VALUES ('bob@example.org', 'hunter-after')", b)

    def everything(run):
        return run.out + run.err + "".join(open(os.path.join(run.folder, f)).read() for f in os.listdir(run.folder))

    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert "hunter" not in everything(run) and "bob@example.org" in everything(run)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), hash_keys=True)
    assert "bob@" not in everything(run) and named(run)[0]["key"].startswith("#")
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), show_values=True)
    assert (named(run)[0]["before"], named(run)[0]["after"]) == ("secret=hunter-before", "secret=hunter-after")
    assert "hunter" not in open(tmp_path / "c.json").read()


def test_many_differences_are_capped_and_sampled(dbstep, server, shop):
    a, b = shop
    server.sql("UPDATE inventory SET quantity = -1", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), max_rows=7)
    assert run.outputs["rows_changed"] == "20000" and len(named(run)) == 7 and run.outputs["counts_exact"]
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), max_drill_rows=2000)
    assert 1000 <= int(run.outputs["rows_changed"]) <= 5000 and not run.outputs["counts_exact"] and "at least" in run.result["summary"]
    assert any("max_drill_rows" in u for u in run.result["uncovered"])


# ---- certificates ----


def test_certificate_is_canonical_and_bound_by_its_root(dbstep, server, shop, tmp_path):
    text = (tmp_path / "c.json").read_text()
    doc = json.loads(text)
    body = text[len('{"certificate":'):-len(',"root":""}\n') - 64]
    assert hashlib.sha256(body.encode()).hexdigest() == doc["root"]
    c = doc["certificate"]
    assert c["version"] == 1 and c["server"]["system_identifier"] and c["server"]["snapshot"] and len(c["probes"]) > 15
    assert {u["name"] for u in c["uncovered"]} == {"databasechangelog", "dbstep_history"}
    again = dbstep("integrity-baseline", db_url=server.url(shop[0]), certificate=tmp_path / "d.json")
    other = json.loads((tmp_path / "d.json").read_text())["certificate"]
    assert [t["digest"] for t in other["tables"]] == [t["digest"] for t in c["tables"]], again


@pytest.mark.parametrize("damage", ["truncated", "bit", "space", "appended", "empty", "other", "version"])
def test_damaged_certificates_are_refused(dbstep, server, shop, tmp_path, damage):
    data = (tmp_path / "c.json").read_bytes()
    if damage == "version":
        body = data[len(b'{"certificate":'):-len(b',"root":""}\n') - 64].replace(b'"version":1,', b'"version":9,', 1)
        data = b'{"certificate":' + body + b',"root":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'
    else:
        data = {"truncated": data[:-1000], "bit": data.replace(b"inventory", b"inventorx", 1), "space": data[:-100] + b" " + data[-100:], "appended": data + b"\n",
                "empty": b"", "other": b'{"a": 1}\n'}[damage]
    (tmp_path / "bad.json").write_bytes(data)
    run = dbstep("integrity-diff", db_url=server.url(shop[0]), baseline=tmp_path / "bad.json")
    assert run.status == 2 and "bad.json" in run.err + run.out and run.outputs["verdict"] == "error", run


def test_nothing_to_compare_with(dbstep, server, shop):
    run = dbstep("integrity-diff", db_url=server.url(shop[0]))
    assert run.status == 2 and "baseline" in run.out + run.err


def test_disk_full_for_the_certificate(dbstep, server, shop):
    run = dbstep("integrity-baseline", db_url=server.url(shop[0]), certificate="/nonexistent/folder/c.json")
    assert run.status == 2 and "/nonexistent/folder/c.json" in run.out + run.err, run


# ---- permissions and policies ----


def test_no_permission_is_a_finding_and_the_others_go_on(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    for d in (a, b):
        server.sql("GRANT SELECT ON warehouses TO reader", d)
    for inputs in ({"source_db_url": server.url(a)}, {"baseline": tmp_path / "c.json"}):
        run = dbstep("integrity-diff", db_url=server.url(b, user="reader"), **inputs)
        assert run.status == 3 and run.outputs["verdict"] == "inconclusive" and codes(run) == [("permission-denied", "public.inventory")], run
        assert run.outputs["tables_compared"] == "1"
    run = dbstep("integrity-baseline", db_url=server.url(b, user="reader"), certificate=tmp_path / "r.json")
    assert run.outputs["verdict"] == "inconclusive"
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "r.json")
    assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("not-in-certificate", "public.inventory")]
    for d in (a, b):
        server.sql("DROP OWNED BY reader", d)
    server.sql("DROP ROLE reader")


def test_row_level_security_is_never_a_silent_pass(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql("DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN")
    for d in (a, b):
        server.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO tenant", d)  # alone: an ANALYZE under way waits for its row of pg_class
        server.sql("ALTER TABLE inventory ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON inventory USING (warehouse_id < 100)", d)
    server.sql("DELETE FROM inventory WHERE warehouse_id = 1000", b)
    run = dbstep("integrity-diff", db_url=server.url(b, user="tenant"), source_db_url=server.url(a, user="tenant"))
    assert run.status == 3 and run.outputs["verdict"] == "inconclusive" and ("row-security", "public.inventory") in codes(run), run
    for d in (a, b):
        server.sql("DROP OWNED BY tenant", d)
    server.sql("DROP ROLE tenant")


# ---- while the application writes ----


def pgbench(server, database, script, seconds, path):
    path.write_text(script)
    os.chmod(path, 0o644)
    os.chmod(path.parent, 0o755)
    return subprocess.Popen(as_server_user([f"{server.bindir}/pgbench", "-n", "-c", "3", "-T", str(seconds), "-f", "/dev/stdin", "-h", server.folder, "-p", str(server.port),
                                            "-U", "postgres", database]), stdin=open(path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")


TRAFFIC = """\\set w random(1, 2000)
\\set i random(1, 20000)
BEGIN;
UPDATE inventory SET quantity = quantity + 1 WHERE id = :i;
INSERT INTO inventory (warehouse_id, quantity, price) VALUES (:w, 1, 2);
SELECT count(*) FROM inventory WHERE warehouse_id = :w;
COMMIT;
"""


def test_live_writes_are_told_from_damage(dbstep, server, shop, tmp_path):
    a, _ = shop
    load = pgbench(server, a, TRAFFIC, 60, tmp_path / "traffic.sql")
    try:
        wait_until(lambda: server.value("SELECT count(*) FROM inventory", a) > 20050, what="traffic")
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "live.json").status == 0
        before = server.value("SELECT count(*) FROM inventory", a)
        server.sql("BEGIN; ALTER TABLE warehouses ADD city text; COMMIT", a)
        xid = server.value(f"WITH c AS (UPDATE warehouses SET city = split_part(location, ',', 1) RETURNING 1) SELECT pg_current_xact_id()::text FROM c LIMIT 1", a)
        wait_until(lambda: server.value("SELECT count(*) FROM inventory", a) > before + 100, what="more traffic")
        inputs = dict(db_url=server.url(a), baseline=tmp_path / "live.json", expected_changes=["add column warehouses.city"],
                      live_writes=["inventory.quantity", "inventory.+"], deployed_transactions=[xid])
        run = dbstep("integrity-diff", **inputs)
        assert run.status == 0 and run.outputs["verdict"] == "pass", run
        line = lines(run)["inventory"]
        assert int(run.outputs["rows_inserted"]) >= 100 and (line["missing"], line["extra"], line["changed"]) == ("0", "0", "0")
        text = "\n".join(run.result["uncovered"] + run.result["proofs"])
        assert "quantity (the application writes it meanwhile)" in text and "public.inventory: 0 of" in text and "public.warehouses: 2000 of 2000" in text
        assert any("writes on the database after its snapshot" in u for u in run.result["uncovered"]), run
        # undeclared, the same traffic is a difference
        assert dbstep("integrity-diff", **{**inputs, "live_writes": ["inventory.quantity"]}).status == 3
        # damage beside the traffic is found, named, and traced to the deployment
        xid2 = server.value("WITH c AS (UPDATE inventory SET price = 0.07 WHERE id = 4321 RETURNING 1) SELECT pg_current_xact_id()::text FROM c", a)
        run = dbstep("integrity-diff", **{**inputs, "deployed_transactions": [xid, xid2]})
        assert run.status == 3, run
        assert {"rows-changed", "deployment-touched-rows"} & set(run.finding_codes()) and any("price" in f["message"] for f in run.result["findings"]), run
        # declared live as a whole: only counted, and it says so
        run = dbstep("integrity-diff", **{**inputs, "live_writes": ["inventory"]})
        assert run.status == 0 and any("public.inventory: written by the application" in u for u in run.result["uncovered"]), run
    finally:
        load.terminate()
        load.communicate()


def test_deleted_rows_declared(dbstep, server, shop, tmp_path):
    a, _ = shop
    server.sql("DELETE FROM inventory WHERE id = 300", a)
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json", live_writes=["inventory.-"])
    assert run.status == 0 and run.outputs["rows_deleted"] == "1", run


def test_sequence_backwards_and_guards(dbstep, server, shop, tmp_path):
    a, b = shop
    server.sql("SELECT setval('inventory_id_seq', 5); ALTER TABLE inventory DROP CONSTRAINT inventory_warehouse_id_fkey", b)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert codes(run) == [("constraint-missing", "public.inventory"), ("sequence-backwards", "public.inventory_id_seq")], run


# ---- faults ----


def slow_table(server, database, rows=400000):
    server.sql(f"CREATE TABLE slow (id int PRIMARY KEY, {', '.join(f'c{i} numeric' for i in range(8))}); "
               f"INSERT INTO slow SELECT i, {', '.join('i / 3.0' for _ in range(8))} FROM generate_series(1, {rows}) i", database)


def waiting(server, database, pattern="%bit_xor%"):
    return server.sql("SELECT pid FROM pg_stat_activity WHERE datname = %s AND state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()",
                      params=(database, pattern))


def test_connection_killed_in_mid_pass(dbstep_start, server, shop, tmp_path):
    a, _ = shop
    slow_table(server, a)
    p = dbstep_start("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "k.json")
    wait_until(lambda: waiting(server, a), what="the pass")
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", params=(a,))
    out, err = p.communicate(timeout=60)
    assert p.returncode == 12 and "connection" in out + err and not (tmp_path / "k.json").exists(), (p.returncode, out, err)


def test_sigterm_cancels_and_leaves_nothing(dbstep_start, server, shop, tmp_path):
    a, _ = shop
    slow_table(server, a)
    p = dbstep_start("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "k.json")
    wait_until(lambda: waiting(server, a), what="the pass")
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 40 and not (tmp_path / "k.json").exists(), (out, err)
    wait_until(lambda: not waiting(server, a), what="the query's end")


def test_statement_timeout(dbstep, server, shop, tmp_path):
    a, _ = shop
    slow_table(server, a)
    run = dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "k.json", statement_timeout="50ms")
    assert run.status == 13 and "slow" in run.out + run.err and not (tmp_path / "k.json").exists(), run


def test_locked_table_is_a_finding(dbstep, server, shop, tmp_path):
    a, _ = shop
    c = server.connect(a)
    c.autocommit = False
    c.cursor().execute("LOCK TABLE inventory IN ACCESS EXCLUSIVE MODE")
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json", lock_timeout="200ms")
    c.close()
    assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("table-locked", "public.inventory")], run


def test_table_emptied_or_dropped_under_the_snapshot(dbstep_start, server, shop, tmp_path):
    """A TRUNCATE after the snapshot makes the table look empty to it; a DROP makes it vanish. Neither may become a certificate."""
    a, _ = shop
    slow_table(server, a)
    c = server.connect(a)
    c.autocommit = False
    c.cursor().execute("LOCK TABLE inventory IN ACCESS EXCLUSIVE MODE")
    p = dbstep_start("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "k2.json", connections=1)
    wait_until(lambda: server.sql("SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'", params=(a,)), what="the lock")
    server.sql("TRUNCATE slow", a)
    c.rollback()
    out, err = p.communicate(timeout=60)
    result = json.load(open(os.path.join(p.folder, "result.json")))
    assert result["verdict"] == "inconclusive" and [f["code"] for f in result["findings"]] == ["table-rewritten"], (out, err)
    certificate = json.load(open(tmp_path / "k2.json"))["certificate"]
    assert "slow" not in {t["name"] for t in certificate["tables"]} and "slow" in {u["name"] for u in certificate["uncovered"]}


def test_slices_of_a_large_heap_equal_one_pass(dbstep, server, shop, tmp_path):
    a, _ = shop
    slow_table(server, a)
    digests = set()
    for n, size in ((1, "64GB"), (3, "8MB"), (2, "16MB")):
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "s.json", connections=n, slice_size=size, sketch="64KB").status == 0
        tables = json.loads((tmp_path / "s.json").read_text())["certificate"]["tables"]
        assert all("sketch" in t for t in tables)
        digests.add(tuple(t["digest"] + json.dumps(t["sketch"]) for t in tables))
    assert len(digests) == 1
