"""What does it cost to keep windows up to date, and to read them, as history grows?

Flights land; of each the store keeps what 5 views of 4 windows read: how many landed within 3 h, 24 h, 7 d and 28 d and
how late they were on average, by carrier, origin, route and aircraft and of all. The year of flights is applied in
copies, one year after the other, in micro-batches, by shipway.data.upkeep into LMDB, with a trim after each tenth.

    in order     as they land
    disordered   every flight up to 6 h after it landed, drawn evenly, and one in a hundred twice

Printed are events per second of processor time, the system's included, over all and the last tenth over the first; then
the processor time of reading the 5 views at T for one entity of each, with 10 and with 100,000 events in the widest
window, after 100,000 in the year before. A sample of what is read in the end is compared with a frame of the same rows.

usage: online_write.py [COPIES [BATCH [EVERY]]]     by default 3 copies, batches of 5,000, every row of a year

It exits with 1 below 20,000 events a second, where the last tenth is slower than 0.8 of the first, where a read takes
150 us or more or depends on the number of events by more than a fifth, or if anything read differs.
"""

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import polars as pl

from shipway.adapters.file.reader import FileReader
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.app.project import find_project
from shipway.core import window as w
from shipway.core.column import read_kinds
from shipway.core.feature import ALWAYS, Entity, Expr, FeatureView, Source
from shipway.core.online import Layout, make_layout
from shipway.data.frame import build_frame
from shipway.data.plan import AT, Plan, plan_views
from shipway.data.source import make_source
from shipway.data.upkeep import Upkeep
from shipway.data.whole import read_whole
from shipway.kit.duration import DAY, HOUR
from shipway.serving.reader import FeatureReader

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "flights"
WIDTHS: Final = ("3h", "24h", "7d", "28d")
ENTITIES: Final = {
    "carrier": ("carrier",),
    "origin": ("origin",),
    "route": ("origin", "dest"),
    "tail": ("tailnum",),
    "system": (),
}
PLACES: Final = ("carrier", "origin", "dest", "tailnum")
FLIGHTS: Final = Source("flights", ("id",), (), {"landed": (*PLACES, "arr_delay")})
ASKS: Final = Source("asks", ("ask",), (), {ALWAYS: ("at", *PLACES)})
LATENESS_US: Final = 6 * HOUR
LEAST_RATE, LEAST_FLATNESS, MOST_US, MOST_GROWTH = 20_000, 0.8, 150.0, 1.2


@dataclass(frozen=True, slots=True)
class World:
    """What is applied and what is read."""

    rows: pl.DataFrame
    plan: Plan
    layout: Layout


def main(copies: str = "3", batch: str = "5000", every: str = "1") -> int:
    """Print all figures; return 0 if they are within the bounds."""
    world = make_world(int(copies), int(every))
    good = True
    for name in ("in order", "disordered"):
        with tempfile.TemporaryDirectory(prefix="shipway-write-") as scratch:
            good &= measure_writes(name, world, Path(scratch), int(batch))
    with tempfile.TemporaryDirectory(prefix="shipway-write-") as scratch:
        good &= measure_reads(world, Path(scratch))
    return 0 if good else 1


def make_world(copies: int, every: int) -> World:
    """Make the rows of some years of flights that landed, and the views over them."""
    registry = (project := find_project(EXAMPLE)).registry
    source = registry.sources["flights"]
    raw = [read_whole(FileReader(EXAMPLE), project.config.input(name)) for name in source.raw]
    year = make_source(source, registry.function("source", "flights"), raw).gather_every(every)
    year = year.select("landed", *PLACES, "arr_delay").filter(pl.col("landed").is_not_null()).sort("landed")
    rows = pl.concat(year.with_columns(pl.col("landed").dt.offset_by(f"{365 * copy}d")) for copy in range(copies))
    rows = rows.with_row_index("id").with_columns(pl.col("id").cast(pl.Int64))
    landed = FLIGHTS.event("landed")
    views = tuple(
        FeatureView(
            name,
            Entity(name, keys),
            dict[str, Expr]({f"n_{last}": w.count(landed, last=last) for last in WIDTHS})
            | {f"mean_{last}": w.mean(landed.arr_delay, last=last) for last in WIDTHS},
        )
        for name, keys in ENTITIES.items()
    )
    asks = make_asks(rows.head(1), [0])
    tables = {"flights": rows, "asks": asks}
    schema = {name: read_kinds({n: str(t) for n, t in table.schema.items()}) for name, table in tables.items()}
    plan = plan_views(ASKS, ASKS.at, views, {"flights": FLIGHTS, "asks": ASKS})
    return World(rows, plan, make_layout("asks", ("ask",), views, schema))


