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
    return _step_up(p, q / max(1.0, float((1 / np.arange(1, p.size + 1)).sum())))


def e_benjamini_hochberg(e: Floats, q: float) -> Bools:
    """Reject hypotheses on e-values so that at most q of the rejections are false on average, under any dependence.

    Wang and Ramdas 2022, "False discovery rate control with e-values", J. R. Statist. Soc. B 84, section 4: up to the
    greatest k for which the k-th largest e-value is at least m / (k q).

    Args:
        e: float64[m], one e-value per hypothesis, each 0 or more; infinity is allowed.
        q: the false discovery rate allowed, between 0 and 1.

    Returns:
        bool[m], true where rejected.

    Raises:
        ValueError: if q or an e-value is out of range.
    """
    if e.ndim != 1 or not (e >= 0).all():
        raise ValueError("e is not a column of numbers of 0 or more")
    with np.errstate(divide="ignore"):
        return benjamini_hochberg(np.minimum(1.0, 1.0 / e), q)


def _step_up(p: Floats, q: float) -> Bools:
    """Reject up to the greatest k for which the k-th smallest p-value is at most k q / m."""
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= np.arange(1, p.size + 1) * q / max(p.size, 1))
    return p <= ordered[passed[-1]] if passed.size else np.zeros(p.size, dtype=np.bool_)


def _check(p: Floats, q: float) -> None:
    """Refuse a rate or p-values that are out of range."""
    if not 0 < q < 1:
        raise ValueError(f"a false discovery rate of {q} is not between 0 and 1")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p is not a column of numbers in [0, 1]")
