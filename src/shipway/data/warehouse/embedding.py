"""Embeddings in SQL: read as they lie, and compared in the order that `shipway.maths.embedding` adds up in."""

import polars as pl

from shipway.core.error import ShipwayError
from shipway.data.warehouse.dialect import Dialect
from shipway.maths.embedding import Near
from shipway.maths.expression import Column

_HINT = "build the frame with shipway run"


def read_embedding(column: Column, dtype: pl.Array, read: str, dialect: Dialect) -> str:
    """Return a column of embeddings in single precision; SW-403 where a dialect has no type for arrays of one length.

    Args:
        column: as messages name it.
        dtype: its type as Polars sees it.
        read: the column as SQL.
        dialect: the SQL that is spoken.
    """
    if not dialect.embedding:
        raise refuse_embedding(str(column), dialect)
    single = dtype == pl.Array(pl.Float32, dtype.size)
    return read if single else f"cast({read} as {dialect.embedding.format(dtype.size)})"


def refuse_embedding(column: str, dialect: Dialect) -> ShipwayError:
    """Return what is said of an embedding where a dialect has no type for it."""
    fact = f"{column} is an embedding, and {dialect.name} has no array that is of one length and in single precision"
    return ShipwayError("SW-403", fact, _HINT)


def take_component(embedding: str, place: int, dialect: Dialect) -> str:
    """Return one number of an embedding in double precision; SQL counts from 1."""
    return dialect.cast("float", f"{embedding}[{place + 1}]")


def compare_embeddings(op: Near, left: str, right: str, length: int, dialect: Dialect) -> str:
    """Return how near two embeddings are, to the bit as `shipway.maths.embedding.compare` has it."""
    if op == "distance":
        pairs = [_pair(left, right, place, dialect) for place in range(length)]
        return f"sqrt({_sum([f'(({a} - {b}) * ({a} - {b}))' for a, b in pairs])})"
    dot = _dot(left, right, length, dialect)
    if op == "dot":
        return dot
    product = f"({_dot(left, left, length, dialect)} * {_dot(right, right, length, dialect)})"
    one = dialect.cast("float", "1")
    # A comparison that is null is not true; greatest and least pass nulls over in some dialects.
    return f"case when {product} > 0 then greatest(- {one}, least({one}, {dot} / sqrt({product}))) end"


def _dot(left: str, right: str, length: int, dialect: Dialect) -> str:
    pairs = [_pair(left, right, place, dialect) for place in range(length)]
    return _sum([f"({a} * {b})" for a, b in pairs])


def _pair(left: str, right: str, place: int, dialect: Dialect) -> tuple[str, str]:
    return take_component(left, place, dialect), take_component(right, place, dialect)


def _sum(terms: list[str]) -> str:
    while len(terms) > 1:
        half = (len(terms) + 1) // 2
        further = [f"({a} + {b})" for a, b in zip(terms[: len(terms) - half], terms[half:], strict=True)]
        terms = [*further, *terms[len(terms) - half : half]]
    return terms[0]
