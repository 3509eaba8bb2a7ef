"""A frame built bucket by bucket is the frame, whoever builds the buckets and however small they are."""

import random

import polars as pl
import pytest
from tests.data.test_partition import ARRIVED, LINE, MADE, STOP, TRIPS, VIEWS, make_tables

from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Label
from shipway.data import room
from shipway.data.batch import Parts
from shipway.data.frame import build_frame
from shipway.data.plan import plan_views
from shipway.data.room import Room, Stock, build_within, fits
from shipway.testing.fake import HereEngine
from shipway.testing.refusal import expect_refusal

SOURCES = {"trips": TRIPS, "calls": MADE.source}
MORE = (
    FeatureView("both", Entity("both", ("line", "stop")), {
        "n": w.count(ARRIVED, last="4h"), "worst": w.newest(ARRIVED.delay, where=ARRIVED.late),
        "own": w.total(ARRIVED.delay, last="2h") / TRIPS.stop, "fades": w.decayed(ARRIVED.delay, half_life="1h"),
    }),
    FeatureView("all", Entity("all", ()), {"n": w.count(MADE, last="3h"), "age": w.age(ARRIVED)}),
)  # fmt: skip
BOTH, ALL = MORE
COMPOSITES = (
    FeatureView("ratios", LINE, {
        "n": BOTH.n / ALL.n, "more": w.total(ARRIVED.delay, last="4h") - BOTH.own, "worst": BOTH.worst,
    }),
    FeatureView("asked", None, {"n": BOTH.n + TRIPS.stop, "age": ALL.age}),
)  # fmt: skip
PLAN = plan_views(TRIPS, TRIPS.asked, (*VIEWS, *MORE, *COMPOSITES), SOURCES, label=Label("late", ARRIVED.late))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(room, "LEAST_ROWS", 7)
    monkeypatch.setattr(room, "PIECE_ROWS", 5)


def stock_of(tables):
    def parts(rows):
        return Parts(rows.schema, lambda columns: (each.select(columns) for each in rows.iter_slices(9)))

    return Stock({name: parts(rows) for name, rows in tables.items()}, {n: rows.height for n, rows in tables.items()})


@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("how", [{}, {"engine": HereEngine()}, {"engine": HereEngine(), "apart": True, "workers": 2}])
@pytest.mark.parametrize("memory", [1, 20_000, 10**9])
def test_a_frame_in_buckets_is_the_frame(tmp_path, rows, how, memory):
    tables = make_tables(rows, rows)
    seen = []
    slices = list(
        build_within(PLAN, stock_of(tables), Room(memory, tmp_path, **how), report=lambda *at: seen.append(at))
    )
    assert pl.concat(slices).equals(build_frame(PLAN, tables))
    assert seen[-1] == (len(PLAN.columns), len(PLAN.columns))
    assert len(slices) == (1 if memory > 10**6 else -(-rows // 7) if memory == 1 else len(slices))


def test_tables_without_rows_have_a_frame_without_rows(tmp_path):
    tables = {name: rows.clear() for name, rows in make_tables(1, 3).items()}
    found = pl.concat(list(build_within(PLAN, stock_of(tables), Room(1, tmp_path))))
    assert found.equals(build_frame(PLAN, tables))
    assert found.schema == build_frame(PLAN, make_tables(1, 3)).schema


def test_what_is_refused_is_refused_before_a_row_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_build_entity", None)
    tables = make_tables(3, 40)
    early = FeatureView("early", LINE, {"mean": w.mean(TRIPS.event("asked").delay, last="1h")})
    ahead = FeatureView("ahead", STOP, {"next": w.around(ARRIVED, TRIPS.asked, before="1h", after="1h")})
    for leaky in (early, ahead):
        plan = plan_views(TRIPS, TRIPS.asked, (*VIEWS, leaky), SOURCES)
        with expect_refusal("SW-301"):
            next(build_within(plan, stock_of(tables), Room(1, tmp_path)))
    tiny = {**tables, "calls": tables["calls"].with_columns(pl.col("length") / 10_000)}
    with expect_refusal("SW-303"):
        next(build_within(PLAN, stock_of(tiny), Room(1, tmp_path)))


def test_that_values_are_too_small_is_told_of_all_of_them(tmp_path):
    chance, tables = random.Random(1), make_tables(3, 60)
    small = [chance.choice([1e-4, None]) for _ in range(59)]
    calls = tables["calls"].with_columns(length=pl.Series([*small, 2.0]))
    tables = {**tables, "calls": calls}
    found = pl.concat(list(build_within(PLAN, stock_of(tables), Room(1, tmp_path))))
    assert found.equals(build_frame(PLAN, tables))


def test_what_is_small_needs_no_buckets():
    stock = stock_of(make_tables(1, 60))
    assert fits(PLAN, stock, 10**6)
    assert not fits(PLAN, stock, 1_000)
