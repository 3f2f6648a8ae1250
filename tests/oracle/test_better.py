"""Where dbstep does what Liquibase cannot: the difference is there, and the history that is left is one that Liquibase agrees with."""
import os

import pytest

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


def test_each_is_documented():
    with open(os.path.join(oracle.ROOT, "docs", "liquibase.md")) as f:
        text = f.read()
    for file in os.listdir(FOLDER):
        assert f"`{file}`" in text, f"docs/liquibase.md says nothing of corpus/better/{file}"
