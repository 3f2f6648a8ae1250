"""Declared changes with expressions: types changed to equal an expression, rows that may change, expectations."""
import json

import pytest
from test_integrity_adversarial import codes, pair  # noqa: F811,F401 (a fixture)
from test_integrity_differences import lines, named

PEOPLE = """CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE SCHEMA app; CREATE FUNCTION app.swap(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$SELECT reverse($1)$$;
CREATE TABLE people (id int PRIMARY KEY, name text, price numeric(10,2), code text, born text, flag text, far int);
INSERT INTO people SELECT i, 'Name ' || i, i / 10.0, lpad(i::text, 5, '0'), (date '2026-01-01' + i)::text, CASE i % 2 WHEN 0 THEN 'ok' ELSE 'sad' END, i FROM generate_series(1, 3000) i;
INSERT INTO people (id) VALUES (0);
CREATE TABLE bag (v text, n int); INSERT INTO bag SELECT 'V' || i, i FROM generate_series(1, 200) i;"""
RETYPE = """ALTER TABLE people ALTER name TYPE varchar(40) USING lower(name), ALTER price TYPE bigint USING (price * 100)::bigint, ALTER code TYPE int USING code::int,
ALTER born TYPE date USING born::date, ALTER flag TYPE mood USING flag::mood, ALTER far TYPE text USING app.swap(far::text); ALTER TABLE people RENAME price TO cents;
ALTER TABLE bag ALTER v TYPE text USING lower(v); CREATE DOMAIN cents AS bigint CHECK (VALUE >= 0); ALTER TABLE people ALTER cents TYPE cents"""
USING = ["change column people.name using lower(name) -- as asked", "change column people.price using price * 100", "rename column people.price=cents", "change column people.code using code::int",
         "change column people.born using born::date", "change column people.flag using flag", "change column people.far using app.swap(far::text)", "change column bag.v using lower(v)"]


@pytest.mark.parametrize("strictness", ["exact", "strong"])
def test_types_changed_to_equal_an_expression(server, pair, strictness):  # noqa: F811
    _, b, compare = pair(PEOPLE, RETYPE, strictness=strictness)
    certificate, live = compare(expected_changes=USING, strictness=strictness)
    assert live.status == 0 and not codes(live) and not live.result["uncovered"], live
    assert "public.people.name: every value equals lower(name) -- as asked of the old row" in live.result["proofs"]
    # a certificate can tell casts of a common digest, and nothing else: never a silent pass
    assert certificate.outputs["verdict"] == "inconclusive" and not any(f["severity"] == "error" for f in certificate.result["findings"]), certificate
    assert {f["message"].split()[1] for f in certificate.result["findings"] if f["code"] == "expression-unproven"} == {"name", "price", "far", "v", "code"}
    server.sql("UPDATE people SET name = 'Name 5' WHERE id = 5; UPDATE people SET cents = cents + 1 WHERE id = 6; UPDATE people SET code = NULL WHERE id = 7; UPDATE people SET flag = 'ok' WHERE id = 9; "
               "UPDATE people SET far = '' WHERE id = 0; UPDATE bag SET v = 'V7' WHERE n = 7", b)
    live = list(compare(expected_changes=USING, strictness=strictness))[1]
    assert {(r["key"], r["columns"]) for r in named(live) if r["table"] == "public.people"} == {("5", "name"), ("6", "price"), ("7", "code"), ("9", "flag"), ("0", "far")}, live
    assert lines(live)["bag"]["missing"] == lines(live)["bag"]["extra"] == "1" and live.status == 3
    # through a certificate too what is written differently is no pass
    certificate = next(compare(expected_changes=[u for u in USING if "name" not in u and "price *" not in u and "swap" not in u and "bag" not in u] +
                               ["change column people.name", "change column people.price", "change column people.far", "change column bag.v"]))
    assert certificate.outputs["verdict"] in ("fail", "inconclusive") and any("column flag of public.people is written differently now" in f["message"] for f in certificate.result["findings"]), certificate


