"""Effects against statsmodels, scipy and tea-tasting, and adjustment against least squares."""

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from shipway.maths.effect import (
    Effect,
    Term,
    adjust,
    compare,
    effect_interval,
    estimate_term,
    explained_share,
    gradient,
    lift_interval,
    lift_reach,
    margin_effect,
    measure_effect,
    normal_score,
    p_value,
    unit_variance,
)
from shipway.maths.interval import Estimate, clustered_ratio
from shipway.maths.summary import merge, summarise, summarise_sums

Y, X1, X2, VISITS, BEFORE = range(5)


def draw(seed, n, shift=0.0):
    """Return rows of revenue, two covariates, visits and earlier visits."""
    rng = np.random.default_rng(seed)
    x1, x2 = rng.lognormal(0, 0.7, n), rng.normal(2, 1, n)
    visits = 1 + rng.poisson(2 * x1)
    before = 1 + rng.poisson(2 * x1)
    y = 1 + shift + 0.8 * x1 + 0.3 * x2 + rng.normal(0, 0.5, n)
    return np.column_stack([y, x1, x2, visits, before]).astype(float)


@pytest.fixture(scope="module")
def arms():
    return draw(1, 700), draw(2, 500, 0.2)


def test_means_are_those_of_welch(arms):
    a, b = (rows[:, Y] for rows in arms)
    effect = measure_effect(summarise(arms[0]), summarise(arms[1]), Term(Y))
    expected = stats.ttest_ind(b, a, equal_var=False)
    assert p_value(effect) == pytest.approx(expected.pvalue, rel=1e-9)
    assert effect.degrees == pytest.approx(expected.df, rel=1e-9)
    oracle = CompareMeans(DescrStatsW(b), DescrStatsW(a)).tconfint_diff(usevar="unequal")
    assert effect_interval(effect) == pytest.approx(oracle, rel=1e-9)


def test_one_sided_and_with_a_margin(arms):
    a, b = (rows[:, Y] for rows in arms)
    effect = measure_effect(summarise(arms[0]), summarise(arms[1]), Term(Y))
    greater = stats.ttest_ind(b, a, equal_var=False, alternative="greater")
    assert p_value(effect, sides=1) == pytest.approx(greater.pvalue, rel=1e-9)
    shown = stats.ttest_ind(b + 0.1, a, equal_var=False, alternative="greater")
    assert p_value(effect, null=-0.1, sides=1) == pytest.approx(shown.pvalue, rel=1e-9)


def test_ratio_is_the_delta_method(arms):
    rows = arms[0]
    got = estimate_term(summarise(rows), Term(Y, VISITS))
    expected = clustered_ratio(rows[:, Y], rows[:, VISITS], np.arange(len(rows)))
    assert (got.value, got.standard_error) == pytest.approx((expected.value, expected.standard_error), rel=1e-10)


def test_agrees_with_tea_tasting(arms):
    tt = pytest.importorskip("tea_tasting")
    import pyarrow as pa

    rows = np.vstack(arms)
    names = ["y", "x1", "x2", "visits", "before"]
    table = pa.table(
        {"variant": np.repeat([0, 1], [len(arm) for arm in arms]), **dict(zip(names, rows.T, strict=True))}
    )
    metrics = {
        "mean": (tt.Mean("y"), Term(Y), []),
        "cuped": (tt.Mean("y", covariate="x1"), Term(Y), [Term(X1)]),
        "ratio": (tt.RatioOfMeans("y", "visits"), Term(Y, VISITS), []),
        "cuped ratio": (
            tt.RatioOfMeans("y", "visits", numer_covariate="x1", denom_covariate="before"),
            Term(Y, VISITS),
            [Term(X1, BEFORE)],
        ),
    }
    oracle = tt.Experiment({name: metric for name, (metric, _, _) in metrics.items()}).analyze(table)
    for name, (_, term, covariates) in metrics.items():
        effect, expected = measure_effect(*map(summarise, arms), term, covariates), oracle[name]
        got = (effect.control, effect.value, *effect_interval(effect), p_value(effect), effect.lift)
        assert got == pytest.approx(
            (
                expected.control,
                expected.effect_size,
                expected.effect_size_ci_lower,
                expected.effect_size_ci_upper,
                expected.pvalue,
                expected.rel_effect_size,
            ),
            rel=1e-8,
        ), name


