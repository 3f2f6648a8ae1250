"""Tables that are one chunk: their bounds come with the digests, wherever the keys lie."""
import base64
import json
import struct

import pytest

WIDEST = 2**63 - 1
KEYS = {"none": [], "one": [7], "few": [1, 2, 100], "high": [10**9 + 1, 10**9 + 3], "negative": [-5, -3], "either": [-2, -1, 0, 1],
        "zero": [0], "extremes": [-WIDEST - 1, -1, 0, WIDEST], "apart": [1, 2**33, 2**62], "apart_negative": [-(2**62), -4]}
ROWS = {name: keys for name, keys in KEYS.items() if keys}


@pytest.fixture(scope="module")
def small(server):
    names = [server.create_database(f"small_{side}") for side in "ab"]
    for db in names:
        for table, keys in KEYS.items():
            server.sql(f"CREATE TABLE {table} (k bigint PRIMARY KEY, v text)", db)
            for k in keys:
                server.sql(f"INSERT INTO {table} VALUES (%s, 'v')", db, params=(k,))
    yield names
    for db in names:
        server.sql(f'DROP DATABASE "{db}" WITH (FORCE)')


def test_a_certificate_has_the_bounds_of_every_table(dbstep, server, small, tmp_path):
    a, _ = small
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    tables = {t["name"]: t for t in json.load(open(tmp_path / "c.json"))["certificate"]["tables"]}
    for name, keys in KEYS.items():
        g, ids = tables[name]["geometry"], base64.b64decode(tables[name]["chunks"]["id"])
        assert (g["kind"], int(g["lo"]), int(g["hi"])) == ("range", min(keys, default=0), max(keys, default=-1)), (name, g)
        assert list(struct.unpack(f"<{len(ids) // 8}q", ids)) == sorted({k >> int(g["shift"]) for k in keys}), (name, g)


@pytest.mark.parametrize("strictness", ["exact", "strong"])
def test_equal_and_changed_tables(dbstep, server, small, tmp_path, strictness):
    a, b = small
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json", strictness=strictness).status == 0
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert run.status == 0 and run.outputs["rows_compared"] == str(sum(map(len, KEYS.values()))), run
    for name, keys in ROWS.items():
        server.sql(f"UPDATE {name} SET v = 'w' WHERE k = %s", b, params=(keys[-1],))
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json")
    assert run.status == 3 and {f["object"] for f in run.result["findings"]} == {f"public.{name}" for name in ROWS}, run
    run = dbstep("integrity-diff", source_db_url=server.url(a), db_url=server.url(b), strictness=strictness)
    assert run.status == 3 and run.outputs["rows_changed"] == str(len(ROWS)), run
    server.sql("".join(f"UPDATE {name} SET v = 'v';" for name in ROWS), b)


def test_rows_inserted_live_behind_the_keys_are_no_loss(dbstep, server, small, tmp_path):
    a, b = small
    assert dbstep("integrity-baseline", db_url=server.url(a), certificate=tmp_path / "c.json").status == 0
    server.sql("INSERT INTO few VALUES (1000, 'new'); INSERT INTO high VALUES (2000000000, 'new')", b)
    run = dbstep("integrity-diff", db_url=server.url(b), baseline=tmp_path / "c.json", live_writes=["few.+", "high.+"])
    assert run.status == 0, run
    server.sql("DELETE FROM few WHERE k = 1000; DELETE FROM high WHERE k = 2000000000", b)
