"""A layout of other features is read out of a store where that keeps everything they read, and refused where not."""

import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.feature_set import VERSION, FeatureSets
from shipway.core.online import make_layout

CALLS = Source("calls", ("no",), ("calls",), {"done": ("shop", "amount", "text")})
DONE = CALLS.event("done")
SCHEMA = {"calls": {"no": "int", "done": "instant", "shop": "text", "amount": "float", "text": "text"}}


def layout(schema=SCHEMA, **features):
    return make_layout("asked", (), (FeatureView("v", Entity("shop", ("shop",)), features),), schema | ASKED)


ASKED = {"asked": {"shop": "text"}}
KEPT = layout(n=w.count(DONE, last="2d"), spent=w.total(DONE.amount, last="1d"), last=w.newest(DONE.text))
SETS = FeatureSets(
    version=VERSION,
    uri="",
    online="views-1",
    spine="asked",
    series=KEPT.series,
    schema={"calls": SCHEMA["calls"]},
    sets={},
)


def test_what_is_kept_is_read_at_its_places():
    wanted = layout(mean=w.mean(DONE.amount, last="9h"))
    assert SETS.adopt(wanted).series == KEPT.series
    assert SETS.adopt(wanted).views == wanted.views


@pytest.mark.parametrize(
    "features",
    [
        {"n": w.count(DONE, last="3d")},
        {"top": w.greatest(DONE.amount, last="1d")},
        {"n": w.count(DONE, last="1d", where=DONE.amount > 1)},
    ],
)
def test_what_is_not_kept_is_refused(features):
    with pytest.raises(ShipwayError, match=r"SW-801.*calls.done of shop"):
        SETS.adopt(layout(**features))


def test_another_kind_is_refused():
    other = {"calls": SCHEMA["calls"] | {"amount": "int"}}
    with pytest.raises(ShipwayError, match="SW-801"):
        SETS.adopt(layout(other, mean=w.mean(DONE.amount, last="9h")))
