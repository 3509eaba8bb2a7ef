"""Sufficient statistics of columns: all that a test of means or ratios needs of the rows, made to be merged.

A summary is the number of units, the mean of every column and the sums of products of deviations from the means. The
summary of all units is the merged summaries of any parts of them that share no unit, whatever the parts: a look at an
experiment of ten million users over thirty days reads sixty summaries. A unit that is in two parts would be counted as
two, so rows become one row per unit before they are summarised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact, order_codes

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

_BLOCK: Final = 1 << 14
"""Rows of a block: ten columns of them take 1.3 MB."""
_ROWS_PER_GROUP: Final = 256
"""Rows that a group should have in a block on average, so that their arithmetic outweighs the calls."""


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Count, means and centred products of k columns over some units.

    Attributes:
        n: how many units, 0 or more.
        mean: float64[k], the mean of each column; 0 where there are no units.
        products: float64[k, k], for each pair of columns the sum over units of the product of deviations from the mean.
    """

    n: int
    mean: Floats
    products: Floats

    @property
    def covariance(self) -> Floats:
        """Return float64[k, k], the sample covariance (divided by n - 1); not numbers with fewer than two units."""
        return self.products / (self.n - 1) if self.n > 1 else np.full_like(self.products, np.nan)


def summarise(rows: Floats) -> Summary:
    """Summarise rows, one per unit.

    Args:
        rows: float64[n, k], finite.

    Raises:
        ValueError: if a value is not finite.
    """
    return summarise_groups(rows, np.zeros(len(rows), np.int64), 1)[0]


def summarise_groups(rows: Floats, codes: Codes, groups: int) -> tuple[Summary, ...]:
    """Summarise the rows of every group.

    Args:
        rows: float64[n, k], one row per unit, finite.
        codes: integer[n], the group of each row, from 0 to groups - 1.
        groups: how many groups there are; those without rows have summaries too.

    Raises:
        ValueError: if the arrays differ in length, a value is not finite, or a code is out of range.
    """
    if rows.ndim != 2 or codes.shape != rows.shape[:1]:
        raise ValueError(f"rows {rows.shape} and codes {codes.shape} do not belong together")
    return summarise_columns(list(rows.T), codes, groups)


def summarise_columns(columns: Sequence[Floats], codes: Codes, groups: int) -> tuple[Summary, ...]:
    """Summarise columns by group, a block of rows at a time that stays in the processor's cache.

    A block is ordered by group and centred by its mean, so that products of what is left lose no digits to the mean;
    the summaries of its groups are then merged into those of the blocks before it.

    Args:
        columns: k columns of float64[n], one value per unit, finite.
        codes: integer[n], the group of each unit, from 0 to groups - 1.
        groups: how many groups there are; those without units have summaries too.

    Raises:
        ValueError: if the columns differ in length, a value is not finite, or a code is out of range.
    """
    if any(column.shape != codes.shape for column in columns) or codes.ndim != 1:
        raise ValueError(f"columns are not all of the codes' shape, {codes.shape}")
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < groups:
        raise ValueError(f"a group is not between 0 and {groups - 1}")
    k = len(columns)
    total = _Moments(np.zeros(groups), np.zeros((groups, k)), np.zeros((groups, k, k)))
    size = max(_BLOCK, _ROWS_PER_GROUP * groups)
    block = np.empty((k, min(size, codes.size)))
    for start in range(0, codes.size, size):
        part = codes[start : start + size]
        order, rows = order_codes(part, groups), block[:, : part.size]
        for place, column in enumerate(columns):
            column[start : start + size].take(order, out=rows[place], mode="clip")
        total = _merge_moments(total, _measure_block(rows, np.bincount(part, minlength=groups)))
    counts = total.counts.astype(np.int64).tolist()
    return tuple(Summary(*one) for one in zip(counts, total.mean, total.products, strict=True))


def summarise_sums(n: int, sums: Floats, products: Floats) -> Summary:
    """Make a summary of plain sums, as a warehouse may deliver them.

    Sums of squares lose digits where the mean is great beside the spread: half of them at a mean of 10^4 deviations.

    Args:
        n: how many units, at least 1.
        sums: float64[k], the sum of each column.
        products: float64[k, k], the sum of the product of each pair of columns.

    Raises:
        ValueError: if there are no units or the shapes do not fit.
    """
    if n < 1 or products.shape != (sums.size, sums.size):
        raise ValueError(f"{n} units with sums {sums.shape} and products {products.shape} are no summary")
    return Summary(n, sums / n, products - np.outer(sums, sums) / n)


