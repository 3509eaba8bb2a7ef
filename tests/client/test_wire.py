"""Answers, however they are cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.client.wire import Receiver

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y:  z \r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\ntrailer: 1\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN


@given(said=st.sampled_from([PLAIN, CHUNKED, CONTINUED]), cuts=st.lists(st.integers(0, 90), max_size=6))
def test_an_answer_is_the_same_however_it_comes(said, cuts):
    receiver, replies, before = Receiver(), [], 0
    for cut in sorted({min(cut, len(said)) for cut in [*cuts, 90]}):
        if cut > before:
            replies.append(receiver.feed(said[before:cut]))
            before = cut
    *nothing, reply = replies
    assert nothing == [None] * len(nothing)
    assert (reply.status, reply.body, reply.keeps) == (200, b"hello", True)
    assert receiver.begun is False


def test_headers_are_found_by_their_names():
    reply = Receiver().feed(PLAIN)
    assert (reply.header("x-y"), reply.header("content-length"), reply.header("y")) == ("z", "5", None)


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"HTTP/1.1 204 No\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
    ],
)
def test_a_connection_is_kept_only_if_the_server_keeps_it(head, keeps):
    assert Receiver().feed(head).keeps is keeps


def test_without_a_length_the_end_of_the_connection_is_the_end():
    receiver = Receiver()
    assert receiver.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert receiver.feed(b"lo") is None
    reply = receiver.feed(b"")
    assert (reply.body, reply.keeps) == (b"hello", False)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        PLAIN + b"more",
        CHUNKED + b"more",
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_refused(said):
    with pytest.raises(ValueError):
        Receiver().feed(said)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1", PLAIN[:-1], CHUNKED[:-3]])
def test_an_answer_that_ends_too_early_is_refused(said):
    receiver = Receiver()
    if said:
        assert receiver.feed(said) is None
    with pytest.raises(ValueError, match="before its answer was whole"):
        receiver.feed(b"")
