"""Which commit a changelog is of, a changelog at a given commit, and what policies are asked about."""
import json
import os
import subprocess

import pytest

from schema import lab  # noqa: F401  (fixture)

ENV = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder, *args):
    p = subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", *args], cwd=folder, env=ENV,
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return p.stdout.strip()


@pytest.fixture
def checkout(lab):
    """The changelog's folder is db/ of a checkout, whose commits HEAD~1 and HEAD have one and two changesets."""
    top = lab.folder
    lab.folder = top / "db"
    lab.folder.mkdir()
    git(top, "init", "-q")
    lab.write("--changeset b:1\ncreate table one (a int);\n")
    (lab.folder / "late.sql").write_text("drop table one;\n")
    git(top, "add", ".")
    git(top, "commit", "-qm", "1")
    lab.write("--changeset b:1\ncreate table one (a int);\n--changeset b:2\ncreate table two (a int);\n")
    git(top, "commit", "-qam", "2")
    lab.top = top
    return lab


def facts(run):
    return tuple(run.outputs.get(name) or None for name in ("git_commit", "git_branch", "git_dirty"))


def test_facts_of_the_checkout(checkout):
    head = git(checkout.top, "rev-parse", "HEAD")
    assert facts(checkout.run("schema-status")) == (head, "main", "false")
    assert facts(checkout.run("schema-preview")) == (head, "main", "false")
    git(checkout.top, "gc", "-q")
    (checkout.top / "unrelated").write_text("x")
    assert facts(checkout.run("schema-status")) == (head, "main", "false")
    text = (checkout.folder / "changelog.sql").read_bytes()
    (checkout.folder / "changelog.sql").write_bytes(text.replace(b"\n", b"\r\n"))
    assert facts(checkout.run("schema-status")) == (head, "main", "false"), "a checkout with CRLF"
    (checkout.folder / "changelog.sql").write_bytes(text + b"\n")
    assert facts(checkout.deploy()) == (head, "main", "true")
    (checkout.folder / "changelog.sql").write_bytes(text)
    checkout.write("--changeset b:9\nselect 1;\n", name="new.sql")
    assert facts(checkout.run("schema-status", changelog_file="new.sql")) == (head, "main", "true"), "not committed at all"


def test_every_file_that_was_read_counts(checkout):
    (checkout.folder / "root.yaml").write_text("databaseChangeLog:\n- include: {file: sub.yaml}\n- include: {file: changelog.sql}\n")
    (checkout.folder / "sub.yaml").write_text("databaseChangeLog:\n- changeSet: {id: s, author: b, changes: [{sqlFile: {path: late.sql}}]}\n")
    git(checkout.top, "add", ".")
    git(checkout.top, "commit", "-qm", "3")
    for name in ("sub.yaml", "late.sql"):
        assert facts(checkout.run("schema-status", changelog_file="root.yaml"))[2] == "false"
        text = (checkout.folder / name).read_text()
        (checkout.folder / name).write_text(text + "\n")
        assert facts(checkout.run("schema-status", changelog_file="root.yaml"))[2] == "true", name
        (checkout.folder / name).write_text(text)
    (checkout.folder / "late.sql").write_text("select 2;\n")
    run = checkout.run("schema-preview", changelog_file="root.yaml", changelog_commit="main")
    assert "drop table one" in run.result["outputs"]["sql_commands"] or "drop table one" in str(run.outputs["sql_commands"])


def test_the_host_tells_what_the_checkout_does_not(checkout, lab):  # noqa: F811
    head, other = git(checkout.top, "rev-parse", "HEAD"), "0123456789" * 4
    git(checkout.top, "checkout", "-q", "--detach")
    assert facts(checkout.run("schema-status")) == (head, None, "false")
    assert facts(checkout.run("schema-status", env={"GITHUB_SHA": head, "GITHUB_REF_NAME": "feature"})) == (head, "feature", "false")
    assert facts(checkout.run("schema-status", env={"GITHUB_SHA": other, "GITHUB_REF_NAME": "feature"})) == (head, None, "false")
    os.rename(checkout.top / ".git", checkout.top / "gone")
    assert facts(checkout.run("schema-status")) == (None, None, None)
    assert facts(checkout.run("schema-status", env={"DRONE_COMMIT_SHA": other, "DRONE_COMMIT_BRANCH": "b"})) == (other, "b", None)
    assert facts(checkout.run("schema-status", env={"CI_COMMIT_SHA": "; drop table", "CI_COMMIT_BRANCH": "b"})) == (None, None, None)


