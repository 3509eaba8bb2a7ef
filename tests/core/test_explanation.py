"""What a person is told of a feature, and what stays the same whatever words there are."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.explanation import (
    Contribution,
    Explanation,
    digest_explanation,
    find_decimals,
    read_meaning,
    round_away,
    say_value,
    usual_of,
    write_amount,
    write_code,
    write_number,
    write_prediction,
)
from shipway.core.note import Note
from shipway.core.reference import QUANTILES, ColumnReference

NUMBER = ColumnReference(
    name="car_delay", rows=200, missing=10, edges=(1.0,), counts=(90, 100), quantiles=tuple(q * 40 for q in QUANTILES)
)
TEXT = ColumnReference(name="car_name", rows=100, missing=0, counts=(30, 60, 10), levels=("a", "b", "c"))


def meaning(reference, **note):
    return read_meaning("car_delay", "delay", Note(**note), reference, marked=False)


@pytest.mark.parametrize(
    ("value", "code"),
    [(31.0, "CAR_DELAY-ABOVE"), (9.0, "CAR_DELAY-BELOW"), (20.0, "CAR_DELAY-USUAL"), (None, "CAR_DELAY-MISSING")],
)
def test_a_code_says_what_a_number_is_like(value, code):
    assert write_code(meaning(NUMBER), value) == code
    assert write_code(meaning(NUMBER, docs={"delay": "other words"}), value) == code


def test_what_has_no_order_has_a_code_too():
    assert write_code(meaning(TEXT), "a") == "CAR_DELAY-IS"
    assert write_code(meaning(None), 3.0) == "CAR_DELAY-IS"


@pytest.mark.parametrize(
    ("reference", "value", "said"),
    [
        (NUMBER, 14.26, "minutes late: 14.3 (usually 20)"),
        (NUMBER, None, "minutes late: not known (so in 5% of training rows)"),
        (None, 14.26, "minutes late: 14.3"),
        (None, None, "minutes late: not known"),
        (TEXT, "b", "minutes late: b (60% of training rows)"),
        (TEXT, "z", "minutes late: z (in no training row)"),
        (None, "z", "minutes late: z"),
    ],
)
def test_a_value_stands_beside_what_is_usual(reference, value, said):
    assert say_value(meaning(reference, docs={"delay": "minutes late."}), value) == said


def test_a_feature_without_words_is_called_as_its_column():
    assert say_value(meaning(NUMBER), 2.0) == "car_delay: 2 (usually 20)"
    assert usual_of(TEXT) == "b"
    assert usual_of(None) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(3.0, "3"), (0.123456, "0.123"), (1018.3, "1,018"), (-1234567.0, "-1,234,567"), (2.5e12, "2.5e+12")],
)
def test_numbers_have_as_many_digits_as_a_sentence_needs(value, said):
    assert write_number(value) == said


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.integers(3, 17))
def test_a_number_rounded_away_is_what_is_written_and_no_nearer(value, own, digits):
    if value == own:
        return
    rounded = round_away(value, own, digits)
    assert (rounded >= value) if value > own else (rounded <= value)
    assert float(write_number(rounded, digits).replace(",", "")) == rounded
    # The distance is itself rounded, in its last place.
    assert abs(rounded - value) * (1 - 1e-9) <= max(
        abs(value) * 10.0 ** (1 - digits), 10.0 ** (3 - digits) if abs(value) > 999 else 0
    )


@pytest.mark.parametrize(
    ("value", "own", "digits", "said"),
    [
        (3.1438, 2.0, 3, "3.15"),
        (3.1438, 4.0, 3, "3.14"),
        (3.1438, 2.0, 4, "3.144"),
        (1234.4, 1234.2, 3, "1,235"),
        (1234.375, 1234.25, 4, "1,234.4"),
        (999.7, 1.0, 3, "1,000"),
        (12.0, 1.0, 3, "12"),
        (1.2345e9, 0.0, 3, "1.24e+09"),
    ],
)
def test_more_digits_are_written_where_they_are_asked_for(value, own, digits, said):
    assert write_number(round_away(value, own, digits), digits) == said


def test_tags_say_what_may_be_named_and_what_can_be_changed():
    def find(marked, *tags):
        found = read_meaning("a_b", "b", Note(tags=tags), None, marked=marked)
        return found.named, found.actionable

    assert find(False) == (True, True)
    assert find(True) == (True, False)
    assert find(True, "actionable") == (True, True)
    assert find(True, "actionable", "unnamed") == (False, False)


def test_a_digest_is_of_numbers_and_not_of_words():
    one = Contribution(column="a", code="A-IS", value=1.0, usual=None, amount=0.5, error=0.0, said="a: 1")
    made = Explanation(
        version="m@1", bundle="b", row="7", at=1, request="", label="late", p=0.6, unit="log-odds", method="tree",
        baseline=0.1, baseline_p=0.5, baseline_said="x", contributions=(one,), reasons_for=(one,), reasons_against=(),
        unnamed=0.0,
    )  # fmt: skip
    digest = digest_explanation(made)
    worded = msgspec.structs.replace(one, said="another word", named=False)
    assert digest_explanation(msgspec.structs.replace(made, contributions=(worded,), label="tardy")) == digest
    for change in ({"row": "8"}, {"bundle": "c"}, {"baseline": 0.2}, {"at": 2}):
        assert digest_explanation(msgspec.structs.replace(made, **change)) != digest
    other = msgspec.structs.replace(one, amount=0.5000001)
    assert digest_explanation(msgspec.structs.replace(made, contributions=(other,))) != digest


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [(0.123456, "condition", "0.1235"), (1234.56789, "number", "1234.57"), (-2.5e-7, "number", "-2.5e-07")],
)
def test_predictions_are_written_as_what_they_are(value, kind, said):
    assert write_prediction(value, kind) == said


@pytest.mark.parametrize(
    ("kind", "amounts", "said"),
    [
        ("condition", (0.81, -20.0), ["+0.8100", "-20.0000"]),
        ("number", (0.81234, 0.0, -0.0716), ["+0.8123", "+0.0000", "-0.0716"]),
        ("number", (120.31, -0.7), ["+120.3", "-0.7"]),
        ("number", (-1_234_567.0, 3.0), ["-1,234,567", "+3"]),
        ("number", (2.5e-7, -1e-8), ["+0.0000002500", "-0.0000000100"]),
        ("number", (0.0,), ["+0.0000"]),
    ],
)
def test_amounts_stand_under_one_another(kind, amounts, said):
    decimals = find_decimals(kind, amounts)
    assert [write_amount(each, decimals) for each in amounts] == said