def test_several_covariates_are_least_squares(arms):
    # The slopes of CUPED are those of a regression of all arms on the covariates, without the arm.
    pooled = np.vstack(arms)
    fit = sm.OLS(pooled[:, Y], sm.add_constant(pooled[:, [X1, X2]])).fit()
    control, treatment = adjust([summarise(rows) for rows in arms], Term(Y), [Term(X1), Term(X2)])
    left = [rows[:, Y] - (rows[:, [X1, X2]] - pooled[:, [X1, X2]].mean(axis=0)) @ fit.params[1:] for rows in arms]
    for got, values in zip((control, treatment), left, strict=True):
        assert got.value == pytest.approx(values.mean(), rel=1e-10)
        assert got.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(values.size), rel=1e-9)


def test_more_covariates_never_widen(arms):
    summaries = [summarise(rows) for rows in arms]
    widths = [
        measure_effect(*summaries, Term(Y), covariates).standard_error
        for covariates in ([], [Term(X1)], [Term(X1), Term(X2)])
    ]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < 0.7 * widths[0]


def test_a_constant_or_repeated_covariate_changes_nothing(arms):
    doubled = [np.column_stack([rows, 2 * rows[:, X1] + 1, np.full(len(rows), 3.0)]) for rows in arms]
    summaries = [summarise(rows) for rows in doubled]
    once = measure_effect(*summaries, Term(Y), [Term(X1)])
    again = measure_effect(*summaries, Term(Y), [Term(X1), Term(5), Term(6)])
    assert (again.value, again.standard_error) == pytest.approx((once.value, once.standard_error), rel=1e-8)


def test_a_perfect_covariate_leaves_no_error():
    x = np.arange(30.0)
    summaries = [summarise(np.column_stack([2 * x + shift, x])) for shift in (0.0, 0.0)]
    effect = measure_effect(*summaries, Term(0), [Term(1)])
    assert effect.standard_error == pytest.approx(0.0, abs=1e-6)


def test_adjusted_and_plain_aim_at_the_same_effect():
    # Over many experiments the adjusted effect is unbiased, and as much sharper as the covariates explain.
    rng, plain, sharp = np.random.default_rng(7), [], []
    pool = draw(9, 40_000)
    for _ in range(400):
        a, b = pool[rng.integers(0, len(pool), 200)], pool[rng.integers(0, len(pool), 200)].copy()
        b[:, Y] += 0.3
        summaries = summarise(a), summarise(b)
        plain.append(measure_effect(*summaries, Term(Y)).value)
        sharp.append(measure_effect(*summaries, Term(Y), [Term(X1), Term(X2)]).value)
    explained = explained_share(summarise(pool), Term(Y), [Term(X1), Term(X2)])
    assert np.mean(sharp) == pytest.approx(0.3, abs=4 * np.std(sharp) / 20)
    assert np.var(sharp) / np.var(plain) == pytest.approx(1 - explained, abs=0.08)


def test_lift_covers_what_is_true():
    rng, inside = np.random.default_rng(11), 0
    for _ in range(500):
        a, b = rng.lognormal(0, 1, 400), 1.2 * rng.lognormal(0, 1, 400)
        low, high = lift_interval(measure_effect(summarise(a[:, None]), summarise(b[:, None]), Term(0)))
        inside += low <= 0.2 <= high
    assert inside / 500 == pytest.approx(0.95, abs=0.03)


@settings(max_examples=60)
@given(st.floats(0.5, 2), st.floats(-2, 2), st.floats(0.01, 0.2), st.floats(0.01, 0.2), st.floats(0.1, 2))
def test_a_lift_is_within_reach_where_its_margin_is(a, b, error_a, error_b, reach):
    control, treatment = Estimate(a, error_a, 900, 900), Estimate(b, error_b, 900, 900)
    for lift in lift_reach(compare(control, treatment), reach):
        effect = margin_effect(control, treatment, -lift)
        assert abs(effect.value) == pytest.approx(reach * effect.standard_error, rel=1e-6)


def test_no_lift_is_within_reach_where_no_difference_is(arms):
    control, treatment = (estimate_term(summarise(rows), Term(Y)) for rows in arms)
    effect = compare(control, treatment)
    reach = abs(effect.value) / effect.standard_error
    assert min(map(abs, lift_reach(effect, reach))) == pytest.approx(0, abs=1e-12)


def test_a_control_that_may_be_nought_has_any_lift():
    effect = compare(Estimate(0.2, 0.11, 50, 50), Estimate(0.2, 0.1, 50, 50))
    assert lift_interval(effect) == (-math.inf, math.inf)


def test_unit_variance_is_what_it_costs_to_measure(arms):
    summary = summarise(arms[0])
    assert unit_variance(summary, Term(Y)) == pytest.approx(arms[0][:, Y].var(ddof=1), rel=1e-10)
    explained = explained_share(summary, Term(Y), [Term(X1)])
    assert explained == pytest.approx(np.corrcoef(arms[0][:, Y], arms[0][:, X1])[0, 1] ** 2, rel=1e-9)
    assert unit_variance(summary, Term(Y), [Term(X1)]) == pytest.approx(
        unit_variance(summary, Term(Y)) * (1 - explained), rel=1e-9
    )


