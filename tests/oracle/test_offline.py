"""Checksums of both versions, descriptions, statements and rollbacks of every changeset, as the real Liquibase computes them."""
import os
import shutil

import pytest

import generate
import known
import oracle

SEED = int(os.environ.get("ORACLE_SEED", "1"))
FILES = int(os.environ.get("ORACLE_FILES", "100"))  # random changelogs
BATCH = 25


def check(comparison, root, tally, subject):
    for what, n in comparison.counts().items():
        tally(f"{what} of {subject} compared", n)
    patterns = [p for p in known.DIFFERENCES if p[0] == root]
    report = comparison.report(patterns)
    assert not report, f"{len(report)} differences of {comparison.counts()}:\n" + "\n".join(report[:40])
    for p in patterns:
        assert any(oracle.matches(k, p) for k in comparison.differences), f"{p} is listed as known, and is no difference any more"
    tally(f"known differences in {subject}", len(comparison.differences))


@pytest.mark.parametrize("root", oracle.roots(), ids=str)
def test_corpus(root, liquibase, tally):
    c = oracle.Comparison()
    theirs = liquibase.ask(root.folder, [root.file], root.options)
    assert "error" not in theirs[0], theirs[0]
    c.changelog(root.name, theirs, oracle.dump(root.folder, [root.file], root.options))
    check(c, root.name, tally, "the corpus")


@pytest.mark.parametrize("notation", ["yaml", "json"])
@pytest.mark.parametrize("root", [r for r in oracle.roots() if r.file.endswith(".xml") and not r.options.get("xml_only")], ids=str)
def test_corpus_in_another_notation(root, notation, liquibase, tally, tmp_path):
    """What XML says is said in YAML and JSON as well."""
    folder = tmp_path / root.name
    shutil.copytree(root.folder, folder)
    name = f"root.{notation}"
    (folder / name).write_text(generate.NOTATIONS[notation](generate.tree_of_xml(folder / root.file, name)))
    c = oracle.Comparison()
    theirs = liquibase.ask(folder, [name], root.options)
    assert "error" not in theirs[0], theirs[0]
    c.changelog(root.name, theirs, oracle.dump(folder, [name], root.options))
    # a difference that is known of XML need not be one here
    patterns = [p for p in known.DIFFERENCES if p[0] == root.name]
    report = c.report(patterns)
    assert not report, f"{len(report)} differences of {c.counts()}:\n" + "\n".join(report[:40])
    for what, n in c.counts().items():
        tally(f"{what} of the corpus as {notation.upper()} compared", n)


@pytest.mark.parametrize("first", range(SEED, SEED + FILES, BATCH), ids=lambda n: f"seed{n}")
def test_random(first, liquibase, tally, tmp_path):
    c = oracle.Comparison()
    files = []
    for seed in range(first, min(first + BATCH, SEED + FILES)):
        notation, text = generate.changelog(seed)
        files.append(f"{seed}.{notation}")
        (tmp_path / files[-1]).write_text(text)
    theirs, ours = liquibase.ask(tmp_path, files), oracle.dump(tmp_path, files)
    for file in files:
        mine = [t for t in theirs if t["root"] == file]
        assert "error" not in mine[0], mine[0]
        c.changelog(file, mine, [o for o in ours if o["root"] == file])
    check(c, "random", tally, f"random changelogs (seeds {SEED} to {SEED + FILES - 1})")


def test_errors(liquibase, tally, tmp_path):
    """What Liquibase's validate refuses is refused, with a place; and nothing else."""
    folder = os.path.join(oracle.CORPUS, "errors")
    files = sorted(os.listdir(folder))
    ours = {}
    for answer in oracle.dump(folder, files):
        ours.setdefault(answer["root"], answer)
    wrong, both = [], 0
    for file in files:
        url = f"offline:postgresql?version=15.0&outputLiquibaseSql=none&changeLogFile={tmp_path}/history.csv"
        answer = liquibase.run(oracle.Root(folder, file), url, "validate")
        refused, mine = answer["exit"] != 0, ours.get(file, {})
        if file in known.READ_AND_REFUSED_BY_LIQUIBASE:
            assert refused and "error" not in mine, f"{file} is no difference any more"
        elif file in known.REFUSED_AND_READ_BY_LIQUIBASE:
            assert not refused and "error" in mine, f"{file} is no difference any more"
        elif refused and "error" not in mine:
            wrong.append(f"{file}: refused by Liquibase, read by dbstep: {answer['err'][-300:]}")
        elif not refused and "error" in mine:
            wrong.append(f"{file}: read by Liquibase, refused by dbstep: {mine['error']}")
        if "error" in mine and not mine["at_file"].endswith(file):
            wrong.append(f"{file}: the error has no place: {mine}")
        both += refused and "error" in mine
    assert not wrong, "\n".join(wrong)
    tally("broken changelogs refused by both", both)
    tally("broken changelogs that only one refuses, as documented", len(known.READ_AND_REFUSED_BY_LIQUIBASE) + len(known.REFUSED_AND_READ_BY_LIQUIBASE))
