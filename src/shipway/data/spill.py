"""What may be more than memory holds, for as long as a measurement takes: groups with counts, and hashes of keys.

While they are few they are in memory. Beyond that they lie in a file without a name, in the folder for temporary files,
cut by the hash of the key so that one cut after the other is looked at whole. What they give is the same either way.
"""

import io
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from errno import EDQUOT, ENOSPC
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.maths.distribution import place_values

Hashes: TypeAlias = NDArray[np.uint64]

HELD_GROUPS: Final = 1 << 18
"""How many groups are held in memory."""

HELD_HASHES: Final = 1 << 18
"""How many hashes are held in memory."""

_FOLD_ROWS: Final = 1 << 17
"""How many rows of groups are gathered at least before they are put together."""

_GROUP_CUTS: Final = 64
_HASH_CUTS: Final = 256


class Tally:
    """Groups of rows by key, each with numbers that those of several parts are put together to, such as counts.

    Attributes:
        keys: the columns that tell groups apart.
    """

    def __init__(self, keys: Sequence[str], merge: Sequence[pl.Expr] | None = (), held: int | None = None) -> None:
        """Begin without groups.

        Args:
            keys: the columns that tell groups apart.
            merge: how each other column comes of those of parts, in the order of the columns; None where all rows of a
                key are kept as they are.
            held: how many groups may be in memory.
        """
        self.keys = list(keys)
        self._merge = merge
        self._limit = held or HELD_GROUPS
        self._loose: list[pl.DataFrame] = []
        self._rows = 0
        self._folded = 0
        self._disk: _Disk | None = None
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(_GROUP_CUTS)]

    def add(self, groups: pl.DataFrame) -> None:
        """Add groups: the keys, then the other columns; a key that is there already is put together with it."""
        self._loose.append(groups)
        self._rows += groups.height
        if self._disk is not None:
            if self._rows > self._limit:
                self.spread()
        elif (
            self._rows - self._folded > max(min(_FOLD_ROWS, self._limit), self._folded)
            and self._fold().height > self._limit
        ):
            self.spread()

    @property
    def spilled(self) -> bool:
        """Tell whether groups lie on disk."""
        return self._disk is not None

    def spread(self) -> None:
        """Put all groups on disk; SW-601 or SW-602 if they cannot be."""
        self._disk = self._disk or _Disk()
        folded = self._fold()
        for cut, groups in enumerate(_cut(folded, self.keys)):
            if groups.height:
                buffer = io.BytesIO()
                groups.write_ipc(buffer)
                self._places[cut].append(self._disk.append(buffer.getbuffer()))
        self._hold(folded.clear())

    def parts(self) -> Iterator[pl.DataFrame]:
        """Yield all groups, each once: at once while they are in memory, and cut by cut from disk."""
        if self._disk is None:
            yield self._fold()
            return
        self.spread()
        empty = self._loose[0]
        for places in self._places:
            found = [pl.read_ipc(io.BytesIO(self._disk.read(*place))) for place in places]
            yield self._merged(found) if found else empty

    def whole(self) -> pl.DataFrame:
        """Return all groups."""
        return pl.concat(list(self.parts()))

    def _fold(self) -> pl.DataFrame:
        if len(self._loose) > 1 or self._rows != self._folded:
            self._hold(self._merged(self._loose))
        return self._loose[0]

    def _hold(self, folded: pl.DataFrame) -> None:
        self._loose, self._rows, self._folded = [folded], folded.height, folded.height

    def _merged(self, found: list[pl.DataFrame]) -> pl.DataFrame:
        rows = pl.concat(found)
        return rows if self._merge is None else rows.group_by(self.keys).agg(self._merge)


