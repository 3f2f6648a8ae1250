"""dbstep and a real Liquibase at the same database at the same time: one runs, the other waits or gives up; nothing runs twice."""
import subprocess

import oracle
from test_live import Both, said

SLOW = """--liquibase formatted sql
--changeset ann:1
create table t (id int primary key);
--changeset ann:2
insert into t select 1 from pg_sleep(3);
--changeset ann:3
insert into t values (2);
"""


def prepare(tmp_path, server, liquibase, stages, make_database):
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes" / "root.sql").write_text(SLOW)
    return Both(oracle.Root(tmp_path / "changes"), server, liquibase, stages, make_database)


def locked(both, database):
    there = both.server.value("SELECT to_regclass('public.databasechangeloglock') IS NOT NULL", database)
    return there and both.server.sql("SELECT 1 FROM databasechangeloglock WHERE locked", database)


def settled(both, database):
    assert both.server.sql("SELECT id, exectype FROM databasechangelog ORDER BY orderexecuted", database) == [(str(n), "EXECUTED") for n in (1, 2, 3)]
    assert both.server.sql("SELECT id FROM t ORDER BY id", database) == [(1,), (2,)]
    assert both.server.sql("SELECT locked, lockedby FROM databasechangeloglock", database) == [(False, None)]


def test_liquibase_waits_for_dbstep(tmp_path, server, liquibase, stages, make_database, dbstep_start, wait):
    both = prepare(tmp_path, server, liquibase, stages, make_database)
    running = dbstep_start("schema-deploy", **stages.inputs(both.root, both.ours))
    wait(lambda: locked(both, both.ours), what="dbstep's lock")
    url = f"jdbc:postgresql://127.0.0.1:{server.port}/{both.ours}"
    words = oracle.command_line(both.root, url, "update")
    r = liquibase._call("liquibase", "--changelog-lock-poll-rate=1", *words)
    assert r["exit"] == 0 and "Previously run:               3" in r["out"], r
    assert running.wait(5) == 0
    settled(both, both.ours)


def test_dbstep_waits_for_liquibase_or_gives_up(tmp_path, server, liquibase, stages, make_database, wait):
    both = prepare(tmp_path, server, liquibase, stages, make_database)
    url = f"jdbc:postgresql://127.0.0.1:{server.port}/{both.theirs}"
    # a process of its own, as it would be in a pod
    real = subprocess.Popen(oracle.JAVA + ["liquibase.integration.commandline.LiquibaseCommandLine", *oracle.command_line(both.root, url, "update")],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait(lambda: server.sql("SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE '%%pg_sleep%%' AND pid <> pg_backend_pid()",
                                params=(both.theirs,)), what="Liquibase's slow changeset")
        gave_up = stages.run("schema-deploy", both.root, both.theirs, lock_wait="100ms")
        waited = stages.run("schema-deploy", both.root, both.theirs, lock_wait="60s")
        out = real.communicate(timeout=60)[0]
    finally:
        real.kill()
        real.wait()
    assert real.returncode == 0, out
    assert gave_up.status == 14, said(gave_up)
    assert waited.status == 0 and int(waited.outputs["changesets_applied"]) == 0, said(waited)
    settled(both, both.theirs)
