import dataclasses
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from shipway.core.candidate import auc, brier, calibration_gap, decision_value, log_loss, never_lowers, slice_regression
from shipway.core.check import Check, Evidence, Rule
from shipway.core.data_check import has_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import decide, judge, make_gate
from shipway.core.measure import Improvement, Score
from shipway.maths.expression import Feature
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Sample

Draw = Callable[..., Sample]
METRICS: dict[str, Callable[..., float]] = {
    "auc": metrics.roc_auc_score,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
    "calibration_gap": lambda y, p: abs(p.mean() - y.mean()),
}


def _evidence(check: Check, sample: Sample) -> Evidence:
    return measure_candidate(check, sample, subject="model:delay@2", log_digest="d" * 64).evidence


def _half(values: np.ndarray, day: np.ndarray) -> float:
    """Return half a 95 % interval of a mean, by a loop over days."""
    days = sorted(set(day.tolist()))
    moved = [(values[day == which] - values.mean()).sum() for which in days]
    error = np.sqrt(len(days) / (len(days) - 1) * np.square(moved).sum()) / values.size
    return float(stats.t.ppf(0.975, len(days) - 1) * error)


@pytest.mark.parametrize("check", [auc, log_loss, brier], ids=str)
def test_a_score_is_what_sklearn_says(flights: Draw, check: Check) -> None:
    sample = flights(scored=7000)
    evidence = _evidence(check, sample)
    assert evidence.value == pytest.approx(METRICS[check.name](sample.y, sample.p), rel=1e-12)
    assert evidence.low < evidence.value < evidence.high
    assert (evidence.n, evidence.clusters, evidence.log_digest) == (6000, 60, "d" * 64)
    assert (evidence.check, evidence.subject, evidence.detail) == (check.name, "model:delay@2", None)
    assert (evidence.facts["scored"], evidence.facts["evaluated"]) == (7000, 6000)
    assert evidence.facts["rate"] == pytest.approx(sample.y.mean())
    bounds = f"{evidence.value:.4f} [{evidence.low:.4f}, {evidence.high:.4f}]"
    assert evidence.facts["said"] == f"{bounds} over 6,000 of 7,000 scored rows in 60 day clusters"


@pytest.mark.parametrize("shift", [-0.2, -0.02, 0.0, 0.02, 0.2])
def test_a_calibration_gap_is_a_distance_whichever_way(flights: Draw, shift: float) -> None:
    drawn = flights()
    sample = dataclasses.replace(drawn, p=np.clip(drawn.p + shift, 0.0, 1.0))
    gap = sample.p - sample.y
    low, high = gap.mean() - _half(gap, sample.clusters["day"]), gap.mean() + _half(gap, sample.clusters["day"])
    evidence = _evidence(calibration_gap, sample)
    assert evidence.value == pytest.approx(abs(gap.mean()))
    assert evidence.low == pytest.approx(0.0 if low <= 0 <= high else min(abs(low), abs(high)))
    assert evidence.high == pytest.approx(max(abs(low), abs(high)))
    assert [evidence.facts[name] for name in ("gap", "gap_low", "gap_high")] == pytest.approx([gap.mean(), low, high])
    assert f"too {'much' if gap.mean() > 0 else 'little'} on average over 6,000" in evidence.facts["said"]
    assert judge(calibration_gap <= 0.1, evidence).outcome == ("fail" if abs(shift) == 0.2 else "pass")


def test_intervals_of_means_are_those_of_a_loop_over_days(flights: Draw) -> None:
    sample = flights()
    y, p, current, day = sample.y, sample.p, sample.baselines["current"], sample.clusters["day"]

    def loss(q: np.ndarray) -> np.ndarray:
        return -np.where(y, np.log(q), np.log(1 - q))

    expected: list[tuple[Check | Rule, np.ndarray]] = [
        (log_loss, loss(p)),
        (brier, (p - y) ** 2),
        (log_loss.better_than("current"), loss(current) - loss(p)),
        (brier.better_than("current"), (current - y) ** 2 - (p - y) ** 2),
    ]
    for asked, values in expected:
        evidence = _evidence(asked.check if isinstance(asked, Rule) else asked, sample)
        half = _half(values, day)
        assert (evidence.low, evidence.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-9)


