import math

import msgspec
import pytest

import shipway
from shipway.core.candidate import (
    auc,
    brier,
    calibration_gap,
    decision_value,
    log_loss,
    never_lowers,
    never_matters,
    slice_regression,
)
from shipway.core.check import Check, Evidence, Rule, natural_rule
from shipway.core.data_check import fresh, has_columns, has_rows, holds, present, unique
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Event, FeatureView, Source
from shipway.kit.duration import HOUR
from shipway.maths.expression import TAKEN, Aggregate

flights = Source(
    "flights", ("key", "origin"), ("flights",), {"always": ("dest", "dep_delay", "name"), "landed": ("arr_delay",)}
)
weather = Source("weather", ("origin",), ("weather",), {"always": ("temp",)})
recent = FeatureView(
    "recent", Entity("origin", ("origin",)), {"late": Aggregate("count", "flights.landed", width_us=1)}
)
NAMES = {name: getattr(shipway, name) for name in shipway.__all__} | {"flights": flights, "weather": weather}

WRITTEN = [
    "auc >= 0.75",
    "log_loss < 0.5",
    "brier <= 0.123456789",
    "calibration_gap <= 1e-07",
    "has_rows(flights) >= 1000000",
    "has_rows(flights) > 0.5",
    'auc.better_than("current")',
    'log_loss.better_than("base rate")',
    'slice_regression("carrier")',
    'slice_regression("carrier", "origin", "hour_band")',
    'slice_regression("carrier", baseline="base rate", support_rows=200, rate=0.1)',
    'slice_regression("a\\"b") <= 2',
    'slice_regression("carrier").no_regression()',
    "decision_value(act_if_true=60, act_if_false=25, skip_if_true=100)",
    "decision_value(act_if_true=0.1234567, act_if_false=25, skip_if_true=100, skip_if_false=1.5) > 2.25",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rule_prints_back_as_it_was_written(text):
    found = eval(text, NAMES)
    rule = found if isinstance(found, Rule) else natural_rule(found)
    assert str(rule) == rule.text == text
    again = eval(str(rule), NAMES)
    assert (again if isinstance(again, Rule) else natural_rule(again)) == rule


@pytest.mark.parametrize("text", WRITTEN)
def test_a_rule_travels_as_json(text):
    found = eval(text, NAMES)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_names_that_sources_and_views_have_for_themselves_are_written_as_items():
    """A column called like an attribute of what hands it out cannot be read as an attribute."""
    for kind in (Source, Event, FeatureView):
        assert {name for name in dir(kind) if not name.startswith("__")} <= TAKEN


@pytest.mark.parametrize(
    ("rule", "op", "bound"),
    [
        (auc >= 0.75, ">=", 0.75),
        (0.75 <= auc, ">=", 0.75),  # noqa: SIM300
        (auc > 1, ">", 1.0),
        (log_loss <= 0.5, "<=", 0.5),
        (log_loss < 0.5, "<", 0.5),
        (fresh(flights.landed, within="6h"), "<=", 6.0 * HOUR),
        (auc.better_than("current"), ">", 0.0),
        (slice_regression("carrier").no_regression(), "<=", 0.0),
    ],
)
def test_a_comparison_is_a_rule(rule, op, bound):
    assert (rule.op, rule.bound) == (op, bound)


@pytest.mark.parametrize(
    ("check", "op"),
    [
        (holds(flights.dep_delay > 0), "<="),
        (present(flights.dest), "<="),
        (unique(flights.origin), "<="),
        (has_columns(flights, origin="text"), "<="),
        (slice_regression("carrier"), "<="),
        (never_lowers("more delay", {recent.late: 10}), "<="),
        (never_matters("a minute", {recent.late: 1}), "<="),
        (decision_value(act_if_true=60, act_if_false=25, skip_if_true=100), ">"),
        (auc.better_than("current").check, ">"),
    ],
)
def test_a_check_by_itself_means_its_natural_bound(check, op):
    rule = natural_rule(check)
    assert (rule.op, rule.bound, rule.text) == (op, 0.0, check.text)


@pytest.mark.parametrize("check", [auc, log_loss, brier, calibration_gap, has_rows(flights)])
def test_a_metric_has_no_natural_bound(check):
    with pytest.raises(ShipwayError, match="has no bound") as refusal:
        natural_rule(check)
    assert refusal.value.code == "SW-106"
    example = refusal.value.hint.removeprefix("compare it, such as ")
    assert isinstance(eval(example, NAMES), Rule)


def test_checks_that_measure_different_things_have_different_names():
    checks = [
        slice_regression("carrier"),
        slice_regression("carrier", "origin"),
        slice_regression("carrier", baseline="base rate"),
        fresh(flights.landed, within="1h").check,
        fresh(weather.temp, within="1h").check,
        auc,
        auc.better_than("current").check,
        auc.better_than("base rate").check,
        present(flights.dest),
        holds(flights.dest.is_null()),
    ]
    assert len({check.name for check in checks}) == len(checks)


@pytest.mark.parametrize(
    ("build", "code", "fact"),
    [
        (lambda: auc >= math.nan, "SW-106", "not a finite number"),
        (lambda: auc >= "0.7", "SW-106", "not a finite number"),
        (lambda: auc >= True, "SW-106", "not a finite number"),
        (lambda: auc >= log_loss, "SW-106", "not a finite number"),
        (lambda: 0.5 < auc < 0.9, "SW-106", "is a rule, not a truth"),
        (lambda: calibration_gap.better_than("current"), "SW-106", "cannot be compared"),
        (lambda: has_rows(flights).better_than("current"), "SW-106", "cannot be compared"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_is_written(build, code, fact):
    with pytest.raises(ShipwayError) as refusal:
        build()
    assert refusal.value.code == code
    assert fact in refusal.value.fact


def test_evidence_is_named_by_its_content():
    one = Evidence(check="auc", subject="model:delay@1", value=0.7, low=0.6, high=0.8, n=10)
    same = Evidence(check="auc", subject="model:delay@1", value=0.7, low=0.6, high=0.8, n=10)
    other = Evidence(check="auc", subject="model:delay@1", value=0.7, low=0.6, high=0.8, n=11)
    assert one.id == same.id != other.id
    assert msgspec.json.decode(msgspec.json.encode(one), type=Evidence).id == one.id


def test_a_check_prints_as_written():
    assert str(auc) == "auc"
    assert isinstance(auc, Check)
