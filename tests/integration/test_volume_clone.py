"""volume-clone: template databases and base backups of real servers, what stands in their way, and what a kill leaves behind."""
import contextlib
import glob
import json
import os
import pwd
import random
import resource
import shutil
import signal
import subprocess
import time

import pytest
from conftest import Server, as_server_user, server_user, wait_until

TABLES = """
    CREATE TABLE warehouses (id int PRIMARY KEY, location text, opened timestamptz, share float8);
    INSERT INTO warehouses SELECT g, 'Place ' || g, '2020-01-01'::timestamptz + g * interval '1 hour', g / 3.0 FROM generate_series(1, 20000) g;
    CREATE TABLE "Odd ""name" (t text, x xml, b bytea);
    INSERT INTO "Odd ""name" VALUES ('a', '<a/>', '\\x00ff'), (NULL, NULL, NULL);
    CREATE SCHEMA app;
    CREATE TABLE app.parted (id int, k int) PARTITION BY LIST (k);
    CREATE TABLE app.part1 PARTITION OF app.parted FOR VALUES IN (1);
    INSERT INTO app.parted SELECT g, 1 FROM generate_series(1, 100) g;
    CREATE MATERIALIZED VIEW app.mv AS SELECT count(*) FROM warehouses;
"""


@pytest.fixture(scope="module")
def production(server_factory):
    """A cluster with a tablespace and the roles that the tests need."""
    s = server_factory(settings={"log_replication_commands": "on", "max_prepared_transactions": "4"})
    s.tablespace = os.path.join(s.folder, "space")
    os.mkdir(s.tablespace)
    if server_user():
        shutil.chown(s.tablespace, server_user())
    s.sql(f"CREATE TABLESPACE fast LOCATION '{s.tablespace}'")
    s.sql("CREATE ROLE plain LOGIN; CREATE ROLE copier LOGIN REPLICATION; CREATE ROLE maker LOGIN CREATEDB")
    s.create_database("bbq")
    s.sql(TABLES + "CREATE TABLE elsewhere (id int) TABLESPACE fast; INSERT INTO elsewhere SELECT generate_series(1, 500)", "bbq")
    return s


@pytest.fixture
def place(server_factory):
    """A folder that belongs to the servers' user; a copy goes below it."""
    folder = os.path.join(server_factory.base, f"place{random.randrange(10**9)}")
    os.mkdir(folder)
    if server_user():
        shutil.chown(folder, server_user())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


class Copy(Server):
    """A server on a data directory that is there already."""

    def __init__(self, folder, data, bindir=None):
        super().__init__(folder, bindir=bindir, settings={"unix_socket_directories": folder})
        self.data = data
        # Settings of the copy itself count, not this fixture's.
        self.settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}


@contextlib.contextmanager
def started(place, data):
    copy = Copy(place, data)
    copy.start()
    try:
        yield copy
    finally:
        copy.stop("immediate")


def marker(data):
    return json.load(open(os.path.join(data, "dbstep-clone.json")))


def same_tables(a, b, database="bbq"):
    for table in ("warehouses", '"Odd ""name"', "app.parted", "elsewhere"):
        query = f"SELECT count(*), coalesce(sum(hashtext(t::text)::bigint), 0) FROM {table} t"
        assert a.sql(query, database) == b.sql(query, database), table


# ---- base backup ----


def test_base_backup_starts_and_is_production(production, place, dbstep):
    data = place + "/volume/pgdata"
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, clone_settings=["work_mem=7MB", "cluster_name='the copy'"])
    assert run.status == 0, run
    assert run.result["verdict"] == "pass"
    assert run.outputs["system_identifier"] == str(production.value("SELECT system_identifier FROM pg_control_system()"))
    assert run.outputs["strategy"] == "basebackup with slot"
    assert int(run.outputs["files_copied"]) > 900
    proofs = " ".join(run.result["proofs"])
    for words in ("SHA-256", "system identifier", "It is recent", "WAL from"):
        assert words in proofs
    assert os.stat(data).st_mode & 0o7777 == 0o700
    assert marker(data)["state"] == "complete"
    # Only ours and changed files may differ from the server's manifest, as PostgreSQL's own tool sees it.
    subprocess.run([f"{production.bindir}/pg_verifybackup", "-e", "-i", "dbstep-clone.json", "-i", "postgresql.auto.conf"]
                   + [x for d in glob.glob(data + "/pg_tblspc/*") for x in ("-i", os.path.relpath(d, data) + "/dbstep-clone.json")] + [data], check=True)

    with started(place, data) as copy:
        same_tables(production, copy)
        show = {n: copy.value(f"SHOW {n}") for n in ("archive_mode", "max_logical_replication_workers", "work_mem", "cluster_name", "synchronous_standby_names")}
        assert show == {"archive_mode": "off", "max_logical_replication_workers": "0", "work_mem": "7MB", "cluster_name": "the copy",
                        "synchronous_standby_names": ""}
        assert copy.value("SELECT pg_is_in_recovery()") is False
        where = copy.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'")
        assert where == f"{data}.tablespaces/" + os.path.basename(where)
        # A running server's folder is never touched.
        again = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data)
        assert again.status == 4 and "server runs on" in again.err, again
        same_tables(production, copy)

    again = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data)
    assert again.status == 0 and again.outputs["replaced"] is True, again
    kept = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, replace=False)
    assert kept.status == 4, kept
    assert marker(data)["state"] == "complete"
    assert production.sql("SELECT slot_name FROM pg_replication_slots") == []


