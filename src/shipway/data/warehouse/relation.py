"""Tables of a warehouse by the names that a project has for them, and the questions that are asked of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import polars as pl

from shipway.core.error import ShipwayError
from shipway.data.warehouse.dialect import Dialect
from shipway.data.warehouse.scan import Relation
from shipway.data.warehouse.translation import ROW, Columns
from shipway.kit.suggestion import did_you_mean
from shipway.ports.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table lies in a warehouse.

    Attributes:
        table: its name there.
        schema: the schema it is in; empty where the warehouse's own search finds it.
    """

    table: str
    schema: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question that is asked of a warehouse.

    Attributes:
        table: the table it is about.
        what: what its answer says.
        sql: the question.
    """

    table: str
    what: str
    sql: str


Ask: TypeAlias = Callable[[Question], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Guard:
    """A question whose answer may refuse a frame.

    Attributes:
        question: what is asked.
        refuse: raises for an answer that refuses the frame; it may ask for an example.
    """

    question: Question
    refuse: Callable[[pl.DataFrame, Ask], None]


def relate(name: str, place: Place, schema: Mapping[str, pl.DataType], dialect: Dialect) -> Relation:
    """Return the rows of a table.

    Args:
        name: what it is called in messages.
        place: where it lies.
        schema: its columns and their types.
        dialect: the SQL that is spoken there.
    """
    text = ".".join(dialect.write_name(part) for part in (place.schema, place.table) if part)
    return Relation(f"{text} as {ROW}", Columns(name, schema, dialect))


class Relations:
    """The tables of a warehouse, looked up once."""

    def __init__(self, warehouse: Warehouse, dialect: Dialect, places: Mapping[str, Place]) -> None:
        """Look nothing up yet.

        Args:
            warehouse: where the tables lie.
            dialect: the SQL that is spoken there.
            places: table name to where it lies; a table that is not among them is looked for under its own name.
        """
        self._warehouse = warehouse
        self._dialect = dialect
        self._places = places
        self._found: dict[str, Relation] = {}
        self._names: dict[str, Sequence[str]] = {}

    def find(self, name: str) -> Relation:
        """Return the rows of a table; SW-209 if it is not there."""
        if name not in self._found:
            place = self._places.get(name, Place(name))
            names = self._list(place.schema)
            if not self._has(place):
                where = f"schema {place.schema!r} of {self._dialect.name}" if place.schema else self._dialect.name
                hint = did_you_mean(place.table, names) if names else "say where: --schema NAME, or --table SOURCE=..."
                raise ShipwayError("SW-209", f"there is no table {place.table!r} in {where}", hint)
            self._found[name] = self._relate(name, place)
        return self._found[name]

    def find_at(self, name: str, place: Place) -> Relation | None:
        """Return the rows that a table has at another place, None where there is none."""
        return self._relate(name, place) if self._has(place) else None

    def _relate(self, name: str, place: Place) -> Relation:
        text = ".".join(self._dialect.write_name(part) for part in (place.schema, place.table) if part)
        return relate(name, place, self._warehouse.columns(text), self._dialect)

    def _has(self, place: Place) -> bool:
        names = self._list(place.schema)
        if self._dialect.folds:
            return place.table.casefold() in {name.casefold() for name in names}
        return place.table in names

    def _list(self, schema: str) -> Sequence[str]:
        if schema not in self._names:
            self._names[schema] = self._warehouse.tables(schema)
        return self._names[schema]