def test_a_changelog_at_a_commit(checkout):
    old = git(checkout.top, "rev-parse", "HEAD~1")
    git(checkout.top, "tag", "-a", "-m", "x", "v1", old)
    checkout.write("this is not a changelog", header=False)
    run = checkout.deploy(changelog_commit=old)
    assert checkout.ids() == ["1"] and facts(run) == (old, None, "false")
    assert checkout.value("SELECT filename FROM databasechangelog") == "changelog.sql", "the path is as in the checkout"
    assert facts(checkout.run("schema-status", changelog_commit="v1")) == (old, None, "false")
    run = checkout.deploy(changelog_commit="main")
    assert checkout.ids() == ["1", "2"] and facts(run)[1] == "main"
    for wrong in ("nowhere", "HEAD~1", "ffffffff"):
        run = checkout.run("schema-status", changelog_commit=wrong)
        assert run.status == 2 and f"no commit '{wrong}'" in run.err, run
    run = checkout.run("schema-status", changelog_commit=old, search_path=str(checkout.top / "none"))
    assert run.status == 2, run
    run = checkout.run("schema-status", changelog_commit=old, search_path="/")
    assert run.status == 2 and "in no Git checkout" in run.err, run


def test_a_link_of_the_checkout_in_the_place_of_the_output(checkout, tmp_path):
    """What another commit holds may not decide which folder is cleared and written."""
    old, precious, out = git(checkout.top, "rev-parse", "HEAD~1"), tmp_path / "precious", checkout.top / "out"
    precious.mkdir()
    (precious / "kept").write_text("x")
    out.mkdir()
    os.symlink(precious, out / f"changelog-{old[:12]}")
    run = checkout.deploy(changelog_commit=old, output_dir=str(out))
    assert checkout.ids() == ["1"] and os.listdir(precious) == ["kept"], run


def test_trouble_with_git_fails_no_stage(checkout):
    git(checkout.top, "config", "extensions.refStorage", "reftable")
    run = checkout.run("schema-status")
    assert run.status == 0 and facts(run) == (None, None, None) and any("reftable" in u for u in run.result["uncovered"])
    git_config = checkout.top / ".git" / "config"
    git_config.write_text(git_config.read_text().replace("reftable", "files"))
    for folder, _, files in os.walk(checkout.top / ".git" / "objects"):
        for f in files:
            os.chmod(os.path.join(folder, f), 0o644)
            open(os.path.join(folder, f), "w").write("rubbish")
    run = checkout.run("schema-status")
    assert run.status == 0 and facts(run)[2] is None and any("Git object" in u for u in run.result["uncovered"]), run


def test_policy_input(lab):  # noqa: F811
    lab.write("--changeset b:1\ncreate table t (a text); -- why\ninsert into t values ('a;b');\n--changeset b:2\n"
              "create function f() returns int language sql as $$ select 1; $$;\n")
    run = lab.run("schema-preview", policy_instance="prod", policy_instance_tags={"tier": "gold"}, policy_schema="bbq",
                  db_url=lab.server.url(lab.db, tcp=True).replace("postgres@", "postgres:hidden-word@"))
    policy = json.load(open(run.outputs["policy_input_file"] if os.path.isabs(run.outputs["policy_input_file"]) else
                            os.path.join(run.folder, os.path.basename(run.outputs["policy_input_file"]))))
    assert policy == {
        "dbInstance": {"dbConnectionUrl": f"jdbc:postgresql://127.0.0.1:{lab.server.port}/{lab.db}", "identifier": "prod", "name": "prod",
                       "tags": {"tier": "gold"}, "type": "jdbc:postgresql"},
        "dbSchema": {"identifier": "bbq", "name": "bbq"},
        "sqlStatements": ["create table t (a text)", "insert into t values ('a;b')",
                          "create function f() returns int language sql as $$ select 1; $$"]}
    run = lab.run("schema-preview", policy_instance_tags="[1]")
    assert run.status == 2 and "policy_instance_tags" in run.err
