"""Keys of rows as whole numbers: which entity a row belongs to, and how rows of one instant are ordered."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.maths.code import compact, locate

Codes: TypeAlias = NDArray[np.integer[Any]]
_Ints = NDArray[np.int64]

_WIDEST: Final = 1 << 62
"""Whole numbers this far apart are not told apart by their difference."""


@dataclass(slots=True)
class Entities:
    """The entities that the rows of a spine are about, as numbers, and where other tables' rows belong among them.

    What no row of the spine is about is no entity here: an event of it has the number -1, as one with a null key has.
    A key column is numbered once, whatever entities it is a part of.

    Attributes:
        spine: its rows.
    """

    spine: pl.DataFrame
    _columns: dict[str, "_Numbers"] = field(default_factory=dict[str, "_Numbers"])
    _joined: dict[tuple[str, ...], "_Joined"] = field(default_factory=dict[tuple[str, ...], "_Joined"])

    def number(self, keys: tuple[str, ...]) -> Codes:
        """Return the number of the entity that each row of the spine is about; all zero where there are no keys."""
        return self._join(keys).codes if keys else np.zeros(self.spine.height, dtype=np.int32)

    def place(self, rows: pl.DataFrame, keys: tuple[str, ...]) -> Codes:
        """Return the numbers of the entities that rows of another table belong to, -1 for those of no row of the spine.

        Raises:
            ShipwayError: SW-203 if a key column has another type than in the spine.
        """
        if not keys:
            return np.zeros(rows.height, dtype=np.int32)
        for name in keys:
            if rows[name].dtype != self.spine[name].dtype:
                raise ShipwayError(
                    "SW-203",
                    f"key {name!r} is {rows[name].dtype} in one table and {self.spine[name].dtype} in the other",
                    "give it one type in both sources",
                )
        joined = self._join(keys)
        if rows is self.spine:
            return joined.codes
        codes = self._columns[keys[0]].place(rows[keys[0]])
        for name, levels in zip(keys[1:], joined.levels, strict=True):
            codes = locate(levels, _pair(codes, self._columns[name].place(rows[name]), self._columns[name].size))
        return codes

    def forget(self, keys: tuple[str, ...], kept: Collection[str]) -> None:
        """Let go of the numbers of an entity that no further column is about, and of key columns but for those kept."""
        self._joined.pop(keys, None)
        for name in keys:
            if name not in kept:
                self._columns.pop(name, None)

    def _join(self, keys: tuple[str, ...]) -> "_Joined":
        if keys not in self._joined:
            first, *rest = (self._number_column(name) for name in keys)
            codes, levels = first.codes, list[_Ints]()
            for numbers in rest:
                # Nulls, -1, become the lowest level and -1 again.
                found, index = compact(_pair(codes, numbers.codes, numbers.size) + 1)
                null = int(found.size > 0 and found[0] == 0)
                codes = index - null if null else index
                levels.append(found[null:] - 1)
            self._joined[keys] = _Joined(codes.astype(np.int32, copy=False), tuple(levels))
        return self._joined[keys]

    def _number_column(self, name: str) -> "_Numbers":
        if name not in self._columns:
            self._columns[name] = _number_column(self.spine[name])
        return self._columns[name]


@dataclass(frozen=True, slots=True)
class _Joined:
    """An entity of several key columns: each row's number, and for each column after the first the pairs there are."""

    codes: Codes
    levels: tuple[_Ints, ...]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """One key column of the spine: each row's number, from 0 to below the size, and how values of others get theirs."""

    codes: Codes
    size: int
    place: Callable[[pl.Series], Codes]


