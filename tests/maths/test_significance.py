import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from shipway.maths.interval import clustered_mean, interval
from shipway.maths.significance import condition_p, mcnemar_chance, mcnemar_p, one_sided_p


def _p(mean: float, standard_error: float, clusters: int) -> float:
    return float(one_sided_p(np.array([mean]), np.array([standard_error]), np.array([clusters]))[0])


@pytest.mark.parametrize("clusters", [2, 3, 20, 400])
@pytest.mark.parametrize("t", [-40.0, -1.0, 0.0, 0.5, 2.0, 30.0])
def test_is_the_upper_tail_of_student_t(t: float, clusters: int) -> None:
    assert _p(t * 0.3, 0.3, clusters) == pytest.approx(stats.t.sf(t, clusters - 1), rel=1e-9, abs=1e-300)


def test_one_cluster_a_row_is_the_textbook_test() -> None:
    values = np.random.default_rng(3).normal(0.1, 1.0, 50)
    estimate = clustered_mean(values, np.arange(50))
    expected = stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert _p(estimate.value, estimate.standard_error, estimate.clusters) == pytest.approx(expected, rel=1e-10)


def test_agrees_with_the_interval_that_belongs_to_it() -> None:
    estimate = clustered_mean(np.random.default_rng(4).normal(size=60), np.arange(60) % 12)
    low, _ = interval(estimate, 0.9)
    assert _p(estimate.value - low, estimate.standard_error, estimate.clusters) == pytest.approx(0.05, rel=1e-9)


def test_an_infinite_error_tells_nothing() -> None:
    assert _p(5.0, np.inf, 1) == 1.0


@pytest.mark.parametrize(("mean", "p"), [(1e-9, 0.0), (0.0, 1.0), (-1.0, 1.0)])
def test_without_error_the_sign_decides(mean: float, p: float) -> None:
    assert _p(mean, 0.0, 30) == p


def test_no_estimate_gives_no_p() -> None:
    assert one_sided_p(np.array([]), np.array([]), np.array([], np.int64)).shape == (0,)


@pytest.mark.parametrize(
    ("mean", "standard_error", "clusters"),
    [
        (np.zeros(2), np.zeros(1), np.ones(2, np.int64)),
        (np.array([np.nan]), np.ones(1), np.ones(1, np.int64)),
        (np.zeros(1), np.array([-1.0]), np.ones(1, np.int64)),
        (np.zeros(1), np.array([np.nan]), np.ones(1, np.int64)),
        (np.zeros(1), np.ones(1), np.zeros(1, np.int64)),
    ],
)
def test_refuses_what_is_no_estimate(mean: np.ndarray, standard_error: np.ndarray, clusters: np.ndarray) -> None:
    with pytest.raises(ValueError):
        one_sided_p(mean, standard_error, clusters)


counts = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=30)


@given(counts)
def test_mcnemar_is_the_binomial_test(pairs):
    worse, better = np.array(pairs).T
    found = mcnemar_p(worse, better)
    for p, (w, b) in zip(found, pairs, strict=True):
        expected = 1.0 if w == 0 else stats.binomtest(w, w + b, 0.5, alternative="greater").pvalue
        assert p == pytest.approx(expected, rel=1e-9)


def test_counts_that_are_none_are_refused():
    with pytest.raises(ValueError, match="negative"):
        mcnemar_p(np.array([-1]), np.array([2]))
    with pytest.raises(ValueError, match="length"):
        mcnemar_p(np.array([1, 2]), np.array([2]))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8))
def test_more_became_worse_as_often_as_the_binomial_says(pairs):
    worse, better = (np.array(side) for side in zip(*pairs, strict=True))
    chance, n = mcnemar_chance(worse, better), worse + better
    for found, rows in zip(chance, n, strict=True):
        assert found == pytest.approx(stats.binom.sf(rows // 2, rows, 0.5) if rows else 0.0, abs=1e-12)
    # An estimate is set aside exactly where no more rows became worse than better.
    assert (np.isfinite(condition_p(mcnemar_p(worse, better), chance)) == (worse > better)).all()


@pytest.mark.parametrize("n", [1, 2, 7, 12, 36, 101])
def test_conditional_p_of_counts_is_at_most_any_level_as_often_as_that(n):
    """Enumerated: at the border of the null, and where the truth lies on the other side of it."""
    worse = np.arange(n + 1)
    p = condition_p(mcnemar_p(worse, n - worse), mcnemar_chance(worse, n - worse))
    there = np.isfinite(p)
    for share in (0.5, 0.4, 0.2):
        mass = stats.binom.pmf(worse, n, share)
        for level in (0.001, 0.01, 0.05, 0.2, 0.5, 1.0):
            assert mass[there & (p <= level)].sum() / mass[there].sum() <= level + 1e-12


def test_conditional_p_of_estimates_is_twice_that_of_the_upper_half():
    p = np.array([0.0, 0.01, 0.5, 0.50001, 1.0])
    assert np.array_equal(condition_p(p, np.full(5, 0.5)), [0.0, 0.02, 1.0, np.nan, np.nan], equal_nan=True)
    with pytest.raises(ValueError, match="differ in length"):
        condition_p(p, np.full(4, 0.5))
