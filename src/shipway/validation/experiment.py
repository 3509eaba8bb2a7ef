"""Daily statistics of an experiment: what a day's units come to for one metric, and how days are put together.

The units of a day are those that met the experiment on it. Once their time is over a day does not change, so a look
merges days that were summarised before, and costs days, not units.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.maths.summary import Summary, merge, summarise_groups

Floats = NDArray[np.float64]
VARIANT = "_variant"
"""The column of what a unit met."""


class DayGroup(msgspec.Struct, frozen=True):
    """What some units of a day come to for one metric.

    Attributes:
        variant: what they met.
        column: the column they are a slice by; empty for all units of the variant.
        value: the slice's value, as text.
        n: how many units.
        mean: the mean of each column: the value, what a ratio is over, and the covariates.
        products: for each pair of columns the sum over units of the product of deviations from the means.
        values: digest of a blob with the units' values, for a quantile, which nothing smaller tells; else empty.
    """

    variant: str
    column: str
    value: str
    n: int
    mean: list[float]
    products: list[list[float]]
    values: str = ""

    @property
    def summary(self) -> Summary:
        """Return it as formulas take it."""
        return Summary(self.n, np.array(self.mean), np.array(self.products))


def summarise_units(
    units: pl.DataFrame, values: Floats, variants: Sequence[str], slices: Sequence[str]
) -> list[DayGroup]:
    """Summarise the units of a day: all of each variant, and each value of each slice.

    Args:
        units: one row for each unit, with `_variant` and the columns of the slices.
        values: float64[units, columns], finite.
        variants: their names.
        slices: columns of `units`.
    """
    places = {name: place for place, name in enumerate(variants)}
    codes = units[VARIANT].replace_strict(places, return_dtype=pl.Int64).to_numpy()
    found = [
        _group(variant, "", "", summary)
        for variant, summary in zip(variants, summarise_groups(values, codes, len(variants)), strict=True)
    ]
    for column in slices:
        texts = units[column].cast(pl.String).fill_null("none")
        levels = texts.unique().sort().to_list()
        level = texts.replace_strict({text: place for place, text in enumerate(levels)}, return_dtype=pl.Int64)
        both = level.to_numpy() * len(variants) + codes
        summaries = summarise_groups(values, both, len(levels) * len(variants))
        found += [
            _group(variants[place % len(variants)], column, levels[place // len(variants)], summary)
            for place, summary in enumerate(summaries)
            if summary.n
        ]
    return found


def split_values(units: pl.DataFrame, values: Floats, variants: Sequence[str]) -> dict[str, Floats]:
    """Return the values of a day's units by variant, sorted, float64 each.

    Args:
        units: one row for each unit, with `_variant`.
        values: float64[units].
        variants: their names.
    """
    met = units[VARIANT].to_numpy()
    return {variant: np.sort(values[met == variant]) for variant in variants}


def merge_days(days: Iterable[Sequence[DayGroup]], *, column: str = "") -> dict[tuple[str, str], Summary]:
    """Merge the groups of days.

    Args:
        days: what each day came to.
        column: the column whose slices are merged; all units of each variant where empty.

    Returns:
        Variant and the slice's value (empty where no column is given) to the summary of all days.
    """
    parts: dict[tuple[str, str], list[Summary]] = {}
    for day in days:
        for group in day:
            if group.column == column:
                parts.setdefault((group.variant, group.value), []).append(group.summary)
    return {key: merge(found) for key, found in parts.items()}


def _group(variant: str, column: str, value: str, summary: Summary) -> DayGroup:
    return DayGroup(variant, column, value, summary.n, summary.mean.tolist(), summary.products.tolist())
