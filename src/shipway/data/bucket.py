"""Buckets: rows of a table on disk, cut so that one bucket after the other is looked at whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.data.column import vector_of
from shipway.data.newest import read_keys
from shipway.maths.instant import AnyInts


class Buckets:
    """Rows in numbered buckets, each in the order in which they came."""

    def __init__(self, folder: Path, count: int, held_bytes: int) -> None:
        """Begin with empty buckets.

        Args:
            folder: where they lie; made here, and whoever made it removes it.
            count: how many there are.
            held_bytes: how much is in memory before it is put on disk.
        """
        folder.mkdir(parents=True)
        self.count = count
        self._folder = folder
        self._limit = held_bytes
        self._held: list[list[pl.DataFrame]] = [[] for _ in range(count)]
        self._bytes = 0
        self._files = 0

    def add(self, rows: pl.DataFrame, numbers: AnyInts) -> None:
        """Add rows, each to the bucket of its number."""
        if not rows.height:
            return
        order = np.argsort(numbers, kind="stable")
        sorted_rows = rows[order] if self.count > 1 else rows
        ends = np.searchsorted(numbers[order], np.arange(self.count), side="right")
        begin = 0
        for number, end in enumerate(ends.tolist()):
            if end > begin:
                self._held[number].append(sorted_rows.slice(begin, end - begin))
            begin = end
        self._bytes += int(rows.estimated_size())
        if self._bytes > self._limit:
            self.flush()

    def flush(self) -> None:
        """Put what is held on disk."""
        for number, held in enumerate(self._held):
            if held:
                pl.concat(held).write_ipc(self._folder / f"{number}-{self._files}", compression="lz4")
        self._held = [[] for _ in range(self.count)]
        self._bytes = 0
        self._files += 1

    def read(self, number: int) -> pl.DataFrame | None:
        """Return the rows of a bucket that was flushed; None if it has none."""
        return read_bucket(self._folder, number)


def read_bucket(folder: Path, number: int) -> pl.DataFrame | None:
    """Return the rows of a bucket in a folder, as any process may; None if it has none."""
    parts = list(_read_parts(folder, number))
    return pl.concat(parts) if parts else None


def _read_parts(folder: Path, number: int) -> Iterator[pl.DataFrame]:
    paths = sorted(folder.glob(f"{number}-*"), key=lambda path: int(path.name.partition("-")[2]))
    for path in paths:
        yield pl.read_ipc(path)


def number_entities(rows: pl.DataFrame, table: str, keys: tuple[str, ...], count: int) -> NDArray[np.int64]:
    """Return which of so many buckets each row belongs to: rows of equal keys to one, whatever table they are of.

    Raises:
        ShipwayError: SW-202 for a key that the table lacks, SW-203 for one of a type that no feature can read.
    """
    if not keys or count == 1:
        return np.zeros(rows.height, dtype=np.int64)
    columns = read_keys(rows, table, keys)
    for column in columns:
        if column.dtype == pl.Float64:
            # Zero has two forms, and both are one key.
            vector = vector_of(column)
            columns = columns.with_columns(pl.Series(column.name, vector.values + 0.0).fill_nan(None))
    hashes = columns.select(pl.struct(pl.all()).hash(7)).to_series().to_numpy()
    return (hashes % np.uint64(count)).astype(np.int64)
