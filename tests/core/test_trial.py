"""A run of an experiment is folded from its entries, and says who meets what."""

import msgspec

from shipway.core.body import make_draft, read_body
from shipway.core.ledger import GENESIS, seal
from shipway.core.projection import State, fold
from shipway.core.split import assign
from shipway.core.trial import (
    ExperimentDecided,
    ExperimentLooked,
    ExperimentStarted,
    ExperimentStopped,
    Look,
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


def test_the_split_has_the_newest_run_of_what_was_not_stopped():
    stopped = ExperimentStopped(experiment="fares", number=1, by="bo", reason="broken", at=20)
    assert split_of(tell(started(), stopped).values()).experiments == {}
    split = split_of(tell(started(), stopped, started(number=2)).values())
    assert (split.experiments["fares"].number, split.token) == (2, 3)
    split = split_of(tell(started(), decided()).values())
    assert {assign(split, "fares", f"c{n}").variant for n in range(50)} == {"new"}
