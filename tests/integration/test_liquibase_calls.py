"""Called as Liquibase is called: from a shell, and by the environment of the image that Harness Database DevOps runs."""
import base64
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BINARY, ROOT, wait_until
from test_connection import tls  # noqa: F401  (fixture)

LOG = """--liquibase formatted sql
--changeset bob:1
create table t (a int);
--rollback drop table t;
--changeset bob:2 labels:second
insert into t values (${n});
--rollback delete from t;
"""
PASSWORD = "hunter2-and-more"


class Shell:
    """A folder, a database, and calls as scripts make them."""

    def __init__(self, server, folder, database):
        self.server, self.folder, self.database = server, folder, database
        self.url = f"jdbc:postgresql://127.0.0.1:{server.port}/{database}"
        (folder / "a.sql").write_text(LOG)

    def call(self, *args, env=None, status=0):
        p = subprocess.run([BINARY, *args], cwd=self.folder, capture_output=True, text=True, timeout=60,
                           env={"PATH": "/usr/bin:/bin", **(env or {})})
        assert p.returncode == status, p.stdout + p.stderr
        return p

    def run(self, *args, **kw):
        return self.call(*args, f"--url={self.url}", "--username=postgres", "--changelog-file=a.sql", "-Dn=5", **kw)

    def ids(self):
        return [i for (i,) in self.server.sql("SELECT id FROM databasechangelog ORDER BY orderexecuted", self.database)]

    def everything(self, p):
        text = p.stdout + p.stderr
        for folder, _, files in os.walk(self.folder):
            text += "".join(open(os.path.join(folder, f), errors="replace").read() for f in files if f != "liquibase.properties")
        return text


@pytest.fixture
def shell(server, tmp_path, database):
    return Shell(server, tmp_path, database)


def test_update_status_and_sql(shell):
    p = shell.run("status", "--verbose")
    assert p.stdout == f"2 changesets have not been applied to postgres@{shell.url}\n     a.sql::1::bob\n     a.sql::2::bob\n"
    p = shell.run("updateSQL")
    assert "insert into t values (5);" in p.stdout and "-- Lock Database" in p.stdout and "schema-preview" not in p.stdout
    script = p.stdout
    assert shell.run("update-sql", "--output-file=out.sql").stdout == ""
    assert "insert into t values (5);" in (shell.folder / "out.sql").read_text()
    shell.run("update", "--log-level", "SEVERE")
    assert shell.ids() == ["1", "2"]
    assert shell.run("status").stdout == f"postgres@{shell.url} is up to date\n"
    # the script that was printed runs, and comes to the same
    other = shell.server.create_database(shell.database + "_2")
    subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(shell.server.port), "-U", "postgres", other],
                   input=script, text=True, check=True)
    rows = "SELECT id, author, filename, md5sum, orderexecuted FROM databasechangelog ORDER BY 5"
    assert shell.server.sql(rows, other) == shell.server.sql(rows, shell.database)
    shell.server.sql(f'DROP DATABASE "{other}"')


def test_counts_labels_and_older_spellings(shell):
    shell.run("updateCount", "1")
    assert shell.ids() == ["1"]
    (shell.folder / "liquibase.properties").write_text(
        f"url: {shell.url}\nusername=postgres\nchangeLogFile=a.sql\nliquibase.command.labelFilter=none\nparameter.n=5\n")
    shell.call("update")
    assert shell.ids() == ["1"], "the label filter of the properties holds"
    shell.call("update", "--label-filter=second")
    assert shell.ids() == ["1", "2"]


def test_exit_status_is_liquibases(shell):
    assert "Unexpected argument(s): --count" in shell.run("update", "--count=3", status=1).stderr
    assert "--nonsense is not an option" in shell.run("update", "--nonsense=3", status=1).stderr
    assert "integrity-diff" in shell.run("diff", status=1).stderr
    shell.run("update")
    (shell.folder / "a.sql").write_text(LOG.replace("(a int)", "(a bigint)"))
    shell.run("validate", status=1)
    p = shell.run("update", status=1)
    result = json.loads((shell.folder / "dbstep-out" / "result.json").read_text())
    assert result["exit_code"] == 1 and result["error"]["exit_code"] == 4, p
    # the stage by its own name keeps its own
    stage = ["schema-deploy", "--changelog-file=a.sql", "--db-host=127.0.0.1", f"--db-port={shell.server.port}",
             f"--db-name={shell.database}", "--db-user=postgres", "--parameters=n=5"]
    shell.call(*stage, status=4)


