"""Beginning, deciding and stopping: what is registered stays, layers are shared, and a person's word stays visible."""

import pytest
from tests.app.experiment.conftest import START

import shipway as sw
from shipway.app.experiment.conduct import decide_experiment, start_experiment, stop_experiment
from shipway.app.experiment.look import look_at
from shipway.app.experiment.question import assign_unit, list_experiments, list_layers, show_trial, write_split
from shipway.core.error import ShipwayError
from shipway.core.experiment import PLACES
from shipway.core.split import FILE
from shipway.kit.duration import DAY

SECOND = """
sw.experiment(
    "banner", unit=customer, exposed=opened, variants=["usual", "blue"], layer=pricing, share={share},
    metrics=[sw.effect("spent", spent, detect=0.5)], design=sw.group_sequential(most="21d"),
)
"""


def refused(code, call):
    with pytest.raises(ShipwayError) as error:
        call()
    assert error.value.code == code
    return error.value


def test_a_start_registers_the_plan_once(lab):
    trial = start_experiment(lab.project, "fares")
    plan = trial.plan
    assert (plan.ref, plan.layer, plan.at, plan.spending, plan.alpha) == (
        "fares@1",
        "pricing",
        START,
        "obrien_fleming",
        0.05,
    )
    assert (plan.places, plan.holdout, plan.weights) == (((0, 9000),), 500, (("usual", 1.0), ("new", 1.0)))
    assert 500 < plan.units < 1500
    assert 1 < plan.days <= 21
    assert plan.rules[0].cap > 50  # winsorised at a share of the past, which gives a number
    assert start_experiment(lab.project, "fares", units=5000) == trial
    assert show_trial(lab.project, "fares@1") == trial


def test_an_experiment_that_would_not_find_its_effect_does_not_begin_unless_somebody_wants_it_to(lab):
    lab.edit("detect=0.32", "detect=0.02")
    error = refused("SW-453", lambda: start_experiment(lab.project, "fares"))
    assert "units are needed" in error.fact
    assert list_experiments(lab.project)[0].state == "declared"
    assert start_experiment(lab.project, "fares", anyway=True).plan.units > 100_000


def test_experiments_of_a_layer_share_it_until_it_is_full(lab):
    lab.edit("share=0.9", "share=0.5")
    lab.edit("sw.experiment(\n", SECOND.format(share=0.6) + "sw.experiment(\n")
    start_experiment(lab.project, "fares", units=700)
    error = refused("SW-452", lambda: start_experiment(lab.project, "banner", units=700))
    assert "50.0% free" in error.fact
    assert "fares@1" in error.hint
    lab.edit("share=0.6", "share=0.4")
    banner = start_experiment(lab.project, "banner", units=700)
    assert banner.plan.places == ((5000, 9000),)
    assert [(each.name, each.free) for each in list_layers(lab.project)] == [("pricing", pytest.approx(0.1))]
    both = [
        (assign_unit(lab.project, "fares", f"c{n}").variant, assign_unit(lab.project, "banner", f"c{n}").variant)
        for n in range(40)
    ]
    assert not any(a and b for a, b in both)
    stop_experiment(lab.project, "fares", by="ana", reason="the price was wrong")
    lab.edit('metrics=[sw.effect("spent", spent, covariates', 'metrics=[sw.effect("paid", spent, covariates')
    again = start_experiment(lab.project, "fares", units=700)
    assert (again.plan.ref, again.plan.places) == ("fares@2", ((0, 5000),))
    assert show_trial(lab.project, "fares@1").stopped.reason == "the price was wrong"


def test_a_layer_stays_as_it_is_while_experiments_run_in_it(lab):
    lab.edit("share=0.9", "share=0.5")
    lab.edit("sw.experiment(\n", SECOND.format(share=0.2) + "sw.experiment(\n")
    start_experiment(lab.project, "banner", units=700)
    lab.edit("holdout=0.05", "holdout=0.1")
    assert "banner@1" in refused("SW-454", lambda: start_experiment(lab.project, "fares", units=700)).fact


