"""The kind of value a feature has, from its definition and the kinds of the columns it reads, without a row."""

from collections.abc import Mapping
from typing import Final

from shipway.core.column import Kind as ColumnKind
from shipway.core.column import kind_of, refuse_aggregate
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, definition_of
from shipway.maths.bins import Categories, Hashes, kind_of_categories
from shipway.maths.expression import Aggregate, Column, Feature
from shipway.maths.scalar import resolve_kind
from shipway.maths.vector import Kind

_FLOATS: Final = frozenset({"mean", "share", "variance", "deviation", "decayed", "quantile"})
_COUNTS: Final = frozenset({"count", "age", "around", "distinct"})
_VALUES: Final = frozenset({"last", "first"})
"""Windows that answer with a value as it was given; the others that are in no set add numbers up or compare them."""


def feature_kind(expr: Expr, schema: Mapping[str, Mapping[str, ColumnKind]]) -> Kind:
    """Return the kind of value a feature has.

    Args:
        expr: the feature's definition.
        schema: table to column to kind, of at least the columns it reads.

    Raises:
        ShipwayError: SW-202 for a column the schema lacks, SW-203 where an operator does not fit its operands.
    """
    try:
        return resolve_kind(expr, lambda node: leaf_kind(node, schema))
    except ValueError as error:
        raise ShipwayError("SW-203", str(error), "use columns of kinds that go together") from error


def leaf_kind(node: Column | Aggregate | Feature, schema: Mapping[str, Mapping[str, ColumnKind]]) -> Kind:
    """Return the kind of a column, a window or a feature; an instant and a duration are whole numbers."""
    if isinstance(node, Feature):
        return feature_kind(definition_of(node), schema)
    if isinstance(node, Column):
        kind = kind_of(node, node.table, schema)
    elif node.kind == "common" and isinstance(node.bins, Categories):
        return kind_of_categories(node.bins.values)
    elif node.kind in _FLOATS or (node.kind == "distinct" and isinstance(node.bins, Hashes)):
        kind = "float"
    elif node.value is None or node.kind in _COUNTS:
        kind = "int"
    else:
        kind = kind_of(node.value, node.stream.partition(".")[0], schema)
        if node.kind not in _VALUES:
            refuse_aggregate(node.value, kind)
            kind = "int" if kind == "bool" else kind
    return "int" if kind == "instant" else kind
