"""Routings: the share that is asked for, and who was in a smaller share stays in every greater one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.service import Routing, Variant, spread_score

STABLE, TRIED = (Variant(version=number, bundle=f"b{number}", online="s") for number in (1, 2))
UNITS = [f"unit {number}" for number in range(4_000)]
weights = st.floats(0, 1)
units = st.text(max_size=12)


def routing(weight, salt="desk/1"):
    return Routing(service="desk", model="late", stable=STABLE, candidate=TRIED, weight=weight, salt=salt, token=7)


@given(weight=weights, more=weights, unit=units, salt=units)
def test_who_was_in_a_smaller_share_stays_in_a_greater_one(weight, more, unit, salt):
    low, high = sorted((weight, more))
    assert routing(low, salt).choose(unit) <= routing(high, salt).choose(unit)


@given(unit=units)
def test_nobody_is_in_shadow_and_everybody_at_the_end(unit):
    assert not routing(0.0).choose(unit)
    assert routing(1.0).choose(unit)


@given(unit=units)
def test_without_a_candidate_the_stable_version_answers(unit):
    assert not Routing(service="desk", model="late", stable=STABLE, weight=1.0).choose(unit)


@pytest.mark.parametrize("weight", [0.02, 0.1, 0.5])
def test_the_share_is_the_weight(weight):
    chosen = sum(routing(weight).choose(unit) for unit in UNITS)
    spread = (len(UNITS) * weight * (1 - weight)) ** 0.5
    assert abs(chosen - len(UNITS) * weight) < 4 * spread


def test_releases_split_their_units_anew():
    one, other = ({unit for unit in UNITS if routing(0.5, salt).choose(unit)} for salt in ("desk/1", "desk/2"))
    assert 0.2 < len(one & other) / len(UNITS) < 0.3


def test_a_fixed_answer_of_classes_is_one_or_a_share_of_each():
    classes = ("early", "late", "never")
    assert spread_score("late", classes) == (0.0, 1.0, 0.0)
    assert spread_score({"never": 0.25, "early": 0.75}, classes) == (0.75, 0.0, 0.25)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ("soon", "names class 'soon', and there is 'early', 'late'"),
        ({"early": 0.5, "late": 0.25}, "make 1 together"),
        ({"early": 1.5, "late": -0.5}, "from 0 to 1"),
        ({}, "make 1 together"),
    ],
)
def test_what_is_no_answer_of_classes_says_why(score, said):
    with pytest.raises(ValueError, match=said):
        spread_score(score, ("early", "late"))
