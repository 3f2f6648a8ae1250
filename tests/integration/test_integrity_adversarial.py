"""integrity-diff under hostile circumstances: it must never say pass where data differ or were not looked at, nor fail where nothing differs."""
import itertools
import shutil
import subprocess

import pytest
from conftest import BINARY, environment
from test_integrity_differences import lines, named

STOCK = """CREATE TABLE stock (id bigserial PRIMARY KEY, quantity int, price numeric(10,2));
INSERT INTO stock (quantity, price) SELECT i % 50, i / 100.0 FROM generate_series(1, 3000) i;"""


@pytest.fixture
def pair(server, dbstep, tmp_path):
    """pair(sql, right_sql) -> (left, right, compare); compare(**inputs) yields a run against the certificate and one against the live left."""
    names, count = [], itertools.count()

    def make(sql, right_sql="", certify=True, **baseline):
        n = next(count)
        a, b = server.create_database(f"adv_{n}_a"), f"adv_{n}_b"
        server.sql(sql, a)
        server.create_database(b, template=a)
        names.extend((a, b))
        path = tmp_path / f"{a}.json"
        if certify:
            assert dbstep("integrity-baseline", db_url=server.url(a), certificate=path, **baseline).status == 0
        if right_sql:
            server.sql(right_sql, b)

        def compare(**inputs):
            for left in ({"baseline": path}, {"source_db_url": server.url(a)})[0 if certify else 1:]:
                yield dbstep("integrity-diff", db_url=server.url(b), **left, **inputs)

        return a, b, compare

    yield make
    for d in names:
        server.sql(f'DROP DATABASE IF EXISTS "{d}" WITH (FORCE)')


def codes(run):
    return sorted((f["code"], f.get("object") or "") for f in run.result["findings"])


def listed_once(run):
    """Every table of either side has exactly one line."""
    objects = [r[0] for t in run.result["tables"] if t["title"] == "Tables" for r in t["rows"]]
    assert len(objects) == len(set(objects)), run
    return set(objects)


# ---- the certificate alone, while the application writes ----


def test_damage_among_many_declared_writes_is_certain(dbstep, server, pair, tmp_path):
    """So many rows were written since that none can be named; that a column differs which nobody may write is certain all the same."""
    a, _, _ = pair(STOCK)
    server.sql("UPDATE stock SET quantity = quantity + 1; INSERT INTO stock (quantity, price) VALUES (1, 1); UPDATE stock SET price = 0 WHERE id = 77", a)
    inputs = dict(db_url=server.url(a), baseline=tmp_path / "adv_0_a.json", live_writes=["stock.quantity", "stock.+", "stock.-"])
    run = dbstep("integrity-diff", **inputs)
    assert run.outputs["verdict"] == "fail" and codes(run) == [("range-differs", "public.stock")] and "price" in run.result["findings"][0]["message"], run
    server.sql("UPDATE stock SET price = 0", a)
    assert dbstep("integrity-diff", **inputs).outputs["verdict"] == "fail"


def test_what_declared_writes_may_hide_is_not_a_pass(dbstep, server, pair, tmp_path):
    a, b, _ = pair("CREATE TABLE t (k text PRIMARY KEY, v text); INSERT INTO t SELECT 'k' || i, 'v' FROM generate_series(1, 3000) i")
    server.sql("INSERT INTO t SELECT 'n' || i, 'v' FROM generate_series(1, 600) i; UPDATE t SET v = 'bad' WHERE k = 'k7'", b)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "adv_0_a.json", live_writes=["t.+"])
    assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("range-uncovered", "public.t")], run
    assert lines(run)["t"]["verdict"] == "undecided" and run.outputs["rows_inserted"] == "600" and run.outputs["rows_extra"] == "0"
    # more came than only deletes can explain: that is no question
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "adv_0_a.json", live_writes=["t.-"])
    assert run.outputs["verdict"] == "fail", run
    # the witness knows
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "adv_0_a.json", source_db_url=server.url(a), live_writes=["t.+"])
    assert [(r["key"], r["columns"]) for r in named(run)] == [("k7", "v")], run


