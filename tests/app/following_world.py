"""A small project whose orders and refunds are streams, and its features as read online and computed offline."""

import json
from contextlib import closing
from pathlib import Path

import shipway as sw
from shipway.app.feature import get_features
from shipway.app.following import run_streams
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.run import run_project

TOML = """\
[project]
name = "till"
timezone = "UTC"
at = 2024-06-03T12:00:00Z

[raw]
shops = "shops.csv"

[raw.orders]
uri = "orders.jsonl"
key = "id"
stream = true
event = "at"
lateness = "6h"

[raw.refunds]
uri = "refunds.jsonl"
key = "id"
stream = true
event = "at"
"""
PROJECT = """\
import polars as pl

import shipway as sw
from shipway import windows as w


@sw.source(key="id", raw="orders", known_at={"at": ("shop", "price", "cents"), "packed": ("weight",)})
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.filter(pl.col("price") >= 0).with_columns(cents=(pl.col("price") * 100).round().cast(pl.Int64))


@sw.source(key="id", raw="refunds", known_at={"at": ("shop", "amount")}, fresh="12h")
def refunds(refunds: pl.DataFrame) -> pl.DataFrame:
    return refunds


@sw.source(key="shop", raw="shops", known_at={"always": ("city",)})
def shops(shops: pl.DataFrame) -> pl.DataFrame:
    return shops


placed, packed, refunded = orders.event("at"), orders.event("packed"), refunds.event("at")
shop = sw.entity("shop")
till = sw.feature_view("till", shop, {
    "n_1d": w.count(placed, last="1d"),
    "spent_7d": w.total(placed.price, last="7d"),
    "top_7d": w.greatest(placed.cents, last="7d"),
    "weight_1d": w.mean(packed.weight, last="1d"),
    "refunded_7d": w.total(refunded.amount, last="7d"),
    "last": w.newest(placed.price),
})
places = sw.feature_view("places", shop, {"city": w.newest(shops.event("always").city)})
"""
SHOPS = ("a", "b", "c")
START_US = 1_717_200_000_000_000
"""The beginning of June."""


def make_till(folder: Path) -> Path:
    """Write the project."""
    root = folder / "till"
    root.mkdir()
    (root / "shipway.toml").write_text(TOML)
    (root / "project.py").write_text(PROJECT)
    (root / "shops.csv").write_text("shop,city\na,Aarhus\nb,Bergen\nc,Cork\n")
    for name in ("orders", "refunds"):
        (root / f"{name}.jsonl").write_text("")
    return root


def order(number, hour, **more):
    """Return an order that is placed so many hours after the beginning of June, and packed an hour later."""
    at, later = (f"2024-06-{1 + h // 24:02d}T{h % 24:02d}:00:00Z" for h in (hour, hour + 1))
    return {"id": number, "shop": SHOPS[number % 3], "price": number / 4, "at": at, "packed": later, "weight": 2} | more


def refund(number, hour, **more):
    """Return a refund."""
    return (
        {key: value for key, value in order(number, hour).items() if key in ("id", "shop", "at")}
        | {"amount": 1.5}
        | more
    )


def send(root, name, *rows):
    """Append rows to a stream."""
    with (root / f"{name}.jsonl").open("a") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


def follow(root, *names, **how):
    """Take in what there is; return what was told."""
    told = []
    run_streams(find_project(root), names, once=True, watch=lambda event: told.append(event.said), **how)
    return told


def admit(root):
    """Run the project."""
    return run_project(find_project(root))


def fill(root, **how):
    """Bring the online store up to date."""
    return materialise(find_project(root), **how)


def read(root, at, view="till"):
    """Return what is read online of every shop, and the answer."""
    with closing(sw.online(root)) as online:
        answer = online.read(view, [{"shop": name} for name in SHOPS], at=at)
    return [dict(zip(answer.features, values, strict=True)) for values in answer.values], answer


def compute(root, at, view="till"):
    """Return what is computed offline of every shop, from the data that was admitted."""
    project = find_project(root)
    return [get_features(project, view, {"shop": name}, at).values for name in SHOPS]


def check(root, *hours, start=START_US):
    """Compare online and offline at some hours after the beginning."""
    for hour in hours:
        at = start + hour * 3_600_000_000
        found, wanted = read(root, at)[0], compute(root, at)
        assert [[*map(repr, each.values())] for each in found] == [[*map(repr, each.values())] for each in wanted], hour
        assert [*found[0]] == [*wanted[0]]
    return found
