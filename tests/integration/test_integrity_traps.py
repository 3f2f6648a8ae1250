"""integrity-diff: traps of digests that need several columns, rows or types at once, at every strictness and in both forms of the digest."""
import pytest
from test_integrity_differences import TYPES, lines, named

LEVELS = [("exact", "auto"), ("semantic", "auto"), ("strong", "auto"), ("exact", "portable"), ("semantic", "portable")]
THOUSAND = "generate_series(1, 1000) i"
# table -> columns, rows, the change, what differs: (difference, key, columns), or for semantic alone if given
TRAPS = {
    "bar_shift": ("id int PRIMARY KEY, a text, b text", f"i, 'a|b', 'c' FROM {THOUSAND}", "UPDATE bar_shift SET a = 'a', b = 'b|c' WHERE id = 500", {("changed", "500", "a, b")}),
    "comma_shift": ("id int PRIMARY KEY, a text, b text", f"i, 'a,b', 'c' FROM {THOUSAND}", "UPDATE comma_shift SET a = 'a', b = 'b,c' WHERE id = 500", {("changed", "500", "a, b")}),
    "null_shift": ("id int PRIMARY KEY, a text, b text", f"i, 'a', NULL FROM {THOUSAND}", "UPDATE null_shift SET a = NULL, b = 'a' WHERE id = 500", {("changed", "500", "a, b")}),
    "key_shift": ("a text, b text, v int, PRIMARY KEY (a, b)", f"'k' || i, '', i FROM {THOUSAND}", "UPDATE key_shift SET a = 'k50', b = '0' WHERE a = 'k500'",
                  {("missing", "(k500, )", ""), ("extra", "(k50, 0)", "")}),
    "key_order": ("a int, b int, v int, PRIMARY KEY (a, b)", f"i, i + 1, i FROM {THOUSAND}", "UPDATE key_order SET v = 3 WHERE (a, b) = (2, 3); UPDATE key_order SET v = 2 WHERE (a, b) = (3, 4)",
                  {("changed", "(2, 3)", "v"), ("changed", "(3, 4)", "v")}),
    "edges": ("id bigint PRIMARY KEY, v int", f"i, 0 FROM {THOUSAND}", "UPDATE edges SET v = 1 WHERE id IN (1, 15, 16, 17, 63, 64, 255, 256, 511, 512, 1000); DELETE FROM edges WHERE id IN (127, 128, 768)",
              {("changed", str(k), "v") for k in (1, 15, 16, 17, 63, 64, 255, 256, 511, 512, 1000)} | {("missing", str(k), "") for k in (127, 128, 768)}),
    "limits": ("id bigint PRIMARY KEY, v int", f"CASE WHEN i <= 500 THEN -9223372036854775808 + i - 1 ELSE 9223372036854775807 - i + 501 END, 0 FROM {THOUSAND}",
               "UPDATE limits SET v = 1 WHERE id IN (-9223372036854775808, 9223372036854775807); DELETE FROM limits WHERE id IN (-9223372036854775807, 9223372036854775806)",
               {("changed", "-9223372036854775808", "v"), ("changed", "9223372036854775807", "v"), ("missing", "-9223372036854775807", ""), ("missing", "9223372036854775806", "")}),
    "steps_cancel": ("id int PRIMARY KEY, v int, w text", f"i, 5, 'x' FROM {THOUSAND}", "UPDATE steps_cancel SET v = 6, w = 'y' WHERE id IN (2, 3)", {("changed", "2", "v, w"), ("changed", "3", "v, w")}),
    "all_null": ("id int PRIMARY KEY, v int, w text", f"i, NULL, NULL FROM {THOUSAND}", "UPDATE all_null SET v = 0 WHERE id = 9", {("changed", "9", "v")}),
    "to_null": ("id int PRIMARY KEY, v int", f"i, 0 FROM {THOUSAND}", "UPDATE to_null SET v = NULL", {("changed", str(k), "v") for k in range(1, 1001)}),
    "scales": ("id int PRIMARY KEY, a numeric, b float8, c interval", f"i, 1, 0, '1 day' FROM {THOUSAND}", "UPDATE scales SET a = 1.0, b = '-0', c = '24 hours' WHERE id IN (5, 7)",
               {("changed", "5", "a, b, c"), ("changed", "7", "a, b, c")}, set()),
    "arrays": ("id int PRIMARY KEY, a text[], b text[]", f"i, '{{a,NULL}}', '{{}}' FROM {THOUSAND}", "UPDATE arrays SET a = '{\"a,NULL\"}', b = '{\"\"}' WHERE id = 4", {("changed", "4", "a, b")}),
}
# what is written in two ways and is one value
SAME = {
    "timestamptz": ("'2026-01-01 12:00+00'", "'2026-01-01 14:00+02'"), "jsonb": ("'{\"a\": 1, \"b\": [1, 2]}'", "'{\"b\":[1,2],\"a\":1}'"), "numeric(12,2)": ("1.5", "1.50"),
    "float8": ("'1e2'", "'100.0'"), "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'{A0EEBC999C0B4EF8BB6D6BB9BD380A11}'"), "bytea": ("'\\x4142'", "'AB'"), "char(8)": ("'ab'", "'ab    '"),
    "inet": ("'10.0.0.1'", "'10.0.0.1/32'"), "macaddr": ("'08:00:2b:01:02:03'", "'0800.2b01.0203'"), "box": ("'(1,2),(3,4)'", "'(3,4),(1,2)'"), "int4range": ("'[1,5]'", "'[1,6)'"), "boolean": ("'yes'", "'t'"),
    "money": ("'1,234.50'", "'1234.5'"), "interval": ("'1 year'", "'12 months'"), "date": ("'2026-01-31'", "'January 31, 2026'"), "int[]": ("'{1,2}'", "'[1:2]={1,2}'"), "text": ("E'\\u00e9'", "U&'\\00e9'"),
    "bit(3)": ("'101'", "B'101'"), "tsvector": ("'b a'", "'a b'"), "real": ("0.1", "'0.100000001'"),
}


