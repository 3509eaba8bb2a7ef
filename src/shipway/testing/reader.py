"""The conformance suite of the port Reader."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import polars as pl
from polars.testing import assert_frame_equal

from shipway.ports.reader import Reader
from shipway.testing.refusal import expect_refusal

_ROWS: Final = 5_000


@dataclass(frozen=True, slots=True)
class Shelf:
    """A reader, and one address that the suite may fill and spoil.

    Attributes:
        reader: what is tested.
        uri: the address; nothing is there at first.
        put: puts a frame behind the address, in place of what was there.
        cut: takes away the latter half of what is there, in the middle of a row.
        remove: takes away all of it.
    """

    reader: Reader
    uri: str
    put: Callable[[pl.DataFrame], None]
    cut: Callable[[], None]
    remove: Callable[[], None]


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
        assert_frame_equal(shelf.reader.read(shelf.uri), frame)


def check_read_sees_new_content(make: Make) -> None:
    """What is put behind the address later is what is read later."""
    shelf = make()
    for rows in (10, 20, 5):
        shelf.put(make_frame(rows))
        assert_frame_equal(shelf.reader.read(shelf.uri), make_frame(rows))


def check_fingerprint_follows_the_content(make: Make) -> None:
    """The fingerprint changes with one value, changes back with it, and stays where nothing changes."""
    shelf, frame = make(), make_frame(10)
    changed = frame.with_columns(maybe=pl.when(pl.col("id") == 9).then(8).otherwise("maybe"))
    shelf.put(frame)
    first = shelf.reader.fingerprint(shelf.uri)
    shelf.reader.read(shelf.uri)
    assert shelf.reader.fingerprint(shelf.uri) == first
    shelf.put(changed)
    assert shelf.reader.fingerprint(shelf.uri) != first
    shelf.put(frame)
    assert shelf.reader.fingerprint(shelf.uri) == first


def check_missing_is_refused(make: Make) -> None:
    """Where nothing is, or is no longer, both methods say so."""
    shelf = make()
    for _ in range(2):
        with expect_refusal("SW-201"):
            shelf.reader.read(shelf.uri)
        with expect_refusal("SW-201"):
            shelf.reader.fingerprint(shelf.uri)
        shelf.put(make_frame(10))
        shelf.remove()


def check_no_rows_are_refused(make: Make) -> None:
    """An input without rows is no table."""
    shelf = make()
    shelf.put(make_frame(0))
    with expect_refusal("SW-204"):
        shelf.reader.read(shelf.uri)


def check_half_an_input_is_refused(make: Make) -> None:
    """An input that was cut is never a shorter frame; whole again, it is read again."""
    shelf = make()
    shelf.put(make_frame())
    whole = shelf.reader.fingerprint(shelf.uri)
    shelf.cut()
    with expect_refusal("SW-201"):
        shelf.reader.read(shelf.uri)
    assert shelf.reader.fingerprint(shelf.uri) != whole
    shelf.put(make_frame())
    assert shelf.reader.read(shelf.uri).height == _ROWS


CASES: Final[tuple[Case, ...]] = (
    check_read_returns_every_row,
    check_read_sees_new_content,
    check_fingerprint_follows_the_content,
    check_missing_is_refused,
    check_no_rows_are_refused,
    check_half_an_input_is_refused,
)
"""The cases every Reader passes. What a format can do wrong is for the adapter's own tests."""
