"""PostgreSQL as a warehouse, by its ADBC driver."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from shipway.adapters.adbc.reader import connect_arguments, load_driver
from shipway.adapters.sql.address import fill_in
from shipway.adapters.sql.dialect import POSTGRES
from shipway.adapters.sql.warehouse import ArrowWarehouse, telling

_NAMES: Final = """select distinct cast(c.relname as text) as name
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'f', 'p') and s.nspname {}"""


@contextmanager
def open_warehouse(uri: str, folder: Path) -> Generator[ArrowWarehouse]:
    """Open a PostgreSQL database, `postgresql://USER@HOST/DATABASE`, for one transaction that only reads.

    Args:
        uri: its address; what is missing is taken from libpq's environment variables and password file.
        folder: of no use here.

    Raises:
        ShipwayError: SW-201 if it does not let this user in, SW-701 if the driver is not installed.
    """
    del folder
    connect, fault = load_driver("postgresql")
    # What goes wrong while an answer comes is told by pyarrow.
    faults = (fault, OSError)
    given, options = connect_arguments("postgresql", fill_in(uri))
    with ExitStack() as stack:
        with telling(uri, "PostgreSQL", faults):
            connection: Any = stack.enter_context(connect(*given, **options))
            with connection.cursor() as cursor:
                for statement in (*POSTGRES.first, "set local standard_conforming_strings = on"):
                    cursor.execute(statement)

        def fetch(question: str) -> Any:
            cursor = stack.enter_context(connection.cursor())
            cursor.execute(question)
            return cursor.fetch_record_batch()

        yield ArrowWarehouse(uri, "PostgreSQL", "postgres", fetch, faults, _NAMES, "current_schemas(false)")