def test_what_the_design_says_is_decided_and_everyone_meets_it(lab):
    start_experiment(lab.project, "fares")
    error = refused("SW-455", lambda: decide_experiment(lab.project, "fares"))
    assert "nobody looked" in error.fact
    lab.live(16, lift=0.6)
    look = look_at(lab.project, "fares", START + 16 * DAY).look
    trial = decide_experiment(lab.project, "fares", at=START + 16 * DAY)
    assert (trial.decided.variant, trial.decided.by, trial.decided.against) == ("new", "design", False)
    assert trial.decided.reason == look.said
    desk = sw.experiments(lab.root)
    assert {desk.assign("fares", f"c{n}") for n in range(200)} == {"new", None}
    assert {desk.explain("fares", f"c{n}").why for n in range(200)} == {"decided", "held out"}
    assert "was decided" in refused("SW-451", lambda: look_at(lab.project, "fares")).fact


def test_a_person_who_decides_otherwise_gives_a_name_and_a_reason_that_stay(lab):
    start_experiment(lab.project, "fares")
    lab.live(16, lift=0.6)
    look_at(lab.project, "fares", START + 16 * DAY)
    for by, reason in (("", "no"), ("ana", " ")):
        refused(
            "SW-455",
            lambda by=by, reason=reason: decide_experiment(lab.project, "fares", "usual", by=by, reason=reason),
        )
    assert "new" in refused("SW-104", lambda: decide_experiment(lab.project, "fares", "newer")).hint
    trial = decide_experiment(lab.project, "fares", "usual", by="ana", reason="support cannot take the calls")
    assert (trial.decided.by, trial.decided.against, trial.decided.outcome) == ("ana", True, "pass")
    [line] = list_experiments(lab.project)
    assert (line.state, line.said) == ("decided", "usual, by ana: support cannot take the calls")
    assert trial.looks[-1].outcome == "pass"


def test_a_stopped_experiment_is_met_by_nobody(lab):
    start_experiment(lab.project, "fares")
    refused("SW-455", lambda: stop_experiment(lab.project, "fares", reason="  "))
    assert stop_experiment(lab.project, "fares", by="bo", reason="a bug").state == "stopped"
    assert assign_unit(lab.project, "fares", "c1").why == "stopped"
    assert sw.experiments(lab.root).assign("fares", "c1") is None
    refused("SW-451", lambda: stop_experiment(lab.project, "fares", reason="again"))
    refused("SW-451", lambda: look_at(lab.project, "fares"))


def test_a_decision_stands_while_the_next_run_goes_on_and_after_it_was_stopped(lab):
    start_experiment(lab.project, "fares", units=700)
    decide_experiment(lab.project, "fares", "new", by="ana", reason="it is cheaper")
    desk = sw.experiments(lab.root)
    everyone = [f"c{n}" for n in range(300)]
    before = [desk.assign("fares", unit) for unit in everyone]
    lab.edit("share=0.9", "share=0.3")
    lab.edit("holdout=0.05", "holdout=0.0")
    start_experiment(lab.project, "fares", units=700)
    found = [desk.explain("fares", unit) for unit in everyone]
    assert {each.why for each in found} == {"assigned", "decided", "elsewhere"}
    for each, variant in zip(found, before, strict=True):
        assert each.why == "assigned" or each.variant == variant
    stop_experiment(lab.project, "fares", reason="a bug")
    assert [desk.assign("fares", unit) for unit in everyone] == before
    assert set(before) == {"new", None}
    lab.edit('customer = sw.entity("customer")', 'customer = sw.entity("customer", "customer", "device")')
    assert (
        "fares@1 was decided for each customer, "
        in refused("SW-454", lambda: start_experiment(lab.project, "fares", units=700)).fact
    )


