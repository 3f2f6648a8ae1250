"""Both tools on real databases, both ways: what one has deployed, the other finds done; schemas, data and histories are equal."""
import os
import re
import subprocess

import pytest

import generate
import known
import oracle

SEED = int(os.environ.get("ORACLE_SEED", "1"))
FILES = int(os.environ.get("ORACLE_LIVE_FILES", "6"))

HISTORY = ("SELECT id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, contexts, labels FROM {}.databasechangelog "
           "ORDER BY orderexecuted, dateexecuted")
NOW = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(\+\d\d)?")  # microseconds: nobody wrote that into a changelog
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def said(run):
    """What went wrong, in a form that pytest does not shorten."""
    e = (run.result or {}).get("error") or {}
    return f"exit {run.status}: {e.get('message')}; {e.get('detail')}; {e.get('file')}:{e.get('line')}" if e else repr(run)[-3000:]


class Both:
    """One database deployed by Liquibase, one by dbstep."""

    def __init__(self, root, server, liquibase, stages, make_database):
        self.root, self.server, self.liquibase, self.stages = root, server, liquibase, stages
        self.theirs, self.ours = make_database(root), make_database(root)

    def lb(self, database, command, *arguments):
        url = f"jdbc:postgresql://127.0.0.1:{self.server.port}/{database}"
        r = self.liquibase.run(self.root, url, command, *arguments)
        r["text"] = r["out"] + r["err"]
        return r

    def schema_of_history(self):
        return self.root.options.get("history_schema") or self.root.options.get("schema") or "public"

    def history(self, database):
        return self.server.sql(HISTORY.format(self.schema_of_history()), database)

    def dump(self, database):
        """The whole database as text but for the history; what differs with the time is masked."""
        p = subprocess.run([f"{self.server.bindir}/pg_dump", "--inserts", "--exclude-table=*.databasechangelog*", "-h", self.server.folder, "-p",
                            str(self.server.port), "-U", "postgres", database], capture_output=True, text=True, check=True, env={"PGTZ": "UTC"})
        text = "\n".join(line for line in p.stdout.splitlines() if not line.startswith(("--", "\\")) and line.strip())
        return UUID.sub("UUID", NOW.sub("NOW", text))

    def assert_equal(self, when):
        a, b = self.history(self.theirs), self.history(self.ours)
        rows = [f"  Liquibase {x}\n  dbstep    {y}" for x, y in zip(a, b) if x != y]
        assert [r[:3] for r in a] == [r[:3] for r in b], f"{when}: other changesets in the history"
        assert not rows, f"{when}: {len(rows)} rows of the history differ:\n" + "\n".join(rows[:10])
        a, b = self.dump(self.theirs).splitlines(), self.dump(self.ours).splitlines()
        assert a == b, f"{when}: the databases differ:\n" + "\n".join(f"- {x}" for x in a if x not in b)[:3000] + "\n" + "\n".join(f"+ {x}" for x in b if x not in a)[:3000]


def deployable():
    return [r for r in oracle.roots() if r.options.get("deploy", True)]


def both_ways(both, tally, has_stage, subject):
    root = both.root
    again = root.options.get("again")  # it has changesets that run always

    r = both.lb(both.theirs, "update")
    assert r["exit"] == 0, r["text"][-3000:]
    r = both.stages.run("schema-deploy", root, both.ours)
    assert r.status == 0, said(r)
    both.assert_equal("after the deploy")
    rows = both.history(both.theirs)
    tally(f"changesets of {subject} deployed by both, rows and schemas equal", len(rows))

    # what Liquibase deployed, dbstep finds done
    if again:
        for _ in range(2):
            assert both.lb(both.theirs, "update")["exit"] == 0
            assert both.stages.run("schema-deploy", root, both.ours).status == 0
            both.assert_equal("after another deploy")
        rows = both.history(both.theirs)
        # and each goes on where the other was
        assert both.lb(both.ours, "update")["exit"] == 0
        assert both.stages.run("schema-deploy", root, both.theirs).status == 0
        both.assert_equal("after a deploy by the other")
        rows = both.history(both.theirs)
    else:
        r = both.stages.run("schema-status", root, both.theirs)
        assert r.status == 0 and r.outputs["changesets_changed"] in (0, "0"), said(r)
        pending = [f["object"] for f in r.result["findings"] if f["code"] == "pending"]
        unsettled = unrecorded(both)
        assert len(pending) == unsettled, (pending, unsettled)
        r = both.stages.run("schema-deploy", root, both.theirs)
        assert r.status == 0 and int(r.outputs["changesets_applied"]) == 0, said(r)
        # and the other way round
        r = both.lb(both.ours, "validate")
        # modifySql for contexts: sums depend on the contexts in force, of which `validate` knows none, so that it refuses its own history
        assert r["exit"] == 0 or both.lb(both.theirs, "validate")["exit"] != 0, r["text"]
        r = both.lb(both.ours, "status", "--verbose")
        assert r["exit"] == 0 and ("is up to date" in r["text"]) == (not unsettled), r["text"]
        r = both.lb(both.ours, "update")
        assert r["exit"] == 0 and re.search(rf"^Run: +{unsettled}$", r["out"], re.M), r["text"]
        assert both.history(both.ours) == rows and both.history(both.theirs) == rows, "a run with nothing to do changed the history"
        tally(f"changesets of {subject} that each found done by the other", len(rows))

    older_sums(both, tally, subject)

    if not has_stage("schema-rollback"):
        return
    rollback_previews(both, len(rows), tally, subject)
    # back as far as Liquibase can: it stops at the first changeset that has no rollback, or whose rollback fails
    both.lb(both.theirs, "rollback-count", f"--count={len(rows)}")
    left = len(both.history(both.theirs))
    if left < len(rows):
        r = both.stages.run("schema-rollback", root, both.ours, count=len(rows) - left)
        assert r.status == 0, said(r)
        both.assert_equal("after the rollback")
    tally(f"changesets of {subject} rolled back by both, rows and schemas equal", len(rows) - left)


