"""Reads of the online store: what is stored of an entity, exact windows, and Feast's SDK on the same values.

usage: online_read.py [--entities N] [--rounds R] [--feast PYTHON]     by default 100,000 and 400

Five views of an entity, each of four numbers and an instant, in LMDB, SQLite and Redis: what `FeatureReader`, the path
of every prediction, takes for one entity and for a hundred. Then five exact window views of four windows each over
series of 10 and of 100,000 events. Values are compared with what was written. With --feast, the Python of an
environment with feast[redis]: its SDK reads the same values of 20,000 entities from the same Redis server.

Beside them stands what no reader can go below: in LMDB a transaction with as many gets and unpacks as there are
values to read, in Redis a round trip of PING, with nothing around it.

The rounds of all stores alternate. Times are wall (p50, p99) and processor microseconds a call of the reading process.
Exits with 1 if a value differs, or a processor time or p50 is over the bounds: 20 us for one entity and 500 for a
hundred (LMDB), 100 and 1,500 (Redis), 150 for the windows of one entity (LMDB), a difference of 20 % between the
lengths of a series, or materialisation below a million view-rows per processor second.
"""

import argparse
import datetime as dt
import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.redis.store import RedisOnline
from shipway.adapters.sqlite.online import SqliteOnline
from shipway.core import window as w
from shipway.core.column import Schema
from shipway.core.entry import encode_entity, encode_series, pack_entry
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import Layout, make_layout
from shipway.core.pack import find_packs
from shipway.data.column import vector_of
from shipway.data.pack import Newest, pack_newest
from shipway.kit.duration import DAY, HOUR
from shipway.ports.online import Online
from shipway.serving.reader import FeatureReader
from shipway.testing.redis import run_redis

VIEWS: Final = 5
NUMBERS: Final = 4
BATCH: Final = 100
NOW: Final = 1_780_000_000_000_000
WIDTHS: Final = ("1h", "6h", "1d", "7d")
LENGTHS: Final = (10, 100_000)
FEAST_ENTITIES: Final = 20_000
BOUNDS_US: Final = {
    ("lmdb", "1 entity"): 20.0,
    ("lmdb", "100 entities"): 500.0,
    ("redis", "1 entity"): 100.0,
    ("redis", "100 entities"): 1_500.0,
    ("lmdb", "windows of 10"): 150.0,
    ("lmdb", "windows of 100,000"): 150.0,
}
LEAST_ROWS: Final = 1e6

SOURCES: Final = tuple(
    Source(f"view{v}", ("id",), (), {"at": tuple(f"x{n}" for n in range(NUMBERS))}) for v in range(VIEWS)
)
USER: Final = Entity("user", ("user",))


@dataclass(slots=True)
class Spent:
    """What calls took, in microseconds."""

    wall: list[float] = field(default_factory=list[float])
    cpu: float = 0.0

    def add(self, calls: Sequence[Callable[[], object]]) -> None:
        """Make calls and keep what they took."""
        begun = time.process_time()
        for call in calls:
            start = time.perf_counter()
            call()
            self.wall.append((time.perf_counter() - start) * 1e6)
        self.cpu += (time.process_time() - begun) * 1e6

    def quantile(self, share: float) -> float:
        """Return the wall time that a share of the calls did not exceed."""
        return sorted(self.wall)[int(share * (len(self.wall) - 1))]

    @property
    def cpu_us(self) -> float:
        """Return the processor time of a call."""
        return self.cpu / len(self.wall)


def stored_layout() -> Layout:
    """Return five views of stored values."""
    views = [
        FeatureView(source.name, USER, {f"x{n}": w.newest(source.event("at")[f"x{n}"], within="30d") for n in range(4)})
        for source in SOURCES
    ]
    return make_layout("asked", (), views, schema_of())


def window_layout() -> Layout:
    """Return five views of four windows, each over a stream of its own."""
    views = [
        FeatureView(source.name, USER, {f"sum_{last}": w.total(source.event("at").x0, last=last) for last in WIDTHS})
        for source in SOURCES
    ]
    return make_layout("asked", (), views, schema_of())


def schema_of() -> Schema:
    """Return the kinds of every column."""
    schema: Schema = {"asked": {"user": "int"}}
    for source in SOURCES:
        schema[source.name] = {"id": "int", "user": "int", "at": "instant"}
        schema[source.name] |= dict.fromkeys((f"x{n}" for n in range(NUMBERS)), "float")
    return schema