@pytest.fixture(scope="module")
def trapped(server):
    """(left, right, expected by strictness)"""
    a, b = server.create_database("traps_a"), server.create_database("traps_b")
    same = f"CREATE TABLE same (id int PRIMARY KEY, {', '.join(f'c{i} {kind}' for i, kind in enumerate(SAME))}); CREATE TABLE samekey (k timestamptz, n numeric(12,2), PRIMARY KEY (k, n)); "
    for d, way in ((a, 0), (b, 1)):
        sql = same + f"INSERT INTO same VALUES (1, {', '.join(v[way] for v in SAME.values())}); INSERT INTO samekey VALUES ({SAME['timestamptz'][way]}, {SAME['numeric(12,2)'][way]}); "
        for t, (columns, rows, change, *_) in TRAPS.items():
            sql += f"CREATE TABLE {t} ({columns}); INSERT INTO {t} SELECT {rows}; CREATE TABLE bag_{t} AS TABLE {t}; "
            if d == b:
                sql += f"{change}; {change.replace(t, 'bag_' + t)};"
        server.sql(sql, d)
    expected = {}
    for strictness in ("exact", "semantic", "strong"):
        expected[strictness] = {t: case[-1] if strictness == "semantic" else case[3] for t, case in TRAPS.items()}
    return a, b, expected


