"""integrity-plan, slices, integrity-merge: a fan-out played as Argo and GitHub play it equals the single run, and does not trust a part it should not.

The server has no autovacuum: its workers commit transactions, which is what the proof of quiescence is about."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from conftest import BINARY, environment
from test_integrity_differences import lines, named

SHOP = """CREATE SCHEMA "Sch ema";
CREATE TABLE warehouses (id int PRIMARY KEY, name varchar(40) NOT NULL, location text);
INSERT INTO warehouses SELECT i, 'Warehouse ' || i, 'City ' || i || ', ST' FROM generate_series(1, 300) i;
CREATE TABLE inventory (id bigserial PRIMARY KEY, warehouse_id int NOT NULL, quantity int, price numeric(10,2), note text);
INSERT INTO inventory (warehouse_id, quantity, price, note) SELECT 1 + i % 300, i % 50, i / 100.0, repeat('n', 40) FROM generate_series(1, 30000) i;
CREATE TABLE pairs (a text, b int, v text, PRIMARY KEY (a, b)); INSERT INTO pairs SELECT 'k' || i % 100, i, 'v' || i FROM generate_series(1, 6000) i;
CREATE TABLE bag (x int, y text); INSERT INTO bag SELECT i % 500, repeat('y', i % 20) FROM generate_series(1, 4000) i;
CREATE TABLE parted (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (2000); CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (2000) TO (9000);
INSERT INTO parted SELECT i, 'p' || i FROM generate_series(1, 5000) i;
CREATE TABLE "Sch ema"."T""x, ü" ("Id" int PRIMARY KEY, "v v" text); INSERT INTO "Sch ema"."T""x, ü" SELECT i, 'v' FROM generate_series(1, 50) i;
CREATE TABLE nothing (id int PRIMARY KEY, v text);
"""
DAMAGE = """UPDATE inventory SET price = price + 1 WHERE id IN (5, 17000); DELETE FROM inventory WHERE id = 29999; INSERT INTO inventory VALUES (77777, 1, 1, 1, 'x'), (-4, 1, 1, 1, 'x');
UPDATE pairs SET v = 'w' WHERE a = 'k7' AND b = 7; DELETE FROM pairs WHERE b = 4000; UPDATE bag SET y = 'other' WHERE ctid = '(0,1)';
UPDATE parted SET v = 'q' WHERE id = 3000; UPDATE "Sch ema"."T""x, ü" SET "v v" = 'w' WHERE "Id" = 9; ALTER TABLE warehouses ADD city text; UPDATE warehouses SET city = 'c';
UPDATE warehouses SET location = NULL WHERE id = 250; ANALYZE;"""
CHANGES = ["add column warehouses.city"]


@pytest.fixture(scope="module")
def farm(server_factory):
    s = server_factory(settings={"autovacuum": "off"})
    s.sql(SHOP + "ANALYZE", s.create_database("f_template"))
    return s


@pytest.fixture
def shop(farm, request):
    tag = hashlib.md5(request.node.name.encode()).hexdigest()[:8]
    names = [f"f_{tag}_{s}" for s in "ab"]
    for d in names:
        farm.create_database(d, template="f_template")
    return names # they go with the server


class Hosted:
    """Plays a host: gives a step its variables, waits for all jobs of a matrix, and reads outputs the way it does."""

    def __init__(self, kind, tmp_path):
        self.kind, self.base, self.n = kind, tmp_path, 0

    def start(self, stage, **inputs):
        self.n += 1
        folder = self.base / f"{self.kind}{self.n}"
        folder.mkdir()
        (folder / "github").touch()
        env = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(folder / "github"), "DBSTEP_RUN_AS": "root"} if self.kind == "github" else {}
        p = subprocess.Popen([BINARY, stage], env=environment(inputs, self.kind, folder, env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        p.folder = folder
        return p

    def end(self, p, status=0):
        out, err = p.communicate(timeout=60)
        assert p.returncode == status, f"exit {p.returncode}\n{out}\n{err}"
        return out + err

    def outputs(self, p):
        if self.kind == "argo":
            return {n: (p.folder / "outputs" / n).read_text() for n in os.listdir(p.folder / "outputs")}
        text = (p.folder / "github").read_text()
        found = dict(re.findall(r"^([a-z_]+)=(.*)$", text, re.M))
        found.update({n: v for n, _, v in re.findall(r"^([a-z_]+)<<(\S+)\n(.*?)\n\2$", text, re.M | re.S)})
        return found

    def matrix(self, p):
        """Ids, as `withParam: {{…slices}}` and `matrix: ${{ fromJSON(…matrix) }}` would have them."""
        o = self.outputs(p)
        return json.loads(o["slices"]) if self.kind == "argo" else [job["slice"] for job in json.loads(o["matrix"])["include"]]

    def fan_out(self, urls, plan_inputs, parts, **slice_inputs):
        p = self.start("integrity-plan", **urls, **plan_inputs)
        self.end(p)
        plan = self.outputs(p)["plan_file"]
        ids = self.matrix(p)
        jobs = [self.start("integrity-diff", **urls, plan=plan, slice=i, part=parts / f"part-{i}.json", **slice_inputs) for i in ids]
        for j in jobs:
            self.end(j)
        return plan, ids


def essence(run):
    """What a comparison told, without what depends on how the work was cut."""
    tables = {n: tuple(r.get(k) for k in ("verdict", "rows before", "rows now", "columns", "missing", "extra", "changed")) for n, r in lines(run).items()}
    rows = sorted((r["table"], r["difference"], r["key"], r["columns"]) for r in named(run))
    keys = ("verdict", "rows_missing", "rows_extra", "rows_changed", "tables_compared", "tables_uncovered", "rows_compared", "columns_compared", "counts_exact")
    return tables, rows, {k: run.outputs[k] for k in keys}, sorted((f["code"], f["severity"], f.get("object", "")) for f in run.result["findings"]), run.status


@pytest.mark.parametrize("kind", ["argo", "github"])
def test_equals_the_single_run(dbstep, farm, shop, tmp_path, kind):
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    host = Hosted(kind, tmp_path)
    for damage in ("", DAMAGE):
        farm.sql(damage + ";SELECT 1", b)
        more = {"strictness": "strong", "live_writes": ["inventory.+", "pairs.v"], "exclude_tables": ["nothing"]} if kind == "github" else {}
        plan_inputs = {"expected_changes": CHANGES, "slices": 9, **more} if damage else {"slices": 5}
        parts = tmp_path / f"parts{len(damage)}"
        parts.mkdir()
        plan, ids = host.fan_out(urls, plan_inputs, parts)
        assert ids == [str(i) for i in range(len(ids))] and len(ids) == plan_inputs["slices"]
        body = json.load(open(plan))["plan"]
        assert {s["side"] for s in body["slices"]} == {"left", "right"}
        assert max(int(s["pages"]) for s in body["slices"]) < 2 * sum(int(s["pages"]) for s in body["slices"]) / len(ids)
        merged = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
        single = dbstep("integrity-diff", **urls, **{k: v for k, v in plan_inputs.items() if k != "slices"})
        assert essence(merged) == essence(single), (merged, single)
        assert merged.status == (3 if damage else 0) and merged.outputs["verdict"] == ("fail" if damage else "pass")
        assert sum("saw the same transactions" in p for p in merged.result["proofs"]) == 2
    assert (merged.outputs["rows_changed"], merged.outputs["rows_inserted"], len(named(merged))) == (("5", "2", 9) if more else ("6", "0", 12)), merged
    # without databases: the same tables, named as ranges with their columns
    blind = dbstep("integrity-merge", plan=plan, parts=[str(parts)])
    assert blind.status == 3 and {n: r["verdict"] for n, r in lines(blind).items()} == {n: r["verdict"] for n, r in lines(merged).items()}, blind
    assert any(r["difference"] == "somewhere in" and r["columns"] == "location" and r["key"].startswith("id ") for r in named(blind)), blind
    # nor are ranges named by their keys, where those are nobody's business
    hidden = dbstep("integrity-merge", plan=plan, parts=[str(parts)], hash_keys=True)
    assert any(re.fullmatch(r"id in range \d+ of \d+", r["key"]) for r in named(hidden)) and len(named(hidden)) == len(named(blind)), hidden
    assert not re.search(r"\bid (-?\d+ to|-?\d+\.\.|above -?\d|below -?\d)", json.dumps(hidden.result)), hidden
    # the rows have moved on since: ranges again, never rows that the parts did not see
    farm.sql("UPDATE inventory SET price = 0 WHERE id IN (6, 17001)", a)
    later = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
    assert later.status == 3 and not {"6", "17001"} & {r["key"] for r in named(later)} and any("have changed since" in u for u in later.result["uncovered"]), later
    assert ("public.pairs", "missing", "(k0, 4000)", "") in essence(later)[1]


def test_parts_that_cannot_be_trusted(dbstep, farm, shop, tmp_path):
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    host = Hosted("argo", tmp_path)
    parts, other = tmp_path / "parts", tmp_path / "other"
    parts.mkdir(), other.mkdir()
    plan, ids = host.fan_out(urls, {"slices": 4}, parts)
    host.fan_out(urls, {"slices": 4, "tables": ["inventory", "pairs"]}, other)

    def merge(status, *texts, given=None):
        run = dbstep("integrity-merge", plan=plan, parts=given or [str(parts)])
        assert run.status == status and run.outputs["verdict"] == {0: "pass", 2: "error", 3: "inconclusive"}[status], run
        for t in texts:
            assert t in run.err + run.out, run
        return run

    def refuse(slice_file, content, status, *texts):
        path = parts / slice_file
        good = path.read_bytes() if path.exists() else None
        path.write_bytes(content) if content is not None else path.unlink()
        merge(status, *texts)
        path.write_bytes(good) if good is not None else path.unlink()

    merge(0)
    merge(0, given=[str(parts / f"part-{i}.json") for i in ids])
    good = (parts / "part-2.json").read_bytes()
    refuse("part-2.json", None, 3, "1 of 4 slices is missing: 2")
    merge(3, "3 of 4 slices are missing: 0, 1, 3", given=[str(parts / "part-2.json")])
    refuse("again.json", good, 2, "slice 2 is there twice", "again.json")
    refuse("part-2.json", (other / "part-2.json").read_bytes(), 2, "slice 2 of another plan")
    refuse("foreign.json", (other / "part-2.json").read_bytes(), 2, "slice 2 of another plan", "foreign.json")
    refuse("part-2.json", good.replace(b'"rows":"', b'"rows":"1', 1), 2, "part-2.json is not valid", "root digest")
    refuse("part-2.json", good[:-5], 2, "part-2.json is not valid", "cut short")
    # an edit that keeps the root right is still not of that database, or not of that slice
    def forge(old, new):
        body = good[len(b'{"part":'):-len(b',"root":""}\n') - 64].replace(old, new, 1)
        assert body not in good
        return b'{"part":' + body + b',"root":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'
    system = re.search(rb'"system_identifier":"(\d+)"', good).group(1)
    refuse("part-2.json", forge(system, b"1" + system[1:]), 2, "another database")
    refuse("part-2.json", forge(b'"slice":2', b'"slice":9'), 2, "no such slice")
    refuse("part-2.json", forge(b'"name":"', b'"name":"x'), 2, "not those of the slice")
    refuse("part-2.json", forge(b'"filenodes":["', b'"filenodes":["1'), 3, "rewritten")
    refuse("part-2.json", forge(b'"value":"', b'"value":"1'), 2, "hashes differently")
    # one slice read again by itself; then a slice that cannot be had
    os.unlink(parts / "part-2.json")
    host.end(host.start("integrity-diff", **urls, plan=plan, slice=2, part=parts / "part-2.json"))
    merge(0)
    for wrong in ({"slice": "4"}, {"slice": "x"}, {"slice": ""}, {"slice": "-1"}):
        host.end(host.start("integrity-diff", **urls, plan=plan, **wrong), 2)
    text = host.end(host.start("integrity-diff", db_url=urls["db_url"], plan=plan, slice=0), 2)
    assert "no source is given" in text
    text = host.end(host.start("integrity-diff", db_url=urls["source_db_url"], source_db_url=urls["db_url"], plan=plan, slice=0), 2)
    assert "is not the one that the plan was made of" in text
    tampered = tmp_path / "plan.json"
    tampered.write_bytes(open(plan, "rb").read().replace(b'"from":"0"', b'"from":"1"', 1))
    host.end(host.start("integrity-diff", **urls, plan=tampered, slice=0), 2)


def test_writes_between_slices(dbstep, farm, shop, tmp_path):
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    host = Hosted("argo", tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()

    def fan_out(plan):
        ids = json.loads((tmp_path / "seen").read_text())
        for i in ids:
            host.end(host.start("integrity-diff", **urls, plan=plan, slice=i, part=parts / f"part-{i}.json"))
            farm.sql("UPDATE inventory SET quantity = quantity + 1 WHERE id = 100; UPDATE pairs SET v = v || 'x' WHERE b = 5", b)

    # nobody holds a snapshot: neither a pass nor a verdict of differences
    p = host.start("integrity-plan", slices=6, **urls)
    host.end(p)
    for d in (a, b): # a plan asks indexes; of tables of a few pages the server reads all
        assert farm.value("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('inventory', 'pairs', 'bag')", d) == 0
    (tmp_path / "seen").write_text(host.outputs(p)["slices"])
    fan_out(host.outputs(p)["plan_file"])
    for given in ({}, urls):
        run = dbstep("integrity-merge", plan=host.outputs(p)["plan_file"], parts=[str(parts)], **given)
        assert run.outputs["verdict"] == "inconclusive" and run.status == 3 and run.finding_codes().count("slices-inconsistent") == 2, run
        assert {f["severity"] for f in run.result["findings"]} == {"warning"}
    # held: the slices see what the plan saw, and the writes made no difference
    shutil.rmtree(parts), parts.mkdir()
    farm.sql("UPDATE inventory SET quantity = 50 WHERE id = 100; UPDATE pairs SET v = 'v5' WHERE b = 5; UPDATE inventory SET price = 0 WHERE id = 9; "
             "UPDATE pairs SET v = 'z' WHERE b = 6", b)
    farm.sql("UPDATE inventory SET quantity = 50 WHERE id = 100; UPDATE pairs SET v = 'v5' WHERE b = 5", a)
    holder = host.start("integrity-plan", slices=6, hold_snapshot="1h", **urls)
    plan = str(holder.folder / "plan.json")
    reader = host.start("integrity-plan", held_plan=plan)
    host.end(reader)
    o = host.outputs(reader)
    assert o["plan_file"] == plan and o["snapshot"] and o["source_snapshot"] and holder.poll() is None
    (tmp_path / "seen").write_text(o["slices"])
    fan_out(plan)
    merged = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
    assert merged.status == 3 and essence(merged)[1] == [("public.inventory", "changed", "9", "price"), ("public.pairs", "changed", "(k6, 6)", "v")], merged
    assert sum("read on one exported snapshot" in p for p in merged.result["proofs"]) == 2
    assert any("writes on the database after its snapshot" in u for u in merged.result["uncovered"])
    blind = dbstep("integrity-merge", plan=plan, parts=[str(parts)])
    assert blind.outputs["verdict"] == "fail" and len(named(blind)) == 2, blind
    # old snapshots see a truncated table as empty: its rows are not taken for missing
    farm.sql("TRUNCATE pairs", b)
    merged = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
    assert [r["difference"] for r in named(merged) if r["table"] == "public.pairs"] == ["somewhere in"] and merged.outputs["rows_missing"] == "0", merged
    holder.send_signal(signal.SIGTERM)
    text = host.end(holder)
    assert json.load(open(holder.folder / "result.json"))["outputs"]["plan_id"] == o["plan_id"], text
    # gone with its holder: a slice cannot be read any more, the merge names what still stands
    text = host.end(host.start("integrity-diff", **urls, plan=plan, slice=o["slice_count"] and 0), 20)
    assert "must be held open" in text
    again = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
    assert again.outputs["verdict"] == "fail" and any("have changed since" in u for u in again.result["uncovered"]), again


def test_against_a_certificate_and_faults(dbstep, farm, shop, tmp_path):
    a, b = shop
    host = Hosted("github", tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()
    assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=tmp_path / "c.json").status == 0
    farm.sql(DAMAGE, b)
    plan, ids = host.fan_out({"db_url": farm.url(b)}, {"baseline": tmp_path / "c.json", "expected_changes": CHANGES, "slices": 3}, parts)
    assert len(ids) == 3
    inputs = {"db_url": farm.url(b), "baseline": tmp_path / "c.json"}
    merged = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **inputs)
    single = dbstep("integrity-diff", expected_changes=CHANGES, **inputs)
    assert essence(merged) == essence(single) and merged.status == 3, (merged, single)
    witness = dbstep("integrity-merge", plan=plan, parts=[str(parts)], source_db_url=farm.url(a), **inputs)
    assert essence(witness) == essence(dbstep("integrity-diff", expected_changes=CHANGES, source_db_url=farm.url(a), **inputs)), witness
    assert dbstep("integrity-merge", plan=plan, parts=[str(parts)]).status == 2
    assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=tmp_path / "d.json").status == 0
    run = dbstep("integrity-merge", plan=plan, parts=[str(parts)], baseline=tmp_path / "d.json")
    assert run.status == 2 and "is not the one that the plan was made with" in run.err + run.out
    # a table rewritten since the plan: its slices say so, and do not read other rows than those planned
    farm.sql("VACUUM FULL inventory", b)
    text = host.end(host.start("integrity-diff", db_url=farm.url(b), plan=plan, slice=0), 3)
    assert "was rewritten since the plan was made" in text
    # a table that one slice could not read
    farm.sql(f"DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA public, \"Sch ema\" TO reader; "
             "GRANT SELECT ON ALL TABLES IN SCHEMA public, \"Sch ema\" TO reader", b)
    farm.sql("GRANT USAGE ON SCHEMA public, \"Sch ema\" TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA public, \"Sch ema\" TO reader", a)
    shutil.rmtree(parts), parts.mkdir()
    urls = {"db_url": farm.url(b, user="reader"), "source_db_url": farm.url(a, user="reader")}
    p = host.start("integrity-plan", slices=2, expected_changes=CHANGES, **urls)
    host.end(p)
    farm.sql("REVOKE SELECT ON pairs FROM reader", b)
    for i in host.matrix(p):
        host.end(host.start("integrity-diff", **urls, plan=host.outputs(p)["plan_file"], slice=i, part=parts / f"p{i}.json"), 3 if i == "1" else 0)
    farm.sql("GRANT SELECT ON pairs TO reader", b)
    run = dbstep("integrity-merge", plan=host.outputs(p)["plan_file"], parts=[str(parts)])
    assert lines(run)["pairs"]["verdict"] == "not compared" and "permission-denied" in run.finding_codes() and lines(run)["bag"]["verdict"] == "different", run


def test_resume(dbstep, dbstep_start, farm, shop, tmp_path):
    a, b = shop
    farm.sql(DAMAGE, b)
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    work = tmp_path / "work"
    inputs = {"expected_changes": CHANGES, "resume_dir": work, **urls}
    single = dbstep("integrity-diff", expected_changes=CHANGES, **urls)

    def parts():
        return sorted(f for f in os.listdir(work) if f.startswith("part-")) if work.is_dir() else []

    def run(**more):
        r = dbstep("integrity-diff", **{**inputs, **more})
        assert [f for f in essence(r)[3] if f[0] != "resume-anew"] == essence(single)[3] and essence(r)[:3] == essence(single)[:3], (r, single)
        read_before = [int(m.group(1)) for p in r.result["proofs"] if (m := re.match(r"(\d+) of \d+ slices were read by an interrupted run", p))]
        return read_before[0] if read_before else 0, [f["message"] for f in r.result["findings"] if f["code"] == "resume-anew"]

    p = dbstep_start("integrity-diff", **inputs)
    while not parts() and p.poll() is None:
        pass
    p.kill()
    p.wait()
    kept = len(parts())
    total = len(json.load(open(work / "plan.json"))["plan"]["slices"])
    assert 0 < kept < total, "the run was over before it could be killed"
    before = {f: os.stat(work / f).st_mtime_ns for f in parts()}
    assert run() == (kept, [])
    assert {f: os.stat(work / f).st_mtime_ns for f in before} == before and len(parts()) == total
    # everything is there: nothing is read again; a damaged part is
    assert run() == (total, [])
    (work / parts()[3]).write_text("{")
    assert run() == (total - 1, [])
    # something was committed since: the old parts are worth nothing
    farm.sql("UPDATE inventory SET quantity = quantity WHERE id = 3", a)
    done, anew = run()
    assert done == 0 and "transactions were committed since" in anew[0]
    # another question
    other = dbstep("integrity-diff", **{**inputs, "tables": ["pairs"]})
    assert "is of another comparison" in json.dumps(other.result["findings"]) and other.outputs["tables_compared"] == "1", other
    refused = dbstep("integrity-diff", deployed_transactions=["1234"], **inputs)
    assert refused.status == 2


def test_the_plan_and_its_slices_are_of_one_moment(dbstep, farm, shop, tmp_path):
    """What guards the data, and which tables there are, is known from the plan."""
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    plan = dbstep("integrity-plan", slices=3, **urls).outputs["plan_file"]
    farm.sql("ALTER TABLE warehouses ALTER name DROP NOT NULL; CREATE TABLE fresh (id int)", b)
    (tmp_path / "parts").mkdir()
    for i in range(3):
        assert dbstep("integrity-diff", plan=plan, slice=i, part=tmp_path / "parts" / f"{i}.json", **urls).status == 0
    for inputs in ({}, urls):
        run = dbstep("integrity-merge", plan=plan, parts=tmp_path / "parts", **inputs)
        assert run.outputs["verdict"] == "inconclusive" and set(run.finding_codes()) == {"plan-outdated"}, run


def test_a_plan_from_before_a_schema_change_is_not_resumed(dbstep, farm, shop, tmp_path):
    """Killed before it had read anything of a side: only the plan is of then."""
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    for i, (database, change) in enumerate([(b, "CREATE TABLE fresh (id int)"), (b, "ALTER TABLE warehouses ALTER name DROP NOT NULL"), (a, "CREATE TABLE gone (id int)")]):
        work = tmp_path / f"work{i}"
        assert dbstep("integrity-diff", resume_dir=work, **urls).status == (0 if not i else 3)
        for part in work.glob("part-*"):
            part.unlink()
        farm.sql(change, database)
        run = dbstep("integrity-diff", resume_dir=work, **urls)
        assert "resume-anew" in run.finding_codes(), run
        assert {"table-added": 1, "not-null-dropped": i >= 1, "table-missing": i >= 2} == {c: run.finding_codes().count(c) for c in ("table-added", "not-null-dropped", "table-missing")}, run
    # a certificate of what is guarded now
    work, path = tmp_path / "own", tmp_path / "own.json"
    assert dbstep("integrity-baseline", resume_dir=work, certificate=path, db_url=farm.url(a)).status == 0
    for part in work.glob("part-*"):
        part.unlink()
    farm.sql("ALTER TABLE warehouses ADD CONSTRAINT late CHECK (id > 0)", a)
    assert dbstep("integrity-baseline", resume_dir=work, certificate=path, db_url=farm.url(a)).status == 0
    farm.sql("ALTER TABLE warehouses DROP CONSTRAINT late", a)
    assert "constraint-missing" in dbstep("integrity-diff", baseline=path, db_url=farm.url(a)).finding_codes()
    # asked for more than the plan has
    farm.sql("CREATE MATERIALIZED VIEW seen AS SELECT 1 AS x", a)
    assert dbstep("integrity-baseline", resume_dir=work, certificate=path, db_url=farm.url(a)).status == 0
    run = dbstep("integrity-baseline", resume_dir=work, certificate=path, db_url=farm.url(a), materialized_views=True)
    assert run.status == 0 and "resume-anew" in run.finding_codes() and lines(run)["seen"]["verdict"] == "certified", run


def test_keys_beyond_the_bounds_of_an_earlier_certificate(dbstep, farm, shop, tmp_path):
    """They share a chunk however far apart they are, and the server's hash of a bigint folds its halves into one another."""
    a, b = shop
    far = 1 << 32
    for i, (before, after) in enumerate([((1 * far + 5, 1 * far + 9), (2 * far + 6, 2 * far + 10)), ((-2 * far + 5, -2 * far + 9), (-3 * far + 6, -3 * far + 10)), ((1 * far + 5,), (2 * far + 6,))]):
        for d in shop:
            farm.sql("DROP TABLE IF EXISTS far; CREATE TABLE far (id bigint PRIMARY KEY); INSERT INTO far SELECT generate_series(1, 1000)", d)
        bounds, first, second = (tmp_path / f"{n}{i}.json" for n in ("bounds", "first", "second"))
        inputs = {"tables": ["far"]}
        assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=bounds, **inputs).status == 0
        for d, keys in ((a, before), (b, after)):
            farm.sql("INSERT INTO far SELECT unnest(%s::bigint[])", d, (list(keys),))
        for d, path in ((a, first), (b, second)):
            assert dbstep("integrity-baseline", db_url=farm.url(d), certificate=path, geometry_from=bounds, **inputs).status == 0
        for run in (dbstep("integrity-diff", baseline=first, current=second, **inputs), dbstep("integrity-diff", baseline=first, db_url=farm.url(b), **inputs)):
            assert run.outputs["verdict"] == "fail" and lines(run)["far"]["verdict"] == "different", run
        assert dbstep("integrity-diff", baseline=first, db_url=farm.url(a), **inputs).status == 0