def test_proof_of_a_started_copy(production, place, dbstep):
    data = place + "/pg"
    production.create_database("proof")
    production.sql(TABLES + "CREATE UNLOGGED TABLE scratch (a int); INSERT INTO scratch VALUES (1)", "proof")
    made = dbstep("volume-clone", source_db_url=production.url("proof"), target_dir=data)
    assert made.status == 0, made
    inputs = {"verify_only": True, "source_db_url": production.url("proof"), "expect_lsn": made.outputs["end_lsn"],
              "source_snapshot": made.outputs["source_snapshot"]}
    with started(place, data) as copy:
        run = dbstep("volume-clone", db_url=copy.url("proof"), **inputs)
        assert run.status == 0 and run.result["verdict"] == "pass", run
        assert run.outputs["tables_compared"] == "4" and run.outputs["rows_compared"] == str(20000 + 2 + 100 + 1)
        assert any("scratch" in u and "unlogged" in u for u in run.result["uncovered"])

        # Production goes on: new rows are told from lost ones.
        production.sql("""INSERT INTO warehouses SELECT g FROM generate_series(20001, 20010) g; UPDATE app.parted SET id = -id WHERE id < 5; CREATE TABLE later (a int)""", "proof")
        run = dbstep("volume-clone", db_url=copy.url("proof"), **inputs)
        assert run.status == 0, run
        told = "\n".join(run.result["uncovered"])
        assert "10 rows written on the source after the copy began; the 20,000 older ones are equal" in told
        assert "(1 of them in the rows from before the copy)" in " ".join(run.result["proofs"])
        assert "part1" in told and "written on the source after the copy began" in told
        assert "later" in told and "made on the source after" in told

        too_new = dbstep("volume-clone", db_url=copy.url("proof"), **{**inputs, "expect_lsn": "FFFFFF/0"})
        assert too_new.status == 23 and "too old" in too_new.err, too_new
        copy.sql("""UPDATE "Odd ""name" SET t = 'b' WHERE t = 'a'""", "proof")
        lost = dbstep("volume-clone", db_url=copy.url("proof"), **inputs)
        assert lost.status == 23 and "Odd" in lost.err, lost
        assert "clone-table-differs" in lost.finding_codes()
        counted = dbstep("volume-clone", db_url=copy.url("proof"), verify="none", **inputs)
        assert counted.status == 0 and any("not compared" in u for u in counted.result["uncovered"]), counted


def test_proof_is_not_had_for_nothing(production, place, dbstep):
    """What passes as equal although it proves nothing: production itself, a database without tables, a copy that was worked on."""
    data = place + "/pg"
    production.create_database("proof2")
    production.sql(TABLES, "proof2")
    made = dbstep("volume-clone", source_db_url=production.url("proof2"), target_dir=data)
    assert made.status == 0, made
    inputs = {"verify_only": True, "source_db_url": production.url("proof2"), "expect_lsn": made.outputs["end_lsn"],
              "source_snapshot": made.outputs["source_snapshot"]}
    itself = dbstep("volume-clone", db_url=production.url("proof2", tcp=True), **inputs)
    assert itself.status == 4 and "the source itself" in itself.err, itself
    with started(place, data) as copy:
        empty = dbstep("volume-clone", db_url=copy.url("postgres"), **{**inputs, "source_db_url": production.url("postgres")})
        assert empty.result["verdict"] == "inconclusive" and "right database" in " ".join(empty.result["uncovered"]), empty
        # Rows added to the copy, with production's own new rows to hide among.
        production.sql("INSERT INTO warehouses SELECT g FROM generate_series(20001, 20010) g", "proof2")
        copy.sql("INSERT INTO warehouses VALUES (-1)", "proof2")
        worked_on = dbstep("volume-clone", db_url=copy.url("proof2"), **inputs)
        assert worked_on.status == 23 and "written to on the copy" in str(worked_on.result["findings"]), worked_on
        copy.sql("CREATE TABLE made_here AS SELECT 1 AS a; DELETE FROM warehouses WHERE id = -1", "proof2")
        extra = dbstep("volume-clone", db_url=copy.url("proof2"), **inputs)
        assert any("made_here" in u for u in extra.result["uncovered"]), extra
        assert extra.status != 0