def test_deleted_rows_take_the_proof_of_their_neighbours_along(dbstep, server, pair, tmp_path):
    a, b, _ = pair(STOCK)
    server.sql("DELETE FROM stock WHERE id = 5; UPDATE stock SET price = 0 WHERE id = 6", b)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "adv_0_a.json", live_writes=["stock.-"])
    assert run.outputs["verdict"] == "inconclusive" and any("cannot be judged" in u for u in run.result["uncovered"]), run


def test_a_sample_of_declared_writes_proves_nothing(dbstep, server, pair):
    a, b, _ = pair("CREATE TABLE t (k text PRIMARY KEY, v text); INSERT INTO t SELECT 'k' || i, 'v' FROM generate_series(1, 6000) i",
                   "INSERT INTO t SELECT 'n' || i, 'v' FROM generate_series(1, 600) i; UPDATE t SET v = 'bad' WHERE k = 'k7'", certify=False)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), live_writes=["t.+"], max_drill_rows=1000, chunk_rows=16)
    assert run.outputs["verdict"] != "pass", run
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), live_writes=["t.+"])
    assert run.outputs["verdict"] == "fail" and run.outputs["rows_inserted"] == "600" and run.outputs["rows_changed"] == "1", run


def test_a_table_that_is_all_live_counts_no_row_as_compared(pair):
    _, _, compare = pair(STOCK, "UPDATE stock SET price = 0 WHERE id = 1")
    for run in compare(live_writes=["stock"]):
        assert run.status == 0 and int(run.outputs["rows_compared"]) < 3000, run


def test_deployed_transactions_are_looked_at(dbstep, server, pair):
    a, b, compare = pair(STOCK)
    far = int(server.value("SELECT pg_current_xact_id()::text", b)) + 1000000
    for run in compare(deployed_transactions=[str(far)]):
        assert run.outputs["verdict"] == "inconclusive" and ("transaction-unknown", "") in codes(run), run
    for wrong in ("-1", "+5", "1 ", "0x10", "99999999999999999999", "0", ""):
        for run in compare(deployed_transactions='["' + wrong + '"]'):
            assert run.status == 2 and "deployed_transactions" in run.err + run.out, (wrong, run)


# ---- scope ----


def test_nothing_compared_is_never_a_pass(dbstep, server, pair, tmp_path):
    _, _, compare = pair(STOCK)
    for run in compare(tables=["nope"]):
        assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("nothing-compared", ""), ("table-unknown", "")], run
    for run in compare(tables=["stock", "stok*"]):
        assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("table-unknown", "")], run
    for run in compare(exclude_tables=["stok"]):
        assert run.outputs["verdict"] == "pass" and codes(run) == [("table-unknown", "")], run
    for run in compare(exclude_tables=["*"]):
        assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("nothing-compared", "")], run
    server.create_database("adv_empty")
    run = dbstep("integrity-baseline", db_url=server.url("adv_empty"), certificate=tmp_path / "empty.json")
    assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("nothing-certified", "")], run
    run = dbstep("integrity-diff", db_url=server.url("adv_empty"), baseline=tmp_path / "empty.json")
    assert run.outputs["verdict"] == "inconclusive" and codes(run) == [("nothing-compared", "")], run


def test_a_table_that_the_certificate_was_told_to_leave_out(pair):
    _, _, compare = pair(STOCK + "CREATE TABLE other (id int PRIMARY KEY)", tables=["stock"])
    with_certificate = next(compare(tables=["stock", "other"]))
    assert with_certificate.outputs["verdict"] == "inconclusive" and codes(with_certificate) == [("not-in-certificate", "public.other")], with_certificate
    assert next(compare()).outputs["verdict"] == "pass"


def test_scope_goes_by_the_old_name(pair):
    _, _, compare = pair(STOCK, "ALTER TABLE stock RENAME TO dbstep_goods; UPDATE dbstep_goods SET price = 0 WHERE id = 5")
    for run in compare(tables=["stock"], expected_changes=["rename table stock=dbstep_goods"]):
        assert run.outputs["verdict"] == "fail" and run.outputs["rows_changed"] == "1" and listed_once(run) == {"public.stock"}, run


def test_source_and_database_are_one(dbstep, server, pair):
    a, _, _ = pair(STOCK)
    run = dbstep("integrity-diff", db_url=server.url(a), source_db_url=server.url(a, tcp=True))
    assert run.status == 2 and "one and the same" in run.out + run.err, run


