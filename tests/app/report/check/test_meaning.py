"""Every kind of measure has words of its own for what it means and what to do."""

from typing import get_args

import msgspec
import pytest

import shipway as sw
from shipway.app.report.check.meaning import NO_NEW, NOTHING, STRADDLES, UNDECLARED, explain_measure, explain_rule
from shipway.core.data_measure import DataMeasure, DayRows, HasRows, Mean, Reference, Shift
from shipway.core.feature import Source

ORDERS = Source("orders", ("id",), (), {"placed": ("price", "shop")})
RULE = sw.present(ORDERS.shop) <= 0.1


def example(kind):
    """Return a measure of a kind, its fields filled with what their types take."""
    fields = {
        "table": "orders", "columns": ("id",), "others": ("id",), "other": "shops", "condition": ORDERS.price > 0,
        "language": "sql", "text": "price > 0", "column": "shop", "instant": "placed", "every_us": 1,
        "by": ORDERS.placed, "extreme": "least", "value": ORDERS.price, "at": 0.5, "left": ORDERS.price,
        "right": ORDERS.price, "asked": ORDERS.placed,
    }  # fmt: skip
    names = [field.name for field in msgspec.structs.fields(kind) if field.required or field.name == "by"]
    return kind(**{name: fields[name] for name in names})


@pytest.mark.parametrize("kind", get_args(DataMeasure), ids=lambda kind: kind.__name__)
def test_every_measure_is_explained_in_whole_sentences(kind):
    meaning, remedy = explain_measure(example(kind))
    assert meaning.endswith(".")
    assert remedy.endswith(".")
    assert meaning != remedy


def test_what_is_compared_with_earlier_rows_is_explained_otherwise():
    plain, compared = Mean("orders", ORDERS.price), Mean("orders", ORDERS.price, against=Reference())
    assert explain_measure(plain) != explain_measure(compared)
    assert explain_measure(compared) == explain_measure(Shift("orders", ORDERS.price))
    assert explain_measure(HasRows("orders")) != explain_measure(HasRows("orders", against=Reference()))
    assert explain_measure(DayRows("orders", ORDERS.placed, "least")) != explain_measure(
        DayRows("orders", ORDERS.placed, "most")
    )


def test_words_follow_from_what_came_out():
    assert explain_rule(RULE, "pass", measured=True) == ("", "")
    assert explain_rule(RULE, "fail", measured=True) == explain_measure(RULE.check.measure)
    assert explain_rule(RULE, "hold", measured=True) == STRADDLES
    assert explain_rule(RULE, "hold", measured=False) == NOTHING
    assert explain_rule(RULE.on("new"), "hold", measured=False) == NO_NEW
    assert explain_rule(None, "fail", measured=True) == UNDECLARED