class KeyHashes:
    """Hashes of the keys of rows, kept to find those that come more than once."""

    def __init__(self, held: int | None = None) -> None:
        """Begin without rows.

        Args:
            held: how many hashes may be in memory.
        """
        self._limit = held or HELD_HASHES
        self._loose: list[Hashes] = []
        self._rows = 0
        self._total = 0
        self._disk: _Disk | None = None
        self._runs: list[tuple[int, NDArray[np.int64]]] = []

    def add(self, hashes: Hashes) -> None:
        """Add the hashes of some rows; SW-601 or SW-602 if they are too many for memory and cannot be put on disk."""
        self._loose.append(hashes)
        self._rows += len(hashes)
        self._total += len(hashes)
        if self._rows >= self._limit:
            self._flush()

    def repeated(self) -> Iterator[Hashes]:
        """Yield the hashes that come more than once, each once and in order, in portions that memory holds."""
        found: list[Hashes] = []
        for hashes in self._cuts():
            hashes.sort()
            found.append(place_values(hashes[1:][hashes[1:] == hashes[:-1]])[0])
            if sum(map(len, found)) >= self._limit:
                yield np.concatenate(found)
                found = []
        if any(map(len, found)):
            yield np.concatenate(found)

    def _cuts(self) -> Iterator[Hashes]:
        """Yield all hashes, the equal ones together."""
        if self._disk is None:
            yield np.concatenate([np.empty(0, np.uint64), *self._loose])
            return
        self._flush()
        step = max(1, _HASH_CUTS * self._limit // self._total)
        for start in range(0, _HASH_CUTS, step):
            end = min(start + step, _HASH_CUTS)
            pieces: list[Hashes] = []
            for offset, bounds in self._runs:
                first, last = int(bounds[start]), int(bounds[end])
                data = self._disk.read(offset + 8 * first, 8 * (last - first))
                pieces.append(np.frombuffer(data, np.uint64))
            yield np.concatenate(pieces)

    def _flush(self) -> None:
        """Put what is held on disk as a sorted run."""
        if not self._rows:
            return
        self._disk = self._disk or _Disk()
        run = np.concatenate([np.empty(0, np.uint64), *self._loose])
        run.sort()
        edges = np.arange(1, _HASH_CUTS, dtype=np.uint64) << np.uint64(56)
        bounds = np.concatenate([[0], np.searchsorted(run, edges), [len(run)]])
        offset, _ = self._disk.append(run.data)
        self._runs.append((offset, bounds))
        self._loose, self._rows = [], 0


def pair_parts(left: Tally, right: Tally) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the groups of two tallies with keys of the same types, those of equal keys side by side."""
    if left.spilled or right.spilled:
        left.spread()
        right.spread()
    return zip(left.parts(), right.parts(), strict=True)


def hash_keys(columns: Sequence[str], schema: pl.Schema) -> pl.Expr:
    """Return a hash of a row's key; equal keys have equal ones in every batch of a process."""
    read = [
        # The numbers of categories are given anew once no frame holds them any more.
        pl.col(name).cast(pl.String) if isinstance(schema[name], pl.Categorical | pl.Enum) else pl.col(name)
        for name in columns
    ]
    return pl.struct(read).hash()


class Sought:
    """Hashes that are looked for among many others."""

    def __init__(self, hashes: Hashes) -> None:
        """Look for hashes, which are in order."""
        self._hashes = hashes
        self._ends = np.zeros(1 << 16, np.bool_)
        self._ends[hashes.astype(np.uint16)] = True

    def places(self, hashes: pl.Series) -> list[int]:
        """Return the rows whose hash is looked for; null is not."""
        rows = hashes.is_not_null().arg_true().to_numpy()
        values = hashes.drop_nulls().to_numpy()
        # Most are ruled out by their last bits.
        (likely,) = self._ends[values.astype(np.uint16)].nonzero()
        near = np.minimum(np.searchsorted(self._hashes, values[likely]), len(self._hashes) - 1)
        return rows[likely[self._hashes[near] == values[likely]]].tolist()


class _Disk:
    """A file without a name that grows, and is gone with what holds it."""

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finalize
        except OSError as fault:
            raise _refuse(fault) from fault
        weakref.finalize(self, self._file.close)

    def append(self, data: memoryview) -> tuple[int, int]:
        """Write at the end and return where it lies, and its size."""
        try:
            place = self._file.seek(0, io.SEEK_END)
            self._file.write(data)
        except OSError as fault:
            raise _refuse(fault) from fault
        return place, data.nbytes

    def read(self, place: int, size: int) -> bytes:
        """Return what was written."""
        self._file.seek(place)
        return self._file.read(size)


def _cut(groups: pl.DataFrame, keys: list[str]) -> list[pl.DataFrame]:
    """Cut groups by the hash of their key."""
    place = groups.select(hash_keys(keys, groups.schema) % _GROUP_CUTS).to_series().to_numpy()
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(_GROUP_CUTS + 1))
    sorted_groups = groups[order]
    return [sorted_groups[int(a) : int(b)] for a, b in pairwise(bounds)]


def _refuse(fault: OSError) -> ShipwayError:
    folder = tempfile.gettempdir()
    hint = "free some space there, or name another folder in the environment variable TMPDIR"
    if fault.errno in (ENOSPC, EDQUOT):
        return ShipwayError("SW-601", f"the disk of {folder} is full", hint)
    return ShipwayError("SW-602", f"{folder} cannot be written: {fault.strerror}", hint)
