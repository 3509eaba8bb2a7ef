"""Conditions on what was measured."""

import pytest

from shipway.core.criterion import read_condition
from shipway.core.error import ShipwayError

METRICS = {"auc": (0.7, 0.6, 0.8), "auc over 28d": (0.5, 0.4, 0.6), "auc.low": (1.0, 1.0, 1.0)}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("auc > 0.7", False),
        ("auc>=0.7", True),
        ("  auc == .7 ", True),
        ("auc != 7e-1", False),
        ("auc < 0.71", True),
        ("auc.high <= 0.8", True),
        ("auc.value > 0.5", True),
        ("auc over 28d > 0.45", True),
        ("auc over 28d.low > 0.45", False),
        ("auc.low == 1", True),
    ],
)
def test_a_condition_is_read_and_asked(text, holds):
    assert read_condition(text, METRICS).holds(METRICS) is holds


def test_what_was_not_measured_fulfils_no_condition():
    condition = read_condition("auc > 0", METRICS)
    assert not condition.holds({})


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("auc", "SW-106", "write such as"),
        ("auc > much", "SW-106", "write such as"),
        ("auc ~ 3", "SW-106", "write such as"),
        ("> 3", "SW-106", "write such as"),
        ("auk > 3", "SW-104", "did you mean 'auc'?"),
        ("auk.low > 3", "SW-104", "did you mean 'auc'?"),
        ("auc.lower > 3", "SW-104", "did you mean 'auc'?"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_right_one(text, code, hint):
    with pytest.raises(ShipwayError) as refused:
        read_condition(text, METRICS)
    assert refused.value.code == code
    assert refused.value.hint.startswith(hint)
