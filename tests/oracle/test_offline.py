"""Checksums of both versions, descriptions, statements and rollbacks of every changeset, as the real Liquibase computes them."""
import os
import shutil

import pytest

import generate
import known
import oracle

SEED = int(os.environ.get("ORACLE_SEED", "1"))
FILES = int(os.environ.get("ORACLE_FILES", "200"))  # random changelogs
BATCH = 50


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
@pytest.mark.parametrize("root", [r for r in oracle.roots() if r.file.endswith(".xml")], ids=str)
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


def test_errors(liquibase, tally):
    """What Liquibase refuses is refused, with a place."""
    folder = os.path.join(oracle.CORPUS, "errors")
    files = sorted(os.listdir(folder))
    ours = {}
    for answer in oracle.dump(folder, files):
        ours.setdefault(answer["root"], answer)
    theirs = dict.fromkeys(files)  # one without changesets has no answer
    for answer in liquibase.ask(folder, files):
        refusal = answer.get("error") or answer["invalid"] or [c["statements_error"] for c in answer["changes"] if "statements_error" in c]
        theirs[answer["root"]] = theirs.get(answer["root"]) or refusal
    wrong = []
    for file in files:
        mine = ours.get(file, {})
        if theirs[file] and file not in known.READ_AND_REFUSED_BY_LIQUIBASE:
            if "error" not in mine:
                wrong.append(f"{file}: Liquibase: {str(theirs[file])[:200]}; dbstep reads it")
            elif not mine["at_file"].endswith(file) or not mine["line"] and os.path.getsize(os.path.join(folder, file)) > 20:
                wrong.append(f"{file}: no place: {mine}")
        elif not theirs[file] and "error" in mine and file not in known.REFUSED_AND_READ_BY_LIQUIBASE:
            wrong.append(f"{file}: Liquibase reads it; dbstep: {mine['error']}")
    for file in known.READ_AND_REFUSED_BY_LIQUIBASE:
        assert theirs[file] and "error" not in ours.get(file, {}), f"{file} is no difference any more"
    for file in known.REFUSED_AND_READ_BY_LIQUIBASE:
        assert not theirs[file] and "error" in ours[file], f"{file} is no difference any more"
    assert not wrong, "\n".join(wrong)
    tally("broken changelogs refused by both", sum(1 for f in files if theirs[f] and "error" in ours.get(f, {})))
