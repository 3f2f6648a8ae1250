"""integrity-diff against a brute-force oracle: random schemas, keys, values and edits; every differing row must be named, and no other.

INTEGRITY_SEED and INTEGRITY_ROUNDS choose other cases; a failure names its seed."""
import os
import random

import pytest
from test_integrity_differences import lines, named

VALUES = {
    "int": lambda r: r.choice([0, 0, 1, -1, 2**31 - 1, r.randrange(-1000, 1000)]),
    "bigint": lambda r: r.choice([0, 4294967297, -4294967298, 2**63 - 1, -2**63, r.randrange(-2**40, 2**40)]),
    "text": lambda r: r.choice(["", "a", "a ", "<null>", "NULL", "a|b", "ü", str(r.random())]),
    "numeric": lambda r: r.choice(["0", "0.0", "1", "1.0", "NaN", "Infinity", str(r.randrange(10**6)) + ".5"]),
    "numeric(10,2)": lambda r: r.choice(["0", "NaN", str(r.randrange(10**4)) + ".25"]),
    "float8": lambda r: r.choice(["0", "-0", "NaN", "Infinity", "0.1", "0.10000000000000002", repr(r.random())]),
    "boolean": lambda r: r.choice([True, False]),
    "timestamptz": lambda r: r.choice(["infinity", "-infinity", f"2026-01-01 00:00:{r.randrange(60):02}.{r.randrange(10**6):06}"]),
    "jsonb": lambda r: r.choice(["{}", "[]", '{"a": 1}', '{"a": 1.0}', '[1, 2]', '"x"']),
    "int[]": lambda r: r.choice(["{}", "{1,2}", "{2,1}", "{NULL}"]),
    "interval": lambda r: r.choice(["30 days", "1 month", "0", "4294.967297 s"]),
    "char(4)": lambda r: r.choice(["", "a", "ab"]),
    "bytea": lambda r: r.choice(["\\x", "\\x00", "\\xff"]),
}
KEY_KINDS = [["int"], ["bigint"], ["text"], ["int", "text"], ["bigint", "timestamptz"], ["uuid"], []]


def literal(v):
    return "NULL" if v is None else str(v).lower() if isinstance(v, bool) else "'" + str(v).replace("'", "''") + "'"


def key_value(r, kind, i):
    return {"int": i * r.choice([1, 1, 3]) - 50, "bigint": i * 5000000029 - 10**11, "text": f"k{i}", "timestamptz": f"2026-01-01 00:00:00.{i:06}",
            "uuid": f"00000000-0000-0000-0000-{i:012}"}[kind]


def make(r):
    keys = r.choice(KEY_KINDS)
    columns = [r.choice(list(VALUES)) for _ in range(r.randrange(1, 6))]
    rows = {}
    for i in range(r.choice([0, 1, 40, 300, 300])):
        key = tuple(key_value(r, k, i) for k in keys) if keys else (i,)
        if key not in rows:
            rows[key] = [None if r.random() < 0.2 else VALUES[c](r) for c in columns]
    return keys, columns, rows


def edit(r, columns, rows):
    rows = {k: list(v) for k, v in rows.items()}
    for _ in range(r.choice([0, 1, 1, 2, 5, 40])):
        if not rows:
            break
        key = r.choice(list(rows))
        kind = r.randrange(6)
        if kind == 0:
            del rows[key]
        elif kind == 1:  # two rows change places
            other = r.choice(list(rows))
            rows[key], rows[other] = rows[other], rows[key]
        elif kind == 2 and len(columns) > 1:  # two columns of one type change places
            a, b = r.sample(range(len(columns)), 2)
            if columns[a] == columns[b]:
                rows[key][a], rows[key][b] = rows[key][b], rows[key][a]
        elif kind == 3:  # the same change in many rows: what cancels in a plain XOR
            c = r.randrange(len(columns))
            v = VALUES[columns[c]](r)
            for k in list(rows)[: r.choice([2, 3, 4])]:
                rows[k][c] = v
        else:
            c = r.randrange(len(columns))
            rows[key][c] = None if r.random() < 0.3 else VALUES[columns[c]](r)
    return rows


def load(server, database, table, keys, columns, rows, extra):
    names = [f"k{i} {k} NOT NULL" for i, k in enumerate(keys)] + [f"c{i} {c}" for i, c in enumerate(columns)]
    sql = f"CREATE TABLE {table} ({', '.join(names)});"
    order = list(rows.items()) + extra
    random.Random(len(order)).shuffle(order)
    if order:
        sql += f"INSERT INTO {table} VALUES " + ",".join("(" + ",".join(map(literal, (list(k) if keys else []) + v)) + ")" for k, v in order) + ";"
    if keys:
        sql += f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(f'k{i}' for i in range(len(keys)))});"
    server.sql(sql, database)


