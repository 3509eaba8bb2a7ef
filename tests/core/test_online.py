"""The layout of the online store: names that cannot be mixed up, and entries that come back as they went in."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import (
    LONGEST_KEY,
    Series,
    encode_series,
    make_layout,
    pack_entry,
    unpack_entry,
    unpack_varied,
)

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
SCALARS = st.none() | st.booleans() | I64 | st.floats(allow_nan=False) | st.text()
KEYS = st.tuples(I64, st.text(max_size=4)) | st.tuples(I64, st.text(min_size=LONGEST_KEY, max_size=LONGEST_KEY + 9))
CALLS = Source("calls", ("no",), (), {"done": ("shop", "x", "y", "word")})
DONE = CALLS.event("done")
SCHEMA = {"calls": {"no": "int", "shop": "text", "x": "float", "y": "int", "word": "text", "done": "instant"}}
SHOP = Entity("shop", ("shop",))


@given(st.lists(st.tuples(st.integers(0, 300), KEYS), max_size=20))
def test_no_name_of_a_series_is_a_prefix_of_another(places):
    names = sorted({encode_series(place, keys) for place, keys in places})
    assert len(names) == len({(place, keys) for place, keys in places})
    assert not any(later.startswith(one) for one, later in pairwise(names))
    assert all(len(name) <= LONGEST_KEY + 2 for name in names)


def test_the_two_zeros_are_one_key_and_the_system_has_none():
    assert encode_series(1, (0.0, "a")) == encode_series(1, (-0.0, "a"))
    assert encode_series(1, (0.0,)) != encode_series(1, (0,))
    assert encode_series(258, ()) == b"\x01\x02\x00"


@given(st.lists(I64, min_size=3, max_size=3), st.lists(SCALARS, max_size=4))
def test_an_entry_comes_back_as_it_went_in(totals, varied):
    packing = Series(stream="calls.done", keys=(), sums=(CALLS.x,)).packing
    entry = pack_entry(packing, totals, varied)
    assert repr(unpack_entry(packing, entry)) == repr((tuple(totals), varied))
    assert repr(unpack_varied(packing, entry)) == repr(varied)


def test_infinity_may_stand_in_an_entry():
    packing = Series(stream="calls.done", keys=()).packing
    assert unpack_varied(packing, pack_entry(packing, (1,), [math.inf, -math.inf])) == [math.inf, -math.inf]


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
