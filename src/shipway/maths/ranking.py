"""Metrics of how the rows of each query are ranked, each with the influence of its rows.

Throughout, `gain` is float64[n], how relevant each row is (0: not at all), `score` is float64[n], what ranks it, and
`query` is integer[n], which rows belong together. Rows of equal score share the places they take: each is given the
mean of what those places are worth, which is what a random order of ties gets on average (McSherry and Najork 2008,
"Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores"). Queries without a
relevant row have no value and do not count. A metric is the mean over queries; the influence of a query stands at its
first row, and it rests on these: one query alone says nothing of others, and a mean of 1 is known as a share is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shipway.maths.code import compact
from shipway.maths.influence import Influence, influence_of_ratio
from shipway.maths.interval import least_variance

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
    """Return the mean of 1 over the place of the first relevant row.

    Of m tied rows, r of them relevant, the first relevant one is the j-th with probability C(m - j, r - 1) / C(m, r).

    Raises:
        ValueError: as `ndcg`.
    """
    from scipy.special import gammaln

    index, first, order, place = _rank(gain, score, query, 1)
    ties = _count_ties(gain, score, index, order)
    best, rows, true, nth = np.zeros(gain.size), ties.rows, ties.relevant, ties.nth
    may = (ties.before == 0) & (true > 0) & (nth <= rows - true + 1)
    m, r, j = rows[may], true[may], nth[may]
    ways = gammaln(m - j + 1) - gammaln(r) - gammaln(m - j - r + 2)
    best[may] = np.exp(ways - gammaln(m + 1) + gammaln(r + 1) + gammaln(m - r + 1)) / place[may]
    found = _sum(index[order], best)
    return _mean_over_queries(found, np.ones_like(found), found > 0, first, gain.size)


def mean_average_precision(gain: Floats, score: Floats, query: Codes, k: int) -> Influence:
    """Return the mean over queries of the precision at each relevant row of the first k, over min(k, relevant rows).

    Of m tied rows, r of them relevant, each is relevant with probability r / m, and (r - 1) / (m - 1) of those that
    stand before a relevant one are expected to be so too. Raises as `ndcg`.
    """
    index, first, order, place = _rank(gain, score, query, k)
    ties = _count_ties(gain, score, index, order)
    others = (ties.nth - 1) * np.maximum(ties.relevant - 1, 0) / np.maximum(ties.rows - 1, 1)
    precision = ties.relevant / ties.rows * (ties.before + 1 + others) / place * (place <= k)
    all_of = _sum(index, (gain > 0).astype(np.float64))
    return _mean_over_queries(_sum(index[order], precision), np.minimum(all_of, k), all_of > 0, first, gain.size)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Ties:
    """The rows that each place is shared by, float64[n] by query and rank.

    Attributes:
        rows: how many they are.
        relevant: how many of them are relevant.
        nth: which of their places this one is, from 1.
        before: how many relevant rows of the query stand before them all.
    """

    rows: Floats
    relevant: Floats
    nth: Floats
    before: Floats


def _count_ties(gain: Floats, score: Floats, index: NDArray[np.int64], order: NDArray[np.int64]) -> _Ties:
    group, of = _tie(score, index, order), index[order]
    relevant = (gain[order] > 0).astype(np.float64)
    ahead = np.cumsum(relevant) - relevant
    start = np.flatnonzero(np.diff(group, prepend=-1))[group]
    begin = np.flatnonzero(np.diff(of, prepend=-1))[of]
    rows, true = _sum(group, np.ones_like(relevant)), _sum(group, relevant)
    return _Ties(rows[group], true[group], np.arange(1.0, gain.size + 1) - start, ahead[start] - ahead[begin])


def _tie(score: Floats, index: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of each place's group of rows of one query and one score, by query and rank."""
    at, of = score[order], index[order]
    new = np.r_[True, (at[1:] != at[:-1]) | (of[1:] != of[:-1])]
    return np.cumsum(new) - 1


def _share_ties(
    worth: Callable[[Floats], Floats], score: Floats, index: NDArray[np.int64], order: NDArray[np.int64], place: Floats
) -> Floats:
    """Return what the place of each row is worth, the mean of their places for rows of one query and one score."""
    group = _tie(score, index, order)
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
    mean = influence_of_ratio(value, counted)
    return replace(mean, least=least_variance(mean.n))
