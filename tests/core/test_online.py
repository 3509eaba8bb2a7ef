"""The layout of the online store: the series that a set of views reads, and no others."""

import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import Series, make_layout

CALLS = Source("calls", ("no",), (), {"done": ("shop", "x", "y", "word")})
DONE = CALLS.event("done")
SCHEMA = {"calls": {"no": "int", "shop": "text", "x": "float", "y": "int", "word": "text", "done": "instant"}}
SHOP = Entity("shop", ("shop",))


def layout_of(**features):
    return make_layout(
        "calls", ("no",), (FeatureView("v", SHOP, features), FeatureView("r", None, {"y": CALLS.y})), SCHEMA
    )


def test_a_layout_keeps_what_its_features_read_and_no_longer_than_they_do():
    near = w.around(DONE, CALLS.done, before="1h", after="1h")
    layout = layout_of(
        a=w.mean(DONE.x, last="1h") + w.total(DONE.y, last="2h"), b=w.newest(DONE.word), c=w.least(DONE.x, last="3h")
    )
    (series,) = layout.series
    assert series == Series(
        stream="calls.done", keys=("shop",), sums=(DONE.x, DONE.y), scaled=(True, False), newest=(DONE.word,),
        extrema=(DONE.x,), keep_us=3 * 3_600_000_000,
    )  # fmt: skip
    assert layout.columns == ("v_a", "v_b", "v_c", "r_y")
    assert layout.request == {"no": "int", "y": "int", "shop": "text"}
    assert layout.streams == ("calls.done",)
    assert layout_of(a=near).series[0].keep_us is None
    assert layout_of(a=near).request["done"] == "instant"


def test_layouts_of_equal_series_share_a_store_whatever_else_they_read():
    one = layout_of(a=w.count(DONE, last="1h"))
    other = make_layout("calls", ("no",), (FeatureView("v", SHOP, {"b": w.count(DONE, last="1h")}),), SCHEMA)
    assert one.namespace == other.namespace
    assert one.namespace != layout_of(a=w.count(DONE, last="2h")).namespace


def test_a_column_nothing_is_known_of_is_refused_and_text_is_not_added_up():
    with pytest.raises(ShipwayError, match="SW-202"):
        make_layout("calls", ("other",), (), SCHEMA)
    with pytest.raises(ShipwayError, match="SW-203"):
        layout_of(a=w.total(DONE.word, last="1h"))
