"""What is recomputed for requests is what the frame has, where both ask at the same instant."""

import datetime as dt

import numpy as np
import polars as pl

from shipway import windows as w
from shipway.core.feature import Entity, FeatureView, Source
from shipway.data.frame import build_frame
from shipway.data.plan import plan_views
from shipway.data.recomputation import Recomputation, recompute, spine_rows

ORDERS = Source("orders", ("id",), (), {"placed": ("price", "shop"), "settled": ("bad",)})
PLACED, SETTLED = ORDERS.event("placed"), ORDERS.event("settled")
VIEWS = (
    FeatureView("own", None, {"price": ORDERS.price * 2, "bad": ORDERS.bad}),
    FeatureView("shop", Entity("shop", ("shop",)), {
        "n": w.count(PLACED, last="1d"), "spent": w.total(PLACED.price, last="3d"),
        "bad": w.share(SETTLED.bad, last="9d"),
        "near": w.count(PLACED, last="2h") > ORDERS.price,
    }),
    FeatureView("all", Entity("all", ()), {"age": w.age(SETTLED)}),
)  # fmt: skip


def make(rows=400):
    random = np.random.default_rng(2)
    placed = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    minutes = np.sort(random.integers(0, 20 * 24 * 60, rows))
    at = [placed + dt.timedelta(minutes=int(minute)) for minute in minutes]
    return pl.DataFrame({
        "id": np.arange(rows), "price": random.normal(5, 3, rows).round(3),
        "shop": random.choice(["a", "b", "c"], rows),
        "placed": at, "settled": [each + dt.timedelta(hours=30) for each in at], "bad": random.random(rows) < 0.5,
    }).with_columns(pl.col("placed", "settled").cast(pl.Datetime("us", "UTC")))  # fmt: skip


def test_it_is_the_frame_to_the_bit():
    rows = make()
    frame = build_frame(plan_views(ORDERS, ORDERS.placed, VIEWS, {"orders": ORDERS}), {"orders": rows}, refuse=False)
    work = Recomputation(VIEWS, ORDERS, {"orders": ORDERS}, {"orders": rows})
    picked = rows.sample(60, seed=1).select(
        pl.col("id").cast(pl.String).alias("row"), at=pl.col("placed").to_physical()
    )
    spine = spine_rows(work, picked, rows["id"].cast(pl.String))
    found = recompute(work, spine)
    expected = picked.join(
        frame.with_columns(pl.col("id").cast(pl.String).alias("row")), on="row", how="left", maintain_order="left"
    )
    features = [name for name in found.columns if name not in ("row", "at")]
    assert found["row"].to_list() == picked["row"].to_list()
    assert found.select(features).equals(expected.select(features), null_equal=True)


def test_a_column_of_the_row_is_null_before_it_is_known():
    rows = make(5)
    work = Recomputation(VIEWS, ORDERS, {"orders": ORDERS}, {"orders": rows})
    late = rows["settled"].to_physical()
    asked = pl.DataFrame({"row": ["2", "2"], "at": [late[2] - 1, late[2]]})
    found = recompute(work, spine_rows(work, asked, rows["id"].cast(pl.String)))
    assert found["own_bad"].to_list() == [None, rows["bad"][2]]


def test_rows_that_are_not_there_are_left_out():
    rows = make(5)
    work = Recomputation(VIEWS, ORDERS, {"orders": ORDERS}, {"orders": rows})
    asked = pl.DataFrame({"row": ["9", "1"], "at": [rows["placed"].to_physical()[1]] * 2})
    assert spine_rows(work, asked, rows["id"].cast(pl.String))["row"].to_list() == ["1"]
