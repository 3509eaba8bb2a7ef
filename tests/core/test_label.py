"""What a label's kind says of it."""

import numpy as np
import pytest

from shipway.core.label import (
    LOSS,
    MEAN,
    NONE_SAID,
    RANGE,
    SAID,
    is_prediction,
    kind_of,
    read_classes,
    read_kind,
    say_mean,
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
