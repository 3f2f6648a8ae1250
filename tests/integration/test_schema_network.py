"""schema-deploy over a network that fails at the worst moment: between COMMIT and its answer, half-way, for good."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, environment, wait_until
from schema import lab  # noqa: F401  (a fixture)


class Proxy:
    """Forwards bytes to the server; `on_request` sees what the client sends and may cut or stall the connection."""

    def __init__(self, port, on_request):
        self.port_of_server, self.on_request = port, on_request
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.port_of_server))
            link = Link(client, server)
            threading.Thread(target=self.pump, args=(link, client, server, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(link, server, client, False), daemon=True).start()

    def pump(self, link, source, target, request):
        try:
            while data := source.recv(65536):
                if request:
                    self.on_request(self, link, data)
                if link.deaf and not request:
                    continue  # the server's answer is lost
                target.sendall(data)
        except OSError:
            pass
        link.cut()

    def close(self):
        self.listener.close()


class Link:
    def __init__(self, client, server):
        self.client, self.server, self.deaf = client, server, False

    def cut(self):
        for s in (self.client, self.server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def through(lab, proxy, **kw):  # noqa: F811
    return lab.run(db_url=f"postgresql://postgres@127.0.0.1:{proxy.port}/{lab.db}?sslmode=disable", **kw)


def log_of(n, apart=False):
    """Small changesets are sent together; a precondition keeps them apart."""
    ask = "--preconditions onFail:HALT\n--precondition-sql-check expectedResult:1 SELECT 1\n" if apart else ""
    return "CREATE TABLE seen (id int);\n".join([f"--changeset a:0\n{ask}", ""]) + "".join(
        f"--changeset a:{i}\n{ask}INSERT INTO seen VALUES ({i});\n" for i in range(1, n))


def check_each_ran_once(lab, n):  # noqa: F811
    assert lab.ids() == [str(i) for i in range(n)]
    assert lab.sql("SELECT id, count(*) FROM seen GROUP BY id HAVING count(*) > 1") == []
    assert lab.value("SELECT count(*) FROM seen") == n - 1


@pytest.mark.parametrize("nth", [1, 2, 4, 6])
def test_commit_arrives_and_its_answer_is_lost(lab, nth):  # noqa: F811
    """The server commits, the client never hears of it: the outcome is asked for, and nothing runs twice."""
    lab.write(log_of(6, apart=True))
    seen = [0]

    def cut_after_commit(proxy, link, data):
        if re.search(rb"COMMIT", data) and not link.deaf:
            seen[0] += 1
            if seen[0] == nth:
                link.deaf = True
                threading.Timer(0.3, link.cut).start()

    proxy = Proxy(lab.server.port, cut_after_commit)
    first = through(lab, proxy)
    proxy.close()
    assert seen[0] >= nth, first
    assert first.status in (0, 12, 21, 22), first
    assert first.status != 1 and first.result["verdict"] in ("pass", "error")
    recorded = len(lab.ids()) if lab.exists("public.databasechangelog") else 0
    if lab.exists("public.seen"):
        assert lab.value("SELECT count(*) FROM seen") == max(recorded - 1, 0), first
    again = lab.run()
    assert again.status == 0, (first, again)
    check_each_ran_once(lab, 6)


@pytest.mark.parametrize("nth", [1, 2, 4, 6])
def test_commit_never_arrives(lab, nth):  # noqa: F811
    lab.write(log_of(6, apart=True))
    seen = [0]

    def cut_before_commit(proxy, link, data):
        if re.search(rb"COMMIT", data):
            seen[0] += 1
            if seen[0] == nth:
                link.cut()
                raise OSError

    proxy = Proxy(lab.server.port, cut_before_commit)
    first = through(lab, proxy)
    proxy.close()
    assert seen[0] >= nth and first.status in (0, 12, 20, 21, 22), first
    assert lab.run().status == 0, first
    check_each_ran_once(lab, 6)


@pytest.mark.parametrize("arrives", [False, True])
def test_changesets_that_were_sent_together(lab, arrives):  # noqa: F811
    """Several transactions in one packet: all of them are done, or none, and the run finds out which."""
    lab.write(log_of(6))
    seen = [0]

    def cut(proxy, link, data):
        if data.count(b"COMMIT") < 6:
            return
        seen[0] += 1
        if not arrives:
            link.cut()
            raise OSError
        link.deaf = True
        threading.Timer(0.3, link.cut).start()

    proxy = Proxy(lab.server.port, cut)
    first = through(lab, proxy)
    proxy.close()
    assert seen[0] == 1 and first.status == (0 if arrives else 12), first
    assert len(lab.ids()) == (6 if arrives else 0), first
    if arrives:
        assert int(first.outputs["changesets_applied"]) == 6, first
    assert lab.run().status == 0
    check_each_ran_once(lab, 6)


def test_a_stolen_lock_among_changesets_that_were_sent_together(lab):  # noqa: F811
    lab.write(log_of(3) + "--changeset a:3\nUPDATE databasechangeloglock SET lockedby = 'thief';\n--changeset a:4\nINSERT INTO seen VALUES (4);\n")
    r = lab.run()
    assert r.status == 14 and "taken away" in r.err and lab.ids() == ["0", "1", "2"], r
    assert "VALUES (4)" not in open(r.outputs["sql_file"]).read(), "what was sent but not run is not told as run"


def test_server_gone_for_good_after_commit(lab, server_factory):  # noqa: F811
    """Nobody can be asked what became of the COMMIT: status 22, never a guess."""
    lab.write(log_of(6, apart=True))
    seen = [0]

    def cut_and_close(proxy, link, data):
        if re.search(rb"COMMIT", data) and not link.deaf:
            seen[0] += 1
            if seen[0] == 4:
                link.deaf = True
                proxy.close()
                # wake the accept() that still holds the listening socket
                try:
                    socket.create_connection(("127.0.0.1", proxy.port), timeout=1).close()
                except OSError:
                    pass
                threading.Timer(0.3, link.cut).start()

    proxy = Proxy(lab.server.port, cut_and_close)
    run = through(lab, proxy, connect_timeout="1s")
    assert run.status in (21, 22), run
    assert lab.run().status == 0
    check_each_ran_once(lab, 6)


def test_half_open_connection_ends_at_the_deadline(lab):  # noqa: F811
    """Packets vanish, nobody says so: the stage's own deadline ends the wait."""
    lab.write(log_of(6))

    def swallow(proxy, link, data):
        if re.search(rb"VALUES \(3\)", data):
            link.deaf = True

    proxy = Proxy(lab.server.port, swallow)
    run = through(lab, proxy, env={"DBSTEP_TIMEOUT": "3s"})
    proxy.close()
    assert run.status in (12, 13, 21, 22), run
    wait_until(lambda: lab.run().status == 0, what="a deploy that goes through")
    check_each_ran_once(lab, 6)


