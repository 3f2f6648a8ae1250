"""integrity-diff: differences that other tools do not see, every built-in type, and the traps of digests."""
import pytest

# name, column type, the value before, the value after, found by: e exact, s semantic
SILENT = [
    ("null_text", "text", "NULL", "'<null>'", "es"), ("null_word", "text", "NULL", "'NULL'", "es"), ("null_empty", "text", "NULL", "''", "es"),
    ("float_last_bit", "float8", "0.1", "0.10000000000000002", "es"), ("float_tiny", "float8", "1e-20", "2e-20", "es"),
    ("float_minus_zero", "float8", "'0'", "'-0'", "e"), ("float_large", "float8", "1e30", "1.0000000000000002e30", "es"),
    ("numeric_scale", "numeric", "1.0", "1.00", "e"), ("numeric_12th_digit", "numeric", "1.23456789012", "1.23456789013", "es"),
    ("bigint_low_digit", "bigint", "9223372036854775806", "9223372036854775807", "es"),
    ("microsecond", "timestamptz", "'2026-01-01 00:00:00.000001'", "'2026-01-01 00:00:00.000002'", "es"),
    ("infinity_sign", "timestamp", "'infinity'", "'-infinity'", "es"), ("infinity_null", "timestamp", "'infinity'", "NULL", "es"),
    ("before_christ", "timestamp", "'0044-03-15'", "'0044-03-15 BC'", "es"), ("trailing_space", "text", "'a'", "'a '", "es"),
    ("null_false", "boolean", "NULL", "false", "es"), ("jsonb_scale", "jsonb", "'{\"a\": 1}'", "'{\"a\": 1.0}'", "es"),
    ("jsonb_value", "jsonb", "'{\"a\": 1}'", "'{\"a\": 2}'", "es"), ("jsonb_empty_kind", "jsonb", "'{}'", "'[]'", "es"),
    ("interval_month", "interval", "'30 days'", "'1 month'", "e"), ("xml_value", "xml", "'<a/>'", "'<b/>'", "es"),
    ("point_value", "point", "'(1,2)'", "'(2,1)'", "es"), ("text_case", "text", "'a'", "'A'", "es"),
    ("unicode_form", "text", "U&'\\00e9'", "U&'e\\0301'", "es"), ("bytea_value", "bytea", "'\\x00'", "'\\x0000'", "es"),
    ("int_array", "int[]", "'{1,2}'", "'{2,1}'", "es"), ("uuid_value", "uuid", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'", "es"),
    ("inet_value", "inet", "'10.0.0.1/8'", "'10.0.0.1/16'", "es"), ("time_value", "time", "'10:00:00'", "'10:00:00.000001'", "es"),
    # traps of the server's hash functions
    ("int8_fold", "bigint", "0", "4294967297", "es"), ("int8_halves", "bigint", "4294967298", "8589934593", "es"),
    ("int8_fold_negative", "bigint", "-1", "-4294967298", "es"), ("timestamp_fold", "timestamptz", "'2026-01-01'", "timestamptz '2026-01-01' + interval '4294.967297 s'", "es"),
    ("time_fold", "time", "'01:00'", "time '01:00' + interval '4294.967297 s'", "es"), ("money_fold", "money", "'0'", "'42949672.97'", "es"),
    ("interval_fold", "interval", "'0'", "'4294.967297 s'", "es"), ("numeric_nan", "numeric", "'NaN'", "'Infinity'", "es"),
    ("numeric_infinities", "numeric", "'Infinity'", "'-Infinity'", "es"), ("numeric_nan_null", "numeric", "'NaN'", "NULL", "es"),
    ("float_nan", "float8", "'NaN'", "NULL", "es"), ("real_value", "real", "0.1", "0.2", "es"), ("char_value", "char(5)", "'a'", "'b'", "es"),
    ("json_spaces", "json", "'{\"a\":1}'", "'{\"a\": 1}'", "es"), ("array_bounds", "int[]", "'{1,2}'", "'[0:1]={1,2}'", "es"),
    ("numeric_sign", "numeric", "5", "-5", "es"), ("numeric_fixed_sign", "numeric(12,2)", "5", "-5", "es"), ("numeric_nothing", "numeric", "0", "1e-30", "es"),
    ("array_null", "text[]", "'{NULL}'", "'{\"NULL\"}'", "es"), ("array_minus_zero", "float8[]", "'{0}'", "'{-0}'", "es"),
]
TYPES = {
    "smallint": "1::smallint", "integer": "1", "bigint": "1", "numeric": "1.5", "numeric(12,4)": "1.5", "real": "1.5", "double precision": "1.5",
    "money": "'1.50'", "text": "'a'", "varchar(20)": "'a'", "char(8)": "'a'", "name": "'a'", '"char"': "'a'", "bytea": "'\\x01'",
    "timestamp": "'2026-01-01'", "timestamptz": "'2026-01-01'", "date": "'2026-01-01'", "time": "'10:00'", "timetz": "'10:00+02'",
    "interval": "'1 day'", "boolean": "true", "point": "'(1,2)'", "line": "'{1,2,3}'", "lseg": "'[(1,2),(3,4)]'", "box": "'(1,2),(3,4)'",
    "path": "'((1,2),(3,4))'", "polygon": "'((1,2),(3,4))'", "circle": "'<(1,2),3>'", "cidr": "'10.0.0.0/8'", "inet": "'10.0.0.1'",
    "macaddr": "'08:00:2b:01:02:03'", "macaddr8": "'08:00:2b:01:02:03:04:05'", "bit(4)": "B'1010'", "varbit": "B'101'", "tsvector": "'a:1 b'",
    "tsquery": "'a & b'", "uuid": "'00000000-0000-0000-0000-000000000001'", "xml": "'<a/>'", "json": "'{\"a\":1}'", "jsonb": "'{\"a\":1}'",
    "jsonpath": "'$.a'", "int4range": "'[1,5)'", "int8range": "'[1,5)'", "numrange": "'[1,5)'", "tsrange": "'[2026-01-01,)'",
    "tstzrange": "'[2026-01-01,)'", "daterange": "'[2026-01-01,)'", "int4multirange": "'{[1,5)}'", "oid": "1", "regclass": "'pg_class'",
    "regtype": "'int4'", "regproc": "'now'", "pg_lsn": "'0/1'", "xid": "'1'", "xid8": "'1'", "tid": "'(0,1)'", "int[]": "'{1}'", "text[]": "'{a}'",
    "numeric[]": "'{1.0}'", "timestamptz[]": "'{2026-01-01}'", "pg_snapshot": "'1:1:'", "int4[]": "'{{1,2},{3,4}}'", "refcursor": "'a'",
    "int8multirange": "'{[1,5)}'", "nummultirange": "'{[1.0,5)}'", "tsmultirange": "'{[2026-01-01,)}'", "tstzmultirange": "'{[2026-01-01,)}'", "datemultirange": "'{[2026-01-01,)}'",
    "cid": "'1'", "txid_snapshot": "'1:1:'", "int2vector": "'1 2'", "oidvector": "'1 2'", "aclitem": "'postgres=r/postgres'",
    "regnamespace": "'pg_catalog'", "regrole": "'postgres'", "regcollation": "'\"C\"'", "regconfig": "'simple'", "regdictionary": "'simple'", "regoper": "'||/'",
    "regoperator": "'+(int4,int4)'", "regprocedure": "'now()'", "json[]": "'{\"{}\"}'", "boolean[]": "'{t,NULL}'", "tstzrange[]": "'{\"[2026-01-01,)\"}'", "box[]": "'{(1,2),(0,0)}'",
}


def lines(run):
    """table -> its line as a dict"""
    for t in run.result["tables"]:
        if t["title"] == "Tables":
            return {r[0].split(".", 1)[1]: dict(zip(t["headers"], r)) for r in t["rows"]}


def named(run):
    for t in run.result["tables"]:
        if t["title"] == "Differing rows":
            return [dict(zip(t["headers"], r)) for r in t["rows"]]
    return []


@pytest.fixture(scope="module")
def two(server):
    a, b = server.create_database("integrity_a"), server.create_database("integrity_b")
    for d in (a, b):
        server.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')" if d == a else
                   "CREATE TYPE padding AS ENUM ('x'); CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')", d)
    for name, kind, before, after, _ in SILENT:
        for d in (a, b):
            server.sql(f"CREATE TABLE s_{name} (id int PRIMARY KEY, v {kind}); INSERT INTO s_{name} SELECT i, {before} FROM generate_series(1, 1000) i", d)
        server.sql(f"UPDATE s_{name} SET v = {after} WHERE id = 500", b)
    return a, b


