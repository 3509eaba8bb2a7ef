"""Are windows the same to the bit in every engine, whatever happens to the data on its way?

All 336,776 flights are asked about two hours before their scheduled departure, for windows of 1 h, 3 h, 24 h, 7 d and
28 d over what had landed by then, by origin, carrier, route and aircraft: how many, the total and the mean delay, the
least and the greatest; and, as `kinds`, its variance, median, most common value, number of distinct values, first value
and fading sum. Printed is a hash of every engine's answers, by entity, over the bits of the values in the order of the
flights; hashes of one block must be equal.

    batch       a frame, built at once
    shuffled    the same, of tables in another order
    ray         the same, in parts on a local Ray
    duckdb      the same, in DuckDB, as one statement of SQL for each entity
    cut         the same as batch, of tables as they were halfway; only what was asked before then is compared
    online      the online store is fed as landings become known, and each flight is asked about at its instant
    later       the same store is asked again after everything has been fed to it
    stream      a store that is fed by a stream of changes: every landing up to 6 h late, 1 % of them twice, in batches
                of 5,000; each flight is asked about at its instant once everything has come

    python bench/feature_equality.py [every [sums|kinds]]

Only each so many flights are asked about online; by default each, an hour for the sums and several for the kinds.

It exits with 1 if any two hashes of a block differ.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_sql import build_from, put_tables
from shipway.adapters.file.reader import FileReader
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.ray.engine import RayEngine
from shipway.app.project import Project, find_project
from shipway.core import window as w
from shipway.core.column import read_kinds
from shipway.core.feature import Entity, Event, Expr, FeatureView, Source
from shipway.core.online import Layout, make_layout
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame, instants_asked
from shipway.data.materialisation import Materialiser
from shipway.data.partition import build_frame_in_parts
from shipway.data.plan import Plan, plan_views
from shipway.data.source import make_source
from shipway.data.upkeep import Upkeep
from shipway.data.whole import read_whole
from shipway.kit.duration import HOUR
from shipway.serving.reader import FeatureReader

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "flights"
WIDTHS: Final = ("1h", "3h", "24h", "7d", "28d")
ENTITIES: Final = {
    "origin": ("origin",),
    "carrier": ("carrier",),
    "route": ("origin", "dest"),
    "tail": ("tailnum",),
}
LATEST: Final = np.iinfo(np.int64).max
LATENESS_US: Final = 6 * HOUR
BATCH: Final = 5_000
AT_ONCE: Final = 1_000

Bits: TypeAlias = NDArray[np.int64]
Tables: TypeAlias = Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class World:
    """The flights and what is asked about them.

    Attributes:
        source: the declaration of the example project.
        tables: its rows.
        plan: the frame of all features.
        layout: what the online store keeps of them.
        at: when each flight is asked about, int64[flights], microseconds since 1970 UTC.
    """

    source: Source
    tables: Tables
    plan: Plan
    layout: Layout
    at: Bits

    @property
    def halfway(self) -> int:
        """Return the instant before which half of the flights are asked about."""
        return int(np.median(self.at))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the feature columns."""
        return tuple(column.name for column in self.plan.columns)


def make_world(features: Callable[[Event, str], dict[str, Expr]] | None = None, *, flights: int | None = None) -> World:
    """Make the example project's flights, and the views that are compared.

    Args:
        features: of a stream and a width, what is asked of each entity; counts, sums and extrema where None.
        flights: only the first so many of them, which are those of the first days of the year.
    """
    project: Project = find_project(EXAMPLE)
    registry = project.registry
    source = registry.sources["flights"]
    raw = [project.config.input(name) for name in source.raw]
    rows = make_source(
        source, registry.function("source", "flights"), [read_whole(FileReader(EXAMPLE), each) for each in raw]
    )
    views = tuple(
        make_view(name, keys, source.event("landed"), features or list_sums) for name, keys in ENTITIES.items()
    )
    tables = {"flights": rows if flights is None else rows.head(flights)}
    plan = plan_views(source, source.scheduled - "2h", views, {"flights": source})
    kinds = {"flights": read_kinds({name: str(dtype) for name, dtype in rows.schema.items()})}
    at = instants_asked(plan, tables["flights"])
    return World(source, tables, plan, make_layout("flights", source.key, views, kinds), at)


def make_view(
    name: str, keys: tuple[str, ...], landed: Event, features: Callable[[Event, str], dict[str, Expr]]
) -> FeatureView:
    """Return the features of one entity over all windows."""
    found: dict[str, Expr] = {}
    for last in WIDTHS:
        found |= {f"{feature}_{last}": expr for feature, expr in features(landed, last).items()}
    return FeatureView(name, Entity(name, keys), found)


def list_sums(landed: Event, last: str) -> dict[str, Expr]:
    """Return counts, sums and extrema over a window."""
    return {
        "n": w.count(landed, last=last),
        "total": w.total(landed.arr_delay, last=last),
        "mean": w.mean(landed.arr_delay, last=last),
        "least": w.least(landed.arr_delay, last=last),
        "greatest": w.greatest(landed.arr_delay, last=last),
    }


