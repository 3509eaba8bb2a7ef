"""Requests that a full server refuses unread are told apart, answered in their place, and cost nothing more."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.http.glance import Glance, Refusal
from shipway.adapters.http.limit import Limits

ASK = b"POST /ask/%b HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"
REFUSAL = Refusal(b'{"code":"SW-801"}', 7)


def answers(said):
    """Split what was said by its status lines: the answer to a HEAD has a length and no body."""
    found = []
    for part in said.split(b"HTTP/1.1 ")[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found.append((int(lines[0][:3]), dict(line.split(": ", 1) for line in lines[1:]), body))
    return found


class Door:
    """A door that is closed by hand."""

    unread = (b"POST /ask/",)
    refusal = b'{"code":"SW-801"}'
    retry_s = 7
    full = False

    def __init__(self):
        self.count = 0

    def count_unread(self, requests):
        self.count += requests


@pytest.fixture(scope="module")
def door():
    return Door()


@pytest.fixture(scope="module")
def guarded(door, start_echo):
    return start_echo(Limits(body_bytes=1_000, head_bytes=2_000, request_s=1.0, linger_s=1.0), door)


@pytest.fixture(autouse=True)
def open_again(door):
    door.full = False
    yield
    door.full = False


@given(st.integers(1, 30), st.lists(st.integers(1, 80), max_size=30))
@settings(max_examples=60)
def test_pieces_of_any_size_are_as_many_requests(count, sizes):
    data = ASK % b"a" * count
    glance, said = Glance(REFUSAL), 0
    for size in [*sizes, len(data)]:
        piece, data = data[:size], data[size:]
        glance.feed(piece)
        refused = glance.take()
        said += 0 if refused is None else refused.count
    assert said == count
    assert not glance.inside


def test_a_full_server_says_so_to_each_and_goes_on_afterwards(guarded, door):
    seen, counted = len(guarded.calls), door.count
    door.full = True
    found = answers(guarded.speak(ASK % b"a" * 3))
    assert [(status, headers["retry-after"]) for status, headers, _ in found] == [(503, "7")] * 3
    assert [json.loads(body)["code"] for _, _, body in found] == ["SW-801"] * 3
    assert door.count == counted + 3
    assert len(guarded.calls) == seen
    door.full = False
    assert answers(guarded.speak(ASK % b"b"))[0][0] == 200


def test_what_may_not_be_refused_unread_is_read(guarded, door):
    door.full = True
    assert answers(guarded.speak(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"))[0][0] == 200


def test_refusals_wait_for_the_answers_before_them(guarded, door):
    with guarded.connect() as connection:
        connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\nx-name: first\r\n\r\n")
        while not guarded.held:
            time.sleep(0.01)
        door.full = True
        connection.sendall(ASK % b"a" * 2)
        time.sleep(0.1)
        guarded.release()
        said = b""
        while said.count(b"SW-801") < 2:
            said += connection.recv(1 << 16)
    assert [status for status, _, _ in answers(said)] == [200, 503, 503]


def test_a_request_that_began_in_a_full_server_is_refused_at_its_end(guarded, door):
    with guarded.connect() as connection:
        door.full = True
        connection.sendall((ASK % b"a")[:-3])
        time.sleep(0.1)
        door.full = False
        connection.sendall((ASK % b"a")[-3:])
        assert answers(connection.recv(1 << 16))[0][0] == 503
        connection.sendall(ASK % b"b")
        assert answers(connection.recv(1 << 16))[0][0] == 200


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (ASK % b"a" + b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n" + ASK % b"b", [503, 503, 503]),
        (b"POST /ask/ HTTP/1.0\r\ncontent-length: 0\r\n\r\n" + ASK % b"b", [503]),
        (ASK.replace(b"host: x", b"connection: close") % b"a" + ASK % b"b", [503]),
        (ASK.replace(b"host: x", b"connection: upgrade\r\nupgrade: h2c") % b"a" + ASK % b"b", [503]),
        (ASK % b"a" + b"nonsense\r\n\r\n", [503, 400]),
        (b"POST /ask/ HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", [400]),
        (b"POST /ask/ HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
        (ASK % b"a" + (ASK % b"b")[:-1], [503, 400]),
        (b"POST /ask/ HTTP/1.1\r\ncontent-length: 90000000\r\n\r\n" + b"x" * 20_000, [413]),
        (b"POST /ask/ HTTP/1.1\r\nx: " + b"x" * 20_000, [431]),
    ],
)
def test_odd_requests_are_told_apart_as_always(guarded, door, data, statuses):
    door.full = True
    said = guarded.speak(data)
    found = answers(said)
    assert [status for status, _, _ in found] == statuses
    # The client has said that it sends no more, so the last answer may end the connection, and no other.
    assert all("connection" not in headers for _, headers, _ in found[:-1])
    assert found[-1][0] == 503 or found[-1][1]["connection"] == "close"


def test_a_slow_one_is_refused_in_time(guarded, door):
    door.full = True
    with guarded.connect() as connection:
        connection.sendall((ASK % b"a")[:-3])
        said = b""
        while data := connection.recv(1 << 16):
            said += data
    assert answers(said)[0][0] == 408