@pytest.mark.parametrize("mode", ["databases", "certificate", "portable"])
@pytest.mark.parametrize("strictness,level", [("exact", "e"), ("semantic", "s"), ("strong", "e")])
def test_silent_differences(dbstep, server, two, mode, strictness, level, tmp_path):
    a, b = two
    inputs = {"strictness": strictness}
    if mode == "certificate":
        run = dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", tables=["s_*"], **inputs)
        assert run.status == 0, run
        inputs = {"baseline": tmp_path / "c.json"}
    else:
        inputs.update(source_db_url=server.url(a), digest="portable" if mode == "portable" else "auto")
    run = dbstep("integrity-diff", db_url=server.url(b), tables=["s_*"], **inputs)
    assert run.status == 3, run
    seen = {n for n, line in lines(run).items() if line["verdict"] == "different"}
    assert seen == {"s_" + name for name, _, _, _, found in SILENT if level in found}
    rows = {(r["table"], r["key"], r["columns"]) for r in named(run)}
    assert rows == {("public." + t, "id 1..511" if mode == "certificate" else "500", "v") for t in seen}


def test_zeros_and_empties_do_not_cancel(dbstep, server):
    """hash(0) is the seed for floats and seed - 1 for numerics, so plain XORs of rows 1, 2 and 3 would cancel."""
    a, b = server.create_database("zeros_a"), server.create_database("zeros_b")
    kinds = {"f": ("float8", "0"), "r": ("real", "0"), "n": ("numeric", "0"), "n2": ("numeric(8,2)", "0"), "nan": ("numeric", "'NaN'"), "j": ("jsonb", "'{}'")}
    for d in (a, b):
        for t, (kind, zero) in kinds.items():
            server.sql(f"CREATE TABLE {t} (id int PRIMARY KEY, v {kind}); INSERT INTO {t} SELECT i, {zero} FROM generate_series(0, 999) i", d)
    for t in kinds:
        server.sql(f"UPDATE {t} SET v = NULL WHERE id IN (1, 2, 3) OR id BETWEEN 4 AND 7", b)
    for strictness in ("exact", "semantic"):
        run = dbstep("integrity-diff", source_db_url=server.url(a), db_url=server.url(b), strictness=strictness)
        assert {t: line["changed"] for t, line in lines(run).items()} == {t: "7" for t in kinds}, run


