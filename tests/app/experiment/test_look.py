"""Looks: what they find, what they spend, and that no look is spent twice."""

import pytest
from tests.app.experiment.conftest import START

from shipway.app.experiment.conduct import start_experiment
from shipway.app.experiment.look import look_at
from shipway.app.experiment.statistic import load_statistics, load_summaries
from shipway.app.ledger import verify_ledger
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_value
from shipway.kit.duration import DAY
from shipway.maths.effect import Term, measure_effect
from shipway.maths.stratum import stratify


def looks(lab):
    with lab.workspace() as workspace:
        return workspace.state().experiments["fares"][-1].looks


def look(lab, day):
    return look_at(lab.project, "fares", START + day * DAY)


def test_an_effect_is_found_and_an_experiment_is_passed(lab):
    start_experiment(lab.project, "fares")
    lab.live(16, lift=0.6)
    report = look(lab, 16)
    assert report.look is not None
    spent, basket = report.look.effects
    assert (spent.shown, basket.shown, report.look.outcome, report.look.variant) == ("better", "safe", "pass", "new")
    assert spent.low < 0.6 < spent.high
    assert spent.sharpened > 0.03
    assert report.look.said.startswith("launch new: spent is ")
    assert sum(report.units.values()) > 1000
    with lab.workspace() as workspace:
        kinds = [entry.kind for entry in workspace.ledger.read()]
        state = workspace.state()
        evidence = state.evidence["experiment:fares@1"]
        assert state.verdicts["experiment:fares@1"]["fares"].outcome == "pass"
    assert kinds == [
        "experiment-started",
        "evidence-recorded",
        "evidence-recorded",
        "verdict-given",
        "experiment-looked",
    ]
    assert (evidence["spent"].id, evidence["spent"].log_digest) == (spent.evidence, report.look.statistics)


def test_without_an_effect_nothing_is_called_and_alpha_is_spent_as_units_come(lab):
    start_experiment(lab.project, "fares")
    lab.live(21)
    found = [look(lab, day).look for day in (5, 8, 12, 18)]
    assert not any(each.outcome == "pass" or each.effects[0].shown == "better" for each in found)
    information = [each.effects[0].information for each in found]
    spent = [each.effects[0].spent for each in found]
    assert information == sorted(information)
    assert spent == sorted(spent)
    assert spent[0] < 0.01
    boundaries = [each.effects[0].boundary for each in found]
    assert boundaries == sorted(boundaries, reverse=True)
    assert found[0].said.startswith("not decided yet, with ")