def make_asks(rows: pl.DataFrame, at: Sequence[int]) -> pl.DataFrame:
    """Ask at instants about the entities of some flights."""
    instants = pl.Series("at", at, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    return rows.select(pl.Series("ask", range(rows.height)), instants, *PLACES)


def deliver(name: str, rows: pl.DataFrame, chance: np.random.Generator) -> pl.DataFrame:
    """Return the rows in the order in which they arrive."""
    if name == "in order":
        return rows
    twice = rows.sample(fraction=0.01, seed=5)
    all_rows = pl.concat([rows, twice])
    arrives = all_rows["landed"].to_physical() + pl.Series(chance.integers(0, LATENESS_US, all_rows.height))
    return all_rows.with_columns(arrives.alias("arrives")).sort("arrives").drop("arrives")


def slices(rows: pl.DataFrame, batch: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield where each micro-batch ends, and its rows."""
    for start in range(0, rows.height, batch):
        yield min(start + batch, rows.height), rows[start : start + batch]


def measure_writes(name: str, world: World, folder: Path, batch: int) -> bool:
    """Apply all rows and print the rate; return whether it is within the bounds and what is read is right."""
    delivered = deliver(name, world.rows, np.random.default_rng(7))
    online = LmdbOnline(folder / "online")
    upkeep = Upkeep(world.layout, world.plan, online, lateness_us=LATENESS_US)
    spent = [0.0] * 10
    counted = [0] * 10
    for end, changes in slices(delivered, batch):
        tenth = min(10 * (end - 1) // delivered.height, 9)
        begun = time.process_time()
        upkeep.apply("flights", changes, b"%d" % end)
        if min(10 * end // delivered.height, 9) > tenth:
            upkeep.trim()
        spent[tenth] += time.process_time() - begun
        counted[tenth] += changes.height
    rate = sum(counted) / sum(spent)
    flatness = (counted[-1] / spent[-1]) / (counted[0] / spent[0])
    standing = upkeep.standing("flights")
    equal = compare(world, online)
    online.close()
    print(
        f"{name:12}{delivered.height:>10,} events in batches of {batch:,}: {rate:8,.0f} a second of processor time, "
        f"last tenth over first {flatness:.2f}; {standing.same:,} twice, {standing.late:,} late, "
        f"{folder_mb(folder):,.0f} MB; answers {'equal' if equal else 'DIFFERENT'}"
    )
    return equal and rate >= LEAST_RATE and flatness >= LEAST_FLATNESS and not standing.late


def compare(world: World, online: LmdbOnline, most: int = 400) -> bool:
    """Tell whether what is read at the end, and an hour and a week after it, is what a frame has."""
    sample = world.rows.sample(min(most, world.rows.height), seed=3)
    last = int(world.rows["landed"].to_physical().max())  # pyright: ignore[reportArgumentType]
    asks = make_asks(sample, [last + (0, HOUR, 7 * DAY)[row % 3] for row in range(sample.height)])
    frame = build_frame(world.plan, {"flights": world.rows, "asks": asks})
    found = FeatureReader(world.layout, online).read(list_rows(asks), frame[AT].to_physical().to_list())
    wanted = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in world.layout.columns]
    got = np.array([one.values for one in found], dtype=np.float64)
    return bool(np.array_equal(got.view(np.int64), np.stack(wanted, axis=1).view(np.int64)))


def list_rows(asks: pl.DataFrame) -> list[dict[str, Any]]:
    """Return asks as requests bring them."""
    return asks.with_columns(pl.col("at").to_physical()).to_dicts()


def measure_reads(world: World, folder: Path, rounds: int = 4_000) -> bool:
    """Print what reading one entity of each view costs by its number of events; return whether that is bounded."""
    readers: dict[int, tuple[FeatureReader, LmdbOnline, dict[str, Any], int]] = {}
    for count in (10, 100_000):
        online = LmdbOnline(folder / str(count))
        upkeep = Upkeep(world.layout, world.plan, online, lateness_us=LATENESS_US)
        rows = fill(world.rows, count)
        for end, changes in slices(rows, 20_000):
            upkeep.apply("flights", changes, b"%d" % end)
        last = int(rows["landed"].to_physical().max())  # pyright: ignore[reportArgumentType]
        row = list_rows(make_asks(rows.tail(1), [last]))[0]
        readers[count] = FeatureReader(world.layout, online), online, row, last
    chance = random.Random(3)
    times: dict[int, list[float]] = {count: [] for count in readers}
    for _ in range(rounds):
        for count, (reader, _, row, last) in readers.items():
            at = last - chance.randrange(DAY)
            begun = time.thread_time_ns()
            reader.read([row], [at])
            times[count].append((time.thread_time_ns() - begun) / 1e3)
    few, many = (median(each) for each in times.values())
    for count, (_, online, _, _) in readers.items():
        p99 = float(np.percentile(times[count], 99))
        print(f"read 5 views x 4 windows, {count:>7,} events: p50 {median(times[count]):6.1f} us, p99 {p99:6.1f} us")
        online.close()
    print(f"with 100,000 events over with 10: {many / few:.2f}")
    return many < MOST_US and many < MOST_GROWTH * few


def fill(rows: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return events of one entity of each view, evenly over the widest window, and more over the year before it."""
    spans = ((0, 365 * DAY, 100_000), (365 * DAY, 28 * DAY, count))
    instants = pl.Series(
        "landed",
        [
            1_700_000_000_000_000 + start + span // some * number
            for start, span, some in spans
            for number in range(some)
        ],
    )
    one = rows.head(1).select(pl.all().exclude("id", "landed"))
    return pl.select(
        pl.Series("id", range(len(instants))),
        instants.cast(pl.Datetime("us", "UTC")),
        *(pl.lit(one[name][0], dtype=one[name].dtype).alias(name) for name in one.columns),
    )


def folder_mb(folder: Path) -> float:
    """Return the size of the files in a folder."""
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
