"""The kinds of question that a pass over a table answers batch by batch: groups, sums by day, and rows looked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.data.spill import Tally
from shipway.maths.distribution import place_values

Floats: TypeAlias = NDArray[np.float64]

EXAMPLES: Final = 5
"""How many failing rows are kept at most."""


@dataclass(slots=True)
class Hunt:
    """The first rows of a table that are against a rule.

    Attributes:
        keep: gives those among the rows of a batch.
        reads: the columns that it reads.
        shown: the columns that are shown of a row.
        found: the rows found so far.
    """

    keep: Callable[[pl.DataFrame], pl.DataFrame]
    reads: tuple[str, ...]
    shown: tuple[str, ...]
    found: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])

    @property
    def wanted(self) -> int:
        """Return how many more rows are looked for."""
        return EXAMPLES - sum(rows.height for rows in self.found)

    def take(self, batch: pl.DataFrame) -> None:
        """Look through a batch."""
        if self.wanted:
            rows = self.keep(batch).select(self.shown).head(self.wanted)
            if rows.height:
                self.found.append(rows)


@dataclass(slots=True)
class Groups:
    """A group-by asked of a scan.

    Attributes:
        keys: name to key.
        numbers: name to aggregate.
        tally: what the batches came to.
        where: only the rows where this is true; None for all.
        then: what takes the place of a key once a batch is counted; groups that it makes equal are put together.
    """

    keys: dict[str, pl.Expr]
    numbers: dict[str, pl.Expr]
    tally: Tally
    where: pl.Expr | None = None
    then: dict[str, pl.Expr] = field(default_factory=dict[str, pl.Expr])

    def take(self, batch: pl.DataFrame) -> None:
        """Count a batch."""
        rows = batch.lazy() if self.where is None else batch.lazy().filter(self.where)
        keys = [expr.alias(name) for name, expr in self.keys.items()]
        groups = rows.group_by(keys).agg(expr.alias(name) for name, expr in self.numbers.items())
        self.tally.add(compute(groups.with_columns(expr.alias(name) for name, expr in self.then.items())))


@dataclass(slots=True)
class Days:
    """Sums by day asked of a scan.

    They are added up in the order of the rows, so that they are the same however many threads there are: a group-by of
    Polars adds floats in an order that depends on it.

    Attributes:
        day: gives the day of a row, in days since 1970 UTC; rows without one are of no day.
        values: what is added up, a number or a truth value of each row.
        sums: the sums by day.
    """

    day: pl.Expr
    values: list[pl.Expr] = field(default_factory=list[pl.Expr])
    sums: dict[int, Floats] = field(default_factory=dict[int, Floats])

    def take(self, batch: pl.DataFrame) -> None:
        """Add up a batch."""
        named = [value.cast(pl.Float64).fill_null(0.0).alias(f"{n}") for n, value in enumerate(self.values)]
        rows = compute(batch.lazy().select(self.day.alias("day:"), *named).filter(pl.col("day:").is_not_null()))
        days, place = place_values(rows["day:"].to_numpy())
        added = np.stack([np.bincount(place, rows[name].to_numpy(), len(days)) for name in rows.columns[1:]], axis=1)
        for day, sums in zip(days.tolist(), added, strict=True):
            self.sums[day] = self.sums[day] + sums if day in self.sums else sums


def compute(query: pl.LazyFrame) -> pl.DataFrame:
    """Compute on a batch."""
    return query.collect(engine="in-memory")