def list_kinds(landed: Event, last: str) -> dict[str, Expr]:
    """Return the other kinds of aggregates over a window; a fading sum has its width as half-life."""
    delay = landed.arr_delay
    return {
        "spread": w.variance(delay, last=last),
        "median": w.quantile(delay, 0.5, last=last, bins=[-60, -30, -15, 0, 15, 30, 60, 120, 240]),
        "usual": w.most_common(landed.air_time, last=last, of=list(range(20, 700))),
        "speeds": w.distinct(landed.air_time, last=last, bins=256),
        "first": w.first(delay, last=last),
        "fading": w.decayed(delay, half_life=last),
    }


SETS: Final = {"sums": list_sums, "kinds": list_kinds}
"""What is compared, by what it is called."""


def bits_of(frame: pl.DataFrame, world: World) -> Bits:
    """Return the bits of a frame's features as floats, int64[flights, features], in the order of the flights."""
    columns = [frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().view(np.int64) for name in world.columns]
    return np.stack(columns, axis=1)[np.argsort(frame["fid"].to_numpy())]


def batch(world: World) -> Bits:
    """Build the frame at once."""
    return bits_of(build_frame(world.plan, world.tables), world)


def shuffled(world: World) -> Bits:
    """Build the frame of tables in another order."""
    tables = {name: rows.sample(fraction=1, shuffle=True, seed=7) for name, rows in world.tables.items()}
    return bits_of(build_frame(world.plan, tables), world)


def cut(world: World) -> Bits:
    """Build the frame of the flights as they were known halfway."""
    return bits_of(build_frame(world.plan, {"flights": know_by(world, world.halfway)}), world)


def know_by(world: World, instant_us: int) -> pl.DataFrame:
    """Return the flights with all that was not known by an instant taken away."""
    rows = world.tables["flights"]
    known = {at: (pl.col(at).is_not_null() & (pl.col(at).to_physical() <= instant_us)) for at in world.source.known_at}
    hidden = [
        pl.when(known[at]).then(pl.col(name)).alias(name)
        for at, columns in world.source.known_at.items()
        if at != "published"
        for name in (at, *columns)
    ]
    return rows.with_columns(hidden)


def ray(world: World) -> Bits:
    """Build the frame in parts on a local Ray."""
    engine = RayEngine(2)
    try:
        return bits_of(build_frame_in_parts(world.plan, world.tables, engine, pieces=2), world)
    finally:
        engine.close()


def warehouse(world: World) -> Bits:
    """Build the frame in DuckDB, a statement for each entity: one for all would fill twenty gigabytes with `kinds`."""
    with tempfile.TemporaryDirectory() as folder:
        put_tables(world.tables, Path(folder))
        parts = [replace(world, plan=plan) for plan in split_by_entity(world.plan)]
        return np.concatenate([bits_of(build_from(part.plan, Path(folder)), part) for part in parts], axis=1)


def split_by_entity(plan: Plan) -> list[Plan]:
    """Return a plan for the features of each entity, in the order in which they stand."""
    parts = [replace(plan, columns=tuple(each)) for _, each in groupby(plan.columns, key=attrgetter("entity"))]
    return [replace(part, events={event.name: event for event in part.streams}) for part in parts]


def ask_of(world: World, every: int) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """Return requests in the order of their instants, with the instants and the flights they are about."""
    rows = world.tables["flights"]
    asked = rows.select(list(world.layout.request)).with_columns(
        at=pl.Series(world.at), place=pl.Series(range(rows.height))
    )
    asked = asked.filter(pl.col("place") % every == 0).sort("at", maintain_order=True)
    return asked.drop("at", "place").to_dicts(), asked["at"].to_list(), asked["place"].to_list()


@dataclass(frozen=True, slots=True)
class Online:
    """Answers of the online store.

    Attributes:
        live: those given at each instant, when all that was known by then had been fed.
        later: those given for the same instants when everything had been fed.
        places: the flights, in the order of the answers.
        write_s: processor seconds of feeding.
        read_s: processor seconds of answering once.
    """

    live: Bits
    later: Bits
    places: list[int]
    write_s: float
    read_s: float


def online(world: World, every: int) -> Online:
    """Feed a store in LMDB as landings become known, and ask about each flight at its instant and again at the end."""
    rows, at, places = ask_of(world, every)
    feed = make_feed(world.layout, world.plan, world.tables)
    with tempfile.TemporaryDirectory() as folder:
        store = LmdbOnline(Path(folder) / "store")
        writer, reader = Materialiser(world.layout, feed, store), FeatureReader(world.layout, store)
        write_s = read_s = 0.0
        live: list[Sequence[Any]] = []
        for instant, group in groupby(zip(rows, at, strict=True), key=itemgetter(1)):
            begun = time.process_time()
            writer.advance(instant)
            fed = time.process_time()
            some = [row for row, _ in group]
            live += [answer.values for answer in reader.read(some, [instant] * len(some))]
            write_s, read_s = write_s + fed - begun, read_s + time.process_time() - fed
        writer.advance(LATEST)
        later = read_all(reader, rows, at)
        store.close()
    return Online(_bits(live), _bits(later), places, write_s, read_s)


