import json

import pytest

from shipway import behaviours as b
from shipway.core.behaviour import Suite, read_suite, write_suite
from shipway.core.bundle import InputColumn
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.gate import make_gate
from shipway.core.probe import Add, Moves, Probe, Says, Within
from shipway.kit.canonical import digest_bytes
from shipway.maths.expression import Feature

GOOD = b.probe("good words", "{good}", expect=b.says("positive"))
WORDS = {"good": ("good", "great"), "name": ("Ann", "Bob")}


def suite(*tests, **given):
    return b.suite("s", *(tests or (GOOD,)), **{"lexicons": WORDS, **given})


@pytest.mark.parametrize(
    ("expect", "style"),
    [
        (b.at_least(0.5), "minimum functionality"),
        (b.says("x"), "minimum functionality"),
        (b.keeps_class(), "invariance"),
        (b.stays(0.1), "invariance"),
        (b.never_falls(), "direction"),
        (b.never_rises(), "direction"),
        (b.rises(0.1), "direction"),
        (b.falls(0.1), "direction"),
    ],
)
def test_the_expectation_says_what_kind_of_test_it_is(expect, style):
    probe = b.probe("t", expect=expect, change=b.add("x", 1)).measure
    assert isinstance(probe, Probe)
    assert probe.style == style


def test_expectations_are_numbers_with_two_ends():
    assert b.never_falls(0.01) == Moves(least=-0.01)
    assert b.never_rises(0.01) == Moves(most=0.01)
    assert (b.rises(0.1), b.falls(0.1)) == (Moves(least=0.1), Moves(most=-0.1))
    assert b.stays(0.1) == Moves(-0.1, 0.1)
    assert b.between(0.1, 0.2) == Within(0.1, 0.2)
    assert b.says("a", "b") == Says(("a", "b"))


def test_a_feature_and_its_column_are_the_same_change():
    assert b.add(Feature("customer", "orders"), 1) == b.add("customer_orders", 1) == Add("customer_orders", 1.0)


def test_a_probe_is_a_check_that_a_gate_takes_and_prints_back():
    gate = make_gate("quality", GOOD, b.probe("t", expect=b.at_least(0.1), sample=True) <= 0.05, before="release")
    assert [str(rule) for rule in gate.rules] == ["good words", "t <= 0.05"]
    assert (gate.rules[0].op, gate.rules[0].bound) == ("<=", 0.0)


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("SW-106", lambda: b.probe("t", expect=b.never_falls())),
        ("SW-106", lambda: b.probe("t", "text", expect=b.keeps_class(), change=b.add("x", 1))),
        ("SW-106", lambda: b.probe("t", expect=b.keeps_class(), change=b.typo())),
        ("SW-106", lambda: b.probe("t", expect=b.at_least(0), cases=0)),
        ("SW-106", lambda: b.says()),
        ("SW-106", lambda: b.rises(0)),
        ("SW-106", lambda: b.never_falls(-1)),
        ("SW-106", lambda: b.noise("x", 0)),
        ("SW-106", lambda: b.typo(0)),
        ("SW-106", lambda: b.sentence()),
        ("SW-104", lambda: b.case("uper")),
        ("SW-106", lambda: b.suite("empty")),
        ("SW-106", lambda: suite(b.probe("t", expect=b.at_least(0)), GOOD)),
        ("SW-105", lambda: suite(GOOD, GOOD)),
        ("SW-104", lambda: suite(b.probe("t", "{god}", expect=b.says("x")))),
        ("SW-104", lambda: suite(b.probe("t", "x", expect=b.keeps_class(), change=b.exchange("nam")))),
        ("SW-104", lambda: suite(classes=("positiv", "negative"))),
        ("SW-106", lambda: suite(classes=("positive", "negative"), cuts=(0.1, 0.2))),
        ("SW-106", lambda: suite(classes=("positive", "x", "y"), cuts=(0.2, 0.1))),
        ("SW-106", lambda: suite(GOOD >= 0.5)),
        ("SW-106", lambda: suite("a test")),
    ],
)
def test_what_cannot_mean_anything_is_refused(code, make):
    with pytest.raises(ShipwayError) as refused:
        make()
    assert refused.value.code == code


def test_a_suite_survives_its_file_and_is_the_same_bytes():
    probes = (
        GOOD,
        b.probe("names", "{name} is here", change=[b.exchange("name"), b.case("upper")], expect=b.keeps_class()) <= 0.1,
    )
    made = suite(*probes, classes=("negative", "positive"), cuts=(0.0,), about="what it is for")
    content = write_suite(made)
    assert read_suite(content) == made
    assert write_suite(read_suite(content)) == content
    again = suite(*probes, classes=("negative", "positive"), cuts=(0.0,), about="what it is for")
    assert digest_bytes(content) == digest_bytes(write_suite(again))


def test_rows_survive_the_file():
    columns = (
        InputColumn(name="x", kind="number", low=0.0, high=9.0),
        InputColumn(name="c", kind="category", categories=("a", "b")),
    )
    rules = b.suite("s", b.probe("t", expect=b.at_least(0), where={"c": ("a",), "x": (1, 2)})).rules
    made = Suite(name="s", rules=rules, columns=columns, rows={"x": (1.0, None), "c": ("a", None)}, clusters=("d", "e"))
    assert read_suite(write_suite(made)) == made


@pytest.mark.parametrize(
    "edit",
    [
        lambda said: b"{",
        lambda said: said | {"layout": 2},
        lambda said: {key: value for key, value in said.items() if key != "rules"},
        lambda said: said | {"rows": {"x": [1.0]}},
        lambda said: said | {"clusters": ["a"], "rows": {"x": [1, 2]}, "columns": [{"name": "x", "kind": "number"}]},
    ],
)
def test_a_file_that_is_no_suite_is_refused(edit):
    said = edit(json.loads(write_suite(suite())))
    with pytest.raises(ShipwayError) as refused:
        read_suite(said if isinstance(said, bytes) else json.dumps(said).encode())
    assert refused.value.code == "SW-432"


def test_a_suite_of_other_checks_is_refused():
    import shipway as sw

    rule = sw.auc >= 0.5
    assert isinstance(sw.auc, Check)
    with pytest.raises(ShipwayError) as refused:
        b.suite("s", rule)
    assert refused.value.code == "SW-106"


def test_a_suite_says_once_which_number_is_measured():
    test = b.probe("late", change=b.add("x", 1), expect=b.never_falls(), of="late")
    with pytest.raises(ShipwayError, match="is of class 'late'") as caught:
        b.suite("s", test)
    assert caught.value.code == "SW-106"
    assert "place=" in caught.value.hint