def test_using_hides_no_loss(server, pair):  # noqa: F811
    """What is cut off or rounded away is not equal to what was there; a cast that somebody wrote is meant."""
    _, b, compare = pair("""CREATE TABLE t (id int PRIMARY KEY, v text, c text, n numeric(10,2), s text, at timestamptz, o int, w numeric(8,2), d varchar(3));
                            INSERT INTO t SELECT i, 'value' || i, 'c' || i, i + 0.25, 's' || i, timestamptz '2026-01-01 00:00:00.5+00', i, i + 0.5, 'd' || i FROM generate_series(1, 9) i""",
                         """UPDATE t SET v = left(v, 3) WHERE id = 4; UPDATE t SET v = left(v, 3) || id WHERE id <> 4; UPDATE t SET c = left(c, 1) WHERE id = 5; UPDATE t SET s = upper(left(s, 1)) WHERE id = 6; UPDATE t SET s = upper(s) WHERE id <> 6;
                            ALTER TABLE t ALTER v TYPE varchar(4), ALTER c TYPE char(2), ALTER n TYPE int, ALTER s TYPE varchar(2), ALTER at TYPE timestamptz(0), ALTER o TYPE bigint, ALTER w TYPE numeric(9,3), ALTER d TYPE text""")
    using = ["v using left(v, 3) || id", "c using c", "n using n", "s using upper(s)", "at using at", "o using o", "w using w", "d using d"]
    live = list(compare(expected_changes=[f"change column t.{u}" for u in using]))[1]
    found = {r["key"]: set(r["columns"].split(", ")) for r in named(live)}
    assert live.status == 3 and found == {str(k): {"n", "at"} | {4: {"v"}, 5: {"c"}, 6: {"s"}}.get(k, set()) for k in range(1, 10)}, live
    server.sql("UPDATE t SET v = left(v, 3) || id, c = 'c' || id, s = 'S' || id", b)
    using = [u if u[0] not in "na" else u.replace("using n", "using n::int").replace("using at", "using at::timestamptz(0)") for u in using]
    live = list(compare(expected_changes=[f"change column t.{u}" for u in using]))[1]
    assert live.status == 0 and live.outputs["verdict"] == "pass", live