# ---- declared changes ----


def test_a_table_that_is_no_ordinary_one_any_more(pair):
    _, _, compare = pair(STOCK + "CREATE TABLE w (id int PRIMARY KEY)", "ALTER TABLE w SET UNLOGGED; CREATE UNLOGGED TABLE fresh (id int); CREATE UNLOGGED TABLE more (id int)")
    for run in compare(expected_changes=["add table fresh"]):
        assert run.outputs["verdict"] == "fail" and codes(run) == [("table-kind-changed", "public.w")], run
        assert listed_once(run) == {"public.stock", "public.w", "public.fresh", "public.more"}


def test_every_table_is_listed_once(pair):
    _, _, compare = pair("CREATE TABLE gone (id int PRIMARY KEY); CREATE TABLE dropped (id int PRIMARY KEY); CREATE TABLE kept (id int PRIMARY KEY); CREATE TABLE old (id int PRIMARY KEY); "
                         "CREATE TABLE left_out (id int); CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE VIEW v AS SELECT 1; CREATE SCHEMA s; CREATE TABLE s.kept (id int)",
                         "DROP TABLE gone, dropped; ALTER TABLE old RENAME TO renamed; CREATE TABLE new (id int); CREATE TABLE added (id int)")
    for run in compare(expected_changes=["drop table dropped", "rename table old=renamed", "add table added"], exclude_tables=["left_*"]):
        assert listed_once(run) == {"public." + t for t in ("gone", "dropped", "kept", "old", "left_out", "parts", "new", "added")} | {"s.kept"}
        assert codes(run) == [("table-added", "public.new"), ("table-missing", "public.gone")], run


def test_names_that_change_places(dbstep, server, pair):
    two = "CREATE TABLE t (id int PRIMARY KEY, a int, b int); INSERT INTO t SELECT i, i, {} FROM generate_series(1, 50) i"
    swap = "ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b"
    _, _, compare = pair(two.format("-i"), swap)
    for run in compare(expected_changes=["rename column t.a=b", "rename column t.b=a"]):
        assert run.status == 0 and not codes(run), run
    for run in compare():
        assert run.outputs["verdict"] == "fail" and run.outputs["rows_changed"] != "0", run
    # b is lost, and a took its name: its rows being equal must not hide that
    _, _, compare = pair(two.format("i"), "ALTER TABLE t DROP b; ALTER TABLE t RENAME a TO b")
    for run in compare(expected_changes=["rename column t.a=b"]):
        assert run.outputs["verdict"] == "fail" and ("column-missing", "public.t") in codes(run), run
    _, _, compare = pair(two.format("-i"), "ALTER TABLE t DROP b; ALTER TABLE t RENAME a TO b")
    for run in compare(expected_changes=["rename column t.a=b", "drop column t.b"]):
        assert run.status == 0 and not codes(run), run
    # dropped, and made anew
    _, _, compare = pair(two.format("-i"), "ALTER TABLE t DROP b; ALTER TABLE t ADD b text")
    for run in compare(expected_changes=["drop column t.b", "add column t.b"]):
        assert run.status == 0 and not codes(run) and any("dropped and added anew" in u for u in run.result["uncovered"]), run
    # declared, and not done
    _, _, compare = pair(two.format("-i"))
    for run in compare(expected_changes=["rename column t.a=b", "rename table t=u"]):
        assert run.status == 0 and {c for c, _ in codes(run)} == {"declared-change-missing"}, run


def test_tables_that_change_names(dbstep, server, pair):
    _, _, compare = pair("CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY, v int); INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 2)",
                         "ALTER TABLE a RENAME TO x; ALTER TABLE b RENAME TO a; ALTER TABLE x RENAME TO b")
    for run in compare(expected_changes=["rename table a=b", "rename table b=a"]):
        assert run.status == 0, run
    assert all(run.outputs["verdict"] == "fail" for run in compare())
    # two tables of one content, one of them lost
    _, _, compare = pair("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)", "DROP TABLE a")
    for run in compare(expected_changes=["rename table a=b"]):
        assert run.outputs["verdict"] == "fail" and ("table-missing", "public.a") in codes(run), run
    # the old name is used for something new
    _, _, compare = pair("CREATE TABLE a (id int PRIMARY KEY)", "ALTER TABLE a RENAME TO b; CREATE TABLE a (x int); CREATE SCHEMA old")
    for run in compare(expected_changes=["rename table a=b"]):
        assert codes(run) == [("table-added", "public.a")], run
    _, _, compare = pair("CREATE TABLE a (id int PRIMARY KEY)", "CREATE SCHEMA old; ALTER TABLE a SET SCHEMA old")
    for run in compare(expected_changes=["rename table a=old.a"]):
        assert run.status == 0 and not codes(run), run


