"""Frames against a naive reading of the definition, and the properties that must hold whatever the data."""

import datetime as dt
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, Label, Source
from shipway.data.batch import Parts
from shipway.data.frame import build_frame, build_slices
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, plan_views
from shipway.maths.expression import Aggregate, Column

ORIGIN = 1_700_000_000_000_000
VISITS = Source(
    "visits",
    ("id",),
    ("visits",),
    {"booked": ("shop", "asked_at", "size"), "paid": ("amount", "late"), "kept": ("shop_again",)},
)
PAID = VISITS.event("paid")
SHOP, EVERYONE = Entity("shop", ("shop",)), Entity("system", ())


def instant(minutes: int | None) -> dt.datetime | None:
    """Return minutes since the tests' origin as an instant."""
    if minutes is None:
        return None
    return dt.datetime.fromtimestamp(ORIGIN / 1e6, tz=dt.UTC) + dt.timedelta(minutes=minutes)


def table(rows: list[tuple[str | None, int, int | None, int | None]]) -> pl.DataFrame:
    """Make a visits table of (shop, asked_at, paid, amount); booked is a day before it is asked about."""
    return pl.DataFrame(
        {
            "id": list(range(len(rows))),
            "shop": [row[0] for row in rows],
            "booked": [instant(row[1] - 1440) for row in rows],
            "asked_at": [instant(row[1]) for row in rows],
            "paid": [instant(row[2]) for row in rows],
            "kept": [instant(row[2]) for row in rows],
            "amount": [row[3] if row[2] is not None else None for row in rows],
            "late": [None if row[3] is None or row[2] is None else row[3] > 5 for row in rows],
            "size": [float(row[1] % 7) for row in rows],
            "shop_again": [row[0] for row in rows],
        },
        schema={
            "id": pl.Int64,
            "shop": pl.String,
            **dict.fromkeys(("booked", "asked_at", "paid", "kept"), pl.Datetime("us", "UTC")),
            "amount": pl.Int64,
            "late": pl.Boolean,
            "size": pl.Float64,
            "shop_again": pl.String,
        },
    )


def plan(entity: Entity | None, label: Label | None = None, **features: Expr) -> Plan:
    """Plan one view of the visits."""
    return plan_views(VISITS, VISITS.asked_at, (FeatureView("v", entity, features),), {"visits": VISITS}, label=label)


def naive(node: Aggregate, rows: list[dict[str, Any]], asked: dict[str, Any], key: str | None) -> Any:
    """Read the definition of one aggregate literally, one event at a time."""
    if key is not None and asked[key] is None:
        return None
    known = [
        (r["paid"], r["id"], r)
        for r in rows
        if r["paid"] is not None and r["paid"] <= asked["asked_at"] and (key is None or r[key] == asked[key])
        if node.where is None or (r["amount"] is not None and r["amount"] > 3)
    ]
    width = node.width_us
    inside = [e for e in known if width is None or e[0] > asked["asked_at"] - dt.timedelta(microseconds=width)]
    newest = max(inside, key=lambda e: (e[0], e[1]), default=None)
    column = "late" if node.kind == "share" else "amount"
    values = [e[2][column] for e in inside if e[2][column] is not None]
    match node.kind:
        case "count":
            return len(inside)
        case "sum":
            return sum(values)
        case "mean" | "share":
            return sum(values) / len(values) if values else None
        case "min":
            return min(values, default=None)
        case "max":
            return max(values, default=None)
        case "last":
            assert isinstance(node.value, Column)
            return newest[2][node.value.name] if newest else None
        case "age":
            return None if newest is None else (asked["asked_at"] - newest[0]) // dt.timedelta(microseconds=1)
        case _:
            raise AssertionError(node.kind)


