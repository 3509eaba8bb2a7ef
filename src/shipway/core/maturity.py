"""How mature the labels of a window of predictions are: how many have come, how many will, and how the early ones lean.

Whatever is measured on labels is measured on those that have come by the moment of judging. This is what is known of
the others, in one shape for an offline test period, a rehearsal, a canary and a live window.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.check import Evidence
from shipway.core.label import LOSS, LabelKind, kind_of
from shipway.kit.duration import format_duration
from shipway.maths.interval import Estimate, clustered_ratio, interval
from shipway.maths.maturity import (
    DelayCurve,
    delay_quantile,
    early_difference,
    estimate_delays,
    expect_labels,
    follow_up_suffices,
    weigh_labels,
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

MATURITY: Final = "label_maturity"
"""What evidence of it is called, and where other evidence keeps its lower end and its value among its facts."""
NEVER: Final = -(2**63)
"""Stands for the instant of a label that is not there."""
_MEAN: Final[dict[LabelKind, str]] = {"condition": "label rate", "number": "label mean", "class": "share of"}
OF_NUMBER: Final = (_MEAN["number"], LOSS["number"])
"""What leans where the label is a number, in its unit."""
_LATE: Final = 0.99
_MINUTE_US: Final = 60_000_000


class Bias(msgspec.Struct, frozen=True, kw_only=True):
    """How labels that came early lean, in one number of the predictions: how often it is true, or what they lose.

    Attributes:
        of: `label rate` or `log loss` of a condition, `label mean` or `absolute error` of a number, `share of 'CLASS'`
            or `log loss` of classes.
        seen: over all labels that have come.
        corrected: the same, each label weighted by one over the chance that it has come; None where that is not known.
        low: lower end of the 95 % interval of `corrected`, errors clustered by day; None without it, or with one day.
        high: its upper end.
        why: why it is not corrected; empty where it is.
        within_us: what is called early: no longer than the median delay.
        early: over the early ones among the rows that have been followed for long enough; None where there are none.
        difference: by how much that is more than over all of those rows.
        difference_low: lower end of its 95 % interval, errors clustered by day; None with one day.
        difference_high: its upper end.
    """

    of: str
    seen: float
    corrected: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""
    within_us: int = 0
    early: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None


class Maturity(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a window's predictions have their label, of those that ever will.

    Attributes:
        asked: predictions in the window.
        labelled: those whose label has come by the moment of judging.
        expected: labels there will be in the end, by the delays seen so far.
        share: `labelled` over `expected`; 0 where no label has come.
        low: lower end of its 95 % interval, errors of the delays clustered by day.
        high: its upper end.
        identified: whether rows were followed for long enough to tell a late label from one that never comes; if not,
            `low` takes it that every one comes.
        never: share of what was asked about that never gets a label, among the rows the delays are of.
        median_us: delay of the median label; None before any.
        p99_us: within which 99 % of the labels that come have come; None before any.
        rows: predictions that the delays are of: those of the window and of the time before.
        judged_at: the moment, microseconds since 1970 UTC; no label known later was seen.
        bias: how the labels that have come lean.
    """

    asked: int
    labelled: int
    expected: float
    share: float
    low: float
    high: float
    identified: bool
    never: float
    median_us: int | None
    p99_us: int | None
    rows: int
    judged_at: int
    bias: tuple[Bias, ...] = ()

    @property
    def said(self) -> str:
        """Return it as one clause for a person."""
        if not self.asked:
            return "nothing was asked yet"
        mature = f"{self.share:.3f} [{self.low:.3f}, {self.high:.3f}] of the labels that come have come"
        took = ""
        if self.median_us is not None and self.p99_us is not None:
            took = f"; they take {_write_us(self.median_us)}, 99 % of them {_write_us(self.p99_us)}"
        unknown = "" if self.identified else "; too early to tell late ones from those that never come"
        return f"{mature}: {self.labelled:,} of {self.asked:,} asked{took}{unknown}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Asked:
    """Predictions with when they were asked and when their label became known, each int64[n].

    Attributes:
        at: microseconds since 1970 UTC.
        known_at: likewise; `NEVER` for a row without a label.
        day: what rows are grouped by because they are not independent.
    """

    at: Ints
    known_at: Ints
    day: Ints

    def follow(self, judged_at: int) -> tuple[Floats, Bools, Bools]:
        """Return each asked row's delay, or how long it was followed, whether its label has come, and which were asked.

        The first two are of the rows asked by the moment of judging, which the third tells among all.
        """
        asked = self.at <= judged_at
        at, known_at = self.at[asked], self.known_at[asked]
        seen = (known_at != NEVER) & (known_at <= judged_at)
        took = np.where(seen, known_at, judged_at) - at
        return np.maximum(took, 0).astype(np.float64), seen, asked