def make_rows(entities: int) -> pl.DataFrame:
    """Return a row for each entity: of each view its instant and its numbers."""
    chance = np.random.default_rng(7)
    columns: dict[str, object] = {"user": np.arange(entities)}
    for view in range(VIEWS):
        columns[f"at{view}"] = pl.Series(NOW - chance.integers(1, 20 * DAY, entities)).cast(pl.Datetime("us", "UTC"))
        for number in range(NUMBERS):
            columns[f"{view}x{number}"] = chance.normal(size=entities)
    return pl.DataFrame(columns)


def materialise(online: Online, layout: Layout, rows: pl.DataFrame) -> float:
    """Write a frame of newest rows into a store; return view-rows per processor second."""
    begun = time.process_time()
    (pack,) = find_packs(layout)
    members = [
        Newest(vector_of(rows[f"at{view}"]), tuple(vector_of(rows[f"{view}x{number}"]) for number in range(NUMBERS)))
        for view in range(VIEWS)
    ]
    entities = [encode_entity((user,)) for user in rows["user"].to_list()]
    online.write(pack_newest(pack, entities, members), position=b"1")
    return rows.height * VIEWS / (time.process_time() - begun)


def write_windows(online: Online, layout: Layout) -> None:
    """Write series of two lengths, of entity 0 and 1, whose events are all within the last seven days."""

    def entries() -> Iterator[tuple[bytes, int, bytes]]:
        for place, series in enumerate(layout.series):
            for user, length in enumerate(LENGTHS):
                name = encode_series(place, (user,))
                for event in range(length):
                    instant = NOW - 7 * DAY + (event + 1) * (7 * DAY // (length + 1))
                    yield name, instant, pack_entry(series.packing, (event + 1, event + 1, (event + 1) * 1_000_000), ())

    online.write(entries(), position=b"1")


def check_windows(reader: FeatureReader) -> bool:
    """Compare what is read of both lengths with what arithmetic says."""
    right = True
    hours = {"1h": 1, "6h": 6, "1d": 24, "7d": 168}
    for user, length in enumerate(LENGTHS):
        instants = NOW - 7 * DAY + np.arange(1, length + 1) * (7 * DAY // (length + 1))
        wanted = [float((instants > NOW - hours[last] * HOUR).sum()) for last in WIDTHS] * VIEWS
        right &= reader.read([{"user": user}], [NOW])[0].values == wanted
    return right


def main() -> int:
    """Print the tables; return 0 if everything is equal and within its bounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--entities", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--feast", default="")
    given = parser.parse_args()
    rows, layout, windows = make_rows(given.entities), stored_layout(), window_layout()
    with tempfile.TemporaryDirectory(prefix="shipway-read-") as scratch, run_redis() as server:
        stores: dict[str, tuple[Online, Online]] = {
            "lmdb": (LmdbOnline(Path(scratch) / "l"), LmdbOnline(Path(scratch) / "lw")),
            "sqlite": (SqliteOnline(Path(scratch) / "s"), SqliteOnline(Path(scratch) / "sw")),
            "redis": (RedisOnline(server.address()), RedisOnline(server.address())),
        }
        rates = {name: materialise(store, layout, rows) for name, (store, _) in stores.items()}
        for _, store in stores.values():
            write_windows(store, windows)
        right, spent = measure(stores, layout, windows, rows, given.rounds)
        feast = run_feast(given.feast, rows, server.port, Path(scratch), given.rounds) if given.feast else {}
        for pair in stores.values():
            for store in pair:
                store.close()
    return report(rates, spent, feast, right)


def measure(
    stores: dict[str, tuple[Online, Online]], layout: Layout, windows: Layout, rows: pl.DataFrame, rounds: int
) -> tuple[bool, dict[tuple[str, str], Spent]]:
    """Read from every store in turn."""
    chance, right = random.Random(7), True
    spent: dict[tuple[str, str], Spent] = {}
    readers = {n: (FeatureReader(layout, a), FeatureReader(windows, b)) for n, (a, b) in stores.items()}
    values = rows.select([f"{view}x{number}" for view in range(VIEWS) for number in range(NUMBERS)]).rows()
    gc.freeze()
    for number in range(rounds + 1):
        users = [chance.randrange(rows.height) for _ in range(BATCH)]
        for name, (reader, window) in readers.items():
            batch, at = [{"user": user} for user in users], [NOW] * BATCH
            found = reader.read(batch, at)
            right &= [tuple(each.values) for each in found] == [values[user] for user in users]
            right &= check_windows(window) if number == 0 else True
            calls: dict[str, list[Callable[[], object]]] = {
                **list_floors(stores[name][0], layout, users),
                "1 entity": [lambda row=row, read=reader.read: read([row], [NOW]) for row in batch[:20]],
                "100 entities": [lambda read=reader.read, batch=batch, at=at: read(batch, at)],
            }
            for user, length in enumerate(LENGTHS):
                one = [{"user": user}]
                calls[f"windows of {length:,}"] = [lambda one=one, read=window.read: read(one, [NOW])] * 5
            for what, each in calls.items():
                if number:
                    spent.setdefault((name, what), Spent()).add(each)
                else:
                    Spent().add(each)
    return right, spent


def list_floors(store: Online, layout: Layout, users: Sequence[int]) -> dict[str, list[Callable[[], object]]]:
    """Return what a store takes at least: bare gets and unpacks in LMDB, a bare round trip in Redis."""
    (pack,) = find_packs(layout)
    unpack, inner = pack.packing.unpack_from, vars(store)
    if isinstance(store, LmdbOnline):
        handle, tail = inner["_handle"], ((1 << 63) - 1).to_bytes(8, "big")
        names = [pack.name((user,)) + tail for user in users]

        def get(wanted: Sequence[bytes]) -> None:
            with handle.begin() as reading:
                for name in wanted:
                    unpack(reading.get(name))

        return {"bare, 1": [lambda name=name: get([name]) for name in names[:20]], "bare, 100": [lambda: get(names)]}
    if isinstance(store, RedisOnline):
        connection = inner["_session"]._connection
        ping = b"*1\r\n$4\r\nPING\r\n"

        def exchange() -> None:
            connection._sock.sendall(ping)
            connection._sock.recv(64)

        return {"bare round trip": [exchange] * 20}
    return {}


def run_feast(python: str, rows: pl.DataFrame, port: int, scratch: Path, rounds: int) -> dict[str, list[float]]:
    """Let Feast's SDK read the same values; return p50, p99 and processor microseconds by what was read."""
    some = rows.head(FEAST_ENTITIES)
    for view in range(VIEWS):
        named = {f"{view}x{n}": f"v{view}x{n}" for n in range(NUMBERS)}
        table = some.select("user", f"at{view}", *named).rename({f"at{view}": "event_timestamp"} | named)
        table.write_parquet(scratch / f"view{view}.parquet")
    script = Path(__file__).with_name("online_read_feast.py")
    now = dt.datetime.fromtimestamp(NOW / 1e6, tz=dt.UTC).isoformat()
    words = [python, str(script), str(scratch), str(port), now, str(rounds)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr[-3_000:])
        return {}
    return json.loads(done.stdout.splitlines()[-1])


def report(
    rates: dict[str, float], spent: dict[tuple[str, str], Spent], feast: dict[str, list[float]], right: bool
) -> int:
    """Print what was measured and return the exit code."""
    within = right
    print(f"{'':8}{'read':22}{'p50 us':>9}{'p99 us':>9}{'cpu us':>9}{'bound':>8}")
    for (name, what), each in spent.items():
        bound = BOUNDS_US.get((name, what))
        good = bound is None or (each.quantile(0.5) < bound and each.cpu_us < bound)
        within &= good
        shown = "" if bound is None else f"{bound:8,.0f}{'' if good else '  OVER'}"
        print(f"{name:8}{what:22}{each.quantile(0.5):9.1f}{each.quantile(0.99):9.1f}{each.cpu_us:9.1f}{shown}")
    short, long = (spent["lmdb", f"windows of {length:,}"].cpu_us for length in LENGTHS)
    within &= abs(long / short - 1) < 0.2
    print(f"lmdb, windows of 100,000 events against 10: {long / short:.2f} of the processor time (bound 1.20)")
    for name, rate in rates.items():
        print(f"{name:8}materialised {rate:12,.0f} view-rows per CPU-second")
    within &= rates["lmdb"] >= LEAST_ROWS
    for what, (p50, p99, cpu) in ((k, v) for k, v in feast.items() if k != "rate"):
        ours = spent["redis", what]
        print(f"{'feast':8}{what:22}{p50:9.1f}{p99:9.1f}{cpu:9.1f}   {cpu / ours.cpu_us:.0f} times the processor time")
    if feast:
        (rate,) = feast["rate"]
        print(f"{'feast':8}materialised {rate:12,.0f} view-rows per CPU-second")
    print(f"values: {'equal' if right else 'DIFFERENT'}")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