def test_signals_at_random_instants(lab, tmp_path):  # noqa: F811
    """SIGTERM wherever it hits: status 40 or done, no lock of ours left, the next run finishes."""
    n = 12
    lab.write(log_of(n) + "--changeset a:index runInTransaction:false\nCREATE INDEX CONCURRENTLY seen_id ON seen (id);\n")
    statuses = []
    for round_ in range(25):
        env = environment({"db_url": lab.server.url(lab.db, tcp=True), "changelog_file": lab.file, "search_path": str(lab.folder)},
                          output_dir=tmp_path / "out")
        p = subprocess.Popen([BINARY, "schema-deploy"], env=env, stderr=subprocess.PIPE, text=True)
        time.sleep((round_ % 13) * 0.004)
        p.send_signal(signal.SIGTERM)
        _, err = p.communicate(timeout=30)
        assert p.returncode in (0, 40, -signal.SIGTERM), err
        statuses.append(p.returncode)
        if lab.exists("public.databasechangeloglock"):
            assert lab.sql("SELECT locked FROM databasechangeloglock WHERE locked") == [], err
    assert lab.run().status == 0
    assert lab.ids() == [str(i) for i in range(n)] + ["index"]
    assert lab.value("SELECT count(*) FROM seen") == n - 1
    assert lab.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'seen_id'::regclass")
    assert os.path.exists(tmp_path / "out/result.json")


def test_three_deploys_race_on_a_fresh_database(lab, tmp_path):  # noqa: F811
    """The first creation of the tables, too, is a race; one of three is killed in it."""
    n = 8
    lab.write(log_of(n))
    for round_ in range(8):
        lab.sql("DROP TABLE IF EXISTS databasechangelog, databasechangeloglock, seen")
        started = []
        for i in range(3):
            env = environment({"db_url": lab.server.url(lab.db, tcp=True), "changelog_file": lab.file, "search_path": str(lab.folder),
                               "lock_wait": "30s"}, output_dir=tmp_path / f"race{i}")
            started.append(subprocess.Popen([BINARY, "schema-deploy"], env=env, stderr=subprocess.PIPE, text=True))
        time.sleep(0.003 * round_)
        started[round_ % 3].kill()
        for i, p in enumerate(started):
            _, err = p.communicate(timeout=60)
            assert p.returncode == 0 or i == round_ % 3, err
        check_each_ran_once(lab, n)


def test_copy_in_a_changeset_is_an_error_not_a_hang(lab):  # noqa: F811
    lab.write("--changeset a:1\nCREATE TABLE t (i int);\nCOPY t FROM STDIN;\n")
    run = lab.run()
    assert run.status == 20 and "COPY" in run.err and not lab.exists("public.t"), run
    lab.write("--changeset a:1\nCREATE TABLE t (i int);\nDO $$ BEGIN PERFORM 1; END $$;\nCOPY t TO STDOUT;\n")
    assert lab.run().status == 0
