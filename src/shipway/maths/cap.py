"""Winsorising: the few greatest values cut to a cap, so that one unit does not decide an experiment."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cap:
    """Where values are cut, and what that does; an effect on capped values is one on another metric.

    Attributes:
        low: values below are taken as this; minus infinity cuts none.
        high: values above are taken as this; infinity cuts none.
        cut: the share of units that were cut.
        lost: the share of the values' sum that was cut away; above 0 if great values were.
    """

    low: float
    high: float
    cut: float
    lost: float


def choose_cap(values: Floats, *, low: float = 0.0, high: float = 0.999) -> Cap:
    """Choose where to cut from quantiles of all arms together, so that the cap does not know the treatment.

    The same quantile of each arm by itself would cut what the treatment did (Tukey 1962; Kohavi, Tang and Xu 2020,
    "Trustworthy Online Controlled Experiments", chapter 22). Zeros count: with 64 % of them, .999 of all is .9972 of
    the others. Choose once, on the first data, and keep it for the looks that follow.

    Args:
        values: float64[n] of both arms, finite.
        low: the quantile below which values are cut; 0 for none.
        high: the quantile above which they are cut; 1 for none.

    Raises:
        ValueError: if there are no values, one is not finite, or the quantiles do not rise within [0, 1].
    """
    if not values.size or not np.isfinite(values).all() or not 0 <= low < high <= 1:
        raise ValueError("there are no values, one is not finite, or the quantiles do not rise within [0, 1]")
    floor = float(np.quantile(values, low)) if low > 0 else -np.inf
    ceiling = float(np.quantile(values, high)) if high < 1 else np.inf
    kept, total = np.clip(values, floor, ceiling), float(values.sum())
    return Cap(floor, ceiling, float((kept != values).mean()), 1 - float(kept.sum()) / total if total else 0.0)


def apply_cap(values: Floats, cap: Cap) -> Floats:
    """Return values cut to a cap, float64[n]."""
    return np.clip(values, cap.low, cap.high)