def test_relative_margin_is_a_scaled_control(arms):
    control, treatment = (estimate_term(summarise(rows), Term(Y)) for rows in arms)
    effect = margin_effect(control, treatment, 0.05)
    expected = stats.ttest_ind(arms[1][:, Y], 0.95 * arms[0][:, Y], equal_var=False, alternative="greater")
    assert p_value(effect, sides=1) == pytest.approx(expected.pvalue, rel=1e-8)


@settings(max_examples=40)
@given(st.floats(-8, 8), st.floats(2, 1000))
def test_normal_score_is_as_unlikely(t, degrees):
    effect = Effect(1.0, 1.0 + t, t, 1.0, degrees, t, 1.0, degrees, 0.5)
    assert 2 * stats.norm.sf(abs(normal_score(effect))) == pytest.approx(p_value(effect), rel=1e-8)
    assert math.copysign(1, normal_score(effect)) == math.copysign(1, t) or t == 0


def test_too_few_units_tell_nothing():
    one, many = summarise(np.ones((1, 1))), summarise(np.arange(9.0)[:, None])
    effect = measure_effect(one, many, Term(0))
    assert effect.standard_error == math.inf
    assert effect_interval(effect) == (-math.inf, math.inf)
    assert (p_value(effect), p_value(effect, sides=1), normal_score(effect)) == (1.0, 0.5, 0.0)


def test_no_spread_is_certainty():
    flat = [summarise(np.full((5, 1), value)) for value in (1.0, 2.0)]
    assert p_value(measure_effect(*flat, Term(0))) == 0.0
    assert p_value(measure_effect(flat[0], flat[0], Term(0))) == 1.0


def test_a_control_of_zero_has_no_lift():
    effect = compare(Estimate(0.0, 0.1, 50, 50), Estimate(0.2, 0.1, 50, 50))
    assert math.isnan(effect.lift)
    assert lift_interval(effect) == (-math.inf, math.inf)


def test_gradient_is_a_derivative(arms):
    summary, step = summarise(arms[0]), 1e-6
    for term in (Term(Y), Term(Y, VISITS)):
        for column, slope in enumerate(gradient(summary, term)):
            moved = summary.mean.copy()
            moved[column] += step
            ratio = moved[term.numerator] / (1 if term.denominator is None else moved[term.denominator])
            base = estimate_term(summary, term).value
            assert (ratio - base) / step == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_what_cannot_be_measured_is_refused():
    empty, zeros = summarise(np.empty((0, 2))), summarise(np.column_stack([np.ones(4), np.zeros(4)]))
    with pytest.raises(ValueError, match="no units"):
        measure_effect(empty, zeros, Term(0))
    with pytest.raises(ValueError, match="sums to 0"):
        estimate_term(zeros, Term(0, 1))
    with pytest.raises(ValueError, match="sides"):
        p_value(measure_effect(zeros, zeros, Term(0)), sides=3)
    with pytest.raises(ValueError, match="confidence"):
        effect_interval(measure_effect(zeros, zeros, Term(0)), 1.0)


def test_three_arms_share_theta(arms):
    three = [summarise(rows) for rows in (*arms, draw(5, 300))]
    estimates, pooled = adjust(three, Term(Y), [Term(X1)]), merge(three)
    weighted = sum(one.value * one.n for one in estimates) / pooled.n
    assert weighted == pytest.approx(pooled.mean[Y], rel=1e-12)


def test_numbers_of_spotify_confidence():
    # spotify-confidence 4.1.0 cannot share this environment (bokeh < 3.5, pandas < 3); StudentsTTest.difference gave
    # these for the arms of gbstats.ttest_abs, and with non_inferiority_margins=(0.1, "increase").
    control = summarise_sums(3407, np.array([1396.87]), np.array([[52377.9767]]))
    treatment = summarise_sums(3461, np.array([2422.7]), np.array([[134698.29]]))
    effect = measure_effect(control, treatment, Term(0))
    assert effect_interval(effect) == pytest.approx((0.04537789255929012, 0.5346221074407098), rel=1e-10)
    assert p_value(effect) == pytest.approx(0.020158402643586978, rel=1e-9)
    not_inferior = p_value(effect, null=-0.1 * effect.control, sides=1)
    assert not_inferior == pytest.approx(0.004004622839063926, rel=1e-9)