def test_numbers_times_ten_thousand_do_not_cancel(dbstep, server):
    """The server's own numeric hash has no sign, and XORs the exponent to its result: an even number of rows times 10000 cancel."""
    a, b = server.create_database("powers_a"), server.create_database("powers_b")
    for d in (a, b):
        server.sql("CREATE TABLE t (id int PRIMARY KEY, v numeric, f numeric(20,2), s numeric(20,2)); "
                   "INSERT INTO t SELECT i, i, i, i FROM generate_series(1, 1000) i; CREATE TABLE k (v numeric PRIMARY KEY, w text); INSERT INTO k VALUES (5, 'a'), (-5, 'b')", d)
    server.sql("UPDATE t SET v = v * 10000, f = f * 10000, s = -s WHERE id BETWEEN 1 AND 200; UPDATE k SET w = CASE w WHEN 'a' THEN 'b' ELSE 'a' END", b)
    for strictness in ("exact", "semantic"):
        run = dbstep("integrity-diff", source_db_url=server.url(a), db_url=server.url(b), strictness=strictness)
        assert {t: line["changed"] for t, line in lines(run).items()} == {"t": "200", "k": "2"}, run
        assert {r["columns"] for r in named(run)} == {"v, f, s", "w"}


def test_every_type_is_compared_and_its_change_is_found(dbstep, server, tmp_path):
    a, b = server.create_database("types_a"), server.create_database("types_b")
    server.sql("CREATE TYPE padding AS ENUM ('x')", b)
    for d in (a, b):
        server.sql("CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(8,2); "
                   "CREATE DOMAIN feeling AS mood; CREATE TYPE pair AS (a int, m mood)", d)
    types = {**TYPES, "citext": "'A'", "hstore": "'a=>1'", "mood": "'ok'", "price": "1.5", "feeling": "'ok'", "pair": "'(1,ok)'", "mood[]": "'{ok,sad}'"}
    for i, (kind, value) in enumerate(types.items()):
        for d in (a, b):
            server.sql(f"CREATE TABLE t{i} (id bigint PRIMARY KEY, v {kind}); INSERT INTO t{i} SELECT i, {value} FROM generate_series(1, 50) i; "
                       f"INSERT INTO t{i} VALUES (51, NULL)", d)
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    for inputs in ({"source_db_url": server.url(a)}, {"baseline": tmp_path / "c.json"}, {"source_db_url": server.url(a), "strictness": "strong"},
                   {"source_db_url": server.url(a), "digest": "portable"}):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert run.status == 0 and run.outputs["tables_compared"] == str(len(types)), run
    for i in range(len(types)):
        server.sql(f"UPDATE t{i} SET v = NULL WHERE id = 7", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert {(r["table"], r["key"], r["columns"]) for r in named(run)} == {(f"public.t{i}", "7", "v") for i in range(len(types))}


KEYS = {
    "both_signs": ("int", "i - 1500"),
    "negative": ("bigint", "i - 500"), "limits": ("bigint", "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE i END"),
    "gaps": ("bigint", "i * 1000003::bigint"), "clustered": ("bigint", "CASE WHEN i < 900 THEN i ELSE 4611686018427387904 + i END"),
    "small": ("smallint", "i"), "texts": ("text", "chr(65 + i % 50) || i"), "uuids": ("uuid", "md5(i::text)::uuid"),
    "moments": ("timestamptz", "CASE i WHEN 1 THEN 'infinity' WHEN 2 THEN '-infinity' ELSE timestamptz '2026-01-01' + i * interval '1 s' END"),
    "numbers": ("numeric", "i / 7.0"), "floats": ("float8", "i / 8.0"), "bytes": ("bytea", "decode(md5(i::text), 'hex')"), "days": ("date", "date '2026-01-01' + i"),
}


def test_keys_of_every_kind(dbstep, server, tmp_path):
    a, b = server.create_database("keys_a"), server.create_database("keys_b")
    for d in (a, b):
        for name, (kind, value) in KEYS.items():
            server.sql(f"CREATE TABLE {name} (k {kind} PRIMARY KEY, n int, v text); INSERT INTO {name} SELECT {value}, i, 'v' || i FROM generate_series(1, 3000) i", d)
        server.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)", d)
        server.sql("CREATE TABLE nocase (k text COLLATE ci PRIMARY KEY, n int, v text); INSERT INTO nocase SELECT 'Key' || i, i, 'v' || i FROM generate_series(1, 3000) i; "
                   "CREATE TABLE composite (a int, b text, n int, v text, PRIMARY KEY (a, b)); INSERT INTO composite SELECT i % 10, 'b' || i, i, 'v' || i FROM generate_series(1, 3000) i; "
                   "CREATE TABLE uniq (k int NOT NULL UNIQUE, n int, v text); INSERT INTO uniq SELECT i, i, 'v' || i FROM generate_series(1, 3000) i", d)
    tables = list(KEYS) + ["nocase", "composite", "uniq"]
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", chunk_rows=100).status == 0
    for t in tables:
        server.sql(f"UPDATE {t} SET v = 'changed' WHERE n = 1; DELETE FROM {t} WHERE n = 2; UPDATE {t} x SET v = y.v FROM {t} y WHERE x.n IN (50, 51) AND y.n = 101 - x.n", b)
    for inputs in ({"source_db_url": server.url(a)}, {"source_db_url": server.url(a), "baseline": tmp_path / "c.json"}):
        run = dbstep("integrity-diff", db_url=server.url(b), chunk_rows=100, **inputs)
        assert run.status == 3, run
        assert {t: (line["missing"], line["extra"], line["changed"]) for t, line in lines(run).items()} == {t: ("1", "0", "3") for t in tables}, run
        assert not run.result["uncovered"]


