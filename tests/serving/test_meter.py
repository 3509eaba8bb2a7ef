import numpy as np
import pytest

from shipway.serving.meter import WINDOW_S, Waits


class Hand:
    """A stopwatch that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_nobody_waited_yet():
    assert Waits(Hand()).quantiles((0.5, 0.99)) == [None, None]


@pytest.mark.parametrize("scale", [3.0, 300.0, 50_000.0])
def test_quantiles_are_within_two_percent(scale):
    waits = Waits(Hand())
    sample = (np.random.default_rng(5).lognormal(0, 1, 5_000) * scale).astype(int) + 1
    waits.add(sample.tolist())
    for share, found in zip((0.01, 0.5, 0.99, 1.0), waits.quantiles((0.01, 0.5, 0.99, 1.0)), strict=True):
        exact = np.quantile(sample, share, method="inverted_cdf")
        assert exact - 0.5 <= found <= exact * 1.02 + 0.5


def test_extremes_are_counted():
    waits = Waits(Hand())
    waits.add([0, 1, 10**12])
    low, high = waits.quantiles((0.5, 1.0))
    assert low == 1
    assert high > 90_000_000


def test_old_waits_are_forgotten():
    hand = Hand()
    waits = Waits(hand)
    waits.add([1_000] * 9)
    hand.now = WINDOW_S - 1
    waits.add([10])
    assert waits.quantiles((0.5,))[0] == pytest.approx(1_000, rel=0.02)
    hand.now = 2 * WINDOW_S + 60
    assert waits.quantiles((0.5,)) == [None]
    waits.add([10])
    assert waits.quantiles((1.0,))[0] == pytest.approx(10, abs=1)
