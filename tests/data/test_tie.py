"""Ties sort as frames order the rows of one instant."""

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.data.key import rank_ties
from shipway.data.tie import read_ties

EPOCH = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
CELLS = {
    pl.Int64: st.integers(-5, 5),
    pl.UInt8: st.integers(0, 200),
    pl.Float64: st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0]),
    pl.String: st.text(max_size=3) | st.sampled_from(["é", "z", "\U0001f600", "\uffff"]),
    pl.Boolean: st.booleans(),
    pl.Enum(["z", "a", "m"]): st.sampled_from("zam"),
    pl.Datetime("us", "UTC"): st.integers(-9, 9).map(lambda hours: EPOCH + dt.timedelta(hours=hours)),
    pl.Date: st.dates(),
    pl.Decimal(10, 2): st.integers(-999, 999).map(lambda cents: Decimal(cents) / 100),
}


@given(data=st.data(), kinds=st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=3))
def test_ties_sort_as_ranks_do(data, kinds):
    cells = st.tuples(*(CELLS[kind] for kind in kinds))
    rows = data.draw(st.lists(cells, max_size=8, unique=True))
    key = tuple("abc"[: len(kinds)])
    frame = pl.DataFrame(rows, schema=dict(zip(key, kinds, strict=True)), orient="row")
    ranks, ties = rank_ties(frame, key).tolist(), read_ties(frame, key).tolist()
    for one in range(len(rows)):
        for other in range(len(rows)):
            # Both zeros are one key, of which frames keep the order of the table.
            assert ties[one] == ties[other] or (ties[one] < ties[other]) == (ranks[one] < ranks[other])


def test_a_row_without_a_key_is_refused():
    with pytest.raises(ShipwayError, match="key column 'b' is null in 1 rows"):
        read_ties(pl.DataFrame({"a": [1, 2], "b": ["x", None]}), ("a", "b"))
