"""Metrics of a candidate on a clustered sample against scikit-learn and a bootstrap of days."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from shipway.core import performance as words
from shipway.core.candidate import auc
from shipway.core.check import Check, Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.validation.evaluation import measure_candidate
from shipway.validation.sample import Group, Sample

Draw = Callable[..., Sample]
DUE: list[tuple[Check, Callable[..., float]]] = [
    (words.precision(at=0.4), lambda y, p: metrics.precision_score(y, p > 0.4)),
    (words.recall(at=0.4), lambda y, p: metrics.recall_score(y, p > 0.4)),
    (words.f_score(at=0.4, beta=2), lambda y, p: metrics.fbeta_score(y, p > 0.4, beta=2)),
    (words.mcc(at=0.4), lambda y, p: metrics.matthews_corrcoef(y, p > 0.4)),
    (words.average_precision, metrics.average_precision_score),
    (words.accuracy, lambda y, p: metrics.accuracy_score(y, p > 0.5)),
]


def _evidence(check: Check, sample: Sample) -> Evidence:
    return measure_candidate(check, sample, subject="model:delay@2", log_digest="d" * 64).evidence


@pytest.mark.parametrize(("check", "due"), DUE, ids=[str(check) for check, _ in DUE])
def test_a_metric_and_its_improvement(flights: Draw, check: Check, due: Callable[..., float]):
    sample = flights()
    y, p, q = sample.y, sample.p, sample.baselines["current"]
    ours = _evidence(check, sample)
    assert ours.value == pytest.approx(due(y, p))
    assert ours.low < ours.value < ours.high
    gain = _evidence(check.better_than("current").check, sample)
    assert gain.value == pytest.approx(due(y, p) - due(y, q))
    assert (gain.facts["candidate_value"], gain.facts["baseline_value"]) == pytest.approx((due(y, p), due(y, q)))
    # Pairing on the same rows must not be wider than two samples apart would be.
    assert gain.high - gain.low < np.hypot(ours.high - ours.low, ours.high - ours.low)


def test_the_interval_is_that_of_a_bootstrap_of_days(flights: Draw):
    sample = flights(n=3000, days=50)
    day, rng = sample.clusters["day"], np.random.default_rng(0)
    rows = [np.flatnonzero(day == which) for which in range(50)]
    drawn = [np.concatenate([rows[k] for k in rng.integers(0, 50, 50)]) for _ in range(150)]
    for check, due in DUE[2:5]:
        error = np.std([due(sample.y[r], sample.p[r]) for r in drawn])
        ours = _evidence(check, sample)
        assert (ours.high - ours.low) / 2 / 2.01 == pytest.approx(error, rel=0.25)


def test_calibration_is_told_with_what_chance_makes(flights: Draw):
    good = flights(noise=0.01)
    found = _evidence(words.expected_calibration_error, good)
    assert found.low == 0
    assert found.facts["chance"] == pytest.approx(found.value, abs=0.01)
    assert judge(words.expected_calibration_error <= 0.06, found).outcome == "pass"
    odds = np.log(good.p / (1 - good.p))
    sure = dataclasses.replace(good, p=1 / (1 + np.exp(-2.5 * odds)))
    assert (
        judge(words.expected_calibration_error <= 0.05, _evidence(words.expected_calibration_error, sure)).outcome
        == "fail"
    )
    slope = _evidence(words.calibration_slope, sure)
    assert slope.high < 0.6
    assert _evidence(words.calibration_slope, good).low < 1 < _evidence(words.calibration_slope, good).high


def test_rows_are_ranked_within_their_query(build: Callable[..., Sample]):
    y, p = np.array([True, False, True, False, False, True]), np.array([0.9, 0.1, 0.2, 0.8, 0.3, 0.2])
    query = Group(np.array([0, 0, 1, 1, 2, 2]), ("a", "b", "c"))
    sample = build(y, p, day=np.array([0, 0, 1, 1, 2, 2]), groups={"query": query})
    found = _evidence(words.mean_reciprocal_rank(query="query"), sample)
    assert (found.value, found.clusters) == (pytest.approx(2 / 3), 3)
    due = np.mean([metrics.ndcg_score([y[s : s + 2]], [p[s : s + 2]], k=1) for s in (0, 2, 4)])
    assert _evidence(words.ndcg(first=1, query="query"), sample).value == pytest.approx(due)
    with pytest.raises(ShipwayError, match="not grouped by 'nothing'"):
        _evidence(words.ndcg(first=1, query="nothing"), sample)


@pytest.mark.parametrize("check", [words.calibration_slope, words.average_precision, words.expected_calibration_error])
def test_one_cluster_or_none_holds(flights: Draw, check: Check):
    sample = flights(n=300)
    one = dataclasses.replace(sample, clusters={"day": np.zeros(300, np.int64)})
    found = _evidence(check, one)
    assert np.isfinite([found.value, found.low, found.high]).all()
    assert judge(check <= 0.5, found).outcome == "hold"
    nothing = flights(n=0)
    assert (_evidence(check, nothing).n, judge(check <= 0.5, _evidence(check, nothing)).outcome) == (0, "hold")


def test_what_has_no_value_holds_and_says_why(flights: Draw):
    sample = flights(n=300)
    found = _evidence(words.precision(at=0.999), sample)
    assert (found.n, found.facts["said"]) == (0, "no prediction is above 0.999")
    split = dataclasses.replace(sample, p=np.where(sample.y, 0.9, 0.1))
    assert "no finite line" in _evidence(words.calibration_slope, split).facts["said"]
    quiet = dataclasses.replace(sample, baselines={**sample.baselines, "current": np.full(300, 0.1)})
    gain = _evidence(words.precision(at=0.5).better_than("current").check, quiet)
    assert (gain.n, gain.facts["said"]) == (0, "version 1: no prediction is above 0.5")


@pytest.mark.parametrize("at", [0.2, 0.5])
def test_a_first_version_is_compared_with_what_a_constant_can_do(flights: Draw, at: float):
    """The base rate, 0.32 here, acts on every row at one threshold and on none at the other."""
    drawn = flights()
    first = dataclasses.replace(drawn, baselines={"base rate": np.full(drawn.n, drawn.y.mean())})
    gain = _evidence(words.precision(at=at).better_than("current").check, first)
    assert gain.facts["baseline_value"] == pytest.approx(first.y.mean())
    assert "of acting on every row (no version has passed yet), better by" in gain.facts["said"]
    assert gain.value == pytest.approx(gain.facts["candidate_value"] - first.y.mean())
    assert judge(words.precision(at=at).better_than("current"), gain).outcome == "pass"
    told = _evidence(words.mcc(at=at).better_than("current").check, first)
    alone = _evidence(words.mcc(at=at), first)
    assert (told.value, told.low, told.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert judge(words.mcc(at=at).better_than("current"), told).outcome == "pass"
    for check in (words.recall(at=at), words.specificity(at=at)):
        nothing = _evidence(check.better_than("current").check, first)
        assert judge(check.better_than("current"), nothing).outcome == "hold"
        due = f"no version has passed yet, and a base rate has no {check.measure.metric} to beat: ask for {check} >= "
        assert nothing.facts["said"].startswith(due)


def test_a_first_version_that_acts_on_whom_it_should_not_does_not_pass(flights: Draw):
    drawn = flights()
    worse = dataclasses.replace(drawn, p=1 - drawn.p, baselines={"base rate": np.full(drawn.n, drawn.y.mean())})
    for check in (words.precision(at=0.5), words.mcc(at=0.5)):
        rule = check.better_than("current")
        assert judge(rule, _evidence(rule.check, worse)).outcome == "fail"


def test_few_rows_that_count_hold_whatever_others_there_are(build: Callable[..., Sample]):
    """9,000 rows on 90 days, all ten positives on one of them, seven found; then one row acted on, rightly."""
    y, day = np.arange(9000) < 10, np.repeat(np.arange(90), 100)
    sample = build(y, np.where(np.arange(9000) < 7, 0.9, 0.1), day=day)
    found = _evidence(words.recall(at=0.5), sample)
    assert (found.value, found.low, found.high, found.n, found.clusters) == (0.7, 0.0, 1.0, 10, 1)
    assert "over 10 of 9,000 rows, those that count, in 1 day cluster, too few" in found.facts["said"]
    assert judge(words.recall(at=0.5) >= 0.6, found).outcome == "hold"
    once = build(y, np.where(np.arange(9000) < 1, 0.9, 0.1), day=day)
    assert judge(words.precision(at=0.5) >= 0.6, _evidence(words.precision(at=0.5), once)).outcome == "hold"
    first = build(np.arange(9000) % 5000 == 0, np.where(np.arange(9000) % 5000 == 0, 0.9, 0.1), day=day)
    assert judge(auc >= 0.9, _evidence(auc, first)).outcome == "hold"


def test_clusters_may_be_others_than_days(flights: Draw):
    sample = flights()
    alone = dataclasses.replace(sample, clusters={**sample.clusters, "row": np.arange(sample.n)})
    by_day, by_row = _evidence(auc, alone), _evidence(auc.clustered("row"), alone)
    assert by_row.clusters == np.count_nonzero(sample.y) < sample.n / 2  # the scarcer class, which decides
    assert by_row.facts["said"].endswith(f"{by_row.clusters:,} of them with the scarcer class")
    assert by_row.high - by_row.low < by_day.high - by_day.low
