"""What a check on data measures and how, as frozen values; the words that build them are in `shipway.core.data_check`.

Two things mean the same in each of them. `rows` says which rows are measured: `all` that the table holds, or the `new`
ones, which the main branch does not have. `by` is an instant: rows of one of its days are one cluster, because they are
not independent, and a period of the reference is cut by it.
"""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.feature import Expr
from shipway.maths.expression import render

ColumnKind: TypeAlias = Literal["int", "float", "text", "bool", "instant", "date"]
Rows: TypeAlias = Literal["all", "new"]


class Reference(msgspec.Struct, frozen=True):
    """The earlier rows that something is compared with: what the main branch held before, or a period of it.

    Attributes:
        last_us: only the rows of this long before the main branch's newest instant; None for all.
        ago_us: how long before the main branch's newest instant the period ends, such as a year.
    """

    last_us: int | None = None
    ago_us: int = 0


class HasColumns(msgspec.Struct, frozen=True, tag="columns"):
    """Count the columns of a table that are missing or have another type than declared."""

    table: str
    columns: dict[str, ColumnKind]
    rows: Rows = "all"


class HasRows(msgspec.Struct, frozen=True, tag="rows"):
    """Count the rows of a table; against a reference, by which share there are more of them."""

    table: str
    by: Expr | None = None
    against: Reference | None = None
    rows: Rows = "all"


class Holds(msgspec.Struct, frozen=True, tag="holds"):
    """Measure the share of a table's rows where a condition is false; a row where it is null does not count against."""

    table: str
    condition: Expr
    rows: Rows = "all"


class Custom(msgspec.Struct, frozen=True, tag="custom"):
    """Measure the share of a table's rows where a condition in another language is false; null does not count against.

    Attributes:
        language: `polars` for a serialised Polars expression, `sql` for the text of a condition in SQL.
        text: the condition.
    """

    table: str
    language: Literal["polars", "sql"]
    text: str
    rows: Rows = "all"


class Present(msgspec.Struct, frozen=True, tag="present"):
    """Measure the share of a table's rows where a column is null."""

    table: str
    column: str
    rows: Rows = "all"


class Unique(msgspec.Struct, frozen=True, tag="unique"):
    """Count the rows of a table that share their key with an earlier row."""

    table: str
    columns: tuple[str, ...]
    rows: Rows = "all"


class Refers(msgspec.Struct, frozen=True, tag="refers"):
    """Measure the share of a table's rows whose key is in no row of another table; one without a whole key has none.

    Attributes:
        columns: the key in the table measured.
        other: the table referred to, always the whole of it.
        others: the key there, in the same order.
    """

    table: str
    columns: tuple[str, ...]
    other: str
    others: tuple[str, ...]
    rows: Rows = "all"


class Fresh(msgspec.Struct, frozen=True, tag="fresh"):
    """Measure how long before the run's domain time the newest value of a table became known, in microseconds.

    Attributes:
        per: columns whose values each have a feed of their own; the oldest of these counts.
        support_rows: fewest rows a feed needs to count.
    """

    table: str
    instant: str
    per: tuple[str, ...] = ()
    support_rows: int = 1
    rows: Rows = "all"


class Past(msgspec.Struct, frozen=True, tag="past"):
    """Measure the share of a table's rows with an instant after the run's domain time."""

    table: str
    instant: str
    rows: Rows = "all"


class Gaps(msgspec.Struct, frozen=True, tag="gaps"):
    """Count the steps of a regular feed that have no row, between its first and its newest.

    New rows are expected to follow on what the main branch has, so a step missing in between counts too.

    Attributes:
        every_us: length of a step; steps are counted from 1970 UTC.
        per: columns whose values each have a feed of their own.
    """

    table: str
    instant: str
    every_us: int
    per: tuple[str, ...] = ()
    rows: Rows = "all"


class DayRows(msgspec.Struct, frozen=True, tag="day-rows"):
    """Measure the rows of the thinnest or the fullest day, over those of a usual day: the median, without empty days.

    Days run from the first to the newest; one without rows is the thinnest.

    Attributes:
        extreme: `least` for the thinnest day, `most` for the fullest.
        against: where the usual day comes from; None for the rows measured themselves.
    """

    table: str
    by: Expr
    extreme: Literal["least", "most"]
    against: Reference | None = None
    rows: Rows = "all"


