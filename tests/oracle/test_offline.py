"""Checksums of both versions, descriptions, statements and rollbacks of every changeset, as the real Liquibase computes them."""
import pytest

import known
import oracle


def check(comparison, tally, where=""):
    for what, n in comparison.counts().items():
        tally(f"{what} compared{where}", n)
    for pattern in (p for p, _ in comparison_patterns(comparison)):
        assert any(oracle.matches(k, pattern) for k in comparison.differences), f"{pattern} is listed as known, and is no difference any more"
    report = comparison.report([p for p, _ in comparison_patterns(comparison)])
    assert not report, f"{len(report)} differences of {comparison.counts()}:\n" + "\n".join(report[:40])


def comparison_patterns(comparison):
    return [(p, why) for p, why in known.DIFFERENCES.items() if p[0] == comparison.root]


@pytest.mark.parametrize("root", oracle.roots(), ids=str)
def test_corpus(root, liquibase, tally):
    c = oracle.Comparison()
    c.root = root.name
    theirs = liquibase.ask(root.folder, [root.file], root.options)
    c.changelog(root.name, theirs, oracle.dump(root.folder, [root.file], root.options))
    check(c, tally)
