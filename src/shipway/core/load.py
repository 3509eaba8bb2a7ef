"""Loads: the pattern of requests that is put on something that answers, and what came of it.

A load is open: when each request is due was fixed before, and its latency counts from then. A service that stalls is
charged with every request that was due meanwhile, which a client that waits for answers would not have sent
(coordinated omission).
"""

import math
from collections.abc import Callable
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.latency import Machine
from shipway.kit.suggestion import did_you_mean
from shipway.maths.arrival import Arrivals, Stretch

PatternName: TypeAlias = Literal["steady", "ramp", "spike", "steps", "soak"]
PATTERNS: Final[tuple[PatternName, ...]] = get_args(PatternName)
QUANTILES: Final = (0.5, 0.9, 0.95, 0.99, 0.999)
"""Which quantiles of the latency are told."""
LONGEST_S: Final = 7 * 86_400.0
MOST_RATE: Final = 1e6
SLOWEST_SEND_MS: Final = 1.0
"""A generator that sends within this time of the instant is on time, whatever the latency."""
SEND_SHARE: Final = 0.1
"""What the timing error may come to of the latency that is told."""

REFUSED, CLOSED, SILENT, GARBLED, RAISED = -1, -2, -3, -4, -5
"""Outcomes of a request that has no answer; of one that has, the outcome is its status."""
FAULTS: Final[dict[int, str]] = {
    REFUSED: "no connection",
    CLOSED: "connection closed",
    SILENT: "no answer in time",
    GARBLED: "answer not HTTP",
    RAISED: "call failed",
}
"""Outcome to what people call it."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """Requests over time.

    Attributes:
        name: what people call it; `replay` for one that was logged.
        stretches: the rate, piece by piece; of a replay one whose rate is that on average.
        arrivals: `poisson`, `constant`, or `logged`.
        seed: of a Poisson process.
    """

    name: str
    stretches: tuple[Stretch, ...]
    arrivals: Arrivals | Literal["logged"] = "poisson"
    seed: int = 1

    @property
    def seconds(self) -> float:
        """Return how long it lasts."""
        return sum(each.seconds for each in self.stretches)

    @property
    def expected(self) -> float:
        """Return how many requests are expected of it."""
        return sum(each.expected for each in self.stretches)

    @property
    def said(self) -> str:
        """Return the pattern as one clause."""
        rates = [each.start for each in self.stretches] + [self.stretches[-1].end]
        low, high = min(rates), max(rates)
        span = f"{high:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}"
        return f"{self.name}, {span} requests/s for {self.seconds:g} s, {self.arrivals} arrivals"


def make_pattern(
    name: str, rate: float, seconds: float, *, peak: float | None = None, arrivals: str = "poisson", seed: int = 1
) -> Pattern:
    """Build a pattern by its name.

    Args:
        name: `steady`; `soak`, the same for long; `ramp`, straight from the rate to the peak; `steps`, to the peak in
            five steps; `spike`, at the peak in the middle fifth and at the rate around it.
        rate: requests a second, at the begin where it changes.
        seconds: how long it lasts.
        peak: the rate it goes to; ten times the rate where None.
        arrivals: `poisson` or `constant`.
        seed: of a Poisson process.

    Raises:
        ShipwayError: SW-104 for another pattern or other arrivals, SW-441 for a rate or a time that nothing can be
            measured at.
    """
    if arrivals not in get_args(Arrivals):
        raise ShipwayError("SW-104", f"requests do not arrive {arrivals!r}", did_you_mean(arrivals, get_args(Arrivals)))
    if name not in _SHAPES:
        raise ShipwayError("SW-104", f"there is no pattern {name!r}", did_you_mean(name, PATTERNS, most=len(PATTERNS)))
    top = rate * 10 if peak is None else peak
    if not (0 < rate <= MOST_RATE and 0 < top <= MOST_RATE):
        fact = f"a load of {rate:g} requests/s up to {top:g}"
        raise ShipwayError("SW-441", fact, f"give rates above 0, and no more than {MOST_RATE:,.0f} a second")
    if not (0 < seconds <= LONGEST_S and math.isfinite(seconds)):
        raise ShipwayError("SW-441", f"a load of {seconds:g} s", "let it last for longer than nothing, a week at most")
    return Pattern(name=name, stretches=_SHAPES[name](rate, top, seconds), arrivals=arrivals, seed=seed)  # type: ignore[arg-type]


def _steady(rate: float, _peak: float, seconds: float) -> tuple[Stretch, ...]:
    return (Stretch(seconds, rate, rate),)


def _ramp(rate: float, peak: float, seconds: float) -> tuple[Stretch, ...]:
    return (Stretch(seconds, rate, peak),)


def _spike(rate: float, peak: float, seconds: float) -> tuple[Stretch, ...]:
    around = Stretch(seconds * 0.4, rate, rate)
    return (around, Stretch(seconds * 0.2, peak, peak), around)


def _steps(rate: float, peak: float, seconds: float) -> tuple[Stretch, ...]:
    levels = [rate + (peak - rate) * step / 4 for step in range(5)]
    return tuple(Stretch(seconds / 5, level, level) for level in levels)


_SHAPES: Final[dict[str, Callable[[float, float, float], tuple[Stretch, ...]]]] = {
    "steady": _steady,
    "ramp": _ramp,
    "spike": _spike,
    "steps": _steps,
    "soak": _steady,
}


class Quantile(msgspec.Struct, frozen=True, kw_only=True):
    """A quantile of latencies with its 95 % interval.

    Attributes:
        share: which one, .95 for the 95th percentile.
        ms: the quantile.
        low_ms: lower end.
        high_ms: upper end; None where the slowest requests are too few to say, or have no answer.
        sent_ms: the same quantile counted from when requests were really sent, which leaves out what they waited for
            in the client.
    """

    share: float
    ms: float
    low_ms: float
    high_ms: float | None
    sent_ms: float

    @property
    def said(self) -> str:
        """Return the quantile as one clause."""
        high = "..." if self.high_ms is None else f"{self.high_ms:.3g}"
        return f"p{self.share * 100:g} {self.ms:.3g} ms [{self.low_ms:.3g}, {high}]"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How well the generator kept to its plan.

    Attributes:
        p50_ms: median of how late requests were taken up by the generator.
        p99_ms: 99th percentile of it.
        worst_ms: the latest.
        cpu_share: processor time of the generator's process by real time; above .9 it is at its limit.
    """

    p50_ms: float
    p99_ms: float
    worst_ms: float
    cpu_share: float


class LoadWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time of a load, by when requests were due.

    Attributes:
        at_s: its begin, from the begin of the load.
        due: requests that were due a second.
        answered: of these, those that were answered well.
        failed: those that were not.
        p50_ms: median latency; None where nothing was answered.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
    """

    at_s: float
    due: float
    answered: float
    failed: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a load came to.

    Attributes:
        target: what was asked, as people call it.
        pattern: the plan.
        machine: where the generator ran, and the target too if that is local.
        local: whether the target is on the same machine.
        connections: how many could be open.
        timeout_s: after what time a request was given up.
        warm_s: how much of the begin is left out of everything below.
        seconds: how long the rest lasted.
        requests: how many were due in it.
        intended: requests a second that were due.
        achieved: requests a second that were sent by its end.
        answered: requests a second that were answered well.
        failed: how many were not answered, or with an error.
        failed_high: upper end of the 95 % interval of their share.
        errors: how many of each kind.
        waited: how many waited for one of the connections to be free.
        quantiles: of the latency of what was answered well, counted from when each was due.
        worst_ms: the slowest answer.
        timing: how well the generator kept to its plan.
        doubt: why this is not to be trusted; empty where it is.
        windows: the course of it.
        bins: the histogram: upper middle of each bin that is not empty, in ms, and how many are in it.
    """

    target: str
    pattern: Pattern
    machine: Machine
    local: bool
    connections: int
    timeout_s: float
    warm_s: float
    seconds: float
    requests: int
    intended: float
    achieved: float
    answered: float
    failed: int
    failed_high: float
    errors: dict[str, int]
    waited: int
    quantiles: tuple[Quantile, ...]
    worst_ms: float
    timing: Timing
    doubt: str
    windows: tuple[LoadWindow, ...]
    bins: tuple[tuple[float, int], ...]

    def find(self, share: float) -> Quantile:
        """Return a quantile; KeyError where it was not asked for."""
        for each in self.quantiles:
            if each.share == share:
                return each
        raise KeyError(share)

    @property
    def failed_share(self) -> float:
        """Return the share of requests that were not answered well."""
        return self.failed / self.requests if self.requests else math.nan


def name_outcome(outcome: int) -> str:
    """Return what people call an outcome."""
    return FAULTS.get(outcome) or f"status {outcome}"


def is_good(outcome: int) -> bool:
    """Tell whether a request was answered without an error."""
    return 200 <= outcome < 400
