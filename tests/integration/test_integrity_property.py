"""integrity-diff against a brute-force oracle: random schemas, keys, values, partitions and edits; every differing row must be named, and no other.

INTEGRITY_SEED and INTEGRITY_ROUNDS choose other cases; a failure names its seed, and the run's last lines say how much was covered."""
import os
import random
from collections import Counter
from decimal import Decimal

import pytest
from conftest import NOTES
from test_integrity_differences import lines, named

VALUES = {
    "int": lambda r: r.choice([0, 0, 1, -1, 2**31 - 1, r.randrange(-1000, 1000)]),
    "bigint": lambda r: r.choice([0, 4294967297, -4294967298, 2**63 - 1, -2**63, r.randrange(-2**40, 2**40)]),
    "text": lambda r: r.choice(["", "a", "a ", "<null>", "NULL", "a|b", "ü", str(r.random())]),
    "numeric": lambda r: r.choice(["0", "0.0", "1", "1.0", "-1", "NaN", "Infinity", str(r.randrange(10**6)) + ".5", str(r.randrange(10**4)) + "0000"]),
    "numeric(10,2)": lambda r: r.choice(["0", "NaN", str(r.randrange(10**4)) + ".25"]),
    "float8": lambda r: r.choice(["0", "-0", "NaN", "Infinity", "0.1", "0.10000000000000002", repr(r.random())]),
    "real": lambda r: r.choice(["0", "-0", "NaN", "-Infinity", "0.1", "0.2", "1e-40"]),
    "boolean": lambda r: r.choice([True, False]),
    "timestamptz": lambda r: r.choice(["infinity", "-infinity", f"2026-01-01 00:00:{r.randrange(60):02}.{r.randrange(10**6):06}"]),
    "jsonb": lambda r: r.choice(["{}", "[]", '{"a": 1}', '{"a": 1.0}', '[1, 2]', '"x"']),
    "int[]": lambda r: r.choice(["{}", "{1,2}", "{2,1}", "{NULL}"]),
    "interval": lambda r: r.choice(["30 days", "1 month", "0", "4294.967297 s", "-1 day 24 hours", "720 hours", "1 year -360 days"]),
    "char(4)": lambda r: r.choice(["", "a", "ab"]),
    "bytea": lambda r: r.choice(["\\x", "\\x00", "\\xff"]),
    "inet": lambda r: r.choice(["10.0.0.1", "10.0.0.1/8", "::1"]),
}
KEY_KINDS = [["int"], ["bigint"], ["edge"], ["text"], ["int", "text"], ["edge", "timestamptz"], ["uuid"], []]
NAMES = ["{}", "{}", 'T "{}" ü', "Select {}", "{}.{}", "it's {}"]


class Table:
    """Columns by name; rows by key; and how each side cuts it into partitions (None: not at all)."""

    def __init__(self, r, name):
        self.name = r.choice(NAMES).format(*[name] * 2)
        odd = r.choice(["{}", "{}", '"{}"', "{} ß", "order.{}"])
        self.kinds = r.choice(KEY_KINDS)
        self.keys = [odd.format(f"k{i}") for i in range(len(self.kinds))]
        self.types = [r.choice(list(VALUES)) for _ in range(r.randrange(1, 6))]
        self.columns = [odd.format(f"c{i}") for i in range(len(self.types))]
        self.rows = {}
        for i in range(r.choice([0, 1, 40, 300, 300])):
            key = tuple(key_value(r, k, i) for k in self.kinds) if self.kinds else (i,)
            if key not in self.rows:
                self.rows[key] = [None if r.random() < 0.2 else VALUES[c](r) for c in self.types]
        self.twins = [(k, v) for k, v in self.rows.items() if r.random() < 0.1] if not self.kinds else []
        self.parts = [r.choice([None, 1, 2, 3]) if self.kinds and r.random() < 0.3 else None for _ in range(2)]

    def sql(self, side, rows, twins):
        t = quoted(self.name)
        types = [{"edge": "bigint"}.get(k, k) for k in self.kinds]
        columns = [f"{quoted(n)} {k} NOT NULL" for n, k in zip(self.keys, types)] + [f"{quoted(n)} {k}" for n, k in zip(self.columns, self.types)]
        parts = self.parts[side]
        sql = f"CREATE TABLE {t} ({', '.join(columns)})" + (f" PARTITION BY HASH ({quoted(self.keys[0])})" if parts else "") + ";"
        for i in range(parts or 0):
            sql += f"CREATE TABLE {quoted(self.name + f' part {i}')} PARTITION OF {t} FOR VALUES WITH (MODULUS {parts}, REMAINDER {i});"
        order = list(rows.items()) + twins
        random.Random(len(order)).shuffle(order)
        if order:
            sql += f"INSERT INTO {t} VALUES " + ",".join("(" + ",".join(map(literal, (list(k) if self.kinds else []) + v)) + ")" for k, v in order) + ";"
        if self.kinds:
            sql += f"ALTER TABLE {t} ADD PRIMARY KEY ({', '.join(map(quoted, self.keys))});"
        return sql


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(v):
    return "NULL" if v is None else str(v).lower() if isinstance(v, bool) else "'" + str(v).replace("'", "''") + "'"


