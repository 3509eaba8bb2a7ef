"""Parts of the rows: by a part of the calendar, or by the distinct values of a column."""

from typing import Final

import polars as pl

from shipway.validation.cut import NOTHING
from shipway.validation.sample import Group

CALENDAR: Final = ("day", "week", "month", "weekday", "hour_band")
"""Parts of the prediction instant, in the project's time zone, that rows can be sliced and clustered by."""


def calendar_part(at: pl.Series, part: str) -> pl.Series:
    """Return a part of local instants as text: day, ISO week, month, weekday 1 (Monday) to 7, or 4-hour band."""
    match part:
        case "day":
            return at.dt.strftime("%Y-%m-%d")
        case "week":
            return at.dt.strftime("%G-W%V")
        case "month":
            return at.dt.strftime("%Y-%m")
        case "weekday":
            return at.dt.weekday().cast(pl.String)
        case _:
            return (at.dt.hour() // 4 * 4).cast(pl.String).str.zfill(2) + "h"


def code_labels(values: pl.Series, *, ordered: bool = False) -> Group:
    """Number the distinct values of a column in order, numbers by their size; a null is a label of its own.

    Args:
        values: texts, numbers, conditions or instants.
        ordered: whether texts follow one another too, as those of the calendar do.
    """
    texts = values.cast(pl.String).fill_null(NOTHING)
    found: list[str] = values.drop_nulls().unique().sort().cast(pl.String).to_list()
    labels = tuple(dict.fromkeys([NOTHING] * bool(values.null_count()) + found))
    # Nothing to replace leaves an empty column's type as it was.
    codes = (
        texts.replace_strict(list(labels), list(range(len(labels))), return_dtype=pl.Int64).cast(pl.Int64).to_numpy()
    )
    follows = ordered or values.dtype.is_numeric() or values.dtype.is_temporal()
    return Group(codes=codes, labels=labels, ordered=follows)
