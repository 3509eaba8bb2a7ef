"""A run of an experiment is folded from its entries, and says who meets what."""

import msgspec

from shipway.core.body import make_draft, read_body
from shipway.core.ledger import GENESIS, seal
from shipway.core.look import Look
from shipway.core.projection import State, fold
from shipway.core.split import assign
from shipway.core.trial import (
    ExperimentDecided,
    ExperimentLooked,
    ExperimentStarted,
    ExperimentStopped,
    TrialPlan,
    split_of,
    taken_places,
)


def plan(experiment="fares", number=1, places=((0, 4000),), holdout=0):
    return TrialPlan(
        experiment=experiment,
        number=number,
        definition="d",
        keys=("customer",),
        weights=(("control", 1.0), ("new", 1.0)),
        layer="pricing",
        holdout=holdout,
        places=places,
        rules=(),
        slices=(),
        spending="pocock",
        alpha=0.05,
        power=0.8,
        units=1000,
        days=10,
        at=5,
    )


def look(number=1):
    return Look(
        number=number, at=9, known=8, statistics="s", units={"control": 1, "new": 2}, ratio_p=1.0, effects=(),
        outcome="hold", variant="", said="not yet", verdict="v", final=False,
    )  # fmt: skip


def tell(*bodies):
    state, prev = State(), GENESIS
    for seq, body in enumerate(bodies, 1):
        entry = seal(make_draft(body, subject="experiment:fares@1", actor="ana"), seq=seq, at=100 + seq, prev=prev)
        assert read_body(entry) == body
        fold(state, [entry])
        prev = entry.digest
    again = msgspec.json.decode(msgspec.json.encode(state), type=State)
    assert again.digest == state.digest
    return state.experiments


def started(**given):
    return ExperimentStarted(plan=plan(**given), by="ana")


def decided(variant="new"):
    return ExperimentDecided(
        experiment="fares", number=1, variant=variant, outcome="pass", by="design", reason="r", against=False, at=20
    )


def test_a_run_remembers_its_plan_its_looks_and_its_end():
    looked = ExperimentLooked(experiment="fares", number=1, look=look())
    [trial] = tell(started(), looked)["fares"]
    assert (trial.plan, trial.by, trial.registered_at, trial.looks) == (plan(), "ana", 101, [look()])
    assert (trial.state, trial.seq, trial.plan.ref) == ("runs", 2, "fares@1")
    [trial] = tell(started(), looked, decided())["fares"]
    assert trial.state == "decided"
    stopped = ExperimentStopped(experiment="fares", number=1, by="bo", reason="broken", at=20)
    [trial] = tell(started(), stopped)["fares"]
    assert (trial.state, trial.runs) == ("stopped", False)


def test_places_are_free_once_a_run_ends():
    trials = tell(started(), started(experiment="banner", places=((4000, 9000),)))
    newest = [runs[-1] for runs in trials.values()]
    assert sorted(taken_places(newest, "pricing")) == [(0, 4000), (4000, 9000)]
    assert taken_places(newest, "other") == []
    trials = tell(started(), decided())
    assert taken_places([runs[-1] for runs in trials.values()], "pricing") == []


def stopped(number=1):
    return ExperimentStopped(experiment="fares", number=number, by="bo", reason="broken", at=20)


def met(*bodies):
    split = split_of(tell(*bodies).values())
    return {(each.why, each.variant, each.number) for each in (assign(split, "fares", f"c{n}") for n in range(200))}


def test_the_split_has_the_newest_run_and_keeps_what_was_stopped_without_places():
    assert met(started(), stopped()) == {("stopped", None, 1)}
    split = split_of(tell(started(), stopped(), started(number=2)).values())
    assert (split.experiments["fares"].number, split.experiments["fares"].before, split.token) == (2, None, 3)
    assert met(started(), decided()) == {("decided", "new", 1)}


def test_a_decision_stands_beneath_a_later_run_and_after_it_was_stopped():
    again = started(number=2, places=((0, 4000),))
    assert met(started(), decided(), again) == {
        ("assigned", "control", 2), ("assigned", "new", 2), ("decided", "new", 1),
    }  # fmt: skip
    assert met(started(), decided(), again, stopped(2)) == {("decided", "new", 1)}
    assert met(started(), decided(), again, stopped(2), started(number=3, places=((0, 1),))) == {("decided", "new", 1)}


def test_a_decided_run_keeps_its_holdout_when_its_layer_changes():
    before = met(started(holdout=2000), decided())
    after = met(started(holdout=2000), decided(), started(experiment="banner"))
    assert before == after == {("held out", None, 1), ("decided", "new", 1)}
    running = started(experiment="banner", places=((4000, 9000),))
    for bodies in ((started(holdout=2000), stopped(), running), (running, started(holdout=2000), stopped())):
        assert split_of(tell(*bodies).values()).layers["pricing"].holdout == 0
