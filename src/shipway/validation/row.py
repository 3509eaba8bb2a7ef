"""Rows and what is changed in them, never beyond what training saw: its ranges, its categories, its missing values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.core.probe import Add, Lose, Noise, Put, RowChange, Scale, Shuffle, Swap
from shipway.kit.suggestion import did_you_mean
from shipway.maths.encoding import round_single
from shipway.validation.sample import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows to be changed.

    Attributes:
        x: float64[n, f]; a missing value is NaN, a category its code.
        columns: the f columns with what training saw of each.
        clusters: int64[n], the group each row shares its luck with; None where rows stand alone.
        names: what each row is called; None where its place says it.
    """

    x: Floats
    columns: tuple[InputColumn, ...]
    clusters: Ints | None = None
    names: tuple[str, ...] | None = None
    places: dict[str, int] = field(init=False, default_factory=dict[str, int])

    def __post_init__(self) -> None:
        """Remember where each column stands."""
        self.places.update({column.name: at for at, column in enumerate(self.columns)})

    def place(self, name: str) -> int:
        """Return where a column stands; SW-104 if there is none of that name."""
        if name not in self.places:
            raise ShipwayError("SW-104", f"the model reads no column {name!r}", did_you_mean(name, self.places))
        return self.places[name]

    def name(self, row: int) -> str:
        """Return what a row is called."""
        return f"row {row}" if self.names is None else self.names[row]

    def write(self, place: int, value: float) -> float | str | None:
        """Return a value of a column as people write it: a category as its text, None where it is missing."""
        if np.isnan(value):
            return None
        column = self.columns[place]
        if column.kind == "category":
            return column.categories[int(value)]
        if float(value).is_integer() and abs(value) < 1e15:
            return int(value)
        return float(str(np.float32(value)))  # the shortest that single precision, which models read, tells apart


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """Rows with changes made.

    Attributes:
        x: float64[n, f], the changed rows.
        made: bool[n, changes], where a change could be made: there was a value, and it is another now.
        left: bool[n], rows that would have left what training saw.
        why: column to how many rows left it.
    """

    x: Floats
    made: Bools
    left: Bools
    why: dict[str, int]


def change_rows(
    rows: Rows,
    x: Floats,
    changes: Sequence[RowChange],
    random: np.random.Generator,
    donors: Sequence[int] | None = None,
) -> Changed:
    """Make changes to rows, one after the other.

    Args:
        rows: whose columns they are.
        x: float64[n, f], the rows.
        changes: what is changed.
        random: draws what a change leaves open.
        donors: for each shuffle a number, by which one of `rows` is chosen whose value all of `x` take, and not that of
            one another; None to shuffle among `x`.

    Raises:
        ShipwayError: SW-104 for a column or category there is not, SW-431 for a change that its column cannot take.
    """
    changed, numbers = x.copy(), iter(donors or ())
    made = np.zeros((len(x), len(changes)), dtype=np.bool_)
    left = np.zeros(len(x), dtype=np.bool_)
    why: dict[str, int] = {}
    for at, change in enumerate(changes):
        place = rows.place(change.column)
        if donors is not None and isinstance(change, Shuffle):
            new, wanted = _borrow(rows, changed, place, change.within, next(numbers))
        else:
            new, wanted = _change_column(rows, changed, place, change, random)
        new = np.where(wanted, round_single(new), changed[:, place])
        outside = wanted & is_beyond(rows.columns[place], new)
        if outside.any():
            why[change.column] = why.get(change.column, 0) + int(outside.sum())
        left |= outside
        differs = (new != x[:, place]) & ~(np.isnan(new) & np.isnan(x[:, place]))
        made[:, at] = wanted if isinstance(change, Put) else wanted & differs
        changed[:, place] = new
    return Changed(changed, made, left, why)


def pick_rows(rows: Rows, where: Mapping[str, tuple[Any, ...]]) -> Ints:
    """Return the places of the rows that are as a test asks; SW-104 for a column or category there is not."""
    chosen = np.ones(len(rows.x), dtype=np.bool_)
    for name, only in where.items():
        place = rows.place(name)
        column, values = rows.columns[place], rows.x[:, place]
        if column.kind == "category":
            chosen &= np.isin(values, [_code(column, text) for text in only])
        elif len(only) == 2 and not any(isinstance(each, str) for each in only):
            chosen &= (values >= only[0]) & (values <= only[1])
        else:
            raise ShipwayError("SW-431", f"column {name!r} holds numbers", f"write {{{name!r}: (least, greatest)}}")
    return np.flatnonzero(chosen).astype(np.int64)


