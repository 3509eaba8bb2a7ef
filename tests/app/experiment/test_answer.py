"""Experiments between the versions of a service: exposures are what its server logged."""

import polars as pl
import pytest
from tests.app.experiment.conftest import START
from tests.app.experiment.shop import SALT, WEIGHT, answer, answer_classes, choose, move, sell, serve, sort_out

import shipway as sw
from shipway.app.experiment.answer import assign_answered, end_of, read_answers
from shipway.app.experiment.conduct import decide_experiment, start_experiment, stop_experiment
from shipway.app.experiment.look import look_at
from shipway.app.experiment.planning import plan_experiment
from shipway.app.experiment.question import assign_unit
from shipway.core.conclusion import hold_walk
from shipway.core.error import ShipwayError
from shipway.core.experiment import Answers
from shipway.core.prediction import PREDICTIONS
from shipway.kit.duration import DAY


@pytest.fixture
def shop(lab):
    serve(lab)
    answer(lab, 0)
    return lab


def look(lab, day):
    return look_at(lab.project, "ranker", START + day * DAY)


def begin(lab):
    start_experiment(lab.project, "ranker", at=START)


def test_the_past_of_the_log_plans_and_the_split_of_the_service_is_registered(shop):
    plan = plan_experiment(shop.project, "ranker", START)
    assert plan.past > 1000
    assert plan.enough
    begin(shop)
    with shop.workspace() as workspace:
        registered = workspace.state().experiments["ranker"][-1].plan
    split = registered.versions
    assert (split.service, split.release, split.stable, split.candidate, split.weight) == ("desk", SALT, 1, 2, WEIGHT)
    assert registered.weights == (("stable", 1.0), ("candidate", 1.0))


def test_two_versions_are_compared_by_what_serving_logged(shop):
    begin(shop)
    sell(shop, 16, lift=0.6)
    answer(shop, 16, since=0)
    report = look(shop, 16)
    [spent] = report.look.effects
    assert (spent.variant, spent.shown, report.look.outcome, report.look.variant) == (
        "candidate", "better", "pass", "candidate",
    )  # fmt: skip
    assert spent.low < 0.6 < spent.high
    assert (report.crossed, report.misassigned, report.ruled) == (0, 0, 0)
    assert sum(report.units.values()) > 1200
    decide_experiment(shop.project, "ranker")


def test_the_first_answer_of_each_unit_is_its_exposure_whatever_the_order_of_the_log(shop):
    begin(shop)
    sell(shop, 6)
    answer(shop, 6, since=3)
    answer(shop, 3, since=0)
    with shop.workspace() as workspace:
        split = workspace.state().experiments["ranker"][-1].plan.versions
        answered = read_answers(workspace, Answers("desk"), START, START + 6 * DAY, None)
        visits = workspace.tables.read(workspace.admitted(["visits"])["visits"])
    units = assign_answered(answered, shop.project.registry.experiments["ranker"], split, "UTC")
    came = visits.with_columns(pl.col("opened").cast(pl.Int64)).filter(pl.col("opened") > START)
    first = dict(came.group_by("customer").agg(pl.col("opened").min()).iter_rows())
    assert dict(units.rows.select("_unit", "_met").iter_rows()) == first
    met = dict(units.rows.select("_unit", "_variant").iter_rows())
    assert all((each == "candidate") == (choose(unit) == 2) for unit, each in met.items())


def test_an_answer_that_a_rule_chose_is_no_exposure_and_a_unit_of_both_versions_is_named(shop):
    begin(shop)
    sell(shop, 8)
    always, both = {f"c{number}" for number in range(40)}, {f"c{number}" for number in range(40, 90)}
    # the first are answered by version 2 by a header, always; the others until the third day
    ruled = always | both
    answer(
        shop,
        3,
        since=0,
        version=lambda u: 2 if u in ruled else choose(u),
        weight=lambda u: 1.0 if u in ruled else WEIGHT,
    )
    answer(
        shop, 8, since=3,
        version=lambda u: 2 if u in always else choose(u), weight=lambda u: 1.0 if u in always else WEIGHT,
    )  # fmt: skip
    report = look(shop, 8)
    stable = {unit for unit in both if choose(unit) == 1}
    assert report.ruled > 20
    assert 0 < report.crossed <= len(stable)
    assert set(report.crossing) <= stable
    assert not report.look.broken


