"""What each version did since it was loaded: requests, rows, and where their time went."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Final, TypeAlias

from shipway.core.inference import BatchStatistics, Duration, InferStatistics, ModelStatistics

_EXACT: Final = 64
"""Sizes of predictions that are counted each by itself; larger ones by the next power of two."""


Run: TypeAlias = tuple[int, int, int, int, int, int]
"""A prediction of several requests together: how many; the sum of the instants at which they came, nanoseconds; how
many rows they had, and how many of these failed; when they had been predicted, and when their answers were written."""


@dataclass(slots=True)
class _Sum:
    count: int = 0
    ns: int = 0

    def add(self, ns: int, count: int = 1) -> None:
        self.count += count
        self.ns += ns

    @property
    def said(self) -> Duration:
        return Duration(count=self.count, ns=self.ns)


@dataclass(slots=True)
class _Batch:
    input: _Sum = field(default_factory=_Sum)
    infer: _Sum = field(default_factory=_Sum)
    output: _Sum = field(default_factory=_Sum)


@dataclass(slots=True)
class Tally:
    """What one version did; any thread may add to it.

    Attributes:
        now: tells the present, microseconds since 1970 UTC.
    """

    now: Callable[[], int]
    _success: _Sum = field(default_factory=_Sum)
    _fail: _Sum = field(default_factory=_Sum)
    _queue: _Sum = field(default_factory=_Sum)
    _whole: _Batch = field(default_factory=_Batch)
    _sizes: dict[int, _Batch] = field(default_factory=dict[int, _Batch])
    _rows: int = 0
    _runs: int = 0
    _last_us: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def succeed(self, rows: int, marks: tuple[int, int, int, int]) -> None:
        """Count a request that was answered.

        Args:
            rows: how many it had.
            marks: when it came, was read, was predicted and was written, by `time.perf_counter_ns`.
        """
        came, read, predicted, written = marks
        size = rows if rows <= _EXACT else 1 << (rows - 1).bit_length()
        with self._turn:
            self._success.add(written - came)
            self._queue.count += 1
            self._rows += rows
            self._runs += 1
            self._last_us = self.now()
            batch = self._sizes.get(size)
            if batch is None:
                batch = self._sizes[size] = _Batch()
            for part in (self._whole, batch):
                part.input.add(read - came)
                part.infer.add(predicted - read)
                part.output.add(written - predicted)

    def add(self, runs: Sequence[Run]) -> None:
        """Count requests that were predicted together, run by run; one in which rows failed counts as not answered."""
        with self._turn:
            self._last_us = self.now()
            for requests, came_ns, rows, failed, predicted_ns, written_ns in runs:
                waited = written_ns * requests - came_ns
                if failed:
                    self._fail.add(waited, requests)
                    continue
                self._success.add(waited, requests)
                self._queue.count += requests
                self._rows += rows
                self._runs += 1
                size = rows if rows <= _EXACT else 1 << (rows - 1).bit_length()
                batch = self._sizes.get(size)
                if batch is None:
                    batch = self._sizes[size] = _Batch()
                read, written = predicted_ns * requests - came_ns, (written_ns - predicted_ns) * requests
                for part, count in ((self._whole, requests), (batch, 1)):
                    part.infer.add(read, count)
                    part.input.count += count
                    part.output.add(written, count)

    def fail(self, came_ns: int) -> None:
        """Count a request that was not, and when it came."""
        with self._turn:
            self._fail.add(perf_counter_ns() - came_ns)
            self._last_us = self.now()

    def describe(self, model: str, number: int) -> ModelStatistics:
        """Return what was counted.

        Args:
            model: the model's name.
            number: its version.
        """
        with self._turn:
            whole = InferStatistics(
                success=self._success.said,
                fail=self._fail.said,
                queue=self._queue.said,
                compute_input=self._whole.input.said,
                compute_infer=self._whole.infer.said,
                compute_output=self._whole.output.said,
            )
            batches = tuple(
                BatchStatistics(
                    batch_size=size,
                    compute_input=batch.input.said,
                    compute_infer=batch.infer.said,
                    compute_output=batch.output.said,
                )
                for size, batch in sorted(self._sizes.items())
            )
            return ModelStatistics(
                name=model,
                version=str(number),
                last_inference=self._last_us // 1_000,
                inference_count=self._rows,
                execution_count=self._runs,
                inference_stats=whole,
                batch_stats=batches,
            )


class Statistics:
    """The tallies of all versions."""

    def __init__(self, now: Callable[[], int]) -> None:
        """Start with nothing counted.

        Args:
            now: tells the present, microseconds since 1970 UTC.
        """
        self._now = now
        self._tallies: dict[tuple[str, int], Tally] = {}

    def of(self, model: str, number: int) -> Tally:
        """Return the tally of a version, a new one where it did nothing yet."""
        tally = self._tallies.get((model, number))
        if tally is None:
            tally = self._tallies[model, number] = Tally(self._now)
        return tally

    def forget(self, model: str, number: int) -> None:
        """Drop the tally of a version that was unloaded."""
        self._tallies.pop((model, number), None)
