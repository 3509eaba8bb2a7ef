"""Post-stratification against weights by hand and simulation; heterogeneity against statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from shipway.maths.effect import Effect, Term, compare, estimate_term, measure_effect
from shipway.maths.interval import Estimate
from shipway.maths.stratum import heterogeneity, poststratify
from shipway.maths.summary import summarise


def effect_of(value, error):
    return Effect(0.0, value, value, error, 1e3, math.nan, math.inf, math.nan, error / 2)


def test_one_stratum_is_the_comparison():
    a, b = Estimate(1.0, 0.1, 50, 50), Estimate(1.3, 0.2, 40, 40)
    got, expected = poststratify([(a, b)]), compare(a, b)
    assert (got.value, got.standard_error, got.degrees) == pytest.approx(
        (expected.value, expected.standard_error, expected.degrees)
    )


def test_is_sharper_and_as_right_as_it_says():
    rng, plain, post, errors = np.random.default_rng(1), [], [], []
    for _ in range(400):
        country, arm = rng.integers(0, 3, 900), rng.integers(0, 2, 900)
        y = 3.0 * country + rng.normal(0, 1, 900) + 0.2 * arm
        strata = [
            tuple(
                estimate_term(summarise(y[(country == place) & (arm == which)][:, None]), Term(0)) for which in (0, 1)
            )
            for place in range(3)
        ]
        found = poststratify(strata)
        post.append(found.value)
        errors.append(found.standard_error)
        plain.append(measure_effect(summarise(y[arm == 0][:, None]), summarise(y[arm == 1][:, None]), Term(0)).value)
    assert np.mean(post) == pytest.approx(0.2, abs=4 * np.std(post) / 20)
    assert np.std(post) == pytest.approx(np.mean(errors), rel=0.12)
    assert np.std(post) < 0.5 * np.std(plain)


def test_heterogeneity_is_that_of_meta_analysis():
    values, errors = np.array([0.1, 0.4, -0.2, 0.3]), np.array([0.1, 0.15, 0.12, 0.2])
    got = heterogeneity([effect_of(*one) for one in zip(values, errors, strict=True)])
    oracle = combine_effects(values, errors**2).test_homogeneity()
    assert (got.q, got.degrees, got.p) == pytest.approx((oracle.statistic, oracle.df, oracle.pvalue), rel=1e-9)
    assert got.share == pytest.approx(1 - got.degrees / got.q)


def test_p_is_uniform_where_effects_do_not_differ():
    rng = np.random.default_rng(2)
    p = [heterogeneity([effect_of(0.3 + 0.1 * z, 0.1) for z in rng.normal(size=5)]).p for _ in range(400)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_what_tells_nothing_is_left_out():
    told = heterogeneity([effect_of(0.1, 0.1), effect_of(5.0, math.inf), effect_of(0.2, 0.1)])
    assert told.degrees == 1
    assert heterogeneity([effect_of(0.1, 0.1)]).p == 1.0


def test_a_stratum_of_one_unit_leaves_all_unknown():
    known, alone = Estimate(1.0, 0.1, 50, 50), Estimate(1.0, math.inf, 1, 1)
    assert poststratify([(known, known), (alone, known)]).standard_error == math.inf


def test_flat_strata_are_certain():
    flat = Estimate(1.0, 0.0, 50, 50)
    assert poststratify([(flat, flat), (flat, flat)]).standard_error == 0.0


def test_no_stratum_is_refused():
    with pytest.raises(ValueError, match="no stratum"):
        poststratify([])
