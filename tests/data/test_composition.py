"""Features made of features of other views are, in a frame, what their definitions come to by hand."""

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.data.composition import list_turns
from shipway.data.frame import build_frame, build_slices
from shipway.data.partition import build_frame_in_parts
from shipway.data.plan import plan_views
from shipway.data.recomputation import Recomputation, recompute, spine_rows
from shipway.data.slice import size_slices, spine_columns, stream_columns
from shipway.testing.fake import HereEngine

NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
TRIPS = Source(
    "trips", ("id",), ("trips",), {"published": ("line", "depot", "scheduled", "price"), "arrived": ("delay",)}
)
STOPS = Source("stops", ("no",), ("stops",), {"seen": ("line", "people")})
SOURCES = {"trips": TRIPS, "stops": STOPS}
ARRIVED = TRIPS.event("arrived")
LINE = FeatureView(
    "line",
    Entity("line", ("line",)),
    {
        "delay": w.mean(ARRIVED.delay, last="3h"),
        "people": w.newest(STOPS.event("seen").people),
        "n": w.count(ARRIVED, last="3h"),
    },
)
DEPOT = FeatureView("depot", Entity("depot", ("depot",)), {"delay": w.mean(ARRIVED.delay, last="3h")})
MIXED = FeatureView(
    "mixed",
    None,
    {"relative": LINE.delay / DEPOT.delay, "fare": TRIPS.price * LINE.people, "far": (LINE.n > 1) & (TRIPS.price > 2)},
)
DEEP = FeatureView("deep", DEPOT.entity, {"more": MIXED.relative + w.count(ARRIVED, last="2h"), "same": LINE.people})


def hours(count: float) -> dt.datetime:
    return NOON + dt.timedelta(hours=count)


TABLES = {
    "trips": pl.DataFrame(
        {
            "id": [1, 2, 3, 4, 5],
            "line": ["7", "8", "7", "7", None],
            "depot": ["N", "N", "S", "N", "N"],
            "published": [hours(-24)] * 5,
            "scheduled": [hours(0), hours(0), hours(0), hours(2), hours(2)],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0],
            "arrived": [hours(1), hours(1), hours(1), None, None],
            "delay": [4, 8, 20, None, None],
        }
    ),
    "stops": pl.DataFrame({"no": [1, 2], "line": ["7", "7"], "seen": [hours(0), hours(3)], "people": [11, 12]}),
}


def plan_of(*views: FeatureView):
    return plan_views(TRIPS, TRIPS.scheduled, views, SOURCES)


def test_a_frame_has_what_the_features_come_to():
    frame = build_frame(plan_of(DEEP, MIXED), TABLES)
    assert frame.columns == ["id", "_at", "deep_more", "deep_same", "mixed_relative", "mixed_fare", "mixed_far"]
    # At two o'clock line 7 has the delays 4 and 20, depot N 4 and 8; the line of the last row is unknown.
    assert frame["mixed_relative"].to_list() == [None, None, None, 12.0 / 6.0, None]
    assert frame["mixed_fare"].to_list() == [11.0, None, 33.0, 44.0, None]
    assert frame["mixed_far"].to_list() == [False, False, False, True, None]
    assert frame["deep_more"].to_list() == [None, None, None, 2.0 + 2, None]
    assert frame["deep_same"].to_list() == [11, None, 11, 11, None]


def test_what_is_read_needs_not_be_asked_for_and_is_no_other_when_it_is():
    alone, beside = build_frame(plan_of(MIXED), TABLES), build_frame(plan_of(DEPOT, LINE, MIXED), TABLES)
    assert beside.select(alone.columns).equals(alone)
    assert beside["mixed_relative"].equals(beside["line_delay"] / beside["depot_delay"], null_equal=True)


def test_each_entity_has_one_turn_with_what_others_need_of_it():
    turns = list_turns(plan_of(LINE, DEEP, MIXED).columns)
    assert [entity and entity.name for entity in turns] == ["line", "depot"]
    assert [column.name for column in turns[LINE.entity].columns] == ["line_delay", "line_people", "line_n"]
    assert len(turns[DEPOT.entity].windows) == 2


def test_slices_and_parts_are_the_frame():
    made = plan_of(DEEP, LINE, MIXED)
    whole = build_frame(made, TABLES)
    assert pl.concat(build_slices(made, TABLES, rows=2)).equals(whole)
    assert build_frame_in_parts(made, TABLES, HereEngine(), pieces=2).equals(whole)
    assert set(spine_columns(made)) >= {"line", "depot", "price", "scheduled"}
    assert set(stream_columns(made)["stops"]) >= {"line", "people", "seen"}
    less = replace(made, columns=tuple(column for column in made.columns if not column.name.startswith("deep")))
    streams = {name: TABLES[name] for name in ("trips", "stops")}
    assert size_slices(made, streams, 10**9) < size_slices(less, streams, 10**9)


def test_a_feature_of_an_entity_that_the_rows_do_not_tell_is_refused_by_name():
    lines = FeatureView("rate", None, {"x": LINE.delay / DEPOT.delay})
    asks = Source("asks", ("id",), (), {"always": ("line", "depots", "at")})
    with pytest.raises(ShipwayError, match="SW-202") as refused:
        plan_views(asks, asks.at, (lines,), SOURCES)
    assert "feature rate.x reads depot.delay, and rows of asks do not tell which depot: they have no 'depot'" in (
        refused.value.fact
    )
    assert refused.value.hint == "did you mean 'depots'?"


def test_what_is_known_late_is_refused_of_features_that_read_it_through_others():
    early = FeatureView("early", LINE.entity, {"x": w.mean(TRIPS.event("scheduled").delay, last="3h")})
    through = FeatureView("through", None, {"y": DEPOT.delay - early.x})
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(plan_of(through), TABLES)
    assert "through_y reads trips.delay through event trips.scheduled" in refused.value.fact


def test_a_column_of_the_row_that_is_known_late_is_refused_through_other_features_too():
    own = FeatureView("own", None, {"x": TRIPS.delay})
    through = FeatureView("through", LINE.entity, {"y": own.x * 2})
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(plan_of(through), TABLES)
    assert "through_y reads trips.delay through the row" in refused.value.fact


def test_what_does_not_fit_is_refused_with_the_name_of_the_feature():
    odd = FeatureView("odd", None, {"x": LINE.delay + TRIPS.line})
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        build_frame(plan_of(odd), TABLES)
    assert "feature 'odd_x' cannot be computed: line.delay + trips.line" in refused.value.fact


def test_windows_without_an_entity_are_refused_inside_too():
    loose = FeatureView("loose", None, {"x": w.count(ARRIVED, last="3h")})
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        plan_of(FeatureView("through", None, {"y": loose.x + 1}))
    assert "feature loose.x is a window" in refused.value.fact


def test_requests_are_recomputed_through_other_features():
    work = Recomputation((MIXED, DEEP), TRIPS, SOURCES, TABLES)
    asked = pl.DataFrame({"row": ["4"], "at": [int(hours(2).timestamp() * 1_000_000)]})
    spine = spine_rows(work, asked, pl.Series(["1", "2", "3", "4", "5"]))
    assert {"line", "depot", "price"} <= set(spine.columns)
    found = recompute(work, spine)
    frame = build_frame(plan_of(MIXED, DEEP), TABLES)
    assert found.drop("row", "at").equals(frame.drop("id", "_at")[3:4])