@pytest.mark.parametrize("check", [auc, auc.better_than("current").check], ids=str)
def test_the_interval_of_an_auc_is_about_that_of_a_bootstrap_of_days(flights: Draw, check: Check) -> None:
    sample, rng = flights(n=3000, days=100), np.random.default_rng(2)
    days = [np.flatnonzero(sample.clusters["day"] == day) for day in range(100)]

    def value(rows: np.ndarray) -> float:
        ours = metrics.roc_auc_score(sample.y[rows], sample.p[rows])
        better = isinstance(check.measure, Improvement)
        return ours - metrics.roc_auc_score(sample.y[rows], sample.baselines["current"][rows]) if better else ours

    draws = [value(np.concatenate([days[day] for day in rng.integers(0, 100, 100)])) for _ in range(300)]
    evidence = _evidence(check, sample)
    assert evidence.value == pytest.approx(value(np.arange(3000)))
    assert (evidence.high - evidence.low) / (2 * 1.984) == pytest.approx(np.std(draws), rel=0.2)


@pytest.mark.parametrize("check", [auc, log_loss, brier], ids=str)
def test_a_better_candidate_passes_and_a_worse_one_fails(flights: Draw, check: Check) -> None:
    rule = check.better_than("current")
    better, worse = _evidence(rule.check, flights(noise=0.1)), _evidence(rule.check, flights(noise=2.0))
    assert better.value > 0 > worse.value
    assert [judge(rule, evidence).outcome for evidence in (better, worse)] == ["pass", "fail"]
    ours, theirs = better.facts["candidate_value"], better.facts["baseline_value"]
    assert better.value == pytest.approx(ours - theirs if check is auc else theirs - ours)
    assert f"{ours:.4f} against {theirs:.4f} of version 1, better by {better.value:.4f} [" in better.facts["said"]


@pytest.mark.parametrize("check", [auc, log_loss, brier], ids=str)
def test_the_same_predictions_improve_exactly_nothing(flights: Draw, check: Check) -> None:
    sample = flights()
    same = flights(baselines={"base rate": sample.baselines["base rate"], "current": sample.p})
    rule = check.better_than("current")
    evidence = _evidence(rule.check, same)
    assert (evidence.value, evidence.low, evidence.high) == (0.0, 0.0, 0.0)
    assert judge(rule, evidence).outcome == "fail"


def test_the_first_version_is_compared_with_the_base_rate(flights: Draw) -> None:
    sample = flights()
    first = flights(current=None)
    rule = log_loss.better_than("current")
    evidence = _evidence(rule.check, first)
    expected = metrics.log_loss(sample.y, first.baselines["base rate"]) - metrics.log_loss(sample.y, sample.p)
    assert evidence.value == pytest.approx(expected)
    assert (evidence.facts["baseline"], evidence.facts["fallback"]) == ("base rate", True)
    assert "of base rate (no version has passed yet), better by" in evidence.facts["said"]
    assert judge(rule, evidence).outcome == "pass"


def test_a_constant_baseline_ranks_nothing(flights: Draw) -> None:
    evidence = _evidence(auc.better_than("base rate").check, flights())
    assert evidence.facts["baseline_value"] == 0.5
    assert (evidence.facts["baseline"], evidence.facts["fallback"]) == ("base rate", False)


CHECKS: list[Rule] = [
    auc >= 0.7,
    log_loss <= 0.6,
    brier <= 0.3,
    calibration_gap <= 0.05,
    auc.better_than("current"),
    log_loss.better_than("current"),
    brier.better_than("base rate"),
    decision_value(act_if_true=65, act_if_false=25, skip_if_true=100) > 0,
    slice_regression("origin", support_rows=1).no_regression(),
]


@pytest.mark.parametrize("rule", CHECKS, ids=str)
def test_rows_of_one_cluster_hold_whatever_they_say(flights: Draw, rule: Rule) -> None:
    sample = flights(day=np.full(6000, 4))
    assert judge(rule, _evidence(rule.check, sample)).outcome == "hold"