def test_unreachable_and_its_password(shell):
    for args, env in ((["--password", PASSWORD], {}), ([f"--password={PASSWORD}"], {}),
                      ([f"--url=jdbc:postgresql://127.0.0.1:1/x?password={PASSWORD}"], {}), ([], {"LIQUIBASE_COMMAND_PASSWORD": PASSWORD})):
        url = [] if args and args[0].startswith("--url") else ["--url=jdbc:postgresql://127.0.0.1:1/x"]
        p = shell.call("update", *url, "--username=u", "--changelog-file=a.sql", *args, "--connect-timeout=0", status=1,
                       env={"DBSTEP_LOG_LEVEL": "debug", **env})
        assert "cannot connect" in p.stderr, p.stderr
        assert PASSWORD not in shell.everything(p)
        assert ("process list" in p.stderr) == (not env)


def test_misplaced_secrets_are_refused_unseen(shell):
    for arg in (f"-password={PASSWORD}", f"--pasword-secret={PASSWORD}", f"jdbc:postgresql://u:{PASSWORD}@h/d", f"-Dapp_password={PASSWORD}"):
        p = shell.run("update", arg, status=0 if arg.startswith("-D") else 1)
        assert PASSWORD not in shell.everything(p), p.stderr


def test_the_password_leaves_the_process_list(shell):
    (shell.folder / "a.sql").write_text("--liquibase formatted sql\n--changeset b:1\nselect pg_sleep(60);\n")
    args = [BINARY, "update", "--password", PASSWORD, f"--url={shell.url}?password={PASSWORD}", "--username=postgres",
            "--changelog-file=a.sql"]
    p = subprocess.Popen(args, cwd=shell.folder, env={"PATH": "/bin"}, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: shell.server.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE %s AND datname = %s",
                                              params=("%pg_sleep(60)%", shell.database)) > 0, what="the sleep")
        line = open(f"/proc/{p.pid}/cmdline").read()
        assert PASSWORD not in line and "--changelog-file=a.sql" in line
    finally:
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=30)
    assert p.returncode == 1


def test_rollback_and_its_preview(shell):
    shell.run("update")
    assert "delete from t;" in shell.run("rollbackCountSQL", "1").stdout
    assert shell.ids() == ["1", "2"]
    shell.run("rollback-count", "--count", "1")
    assert shell.ids() == ["1"]
    assert "drop table t;" not in shell.run("future-rollback-sql").stdout
    shell.run("tag", "v1")
    shell.run("update")
    sql = shell.run("rollback-sql", "--tag=v1").stdout
    assert "delete from t;" in sql and "drop table t;" not in sql
    shell.run("rollback", "v1")
    assert shell.ids() == ["1"]
    shell.run("rollback-to-date", "--date=2020-01-01T00:00:00")
    assert shell.ids() == [] and shell.server.value("SELECT to_regclass('t')", shell.database) is None
    assert "no such tag" not in shell.run("rollback", "nowhere", status=1).stdout


def test_history_tags_and_locks(shell):
    shell.run("changelogSyncSQL")
    shell.run("changelog-sync")
    assert shell.ids() == ["1", "2"] and shell.server.value("SELECT to_regclass('t')", shell.database) is None
    url = ["--url", shell.url, "--username=postgres"]
    (shell.folder / "liquibase.properties").write_text("changelog-file=there-is-none.sql\n")
    shell.call("tag", "--tag=v1", *url)
    assert "already exists" in shell.call("tag-exists", "V1", *url).stdout
    assert "does NOT exist" in shell.call("tag-exists", "--tag=v2", *url).stdout
    lines = shell.call("history", *url).stdout.splitlines()
    assert lines[0] == f"Liquibase History for postgres@{shell.url}" and lines[3].startswith("| Deployment ID | Update Date")
    assert [[c.strip() for c in line.split("|")][3:7] for line in lines if "a.sql" in line] == [
        ["a.sql", "bob", "1", ""], ["a.sql", "bob", "2", "v1"]]
    assert shell.call("list-locks", *url).stdout.endswith(" - No locks\n")
    shell.server.sql("UPDATE databasechangeloglock SET locked = true, lockedby = 'elsewhere (10.0.0.9)', lockgranted = now()", shell.database)
    assert "elsewhere (10.0.0.9)" in shell.call("list-locks", *url).stdout
    shell.call("release-locks", *url)
    assert shell.call("list-locks", *url).stdout.endswith(" - No locks\n")
    shell.call("clear-checksums", *url)
    assert shell.server.value("SELECT count(md5sum) FROM databasechangelog", shell.database) == 0
    shell.run("validate")


