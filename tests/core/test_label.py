"""What a label's kind says of it."""

import numpy as np
import pytest

from shipway.core.label import (
    LOSS,
    MEAN,
    NONE_SAID,
    RANGE,
    SAID,
    find_no_predictions,
    is_prediction,
    kind_of,
    read_classes,
    read_kind,
    say_mean,
    say_shares,
    sums_to_one,
)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(np.bool_, "condition"), (np.float64, "number"), (np.float32, "number"), (np.int64, "class"), (np.uint8, "class")],
)
def test_the_type_of_an_array_says_the_kind(dtype, kind):
    assert kind_of(np.zeros(3, dtype)) == kind


def test_every_table_knows_every_kind():
    for table in (SAID, LOSS, MEAN, RANGE, NONE_SAID):
        assert table.keys() == {"condition", "number", "class"}


def test_what_training_saw_is_read():
    seen = {"label": "class", "classes": ["early", "late"], "shares": [0.25, 0.75]}
    assert (read_kind(seen), read_classes(seen)) == ("class", ("early", "late"))
    assert (read_kind({}), read_classes({})) == ("condition", ())


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"rate": 0.25}, "25.0% of them true"),
        ({"mean": 12.34567}, "12.35 on average"),
        (
            {"classes": ["early", "late"], "shares": [0.25, 0.75]},
            "75.0% of them 'late', the most frequent of 2 classes",
        ),
        ({}, ""),
    ],
)
def test_a_mean_is_said_as_one_clause(training, said):
    assert say_mean(training) == said


def test_a_prediction_is_within_what_its_kind_can_say():
    assert is_prediction("number", -1e300)
    assert not is_prediction("number", float("nan"))
    assert not is_prediction("class", 1.5)
    assert is_prediction("condition", 1.0)


def test_shares_are_said_in_the_order_of_codes():
    assert say_shares({"classes": ["early", "late"], "shares": [0.25, 0.75]}) == "'early' 25.0%, 'late' 75.0%"
    assert say_shares({"rate": 0.25}) == ""


@pytest.mark.parametrize("classes", [2, 3, 64])
def test_what_single_precision_makes_of_a_sum_is_one(classes):
    p = np.random.default_rng(classes).dirichlet(np.ones(classes), 500)
    assert sums_to_one(p.astype(np.float32)).all()
    assert not sums_to_one(p * 1.001).any()
    assert sums_to_one(np.array([[0.5, np.nan], [0.25, 0.75]])).tolist() == [False, True]


def test_rows_without_a_prediction_are_found():
    numbers = np.array([0.5, np.nan, np.inf, -2.0])
    assert find_no_predictions("condition", numbers).tolist() == [False, True, True, True]
    assert find_no_predictions("number", numbers).tolist() == [False, True, True, False]
    p = np.array([[0.5, 0.5], [1.000_001, -0.000_001], [0.9, 0.9], [1.5, -0.5], [np.nan, 1.0]])
    assert find_no_predictions("class", p).tolist() == [False, False, True, True, True]
    assert find_no_predictions("class", np.empty((0, 3))).shape == (0,)
