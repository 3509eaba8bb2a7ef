"""Failed and slow answers of a canary against those of the stable version, as an e-value."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.measure import FailedAnswers, SlowAnswers
from shipway.core.service import CANDIDATE, STABLE
from shipway.maths.sequential import answers_needed, stretched_log_e
from shipway.monitoring.measurement import Measurement
from shipway.monitoring.window import CanaryWindow

_MOST_E: Final = 1e9
_MOST_LOG: Final = 700.0
_STRETCH_US: Final = 86_400_000_000


def read_failed(check: Check, measure: FailedAnswers, window: CanaryWindow) -> Measurement:
    """Measure the evidence that a canary fails more; see `canary.measure_canary`."""
    errors = {variant: pl.col(f"error_{variant}").is_not_null() for variant in (STABLE, CANDIDATE)}
    columns = ("error_stable", "error_candidate")
    return _read_events(check, measure, window, window.step, columns, errors, "failed")


def read_slow(check: Check, measure: SlowAnswers, window: CanaryWindow) -> Measurement:
    """Measure the evidence that a canary is slow more often, on the answers given, or in shadow on both predictions."""
    over_us, step = measure.over_ms * 1000, window.step
    took = f"took over {measure.over_ms:g} ms"
    if window.weight > 0:
        slow = pl.col("answer_us") > over_us
        return _read_events(check, measure, window, step, ("answer_us",), {STABLE: slow, CANDIDATE: slow}, took)
    columns = ("latency_stable_us", "latency_candidate_us")
    both = step.drop_nulls(columns)
    slow = {STABLE: pl.col(columns[0]) > over_us, CANDIDATE: pl.col(columns[1]) > over_us}
    return _read_events(check, measure, window, both, columns, slow, took)


def _read_events(
    check: Check,
    plan: FailedAnswers | SlowAnswers,
    window: CanaryWindow,
    step: pl.DataFrame,
    columns: Sequence[str],
    events: dict[str, pl.Expr],
    happened: str,
) -> Measurement:
    """Read how many events fell to either version, and the evidence that too many fell to the canary."""
    split = window.weight > 0
    rows = step.select(
        "request",
        "at",
        "answered",
        *columns,
        place=(pl.col("at") - window.since) // _STRETCH_US,
        stable=events[STABLE] & (pl.col("answered") == STABLE if split else True),
        candidate=events[CANDIDATE] & (pl.col("answered") == CANDIDATE if split else True),
    )
    answers = {
        variant: int((rows["answered"] == variant).sum()) if split else rows.height for variant in (STABLE, CANDIDATE)
    }
    counts = {variant: int(rows[variant].sum()) for variant in (STABLE, CANDIDATE)}
    log_e = (_split_log_e if split else _shadow_log_e)(rows)
    value = min(_MOST_E, math.exp(min(log_e, _MOST_LOG)) / window.steps)
    what = "answers" if split else "predictions"
    said = f"{counts[CANDIDATE]:,} of {answers[CANDIDATE]:,} {what} {happened}"
    if answers[STABLE]:
        said += f", {counts[STABLE]:,} of {answers[STABLE]:,} of {window.stable}"
    n = answers[CANDIDATE]
    facts = {
        "canary_events": counts[CANDIDATE],
        "canary_answers": n,
        "stable_events": counts[STABLE],
        "stable_answers": answers[STABLE],
        "log_e": log_e,
        "steps": window.steps,
    }
    return Measurement(
        value=value,
        low=value,
        high=value,
        n=n,
        said=said if n else f"{window.candidate} has {'answered' if split else 'predicted'} no request yet",
        rows=rows,
        columns=("request", "at", "answered", *columns),
        facts=facts,
        needs=_answers_needed(check, plan, window),
    )


def _split_log_e(rows: pl.DataFrame) -> float:
    answered = (
        rows.filter(pl.col("answered").is_not_null())
        .group_by("place")
        .agg(pl.col("candidate", "stable").sum().cast(pl.Int64), share=(pl.col("answered") == CANDIDATE).mean())
    )
    stretches = answered.sort("place")
    return stretched_log_e(*(stretches[name].to_numpy() for name in ("candidate", "stable", "share")))


def _shadow_log_e(rows: pl.DataFrame) -> float:
    """Return the evidence of pairs: where both failed, or neither, nothing is told about which fails more often."""
    alone = rows.filter(pl.col("candidate") != pl.col("stable"))
    counts = [np.array([alone[name].sum()], dtype=np.int64) for name in ("candidate", "stable")]
    return stretched_log_e(counts[0], counts[1], np.array([0.5]))


def _answers_needed(check: Check, plan: FailedAnswers | SlowAnswers, window: CanaryWindow) -> int:
    share = window.weight if 0 < window.weight < 1 else 0.5
    try:
        return answers_needed(share, plan.base, plan.detect, plan.alpha / window.steps)
    except ValueError as error:
        raise ShipwayError("SW-403", f"{check.text}: {error}", "plan for an excess of 1.2 times or more") from error
