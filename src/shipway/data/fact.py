"""Facts: what a stream's series are made of, row by row, in a form that can be kept and taken back.

A row's facts are all that it adds to a store: the instant it counts at, its entities' keys, which series choose it,
what it adds to their totals, and the values that are kept or compared. Whoever has kept them can take the row back
without having its columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import polars as pl

from shipway.core.entry import encode_series
from shipway.core.feature import Event
from shipway.core.online import Layout, Scalar, Series, Tie
from shipway.data.column import vector_of
from shipway.data.instant import Row
from shipway.data.known import instants_of
from shipway.data.lane import Columns
from shipway.data.plan import require
from shipway.data.run import Contributions
from shipway.maths.vector import Vector
from shipway.maths.window import Ints

Facts: TypeAlias = Sequence[Any]
"""A row's instant, then its keys, then where it belongs in series that choose, then totals, then values."""
_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class _Reading:
    """Where a series' parts stand in the facts of its stream: places, and for the totals a range of them.

    `chosen` is None for a series of all rows; of the others a fact is the node of their tree, 0 without one, and None
    for a row that they are not about.
    """

    place: int
    series: Series
    keys: tuple[int, ...]
    chosen: int | None
    lanes: tuple[int, int]
    values: tuple[int, ...]


class FactStream:
    """A stream of a layout: which facts it has of a row, and what they add to its series.

    Attributes:
        event: the stream.
    """

    def __init__(self, layout: Layout, event: Event, *, stored: bool = True) -> None:
        """Work out which facts the series of a stream need, with or without those that are stored."""
        kept = ((place, one) for place, one in enumerate(layout.series) if stored or not one.stored)
        own = [(place, series) for place, series in kept if series.stream == event.name]
        self.event = event
        self._keys = list(dict.fromkeys(name for _, series in own for name in series.keys))
        self._choosing = [series for _, series in own if series.where is not None or series.tree is not None]
        self._adding: dict[object, Series] = {}
        for _, series in own:
            self._adding.setdefault(_additions(series), series)
        self._values = list(dict.fromkeys(value for _, series in own for value in _list_values(series)))
        self._readings = [self._locate(place, series) for place, series in own]

    def _locate(self, place: int, series: Series) -> _Reading:
        chosen, first = None, 1 + len(self._keys)
        if series in self._choosing:
            chosen = first + self._choosing.index(series)
        first += len(self._choosing)
        begins: dict[object, int] = {}
        for additions, one in self._adding.items():
            begins[additions] = first
            first += one.lanes - 1
        begin = begins[_additions(series)]
        return _Reading(
            place=place,
            series=series,
            keys=tuple(1 + self._keys.index(name) for name in series.keys),
            chosen=chosen,
            lanes=(begin, begin + series.lanes - 1),
            values=tuple(first + self._values.index(value) for value in _list_values(series)),
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
        order = np.flatnonzero((instant != _NEVER) & (due != _NEVER))
        keyed = require(source.name, self._keys, tables)
        read = Columns(self.event, tables, order, instant[order], whole=False)
        columns: list[list[Any]] = [instant[order].tolist()]
        columns += [_list_keys(_take(vector_of(keyed[name]), order)) for name in self._keys]
        columns += [_choose(read, series) for series in self._choosing]
        for series in self._adding.values():
            columns += read.delta(series)[:, 1:].T.tolist()
        columns += [_list(read.extremum(expr) if compared else read.value(expr)) for expr, compared in self._values]
        facts: list[Facts | None] = [None] * rows.height
        for row, each in zip(order.tolist(), zip(*columns, strict=True), strict=True):
            facts[row] = each
        return facts, int(due[order].max()) if len(order) else None

    def contribute(
        self, facts: Sequence[Facts], signs: Sequence[int], ties: Sequence[Tie]
    ) -> list[tuple[int, Contributions]]:
        """Return what rows add to each series of the stream, with the place of each.

        Args:
            facts: of each row.
            signs: 1 for a row that counts, -1 for one that is taken back.
            ties: of each row.
        """
        columns = list(zip(*facts, strict=True))
        instants, sign = np.array(columns[0], dtype=np.int64), np.array(signs, dtype=np.int64)
        deltas: dict[tuple[int, int], Ints] = {}
        found: list[tuple[int, Contributions]] = []
        for one in self._readings:
            if one.lanes not in deltas:
                added = np.array([signs, *columns[slice(*one.lanes)]], dtype=np.int64).T
                added[:, 1:] *= sign[:, None]
                deltas[one.lanes] = np.ascontiguousarray(added)
            names, codes = _name(one, columns, len(facts))
            rows: list[Row] | None = None
            if one.series.varied:
                rows = list(map(list, zip(*(columns[place] for place in one.values), ties, strict=True)))
            found.append((one.place, Contributions(names, codes, instants, deltas[one.lanes], rows)))
        return found


def _additions(series: Series) -> object:
    """Return what makes the totals of a series."""
    return series.tree, series.sums, series.squares, series.fading


def _list_values(series: Series) -> list[tuple[Any, bool]]:
    """Return the values that a series keeps of a row, and of each whether it is compared."""
    kept = [*((expr, False) for expr in series.newest), *((expr, True) for expr in series.extrema)]
    return [*kept, *((expr, False) for expr in series.oldest)]


def _choose(read: Columns, series: Series) -> list[int | None]:
    chosen = read.choose(series, np.zeros(len(read.order), dtype=np.int64)) >= 0
    nodes = np.zeros(len(read.order), dtype=np.int64) if series.tree is None else read.nodes(series.tree)
    return [node if there else None for node, there in zip(nodes.tolist(), chosen.tolist(), strict=True)]


def _name(one: _Reading, columns: Sequence[Sequence[Scalar]], count: int) -> tuple[list[bytes], Ints]:
    """Name the entities that occur, or their nodes, and number the rows by them; -1 for a row of none."""
    parts = [columns[place] for place in one.keys]
    if one.chosen is not None:
        parts.append(columns[one.chosen])
    if not parts:
        return [encode_series(one.place, ())], np.zeros(count, dtype=np.int64)
    numbers: dict[tuple[Scalar, ...], int] = {}
    codes = [numbers.setdefault(key, len(numbers)) for key in zip(*parts, strict=True)]
    # The root of a tree is named by its entity alone, and so is a series without one.
    whole = one.chosen is not None and (one.series.tree is None or not one.series.tree.level)
    names = [b"" if None in key else encode_series(one.place, key[:-1] if whole else key) for key in numbers]
    numbered = np.array(codes, dtype=np.int64)
    nobody = [code for code, name in enumerate(names) if not name]
    numbered[np.isin(numbered, nobody)] = -1
    return names, numbered


def _list(vector: Vector) -> list[Scalar]:
    values: list[Scalar] = vector.values.tolist()
    for row in np.flatnonzero(~vector.valid).tolist():
        values[row] = None
    return values


def _take(vector: Vector, order: Ints) -> Vector:
    return Vector(vector.values[order], vector.valid[order])


def _list_keys(vector: Vector) -> list[Scalar]:
    if vector.values.dtype.kind == "f":
        vector = Vector(vector.values + 0.0, vector.valid & ~np.isnan(vector.values))
    return _list(vector)
