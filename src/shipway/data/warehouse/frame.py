"""Frames built where the tables lie: everything asked of the warehouse, nothing but the frame taken out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import polars as pl

from shipway.core.feature import Expr, definition_of
from shipway.data.embedding import is_embedding
from shipway.data.frame import build_frame
from shipway.data.plan import Plan
from shipway.data.warehouse.dialect import Dialect, dialect_of
from shipway.data.warehouse.embedding import refuse_embedding
from shipway.data.warehouse.feature import write_frame
from shipway.data.warehouse.known import guard_frame
from shipway.data.warehouse.relation import Place, Question, Relations
from shipway.data.warehouse.scan import Relation
from shipway.maths.expression import Column, Feature, walk
from shipway.ports.warehouse import Warehouse


def build_frame_there(plan: Plan, warehouse: Warehouse, places: Mapping[str, Place] | None = None) -> pl.DataFrame:
    """Build a frame in a warehouse, equal to the bit to that of `build_frame` on the same rows sorted by their key.

    Args:
        plan: which columns over which rows.
        warehouse: where the tables lie.
        places: source name to where its table lies; one that is not among them is looked for under its own name.

    Raises:
        ShipwayError: SW-209 for a table that is not there, SW-403 for features that the warehouse cannot compute, and
            for the reasons of `build_frame`.
    """
    relations, dialect = _open(plan, warehouse, places)
    empty = shape_frame(plan, relations)
    sql = write_frame(plan, relations, dialect)
    about = f"the frame of {plan.spine.name}"

    def ask(question: Question) -> pl.DataFrame:
        return warehouse.ask(question.sql, about=about)

    for guard in guard_frame(plan, relations):
        guard.refuse(ask(guard.question), ask)
    return warehouse.ask(sql, about=about).cast(empty.schema)


def write_frame_questions(
    plan: Plan, warehouse: Warehouse, places: Mapping[str, Place] | None = None
) -> list[Question]:
    """Return what `build_frame_there` would ask, the frame last; only the columns of the tables are looked up.

    Raises:
        ShipwayError: for the reasons of `build_frame_there` that show before anything is asked.
    """
    relations, dialect = _open(plan, warehouse, places)
    return spell_questions(plan, relations, dialect)


def spell_questions(plan: Plan, relations: Callable[[str], Relation], dialect: Dialect) -> list[Question]:
    """Return what has to hold of the rows of a plan, and then the frame, as questions in a dialect.

    Raises:
        ShipwayError: as `write_frame`, and as `build_frame` for columns of the wrong type.
    """
    shape_frame(plan, relations)
    frame = Question(table=plan.spine.name, what="the frame", sql=write_frame(plan, relations, dialect))
    return [*(guard.question for guard in guard_frame(plan, relations)), frame]


def shape_frame(plan: Plan, relations: Callable[[str], Relation]) -> pl.DataFrame:
    """Return the frame of no rows at all: its columns have the types that a frame of these tables has.

    Raises:
        ShipwayError: as `build_frame` for what shows without a row, such as a column of the wrong type.
    """
    tables: dict[str, pl.DataFrame] = {}
    _check_embeddings(plan, relations)
    for name in plan.tables:
        schema = relations(name).columns.schema
        # What no frame holds is a column all the same; reading it is refused.
        known = {column: pl.Null() if isinstance(dtype, pl.Unknown) else dtype for column, dtype in schema.items()}
        tables[name] = pl.DataFrame(schema=known)
    return build_frame(plan, tables)


def _check_embeddings(plan: Plan, relations: Callable[[str], Relation]) -> None:
    """Refuse features of declared embeddings where a warehouse cannot hold them as such; SW-403."""
    sources = {plan.spine.name: plan.spine} | {event.source.name: event.source for event in plan.events.values()}
    for column in plan.columns:
        for node in _list_columns(column.expr):
            table = node.table.partition(".")[0]
            columns = relations(table).columns
            if node.name in sources[table].embeddings and not is_embedding(columns.schema.get(node.name, pl.Null())):
                raise refuse_embedding(str(node), columns.dialect)


def _list_columns(expr: Expr) -> Iterator[Column]:
    """Yield the columns that a feature reads, in windows and through other features too."""
    for node in walk(expr):
        if isinstance(node, Column):
            yield node
        elif isinstance(node, Feature):
            yield from _list_columns(definition_of(node))


def _open(
    plan: Plan, warehouse: Warehouse, places: Mapping[str, Place] | None
) -> tuple[Callable[[str], Relation], Dialect]:
    dialect = dialect_of(warehouse.dialect)
    relations = _find(plan, warehouse, places, dialect)
    kinds = [dtype for name in plan.tables for dtype in relations.find(name).columns.schema.values()]
    if any(map(is_embedding, kinds)):
        # As-of joins of DuckDB 2.0 lose the sign of zeros within arrays; joins by key and number keep it.
        dialect = replace(dialect, asof="")
        relations = _find(plan, warehouse, places, dialect)
    return relations.find, dialect


def _find(plan: Plan, warehouse: Warehouse, places: Mapping[str, Place] | None, dialect: Dialect) -> Relations:
    relations = Relations(warehouse, dialect, places or {})
    for name in plan.tables:
        relations.find(name)
    return relations
