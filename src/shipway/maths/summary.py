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
_FEW: Final = 8
"""Groups of a block that are told apart one by one, beyond which its rows are sorted."""
_SMALL_PRODUCT: Final = 900_000
"""Multiplications up to which OpenBLAS takes a product of matrices for a small one."""
_STRETCH: Final = 1 << 9
"""Rows multiplied at once: eleven columns of them take 45 KB, which a core's first cache holds."""
_SPARE: Final = 24
"""Values left free between the columns of a block, so that they do not all fall on the same lines of a cache."""
_LOST: Final = 0.75
"""Share of the squares around a centre that its distance from the mean may be, so that two bits are lost at most."""


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

    A block is put in the order of its groups, and values are summed as they are as long as that costs no more than two
    bits. Where the mean is great beside the spread, the values of a group are taken from a centre of their own, the
    mean of the block where that was noticed; where rows drift away from it they get another one, and what was summed
    around the last is merged in the end (`merge`).

    Args:
        columns: k columns of float64[n], one value per unit, finite.
        codes: integer[n], the group of each unit, from 0 to groups - 1.
        groups: how many groups there are; those without units have summaries too.

    Raises:
        ValueError: if the columns differ in length, a value is not finite, or a code is out of range.
    """
    if any(column.shape != codes.shape for column in columns) or codes.ndim != 1:
        raise ValueError(f"columns are not all of the codes' shape, {codes.shape}")
    k = len(columns)
    parts = [[_Part(0, None, np.zeros((k + 1, k)))] for _ in range(groups)]
    size = max(_BLOCK, _ROWS_PER_GROUP * groups)
    block = np.ones((k + 1, min(size, codes.size) + _SPARE))  # the last row stays: products with it are sums
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, codes.size, size):
            part = codes[start : start + size]
            rows = block[:, : part.size]
            order, held = _order(part, groups)
            for place, column in enumerate(columns):
                if order is None:
                    rows[place] = column[start : start + size]
                else:
                    column[start : start + size].take(order, out=rows[place], mode="clip")
            end = 0
            for group, n in held:
                begin, end = end, end + n
                _add_rows(parts[group], rows[:, begin:end])
        return tuple(_finish(each) for each in parts)


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
class _Part:
    """Sums of some rows of a group around one centre.

    Attributes:
        n: how many rows.
        centre: float64[k], what values are taken from; None for nought.
        products: float64[k + 1, k], sums of products of what is left of the columns, and in the last row of itself.
    """

    n: int
    centre: Floats | None
    products: Floats


def _order(part: Codes, groups: int) -> tuple[NDArray[np.int64] | None, list[tuple[int, int]]]:
    """Return the order that puts rows of a group beside each other, and each group that occurs with its rows.

    Where one group has all rows there is nothing to order. A few groups are picked one by one, which reads the codes as
    often as there are groups and is cheaper than to sort them.

    Raises:
        ValueError: if a code is none of the groups.
    """
    least, most = int(part.min()), int(part.max())
    if not 0 <= least <= most < groups:
        raise ValueError(f"a group is not between 0 and {groups - 1}")
    if least == most:
        return None, [(least, part.size)]
    if most - least < _FEW:
        near = (part - least).astype(np.uint8)
        picked = [np.flatnonzero(near == group) for group in range(most - least + 1)]
        return np.concatenate(picked), [(least + at, rows.size) for at, rows in enumerate(picked) if rows.size]
    counts = np.bincount(part, minlength=groups)
    held = np.flatnonzero(counts)
    return order_codes(part.astype(np.int32), groups), list(zip(held.tolist(), counts[held].tolist(), strict=True))


def _add_rows(parts: list[_Part], rows: Floats) -> None:
    """Add rows to a group's last part, or begin another one where they are far from its centre.

    Args:
        parts: of the group, at least one.
        rows: float64[k + 1, n], of which the last row is ones; the others are centred in place.
    """
    own, last = rows[:-1], parts[-1]
    if last.centre is not None:
        own -= last.centre[:, None]
    products, n = last.products + _multiply(rows), last.n + rows.shape[1]
    # n (mean - centre)^2 beside all squares: what is left when the one is taken from the other is what is wanted.
    # A sum whose square is no number any more is far from the centre too.
    squares = products[-1] * products[-1]
    if (np.isfinite(squares) & (squares <= _LOST * n * products.diagonal())).all():
        parts[-1] = _Part(n, last.centre, products)
        return
    centre = own.mean(axis=1) if last.centre is None else last.centre + own.mean(axis=1)
    own -= (centre if last.centre is None else centre - last.centre)[:, None]
    parts.append(_Part(rows.shape[1], centre, _multiply(rows)))


def _multiply(rows: Floats) -> Floats:
    """Return the products of all rows with all but the last, float64[k + 1, k], summed in stretches.

    Every product reads its rows as often as BLAS has tiles, so a stretch must stay in the first cache; all are made by
    one call. A product of matrices this narrow is made without copies and by one thread as long as it is small; beyond
    that BLAS packs both and wakes threads, which wait for each other longer than they work.
    """
    k, n = len(rows) - 1, rows.shape[1]
    width = min(_STRETCH, max(1 << 8, _SMALL_PRODUCT // (k * (k + 1))))
    even = n - n % width
    stretches = rows[:, :even].reshape(k + 1, -1, width).transpose(1, 0, 2)
    products = np.matmul(stretches, stretches[:, :-1].transpose(0, 2, 1)).sum(axis=0)
    return products + rows[:, even:] @ rows[:-1, even:].T


def _finish(parts: list[_Part]) -> Summary:
    """Return the summary of all rows of a group; ValueError if a value was not finite."""
    k, held = parts[0].products.shape[1], [part for part in parts if part.n]
    if not held:
        return summarise_zeros(0, k)
    # Seen from the last centre, means are as small as what they are merged by, and nothing is lost to their size.
    nought = np.zeros(k)
    origin = nought if held[-1].centre is None else held[-1].centre
    whole = merge([_see(part, (nought if part.centre is None else part.centre) - origin) for part in held])
    if not np.isfinite(whole.mean).all():
        raise ValueError("a value is not finite")
    return Summary(whole.n, origin + whole.mean, whole.products)


def _see(part: _Part, centre: Floats) -> Summary:
    """Return the summary of a part's rows as seen from where its centre is so far away."""
    apart = part.products[-1] / part.n
    return Summary(part.n, centre + apart, part.products[:-1] - part.n * np.outer(apart, apart))