def _change_column(
    rows: Rows, x: Floats, place: int, change: RowChange, random: np.random.Generator
) -> tuple[Floats, Bools]:
    """Return a column's new values, and in which rows they are meant."""
    column, old = rows.columns[place], x[:, place]
    there = ~np.isnan(old)
    match change:
        case Add(by=by):
            _need_number(column, "add")
            return old + by, there
        case Scale(by=by):
            _need_number(column, "scale")
            return old * by, there
        case Noise(deviation=deviation):
            _need_number(column, "noise")
            return old + random.normal(0.0, deviation, old.size), there
        case Put(value=str() as text):
            return np.full(old.size, _code(column, text)), np.ones(old.size, dtype=np.bool_)
        case Put(value=value):
            _need_number(column, "put")
            return np.full(old.size, float(value)), np.ones(old.size, dtype=np.bool_)
        case Lose():
            return np.full(old.size, np.nan), there
        case Swap(pairs=pairs):
            return _swap(column, old, pairs, random)
        case Shuffle(within=within):
            return _shuffle(old, x[:, rows.place(within)] if within else None, random), there


def _swap(
    column: InputColumn, old: Floats, pairs: Mapping[str, str], random: np.random.Generator
) -> tuple[Floats, Bools]:
    if column.kind != "category":
        raise ShipwayError("SW-431", f"column {column.name!r} holds numbers, of which none is swapped", "add, or put")
    if pairs:
        new, wanted = old.copy(), np.zeros(old.size, dtype=np.bool_)
        for text, other in pairs.items():
            chosen = old == _code(column, text)
            new[chosen], wanted = _code(column, other), wanted | chosen
        return new, wanted
    count = len(column.categories)
    if count < 2:
        raise ShipwayError("SW-431", f"column {column.name!r} has one category", "there is none to swap it with")
    # Another category each: one to count - 1 places further on, around the end.
    there = ~np.isnan(old)
    return (np.where(there, old, 0.0) + random.integers(1, count, old.size).astype(np.float64)) % count, there


def _shuffle(old: Floats, within: Floats | None, random: np.random.Generator) -> Floats:
    new = old.copy()
    there = np.flatnonzero(~np.isnan(old))
    groups = np.zeros(old.size) if within is None else within
    for group in np.unique(groups[there][~np.isnan(groups[there])]):
        members = there[groups[there] == group]
        new[members] = old[random.permutation(members)]
    return new


def _borrow(rows: Rows, x: Floats, place: int, within: str, number: int) -> tuple[Floats, Bools]:
    """Give rows a column's value of another row: the one of that number, in turn, among those it may come from."""
    new, there = x[:, place].copy(), ~np.isnan(x[:, place])
    given = ~np.isnan(rows.x[:, place])
    for row in np.flatnonzero(there):
        group = rows.x[:, rows.place(within)] == x[row, rows.place(within)] if within else given
        members = np.flatnonzero(given & group)
        if members.size:
            new[row] = rows.x[members[number % members.size], place]
    return new, there


def is_beyond(column: InputColumn, values: Floats) -> Bools:
    """Tell of each value whether training saw none like it: outside its range, or missing where none was missing."""
    missing = np.isnan(values)
    out = missing & (column.missing == 0)
    if column.low is not None and column.high is not None:
        out |= ~missing & ((values < column.low) | (values > column.high))
    return out


def _need_number(column: InputColumn, word: str) -> None:
    if column.kind == "category":
        raise ShipwayError("SW-431", f"column {column.name!r} holds text, to which {word} does nothing", "swap it")


def _code(column: InputColumn, text: object) -> float:
    if column.kind != "category":
        raise ShipwayError("SW-431", f"column {column.name!r} holds numbers, not {text!r}", "write a number")
    if text not in column.categories:
        hint = did_you_mean(str(text), column.categories)
        raise ShipwayError("SW-104", f"training saw no {text!r} in column {column.name!r}", hint)
    return float(column.categories.index(str(text)))
