"""Compare three layouts of the online store on one stream of events: writes, bytes written and reads.

usage: online_store.py [EVENTS [ROUNDS]]     by default 60,000 events over 28 days, then 100 rounds of 20 more

The stream is of flights: each departs and lands, either event puts an entry into one series of each of 8 kinds, and the
busiest carrier has about 4,500 events of a stream in the 28 days of the longest window. An entry is the instant and 7
running counts and sums, 56 bytes. A request asks 16 series for the newest entry at or before 7 instants: T and T less
1, 3, 6 and 24 hours, 7 and 28 days. In each round every store writes the same events, one by one as they become known,
and then answers the same requests; answers must be equal to the byte. Times are medians over the rounds of processor
time, the system's included, so that a busy machine changes them little. Bytes written are those handed to the system.

    lmdb     online.lmdb: a key for each series and instant
    sqlite   online.sqlite: a row for each series and instant
    packed   the rival, in LMDB too: for each series one value with all that the longest window reads, rewritten at each
             event, read in place and searched by bisection

The second table is of a single series by its length: what an event and a request of 7 asks cost lmdb and packed.
"""

import random
import struct
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import median
from typing import Protocol

import lmdb

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.sqlite.online import SqliteOnline
from shipway.core.entry import encode_series
from shipway.kit.duration import DAY, HOUR

Entry = tuple[bytes, int, bytes]
Ask = tuple[bytes, int]
Answers = list[tuple[int, bytes] | None]

ENTITIES = (16, 35, 100, 220, 3_000, 300, 54, 900)
BUSIEST = 0.15
WINDOWS = (0, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)
START = 1_700_000_000_000_000
ROW = struct.Struct("<7q")
PER_ROUND = 20


class Store(Protocol):
    """What is compared: the part of the port Online that a feed and a server use all the time."""

    def newest(self, asks: Sequence[Ask]) -> Answers:
        """Return the newest entry at or before each instant."""
        ...

    def write(self, entries: Iterable[Entry], *, position: bytes) -> None:
        """Put entries and the writer's position."""
        ...

    def close(self) -> None:
        """Release files."""
        ...


class Packed:
    """The rival: one value per series, first its instants, then its rows, for as long as the longest window."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.handle = lmdb.open(str(folder), map_size=1 << 34, sync=False, max_spare_txns=1)

    def load(self, entries: Iterable[Entry]) -> None:
        """Write many entries at once, each series once."""
        with self.handle.begin(write=True) as writing:
            for series, group in groupby(sorted(entries, key=itemgetter(0, 1)), itemgetter(0)):
                rows = list(group)
                instants = struct.pack(f"<{len(rows)}q", *(instant for _, instant, _ in rows))
                writing.put(series, instants + b"".join(value for _, _, value in rows))

    def newest(self, asks: Sequence[Ask]) -> Answers:
        """Find each answer by bisection in the series' value, which is read where it lies."""
        answers: Answers = []
        with self.handle.begin(buffers=True) as reading:
            current, size = None, ROW.size
            instants: memoryview[int] = memoryview(b"").cast("q")
            packed: memoryview = memoryview(b"")
            for series, instant in asks:
                if series != current:
                    current, packed = series, reading.get(series) or memoryview(b"")
                    count = len(packed) // (8 + size)
                    instants = packed[: 8 * count].cast("q")
                place = bisect_right(instants, instant)
                if place:
                    begin = 8 * len(instants) + size * (place - 1)
                    answers.append((instants[place - 1], bytes(packed[begin : begin + size])))
                else:
                    answers.append(None)
        return answers

    def write(self, entries: Iterable[Entry], *, position: bytes) -> None:
        """Write each series' value anew, longer by an entry and shorter by what the longest window has left behind."""
        with self.handle.begin(write=True) as writing:
            for series, instant, value in entries:
                packed = writing.get(series) or b""
                count = len(packed) // (8 + ROW.size)
                instants = memoryview(packed)[: 8 * count].cast("q")
                # The newest entry at or before the window's start stays.
                old = max(bisect_right(instants, instant - WINDOWS[-1]) - 1, 0)
                assert bisect_left(instants, instant) == count, "the stream is in order"
                kept = packed[8 * old : 8 * count], struct.pack("<q", instant), packed[8 * count + ROW.size * old :]
                writing.put(series, b"".join((*kept, value)))
            writing.put(b"\x00", position)

    def close(self) -> None:
        """Release files."""
        self.handle.close()