def test_two_certificates_without_a_database(dbstep, farm, shop, tmp_path):
    a, b = shop
    first, second, own = (tmp_path / f"{n}.json" for n in ("first", "second", "own"))
    assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=first).status == 0
    assert dbstep("integrity-baseline", db_url=farm.url(b), certificate=second, geometry_from=first).status == 0
    run = dbstep("integrity-diff", baseline=first, current=second)
    assert run.status == 0 and run.outputs["verdict"] == "pass" and run.outputs["tables_compared"] == "7" and run.outputs["rows_compared"] == "45350", run
    farm.sql(DAMAGE + "ALTER TABLE inventory ALTER warehouse_id TYPE bigint; ALTER TABLE pairs RENAME v TO w", b)
    declared = CHANGES + ["change column inventory.warehouse_id", "rename column pairs.v=w"]
    assert dbstep("integrity-baseline", db_url=farm.url(b), certificate=second, geometry_from=first).status == 0
    assert dbstep("integrity-baseline", db_url=farm.url(b), certificate=own, chunk_rows=50).status == 0
    run = dbstep("integrity-diff", baseline=first, current=second, expected_changes=declared)
    live = dbstep("integrity-diff", db_url=farm.url(b), baseline=first, expected_changes=declared)
    assert run.status == 3 and {n: (r["verdict"], r["unequal"], r["rows now"]) for n, r in lines(run).items()} == \
        {n: (r["verdict"], r["unequal"], r["rows now"]) for n, r in lines(live).items()}, (run, live)
    assert {r["table"] for r in named(run)} == {"public.inventory", "public.pairs", "public.bag", "public.parted", "public.warehouses", 'Sch ema.T"x, ü'}
    assert all(r["columns"] in ("price", "quantity, price, note", "v", "", "v v", "location") for r in named(run)), named(run)
    assert {"all of id above 30000 (1 rows)", "all of id below 1 (1 rows)"} <= {r["key"] for r in named(run)}, named(run)
    assert "column-added" in dbstep("integrity-diff", baseline=first, current=second).finding_codes()
    # of other chunks: never equal, never different
    run = dbstep("integrity-diff", baseline=first, current=own, expected_changes=declared)
    assert "geometry-differs" in run.finding_codes() and lines(run)["inventory"]["verdict"] == "not compared" and run.status == 3, run
    strong = tmp_path / "strong.json"
    assert dbstep("integrity-baseline", db_url=farm.url(b), certificate=strong, strictness="strong").status == 0
    run = dbstep("integrity-diff", baseline=first, current=strong)
    assert run.status == 3 and "strictness" in run.err + run.out and run.outputs["verdict"] == "inconclusive"
    assert dbstep("integrity-diff", baseline=strong, current=strong).status == 0
    for more in ({"db_url": farm.url(b)}, {"source_db_url": farm.url(a)}):
        assert dbstep("integrity-diff", baseline=first, current=second, **more).status == 2
    assert dbstep("integrity-diff", current=second).status == 2
    damaged = tmp_path / "damaged.json"
    damaged.write_bytes(second.read_bytes().replace(b'"rows":"', b'"rows":"1', 1))
    assert dbstep("integrity-diff", baseline=first, current=damaged).status == 2


