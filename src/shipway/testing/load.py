"""The conformance suite of the port Generator: a target that answers, and what has to be noted of each request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from shipway.core.load import is_good
from shipway.ports.load import Generator

MS: Final = 1_000_000
Noted = tuple[int, int, int, int, int]

Make = Callable[[float, int], Generator]
"""Makes a generator whose target takes some seconds for each answer and answers all it is asked at the same time, with
some connections or workers."""
Case = Callable[[Make], None]


@dataclass(slots=True)
class Notebook:
    """Notes as they came."""

    notes: list[Noted] = field(default_factory=list[Noted])

    def note(self, due: int, taken: int, sent: int, done: int, outcome: int) -> None:
        """Take down one request."""
        self.notes.append((due, taken, sent, done, outcome))


def check_every_request_is_noted_once(make: Make) -> None:
    """Whatever the blocks they come in, each is noted with when it was due, and in the order of what happened to it."""
    book, due = Notebook(), np.arange(60, dtype=np.int64) * 2 * MS
    make(0.0, 4).run([due[:1], due[1:1], due[1:40], due[40:]], book)
    assert sorted(each[0] for each in book.notes) == due.tolist()
    for at, taken, sent, done, outcome in book.notes:
        assert at <= taken <= sent <= done
        assert is_good(outcome)


def check_none_waits_for_another(make: Make) -> None:
    """Requests that are due while others are open are sent all the same, which makes the load an open one."""
    book, due = Notebook(), np.arange(5, dtype=np.int64) * 10 * MS
    make(0.4, 8).run([due], book)
    first = min(done for _, _, _, done, _ in book.notes)
    assert len(book.notes) == len(due)
    assert all(sent < first for _, _, sent, _, _ in book.notes)


def check_what_waits_in_the_client_counts(make: Make) -> None:
    """With one connection requests wait for it, which is in their latency and no lateness of the generator."""
    book, due = Notebook(), np.zeros(3, dtype=np.int64)
    make(0.1, 1).run([due], book)
    done = sorted(each[3] for each in book.notes)
    assert [at // (100 * MS) >= place + 1 for place, at in enumerate(done)] == [True] * 3
    last = max(book.notes, key=lambda each: each[3])
    assert last[2] >= 200 * MS > last[1]


def check_nothing_due_is_nothing_sent(make: Make) -> None:
    """A load without requests ends by itself."""
    book = Notebook()
    make(0.0, 2).run([], book)
    make(0.0, 2).run([np.zeros(0, dtype=np.int64)], book)
    assert book.notes == []


CASES: Final[tuple[Case, ...]] = (
    check_every_request_is_noted_once,
    check_none_waits_for_another,
    check_what_waits_in_the_client_counts,
    check_nothing_due_is_nothing_sent,
)