def oracle(server, a, b, table, keys, columns):
    """What differs, by comparing the text of every value."""
    def read(d):
        cells = [f"k{i}::text" for i in range(len(keys))] + [f"c{i}::text" for i in range(len(columns))]
        return server.sql(f"SET TimeZone = 'UTC'; SET extra_float_digits = 3; SELECT {', '.join(cells)} FROM {table}", d)

    left, right = read(a), read(b)
    if not keys:
        from collections import Counter
        x, y = Counter(left), Counter(right)
        return sum((x - y).values()), sum((y - x).values()), {}
    n = len(keys)
    x, y = {r[:n]: r[n:] for r in left}, {r[:n]: r[n:] for r in right}
    changed = {k: {f"c{i}" for i in range(len(columns)) if x[k][i] != y[k][i]} for k in x.keys() & y.keys() if x[k] != y[k]}
    return len(x.keys() - y.keys()), len(y.keys() - x.keys()), changed


@pytest.mark.parametrize("round_", range(int(os.environ.get("INTEGRITY_ROUNDS", "4"))))
def test_against_the_oracle(dbstep, server, round_, tmp_path):
    seed = int(os.environ.get("INTEGRITY_SEED", "20260131")) + round_
    r = random.Random(seed)
    a, b = server.create_database("oracle_a"), server.create_database("oracle_b")
    tables = {}
    for i in range(40):
        keys, columns, rows = make(r)
        twins = [(k, v) for k, v in rows.items() if r.random() < 0.1] if not keys else []
        tables[f"t{i}"] = (keys, columns)
        load(server, a, f"t{i}", keys, columns, rows, twins)
        load(server, b, f"t{i}", keys, columns, edit(r, columns, rows), twins if r.random() < 0.7 else twins[1:])
    aggregate = r.choice(["xor", "sum"])
    strictness = r.choice(["exact", "strong"])
    options = {"chunk_rows": r.choice([16, 100]), "aggregate": aggregate, "max_rows": 100000, "connections": r.choice([1, 2, 3])}
    sketch = r.choice(["4MB", "100KB"])  # with the first nearly every difference comes out
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", strictness=strictness, sketch=sketch, **options).status == 0
    same = dbstep("integrity-diff", db_url=server.url(a), baseline=tmp_path / "c.json", **options)
    assert same.status == 0, (seed, same.result["findings"], tables)
    want = {t: oracle(server, a, b, t, *shape) for t, shape in tables.items()}
    for inputs in ({"source_db_url": server.url(a), "strictness": strictness}, {"source_db_url": server.url(a), "baseline": tmp_path / "c.json"}):
        run = dbstep("integrity-diff", db_url=server.url(b), **options, **inputs)
        got = lines(run)
        for t, (missing, extra, changed) in want.items():
            assert (got[t]["missing"], got[t]["extra"], got[t]["changed"]) == (str(missing), str(extra), str(len(changed))), (seed, t, tables[t], run)
            rows = {x["key"]: set(x["columns"].split(", ")) for x in named(run) if x["table"] == f"public.{t}" and x["difference"] == "changed"}
            assert rows == {(k[0] if len(k) == 1 else "(" + ", ".join(k) + ")"): c for k, c in changed.items()}, (seed, t, tables[t])
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", **options)
    alone, whole = lines(run), "\n".join(p for p in run.result["proofs"] if "came apart completely" in p)
    complete = 0
    for t, (missing, extra, changed) in want.items():
        assert (alone[t]["verdict"] == "different") == bool(missing or extra or changed), (seed, t, tables[t], alone[t])
        if tables[t][0]:
            rows = {x["key"] for x in named(run) if x["table"] == f"public.{t}" and x["difference"] == "changed"}
            truth = {k[0] if len(k) == 1 else "(" + ", ".join(k) + ")" for k in changed}
            assert rows <= truth, (seed, t, tables[t])
            if f"public.{t}:" in whole:
                complete += 1
                assert rows == truth and [alone[t][k] for k in ("missing", "extra", "changed")] == [str(n) for n in (missing, extra, len(changed))], (seed, t, tables[t], run)
    differing = sum(any(want[t]) for t in tables if tables[t][0])
    assert complete >= differing * (0.9 if sketch == "4MB" else 0.2), (seed, complete, differing, run)
