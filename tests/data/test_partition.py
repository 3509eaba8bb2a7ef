"""A frame in parts is the frame, whatever the parts; what is refused is refused before any is handed out."""

import datetime as dt
import random

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.data.frame import build_frame
from shipway.data.partition import build_frame_in_parts, cut_frame
from shipway.data.plan import plan_views
from shipway.testing.fake import HereEngine
from shipway.testing.refusal import expect_refusal

DAY = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
TRIPS = Source("trips", ("id",), ("trips",), {"asked": ("line", "stop"), "arrived": ("delay", "late")})
CALLS = Source("calls", ("id",), ("calls",), {"made": ("line", "length")})
ARRIVED, MADE = TRIPS.event("arrived"), CALLS.event("made")
LINE, STOP = Entity("line", ("line",)), Entity("stop", ("stop",))
VIEWS = (
    FeatureView("line", LINE, {"n": w.count(ARRIVED, last="1h"), "last": w.newest(ARRIVED.delay)}),
    FeatureView("own", None, {"stop": TRIPS.stop}),
    FeatureView("stop", STOP, {"mean": w.mean(ARRIVED.delay, last="2h"), "most": w.greatest(ARRIVED.delay, last="9h")}),
    FeatureView("calls", LINE, {"long": w.total(MADE.length, last="3h") / w.count(MADE, last="3h")}),
)
PLAN = plan_views(TRIPS, TRIPS.asked, VIEWS, {"trips": TRIPS, "calls": CALLS}, label=Label("late", ARRIVED.late))


def make_tables(seed, rows):
    chance = random.Random(seed)
    asked = [DAY + dt.timedelta(minutes=chance.randrange(600)) for _ in range(rows)]
    arrived = [at + dt.timedelta(minutes=1 + chance.randrange(200)) for at in asked]
    kinds = dict.fromkeys(("asked", "arrived", "made"), pl.Datetime("us", "UTC"))
    kinds |= {"line": pl.String, "stop": pl.Int64, "delay": pl.Float64, "late": pl.Boolean, "length": pl.Float64}
    trips = {
        "id": list(range(rows)),
        "line": [chance.choice(["a", "b", None]) for _ in range(rows)],
        "stop": [chance.choice([1, 2, None]) for _ in range(rows)],
        "asked": asked,
        "arrived": arrived,
        "delay": [chance.choice([0.1, -3.25, None, 700.0]) for _ in range(rows)],
        "late": [chance.choice([True, False]) for _ in range(rows)],
    }
    calls = {
        "id": list(range(rows)),
        "line": [chance.choice(["a", "b", None]) for _ in range(rows)],
        "made": [DAY + dt.timedelta(minutes=chance.randrange(600)) for _ in range(rows)],
        "length": [chance.choice([1.5, None, 2.0]) for _ in range(rows)],
    }
    return {
        name: pl.DataFrame(found, schema_overrides={key: kinds[key] for key in found if key in kinds})
        for name, found in (("trips", trips), ("calls", calls))
    }


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), rows=st.integers(1, 60), pieces=st.integers(1, 9))
def test_a_frame_in_parts_is_the_frame(seed, rows, pieces):
    tables = make_tables(seed, rows)
    assert build_frame_in_parts(PLAN, tables, HereEngine(), pieces=pieces).equals(build_frame(PLAN, tables))


@given(rows=st.integers(0, 40), pieces=st.integers(1, 9))
def test_every_feature_of_every_row_is_in_one_part(rows, pieces):
    found = [
        (c.name, row)
        for part in cut_frame(PLAN, rows, pieces)
        for c in part.columns
        for row in range(part.start, part.stop)
    ]
    assert sorted(found) == sorted((c.name, row) for c in PLAN.columns for row in range(rows))


class Idle:
    """An engine that must not be asked."""

    def run(self, work, shared, tasks):
        raise AssertionError("a refused frame is handed out")

    def close(self):
        pass


def test_what_is_refused_is_refused_first_and_in_the_same_words():
    tables = make_tables(3, 40)
    leaky = FeatureView("leaky", LINE, {"mean": w.mean(TRIPS.event("asked").delay, last="1h")})
    made = plan_views(TRIPS, TRIPS.asked, (*VIEWS, leaky), {"trips": TRIPS, "calls": CALLS})
    with expect_refusal("SW-301") as here:
        build_frame(made, tables)
    with expect_refusal("SW-301") as there:
        build_frame_in_parts(made, tables, Idle())
    assert str(there[0]) == str(here[0])
    with expect_refusal("SW-203"):
        build_frame_in_parts(PLAN, {**tables, "calls": tables["calls"].with_columns(length=pl.lit("x"))}, Idle())


def test_a_plan_without_features_has_no_parts():
    bare = plan_views(TRIPS, TRIPS.asked, (), {"trips": TRIPS})
    tables = make_tables(1, 5)
    assert build_frame_in_parts(bare, tables, HereEngine()).equals(build_frame(bare, tables))
