"""Metrics of how the rows of each query are ranked, each with the influence of its rows.

Throughout, `gain` is float64[n], how relevant each row is (0: not at all), `score` is float64[n], what ranks it, and
`query` is integer[n], which rows belong together. Rows of equal score share the places they take: each is given the
mean of what those places are worth, which is what a random order of ties gets on average (McSherry and Najork 2008,
"Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores"). Queries without a
relevant row have no value and do not count. A metric is the mean over queries; the influence of a query stands at its
first row.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.influence import Influence, influence_of_ratio

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


def ndcg(gain: Floats, score: Floats, query: Codes, k: int) -> Influence:
    """Return the mean discounted gain of the first k places over the greatest possible one, 0 to 1.

    The gain of a place is divided by log2(place + 1) (Jarvelin and Kekalainen 2002, ACM TOIS 20), and taken as it is.

    Raises:
        ValueError: if the columns differ in length, there are no rows, no query has a relevant row, a gain is negative
            or not finite, a score is NaN, or k is not at least 1.
    """

    def worth(place: Floats) -> Floats:
        return np.where(place <= k, 1 / np.log2(place + 1), 0.0)

    index, first, order, place = _rank(gain, score, query, k)
    got = _sum(index, gain * _share_ties(worth, score, index, order, place))
    ideal_order = np.lexsort((-gain, index))
    ideal = _sum(index[ideal_order], gain[ideal_order] * worth(place))
    return _mean_over_queries(got, ideal, ideal > 0, first, gain.size)


def recall_at(gain: Floats, score: Floats, query: Codes, k: int) -> Influence:
    """Return the mean share of the relevant rows that are among the first k; raises as `ndcg`."""
    index, first, order, place = _rank(gain, score, query, k)
    relevant = (gain > 0).astype(np.float64)
    seen = _share_ties(lambda at: (at <= k).astype(np.float64), score, index, order, place)
    all_of = _sum(index, relevant)
    return _mean_over_queries(_sum(index, relevant * seen), all_of, all_of > 0, first, gain.size)


def mean_reciprocal_rank(gain: Floats, score: Floats, query: Codes) -> Influence:
    """Return the mean of 1 over the place of the first relevant row; ties stand in the order of the rows.

    Raises:
        ValueError: as `ndcg`.
    """
    index, first, order, place = _rank(gain, score, query, 1)
    relevant = gain[order] > 0
    best = np.zeros(first.size)
    # Written from the last place to the first, the first relevant one stays.
    best[index[order][relevant][::-1]] = 1 / place[relevant][::-1]
    return _mean_over_queries(best, np.ones_like(best), best > 0, first, gain.size)


def mean_average_precision(gain: Floats, score: Floats, query: Codes, k: int) -> Influence:
    """Return the mean over queries of the precision at each relevant row of the first k, over min(k, relevant rows).

    Ties stand in the order of the rows; raises as `ndcg`.
    """
    index, first, order, place = _rank(gain, score, query, k)
    relevant = (gain[order] > 0).astype(np.float64)
    at = index[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    running = np.cumsum(relevant)
    before = (running[starts] - relevant[starts])[at]
    precision = (running - before) / place * relevant * (place <= k)
    all_of = _sum(at, relevant)
    return _mean_over_queries(_sum(at, precision), np.minimum(all_of, k), all_of > 0, first, gain.size)


def _rank(
    gain: Floats, score: Floats, query: Codes, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]:
    """Return the query of each row, the first row of each query, the rows by query and rank, and their places."""
    if not gain.shape == score.shape == query.shape or gain.ndim != 1:
        raise ValueError(f"columns differ in length: {gain.shape}, {score.shape}, {query.shape}")
    if not gain.size:
        raise ValueError("there are no rows")
    if not np.isfinite(gain).all() or (gain < 0).any() or np.isnan(score).any():
        raise ValueError("a gain is negative or not finite, or a score is NaN")
    if k < 1:
        raise ValueError(f"the first {k} places hold no row")
    levels, index = compact(query)
    order = np.lexsort((-score, index))
    sizes = np.bincount(index)
    ends = np.cumsum(sizes)
    place = np.arange(1, gain.size + 1) - np.repeat(ends - sizes, sizes)
    first = np.full(levels.size, gain.size, dtype=np.int64)
    np.minimum.at(first, index, np.arange(gain.size))
    return index, first, order, place.astype(np.float64)


def _share_ties(
    worth: Callable[[Floats], Floats], score: Floats, index: NDArray[np.int64], order: NDArray[np.int64], place: Floats
) -> Floats:
    """Return what the place of each row is worth, the mean of their places for rows of one query and one score."""
    at, of = score[order], index[order]
    new = np.r_[True, (at[1:] != at[:-1]) | (of[1:] != of[:-1])]
    group = np.cumsum(new) - 1
    shared = (np.bincount(group, weights=worth(place)) / np.bincount(group))[group]
    given = np.empty_like(shared)
    given[order] = shared
    return given


def _sum(index: NDArray[np.int64], values: Floats) -> Floats:
    return np.bincount(index, weights=values).astype(np.float64, copy=False)


def _mean_over_queries(
    got: Floats, most: Floats, counts: NDArray[np.bool_], first: NDArray[np.int64], rows: int
) -> Influence:
    if not counts.any():
        raise ValueError("no query has a relevant row")
    value, counted = np.zeros(rows), np.zeros(rows)
    value[first[counts]] = got[counts] / most[counts]
    counted[first[counts]] = 1.0
    return influence_of_ratio(value, counted)