def rollback_previews(both, n, tally, subject):
    """The script of a rollback, as far as Liquibase can write one."""
    from test_preview import compare, preview, sections
    r = both.lb(both.theirs, "rollback-count-sql", f"--count={n}")
    if r["exit"] == 0:
        theirs, ours = sections(r["out"], both), sections(preview(both, both.ours, direction="rollback", count=n), both)
        compare(theirs, ours, both.root, "rollback-count-sql")
        tally(f"changesets of {subject} previewed as rollback-count-sql shows them", len(theirs))


def older_sums(both, tally, subject):
    """Rows as Liquibase before 4.22 left them, or with their checksums cleared, are brought up to date, by both alike."""
    before = both.history(both.ours)
    asked = both.liquibase.ask(both.root.folder, [both.root.file], both.root.options)
    sums = {(c["file"], c["id"], c["author"]): c["v8"] for c in asked}
    # Liquibase fills these in wrongly: see test_better
    with_dbms = {(c["file"], c["id"], c["author"]) for c in asked if any('dbms="' in change["text_v8"] for change in c["changes"])}
    for database in (both.theirs, both.ours):
        with both.server.connect(database) as c:
            for n, row in enumerate(before):
                name = (row[2], row[0], row[1])
                old = None if n % 3 == 2 and name not in with_dbms else sums[name]
                c.cursor().execute(f"UPDATE {both.schema_of_history()}.databasechangelog SET md5sum = %s WHERE orderexecuted = %s", (old, row[3]))
        c.close()
    r = both.stages.run("schema-status", both.root, both.ours)
    assert r.status == 0 and int(r.outputs["changesets_changed"]) == 0, said(r)
    assert both.lb(both.theirs, "update")["exit"] == 0
    r = both.stages.run("schema-deploy", both.root, both.ours)
    assert r.status == 0, said(r)
    both.assert_equal("after older checksums")
    if not both.root.options.get("again"):
        assert both.history(both.ours) == before
    tally(f"checksums of {subject} brought up to date by both", len(before))


def unrecorded(both):
    """How many changesets are meant to run and have no row, in Liquibase's eyes: failOnError:false and CONTINUE leave none."""
    r = both.lb(both.theirs, "status", "--verbose")
    m = re.search(r"(\d+) changesets? ha(?:s|ve) not been applied", r["text"])
    return int(m[1]) if m else 0


@pytest.mark.parametrize("root", deployable(), ids=str)
def test_corpus(root, server, liquibase, stages, make_database, has_stage, tally):
    both_ways(Both(root, server, liquibase, stages, make_database), tally, has_stage, "the corpus")


@pytest.mark.parametrize("seed", range(SEED, SEED + FILES), ids=lambda n: f"seed{n}")
def test_random(seed, server, liquibase, stages, make_database, has_stage, tally, tmp_path):
    notation, text = generate.changelog(seed, 15)
    folder = tmp_path / "changes"
    folder.mkdir()
    (folder / f"root.{notation}").write_text(text)
    both_ways(Both(oracle.Root(folder), server, liquibase, stages, make_database), tally, has_stage, f"random changelogs (seeds {SEED} to {SEED + FILES - 1})")
