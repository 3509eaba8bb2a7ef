"""Effects and their boundaries, as a look needs them."""

import math

import numpy as np
import pytest

from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.maths.effect import normal_score
from shipway.maths.expression import Aggregate
from shipway.maths.summary import summarise
from shipway.validation.look import bound, chance_of, interval_of, measure, measure_quantile, share_alpha

COUNT = Aggregate("count", "orders.placed", width_us=7)
RANDOM = np.random.default_rng(2)


def effect(**given):
    return Effect(kind="mean", value=COUNT, width_us=7, **given)


def arms(n=4_000, lift=0.1):
    past = RANDOM.normal(10, 2, (2, n))
    now = past + RANDOM.normal(0, 2, (2, n))
    now[1] *= 1 + lift
    return [np.column_stack([y, x, np.zeros(n)]) for y, x in zip(now, past, strict=True)]


def test_a_relative_effect_is_in_parts_of_the_control_and_covariates_sharpen_it():
    from shipway.maths.expression import Feature

    control, treatment = (summarise(rows) for rows in arms())
    plain = measure("a", effect(), control, treatment)
    sharp = measure("a", effect(covariates=(Feature("habit", "x"),)), control, treatment)
    assert plain.estimate == pytest.approx(treatment.mean[0] / control.mean[0] - 1)
    assert sharp.error < 0.8 * plain.error
    assert sharp.sharpened == pytest.approx(0.5, abs=0.05)
    assert abs(sharp.estimate - 0.1) < 4 * sharp.error
    absolute = measure("a", effect(relative=False), control, treatment)
    assert absolute.estimate == pytest.approx(treatment.mean[0] - control.mean[0])


def test_an_interval_reaches_as_many_standard_errors_as_the_boundary_says():
    drawn = arms()
    control, treatment = (summarise(rows) for rows in drawn)
    plain = effect(relative=False)
    measured = measure("a", plain, control, treatment)
    for z in (1.96, 3.0, 8.5):
        low, high = interval_of(plain, measured, z)
        assert (high - low) / 2 / measured.error == pytest.approx(z, rel=2e-3)
        assert (high + low) / 2 == pytest.approx(measured.estimate)
        lift = interval_of(effect(), measure("a", effect(), control, treatment), z)
        # No lift is inside just where no difference is, and so is every other one.
        assert (lift[0] <= 0 <= lift[1]) == (low <= 0 <= high)
        for end in lift:
            scaled = summarise(drawn[0] * (1 + end))
            assert abs(normal_score(measure("a", plain, scaled, treatment).found)) == pytest.approx(z, rel=1e-2)
    few = measure("a", plain, *(summarise(rows[:12]) for rows in arms()))
    low, high = interval_of(plain, few, 1.96)
    assert (high - low) / 2 / few.error > 2.0  # Student's t


def test_an_effect_in_parts_of_nothing_has_no_size():
    nothing = summarise(np.zeros((50, 1)))
    with pytest.raises(ShipwayError, match="SW-403"):
        measure("a", effect(), nothing, summarise(np.ones((50, 1))))
    few = measure_quantile("a", effect(share=0.999), np.arange(20.0), np.arange(20.0))
    assert interval_of(effect(share=0.999), few, 2.0) == (-math.inf, math.inf)


def test_a_quantile_is_compared_by_its_values():
    control, treatment = RANDOM.normal(0, 1, 5_000), RANDOM.normal(0.2, 1, 5_000)
    found = measure_quantile("a", effect(share=0.9, relative=False), control, treatment)
    assert abs(found.estimate - 0.2) < 4 * found.error
    assert found.n == (5_000, 5_000)


def test_boundaries_are_those_of_the_design():
    looks = [0.25, 0.5, 0.75, 1.0]
    assert [round(bound("obrien_fleming", looks[: n + 1], 0.05).z, 3) for n in range(4)] == [4.333, 2.963, 2.359, 2.014]
    pocock = [bound("pocock", looks[: n + 1], 0.05).z for n in range(4)]
    assert max(pocock) - min(pocock) < 0.15
    assert bound("pocock", looks, 0.05).spent == pytest.approx(0.05)
    watched = bound("always_valid", [0.5], 0.05)
    assert bound("always_valid", [0.2, 0.5], 0.05) == watched
    assert watched.z > 2.7


def test_those_that_are_shown_hand_their_alpha_on():
    assert [share_alpha(0.06, 3, shown) for shown in range(4)] == [0.02, 0.03, 0.06, 0.06]


def test_the_chance_of_an_effect_at_one_look():
    control, treatment = (summarise(rows) for rows in arms())
    measured = measure("a", effect(), control, treatment)
    assert chance_of(measured) == pytest.approx(math.erfc(measured.estimate / measured.error / math.sqrt(2)))


def test_nothing_that_varies_is_no_certainty():
    flat, spread = np.zeros((50, 1)), np.arange(50.0)[:, None] % 2
    for control, treatment in ((flat, flat), (flat, spread), (spread, flat)):
        measured = measure("a", effect(relative=False), summarise(control), summarise(treatment))
        assert interval_of(effect(relative=False), measured, 2.0) == (-math.inf, math.inf)
        assert chance_of(measured) == 1.0


def test_a_quantile_that_jumps_from_value_to_value_is_not_bounded():
    counts = [RANDOM.poisson(0.55, 2_000).astype(float) for _ in range(2)]
    for values in (counts, [each[:40] for each in counts]):
        measured = measure_quantile("a", effect(share=0.9), *values)
        assert interval_of(effect(share=0.9), measured, 2.0) == (-math.inf, math.inf)
    smooth = measure_quantile("a", effect(share=0.9), *(RANDOM.exponential(1, 2_000) for _ in range(2)))
    assert all(map(math.isfinite, interval_of(effect(share=0.9), smooth, 2.0)))
