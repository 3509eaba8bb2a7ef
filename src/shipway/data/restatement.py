"""Values that were said to be known beforehand, and are others by now.

A table that only holds what is true today, such as a register of customers with their present grade, answers every
question about the past with the present. Nothing in one delivery shows it. Two deliveries do: where a value that was
known before anything was asked has changed, frames of the time before the change read the future.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Source
from shipway.data.batch import Frame, read_batches, schema_of
from shipway.data.spill import Tally, pair_parts


@dataclass(frozen=True, slots=True)
class Restatement:
    """A column whose values are others than they were.

    Attributes:
        column: its name.
        rows: how many rows have another value.
        of: how many rows are in both deliveries and were compared.
        example: one of them, in words.
    """

    column: str
    rows: int
    of: int
    example: str

    def refusal(self, source: Source) -> ShipwayError:
        """Return the error that names the column, the rows and the example."""
        return ShipwayError(
            "SW-304",
            f"{source.name}.{self.column} is declared as known always, and in {self.rows:,} of {self.of:,} rows that "
            f"were there before it has changed; {self.example}",
            "frames of earlier times would read it: say in known_at from which instant the new value is known, or, if "
            f'these are corrections of what was never true, declare the source with restated="{self.column}"',
        )


def columns_held(source: Source) -> tuple[str, ...]:
    """Return the columns of a source that may not change once they are there."""
    held = source.known_at.get(ALWAYS, ())
    return tuple(name for name in held if name not in (*source.key, *source.restated))


def find_restatement(
    source: Source, before: Frame, after: Frame, *, columns: Sequence[str] | None = None
) -> Restatement | None:
    """Compare a source's rows with those it had, by its key, and return the first column that was restated.

    Args:
        source: whose rows; a key is in neither of them twice.
        before: the rows it had, or those of them that may be others by now.
        after: the rows it has, or those of them that may have been others.
        columns: those compared; all that are known always where None.

    Returns:
        None where every value is what it was; rows that came or went are no restatement.
    """
    old, new = schema_of(before), schema_of(after)
    names = [name for name in columns or columns_held(source) if name in old and old[name] == new[name]]
    if not names or any(old.get(name) != new[name] for name in source.key):
        return None
    key = list(source.key)
    mine, theirs = Tally(key, None), Tally(key, None)
    for tally, rows in ((mine, before), (theirs, after)):
        for batch in read_batches(rows, [*key, *names]):
            tally.add(batch)
    compared, changed = 0, dict.fromkeys(names, 0)
    example: dict[str, str] = {}
    for was, now in pair_parts(mine, theirs):
        both = was.join(now, on=key, how="inner", suffix=_NOW)
        compared += both.height
        for name in names:
            differs = both.filter(pl.col(name).ne_missing(pl.col(f"{name}{_NOW}")))
            changed[name] += differs.height
            if differs.height and name not in example:
                example[name] = _say(differs.sort(key).row(0, named=True), key, name)
    for name in names:
        if changed[name]:
            return Restatement(name, changed[name], compared, example[name])
    return None


_NOW = "\x00now"


def _say(row: dict[str, object], key: Sequence[str], name: str) -> str:
    who = ", ".join(f"{column} {row[column]}" for column in key)
    return f"e.g. {who}: {name} was {row[name]!r} and is {row[f'{name}{_NOW}']!r}"