def test_rows_lost_behind_a_busy_table(production, place, dbstep):
    """A table that production writes to is no excuse for rows that the copy lacks."""
    data = place + "/pg"
    production.create_database("proof3")
    production.sql(TABLES, "proof3")
    made = dbstep("volume-clone", source_db_url=production.url("proof3"), target_dir=data)
    assert made.status == 0, made
    inputs = {"verify_only": True, "source_db_url": production.url("proof3"), "expect_lsn": made.outputs["end_lsn"],
              "source_snapshot": made.outputs["source_snapshot"]}
    production.sql("INSERT INTO warehouses SELECT g FROM generate_series(20001, 20010) g; UPDATE warehouses SET location = 'x' WHERE id < 5", "proof3")
    with started(place, data) as copy:
        busy = dbstep("volume-clone", db_url=copy.url("proof3"), **inputs)
        assert busy.status == 0 and "written meanwhile" in str(busy.result), busy
        copy.sql("DELETE FROM warehouses WHERE id BETWEEN 100 AND 200", "proof3")
        wait_until(lambda: copy.value("SELECT n_tup_del FROM pg_stat_user_tables WHERE relname = 'warehouses'", "proof3") == 101, what="the counters")
        copy.sql("SELECT pg_stat_reset()", "proof3")
        for verify in ("digests", "counts"):
            lost = dbstep("volume-clone", db_url=copy.url("proof3"), verify=verify, **inputs)
            assert lost.status == 23 and "rows of the source are missing" in str(lost.result), lost
        production.sql("TRUNCATE warehouses", "proof3")
        emptied = dbstep("volume-clone", db_url=copy.url("proof3"), **inputs)
        assert emptied.result["verdict"] == "inconclusive" and "emptied" in " ".join(emptied.result["uncovered"]), emptied


def test_a_foreign_server_is_no_copy(production, server, dbstep):
    run = dbstep("volume-clone", verify_only=True, source_db_url=production.url("bbq"), db_url=server.url("postgres"))
    assert run.status == 23 and "not a copy of the source" in run.err, run


def test_standby_as_source(production, place, server_factory, dbstep):
    data = place + "/standby/data"
    os.mkdir(place + "/standby")
    if server_user():
        shutil.chown(place + "/standby", server_user())
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, neutralise=False,
                 clone_settings=["max_prepared_transactions=4", "max_connections=60"])
    assert run.status == 0, run
    with open(data + "/postgresql.auto.conf", "a") as f:
        f.write(f"primary_conninfo = 'host={production.folder} port={production.port} user=postgres'\n")
    open(data + "/standby.signal", "w").close()
    if server_user():
        shutil.chown(data + "/standby.signal", server_user())
    os.mkdir(place + "/copy")
    if server_user():
        shutil.chown(place + "/copy", server_user())
    with started(place + "/standby", data) as standby:
        wait_until(lambda: production.sql("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"), what="replication")
        assert standby.value("SELECT pg_is_in_recovery()") is True
        run = dbstep("volume-clone", source_db_url=standby.url("bbq"), target_dir=place + "/copy/pg")
        assert run.status == 0, run
        assert "clone-promoted" in run.finding_codes()
        refused = dbstep("volume-clone", source_db_url=standby.url("bbq"), clone_name="other")
        assert refused.status == 4 and "standby cannot make a database" in refused.err, refused
    with started(place + "/copy", place + "/copy/pg") as copy:
        assert copy.value("SELECT pg_is_in_recovery()") is False
        assert copy.value("SHOW primary_conninfo") == ""
        same_tables(production, copy)


def test_rate_and_checkpoint_reach_the_server(production, place, dbstep):
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg", max_rate="200MB", checkpoint="fast")
    assert run.status == 0, run
    assert "MAX_RATE 204800" in open(production.folder + "/log").read()
    low = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg", max_rate="1kB")
    assert low.status == 2 and marker(place + "/pg")["state"] == "complete", low


def test_tablespaces_go_where_they_are_sent(production, place, dbstep):
    data, other = place + "/pg", place + "/other"
    own = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, tablespace_mapping=[f"{production.tablespace}={production.tablespace}"])
    assert own.status == 4 and "source's own tablespace" in own.err, own
    assert not os.path.exists(data)
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, tablespace_mapping=[f"{production.tablespace}={other}"])
    assert run.status == 0, run
    (link,) = glob.glob(data + "/pg_tblspc/*")
    assert os.readlink(link) == other
    with started(place, data) as copy:
        same_tables(production, copy)
    # Mounted elsewhere for the copy's server.
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=data, server_dir="/var/lib/postgresql/data/pg")
    assert run.status == 0, run
    (link,) = glob.glob(data + "/pg_tblspc/*")
    assert os.readlink(link) == "/var/lib/postgresql/data/pg.tablespaces/" + os.path.basename(link)
    assert not os.path.exists(other)


