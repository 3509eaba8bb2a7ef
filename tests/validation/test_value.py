from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from shipway.core.candidate import decision_value
from shipway.core.check import Check
from shipway.core.gate import judge
from shipway.core.measure import DecisionValue
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Sample
from shipway.validation.value import measure_value, saved_per_row

LATE = DecisionValue(act_if_true=65.0, act_if_false=25.0, skip_if_true=100.0)


def _check(measure: DecisionValue) -> Check:
    return Check("value", measure, "candidate", "value")


def test_against_a_naive_count_of_all_four_outcomes(flights: Callable[..., Sample]) -> None:
    sample = flights(n=900)
    measure = DecisionValue(60.0, 20.0, 100.0, 3.0)
    cost, nothing, oracle, acted = 0.0, 0.0, 0.0, 0
    for y, p in zip(sample.y.tolist(), sample.p.tolist(), strict=True):
        act = p > (20.0 - 3.0) / ((20.0 - 3.0) + (100.0 - 60.0))
        acted += act
        cost += (60.0 if y else 20.0) if act else (100.0 if y else 3.0)
        nothing += 100.0 if y else 3.0
        oracle += 60.0 if y else 3.0
    reading = measure_value(measure, sample)
    assert reading.value == pytest.approx((nothing - cost) / 900)
    assert reading.facts["cost"] == pytest.approx(cost / 900)
    assert reading.facts["cost_of_nothing"] == pytest.approx(nothing / 900)
    assert reading.facts["cost_of_oracle"] == pytest.approx(oracle / 900)
    assert reading.facts["share_acted"] == pytest.approx(acted / 900)


def test_the_interval_is_that_of_sums_by_day(flights: Callable[..., Sample]) -> None:
    sample = flights(n=900)
    saved, day = saved_per_row(sample.y, sample.p, LATE), sample.clusters["day"]
    days = sorted(set(day.tolist()))
    moved = [sum(s - saved.mean() for s, d in zip(saved, day, strict=True) if d == which) for which in days]
    error = np.sqrt(len(days) / (len(days) - 1) * sum(m * m for m in moved)) / 900
    half = stats.t.ppf(0.975, len(days) - 1) * error
    reading = measure_value(LATE, sample)
    assert (reading.low, reading.high) == pytest.approx((saved.mean() - half, saved.mean() + half))
    assert reading.clusters == len(days)


def test_a_model_that_never_acts_saves_exactly_nothing_and_fails(build: Callable[..., Sample]) -> None:
    y = np.arange(300) % 4 == 0
    check = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)
    measured = measure_candidate(check, build(y, np.full(300, 0.25)), subject="model:m@1", log_digest="")
    assert (measured.evidence.value, measured.evidence.low, measured.evidence.high) == (0.0, 0.0, 0.0)
    assert judge(check > 0, measured.evidence).outcome == "fail"


def test_acting_on_everything_loses_and_an_oracle_passes(build: Callable[..., Sample]) -> None:
    y = np.arange(3000) % 5 == 0
    check, day = _check(LATE), np.random.default_rng(1).integers(0, 40, 3000)
    always = measure_candidate(check, build(y, np.full(3000, 0.9), day=day), subject="model:m@1", log_digest="")
    oracle = measure_candidate(check, build(y, y.astype(float), day=day), subject="model:m@1", log_digest="")
    assert judge(check > 0, always.evidence).outcome == "fail"
    assert judge(check > 0, oracle.evidence).outcome == "pass"
    assert oracle.evidence.value == pytest.approx(0.2 * 35.0)
    assert oracle.evidence.facts["cost"] == oracle.evidence.facts["cost_of_oracle"]
    assert oracle.evidence.facts["said"].startswith("saves 7 [")
    assert "costs 13, doing nothing 20, an oracle 13, acts on 20.0% over 3,000 rows" in oracle.evidence.facts["said"]


def test_a_prediction_at_the_threshold_is_not_acted_on(build: Callable[..., Sample]) -> None:
    y = np.arange(60) % 2 == 0
    at, above = (measure_value(LATE, build(y, np.full(60, p))) for p in (LATE.threshold, LATE.threshold + 1e-9))
    assert (at.facts["share_acted"], at.value) == (0.0, 0.0)
    assert (above.facts["share_acted"], above.value) == (1.0, pytest.approx(5.0))


@pytest.mark.parametrize("y", [np.array([], bool), np.array([True, False])])
def test_too_little_holds_within_what_is_possible(build: Callable[..., Sample], y: np.ndarray) -> None:
    sample = build(y, y.astype(float), day=np.zeros(y.size, np.int64))
    check = _check(DecisionValue(60.0, 25.0, 100.0, 3.0))
    measured = measure_candidate(check, sample, subject="model:m@1", log_digest="")
    assert (measured.evidence.low, measured.evidence.high) == (-22.0, 40.0)
    assert judge(check > 0, measured.evidence).outcome == "hold"
