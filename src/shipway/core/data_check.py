"""The words for checks on data: each builds a check on one table, which is measured before anything is trained from it.

Every one of them can be pointed at the new rows alone, `.on("new")`, and most can be compared with what the main branch
held before, `.against("main")`.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, cast, get_args

from shipway.core.argument import take, take_each, take_expression, take_name, take_width, write
from shipway.core.check import Check, Rule, finite
from shipway.core.data_measure import (
    ColumnKind,
    Correlation,
    Custom,
    DayRows,
    Distinct,
    Fresh,
    Gaps,
    HasColumns,
    HasRows,
    Holds,
    Mean,
    Past,
    Present,
    Quantile,
    Refers,
    Shift,
    Timely,
    Unique,
    Unseen,
    Vanished,
)
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Expr, Label, Source, streams_of
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Aggregate, Column, Operation, move, quote, render, walk
from shipway.maths.vector import ARITHMETIC

_ONE_COLUMN: Final = "name a column of a source, such as orders.price"
_ONE_SOURCE: Final = "name a source, such as orders"
_KINDS: Final[tuple[ColumnKind, ...]] = get_args(ColumnKind)
_NUMBERS: Final = frozenset({"length"})
"""Operators outside arithmetic that give a number too."""

DAMAGE: Final = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\ufeff]*"
"""What a text in one piece matches: no control characters, no byte order mark, no sign for unreadable ones."""
_MOJIBAKE: Final = r"[\x00-\U0010ffff]*([\u00c2\u00c3][\x80-\xbf]|\u00e2\u20ac|\u00c3\u0192)[\x00-\U0010ffff]*"
"""UTF-8 read as Latin-1 or as Windows-1252: the bytes of one character stand side by side as two, such as Ã and ©."""


def has_columns(table: Source, /, **types: ColumnKind) -> Check:
    """Expect columns with types: `int`, `float`, `text`, `bool`, `instant` or `date`.

    Raises:
        ShipwayError: SW-104 for another type, SW-106 without columns.
    """
    table = take(table, Source, "what sw.has_columns expects", _ONE_SOURCE)
    if not types:
        raise ShipwayError("SW-106", f"has_columns({table.name}) names no columns", 'write such as origin="text"')
    for name, kind in types.items():
        if kind not in _KINDS:
            raise ShipwayError("SW-104", f"column {name!r} cannot be {kind!r}", did_you_mean(kind, _KINDS))
    words = [f"{n}={quote(k)}" if n.isidentifier() else f"**{{{quote(n)}: {quote(k)}}}" for n, k in types.items()]
    text = f"has_columns({table.name}, {', '.join(words)})"
    return Check(f"{table.name} columns", HasColumns(table.name, types), "data", text)


def has_rows(table: Source, *, by: Expr | None = None) -> Check:
    """Count a table's rows: `has_rows(flights) >= 1000`."""
    table = take(table, Source, "what sw.has_rows expects", _ONE_SOURCE)
    when = _instant(by, table.name)
    measure = HasRows(table.name, when)
    return Check(f"{table.name} rows", measure, "data", _call("has_rows", table.name, by=when))


def holds(condition: Expr) -> Check:
    """Expect a condition on a table's columns in every row where it is not null.

    Raises:
        ShipwayError: SW-106 if it is no condition, or not on the columns of exactly one table.
    """
    table = _table_of_condition(condition, "sw.holds")
    return Check(f"{table}: {render(condition)}", Holds(table, condition), "data", f"holds({render(condition)})")


def readable(column: Column) -> Check:
    """Expect texts in one piece: no replacement or control characters, and no UTF-8 that was read as Latin-1."""
    column = take(column, Column, "what sw.readable expects", _ONE_COLUMN)
    table = _table_of([column.table], str(column))
    condition = column.matches(DAMAGE) & ~column.matches(_MOJIBAKE)
    return Check(f"{column} readable", Holds(table, condition), "data", f"readable({column})")


def rule(name: str, table: Source, condition: object) -> Check:
    """Expect a condition in another language in every row where it is not null.

    Args:
        name: what the check is called.
        table: whose rows.
        condition: a Polars expression that is true or false in each row, or the text of a condition in SQL.

    Raises:
        ShipwayError: SW-106 if it is neither.
    """
    name = take_name(name, "the name of sw.rule")
    table = take(table, Source, f"the table of rule {name!r}", _ONE_SOURCE)
    if isinstance(condition, str):
        measure, said = Custom(table.name, "sql", condition), quote(condition)
    else:
        measure, said = Custom(table.name, "polars", _serialise(name, condition)), str(condition)
    return Check(f"{table.name}: {name}", measure, "data", f"rule({quote(name)}, {table.name}, {said})")


