"""The short way to features that are all stored in one pack: one key, one value, its numbers as they stand.

A row takes it if everything is in its pack, was known at the instant asked for and is young enough; any other is left
to the reader that knows every case. Many rows are read as one matrix.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.entry import WATERMARKS, encode_entity, name_entities, unpack_watermarks
from shipway.core.feature import view_entities
from shipway.core.online import Layout, Scalar
from shipway.core.pack import INSTANT, find_packs
from shipway.maths.scalar import Getter
from shipway.ports.online import Look
from shipway.serving.block import Pick, make_pick
from shipway.serving.cell import ANY_AGE
from shipway.serving.plan import Plan
from shipway.serving.stored import Stored

MATRIX_ROWS: Final = 8
"""Rows from which on a matrix is quicker than one after the other."""
_STORED_AT: Final = (INSTANT,)
_Limit: TypeAlias = tuple[Pick, NDArray[np.int64], int]
"""What takes the instants of some members from a value's fields, where these are in a matrix, and from what age on they
are too old."""


class Features(msgspec.Struct, frozen=True, gc=False):
    """What was read for one row; it holds values alone, so no cycle goes through it.

    Attributes:
        values: one for each of the layout's columns: numbers, with NaN for null and conditions as 0 and 1; texts and
            embeddings, with None for null, an embedding as the bytes of its numbers.
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

    def __init__(self, look: Look, layout: Layout, plan: Plan, stored: Sequence[Stored]) -> None:
        """Work out where in a value the columns are.

        Args:
            look: asks the store.
            layout: the features.
            plan: of the layout; its blocks are all in one pack.
            stored: how each block is read.
        """
        first = stored[0]
        self._look = look
        self._keys: tuple[Getter, ...] = tuple(plan.columns[cell] for cell in plan.entities[0])
        self._name = _choose_naming(layout)
        self._prefix, self._fixed = first.prefix, first.fixed
        # What a value begins with in which everything is there.
        self._lead = first.head + struct.pack(f"<{len(first.words)}Q", *first.words)
        self._leads = np.frombuffer(self._lead, dtype=np.int64)
        # For each of the plan's cells after the row's own its field, and how: a number, a condition, an age.
        cells = [(one, column, slot, kind) for one in stored for column, slot, kind, _ in one.recent]
        order = [cells[cell - len(plan.columns)] for cell in plan.order]
        fields = [one.instant if column is None else slot for one, column, slot, _ in order]
        self._take = make_pick(fields)
        self._ages = tuple(place for place, (_, column, _, _) in enumerate(order) if column is None)
        # In a matrix of eight bytes the head is one number, not two.
        self._fields = np.array(fields) - 1
        floats = {place for place, (_, column, _, kind) in enumerate(order) if kind == "float" and column is not None}
        self._whole = tuple(place for place in range(len(order)) if place not in floats)
        self._limits = _group_limits(stored)
        streams = {block.stream: one.instant for block, one in zip(plan.blocks, stored, strict=True)}
        seen = [streams[stream] for stream in range(plan.streams)]
        self._seen, self._seen_fields = make_pick(seen), np.array(seen) - 1
        self._told: bytes | None = None
        self._marks: tuple[int | None, ...] = ()

    def read(
        self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]
    ) -> tuple[list[Features | None], Sequence[int]]:
        """Return what was read for each row, and the places of those that cannot take the short way: there is None.

        Raises:
            KeyError: if a row lacks a column.
            ShipwayError: as the store raises.
        """
        keys = self._keys
        if len(keys) == 1:
            key = keys[0]
            asked = [(key(row),) for row in rows]
        else:
            asked = [tuple([key(row) for key in keys]) for row in rows]
        names = self._name(self._prefix, asked)
        names.append(WATERMARKS)
        _, (found,) = self._look((), ((names, _STORED_AT),))
        told = found.pop()
        if told != self._told:
            self._told, self._marks = told, () if told is None else unpack_watermarks(told)
        if len(rows) >= MATRIX_ROWS:
            return self._read_matrix(found, at)
        answers = [None if value is None else self._read_one(value, at) for value, at in zip(found, at, strict=True)]
        return answers, [place for place, each in enumerate(answers) if each is None]

    def _read_one(self, value: bytes, at: int) -> Features | None:
        if not value.startswith(self._lead):
            return None
        fields = self._fixed.unpack_from(value)
        for take, _, width in self._limits:
            instants = take(fields)
            if max(instants) > at or at - min(instants) >= width:
                return None
        values = list(self._take(fields))
        for place in self._ages:
            values[place] = at - values[place]
        return Features(values, self._seen(fields), self._marks)

    def _read_matrix(
        self, found: Sequence[bytes | None], at: Sequence[int]
    ) -> tuple[list[Features | None], Sequence[int]]:
        size, count = self._fixed.size, len(found)
        joined = b"".join([b"" if value is None else value[:size] for value in found])
        if len(joined) < size * count:
            # What is not there, or shorter because others packed it, does not begin as ours do.
            joined = b"".join([(value or b"")[:size].ljust(size, b"\0") for value in found])
        whole = np.frombuffer(joined, dtype=np.int64).reshape(count, -1)
        # Most often all are asked as of one instant.
        when = np.array(at[:1] if at.count(at[0]) == count else at, dtype=np.int64)[:, None]
        good = (whole[:, : len(self._leads)] == self._leads).all(axis=1)
        for _, slots, width in self._limits:
            instants = whole[:, slots]
            good &= (instants <= when).all(axis=1)
            if width < ANY_AGE:
                # No age of 64 bits is negative here, and as it stands there is room for the greatest.
                good &= ((when - instants).view(np.uint64) < np.uint64(width)).all(axis=1)
        rows: list[list[Any]] = whole.view(np.float64)[:, self._fields].tolist()
        for place in self._whole:
            column = whole[:, self._fields[place]]
            numbers = (when[:, 0] - column if place in self._ages else column).tolist()
            for row, number in zip(rows, numbers, strict=True):
                row[place] = number
        seen: Iterator[tuple[int, ...]] = zip(*whole.T[self._seen_fields].tolist(), strict=True)
        marks = self._marks
        answers: list[Features | None] = [Features(row, newest, marks) for row, newest in zip(rows, seen, strict=True)]
        rest: list[int] = np.flatnonzero(~good).tolist()
        for place in rest:
            answers[place] = None
        return answers, rest


def find_direct(layout: Layout, plan: Plan, stored: Sequence[Stored | None], look: Look) -> DirectReader | None:
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
    return DirectReader(look, layout, plan, known)


def _choose_naming(layout: Layout) -> Callable[[bytes, Sequence[tuple[Scalar, ...]]], list[bytes]]:
    """Return how the entities of a layout, which has one kind of them, are named."""
    keys = next(entity.keys for view in layout.views for entity in view_entities(view))
    if any(layout.schema[layout.spine][key] == "float" for key in keys):
        return lambda prefix, entities: [prefix + encode_entity(each) for each in entities]
    return name_entities


def _group_limits(stored: Sequence[Stored]) -> tuple[_Limit, ...]:
    """Return which instants of members may be how old at most, those of equal ages together."""
    groups: dict[int, list[int]] = {}
    for one in stored:
        groups.setdefault(min(width for *_, width in one.recent), []).append(one.instant)
    return tuple((make_pick(slots), np.array(slots) - 1, width) for width, slots in groups.items())
