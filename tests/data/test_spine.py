"""Spines of one row."""

import polars as pl
import pytest

from shipway.core.column import row_columns
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Event, FeatureView, Source
from shipway.core.window import around, count, mean
from shipway.data.spine import ASKED, ask_view, find_row, read_value, require_value, spine_like, spine_of
from shipway.maths.expression import Column

VISITS = Source("visits", ("visit",), (), {"begun": ("shop", "planned"), "ended": ("spent",)})
BEGINNINGS, ENDINGS = Event(VISITS, "begun"), Event(VISITS, "ended")
ROWS = pl.DataFrame({"shop": ["north", "south", "south"], "visit": [1, 2, 3], "open": [True, False, None]})


def micros(text):
    return {"noon": 12}[text]


def test_view_asks_the_spine_for_the_row_and_its_streams_for_the_rest():
    view = FeatureView(
        "shop",
        Entity("shop", ("shop",)),
        {
            "spent": mean(ENDINGS.spent, last="7d"),
            "share": VISITS.planned / (VISITS.visit + 1),
            "next": around(BEGINNINGS, VISITS.planned, before="1h", after="1h") - count(BEGINNINGS, last="1d"),
        },
    )
    asked = ask_view(view, "visits")
    assert (asked.name, asked.entity) == (view.name, view.entity)
    assert asked.features["spent"] == view.features["spent"]
    assert row_columns(asked.features["share"]) == (Column(ASKED, "visit"), Column(ASKED, "planned"))
    assert row_columns(asked.features["next"]) == (Column(ASKED, "planned"),)
    assert str(asked.features["next"]) == str(view.features["next"]).replace("visits.planned", f"{ASKED}.planned")
    assert ask_view(view, "others") == view


def test_row_columns_are_those_outside_windows_and_in_their_anchors():
    assert row_columns(mean(ENDINGS.spent, last="7d")) == ()
    assert row_columns(around(BEGINNINGS, VISITS.planned, before="1h", after="1h")) == (VISITS.planned,)
    assert row_columns((VISITS.planned - VISITS.planned) / 2) == (VISITS.planned,)


def test_spine_like_a_source_knows_its_columns_when_the_source_does():
    spine = spine_like(VISITS)
    assert spine.name == ASKED
    assert {name: spine.instant_of(name) for name in spine.columns} == {
        name: VISITS.instant_of(name) for name in VISITS.columns
    }


def test_spine_of_what_was_given_knows_it():
    spine = spine_of({"shop": "north", "planned": 3})
    assert spine.columns == ("shop", "planned")
    assert [spine.instant_of(name) for name in spine.columns] == ["always", "always"]


def test_values_are_read_as_the_column_holds_them():
    rows = pl.DataFrame({"n": [1], "x": [1.5], "yes": [True], "word": ["w"], "at": [7]}).with_columns(
        pl.col("at").cast(pl.Datetime("us", "UTC"))
    )
    texts = {"n": "-4", "x": "2.25", "yes": "False", "word": "5", "at": "noon"}
    read = {name: read_value(text, name, rows, micros) for name, text in texts.items()}
    assert {name: value for name, value in read.items() if name != "at"} == {
        "n": -4,
        "x": 2.25,
        "yes": False,
        "word": "5",
    }
    assert pl.Series([read["at"]]).cast(rows["at"].dtype).to_physical().item() == 12
    for name in ("n", "x", "yes", "at"):
        with pytest.raises(ShipwayError) as caught:
            read_value("what", name, rows, micros)
        assert caught.value.code == "SW-203"
        assert f"{name}=" in caught.value.hint


def test_row_is_found_by_all_of_its_key():
    assert find_row(ROWS, {"shop": "south", "visit": 3}, "visits").rows() == [("south", 3, None)]


def test_row_that_is_not_there_is_refused():
    for values, hint in (
        ({"shop": "sout"}, "did you mean 'south'?"),
        ({"visit": 9}, "from 1 to 3"),
        ({"shop": "north", "visit": 2}, "not together"),
    ):
        with pytest.raises(ShipwayError) as caught:
            find_row(ROWS, values, "visits")
        assert caught.value.code == "SW-104"
        assert hint in caught.value.hint


def test_value_that_occurs_is_let_through():
    require_value(ROWS["shop"], "north", "visits")
    with pytest.raises(ShipwayError):
        require_value(ROWS["shop"], "west", "visits")