def test_expressions_that_cannot_be_evaluated_are_named(pair):  # noqa: F811
    _, _, compare = pair("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "ALTER TABLE t ADD fresh int")
    live_only = ["change column t.v using nope(v)", "change column t.v using v)", "change rows t where fresh = 1"]
    both = ["change rows t where v", "change rows t where nope = 1", "change rows t where v = 'x'; DROP TABLE t", "change rows t where false) OR (true", "expect t where false) IS TRUE OR (true", "expect t.v = f()",
            "expect t where v LIKE", "expect t where (SELECT count(*) FROM nothing) = 0", "expect t.fresh default 'x'"]
    for items, sides in ((live_only, slice(1, 2)), (both, slice(0, 1))):
        for item in items:
            for run in list(compare(expected_changes=["add column t.fresh", item]))[sides]:
                if "default" in item:  # there is none: that is a finding
                    assert codes(run) == [("expectation-failed", "t")], run
                else:
                    assert run.status == 2 and item in run.err and "cannot be evaluated" in run.err, (item, run)
    # it fails for a row, and not before: that table is open, and the verdict says so
    for run in compare(expected_changes=["add column t.fresh", "change rows t where 1 / (id - 1) > 0"]):
        assert run.outputs["verdict"] == "inconclusive" and "division by zero" in str(run.result["findings"]), run


def test_values_that_an_expression_fails_for_are_nobodys_business(pair):  # noqa: F811
    _, _, compare = pair("CREATE TABLE t (id int PRIMARY KEY, v text, j text); INSERT INTO t VALUES (1, '7', '{}'), (2, 'hush \"x\" hush', '{\"hush\": hush}')", "SELECT 1")
    for item in ("change rows t where v::int > 7", "change rows t where j::json IS NULL", "expect t where v::int > 0"):
        for run in compare(expected_changes=[item]):
            assert run.outputs["verdict"] == "inconclusive" and "invalid input syntax for type" in str(run.result["findings"]), run
            assert "hush" not in json.dumps(run.result) + run.err + run.out, run


ROWS = """CREATE TABLE orders (id int PRIMARY KEY, status text, total numeric); INSERT INTO orders SELECT i, CASE WHEN i % 100 = 0 THEN 'open' ELSE 'done' END, i FROM generate_series(1, 5000) i;
CREATE TABLE other (a text, b text, PRIMARY KEY (a, b)); INSERT INTO other SELECT 'a' || i, 'b' || i % 7 FROM generate_series(1, 500) i;
CREATE TABLE bag (v text, n int); INSERT INTO bag SELECT 'v' || i, i FROM generate_series(1, 200) i;"""


def test_rows_that_are_declared_to_change(dbstep, server, pair, tmp_path):  # noqa: F811
    """Open orders are shut, and their totals rounded; one is deleted, one comes: all of that matches on one side at least."""
    a, b, compare = pair(ROWS, "UPDATE orders SET status = 'shut', total = 0 WHERE status = 'open'; DELETE FROM orders WHERE id = 100; INSERT INTO orders VALUES (9000, 'open', 1); "
                               "DELETE FROM other WHERE b = 'b3'; UPDATE bag SET v = 'new' WHERE n < 10")
    declared = ["change rows orders where status = 'open'", "change rows orders where t.id > 8000 -- those to come", "change rows other where b = 'b3'", "change rows bag where n < 10"]
    certificate, live = compare(expected_changes=declared)
    assert live.status == 0 and not codes(live), live
    assert {x["verdict"] for x in lines(live).values()} == {"equal but for declared rows"}
    assert any("public.orders: 50 rows of the source may differ, as declared: change rows orders where status = 'open'" == u for u in live.result["uncovered"]), live
    assert certificate.outputs["verdict"] == "inconclusive" and set(codes(certificate)) == {("rows-unproven", "public.orders"), ("rows-unproven", "public.other"), ("rows-unproven", "public.bag")}, certificate
    witnessed = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "adv_0_a.json", source_db_url=server.url(a), expected_changes=declared)
    assert witnessed.status == 0 and not codes(witnessed), witnessed
    # all others must be equal
    server.sql("UPDATE orders SET total = 1 WHERE id = 101; DELETE FROM orders WHERE id = 202; INSERT INTO orders VALUES (7000, 'done', 1); UPDATE bag SET v = 'new' WHERE n = 50", b)
    for inputs in ({"source_db_url": server.url(a)}, {"baseline": tmp_path / "adv_0_a.json", "source_db_url": server.url(a)}):
        run = dbstep("integrity-diff", db_url=server.url(b), expected_changes=declared, **inputs)
        assert {(r["difference"], r["key"]) for r in named(run) if r["table"] == "public.orders"} == {("changed", "101"), ("missing", "202"), ("extra", "7000")}, run
        assert run.outputs["rows_missing"] == run.outputs["rows_extra"] == "2" and run.outputs["rows_changed"] == "1" and run.status == 3, run
    assert next(compare(expected_changes=declared)).outputs["verdict"] != "pass"
    # nothing matches: it did not happen
    run = list(compare(expected_changes=declared + ["change rows orders where id < 0"]))[1]
    assert ("declared-change-missing", "orders") in codes(run), run


def test_rows_declared_in_tables_that_are_equal(pair):  # noqa: F811
    _, _, compare = pair(ROWS)
    for run in compare(expected_changes=["change rows orders where status = 'open'"]):
        assert run.status == 0 and not codes(run), run


