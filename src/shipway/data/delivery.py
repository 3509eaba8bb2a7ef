"""Which rows of a table are new: those whose key the main branch has not. A correction is not a new row."""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.data.batch import Frame, Parts, read_batches, schema_of
from shipway.data.scan import Content
from shipway.data.spill import Tally, pair_parts

_ROW = "row:"


def split_rows(rows: Frame, main: Frame | None, key: Sequence[str], *, since: Frame | None = None) -> Content:
    """Return a table with the rows that the main branch does not have, by its key.

    Args:
        rows: all rows that the table would have.
        main: those that the main branch has; None where it has no such table, and all are new.
        key: the columns that identify a row.
        since: the only rows that can be new, such as those of files that the main branch has not; None for all.
    """
    if main is None:
        return Content(rows)
    delivery = Delivery(rows if since is None else since, main, list(key))
    return Content(rows, Parts(schema_of(rows), delivery.read), main)


class Delivery:
    """The new rows of a table: found out once, at the first pass over them, and remembered as a bit a row."""

    def __init__(self, rows: Frame, main: Frame, key: list[str]) -> None:
        """Look at rows beside those of the main branch; nothing is read yet."""
        self._rows = rows
        self._main = main
        self._key = key

    def read(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Yield the new rows, these of their columns, in batches."""
        start = 0
        for batch in read_batches(self._rows, columns):
            bits = np.unpackbits(self._new[start // 8 : (start + batch.height + 7) // 8], bitorder="little")
            yield batch.filter(pl.Series(bits[start % 8 :][: batch.height].astype(bool)))
            start += batch.height

    @cached_property
    def _new(self) -> NDArray[np.uint8]:
        types = schema_of(self._rows)
        mine, known = Tally(self._key, None), Tally(self._key)
        rows = 0
        for batch in read_batches(self._rows, self._key):
            places = pl.int_range(rows, rows + batch.height, dtype=pl.Int64, eager=True)
            mine.add(batch.with_columns(places.alias(_ROW)))
            rows += batch.height
        for batch in read_batches(self._main, self._key):
            known.add(batch.select(pl.col(name).cast(types[name]) for name in self._key).unique())
        bits = np.zeros((rows + 7) // 8, np.uint8)
        for here, there in pair_parts(mine, known):
            new = here.join(there, on=self._key, how="anti", nulls_equal=True)[_ROW].to_numpy()
            np.bitwise_or.at(bits, new >> 3, np.left_shift(1, new & 7).astype(np.uint8))
        return bits