@pytest.mark.parametrize(
    ("check", "possible"),
    [
        (auc, (0.0, 1.0)),
        (brier, (0.0, 1.0)),
        (log_loss, (0.0, -np.log(1e-15))),
        (calibration_gap, (0.0, 1.0)),
        (auc.better_than("current").check, (-1.0, 1.0)),
        (brier.better_than("current").check, (-1.0, 1.0)),
        (log_loss.better_than("current").check, (np.log(1e-15), -np.log(1e-15))),
    ],
    ids=str,
)
def test_one_cluster_leaves_all_that_is_possible(flights: Draw, check: Check, possible: tuple[float, float]) -> None:
    evidence = _evidence(check, flights(day=np.zeros(6000, np.int64)))
    assert (evidence.low, evidence.high) == pytest.approx(possible)
    assert (evidence.n, evidence.clusters) == (6000, 1)
    assert evidence.facts["said"].endswith(" in 1 day cluster, too few for an interval")


@pytest.mark.parametrize("rule", CHECKS, ids=str)
def test_no_labels_yet_hold(flights: Draw, rule: Rule) -> None:
    evidence = _evidence(rule.check, flights(n=0, scored=500))
    assert (evidence.n, evidence.facts["said"], evidence.facts["scored"]) == (0, "no row has a label yet", 500)
    assert judge(rule, evidence).outcome == "hold"


@pytest.mark.parametrize(("label", "word"), [(True, "true"), (False, "false")])
@pytest.mark.parametrize("rule", [auc >= 0.1, auc.better_than("current")], ids=str)
def test_one_class_cannot_be_ranked_and_holds(flights: Draw, rule: Rule, label: bool, word: str) -> None:
    sample = dataclasses.replace(flights(), y=np.full(6000, label))
    evidence = _evidence(rule.check, sample)
    assert (evidence.n, evidence.facts["evaluated"]) == (0, 6000)
    assert evidence.facts["said"] == f"all 6,000 labels are {word}, so there is nothing to rank"
    assert judge(rule, evidence).outcome == "hold"


@given(seed=st.integers(0, 10_000), n=st.integers(0, 40), days=st.integers(1, 4))
def test_evidence_is_always_finite_and_survives_being_stored(flights: Draw, seed: int, n: int, days: int) -> None:
    sample = flights(seed=seed, n=n, days=days)
    for rule in CHECKS:
        evidence = _evidence(rule.check, sample)
        numbers = [evidence.value, evidence.low, evidence.high]
        assert np.isfinite(numbers).all()
        assert evidence.low <= evidence.value <= evidence.high or evidence.n == 0
        assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence


def test_a_check_on_data_is_refused(flights: Draw) -> None:
    table = Source("flights", ("fid",), ("flights",), {"always": ("fid",)})
    with pytest.raises(ShipwayError) as caught:
        _evidence(has_columns(table, fid="int"), flights(n=10))
    assert caught.value.code == "SW-403"
    assert caught.value.fact == 'has_columns(flights, fid="int") measures data, not a candidate'


@pytest.mark.parametrize(
    ("measure", "hint"),
    [
        (Score("auc", "dya"), "did you mean 'day'?"),
        (Improvement("auc", "curent"), "did you mean 'current'?"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(flights: Draw, measure: Any, hint: str) -> None:
    with pytest.raises(ShipwayError) as caught:
        _evidence(Check("c", measure, "candidate", "c"), flights(n=10))
    assert (caught.value.code, caught.value.hint) == ("SW-104", hint)


def test_a_whole_gate_on_one_sample(flights: Draw) -> None:
    value = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)
    slices = slice_regression("origin", "carrier", support_rows=100)
    storm = never_lowers("storms", {Feature("a", "rain"): 1.0})
    gate = make_gate("quality", auc >= 0.6, log_loss.better_than("current"), value, slices, storm, before="release")
    x = np.random.default_rng(1).random((6000, 1))
    good = {"x": x, "columns": ("a_rain",), "predict": lambda rows: np.nan_to_num(rows[:, 0]) / 3}
    bad = {**good, "predict": lambda rows: 1 - rows[:, 0] / 3}
    dry = {**good, "x": np.full((6000, 1), np.nan)}
    verdicts = []
    for columns in (good, bad, dry):
        sample = flights(noise=0.1, **columns)
        verdicts.append(
            decide(gate, "model:delay@2", {rule.check.name: _evidence(rule.check, sample) for rule in gate.rules})
        )
    assert [verdict.outcome for verdict in verdicts] == ["pass", "fail", "hold"]
    assert verdicts[0].reason == "all 5 rules pass"
    assert (
        "storms: a_rain +1: falls by more than 0.005 in 6,000 of 6,000 rows; at its simplest a_rain "
        in verdicts[1].reason
    )
    assert verdicts[2].reason.startswith("storms: ")
