"""Spans' way out of the process: what was noted gathers in memory, and one thread makes spans of it and sends them.

Nobody who is answered waits for a collector. Where that is slow or away, what was noted is kept up to a bound, and what
is beyond is dropped and counted.
"""

import logging
import threading
from collections import deque
from random import random
from time import monotonic, perf_counter_ns, time_ns
from typing import Final

import msgspec

from shipway.core.span import Span
from shipway.ports.span import Delivery, Spans
from shipway.serving.sampling import Sampling
from shipway.serving.span import Door, make_spans
from shipway.serving.trace import Aside, Trace

_FIRST_PAUSE_S: Final = 1.0
"""How long it waits before it sends again what was not taken; twice as long each time after."""

logger: Final = logging.getLogger(__name__)


class SpanState(msgspec.Struct, frozen=True, kw_only=True):
    """How the sending of spans stands.

    Attributes:
        waiting: not sent yet.
        sent: that the collector took.
        dropped: lost, because too many waited.
        failed: lost, because the collector did not take them.
        error: what was wrong with the last attempt; None if nothing was.
    """

    waiting: int
    sent: int
    dropped: int
    failed: int
    error: str | None


class Exporter:
    """One thread that sends the spans of everything that is traced."""

    def __init__(self, spans: Spans, sampling: Sampling, door: Door) -> None:
        """Start the thread.

        Args:
            spans: takes them to who collects them.
            sampling: how many may wait, and for how long.
            door: where requests come in.
        """
        self._spans = spans
        self._sampling = sampling
        self._door = door
        self._noted: deque[Trace | Aside] = deque()
        self._lock = threading.Lock()
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._until = 0.0
        self._waiting = self._sent = self._dropped = self._failed = 0
        self._error: str | None = None
        self._thread = threading.Thread(target=self._send_all, name="spans", daemon=True)
        self._thread.start()

    @property
    def state(self) -> SpanState:
        """Return how the sending stands."""
        with self._lock:
            return SpanState(
                waiting=self._waiting,
                sent=self._sent,
                dropped=self._dropped,
                failed=self._failed,
                error=self._error,
            )

    def put(self, noted: Trace | Aside) -> None:
        """Take what was noted, or drop and count it if too much waits."""
        count = noted.count
        with self._lock:
            if self._waiting + count > self._sampling.queue:
                self._dropped += count
                return
            self._waiting += count
            self._noted.append(noted)
        if self._waiting >= self._sampling.batch:
            self._due.set()

    def stop(self, timeout_s: float) -> bool:
        """Send what waits, and end; tell whether all of it was taken.

        Args:
            timeout_s: how long that may take.
        """
        lost = self._failed
        self._until = monotonic() + timeout_s
        self._stopping.set()
        self._due.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self._waiting == 0 and self._failed == lost

    def _send_all(self) -> None:
        while True:
            self._due.wait(self._sampling.delay_s)
            self._due.clear()
            ending = self._stopping.is_set()
            while batch := self._take():
                self._send(batch)
            if ending:
                self._spans.close()
                return

    def _take(self) -> list[Span]:
        """Return the spans of the oldest that was noted, as many as are sent together."""
        offset_ns = time_ns() - perf_counter_ns()
        batch: list[Span] = []
        while self._noted and (not batch or len(batch) + self._noted[0].count <= self._sampling.batch):
            noted = self._noted.popleft()
            try:
                batch += make_spans(noted, self._door, offset_ns)
            except Exception:
                # The thread has to live on; that this one is lost, the counts say.
                logger.exception("no spans can be made of what was noted")
                self._count(Delivery(lost=noted.count, error="no spans could be made"), noted.count)
        return batch

    def _send(self, batch: list[Span]) -> None:
        """Send spans, again where that may help, until the time for it is over."""
        sampling, pause_s = self._sampling, _FIRST_PAUSE_S
        until = monotonic() + sampling.timeout_s
        while True:
            left_s = (min(until, self._until) if self._stopping.is_set() else until) - monotonic()
            if left_s <= 0:
                self._count(Delivery(lost=len(batch), error=self._error or "there was no time left"), len(batch))
                return
            delivery = self._try(batch, left_s)
            again_s = delivery.again_s
            if again_s is None:
                self._count(delivery, len(batch))
                return
            self._note(delivery.error)
            pause_s = max(again_s, pause_s * (0.8 + 0.4 * random()))
            if self._stopping.is_set() or monotonic() + pause_s >= until:
                self._count(delivery, len(batch))
                return
            self._stopping.wait(pause_s)
            pause_s *= 2

    def _try(self, batch: list[Span], left_s: float) -> Delivery:
        try:
            return self._spans.send(batch, self._sampling.resource, left_s)
        except Exception as error:
            logger.exception("spans cannot be sent")
            return Delivery(lost=len(batch), error=f"{type(error).__name__}: {error}")

    def _count(self, delivery: Delivery, spans: int) -> None:
        with self._lock:
            self._waiting -= spans
            self._failed += delivery.lost
            self._sent += spans - delivery.lost
        self._note(delivery.error)

    def _note(self, error: str) -> None:
        """Keep what was wrong; the server's log is told when something begins to be, and when it is over."""
        with self._lock:
            before, self._error = self._error, error or None
        if error and before is None:
            logger.warning("spans are not taken: %s", error)
        elif before is not None and not error:
            logger.warning("spans are taken again")
