"""A project whose source holds an embedding: contract, model, store, server, command line and catalog say the same."""

import http.client
import json
import shutil
import subprocess
import sys
from contextlib import closing

import numpy as np
import polars as pl
import pytest

import shipway as sw
from shipway.app.catalog.collection import collect_catalog
from shipway.app.feature import get_features
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.testing.refusal import expect_refusal

SOURCE = '''
@sw.source(key="order_id", raw="orders", known_at={"placed": ("customer", "taste")}, embeddings={"taste": 3})
def tastes(orders: pl.DataFrame) -> pl.DataFrame:
    """Place every order somewhere."""
    price = pl.col("price").cast(pl.Float64)
    return orders.with_columns(
        placed=pl.col("placed").str.to_datetime(time_unit="us", time_zone="UTC"),
        taste=pl.concat_list(price / 7, price.sqrt(), -price),
    )


tasted = tastes.event("placed")
newest = w.newest(tasted.taste, within="30d")
taste = feature_view(
    "taste",
    entity("taster", "customer"),
    {"vector": newest, "near": newest.cosine(w.first(tasted.taste, last="30d")), "last": w.newest(tasted.taste)},
)


# A gate is a list'''


@pytest.fixture(scope="module")
def tasted(new_shop, tmp_path_factory):
    root = tmp_path_factory.mktemp("tasted") / "shop"
    shutil.copytree(new_shop, root)
    path = root / "project.py"
    text = path.read_text().replace("\n# A gate is a list", SOURCE, 1)
    path.write_text(text.replace("features=[basket, customer, product]", "features=[basket, customer, product, taste]"))
    run_project(find_project(root))
    project = find_project(root)
    materialise(project)
    return project


@pytest.fixture(scope="module")
def names(tasted):
    rows = pl.read_csv(tasted.root / "orders.csv").sort("placed")
    return rows["customer"].unique(maintain_order=True).to_list()[:200:40] + rows["customer"].to_list()[-3:]


def test_the_store_says_what_is_computed_offline_and_hands_out_views(tasted, names):
    at = get_features(tasted, "taste", {"customer": names[0]}).at
    with closing(sw.online(tasted.root)) as online:
        answer = online.read("taste", [{"customer": name} for name in names], at=at)
    told = [dict(zip(answer.features, values, strict=True)) for values in answer.values]
    assert any(values["taste_vector"] is not None for values in told)
    for name, values in zip(names, told, strict=True):
        found = get_features(tasted, "taste", {"customer": name}).values
        assert values["taste_last"].dtype == np.float32
        assert not values["taste_last"].flags.writeable
        assert {key: getattr(value, "tolist", lambda value=value: value)() for key, value in values.items()} == found


def test_the_server_answers_with_numbers_that_come_back_to_the_bit(tasted, names):
    words = [sys.executable, "-m", "shipway.serving", "--state", str(tasted.root / ".shipway"), "--watch-stdin"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        way = http.client.HTTPConnection("127.0.0.1", int(server.stdout.readline().rpartition(":")[2]), timeout=30)
        body = json.dumps({"rows": [{"customer": name} for name in names]})
        way.request("POST", "/v1/features/taste", body, {"content-type": "application/json"})
        answer = json.load(way.getresponse())
        way.close()
        server.stdin.close()
        assert server.wait(30) == 0
    with closing(sw.online(tasted.root)) as online:
        known = online.read("taste", [{"customer": name} for name in names])
    place = answer["features"].index("taste_last")
    sent = [np.array(values[place], dtype=np.float32).tobytes() for values in answer["values"]]
    assert sent == [values[place].tobytes() for values in known.values]


def test_the_command_shows_them(tasted, names, shipway):
    words = ("features", "get", "taste", f"customer={names[-1]}")
    offline, online = (shipway(*words, *more, "--json", cwd=tasted.root).document for more in ((), ("--online",)))
    assert len(offline["values"]["taste_vector"]) == 3
    assert online["values"][0][0] == offline["values"]["taste_vector"]
    assert "taste_last" in shipway(*words, cwd=tasted.root).out


def test_the_catalog_says_the_length_and_describes_it(tasted):
    entries = {entry.name: entry for entry in collect_catalog(tasted).entries}
    vector = entries["taste.vector"]
    assert vector.type == "embedding[3]"
    assert vector.statistic.low > 0
    assert vector.statistic.low <= vector.statistic.mean <= vector.statistic.high
    assert vector.links.downstream["model"] == ["returned"]
    assert entries["taste.near"].type == "float"


def test_a_model_is_fed_the_components(tasted):
    row = pl.read_csv(tasted.root / "orders.csv").row(-1, named=True)
    found = get_features(tasted, "returned", {"order_id": str(row["order_id"])}).values
    assert {"taste_vector_0", "taste_vector_1", "taste_vector_2", "taste_last_2"} <= set(found)
    assert "taste_vector" not in found


def test_an_embedding_of_another_length_stops_the_run(tasted, tmp_path):
    root = tmp_path / "shop"
    shutil.copytree(tasted.root, root)
    path = root / "project.py"
    path.write_text(path.read_text().replace("price.sqrt(), -price)", "price)"))
    with expect_refusal("SW-203") as refused:
        run_project(find_project(root))
    assert "tastes.taste holds 3 numbers in each embedding" in refused[0].fact
