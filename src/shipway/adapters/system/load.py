"""An open load on a function of this process: what a model takes without a server or a network around it."""

import threading
from collections.abc import Callable, Iterator
from time import perf_counter_ns, sleep
from typing import Final

from shipway.core.error import ShipwayError
from shipway.core.load import RAISED
from shipway.ports.load import Due, Notes

_EARLY_NS: Final = 150_000
"""How long before a request is due its thread stops to sleep and watches the clock: sleeping is not as exact."""
_GOOD: Final = 200


class CallLoad:
    """Calls a function when requests are due, on as many threads as calls may be open at a time."""

    def __init__(self, call: Callable[[int], object], *, workers: int = 1) -> None:
        """Keep what is called.

        Args:
            call: is given the number of each request, from 0 on; any of the threads calls it.
            workers: how many threads there are.
        """
        self._call = call
        self._workers = workers

    @property
    def connections(self) -> int:
        """Return how many calls may be open at a time."""
        return self._workers

    def run(self, due: Due, notes: Notes) -> None:
        """Put a load on the function."""
        try:
            self._call(0)
        except Exception as error:
            raise ShipwayError("SW-442", f"the first call failed ({error})", "mend what is called") from error
        lock, plan, began = threading.Lock(), enumerate(_flatten(due)), perf_counter_ns()

        def work() -> None:
            while True:
                with lock:
                    number, at = next(plan, (0, -1))
                if at < 0:
                    return
                taken, sent = _wait(at, began)
                outcome = self._ask(number)
                done = perf_counter_ns() - began
                with lock:
                    notes.note(at, taken, sent, done, outcome)

        threads = [threading.Thread(target=work, name=f"load {place}", daemon=True) for place in range(self._workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, number: int) -> int:
        try:
            self._call(number)
        except Exception:  # noqa: BLE001 (whatever the function raises)
            return RAISED
        return _GOOD


def _wait(at: int, began: int) -> tuple[int, int]:
    """Wait until a request is due, and return when it was taken up and when it is sent.

    One that was due before its thread was free has waited for a thread, which is no error of the clock.
    """
    now = perf_counter_ns() - began
    if now >= at:
        return at, now
    while (left := at - now) > 0:
        if left > _EARLY_NS:
            sleep((left - _EARLY_NS) / 1e9)
        now = perf_counter_ns() - began
    return now, now


def _flatten(due: Due) -> Iterator[int]:
    for block in due:
        yield from block.tolist()