def test_expectations(server, dbstep, pair):  # noqa: F811
    a, b, compare = pair("CREATE SCHEMA app; CREATE TABLE w (id int PRIMARY KEY, location text); INSERT INTO w SELECT i, 'City ' || i || ', ST' FROM generate_series(1, 1000) i; INSERT INTO w VALUES (0, NULL); "
                         "CREATE TABLE pair (a int, b text, PRIMARY KEY (a, b)); INSERT INTO pair VALUES (1, 'x'), (2, 'y')",
                         "ALTER TABLE w ADD city text DEFAULT 'none', ADD state text NOT NULL DEFAULT 'ST', ADD \"Odd col\" int; UPDATE w SET city = split_part(location, ', ', 1); "
                         "CREATE TABLE fresh (id int PRIMARY KEY, n int); INSERT INTO fresh VALUES (1, 1), (2, -2)")
    added = ["add column w.city", "add column w.state", 'add column w."Odd col"', "add table fresh"]
    kept = ["expect w.city = split_part(location, ', ', 1) for all rows", "expect w.state NOT NULL", "w.state not null for all rows", "expect w where length(state) = 2", "expect w.city default 'none'",
            "expect w.state default 'ST'::text", "expect w.location = w.location", 'expect w."Odd col" = NULL', "expect pair where a > 0 for all rows"]
    kept = [k.replace("w.location = w.location", "w.location = t.location") for k in kept]
    for run in compare(expected_changes=added + kept):
        assert run.status == 0 and not codes(run), run
        assert "public.w: expect w where length(state) = 2, in each of 1,001 rows" in run.result["proofs"]
    server.sql("UPDATE w SET city = 'x' WHERE id IN (7, 9); UPDATE w SET city = NULL WHERE id IN (0, 11)", b)
    broken = {"expect w.city = split_part(location, ', ', 1)": "3 rows of public.w are not as declared (ITEM), first: id 7, 9, 11", "expect w.city not null": "2 rows of public.w are not as declared (ITEM), first: id 0, 11",
              "expect w where city <> 'City 5' and id < 1000": "4 rows of public.w are not as declared (ITEM), first: id 0, 5, 11", "expect fresh where n > 0": "1 row of public.fresh is not as declared (ITEM), first: id 2",
              "expect pair where b = 'z'": "2 rows of public.pair are not as declared (ITEM), first: a, b (1, x), (2, y)", "expect w.city default 'some'": "the default of column city of public.w is 'none'::text: expected was \"ITEM\"",
              "expect w.location default 'x'": "column location of public.w has no default: expected was \"ITEM\"", "expect w.nope not null": "there is no column nope of public.w: expected was \"ITEM\"",
              "expect nope.city not null": "there is no table nope: expected was \"ITEM\""}
    for run in compare(expected_changes=added + list(broken)):
        assert {f["message"] for f in run.result["findings"]} == {text.replace("ITEM", item) for item, text in broken.items()}, run
        assert {(f["code"], f["severity"]) for f in run.result["findings"]} == {("expectation-failed", "error")} and run.status == 3
    for run in compare(expected_changes=added + ["expect w.city not null"], hash_keys=True):
        assert "first: id #" in run.result["findings"][0]["message"], run


def test_all_items_that_cannot_be_understood_are_told_at_once(dbstep, server):
    wrong = ["frobnicate t", "expect t.c", "change rows t", "change rows t.c where", "change column t.c lower(c)", "drop not t.c", "rename constraint t.a=b", "expect t.c = ", "ad column t.c", "add not null t"]
    run = dbstep("integrity-diff", db_url=server.url("postgres"), source_db_url=server.url("template1"), expected_changes=wrong + ["add column t.c"])
    assert run.status == 2 and f"{len(wrong)} items" in run.err and all(f'"{w}"' in run.err for w in wrong[:5]) and "change rows T where PREDICATE" in run.err, run
