"""The conformance suite of the port Inbox."""

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.kit.canonical import digest_bytes
from shipway.ports.inbox import Inbox
from shipway.testing.refusal import expect_refusal


@dataclass(frozen=True, slots=True)
class Post:
    """An inbox with nothing in it, and how a run sees what comes into it.

    Attributes:
        open: opens the inbox, every time the same one.
        read: returns the rows of all pieces, in the order in which a run takes them in.
    """

    open: Callable[[], Inbox]
    read: Callable[[], Sequence[tuple[object, ...]]]


Make = Callable[[], Post]
"""Makes an inbox of its own."""

Case = Callable[[Make], None]


def check_bodies_are_read_in_the_order_of_arrival(make: Make) -> None:
    """What comes later is read later, whatever the clock says and whoever opened the inbox."""
    post = make()
    inbox, body = post.open(), b'{"id": 2}\n{"id": 3}\n'
    assert inbox.put(body, ".jsonl", at=5) == (digest_bytes(body), 2, True)
    assert inbox.put(b'{"id": 1}\n', ".jsonl", at=4).new
    assert post.open().put(gzip.compress(b'{"id": 0}\n', mtime=0), ".jsonl.gz", at=3)[1:] == (1, True)
    assert list(post.read()) == [(2,), (3,), (1,), (0,)]


def check_the_same_body_is_kept_once(make: Make) -> None:
    """Sending a body again changes nothing, from where it was sent and elsewhere."""
    post = make()
    found = [inbox.put(b'{"id": 1}', ".jsonl", at=at).new for inbox in (post.open(), post.open()) for at in (1, 2)]
    assert found[0] is True
    assert found[1] is False
    assert post.open().put(b'{"id": 1}', ".jsonl", at=9).new is False
    assert list(post.read()) == [(1,)]


def check_what_is_not_whole_leaves_nothing(make: Make) -> None:
    """A body without rows, cut short or of another format is refused, and the next one is taken."""
    post = make()
    inbox = post.open()
    for body, ending, code in (
        (b"", ".jsonl", "SW-204"),
        (b"id\n", ".csv", "SW-204"),
        (b'{"id": 1', ".jsonl", "SW-201"),
        (b"id,v\n1\n", ".csv", "SW-201"),
        (b"PAR1", ".parquet", "SW-201"),
        (gzip.compress(b"id\n1\n", mtime=0)[:-3], ".csv.gz", "SW-201"),
    ):
        with expect_refusal(code):
            inbox.put(body, ending, at=1)
        assert list(post.read()) == []
    assert inbox.put(b'{"id": 7}', ".jsonl", at=2).new
    assert list(post.read()) == [(7,)]


CASES: Final[tuple[Case, ...]] = (
    check_bodies_are_read_in_the_order_of_arrival,
    check_the_same_body_is_kept_once,
    check_what_is_not_whole_leaves_nothing,
)
"""Every case of the suite."""
