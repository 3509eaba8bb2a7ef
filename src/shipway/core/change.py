"""Changes of raw inputs as streams give them: records at places of a source, and how far a source was read."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from shipway.kit.canonical import canonical_json

Position: TypeAlias = Mapping[str, str]
"""How far a source was read: each of its parts to the place of the last record taken from it.

Parts are what a source keeps an order within: the partitions of a topic, the files of a folder, a database as a whole.
Places are text that sorts as the records of a part come.
"""

Operation: TypeAlias = Literal["c", "u", "d", "r", "t"]
"""A row was created, updated, deleted, read as it is, or all rows of the table went: the letters of Debezium."""

START: Final[Position] = {}
"""The position of a source that nothing was taken from."""

PLACE_DIGITS: Final = 20
"""How many digits a number has in a place, so that text sorts as the numbers do."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The columns of rows that a source gives decoded.

    Attributes:
        table: the table they are of, as people call it.
        columns: their names, in order.
        kinds: what each is: a type of contracts, or `bytes` for hexadecimal digits as PostgreSQL
            writes them.
    """

    table: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]


class Row(msgspec.Struct, frozen=True, gc=False):
    """A change that a source gives decoded; no cycle goes through one, so the collector need not look at millions.

    Attributes:
        shape: the columns.
        op: what happened.
        values: the value of each column as text, None for none; of a deletion only those of the key count.
        absent: columns whose values the change leaves as they were; None stands in their place.
    """

    shape: Shape
    op: Operation
    values: Sequence[str | None]
    absent: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, gc=False):
    """What a source gives at one place; like its row, it is no part of a cycle.

    Attributes:
        part: the part of the source that it comes from.
        place: where in that part; reading goes on behind it.
        payload: its bytes as they were sent, or a row that is decoded already.
        event_us: when it happened as far as the source says, microseconds since 1970 UTC.
        key: what it was sent under, for sources that say a deletion by a key without a payload.
    """

    part: str
    place: str
    payload: bytes | Row
    event_us: int | None = None
    key: bytes = b""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading of a source gave.

    Attributes:
        records: in the order in which they count.
        position: where the source stands behind them.
        anew: whether the table begins again with them, and what was taken before is void.
        partial: whether they are a piece of a copy that only counts once it is whole: nobody is to see them before, and
            what was taken of it is void if it breaks off.
        drained: whether everything was given that was there when the reading began.
        open: the parts that more may come from side by side; the one that is read where empty.
        clock_us: an instant before which nothing more will happen as the source says; None where it says nothing.
    """

    records: list[Record]
    position: Position
    anew: bool = False
    partial: bool = False
    drained: bool = False
    open: tuple[str, ...] = ()
    clock_us: int | None = None


def write_place(number: int) -> str:
    """Return a number as text that sorts as numbers of up to twenty digits do."""
    return f"{number:020d}"


def covers(position: Position, record: Record) -> bool:
    """Tell whether a record was taken by whoever is at a position."""
    return record.place <= position.get(record.part, "")


def reaches(position: Position, other: Position) -> bool:
    """Tell whether a position is nowhere behind another."""
    return all(place <= position.get(part, "") for part, place in other.items())


def least(positions: Iterable[Position]) -> Position:
    """Return the furthest position that none of these is behind."""
    found = list(positions)
    if not found:
        return START
    shared = set(found[0]).intersection(*found[1:])
    return {part: min(position[part] for position in found) for part in sorted(shared)}


def write_position(position: Position) -> bytes:
    """Return a position as sinks keep it."""
    return canonical_json(dict(position))


def read_position(body: bytes | None) -> Position:
    """Return the position that a sink kept; the start where it kept none."""
    return msgspec.json.decode(body, type=dict[str, str]) if body else START
