"""The certificate's sketch: keys of changed and deleted rows, although the old rows exist nowhere any more; and the bound of a certificate's size."""
import base64
import hashlib
import json
import os
import re

import pytest
from test_integrity_differences import lines, named

KEY = {"wide": 'k1 || \'-\' || "k 2"', "word": "w", "label": "u"}  # how a key that is no "id" is told apart in these tests
TABLES = """
CREATE TABLE plain (id bigint PRIMARY KEY, a int, b int, t text, n numeric, f float8, j jsonb, at timestamptz);
INSERT INTO plain SELECT i * 3 - 9000, i % 7, nullif(i % 5, 0), 'text ' || i % 90, i / 8.0, i * 0.1, jsonb_build_object('i', i), '2026-01-01'::timestamptz + i * interval '1 min'
  FROM generate_series(1, 6000) i;
CREATE TABLE wide (k1 int, "k 2" text, v text, PRIMARY KEY (k1, "k 2")); INSERT INTO wide SELECT i % 50, 'k' || i, 'v' || i % 9 FROM generate_series(1, 3000) i;
CREATE TABLE word (w text PRIMARY KEY, v int); INSERT INTO word SELECT 'wörd ' || i, i % 9 FROM generate_series(1, 3000) i;
CREATE TABLE label (u uuid PRIMARY KEY, v int); INSERT INTO label SELECT md5(i::text)::uuid, i % 9 FROM generate_series(1, 3000) i;
CREATE TABLE alike (id int PRIMARY KEY, v text, w text); INSERT INTO alike SELECT i, 'same', 'w' FROM generate_series(1, 5000) i;
CREATE TABLE emptied (id smallint PRIMARY KEY, v text); INSERT INTO emptied SELECT i, 'v' FROM generate_series(-150, 150) i;
CREATE TABLE dropped (id int PRIMARY KEY, v text, w text); INSERT INTO dropped SELECT i, 'v', 'w' FROM generate_series(1, 300) i;
CREATE TABLE widened (id int PRIMARY KEY, v int); INSERT INTO widened SELECT i, i FROM generate_series(1, 300) i;
CREATE TABLE part (id bigint PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (MINVALUE) TO (1000); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (1000) TO (MAXVALUE);
INSERT INTO part SELECT i, 'v' || i FROM generate_series(1, 2000) i;
CREATE TABLE bag (v text); INSERT INTO bag SELECT 'v' || i FROM generate_series(1, 100) i;
CREATE TABLE hidden (id int PRIMARY KEY, v text, w text); INSERT INTO hidden SELECT i, 'v', 'w' FROM generate_series(1, 3000) i;
CREATE TABLE quiet (id int PRIMARY KEY, v text); INSERT INTO quiet SELECT i, 'v' FROM generate_series(1, 300) i;
"""
EDITS = """
UPDATE plain SET a = -1 WHERE id % 180 = 0; UPDATE plain SET b = NULL WHERE id = 3; UPDATE plain SET b = 9 WHERE b IS NULL AND id BETWEEN 3000 AND 3100;
UPDATE plain SET n = n * 1.0 WHERE id = 1200; UPDATE plain SET f = f + 1e-9 WHERE id = 1203; UPDATE plain SET j = '{}' WHERE id = 1206;
DELETE FROM plain WHERE id % 210 = 30; UPDATE plain SET id = -100000 WHERE id = 6; UPDATE plain SET id = 1300 WHERE id = 1299;
INSERT INTO plain SELECT i, 1, 1, 'new', 0, 0, '{}', '2026-01-01' FROM generate_series(100000, 100040, 2) i; INSERT INTO plain (id) VALUES (9223372036854775807), (-9223372036854775808);
UPDATE plain p SET t = o.t FROM plain o WHERE (p.id, o.id) IN ((21, 24), (24, 21)); UPDATE plain SET a = b, b = a WHERE id = 12 OR id = 1503;
UPDATE wide SET v = 'z' WHERE k1 = 7; DELETE FROM wide WHERE k1 = 9; UPDATE wide SET k1 = 90 WHERE "k 2" = 'k77'; INSERT INTO wide VALUES (1, 'new', NULL);
UPDATE word SET v = NULL WHERE w LIKE '%77'; DELETE FROM word WHERE w LIKE '%99'; INSERT INTO word VALUES ('', 1);
UPDATE label SET v = v + 1 WHERE u::text LIKE 'ab%'; DELETE FROM label WHERE u::text LIKE 'cd%'; INSERT INTO label SELECT md5('n' || i)::uuid, 1 FROM generate_series(1, 5) i;
UPDATE alike SET v = 'other' WHERE id % 25 = 0; DELETE FROM alike WHERE id % 100 = 7;
DELETE FROM emptied;
ALTER TABLE dropped DROP COLUMN w; UPDATE dropped SET v = 'z' WHERE id = 5;
ALTER TABLE widened ALTER id TYPE bigint, ALTER v TYPE bigint; UPDATE widened SET v = 5000000000 WHERE id = 17; DELETE FROM widened WHERE id = 18;
UPDATE part SET v = 'z' WHERE id IN (5, 1500); UPDATE part SET id = 2500 WHERE id = 900; DELETE FROM part WHERE id = 1999;
DELETE FROM hidden WHERE id % 10 = 0; UPDATE hidden SET v = 'z' WHERE id = 1205;
DELETE FROM bag WHERE v = 'v5';
"""


