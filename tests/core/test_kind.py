"""The kind that a definition gives is the kind of the column that a frame has of it."""

import datetime as dt

import polars as pl
import pytest

from shipway import windows as w
from shipway.core.column import read_kinds
from shipway.core.feature import Entity, Expr, FeatureView, Source
from shipway.core.kind import feature_kind
from shipway.data.frame import build_frame
from shipway.data.plan import plan_views
from shipway.testing.refusal import expect_refusal

TRIPS = Source("trips", ("id",), (), {"told": ("n", "x", "c", "late", "told"), "always": ("due", "line")})
ROWS = pl.DataFrame({
    "id": [1, 2], "n": [3, 4], "x": [0.5, 1.5], "c": ["a", None], "line": ["u", "u"], "late": [True, False],
    "told": [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (1, 2)],
    "due": [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (3, 4)],
})  # fmt: skip
TOLD = TRIPS.event("told")
FEATURES: dict[str, Expr] = {
    "count": w.count(TOLD, last="2d"),
    "total_n": w.total(TOLD.n, last="2d"),
    "total_x": w.total(TOLD.x, last="2d"),
    "total_late": w.total(TOLD.late, last="2d"),
    "mean": w.mean(TOLD.n, last="2d"),
    "share": w.share(TOLD.late, last="2d"),
    "least": w.least(TOLD.x, last="2d"),
    "greatest": w.greatest(TOLD.n, last="2d"),
    "most": w.greatest(TOLD.late, last="2d"),
    "newest": w.newest(TOLD.c),
    "truth": w.newest(TOLD.late),
    "variance": w.variance(TOLD.n, last="2d"),
    "deviation": w.deviation(TOLD.x, last="2d"),
    "first": w.first(TOLD.c, last="2d"),
    "first_n": w.first(TOLD.n, last="2d", where=TOLD.late),
    "decayed": w.decayed(TOLD.n, half_life="1d"),
    "quantile": w.quantile(TOLD.x, 0.5, last="2d", bins=[0, 1, 2]),
    "quantile_n": w.quantile(TOLD.n, 0.5, last="2d", bins=[0, 1, 2]),
    "distinct": w.distinct(TOLD.c, last="2d", of=["a", "b"]),
    "estimate": w.distinct(TOLD.c, last="2d", bins=256),
    "common": w.most_common(TOLD.c, last="2d", of=["a", "b"]),
    "age": w.age(TOLD),
    "days": w.age(TOLD) / "1d",
    "near": w.around(TRIPS.event("due"), TRIPS.due, before="1d", after="1d"),
    "more": w.count(TOLD, last="2d") > 1,
    "own": TRIPS.x * 2,
    "whole": TRIPS.n // 2,
}


@pytest.mark.parametrize("name", FEATURES)
def test_kind_is_that_of_the_frame(name: str) -> None:
    view = FeatureView("v", Entity("line", ("line",)), {name: FEATURES[name]})
    frame = build_frame(plan_views(TRIPS, TRIPS.told, (view,), {"trips": TRIPS}), {"trips": ROWS})
    columns = {column: str(kind) for column, kind in ROWS.schema.items()}
    built = read_kinds({"it": str(frame[f"v_{name}"].dtype)})["it"]
    assert feature_kind(FEATURES[name], {"trips": read_kinds(columns)}) == built


def test_column_that_is_not_there_is_refused() -> None:
    with expect_refusal("SW-202"):
        feature_kind(FEATURES["own"], {"trips": {"id": "int"}})


def test_operands_that_do_not_go_together_are_refused() -> None:
    with expect_refusal("SW-203"):
        feature_kind(TRIPS.c + TRIPS.n, {"trips": {"c": "text", "n": "int"}})
