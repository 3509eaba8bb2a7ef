"""Fairness against fairlearn on the same rows, and its intervals against those of one group."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from fairlearn import metrics as fairlearn

from shipway.core.check import Check, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.slice_measure import ROW, Fairness
from shipway.maths.interval import clustered_mean, interval
from shipway.validation.cut import cut_column, cut_name
from shipway.validation.evaluation import measure_candidate
from shipway.validation.fairness import cross_groups, measure_fairness
from shipway.validation.sample import Group, Sample

Build = Callable[..., Sample]
N = 5000


@pytest.fixture(scope="module")
def people(build: Build) -> Sample:
    rng = np.random.default_rng(5)
    sex, age, day = rng.integers(0, 2, N), rng.integers(0, 4, N), rng.integers(0, 40, N)
    logit = rng.normal(-0.3, 1.0, N) + 0.4 * sex - 0.2 * age + rng.normal(0.0, 0.4, 40)[day]
    p = 1 / (1 + np.exp(-(logit + rng.normal(0.0, 0.5, N) + 0.5 * sex)))
    columns = {
        "sex": pl.Series(sex).replace_strict({0: "f", 1: "m"}),
        "age": pl.Series(age).replace_strict({0: "18-29", 1: "30-44", 2: "45-64", 3: "65 and over"}),
    }
    groups = {cut_name(name, 10): cut_column(values) for name, values in columns.items()}
    return build(rng.random(N) < 1 / (1 + np.exp(-logit)), p, day=day, groups=groups)


def _crossed(sample: Sample, *by: str) -> np.ndarray:
    return np.column_stack([sample.groups[cut_name(name, 10)].codes for name in by])


@pytest.mark.parametrize("by", [("sex",), ("age",), ("sex", "age")])
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        ("demographic_parity", fairlearn.demographic_parity_difference),
        ("demographic_parity_ratio", fairlearn.demographic_parity_ratio),
        ("equal_opportunity", fairlearn.equal_opportunity_difference),
        ("equalised_odds", fairlearn.equalized_odds_difference),
    ],
)
def test_same_as_fairlearn(people: Sample, by, metric, theirs):
    measure = Fairness(metric, by, threshold=0.45, support_rows=1, support_clusters=1)
    expected = theirs(people.y, people.p > 0.45, sensitive_features=_crossed(people, *by))
    reading = measure_fairness(measure, people)
    assert reading.value == pytest.approx(expected, rel=1e-12)
    assert reading.low <= reading.value <= reading.high


def test_calibration_is_the_mean_prediction_less_the_rate(people: Sample):
    reading = measure_fairness(Fairness("group_calibration", ("sex",)), people)
    sex = people.groups[cut_name("sex", 10)].codes
    gaps = [(people.p - people.y)[sex == code].mean() for code in (0, 1)]
    assert reading.value == pytest.approx(abs(gaps[1] - gaps[0]))
    assert reading.facts["most_value"] == pytest.approx(max(gaps))


def test_each_group_has_its_own_clustered_interval(people: Sample):
    reading = measure_fairness(Fairness("equal_opportunity", ("age",), threshold=0.3), people)
    codes, day = people.groups[cut_name("age", 10)].codes, people.clusters["day"]
    for at, row in enumerate(reading.detail or []):
        rows = (codes == at) & people.y
        alone = clustered_mean((people.p > 0.3)[rows].astype(np.float64), day[rows])
        assert (row["value"], row["n"], row["clusters"]) == pytest.approx((alone.value, alone.n, alone.clusters))
        assert (row["low"], row["high"]) == pytest.approx(interval(alone), abs=0.01)


def test_a_small_group_is_listed_and_does_not_decide(people: Sample):
    both = Fairness("demographic_parity", ("age",), support_rows=1, support_clusters=1)
    codes = people.groups[cut_name("age", 10)].codes.copy()
    few = np.flatnonzero(codes == 3)[:30]
    p = people.p.copy()
    p[few] = 0.99
    groups = {cut_name("age", 10): Group(np.where(np.isin(np.arange(N), few), 4, codes), ("a", "b", "c", "d", "few"))}
    import dataclasses

    sample = dataclasses.replace(people, p=p, groups=groups)
    small = measure_fairness(Fairness("demographic_parity", ("age",), support_rows=100), sample)
    assert small.value < measure_fairness(both, sample).value
    (row,) = [row for row in small.detail or [] if not row["decides"]]
    assert (row["group"], row["value"]) == ("age=few", 1.0)
    assert small.facts["under_support"] == 1


def test_one_group_alone_holds(people: Sample):
    check = Check("fair", Fairness("demographic_parity", ("sex",), support_rows=N), "candidate", "fair")
    evidence = measure_candidate(check, people, subject="model:m@1", log_digest="").evidence
    finding = judge(check <= 0.1, evidence)
    assert finding.outcome == "hold"
    assert "fewer than two of 2 groups" in finding.reason


def test_a_rate_that_no_two_groups_can_be_compared_by_holds(build: Build):
    """2 % true: no group has 100 true rows, and the other rate of equalised odds says nothing of that one."""
    sex, true = np.arange(8000) % 2, np.arange(8000) % 50 < 1
    true &= (sex == 0) | (np.arange(8000) < 4000)
    group = Group(sex, ("f", "m"))
    sample = build(true, np.full(8000, 0.1), groups={cut_name("sex", 10): group})
    check = Check("fair", Fairness("equalised_odds", ("sex",), support_rows=200), "candidate", "fair")
    finding = judge(check <= 0.1, measure_candidate(check, sample, subject="model:m@1", log_digest="").evidence)
    assert finding.outcome == "hold"
    assert "200 rows to tell acts where true" in finding.reason


def test_a_difference_that_is_surely_too_great_fails_and_one_that_is_not_holds(people: Sample):
    check = Check("fair", Fairness("demographic_parity", ("sex",)), "candidate", "fair")
    evidence = measure_candidate(check, people, subject="model:m@1", log_digest="").evidence
    outcomes = [judge(check <= bound, evidence).outcome for bound in (0.02, evidence.value, 0.6)]
    assert outcomes == ["fail", "hold", "pass"]


def test_rows_that_are_independent_need_no_clusters(people: Sample):
    reading = measure_fairness(Fairness("demographic_parity", ("sex",), cluster=ROW), people)
    sex, acts = people.groups[cut_name("sex", 10)].codes, people.p > 0.5
    share = [acts[sex == code].mean() for code in (0, 1)]
    error = np.sqrt(sum(s * (1 - s) / ((sex == code).sum() - 1) for code, s in enumerate(share)))
    assert (reading.high - reading.low) / 2 == pytest.approx(1.96 * error, rel=0.01)
    assert reading.clusters == 0


def test_no_rows_hold(build: Build):
    empty = build(np.zeros(0, np.bool_), np.zeros(0), groups={cut_name("sex", 10): Group(np.zeros(0, np.int64), ())})
    assert measure_fairness(Fairness("demographic_parity", ("sex",)), empty).n == 0


def test_combinations_are_named_and_a_row_without_a_label_is_in_none():
    a, b = Group(np.array([0, 1, 1, -1]), ("x", "y")), Group(np.array([1, 0, 1, 1]), ("s", "t"))
    crossed = cross_groups([("a", a), ("b", b)])
    assert crossed.labels == ("a=x, b=t", "a=y, b=s", "a=y, b=t")
    assert crossed.codes.tolist() == [0, 1, 2, -1]


def test_an_unknown_column_is_named(people: Sample):
    with pytest.raises(ShipwayError, match="SW-104"):
        measure_fairness(Fairness("demographic_parity", ("sec",)), people)


def test_a_check_on_fairness_has_no_bound_of_its_own():
    with pytest.raises(ShipwayError, match="no bound"):
        natural_rule(Check("fair", Fairness("demographic_parity", ("sex",)), "candidate", "fair"))
