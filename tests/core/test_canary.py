"""The words for canaries and live windows print back as written and refuse what makes no sense."""

import msgspec
import pytest

from shipway.core.canary import (
    drift,
    failed_answers,
    feature_lag,
    feature_skew,
    newest_seen,
    paired_loss,
    prediction_shift,
    shown_loss,
    skew,
    slow_answers,
)
from shipway.core.candidate import auc, calibration_gap
from shipway.core.check import Rule
from shipway.core.data_check import has_rows
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import Gate, make_gate
from shipway.core.measure import FailedAnswers, FeatureLag, NewestSeen, PairedLoss, Score, SlowAnswers, Windowed
from shipway.kit.duration import DAY, HOUR

flights = Source("flights", ("fid",), (), {"landed": ("delay",)})


@pytest.mark.parametrize(
    ("rule", "text", "bound", "measure"),
    [
        (failed_answers(), "failed_answers()", 100, FailedAnswers()),
        (failed_answers(alpha=0.05, detect=5), "failed_answers(alpha=0.05, detect=5)", 20, FailedAnswers(0.05, 5)),
        (slow_answers(over_ms=50), "slow_answers(over_ms=50)", 100, SlowAnswers(50)),
        (slow_answers(over_ms=0.5, base=0.1), "slow_answers(over_ms=0.5, base=0.1)", 100, SlowAnswers(0.5, base=0.1)),
        (feature_lag(over="30m") <= 0.05, 'feature_lag(over="30m") <= 0.05', 0.05, FeatureLag(HOUR // 2)),
        (paired_loss() <= 0.01, "paired_loss() <= 0.01", 0.01, PairedLoss()),
        (paired_loss("brier", days=5) <= 0, 'paired_loss("brier", days=5) <= 0', 0, PairedLoss("brier", clusters=5)),
        (shown_loss(days=3) <= 0.01, "shown_loss(days=3) <= 0.01", 0.01, PairedLoss(clusters=3, shown=True)),
        (
            newest_seen(flights.event("landed"), within="12h"),
            'newest_seen(flights.landed, within="12h")',
            12 * HOUR,
            NewestSeen("flights.landed", DAY),
        ),
        (auc.over("28d") >= 0.7, 'auc.over("28d") >= 0.7', 0.7, Windowed(Score("auc"), 28 * DAY)),
    ],
)
def test_a_rule_prints_back_as_written(rule: Rule, text: str, bound: float, measure: object) -> None:
    assert (rule.text, rule.bound, rule.check.measure) == (text, pytest.approx(bound), measure)


def test_a_gate_on_steps_and_one_on_live_windows_travel_as_json() -> None:
    step = make_gate("walk", failed_answers(), prediction_shift <= 0.25, feature_lag(over="1h") <= 0.1, before="step")
    live = make_gate("week", calibration_gap.over("28d") <= 0.03, skew(last="7d") <= 0, every="7d", on_fail="retrain")
    assert (step.before, step.every_us, step.on_fail) == ("step", None, "alert")
    assert (live.before, live.every_us, live.on_fail) == (None, 7 * DAY, "retrain")
    for gate in (step, live):
        assert msgspec.json.decode(msgspec.json.encode(gate), type=Gate) == gate


@pytest.mark.parametrize(
    ("build", "code", "fact"),
    [
        (lambda: failed_answers(alpha=0), "SW-106", "alpha=0"),
        (lambda: failed_answers(detect=1), "SW-106", "detect=1"),
        (lambda: slow_answers(over_ms=0), "SW-106", "over_ms=0"),
        (lambda: feature_lag(over="soon"), "SW-106", "soon"),
        (lambda: paired_loss("auc"), "SW-104", "no loss 'auc'"),
        (lambda: paired_loss(days=1), "SW-106", "1 days"),
        (lambda: has_rows(flights).over("1d"), "SW-106", "no metric"),
        (lambda: make_gate("a", drift(last="7d"), every="1d"), "SW-106", "has no bound"),
        (lambda: make_gate("a", prediction_shift, before="step"), "SW-106", "has no bound"),
        (lambda: make_gate("a", auc >= 0.7, before="step"), "SW-106", "guards step and its rule auc >= 0.7 measures"),
        (lambda: make_gate("a", auc >= 0.7, every="1d"), "SW-106", "is asked every 1d"),
        (lambda: make_gate("a", failed_answers()), "SW-106", "neither or both"),
        (lambda: make_gate("a", failed_answers(), before="step", every="1d"), "SW-106", "neither or both"),
        (lambda: make_gate("a", skew(last="1d") <= 0, every="0s"), "SW-106", "0s"),
        (lambda: make_gate("a", feature_skew(last="1d"), every="1h"), "SW-106", "no bound"),
        (lambda: feature_skew(last="soon"), "SW-106", "soon"),
        (lambda: feature_skew(last="1d", sample=0), "SW-106", "sample=0"),
        (lambda: feature_skew(last="1d", sample=True), "SW-106", "sample=True"),
        (lambda: feature_skew(last="1d", seed=-1), "SW-106", "seed=-1"),
        (lambda: make_gate("a", skew(last="1d") <= 0, every="1d", on_fail="retrian"), "SW-104", "retrian"),
        (lambda: make_gate("a", failed_answers(), before="step", on_fail="retrain"), "SW-106", "guards a moment"),
    ],
)
def test_what_makes_no_sense_is_refused(build, code: str, fact: str) -> None:
    with pytest.raises(ShipwayError) as refusal:
        build()
    assert refusal.value.code == code
    assert fact in refusal.value.fact


def test_a_check_without_violations_is_its_own_rule() -> None:
    gate = make_gate("week", skew(last="7d"), every="1d")
    assert (gate.rules[0].op, gate.rules[0].bound) == ("<=", 0)


def test_feature_skew_prints_back_as_it_was_written():
    rule = feature_skew(last="24h", sample=500, seed=7) <= 0.001
    assert rule.text == 'feature_skew(last="24h", sample=500, seed=7) <= 0.001'
    assert (feature_skew(last="24h") <= 0.001).text == 'feature_skew(last="24h") <= 0.001'


def test_losses_of_numbers_and_shares_print_back_as_they_were_written():
    rule = shown_loss("mean_absolute_error", relative=True) <= 0.02
    assert rule.text == 'shown_loss("mean_absolute_error", relative=True) <= 0.02'
    assert rule.check.measure == PairedLoss("mean_absolute_error", shown=True, relative=True)
    assert rule.check.name == "shown mean_absolute_error, relative"
    assert paired_loss(days=5, relative=True).text == "paired_loss(days=5, relative=True)"
    gate = make_gate("walk", rule, paired_loss("mean_absolute_error") <= 3, before="step")
    assert [each.check.name for each in gate.rules] == [
        "shown mean_absolute_error, relative", "paired mean_absolute_error",
    ]  # fmt: skip
