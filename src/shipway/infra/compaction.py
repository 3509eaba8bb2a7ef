"""Compaction: many small files become few, so that reading does not slow down as a table is appended to.

Files at the end of a table are merged once `WIDTH` of them have grown to one size class, with the smaller ones between
them, as in a log-structured merge tree (O'Neil et al., Acta Informatica 33, 1996): a row is written again at most once
for each of the few classes. The rows, their order and so the snapshot's digest stay what they are.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import polars as pl

from shipway.core.table import Part, Snapshot
from shipway.infra.table import PART_ROWS, TableFiles

WIDTH: Final = 8
"""How many neighbours of one size class become one file."""

_SMALLEST_BYTES: Final = 1 << 14
"""Files below this are of the lowest class; each further class is `WIDTH` times as large."""

_CLASSES: Final = 6
"""How many classes there are below the files that are left as they are, from half a gigabyte on."""


def compact(files: TableFiles, snapshot: Snapshot) -> Snapshot:
    """Return the same rows in fewer files, or the same snapshot where there is nothing to gain."""
    stack: list[Part] = []
    for part in snapshot.parts:
        stack.append(part)
        while many := _count_due(stack):
            stack[-many:] = _merge(files, snapshot, stack[-many:])
    if stack == list(snapshot.parts):
        return snapshot
    return msgspec.structs.replace(snapshot, parts=tuple(stack))


def _count_due(parts: Sequence[Part]) -> int:
    """Return how many files at the end are to become one now: back to the last of `WIDTH` of one class."""
    counts = [0] * _CLASSES
    lowest = 0
    for place, part in enumerate(reversed(parts), start=1):
        level = _class_of(part)
        lowest = max(lowest, level)
        if lowest == _CLASSES:
            break
        counts[lowest] += level == lowest
        if counts[lowest] == WIDTH:
            return place
    return 0


def _class_of(part: Part) -> int:
    """Return a file's size class; `_CLASSES` for one that is full."""
    if part.rows > PART_ROWS // 2:
        return _CLASSES
    size, level = part.size_bytes, 0
    while size >= _SMALLEST_BYTES and level < _CLASSES:
        size, level = size // WIDTH, level + 1
    return level


def _merge(files: TableFiles, snapshot: Snapshot, parts: Sequence[Part]) -> list[Part]:
    frame = pl.concat(list(files.read_parts(snapshot, parts=parts)))
    last = len(snapshot.schemas) - 1
    return files.write_parts(frame, schema=last) or [files.write_part(frame, schema=last)]