def test_too_many_units_of_both_versions_show_no_effect(shop):
    begin(shop)
    sell(shop, 8)
    odd = {f"c{number}" for number in range(0, 1500, 8)}
    answer(
        shop, 3, since=0, version=lambda u: 1 if u in odd else choose(u), weight=lambda u: 0.0 if u in odd else WEIGHT
    )
    answer(shop, 8, since=3)
    report = look(shop, 8)
    assert report.look.broken
    assert "met several variants" in report.look.said
    assert report.crossed > 10


def test_a_unit_whose_version_is_not_its_hash_is_left_out(shop):
    begin(shop)
    sell(shop, 8)
    wrong = {f"c{number}" for number in range(30)}
    answer(shop, 8, since=0, version=lambda u: 3 - choose(u) if u in wrong else choose(u))
    report = look(shop, 8)
    assert 15 < report.misassigned <= 30


def test_a_version_that_failed_has_been_met(shop):
    begin(shop)
    sell(shop, 8)
    answer(shop, 8, since=0, p=lambda unit: (0.5, float("nan")))
    report = look(shop, 8)
    assert report.look.ratio_p > 0.001
    assert report.units["candidate"] > 400


def test_versions_of_which_one_loses_its_log_are_a_broken_split(shop):
    begin(shop)
    sell(shop, 8)
    with shop.workspace() as workspace:
        workspace.open_log("desk")
    answer(shop, 8, since=0, version=lambda u: choose(u) if choose(u) == 1 or int(u[1:]) % 2 else 1)
    report = look(shop, 8)
    assert report.misassigned > 100
    assert report.look.broken


def test_nothing_counts_after_the_walk_went_on(shop):
    begin(shop)
    sell(shop, 12)
    answer(shop, 12, since=0)
    move(shop, 2, 1.0, START + 9 * DAY, "promoted")
    with shop.workspace() as workspace:
        state = workspace.state()
        assert end_of(state, state.experiments["ranker"][-1].plan.versions) == START + 9 * DAY
    report = look(shop, 12)
    assert report.look.known == START + 9 * DAY
    later = look(shop, 12)
    assert later.repeated
    with shop.workspace() as workspace:
        from shipway.app.experiment.statistic import load_statistics

        kept = load_statistics(workspace, report.look.statistics)
    assert "split in another way since 2024-03-27" in kept.say_lag(START + 12 * DAY, "UTC")
    assert max(kept.days["spent"]) == "2024-03-24"


def test_only_requests_on_which_the_versions_differ_are_exposures(shop):
    shop.edit('sw.answers("desk")', 'sw.answers("desk", differ=0.2)')
    start_experiment(shop.project, "ranker", at=START, units=900)
    sell(shop, 10)
    answer(shop, 10, since=0, p=lambda unit: (0.5, 0.8 if int(unit[1:]) % 2 else 0.6))
    report = look(shop, 10)
    with shop.workspace() as workspace:
        answered = workspace.open_log("desk").read(PREDICTIONS, since=START + 1)
    odd = {unit for unit in answered["unit"].to_list() if int(unit[1:]) % 2}
    assert sum(report.units.values()) == len(odd)
    assert 0.4 < report.look.effects[0].diluted.share < 0.6


@pytest.mark.parametrize(
    ("edit", "code", "said"),
    [
        (('sw.answers("desk")', 'sw.answers("dusk")'), "SW-104", "dusk"),
        (
            ('sw.answers("desk"),', 'sw.answers("desk"), variants={"stable": 9, "candidate": 1},'),
            "SW-457",
            "declares 0.1",
        ),
    ],
)
def test_a_split_that_is_not_as_declared_is_refused_before_anything_is_written(shop, edit, code, said):
    shop.edit(*edit)
    with pytest.raises(ShipwayError) as refused:
        start_experiment(shop.project, "ranker", at=START)
    assert refused.value.code == code
    assert said in refused.value.fact
    with shop.workspace() as workspace:
        assert "ranker" not in workspace.state().experiments