@pytest.fixture(scope="module")
def pair(server):
    """(before, after): after is a clone with EDITS."""
    before, after = server.create_database("sketch_before"), "sketch_after"
    server.sql(TABLES, before)
    server.create_database(after, template=before)
    server.sql(EDITS, after)
    yield before, after
    for d in (before, after):
        server.sql(f'DROP DATABASE IF EXISTS "{d}" WITH (FORCE)')


def rows_of(server, database, table):
    key = KEY.get(table, "id")
    return dict(server.sql(f"SELECT ({key})::text, row_::text FROM {table} row_", database))


def truth(server, before, after, table):
    """The keys that are changed, missing, extra, by reading both."""
    a, b = rows_of(server, before, table), rows_of(server, after, table)
    return ({k for k in a if k in b and a[k] != b[k]}, set(a) - set(b), set(b) - set(a))


def plain_key(text):
    return re.sub(r"^\((-?\d+), (.*)\)$", r"\1-\2", text)


def told(run, table):
    """kind -> keys; deleted keys that only a hash is left of are counted by None"""
    out = {}
    for r in named(run):
        if r["table"] == f"public.{table}":
            out.setdefault(r["difference"], []).append(None if r["key"].startswith("(its hash") else plain_key(r["key"]))
    return out


def body(path):
    return json.loads(open(path, encoding="utf-8").read())["certificate"]


def table_of(certificate, name):
    return next(t for t in certificate["tables"] if t["name"] == name)


def resealed(path, out, change):
    """The certificate with its body changed and its root made to fit."""
    doc = json.loads(open(path, encoding="utf-8").read())
    change(doc["certificate"])
    text = json.dumps(doc["certificate"], separators=(",", ":"), ensure_ascii=False).encode()
    with open(out, "wb") as f:
        f.write(b'{"certificate":' + text + b',"root":"' + hashlib.sha256(text).hexdigest().encode() + b'"}\n')
    return out


@pytest.fixture(scope="module")
def sketched(server, pair, tmp_path_factory):
    """Certificates of `before`: with a sketch, with one that is too small, and without."""
    import subprocess

    from conftest import BINARY, environment

    folder = tmp_path_factory.mktemp("sketch")
    paths = {}
    for name, size in (("with", "800KB"), ("small", "20KB"), ("without", "0")):
        paths[name] = folder / f"{name}.json"
        p = subprocess.run([BINARY, "integrity-baseline"], env=environment(
            {"db_url": server.url(pair[0]), "certificate": paths[name], "sketch": size, "chunk_rows": 100}, output_dir=folder / name), capture_output=True, text=True)
        assert p.returncode == 0, p.stdout + p.stderr
    return paths


DECLARED = ["drop column dropped.w", "change column widened.v"]


