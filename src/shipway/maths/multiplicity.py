"""Many tests at once: which hypotheses to reject so that false discoveries stay rare among the discoveries."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def benjamini_hochberg(p: Floats, q: float) -> Bools:
    """Reject hypotheses so that the expected share of false rejections is at most q (Benjamini and Hochberg 1995).

    The bound holds for tests that are independent or positively dependent; `benjamini_yekutieli` needs neither.

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].
        q: the false discovery rate allowed, between 0 and 1.

    Returns:
        bool[m], true where rejected.

    Raises:
        ValueError: if q or a p-value is out of range.
    """
    _check(p, q)
    return _step_up(p, q)


def benjamini_yekutieli(p: Floats, q: float) -> Bools:
    """Reject hypotheses as `benjamini_hochberg` does, with a bound that holds under any dependence between the tests.

    Benjamini and Yekutieli 2001, theorem 1.3: the same procedure at q / (1 + 1/2 + ... + 1/m).

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].
        q: the false discovery rate allowed, between 0 and 1.

    Returns:
        bool[m], true where rejected.

    Raises:
        ValueError: if q or a p-value is out of range.
    """
    _check(p, q)
    return _step_up(p, q / _harmonic(p.size))


def adjust_bonferroni(p: Floats) -> Floats:
    """Return p-values that allow for each other: m times each, at most 1 (Bonferroni 1936).

    Rejecting what is at most alpha errs at all with a probability of at most alpha, under any dependence.

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].

    Raises:
        ValueError: if a p-value is out of range.
    """
    _check_column(p)
    return np.minimum(p.size * p, 1.0)


def adjust_holm(p: Floats) -> Floats:
    """Return the adjusted p-values of Holm 1979: as sure as `adjust_bonferroni` and never greater.

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].

    Raises:
        ValueError: if a p-value is out of range.
    """
    _check_column(p)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return adjusted


def adjust_hommel(p: Floats) -> Floats:
    """Return the adjusted p-values of Hommel 1988, for tests that are independent or positively dependent.

    Closed testing with Simes' test, so never greater than those of `adjust_holm`: the least p of j hypotheses counts
    min over i of j p_(i) / i; by the algorithm of Wright 1992, "Adjusted P-Values for Simultaneous Inference".

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].

    Raises:
        ValueError: if a p-value is out of range.
    """
    _check_column(p)
    m, order = p.size, np.argsort(p)
    ordered = p[order]
    simes = np.minimum.accumulate((m * ordered / np.arange(1, m + 1))[::-1])[::-1] if m else ordered
    least = np.full(m, simes[0]) if m else ordered
    highest = least.copy()
    for size in range(m - 1, 1, -1):
        late = np.arange(m - size + 1, m)
        bound = float((size * ordered[late] / np.arange(2, size + 1)).min())
        now = np.minimum(size * ordered, bound)
        now[late] = now[m - size]
        highest = np.maximum(highest, now)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum(highest, ordered), 1.0)
    return adjusted


def adjust_benjamini_hochberg(p: Floats) -> Floats:
    """Return the least false discovery rate at which `benjamini_hochberg` rejects each hypothesis.

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].

    Raises:
        ValueError: if a p-value is out of range.
    """
    _check_column(p)
    return _step_up_adjusted(p, 1.0)


def adjust_benjamini_yekutieli(p: Floats) -> Floats:
    """Return the least false discovery rate at which `benjamini_yekutieli` rejects each hypothesis.

    Args:
        p: float64[m], one p-value per hypothesis, each in [0, 1].

    Raises:
        ValueError: if a p-value is out of range.
    """
    _check_column(p)
    return _step_up_adjusted(p, _harmonic(p.size))


def _step_up(p: Floats, q: float) -> Bools:
    """Reject up to the greatest k for which the k-th smallest p-value is at most k q / m."""
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= np.arange(1, p.size + 1) * q / max(p.size, 1))
    return p <= ordered[passed[-1]] if passed.size else np.zeros(p.size, dtype=np.bool_)


def _step_up_adjusted(p: Floats, factor: float) -> Floats:
    """Return for each hypothesis the least factor m p_(k) / k over the k at or after its place."""
    order = np.argsort(p)
    rates = factor * p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(rates[::-1])[::-1], 1.0)
    return adjusted


def _harmonic(m: int) -> float:
    """Return 1 + 1/2 + ... + 1/m, at least 1."""
    return max(1.0, float((1 / np.arange(1, m + 1)).sum()))


def _check(p: Floats, q: float) -> None:
    """Refuse a rate or p-values that are out of range."""
    if not 0 < q < 1:
        raise ValueError(f"a false discovery rate of {q} is not between 0 and 1")
    _check_column(p)


def _check_column(p: Floats) -> None:
    """Refuse p-values that are out of range."""
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p is not a column of numbers in [0, 1]")
