"""Rules tried on past deliveries, as a gate would have judged them, and bounds set from what came out.

A bound is the limit that the next delivery would be beyond with a stated probability, which comes from how many false
alarms a year are put up with; but it is never inside what was seen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.core.check import Check, Evidence, Rule
from shipway.core.error import ShipwayError
from shipway.data.check import measure_tables
from shipway.data.scan import Content
from shipway.data.survey import View
from shipway.kit.duration import DAY
from shipway.maths.limit import Scale, from_scale, limit_next, moderate, round_outward, to_scale

FEWEST: Final = 4
"""Fewest deliveries that a bound is estimated from."""


@dataclass(frozen=True, slots=True)
class Series:
    """One number of each past delivery, and the side on which the next one would be an alarm.

    Attributes:
        values: the numbers, oldest first.
        scale: the scale on which they are taken to be normal.
        upper: whether an alarm lies above.
        group: numbers of one group have like variances on their scale.
        extreme: whether each is the greatest or least of many rows.
    """

    values: tuple[float, ...]
    scale: Scale
    upper: bool
    group: str
    extreme: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """What a series comes to.

    Attributes:
        value: the bound.
        seen: the number nearest to it.
        freedom: degrees of freedom it rests on.
    """

    value: float
    seen: float
    freedom: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A check that may become a rule once it was tried.

    Attributes:
        kind: what sort of rule.
        check: what is measured, on new rows.
        scale: the scale of its numbers.
        upper: whether it is asked to be at most something.
        strict: whether it becomes a rule without a bound where no delivery was ever against it.
        idle: tells of a bound why it would say nothing; None where it says something.
        compares: whether it needs earlier rows, so that the first delivery says nothing.
        make: makes the rule of a bound where it is no plain comparison.
        said: what is measured, for its explanation.
    """

    kind: str
    check: Check
    scale: Scale
    upper: bool
    idle: Callable[[float], str | None]
    strict: bool = False
    compares: bool = False
    make: Callable[[float], Rule] | None = None
    said: str = ""

    def rule(self, bound: float) -> Rule:
        """Return the rule with a bound."""
        if self.make is not None:
            return self.make(bound)
        return self.check <= bound if self.upper else self.check >= bound


def try_checks(
    view: View, checks: Sequence[Check], others: Mapping[str, pl.DataFrame], *, ago_us: int = 0
) -> dict[str, list[Evidence | None]]:
    """Measure checks on each past delivery beside the rows before it.

    Args:
        view: the table.
        checks: what is measured; two of one name are the same.
        others: tables that are referred to.
        ago_us: how long after its newest row a delivery is judged.

    Returns:
        Check name to what came out for each delivery, in order; None where the check could not be measured.
    """
    found: dict[str, list[Evidence | None]] = {check.name: [] for check in checks}
    contents = {name: Content(rows) for name, rows in others.items() if name != view.name}
    offset = view.rows.height - len(view.instants)
    for delivery in view.deliveries:
        new, main = view.rows[delivery.start : delivery.end], view.rows[: delivery.start]
        contents[view.name] = Content(view.rows[: delivery.end], new, main if main.height else None)
        now = int(view.instants[delivery.end - 1 - offset]) + ago_us
        for name, evidence in measure_all(checks, contents, now=now).items():
            found[name].append(evidence)
    return found


def measure_all(checks: Sequence[Check], contents: Mapping[str, Content], *, now: int) -> dict[str, Evidence | None]:
    """Measure checks; those that cannot be are None, and keep no other from it."""
    try:
        measured = measure_tables(checks, contents, subject="data:past", now=now, log_digest="")
    except ShipwayError:
        if len(checks) == 1:
            return {checks[0].name: None}
        half = len(checks) // 2
        return measure_all(checks[:half], contents, now=now) | measure_all(checks[half:], contents, now=now)
    return {name: one.evidence for name, one in measured.items()}


def read_series(candidate: Candidate, found: Sequence[Evidence | None], group: str) -> Series:
    """Return the numbers a gate would have compared: of an estimate, the end of its interval nearer to an alarm."""
    taken = found[1:] if candidate.compares else found
    values: list[float] = []
    for evidence in taken:
        if evidence is None or not evidence.n:
            continue
        values.append(evidence.high if candidate.upper else evidence.low)
    return Series(tuple(values), candidate.scale, candidate.upper, group)


def set_bounds(series: Mapping[str, Series], alpha: float) -> dict[str, Bound]:
    """Return a bound for each series that is long enough and has a place on its scale.

    Args:
        series: by name.
        alpha: the probability that the next number of one series is beyond its bound.
    """
    usable = {name: each for name, each in series.items() if len(each.values) >= FEWEST and _fits(each)}
    groups: dict[tuple[str, Scale, bool], list[str]] = {}
    for name, each in usable.items():
        groups.setdefault((each.group, each.scale, each.upper or each.extreme), []).append(name)
    bounds: dict[str, Bound] = {}
    for names in groups.values():
        scaled = {name: _on_scale(usable[name]) for name in names}
        variances = np.asarray([scaled[name].var(ddof=1) for name in names])
        freedoms = np.asarray([len(scaled[name]) - 1.0 for name in names])
        shared = moderate(variances, freedoms)
        for name, variance, freedom in zip(names, shared.variances, shared.freedoms, strict=True):
            bounds[name] = _bound(usable[name], scaled[name], float(variance), float(freedom), alpha)
    return bounds


def alarm_rate(alarms: float, bounds: int, every_us: int) -> float:
    """Return the probability of a false alarm of one bound at one delivery that makes so many a year over all."""
    deliveries = 365 * DAY / every_us
    return min(alarms / max(deliveries * bounds, 1.0), 0.05)


def _bound(series: Series, scaled: Any, variance: float, freedom: float, alpha: float) -> Bound:
    limit = limit_next(float(scaled.mean()), variance, freedom, len(scaled), alpha, extreme=series.extreme)
    value = from_scale(limit if series.upper else -limit, series.scale)
    seen = max(series.values) if series.upper else min(series.values)
    outer = max(value, seen) if series.upper else min(value, seen)
    return Bound(round_outward(outer, up=series.upper), seen, freedom)


def _on_scale(series: Series) -> Any:
    scaled = to_scale(np.asarray(series.values, dtype=np.float64), series.scale)
    return scaled if series.upper else -scaled


def _fits(series: Series) -> bool:
    values = series.values
    if not all(math.isfinite(value) for value in values):
        return False
    least = {"log": 0.0, "log1p": -1.0}.get(series.scale, -math.inf)
    return all(value > least for value in values)