@dataclass
class Stream:
    """Flights that depart and land; running sums by series, as the materialisation keeps them."""

    chance: random.Random
    step_us: int
    now: int = START
    sums: dict[bytes, list[int]] = field(default_factory=dict[bytes, list[int]])

    def entities(self) -> list[int]:
        """Draw one entity of each kind; the busiest of the first has its share, the others share alike."""
        first = 0 if self.chance.random() < BUSIEST else self.chance.randrange(1, ENTITIES[0])
        return [first, *(self.chance.randrange(count) for count in ENTITIES[1:])]

    def event(self, number: int) -> list[Entry]:
        """Return the entries of the next event."""
        self.now += self.step_us
        return [self._entry(series) for series in name_series(number % 2, self.entities())]

    def request(self) -> list[Ask]:
        """Return what is asked about a flight now."""
        drawn = self.entities()
        return [(s, self.now - w) for stream in (0, 1) for s in name_series(stream, drawn) for w in WINDOWS]

    def _entry(self, series: bytes) -> Entry:
        sums = self.sums.setdefault(series, [0] * 7)
        for place, add in enumerate((1, 1, self.chance.randrange(-30, 300), 1, 1, 1, 20)):
            sums[place] += add
        return series, self.now, ROW.pack(*sums)


@dataclass
class Single:
    """Events of one series."""

    step_us: int
    now: int = START

    def event(self, number: int) -> list[Entry]:
        """Return the entry of the next event."""
        self.now += self.step_us
        return [(b"one", self.now, ROW.pack(*range(number, number + 7)))]

    def request(self) -> list[Ask]:
        """Return what is asked about it now."""
        return [(b"one", self.now - w) for w in WINDOWS]


def name_series(stream: int, entities: Sequence[int]) -> Iterator[bytes]:
    """Yield the series that an event of a stream belongs to."""
    for kind, entity in enumerate(entities):
        yield encode_series(stream * len(ENTITIES) + kind, (f"E{entity:04}",))


@dataclass
class Spent:
    """What one store needed, one figure for each round."""

    write_us: list[float] = field(default_factory=list[float])
    read_us: list[float] = field(default_factory=list[float])
    written: int = 0


def main(events: str = "60000", rounds: str = "100") -> int:
    """Print both tables; return 0 if all answers were equal."""
    with tempfile.TemporaryDirectory(prefix="shipway-online-") as scratch:
        equal = compare_layouts(Path(scratch), int(events), int(rounds))
        equal &= compare_lengths(Path(scratch))
    print(f"answers: {'equal' if equal else 'DIFFERENT'}")
    return 0 if equal else 1


