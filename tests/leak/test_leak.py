"""Sixteen ways in which the future gets into training data, each refused with its message or without any effect.

The world is one table of orders, as a project would declare it: an order is placed, then paid, then perhaps returned,
and its row reaches the warehouse at `loaded`. What is asked, when an order is placed, is whether it comes back.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shipway import windows as w
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, Expr, FeatureView, Label, Source
from shipway.data.frame import build_frame
from shipway.data.plan import AT, LABEL, LABEL_KNOWN_AT, Plan, plan_views
from shipway.data.source import make_source
from shipway.training.frame import TrainFrame, prepare_frame

DAY0 = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
ORDERS = Source(
    "orders",
    ("id",),
    ("orders",),
    {
        "placed": ("shop", "price"),
        "promised": (),
        "paid": ("amount",),
        "settled": ("returned", "courier"),
        "loaded": ("rating",),
    },
)
PLACED, PAID, SETTLED = ORDERS.event("placed"), ORDERS.event("paid"), ORDERS.event("settled")
RETURNED = Label("returned", SETTLED.returned.equals(True))
SHOP = Entity("shop", ("shop",))
COURIER = Entity("courier", ("courier",))


def hour(number: float | None) -> dt.datetime | None:
    """Return an hour of the world's time as an instant."""
    return None if number is None else DAY0 + dt.timedelta(hours=number)


