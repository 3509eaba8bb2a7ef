"""What follows the answers of models that do not say one number a row: the log, and what the other version says.

The other version is asked in later turns of the loop, a few rows at a time, or in a thread where it takes long, and one
after the other. It never writes to a caller. Where more rows or bytes wait for it than may, they are not predicted, and
counted.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np

from shipway.core.tensor import MATRIX
from shipway.serving.ask import Ask, list_rows
from shipway.serving.feed import read_again
from shipway.serving.heard import (
    Heard,
    hold_outcome,
    keep_rows,
    list_kept,
    log_inputs,
    log_outcome,
)
from shipway.serving.meter import Counts, Meters
from shipway.serving.outcome import Outcome, Run, execute, plan_keyed, plan_sent, read_tensors
from shipway.serving.record import NOTHING, Held
from shipway.serving.refusal import RefusedError
from shipway.serving.shadow import GATHER_S, MERGED_ROWS, SHADOW_ROWS, WAITING_ROWS
from shipway.serving.version import Served, Version

WAITING_BYTES: Final = 64 << 20
"""Bytes of tensors and bodies that may wait for their shadow."""

Heavy = Callable[[Version, int], bool]
"""Tells whether a version takes so long for some rows that it is asked in a thread."""
Note = Callable[[Served, Version, Sequence[Ask], Outcome], None]
"""Told what a version predicted in shadow."""
_Found = tuple[Run, Outcome, Held]
"""Requests, what a version said of them, and that as it waits for the log."""


class Echoes:
    """Logs what was answered, and has it predicted by the other version, in turns of the loop after that."""

    def __init__(self, counts: Counts, meters: Meters, heavy: Heavy) -> None:
        """Start with nothing to do.

        Args:
            counts: is told of every row predicted in shadow.
            meters: are told of them by version.
            heavy: tells what is predicted in a thread.
        """
        self._counts = counts
        self._meters = meters
        self._heavy = heavy
        self._answered: list[Heard] = []
        self._timer: asyncio.TimerHandle | None = None
        self._planned = False
        self._waiting: deque[tuple[Heard, Version]] = deque()
        self._waiting_rows = self._waiting_bytes = 0
        self._thread: ThreadPoolExecutor | None = None
        self.note: Note | None = None
        self._pending: tuple[Heard, Version, Future[list[_Found]]] | None = None

    @property
    def waiting_rows(self) -> int:
        """Return how many rows wait for their shadow."""
        return self._waiting_rows

    def follow(self, heard: Heard) -> None:
        """Take requests whose callers have their answers; the answers leave first."""
        self._answered.append(heard)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._go_on)

    def settle(self) -> None:
        """Log and predict in shadow everything that was taken, before returning."""
        self._log_answered()
        while self._pending is not None or self._waiting:
            if self._pending is not None:
                self._pending[2].exception()
                self._collect()
            else:
                self._cast(threads=False)

    def close(self) -> None:
        """Let go of the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    def _go_on(self) -> None:
        self._planned = False
        self._log_answered()
        self._cast(threads=True)
        self._plan()

    def _plan(self) -> None:
        if self._waiting and self._pending is None and not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _log_answered(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answered, self._answered = self._answered, []
        for heard in answered:
            log_inputs(heard)
            number = heard.version.variant.version
            log_outcome(heard.served, number, "live", heard.run, heard.outcome, heard.version, said=heard.said)
            if heard.other is not None:
                self._take(heard, heard.other)

    def _take(self, heard: Heard, version: Version) -> None:
        """Let requests wait for their shadow, as far as they are to have one and there is room."""
        share = heard.served.routing.terms.shadow
        if share <= 0:
            self._counts.shadow_spared += heard.run.rows
            return
        if share < 1:
            whole, heard = heard.run.rows, _spare(heard)
            self._counts.shadow_spared += whole - heard.run.rows
            if not heard.run.asks:
                return
        rows, size = heard.run.rows, heard.bytes
        if self._waiting_rows + rows > WAITING_ROWS or self._waiting_bytes + size > WAITING_BYTES:
            self._counts.shadow_dropped += rows
            return
        self._waiting_rows += rows
        self._waiting_bytes += size
        self._waiting.append((heard, version))

    def _cast(self, *, threads: bool) -> None:
        done = 0
        while self._waiting and done < SHADOW_ROWS and self._pending is None:
            heard, version = self._next()
            if threads and self._heavy(version, heard.run.rows):
                self._start(heard, version)
                return
            self._note(heard, version, _echo(version, plan_echo(heard, version)))
            done += heard.run.rows

    def _next(self) -> tuple[Heard, Version]:
        """Take what waits longest, and with it what can be predicted in one run."""
        heard, version = self._waiting.popleft()
        some = [heard]
        rows = heard.run.rows
        while self._waiting and _alike(heard, version, *self._waiting[0]):
            rows += self._waiting[0][0].run.rows
            if rows > MERGED_ROWS:
                break
            some.append(self._waiting.popleft()[0])
        self._waiting_bytes -= sum(one.bytes for one in some)
        return (heard if len(some) == 1 else _join(some)), version

    def _start(self, heard: Heard, version: Version) -> None:
        """Predict in the thread; what follows is done in the loop."""
        loop = asyncio.get_running_loop()
        runs = plan_echo(heard, version)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        future = self._thread.submit(_echo, version, runs)
        self._pending = heard, version, future

        def told(ended: Future[list[_Found]]) -> None:
            loop.call_soon_threadsafe(self._collect, ended)

        future.add_done_callback(told)

    def _collect(self, ended: Future[list[_Found]] | None = None) -> None:
        """Note what the thread found, unless that was done before."""
        if self._pending is None or (ended is not None and self._pending[2] is not ended):
            return
        (heard, version, future), self._pending = self._pending, None
        self._note(heard, version, future.result())
        self._plan()

    def _note(self, heard: Heard, version: Version, found: Sequence[_Found]) -> None:
        failed = sum(len(outcome.errors) for _, outcome, _ in found)
        for run, outcome, said in found:
            if self.note is not None:
                self.note(heard.served, version, run.asks, outcome)
            log_outcome(heard.served, version.variant.version, "shadow", run, outcome, version, said=said)
        rows = heard.run.rows
        self._waiting_rows -= rows
        self._counts.shadowed += rows
        self._counts.shadow_failed += failed
        meter = self._meters.of(heard.served.routing.service, version.model, version.variant.version)
        meter.shadowed += rows
        meter.shadow_failed += failed


def plan_echo(heard: Heard, version: Version) -> list[Run]:
    """Return what another version is asked of requests, from the same tensors or vectors if both read the same."""
    run, other = heard.run, heard.version
    if run.asks[0].sent is None:
        return plan_keyed(version, run.asks, read_again(heard.served, version, other, run.asks))
    read, due = other.interface, version.interface
    if read is not None and due is not None and read.form == due.form and run.error is None:
        return [Run(run.asks, run.rows, run.tensors)]
    runs: list[Run] = []
    for ask in run.asks:
        again = Ask(ask.call, ask.service, ask.request, {}, ask.at, sent=ask.sent, rows=ask.rows)
        try:
            if version.bundle is not None:
                again.sent = read_tensors(ask.call, version, ask.rows)
        except RefusedError as refusal:
            again.place, again.sent = refusal.error, ask.sent
        # What is logged belongs to the request itself.
        runs += [Run([ask], one.rows, one.tensors, one.error) for one in plan_sent(version, [again])]
    return runs


def _echo(version: Version, runs: Sequence[Run]) -> list[_Found]:
    """Predict what another version answered; any thread may."""
    found: list[_Found] = []
    for run in runs:
        for one, outcome in execute(version, run):
            interface = version.interface if outcome.outputs else None
            said = NOTHING if interface is None else hold_outcome(interface, outcome, list_kept(one))
            found.append((one, outcome, said))
    return found


def _alike(heard: Heard, version: Version, other: Heard, another: Version) -> bool:
    """Tell whether requests that wait can be predicted with those before them."""
    interface = version.interface
    return (
        another is version
        and other.served is heard.served
        and other.version is heard.version
        and interface is not None
        and interface.matrix
        and heard.version.interface is not None
        and heard.version.interface.form == interface.form
        and (other.run.error or heard.run.error) is None
        and (other.run.asks[0].sent is None) == (heard.run.asks[0].sent is None)
    )


def _spare(heard: Heard) -> Heard:
    """Return the part of what was answered whose units both versions predict."""
    run, shadows = heard.run, heard.served.routing.shadows
    chosen = [shadows(ask.unit) for ask in run.asks]
    rows = [row for row, ask in enumerate(list_rows(run.asks)[0]) if shadows(ask.unit)]
    asks = [ask for ask, each in zip(run.asks, chosen, strict=True) if each]
    part = Run(asks, len(rows), keep_rows(run.tensors, rows), run.error)
    return heard if all(chosen) else Heard(heard.served, heard.version, part, heard.outcome)


def _join(some: Sequence[Heard]) -> Heard:
    first = some[0]
    asks = [ask for one in some for ask in one.run.asks]
    x = np.concatenate([one.run.tensors[MATRIX] for one in some])
    return Heard(first.served, first.version, Run(asks, len(x), {MATRIX: x}), first.outcome)
