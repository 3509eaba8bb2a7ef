"""The conformance suite of the port Publisher."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
from polars.testing import assert_frame_equal

from shipway.core.table import Field, Part, Snapshot, follow_snapshot, start_snapshot
from shipway.ports.blobs import Blobs
from shipway.ports.publication import Published, Publisher
from shipway.testing.refusal import expect_refusal


@dataclass(frozen=True, slots=True)
class Window:
    """A publisher, where it publishes to, and what a stranger sees there.

    Attributes:
        publisher: what is tested.
        blobs: an empty store, for the files that are published.
        location: where it publishes to; nothing is there at first.
        read: reads a table by the address of its metadata, knowing nothing of shipway; rows come in any order.
    """

    publisher: Publisher
    blobs: Blobs
    location: str
    read: Callable[[str], pl.DataFrame]

    def write(self, frame: pl.DataFrame, folder: Path, *, schema: int = 0) -> Part:
        """Store a frame as one file of a snapshot."""
        path = folder / "part.parquet"
        frame.write_parquet(path)
        digest = self.blobs.put_file(path)
        self.blobs.path(digest)  # a store in memory makes files of those it is asked for
        return Part(digest=digest, rows=frame.height, size_bytes=path.stat().st_size, schema=schema)

    def publish(self, snapshot: Snapshot, commit: str = "c", *, name: str = "t") -> Published:
        """Publish a snapshot."""
        return self.publisher.publish(name, snapshot, commit=commit, files=self.blobs.uri, location=self.location)


Make = Callable[[], Window]
"""Makes a window with nothing in it."""

Case = Callable[[Make, Path], None]

_FIRST: Final = pl.DataFrame({"id": [1, 2], "text": ["a", None]})
_MORE: Final = pl.DataFrame({"id": [3], "text": ["c"]})
_COLUMNS: Final = {"id": "Int64", "text": "String"}


def check_columns_are_called_as_they_were(make: Make, folder: Path) -> None:
    """A column keeps its name, also one that no program could have: of scored classes such names are made."""
    window = make()
    frame = pl.DataFrame({"_row": [0, 1], "class": ["late", None], "probabilities[on the way]": [0.25, None]})
    columns = {name: str(dtype) for name, dtype in frame.schema.items()}
    found = window.publish(start_snapshot(columns, [window.write(frame, folder)]))
    assert_frame_equal(window.read(found.metadata_uri).sort("_row"), frame)


def check_rows_are_those_stored(make: Make, folder: Path) -> None:
    """What a stranger reads is what was stored, files that follow with those before."""
    window = make()
    parts = [window.write(frame, folder) for frame in (_FIRST, _MORE)]
    found = window.publish(start_snapshot(_COLUMNS, parts))
    assert (found.rows, found.files_added, found.files_removed, found.unchanged) == (3, 2, 0, False)
    assert_frame_equal(window.read(found.metadata_uri).sort("id"), pl.concat([_FIRST, _MORE]))


def check_again_changes_nothing(make: Make, folder: Path) -> None:
    """What is published already is not published again, for the same commit or another one with the same table."""
    window = make()
    snapshot = start_snapshot(_COLUMNS, [window.write(_FIRST, folder)])
    first = window.publish(snapshot, "one")
    for commit in ("one", "two"):
        again = window.publish(snapshot, commit)
        assert again == first._replace(files_added=0, files_rewritten=0, unchanged=True)
        assert window.publisher.commits("t", location=window.location) == ("one",)


def check_files_that_change_are_counted(make: Make, folder: Path) -> None:
    """A version that follows adds what is new and removes what went, and earlier commits stay named."""
    window = make()
    first, second, third = (window.write(frame, folder) for frame in (_FIRST, _MORE, _FIRST.head(1)))
    before = start_snapshot(_COLUMNS, [first, second])
    window.publish(before, "one")
    after = follow_snapshot(before, "upsert", [second, third], said=["third"])
    found = window.publish(after, "two")
    assert (found.rows, found.files_added, found.files_removed) == (2, 1, 1)
    assert window.publisher.commits("t", location=window.location) == ("one", "two")
    assert_frame_equal(window.read(found.metadata_uri).sort("id"), pl.concat([_FIRST.head(1), _MORE]))


def check_columns_are_found_by_id(make: Make, folder: Path) -> None:
    """A column keeps its values when it is renamed, and one that takes a name that went has none of its values."""
    window = make()
    old = window.write(_FIRST, folder)
    new = window.write(pl.DataFrame({"id": [3], "word": ["c"], "text": ["new"]}), folder, schema=1)
    before = start_snapshot(_COLUMNS, [old])
    window.publish(before, "one")
    names = enumerate(("id", "word", "text"), start=1)
    fields = tuple(Field(id=at, name=name, type="Int64" if at == 1 else "String") for at, name in names)
    found = window.publish(follow_snapshot(before, "evolve", [old, new], said=[], fields=fields), "two")
    wanted = pl.DataFrame({"id": [1, 2, 3], "word": ["a", None, "c"], "text": [None, None, "new"]})
    assert_frame_equal(window.read(found.metadata_uri).sort("id"), wanted)


def check_tables_are_apart(make: Make, folder: Path) -> None:
    """Tables of different names do not touch each other."""
    window = make()
    assert window.publisher.commits("one", location=window.location) == ()
    first = window.publish(start_snapshot(_COLUMNS, [window.write(_FIRST, folder)]), name="one")
    second = window.publish(start_snapshot(_COLUMNS, [window.write(_MORE, folder)]), name="two")
    assert_frame_equal(window.read(first.metadata_uri).sort("id"), _FIRST)
    assert_frame_equal(window.read(second.metadata_uri), _MORE)


def check_who_is_overtaken_is_refused(make: Make, folder: Path) -> None:
    """Where somebody else publishes meanwhile, one of the two is refused and the other's rows are read."""
    window = make()
    mine, other = (start_snapshot(_COLUMNS, [window.write(frame, folder)]) for frame in (_FIRST, _MORE))
    seen: list[Published] = []

    def files(digest: str) -> str:
        if not seen:
            seen.append(window.publish(other, "other"))
        return window.blobs.uri(digest)

    with expect_refusal("SW-208"):
        window.publisher.publish("t", mine, commit="mine", files=files, location=window.location)
    assert_frame_equal(window.read(seen[0].metadata_uri), _MORE)
    assert_frame_equal(window.read(window.publish(mine, "mine").metadata_uri).sort("id"), _FIRST)