def summarise_zeros(n: int, columns: int) -> Summary:
    """Return the summary of units of which every column is 0, such as those of whom an event table knows nothing.

    Merged with the summary of the others it makes the summary of a sparse table whose zeros were never written.
    """
    if n < 0:
        raise ValueError(f"{n} units cannot be")
    return Summary(n, np.zeros(columns), np.zeros((columns, columns)))


def merge(parts: Sequence[Summary]) -> Summary:
    """Merge summaries of parts that share no unit.

    The pairwise formula of Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing
    Sample Variances", for all parts at once: products within parts, and of the parts' means around the mean of all.

    Raises:
        ValueError: if there is no part or the parts differ in their columns.
    """
    if not parts or any(part.mean.shape != parts[0].mean.shape for part in parts):
        raise ValueError("there is nothing to merge, or parts differ in how many columns they have")
    counts = np.array([part.n for part in parts], dtype=np.float64)
    n = sum(part.n for part in parts)
    if not n:
        return parts[0]
    means = np.array([part.mean for part in parts])
    mean = counts @ means / n
    apart = means - mean
    within = np.array([part.products for part in parts]).sum(axis=0)
    return Summary(n, mean, within + (apart * counts[:, None]).T @ apart)


def select(summary: Summary, columns: Sequence[int]) -> Summary:
    """Return the summary of some of the columns, in the order asked for."""
    index = np.array(columns, dtype=np.int64)
    return Summary(summary.n, summary.mean[index], summary.products[np.ix_(index, index)])


def sum_clusters(rows: Floats, clusters: Codes) -> tuple[Codes, Floats]:
    """Sum rows by cluster: a cluster that was assigned as a whole is one unit, with its sums and its size.

    The mean over rows is then the ratio of a sum to the size (the last column), whose delta-method error is the
    cluster-robust one (Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics", section 3).

    Args:
        rows: float64[n, k].
        clusters: integer[n], 0 or more.

    Returns:
        integer[g], the clusters in order, and float64[g, k + 1], their sums and, last, their numbers of rows.
    """
    levels, index = compact(clusters)
    sums = np.zeros((levels.size, rows.shape[1] + 1))
    for place, column in enumerate(rows.T):
        sums[:, place] = np.bincount(index, weights=column, minlength=levels.size)
    sums[:, -1] = np.bincount(index, minlength=levels.size)
    return levels, sums


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Summaries of g groups: their counts float64[g], means float64[g, k] and products float64[g, k, k]."""

    counts: Floats
    mean: Floats
    products: Floats


def _measure_block(rows: Floats, counts: Codes) -> _Moments:
    """Summarise rows that are ordered by group, float64[k, n]; they are centred in place."""
    with np.errstate(invalid="ignore"):
        centre = rows.mean(axis=1)
    if not np.isfinite(centre).all():
        raise ValueError("a value is not finite")
    rows -= centre[:, None]
    held, ends = np.flatnonzero(counts), np.cumsum(counts)
    starts = ends - counts
    k, groups, n = len(rows), counts.size, counts.astype(np.float64)
    mean, products = np.zeros((groups, k)), np.zeros((groups, k, k))
    mean[held] = np.add.reduceat(rows, starts[held], axis=1).T / n[held, None]
    for group, start, end in zip(held.tolist(), starts[held].tolist(), ends[held].tolist(), strict=True):
        own = rows[:, start:end]
        np.matmul(own, own.T, out=products[group])
    products -= n[:, None, None] * (mean[:, :, None] * mean[:, None, :])
    return _Moments(n, mean + centre, products)


def _merge_moments(a: _Moments, b: _Moments) -> _Moments:
    """Merge two summaries of the same groups, as `merge` does."""
    n = a.counts + b.counts
    share = np.divide(b.counts, n, out=np.zeros_like(n), where=n > 0)
    apart = np.where((b.counts > 0)[:, None], b.mean - a.mean, 0.0)
    between = (a.counts * share)[:, None, None] * (apart[:, :, None] * apart[:, None, :])
    return _Moments(n, a.mean + share[:, None] * apart, a.products + b.products + between)
