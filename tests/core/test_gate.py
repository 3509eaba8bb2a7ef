import math

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from shipway.core.candidate import auc, log_loss, never_lowers
from shipway.core.check import Evidence
from shipway.core.data_check import has_columns, has_rows, holds, present
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.gate import Gate, Verdict, checks_of, decide, judge, make_gate
from shipway.core.registry import Registry
from shipway.maths.expression import Feature

flights = Source("flights", ("fid",), ("flights",), {"always": ("dest", "delay")})
NUMBER = st.floats(-10, 10) | st.sampled_from([-0.0, 0.75, math.inf, -math.inf])
OPS = [">=", ">", "<=", "<"]


def rule_of(op, bound):
    return {">=": auc >= bound, ">": auc > bound, "<=": auc <= bound, "<": auc < bound}[op]


def evidence(value, low=None, high=None, *, check="auc", n=100, **more):
    low, high = value if low is None else low, value if high is None else high
    return Evidence(check=check, subject="model:delay@1", value=value, low=low, high=high, n=n, **more)


@given(st.sampled_from(OPS), st.floats(-10, 10), st.lists(NUMBER, min_size=5, max_size=5))
def test_narrowing_an_interval_never_turns_pass_and_fail_into_each_other(op, bound, numbers):
    low, inner_low, value, inner_high, high = sorted(numbers)
    rule = rule_of(op, bound)
    wide = judge(rule, evidence(value, low, high)).outcome
    narrow = judge(rule, evidence(value, inner_low, inner_high)).outcome
    assert wide in ("hold", narrow)


@given(st.sampled_from(OPS), st.floats(-10, 10), st.floats(-10, 10))
def test_a_counted_number_passes_or_fails_by_its_value(op, bound, value):
    right = {">=": value >= bound, ">": value > bound, "<=": value <= bound, "<": value < bound}[op]
    assert judge(rule_of(op, bound), evidence(value)).outcome == ("pass" if right else "fail")


@given(st.floats(-10, 10), st.floats(0.001, 10), st.floats(0.001, 10))
def test_a_bound_inside_the_interval_holds(bound, below, above):
    for op in OPS:
        assert judge(rule_of(op, bound), evidence(bound, bound - below, bound + above)).outcome == "hold"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "nothing was measured"),
        (evidence(0.9, n=0), "there was nothing to measure"),
        (evidence(math.nan, 0.8, 0.9), "there was nothing to measure"),
        (evidence(0.9, math.nan, 1.0), "there was nothing to measure"),
        (evidence(0.1, math.nan, math.nan), "there was nothing to measure"),
    ],
)
def test_without_evidence_a_rule_holds(found, reason):
    finding = judge(auc >= 0.5, found)
    assert (finding.outcome, finding.reason) == ("hold", reason)
    assert finding.evidence == (None if found is None else found.id)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (evidence(0.77, 0.76, 0.78, n=1234, clusters=28), "0.7700 [0.7600, 0.7800], 1,234 rows in 28 clusters"),
        (evidence(0.77, 0.76, 0.78, n=1234), "0.7700 [0.7600, 0.7800], 1,234 rows"),
        (evidence(0.77, n=1234), "0.77 over 1,234 rows"),
        (evidence(0.77, facts={"said": "as it was said"}), "as it was said"),
    ],
)
def test_a_reason_gives_the_measured_value(found, reason):
    assert judge(auc >= 0.5, found).reason == reason


@given(st.lists(st.sampled_from(["pass", "fail", "hold"]), min_size=1, max_size=5))
def test_one_failing_rule_fails_a_gate_and_one_that_holds_holds_it(outcomes):
    values = {"pass": (0.9, 0.8, 1.0), "fail": (0.1, 0.0, 0.2), "hold": (0.5, 0.4, 0.6)}
    checks = [never_lowers(f"test {place}", {Feature("view", "feature"): 1}) for place in range(len(outcomes))]
    gate = make_gate("quality", *(check >= 0.5 for check in checks), before="release")
    found = {
        check.name: evidence(*values[outcome], check=check.name)
        for check, outcome in zip(checks, outcomes, strict=True)
    }
    verdict = decide(gate, "model:delay@1", found)
    expected = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes else "pass"
    assert verdict.outcome == expected
    assert [finding.outcome for finding in verdict.findings] == outcomes
    against = [f.rule for f in verdict.findings if f.outcome == expected]
    if expected == "pass":
        assert verdict.reason == f"all {len(outcomes)} rules pass"
    else:
        assert [clause.split(": ")[0] for clause in verdict.reason.split("; ")] == against


def test_a_verdict_names_what_it_judged_and_travels_as_json():
    gate = make_gate("quality", auc >= 0.7, log_loss <= 0.6, before="release")
    found = {"auc": evidence(0.8), "log_loss": evidence(0.5, check="log_loss")}
    verdict = decide(gate, "model:delay@1", found)
    assert (verdict.gate, verdict.subject, verdict.outcome, verdict.by) == ("quality", "model:delay@1", "pass", "gate")
    assert [f.evidence for f in verdict.findings] == [found["auc"].id, found["log_loss"].id]
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    assert msgspec.json.decode(msgspec.json.encode(gate), type=Gate) == gate