def key_value(r, kind, i):
    return {"int": i * r.choice([1, 1, 3]) - 50, "bigint": i * 5000000029 - 10**11, "edge": 2**63 - 1 - i // 2 if i % 2 else -2**63 + i // 2, "text": f"k{i}",
            "timestamptz": f"2026-01-01 00:00:00.{i:06}", "uuid": f"00000000-0000-0000-0000-{i:012}"}[kind]


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


def sql_equal(kind, text):
    """One form for all texts of a type whose values SQL calls equal."""
    if text is None:
        return None
    if kind.startswith("numeric"):
        return Decimal(text).normalize() if text not in ("NaN", "Infinity", "-Infinity") else text
    if kind in ("float8", "real"):
        return repr(float(text) or 0.0)
    return text


def oracle(cursors, t):
    """What differs: missing, extra, {key: changed columns}; exactly, by the text of every value, and by SQL's equality."""
    cells = [f"{quoted(k)}::text" for k in t.keys] + [f"{quoted(c)}::text" for c in t.columns]
    # SQL compares intervals in months of 30 days of 24 hours
    cells += [f"((extract(year FROM {c}) * 12 + extract(month FROM {c})) * 30 + extract(day FROM {c})) * 86400 + extract(hour FROM {c}) * 3600 + extract(minute FROM {c}) * 60 + extract(second FROM {c})"
              if kind == "interval" else "NULL" for c, kind in zip(map(quoted, t.columns), t.types)]
    sides = []
    for c in cursors:
        c.execute(f"SELECT {', '.join(cells)} FROM {quoted(t.name)}")
        sides.append(c.fetchall())
    n, m = len(t.keys), len(t.columns)
    for semantic in (False, True):
        def value(row, i):
            return row[n + i] if not semantic else row[n + m + i] if t.types[i] == "interval" else sql_equal(t.types[i], row[n + i])
        left, right = [[(row[:n], tuple(value(row, i) for i in range(m))) for row in side] for side in sides]
        if not t.keys:
            x, y = Counter(left), Counter(right)
            yield sum((x - y).values()), sum((y - x).values()), {}
            continue
        x, y = dict(left), dict(right)
        changed = {k: {t.columns[i] for i in range(m) if x[k][i] != y[k][i]} for k in x.keys() & y.keys() if x[k] != y[k]}
        yield len(x.keys() - y.keys()), len(y.keys() - x.keys()), changed


FIRST, ROUNDS = int(os.environ.get("INTEGRITY_SEED", "20260131")), int(os.environ.get("INTEGRITY_ROUNDS", "4"))
COUNTED = Counter()


