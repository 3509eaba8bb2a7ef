"""Nothing may be read before it is known, and the refusal names the column, the rows and an example."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, Label, Source
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


def test_an_instant_of_prediction_from_the_future_is_refused() -> None:
    view = FeatureView("v", SHOP, {"n": w.count(ORDERS.event("placed"), last="1d")})
    asked = plan_views(ORDERS, ORDERS.delivered - "2h", (view,), {"orders": ORDERS})
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(asked, {"orders": orders((0, 0, 5), (2, 2, 3))})
    assert "the instant of the prediction reads orders.delivered" in refused.value.fact
    assert "2 of 2 rows" in refused.value.fact


def label_of(value: Expr) -> Plan:
    """Plan a frame with a label."""
    view = FeatureView("v", None, {"size": ORDERS.size})
    return plan_views(ORDERS, ORDERS.placed, (view,), {"orders": ORDERS}, label=Label("slow", value))


def test_a_label_that_is_not_known_when_its_stream_says_is_refused() -> None:
    early = label_of(ORDERS.event("assigned").minutes > 60)
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(early, {"orders": orders((0, 1, 5), (2, 3, 3), (4, None, 9))})
    assert "label slow reads orders.minutes through event orders.assigned" in refused.value.fact
    assert "1 of 2 rows" in refused.value.fact


def test_a_label_that_is_null_reads_nothing_and_one_made_of_a_null_does() -> None:
    data = orders((0, 1, None), (2, 5, 5))
    frame = build_frame(label_of(ORDERS.event("assigned").minutes > 60), {"orders": data})
    assert frame["_label"].to_list() == [None, True]
    with pytest.raises(ShipwayError, match="SW-301"):
        build_frame(label_of(ORDERS.event("assigned").minutes.fill(0) > 60), {"orders": data})


PLANS = Source(
    "plans",
    ("id",),
    (),
    {"published": ("shop", "starts", "asked"), "manned": ("driver",)},
)


def plans(*rows: tuple[int | None, int, int | None]) -> pl.DataFrame:
    """Make plans of (published, starts, manned), hours since the start, asked about an hour before they start."""

    def at(hours: int | None) -> dt.datetime | None:
        return None if hours is None else START + dt.timedelta(hours=hours)

    instants = {
        "published": [at(row[0]) for row in rows],
        "starts": [at(row[1]) for row in rows],
        "asked": [at(row[1] - 1) for row in rows],
        "manned": [at(row[2]) for row in rows],
    }
    rest = {"id": range(len(rows)), "shop": ["a"] * len(rows), "driver": ["d"] * len(rows)}
    return pl.DataFrame({**instants, **rest}, schema_overrides=dict.fromkeys(instants, pl.Datetime("us", "UTC")))


def ahead(anchor: Expr, after: str, *keys: str) -> Plan:
    """Plan a count of what starts within some time after an anchor."""
    near = w.around(PLANS.event("starts"), anchor, before="1h", after=after)
    view = FeatureView("v", Entity("e", keys), {"near": near})
    return plan_views(PLANS, PLANS.asked, (view,), {"plans": PLANS})


@pytest.mark.parametrize(
    ("anchor", "after", "allowed"),
    [
        (PLANS.starts, "3h", True),
        (PLANS.starts, "4h", False),
        (PLANS.starts + "1h", "2h", True),
        (PLANS.starts + "1h", "3h", False),
        (PLANS.starts - "2h", "5h", True),
        (PLANS.starts + (PLANS.starts - PLANS.asked) * 3, "1h", False),
    ],
)
def test_a_window_ahead_is_checked_at_its_calculated_anchor(anchor: Expr, after: str, allowed: bool) -> None:
    """Plans are published four hours ahead and asked about one hour ahead: three hours past the start are known."""
    data = {"plans": plans((0, 4, 0), (1, 5, 0), (6, 10, 0))}
    if allowed:
        assert build_frame(ahead(anchor, after, "shop"), data).height == 3
        return
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(ahead(anchor, after, "shop"), data)
    assert "plans.starts" in refused.value.fact
    assert "only 4h ahead" in refused.value.fact


def test_whose_a_planned_event_is_must_be_known_ahead_too() -> None:
    data = {"plans": plans((0, 40, 39), (0, 50, 49))}
    assert build_frame(ahead(PLANS.starts, "12h", "shop"), data)["v_near"].to_list() == [2, 1]
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(ahead(PLANS.starts, "12h", "driver"), data)
    assert "plans.driver" in refused.value.fact
    assert "only 1h ahead" in refused.value.fact


@pytest.mark.parametrize(("row", "said"), [((None, -1_000_000, 0), "never say"), ((5, 2, 0), "3h after they happen")])
def test_a_plan_that_is_never_or_late_published_is_refused(row: tuple[int | None, int, int | None], said: str) -> None:
    spine = Source("spine", ("id",), (), {"always": ("asked", "shop")})
    near = w.around(PLANS.event("starts"), spine.asked, before="1h", after="1h")
    view = FeatureView("v", Entity("all", ()), {"near": near})
    planned = plan_views(spine, spine.asked, (view,), {"plans": PLANS, "spine": spine})
    asked = plans((0, 4, 0)).select("id", "asked", "shop")
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(planned, {"plans": plans(row), "spine": asked})
    assert said in refused.value.fact


def test_an_instant_that_a_table_lacks_is_named() -> None:
    with pytest.raises(ShipwayError, match="SW-202") as refused:
        build_frame(plan(ORDERS.driver, None), {"orders": orders((0, 0, 5)).drop("assigned")})
    assert "'assigned'" in refused.value.fact
