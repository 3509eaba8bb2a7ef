from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from shipway.core.candidate import decision_value
from shipway.core.check import Check, Evidence
from shipway.core.gate import judge
from shipway.core.measure import DecisionValue
from shipway.core.performance import action, action_value
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Sample
from shipway.validation.value import measure_value, saved_per_row, value_curve

LATE = DecisionValue(act_if_true=65.0, act_if_false=25.0, skip_if_true=100.0)


def _check(measure: DecisionValue) -> Check:
    return Check("value", measure, "candidate", "value")


def _measure(check: Check, sample: Sample) -> Evidence:
    return measure_candidate(check, sample, subject="model:delay@2", log_digest="d" * 64).evidence


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


ACTIONS = action_value(
    wait=action(if_true=100, if_false=0), call=action(if_true=65, if_false=25), rebook=action(if_true=40, if_false=70)
)


def test_two_actions_are_a_decision(flights: Callable[..., Sample]) -> None:
    sample = flights()
    two = action_value(wait=action(if_true=100, if_false=0), call=action(if_true=65, if_false=25))
    value = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)
    ours, theirs = _measure(two, sample), _measure(value, sample)
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.value, theirs.low, theirs.high))
    assert ours.facts["from"] == {"wait": 0.0, "call": pytest.approx(25 / 60)}
    assert ours.facts["share"]["call"] == pytest.approx(theirs.facts["share_acted"])
    assert ours.facts["cost_of_always"]["call"] == pytest.approx(theirs.facts["cost_of_always"])
    assert ours.facts["cost_of_oracle"] == pytest.approx(theirs.facts["cost_of_oracle"])


def test_a_third_action_cannot_cost_a_calibrated_model(flights: Callable[..., Sample]) -> None:
    sample = flights(noise=0.01)
    two = action_value(wait=action(if_true=100, if_false=0), call=action(if_true=65, if_false=25))
    assert _measure(ACTIONS, sample).value > _measure(two, sample).value
    assert "rebook" in _measure(ACTIONS, sample).facts["said"]
    assert list(_measure(ACTIONS, sample).facts["from"]) == ["wait", "call", "rebook"]


def test_value_is_compared_row_by_row(flights: Callable[..., Sample]) -> None:
    sample = flights()
    for check in (decision_value(act_if_true=65, act_if_false=25, skip_if_true=100), ACTIONS):
        ours = _measure(check, sample).value
        theirs = _measure(check, replace(sample, p=sample.baselines["current"])).value
        gain = _measure(check.better_than("current").check, sample)
        assert gain.value == pytest.approx(ours - theirs)
        assert gain.facts["baseline_value"] == pytest.approx(theirs)
        assert 0 < gain.high - gain.low < 10


def test_the_curve_holds_doing_nothing_always_acting_and_the_best(flights: Callable[..., Sample]) -> None:
    sample = flights()
    check = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)
    assert isinstance(check.measure, DecisionValue)
    curve = value_curve(sample.y, sample.p, check.measure)
    facts = _measure(check, sample).facts
    assert curve[0]["saved"] == pytest.approx(facts["cost_of_nothing"] - facts["cost_of_always"])
    assert (curve[-1]["saved"], curve[-1]["share_acted"]) == (0, 0)
    assert max(row["saved"] for row in curve) >= _measure(check, sample).value - 0.1
    assert value_curve(sample.y[:0], sample.p[:0], check.measure) == []


def test_nothing_to_value_holds(flights: Callable[..., Sample]) -> None:
    empty = flights(n=0)
    for check in (ACTIONS, ACTIONS.better_than("current").check):
        assert _measure(check, empty).n == 0
