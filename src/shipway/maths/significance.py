"""From estimates to p-values: how likely a mean this great would be if the true one were not above 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def one_sided_p(mean: Floats, standard_error: Floats, clusters: NDArray[np.integer[Any]]) -> Floats:
    """Return the p-value of "the true mean is above 0" for each estimate, by Student's t with clusters - 1 degrees.

    The reference distribution for cluster-robust errors of Cameron and Miller 2015, "A Practitioner's Guide to
    Cluster-Robust Inference", section VI.D; the test belongs to the interval of `shipway.maths.interval.interval`.

    Args:
        mean: float64[m], the estimates.
        standard_error: float64[m], 0 or more; infinite where there are too few clusters to tell.
        clusters: integer[m], the clusters behind each, at least 1.

    Returns:
        float64[m]: small where the mean is surely above 0; 1 where the standard error is infinite, since nothing can be
        told; where it is 0, 0 for a mean above 0 and 1 for any other.

    Raises:
        ValueError: if the arrays differ in length, a mean is not finite, a standard error is negative or not a number,
            or an estimate has no cluster.
    """
    if mean.ndim != 1 or not mean.shape == standard_error.shape == clusters.shape:
        raise ValueError(f"columns differ in length: {mean.shape}, {standard_error.shape}, {clusters.shape}")
    if not (np.isfinite(mean).all() and (standard_error >= 0).all() and (clusters >= 1).all()):
        raise ValueError("a mean is not finite, a standard error is not 0 or more, or an estimate has no cluster")
    from scipy.special import stdtr

    p = np.where((standard_error == 0) & (mean > 0), 0.0, 1.0)
    known = (standard_error > 0) & np.isfinite(standard_error) & (clusters > 1)
    p[known] = stdtr(clusters[known] - 1, -mean[known] / standard_error[known])
    return p
