"""What the tests of the schema stages share."""
import itertools

import pytest

_names = itertools.count(1)


class Lab:
    """A database of its own, a folder with a changelog, and the stages on them."""

    def __init__(self, server, dbstep, dbstep_start, folder):
        self.server, self._run, self._start, self.folder = server, dbstep, dbstep_start, folder
        self.db = server.create_database(f"schema_{next(_names)}")
        self.file = "changelog.sql"

    def write(self, body, header=True, name=None, encoding="utf-8"):
        text = ("--liquibase formatted sql\n" if header else "") + body
        (self.folder / (name or self.file)).write_bytes(text.encode(encoding))

    def inputs(self, kw):
        return {"db_url": self.server.url(self.db, tcp=True), "changelog_file": self.file, "search_path": str(self.folder), **kw}

    def run(self, stage="schema-deploy", **kw):
        extra = {k: kw.pop(k) for k in ("env", "host", "timeout_s", "output_dir") if k in kw}
        if "timeout_s" in extra:
            extra["timeout"] = extra.pop("timeout_s")
        r = self._run(stage, **self.inputs(kw), **extra)
        for name, value in (r.result or {}).get("outputs", {}).items():
            if name.startswith("changesets_") and value is not None:
                r.outputs[name] = int(value)
        return r

    def start(self, stage="schema-deploy", **kw):
        return self._start(stage, **self.inputs(kw))

    def deploy(self, **kw):
        r = self.run(**kw)
        assert r.status == 0, r
        return r

    def sql(self, text, params=None):
        return self.server.sql(text, self.db, params)

    def value(self, text, params=None):
        return self.server.value(text, self.db, params)

    def connect(self):
        return self.server.connect(self.db)

    def ran(self):
        """(id, exectype) of the history, in order; empty without a table."""
        if not self.value("SELECT to_regclass('public.databasechangelog') IS NOT NULL"):
            return []
        return self.sql("SELECT id, exectype FROM databasechangelog ORDER BY orderexecuted")

    def ids(self):
        return [r[0] for r in self.ran()]

    def exists(self, name):
        return self.value("SELECT to_regclass(%s) IS NOT NULL", (name,))


@pytest.fixture
def lab(server, dbstep, dbstep_start, tmp_path):
    folder = tmp_path / "changes"
    folder.mkdir()
    return Lab(server, dbstep, dbstep_start, folder)
