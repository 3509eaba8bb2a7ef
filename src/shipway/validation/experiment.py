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
VARIANT, DAY = "_variant", "_day"
"""The columns of what a unit met, and of the day on which, as days since 1970."""


class DayGroup(msgspec.Struct, frozen=True):
    """What some units of a day come to for one metric.

    Attributes:
        variant: what they met.
        column: the column they are a slice by; empty for all units of the variant.
        value: the slice's value, as text.
        n: how many units.
        mean: the mean of each column: the value, what a ratio is over, and the covariates.
        products: for each pair of columns the sum over units of the product of deviations from the means.
        values: digest of a blob with what nothing smaller tells: the units' values for a quantile, or the sums of each
            cluster where clusters are assigned; else empty.
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


def summarise_days(
    units: pl.DataFrame, values: Floats, variants: Sequence[str], slices: Sequence[str]
) -> dict[int, list[DayGroup]]:
    """Summarise the units of each day: all of each variant, and each value of each slice.

    Args:
        units: one row for each unit, with `_day`, `_variant` and the columns of the slices.
        values: float64[units, columns], finite.
        variants: their names.
        slices: columns of `units`.

    Returns:
        Day to its groups; a variant that no unit of the day met has a group without units.
    """
    met, day = _code_variants(units, variants), units[DAY].to_numpy()
    texts = [(column, name_slices(units, column)) for column in slices]
    found: dict[int, list[DayGroup]] = {}
    for each in np.unique(day):
        # Day by day, so that no digit of one depends on which others are summarised with it.
        mine = np.flatnonzero(day == each)
        rows, codes = values[mine], met[mine]
        groups = [_group(name, "", "", one) for name, one in _each(rows, codes, variants)]
        for column, text in texts:
            levels, level = np.unique(text[mine], return_inverse=True)
            for place, value in enumerate(levels):
                inside = level == place
                sliced = _each(rows[inside], codes[inside], variants)
                groups += [_group(name, column, str(value), one) for name, one in sliced if one.n]
        found[int(each)] = groups
    return found


def name_slices(units: pl.DataFrame, column: str) -> NDArray[np.str_]:
    """Return the slice of each unit by a column, as text; `none` for one that has no value."""
    return units[column].cast(pl.String).fill_null("none").to_numpy().astype(str)


def split_days(units: pl.DataFrame, values: Floats, variants: Sequence[str]) -> dict[int, dict[str, Floats]]:
    """Return the values of each day's units by variant, sorted, float64 each.

    Args:
        units: one row for each unit, with `_day` and `_variant`.
        values: float64[units].
        variants: their names.
    """
    days, met = units[DAY].to_numpy(), _code_variants(units, variants)
    return {
        int(day): {variant: np.sort(values[(days == day) & (met == place)]) for place, variant in enumerate(variants)}
        for day in np.unique(days)
    }


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


def _each(rows: Floats, codes: NDArray[np.int64], variants: Sequence[str]) -> Iterable[tuple[str, Summary]]:
    return zip(variants, summarise_groups(rows, codes, len(variants)), strict=True)


def _code_variants(units: pl.DataFrame, variants: Sequence[str]) -> NDArray[np.int64]:
    places = {name: place for place, name in enumerate(variants)}
    return units[VARIANT].replace_strict(places, return_dtype=pl.Int64).to_numpy()


def _group(variant: str, column: str, value: str, summary: Summary) -> DayGroup:
    return DayGroup(variant, column, value, summary.n, summary.mean.tolist(), summary.products.tolist())