def measure_maturity(
    window: Asked,
    judged_at: int,
    *,
    before: Asked | None = None,
    y: Bools | Floats | Ints | None = None,
    loss: Floats | None = None,
    classes: Sequence[str] = (),
) -> Maturity:
    """Measure the maturity of a window's labels.

    Args:
        window: its predictions.
        judged_at: the moment of judging, microseconds since 1970 UTC; rows asked later do not count.
        before: the predictions that the delays are learned from; those of the window alone where None. They should hold
            those of the window.
        y: the label of each row of the window, a condition, a number or the code of a class; what stands where it has
            not come is not looked at.
        loss: what the prediction of each row of the window loses (`maths.loss.loss_of`), likewise.
        classes: of labels of classes, what their codes stand for; those that came have their share told of.
    """
    took, seen, asked = window.follow(judged_at)
    learned = before if before is not None and before.at.size else window
    curve = _learn(learned, judged_at)
    labelled = int(seen.sum())
    identified = follow_up_suffices(curve, (judged_at - learned.at[learned.at <= judged_at]).astype(np.float64))
    more, least, most = expect_labels(curve, took[~seen])
    most = most if identified else float((~seen).sum())
    late = delay_quantile(curve, _LATE)
    bias: list[Bias] = []
    if labelled:
        followed = (judged_at - window.at[asked]).astype(np.float64)
        kind: LabelKind = "condition" if y is None else kind_of(y)
        columns = [(_MEAN[kind], y), (LOSS[kind], loss)]
        if y is not None and kind == "class":
            came = sorted(set(y[asked][seen].tolist()))
            columns[:1] = [(f"{_MEAN[kind]} {classes[code]!r}", y == code) for code in came]
        for of, values in columns:
            if values is not None:
                column = values[asked].astype(np.float64)
                bias.append(_lean(of, column, took, seen, followed, window.day[asked], curve, identified=identified))
    median = delay_quantile(curve, 0.5)
    return Maturity(
        asked=took.size,
        labelled=labelled,
        expected=labelled + more,
        share=_share(labelled, more),
        low=_share(labelled, most),
        high=_share(labelled, least),
        identified=identified,
        never=curve.level,
        median_us=None if median is None else round(median),
        p99_us=None if late is None else round(late),
        rows=curve.took.size,
        judged_at=judged_at,
        bias=tuple(bias),
    )


def give_maturity(maturity: Maturity, *, subject: str, log_digest: str, check: str = MATURITY) -> Evidence:
    """Return a maturity as evidence, which holds all of it among its facts."""
    facts: dict[str, Any] = msgspec.to_builtins(maturity, str_keys=True)
    return Evidence(
        check=check,
        subject=subject,
        value=maturity.share,
        low=maturity.low,
        high=maturity.high,
        n=maturity.asked,
        facts={"said": maturity.said, **facts},
        log_digest=log_digest,
    )


def read_maturity(evidence: Evidence) -> Maturity | None:
    """Return the maturity that evidence of it holds; None where it holds none."""
    try:
        return msgspec.convert(evidence.facts, Maturity)
    except msgspec.ValidationError:
        return None


def mark_maturity(evidence: Evidence, maturity: Maturity) -> Evidence:
    """Return evidence that rests on a window's labels with their maturity among its facts, for gates that ask."""
    marked = {MATURITY: {"share": maturity.share, "low": maturity.low, "high": maturity.high}}
    return msgspec.structs.replace(evidence, facts={**evidence.facts, **marked})


def _learn(asked: Asked, judged_at: int) -> DelayCurve:
    took, seen, kept = asked.follow(judged_at)
    return estimate_delays(took, seen, asked.day[kept])


def _share(labelled: int, more: float) -> float:
    return labelled / (labelled + more) if labelled else 0.0


def _lean(
    of: str,
    values: Floats,
    took: Floats,
    seen: Bools,
    followed: Floats,
    day: Ints,
    curve: DelayCurve,
    *,
    identified: bool,
) -> Bias:
    """Return how the labels that have come lean: weighted for those that have not, and the early ones against all."""
    late, median = delay_quantile(curve, _LATE), delay_quantile(curve, 0.5)
    late, median = late or 0.0, median or 0.0
    found = Bias(of=of, seen=float(values[seen].mean()), within_us=round(median))
    if not identified:
        return msgspec.structs.replace(found, why="rows were not followed for long enough to see how long labels take")
    if followed.max() < late:
        why = f"no row was followed for the {_write_us(round(late))} that labels take"
        return msgspec.structs.replace(found, why=why)
    weights = weigh_labels(took[seen], followed)
    estimate = clustered_ratio(weights * values[seen], weights, day[seen])
    low, high = _ends(estimate)
    found = msgspec.structs.replace(found, corrected=estimate.value, low=low, high=high)
    mature = seen & (followed >= late)
    early = took[mature] <= median
    if not early.any():
        return found
    difference = early_difference(values[mature], early, day[mature])
    low, high = _ends(difference)
    return msgspec.structs.replace(
        found,
        early=float(values[mature][early].mean()),
        difference=difference.value,
        difference_low=low,
        difference_high=high,
    )


def _ends(estimate: Estimate) -> tuple[float | None, float | None]:
    low, high = interval(estimate)
    return (low, high) if math.isfinite(low) else (None, None)


def _write_us(us: int) -> str:
    return format_duration(max(us // _MINUTE_US, 1) * _MINUTE_US)