def test_a_certificate_by_slices(dbstep, farm, shop, tmp_path):
    a, _ = shop
    host = Hosted("argo", tmp_path)
    parts, work = tmp_path / "parts", tmp_path / "work"
    parts.mkdir()
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    inputs = {"db_url": farm.url(a), "exclude_tables": ["nothing"]}
    assert dbstep("integrity-baseline", certificate=first, **inputs).status == 0

    def digests(path):
        return {(t["schema"], t["name"]): (t["rows"], t["digest"]) for t in json.load(open(path))["certificate"]["tables"]}

    plan, ids = host.fan_out({"db_url": farm.url(a)}, {"slices": 4, "exclude_tables": "nothing"}, parts)
    run = dbstep("integrity-merge", plan=plan, parts=[str(parts)], certificate=second)
    assert run.status == 0 and run.outputs["certificate_file"] == str(second) and run.outputs["rows_compared"] == "45350" and len(ids) == 4, run
    assert len(digests(first)) == 6 and digests(second) == digests(first)
    farm.sql("UPDATE inventory SET price = 5 WHERE id = 123", a)
    run = dbstep("integrity-diff", baseline=second, **inputs)
    assert run.status == 3 and ("public.inventory", "changed", "123", "price") in essence(run)[1], run
    # of different moments, none is written
    host.end(host.start("integrity-diff", db_url=farm.url(a), plan=plan, slice=1, part=parts / "part-1.json"))
    run = dbstep("integrity-merge", plan=plan, parts=[str(parts)], certificate=tmp_path / "none.json")
    assert run.outputs["verdict"] == "inconclusive" and run.status == 3 and not (tmp_path / "none.json").exists(), run
    # resumed: the same certificate; with an earlier one's geometry, comparable without a database
    third = tmp_path / "third.json"
    for removed in (None, "part-0.json", "part-7.json"):
        if removed:
            (work / removed).unlink()
        run = dbstep("integrity-baseline", certificate=third, resume_dir=work, geometry_from=first, **inputs)
        assert run.status == 0 and any("were not read again" in p for p in run.result["proofs"]) == bool(removed), run
    run = dbstep("integrity-diff", baseline=first, current=third)
    assert run.status == 3 and [r["columns"] for r in named(run)] == ["price"], run
    assert host.end(host.start("integrity-plan", db_url=farm.url(a), expected_changes="drop table bag"), 2)


