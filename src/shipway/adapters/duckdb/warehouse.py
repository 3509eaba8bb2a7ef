"""DuckDB database files as a warehouse."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb

from shipway.adapters.sql.address import fill_in
from shipway.adapters.sql.warehouse import ArrowWarehouse, telling

_NAMES: Final = """select table_name as name from information_schema.tables
where table_catalog = current_database() and table_schema {}"""


@contextmanager
def open_warehouse(uri: str, folder: Path) -> Generator[ArrowWarehouse]:
    """Open a DuckDB file, `duckdb:PATH`, for reading only.

    Args:
        uri: its address.
        folder: where a relative path begins.

    Raises:
        ShipwayError: SW-201 if it cannot be opened, such as while another process writes to it.
    """
    path = fill_in(uri).removeprefix("duckdb:").removeprefix("//")
    with telling(uri, "DuckDB", (duckdb.Error,)):
        connection = duckdb.connect(folder / path, read_only=True)
    with connection:
        # Instants are counted in UTC, and the file's own settings change no answer.
        connection.execute("set time zone 'UTC'")
        connection.execute("set ieee_floating_point_ops = true")
        connection.execute("begin transaction")

        def fetch(question: str) -> Any:
            # Whole, as an answer is small: of one that is read in batches, a fault comes as an interruption.
            return connection.sql(question).to_arrow_table().to_reader()

        yield ArrowWarehouse(uri, "DuckDB", "duckdb", fetch, (duckdb.Error,), _NAMES, "current_schemas(true)")
