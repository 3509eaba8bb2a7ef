"""A label that is a number, measured as a condition is: scikit-learn, a bootstrap of days, and what does not fit."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from shipway.core import performance as words
from shipway.core.candidate import auc, calibration_gap, decision_value, slice_regression
from shipway.core.check import Check, Evidence
from shipway.core.slice_check import advantage_trend, demographic_parity, found_regressions, group_calibration
from shipway.testing.refusal import expect_refusal
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import calibration_table, profile_by
from shipway.validation.sample import Group, Sample

Build = Callable[..., Sample]
DAYS = 60
MONTHS = ("2013-01", "2013-02")
DUE: list[tuple[Check, Callable[..., float]]] = [
    (words.mean_absolute_error, metrics.mean_absolute_error),
    (words.root_mean_squared_error, metrics.root_mean_squared_error),
    (words.r_squared, metrics.r2_score),
    (words.weighted_percentage_error, lambda y, p: np.abs(p - y).sum() / np.abs(y).sum()),
    (words.pinball_loss(quantile=0.9), lambda y, p: metrics.mean_pinball_loss(y, p, alpha=0.9)),
]


@pytest.fixture(scope="module")
def delays(build: Build) -> Sample:
    """Return delays in minutes, which days share: a candidate that knows more of them than its baseline."""
    rng = np.random.default_rng(5)
    n = 6_000
    day = rng.integers(0, DAYS, n)
    known = rng.gamma(2.0, 10.0, n) + rng.normal(0.0, 4.0, DAYS)[day]
    y = known + rng.normal(0.0, 8.0, n)
    return build(
        y,
        known + rng.normal(0.0, 2.0, n),
        current=known + rng.normal(0.0, 12.0, n),
        day=day,
        groups={
            "month": Group((day >= DAYS // 2).astype(np.int64), MONTHS),
            "carrier": Group(rng.integers(0, 3, n), ("AA", "B6", "UA")),
            "day": Group(day, tuple(f"2013-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(DAYS))),
        },
        predict=lambda rows: np.full(len(rows), 12.0),
    )


def _evidence(check: Check, sample: Sample) -> Evidence:
    return measure_candidate(check, sample, subject="model:delay@2", log_digest="d" * 64).evidence


@pytest.mark.parametrize(("check", "due"), DUE, ids=[str(check) for check, _ in DUE])
def test_a_metric_and_its_improvement(delays: Sample, check: Check, due: Callable[..., float]) -> None:
    y, p, q = delays.y, delays.p, delays.baselines["current"]
    ours = _evidence(check, delays)
    assert ours.value == pytest.approx(due(y, p))
    assert ours.low < ours.value < ours.high
    assert ours.clusters == DAYS
    gain = _evidence(check.better_than("current").check, delays)
    better = due(y, p) - due(y, q) if str(check) == "r_squared" else due(y, q) - due(y, p)
    assert gain.value == pytest.approx(better)
    assert gain.low > 0
    # Pairing on the same rows must not be wider than two samples apart would be.
    assert gain.high - gain.low < np.hypot(ours.high - ours.low, ours.high - ours.low) * 2


def test_the_interval_is_that_of_a_bootstrap_of_days(delays: Sample) -> None:
    day, rng = delays.clusters["day"], np.random.default_rng(0)
    rows = [np.flatnonzero(day == which) for which in range(DAYS)]
    drawn = [np.concatenate([rows[k] for k in rng.integers(0, DAYS, DAYS)]) for _ in range(200)]
    for check, due in DUE[:3]:
        error = np.std([due(delays.y[r], delays.p[r]) for r in drawn])
        ours = _evidence(check, delays)
        assert (ours.high - ours.low) / 2 / 2.0 == pytest.approx(error, rel=0.25)


def test_how_far_predictions_are_off_on_average_is_in_the_unit_of_the_label(build: Build) -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(40.0, 10.0, 3_000)
    for off in (7.0, -7.0):
        found = _evidence(calibration_gap, build(y, y + off))
        assert found.value == pytest.approx(7.0)
        assert found.facts["gap"] == pytest.approx(off)
        assert found.low <= 7.0 <= found.high


def test_the_share_of_labels_below_a_predicted_quantile_is_its_level(build: Build) -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(0.0, 1.0, 20_000)
    found = _evidence(words.share_below, build(y, np.full(20_000, 1.2816)))
    assert found.low < 0.9 < found.high


def test_one_cluster_tells_nothing_of_a_number_that_nothing_bounds(delays: Sample) -> None:
    """An interval without ends cannot be stored, and a rule holds on evidence of no rows."""
    for check in (words.mean_absolute_error, words.r_squared, calibration_gap):
        found = _evidence(check.clustered("one"), delays)
        assert found.n == 0
        assert np.isfinite([found.value, found.low, found.high]).all()
    gain = words.mean_absolute_error.clustered("one").better_than("current").check
    assert _evidence(gain, delays).n == 0


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (words.r_squared, "so there is nothing to explain"),
        (words.weighted_percentage_error, "no error is a share of that"),
        (words.mean_absolute_percentage_error, "take weighted_percentage_error"),
    ],
)
def test_a_metric_without_a_value_says_why(build: Build, check: Check, said: str) -> None:
    found = _evidence(check, build(np.zeros(300), np.ones(300)))
    assert (found.n, said in found.facts["said"]) == (0, True)


def test_slices_are_tested_on_the_absolute_error(build: Build) -> None:
    rng = np.random.default_rng(3)
    n = 9_000
    carrier = Group(rng.integers(0, 3, n), ("AA", "B6", "UA"))
    y = rng.normal(20.0, 5.0, n)
    worse = np.where(carrier.codes == 1, 6.0, 1.0)
    sample = build(y, y + rng.normal(0.0, 1.0, n) * worse, current=y + rng.normal(0.0, 3.0, n),
                   groups={"carrier": carrier})  # fmt: skip
    found = measure_candidate(slice_regression("carrier"), sample, subject="model:delay@2", log_digest="")
    rows = {row["slice"]: row for row in found.detail or []}
    assert [name for name, row in rows.items() if row["regressed"]] == ["carrier=B6"]
    mine = carrier.codes == 1
    assert rows["carrier=B6"]["candidate_loss"] == pytest.approx(np.abs(sample.p - y)[mine].mean())
    assert rows["carrier=B6"]["candidate_skill"] == pytest.approx(metrics.r2_score(y[mine], sample.p[mine]))
    assert "absolute error" in found.evidence.facts["said"]
    assert found.evidence.facts["loss"] == "absolute error"


def test_a_search_finds_where_a_number_is_farther_off(build: Build) -> None:
    rng = np.random.default_rng(4)
    n = 20_000
    cuts = {name: Group(rng.integers(0, 4, n), tuple("abcd")) for name in ("x", "z")}
    y = rng.normal(20.0, 5.0, n)
    planted = (cuts["x"].codes == 2) & (cuts["z"].codes == 1)
    sample = build(y, y + rng.normal(0.0, 1.0, n) * np.where(planted, 4.0, 1.0), current=y + rng.normal(0.0, 2.0, n),
                   groups={f"{name} in 10": group for name, group in cuts.items()})  # fmt: skip
    found = measure_candidate(found_regressions("x", "z", support_rows=100), sample, subject="", log_digest="")
    told = [row["slice"] for row in found.detail or [] if row["line"]]
    assert told == ["x=c, z=b"]
    assert found.evidence.facts["unit"] == "absolute error"


def test_groups_are_compared_in_how_far_a_number_is_off(build: Build) -> None:
    rng = np.random.default_rng(6)
    n = 6_000
    sex = Group(rng.integers(0, 2, n), ("f", "m"))
    y = rng.normal(300.0, 20.0, n)
    sample = build(y, y + np.where(sex.codes == 1, 12.0, 0.0) + rng.normal(0.0, 5.0, n), groups={"sex in 10": sex})
    found = _evidence(group_calibration("sex"), sample)
    assert found.value == pytest.approx(12.0, abs=0.6)
    assert 0 < found.low < 12 < found.high < 14
    with expect_refusal("SW-403"):
        _evidence(demographic_parity("sex"), sample)


def test_an_advantage_is_told_by_the_absolute_error(delays: Sample) -> None:
    found = measure_candidate(advantage_trend(), delays, subject="model:delay@2", log_digest="").evidence
    due = np.abs(delays.baselines["current"] - delays.y).mean() - np.abs(delays.p - delays.y).mean()
    assert found.facts["advantage"] == pytest.approx(due)
    assert "absolute error" in found.facts["said"]


def test_a_profile_tells_means_and_errors(delays: Sample) -> None:
    first, _ = profile_by(delays, "month")
    rows = delays.groups["month"].codes == 0
    assert first["mean"] == pytest.approx(delays.y[rows].mean())
    assert first["skill"] == pytest.approx(metrics.r2_score(delays.y[rows], delays.p[rows]))
    assert first["loss"] == pytest.approx(metrics.mean_absolute_error(delays.y[rows], delays.p[rows]))
    table = calibration_table(delays.p, delays.y)
    assert sum(row["n"] for row in table) == delays.n
    assert sum(row["n"] * row["mean"] for row in table) == pytest.approx(delays.y.sum())


def test_what_needs_a_condition_is_refused(delays: Sample) -> None:
    value = decision_value(act_if_true=1, act_if_false=2, skip_if_true=3)
    for check in (auc, auc.better_than("current").check, words.recall(at=0.5), words.calibration_slope, value,
                  value.better_than("current").check):  # fmt: skip
        with expect_refusal("SW-403"):
            _evidence(check, delays)


def test_what_needs_a_number_is_refused_for_a_condition(flights: Callable[..., Sample]) -> None:
    for check in (words.r_squared, words.mean_absolute_error.better_than("current").check):
        with expect_refusal("SW-403"):
            _evidence(check, flights(n=500))


def test_rows_that_do_not_fit_are_refused(build: Build) -> None:
    y = np.arange(10.0)
    for given in ({"y": y + np.inf, "p": y}, {"y": y, "p": y * np.nan}, {"y": y > 3, "p": y}):
        with expect_refusal("SW-403"):
            build(**given)