@pytest.fixture(scope="module")
def diff(server, pair, sketched, tmp_path_factory):
    """The comparison with one of the certificates."""
    from conftest import BINARY, Run, environment
    import subprocess

    done = {}

    def call(which):
        if which not in done:
            folder = tmp_path_factory.mktemp("diff")
            p = subprocess.run([BINARY, "integrity-diff"], env=environment({
                "db_url": server.url(pair[1]), "baseline": sketched[which], "max_rows": 100000, "expected_changes": ["drop column dropped.w"]}, output_dir=folder),
                capture_output=True, text=True)
            done[which] = Run(p, str(folder))
        return done[which]

    return call


@pytest.mark.parametrize("table", ["plain", "wide", "word", "label", "alike", "emptied", "widened", "part"])
def test_every_key_is_named_and_none_is_wrong(server, pair, diff, table):
    run = diff("with")
    changed, missing, extra = truth(server, *pair, table)
    got = told(run, table)
    assert missing and (changed or table == "emptied")
    assert sorted(got.pop("changed", [])) == sorted(changed) and sorted(got.pop("extra", [])) == sorted(extra), run
    gone = got.pop("missing")
    if table in KEY:  # a key that is no integer is gone with its row: its hash is left
        assert gone == [None] * len(missing)
    else:
        assert sorted(gone) == sorted(missing)
    assert got == {}
    line = lines(run)[table]
    assert [line[k] for k in ("changed", "missing", "extra")] == [str(len(x)) for x in (changed, missing, extra)]
    assert any(p.startswith(f"public.{table}: the certificate's sketch came apart completely") for p in run.result["proofs"])


def test_columns_are_named_where_they_can_be(diff):
    columns = {r["key"]: r["columns"] for r in named(diff("with")) if r["table"] == "public.alike" and r["difference"] == "changed"}
    assert set(columns.values()) == {"v", ""}  # in ranges from which a row is gone nothing can be said of columns
    part = {r["key"]: r["columns"] for r in named(diff("with")) if r["table"] == "public.part" and r["difference"] == "changed"}
    assert part == {"5": "v", "1500": "v"}


def test_what_the_sketch_cannot_say_is_said(diff):
    run = diff("with")
    uncovered = "\n".join(run.result["uncovered"])
    assert "public.dropped: the certificate's sketch names no rows: it is over column w, which is not compared" in uncovered
    assert lines(run)["dropped"]["changed"] == "1" and lines(run)["bag"]["missing"] == "1" and lines(run)["quiet"]["verdict"] == "equal"
    assert run.status == 3 and not any("public.quiet" in u for u in run.result["uncovered"])


def test_without_a_sketch_all_is_as_before(sketched, diff):
    certificate = body(sketched["without"])
    assert all("sketch" not in t for t in certificate["tables"])
    assert [t["digest"] for t in certificate["tables"]] == [t["digest"] for t in body(sketched["with"])["tables"]]
    assert not any("sketch" in text for text in diff("without").result["proofs"] + diff("without").result["uncovered"])
    assert not diff("without").outputs["counts_exact"]


def test_more_changes_than_it_holds(server, pair, sketched, diff):
    run = diff("small")
    assert os.path.getsize(sketched["small"]) - os.path.getsize(sketched["without"]) <= 20 << 10
    assert not run.outputs["counts_exact"] and run.status == 3 and "at least" in run.result["summary"]
    assert any("public.plain: more was written than the certificate's sketch can tell apart" in u for u in run.result["uncovered"]), run
    for table in ("plain", "wide", "word", "label", "alike", "emptied", "part"):
        changed, missing, extra = truth(server, *pair, table)
        got, line = told(run, table), lines(run)[table]
        assert set(got.get("changed", [])) <= changed and set(got.get("extra", [])) - extra <= {None} | {k for k in got.get("extra", []) if k.startswith("all of")}
        assert int(line["changed"].replace(",", "")) <= len(changed) and line["verdict"] == "different", (table, line)
        if table not in KEY:
            assert {k for k in got.get("missing", []) if not k.startswith("all of")} <= missing


