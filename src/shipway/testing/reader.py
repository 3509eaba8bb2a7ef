"""The conformance suite of the port Reader."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
import polars as pl
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.core.raw import START, Cursor, Piece, Raw, advance
from shipway.ports.reader import Reader
from shipway.testing.refusal import expect_refusal

_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Shelf:
    """A reader, and one input that the suite may fill and spoil.

    Attributes:
        reader: what is tested.
        raw: the input; nothing is behind its address at first.
        put: puts a frame behind the address, in place of what was there.
        cut: takes away the latter half of what is there, in the middle of a row; None where nobody can.
        remove: takes away all of it.
        ordered: whether rows come in the order in which they were put.
    """

    reader: Reader
    raw: Raw
    put: Callable[[pl.DataFrame], None]
    cut: Callable[[], None] | None
    remove: Callable[[], None]
    ordered: bool = True

    def pieces(self, since: Cursor = START) -> list[Piece]:
        """Return what there is to take in."""
        return self.reader.pieces(self.raw, since)

    def read(self, piece: Piece) -> list[pl.DataFrame]:
        """Return the batches of a piece."""
        return list(self.reader.read(self.raw, piece))

    def whole(self) -> pl.DataFrame:
        """Return all rows of all pieces, in an order that can be compared."""
        return self.sort(pl.concat(batch for piece in self.pieces() for batch in self.read(piece)))

    def sort(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return rows by their number where the reader promises no order."""
        return frame if self.ordered else frame.sort("id")


Make = Callable[[], Shelf]
"""Makes a shelf with nothing on it."""

Case = Callable[[Make], None]