def test_configuration_outside_the_data_directory(server_factory, place, dbstep):
    s = server_factory(start=False, settings={"max_connections": "77"})
    etc = os.path.join(s.folder, "etc")
    os.mkdir(etc)
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        shutil.move(f"{s.data}/{name}", f"{etc}/{name}")
    with open(f"{etc}/postgresql.conf", "a") as f:
        f.write(f"\ndata_directory = '{s.data}'\nhba_file = '{etc}/pg_hba.conf'\nident_file = '{etc}/pg_ident.conf'\n")
    s.settings["config_file"] = f"{etc}/postgresql.conf"
    s.start()
    run = dbstep("volume-clone", source_db_url=s.url(), target_dir=place + "/pg")
    assert run.status == 0 and "clone-config-written" in run.finding_codes(), run
    text = open(place + "/pg/postgresql.conf").read()
    assert "max_connections = '77'" in text
    with open(place + "/pg/pg_hba.conf", "a") as f:
        f.write("host all all 127.0.0.1/32 trust\n")
    with open(place + "/pg/pg_hba.conf", "r+") as f:
        text = f.read().replace("local all all peer", "local all all trust")
        f.seek(0)
        f.write(text)
    with started(place, place + "/pg") as copy:
        assert copy.value("SHOW max_connections") == "77"
    none = dbstep("volume-clone", source_db_url=s.url(), target_dir=place + "/pg", write_config=False)
    assert none.status == 0 and not os.path.exists(place + "/pg/postgresql.conf"), none


# ---- what stands in the way of a base backup ----


def test_folder_that_is_not_ours(production, place, dbstep):
    with open(place + "/precious", "w") as f:
        f.write("x")
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place)
    assert run.status == 4 and "not marked as a copy" in run.err, run
    assert os.listdir(place) == ["precious"]
    dry = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place, replace_unmarked=True, dry_run=True)
    assert dry.status == 0 and os.listdir(place) == ["precious"], dry
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place, replace_unmarked=True)
    assert run.status == 0 and "precious" not in os.listdir(place), run


def test_the_sources_own_folders_are_never_touched(production, place, dbstep):
    url, before = production.url("bbq"), sorted(os.listdir(production.data))
    everything = {"replace_unmarked": True, "server_stopped": True}
    os.symlink(production.data, place + "/link")
    for bad in (production.data, production.data + "/", production.data + "/new", production.data + "/base/x/y", place + "/link", place + "/link/deep/er",
                place + "/link/../data/new", production.folder, production.tablespace,
                glob.glob(production.tablespace + "/PG_*")[0] + "/new"):
        for inputs in ({}, everything):
            run = dbstep("volume-clone", source_db_url=url, target_dir=bad, **inputs)
            assert run.status == 4, (bad, inputs, run)
    # A tablespace's place inside the data directory.
    run = dbstep("volume-clone", source_db_url=url, target_dir=place + "/pg", tablespace_mapping=[f"{production.tablespace}={production.data}/space"])
    assert run.status == 4, run
    assert sorted(os.listdir(production.data)) == before
    assert production.value("SELECT count(*) FROM elsewhere", "bbq") == 500
    # A container sees no process of the server: the pid in the file is gone for it.
    pid_file = open(production.data + "/postmaster.pid").read()
    os.chmod(production.data + "/postmaster.pid", 0o600)
    lines = pid_file.split("\n")
    with open(production.data + "/postmaster.pid", "r+") as f:
        f.write("\n".join(["9" * len(lines[0])] + lines[1:]))
    try:
        run = dbstep("volume-clone", source_db_url=url, target_dir=production.data, **everything)
        assert run.status == 4 and "source's own data directory" in run.err, run
    finally:
        with open(production.data + "/postmaster.pid", "r+") as f:
            f.write(pid_file)
    assert production.value("SELECT count(*) FROM warehouses", "bbq") == 20000


def test_paths_of_all_kinds(production, place, dbstep, tmp_path):
    os.mkdir(place + "/real")
    os.symlink(place + "/real", place + "/alias")
    if server_user():
        shutil.chown(place + "/real", server_user())
    # Trailing slash, a link to a folder, a relative path, a volume's root with lost+found.
    os.mkdir(place + "/real/lost+found")
    for path, where in ((place + "/slash///", place + "/slash"), (place + "/alias", place + "/real"), (place + "/alias/sub/deep", place + "/real/sub/deep"),
                        (os.path.relpath(place, tmp_path) + "/relative", place + "/relative")):
        if where == place + "/real/sub/deep":
            shutil.rmtree(place + "/real")
            os.mkdir(place + "/real")
        run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=path)
        assert run.status == 0 and run.outputs["target"] == where, run
        assert marker(where)["state"] == "complete"
    if os.path.isdir("/dev/shm"):  # another file system
        other = f"/dev/shm/dbstep-test-{os.getpid()}"
        try:
            run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=other + "/pg")
            assert run.status == 0, run
        finally:
            shutil.rmtree(other, ignore_errors=True)


def test_passwords_of_replication_do_not_stay(server_factory, place, dbstep):
    s = server_factory()
    s.sql("ALTER SYSTEM SET primary_conninfo = 'host=elsewhere password=swordfish'")
    s.sql("ALTER SYSTEM SET work_mem = '7MB'")
    run = dbstep("volume-clone", source_db_url=s.url(), target_dir=place + "/pg")
    assert run.status == 0, run
    text = open(place + "/pg/postgresql.auto.conf").read()
    assert "swordfish" not in text and "work_mem = '7MB'" in text and "primary_conninfo = ''" in text


