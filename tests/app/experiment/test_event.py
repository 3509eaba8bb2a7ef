"""Rare events: planned by events, looked at by counts, and ended by as many as were planned."""

import datetime as dt

import polars as pl
import pytest
from tests.app.experiment.conftest import START
from tests.app.experiment.test_statistic import commit

import shipway as sw
from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.detail import detail_trial
from shipway.app.experiment.look import look_at
from shipway.app.experiment.planning import plan_experiment
from shipway.app.ledger import verify_ledger
from shipway.app.report.experiment import write_experiment
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY
from shipway.maths.power import Aim, events_needed, events_power, expected_events

METRIC = 'metrics=[sw.effect("spent", spent, covariates=[habit.spent_21d], winsorise=0.999, detect=0.32) > 0],'
GUARDRAIL = 'guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2],'
BIG = 'sw.effect("big", w.count(placed, last="2d", where=placed.price > {price}) > 0, rare=True{detect})'


def goal(lab, price=50, detect=2.0, op="> 0"):
    """Ask of a lab whether large orders, which are rare, happen more often, and of nothing else."""
    lab.edit(METRIC, f"metrics=[{BIG.format(price=price, detect=f', detect={detect}')} {op}],")
    lab.edit(GUARDRAIL, "")


def look(lab, day):
    return look_at(lab.project, "fares", START + day * DAY)


def test_events_are_planned_by_the_design_and_units_by_the_past(lab):
    goal(lab)
    plan = plan_experiment(lab.project, "fares")
    big = plan.metrics[0]
    assert big.events == events_needed(3.0, Aim(looks=10))
    assert 0.005 < big.value < 0.05
    assert big.units == plan.units == pytest.approx(expected_events(big.events, 0.8) / (big.value * 2), abs=1)
    assert big.power == pytest.approx(events_power(big.events, 3.0, Aim(looks=10)), abs=0.03)
    assert big.smallest == pytest.approx(2.0, rel=0.1)
    registered = start_experiment(lab.project, "fares").plan.rules[0]
    assert (registered.events, registered.relative) == (big.events, True)


def test_a_rare_event_that_happens_more_often_is_found_by_its_counts(lab):
    goal(lab)
    start_experiment(lab.project, "fares", units=1_400)
    lab.live(20, lift=3.0)
    found = [look(lab, day).look for day in (6, 9, 12, 15, 18)]
    first = next(each for each in found if each.effects[0].shown == "better")
    big = first.effects[0]
    assert big.events.variant >= big.events.many > big.events.few >= -1
    assert 0 < big.low < big.estimate < (big.high or 1e9)
    assert (first.outcome, first.variant) == ("pass", "new")
    assert "times as frequent" in first.said
    assert f"({big.events.variant} against {big.events.control}, " in first.said
    assert big.unbiased.p < 0.05
    assert {each.effects[0].unbiased for each in found[found.index(first) :]} == {big.unbiased}
    spent = [each.effects[0].spent for each in found]
    assert spent == sorted(spent)
    assert spent[-1] <= 0.05 + 1e-12
    assert verify_ledger(lab.project).damage == []


def test_planned_events_end_it_and_so_do_planned_units(lab):
    goal(lab, price=35, detect=1.5)
    events = start_experiment(lab.project, "fares", units=10_000).plan.rules[0].events
    lab.live(20)
    ended = next(each for day in range(4, 21, 2) if (each := look(lab, day).look) and each.effects[0].information >= 1)
    assert ended.final
    assert ended.effects[0].events.total >= events
    assert ended.effects[0].spent == pytest.approx(0.05)


def test_units_that_end_before_events_do_leave_all_that_is_left_to_the_last_look(lab):
    goal(lab, price=90)
    start_experiment(lab.project, "fares", units=700)
    lab.live(16)
    early, last = look(lab, 5).look, look(lab, 16).look
    assert early.effects[0].information < 1
    assert last.effects[0].events.total < last.effects[0].events.planned
    assert (last.final, last.effects[0].spent) == (True, pytest.approx(0.05))
    assert look(lab, 16).repeated


def test_the_same_events_of_the_same_units_are_nothing_new(lab):
    goal(lab, price=9_000)
    start_experiment(lab.project, "fares", units=2_000)
    lab.live(12)
    first, second = look(lab, 8), look(lab, 12)
    assert sum(second.look.effects[0].n) > sum(first.look.effects[0].n)
    instant = dt.datetime(2024, 3, 2, tzinfo=dt.UTC)
    lab.live(12, late=("late", "nobody", 5.0, instant))
    again = look(lab, 12)
    assert (again.repeated, again.look.number) == (True, 2)
    assert again.said == "no unit has had its time since that look, so nothing was spent"


def test_events_that_are_withdrawn_before_units_end_are_no_end_of_looks(lab):
    goal(lab, price=45)
    start_experiment(lab.project, "fares", units=700)
    lab.live(9)
    early = look(lab, 6).look.effects[0]
    with lab.workspace() as workspace:
        tables = {name: workspace.tables.read(each) for name, each in workspace.admitted(["visits", "orders"]).items()}
    commit(lab, **tables | {"orders": tables["orders"].filter(pl.col("price") <= 60)})
    last = look(lab, 9).look
    big = last.effects[0]
    assert 0 < big.events.total < early.events.total
    assert (last.final, big.spent, big.information) == (True, pytest.approx(0.05), 1.0)
    assert big.unbiased.low < big.unbiased.estimate < big.unbiased.high


