"""Columns in Iceberg's words: which type each of ours is there, and whether files may stay as they are."""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
)

from shipway.core.error import ShipwayError
from shipway.core.table import Field

NESTED: Final = 1 << 10
"""Ids that each column has for what is nested in it; they begin where no column's own id comes."""

_PLAIN: Final[dict[str, IcebergType]] = {
    "Boolean": BooleanType(),
    "Int8": IntegerType(),
    "Int16": IntegerType(),
    "Int32": IntegerType(),
    "Int64": LongType(),
    "UInt8": IntegerType(),
    "UInt16": IntegerType(),
    "UInt32": LongType(),
    "UInt64": DecimalType(20, 0),
    "Int128": DecimalType(38, 0),
    "UInt128": DecimalType(38, 0),
    "Float16": FloatType(),
    "Float32": FloatType(),
    "Float64": DoubleType(),
    "String": StringType(),
    "Categorical": StringType(),
    "Enum": StringType(),
    "Binary": BinaryType(),
    "Date": DateType(),
    "Time": TimeType(),
    "Duration": LongType(),
}

_REWRITTEN: Final = frozenset(
    {"UInt32", "UInt64", "Int128", "UInt128", "Float16", "Time", "Duration", "Enum", "Array", "Null"}
)
"""Types that some reader refuses, or takes for something else, in a file that Polars wrote (docs/adr/0011)."""

_MOMENTS: Final = frozenset(
    f"Datetime(time_unit={unit!r}, time_zone={zone!r})" for unit in ("ms", "us") for zone in (None, "UTC")
)
"""Those that are Iceberg's: UTC under that name, and no nanoseconds."""

_UNITS: Final = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


def translate_columns(fields: Sequence[Field], *, table: str) -> tuple[NestedField, ...]:
    """Return a schema's columns in Iceberg's words; a column of nothing but nulls has no type there and is left out.

    Raises:
        ShipwayError: SW-212 for a type that Iceberg has no word for, or if no column is left.
    """
    columns: list[NestedField] = []
    for field in fields:
        if field.type != "Null":
            kind = _translate(field, table)
            columns.append(NestedField(field.id, field.name, kind, required=False, doc=_describe(field.type)))
    if not columns:
        hint = "give a column a type, or publish without the table"
        raise ShipwayError("SW-212", f"no column of table {table!r} has a type", hint)
    return tuple(columns)


def lies_ready(kind: str) -> bool:
    """Tell whether every reader takes a column of this type, as Polars writes it, for what it is."""
    for node in ast.walk(ast.parse(kind, mode="eval")):
        if isinstance(node, ast.Name) and node.id in _REWRITTEN:
            return False
        if isinstance(node, ast.Call) and _name(node) == "Datetime" and ast.unparse(node) not in _MOMENTS:
            return False
    return True


def may_widen(old: IcebergType, new: IcebergType) -> bool:
    """Tell whether files with values of one type may be read as another (Iceberg specification, "Schema Evolution")."""
    match old, new:
        case IntegerType(), LongType():
            return True
        case FloatType(), DoubleType():
            return True
        case DecimalType(), DecimalType():
            return old.scale == new.scale and old.precision <= new.precision
        case ListType(), ListType():
            return may_widen(old.element_type, new.element_type)
        case StructType(), StructType():
            names = [each.name for each in old.fields], [each.name for each in new.fields]
            pairs = zip(old.fields, new.fields, strict=False)
            return names[0] == names[1] and all(may_widen(was.field_type, now.field_type) for was, now in pairs)
        case _:
            return old == new


def leaves(columns: Sequence[NestedField]) -> Iterator[NestedField]:
    """Yield what holds values of its own: columns of plain types, and those nested in the others."""
    for column in columns:
        match column.field_type:
            case StructType(fields=inner):
                yield from leaves(inner)
            case ListType(element_field=element):
                yield from leaves([element])
            case _:
                yield column


def map_names(columns: Sequence[NestedField], names: Mapping[int, Sequence[str]]) -> list[dict[str, Any]]:
    """Return columns as an entry of a name mapping (specification, "Name Mapping Serialization").

    Args:
        columns: the columns.
        names: what else columns are called in files, by id.
    """
    mapping: list[dict[str, Any]] = []
    for column in columns:
        entry: dict[str, Any] = {"field-id": column.field_id, "names": [*names.get(column.field_id, [column.name])]}
        match column.field_type:
            case StructType(fields=inner):
                entry["fields"] = map_names(inner, {})
            case ListType(element_field=element):
                entry["fields"] = map_names([element], {})
            case _:
                pass
        mapping.append(entry)
    return mapping


def _translate(field: Field, table: str) -> IcebergType:
    numbers = iter(range((1 << 20) + field.id * NESTED, (1 << 20) + (field.id + 1) * NESTED))
    try:
        return _build(ast.parse(field.type, mode="eval").body, lambda: next(numbers))
    except (LookupError, SyntaxError, StopIteration, ValueError, AttributeError) as fault:
        hint = "cast the column to a plain type, or leave it out of the table"
        fact = f"Iceberg has no type for column {field.name!r} of table {table!r}, which is {field.type}"
        raise ShipwayError("SW-212", fact, hint) from fault


def _build(node: ast.expr, take: Callable[[], int]) -> IcebergType:
    name = _name(node)
    words = _words(node) if isinstance(node, ast.Call) else {}
    match name:
        case "Datetime":
            return TimestampType() if words["time_zone"] is None else TimestamptzType()
        case "Decimal":
            return DecimalType(words["precision"], words["scale"])
        case "List":
            return ListType(take(), _build(_first(node), take), element_required=False)
        case "Array":
            kind: IcebergType | None = None
            numbers = [take() for _ in words["shape"]]
            for number in reversed(numbers):
                kind = ListType(number, kind or _build(_first(node), take), element_required=False)
            return kind or _PLAIN[name]
        case "Struct":
            inner = _first(node)
            if not isinstance(inner, ast.Dict) or not inner.keys:
                raise LookupError(name)
            pairs = [(ast.literal_eval(key), value) for key, value in zip(inner.keys, inner.values, strict=True) if key]
            return StructType(*[NestedField(take(), key, _build(value, take), required=False) for key, value in pairs])
        case _:
            return _PLAIN[name]


def _name(node: ast.expr) -> str:
    named = node.func if isinstance(node, ast.Call) else node
    return named.id if isinstance(named, ast.Name) else ""


def _first(node: ast.expr) -> ast.expr:
    return node.args[0] if isinstance(node, ast.Call) else node


def _words(node: ast.Call) -> dict[str, Any]:
    return {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}


def _describe(kind: str) -> str | None:
    if kind.startswith("Duration("):
        call = ast.parse(kind, mode="eval").body
        return f"a duration in {_UNITS[_words(call)['time_unit']]}" if isinstance(call, ast.Call) else None
    return None
