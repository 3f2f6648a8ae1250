"""The real Liquibase and dbstep on real servers. Shares the servers' code with the integration tests."""
import collections
import importlib.util
import itertools
import os
import subprocess

import pytest

import oracle

_spec = importlib.util.spec_from_file_location("integration_conftest", os.path.join(oracle.ROOT, "tests", "integration", "conftest.py"))
integration = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(integration)

server_factory = integration.server_factory
server = integration.server
dbstep = integration.dbstep
dbstep_start = integration.dbstep_start

_names = itertools.count(1)


@pytest.fixture(scope="session")
def liquibase(tmp_path_factory):
    running = oracle.Liquibase(tmp_path_factory.mktemp("jvm") / "err")
    yield running
    running.close()


@pytest.fixture
def tally(record_property):
    """tally("changesets compared", 12): sums over all tests are shown at the end of the run."""
    return lambda what, n: record_property("tally", f"{n} {what}")


@pytest.fixture
def make_database(server, request):
    """make_database(root) gives the name of a new database with what the root wants in it."""
    made = []

    def make(root):
        name = f"o_{next(_names)}"
        server.create_database(name)
        made.append(name)
        if root.options.get("before"):
            server.sql(root.options["before"], name)
        return name

    yield make
    for name in made:
        server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Stages:
    """dbstep's stages on a root, with the root's options as inputs."""

    def __init__(self, server, dbstep):
        self.server, self.dbstep = server, dbstep

    def inputs(self, root, database):
        o = root.options
        words = {"db_url": self.server.url(database, tcp=True), "changelog_file": root.file, "search_path": root.folder}
        for option, name in (("contexts", "contexts"), ("labels", "labels"), ("parameters", "parameters"), ("schema", "default_schema_name"),
                             ("history_schema", "liquibase_schema_name")):
            if o.get(option):
                words[name] = o[option]
        return words

    def run(self, stage, root, database, **kw):
        return self.dbstep(stage, **self.inputs(root, database), **kw)


@pytest.fixture
def stages(server, dbstep):
    return Stages(server, dbstep)


@pytest.fixture(scope="session")
def has_stage():
    listed = subprocess.run([oracle.BINARY, "help"], capture_output=True, text=True).stdout
    return lambda name: name in listed


def pytest_terminal_summary(terminalreporter):
    sums = collections.Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", []):
                if name == "tally" and getattr(report, "when", "") == "call":
                    n, what = value.split(" ", 1)
                    sums[what] += int(n)
    for what in sorted(sums):
        terminalreporter.write_line(f"oracle: {sums[what]:>7} {what}")


@pytest.fixture
def wait():
    return integration.wait_until