class Mean(msgspec.Struct, frozen=True, tag="mean"):
    """Measure the mean of an expression, or the share of rows where a condition is true; nulls aside.

    Against a reference it is the difference: of means in standard deviations of the reference, of shares as it is.
    With `share` the expression has to be a condition.
    """

    table: str
    value: Expr
    by: Expr | None = None
    against: Reference | None = None
    rows: Rows = "all"
    share: bool = False

    def name(self, *, condition: bool) -> str:
        """Return what is measured, by what the expression turns out to be; SW-203 where it has to be a condition."""
        if self.share and not condition:
            fact = f"{render(self.value)} is no condition, so there is no share of rows where it is true"
            raise ShipwayError("SW-203", fact, "compare it, or measure it with sw.mean(...)")
        return "share" if condition else "mean"


class Quantile(msgspec.Struct, frozen=True, tag="quantile"):
    """Measure a quantile of an expression; against a reference, the difference in its standard deviations.

    Attributes:
        at: which, between 0 and 1.
    """

    table: str
    value: Expr
    at: float
    by: Expr | None = None
    against: Reference | None = None
    rows: Rows = "all"


class Distinct(msgspec.Struct, frozen=True, tag="distinct"):
    """Count the different values of columns, nulls aside; against a reference, by which share there are more."""

    table: str
    columns: tuple[str, ...]
    by: Expr | None = None
    against: Reference | None = None
    rows: Rows = "all"


class Correlation(msgspec.Struct, frozen=True, tag="correlation"):
    """Measure Pearson's correlation of two expressions; against a reference, the difference."""

    table: str
    left: Expr
    right: Expr
    by: Expr | None = None
    against: Reference | None = None
    rows: Rows = "all"


class Shift(msgspec.Struct, frozen=True, tag="shift"):
    """Measure how far the distribution of an expression is from the reference's, as the Wasserstein-1 distance.

    Numbers: in standard deviations of the reference. Texts and conditions: with every two different values at a
    distance of 1, which is the share of rows that have another value than they would (total variation).
    """

    table: str
    value: Expr
    by: Expr | None = None
    against: Reference = Reference()
    rows: Rows = "all"


class Unseen(msgspec.Struct, frozen=True, tag="unseen"):
    """Measure the share of rows with a value that the reference has not; nulls aside."""

    table: str
    column: str
    by: Expr | None = None
    against: Reference = Reference()
    rows: Rows = "all"


class Vanished(msgspec.Struct, frozen=True, tag="vanished"):
    """Count the values that the rows measured have no more, of those that were usual in the reference.

    Attributes:
        share: the least share of the reference's rows that makes a value usual.
    """

    table: str
    column: str
    share: float = 0.01
    by: Expr | None = None
    against: Reference = Reference()
    rows: Rows = "all"


class Timely(msgspec.Struct, frozen=True, tag="timely"):
    """Measure the share of rows with a label that is known by the time it is asked for, or before its own instant.

    Attributes:
        value: the label.
        instant: when a label becomes known.
        asked: when it is asked for.
    """

    table: str
    value: Expr
    instant: str
    asked: Expr
    rows: Rows = "all"


DataMeasure: TypeAlias = (
    HasColumns | HasRows | Holds | Custom | Present | Unique | Refers | Fresh | Past | Gaps | DayRows | Mean | Quantile
    | Distinct | Correlation | Shift | Unseen | Vanished | Timely
)  # fmt: skip
Comparable: TypeAlias = HasRows | DayRows | Mean | Quantile | Distinct | Correlation | Shift | Unseen | Vanished
"""Measures that can be compared with the same of earlier rows."""


def reads_clock(measure: object) -> bool:
    """Tell whether the run's domain time is a part of what is measured, so that the result is of that time alone."""
    return isinstance(measure, Fresh | Past | Timely)


def reads_main(measure: object) -> bool:
    """Tell whether what the main branch held before is a part of what is measured."""
    return getattr(measure, "against", None) is not None or getattr(measure, "rows", "all") == "new"


def tables_of(measure: object) -> tuple[str, ...]:
    """Return the names of the tables that a check on data reads; none for a check on anything else."""
    if not isinstance(measure, DataMeasure):
        return ()
    return (measure.table, measure.other) if isinstance(measure, Refers) else (measure.table,)
