"""A real Ray of this machine, on 127.0.0.1 alone."""

import datetime as dt
from importlib import import_module

import polars as pl
import pytest

from shipway.app.score import score
from shipway.core import window as w
from shipway.core.feature import Entity, FeatureView, Source
from shipway.data.frame import build_frame
from shipway.data.partition import build_frame_in_parts
from shipway.data.plan import plan_views
from shipway.testing.engine import CASES

engine = pytest.importorskip("shipway.adapters.ray.engine", reason="needs the extra ray", exc_type=ModuleNotFoundError)
# After the adapter, which says how Ray is to be before it is imported.
ray, RayEngine = import_module("ray"), engine.RayEngine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def started():
    """Start Ray once; engines that find it running leave it running."""
    first = RayEngine(2)
    yield
    first.close()
    assert not ray.is_initialized()


@pytest.mark.parametrize("case", CASES)
def test_ray_conforms(started, case, tmp_path):
    case(lambda: RayEngine(2), tmp_path)
    assert ray.is_initialized()


def test_a_ray_of_ones_own_listens_on_this_machine_alone(started):
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}


def test_a_frame_on_ray_is_that_of_this_process(started):
    day = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
    trips = Source("trips", ("id",), ("trips",), {"asked": ("line", "stop"), "arrived": ("delay",)})
    rows = pl.DataFrame(
        {
            "id": range(500),
            "line": [("a", "b", None)[n % 3] for n in range(500)],
            "stop": [n % 7 for n in range(500)],
            "asked": [day + dt.timedelta(minutes=n) for n in range(500)],
            "arrived": [day + dt.timedelta(minutes=n + n * 7 % 50) for n in range(500)],
            "delay": [n * 13 % 29 / 3 for n in range(500)],
        },
        schema_overrides=dict.fromkeys(("asked", "arrived"), pl.Datetime("us", "UTC")),
    )
    delays = trips.event("arrived")
    features = {
        "n": w.count(delays, last="1h"),
        "mean": w.mean(delays.delay, last="2h"),
        "most": w.greatest(delays.delay, last="30m"),
        "last": w.newest(delays.delay),
    }
    views = (
        FeatureView("line", Entity("line", ("line",)), features),
        FeatureView("stop", Entity("stop", ("stop",)), features),
        FeatureView("own", None, {"stop": trips.stop}),
    )
    plan, tables = plan_views(trips, trips.asked, views, {"trips": trips}), {"trips": rows}
    assert build_frame_in_parts(plan, tables, RayEngine(2), pieces=3).equals(build_frame(plan, tables))


def test_a_table_that_is_scored_on_ray_is_that_of_this_process(started, shop, tmp_path):
    score(shop.project, "returned", "orders", to=tmp_path / "here.parquet")
    with (shop.root / "shipway.toml").open("a") as toml:
        toml.write('\n[compute]\nengine = "ray"\n')
    score(shop.project, "returned", "orders", to=tmp_path / "ray.parquet", force=True)
    assert pl.read_parquet(tmp_path / "ray.parquet").equals(pl.read_parquet(tmp_path / "here.parquet"))
