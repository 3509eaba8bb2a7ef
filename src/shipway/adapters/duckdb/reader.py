"""Raw inputs from DuckDB database files."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from shipway.adapters.sql.address import check_asked, fill_in, say_fault
from shipway.adapters.sql.dialect import DUCKDB
from shipway.adapters.sql.frame import BATCH_ROWS, make_frames
from shipway.adapters.sql.question import find_pieces, read_piece
from shipway.core.raw import Cursor, Piece, Raw


class DuckdbReader:
    """The reader of DuckDB files, by `duckdb:PATH`; it answers the port `Reader`.

    A file is opened for reading only, so one that another process writes to is refused until that is done.
    """

    def __init__(self, root: Path, inbox: Path | None = None) -> None:
        """Read relative paths from a folder, the project's."""
        del inbox  # nothing is pushed to a database from here
        self._root = root

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return what there is to read: the whole of a table or query, or what is new by its watermark.

        Raises:
            ShipwayError: SW-201 if it cannot be read, SW-202 if there is no such watermark.
        """
        with self._open(raw) as session:
            return find_pieces(session, DUCKDB, raw, since)

    def read(self, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
        """Yield the rows of a piece.

        Raises:
            ShipwayError: SW-201 if it cannot be read or is no longer what was named.
        """
        with self._open(raw) as session:
            yield from read_piece(session, DUCKDB, raw, piece)

    @contextmanager
    def _open(self, raw: Raw) -> Generator["_Session"]:
        check_asked(raw)
        path = fill_in(raw.uri).removeprefix("duckdb:").removeprefix("//")
        try:
            with duckdb.connect(self._root / path, read_only=True) as connection:
                connection.execute("begin transaction")
                yield _Session(connection, raw)
        except duckdb.Error as fault:
            raise say_fault(raw, fault) from fault


class _Session:
    def __init__(self, connection: Any, raw: Raw) -> None:
        self._connection = connection
        self._raw = raw

    def ask(self, question: str) -> Iterator[pl.DataFrame]:
        reader: Any = self._connection.sql(question).to_arrow_reader(BATCH_ROWS)
        yield from make_frames(reader, f"raw input {self._raw.name!r}")