def test_a_sketch_of_the_wrong_rows_names_nothing(dbstep, server, pair, sketched, tmp_path):
    """Bound by the root; and a forged one that fits its root is held against the database."""
    data = sketched["with"].read_bytes()
    at = data.index(b'"checks":"') + 100
    (tmp_path / "bit.json").write_bytes(data[:at] + (b"A" if data[at:at + 1] != b"A" else b"B") + data[at + 1:])
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=tmp_path / "bit.json")
    assert run.status == 2 and "root digest" in run.out + run.err

    def noise(c):
        for t in c["tables"]:
            for k in ("rows", "seeds", "hashes", "checks") if "sketch" in t else ():
                words = len(base64.b64decode(t["sketch"][k]))
                t["sketch"][k] = base64.b64encode(b"".join(hashlib.sha256(f"{k}{i}".encode()).digest() for i in range(words // 32 + 1))[:words]).decode()

    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=resealed(sketched["with"], tmp_path / "noise.json", noise), tables=["alike", "part"])
    assert run.status == 3 and any("public.alike: more was written" in u for u in run.result["uncovered"]), run
    _, missing, extra = truth(server, *pair, "alike")
    assert set(told(run, "alike").get("missing", [])) <= missing and "changed" not in told(run, "alike")

    def cut(c):
        t = table_of(c, "alike")
        t["sketch"]["cells"] += 1

    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=resealed(sketched["with"], tmp_path / "cut.json", cut))
    assert run.status == 2 and "a sketch is malformed" in run.out + run.err


def test_declared_writes_and_changes(dbstep, server, pair, sketched):
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=sketched["with"], tables=["plain", "alike", "wide"], max_rows=100000,
                 live_writes=["plain.+", "plain.-", "wide.v"], expected_changes=["change column alike.v"])
    changed, missing, extra = truth(server, *pair, "plain")
    got = told(run, "plain")
    assert sorted(got["changed"]) == sorted(changed) and set(got) == {"changed"}, run
    assert (run.outputs["rows_inserted"], run.outputs["rows_deleted"]) == (str(len(extra)), str(len(missing)))
    uncovered = "\n".join(run.result["uncovered"])
    assert "public.alike: the certificate's sketch names no rows: it is over column v, which is declared to change" in uncovered
    assert "public.wide: the certificate's sketch names no rows: it is over column v, which is not compared" in uncovered


def test_columns_that_will_change_are_left_out(dbstep, server, pair, tmp_path):
    declared = {"expected_changes": ["change column alike.v", "drop column dropped.w", "change column wide.v"], "live_writes": ["plain.a"], "max_rows": 100000,
                "tables": ["alike", "dropped", "wide", "plain", "part"]}
    run = dbstep("integrity-baseline", db_url=server.url(pair[0]), certificate=tmp_path / "c.json", sketch="800KB", **declared)
    certificate = body(tmp_path / "c.json")
    assert run.status == 0 and [table_of(certificate, t)["sketch"]["columns"] for t in ("alike", "dropped", "wide")] == [["w"], ["v"], []], run
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=tmp_path / "c.json", **declared)
    _, missing, _ = truth(server, *pair, "alike")
    assert {k: sorted(v) for k, v in told(run, "alike").items()} == {"missing": sorted(missing)}, run
    _, missing, extra = truth(server, *pair, "wide")
    got = told(run, "wide")
    assert set(got) == {"missing", "extra"} and sorted(got["extra"]) == sorted(extra) and got["missing"] == [None] * len(missing), run
    assert told(run, "dropped") == {"changed": ["5"]}
    changed, missing, extra = truth(server, *pair, "plain")
    got = told(run, "plain")
    assert sorted(got["missing"]) == sorted(missing) and sorted(got["extra"]) == sorted(extra) and set(got["changed"]) < changed
    assert run.outputs["counts_exact"]
    # a column that the sketch leaves out, but that is compared after all: what changed there is not overlooked, and nothing is called exact
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=tmp_path / "c.json", tables=["alike"])
    changed, missing, _ = truth(server, *pair, "alike")
    assert not run.outputs["counts_exact"] and told(run, "alike")["missing"] and lines(run)["alike"]["verdict"] == "different", run
    assert set(told(run, "alike").get("changed", [])) <= changed and any("not over all columns" in p for p in run.result["proofs"])