def present(column: Column) -> Check:
    """Expect a column to be there in every row; `present(c) <= 0.03` allows 3 % missing."""
    column = take(column, Column, "what sw.present expects", _ONE_COLUMN)
    table = _table_of([column.table], str(column))
    return Check(f"{column} present", Present(table, column.name), "data", f"present({column})")


def unique(*columns: Column) -> Check:
    """Expect no two rows with equal values in all these columns; a row without one of them is equal to none."""
    table, names, words = _take_columns(columns, "sw.unique")
    return Check(f"{table} unique by {', '.join(names)}", Unique(table, names), "data", f"unique({words})")


def refers(columns: Column | Sequence[Column], to: Column | Sequence[Column]) -> Check:
    """Expect every key to be in another table: `refers(flights.dest, airports.faa)`; without a whole key, no row is.

    Args:
        columns: the column, or the columns of the key.
        to: what it refers to, in the same order.

    Raises:
        ShipwayError: SW-106 if the two are not equally many columns of two tables.
    """
    table, names, words = _take_columns(columns, "sw.refers")
    other, others, theirs = _take_columns(to, "`to` of sw.refers")
    text = f"refers({_tuple(words, names)}, {_tuple(theirs, others)})"
    if len(names) != len(others):
        raise ShipwayError("SW-106", f"{text} compares {len(names)} columns with {len(others)}", "name as many of both")
    name = f"{words} in {theirs}"
    return Check(name, Refers(table, names, other, others), "data", text)


def fresh(instant: Column, *, within: str, per: Column | Sequence[Column] | None = None, support_rows: int = 1) -> Rule:
    """Expect the newest value to have become known no longer than this before the run's domain time.

    Args:
        instant: when values became known.
        within: how long before.
        per: columns whose values each have a feed of their own: none of these may have stopped.
        support_rows: fewest rows a feed needs to count.

    Raises:
        ShipwayError: SW-106 if `within` is not a duration longer than zero.
    """
    instant = take(instant, Column, "what sw.fresh expects", _ONE_COLUMN)
    width = take_width(within, "`within` of sw.fresh")
    table = _table_of([instant.table], f"fresh({instant})")
    names, words = _per(per, table, "sw.fresh")
    support = support_rows if support_rows != 1 else None
    measure = Fresh(table, instant.name, names, _count(support_rows, "`support_rows` of sw.fresh"))
    name = f"{instant} fresh per {', '.join(names)}" if names else f"{instant} fresh"
    check = Check(name, measure, "data", _call("fresh", instant, per=words, support_rows=support))
    text = _call("fresh", instant, within=quote(within), per=words, support_rows=support)
    return Rule(check=check, op="<=", bound=float(width), text=text)


def past(instant: Column) -> Check:
    """Expect no instant after the run's domain time."""
    instant = take(instant, Column, "what sw.past expects", _ONE_COLUMN)
    table = _table_of([instant.table], f"past({instant})")
    return Check(f"{instant} past", Past(table, instant.name), "data", f"past({instant})")


def gaps(instant: Column, *, every: str, per: Column | Sequence[Column] | None = None) -> Check:
    """Count the steps of a regular feed without a row: `gaps(weather.observed, every="1h", per=weather.origin) <= 3`.

    Args:
        instant: which step a row is of.
        every: length of a step.
        per: columns whose values each have a feed of their own.
    """
    instant = take(instant, Column, "what sw.gaps expects", _ONE_COLUMN)
    width = take_width(every, "`every` of sw.gaps")
    table = _table_of([instant.table], f"gaps({instant})")
    names, words = _per(per, table, "sw.gaps")
    name = f"{instant} every {every}" + (f" per {', '.join(names)}" if names else "")
    text = _call("gaps", instant, every=quote(every), per=words)
    return Check(name, Gaps(table, instant.name, width, names), "data", text)


def thinnest_day(by: Expr) -> Check:
    """Measure the rows of the day with the fewest, over those of a usual day: `thinnest_day(flights.departed) >= 0.5`.

    Args:
        by: the instant of a row; days are those of UTC, and `flights.departed - "5h"` moves them.
    """
    return _day_rows(by, "thinnest_day", "least")


def fullest_day(by: Expr) -> Check:
    """Measure the rows of the day with the most, over those of a usual day: `fullest_day(flights.departed) <= 1.5`.

    Args:
        by: as for `thinnest_day`.
    """
    return _day_rows(by, "fullest_day", "most")


def mean(value: Expr, *, by: Expr | None = None) -> Check:
    """Measure the mean of a number; nulls aside.

    Args:
        value: an expression on a table's columns.
        by: an instant; with it the mean is an estimate, whose interval takes each day as one cluster.
    """
    table, value = _take_value(value, "sw.mean")
    when = _instant(by, table)
    return Check(
        f"mean of {render(value)}{_daily(when)}",
        Mean(table, value, when),
        "data",
        _call("mean", render(value), by=when),
    )


