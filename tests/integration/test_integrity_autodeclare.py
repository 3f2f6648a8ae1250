"""integrity-diff with a changelog: what its changesets add between the two sides is declared by them, and nothing else."""
import hashlib
import itertools
import json
import re

import pytest

_names = itertools.count(1)
BASE = """
--changeset a:base
CREATE TABLE warehouses (id int PRIMARY KEY, name varchar(40) NOT NULL, location text, old text);
INSERT INTO warehouses SELECT i, 'W' || i, 'City ' || i || ', ST', 'o' FROM generate_series(1, 500) i;
CREATE TABLE inventory (id bigserial PRIMARY KEY, quantity int, price numeric(10,2));
INSERT INTO inventory (quantity, price) SELECT i % 50, i / 100.0 FROM generate_series(1, 1000) i;
CREATE SCHEMA other; CREATE TABLE other.warehouses (id int PRIMARY KEY);
CREATE TABLE measures (id int, at date) PARTITION BY RANGE (at);
"""
CITY = """
--changeset a:city
ALTER TABLE warehouses ADD COLUMN city text, ADD COLUMN IF NOT EXISTS "State é" text;
UPDATE warehouses SET city = split_part(location, ', ', 1), "State é" = split_part(location, ', ', 2);
"""


class Shop:
    def __init__(self, server, dbstep, folder):
        self.server, self.dbstep, self.folder, self.file = server, dbstep, folder, folder / "log.sql"
        self.a = server.create_database(f"declare_{next(_names)}_a")
        self.b, self.certificate = self.a[:-1] + "b", folder / "c.json"

    def deploy(self, database, body, **kw):
        self.file.write_text("--liquibase formatted sql\n" + body)
        r = self.dbstep("schema-deploy", db_url=self.server.url(database), changelog_file="log.sql", search_path=self.folder, **kw)
        assert r.status == 0, r
        return r

    def clone(self):
        """A certificate of production, and staging with the same rows."""
        r = self.dbstep("integrity-baseline", db_url=self.server.url(self.a), certificate=self.certificate)
        assert r.status == 0, r
        self.server.create_database(self.b, template=self.a)

    def diff(self, live=False, changelog=True, **kw):
        kw.update({"source_db_url": self.server.url(self.a)} if live else {"baseline": self.certificate})
        if changelog:
            kw.update(changelog_file="log.sql", search_path=self.folder)
        return self.dbstep("integrity-diff", db_url=self.server.url(self.b), **kw)

    def both(self, **kw):
        return [self.diff(live, **kw) for live in (False, True)]


@pytest.fixture
def shop(server, dbstep, tmp_path):
    s = Shop(server, dbstep, tmp_path)
    yield s
    for d in (s.a, s.b):
        server.sql(f'DROP DATABASE IF EXISTS "{d}" WITH (FORCE)')


def declared(run):
    """(changeset, declaration) as listed."""
    for t in run.result["tables"]:
        if t["title"] == "Declared by the changelog":
            return [(r[0].split("::")[1], r[1]) for r in t["rows"]]
    return []


def notes(run):
    return [(f["message"].split("::")[1], f["hint"].split(": ", 1)[-1]) for f in run.result["findings"] if f["code"] == "not-declared-by-itself"]


