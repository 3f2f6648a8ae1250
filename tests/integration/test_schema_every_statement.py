"""Faults at every statement of a log of 50 changesets, forwards and back: the next run converges, and nothing runs twice."""
import re
import threading
import time

import pytest

from schema import lab  # noqa: F401  (fixture)
from test_schema_network import Proxy

N = 50


def log():
    body = ["--changeset b:base\ncreate table done (i int, t text); create table undone (i int, t text);\n--rollback empty\n"]
    for i in range(N):
        outside = i % 10 == 5
        change = f"create index concurrently i{i} on done (i) ;\ninsert into done values ({i}, 'mark{i}.');\n"
        back = f"--rollback drop index concurrently i{i};\n--rollback insert into undone values ({i}, 'mark{i}.');\n"
        if outside:
            body.append(f"--changeset b:{i} runInTransaction:false\n{change}{back}")
        else:
            body.append(f"--changeset b:{i}\ncreate table t{i} (x int);\ninsert into done values ({i}, 'mark{i}.');\n"
                        f"--rollback drop table t{i};\n--rollback insert into undone values ({i}, 'mark{i}.');\n")
    return "".join(body)


class Hits:
    """Strikes when the statement of changeset i passes by: the connection is cut before it or behind it, or the client is killed."""

    def __init__(self, lab, i):  # noqa: F811
        self.mark, self.how, self.hit, self.process = f"mark{i}.".encode(), ("before", "behind", "kill")[i % 3], False, None
        self.ready = threading.Event()
        self.proxy = Proxy(lab.server.port, self.see)

    def see(self, proxy, link, data):
        if self.hit or self.mark not in data:
            return
        self.hit = True
        if self.how == "behind":
            link.deaf = True
            threading.Timer(0.02, link.cut).start()
            return
        if self.how == "kill":
            self.ready.wait(5)
            self.process.kill()
        link.cut()
        raise OSError

    def run(self, lab, stage, **kw):  # noqa: F811
        url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/{lab.db}?sslmode=disable"
        self.process = lab._start(stage, **{**lab.inputs(kw), "db_url": url, "lock_wait": "20s"})
        self.ready.set()
        _, err = self.process.communicate(timeout=60)
        self.proxy.close()
        assert self.hit, err
        assert self.process.returncode in (0, 12, 21, 22, -9), err


def twice(lab, table):  # noqa: F811
    return lab.sql(f"SELECT i FROM {table} GROUP BY i HAVING count(*) > 1")


def test_deploy_and_rollback(lab):  # noqa: F811
    lab.write(log())
    lab.deploy(count=1, tag="base")
    for i in range(N):
        if lab.value("SELECT NOT EXISTS (SELECT FROM databasechangelog WHERE id = %s)", (str(i),)):
            Hits(lab, i).run(lab, "schema-deploy")
        assert twice(lab, "done") == [], f"at changeset {i}"
    lab.deploy(lock_wait="20s")
    assert lab.ids() == ["base"] + [str(i) for i in range(N)] and lab.value("SELECT count(*) FROM done") == N
    assert lab.value("SELECT bool_and(indisvalid) AND count(*) = 5 FROM pg_index WHERE indrelid = 'done'::regclass")
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(False, None)] and not lab.exists("databasechangelog_progress")

    for i in reversed(range(N)):
        if lab.value("SELECT EXISTS (SELECT FROM databasechangelog WHERE id = %s)", (str(i),)):
            Hits(lab, i).run(lab, "schema-rollback", to_tag="base")
        assert twice(lab, "undone") == [], f"at changeset {i}"
    assert lab.run("schema-rollback", to_tag="base", lock_wait="20s").status == 0
    assert lab.ids() == ["base"] and lab.value("SELECT count(*) FROM undone") == N
    assert lab.value("SELECT count(*) FROM pg_class WHERE relname ~ '^[ti][0-9]+$'") == 0
    assert lab.sql("SELECT locked, lockedby FROM databasechangeloglock") == [(False, None)] and not lab.exists("databasechangelog_progress")


@pytest.mark.parametrize("stage", ["schema-deploy", "schema-rollback"])
def test_server_restarted(server_factory, dbstep, dbstep_start, tmp_path, stage):
    """In the middle of a run, as by a crash: the run ends with a clear error, the next one finishes."""
    from schema import Lab
    server = server_factory()
    folder = tmp_path / "changes"
    folder.mkdir()
    l = Lab(server, dbstep, dbstep_start, folder)
    l.write("".join(f"--changeset b:{i}\ncreate table t{i} (x int); select pg_sleep({'coalesce(current_setting($$a.slow$$, true), $$0$$)::float' if i == 5 else 0});\n"
                    f"--rollback select pg_sleep({'coalesce(current_setting($$a.slow$$, true), $$0$$)::float' if i == 5 else 0}); drop table t{i};\n"
                    for i in range(10)))
    if stage == "schema-rollback":
        l.deploy()
    slow = l.server.url(l.db, tcp=True, options="-ca.slow%3D300")
    inputs = {"count": 10} if stage == "schema-rollback" else {}
    p = l._start(stage, **{**l.inputs(inputs), "db_url": slow})
    end = time.time() + 20
    while time.time() < end and not server.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'"):
        time.sleep(0.02)
    server.stop("immediate")
    server.start()
    _, err = p.communicate(timeout=60)
    assert p.returncode in (12, 21), err
    done = [str(i) for i in range(10)] if stage == "schema-deploy" else []
    assert len(l.ids()) in (4, 5, 6)
    assert l.run(stage, **({"count": len(l.ids())} if inputs else {})).status == 0 and l.ids() == done
    assert re.search(r"connection lost|recovery|shutting down|terminat", err), err
    server.stop("immediate")
