"""integrity-diff between major versions of PostgreSQL. Debian has one of them; DBSTEP_TEST_SERVERS names the folders of others' initdb and postgres,
separated by colons; without it there is nothing to compare."""
import itertools
import os

import pytest
from conftest import pg_bindir
from test_integrity_differences import SILENT, TYPES, lines, named

BINDIRS = [pg_bindir()] + [d for d in os.environ.get("DBSTEP_TEST_SERVERS", "").split(":") if d]


def schema(version):
    """Every type that the version has, and values that have more than one form."""
    sql = ("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE bag (a text, m mood, n numeric); INSERT INTO bag SELECT 'x' || i % 5, 'ok', i / 3.0 FROM generate_series(1, 100) i; "
           "CREATE TABLE keys (a text, b timestamptz, c uuid, v int, PRIMARY KEY (a, b, c)); INSERT INTO keys SELECT 'k' || i, '2026-01-01', md5(i::text)::uuid, i FROM generate_series(1, 3000) i;"
           "CREATE TABLE cut (id bigint PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE cut_1 PARTITION OF cut DEFAULT; INSERT INTO cut SELECT i, i FROM generate_series(1, 3000) i;")
    for i, (kind, value) in enumerate(TYPES.items()):
        if version >= 140000 or "multirange" not in kind:
            sql += f"CREATE TABLE t{i} (id bigint PRIMARY KEY, v {kind}); INSERT INTO t{i} SELECT i, {value} FROM generate_series(1, 20) i; INSERT INTO t{i} VALUES (51, NULL);"
    for name, kind, before, after, _ in SILENT:
        if version >= 140000 or kind != "numeric" or "Infinity" not in before + after:
            sql += f"CREATE TABLE s_{name} (id int PRIMARY KEY, v {kind}); INSERT INTO s_{name} VALUES (1, {before}), (2, {after});"
    return sql


@pytest.fixture(scope="module")
def versions(server, server_factory):
    """bindir -> (server, version)"""
    servers = {d: server if d == BINDIRS[0] else server_factory(bindir=d) for d in BINDIRS}
    made = {d: (s, int(s.value("SHOW server_version_num"))) for d, s in servers.items()}
    for s, version in made.values():
        for name in ("ver_a", "ver_b"):
            s.create_database(name)
            s.sql(schema(version), name)
    return made


@pytest.mark.parametrize("left,right", list(itertools.permutations(BINDIRS, 2)))
def test_major_versions(dbstep, versions, left, right, tmp_path):
    (a, va), (b, vb) = versions[left], versions[right]
    a, b, server = a.url("ver_a"), b.url("ver_b"), b
    scope = {"exclude_tables": ["t%d" % i for i, kind in enumerate(TYPES) if "multirange" in kind] + ["s_numeric_nan", "s_numeric_infinities"]}
    for form, options in (("auto", {"aggregate": "sum" if vb < 140000 else "xor"}), ("portable", {"digest": "portable", "strictness": "strong", "aggregate": "sum"})):
        assert dbstep("integrity-baseline", db_url=a, certificate=tmp_path / f"{form}.json", **options).status == 0
    ways = [{"source_db_url": a, "strictness": s} for s in ("exact", "semantic", "strong")] + [{"source_db_url": a, "digest": "portable"}] + \
        [{"baseline": tmp_path / f"{form}.json"} for form in ("auto", "portable")]
    for inputs in ways:
        run = dbstep("integrity-diff", db_url=b, **inputs, **scope)
        assert run.status == 0 and not run.result["findings"], (va, vb, inputs, run)
    server.sql("UPDATE keys SET v = 0 WHERE a = 'k7'; DELETE FROM keys WHERE a = 'k8'; UPDATE bag SET n = 0 WHERE ctid = '(0,1)'; UPDATE cut SET v = 'x' WHERE id = 2999; "
               "UPDATE s_numeric_scale SET v = 1.000 WHERE id = 1", "ver_b")
    try:
        for inputs in ways[:4]:
            run = dbstep("integrity-diff", db_url=b, **inputs, **scope)
            rows = {(r["table"], r["difference"], r["key"].split(",")[0], r["columns"]) for r in named(run) if r["table"] != "public.bag"}
            want = {("public.keys", "changed", "(k7", "v"), ("public.keys", "missing", "(k8", ""), ("public.cut", "changed", "2999", "v"), ("public.s_numeric_scale", "changed", "1", "v")}
            assert rows == {w for w in want if inputs.get("strictness") != "semantic" or "scale" not in w[0]}, (va, vb, inputs, run)
            assert (lines(run)["bag"]["missing"], lines(run)["bag"]["extra"]) == ("1", "1")
    finally:
        server.create_database("ver_b", template="ver_a")
