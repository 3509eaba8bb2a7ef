"""The client keeps its connections, its requests in order, and says plainly when nobody answers."""

import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.http.client import HttpClient
from shipway.core.error import ShipwayError

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def read_request(stream: socket.socket) -> bytes:
    """Return one request, empty where the client is gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(1 << 16)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += stream.recv(1 << 16)
    return head + b"\r\n\r\n" + body


@contextmanager
def listen(talk: Callable[[socket.socket], None]) -> Generator[int]:
    """Serve each connection with a function in a thread of its own, and give the port."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        threads: list[threading.Thread] = []

        def serve(stream: socket.socket) -> None:
            with stream:
                talk(stream)

        def accept() -> None:
            while True:
                try:
                    stream, _ = door.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=serve, args=(stream,)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield door.getsockname()[1]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def echo(stream: socket.socket) -> None:
    """Answer every request with its body."""
    while request := read_request(stream):
        body = request.partition(b"\r\n\r\n")[2]
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@contextmanager
def connect(port: int, connections: int = 3, timeout_s: float = 10.0) -> Generator[HttpClient]:
    client = HttpClient("127.0.0.1", port, connections=connections, timeout_s=timeout_s)
    try:
        yield client
    finally:
        client.close()


def test_answers_come_in_the_order_of_their_requests_whatever_the_number() -> None:
    with listen(echo) as port, connect(port) as client:
        for count in (0, 1, 2, 3, 4, 50):
            bodies = [str(place).encode() * (place + 1) for place in range(count)]
            answers = client.exchange([client.prepare("POST", "/", body) for body in bodies])
            assert [answer.body for answer in answers] == bodies
            assert all(answer.status == 200 and answer.latency_ns > 0 for answer in answers)


def test_a_request_says_what_http_asks_for() -> None:
    seen: list[bytes] = []

    def talk(stream: socket.socket) -> None:
        while request := read_request(stream):
            seen.append(request)
            stream.sendall(OK)

    with listen(talk) as port:
        with connect(port, 1) as client:
            client.exchange([client.prepare("POST", "/v1/predict/delay", b"{}"), client.prepare("GET", "/v1/status")])
        host = f"host: 127.0.0.1:{port}".encode()
    first, second = (request.split(b"\r\n") for request in seen)
    assert first[0] == b"POST /v1/predict/delay HTTP/1.1"
    assert host in first
    assert b"content-length: 2" in first
    assert first[-1] == b"{}"
    assert second[0] == b"GET /v1/status HTTP/1.1"


def test_connections_are_kept() -> None:
    opened: list[int] = []

    def talk(stream: socket.socket) -> None:
        opened.append(1)
        echo(stream)

    with listen(talk) as port, connect(port, 2) as client:
        for _ in range(20):
            client.exchange([client.prepare("POST", "/", b"a"), client.prepare("POST", "/", b"b")])
    assert len(opened) == 2


@pytest.fixture(scope="module")
def pieces_port() -> Generator[int]:
    """Serve what a request's body asks for: the bytes of an answer, in pieces."""

    def talk(stream: socket.socket) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while request := read_request(stream):
            for piece in msgspec.json.decode(request.partition(b"\r\n\r\n")[2], type=list[bytes]):
                stream.sendall(piece)

    with listen(talk) as port:
        yield port


@given(cuts=st.lists(st.integers(1, 60), max_size=6), body=st.binary(max_size=40))
def test_an_answer_is_read_whole_however_it_arrives(pieces_port: int, cuts: list[int], body: bytes) -> None:
    whole = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: x\r\nCONTENT-LENGTH: %d\r\n\r\n" % len(body) + body
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[low:high] for low, high in pairwise(places)]
    with connect(pieces_port, 1) as client:
        for answer in client.exchange([client.prepare("POST", "/", msgspec.json.encode(pieces))] * 2):
            assert (answer.status, answer.body) == (503, body)


def test_a_connection_that_the_server_ends_after_its_answer_is_opened_again() -> None:
    def talk(stream: socket.socket) -> None:
        read_request(stream)
        stream.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")

    with listen(talk) as port, connect(port, 2) as client:
        answers = client.exchange([client.prepare("GET", "/")] * 7)
    assert [answer.status for answer in answers] == [200] * 7


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"220 mail.example.com ready\r\n\r\n",
        OK + OK,
    ],
    ids=["nothing", "half", "no length", "another version", "another protocol", "too much"],
)
def test_what_is_no_answer_is_said(said: bytes) -> None:
    def talk(stream: socket.socket) -> None:
        read_request(stream)
        stream.sendall(said)

    with listen(talk) as port, connect(port, 1) as client:
        with pytest.raises(ShipwayError) as caught:
            client.exchange([client.prepare("GET", "/"), client.prepare("GET", "/")])
        assert caught.value.code == "SW-801"


def test_a_server_that_is_silent_is_not_waited_for_without_end() -> None:
    over = threading.Event()

    def talk(stream: socket.socket) -> None:
        read_request(stream)
        over.wait()

    with listen(talk) as port:
        with connect(port, 2, timeout_s=0.05) as client, pytest.raises(ShipwayError, match=r"no answer for 0\.05 s"):
            client.exchange([client.prepare("GET", "/")])
        over.set()


def test_where_nobody_listens_that_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(ShipwayError, match="Connection refused") as caught:
        HttpClient("127.0.0.1", port)
    assert caught.value.code == "SW-801"


def test_clients_do_not_share_anything() -> None:
    def ask(name: int) -> bool:
        with connect(port) as client:
            body = str(name).encode()
            return all(
                answer.body == body
                for _ in range(50)
                for answer in client.exchange([client.prepare("POST", "/", body)])
            )

    with listen(echo) as port, ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))
