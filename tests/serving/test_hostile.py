"""Clients that mean harm, against a real server: what can be answered is, and afterwards the server is as before."""

import contextlib
import json
import re
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = b"POST /v1/predict/fraud HTTP/1.1\r\nhost: x\r\n"
SMUGGLED = b"GET /v2/smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
GET = b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n"
PATIENCE_S = 2.0
GROWN_MB = 60


class Victim:
    """A server with little patience, and what tells how it is."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def speak(self, *parts):
        """Send bytes, say that no more follow, and return all that is answered."""
        with self.connect() as connection:
            for part in parts:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(part)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

    def memory_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def files(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


def read_all(connection):
    said = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(1 << 20):
            said += data
    return said


def statuses(said):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


@pytest.fixture(scope="module")
def victim(stored_shop, tmp_path_factory):
    state = tmp_path_factory.mktemp("victim") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_shop.state), str(state)], check=True)
    words = ["--replay", "--patience", f"{PATIENCE_S:.0f}s"]
    command = [sys.executable, "-m", "shipway.serving", "--state", str(state), *words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        server = Victim(process, int(process.stdout.readline().rsplit(":", 1)[1]))
        body = json.dumps(json.loads(ROUTING % stored_shop.bundles[1])).encode()
        put = b"PUT /v1/services/fraud/routing HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        assert statuses(server.speak(put + body)) == [200]
        for _ in range(3):
            server.speak(GET)
        yield server
        process.terminate()
        assert process.wait(30) == 0


ROUTING = """
{"service": "fraud", "model": "fraud", "stable": {"version": 1, "bundle": "%s", "online": "main"}}
"""


@pytest.fixture(autouse=True)
def well(victim):
    """See that the server is healthy afterwards, holds no more than before and has let everybody go."""
    memory, files = victim.memory_mb(), victim.files()
    yield
    assert statuses(victim.speak(b"GET /v2/health/ready HTTP/1.1\r\nhost: x\r\n\r\n")) == [200]
    assert victim.memory_mb() < memory + GROWN_MB
    until = time.monotonic() + 20
    while victim.files() > files + 1:
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    "fields",
    [
        b"content-length: 4\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        b"content-length: 4\r\ncontent-length: 5\r\n",
        b"content-length: 4\r\ncontent-length: 4\r\n",
        b"content-length: 4, 4\r\n",
        b"content-length: +4\r\n",
        b"content-length: 0x4\r\n",
        b"content-length: 4 4\r\n",
        b"content-length: 99999999999999999999999\r\n",
        b"content-length : 4\r\n",
        b"content-length\t: 4\r\n",
        b" content-length: 4\r\n",
        b"x: y\r\n content-length: 4\r\n",
        b"x: y\r\n\tfolded\r\n",
        b"transfer-encoding : chunked\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        b"transfer-encoding:\x0bchunked\r\n",
        b"transfer-encoding: \x00chunked\r\n",
        b"x: \x00\r\n",
        b"x\x00y: z\r\n",
        b"x y: z\r\n",
        b": z\r\n",
        b"x: y\r\r\n",
        b"x: y\rcontent-length: 40\r\n",
        b"content-length: 4\r\nhost: x\r\nhost: y\r\n content-length: 9\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_read_in_none(victim, fields):
    said = victim.speak(HEAD + fields + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert statuses(said) == [400], said
    assert b"connection: close" in said
    assert b"smuggled" not in said


@pytest.mark.parametrize(
    "body",
    [
        b"0x4\r\nabcd\r\n0\r\n\r\n",
        b"-1\r\nabcd\r\n0\r\n\r\n",
        b"4 \r\nabcd\r\n0\r\n\r\n",
        b" 4\r\nabcd\r\n0\r\n\r\n",
        b"4\nabcd\n0\n\n",
        b"4\r\nabcd0\r\n\r\n",
        b"4\r\nabcdX\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        b"4;a=\nb\r\nabcd\r\n0\r\n\r\n",
        b"4;\x00\r\nabcd\r\n0\r\n\r\n",
        b"\r\n4\r\nabcd\r\n0\r\n\r\n",
        b"4\r\nabcd\r\n0\r\nx y: z\r\n\r\n",
    ],
)
def test_chunks_that_are_none_end_the_connection(victim, body):
    said = victim.speak(HEAD + b"transfer-encoding: chunked\r\n\r\n" + body + SMUGGLED)
    assert statuses(said)[-1] in (400, 413), said
    assert len(statuses(said)) == 1
    assert b"smuggled" not in said


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v2 HTTP/1.1\nhost: x\n\n",
        b"GET /v2 HTTP/1.1\r\nhost: x\n\r\n",
        b"GET /v2 HTTP/1.1\rhost: x\r\r",
        b"GET /v2\tHTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v2 \x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET  HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v2 HTTP/1.1 \r\nhost: x\r\n\r\n",
        b"GET /v2 HTTP/01.1\r\nhost: x\r\n\r\n",
        b"GET /v2 http/1.1\r\nhost: x\r\n\r\n",
        b" GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"G\xc3\x84T /v2 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_lines_that_end_or_read_otherwise_are_refused(victim, line):
    said = victim.speak(line + SMUGGLED)
    assert statuses(said) == [400], said
    assert b"smuggled" not in said


def test_long_extensions_of_chunks_are_cut_off(victim):
    with victim.connect() as connection:
        connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n1;")
        with contextlib.suppress(ConnectionError):
            for _ in range(80):
                connection.sendall(b"x" * (1 << 20))
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        said = read_all(connection)
    assert statuses(said) in ([413], [])


def test_many_headers_are_cut_off(victim):
    assert statuses(victim.speak(HEAD + b"a: b\r\n" * 100_000)) == [431]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b'{"row":' * 100_000,
        b'{"row":{"a":' + b"9" * 100_000 + b"}}",
        b'{"row":{"a":1e999999}}',
        b'{"row":{"a":"\\ud800"}}',
        b'{"row":{"' + b"k" * 1_000_000 + b'":1}}',
        b'{"row":{' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}}",
        b"\xff\xfe\x00",
        b"\x00" * 1_000_000,
    ],
)
def test_json_that_means_harm_is_refused(victim, body):
    said = victim.speak(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
    assert statuses(said)[0] in (400, 422), said[:300]
    assert len(said) < 10_000


@pytest.mark.parametrize("begun", [b"GET /v2/", HEAD + b"x: y\r\n", HEAD + b"content-length: 100\r\n\r\nabc"])
def test_clients_that_drip_are_cut_off_in_time(victim, begun):
    """Thirty at once, each sends a byte every now and then, which buys it no time."""
    streams = [victim.connect() for _ in range(30)]
    for stream in streams:
        stream.sendall(begun)
        stream.settimeout(0.1)
    said, until = dict.fromkeys(streams, b""), time.monotonic() + 20
    while not all(b"\r\n\r\n" in answer for answer in said.values()):
        assert time.monotonic() < until
        for stream in streams:
            with contextlib.suppress(ConnectionError):
                stream.sendall(b"a")
            with contextlib.suppress(TimeoutError, ConnectionError):
                said[stream] += stream.recv(1 << 16)
    for stream, answer in said.items():
        assert statuses(answer) == [408]
        stream.close()


def flood(victim):
    """Send requests for as long as the server reads them, and read no answers."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.settimeout(0.3)
    stream.connect(("127.0.0.1", victim.port))
    sent = 0
    with contextlib.suppress(TimeoutError, ConnectionError):
        while sent < 40_000_000:
            sent += stream.send(GET * 500)
    return stream, sent


