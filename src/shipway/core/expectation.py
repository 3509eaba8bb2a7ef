"""Great Expectations suites in shipway's words.

A suite is the JSON that Great Expectations writes: `expectations`, each with `type` (before 1.0 `expectation_type`) and
`kwargs`. Values that are null are judged by no expectation but those on nulls, as here. `mostly` is a share of the
values that are there, and becomes a bound on the share that is against it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from shipway.core.check import Check, Rule
from shipway.core.data_check import distinct, has_columns, has_rows, mean, present, quantile, unique
from shipway.core.error import ShipwayError
from shipway.core.feature import Source
from shipway.core.suite import (
    Foreign,
    NoWordError,
    Reading,
    between,
    bounded,
    null_rule,
    number,
    row_rule,
    scalars,
    searched,
)
from shipway.maths.expression import Column, Operation

Kwargs: TypeAlias = Mapping[str, Any]
Made: TypeAlias = Sequence[Rule | Check]
_PLAIN: Final = frozenset(
    {"batch_id", "catch_exceptions", "column", "column_A", "column_B", "column_list", "id", "include_config", "meta",
     "notes", "description", "name", "result_format", "severity", "windows", "rendered_content"}
)  # fmt: skip
"""Arguments that name columns, or say nothing about what is expected."""
_SPAN: Final = ("min_value", "max_value", "strict_min", "strict_max")
_TYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(("int", "int64", "int32", "integer", "bigint", "integertype", "longtype"), "int"),
    **dict.fromkeys(("float", "float64", "float32", "double", "real", "floattype", "doubletype"), "float"),
    **dict.fromkeys(("str", "string", "text", "varchar", "object", "stringtype"), "text"),
    **dict.fromkeys(("bool", "boolean", "booleantype"), "bool"),
    **dict.fromkeys(("datetime64", "datetime64[ns]", "timestamp", "datetime", "timestamptype"), "instant"),
    **dict.fromkeys(("date", "datetype"), "date"),
}


def is_suite(document: object) -> bool:
    """Tell whether a JSON document is a suite of Great Expectations."""
    return isinstance(document, dict) and isinstance(cast("Kwargs", document).get("expectations"), list)


def read_suite(document: Kwargs, source: Source) -> Foreign:
    """Return a suite as rules on a source.

    Args:
        document: the suite, decoded.
        source: whose rows it judges.
    """
    name = document.get("name") or document.get("expectation_suite_name") or ""
    reading = Reading(source, f"Great Expectations suite {name}".strip())
    for each in document["expectations"]:
        kind = str(each.get("type") or each.get("expectation_type") or "")
        kwargs: Kwargs = each.get("kwargs") or {}
        said = ", ".join(f"{name}={value!r}" for name, value in kwargs.items() if name not in ("batch_id", "meta"))
        reading.read(f"{kind}({said})", lambda kind=kind, kwargs=kwargs: _make(reading, kind, kwargs))
    return reading.done()


def _make(reading: Reading, kind: str, kwargs: Kwargs) -> Made:
    if kind not in _OF_COLUMN and kind not in _OF_TABLE:
        raise NoWordError("there is no word for it")
    known = _OF_COLUMN[kind][1] if kind in _OF_COLUMN else _OF_TABLE[kind][1]
    for name, value in kwargs.items():
        if name not in _PLAIN and name not in known and value not in (None, False):
            raise NoWordError(f"its {name}={value!r} has no word")
    if kind in _OF_COLUMN:
        return _OF_COLUMN[kind][0](reading.column(kwargs["column"]), kwargs)
    return _OF_TABLE[kind][0](reading, kwargs)


def _span_of(kwargs: Kwargs) -> dict[str, Any]:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    strict = {"strict_low": bool(kwargs.get("strict_min")), "strict_high": bool(kwargs.get("strict_max"))}
    return {"low": low, "high": high, **strict}


def _extreme(column: Column, kwargs: Kwargs, *, least: bool) -> Made:
    other = "max_value" if least else "min_value"
    if kwargs.get(other) is not None:
        raise NoWordError(f"a {other} of the {'least' if least else 'greatest'} value has no word")
    return [row_rule(between(column, **_span_of(kwargs)))]


def _quantiles(column: Column, kwargs: Kwargs) -> Made:
    ranges = kwargs["quantile_ranges"]
    pairs = zip(ranges["quantiles"], ranges["value_ranges"], strict=True)
    return [rule for at, (low, high) in pairs for rule in bounded(quantile(column, at), low, high)]


def _type(reading: Reading, kwargs: Kwargs) -> Made:
    names = scalars(kwargs.get("type_list") or [kwargs.get("type_")])
    kinds = {_TYPES.get(str(name).lower()) for name in names}
    kind = next(iter(kinds)) if len(kinds) == 1 else None
    if kind is None:
        raise NoWordError(f"{', '.join(map(str, names))} is not one type of has_columns")
    return [has_columns(reading.source, **{reading.column(kwargs["column"]).name: kind})]


def _greater(reading: Reading, kwargs: Kwargs) -> Made:
    a, b = _pair(reading, kwargs)
    return [_of_pair(a, b, a >= b if kwargs.get("or_equal") else a > b, kwargs)]


def _same(reading: Reading, kwargs: Kwargs) -> Made:
    a, b = _pair(reading, kwargs)
    return [_of_pair(a, b, a.equals(b), kwargs)]


def _pair(reading: Reading, kwargs: Kwargs) -> tuple[Column, Column]:
    return reading.column(kwargs["column_A"]), reading.column(kwargs["column_B"])


def _of_pair(a: Column, b: Column, condition: Operation, kwargs: Kwargs) -> Check | Rule:
    """Return a rule on two columns; unless it is said, a row with one of the two values counts against it."""
    ignored, mostly = kwargs.get("ignore_row_if") or "both_values_are_missing", kwargs.get("mostly")
    if ignored == "either_value_is_missing":
        return row_rule(condition, mostly)
    if mostly not in (None, 1):
        raise NoWordError(f"mostly={mostly!r} of rows some of which are missing a value has no word")
    if ignored == "never":
        return row_rule(condition.fill(value=False))
    return row_rule(condition.fill(a.is_null() & b.is_null()))


_OF_COLUMN: Final[dict[str, tuple[Callable[[Column, Kwargs], Made], tuple[str, ...]]]] = {
    "expect_column_to_exist": (lambda c, _: [present(c) <= 1], ()),
    "expect_column_values_to_not_be_null": (lambda c, k: [null_rule(c, k.get("mostly"))], ("mostly",)),
    "expect_column_values_to_be_null": (lambda c, k: [row_rule(c.is_null(), k.get("mostly"))], ("mostly",)),
    "expect_column_values_to_be_between": (
        lambda c, k: [row_rule(between(c, **_span_of(k)), k.get("mostly"))], ("mostly", *_SPAN)),
    "expect_column_values_to_be_in_set": (
        lambda c, k: [row_rule(c.is_in(*scalars(k["value_set"])), k.get("mostly"))], ("mostly", "value_set")),
    "expect_column_values_to_not_be_in_set": (
        lambda c, k: [row_rule(~c.is_in(*scalars(k["value_set"])), k.get("mostly"))], ("mostly", "value_set")),
    "expect_column_distinct_values_to_be_in_set": (
        lambda c, k: [row_rule(c.is_in(*scalars(k["value_set"])))], ("value_set",)),
    "expect_column_values_to_match_regex": (
        lambda c, k: [row_rule(c.matches(searched(k["regex"])), k.get("mostly"))], ("mostly", "regex")),
    "expect_column_values_to_not_match_regex": (
        lambda c, k: [row_rule(~c.matches(searched(k["regex"])), k.get("mostly"))], ("mostly", "regex")),
    "expect_column_value_lengths_to_be_between": (
        lambda c, k: [row_rule(between(c.length(), **_span_of(k)), k.get("mostly"))], ("mostly", *_SPAN)),
    "expect_column_value_lengths_to_equal": (
        lambda c, k: [row_rule(c.length().equals(number(k["value"])), k.get("mostly"))], ("mostly", "value")),
    "expect_column_values_to_be_unique": (lambda c, _: [unique(c)], ()),
    "expect_column_mean_to_be_between": (lambda c, k: bounded(mean(c), **_span_of(k)), _SPAN),
    "expect_column_median_to_be_between": (lambda c, k: bounded(quantile(c, 0.5), **_span_of(k)), _SPAN),
    "expect_column_quantile_values_to_be_between": (_quantiles, ("quantile_ranges",)),
    "expect_column_min_to_be_between": (lambda c, k: _extreme(c, k, least=True), _SPAN),
    "expect_column_max_to_be_between": (lambda c, k: _extreme(c, k, least=False), _SPAN),
    "expect_column_unique_value_count_to_be_between": (lambda c, k: bounded(distinct(c), **_span_of(k)), _SPAN),
}  # fmt: skip
"""Expectations on one column, with the arguments each understands."""
_OF_TABLE: Final[dict[str, tuple[Callable[[Reading, Kwargs], Made], tuple[str, ...]]]] = {
    "expect_compound_columns_to_be_unique": (
        lambda r, k: [unique(*(r.column(name) for name in k["column_list"]))], ("ignore_row_if",)),
    "expect_column_pair_values_a_to_be_greater_than_b": (_greater, ("mostly", "or_equal", "ignore_row_if")),
    "expect_column_pair_values_to_be_equal": (_same, ("mostly", "ignore_row_if")),
    "expect_table_row_count_to_be_between": (lambda r, k: bounded(has_rows(r.source), **_span_of(k)), _SPAN),
    "expect_table_row_count_to_equal": (
        lambda r, k: bounded(has_rows(r.source), k["value"], k["value"]), ("value",)),
    "expect_column_values_to_be_of_type": (_type, ("type_",)),
    "expect_column_values_to_be_in_type_list": (_type, ("type_list",)),
}  # fmt: skip


def refuse_suite(name: str) -> ShipwayError:
    """Return the error for a document that is neither a suite nor a schema."""
    hint = "give the JSON of a Great Expectations suite, the JSON or YAML of a Pandera schema, or module:name"
    return ShipwayError("SW-106", f"{name} holds no expectations and no schema", hint)
