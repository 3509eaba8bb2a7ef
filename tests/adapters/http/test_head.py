"""A request whose head was read before is cut out unread, and nobody can tell."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shipway.adapters.http import head as module
from shipway.adapters.http.call import Opening
from shipway.adapters.http.connection import Connection
from shipway.adapters.http.head import Head, Heads
from shipway.adapters.http.limit import Limits, OpenDoor
from shipway.adapters.http.parser import Parser
from shipway.adapters.http.state import State

LIMITS = Limits(body_bytes=64, head_bytes=400, held_bytes=200, pipelined=3)
POST = b"POST /v2/models/a/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
WHOLE = [
    POST,
    POST.replace(b"abc", b"xyz"),
    POST.replace(b"abc", b"\r\n\r"),
    b"POST /v2/models/a/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Key: k\r\n\r\n12345",
    b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n",
    b"\r\nGET /v2?a=b HTTP/1.1\r\nhost: x\r\n\r\n",
    b"HEAD /v2 HTTP/1.1\r\nhost: x\r\nconnection: keep-alive\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\na",
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
]
LAST = [
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 65\r\n\r\n" + b"a" * 65,
    b"POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\na",
    b"nonsense\r\n\r\n",
    POST[:-1],
]


class Transport:
    """Keeps what is written."""

    def __init__(self):
        self.said, self.closed, self.reading = b"", False, True

    def write(self, data):
        self.said += data

    def close(self):
        self.closed = True

    def write_eof(self):
        self.closed = True

    def can_write_eof(self):
        return True

    def is_closing(self):
        return self.closed

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def abort(self):
        self.closed = True


class FullDoor:
    """A door that is closed to predictions."""

    unread = (b"POST /v2/models/",)
    refusal = b'{"error": "full"}'
    retry_s = 1
    full = True

    def __init__(self):
        self.count = 0

    def count_unread(self, requests):
        self.count += requests


def talk(pieces, heads, *, later, door=None):
    """Return what a connection hands on and answers, for a client that sends some bytes."""
    seen, calls, door = [], [], door or OpenDoor()

    def handle(call):
        if door.full and f"{call.method} {call.path}".encode().startswith(door.unread):
            # What stands behind the door refuses in the same words those that were read.
            door.count_unread(1)
            call.answer(503, door.refusal, headers=[("retry-after", str(door.retry_s))])
            return
        seen.append((call.method, call.path, call.headers, call.body))
        if later:
            calls.append(call)
        else:
            call.answer(200, call.body)

    state = State(handle, LIMITS, door)
    state.heads, state.opening = heads, Opening(b"now")
    transport, connection = Transport(), Connection(state)
    connection.connection_made(transport)
    for piece in pieces:
        if not transport.closed:
            connection.data_received(piece)
    while calls:
        call = calls.pop()
        call.answer(200, call.body)
    # Who sent its body unasked may be told to go on, or not.
    said = transport.said.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"").replace(b"date: now\r\n", b"")
    # Whether more would be read of a connection that is closed is nobody's matter.
    return seen, said, transport.closed, transport.reading or transport.closed, state.held_bytes


def cut(data, places):
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[first:last] for first, last in pairwise(edges)]


@given(
    st.lists(st.sampled_from(WHOLE), max_size=8),
    st.sampled_from([b"", *LAST]),
    st.lists(st.integers(0, 2_000), max_size=6),
    st.booleans(),
)
@example([POST] * 8, b"", [], True)
@example([POST] * 2, LAST[2], [len(POST)], False)
@settings(max_examples=300)
def test_whether_a_head_is_known_changes_nothing(whole, last, places, later):
    pieces, full, also = cut(b"".join([*whole, last]), places), FullDoor(), FullDoor()
    known = Heads(FullDoor.unread)
    for each in (WHOLE + LAST) * 2:
        talk([each], known, later=False)
    assert known.known
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Heads, "learn", lambda self, data, head: None)
        expected = talk(pieces, Heads(), later=later)
        refused = talk(pieces, Heads(), later=later, door=full)
    assert talk(pieces, known, later=later) == expected
    assert talk(pieces, Heads(), later=later) == expected
    # What is read of a request that is not whole may be held until it is.
    cut_anyhow = talk(pieces, known, later=later, door=also)[:4]
    assert cut_anyhow == talk([*whole, last], known, later=later, door=FullDoor())[:4]
    if all(each.startswith(FullDoor.unread) for each in (*whole, last or POST)):
        assert (cut_anyhow, also.count) == (refused[:4], full.count)


@pytest.mark.parametrize("door", [None, FullDoor()])
def test_only_the_request_that_is_cut_off_is_read_by_the_parser(door, monkeypatch):
    known, parsed, feed = Heads(FullDoor.unread), [], Parser.read
    for _ in range(2):
        talk([POST], known, later=False)
    monkeypatch.setattr(Parser, "read", lambda self, data: (parsed.append(data), feed(self, data))[1])
    many = POST * 60
    for place in range(1, len(POST)):
        parsed.clear()
        talk([many[: 20 * len(POST) + place], many[20 * len(POST) + place :]], known, later=False, door=door)
        # Where the cut goes through the end of the head, the parser is given the next one too.
        assert b"".join(parsed) in (POST * 2, POST, b"")


def test_a_client_that_does_not_read_is_written_no_more():
    calls, transport = [], Transport()
    connection = Connection(State(calls.append, LIMITS, OpenDoor()))
    connection.connection_made(transport)
    connection.pause_writing()
    connection.data_received(POST * 9)
    assert not calls
    connection.resume_writing()
    assert len(calls) == 9


def test_bodies_count_as_held_until_they_are_answered_though_the_client_is_gone():
    calls = []
    state = State(calls.append, LIMITS, OpenDoor())
    connection = Connection(state)
    connection.connection_made(Transport())
    connection.data_received(POST * 2 + POST[:-1])
    assert state.held_bytes == 8
    connection.connection_lost(None)
    assert state.held_bytes == 6
    for call in calls:
        call.answer(200, b"")
    assert state.held_bytes == 0


def test_nothing_is_taken_after_the_last_request_of_a_connection():
    known = Heads()
    for _ in range(2):
        talk([POST], known, later=False)
    closing = b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    seen, said, closed, *_ = talk([closing, POST], known, later=True)
    assert (len(seen), said.count(b"HTTP/1.1 200"), closed) == (1, 1, True)


def test_an_answer_on_its_way_is_waited_for_though_what_followed_was_no_http():
    calls, transport = [], Transport()
    connection = Connection(State(calls.append, LIMITS, OpenDoor()))
    connection.connection_made(transport)
    connection.data_received(POST)
    connection.data_received(b"nonsense\r\n\r\n")
    assert connection.eof_received() is True
    calls[0].answer(200, b"")
    assert transport.said.startswith(b"HTTP/1.1 200")


def test_a_head_that_came_twice_is_not_read_again():
    heads, read = Heads(), []
    state = State(lambda call: (read.append(call.head), call.answer(200, b"{}")), LIMITS, OpenDoor())
    state.heads = heads
    for _ in range(3):
        connection = Connection(state)
        connection.connection_made(Transport())
        connection.data_received(POST)
        connection.data_received(POST.replace(b"abc", b"def"))
    assert len(read) == 6
    assert len(set(map(id, read))) == 2, "the first came only once then"
    assert list(heads.known) == [POST[: POST.index(b"\r\n\r\n")]]


@pytest.mark.parametrize("data", [*WHOLE[7:], *LAST])
def test_what_leaves_a_question_open_is_not_remembered(data):
    heads = Heads()
    for _ in range(3):
        talk([data], heads, later=False)
    assert not heads.known


def test_what_was_worked_out_of_a_head_goes_with_it():
    heads, known = Heads(), []

    def handle(call):
        known.append(call.known)
        call.known = "worked out"
        call.answer(200, b"{}")

    state = State(handle, LIMITS, OpenDoor())
    state.heads = heads
    connection = Connection(state)
    connection.connection_made(Transport())
    for data in (POST, POST, POST, WHOLE[3]):
        connection.data_received(data)
    assert known == [None, None, "worked out", None]


def test_heads_that_do_not_come_again_push_nothing_out():
    heads = Heads()
    for _ in range(2):
        talk([POST], heads, later=False)
    for number in range(2 * module.MOST_SEEN):
        data = b"GET / HTTP/1.1\r\nhost: x\r\ntraceparent: %d\r\n\r\n" % number
        heads.learn(data, Head("GET", "/", {"host": "x", "traceparent": str(number)}))
    assert list(heads.known) == [POST[: POST.index(b"\r\n\r\n")]]
    assert len(heads._seen) <= module.MOST_SEEN


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_HEADS", 3)
    heads = Heads()
    for number in (each // 2 for each in range(20)):
        heads.learn(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number, Head("GET", f"/{number}", {}))
        assert len(heads.known) <= 3
    for _ in range(2):
        heads.learn(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 2_048 + b"\r\n\r\n", Head("GET", "/", {}))
    assert all(len(head) <= 2_048 for head in heads.known)