GUARDED = """CREATE TABLE child (id int PRIMARY KEY, w int); INSERT INTO child VALUES (1, 1), (2, 999); ALTER TABLE child ADD CONSTRAINT child_w FOREIGN KEY (w) REFERENCES warehouses NOT VALID;
CREATE MATERIALIZED VIEW towns AS SELECT id, location FROM warehouses; SELECT lo_from_bytea(4711, 'abc'); SELECT setval('inventory_id_seq', 7);"""


def test_what_is_to_be_compared_stands_in_the_plan(dbstep, farm, shop, tmp_path):
    """Views, large objects and foreign keys are asked for when the plan is made, and nowhere else."""
    a, b = shop
    for d in shop:
        farm.sql(GUARDED, d)
    farm.sql("SELECT lo_put(4711, 1, 'X'); UPDATE warehouses SET location = 'moved' WHERE id = 5; REFRESH MATERIALIZED VIEW towns; "
             "UPDATE warehouses SET location = (SELECT 'City 5, ST') WHERE id = 5", b)
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    asked = {"large_objects": True, "materialized_views": True, "check_foreign_keys": "none"}
    host, parts, work = Hosted("argo", tmp_path), tmp_path / "parts", tmp_path / "work"
    parts.mkdir()
    plan, _ = host.fan_out(urls, {"slices": 3, **asked}, parts)
    single = dbstep("integrity-diff", **urls, **asked)
    assert {"large-objects-changed", "rows-missing", "rows-extra"} <= set(single.finding_codes()) and lines(single)["towns"]["verdict"] == "different", single
    merged = dbstep("integrity-merge", plan=plan, parts=[str(parts)], **urls)
    assert essence(merged) == essence(single), (merged, single)
    blind = dbstep("integrity-merge", plan=plan, parts=[str(parts)])
    assert "large-objects-unproven" in blind.finding_codes() and lines(blind)["towns"]["verdict"] == "different", blind
    for more, anew in (({}, False), (asked, True), ({**asked, "check_foreign_keys": "all"}, True)):
        run = dbstep("integrity-diff", resume_dir=work, **urls, **more)
        assert ("resume-anew" in run.finding_codes()) == anew and ("towns" in lines(run) and lines(run)["towns"]["verdict"] == "different") == bool(more), run


