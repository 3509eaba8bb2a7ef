"""Diluted effects against all units, and their errors by simulation."""

import math

import numpy as np
import pytest

from shipway.maths.effect import Term, compare, estimate_term, measure_effect
from shipway.maths.interval import Estimate
from shipway.maths.summary import summarise
from shipway.maths.trigger import dilute


def mean_of(values):
    return estimate_term(summarise(values[:, None]), Term(0))


def draw(rng):
    """Return all units of both arms and what triggered analysis sees: one in five triggers and gains 0.5."""
    arms, parts = [], []
    for gain in (0.0, 0.5):
        triggers = rng.random(2000) < 0.2
        values = np.where(triggers, rng.normal(3 + gain, 1, 2000), rng.exponential(1.0, 2000))
        arms.append(values)
        parts.append((values[triggers], values[~triggers]))
    (a, rest_a), (b, rest_b) = parts
    return arms, dilute(mean_of(a), mean_of(b), mean_of(np.concatenate([rest_a, rest_b])))


def test_diluted_effect_is_that_on_all_units_and_sharper():
    rng, values, lifts, errors, lift_errors, whole = np.random.default_rng(1), [], [], [], [], []
    for _ in range(500):
        (control, treatment), diluted = draw(rng)
        values.append(diluted.value)
        lifts.append(diluted.lift)
        errors.append(diluted.standard_error)
        lift_errors.append(diluted.lift_error)
        whole.append(measure_effect(summarise(control[:, None]), summarise(treatment[:, None]), Term(0)).value)
    assert np.mean(values) == pytest.approx(0.1, abs=4 * np.std(values) / math.sqrt(500))
    assert np.mean(lifts) == pytest.approx(0.1 / 1.4, rel=0.01)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.12)
    assert np.std(lifts) == pytest.approx(np.mean(lift_errors), rel=0.12)
    assert np.std(values) < 0.5 * np.std(whole)


def test_all_triggered_is_the_effect_itself():
    a, b = Estimate(1.0, 0.1, 50, 50), Estimate(1.2, 0.1, 60, 60)
    assert dilute(a, b, None) == compare(a, b)
    assert dilute(a, b, Estimate(0.0, math.inf, 0, 0)) == compare(a, b)


def test_a_base_of_zero_has_no_lift():
    zero = Estimate(0.0, 0.1, 50, 50)
    diluted = dilute(zero, Estimate(1.0, 0.1, 50, 50), Estimate(0.0, 0.1, 100, 100))
    assert diluted.value == pytest.approx(0.5)
    assert math.isnan(diluted.lift)
