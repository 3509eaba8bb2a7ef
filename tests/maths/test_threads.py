"""Numbers that evidence is made of are the same however many threads linear algebra has: it is named by content."""

from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from shipway.maths.calibration import calibration_line, expected_calibration_error
from shipway.maths.fairness import covariance_of, estimate_rates, spread_of
from shipway.maths.interval import clustered_auc, clustered_mean
from shipway.maths.threshold import average_precision
from shipway.maths.trend import clustered_slope

RANDOM = np.random.default_rng(0)
P, Q = RANDOM.random(60_000), RANDOM.random(60_000)
Y, EACH, DAY = RANDOM.random(P.size) < P, np.arange(P.size), RANDOM.integers(0, 300, P.size)
"""Every row a cluster, which is when sums over clusters are long enough to be shared out among threads."""


def spread():
    """Return the greatest difference among the rates of 40 groups."""
    found = estimate_rates(DAY % 40, 40, Y.astype(np.float64), np.ones(P.size, np.bool_), EACH % 5_000)
    return spread_of(found.value, covariance_of(found, np.arange(40)), 4_999, np.column_stack(np.triu_indices(40, 1)))


@pytest.mark.parametrize(
    "measure",
    [
        lambda: clustered_slope(Q, P * 30, EACH),
        lambda: clustered_mean(Q, EACH),
        lambda: clustered_auc(Y, P, EACH),
        lambda: average_precision(Y, P).value,
        lambda: calibration_line(Y, P)[0].rows.tolist(),
        lambda: expected_calibration_error(Y, P, DAY),
        spread,
    ],
    ids=["slope", "mean", "auc", "average_precision", "calibration_line", "calibration_error", "fairness"],
)
def test_one_thread_and_two_say_the_same(measure: Callable[[], object]):
    with threadpool_limits(1):
        alone = measure()
    with threadpool_limits(2):
        assert measure() == alone
