"""A project's streams into its lake and its online store: what a change costs, and what it costs to join a store.

usage: stream_online.py [CHANGES]     by default 100,000 changes of half as many rows

A project with a file of orders and a view of three windows and a newest value is followed by `shipway stream`'s own
code, in one process. Told is, in processor time: changes a second into the lake alone (`online = false`) and into lake
and store; what it costs to join a store that has everything, one that lacks all of these changes, one that lacks a
hundredth of the rows, and one whose function was changed so that every row is made anew; and one turn of the lock
between writers. In the end what is read online of some shops must be what is computed offline.

The bound is that both together take in 10,000 changes a second of the follower's CPU, and that the two sides are equal.
"""

import json
import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import shipway as sw
from shipway.app.current import CurrentStore
from shipway.app.feature import get_features
from shipway.app.following import run_streams
from shipway.app.online import materialise
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.data.standing import Standing
from shipway.data.upkeep import Upkeep

BOUND = 10_000
SHOPS = 500
BEGAN_S = 1_717_200_000
TOML = """
[project]
name = "till"
timezone = "UTC"
at = 2024-06-01

[raw.orders]
uri = "orders.jsonl"
key = "id"
stream = true
event = "at"
lateness = "1h"
"""
PROJECT = """
import polars as pl
import shipway as sw
from shipway import windows as w


@sw.source(key="id", raw="orders", known_at={"at": ("shop", "price")})
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.with_columns(pl.col("price") * 1.0)


placed = orders.event("at")
sw.feature_view("till", sw.entity("shop"), {
    "n_1d": w.count(placed, last="1d"),
    "spent_1d": w.total(placed.price, last="1d"),
    "mean_7d": w.mean(placed.price, last="7d"),
    "last": w.newest(placed.price),
})
"""


def send(root: Path, first: int, count: int, rows: int, seed: int) -> None:
    """Append changes, a second apart: about half of them of rows that are there."""
    dice = random.Random(seed)
    with (root / "orders.jsonl").open("a") as file:
        for number in range(first, first + count):
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGAN_S + number))
            row = {"id": dice.randrange(rows), "shop": f"s{dice.randrange(SHOPS)}", "at": at, "price": number % 97 / 4}
            file.write(json.dumps(row) + "\n")


def follow(root: Path) -> float:
    """Take in what there is, and return the processor time it took."""
    begun_s = time.process_time()
    run_streams(find_project(root), once=True)
    return time.process_time() - begun_s


def measure_turn(root: Path) -> float:
    """Return what one turn of the lock costs, in microseconds."""
    with closing(CurrentStore(root)) as current:
        assert current.mark is not None
        store = current.take(current.mark)
        assert store is not None

        def write(upkeep: Upkeep) -> Standing:
            return upkeep.standing("orders")

        begun_s = time.process_time()
        for _ in range(1_000):
            store.take_turn(write)
        return (time.process_time() - begun_s) * 1_000


def main(changes: int = 100_000) -> int:
    """Measure, and return 0 if the bounds hold."""
    rows = changes // 2
    with tempfile.TemporaryDirectory(prefix="shipway-stream-") as folder:
        root = Path(folder)
        (root / "project.py").write_text(PROJECT)
        (root / "shipway.toml").write_text(TOML)
        send(root, 0, rows, rows, seed=1)
        follow(root)
        run_project(find_project(root))
        materialise(find_project(root))
        idle_s = follow(root)
        (root / "shipway.toml").write_text(TOML + "online = false\n")
        send(root, rows, changes, rows, seed=2)
        alone_s = follow(root) - idle_s
        (root / "shipway.toml").write_text(TOML)
        lacking_s = follow(root) - idle_s
        send(root, rows + changes, changes, rows, seed=3)
        both_s = follow(root) - idle_s
        (root / "shipway.toml").write_text(TOML + "online = false\n")
        send(root, rows + 2 * changes, rows // 100, rows, seed=4)
        follow(root)
        (root / "shipway.toml").write_text(TOML)
        few_s = follow(root) - idle_s
        (root / "project.py").write_text(PROJECT.replace("* 1.0", "* 1"))
        anew_s = follow(root) - idle_s
        turn_us = measure_turn(root)
        run_project(find_project(root))
        at = (BEGAN_S + rows + 2 * changes + rows // 100) * 1_000_000
        shops = [f"s{number}" for number in range(0, SHOPS, 25)]
        with closing(sw.online(root)) as online:
            found = online.read("till", [{"shop": shop} for shop in shops], at=at).values
        project = find_project(root)
        same = found == [list(get_features(project, "till", {"shop": shop}, at).values.values()) for shop in shops]
    alone, both, few = changes / alone_s, changes / both_s, rows // 100
    print(f"{changes:,} changes into the lake alone: {alone:,.0f} a second of CPU")
    print(f"{changes:,} changes into lake and store: {both:,.0f} a second of CPU, {alone / both:.2f} times as dear")
    print(
        f"a start with nothing new {idle_s:.2f} s; beyond it, a store that lacks {changes:,} changes {lacking_s:.2f} s,"
    )
    print(f"one that lacks {few:,} {few_s:.2f} s, one of whose {rows:,} rows all are made anew {anew_s:.2f} s")
    print(f"a turn of the lock {turn_us:.0f} us; online and offline {'equal' if same else 'DIFFER'}")
    return 0 if same and both >= BOUND else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
