"""A lab: a shop whose visits and orders lie on the main branch, so that an experiment is lived through in a second."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import shipway as sw
from shipway.app.project import find_project
from shipway.app.workspace import Workspace
from shipway.core.table import MAIN
from shipway.kit.duration import DAY

START = 19_800 * DAY
"""2024-03-18, at which the lab's experiment begins."""
PAST = 30
"""Days of history before it."""
CUSTOMERS = 1_500
TOML = """\
[project]
name = "lab"
timezone = "UTC"
at = 2024-03-18

[raw]
visits = "visits.csv"
orders = "orders.csv"
"""
CODE = """\
import shipway as sw
from shipway import windows as w


@sw.source(key="visit", raw="visits", known_at={"opened": ("customer", "device", "said")})
def visits(visits):
    return visits


@sw.source(key="order", raw="orders", known_at={"placed": ("customer", "price")})
def orders(orders):
    return orders


opened, placed = visits.event("opened"), orders.event("placed")
customer = sw.entity("customer")
habit = sw.feature_view("habit", customer, {"spent_21d": w.total(placed.price, last="21d")})
pricing = sw.layer("pricing", unit=customer, holdout=0.05)
spent = w.total(placed.price, last="2d")
sw.experiment(
    "fares",
    unit=customer,
    exposed=opened,
    variants={"usual": 1, "new": 1},
    layer=pricing,
    share=0.9,
    metrics=[sw.effect("spent", spent, covariates=[habit.spent_21d], winsorise=0.999, detect=0.32) > 0],
    guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2],
    slices=[visits.device],
    design=sw.group_sequential(most="21d"),
)
"""


@dataclass
class Lab:
    """A project, and what happened in its shop so far."""

    root: Path

    @property
    def project(self):
        return find_project(self.root)

    def workspace(self):
        return closing(Workspace(self.project))

    def live(self, days, lift=0.0, *, name="fares", late=None, keep=lambda unit: True, say=lambda unit: None):
        """Put what happened until some days after the start on the main branch.

        Args:
            days: after the start.
            lift: how many times as many orders more there are with another variant than the usual one.
            name: the experiment whose variants are met.
            late: a row of orders to be added, of any day.
            keep: which units' visits are logged after the start.
            say: what a visit after the start says of the variant that was met.
        """
        visits, orders = make_shop(days, self._boosts(name, lift))
        after = visits["opened"].cast(pl.Int64) >= START
        kept = [keep(unit) for unit in visits["customer"].to_list()]
        said = [say(unit) if new else None for unit, new in zip(visits["customer"].to_list(), after, strict=True)]
        visits = visits.with_columns(pl.Series("said", said, dtype=pl.String)).filter(~after | pl.Series(kept))
        if late is not None:
            orders = pl.concat([orders, pl.DataFrame([late], schema=orders.schema, orient="row")])
        with self.workspace() as workspace:
            workspace.folder.mkdir(exist_ok=True)
            tables = {"visits": workspace.tables.write(visits), "orders": workspace.tables.write(orders)}
            head = workspace.tables.head(MAIN)
            workspace.tables.commit(MAIN, tables, expect=head, message=f"{days} days")
            workspace.ledger.head()

    def edit(self, old, new):
        """Change the project's file."""
        path = self.root / "project.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def _boosts(self, name, lift):
        desk = sw.experiments(self.root)
        if name not in desk.running:
            return np.ones(CUSTOMERS)
        met = [desk.assign(name, f"c{number}") for number in range(CUSTOMERS)]
        return np.array([1.0 if each in (None, "usual") else 1 + lift for each in met])


def make_shop(days, boosts, seed=3):
    """Return visits and orders of a shop: the same until a day, however many follow."""
    random = np.random.default_rng(seed)
    rate = random.gamma(2.0, 0.1, CUSTOMERS)
    price = random.lognormal(3.0, 0.3, CUSTOMERS)
    device = random.choice(["app", "web"], CUSTOMERS)
    visits, orders = [], []
    for day in range(-PAST, days):
        random = np.random.default_rng([seed, day + PAST])
        for who in np.flatnonzero(random.random(CUSTOMERS) < 0.15):
            at = START + day * DAY + int(random.integers(0, DAY // 2))
            visits.append((f"v{day}-{who}", f"c{who}", str(device[who]), at))
        shares = random.random((CUSTOMERS, 4))
        times = random.integers(0, DAY, (CUSTOMERS, 4))
        sizes = random.lognormal(0.0, 0.4, (CUSTOMERS, 4))
        chance = rate * (boosts if day >= 0 else 1.0) / 4
        for who, place in np.argwhere(shares < chance[:, None]):
            at = START + day * DAY + int(times[who, place])
            orders.append((f"o{day}-{who}-{place}", f"c{who}", float(price[who] * sizes[who, place]), at))
    instant = pl.Datetime("us", "UTC")
    return (
        pl.DataFrame(visits, schema=["visit", "customer", "device", "opened"], orient="row").cast({"opened": instant}),
        pl.DataFrame(orders, schema=["order", "customer", "price", "placed"], orient="row").cast({"placed": instant}),
    )


@pytest.fixture(scope="session")
def past(tmp_path_factory):
    """Return a lab before its experiment begins, to be copied."""
    root = tmp_path_factory.mktemp("past") / "lab"
    root.mkdir()
    (root / "shipway.toml").write_text(TOML)
    (root / "project.py").write_text(CODE)
    Lab(root).live(0)
    return root


@pytest.fixture
def lab(past, tmp_path):
    """Return a lab before its experiment begins."""
    import shutil

    shutil.copytree(past, tmp_path / "lab")
    return Lab(tmp_path / "lab")
