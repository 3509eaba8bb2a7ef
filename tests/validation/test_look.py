"""Effects and their boundaries, as a look needs them."""

import math

import numpy as np
import pytest

from shipway.core.effect import Effect
from shipway.core.error import ShipwayError
from shipway.maths.effect import lift_reach, lift_score, normal_score
from shipway.maths.expression import Aggregate
from shipway.maths.summary import sum_clusters, summarise
from shipway.validation.look import (
    bound,
    chance_of,
    interval_of,
    measure,
    measure_clusters,
    measure_quantile,
    share_alpha,
    unbias,
)

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
    random = np.random.default_rng(2)
    counts = [random.poisson(0.55, 2_000).astype(float) for _ in range(2)]
    for values in (counts, [each[:40] for each in counts]):
        measured = measure_quantile("a", effect(share=0.9), *values)
        assert interval_of(effect(share=0.9), measured, 2.0) == (-math.inf, math.inf)
    smooth = measure_quantile("a", effect(share=0.9), *(random.exponential(1, 2_000) for _ in range(2)))
    assert all(map(math.isfinite, interval_of(effect(share=0.9), smooth, 2.0)))


@pytest.mark.parametrize("relative", [True, False])
def test_one_look_is_allowed_for_by_nothing(relative):
    control, treatment = (summarise(rows) for rows in arms(500, 0.05))
    kind = effect(relative=relative)
    found = measure("a", kind, control, treatment)
    estimate, low, high, p = unbias(kind, found, 0.0, [1.0], [1.959964], 0.05)
    assert estimate == pytest.approx(found.estimate, rel=1e-4)
    assert (low, high) == pytest.approx(interval_of(kind, found, 1.959964), rel=1e-4)
    assert p == pytest.approx(chance_of(found), rel=1e-6)


@pytest.mark.parametrize("against", [0.0, 0.03])
def test_what_crossed_early_is_less_than_it_seems(against):
    control, treatment = (summarise(rows) for rows in arms(400, 0.1))
    found = measure("a", effect(), control, treatment)
    fractions, boundaries = [0.2, 0.4], [bound("pocock", [0.2], 0.05).z, bound("pocock", [0.2, 0.4], 0.05).z]
    estimate, low, high, p = unbias(effect(), found, against, fractions, boundaries, 0.05)
    assert against < estimate < found.estimate
    assert low < estimate < high
    assert p > 2 * (1 - 0.5 * math.erfc(-abs(lift_score(found.found, against)) / math.sqrt(2)))


def test_what_is_certain_or_varies_in_nothing_is_not_told():
    kind = effect(relative=False)
    same, more = (summarise(np.full((50, 1), value)) for value in (1.0, 2.0))
    assert unbias(kind, measure("a", kind, same, more), 0.0, [1.0], [1.96], 0.05) is None
    far = [summarise(RANDOM.normal(value, 1, (5_000, 1))) for value in (10, 90)]
    assert unbias(kind, measure("a", kind, *far), 0.0, [1.0], [1.96], 0.05) is None


def test_the_score_of_a_lift_is_the_reach_at_which_it_lies():
    control, treatment = (summarise(rows) for rows in arms(2_000))
    found = measure("a", effect(), control, treatment).found
    assert lift_score(found, 0.0) == pytest.approx(normal_score(found))
    low, high = lift_reach(found, 2.0)
    assert lift_score(found, low) == pytest.approx(2.0, rel=0.01)
    assert lift_score(found, high) == pytest.approx(-2.0, rel=0.01)


def test_clusters_are_measured_as_the_units_they_are():
    codes = RANDOM.integers(0, 20, 900)
    level = RANDOM.lognormal(0, 0.5, 20)[codes]
    values = np.column_stack([RANDOM.lognormal(0, 1, 900) * level, level, np.zeros(900)])
    from shipway.maths.expression import Feature

    control, treatment = (
        summarise(sum_clusters(values[codes % 2 == arm], codes[codes % 2 == arm])[1]) for arm in (0, 1)
    )
    plain = measure_clusters("a", effect(), *(select_sums(arm, [0, 3]) for arm in (control, treatment)))
    sharp = measure_clusters("a", effect(covariates=(Feature("habit", "x"),)), control, treatment)
    assert plain.clusters == (10, 10)
    assert plain.n == (int((codes % 2 == 0).sum()), int((codes % 2 == 1).sum()))
    means = [values[codes % 2 == arm, 0].mean() for arm in (0, 1)]
    assert plain.estimate == pytest.approx(means[1] / means[0] - 1)
    apart = measure("a", effect(), *(summarise(values[codes % 2 == arm, :1]) for arm in (0, 1)))
    assert plain.estimate == pytest.approx(apart.estimate)
    assert plain.error > 1.3 * apart.error
    assert sharp.error < 0.7 * plain.error


def select_sums(summary, columns):
    from shipway.maths.summary import select

    return select(summary, columns)
