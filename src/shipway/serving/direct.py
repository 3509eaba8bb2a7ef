"""The short way to features that are all stored in one pack: one key, one value, its numbers as they stand.

A row takes it if what its pack has was known at the instant asked for and is young enough; any other is left to the
reader that knows every case. Members and values that the pack does not have are null. Many rows are read as one matrix.
"""

import math
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
_NAN: Final = math.nan
_Limit: TypeAlias = tuple[Pick, NDArray[np.int64], "_Bits", int]
"""What takes the instants of some members from a value's fields, where these are in a matrix, the bits that say whether
they are there, and from what age on they are too old."""
_WORDS: Final = 2
"""Fields before the words of bits; in a matrix of eight bytes it is one less."""


class _Bits:
    """Tells of some bits of a value whether they are set."""

    def __init__(self, bits: Sequence[int]) -> None:
        """Keep which, by their places among all bits."""
        self.places = tuple((_WORDS + (bit >> 6), 1 << (bit & 63)) for bit in bits)
        self._columns = np.array([_WORDS - 1 + (bit >> 6) for bit in bits])
        self._shifts = np.array([bit & 63 for bit in bits], dtype=np.uint64)

    def look(self, whole: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each value of a matrix of them which are set, shape (values, bits)."""
        return (whole.view(np.uint64)[:, self._columns] >> self._shifts & np.uint64(1)).astype(np.bool_)


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
        self._head = first.head
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
        # Of each of these cells the bit of its member, and that of its column; an age has that of its member alone.
        self._members = _Bits([one.bits[0] for one, *_ in order])
        self._columns = _Bits([one.bits[0 if column is None else 1 + column] for one, column, *_ in order])
        self._limits = _group_limits(stored)
        streams = {block.stream: one for block, one in zip(plan.blocks, stored, strict=True)}
        seen = [streams[stream].instant for stream in range(plan.streams)]
        self._seen, self._seen_fields = make_pick(seen), np.array(seen) - 1
        self._seen_bits = _Bits([streams[stream].bits[0] for stream in range(plan.streams)])
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
        full = value.startswith(self._lead)
        if not full and not value.startswith(self._head):
            return None
        fields = self._fixed.unpack_from(value)
        for take, _, bits, width in self._limits:
            instants = take(fields)
            if not full:
                instants = [each for each, here in zip(instants, _look(bits, fields), strict=True) if here]
            if instants and (max(instants) > at or at - min(instants) >= width):
                return None
        values = list(self._take(fields))
        for place in self._ages:
            values[place] = at - values[place]
        seen: tuple[int | None, ...] = self._seen(fields)
        if not full:
            here = zip(_look(self._members, fields), _look(self._columns, fields), strict=True)
            values = [
                value if member and column else _NAN for value, (member, column) in zip(values, here, strict=True)
            ]
            newest = zip(seen, _look(self._seen_bits, fields), strict=True)
            seen = tuple([instant if member else None for instant, member in newest])
        return Features(values, seen, self._marks)

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
        leads = whole[:, : len(self._leads)] == self._leads
        full, good = bool(leads.all()), leads[:, 0]
        for _, slots, bits, width in self._limits:
            instants = whole[:, slots]
            right = instants <= when
            if width < ANY_AGE:
                # No age of 64 bits is negative here, and as it stands there is room for the greatest.
                right &= (when - instants).view(np.uint64) < np.uint64(width)
            if not full:
                right |= ~bits.look(whole)
            good &= right.all(axis=1)
        there = None if full else self._members.look(whole) & self._columns.look(whole)
        floats = whole.view(np.float64)[:, self._fields]
        if there is not None:
            floats[~there] = _NAN
        rows: list[list[Any]] = floats.tolist()
        for place in self._whole:
            column = whole[:, self._fields[place]]
            numbers: list[int] = (when[:, 0] - column if place in self._ages else column).tolist()
            known = None if there is None else there[:, place].tolist()
            for number, row in enumerate(rows):
                row[place] = numbers[number] if known is None or known[number] else _NAN
        seen: Iterator[tuple[int | None, ...]] = zip(*whole.T[self._seen_fields].tolist(), strict=True)
        if not full:
            members = self._seen_bits.look(whole).tolist()
            pairs = zip(seen, members, strict=True)
            seen = (tuple([at if here else None for at, here in zip(*each, strict=True)]) for each in pairs)
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
    # Each stream's newest event is that of its only block.
    if sorted(block.stream for block in plan.blocks) != list(range(plan.streams)):
        return None
    if any(block.entity for block in plan.blocks):
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
    groups: dict[int, list[Stored]] = {}
    for one in stored:
        groups.setdefault(min(width for *_, width in one.recent), []).append(one)
    limits: list[_Limit] = []
    for width, some in groups.items():
        slots = [one.instant for one in some]
        limits.append((make_pick(slots), np.array(slots) - 1, _Bits([one.bits[0] for one in some]), width))
    return tuple(limits)


def _look(bits: _Bits, fields: Sequence[Any]) -> list[bool]:
    """Return which bits are set in the fields of one value."""
    return [bool(fields[word] & mask) for word, mask in bits.places]
