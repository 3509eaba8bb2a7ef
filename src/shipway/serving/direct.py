"""The short way to features that are all stored in one pack: one key, one value, its numbers as they stand.

A row takes it if everything is in its pack, was known at the instant asked for and is young enough; any other is left
to the reader that knows every case. Many rows are read as one matrix.
"""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

import msgspec
import numpy as np

from shipway.core.entry import WATERMARKS, encode_entity, unpack_watermarks
from shipway.core.online import Layout, Scalar
from shipway.core.pack import INSTANT, find_packs
from shipway.maths.scalar import Getter
from shipway.ports.online import Online
from shipway.serving.cell import ANY_AGE
from shipway.serving.plan import Plan
from shipway.serving.stored import Stored

MATRIX_ROWS: Final = 8
"""Rows from which on a matrix is quicker than one after the other."""
_WIDEST: Final = (1 << 63) - 1


class Features(msgspec.Struct, frozen=True):
    """What was read for one row.

    Attributes:
        values: one for each of the layout's columns: numbers, with NaN for null and conditions as 0 and 1; texts, with
            None for null.
        newest: for each of the layout's streams the instant of the newest event read, microseconds since 1970 UTC; None
            where none was, and for what was known beforehand, at no instant.
        watermarks: for each of the layout's streams the instant up to which the store has everything known; None where
            nobody knows, and none at all of a store that does not say. What is read at T is exact if T is not before
            the watermarks, and nothing was known in between that is not applied yet.
        expired: places of the values that are null because the newest event is too old for them.
    """

    values: list[Scalar]
    newest: tuple[int | None, ...]
    watermarks: tuple[int | None, ...] = ()
    expired: tuple[int, ...] = ()


class DirectReader:
    """Reads the columns of one pack's members; one reader serves one thread at a time."""

    def __init__(self, online: Online, plan: Plan, stored: Sequence[Stored]) -> None:
        """Work out where in a value the columns are.

        Args:
            online: the store.
            plan: of the layout; its blocks are all in one pack.
            stored: how each block is read.
        """
        first = stored[0]
        self._online = online
        self._keys: tuple[Getter, ...] = tuple(plan.columns[cell] for cell in plan.entities[0])
        self._prefix, self._head, self._fixed = first.prefix, first.head, first.fixed
        self._words = first.words
        # For each of the plan's cells after the row's own its field, and how: a number, a condition, an age.
        cells = [(one, column, slot, kind) for one in stored for column, slot, kind, _ in one.recent]
        order = [cells[cell - len(plan.columns)] for cell in plan.order]
        self._take = _getter([one.instant if column is None else slot for one, column, slot, _ in order])
        self._ages = tuple(place for place, (_, column, _, _) in enumerate(order) if column is None)
        # In a matrix of eight bytes the head is one number, not two.
        self._fields = np.array([(one.instant if column is None else slot) - 1 for one, column, slot, _ in order])
        floats = {place for place, (_, column, _, kind) in enumerate(order) if kind == "float" and column is not None}
        self._whole = tuple(place for place in range(len(order)) if place not in floats)
        self._limits = tuple((one.instant, min(width for *_, width in one.recent)) for one in stored)
        self._edges = np.array([instant - 1 for instant, _ in self._limits])
        self._widths = np.array([min(width, _WIDEST) for _, width in self._limits])
        self._aged = any(width < ANY_AGE for _, width in self._limits)
        streams = {block.stream: one.instant for block, one in zip(plan.blocks, stored, strict=True)}
        self._seen = _getter([streams[stream] for stream in range(plan.streams)])
        self._seen_fields = np.array([streams[stream] - 1 for stream in range(plan.streams)])

    def read(self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]) -> list[Features | None]:
        """Return what was read for each row; None for one that cannot take the short way.

        Raises:
            KeyError: if a row lacks a column.
            ShipwayError: as the store raises.
        """
        prefix, keys = self._prefix, self._keys
        if len(keys) == 1:
            key = keys[0]
            asked = [(key(row),) for row in rows]
        else:
            asked = [tuple([key(row) for key in keys]) for row in rows]
        # The name without a key is nobody's.
        asks = [(prefix if None in each else prefix + encode_entity(each), INSTANT) for each in asked]
        *found, told = self._online.newest([*asks, (WATERMARKS, 0)])
        marks = () if told is None else unpack_watermarks(told[1])
        if len(rows) >= MATRIX_ROWS:
            return self._read_matrix(found, at, marks)
        return [
            None if each is None else self._read_one(each[1], at, marks) for each, at in zip(found, at, strict=True)
        ]

    def _read_one(self, value: bytes, at: int, marks: tuple[int | None, ...]) -> Features | None:
        if value[:8] != self._head:
            return None
        fields = self._fixed.unpack_from(value)
        if fields[2 : 2 + len(self._words)] != self._words:
            return None
        for slot, width in self._limits:
            if not 0 <= at - fields[slot] < width:
                return None
        values = list(self._take(fields))
        for place in self._ages:
            values[place] = at - values[place]
        return Features(values, self._seen(fields), marks)

    def _read_matrix(
        self, found: Sequence[tuple[int, bytes] | None], at: Sequence[int], marks: tuple[int | None, ...]
    ) -> list[Features | None]:
        size, head = self._fixed.size, self._head
        there = {place: each[1][:size] for place, each in enumerate(found) if each is not None and each[1][:8] == head}
        answers: list[Features | None] = [None] * len(found)
        if not there:
            return answers
        joined = b"".join(there.values())
        whole = np.frombuffer(joined, dtype=np.int64).reshape(len(there), -1)
        when = np.array(at, dtype=np.int64)[list(there), None]
        instants = whole[:, self._edges]
        good = (instants <= when) & (when - instants < self._widths) if self._aged else instants <= when
        full = np.array(self._words, dtype=np.uint64).view(np.int64)
        good = good.all(axis=1) & (whole[:, 1 : 1 + len(full)] == full).all(axis=1)
        rows: list[list[Any]] = whole.view(np.float64)[:, self._fields].tolist()
        for place in self._whole:
            column = whole[:, self._fields[place]]
            for row, number in zip(
                rows, (when[:, 0] - column if place in self._ages else column).tolist(), strict=True
            ):
                row[place] = number
        seen = map(tuple, whole[:, self._seen_fields].tolist())
        for place, row, newest, fits in zip(there, rows, seen, good.tolist(), strict=True):
            if fits:
                answers[place] = Features(row, newest, marks)
        return answers


def find_direct(layout: Layout, plan: Plan, stored: Sequence[Stored | None], online: Online) -> DirectReader | None:
    """Return the short way to a layout's features; None where there is none."""
    packs = find_packs(layout)
    known = [one for one in stored if one is not None]
    own = len(plan.columns)
    if not known or len(known) != len(stored) or plan.composites or any(cell < own for cell in plan.order):
        return None
    if len({one.prefix for one in known}) > 1 or any(pack.texts for pack in packs if pack.prefix == known[0].prefix):
        return None
    if len({block.stream for block in plan.blocks}) != plan.streams or any(block.entity for block in plan.blocks):
        return None
    return DirectReader(online, plan, known)


def _getter(slots: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return a function from a tuple to its items in some places."""
    if len(slots) > 1:
        return itemgetter(*slots)
    return lambda fields: tuple([fields[slot] for slot in slots])
