"""What the warehouses that are asked where they lie have in common: columns, names of tables, and how they refuse."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final, cast

import polars as pl

from shipway.adapters.sql.address import hide_secrets
from shipway.adapters.sql.frame import make_frame, make_frames
from shipway.core.error import ShipwayError

_WORDS: Final = re.compile(r"(?s)^.*?ERROR:\s*")
"""What a PostgreSQL driver says before the server's own words."""


class ArrowWarehouse:
    """A warehouse whose answers are Arrow batches; it answers the port `Warehouse`."""

    def __init__(
        self,
        uri: str,
        name: str,
        dialect: str,
        fetch: Callable[[str], Any],
        faults: tuple[type[Exception], ...],
        names: str,
        found: str,
    ) -> None:
        """Take what makes the difference.

        Args:
            uri: the address with its secrets by name.
            name: what the database is called in messages.
            dialect: which SQL it speaks.
            fetch: asks a question and returns a pyarrow.RecordBatchReader.
            faults: the exceptions by which it refuses.
            names: asks for the names of tables, around the condition that their schema is to meet.
            found: the schemas that a name without one is looked up in, in SQL.
        """
        self.dialect = dialect
        self._uri = uri
        self._name = name
        self._fetch = fetch
        self._faults = faults
        self._names = names
        self._found = found

    def columns(self, table: str) -> dict[str, pl.DataType]:
        """Return the columns of a table with the types that a frame read from it has; SW-209 if it is not there."""
        try:
            answer = self._fetch(f"select * from {table} limit 0")
            schema = answer.schema
            answer.read_all()
        except self._faults as fault:
            hint = "check its name, or give one: --table SOURCE=SCHEMA.TABLE"
            raise ShipwayError("SW-209", f"table {table} cannot be read: {self._say(fault)}", hint) from fault
        return {field.name: _dtype(field) for field in schema}

    def ask(self, question: str, *, about: str) -> pl.DataFrame:
        """Return the answer to a question; SW-403 if the database refuses it or cannot compute it."""
        try:
            return pl.concat(make_frames(self._fetch(question), about))
        except self._faults as fault:
            said = f"{about} cannot be measured in {self._name}: {self._say(fault)}"
            raise ShipwayError("SW-403", said, "look at the question: --sql prints it") from fault

    def tables(self, schema: str) -> list[str]:
        """Return the names of the tables and views of a schema, in order; where it is empty, of those found without."""
        quoted = "'" + schema.replace("'", "''") + "'"
        names = self._names.format(f"= {quoted}" if schema else f"= any ({self._found})")
        return self.ask(names, about="the list of tables")["name"].sort().to_list()

    def _say(self, fault: Exception) -> str:
        return hide_secrets(_first_line(fault), self._uri)


@contextmanager
def telling(uri: str, name: str, faults: tuple[type[Exception], ...]) -> Generator[None]:
    """Say what keeps a database from being opened.

    Raises:
        ShipwayError: SW-201, without the secrets of the address.
    """
    try:
        yield
    except faults as fault:
        said = hide_secrets(_first_line(fault), uri)
        hint = "check the address, and that this user may read there"
        raise ShipwayError("SW-201", f"{name} cannot be opened: {said}", hint) from fault


def _first_line(fault: Exception) -> str:
    said = _WORDS.sub("", str(fault))
    return next((line.strip() for line in said.splitlines() if line.strip()), type(fault).__name__)


def _dtype(field: Any) -> pl.DataType:
    """Return the type of a column; a number of PostgreSQL is one whatever its precision."""
    metadata = cast("dict[bytes, bytes]", field.metadata or {})
    if metadata.get(b"POSTGRESQL:type") == b"numeric":
        return pl.Decimal(38, 9)
    pa: Any = import_module("pyarrow")
    empty: list[Any] = [pa.array([], field.type)]
    try:
        frame = make_frame(pa.RecordBatch.from_arrays(empty, schema=pa.schema([field])), "the table")
    except (ShipwayError, pl.exceptions.PolarsError):
        return pl.Unknown()
    return frame.dtypes[0]