def test_a_flood_without_waiting_is_read_no_faster_than_its_answers_are(victim):
    memory = victim.memory_mb()
    stream, sent = flood(victim)
    with stream:
        assert sent < 40_000_000
        assert victim.memory_mb() < memory + GROWN_MB
        stream.settimeout(30)
        assert statuses(stream.recv(1 << 16))[:1] == [200]


def test_clients_that_read_nothing_are_cut_off(victim):
    before = victim.files()
    streams = [flood(victim)[0] for _ in range(5)]
    until = time.monotonic() + 30
    while victim.files() > before:
        assert time.monotonic() < until
        time.sleep(0.1)
    for stream in streams:
        stream.close()


def test_half_closed_and_vanished_clients_leave_nothing(victim):
    for _ in range(100):
        with victim.connect() as connection:
            connection.sendall(HEAD + b"content-length: 10\r\n\r\nabc")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        assert statuses(victim.speak(GET + HEAD + b"content-length: 10\r\n\r\nabc")) == [200, 400]


def test_ten_thousand_idle_connections(victim):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 11_000:
        pytest.skip(f"this system lets a process open {hard:,} files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    memory, streams = victim.memory_mb(), []
    try:
        for _ in range(10_000):
            streams.append(victim.connect())
        streams[-1].sendall(GET)
        assert statuses(streams[-1].recv(1 << 16)) == [200]
        assert victim.memory_mb() < memory + 100
    finally:
        for stream in streams:
            stream.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [HEAD, GET, b"\r\n\r\n", b"content-length: 5\r\n", b"0\r\n\r\n", b"transfer-encoding: chunked\r\n"]
            ),
        ),
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_garbage_is_answered_or_ended(victim, parts):
    data = b"".join(parts)
    said = victim.speak(data)
    assert set(statuses(said)) <= {200, 400, 404, 405, 413, 415, 422, 431}
    if data.strip(b"\r\n"):
        assert said