def check_unknown_types_are_refused(make: Make, folder: Path) -> None:
    """A column that the format has no type for is refused by its name, and nothing is shown."""
    window = make()
    part = window.write(pl.DataFrame({"wrong": [1]}), folder)
    with expect_refusal("SW-212") as refused:
        window.publish(start_snapshot({"wrong": "Object"}, [part]))
    assert "'wrong'" in refused[0].fact


def check_stored_files_stay(make: Make, folder: Path) -> None:
    """However often a table is published, the stored files are those that were stored."""
    window = make()
    parts = [window.write(_FIRST, folder)]
    snapshot = start_snapshot(_COLUMNS, parts)
    for number in range(30):
        parts.append(window.write(_MORE.with_columns(pl.lit(number, pl.Int64).alias("id")), folder))
        snapshot = follow_snapshot(snapshot, "append", parts, said=[parts[-1].digest])
        window.publish(snapshot, f"{number}")
    assert sorted(window.blobs.digests()) == sorted(part.digest for part in parts)
    for part in parts:
        window.blobs.get(part.digest)


CASES: Final[tuple[Case, ...]] = (
    check_rows_are_those_stored,
    check_columns_are_called_as_they_were,
    check_again_changes_nothing,
    check_files_that_change_are_counted,
    check_columns_are_found_by_id,
    check_tables_are_apart,
    check_who_is_overtaken_is_refused,
    check_unknown_types_are_refused,
    check_stored_files_stay,
)
"""The cases every Publisher passes; each is also given an empty folder."""