def test_what_never_happened_bounds_nothing_and_spends_nothing(lab):
    goal(lab, price=9_000)
    plan = plan_experiment(lab.project, "fares")
    assert (plan.enough, plan.metrics[0].units, plan.metrics[0].events > 10) == (False, None, True)
    assert plan.reason.startswith("big happened to none of ")
    with pytest.raises(ShipwayError, match="happened to none") as refused:
        start_experiment(lab.project, "fares")
    assert (refused.value.code, "--units" in refused.value.hint) == ("SW-453", True)
    assert start_experiment(lab.project, "fares", units=900).plan.rules[0].events > 10
    lab.live(8)
    report = look(lab, 8)
    big = report.look.effects[0]
    assert (big.estimate, big.low, big.high, big.shown, big.spent) == (0.0, None, None, "open", 0.0)
    assert report.look.said == "not decided yet, with 0% of the planned events in: big never happened yet"


def test_a_rare_guardrail_that_never_happened_leaves_the_other_metrics_their_plan(lab):
    lab.edit(GUARDRAIL, f"guardrails=[{BIG.format(price=9_000, detect='')} <= 1.5],")
    spent, big = plan_experiment(lab.project, "fares").metrics
    assert (spent.units > 100, big.units, big.untold != "") == (True, None, True)
    registered = start_experiment(lab.project, "fares", units=900).plan
    assert (registered.rules[0].cap, registered.rules[1].events) == (spent.cap, big.events)
    assert registered.days > 0


def test_a_guardrail_with_a_margin_on_the_ratio_is_kept_or_broken(lab):
    lab.edit(GUARDRAIL, f"guardrails=[{BIG.format(price=35, detect='')} <= 1.5],")
    plan = plan_experiment(lab.project, "fares")
    big = plan.metrics[1]
    assert (big.role, big.detect, big.events) == ("guardrail", 1.5, events_needed(1.0, Aim(looks=10), 2.5))
    start_experiment(lab.project, "fares", units=3_000)
    lab.live(18, lift=0.3)
    safe = look(lab, 18).look.effects[1]
    assert (safe.shown, safe.low < 0.3 < safe.high < 1.5) == ("safe", True)
    assert safe.events.variant <= safe.events.few
    assert safe.unbiased is None


def test_slices_of_a_rare_event_are_compared_by_its_counts(lab):
    goal(lab, price=30, detect=1.0)
    start_experiment(lab.project, "fares", units=3_000)
    lab.live(16, lift=1.0)
    look(lab, 16)
    sliced = detail_trial(lab.project, "fares").sliced[0]
    assert [each.value for each in sliced.slices] == ["app", "web"]
    assert all(-1 <= each.low < each.estimate < each.high for each in sliced.slices)


def test_a_slice_in_which_the_control_has_no_event_is_shown_with_its_open_end(lab, tmp_path):
    pytest.importorskip("altair")
    goal(lab, price=30, detect=1.0)
    start_experiment(lab.project, "fares", units=3_000)
    lab.live(12, lift=1.0)
    desk = sw.experiments(lab.root)
    with lab.workspace() as workspace:
        tables = {name: workspace.tables.read(each) for name, each in workspace.admitted(["visits", "orders"]).items()}
    there = set(tables["visits"].filter(pl.col("device") == "app")["customer"].to_list())
    usual = [name for name in there if desk.assign("fares", name) == "usual"]
    commit(lab, **tables | {"orders": tables["orders"].filter(~pl.col("customer").is_in(usual))})
    look(lab, 12)
    detail = detail_trial(lab.project, "fares")
    app, web = detail.sliced[0].slices
    assert (app.value, app.high, app.marked, app.low > 0) == ("app", None, True, True)
    assert web.high is not None
    assert "at least" in write_experiment(lab.project, "fares", tmp_path / "page.html").read_text()


def test_an_always_valid_design_counts_events_at_any_look(lab):
    goal(lab)
    lab.edit('design=sw.group_sequential(most="21d")', 'design=sw.always_valid(most="21d")')
    start_experiment(lab.project, "fares", units=2_000)
    lab.live(18, lift=4.0)
    found = [look(lab, day).look for day in (8, 13, 18)]
    assert found[-1].outcome == "pass"
    assert not any(each.final for each in found)
    assert all(each.effects[0].spent == 0.05 for each in found)


def test_uneven_treatments_have_events_enough_for_each(lab):
    goal(lab, op="< 0", detect=0.6)
    lab.edit('{"usual": 1, "new": 1}', '{"usual": 1, "new": 4, "newer": 1}')
    big = plan_experiment(lab.project, "fares").metrics[0]
    each = [events_needed(0.4, Aim(alpha=0.025, share=share, looks=10)) for share in (0.5, 0.8)]
    assert each[0] < each[1]
    assert big.events == each[1]
    assert start_experiment(lab.project, "fares", anyway=True).plan.rules[0].events == each[1]
    assert 0.75 < big.power < 1


def test_a_bound_is_what_the_smallest_effect_is_counted_from(lab):
    goal(lab, op="> 0.5", detect=1.5)
    big = plan_experiment(lab.project, "fares").metrics[0]
    assert big.events == events_needed(3.0, Aim(looks=10), 1.5)
    assert big.smallest == pytest.approx(1.5, rel=0.1)


def test_what_a_design_takes_more_counts_for_what_is_still_rare(lab):
    goal(lab, detect=0.16)
    assert 1_200 < plan_experiment(lab.project, "fares").metrics[0].events <= 2_000
    lab.edit('design=sw.group_sequential(most="21d")', 'design=sw.always_valid(most="21d")')
    with pytest.raises(ShipwayError, match="more than 2,000 events"):
        plan_experiment(lab.project, "fares")


def test_so_many_events_are_not_rare(lab):
    goal(lab, detect=0.05)
    with pytest.raises(ShipwayError, match="not rare") as refused:
        plan_experiment(lab.project, "fares")
    assert (refused.value.code, refused.value.hint) == ("SW-453", "drop rare=True, and give a condition its mean")