@pytest.mark.parametrize("item", ["add column t.c text", "add column t .c", 'add column "t"x.c', "rename column t.a=u.b", "rename table a=b.c.d", "add column t..c", "drop table t,u", "drop table"])
def test_more_malformed_declarations(dbstep, server, item, tmp_path):
    run = dbstep("integrity-diff", db_url=server.url("postgres"), source_db_url=server.url("template1"), expected_changes=[item])
    if item == "drop table t,u":  # a name that nobody has
        assert ("declared-change-missing", "t,u") in codes(run)
    else:
        assert run.status == 2 and "expected_changes" in run.out + run.err, run


def test_declared_twice_is_declared(pair):
    _, _, compare = pair(STOCK, "ALTER TABLE stock ADD c int")
    for run in compare(expected_changes=["add column stock.c", "ADD  COLUMN  Public.STOCK.C", 'add column "public"."stock"."c"']):
        assert run.status == 0 and not codes(run), run


def test_constraints_are_watched_beside_other_declared_changes(pair):
    sql = "CREATE TABLE o (id int PRIMARY KEY, n int CHECK (n > 0), m int NOT NULL); CREATE TABLE t (id int PRIMARY KEY, n int REFERENCES o, u int UNIQUE)"
    _, _, compare = pair(sql, "ALTER TABLE o ADD c int, DROP CONSTRAINT o_n_check, ADD CONSTRAINT o_n_check CHECK (n > -5), ALTER m DROP NOT NULL; "
                              "ALTER TABLE t DROP CONSTRAINT t_pkey, DROP u")
    for run in compare(expected_changes=["add column o.c", "drop column t.u"]):
        assert codes(run) == [("constraint-changed", "public.o"), ("constraint-missing", "public.t"), ("not-null-dropped", "public.o")], run
    _, _, compare = pair(sql, "ALTER TABLE o RENAME TO p; ALTER TABLE p RENAME n TO z")
    for run in compare(expected_changes=["rename table o=p", "rename column o.n=z"]):
        assert run.status == 0 and not codes(run), run


def test_changed_columns_of_tables_without_a_key(pair):
    _, _, compare = pair("CREATE TABLE t (a int, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 50) i", "UPDATE t SET v = 'new'")
    certificate, live = compare(expected_changes=["change column t.v"])
    assert certificate.outputs["verdict"] == "inconclusive" and codes(certificate) == [("range-uncovered", "public.t")], certificate
    assert live.status == 0 and not codes(live) and any("v (its values may change" in u for u in live.result["uncovered"]), live


# ---- types ----


def test_a_cast_to_text_that_lies(pair):
    sql = ("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE FUNCTION lie(mood) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'same'$$; CREATE CAST (mood AS text) WITH FUNCTION lie(mood); "
           "CREATE TYPE duo AS (x int, y text); CREATE DOMAIN cents AS numeric(8,2); "
           "CREATE TABLE t (id int PRIMARY KEY, v mood, d duo, c cents); INSERT INTO t SELECT i, 'ok', '(1,)', 1 FROM generate_series(1, 9) i; "
           "CREATE TABLE k (v mood PRIMARY KEY, w int); INSERT INTO k VALUES ('ok', 1), ('sad', 2)")
    _, _, compare = pair(sql, "UPDATE t SET v = 'sad' WHERE id = 4; UPDATE t SET d = '(,)' WHERE id = 5; UPDATE t SET d = NULL WHERE id = 6; UPDATE k SET w = 3 - w", strictness="strong")
    certificate, live = compare(strictness="strong")
    assert certificate.outputs["verdict"] == live.outputs["verdict"] == "fail"
    assert {(r["table"], r["key"], r["columns"]) for r in named(live) if r["table"] == "public.t"} == {("public.t", "4", "v"), ("public.t", "5", "d"), ("public.t", "6", "d")}, live
    assert lines(live)["k"]["changed"] == "2"


