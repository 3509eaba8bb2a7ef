"""A small project that really ran, shared by whatever only reads it and copied for whatever does not.

Hypothesis has no hidden time limit here, and tries the same examples on every machine.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from shipway.app.project import Project, find_project
from shipway.app.run import RunReport, run_project
from shipway.app.scaffold import init_project
from shipway.cli.main import main
from shipway.testing.collector import run_collector
from shipway.testing.postgres import run_postgres
from shipway.testing.redis import find_redis, run_redis

settings.register_profile("shipway", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("shipway")


@dataclass(frozen=True)
class Shop:
    """The template's project after a run."""

    root: Path
    run: RunReport

    @property
    def project(self) -> Project:
        """Return the project, its file read anew."""
        return find_project(self.root)


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self):
        """Return the one JSON document of standard output."""
        return json.loads(self.out)

    @property
    def error(self):
        """Return the JSON error, the last line of standard error."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture(scope="session")
def new_shop(tmp_path_factory):
    """Return the folder of the template's project, never run; read it only."""
    folder = tmp_path_factory.mktemp("template")
    init_project("shop", folder)
    toml = folder / "shop" / "shipway.toml"
    toml.write_text(toml.read_text().replace("threads = 2", "threads = 1"))
    return folder / "shop"


@pytest.fixture(scope="session")
def ran_shop(new_shop, tmp_path_factory):
    """Return the template's project after a run; read it only."""
    root = tmp_path_factory.mktemp("ran") / "shop"
    shutil.copytree(new_shop, root)
    return Shop(root, run_project(find_project(root)))


@pytest.fixture
def fresh(new_shop, tmp_path):
    """Return a copy of the template's project, never run."""
    return Path(shutil.copytree(new_shop, tmp_path / "shop"))


@pytest.fixture
def shop(ran_shop, tmp_path):
    """Return a copy of the template's project after a run."""
    return Shop(Path(shutil.copytree(ran_shop.root, tmp_path / "shop")), ran_shop.run)


_OUTCOME = """        outcome=pl.when(settled.is_null())
        .then(None)
        .when(pl.col("returned") == 0)
        .then(pl.lit("kept"))
        .when(settled - placed < pl.duration(days=10))
        .then(pl.lit("soon"))
        .otherwise(pl.lit("late")),
    )"""
_CLASSES = """sw.gate(
    "quality",
    sw.macro_auc >= 0.6,
    sw.log_loss.better_than("current"),
    sw.log_loss.better_than("basket_only"),
    sw.auc.of("soon") >= 0.6,
    sw.slice_regression("category").no_regression(),
    sw.equal_accuracy("channel") <= 0.3,
    sw.action_value(ship=sw.action({"soon": 6, "late": 9}, otherwise=0),
                    call=sw.action({"soon": 3, "late": 2}, otherwise=1)),
    before="release",
)


@sw.model("outcome", on=orders, at=orders.placed, label=outcome, features=[basket, customer, product],
          baselines={"basket_only": [basket]})
def train(frame: sw.TrainFrame, *, rounds: int = 20):
    import lightgbm

    data = lightgbm.Dataset(frame.x, frame.y, categorical_feature=frame.category_columns)
    params = {"objective": "multiclass", "num_class": len(frame.classes), "num_leaves": 15, "seed": frame.seed,
              "num_threads": frame.threads, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    return lightgbm.train(params, data, num_boost_round=rounds)
"""


@pytest.fixture(scope="session")
def ran_classes(new_shop, tmp_path_factory):
    """Return the template's project after a run, its label the class of what becomes of an order; read it only."""
    root = tmp_path_factory.mktemp("classes") / "shop"
    shutil.copytree(new_shop, root)
    project, toml = root / "project.py", root / "shipway.toml"
    code = project.read_text()
    code = code[: code.index('sw.gate(\n    "quality"')] + _CLASSES
    code = code.replace('"settled": ("returned",)', '"settled": ("returned", "outcome")')
    code = code.replace(
        '        returned=pl.col("returned") == 1,\n    )', f'        returned=pl.col("returned") == 1,\n{_OUTCOME}'
    )
    code = code.replace('sw.label("returned", closings.returned.equals(True))', 'sw.label("outcome", closings.outcome)')
    project.write_text(code.replace("returned = sw.label", "outcome = sw.label"))
    toml.write_text(toml.read_text().replace("[models.returned]", "[models.outcome]"))
    return Shop(root, run_project(find_project(root)))


@pytest.fixture
def classes(ran_classes, tmp_path):
    """Return a copy of the project whose label is a class, after a run."""
    return Shop(Path(shutil.copytree(ran_classes.root, tmp_path / "shop")), ran_classes.run)


@pytest.fixture
def shipway(monkeypatch, capfd):
    """Run the command line in a folder and return what it said."""

    def call(*words, cwd):
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Answer(code, said.out, said.err)

    return call


@pytest.fixture(scope="session")
def postgres():
    """Return a real PostgreSQL server for the session; each test makes a database of its own in it."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis():
    """Return a real Redis server for the session; each test takes a database of its own in it."""
    if find_redis() is None:
        pytest.skip("needs redis-server (Debian package redis-server), which is not installed")
    with run_redis() as server:
        yield server


@pytest.fixture
def collector():
    """Return a real collector of spans, with nothing in it."""
    with run_collector() as found:
        yield found
