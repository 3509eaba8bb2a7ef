"""The columns that features read, and the kinds that their types and expressions come to."""

import pytest

from shipway.core import window as w
from shipway.core.column import kind_of, read_kinds, row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Source

CALLS = Source("calls", ("no",), (), {"done": ("shop", "x", "y")})
SCHEMA = {"calls": {"no": "int", "shop": "text", "x": "float", "y": "int"}}


def test_a_type_has_a_kind_and_one_of_no_kind_is_left_out():
    told = {
        "a": "Int32", "b": "UInt8", "c": "Float32", "d": "Decimal(precision=4, scale=2)", "e": "String", "f": "Boolean",
        "g": "Datetime(time_unit='us', time_zone='UTC')", "h": "Datetime(time_unit='us', time_zone=None)", "i": "Date",
        "j": "Duration(time_unit='us')", "k": "Binary",
    }  # fmt: skip
    assert read_kinds(told) == {
        "a": "int", "b": "int", "c": "float", "d": "float", "e": "text", "f": "bool", "g": "instant", "h": "int",
        "i": "instant", "j": "int",
    }  # fmt: skip


def test_an_expression_has_the_kind_of_what_it_comes_to():
    assert kind_of(CALLS.y + 1, "calls", SCHEMA) == "int"
    assert kind_of(CALLS.y / 2, "calls", SCHEMA) == "float"
    assert kind_of(CALLS.x > 1, "calls", SCHEMA) == "bool"
    assert kind_of(CALLS.shop, "calls", SCHEMA) == "text"
    with pytest.raises(ShipwayError, match="SW-203"):
        kind_of(CALLS.shop + 1, "calls", SCHEMA)
    with pytest.raises(ShipwayError, match="SW-202"):
        kind_of(CALLS.y, "calls", {})


def test_what_a_row_brings_is_read_outside_windows_and_in_their_anchors():
    done = CALLS.event("done")
    inside = w.total(done.x, last="1h") + CALLS.y
    assert row_columns(inside) == (CALLS.y,)
    assert row_columns(w.around(done, CALLS.done, before="1h", after="1h")) == (CALLS.done,)