def test_keys_beyond_the_bounds_and_empty_tables(dbstep, server, tmp_path):
    a, b = server.create_database("bounds_a"), server.create_database("bounds_b")
    for d in (a, b):
        server.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'x' FROM generate_series(100, 5000) i; "
                   "CREATE TABLE none (id int PRIMARY KEY); CREATE TABLE bare (); CREATE TABLE gone (id int PRIMARY KEY, v text); "
                   "INSERT INTO gone SELECT i, NULL FROM generate_series(1, 3000) i; CREATE TABLE one (id int PRIMARY KEY, v int); INSERT INTO one VALUES (7, NULL); "
                   "CREATE TABLE few (id int PRIMARY KEY); INSERT INTO few VALUES (-1), (0), (1)", d)
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert run.status == 0, run
    server.sql("INSERT INTO t VALUES (-2147483648, 'low'), (99, 'low'), (5001, 'high'), (2147483647, 'high'); INSERT INTO none VALUES (1), (-1); DELETE FROM gone", b)
    for inputs in ({"baseline": tmp_path / "c.json"}, {"source_db_url": server.url(a)}):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert {t: (x["missing"], x["extra"]) for t, x in lines(run).items() if x["verdict"] == "different"} == \
            {"t": ("0", "4"), "none": ("0", "2"), "gone": ("3,000", "0")}, run