def test_missing_rights_on_the_server(server_factory, place, dbstep):
    s = server_factory(hba="local all all trust\nlocal replication copier,plain trust\nhost all all 127.0.0.1/32 trust\n")
    s.sql("CREATE ROLE plain LOGIN; CREATE ROLE copier LOGIN REPLICATION")
    plain = dbstep("volume-clone", source_db_url=s.url(user="plain"), target_dir=place + "/pg")
    assert plain.status == 11 and 'ALTER ROLE "plain" REPLICATION' in plain.err, plain
    no_line = dbstep("volume-clone", source_db_url=s.url(user="copier", tcp=True), target_dir=place + "/pg")
    assert no_line.status == 10 and "host replication copier" in no_line.err, no_line
    assert not os.path.exists(place + "/pg")
    run = dbstep("volume-clone", source_db_url=s.url(user="copier"), target_dir=place + "/pg")
    assert run.status == 0, run


def test_no_room_for_a_second_sender(server_factory, place, dbstep):
    s = server_factory(settings={"max_wal_senders": "1"})
    run = dbstep("volume-clone", source_db_url=s.url(), target_dir=place + "/pg")
    assert run.status == 0 and "clone-no-slot" in run.finding_codes(), run
    assert run.outputs["strategy"] == "basebackup"
    with started(place, place + "/pg") as copy:
        assert copy.value("SELECT 1") == 1


def test_no_sender_at_all(server_factory, place, dbstep):
    s = server_factory(settings={"max_wal_senders": "0", "wal_level": "minimal"})
    run = dbstep("volume-clone", source_db_url=s.url(), target_dir=place + "/pg", timeout=200, env={"DBSTEP_TIMEOUT": "3s"})
    assert run.status in (13, 15) and not os.path.exists(place + "/pg"), run
    assert "max_wal_senders" in run.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")
def test_folder_that_cannot_be_written(production, server_factory, dbstep, tmp_path):
    binary = os.environ.get("DBSTEP_BINARY") or os.path.join(os.path.dirname(__file__), "..", "..", "build", "dbstep")
    shutil.copy(binary, server_factory.base + "/dbstep")
    os.chmod(server_factory.base + "/dbstep", 0o755)
    out = server_factory.base + "/denied-out"
    os.mkdir(out, 0o777)
    os.chmod(out, 0o777)
    roots = server_factory.base + "/roots-volume"
    os.mkdir(roots, 0o755)

    def call(target):
        env = {"DBSTEP_SOURCE_DB_URL": production.url("bbq"), "DBSTEP_TARGET_DIR": target, "DBSTEP_OUTPUT_DIR": out, "DBSTEP_HOST": "plain"}
        return subprocess.run(as_server_user([server_factory.base + "/dbstep", "volume-clone"]), env=env, capture_output=True, text=True, cwd="/")

    p = call(roots)
    assert p.returncode == 11 and "/pgdata" in p.stderr, p
    p = call(roots + "/pgdata")
    assert p.returncode == 11 and "fsGroup" in p.stderr, p
    os.chmod(roots, 0o777)
    p = call(roots + "/pgdata")
    assert p.returncode == 0, p
    assert os.stat(roots + "/pgdata").st_uid == pwd.getpwnam(server_user()).pw_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_volume_that_is_too_small(production, place, dbstep):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0777", "tmpfs", place]).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg")
        assert run.status == 15 and "too small" in run.err, run
        assert os.listdir(place) == []
    finally:
        subprocess.run(["umount", place], check=True)


def test_write_that_fails_halfway(production, place, dbstep):
    """A limit on the size of files is the full disk that every machine can offer."""
    env = {"DBSTEP_SOURCE_DB_URL": production.url("bbq"), "DBSTEP_TARGET_DIR": place + "/pg", "DBSTEP_OUTPUT_DIR": place + "/out", "DBSTEP_HOST": "plain"}

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    from conftest import BINARY
    p = subprocess.run([BINARY, "volume-clone"], env=env, capture_output=True, text=True, preexec_fn=limit, cwd=place)
    assert p.returncode == 15 and "cannot write" in p.stderr, p
    assert os.listdir(place) == ["out"]


# ---- interruption of a base backup ----


def slow(production, place):
    """A base backup that lasts: the source has some 30 MB."""
    return {"source_db_url": production.url("bbq"), "target_dir": place + "/pg", "max_rate": "8MB"}


def test_killed_at_any_moment_the_next_run_converges(production, place, dbstep, dbstep_start):
    for round_ in range(6):
        p = dbstep_start("volume-clone", **slow(production, place))
        time.sleep(random.uniform(0.005, 1.2))  # any instant will do
        p.kill()
        p.wait()
    run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg")
    assert run.status == 0, run
    wait_until(lambda: production.sql("SELECT 1 FROM pg_replication_slots") == [], what="the temporary slots' end")
    with started(place, place + "/pg") as copy:
        same_tables(production, copy)
    assert sorted(os.listdir(place)) == [n for n in sorted(os.listdir(place)) if n in ("log", "pg", "pg.tablespaces")]


