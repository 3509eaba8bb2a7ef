"""A fake of the port Publisher."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.table import Snapshot
from shipway.ports.publication import Published


class MemoryPublisher:
    """A publisher of local files whose tables are in memory; `read` takes the part of a stranger."""

    def __init__(self) -> None:
        """Publish nothing yet."""
        self._versions: dict[tuple[str, str], list[tuple[Snapshot, str]]] = {}
        self._frames: dict[str, pl.DataFrame] = {}

    def publish(
        self, name: str, snapshot: Snapshot, *, commit: str, files: Callable[[str], str], location: str
    ) -> Published:
        """Make a snapshot the present version of a published table; nothing where it is already."""
        versions = self._versions.setdefault((location, name), [])
        if versions and versions[-1][0].stored == snapshot.stored:
            return self._report(name, location, added=0, removed=0, unchanged=True)
        for field in snapshot.fields:
            if field.type.startswith("Object"):
                fact = f"there is no type for column {field.name!r} of table {name!r}, which is {field.type}"
                raise ShipwayError("SW-212", fact, "cast the column to a plain type")
        seen = len(versions)
        frame = _read(snapshot, files)
        if len(versions) != seen:
            raise ShipwayError("SW-208", f"somebody else published table {name!r} meanwhile", "publish it again")
        before = {part.digest for part in versions[-1][0].parts} if versions else set[str]()
        after = {part.digest for part in snapshot.parts}
        versions.append((snapshot, commit))
        found = self._report(name, location, added=len(after - before), removed=len(before - after))
        self._frames[found.metadata_uri] = frame
        return found

    def commits(self, name: str, *, location: str) -> tuple[str, ...]:
        """Return the commits of all versions that were published there, oldest first."""
        return tuple(dict.fromkeys(commit for _, commit in self._versions.get((location, name), ())))

    def read(self, uri: str) -> pl.DataFrame:
        """Return the rows of a version by the address of its metadata."""
        return self._frames[uri]

    def _report(self, name: str, location: str, *, added: int, removed: int, unchanged: bool = False) -> Published:
        versions = self._versions[location, name]
        return Published(
            metadata_uri=f"{location}/{name}/{len(versions)}",
            rows=versions[-1][0].rows,
            files_added=added,
            files_removed=removed,
            files_rewritten=0,
            unchanged=unchanged,
        )


def _read(snapshot: Snapshot, files: Callable[[str], str]) -> pl.DataFrame:
    frames: list[pl.DataFrame] = []
    for part in snapshot.parts:
        frame = pl.read_parquet(Path(unquote(urlsplit(files(part.digest)).path)))
        names = {field.id: field.name for field in snapshot.schemas[part.schema]}
        frames.append(
            frame.select(
                (pl.col(names[field.id]) if field.id in names else pl.lit(None)).alias(field.name)
                for field in snapshot.fields
            )
        )
    return pl.concat(frames, how="vertical_relaxed")