def test_the_same_look_is_spent_once_however_often_it_is_asked_for(lab):
    start_experiment(lab.project, "fares")
    lab.live(10)
    first = look(lab, 8)
    again = look(lab, 8)
    assert (first.repeated, again.repeated, again.look) == (False, True, first.look)
    assert "nothing was spent" in again.said
    assert len(looks(lab)) == 1
    # half a day later some units have met it, and none has had its time
    later = look_at(lab.project, "fares", START + 8 * DAY + DAY // 2)
    assert (later.repeated, len(looks(lab))) == (True, 1)
    assert look(lab, 10).look.number == 2


def test_days_that_are_complete_are_taken_over_and_a_late_row_changes_the_days_it_reaches(lab):
    start_experiment(lab.project, "fares")
    lab.live(10)
    with lab.workspace() as workspace:
        before = load_statistics(workspace, look(lab, 10).look.statistics)
    late = ("late", "c1", 40.0, START + 5 * DAY + 7)
    lab.live(12, late=late)
    with lab.workspace() as workspace:
        after = load_statistics(workspace, look(lab, 12).look.statistics)
    changed = {
        metric: [day for day, each in days.items() if after.days[metric][day].name != each.name]
        for metric, days in before.days.items()
    }
    # an order of the 23rd is in windows of two days that began on the 21st to the 23rd, and in habits from the 24th on
    assert changed["basket"] == ["2024-03-21", "2024-03-22", "2024-03-23"]
    assert changed["spent"] == [day for day in before.days["spent"] if day >= "2024-03-21"]
    assert set(after.days["spent"]) - set(before.days["spent"]) == {"2024-03-25", "2024-03-26"}


def test_statistics_of_many_looks_are_those_of_one(lab):
    start_experiment(lab.project, "fares")
    lab.live(12)
    for day in (5, 7, 9):
        look(lab, day)
    with lab.workspace() as workspace:
        grown = load_statistics(workspace, look(lab, 12).look.statistics)
    with lab.workspace() as workspace:
        from shipway.app.experiment.question import find_running
        from shipway.app.experiment.statistic import gather_statistics

        experiment, trial = find_running(workspace.state(), lab.project, "fares")
        fresh = gather_statistics(workspace, experiment, trial.plan, START + 12 * DAY, None)
    assert digest_value(fresh) == digest_value(grown)


def test_a_broken_split_is_seen_before_any_effect_and_spends_nothing(lab):
    start_experiment(lab.project, "fares")
    import shipway as sw

    desk = sw.experiments(lab.root)
    lab.live(10, lift=2.0, keep=lambda unit: desk.assign("fares", unit) != "new" or int(unit[1:]) % 3 == 0)
    report = look(lab, 10)
    assert report.look.broken
    assert report.look.ratio_p < 0.001
    assert report.look.said.startswith("the split is broken: ")
    assert (report.look.outcome, report.look.effects) == ("hold", ())
    assert look(lab, 10).repeated


def test_a_unit_that_met_another_variant_than_its_own_is_left_out(lab):
    lab.edit("    share=0.9,\n", "    share=0.9,\n    variant=visits.said,\n")
    start_experiment(lab.project, "fares")
    import shipway as sw

    desk = sw.experiments(lab.root)
    wrong = {f"c{number}" for number in range(40)}

    def say(unit):
        met = desk.assign("fares", unit)
        return ("new" if met == "usual" else "usual") if unit in wrong else met

    lab.live(10, say=say)
    report = look(lab, 10)
    assert 20 < report.misassigned + report.outside <= 40
    assert sum(report.units.values()) > 900


def test_too_few_units_are_too_early_and_spend_nothing(lab):
    start_experiment(lab.project, "fares")
    lab.live(2)
    report = look(lab, 2)
    assert (report.look, report.said[:9]) == (None, "too early")
    assert looks(lab) == []


def test_when_all_planned_units_are_in_nothing_is_left_to_spend(lab):
    start_experiment(lab.project, "fares", units=800)
    lab.live(14)
    last = look(lab, 12)
    assert last.look.final
    assert last.look.effects[0].spent == pytest.approx(0.05)
    assert last.look.said.startswith("all planned units are in") or last.look.outcome != "hold"
    after = look(lab, 14)
    assert (after.look, after.repeated) == (last.look, True)
    assert "nothing is left to spend" in after.said


def test_a_look_back_and_a_changed_experiment_are_refused(lab):
    start_experiment(lab.project, "fares")
    lab.live(10)
    look(lab, 8)
    for day, code in ((7, "SW-456"), (-1, "SW-456")):
        with pytest.raises(ShipwayError) as refused:
            look(lab, day)
        assert refused.value.code == code
    lab.edit("detect=0.32", "detect=0.3")
    with pytest.raises(ShipwayError) as refused:
        look(lab, 10)
    assert refused.value.code == "SW-454"
    assert len(looks(lab)) == 1
    assert verify_ledger(lab.project).damage == []


def test_an_effect_that_stopped_its_test_is_told_with_its_looks_allowed_for(lab):
    start_experiment(lab.project, "fares", units=2_000)
    lab.live(18, lift=0.6)
    found = [look(lab, day).look for day in (5, 8, 10, 12, 18)]
    first = next(place for place, each in enumerate(found) if each.effects[0].shown == "better")
    spent = [each.effects[0] for each in found]
    assert first > 0
    assert all(each.unbiased is None for each in spent[:first])
    told = spent[first].unbiased
    assert 0 < told.low < told.estimate < spent[first].estimate
    assert told.p < 0.05
    assert {each.unbiased for each in spent[first:]} == {told}  # later looks do not undo that it stopped there
    assert all(each.unbiased is None for look in found for each in look.effects if each.role == "guardrail")


def test_an_always_valid_design_has_no_last_look(lab):
    lab.edit('design=sw.group_sequential(most="21d")', 'design=sw.always_valid(most="21d")')
    start_experiment(lab.project, "fares", units=500)
    lab.live(16, lift=0.8)
    found = [look(lab, day).look for day in (6, 10, 16)]
    assert found[-1].effects[0].information > 1
    assert not any(each.final for each in found)
    assert found[-1].outcome == "pass"


def test_a_quantile_is_looked_at_by_its_values(lab):
    lab.edit(
        'guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2],',
        'guardrails=[sw.effect("large", spent, quantile=0.9, relative=False) >= -30],',
    )
    start_experiment(lab.project, "fares")
    lab.live(12)
    large = look(lab, 12).look.effects[1]
    assert (large.name, large.shown) == ("large", "safe")
    assert large.low < 0 < large.high
    assert large.control > 20


def test_three_variants_share_alpha_and_the_better_one_is_launched(lab):
    lab.edit('variants={"usual": 1, "new": 1}', 'variants={"usual": 1, "new": 1, "newer": 1}')
    start_experiment(lab.project, "fares", units=1100)
    lab.live(18, lift=0.9)
    found = look(lab, 18).look
    assert [(each.name, each.variant) for each in found.effects] == [
        ("spent", "new"), ("spent", "newer"), ("basket", "new"), ("basket", "newer"),
    ]  # fmt: skip
    assert {each.alpha for each in found.effects if each.role == "metric"} <= {0.025, 0.05}
    assert found.variant in ("new", "newer")


def test_an_early_look_that_nothing_bounds_is_open_and_can_be_read_again(lab):
    start_experiment(lab.project, "fares", units=6_000)
    lab.live(5)
    report = look(lab, 4)
    spent = report.look.effects[0]
    assert (spent.low, spent.high, spent.shown, report.look.outcome) == (None, None, "open", "hold")
    assert "which nothing bounds yet" in report.look.said
    assert verify_ledger(lab.project).damage == []
    assert list(looks(lab)) == [report.look]


def test_an_event_that_never_happened_is_no_certainty(lab):
    lab.edit(
        'guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2]',
        'guardrails=[sw.effect("big", w.count(placed, last="2d", where=placed.price > 9000), relative=False) <= 0.001]',
    )
    start_experiment(lab.project, "fares")
    lab.live(16, lift=0.6)
    big = look(lab, 16).look.effects[1]
    assert (big.estimate, big.low, big.high, big.shown) == (0.0, None, None, "open")


def test_the_last_look_waits_for_every_effect(lab):
    lab.edit(
        'guardrails=[sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2]',
        'guardrails=[sw.effect("kept", w.total(placed.price, last="8d")) >= -0.9]',
    )
    start_experiment(lab.project, "fares", units=640)
    lab.live(20, lift=0.6)
    found = [look(lab, day) for day in (11, 13, 19)]
    spent, kept = zip(*(each.look.effects for each in found), strict=True)
    assert [each.information >= 1 for each in spent] == [True, True, True]
    assert len({(each.n, each.low, each.high, each.spent) for each in spent}) == 1
    assert kept[-1].information > kept[0].information
    assert kept[-1].shown == "safe"
    assert found[-1].look.outcome == "pass"


def test_a_look_that_is_too_early_names_the_source_that_holds_it_back(lab):
    start_experiment(lab.project, "fares")
    lab.live(15, keep=lambda unit: False)
    report = look(lab, 15)
    assert report.look is None
    assert "too early" in report.said
    assert "visits tells of nothing after" in report.said


def test_a_triggered_effect_is_told_for_all_units_too(lab):
    lab.edit("    share=0.9,\n", '    share=0.9,\n    where=visits.device.equals("app"),\n')
    lab.edit("    slices=[visits.device],\n", "")
    start_experiment(lab.project, "fares", units=700)
    lab.live(16, lift=0.6)
    spent, basket = look(lab, 16).look.effects
    told = spent.diluted
    assert basket.diluted is None  # a ratio is no mean
    with lab.workspace() as workspace:
        from shipway.app.experiment.statistic import load_summaries

        last = looks(lab)[-1]
        statistics = load_statistics(workspace, last.statistics)
        merged = load_summaries(workspace, statistics, "spent")
    rest, arms = merged["", ""], [merged[variant, ""] for variant in ("usual", "new")]
    met = sum(arm.n for arm in arms)
    assert sum(last.units.values()) >= met
    assert set(last.units) == {"usual", "new"}
    assert told.share == pytest.approx(met / (met + rest.n))
    assert 0.35 < told.share < 0.65
    assert 0 < told.estimate < spent.estimate
    assert told.low < told.estimate < told.high
    # by hand, without what the covariate takes away: rate x effect over what all would be worth
    usual, new = (float(arm.mean[0]) for arm in arms)
    whole = told.share * (new - usual) / (told.share * usual + (1 - told.share) * float(rest.mean[0]))
    assert told.estimate == pytest.approx(whole, abs=0.08)


def test_statistics_of_many_triggered_looks_are_those_of_one(lab):
    lab.edit("    share=0.9,\n", '    share=0.9,\n    where=visits.device.equals("app"),\n')
    start_experiment(lab.project, "fares", units=700)
    lab.live(12)
    for day in (5, 9):
        look(lab, day)
    with lab.workspace() as workspace:
        from shipway.app.experiment.question import find_running
        from shipway.app.experiment.statistic import gather_statistics

        grown = load_statistics(workspace, look(lab, 12).look.statistics)
        experiment, trial = find_running(workspace.state(), lab.project, "fares")
        fresh = gather_statistics(workspace, experiment, trial.plan, START + 12 * DAY, None)
    assert digest_value(fresh) == digest_value(grown)


def test_strata_are_taken_out_of_metrics_from_the_same_summaries(lab):
    lab.edit("    slices=[visits.device],\n", "    strata=visits.device,\n")
    assert start_experiment(lab.project, "fares").plan.strata == "device"
    lab.live(12, lift=0.4)
    for day in (7, 9):
        look(lab, day)
    last = look(lab, 12).look
    with lab.workspace() as workspace:
        statistics = load_statistics(workspace, last.statistics)
        merged = load_summaries(workspace, statistics, "basket", "device")
    arms, columns = stratify(
        [{value: each for (arm, value), each in merged.items() if arm == v} for v in ("usual", "new")]
    )
    effect = measure_effect(*arms, Term(0, 1), columns)
    basket = last.effects[1]
    assert len(columns) == 1
    assert basket.n == tuple(arm.n for arm in arms)
    assert (basket.estimate, basket.error) == pytest.approx((effect.lift, effect.lift_error))
    assert basket.estimate != measure_effect(*arms, Term(0, 1)).lift
    assert basket.sharpened > 0
