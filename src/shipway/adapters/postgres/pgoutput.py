"""The messages of PostgreSQL's pgoutput, decoded.

Formats: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html, protocol version 1, values as
text. A change of a key is a deletion and a new row, and a long value that an update left alone is marked as absent.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from shipway.core.change import Row, Shape
from shipway.core.error import ShipwayError

EPOCH_US: Final = 946_684_800_000_000
"""The instant that PostgreSQL counts from, 2000-01-01, in microseconds since 1970 UTC."""

KINDS: Final[Mapping[int, str]] = {
    16: "bool",
    17: "bytes",
    20: "int",
    21: "int",
    23: "int",
    26: "int",
    700: "float",
    701: "float",
    1082: "date",
    1114: "local",
    1184: "instant",
    1700: "float",
}
"""Object identifier of a type to what a contract calls it; every other type is text."""

_BEGIN: Final = struct.Struct(">qqi")
_COMMIT: Final = struct.Struct(">bqqq")
_NUMBER: Final = struct.Struct(">i")
_SHORT: Final = struct.Struct(">h")
_TRUNCATE: Final = struct.Struct(">ib")
_TEXT: Final = ord("t")
_LEFT: Final = ord("u")

_Values: TypeAlias = list[str | None]


class Begin(NamedTuple):
    """A transaction begins.

    Attributes:
        lsn: where in the log it commits.
        at_us: when it committed, microseconds since 1970 UTC.
    """

    lsn: int
    at_us: int


class Commit(NamedTuple):
    """A transaction ends.

    Attributes:
        end: where in the log the next one may commit at the earliest.
    """

    end: int


class Relation(NamedTuple):
    """A table as its next changes show it.

    Attributes:
        shape: its columns.
        identity: names and places of the columns by which a deletion says which row is meant.
    """

    shape: Shape
    identity: tuple[tuple[str, int], ...]


Message: TypeAlias = Begin | Commit | Row


class Decoder:
    """Decodes the messages of one connection, which says of each table once what its columns are."""

    def __init__(self, key: Sequence[str]) -> None:
        """Decode changes of a table.

        Args:
            key: the columns that name a row; a change of their values is two changes.
        """
        self._key = key
        self._relations: dict[int, Relation] = {}

    def decode(self, body: bytes) -> Sequence[Message]:
        """Return what a message says: nothing, the edge of a transaction, or the changes of a row.

        Raises:
            ShipwayError: SW-201 for a message of another protocol, SW-222 if a deletion does not say the key.
        """
        match body[:1]:
            case b"I":
                relation = self._relations[_NUMBER.unpack_from(body, 1)[0]]
                values, _, _ = _read_tuple(body, 6)
                return (Row(relation.shape, "c", values),)
            case b"U":
                return self._update(body)
            case b"D":
                relation = self._relations[_NUMBER.unpack_from(body, 1)[0]]
                return (self._deletion(relation, _read_tuple(body, 6)[0]),)
            case b"B":
                lsn, at, _ = _BEGIN.unpack_from(body, 1)
                return (Begin(lsn, at + EPOCH_US),)
            case b"C":
                return (Commit(_COMMIT.unpack_from(body, 1)[2]),)
            case b"R":
                self._learn(body)
                return ()
            case b"T":
                many, _ = _TRUNCATE.unpack_from(body, 1)
                numbers = [_NUMBER.unpack_from(body, 6 + 4 * place)[0] for place in range(many)]
                return [Row(self._relations[number].shape, "t", ()) for number in numbers]
            case b"O" | b"Y" | b"M":
                return ()
            case kind:
                fact = f"PostgreSQL sent a message {kind!r}, which is none of pgoutput's first version"
                raise ShipwayError("SW-201", fact, "give the stream a publication of its own: consumer = ...")

    def _learn(self, body: bytes) -> None:
        number, relation = _read_relation(body)
        # Sent again for the same columns, it is the same shape, by which rows are put together.
        if self._relations.get(number) != relation:
            self._relations[number] = relation

    def _update(self, body: bytes) -> list[Row]:
        relation = self._relations[_NUMBER.unpack_from(body, 1)[0]]
        kind, place = body[5:6], 5
        before: _Values | None = None
        if kind in (b"K", b"O"):
            before, _, place = _read_tuple(body, 6)
        after, left, _ = _read_tuple(body, place + 1)
        rows: list[Row] = []
        if before is not None:
            if kind == b"O":
                # Where the whole row before is known, so is what was left alone.
                for column in left:
                    after[column] = before[column]
                left = []
            if any(before[at] != after[at] for name, at in relation.identity if name in self._key):
                rows.append(self._deletion(relation, before))
        columns = relation.shape.columns
        return [*rows, Row(relation.shape, "u", after, tuple(columns[column] for column in left))]

    def _deletion(self, relation: Relation, values: _Values) -> Row:
        if not set(self._key) <= {name for name, _ in relation.identity}:
            table = relation.shape.table
            raise ShipwayError(
                "SW-222",
                f"a row of {table} was deleted, and what is sent of it does not say its key ({', '.join(self._key)})",
                f"ALTER TABLE {table} REPLICA IDENTITY FULL, then begin the stream anew",
            )
        return Row(relation.shape, "d", values)


def _read_tuple(body: bytes, place: int) -> tuple[_Values, list[int], int]:
    """Return the values of a row, the places of columns that were left alone, and where the row ends."""
    (many,) = _SHORT.unpack_from(body, place)
    place += 2
    values: _Values = []
    left: list[int] = []
    add, unpack = values.append, _NUMBER.unpack_from
    for column in range(many):
        kind = body[place]
        if kind == _TEXT:
            start = place + 5
            place = start + unpack(body, place + 1)[0]
            add(str(body[start:place], "utf-8"))
            continue
        if kind == _LEFT:
            left.append(column)
        add(None)
        place += 1
    return values, left, place


def _read_relation(body: bytes) -> tuple[int, Relation]:
    (number,) = _NUMBER.unpack_from(body, 1)
    schema, table, rest = body[5:].split(b"\0", 2)
    full = rest[:1] == b"f"
    (many,) = _SHORT.unpack_from(rest, 1)
    rest = rest[3:]
    names: list[str] = []
    kinds: list[str] = []
    identity: list[tuple[str, int]] = []
    for place in range(many):
        name, tail = rest[1:].split(b"\0", 1)
        names.append(name.decode())
        kinds.append(KINDS.get(_NUMBER.unpack_from(tail, 0)[0], "text"))
        if full or rest[0] & 1:
            identity.append((names[-1], place))
        rest = tail[8:]
    shape = Shape(table=f"{schema.decode() or 'pg_catalog'}.{table.decode()}", columns=tuple(names), kinds=tuple(kinds))
    return number, Relation(shape, tuple(identity))
