"""What a table looks like to whoever proposes rules for it: its columns, and the deliveries it came in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import polars as pl

from shipway.core.feature import ALWAYS, Expr, Source
from shipway.data.translation import to_polars
from shipway.kit.duration import DAY, HOUR
from shipway.maths.expression import Operation, Span

Kind: TypeAlias = Literal["int", "float", "text", "bool", "instant", "date", "other"]

MOST_TRIED: Final = 40
"""Past deliveries that rules are tried on at most, the newest."""
_QUIET: Final = 0.25
"""Rows of an hour of the day, over those of a usual one, that make a good place to cut days."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one column.

    Attributes:
        name: the column.
        kind: its type.
        rows: how many rows there are.
        missing: how many of them have no value.
        distinct: how many different values.
        low: the least value of a number.
        high: the greatest.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Delivery:
    """A past delivery: its rows lie between two places of the rows in order of their instant."""

    start: int
    end: int


@dataclass(slots=True)
class View:
    """A table as rules are proposed for it.

    Attributes:
        source: the source.
        rows: its declared columns, in order of the instant.
        looks: what was seen of each column.
        every_us: how long a delivery is.
        instant: the instant column that deliveries are told by; None where there is none.
        day: the instant that days are cut by: begins where a day is quietest.
        instants: the instant of each row in microseconds, in order; rows without one come first and are in none.
        deliveries: whole ones, oldest first.
    """

    source: Source
    rows: pl.DataFrame
    looks: dict[str, Look]
    every_us: int
    instant: str | None = None
    day: Expr | None = None
    instants: Any = None
    deliveries: list[Delivery] = field(default_factory=list[Delivery])

    @property
    def name(self) -> str:
        """Return the table's name."""
        return self.source.name

    @property
    def days(self) -> int:
        """Return how many days there are from the first row to the newest."""
        if self.instants is None or not len(self.instants):
            return 0
        return int(self.instants[-1] - self.instants[0]) // DAY + 1

    def of(self, *kinds: Kind) -> list[Look]:
        """Return the columns of some kinds that have values."""
        return [look for look in self.looks.values() if look.kind in kinds and look.missing < look.rows]

    def is_usable(self, look: Look) -> bool:
        """Tell whether a column has more than one value, so that a rule on its values would say something."""
        return look.distinct > 1


def survey_table(source: Source, rows: pl.DataFrame | pl.LazyFrame, every_us: int, by: str | None = None) -> View:
    """Look at a table.

    Args:
        source: its declaration; columns it does not declare cannot be named in a rule, and are not looked at.
        rows: its rows.
        every_us: how long a delivery is.
        by: the instant column that deliveries are told by; by default the first that is declared and always there.
    """
    schema = rows.collect_schema()
    columns = [column for column in source.columns if column in schema]
    frame = rows.lazy().select(columns).collect()
    view = View(source, frame, _look_at(frame), every_us)
    instant = by or _choose_instant(source, view)
    if instant is None or not frame.height:
        return view
    at = to_polars(source[instant], frame.schema)
    frame = frame.with_columns(at.alias("at:")).sort("at:", nulls_last=False, maintain_order=True)
    known = frame.filter(pl.col("at:").is_not_null())
    view.instant, view.rows = instant, frame.drop("at:")
    view.instants = known["at:"].to_numpy()
    view.day = _cut_days(source[instant], view.instants)
    view.deliveries = _cut_deliveries(view.instants, frame.height - known.height, every_us, _day_start(view.day))
    return view


def kind_of_column(dtype: pl.DataType) -> Kind:
    """Return the kind of a column as rules see it."""
    if dtype.is_integer():
        return "int"
    if dtype.is_float() or dtype.is_decimal():
        return "float"
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return "text"
    if dtype == pl.Boolean:
        return "bool"
    if isinstance(dtype, pl.Datetime):
        return "instant"
    return "date" if dtype == pl.Date else "other"


def extremes_of(view: View, column: str) -> tuple[Any, Any]:
    """Return the least and the greatest value of each delivery that has one."""
    values = view.rows[column].cast(pl.Float64).fill_nan(None)
    parts = [values[delivery.start : delivery.end].drop_nulls().to_numpy() for delivery in view.deliveries]
    held = [part for part in parts if len(part)]
    return np.asarray([part.min() for part in held]), np.asarray([part.max() for part in held])


def moves_with_time(lows: Sequence[float], highs: Sequence[float]) -> bool:
    """Tell whether a column only ever goes one way from delivery to delivery, as running numbers and years do."""
    steps = [np.diff(np.asarray(ends)) for ends in (lows, highs)]
    if len(steps[0]) < 3:
        return False
    least = max(3, len(steps[0]) // 2)
    return any(all((turn * step >= 0).all() and (turn * step > 0).sum() >= least for step in steps) for turn in (1, -1))


def _look_at(frame: pl.DataFrame) -> dict[str, Look]:
    looks: dict[str, Look] = {}
    for name, dtype in frame.schema.items():
        values = frame[name].fill_nan(None) if dtype.is_float() else frame[name]
        kind, missing = kind_of_column(dtype), values.null_count()
        there = values.drop_nulls()
        distinct = there.n_unique() if kind != "other" else 0
        ends = (math.nan, math.nan)
        if kind in ("int", "float") and len(there):
            ends = (float(there.min()), float(there.max()))  # pyright: ignore[reportArgumentType]
        looks[name] = Look(name, kind, frame.height, missing, distinct, *ends)
    return looks


def _choose_instant(source: Source, view: View) -> str | None:
    declared = [name for name in source.known_at if name != ALWAYS]
    for name in dict.fromkeys([*declared, *view.looks]):
        look = view.looks.get(name)
        if look is not None and look.kind == "instant" and look.missing <= look.rows // 1000 and look.distinct > 1:
            return name
    return None


def _cut_days(instant: Expr, instants: Any) -> Expr:
    """Return an instant moved so that its days begin in the quietest hour, if one is much quieter than the others."""
    hours = np.bincount(instants // HOUR % 24, minlength=24).astype(np.float64)
    if hours.min() > _QUIET * hours.mean():
        return instant
    # Of several quiet hours in a row, days begin in the middle one.
    quiet = [hour for hour in range(24) if hours[hour] == hours.min()]
    runs = [[hour] for hour in quiet]
    for hour in quiet:
        run = [(hour + step) % 24 for step in range(24)]
        runs.append([one for place, one in enumerate(run) if all(each in quiet for each in run[: place + 1])])
    longest = max(runs, key=len)
    start = longest[len(longest) // 2]
    return instant if not start else Operation("sub", (instant, Span(start * HOUR)))


def _day_start(day: Expr) -> int:
    """Return how long after midnight UTC the days of an instant begin."""
    return day.args[1].us if isinstance(day, Operation) and isinstance(day.args[1], Span) else 0


def _cut_deliveries(instants: Any, offset: int, every_us: int, start: int) -> list[Delivery]:
    """Return the whole deliveries, counted back from the end of the newest row's day where they are whole days."""
    if not len(instants):
        return []
    end = int(instants[-1]) + 1
    if every_us % DAY == 0:
        end = -((start - end) // DAY) * DAY + start
    count = min((end - int(instants[0])) // every_us, MOST_TRIED)
    edges = np.searchsorted(instants, [end - every_us * back for back in range(count, -1, -1)])
    cut = [Delivery(int(a) + offset, int(b) + offset) for a, b in pairwise(edges)]
    return [delivery for delivery in cut if delivery.end > delivery.start]
