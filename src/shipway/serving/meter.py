"""What the server counts of itself, and how long its callers waited over the last minutes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

WINDOW_S: Final = 300
"""Seconds that quantiles look back, and at most one slot more."""
_SLOT_S: Final = 60
BOUNDS_US: Final = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000)
"""Upper bounds of the waits that are counted, microseconds."""
SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128)
"""Upper bounds of the rows predicted together that are counted."""
_FRESH: Final = 1_024
"""Waits that are counted together."""
_RATIO: Final = math.log(1.02)
_BINS: Final = 932
"""Bins of 2 % from 1 microsecond to 100 seconds."""


@dataclass(slots=True)
class Counts:
    """Requests since the server started.

    Attributes:
        answered: got a prediction.
        failed: got none, because the version that was to answer failed.
        refused: were not valid.
        shadowed: were also predicted by the other version.
        shadow_failed: the other version failed on.
        shadow_dropped: were not predicted by the other version, because too many waited for it.
        shadow_spared: were not, because the service has it predict a share of its units only.
        inferred: rows predicted from vectors that callers sent.
        looked_up: rows answered with features.
        fell_back: got what the service falls back to; those that failed are counted there as well.
        shed: requests refused with 503, because the server had as much to answer as it takes.
        limited: refused with 429, because the model or the caller had too many in flight.
        late: refused with 504, because the caller's time was over.
        denied: refused with 401 or 403, because the caller's key does not allow them.
    """

    answered: int = 0
    failed: int = 0
    refused: int = 0
    shadowed: int = 0
    shadow_failed: int = 0
    shadow_dropped: int = 0
    shadow_spared: int = 0
    inferred: int = 0
    looked_up: int = 0
    fell_back: int = 0
    shed: int = 0
    limited: int = 0
    late: int = 0
    denied: int = 0


@dataclass(slots=True)
class Waits:
    """How long callers waited, as counts in bins whose edges grow by 2 %, one set for each minute.

    Waits are kept as they come, and counted many at a time.

    Attributes:
        seconds: real time.
    """

    seconds: Callable[[], float]
    _fresh: list[int] = field(default_factory=list[int])
    _slot: int = 0
    _slots: dict[int, NDArray[np.int64]] = field(default_factory=dict[int, NDArray[np.int64]])

    def add(self, waits_us: list[int]) -> None:
        """Count what some callers waited, in microseconds."""
        slot = int(self.seconds()) // _SLOT_S
        if slot != self._slot or len(self._fresh) >= _FRESH:
            self._count()
            self._slot = slot
        self._fresh += waits_us

    def quantiles(self, shares: tuple[float, ...]) -> list[int | None]:
        """Return for each share the wait in microseconds that it did not exceed, within 2 %; None without callers."""
        self._count()
        oldest = int(self.seconds()) // _SLOT_S - WINDOW_S // _SLOT_S
        bins = sum((b for at, b in self._slots.items() if at >= oldest), start=np.zeros(_BINS, dtype=np.int64)).tolist()
        total = sum(bins)
        return [_quantile(bins, share * total) if total else None for share in shares]

    def _count(self) -> None:
        """Count the waits that were not counted yet."""
        if not self._fresh:
            return
        waits, self._fresh = np.array(self._fresh), []
        places = np.minimum((np.log(np.maximum(waits, 1)) / _RATIO).astype(np.int64), _BINS - 1)
        counted = np.bincount(places, minlength=_BINS)
        before = self._slots.get(self._slot)
        self._slots[self._slot] = counted if before is None else before + counted
        for old in [at for at in self._slots if at <= self._slot - 1 - WINDOW_S // _SLOT_S]:
            del self._slots[old]


@dataclass(slots=True)
class Meter:
    """What one version did under a service's name since the server started.

    Attributes:
        answered: rows that got a prediction.
        failed: rows it failed on.
        runs: predictions of several rows together.
        shadowed: rows it predicted in shadow.
        shadow_failed: rows it failed on there.
    """

    answered: int = 0
    failed: int = 0
    runs: int = 0
    shadowed: int = 0
    shadow_failed: int = 0
    _sizes: list[int] = field(default_factory=lambda: [0] * (len(SIZES) + 1))
    _waits: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BOUNDS_US) + 1, dtype=np.int64))
    _waited_us: int = 0
    _fresh: list[int] = field(default_factory=list[int])

    def add(self, rows: int, failed: int, waits_us: list[int]) -> None:
        """Count rows that were predicted together, and what their callers waited."""
        self.answered += rows - failed
        self.failed += failed
        self.runs += 1
        self._sizes[min((rows - 1).bit_length() if rows else 0, len(SIZES))] += 1
        self._fresh += waits_us
        if len(self._fresh) >= _FRESH:
            self._count()

    @property
    def sizes(self) -> list[int]:
        """Return how many runs had at most as many rows as each of `SIZES`, and how many there were."""
        return list(accumulate(self._sizes))

    @property
    def waits(self) -> tuple[list[int], float]:
        """Return how many callers waited at most as long as each of `BOUNDS_US`, all of them, and their seconds."""
        self._count()
        return np.cumsum(self._waits).tolist(), self._waited_us / 1e6

    def _count(self) -> None:
        fresh, self._fresh = np.array(self._fresh, dtype=np.int64), []
        self._waits += np.bincount(np.searchsorted(BOUNDS_US, fresh), minlength=len(BOUNDS_US) + 1)
        self._waited_us += int(fresh.sum())


class Meters:
    """The meters of all versions, by service, model and version; a version loaded again goes on with its own."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self.known: dict[tuple[str, str, int], Meter] = {}

    def of(self, service: str, model: str, version: int) -> Meter:
        """Return the meter of a version under a service's name."""
        meter = self.known.get((service, model, version))
        if meter is None:
            meter = self.known[service, model, version] = Meter()
        return meter


def _quantile(bins: list[int], rank: float) -> int:
    seen = 0
    for place, count in enumerate(bins):
        seen += count
        if seen >= rank and count:
            return round(math.exp((place + 1) * _RATIO))
    raise AssertionError("a rank is at most the number of counts")