def code_keys(rows: pl.DataFrame, spine: pl.DataFrame, keys: tuple[str, ...]) -> tuple[_Ints, _Ints]:
    """Number the entities of two tables alike: equal keys get equal codes, a null or NaN in any key column gets -1.

    Returns:
        int64 codes for `rows` and for `spine`; all zero where there are no keys.

    Raises:
        ShipwayError: SW-203 if a key column has different types in the two tables.
    """
    same = rows is spine
    split = rows.height
    codes = np.zeros(split + (0 if same else spine.height), dtype=np.int64)
    null = np.zeros(len(codes), dtype=np.bool_)
    for name in keys:
        if rows[name].dtype != spine[name].dtype:
            raise ShipwayError(
                "SW-203",
                f"key {name!r} is {rows[name].dtype} in one table and {spine[name].dtype} in the other",
                "give it one type in both sources",
            )
        column = rows[name] if same else pl.concat([rows[name], spine[name]])
        null |= (column.fill_nan(None) if column.dtype.is_float() else column).is_null().to_numpy()
        ranks = column.rank("dense").fill_null(0).to_numpy().astype(np.int64)
        codes = codes * (int(ranks.max(initial=0)) + 1) + ranks
        codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    codes[null] = -1
    return (codes.copy(), codes) if same else (codes[:split], codes[split:])


def rank_ties(rows: pl.DataFrame, key: tuple[str, ...]) -> _Ints:
    """Rank a table's rows by key, so that events of one instant have an order that does not depend on delivery."""
    if len(key) == 1 and rows[key[0]].dtype == pl.Int64:
        return rows[key[0]].to_numpy()
    order = rows.select(pl.struct(key).rank("ordinal")).to_series()
    return order.to_numpy().astype(np.int64)


def _number_column(column: pl.Series) -> _Numbers:
    kind = column.dtype
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return _number_texts(column)
    wide = isinstance(kind, pl.UInt64 | pl.Int128 | pl.UInt128)
    if kind == pl.Boolean or kind.is_temporal() or (kind.is_integer() and not wide):
        return _number_integers(column)
    return _number_values(column)


def _number_texts(column: pl.Series) -> _Numbers:
    # Texts of these categories are numbered in the order in which they are met: the spine's, which are kept because
    # the numbers are given anew once no column has them, before all others.
    kept = column.cast(pl.String).cast(pl.Categorical(pl.Categories.random()))
    codes = _read_categories(kept)
    size = int(codes.max(initial=-1)) + 1

    def place(series: pl.Series) -> Codes:
        found = _read_categories(series.cast(pl.String).cast(kept.dtype))
        return np.where(found < size, found, np.int32(-1))

    return _Numbers(codes, size, place)


def _read_categories(column: pl.Series) -> Codes:
    return column.to_physical().fill_null((1 << 32) - 1).to_numpy().view(np.int32)


def _number_integers(column: pl.Series) -> _Numbers:
    def read(series: pl.Series) -> tuple[_Ints, NDArray[np.bool_] | None]:
        whole = series.to_physical().cast(pl.Int64)
        return whole.fill_null(0).to_numpy(), whole.is_null().to_numpy() if whole.null_count() else None

    values, null = read(column)
    least, most = int(values.min(initial=0)), int(values.max(initial=0))
    if most - least >= _WIDEST:
        return _number_values(column)

    def shift(values: _Ints, null: NDArray[np.bool_] | None) -> _Ints:
        """Return how far above the least a value is, plus one; 0 for one that is null or out of range."""
        outside = (values < least) | (values > most)
        if null is not None:
            outside |= null
        return np.where(outside, 0, values - least + 1) if outside.any() else values - (least - 1)

    levels, index = compact(shift(values, null))
    absent = int(levels.size > 0 and levels[0] == 0)

    def place(series: pl.Series) -> Codes:
        return locate(levels[absent:], shift(*read(series)))

    return _Numbers((index - absent).astype(np.int32), levels.size - absent, place)


def _number_values(column: pl.Series) -> _Numbers:
    levels = pl.DataFrame({"value": _drop_nan(column).drop_nulls().unique()}).with_row_index("code")

    def place(series: pl.Series) -> Codes:
        found = pl.DataFrame({"value": _drop_nan(series)}).join(levels, on="value", how="left", maintain_order="left")
        return found["code"].cast(pl.Int64).fill_null(-1).to_numpy()

    return _Numbers(place(column), levels.height, place)


def _drop_nan(column: pl.Series) -> pl.Series:
    return column.fill_nan(None) if column.dtype.is_float() else column


def _pair(left: Codes, right: Codes, size: int) -> _Ints:
    """Return one number for two, the second below a size; -1 where one of them is."""
    joined = left.astype(np.int64) * size + right
    absent = (left < 0) | (right < 0)
    if absent.any():
        joined[absent] = -1
    return joined