def share(condition: Expr, *, by: Expr | None = None) -> Check:
    """Measure the share of rows where a condition is true, of those where it is not null.

    Args:
        condition: a condition on a table's columns.
        by: as for `mean`.
    """
    table = _table_of_condition(condition, "sw.share")
    when, said = _instant(by, table), render(condition)
    return _share(f"share of {said}", Mean(table, condition, when, share=True), _call("share", said, by=when))


def _share(name: str, measure: Mean, text: str) -> Check:
    return Check(f"{name}{_daily(measure.by)}", measure, "data", text)


def label_rate(label: Label, *, by: Expr | None = None) -> Check:
    """Measure the share of a label's rows that are true; nulls, which are no labels yet, aside.

    Of a label that is a number take `sw.mean(...)` of its columns.

    Args:
        label: the label.
        by: as for `mean`.
    """
    label = take(label, Label, "what sw.label_rate measures", "name what sw.label(...) returned")
    table, when = label.stream.partition(".")[0], None
    when = _instant(by, table)
    measure = Mean(table, move(label.value, table), when, share=True)
    return _share(f"rate of {label.name}", measure, _call("label_rate", label.name, by=when))


def timely(label: Label, *, asked: Expr) -> Check:
    """Expect every label to become known after it is asked for, and none to be there before its own instant.

    Args:
        label: the label.
        asked: the instant it is asked for, such as `flights.scheduled - "2h"`.

    Raises:
        ShipwayError: SW-106 for a label that is always known.
    """
    label = take(label, Label, "what sw.timely expects", "name what sw.label(...) returned")
    table, _, instant = label.stream.partition(".")
    asked = cast("Expr", _instant(asked, table))
    text = _call("timely", label.name, asked=asked)
    if instant == ALWAYS:
        raise ShipwayError("SW-106", f"{text} reads a label that is always known", "put it on an event with an instant")
    return Check(f"{label.name} timely", Timely(table, move(label.value, table), instant, asked), "data", text)


def quantile(value: Expr, at: float, *, by: Expr | None = None) -> Check:
    """Measure a quantile of a number; nulls aside.

    Args:
        value: an expression on a table's columns.
        at: which, between 0 and 1; 0.5 is the median.
        by: as for `mean`.

    Raises:
        ShipwayError: SW-106 if `at` does not lie between 0 and 1.
    """
    table, value = _take_value(value, "sw.quantile")
    when, level = _instant(by, table), finite("sw.quantile", at)
    if not 0 < level < 1:
        raise ShipwayError("SW-106", f"sw.quantile has at={at!r}", "a quantile lies between 0 and 1, such as 0.99")
    text = _call("quantile", f"{render(value)}, {level!r}", by=when)
    return Check(
        f"{level!r} quantile of {render(value)}{_daily(when)}", Quantile(table, value, level, when), "data", text
    )


def distinct(*columns: Column, by: Expr | None = None) -> Check:
    """Count the different values of a column, or of several together; a row without one of them has none."""
    table, names, words = _take_columns(columns, "sw.distinct")
    when = _instant(by, table)
    return Check(f"distinct {words}", Distinct(table, names, when), "data", _call("distinct", words, by=when))


def correlation(left: Expr, right: Expr, *, by: Expr | None = None) -> Check:
    """Measure Pearson's correlation of two numbers over the rows that have both.

    Args:
        left: an expression on a table's columns.
        right: another on the same table.
        by: as for `mean`.
    """
    table, left = _take_value(left, "sw.correlation")
    other, right = _take_value(right, "sw.correlation")
    said = f"{render(left)}, {render(right)}"
    table = _table_of(list(dict.fromkeys([table, other])), f"correlation({said})")
    when = _instant(by, table)
    measure = Correlation(table, left, right, when)
    return Check(f"correlation of {said}{_daily(when)}", measure, "data", _call("correlation", said, by=when))


def shift(value: Expr, *, by: Expr | None = None) -> Check:
    """Measure how far a distribution is from the main branch's: `shift(weather.temp).on("new") <= 1`.

    Args:
        value: an expression on a table's columns: a number in standard deviations of the reference, anything else in
            the share of rows that have another value than they would.
        by: as for `mean`.
    """
    table, value = _take_value(value, "sw.shift")
    when = _instant(by, table)
    return Check(
        f"shift of {render(value)}{_daily(when)}",
        Shift(table, value, when),
        "data",
        _call("shift", render(value), by=when),
    )


def unseen(column: Column, *, by: Expr | None = None) -> Check:
    """Expect no value that the main branch has not: `unseen(flights.carrier).on("new")`.

    Args:
        column: a column of a source.
        by: the instant that a period of the reference is cut by.
    """
    table, names, words = _take_columns(column, "sw.unseen")
    when = _instant(by, table)
    return Check(f"unseen {words}", Unseen(table, names[0], when), "data", _call("unseen", words, by=when))


