"""A stream's facts are enough to take back a row of every kind of window."""

import datetime as dt

import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.fact import FactStream

SALES = Source("sales", ("no",), (), {"done": ("shop", "n", "good")})
DONE = SALES.event("done")
SCHEMA = {"sales": {"no": "int", "shop": "text", "n": "int", "good": "bool"}}


@pytest.mark.parametrize(
    "feature",
    [
        w.count(DONE, last="1h", where=DONE.good),
        w.deviation(DONE.n, last="1h"),
        w.decayed(DONE.n, half_life="1h"),
        w.first(DONE.n, last="1h"),
        w.distinct(DONE.n, last="1h"),
    ],
    ids=str,
)
def test_what_a_row_adds_is_taken_back_whole(feature):
    view = FeatureView("v", Entity("shop", ("shop",)), {"x": feature})
    layout = make_layout("sales", ("no",), (view,), SCHEMA)
    done = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    rows = pl.DataFrame({"no": [1], "done": [done], "shop": ["s"], "n": [7], "good": [True]})
    stream = FactStream(layout, DONE)
    (facts,), _ = stream.read(rows)
    found = stream.contribute([facts, facts], [1, -1], [1, 1])
    assert [place for place, _ in found] == list(range(len(layout.series)))
    for place, contributions in found:
        assert contributions.deltas.shape == (2, layout.series[place].lanes)
        assert contributions.deltas[0].any()
        assert not contributions.deltas.sum(axis=0).any()
