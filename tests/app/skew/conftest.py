"""A desk with a served log: what its server read is computed here in plain Python, one event after the other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.release import open_service
from shipway.core.prediction import FEATURES, NEWEST, PREDICTIONS
from shipway.core.table import MAIN
from shipway.kit.duration import DAY, MINUTE, SECOND

START = 18_262 * DAY
DAYS = 4
EVERY = 4 * MINUTE
SHOPS = ("a", "b", "c", "d")
CODE = """\
import polars as pl

import shipway as sw
from shipway import windows as w


@sw.source(key="id", raw="orders", known_at={"placed": ("price", "shop"), "settled": ("bad",), "closed": ()})
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders


placed = orders.event("placed")
late = sw.label("late", orders.event("closed").bad.equals(True))
basket = sw.feature_view("basket", orders, {"price": orders.price})
shop = sw.feature_view("shop", sw.entity("shop"), {
    "sold_1d": w.count(placed, last="1d"),
    "spent_6h": w.total(placed.price, last="6h"),
    "newest": w.newest(placed.price),
    "since": w.age(orders.event("settled")) / "1m",
})


@sw.model("late", on=orders, at=orders.placed, label=late, features=[basket, shop])
def train(frame: sw.TrainFrame) -> object:
    return frame
"""
Vector = dict[str, float | None]


@dataclass
class Event:
    """One order as the server saw it: when it was placed and settled, and at which price."""

    id: int
    placed: int
    settled: int
    price: float


def read(events: list[Event], at: int, *, sold_us=DAY, spent_us=DAY // 4) -> Vector:
    """Return what a server reads of a shop's events at an instant."""
    sold = sum(at - sold_us < each.placed <= at for each in events)
    spent = sum(round(each.price * 1_000_000) for each in events if at - spent_us < each.placed <= at) / 1_000_000
    known = [each for each in events if each.placed <= at]
    settled = [each.settled for each in events if each.settled <= at]
    return {
        "shop_sold_1d": float(sold),
        "shop_spent_6h": spent,
        "shop_newest": max(known, key=lambda each: (each.placed, each.id)).price if known else None,
        "shop_since": (at - max(settled)) / MINUTE if settled else None,
    }


@dataclass
class Service:
    """A service, its orders, and a log of what it read."""

    desk: Any
    orders: pl.DataFrame
    events: dict[str, list[Event]] = field(default_factory=dict)

    @property
    def project(self):
        return self.desk.project

    @property
    def end(self) -> int:
        return START + DAYS * DAY

    def serve(self, look: Callable[[str, list[Event], int], Vector] | None = None, day: int = DAYS - 1) -> None:
        """Log the vectors of a day's orders, each read by `look` from its shop's events."""
        with self.desk.workspace() as workspace:
            variant = workspace.state().services["desk"].stable
        log = ParquetLog(self.desk.root / ".shipway" / "log" / "desk")
        low = START + day * DAY
        asked = self.orders.filter(pl.col("placed").to_physical().is_between(low, low + DAY, closed="left"))
        at, rows = asked["placed"].to_physical().to_list(), [str(key) for key in asked["id"]]
        vectors = [
            (look or (lambda _, events, when: read(events, when)))(shop, self.events[shop], when)
            for shop, when in zip(asked["shop"], at, strict=True)
        ]
        columns = {"basket_price": asked["price"].to_list()}
        for name in vectors[0]:
            values = [vector[name] for vector in vectors]
            columns[name] = np.array([np.nan if value is None else value for value in values])
        count = len(rows)
        log.append(
            PREDICTIONS,
            {
                "request": rows, "row": rows, "at": np.array(at), "unit": rows,
                "version": np.full(count, variant.version), "role": ["live"] * count, "weight": np.zeros(count),
                "token": np.ones(count, dtype=np.int64), "p": np.full(count, 0.5), "error": [None] * count,
                "latency_us": np.full(count, 100), "answer_us": np.full(count, 100), "online": [variant.online] * count,
            },
        )  # fmt: skip
        newest = {f"{NEWEST}orders.{stream}": np.array(at) for stream in ("placed", "settled")}
        log.append(
            f"{FEATURES}{variant.online}", {"request": rows, "row": rows, "at": np.array(at), **columns, **newest}
        )

    def commit(self, orders: pl.DataFrame) -> None:
        """Put orders on the main branch."""
        with self.desk.workspace() as workspace:
            snapshot = workspace.tables.write(orders)
            head = workspace.tables.head(MAIN)
            workspace.tables.commit(MAIN, {"orders": snapshot}, expect=head, message="orders")


def events_of(orders: pl.DataFrame) -> dict[str, list[Event]]:
    """Return each shop's events."""
    found: dict[str, list[Event]] = {shop: [] for shop in SHOPS}
    rows = orders.with_columns(pl.col("placed", "settled").to_physical())
    for row in rows.iter_rows(named=True):
        found[row["shop"]].append(Event(row["id"], row["placed"], row["settled"], row["price"]))
    return found


@pytest.fixture
def orders():
    """Return orders of four shops, one in every four minutes, each settled two to nine hours later."""
    random = np.random.default_rng(5)
    count = DAYS * DAY // EVERY
    placed = START + np.arange(count) * EVERY + random.integers(1, EVERY // SECOND, count) * SECOND
    return pl.DataFrame(
        {
            "id": np.arange(len(placed)),
            "placed": placed,
            "price": np.round(random.gamma(3.0, 8.0, len(placed)), 2) + 0.01,
            "shop": random.choice(SHOPS, len(placed)),
            "settled": placed + random.integers(120, 540, len(placed)) * MINUTE,
            "closed": placed + DAY,
            "bad": random.random(len(placed)) < 0.3,
        }
    ).with_columns(pl.col("placed", "settled", "closed").cast(pl.Datetime("us", "UTC")))


@pytest.fixture
def service(desk, orders):
    """Return a service whose version 1 answers, with orders on the main branch and nothing logged yet."""
    (desk.root / "project.py").write_text(CODE)
    with desk.workspace() as workspace:
        desk.register(workspace)
        open_service(workspace, "desk", 1, START)
    made = Service(desk, orders, events_of(orders))
    made.commit(orders)
    return made
