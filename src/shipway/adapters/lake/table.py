"""Tables as immutable Parquet files in the blob store, under the branches of a `RefStore`.

The same rows give the same bytes, whatever the frame's chunks, the number of threads or the folder: a snapshot's digest
is that of its content. It is so for one version of Polars; another may encode the same rows differently, which makes a
second snapshot of them and harms nothing else.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from shipway.adapters.lake.ref import RefStore
from shipway.core.error import ShipwayError
from shipway.core.table import Commit, Part, Snapshot
from shipway.kit.suggestion import did_you_mean
from shipway.ports.blobs import Blobs

PART_ROWS: Final = 1 << 21
"""The most rows of one file."""

GROUP_ROWS: Final = 1 << 17
"""The most rows of one row group, the unit that a reader's filter can skip by its statistics."""


class ParquetTables:
    """The lakehouse of a project in local files; it answers the port `Tables`."""

    def __init__(self, blobs: Blobs, path: Path) -> None:
        """Open the lakehouse, creating the database of its branches if it is new.

        Args:
            blobs: where files and commits are kept.
            path: the database of branches; its folder must exist.

        Raises:
            ShipwayError: as `RefStore` does.
        """
        self._blobs = blobs
        self._refs = RefStore(blobs, path)

    def write(self, frame: pl.DataFrame) -> Snapshot:
        """Store a frame's rows as a new snapshot that no branch shows yet.

        Raises:
            ShipwayError: SW-203 for a type that Parquet cannot keep, SW-601 disk full, SW-602 not writable.
        """
        # An empty frame has one file too: it keeps the columns' types.
        starts = range(0, max(frame.height, 1), PART_ROWS)
        parts = tuple(self._write_part(frame.slice(start, PART_ROWS)) for start in starts)
        return Snapshot(columns={name: str(dtype) for name, dtype in frame.schema.items()}, parts=parts)

    def read(self, snapshot: Snapshot, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return a snapshot's rows, all columns or those named in the order named.

        Raises:
            ShipwayError: SW-605 if a file is missing or damaged, SW-202 for a column it lacks.
        """
        for name in columns or ():
            if name not in snapshot.columns:
                raise ShipwayError("SW-202", f"there is no column {name!r}", did_you_mean(name, snapshot.columns))
        wanted = None if columns is None else list(columns)
        # Whole files are read even for few columns: only then can their digest be checked, and a flipped bit of a value
        # that Parquet would return without a word.
        frames = [pl.read_parquet(self._blobs.get(part.digest), columns=wanted) for part in snapshot.parts]
        return pl.concat(frames)

    def head(self, branch: str) -> str | None:
        """Return the id of the commit a branch points at, or None if there is no such branch."""
        return self._refs.head(branch)

    def get(self, commit: str) -> Commit:
        """Return a commit by id; SW-209 if there is none, SW-605 if it is lost or damaged."""
        return self._refs.get(commit)

    def commit(self, branch: str, tables: Mapping[str, Snapshot], *, expect: str | None, message: str) -> Commit:
        """Put new snapshots over the branch's present tables and move the branch there, or raise SW-208."""
        return self._refs.commit(branch, tables, expect=expect, message=message)

    def fork(self, branch: str, *, at: str) -> None:
        """Create a branch at a commit; SW-208 if the branch exists at another commit, nothing if at this one."""
        self._refs.fork(branch, at=at)

    def merge(self, source: str, into: str, *, expect: str | None) -> Commit:
        """Fast-forward one branch to another's commit, or raise SW-208 or SW-209."""
        return self._refs.merge(source, into, expect=expect)

    def branches(self) -> dict[str, str]:
        """Return every branch with the commit it points at."""
        return self._refs.branches()

    def log(self, branch: str) -> Iterator[Commit]:
        """Yield a branch's commits, newest first, first parents only; SW-209 if there is no such branch."""
        return self._refs.log(branch)

    def drop(self, branch: str) -> None:
        """Forget a branch; its commits and files stay until they are collected."""
        self._refs.drop(branch)

    def close(self) -> None:
        """Release the database of branches; closing twice does no harm."""
        self._refs.close()

    def _write_part(self, frame: pl.DataFrame) -> Part:
        buffer = io.BytesIO()
        try:
            frame.write_parquet(buffer, compression="zstd", statistics=True, row_group_size=GROUP_ROWS)
        except pl.exceptions.PolarsError as fault:
            hint = "cast the column to a plain type before it is stored"
            raise ShipwayError("SW-203", f"a column's type cannot be stored ({fault})", hint) from fault
        data = buffer.getvalue()
        return Part(digest=self._blobs.put(data), rows=frame.height, size_bytes=len(data))
