"""Effect sizes of drift against scipy, naive loops and what they must not depend on."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.drift import (
    bin_counts,
    bin_edges,
    chance_index,
    find_places,
    homogeneity_p,
    kolmogorov_smirnov,
    stability_index,
    standardised_distance,
    wasserstein,
)

values = st.lists(st.floats(-50, 50) | st.integers(-3, 3).map(float), min_size=1, max_size=60).map(np.array)
with_gaps = st.lists(st.just(math.nan) | st.integers(-5, 5).map(float), max_size=60).map(
    lambda x: np.array(x, dtype=float)
)
counted = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=12)


@given(values, values)
def test_distances_are_those_of_scipy(a, b):
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b), rel=1e-9, abs=1e-9)
    # Only its statistic is asked for: the p-value of two or three rows makes scipy divide by nothing and say so.
    with np.errstate(all="ignore"):
        due = stats.ks_2samp(a, b, method="asymp").statistic
    assert kolmogorov_smirnov(a, b) == pytest.approx(due, abs=1e-12)


def test_missing_values_are_left_out_of_distances():
    a, b = np.array([1.0, math.nan, 2.0]), np.array([math.nan, 4.0, 5.0])
    assert wasserstein(a, b) == 3.0
    assert kolmogorov_smirnov(a, b) == 1.0


@pytest.mark.parametrize("empty", [np.empty(0), np.array([math.nan])])
def test_nothing_is_at_no_distance(empty):
    assert (wasserstein(empty, np.ones(3)), kolmogorov_smirnov(np.ones(3), empty)) == (0.0, 0.0)
    assert standardised_distance(empty, np.ones(3)) == 0.0


def test_disjoint_constants_are_as_far_apart_as_can_be():
    # KLL sketches with split points of the reference alone say 0 here (reference/monitoring, 3.3).
    assert kolmogorov_smirnov(np.full(9, 1.0), np.full(5, 2.0)) == 1.0
    assert standardised_distance(np.full(9, 1.0), np.full(5, 2.0)) == math.inf
    assert standardised_distance(np.full(9, 1.0), np.full(5, 1.0)) == 0.0


def test_a_shift_is_told_in_standard_deviations():
    a = np.random.default_rng(1).normal(3, 7, 500)
    assert standardised_distance(a, a + 7 * 0.4) == pytest.approx(0.4 * 7 / a.std(), rel=1e-9)


@given(counted)
def test_index_is_its_sum(bins):
    reference, live = (np.array(side) for side in zip(*bins, strict=True))
    held = [(r, q) for r, q in bins if r or q]
    if not (reference.any() and live.any()):
        assert stability_index(reference, live) == 0.0
        return
    total = 0.0
    for r, q in held:
        a = (r + 0.5) / (sum(reference) + len(held) / 2)
        b = (q + 0.5) / (sum(live) + len(held) / 2)
        total += (b - a) * math.log(b / a)
    assert stability_index(reference, live) == pytest.approx(total, rel=1e-9, abs=1e-12)
    assert stability_index(live, reference) == pytest.approx(total, rel=1e-9, abs=1e-12)


def test_index_of_equal_shares_is_nothing():
    assert stability_index(np.array([50, 150]), np.array([500, 1500])) == pytest.approx(0.0, abs=1e-4)


def test_chance_is_what_the_index_comes_to_without_drift():
    rng, shares = np.random.default_rng(4), np.full(10, 0.1)
    draws = [(rng.multinomial(2000, shares), rng.multinomial(700, shares)) for _ in range(600)]
    found = [stability_index(a, b) for a, b in draws]
    expected = chance_index(*draws[0])
    assert expected == pytest.approx(9 * (1 / 2000 + 1 / 700))
    assert np.mean(found) == pytest.approx(expected, rel=0.06)


def test_chance_of_nothing_is_nothing():
    assert chance_index(np.array([0, 0]), np.array([3, 4])) == 0.0


@pytest.mark.parametrize(("a", "b"), [([1], [1, 2]), ([], []), ([-1, 2], [1, 1]), ([[1]], [[1]])])
def test_counts_that_do_not_fit_are_refused(a, b):
    with pytest.raises(ValueError):
        stability_index(np.array(a, dtype=np.int64), np.array(b, dtype=np.int64))


def test_edges_cut_into_equal_counts():
    shuffled = np.random.default_rng(2).permutation(1000).astype(float)
    counts = bin_counts(shuffled, bin_edges(shuffled))
    assert counts.tolist() == [100] * 10 + [0]


def test_ties_share_a_bin():
    x = np.array([0.0] * 70 + list(range(1, 31)))
    edges = bin_edges(x)
    assert edges.tolist() == [0.0, 10.0, 20.0]
    assert bin_counts(x, edges).tolist() == [70, 10, 10, 10, 0]


def test_a_constant_has_one_bin():
    assert bin_edges(np.full(20, 3.0)).size == 0
    assert bin_counts(np.array([3.0, 9.0, math.nan]), bin_edges(np.full(20, 3.0))).tolist() == [2, 1]


@given(with_gaps, with_gaps, st.integers(1, 12))
def test_every_value_is_counted_once_and_no_reference_bin_is_empty(reference, live, bins):
    edges = bin_edges(reference, bins)
    assert (np.diff(edges) > 0).all()
    assert edges.size < bins
    assert bin_counts(live, edges).sum() == live.size
    assert bin_counts(live, edges)[-1] == np.isnan(live).sum()
    if (~np.isnan(reference)).any():
        assert (bin_counts(reference, edges)[:-1] > 0).all()


@given(values, values)
def test_index_does_not_depend_on_the_unit(reference, live):
    def index(a, b) -> float:
        edges = bin_edges(a)
        return stability_index(bin_counts(a, edges), bin_counts(b, edges))

    assert index(reference * 4, live * 4) == index(reference, live)


def test_no_bins_are_refused():
    with pytest.raises(ValueError):
        bin_edges(np.ones(3), 0)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=4))
def test_p_value_has_the_moments_of_every_table_with_the_same_margins(bins):
    """All tables with these margins are listed, with the probability that the live rows are those of each bin."""
    reference, live = (np.array(side) for side in zip(*bins, strict=True))
    both, n, m = reference + live, int(reference.sum()), int(live.sum())

    def square(counts):
        return float(stats.chi2_contingency([both[both > 0] - counts, counts], correction=False).statistic)

    if min(n, m) == 0 or (both > 0).sum() < 2 or n + m < 4:
        assert homogeneity_p(reference, live) == 1.0
        return
    held = both[both > 0]
    tables = [np.array(t) for t in itertools.product(*(range(k + 1) for k in held)) if sum(t) == m]
    weights = np.array([math.prod(map(math.comb, held.tolist(), t.tolist())) for t in tables]) / math.comb(n + m, m)
    squares = np.array([square(t) for t in tables])
    mean = float(weights @ squares)
    variance = float(weights @ np.square(squares - mean))
    if variance < 1e-9:
        assert homogeneity_p(reference, live) == 1.0
        return
    due = stats.gamma.sf(square(live[both > 0]), mean**2 / variance, scale=variance / mean)
    assert homogeneity_p(reference, live) == pytest.approx(due, rel=1e-6, abs=1e-12)


def test_p_value_of_many_rows_is_that_of_scipy():
    reference, live = np.array([4_000, 3_000, 2_000, 1_000]), np.array([820, 590, 420, 170])
    due = stats.chi2_contingency([reference, live], correction=False).pvalue
    assert homogeneity_p(reference, live) == pytest.approx(due, rel=1e-2)
    assert homogeneity_p(live, reference) == pytest.approx(homogeneity_p(reference, live), rel=1e-9)


@pytest.mark.parametrize(
    ("rows", "live", "levels"),
    [(3_000, 60, 0), (3_000, 900, 0), (500, 500, 0), (2_000, 200, 30), (9_000, 500, 1_500)],
)
def test_error_rate_is_the_one_that_is_said(rows, live, levels):
    """Without drift, a p-value of .05 comes up 5 times in a hundred and .01 once, as far as 1,500 draws can tell.

    Numbers in bins of the reference's own quantiles, and categories by Zipf's law, most of whose levels hold a row or
    two or none. The usual chi-squared comes to 18 in a hundred on the last of these.
    """
    rng, draws = np.random.default_rng(levels + live), 1_500
    shares = 1 / np.arange(1, levels + 1)
    found = np.empty(draws)
    for place in range(draws):
        if levels:
            pair = [rng.multinomial(n, shares / shares.sum()) for n in (rows, live)]
        else:
            before = rng.normal(size=rows)
            edges = bin_edges(before)
            pair = [bin_counts(before, edges), bin_counts(rng.normal(size=live), edges)]
        found[place] = homogeneity_p(*pair)
    assert 0.035 < (found <= 0.05).mean() < 0.065
    assert 0.003 < (found <= 0.01).mean() < 0.019


def test_a_shift_of_a_fifth_is_found_and_new_levels_are():
    rng = np.random.default_rng(5)
    before = rng.normal(size=20_000)
    edges = bin_edges(before)
    shifted = bin_counts(rng.normal(0.2, 1, 4_000), edges)
    assert homogeneity_p(bin_counts(before, edges), shifted) < 1e-4
    # Three levels, and of a thousand rows ten that no training row has.
    assert homogeneity_p(np.array([50_000, 30_000, 20_000, 0]), np.array([495, 297, 198, 10])) < 1e-6


@pytest.mark.parametrize("bins", [([1, 2], [1]), ([], []), ([1, -1], [1, 1])])
def test_counts_that_do_not_fit_have_no_p_value(bins):
    with pytest.raises(ValueError, match=r"differ in length|negative"):
        homogeneity_p(*(np.array(side, dtype=np.int64) for side in bins))


NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(NUMBERS, NUMBERS)
def test_places_rise_with_values_from_0_to_1(scale, values):
    levels, found = np.sort(scale), find_places(np.sort(values), np.sort(scale))
    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) >= 0).all()
    assert (found[np.sort(values) < levels[0]] == 0).all()
    assert (found[np.sort(values) > levels[-1]] == 1).all()


@given(st.lists(st.integers(-100, 100), min_size=1, max_size=40), st.integers(-100, 100))
def test_a_value_that_stands_often_is_in_the_middle_of_its_places(scale, value):
    levels = np.sort(np.array(scale, np.float64))
    (found,) = find_places(np.array([float(value)]), levels)
    if value in scale and levels[0] < levels[-1]:
        places = np.flatnonzero(levels == value) / (levels.size - 1)
        assert found == pytest.approx(places.mean())
    elif value in scale:
        assert found == 0.5


def test_values_distributed_as_the_scale_take_every_place():
    rng = np.random.default_rng(2)
    scale = np.quantile(rng.lognormal(3, 1, 100_000), np.linspace(0, 1, 21))
    found = find_places(rng.lognormal(3, 1, 20_000), scale)
    # The line from the last quantile to the greatest value is where it is least uniform.
    assert stats.kstest(found, "uniform").statistic < 0.05
    assert stats.kstest(found[found < 0.95] / 0.95, "uniform").statistic < 0.02


@pytest.mark.parametrize("scale", [[], [2.0, 1.0], [1.0, np.inf], [np.nan]])
def test_what_is_no_scale_is_refused(scale):
    with pytest.raises(ValueError, match="ascending order"):
        find_places(np.array([1.0]), np.array(scale))
