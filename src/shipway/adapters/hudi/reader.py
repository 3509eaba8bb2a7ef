"""Raw inputs from Apache Hudi tables, by instant of their timeline."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl
from hudi import HudiQueryType, HudiReadOptions, HudiTableBuilder

from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Mark, Piece, Raw, read_mark, write_mark
from shipway.kit.canonical import digest_value

_COMMITTED: Final = "_hoodie_commit_time"
_PREFIX: Final = "_hoodie_"


class HudiReader:
    """The reader of Hudi tables, by `hudi:PATH` or `hudi:s3://...`; it answers the port `Reader`.

    Without a key a piece is the table as of its newest instant. With one, the first piece is that, and each later one
    is the rows that were written since; rows that were deleted there do not show in them.
    """

    def __init__(self, root: Path, inbox: Path | None = None) -> None:
        """Read relative paths from a folder, the project's."""
        del inbox  # nothing is pushed to a lake from here
        self._root = root

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return the newest instant, or what was written since the one that is in.

        Raises:
            ShipwayError: SW-201 if there is no such table, or it went back behind what is in.
        """
        with _translate(raw):
            table = self._open(raw)
            newest = str(table.get_timeline().get_latest_commit_timestamp())
            before = read_mark(since.mark) if raw.key else None
            start = before.until if before else ""
            if start == newest:
                return []
            if start > newest:
                raise ShipwayError(
                    "SW-201",
                    f"raw input {raw.name!r} was read up to {start}, and the newest instant of its table is {newest}",
                    "give the new table an input of its own name: what was kept of the old one does not fit it",
                )
            mark = Mark(since=start, until=newest, seen=str(table.table_name))
            name = f"instant {newest}" if not start else f"instants after {start} to {newest}"
            return [Piece(name=name, fingerprint=digest_value([raw.uri, start, newest]), mark=write_mark(mark))]

    def read(self, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
        """Yield the rows as of an instant, or those written between two.

        Raises:
            ShipwayError: SW-201 if the table or one of its files is gone or damaged.
        """
        mark = read_mark(piece.mark)
        assert mark is not None
        with _translate(raw):
            table = self._open(raw)
            options: Any = HudiReadOptions()
            if mark.since:
                between = options.with_start_timestamp(mark.since).with_end_timestamp(mark.until)
                batches: Any = table.read(between.with_query_type(HudiQueryType.Incremental))
            else:
                batches = table.read_stream(options.with_as_of_timestamp(mark.until))
            for batch in batches:
                frame = pl.DataFrame(batch)
                extra = [name for name in frame.columns if name.startswith(_PREFIX)]
                yield frame.drop(name for name in extra if not (raw.key and name == _COMMITTED))

    def _open(self, raw: Raw) -> Any:
        address = raw.uri.removeprefix("hudi:")
        return HudiTableBuilder.from_base_uri(address if "://" in address else str(self._root / address)).build()


@contextmanager
def _translate(raw: Raw) -> Generator[None]:
    try:
        yield
    except ShipwayError:
        raise
    except Exception as fault:
        # The library's own exception is not part of its public names; nothing of ours is called in here.
        said = str(fault).strip().partition("\n")[0] or type(fault).__name__
        raise ShipwayError(
            "SW-201",
            f"raw input {raw.name!r} cannot be read from {raw.uri}: {said}",
            "check the address, and that all files of the table are there",
        ) from fault
