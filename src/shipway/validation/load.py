"""What became of the requests of a load: taken down as they end, and told with intervals.

Whatever the load, memory is bounded: a few thousand requests as they are, and a histogram for each of some hundred
windows of time. Latencies count from when a request was due. Their intervals rest on batches of time, because requests
that follow one another are slow together (`shipway.maths.share`).
"""

import resource
from array import array
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.latency import Machine
from shipway.core.load import (
    QUANTILES,
    SEND_SHARE,
    SLOWEST_SEND_MS,
    Load,
    LoadWindow,
    Pattern,
    Quantile,
    Timing,
    name_outcome,
)
from shipway.maths.histogram import BINS, bin_middles, count_above, find_bins, find_quantile
from shipway.maths.share import Share, batched_share

MOST_WINDOWS: Final = 240
LEAST_WINDOW_S: Final = 0.1
BATCHES: Final = 20
"""Stretches of time that intervals rest on; ten to thirty is what is advised (Schmeiser 1982, Oper. Res. 30)."""
_HELD: Final = 8_192
"""Requests that are held as they are until they are counted."""
_MS: Final = 1e6
_S: Final = 1e9

Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a load was put.

    Attributes:
        target: what was asked.
        pattern: the plan.
        machine: where the generator ran.
        local: whether the target is on the same machine.
        connections: how many could be open.
        timeout_s: after what time a request was given up.
        warm_s: how much of the begin is left out.
    """

    target: str
    pattern: Pattern
    machine: Machine
    local: bool
    connections: int
    timeout_s: float
    warm_s: float


class Recorder:
    """Takes down what became of the requests of one load."""

    def __init__(self, conditions: Conditions) -> None:
        """Begin with none."""
        self._conditions = conditions
        seconds = conditions.pattern.seconds
        self._count = int(min(MOST_WINDOWS, max(1.0, seconds / LEAST_WINDOW_S + 1e-9)))
        self._width_ns = seconds * _S / self._count
        self._warm_ns = int(conditions.warm_s * _S)
        self._end_ns = int(seconds * _S)
        self._latency = np.zeros((self._count, BINS), dtype=np.uint32)
        self._sent = np.zeros(BINS, dtype=np.int64)
        self._late = np.zeros(BINS, dtype=np.int64)
        self._due = np.zeros(self._count, dtype=np.int64)
        self._failed = np.zeros(self._count, dtype=np.int64)
        self._outcomes: dict[int, int] = {}
        self._waited = self._on_time = 0
        self._worst_ns = self._latest_ns = 0
        self._held = tuple(array("q") for _ in range(5))
        self._began = perf_counter_ns()
        self._spent = _read_cpu_s()

    def note(self, due: int, taken: int, sent: int, done: int, outcome: int) -> None:
        """Take down one request, times in nanoseconds from the begin of the load."""
        a, b, c, d, e = self._held
        a.append(due)
        b.append(taken)
        c.append(sent)
        d.append(done)
        e.append(outcome)
        if len(a) >= _HELD:
            self._count_held()

    def finish(self) -> Load:
        """Return what the load came to."""
        self._count_held()
        cpu_share = (_read_cpu_s() - self._spent) / max((perf_counter_ns() - self._began) / _S, 1e-9)
        given, first = self._conditions, self._first
        seconds = (self._count - first) * self._width_ns / _S
        requests, failed = int(self._due[first:].sum()), int(self._failed[first:].sum())
        latency: Counts = self._latency[first:].sum(axis=0, dtype=np.int64)
        timing = Timing(
            p50_ms=find_quantile(self._late, 0.5) / _MS,
            p99_ms=find_quantile(self._late, 0.99) / _MS,
            worst_ms=self._latest_ns / _MS,
            cpu_share=cpu_share,
        )
        windows = self._latency[first:]
        quantiles = tuple(self._find(share, windows) for share in QUANTILES) if latency.any() else ()
        filled = np.flatnonzero(latency)
        middles = bin_middles() / _MS
        return Load(
            target=given.target,
            pattern=given.pattern,
            machine=given.machine,
            local=given.local,
            connections=given.connections,
            timeout_s=given.timeout_s,
            warm_s=first * self._width_ns / _S,
            seconds=seconds,
            requests=requests,
            intended=requests / seconds,
            achieved=self._on_time / seconds,
            answered=(requests - failed) / seconds,
            failed=failed,
            failed_high=self.share_failed().high,
            errors={name_outcome(outcome): count for outcome, count in sorted(self._outcomes.items())},
            waited=self._waited,
            quantiles=quantiles,
            worst_ms=self._worst_ns / _MS,
            timing=timing,
            doubt=self._doubt(timing, quantiles, requests),
            windows=tuple(self._window(place, middles) for place in range(self._count)),
            bins=tuple((float(middles[place]), int(latency[place])) for place in filled),
        )

    def share_slow(self, limit_ms: float) -> tuple[Counts, Counts]:
        """Return by batch how many requests had no good answer within a limit, and how many there were."""
        slow = count_above(self._latency[self._first :], limit_ms * _MS) + self._failed[self._first :]
        return self._batch(slow), self._batch(self._due[self._first :])

    def count_failed(self) -> tuple[Counts, Counts]:
        """Return by batch how many requests had no good answer, and how many there were."""
        return self._batch(self._failed[self._first :]), self._batch(self._due[self._first :])

    def share_failed(self) -> Share:
        """Return which share of the requests had no good answer, with its interval."""
        return batched_share(*self.count_failed())

    @property
    def _first(self) -> int:
        """Return the first window that counts: what begins in the warm-up does not, as long as anything is left."""
        return min(int(np.ceil(self._warm_ns / self._width_ns - 1e-9)), self._count - 1)

    def _batch(self, of: Counts) -> Counts:
        """Add windows up into as many batches as intervals rest on, or leave them where there are fewer."""
        starts = np.unique(np.linspace(0, of.size, min(BATCHES, of.size) + 1).astype(np.int64)[:-1])
        return np.add.reduceat(of, starts)

    def find_promised(self, share: float) -> Quantile:
        """Return a quantile of all requests, infinite where it is among those that failed: they are slower than any."""
        windows = self._latency[self._first :].astype(np.int64)
        # The last bin is of what took 275 s and more, which has no other end either.
        windows[:, -1] += self._failed[self._first :]
        found, last_ms = self._find(share, windows), float(bin_middles()[-1]) / _MS
        ms, low, high = (
            float("inf") if each is not None and each >= last_ms else each
            for each in (found.ms, found.low_ms, found.high_ms)
        )
        return msgspec.structs.replace(found, ms=ms, low_ms=low, high_ms=high)

    def _find(self, share: float, windows: Counts) -> Quantile:
        """Return a quantile with its interval: that of the share above it, read as durations.

        Woodruff 1952, "Confidence intervals for medians and other position measures", J. Am. Stat. Assoc. 47.
        """
        latency: Counts = windows.sum(axis=0, dtype=np.int64)
        ns = find_quantile(latency, share)
        above = self._batch(count_above(windows, ns))
        found = batched_share(above, self._batch(windows.sum(axis=1, dtype=np.int64)))
        # The bin of the quantile straddles the share; what is moved is the interval about it.
        spread = found.value - (1 - share)
        low, high = 1 - (found.high - spread), 1 - (found.low - spread)
        return Quantile(
            share=share,
            ms=ns / _MS,
            low_ms=min(find_quantile(latency, max(low, 0.0)), ns) / _MS,
            high_ms=None if high >= 1 or found.low <= 0 else max(find_quantile(latency, high), ns) / _MS,
            sent_ms=find_quantile(self._sent, share) / _MS,
        )

    def _window(self, place: int, middles: NDArray[np.float64]) -> LoadWindow:
        counts, width_s = self._latency[place], self._width_ns / _S
        reached = np.cumsum(counts)
        good = int(reached[-1])

        def find(share: float) -> float | None:
            rank = max(int(np.ceil(share * good)), 1)
            return float(middles[int(np.searchsorted(reached, rank))]) if good else None

        due, failed = int(self._due[place]), int(self._failed[place])
        return LoadWindow(
            at_s=round(place * width_s, 6),
            due=due / width_s,
            answered=(due - failed) / width_s,
            failed=failed / width_s,
            p50_ms=find(0.5),
            p95_ms=find(0.95),
            p99_ms=find(0.99),
        )

    def _doubt(self, timing: Timing, quantiles: tuple[Quantile, ...], requests: int) -> str:
        """Return why the load is not what was planned; empty where it is."""
        if not requests:
            return "no request was due after the warm-up"
        told = next((each.ms for each in quantiles if each.share == 0.95), 0.0)
        most = max(SLOWEST_SEND_MS, SEND_SHARE * told)
        if timing.p99_ms > most:
            return (
                f"the generator fell behind: one request in a hundred was taken up {timing.p99_ms:.3g} ms late or "
                f"later, and no more than {most:.3g} ms is trusted"
            )
        return ""

    def _count_held(self) -> None:
        if not self._held[0]:
            return
        due, taken, sent, done, outcome = (np.array(each, dtype=np.int64) for each in self._held)
        for each in self._held:
            del each[:]
        window = np.minimum((due / self._width_ns).astype(np.int64), self._count - 1)
        good = (outcome >= 200) & (outcome < 400)
        counted = window >= self._first
        np.add.at(self._due, window, 1)
        np.add.at(self._failed, window[~good], 1)
        np.add.at(self._latency, (window[good], find_bins(done[good] - due[good])), 1)
        self._sent += np.bincount(find_bins((done - sent)[good & counted]), minlength=BINS)
        self._late += np.bincount(find_bins((taken - due)[counted]), minlength=BINS)
        self._waited += int((sent > taken + int(_MS))[counted].sum())
        self._on_time += int((sent[counted] <= self._end_ns).sum())
        if counted.any():
            self._latest_ns = max(self._latest_ns, int((taken - due)[counted].max()))
            self._worst_ns = max(self._worst_ns, int((done - due)[good & counted].max(initial=0)))
        for code, count in zip(*np.unique(outcome[counted & ~good], return_counts=True), strict=True):
            self._outcomes[int(code)] = self._outcomes.get(int(code), 0) + int(count)


def _read_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