def test_tables_without_a_key_are_multisets(dbstep, server, tmp_path):
    a, b = server.create_database("bag_a"), server.create_database("bag_b")
    for d in (a, b):
        server.sql("CREATE TABLE pairs (v text); CREATE TABLE parts (a text, b text); CREATE TABLE nulls (a int, b int); CREATE TABLE same (a int, b numeric, c float8)", d)
        server.sql("INSERT INTO same SELECT i % 7, i % 3, NULL FROM generate_series(1, 5000) i", d)
    server.sql("INSERT INTO pairs VALUES ('a'), ('a'); INSERT INTO parts VALUES ('a', 'x'), ('b', 'y'); INSERT INTO nulls VALUES (1, NULL)", a)
    server.sql("INSERT INTO pairs VALUES ('b'), ('b'); INSERT INTO parts VALUES ('a', 'y'), ('b', 'x'); INSERT INTO nulls VALUES (NULL, 1)", b)
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert {t: (x["missing"], x["extra"]) for t, x in lines(run).items()} == \
        {"pairs": ("2", "2"), "parts": ("2", "2"), "nulls": ("1", "1"), "same": ("0", "0")}, run
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert {t for t, x in lines(run).items() if x["verdict"] == "different"} == {"pairs", "parts", "nulls"}, run


def test_swaps_and_cancelling_changes(dbstep, server):
    a, b = server.create_database("swap_a"), server.create_database("swap_b")
    for d in (a, b):
        server.sql("CREATE TABLE t (id int PRIMARY KEY, p int, q int, n numeric); INSERT INTO t SELECT i, i * 2, i * 3, 1 FROM generate_series(1, 1000) i", d)
    server.sql("UPDATE t x SET p = y.p FROM t y WHERE (x.id, y.id) IN ((10, 11), (11, 10)); UPDATE t SET p = q, q = p WHERE id = 20; "
               "UPDATE t SET n = 1.00 WHERE id IN (5, 7); UPDATE t SET p = q + 1 - 1, q = p WHERE id = 21", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), show_values=True)
    assert {(r["key"], r["columns"]) for r in named(run)} == {("10", "p"), ("11", "p"), ("20", "p, q"), ("21", "p, q"), ("5", "n"), ("7", "n")}
    assert {(r["before"], r["after"]) for r in named(run) if r["key"] == "20"} == {("p=40, q=60", "p=60, q=40")}


def test_1600_columns_and_strange_names(dbstep, server, tmp_path):
    a, b = server.create_database("wide_a"), server.create_database("wide_b")
    names = ",".join(f"c{i} int" for i in range(1599))
    for d in (a, b):
        server.sql(f"CREATE TABLE wide (id int PRIMARY KEY, {names}); CREATE TABLE widebag (x int, {names}); INSERT INTO wide (id, c1598) VALUES (1, 1), (2, 2); "
                   "INSERT INTO widebag (x, c7) VALUES (1, 1), (1, 1)", d)
        server.sql("""CREATE SCHEMA "S.x y"; CREATE TABLE "S.x y"."T""q.ü" ("K ""1" text PRIMARY KEY, "sel ect" int, dropped int, "{v}" text);
                      ALTER TABLE "S.x y"."T""q.ü" DROP COLUMN dropped; INSERT INTO "S.x y"."T""q.ü" SELECT 'ß' || i, i, 'x' FROM generate_series(1, 100) i""", d)
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", sketch="100KB").status == 0
    assert dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json").status == 0
    server.sql("""UPDATE wide SET c1598 = 3 WHERE id = 2; UPDATE widebag SET c1598 = 1 WHERE ctid = '(0,1)'; UPDATE "S.x y"."T""q.ü" SET "{v}" = 'y' WHERE "sel ect" = 3""", b)
    for inputs in ({"baseline": tmp_path / "c.json"}, {"source_db_url": server.url(a)}):
        run = dbstep("integrity-diff", db_url=server.url(b), **inputs)
        assert {(r["table"], r["difference"], r["key"], r["columns"]) for r in named(run) if "widebag" not in r["table"]} == \
            {("public.wide", "changed", "2", "c1598"), ('S.x y.T"q.ü', "changed", "ß3", "{v}")}, run
    assert lines(run)["widebag"]["missing"] == lines(run)["widebag"]["extra"] == "1"