def stream(world: World, every: int) -> tuple[Bits, list[int]]:
    """Feed a store by a stream that is late and repeats itself, and ask about each flight once everything has come."""
    rows, at, places = ask_of(world, every)
    landed = world.tables["flights"].filter(pl.col("landed").is_not_null())
    given = pl.concat([landed, landed.sample(fraction=0.01, seed=5)])
    late_us = np.random.default_rng(7).integers(0, LATENESS_US, given.height)
    given = given.with_columns(arrives=given["landed"].to_physical() + pl.Series(late_us)).sort("arrives")
    with tempfile.TemporaryDirectory() as folder:
        store = LmdbOnline(Path(folder) / "store")
        upkeep = Upkeep(world.layout, world.plan, store, lateness_us=LATENESS_US)
        for start in range(0, given.height, BATCH):
            upkeep.apply("flights", given[start : start + BATCH].drop("arrives"), b"%d" % start)
        standing = upkeep.standing("flights")
        assert (standing.applied, standing.late) == (landed.height, 0), standing
        answers = read_all(FeatureReader(world.layout, store), rows, at)
        store.close()
    return _bits(answers), places


def read_all(reader: FeatureReader, rows: list[dict[str, Any]], at: list[int]) -> list[Sequence[Any]]:
    """Ask about all flights, as many at a time as the server takes: what is found for one question stays in memory."""
    return [
        answer.values
        for start in range(0, len(rows), AT_ONCE)
        for answer in reader.read(rows[start : start + AT_ONCE], at[start : start + AT_ONCE])
    ]


def _bits(answers: Sequence[Sequence[Any]]) -> Bits:
    return np.array(answers, dtype=np.float64).view(np.int64)


def hash_of(bits: Bits) -> str:
    """Return a hash of the bits of values, the same for every missing one."""
    values = bits.view(np.float64)
    canonical = np.where(np.isnan(values), np.int64(-1), bits)
    return hashlib.sha256(canonical.tobytes()).hexdigest()[:16]


def hash_by_entity(bits: Bits, world: World) -> list[str]:
    """Return a hash of each entity's features."""
    width = len(world.columns) // len(ENTITIES)
    return [hash_of(bits[:, place * width : (place + 1) * width]) for place in range(len(ENTITIES))]


def timed(engine: Callable[[World], Bits], world: World) -> tuple[Bits, float]:
    """Return what an engine answers, and its processor seconds."""
    begun = time.process_time()
    bits = engine(world)
    return bits, time.process_time() - begun


def main(every: int, chosen: Sequence[str]) -> int:
    """Run every engine on sets of features, print hashes, and return the exit code."""
    equal = True
    for name in chosen:
        print(f"{name}\n")
        world = make_world(SETS[name])
        equal &= compare(world, every, {"shuffled": shuffled, "ray": ray, "duckdb": warehouse})
        print()
    print("equal" if equal else "NOT EQUAL")
    return 0 if equal else 1


def compare(world: World, every: int, whole: Mapping[str, Callable[[World], Bits]]) -> bool:
    """Print the hashes of every engine, and return whether they are equal.

    Args:
        world: the flights and what is asked about them.
        every: which flights are asked about online.
        whole: engines that build the whole frame.
    """
    before = world.at <= world.halfway
    print(f"{len(before):,} flights, {len(world.columns)} features\n")
    print(f"{'':<10}{'rows':>9}{'CPU s':>8}  " + "  ".join(f"{name:<16}" for name in ENTITIES))
    equal = True

    def show(name: str, bits: Bits, cpu_s: float | None, reference: Bits) -> None:
        nonlocal equal
        hashes, wanted = hash_by_entity(bits, world), hash_by_entity(reference, world)
        equal &= hashes == wanted
        cost, said = "" if cpu_s is None else f"{cpu_s:.1f}", "" if hashes == wanted else "  DIFFERS"
        print(f"{name:<10}{len(bits):>9,}{cost:>8}  " + "  ".join(hashes) + said, flush=True)

    reference, cpu_s = timed(batch, world)
    show("batch", reference, cpu_s, reference)
    for name, engine in whole.items():
        bits, cpu_s = timed(engine, world)
        show(name, bits, None if name == "ray" else cpu_s, reference)
    print()
    show("batch", reference[before], None, reference[before])
    bits, cpu_s = timed(cut, world)
    show("cut", bits[before], cpu_s, reference[before])
    print()
    answers = online(world, every)
    show("batch", reference[answers.places], None, reference[answers.places])
    show("online", answers.live, answers.write_s + answers.read_s, reference[answers.places])
    show("later", answers.later, None, reference[answers.places])
    begun = time.process_time()
    streamed, places = stream(world, every)
    show("stream", streamed, time.process_time() - begun, reference[places])
    print(f"\nonline: {answers.read_s / len(answers.places) * 1e6:.0f} us a flight to answer, once")
    return equal


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:] or list(SETS)))
