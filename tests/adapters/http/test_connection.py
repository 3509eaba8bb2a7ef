"""Bytes in, bytes out: whatever a client sends, it is answered where that is possible at all."""

import json
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.http.limit import Limits

GET = b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n"


def answers(said):
    """Split what a server said into status, headers and body of each answer."""
    found = []
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        assert status.startswith("HTTP/1.1 "), said[:100]
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers["content-length"])
        assert len(rest) >= size
        found.append((int(status[9:12]), headers, rest[:size]))
        said = rest[size:]
    return found


def only(said):
    (one,) = answers(said)
    return one


def check_refused(said, status, word):
    found, headers, body = answers(said)[-1]
    document = json.loads(body)
    assert (found, document["code"], headers["connection"]) == (status, "SW-802", "close")
    assert word in document["fact"]
    assert document["hint"]


def test_request_is_handed_on(echo):
    status, headers, body = only(
        echo.speak(b"POST /a/b?c=d HTTP/1.1\r\nHost: x\r\nX-Y: z\r\ncontent-length: 3\r\n\r\nabc")
    )
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert headers["x-echo"] == "1"
    assert headers["date"].endswith("GMT")
    assert json.loads(body) == {
        "method": "POST", "path": "/a/b", "body": "abc", "headers": {"host": "x", "x-y": "z", "content-length": "3"},
    }  # fmt: skip


def test_connection_stays_open_between_requests(echo):
    with echo.connect() as connection:
        for number in range(5):
            connection.sendall(GET % str(number).encode())
            status, _, body = only(connection.recv(1 << 16))
            assert (status, json.loads(body)["path"]) == (200, f"/{number}")


def test_pipelined_requests_are_answered_in_order(echo):
    found = answers(echo.speak(b"".join(GET % str(number).encode() for number in range(50))))
    assert [json.loads(body)["path"] for _, _, body in found] == [f"/{number}" for number in range(50)]
    assert [headers.get("connection") for _, headers, _ in found[:-1]] == [None] * 49


def test_many_requests_at_once_are_no_large_one(echo):
    """What came together is larger than a head may be, and no head in it is."""
    requests = [GET % str(number).encode() for number in range(500)]
    found = answers(echo.speak(b"".join(requests)[:-10], requests[-1][-10:]))
    assert [status for status, _, _ in found] == [200] * 500


def test_answers_wait_for_those_before_them(own_echo):
    with own_echo.connect() as connection:
        for name in (b"a", b"b", b"c"):
            connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\nx-name: %b\r\n\r\n" % name)
        connection.sendall(b"GET /d HTTP/1.1\r\nhost: x\r\n\r\n")
        while len(own_echo.held) < 3 or len(own_echo.calls) < 4:
            time.sleep(0.01)
        own_echo.release()
        said = b""
        while said.count(b"HTTP/1.1") < 4:
            said += connection.recv(1 << 16)
        assert [body for _, _, body in answers(said)][:3] == [b"a", b"b", b"c"]


def test_no_more_is_read_than_may_be_open(own_echo):
    hold = b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n"
    with own_echo.connect() as connection:
        connection.sendall(hold * 4)
        while len(own_echo.held) < 4:
            time.sleep(0.01)
        connection.sendall(hold)
        time.sleep(0.2)
        assert len(own_echo.held) == 4
        own_echo.release()
        while len(own_echo.calls) < 5:
            time.sleep(0.01)
        own_echo.release()


@given(st.lists(st.integers(1, 60), max_size=8))
@settings(max_examples=40)
def test_pieces_of_any_size_are_one_request(echo, sizes):
    request = b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\nhello world" + GET % b"y"
    parts = []
    for size in sizes:
        parts.append(request[:size])
        request = request[size:]
    found = answers(echo.speak(*filter(None, [*parts, request])))
    assert [json.loads(body)["path"] for _, _, body in found] == ["/x", "/y"]
    assert json.loads(found[0][2])["body"] == "hello world"


def test_chunked_body(echo):
    chunks = b"3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\ntrailer: x\r\n\r\n"
    said = echo.speak(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)
    document = json.loads(only(said)[2])
    assert document["body"] == "abcdefg"
    assert "trailer" not in document["headers"]


