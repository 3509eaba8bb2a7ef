"""Facts are kept of what they can take back; other series are refused by name."""

import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.data.fact import FactStream

SALES = Source("sales", ("no",), (), {"done": ("shop", "n", "good")})
DONE = SALES.event("done")
SCHEMA = {"sales": {"no": "int", "shop": "text", "n": "int", "good": "bool"}}


def stream_of(feature):
    view = FeatureView("v", Entity("shop", ("shop",)), {"x": feature})
    return FactStream(make_layout("sales", ("no",), (view,), SCHEMA), DONE)


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
def test_a_series_of_which_no_facts_are_kept_is_refused(feature):
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        stream_of(feature)
    assert "sales.done" in refused.value.fact


def test_a_plain_series_is_taken():
    assert stream_of(w.mean(DONE.n, last="1h")).places == [0]
