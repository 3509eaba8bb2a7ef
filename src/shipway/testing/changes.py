"""The conformance suite of the port Changes."""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from shipway.core.change import START, Position, Record
from shipway.core.raw import Raw
from shipway.data.consumer import Consumer, Outlet
from shipway.data.deposit import table_of
from shipway.data.kept import live
from shipway.data.sink import LakeSink, fold_pending
from shipway.infra.lake import Lake
from shipway.ports.changes import Changes
from shipway.testing.fake.tables import make_tables

Note: TypeAlias = tuple[int, str | None]
"""A change as the suite makes them: the key, and the new text of its row; None where the row is deleted."""

_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Tap:
    """A source of changes, of rows with a whole number `id` and a text `note`.

    Attributes:
        raw: the input; nothing is in its source at first.
        open: opens it, as another process would.
        emit: makes changes at the source, in order; an update of a row there is not creates it.
        deletes: whether rows can be deleted at it.
        copies: whether reading from the start copies the rows there are, and not the changes that made them.
    """

    raw: Raw
    open: Callable[[], Changes]
    emit: Callable[[Sequence[Note]], None]
    deletes: bool = True
    copies: bool = False

    def start(self) -> Position:
        """Return a position from which changes are read one by one, where nothing is in the source."""
        if not self.copies:
            return START
        with closing(self.open()) as source:
            return drain(source, START)[1]


Make = Callable[[], Tap]
"""Makes a source in which nothing is."""

Case = Callable[[Make], None]


def drain(source: Changes, after: Position, *, most: int = 1_000) -> tuple[list[Record], Position]:
    """Read until there is nothing more, and return the records and the position behind them."""
    records: list[Record] = []
    for _ in range(10_000):
        batch = source.read(after, most=most, wait_s=0)
        records += batch.records
        after = batch.position
        if batch.drained and not batch.records:
            return records, after
    raise AssertionError("the source is never drained")


