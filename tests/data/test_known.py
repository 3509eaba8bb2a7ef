"""Nothing may be read before it is known, and the refusal names the column, the rows and an example."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, Source
from shipway.data.frame import build_frame, instants_asked
from shipway.data.known import find_early_reads
from shipway.data.plan import Plan, plan_views

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
ORDERS = Source(
    "orders",
    ("id",),
    ("orders",),
    {"placed": ("shop", "size"), "assigned": ("driver",), "delivered": ("minutes",), "always": ("region",)},
)
SHOP = Entity("shop", ("shop",))


def orders(*rows: tuple[int, int | None, int | None]) -> pl.DataFrame:
    """Make orders of (placed, assigned, delivered), hours since the start."""

    def at(hours: int | None) -> dt.datetime | None:
        return None if hours is None else START + dt.timedelta(hours=hours)

    return pl.DataFrame(
        {
            "id": range(len(rows)),
            "shop": ["a"] * len(rows),
            "region": ["north"] * len(rows),
            "size": list(range(len(rows))),
            "driver": [None if row[1] is None else "d" for row in rows],
            "minutes": [None if row[2] is None else 60 * (row[2] - row[0]) for row in rows],
            "placed": [at(row[0]) for row in rows],
            "assigned": [at(row[1]) for row in rows],
            "delivered": [at(row[2]) for row in rows],
        },
        schema_overrides={
            "assigned": pl.Datetime("us", "UTC"),
            "delivered": pl.Datetime("us", "UTC"),
            "driver": pl.String,
            "minutes": pl.Int64,
        },
    )


def plan(feature: Expr, entity: Entity | None = SHOP) -> Plan:
    """Plan one feature for orders, asked about an hour after they are placed."""
    return plan_views(ORDERS, ORDERS.placed + "1h", (FeatureView("v", entity, {"f": feature}),), {"orders": ORDERS})


def refuse(feature: Expr, data: pl.DataFrame, entity: Entity | None = SHOP) -> ShipwayError:
    """Return the refusal of a feature."""
    with pytest.raises(ShipwayError) as refused:
        build_frame(plan(feature, entity), {"orders": data})
    return refused.value


def test_the_rows_own_outcome_is_refused() -> None:
    error = refuse(ORDERS.minutes / 60, orders((0, 0, 5), (2, 2, 3), (4, 4, None)), None)
    assert error.code == "SW-301"
    assert "orders.minutes" in error.fact
    assert "2 of 3 rows" in error.fact
    assert "id 0" in error.fact
    assert "2024-01-01 01:00 UTC" in error.fact
    assert "2024-01-01 05:00 UTC" in error.fact


def test_a_join_on_event_time_is_refused() -> None:
    error = refuse(w.mean(ORDERS.event("placed").minutes, last="1d"), orders((0, 0, 5), (2, 2, 3)))
    assert error.code == "SW-301"
    assert "event orders.placed" in error.fact
    assert "2 of 2 rows" in error.fact


def test_that_a_value_is_missing_is_a_fact_too() -> None:
    error = refuse(ORDERS.driver.is_null(), orders((0, 0, 5), (2, None, None)), None)
    assert "1 of 2 rows" in error.fact
    assert "known never" in error.fact


def test_a_key_that_is_not_known_yet_is_refused() -> None:
    driver = Entity("driver", ("driver",))
    error = refuse(w.count(ORDERS.event("delivered"), last="1d"), orders((0, 3, 5)), driver)
    assert "orders.driver" in error.fact
    assert "its key" in error.fact


def test_a_column_that_never_says_when_is_refused() -> None:
    source = Source("t", ("id",), (), {"known": ("x",)})
    frame = pl.DataFrame({"id": [1], "known": [START], "x": [1], "y": [2]})
    view = FeatureView("v", None, {"f": source.x})
    planned = plan_views(source, source["known"], (view,), {"t": source})
    assert build_frame(planned, {"t": frame}).height == 1
    with pytest.raises(ShipwayError, match="SW-104"):
        _ = source.y


@pytest.mark.parametrize(
    "feature",
    [
        w.mean(ORDERS.event("delivered").minutes, last="1d"),
        w.count(ORDERS.event("placed"), last="1d"),
        w.newest(ORDERS.event("delivered").size),
    ],
)
def test_what_is_known_is_not_refused(feature: Expr) -> None:
    assert build_frame(plan(feature), {"orders": orders((0, 0, 5), (2, 2, 3), (3, 9, None))}).height == 3


def test_static_reads_of_what_was_known_beforehand_are_allowed() -> None:
    assert build_frame(plan(ORDERS.region, None), {"orders": orders((0, 0, 5))})["v_f"].to_list() == ["north"]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 20), st.none() | st.integers(0, 30), st.none() | st.integers(0, 30)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_a_read_is_refused_exactly_when_a_row_is_early(rows: list[tuple[int, int | None, int | None]]) -> None:
    data = orders(*rows)
    planned = plan(ORDERS.minutes + 0, None)
    reads = find_early_reads(planned, {"orders": data}, instants_asked(planned, data))
    early = sum(delivered is None or delivered > placed + 1 for placed, _, delivered in rows)
    assert sum(read.rows for read in reads) == early
    assert all(read.of == len(rows) for read in reads)
