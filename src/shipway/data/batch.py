"""Rows of a table a batch at a time, so that what is held does not grow with the table.

Batches are counted from a table's first row, whatever files or chunks it comes in. So what is computed of them is the
same to the last bit however the rows are split, sums of floats too.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl
from polars.exceptions import PolarsError

BATCH_ROWS: Final = 1 << 15
"""How many rows are computed on at once: enough that asking costs little beside counting."""


_SELECTOR: Final = re.compile(r"\bcs\.\w+\(")

PIECE_ROWS: Final = 1 << 16
"""How many rows are best read at once where they lie in files: reading costs more beside its rows than counting."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A table that is read anew for each pass over it, piece by piece.

    Attributes:
        schema: its columns.
        read: gives the rows of the columns named, in pieces of any size but in one order.
    """

    schema: pl.Schema
    read: Callable[[Sequence[str]], Iterable[pl.DataFrame]]


Frame: TypeAlias = pl.DataFrame | pl.LazyFrame | Parts


def schema_of(frame: Frame) -> pl.Schema:
    """Return the columns of a table."""
    return frame.schema if isinstance(frame, Parts) else frame.collect_schema()


def read_batches(frame: Frame, columns: Iterable[str], rows: int | None = None) -> Iterator[pl.DataFrame]:
    """Yield a table's rows in batches, all but the last of one size; one without rows where it has none.

    Args:
        frame: the table.
        columns: these of its columns; the first where none is named, because rows are to be counted.
        rows: how many in a batch.
    """
    schema, size = schema_of(frame), rows or BATCH_ROWS
    names = list(dict.fromkeys(columns)) or schema.names()[:1]
    held: list[pl.DataFrame] = []
    height, empty = 0, True
    for whole in _read_pieces(frame, names):
        piece = whole
        while piece.height:
            taken = piece.head(size - height)
            piece = piece.slice(taken.height)
            held.append(taken)
            height += taken.height
            if height == size:
                yield pl.concat(held).rechunk()
                held, height, empty = [], 0, False
    if held or empty:
        yield pl.concat(held).rechunk() if held else pl.DataFrame(schema={name: schema[name] for name in names})


def columns_of(expr: pl.Expr, schema: pl.Schema) -> list[str]:
    """Return the columns that an expression reads: all where it takes them by a pattern or a type."""
    names = list(dict.fromkeys(expr.meta.root_names()))
    return schema.names() if _SELECTOR.search(str(expr)) or any(name not in schema for name in names) else names


def is_rowwise(expr: pl.Expr, schema: pl.Schema) -> bool:
    """Tell whether an expression looks at each row by itself, so that batches give what the whole table would.

    Where Polars cannot tell, as of a function in Python, it is taken not to.
    """
    try:
        inputs = expr.meta.pop(schema=schema)
        literal = [each.meta.is_literal() for each in inputs]
    except PolarsError:
        return False
    return _separates(expr, inputs, literal) and all(
        plain or is_rowwise(each, schema) for plain, each in zip(literal, inputs, strict=True)
    )


def _separates(expr: pl.Expr, inputs: list[pl.Expr], literal: list[bool]) -> bool:
    """Tell whether an expression looks at each row of its inputs by itself."""
    text, said = str(expr), [str(each) for each in reversed(inputs)]
    if len(inputs) == 2 and text in (f"{said[0]}.is_in([{said[1]}])", f"{said[0]}.sql_is_in([{said[1]}])"):
        # To be among the values of a column is asked of the whole of it, and Polars says otherwise.
        return literal[0]
    try:
        return expr.meta.is_row_separable()
    except PolarsError:
        # It cannot say of what an SQL `IN` is a part of. An operator never looks further than its row.
        operator = len(said) == 2 and text.startswith(f"[({said[0]}) ") and text.endswith(f" ({said[1]})]")
        return operator or (len(said) == 1 and text == f"{said[0]}.not()")


def _read_pieces(frame: Frame, columns: list[str]) -> Iterable[pl.DataFrame]:
    if isinstance(frame, Parts):
        return frame.read(columns)
    if isinstance(frame, pl.DataFrame):
        return (frame.select(columns),)
    return frame.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming")