def test_keys_of_changed_and_of_foreign_types(pair):
    _, _, compare = pair("CREATE EXTENSION ltree; CREATE TABLE t (a int, k numeric(10,2), v text, PRIMARY KEY (a, k)); INSERT INTO t SELECT i, i, 'v' FROM generate_series(1, 100) i; "
                         "CREATE TABLE l (k ltree PRIMARY KEY, v text); INSERT INTO l VALUES ('a.b', 'x')",
                         "ALTER TABLE t ALTER k TYPE numeric(12,4); UPDATE t SET v = 'bad' WHERE a = 5; UPDATE l SET v = 'y'")
    for run in list(compare(expected_changes=["change column t.k"], show_values=True))[1:]:
        assert {(r["key"], r["before"], r["after"]) for r in named(run)} == {("(5, 5.00)", "v=v", "v=bad"), ("a.b", "v=x", "v=y")}, run


def test_domains_in_strong_digests(dbstep, server):
    """A domain's OID differs between databases; its values do not."""
    a, b = server.create_database("domains_a"), server.create_database("domains_b")
    server.sql("CREATE TYPE padding AS ENUM ('x')", b)
    for d in (a, b):
        server.sql("CREATE DOMAIN cents AS numeric(8,2); CREATE DOMAIN flags AS \"char\"; CREATE DOMAIN bits AS bit(4); CREATE TABLE t (id int PRIMARY KEY, c cents, f flags, b bits, l int[]); "
                   "INSERT INTO t VALUES (1, 1, 'x', B'1010', '{1}')", d)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), strictness="strong")
    assert run.status == 0 and run.outputs["rows_compared"] == "1", run


def test_many_declared_inserts_beside_rows_that_did_not_change(dbstep, server, pair, tmp_path):
    """Where rows only come, those of the certificate can be told from the new ones by their transaction, in one more pass, and proven equal by their digests."""
    a, _, _ = pair("CREATE TABLE t (k uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int, v text); INSERT INTO t (n, v) SELECT i, 'v' FROM generate_series(1, 3000) i; "
                   "CREATE TABLE bag (v text); INSERT INTO bag SELECT 'x' FROM generate_series(1, 3000); CREATE TABLE gaps (id int PRIMARY KEY, v text); INSERT INTO gaps SELECT i * 2, 'v' FROM generate_series(1, 3000) i")
    server.sql("INSERT INTO t (n, v) SELECT -i, 'new' FROM generate_series(1, 2000) i; INSERT INTO bag SELECT 'x' FROM generate_series(1, 500); INSERT INTO gaps SELECT i * 2 + 1, 'new' FROM generate_series(0, 2000) i", a)
    inputs = dict(db_url=server.url(a), baseline=tmp_path / "adv_0_a.json", live_writes=["t.+", "bag.+", "gaps.+"])
    run = dbstep("integrity-diff", **inputs)
    assert run.status == 0 and not codes(run) and run.outputs["rows_inserted"] == "4501" and run.outputs["rows_compared"] == "9000", run
    assert dbstep("integrity-diff", **{**inputs, "live_writes": ["t.+", "gaps.+"]}).outputs["verdict"] == "fail"
    for rewrite in ("VACUUM FULL t", "VACUUM FREEZE gaps", "CLUSTER t USING t_pkey"):
        server.sql(rewrite, a)
    assert dbstep("integrity-diff", **inputs).status == 0
    for damage, table in (("UPDATE t SET v = 'bad' WHERE n = 7", "t"), ("DELETE FROM bag WHERE ctid = '(0,1)'", "bag"), ("UPDATE gaps SET v = 'bad' WHERE id = 8", "gaps")):
        server.sql(damage, a)
        run = dbstep("integrity-diff", **inputs)
        assert run.outputs["verdict"] != "pass" and ("range-uncovered", f"public.{table}") in codes(run), run


# ---- surroundings ----


