"""volume-clone against a server, or something in between, that lies about its base backup."""
import os
import re
import shutil
import tarfile

import pytest
from conftest import server_user, wait_until
from liar import Liar, member, position, sealed


@pytest.fixture(scope="module")
def source(server_factory):
    return server_factory()


@pytest.fixture
def place(server_factory):
    folder = os.path.join(server_factory.base, "lies")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    if server_user():
        shutil.chown(folder, server_user())
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def base(fn):
    """A lie about the archive of the data directory."""
    def lie(archives, manifest):
        archives[-1][2] = fn(bytearray(archives[-1][2]))
        return archives, manifest
    return lie


def in_first_record(a):
    """The backup's WAL begins 40 bytes into a segment here: the segment that BASE_BACKUP switched to."""
    at, _ = position(bytes(a), r"pg_wal/0000.*")
    a[at + 40 + 30] ^= 1
    return a


def told(fn):
    """A lie about the manifest, whose own checksum holds again."""
    return lambda archives, manifest: (archives, sealed(fn(bytes(manifest))))


def flip(pattern, where=0.5):
    def fn(a):
        at, size = position(bytes(a), pattern)
        a[at + int(size * where)] ^= 1
        return a
    return base(fn)


def extra(*members):
    return base(lambda a: b"".join(members) + a)


def one_entry(manifest):
    return re.search(rb'\{ "Path": "base/1/\d+".*?\},?\n', manifest).group(0)


LIES = {
    "a bit in a table": flip(r"base/1/\d+"),
    "a bit in pg_control": flip("global/pg_control", 0.01),
    "a bit in a WAL record": base(lambda a: in_first_record(a)),
    "the archive ends in the middle": base(lambda a: a[:len(a) // 2]),
    "the archive ends between two files": base(lambda a: a[:position(bytes(a), r"base/1/\d+")[0] - 512]),
    "no archive": lambda archives, manifest: ([], manifest),
    "the archive twice": lambda archives, manifest: (archives * 2, manifest),
    "an archive of an unannounced tablespace": lambda archives, manifest: (archives + [[b"666.tar", b"/etc", bytearray()]], manifest),
    "a file twice": extra(member("PG_VERSION", b"15\n")),
    "a file more": extra(member("evil.so", b"x")),
    "a file above": extra(member("../outside", b"x")),
    "a file above, hidden": extra(member("base/./../..//outside", b"x")),
    "an absolute name": extra(member("/tmp/dbstep-outside", b"x")),
    "a link out, and a file through it": extra(member("way", kind=tarfile.SYMTYPE, link="/tmp"), member("way/dbstep-outside", b"x")),
    "a tablespace that was not announced": extra(member("pg_tblspc", kind=tarfile.DIRTYPE), member("pg_tblspc/7", kind=tarfile.SYMTYPE, link="/tmp"),
                                               member("pg_tblspc/7/dbstep-outside", b"x")),
    "a hard link": extra(member("hard", kind=tarfile.LNKTYPE, link="/etc/passwd")),
    "a device": extra(member("device", kind=tarfile.BLKTYPE)),
    "a pipe": extra(member("pipe", kind=tarfile.FIFOTYPE)),
    "a file of 8 EB": extra(member("huge", b"x" * 512, size=1 << 62)),
    "our own mark": extra(member("dbstep-clone.json", b'{"dbstep_clone": 1, "state": "complete"}')),
    "no manifest": lambda archives, manifest: (archives, None),
    "an empty manifest": lambda archives, manifest: (archives, b""),
    "a manifest cut short": lambda archives, manifest: (archives, manifest[:len(manifest) // 2]),
    "a bit in the manifest": lambda archives, manifest: (archives, bytes(manifest).replace(b'"Size": 3,', b'"Size": 3 ,', 1).replace(b"GMT", b"GNT", 1)),
    "another checksum": told(lambda m: m.replace(b"SHA256", b"CRC32C")),
    "no checksum": told(lambda m: re.sub(rb', "Checksum-Algorithm": "SHA256", "Checksum": "[0-9a-f]+"', b"", m)),
    "a file less in the manifest": told(lambda m: m.replace(one_entry(m), b"", 1)),
    "a file more in the manifest": told(lambda m: m.replace(one_entry(m), one_entry(m) + one_entry(m).replace(b'"base/1/', b'"base/1/9'), 1)),
    "a file twice in the manifest": told(lambda m: m.replace(one_entry(m), one_entry(m) * 2, 1)),
    "no WAL range": told(lambda m: re.sub(rb'"WAL-Ranges": \[.*?\]', b'"WAL-Ranges": []', m, flags=re.S)),
    "a WAL range that leads to nowhere": told(lambda m: re.sub(rb'"End-LSN": "[0-9A-F/]+"', b'"End-LSN": "7F/0"', m)),
    "a WAL range of another timeline": told(lambda m: m.replace(b'"Timeline": 1,', b'"Timeline": 7,')),
    "a manifest of another version": told(lambda m: re.sub(rb'Manifest-Version": \d', b'Manifest-Version": 9', m)),
}


def run_through(dbstep, source, place, **kw):
    liar = Liar(source.port, **{k: kw.pop(k) for k in ("lie", "stop_after", "how") if k in kw})
    try:
        return liar, dbstep("volume-clone", source_db_url=f"postgresql://postgres@127.0.0.1:{liar.port}/postgres?sslmode=disable&gssencmode=disable",
                            target_dir=place + "/pg", **kw)
    finally:
        liar.close()


def test_the_go_between_is_transparent(source, place, dbstep):
    """Else nothing below would prove anything."""
    liar, run = run_through(dbstep, source, place, lie=lambda archives, manifest: (archives, manifest))
    assert liar.lied and run.status == 0, run


@pytest.mark.parametrize("name", LIES)
def test_lies(source, place, dbstep, name):
    liar, run = run_through(dbstep, source, place, lie=LIES[name])
    assert liar.lied
    assert run.status in (23, 30), run
    assert os.listdir(place) == [] and not os.path.exists("/tmp/dbstep-outside"), run
    wait_until(lambda: not source.sql("SELECT 1 FROM pg_replication_slots"), what="the end of the slot")


@pytest.mark.parametrize("how, status", [("cut", (12, 20, 22)), ("stall", (13,))])
def test_connection_that_breaks_or_stalls(source, place, dbstep, how, status):
    _, run = run_through(dbstep, source, place, stop_after=5 << 20, how=how, env={"DBSTEP_TIMEOUT": "4s"})
    assert run.status in status, run
    assert os.listdir(place) == []
