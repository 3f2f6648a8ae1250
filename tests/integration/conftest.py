"""Real servers and the real binary, for every integration test.

PostgreSQL refuses to run as root, so servers belong to the system user `postgres` (or `nobody`) when the tests run as
root, and to the caller otherwise. Every server has its own folder, a Unix socket there and a free loopback port, and is stopped at
the end, whatever happens.
"""
import contextlib
import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2
import pytest
from jsonschema import Draft202012Validator

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("DBSTEP_BINARY", os.path.join(ROOT, "build", "dbstep"))


def server_user():
    """Name of the user that servers run as, None for the caller."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise RuntimeError("no unprivileged user to run PostgreSQL as")


def as_server_user(command):
    user = server_user()
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups", "--"] + command if user else command


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pg_bindir():
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise RuntimeError("no PostgreSQL server is installed")
    return os.path.dirname(found[-1])


class Server:
    """A PostgreSQL cluster of its own."""

    def __init__(self, folder, bindir=None, settings=None, hba=None):
        self.folder, self.bindir = str(folder), bindir or pg_bindir()
        self.data, self.port = os.path.join(self.folder, "data"), free_port()
        self.settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "fsync": "off", "shared_buffers": "64MB",
            "max_connections": "60", "wal_level": "replica", "max_wal_senders": "8", "logging_collector": "off",
            **(settings or {}),
        }
        self.hba = hba or "local all all trust\nhost all all 127.0.0.1/32 trust\nlocal replication all trust\nhost replication all 127.0.0.1/32 trust\n"

    def run(self, command, **kw):
        return subprocess.run(as_server_user(command), check=True, capture_output=True, text=True, cwd="/", **kw)

    def init(self):
        os.makedirs(self.folder, exist_ok=True)
        if server_user():
            shutil.chown(self.folder, server_user())
        self.run([f"{self.bindir}/initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"])
        with open(f"{self.data}/pg_hba.conf", "w") as f:
            f.write(self.hba)
        return self

    def start(self):
        options = " ".join(f"-c {k}={v!r}" if v == "" or " " in v else f"-c {k}={v}" for k, v in self.settings.items())
        try:
            self.run([f"{self.bindir}/pg_ctl", "-D", self.data, "-l", f"{self.folder}/log", "-w", "-t", "60", "-o", f"-p {self.port} {options}", "start"])
        except subprocess.CalledProcessError as e:
            with contextlib.suppress(OSError):
                raise RuntimeError(open(f"{self.folder}/log").read()[-3000:]) from e
            raise
        return self

    def stop(self, mode="fast"):
        with contextlib.suppress(subprocess.CalledProcessError):
            self.run([f"{self.bindir}/pg_ctl", "-D", self.data, "-m", mode, "-w", "stop"])

    def url(self, database="postgres", user="postgres", tcp=False, **options):
        extra = "&".join(f"{k}={v}" for k, v in options.items())
        if tcp:
            return f"postgresql://{user}@127.0.0.1:{self.port}/{database}" + (f"?{extra}" if extra else "")
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}" + (f"&{extra}" if extra else "")

    def connect(self, database="postgres", **kw):
        c = psycopg2.connect(host=self.folder, port=self.port, dbname=database, user=kw.pop("user", "postgres"), **kw)
        c.autocommit = True
        return c

    def sql(self, text, database="postgres", params=None):
        """Rows of the last statement, or None."""
        c = self.connect(database)
        try:
            cur = c.cursor()
            cur.execute(text, params)
            return cur.fetchall() if cur.description else None
        finally:
            c.close()

    def value(self, text, database="postgres", params=None):
        return self.sql(text, database, params)[0][0]

    def create_database(self, name, template=None):
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.sql(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name


def result_validator():
    """The published schema of result.json, closed: readers ignore members that they do not know, the tests do not."""
    with open(os.path.join(ROOT, "docs", "result.schema.json")) as f:
        schema = json.load(f)

    def close(node):
        if isinstance(node, dict):
            if "required" in node and "properties" in node:
                node["additionalProperties"] = False
            for child in node.values():
                close(child)
        elif isinstance(node, list):
            for child in node:
                close(child)

    close(schema)
    return Draft202012Validator(schema)


RESULT = result_validator()


class Run:
    """What one call of the binary left behind."""

    def __init__(self, process, folder):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.folder = folder
        path = os.path.join(folder, "result.json")
        self.result = json.load(open(path)) if os.path.exists(path) else None
        if self.result is not None:
            assert [f"{list(e.absolute_path)}: {e.message[:200]}" for e in RESULT.iter_errors(self.result)] == []

    @property
    def outputs(self):
        return self.result["outputs"]

    def finding_codes(self):
        return [f["code"] for f in self.result["findings"]]

    def __repr__(self):
        return f"exit {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def environment(inputs, host="plain", output_dir=None, env=None):
    """An environment that holds the inputs and nothing of the caller's."""
    e = {"PATH": "/usr/bin:/bin", "DBSTEP_HOST": host}
    if output_dir:
        e["DBSTEP_OUTPUT_DIR"] = str(output_dir)
    for name, value in (inputs or {}).items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, (list, dict)):
            value = json.dumps(value)
        e["DBSTEP_" + name.upper()] = str(value)
    e.update(env or {})
    return e


@pytest.fixture
def dbstep(tmp_path):
    """dbstep("schema-status", db_url=…) runs the binary as a step and returns a Run."""
    count = [0]

    def call(stage, *args, timeout=120, env=None, host="plain", output_dir=None, **inputs):
        count[0] += 1
        folder = output_dir or tmp_path / f"out{count[0]}"
        command = [BINARY] + ([stage] if stage else []) + list(args)
        p = subprocess.run(command, env=environment(inputs, host, folder, env), capture_output=True, text=True, timeout=timeout,
                           errors="replace", cwd=tmp_path)
        return Run(p, str(folder))

    return call


@pytest.fixture
def dbstep_start(tmp_path):
    """As dbstep, but returns the running process (its output_dir is in .folder); killed at the end if still there."""
    started = []

    def call(stage, *args, env=None, host="plain", **inputs):
        folder = tmp_path / f"bg{len(started)}"
        p = subprocess.Popen([BINARY, stage] + list(args), env=environment(inputs, host, folder, env), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, cwd=tmp_path)
        p.folder = str(folder)
        started.append(p)
        return p

    yield call
    for p in started:
        if p.poll() is None:
            p.send_signal(signal.SIGKILL)
        p.communicate()


@pytest.fixture(scope="session")
def server_factory():
    """server_factory(settings=…, hba=…, bindir=…) makes and starts a cluster; all are stopped and removed at the end of the session."""
    servers, base = [], tempfile.mkdtemp(prefix="dbstep-test-")
    os.chmod(base, 0o755)

    def make(start=True, **kw):
        s = Server(os.path.join(base, f"s{len(servers)}"), **kw)
        servers.append(s)
        s.init()
        return s.start() if start else s

    make.base = base
    make.adopt = servers.append
    yield make
    for s in servers:
        s.stop("immediate")
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def server(server_factory):
    """One cluster that most tests share; each makes databases of its own."""
    return server_factory()


@pytest.fixture
def database(server, request):
    """An empty database for one test."""
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name.lower())[:50]
    server.create_database(name)
    yield name
    with contextlib.suppress(psycopg2.Error):
        server.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


NOTES = []  # what a module wants a person to see at the end of the run


def pytest_terminal_summary(terminalreporter):
    for line in NOTES:
        terminalreporter.write_line(line)


def wait_until(condition, seconds=30, what="the condition"):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come true within {seconds} s")