def make_frame(rows: int = _ROWS) -> pl.DataFrame:
    """Return a frame with nulls, text of several scripts, and a column that shows in its last row what type it has."""
    number = pl.int_range(rows, eager=True)
    return pl.DataFrame(
        {
            "id": number,
            "price": [1.0] * (rows - 1) + [2.5] * min(rows, 1),
            "code": ["JFK, New York", 'said "no"', None, "Zürich 事", "line\nbreak"] * (rows // 5),
            "maybe": [None if n % 3 else n for n in range(rows)],
        },
        schema={"id": pl.Int64, "price": pl.Float64, "code": pl.String, "maybe": pl.Int64},
    )


def check_read_returns_every_row(make: Make) -> None:
    """Rows come back all, in order, with their types and nulls, as often as they are asked for."""
    shelf, frame = make(), make_frame()
    shelf.put(frame)
    for _ in range(2):
        assert_frame_equal(shelf.whole(), frame)


def check_batches_have_one_schema(make: Make) -> None:
    """Whatever is in them, the batches of a piece can be put together as they are."""
    shelf = make()
    shelf.put(make_frame())
    for piece in shelf.pieces():
        assert len({str(batch.schema) for batch in shelf.read(piece)}) == 1


def check_read_sees_new_content(make: Make) -> None:
    """What is put behind the address later is what is read later."""
    shelf = make()
    for rows in (10, 20, 5):
        shelf.put(make_frame(rows))
        assert_frame_equal(shelf.whole(), make_frame(rows))


def check_fingerprints_follow_the_content(make: Make) -> None:
    """A fingerprint changes with one value, and stays where nothing changes."""
    shelf, frame = make(), make_frame(10)
    shelf.put(frame)
    first = _prints(shelf)
    assert len(first) == 1
    shelf.whole()
    assert _prints(shelf) == first
    shelf.put(_change(frame, 9))
    assert _prints(shelf) != first


def check_a_piece_that_changed_is_refused(make: Make) -> None:
    """What was named is read as it was named, or not at all."""
    shelf = make()
    shelf.put(make_frame(10))
    (piece,) = shelf.pieces()
    before = pl.concat(shelf.read(piece))
    shelf.put(_change(make_frame(10), 4))
    again = _read_or_refuse(shelf, piece)
    # A source that keeps its versions can still read the one that was named.
    assert again is None or again.equals(before)


def check_missing_is_refused(make: Make) -> None:
    """Where nothing is, or is no longer, both methods say so."""
    shelf = make()
    with expect_refusal("SW-201"):
        shelf.pieces()
    shelf.put(make_frame(10))
    (piece,) = shelf.pieces()
    shelf.remove()
    with expect_refusal("SW-201"):
        shelf.pieces()
    with expect_refusal("SW-201"):
        shelf.read(piece)


def check_no_rows_are_no_rows(make: Make) -> None:
    """An input without rows gives none, and is no damage."""
    shelf = make()
    shelf.put(make_frame(0))
    assert sum(batch.height for piece in shelf.pieces() for batch in shelf.read(piece)) == 0


def check_half_an_input_is_refused(make: Make) -> None:
    """An input that was cut is never a shorter frame; whole again, it is read again."""
    shelf = make()
    if shelf.cut is None:
        return
    shelf.put(make_frame())
    shelf.cut()
    with expect_refusal("SW-201"):
        for piece in shelf.pieces():
            shelf.read(piece)
    shelf.put(make_frame())
    assert shelf.whole().height == _ROWS


def _change(frame: pl.DataFrame, number: int) -> pl.DataFrame:
    return frame.with_columns(maybe=pl.when(pl.col("id") == number).then(8).otherwise("maybe"))


def _read_or_refuse(shelf: Shelf, piece: Piece) -> pl.DataFrame | None:
    """Return a piece's rows, None where it is refused as it should be."""
    try:
        return pl.concat(shelf.read(piece))
    except ShipwayError as refused:
        if refused.code == "SW-201":
            return None
        raise


def _prints(shelf: Shelf) -> list[str]:
    return [piece.fingerprint for piece in shelf.pieces()]


CASES: Final[tuple[Case, ...]] = (
    check_read_returns_every_row,
    check_batches_have_one_schema,
    check_read_sees_new_content,
    check_fingerprints_follow_the_content,
    check_a_piece_that_changed_is_refused,
    check_missing_is_refused,
    check_no_rows_are_no_rows,
    check_half_an_input_is_refused,
)
"""The cases every Reader passes. What a format can do wrong is for the adapter's own tests."""


def _marked(make: Make) -> Shelf:
    shelf = make()
    raw = msgspec.structs.replace(shelf.raw, watermark="id", key=("id",))
    return Shelf(shelf.reader, raw, shelf.put, shelf.cut, shelf.remove, ordered=False)


def _drain(shelf: Shelf, cursor: Cursor) -> tuple[Cursor, pl.DataFrame]:
    """Take in what is new, and return how far that is and the rows."""
    batches = [make_frame(0)]
    for piece in shelf.pieces(cursor):
        batches += shelf.read(piece)
        cursor = advance(cursor, piece)
    return cursor, pl.concat(batches).sort("id")


def check_marks_read_what_is_new(make: Make) -> None:
    """From a mark on, rows at it and above it are read, and nothing where nothing is new."""
    shelf = _marked(make)
    shelf.put(make_frame(20))
    cursor, first = _drain(shelf, START)
    assert_frame_equal(first, make_frame(20))
    assert shelf.pieces(cursor) == []
    shelf.put(pl.concat([make_frame(20), make_frame(50).tail(30)]))
    later, rest = _drain(shelf, cursor)
    assert_frame_equal(rest.filter(pl.col("id") >= 20), make_frame(50).tail(30))
    assert rest["id"].min() in (19, 20)
    assert shelf.pieces(later) == []
    assert later != cursor


def check_marks_see_another_row_at_the_mark(make: Make) -> None:
    """A row that comes later with the newest value of the mark is read."""
    shelf = _marked(make)
    shelf.put(make_frame(20))
    cursor, _ = _drain(shelf, START)
    late = make_frame(20).tail(1).with_columns(code=pl.lit("late"))
    shelf.put(pl.concat([make_frame(20), late]))
    later, rest = _drain(shelf, cursor)
    assert "late" in rest["code"].to_list()
    assert shelf.pieces(later) == []


def check_a_marked_piece_reads_the_same_again(make: Make) -> None:
    """A reading that was cut off is done again with the same result."""
    shelf = _marked(make)
    shelf.put(make_frame(200))
    (first, *_) = shelf.pieces()
    assert_frame_equal(pl.concat(shelf.read(first)).sort("id"), pl.concat(shelf.read(first)).sort("id"))
    assert shelf.pieces()[0] == first


MARKED: Final[tuple[Case, ...]] = (
    check_marks_read_what_is_new,
    check_marks_see_another_row_at_the_mark,
    check_a_marked_piece_reads_the_same_again,
)
"""The cases of a Reader that reads tables by a watermark."""
