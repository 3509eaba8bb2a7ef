"""The generator over real sockets: against a server that answers, and ones that do every wrong thing there is."""

import socket
import threading
import time

import numpy as np
import pytest

from shipway.adapters.http.address import Address, write_request
from shipway.adapters.http.limit import Limits
from shipway.adapters.http.load import HttpLoad
from shipway.core.load import CLOSED, GARBLED, REFUSED, SILENT
from shipway.testing import load as suite
from shipway.testing.refusal import expect_refusal

MS = suite.MS
WIDE = Limits(idle_s=30.0)


class Script:
    """A server that answers each request of each connection with the next of some bytes; None ends the connection."""

    def __init__(self, *answers, delay_s=0.0, end=False):
        self.answers, self.delay_s, self.end = answers, delay_s, end
        self.asked, self.connections = [], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._speak, args=(stream,), daemon=True).start()

    def _speak(self, stream):
        with stream:
            stream.settimeout(20)
            for answer in self.answers:
                try:
                    data = stream.recv(1 << 16)
                except OSError:
                    return
                if not data:
                    return
                self.asked.append(data)
                time.sleep(self.delay_s)
                if answer is None:
                    return
                stream.sendall(answer)
            if not self.end:
                stream.recv(1 << 16)


@pytest.fixture
def script():
    """Start such servers."""
    started = []

    def start(*answers, **how):
        started.append(Script(*answers, **how))
        return started[-1]

    yield start
    for each in started:
        each.listener.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def put(port, *dues_ms, connections=1, timeout_s=10.0, bodies=(b"",)):
    """Put a load on a server and return what was noted."""
    address = Address("127.0.0.1", port, False)
    requests = [write_request("POST", address, "/", [], body) for body in bodies]
    book = suite.Notebook()
    due = np.array(dues_ms, dtype=np.int64) * MS
    HttpLoad([address], requests, connections=connections, timeout_s=timeout_s).run([due], book)
    return sorted(book.notes)


def outcomes(notes):
    return [outcome for *_, outcome in notes]


@pytest.mark.parametrize("case", suite.CASES)
def test_generator_conforms(case, start_echo, script):
    def make(seconds, connections):
        server = script(*[OK] * 50, delay_s=seconds) if seconds else start_echo(WIDE)
        address = Address("127.0.0.1", server.port, False)
        return HttpLoad([address], [write_request("POST", address, "/", [], b"{}")], connections=connections)

    case(make)


def test_connections_are_kept_and_bodies_sent_in_turn(script):
    server = script(*[OK] * 4)
    notes = put(server.port, 0, 50, 100, 150, bodies=(b"one", b"two"))
    assert outcomes(notes) == [200] * 4
    assert server.connections == 1
    assert [data.rpartition(b"\r\n\r\n")[2] for data in server.asked] == [b"one", b"two", b"one", b"two"]


def test_replicas_are_asked_alike(script):
    servers = [script(*[OK] * 20) for _ in range(2)]
    addresses = [Address("127.0.0.1", each.port, False) for each in servers]
    book = suite.Notebook()
    generator = HttpLoad(addresses, [write_request("GET", addresses[0], "/", [], b"")], connections=2)
    generator.run([np.zeros(2, dtype=np.int64)], book)
    assert [each.connections for each in servers] == [1, 1]
    assert [len(each.asked) for each in servers] == [1, 1]


def test_errors_of_the_server_are_told_by_status(script):
    server = script(OK, b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", OK)
    assert outcomes(put(server.port, 0, 30, 60)) == [200, 503, 200]


def test_answer_that_says_close_is_followed_by_a_new_connection(script):
    server = script(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", OK)
    assert outcomes(put(server.port, 0, 60, 120)) == [200] * 3
    assert server.connections == 3


def test_answers_in_chunks_after_a_first_word_and_without_a_length_are_read(script):
    chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    early = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    server = script(chunks, early)
    assert outcomes(put(server.port, 0, 50)) == [200, 200]
    assert outcomes(put(script(b"HTTP/1.1 200 OK\r\n\r\nrest until the end", end=True).port, 0)) == [200]


def test_answer_that_is_cut_is_no_answer(script):
    assert outcomes(put(script(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nok", end=True).port, 0)) == [CLOSED]


def test_connection_that_closes_instead_of_a_second_answer_is_no_answer(script):
    server = script(OK, None)
    assert outcomes(put(server.port, 0, 60)) == [200, CLOSED]


def test_what_is_not_http_is_told(script):
    assert outcomes(put(script(b"SSH-2.0-OpenSSH\r\n").port, 0)) == [GARBLED]


def test_silence_is_given_up(script):
    server = script(OK, delay_s=5.0)
    notes = put(server.port, 0, 10, timeout_s=0.3, connections=1)
    assert outcomes(notes) == [SILENT, SILENT]
    assert all(done - taken >= 300 * MS for _, taken, _, done, _ in notes)


def test_server_that_goes_away_fails_what_follows(script):
    server = script(None)
    threading.Timer(0.05, server.listener.close).start()
    found = outcomes(put(server.port, 0, 400, 450))
    assert found[0] == CLOSED
    assert set(found[1:]) <= {REFUSED, CLOSED}


def test_nobody_there_is_refused_before_anything_is_sent():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with expect_refusal("SW-442"):
        put(port, 0)