@pytest.mark.parametrize("strictness,digest", LEVELS)
def test_traps(dbstep, server, trapped, strictness, digest, tmp_path):
    a, b, expected = trapped
    expected = expected[strictness]
    options = {"chunk_rows": 16, "max_rows": 100000, "digest": digest, "strictness": strictness}
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), **options)
    chance = [p for p in run.result["proofs"] if "escapes with probability" in p]  # with tables without a key among them
    assert len(chance) == 1 and ("2^-192 in" in chance[0] and "m^3 times" in chance[0] if strictness == "strong" else "probability 2^-64" in chance[0] and "m times" in chance[0]), chance
    rows = {}
    for r in named(run):
        rows.setdefault(r["table"].split(".")[1], set()).add((r["difference"], r["key"], r["columns"]))
    assert {t: r for t, r in rows.items() if not t.startswith("bag_")} == {t: want for t, want in expected.items() if want}, run
    got = lines(run)
    assert got["same"]["verdict"] == got["samekey"]["verdict"] == "equal", run
    for t, want in expected.items():  # the same rows without a key: a change is one row that went and one that came
        gone, came = sum(w[0] != "extra" for w in want), sum(w[0] != "missing" for w in want)
        assert (got["bag_" + t]["missing"], got["bag_" + t]["extra"]) == (f"{gone:,}", f"{came:,}"), (t, run)
    # the certificate alone tells equal from different in the same tables
    if digest == "portable" or strictness == "exact":
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", **{k: v for k, v in options.items() if k != "max_rows"}).status == 0
        alone = lines(dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json"))
        assert {t for t, x in alone.items() if x["verdict"] == "different"} == {p + t for t, want in expected.items() if want for p in ("", "bag_")}
        assert dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json").status == 0


def test_every_built_in_type_is_among_the_tested(server):
    """A type that a new version brings is not forgotten: it stands in TYPES, or here as one that no table can hold."""
    internal = {"gtsvector", "pg_node_tree", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary", "pg_dependencies", "pg_mcv_list", "pg_ndistinct"}
    left = server.sql("SELECT typname FROM pg_type t WHERE typtype IN ('b', 'r', 'm') AND typnamespace = 'pg_catalog'::regnamespace AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) "
                      "AND NOT oid = ANY (SELECT unnest(%s::text[])::regtype::oid)", params=(list(TYPES),))
    assert {name for name, in left} <= internal, left


WIDENED = {"a": ("smallint", "int", "7", "70000"), "b": ("int", "bigint", "-5", "4294967291"), "c": ("varchar(20)", "text", "'v'", "'v '"), "d": ("numeric(12,4)", "numeric(16,6)", "1.5", "1.500001"),
           "e": ("real", "double precision", "0.1", "0.1"), "f": ("char(5)", "text", "'ab'", "'abc'"), "g": ("int", "numeric", "9", "9.5"), "h": ("numeric", "text", "1.50", "'1.5'"),
           "i": ("timestamptz", "text", "'2026-01-01'", "'2026-01-01 00:00:00'")}


@pytest.mark.parametrize("digest", ["auto", "portable"])
def test_widened_types(dbstep, server, digest, tmp_path):
    """Widened values are equal; what the wider type alone can hold is not."""
    a, b = server.create_database("wide_types_a"), server.create_database("wide_types_b")
    server.sql(f"SET TimeZone = 'UTC'; CREATE TABLE w (id int PRIMARY KEY, {', '.join(f'{c} {w[0]}' for c, w in WIDENED.items())}); "
               f"INSERT INTO w SELECT i, {', '.join(w[2] for w in WIDENED.values())} FROM generate_series(1, 400) i; CREATE TABLE k (a int, b varchar(9), v int, PRIMARY KEY (a, b)); INSERT INTO k SELECT i, i, i FROM generate_series(1, 400) i", a)
    server.sql(f"DROP DATABASE {b}")
    server.create_database(b, template=a)
    server.sql(f"SET TimeZone = 'UTC'; ALTER TABLE w ALTER id TYPE bigint, {', '.join(f'ALTER {c} TYPE {w[1]}' for c, w in WIDENED.items())}, ADD z int; ALTER TABLE k ALTER a TYPE bigint, ALTER b TYPE text", b)
    declared = [f"change column w.{c}" for c in ["id", *WIDENED]] + ["add column w.z", "change column k.a", "change column k.b"]
    tests = [{"source_db_url": server.url(a), "strictness": s, "digest": digest} for s in ("exact", "semantic", "strong")] + [{"baseline": tmp_path / "exact.json"}, {"baseline": tmp_path / "strong.json"}]
    for s in ("exact", "strong"):
        assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / f"{s}.json", digest=digest, strictness=s).status == 0
    not_certified = {"g", "h", "i"}  # a certificate has no digest of these that the new type can have
    for inputs in tests:
        run = dbstep("integrity-diff", db_url=server.url(b), expected_changes=declared, **inputs)
        assert run.status == 0 and not run.result["findings"], run
        proofs = "\n".join(run.result["proofs"])
        assert all(f"public.w.{c}: values are equal to the old ones" in proofs for c in WIDENED if "baseline" not in inputs or c not in not_certified), run
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.outputs["rows_changed"] == run.outputs["rows_missing"] == "0" and {f["code"] for f in run.result["findings"]} == {"column-type-changed", "column-added"}, run
    server.sql("".join(f"UPDATE w SET {c} = {w[3]} WHERE id = {i};" for i, (c, w) in enumerate(WIDENED.items(), 1)) + "UPDATE k SET b = b || ' ', a = 5000000000 WHERE a = 9", b)
    for inputs in tests[:3]:
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        want = {("changed", str(i), c) for i, c in enumerate(WIDENED, 1)}
        assert {(r["difference"], r["key"], r["columns"]) for r in named(run) if r["table"] == "public.w"} == want, run
        assert (lines(run)["k"]["missing"], lines(run)["k"]["extra"]) == ("1", "1")


def test_plain_and_partitioned(dbstep, server, tmp_path):
    """A table is the same table when it is cut into partitions, or put together again."""
    a, b = server.create_database("cut_a"), server.create_database("cut_b")
    plain = "CREATE TABLE {0} (id int, region text, v text, PRIMARY KEY (region, id)); CREATE TABLE bag_{0} (id int, region text);"
    parts = ("CREATE TABLE {0} (region text, id int, v text, PRIMARY KEY (region, id)) PARTITION BY LIST (region); CREATE TABLE {0}_n PARTITION OF {0} FOR VALUES IN ('n') PARTITION BY RANGE (id); "
             "CREATE TABLE {0}_n1 PARTITION OF {0}_n FOR VALUES FROM (MINVALUE) TO (500); CREATE TABLE {0}_n2 PARTITION OF {0}_n FOR VALUES FROM (500) TO (MAXVALUE); "
             "CREATE TABLE {0}_s (gone int, v text, id int NOT NULL, region text NOT NULL); ALTER TABLE {0}_s DROP gone; ALTER TABLE {0} ATTACH PARTITION {0}_s FOR VALUES IN ('s'); "
             "CREATE TABLE {0}_rest PARTITION OF {0} DEFAULT; CREATE TABLE bag_{0} (region text, id int) PARTITION BY HASH (id); CREATE TABLE bag_{0}_0 PARTITION OF bag_{0} FOR VALUES WITH (MODULUS 1, REMAINDER 0);")
    rows = "INSERT INTO {0} (id, region, v) SELECT i, CASE i % 3 WHEN 0 THEN 'n' WHEN 1 THEN 's' ELSE 'w' END, 'v' || i FROM generate_series(1, 1500) i; INSERT INTO bag_{0} (id, region) SELECT id, region FROM {0};"
    for d, kinds in ((a, {"cut": plain, "joined": parts, "kept": parts}), (b, {"cut": parts, "joined": plain, "kept": parts})):
        server.sql("".join((kind + rows).format(t) for t, kind in kinds.items()), d)
    tests = [{"source_db_url": server.url(a)}, {"source_db_url": server.url(a), "digest": "portable"}, {"baseline": tmp_path / "c.json"}]
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    for inputs in tests:
        run = dbstep("integrity-diff", db_url=server.url(b), chunk_rows=16, **inputs)
        assert run.status == 0 and run.outputs["rows_compared"] == "9000" and run.outputs["tables_uncovered"] == "0", run
    # a row that moves to another partition has another key; a value changed is one, wherever the row lies
    server.sql("".join(f"UPDATE {t} SET region = 's' WHERE id = 3; UPDATE {t} SET v = 'x' WHERE id IN (600, 4, 5); DELETE FROM bag_{t} WHERE id = 7;" for t in ("cut", "joined", "kept")), b)
    for inputs in tests:
        run = dbstep("integrity-diff", db_url=server.url(b), chunk_rows=16, **inputs)
        assert {t for t, x in lines(run).items() if x["verdict"] == "different"} == {p + t for t in ("cut", "joined", "kept") for p in ("", "bag_")}, run
        if "baseline" not in inputs:
            assert {t: (x["missing"], x["extra"], x["changed"]) for t, x in lines(run).items()} == \
                {**{t: ("1", "1", "3") for t in ("cut", "joined", "kept")}, **{"bag_" + t: ("1", "0", "0") for t in ("cut", "joined", "kept")}}, run


OWN_TYPES = """CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE DOMAIN price AS numeric(8,2); CREATE DOMAIN feeling AS mood; CREATE DOMAIN words AS text[]; CREATE TYPE pair AS (a int, m mood, p price);
CREATE DOMAIN couple AS pair; CREATE TYPE nested AS (x pair, y mood[], z words); CREATE TYPE moods AS RANGE (subtype = mood); CREATE TYPE prices AS RANGE (subtype = numeric); CREATE DOMAIN span AS moods;
CREATE EXTENSION citext; CREATE EXTENSION hstore;"""
OWN = {"mood": ("'ok'", "'sad'"), "price": ("1.5", "2"), "feeling": ("'ok'", "'happy'"), "words": ("'{a,b}'", "'{\"a,b\"}'"), "pair": ("'(1,ok,1.50)'", "'(1,ok,)'"), "couple": ("'(1,ok,1.50)'", "'(2,ok,1.50)'"),
       "nested": ("'(\"(1,ok,1.00)\",\"{ok,sad}\",{x})'", "'(\"(1,ok,1.00)\",\"{sad,ok}\",{x})'"), "moods": ("'[sad,ok)'", "'[sad,ok]'"), "prices": ("'[1,5)'", "'[1,6)'"), "span": ("'[sad,ok)'", "'empty'"),
       "citext": ("'A'", "'a'"), "hstore": ("'a=>1'", "'a=>NULL'"), "mood[]": ("'{ok,NULL}'", "'{ok}'"), "price[]": ("'{1.5}'", "'{1.6}'"), "pair[]": ("'{\"(1,ok,1.00)\"}'", "'{\"(1,sad,1.00)\"}'"),
       "moods[]": ("'{\"[sad,ok)\"}'", "'{}'"), "citext[]": ("'{A}'", "'{a}'"), "hstore[]": ("'{a=>1}'", "'{a=>2}'"), "couple[]": ("'{\"(1,ok,1.00)\"}'", "'{NULL}'"), "nested[]": ("'{}'", "'{NULL}'")}
NO_KEY = ("citext", "citext[]", "hstore[]")  # equal values that are not the same, or no order


def test_types_of_ones_own_with_other_oids(dbstep, server, tmp_path):
    """Object ids differ between databases: of enums, composites, ranges, domains, extensions' types, and of arrays of them; as values and as keys."""
    a, b = server.create_database("own_a"), server.create_database("own_b")
    server.sql("CREATE TYPE padding AS ENUM ('x'); CREATE TYPE more AS (x padding)", b)
    tables = "".join(f"CREATE TABLE o{i} (id int PRIMARY KEY, v {kind}); INSERT INTO o{i} SELECT i, {before} FROM generate_series(1, 30) i; INSERT INTO o{i} VALUES (31, NULL); CREATE TABLE bag{i} AS TABLE o{i};"
                     for i, (kind, (before, _)) in enumerate(OWN.items()))
    keyed = {i: v for i, (kind, v) in enumerate(OWN.items()) if kind not in NO_KEY and "NULL" not in v[1]}
    tables += "".join(f"CREATE TABLE k{i} (v {list(OWN)[i]} PRIMARY KEY, n int); INSERT INTO k{i} VALUES ({before}, 1), ({after}, 2);" for i, (before, after) in keyed.items())
    for d in (a, b):
        server.sql(OWN_TYPES + tables, d)
    tests = [{"source_db_url": server.url(a), "strictness": s, "digest": g} for s, g in LEVELS] + [{"baseline": tmp_path / "c.json"}]
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", strictness="strong").status == 0
    for inputs in tests:
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 0 and run.outputs["tables_compared"] == str(2 * len(OWN) + len(keyed)), run
    server.sql("".join(f"UPDATE o{i} SET v = {after} WHERE id = 7; UPDATE bag{i} SET v = {after} WHERE id = 7;" for i, (_, after) in enumerate(OWN.values())) +
               "".join(f"UPDATE k{i} SET n = 3 - n;" for i in keyed), b)
    for inputs in tests[:-1]:
        run = dbstep("integrity-diff", db_url=server.url(b), max_rows=1000, **inputs)
        assert {(r["table"], r["key"], r["columns"]) for r in named(run) if r["table"].startswith("public.o")} == {(f"public.o{i}", "7", "v") for i in range(len(OWN))}, run
        assert all((x["missing"], x["extra"]) == ("1", "1") for t, x in lines(run).items() if t.startswith("bag")), run
        assert all(x["changed"] == "2" for t, x in lines(run).items() if t.startswith("k")), run
    run = dbstep("integrity-diff", db_url=server.url(b), **tests[-1])
    assert all(x["verdict"] == "different" for x in lines(run).values()), run
