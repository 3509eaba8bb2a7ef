"""Compaction: many small files become few, so that reading does not slow down as a table is appended to.

Files at the end of a table are merged once `WIDTH` of them have grown to one size class, with the smaller ones between
them, as in a log-structured merge tree (O'Neil et al., Acta Informatica 33, 1996), and smaller ones once a larger one
comes behind them. So a row is written again about twice for each of the few classes, and besides full files, with one
smaller between two of them, there are fewer than `2 * WIDTH` files of each class. The rows, their order and so the
snapshot's digest stay what they are.
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
        _push(files, snapshot, stack, part)
    if stack == list(snapshot.parts):
        return snapshot
    return msgspec.structs.replace(snapshot, parts=tuple(stack))


def _push(files: TableFiles, snapshot: Snapshot, stack: list[Part], part: Part) -> None:
    """Put a file behind others, and merge those that are due for it."""
    stack.append(part)
    while due := _find_sealed(stack) or _find_full(stack):
        start, stop = due
        behind = [*_merge(files, snapshot, stack[start:stop]), *stack[stop:]]
        del stack[start:]
        for each in behind:
            _push(files, snapshot, stack, each)


def _find_sealed(parts: Sequence[Part]) -> tuple[int, int] | None:
    """Return from where to where there are several files before the last one that are smaller than it.

    No file will be put beside them any more, so they would stay many for good.
    """
    stop = start = len(parts) - 1
    while start and _class_of(parts[start - 1]) < _class_of(parts[-1]):
        start -= 1
    return (start, stop) if stop - start > 1 else None


def _find_full(parts: Sequence[Part]) -> tuple[int, int] | None:
    """Return from where to where the last files have become `WIDTH` of one class."""
    counts = [0] * _CLASSES
    lowest = 0
    for start in reversed(range(len(parts))):
        level = _class_of(parts[start])
        lowest = max(lowest, level)
        if lowest == _CLASSES:
            break
        counts[lowest] += level == lowest
        if counts[lowest] == WIDTH:
            return start, len(parts)
    return None


def _class_of(part: Part) -> int:
    """Return a file's size class; `_CLASSES` for one that is full."""
    if part.rows > PART_ROWS // 2:
        return _CLASSES
    size, level = part.size_bytes, 0
    while size >= _SMALLEST_BYTES and level < _CLASSES:
        size, level = size // WIDTH, level + 1
    return level


def _merge(files: TableFiles, snapshot: Snapshot, parts: Sequence[Part]) -> list[Part]:
    last = len(snapshot.schemas) - 1
    if all(part.schema == last for part in parts):
        # Eight files at once take half the time of eight by themselves.
        frame = files.read_alike(parts)
    else:
        frame = pl.concat(list(files.read_parts(snapshot, parts=parts)))
    return files.write_parts(frame, schema=last) or [files.write_part(frame, schema=last)]