def test_sigterm_leaves_nothing(production, place, dbstep_start):
    p = dbstep_start("volume-clone", **slow(production, place))
    wait_until(lambda: os.path.exists(place + "/pg/base"), what="the first files")
    p.send_signal(signal.SIGTERM)
    p.wait(60)
    assert p.returncode == 40, p.stderr.read()
    assert os.listdir(place) == []
    wait_until(lambda: production.sql("SELECT 1 FROM pg_replication_slots") == [], what="the temporary slot's end")


def test_two_runs_do_not_share_a_folder(production, place, dbstep, dbstep_start):
    p = dbstep_start("volume-clone", **slow(production, place))
    wait_until(lambda: os.path.exists(place + "/pg/base"), what="the first files")
    second = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg")
    assert second.status == 14, second
    assert p.wait(60) == 0, p.stderr.read()
    assert marker(place + "/pg")["state"] == "complete"


# ---- template ----


@pytest.fixture
def source(production, request):
    name = "src_" + request.node.name[5:40]
    production.create_database(name)
    production.sql(TABLES, name)
    yield name
    for n in (name, name + "_copy"):
        production.sql(f'DROP DATABASE IF EXISTS "{n}" WITH (FORCE)')


def databases(s):
    return {r[0] for r in s.sql("SELECT datname FROM pg_database")}


def comment(s, name):
    return s.value("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", params=(name,))


def test_template_copies_and_replaces(production, source, dbstep):
    copy = source + "_copy"
    production.sql(f"""ALTER DATABASE {source} SET search_path TO app, "$user"; ALTER DATABASE {source} SET work_mem = '7MB';
        ALTER ROLE plain IN DATABASE {source} SET statement_timeout = '9s'; REVOKE CONNECT ON DATABASE {source} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {source} TO plain; ALTER DATABASE {source} CONNECTION LIMIT 17; ALTER DATABASE {source} OWNER TO maker""")
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy)
    assert run.status == 0 and run.result["verdict"] == "pass", run
    assert run.outputs["tables_compared"] == "4" and run.outputs["target"] == copy
    assert comment(production, copy).startswith(f"dbstep clone {copy} of {source} at ")
    facts = "SELECT pg_get_userbyid(datdba), datconnlimit, datallowconn, datistemplate FROM pg_database WHERE datname = %s"
    assert production.sql(facts, params=(copy,)) == production.sql(facts, params=(source,))
    assert production.value("SELECT has_database_privilege('copier', %s, 'CONNECT')", params=(copy,)) is False
    assert production.value("SELECT has_database_privilege('plain', %s, 'CONNECT')", params=(copy,)) is True
    assert production.value("SHOW search_path", copy) == 'app, "$user"'
    assert production.value("SHOW work_mem", copy) == "7MB"

    production.sql("DELETE FROM public.warehouses WHERE id > 100", copy)
    production.sql(f"ALTER DATABASE {copy} CONNECTION LIMIT -1")
    with contextlib.closing(production.connect(copy)):  # somebody works on the old copy
        again = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy, copy_settings=False)
    assert again.status == 0 and again.outputs["replaced"] is True, again
    assert production.value("SELECT count(*) FROM public.warehouses", copy) == 20000
    assert production.value("SHOW work_mem", copy) == "4MB"
    kept = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy, replace=False)
    assert kept.status == 4, kept
    assert not [d for d in databases(production) if d.startswith("dbstep_clone_")]


@pytest.mark.parametrize("strategy", ["wal_log", "file_copy"])
def test_template_strategies(production, source, dbstep, strategy):
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", strategy=strategy)
    assert run.status == 0 and run.outputs["rows_compared"] == "20103", run


def test_template_spares_what_is_not_its_own(production, source, dbstep):
    copy = source + "_copy"
    production.create_database(copy)
    production.sql("CREATE TABLE precious (a int)", copy)
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy)
    assert run.status == 4 and "not marked as a copy" in run.err, run
    assert production.value("SELECT count(*) FROM precious", copy) == 0
    for name in ("postgres", "template1"):
        run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=name, replace_unmarked=True)
        assert run.status == 4, run
    same = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source, replace_unmarked=True)
    assert same.status == 2 and source in databases(production), same
    missing = dbstep("volume-clone", source_db_url=production.url("no_such"), clone_name=copy)
    assert missing.status == 2 and "does not exist" in missing.err, missing
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy, replace_unmarked=True)
    assert run.status == 0, run


