"""Frames built in slices: the same file as a whole one, from the columns that are read and no others."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Label, Source
from shipway.data.batch import Parts
from shipway.data.frame import build_frame, build_slices
from shipway.data.plan import Plan, plan_views
from shipway.data.slice import LEAST_ROWS, size_slices, spine_columns, stream_columns, table_columns, write_slices

ASKS = Source("asks", ("id",), (), {"made": ("shop", "size", "note"), "done": ("good",)})
SALES = Source("sales", ("no",), (), {"sold": ("shop", "amount", "unread")})
SOLD, DONE = SALES.event("sold"), ASKS.event("done")
SOURCES = {"asks": ASKS, "sales": SALES}
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HOW = {"compression": "zstd", "row_group_size": 100}


def plan_of() -> Plan:
    features = {"sold": w.total(SOLD.amount, last="2h"), "new": w.newest(SOLD.amount)}
    views = (FeatureView("row", None, {"size": ASKS.size}), FeatureView("shop", Entity("shop", ("shop",)), features))
    return plan_views(ASKS, ASKS.made, views, SOURCES, label=Label("good", DONE.good.equals(True)))


def tables_of(rows: int) -> dict[str, pl.DataFrame]:
    number = pl.int_range(rows, eager=True)
    made = pl.Series([START + dt.timedelta(minutes=minute) for minute in range(rows)], dtype=pl.Datetime("us", "UTC"))
    shops = pl.Series([("a", "b", None)[i % 3] for i in range(rows)])
    asks = {"id": number, "made": made, "done": made + dt.timedelta(hours=1), "shop": shops}
    asks |= {"size": number * 0.5, "note": shops, "good": number % 2 == 0}
    sales = {"no": number, "sold": made, "shop": shops, "amount": number % 7, "unread": shops}
    return {"asks": pl.DataFrame(asks), "sales": pl.DataFrame(sales)}


def test_only_the_columns_that_are_read_are_asked_for() -> None:
    assert set(spine_columns(plan_of())) == {"id", "made", "shop", "size", "good", "done"}
    assert {name: set(columns) for name, columns in stream_columns(plan_of()).items()} == {
        "sales": {"no", "sold", "shop", "amount"}
    }


@pytest.mark.parametrize("rows", [1, 64, 100, 1000])
def test_slices_are_written_as_the_same_bytes(tmp_path: Path, rows: int) -> None:
    plan, tables = plan_of(), tables_of(350)
    build_frame(plan, tables).write_parquet(tmp_path / "whole.parquet", **HOW)
    asks = tables["asks"].select(spine_columns(plan))
    spine = Parts(asks.schema, lambda columns: (part.select(columns) for part in asks.iter_slices(37)))
    streams = {name: tables[name].select(columns) for name, columns in stream_columns(plan).items()}
    write_slices(build_slices(plan, streams, spine=spine, rows=rows), tmp_path / "slices.parquet", **HOW)
    digests = {hashlib.sha256((tmp_path / f"{name}.parquet").read_bytes()).digest() for name in ("whole", "slices")}
    assert len(digests) == 1


def test_a_refusal_on_the_way_is_the_users_own(tmp_path: Path) -> None:
    def slices() -> Iterator[pl.DataFrame]:
        yield pl.DataFrame({"a": [1]})
        raise ShipwayError("SW-303", "it does not fit", "use smaller numbers")

    with pytest.raises(ShipwayError, match="it does not fit"):
        write_slices(slices(), tmp_path / "never.parquet")


def test_more_memory_is_more_rows() -> None:
    plan = plan_of()
    streams = {"sales": tables_of(1000)["sales"]}
    sizes = [size_slices(plan, streams, memory) for memory in (0, 10**8, 10**9)]
    assert sizes[0] == LEAST_ROWS < sizes[1] < sizes[2]
    assert size_slices(plan, {}, 10**9) > sizes[2]


def test_a_frame_is_built_from_the_columns_that_are_read() -> None:
    plan, tables = plan_of(), tables_of(40)
    read = {name: tables[name].select(columns) for name, columns in table_columns(plan).items()}
    assert read["sales"].width < tables["sales"].width
    assert build_frame(plan, read).equals(build_frame(plan, tables))