def orders(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Make orders, each an hour after the one before and settled ten hours later, unless it says otherwise."""
    instants = ("placed", "promised", "paid", "settled", "loaded")
    made: list[dict[str, object]] = []
    for number, row in enumerate(rows):
        usual = {"placed": number, "promised": number + 5, "paid": number + 1, "settled": number + 10}
        values = {"shop": "A", "price": 10, "amount": 10, "returned": False, "courier": "x", "rating": 3}
        said = {**usual, "loaded": number + 12, **values, **row}
        timed = {name: hour(said[name]) for name in instants}  # pyright: ignore[reportArgumentType]
        made.append({"id": number, **{name: said[name] for name in values}, **timed})
    return pl.DataFrame(made, schema_overrides=dict.fromkeys(instants, pl.Datetime("us", "UTC")))


def plan(feature: Expr, *, entity: Entity | None = SHOP, at: Expr | None = None, label: bool = False) -> Plan:
    """Plan one feature of orders, asked when they are placed."""
    view = FeatureView("v", entity, {"f": feature})
    planned = plan_views(ORDERS, ORDERS.placed + "0s" if at is None else at, (view,), {"orders": ORDERS})
    if not label:
        return planned
    events = {**planned.events, RETURNED.stream: SETTLED}
    return Plan(planned.spine, planned.at, planned.columns, events, RETURNED)


def build(feature: Expr, rows: pl.DataFrame, **how: object) -> pl.DataFrame:
    return build_frame(plan(feature, **how), {"orders": rows})  # pyright: ignore[reportArgumentType]


def refuse(feature: Expr, rows: pl.DataFrame, **how: object) -> ShipwayError:
    with pytest.raises(ShipwayError) as refused:
        build(feature, rows, **how)
    return refused.value


def test_1_its_own_outcome() -> None:
    error = refuse(ORDERS.returned.equals(True), orders({}, {}), entity=None)
    assert (error.code, error.fact) == (
        "SW-301",
        (
            "v_f reads orders.returned through the row before it is known, in 2 of 2 rows; "
            "e.g. id 0: returned = False is read as of 2024-03-01 00:00 UTC and known at 2024-03-01 10:00 UTC"
        ),
    )
    assert error.hint.startswith("read it through the event at which it becomes known")


def test_2_future_rows_by_schedule() -> None:
    """Whoever joins on the time something was promised for reads how it ended before it has."""
    promised = ORDERS.event("promised")
    error = refuse(w.share(promised.returned.equals(True), last="1d"), orders({}, {}))
    assert error.code == "SW-301"
    assert "v_f reads orders.returned through event orders.promised before it is known, in 2 of 2 rows" in error.fact


def test_3_a_column_filled_in_afterwards() -> None:
    """What nobody says the instant of cannot be used; nor can the fact that it is missing before it is known."""
    with pytest.raises(ShipwayError) as refused:
        _ = ORDERS.refund_reason
    assert refused.value.code == "SW-104"
    assert refused.value.hint.endswith("if the function returns it, say in known_at when it is known")
    error = refuse(ORDERS.courier.is_null(), orders({"courier": None, "settled": None}, {}), entity=None)
    assert error.code == "SW-301"
    assert "orders.courier" in error.fact
    assert "known never" in error.fact


def test_4_the_target_in_a_group_mean() -> None:
    """An order's own outcome is in no mean that it is asked with, whatever it is."""
    rate = w.share(SETTLED.returned.equals(True), last="30d")
    rows = [{"returned": number % 3 == 0} for number in range(40)]
    before = build(rate, orders(*rows))["v_f"]
    for one in (0, 7, 39):
        changed = [{"returned": (row["returned"] != (number == one))} for number, row in enumerate(rows)]
        after = build(rate, orders(*changed))["v_f"]
        assert after[one] == before[one] or (after[one] is None and before[one] is None)
    with pytest.raises(ShipwayError) as refused:
        w.share(ORDERS.returned.equals(True), last="30d")
    assert refused.value.code == "SW-106"
    assert "a window needs columns of one event stream" in refused.value.fact


def test_5_ties_at_the_instant_it_is_asked() -> None:
    """An event exactly at T is known, one exactly at T less the width is past; an outcome known at T is no label."""
    rows = orders({"placed": 0}, {"placed": 24}, {"placed": 48})
    assert build(w.count(PLACED, last="1d"), rows)["v_f"].to_list() == [1, 1, 1]
    asked_late = orders({"settled": 0}, {"settled": 11}, {"settled": 2}, {"settled": None})
    frame = build(w.count(PLACED, last="1d"), asked_late, label=True)
    assert frame[LABEL].to_list() == [None, False, None, None]
    error = refuse(w.count(PLACED, last="1d"), orders({"settled": 0}, {"settled": 1}), label=True)
    assert (error.code, error.fact) == (
        "SW-301",
        (
            "label 'returned' is known through event orders.settled when its row is asked about, "
            "in all 2 rows that have one"
        ),
    )
    assert error.hint == 'ask earlier than orders.placed + "0s", while there is something to predict'


def test_6_rows_that_were_loaded_late() -> None:
    """A row that reaches us days after it happened changes no frame of the days before it did."""
    loaded = ORDERS.event("loaded")
    mean = w.mean(loaded.rating, last="30d")
    asked = [{"loaded": number + 1} for number in range(30)]
    backfilled = [*asked, {"placed": 2, "loaded": 20, "rating": 1, "paid": 3, "settled": 12}]
    before, after = build(mean, orders(*asked))["v_f"], build(mean, orders(*backfilled))["v_f"]
    assert before[:20].to_list() == after[:20].to_list()
    assert before[20:].to_list() != after[20:30].to_list()
    error = refuse(w.mean(PLACED.rating, last="30d"), orders(*asked))
    assert error.code == "SW-301"
    assert "orders.rating through event orders.placed before it is known" in error.fact


def learn(frame: pl.DataFrame, cut: dt.datetime) -> tuple[TrainFrame, tuple[object, ...]]:
    return prepare_frame(
        frame,
        columns=["v_f"],
        rising=(),
        falling=(),
        cut=int(cut.timestamp() * 1e6),
        label=LABEL,
        label_known_at=LABEL_KNOWN_AT,
        at=AT,
        threads=1,
        seed=0,
    )


def test_7_labels_that_reach_over_the_cut() -> None:
    """What is learned at a cut was asked and answered before it: the outcomes of the last hours are not looked at."""
    rows = [{"returned": number % 3 == 0} for number in range(200)]
    cut = DAY0 + dt.timedelta(hours=150)
    trained, _ = learn(build(w.count(PLACED, last="1d"), orders(*rows), label=True), cut)
    assert trained.rows == 141, "orders of the last ten hours before the cut are settled after it"
    for row in rows[141:]:
        row["returned"] = not row["returned"]
    again, _ = learn(build(w.count(PLACED, last="1d"), orders(*rows), label=True), cut)
    assert np.array_equal(trained.x, again.x)
    assert np.array_equal(trained.y, again.y)


def test_8_keys_that_come_twice() -> None:
    """A key that is not one is refused where the table is made; equal questions stay as many as they are."""
    twice = pl.concat([orders({}, {}), orders({})])
    with pytest.raises(ShipwayError) as refused:
        make_source(ORDERS, lambda orders: orders, [twice])
    assert refused.value.code == "SW-205"
    assert refused.value.fact == "1 of 3 rows of source 'orders' repeat a key, e.g. id 0"
    rows = orders({"placed": 5}, {"placed": 5}, {"placed": 5, "shop": None})
    assert build(w.count(PLACED, last="1d"), rows)["v_f"].to_list() == [2, 2, None]


REGISTER = """
import polars as pl

import shipway as sw


@sw.source(key="shop", raw="shops", known_at={"always": ("town", "grade")}RESTATED)
def shops(shops: pl.DataFrame) -> pl.DataFrame:
    return shops


sw.gate("data", sw.holds(shops.grade > 0), before="training")
"""


def register(folder: Path, rows: str, restated: str = "", code: str = "") -> Callable[[], object]:
    (folder / "shipway.toml").write_text('[project]\nname = "x"\nmodule = "project.py"\n[raw]\nshops = "shops.csv"\n')
    (folder / "project.py").write_text(REGISTER.replace("RESTATED", restated) + code)
    (folder / "shops.csv").write_text("shop,town,grade\n" + rows)
    return lambda: run_project(find_project(folder))


def test_9_a_register_that_only_knows_the_present(tmp_path: Path) -> None:
    """A grade that changes was not known always: frames of last year would be asked with this year's grade."""
    register(tmp_path, "A,Bonn,1\nB,Kiel,2\nC,Jena,3\n")()
    with pytest.raises(ShipwayError) as refused:
        register(tmp_path, "A,Bonn,1\nB,Kiel,5\nC,Jena,4\nD,Ulm,1\n")()
    assert (refused.value.code, refused.value.fact) == (
        "SW-304",
        (
            "shops.grade is declared as known always, and in 2 of 3 rows that were there before it has changed; "
            "e.g. shop B: grade was 2 and is 5"
        ),
    )
    assert 'declare the source with restated="grade"' in refused.value.hint
    # What was refused is nowhere; rows that come and go are no contradiction, and a correction may be declared as one.
    register(tmp_path, "A,Bonn,1\nB,Kiel,2\nD,Ulm,1\n")()
    register(tmp_path, "A,Bonn,1\nB,Kiel,5\nD,Ulm,1\n", ', restated="grade"')()


def test_9_another_definition_is_no_news_of_the_world(tmp_path: Path) -> None:
    """Whoever corrects the function that makes a table is not told that the past has changed."""
    rows = "A,Bonn,1\nB,Kiel,2\n"
    register(tmp_path, rows)()
    path = tmp_path / "project.py"
    path.write_text(path.read_text().replace("return shops", 'return shops.with_columns(grade=pl.col("grade") * 10)'))
    run_project(find_project(tmp_path))


def test_10_instants_without_a_zone() -> None:
    """Local time that is taken for UTC is off by hours: it has to say what it is, and what it says is heeded."""
    rows = orders(*({} for _ in range(10)))
    local = rows.with_columns(pl.col("settled").dt.replace_time_zone(None))
    with pytest.raises(ShipwayError) as refused:
        make_source(ORDERS, lambda orders: orders, [local])
    assert refused.value.code == "SW-203"
    assert "orders.settled is Datetime(time_unit='us', time_zone=None)" in refused.value.fact
    assert '.dt.replace_time_zone("UTC")' in refused.value.hint
    abroad = rows.with_columns(pl.col("settled").dt.convert_time_zone("Asia/Tokyo"))
    share = w.share(SETTLED.returned.equals(True), last="30d")
    assert build(share, rows)["v_f"].equals(build(share, abroad)["v_f"])


def test_11_a_question_that_is_asked_from_the_future() -> None:
    error = refuse(ORDERS.price + 0, orders({}, {}), entity=None, at=SETTLED.settled - "2h")
    assert error.code == "SW-301"
    assert "the instant of the prediction reads orders.settled through the row before it is known" in error.fact


def test_12_whose_row_it_turns_out_to_be() -> None:
    """The courier is assigned later, and only to what is delivered: grouping by it tells the outcome."""
    error = refuse(w.count(SETTLED, last="30d"), orders({}, {}), entity=COURIER)
    assert error.code == "SW-301"
    assert "reads orders.courier through its key before it is known, in 2 of 2 rows" in error.fact


def test_13_plans_that_nobody_has_published() -> None:
    ahead = w.around(ORDERS.event("promised"), ORDERS.placed + "0s", before="1h", after="8h")
    error = refuse(ahead, orders({}, {"promised": 1}))
    assert error.code == "SW-301"
    assert "the window reaches 8h past the prediction, and events are known only 0s ahead" in error.fact


def test_14_what_a_model_is_prepared_with() -> None:
    """Categories, ranges and shares of missing values are those of the rows that are learned from, and of no others."""
    rows = [{"shop": "AB"[number % 2], "returned": number % 3 == 0} for number in range(200)]
    cut = DAY0 + dt.timedelta(hours=150)
    _, before = learn(build(ORDERS.shop.fill("?"), orders(*rows), entity=None, label=True), cut)
    for row in rows[141:]:
        row["shop"] = "new"
    _, after = learn(build(ORDERS.shop.fill("?"), orders(*rows), entity=None, label=True), cut)
    assert before == after


def test_15_a_label_read_before_it_is_one() -> None:
    early = Label("returned", PLACED.returned.equals(True))
    planned = plan(w.count(PLACED, last="1d"))
    with pytest.raises(ShipwayError) as refused:
        build_frame(
            Plan(planned.spine, planned.at, planned.columns, {**planned.events, early.stream: PLACED}, early),
            {"orders": orders({}, {})},
        )
    assert refused.value.code == "SW-301"
    assert "label returned reads orders.returned through event orders.placed before it is known" in refused.value.fact


def test_16_statistics_of_the_whole_table() -> None:
    """There is no word for them: what is not of an event stream, in a window that ends at T, cannot be aggregated."""
    for word in (w.mean, w.total, w.least, w.greatest):
        with pytest.raises(ShipwayError) as refused:
            word(ORDERS.amount, last="30d")
        assert refused.value.code == "SW-106"
    with pytest.raises(ShipwayError) as timeless:
        w.mean(ORDERS.event("always").price, last="30d")
    assert timeless.value.code == "SW-106"
