"""What a model listens to over many rows: sizes of contributions, losses without a feature, and curves along one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.interval import Estimate, clustered_mean, clustered_ratio, interval

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
Predict = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How a prediction moves along one feature, on average over the rows that are there.

    Attributes:
        at: float64[k], values of the feature, ascending.
        effect: float64[k], how far the prediction is from its mean over the feature.
        low: float64[k], lower end of the 95 % interval.
        high: float64[k], upper end.
        rows: int64[k - 1], rows between each value and the next.
    """

    at: Floats
    effect: Floats
    low: Floats
    high: Floats
    rows: NDArray[np.int64]


def mean_size(values: Floats, clusters: Codes) -> list[Estimate]:
    """Estimate the mean absolute contribution of each column (Lundberg et al. 2020, section "Summary plots").

    Args:
        values: float64[n, columns], contributions by row.
        clusters: integer[n], what rows are grouped by.

    Raises:
        ValueError: as `clustered_mean`.
    """
    return [clustered_mean(column, clusters) for column in np.abs(values).T]


def share_of(values: Floats, columns: Sequence[int], clusters: Codes) -> Estimate:
    """Estimate which share of all absolute contributions is that of some columns, so that shares of parts add up to 1.

    Args:
        values: float64[n, columns], contributions by row.
        columns: the places of those that count.
        clusters: integer[n], what rows are grouped by.

    Raises:
        ValueError: as `clustered_ratio`, so where nothing contributes at all.
    """
    sizes = np.abs(values)
    return clustered_ratio(sizes[:, list(columns)].sum(axis=1), sizes.sum(axis=1), clusters)


def overlap_at(first: Floats, second: Floats, top: int) -> Floats:
    """Return how far two rankings by absolute size agree at their top, for each row.

    It is the average overlap (Webber, Moffat and Zobel 2010, "A Similarity Measure for Indefinite Rankings", section
    3.1): the share that two lists have in common, averaged over their first 1, 2, ... places, so that the first places
    count most. Of equal sizes the column that stands first goes first; one of no size is in no list.

    Args:
        first: float64[n, columns], contributions.
        second: float64[n, columns], those of another model for the same columns.
        top: how many places count, at least 1.

    Returns:
        float64[n] from 0 to 1; 1 where neither list has anything.
    """
    top = min(top, first.shape[1])
    ranks = [_rank(np.abs(each), top) for each in (first, second)]
    total = np.zeros(len(first))
    for depth in range(1, top + 1):
        one, other = ranks[0] < depth, ranks[1] < depth
        longest = np.maximum(one.sum(axis=1), other.sum(axis=1))
        total += np.where(longest, (one & other).sum(axis=1) / np.maximum(longest, 1), 1.0)
    return total / top


def loss_without(
    predict: Predict,
    loss: Callable[[Floats], Floats],
    x: Floats,
    columns: Sequence[int],
    clusters: Codes,
    *,
    repeats: int = 5,
    seed: int = 0,
) -> Estimate:
    """Estimate by how much the loss rises when columns are taken from other rows, all of them from the same one.

    That is the permutation importance (Breiman 2001, section 10; Fisher, Rudin and Dominici 2019 for groups). Columns
    that say the same thing are moved together, because each alone would seem to matter little.

    Args:
        predict: float64[n, columns] to probabilities float64[n].
        loss: probabilities float64[n] to the loss of each row.
        x: float64[n, columns].
        columns: the places of those that are moved.
        clusters: integer[n], what rows are grouped by.
        repeats: how many times they are moved; a row's rise is the mean.
        seed: where randomness starts.

    Raises:
        ValueError: as `clustered_mean`.
    """
    random, places = np.random.default_rng(seed), np.array(columns, dtype=np.int64)
    before, rise = loss(predict(x)), np.zeros(len(x))
    for _ in range(repeats):
        moved = x.copy()
        moved[:, places] = x[random.permutation(len(x))][:, places]
        rise += loss(predict(moved)) - before
    return clustered_mean(rise / repeats, clusters)


def accumulate_effects(predict: Predict, x: Floats, column: int, clusters: Codes, *, bins: int = 20) -> Curve | None:
    """Estimate the accumulated local effects of one column with pointwise intervals by clusters.

    Between two values of the column only rows that lie there are asked about, at both, so that nothing is asked about
    that correlated columns make impossible (Apley and Zhu 2020, "Visualizing the effects of predictor variables in
    black box supervised learning models", equations 15 and 16). Intervals are those of the accumulated means, each
    row's influence added up by cluster.

    Args:
        predict: float64[m, columns] to numbers float64[m].
        x: float64[n, columns]; rows without a value of the column say nothing of it.
        column: its place.
        clusters: integer[n], what rows are grouped by.
        bins: into how many parts of equal count its values are cut at most.

    Returns:
        The curve; None where the column has fewer than two values.
    """
    there = np.flatnonzero(np.isfinite(x[:, column]))
    values = x[there, column]
    if np.unique(values).size < 2:
        return None
    cuts = np.quantile(values, np.linspace(0, 1, bins + 1), method="inverted_cdf")
    edges: Floats = np.unique(np.asarray(cuts, dtype=np.float64))
    if edges.size < 2:
        return None
    part: NDArray[np.int64] = np.asarray(np.searchsorted(edges[1:-1], values, side="left"), dtype=np.int64)
    low, high = x[there].copy(), x[there].copy()
    low[:, column], high[:, column] = edges[part], edges[part + 1]
    step = predict(high) - predict(low)
    rows = np.bincount(part, minlength=edges.size - 1)
    kept = np.maximum(rows, 1)
    mean = np.bincount(part, weights=step, minlength=rows.size) / kept
    effect = np.concatenate([[0.0], np.cumsum(mean)])
    weights = np.concatenate([[0.0], (rows / rows.sum())])
    middle = (effect + np.concatenate([[0.0], effect[:-1]])) / 2
    centre = float((weights * middle).sum())
    error = _curve_error(part, (step - mean[part]) / kept[part], weights, clusters[there])
    half = _half_width(error, clusters[there])
    return Curve(edges, effect - centre, effect - centre - half, effect - centre + half, rows)


def _curve_error(part: NDArray[np.int64], moved: Floats, weights: Floats, clusters: Codes) -> Floats:
    """Return the standard error at each edge, of sums by cluster of what each row moves the centred curve by."""
    levels, index = compact(clusters)
    bins = weights.size - 1
    by_cluster = np.zeros((levels.size, bins))
    np.add.at(by_cluster, (index, part), moved)
    along = np.column_stack([np.zeros(levels.size), np.cumsum(by_cluster, axis=1)])
    middle = (along + np.column_stack([np.zeros(levels.size), along[:, :-1]])) / 2
    centred = along - (middle * weights).sum(axis=1, keepdims=True)
    if levels.size < 2:
        return np.full(bins + 1, np.inf)
    return np.sqrt(levels.size / (levels.size - 1) * np.square(centred).sum(axis=0))


def _half_width(error: Floats, clusters: Codes) -> Floats:
    levels = int(np.unique(clusters).size)
    ends = [interval(Estimate(0.0, float(each), clusters.size, levels)) for each in error]
    return np.array([end for _, end in ends])


def _rank(sizes: Floats, top: int) -> NDArray[np.int64]:
    """Return the place of each column by size in each row, the greatest at 0; `top` where it has none that counts."""
    order = np.argsort(-sizes, axis=1, kind="stable")
    ranks = np.empty_like(order)
    places = np.arange(sizes.shape[1], dtype=np.int64)
    np.put_along_axis(ranks, order, places[None], axis=1)
    return np.where(sizes > 0, ranks, top)
