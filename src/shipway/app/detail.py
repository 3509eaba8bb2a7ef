"""What evidence on a candidate holds beside its number, read for the pages and documents that show it.

Slices that were declared and searched for, behaviour, rates of groups, change over time, and what the candidate listens
to: a run's report and an assessment show the same, of the same evidence.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from shipway.app.depth import BehaviourData, Read, SlicesData, read_behaviours, read_slices
from shipway.core.check import Check, Evidence
from shipway.core.measure import Attribution, ReasonAgreement
from shipway.core.slice_measure import AdvantageTrend, Fairness, FoundRegression

Kind = TypeVar("Kind")


class FoundSlice(msgspec.Struct, frozen=True, kw_only=True):
    """One slice of a search; the shape is that of `shipway.validation.found`."""

    line: int | None
    slice: str
    n: int
    clusters: int
    candidate_loss: float
    baseline_loss: float
    difference: float
    low: float
    high: float
    p: float
    effect: float | None
    regressed: bool


class FoundData(msgspec.Struct, frozen=True, kw_only=True):
    """One search: the check as written, what was compared, what came of it, and its slices, the explanation first."""

    check: str
    baseline: str
    said: str
    tested: int
    under_support: int
    slices: tuple[FoundSlice, ...]


class GroupRate(msgspec.Struct, frozen=True, kw_only=True):
    """One rate of one group; the shape is that of `shipway.validation.fairness`."""

    group: str
    rate: str
    n: int
    value: float | None
    low: float | None
    high: float | None
    decides: bool


class FairnessData(msgspec.Struct, frozen=True, kw_only=True):
    """One check on fairness: as written, what came of it, its groups, and those furthest apart, as far as known."""

    check: str
    said: str
    groups: tuple[GroupRate, ...]
    apart: tuple[str, ...] = ()


class TrendWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The advantage in one window; the shape is that of `shipway.validation.trend`."""

    window: str
    n: int
    advantage: float
    low: float | None
    high: float | None


class TrendData(msgspec.Struct, frozen=True, kw_only=True):
    """How an advantage changes: the check as written, what came of it, and its windows."""

    check: str
    said: str
    windows: tuple[TrendWindow, ...]


class FeatureSize(msgspec.Struct, frozen=True, kw_only=True):
    """The mean absolute contribution of one feature; the shape is that of `shipway.validation.attribution`."""

    feature: str
    size: float
    low: float | None
    high: float | None
    asked: bool


class AttributionData(msgspec.Struct, frozen=True, kw_only=True):
    """One check on what a candidate listens to.

    Attributes:
        check: as written.
        said: what came of it.
        method: how contributions were found: `tree`, `linear`, `exact` or `sampled`.
        unit: what contributions are in.
        baseline: what a row would be predicted whose features add nothing, in the unit.
        sizes: the greatest features and those asked about, the greatest first.
    """

    check: str
    said: str
    method: str
    unit: str
    baseline: float
    sizes: tuple[FeatureSize, ...]


class ReasonPair(msgspec.Struct, frozen=True, kw_only=True):
    """How much a feature moves predictions of two versions; the shape is that of `shipway.validation.attribution`."""

    feature: str
    candidate_size: float
    baseline_size: float


class AgreementData(msgspec.Struct, frozen=True, kw_only=True):
    """One check on whether a candidate's reasons are those of another version.

    Attributes:
        check: as written.
        said: what came of it.
        baseline: the other version; empty where there was none.
        unit: what sizes are in.
        pairs: the greatest features of both.
    """

    check: str
    said: str
    baseline: str
    unit: str
    pairs: tuple[ReasonPair, ...]


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a candidate beside numbers.

    Attributes:
        slices: declared slices, a table for each check.
        behaviours: behavioural tests.
        searches: regressions that were searched for.
        fairness: checks on how groups are treated.
        trends: how the advantage over a baseline changes.
        attributions: what it listens to.
        agreements: whether its reasons are those of another version.
    """

    slices: tuple[SlicesData, ...] = ()
    behaviours: tuple[BehaviourData, ...] = ()
    searches: tuple[FoundData, ...] = ()
    fairness: tuple[FairnessData, ...] = ()
    trends: tuple[TrendData, ...] = ()
    attributions: tuple[AttributionData, ...] = ()
    agreements: tuple[AgreementData, ...] = ()


def collect_details(checks: Iterable[Check], evidence: Mapping[str, Evidence], read: Read) -> Details:
    """Collect what evidence holds beside its numbers, in the order of the checks.

    Args:
        checks: what was asked.
        evidence: check name to what was measured; a check without any is left out.
        read: reads the blobs that evidence cites.

    Raises:
        ShipwayError: SW-605 if a blob that is cited is missing or damaged.
    """
    found = [(check, evidence[check.name]) for check in checks if check.name in evidence]
    return Details(
        slices=tuple(read_slices(found, read)),
        behaviours=tuple(read_behaviours(found, read)),
        searches=tuple(
            FoundData(
                check=check.text,
                baseline=str(each.facts["baseline"]),
                said=str(each.facts["said"]),
                tested=int(each.facts["tested"]),
                under_support=int(each.facts["under_support"]),
                slices=_rows(each, read, FoundSlice),
            )
            for check, each in _of(found, FoundRegression)
        ),
        fairness=tuple(
            FairnessData(
                check=check.text,
                said=str(each.facts["said"]),
                groups=_rows(each, read, GroupRate),
                apart=tuple(str(each.facts[end]) for end in ("most", "least") if end in each.facts),
            )
            for check, each in _of(found, Fairness)
        ),
        trends=tuple(
            TrendData(check=check.text, said=str(each.facts["said"]), windows=_rows(each, read, TrendWindow))
            for check, each in _of(found, AdvantageTrend)
        ),
        attributions=tuple(
            AttributionData(
                check=check.text,
                said=str(each.facts["said"]),
                method=str(each.facts["method"]),
                unit=str(each.facts["unit"]),
                baseline=float(each.facts["baseline"]),
                sizes=_rows(each, read, FeatureSize),
            )
            for check, each in _of(found, Attribution)
        ),
        agreements=tuple(
            AgreementData(
                check=check.text,
                said=str(each.facts["said"]),
                baseline=str(each.facts.get("baseline", "")),
                unit=str(each.facts["unit"]),
                pairs=_rows(each, read, ReasonPair),
            )
            for check, each in _of(found, ReasonAgreement)
        ),
    )


def _of(found: Iterable[tuple[Check, Evidence]], kind: type[Any]) -> Iterator[tuple[Check, Evidence]]:
    return ((check, each) for check, each in found if isinstance(check.measure, kind))


def _rows(evidence: Evidence, read: Read, kind: type[Kind]) -> tuple[Kind, ...]:
    """Return the rows of evidence, each as a struct that may leave out what nobody shows."""
    if evidence.detail is None:
        return ()
    rows: list[Any] = msgspec.json.decode(read(evidence.detail))
    return tuple(msgspec.convert(row, kind) for row in rows)