def test_certificates_by_slices_hold_what_others_hold(dbstep, farm, shop, tmp_path):
    a, _ = shop
    farm.sql(GUARDED, a)
    inputs = {"db_url": farm.url(a), "large_objects": True}
    host, parts = Hosted("argo", tmp_path), tmp_path / "parts"
    parts.mkdir()

    def held(path):
        return sorted((o["kind"], o["table"], o["name"], o["state"], o["definition"], o.get("value")) for o in json.load(open(path))["certificate"]["objects"])

    assert dbstep("integrity-baseline", certificate=tmp_path / "plain.json", **inputs).status == 0
    plain = held(tmp_path / "plain.json")
    assert {"orphans", "large-objects"} <= {o[0] for o in plain} and any(o[0] == "sequence" and o[3] == "behind" for o in plain), plain
    for more in ({}, {"geometry_from": tmp_path / "plain.json"}):
        work, by_slices = tmp_path / f"work{len(more)}", tmp_path / "slices.json"
        assert dbstep("integrity-baseline", certificate=by_slices, resume_dir=work, **inputs, **more).status == 0
        assert held(by_slices) == plain
    plan, _ = host.fan_out({"db_url": farm.url(a)}, {"slices": 3, "large_objects": True}, parts)
    assert dbstep("integrity-merge", plan=plan, parts=[str(parts)], certificate=tmp_path / "merged.json").status == 0
    assert held(tmp_path / "merged.json") == plain
    # what was measured for the plan is of the same moment as the rows, or there is no certificate
    p = host.start("integrity-plan", db_url=farm.url(a), slices=1)
    host.end(p)
    farm.sql("UPDATE inventory SET quantity = 9 WHERE id = 1", a)
    late = tmp_path / "late"
    late.mkdir()
    host.end(host.start("integrity-diff", db_url=farm.url(a), plan=host.outputs(p)["plan_file"], slice=0, part=late / "part-0.json"))
    run = dbstep("integrity-merge", plan=host.outputs(p)["plan_file"], parts=[str(late)], certificate=tmp_path / "none.json")
    assert run.outputs["verdict"] == "inconclusive" and "the catalogue, for the plan, and the slices were read at different moments" in run.err, run
    for part in (tmp_path / "work0").glob("part-*"):
        part.unlink()
    run = dbstep("integrity-baseline", certificate=tmp_path / "anew.json", resume_dir=tmp_path / "work0", **inputs)
    assert "transactions were committed since" in str(run.result["findings"]), run


