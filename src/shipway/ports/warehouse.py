"""The port of warehouses: tables that are asked where they lie."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import polars as pl


class Warehouse(Protocol):
    """One reading transaction with a database.

    It is opened by the adapter's `open_warehouse(uri, folder)`, a context manager. Contract (the conformance suite
    `shipway.testing.warehouse` checks it):
        * All questions see the state that the first one saw.
        * Nothing can be written: a question that would change anything is refused.
        * Answers have instants in UTC, texts of any script, nulls and whole numbers as they are in the database.
        * A secret of the address stands in it by name, `${NAME}`, and is in no message.

    Attributes:
        dialect: which SQL it speaks, a name of `shipway.data.warehouse.dialect`.
    """

    dialect: str

    def columns(self, table: str) -> dict[str, "pl.DataType"]:
        """Return the columns of a table with the types that a frame read from it has.

        Args:
            table: the table as it is written in SQL.

        Returns:
            Column name to type, in the table's order; `pl.Unknown` for what no frame holds.

        Raises:
            ShipwayError: SW-209 if it is not there or may not be read.
        """
        ...

    def ask(self, question: str, *, about: str) -> "pl.DataFrame":
        """Return the answer to a question.

        Args:
            question: one `select` in SQL.
            about: what messages call that which is asked about.

        Raises:
            ShipwayError: SW-403 if the database refuses it or cannot compute it.
        """
        ...

    def tables(self, schema: str) -> Sequence[str]:
        """Return the names of the tables and views of a schema, in order; where it is empty, of those found without."""
        ...