def test_template_refuses_and_names_sessions(production, source, dbstep):
    with contextlib.closing(production.connect(source, application_name="bbq-web")) as c:
        pid = c.get_backend_pid()
        run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy")
        assert run.status == 4 and f"pid {pid}" in run.err and "bbq-web" in run.err and "since 20" in run.err, run
        assert source + "_copy" not in databases(production)
        waited = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", sessions="wait", sessions_wait="1s")
        assert waited.status == 14 and "bbq-web" in waited.err, waited
        c.cursor().execute("SELECT 1")  # untouched


def test_template_waits(production, source, dbstep_start):
    c = production.connect(source)
    p = dbstep_start("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", sessions="wait")
    wait_until(lambda: production.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"), what="the run's lock")
    assert source + "_copy" not in databases(production)
    c.close()
    assert p.wait(60) == 0, p.stderr.read()
    assert source + "_copy" in databases(production)


def test_template_terminates_and_opens_again(production, source, dbstep):
    production.sql(f"COMMENT ON DATABASE {source} IS 'the owner''s words'")
    c = production.connect(source)
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", sessions="terminate")
    assert run.status == 0, run
    with pytest.raises(Exception):
        c.cursor().execute("SELECT 1")
    assert production.value("SELECT count(*) FROM warehouses", source) == 20000
    assert comment(production, source) == "the owner's words"
    # A copy that cannot be made must not leave production closed either.
    production.sql("CREATE ROLE nobody_special LOGIN CREATEDB; GRANT pg_signal_backend TO nobody_special")
    failed = dbstep("volume-clone", source_db_url=production.url(source, user="nobody_special"), clone_name=source + "_copy2", sessions="terminate")
    assert failed.status == 11, failed
    assert production.value("SELECT datallowconn FROM pg_database WHERE datname = %s", params=(source,)) is True


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
def test_template_stopped_while_it_copies_production_is_open(production, source, dbstep, dbstep_start, how):
    """A client that reconnects at once, as a connection pool does, is let in again as soon as the step is gone."""
    production.sql(f"COMMENT ON DATABASE {source} IS 'words'")
    production.sql("CREATE TABLE big AS SELECT g, repeat(md5(g::text), 8) AS x FROM generate_series(1, 300000) g", source)
    before = production.sql("SELECT * FROM pg_database WHERE datname = %s", params=(source,))
    held = production.connect(source)
    p = dbstep_start("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", sessions="terminate", strategy="wal_log")
    watch = production.connect()
    cur = watch.cursor()

    def copying():
        cur.execute("SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE \"dbstep\\_clone%%' AND state = 'active'")
        return cur.fetchall()

    wait_until(lambda: copying() and not production.sql("SELECT 1 FROM pg_stat_activity WHERE datname = %s", params=(source,)), what="the copying")
    with pytest.raises(Exception):
        held.cursor().execute("SELECT 1")
    p.send_signal(getattr(signal, how))
    p.wait(60)
    if how == "SIGTERM":
        assert p.returncode == 40, p.stderr.read()
    assert production.value("SELECT count(*) FROM warehouses", source) == 20000
    assert production.sql("SELECT * FROM pg_database WHERE datname = %s", params=(source,)) == before
    assert comment(production, source) == "words"
    wait_until(lambda: not copying(), what="the end of the server's work")
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy")
    assert run.status == 0, run
    assert not [d for d in databases(production) if d.startswith("dbstep_clone_")]
    watch.close()


def test_template_ends_no_session_in_vain(production, source, dbstep):
    """A copy that the server refuses, or that would need a session ended which the role may not end, costs nobody a connection."""
    production.sql("DROP ROLE IF EXISTS cannot_make, cannot_end; CREATE ROLE cannot_make LOGIN; GRANT pg_signal_backend, maker TO cannot_make; CREATE ROLE cannot_end LOGIN CREATEDB; GRANT maker TO cannot_end")
    production.sql(f"ALTER DATABASE {source} OWNER TO maker")
    by_maker = production.connect(source, user="maker")
    run = dbstep("volume-clone", source_db_url=production.url(source, user="cannot_make"), clone_name=source + "_copy", sessions="terminate")
    assert run.status == 11, run
    by_maker.cursor().execute("SELECT 1")
    by_super = production.connect(source)
    run = dbstep("volume-clone", source_db_url=production.url(source, user="cannot_end"), clone_name=source + "_copy", sessions="terminate")
    assert run.status == 11 and "of postgres" in run.err, run
    by_maker.cursor().execute("SELECT 1")
    by_super.cursor().execute("SELECT 1")


def test_template_locks_hold_across_maintenance_databases(production, source, dbstep):
    """Advisory locks belong to a database; two runs that are connected to different ones must still see one another."""
    other = production.connect("template1")
    other.cursor().execute("SELECT pg_advisory_lock(hashtextextended('dbstep volume-clone ' || %s, 0))", (source,))
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", env={"DBSTEP_TIMEOUT": "2s"})
    assert run.status in (13, 14), run
    assert source + "_copy" not in databases(production)
    other.close()


def test_template_copy_that_was_renamed_is_none(production, source, dbstep):
    copy, now = source + "_copy", source + "_live"
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=copy)
    assert run.status == 0, run
    production.sql(f"ALTER DATABASE {copy} RENAME TO {now}")
    try:
        run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=now)
        assert run.status == 4 and now in databases(production), run
    finally:
        production.sql(f"DROP DATABASE {now}")


