"""A label of classes, measured as the other kinds are: scikit-learn, a bootstrap of days, and what does not fit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from shipway import behaviours as b
from shipway.core import performance as words
from shipway.core.candidate import auc, brier, calibration_gap, decision_value, log_loss, slice_regression
from shipway.core.check import Check, Evidence
from shipway.core.gate import judge
from shipway.core.probe import Add, Behaviour, Moves, Probe
from shipway.core.slice_check import (
    advantage_trend,
    demographic_parity,
    equal_accuracy,
    equalised_odds,
    found_regressions,
    group_calibration,
)
from shipway.testing.refusal import expect_refusal
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import calibration_of, profile_by
from shipway.validation.sample import Floats, Group, Ints, Sample, take_rows

Build = Callable[..., Sample]
DAYS = 60
NAMES = ("late", "lost", "on time")
CALL = {"act_if_true": 4.0, "act_if_false": 1.0, "skip_if_true": 10.0}


def _softmax(x: Floats) -> Floats:
    odds = np.exp(x - x.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _draw(rng: np.random.Generator, chance: Floats) -> Ints:
    return (chance.cumsum(axis=1) < rng.random((len(chance), 1))).sum(axis=1).clip(0, chance.shape[1] - 1)


@pytest.fixture(scope="module")
def parcels(build: Build) -> Sample:
    """Return parcels that are late, lost or on time, which days share: a candidate less noisy than its baseline."""
    rng = np.random.default_rng(5)
    n = 6_000
    day = rng.integers(0, DAYS, n)
    odds = rng.normal(0, 1, (n, 3)) + np.array([0.0, -1.5, 1.0]) + rng.normal(0, 0.4, (DAYS, 3))[day]
    y = _draw(rng, _softmax(odds))
    return build(
        y,
        _softmax(odds + rng.normal(0, 0.3, (n, 3))),
        current=_softmax(odds + rng.normal(0, 1.0, (n, 3))),
        day=day,
        classes=NAMES,
        groups={
            "month": Group((day >= DAYS // 2).astype(np.int64), ("2013-01", "2013-02")),
            "carrier": Group(rng.integers(0, 3, n), ("AA", "B6", "UA")),
            "carrier in 10": Group(rng.integers(0, 3, n), ("AA", "B6", "UA")),
            "day": Group(day, tuple(f"2013-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(DAYS))),
        },
        predict=lambda rows: np.tile([0.2, 0.1, 0.7], (len(rows), 1)),
    )


def _evidence(check: Check, sample: Sample) -> Evidence:
    return measure_candidate(check, sample, subject="model:parcel@2", log_digest="d" * 64).evidence


def _said(p: Floats) -> Ints:
    return p.argmax(axis=1)


def _recall(y: Ints, p: Floats) -> float:
    return metrics.recall_score(y == 1, _said(p) == 1)


DUE: list[tuple[Check, Callable[[Any, Any], float]]] = [
    (words.macro_auc, lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr", average="macro")),
    (log_loss, metrics.log_loss),
    (brier, lambda y, p: float(np.square(p - np.eye(3)[y]).sum(axis=1).mean())),
    (words.accuracy, lambda y, p: metrics.accuracy_score(y, _said(p))),
    (words.macro_f1, lambda y, p: metrics.f1_score(y, _said(p), average="macro")),
    (words.weighted_f1, lambda y, p: metrics.f1_score(y, _said(p), average="weighted")),
    (words.top_accuracy(first=2), lambda y, p: metrics.top_k_accuracy_score(y, p, k=2)),
    (auc.of("lost"), lambda y, p: metrics.roc_auc_score(y == 1, p[:, 1])),
    (words.average_precision.of("lost"), lambda y, p: metrics.average_precision_score(y == 1, p[:, 1])),
    (log_loss.of("lost"), lambda y, p: metrics.log_loss(y == 1, p[:, 1])),
    (words.recall(of="lost"), _recall),
    (words.recall(at=0.2, of="lost"), lambda y, p: metrics.recall_score(y == 1, p[:, 1] > 0.2)),
    (words.precision(of="late"), lambda y, p: metrics.precision_score(y == 0, _said(p) == 0)),
    (words.f_score(of="late", beta=2), lambda y, p: metrics.fbeta_score(y == 0, _said(p) == 0, beta=2)),
    (words.mcc(of="on time"), lambda y, p: metrics.matthews_corrcoef(y == 2, _said(p) == 2)),
]


@pytest.mark.parametrize(("check", "due"), DUE, ids=[str(check) for check, _ in DUE])
def test_a_metric_and_its_improvement(parcels: Sample, check: Check, due: Callable[[Any, Any], float]) -> None:
    y, p, q = parcels.y, parcels.p, parcels.baselines["current"]
    ours = _evidence(check, parcels)
    assert ours.value == pytest.approx(due(y, p))
    assert ours.low < ours.value < ours.high
    assert ours.clusters == DAYS
    gain = _evidence(check.better_than("current").check, parcels)
    less = "loss" in str(check) or str(check) == "brier"
    assert gain.value == pytest.approx((due(y, q) - due(y, p)) if less else (due(y, p) - due(y, q)))
    assert gain.facts["baseline"] == "version 1"


def test_the_interval_is_that_of_a_bootstrap_of_days(parcels: Sample) -> None:
    day, rng = parcels.clusters["day"], np.random.default_rng(0)
    rows = [np.flatnonzero(day == which) for which in range(DAYS)]
    drawn = [np.concatenate([rows[k] for k in rng.integers(0, DAYS, DAYS)]) for _ in range(150)]
    for check, due in (DUE[0], DUE[1], DUE[4], DUE[7]):
        error = np.std([due(parcels.y[r], parcels.p[r]) for r in drawn])
        ours = _evidence(check, parcels)
        assert (ours.high - ours.low) / 2 / 2.0 == pytest.approx(error, rel=0.3)


def test_calibration_is_that_of_the_chosen_class(parcels: Sample) -> None:
    right, sure = _said(parcels.p) == parcels.y, parcels.p.max(axis=1)
    gap = _evidence(calibration_gap, parcels)
    assert gap.facts["gap"] == pytest.approx(sure.mean() - right.mean())
    assert "too sure of its class" in gap.facts["said"]
    assert gap.facts["right"] == pytest.approx(right.mean())
    assert gap.facts["shares"]["lost"] == pytest.approx((parcels.y == 1).mean())
    table = calibration_of(parcels)
    assert sum(row["n"] * row["mean"] for row in table) == pytest.approx(right.sum())
    error = _evidence(words.expected_calibration_error, parcels)
    assert error.value == pytest.approx(sum(row["n"] * abs(row["mean_p"] - row["mean"]) for row in table) / parcels.n)
    lost = _evidence(calibration_gap.of("lost"), parcels)
    assert lost.facts["gap"] == pytest.approx(parcels.p[:, 1].mean() - (parcels.y == 1).mean())


def test_a_first_version_is_compared_with_the_shares(parcels: Sample) -> None:
    first = replace(parcels, baselines={"base rate": parcels.baselines["base rate"]},
                    baseline_names={"base rate": "training shares"})  # fmt: skip
    gain = _evidence(log_loss.better_than("current").check, first)
    assert (gain.facts["baseline"], gain.facts["fallback"], gain.low > 0) == ("training shares", True, True)
    assert _evidence(words.macro_auc.better_than("current").check, first).facts["baseline_value"] == pytest.approx(0.5)
    assert _evidence(words.recall(of="lost").better_than("current").check, first).n == 0
    for recall in (words.recall(of="lost"), words.recall(at=0.3, of="lost")):
        assert f"ask for {recall.text} >= ..." in _evidence(recall.better_than("current").check, first).facts["said"]


def test_a_class_that_nobody_knows_holds(parcels: Sample) -> None:
    recall = words.recall(of="stolen").better_than("current").check
    for check in (auc.of("stolen"), recall, demographic_parity("carrier", of="stolen")):
        found = _evidence(check, parcels)
        assert (found.n, found.facts["said"]) == (0, "no row is 'stolen', and no version learned it")
    assert judge(auc.of("stolen") >= 0.7, _evidence(auc.of("stolen"), parcels)).outcome == "hold"


def test_rows_of_classes_that_it_never_learned_are_told(build: Build) -> None:
    y, p = np.array([0, 1, 2] * 60), np.tile([0.5, 0.5, 0.0], (180, 1))
    found = _evidence(log_loss, sample := build(y, p, classes=NAMES, learned=NAMES[:2]))
    assert found.value == pytest.approx((2 * np.log(2) - np.log(1e-15)) / 3)
    assert found.facts["unseen"] == 60
    assert found.facts["said"].endswith("; 60 rows are of classes that it never learned")
    few = take_rows(sample, np.array([0, 1, 2, 3]), np.zeros((4, 1)), ("a",))
    assert _evidence(log_loss, few).facts["said"].endswith("; 1 row is of a class that it never learned")
    parity = demographic_parity("carrier", of="late", support_rows=10)
    cut = replace(sample, groups={"carrier in 10": Group(np.arange(180) % 2, ("AA", "B6"))})
    steady = replace(few, predict=lambda x: np.tile([0.5, 0.5, 0.0], (len(x), 1)))
    for silent in (_evidence(parity, cut), _evidence(b.probe("t", change=b.add("a", 1), expect=b.stays(0.1)), steady)):
        assert silent.n
        assert "unseen" not in silent.facts


def test_what_actions_by_class_save_against_a_naive_count(parcels: Sample) -> None:
    check = words.action_value(
        wait=words.action({"lost": 50, "late": 5}, otherwise=0),
        call=words.action({"lost": 20, "late": 3}, otherwise=1),
        send=words.action({"lost": 12, "late": 14}, otherwise=10),
    )
    table = np.array([[5, 50, 0], [3, 20, 1], [14, 12, 10]], float)
    y, cost = parcels.y, [table[int(np.argmin(table @ row))] for row in parcels.p]
    saved = np.array([table[0][c] - mine[c] for c, mine in zip(y, cost, strict=True)])
    found = _evidence(check, parcels)
    assert found.value == pytest.approx(saved.mean())
    assert found.low < found.value < found.high
    assert found.facts["cost_of_nothing"] == pytest.approx(table[0][y].mean())
    assert found.facts["cost_of_oracle"] == pytest.approx(table.min(axis=0)[y].mean())
    assert sum(found.facts["share"].values()) == pytest.approx(1)
    assert _evidence(check.better_than("current").check, parcels).low > 0
    short = words.action_value(wait=words.action({"lost": 2, "late": 0}), call=words.action({"lost": 1, "late": 1}))
    with expect_refusal("SW-403") as caught:
        _evidence(short, parcels)
    assert "no cost where the label is 'on time'" in caught[0].fact


def test_deciding_on_one_class_is_deciding_on_a_condition(parcels: Sample, build: Build) -> None:
    check = decision_value(**CALL)
    lost = build(parcels.y == 1, np.ascontiguousarray(parcels.p[:, 1]), day=parcels.clusters["day"])
    one, other = _evidence(check.of("lost"), parcels), _evidence(check, lost)
    assert (one.value, one.low, one.high) == (other.value, other.low, other.high)
    month = profile_by(parcels, "month", check.of("lost").measure)  # pyright: ignore[reportArgumentType]
    rows = parcels.groups["month"].codes == 0
    mine = build(lost.y[rows], lost.p[rows])
    assert month[0]["value"] == pytest.approx(_evidence(check, mine).value)


def test_slices_are_tested_on_the_log_loss(build: Build) -> None:
    rng = np.random.default_rng(3)
    n = 9_000
    carrier = Group(rng.integers(0, 3, n), ("AA", "B6", "UA"))
    odds = rng.normal(0, 1.2, (n, 3))
    noise = np.where(carrier.codes == 1, 2.0, 0.2)[:, None]
    cuts = {"carrier": carrier, "carrier in 10": carrier, "z in 10": Group(rng.integers(0, 2, n), ("a", "b"))}
    sample = build(_draw(rng, _softmax(odds)), _softmax(odds + rng.normal(0, 1, (n, 3)) * noise), classes=NAMES,
                   current=_softmax(odds + rng.normal(0, 1, (n, 3))), groups=cuts)  # fmt: skip
    found = measure_candidate(slice_regression("carrier"), sample, subject="", log_digest="")
    rows = {row["slice"]: row for row in found.detail or []}
    assert [name for name, row in rows.items() if row["regressed"]] == ["carrier=B6"]
    mine = carrier.codes == 1
    assert rows["carrier=B6"]["candidate_loss"] == pytest.approx(metrics.log_loss(sample.y[mine], sample.p[mine]))
    due = metrics.roc_auc_score(sample.y[mine], sample.p[mine], multi_class="ovr")
    assert rows["carrier=B6"]["candidate_skill"] == pytest.approx(due)
    assert found.evidence.facts["loss"] == "log loss"
    searched = measure_candidate(found_regressions("carrier", "z"), sample, subject="", log_digest="")
    assert [row["slice"] for row in searched.detail or [] if row["line"]] == ["carrier=B6"]


def test_an_advantage_is_told_by_the_log_loss(parcels: Sample) -> None:
    found = _evidence(advantage_trend(), parcels)
    due = metrics.log_loss(parcels.y, parcels.baselines["current"]) - metrics.log_loss(parcels.y, parcels.p)
    assert found.facts["advantage"] == pytest.approx(due)
    assert found.high < 2 * 34.6 * 30


def test_groups_are_compared_in_being_right_and_in_being_chosen(parcels: Sample) -> None:
    codes, right = parcels.groups["carrier in 10"].codes, _said(parcels.p) == parcels.y
    rates = [right[codes == k].mean() for k in range(3)]
    assert _evidence(equal_accuracy("carrier"), parcels).value == pytest.approx(max(rates) - min(rates))
    sure = parcels.p.max(axis=1) - right
    gaps = [sure[codes == k].mean() for k in range(3)]
    assert _evidence(group_calibration("carrier"), parcels).value == pytest.approx(max(gaps) - min(gaps))
    late = [(_said(parcels.p) == 0)[codes == k].mean() for k in range(3)]
    found = _evidence(demographic_parity("carrier", of="late"), parcels)
    assert found.value == pytest.approx(max(late) - min(late))
    assert _evidence(equalised_odds("carrier", of="late"), parcels).n > 0


def test_a_profile_tells_how_often_it_is_right_and_how_sure(parcels: Sample) -> None:
    first, _ = profile_by(parcels, "month")
    rows = parcels.groups["month"].codes == 0
    y, p = parcels.y[rows], parcels.p[rows]
    assert first["mean"] == pytest.approx(metrics.accuracy_score(y, _said(p)))
    assert first["mean_p"] == pytest.approx(p.max(axis=1).mean())
    assert first["skill"] == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
    assert first["loss"] == pytest.approx(metrics.log_loss(y, p))


def test_what_needs_another_kind_is_refused(parcels: Sample, flights: Callable[..., Sample]) -> None:
    value = decision_value(**CALL)
    for check in (auc, words.recall(at=0.5), words.r_squared, value, value.better_than("current").check,
                  demographic_parity("carrier"), words.calibration_slope):  # fmt: skip
        with expect_refusal("SW-403"):
            _evidence(check, parcels)
    actions = words.action_value(a=words.action({"lost": 2}, otherwise=0), b=words.action({"lost": 1}, otherwise=1))
    for check in (auc.of("lost"), words.macro_auc, actions):
        with expect_refusal("SW-403"):
            _evidence(check, flights(n=500))


@pytest.fixture(scope="module")
def tilted(build: Build) -> Sample:
    """Return rows of a model that moves from late to on time with its one feature, and never says lost but for 0.1."""
    x = np.linspace(0, 0.6, 301)[:, None]

    def predict(rows: Floats) -> Floats:
        share = rows[:, 0].clip(0, 0.9)
        return np.column_stack([share, np.full(len(rows), 0.1), 0.9 - share])

    return build(np.arange(301) % 3, predict(x), classes=NAMES, x=x, predict=predict)


def _fails(check: Check, sample: Sample) -> float:
    found = _evidence(check, sample)
    assert found.n > 0
    return found.value


def test_what_should_not_matter_moves_no_probability_of_any_class(tilted: Sample) -> None:
    change = b.add("a", 0.1)  # moves 0.1 from one class to another
    assert _fails(b.probe("small", change=change, expect=b.stays(0.11)), tilted) == 0
    assert _fails(b.probe("large", change=change, expect=b.stays(0.09)), tilted) == 1
    assert _fails(b.probe("other", change=change, expect=b.stays(0.001), of="lost"), tilted) == 0
    keeps = _fails(b.probe("class", change=change, expect=b.keeps_class()), tilted)
    p = tilted.predict(tilted.x)
    assert keeps == pytest.approx(np.mean(_said(p) != _said(tilted.predict(tilted.x + 0.1))), abs=0.01)
    assert 0 < keeps < 1
    assert _fails(b.probe("known", expect=b.says("late", "on time")), tilted) == 0


def test_one_class_rises_and_falls_as_a_condition_does(tilted: Sample) -> None:
    change = b.add("a", 0.1)
    assert _fails(b.probe("rises", change=change, expect=b.rises(0.05), of="late"), tilted) == 0
    assert _fails(b.probe("falls", change=change, expect=b.never_falls(), of="on time"), tilted) == 1
    behaviour = Behaviour((Probe(expect=Moves(least=-0.005), change=(Add("a", 0.1),), of="on time"),))
    assert _fails(Check("fall", behaviour, "candidate", "fall"), tilted) == 1
    found = _evidence(b.probe("rises", change=change, expect=b.rises(0.05), of="stolen"), tilted)
    assert (found.n, found.facts["said"]) == (0, "no row is 'stolen', and no version learned it")
    with expect_refusal("SW-433"):
        _evidence(b.probe("which", change=change, expect=b.never_falls()), tilted)


def test_an_answer_that_is_not_a_probability_of_each_class_is_refused(tilted: Sample) -> None:
    for wrong in (lambda x: np.full((len(x), 2), 0.5), lambda x: np.full((len(x), 3), 0.5)):
        with expect_refusal("SW-403"):
            _evidence(b.probe("t", change=b.add("a", 0.1), expect=b.stays(0.1)), replace(tilted, predict=wrong))


def test_no_rows_hold(build: Build) -> None:
    none = build(np.empty(0, np.int64), np.empty((0, 3)), classes=NAMES, scored=5)
    actions = words.action_value(a=words.action({"lost": 2}, otherwise=0), b=words.action({"lost": 1}, otherwise=1))
    for check in (words.macro_auc, log_loss.better_than("current").check, auc.of("lost"), words.recall(of="lost"),
                  calibration_gap, words.expected_calibration_error, actions,
                  decision_value(**CALL).of("lost")):  # fmt: skip
        assert _evidence(check, none).n == 0


def test_what_must_not_move_shows_the_class_that_moved_most(tilted: Sample) -> None:
    """The most probable class may stay what it was to the last digit while the others change places."""

    def predict(x: Floats) -> Floats:
        return np.where(x[:, :1] > 0.5, [[0.6, 0.1, 0.3]], [[0.6, 0.3, 0.1]])

    x = np.full_like(tilted.x, 0.0)
    swapping = replace(tilted, x=x, predict=predict)
    for expect in (b.stays(0.05), Moves(least=-0.05, most=0.05)):
        found = _evidence(b.probe("steady", change=b.add("a", 1), expect=expect), swapping)
        assert found.facts["said"].endswith("lost (0.3000), then lost (0.1000)")
        assert found.facts["mean_change"] == pytest.approx(0.2)
    steady = Behaviour((Probe(expect=Moves(least=-0.05, most=0.05), change=(Add("a", 1.0),)),))
    made = measure_candidate(Check("steady", steady, "candidate", "steady"), swapping, subject="", log_digest="")
    assert made.detail is not None
    (row,) = made.detail
    assert made.evidence.facts["said"].endswith("lost (0.3000), then lost (0.1000)")
    assert (row["worst_class"], row["worst_before"], row["worst_after"]) == ("lost", 0.3, 0.1)
    assert row["mean_change"] == pytest.approx(0.2)
