"""What rows add to a series is what the definition says, row by row."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.tree import FAN
from shipway.data.lane import Columns
from shipway.maths.decay import LANES
from shipway.maths.wide import LIMBS

SALES = Source("sales", ("no",), (), {"done": ("shop", "n", "good")})
DONE = SALES.event("done")
AT = np.array([10, 20, 30], dtype=np.int64) * 60_000_000


def series_of(**features):
    view = FeatureView("v", Entity("shop", ("shop",)), features)
    schema = {"sales": {"no": "int", "shop": "text", "n": "int", "good": "bool"}}
    return make_layout("sales", ("no",), (view,), schema).series


def columns_of(numbers, good=(True, None, False)):
    rows = pl.DataFrame(
        {"no": [1, 2, 3], "done": [dt.datetime.fromtimestamp(at / 1e6, tz=dt.UTC) for at in AT.tolist()],
         "shop": ["s"] * 3, "n": numbers, "good": list(good)},
        schema_overrides={"n": pl.Int64},
    )  # fmt: skip
    return Columns(DONE, {"sales": rows}, np.arange(3), AT)


def test_rows_sums_squares_and_fading_sums_stand_in_their_order():
    (series,) = series_of(
        v=w.variance(DONE.n, last="1h"), d=w.decayed(DONE.n, half_life="10m"), c=w.count(DONE, last="1h")
    )
    delta = columns_of([-3, None, 1 << 32]).delta(series)
    assert delta.shape == (3, series.lanes) == (3, 1 + 2 + LIMBS + LANES)
    assert delta[:, :3].tolist() == [[1, 1, -3], [1, 0, 0], [1, 1, 1 << 32]]
    squares = delta[:, 3 : 3 + LIMBS].tolist()
    assert [sum(limb << 32 * at for at, limb in enumerate(row)) for row in squares] == [9, 0, 1 << 64]
    assert not delta[1, 3:].any()
    # The second half-life since 1970 begins at the first row: its value is moved by one bit, in millionths.
    assert delta[0, 3 + LIMBS] == -3_000_000 * 2


def test_a_row_adds_one_to_a_child_on_every_level():
    root, leaf = series_of(n=w.distinct(DONE.n, last="1h", of=list(range(40))))
    columns = columns_of([17, None, 99])
    assert columns.choose(root, np.zeros(3, dtype=np.int64)).tolist() == [0, -1, -1]
    assert columns.delta(root)[0].tolist() == [1, 0, 1, 0]
    assert columns.nodes(leaf.tree)[0] == 1
    assert columns.delta(leaf)[0].tolist() == [1, *(int(child == 17 % FAN) for child in range(FAN))]


def test_a_condition_chooses_the_rows_where_it_is_true():
    (series,) = series_of(n=w.count(DONE, last="1h", where=DONE.good))
    assert columns_of([1, 2, 3]).choose(series, np.array([4, 4, 5])).tolist() == [4, -1, -1]


def test_squares_that_do_not_fit_are_refused():
    (series,) = series_of(v=w.variance(DONE.n, last="1h"))
    with pytest.raises(ShipwayError, match="SW-303"):
        columns_of([1 << 62] * 2 + [0]).delta(series)
