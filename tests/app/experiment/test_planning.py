"""Plans: what is measured on the past, what it takes, and what covariates save."""

import pytest
from tests.app.experiment.conftest import START

from shipway.app.experiment.planning import plan_experiment
from shipway.core.error import ShipwayError


def test_a_plan_is_measured_on_a_past_that_is_over(lab):
    plan = plan_experiment(lab.project, "fares")
    spent, basket = plan.metrics
    assert plan.until == START - 2 * 86_400_000_000
    assert plan.past > 1000
    assert (spent.role, basket.role) == ("metric", "guardrail")
    assert 0.02 < spent.sharpened < 0.6
    assert spent.smallest == pytest.approx(0.32 * (spent.units / plan.units) ** 0.5, rel=0.01)
    assert plan.units == max(spent.units, basket.units)
    assert plan.arrivals == tuple(sorted(plan.arrivals))
    assert plan.arrivals[plan.days - 1] >= plan.units > plan.arrivals[plan.days - 2]
    assert (plan.enough, plan.reason) == (True, "")


def test_what_a_covariate_foretells_is_saved(lab):
    sharp = plan_experiment(lab.project, "fares").metrics[0]
    lab.edit("covariates=[habit.spent_21d], ", "")
    blunt = plan_experiment(lab.project, "fares").metrics[0]
    assert blunt.sharpened == 0
    assert sharp.units / blunt.units == pytest.approx(1 - sharp.sharpened, rel=0.01)


def test_half_the_effect_takes_four_times_the_units_and_says_that_they_do_not_come(lab):
    whole = plan_experiment(lab.project, "fares").metrics[0].units
    lab.edit("detect=0.32", "detect=0.16")
    plan = plan_experiment(lab.project, "fares")
    assert plan.metrics[0].units == pytest.approx(4 * whole, rel=0.001)
    assert (plan.enough, plan.days) == (False, None)
    assert f"{plan.units:,} units are needed" in plan.reason


def test_a_design_that_may_be_watched_and_more_variants_take_more(lab):
    base = plan_experiment(lab.project, "fares").metrics[0].units
    lab.edit('group_sequential(most="21d")', 'group_sequential(most="21d", spending="pocock")')
    pocock = plan_experiment(lab.project, "fares").metrics[0].units
    lab.edit('group_sequential(most="21d", spending="pocock")', 'always_valid(most="21d")')
    watched = plan_experiment(lab.project, "fares").metrics[0].units
    assert base < pocock < watched
    lab.edit('{"usual": 1, "new": 1}', '{"usual": 1, "new": 1, "newer": 1}')
    assert plan_experiment(lab.project, "fares").metrics[0].units > 1.5 * watched


def test_too_short_a_past_is_refused(lab):
    with pytest.raises(ShipwayError) as refused:
        plan_experiment(lab.project, "fares", START - 32 * 86_400_000_000)
    assert refused.value.code == "SW-453"
    assert "--units" in refused.value.hint


def test_a_quantile_and_an_absolute_effect_are_planned_for(lab):
    lab.edit('[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2]', "[]")
    lab.edit("detect=0.32) > 0", 'detect=0.32) > 0, sw.effect("top", spent, quantile=0.9, relative=False, detect=8)')
    spent, top = plan_experiment(lab.project, "fares").metrics
    assert top.value > spent.value
    assert (top.relative, top.detect) == (False, 8)
    assert 100 < top.units < 100_000


def test_what_guardrails_cost_a_launch_is_told(lab):
    plan = plan_experiment(lab.project, "fares")
    spent, basket = plan.metrics
    needed = max(plan.metrics, key=lambda each: each.units)
    assert needed.power == pytest.approx(0.8, abs=0.005)
    assert all(0.79 < each.power < 1 for each in plan.metrics)
    assert plan.launch == pytest.approx(spent.power - (1 - basket.power))
    lab.edit(", detect=0.32", "")
    assert plan_experiment(lab.project, "fares").launch is None


def test_strata_that_the_past_does_not_have_are_told(lab):
    lab.edit("    slices=[visits.device],\n", "    strata=visits.device,\n")
    assert plan_experiment(lab.project, "fares").without == ""
    lab.edit("    strata=visits.device,\n", "    strata=visits.device,\n    history=placed,\n")
    assert plan_experiment(lab.project, "fares").without == "device"


def test_what_strata_explain_is_saved_too(lab):
    lab.edit("covariates=[habit.spent_21d], ", "")
    blunt = plan_experiment(lab.project, "fares").metrics[0]
    lab.edit(
        "    slices=[visits.device],\n", "    strata=visits.customer,\n"
    )  # as many groups as units: fifty are told
    sharp = plan_experiment(lab.project, "fares").metrics[0]
    assert blunt.sharpened == 0
    assert sharp.sharpened == 0  # a stratum of one customer tells nothing
    lab.edit("    strata=visits.customer,\n", "    strata=visits.device,\n")
    found = plan_experiment(lab.project, "fares").metrics[0]
    assert 0 < found.sharpened < 0.1
    assert found.units / blunt.units == pytest.approx(1 - found.sharpened, rel=0.01)
