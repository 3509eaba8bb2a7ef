"""Measure a canary: two versions of one service on the same requests, as evidence that may be looked at at any time.

A walk of several steps looks at a version again and again. What is measured anew in each step therefore gets the part
of its check's alpha that falls to one step, so that alpha is what the check says for the whole release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.maturity import give_maturity, mark_maturity
from shipway.core.measure import FailedAnswers, FeatureLag, LabelMaturity, PairedLoss, PredictionShift, SlowAnswers
from shipway.core.prediction import NEWEST
from shipway.core.service import CANDIDATE, STABLE
from shipway.core.suitability import refuse_other_kind
from shipway.maths.drift import find_places, wasserstein
from shipway.maths.sequential import (
    confidence_sequence_classes,
    confidence_sequence_distance,
    confidence_sequence_share,
)
from shipway.monitoring.failure import read_failed, read_slow
from shipway.monitoring.loss import read_loss
from shipway.monitoring.maturity import read_window
from shipway.monitoring.measurement import Measurement, give_evidence, write_amount, write_duration
from shipway.monitoring.prediction import is_told, read_numbers
from shipway.monitoring.reading import digest_rows
from shipway.monitoring.window import CanaryWindow

Floats = NDArray[np.float64]


def measure_canary(check: Check, window: CanaryWindow, *, subject: str) -> Evidence:
    """Measure one check on a canary.

    * `FailedAnswers`, `SlowAnswers`: the e-value (`maths.sequential.stretched_log_e`, over stretches of 24 hours since
      the step began) for more failed or slow answers among those the canary gave than among those the stable version
      gave. In shadow, where the canary answers nobody, of the requests on which just one of the two versions failed.
      The value is divided by the number of steps, so that it reaches 1/alpha in any step of a walk with a probability
      of at most alpha; it is 10^9 at most. `n` is the canary's answers, `needs` those after which the plan's excess
      would have been found out in nine cases of ten.
    * `PredictionShift`: Wasserstein-1 distance, in units of probability, between what the canary answered and what the
      stable version predicted in shadow for the same requests (in shadow, between the two on all requests), so that
      what the requests are like does not enter. Numbers are compared as places on the window's scale (`find_places`),
      0.5 being in the middle of what the stable version predicts; there is nothing to measure without one. Of
      classes it is the distance of the class whose probabilities are furthest apart.
    * `FeatureLag`: share of the step's requests on which the newest event that the canary read, of any stream that both
      read, was older than the stable version's by more than allowed; where the canary read none, it lags.
    * `PairedLoss`: mean difference in loss, canary minus stable (`monitoring.loss.read_loss`). It has the maturity of
      all labels since the release began among its facts.
    * `LabelMaturity`: which share of the labels that ever come, of requests since the release began, has come.

    Args:
        check: what to measure.
        window: what is known.
        subject: the release and its step, as `kind:name@version`.

    Returns:
        Evidence with finite numbers only; `n` is 0 where there was nothing to measure. It depends on the window alone.
        `log_digest` is that of the rows that were measured; facts hold `said`, one clause for a person.

    Raises:
        ShipwayError: SW-403 if the check is not one on canaries, measures another kind of label than the versions
            predict, or its plan cannot be met; SW-104 if it clusters by something else than days.
    """
    if isinstance(check.measure, PairedLoss):
        refuse_other_kind(check, window.predicts, "the service predicts")
    if not isinstance(check.measure, LabelMaturity | PairedLoss):
        return give_evidence(_read(check, window), check, subject)
    pairs = window.pairs.filter(pl.col("at") <= window.now).rename({"p_candidate": "p"})
    maturity = read_window(pairs, window.labels, window.asked, window.now, window.zone, window.classes)
    if isinstance(check.measure, PairedLoss):
        return mark_maturity(give_evidence(_read(check, window), check, subject), maturity)
    digest = digest_rows(pairs, ("request", "p"))
    return give_maturity(maturity, subject=subject, log_digest=digest, check=check.name)


def _read(check: Check, window: CanaryWindow) -> Measurement:
    match check.measure:
        case FailedAnswers() as measure:
            return read_failed(check, measure, window)
        case SlowAnswers() as measure:
            return read_slow(check, measure, window)
        case PredictionShift() as measure:
            return _read_shift(measure, window)
        case FeatureLag() as measure:
            return _read_lag(measure, window)
        case PairedLoss() as measure:
            return read_loss(measure, window)
        case _:
            fact = f"{check.text} measures {check.subject}, not a canary"
            raise ShipwayError("SW-403", fact, "put it into a gate that guards another moment")


def _read_shift(measure: PredictionShift, window: CanaryWindow) -> Measurement:
    step = window.step if window.weight == 0 else window.step.filter(pl.col("answered") == CANDIDATE)
    rows = step.filter(is_told("p_stable", window.predicts), is_told("p_candidate", window.predicts))
    columns = ("request", "p_stable", "p_candidate")
    if window.predicts == "number" and rows.height and not window.scale:
        said = f"nothing says how what {window.stable} predicts is distributed"
        return Measurement(value=0.0, low=0.0, high=1.0, n=0, said=said, rows=rows, columns=columns)
    if not rows.height:
        said = f"{window.candidate} has {'answered' if window.weight else 'predicted'} no request yet"
        return Measurement(value=0.0, low=0.0, high=1.0, n=0, said=said, rows=rows, columns=columns)
    stable, candidate = (read_numbers(rows[name]) for name in ("p_stable", "p_candidate"))
    if window.predicts == "class":
        return _read_class_shift(measure, window, candidate, stable, rows)
    ours, theirs = candidate, stable
    if window.predicts == "number":
        scale = np.array(window.scale)
        ours, theirs = find_places(candidate, scale), find_places(stable, scale)
    low, high = confidence_sequence_distance(ours, theirs, measure.alpha / window.steps)
    value = wasserstein(theirs, ours)
    means = float(candidate.mean()), float(stable.mean())
    said = f"{value:.3f} [{low:.3f}, {high:.3f}], {_say_means(window.predicts, means)} of {window.stable}"
    facts = {
        "mean_candidate": means[0],
        "mean_stable": means[1],
        "mean_absolute_difference": float(np.abs(candidate - stable).mean()),
    }
    return Measurement(
        value=value,
        low=low,
        high=high,
        n=rows.height,
        said=f"{said}, over {rows.height:,} requests",
        rows=rows,
        columns=columns,
        facts=facts,
    )


def _read_class_shift(
    measure: PredictionShift, window: CanaryWindow, ours: Floats, theirs: Floats, rows: pl.DataFrame
) -> Measurement:
    low, high = confidence_sequence_classes(ours, theirs, measure.alpha / window.steps)
    shares, before = ours.mean(axis=0), theirs.mean(axis=0)
    distances = [wasserstein(theirs[:, place], ours[:, place]) for place in range(ours.shape[1])]
    most = int(np.argmax(distances))
    value = distances[most]
    other = float((ours.argmax(axis=1) != theirs.argmax(axis=1)).mean())
    moved = f"{window.classes[most]!r} {shares[most]:.3f} against {before[most]:.3f} of {window.stable}"
    said = f"{value:.3f} [{low:.3f}, {high:.3f}], most in {moved}, {other:.1%} of another class"
    facts = {
        "shares_candidate": dict(zip(window.classes, shares.tolist(), strict=True)),
        "shares_stable": dict(zip(window.classes, before.tolist(), strict=True)),
        "mean_absolute_difference": float(np.abs(ours - theirs).sum(axis=1).mean()) / 2,
        "other_class": other,
    }
    return Measurement(
        value=value,
        low=low,
        high=high,
        n=rows.height,
        said=f"{said}, over {rows.height:,} requests",
        rows=rows,
        columns=("request", "p_stable", "p_candidate"),
        facts=facts,
    )


def _say_means(kind: LabelKind, means: tuple[float, float]) -> str:
    if kind == "condition":
        return f"mean {means[0]:.3f} against {means[1]:.3f}"
    return f"mean {write_amount(kind, means[0])} against {write_amount(kind, means[1])}"


def _read_lag(measure: FeatureLag, window: CanaryWindow) -> Measurement:
    step = window.step
    if window.online[STABLE] == window.online[CANDIDATE]:
        n, online = step.height, window.online[STABLE]
        said = f"both versions read store {online}" if n else "no request has been asked yet"
        facts = {"online": online, "lagging": 0}
        return Measurement(
            value=0.0, low=0.0, high=0.0 if n else 1.0, n=n, said=said, rows=step, columns=("request",), facts=facts
        )
    stable, candidate = window.newest[STABLE], window.newest[CANDIDATE]
    streams = [name for name in stable.columns if name.startswith(NEWEST) and name in candidate.columns]
    rows = step.select("request").join(stable.select("request", *streams), on="request", how="inner", validate="1:1")
    rows = rows.join(
        candidate.select("request", *streams), on="request", how="inner", validate="1:1", suffix=" candidate"
    )
    columns = ("request", *streams, *(f"{name} candidate" for name in streams))
    n = rows.height if streams else 0
    if not n:
        said = "no vector was read by both versions yet" if streams else "the two versions read no stream in common"
        return Measurement(value=0.0, low=0.0, high=1.0, n=0, said=said, rows=rows, columns=columns)
    lags = rows.select(**{name.removeprefix(NEWEST): pl.col(name) - pl.col(f"{name} candidate") for name in streams})
    gone = (pl.col(name).is_not_null() & pl.col(f"{name} candidate").is_null() for name in streams)
    unread = rows.select(pl.any_horizontal(gone))
    late = (lags.max_horizontal() > measure.over_us).fill_null(value=False) | unread.to_series()
    return _describe_lag(measure, window, _Lag(rows, columns, lags.filter(late), n))


@dataclass(frozen=True, slots=True)
class _Lag:
    """Requests whose vectors both versions read, and by how much those that lag do, for each stream."""

    rows: pl.DataFrame
    columns: Sequence[str]
    lagging: pl.DataFrame
    n: int


def _describe_lag(measure: FeatureLag, window: CanaryWindow, lag: _Lag) -> Measurement:
    late, n = lag.lagging.height, lag.n
    low, high = confidence_sequence_share(late, n, measure.alpha / window.steps)
    medians = {name: value for name, value in lag.lagging.median().row(0, named=True).items() if value is not None}
    facts: dict[str, Any] = {"lagging": late, "requests": n}
    said = f"the newest event it read was older in {late:,} of {n:,} requests"
    if medians:
        worst = max(medians, key=lambda name: (medians[name], name))
        typical = float(np.median(lag.lagging.max_horizontal().drop_nulls().to_numpy()))
        facts |= {"median_lag_us": typical, "stream": worst, "stream_median_lag_us": float(medians[worst])}
        said += f", by {write_duration(medians[worst])} at the median ({worst})"
    elif late:
        said += ", of which it read none"
    return Measurement(
        value=late / n, low=low, high=high, n=n, said=said, rows=lag.rows, columns=lag.columns, facts=facts
    )