def test_a_service_that_splits_by_something_else_or_has_nothing_on_trial_is_refused(shop):
    toml = shop.root / "shipway.toml"
    text = toml.read_text()
    toml.write_text(text.replace('unit = "customer"', 'unit = "basket"'))
    with pytest.raises(ShipwayError, match="splits by 'basket'") as refused:
        plan_experiment(shop.project, "ranker", START)
    assert refused.value.code == "SW-457"
    toml.write_text(text)
    with pytest.raises(ShipwayError, match="only since later"):
        start_experiment(shop.project, "ranker", at=START - 3 * DAY, units=900)
    move(shop, 1, 0.0, START, "rolled back")
    with pytest.raises(ShipwayError, match="no version is on trial") as refused:
        start_experiment(shop.project, "ranker", at=START, units=900)
    assert refused.value.code == "SW-457"


def test_a_step_that_ends_before_the_experiment_does_is_told_by_the_plan(lab):
    serve(lab, hold=2 * 3_600_000_000 + DAY)
    answer(lab, 0)
    plan = plan_experiment(lab.project, "ranker", START)
    assert not plan.enough
    assert "step 50 % of desk/1 may be over in 2 hours" in plan.reason
    with pytest.raises(ShipwayError) as refused:
        start_experiment(lab.project, "ranker", at=START)
    assert refused.value.code == "SW-453"


def test_a_step_that_the_experiment_holds_lasts_as_long_as_it_takes(lab):
    serve(lab, hold=2 * 3_600_000_000 + DAY)
    answer(lab, 0)
    lab.edit('sw.answers("desk")', 'sw.answers("desk", holds=True)')
    assert plan_experiment(lab.project, "ranker", START).enough
    trial = start_experiment(lab.project, "ranker", at=START)
    assert trial.plan.versions.holds
    with lab.workspace() as workspace:
        state = workspace.state()
        [held] = hold_walk(state.experiments["ranker"], state.services["desk"].walking)
    assert (held.gate, held.outcome, held.subject) == ("experiment ranker@1", "hold", "release:desk/1@1")


def test_who_asks_for_an_assignment_is_sent_to_the_service(shop):
    begin(shop)
    for ask in (
        lambda: assign_unit(shop.project, "ranker", "c1"),
        lambda: sw.experiments(shop.root).assign("ranker", "c1"),
    ):
        with pytest.raises(ShipwayError) as refused:
            ask()
        assert refused.value.code == "SW-457"
    assert sw.experiments(shop.root).running == []
    stop_experiment(shop.project, "ranker", reason="enough")


def test_answers_of_classes_are_exposures_like_any_other(shop):
    begin(shop)
    sell(shop, 16, lift=0.6)
    answer_classes(shop, 16, lambda unit: ([0.5, 0.5], [0.5, 0.25, 0.25]))
    report = look(shop, 16)
    [spent] = report.look.effects
    assert (spent.shown, report.look.variant) == ("better", "candidate")
    assert sum(report.units.values()) > 1200


def test_versions_of_classes_differ_by_what_one_gives_to_others(shop):
    sort_out(shop)
    sell(shop, 6)
    apart = {f"c{number}" for number in range(0, 1500, 3)}
    answer_classes(shop, 6, lambda unit: ([0.5, 0.5], [0.25, 0.5, 0.25] if unit in apart else [0.5, 0.4, 0.1]))
    with shop.workspace() as workspace:
        release = workspace.state().services["desk"].releases[0]
        met = {
            bound: set(read_answers(workspace, Answers("desk", differ=bound), START, START + 6 * DAY, release)["_unit"])
            for bound in (0.05, 0.2, 0.3)
        }
    assert met[0.3] == set()
    assert met[0.2] < met[0.05]
    assert met[0.2] == met[0.05] & apart