def test_template_of_a_closed_database(production, source, dbstep):
    production.sql(f"ALTER DATABASE {source} ALLOW_CONNECTIONS false")
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy")
    assert run.status == 4 and "lets nobody connect" in run.err and source + "_copy" not in databases(production), run
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", verify="none")
    assert run.status == 0, run


def test_template_expectations_are_held_against_the_cluster(production, source, dbstep):
    run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", expect_system_identifier="4711")
    assert run.status == 23 and comment(production, source + "_copy").endswith("not proven"), run


@pytest.mark.parametrize("name", ['q"uo\'te', "wärehouse 目", "x" * 63])
def test_template_names(production, dbstep, name):
    quoted = name.replace('"', '""')
    production.sql("CREATE DATABASE plain_source")
    try:
        run = dbstep("volume-clone", source_db_url=production.url("plain_source"), clone_name=name)
        assert run.status == 0 and name in databases(production), run
    finally:
        production.sql(f'DROP DATABASE IF EXISTS "{quoted}"')
        production.sql("DROP DATABASE plain_source")


def test_template_killed_at_any_moment(production, source, dbstep, dbstep_start):
    inputs = {"source_db_url": production.url(source), "clone_name": source + "_copy", "sessions": "terminate"}
    for _ in range(8):
        p = dbstep_start("volume-clone", **inputs)
        time.sleep(random.uniform(0.005, 0.4))
        p.kill()
        p.wait()
    run = dbstep("volume-clone", **inputs)
    assert run.status == 0 and run.outputs["rows_compared"] == "20103", run
    assert production.value("SELECT datallowconn FROM pg_database WHERE datname = %s", params=(source,)) is True
    assert comment(production, source) is None
    assert not [d for d in databases(production) if d.startswith("dbstep_clone_")]


def test_template_prepared_transactions(production, source, dbstep):
    production.sql("BEGIN; INSERT INTO warehouses VALUES (-1); PREPARE TRANSACTION 'forgotten'", source)
    try:
        run = dbstep("volume-clone", source_db_url=production.url(source), clone_name=source + "_copy", sessions="terminate")
        assert run.status == 4 and "forgotten" in run.err, run
    finally:
        production.sql("ROLLBACK PREPARED 'forgotten'", source)


def test_template_rights(production, source, dbstep):
    plain = dbstep("volume-clone", source_db_url=production.url(source, user="plain"), clone_name=source + "_copy")
    assert plain.status == 11 and "CREATEDB" in plain.err, plain
    production.sql(f"ALTER DATABASE {source} OWNER TO maker")
    production.sql("GRANT ALL ON ALL TABLES IN SCHEMA public, app TO maker; GRANT USAGE ON SCHEMA app TO maker; REVOKE ALL ON warehouses FROM maker", source)
    owner = dbstep("volume-clone", source_db_url=production.url(source, user="maker"), clone_name=source + "_copy")
    # It may copy the database without being able to read every table: then not everything is proven.
    assert owner.result["verdict"] == "inconclusive", owner
    assert any("warehouses" in u and "may not read" in u for u in owner.result["uncovered"])
    assert owner.outputs["tables_compared"] == "3"


def test_inputs_that_contradict_one_another(production, place, dbstep):
    both = dbstep("volume-clone", source_db_url=production.url("bbq"), clone_name="x", target_dir=place + "/pg")
    assert both.status == 2, both
    neither = dbstep("volume-clone", source_db_url=production.url("bbq"))
    assert neither.status == 2 and "clone_name" in neither.err, neither
    for bad in (["no equals"], ["na me=1"], ["a=b\nc"]):
        run = dbstep("volume-clone", source_db_url=production.url("bbq"), target_dir=place + "/pg", clone_settings=bad)
        assert run.status == 2 and not os.path.exists(place + "/pg"), run


# ---- other versions ----


def other_versions():
    return [d for d in os.environ.get("DBSTEP_PG_BINDIRS", "").split(":") if d]


@pytest.mark.parametrize("bindir", other_versions() or [pytest.param("", marks=pytest.mark.skip(reason="DBSTEP_PG_BINDIRS names no other version: 13, 14, 16, 17, 18 were NOT tested"))])
def test_other_versions(server_factory, place, dbstep, bindir):
    s = server_factory(bindir=bindir)
    s.create_database("bbq")
    s.sql(TABLES + "CREATE TABLE elsewhere (a int)", "bbq")
    run = dbstep("volume-clone", source_db_url=s.url("bbq"), target_dir=place + "/pg")
    assert run.status == 0, run
    copy = Copy(place, place + "/pg", bindir=bindir)
    copy.start()
    try:
        same_tables(s, copy)
    finally:
        copy.stop("immediate")
    assert dbstep("volume-clone", source_db_url=s.url("bbq"), clone_name="copy").status == 0
