"""The share of late requests: exact where requests are independent, wider where they go together."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from shipway.maths.share import batched_share

batches = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=30)


def share(pairs, confidence=0.95):
    hits, n = (np.array(side) for side in zip(*pairs, strict=True))
    return batched_share(hits, n, confidence)


def test_without_hits_the_upper_end_is_that_of_clopper_and_pearson_on_somewhat_fewer():
    found = share([(0, 50)] * 20)
    assert (found.value, found.low, found.effect) == (0.0, 0.0, 1.0)
    exact = binomtest(0, 1_000).proportion_ci(method="exact").high
    fewer = binomtest(0, 870).proportion_ci(method="exact").high
    assert exact < found.high < fewer


def test_all_hits_mirror_none():
    none, every = share([(0, 40)] * 10), share([(40, 40)] * 10)
    assert (every.value, every.high) == (1.0, 1.0)
    assert every.low == pytest.approx(1 - none.high)


@given(batches)
def test_interval_holds_the_share_and_is_no_narrower_than_of_independent_events(pairs):
    pairs = [(min(hits, n), n) for hits, n in pairs]
    found = share(pairs)
    if not found.n:
        assert math.isnan(found.value)
        assert (found.low, found.high) == (0.0, 1.0)
        return
    assert found.low <= found.value <= found.high
    hits = sum(hits for hits, _ in pairs)
    exact = binomtest(hits, found.n).proportion_ci(method="exact")
    assert found.low <= exact.low + 1e-9
    assert found.high >= exact.high - 1e-9


@given(batches)
def test_order_of_two_halves_does_not_matter_but_neighbours_do(pairs):
    pairs = [(min(hits, n), n) for hits, n in pairs]
    assert share(pairs).value == pytest.approx(share(pairs[::-1]).value, nan_ok=True)
    assert share(pairs).high == pytest.approx(share(pairs[::-1]).high)


def test_one_bad_stretch_widens_it():
    even, bursty = [(5, 100)] * 20, [(0, 100)] * 15 + [(20, 100)] * 5
    assert share(even).value == share(bursty).value
    assert share(bursty).effect > 10
    assert share(bursty).high > 2 * share(even).high > 0


def test_one_batch_says_nothing_of_its_spread():
    found = share([(3, 10)])
    assert (found.value, found.low, found.high) == (0.3, 0.0, 1.0)


def test_coverage_where_batches_differ():
    chance, kept = np.random.default_rng(1), 0
    for _ in range(400):
        rate = np.clip(chance.normal(0.05, 0.02, 20), 0.001, 1)
        n = chance.poisson(200, 20)
        found = batched_share(chance.binomial(n, rate), n)
        kept += found.low <= 0.05 <= found.high
    assert kept >= 0.93 * 400


@pytest.mark.parametrize("pairs", [[(2, 1), (0, 1)], [(-1, 1), (0, 1)]])
def test_counts_that_cannot_be_are_refused(pairs):
    with pytest.raises(ValueError, match="more hits than events"):
        share(pairs)


def test_confidence_is_a_probability():
    with pytest.raises(ValueError, match="not between"):
        share([(0, 1), (0, 1)], 1.0)