BIG = PAID.amount > 3
FEATURES: dict[str, Aggregate] = {
    "n": w.count(PAID, last="30m"),
    "total": w.total(PAID.amount, last="30m"),
    "mean": w.mean(PAID.amount, last="2h"),
    "share": w.share(PAID.late, last="2h"),
    "low": w.least(PAID.amount, last="2h"),
    "high": w.greatest(PAID.amount, last="30m"),
    "newest": w.newest(PAID.amount),
    "newest_soon": w.newest(PAID.amount, within="30m"),
    "age": w.age(PAID),
    "newest_big": w.newest(PAID.amount, where=BIG),
    "newest_big_soon": w.newest(PAID.amount, within="30m", where=BIG),
    "late_of_big": w.newest(PAID.late, where=BIG),
    "age_of_big": w.age(PAID, where=BIG),
    "total_big": w.total(PAID.amount, last="2h", where=BIG),
}
visits = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.integers(0, 240),
        st.none() | st.integers(0, 300),
        st.none() | st.integers(-20, 20),
    ),
    min_size=1,
    max_size=25,
)


@given(rows=visits, everyone=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_frame_is_what_the_definition_says(
    rows: list[tuple[str | None, int, int | None, int | None]], everyone: bool
) -> None:
    data = table(rows)
    entity, key = (EVERYONE, None) if everyone else (SHOP, "shop")
    frame = build_frame(plan(entity, **FEATURES), {"visits": data})
    records = data.to_dicts()
    assert frame["id"].to_list() == data["id"].to_list()
    for name, node in FEATURES.items():
        assert frame[f"v_{name}"].to_list() == [naive(node, records, asked, key) for asked in records], name


@given(rows=visits, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_delivery_order_does_not_change_a_bit(
    rows: list[tuple[str | None, int, int | None, int | None]], seed: int
) -> None:
    data = table(rows)
    shuffled = data.sample(fraction=1.0, shuffle=True, seed=seed)
    one = build_frame(plan(SHOP, **FEATURES), {"visits": data})
    other = build_frame(plan(SHOP, **FEATURES), {"visits": shuffled}).sort("id")
    assert one.equals(other)


@given(rows=visits, cut=st.integers(0, 240))
@settings(max_examples=60, deadline=None)
def test_the_future_does_not_change_the_past(
    rows: list[tuple[str | None, int, int | None, int | None]], cut: int
) -> None:
    data = table(rows)
    limit = instant(cut)
    assert limit is not None
    unknown = pl.col("paid") > limit
    early = data.with_columns(
        pl.when(unknown).then(None).otherwise(pl.col(name)).alias(name) for name in ("paid", "kept", "amount", "late")
    )
    before = pl.col(AT) <= limit
    one = build_frame(plan(SHOP, **FEATURES), {"visits": data}).filter(before)
    other = build_frame(plan(SHOP, **FEATURES), {"visits": early}).filter(before)
    assert one.equals(other)


@given(rows=visits)
@settings(max_examples=40, deadline=None)
def test_windows_add_up(rows: list[tuple[str | None, int, int | None, int | None]]) -> None:
    data = table(rows)
    frame = build_frame(
        plan(
            SHOP,
            all=w.count(PAID, last="2h"),
            late=w.count(PAID, last="30m"),
            difference=w.count(PAID, last="2h") - w.count(PAID, last="30m"),
        ),
        {"visits": data},
    )
    kept = frame.drop_nulls()
    assert (kept["v_all"] - kept["v_late"]).to_list() == kept["v_difference"].to_list()
    assert (kept["v_all"] >= kept["v_late"]).all()


def test_an_event_exactly_at_the_edge() -> None:
    rows = [("a", 60, 60, 1), ("a", 60, 30, 2), ("a", 60, 31, 4)]
    frame = build_frame(plan(SHOP, total=w.total(PAID.amount, last="30m")), {"visits": table(rows)})
    assert frame["v_total"].to_list() == [5, 5, 5]


def test_floats_are_summed_exactly_in_any_order() -> None:
    source = Source("t", ("id",), (), {"known": ("x", "at")})
    values = [0.1, 1e9, 0.2, -1e9, 0.3]
    known = [instant(i) for i in range(5)]
    data = pl.DataFrame({"id": range(5), "known": known, "at": known, "x": values})
    view = FeatureView("v", EVERYONE, {"s": w.total(source.event("known").x, last="1d")})
    frame = build_frame(plan_views(source, source["known"], (view,), {"t": source}), {"t": data})
    assert frame["v_s"][-1] == 0.6


def test_labels_are_carried_with_the_instant_they_are_known() -> None:
    label = Label("late", PAID.amount > 5)
    frame = build_frame(
        plan(SHOP, label, n=w.count(PAID, last="1h")), {"visits": table([("a", 5, 9, 7), ("b", 5, None, 1)])}
    )
    assert frame[LABEL].to_list() == [True, None]
    assert frame[LABEL_KNOWN_AT].to_list() == [instant(9), None]


def test_planned_events_may_be_counted_ahead_when_all_were_known() -> None:
    rows: list[tuple[str | None, int, int | None, int | None]] = [
        ("a", 0, None, None),
        ("a", 30, None, None),
        ("a", 61, None, None),
    ]
    feature = w.around(VISITS.event("asked_at"), VISITS.asked_at, before="60m", after="60m")
    frame = build_frame(plan(SHOP, near=feature), {"visits": table(rows)})
    assert frame["v_near"].to_list() == [2, 3, 2]


def test_a_plan_that_is_not_known_early_enough_is_refused() -> None:
    feature = w.around(PAID, VISITS.asked_at, before="60m", after="60m")
    with pytest.raises(ShipwayError, match="SW-301") as refused:
        build_frame(plan(SHOP, near=feature), {"visits": table([("a", 10, 20, 1)])})
    assert "v_near" in refused.value.fact


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ShipwayError, match="SW-202"):
        build_frame(plan(SHOP, n=w.count(PAID, last="1h")), {"visits": table([("a", 1, 2, 3)]).drop("shop")})


def test_a_row_without_an_instant_is_refused() -> None:
    data = table([("a", 1, 2, 3)]).with_columns(asked_at=pl.lit(None, pl.Datetime("us", "UTC")))
    with pytest.raises(ShipwayError, match="SW-302"):
        build_frame(plan(SHOP, n=w.count(PAID, last="1h")), {"visits": data})


def test_a_type_no_feature_can_read_is_refused() -> None:
    data = table([("a", 1, 2, 3)]).with_columns(size=pl.lit([1.0]))
    with pytest.raises(ShipwayError, match="SW-203"):
        build_frame(plan(None, size=VISITS.size), {"visits": data})


def test_a_window_over_columns_of_two_streams_is_refused() -> None:
    with pytest.raises(ShipwayError, match="SW-106"):
        w.mean(PAID.amount + VISITS.event("kept").amount, last="1h")


@pytest.mark.parametrize("last", ["", "0h", "-1h", "an hour"])
def test_a_window_that_is_none_is_refused(last: str) -> None:
    with pytest.raises(ShipwayError, match="SW-106"):
        w.count(PAID, last=last)


T = Source("t", ("id",), (), {"heard": ("x",)})
X = T.event("heard").x


def feature_of(feature: Expr, x: pl.Series) -> list[Any]:
    """Compute one feature over rows whose `x` is known at the row's instant, an hour after that of the row before."""
    heard = [instant(60 * row) for row in range(len(x))]
    data = pl.DataFrame({"id": range(len(x)), "heard": heard}).with_columns(x.alias("x"))
    planned = plan_views(T, T.heard, (FeatureView("v", EVERYONE, {"f": feature}),), {"t": T})
    return build_frame(planned, {"t": data})["v_f"].to_list()


@given(values=st.lists(st.none() | st.floats(allow_nan=False), min_size=1, max_size=8))
def test_extrema_of_floats_are_the_values_themselves(values: list[float | None]) -> None:
    x = pl.Series(values, dtype=pl.Float64)
    seen = [[v for v in values[: row + 1] if v is not None] for row in range(len(values))]
    assert feature_of(w.least(X, last="30d"), x) == [min(part, default=None) for part in seen]
    assert feature_of(w.greatest(X, last="30d"), x) == [max(part, default=None) for part in seen]


@pytest.mark.parametrize(
    ("feature", "x", "code", "said"),
    [
        (w.total(X, last="1d"), pl.Series([1e-7, 2e-7]), "SW-303", "at most 2e-07"),
        (w.mean(X, last="1d"), pl.Series([1e12]), "SW-303", "t.heard.x"),
        (w.mean(X, last="1d"), pl.Series([float("inf")]), "SW-303", "t.heard.x"),
        (w.mean(X, last="1d"), pl.Series(["12", "13"]), "SW-203", "is text"),
        (w.greatest(X, last="1d"), pl.Series(["12", "13"]), "SW-203", "is text"),
        (w.share(X, last="1d"), pl.Series([12, 13]), "SW-203", "no condition"),
        (w.mean(X, last="1d"), pl.Series([1 << 63], dtype=pl.UInt64), "SW-203", "64 bits"),
        (w.total(X, last="1d"), pl.Series([1 << 62, 1 << 62]), "SW-303", "int64"),
    ],
)
def test_a_number_that_would_come_out_wrong_is_refused(feature: Expr, x: pl.Series, code: str, said: str) -> None:
    with pytest.raises(ShipwayError, match=code) as refused:
        feature_of(feature, x)
    assert said in refused.value.fact


@pytest.mark.parametrize(
    ("x", "total", "greatest"),
    [
        (pl.Series([True, False, None]), [1, 1, 1], [1, 1, 1]),
        (pl.Series([3, 4, 5], dtype=pl.UInt8), [3, 7, 12], [3, 4, 5]),
        (pl.Series([3, 4, 5], dtype=pl.Int128), [3, 7, 12], [3, 4, 5]),
        (pl.Series([float("nan"), 0.5, None]), [0.0, 0.5, 0.5], [None, 0.5, 0.5]),
        (pl.Series(["0.5", "1.25", None]).cast(pl.Decimal(6, 2)), [0.5, 1.75, 1.75], [0.5, 1.25, 1.25]),
        (pl.Series([dt.timedelta(seconds=1)] * 3), [10**6, 2 * 10**6, 3 * 10**6], [10**6] * 3),
    ],
)
def test_every_kind_of_number_is_summed(x: pl.Series, total: list[Any], greatest: list[Any]) -> None:
    assert feature_of(w.total(X, last="1d"), x) == total
    assert feature_of(w.greatest(X, last="1d"), x) == greatest


def test_a_label_that_is_text_is_carried_as_text() -> None:
    rows = {"visits": table([("a", 5, 9, 7), ("b", 5, None, 1)])}
    built = build_frame(plan(None, Label("late", PAID.shop), size=VISITS.size), rows)
    assert built["_label"].dtype == pl.String
    assert built["_label"].to_list() == ["a", None]


@pytest.mark.parametrize(("value", "due"), [(PAID.amount, 7.0), (PAID.amount / 2, 3.5)])
def test_a_label_that_is_a_number_is_carried_as_one(value: Expr, due: float) -> None:
    rows = {"visits": table([("a", 5, 9, 7), ("b", 5, None, 1)])}
    built = build_frame(plan(None, Label("spent", value), size=VISITS.size), rows)
    assert built.schema[LABEL] == pl.Float64
    assert built[LABEL].to_list() == [due, None]


def test_ties_of_a_categorical_key_do_not_depend_on_the_order_of_arrival() -> None:
    source = Source("t", ("id",), (), {"heard": ("x",)})
    view = FeatureView("v", EVERYONE, {"f": w.newest(source.event("heard").x)})
    planned = plan_views(source, source.heard, (view,), {"t": source})
    for ids in (["p", "q", "r"], ["r", "q", "p"]):
        key = pl.Series(ids, dtype=pl.Categorical(pl.Categories.random()))
        data = pl.DataFrame({"id": key, "heard": [instant(0)] * 3, "x": [ord(each) for each in ids]})
        assert build_frame(planned, {"t": data})["v_f"].to_list() == [ord("r")] * 3


@pytest.mark.parametrize("feature", [w.newest(X), w.age(T.event("heard")), w.mean(X, last="1d"), w.least(X, last="1d")])
def test_a_stream_without_events_has_no_answers(feature: Expr) -> None:
    spine = Source("asked", ("id",), (), {"always": ("when",)})
    planned = plan_views(spine, spine.when, (FeatureView("v", EVERYONE, {"f": feature}),), {"t": T})
    events = pl.DataFrame({"id": [1], "heard": [instant(0)], "x": [1.5]}).clear()
    asked = pl.DataFrame({"id": [1, 2], "when": [instant(1), instant(2)]})
    assert build_frame(planned, {"t": events, "asked": asked})["v_f"].to_list() == [None, None]


def test_the_newest_text_is_missing_where_there_is_no_event() -> None:
    spine = Source("asked", ("id",), (), {"always": ("when",)})
    planned = plan_views(spine, spine.when, (FeatureView("v", EVERYONE, {"f": w.newest(X)}),), {"t": T})
    events = pl.DataFrame({"id": [1], "heard": [instant(5)], "x": ["a"]})
    asked = pl.DataFrame({"id": [1, 2], "when": [instant(1), instant(2)]})
    frame = build_frame(planned, {"t": events, "asked": asked})
    assert frame["v_f"].to_list() == [None, None]
    assert frame["v_f"].dtype == pl.String


def test_a_feature_called_like_a_key_is_refused() -> None:
    source = Source("t", ("shop_id",), (), {"heard": ("x",)})
    with pytest.raises(ShipwayError, match="SW-105") as refused:
        plan_views(source, source.heard, (FeatureView("shop", None, {"id": source.x}),), {"t": source})
    assert "'shop_id'" in refused.value.fact


def test_an_instant_of_prediction_without_a_zone_is_refused() -> None:
    data = table([("a", 1, 2, 3)]).with_columns(pl.col("asked_at").dt.replace_time_zone(None))
    with pytest.raises(ShipwayError, match="SW-203") as refused:
        build_frame(plan(SHOP, n=w.count(PAID, last="1h")), {"visits": data})
    assert "visits.asked_at" in refused.value.fact


@given(rows=visits, size=st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_a_frame_built_in_slices_is_the_same(
    rows: list[tuple[str | None, int, int | None, int | None]], size: int
) -> None:
    data = table(rows)
    planned = plan(SHOP, Label("late", PAID.amount > 5), **FEATURES)
    seen: list[tuple[int, int]] = []
    whole = build_frame(planned, {"visits": data}, refuse=False)
    parts = Parts(data.schema, lambda columns: (part.select(columns) for part in data.iter_slices(3)))
    for spine in (None, parts):
        slices = list(
            build_slices(
                planned, {"visits": data}, spine=spine, rows=size, refuse=False, report=lambda *at: seen.append(at)
            )
        )
        assert pl.concat(slices).equals(whole)
        assert max(part.height for part in slices) <= size
    assert seen[-1] == (len(seen) // 2, len(seen) // 2)


def test_a_refusal_does_not_depend_on_the_slices() -> None:
    data = table([("a", 10, 20, 1), ("b", 10, 5, 1), ("a", 30, 40, 1)])
    early = plan(None, x=VISITS.amount)
    with pytest.raises(ShipwayError, match="SW-301") as whole:
        build_frame(early, {"visits": data})
    with pytest.raises(ShipwayError, match="SW-301") as sliced:
        next(build_slices(early, {"visits": data}, rows=1))
    assert str(sliced.value) == str(whole.value)


def test_labels_that_are_all_known_are_refused_over_all_slices() -> None:
    known = plan(SHOP, Label("late", PAID.amount > 5), n=w.count(PAID, last="1h"))
    data = table([("a", 10, 5, 1), ("a", 20, 6, 1)])
    parts = Parts(data.schema, lambda columns: (part.select(columns) for part in data.iter_slices(1)))
    with pytest.raises(ShipwayError, match="in all 2 rows"):
        next(build_slices(known, {"visits": data}, spine=parts, rows=1))
    ahead = table([("a", 10, 5, 1), ("a", 20, 26, 1)])
    assert pl.concat(list(build_slices(known, {"visits": ahead}, rows=1)))[LABEL].to_list() == [None, False]
