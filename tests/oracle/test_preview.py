"""schema-preview against update-sql and rollback-sql: the same statements under each changeset, history rows included."""
import os
import re

import pytest

import known
import oracle
from test_live import Both, deployable, said

HEADER = re.compile(r"^-- (?:Changeset|Rolling Back ChangeSet:) (.*)$")


def sections(script, both):
    """{changeset: its statements as one text}, without comments, the search path, and what differs with time, version and quotes of the history."""
    found, name = {}, None
    for line in script.split("\n"):
        m = HEADER.match(line)
        if m:
            name = m[1]
            found[name] = []
        elif line.startswith("-- Release Database Lock"):
            name = None
        elif name and not line.startswith(("SET SEARCH_PATH", "-- ")):
            found[name].append(line)
    out = {}
    for name, lines in found.items():
        text = "\n".join(lines)
        history = both.schema_of_history()
        text = text.replace(f'"{history}"."databasechangelog"', f"{history}.databasechangelog")
        text = re.sub(r"'4\.\d+\.\d+', '\d{10}'", "VERSION", text)
        out[name] = " ".join(oracle.squeeze(re.sub(r";\n", "\n", part + "\n")) for part in re.split(r"\n\s*\n", text) if part.strip(" \n;"))
    return out


def compare(theirs, ours, root, what):
    assert list(theirs) == list(ours), f"{what}: {[n for n in theirs if n not in ours]} {[n for n in ours if n not in theirs]}"
    differ = {name for name in theirs if theirs[name] != ours[name]}
    listed = known.PREVIEWS if what == "update-sql" else known.ROLLBACK_PREVIEWS
    expected = {name for folder, name in listed if folder == root.name and name in theirs}
    assert expected <= differ, f"no difference any more: {expected - differ}"
    wrong = [f"{name}\n      Liquibase {theirs[name]}\n      dbstep    {ours[name]}"[:3000] for name in sorted(differ - expected)]
    assert not wrong, f"{what}: {len(wrong)} of {len(theirs)} changesets:\n" + "\n".join(wrong[:20])


def preview(both, database, **inputs):
    r = both.stages.run("schema-preview", both.root, database, **inputs)
    assert r.status == 0, said(r)
    with open(os.path.join(r.folder, r.outputs["sql_file"]) if not os.path.isabs(r.outputs["sql_file"]) else r.outputs["sql_file"]) as f:
        return f.read()


@pytest.mark.parametrize("root", deployable(), ids=str)
def test_update(root, server, liquibase, stages, make_database, tally):
    both = Both(root, server, liquibase, stages, make_database)
    r = both.lb(both.theirs, "update-sql")
    assert r["exit"] == 0, r["text"][-2000:]
    theirs, ours = sections(r["out"], both), sections(preview(both, both.ours), both)
    compare(theirs, ours, root, "update-sql")
    tally("changesets of the corpus previewed as update-sql shows them", len(theirs))