def test_what_is_said_of_a_single_run_is_said_of_slices(dbstep, farm, shop, tmp_path):
    a, b = shop
    urls = {"db_url": farm.url(b), "source_db_url": farm.url(a)}
    # an expression that nobody can evaluate is the author's fault, wherever it is met first
    for stage, more in (("integrity-plan", {}), ("integrity-diff", {"resume_dir": tmp_path / "none"})):
        run = dbstep(stage, expected_changes=["change rows bag where nope = 1"], **urls, **more)
        assert run.status == 2 and "cannot be evaluated" in run.err, run
    # what cannot be judged in part is refused, and not forgotten
    for more in ({"plan": __file__, "slice": 0}, {"current": __file__, "baseline": __file__}, {"resume_dir": tmp_path / "none", **urls}):
        run = dbstep("integrity-diff", deployed_transactions=["1234"], **{"db_url": farm.url(b), **more})
        assert run.status == 2 and "'deployed_transactions' cannot be judged with '" in run.err, run
    # so is throttling that sees nothing
    farm.sql("DROP ROLE IF EXISTS fan_viewer; CREATE ROLE fan_viewer LOGIN")
    for d in shop:
        farm.sql('GRANT USAGE ON SCHEMA "Sch ema" TO fan_viewer; GRANT SELECT ON ALL TABLES IN SCHEMA public, "Sch ema" TO fan_viewer; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO fan_viewer', d)
    viewed = {"db_url": farm.url(b, user="fan_viewer"), "source_db_url": farm.url(a, user="fan_viewer")}
    host = Hosted("argo", tmp_path)
    p = host.start("integrity-plan", slices=2, **urls)
    host.end(p)
    run = dbstep("integrity-diff", plan=host.outputs(p)["plan_file"], slice=0, max_active_sessions=50, **viewed)
    assert run.finding_codes() == ["throttle-blind"], run
    run = dbstep("integrity-diff", resume_dir=tmp_path / "work", max_active_sessions=50, **viewed)
    assert run.finding_codes() == ["throttle-blind", "throttle-blind"], run


