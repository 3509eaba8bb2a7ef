"""The table of metrics holds every name, and the words make no others."""

import math
from typing import get_args

import numpy as np

from shipway.core import metric
from shipway.maths.metric import per_row_log_loss


def test_every_name_is_described():
    assert set(get_args(metric.Name)) == set(metric.METRICS)
    assert set(metric.METRICS) > metric.RANKED
    assert not metric.RANKED & metric.EVERYWHERE


def test_a_metric_ends_where_it_can():
    assert metric.range_of("auc", "condition") == (0.0, 1.0)
    assert metric.range_of("brier", "condition") == (0.0, 1.0)
    assert metric.range_of("brier", "class") == (0.0, 2.0)
    assert metric.range_of("r_squared", "number") == (-math.inf, 1.0)


def test_the_largest_loss_is_what_a_certain_mistake_costs():
    worst = float(per_row_log_loss(np.array([True]), np.array([0.0]))[0])
    assert worst == metric.LARGEST_LOSS == metric.METRICS["log_loss"].high
