"""Features of several entities: the catalog, frames of any rows and the online store say one thing of them."""

import datetime as dt
from contextlib import closing

import polars as pl
import pytest

import shipway as sw
from shipway import windows as w
from shipway.app.catalog.question import show_entries, trace_lineage
from shipway.app.feature import get_features
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.version import _definitions
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source

DECLARED = """
mixed = feature_view("mixed", orders, {
    "relative": customer.returned_90d / product.returned_60d,
    "dear": orders.price / sw.feature("later.price"),
})
pair = feature_view("pair", orders, {"relative": customer.returned_90d / product.returned_60d})
later = feature_view("later", product.entity, {"price": w.mean(purchases.price, last="60d")})
"""


def add(shop, text):
    path = shop.root / "project.py"
    path.write_text(path.read_text() + text)
    return find_project(shop.root)


def below(branch):
    return [name for each in branch.below for name in (each.node, *below(each))]


def test_the_catalog_frames_and_the_store_agree(shop):
    project = add(shop, DECLARED)
    (down,) = trace_lineage(project, "feature:customer.returned_90d", up=False)
    assert {"feature:mixed.relative", "feature:pair.relative"} <= set(below(down.down))
    (up,) = trace_lineage(project, "feature:mixed.dear", down=False)
    assert below(up.up)[:1] == ["source:orders"]
    assert "feature:later.price" in below(up.up)
    (entry,) = show_entries(project, "mixed.relative")
    assert entry.definition == "customer.returned_90d / product.returned_60d"
    assert entry.type == "float"
    assert entry.known_at == ("orders.settled",)

    made = materialise(project)
    assert {"mixed", "pair", "later"} <= set(made.sets)
    order = get_features(project, "mixed", {"order_id": "700"})
    at = dt.datetime.fromtimestamp(order.at / 1e6, tz=dt.UTC)
    row = pl.read_csv(shop.root / "orders.csv").filter(pl.col("order_id") == 700).row(0, named=True)
    keys = {"customer": row["customer"], "product": row["product"]}
    with closing(sw.online(project.root)) as online:
        answer = online.read("mixed", [{**keys, "price": row["price"]}], at=order.at)
        alone = online.read("pair", [keys], at=order.at)
    values = dict(zip(answer.features, answer.values[0], strict=True))
    assert values == order.values
    assert None not in values.values()
    assert alone.values[0] == [values["mixed_relative"]]
    asked = pl.DataFrame({**{name: [value] for name, value in keys.items()}, "price": [row["price"]], "at": [at]})
    found = sw.features(asked, views=["mixed"], project=project.root)
    assert found.select("mixed_relative", "mixed_dear").row(0, named=True) == values


CIRCLE = """
feature_view("a", orders, {"x": sw.feature("b.y") + 1})
feature_view("b", orders, {"y": sw.feature("a.x")})
"""


def test_a_circle_is_refused_when_the_project_is_read(shop):
    with pytest.raises(ShipwayError, match="SW-108") as refused:
        _ = add(shop, CIRCLE).registry
    assert "a.x -> b.y -> a.x" in refused.value.fact


def test_what_is_read_is_part_of_what_a_version_was_trained_on():
    def define(width):
        price = w.mean(orders.event("placed").price, last=width)
        line = FeatureView("product", Entity("product", ("product",)), {"price": price})
        return FeatureView("mixed", None, {"dear": orders.price / line.price})

    orders = Source("orders", ("id",), (), {"placed": ("product", "price")})
    assert _definitions((define("3h"),)) == _definitions((define("3h"),))
    assert _definitions((define("3h"),)) != _definitions((define("4h"),))