def test_many_chunks_looked_into_take_little_memory(dbstep, dbstep_start, farm, shop, tmp_path):
    a, b = shop
    certificate = tmp_path / "certificate.json"
    inputs = {"tables": ["inventory"]}
    assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=certificate, chunk_rows=100, **inputs).status == 0
    farm.sql("UPDATE inventory SET price = price + 1 WHERE id % 100 = 1", b)
    p = dbstep_start("integrity-diff", db_url=farm.url(b), baseline=certificate, **inputs)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    assert p.returncode == 3 and usage.ru_maxrss < 64 << 10, f"{usage.ru_maxrss >> 10} MB"


def test_what_would_be_ignored_is_refused(dbstep, farm, shop, tmp_path):
    a, b = shop
    assert dbstep("integrity-plan", db_url=farm.url(b), source_db_url=farm.url(a), output_dir=tmp_path / "p").status == 0
    plan = {"plan": tmp_path / "p" / "plan.json", "slice": "0", "db_url": farm.url(b), "source_db_url": farm.url(a)}
    for name, more in [("expected_changes", {"expected_changes": "drop table bag"}), ("live_writes", {"live_writes": "bag.+"}), ("changelog_file", {"changelog_file": "c.sql"})]:
        run = dbstep("integrity-diff", **plan, **more)
        assert run.status == 2 and name in run.err and "integrity-plan" in run.err, run
    certificate = tmp_path / "c.json"
    assert dbstep("integrity-baseline", db_url=farm.url(a), certificate=certificate).status == 0
    run = dbstep("integrity-diff", baseline=certificate, current=certificate, changelog_file="c.sql")
    assert run.status == 2 and "changelog_file" in run.err, run