def test_foreign_partitions_are_left_out_everywhere(pair):
    """A foreign partition's rows are another server's; that server cannot even be asked here."""
    _, _, compare = pair("CREATE FOREIGN DATA WRAPPER nobody; CREATE SERVER nowhere FOREIGN DATA WRAPPER nobody; CREATE TABLE p (id int, v text) PARTITION BY RANGE (id); "
                         "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (1000); CREATE TABLE p2 (v text, id int); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (1000) TO (3000); "
                         "CREATE FOREIGN TABLE p3 PARTITION OF p FOR VALUES FROM (3000) TO (4000) SERVER nowhere; INSERT INTO p1 SELECT i, 'v' FROM generate_series(1, 999) i; "
                         "INSERT INTO p2 SELECT 'v', i FROM generate_series(1000, 2000) i", "UPDATE p2 SET v = 'bad' WHERE id = 1500; ALTER TABLE p ADD c int")
    certificate, live = compare(expected_changes=["add column p.c"], show_values=True)
    assert codes(certificate) == [("range-differs", "public.p")] and codes(live) == [("rows-extra", "public.p"), ("rows-missing", "public.p")], (certificate, live)
    for run in (certificate, live):
        assert any("p3 is a foreign table" in u for u in run.result["uncovered"]) and run.outputs["rows_compared"] == "2000"


def test_settings_of_the_role_do_not_matter(dbstep, server, pair, tmp_path):
    a, b, _ = pair("CREATE SCHEMA hostile; CREATE FUNCTION hostile.hashint4extended(int, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 1::bigint'; "
                   "CREATE TABLE hostile.pg_class (oid int); GRANT USAGE ON SCHEMA hostile TO public; GRANT SELECT ON ALL TABLES IN SCHEMA hostile TO public; "
                   "CREATE TABLE t (id int PRIMARY KEY CHECK (id <> 0), f float8, m money, ts timestamptz, i interval, x xml, a int[], n numeric); "
                   "INSERT INTO t VALUES (1, 0.1, 12.34::numeric::money, '2026-01-01', '1 mon', 'a', '{1,NULL}', 1.50); GRANT SELECT ON t TO public")
    server.sql("DROP ROLE IF EXISTS odd; CREATE ROLE odd LOGIN")
    for name, value in {"standard_conforming_strings": "off", "quote_all_identifiers": "on", "transform_null_equals": "on", "array_nulls": "off", "xmloption": "document",
                        "search_path": "hostile", "client_encoding": "LATIN1", "DateStyle": "German", "extra_float_digits": "-5", "TimeZone": "Asia/Tokyo", "IntervalStyle": "iso_8601",
                        "bytea_output": "escape", "default_transaction_isolation": "serializable", "row_security": "on", "enable_seqscan": "off"}.items():
        server.sql(f"ALTER ROLE odd SET {name} = '{value}'")
    run = dbstep("integrity-diff", db_url=server.url(b, user="odd"), baseline=tmp_path / "adv_0_a.json")
    assert run.status == 0 and not codes(run) and run.outputs["rows_compared"] == "1", run
    server.sql("UPDATE t SET f = 0.10000000000000002, id = 2", b)
    run = dbstep("integrity-diff", db_url=server.url(b, user="odd"), source_db_url=server.url(a))
    assert codes(run) == [("rows-extra", "public.t"), ("rows-missing", "public.t")], run


