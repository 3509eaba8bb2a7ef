"""Raw inputs from Delta Lake tables, by version."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import deltalake
import polars as pl

from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Mark, Piece, Raw, read_mark, write_mark
from shipway.kit.canonical import digest_value

_FEED: Final = "delta.enableChangeDataFeed"
_BATCH_ROWS: Final = 1 << 17


class DeltaReader:
    """The reader of Delta Lake tables, by `delta:PATH` or `delta:s3://...`; it answers the port `Reader`.

    Without a key a piece is the newest version, whole. With one, the first piece is the version found then, and each
    later one is what the table's change data feed says happened since, deletions too. The table keeps its versions, so
    a piece reads the same again for as long as nobody vacuums them away.
    """

    def __init__(self, root: Path, inbox: Path | None = None) -> None:
        """Read relative paths from a folder, the project's."""
        del inbox  # nothing is pushed to a lake from here
        self._root = root

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return the newest version, or what happened since the one that is in.

        Raises:
            ShipwayError: SW-201 if there is no such table, it is another than before, or it keeps no change data feed.
        """
        with _translate(raw):
            table = self._open(raw)
            newest, identity = table.version(), str(table.metadata().id)
            before = read_mark(since.mark) if raw.key else None
            start = before.until if before else ""
            if before and (before.seen != identity or int(before.until) > newest):
                raise ShipwayError(
                    "SW-201",
                    f"raw input {raw.name!r} was read up to version {before.until} of a table that is no longer there",
                    "give the new table an input of its own name: what was kept of the old one does not fit it",
                )
            if start == str(newest):
                return []
            if start and (table.metadata().configuration or {}).get(_FEED, "").lower() != "true":
                raise ShipwayError(
                    "SW-201",
                    f"raw input {raw.name!r} has a key, and its table keeps no change data feed to read changes from",
                    f"set {_FEED} to true on the table, or take the key away to read it whole each time",
                )
            name = f"version {newest}" if not start else f"versions {int(start) + 1} to {newest}"
            mark = Mark(since=start, until=str(newest), seen=identity)
            return [Piece(name=name, fingerprint=digest_value([identity, start, newest]), mark=write_mark(mark))]

    def read(self, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
        """Yield the rows of a version, or the changes of several.

        Raises:
            ShipwayError: SW-201 if the table or one of its files is gone or damaged.
        """
        mark = read_mark(piece.mark)
        assert mark is not None
        with _translate(raw):
            table = self._open(raw)
            if str(table.metadata().id) != mark.seen:
                raise ShipwayError("SW-201", f"raw input {raw.name!r} is another table now", "run again")
            until = int(mark.until)
            if mark.since:
                reader: Any = table.load_cdf(int(mark.since) + 1, until)
                yield from _gather(reader)
                return
            table.load_as_version(until)
            whole: Any = deltalake.QueryBuilder().register("whole", table).execute("select * from whole")
            for frame in _gather(whole):
                # Changes that come later carry the version they were made in, and so do the rows of the first.
                yield (
                    frame
                    if not raw.key
                    else frame.with_columns(
                        _change_type=pl.lit("insert"), _commit_version=pl.lit(until, dtype=pl.UInt64)
                    )
                )

    def _open(self, raw: Raw) -> deltalake.DeltaTable:
        address = raw.uri.removeprefix("delta:")
        return deltalake.DeltaTable(address if "://" in address else str(self._root / address))


def _gather(batches: Any) -> Iterator[pl.DataFrame]:
    """Yield Arrow batches as frames, small ones put together."""
    held: list[pl.DataFrame] = []
    rows = 0
    for batch in batches:
        held.append(pl.DataFrame(batch))
        rows += held[-1].height
        if rows >= _BATCH_ROWS:
            yield pl.concat(held)
            held, rows = [], 0
    if held:
        yield pl.concat(held)


@contextmanager
def _translate(raw: Raw) -> Generator[None]:
    try:
        yield
    except ShipwayError:
        raise
    except Exception as fault:
        # The library raises plain exceptions for damaged files; nothing of ours is called in here.
        said = str(fault).strip().partition("\n")[0] or type(fault).__name__
        raise ShipwayError(
            "SW-201",
            f"raw input {raw.name!r} cannot be read from {raw.uri}: {said}",
            "check the address, and that all files of the table are there",
        ) from fault