def test_what_the_changelog_adds_is_declared(shop, server):
    shop.deploy(shop.a, BASE)
    shop.clone()
    log = BASE + CITY + """
--changeset a:audit splitStatements:false
CREATE TABLE audit (id int PRIMARY KEY); ALTER TABLE audit ADD COLUMN what text; INSERT INTO audit VALUES (1, 'x');
--changeset a:only-test context:test
ALTER TABLE inventory ADD COLUMN flag boolean;
--changeset a:code
DO $$ BEGIN PERFORM 1; END $$;
--changeset a:partitions
CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TEMP TABLE scratch (id int); ALTER TABLE scratch ADD COLUMN x int;
"""
    shop.deploy(shop.b, log, contexts="prod")
    for run in shop.both(contexts="prod"):
        assert run.status == 0 and run.result["verdict"] == "pass" and run.result["findings"] == [], run
        assert declared(run) == [("city", "add column public.warehouses.city"), ("city", 'add column public.warehouses."State é"'),
                                 ("audit", "add table public.audit")], run
        code = [u for u in run.result["uncovered"] if "::code::" in u]
        assert len(code) == 1 and f"log.sql:{log.splitlines().index('DO $$ BEGIN PERFORM 1; END $$;') + 2}), DO: not looked into" in code[0], run.result["uncovered"]
        proofs = "\n".join(run.result["proofs"])
        assert "4 changesets of log.sql came between the two sides; 3 additions declared from them" in proofs
        assert "public.warehouses.city was added, as declared: 500 of 500 rows have a value" in proofs
    # the same without the changelog, and with what it does not say: neither passes
    for run in shop.both(changelog=False):
        assert run.status == 3 and run.finding_codes().count("column-added") == 2 and "table-added" in run.finding_codes(), run
    server.sql("ALTER TABLE other.warehouses ADD COLUMN city text; ALTER TABLE inventory ADD COLUMN flag boolean", shop.b)
    for run in shop.both(contexts="prod"):
        assert sorted((f["code"], f["object"]) for f in run.result["findings"]) == [("column-added", "public.inventory"), ("column-added", "other.warehouses")][::-1], run
    # a certificate from before histories were recorded: what ran after it was taken counts
    body = re.sub(r',"histories":\[[^]]*\]', "", shop.certificate.read_text()[len('{"certificate":'):].rsplit(',"root":', 1)[0])
    assert '"histories"' not in body
    shop.certificate.write_text('{"certificate":%s,"root":"%s"}\n' % (body, hashlib.sha256(body.encode()).hexdigest()))
    run = shop.diff(contexts="prod")
    assert len(declared(run)) == 3 and "judged by the time" in "\n".join(run.result["proofs"]), run
    assert run.finding_codes() == ["column-added"] * 2, run


def test_what_it_takes_away_is_not_but_hinted_at(shop):
    shop.deploy(shop.a, BASE)
    shop.clone()
    shop.deploy(shop.b, BASE + CITY + """
--changeset a:takes
ALTER TABLE warehouses DROP COLUMN old; ALTER TABLE warehouses RENAME name TO title;
ALTER TABLE inventory ALTER price TYPE numeric(12,4);
UPDATE inventory SET quantity = quantity + 1 WHERE id = 1; UPDATE inventory SET quantity = quantity WHERE id = 2;
DELETE FROM inventory WHERE id = 3;
DROP TABLE other.warehouses;
""")
    hints = [("takes", "drop column public.warehouses.old"), ("takes", "rename column public.warehouses.name=title"),
             ("takes", "change column public.inventory.price"), ("takes", "change column public.inventory.quantity"),
             ("takes", "only additions with a name are declared by the changelog itself"), ("takes", "drop table other.warehouses")]
    for run in shop.both():
        assert run.status == 3 and notes(run) == hints, run
        assert {"column-missing", "table-missing", "rows-missing", "column-type-changed"} <= set(run.finding_codes()), run
        assert declared(run)[0] == ("city", "add column public.warehouses.city")
        note = next(f for f in run.result["findings"] if "drops column" in f["message"])
        assert note["severity"] == "note" and note["file"].endswith("log.sql") and note["object"] == "public.warehouses" and note["line"] > 10, note
    meant = [h for _, h in hints if not h.startswith("only")]
    run = shop.diff(live=True, expected_changes=[m.replace("public.", "") for m in meant], live_writes=["inventory.-"])
    assert run.status == 0 and notes(run) == [hints[4]], run


