"""io/pg as a user meets it: every way in which a database cannot be had, through the smallest stage that needs one."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BINARY, Server, environment, free_port, wait_until

SECRET = "s3cr3t-p4ss/w#rd$"
SECRET_IN_URL = "s3cr3t-p4ss%2Fw%23rd%24"


@pytest.fixture(scope="module")
def tls(server_factory, tmp_path_factory):
    """A server that speaks TLS only, to role app with a password; ca is the bundle that vouches for db.example.test."""
    d = tmp_path_factory.mktemp("tls")

    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=d)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=TestCA", "-days", "2")
    openssl("req", *key, "-keyout", "srv.key", "-out", "srv.csr", "-subj", "/CN=srv")
    (d / "ext").write_text("subjectAltName=DNS:db.example.test")
    openssl("x509", "-req", "-in", "srv.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "srv.pem", "-days", "2", "-extfile", "ext")
    hba = "local all postgres trust\nhostssl all app 127.0.0.1/32 scram-sha-256\nhostssl all postgres 127.0.0.1/32 trust\n"
    s = server_factory(start=False, hba=hba)
    for name in ("srv.pem", "srv.key"):
        path = os.path.join(s.data, name)
        with open(path, "w") as f:
            f.write((d / name).read_text())
        os.chmod(path, 0o600)
        st = os.stat(s.data)
        os.chown(path, st.st_uid, st.st_gid)
    s.settings.update(ssl="on", ssl_cert_file="srv.pem", ssl_key_file="srv.key", password_encryption="scram-sha-256")
    s.start()
    s.sql(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'")
    s.ca = str(d / "ca.pem")
    return s


@pytest.fixture
def probe(dbstep, tmp_path):
    """Runs one trivial assertion: success means that a session was had."""
    folder = tmp_path / "probe"
    folder.mkdir()
    (folder / "p.sql").write_text("SELECT 1 WHERE false")

    def call(**kw):
        kw.setdefault("connect_timeout", "2s")
        return dbstep("data-test", test_dir=folder, **kw)

    return call


def tls_url(s, host="db.example.test", password=SECRET_IN_URL, extra=""):
    return f"postgresql://app:{password}@{host}:{s.port}/postgres?hostaddr=127.0.0.1{extra}"


def everything(run):
    text = run.out + run.err
    for folder, _, files in os.walk(run.folder):
        text += "".join(open(os.path.join(folder, f), errors="replace").read() for f in files)
    return text


def test_other_hosts_are_verified_by_default(probe, tls):
    run = probe(db_url=tls_url(tls))
    assert run.status == 10 and "certificate" in run.err and "db_sslrootcert" in run.err, run
    assert probe(db_url=tls_url(tls), db_sslrootcert=tls.ca).status == 0
    assert probe(db_url=tls_url(tls), env={"SSL_CERT_FILE": tls.ca}).status == 0
    assert probe(db_url=tls_url(tls), db_sslrootcert="system", env={"SSL_CERT_FILE": tls.ca}).status == 0


def test_a_certificate_for_another_name_is_refused(probe, tls):
    run = probe(db_url=tls_url(tls, host="evil.example.test"), db_sslrootcert=tls.ca)
    assert run.status == 10 and "evil.example.test" in run.err, run


def test_a_missing_ca_file_is_named(probe, tls):
    run = probe(db_url=tls_url(tls), db_sslrootcert="/nonexistent/ca.pem")
    assert run.status == 10 and "/nonexistent/ca.pem" in run.err, run


def test_a_server_without_tls_is_refused(probe, server):
    run = probe(db_url=f"postgresql://postgres@db.example.test:{server.port}/postgres?hostaddr=127.0.0.1")
    assert run.status == 10 and "db_sslmode" in run.err, run
    assert probe(db_url=f"postgresql://postgres@db.example.test:{server.port}/postgres?hostaddr=127.0.0.1&sslmode=disable").status == 0


@pytest.mark.parametrize("how", ["url", "part", "file"])
def test_wrong_password_is_refused_and_never_shown(probe, tls, tmp_path, how):
    wrong = "n0t-the-p4ssword"
    kw = {"db_sslrootcert": tls.ca}
    if how == "url":
        kw["db_url"] = tls_url(tls, password=wrong)
    else:
        kw["db_url"] = f"postgresql://app@db.example.test:{tls.port}/postgres?hostaddr=127.0.0.1"
        if how == "part":
            kw["db_password"] = wrong
        else:
            (tmp_path / "pw").write_text(wrong + "\n")
            kw["db_password_file"] = tmp_path / "pw"
    run = probe(log_level="debug", **kw)
    assert run.status == 10 and "password" in run.err, run
    assert wrong not in everything(run)


def test_right_password_in_every_form_and_never_shown(probe, tls, tmp_path):
    (tmp_path / "pw").write_text(SECRET + "\n")
    base = f"postgresql://app@db.example.test:{tls.port}/postgres?hostaddr=127.0.0.1"
    for kw in ({"db_url": tls_url(tls)}, {"db_url": base, "db_password": SECRET}, {"db_url": base, "db_password_file": tmp_path / "pw"},
               {"db_url": base, "env": {"PGPASSWORD": SECRET}}):
        run = probe(db_sslrootcert=tls.ca, log_level="debug", **kw)
        assert run.status == 0, run
        assert SECRET not in everything(run) and SECRET_IN_URL not in everything(run)


def test_a_missing_password_says_what_to_give(probe, tls):
    run = probe(db_url=f"postgresql://app@db.example.test:{tls.port}/postgres?hostaddr=127.0.0.1", db_sslrootcert=tls.ca)
    assert run.status == 10 and "db_password" in run.err, run


def test_parts_override_the_url_and_pg_variables_come_last(probe, server):
    port = str(server.port)
    assert probe(db_host=server.folder, db_port=port, db_user="postgres", db_name="postgres").status == 0
    assert probe(env={"PGHOST": server.folder, "PGPORT": port, "PGUSER": "postgres", "PGDATABASE": "postgres"}).status == 0
    assert probe(db_url=server.url("nope"), db_name="postgres").status == 0
    run = probe(db_url=server.url("nope"), env={"PGDATABASE": "postgres"})
    assert run.status == 2 and '"nope" does not exist' in run.err, run


def test_missing_database_and_role(probe, server):
    run = probe(db_url=server.url("nope"))
    assert run.status == 2 and "nope" in run.err and "db_name" in run.err, run
    run = probe(db_url=server.url(user="nobody_here"))
    assert run.status == 10 and "nobody_here" in run.err, run


def test_missing_connect_privilege(probe, server, database):
    server.sql("DROP ROLE IF EXISTS outsider; CREATE ROLE outsider LOGIN")
    server.sql(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
    run = probe(db_url=server.url(database, user="outsider"))
    assert run.status == 11, run


def test_unknown_host_refused_port_and_malformed_url(probe):
    run = probe(db_url="postgresql://u@no-such-host.invalid/db")
    assert run.status == 12 and "no-such-host.invalid" in run.err, run
    run = probe(db_url=f"postgresql://u@127.0.0.1:{free_port()}/db")
    assert run.status == 12 and "refused" in run.err, run
    run = probe(db_url=f"postgresql://u:{SECRET_IN_URL}@[::1/db")
    assert run.status == 2 and SECRET_IN_URL not in everything(run), run
    run = probe(db_url="postgresql://u@h:notaport/db")
    assert run.status == 2, run


def test_no_user_anywhere(probe, server):
    run = probe(db_host=server.folder, db_port=server.port, db_name="postgres")
    # libpq falls back on the operating system's user; an image without /etc/passwd has none
    assert run.status in (0, 2, 10), run


def test_a_server_that_comes_up_later_is_waited_for(probe, server_factory):
    s = server_factory(start=False)
    threading.Timer(1.0, s.start).start()
    run = probe(db_url=s.url(), connect_timeout="30s")
    assert run.status == 0 and "trying again" in run.err, run
    s.stop()


def test_too_many_connections_are_waited_for_and_named(probe, server_factory):
    s = server_factory(settings={"max_connections": "5", "superuser_reserved_connections": "0", "max_wal_senders": "0"})
    taken = [s.connect() for _ in range(5)]
    run = probe(db_url=s.url(), connect_timeout="1s")
    assert run.status == 15 and "too many clients" in run.err, run
    for c in taken[1:]:
        c.close()
    assert probe(db_url=s.url()).status == 0
    s.stop()


class Listener:
    """A server that accepts and then does what `behave` says."""

    def __init__(self, behave):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.kept = []
        threading.Thread(target=self.loop, args=(behave,), daemon=True).start()

    def loop(self, behave):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            self.kept.append(c)
            try:
                behave(c)
            except OSError:
                pass


def test_a_server_that_never_answers_ends_at_the_deadline(probe):
    silent = Listener(lambda c: None)
    run = probe(db_url=f"postgresql://u@127.0.0.1:{silent.port}/db?sslmode=disable", env={"DBSTEP_TIMEOUT": "1s"})
    assert run.status == 13 and "connecting to" in run.err, run


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"R\x00\x00\x00\x04", b"E\xff\xff\xff\xffgarbage", b"\x00" * 64])
def test_a_server_that_speaks_something_else(probe, answer):
    def behave(c):
        c.recv(1024)
        c.sendall(answer)
        c.close()

    liar = Listener(behave)
    run = probe(db_url=f"postgresql://u@127.0.0.1:{liar.port}/db?sslmode=disable", connect_timeout="500ms")
    assert run.status in (10, 12, 2), run
    assert "cannot connect" in run.err


def test_a_connection_cut_in_the_middle(dbstep_start, server, database, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a.sql").write_text("SELECT pg_sleep(600) /* cut */")
    p = dbstep_start("data-test", db_url=server.url(database), test_dir=tmp_path / "t")
    find = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%/* cut */%' AND state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: server.sql(find))
    server.sql(f"SELECT pg_terminate_backend(pid) FROM ({find}) x")
    _, err = p.communicate(timeout=30)
    assert p.returncode == 12 and "terminating connection" in err, err


def test_the_stage_deadline_cancels_on_the_server(dbstep, server, database, tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a.sql").write_text("SELECT pg_sleep(600) /* deadline */")
    run = dbstep("data-test", db_url=server.url(database), test_dir=tmp_path / "t", statement_timeout="0", env={"DBSTEP_TIMEOUT": "1s"})
    assert run.status == 13, run
    busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* deadline */%' AND state = 'active' AND pid <> pg_backend_pid()"
    wait_until(lambda: not server.value(busy), what="the end of the query on the server")


def test_signal_while_connecting(tmp_path):
    silent = Listener(lambda c: None)
    (tmp_path / "t").mkdir()
    (tmp_path / "t/a.sql").write_text("SELECT 1")
    env = environment({"db_url": f"postgresql://u@127.0.0.1:{silent.port}/db?sslmode=disable", "test_dir": tmp_path / "t"}, output_dir=tmp_path / "o")
    p = subprocess.Popen([BINARY, "data-test"], env=env, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: silent.kept)
    time.sleep(0.2)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=20)
    assert p.returncode == 40, err
    assert (tmp_path / "o/result.json").exists()


class Relay:
    """Passes the first `connections` on to a server; later ones are accepted and never answered."""

    def __init__(self, server, connections):
        self.server, self.left = server, connections
        self.silent = Listener(self.behave)
        self.port = self.silent.port

    def behave(self, client):
        if self.left <= 0:
            return
        self.left -= 1
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(os.path.join(self.server.folder, f".s.PGSQL.{self.server.port}"))
        for a, b in ((client, upstream), (upstream, client)):
            threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_cancel_that_nobody_answers_does_not_hold_the_step_up(dbstep, server, database, tmp_path):
    (tmp_path / "t").mkdir()
    for name in "abcd":
        (tmp_path / f"t/{name}.sql").write_text("SELECT pg_sleep(600) /* deaf */")
    relay = Relay(server, connections=4)
    url = f"postgresql://postgres@127.0.0.1:{relay.port}/{database}?sslmode=disable"
    run = dbstep("data-test", db_url=url, test_dir=tmp_path / "t", statement_timeout="0", connections=4, env={"DBSTEP_TIMEOUT": "1s"}, timeout=60)
    assert run.status == 13, run
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%/* deaf */%' AND pid <> pg_backend_pid()")
