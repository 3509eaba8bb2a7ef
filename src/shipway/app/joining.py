"""How a stream that is followed joins the online store, leaves it, and joins it again."""

import time
from collections.abc import Callable
from typing import Final

from shipway.app.current import CurrentStore, Mark, OpenStore, SteadySink, join_store
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.consumer import Consumer
from shipway.data.sink import LakeSink

RETRY_S: Final = 10.0
"""How long after the store could not be kept that is tried again."""
REFILL_S: Final = 600.0
"""How often the store may be built anew because of changes that reach further back than it does."""


class Joined:
    """What one stream has to do with the online store.

    The lake never waits for the store. What the store refuses is told, and tried again after a while from what the lake
    has by then.

    Attributes:
        sinks: where changes go beside the lake; none while the store is not joined.
    """

    def __init__(self, current: CurrentStore, raw: Raw, tell: Callable[[str], None]) -> None:
        """Begin apart.

        Args:
            current: the store that counts.
            raw: the stream.
            tell: told what happens, in words.
        """
        self.sinks: list[SteadySink] = []
        self._current = current
        self._raw = raw
        self._tell = tell
        self._mark: Mark | None = None
        self._store: OpenStore | None = None
        self._waits = False
        self._retry_s: float | None = None
        self._refilled_s = -REFILL_S
        self._fault: ShipwayError | None = None
        self._named = ""

    def begin(self, lake: LakeSink) -> None:
        """Join the store that counts, if there is one and the lake has something of the stream.

        A store that cannot be brought up to the lake is built anew first.
        """
        if self._retry_s is not None and not self._is_time:
            return
        self._leave()
        self._retry_s = None
        try:
            found = self._join(lake) if self._raw.online else []
            if found is None:
                self._refill()
                found = self._join(lake)
        except ShipwayError as error:
            self._give_up(error)
            return
        self._fault, self.sinks = None, found or []
        if self._store is not None and self.sinks and self._store.name != self._named:
            self._named = self._store.name
            names = ", ".join(sink.source for sink in self.sinks)
            self._tell(f"{names} in online store {self._store.name} goes on from what the lake has")

    def is_over(self, consumer: Consumer, lake: LakeSink, *, ending: bool = False) -> bool:
        """Tell whether the store is to be left once what was read is in the lake, to be joined anew.

        Args:
            consumer: what reads the stream.
            lake: where it goes in any case.
            ending: whether nothing is read after this, so that nobody would build the store anew later on.
        """
        if self._retry_s is not None:
            return self._is_time
        if not self._raw.online:
            return False
        if self._current.mark != self._mark or (self._waits and lake.begun):
            return True
        if any(sink.stuck for sink in self.sinks):
            return not consumer.partial
        if not any(sink.late for sink in self.sinks):
            return False
        return ending or time.monotonic() - self._refilled_s >= REFILL_S

    def refuse(self) -> None:
        """Raise what stands in the way of the store, for somebody who does not wait until it is tried again."""
        if self._fault is not None:
            raise self._fault

    def close(self) -> None:
        """Leave the store."""
        self._leave()

    @property
    def _is_time(self) -> bool:
        return self._retry_s is not None and (time.monotonic() >= self._retry_s or self._current.mark != self._mark)

    def _join(self, lake: LakeSink) -> list[SteadySink] | None:
        """Return the sinks of the store that counts; None where it has to be built anew."""
        self._mark = self._current.mark
        self._waits = self._mark is not None and not lake.begun
        if self._mark is None or self._waits:
            return []
        try:
            self._store = self._current.take(self._mark)
        except ShipwayError as error:
            if error.code != "SW-805":
                raise
            # It was filled from whole tables, while nothing followed a stream.
            return None if self._current.is_fed_by(self._raw) else []
        return [] if self._store is None else join_store(self._store, self._raw)

    def _refill(self) -> None:
        """Build another store in the place of one that cannot be kept up by changes."""
        self._leave()
        self._refilled_s = time.monotonic()
        with self._current.refilling:
            # Another stream may have done it meanwhile.
            if self._current.mark == self._mark:
                self._tell("the online store is built anew from what the lake has")
                materialise(find_project(self._current.root, upward=False), anew=True)

    def _give_up(self, error: ShipwayError) -> None:
        """Do without the store for a while."""
        self._leave()
        if self._fault is None or self._fault.fact != error.fact:
            self._tell(f"the online store is not kept up: {error.code} {error.fact}; {error.hint}")
        self._fault = error
        self._retry_s = time.monotonic() + RETRY_S

    def _leave(self) -> None:
        self.sinks = []
        if self._store is not None:
            self._current.give(self._store)
            self._store = None