def test_old_clients_are_answered(echo):
    assert only(echo.speak(b"GET / HTTP/1.0\r\n\r\n", end=False))[1]["connection"] == "close"
    said = echo.speak(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", end=False)
    assert [headers["connection"] for _, headers, _ in answers(said)] == ["keep-alive", "close"]


def test_connection_is_closed_where_the_client_wants_it(echo):
    said = echo.speak(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", end=False)
    assert only(said)[1]["connection"] == "close"


def test_expected_body_is_asked_for(echo):
    with echo.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert json.loads(only(connection.recv(1 << 16))[2])["body"] == "ok"


@pytest.mark.parametrize("body", [b"", b"hello"])
@pytest.mark.parametrize("cut", [0, 3])
def test_wish_for_another_protocol_is_passed_over(echo, body, cut):
    """The HTTP client of Java asks for HTTP/2 with every first request, also with a body."""
    head = (
        b"POST /j HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAM\r\n"
    )
    rest = b"content-length: %d\r\n\r\n%b" % (len(body), body)
    whole = head + rest + GET % b"next"
    parts = [whole] if not cut else [whole[: len(head) + len(rest) - cut], whole[len(head) + len(rest) - cut :]]
    found = answers(echo.speak(*parts))
    assert [json.loads(said)["path"] for _, _, said in found] == ["/j", "/next"]
    assert json.loads(found[0][2])["body"] == body.decode()


def test_head_has_no_body(echo):
    said = echo.speak(b"HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert body == b""
    assert b"content-length: " in head


@pytest.mark.parametrize(
    ("data", "status", "word"),
    [
        (b"hello\r\n\r\n", 400, "no HTTP request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "no HTTP request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "no HTTP request"),
        (b"FETCH / HTTP/1.1\r\nhost: x\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "no header host"),
        (b"GET /\r\n\r\n", 400, "HTTP/0.9"),
        (b"GET / HTTP/3.0\r\nhost: x\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\nhost x\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\na: \x00\r\n\r\n", 400, "no HTTP request"),
        (b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n", 405, "no proxy"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400, "no HTTP request"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", 400, "no HTTP request"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n", 413, "1,000 bytes"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n" + b"x" * 1001, 413, "1,000 bytes"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + b"64\r\n" + b"x" * 100 + b"\r\n"
         + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", 413, "1,000 bytes"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400, "no HTTP request"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
         400, "no HTTP request"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 400, "no HTTP request"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 2_001, 431, "2,000 bytes"),
        (b"GET /" + b"x" * 2_001, 431, "2,000 bytes"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", 400, "in the middle"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc", 400, "in the middle"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab", 400, "in the middle"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(echo, data, status, word):
    check_refused(echo.speak(data), status, word)
    before = answers(echo.speak(GET % b"before" + data))
    assert before[0][0] == 200
    check_refused(echo.speak(GET % b"before" + data), status, word)
    assert only(echo.speak(GET % b"after"))[0] == 200


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=60)
def test_any_bytes_are_answered(echo, data):
    """Whatever is not only line ends gets an answer, and the server lives on."""
    said = echo.speak(data)
    if data.strip(b"\r\n"):
        assert all(status in (200, 400, 405, 431) for status, _, _ in answers(said))
        assert said
    assert only(echo.speak(GET % b"after"))[0] == 200


def test_refused_client_that_goes_on_sending_can_read_why(echo):
    with echo.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000000\r\n\r\n")
        for _ in range(300):
            try:
                connection.sendall(b"x" * 100_000)
            except ConnectionError:
                break
        said = b""
        while data := connection.recv(1 << 16):
            said += data
    check_refused(said, 413, "1,000 bytes")


def test_slow_request_is_refused(echo):
    with echo.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nho")
        said = b""
        while data := connection.recv(1 << 16):
            said += data
    check_refused(said, 408, "not whole")


def test_idle_connection_is_closed(echo):
    with echo.connect() as connection:
        connection.sendall(GET % b"x")
        assert only(connection.recv(1 << 16))[0] == 200
        assert connection.recv(1 << 16) == b""


def test_mistake_of_the_handler_is_an_answer(echo):
    status, _, body = answers(echo.speak(GET % b"fail" + GET % b"next"))[0]
    assert (status, json.loads(body)["code"]) == (500, "internal")


def test_client_that_goes_away_is_no_error(own_echo):
    with own_echo.connect() as connection:
        connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n")
        while not own_echo.held:
            time.sleep(0.01)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    time.sleep(0.1)
    own_echo.release()
    assert only(own_echo.speak(GET % b"after"))[0] == 200


def test_large_answer_arrives_whole(start_echo):
    # However slowly this machine reads: the limits of the others end a client that takes a second.
    with start_echo(Limits()).connect() as connection:
        connection.sendall(GET % b"large" + GET % b"next")
        time.sleep(0.3)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while data := connection.recv(1 << 20):
            said += data
    first, second = answers(said)
    assert len(first[2]) == 5_000_000
    assert second[0] == 200


def test_client_that_never_reads_is_cut_off(own_echo):
    with own_echo.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(GET % b"large" * 4)
        until = time.monotonic() + 20
        while not own_echo.http.connections:
            assert time.monotonic() < until
        while own_echo.http.connections:
            assert time.monotonic() < until
            time.sleep(0.05)
