"""A table that is asked again and again for what is new by its watermark, as a stream of changes.

What a look brings is one piece, committed once it is whole. The next look begins at the newest value and not behind it,
because more rows may share it; that such rows come twice changes nothing, since the watermark decides which row counts.
"""

import time
from collections.abc import Iterator
from typing import Final

import polars as pl

from shipway.core.change import START, Batch, Position, Record, Row, Shape, write_place
from shipway.core.raw import Cursor, Piece, Raw
from shipway.data.cast import kind_of
from shipway.data.embedding import may_embed, write_lists
from shipway.data.kept import write_position
from shipway.ports.reader import Reader

PAUSE_S: Final = 1.0
"""How long a table is left alone between two looks."""

_PART: Final = "table"
_PIECE: Final = "piece"
_WITHIN: Final = "~"
_UNTIL: Final = " "
_MOMENT: Final = "%Y-%m-%d %H:%M:%S%.6f"


class Polling:
    """Follows a table by its watermark; it answers the port `Changes` for rows that are not deleted.

    The place of a row is the value of its watermark. A position stands before the rows that have its value, and carries
    the reader's mark.
    """

    def __init__(self, raw: Raw, reader: Reader) -> None:
        """Follow a table.

        Args:
            raw: the input, which has a watermark.
            reader: what reads it.
        """
        self._raw = raw
        self._reader = reader
        self._frames: Iterator[pl.DataFrame] | None = None
        self._piece: Piece | None = None
        self._at: Position = START
        self._newest = ""
        self._count = 0

    def read(self, after: Position, *, most: int, wait_s: float) -> Batch:
        """Return the next rows of a piece, or begin one where something is new.

        Raises:
            ShipwayError: as the reader does.
        """
        del most  # the reader says how many rows it gives at once
        if self._frames is None or after != self._at:
            piece = self._find(after, wait_s)
            if piece is None:
                return Batch(records=[], position=after, drained=True)
            self._piece, self._frames, self._newest = piece, self._reader.read(self._raw, piece), ""
        frame = next(self._frames, None)
        if frame is None:
            self._frames = None
            assert self._piece is not None
            return Batch(records=[], position={_PART: f"{self._newest}{_UNTIL}{self._piece.mark}"})
        records = self._records(frame)
        self._newest = max(self._newest, *(record.place.removesuffix(_WITHIN) for record in records), "")
        self._count += 1
        self._at = {_PIECE: write_place(self._count)}
        return Batch(records=records, position=self._at, partial=True)

    def acknowledge(self, position: Position) -> None:
        """Do nothing: a table keeps its rows."""

    def close(self) -> None:
        """Let go of a piece that was begun."""
        self._frames = self._piece = None

    def _find(self, after: Position, wait_s: float) -> Piece | None:
        """Return what is new, None if nothing comes within a while; a piece that broke off is looked for from START."""
        mark = after.get(_PART, "").partition(_UNTIL)[2]
        give_up = time.monotonic() + wait_s
        while True:
            pieces = self._reader.pieces(self._raw, Cursor(mark=mark))
            if pieces:
                return pieces[0]
            left_s = give_up - time.monotonic()
            if left_s <= 0:
                return None
            time.sleep(min(PAUSE_S, left_s))

    def _records(self, frame: pl.DataFrame) -> list[Record]:
        table = self._raw.table or self._raw.name
        kinds = {name: _KINDS.get(kind_of(dtype), "text") for name, dtype in frame.schema.items()}
        kinds |= {name: "bytes" for name, dtype in frame.schema.items() if dtype == pl.Binary}
        shape = Shape(table=table, columns=tuple(kinds), kinds=tuple(kinds.values()))
        texts = frame.select(_write(name, dtype) for name, dtype in frame.schema.items())
        places: list[str] = write_position(frame[self._raw.watermark]).to_list()
        return [
            Record(_PART, place + _WITHIN, Row(shape, "u", row))
            for place, row in zip(places, texts.iter_rows(), strict=True)
        ]


_KINDS: Final = {kind: kind for kind in ("int", "float", "bool", "instant", "local", "date")} | {"decimal": "float"}


def _write(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as the text that rows are given in."""
    column = pl.col(name)
    if dtype == pl.Boolean:
        return pl.when(column).then(pl.lit("t")).when(~column).then(pl.lit("f")).alias(name)
    if dtype == pl.Binary:
        return pl.concat_str(pl.lit("\\x"), column.bin.encode("hex")).alias(name)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            return column.dt.strftime(_MOMENT)
        return column.dt.convert_time_zone("UTC").dt.strftime(_MOMENT + "Z")
    if may_embed(dtype):
        return write_lists(column.arr.to_list() if isinstance(dtype, pl.Array) else column).alias(name)
    if dtype.is_nested():
        return pl.struct(column).struct.json_encode().alias(name)
    return column.cast(pl.String)
