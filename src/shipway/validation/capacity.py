"""The largest rate at which an objective holds: about where it begins to fail, and the largest shown to pass.

A rate passes or fails where the interval of the share of late requests says so, and is tried again where it does not;
one that fails by little is tried again too, for a machine that stood still for a moment looks like one that has too
much to do. The limit is looked for by doubling, then by halving the ratio between a rate below it and one above: a rate
that is still undecided is close to it, and counts by the share that was seen. The end above is then tried anew: where
it passes, what was seen there before was a machine that stood still, not a limit, and the search goes on above it.
Where the limit lies is read from all rates together. Then a rate is tried for longer, on requests that had no part in
choosing it, and lowered until its whole interval passes: that is what is promised.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.capacity import Capacity, Objective, Probe
from shipway.core.gate import Outcome
from shipway.core.load import Load
from shipway.core.measure import count_needed
from shipway.maths.crossing import find_crossing
from shipway.maths.share import Share, batched_share

PRECISION: Final = 0.03
"""How close a rate below the limit and one above it have to come."""
REPEATS: Final = 3
LEAST_RATE: Final = 0.5
_PLAIN: Final = 0.5
"""A share of late requests from which on a failure needs no second try."""
_CONFIRMATIONS: Final = 8
_ANEW: Final = 2
"""How often a rate that seemed to be above the limit has to pass in a row: one pass may be luck."""
_MOST_OVERRULED: Final = 4
"""Rates above the limit that may turn out to hold, beyond which a machine is too restless for another try."""
_MOST_UNKNOWN: Final = 2

Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Tried:
    """What was seen at a rate.

    Attributes:
        load: what it came to.
        slow: of each batch the requests without a good answer in time, and all of them.
        failed: of each batch those without a good answer, and all of them.
    """

    load: Load
    slow: tuple[Counts, Counts]
    failed: tuple[Counts, Counts]


Side: TypeAlias = Literal["below", "above", "unknown"]
Try: TypeAlias = Callable[[float, float], Tried]
"""Puts a rate on the target for some times as long as usual, and tells what was seen."""


def judge_rate(objective: Objective, rate: float, tries: Sequence[Tried]) -> Probe:
    """Decide whether an objective holds at a rate, on everything that was seen at it.

    Args:
        objective: what has to hold.
        rate: requests a second.
        tries: what was seen, one at least. Those in doubt count only where there are no others, and then nothing fails
            by them: what a generator is late by is in the latency, so that it can make a rate look worse, not better.
    """
    trusted = [each for each in tries if not each.load.doubt]
    counted = trusted or list(tries)
    slow, failed = _pool([each.slow for each in counted]), _pool([each.failed for each in counted])
    late = 1 - objective.share
    outcome: Outcome = "hold"
    if slow.high <= late and failed.high <= objective.failed:
        outcome = "pass"
    elif trusted and (slow.low > late or failed.low > objective.failed):
        outcome = "fail"
    reason = f"{slow.value:.2%} [{slow.low:.2%}, {slow.high:.2%}] not answered within {objective.limit_ms:g} ms"
    if failed.value or failed.high > objective.failed:
        reason = f"{reason}; {failed.value:.2%} [{failed.low:.2%}, {failed.high:.2%}] failed"
    if not trusted and outcome != "pass":
        reason = f"{reason}; {tries[-1].load.doubt}"
    quantiles = {each.share: each.ms for each in tries[-1].load.quantiles}
    return Probe(
        rate=rate,
        times=len(tries),
        requests=sum(each.load.requests for each in tries),
        quantile_ms=quantiles.get(objective.share, float("nan")),
        slow=slow.value,
        slow_low=slow.low,
        slow_high=slow.high,
        failed=failed.value,
        failed_high=failed.high,
        outcome=outcome,
        reason=reason,
    )


def _pool(sides: Sequence[tuple[Counts, Counts]]) -> Share:
    hits, n = (np.concatenate([each[side] for each in sides]) for side in (0, 1))
    return batched_share(hits, n)


def find_capacity(
    attempt: Try,
    objective: Objective,
    *,
    start: float,
    most: float,
    precision: float = PRECISION,
    repeats: int = REPEATS,
    tell: Callable[[Probe], None],
) -> Capacity:
    """Find the largest rate at which an objective holds.

    Args:
        attempt: puts a rate on the target.
        objective: what has to hold.
        start: the rate that is tried first, requests a second.
        most: the largest that is tried.
        precision: how close a rate below the limit and one above it have to come, as a share.
        repeats: how often a rate is tried at most before it stays undecided.
        tell: told of each rate once it is decided.
    """
    search = _Search(attempt, objective, repeats, tell)
    low, above = search.bracket(start, most)
    for _ in range(_MOST_OVERRULED):
        low, above = search.narrow(low, above, precision)
        if not low or above is None or not search.overrules(above):
            break
        low, above = search.rise(above, most)
    rate = search.confirm(low, precision)
    return Capacity(
        target=search.tried[-1].load.target,
        objective=objective,
        rate=rate,
        limit=search.find_limit() if above is not None else None,
        probes=tuple(search.probes),
        load=search.confirmed,
        reason=search.explain(rate, above, most),
        machine=search.tried[-1].load.machine,
        short=not rate and search.is_short,
    )


class _Search:
    """A search while it lasts."""

    def __init__(self, attempt: Try, objective: Objective, repeats: int, tell: Callable[[Probe], None]) -> None:
        self._attempt, self._objective, self._repeats, self._tell = attempt, objective, repeats, tell
        self.probes: list[Probe] = []
        self.tried: list[Tried] = []
        self.confirmed: Load | None = None
        self._overruled: set[int] = set()

    def bracket(self, start: float, most: float, low: float = 0.0) -> tuple[float, float | None]:
        """Return a rate below the limit, 0 where none is, and one above it, None where none is.

        Args:
            start: the rate that is tried first.
            most: the largest that is tried.
            low: one that is known to be below; 0 where none is.

        Of a rate at which the generator fell behind nobody knows, so that the next one is tried, but not for ever.
        """
        rate, above, unknown = min(start, most), None, 0
        while True:
            side = self._find_side(rate)
            unknown = unknown + 1 if side == "unknown" else 0
            if side == "below":
                low = rate
                if above is not None or rate >= most:
                    return low, above
            elif side == "above" or unknown > _MOST_UNKNOWN or rate >= most:
                above = rate
                if low or rate / 2 < LEAST_RATE:
                    return low, above
            rate = rate / 2 if above is not None else min(rate * 2, most)

    def is_below(self, rate: float) -> bool:
        """Tell whether a rate seems to be below the limit; where the generator fell behind, by what was seen."""
        side = self._find_side(rate)
        return self.probes[-1].slow <= 1 - self._objective.share if side == "unknown" else side == "below"

    def narrow(self, low: float, above: float | None, precision: float) -> tuple[float, float | None]:
        """Return the ends about the limit once they are as close as asked for."""
        while low and above is not None and above / low > 1 + precision:
            middle = (low * above) ** 0.5
            if self.is_below(middle):
                low = middle
            else:
                above = middle
        return low, above

    def overrules(self, rate: float) -> bool:
        """Tell whether a rate that seemed to be above the limit passes when it is tried anew; what was seen is void."""
        before = [place for place, each in enumerate(self.probes) if each.rate == rate]
        if any(self._try(rate, 2.0).outcome != "pass" for _ in range(_ANEW)):
            return False
        self._overruled.update(before)
        return True

    def rise(self, rate: float, most: float) -> tuple[float, float | None]:
        """Return a rate that holds and the next above it that did not; where there is none, one that is looked for."""
        above = [each.rate for each in self.counted if each.rate > rate and each.outcome != "pass"]
        if above:
            return rate, min(above)
        return (rate, None) if rate >= most else self.bracket(min(rate * 2, most), most, rate)

    def confirm(self, rate: float, precision: float) -> float:
        """Return the first of rates, each a little lower, that passes when tried for longer; 0 where none does."""
        for _ in range(_CONFIRMATIONS if rate else 0):
            if self._try(rate, 2.0).outcome == "pass":
                self.confirmed = self.tried[-1].load
                return rate
            rate /= 1 + precision
        return 0.0

    def find_limit(self) -> float | None:
        """Return about where the objective begins to fail, by all rates together that were not overruled."""
        counted = self.counted
        late, failed = 1 - self._objective.share, self._objective.failed
        worse = np.array([max(each.slow - late, each.failed - failed) for each in counted])
        rates = np.array([each.rate for each in counted])
        return find_crossing(rates, worse, np.array([each.requests for each in counted]), 0.0)

    @property
    def counted(self) -> list[Probe]:
        """Return what was seen of all rates and not overruled, in the order they were tried."""
        return [each for place, each in enumerate(self.probes) if place not in self._overruled]

    @property
    def is_short(self) -> bool:
        """Tell whether the last rate was kept from passing by nothing but too few requests."""
        last = self.probes[-1]
        kept = last.slow <= 1 - self._objective.share and last.failed <= self._objective.failed
        return last.outcome == "hold" and kept and not self.tried[-1].load.doubt

    def explain(self, rate: float, above: float | None, most: float) -> str:
        """Return why the search ended where it did."""
        if not rate and self.is_short:
            last = self.probes[-1]
            needed = count_needed(min(self._objective.failed, 1 - self._objective.share))
            return (
                f"not shown for want of requests: at {last.rate:,.6g} requests/s {last.reason}, of {last.requests:,} "
                f"requests; try each rate for longer, for {needed:,.0f} requests at least"
            )
        if not rate:
            return f"no rate that was tried holds {self._objective.said}"
        if above is None and rate >= most:
            return f"it holds up to {most:,.6g} requests/s, the largest that was to be tried"
        over = min((each for each in self.counted if each.rate > rate and each.outcome != "pass"), key=lambda p: p.rate)
        return f"at {over.rate:,.6g} requests/s it is not shown to: {over.reason}"

    def _find_side(self, rate: float) -> Side:
        """Return on which side of the limit a rate seems to lie."""
        probe = self._try(rate, 1.0)
        if probe.outcome != "hold":
            return "below" if probe.outcome == "pass" else "above"
        if probe.slow <= 1 - self._objective.share and probe.failed <= self._objective.failed:
            return "below"
        return "unknown" if self.tried[-1].load.doubt else "above"

    def _try(self, rate: float, longer: float) -> Probe:
        """Try a rate until it is decided, or often enough; some times more where the generator fell behind."""
        tries: list[Tried] = []
        while True:
            tries.append(self._attempt(rate, longer))
            probe = judge_rate(self._objective, rate, tries)
            plain = probe.slow_low > _PLAIN or len(tries) > 1
            most = self._repeats + min(sum(bool(each.load.doubt) for each in tries), _MOST_UNKNOWN)
            if probe.outcome == "pass" or (probe.outcome == "fail" and plain) or len(tries) >= most:
                break
        self.tried += tries
        self.probes.append(probe)
        self._tell(probe)
        return probe
