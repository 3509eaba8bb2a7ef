"""Facts: what a stream's series are made of, row by row, in a form that can be kept and taken back.

A row's facts are all that it adds to a store: the instant it counts at, its entities' keys, the values that are added
up, as whole numbers, and the values that are kept or compared. Whoever has kept them can take the row back without
having its columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.feature import Event, Expr
from shipway.core.online import RESOLUTION, Layout, Scalar, Series, Tie, encode_series
from shipway.data.column import evaluate_row, vector_of
from shipway.data.instant import Row
from shipway.data.known import instants_of
from shipway.data.plan import require
from shipway.data.run import Contributions
from shipway.maths import window
from shipway.maths.expression import render
from shipway.maths.fixed import quantise
from shipway.maths.vector import Vector

Facts: TypeAlias = Sequence[Any]
"""A row's instant, then its keys, its sums and its values, as its stream says."""
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where a series' parts stand in the facts of its stream."""

    place: int
    series: Series
    keys: tuple[int, ...]
    sums: tuple[int, ...]
    values: tuple[int, ...]


class FactStream:
    """A stream of a layout: which facts it has of a row, and what they add to its series.

    Attributes:
        event: the stream.
        places: the places of its series in the layout.
    """

    def __init__(self, layout: Layout, event: Event) -> None:
        """Work out which facts the series of a stream need."""
        own = [(place, series) for place, series in enumerate(layout.series) if series.stream == event.name]
        self.event = event
        self.places = [place for place, _ in own]
        self._keys = list(dict.fromkeys(name for _, series in own for name in series.keys))
        self._sums = dict(pair for _, series in own for pair in zip(series.sums, series.scaled, strict=True))
        newest = dict.fromkeys((expr, False) for _, series in own for expr in series.newest)
        self._values = [*newest, *dict.fromkeys((expr, True) for _, series in own for expr in series.extrema)]
        self._readings = [self._locate(place, series) for place, series in own]

    def _locate(self, place: int, series: Series) -> _Reading:
        sums, first = list(self._sums), 1 + len(self._keys)
        last = first + len(sums)
        wanted = [*((expr, False) for expr in series.newest), *((expr, True) for expr in series.extrema)]
        return _Reading(
            place=place,
            series=series,
            keys=tuple(1 + self._keys.index(name) for name in series.keys),
            sums=tuple(first + sums.index(expr) for expr in series.sums),
            values=tuple(last + self._values.index(pair) for pair in wanted),
        )

    def read(self, rows: pl.DataFrame) -> tuple[list[Facts | None], int | None]:
        """Return each row's facts, None for one that does not count, and the newest instant at which one became known.

        Raises:
            ShipwayError: SW-202 for a column the rows lack, SW-203 for one of the wrong type, SW-303 for a value that
                cannot be summed exactly.
        """
        source = self.event.source
        tables = {source.name: rows}
        instant = instants_of(source, self.event.known_at, rows)
        due = instants_of(source, source.instant_of(self.event.known_at) or self.event.known_at, rows)
        counts = (instant != _NEVER) & (due != _NEVER)
        keyed = require(source.name, self._keys, tables)
        columns = [instant.tolist(), *(_list_keys(vector_of(keyed[name])) for name in self._keys)]
        for expr, scaled in self._sums.items():
            vector = evaluate_row(expr, source.name, tables)
            columns.append(_list(_scale(expr, vector) if scaled else _whole(vector)))
        for expr, compared in self._values:
            vector = evaluate_row(expr, source.name, tables)
            columns.append(_list(_comparable(vector) if compared else vector))
        facts: list[Facts | None] = list(zip(*columns, strict=True))
        for row in np.flatnonzero(~counts).tolist():
            facts[row] = None
        newest = int(due[counts].max()) if counts.any() else None
        return facts, newest

    def contribute(
        self, facts: Sequence[Facts], signs: Sequence[int], ties: Sequence[Tie]
    ) -> list[tuple[int, Contributions]]:
        """Return what rows add to each series of the stream.

        Args:
            facts: of each row.
            signs: 1 for a row that counts, -1 for one that is taken back.
            ties: of each row.
        """
        columns = list(zip(*facts, strict=True))
        instants, sign = np.array(columns[0], dtype=np.int64), np.array(signs, dtype=np.int64)
        deltas: dict[tuple[int, ...], window.Ints] = {}
        found: list[tuple[int, Contributions]] = []
        for one in self._readings:
            if one.sums not in deltas:
                deltas[one.sums] = _count(sign, [columns[place] for place in one.sums])
            names, codes = _name(one, columns, len(facts))
            rows: list[Row] | None = None
            if one.series.varied:
                rows = list(map(list, zip(*(columns[place] for place in one.values), ties, strict=True)))
            found.append((one.place, Contributions(names, codes, instants, deltas[one.sums], rows)))
        return found


def _count(sign: window.Ints, sums: Sequence[Sequence[int | None]]) -> window.Ints:
    deltas = np.empty((len(sign), 1 + 2 * len(sums)), dtype=np.int64)
    deltas[:, 0] = sign
    for place, column in enumerate(sums):
        deltas[:, 1 + 2 * place] = [value is not None for value in column]
        deltas[:, 2 + 2 * place] = [value or 0 for value in column]
    deltas[:, 1:] *= sign[:, None]
    return deltas


def _name(one: _Reading, columns: Sequence[Sequence[Scalar]], count: int) -> tuple[list[bytes], window.Ints]:
    """Name the entities that occur, and number the rows by them; -1 where a key is null."""
    if not one.keys:
        return [encode_series(one.place, ())], np.zeros(count, dtype=np.int64)
    numbers: dict[tuple[Scalar, ...], int] = {}
    codes = [numbers.setdefault(key, len(numbers)) for key in zip(*(columns[place] for place in one.keys), strict=True)]
    names = [b"" if None in key else encode_series(one.place, key) for key in numbers]
    numbered = np.array(codes, dtype=np.int64)
    nobody = [code for code, name in enumerate(names) if not name]
    numbered[np.isin(numbered, nobody)] = -1
    return names, numbered


def _list(vector: Vector) -> list[Scalar]:
    values: list[Scalar] = vector.values.tolist()
    for row in np.flatnonzero(~vector.valid).tolist():
        values[row] = None
    return values


def _list_keys(vector: Vector) -> list[Scalar]:
    if vector.values.dtype.kind == "f":
        vector = Vector(vector.values + 0.0, vector.valid & ~np.isnan(vector.values))
    return _list(vector)


def _whole(vector: Vector) -> Vector:
    return Vector(vector.values.astype(np.int64), vector.valid)


def _scale(expr: Expr, vector: Vector) -> Vector:
    try:
        return Vector(quantise(vector.values, vector.valid, RESOLUTION), vector.valid)
    except ValueError as error:
        raise ShipwayError(
            "SW-303", f"{render(expr)} cannot be summed exactly: {error}", "use numbers of a smaller range"
        ) from error


def _comparable(vector: Vector) -> Vector:
    """Return values as frames compare them: conditions as 0 and 1, and both zeros as one."""
    return Vector(vector.values + 0.0, vector.valid) if vector.values.dtype.kind == "f" else _whole(vector)
