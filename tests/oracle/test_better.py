"""Where dbstep does what Liquibase cannot, or does it otherwise: the difference is there, documented, and leaves a history that Liquibase agrees
with."""
import os

import pytest

import known
import oracle
from test_live import Both, said

FOLDER = os.path.join(oracle.CORPUS, "better")


@pytest.mark.parametrize("file", sorted(os.listdir(FOLDER)))
def test_runs_here_only(file, server, liquibase, stages, make_database, tally):
    both = Both(oracle.Root(FOLDER, file), server, liquibase, stages, make_database)
    r = both.lb(both.theirs, "update")
    assert r["exit"] != 0, "Liquibase can do it as well: no difference any more"
    r = both.stages.run("schema-deploy", both.root, both.ours)
    assert r.status == 0, said(r)
    rows = both.history(both.ours)
    r = both.lb(both.ours, "update")
    assert r["exit"] == 0 and "is up to date" in r["text"], r["text"]
    assert both.history(both.ours) == rows
    tally("changelogs that run here only, as documented", 1)


# what the history holds after two deploys each: (id, exectype)
DIFFERENT = {
    "mark-ran-always.xml": ([("1", "MARK_RAN"), ("1", "MARK_RAN")], [("1", "MARK_RAN")]),
    "quoting-strategy.xml": ([("1", "MARK_RAN")], [("1", "EXECUTED")]),
}


@pytest.mark.parametrize("file", sorted(DIFFERENT))
def test_runs_otherwise(file, server, liquibase, stages, make_database, tally):
    both = Both(oracle.Root(os.path.join(oracle.CORPUS, "different"), file), server, liquibase, stages, make_database)
    for _ in range(2):
        assert both.lb(both.theirs, "update")["exit"] == 0
        r = both.stages.run("schema-deploy", both.root, both.ours)
        assert r.status == 0, said(r)
    found = tuple([(row[0], row[4]) for row in both.history(d)] for d in (both.theirs, both.ours))
    assert found == DIFFERENT[file]
    assert both.lb(both.ours, "update")["exit"] == 0
    tally("changelogs that run otherwise, as documented", 1)


def test_cleared_checksums_of_changes_with_dbms(server, liquibase, stages, make_database, tally):
    """Liquibase fills in a checksum that leaves such changes out, and then refuses its own history."""
    both = Both(oracle.Root(os.path.join(oracle.CORPUS, "different"), "cleared-checksum.xml"), server, liquibase, stages, make_database)
    assert both.lb(both.theirs, "update")["exit"] == 0
    assert both.stages.run("schema-deploy", both.root, both.ours).status == 0
    before = both.history(both.ours)
    for database in (both.theirs, both.ours):
        server.sql("UPDATE databasechangelog SET md5sum = NULL", database)
    assert both.lb(both.theirs, "update")["exit"] == 0
    assert "check sum" in both.lb(both.theirs, "update")["text"], "Liquibase agrees with itself: no difference any more"
    r = both.stages.run("schema-deploy", both.root, both.ours)
    assert r.status == 0, said(r)
    assert both.history(both.ours) == before
    assert both.lb(both.ours, "update")["exit"] == 0
    tally("changelogs that run otherwise, as documented", 1)


def test_each_is_documented():
    with open(os.path.join(oracle.ROOT, "docs", "liquibase.md")) as f:
        text = f.read()
    files = [*os.listdir(FOLDER), *os.listdir(os.path.join(oracle.CORPUS, "different")), *known.READ_AND_REFUSED_BY_LIQUIBASE, *known.REFUSED_AND_READ_BY_LIQUIBASE]
    changesets = [f"{p[0]}: {p[1]}" for p in known.DIFFERENCES if p[1]]
    missing = [name for name in files + changesets if f"`{name}`" not in text]
    assert not missing, f"docs/liquibase.md says nothing of {missing}"