def compare_layouts(folder: Path, events: int, rounds: int) -> bool:
    """Print what the three stores need for the whole stream; return whether their answers were equal."""
    stream = Stream(random.Random(7), 28 * DAY // events)
    lmdb_store, sqlite, packed = LmdbOnline(folder / "lmdb"), SqliteOnline(folder / "sqlite"), Packed(folder / "packed")
    stores: dict[str, Store] = {"lmdb": lmdb_store, "sqlite": sqlite, "packed": packed}
    load(stream, events, (lmdb_store, sqlite), packed)
    spent = {name: Spent() for name in stores}
    equal = run_rounds(stream, stores, spent, rounds)
    asked = len(stream.request())
    print(f"{rounds * PER_ROUND:,} events and as many requests of {asked} asks, after {events:,} events")
    print(f"{'':8}{'write':>10}{'ratio':>7}{'written':>12}{'ratio':>7}{'read':>13}{'ratio':>7}{'reads':>10}")
    print(f"{'':8}{'us/event':>10}{'':7}{'bytes/event':>12}{'':7}{'us/request':>13}{'':7}{'per s':>10}")
    first = spent["lmdb"]
    for name, each in spent.items():
        write, read = median(each.write_us), median(each.read_us)
        print(
            f"{name:8}{write:10.0f}{write / median(first.write_us):7.1f}"
            f"{each.written / (rounds * PER_ROUND):12,.0f}{each.written / (first.written or 1):7.1f}"
            f"{read:13.0f}{read / median(first.read_us):7.1f}{1e6 / read:10,.0f}"
        )
    return equal


def compare_lengths(folder: Path, rounds: int = 10) -> bool:
    """Print what one series of several lengths needs in two stores; return whether their answers were equal."""
    equal = True
    print(f"{'entries':8}{'lmdb':>10}{'packed':>7}{'lmdb':>12}{'packed':>12}{'lmdb':>8}{'packed':>8}")
    print(f"{'':8}{'write us/event':>17}{'written bytes/event':>24}{'read us/request':>16}")
    for length in (45, 450, 4_500, 45_000):
        stream = Single(28 * DAY // length)
        lmdb_store, packed = LmdbOnline(folder / f"lmdb{length}"), Packed(folder / f"packed{length}")
        load(stream, length, (lmdb_store,), packed)
        spent = {"lmdb": Spent(), "packed": Spent()}
        equal &= run_rounds(stream, {"lmdb": lmdb_store, "packed": packed}, spent, rounds)
        write = {name: median(each.write_us) for name, each in spent.items()}
        read = {name: median(each.read_us) for name, each in spent.items()}
        written = {name: each.written // (rounds * PER_ROUND) for name, each in spent.items()}
        print(
            f"{length:<8,}{write['lmdb']:10.0f}{write['packed']:7.0f}{written['lmdb']:12,}{written['packed']:12,}"
            f"{read['lmdb']:8.1f}{read['packed']:8.1f}"
        )
    return equal


def load(stream: Stream | Single, events: int, stores: Sequence[Store], packed: Packed, batch: int = 500) -> None:
    """Bring every store to where 28 days of events bring it; how long that takes is not compared."""
    written: list[Entry] = []
    for start in range(0, events, batch):
        entries = [entry for number in range(start, min(start + batch, events)) for entry in stream.event(number)]
        for store in stores:
            store.write(entries, position=b"%d" % start)
        written += entries
    packed.load(written)


def run_rounds(stream: Stream | Single, stores: dict[str, Store], spent: dict[str, Spent], rounds: int) -> bool:
    """Measure the stores in turn, close them, and return whether their answers were equal in every round."""
    equal = True
    for number in range(rounds):
        equal &= run_round(stream, stores, spent, number)
    for store in stores.values():
        store.close()
    return equal


def run_round(stream: Stream | Single, stores: dict[str, Store], spent: dict[str, Spent], number: int) -> bool:
    """Let every store write the same events and answer the same requests; return whether the answers are equal."""
    events = [stream.event(place) for place in range(PER_ROUND)]
    requests = [stream.request() for _ in range(PER_ROUND)]
    # A different store goes first each time.
    order = sorted(stores, key=lambda name: (list(stores).index(name) + number) % len(stores))
    for name in order:
        write, before = stores[name].write, count_written()
        spent[name].write_us.append(measure(lambda write=write: [write(e, position=b"%d" % number) for e in events]))
        spent[name].written += count_written() - before
    answers: list[list[Answers]] = []
    for name in order:
        newest, got = stores[name].newest, list[Answers]()
        spent[name].read_us.append(measure(lambda newest=newest, got=got: got.extend(map(newest, requests))))
        answers.append(got)
    return all(each == answers[0] for each in answers)


def measure(work: Callable[[], object]) -> float:
    """Return the microseconds of processor time that one of `PER_ROUND` equal pieces of work took."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1e6 / PER_ROUND


def count_written() -> int:
    """Return the bytes this process has handed to the system so far; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.partition(":")[2]) for line in lines if line.startswith("wchar"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
