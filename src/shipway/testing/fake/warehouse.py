"""A fake of the port Warehouse."""

from collections.abc import Generator
from contextlib import contextmanager

import polars as pl
from polars.exceptions import PolarsError

from shipway.core.error import ShipwayError


class MemoryWarehouse:
    """Tables in memory that answer the plain part of SQL, by Polars; what is put while it is open is seen later."""

    dialect = "duckdb"

    def __init__(self) -> None:
        """Start with no table."""
        self._tables: dict[str, pl.DataFrame] = {}
        self._open: pl.SQLContext[pl.LazyFrame] | None = None

    def put(self, name: str, frame: pl.DataFrame, *, schema: str = "") -> None:
        """Put a table there, in the place of one of its name."""
        self._tables[f"{schema}.{name}" if schema else name] = frame

    @contextmanager
    def open(self) -> Generator["MemoryWarehouse"]:
        """Open what is there now, for reading."""
        self._open = pl.SQLContext(self._tables)
        try:
            yield self
        finally:
            self._open = None

    def columns(self, table: str) -> dict[str, pl.DataType]:
        """Return the columns of a table with their types."""
        try:
            return dict(self._read(f"select * from {table} limit 0").schema)
        except PolarsError as fault:
            raise ShipwayError("SW-209", f"table {table} cannot be read: {fault}", "check its name") from fault

    def ask(self, question: str, *, about: str) -> pl.DataFrame:
        """Return the answer to a question that only reads."""
        try:
            return self._read(question)
        except PolarsError as fault:
            raise ShipwayError("SW-403", f"{about} cannot be measured: {fault}", "ask otherwise") from fault

    def tables(self, schema: str) -> list[str]:
        """Return the names of the tables of a schema, in order."""
        parts = [name.rpartition(".") for name in self._open.tables()] if self._open is not None else []
        return sorted(table for its, _, table in parts if its == schema)

    def _read(self, question: str) -> pl.DataFrame:
        assert self._open is not None, "it is asked within `with warehouse.open()`"
        if not question.lower().startswith(("select", "with")):
            raise PolarsError("only what reads is answered")
        return self._open.execute(question).collect()
