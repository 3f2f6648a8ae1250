"""A proxy in front of a PostgreSQL server that lies about base backups: it collects what the server sends and passes on something else."""
import hashlib
import io
import re
import socket
import struct
import tarfile
import threading


def read_exactly(s, n):
    data = b""
    while len(data) < n:
        got = s.recv(n - len(data))
        if not got:
            raise EOFError
        data += got
    return data


def member(name, content=b"", kind=tarfile.REGTYPE, link="", size=None, mode=0o600):
    """One entry of an archive; size may lie."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.size = kind, link, mode, len(content) if size is None else size
    header = info.tobuf(tarfile.USTAR_FORMAT if info.size < 1 << 33 else tarfile.GNU_FORMAT)
    return header + content + b"\0" * (-len(content) % 512)


def sealed(manifest):
    """The manifest with its own checksum made to hold again."""
    body = manifest[:manifest.rindex(b'"Manifest-Checksum"')]
    return body + b'"Manifest-Checksum": "' + hashlib.sha256(body).hexdigest().encode() + b'"}\n'


def position(archive, pattern):
    """Offset of the content of the first member whose name matches, and its size."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as t:
        for m in t:
            if re.fullmatch(pattern, m.name) and m.size:
                return m.offset_data, m.size
    raise KeyError(pattern)


class Liar:
    """lie(archives, manifest) -> (archives, manifest): archives is a list of [name, path, bytes]; a manifest of None is left out.
    stop_after: pass on that many bytes of COPY data as they come, then "stall" or "cut"."""

    def __init__(self, port, lie=None, stop_after=None, how=None):
        self.server_port, self.lie, self.stop_after, self.how = port, lie, stop_after, how
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets, self.over, self.lied = [], threading.Event(), False
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.over.set()
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self.sockets += [client, server]
            threading.Thread(target=self.upstream, args=(client, server), daemon=True).start()
            threading.Thread(target=self.downstream, args=(client, server), daemon=True).start()

    @staticmethod
    def upstream(client, server):
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass
        finally:
            try:
                server.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def downstream(self, client, server):
        archives, manifest, passed = [], None, 0
        try:
            while True:
                kind, n = struct.unpack("!cI", read_exactly(server, 5))
                data = read_exactly(server, n - 4)
                if kind == b"d" and self.lie:
                    what = data[:1]
                    if what == b"n":
                        name, path, _ = data[1:].split(b"\0", 2)
                        archives.append([name, path, bytearray()])
                    elif what == b"m":
                        manifest = bytearray()
                    elif what == b"d":
                        (archives[-1][2] if manifest is None else manifest).extend(data[1:])
                    continue
                if kind == b"c" and self.lie:
                    self.tell(client, *self.lie(archives, manifest))
                if kind == b"d" and self.stop_after is not None:
                    passed += n
                    if passed > self.stop_after:
                        self.lied = True
                        if self.how == "stall":
                            self.over.wait(60)
                        return
                client.sendall(struct.pack("!cI", kind, n) + data)
        except (OSError, EOFError):
            pass
        finally:
            # A close alone leaves the connection to the thread that still reads from it.
            for s in (client, server):
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def tell(self, client, archives, manifest):
        def send(data):
            client.sendall(struct.pack("!cI", b"d", len(data) + 4) + data)

        self.lied = True
        for name, path, content in archives:
            send(b"n" + name + b"\0" + path + b"\0")
            for at in range(0, len(content), 65536):
                send(b"d" + bytes(content[at:at + 65536]))
        if manifest is not None:
            send(b"m")
            for at in range(0, len(manifest), 65536):
                send(b"d" + bytes(manifest[at:at + 65536]))