def test_one_changeset_and_the_next(shell):
    shell.run("mark-next-changeset-ran")
    assert shell.ids() == ["1"]
    assert "'2'" in shell.run("mark-next-changeset-ran-sql").stdout and shell.ids() == ["1"]
    shell.run("unexpected-changesets")
    (shell.folder / "b.sql").write_text("--liquibase formatted sql\n--changeset ann:9\nselect 1;\n--rollback empty\n")
    rest = [f"--url={shell.url}", "--username=postgres", "--changelog-file=b.sql"]
    assert shell.call("unexpected-changesets", "--verbose", *rest).stdout == (
        f"1 unexpected changes were found in postgres@{shell.url}\n     a.sql::1::bob\n")
    shell.call("update", *rest)
    shell.call("rollback-one-changeset", "--changeset-id=9", "--changeset-author=ann", "--changeset-path=b.sql", "--force", *rest)
    assert shell.ids() == ["1"]


def test_up_to_a_tag(shell):
    (shell.folder / "a.sql").unlink()
    (shell.folder / "t.yaml").write_text("databaseChangeLog:\n" + "".join(f"- changeSet: {{id: {i}, author: b, changes: [{change}]}}\n" for i, change in (
        (1, "{sql: {sql: create table one (a int)}}"), (2, "{tagDatabase: {tag: mid}}"), (3, "{sql: {sql: create table three (a int)}}"))))
    rest = [f"--url={shell.url}", "--username=postgres", "--changelog-file=t.yaml"]
    for command in ("update-to-tag-sql", "updateToTagSQL"):
        out = shell.call(command, "--tag=mid", *rest).stdout
        assert "create table one" in out and "create table three" not in out
    shell.call("changelog-sync-to-tag-sql", "mid", *rest)
    shell.call("update-to-tag", "mid", *rest)
    assert shell.ids() == ["1", "2"]
    shell.call("changelog-sync", *rest)
    assert shell.ids() == ["1", "2", "3"]


def test_environment_of_liquibase(shell):
    env = {"LIQUIBASE_COMMAND_URL": shell.url, "LIQUIBASE_COMMAND_USERNAME": "postgres", "LIQUIBASE_COMMAND_CHANGELOG_FILE": "a.sql",
           "LIQUIBASE_SEARCH_PATH": str(shell.folder), "LIQUIBASE_LIQUIBASE_SCHEMA_NAME": "hist"}
    shell.server.sql("CREATE SCHEMA hist", shell.database)
    shell.call("update", "-Dn=1", env=env)
    assert shell.server.value("SELECT count(*) FROM hist.databasechangelog", shell.database) == 2


def test_several_hosts_and_a_schema(shell):
    shell.server.sql("CREATE SCHEMA app", shell.database)
    url = f"jdbc:postgresql://127.0.0.1:1,127.0.0.1:{shell.server.port}/{shell.database}?currentSchema=app&targetServerType=primary"
    shell.call("update", "--url", url, "--username=postgres", "--changelog-file=a.sql", "-Dn=1")
    assert shell.server.value("SELECT to_regclass('app.t') IS NOT NULL", shell.database)


def test_help(shell):
    assert "update-count" in shell.call("help", "liquibase").stdout
    assert "--count (required)" in shell.call("update-count", "--help").stdout
    assert "integrity-diff" in shell.call("help", "diff").stdout
    listed = [line.split()[0] for line in shell.call("help", "liquibase").stdout.splitlines() if line.startswith("  ")]
    told = open(os.path.join(ROOT, "docs", "liquibase-cli.md")).read()
    assert listed and [c for c in listed if f"`{c}`" not in told] == []