def test_the_split_never_goes_back_and_is_written_by_whoever_is_refused(lab, monkeypatch):
    start_experiment(lab.project, "fares", units=700)
    path = lab.root / ".shipway" / FILE
    with lab.workspace() as workspace:
        stale, old = workspace.peek(), path.read_bytes()
    assert stale.experiments["fares"][-1].runs
    stop_experiment(lab.project, "fares", reason="a bug")
    new = path.read_bytes()
    assert new != old
    with lab.workspace() as workspace:
        write_split(workspace, stale)
    assert path.read_bytes() == new
    calls = (
        lambda: stop_experiment(lab.project, "fares", reason="again"),
        lambda: decide_experiment(lab.project, "fares", "new", by="ana", reason="r"),
        lambda: look_at(lab.project, "fares"),
    )
    for call in calls:
        path.write_bytes(old)  # as a stop leaves it that was killed before it could write
        refused("SW-451", call)
        assert path.read_bytes() == new
    for damaged in (b"{", None):
        path.write_bytes(damaged) if damaged else path.unlink()
        list_experiments(lab.project)
        assert path.read_bytes() == new


def test_what_is_not_there_is_answered_with_the_nearest(lab):
    assert "fares" in refused("SW-104", lambda: start_experiment(lab.project, "fare")).hint
    refused("SW-451", lambda: look_at(lab.project, "fares"))
    refused("SW-451", lambda: show_trial(lab.project, "fares"))
    start_experiment(lab.project, "fares")
    refused("SW-104", lambda: show_trial(lab.project, "fares@2"))
    assert sum(high - low for low, high in show_trial(lab.project, "fares").plan.places) == 0.9 * PLACES


PROGRAMME = """
sw.experiment(
    "programme", unit=customer, exposed=opened, holdout=pricing,
    metrics=[sw.effect("spent", spent, detect=0.5) > 0], design=sw.group_sequential(most="21d"),
)
"""


def declare_programme(lab, holdout=0.3):
    lab.edit("holdout=0.05", f"holdout={holdout}")
    path = lab.root / "project.py"
    path.write_text(path.read_text() + PROGRAMME)


def test_what_was_launched_is_compared_with_the_holdout(lab):
    declare_programme(lab)
    start_experiment(lab.project, "fares", units=400)
    decide_experiment(lab.project, "fares", "new", by="ana", reason="we are sure")
    trial = start_experiment(lab.project, "programme", units=1_200)
    assert (trial.plan.against_holdout, trial.plan.holdout, trial.plan.weights) == (
        True,
        3_000,
        (("held_out", 0.3), ("everyone", 0.7)),
    )
    assert {line.name: (line.layer, line.share) for line in list_experiments(lab.project)}["programme"] == (
        "holdout of pricing",
        0.3,
    )
    assert list_layers(lab.project)[0].free == 1.0
    lab.live(14, lift=0.8)
    report = look_at(lab.project, "programme", START + 14 * DAY)
    spent = report.look.effects[0]
    held, everyone = report.units.values()
    assert 0.25 < held / (held + everyone) < 0.35
    assert (spent.shown, spent.low < 0.8 < spent.high) == ("better", True)
    assert report.look.said.startswith("what was launched is worth it: spent is ")
    desk = sw.experiments(lab.root)
    units = [f"c{number}" for number in range(300)]
    assert {desk.assign("fares", unit) for unit in units if desk.assign("programme", unit) == "held_out"} == {None}
    decided = decide_experiment(lab.project, "programme")
    assert decided.decided.variant == "everyone"
    assert {desk.assign("programme", unit) for unit in units} == {"held_out", "everyone"}


def test_a_holdout_of_which_some_met_what_was_launched_is_refused(lab):
    declare_programme(lab, holdout=0.05)
    start_experiment(lab.project, "fares")
    decide_experiment(lab.project, "fares", "new", by="ana", reason="we are sure")
    lab.edit("holdout=0.05", "holdout=0.2")
    error = refused("SW-454", lambda: start_experiment(lab.project, "programme", units=900))
    assert "fares@1 held out 5.0% of each customer, and 20.0% are to be compared" in error.fact
    lab.edit("holdout=0.2", "holdout=0.04")
    assert start_experiment(lab.project, "programme", units=900).plan.holdout == 400
    path = lab.root / "project.py"
    path.write_text(path.read_text() + SECOND.format(share=0.5))
    lab.edit("holdout=0.04", "holdout=0.02")
    assert "programme@1 runs in" in refused("SW-454", lambda: start_experiment(lab.project, "banner", anyway=True)).fact
