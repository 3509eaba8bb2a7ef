import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from shipway.maths.distribution import (
    Distribution,
    deviation,
    place_values,
    quantile,
    quantile_interval,
    transport,
    transport_spread,
)
from shipway.maths.drift import wasserstein

COUNTS = st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=1, max_size=4)
POINTS = np.array([-3.0, 0.0, 0.5, 2.0, 7.0])


def made(counts):
    return Distribution(POINTS, np.array(counts, dtype=np.int64))


def spelt(distribution):
    return np.repeat(distribution.points, distribution.pooled)


@given(COUNTS, COUNTS)
def test_distances_are_those_of_the_samples(left, right):
    a, b = made(left), made(right)
    assert transport(a, b, ordered=True) == pytest.approx(wasserstein(spelt(a), spelt(b)))
    if a.n and b.n:
        p, q = a.pooled / a.n, b.pooled / b.n
        assert transport(a, b, ordered=False) == pytest.approx(np.abs(p - q).sum() / 2)
        assert transport(a, a, ordered=True) == 0


@given(COUNTS, st.floats(0.01, 0.99))
def test_quantiles_and_deviations_are_those_of_the_sample(counts, at):
    distribution = made(counts)
    if not distribution.n:
        assert deviation(distribution) == 0
        with pytest.raises(ValueError, match="no values"):
            quantile(distribution, at)
        return
    assert deviation(distribution) == pytest.approx(spelt(distribution).std())
    reached = np.sort(spelt(distribution))
    assert quantile(distribution, at) == reached[max(0, int(np.ceil(at * len(reached) - 1e-9)) - 1)]
    low, high = quantile_interval(distribution, at)
    assert low <= quantile(distribution, at) <= high


def test_one_cluster_says_nothing_of_others():
    one, two = made([[1, 2, 3, 4, 5]]), made([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]])
    assert transport_spread(one, two, ordered=True) == np.inf
    assert quantile_interval(one, 0.5) == (-np.inf, np.inf)
    assert 0 < transport_spread(two, two, ordered=True) < np.inf


def test_a_spread_is_the_same_every_time_and_hardly_feels_bins():
    random = np.random.default_rng(5)
    points = np.arange(2000.0)
    fine = Distribution(points, random.poisson(1, (30, 2000)))
    coarse = Distribution(points[::10] + 4.5, fine.counts.reshape(30, 200, 10).sum(axis=2))
    spread = transport_spread(fine, fine, ordered=True)
    assert spread == transport_spread(fine, fine, ordered=True)
    assert spread == pytest.approx(transport_spread(coarse, coarse, ordered=True), rel=0.05)


@given(st.lists(st.sampled_from([-1.5, 0.0, 2.0, 7.25]) | st.integers(0, 5).map(float)))
def test_values_have_the_places_that_numpy_gives_them(values):
    points, places = place_values(np.array(values, dtype=np.float64))
    expected = np.unique(np.array(values, dtype=np.float64), return_inverse=True)
    assert points.tolist() == expected[0].tolist()
    assert places.tolist() == expected[1].tolist()


def test_texts_have_places_too():
    points, places = place_values(np.array(["b", "a", "b"], dtype=object))
    assert (points.tolist(), places.tolist()) == (["a", "b"], [1, 0, 1])