def vanished(column: Column, *, share: float = 0.01, by: Expr | None = None) -> Check:
    """Expect every value that is usual on the main branch: `vanished(flights.origin).on("new")`.

    Args:
        column: a column of a source.
        share: the least share of the reference's rows that makes a value usual.
        by: as for `unseen`.
    """
    table, names, words = _take_columns(column, "sw.vanished")
    when, least = _instant(by, table), finite("sw.vanished", share)
    if not 0 < least < 1:
        raise ShipwayError("SW-106", f"sw.vanished has share={share!r}", "a share lies between 0 and 1, such as 0.01")
    text = _call("vanished", words, share=None if least == 0.01 else least, by=when)
    return Check(f"vanished {words}", Vanished(table, names[0], least, when), "data", text)


def _day_rows(by: Expr, word: str, extreme: Literal["least", "most"]) -> Check:
    when = take_expression(by, f"what sw.{word} measures")
    table = _table_of(streams_of(when), f"{word}({render(when)})")
    return Check(
        f"{word.replace('_', ' ')} of {render(when)}", DayRows(table, when, extreme), "data", f"{word}({render(when)})"
    )


def _call(word: str, *args: object, **named: object) -> str:
    """Return a call as it is written; what is None was not said."""
    words = [str(arg) for arg in args]
    words += [f"{name}={value}" for name, value in named.items() if value is not None]
    return f"{word}({', '.join(words)})"


def _daily(when: Expr | None) -> str:
    return "" if when is None else ", by day"


def _tuple(words: str, names: Sequence[str]) -> str:
    return words if len(names) == 1 else f"({words})"


def _serialise(name: str, condition: object) -> str:
    """Return a Polars expression as JSON; Polars is not loaded for it, as whoever made one has it loaded."""
    meta: Any = getattr(condition, "meta", None)
    if meta is None or not hasattr(meta, "serialize"):
        raise ShipwayError(
            "SW-106",
            f"rule {name!r} is {write(condition)}, which is neither a Polars expression nor SQL",
            'write pl.col("price") > 0, or "price > 0"',
        )
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Polars says that other versions may read JSON otherwise
        return json.dumps(json.loads(meta.serialize(format="json")), sort_keys=True)


def _take_columns(columns: object, word: str) -> tuple[str, tuple[str, ...], str]:
    """Return the table that columns belong to, their names, and the columns as they are written."""
    several = cast("Sequence[object]", columns) if isinstance(columns, list | tuple) else (columns,)
    taken = take_each(several, Column, f"what {word} expects", _ONE_COLUMN)
    words = ", ".join(str(column) for column in taken)
    table = _table_of(list(dict.fromkeys(column.table for column in taken)), f"{word}({words})")
    return table, tuple(column.name for column in taken), words


def _per(per: object, table: str, word: str) -> tuple[tuple[str, ...], str | None]:
    if per is None:
        return (), None
    its, names, words = _take_columns(per, f"`per` of {word}")
    _table_of(list(dict.fromkeys([table, its])), f"{word} per {words}")
    return names, _tuple(words, names)


def _count(number: object, where: str) -> int:
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    raise ShipwayError("SW-106", f"{where} is {write(number)}, which is no count", "write a whole number above 0")


def _take_value(value: object, word: str) -> tuple[str, Expr]:
    taken = take_expression(value, f"what {word} measures")
    if any(isinstance(node, Aggregate) for node in walk(taken)):
        raise ShipwayError("SW-106", f"{render(taken)} has a window", "data is checked row by row: use columns")
    return _table_of(streams_of(taken), render(taken)), taken


def _instant(by: object, table: str) -> Expr | None:
    if by is None:
        return None
    its, when = _take_value(by, "an instant")
    if its != table:
        raise ShipwayError("SW-106", f"{render(when)} is no instant of {table}", f"take it from the columns of {table}")
    return when


def _table_of_condition(condition: object, word: str) -> str:
    taken = take_expression(condition, f"what {word} expects")
    number = isinstance(taken, Operation) and (taken.op in ARITHMETIC or taken.op in _NUMBERS)
    if number or not isinstance(taken, Column | Operation):
        raise ShipwayError("SW-106", f"{render(taken)} is no condition", "compare it, such as flights.distance > 0")
    return _take_value(taken, word)[0]


def _table_of(tables: Sequence[str], text: str) -> str:
    if len(tables) != 1:
        raise ShipwayError("SW-106", f"{text} does not read exactly one table", "check one table's columns at a time")
    source, dot, _ = tables[0].partition(".")
    if dot:
        raise ShipwayError(
            "SW-106",
            f"{text} reads the event stream {tables[0]!r}",
            f"data is checked as stored: use the columns of {source}",
        )
    return source