def by_part(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return records by the part of their source, within which alone they have an order."""
    parts: dict[str, list[Record]] = {}
    for record in records:
        parts.setdefault(record.part, []).append(record)
    return parts


def make_notes(count: int, seed: int, *, deletes: bool = True) -> list[Note]:
    """Return changes of a few rows, some of them deletions."""
    dice = random.Random(seed)
    notes: list[Note] = []
    there = set[int]()
    for number in range(count):
        key = dice.randrange(12)
        if deletes and key in there and dice.random() < 0.3:
            notes.append((key, None))
            there.discard(key)
        else:
            notes.append((key, f"note {number} ü事'\"\\n"))
            there.add(key)
    return notes


def apply_notes(notes: Sequence[Note], state: dict[int, str] | None = None) -> dict[int, str]:
    """Return what rows there are after some changes."""
    made = dict(state or {})
    for key, note in notes:
        if note is None:
            made.pop(key, None)
        else:
            made[key] = note
    return made


def read_kept(lake: Lake, raw: Raw) -> dict[int, str]:
    """Return the rows that a stream is kept as, by key."""
    head = lake.head(f"stream/{raw.name}")
    if head is None:
        return {}
    present = dict(lake.get(head).tables)
    tables = {**present, **fold_pending(lake, present, raw)}
    if table_of(raw.name) not in tables:
        return {}
    rows: pl.DataFrame = live(lake.read(tables[table_of(raw.name)]))
    return dict(zip(rows["id"].to_list(), rows["note"].to_list(), strict=True))


def check_every_change_comes_once(make: Make) -> None:
    """Every change is given once, and then there is nothing more."""
    tap = make()
    begun = tap.start()
    notes = [(key, f"note {key}") for key in range(_STEPS)]
    tap.emit(notes)
    with closing(tap.open()) as source:
        records, end = drain(source, begun)
        assert len(records) == _STEPS
        assert len({(record.part, record.place) for record in records}) == _STEPS
        after = source.read(end, most=10, wait_s=0)
        assert after.drained
        assert after.records == []


def check_places_sort(make: Make) -> None:
    """Places of a part sort as its records come, and the position is that of the last."""
    tap = make()
    begun = tap.start()
    for seed in range(3):
        tap.emit(make_notes(20, seed, deletes=tap.deletes))
    with closing(tap.open()) as source:
        records, end = drain(source, begun, most=7)
    for part, given in by_part(records).items():
        places = [record.place for record in given]
        assert places == sorted(set(places))
        assert end[part] >= places[-1]


def check_the_same_comes_again(make: Make) -> None:
    """From a position that was kept, another process reads the same records at the same places."""
    tap = make()
    begun = tap.start()
    tap.emit(make_notes(_STEPS, 1, deletes=tap.deletes))
    with closing(tap.open()) as source:
        first, _ = drain(source, begun)
    with closing(tap.open()) as source:
        assert by_part(drain(source, begun, most=11)[0]) == by_part(first)


def check_every_position_goes_on(make: Make) -> None:
    """Whatever position a batch left, reading goes on behind it: with no gap, and nothing twice."""
    tap = make()
    position = tap.start()
    for seed in range(4):
        tap.emit(make_notes(6, seed, deletes=tap.deletes))
    marks: list[tuple[Position, int]] = [(position, 0)]
    whole: list[Record] = []
    with closing(tap.open()) as source:
        while True:
            batch = source.read(position, most=3, wait_s=0)
            whole += batch.records
            position = batch.position
            if batch.drained and not batch.records:
                break
            marks.append((position, len(whole)))
    assert len(whole) == 24
    for mark, taken in marks:
        with closing(tap.open()) as source:
            assert by_part(drain(source, mark)[0]) == by_part(whole[taken:])


def check_one_reader_goes_back(make: Make) -> None:
    """A reader that is asked for an earlier position gives what comes behind that one."""
    tap = make()
    begun = tap.start()
    tap.emit(make_notes(10, 5, deletes=tap.deletes))
    with closing(tap.open()) as source:
        first, _ = drain(source, begun)
        assert by_part(drain(source, begun)[0]) == by_part(first)


def check_what_is_not_acknowledged_stays(make: Make) -> None:
    """After a position was acknowledged, everything behind it can be read, and read again."""
    tap = make()
    begun = tap.start()
    tap.emit(make_notes(10, 6, deletes=tap.deletes))
    with closing(tap.open()) as source:
        _, middle = drain(source, begun)
        tap.emit(make_notes(10, 7, deletes=tap.deletes))
        rest, end = drain(source, middle)
        source.acknowledge(middle)
        source.acknowledge(middle)
    assert len(rest) == 10
    with closing(tap.open()) as source:
        assert by_part(drain(source, middle)[0]) == by_part(rest)
        source.acknowledge(end)
    tap.emit(make_notes(3, 8, deletes=tap.deletes))
    with closing(tap.open()) as source:
        assert len(drain(source, end)[0]) == 3


def check_kept_rows_are_those_of_the_source(make: Make) -> None:
    """What was there before and what changes meanwhile end in the rows of the source, wherever reading breaks off.

    Each change has its effect once: what was committed is not counted again by whoever goes on.
    """
    tap, lake, dice = make(), make_tables(), random.Random(11)
    emitted = make_notes(15, 9, deletes=tap.deletes)
    tap.emit(emitted)
    for seed in range(6):
        with closing(tap.open()) as source:
            sink = LakeSink(lake, tap.raw)
            consumer = Consumer(tap.raw, source, [Outlet(sink, 0.0, 5)], contract=None, tally=sink.tally)
            for _ in range(dice.randrange(1, 5)):
                consumer.step(wait_s=0)
            more = make_notes(9, 20 + seed, deletes=False)
            tap.emit(more)
            emitted += more
            if dice.random() < 0.5:
                consumer.step(wait_s=0)
        # What was read and not applied is lost with the reader, as in a crash.
    tally = finish(tap, lake)
    assert read_kept(lake, tap.raw) == apply_notes(emitted)
    if not tap.copies:
        assert tally == len(emitted)


def finish(tap: Tap, lake: Lake) -> int:
    """Take in everything there is, and return how many changes were ever counted."""
    with closing(tap.open()) as source:
        sink = LakeSink(lake, tap.raw)
        consumer = Consumer(tap.raw, source, [Outlet(sink, 0.0)], contract=None, tally=sink.tally)
        while consumer.step(wait_s=0) or not consumer.drained:
            pass
        consumer.flush()
    return consumer.tally.changes


def check_two_sinks_may_be_differently_far(make: Make) -> None:
    """A sink that is behind another is given what it lacks, and the other one nothing twice."""
    tap = make()
    lakes = (make_tables(), make_tables())
    notes = make_notes(12, 31, deletes=tap.deletes)
    tap.emit(notes)
    finish(tap, lakes[0])
    more = make_notes(9, 32, deletes=False)
    tap.emit(more)
    sinks = [LakeSink(lake, tap.raw) for lake in lakes]
    with closing(tap.open()) as source:
        consumer = Consumer(tap.raw, source, [Outlet(sink, 0.0) for sink in sinks], contract=None, tally=sinks[0].tally)
        while consumer.step(wait_s=0) or not consumer.drained:
            pass
        consumer.flush()
    expected: Mapping[int, str] = apply_notes([*notes, *more])
    assert [read_kept(lake, tap.raw) for lake in lakes] == [expected, expected]
    if not tap.copies:
        assert consumer.tally.changes == len(notes) + len(more)


CASES: Final[tuple[Case, ...]] = (
    check_every_change_comes_once,
    check_places_sort,
    check_the_same_comes_again,
    check_every_position_goes_on,
    check_one_reader_goes_back,
    check_what_is_not_acknowledged_stays,
    check_kept_rows_are_those_of_the_source,
    check_two_sinks_may_be_differently_far,
)
"""The cases every Changes passes."""
