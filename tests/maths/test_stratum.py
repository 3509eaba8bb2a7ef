"""Strata against columns by hand, regression and simulation; heterogeneity against statsmodels."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.meta_analysis import combine_effects

from shipway.maths.effect import Effect, Term, measure_effect
from shipway.maths.stratum import heterogeneity, stratify
from shipway.maths.summary import summarise


def effect_of(value, error):
    return Effect(0.0, value, value, error, 1e3, math.nan, math.inf, math.nan, error / 2)


def arms_of(rng, units=600, groups=4, effect=0.2):
    """Return values, groups and arms of units whose level is that of their group."""
    group, arm = rng.integers(0, groups, units), rng.integers(0, 2, units)
    return 3.0 * group + rng.normal(0, 1, units) + effect * arm, group, arm


def by_group(values, group, arm):
    rows = values if values.ndim == 2 else values[:, None]
    return [
        {f"g{each}": summarise(rows[(group == each) & (arm == which)]) for each in np.unique(group[arm == which])}
        for which in (0, 1)
    ]


def test_columns_are_what_they_would_be_had_every_unit_had_them():
    y, group, arm = arms_of(np.random.default_rng(3))
    rows = np.column_stack([y, y**2])
    found, terms = stratify(by_group(rows, group, arm))
    names = sorted(np.unique(group), key=lambda each: -np.count_nonzero(group == each))[:-1]
    whole = np.column_stack([rows, *(group == each for each in names)])
    for which in (0, 1):
        told = summarise(whole[arm == which])
        assert found[which].n == told.n
        assert found[which].mean == pytest.approx(told.mean)
        assert found[which].products == pytest.approx(told.products, abs=1e-8)
    assert terms == [Term(2 + place) for place in range(len(names))]


def test_an_effect_with_strata_is_that_of_a_regression_on_them():
    y, group, arm = arms_of(np.random.default_rng(4), units=4_000)
    found, terms = stratify(by_group(y, group, arm))
    got = measure_effect(*found, Term(0), terms)
    columns = np.column_stack([arm, np.ones(y.size), *(group == each for each in range(3))])
    fitted = OLS(y, columns.astype(float)).fit(cov_type="HC1")
    # Theta is that of both arms as one sample, and not beside the effect: alike to the order of 1/n.
    assert got.value == pytest.approx(fitted.params[0], abs=2e-3)
    assert got.standard_error == pytest.approx(fitted.bse[0], rel=5e-3)


def test_is_sharper_and_as_right_as_it_says():
    rng, plain, post, errors = np.random.default_rng(1), [], [], []
    for _ in range(400):
        y, group, arm = arms_of(rng, 900, 3)
        found, terms = stratify(by_group(y, group, arm))
        effect = measure_effect(*found, Term(0), terms)
        post.append(effect.value)
        errors.append(effect.standard_error)
        plain.append(measure_effect(summarise(y[arm == 0][:, None]), summarise(y[arm == 1][:, None]), Term(0)).value)
    assert np.mean(post) == pytest.approx(0.2, abs=4 * np.std(post) / 20)
    assert np.std(post) == pytest.approx(np.mean(errors), rel=0.12)
    assert np.std(post) < 0.5 * np.std(plain)


def test_small_strata_and_those_of_one_arm_are_told_together():
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, 460)
    group = np.repeat(np.arange(8), [200, 150, 80, 6, 6, 6, 6, 6])
    arm = np.where(group == 7, 0, rng.integers(0, 2, 460))
    found, terms = stratify(by_group(values, group, arm))
    assert len(terms) == 3  # three great ones have a column, and the small ones are where none of them is
    assert [each.n for each in found] == [np.count_nonzero(arm == 0), np.count_nonzero(arm == 1)]
    assert [float(each.mean[1]) for each in found] == pytest.approx([np.mean(group[arm == w] == 0) for w in (0, 1)])
    assert len(stratify(by_group(values, group, arm), most=2)[1]) == 2
    assert len(stratify(by_group(values[:200], group[:200], arm[:200]))[1]) == 0


def test_arms_without_a_stratum_are_refused():
    for arms in ([], [{}, {}]):
        with pytest.raises(ValueError, match="no stratum"):
            stratify(arms)


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
