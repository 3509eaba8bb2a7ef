"""Records of a stream as changes of rows: JSON, envelopes of Debezium, and rows that their source decoded.

What cannot be read, or breaks the contract, is put aside with its bytes, its place and the reason; the others go on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

import msgspec
import polars as pl

from shipway.core.change import Record, Row, Shape
from shipway.core.contract import Contract, Field, first_contract
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.cast import dtype_of
from shipway.data.contract import check_columns, infer_contract
from shipway.data.envelope import Line, UnreadableError, open_envelope, open_plain
from shipway.data.kept import ABSENT, DELETED, POSITION, write_position
from shipway.data.landing import key_of
from shipway.data.quarantine import Delivery

DEAD: Final = {
    "part": pl.String(),
    "place": pl.String(),
    "event_us": pl.Int64(),
    "reason": pl.String(),
    "record": pl.Binary(),
}
"""Columns of the table of dead letters: where a record stands in its source, when it happened, what is against it, and
its bytes; a row that its source decoded is a JSON object of its columns."""

_META: Final = {POSITION: pl.String(), DELETED: pl.Boolean(), ABSENT: pl.List(pl.String)}
_NUMBER: Final = "\x00number"


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of the rows of a table.

    Attributes:
        rows: the columns of the contract, cast, with `POSITION`, `DELETED` and `ABSENT`, in the order they came.
        emptied: the position at which all rows went that were there before these; empty where none did.
    """

    rows: pl.DataFrame
    emptied: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What records came to.

    Attributes:
        changes: the changes, in order.
        dead: the records that were put aside, with the columns of `DEAD`.
        events: part of the source and instant of each record that says when it happened, in order.
    """

    changes: list[Changes]
    dead: pl.DataFrame
    events: list[tuple[str, int]]


@dataclass(slots=True)
class Decoder:
    """Turns the records of one raw input into changes.

    Attributes:
        raw: the input.
        contract: what its rows are held to; None until the first records say what they look like.
        learned: is told the contract that they say.
    """

    raw: Raw
    contract: Contract | None = None
    learned: Callable[[Contract], None] | None = None
    _dead: dict[int, tuple[str, str, int | None, str, bytes]] = field(default_factory=dict[int, Any])

    def decode(self, records: Sequence[Record]) -> Decoded:
        """Return what records came to.

        Raises:
            ShipwayError: SW-222 if a table has other columns than its contract says, SW-202 if its key or the column of
                the event is none of them.
        """
        self._dead = {}
        lines = list(self._open(records))
        events = [(each.part, each.event_us) for each in records if each.event_us is not None]
        changes: list[Changes] = []
        emptied = ""
        instants: dict[int, int] = {}
        for truncation, group in groupby(lines, key=lambda line: line.op == "t"):
            stretch = list(group)
            if truncation:
                emptied = stretch[-1].position
                continue
            rows = self._frame(stretch, records)
            if self.raw.event:
                instants |= _instants_of(rows, self.raw.event)
            changes.append(Changes(rows.drop(_NUMBER), emptied))
            emptied = ""
        if emptied and self.contract is not None:
            changes.append(Changes(self._empty().drop(_NUMBER), emptied))
        if self.raw.event:
            events = [(records[number].part, instants[number]) for number in sorted(instants)]
        dead = pl.DataFrame([self._dead[number] for number in sorted(self._dead)], schema=DEAD, orient="row")
        return Decoded([each for each in changes if each.rows.height or each.emptied], dead, events)

    def _open(self, records: Sequence[Record]) -> Iterator[Line]:
        debezium = self.raw.landing == "debezium"
        for number, record in enumerate(records):
            payload = record.payload
            if isinstance(payload, Row):
                gone = payload.op == "d"
                yield Line(number, payload.op, payload, record.place, () if gone else payload.absent)
                continue
            try:
                if debezium:
                    yield from open_envelope(number, payload, key_of(self.raw))
                else:
                    yield self._open_plain(number, payload, record.key)
            except UnreadableError as fault:
                self._put_aside(number, record, str(fault))

    def _open_plain(self, number: int, payload: bytes, key: bytes) -> Line:
        line = open_plain(number, payload, key)
        if line.op == "d" and self.raw.watermark:
            raise UnreadableError(
                f"it is a deletion without a {self.raw.watermark}, so nothing says what it is newer than"
            )
        return line

    def _put_aside(self, number: int, record: Record, reason: str) -> None:
        payload = record.payload
        if isinstance(payload, Row):
            named = dict(zip(payload.shape.columns, payload.values, strict=True))
            payload = msgspec.json.encode({"op": payload.op, "row": named})
        self._dead[number] = (record.part, record.place, record.event_us, reason, payload)

    def _frame(self, lines: Sequence[Line], records: Sequence[Record]) -> pl.DataFrame:
        """Return lines as rows that keep the contract, with the number of the record of each; puts the others aside."""
        frames: list[pl.DataFrame] = []
        for shape, group in groupby(lines, key=_shape_of):
            stretch = list(group)
            if self.contract is None:
                self.contract = self._learn(shape, stretch)
                if self.learned is not None:
                    self.learned(self.contract)
                self._check_names()
            contract = self.contract
            if shape is None:
                stretch = [line for line in stretch if self._is_known(line, contract, records)]
                data = _from_objects(stretch, list(contract.columns))
            else:
                data = _from_rows(stretch, shape)
                check_columns(contract, data, name=self.raw.name, sparse=True)
            if stretch:
                frames.append(self._sift(data, stretch, contract, records))
        return pl.concat(frames) if frames else self._empty()

    def _sift(
        self, data: pl.DataFrame, lines: Sequence[Line], contract: Contract, records: Sequence[Record]
    ) -> pl.DataFrame:
        gone = pl.Series(DELETED, [line.op == "d" for line in lines], dtype=pl.Boolean)
        numbers = pl.Series(_NUMBER, [line.number for line in lines], dtype=pl.Int64)
        marked = data.with_columns(
            pl.Series(POSITION, [line.position for line in lines], dtype=pl.String),
            gone,
            _write_absent(lines),
            numbers,
        )
        sifted = Delivery(contract, key_of(self.raw), "", unique=False).sift(marked, numbers=numbers, partial=gone)
        numbered: list[int] = sifted.refused["row"].to_list()
        for number, rule in zip(numbered, sifted.refused["rule"].to_list(), strict=True):
            self._put_aside(number, records[number], rule)
        good = sifted.good
        if self.raw.watermark:
            good = good.with_columns(write_position(good[self.raw.watermark]).alias(POSITION))
        return good.select(*contract.columns, *_META, _NUMBER)

    def _is_known(self, line: Line, contract: Contract, records: Sequence[Record]) -> bool:
        """Tell whether an object has no other columns than the contract; puts its record aside where it has."""
        data = line.data
        strange = [] if isinstance(data, Row) else [name for name in data if name not in contract.columns]
        if strange:
            said = ", ".join(strange[:4]) + (" ..." if len(strange) > 4 else "")
            self._put_aside(line.number, records[line.number], f"the contract has no column {said}")
        return not strange

    def _learn(self, shape: Shape | None, lines: Sequence[Line]) -> Contract:
        """Return what the first rows look like; all but the key may be missing, since more is to come."""
        if shape is not None:
            kinds = dict(zip(shape.columns, shape.kinds, strict=True))
            found = {name: Field(type="Binary" if kind == "bytes" else kind) for name, kind in kinds.items()}
        else:
            whole = [line for line in lines if line.op != "d"]
            names = dict.fromkeys(name for line in whole if not isinstance(line.data, Row) for name in line.data)
            found = infer_contract([_from_objects(whole, list(names))]).columns
        if not found:
            raise ShipwayError("SW-204", f"{self.raw.uri} has no rows", "check that whatever writes it has begun")
        key = key_of(self.raw)
        loose = {name: msgspec.structs.replace(each, nullable=name not in key) for name, each in found.items()}
        return first_contract(Contract(columns=loose))

    def _check_names(self) -> None:
        contract = self.contract
        assert contract is not None
        for name in (*key_of(self.raw), *filter(None, (self.raw.watermark, self.raw.event))):
            if name not in contract.columns:
                hint = f"name a column it has in [raw.{self.raw.name}]: {', '.join(list(contract.columns)[:8])}"
                raise ShipwayError("SW-202", f"raw input {self.raw.name!r} has no column {name!r}", hint)

    def _empty(self) -> pl.DataFrame:
        columns: Mapping[str, Field] = {} if self.contract is None else self.contract.columns
        types = {name: dtype_of(each, _exact(each)) for name, each in columns.items()}
        return pl.DataFrame(schema={**types, **_META, _NUMBER: pl.Int64()})


def _exact(rule: Field) -> pl.DataType:
    return pl.Binary() if rule.type == "Binary" else pl.String()


def _write_absent(lines: Sequence[Line]) -> pl.Series:
    """Return which columns each change leaves out, without a series of its own for each."""
    names = pl.Series(ABSENT, ["\x00".join(line.absent) for line in lines], dtype=pl.String)
    none = pl.lit([], dtype=pl.List(pl.String))
    split = pl.when(pl.col(ABSENT) != "").then(pl.col(ABSENT).str.split("\x00")).otherwise(none)
    return names.to_frame().select(split.alias(ABSENT)).to_series()


def _shape_of(line: Line) -> Shape | None:
    return line.data.shape if isinstance(line.data, Row) else None


def _from_objects(lines: Sequence[Line], columns: Sequence[str]) -> pl.DataFrame:
    """Return objects as columns; one whose values do not fit together is text, for the contract to judge each."""
    objects: list[Mapping[str, Any]] = [line.data for line in lines if not isinstance(line.data, Row)]
    return pl.DataFrame([_column(name, [each.get(name) for each in objects]) for name in columns])


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, [None] * len(values), dtype=pl.Null)
    if kinds <= {int, float} or (len(kinds) == 1 and kinds <= {str, bool}):
        try:
            return pl.Series(name, [float(each) for each in values] if kinds == {int, float} else values)
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            pass
    texts = [each if each is None or isinstance(each, str) else msgspec.json.encode(each).decode() for each in values]
    return pl.Series(name, texts, dtype=pl.String)


def _from_rows(lines: Sequence[Line], shape: Shape) -> pl.DataFrame:
    """Return rows that a source decoded as typed columns."""
    table = [line.data.values for line in lines if isinstance(line.data, Row)]
    columns = zip(*table, strict=True)
    made: list[pl.Series] = []
    for name, kind, values in zip(shape.columns, shape.kinds, columns, strict=True):
        text = pl.Series(name, values, dtype=pl.String)
        match kind:
            case "int":
                made.append(text.cast(pl.Int64))
            case "float":
                made.append(text.cast(pl.Float64))
            case "bool":
                made.append(text == "t")
            case "bytes":
                made.append(text.str.slice(2).str.decode("hex"))
            case _:
                made.append(text)
    return pl.DataFrame(made)


def _instants_of(rows: pl.DataFrame, column: str) -> dict[int, int]:
    """Return record number to instant of the rows that have one."""
    dtype = rows.schema[column]
    if dtype != pl.Datetime("us", "UTC"):
        fact = f"event {column!r} is {dtype}, which says no instant"
        raise ShipwayError("SW-222", fact, 'make it type = "instant" in the contract')
    there = rows.filter(pl.col(column).is_not_null() & ~pl.col(DELETED))
    return dict(zip(there[_NUMBER].to_list(), there[column].to_physical().to_list(), strict=True))