def test_other_encodings_are_refused(dbstep, server, tmp_path):
    for name, encoding in (("adv_utf8", "UTF8"), ("adv_latin1", "LATIN1"), ("adv_ascii", "SQL_ASCII")):
        server.sql(f"DROP DATABASE IF EXISTS {name}")
        server.sql(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        server.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')", name)
    assert dbstep("integrity-baseline", db_url=server.url("adv_utf8"), certificate=tmp_path / "u.json").status == 0
    for name in ("adv_latin1", "adv_ascii"):
        run = dbstep("integrity-diff", db_url=server.url(name), baseline=tmp_path / "u.json")
        assert run.status == 3 and "encoded in UTF8" in run.out + run.err, run
        run = dbstep("integrity-diff", db_url=server.url("adv_utf8"), baseline=tmp_path / "u.json", source_db_url=server.url(name))
        assert run.status == 3 and "source" in run.out + run.err, run


def test_long_values_are_cut_on_the_server(pair):
    _, _, compare = pair("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, repeat('ü', 1000000))", "UPDATE t SET v = v || 'x'")
    run = list(compare(show_values=True))[1]
    assert named(run)[0]["before"] == "v=" + "ü" * 40 + "… (they differ further on)", run


def test_a_certificate_beyond_the_file_size_limit(dbstep, server, pair, tmp_path):
    a, _, _ = pair("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 5000) i")
    p = subprocess.run(["/bin/sh", "-c", f"ulimit -f 1; exec '{BINARY}' integrity-baseline"], capture_output=True, text=True,
                       env=environment({"db_url": server.url(a), "chunk_rows": 16, "certificate": tmp_path / "full.json"}, "plain", tmp_path / "limited"))
    assert p.returncode > 0 and "full.json" in p.stdout + p.stderr and not (tmp_path / "full.json").exists(), p


def test_interrupted_while_rows_are_named(dbstep_start, server, pair):
    import signal
    from conftest import wait_until
    a, b, _ = pair("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat('x', 50) FROM generate_series(1, 400000) i", "UPDATE t SET v = 'y'", certify=False)
    p = dbstep_start("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    busy = "SELECT 1 FROM pg_stat_activity WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
    wait_until(lambda: server.sql(busy + " AND query LIKE 'FETCH%%'", params=([a, b],)), what="the cursors")
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 40, (out, err)
    wait_until(lambda: not server.sql(busy, params=([a, b],)), what="the sessions' end")


@pytest.mark.parametrize("old,new", [('"mask":"0"', '"mask":"9223372036854775807"'), ('"mask":"0"', '"mask":"5"'), ('"lo":"1","hi":"100"', '"lo":"-9223372036854775808","hi":"9223372036854775807"'),
                                     ('"shift":"7"', '"shift":"63"'), ('"kind":"range"', '"kind":"x"'), ('"probes":[', '"probes":[],"other":['), ('"digested":["v"]', '"digested":["v","v"]')])
def test_forged_certificates_do_no_harm(dbstep, server, pair, tmp_path, old, new):
    """The root only guards against accidents: whoever edits a certificate can compute it anew."""
    import hashlib
    a, _, _ = pair("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'x' FROM generate_series(1, 100) i; CREATE TABLE h (k text PRIMARY KEY); INSERT INTO h VALUES ('a')")
    text = (tmp_path / "adv_0_a.json").read_text()
    body = text[len('{"certificate":'):-len(',"root":""}\n') - 64]
    assert old in body
    body = body.replace(old, new)
    (tmp_path / "forged.json").write_text('{"certificate":' + body + ',"root":"' + hashlib.sha256(body.encode()).hexdigest() + '"}\n')
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "forged.json")
    assert run.status in (0, 2, 3) and "runtime error" not in run.err and "Sanitizer" not in run.err, run
    if "lo" not in old and "shift" not in old:
        assert run.status == 2 and "forged.json" in run.out + run.err, run


def test_a_copy_of_the_files_counts_its_transactions_by_itself(dbstep, server_factory, tmp_path):
    """It has the database's names and numbers: what it wrote looks as if the certificate had seen it."""
    original = server_factory(settings={"autovacuum": "off"})
    original.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 500) i", original.create_database("copied"))
    original.stop()
    copy = server_factory(start=False, settings={"autovacuum": "off"})
    shutil.rmtree(copy.data)
    copy.run(["cp", "-a", original.data, copy.data])
    original.start()
    copy.start()
    connection = original.connect("copied")
    for _ in range(50):
        connection.cursor().execute("SELECT txid_current()")
    connection.close()
    path = tmp_path / "c.json"
    assert dbstep("integrity-baseline", db_url=original.url("copied"), certificate=path).status == 0
    for s, verdict in ((copy, "inconclusive"), (original, "pass")):
        s.sql("DELETE FROM t WHERE id = 33", "copied")
        if s is copy:
            s.sql("UPDATE t SET v = 'w' WHERE id = 30", "copied")
        run = dbstep("integrity-diff", db_url=s.url("copied"), baseline=path, live_writes=["t.-"])
        assert run.outputs["verdict"] == verdict, run
    # a certificate cannot tell the original from its copy once it was started again
    original.stop()
    original.start()
    assert dbstep("integrity-diff", db_url=original.url("copied"), baseline=path, live_writes=["t.-"]).outputs["verdict"] == "inconclusive"
