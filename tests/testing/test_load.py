"""The suite of generators refuses what is none: one that waits for answers, and one that forgets a request."""

import pytest

from shipway.core.error import ShipwayError
from shipway.testing import load as suite


class Closed:
    """Sends the next request when the one before it was answered, as closed loops do."""

    connections = 1

    def __init__(self, seconds):
        self.took = int(seconds * 1e9)

    def run(self, due, notes):
        now = 0
        for block in due:
            for at in block.tolist():
                now = max(now, at)
                notes.note(at, now, now, now + self.took, 200)
                now += self.took


class Forgetful:
    """Leaves out every tenth request."""

    connections = 9

    def run(self, due, notes):
        for number, at in enumerate(at for block in due for at in block.tolist()):
            if number % 10:
                notes.note(at, at, at, at, 200)


def test_closed_loop_is_refused():
    with pytest.raises(AssertionError):
        suite.check_none_waits_for_another(lambda seconds, _connections: Closed(seconds))


def test_lost_request_is_refused():
    with pytest.raises(AssertionError):
        suite.check_every_request_is_noted_once(lambda _seconds, _connections: Forgetful())


def test_what_never_answers_comes_out():
    def make(_seconds, _connections):
        raise ShipwayError("SW-442", "nobody answers", "start it")

    with pytest.raises(ShipwayError):
        suite.check_nothing_due_is_nothing_sent(make)
