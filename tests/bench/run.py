"""Measures the shipped binary and prints ratios: start-up, a deploy with nothing to do, memory, a fingerprint.

Absolute times depend on the machine; the ratios, taken in one run, are what to compare. Nothing here fails a build.
"""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))
from conftest import BINARY, ROOT, Server, environment  # noqa: E402
from latency import Latency  # noqa: E402

CHANGESETS = 1000
SLOW = 300  # of them, where every round trip takes its time
XML_CHANGESETS = 20000
LIQUIBASE = os.path.join(ROOT, "build", "dep", "liquibase", "package", "lib")


def hyperfine(*commands, env=None, runs=40, warmup=5):
    """Median seconds of each command, taken in one run of hyperfine."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(["hyperfine", "-N", "--warmup", str(warmup), "--runs", str(runs), "--export-json", out.name, *commands], check=True,
                       stdout=subprocess.DEVNULL, env=env)
        return [r["median"] for r in json.load(open(out.name))["results"]]


def peak_rss_mb(command, env):
    p = subprocess.run(["/usr/bin/time", "-f", "%M", *command], env=env, capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with {p.returncode}\n{p.stderr}")
    return int(p.stderr.strip().splitlines()[-1]) / 1024


def beside_liquibase(server, folder, env):
    """The same deploy with nothing to do by the real Liquibase, which `make test-oracle` fetches."""
    if not os.path.isdir(LIQUIBASE):
        row("Liquibase with nothing to do", "-", "not measured: `make test-oracle` fetches it")
        return
    java = (f"java -cp {LIQUIBASE}/* liquibase.integration.commandline.LiquibaseCommandLine --show-banner=false --search-path={folder} update "
            f"--url=jdbc:postgresql://127.0.0.1:{server.port}/postgres --username=postgres --password=none --changelog-file=log.sql")
    theirs, ours = hyperfine(java, f"{BINARY} schema-deploy", env={**env, "PATH": os.environ["PATH"]}, runs=5, warmup=1)
    row(f"Liquibase with nothing to do, {CHANGESETS} changesets / ours", f"{theirs / ours:.0f} x", f"{theirs:.2f} s against {ours * 1000:.1f} ms; goal: at least 100 x")


def xml_changelog(path, n):
    """A log as people write them: tables, columns, indexes, rows, with preconditions and rollbacks."""
    changes = [
        '<createTable tableName="t{i}"><column name="id" type="bigint" autoIncrement="true"><constraints nullable="false" primaryKey="true"/>'
        '</column><column name="name" type="varchar(200)"/><column name="at" type="timestamp" defaultValueComputed="now()"/></createTable>',
        '<addColumn tableName="t{i}"><column name="c" type="int" defaultValueNumeric="1"/></addColumn>',
        '<createIndex tableName="t{i}" indexName="ix{i}"><column name="name"/></createIndex>',
        "<sql>insert into t{i} (name) values ('a');\nupdate t{i} set name = name || 'x';</sql><rollback>delete from t{i}</rollback>"]
    with open(path, "w") as f:
        f.write('<?xml version="1.0" encoding="UTF-8"?>\n<databaseChangeLog xmlns="http://www.liquibase.org/xml/ns/dbchangelog">\n')
        for i in range(n):
            f.write(f'  <changeSet id="{i}" author="bench" context="prod or test" labels="v{i % 7}">\n'
                    f'    <preConditions onFail="MARK_RAN"><not><tableExists tableName="t{i}"/></not></preConditions>\n'
                    f"    <comment>number {i}</comment>\n    {changes[i % 4].format(i=i)}\n  </changeSet>\n")
        f.write("</databaseChangeLog>\n")


def row(what, figure, note=""):
    print(f"  {what:<58} {figure:>14}  {note}")


def main():
    folder = tempfile.mkdtemp(prefix="dbstep-bench-")
    os.chmod(folder, 0o755)
    out = None
    server = Server(os.path.join(folder, "pg"), settings={"fsync": "on"}).init().start()
    try:
        print(f"\n{BINARY}: {os.path.getsize(BINARY) / 1e6:.1f} MB")

        nothing, version = hyperfine("/bin/true", f"{BINARY} version", env={})
        row("dbstep version over /bin/true", f"{(version - nothing) * 1000:+.2f} ms", f"{version * 1000:.2f} ms against {nothing * 1000:.2f} ms; goal: at most 2 ms more")

        log = os.path.join(folder, "log.sql")
        with open(log, "w") as f:
            f.write("--liquibase formatted sql\n")
            for i in range(CHANGESETS):
                f.write(f"--changeset bench:{i}\nINSERT INTO noted VALUES ({i});\n")
        server.sql("CREATE TABLE noted (i int)")
        # In memory: ext4 looks long for an inode when files are replaced at the rate of a benchmark, which no pipeline does.
        out = tempfile.mkdtemp(prefix="dbstep-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else folder)
        env = environment({"db_url": server.url(), "changelog_file": "log.sql", "search_path": folder, "log_level": "error"}, output_dir=out)
        first = subprocess.run([BINARY, "schema-deploy"], env=env, capture_output=True, text=True)
        if first.returncode:
            sys.exit(f"bench: the first deploy ended with {first.returncode}\n{first.stderr}")
        psql = f"{server.bindir}/psql -X -h {server.folder} -p {server.port} -U postgres -d postgres -c 'select 1'"
        one, noop = hyperfine(psql, f"{BINARY} schema-deploy", env=env)
        row(f"deploy with nothing to do, {CHANGESETS} changesets / psql select 1", f"{noop / one:.2f} x", f"{noop * 1000:.1f} ms against {one * 1000:.1f} ms")
        row("peak memory of that deploy", f"{peak_rss_mb([BINARY, 'schema-deploy'], env):.1f} MB", "goal: under 16 MB")
        beside_liquibase(server, folder, env)

        xml_changelog(os.path.join(folder, "log.xml"), XML_CHANGESETS)
        read, status = [], {**env, "DBSTEP_CHANGELOG_FILE": "log.xml"}
        for _ in range(7):
            subprocess.run([BINARY, "schema-status"], env=status, capture_output=True)
            timings = json.load(open(os.path.join(out, "result.json")))["timings"]
            read += [int(t["duration_ms"]) for t in timings if t["name"] == "read the changelog"]
        row(f"reading {XML_CHANGESETS} changesets of XML, {os.path.getsize(os.path.join(folder, 'log.xml')) / 1e6:.1f} MB", f"{min(read)} ms", "goal: under 200 ms")
        row("peak memory of that", f"{peak_rss_mb([BINARY, 'schema-status'], status):.1f} MB")

        fresh, script = os.path.join(folder, "fresh.sh"), os.path.join(folder, "script.sql")
        with open(script, "w") as f:
            for i in range(CHANGESETS):
                f.write(f"BEGIN; INSERT INTO noted VALUES ({i}); INSERT INTO history VALUES ({i}, 'bench', 'log.sql'); COMMIT;\n")
        server.sql("CREATE TABLE history (id int, author text, filename text)")
        with open(fresh, "w") as f:
            f.write(f"#!/bin/sh\n{server.bindir}/psql -X -q -h {server.folder} -p {server.port} -U postgres -c 'TRUNCATE databasechangelog, noted' && exec {BINARY} schema-deploy\n")
        os.chmod(fresh, 0o755)
        by_psql, by_us = hyperfine(f"{server.bindir}/psql -X -q -h {server.folder} -p {server.port} -U postgres -f {script}", fresh, env=env, runs=5)
        row(f"{CHANGESETS} changesets with their history rows / psql -f", f"{by_us / by_psql:.2f} x", f"{by_us:.2f} s against {by_psql:.2f} s, the same commits")

        latency = Latency(server.port, 0.010)
        few, slow_script = os.path.join(folder, "few"), os.path.join(folder, "slow.sql")
        os.mkdir(few)
        with open(os.path.join(few, "log.sql"), "w") as f, open(log) as whole:
            f.writelines(line for i, line in enumerate(whole) if i <= 2 * SLOW)
        with open(slow_script, "w") as f, open(script) as whole:
            f.writelines(line for i, line in enumerate(whole) if i < SLOW)
        server.sql("TRUNCATE databasechangelog, noted")
        far = {**env, "DBSTEP_DB_URL": f"postgresql://postgres@127.0.0.1:{latency.port}/postgres?sslmode=disable", "DBSTEP_SEARCH_PATH": few}
        started = time.monotonic()
        subprocess.run([f"{server.bindir}/psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(latency.port), "-U", "postgres", "-f", slow_script], check=True)
        by_psql = time.monotonic() - started
        started = time.monotonic()
        subprocess.run([BINARY, "schema-deploy"], env=far, check=True, capture_output=True)
        by_us = time.monotonic() - started
        row(f"psql -f / {SLOW} changesets, at 10 ms of latency", f"{by_psql / by_us:.1f} x", f"{by_psql:.2f} s against {by_us:.2f} s; goal: at least 3 x")

        server.sql("CREATE TABLE wide AS SELECT i AS id, i % 500 AS w, 'sku ' || i AS sku, (i % 997)::numeric / 7 AS price, i::float8 / 3 AS weight, "
                   "now() + i * interval '1 s' AS at, CASE WHEN i % 5 > 0 THEN jsonb_build_object('k', i) END AS attrs FROM generate_series(1, 1000000) i")
        server.sql("ALTER TABLE wide ADD PRIMARY KEY (id)")
        server.sql("VACUUM ANALYZE wide")
        bare = f"{server.bindir}/psql -X -h {server.folder} -p {server.port} -U postgres -c 'select count(*), bit_xor(hash_record_extended(row(wide.*), 0)) from wide'"
        env.update(DBSTEP_TABLES="wide", DBSTEP_CONNECTIONS="1", PGOPTIONS="-c max_parallel_workers_per_gather=0")
        query, print_ = hyperfine(bare, f"{BINARY} integrity-baseline", env=env, runs=5)
        row("fingerprint of 1,000,000 rows / one bare hashing query", f"{print_ / query:.2f} x", f"{print_:.2f} s against {query:.2f} s, exact, one connection")
        row("peak memory of that fingerprint", f"{peak_rss_mb([BINARY, 'integrity-baseline'], env):.1f} MB")
    finally:
        server.stop("immediate")
        subprocess.run(["rm", "-rf", folder, out or folder])


main()