def test_partitions_inheritance_generated(dbstep, server, tmp_path):
    a, b = server.create_database("part_a"), server.create_database("part_b")
    for d, cut in ((a, 1000), (b, 2000)):
        server.sql(f"CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO ({cut}); "
                   f"CREATE TABLE p2 (v text, id int NOT NULL); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ({cut}) TO (10000); INSERT INTO p SELECT i, 'v' || i FROM generate_series(1, 5000) i; "
                   "CREATE TABLE parent (id int PRIMARY KEY, v text); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (1, 'c'); "
                   "CREATE TABLE g (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, x int, y int GENERATED ALWAYS AS (x * 2) STORED); INSERT INTO g (x) SELECT i FROM generate_series(1, 100) i; "
                   "CREATE UNLOGGED TABLE u (id int); CREATE MATERIALIZED VIEW mv AS SELECT 1 AS x", d)
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert run.status == 0, run
    assert set(lines(run)) == {"p", "parent", "child", "g", "u", "mv"} and {line.split(":")[0] for line in run.result["uncovered"]} == {"public.u", "public.mv"}
    server.sql("UPDATE p SET v = 'x' WHERE id = 1500; UPDATE child SET v = 'x'; UPDATE g SET x = -x WHERE id = 9", b)
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a))
    assert {(r["table"], r["key"], r["columns"]) for r in named(run) if "child" not in r["table"]} == {("public.p", "1500", "v"), ("public.g", "9", "x, y")}, run
    assert lines(run)["child"]["verdict"] == "different" and lines(run)["parent"]["verdict"] == "equal"


def test_sums_in_place_of_xor(dbstep, server, two, tmp_path):
    a, b = two
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", aggregate="sum").status == 0
    run = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json")
    assert run.status == 0, run
    run = dbstep("integrity-diff", db_url=server.url(b), source_db_url=server.url(a), aggregate="sum")
    assert {n for n, x in lines(run).items() if x["verdict"] == "different"} == {"s_" + x[0] for x in SILENT}


def test_a_change_hides_neither_behind_rows_that_came_nor_behind_other_columns(dbstep, server):
    """Chunks with the same keys are read with the columns that differ in them, chunks that lost or got rows with all that differ anywhere."""
    a = server.create_database("drill_a")
    server.sql("CREATE TABLE t (id int PRIMARY KEY, x int, y text, z numeric); INSERT INTO t SELECT i, i, 'y' || i, i FROM generate_series(1, 9000) i", a)
    b = server.create_database("drill_b", template=a)
    server.sql("UPDATE t SET x = -x WHERE id = 10; UPDATE t SET y = 'other' WHERE id IN (3000, 3001); UPDATE t SET z = z + 1, x = 0 WHERE id = 3002;"
               "DELETE FROM t WHERE id = 5000; UPDATE t SET y = 'also', z = 0 WHERE id = 5001; INSERT INTO t VALUES (9001, 1, 'n', 1);"
               "UPDATE t SET z = -1 WHERE id = 9000", b)
    run = dbstep("integrity-diff", source_db_url=server.url(a), db_url=server.url(b), chunk_rows=200)
    assert run.status == 3, run
    assert {(r["difference"], r["key"], r["columns"]) for r in named(run)} == {
        ("changed", "10", "x"), ("changed", "3000", "y"), ("changed", "3001", "y"), ("changed", "3002", "x, z"), ("missing", "5000", ""),
        ("changed", "5001", "y, z"), ("extra", "9001", ""), ("changed", "9000", "z")}, named(run)
    for db in (a, b):
        server.sql(f"DROP DATABASE {db} WITH (FORCE)")