@pytest.mark.parametrize("size,declared,exact", [("200KB", [], True), ("8KB", [], False), ("200KB", ["change column hidden.v"], False)])
def test_declared_deletes_do_not_hide_a_change(dbstep, server, pair, tmp_path, size, declared, exact):
    """A row changed among rows that are deleted as declared; the sketch is too small, or not over the column."""
    run = dbstep("integrity-baseline", db_url=server.url(pair[0]), certificate=tmp_path / "c.json", sketch=size, tables="hidden", expected_changes=declared)
    assert run.status == 0
    # without the system identifier row versions tell nothing, as on another server
    alien = resealed(tmp_path / "c.json", tmp_path / "alien.json", lambda c: c["server"].update(system_identifier="1"))
    for certificate in (tmp_path / "c.json", alien):
        run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=certificate, tables="hidden", live_writes=["hidden.-"])
        assert run.status == 3 and run.outputs["verdict"] in (("fail",) if exact else ("fail", "inconclusive")), run
        assert run.outputs["rows_missing"] == "0" and run.outputs["rows_extra"] == "0"
        if exact:
            assert told(run, "hidden") == {"changed": ["1205"]} and (run.outputs["rows_deleted"], run.outputs["counts_exact"]) == ("300", True), run


def test_keys_stay_private(dbstep, server, pair, sketched):
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=sketched["with"], tables=["word"], hash_keys=True)
    assert named(run) and "wörd" not in run.out + json.dumps(run.result, ensure_ascii=False)


@pytest.mark.parametrize("strictness", ["semantic", "strong"])
def test_other_levels_and_sums(dbstep, server, pair, tmp_path, strictness):
    run = dbstep("integrity-baseline", db_url=server.url(pair[0]), certificate=tmp_path / "c.json", sketch="100KB", strictness=strictness, tables=["alike", "part"],
                 aggregate="sum", connections=3)
    assert run.status == 0, run
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=tmp_path / "c.json", tables=["alike", "part"], max_rows=10000)
    for table in ("alike", "part"):
        changed, missing, extra = truth(server, *pair, table)
        got = told(run, table)
        assert [sorted(got.get(k, [])) for k in ("changed", "missing", "extra")] == [sorted(x) for x in (changed, missing, extra)], run
    assert run.outputs["counts_exact"]


def test_the_size_is_bounded(dbstep, server, pair, sketched, tmp_path):
    full = os.path.getsize(sketched["without"])
    frame = len(json.dumps([{k: v for k, v in t.items() if k not in ("chunks",)} for t in body(sketched["without"])["tables"]]))
    limit = (full + frame) // 2
    run = dbstep("integrity-baseline", db_url=server.url(pair[0]), certificate=tmp_path / "c.json", chunk_rows=100, certificate_max_size=limit)
    size = os.path.getsize(tmp_path / "c.json")
    assert run.status == 0 and limit * 0.8 < size <= limit < full, run
    assert any("'certificate_max_size'" in p and "rows instead" in p for p in run.result["proofs"])
    # what it proves is the same, in coarser steps
    run = dbstep("integrity-diff", db_url=server.url(pair[0]), baseline=tmp_path / "c.json")
    assert run.status == 0 and run.result["findings"] == [], run
    run = dbstep("integrity-diff", db_url=server.url(pair[1]), baseline=tmp_path / "c.json", source_db_url=server.url(pair[0]), expected_changes=["drop column dropped.w"])
    for table in ("plain", "wide", "emptied", "part"):
        assert [lines(run)[table][k] for k in ("changed", "missing", "extra")] == [str(len(x)) for x in truth(server, *pair, table)], run
    run = dbstep("integrity-baseline", db_url=server.url(pair[0]), certificate=tmp_path / "d.json", certificate_max_size="2KB")
    assert run.status == 2 and "certificate_max_size" in run.out + run.err and not os.path.exists(tmp_path / "d.json"), run
