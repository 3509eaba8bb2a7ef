import math

import msgspec
import pytest

import shipway
from shipway.core.candidate import auc, decision_value
from shipway.core.check import Check, Rule, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView
from shipway.core.slice_check import (
    advantage_trend,
    demographic_parity,
    equal_opportunity,
    equalised_odds,
    found_regressions,
)
from shipway.core.slice_measure import Fairness
from shipway.maths.expression import Aggregate

recent = FeatureView(
    "recent", Entity("origin", ("origin",)), {"late": Aggregate("count", "flights.landed", width_us=1)}
)
NAMES = {name: getattr(shipway, name) for name in shipway.__all__} | {"recent": recent}
WRITTEN = [
    'found_regressions("carrier", "month")',
    'found_regressions("carrier", recent.late)',
    'found_regressions("carrier").no_regression()',
    'found_regressions("carrier", baseline="schedule", threshold=0.25, cluster="row", lines=7) <= 3',
    'found_regressions("carrier", rate=0.1, control="by", support_rows=200, bins=5)',
    'demographic_parity("sex") <= 0.1',
    'demographic_parity("sex", "age", threshold=0.3, support_rows=50) <= 0.1',
    'demographic_parity("sex", ratio=True) >= 0.8',
    'equal_opportunity("sex", cluster="row") < 0.05',
    'equalised_odds("sex") <= 0.1',
    'group_calibration("sex", support_rows=500) <= 0.02',
    "advantage_trend() >= -0.01",
    'advantage_trend(baseline="schedule", per_days=7, window_days=14) > 0',
]


def read(text: str) -> Rule:
    found = eval(text, NAMES)
    return found if isinstance(found, Rule) else natural_rule(found)


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rule_prints_back_and_travels(text):
    rule = read(text)
    assert str(rule) == text
    assert read(str(rule)) == rule
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


def test_a_search_by_itself_asks_for_no_regression():
    rule = natural_rule(found_regressions("carrier"))
    assert (rule.op, rule.bound) == ("<=", 0.0)


@pytest.mark.parametrize(
    ("check", "example"),
    [
        (demographic_parity("sex"), "<= 0.1"),
        (demographic_parity("sex", ratio=True), ">= 0.8"),
        (equalised_odds("sex"), "<= 0.1"),
        (advantage_trend(), ">= -0.01"),
    ],
)
def test_a_distance_has_no_bound_of_its_own(check: Check, example: str):
    with pytest.raises(ShipwayError, match="has no bound") as refusal:
        natural_rule(check)
    assert refusal.value.hint.endswith(f"{check.text} {example}")


def test_a_threshold_can_be_that_of_a_decision():
    worth = decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)
    check = equal_opportunity("sex", threshold=worth)
    assert isinstance(check.measure, Fairness)
    assert check.measure.threshold == pytest.approx(25 / 60)
    assert eval(check.text, NAMES) == check


def test_two_checks_that_differ_are_called_differently():
    checks = [
        found_regressions("a"),
        found_regressions("a", rate=0.1),
        demographic_parity("a"),
        demographic_parity("a", ratio=True),
        demographic_parity("a", threshold=0.4),
    ]
    assert len({check.name for check in checks}) == len(checks)


@pytest.mark.parametrize(
    ("build", "fact"),
    [
        (lambda: found_regressions(), "names no columns"),
        (lambda: found_regressions("a", rate=0), "rate"),
        (lambda: found_regressions("a", rate=math.nan), "not a finite number"),
        (lambda: found_regressions("a", control="bonferroni"), "control"),
        (lambda: found_regressions("a", bins=1), "bins"),
        (lambda: found_regressions("a", bins=1000), "parts"),
        (lambda: found_regressions("a", lines=0), "lines"),
        (lambda: found_regressions("a", support_rows=2.5), "support_rows"),
        (lambda: found_regressions("a", threshold=1), "threshold"),
        (lambda: found_regressions("a", threshold=auc), "acts by auc"),
        (lambda: demographic_parity(), "names no groups"),
        (lambda: demographic_parity("a", threshold="half"), "not a finite number"),
        (lambda: equalised_odds("a", support_rows=True), "support_rows"),
        (lambda: advantage_trend(per_days=0), "per_days"),
        (lambda: advantage_trend(window_days=1), "window_days"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(build, fact):
    with pytest.raises(ShipwayError) as refusal:
        build()
    assert refusal.value.code == "SW-106"
    assert fact in refusal.value.fact