def test_what_it_comes_to_in_the_end(shop, server):
    shop.deploy(shop.a, BASE)
    shop.clone()
    shop.deploy(shop.b, BASE + """
--changeset a:back-and-forth
ALTER TABLE warehouses ADD COLUMN a int, ADD COLUMN b int; ALTER TABLE warehouses DROP COLUMN a; ALTER TABLE warehouses RENAME b TO c;
CREATE TABLE one (id int); DROP TABLE one; CREATE TABLE two (id int); ALTER TABLE two RENAME TO three; ALTER TABLE three ADD COLUMN x int;
--changeset a:renamed-first
ALTER TABLE inventory RENAME TO stock; ALTER TABLE stock ADD COLUMN shelf text; ALTER TABLE "stock" DROP COLUMN quantity;
--changeset a:elsewhere
SET search_path = other; CREATE TABLE "Odd ""one"" ." AS SELECT 1 AS id; SELECT 2 AS id INTO plain;
--changeset a:and-back
CREATE TABLE here (id int);
""")
    for run in shop.both(expected_changes=["rename table inventory=stock", "drop column inventory.quantity"]):
        assert run.status == 0, run
        assert declared(run) == [("back-and-forth", "add column public.warehouses.c"), ("back-and-forth", "add table public.three"),
                                 ("renamed-first", "add column public.inventory.shelf"), ("elsewhere", 'add table other."Odd ""one"" ."'),
                                 ("elsewhere", "add table other.plain"), ("and-back", "add table public.here")], run
        assert run.result["findings"] == [], run


def test_pending_on_both_sides(shop, server):
    """Deployed by another tool, which keeps no history here; or not deployed at all."""
    server.sql(re.sub("--.*", "", BASE), shop.a)
    shop.clone()
    shop.file.write_text("--liquibase formatted sql\n" + CITY + """
--changeset a:broken
ALTER TABEL warehouses ADD COLUMN x int; ALTER TABLE inventory ADD COLUMN y int;
""")
    for run in shop.both():
        assert run.status == 0 and {(f["severity"], f["code"]) for f in run.result["findings"]} == {("note", "declared-change-missing")}, run
        assert any("a:broken" in u.replace("::", ":") or "::broken::" in u and "syntax error at or near \"TABEL\"" in u for u in run.result["uncovered"]), run
        assert ("broken", "add column public.inventory.y") in declared(run)
    server.sql(re.sub("--.*", "", CITY) + "ALTER TABLE inventory ADD COLUMN y int", shop.b)
    for run in shop.both():
        assert run.status == 0 and run.result["findings"] == [], run


def test_filters_again(shop, server):
    """Deployed under one context and judged under another; deployed, but not run; run again."""
    again = "--changeset a:again runOnChange:true\nCREATE OR REPLACE VIEW v AS SELECT 1 AS one;\n"
    shop.deploy(shop.a, BASE + again)
    shop.clone()
    more = """
--changeset a:only-test context:test
ALTER TABLE inventory ADD COLUMN flag boolean;
--changeset a:not-run
--preconditions onFail:MARK_RAN
--precondition-sql-check expectedResult:1 SELECT 0
ALTER TABLE inventory ADD COLUMN never boolean;
"""
    shop.deploy(shop.b, BASE + again.replace("CREATE", "ALTER TABLE inventory ADD COLUMN twice int;\nCREATE") + more, contexts="test")
    for run in shop.both(contexts="prod"):
        assert declared(run) == [("again", "add column public.inventory.twice")], run
        assert run.status == 3 and run.finding_codes() == ["column-added"] and "flag" in run.result["findings"][0]["message"], run
        assert any("::only-test::a ran in between, and declares nothing: it is left out by its context" in u for u in run.result["uncovered"]), run
    for run in shop.both(contexts="test"):
        assert run.status == 0 and len(declared(run)) == 2, run


def test_inputs(shop, server):
    shop.deploy(shop.a, BASE)
    shop.clone()
    run = shop.diff(changelog=False, changelog_file="missing.sql", search_path=shop.folder)
    assert run.status == 2 and "missing.sql" in run.err, run
    run = shop.dbstep("integrity-diff", db_url=server.url(shop.b), changelog_file="log.sql", search_path=shop.folder)
    assert run.status == 2 and "nothing to compare with" in run.err, run
    certificate = json.loads(shop.certificate.read_text())["certificate"]
    assert [(h["schema"], h["name"], h["last_order"]) for h in certificate["histories"]] == [("public", "databasechangelog", "1")]
