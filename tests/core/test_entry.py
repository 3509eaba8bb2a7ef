"""The bytes of the online store: names that cannot be mixed up, and entries that come back as they went in."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shipway.core.entry import LONGEST_KEY, encode_series, pack_entry, unpack_entry, unpack_varied
from shipway.core.feature import Source
from shipway.core.online import Series

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
SCALARS = st.none() | st.booleans() | I64 | st.floats(allow_nan=False) | st.text()
KEYS = st.tuples(I64, st.text(max_size=4)) | st.tuples(I64, st.text(min_size=LONGEST_KEY, max_size=LONGEST_KEY + 9))
CALLS = Source("calls", ("no",), (), {"done": ("shop", "x", "y", "word")})


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
