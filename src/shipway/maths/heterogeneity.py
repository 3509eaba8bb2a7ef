"""Whether an effect is the same everywhere: in slices, regions or studies that share no unit."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def heterogeneity_p(values: Floats, errors: Floats) -> float:
    """Return the p-value of "all of these effects are one and the same", by Cochran's Q.

    Cochran 1954, "The Combination of Estimates from Different Experiments": the sum of squared distances from the mean
    that is weighted by precision is chi-square, with one degree of freedom less than there are effects.

    Args:
        values: float64[k], estimates of groups that share no unit.
        errors: float64[k], their standard errors; groups whose error is 0 or infinite are left out.

    Returns:
        1 for fewer than two groups.

    Raises:
        ValueError: if the arrays differ in length.
    """
    if values.shape != errors.shape or values.ndim != 1:
        raise ValueError(f"values {values.shape} and errors {errors.shape} do not belong together")
    known = np.isfinite(errors) & (errors > 0)
    if known.sum() < 2:
        return 1.0
    from scipy.special import chdtrc

    weights = 1 / errors[known] ** 2
    away = values[known] - np.average(values[known], weights=weights)
    return float(chdtrc(int(known.sum()) - 1, float(weights @ away**2)))