# ---- the image's contract


def plugin(shell, command, **kw):
    env = {"PLUGIN_COMMAND": command, "PLUGIN_LIQUIBASE_URL": shell.url, "PLUGIN_LIQUIBASE_USERNAME": "postgres",
           "PLUGIN_LIQUIBASE_PASSWORD": PASSWORD, "PLUGIN_LIQUIBASE_CHANGELOG_FILE": "a.sql", "PLUGIN_LIQUIBASE_LOG_LEVEL": "FINE",
           "DRONE_OUTPUT": str(shell.folder / "outputs"), "PLUGIN_SUBSTITUTE_LIQUIBASE": packed({"n": 5})}
    env.update(kw.pop("env", {}))
    p = shell.call(env=env, **kw)
    assert PASSWORD not in shell.everything(p)
    return p, (shell.folder / "outputs").read_text().splitlines()


def packed(parameters):
    data = subprocess.run(["zstd", "-q"], input=json.dumps(parameters).encode(), capture_output=True, check=True).stdout
    return base64.b64encode(data).decode()


def test_plugin_contract(shell):
    p, lines = plugin(shell, "update", env={"GENERATE_STEP_OUTPUTS": "true", "PLUGIN_LIQUIBASE_UNHEARD_OF": "x"})
    assert shell.ids() == ["1", "2"] and shell.server.value("SELECT a FROM t", shell.database) == 5
    assert lines[0] == "exit_code=0" and sum(line.startswith("exit_code=") for line in lines) == 1
    assert lines[1].startswith("step_output={")
    out = json.loads(lines[1].split("=", 1)[1])
    assert out["changesetsApplied"] == 2 and out["exitCode"] == 0 and out["verdict"] == "pass" and "deploymentId" in out
    assert "PLUGIN_LIQUIBASE_UNHEARD_OF is not known and ignored" in p.stderr and "PLUGIN_LIQUIBASE_URL is" not in p.stderr


def test_plugin_failure_is_a_failure(shell):
    (shell.folder / "a.sql").write_text(LOG.replace("create table", "create tabel"))
    _, lines = plugin(shell, "update", status=1)
    assert lines[0] == "exit_code=1" and not any(line.startswith("step_output") for line in lines)
    os.remove(shell.folder / "outputs")
    _, lines = plugin(shell, "no-such-command", status=1)
    assert lines[0] == "exit_code=1"
    os.remove(shell.folder / "outputs")
    p, lines = plugin(shell, "update", status=1, env={"PLUGIN_KERBEROS_USER_PRINCIPAL": "a@B", "PLUGIN_KERBEROS_PASSWORD": PASSWORD})
    assert lines[0] == "exit_code=1" and "Kerberos is not supported" in p.stderr


def test_plugin_prints_sql(shell):
    p, lines = plugin(shell, "update-sql")
    assert "insert into t values (5);" in p.stdout and lines[0] == "exit_code=0"


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="mounting needs root")
def test_mounted_certificates(tls, tmp_path):  # noqa: F811
    certificates = tmp_path / "certs" / "dbops"
    certificates.mkdir(parents=True)
    (tmp_path / "a.sql").write_text(LOG)

    def call(mode):
        env = {"PATH": os.environ["PATH"], "PLUGIN_COMMAND": "status", "PLUGIN_LIQUIBASE_USERNAME": "postgres",
               "PLUGIN_LIQUIBASE_CHANGELOG_FILE": "a.sql", "DBSTEP_CONNECT_TIMEOUT": "0",
               "PLUGIN_LIQUIBASE_URL": f"jdbc:postgresql://127.0.0.1:{tls.port}/postgres?sslmode={mode}"}
        return subprocess.run(["unshare", "-m", "sh", "-c", f"mount --bind {tmp_path}/certs /etc/ssl/certs && exec {BINARY}"],
                              cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60)

    p = call("verify-ca")
    if "unshare" in p.stderr or "mount" in p.stderr:
        pytest.skip("mount namespaces are not allowed here")
    assert p.returncode == 1 and "certificate" in p.stderr, p.stderr
    shutil.copy(tls.ca, certificates / "root_ca.crt")
    p = call("verify-ca")
    assert p.returncode == 0, p.stderr