@pytest.fixture(scope="module", autouse=True)
def counted():
    COUNTED.clear()
    yield
    NOTES.append(f"property test against the oracle: {COUNTED['rounds']} rounds, {COUNTED['tables']} tables ({COUNTED['partitioned']} partitioned), {COUNTED['rows']} rows, "
                 f"{COUNTED['differing']} differing rows ({COUNTED['semantic']} by SQL's equality), {COUNTED['runs']} comparisons, seeds {FIRST}..{FIRST + ROUNDS - 1}")


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_against_the_oracle(dbstep, server, round_, tmp_path):
    seed = FIRST + round_
    r = random.Random(seed)
    databases = [server.create_database("oracle_a"), server.create_database("oracle_b")]
    tables = [Table(r, f"t{i}") for i in range(40)]
    scripts = ["", ""]
    for t in tables:
        scripts[0] += t.sql(0, t.rows, t.twins)
        scripts[1] += t.sql(1, edit(r, t.types, t.rows), t.twins if r.random() < 0.7 else t.twins[1:])
    a, b = map(server.url, databases)
    want, want_semantic = {}, {}
    sessions = [server.connect(d) for d in databases]
    cursors = [s.cursor() for s in sessions]
    for c, sql in zip(cursors, scripts):
        c.execute("SET TimeZone = 'UTC'; SET extra_float_digits = 3; SET DateStyle = ISO;" + sql)
    for t in tables:
        want[t.name], want_semantic[t.name] = oracle(cursors, t)
    for s in sessions:
        s.close()
    strictness, forms = r.choice(["exact", "strong"]), r.sample(["native", "portable"], 2)
    options = {"chunk_rows": r.choice([16, 100]), "aggregate": r.choice(["xor", "sum"]), "max_rows": 100000, "connections": r.choice([1, 2, 3])}
    c = tmp_path / "c.json"
    sketch = r.choice(["4MB", "100KB"])  # with the first nearly every difference comes out
    assert dbstep("integrity-baseline", db_url=a, certificate=c, strictness=strictness, digest=forms[0], sketch=sketch, **options).status == 0
    same = dbstep("integrity-diff", db_url=a, baseline=c, **options)
    assert same.status == 0, (seed, same.result["findings"])
    for inputs, expected in (({"source_db_url": a, "strictness": strictness, "digest": forms[1]}, want), ({"source_db_url": a, "baseline": c}, want),
                             ({"source_db_url": a, "strictness": "semantic", "digest": r.choice(forms)}, want_semantic)):
        run = dbstep("integrity-diff", db_url=b, **options, **inputs)
        got, rows = lines(run), {t.name: {} for t in tables}
        for x in named(run):
            if x["difference"] == "changed":
                rows[x["table"].split(".", 1)[1]][x["key"]] = set(x["columns"].split(", "))
        for t in tables:
            missing, extra, changed = expected[t.name]
            about = (seed, t.name, t.kinds, t.types, inputs, options)
            assert (got[t.name]["missing"], got[t.name]["extra"], got[t.name]["changed"]) == (str(missing), str(extra), str(len(changed))), (about, run)
            assert rows[t.name] == {(k[0] if len(k) == 1 else "(" + ", ".join(k) + ")"): columns for k, columns in changed.items()}, about
    run = dbstep("integrity-diff", db_url=b, baseline=c, **options)
    alone, whole = lines(run), "\n".join(p for p in run.result["proofs"] if "came apart completely" in p)
    complete = 0
    for t in tables:
        missing, extra, changed = want[t.name]
        about = (seed, t.name, t.kinds, t.types, alone[t.name], options)
        assert (alone[t.name]["verdict"] == "different") == any(want[t.name]), about
        if t.kinds:
            rows = {x["key"] for x in named(run) if x["table"] == f"public.{t.name}" and x["difference"] == "changed"}
            truth = {k[0] if len(k) == 1 else "(" + ", ".join(k) + ")" for k in changed}
            assert rows <= truth, about
            if f"public.{t.name}:" in whole:
                complete += 1
                assert rows == truth and [alone[t.name][k] for k in ("missing", "extra", "changed")] == [str(n) for n in (missing, extra, len(changed))], (about, run)
    differing = sum(any(want[t.name]) for t in tables if t.kinds)
    assert complete >= differing * (0.9 if sketch == "4MB" else 0.2), (seed, complete, differing, run)
    COUNTED.update(rounds=1, tables=len(tables), partitioned=sum(any(t.parts) for t in tables), rows=sum(len(t.rows) + len(t.twins) for t in tables), runs=5,
                   differing=sum(m + e + len(ch) for m, e, ch in want.values()), semantic=sum(m + e + len(ch) for m, e, ch in want_semantic.values()))
