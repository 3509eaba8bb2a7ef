"""The skew audit: feature vectors as they were served against the same ones computed offline, to the bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.maths.interval import wilson

_SHOWN: Final = 5
_ONLINE: Final = "online "
_TEXTS: Final = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSkew:
    """One column that differs.

    Attributes:
        column: its name.
        rows: rows in which it differs.
        row: key of the first of them, in the order they were served.
        online: the value that was served there, None where it was missing.
        offline: the value computed offline.
    """

    column: str
    rows: int
    row: str
    online: float | str | None
    offline: float | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewReport:
    """What an audit came to.

    Attributes:
        compared: rows that are on both sides.
        differing: those of them that differ in any column.
        columns: the columns that differ, most rows first.
        online_only: rows that were served and are not offline.
        offline_only: rows that are offline and were not served.
        online_only_rows: keys of the first few of them.
        offline_only_rows: keys of the first few of them.
    """

    compared: int
    differing: int
    columns: tuple[ColumnSkew, ...]
    online_only: int
    offline_only: int
    online_only_rows: tuple[str, ...]
    offline_only_rows: tuple[str, ...]


def compare_vectors(online: pl.DataFrame, offline: pl.DataFrame, columns: Sequence[str]) -> SkewReport:
    """Compare feature vectors by the key of their row and the instant they were asked for.

    Numbers are equal if their 64 bits are, so 0.0 and -0.0 differ; a missing value is null or NaN, and equals any other
    missing one; text is equal if it is. A row that was served more than once is compared each time.

    Args:
        online: columns row, at and the features, one row for each vector served.
        offline: the same columns, one row for each row and instant, in any order.
        columns: the features, each a number, truth or text.

    Raises:
        ShipwayError: SW-202 for a column that either side lacks, SW-205 if a row and instant is twice offline, SW-203
            for a column that is text on one side and a number on the other.
    """
    keys = ["row", "at"]
    for side, frame in (("served", online), ("offline", offline)):
        if missing := [name for name in (*keys, *columns) if name not in frame.columns]:
            raise ShipwayError(
                "SW-202", f"the vectors {side} lack column {missing[0]!r}", "compare what both sides have"
            )
    for row, at in offline.filter(pl.struct(keys).is_duplicated()).select(keys).head(1).iter_rows():
        raise ShipwayError("SW-205", f"row {row!r} at {at} is twice offline", "compute each row's features once")
    served = online.select(*keys, *(pl.col(name).alias(f"{_ONLINE}{name}") for name in columns))
    both = served.join(offline.select(*keys, *columns), on=keys, how="inner", validate="m:1", maintain_order="left")
    unmatched = served.join(offline, on=keys, how="anti", maintain_order="left")["row"]
    unserved = offline.join(served, on=keys, how="anti", maintain_order="left")["row"]
    differing = np.zeros(both.height, dtype=np.bool_)
    found: list[ColumnSkew] = []
    for name in columns:
        here = differs(both[f"{_ONLINE}{name}"], both[name])
        differing |= here
        if here.any():
            found.append(_describe(both, name, here))
    return SkewReport(
        compared=both.height,
        differing=int(differing.sum()),
        columns=tuple(sorted(found, key=lambda column: -column.rows)),
        online_only=unmatched.len(),
        offline_only=unserved.len(),
        online_only_rows=tuple(str(row) for row in unmatched.head(_SHOWN)),
        offline_only_rows=tuple(str(row) for row in unserved.head(_SHOWN)),
    )


def take_sample(vectors: pl.DataFrame, size: int, seed: int) -> pl.DataFrame:
    """Return some of the vectors, drawn without replacement, or all where there are no more.

    The draw depends on which requests there are and on the seed, not on the order in which they were logged.

    Args:
        vectors: columns request and at among others.
        size: how many are drawn.
        seed: another one draws others.

    Returns:
        The rows drawn, by instant and request.
    """
    ordered = vectors.sort("at", "request")
    if ordered.height <= size:
        return ordered
    drawn = np.random.default_rng(seed).choice(ordered.height, size, replace=False)
    return ordered[np.sort(drawn)]


def estimate_share(report: SkewReport) -> tuple[float, float, float]:
    """Return the share of the vectors compared that differ, with its 95 % interval; all of it where none was compared.

    The interval is Wilson's, for vectors drawn from all that the service reads.
    """
    if not report.compared:
        return 0.0, 0.0, 1.0
    low, high = wilson(report.differing, report.compared)
    share = report.differing / report.compared
    return share, min(low, share), max(high, share)


def _describe(both: pl.DataFrame, name: str, here: NDArray[np.bool_]) -> ColumnSkew:
    first = both.row(int(here.argmax()), named=True)
    online, offline = _plain(first[f"{_ONLINE}{name}"]), _plain(first[name])
    return ColumnSkew(column=name, rows=int(here.sum()), row=str(first["row"]), online=online, offline=offline)


def is_text(values: pl.Series) -> bool:
    """Tell whether a column is text."""
    return any(values.dtype == text for text in _TEXTS)


def both_text(left: pl.Series, right: pl.Series) -> bool:
    """Tell whether two columns of one feature are text; a column without any value is of either kind.

    Raises:
        ShipwayError: SW-203 if one is text and the other not.
    """
    texts = [is_text(side) for side in (left, right)]
    empty = [side.null_count() == len(side) for side in (left, right)]
    if any(texts) and not all(text or none for text, none in zip(texts, empty, strict=True)):
        fact = f"{right.name!r} is {left.dtype} on one side and {right.dtype} on the other"
        raise ShipwayError("SW-203", fact, "compute both with the same definitions")
    return any(texts)


def differs(online: pl.Series, offline: pl.Series) -> NDArray[np.bool_]:
    """Return where two columns of one feature differ, bool[n]; SW-203 if one is text and the other a number."""
    if both_text(online, offline):
        return online.cast(pl.String).ne_missing(offline.cast(pl.String)).to_numpy()
    return _bits(online) != _bits(offline)


def _bits(values: pl.Series) -> NDArray[np.int64]:
    """Return the bits of a column of numbers, with the same ones for every missing value."""
    numbers = values.cast(pl.Float64).fill_null(np.nan).to_numpy().copy()
    numbers[np.isnan(numbers)] = np.nan
    return numbers.view(np.int64)


def _plain(value: Any) -> float | str | None:
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    return None if np.isnan(number) else number