def test_what_would_pass_on_less_than_its_plan_asks_for_holds_and_what_fails_fails():
    gate = make_gate("quality", auc >= 0.7, before="release")
    few = msgspec.structs.replace(evidence(0.9), n=50, needs=51)
    enough = msgspec.structs.replace(few, n=51)
    bad = msgspec.structs.replace(evidence(0.1), n=50, needs=51)
    assert decide(gate, "model:delay@1", {"auc": enough}).outcome == "pass"
    assert decide(gate, "model:delay@1", {"auc": bad}).outcome == "fail"
    held = decide(gate, "model:delay@1", {"auc": few})
    assert held.outcome == "hold"
    assert "50 of the 51" in held.reason


def test_a_check_stands_for_its_natural_rule():
    gate = make_gate("data", present(flights.dest), has_rows(flights) >= 10, before="training")
    assert [str(rule) for rule in gate.rules] == ["present(flights.dest)", "has_rows(flights) >= 10"]
    assert (gate.rules[0].op, gate.rules[0].bound) == ("<=", 0.0)


def test_one_check_may_have_two_bounds():
    gate = make_gate("quality", auc >= 0.7, auc <= 0.95, before="release")
    assert decide(gate, "model:delay@1", {"auc": evidence(0.99)}).outcome == "fail"


@pytest.mark.parametrize(
    ("rules", "before", "code", "fact"),
    [
        ([auc >= 0.7], "relase", "SW-104", "not a moment"),
        ([], "release", "SW-106", "no rules"),
        ([auc], "release", "SW-106", "auc has no bound"),
        ([auc >= 0.7, present(flights.dest)], "release", "SW-106", "present(flights.dest) measures data"),
        ([present(flights.dest), auc >= 0.7], "training", "SW-106", "auc >= 0.7 measures candidate"),
        ([auc == 0.7], "release", "SW-106", "has False among its rules"),
        ([flights.delay > 0], "training", "SW-106", "has flights.delay > 0 among its rules"),
        ([holds], "training", "SW-106", "has a value of type function among its rules"),
        ([has_columns(flights, fid="int"), has_columns(flights, dest="text")], "training", "SW-105", "flights columns"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(rules, before, code, fact):
    with pytest.raises(ShipwayError) as refusal:
        make_gate("quality", *rules, before=before)
    assert refusal.value.code == code
    assert fact in refusal.value.fact


def test_a_wrong_moment_is_answered_with_the_right_one():
    with pytest.raises(ShipwayError) as refusal:
        make_gate("quality", holds(flights.delay > 0), before="trainig")
    assert refusal.value.hint == "did you mean 'training'?"


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        (flights.delay > 0, "sw.holds(flights.delay > 0)"),
        (flights.delay == 0, "sw.holds(column.equals(x))"),
        ("auc", "sw.unique(orders.order_id)"),
    ],
)
def test_what_is_no_rule_is_told_how_to_be_one(rule, hint):
    with pytest.raises(ShipwayError, match="SW-106") as refusal:
        make_gate("data", rule, before="training")
    assert hint in refusal.value.hint


def test_checks_of_several_gates_are_each_measured_once():
    first = make_gate("a", auc >= 0.7, log_loss <= 0.6, before="release")
    second = make_gate("b", auc <= 0.99, before="release")
    assert checks_of([first, second]) == [auc, log_loss]
    assert checks_of([second], also=[log_loss]) == [log_loss, auc]


def test_a_check_that_takes_the_name_of_another_is_refused():
    test = never_lowers("auc", {Feature("view", "feature"): 1})
    with pytest.raises(ShipwayError, match="SW-105") as refusal:
        checks_of([make_gate("quality", test, before="release")], also=[auc])
    assert "'quality'" in refusal.value.fact
    with pytest.raises(ShipwayError, match="SW-105"):
        checks_of([make_gate("a", auc >= 0.7, before="release"), make_gate("b", test, before="release")])


def test_a_gate_is_for_the_models_it_names():
    every, one = (
        make_gate("a", auc >= 0.7, before="release"),
        make_gate("b", auc >= 0.7, before="release", models=["x"]),
    )
    assert [gate.covers(model) for gate in (every, one) for model in ("x", "y")] == [True, True, True, False]
    registry = Registry(gates={"a": every, "b": one})
    assert registry.gates_before("release", "y") == [every]
    assert registry.gates_before("release") == registry.gates_before("release", "x") == [every, one]
    assert registry.gates_before("step") == []


def test_a_gate_on_data_is_for_every_model():
    with pytest.raises(ShipwayError) as caught:
        make_gate("data", has_rows(flights) >= 1, before="training", models=["x"])
    assert caught.value.code == "SW-106"
