"""What the rows of a stream add to the series of the online store, each value evaluated once for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.feature import Event, Expr
from shipway.core.online import Fading, Series
from shipway.core.tree import Tree
from shipway.data.accumulation import fade_values, place_values, square_values
from shipway.data.column import evaluate_row
from shipway.data.stream import hold, scale_values
from shipway.maths import window
from shipway.maths.bins import OUTSIDE
from shipway.maths.expression import render
from shipway.maths.vector import Vector

_Ints: TypeAlias = NDArray[np.int64]
_Added: TypeAlias = tuple[Tree | None, tuple[Expr, ...], tuple[Expr, ...], tuple[Fading, ...]]
"""What makes the totals of a series: two with the same need not be worked out twice."""


@dataclass(slots=True)
class Columns:
    """The columns of a stream's updates.

    Attributes:
        event: the stream.
        tables: the sources' rows by name.
        order: int64[n], which row each update is.
        instants: int64[n], the stream's instant of each.
        whole: whether these are all rows there are, so that a column can be told to be too small to be summed, and what
            it adds up to too large; of a part, whoever adds up finds out.
    """

    event: Event
    tables: Mapping[str, pl.DataFrame]
    order: _Ints
    instants: _Ints
    whole: bool = True
    _timeline: window.Timeline | None = None
    _values: dict[Expr, Vector] = field(default_factory=dict[Expr, Vector])
    _placed: dict[Tree, _Ints] = field(default_factory=dict[Tree, _Ints])
    _deltas: dict[_Added, _Ints] = field(default_factory=dict[_Added, _Ints])

    def value(self, expr: Expr) -> Vector:
        """Return an expression's value for each update."""
        if expr not in self._values:
            vector = evaluate_row(expr, self.event.source.name, self.tables)
            self._values[expr] = Vector(vector.values[self.order], vector.valid[self.order])
        return self._values[expr]

    def extremum(self, expr: Expr) -> Vector:
        """Return values as frames compare them: conditions as 0 and 1, and both zeros as one."""
        vector = self.value(expr)
        if vector.values.dtype.kind == "f":
            return Vector(vector.values + 0.0, vector.valid)
        return Vector(vector.values.astype(np.int64), vector.valid)

    def choose(self, series: Series, codes: _Ints) -> _Ints:
        """Return entity codes, -1 for the updates that a series is not about."""
        if series.where is not None:
            codes = np.where(hold(series.where, self.value(series.where)), codes, -1)
        if series.tree is not None:
            codes = np.where(self._place(series.tree) != OUTSIDE, codes, -1)
        return codes

    def nodes(self, tree: Tree) -> _Ints:
        """Return which node of a tree's level each update falls into."""
        return self._place(tree) // (tree.below * tree.children)

    def delta(self, series: Series) -> _Ints:
        """Return what each update adds to the totals of a series, int64[n, lanes].

        Raises:
            ShipwayError: SW-303 if something cannot be added up exactly.
        """
        added = (series.tree, series.sums, series.squares, series.fading)
        if added not in self._deltas:
            self._deltas[added] = self._add(series)
        return self._deltas[added]

    def _add(self, series: Series) -> _Ints:
        deltas = np.zeros((len(self.order), series.lanes), dtype=np.int64)
        deltas[:, 0] = 1
        for number, expr in enumerate(series.sums):
            vector = self.value(expr)
            deltas[:, 1 + 2 * number] = vector.valid
            deltas[:, 2 + 2 * number] = np.where(vector.valid, self._whole(expr), 0)
        lane = series.first_square
        for expr in series.squares:
            limbs = square_values(expr, Vector(self._whole(expr), self.value(expr).valid))
            deltas[:, lane : lane + limbs.shape[1]] = limbs
            lane += limbs.shape[1]
        for fading in series.fading:
            lanes = fade_values(fading.value, self.value(fading.value), self.instants, fading.half_us, whole=self.whole)
            deltas[:, lane : lane + lanes.shape[1]] = lanes
            lane += lanes.shape[1]
        if series.tree is not None:
            placed = self._place(series.tree)
            there = np.flatnonzero(placed != OUTSIDE)
            deltas[there, lane + placed[there] // series.tree.below % series.tree.children] = 1
        return deltas

    def _place(self, tree: Tree) -> _Ints:
        root = Tree(tree.value, tree.bins, 0)
        if root not in self._placed:
            self._placed[root] = place_values(tree.value, tree.bins, self.value(tree.value))
        return self._placed[root]

    def _whole(self, expr: Expr) -> _Ints:
        vector = self.value(expr)
        if vector.values.dtype.kind == "f":
            whole = scale_values(expr, vector, whole=self.whole)
        else:
            whole = vector.values.astype(np.int64)
        if not self.whole:
            return whole
        if self._timeline is None:
            self._timeline = window.build_timeline(np.zeros(len(whole), dtype=np.int64), self.instants)
        try:
            window.build_prefix(self._timeline, whole, vector.valid)
        except ValueError as error:
            raise ShipwayError("SW-303", f"sums of {render(expr)}: {error}", "use smaller numbers") from error
        return whole
