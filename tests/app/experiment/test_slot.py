"""Switchbacks: slots of time are assigned, each counts once, and what is felt of the one before is left out."""

import numpy as np
import polars as pl
import pytest
from tests.app.experiment.conftest import CODE, START
from tests.app.experiment.market import HALVES, REGIONS, trade

import shipway as sw
from shipway.app.experiment.conduct import decide_experiment, start_experiment
from shipway.app.experiment.look import look_at
from shipway.app.experiment.planning import plan_experiment
from shipway.app.experiment.question import assign_unit
from shipway.app.experiment.slot import find_slots
from shipway.app.experiment.statistic import gather_statistics
from shipway.core.split import write_slot
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY, HOUR
from shipway.maths.effect import compare
from shipway.maths.interval import Estimate


@pytest.fixture
def market(lab):
    (lab.root / "project.py").write_text(CODE + HALVES)
    trade(lab, 0)
    return lab


def surge(lab):
    return lab.project.registry.experiments["surge"]


def test_every_slot_of_a_region_counts_from_the_first_that_begins_after_it_was_seen(market):
    half = surge(market).switchback
    seen = pl.DataFrame({"customer": ["a", "b", "a"], "_met": [START - DAY, START + 13 * HOUR, START + 30 * HOUR]})
    slots = find_slots(seen, surge(market), half, START, START + 2 * DAY - 1, "UTC")
    mine = {unit: slots.filter(pl.col("customer") == unit)["_met"].to_list() for unit in "ab"}
    assert mine["a"] == [START + k * 12 * HOUR + 2 * HOUR - 1 for k in range(4)]
    assert mine["b"] == [START + k * 12 * HOUR + 2 * HOUR - 1 for k in (2, 3)]
    assert slots["_unit"][0] == write_slot("a", START // (12 * HOUR))
    days = slots.filter(pl.col("customer") == "a")["_day"].to_list()
    assert days == [19_800, 19_800, 19_801, 19_801]
    assert slots["_met"].is_sorted()


def test_a_slot_is_there_only_when_its_burn_in_is_over(market):
    half = surge(market).switchback
    seen = pl.DataFrame({"customer": ["a"], "_met": [START - DAY]})
    counts = [
        find_slots(seen, surge(market), half, START, START + at, "UTC").height for at in (0, 2 * HOUR - 2, 2 * HOUR - 1)
    ]
    assert counts == [0, 0, 1]


def test_who_assigns_and_who_looks_agree_on_every_slot(market):
    start_experiment(market.project, "surge")
    trade(market, 4)
    with market.workspace() as workspace:
        experiment, trial = surge(market), workspace.state().experiments["surge"][-1]
        found = gather_statistics(workspace, experiment, trial.plan, START + 4 * DAY, None)
    desk = sw.experiments(market.root)
    met = {"usual": 0, "new": 0}
    for region in range(REGIONS):
        for slot in range(8):
            at = START + slot * 12 * HOUR + 5 * HOUR
            variant = desk.assign("surge", f"r{region}", at=at)
            assert variant == assign_unit(market.project, "surge", f"r{region}", at + 6 * HOUR).variant
            met[variant] += START + slot * 12 * HOUR + 2 * HOUR - 1 <= found.known
    assert found.units == met
    assert min(met.values()) > 20  # and a region does not keep to one
    assert {desk.assign("surge", "r1", at=START + slot * 12 * HOUR) for slot in range(8)} == {"usual", "new"}


def test_a_look_is_the_comparison_of_slots_without_their_burn_in(market):
    start_experiment(market.project, "surge", units=400)
    trade(market, 12, lift=0.3)
    report = look_at(market.project, "surge", START + 12 * DAY)
    [sold] = report.look.effects
    assert sold.low < 0.3 < sold.high
    # by hand: the sum of a slot from its third hour on
    desk = sw.experiments(market.root)
    with market.workspace() as workspace:
        orders = workspace.tables.read(workspace.admitted(["orders"])["orders"])
    rows = orders.with_columns(pl.col("placed").cast(pl.Int64)).filter(pl.col("placed") >= START)
    rows = rows.with_columns(slot=pl.col("placed") // (12 * HOUR))
    rows = rows.filter(pl.col("placed") % (12 * HOUR) >= 2 * HOUR)
    sums = rows.group_by("customer", "slot").agg(pl.col("price").sum())
    arms = {"usual": [], "new": []}
    for unit, slot, total in sums.iter_rows():
        if slot < (report.look.known + 1) // (12 * HOUR):
            arms[desk.assign("surge", unit, at=slot * 12 * HOUR)].append(total)
    days = {name: len(values) for name, values in arms.items()}
    assert sold.n == (days["usual"], days["new"])
    estimates = [
        Estimate(float(np.mean(v)), float(np.std(v, ddof=1) / np.sqrt(len(v))), len(v), len(v)) for v in arms.values()
    ]
    by_hand = compare(*estimates)
    assert sold.estimate == pytest.approx(by_hand.lift)
    assert sold.error == pytest.approx(by_hand.lift_error)


def test_what_is_felt_of_the_slot_before_would_dilute_the_effect(market):
    start_experiment(market.project, "surge", units=400)
    trade(market, 10, lift=0.4)
    clean = look_at(market.project, "surge", START + 10 * DAY).look.effects[0].estimate
    from shipway.app.experiment.conduct import stop_experiment

    stop_experiment(market.project, "surge", reason="again, without a burn-in")
    market.edit('every="12h", burn_in="2h"', 'every="12h"')
    market.edit('last="10h"', 'last="12h"')
    start_experiment(market.project, "surge", at=START, units=400)
    trade(market, 10, lift=0.4)
    felt = look_at(market.project, "surge", START + 10 * DAY).look.effects[0].estimate
    assert felt < clean


def test_the_past_of_slots_plans_and_many_looks_are_one(market):
    plan = plan_experiment(market.project, "surge")
    assert plan.past > 20 * REGIONS
    assert plan.arrivals[2] - plan.arrivals[1] == 2 * REGIONS
    assert plan.watched_us == 10 * HOUR
    start_experiment(market.project, "surge")
    trade(market, 9)
    with market.workspace() as workspace:
        experiment, trial = surge(market), workspace.state().experiments["surge"][-1]
        early = gather_statistics(workspace, experiment, trial.plan, START + 5 * DAY, None)
        grown = gather_statistics(workspace, experiment, trial.plan, START + 9 * DAY, early)
        fresh = gather_statistics(workspace, experiment, trial.plan, START + 9 * DAY, None)
    assert digest_value(grown) == digest_value(fresh)


def test_everybody_meets_what_was_decided_at_all_times(market):
    start_experiment(market.project, "surge")
    decide_experiment(market.project, "surge", "new", by="ana", reason="enough")
    desk = sw.experiments(market.root)
    assert {desk.assign("surge", f"r{n}", at=START + n * HOUR) for n in range(60)} == {"new"}


def test_a_slot_over_midnight_is_over_when_it_is_and_not_when_its_day_is(market):
    text = (market.root / "shipway.toml").read_text()
    (market.root / "shipway.toml").write_text(text.replace('timezone = "UTC"', 'timezone = "Europe/Paris"'))
    start_experiment(market.project, "surge", units=400)
    trade(market, 4)
    with market.workspace() as workspace:
        experiment, trial = surge(market), workspace.state().experiments["surge"][-1]
        # the day in Paris ends at 23:00, the slot that began at 12:00 at midnight
        counts = []
        for at in (START + 2 * DAY - HOUR, START + 2 * DAY - 1):
            found = gather_statistics(workspace, experiment, trial.plan, at, None)
            counts.append(sum(group.n for day in found.groups("sold") for group in day))
    assert counts[1] - counts[0] == 2 * REGIONS
