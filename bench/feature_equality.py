"""Are windows the same to the bit in every engine, whatever happens to the data on its way?

All 336,776 flights are asked about two hours before their scheduled departure, for windows of 1 h, 3 h, 24 h, 7 d and
28 d over what had landed by then, by origin, carrier, route and aircraft: how many, the total and the mean delay, the
least and the greatest. Printed is a hash of every engine's answers, by entity, over the bits of the values in the order
of the flights; hashes of one row of the table must be equal.

    batch       a frame, built at once
    shuffled    the same, of tables in another order
    cut         the same, of tables as they were on the first of July; only what was asked before then is compared
    online      the online store is fed as landings become known, and each flight is asked about at its instant
    later       the same store is asked again after everything has been fed to it

    python bench/feature_equality.py [every]      only each so many flights are asked about online; by default each

It exits with 1 if any two hashes differ.
"""

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.adapters.file.reader import FileReader
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.app.project import Project, find_project
from shipway.core import window as w
from shipway.core.feature import Entity, Event, Expr, FeatureView, Source
from shipway.core.online import Layout, make_layout, read_kinds
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame
from shipway.data.materialisation import Materialiser
from shipway.data.plan import AT, Plan, plan_views
from shipway.data.source import make_source
from shipway.data.whole import read_whole
from shipway.serving.reader import FeatureReader

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "flights"
WIDTHS: Final = ("1h", "3h", "24h", "7d", "28d")
ENTITIES: Final = {
    "origin": ("origin",),
    "carrier": ("carrier",),
    "route": ("origin", "dest"),
    "tail": ("tailnum",),
}
CUT_US: Final = 1_372_636_800_000_000
"""2013-07-01."""
LATEST: Final = np.iinfo(np.int64).max

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
    """

    source: Source
    tables: Tables
    plan: Plan
    layout: Layout

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the feature columns."""
        return tuple(column.name for column in self.plan.columns)


def make_world() -> World:
    """Make the example project's flights, and the views that are compared."""
    project: Project = find_project(EXAMPLE)
    registry = project.registry
    source = registry.sources["flights"]
    raw = [project.config.input(name) for name in source.raw]
    rows = make_source(
        source, registry.function("source", "flights"), [read_whole(FileReader(EXAMPLE), each) for each in raw]
    )
    views = tuple(make_view(name, keys, source.event("landed")) for name, keys in ENTITIES.items())
    tables = {"flights": rows}
    plan = plan_views(source, source.scheduled - "2h", views, {"flights": source})
    kinds = {"flights": read_kinds({name: str(dtype) for name, dtype in rows.schema.items()})}
    return World(source, tables, plan, make_layout("flights", source.key, views, kinds))


def make_view(name: str, keys: tuple[str, ...], landed: Event) -> FeatureView:
    """Return the features of one entity over all windows."""
    features: dict[str, Expr] = {}
    for last in WIDTHS:
        features |= {
            f"n_{last}": w.count(landed, last=last),
            f"total_{last}": w.total(landed.arr_delay, last=last),
            f"mean_{last}": w.mean(landed.arr_delay, last=last),
            f"least_{last}": w.least(landed.arr_delay, last=last),
            f"greatest_{last}": w.greatest(landed.arr_delay, last=last),
        }
    return FeatureView(name, Entity(name, keys), features)


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
    """Build the frame of the flights as they were known on the first of July."""
    return bits_of(build_frame(world.plan, {"flights": know_by(world, CUT_US)}), world)


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


def ask_of(world: World, every: int) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    """Return requests in the order of their instants, with the instants and the flights they are about."""
    rows = world.tables["flights"]
    at = build_frame(plan_views(world.source, world.plan.at, (), {"flights": world.source}), world.tables)[AT]
    asked = rows.select(list(world.layout.request)).with_columns(
        at=at.to_physical(), place=pl.Series(range(rows.height))
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
        later = [answer.values for answer in reader.read(rows, at)]
        store.close()
    return Online(_bits(live), _bits(later), places, write_s, read_s)


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


def main(every: int) -> int:
    """Run every engine, print hashes, and return the exit code."""
    world = make_world()
    at = build_frame(plan_views(world.source, world.plan.at, (), {"flights": world.source}), world.tables)[AT]
    before = at.to_physical().to_numpy() <= CUT_US
    print(f"{len(before):,} flights, {len(world.columns)} features\n")
    print(f"{'':<10}{'rows':>9}{'CPU s':>8}  " + "  ".join(f"{name:<16}" for name in ENTITIES))
    equal = True

    def show(name: str, bits: Bits, cpu_s: float, reference: Bits) -> None:
        nonlocal equal
        hashes, wanted = hash_by_entity(bits, world), hash_by_entity(reference, world)
        equal &= hashes == wanted
        said = "" if hashes == wanted else "  DIFFERS"
        print(f"{name:<10}{len(bits):>9,}{cpu_s:>8.1f}  " + "  ".join(hashes) + said)

    whole, cpu_s = timed(batch, world)
    show("batch", whole, cpu_s, whole)
    show("shuffled", *timed(shuffled, world), whole)
    show("", whole[before], 0, whole[before])
    bits, cpu_s = timed(cut, world)
    show("cut", bits[before], cpu_s, whole[before])
    answers = online(world, every)
    show("", whole[answers.places], 0, whole[answers.places])
    show("online", answers.live, answers.write_s + answers.read_s, whole[answers.places])
    show("later", answers.later, 0, whole[answers.places])
    print(f"\nonline: {answers.read_s / len(answers.places) * 1e6:.0f} us a flight to answer, once")
    print("equal" if equal else "NOT EQUAL")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
