"""Pandera schemas in shipway's words.

A schema is what Pandera writes as JSON or YAML: `columns`, each with `dtype`, `nullable`, `unique`, `required` and its
checks by name. Pandera leaves checks out of it that are functions; they are there, and named, where the schema is read
from its module.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from shipway.core.check import Check, Rule
from shipway.core.data_check import has_columns, present, unique
from shipway.core.feature import Source
from shipway.core.suite import Foreign, NoWordError, Reading, between, number, row_rule, scalars, searched
from shipway.maths.expression import Column, Operation

Given: TypeAlias = Mapping[str, Any]
_PROPERTIES: Final = frozenset(
    {"dtype", "nullable", "unique", "required", "checks", "coerce", "regex", "title", "description", "metadata", "name",
     "default", "drop_invalid_rows", "parsers", "report_duplicates", "index"}
)  # fmt: skip
_KINDS: Final[tuple[tuple[str, Any], ...]] = (
    ("uint", "int"), ("int", "int"), ("float", "float"), ("decimal", "float"), ("str", "text"), ("object", "text"),
    ("utf8", "text"), ("categor", "text"), ("enum", "text"), ("bool", "bool"), ("datetime", "instant"),
    ("timestamp", "instant"), ("date", "date"),
)  # fmt: skip
"""How the names of types begin, the first that fits."""


def is_schema(document: object) -> bool:
    """Tell whether a document is a schema of Pandera."""
    return isinstance(document, dict) and isinstance(cast("Given", document).get("columns"), dict)


def read_schema(document: Given, source: Source) -> Foreign:
    """Return a schema as rules on a source.

    Args:
        document: the schema, decoded.
        source: whose rows it judges.
    """
    reading = Reading(source, "Pandera schema")
    for name, given in document["columns"].items():
        _read_column(reading, name, given or {})
    keys = document.get("unique")
    if keys:
        names = [keys] if isinstance(keys, str) else list(keys)
        reading.read(f"unique={names}", lambda: [unique(*(reading.column(name) for name in names))])
    for name in _checks_of(document.get("checks")):
        reading.leave(f"check {name} of the whole schema", "a function has no word: write it as sw.rule(...)")
    if document.get("strict"):
        reading.leave(f"strict={document['strict']!r}", "a table may have more columns than are checked")
    if document.get("ordered"):
        reading.leave("ordered=True", "the order of columns says nothing here")
    if document.get("index"):
        reading.leave("index", "a table has no index: make it a column")
    return reading.done()


def _read_column(reading: Reading, name: str, given: Given) -> None:
    where = f"column {name}"
    if given.get("regex"):
        reading.leave(where, "columns by a pattern of their names have no word: name each")
        return
    optional = given.get("required") is False
    if optional:
        reading.leave(f"{where}: required=False", "what a rule reads must be there: its rules ask for the column")
    if given.get("dtype"):
        reading.read(f"{where}: dtype={given['dtype']}", lambda: [_type(reading, name, str(given["dtype"]))])
    else:
        reading.read(f"{where}: required", lambda: [present(reading.column(name)) <= 1])
    if not given.get("nullable"):
        reading.read(f"{where}: nullable=False", lambda: [present(reading.column(name))])
    if given.get("unique"):
        reading.read(f"{where}: unique=True", lambda: [unique(reading.column(name))])
    if given.get("coerce"):
        reading.leave(f"{where}: coerce=True", "a gate changes nothing: cast in the source's function")
    checks = {key: value for key, value in given.items() if key not in _PROPERTIES} | _checks_of(given.get("checks"))
    for check, value in checks.items():
        what = f"{where}: {check.partition('#')[0]}({value!r})"
        reading.read(what, lambda check=check, value=value: [_check(reading, name, check.partition("#")[0], value)])


def _checks_of(given: object) -> dict[str, Any]:
    """Return checks by name, of which a schema of several versions of Pandera holds a mapping or a list."""
    if isinstance(given, Mapping):
        return dict(cast("Given", given))
    found: dict[str, Any] = {}
    for place, each in enumerate(cast("Sequence[Given]", given or [])):
        options = each.get("options", {})
        found[f"{options.get('check_name') or each.get('check_name') or 'check'}#{place}"] = each
    return found


def _type(reading: Reading, name: str, dtype: str) -> Check:
    kind: Any = next((kind for begins, kind in _KINDS if dtype.lower().startswith(begins)), None)
    if kind is None:
        raise NoWordError(f"{dtype} is no type of has_columns")
    return has_columns(reading.source, **{reading.column(name).name: kind})


def _check(reading: Reading, name: str, check: str, value: Any) -> Check | Rule:
    if check not in _WORDS:
        raise NoWordError("a function has no word: write it as sw.rule(...)")
    given: dict[str, Any] = {"value": value}
    if isinstance(value, Mapping):
        given = dict(cast("Given", value))
        options: Given = given.pop("options", None) or {}
        if options.get("raise_warning") or given.get("raise_warning"):
            raise NoWordError("it only warns, and a gate has no warnings")
        if options.get("ignore_na") is False or given.get("ignore_na") is False:
            raise NoWordError("it counts nulls against the rule, which present(...) does here")
        names = [key for key in given if key not in ("check_name", "raise_warning", "ignore_na")]
        if len(names) == 1:
            given["value"] = given[names[0]]
    return row_rule(_WORDS[check](reading.column(name), given))


def _range(column: Column, given: Given) -> Operation:
    return between(
        column, given["min_value"], given["max_value"],
        strict_low=not given.get("include_min", True), strict_high=not given.get("include_max", True),
    )  # fmt: skip


def _length(column: Column, given: Given) -> Operation:
    exact = given.get("exact_value")
    if exact is not None:
        return column.length().equals(number(exact))
    return between(column.length(), given.get("min_value"), given.get("max_value"))


def _escape(text: str) -> str:
    return "".join(sign if sign.isalnum() or sign.isspace() or sign == "_" else f"\\{sign}" for sign in text)


_WORDS: Final[dict[str, Callable[[Column, Given], Operation]]] = {
    "equal_to": lambda c, g: c.equals(g["value"]),
    "not_equal_to": lambda c, g: c.differs(g["value"]),
    "greater_than": lambda c, g: c > number(g["value"]),
    "greater_than_or_equal_to": lambda c, g: c >= number(g["value"]),
    "less_than": lambda c, g: c < number(g["value"]),
    "less_than_or_equal_to": lambda c, g: c <= number(g["value"]),
    "in_range": _range,
    "isin": lambda c, g: c.is_in(*scalars(g["value"])),
    "notin": lambda c, g: ~c.is_in(*scalars(g["value"])),
    "str_matches": lambda c, g: c.matches(searched(g["value"], head=True)),
    "str_contains": lambda c, g: c.matches(searched(g["value"])),
    "str_startswith": lambda c, g: c.matches(searched("^" + _escape(g["value"]))),
    "str_endswith": lambda c, g: c.matches(searched(_escape(g["value"]) + "$")),
    "str_length": _length,
}
