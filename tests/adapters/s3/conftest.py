"""A fake of S3's semantics behind a real HTTP server, and a way to it that fails where a test wants it to."""

import itertools
import re
import socket
import threading
from contextlib import suppress
from urllib.request import Request, urlopen

import pytest
from moto.server import ThreadedMotoServer


class Bucket:
    """A bucket of moto's server. Moto is a fake: it keeps S3's rules on what a request does, in memory, and none of its
    promises about disks, load or several machines."""

    numbers = itertools.count()

    def __init__(self, port):
        self.port = port
        self.name = f"bucket{next(self.numbers)}"
        self.ask("PUT", "").close()

    @property
    def uri(self):
        return f"s3://{self.name}/some/prefix"

    def ask(self, method, key, data=None):
        url = f"http://127.0.0.1:{self.port}/{self.name}{key}"
        # Moto lets in whoever signs, however that is done, and keeps objects from everybody else.
        return urlopen(Request(url, data=data, method=method, headers={"Authorization": "AWS key:signature"}))

    def uploads(self):
        return self.ask("GET", "?uploads").read().count(b"<UploadId>")


class Way:
    """A way to an HTTP server, one request a connection, that can fail requests or cut answers.

    Attributes:
        failing: statuses answered in place of the next requests.
        cut: after how many bytes of their body the next answers end.
        seen: the first line of each request.
        matching: only requests whose first line matches are failed or cut.
    """

    def __init__(self, port):
        self.failing, self.cut, self.seen, self.matching = [], [], [], ""
        self._to = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._admit, daemon=True)
        self._thread.start()

    def close(self):
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()

    def _admit(self):
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, suppress(OSError, ConnectionError):
            head, rest = _read_head(client)
            if not head:
                return
            line = head.partition(b"\r\n")[0].decode()
            self.seen.append(line)
            chosen = re.search(self.matching, line) is not None
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            body = rest + _read_exactly(client, int(length[1]) - len(rest) if length else 0)
            if chosen and self.failing:
                status = self.failing.pop(0)
                client.sendall(b"HTTP/1.1 %d Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
                return
            with socket.create_connection(("127.0.0.1", self._to)) as server:
                server.sendall(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", head) + b"Connection: close\r\n\r\n" + body)
                answer, start = _read_head(server)
                client.sendall(re.sub(rb"(?i)\r\nconnection: [^\r]*", b"", answer) + b"Connection: close\r\n\r\n")
                room = self.cut.pop(0) if chosen and self.cut else 1 << 40
                while room > 0 and (start or (start := server.recv(1 << 16))):
                    client.sendall(start[:room])
                    room -= len(start)
                    start = b""


def _read_head(end):
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = end.recv(1 << 16)
        if not chunk:
            return b"", b""
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head + b"\r\n", rest


def _read_exactly(end, count):
    data = b""
    while len(data) < count:
        chunk = end.recv(1 << 16)
        if not chunk:
            raise ConnectionError
        data += chunk
    return data


@pytest.fixture(scope="session")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def keys(monkeypatch, moto):
    """Put the address and the credentials of the store in the environment."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{moto}",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(moto, keys):
    return Bucket(moto)


@pytest.fixture
def way(moto, keys, monkeypatch):
    opened = Way(moto)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{opened.port}")
    yield opened
    opened.close()
