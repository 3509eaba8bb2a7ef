"""Raw inputs from databases and warehouses that have an ADBC driver: PostgreSQL, Redshift, Snowflake and BigQuery."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import polars as pl

from shipway.adapters.sql.address import check_asked, fill_in, say_fault
from shipway.adapters.sql.dialect import DIALECTS, Dialect
from shipway.adapters.sql.frame import make_frames
from shipway.adapters.sql.question import find_pieces, read_piece
from shipway.core.error import ShipwayError
from shipway.core.raw import Cursor, Piece, Raw
from shipway.ports.adapter import needs_extra

_DRIVERS: Final[Mapping[str, str]] = {
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "redshift": "adbc_driver_postgresql",
    "snowflake": "adbc_driver_snowflake",
    "bigquery": "adbc_driver_bigquery",
}


class AdbcReader:
    """The reader of databases by their ADBC drivers; it answers the port `Reader`.

    The address is `postgresql://USER:${PASSWORD}@HOST/DATABASE`, `redshift://` likewise,
    `snowflake://USER:${PASSWORD}@ACCOUNT/DATABASE/SCHEMA?warehouse=NAME`, or `bigquery://PROJECT/DATASET`. All is read
    in one transaction; where a warehouse has none that keeps a state, its content is digested before and after.
    """

    def __init__(self, root: Path, inbox: Path | None = None) -> None:
        """Take what every reader is given; a database lies in neither folder."""
        del root, inbox

    def pieces(self, raw: Raw, since: Cursor) -> list[Piece]:
        """Return what there is to read: the whole of a table or query, or what is new by its watermark.

        Raises:
            ShipwayError: SW-201 if the database does not answer, SW-202 if there is no such watermark, SW-701 if its
                driver is not installed.
        """
        with _open(raw) as session:
            return find_pieces(session, DIALECTS[raw.scheme], raw, since)

    def read(self, raw: Raw, piece: Piece) -> Iterator[pl.DataFrame]:
        """Yield the rows of a piece.

        Raises:
            ShipwayError: SW-201 if the database does not answer, or the piece is no longer what was named.
        """
        with _open(raw) as session:
            yield from read_piece(session, DIALECTS[raw.scheme], raw, piece)


def connect_arguments(scheme: str, uri: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a driver's `connect` is given for an address with its secrets filled in.

    Raises:
        ShipwayError: SW-201 for an address that lacks a part.
    """
    if scheme in ("postgresql", "postgres", "redshift"):
        return ("postgresql:" + uri.partition(":")[2],), {}
    if scheme == "snowflake":
        return (uri.removeprefix("snowflake://"),), {}
    parts = urlsplit(uri)
    dataset = parts.path.strip("/")
    if not parts.netloc or not dataset:
        raise ShipwayError("SW-201", f"{uri} names no project and dataset", "write bigquery://PROJECT/DATASET")
    options = {"adbc.bigquery.sql.project_id": parts.netloc, "adbc.bigquery.sql.dataset_id": dataset}
    return (), {"db_kwargs": options}


@contextmanager
def _open(raw: Raw) -> Generator["_Session"]:
    check_asked(raw)
    connect, errors = load_driver(raw.scheme)
    given, options = connect_arguments(raw.scheme, fill_in(raw.uri))
    try:
        with connect(*given, **options) as connection:
            session = _Session(connection, raw)
            session.begin(DIALECTS[raw.scheme])
            yield session
    except errors as fault:
        raise say_fault(raw, fault) from fault


def load_driver(scheme: str) -> tuple[Callable[..., Any], type[Exception]]:
    """Return a driver's `connect` and the exception that all of its own are.

    Raises:
        ShipwayError: SW-701 if the driver or pyarrow, which hands over what it reads, is not installed.
    """
    module = _DRIVERS[scheme]
    try:
        import_module("pyarrow")
        driver: Any = import_module(f"{module}.dbapi")
        manager: Any = import_module("adbc_driver_manager.dbapi")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise needs_extra(missing, f"an address of kind {scheme}") from error
    return driver.connect, manager.Error


class _Session:
    def __init__(self, connection: Any, raw: Raw) -> None:
        self._connection = connection
        self._raw = raw

    def begin(self, dialect: Dialect) -> None:
        """Say what comes before the first question; the driver begins a transaction by itself."""
        with self._connection.cursor() as cursor:
            for statement in dialect.first:
                cursor.execute(statement)

    def ask(self, question: str) -> Iterator[pl.DataFrame]:
        with self._connection.cursor() as cursor:
            cursor.execute(question)
            reader = cursor.fetch_record_batch()
            yield from make_frames(reader, f"raw input {self._raw.name!r}")
